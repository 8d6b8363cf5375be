//! What did runs do, and why did they fail?

use super::{QueryError, rows};
use crate::frame::Frame;
use crate::lake::Lake;
use crate::pipeline::sql::text;
use crate::pipeline::tables;

/// Rows of `ops/runs`, the newest run first; all of one run, or the newest `limit` rows.
///
/// # Errors
/// The table cannot be read.
pub fn history(lake: &Lake, run_id: Option<&str>, limit: usize) -> Result<Frame, QueryError> {
    let sql = match run_id {
        // An id may be cut off as long as it names one run.
        Some(id) => format!("SELECT * FROM t WHERE STARTS_WITH(run_id, {}) ORDER BY started_at DESC, source_file", text(id)),
        None => format!("SELECT * FROM t ORDER BY started_at DESC, utility_id, dataset, source_file LIMIT {limit}"),
    };
    rows(lake, &tables::RUNS, &sql)
}
