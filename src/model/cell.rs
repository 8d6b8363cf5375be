//! What a cell of a delivered file can lack.

use std::fmt;

/// Why a cell holds no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CellState {
    /// Empty or a sentinel.
    #[default]
    Missing,
    /// Nothing between two delimiters.
    Empty,
    /// "Nothing" in words: `NULL`, `na`.
    Sentinel,
    /// Something that does not parse.
    Invalid,
    /// The file lacks the column.
    Absent,
}

impl CellState {
    /// Every state, in the order in which they are shown.
    pub const ALL: [Self; 5] = [Self::Missing, Self::Empty, Self::Sentinel, Self::Invalid, Self::Absent];

    /// The word shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Empty => "empty",
            Self::Sentinel => "sentinel",
            Self::Invalid => "invalid",
            Self::Absent => "absent",
        }
    }

    /// The next one, the first after the last.
    #[must_use]
    pub fn next(self) -> Self {
        let at = Self::ALL.iter().position(|state| *state == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }
}

impl fmt::Display for CellState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
