//! What changed from month to month?

use super::{QueryError, register, rows};
use crate::engine::local;
use crate::frame::Frame;
use crate::lake::Lake;
use crate::model::{Cancel, Entity, Month};
use crate::pipeline::sql::text;
use crate::pipeline::tables;

/// Rows of `platinum/month_diff`, by utility, dataset and month.
///
/// # Errors
/// The table cannot be read.
pub fn diffs(lake: &Lake, utility: Option<&str>, month: Option<Month>) -> Result<Frame, QueryError> {
    let sql = format!("SELECT * FROM t{} ORDER BY utility_id, dataset, delivery_month", filter(utility, month));
    rows(lake, &tables::MONTH_DIFF, &sql)
}

/// Rows of `platinum/field_changes`, the most changed columns first.
///
/// # Errors
/// The table cannot be read.
pub fn fields(lake: &Lake, utility: Option<&str>, month: Option<Month>) -> Result<Frame, QueryError> {
    let sql = format!(
        "SELECT * FROM t{} ORDER BY utility_id, dataset, delivery_month, changed DESC, cosmetic DESC, column_name",
        filter(utility, month)
    );
    rows(lake, &tables::FIELD_CHANGES, &sql)
}

fn filter(utility: Option<&str>, month: Option<Month>) -> String {
    let mut conditions = Vec::new();
    conditions.extend(utility.map(|utility| format!("utility_id = {}", text(utility))));
    conditions.extend(month.map(|month| format!("delivery_month = '{month}'")));
    if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) }
}

/// Feeders and DERs as they stood after two months: each that was added, removed or changed, with the columns that
/// differ; one row for each difference.
///
/// # Errors
/// The tables cannot be read.
pub fn between(lake: &Lake, from: Month, to: Month, utility: Option<&str>) -> Result<Frame, QueryError> {
    let parts = Entity::ALL.map(|entity| entity_between(lake, entity, from, to, utility));
    Frame::stack(&parts.into_iter().collect::<Result<Vec<_>, _>>()?).map_err(QueryError::from)
}

fn entity_between(lake: &Lake, entity: Entity, from: Month, to: Month, utility: Option<&str>) -> Result<Frame, QueryError> {
    let mut session = local().session(&Cancel::default())?;
    let (table, key) = match entity {
        Entity::Feeders => (&tables::FEEDERS, "feeder_id"),
        Entity::Ders => (&tables::DERS, "CONCAT_WS('/', status, der_id)"),
    };
    register(session.as_mut(), lake, "versions", table)?;
    let of_utility = utility.map_or(String::new(), |utility| format!(" AND utility_id = {}", text(utility)));
    for (name, month) in [("earlier", from), ("later", to)] {
        session.create_view(
            name,
            &format!(
                "SELECT *, {key} AS entity_key FROM versions WHERE valid_from_month <= '{month}' AND (valid_to_month IS NULL OR valid_to_month > '{month}'){of_utility}"
            ),
        )?;
    }
    let head = format!("'{}' AS entity", entity.as_str());
    // A planned DER that is installed now is neither new nor gone.
    let mut built = (String::from("'added'"), String::new());
    let mut gone = (String::from("'removed'"), String::new());
    if entity == Entity::Ders {
        let other = |relation: &str, status: &str| {
            format!(" LEFT JOIN (SELECT utility_id AS ou, der_id AS od, 1 AS oh FROM {relation} WHERE status = '{status}') AS o")
        };
        built = (
            "CASE WHEN l.status = 'installed' AND o.oh IS NOT NULL THEN 'planned → installed' ELSE 'added' END".into(),
            format!("{} ON l.utility_id = o.ou AND l.der_id = o.od", other("earlier", "planned")),
        );
        gone = (
            "CASE WHEN e.status = 'planned' AND o.oh IS NOT NULL THEN 'no longer planned' ELSE 'removed' END".into(),
            format!("{} ON e.utility_id = o.ou AND e.der_id = o.od", other("later", "installed")),
        );
    }
    let ((added, of_planned), (removed, of_installed)) = (built, gone);
    let mut parts = vec![
        format!(
            "SELECT {head}, l.utility_id AS utility_id, l.entity_key AS entity_key, {added} AS change, CAST(NULL AS VARCHAR) AS column_name, \
             CAST(NULL AS VARCHAR) AS old_value, CAST(NULL AS VARCHAR) AS new_value FROM later AS l \
             LEFT JOIN (SELECT utility_id AS u, entity_key AS k, record_hash AS h FROM earlier) AS e ON l.utility_id = e.u AND l.entity_key = e.k{of_planned} WHERE e.h IS NULL"
        ),
        format!(
            "SELECT {head}, e.utility_id AS utility_id, e.entity_key AS entity_key, {removed} AS change, CAST(NULL AS VARCHAR) AS column_name, \
             CAST(NULL AS VARCHAR) AS old_value, CAST(NULL AS VARCHAR) AS new_value FROM earlier AS e \
             LEFT JOIN (SELECT utility_id AS u, entity_key AS k, record_hash AS h FROM later) AS l ON e.utility_id = l.u AND e.entity_key = l.k{of_installed} WHERE l.h IS NULL"
        ),
    ];
    for column in entity.described() {
        parts.push(format!(
            "SELECT {head}, l.utility_id AS utility_id, l.entity_key AS entity_key, 'changed' AS change, '{column}' AS column_name, \
             CAST(e.old_value AS VARCHAR) AS old_value, CAST(l.{column} AS VARCHAR) AS new_value FROM later AS l \
             INNER JOIN (SELECT utility_id AS u, entity_key AS k, {column} AS old_value FROM earlier) AS e ON l.utility_id = e.u AND l.entity_key = e.k \
             WHERE l.{column} IS DISTINCT FROM e.old_value",
            column = column.name
        ));
    }
    session.create_view("differences", &parts.join("\nUNION ALL\n"))?;
    Ok(session.query("SELECT * FROM differences ORDER BY utility_id, entity_key, change, column_name")?)
}

/// How many of each kind of change [`between`] found, by entity, utility and column.
///
/// # Errors
/// The query is wrong.
pub fn counted(differences: &Frame) -> Result<Frame, QueryError> {
    let mut session = local().session(&Cancel::default())?;
    session.register("t", &differences.relation())?;
    Ok(session.query(
        "SELECT entity, utility_id, change, column_name, COUNT(*) AS entities FROM t\n\
         GROUP BY entity, utility_id, change, column_name ORDER BY entity, utility_id, change, entities DESC, column_name",
    )?)
}

/// Feeders whose greatest hosting capacity differs between two months, or that came or went: the largest difference first, at most
/// [`MOST_MOVERS`].
///
/// One row a feeder: `utility_id, feeder_id, before_mw, now_mw, difference` (MW; a feeder that came or went moved by its whole
/// capacity), `percent` (of the capacity before, null where there was none), `size` (MW), `change`.
///
/// # Errors
/// The table cannot be read.
pub fn movers(lake: &Lake, from: Month, to: Month, utility: Option<&str>) -> Result<Frame, QueryError> {
    let of_utility = utility.map_or(String::new(), |utility| format!(" AND utility_id = {}", text(utility)));
    let mut session = local().session(&Cancel::default())?;
    register(session.as_mut(), lake, "versions", &tables::FEEDERS)?;
    let at = |month: Month, capacity: &str| {
        format!(
            "SELECT utility_id, feeder_id, max_hosting_capacity_mw AS {capacity}, 1 AS is_there FROM versions\n\
             WHERE valid_from_month <= '{month}' AND (valid_to_month IS NULL OR valid_to_month > '{month}'){of_utility}"
        )
    };
    session.create_view("earlier", &at(from, "before_mw"))?;
    session.create_view("later", &at(to, "now_mw"))?;
    let columns = "COALESCE(l.utility_id, e.utility_id) AS utility_id, COALESCE(l.feeder_id, e.feeder_id) AS feeder_id, e.before_mw AS before_mw, l.now_mw AS now_mw,\n\
         \x20 COALESCE(l.now_mw, 0.0) - COALESCE(e.before_mw, 0.0) AS difference,\n\
         \x20 CASE WHEN e.is_there IS NULL THEN 'added' WHEN l.is_there IS NULL THEN 'removed' ELSE 'changed' END AS change";
    session.create_view(
        "moved",
        &format!(
            "SELECT {columns} FROM later AS l FULL JOIN earlier AS e ON l.utility_id = e.utility_id AND l.feeder_id = e.feeder_id"
        ),
    )?;
    Ok(session.query(&format!(
        "SELECT utility_id, feeder_id, before_mw, now_mw, difference,\n\
         \x20 CASE WHEN before_mw > 0.0 THEN difference / before_mw * 100.0 ELSE NULL END AS percent, ABS(difference) AS size, change\n\
         FROM moved WHERE difference <> 0.0 OR change <> 'changed' ORDER BY size DESC, utility_id, feeder_id LIMIT {MOST_MOVERS}"
    ))?)
}

/// Feeders that [`movers`] lists at most.
pub const MOST_MOVERS: usize = 5000;

/// How many feeders and DERs differ between two months: one row for each entity, utility and kind of change (`column_name` null,
/// `entities` counted once each), and one for each column that differs.
///
/// # Errors
/// The tables cannot be read.
pub fn kinds(lake: &Lake, from: Month, to: Month) -> Result<Frame, QueryError> {
    let mut session = local().session(&Cancel::default())?;
    session.register("t", &between(lake, from, to, None)?.relation())?;
    Ok(session.query(
        "SELECT entity, utility_id, change, CAST(NULL AS VARCHAR) AS column_name, COUNT(DISTINCT entity_key) AS entities FROM t\n\
         GROUP BY entity, utility_id, change\n\
         UNION ALL\n\
         SELECT entity, utility_id, 'changed' AS change, column_name, COUNT(*) AS entities FROM t WHERE column_name IS NOT NULL\n\
         GROUP BY entity, utility_id, column_name\n\
         ORDER BY utility_id, entity, column_name, entities DESC, change",
    )?)
}

/// The differences that are about what a dataset delivers.
pub(super) fn of_dataset(dataset: &str) -> &'static str {
    match dataset {
        "feeders" | "circuits" => "entity = 'feeders'",
        "install_der" => "entity = 'ders' AND STARTS_WITH(entity_key, 'installed')",
        "planned_der" => "entity = 'ders' AND STARTS_WITH(entity_key, 'planned')",
        _ => "entity = 'ders'",
    }
}

/// A month of a dataset, or of a kind of entity, against the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonthLine {
    /// The month.
    pub month: String,
    /// Rows delivered, or entities current.
    pub rows: u64,
    /// The same, the month before.
    pub previous_rows: Option<u64>,
    /// Current records after the month.
    pub current: u64,
    /// New keys.
    pub added: u64,
    /// Keys whose values differ.
    pub changed: u64,
    /// Keys that are gone.
    pub removed: u64,
    /// Keys whose values are the same.
    pub unchanged: u64,
    /// Column, changes and merely cosmetic changes; the most changed first.
    pub fields: Vec<(String, u64, u64)>,
}

/// One utility's dataset, or its feeders or DERs.
#[derive(Debug, Clone)]
pub struct Series {
    /// The utility.
    pub utility: String,
    /// `circuits`, `install_der`, `planned_der`, `feeders` or `ders`.
    pub dataset: String,
    /// Its months, oldest first.
    pub months: Vec<MonthLine>,
}

/// The rows of `platinum/month_diff` and `platinum/field_changes`, both in the order of the reads, by utility and dataset.
pub fn series(diffs: &Frame, fields: &Frame) -> Vec<Series> {
    let mut series: Vec<Series> = Vec::new();
    for row in 0..diffs.height() {
        let text = |column: &str| diffs.text(column, row).unwrap_or_default();
        let count = |column: &str| diffs.count(column, row);
        let (utility, dataset) = (text("utility_id"), text("dataset"));
        let line = MonthLine {
            month: text("delivery_month"),
            rows: count("row_count"),
            previous_rows: diffs.value("previous_row_count", row).as_i64().and_then(|rows| u64::try_from(rows).ok()),
            current: count("current_count"),
            added: count("added"),
            changed: count("changed"),
            removed: count("removed"),
            unchanged: count("unchanged"),
            fields: Vec::new(),
        };
        match series.last_mut() {
            Some(last) if last.utility == utility && last.dataset == dataset => last.months.push(line),
            _ => series.push(Series { utility, dataset, months: vec![line] }),
        }
    }
    for row in 0..fields.height() {
        let text = |column: &str| fields.text(column, row).unwrap_or_default();
        let found = series
            .iter_mut()
            .find(|series| series.utility == text("utility_id") && series.dataset == text("dataset"))
            .and_then(|series| series.months.iter_mut().find(|line| line.month == text("delivery_month")));
        if let Some(line) = found {
            line.fields.push((text("column_name"), fields.count("changed", row), fields.count("cosmetic", row)));
        }
    }
    series
}
