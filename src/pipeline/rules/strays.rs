//! Records that are none: totals, footers, notes and repeated headers that a report leaves among its records.

use super::CheckResult;
use super::columns::dataset_of;
use super::context::EvaluationContext;
use super::plan::Asked;
use super::queries;
use crate::config::Grain;
use crate::model::cell::Shape;
use crate::pipeline::PipelineError;
use crate::pipeline::sql::{name, text};

/// Records of a file below which a key without its like says nothing, and a sum of all others may be chance.
const FEW: u64 = 20;
/// Numbers of the model that a report adds up.
const SUMMED: [&str; 2] = ["nameplate_kw", "max_hosting_capacity_mw"];

/// What is asked of the records of a file, in one pass.
struct Census {
    /// Records.
    all: u64,
    /// What makes a record none, as SQL over relation `flagged`.
    conditions: Vec<String>,
}

/// How many records of the file are none.
pub(super) fn count(context: &mut EvaluationContext<'_>, asked: Asked<'_>, pattern: &str) -> Result<CheckResult, PipelineError> {
    let Some(census) = census(context, asked, pattern)? else {
        return Ok(CheckResult::Unchecked("feeders and ders are no records of a file".into()));
    };
    if census.conditions.is_empty() {
        return Ok(CheckResult::counts(census.all, 0));
    }
    name_flagged(context, asked, &census)?;
    let failed =
        context.session.query(&format!("SELECT COUNT({}) AS n FROM failing", queries::in_each_row(asked.0)))?.count("n", 0);
    Ok(CheckResult::counts(census.all, failed))
}

/// Names them `failing`; whether there may be any.
pub(super) fn name_strays(context: &mut EvaluationContext<'_>, asked: Asked<'_>, pattern: &str) -> Result<bool, PipelineError> {
    match census(context, asked, pattern)? {
        Some(census) if !census.conditions.is_empty() => name_flagged(context, asked, &census),
        _ => Ok(false),
    }
}

/// What the shapes of the keys and the sums say; `None` where the subject is no file.
fn census(
    context: &mut EvaluationContext<'_>,
    (subject, filter): Asked<'_>,
    pattern: &str,
) -> Result<Option<Census>, PipelineError> {
    let Some(adapter) = dataset_of(subject).and_then(|dataset| context.bronze.adapter.dataset(dataset)) else { return Ok(None) };
    let is_summed = |column: &&str| adapter.grain == Grain::Entity && adapter.column(column).is_some();
    let summed: Vec<&str> = SUMMED.into_iter().filter(is_summed).collect();
    let sums: Vec<String> =
        summed.iter().map(|column| format!(", SUM({column}) AS fs__sum_{column}, MAX({column}) AS fs__max_{column}")).collect();
    let sums = sums.concat();
    let found = context.session.query(&format!(
        "SELECT SHAPE(record_key) AS fs__shape, COUNT(record_key) AS fs__n{sums} FROM {subject}{filter} GROUP BY fs__shape"
    ))?;
    let shapes: Vec<(u64, u64)> =
        (0..found.height()).map(|row| (found.count("fs__shape", row), found.count("fs__n", row))).collect();
    let all: u64 = shapes.iter().map(|(_, n)| n).sum();
    let lacks = |part: u64| shapes.iter().filter(|(shape, _)| shape & part == 0).map(|(_, n)| n).sum::<u64>();
    let is_rare = |n: u64| all >= FEW && n > 0 && n <= (all / 100).max(2);
    let mut conditions = Vec::new();
    // Words can only be in keys that have letters.
    if lacks(Shape::LETTER) < all {
        let header = adapter.key.iter().map(|part| part.first().map_or("", String::as_str)).collect::<Vec<_>>().join(" + ");
        let words =
            format!("(REGEXP_LIKE(record_key, {}) OR LOWER(record_key) = {})", text(pattern), text(&header.to_lowercase()));
        conditions.push(format!("(fs__letter AND {words})"));
    }
    if is_rare(lacks(Shape::DIGIT)) {
        conditions.push("NOT fs__digit".into());
    }
    if is_rare(all - lacks(Shape::OTHER)) {
        conditions.push("fs__other".into());
    }
    for column in summed.into_iter().filter(|_| all >= FEW) {
        let number = |what: &str| {
            (0..found.height()).filter_map(|row| found.number(&format!("fs__{what}_{column}"), row)).collect::<Vec<f64>>()
        };
        let total: f64 = number("sum").iter().sum();
        let (low, high) = (total * 0.4995, total * 0.5005);
        let greatest = number("max").into_iter().fold(0.0, f64::max);
        if total > 0.0 && greatest >= low {
            conditions.push(format!("({} BETWEEN {low:?} AND {high:?})", name(column)));
        }
    }
    Ok(Some(Census { all, conditions }))
}

/// Names the records for which a condition holds `failing`.
fn name_flagged(
    context: &mut EvaluationContext<'_>,
    (subject, filter): Asked<'_>,
    census: &Census,
) -> Result<bool, PipelineError> {
    let flag = |part: u64| {
        let shapes: Vec<String> = (0..8_u64).filter(|shape| shape & part != 0).map(|shape| shape.to_string()).collect();
        format!("fs__shape IN ({})", shapes.join(", "))
    };
    context.session.create_view("shaped", &format!("SELECT *, SHAPE(record_key) AS fs__shape FROM {subject}{filter}"))?;
    context.session.create_view(
        "flagged",
        &format!(
            "SELECT *, ({}) AS fs__letter, ({}) AS fs__digit, ({}) AS fs__other FROM shaped",
            flag(Shape::LETTER),
            flag(Shape::DIGIT),
            flag(Shape::OTHER)
        ),
    )?;
    context.name_failing(&format!("SELECT * FROM flagged WHERE {}", census.conditions.join(" OR ")))
}
