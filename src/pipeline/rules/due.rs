//! Which rules a run evaluates: those of what was made anew, those that an earlier run left out, and those whose outcome
//! time alone has changed.
//!
//! What outcomes were made from stands in the log of `ops/rule_results`, as it does for every table: an interrupted run, or
//! an edited rule, is seen there by the next.

use std::collections::HashMap;

use super::results::{self, results_table};
use super::{Checking, Outcome, Wanted};
use crate::config::RuleBook;
use crate::lake::{Lake, Snapshot};
use crate::model::{Month, UtilityId};
use crate::pipeline::PipelineError;
use crate::pipeline::parallel::each;
use crate::pipeline::silver::Source;

/// What a run knows of the tables that the rules are asked of.
pub struct Due<'a> {
    /// The tables and the rules.
    pub checking: &'a Checking<'a>,
    /// What each utility's silver was made from before the run.
    pub before: &'a HashMap<UtilityId, i64>,
    /// The utilities that were made anew, and the first month that changed; `None` where all did.
    pub touched: &'a [(UtilityId, Option<Month>)],
}

/// Outcomes, and what they were made from.
#[derive(Debug, Default)]
pub struct Evaluated {
    /// The outcomes.
    pub outcomes: Vec<Outcome>,
    made_from: Vec<(String, i64)>,
}

impl Evaluated {
    /// Adds the outcomes, passes included, to `ops/rule_results`. `at`: microseconds since 1970-01-01, UTC.
    ///
    /// # Errors
    /// The table cannot be written.
    pub fn record(&self, lake: &Lake, book: &RuleBook, run_id: &str, at: i64) -> Result<(), PipelineError> {
        results::append(lake, book, &self.outcomes, (run_id, at), self.made_from.clone())
    }
}

/// What of a utility has to be evaluated.
enum Extent {
    /// The months from this one on; all without one.
    From(Option<Month>),
    /// What time changes, in the newest month.
    Calendar,
}

impl Due<'_> {
    /// Evaluates what is due, telling of each utility and month before it.
    ///
    /// # Errors
    /// A table cannot be read, or somebody asked to stop; nothing was recorded then.
    pub fn evaluate(&self, tell: &(dyn Fn(&UtilityId, Month) + Sync)) -> Result<Evaluated, PipelineError> {
        let mut evaluated = Evaluated::default();
        let months = self.checking.months()?;
        let (Some(newest), false) = (months.last().copied(), self.checking.book.rules.is_empty()) else {
            return Ok(evaluated);
        };
        let results = self.checking.lake.snapshot(&results_table())?;
        let mut due = Vec::new();
        for adapter in &self.checking.settings.utilities {
            let source = Source::open(self.checking.lake, adapter, self.checking.cancel)?;
            if source.standing.is_empty() {
                continue;
            }
            let basis = self.basis(source.fingerprint());
            match self.extent(results.as_ref(), &adapter.id, (basis, newest))? {
                Some(Extent::From(from)) => {
                    let months = months.iter().copied().filter(|month| from.is_none_or(|from| *month >= from));
                    due.extend(months.map(|month| (&adapter.id, month, false)));
                }
                Some(Extent::Calendar) => due.push((&adapter.id, newest, true)),
                None => {}
            }
            evaluated.made_from.push((tables_marker(&adapter.id), basis));
            evaluated.made_from.push((day_marker(&adapter.id), self.day(newest)));
        }
        let outcomes = each(&due, |(utility, month, calendar)| {
            tell(utility, *month);
            self.checking.month(*month, Wanted { utility: Some(utility.as_str()), rule: None, calendar: *calendar })
        })?;
        evaluated.outcomes = outcomes.into_iter().flatten().collect();
        Ok(evaluated)
    }

    fn extent(
        &self,
        results: Option<&Snapshot>,
        utility: &UtilityId,
        (basis, newest): (i64, Month),
    ) -> Result<Option<Extent>, PipelineError> {
        let recorded = |marker: &str| match results {
            Some(results) => results.transaction(self.checking.lake, marker),
            None => Ok(None),
        };
        let touched = self.touched.iter().find(|(touched, _)| touched == utility).map(|(_, from)| *from);
        let known = recorded(&tables_marker(utility))?;
        if known != Some(basis) || touched.is_some() {
            // Only what was evaluated before this run may be left as it is.
            let was_evaluated = self.before.get(utility).is_some_and(|before| known == Some(self.basis(*before)));
            let from = if was_evaluated { touched.flatten() } else { None };
            return Ok(Some(Extent::From(from)));
        }
        let is_today = recorded(&day_marker(utility))? == Some(self.day(newest));
        Ok((!is_today).then_some(Extent::Calendar))
    }

    /// Differs whenever the tables or the rules do.
    fn basis(&self, fingerprint: i64) -> i64 {
        let rules = self.checking.book.rules.iter().map(|rule| format!("{} {} {}", rule.id, rule.severity, rule.definition()));
        let text = rules.chain([fingerprint.to_string()]).collect::<Vec<_>>().join("\n");
        (xxhash_rust::xxh64::xxh64(text.as_bytes(), 0) >> 1).cast_signed()
    }

    /// The day that ages were counted to, and the month that is the newest on it.
    fn day(&self, newest: Month) -> i64 {
        i64::from(self.checking.today.epoch_days()) * 100_000 + i64::from(newest.day(1).epoch_days())
    }
}

fn tables_marker(utility: &UtilityId) -> String {
    format!("feederscope/rules/{utility}")
}

fn day_marker(utility: &UtilityId) -> String {
    format!("feederscope/rules/{utility}/day")
}
