//! Pane 6: what came of each utility, month by month, and its record over the months.

use super::moved;
use super::reads::calendar::{Calendar, UtilityMonth};
use super::reads::checks::Score;
use crate::model::Month;

/// The pane's calendar and selection.
#[derive(Debug, Clone, Default)]
pub struct Deliveries {
    /// Utilities by months.
    pub calendar: Calendar,
    /// A record for each utility.
    pub scores: Vec<Score>,
    /// The selected utility.
    pub utility: usize,
    /// The selected month, counted from the newest.
    pub month_back: usize,
}

impl Deliveries {
    /// From the reads.
    pub fn new(calendar: Calendar, scores: Vec<Score>) -> Self {
        Self { calendar, scores, ..Self::default() }
    }

    /// The index of the selected month.
    pub fn month_at(&self) -> usize {
        self.calendar.months.len().saturating_sub(1 + self.month_back)
    }

    /// The selected utility's month.
    pub fn selected(&self) -> Option<(&str, Month, &UtilityMonth)> {
        let (utility, days) = self.calendar.utilities.get(self.utility)?;
        Some((utility, *self.calendar.months.get(self.month_at())?, days.get(self.month_at())?))
    }

    pub(super) fn rows(&mut self, by: isize) {
        self.utility = moved(self.utility, by, self.calendar.utilities.len());
    }

    pub(super) fn columns(&mut self, by: isize) {
        self.month_back = moved(self.month_back, -by, self.calendar.months.len());
    }

    pub(super) fn keep(&mut self, before: &Self) {
        (self.utility, self.month_back) = (before.utility, before.month_back);
        self.rows(0);
        self.columns(0);
    }
}
