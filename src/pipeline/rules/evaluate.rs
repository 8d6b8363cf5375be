//! A rule and the relations of a month → what was found, and the rows that fail.

use std::collections::BTreeSet;

use super::context::EvaluationContext;
use super::{CheckResult, deliveries, is_of_rows, plan};
use crate::config::adapter::MODEL_COLUMNS;
use crate::config::rules::{Check, Drift, Rule, Subject};
use crate::engine::EngineError;
use crate::lake::Frame;
use crate::model::Dataset;
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
    }
}

impl EvaluationContext<'_> {
    /// What each of the rules of a subject found, in their order.
    pub(super) fn evaluate(&mut self, subject: Subject, rules: &[&Rule]) -> Result<Vec<CheckResult>, PipelineError> {
        let mut found: Vec<Option<CheckResult>> = rules
            .iter()
            .map(|rule| self.unstated(subject, rule).map(|column| CheckResult::NotStated(column.to_owned())))
            .collect();
        let moved = |check: &Check| matches!(check, Check::Change { .. } | Check::Slip { .. });
        for (relation, wanted) in [
            (subject.as_str().to_owned(), is_of_rows as fn(&Check) -> bool),
            (format!("{subject}_moved"), moved as fn(&Check) -> bool),
        ] {
            let at: Vec<usize> = (0..rules.len()).filter(|at| found[*at].is_none() && wanted(&rules[*at].check)).collect();
            let of_rows: Vec<&Rule> = at.iter().map(|at| rules[*at]).collect();
            for (at, counted) in at.iter().zip(self.count_rows(subject, &relation, &of_rows)?) {
                found[*at] = Some(counted);
            }
        }
        for (at, rule) in rules.iter().enumerate() {
            if found[at].is_none() {
                found[at] = Some(self.evaluate_one(subject, rule)?);
            }
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// The first column of the common model that a rule asks about and the utility does not state.
    fn unstated<'r>(&self, subject: Subject, rule: &'r Rule) -> Option<&'r str> {
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
        plan::columns(&rule.check).into_iter().find(|column| {
            let model = column.strip_suffix("_text").unwrap_or(column);
            match model {
                "technology_kw" | "der_type" if !adapter.technologies.is_empty() => false,
                "technology_kw" => true,
                _ => MODEL_COLUMNS.iter().any(|known| known.name == model) && !is_mapped(model),
            }
        })
    }

    /// One pass over a relation for all rules; each for itself if one of them is wrong.
    fn count_rows(&mut self, subject: Subject, relation: &str, rules: &[&Rule]) -> Result<Vec<CheckResult>, PipelineError> {
        if rules.is_empty() {
            return Ok(Vec::new());
        }
        let in_all = |found: CheckResult| Ok(vec![found; rules.len()]);
        if relation != subject.as_str() && matches!(subject, Subject::Delivery(_)) {
            return in_all(CheckResult::Unchecked(format!("feeders and ders are compared with the month before, not {subject}")));
        }
        if relation != subject.as_str() && self.previous.is_none() && self.any_delivered() {
            return in_all(CheckResult::History { there: 0, needed: 1 });
        }
        if !self.register(subject, relation)? {
            return in_all(CheckResult::Nothing);
        }
        match self.session.query(&plan::counts(relation, rules)) {
            Ok(counts) => {
                let mut found: Vec<CheckResult> = (0..rules.len())
                    .map(|at| {
                        CheckResult::counts(counts.count(&format!("checked_{at}"), 0), counts.count(&format!("failed_{at}"), 0))
                    })
                    .collect();
                // What did not move in the month was looked at too, and is as it was.
                if relation != subject.as_str() {
                    let all = self.rows_of(subject)?;
                    for found in &mut found {
                        if let CheckResult::Counts { checked, .. } = found {
                            *checked = all.max(*checked);
                        }
                    }
                }
                Ok(found)
            }
            Err(EngineError::Cancelled) => Err(PipelineError::Cancelled),
            Err(error) if rules.len() == 1 => in_all(CheckResult::Unchecked(reason(&error))),
            Err(_) => {
                let mut found = Vec::new();
                for rule in rules {
                    found.extend(self.count_rows(subject, relation, &[rule])?);
                }
                Ok(found)
            }
        }
    }

    fn rows_of(&mut self, subject: Subject) -> Result<u64, PipelineError> {
        self.register(subject, subject.as_str())?;
        Ok(self.session.query(&format!("SELECT COUNT(record_key) AS n FROM {subject}"))?.count("n", 0))
    }

    fn evaluate_one(&mut self, subject: Subject, rule: &Rule) -> Result<CheckResult, PipelineError> {
        match &rule.check {
            Check::SetAside { reasons } => deliveries::set_aside(self, subject, reasons),
            Check::Ledger => deliveries::ledger(self, subject),
            Check::Volume { months, most } => deliveries::volume(self, subject, *months, *most),
            Check::Freshness { worst } => deliveries::freshness(self, subject, *worst),
            Check::RefreshAge { most_days } => deliveries::refresh_age(self, subject, *most_days),
            Check::RefreshInFuture => deliveries::refresh_in_future(self, subject),
            Check::RefreshGoesBack => deliveries::refresh_goes_back(self, subject),
            Check::Schema { drift } => self.schema(subject, *drift),
            _ => self.over_relation(subject, rule),
        }
    }

    fn over_relation(&mut self, subject: Subject, rule: &Rule) -> Result<CheckResult, PipelineError> {
        if !self.register(subject, subject.as_str())? {
            return Ok(CheckResult::Nothing);
        }
        let compares = matches!(rule.check, Check::MedianSlip { .. } | Check::Vanished);
        if compares && self.previous.is_none() {
            return Ok(CheckResult::History { there: 0, needed: 1 });
        }
        let (relation, filter) = (subject.as_str(), plan::filter(rule));
        let counted = match &rule.check {
            Check::Unique { columns } => self.session.query(&plan::unique(relation, columns, &filter)),
            Check::Constant { columns, within } => self.session.query(&plan::constant(relation, columns, within, &filter)),
            Check::Overlap { column, with } => self
                .session
                .create_view("known", &plan::known(relation, column, with))
                .and_then(|()| self.session.query(&plan::found_in(relation, column, &filter, true))),
            Check::Reference { column, to, to_column } => {
                if !self.register(*to, to.as_str())? {
                    return Ok(CheckResult::Unchecked(format!("there are no {to} to refer to")));
                }
                self.session
                    .create_view("known", &plan::known(to.as_str(), to_column, "TRUE"))
                    .and_then(|()| self.session.query(&plan::found_in(relation, column, &filter, false)))
            }
            Check::DistinctShare { column, least, most } => {
                return self.distinct_share(relation, column, &filter, (*least, *most));
            }
            Check::MedianSlip { column, factor } => return self.median_slip(subject, column, &filter, *factor),
            Check::Vanished => return self.vanished(subject, &filter),
            Check::Sql { query } => {
                self.register_named_in(query)?;
                self.sql(query, relation, &filter)
            }
            other => return Ok(CheckResult::Unchecked(format!("{other:?} cannot be asked of {subject}"))),
        };
        match counted {
            Ok(counts) => Ok(CheckResult::counts(counts.count("checked", 0), counts.count("failed", 0))),
            Err(error) => unchecked(error),
        }
    }

    /// Gives the relations that a query speaks of their names; of what was not delivered there is none.
    fn register_named_in(&mut self, query: &str) -> Result<(), PipelineError> {
        let words: BTreeSet<&str> = query.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        for subject in Subject::ALL.into_iter().filter(|subject| words.contains(subject.as_str())) {
            self.register(subject, subject.as_str())?;
        }
        Ok(())
    }

    fn sql(&mut self, query: &str, relation: &str, filter: &str) -> Result<Frame, EngineError> {
        self.session.create_view("failing", query)?;
        let failed = self.session.query(&format!("SELECT COUNT(record_key) AS n FROM failing{filter}"))?.count("n", 0);
        self.session.query(&format!("SELECT COUNT(record_key) AS checked, MAX({failed}) AS failed FROM {relation}{filter}"))
    }

    fn distinct_share(
        &mut self,
        relation: &str,
        column: &str,
        filter: &str,
        (least, most): (Option<f64>, Option<f64>),
    ) -> Result<CheckResult, PipelineError> {
        let column = crate::pipeline::sql::name(column);
        let sql = format!("SELECT COUNT({column}) AS present, COUNT(DISTINCT {column}) AS different FROM {relation}{filter}");
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

    /// A slip of a column counts as one failing thing: the column.
    fn median_slip(&mut self, subject: Subject, column: &str, filter: &str, factor: f64) -> Result<CheckResult, PipelineError> {
        let before = format!("{subject}_before");
        if !self.register(subject, &before)? {
            return Ok(CheckResult::Unchecked(format!("a median can be compared for feeders and ders, not for {subject}")));
        }
        let mut median = |relation: &str| {
            let sql = format!("SELECT MEDIAN({}) AS m FROM {relation}{filter}", crate::pipeline::sql::name(column));
            Ok::<_, EngineError>(self.session.query(&sql)?.number("m", 0))
        };
        let medians = median(subject.as_str()).and_then(|now| Ok((now, median(&before)?)));
        match medians {
            Ok((Some(now), Some(was))) if was > 0.0 && now > 0.0 => {
                let ratio = if now > was { now / was } else { was / now };
                let slipped = ratio >= factor * 0.5 && ratio <= factor * 1.5;
                let detail = slipped.then(|| format!("the median of `{column}` is {now} after {was}"));
                Ok(CheckResult::Counts { checked: 1, failed: u64::from(slipped), detail })
            }
            Ok(_) => Ok(CheckResult::counts(0, 0)),
            Err(error) => unchecked(error),
        }
    }

    fn vanished(&mut self, subject: Subject, filter: &str) -> Result<CheckResult, PipelineError> {
        let before = format!("{subject}_before");
        if !self.register(subject, &before)? {
            return Ok(CheckResult::Unchecked(format!("feeders and ders can vanish, not {subject}")));
        }
        let counted = self
            .session
            .create_view("known", &plan::still_there(subject))
            .and_then(|()| self.session.query(&plan::found_in(&before, "record_key", filter, false)));
        match counted {
            Ok(counts) => Ok(CheckResult::counts(counts.count("checked", 0), counts.count("failed", 0))),
            Err(error) => unchecked(error),
        }
    }

    /// The rows that fail a rule.
    pub(super) fn rows(&mut self, subject: Subject, rule: &Rule, limit: usize) -> Result<Frame, PipelineError> {
        let with_lines = subject != Subject::Feeders;
        let mut relation = subject.as_str().to_owned();
        let condition = match &rule.check {
            Check::SetAside { reasons } => return deliveries::set_aside_rows(self, subject, reasons, limit),
            Check::Schema { drift } => return self.schema_rows(subject, *drift),
            Check::Change { .. } | Check::Slip { .. } => {
                relation = format!("{subject}_moved");
                plan::fails(&rule.check)
            }
            check => plan::fails(check),
        };
        if !self.register(subject, &relation)? {
            return Ok(Frame::default());
        }
        if let Some(condition) = condition {
            return Ok(self.session.query(&plan::rows(&relation, rule, &condition, with_lines, limit))?);
        }
        if !self.define_failing(subject, rule)? {
            // The file as a whole fails: there is no row to show.
            return Ok(Frame::default());
        }
        let unfiltered = Rule { filter: None, ..rule.clone() };
        Ok(self.session.query(&plan::rows("failing", &unfiltered, "TRUE", with_lines, limit))?)
    }

    /// Names the rows that fail a rule over more than one row `failing`; `false` where there are no such rows.
    fn define_failing(&mut self, subject: Subject, rule: &Rule) -> Result<bool, PipelineError> {
        let (relation, filter) = (subject.as_str(), plan::filter(rule));
        let sql = match &rule.check {
            Check::Sql { query } => {
                self.register_named_in(query)?;
                self.session.create_view("found", query)?;
                format!("SELECT * FROM found{filter}")
            }
            Check::Overlap { column, with } => {
                self.session.create_view("known", &plan::known(relation, column, with))?;
                plan::rows_found(relation, column, &filter, true)
            }
            Check::Reference { column, to, to_column } => {
                self.register(*to, to.as_str())?;
                self.session.create_view("known", &plan::known(to.as_str(), to_column, "TRUE"))?;
                plan::rows_found(relation, column, &filter, false)
            }
            Check::Constant { columns, within } => {
                self.session.create_view("groups", &plan::torn(relation, columns, within, &filter))?;
                plan::rows_of_torn(relation, within)
            }
            Check::Unique { columns } => plan::rows_that_share(relation, columns, &filter),
            Check::Vanished => {
                let before = format!("{subject}_before");
                if !self.register(subject, &before)? {
                    return Ok(false);
                }
                self.session.create_view("known", &plan::still_there(subject))?;
                plan::rows_found(&before, "record_key", &filter, false)
            }
            _ => return Ok(false),
        };
        self.session.create_view("failing", &sql)?;
        Ok(true)
    }

    fn schema(&mut self, subject: Subject, drift: Drift) -> Result<CheckResult, PipelineError> {
        let Subject::Delivery(dataset) = subject else {
            return Ok(CheckResult::Unchecked("feeders and ders have always the same columns".into()));
        };
        if !self.delivered(dataset) {
            return Ok(CheckResult::Nothing);
        }
        Ok(self.drift(dataset)?.map_or(CheckResult::History { there: 0, needed: 1 }, |found| found.found(drift)))
    }

    fn schema_rows(&mut self, subject: Subject, drift: Drift) -> Result<Frame, PipelineError> {
        let Subject::Delivery(dataset) = subject else { return Ok(Frame::default()) };
        let Some(found) = self.drift(dataset)? else { return Ok(Frame::default()) };
        let file = self.bronze.files.iter().find(|s| s.dataset == dataset && s.month == self.month);
        found.rows(drift, file.map(|file| file.source_file.as_str()))
    }
}
