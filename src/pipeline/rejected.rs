//! `silver/rejected`: what could not be taken, with place, reason and raw text.

use crate::engine::Session;
use crate::lake::{Change, Column, Frame, Lake, Layer, TableId, Value, schema};
use crate::model::{Cancel, Dataset, Finding, Month, Stage, UtilityId};

use super::PipelineError;
use super::bronze::CommittedFile;
use super::sql::text;

/// The table's id.
pub fn table() -> TableId {
    TableId::new(Layer::Silver, "rejected")
}

/// Whose rows of `silver/rejected` are replaced: all of a stage in one month and dataset, or those of one file.
pub struct Scope<'a> {
    /// The utility.
    pub utility: &'a UtilityId,
    /// The month.
    pub month: Month,
    /// The dataset.
    pub dataset: Dataset,
    /// The stage.
    pub stage: Stage,
    /// Only those of this file.
    pub source_file: Option<&'a str>,
    /// But not those that this run found.
    pub keep_run: Option<&'a str>,
}

impl Scope<'_> {
    fn condition(&self) -> String {
        let file = self.source_file.map_or(String::new(), |file| format!(" AND source_file = {}", text(file)));
        let run = self.keep_run.map_or(String::new(), |run| format!(" AND run_id <> {}", text(run)));
        format!("dataset = {} AND stage = {}{file}{run}", text(self.dataset.as_str()), text(self.stage.as_str()))
    }

    /// A row of the table.
    pub fn row(&self, source_file: &str, finding: &Finding, run_id: &str) -> Vec<Value> {
        vec![
            Value::Text(self.utility.to_string()),
            Value::Text(self.dataset.to_string()),
            Value::Text(self.month.to_string()),
            Value::Text(self.stage.as_str().into()),
            Value::Text(source_file.to_owned()),
            finding.line.map_or(Value::Null, Value::count),
            Value::Text(finding.reason.to_string()),
            Value::text(finding.column.as_deref()),
            Value::text(finding.value.as_deref()),
            Value::text(finding.raw.as_deref()),
            Value::Text(run_id.to_owned()),
        ]
    }
}

/// The rows that are about records of the deliveries that stand: a refused file leaves its findings beside them.
pub fn of_committed(standing: &[CommittedFile]) -> String {
    let loads = standing.iter().filter_map(|file| {
        let run = file.run_id.as_deref()?;
        Some(format!("(source_file = {} AND run_id = {})", text(&file.source_file), text(run)))
    });
    let mut any: Vec<String> = loads.collect();
    any.push(format!("stage = '{}'", Stage::Silver.as_str()));
    format!("source_line IS NOT NULL AND ({})", any.join(" OR "))
}

/// Replaces the rows of the scope; no commit when the same findings stand there already.
///
/// # Errors
/// The table cannot be read or written.
pub fn replace(lake: &Lake, scope: &Scope<'_>, rows: &[Vec<Value>], cancel: &Cancel) -> Result<(), PipelineError> {
    let table = table();
    let columns = schema::rejected();
    let _turn = lake.turn();
    let base = lake.snapshot(&table)?;
    let month = scope.month.to_string();
    let here = |file: &crate::lake::DataFile| {
        file.partition_value("utility_id") == Some(scope.utility.as_str())
            && file.partition_value("delivery_month") == Some(&month)
    };
    let (mut old, mut kept) = (Frame::default(), Frame::default());
    let mut remove = Vec::new();
    if let Some(base) = &base {
        remove = base.files.iter().filter(|file| here(file)).cloned().collect();
        let mut session = Session::new(cancel);
        session.register("rejected", base.scan(here)?);
        let condition = scope.condition();
        old = session.query(&format!("SELECT * FROM rejected WHERE {condition}"))?;
        kept = session.query(&format!("SELECT * FROM rejected WHERE NOT ({condition})"))?;
    }
    // What was found at the door belongs to the load that found it; the same found in silver is the same whoever looked.
    let compared = if scope.stage == Stage::Bronze { columns.len() } else { columns.len() - 1 };
    if same_findings(&old, rows, compared) {
        return Ok(());
    }
    let mut add = Vec::new();
    if kept.height() + rows.len() > 0 {
        let mut writer = lake.write(&table, &columns, &[("utility_id", scope.utility.as_str()), ("delivery_month", &month)])?;
        if kept.height() > 0 {
            writer.push(&kept)?;
        }
        if !rows.is_empty() {
            writer.push(&frame(&columns, rows)?)?;
        }
        add.push(writer.finish()?);
    }
    let change = Change {
        base: base.as_ref(),
        columns: &columns,
        partition_by: &["utility_id", "delivery_month"],
        add,
        remove,
        transactions: Vec::new(),
    };
    lake.commit(&table, change)?;
    Ok(())
}

/// Whether the stored rows say the same as the new ones in their first columns; the run is the last.
fn same_findings(old: &Frame, rows: &[Vec<Value>], compared: usize) -> bool {
    let mut stored: Vec<String> = (0..old.height()).map(|row| format!("{:?}", &old.row(row)[..compared])).collect();
    let mut found: Vec<String> = rows.iter().map(|row| format!("{:?}", &row[..compared])).collect();
    stored.sort();
    found.sort();
    stored == found
}

pub(super) fn frame(columns: &[Column], rows: &[Vec<Value>]) -> Result<Frame, PipelineError> {
    Frame::from_rows(columns, rows)
        .map_err(|error| PipelineError::Rows { table: table().to_string(), message: error.to_string() })
}
