//! The two queries that the lakehouse exists for.

use super::{QueryError, rows};
use crate::frame::Frame;
use crate::lake::Lake;
use crate::model::FeederId;
use crate::pipeline::sql::text;
use crate::pipeline::tables;

/// Current feeders with strictly more than `over_mw` of hosting capacity, or all of them, by falling capacity.
///
/// # Errors
/// The table cannot be read.
pub fn feeders(lake: &Lake, over_mw: Option<f64>, utility: Option<&str>, limit: Option<usize>) -> Result<Frame, QueryError> {
    let mut conditions = Vec::new();
    conditions.extend(over_mw.map(|mw| format!("max_hosting_capacity_mw > {mw:?}")));
    conditions.extend(utility.map(|utility| format!("utility_id = {}", text(utility))));
    let sql = format!(
        "SELECT * FROM t{} ORDER BY max_hosting_capacity_mw DESC NULLS LAST, utility_id, feeder_id{}",
        where_all(&conditions),
        limit.map_or(String::new(), |limit| format!(" LIMIT {limit}"))
    );
    rows(lake, &tables::FEEDER_CAPACITY, &sql)
}

/// Current DERs of a feeder, by status and id.
///
/// # Errors
/// The table cannot be read.
pub fn ders(lake: &Lake, feeder_id: &FeederId, utility: Option<&str>, status: Option<&str>) -> Result<Frame, QueryError> {
    let mut conditions = vec![format!("feeder_id = {}", text(feeder_id.as_str()))];
    conditions.extend(utility.map(|utility| format!("utility_id = {}", text(utility))));
    conditions.extend(status.map(|status| format!("status = {}", text(status))));
    let sql = format!("SELECT * FROM t{} ORDER BY utility_id, status, der_id", where_all(&conditions));
    rows(lake, &tables::DER_DETAILS, &sql)
}

/// Whether a current feeder of that id exists.
///
/// # Errors
/// The table cannot be read.
pub fn feeder_exists(lake: &Lake, feeder_id: &FeederId) -> Result<bool, QueryError> {
    let sql = format!("SELECT feeder_id FROM t WHERE feeder_id = {} LIMIT 1", text(feeder_id.as_str()));
    Ok(rows(lake, &tables::FEEDER_CAPACITY, &sql)?.height() > 0)
}

/// Whether any load got as far as feeders.
///
/// # Errors
/// The log cannot be read.
pub fn has_feeders(lake: &Lake) -> Result<bool, QueryError> {
    Ok(lake.snapshot(&tables::FEEDER_CAPACITY.id())?.is_some())
}

fn where_all(conditions: &[String]) -> String {
    if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) }
}
