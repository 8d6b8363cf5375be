//! The records of one delivered month, one for each key, and those that must be rejected.

use std::collections::HashMap;

use super::BronzeTables;
use super::conform;
use crate::config::{DatasetAdapter, column_name};
use crate::engine::Session;
use crate::frame::{Column, ColumnType, Frame, Value, schema};
use crate::model::{Dataset, Finding, Month, ReasonCode};
use crate::pipeline::PipelineError;
use crate::pipeline::bronze::column_statistics::ColumnSummary;
use crate::pipeline::bronze::{ColumnStatistics, CommittedFile};
use crate::pipeline::kept::Differences;

/// Names the conformed records of the month `records` in a session; for each that is rejected its file and the reason.
///
/// A record without its key is rejected as `primary-key`; of several records of one key the last stays (by the
/// file that came last, then line) and the earlier ones are rejected as `duplicate-key`. Only keys are read for that.
pub(super) fn of_month<'a>(
    session: &mut dyn Session,
    bronze: &BronzeTables<'_>,
    dataset: Dataset,
    month: Month,
    counted: &dyn Fn(&CommittedFile) -> Option<&'a ColumnStatistics>,
) -> Result<Vec<(String, Finding)>, PipelineError> {
    let (Some(adapter), Some(rows)) = (bronze.adapter.dataset(dataset), bronze.rows(dataset, |m| m == month)?) else {
        return Ok(Vec::new());
    };
    session.register("bronze", &rows)?;
    conform::records(bronze, adapter).create_views(session)?;
    if each_has_its_own_key(bronze, adapter, month, counted) {
        return Ok(Vec::new());
    }
    session.create_view("key_hashes", &conform::key_hashes(adapter))?;
    let suspects = session.query(conform::SUSPECTS)?;
    let count = |name: &str| suspects.count(name, 0);
    if count("keyless") == 0 && count("records") == count("distinct_keys") {
        return Ok(Vec::new());
    }
    session.materialize("keyed", &conform::keyed(adapter))?;
    let mut aside: Vec<(String, u64, ReasonCode, String)> = Vec::new();
    for (reason, sql) in [
        (ReasonCode::PrimaryKey, conform::KEYLESS.to_owned()),
        (ReasonCode::DuplicateKey, conform::duplicates(adapter, &bronze.order_in(dataset, month))),
    ] {
        let found = session.query(&sql)?;
        let place = |row: usize| (found.text("_source_file", row).unwrap_or_default(), found.count("_source_line", row));
        aside.extend((0..found.height()).map(|row| {
            let (file, line) = place(row);
            (file, line, reason, found.text("record_key", row).unwrap_or_default())
        }));
    }
    if aside.is_empty() {
        return Ok(Vec::new());
    }
    let columns = [Column::new("lost_file", ColumnType::Text), Column::new("lost_line", ColumnType::Whole)];
    let lost: Vec<Vec<Value>> =
        aside.iter().map(|(file, line, ..)| vec![Value::Text(file.clone()), Value::count(*line)]).collect();
    let lost = Frame::from_rows(&columns, &lost)
        .map_err(|error| PipelineError::Rows { table: "lost records".into(), message: error.to_string() })?;
    session.register("lost", &lost.relation())?;
    let raw = raw_records(session, bronze, dataset, month)?;
    session.create_view("bronze", conform::KEPT)?;
    conform::records(bronze, adapter).create_views(session)?;
    Ok(aside.into_iter().map(|(file, line, reason, key)| finding(adapter, &raw, file, line, reason, key)).collect())
}

/// Leaves of the records of a month, as [`of_month`] named them, those that the delivery before did not hold: the others say nothing
/// new. So many are left.
pub(super) fn leave_new(
    session: &mut dyn Session,
    (bronze, differences): (&BronzeTables<'_>, &Differences<'_>),
    dataset: Dataset,
    month: Month,
) -> Result<u64, PipelineError> {
    let delivered = bronze.row_count(dataset, month);
    let difference = differences.of(dataset, month)?;
    let (Some(adapter), Some(difference)) = (bronze.adapter.dataset(dataset), difference) else { return Ok(delivered) };
    difference.name_new(session, "bronze", &|_| true)?;
    conform::records(bronze, adapter).create_views(session)?;
    difference.new_rows()
}

/// Whether the counts of the month's only file tell already that no record must be rejected: nothing that makes a key is missing,
/// and one of its columns alone tells all records apart.
fn each_has_its_own_key<'a>(
    bronze: &BronzeTables<'_>,
    adapter: &DatasetAdapter,
    month: Month,
    counted: &dyn Fn(&CommittedFile) -> Option<&'a ColumnStatistics>,
) -> bool {
    let mut committed = bronze.delivered(adapter.dataset, month);
    let (Some(only), None) = (committed.next(), committed.next()) else { return false };
    let Some(statistics) = counted(only) else { return false };
    // Of a part that several columns may hold, none tells records apart by itself.
    if adapter.key.iter().any(|part| part.iter().filter(|label| statistics.column(&column_name(label)).is_some()).count() != 1) {
        return false;
    }
    let keys = || adapter.key_labels().map(|label| column_name(label)).filter(|column| statistics.column(column).is_some());
    let entity = adapter.column(if adapter.dataset.der_status().is_some() { "der_id" } else { "feeder_id" });
    let is_complete = |column: &str| statistics.column(column).is_some_and(|column| column.texts.missing() == 0);
    // Ids that could be written in two ways, such as `12` and `12.0`, are not told apart by their texts.
    let tells_apart = |ColumnSummary { texts, .. }: &ColumnSummary| !texts.has_other_notation && texts.distinct == only.rows;
    keys().all(|column| is_complete(&column))
        && entity.is_some_and(|entity| entity.from.iter().any(|label| is_complete(&column_name(label))))
        && keys().any(|column| statistics.column(&column).is_some_and(tells_apart))
}

fn finding(
    adapter: &DatasetAdapter,
    raw: &HashMap<(String, u64), String>,
    file: String,
    line: u64,
    reason: ReasonCode,
    key: String,
) -> (String, Finding) {
    let text = raw.get(&(file.clone(), line)).cloned();
    let value = if key.is_empty() { None } else { Some(key) };
    (file, Finding { reason, line: Some(line), column: Some(adapter.key_text()), value, raw: text })
}

/// The cells of the rejected records, as they are in bronze, in the order of their file and joined by its delimiter.
fn raw_records(
    session: &mut dyn Session,
    bronze: &BronzeTables<'_>,
    dataset: Dataset,
    month: Month,
) -> Result<HashMap<(String, u64), String>, PipelineError> {
    // Row groups without such a line are not read.
    let places = session.query("SELECT MIN(lost_line) AS first, MAX(lost_line) AS last FROM lost")?;
    let rows = session.query(&format!(
        "SELECT b.* FROM (SELECT * FROM bronze WHERE _source_line BETWEEN {} AND {}) AS b\n\
         LEFT SEMI JOIN lost AS l ON b._source_file = l.lost_file AND b._source_line = l.lost_line",
        places.count("first", 0),
        places.count("last", 0)
    ))?;
    let delimiter = char::from(bronze.adapter.dialect.delimiter);
    let columns: HashMap<&str, Vec<String>> =
        bronze.delivered(dataset, month).map(|file| (file.source_file.as_str(), file.columns())).collect();
    let quoted = |cell: String| {
        if cell.contains([delimiter, '"', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
    };
    Ok((0..rows.height())
        .map(|row| {
            let (file, line) = (rows.text("_source_file", row).unwrap_or_default(), rows.count("_source_line", row));
            let delivered = columns.get(file.as_str()).into_iter().flatten().filter(|name| !schema::is_lineage(name));
            let record: Vec<String> = delivered.filter_map(|name| rows.text(name, row)).map(quoted).collect();
            ((file, line), record.join(&delimiter.to_string()))
        })
        .collect())
}
