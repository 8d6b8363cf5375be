//! `ops/rule_results` and `ops/acknowledgements`.

use super::RuleOutcome;
use crate::config::RuleSet;
use crate::config::rules::Rule;
use crate::lake::Lake;
use crate::model::{Day, Month, Timestamp};
use crate::pipeline::tables::{self, AcknowledgementRow, RuleResultRow};
use crate::pipeline::{PipelineError, store};

/// What a rule asked when it was evaluated: outcomes of different fingerprints cannot be compared.
pub fn fingerprint(rule: &Rule) -> String {
    format!("{:016x}", xxhash_rust::xxh64::xxh64(rule.definition().as_bytes(), 0))
}

/// Adds outcomes, passes included, to `ops/rule_results`.
///
/// # Errors
/// The table cannot be written.
pub fn record(lake: &Lake, rules: &RuleSet, outcomes: &[RuleOutcome], run_id: &str, at: Timestamp) -> Result<(), PipelineError> {
    append(lake, rules, outcomes, (run_id, at), Vec::new())
}

/// The same, with what the outcomes were made from.
pub(super) fn append(
    lake: &Lake,
    rules: &RuleSet,
    outcomes: &[RuleOutcome],
    (run_id, at): (&str, Timestamp),
    made_from: Vec<(String, i64)>,
) -> Result<(), PipelineError> {
    let row = |outcome: &RuleOutcome, at: Timestamp| RuleResultRow {
        run_id: Some(run_id.to_owned()),
        checked_at: Some(at),
        delivery_month: Some(outcome.month.to_string()),
        utility_id: Some(outcome.utility.clone()),
        dataset: Some(outcome.subject.to_string()),
        rule_id: Some(outcome.rule.clone()),
        rule_fingerprint: rules.rule(&outcome.rule).map(fingerprint),
        severity: Some(outcome.severity.to_string()),
        outcome: Some(outcome.state.as_str().into()),
        checked_count: tables::count(outcome.checked),
        failed_count: tables::count(outcome.failed),
        threshold: Some(outcome.threshold.clone()),
        detail: outcome.detail.clone(),
        delivery_fingerprint: Some(outcome.delivery.clone()),
    };
    let rows = |at: Timestamp| outcomes.iter().map(|outcome| row(outcome, at)).collect();
    store::enter(lake, ("checked_at", at), rows, made_from)
}

/// What an outcome was made from and what it measured: a decision holds for that, and for nothing else. `None` where an earlier
/// version of the program did not store it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    /// What the rule asked.
    pub rule: Option<String>,
    /// The files that were looked at.
    pub delivery: Option<String>,
    /// What was found, without an age: that grows by itself.
    pub measure: Option<String>,
}

impl Evidence {
    /// The evidence of a stored outcome.
    pub fn new(rule: Option<String>, delivery: Option<String>, detail: Option<&str>) -> Self {
        let without_age = |detail: &str| match detail.rsplit_once(", ") {
            Some((date, age)) if age.ends_with(" days old") => date.to_owned(),
            _ => detail.to_owned(),
        };
        Self { rule, delivery, measure: detail.map(without_age) }
    }

    /// Whether what was decided about is what is there now.
    pub fn is_that_of(&self, now: &Self) -> bool {
        let same = |then: &Option<String>, now: &Option<String>| then.is_none() || then == now;
        let is_stored = self.rule.is_some();
        !is_stored || (same(&self.rule, &now.rule) && same(&self.delivery, &now.delivery) && self.measure == now.measure)
    }
}

/// A steward's decision about a failing rule.
pub struct Decision<'a> {
    /// The rule.
    pub rule: &'a str,
    /// The utility.
    pub utility: &'a str,
    /// The dataset, `feeders` or `ders`.
    pub dataset: &'a str,
    /// The month.
    pub month: Month,
    /// Rows that fail now; more open it again.
    pub failed: u64,
    /// What is decided about.
    pub evidence: &'a Evidence,
    /// Why it is accepted.
    pub reason: &'a str,
    /// Who decides.
    pub account: &'a str,
    /// The last day on which it counts.
    pub expires_on: Day,
}

/// Adds decisions to `ops/acknowledgements`.
///
/// # Errors
/// The table cannot be written.
pub fn acknowledge(lake: &Lake, decisions: &[Decision<'_>], at: Timestamp) -> Result<(), PipelineError> {
    decide(lake, decisions, at, |decision| decision.expires_on)
}

/// The last day of a decision that withdraws an earlier one: it never counted, and it is the newest.
pub const WITHDRAWN: Day = Day::from_epoch_days(0);

/// Withdraws the decisions about these failures: adds others to `ops/acknowledgements` that have expired on [`WITHDRAWN`].
///
/// # Errors
/// The table cannot be written.
pub fn withdraw(lake: &Lake, decisions: &[Decision<'_>], at: Timestamp) -> Result<(), PipelineError> {
    decide(lake, decisions, at, |_| WITHDRAWN)
}

fn decide(
    lake: &Lake,
    decisions: &[Decision<'_>],
    at: Timestamp,
    expires_on: impl Fn(&Decision<'_>) -> Day,
) -> Result<(), PipelineError> {
    let row = |decision: &Decision<'_>, at: Timestamp| AcknowledgementRow {
        rule_id: Some(decision.rule.to_owned()),
        utility_id: Some(decision.utility.to_owned()),
        dataset: Some(decision.dataset.to_owned()),
        delivery_month: Some(decision.month.to_string()),
        failed_count: tables::count(decision.failed),
        reason: Some(decision.reason.to_owned()),
        account: Some(decision.account.to_owned()),
        acknowledged_at: Some(at),
        expires_on: Some(expires_on(decision)),
        rule_fingerprint: decision.evidence.rule.clone(),
        delivery_fingerprint: decision.evidence.delivery.clone(),
        measure: decision.evidence.measure.clone(),
    };
    let rows = |at: Timestamp| decisions.iter().map(|decision| row(decision, at)).collect();
    store::enter(lake, ("acknowledged_at", at), rows, Vec::new())
}
