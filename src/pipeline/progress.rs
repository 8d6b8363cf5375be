//! What a run tells while it works.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// A stage of the run, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Files are read and written to bronze.
    Bronze,
    /// Records become versions of feeders and DERs.
    Silver,
    /// Versions become tables for queries.
    Platinum,
    /// Columns are profiled and months compared.
    Quality,
    /// Rules are evaluated.
    Rules,
}

impl Step {
    /// The word shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bronze => "bronze",
            Self::Silver => "silver",
            Self::Platinum => "platinum",
            Self::Quality => "quality",
            Self::Rules => "rules",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Parts of a run that each row goes through: bronze, the layers above it, and what is asked of it by the quality tables and the rules.
pub const PARTS: u64 = 3;

/// Where a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The layer that is being written.
    pub step: Step,
    /// The file or the utility in work.
    pub subject: String,
    /// Rows done in the whole run: each row is counted once in each of [`PARTS`]; while files are read, those that were read.
    pub rows_done: u64,
    /// Rows expected in the whole run; grows more exact as files are read.
    pub rows_expected: u64,
}

impl Progress {
    /// The share of the run that is done, from 0 to 1; `None` of a run that asks rules alone, and has no rows to do.
    pub fn share(&self) -> Option<f64> {
        (self.rows_expected > 0).then(|| (self.rows_done as f64 / self.rows_expected as f64).min(1.0))
    }
}

/// Receives progress; called often, so it must be quick.
pub trait Observer: Sync {
    /// A run with this id has the right to write, and begins.
    fn began(&self, _run_id: &str) {}

    /// The run is now here.
    fn progress(&self, progress: Progress);
}

impl<F: Fn(Progress) + Sync> Observer for F {
    fn progress(&self, progress: Progress) {
        self(progress);
    }
}

/// Counts rows as they are done, by whoever does them.
pub struct Tracker<'a> {
    observer: &'a dyn Observer,
    done: AtomicU64,
    expected: u64,
}

impl<'a> Tracker<'a> {
    /// Rows done so far and expected in the whole run.
    pub fn new(observer: &'a dyn Observer, done: u64, expected: u64) -> Self {
        Self { observer, done: AtomicU64::new(done), expected }
    }

    /// The run is now here, and so many rows further.
    pub fn tell(&self, step: Step, subject: String, rows: u64) {
        let rows_done = self.done.fetch_add(rows, Ordering::Relaxed) + rows;
        self.observer.progress(Progress { step, subject, rows_done, rows_expected: self.expected.max(rows_done) });
    }
}
