//! Pane 3: delivered rows and differences, month by month.

use super::reads::months::{Compared, Pair};
use super::{Remote, moved};
use crate::frame::Frame;
use crate::model::Month;

/// A month of a dataset, or of a kind of entity, against the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonthLine {
    /// The month.
    pub month: String,
    /// Rows delivered, or entities current.
    pub rows: u64,
    /// The same, the month before.
    pub previous_rows: Option<u64>,
    /// Current records after the month.
    pub current: u64,
    /// New keys.
    pub added: u64,
    /// Keys whose values differ.
    pub changed: u64,
    /// Keys that are gone.
    pub removed: u64,
    /// Keys whose values are the same.
    pub unchanged: u64,
    /// Column, changes and merely cosmetic changes; the most changed first.
    pub fields: Vec<(String, u64, u64)>,
}

/// One utility's dataset, or its feeders or DERs.
#[derive(Debug, Clone)]
pub struct Series {
    /// The utility.
    pub utility: String,
    /// `circuits`, `install_der`, `planned_der`, `feeders` or `ders`.
    pub dataset: String,
    /// Its months, oldest first.
    pub months: Vec<MonthLine>,
}

/// The pane's series and selection.
#[derive(Debug, Clone, Default)]
pub struct Months {
    /// One for each utility and dataset or kind of entity.
    pub series: Vec<Series>,
    /// The one shown.
    pub shown: usize,
    /// The selected month, counted from the newest.
    pub month_back: usize,
    /// Whether fields that changed their notation only are shown too.
    pub cosmetic: bool,
    /// The month that is compared with; the one before the selected without it.
    pub base: Option<String>,
    /// The two months that are compared, where they do not follow one another.
    pub pair: Option<Pair>,
    /// How they differ.
    pub compared: Remote<Compared>,
}

impl Months {
    /// From the rows of `platinum/month_diff` and `platinum/field_changes`, both in the order of the reads.
    pub fn new(diffs: &Frame, fields: &Frame) -> Self {
        let mut series: Vec<Series> = Vec::new();
        for row in 0..diffs.height() {
            let text = |column: &str| diffs.text(column, row).unwrap_or_default();
            let count = |column: &str| diffs.count(column, row);
            let (utility, dataset, month) = (text("utility_id"), text("dataset"), text("delivery_month"));
            if !series.last().is_some_and(|last| last.utility == utility && last.dataset == dataset) {
                series.push(Series { utility, dataset, months: Vec::new() });
            }
            let previous = diffs.value("previous_row_count", row).as_i64().and_then(|rows| u64::try_from(rows).ok());
            let line = MonthLine {
                month,
                rows: count("row_count"),
                previous_rows: previous,
                current: count("current_count"),
                added: count("added"),
                changed: count("changed"),
                removed: count("removed"),
                unchanged: count("unchanged"),
                fields: Vec::new(),
            };
            series.extend_last(line);
        }
        for row in 0..fields.height() {
            let text = |column: &str| fields.text(column, row).unwrap_or_default();
            let found = series
                .iter_mut()
                .find(|series| series.utility == text("utility_id") && series.dataset == text("dataset"))
                .and_then(|series| series.months.iter_mut().find(|line| line.month == text("delivery_month")));
            if let Some(line) = found {
                line.fields.push((text("column_name"), fields.count("changed", row), fields.count("cosmetic", row)));
            }
        }
        Self { series, ..Self::default() }
    }

    /// The series shown.
    pub fn series(&self) -> Option<&Series> {
        self.series.get(self.shown)
    }

    /// The index of the selected month.
    pub fn month(&self) -> usize {
        self.series().map_or(0, |series| series.months.len().saturating_sub(1 + self.month_back))
    }

    /// What is shown from now on is compared with the selected month; once more, with the month before again.
    pub(super) fn set_base(&mut self) {
        let selected = self.series().and_then(|series| series.months.get(self.month())).map(|line| line.month.clone());
        self.base = if self.base == selected { None } else { selected };
    }

    /// The two months to be compared, if somebody chose another than the month before.
    pub(super) fn chosen_pair(&self) -> Option<Pair> {
        let series = self.series()?;
        let at = self.month();
        let (base, month) = (self.base.as_deref()?, series.months.get(at)?.month.as_str());
        let before = at.checked_sub(1).map(|at| series.months[at].month.as_str());
        if base >= month || Some(base) == before {
            return None;
        }
        let (utility, dataset) = (series.utility.clone(), series.dataset.clone());
        Some(Pair { utility, dataset, from: Month::parse(base)?, to: Month::parse(month)? })
    }

    /// The month that the selected one is compared with; none if there is no earlier one.
    pub fn compared_with(&self) -> Option<&str> {
        let series = self.series()?;
        let selected = series.months.get(self.month())?.month.as_str();
        if let Some(base) = self.base.as_deref().filter(|base| *base < selected) {
            return Some(base);
        }
        Some(series.months.get(self.month().checked_sub(1)?)?.month.as_str())
    }

    pub(super) fn keep(&mut self, before: &Self) {
        self.base.clone_from(&before.base);
        let Some(old) = before.series() else { return };
        if let Some(at) = self.series.iter().position(|series| series.utility == old.utility && series.dataset == old.dataset) {
            (self.shown, self.month_back, self.cosmetic) = (at, before.month_back, before.cosmetic);
            self.rows(0);
        }
    }

    pub(super) fn feed(&mut self, by: isize) {
        let len = self.series.len().cast_signed().max(1);
        self.shown = (self.shown.cast_signed() + by).rem_euclid(len).cast_unsigned();
        self.month_back = 0;
    }

    /// The newest month is on top.
    pub(super) fn rows(&mut self, by: isize) {
        self.month_back = moved(self.month_back, by, self.series().map_or(0, |series| series.months.len()));
    }
}

trait ExtendLast {
    fn extend_last(&mut self, line: MonthLine);
}

impl ExtendLast for Vec<Series> {
    fn extend_last(&mut self, line: MonthLine) {
        if let Some(last) = self.last_mut() {
            last.months.push(line);
        }
    }
}
