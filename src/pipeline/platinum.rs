//! Silver → platinum: the two tables that the lakehouse exists for.
//!
//! Both are a function of one utility's current versions, and laid out so that their query is one pruned scan:
//! `feeder_capacity` by falling capacity, `der_details` by status and feeder.

use super::PipelineError;
use super::bronze::BronzeTables;
use super::silver::{Silver, replace_utility};
use super::sql::{sum_of_units, text};
use super::store;
use super::tables::{self, Table};
use crate::engine::Session;
use crate::model::{Dataset, Entity, Month, UtilityId};

/// Writes a utility's rows of both tables.
///
/// # Errors
/// A plan or a commit failed, or somebody asked to stop; a table that was not committed is as before.
pub fn publish(bronze: &BronzeTables<'_>, silver: &Silver, fingerprint: i64) -> Result<(), PipelineError> {
    let newest = bronze.files.iter().map(|file| file.month).max();
    let mut session = bronze.work.session()?;
    session.register("feeders", &silver.feeders.all())?;
    session.register("ders", &silver.ders.current())?;
    session.register("ended_ders", &silver.ders.ended())?;
    let write = |session: &mut dyn Session, table: &'static Table, plans: &[String]| {
        let mut written = Vec::new();
        for plan in plans {
            let target = bronze.lake.target(&table.id(), &table.columns(), &[("utility_id", bronze.adapter.id.as_str())])?;
            let files = session.write(plan, &target)?;
            written.extend(target.finish(&files)?);
        }
        replace_utility(bronze, table, written, fingerprint)
    };
    // A file for each status: half the rows to sort at a time, and the planned ones alone are looked up as installed.
    let ders = Dataset::ALL.iter().filter_map(|dataset| dataset.der_status());
    let is_first = !silver.ders.has_ended();
    let plans: Vec<String> = ders.map(|status| der_details(&bronze.adapter.id, status, newest, is_first)).collect();
    write(session.as_mut(), &tables::DER_DETAILS, &plans)?;
    session.register("details", &store::of_utility(bronze, &tables::DER_DETAILS, None)?)?;
    session.materialize("kinds", &kinds())?;
    session.create_view("totals", &totals())?;
    write(session.as_mut(), &tables::FEEDER_CAPACITY, &[feeder_capacity(newest)])
}

/// The columns that describe an entity and that a table publishes.
fn published(entity: Entity, table: &Table) -> Vec<&'static str> {
    let columns = table.columns();
    entity.described().map(|column| column.name).filter(|name| columns.iter().any(|column| column.name == *name)).collect()
}

fn as_of(newest: Option<Month>) -> String {
    newest.map_or("CAST(NULL AS VARCHAR)".into(), |month| text(&month.to_string()))
}

/// Relation `details` (rows of `der_details`): how many DERs of a type a feeder has, and their ratings in whole units.
fn kinds() -> String {
    let units = |status: &str| sum_of_units(&format!("UNITS(CASE WHEN status = '{status}' THEN nameplate_kw END)"));
    format!(
        "SELECT feeder_id, der_type,\n\
         \x20 SUM(CASE WHEN status = 'installed' THEN 1 ELSE 0 END) AS installed, {} AS installed_kw,\n\
         \x20 SUM(CASE WHEN status = 'planned' THEN 1 ELSE 0 END) AS planned, {} AS planned_kw,\n\
         \x20 SUM(CASE WHEN also_installed THEN 1 ELSE 0 END) AS also_installed\n\
         FROM details WHERE feeder_id IS NOT NULL GROUP BY feeder_id, der_type",
        units("installed"),
        units("planned"),
    )
}

/// Relation `kinds`: how many DERs a feeder has, and their ratings.
fn totals() -> String {
    format!(
        "SELECT feeder_id,\n\
         \x20 CAST(SUM(installed) AS BIGINT) AS installed_der_count, CAST(SUM(planned) AS BIGINT) AS planned_der_count,\n\
         \x20 CAST(SUM(also_installed) AS BIGINT) AS planned_also_installed_count,\n\
         \x20 QUOTIENT({}, -3) AS installed_der_mw, QUOTIENT({}, -3) AS planned_der_mw\n\
         FROM kinds GROUP BY feeder_id",
        sum_of_units("installed_kw"),
        sum_of_units("planned_kw"),
    )
}

/// Relations `feeders` (versions), `kinds` and `totals` as one row for each current feeder. `delivery_month` is the newest
/// month that the utility delivered: the month that the row is as of.
pub fn feeder_capacity(newest: Option<Month>) -> String {
    format!(
        "WITH listed AS (SELECT feeder_id, STRING_AGG(der_type, ', ' ORDER BY der_type) AS der_types\n\
         \x20 FROM kinds WHERE der_type IS NOT NULL GROUP BY feeder_id),\n\
         first_seen AS (SELECT feeder_id, MIN(valid_from_month) AS first_seen_month FROM feeders GROUP BY feeder_id)\n\
         SELECT f.utility_id AS utility_id, f.feeder_id AS feeder_id, {of_feeders},\n\
         \x20 COALESCE(t.installed_der_count, 0) AS installed_der_count, COALESCE(t.planned_der_count, 0) AS planned_der_count,\n\
         \x20 COALESCE(t.planned_also_installed_count, 0) AS planned_also_installed_count,\n\
         \x20 COALESCE(t.installed_der_mw, 0.0) AS installed_der_mw, COALESCE(t.planned_der_mw, 0.0) AS planned_der_mw,\n\
         \x20 l.der_types AS der_types,\n\
         \x20 s.first_seen_month AS first_seen_month, f.valid_from_month AS last_changed_month, {as_of} AS delivery_month\n\
         FROM feeders AS f\n\
         LEFT JOIN totals AS t ON f.feeder_id = t.feeder_id\n\
         LEFT JOIN listed AS l ON f.feeder_id = l.feeder_id\n\
         LEFT JOIN first_seen AS s ON f.feeder_id = s.feeder_id\n\
         WHERE f.is_current\n\
         ORDER BY max_hosting_capacity_mw DESC NULLS LAST, feeder_id",
        of_feeders = published(Entity::Feeders, &tables::FEEDER_CAPACITY)
            .iter()
            .map(|column| format!("f.{column} AS {column}"))
            .collect::<Vec<_>>()
            .join(", "),
        as_of = as_of(newest),
    )
}

/// Relations `ders` (current versions) and `ended_ders` as one row for each current DER of a status, by feeder; what is the same in all rows, or
/// follows from other columns, is added after the sorting.
///
/// Only a DER with versions that have ended can have been seen before its current one.
pub fn der_details(utility: &UtilityId, status: &str, newest: Option<Month>, is_first: bool) -> String {
    let published = published(Entity::Ders, &tables::DER_DETAILS);
    let (also_installed, join) = if status == "planned" {
        let installed = "SELECT der_id AS installed_id FROM ders WHERE status = 'installed'";
        ("i.installed_id IS NOT NULL", format!("LEFT JOIN ({installed}) AS i ON d.der_id = i.installed_id\n"))
    } else {
        ("FALSE", String::new())
    };
    let (first_month, earlier) = if is_first {
        ("CAST(NULL AS VARCHAR)", String::new())
    } else {
        let versions = format!(
            "SELECT der_id AS first_id, MIN(valid_from_month) AS first_month FROM ended_ders WHERE status = {} GROUP BY der_id",
            text(status)
        );
        ("s.first_month", format!("LEFT JOIN ({versions}) AS s ON d.der_id = s.first_id\n"))
    };
    format!(
        "WITH sorted AS (\nSELECT d.der_id AS der_id, {of_ders},\n\
         \x20 {also_installed} AS also_installed, {first_month} AS first_month, d.valid_from_month AS last_changed_month\n\
         FROM ders AS d\n{join}{earlier}\
         WHERE d.status = {status}\n\
         ORDER BY feeder_id NULLS LAST\n)\n\
         SELECT {utility} AS utility_id, der_id, {status} AS status, {values}, SHIFT(nameplate_kw, -3) AS nameplate_mw, also_installed,\n\
         \x20 COALESCE(first_month, last_changed_month) AS first_seen_month, last_changed_month, {as_of} AS delivery_month\nFROM sorted",
        of_ders = published.iter().map(|column| format!("d.{column} AS {column}")).collect::<Vec<_>>().join(", "),
        values = published.join(", "),
        utility = text(utility.as_str()),
        status = text(status),
        as_of = as_of(newest)
    )
}
