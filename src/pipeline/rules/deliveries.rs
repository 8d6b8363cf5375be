//! Rules about a delivered file as a whole: what was rejected, the ledger, volume, freshness and refresh dates.

use std::collections::{BTreeMap, BTreeSet};

use super::CheckResult;
use super::context::EvaluationContext;
use crate::config::Grain;
use crate::config::rules::Subject;
use crate::frame::Frame;
use crate::model::{Dataset, Day, Delivery, Freshness, Month, ReasonCode, Stage, freshness as state_of};
use crate::pipeline::bronze::precedence;
use crate::pipeline::sql::text;
use crate::pipeline::tables;
use crate::pipeline::{PipelineError, rejected};

pub(super) const NO_FILE: &str = "feeders and ders are no file; ask this of `circuits`, `install_der` or `planned_der`";

/// The dataset of a subject that is a file.
macro_rules! dataset_of {
    ($subject:expr) => {
        match $subject {
            Subject::Delivery(dataset) => dataset,
            _ => return Ok(CheckResult::Unchecked(NO_FILE.into())),
        }
    };
}

fn quoted(reasons: &[ReasonCode]) -> String {
    reasons.iter().map(|reason| text(reason.as_str())).collect::<Vec<_>>().join(", ")
}

/// Records that were rejected for one of the reasons, of all records of the file.
pub(super) fn rejected(
    context: &mut EvaluationContext<'_>,
    subject: Subject,
    reasons: &[ReasonCode],
) -> Result<CheckResult, PipelineError> {
    let dataset = dataset_of!(subject);
    if !context.delivered(dataset) {
        return Ok(CheckResult::Nothing);
    }
    let facts = context.facts()?;
    let failed = facts.aside(dataset, |_, reason| reasons.iter().any(|wanted| wanted.as_str() == reason));
    let outside = facts.aside(dataset, |stage, _| stage == Stage::Bronze.as_str());
    // Where records of one key are in two files, both are named.
    let is_of_keys = failed > 0 && reasons.contains(&ReasonCode::DuplicateKey);
    let detail = if is_of_keys { precedence::told(context.bronze.delivered(dataset, context.month)) } else { None };
    Ok(CheckResult::Counts { checked: context.bronze.row_count(dataset, context.month) + outside, failed, detail })
}

pub(super) fn rejected_rows(
    context: &mut EvaluationContext<'_>,
    subject: Subject,
    reasons: &[ReasonCode],
    limit: usize,
) -> Result<Frame, PipelineError> {
    let sql = format!(
        "SELECT value AS record_key, COALESCE(column_name, reason) AS column_name, raw_record AS value, source_file AS _source_file, source_line AS _source_line\n\
         FROM t WHERE dataset = '{subject}' AND delivery_month = '{}' AND {} AND reason IN ({}) ORDER BY _source_file, _source_line LIMIT {limit}",
        context.month,
        rejected::of_committed(context.bronze.files.iter().filter(|file| file.month == context.month)),
        quoted(reasons)
    );
    context.table(&tables::REJECTED, &sql)
}

/// What the reconciliation of a delivery says; every number is counted for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Reconciliation {
    /// Records in the files, by `ops/runs`.
    pub(super) records: u64,
    /// Rows in bronze.
    pub(super) in_bronze: u64,
    /// Records rejected before bronze.
    pub(super) aside_at_bronze: u64,
    /// Delivered keys whose entity is in silver.
    pub(super) in_silver: u64,
    /// Records rejected before silver.
    pub(super) aside_at_silver: u64,
}

impl Reconciliation {
    pub(super) const fn difference(&self) -> (u64, u64) {
        (
            self.records.abs_diff(self.in_bronze + self.aside_at_bronze),
            self.in_bronze.abs_diff(self.in_silver + self.aside_at_silver),
        )
    }
}

/// Records that are neither in the next layer nor rejected.
pub(super) fn ledger(context: &mut EvaluationContext<'_>, subject: Subject) -> Result<CheckResult, PipelineError> {
    let dataset = dataset_of!(subject);
    if !context.delivered(dataset) {
        return Ok(CheckResult::Nothing);
    }
    let ledger = reconcile(context, dataset)?;
    let (before_bronze, before_silver) = ledger.difference();
    let difference = before_bronze + before_silver;
    let detail = format!(
        "{} records = {} in bronze + {} rejected; {} in bronze = {} in silver + {} rejected",
        ledger.records, ledger.in_bronze, ledger.aside_at_bronze, ledger.in_bronze, ledger.in_silver, ledger.aside_at_silver
    );
    Ok(CheckResult::Counts { checked: ledger.records, failed: difference, detail: Some(detail) })
}

fn reconcile(context: &mut EvaluationContext<'_>, dataset: Dataset) -> Result<Reconciliation, PipelineError> {
    let facts = context.facts()?;
    // A load of an earlier version of the program is counted in `ops/runs` only.
    let by_run = |hash: &str| facts.records.iter().find(|(of, _)| of == hash).map_or(0, |(_, records)| *records);
    // A delivery counts once, however often its rows are in bronze: what is there twice must not be looked for twice.
    let deliveries: BTreeMap<(&str, &str), Option<u64>> = context
        .bronze
        .delivered(dataset, context.month)
        .map(|file| ((file.source_file.as_str(), file.sha256.as_str()), file.records))
        .collect();
    let records = deliveries.iter().map(|((_, sha256), records)| records.unwrap_or_else(|| by_run(sha256))).sum();
    let repeats = context.key_facts(Subject::Delivery(dataset))?.is_some_and(|keys| keys.unchanged > 0);
    let mut ledger = Reconciliation {
        records,
        in_bronze: context.bronze.row_count(dataset, context.month),
        aside_at_bronze: facts.aside(dataset, |stage, _| stage == Stage::Bronze.as_str()),
        in_silver: named_by_silver(context, dataset, repeats)?,
        aside_at_silver: facts.aside(dataset, |stage, _| stage == Stage::Silver.as_str()),
    };
    // Otherwise each delivered key is looked for.
    if ledger.difference().1 > 0 {
        ledger.in_silver = keys_in_silver(context, dataset)?;
    }
    Ok(ledger)
}

/// Records of the month's files that silver names: DERs by the line that they come from, segments by the count of their feeder. A DER
/// is of another month's line if its record `repeats` what was known; but after a snapshot there is none that it did not deliver.
fn named_by_silver(context: &mut EvaluationContext<'_>, dataset: Dataset, repeats: bool) -> Result<u64, PipelineError> {
    let is_snapshot = context.bronze.adapter.dataset(dataset).is_some_and(|adapter| adapter.delivery == Delivery::Snapshot);
    if repeats && !is_snapshot && dataset.der_status().is_some() {
        return Ok(0);
    }
    let Some(adapter) = context.bronze.adapter.dataset(dataset) else { return Ok(0) };
    let entity = if dataset.der_status().is_some() { Subject::Ders } else { Subject::Feeders };
    if !context.register(entity, entity.as_str())? {
        return Ok(0);
    }
    if let Some(status) = dataset.der_status() {
        if is_snapshot {
            let sql = format!("SELECT COUNT(*) AS n FROM ders WHERE status = '{status}'");
            return Ok(context.session.query(&sql)?.count("n", 0));
        }
        context.name_began()?;
        let files: BTreeSet<String> =
            context.bronze.delivered(dataset, context.month).map(|file| text(&file.source_file)).collect();
        let files = files.into_iter().collect::<Vec<_>>().join(", ");
        let sql = format!(
            "SELECT COUNT(*) AS n FROM began\n\
             WHERE status = '{status}' AND valid_from_month = '{}' AND _source_file IN ({files})",
            context.month
        );
        return Ok(context.session.query(&sql)?.count("n", 0));
    }
    // Where months add up, a feeder's count is not that of one file.
    let is_alone = adapter.delivery == Delivery::Snapshot || context.bronze.months(dataset).first() == Some(&context.month);
    if adapter.grain != Grain::Segment || !is_alone {
        return Ok(0);
    }
    Ok(context.session.query("SELECT SUM(segment_count) AS n FROM feeders")?.count("n", 0))
}

/// Delivered keys, each once, whose feeder or DER is in silver after the month.
fn keys_in_silver(context: &mut EvaluationContext<'_>, dataset: Dataset) -> Result<u64, PipelineError> {
    let (entity, id, condition) = match dataset.der_status() {
        Some(status) => (Subject::Ders, "der_id", format!("status = {}", text(status))),
        None => (Subject::Feeders, "feeder_id", "TRUE".into()),
    };
    if !context.register(entity, entity.as_str())? || !context.register(Subject::Delivery(dataset), dataset.as_str())? {
        return Ok(0);
    }
    let Some(adapter) = context.bronze.adapter.dataset(dataset) else { return Ok(0) };
    let keys: Vec<String> = (0..adapter.key.len()).map(|at| format!("key_{at}")).collect();
    let present: Vec<String> = keys.iter().map(|key| format!("{key} IS NOT NULL")).collect();
    let session = &mut context.session;
    session.create_view("known", &super::queries::known(entity.as_str(), id, &condition))?;
    // Where a record is a segment, many share a feeder; otherwise the key is the id itself, of which silver has one.
    let is_segment = adapter.grain == Grain::Segment;
    let key = if is_segment { format!("XXHASH64({})", keys.join(", ")) } else { id.to_owned() };
    session.create_view(
        "delivered_keys",
        &format!("SELECT {key} AS delivered_key, {id} AS delivered_id FROM {dataset} WHERE {}", present.join(" AND ")),
    )?;
    let sql = if is_segment {
        "SELECT COUNT(DISTINCT d.delivered_key) AS n FROM delivered_keys AS d LEFT SEMI JOIN known AS k ON d.delivered_id = k.known_key"
    } else {
        "SELECT COUNT(k.known_key) AS n FROM known AS k LEFT SEMI JOIN delivered_keys AS d ON k.known_key = d.delivered_key"
    };
    Ok(session.query(sql)?.count("n", 0))
}

/// The file's rows against the mean of the months before, without the month itself.
pub(super) fn volume(
    context: &mut EvaluationContext<'_>,
    subject: Subject,
    months: u32,
    most: f64,
) -> Result<CheckResult, PipelineError> {
    let dataset = dataset_of!(subject);
    let all = context.bronze.months(dataset);
    let earlier: Vec<Month> = all.iter().copied().filter(|month| *month < context.month).collect();
    let baseline = &earlier[earlier.len().saturating_sub(months as usize)..];
    if !all.contains(&context.month) {
        if came(context, dataset)?.contains(&context.month) {
            return Ok(CheckResult::Counts { checked: 1, failed: 0, detail: Some("the same content as before".into()) });
        }
        // Before its first month nothing is due of a feed, and before the due day not this month. That no file came is told once, and
        // not again by a longer comparison.
        let state = state_of(Some(context.month.previous()), seen_on(context), context.bronze.adapter.schedule);
        if earlier.is_empty() || state == Freshness::Fresh || months > 1 {
            return Ok(CheckResult::Nothing);
        }
        let detail = Some(format!("no delivery for {}; the newest is {}", context.month, earlier[earlier.len() - 1]));
        return Ok(CheckResult::Counts { checked: 1, failed: 1, detail });
    }
    if baseline.len() < months as usize {
        return Ok(CheckResult::History { there: baseline.len() as u64, needed: u64::from(months) });
    }
    let mean = baseline.iter().map(|month| context.bronze.row_count(dataset, *month) as f64).sum::<f64>() / baseline.len() as f64;
    let rows = context.bronze.row_count(dataset, context.month);
    let change = if mean > 0.0 { (rows as f64 - mean) / mean } else { 0.0 };
    let before = if months == 1 { "the month before".to_owned() } else { format!("the mean of {months} months") };
    let detail = Some(format!("{rows} rows, {:+.1} % of {mean:.0} ({before})", change * 100.0));
    Ok(CheckResult::Counts { checked: 1, failed: u64::from(change.abs() > most), detail })
}

/// The months for which a feed's file came, be it with the content of an earlier one.
fn came(context: &mut EvaluationContext<'_>, dataset: Dataset) -> Result<BTreeSet<Month>, PipelineError> {
    let mut months = context.bronze.months(dataset);
    months.extend(context.facts()?.repeated(dataset));
    Ok(months)
}

/// The day from which a month is seen: today for the newest, its last day for an earlier one, so that what is said of it stays.
fn seen_on(context: &EvaluationContext<'_>) -> Day {
    if context.is_newest { context.evaluator.today } else { context.month.day(31) }
}

/// The state of the feed: of the newest month whether the next is expected today, of an earlier one whether it came.
///
/// A month that did not come is judged by the newest that came before it: what is expected longest is what counts. Before its
/// first month nothing is due of a feed.
pub(super) fn freshness(
    context: &mut EvaluationContext<'_>,
    subject: Subject,
    worst: Freshness,
) -> Result<CheckResult, PipelineError> {
    let dataset = dataset_of!(subject);
    let months = came(context, dataset)?;
    // A month that came with the content of an earlier one has no rows, and may be later than all that have some.
    let newest = months.iter().copied().rfind(|month| *month <= context.month || context.is_newest);
    let state = match newest {
        None if !context.is_newest || !months.is_empty() => return Ok(CheckResult::Nothing),
        Some(newest) if newest == context.month && !context.is_newest => Freshness::Fresh,
        newest => state_of(newest, seen_on(context), context.bronze.adapter.schedule),
    };
    let known = newest.map_or("no month came".to_owned(), |newest| format!("the newest month is {newest}"));
    let detail = Some(format!("{}; {known}", state.as_str()));
    Ok(CheckResult::Counts { checked: 1, failed: u64::from(state >= worst), detail })
}

/// A utility that states refresh dates, in a file without one that can be read: no age can be told, and none is assumed.
fn no_refresh_date() -> CheckResult {
    CheckResult::Unchecked("no refresh date of the file can be read; look at the column with `feederscope nulls`".into())
}

pub(super) fn refresh_age(
    context: &mut EvaluationContext<'_>,
    subject: Subject,
    most_days: i64,
) -> Result<CheckResult, PipelineError> {
    let dataset = dataset_of!(subject);
    if !context.delivered(dataset) {
        return Ok(CheckResult::Nothing);
    }
    let month = context.month;
    let Some(day) = context.facts()?.refresh_date(dataset, |other| other == month) else { return Ok(no_refresh_date()) };
    let age = seen_on(context).days_since(day);
    let detail = Some(format!("{day}, {age} days old"));
    Ok(CheckResult::Counts { checked: 1, failed: u64::from(i64::from(age) > most_days), detail })
}

pub(super) fn refresh_in_future(context: &mut EvaluationContext<'_>, subject: Subject) -> Result<CheckResult, PipelineError> {
    let dataset = dataset_of!(subject);
    if !context.delivered(dataset) {
        return Ok(CheckResult::Nothing);
    }
    let month = context.month;
    let facts = context.facts()?;
    let Some(day) = facts.refresh_date(dataset, |other| other == month) else { return Ok(no_refresh_date()) };
    let limit = match facts.received(dataset, month) {
        // A clock that is ahead of ours makes no date less of a future one.
        Some(received) if context.is_newest => received.min(context.evaluator.today),
        Some(received) => received,
        None => seen_on(context),
    };
    let detail = Some(format!("{day}, looked at on {limit}"));
    Ok(CheckResult::Counts { checked: 1, failed: u64::from(day > limit), detail })
}

pub(super) fn refresh_goes_back(context: &mut EvaluationContext<'_>, subject: Subject) -> Result<CheckResult, PipelineError> {
    let dataset = dataset_of!(subject);
    if !context.delivered(dataset) {
        return Ok(CheckResult::Nothing);
    }
    let month = context.month;
    let facts = context.facts()?;
    let before = facts.refresh_date(dataset, |other| other < month);
    match (facts.refresh_date(dataset, |other| other == month), before) {
        (None, _) => Ok(no_refresh_date()),
        (_, None) => Ok(CheckResult::History { there: 0, needed: 1 }),
        (Some(now), Some(before)) => {
            let detail = Some(format!("{now} after {before}"));
            Ok(CheckResult::Counts { checked: 1, failed: u64::from(now < before), detail })
        }
    }
}
