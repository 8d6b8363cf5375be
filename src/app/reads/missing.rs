//! Which columns are how empty, month by month?

use super::{QueryError, rows};
use crate::frame::Frame;
use crate::lake::Lake;
use crate::model::Month;
use crate::pipeline::sql::text;
use crate::pipeline::tables;

/// Rows of `platinum/column_quality`, by month, utility and dataset, in the order of the file.
///
/// # Errors
/// The table cannot be read.
pub fn columns(lake: &Lake, utility: Option<&str>, dataset: Option<&str>, month: Option<Month>) -> Result<Frame, QueryError> {
    let mut conditions = Vec::new();
    conditions.extend(utility.map(|utility| format!("utility_id = {}", text(utility))));
    conditions.extend(dataset.map(|dataset| format!("dataset = {}", text(dataset))));
    conditions.extend(month.map(|month| format!("delivery_month = '{month}'")));
    let filter = if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
    let sql =
        format!("SELECT * FROM t{filter} ORDER BY delivery_month, utility_id, dataset, absent, missing_count DESC, column_name");
    rows(lake, &tables::COLUMN_QUALITY, &sql)
}
