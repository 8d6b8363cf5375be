//! One row for each delivery: how much, how complete, how fresh.

use super::{Assess, Delivered};
use crate::config::UtilityAdapter;
use crate::engine::Session;
use crate::frame::Relation;
use crate::model::{Dataset, Day, Freshness, Month, freshness};
use crate::pipeline::PipelineError;
use crate::pipeline::bronze::BronzeTables;
use crate::pipeline::rejected::Rejections;
use crate::pipeline::sql::Cells;
use crate::pipeline::tables::{self, ColumnQualityRow, SummaryRow};

/// The state of a feed whose newest month is `newest`.
pub fn freshness_of(adapter: &UtilityAdapter, newest: Option<Month>, today: Day) -> Freshness {
    freshness(newest, today, adapter.schedule)
}

/// The row of `platinum/data_quality_summary` for one delivery, given its columns' profiles.
pub(super) fn of(
    assess: &Assess<'_>,
    delivered: Delivered,
    profiles: &[ColumnQualityRow],
    rejections: Rejections,
) -> Result<SummaryRow, PipelineError> {
    let bronze = assess.bronze;
    let committed: Vec<_> = bronze.delivered(delivered.dataset, delivered.month).collect();
    let row_count: u64 = committed.iter().map(|s| s.rows).sum();
    let missing: i64 = profiles.iter().filter_map(|row| row.missing_count).sum();
    let invalid = profiles.iter().filter_map(|row| row.invalid_count).sum();
    let present = profiles.iter().filter(|row| row.absent == Some(false)).count() as u64;
    let cells = row_count * present;
    let mut session = bronze.work.session()?;
    let last_refresh = match bronze.rows(delivered.dataset, |month| month == delivered.month)? {
        Some(rows) => last_refresh(session.as_mut(), bronze, delivered.dataset, &rows)?,
        None => None,
    };
    let received = committed.iter().filter_map(|s| s.received_at.or_else(|| (assess.received)(&s.source_file))).max();
    let loaded = committed.iter().filter_map(|s| s.loaded_at()).max();
    let state = freshness_of(bronze.adapter, Some(delivered.month), assess.today);
    let files: Vec<&str> = committed.iter().map(|s| s.source_file.as_str()).collect();
    Ok(SummaryRow {
        delivery_month: Some(delivered.month.to_string()),
        utility_id: Some(bronze.adapter.id.to_string()),
        dataset: Some(delivered.dataset.to_string()),
        row_count: tables::count(row_count),
        rejected_count: tables::count(rejections.records),
        duplicate_count: tables::count(rejections.duplicates),
        missing_cells: Some(missing),
        missing_rate: (cells > 0).then(|| missing as f64 / cells as f64),
        invalid_cells: Some(invalid),
        last_refresh,
        received_at: received,
        loaded_at: loaded,
        freshness: Some(state.as_str().into()),
        source_files: Some(files.join("; ")),
    })
}

/// The newest date that the utility itself states for its hosting-capacity analysis; null for DERs, whose files state
/// no date of their own.
fn last_refresh(
    session: &mut dyn Session,
    bronze: &BronzeTables<'_>,
    dataset: Dataset,
    rows: &Relation,
) -> Result<Option<Day>, PipelineError> {
    let Some(mapped) = bronze.adapter.dataset(dataset).and_then(|adapter| adapter.column("hca_refresh_date")) else {
        return Ok(None);
    };
    session.register("bronze", rows)?;
    let cells = Cells::new(bronze.adapter, bronze.columns(dataset));
    session.create_view("trimmed", &cells.trimmed(mapped.from.iter().map(String::as_str)))?;
    Ok(session.query(&format!("SELECT CAST(MAX({}) AS DATE) AS newest FROM trimmed", cells.value(mapped)))?.day("newest", 0))
}
