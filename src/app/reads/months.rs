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

/// Two months of one utility's dataset, or of its feeders or DERs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The utility.
    pub utility: String,
    /// `circuits`, `install_der`, `planned_der`, `feeders` or `ders`; a dataset stands for the feeders or DERs that it is about.
    pub dataset: String,
    /// The earlier month.
    pub from: Month,
    /// The later month.
    pub to: Month,
}

/// How many feeders or DERs differ between two months, and in which columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compared {
    /// Entities by what became of them (`added`, `removed`, `planned → installed`, `no longer planned`, `changed`).
    pub kinds: Vec<(String, u64)>,
    /// Columns and the entities that differ in them, the most first.
    pub fields: Vec<(String, u64)>,
}

/// Counts what [`between`] finds for a pair of months.
///
/// # Errors
/// The tables cannot be read.
pub fn compared(lake: &Lake, pair: &Pair) -> Result<Compared, QueryError> {
    let differences = between(lake, pair.from, pair.to, Some(&pair.utility))?;
    let mut session = local().session(&Cancel::default())?;
    session.register("t", &differences.relation())?;
    let condition = of_dataset(&pair.dataset);
    let pairs = |rows: &Frame, name: &str| -> Vec<(String, u64)> {
        (0..rows.height()).filter_map(|row| Some((rows.text(name, row)?, rows.count("entities", row)))).collect()
    };
    let kinds = session.query(&format!(
        "SELECT change, COUNT(DISTINCT entity_key) AS entities FROM t WHERE {condition} GROUP BY change ORDER BY change"
    ))?;
    let fields = session.query(&format!(
        "SELECT column_name, COUNT(*) AS entities FROM t WHERE {condition} AND column_name IS NOT NULL\n\
         GROUP BY column_name ORDER BY entities DESC, column_name"
    ))?;
    Ok(Compared { kinds: pairs(&kinds, "change"), fields: pairs(&fields, "column_name") })
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
