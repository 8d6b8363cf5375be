//! What does not hold, since when, and who has acknowledged it?

use std::collections::BTreeMap;

use super::{QueryError, rows};
use crate::config::rules::Subject;
use crate::config::{RuleSet, Settings};
use crate::frame::{Column, Frame, Value, schema};
use crate::lake::{DataFile, Lake};
use crate::model::{Day, Month, Severity, Timestamp};
use crate::pipeline::rules::{Decision, Evidence, RuleOutcome, RuleState};
use crate::pipeline::tables;

/// A steward's decision about a failing rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Who.
    pub account: String,
    /// Why.
    pub reason: String,
    /// The last day on which it counts.
    pub expires_on: Day,
    /// Rows that failed when it was given; more of them open the failure again.
    pub failed: u64,
    /// What was decided about.
    pub evidence: Evidence,
}

/// The newest outcome of a rule for a month, utility and dataset or kind of entity.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The month.
    pub month: Month,
    /// The utility.
    pub utility: String,
    /// The dataset, `feeders` or `ders`.
    pub dataset: String,
    /// The rule.
    pub rule: String,
    /// How bad a failure is.
    pub severity: Severity,
    /// How it ended.
    pub state: RuleState,
    /// Rows looked at.
    pub checked: u64,
    /// Rows that fail.
    pub failed: u64,
    /// How many may fail, as written.
    pub threshold: String,
    /// What is worth saying.
    pub detail: Option<String>,
    /// The first month of those without a pass up to this one; `None` if it did not fail.
    pub failing_since: Option<Month>,
    /// What it was made from and what it measured.
    pub evidence: Evidence,
    /// The decision that counts today, if there is one.
    pub acknowledged: Option<Acknowledgement>,
    /// When it was evaluated.
    pub checked_at: Option<Timestamp>,
}

impl Checked {
    /// Whether it is what is stored of an outcome.
    pub fn is_of(&self, outcome: &RuleOutcome) -> bool {
        self.month == outcome.month
            && self.rule == outcome.rule
            && self.utility == outcome.utility
            && self.dataset == outcome.subject.as_str()
    }

    /// Whether it fails and nobody has acknowledged it.
    pub fn is_open(&self) -> bool {
        self.state == RuleState::Failed && self.acknowledged.is_none()
    }

    /// Whether it fails the exit code.
    pub fn is_bad(&self) -> bool {
        self.is_open() && self.severity == Severity::Error
    }

    /// A decision about what it found, as it stands.
    pub fn decision<'a>(&'a self, reason: &'a str, account: &'a str, expires_on: Day) -> Decision<'a> {
        Decision {
            rule: &self.rule,
            utility: &self.utility,
            dataset: &self.dataset,
            month: self.month,
            failed: self.failed,
            evidence: &self.evidence,
            reason,
            account,
            expires_on,
        }
    }
}

/// The newest outcomes of every month, by month, utility, dataset and rule; those of rules that are no longer asked are
/// history, and left out.
///
/// # Errors
/// A table cannot be read.
pub fn outcomes(lake: &Lake, settings: &Settings) -> Result<Vec<Checked>, QueryError> {
    outcomes_of(lake, settings, None)
}

/// The newest outcomes of the newest month that has any, and of those from `since` on; earlier months are not looked at, so since when
/// a rule fails is told within these alone.
///
/// # Errors
/// A table cannot be read.
pub fn latest_outcomes(lake: &Lake, settings: &Settings, since: Option<Month>) -> Result<Vec<Checked>, QueryError> {
    let results = lake.snapshot(&tables::RULE_RESULTS.id())?;
    let greatest = |file: &DataFile| file.greatest("delivery_month").and_then(Month::parse);
    let months: Option<Vec<Month>> = results.iter().flat_map(|results| &results.files).map(greatest).collect();
    let newest = months.and_then(|months| months.into_iter().max());
    let latest = outcomes_of(lake, settings, newest.map(|newest| since.map_or(newest, |since| since.min(newest))))?;
    // All that is stored of these months may be of rules that are no longer asked.
    if latest.is_empty() { outcomes(lake, settings) } else { Ok(latest) }
}

/// Those of the months from `since` on.
fn outcomes_of(lake: &Lake, settings: &Settings, since: Option<Month>) -> Result<Vec<Checked>, QueryError> {
    let condition = since.map_or_else(String::new, |since| format!(" WHERE delivery_month >= '{since}'"));
    let newest = rows(
        lake,
        &tables::RULE_RESULTS,
        &format!(
            "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY delivery_month, utility_id, dataset, rule_id ORDER BY checked_at DESC) AS place\n\
             FROM t{condition}) AS p WHERE place = 1 ORDER BY delivery_month, utility_id, dataset, rule_id"
        ),
    )?;
    let decisions = decisions(lake)?;
    let mut failing: BTreeMap<(String, String, String, String), Month> = BTreeMap::new();
    let mut outcomes = Vec::with_capacity(newest.height());
    for row in 0..newest.height() {
        let text = |column: &str| newest.text(column, row).unwrap_or_default();
        let (Some(month), Some(state)) = (Month::parse(&text("delivery_month")), RuleState::parse(&text("outcome"))) else {
            continue;
        };
        let (utility, dataset, rule) = (text("utility_id"), text("dataset"), text("rule_id"));
        let is_asked = |subject| settings.rules.rule(&rule).is_some_and(|rule| rule.is_asked_of(&utility, subject));
        // What no adapter reads any more is asked no rule, as in `check`.
        if settings.utility(&utility).is_none() || !Subject::parse(&dataset).is_some_and(is_asked) {
            continue;
        }
        let key = (utility.clone(), dataset.clone(), rule.clone(), text("rule_fingerprint"));
        let failing_since = match state {
            RuleState::Failed => Some(*failing.entry(key).or_insert(month)),
            RuleState::Passed => {
                failing.remove(&key);
                None
            }
            // What could not be looked at is no pass.
            _ => None,
        };
        let failed = newest.count("failed_count", row);
        let detail = newest.text("detail", row);
        let evidence =
            Evidence::new(newest.text("rule_fingerprint", row), newest.text("delivery_fingerprint", row), detail.as_deref());
        let place = (rule.clone(), utility.clone(), dataset.clone(), month);
        let acknowledged = decisions
            .get(&place)
            .filter(|decision| state == RuleState::Failed && decision.expires_on >= settings.today && failed <= decision.failed)
            .filter(|decision| decision.evidence.is_that_of(&evidence))
            .cloned();
        outcomes.push(Checked {
            month,
            utility,
            dataset,
            rule,
            severity: Severity::parse(&text("severity")).unwrap_or(Severity::Error),
            state,
            checked: newest.count("checked_count", row),
            failed,
            threshold: text("threshold"),
            detail,
            evidence,
            failing_since,
            acknowledged,
            checked_at: newest.time("checked_at", row),
        });
    }
    Ok(outcomes)
}

/// Rule, utility, dataset and month.
type FailurePlace = (String, String, String, Month);

/// The newest decision for each rule, utility, dataset and month.
fn decisions(lake: &Lake) -> Result<BTreeMap<FailurePlace, Acknowledgement>, QueryError> {
    let found = rows(lake, &tables::ACKNOWLEDGEMENTS, "SELECT * FROM t ORDER BY acknowledged_at")?;
    let mut decisions = BTreeMap::new();
    for row in 0..found.height() {
        let text = |column: &str| found.text(column, row).unwrap_or_default();
        if let (Some(month), Some(expires_on)) = (Month::parse(&text("delivery_month")), found.day("expires_on", row)) {
            let decision = Acknowledgement {
                account: text("account"),
                reason: text("reason"),
                expires_on,
                failed: found.count("failed_count", row),
                evidence: Evidence {
                    rule: found.text("rule_fingerprint", row),
                    delivery: found.text("delivery_fingerprint", row),
                    measure: found.text("measure", row),
                },
            };
            decisions.insert((text("rule_id"), text("utility_id"), text("dataset"), month), decision);
        }
    }
    Ok(decisions)
}

/// The outcomes as rows, with what the rules say of owner and next step.
pub fn table(outcomes: &[&Checked], book: &RuleSet) -> (Vec<Column>, Vec<Vec<Value>>) {
    let columns = schema::columns![delivery_month Text, utility_id Text, dataset Text, rule_id Text, severity Text, outcome Text, checked_count Whole, failed_count Whole, threshold Text, failing_since Text, acknowledged_by Text, acknowledged_reason Text, acknowledged_until Day, detail Text, owner Text, next_step Text];
    let row = |checked: &&Checked| {
        let rule = book.rule(&checked.rule);
        let decision = checked.acknowledged.as_ref();
        vec![
            Value::Text(checked.month.to_string()),
            Value::Text(checked.utility.clone()),
            Value::Text(checked.dataset.clone()),
            Value::Text(checked.rule.clone()),
            Value::Text(checked.severity.to_string()),
            Value::Text(checked.state.as_str().into()),
            Value::count(checked.checked),
            Value::count(checked.failed),
            Value::Text(checked.threshold.clone()),
            Value::text(checked.failing_since.map(|month| month.to_string())),
            Value::text(decision.map(|decision| decision.account.as_str())),
            Value::text(decision.map(|decision| decision.reason.as_str())),
            decision.map_or(Value::Null, |decision| Value::Day(decision.expires_on)),
            Value::text(checked.detail.as_deref()),
            Value::text(rule.map(|rule| rule.owner.as_str())),
            Value::text(rule.map(|rule| rule.next_step.as_str())),
        ]
    };
    (columns, outcomes.iter().map(row).collect())
}

/// What each utility's record is over the months: failures by severity, repeated ones, records rejected, days late.
///
/// # Errors
/// A table cannot be read.
pub fn scorecard(lake: &Lake, settings: &Settings) -> Result<Vec<Score>, QueryError> {
    scorecard_of(lake, settings, &outcomes(lake, settings)?)
}

/// The same, from outcomes that are known already.
///
/// # Errors
/// A table cannot be read.
pub fn scorecard_of(lake: &Lake, settings: &Settings, outcomes: &[Checked]) -> Result<Vec<Score>, QueryError> {
    let summaries = rows(
        lake,
        &tables::DATA_QUALITY_SUMMARY,
        "SELECT utility_id, delivery_month, SUM(row_count) AS row_count, SUM(rejected_count) AS rejected_count, MAX(received_at) AS received_at\n\
         FROM t GROUP BY utility_id, delivery_month ORDER BY utility_id, delivery_month",
    )?;
    Ok(settings.utilities.iter().map(|adapter| score(adapter, outcomes, &summaries, settings.today)).collect())
}

/// A utility's record.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// The utility.
    pub utility: String,
    /// Months delivered.
    pub months: u64,
    /// Failing rules of severity error and warning, by month, oldest first.
    pub failures: Vec<(Month, u64, u64)>,
    /// Rules of severity error or warning that fail in the newest month and failed before.
    pub repeated: u64,
    /// Share of records that were rejected, from 0 to 1; `None` before anything came.
    pub rejected_share: Option<f64>,
    /// Mean number of days after the due day, early ones counted as 0; `None` before anything came. Of months that came together with
    /// two others or more, a history that was handed over at once, only the newest counts.
    pub days_late: Option<f64>,
}

/// So many months on one day are a history that was handed over.
const HISTORY: usize = 3;

fn score(adapter: &crate::config::UtilityAdapter, outcomes: &[Checked], summaries: &Frame, today: Day) -> Score {
    let utility = adapter.id.as_str();
    let mut failures: BTreeMap<Month, (u64, u64)> = BTreeMap::new();
    for checked in outcomes.iter().filter(|checked| checked.utility == utility && checked.state != RuleState::NothingDelivered) {
        let counts = failures.entry(checked.month).or_default();
        match (checked.state, checked.severity) {
            (RuleState::Failed, Severity::Error) => counts.0 += 1,
            (RuleState::Failed, Severity::Warning) => counts.1 += 1,
            _ => {}
        }
    }
    let newest = failures.keys().next_back().copied();
    let is_repeated = |checked: &&Checked| {
        checked.utility == utility
            && Some(checked.month) == newest
            && checked.severity > Severity::Info
            && checked.failing_since.is_some_and(|since| since < checked.month)
    };
    let repeated = outcomes.iter().filter(is_repeated).count() as u64;
    let (mut rows, mut rejected, mut months) = (0, 0, 0);
    let mut received_on: BTreeMap<Day, Vec<Month>> = BTreeMap::new();
    for row in (0..summaries.height()).filter(|row| summaries.text("utility_id", *row).as_deref() == Some(utility)) {
        rows += summaries.count("row_count", row);
        rejected += summaries.count("rejected_count", row);
        months += 1;
        let month = summaries.text("delivery_month", row).and_then(|month| Month::parse(&month));
        if let (Some(month), Some(received)) = (month, summaries.time("received_at", row)) {
            // Nothing came after the day that ages are counted to.
            received_on.entry(received.day().min(today)).or_default().push(month);
        }
    }
    let days = |received: Day, month: Month| i64::from(received.days_since(month.day(adapter.schedule.due_day)).max(0));
    let late: Vec<i64> = received_on
        .into_iter()
        .flat_map(|(day, months)| {
            let skipped = if months.len() >= HISTORY { months.len() - 1 } else { 0 };
            months.into_iter().skip(skipped).map(move |month| days(day, month))
        })
        .collect();
    Score {
        utility: utility.to_owned(),
        months,
        failures: failures.into_iter().map(|(month, (errors, warnings))| (month, errors, warnings)).collect(),
        repeated,
        rejected_share: (rows > 0).then(|| rejected as f64 / (rows + rejected) as f64),
        days_late: (!late.is_empty()).then(|| late.iter().sum::<i64>() as f64 / late.len() as f64),
    }
}
