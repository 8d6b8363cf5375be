//! One row for each delivery: how much, how complete, how fresh.

use super::{Assess, Delivered};
use crate::config::UtilityAdapter;
use crate::engine::Session;
use crate::lake::{Relation, Value};
use crate::model::{Dataset, Day, Freshness, Month, freshness};
use crate::pipeline::bronze::BronzeTables;
use crate::pipeline::sql::Cells;
use crate::pipeline::{PipelineError, rejected};

/// The state of a feed whose newest month is `newest`.
pub fn freshness_of(adapter: &UtilityAdapter, newest: Option<Month>, today: Day) -> Freshness {
    freshness(newest, today, adapter.schedule)
}

/// The row of `platinum/data_quality_summary` for one delivery, given its columns' profiles.
pub(super) fn of(
    assess: &Assess<'_>,
    delivered: Delivered,
    profiles: &[Vec<Value>],
    aside: SetAside,
) -> Result<Vec<Value>, PipelineError> {
    let bronze = assess.bronze;
    let standing: Vec<_> = bronze.delivered(delivered.dataset, delivered.month).collect();
    let row_count: u64 = standing.iter().map(|s| s.rows).sum();
    // Positions in a row of `column_quality`: missing_count 7, invalid_count 8, absent 9.
    let sum = |at: usize| profiles.iter().filter_map(|row| row.get(at).and_then(Value::as_i64)).sum::<i64>();
    let (missing, invalid) = (sum(7), sum(8));
    let present = profiles.iter().filter(|row| row.get(9) == Some(&Value::Flag(false))).count() as u64;
    let cells = row_count * present;
    let mut session = Session::new(bronze.cancel);
    let last_refresh = match bronze.rows(delivered.dataset, |month| month == delivered.month)? {
        Some(rows) => last_refresh(&mut session, bronze, delivered.dataset, rows)?,
        None => Value::Null,
    };
    let received = standing.iter().filter_map(|s| s.received_at.or_else(|| (assess.received)(&s.source_file))).max();
    let loaded = standing.iter().filter_map(|s| s.loaded_at).max();
    let state = freshness_of(bronze.adapter, Some(delivered.month), assess.today);
    let files: Vec<&str> = standing.iter().map(|s| s.source_file.as_str()).collect();
    Ok(vec![
        Value::Text(delivered.month.to_string()),
        Value::Text(bronze.adapter.id.to_string()),
        Value::Text(delivered.dataset.to_string()),
        Value::count(row_count),
        Value::count(aside.records),
        Value::count(aside.duplicates),
        Value::Whole(missing),
        if cells == 0 { Value::Null } else { Value::Real(missing as f64 / cells as f64) },
        Value::Whole(invalid),
        last_refresh,
        received.map_or(Value::Null, Value::Time),
        loaded.map_or(Value::Null, Value::Time),
        Value::Text(state.as_str().into()),
        Value::Text(files.join("; ")),
    ])
}

/// Records of a delivery that were set aside.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SetAside {
    /// All of them.
    pub(super) records: u64,
    /// Those that stand in bronze.
    pub(super) in_bronze: u64,
    /// Those whose key stands again later.
    duplicates: u64,
}

/// Counts what was set aside in this month and dataset.
pub(super) fn set_aside(bronze: &BronzeTables<'_>, delivered: Delivered) -> Result<SetAside, PipelineError> {
    let Some(table) = bronze.lake.snapshot(&rejected::table())? else { return Ok(SetAside::default()) };
    let month = delivered.month.to_string();
    let mut session = Session::new(bronze.cancel);
    let ours = |file: &crate::lake::DataFile| {
        file.partition_value("utility_id") == Some(bronze.adapter.id.as_str())
            && file.partition_value("delivery_month") == Some(&month)
    };
    session.register("rejected", table.scan(ours)?);
    let counts = session.query(&format!(
        "SELECT COUNT(*) AS n, SUM(CASE WHEN stage = 'silver' THEN 1 ELSE 0 END) AS in_bronze,\n\
         \x20 SUM(CASE WHEN reason = 'duplicate-key' THEN 1 ELSE 0 END) AS duplicates\n\
         FROM rejected WHERE dataset = '{}' AND {}",
        delivered.dataset,
        rejected::of_committed(&bronze.files)
    ))?;
    Ok(SetAside {
        records: counts.count("n", 0),
        in_bronze: counts.count("in_bronze", 0),
        duplicates: counts.count("duplicates", 0),
    })
}

/// The newest date that the utility itself states for its hosting-capacity analysis; null for DERs, whose files state
/// no date of their own.
fn last_refresh(
    session: &mut Session,
    bronze: &BronzeTables<'_>,
    dataset: Dataset,
    rows: Relation,
) -> Result<Value, PipelineError> {
    let Some(mapped) = bronze.adapter.dataset(dataset).and_then(|adapter| adapter.column("hca_refresh_date")) else {
        return Ok(Value::Null);
    };
    session.register("bronze", rows);
    let cells = Cells::new(bronze.adapter, bronze.columns(dataset));
    session.create_view("trimmed", &cells.trimmed(mapped.from.iter().map(String::as_str)))?;
    Ok(session.query(&format!("SELECT CAST(MAX({}) AS DATE) AS newest FROM trimmed", cells.value(mapped)))?.value("newest", 0))
}
