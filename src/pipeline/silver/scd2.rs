//! Versions of an entity (slowly changing dimension, type 2), as SQL.
//!
//! A version holds from `valid_from_month` up to, and without, `valid_to_month`; the current one has none. Relations by name:
//! `current_versions` before a month, `state` (what the month says of entities, one row for each key), `of_state` (the current versions of
//! these), `opened` (versions that begin with it), `named` (keys that the month names without a record), `ended_keys` (those whose version ends with it).

use crate::frame::Column;
use crate::model::Month;
use crate::pipeline::sql::{name, text};

/// Columns that say when a version holds; all others describe the entity.
const VALIDITY: [&str; 3] = ["valid_from_month", "valid_to_month", "is_current"];

/// Columns that say which record a version is of.
const PLACE: [&str; 2] = ["_source_file", "_source_line"];

fn entity_columns(columns: &[Column]) -> String {
    let of_entity = |column: &&Column| !VALIDITY.contains(&column.name.as_str());
    columns.iter().filter(of_entity).map(|column| name(&column.name)).collect::<Vec<_>>().join(", ")
}

fn all_columns(columns: &[Column]) -> String {
    columns.iter().map(|column| name(&column.name)).collect::<Vec<_>>().join(", ")
}

fn on(key: &[&str], left: &str, right: &str) -> String {
    key.iter().map(|column| format!("{left}.{column} = {right}.{column}")).collect::<Vec<_>>().join(" AND ")
}

/// The join of rows with relation `touched` that leaves those with its keys.
pub(super) fn of_touched(key: &[&str], rows: &str) -> String {
    format!("LEFT SEMI JOIN touched AS t ON {}", on(key, rows, "t"))
}

/// The join of rows with relation `touched` that leaves those without its keys.
pub(super) fn not_touched(key: &[&str], rows: &str) -> String {
    format!("LEFT ANTI JOIN touched AS t ON {}", on(key, rows, "t"))
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
        "SELECT {}, valid_from_month, CAST(NULL AS VARCHAR) AS valid_to_month, TRUE AS is_current\n\
         FROM history WHERE valid_from_month < {month} AND (valid_to_month IS NULL OR valid_to_month >= {month})",
        entity_columns(columns)
    )
}

/// The first versions that there are.
pub(super) fn initial(columns: &[Column], month: Month) -> String {
    format!("SELECT {}, {} FROM state", entity_columns(columns), from(month))
}

/// The current versions of the entities of `state`.
pub(super) fn of_state(columns: &[Column], key: &[&str]) -> String {
    format!("SELECT {} FROM current_versions AS c LEFT SEMI JOIN state AS t ON {}", all_columns(columns), on(key, "c", "t"))
}

/// The versions that begin, and whether each follows one of relation `known`.
pub(super) fn opened(columns: &[Column], key: &[&str], month: Month, known: &str) -> String {
    let each = |write: &dyn Fn(&&str) -> String| key.iter().map(write).collect::<Vec<_>>();
    format!(
        "WITH open_hashes AS (SELECT {keys}, record_hash AS open_hash FROM {known})\n\
         SELECT {entity}, {from}, (open_hash IS NOT NULL) AS replaces\n\
         FROM state AS s LEFT JOIN open_hashes AS h ON {on}\n\
         WHERE open_hash IS NULL OR open_hash <> record_hash",
        keys = each(&|column| format!("{column} AS open_{column}")).join(", "),
        entity = entity_columns(columns),
        from = from(month),
        on = each(&|column| format!("s.{column} = h.open_{column}")).join(" AND "),
    )
}

/// The keys whose version ends: another follows it, or the entity is gone, which holds for those that a join or condition of `v` leaves
/// where `state` would hold them.
pub(super) fn ended_keys(key: &[&str], gone: Option<&str>) -> String {
    let keys = key.join(", ");
    let replaced = format!("SELECT {keys} FROM opened WHERE replaces");
    let Some(gone) = gone else { return replaced };
    format!(
        "{replaced}\nUNION ALL\nSELECT {keys} FROM (SELECT {keys} FROM current_versions AS v {gone}) AS c\n\
         LEFT ANTI JOIN (SELECT {keys} FROM state UNION ALL SELECT {keys} FROM named) AS s ON {}",
        on(key, "c", "s")
    )
}

/// How many entities there were before the month, or are since, of those versions `v` that a join or condition leaves.
pub(super) fn there_are(of_versions: &str) -> String {
    format!(
        "SELECT SUM(n) AS n FROM (\n\
         SELECT COUNT(valid_from_month) AS n FROM current_versions AS v {of_versions}\n\
         UNION ALL SELECT COUNT(valid_from_month) AS n FROM (SELECT * FROM opened WHERE NOT replaces) AS v {of_versions}) AS counted"
    )
}

/// The versions that end, of those of relation `known`.
pub(super) fn ended(columns: &[Column], key: &[&str], month: Month, known: &str) -> String {
    format!(
        "SELECT {}, valid_from_month, '{month}' AS valid_to_month, FALSE AS is_current\n\
         FROM {known} AS c LEFT SEMI JOIN ended_keys AS k ON {}",
        entity_columns(columns),
        on(key, "c", "k")
    )
}

/// The current versions after the month.
pub(super) fn current(columns: &[Column], key: &[&str]) -> String {
    format!(
        "SELECT {all} FROM current_versions AS c LEFT ANTI JOIN ended_keys AS k ON {}\nUNION ALL\nSELECT {all} FROM opened",
        on(key, "c", "k"),
        all = all_columns(columns),
    )
}

/// Relation `now` beside those current versions that are of no entity of relation `touched`.
pub(super) fn merged(columns: &[Column], key: &[&str]) -> String {
    format!(
        "SELECT {all} FROM current_versions AS c {}\nUNION ALL\nSELECT {all} FROM now",
        not_touched(key, "c"),
        all = all_columns(columns)
    )
}

/// The entities of which there is one more, or one less, by the last part of their key.
pub(super) fn moved(key: &[&str]) -> String {
    let keys = key.join(", ");
    let id = key.last().copied().unwrap_or_default();
    format!(
        "SELECT {id} AS ref FROM opened WHERE NOT replaces\n\
         UNION ALL\nSELECT {id} AS ref FROM ended_keys AS k LEFT ANTI JOIN (SELECT {keys} FROM opened WHERE replaces) AS o ON {}",
        on(key, "k", "o")
    )
}

/// What holds after a month of relation `history`.
fn holds_after(month: Month) -> String {
    format!("valid_from_month <= '{month}' AND (valid_to_month IS NULL OR valid_to_month > '{month}')")
}

/// Relations `current_versions` (after a month) and `history`: how many versions the first holds (`now`), how many the other one after the
/// month (`was`), and how many of both say the same of an entity (`same`).
pub(super) fn beside_committed(key: &[&str], month: Month) -> String {
    let (keys, holds) = (key.join(", "), holds_after(month));
    format!(
        "WITH committed AS (SELECT {keys}, record_hash FROM history WHERE {holds})\n\
         SELECT SUM(now) AS now, SUM(was) AS was, SUM(same) AS same FROM (\n\
         SELECT COUNT(*) AS now, 0 AS was, 0 AS same FROM current_versions\n\
         UNION ALL SELECT 0 AS now, COUNT(*) AS was, 0 AS same FROM committed\n\
         UNION ALL SELECT 0 AS now, 0 AS was, COUNT(*) AS same FROM current_versions AS c\n\
         LEFT SEMI JOIN committed AS w ON {} AND c.record_hash = w.record_hash) AS counted",
        on(key, "c", "w")
    )
}

/// Relations `current_versions` (after a month) and `history`, which say the same of the month: the versions that hold after it as the
/// first has them, until they end as in the other one, and those that begin later. Of these, the ones in which an entity only leads
/// elsewhere are of the record that the first names.
pub(super) fn later(columns: &[Column], key: &[&str], month: Month) -> String {
    let each = |write: &dyn Fn(&str) -> String, of: &[&str]| of.iter().map(|column| write(column)).collect::<Vec<_>>();
    let places: Vec<&str> = columns.iter().map(|column| column.name.as_str()).filter(|name| PLACE.contains(name)).collect();
    let was = each(&|place| format!(", {place} AS was{place}"), &places).concat();
    let now = each(&|place| format!(", {place} AS now{place}, was{place}"), &places).concat();
    let differ = [each(&|place| format!("{place} <> was{place}"), &places), vec!["FALSE".into()]].concat().join(" OR ");
    let same = each(&|place| format!(" AND h.{place} = m.was{place}"), &places).concat();
    let of_later = columns.iter().map(|Column { name: column, .. }| match column.as_str() {
        place if PLACE.contains(&place) => format!("COALESCE(m.now{place}, h.{place}) AS {place}"),
        column => format!("h.{0} AS {0}", name(column)),
    });
    format!(
        "WITH going_on AS (SELECT {keys}, valid_to_month AS until_month, is_current AS goes_on{was} FROM history WHERE {holds}),\n\
         moved AS (SELECT {of_moved}{now} FROM current_versions AS c INNER JOIN going_on AS g ON {c_is_g} WHERE {differ})\n\
         SELECT {entity}, valid_from_month, until_month AS valid_to_month, goes_on AS is_current\n\
         FROM current_versions AS c INNER JOIN going_on AS g ON {c_is_g}\n\
         UNION ALL\nSELECT {of_later} FROM (SELECT * FROM history WHERE valid_from_month > '{month}') AS h\n\
         LEFT JOIN moved AS m ON {h_is_m}{same}",
        keys = each(&|column| format!("{column} AS same_{column}"), key).join(", "),
        holds = holds_after(month),
        of_moved = key.join(", "),
        entity = entity_columns(columns),
        of_later = of_later.collect::<Vec<_>>().join(", "),
        c_is_g = each(&|column| format!("c.{column} = g.same_{column}"), key).join(" AND "),
        h_is_m = on(key, "h", "m"),
    )
}
