//! A rule and the relations of a month → what was found, and the rows that fail.

use std::collections::BTreeSet;

use super::columns::dataset_of;
use super::context::EvaluationContext;
use super::figures::Figure;
use super::plan::{Asked, Compares, Evaluation, RulePlan};
use super::{CheckResult, queries, strays};
use crate::config::rules::{Drift, Rule, Subject};
use crate::engine::EngineError;
use crate::frame::Frame;
use crate::model::columns::Origin;
use crate::model::{Dataset, MODEL_COLUMNS};
use crate::pipeline::PipelineError;

/// What an expression could not be evaluated for, in one line.
pub(super) fn reason(error: &EngineError) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}

/// A failing plan is a rule that could not be checked; anything else ends the run.
fn unchecked(error: EngineError) -> Result<CheckResult, PipelineError> {
    match error {
        EngineError::Cancelled => Err(PipelineError::Cancelled),
        plan @ EngineError::Plan { .. } => Ok(CheckResult::Unchecked(reason(&plan))),
        file @ EngineError::File { .. } => Err(PipelineError::Engine(file)),
    }
}

/// The same of a rule with several plans.
fn or_unchecked(found: Result<CheckResult, PipelineError>) -> Result<CheckResult, PipelineError> {
    match found {
        Err(PipelineError::Engine(plan @ EngineError::Plan { .. })) => unchecked(plan),
        found => found,
    }
}

fn not_compared(subject: Subject) -> CheckResult {
    CheckResult::Unchecked(format!("feeders and ders are compared with the month before, not {subject}"))
}

/// Columns `checked` and `failed` of one row.
fn counts_of(counted: Result<Frame, EngineError>) -> Result<CheckResult, PipelineError> {
    match counted {
        Ok(counts) => Ok(CheckResult::counts(counts.count("checked", 0), counts.count("failed", 0))),
        Err(error) => unchecked(error),
    }
}

impl EvaluationContext<'_> {
    /// What each of the rules of a subject found, in their order.
    pub(super) fn evaluate(&mut self, subject: Subject, rules: &[&Rule]) -> Result<Vec<CheckResult>, PipelineError> {
        let plans: Vec<RulePlan<'_>> = rules.iter().map(|rule| RulePlan::of(&rule.check)).collect();
        let mut found: Vec<Option<CheckResult>> = Vec::new();
        for (plan, rule) in plans.iter().zip(rules) {
            found.push(self.evaluate_alone(subject, rule, plan)?);
        }
        let together: Vec<usize> = (0..plans.len()).filter(|at| found[*at].is_none()).collect();
        let asked: Vec<_> =
            together.iter().map(|at| (self.figures(subject, &plans[*at].evaluation), rules[*at].filter.as_deref())).collect();
        for (at, numbers) in together.iter().zip(self.numbers(subject, &asked)?) {
            found[*at] = Some(match (numbers, &plans[*at].evaluation) {
                (Ok(numbers), Evaluation::Strays { pattern }) => {
                    or_unchecked(strays::count(self, (subject, &queries::filter(rules[*at])), pattern, &numbers))?
                }
                (Ok(numbers), evaluation) => evaluation.judge(&numbers),
                (Err(why), _) => CheckResult::Unchecked(why),
            });
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// The numbers that a rule is judged by together with others.
    fn figures(&self, subject: Subject, evaluation: &Evaluation<'_>) -> Vec<Figure> {
        match evaluation {
            Evaluation::Strays { pattern } => strays::figures(self.bronze, subject, pattern),
            evaluation => evaluation.figures(subject),
        }
    }

    /// What a rule found that is not asked together with others; `None` of one that is.
    fn evaluate_alone(
        &mut self,
        subject: Subject,
        rule: &Rule,
        plan: &RulePlan<'_>,
    ) -> Result<Option<CheckResult>, PipelineError> {
        if let Some(unstated) = self.unstated(subject, plan) {
            return Ok(Some(unstated));
        }
        if let Evaluation::Delivery { count, .. } = &plan.evaluation {
            return or_unchecked(count(self, (subject, ""))).map(Some);
        }
        if let Some(obstacle) = self.obstacle(subject, plan.evaluation.compares(subject))? {
            return Ok(Some(obstacle));
        }
        match &plan.evaluation {
            Evaluation::Relation { count, .. } => or_unchecked(count(self, (subject, &queries::filter(rule)))).map(Some),
            Evaluation::Strays { .. } if dataset_of(subject).is_none() => {
                Ok(Some(CheckResult::Unchecked("feeders and ders are no records of a file".into())))
            }
            _ => Ok(None),
        }
    }

    /// Why the subject's rows cannot be looked at.
    fn obstacle(&mut self, subject: Subject, compares: Compares) -> Result<Option<CheckResult>, PipelineError> {
        let compares = compares == Compares::WithMonthBefore;
        if compares && matches!(subject, Subject::Delivery(_)) {
            return Ok(Some(not_compared(subject)));
        }
        if !self.register(subject, subject.as_str())? {
            return Ok(Some(CheckResult::Nothing));
        }
        Ok((compares && self.previous.is_none()).then_some(CheckResult::History { there: 0, needed: 1 }))
    }

    /// That a rule asks about a column of the common model which the utility does not state.
    fn unstated(&self, subject: Subject, plan: &RulePlan<'_>) -> Option<CheckResult> {
        let adapter = self.bronze.adapter;
        let datasets: &[Dataset] = match subject {
            Subject::Delivery(Dataset::Circuits) | Subject::Feeders => &[Dataset::Circuits],
            Subject::Delivery(Dataset::InstallDer) => &[Dataset::InstallDer],
            Subject::Delivery(Dataset::PlannedDer) => &[Dataset::PlannedDer],
            Subject::Ders => &[Dataset::InstallDer, Dataset::PlannedDer],
        };
        let is_mapped = |column: &str| {
            datasets.iter().filter_map(|dataset| adapter.dataset(*dataset)).any(|mapped| mapped.column(column).is_some())
        };
        let unstated = plan.columns.iter().find(|column| {
            let model = column.strip_suffix("_text").unwrap_or(column);
            match model {
                "technology_kw" | "der_type" if !adapter.technologies.is_empty() => false,
                "technology_kw" => true,
                _ => MODEL_COLUMNS.iter().any(|known| known.name == model && known.origin == Origin::Mapped) && !is_mapped(model),
            }
        });
        unstated.map(|column| CheckResult::NotStated((*column).to_owned()))
    }

    /// The counts of a query.
    pub(super) fn counted(&mut self, sql: &str) -> Result<CheckResult, PipelineError> {
        counts_of(self.session.query(sql))
    }

    /// The counts of a query that looks values up in relation `known`.
    pub(super) fn counted_among(&mut self, known: &str, sql: &str) -> Result<CheckResult, PipelineError> {
        counts_of(self.session.create_view("known", known).and_then(|()| self.session.query(sql)))
    }

    /// Names the rows of a query `failing`.
    pub(super) fn name_failing(&mut self, sql: &str) -> Result<bool, PipelineError> {
        self.session.create_view("failing", sql)?;
        Ok(true)
    }

    /// Gives the relations that a query speaks of their names; of what was not delivered there is none.
    pub(super) fn register_named_in(&mut self, query: &str) -> Result<(), PipelineError> {
        let words: BTreeSet<&str> = query.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        for subject in Subject::ALL.into_iter().filter(|subject| words.contains(subject.as_str())) {
            self.register(subject, subject.as_str())?;
        }
        Ok(())
    }

    /// The rows of the rule's own query, among those that its condition holds for.
    pub(super) fn query_of_rule(&mut self, (subject, filter): Asked<'_>, query: &str) -> Result<CheckResult, PipelineError> {
        self.register_named_in(query)?;
        let failed = self
            .session
            .create_view("failing", query)
            .and_then(|()| self.session.query(&format!("SELECT COUNT(record_key) AS n FROM failing{filter}")));
        let failed = match failed {
            Ok(failed) => failed.count("n", 0),
            Err(error) => return unchecked(error),
        };
        let each = queries::in_each_row(subject);
        self.counted(&format!("SELECT COUNT({each}) AS checked, MAX({failed}) AS failed FROM {subject}{filter}"))
    }

    /// Entities whose id is that of another one in another notation. Where no id has a notation there are none; nearly always all differ, which
    /// numbers tell sooner than texts.
    pub(super) fn shared_notations(&mut self, (subject, filter): Asked<'_>) -> Result<CheckResult, PipelineError> {
        if subject == Subject::Ders {
            match self.session.query(&queries::der_ids_with_notation(filter)) {
                Ok(found) if found.count("others", 0) == 0 => return Ok(CheckResult::counts(found.count("n", 0), 0)),
                Ok(_) => {}
                Err(error) => return unchecked(error),
            }
        }
        let by_number = self
            .session
            .create_view("plain", &queries::plain_ids(subject.as_str(), filter))
            .and_then(|()| self.session.create_view("plain_numbers", queries::NOTATION_NUMBERS))
            .and_then(|()| self.session.query(queries::NOTATIONS_BY_NUMBER));
        match by_number {
            Ok(found) if found.count("n", 0) == found.count("numbers", 0) => Ok(CheckResult::counts(found.count("n", 0), 0)),
            Ok(_) => self.counted(queries::NOTATIONS),
            Err(error) => unchecked(error),
        }
    }

    pub(super) fn vanished(&mut self, (subject, filter): Asked<'_>) -> Result<CheckResult, PipelineError> {
        let before = format!("{subject}_before");
        if !self.register(subject, &before)? {
            return Ok(not_compared(subject));
        }
        let known = if filter.is_empty() { self.key_facts(subject)?.map(|keys| keys.before) } else { None };
        let checked = if let Some(checked) = known {
            Ok(checked)
        } else {
            let each = queries::in_each_row(subject);
            self.session.query(&format!("SELECT COUNT({each}) AS n FROM {before}{filter}")).map(|rows| rows.count("n", 0))
        };
        match checked.and_then(|checked| Ok((checked, self.name_ended_for_good(subject, filter)?))) {
            Ok((checked, 0)) => Ok(CheckResult::counts(checked, 0)),
            Ok((checked, _)) => {
                self.session.create_view("vanished", &queries::vanished(subject))?;
                self.counted(&format!("SELECT MAX({checked}) AS checked, COUNT(record_key) AS failed FROM vanished"))
            }
            Err(error) => unchecked(error),
        }
    }

    /// Names what vanished `failing`; `false` where nothing can have.
    pub(super) fn name_vanished(&mut self, (subject, filter): Asked<'_>) -> Result<bool, PipelineError> {
        let before = format!("{subject}_before");
        if !self.register(subject, &before)? {
            return Ok(false);
        }
        self.name_ended_for_good(subject, filter)?;
        self.name_failing(&queries::vanished(subject))
    }

    /// The rows that fail a rule.
    pub(super) fn rows(&mut self, subject: Subject, rule: &Rule, limit: usize) -> Result<Frame, PipelineError> {
        let plan = RulePlan::of(&rule.check);
        let moved = format!("{subject}_moved");
        let (relation, condition) = match &plan.evaluation {
            Evaluation::Delivery { rows: Some(rows), .. } => return rows(self, subject, limit),
            // The file, or the column, fails as a whole: there is no row to show.
            Evaluation::Delivery { rows: None, .. } | Evaluation::Figures { .. } => return Ok(Frame::default()),
            Evaluation::Rows(fails) => (subject.as_str(), Some(fails)),
            Evaluation::MovedRows(fails) => (moved.as_str(), Some(fails)),
            Evaluation::Relation { .. } | Evaluation::Strays { .. } => (subject.as_str(), None),
        };
        if !self.register(subject, relation)? {
            return Ok(Frame::default());
        }
        let places = if subject == Subject::Feeders { queries::Places::None } else { queries::Places::Lines };
        if let Some(condition) = condition {
            let filtered = format!("({}) AND ({condition})", rule.filter.as_deref().unwrap_or("TRUE"));
            return Ok(self.session.query(&queries::rows(relation, (rule, &plan), &filtered, places, limit))?);
        }
        let filter = queries::filter(rule);
        let is_named = match &plan.evaluation {
            Evaluation::Relation { failing, .. } => failing(self, (subject, &filter))?,
            Evaluation::Strays { pattern } => strays::name_strays(self, (subject, &filter), pattern)?,
            _ => false,
        };
        if !is_named {
            return Ok(Frame::default());
        }
        Ok(self.session.query(&queries::rows("failing", (rule, &plan), "TRUE", places, limit))?)
    }

    pub(super) fn schema(&mut self, subject: Subject, drift: Drift) -> Result<CheckResult, PipelineError> {
        let Subject::Delivery(dataset) = subject else {
            return Ok(CheckResult::Unchecked("feeders and ders have always the same columns".into()));
        };
        if !self.delivered(dataset) {
            return Ok(CheckResult::Nothing);
        }
        let found = self.drift(dataset)?;
        Ok(found.map_or(CheckResult::History { there: 0, needed: 1 }, |found| found.found(drift)))
    }

    pub(super) fn schema_rows(&mut self, subject: Subject, drift: Drift) -> Result<Frame, PipelineError> {
        let Subject::Delivery(dataset) = subject else { return Ok(Frame::default()) };
        let Some(found) = self.drift(dataset)? else { return Ok(Frame::default()) };
        let file = self.bronze.delivered(dataset, self.month).next();
        found.rows(drift, file.map(|file| file.source_file.as_str()))
    }
}
