//! Where is something of which somebody knows a part: an id, an address?

use super::{QueryError, register, rows};
use crate::engine::local;
use crate::frame::Frame;
use crate::lake::Lake;
use crate::model::Cancel;
use crate::pipeline::sql::text;
use crate::pipeline::tables;

/// Utility and id of every current feeder.
///
/// # Errors
/// The table cannot be read.
pub fn feeders(lake: &Lake) -> Result<Frame, QueryError> {
    rows(lake, &tables::FEEDER_CAPACITY, "SELECT utility_id, feeder_id FROM t ORDER BY utility_id, feeder_id")
}

/// Utility, dataset and name of every column that was ever delivered.
///
/// # Errors
/// The table cannot be read.
pub fn columns(lake: &Lake) -> Result<Frame, QueryError> {
    let sql = "SELECT DISTINCT utility_id, dataset, column_name FROM t ORDER BY column_name, utility_id, dataset";
    rows(lake, &tables::COLUMN_QUALITY, sql)
}

/// Current DERs whose id begins with a text, or whose id, address or reference holds it, at most `limit`; those that begin with it
/// first. Case does not matter.
///
/// # Errors
/// The table cannot be read.
pub fn ders((lake, cancel): (&Lake, &Cancel), part: &str, limit: usize) -> Result<Frame, QueryError> {
    let any_case = text(&format!("(?i){}", regex::escape(part)));
    let part = text(&part.to_lowercase());
    // Texts that are made lower first are written once more, all of them.
    let holds = |column: &str| format!("REGEXP_LIKE({column}, {any_case})");
    let sql = format!(
        "SELECT utility_id, der_id, status, feeder_id, der_type, nameplate_kw, service_address,\n\
         \x20 CASE WHEN STARTS_WITH(LOWER(der_id), {part}) THEN 0 ELSE 1 END AS place\n\
         FROM t WHERE is_current AND ({} OR {} OR {}) ORDER BY place, der_id, utility_id, status LIMIT {limit}",
        holds("der_id"),
        holds("service_address"),
        holds("feeder_ref")
    );
    let mut session = local().session(cancel)?;
    register(session.as_mut(), lake, "t", &tables::DERS)?;
    Ok(session.query(&sql)?)
}
