//! Pane 1: feeds above, runs below.

use super::moved;
use super::reads::status::Feed;
use crate::frame::Frame;
use crate::model::Timestamp;

/// A file that a run looked at, or a run that found none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLine {
    /// When the run started.
    pub started_at: Option<Timestamp>,
    /// The run.
    pub run_id: String,
    /// The file, or nothing.
    pub source_file: Option<String>,
    /// The word for the result.
    pub outcome: String,
    /// Rows that entered bronze.
    pub rows: u64,
    /// Records rejected.
    pub rejected: u64,
    /// The code, if there is one.
    pub reason: Option<String>,
    /// The line at fault.
    pub line: Option<u64>,
    /// What was said.
    pub detail: Option<String>,
    /// What to do.
    pub next_step: Option<String>,
}

/// Which half of the pane the keys move in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Half {
    /// The feeds.
    #[default]
    Feeds,
    /// The runs.
    Runs,
}

/// The pane's rows and selection.
#[derive(Debug, Clone, Default)]
pub struct Refresh {
    /// Every dataset that an adapter names.
    pub feeds: Vec<Feed>,
    /// The newest first.
    pub runs: Vec<RunLine>,
    /// Where the keys move.
    pub half: Half,
    /// The selected feed.
    pub feed: usize,
    /// The selected run line.
    pub run: usize,
}

impl Refresh {
    /// From the tables' rows.
    pub fn new(feeds: Vec<Feed>, runs: &Frame) -> Self {
        let line = |row: usize| RunLine {
            started_at: runs.time("started_at", row),
            run_id: runs.text("run_id", row).unwrap_or_default(),
            source_file: runs.text("source_file", row),
            outcome: runs.text("outcome", row).unwrap_or_default(),
            rows: runs.count("rows_loaded", row),
            rejected: runs.count("rejected", row),
            reason: runs.text("reason", row),
            line: runs.value("source_line", row).as_i64().and_then(|line| u64::try_from(line).ok()),
            detail: runs.text("detail", row),
            next_step: runs.text("next_step", row),
        };
        Self { feeds, runs: (0..runs.height()).map(line).collect(), ..Self::default() }
    }

    /// Keeps the selection of the rows before.
    pub(super) fn keep(&mut self, before: &Self) {
        (self.half, self.feed, self.run) =
            (before.half, moved(before.feed, 0, self.feeds.len()), moved(before.run, 0, self.runs.len()));
    }

    pub(super) fn rows(&mut self, by: isize) {
        match self.half {
            Half::Feeds => self.feed = moved(self.feed, by, self.feeds.len()),
            Half::Runs => self.run = moved(self.run, by, self.runs.len()),
        }
    }

    pub(super) fn swap(&mut self) {
        self.half = if self.half == Half::Feeds { Half::Runs } else { Half::Feeds };
    }
}
