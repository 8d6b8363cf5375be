//! Tables of operation, to which rows are only ever added: runs, outcomes of rules, decisions.

use super::PipelineError;
use crate::lake::{Change, Column, Frame, Lake, Layer, TableId, Value};

/// `ops/runs`.
pub fn runs_table() -> TableId {
    TableId::new(Layer::Ops, "runs")
}

/// Adds rows to a table, which is made if it does not exist, and records what they were made from; no rows, no commit.
///
/// # Errors
/// The rows do not fit, or the log cannot be written.
pub fn append(
    lake: &Lake,
    table: &TableId,
    columns: &[Column],
    rows: &[Vec<Value>],
    transactions: Vec<(String, i64)>,
) -> Result<(), PipelineError> {
    if rows.is_empty() {
        return Ok(());
    }
    let base = lake.snapshot(table)?;
    let frame = Frame::from_rows(columns, rows)
        .map_err(|error| PipelineError::Rows { table: table.to_string(), message: error.to_string() })?;
    let mut writer = lake.write(table, columns, &[])?;
    writer.push(&frame)?;
    let add = vec![writer.finish()?];
    let change = Change { base: base.as_ref(), columns, partition_by: &[], add, remove: Vec::new(), transactions };
    lake.commit(table, change)?;
    Ok(())
}
