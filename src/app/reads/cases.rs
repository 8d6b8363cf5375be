//! What stands between a month and its use, one case for each cause: what a steward decides about, and on-call looks at first.
//!
//! A file that did not come, or was refused, fails every rule that counts rows or days; a column in another unit fails those of
//! range, change and sum. Each of these is one case, with the outcomes behind it. Cases are made from stored outcomes and from what
//! runs said of files; nothing is asked of the data again.

use std::collections::{BTreeMap, BTreeSet};

use super::checks::Checked;
use super::runs::{self, RefusedFile};
use super::{QueryError, calendar};
use crate::config::rules::{Check, Rule};
use crate::config::{RuleSet, Settings};
use crate::frame::{Column, Value, schema};
use crate::lake::Lake;
use crate::model::{Month, Severity};
use crate::pipeline::rules::RuleState;

/// What outcomes have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// A file was refused, and none came in its place.
    Refused,
    /// A file of the month did not come.
    NotDelivered,
    /// The month after it is late.
    Overdue,
    /// The header of a dataset's file is another one.
    Header(String),
    /// The numbers of a column are not what they were, or not plausible.
    Values(String),
    /// A rule fails.
    Rule(String),
}

impl Cause {
    /// The word shown and printed.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::NotDelivered => "delivery",
            Self::Overdue => "overdue",
            Self::Header(_) => "header",
            Self::Values(_) => "values",
            Self::Rule(_) => "rule",
        }
    }

    /// What is the matter with it, beside the word: the dataset, the column or the rule; nothing where the word says all.
    pub fn about(&self) -> &str {
        match self {
            Self::Refused | Self::NotDelivered | Self::Overdue => "",
            Self::Header(about) | Self::Values(about) | Self::Rule(about) => about,
        }
    }

    /// The cause of an outcome; `is_delivered`, `is_refused`: whether anything of its dataset came for the month, or was refused.
    fn of(checked: &Checked, rule: Option<&Rule>, is_delivered: bool, is_refused: bool) -> Self {
        match rule.map(|rule| &rule.check) {
            Some(Check::Freshness { .. } | Check::Volume { .. }) if is_refused => Self::Refused,
            Some(Check::Freshness { .. } | Check::Volume { .. }) if !is_delivered => Self::NotDelivered,
            Some(Check::Freshness { .. }) => Self::Overdue,
            Some(Check::Schema { .. } | Check::MappedColumns {}) => Self::Header(checked.dataset.clone()),
            Some(
                Check::Range { column, .. }
                | Check::Change { column, .. }
                | Check::UnitShift { column, .. }
                | Check::MedianUnitShift { column, .. }
                | Check::SumMoves { column, .. },
            ) => Self::Values(column.clone()),
            _ => Self::Rule(checked.rule.clone()),
        }
    }
}

/// What a case asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// An error that nobody has acknowledged: the month must not go on.
    Stops,
    /// A rule could not be evaluated: nothing can be said of the month.
    Unknown,
    /// A warning, or a notice.
    ToLookAt,
    /// All of its failures are acknowledged.
    Acknowledged,
}

impl Standing {
    /// The word shown and printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stops => "stops the month",
            Self::Unknown => "not checked",
            Self::ToLookAt => "to look at",
            Self::Acknowledged => "acknowledged",
        }
    }
}

/// One cause, and everything that fails because of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The month.
    pub month: Month,
    /// The utility.
    pub utility: String,
    /// What the outcomes have in common.
    pub cause: Cause,
    /// What it asks for.
    pub standing: Standing,
    /// The gravest severity among its failures.
    pub severity: Severity,
    /// What is the matter, in a line.
    pub what: String,
    /// The datasets, or kinds of entities, that it is about.
    pub of: Vec<String>,
    /// The first month without a pass up to this one.
    pub since: Month,
    /// Rows that fail the gravest rule, of all datasets; 0 where the figure is about whole files.
    pub failed: u64,
    /// What is known beyond the counts.
    pub evidence: Vec<String>,
    /// Who answers for it.
    pub owner: String,
    /// What to do.
    pub next_step: String,
    /// What fails because of it, the gravest first.
    pub outcomes: Vec<Checked>,
}

/// May a month go on?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// No error is open.
    Ready,
    /// Errors are.
    NotReady,
    /// Some rules could not be evaluated.
    Unknown,
}

impl Verdict {
    /// The word shown and printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::NotReady => "not ready",
            Self::Unknown => "no verdict",
        }
    }

    /// That of a month with these cases.
    pub fn of(cases: &[Case]) -> Self {
        let is_unknown = |checked: &Checked| checked.state == RuleState::CouldNotCheck;
        if cases.iter().flat_map(|case| &case.outcomes).any(is_unknown) {
            Self::Unknown
        } else if cases.iter().any(|case| case.standing == Standing::Stops) {
            Self::NotReady
        } else {
            Self::Ready
        }
    }
}

/// The cases of a month, or of the newest that anything is known of, from the outcomes of all months: what stops it first, then the
/// gravest, then by utility. `None` where nothing is known.
///
/// # Errors
/// A table cannot be read.
pub fn of_month(
    lake: &Lake,
    settings: &Settings,
    outcomes: &[Checked],
    month: Option<Month>,
) -> Result<Option<(Month, Vec<Case>)>, QueryError> {
    let refused = runs::standing_refusals(lake, settings)?;
    let known = || outcomes.iter().map(|checked| checked.month).chain(refused.iter().map(|file| file.month));
    let Some(month) = known().filter(|known| month.is_none_or(|month| month == *known)).max() else { return Ok(None) };
    let missing = calendar::calendar(lake, settings)?.missing(month);
    Ok(Some((month, group(month, outcomes, &refused, &missing, &settings.rules))))
}

/// Outcomes of all months and refused files → cases of one month. `missing`: by utility, datasets of which nothing came.
pub fn group(
    month: Month,
    outcomes: &[Checked],
    refused: &[RefusedFile],
    missing: &BTreeMap<String, BTreeSet<String>>,
    rules: &RuleSet,
) -> Vec<Case> {
    let is_delivered = |checked: &Checked| !missing.get(&checked.utility).is_some_and(|of| of.contains(&checked.dataset));
    let mut groups: BTreeMap<(String, Cause), Vec<Checked>> = BTreeMap::new();
    let is_told =
        |checked: &&Checked| checked.month == month && matches!(checked.state, RuleState::Failed | RuleState::CouldNotCheck);
    let refused: Vec<&RefusedFile> = refused.iter().filter(|file| file.month == month).collect();
    let is_refused =
        |checked: &Checked| refused.iter().any(|file| file.utility == checked.utility && file.dataset == checked.dataset);
    for checked in outcomes.iter().filter(is_told) {
        let cause = Cause::of(checked, rules.rule(&checked.rule), is_delivered(checked), is_refused(checked));
        groups.entry((checked.utility.clone(), cause)).or_default().push(checked.clone());
    }
    for file in &refused {
        groups.entry((file.utility.clone(), Cause::Refused)).or_default();
    }
    let mut cases: Vec<Case> = groups
        .into_iter()
        .map(|((utility, cause), outcomes)| {
            let files: Vec<&RefusedFile> =
                refused.iter().filter(|file| cause == Cause::Refused && file.utility == utility).copied().collect();
            case((month, utility, cause), outcomes, &files, rules)
        })
        .collect();
    cases.sort_by(|a, b| {
        let rank = |case: &Case| (case.standing, std::cmp::Reverse(case.severity), case.cause.clone());
        (rank(a), &a.utility).cmp(&(rank(b), &b.utility))
    });
    cases
}

fn case(
    (month, utility, cause): (Month, String, Cause),
    mut outcomes: Vec<Checked>,
    refused: &[&RefusedFile],
    rules: &RuleSet,
) -> Case {
    outcomes.sort_by_key(|checked| {
        (checked.acknowledged.is_some(), std::cmp::Reverse(checked.severity), std::cmp::Reverse(checked.failed))
    });
    let is_refused = !refused.is_empty();
    let standing = if outcomes.iter().any(Checked::is_bad) || is_refused {
        Standing::Stops
    } else if outcomes.iter().any(|checked| checked.state == RuleState::CouldNotCheck) {
        Standing::Unknown
    } else if outcomes.iter().any(Checked::is_open) {
        Standing::ToLookAt
    } else {
        Standing::Acknowledged
    };
    let gravest = outcomes.first();
    let rule = gravest.and_then(|checked| rules.rule(&checked.rule));
    let of: BTreeSet<String> =
        outcomes.iter().map(|checked| checked.dataset.clone()).chain(refused.iter().map(|file| file.dataset.clone())).collect();
    let of: Vec<String> = of.into_iter().collect();
    let what = match (&cause, gravest) {
        (Cause::Refused, _) => format!("refused: {} of {month}", of.join(", ")),
        (Cause::NotDelivered, _) => format!("{month} has not come"),
        (Cause::Overdue, Some(checked)) => {
            format!("no newer month has come: {}", checked.detail.as_deref().unwrap_or(&checked.rule))
        }
        (Cause::Header(_), Some(checked)) if rule.is_some_and(|rule| matches!(rule.check, Check::MappedColumns {})) => {
            format!("the file lacks {}", checked.detail.as_deref().unwrap_or("columns"))
        }
        (Cause::Header(_), Some(checked)) => checked.detail.clone().unwrap_or_else(|| checked.rule.clone()),
        (_, Some(checked)) if checked.state == RuleState::CouldNotCheck => {
            format!("could not be checked: {}", rule.map_or(checked.rule.as_str(), |rule| &rule.description))
        }
        (_, Some(checked)) => rule.map_or_else(|| checked.rule.clone(), |rule| format!("does not hold: {}", rule.description)),
        (_, None) => cause.as_str().to_owned(),
    };
    let mut evidence: Vec<String> = refused.iter().map(|file| file.told()).collect();
    if !is_refused {
        evidence.extend(told(&outcomes));
    }
    let next_step = match refused.first() {
        Some(file) => file.next_step.clone(),
        None if cause == Cause::NotDelivered => format!("ask {utility} for {} of {month}", of.join(", ")),
        None => rule.map_or_else(String::new, |rule| rule.next_step.clone()),
    };
    let of_gravest = |checked: &&Checked| gravest.is_some_and(|gravest| checked.rule == gravest.rule);
    let failed = outcomes.iter().filter(of_gravest).map(|checked| checked.failed).sum();
    let is_about_files = matches!(cause, Cause::Refused | Cause::NotDelivered | Cause::Overdue | Cause::Header(_));
    Case {
        month,
        standing,
        severity: outcomes
            .iter()
            .map(|checked| checked.severity)
            .chain(is_refused.then_some(Severity::Error))
            .max()
            .unwrap_or(Severity::Error),
        what,
        since: since(&outcomes, rules, matches!(cause, Cause::Refused | Cause::NotDelivered)).unwrap_or(month),
        failed: if is_about_files { 0 } else { failed },
        evidence,
        owner: rule.map_or_else(|| "the utility".to_owned(), |rule| rule.owner.clone()),
        next_step,
        of,
        outcomes,
        utility,
        cause,
    }
}

/// What the outcomes say beyond their counts; what several datasets have in common once.
fn told(outcomes: &[Checked]) -> Vec<String> {
    let mut told: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for checked in outcomes {
        let Some(detail) = checked.detail.as_deref() else { continue };
        match told.iter_mut().find(|(rule, said, _)| *rule == checked.rule && *said == detail) {
            Some((.., of)) => of.push(&checked.dataset),
            None => told.push((&checked.rule, detail, vec![&checked.dataset])),
        }
    }
    told.into_iter().map(|(rule, detail, of)| format!("{rule} of {}: {detail}", of.join(", "))).collect()
}

/// The first month that a case has been there: for a month that did not come, as long as files have been late.
fn since(outcomes: &[Checked], rules: &RuleSet, is_late: bool) -> Option<Month> {
    let is_freshness =
        |checked: &&Checked| rules.rule(&checked.rule).is_some_and(|rule| matches!(rule.check, Check::Freshness { .. }));
    outcomes.iter().filter(|checked| !is_late || is_freshness(checked)).filter_map(|checked| checked.failing_since).min()
}

/// The cases as rows.
pub fn table(cases: &[Case]) -> (Vec<Column>, Vec<Vec<Value>>) {
    let columns = schema::columns![delivery_month Text, utility_id Text, cause Text, standing Text, severity Text, what Text, datasets Text, failing_since Text, failed_count Whole, outcome_count Whole, rules Text, acknowledged_by Text, acknowledged_until Day, evidence Text, owner Text, next_step Text];
    let row = |case: &Case| {
        let rules: BTreeSet<&str> = case.outcomes.iter().map(|checked| checked.rule.as_str()).collect();
        let decision = case.outcomes.iter().filter_map(|checked| checked.acknowledged.as_ref()).min_by_key(|by| by.expires_on);
        vec![
            Value::Text(case.month.to_string()),
            Value::Text(case.utility.clone()),
            Value::Text(case.cause.as_str().into()),
            Value::Text(case.standing.as_str().into()),
            Value::Text(case.severity.to_string()),
            Value::Text(case.what.clone()),
            Value::Text(case.of.join(" ")),
            Value::Text(case.since.to_string()),
            Value::count(case.failed),
            Value::count(case.outcomes.len() as u64),
            Value::Text(rules.into_iter().collect::<Vec<_>>().join(" ")),
            Value::text(decision.map(|decision| decision.account.as_str())),
            decision.map_or(Value::Null, |decision| Value::Day(decision.expires_on)),
            Value::Text(case.evidence.join("; ")),
            Value::Text(case.owner.clone()),
            Value::Text(case.next_step.clone()),
        ]
    };
    (columns, cases.iter().map(row).collect())
}
