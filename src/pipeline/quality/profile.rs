//! What the cells of each source column hold: empty, sentinel, invalid, distinct, least and greatest.
//!
//! Each column is grouped by value first, so that every question is asked once a distinct value and not once a cell. Where the
//! month is one file that was loaded a moment ago, its values were counted as they passed.

use std::borrow::Cow;

use super::Delivered;
use crate::config::{CellType, DatasetAdapter, column_name};
use crate::frame::{Frame, Relation, schema};
use crate::lake::TableId;
use crate::pipeline::PipelineError;
use crate::pipeline::bronze::BronzeTables;
use crate::pipeline::bronze::CommittedFile;
use crate::pipeline::bronze::column_statistics::HighCardinality;
use crate::pipeline::bronze::{ColumnStatistics, ColumnValues};
use crate::pipeline::sql::{Cells, name};
use crate::pipeline::tables::{self, ColumnQualityRow};

/// Rows of `platinum/column_quality` for one delivery: each column of the bronze table, and each that the adapter
/// names and no file ever had.
pub(super) fn of<'a>(
    bronze: &BronzeTables<'_>,
    delivered: Delivered,
    counted: &dyn Fn(&str) -> Option<&'a ColumnStatistics>,
) -> Result<Vec<ColumnQualityRow>, PipelineError> {
    let columns = bronze.columns(delivered.dataset);
    let (Some(adapter), Some(rows)) =
        (bronze.adapter.dataset(delivered.dataset), bronze.rows(delivered.dataset, |m| m == delivered.month)?)
    else {
        return Ok(Vec::new());
    };
    let committed: Vec<_> = bronze.delivered(delivered.dataset, delivered.month).collect();
    let statistics = if let [only] = committed.as_slice() { counted(&only.sha256) } else { None };
    let profiler = Profiler { bronze, delivered, cells: Cells::new(bronze.adapter, columns.clone()), statistics };
    let mut found = Vec::new();
    // A column that only a later month brought says nothing about this one.
    let known = |column: &str| {
        bronze.files.iter().any(|s| s.dataset == delivered.dataset && s.month <= delivered.month && s.stores(column))
    };
    let columns: Vec<String> = columns.into_iter().filter(|column| known(column) && !schema::is_lineage(column)).collect();
    found.extend(profiler.columns(&columns, &rows)?);
    let row_count = profiler.row_count();
    for label in named_by(adapter).filter(|label| !columns.iter().any(|column| column.eq_ignore_ascii_case(label))) {
        found.push(profiler.absent(&label, row_count));
    }
    Ok(found)
}

/// The source columns that an adapter maps without an alternative.
fn named_by(adapter: &DatasetAdapter) -> impl Iterator<Item = String> {
    adapter.columns.iter().filter(|(_, bronze)| bronze.from.len() == 1).map(|(_, bronze)| column_name(&bronze.from[0]))
}

struct Profiler<'a> {
    bronze: &'a BronzeTables<'a>,
    delivered: Delivered,
    cells: Cells<'a>,
    statistics: Option<&'a ColumnStatistics>,
}

impl Profiler<'_> {
    /// All columns in one query, so that they share the engine's threads, but for those that were counted to the end.
    fn columns(&self, columns: &[String], rows: &Relation) -> Result<Vec<ColumnQualityRow>, PipelineError> {
        let mut session = self.bronze.work.session()?;
        session.register("bronze", rows)?;
        let bare: Vec<String> = columns.iter().map(|column| format!("BARE({0}) AS {0}", name(column))).collect();
        if !bare.is_empty() {
            session.create_view("cells", &format!("SELECT {} FROM bronze", bare.join(", ")))?;
        }
        let mut profiles: Vec<Option<ColumnQualityRow>> = vec![None; columns.len()];
        let mut counted = Vec::new();
        for (at, column) in columns.iter().enumerate() {
            let [grouped, present, typed, counts] = self.sql(at, column);
            match self.statistics.and_then(|statistics| statistics.values(column)) {
                Some(ColumnValues::Counted(values)) => {
                    session.register(&format!("grouped_{at}"), &self.frame(values.iter())?.relation())?;
                }
                Some(ColumnValues::HighCardinality(many)) if self.is_text(column) => {
                    profiles[at] = Some(self.of_many(column, many));
                    continue;
                }
                _ => session.create_view(&format!("grouped_{at}"), &grouped)?,
            }
            session.create_view(&format!("present_{at}"), &present)?;
            session.create_view(&format!("typed_{at}"), &typed)?;
            counted.push(counts);
        }
        if !counted.is_empty() {
            let found = session.query(&counted.join("\nUNION ALL\n"))?;
            for row in 0..found.height() {
                let at = usize::try_from(found.count("place", row)).unwrap_or(usize::MAX);
                if let (Some(profile), Some(column)) = (profiles.get_mut(at), columns.get(at)) {
                    *profile = Some(self.found(&found, row, column));
                }
            }
        }
        Ok(profiles.into_iter().flatten().collect())
    }

    fn of_many(&self, column: &str, many: &HighCardinality) -> ColumnQualityRow {
        let row_count = self.row_count();
        let bound = |value: &str| Some(value.to_owned()).filter(|value| !value.is_empty());
        let counts = [many.empty, many.words, 0, many.distinct()];
        self.row(column, row_count, counts, false, bound(&many.least), bound(&many.greatest))
    }

    fn row_count(&self) -> u64 {
        let ours = |s: &&CommittedFile| s.dataset == self.delivered.dataset && s.month == self.delivered.month;
        self.bronze.files.iter().filter(ours).map(|file| file.rows).sum()
    }

    fn is_text(&self, column: &str) -> bool {
        matches!(self.bronze.adapter.type_of(self.delivered.dataset, column), CellType::Text | CellType::Id)
    }

    fn frame<'v>(&self, values: impl Iterator<Item = (Cow<'v, str>, u64)>) -> Result<Frame, PipelineError> {
        Frame::of_counts(values).map_err(|error| PipelineError::Rows {
            table: TableId::bronze(&self.bronze.adapter.id, self.delivered.dataset).to_string(),
            message: error.to_string(),
        })
    }

    fn found(&self, found: &Frame, row: usize, column: &str) -> ColumnQualityRow {
        let count = |name: &str| found.count(name, row);
        // Bronze holds a null only where the delivered file lacked the column.
        let (row_count, absent_count) = (count("row_count"), count("absent_count"));
        let absent = row_count > 0 && absent_count == row_count;
        let empty = count("null_count") + if absent { 0 } else { absent_count };
        let counts = [empty, count("sentinel_count"), count("invalid_count"), count("distinct_count")];
        self.row(column, row_count, counts, absent, found.text("min_value", row), found.text("max_value", row))
    }

    fn absent(&self, label: &str, row_count: u64) -> ColumnQualityRow {
        self.row(label, row_count, [0; 4], true, None, None)
    }

    fn row(
        &self,
        column: &str,
        row_count: u64,
        [empty, sentinel, invalid, distinct]: [u64; 4],
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
            absent: Some(absent),
            distinct_count: tables::count(distinct),
            min_value: low,
            max_value: high,
        }
    }

    /// The steps of a column's plan: its values without blanks around, each once and with the number of its cells; what
    /// they say; what that is as a value; and the counts.
    fn sql(&self, at: usize, column: &str) -> [String; 4] {
        let kind = self.bronze.adapter.type_of(self.delivered.dataset, column);
        let is_text = self.is_text(column);
        let typed = if is_text { "present" } else { &self.cells.typed("present", &kind) };
        let least = |of: &str| if is_text { format!("{of}(present)") } else { format!("CAST({of}(typed) AS VARCHAR)") };
        [
            format!("SELECT {cell} AS v, COUNT(*) AS n FROM cells GROUP BY {cell}", cell = name(column)),
            format!("SELECT v, n, {} AS present FROM grouped_{at}", self.cells.present("v")),
            format!("SELECT v, n, present, {typed} AS typed FROM present_{at}"),
            format!(
                "SELECT MAX({at}) AS place, SUM(n) AS row_count,\n\
                 \x20 SUM(CASE WHEN v IS NULL THEN n ELSE 0 END) AS absent_count,\n\
                 \x20 SUM(CASE WHEN v = '' THEN n ELSE 0 END) AS null_count,\n\
                 \x20 SUM(CASE WHEN v <> '' AND present IS NULL THEN n ELSE 0 END) AS sentinel_count,\n\
                 \x20 SUM(CASE WHEN present IS NOT NULL AND typed IS NULL THEN n ELSE 0 END) AS invalid_count,\n\
                 \x20 COUNT(present) AS distinct_count,\n\
                 \x20 {} AS min_value, {} AS max_value\nFROM typed_{at}",
                least("MIN"),
                least("MAX")
            ),
        ]
    }
}
