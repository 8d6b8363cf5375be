//! Silver → platinum: the two tables that the lakehouse exists for.
//!
//! Both are a function of one utility's current versions, and laid out so that their query is one pruned scan:
//! `feeder_capacity` by falling capacity, `der_details` by feeder.

use super::PipelineError;
use super::silver::{Silver, Source, replace_utility};
use super::sql::{exact_sum, text};
use crate::engine::Session;
use crate::lake::{Column, Frame, Layer, Relation, TableId, schema};
use crate::model::Month;

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
pub fn publish(source: &Source<'_>, silver: &Silver, fingerprint: i64) -> Result<(), PipelineError> {
    let newest = source.standing.iter().map(|standing| standing.month).max();
    let mut session = Session::new(source.cancel);
    // A utility without circuits, or without DERs, still has its other half.
    session.register("feeders", or_empty(&silver.feeders, &schema::feeders()));
    session.register("ders", or_empty(&silver.ders, &schema::ders()));
    let feeders = session.query(&feeder_capacity(newest))?;
    replace_utility(source, &feeder_capacity_table(), &schema::feeder_capacity(), &feeders, fingerprint)?;
    let ders = session.query(&der_details(newest))?;
    replace_utility(source, &der_details_table(), &schema::der_details(), &ders, fingerprint)
}

fn or_empty(frame: &Frame, columns: &[Column]) -> Relation {
    if frame.names().is_empty() { Frame::empty(columns).relation() } else { frame.relation() }
}

fn as_of(newest: Option<Month>) -> String {
    newest.map_or("CAST(NULL AS VARCHAR)".into(), |month| text(&month.to_string()))
}

/// Relations `feeders` and `ders` (versions) as one row for each current feeder. `delivery_month` is the newest month
/// that the utility delivered: the month that the row is as of.
pub fn feeder_capacity(newest: Option<Month>) -> String {
    format!(
        "WITH current_ders AS (SELECT * FROM ders WHERE is_current AND feeder_id IS NOT NULL),\n\
         installed AS (SELECT DISTINCT der_id AS installed_id FROM ders WHERE is_current AND status = 'installed'),\n\
         marked AS (\nSELECT d.feeder_id AS feeder_id, d.status AS status, d.nameplate_kw AS nameplate_kw,\n\
         \x20 CASE WHEN d.status = 'planned' AND i.installed_id IS NOT NULL THEN 1 ELSE 0 END AS also_installed\n\
         FROM current_ders AS d LEFT JOIN installed AS i ON d.der_id = i.installed_id\n),\n\
         totals AS (\nSELECT feeder_id,\n\
         \x20 CAST(SUM(CASE WHEN status = 'installed' THEN 1 ELSE 0 END) AS BIGINT) AS installed_der_count,\n\
         \x20 CAST(SUM(CASE WHEN status = 'planned' THEN 1 ELSE 0 END) AS BIGINT) AS planned_der_count,\n\
         \x20 CAST(SUM(also_installed) AS BIGINT) AS planned_also_installed_count,\n\
         \x20 {installed_mw} AS installed_der_mw,\n\
         \x20 {planned_mw} AS planned_der_mw\n\
         FROM marked GROUP BY feeder_id\n),\n\
         kinds AS (SELECT DISTINCT feeder_id, der_type FROM current_ders WHERE der_type IS NOT NULL),\n\
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
        installed_mw = exact_sum("CASE WHEN status = 'installed' THEN nameplate_kw ELSE 0.0 END", 1000),
        planned_mw = exact_sum("CASE WHEN status = 'planned' THEN nameplate_kw ELSE 0.0 END", 1000),
        as_of = as_of(newest),
    )
}

/// Relation `ders` (versions) as one row for each current DER, by feeder.
///
/// Only a DER with earlier versions can have been seen before its current one.
pub fn der_details(newest: Option<Month>) -> String {
    format!(
        "WITH installed AS (SELECT DISTINCT der_id AS installed_id FROM ders WHERE is_current AND status = 'installed'),\n\
         first_seen AS (SELECT status AS first_status, der_id AS first_id, MIN(valid_from_month) AS first_month FROM ders WHERE NOT is_current GROUP BY status, der_id)\n\
         SELECT d.utility_id AS utility_id, d.feeder_id AS feeder_id, d.der_id AS der_id, d.status AS status, d.der_type AS der_type,\n\
         \x20 d.nameplate_kw AS nameplate_kw, d.nameplate_kw / 1000.0 AS nameplate_mw, d.technologies AS technologies,\n\
         \x20 d.feeder_ref AS feeder_ref, d.feeder_match AS feeder_match,\n\
         \x20 CASE WHEN d.status = 'planned' AND i.installed_id IS NOT NULL THEN TRUE ELSE FALSE END AS also_installed,\n\
         \x20 d.planned_in_service_date AS planned_in_service_date, d.queue_position_at AS queue_position_at,\n\
         \x20 d.project_status AS project_status, d.interconnection_cost_usd AS interconnection_cost_usd,\n\
         \x20 COALESCE(s.first_month, d.valid_from_month) AS first_seen_month, d.valid_from_month AS last_changed_month, {} AS delivery_month\n\
         FROM ders AS d\n\
         LEFT JOIN installed AS i ON d.der_id = i.installed_id\n\
         LEFT JOIN first_seen AS s ON d.status = s.first_status AND d.der_id = s.first_id\n\
         WHERE d.is_current\n\
         ORDER BY feeder_id NULLS LAST",
        as_of(newest)
    )
}
