//! What the console knows and does, without a terminal.
//!
//! [`App`] is owned by one thread. It changes only in [`App::update`], by events: keys, and what the background work
//! in `jobs` reports. It never waits: whatever needs the tables is handed out as a [`Job`].

mod answers;
pub(crate) mod browser;
pub(crate) mod deliveries;
pub(crate) mod drill;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod missing;
pub(crate) mod months;
pub mod reads;
pub(crate) mod refresh;
pub(crate) mod rejected;
pub(crate) mod rules;
pub(crate) mod signals;
pub(crate) mod update;

use crate::config::Settings;
use crate::model::Timestamp;
use crate::pipeline::Progress;

pub(crate) use browser::Browser;
pub(crate) use deliveries::Deliveries;
pub(crate) use drill::Drill;
pub use jobs::{Job, Jobs, Loaded};
pub use keys::Key;
pub(crate) use missing::Missing;
pub(crate) use months::Months;
pub(crate) use refresh::Refresh;
pub(crate) use rejected::Rejected;
pub use rules::Rules;
pub use update::Event;

/// The panes, in the order of their digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pane {
    /// How fresh each feed is, and how loads ended.
    #[default]
    Refresh,
    /// Which columns are how empty.
    Missing,
    /// What changed from month to month.
    Months,
    /// Feeders and their DERs.
    Browser,
    /// What does not hold, since when, and who has acknowledged it.
    Rules,
    /// What came of each utility, and its record.
    Deliveries,
    /// What was rejected.
    Rejected,
}

impl Pane {
    /// Every pane.
    pub const ALL: [Self; 7] =
        [Self::Refresh, Self::Missing, Self::Months, Self::Browser, Self::Rules, Self::Deliveries, Self::Rejected];

    /// The name on its tab.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Refresh => "Refresh",
            Self::Missing => "Missing",
            Self::Months => "Months",
            Self::Browser => "Browser",
            Self::Rules => "Rules",
            Self::Deliveries => "Deliveries",
            Self::Rejected => "Rejected",
        }
    }

    fn step(self, by: usize) -> Self {
        let at = Self::ALL.iter().position(|pane| *pane == self).unwrap_or(0);
        Self::ALL[(at + by) % Self::ALL.len()]
    }
}

/// Rows that come from the tables in the background.
#[derive(Debug, Clone, Default)]
pub enum Remote<T> {
    /// Asked for, not there yet.
    #[default]
    Loading,
    /// There, as of a time.
    Ready {
        /// The rows.
        value: T,
        /// When they were read.
        read_at: Timestamp,
    },
    /// Could not be read.
    Failed {
        /// Why.
        reason: String,
    },
}

impl<T> Remote<T> {
    /// The rows, if they are there.
    pub fn ready(&self) -> Option<&T> {
        match self {
            Self::Ready { value, .. } => Some(value),
            _ => None,
        }
    }

    fn ready_mut(&mut self) -> Option<&mut T> {
        match self {
            Self::Ready { value, .. } => Some(value),
            _ => None,
        }
    }
}

/// What is going on with loads.
#[derive(Debug, Clone, Default)]
pub enum Load {
    /// Nothing runs; the line says how the last one ended, if one ran here.
    #[default]
    Idle,
    /// A run works, and is here; nothing is known in its first moment.
    Running(Option<Progress>),
    /// A run was asked to stop and has not stopped yet.
    Stopping,
    /// The last run here ended well.
    Done(String),
    /// The last run here failed, or a file was refused.
    Failed(String),
}

impl Load {
    /// Whether a run works.
    pub const fn is_running(&self) -> bool {
        matches!(self, Self::Running(_) | Self::Stopping)
    }
}

/// A text that is being typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typing {
    /// Part of a feeder's id.
    Search,
    /// The least hosting capacity, MW.
    MinimumMw,
    /// Why a failure is accepted.
    Reason,
}

/// Everything that the console shows.
pub struct App {
    /// The settings.
    pub settings: Settings,
    /// The pane in front.
    pub pane: Pane,
    /// Pane 1.
    pub refresh: Remote<Refresh>,
    /// Pane 2.
    pub missing: Remote<Missing>,
    /// Pane 3.
    pub months: Remote<Months>,
    /// Pane 4.
    pub browser: Remote<Browser>,
    /// Pane 5.
    pub rules: Remote<Rules>,
    /// Pane 6.
    pub deliveries: Remote<Deliveries>,
    /// Pane 7.
    pub rejected: Remote<Rejected>,
    /// A look behind a metric, over the pane.
    pub drill: Option<Drill>,
    /// What is going on with loads.
    pub load: Load,
    /// How changes in the landing folder are noticed, or why they are not.
    pub watching: String,
    /// Whether the help is open.
    pub help: bool,
    /// What is being typed, if anything.
    pub typing: Option<Typing>,
    /// Whether the program shall end.
    pub quit: bool,
    /// Whether files settled while a run worked.
    again: bool,
    generation: u64,
}

impl App {
    /// A console that has read nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            pane: Pane::default(),
            refresh: Remote::default(),
            missing: Remote::default(),
            months: Remote::default(),
            browser: Remote::default(),
            rules: Remote::default(),
            deliveries: Remote::default(),
            rejected: Remote::default(),
            drill: None,
            load: Load::default(),
            watching: "starting to watch".into(),
            help: false,
            typing: None,
            quit: false,
            again: false,
            generation: 0,
        }
    }
}

/// Moves a selection by `by` within `len` entries.
fn moved(at: usize, by: isize, len: usize) -> usize {
    at.saturating_add_signed(by).min(len.saturating_sub(1))
}
