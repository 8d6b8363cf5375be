//! The three files that every utility sends each month.

use std::fmt;

/// What a delivered file is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dataset {
    /// Feeders, or the circuit segments that they are made of, with their hosting capacity.
    Circuits,
    /// Distributed energy resources in service.
    InstallDer,
    /// Distributed energy resources in the interconnection queue.
    PlannedDer,
}

impl Dataset {
    /// Every dataset, in the order in which one is needed for the next.
    pub const ALL: [Self; 3] = [Self::Circuits, Self::InstallDer, Self::PlannedDer];

    /// The name used in files, tables and commands.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Circuits => "circuits",
            Self::InstallDer => "install_der",
            Self::PlannedDer => "planned_der",
        }
    }

    /// The dataset of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dataset| dataset.as_str() == name)
    }

    /// The status that a DER of this dataset has; `None` for circuits.
    pub const fn der_status(self) -> Option<&'static str> {
        match self {
            Self::Circuits => None,
            Self::InstallDer => Some("installed"),
            Self::PlannedDer => Some("planned"),
        }
    }
}

impl fmt::Display for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What the absence of a record in a month's file means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delivery {
    /// The file holds additions and changes; a record that is absent stays current.
    #[default]
    Incremental,
    /// The file holds everything; a record that is absent is gone.
    Snapshot,
}

impl Delivery {
    /// The word used in adapters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Incremental => "incremental",
            Self::Snapshot => "snapshot",
        }
    }
}
