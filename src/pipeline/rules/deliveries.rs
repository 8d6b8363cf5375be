//! Rules about a delivered file as a whole: what was set aside, the ledger, volume, freshness and refresh dates.

use std::collections::BTreeSet;

use super::Found;
use super::ground::Ground;
use crate::config::Grain;
use crate::config::rules::Subject;
use crate::lake::{Frame, schema};
use crate::model::{Dataset, Day, Delivery, Freshness, Month, ReasonCode, Stage, freshness as state_of};
use crate::pipeline::sql::text;
use crate::pipeline::{PipelineError, rejected};

const NO_FILE: &str = "feeders and ders are no file; ask this of `circuits`, `install_der` or `planned_der`";

/// The dataset of a subject that is a file.
macro_rules! dataset_of {
    ($subject:expr) => {
        match $subject {
            Subject::Delivery(dataset) => dataset,
            _ => return Ok(Found::Unchecked(NO_FILE.into())),
        }
    };
}

fn quoted(reasons: &[ReasonCode]) -> String {
    reasons.iter().map(|reason| text(reason.as_str())).collect::<Vec<_>>().join(", ")
}

fn rows_in_bronze(ground: &Ground<'_>, dataset: Dataset, month: Month) -> u64 {
    ground.source.standing.iter().filter(|s| s.dataset == dataset && s.month == month).map(|s| s.rows).sum()
}

/// Records that were set aside for one of the reasons, of all records of the file.
pub(super) fn set_aside(ground: &mut Ground<'_>, subject: Subject, reasons: &[ReasonCode]) -> Result<Found, PipelineError> {
    let dataset = dataset_of!(subject);
    if !ground.delivered(dataset) {
        return Ok(Found::Nothing);
    }
    let accounts = ground.accounts()?;
    let failed = accounts.aside(dataset, |_, reason| reasons.iter().any(|wanted| wanted.as_str() == reason));
    let outside = accounts.aside(dataset, |stage, _| stage == Stage::Bronze.as_str());
    Ok(Found::counts(rows_in_bronze(ground, dataset, ground.month) + outside, failed))
}

pub(super) fn set_aside_rows(
    ground: &mut Ground<'_>,
    subject: Subject,
    reasons: &[ReasonCode],
    limit: usize,
) -> Result<Frame, PipelineError> {
    let sql = format!(
        "SELECT value AS record_key, COALESCE(column_name, reason) AS column_name, raw_record AS value, source_file AS _source_file, source_line AS _source_line\n\
         FROM t WHERE dataset = '{subject}' AND delivery_month = '{}' AND {} AND reason IN ({}) ORDER BY _source_file, _source_line LIMIT {limit}",
        ground.month,
        rejected::of_standing(&ground.source.standing),
        quoted(reasons)
    );
    ground.table(&rejected::table(), &schema::rejected(), &sql)
}

/// What the books of a delivery say; every number is counted for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Ledger {
    /// Records in the files, by `ops/runs`.
    pub(super) records: u64,
    /// Rows in bronze.
    pub(super) in_bronze: u64,
    /// Records set aside before bronze.
    pub(super) aside_at_bronze: u64,
    /// Delivered keys whose entity stands in silver.
    pub(super) in_silver: u64,
    /// Records set aside before silver.
    pub(super) aside_at_silver: u64,
}

impl Ledger {
    pub(super) const fn residue(&self) -> (u64, u64) {
        (
            self.records.abs_diff(self.in_bronze + self.aside_at_bronze),
            self.in_bronze.abs_diff(self.in_silver + self.aside_at_silver),
        )
    }
}

/// Records that are neither in the next layer nor set aside.
pub(super) fn ledger(ground: &mut Ground<'_>, subject: Subject) -> Result<Found, PipelineError> {
    let dataset = dataset_of!(subject);
    if !ground.delivered(dataset) {
        return Ok(Found::Nothing);
    }
    let ledger = books(ground, dataset)?;
    let (before_bronze, before_silver) = ledger.residue();
    let residue = before_bronze + before_silver;
    let detail = format!(
        "{} records = {} in bronze + {} set aside; {} in bronze = {} in silver + {} set aside",
        ledger.records, ledger.in_bronze, ledger.aside_at_bronze, ledger.in_bronze, ledger.in_silver, ledger.aside_at_silver
    );
    Ok(Found::Counts { checked: ledger.records, failed: residue, detail: Some(detail) })
}

fn books(ground: &mut Ground<'_>, dataset: Dataset) -> Result<Ledger, PipelineError> {
    let accounts = ground.accounts()?;
    // A load of an earlier version of the program is counted in `ops/runs` only.
    let by_run = |hash: &str| accounts.records.iter().find(|(of, _)| of == hash).map_or(0, |(_, records)| *records);
    let files = ground.source.standing.iter().filter(|s| s.dataset == dataset && s.month == ground.month);
    let records = files.map(|standing| standing.records.unwrap_or_else(|| by_run(&standing.sha256))).sum();
    let mut ledger = Ledger {
        records,
        in_bronze: rows_in_bronze(ground, dataset, ground.month),
        aside_at_bronze: accounts.aside(dataset, |stage, _| stage == Stage::Bronze.as_str()),
        in_silver: named_by_silver(ground, dataset)?,
        aside_at_silver: accounts.aside(dataset, |stage, _| stage == Stage::Silver.as_str()),
    };
    // Silver names a record only if it brought something new; otherwise each delivered key is looked for.
    if ledger.residue().1 > 0 {
        ledger.in_silver = keys_in_silver(ground, dataset)?;
    }
    Ok(ledger)
}

/// Records of the month's files that silver names: DERs by the line that they come from, segments by the count of their feeder.
fn named_by_silver(ground: &mut Ground<'_>, dataset: Dataset) -> Result<u64, PipelineError> {
    let Some(adapter) = ground.source.adapter.dataset(dataset) else { return Ok(0) };
    let entity = if dataset.der_status().is_some() { Subject::Ders } else { Subject::Feeders };
    if !ground.register(entity, entity.as_str())? {
        return Ok(0);
    }
    if let Some(status) = dataset.der_status() {
        let files = ground.source.standing.iter().filter(|s| s.dataset == dataset && s.month == ground.month);
        let lines_of = |file: &str| {
            format!(
                "SELECT COUNT(DISTINCT _source_line) AS n FROM ders WHERE status = '{status}' AND valid_from_month = '{}' AND _source_file = {}",
                ground.month,
                text(file)
            )
        };
        let queries: Vec<String> = files.map(|standing| lines_of(&standing.source_file)).collect();
        let mut named = 0;
        for sql in queries {
            named += ground.session.query(&sql)?.count("n", 0);
        }
        return Ok(named);
    }
    // Where months add up, a feeder's count is not that of one file.
    let is_alone = adapter.delivery == Delivery::Snapshot || ground.source.months(dataset).first() == Some(&ground.month);
    if adapter.grain != Grain::Segment || !is_alone {
        return Ok(0);
    }
    Ok(ground.session.query("SELECT SUM(segment_count) AS n FROM feeders")?.count("n", 0))
}

/// Delivered keys, each once, whose feeder or DER stands in silver after the month.
fn keys_in_silver(ground: &mut Ground<'_>, dataset: Dataset) -> Result<u64, PipelineError> {
    let (entity, id, condition) = match dataset.der_status() {
        Some(status) => (Subject::Ders, "der_id", format!("status = {}", text(status))),
        None => (Subject::Feeders, "feeder_id", "TRUE".into()),
    };
    if !ground.register(entity, entity.as_str())? || !ground.register(Subject::Delivery(dataset), dataset.as_str())? {
        return Ok(0);
    }
    let Some(adapter) = ground.source.adapter.dataset(dataset) else { return Ok(0) };
    let keys: Vec<String> = (0..adapter.key.len()).map(|at| format!("key_{at}")).collect();
    let present: Vec<String> = keys.iter().map(|key| format!("{key} IS NOT NULL")).collect();
    let session = &mut ground.session;
    session.define("known", &super::plan::known(entity.as_str(), id, &condition))?;
    // Where a record is a segment, many share a feeder; otherwise the key is the id itself.
    let key = if adapter.grain == Grain::Segment { format!("XXHASH64({})", keys.join(", ")) } else { id.to_owned() };
    session.define(
        "delivered_keys",
        &format!("SELECT {key} AS delivered_key, {id} AS delivered_id FROM {dataset} WHERE {}", present.join(" AND ")),
    )?;
    let sql = "SELECT COUNT(DISTINCT d.delivered_key) AS n FROM delivered_keys AS d LEFT SEMI JOIN known AS k ON d.delivered_id = k.known_key";
    Ok(session.query(sql)?.count("n", 0))
}

/// The file's rows against the mean of the months before, without the month itself.
pub(super) fn volume(ground: &mut Ground<'_>, subject: Subject, months: u32, most: f64) -> Result<Found, PipelineError> {
    let dataset = dataset_of!(subject);
    let all = ground.source.months(dataset);
    let earlier: Vec<Month> = all.iter().copied().filter(|month| *month < ground.month).collect();
    let baseline = &earlier[earlier.len().saturating_sub(months as usize)..];
    if !all.contains(&ground.month) {
        if came(ground, dataset)?.contains(&ground.month) {
            return Ok(Found::Counts { checked: 1, failed: 0, detail: Some("the same content as before".into()) });
        }
        // Before its first month a feed owes nothing, and before the due day not this month.
        let state = state_of(Some(ground.month.previous()), seen_on(ground), ground.source.adapter.schedule);
        if earlier.is_empty() || state == Freshness::Fresh {
            return Ok(Found::Nothing);
        }
        let detail = Some(format!("no delivery for {}; the newest is {}", ground.month, earlier[earlier.len() - 1]));
        return Ok(Found::Counts { checked: 1, failed: 1, detail });
    }
    if baseline.len() < months as usize {
        return Ok(Found::History { there: baseline.len() as u64, needed: u64::from(months) });
    }
    let mean = baseline.iter().map(|month| rows_in_bronze(ground, dataset, *month) as f64).sum::<f64>() / baseline.len() as f64;
    let rows = rows_in_bronze(ground, dataset, ground.month);
    let change = if mean > 0.0 { (rows as f64 - mean) / mean } else { 0.0 };
    let before = if months == 1 { "the month before".to_owned() } else { format!("the mean of {months} months") };
    let detail = Some(format!("{rows} rows, {:+.1} % of {mean:.0} ({before})", change * 100.0));
    Ok(Found::Counts { checked: 1, failed: u64::from(change.abs() > most), detail })
}

/// The months for which a feed's file came, be it with the content of an earlier one.
fn came(ground: &mut Ground<'_>, dataset: Dataset) -> Result<BTreeSet<Month>, PipelineError> {
    let mut months = ground.source.months(dataset);
    months.extend(ground.accounts()?.repeated(dataset));
    Ok(months)
}

/// The day from which a month is seen: today for the newest, its last day for an earlier one, so that what is said of it stays.
fn seen_on(ground: &Ground<'_>) -> Day {
    if ground.is_newest { ground.checking.today } else { ground.month.day(31) }
}

/// The state of the feed: of the newest month whether the next is owed today, of an earlier one whether it came.
///
/// A month that did not come is judged by the newest that came before it: what is owed longest is what counts. Before its
/// first month a feed owes nothing.
pub(super) fn freshness(ground: &mut Ground<'_>, subject: Subject, worst: Freshness) -> Result<Found, PipelineError> {
    let dataset = dataset_of!(subject);
    let months = came(ground, dataset)?;
    let newest = months.iter().copied().rfind(|month| *month <= ground.month);
    let state = match newest {
        None if !months.is_empty() => return Ok(Found::Nothing),
        Some(newest) if newest == ground.month && !ground.is_newest => Freshness::Fresh,
        newest => state_of(newest, seen_on(ground), ground.source.adapter.schedule),
    };
    let known = newest.map_or("no month came".to_owned(), |newest| format!("the newest month is {newest}"));
    let detail = Some(format!("{}; {known}", state.as_str()));
    Ok(Found::Counts { checked: 1, failed: u64::from(state >= worst), detail })
}

/// A utility that states refresh dates, in a file without one that can be read: no age can be told, and none is assumed.
fn no_refresh_date() -> Found {
    Found::Unchecked("no refresh date of the file can be read; look at the column with `feederscope nulls`".into())
}

pub(super) fn refresh_age(ground: &mut Ground<'_>, subject: Subject, most_days: i64) -> Result<Found, PipelineError> {
    let dataset = dataset_of!(subject);
    if !ground.delivered(dataset) {
        return Ok(Found::Nothing);
    }
    let month = ground.month;
    let Some(day) = ground.accounts()?.refresh_date(dataset, |other| other == month) else { return Ok(no_refresh_date()) };
    let age = seen_on(ground).days_since(day);
    let detail = Some(format!("{day}, {age} days old"));
    Ok(Found::Counts { checked: 1, failed: u64::from(i64::from(age) > most_days), detail })
}

pub(super) fn refresh_in_future(ground: &mut Ground<'_>, subject: Subject) -> Result<Found, PipelineError> {
    let dataset = dataset_of!(subject);
    if !ground.delivered(dataset) {
        return Ok(Found::Nothing);
    }
    let month = ground.month;
    let accounts = ground.accounts()?;
    let Some(day) = accounts.refresh_date(dataset, |other| other == month) else { return Ok(no_refresh_date()) };
    let ours = accounts.summaries.iter().find(|(of, at, ..)| of == dataset.as_str() && *at == month);
    let received = ours.and_then(|(.., received)| *received);
    let limit = match received {
        // A clock that is ahead of ours makes no date less of a future one.
        Some(received) if ground.is_newest => received.min(ground.checking.today),
        Some(received) => received,
        None => seen_on(ground),
    };
    let detail = Some(format!("{day}, looked at on {limit}"));
    Ok(Found::Counts { checked: 1, failed: u64::from(day > limit), detail })
}

pub(super) fn refresh_goes_back(ground: &mut Ground<'_>, subject: Subject) -> Result<Found, PipelineError> {
    let dataset = dataset_of!(subject);
    if !ground.delivered(dataset) {
        return Ok(Found::Nothing);
    }
    let month = ground.month;
    let accounts = ground.accounts()?;
    let before = accounts.refresh_date(dataset, |other| other < month);
    match (accounts.refresh_date(dataset, |other| other == month), before) {
        (None, _) => Ok(no_refresh_date()),
        (_, None) => Ok(Found::History { there: 0, needed: 1 }),
        (Some(now), Some(before)) => {
            let detail = Some(format!("{now} after {before}"));
            Ok(Found::Counts { checked: 1, failed: u64::from(now < before), detail })
        }
    }
}
