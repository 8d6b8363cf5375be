//! `ops/rule_results` and `ops/acknowledgements`.

use super::RuleOutcome;
use crate::config::RuleSet;
use crate::config::rules::Rule;
use crate::lake::{Lake, Layer, TableId, Value, schema};
use crate::model::{Day, Month};
use crate::pipeline::{PipelineError, ops};

/// `ops/rule_results`.
pub fn results_table() -> TableId {
    TableId::new(Layer::Ops, "rule_results")
}

/// `ops/acknowledgements`.
pub fn acknowledgements_table() -> TableId {
    TableId::new(Layer::Ops, "acknowledgements")
}

/// What a rule asked when it was evaluated: outcomes of different fingerprints cannot be compared.
pub fn fingerprint(rule: &Rule) -> String {
    format!("{:016x}", xxhash_rust::xxh64::xxh64(rule.definition().as_bytes(), 0))
}

/// Adds outcomes, passes included, to `ops/rule_results`. `at`: microseconds since 1970-01-01, UTC.
///
/// # Errors
/// The table cannot be written.
pub fn record(lake: &Lake, book: &RuleSet, outcomes: &[RuleOutcome], run_id: &str, at: i64) -> Result<(), PipelineError> {
    append(lake, book, outcomes, (run_id, at), Vec::new())
}

/// The same, with what the outcomes were made from.
pub(super) fn append(
    lake: &Lake,
    book: &RuleSet,
    outcomes: &[RuleOutcome],
    (run_id, at): (&str, i64),
    made_from: Vec<(String, i64)>,
) -> Result<(), PipelineError> {
    let row = |outcome: &RuleOutcome| {
        vec![
            Value::Text(run_id.to_owned()),
            Value::Time(at),
            Value::Text(outcome.month.to_string()),
            Value::Text(outcome.utility.clone()),
            Value::Text(outcome.subject.to_string()),
            Value::Text(outcome.rule.clone()),
            Value::text(book.rule(&outcome.rule).map(fingerprint)),
            Value::Text(outcome.severity.to_string()),
            Value::Text(outcome.state.as_str().into()),
            Value::count(outcome.checked),
            Value::count(outcome.failed),
            Value::Text(outcome.threshold.clone()),
            Value::text(outcome.detail.as_deref()),
        ]
    };
    let rows: Vec<Vec<Value>> = outcomes.iter().map(row).collect();
    ops::append(lake, &results_table(), &schema::rule_results(), &rows, made_from)
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
    /// Why it is accepted.
    pub reason: &'a str,
    /// Who decides.
    pub account: &'a str,
    /// The last day on which it counts.
    pub expires_on: Day,
}

/// Adds decisions to `ops/acknowledgements`. `at`: microseconds since 1970-01-01, UTC.
///
/// # Errors
/// The table cannot be written.
pub fn acknowledge(lake: &Lake, decisions: &[Decision<'_>], at: i64) -> Result<(), PipelineError> {
    let row = |decision: &Decision<'_>| {
        vec![
            Value::Text(decision.rule.to_owned()),
            Value::Text(decision.utility.to_owned()),
            Value::Text(decision.dataset.to_owned()),
            Value::Text(decision.month.to_string()),
            Value::count(decision.failed),
            Value::Text(decision.reason.to_owned()),
            Value::Text(decision.account.to_owned()),
            Value::Time(at),
            Value::Day(decision.expires_on),
        ]
    };
    let rows: Vec<Vec<Value>> = decisions.iter().map(row).collect();
    ops::append(lake, &acknowledgements_table(), &schema::acknowledgements(), &rows, Vec::new())
}
