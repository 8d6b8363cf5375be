//! Silver → platinum: the two tables that the lakehouse exists for.
//!
//! Both are a function of one utility's current versions, and laid out so that their query is one pruned scan:
//! `feeder_capacity` by falling capacity, `der_details` by status and feeder.

mod by_feeder;
mod der_details;

use super::PipelineError;
use super::bronze::BronzeTables;
use super::silver::{Silver, of_utility, replace_utility};
use super::sql::{sum_of_units, text};
use super::tables::{self, Table};
use super::{staged, store};
use crate::model::{Entity, Month};
use der_details::DerDetails;

/// Writes a utility's rows of both tables.
///
/// # Errors
/// A plan or a commit failed, or somebody asked to stop; a table that was not committed is as before.
pub fn publish(bronze: &BronzeTables<'_>, silver: &Silver, fingerprint: i64) -> Result<(), PipelineError> {
    let newest = bronze.files.iter().map(|file| file.month).max();
    let written = DerDetails { bronze, silver, newest }.write()?;
    replace_utility(bronze, &tables::DER_DETAILS, written, fingerprint)?;
    let mut session = bronze.work.session()?;
    session.register("feeders", &silver.feeders.all())?;
    session.register("details", &store::of_utility(bronze, &tables::DER_DETAILS, None)?)?;
    session.materialize("kinds", &kinds())?;
    session.create_view("totals", &totals())?;
    let written = staged::write(bronze.lake, &tables::FEEDER_CAPACITY, &of_utility(bronze), session, &feeder_capacity(newest))?;
    replace_utility(bronze, &tables::FEEDER_CAPACITY, written, fingerprint)
}

/// The columns that describe an entity and that a table publishes.
fn published(entity: Entity, table: &Table) -> Vec<&'static str> {
    let columns = table.columns();
    entity.described().map(|column| column.name).filter(|name| columns.iter().any(|column| column.name == *name)).collect()
}

fn as_of(newest: Option<Month>) -> String {
    newest.map_or("CAST(NULL AS VARCHAR)".into(), |month| text(&month.to_string()))
}

/// Relation `details` (rows of `der_details`): how many DERs of a type and status a feeder has, and their ratings in whole units.
fn kinds() -> String {
    format!(
        "SELECT feeder_id, der_type, status, COUNT(*) AS ders, {} AS kw,\n\
         \x20 SUM(CASE WHEN also_installed THEN 1 ELSE 0 END) AS also_installed\n\
         FROM details WHERE feeder_id IS NOT NULL GROUP BY feeder_id, der_type, status",
        sum_of_units("UNITS(nameplate_kw)"),
    )
}

/// Relation `kinds`: how many DERs a feeder has, and their ratings.
fn totals() -> String {
    let of = |status: &str, column: &str| format!("CASE WHEN status = '{status}' THEN {column} END");
    let count = |status: &str| format!("CAST(SUM({}) AS BIGINT) AS {status}_der_count", of(status, "ders"));
    let mw = |status: &str| format!("QUOTIENT({}, -3) AS {status}_der_mw", sum_of_units(&of(status, "kw")));
    format!(
        "SELECT feeder_id AS total_id, {}, {},\n\
         \x20 CAST(SUM(also_installed) AS BIGINT) AS planned_also_installed_count, {}, {}\n\
         FROM kinds GROUP BY feeder_id",
        count("installed"),
        count("planned"),
        mw("installed"),
        mw("planned"),
    )
}

/// Relations `feeders` (versions), `kinds` and `totals` as one row for each current feeder. `delivery_month` is the newest
/// month that the utility delivered: the month that the row is as of.
pub fn feeder_capacity(newest: Option<Month>) -> String {
    format!(
        "WITH listed AS (SELECT feeder_id AS listed_id, STRING_AGG(der_type, ', ' ORDER BY der_type) AS der_types\n\
         \x20 FROM (SELECT DISTINCT feeder_id, der_type FROM kinds WHERE der_type IS NOT NULL) AS k GROUP BY feeder_id),\n\
         first_seen AS (SELECT feeder_id AS first_id, MIN(valid_from_month) AS first_seen_month FROM feeders GROUP BY feeder_id)\n\
         SELECT utility_id, feeder_id, {of_feeders},\n\
         \x20 COALESCE(installed_der_count, 0) AS installed_der_count, COALESCE(planned_der_count, 0) AS planned_der_count,\n\
         \x20 COALESCE(planned_also_installed_count, 0) AS planned_also_installed_count,\n\
         \x20 COALESCE(installed_der_mw, 0.0) AS installed_der_mw, COALESCE(planned_der_mw, 0.0) AS planned_der_mw,\n\
         \x20 der_types, first_seen_month, valid_from_month AS last_changed_month, {as_of} AS delivery_month\n\
         FROM feeders AS f\n\
         LEFT JOIN totals AS t ON f.feeder_id = t.total_id\n\
         LEFT JOIN listed AS l ON f.feeder_id = l.listed_id\n\
         LEFT JOIN first_seen AS s ON f.feeder_id = s.first_id\n\
         WHERE is_current\n\
         ORDER BY max_hosting_capacity_mw DESC NULLS LAST, feeder_id",
        of_feeders = published(Entity::Feeders, &tables::FEEDER_CAPACITY).join(", "),
        as_of = as_of(newest),
    )
}
