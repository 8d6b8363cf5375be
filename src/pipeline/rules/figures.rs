//! Numbers that rules ask of a relation, those of all rules by one query, and what they say.

use std::collections::{BTreeMap, BTreeSet};

use super::context::EvaluationContext;
use super::evaluate::reason;
use super::{CheckResult, queries};
use crate::config::rules::Subject;
use crate::engine::EngineError;
use crate::frame::Frame;
use crate::pipeline::PipelineError;

/// Which rows of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// Those after the month, or of the file.
    Now,
    /// Those after the month before.
    Before,
    /// Versions that began in the month, each beside the one that it follows.
    Moved,
}

impl State {
    const ALL: [Self; 3] = [Self::Now, Self::Before, Self::Moved];

    /// The relation of these rows.
    pub(super) fn relation(self, subject: Subject) -> String {
        match self {
            Self::Now => subject.to_string(),
            Self::Before => format!("{subject}_before"),
            Self::Moved => format!("{subject}_moved"),
        }
    }
}

/// What is made of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aggregate {
    /// How many of them have a value.
    Count,
    /// How many different values they have.
    Distinct,
    /// The sum of their values.
    Sum,
    /// The greatest of their values.
    Max,
    /// The median of their values.
    Median,
    /// How many rows of the state there are, whatever the rule's condition.
    Rows,
}

/// A number that is asked of rows.
#[derive(Debug, Clone)]
pub(super) struct Figure {
    pub(super) state: State,
    pub(super) aggregate: Aggregate,
    /// What is aggregated; SQL.
    pub(super) of: String,
}

/// What the numbers that a rule asked for say, in its order.
pub(super) type Judge<'r> = Box<dyn Fn(&[Option<f64>]) -> CheckResult + 'r>;

impl Figure {
    pub(super) fn new(state: State, aggregate: Aggregate, of: impl Into<String>) -> Self {
        Self { state, aggregate, of: of.into() }
    }

    /// How many rows of a state a condition holds for.
    pub(super) fn rows_where(state: State, condition: &str) -> Self {
        Self::new(state, Aggregate::Sum, format!("CASE WHEN {condition} THEN 1 ELSE 0 END"))
    }

    /// The aggregate of the rows for which the rule's condition holds.
    fn sql(&self, filter: Option<&str>) -> String {
        let of = match filter.filter(|_| self.aggregate != Aggregate::Rows) {
            Some(filter) => format!("CASE WHEN {filter} THEN {} END", self.of),
            None => self.of.clone(),
        };
        match self.aggregate {
            Aggregate::Count | Aggregate::Rows => format!("COUNT({of})"),
            Aggregate::Distinct => format!("COUNT(DISTINCT {of})"),
            Aggregate::Sum => format!("SUM({of})"),
            Aggregate::Max => format!("MAX({of})"),
            Aggregate::Median => format!("MEDIAN({of})"),
        }
    }
}

/// A figure as it is asked for.
type Asked = (State, String);
/// Numbers in the order of their figures, or why there are none.
type Numbers = Result<Vec<Option<f64>>, String>;

impl EvaluationContext<'_> {
    /// The numbers that each of some rules asks for, or why there are none.
    pub(super) fn numbers(
        &mut self,
        subject: Subject,
        rules: &[(Vec<Figure>, Option<&str>)],
    ) -> Result<Vec<Numbers>, PipelineError> {
        let asked: Vec<Vec<Asked>> = rules
            .iter()
            .map(|(figures, filter)| figures.iter().map(|figure| (figure.state, figure.sql(*filter))).collect())
            .collect();
        let mut known: BTreeMap<Asked, Result<Option<f64>, String>> = BTreeMap::new();
        for state in State::ALL {
            let of_state = |asked: &[Asked]| asked.iter().filter(|(of, _)| *of == state).cloned().collect::<BTreeSet<Asked>>();
            let together = of_state(&asked.concat());
            match self.ask(subject, state, &together)? {
                Ok(numbers) => known.extend(together.into_iter().zip(numbers.into_iter().map(Ok))),
                // One of them is wrong: each rule for itself.
                Err(_) => {
                    for own in asked.iter().map(|asked| of_state(asked)) {
                        match self.ask(subject, state, &own)? {
                            Ok(numbers) => known.extend(own.into_iter().zip(numbers.into_iter().map(Ok))),
                            Err(why) => own.into_iter().for_each(|asked| {
                                known.entry(asked).or_insert_with(|| Err(why.clone()));
                            }),
                        }
                    }
                }
            }
        }
        let of_rule = |asked: &Vec<Asked>| {
            let number = |asked: &Asked| known.get(asked).cloned().unwrap_or(Ok(None));
            asked.iter().map(number).collect::<Numbers>()
        };
        Ok(asked.iter().map(of_rule).collect())
    }

    /// Figures of a relation that no other rule asks for.
    pub(super) fn figures_of(&mut self, relation: &str, figures: &[Figure]) -> Result<Vec<Option<f64>>, PipelineError> {
        let asked: Vec<String> = figures.iter().map(|figure| figure.sql(None)).collect();
        let row = self.session.query(&queries::figures(relation, asked.iter().map(String::as_str)))?;
        Ok(numbers_of(&row, asked.len()))
    }

    /// The figures of a state, by one query; why it cannot be run, if it cannot.
    fn ask(&mut self, subject: Subject, state: State, figures: &BTreeSet<Asked>) -> Result<Numbers, PipelineError> {
        let relation = state.relation(subject);
        if figures.is_empty() || !self.register(subject, &relation)? {
            return Ok(Ok(Vec::new()));
        }
        match self.session.query(&queries::figures(&relation, figures.iter().map(|(_, sql)| sql.as_str()))) {
            Ok(row) => Ok(Ok(numbers_of(&row, figures.len()))),
            Err(EngineError::Cancelled) => Err(PipelineError::Cancelled),
            Err(plan @ EngineError::Plan { .. }) => Ok(Err(reason(&plan))),
            Err(file @ EngineError::File { .. }) => Err(PipelineError::Engine(file)),
        }
    }
}

fn numbers_of(row: &Frame, figures: usize) -> Vec<Option<f64>> {
    (0..figures).map(|at| row.number(&format!("figure_{at}"), 0)).collect()
}

/// A number as a count.
pub(super) fn whole(number: Option<f64>) -> u64 {
    number.unwrap_or(0.0).max(0.0) as u64
}

/// Numbers `looked at, failed`, and where only what moved was looked at, how many rows there are.
pub(super) fn counted(numbers: &[Option<f64>]) -> CheckResult {
    let (checked, failed) = (whole(numbers[0]), whole(numbers[1]));
    // What did not move in the month was looked at too, and is as it was.
    CheckResult::counts(numbers.get(2).map_or(0, |all| whole(*all)).max(checked), failed)
}

/// Numbers `present, different`: every row fails where the share of different values is out of bounds.
pub(super) fn distinct_share(numbers: &[Option<f64>], least: Option<f64>, most: Option<f64>) -> CheckResult {
    let (present, different) = (whole(numbers[0]), whole(numbers[1]));
    let share = if present == 0 { 0.0 } else { different as f64 / present as f64 };
    let fails = least.is_some_and(|least| share < least) || most.is_some_and(|most| share > most);
    let detail = Some(format!("{different} distinct values among {present}"));
    CheckResult::Counts { checked: present, failed: if fails { present } else { 0 }, detail }
}

/// Numbers `median now, before`: a shift of a column counts as one failing thing, the column.
pub(super) fn median_shift(numbers: &[Option<f64>], column: &str, factor: f64) -> CheckResult {
    match (numbers[0], numbers[1]) {
        (Some(now), Some(was)) if was > 0.0 && now > 0.0 => {
            let ratio = if now > was { now / was } else { was / now };
            let shifted = ratio >= factor * 0.5 && ratio <= factor * 1.5;
            let detail = shifted.then(|| format!("the median of `{column}` is {now} after {was}"));
            CheckResult::Counts { checked: 1, failed: u64::from(shifted), detail }
        }
        _ => CheckResult::counts(0, 0),
    }
}

/// Numbers `with one of the values now, present now`, and the same of before; a fall of the share counts as one failing thing.
pub(super) fn share_falls(numbers: &[Option<f64>], most: f64) -> CheckResult {
    let share = |n: Option<f64>, of: Option<f64>| Some(n.unwrap_or(0.0) / of.filter(|of| *of > 0.0)?);
    match (share(numbers[0], numbers[1]), share(numbers[2], numbers[3])) {
        (Some(now), Some(was)) => {
            let detail = Some(format!("{:.1} % after {:.1} %", now * 100.0, was * 100.0));
            CheckResult::Counts { checked: 1, failed: u64::from(was - now > most), detail }
        }
        _ => CheckResult::counts(0, 0),
    }
}

/// Numbers `moved by, of so much before`; a move counts as one failing thing.
pub(super) fn sum_moves(numbers: &[Option<f64>], most: f64) -> CheckResult {
    let (by, of) = (numbers[0].unwrap_or(0.0), numbers[1].unwrap_or(0.0));
    let share = if of > 0.0 { by / of } else { 0.0 };
    let detail = Some(format!("{:+.1} % of {of:.1}", share * 100.0));
    CheckResult::Counts { checked: u64::from(of > 0.0), failed: u64::from(share.abs() > most), detail }
}
