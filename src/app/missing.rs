//! Pane 2: the heatmap of one utility's dataset, columns by months.

use std::collections::BTreeMap;

use super::reads::profile::{ColumnOf, Profile};
use super::{Remote, moved};
use crate::config::{UtilityAdapter, column_name};
use crate::frame::Frame;
use crate::model::{CellState, Dataset, Entity, Month};

/// What the cells of a column held in a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cell {
    /// Rows delivered.
    pub rows: u64,
    /// Empty cells.
    pub empty: u64,
    /// Cells that say "nothing" in words.
    pub sentinel: u64,
    /// Cells that hold something else than they should.
    pub invalid: u64,
    /// Distinct values.
    pub distinct: u64,
    /// Whether the file lacked the column.
    pub absent: bool,
}

impl Cell {
    /// Share of the cells that are in a state, from 0 to 1.
    pub fn rate(&self, state: CellState) -> f64 {
        let of = |count: u64| if self.rows == 0 { 0.0 } else { count as f64 / self.rows as f64 };
        match state {
            CellState::Missing => self.missing_rate(),
            CellState::Absent => f64::from(u8::from(self.absent)),
            _ if self.absent => 0.0,
            CellState::Empty => of(self.empty),
            CellState::Sentinel => of(self.sentinel),
            CellState::Invalid => of(self.invalid),
        }
    }

    /// Share of empty and sentinel cells, from 0 to 1; all of them where the column is absent.
    pub fn missing_rate(&self) -> f64 {
        match (self.absent, self.rows) {
            (true, _) => 1.0,
            (false, 0) => 0.0,
            (false, rows) => (self.empty + self.sentinel) as f64 / rows as f64,
        }
    }
}

/// A column of the file and its cells by month.
#[derive(Debug, Clone)]
pub struct ColumnLine {
    /// The column.
    pub name: String,
    /// One for each of the dataset's months; `None` where it was not known yet.
    pub cells: Vec<Option<Cell>>,
}

impl ColumnLine {
    /// Whether the column came or went with a month: `+`, `−`, or a blank.
    pub fn drift(&self, month: usize) -> char {
        let there = |at: usize| self.cells.get(at).copied().flatten().is_some_and(|cell| !cell.absent);
        match month.checked_sub(1).map(|before| (there(before), there(month))) {
            Some((false, true)) => '+',
            Some((true, false)) => '−',
            _ => ' ',
        }
    }

    /// Whether no month has a single value.
    pub fn is_always_missing(&self) -> bool {
        self.cells.iter().flatten().all(|cell| cell.missing_rate() >= 1.0)
    }
}

/// One utility's dataset.
#[derive(Debug, Clone)]
pub struct Heatmap {
    /// The utility.
    pub utility: String,
    /// The dataset.
    pub dataset: String,
    /// The months, oldest first.
    pub months: Vec<String>,
    /// The columns, the emptiest of the newest month first.
    pub columns: Vec<ColumnLine>,
}

/// The pane's heatmaps and selection.
#[derive(Debug, Clone, Default)]
pub struct Missing {
    /// One for each utility and dataset.
    pub maps: Vec<Heatmap>,
    /// The one shown.
    pub map: usize,
    /// The selected column of the file.
    pub column: usize,
    /// The selected month, counted from the newest.
    pub month_back: usize,
    /// What the shades count.
    pub state: CellState,
    /// How the columns are sorted.
    pub order: Order,
    /// Whether the utilities stand beside one another, in one month, instead of the months of one utility.
    pub across: bool,
    /// The column that is profiled.
    pub profile_of: Option<ColumnOf>,
    /// What it holds.
    pub profile: Remote<Profile>,
}

/// How the columns of a heatmap are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The highest rate of the selected month first.
    #[default]
    Rate,
    /// The greatest difference from the month before first.
    Change,
}

impl Missing {
    /// From the rows of `platinum/column_quality`.
    pub fn new(rows: &Frame) -> Self {
        let mut maps: BTreeMap<(String, String), BTreeMap<String, BTreeMap<String, Cell>>> = BTreeMap::new();
        for row in 0..rows.height() {
            let text = |column: &str| rows.text(column, row).unwrap_or_default();
            let cell = Cell {
                rows: rows.count("row_count", row),
                empty: rows.count("null_count", row),
                sentinel: rows.count("sentinel_count", row),
                invalid: rows.count("invalid_count", row),
                distinct: rows.count("distinct_count", row),
                absent: rows.value("absent", row) == crate::frame::Value::Flag(true),
            };
            let map = maps.entry((text("utility_id"), text("dataset"))).or_default();
            map.entry(text("column_name")).or_default().insert(text("delivery_month"), cell);
        }
        Self {
            maps: maps.into_iter().map(|((utility, dataset), columns)| heatmap(utility, dataset, columns)).collect(),
            ..Self::default()
        }
    }

    /// The heatmap shown.
    pub fn shown(&self) -> Option<&Heatmap> {
        self.maps.get(self.map)
    }

    /// The columns in their order, without those that are missing in every row of every month.
    pub fn columns_shown(&self) -> Vec<&ColumnLine> {
        let Some(map) = self.shown() else { return Vec::new() };
        let at = self.month();
        let rate = |line: &ColumnLine, at: usize| line.cells.get(at).copied().flatten().map_or(0.0, |cell| cell.rate(self.state));
        let measure = |line: &ColumnLine| match self.order {
            Order::Rate => rate(line, at),
            Order::Change => at.checked_sub(1).map_or(0.0, |before| (rate(line, at) - rate(line, before)).abs()),
        };
        let mut columns: Vec<&ColumnLine> = map.columns.iter().filter(|line| !line.is_always_missing()).collect();
        columns.sort_by(|a, b| measure(b).total_cmp(&measure(a)));
        columns
    }

    /// The columns that are missing in every row of every month.
    pub fn columns_folded(&self) -> Vec<&ColumnLine> {
        self.shown().map_or_else(Vec::new, |map| map.columns.iter().filter(|line| line.is_always_missing()).collect())
    }

    /// The selected column.
    pub fn selected(&self) -> Option<&ColumnLine> {
        self.columns_shown().get(self.column).copied()
    }

    /// The selected column of the selected month.
    pub fn column_of(&self) -> Option<ColumnOf> {
        let map = self.shown()?;
        Some(ColumnOf {
            utility: map.utility.clone(),
            dataset: Dataset::parse(&map.dataset)?,
            month: Month::parse(map.months.get(self.month())?)?,
            column: self.selected()?.name.clone(),
        })
    }

    /// The columns of the common model by utilities, for the dataset and month that are selected; `None` where a utility
    /// does not state the column.
    pub fn across(&self, utilities: &[UtilityAdapter]) -> Vec<(&'static str, Vec<Option<Cell>>)> {
        let Some(map) = self.shown() else { return Vec::new() };
        let Some(month) = map.months.get(self.month()) else { return Vec::new() };
        let Some(dataset) = Dataset::parse(&map.dataset) else { return Vec::new() };
        let cell = |adapter: &UtilityAdapter, model: &str| -> Option<Cell> {
            let theirs = self.maps.iter().find(|map| map.utility == adapter.id.as_str() && map.dataset == dataset.as_str())?;
            let at = theirs.months.iter().position(|other| other == month)?;
            let source = adapter.dataset(dataset)?.column(model)?;
            source.from.iter().find_map(|label| {
                let name = column_name(label);
                let line = theirs.columns.iter().find(|line| line.name.eq_ignore_ascii_case(&name))?;
                line.cells.get(at).copied().flatten().filter(|cell| !cell.absent || source.from.len() == 1)
            })
        };
        Entity::of(dataset)
            .mapped()
            .map(|model| (model.name, utilities.iter().map(|adapter| cell(adapter, model.name)).collect::<Vec<_>>()))
            .filter(|(_, cells)| cells.iter().any(Option::is_some))
            .collect()
    }

    pub(super) fn next_state(&mut self) {
        (self.state, self.column) = (self.state.next(), 0);
    }

    pub(super) fn next_order(&mut self) {
        self.order = if self.order == Order::Rate { Order::Change } else { Order::Rate };
        self.column = 0;
    }

    /// The index of the selected month.
    pub fn month(&self) -> usize {
        self.shown().map_or(0, |map| map.months.len().saturating_sub(1 + self.month_back))
    }

    /// Shows a utility's dataset.
    pub(super) fn show(&mut self, utility: &str, dataset: &str) {
        if let Some(at) = self.maps.iter().position(|map| map.utility == utility && map.dataset == dataset) {
            (self.map, self.column, self.month_back) = (at, 0, 0);
        }
    }

    pub(super) fn keep(&mut self, before: &Self) {
        if let Some(map) = before.shown() {
            self.show(&map.utility, &map.dataset);
            (self.state, self.order, self.across) = (before.state, before.order, before.across);
            (self.column, self.month_back) = (before.column, before.month_back);
            self.rows(0);
            self.columns(0);
        }
    }

    pub(super) fn feed(&mut self, by: isize) {
        let len = self.maps.len().cast_signed().max(1);
        self.map = (self.map.cast_signed() + by).rem_euclid(len).cast_unsigned();
        (self.column, self.month_back) = (0, 0);
    }

    pub(super) fn rows(&mut self, by: isize) {
        self.column = moved(self.column, by, self.columns_shown().len());
    }

    pub(super) fn columns(&mut self, by: isize) {
        self.month_back = moved(self.month_back, -by, self.shown().map_or(0, |map| map.months.len()));
    }
}

fn heatmap(utility: String, dataset: String, columns: BTreeMap<String, BTreeMap<String, Cell>>) -> Heatmap {
    let mut months: Vec<String> = columns.values().flat_map(|cells| cells.keys().cloned()).collect();
    months.sort();
    months.dedup();
    let mut lines: Vec<ColumnLine> = columns
        .into_iter()
        .map(|(name, cells)| ColumnLine { name, cells: months.iter().map(|month| cells.get(month).copied()).collect() })
        .collect();
    let newest = |line: &ColumnLine| line.cells.last().copied().flatten().map_or(0.0, |cell| cell.missing_rate());
    lines.sort_by(|a, b| newest(b).total_cmp(&newest(a)));
    Heatmap { utility, dataset, months, columns: lines }
}
