//! Records that are none: totals, footers, notes and repeated headers that a report leaves among its records.

use super::CheckResult;
use super::columns::dataset_of;
use super::context::EvaluationContext;
use super::figures::{Aggregate, Figure, State, whole};
use super::plan::Asked;
use super::queries;
use crate::config::rules::Subject;
use crate::config::{DatasetAdapter, Grain};
use crate::model::cell::Shape;
use crate::pipeline::PipelineError;
use crate::pipeline::bronze::BronzeTables;
use crate::pipeline::sql::{name, text};

/// Records of a file below which a key without its like says nothing, and a sum of all others may be chance.
const FEW: u64 = 20;
/// Numbers of the model that a report adds up.
const SUMMED: [&str; 2] = ["nameplate_kw", "max_hosting_capacity_mw"];

/// What is looked for among the records of a file.
struct Search {
    /// Keys that are words of a report, or the header; SQL.
    words: String,
    /// Numbers that a report adds up.
    summed: Vec<&'static str>,
}

impl Search {
    /// Among the records of a file.
    fn of(bronze: &BronzeTables<'_>, subject: Subject, pattern: &str) -> Option<Self> {
        let adapter = bronze.adapter.dataset(dataset_of(subject)?)?;
        let is_summed = |column: &&str| adapter.grain == Grain::Entity && adapter.column(column).is_some();
        Some(Self { words: words(adapter, pattern), summed: SUMMED.into_iter().filter(is_summed).collect() })
    }

    fn figures(&self) -> Vec<Figure> {
        let rows_where = |condition: &str| Figure::rows_where(State::Now, condition);
        let of = |aggregate, column: &str| Figure::new(State::Now, aggregate, column);
        let mut figures = vec![
            of(Aggregate::Count, "record_key"),
            rows_where(&self.words),
            rows_where(&is_without(Shape::DIGIT)),
            rows_where(&has(Shape::OTHER)),
        ];
        figures.extend(
            self.summed.iter().flat_map(|column| [Aggregate::Sum, Aggregate::Max].map(|of_all| of(of_all, &name(column)))),
        );
        figures
    }

    /// What the numbers say.
    fn census(&self, numbers: &[Option<f64>]) -> Census {
        let (counts, sums) = numbers.split_at(4);
        let [all, words, without_digit, other] = [0, 1, 2, 3].map(|at| whole(counts[at]));
        let is_rare = |n: u64| all >= FEW && n > 0 && n <= (all / 100).max(2);
        let mut conditions = Vec::new();
        if words > 0 {
            conditions.push(self.words.clone());
        }
        if is_rare(without_digit) {
            conditions.push(is_without(Shape::DIGIT));
        }
        if is_rare(other) {
            conditions.push(has(Shape::OTHER));
        }
        for (column, sum) in self.summed.iter().zip(sums.chunks(2)).filter(|_| all >= FEW) {
            let [total, greatest] = [sum[0], sum[1]].map(|number| number.unwrap_or(0.0));
            let (low, high) = (total * 0.4995, total * 0.5005);
            if total > 0.0 && greatest >= low {
                conditions.push(format!("({} BETWEEN {low:?} AND {high:?})", name(column)));
            }
        }
        Census { all, conditions }
    }
}

/// What the numbers of all records say of a file.
struct Census {
    /// Records.
    all: u64,
    /// What makes a record none; SQL.
    conditions: Vec<String>,
}

/// The numbers of a file's records that tell whether there may be any that is none.
pub(super) fn figures(bronze: &BronzeTables<'_>, subject: Subject, pattern: &str) -> Vec<Figure> {
    Search::of(bronze, subject, pattern).map_or_else(Vec::new, |search| search.figures())
}

/// How many records of the file are none, by these numbers.
pub(super) fn count(
    context: &mut EvaluationContext<'_>,
    asked: Asked<'_>,
    pattern: &str,
    numbers: &[Option<f64>],
) -> Result<CheckResult, PipelineError> {
    let Some(search) = Search::of(context.bronze, asked.0, pattern) else { return Ok(CheckResult::Nothing) };
    let census = search.census(numbers);
    if census.conditions.is_empty() {
        return Ok(CheckResult::counts(census.all, 0));
    }
    name_failing(context, asked, &census)?;
    let failed =
        context.session.query(&format!("SELECT COUNT({}) AS n FROM failing", queries::in_each_row(asked.0)))?.count("n", 0);
    Ok(CheckResult::counts(census.all, failed))
}

/// Names them `failing`; whether there may be any.
pub(super) fn name_strays(context: &mut EvaluationContext<'_>, asked: Asked<'_>, pattern: &str) -> Result<bool, PipelineError> {
    let Some(search) = Search::of(context.bronze, asked.0, pattern) else { return Ok(false) };
    let census = search.census(&context.figures_of(&format!("{}{}", asked.0, asked.1), &search.figures())?);
    if census.conditions.is_empty() { Ok(false) } else { name_failing(context, asked, &census) }
}

fn name_failing(
    context: &mut EvaluationContext<'_>,
    (subject, filter): Asked<'_>,
    census: &Census,
) -> Result<bool, PipelineError> {
    let records = format!("SELECT * FROM {subject}{filter}");
    context.name_failing(&format!("SELECT * FROM ({records}) AS fs__asked WHERE {}", census.conditions.join(" OR ")))
}

/// Whether a key is words or the header; SQL.
fn words(adapter: &DatasetAdapter, pattern: &str) -> String {
    let header = adapter.key.iter().map(|part| part.first().map_or("", String::as_str)).collect::<Vec<_>>().join(" + ");
    format!("ARE_WORDS(record_key, {}, {})", text(pattern), text(&header))
}

/// Whether a key has something of a part, which is a bit of its shape; SQL.
fn has(part: u64) -> String {
    format!("fs__shape % {} >= {part}", 2 * part)
}

fn is_without(part: u64) -> String {
    format!("fs__shape % {} < {part}", 2 * part)
}
