//! What the tables say of a utility's deliveries, beside the rows themselves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::context::EvaluationContext;
use crate::frame::{Frame, Value};
use crate::model::{Dataset, Day, Month, Timestamp, UtilityId};
use crate::pipeline::bronze::{BronzeTables, holds_content};
use crate::pipeline::sql::text;
use crate::pipeline::store;
use crate::pipeline::tables::{self, Table};
use crate::pipeline::{PipelineError, rejected};

/// What the tables say of a month's deliveries, read once for all rules.
#[derive(Debug, Default)]
pub(super) struct DeliveryFacts {
    /// Rows of `silver/rejected` of the month with a line: dataset, stage, reason and their number.
    rejected: Vec<(String, String, String, u64)>,
    /// Records of each file of the month by its SHA-256, as its load counted them.
    pub(super) records: Vec<(String, u64)>,
    /// What is known of all months.
    history: Arc<DeliveryHistory>,
}

/// What the tables say of all deliveries of a utility.
#[derive(Debug, Default)]
pub(super) struct DeliveryHistory {
    /// Rows of `data_quality_summary`: dataset, month, the utility's refresh date and the day that the file came.
    summaries: Vec<(String, Month, Option<Day>, Option<Day>)>,
    /// Datasets and months whose file had the content of an earlier one, so that nothing was loaded.
    repeated: Vec<(String, Month)>,
}

/// The histories of utilities that were looked at.
#[derive(Default)]
pub(super) struct Histories(Mutex<HashMap<UtilityId, Arc<DeliveryHistory>>>);

impl Histories {
    fn of(&self, bronze: &BronzeTables<'_>) -> Result<Arc<DeliveryHistory>, PipelineError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(history) = known.get(&bronze.adapter.id) {
            return Ok(history.clone());
        }
        let history = Arc::new(DeliveryHistory::read(bronze)?);
        known.insert(bronze.adapter.id.clone(), history.clone());
        Ok(history)
    }
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

/// The rows of a query of one of the utility's tables, named `t` there; none where there is no such table.
fn rows_of(bronze: &BronzeTables<'_>, table: &Table, month: Option<Month>, sql: &str) -> Result<Frame, PipelineError> {
    let rows = store::of_utility(bronze, table, month)?;
    if rows.is_empty() {
        return Ok(Frame::default());
    }
    let mut session = bronze.work.session()?;
    session.register("t", &rows)?;
    Ok(session.query(sql)?)
}

fn cell(rows: &Frame, column: &str, row: usize) -> String {
    rows.text(column, row).unwrap_or_default()
}

impl DeliveryHistory {
    fn read(bronze: &BronzeTables<'_>) -> Result<Self, PipelineError> {
        let sql = "SELECT dataset, delivery_month, last_refresh, received_at FROM t";
        let rows = rows_of(bronze, &tables::DATA_QUALITY_SUMMARY, None, sql)?;
        let summary = |row: usize| {
            let month = Month::parse(&cell(&rows, "delivery_month", row))?;
            let received = rows.time("received_at", row).map(Timestamp::day);
            Some((cell(&rows, "dataset", row), month, rows.day("last_refresh", row), received))
        };
        let summaries = (0..rows.height()).filter_map(summary).collect();
        let sql = format!(
            "SELECT DISTINCT dataset, delivery_month, file_sha256 FROM t WHERE utility_id = {} AND outcome = 'unchanged'",
            text(bronze.adapter.id.as_str())
        );
        let rows = rows_of(bronze, &tables::RUNS, None, &sql)?;
        let repeated = |row: usize| {
            let (dataset, month) = (cell(&rows, "dataset", row), Month::parse(&cell(&rows, "delivery_month", row))?);
            let table = bronze.table(Dataset::parse(&dataset)?)?;
            holds_content(table, month, &cell(&rows, "file_sha256", row)).then_some((dataset, month))
        };
        let repeated = (0..rows.height()).filter_map(repeated).collect();
        Ok(Self { summaries, repeated })
    }
}

impl DeliveryFacts {
    pub(super) fn read(histories: &Histories, bronze: &BronzeTables<'_>, month: Month) -> Result<Self, PipelineError> {
        let sql = format!(
            "SELECT dataset, stage, reason, COUNT(reason) AS n FROM t WHERE delivery_month = '{month}' AND {} GROUP BY dataset, stage, reason",
            rejected::of_committed(bronze.files.iter().filter(|file| file.month == month))
        );
        let rows = rows_of(bronze, &tables::REJECTED, Some(month), &sql)?;
        let rejected = (0..rows.height())
            .map(|row| (cell(&rows, "dataset", row), cell(&rows, "stage", row), cell(&rows, "reason", row), rows.count("n", row)))
            .collect();
        // What a load counted is in the log of bronze, but for loads of an earlier version of the program.
        let is_counted = bronze.files.iter().filter(|file| file.month == month).all(|file| file.records.is_some());
        let rows = if is_counted {
            Frame::default()
        } else {
            let sql = format!(
                "SELECT file_sha256, MAX(records) AS records FROM t WHERE utility_id = {} AND delivery_month = '{month}'\n\
                 AND outcome IN ('loaded', 'superseded') GROUP BY file_sha256",
                text(bronze.adapter.id.as_str())
            );
            rows_of(bronze, &tables::RUNS, None, &sql)?
        };
        let records = (0..rows.height()).map(|row| (cell(&rows, "file_sha256", row), rows.count("records", row))).collect();
        Ok(Self { rejected, records, history: histories.of(bronze)? })
    }

    /// The months for which the same content came again, which is still there.
    pub(super) fn repeated(&self, dataset: Dataset) -> impl Iterator<Item = Month> {
        self.history.repeated.iter().filter(move |(of, _)| of == dataset.as_str()).map(|(_, month)| *month)
    }

    pub(super) fn aside(&self, dataset: Dataset, wanted: impl Fn(&str, &str) -> bool) -> u64 {
        let ours = self.rejected.iter().filter(|(of, stage, reason, _)| of == dataset.as_str() && wanted(stage, reason));
        ours.map(|(.., count)| count).sum()
    }

    /// The newest refresh date that the utility stated in the months that are wanted.
    pub(super) fn refresh_date(&self, dataset: Dataset, wanted: impl Fn(Month) -> bool) -> Option<Day> {
        let ours = self.history.summaries.iter().filter(|(of, month, ..)| of == dataset.as_str() && wanted(*month));
        ours.filter_map(|(_, _, day, _)| *day).max()
    }

    /// The day that a month's file came.
    pub(super) fn received(&self, dataset: Dataset, month: Month) -> Option<Day> {
        let ours = self.history.summaries.iter().find(|(of, at, ..)| of == dataset.as_str() && *at == month);
        ours.and_then(|(.., received)| *received)
    }
}
