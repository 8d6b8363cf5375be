//! What the cells of each source column hold: empty, sentinel, invalid, distinct, least and greatest.
//!
//! Each column is grouped by value first, so that every question is asked once a distinct value and not once a cell. Where the
//! month is one file that was loaded a moment ago, its values were counted as they passed.

use std::collections::{BTreeMap, BTreeSet};

use super::Delivered;
use crate::config::{CellType, DatasetAdapter, column_name};
use crate::engine::{EngineError, Session};
use crate::frame::{Frame, Relation, schema};
use crate::lake::TableId;
use crate::model::{Dataset, Month};
use crate::pipeline::PipelineError;
use crate::pipeline::bronze::BronzeTables;
use crate::pipeline::bronze::ColumnStatistics;
use crate::pipeline::bronze::CommittedFile;
use crate::pipeline::bronze::column_statistics::{ColumnSummary, Representative, TextSummary};
use crate::pipeline::sql::{Cells, name};
use crate::pipeline::store;
use crate::pipeline::tables::{self, ColumnQualityRow};

/// Rows of `platinum/column_quality` for one delivery: each column of the bronze table, and each that the adapter
/// names and no file ever had.
pub(super) fn of<'a>(
    bronze: &BronzeTables<'_>,
    delivered: Delivered,
    counted: &dyn Fn(&CommittedFile) -> Option<&'a ColumnStatistics>,
) -> Result<Vec<ColumnQualityRow>, PipelineError> {
    let (Some(adapter), Some(rows)) =
        (bronze.adapter.dataset(delivered.dataset), bronze.rows(delivered.dataset, |m| m == delivered.month)?)
    else {
        return Ok(Vec::new());
    };
    let committed: Vec<_> = bronze.delivered(delivered.dataset, delivered.month).collect();
    let statistics = if let [only] = committed.as_slice() { counted(only) } else { None };
    let profiler =
        Profiler { bronze, delivered, cells: Cells::new(bronze.adapter, bronze.columns(delivered.dataset)), statistics };
    let columns = stored_columns(bronze, delivered);
    let mut found = profiler.columns(&columns, &rows)?;
    let row_count = profiler.row_count();
    found.extend(absent_columns(adapter, &columns).map(|label| profiler.absent(&label, row_count)));
    Ok(found)
}

/// The columns that a delivery has a profile of.
pub(super) fn columns(bronze: &BronzeTables<'_>, delivered: Delivered) -> BTreeSet<String> {
    let Some(adapter) = bronze.adapter.dataset(delivered.dataset) else { return BTreeSet::new() };
    let stored = stored_columns(bronze, delivered);
    let absent: Vec<String> = absent_columns(adapter, &stored).collect();
    stored.into_iter().chain(absent).collect()
}

/// The columns that the table has a profile of, by month, for the months of a dataset after one.
pub(super) fn columns_after(
    bronze: &BronzeTables<'_>,
    dataset: Dataset,
    month: Month,
) -> Result<BTreeMap<Month, BTreeSet<String>>, PipelineError> {
    let mut columns: BTreeMap<Month, BTreeSet<String>> = BTreeMap::new();
    if bronze.months(dataset).last().is_none_or(|last| *last <= month) {
        return Ok(columns);
    }
    let mut session = bronze.work.session()?;
    session.register("profiles", &store::of_utility(bronze, &tables::COLUMN_QUALITY, None)?)?;
    let rows = session.query(&format!(
        "SELECT delivery_month, column_name FROM profiles WHERE dataset = '{dataset}' AND delivery_month > '{month}'"
    ))?;
    for row in 0..rows.height() {
        let of = rows.text("delivery_month", row).and_then(|month| Month::parse(&month));
        if let (Some(of), Some(column)) = (of, rows.text("column_name", row)) {
            columns.entry(of).or_default().insert(column);
        }
    }
    Ok(columns)
}

/// The columns that this month has, or one before it.
fn stored_columns(bronze: &BronzeTables<'_>, delivered: Delivered) -> Vec<String> {
    let columns = bronze.columns_until(delivered.dataset, delivered.month);
    columns.into_iter().filter(|column| !schema::is_lineage(column)).collect()
}

/// The columns that the adapter names and that are not among others.
fn absent_columns(adapter: &DatasetAdapter, columns: &[String]) -> impl Iterator<Item = String> {
    named_by(adapter).filter(|label| !columns.iter().any(|column| column.eq_ignore_ascii_case(label)))
}

/// The source columns that an adapter maps without an alternative.
fn named_by(adapter: &DatasetAdapter) -> impl Iterator<Item = String> {
    adapter.columns.iter().filter(|(_, bronze)| bronze.from.len() == 1).map(|(_, bronze)| column_name(&bronze.from[0]))
}

/// Columns that the engine groups by their values in one query.
const COLUMNS_AT_ONCE: usize = 16;

struct Profiler<'a> {
    bronze: &'a BronzeTables<'a>,
    delivered: Delivered,
    cells: Cells<'a>,
    statistics: Option<&'a ColumnStatistics>,
}

impl Profiler<'_> {
    /// Whose values were counted are asked about in one query, the others some at a time: the work grows with the columns, not with
    /// their square.
    fn columns(&self, columns: &[String], rows: &Relation) -> Result<Vec<ColumnQualityRow>, PipelineError> {
        let mut session = self.bronze.work.session()?;
        session.register("bronze", rows)?;
        // What no value is counted of says so with zeros.
        let mut profiles: Vec<ColumnQualityRow> = columns.iter().map(|column| self.found(&Frame::default(), 0, column)).collect();
        let mut types = Types::default();
        let (mut counted, mut in_bronze) = (Vec::new(), Vec::new());
        for (at, column) in columns.iter().enumerate() {
            let kind = self.bronze.adapter.type_of(self.delivered.dataset, column);
            match self.statistics.and_then(|statistics| statistics.column(column)) {
                Some(ColumnSummary { texts, .. }) if is_text(&kind) => profiles[at] = self.of_texts(column, texts),
                Some(ColumnSummary { values: Some(values), .. }) => {
                    let of_type = types.place(kind);
                    counted.extend(values.iter().map(|value| ([at as u64, of_type as u64], value)));
                }
                _ => in_bronze.push((at, types.place(kind))),
            }
        }
        let mut grouped = Vec::new();
        if !counted.is_empty() {
            session.register("counted", &self.frame(counted)?.relation())?;
            grouped.push("SELECT *, 0 AS damaged FROM counted".to_owned());
        }
        for some in in_bronze.chunks(COLUMNS_AT_ONCE) {
            let mut parts = Vec::new();
            for (at, of_type) in some {
                let cell = name(&columns[*at]);
                session.create_view(
                    &format!("cells_{at}"),
                    &format!("SELECT BARE({cell}) AS v, CASE WHEN DAMAGED({cell}) THEN 1 ELSE 0 END AS damaged FROM bronze"),
                )?;
                parts.push(format!(
                    "SELECT {at} AS place, {of_type} AS of_type, v, COUNT(*) AS n, 1 AS texts, SUM(damaged) AS damaged FROM cells_{at} GROUP BY v"
                ));
            }
            grouped.push(parts.join("\nUNION ALL\n"));
        }
        for grouped in grouped {
            let found = types.count(session.as_mut(), &self.cells, &grouped)?;
            for row in 0..found.height() {
                let at = usize::try_from(found.count("place", row)).unwrap_or(usize::MAX);
                if let (Some(profile), Some(column)) = (profiles.get_mut(at), columns.get(at)) {
                    *profile = self.found(&found, row, column);
                }
            }
        }
        Ok(profiles)
    }

    fn frame(&self, counted: Vec<([u64; 2], &Representative)>) -> Result<Frame, PipelineError> {
        Frame::of_counts(counted.into_iter()).map_err(|error| PipelineError::Rows {
            table: TableId::bronze(&self.bronze.adapter.id, self.delivered.dataset).to_string(),
            message: error.to_string(),
        })
    }

    fn of_texts(&self, column: &str, texts: &TextSummary) -> ColumnQualityRow {
        let bound = |value: &String| Some(value.clone()).filter(|value| !value.is_empty());
        let counts = [texts.empty, texts.words, 0, texts.damaged, texts.distinct];
        self.row(column, self.row_count(), counts, false, bound(&texts.least), bound(&texts.greatest))
    }

    fn row_count(&self) -> u64 {
        let ours = |s: &&CommittedFile| s.dataset == self.delivered.dataset && s.month == self.delivered.month;
        self.bronze.files.iter().filter(ours).map(|file| file.rows).sum()
    }

    fn found(&self, found: &Frame, row: usize, column: &str) -> ColumnQualityRow {
        let count = |name: &str| found.count(name, row);
        // Bronze holds a null only where the delivered file lacked the column.
        let (row_count, absent_count) = (count("row_count"), count("absent_count"));
        let absent = row_count > 0 && absent_count == row_count;
        let empty = count("null_count") + if absent { 0 } else { absent_count };
        // What passed was counted then.
        let counted = self.statistics.and_then(|statistics| statistics.column(column));
        let damaged = counted.map_or_else(|| count("damaged_count"), |counted| counted.texts.damaged);
        let counts = [empty, count("sentinel_count"), count("invalid_count"), damaged, count("distinct_count")];
        self.row(column, row_count, counts, absent, found.text("min_value", row), found.text("max_value", row))
    }

    fn absent(&self, label: &str, row_count: u64) -> ColumnQualityRow {
        self.row(label, row_count, [0; 5], true, None, None)
    }

    fn row(
        &self,
        column: &str,
        row_count: u64,
        [empty, sentinel, invalid, damaged, distinct]: [u64; 5],
        absent: bool,
        low: Option<String>,
        high: Option<String>,
    ) -> ColumnQualityRow {
        ColumnQualityRow {
            delivery_month: Some(self.delivered.month.to_string()),
            utility_id: Some(self.bronze.adapter.id.to_string()),
            dataset: Some(self.delivered.dataset.to_string()),
            column_name: Some(column.to_owned()),
            row_count: tables::count(row_count),
            null_count: tables::count(empty),
            sentinel_count: tables::count(sentinel),
            missing_count: tables::count(empty + sentinel),
            invalid_count: tables::count(invalid),
            damaged_count: tables::count(damaged),
            absent: Some(absent),
            distinct_count: tables::count(distinct),
            min_value: low,
            max_value: high,
        }
    }
}

fn is_text(kind: &CellType) -> bool {
    matches!(kind, CellType::Text | CellType::Id)
}

/// How what cells say becomes values: the types of some columns, each once.
#[derive(Default)]
struct Types(Vec<CellType>);

impl Types {
    fn place(&mut self, kind: CellType) -> usize {
        // An id is what is delivered.
        let kind = if is_text(&kind) { CellType::Text } else { kind };
        self.0.iter().position(|known| *known == kind).unwrap_or_else(|| {
            self.0.push(kind);
            self.0.len() - 1
        })
    }

    /// The counts of each column, by its place, from a query for values of columns without blanks around: `place`, `of_type`, the number of
    /// their cells `n`, those of them that are `damaged`, and of how many values these are (`texts`).
    fn count(&self, session: &mut dyn Session, cells: &Cells<'_>, grouped: &str) -> Result<Frame, EngineError> {
        let each =
            |write: &dyn Fn(usize, &CellType) -> String| self.0.iter().enumerate().map(|(at, kind)| write(at, kind)).collect();
        let of_type =
            |at: usize| if self.0.len() == 1 { "present".into() } else { format!("CASE WHEN of_type = {at} THEN present END") };
        let typed: Vec<String> = each(&|at, kind| format!("{} AS typed_{at}", cells.typed(&of_type(at), kind)));
        let untyped: Vec<String> = each(&|at, _| format!("typed_{at} IS NULL"));
        let bound = |of: &str| {
            let of_type = |at: usize, kind: &CellType| {
                if is_text(kind) { format!("{of}(typed_{at})") } else { format!("CAST({of}(typed_{at}) AS VARCHAR)") }
            };
            let bounds: Vec<String> = each(&of_type);
            if bounds.len() == 1 { bounds.concat() } else { format!("COALESCE({})", bounds.join(", ")) }
        };
        session.create_view(
            "said",
            &format!(
                "SELECT place, of_type, v, n, texts, damaged, {} AS present FROM ({grouped}) AS grouped",
                cells.present("v")
            ),
        )?;
        session.create_view("typed", &format!("SELECT place, v, n, texts, damaged, present, {} FROM said", typed.join(", ")))?;
        session.query(&format!(
            "SELECT place, SUM(n) AS row_count,\n\
             \x20 SUM(CASE WHEN v IS NULL THEN n ELSE 0 END) AS absent_count,\n\
             \x20 SUM(CASE WHEN v = '' THEN n ELSE 0 END) AS null_count,\n\
             \x20 SUM(CASE WHEN v <> '' AND present IS NULL THEN n ELSE 0 END) AS sentinel_count,\n\
             \x20 SUM(CASE WHEN present IS NOT NULL AND {} THEN n ELSE 0 END) AS invalid_count,\n\
             \x20 SUM(damaged) AS damaged_count,\n\
             \x20 SUM(CASE WHEN present IS NOT NULL THEN texts ELSE 0 END) AS distinct_count,\n\
             \x20 {} AS min_value, {} AS max_value\nFROM typed GROUP BY place",
            untyped.join(" AND "),
            bound("MIN"),
            bound("MAX")
        ))
    }
}
