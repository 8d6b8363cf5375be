//! Versions of an entity (slowly changing dimension, type 2), as SQL.
//!
//! A version holds from `valid_from_month` up to, and without, `valid_to_month`; the current one has none.

use crate::frame::Column;
use crate::model::Month;
use crate::pipeline::sql::{name, text};

/// Columns that say when a version holds; all others describe the entity.
const VALIDITY: [&str; 3] = ["valid_from_month", "valid_to_month", "is_current"];

fn entity_columns(columns: &[Column], alias: &str) -> String {
    let named: Vec<String> = columns
        .iter()
        .filter(|column| !VALIDITY.contains(&column.name.as_str()))
        .map(|column| format!("{alias}.{0} AS {0}", name(&column.name)))
        .collect();
    named.join(", ")
}

/// Relation `history` as it was before a month: later versions gone, those that they closed open again.
pub(super) fn rollback_to(columns: &[Column], month: Month) -> String {
    let month = text(&month.to_string());
    format!(
        "SELECT {entity}, h.valid_from_month AS valid_from_month,\n\
         \x20 CASE WHEN h.valid_to_month < {month} THEN h.valid_to_month ELSE NULL END AS valid_to_month,\n\
         \x20 CASE WHEN h.valid_to_month < {month} THEN FALSE ELSE TRUE END AS is_current\n\
         FROM history AS h\nWHERE h.valid_from_month < {month}",
        entity = entity_columns(columns, "h")
    )
}

/// Relation `state` as the first versions that there are.
pub(super) fn initial(columns: &[Column], month: Month) -> String {
    format!(
        "SELECT {}, '{month}' AS valid_from_month, CAST(NULL AS VARCHAR) AS valid_to_month, TRUE AS is_current FROM state AS s",
        entity_columns(columns, "s")
    )
}

/// Relation `history` after the month whose full state is relation `state`.
pub(super) fn merge(columns: &[Column], key: &[&str], month: Month) -> String {
    let month = text(&month.to_string());
    let on: Vec<String> = key.iter().map(|column| format!("h.{column} = s.{column}")).collect();
    let on = on.join(" AND ");
    let keys = key.join(", ");
    let (of_history, of_state) = (entity_columns(columns, "h"), entity_columns(columns, "s"));
    format!(
        "WITH open_versions AS (SELECT * FROM history WHERE is_current),\n\
         state_hashes AS (SELECT {keys}, record_hash FROM state),\n\
         open_hashes AS (SELECT {keys}, record_hash AS open_hash FROM open_versions)\n\
         SELECT {of_history}, h.valid_from_month AS valid_from_month, h.valid_to_month AS valid_to_month, h.is_current AS is_current\n\
         FROM history AS h WHERE NOT h.is_current\n\
         UNION ALL\n\
         SELECT {of_history}, h.valid_from_month AS valid_from_month,\n\
         \x20 CASE WHEN s.record_hash = h.record_hash THEN CAST(NULL AS VARCHAR) ELSE {month} END AS valid_to_month,\n\
         \x20 CASE WHEN s.record_hash = h.record_hash THEN TRUE ELSE FALSE END AS is_current\n\
         FROM open_versions AS h LEFT JOIN state_hashes AS s ON {on}\n\
         UNION ALL\n\
         SELECT {of_state}, {month} AS valid_from_month, CAST(NULL AS VARCHAR) AS valid_to_month, TRUE AS is_current\n\
         FROM state AS s LEFT JOIN open_hashes AS h ON {on}\n\
         WHERE h.open_hash IS NULL OR h.open_hash <> s.record_hash"
    )
}
