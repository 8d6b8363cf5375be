//! What was rejected, and why?

use super::list::List;
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

/// The same as a list that is read piece by piece.
pub fn list(wanted: RejectedFilter<'_>) -> List {
    List {
        table: &tables::REJECTED,
        rows: format!("SELECT * FROM t{}", wanted.condition()),
        order: &["-delivery_month", "utility_id", "source_file", "source_line", "reason", "column_name", "value", "run_id"],
        known: "reason",
    }
}

/// How many rows of a month were rejected, by file and reason, and the first line of each: `month, source_file, reason, records,
/// first_line` (null for a whole file).
///
/// # Errors
/// The table cannot be read.
pub fn groups(lake: &Lake, wanted: RejectedFilter<'_>) -> Result<Frame, QueryError> {
    let sql = format!(
        "SELECT delivery_month AS month, source_file, reason, COUNT(*) AS records, MIN(source_line) AS first_line FROM t{}\n\
         GROUP BY delivery_month, source_file, reason ORDER BY month, source_file, reason",
        wanted.condition()
    );
    rows(lake, &tables::REJECTED, &sql)
}

impl RejectedFilter<'_> {
    fn condition(&self) -> String {
        let mut conditions = Vec::new();
        conditions.extend(self.utility.map(|utility| format!("utility_id = {}", text(utility))));
        conditions.extend(self.dataset.map(|dataset| format!("dataset = {}", text(dataset))));
        conditions.extend(self.month.map(|month| format!("delivery_month = '{month}'")));
        conditions.extend(self.reason.map(|reason| format!("reason = {}", text(reason))));
        if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) }
    }
}

/// Rows of `silver/rejected`, the newest month first, then by utility, file and line.
///
/// # Errors
/// The table cannot be read.
pub fn records(lake: &Lake, wanted: RejectedFilter<'_>) -> Result<Frame, QueryError> {
    let sql = format!("SELECT * FROM t{} ORDER BY delivery_month DESC, utility_id, source_file, source_line", wanted.condition());
    rows(lake, &tables::REJECTED, &sql)
}
