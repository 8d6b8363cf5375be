//! What was rejected, and why?

use super::{QueryError, rows};
use crate::frame::Frame;
use crate::lake::Lake;
use crate::model::Month;
use crate::pipeline::sql::text;
use crate::pipeline::tables;

/// Which records are wanted; those of all where it is silent.
#[derive(Debug, Clone, Copy, Default)]
pub struct RejectedFilter<'a> {
    /// Only of this utility.
    pub utility: Option<&'a str>,
    /// Only of this dataset.
    pub dataset: Option<&'a str>,
    /// Only of this month.
    pub month: Option<Month>,
    /// Only for this reason.
    pub reason: Option<&'a str>,
}

/// Rows of `silver/rejected`, the newest month first, then by utility, file and line.
///
/// # Errors
/// The table cannot be read.
pub fn records(lake: &Lake, wanted: RejectedFilter<'_>) -> Result<Frame, QueryError> {
    let mut conditions = Vec::new();
    conditions.extend(wanted.utility.map(|utility| format!("utility_id = {}", text(utility))));
    conditions.extend(wanted.dataset.map(|dataset| format!("dataset = {}", text(dataset))));
    conditions.extend(wanted.month.map(|month| format!("delivery_month = '{month}'")));
    conditions.extend(wanted.reason.map(|reason| format!("reason = {}", text(reason))));
    let filter = if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
    let sql = format!("SELECT * FROM t{filter} ORDER BY delivery_month DESC, utility_id, source_file, source_line");
    rows(lake, &tables::REJECTED, &sql)
}
