//! Rules → outcomes: what holds of a month, how many rows it does not hold for, and which.
//!
//! Lies beside `quality` at the end of the flow: reads bronze, silver and the quality tables, writes `ops/rule_results`.
//! The numbers that rules ask of one relation are found in one pass over it. A rule that cannot be
//! evaluated is `could-not-check`, never a pass.

mod columns;
mod context;
mod deliveries;
mod drift;
mod evaluate;
mod facts;
mod figures;
mod plan;
mod queries;
mod results;
mod stale;
mod strays;

use std::collections::BTreeSet;

use super::PipelineError;
use super::bronze::BronzeTables;
use super::silver::Silver;
use crate::config::UtilityAdapter;
use crate::config::rules::{Rule, RuleSet, Subject};
use crate::frame::Frame;
use crate::model::{Day, Month, Severity, UtilityId};

use context::EvaluationContext;
use drift::Schemas;
use facts::Histories;

pub(crate) use results::record;
pub use results::{Decision, Evidence, acknowledge, withdraw};
pub(crate) use stale::{Place, StaleOutcomes, is_evaluated};

/// How a rule ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RuleState {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// It could not be evaluated; the detail says why.
    CouldNotCheck,
    /// It compares with earlier months, and there are not enough of them.
    NotEnoughHistory,
    /// Nothing was delivered for the month; the delivery rules say so.
    NothingDelivered,
    /// The utility does not state what the rule asks about, going by its adapter.
    NotStated,
}

impl RuleState {
    /// The word shown and stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::CouldNotCheck => "could-not-check",
            Self::NotEnoughHistory => "not-enough-history",
            Self::NothingDelivered => "nothing-delivered",
            Self::NotStated => "not-stated",
        }
    }

    /// The state of that name.
    pub fn parse(word: &str) -> Option<Self> {
        use RuleState::{CouldNotCheck, Failed, NotEnoughHistory, NotStated, NothingDelivered, Passed};
        [Passed, Failed, CouldNotCheck, NotEnoughHistory, NothingDelivered, NotStated]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// What a rule counted.
#[derive(Debug, Clone, PartialEq)]
enum CheckResult {
    /// Rows looked at, rows that fail, and what is worth saying.
    Counts { checked: u64, failed: u64, detail: Option<String> },
    /// It could not be evaluated.
    Unchecked(String),
    /// So many months of so many.
    History { there: u64, needed: u64 },
    /// Nothing to look at.
    Nothing,
    /// A column that the adapter does not map.
    NotStated(String),
}

impl CheckResult {
    const fn counts(checked: u64, failed: u64) -> Self {
        Self::Counts { checked, failed, detail: None }
    }
}

/// The outcome of one rule for one utility, month and subject.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleOutcome {
    /// The month.
    pub month: Month,
    /// The utility.
    pub utility: String,
    /// What the rows were.
    pub subject: Subject,
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
    /// The rule's threshold, as written.
    pub threshold: String,
    /// What is worth saying.
    pub detail: Option<String>,
    /// Tells the files that were looked at from others.
    pub delivery: String,
}

/// Rules by what may change their outcome, fewer of them first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Scope {
    /// Those that time changes.
    Calendar,
    /// Those, and those that look at deliveries before the month.
    LaterDelivery,
    /// Those, and those that compare its columns with the last deliveries before it.
    NextDelivery,
    /// Those, and those that compare the month with the one before it.
    NextMonth,
    /// All of them.
    #[default]
    All,
}

/// Which rules are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct RuleFilter<'a> {
    /// Only this one.
    pub rule: Option<&'a str>,
    /// Only of this utility.
    pub utility: Option<&'a str>,
    /// Those whose outcome may be another one.
    pub scope: Scope,
}

impl RuleFilter<'_> {
    fn takes(&self, rule: &Rule, adapter: &UtilityAdapter) -> bool {
        let is_in_scope = match self.scope {
            Scope::All => true,
            Scope::NextMonth => rule.is_of_calendar() || rule.looks_back() || rule.is_of_schema() || rule.compares_months(),
            Scope::NextDelivery => rule.is_of_calendar() || rule.looks_back() || rule.is_of_schema(),
            Scope::LaterDelivery => rule.is_of_calendar() || rule.looks_back(),
            Scope::Calendar => rule.is_of_calendar(),
        };
        let is_ours = rule.utility.as_ref().is_none_or(|utility| *utility == adapter.id);
        is_in_scope
            && is_ours
            && self.rule.is_none_or(|id| id == rule.id)
            && self.utility.is_none_or(|id| id == adapter.id.as_str())
    }
}

/// Evaluates rules over the tables as they are.
pub struct Evaluator<'a> {
    /// The bronze tables of every utility.
    pub bronze: &'a [BronzeTables<'a>],
    /// The rules; those of the settings, or edited ones.
    pub rules: &'a RuleSet,
    /// The day that ages are counted to.
    pub today: Day,
    /// The silver of utilities that was rebuilt just now.
    silver: &'a [(UtilityId, Silver)],
    /// What was found of one month and is asked of the next.
    schemas: Schemas,
    /// What was found of a utility and is asked of each of its months.
    histories: Histories,
}

impl<'a> Evaluator<'a> {
    /// Nothing is evaluated yet.
    pub fn new(bronze: &'a [BronzeTables<'a>], rules: &'a RuleSet, today: Day) -> Self {
        Self { bronze, rules, today, silver: &[], schemas: Schemas::default(), histories: Histories::default() }
    }

    /// The same right after silver was rebuilt: what moved last is at hand.
    pub(super) fn after_rebuild(mut self, silver: &'a [(UtilityId, Silver)]) -> Self {
        self.silver = silver;
        self
    }

    /// Every month that any utility delivered, oldest first.
    pub fn months(&self) -> Vec<Month> {
        let months: BTreeSet<Month> = self.bronze.iter().flat_map(|bronze| &bronze.files).map(|file| file.month).collect();
        months.into_iter().collect()
    }

    fn is_newest(&self, month: Month) -> bool {
        self.bronze.iter().flat_map(|bronze| &bronze.files).all(|file| file.month <= month)
    }

    /// Evaluates the wanted rules for a month, by utility and subject.
    ///
    /// # Errors
    /// A table cannot be read, or somebody asked to stop. A rule that fails to run is an outcome, not an error.
    pub fn month(&self, month: Month, wanted: RuleFilter<'_>) -> Result<Vec<RuleOutcome>, PipelineError> {
        let mut outcomes = Vec::new();
        // A utility of which nothing ever came has no due month yet; `status` says that it is missing.
        for bronze in self.bronze.iter().filter(|bronze| !bronze.files.is_empty()) {
            let rules: Vec<&Rule> = self.rules.rules.iter().filter(|rule| wanted.takes(rule, bronze.adapter)).collect();
            if rules.is_empty() {
                continue;
            }
            let mut context = EvaluationContext::open(self, bronze, month)?;
            for subject in Subject::ALL {
                outcomes.extend(of_subject(&mut context, subject, &rules)?);
            }
        }
        Ok(outcomes)
    }

    /// The rows that fail a rule, none where the utility is not known: `record_key, column_name, value, source_file, source_line`, at most `limit`.
    ///
    /// # Errors
    /// A table cannot be read, the rule cannot be evaluated, or somebody asked to stop.
    pub fn failing_rows(
        &self,
        rule: &Rule,
        utility: &str,
        subject: Subject,
        month: Month,
        limit: usize,
    ) -> Result<Frame, PipelineError> {
        let Some(bronze) = self.bronze.iter().find(|bronze| bronze.adapter.id.as_str() == utility) else {
            return Ok(Frame::default());
        };
        EvaluationContext::open(self, bronze, month)?.rows(subject, rule, limit)
    }
}

/// Outcomes of the rules that are asked of a subject.
fn of_subject(context: &mut EvaluationContext<'_>, subject: Subject, rules: &[&Rule]) -> Result<Vec<RuleOutcome>, PipelineError> {
    if let Subject::Delivery(dataset) = subject
        && context.bronze.adapter.dataset(dataset).is_none()
    {
        return Ok(Vec::new());
    }
    let rules: Vec<&Rule> = rules.iter().copied().filter(|rule| rule.on.contains(&subject)).collect();
    let found = context.evaluate(subject, &rules)?;
    let delivery = context.delivery_fingerprint(subject);
    let outcome = |(rule, found): (&&Rule, CheckResult)| {
        let (state, checked, failed, detail) = match found {
            CheckResult::Counts { checked, failed, detail } => {
                let failing = rule.threshold.is_exceeded(failed, checked);
                (if failing { RuleState::Failed } else { RuleState::Passed }, checked, failed, detail)
            }
            CheckResult::Unchecked(why) => (RuleState::CouldNotCheck, 0, 0, Some(why)),
            CheckResult::History { there: 0, .. } => {
                (RuleState::NotEnoughHistory, 0, 0, Some("the first month: there is nothing to compare with".to_owned()))
            }
            CheckResult::History { there, needed } => {
                (RuleState::NotEnoughHistory, 0, 0, Some(format!("not enough history ({there} of {needed} months)")))
            }
            CheckResult::Nothing => (RuleState::NothingDelivered, 0, 0, None),
            CheckResult::NotStated(column) => {
                (RuleState::NotStated, 0, 0, Some(format!("the adapter takes `{column}` from no column")))
            }
        };
        RuleOutcome {
            month: context.month,
            utility: context.bronze.adapter.id.to_string(),
            subject,
            rule: rule.id.clone(),
            severity: rule.severity,
            state,
            checked,
            failed,
            threshold: rule.threshold.to_string(),
            detail,
            delivery: delivery.clone(),
        }
    };
    Ok(rules.iter().zip(found).map(outcome).collect())
}
