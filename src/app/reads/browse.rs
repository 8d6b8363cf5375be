//! The two queries that the lakehouse exists for: as things are, and as they were after an earlier month.

use super::list::List;
use super::{QueryError, register, rows};
use crate::engine::local;
use crate::frame::Frame;
use crate::lake::Lake;
use crate::model::{Cancel, FeederId, Month};
use crate::pipeline::sql::{sum_of_units, text};
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

/// Feeders as they stood after a month, with the columns of [`feeders`] that the history holds, in the same order.
///
/// Grain: one row a feeder that had been delivered by then. `installed_der_count` and its like count the DERs that stood after the
/// month; `delivery_month` is the month itself.
///
/// # Errors
/// A table cannot be read.
pub fn feeders_as_of(
    lake: &Lake,
    month: Month,
    over_mw: Option<f64>,
    utility: Option<&str>,
    limit: Option<usize>,
) -> Result<Frame, QueryError> {
    let mut session = local().session(&Cancel::default())?;
    register(session.as_mut(), lake, "feeders", &tables::FEEDERS)?;
    register(session.as_mut(), lake, "ders", &tables::DERS)?;
    let mut conditions = vec![stood(month)];
    conditions.extend(utility.map(|utility| format!("utility_id = {}", text(utility))));
    let of_utility = where_all(&conditions);
    conditions.extend(over_mw.map(|mw| format!("max_hosting_capacity_mw > {mw:?}")));
    let count = |status: &str| format!("CAST(SUM(CASE WHEN status = '{status}' THEN 1 ELSE 0 END) AS BIGINT)");
    let megawatts = |status: &str| {
        format!("QUOTIENT({}, -3)", sum_of_units(&format!("UNITS(CASE WHEN status = '{status}' THEN nameplate_kw END)")))
    };
    session.create_view(
        "totals",
        &format!(
            "SELECT utility_id, feeder_id, {} AS installed, {} AS planned, {} AS installed_mw, {} AS planned_mw\n\
             FROM ders{of_utility} GROUP BY utility_id, feeder_id",
            count("installed"),
            count("planned"),
            megawatts("installed"),
            megawatts("planned"),
        ),
    )?;
    session.create_view("stood", &format!("SELECT * FROM feeders{}", where_all(&conditions)))?;
    let sql = format!(
        "SELECT f.utility_id AS utility_id, f.feeder_id AS feeder_id, f.voltage_kv AS voltage_kv,\n\
         \x20 f.max_hosting_capacity_mw AS max_hosting_capacity_mw, f.min_hosting_capacity_mw AS min_hosting_capacity_mw,\n\
         \x20 f.hca_refresh_date AS hca_refresh_date, COALESCE(d.installed, 0) AS installed_der_count,\n\
         \x20 COALESCE(d.planned, 0) AS planned_der_count, COALESCE(d.installed_mw, 0.0) AS installed_der_mw,\n\
         \x20 COALESCE(d.planned_mw, 0.0) AS planned_der_mw, f.segment_count AS segment_count,\n\
         \x20 f.circuit_count AS circuit_count, f.valid_from_month AS last_changed_month, '{month}' AS delivery_month\n\
         FROM stood AS f LEFT JOIN totals AS d ON f.utility_id = d.utility_id AND f.feeder_id = d.feeder_id\n\
         ORDER BY max_hosting_capacity_mw DESC NULLS LAST, utility_id, feeder_id{}",
        limit.map_or(String::new(), |limit| format!(" LIMIT {limit}"))
    );
    Ok(session.query(&sql)?)
}

/// DERs of a feeder as they stood after a month, by status and id.
///
/// # Errors
/// The table cannot be read.
pub fn ders_as_of(
    lake: &Lake,
    month: Month,
    feeder_id: &FeederId,
    utility: Option<&str>,
    status: Option<&str>,
) -> Result<Frame, QueryError> {
    let mut conditions = vec![stood(month), format!("feeder_id = {}", text(feeder_id.as_str()))];
    conditions.extend(utility.map(|utility| format!("utility_id = {}", text(utility))));
    conditions.extend(status.map(|status| format!("status = {}", text(status))));
    let sql = format!(
        "SELECT utility_id, feeder_id, der_id, status, der_type, nameplate_kw, nameplate_kw / 1000.0 AS nameplate_mw, technologies,\n\
         \x20 feeder_ref, feeder_match, planned_in_service_date, queue_position_at, project_status, interconnection_cost_usd,\n\
         \x20 valid_from_month AS last_changed_month, '{month}' AS delivery_month\n\
         FROM t{} ORDER BY utility_id, status, der_id",
        where_all(&conditions)
    );
    rows(lake, &tables::DERS, &sql)
}

/// All DERs of a scope, current or as they stood after a month, with the columns of [`ders`]: a list that is read piece by piece.
pub fn all_ders(month: Option<Month>, utility: Option<&str>, status: Option<&str>) -> List {
    let mut conditions: Vec<String> = month.map(stood).into_iter().collect();
    conditions.extend(utility.map(|utility| format!("utility_id = {}", text(utility))));
    conditions.extend(status.map(|status| format!("status = {}", text(status))));
    let also = if month.is_some() { "CAST(NULL AS BOOLEAN) AS also_installed" } else { "also_installed" };
    let changed = if month.is_some() { "valid_from_month AS last_changed_month" } else { "last_changed_month" };
    List {
        table: if month.is_some() { &tables::DERS } else { &tables::DER_DETAILS },
        rows: format!(
            "SELECT utility_id, feeder_id, der_id, status, der_type, nameplate_kw, {also}, technologies, feeder_ref, feeder_match,\n\
             \x20 planned_in_service_date, queue_position_at, project_status, interconnection_cost_usd, {changed} FROM t{}",
            where_all(&conditions)
        ),
        order: &["utility_id", "status", "der_id"],
        known: "status",
    }
}

/// Versions that stood after a month.
fn stood(month: Month) -> String {
    format!("valid_from_month <= '{month}' AND (valid_to_month IS NULL OR valid_to_month > '{month}')")
}

/// The versions of a feeder, oldest first: `valid_from_month`, `valid_to_month` (null for the current one), and what describes it.
///
/// # Errors
/// The table cannot be read.
pub fn versions(lake: &Lake, utility: &str, feeder_id: &FeederId) -> Result<Frame, QueryError> {
    let sql = format!(
        "SELECT valid_from_month, valid_to_month, max_hosting_capacity_mw, min_hosting_capacity_mw, voltage_kv, hca_refresh_date,\n\
         \x20 segment_count, circuit_count, notes FROM t WHERE utility_id = {} AND feeder_id = {} ORDER BY valid_from_month",
        text(utility),
        text(feeder_id.as_str())
    );
    rows(lake, &tables::FEEDERS, &sql)
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
