//! What the tables say of a utility's deliveries, beside the rows themselves.

use super::context::EvaluationContext;
use crate::frame::{Frame, Value};
use crate::model::{Dataset, Day, Month, Timestamp};
use crate::pipeline::bronze::{BronzeTables, holds_content};
use crate::pipeline::sql::text;
use crate::pipeline::store;
use crate::pipeline::tables::{self, Table};
use crate::pipeline::{PipelineError, rejected};

/// What the tables say of a utility's deliveries, read once for all rules.
#[derive(Debug, Default)]
pub(super) struct DeliveryFacts {
    /// Rows of `silver/rejected` of the month with a line: dataset, stage, reason and their number.
    rejected: Vec<(String, String, String, u64)>,
    /// Rows of `data_quality_summary`: dataset, month, the utility's refresh date and the day that the file came.
    pub(super) summaries: Vec<(String, Month, Option<Day>, Option<Day>)>,
    /// Records of each file of the month by its SHA-256, as its load counted them.
    pub(super) records: Vec<(String, u64)>,
    /// Datasets and months whose file had the content of an earlier one, so that nothing was loaded.
    repeated: Vec<(String, Month)>,
}

/// What `platinum/column_quality` says of a column.
#[derive(Debug, Clone)]
pub(super) struct ColumnFacts {
    /// Its name in bronze.
    pub(super) name: String,
    pub(super) rows: u64,
    pub(super) missing: u64,
    pub(super) invalid: u64,
    pub(super) damaged: u64,
    /// Whether the file lacks it.
    pub(super) absent: bool,
}

impl ColumnFacts {
    /// Those of the month, with their datasets.
    pub(super) fn read(context: &mut EvaluationContext<'_>) -> Result<Vec<(String, Self)>, PipelineError> {
        let sql = format!(
            "SELECT dataset, column_name, row_count, missing_count, invalid_count, damaged_count, absent FROM t WHERE delivery_month = '{}'",
            context.month
        );
        let rows = context.table(&tables::COLUMN_QUALITY, &sql)?;
        let of = |row: usize| {
            let count = |column: &str| rows.count(column, row);
            let facts = Self {
                name: rows.text("column_name", row)?,
                rows: count("row_count"),
                missing: count("missing_count"),
                invalid: count("invalid_count"),
                damaged: count("damaged_count"),
                absent: rows.value("absent", row) == Value::Flag(true),
            };
            Some((rows.text("dataset", row)?, facts))
        };
        Ok((0..rows.height()).filter_map(of).collect())
    }
}

/// What `platinum/month_diff` says of the keys of a delivery, or of feeders or DERs, that others came before.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyFacts {
    /// Keys that were current before.
    pub(super) before: u64,
    /// Keys that were not there.
    pub(super) added: u64,
    /// Keys that were, with what they hold now.
    pub(super) unchanged: u64,
    /// Keys that were, with something else.
    pub(super) changed: u64,
}

impl KeyFacts {
    /// Those of the month, with what they are of.
    pub(super) fn read(context: &mut EvaluationContext<'_>) -> Result<Vec<(String, Self)>, PipelineError> {
        let sql = format!(
            "SELECT dataset, previous_current_count, added, changed, unchanged FROM t\n\
             WHERE delivery_month = '{}' AND previous_month IS NOT NULL",
            context.month
        );
        let rows = context.table(&tables::MONTH_DIFF, &sql)?;
        let of = |row: usize| {
            let count = |column: &str| rows.count(column, row);
            let facts = Self {
                before: count("previous_current_count"),
                added: count("added"),
                unchanged: count("unchanged"),
                changed: count("changed"),
            };
            Some((rows.text("dataset", row)?, facts))
        };
        Ok((0..rows.height()).filter_map(of).collect())
    }
}

impl DeliveryFacts {
    pub(super) fn read(bronze: &BronzeTables<'_>, month: Month) -> Result<Self, PipelineError> {
        let utility = text(bronze.adapter.id.as_str());
        let table = |table: &Table, sql: &str| -> Result<Frame, PipelineError> {
            let rows = store::of_utility(bronze, table, Some(month))?;
            if rows.is_empty() {
                return Ok(Frame::default());
            }
            let mut session = bronze.work.session()?;
            session.register("t", &rows)?;
            Ok(session.query(sql)?)
        };
        let sql = format!(
            "SELECT dataset, stage, reason, COUNT(reason) AS n FROM t WHERE delivery_month = '{month}' AND {} GROUP BY dataset, stage, reason",
            rejected::of_committed(bronze.files.iter().filter(|file| file.month == month))
        );
        let rows = table(&tables::REJECTED, &sql)?;
        let cell = |rows: &Frame, column: &str, row: usize| rows.text(column, row).unwrap_or_default();
        let rejected = (0..rows.height())
            .map(|row| (cell(&rows, "dataset", row), cell(&rows, "stage", row), cell(&rows, "reason", row), rows.count("n", row)))
            .collect();
        let sql = "SELECT dataset, delivery_month, last_refresh, received_at FROM t";
        let rows = table(&tables::DATA_QUALITY_SUMMARY, sql)?;
        let summaries = (0..rows.height())
            .filter_map(|row| {
                let month = Month::parse(&cell(&rows, "delivery_month", row))?;
                Some((
                    cell(&rows, "dataset", row),
                    month,
                    rows.day("last_refresh", row),
                    rows.time("received_at", row).map(Timestamp::day),
                ))
            })
            .collect();
        let sql = format!(
            "SELECT file_sha256, MAX(records) AS records FROM t WHERE utility_id = {utility} AND delivery_month = '{month}'\n\
             AND outcome IN ('loaded', 'superseded') GROUP BY file_sha256"
        );
        // What a load counted is in the log of bronze, but for loads of an earlier version of the program.
        let is_counted = bronze.files.iter().filter(|file| file.month == month).all(|file| file.records.is_some());
        let rows = if is_counted { Frame::default() } else { table(&tables::RUNS, &sql)? };
        let records = (0..rows.height()).map(|row| (cell(&rows, "file_sha256", row), rows.count("records", row))).collect();
        let sql = format!(
            "SELECT DISTINCT dataset, delivery_month, file_sha256 FROM t WHERE utility_id = {utility} AND outcome = 'unchanged'"
        );
        let rows = table(&tables::RUNS, &sql)?;
        let repeated = (0..rows.height())
            .filter_map(|row| {
                let (dataset, month) = (cell(&rows, "dataset", row), Month::parse(&cell(&rows, "delivery_month", row))?);
                let table = bronze.table(Dataset::parse(&dataset)?)?;
                holds_content(table, month, &cell(&rows, "file_sha256", row)).then_some((dataset, month))
            })
            .collect();
        Ok(Self { rejected, summaries, records, repeated })
    }

    /// The months for which the same content came again, which is still there.
    pub(super) fn repeated(&self, dataset: Dataset) -> impl Iterator<Item = Month> {
        self.repeated.iter().filter(move |(of, _)| of == dataset.as_str()).map(|(_, month)| *month)
    }

    pub(super) fn aside(&self, dataset: Dataset, wanted: impl Fn(&str, &str) -> bool) -> u64 {
        let ours = self.rejected.iter().filter(|(of, stage, reason, _)| of == dataset.as_str() && wanted(stage, reason));
        ours.map(|(.., count)| count).sum()
    }

    /// The newest refresh date that the utility stated in the months that are wanted.
    pub(super) fn refresh_date(&self, dataset: Dataset, wanted: impl Fn(Month) -> bool) -> Option<Day> {
        let ours = self.summaries.iter().filter(|(of, month, ..)| of == dataset.as_str() && wanted(*month));
        ours.filter_map(|(_, _, day, _)| *day).max()
    }
}
