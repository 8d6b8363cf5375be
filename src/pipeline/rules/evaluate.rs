//! A rule and the relations of a month → what was found, and the rows that fail.

use std::collections::BTreeSet;

use super::context::EvaluationContext;
use super::plan::{Asked, Compares, Evaluation, RulePlan};
use super::{CheckResult, queries};
use crate::config::rules::{Drift, Rule, Subject};
use crate::engine::EngineError;
use crate::frame::Frame;
use crate::model::columns::Origin;
use crate::model::{Dataset, MODEL_COLUMNS};
use crate::pipeline::PipelineError;
use crate::pipeline::sql::{name, text};

/// What an expression could not be evaluated for, in one line.
fn reason(error: &EngineError) -> String {
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
        let mut found: Vec<Option<CheckResult>> = plans.iter().map(|plan| self.unstated(subject, plan)).collect();
        let moved = format!("{subject}_moved");
        let (mut single, mut single_moved) = (Vec::new(), Vec::new());
        for (at, plan) in plans.iter().enumerate().filter(|(at, _)| found[*at].is_none()).collect::<Vec<_>>() {
            match &plan.evaluation {
                Evaluation::Rows(fails) => single.push((at, rules[at], fails.as_str())),
                Evaluation::MovedRows(fails) => single_moved.push((at, rules[at], fails.as_str())),
                Evaluation::Relation { compares, count, .. } => {
                    let filter = queries::filter(rules[at]);
                    found[at] = Some(match self.obstacle(subject, *compares)? {
                        Some(obstacle) => obstacle,
                        None => or_unchecked(count(self, (subject, &filter)))?,
                    });
                }
                Evaluation::Delivery { count, .. } => found[at] = Some(or_unchecked(count(self, (subject, "")))?),
            }
        }
        for (relation, rules) in [(subject.as_str(), single), (moved.as_str(), single_moved)] {
            let counted = self.count_rows(subject, relation, &rules)?;
            for ((at, ..), counted) in rules.iter().zip(counted) {
                found[*at] = Some(counted);
            }
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// Why the subject's rows cannot be looked at together.
    fn obstacle(&mut self, subject: Subject, compares: Compares) -> Result<Option<CheckResult>, PipelineError> {
        if !self.register(subject, subject.as_str())? {
            return Ok(Some(CheckResult::Nothing));
        }
        let lacks_history = compares == Compares::WithMonthBefore && self.previous.is_none();
        Ok(lacks_history.then_some(CheckResult::History { there: 0, needed: 1 }))
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

    /// One pass over a relation for all rules (place, rule, condition); each for itself if one of them is wrong.
    fn count_rows(
        &mut self,
        subject: Subject,
        relation: &str,
        rules: &[(usize, &Rule, &str)],
    ) -> Result<Vec<CheckResult>, PipelineError> {
        if rules.is_empty() {
            return Ok(Vec::new());
        }
        let in_all = |found: CheckResult| Ok(vec![found; rules.len()]);
        if relation != subject.as_str() && matches!(subject, Subject::Delivery(_)) {
            return in_all(not_compared(subject));
        }
        if relation != subject.as_str() && self.previous.is_none() && self.any_delivered() {
            return in_all(CheckResult::History { there: 0, needed: 1 });
        }
        if !self.register(subject, relation)? {
            return in_all(CheckResult::Nothing);
        }
        match self.session.query(&queries::counts(subject, relation, rules)) {
            Ok(counts) => {
                // What did not move in the month was looked at too, and is as it was.
                let all = if relation == subject.as_str() { 0 } else { self.rows_of(subject)? };
                let count = |at: usize| {
                    let checked = counts.count(&format!("checked_{at}"), 0);
                    CheckResult::counts(all.max(checked), counts.count(&format!("failed_{at}"), 0))
                };
                Ok((0..rules.len()).map(count).collect())
            }
            Err(EngineError::Cancelled) => Err(PipelineError::Cancelled),
            Err(error) if rules.len() == 1 => in_all(CheckResult::Unchecked(reason(&error))),
            Err(_) => {
                let mut found = Vec::new();
                for rule in rules {
                    found.extend(self.count_rows(subject, relation, &[*rule])?);
                }
                Ok(found)
            }
        }
    }

    fn rows_of(&mut self, subject: Subject) -> Result<u64, PipelineError> {
        self.register(subject, subject.as_str())?;
        Ok(self.session.query(&format!("SELECT COUNT({}) AS n FROM {subject}", queries::in_each_row(subject)))?.count("n", 0))
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

    pub(super) fn distinct_share(
        &mut self,
        (subject, filter): Asked<'_>,
        column: &str,
        (least, most): (Option<f64>, Option<f64>),
    ) -> Result<CheckResult, PipelineError> {
        let column = name(column);
        let sql = format!("SELECT COUNT({column}) AS present, COUNT(DISTINCT {column}) AS different FROM {subject}{filter}");
        let counts = match self.session.query(&sql) {
            Ok(counts) => counts,
            Err(error) => return unchecked(error),
        };
        let (present, different) = (counts.count("present", 0), counts.count("different", 0));
        let share = if present == 0 { 0.0 } else { different as f64 / present as f64 };
        let fails = least.is_some_and(|least| share < least) || most.is_some_and(|most| share > most);
        let detail = Some(format!("{different} distinct values among {present}"));
        Ok(CheckResult::Counts { checked: present, failed: if fails { present } else { 0 }, detail })
    }

    /// A shift of a column counts as one failing thing: the column.
    pub(super) fn median_shift(
        &mut self,
        (subject, filter): Asked<'_>,
        column: &str,
        factor: f64,
    ) -> Result<CheckResult, PipelineError> {
        let before = format!("{subject}_before");
        if !self.register(subject, &before)? {
            return Ok(CheckResult::Unchecked(format!("a median can be compared for feeders and ders, not for {subject}")));
        }
        let mut median = |relation: &str| {
            let sql = format!("SELECT MEDIAN({}) AS m FROM {relation}{filter}", name(column));
            Ok::<_, EngineError>(self.session.query(&sql)?.number("m", 0))
        };
        let medians = median(subject.as_str()).and_then(|now| Ok((now, median(&before)?)));
        match medians {
            Ok((Some(now), Some(was))) if was > 0.0 && now > 0.0 => {
                let ratio = if now > was { now / was } else { was / now };
                let shifted = ratio >= factor * 0.5 && ratio <= factor * 1.5;
                let detail = shifted.then(|| format!("the median of `{column}` is {now} after {was}"));
                Ok(CheckResult::Counts { checked: 1, failed: u64::from(shifted), detail })
            }
            Ok(_) => Ok(CheckResult::counts(0, 0)),
            Err(error) => unchecked(error),
        }
    }

    /// The share of rows with one of some values, against the month before; a fall counts as one failing thing.
    pub(super) fn share_falls(
        &mut self,
        (subject, filter): Asked<'_>,
        (column, values): (&str, &[String]),
        most: f64,
    ) -> Result<CheckResult, PipelineError> {
        let before = format!("{subject}_before");
        if !self.register(subject, &before)? {
            return Ok(not_compared(subject));
        }
        let list: Vec<String> = values.iter().map(|value| text(value)).collect();
        let column = name(column);
        let mut share = |relation: &str| {
            let sql = format!(
                "SELECT COUNT({column}) AS present, SUM(CASE WHEN {column} IN ({}) THEN 1 ELSE 0 END) AS n FROM {relation}{filter}",
                list.join(", ")
            );
            let counts = self.session.query(&sql)?;
            Ok::<_, EngineError>((counts.count("n", 0), counts.count("present", 0)))
        };
        match share(subject.as_str()).and_then(|now| Ok((now, share(&before)?))) {
            Ok(((now, of), (was, of_before))) if of > 0 && of_before > 0 => {
                let (now, was) = (now as f64 / of as f64, was as f64 / of_before as f64);
                let detail = Some(format!("{:.1} % after {:.1} %", now * 100.0, was * 100.0));
                Ok(CheckResult::Counts { checked: 1, failed: u64::from(was - now > most), detail })
            }
            Ok(_) => Ok(CheckResult::counts(0, 0)),
            Err(error) => unchecked(error),
        }
    }

    /// The sum of a column over entities that were there before, against what it was; a move counts as one failing thing.
    pub(super) fn sum_moves(
        &mut self,
        (subject, filter): Asked<'_>,
        column: &str,
        most: f64,
    ) -> Result<CheckResult, PipelineError> {
        let (before, moved) = (format!("{subject}_before"), format!("{subject}_moved"));
        if !self.register(subject, &before)? || !self.register(subject, &moved)? {
            return Ok(not_compared(subject));
        }
        let (now, was) = (name(column), name(&format!("was_{column}")));
        let by = self.session.query(&format!("SELECT SUM({now} - {was}) AS n FROM {moved}{filter}"));
        let of = self.session.query(&format!("SELECT SUM({now}) AS n FROM {before}{filter}"));
        match (by, of) {
            (Ok(by), Ok(of)) => {
                let (by, of) = (by.number("n", 0).unwrap_or(0.0), of.number("n", 0).unwrap_or(0.0));
                let share = if of > 0.0 { by / of } else { 0.0 };
                let detail = Some(format!("{:+.1} % of {of:.1}", share * 100.0));
                Ok(CheckResult::Counts { checked: u64::from(of > 0.0), failed: u64::from(share.abs() > most), detail })
            }
            (Err(error), _) | (_, Err(error)) => unchecked(error),
        }
    }

    pub(super) fn vanished(&mut self, (subject, filter): Asked<'_>) -> Result<CheckResult, PipelineError> {
        let before = format!("{subject}_before");
        if !self.register(subject, &before)? {
            return Ok(CheckResult::Unchecked(format!("feeders and ders can vanish, not {subject}")));
        }
        let each = queries::in_each_row(subject);
        let counted = self.session.query(&format!("SELECT COUNT({each}) AS n FROM {before}{filter}"));
        let counted =
            counted.map(|rows| rows.count("n", 0)).and_then(|checked| Ok((checked, self.name_ended_for_good(subject, filter)?)));
        match counted {
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
            // The file as a whole fails: there is no row to show.
            Evaluation::Delivery { rows: None, .. } => return Ok(Frame::default()),
            Evaluation::Rows(fails) => (subject.as_str(), Some(fails)),
            Evaluation::MovedRows(fails) => (moved.as_str(), Some(fails)),
            Evaluation::Relation { .. } => (subject.as_str(), None),
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
        match &plan.evaluation {
            Evaluation::Relation { failing, .. } if failing(self, (subject, &filter))? => {
                Ok(self.session.query(&queries::rows("failing", (rule, &plan), "TRUE", places, limit))?)
            }
            _ => Ok(Frame::default()),
        }
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
