//! Which columns are how empty, month by month?

use std::collections::BTreeMap;

use super::{QueryError, rows};
use crate::frame::{Frame, Value};
use crate::lake::Lake;
use crate::model::{CellState, Month};
use crate::pipeline::sql::text;
use crate::pipeline::tables;

/// Rows of `platinum/column_quality`, by month, utility and dataset, in the order of the file.
///
/// # Errors
/// The table cannot be read.
pub fn columns(lake: &Lake, utility: Option<&str>, dataset: Option<&str>, month: Option<Month>) -> Result<Frame, QueryError> {
    let mut conditions = Vec::new();
    conditions.extend(utility.map(|utility| format!("utility_id = {}", text(utility))));
    conditions.extend(dataset.map(|dataset| format!("dataset = {}", text(dataset))));
    conditions.extend(month.map(|month| format!("delivery_month = '{month}'")));
    let filter = if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
    let sql =
        format!("SELECT * FROM t{filter} ORDER BY delivery_month, utility_id, dataset, absent, missing_count DESC, column_name");
    rows(lake, &tables::COLUMN_QUALITY, &sql)
}

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

/// The rows of `platinum/column_quality`, by utility and dataset.
pub fn heatmaps(rows: &Frame) -> Vec<Heatmap> {
    let mut maps: BTreeMap<(String, String), BTreeMap<String, BTreeMap<String, Cell>>> = BTreeMap::new();
    for row in 0..rows.height() {
        let text = |column: &str| rows.text(column, row).unwrap_or_default();
        let cell = Cell {
            rows: rows.count("row_count", row),
            empty: rows.count("null_count", row),
            sentinel: rows.count("sentinel_count", row),
            invalid: rows.count("invalid_count", row),
            distinct: rows.count("distinct_count", row),
            absent: rows.value("absent", row) == Value::Flag(true),
        };
        let map = maps.entry((text("utility_id"), text("dataset"))).or_default();
        map.entry(text("column_name")).or_default().insert(text("delivery_month"), cell);
    }
    maps.into_iter().map(|((utility, dataset), columns)| heatmap(utility, dataset, columns)).collect()
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
