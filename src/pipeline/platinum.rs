//! Silver → platinum: the two tables that the lakehouse exists for.
//!
//! Both are a function of one utility's current versions, and laid out so that their query is one pruned scan:
//! `feeder_capacity` by falling capacity, `der_details` by status and feeder.

use super::PipelineError;
use super::bronze::BronzeTables;
use super::silver::{Silver, is_of, replace_utility};
use super::sql::{exact_sum, text};
use crate::engine::Session;
use crate::lake::{Column, Frame, Layer, TableId, schema};
use crate::model::{Dataset, Month, UtilityId};

/// `platinum/feeder_capacity`.
pub fn feeder_capacity_table() -> TableId {
    TableId::new(Layer::Platinum, "feeder_capacity")
}

/// `platinum/der_details`.
pub fn der_details_table() -> TableId {
    TableId::new(Layer::Platinum, "der_details")
}

/// Writes a utility's rows of both tables.
///
/// # Errors
/// A plan or a commit failed, or somebody asked to stop; a table that was not committed is as before.
pub fn publish(bronze: &BronzeTables<'_>, silver: &Silver, fingerprint: i64) -> Result<(), PipelineError> {
    let newest = bronze.files.iter().map(|file| file.month).max();
    let mut session = Session::new(bronze.cancel);
    session.register("feeders", silver.feeders.clone());
    session.register("ders", silver.ders.clone());
    let write = |session: &mut Session, table: &TableId, columns: &[Column], plans: &[String]| {
        let mut written = Vec::new();
        for plan in plans {
            let target = bronze.lake.target(table, columns, &[("utility_id", bronze.adapter.id.as_str())])?;
            session.write(plan, &target)?;
            written.push(target.finish()?);
        }
        replace_utility(bronze, table, columns, written, fingerprint)
    };
    // A file for each status: half the rows to sort at a time, and the planned ones alone are looked up as installed.
    let ders = Dataset::ALL.iter().filter_map(|dataset| dataset.der_status());
    let is_first = bronze.files.iter().all(|file| Some(file.month) == newest);
    let plans: Vec<String> = ders.map(|status| der_details(&bronze.adapter.id, status, newest, is_first)).collect();
    write(&mut session, &der_details_table(), &schema::der_details(), &plans)?;
    let details = bronze.lake.snapshot(&der_details_table())?.map(|details| details.scan(|file| is_of(file, bronze.adapter)));
    session.register("details", details.transpose()?.unwrap_or_else(|| Frame::empty(&schema::der_details()).relation()));
    session.create_view("totals", &totals())?;
    write(&mut session, &feeder_capacity_table(), &schema::feeder_capacity(), &[feeder_capacity(newest)])
}

fn as_of(newest: Option<Month>) -> String {
    newest.map_or("CAST(NULL AS VARCHAR)".into(), |month| text(&month.to_string()))
}

/// Relation `details` (rows of `der_details`): how many DERs a feeder has, and their ratings.
fn totals() -> String {
    format!(
        "SELECT feeder_id,\n\
         \x20 CAST(SUM(CASE WHEN status = 'installed' THEN 1 ELSE 0 END) AS BIGINT) AS installed_der_count,\n\
         \x20 CAST(SUM(CASE WHEN status = 'planned' THEN 1 ELSE 0 END) AS BIGINT) AS planned_der_count,\n\
         \x20 CAST(SUM(CASE WHEN also_installed THEN 1 ELSE 0 END) AS BIGINT) AS planned_also_installed_count,\n\
         \x20 {installed_mw} AS installed_der_mw,\n\
         \x20 {planned_mw} AS planned_der_mw\n\
         FROM details WHERE feeder_id IS NOT NULL GROUP BY feeder_id",
        installed_mw = exact_sum("CASE WHEN status = 'installed' THEN nameplate_kw END", -3),
        planned_mw = exact_sum("CASE WHEN status = 'planned' THEN nameplate_kw END", -3),
    )
}

/// Relations `feeders` (versions), `details` and `totals` as one row for each current feeder. `delivery_month` is the newest
/// month that the utility delivered: the month that the row is as of.
pub fn feeder_capacity(newest: Option<Month>) -> String {
    format!(
        "WITH kinds AS (SELECT DISTINCT feeder_id, der_type FROM details WHERE feeder_id IS NOT NULL AND der_type IS NOT NULL),\n\
         listed AS (SELECT feeder_id, STRING_AGG(der_type, ', ' ORDER BY der_type) AS der_types FROM kinds GROUP BY feeder_id),\n\
         first_seen AS (SELECT feeder_id, MIN(valid_from_month) AS first_seen_month FROM feeders GROUP BY feeder_id)\n\
         SELECT f.utility_id AS utility_id, f.feeder_id AS feeder_id, f.voltage_kv AS voltage_kv,\n\
         \x20 f.max_hosting_capacity_mw AS max_hosting_capacity_mw, f.min_hosting_capacity_mw AS min_hosting_capacity_mw,\n\
         \x20 f.hca_refresh_date AS hca_refresh_date,\n\
         \x20 COALESCE(t.installed_der_count, 0) AS installed_der_count, COALESCE(t.planned_der_count, 0) AS planned_der_count,\n\
         \x20 COALESCE(t.planned_also_installed_count, 0) AS planned_also_installed_count,\n\
         \x20 COALESCE(t.installed_der_mw, 0.0) AS installed_der_mw, COALESCE(t.planned_der_mw, 0.0) AS planned_der_mw,\n\
         \x20 l.der_types AS der_types, f.segment_count AS segment_count, f.circuit_count AS circuit_count,\n\
         \x20 s.first_seen_month AS first_seen_month, f.valid_from_month AS last_changed_month, {as_of} AS delivery_month\n\
         FROM feeders AS f\n\
         LEFT JOIN totals AS t ON f.feeder_id = t.feeder_id\n\
         LEFT JOIN listed AS l ON f.feeder_id = l.feeder_id\n\
         LEFT JOIN first_seen AS s ON f.feeder_id = s.feeder_id\n\
         WHERE f.is_current\n\
         ORDER BY max_hosting_capacity_mw DESC NULLS LAST, feeder_id",
        as_of = as_of(newest),
    )
}

/// Relation `ders` (versions) as one row for each current DER of a status, by feeder; what is the same in all rows, or
/// follows from other columns, is added after the sorting.
///
/// Only a DER with earlier versions can have been seen before its current one; in the first month none has.
pub fn der_details(utility: &UtilityId, status: &str, newest: Option<Month>, is_first: bool) -> String {
    let (also_installed, join) = if status == "planned" {
        let installed = "SELECT DISTINCT der_id AS installed_id FROM ders WHERE is_current AND status = 'installed'";
        ("i.installed_id IS NOT NULL", format!("LEFT JOIN ({installed}) AS i ON d.der_id = i.installed_id\n"))
    } else {
        ("FALSE", String::new())
    };
    let (first_month, earlier) = if is_first {
        ("CAST(NULL AS VARCHAR)", String::new())
    } else {
        let versions = format!(
            "SELECT der_id AS first_id, MIN(valid_from_month) AS first_month FROM ders WHERE status = {} AND NOT is_current GROUP BY der_id",
            text(status)
        );
        ("s.first_month", format!("LEFT JOIN ({versions}) AS s ON d.der_id = s.first_id\n"))
    };
    format!(
        "WITH sorted AS (\nSELECT d.feeder_id AS feeder_id, d.der_id AS der_id, d.der_type AS der_type, d.nameplate_kw AS nameplate_kw,\n\
         \x20 d.technologies AS technologies, d.feeder_ref AS feeder_ref, d.feeder_match AS feeder_match,\n\
         \x20 {also_installed} AS also_installed,\n\
         \x20 d.planned_in_service_date AS planned_in_service_date, d.queue_position_at AS queue_position_at,\n\
         \x20 d.project_status AS project_status, d.interconnection_cost_usd AS interconnection_cost_usd,\n\
         \x20 {first_month} AS first_month, d.valid_from_month AS last_changed_month\n\
         FROM ders AS d\n{join}{earlier}\
         WHERE d.is_current AND d.status = {status}\n\
         ORDER BY feeder_id NULLS LAST\n)\n\
         SELECT {utility} AS utility_id, feeder_id, der_id, {status} AS status, der_type, nameplate_kw, SHIFT(nameplate_kw, -3) AS nameplate_mw,\n\
         \x20 technologies, feeder_ref, feeder_match, also_installed, planned_in_service_date, queue_position_at, project_status,\n\
         \x20 interconnection_cost_usd, COALESCE(first_month, last_changed_month) AS first_seen_month, last_changed_month,\n\
         \x20 {as_of} AS delivery_month\nFROM sorted",
        utility = text(utility.as_str()),
        status = text(status),
        as_of = as_of(newest)
    )
}
