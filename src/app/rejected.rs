//! Pane 7: rejected records and refused files.

use super::moved;
use crate::frame::Frame;

/// The pane's records and selection.
#[derive(Debug, Clone, Default)]
pub struct Rejected {
    /// Rows of `silver/rejected`, the newest month first.
    pub rows: Frame,
    /// The selected one.
    pub at: usize,
}

impl Rejected {
    /// From the read.
    pub fn new(rows: Frame) -> Self {
        Self { rows, at: 0 }
    }

    /// The place of the selected one among those of its utility and month.
    pub(super) fn place_in_month(&self) -> usize {
        let month = |row: usize| (self.rows.text("utility_id", row), self.rows.text("delivery_month", row));
        (0..self.at).filter(|row| month(*row) == month(self.at)).count()
    }

    pub(super) fn rows(&mut self, by: isize) {
        self.at = moved(self.at, by, self.rows.height());
    }

    pub(super) fn keep(&mut self, before: &Self) {
        self.at = before.at;
        self.rows(0);
    }
}
