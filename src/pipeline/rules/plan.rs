//! The SQL of each kind of rule.
//!
//! Relations are named for their subject; `feeders_moved` and `ders_moved` hold the entities that began a version in the
//! month, each beside the version before (`was_…`).

use crate::config::rules::{Check, Operator, Rule, Subject};
use crate::pipeline::sql::{name, text};

/// The condition under which a single row fails; `None` for rules that ask something of more than one row.
pub(super) fn fails(check: &Check) -> Option<String> {
    Some(match check {
        Check::NotNull { columns } => {
            columns.iter().map(|column| format!("{} IS NULL", name(column))).collect::<Vec<_>>().join(" OR ")
        }
        Check::Accepted { column, values } => {
            let list: Vec<String> = values.iter().map(|value| text(value)).collect();
            format!("{0} IS NOT NULL AND NOT ({0} IN ({1}))", name(column), list.join(", "))
        }
        Check::Range { column, least, most } => {
            let below = least.map(|least| format!("{} < {least:?}", name(column)));
            let above = most.map(|most| format!("{} > {most:?}", name(column)));
            below.into_iter().chain(above).collect::<Vec<_>>().join(" OR ")
        }
        Check::Pattern { column, pattern, matches } => {
            let not = if *matches { "NOT " } else { "" };
            format!("{0} IS NOT NULL AND {not}REGEXP_LIKE({0}, {1})", name(column), text(pattern))
        }
        Check::Parses { column } => format!("{} IS NOT NULL AND {} IS NULL", name(&format!("{column}_text")), name(column)),
        Check::DateOrder { earlier, later } => {
            format!("CAST({} AS DATE) < CAST({} AS DATE)", name(later), name(earlier))
        }
        Check::Compare { left, operator, right } => {
            let right = if right.parse::<f64>().is_ok() { right.clone() } else { name(right) };
            format!("{} {} {right}", name(left), opposite(*operator))
        }
        Check::Sum { column, of, tolerance } => {
            let sum: Vec<String> = of.iter().map(|part| name(part)).collect();
            format!("ABS({} - ({})) > {tolerance:?}", name(column), sum.join(" + "))
        }
        Check::Change { column, most } => {
            let was = was(column);
            format!("ABS({0} - {was}) > {most:?} * ABS({was})", name(column))
        }
        Check::Slip { column, factor } => {
            let was = was(column);
            let about = |big: &str, small: &str| {
                format!("({small} > 0.0 AND {big} >= {:?} * {small} AND {big} <= {:?} * {small})", factor * 0.8, factor * 1.2)
            };
            format!("{} OR {}", about(&name(column), &was), about(&was, &name(column)))
        }
        _ => return None,
    })
}

fn was(column: &str) -> String {
    name(&format!("was_{column}"))
}

const fn opposite(operator: Operator) -> &'static str {
    match operator {
        Operator::Less => Operator::AtLeast.as_str(),
        Operator::AtMost => Operator::Greater.as_str(),
        Operator::Equal => Operator::Differs.as_str(),
        Operator::Differs => Operator::Equal.as_str(),
        Operator::AtLeast => Operator::Less.as_str(),
        Operator::Greater => Operator::AtMost.as_str(),
    }
}

/// The columns that a rule asks about, of its own subject.
pub(super) fn columns(check: &Check) -> Vec<&str> {
    match check {
        Check::NotNull { columns } | Check::Unique { columns } => columns.iter().map(String::as_str).collect(),
        Check::Constant { columns, within } => columns.iter().chain([within]).map(String::as_str).collect(),
        Check::DateOrder { earlier, later } => vec![earlier, later],
        Check::Compare { left, right, .. } => vec![left, right],
        Check::Sum { column, of, .. } => of.iter().chain([column]).map(String::as_str).collect(),
        Check::RefreshAge { .. } | Check::RefreshInFuture | Check::RefreshGoesBack => vec!["hca_refresh_date"],
        other => shown(other).into_iter().collect(),
    }
}

/// The column that a failing row is shown with.
pub(super) fn shown(check: &Check) -> Option<&str> {
    match check {
        Check::NotNull { columns } | Check::Unique { columns } | Check::Constant { columns, .. } => {
            columns.first().map(String::as_str)
        }
        Check::Accepted { column, .. }
        | Check::Range { column, .. }
        | Check::Pattern { column, .. }
        | Check::Sum { column, .. }
        | Check::Change { column, .. }
        | Check::Slip { column, .. }
        | Check::MedianSlip { column, .. }
        | Check::Reference { column, .. }
        | Check::Overlap { column, .. }
        | Check::DistinctShare { column, .. }
        | Check::Parses { column } => Some(column),
        Check::DateOrder { later, .. } => Some(later),
        Check::Compare { left, .. } => Some(left),
        _ => None,
    }
}

/// The condition on the rows that are looked at, with `WHERE` before it.
pub(super) fn filter(rule: &Rule) -> String {
    rule.filter.as_ref().map_or(String::new(), |filter| format!(" WHERE ({filter})"))
}

/// How many rows each of the rules looks at and how many fail, in one pass over a relation: `checked_N, failed_N`.
pub(super) fn counts(relation: &str, rules: &[&Rule]) -> String {
    let sums: Vec<String> = rules
        .iter()
        .enumerate()
        .map(|(at, rule)| {
            let fails = fails(&rule.check).unwrap_or_else(|| "FALSE".into());
            match rule.filter.as_deref() {
                Some(filter) => format!(
                    "SUM(CASE WHEN {filter} THEN 1 ELSE 0 END) AS checked_{at},\n  SUM(CASE WHEN ({filter}) AND ({fails}) THEN 1 ELSE 0 END) AS failed_{at}"
                ),
                // A sum over a constant would be the constant.
                None => format!("COUNT(record_key) AS checked_{at},\n  SUM(CASE WHEN {fails} THEN 1 ELSE 0 END) AS failed_{at}"),
            }
        })
        .collect();
    format!("SELECT\n  {}\nFROM {relation}", sums.join(",\n  "))
}

/// The rows of a relation for which a condition holds.
pub(super) fn rows(relation: &str, rule: &Rule, condition: &str, with_lines: bool, limit: usize) -> String {
    let column = rule.show.as_deref().or_else(|| shown(&rule.check)).unwrap_or_default();
    let filter = rule.filter.as_deref().unwrap_or("TRUE");
    let value =
        rule.show.as_ref().map_or_else(|| shown_value(&rule.check), |column| format!("CAST({} AS VARCHAR)", name(column)));
    let places = if with_lines {
        "_source_file, _source_line"
    } else {
        "CAST(NULL AS VARCHAR) AS _source_file, CAST(NULL AS BIGINT) AS _source_line"
    };
    format!(
        "SELECT record_key, {} AS column_name, {value} AS value, {places} FROM {relation} WHERE ({filter}) AND ({condition}) ORDER BY record_key LIMIT {limit}",
        text(column)
    )
}

/// What is wrong, in one cell: the value, and what it was compared with.
fn shown_value(check: &Check) -> String {
    let cast = |column: &str| format!("CAST({} AS VARCHAR)", name(column));
    let pair = |left: &str, sign: &str, right: &str| {
        format!("COALESCE({left}, 'null') || {} || COALESCE({right}, 'null')", text(&format!(" {sign} ")))
    };
    match check {
        Check::Change { column, .. } | Check::Slip { column, .. } => {
            pair(&cast(column), "after", &format!("CAST({} AS VARCHAR)", was(column)))
        }
        Check::DateOrder { earlier, later } => pair(&cast(later), "before", &cast(earlier)),
        Check::Compare { left, operator, right } if right.parse::<f64>().is_err() => {
            pair(&cast(left), opposite(*operator), &cast(right))
        }
        Check::Sum { column, of, .. } => {
            let sum: Vec<String> = of.iter().map(|part| name(part)).collect();
            pair(&cast(column), "against", &format!("CAST({} AS VARCHAR)", sum.join(" + ")))
        }
        Check::Parses { column } => name(&format!("{column}_text")),
        other => shown(other).map_or_else(|| "CAST(NULL AS VARCHAR)".into(), cast),
    }
}

/// Rows beyond the first of each group of equal values: `checked, failed`.
pub(super) fn unique(relation: &str, columns: &[String], filter: &str) -> String {
    let list: Vec<String> = columns.iter().map(|column| name(column)).collect();
    let list = list.join(", ");
    format!(
        "SELECT SUM(n) AS checked, SUM(n - 1) AS failed FROM (SELECT {list}, CAST(COUNT(*) AS BIGINT) AS n FROM {relation}{} GROUP BY {list}) AS g",
        with_values(filter, columns)
    )
}

/// Groups whose rows disagree in a column: `checked, failed`.
pub(super) fn constant(relation: &str, columns: &[String], within: &str, filter: &str) -> String {
    format!(
        "SELECT COUNT(g.grp) AS checked, SUM(CASE WHEN g.torn THEN 1 ELSE 0 END) AS failed FROM ({}) AS g",
        torn(relation, columns, within, filter)
    )
}

/// One row for each group: `grp`, whether its rows disagree (`torn`), and the least and greatest value of each column.
pub(super) fn torn(relation: &str, columns: &[String], within: &str, filter: &str) -> String {
    let torn: Vec<String> = columns.iter().map(|column| format!("(MIN({0}) <> MAX({0}))", name(column))).collect();
    let group = name(within);
    format!(
        "SELECT {group} AS grp, ({}) AS torn FROM {relation}{} GROUP BY {group}",
        torn.join(" OR "),
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

/// The join that keeps rows which are, or are not, in the other relation, each once.
const fn join(when_found: bool) -> &'static str {
    if when_found { "LEFT SEMI JOIN" } else { "LEFT ANTI JOIN" }
}

/// Relation `known`: the values of a column.
pub(super) fn known(relation: &str, column: &str, condition: &str) -> String {
    format!("SELECT {0} AS known_key FROM {relation} WHERE {0} IS NOT NULL AND ({condition})", name(column))
}

/// The keys of entities that were there before and are not gone: those that are there, and of a DER that is installed now the
/// planned one that it was.
pub(super) fn still_there(subject: Subject) -> String {
    let there = known(subject.as_str(), "record_key", "TRUE");
    if subject != Subject::Ders {
        return there;
    }
    let built = "CONCAT_WS('/', 'planned', der_id)";
    format!("{there}\nUNION ALL\nSELECT {built} AS known_key FROM {subject} WHERE status = 'installed'")
}

/// The rows whose value of a column is, or is not, in relation `known`.
pub(super) fn rows_found(relation: &str, column: &str, filter: &str, when_found: bool) -> String {
    let asked = format!("SELECT * FROM {relation}{}", with_values(filter, &[column.to_owned()]));
    format!("SELECT r.* FROM ({asked}) AS r {} known AS k ON r.{} = k.known_key", join(when_found), name(column))
}

/// The rows of the groups in relation `groups` that disagree.
pub(super) fn rows_of_torn(relation: &str, within: &str) -> String {
    format!(
        "SELECT r.* FROM {relation} AS r INNER JOIN (SELECT grp AS torn_group FROM groups WHERE torn) AS g ON r.{} = g.torn_group",
        name(within)
    )
}

/// The rows that share their values with another.
pub(super) fn rows_that_share(relation: &str, columns: &[String], filter: &str) -> String {
    let list: Vec<String> = columns.iter().map(|column| name(column)).collect();
    let on: Vec<String> = list.iter().enumerate().map(|(at, column)| format!("r.{column} = g.same_{at}")).collect();
    let same: Vec<String> = list.iter().enumerate().map(|(at, column)| format!("{column} AS same_{at}")).collect();
    format!(
        "SELECT r.* FROM {relation} AS r INNER JOIN (SELECT {}, COUNT(*) AS n FROM {relation}{filter} GROUP BY {} HAVING COUNT(*) > 1) AS g ON {}",
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
