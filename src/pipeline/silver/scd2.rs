//! Versions of an entity (slowly changing dimension, type 2), as SQL.
//!
//! A version holds from `valid_from_month` up to, and without, `valid_to_month`; the current one has none. Relations by name:
//! `current_versions` before a month, `state` (what the month says of entities, one row for each key), `opened` (versions that
//! begin with it), `named` (keys that the month names without a record), `ended_keys` (those whose version ends with it).

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

fn all_columns(columns: &[Column], alias: &str) -> String {
    columns.iter().map(|column| format!("{alias}.{0} AS {0}", name(&column.name))).collect::<Vec<_>>().join(", ")
}

fn on(key: &[&str], left: &str, right: &str) -> String {
    key.iter().map(|column| format!("{left}.{column} = {right}.{column}")).collect::<Vec<_>>().join(" AND ")
}

/// What a version is that begins with a month.
fn from(month: Month) -> String {
    format!("'{month}' AS valid_from_month, CAST(NULL AS VARCHAR) AS valid_to_month, TRUE AS is_current")
}

/// Relation `history`: the versions that had ended before a month.
pub(super) fn ended_before(month: Month) -> String {
    format!("SELECT * FROM history WHERE valid_to_month < {}", text(&month.to_string()))
}

/// Relation `history`: the versions that were current before a month; what it or a later one ended is open again.
pub(super) fn current_before(columns: &[Column], month: Month) -> String {
    let month = text(&month.to_string());
    format!(
        "SELECT {}, h.valid_from_month AS valid_from_month, CAST(NULL AS VARCHAR) AS valid_to_month, TRUE AS is_current\n\
         FROM history AS h WHERE h.valid_from_month < {month} AND (h.valid_to_month IS NULL OR h.valid_to_month >= {month})",
        entity_columns(columns, "h")
    )
}

/// The first versions that there are.
pub(super) fn initial(columns: &[Column], month: Month) -> String {
    format!("SELECT {}, {} FROM state AS s", entity_columns(columns, "s"), from(month))
}

/// The versions that begin, and whether each follows another.
pub(super) fn opened(columns: &[Column], key: &[&str], month: Month) -> String {
    format!(
        "WITH open_hashes AS (SELECT {keys}, record_hash AS open_hash FROM current_versions)\n\
         SELECT {of_state}, {from}, (h.open_hash IS NOT NULL) AS replaces\n\
         FROM state AS s LEFT JOIN open_hashes AS h ON {on}\n\
         WHERE h.open_hash IS NULL OR h.open_hash <> s.record_hash",
        keys = key.join(", "),
        of_state = entity_columns(columns, "s"),
        from = from(month),
        on = on(key, "h", "s"),
    )
}

/// The keys whose version ends: another follows it, or the entity is gone, which holds for the ones that meet a condition
/// where `state` would hold them.
pub(super) fn ended_keys(key: &[&str], gone: Option<&str>) -> String {
    let keys = key.join(", ");
    let replaced = format!("SELECT {keys} FROM opened WHERE replaces");
    let Some(gone) = gone else { return replaced };
    let of_current: Vec<String> = key.iter().map(|column| format!("c.{column} AS {column}")).collect();
    format!(
        "{replaced}\nUNION ALL\nSELECT {} FROM (SELECT {keys} FROM current_versions WHERE {gone}) AS c\n\
         LEFT ANTI JOIN (SELECT {keys} FROM state UNION ALL SELECT {keys} FROM named) AS s ON {}",
        of_current.join(", "),
        on(key, "c", "s")
    )
}

/// The versions that end.
pub(super) fn ended(columns: &[Column], key: &[&str], month: Month) -> String {
    format!(
        "SELECT {}, c.valid_from_month AS valid_from_month, '{month}' AS valid_to_month, FALSE AS is_current\n\
         FROM current_versions AS c LEFT SEMI JOIN ended_keys AS k ON {}",
        entity_columns(columns, "c"),
        on(key, "c", "k")
    )
}

/// The current versions after the month.
pub(super) fn current(columns: &[Column], key: &[&str]) -> String {
    format!(
        "SELECT {} FROM current_versions AS c LEFT ANTI JOIN ended_keys AS k ON {}\n\
         UNION ALL\nSELECT {} FROM opened AS o",
        all_columns(columns, "c"),
        on(key, "c", "k"),
        all_columns(columns, "o")
    )
}

/// The entities of which there is one more, or one less, by the last part of their key.
pub(super) fn moved(key: &[&str]) -> String {
    let keys = key.join(", ");
    let id = key.last().copied().unwrap_or_default();
    format!(
        "SELECT {id} AS ref FROM opened WHERE NOT replaces\n\
         UNION ALL\nSELECT k.{id} AS ref FROM ended_keys AS k LEFT ANTI JOIN (SELECT {keys} FROM opened WHERE replaces) AS o ON {}",
        on(key, "k", "o")
    )
}
