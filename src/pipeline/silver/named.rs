//! What a snapshot names beside the records that change something: those that it repeats, and those that were rejected before bronze.
//!
//! A snapshot removes what it does not hold. An entity whose record came, and could not be read, was not removed by its utility:
//! it stays as it was until a file holds it, or no longer names it.

use std::collections::BTreeSet;

use super::BronzeTables;
use crate::engine::Session;
use crate::frame::{Column, ColumnType, Frame, Value};
use crate::model::cell::{bare, id};
use crate::model::{Dataset, Month, Stage};
use crate::pipeline::sql::text;
use crate::pipeline::{PipelineError, rejected, tables};

/// The relation of all records of a month's dataset that may go on.
pub(super) fn all_of(dataset: Dataset) -> String {
    format!("all_{dataset}")
}

/// Relation `records`: their entities and places.
pub(super) fn ids(dataset: Dataset) -> String {
    let entity = if dataset.der_status().is_some() { "status, der_id" } else { "feeder_id" };
    format!("SELECT {entity}, _source_file, _source_line FROM records")
}

/// Names the ids of the snapshots' records `named`, and with them the texts of rejected records that may be ids, for each dataset with the
/// keys that go with them: columns `columns`, of which the last is the id and the others are constants of the dataset.
///
/// # Errors
/// The table cannot be read.
pub(super) fn name(
    session: &mut dyn Session,
    bronze: &BronzeTables<'_>,
    month: Month,
    snapshots: &[Dataset],
    columns: &[&str],
) -> Result<(), PipelineError> {
    let mut rows = Vec::new();
    for dataset in snapshots {
        let status = dataset.der_status().map(|status| Value::Text(status.to_owned()));
        let key = |id: String| status.iter().cloned().chain([Value::Text(id)]).collect::<Vec<Value>>();
        rows.extend(texts(bronze, *dataset, month)?.into_iter().map(key));
    }
    let keys = columns.join(", ");
    let columns: Vec<Column> = columns.iter().map(|column| Column::new(column, ColumnType::Text)).collect();
    let named = Frame::from_rows(&columns, &rows)
        .map_err(|error| PipelineError::Rows { table: "named entities".into(), message: error.to_string() })?;
    session.register("rejected_ids", &named.relation())?;
    let parts = snapshots.iter().map(|dataset| format!("SELECT {keys} FROM {}", all_of(*dataset)));
    let parts: Vec<String> = std::iter::once(format!("SELECT {keys} FROM rejected_ids")).chain(parts).collect();
    Ok(session.create_view("named", &parts.join(" UNION ALL "))?)
}

/// Everything in rejected records that stands between two delimiters, quotes or line ends, as ids.
fn texts(bronze: &BronzeTables<'_>, dataset: Dataset, month: Month) -> Result<BTreeSet<String>, PipelineError> {
    let delivered: Vec<_> = bronze.delivered(dataset, month).collect();
    let all_taken = delivered.iter().all(|file| file.records == Some(file.rows));
    let table = if all_taken { None } else { bronze.lake.snapshot(&tables::REJECTED.id())? };
    let Some(table) = table else { return Ok(BTreeSet::new()) };
    let partition = (bronze.adapter.id.to_string(), month.to_string());
    let is_ours = |file: &crate::lake::DataFile| {
        file.partition_value("utility_id") == Some(&partition.0) && file.partition_value("delivery_month") == Some(&partition.1)
    };
    let mut session = bronze.work.session()?;
    session.register("rejected", &table.scan(is_ours))?;
    let found = session.query(&format!(
        "SELECT raw_record FROM rejected WHERE dataset = '{dataset}' AND stage = {} AND raw_record IS NOT NULL AND {}",
        text(Stage::Bronze.as_str()),
        rejected::of_committed(delivered.into_iter())
    ))?;
    let delimiter = char::from(bronze.adapter.dialect.delimiter);
    let mut texts = BTreeSet::new();
    for raw in (0..found.height()).filter_map(|row| found.text("raw_record", row)) {
        let parts = raw.split([delimiter, '"', '\n', '\r']).map(bare);
        texts.extend(parts.filter(|part| !part.is_empty()).map(|part| id(part).into_owned()));
    }
    Ok(texts)
}
