//! Which rules a run evaluates: those of what was rebuilt, those that an earlier run left out, and those whose outcome
//! time alone has changed.
//!
//! What outcomes were made from is in the log of `ops/rule_results`, as it does for every table: an interrupted run, or
//! an edited rule, is seen there by the next.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::drift;
use super::results;
use super::{Evaluator, RuleFilter, RuleOutcome, Scope};
use crate::config::RuleSet;
use crate::config::rules::Rule;
use crate::engine::Work;
use crate::lake::{Lake, Snapshot};
use crate::model::{Dataset, Day, Month, MonthRange, Timestamp, UtilityId};
use crate::pipeline::PipelineError;
use crate::pipeline::bronze::BronzeTables;
use crate::pipeline::parallel::each;
use crate::pipeline::sql::text;
use crate::pipeline::{silver, tables};

/// What a run knows of the tables that the rules are asked of.
pub struct StaleOutcomes<'a> {
    /// The lake.
    pub lake: &'a Lake,
    /// What executes queries.
    pub work: Work<'a>,
    /// The tables and the rules.
    pub evaluator: &'a Evaluator<'a>,
    /// What each utility's silver was made from before the run.
    pub before: &'a HashMap<UtilityId, i64>,
    /// The utilities that were rebuilt, and the months whose tables were; where they end, the last one was not delivered anew.
    pub reach: &'a [(UtilityId, MonthRange)],
    /// The first month of each utility for which the run found, and noted, that a file repeats the content of another.
    pub repeated: BTreeMap<UtilityId, Month>,
}

/// Which of so many months of utilities one is, from 1.
pub type Place = (usize, usize);

/// Outcomes, and what they were made from.
#[derive(Debug, Default)]
pub struct Evaluated {
    /// The outcomes.
    pub outcomes: Vec<RuleOutcome>,
    made_from: Vec<(String, i64)>,
}

impl Evaluated {
    /// Adds the outcomes, passes included, to `ops/rule_results`.
    ///
    /// # Errors
    /// The table cannot be written.
    pub fn record(&self, lake: &Lake, book: &RuleSet, run_id: &str, at: Timestamp) -> Result<(), PipelineError> {
        results::append(lake, book, &self.outcomes, (run_id, at), self.made_from.clone())
    }
}

impl StaleOutcomes<'_> {
    /// Evaluates what is due, telling of each utility and month before it.
    ///
    /// # Errors
    /// A table cannot be read, or somebody asked to stop; nothing was recorded then.
    pub fn evaluate(&self, tell: &(dyn Fn(&UtilityId, Month, Place) + Sync)) -> Result<Evaluated, PipelineError> {
        let mut evaluated = Evaluated::default();
        let months = self.evaluator.months();
        let (Some(newest), false) = (months.last().copied(), self.evaluator.rules.rules.is_empty()) else {
            return Ok(evaluated);
        };
        let results = self.lake.snapshot(&tables::RULE_RESULTS.id())?;
        let mut due = Vec::new();
        for bronze in self.evaluator.bronze.iter().filter(|bronze| !bronze.files.is_empty()) {
            let adapter = bronze.adapter;
            let utility = Utility {
                bronze,
                id: &adapter.id,
                input_fingerprint: self.input_fingerprint(silver::input_fingerprint(bronze)),
                months: &months,
            };
            let scopes = self.scopes(results.as_deref(), &utility)?;
            due.extend(scopes.into_iter().map(|(month, scope)| (&adapter.id, month, scope)));
            evaluated.made_from.extend([
                (application_id(&adapter.id, TABLES), utility.input_fingerprint),
                (application_id(&adapter.id, DAY), i64::from(self.evaluator.today.epoch_days())),
                (application_id(&adapter.id, NEWEST), i64::from(newest.day(1).epoch_days())),
                (application_id(&adapter.id, MONTHS), hash_of(&months)),
            ]);
        }
        let begun = AtomicUsize::new(0);
        let outcomes = each(&due, |(utility, month, scope)| {
            tell(utility, *month, (begun.fetch_add(1, Ordering::Relaxed) + 1, due.len()));
            self.evaluator.month(*month, RuleFilter { utility: Some(utility.as_str()), rule: None, scope: *scope })
        })?;
        evaluated.outcomes = outcomes.into_iter().flatten().collect();
        Ok(evaluated)
    }

    /// What is due of a utility: months that were rebuilt or that it was never asked about, the month that was the newest
    /// until now, and the newest on another day.
    fn scopes(&self, results: Option<&Snapshot>, utility: &Utility<'_>) -> Result<BTreeMap<Month, Scope>, PipelineError> {
        let recorded = |what: &str| match results {
            Some(results) => results.transaction(self.lake, &application_id(utility.id, what)),
            None => Ok(None),
        };
        let reach = self.reach.iter().find(|(of, _)| of == utility.id).map(|(_, reach)| *reach);
        let known = recorded(TABLES)?;
        // Only what was evaluated before this run may be left as it is.
        let was_evaluated = self.before.get(utility.id).is_some_and(|before| known == Some(self.input_fingerprint(*before)));
        let is_as_known = known == Some(utility.input_fingerprint) && reach.is_none();
        let mut scopes = BTreeMap::new();
        if is_as_known || was_evaluated {
            let was_newest =
                recorded(NEWEST)?.and_then(|day| i32::try_from(day).ok()).map(|day| Day::from_epoch_days(day).month());
            let is_today = recorded(DAY)? == Some(i64::from(self.evaluator.today.epoch_days()));
            let newest = utility.months.last().copied();
            let of_calendar = if was_newest == newest { None } else { was_newest };
            scopes.extend(of_calendar.into_iter().chain(newest.filter(|_| !is_today)).map(|month| (month, Scope::Calendar)));
            if recorded(MONTHS)? != Some(hash_of(utility.months)) {
                scopes.extend(self.never_asked(results, utility)?.into_iter().map(|month| (month, Scope::All)));
            }
        }
        if !is_as_known {
            let reach = reach.filter(|_| was_evaluated).unwrap_or_default();
            let may_end = !self.evaluator.rules.rules.iter().any(asks_when_versions_began);
            let scope = |month: Month| match reach.until {
                Some(until) if may_end && month > until => utility.scope_after(until, month),
                // What the last month brings is what it was, and so is what holds after it.
                Some(until) if may_end && month == until => Scope::NextMonth,
                _ => Scope::All,
            };
            let again = utility.months.iter().filter(|month| reach.from.is_none_or(|from| **month >= from));
            for month in again {
                let known = scopes.entry(*month).or_insert(Scope::Calendar);
                *known = scope(*month).max(*known);
            }
        }
        if let Some(repeated) = self.repeated.get(utility.id) {
            for month in utility.months.iter().filter(|month| *month >= repeated) {
                let known = scopes.entry(*month).or_insert(Scope::LaterDelivery);
                *known = Scope::LaterDelivery.max(*known);
            }
        }
        scopes.retain(|month, _| utility.months.contains(month));
        Ok(scopes)
    }

    /// Months of which no outcome of the utility is stored.
    fn never_asked(&self, results: Option<&Snapshot>, utility: &Utility<'_>) -> Result<Vec<Month>, PipelineError> {
        let Some(results) = results else { return Ok(utility.months.to_vec()) };
        let mut session = self.work.session()?;
        session.register("results", &results.scan_all())?;
        let sql = format!("SELECT DISTINCT delivery_month FROM results WHERE utility_id = {}", text(utility.id.as_str()));
        let asked = session.query(&sql)?;
        let asked: BTreeSet<Month> =
            (0..asked.height()).filter_map(|row| Month::parse(&asked.text("delivery_month", row)?)).collect();
        Ok(utility.months.iter().copied().filter(|month| !asked.contains(month)).collect())
    }

    fn input_fingerprint(&self, fingerprint: i64) -> i64 {
        input_fingerprint(self.evaluator.rules, fingerprint)
    }
}

/// Whether a rule asks for what may differ of a month whose state is as it was: when a version began, and which record it is of.
fn asks_when_versions_began(rule: &Rule) -> bool {
    ["valid_from_month", "valid_to_month", "_source_"].iter().any(|column| rule.definition().contains(column))
}

/// Whether the outcomes of a utility's rules were made from its tables and the rules as they are.
///
/// # Errors
/// A log cannot be read.
pub fn is_evaluated(bronze: &BronzeTables<'_>, rules: &RuleSet) -> Result<bool, PipelineError> {
    let Some(results) = bronze.lake.snapshot(&tables::RULE_RESULTS.id())? else { return Ok(false) };
    let recorded = results.transaction(bronze.lake, &application_id(&bronze.adapter.id, TABLES))?;
    Ok(recorded == Some(input_fingerprint(rules, silver::input_fingerprint(bronze))))
}

/// Differs whenever the tables or the rules do.
fn input_fingerprint(rules: &RuleSet, fingerprint: i64) -> i64 {
    let rules = rules.rules.iter().map(|rule| format!("{} {} {}", rule.id, rule.severity, rule.definition()));
    let text = rules.chain([fingerprint.to_string()]).collect::<Vec<_>>().join("\n");
    (xxhash_rust::xxh64::xxh64(text.as_bytes(), 0) >> 1).cast_signed()
}

/// A utility, what its outcomes would be made from, and the months that any utility delivered.
struct Utility<'a> {
    bronze: &'a BronzeTables<'a>,
    id: &'a UtilityId,
    input_fingerprint: i64,
    months: &'a [Month],
}

impl Utility<'_> {
    /// What may differ of a month after all that was made anew.
    fn scope_after(&self, until: Month, month: Month) -> Scope {
        let is_next = |dataset: &Dataset| {
            let months = self.bronze.months(*dataset);
            let between = months.iter().filter(|other| **other > until && **other < month);
            months.contains(&month) && between.count() < drift::DELIVERIES_BEFORE
        };
        if Dataset::ALL.iter().any(is_next) { Scope::NextDelivery } else { Scope::LaterDelivery }
    }
}

/// What the log of `ops/rule_results` records of a utility: the tables and rules that outcomes were made from,
const TABLES: &str = "";
/// the day that ages were counted to,
const DAY: &str = "/day";
/// the month that was the newest,
const NEWEST: &str = "/newest";
/// and the months that there were.
const MONTHS: &str = "/months";

fn application_id(utility: &UtilityId, what: &str) -> String {
    format!("feederscope/rules/{utility}{what}")
}

fn hash_of(months: &[Month]) -> i64 {
    let text: Vec<String> = months.iter().map(Month::to_string).collect();
    (xxhash_rust::xxh64::xxh64(text.join(" ").as_bytes(), 0) >> 1).cast_signed()
}
