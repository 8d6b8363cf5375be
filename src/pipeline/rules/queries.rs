//! The SQL that plans of rules are made from.
//!
//! Relations are named for their subject; `feeders_moved` and `ders_moved` hold the entities that began a version in the
//! month, each beside the version before (`was_…`). What a query gives beside the columns of a delivery is named `fs__…`, which no
//! column of a delivery in a rule is: the records of a file have the shape of their key (`fs__shape`).

use super::plan::RulePlan;
use crate::config::rules::{Rule, Subject};
use crate::model::Month;
use crate::pipeline::sql::{name, text};

/// The condition on the rows that are looked at, with `WHERE` before it.
pub(super) fn filter(rule: &Rule) -> String {
    rule.filter.as_ref().map_or(String::new(), |filter| format!(" WHERE ({filter})"))
}

/// A column that is never null in the rows of a subject, and is stored as it is: what rows are counted by.
pub(super) const fn in_each_row(subject: Subject) -> &'static str {
    match subject {
        Subject::Feeders | Subject::Ders => "valid_from_month",
        Subject::Delivery(_) => "_source_line",
    }
}

/// Aggregates of a relation's rows, in one pass: `figure_N`.
pub(super) fn figures<'a>(relation: &str, aggregates: impl Iterator<Item = &'a str>) -> String {
    let figures: Vec<String> = aggregates.enumerate().map(|(at, aggregate)| format!("{aggregate} AS figure_{at}")).collect();
    format!("SELECT\n  {}\nFROM {relation}", figures.join(",\n  "))
}

/// Whether rows lead to a line of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Places {
    /// To the line of their record.
    Lines,
    /// To none: a row is made from several records.
    None,
}

/// The rows of a relation for which a condition holds.
pub(super) fn rows(
    relation: &str,
    (rule, plan): (&Rule, &RulePlan<'_>),
    condition: &str,
    places: Places,
    limit: usize,
) -> String {
    let column = rule.show.as_deref().or(plan.shown).unwrap_or_default();
    let value = rule.show.as_ref().map_or_else(|| plan.value.clone(), |column| format!("CAST({} AS VARCHAR)", name(column)));
    let places = match places {
        Places::Lines => "_source_file, _source_line",
        Places::None => "CAST(NULL AS VARCHAR) AS _source_file, CAST(NULL AS BIGINT) AS _source_line",
    };
    format!(
        "SELECT record_key, {} AS column_name, {value} AS value, {places} FROM {relation} WHERE {condition} ORDER BY record_key LIMIT {limit}",
        text(column)
    )
}

/// Rows beyond the first of each group of equal values: `checked, failed`.
pub(super) fn unique(relation: &str, columns: &[String], filter: &str) -> String {
    let list: Vec<String> = columns.iter().map(|column| name(column)).collect();
    let list = list.join(", ");
    format!(
        "SELECT SUM(fs__n) AS checked, SUM(fs__n - 1) AS failed FROM (SELECT {list}, CAST(COUNT(*) AS BIGINT) AS fs__n FROM {relation}{} GROUP BY {list}) AS g",
        with_values(filter, columns)
    )
}

/// Groups whose rows disagree in a column: `checked, failed`.
pub(super) fn constant(relation: &str, columns: &[String], within: &str, filter: &str) -> String {
    format!(
        "SELECT COUNT(g.grp) AS checked, SUM(CASE WHEN g.is_inconsistent THEN 1 ELSE 0 END) AS failed FROM ({}) AS g",
        inconsistent_groups(relation, columns, within, filter)
    )
}

/// One row for each group: `grp`, whether its rows disagree (`is_inconsistent`), and the least and greatest value of each column.
pub(super) fn inconsistent_groups(relation: &str, columns: &[String], within: &str, filter: &str) -> String {
    let differs: Vec<String> = columns.iter().map(|column| format!("(MIN({0}) <> MAX({0}))", name(column))).collect();
    let group = name(within);
    format!(
        "SELECT {group} AS grp, ({}) AS is_inconsistent FROM {relation}{} GROUP BY {group}",
        differs.join(" OR "),
        with_values(filter, &[within.to_owned()])
    )
}

/// Values of a column that are, or are not, in relation `known`: `checked, failed`.
pub(super) fn found_in(relation: &str, column: &str, filter: &str, when_found: bool) -> String {
    let asked =
        format!("SELECT {column} AS asked FROM {relation}{}", with_values(filter, &[column.to_owned()]), column = name(column));
    format!(
        "SELECT SUM(checked) AS checked, SUM(failed) AS failed FROM (\n\
         SELECT COUNT(*) AS checked, 0 AS failed FROM ({asked}) AS a\nUNION ALL\n\
         SELECT 0 AS checked, COUNT(*) AS failed FROM ({asked}) AS r {} known AS k ON r.asked = k.known_key) AS counted",
        join(when_found)
    )
}

/// DERs, and those whose id has a notation.
pub(super) fn der_ids_with_notation(filter: &str) -> String {
    format!("SELECT COUNT(der_id) AS n, SUM(CASE WHEN HAS_NOTATION(der_id) THEN 1 ELSE 0 END) AS others FROM ders{filter}")
}

/// Entities with what their id is without its notation, to be named `plain`.
pub(super) fn plain_ids(relation: &str, filter: &str) -> String {
    format!("SELECT *, NOTATION(record_key) AS plain_id FROM {relation}{filter}")
}

/// Relation `plain`: numbers of the ids, which tell any two of them apart that are not shared.
pub(super) const NOTATION_NUMBERS: &str = "SELECT XXHASH64(plain_id) AS plain_number FROM plain WHERE plain_id IS NOT NULL";

/// Relation `plain_numbers`: how many ids there are, and how many numbers.
pub(super) const NOTATIONS_BY_NUMBER: &str =
    "SELECT COUNT(plain_number) AS n, COUNT(DISTINCT plain_number) AS numbers FROM plain_numbers";

/// Relation `plain`: entities, and those beyond the first of each notation: `checked, failed`.
pub(super) const NOTATIONS: &str = "SELECT n AS checked, n - plain AS failed FROM\n\
    (SELECT CAST(COUNT(plain_id) AS BIGINT) AS n, CAST(COUNT(DISTINCT plain_id) AS BIGINT) AS plain FROM plain) AS p";

/// Relation `plain`: the entities that share their notation with another.
pub(super) const ROWS_OF_ONE_NOTATION: &str = "SELECT p.* FROM plain AS p INNER JOIN\n\
    (SELECT plain_id AS shared_id, COUNT(*) AS n FROM plain GROUP BY plain_id HAVING COUNT(*) > 1) AS s ON p.plain_id = s.shared_id";

/// The join that keeps rows which are, or are not, in the other relation, each once.
const fn join(when_found: bool) -> &'static str {
    if when_found { "LEFT SEMI JOIN" } else { "LEFT ANTI JOIN" }
}

/// Relation `known`: the values of a column.
pub(super) fn known(relation: &str, column: &str, condition: &str) -> String {
    format!("SELECT {0} AS known_key FROM {relation} WHERE {0} IS NOT NULL AND ({condition})", name(column))
}

/// Relations `began` and `ended` (versions that may have, in a month): the entities whose version ended, and that have no other.
pub(super) fn ended_for_good(key: &str, month: Month, filter: &str) -> String {
    format!(
        "WITH followed AS (SELECT {key} AS followed_key FROM began WHERE valid_from_month = '{month}'),\n\
         closed AS (SELECT *, {key} AS record_key FROM ended WHERE valid_to_month = '{month}')\n\
         SELECT c.* FROM (SELECT * FROM closed{filter}) AS c LEFT ANTI JOIN followed AS f ON c.record_key = f.followed_key"
    )
}

/// Relation `ended_for_good` without the planned DERs that are installed now.
pub(super) fn vanished(subject: Subject) -> String {
    if subject != Subject::Ders {
        return "SELECT * FROM ended_for_good".into();
    }
    let built = format!("SELECT CONCAT_WS('/', 'planned', der_id) AS built_key FROM {subject} WHERE status = 'installed'");
    format!("SELECT e.* FROM ended_for_good AS e LEFT ANTI JOIN ({built}) AS b ON e.record_key = b.built_key")
}

/// The rows whose value of a column is, or is not, in relation `known`.
pub(super) fn rows_found(relation: &str, column: &str, filter: &str, when_found: bool) -> String {
    let asked = format!("SELECT * FROM {relation}{}", with_values(filter, &[column.to_owned()]));
    format!("SELECT r.* FROM ({asked}) AS r {} known AS k ON r.{} = k.known_key", join(when_found), name(column))
}

/// The rows of the groups in relation `groups` that disagree.
pub(super) fn rows_of_inconsistent_groups(relation: &str, within: &str) -> String {
    format!(
        "SELECT r.* FROM {relation} AS r INNER JOIN (SELECT grp AS fs__group FROM groups WHERE is_inconsistent) AS g ON r.{} = g.fs__group",
        name(within)
    )
}

/// The rows that share their values with another.
pub(super) fn rows_that_share(relation: &str, columns: &[String], filter: &str) -> String {
    let list: Vec<String> = columns.iter().map(|column| name(column)).collect();
    let on: Vec<String> = list.iter().enumerate().map(|(at, column)| format!("r.{column} = g.fs__same_{at}")).collect();
    let same: Vec<String> = list.iter().enumerate().map(|(at, column)| format!("{column} AS fs__same_{at}")).collect();
    format!(
        "SELECT r.* FROM {relation} AS r INNER JOIN (SELECT {}, COUNT(*) AS fs__n FROM {relation}{filter} GROUP BY {} HAVING COUNT(*) > 1) AS g ON {}",
        same.join(", "),
        list.join(", "),
        on.join(" AND ")
    )
}

/// The condition of a rule, on rows that have a value in each of the columns: what is missing is no value in common.
fn with_values(filter: &str, columns: &[String]) -> String {
    let present: Vec<String> = columns.iter().map(|column| format!("{} IS NOT NULL", name(column))).collect();
    let joint = if filter.is_empty() { " WHERE " } else { " AND " };
    format!("{filter}{joint}{}", present.join(" AND "))
}
