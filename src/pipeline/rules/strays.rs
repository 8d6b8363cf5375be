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

/// How many records of the file are none.
pub(super) fn count(context: &mut EvaluationContext<'_>, asked: Asked<'_>, pattern: &str) -> Result<CheckResult, PipelineError> {
    if !name_strays(context, asked, pattern)? {
        return Ok(CheckResult::Unchecked("feeders and ders are no records of a file".into()));
    }
    let each = queries::in_each_row(asked.0);
    let count = |relation: &str| format!("SELECT COUNT({each}) AS n FROM {relation}");
    let checked = context.session.query(&format!("{}{}", count(asked.0.as_str()), asked.1))?.count("n", 0);
    let failed = context.session.query(&count("failing"))?.count("n", 0);
    Ok(CheckResult::counts(checked, failed))
}

/// Names them `failing`; whether the subject is a file.
pub(super) fn name_strays(
    context: &mut EvaluationContext<'_>,
    (subject, filter): Asked<'_>,
    pattern: &str,
) -> Result<bool, PipelineError> {
    let Some(dataset) = dataset_of(subject) else { return Ok(false) };
    let Some(adapter) = context.bronze.adapter.dataset(dataset) else { return Ok(false) };
    let shapes = context
        .session
        .query(&format!("SELECT SHAPE(record_key) AS shape, COUNT(record_key) AS n FROM {subject}{filter} GROUP BY shape"))?;
    let shapes: Vec<(u64, u64)> = (0..shapes.height()).map(|row| (shapes.count("shape", row), shapes.count("n", row))).collect();
    let all: u64 = shapes.iter().map(|(_, n)| n).sum();
    let lacks = |part: u64| shapes.iter().filter(|(shape, _)| shape & part == 0).map(|(_, n)| n).sum::<u64>();
    let is_rare = |n: u64| all >= FEW && n > 0 && n <= (all / 100).max(2);
    let mut conditions = vec!["FALSE".to_owned()];
    // Words can only be in keys that have letters.
    if lacks(Shape::LETTER) < all {
        let header = adapter.key.iter().map(|part| part.first().map_or("", String::as_str)).collect::<Vec<_>>().join(" + ");
        let words =
            format!("(REGEXP_LIKE(record_key, {}) OR LOWER(record_key) = {})", text(pattern), text(&header.to_lowercase()));
        conditions.push(format!("(has_letter AND {words})"));
    }
    if is_rare(lacks(Shape::DIGIT)) {
        conditions.push("NOT has_digit".into());
    }
    if is_rare(all - lacks(Shape::OTHER)) {
        conditions.push("has_other".into());
    }
    if all >= FEW && adapter.grain == Grain::Entity {
        for column in SUMMED.into_iter().filter(|column| adapter.column(column).is_some()) {
            let column = name(column);
            let total =
                context.session.query(&format!("SELECT SUM({column}) AS total FROM {subject}{filter}"))?.number("total", 0);
            if let Some(total) = total.filter(|total| *total > 0.0) {
                let (low, high) = (total * 0.4995, total * 0.5005);
                conditions.push(format!("({column} BETWEEN {low:?} AND {high:?})"));
            }
        }
    }
    let flag = |part: u64| {
        format!(
            "shape IN ({})",
            (0..8).filter(|shape| shape & part != 0).map(|shape: u64| shape.to_string()).collect::<Vec<_>>().join(", ")
        )
    };
    context.session.create_view("shaped", &format!("SELECT *, SHAPE(record_key) AS shape FROM {subject}{filter}"))?;
    context.session.create_view(
        "flagged",
        &format!(
            "SELECT *, ({}) AS has_letter, ({}) AS has_digit, ({}) AS has_other FROM shaped",
            flag(Shape::LETTER),
            flag(Shape::DIGIT),
            flag(Shape::OTHER)
        ),
    )?;
    context.name_failing(&format!("SELECT * FROM flagged WHERE {}", conditions.join(" OR ")))
}
