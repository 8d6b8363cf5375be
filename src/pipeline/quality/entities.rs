//! What changed between months: feeders and DERs by their versions.

use super::Assess;
use super::diff::{DiffCounts, diff_row, field_rows};
use crate::config::UtilityAdapter;
use crate::frame::Frame;
use crate::model::{Entity, Month, MonthRange};
use crate::pipeline::PipelineError;
use crate::pipeline::sql::text;
use crate::pipeline::tables::{FieldChangesRow, MonthDiffRow};

/// Rows of `month_diff` and of `field_changes`.
type Differences = (Vec<MonthDiffRow>, Vec<FieldChangesRow>);

/// Whether a utility sends what versions of an entity are made from.
fn is_delivered_by(entity: Entity, adapter: &UtilityAdapter) -> bool {
    adapter.datasets.iter().any(|dataset| Entity::of(dataset.dataset) == entity)
}

/// What identifies an entity of a utility; SQL.
const fn key(entity: Entity) -> &'static str {
    match entity {
        Entity::Feeders => "feeder_id",
        Entity::Ders => "status || '/' || der_id",
    }
}

fn described(entity: Entity) -> Vec<&'static str> {
    entity.described().map(|column| column.name).collect()
}

/// The versions of feeders or DERs: a row for each of some months, and their changed columns. `before`: how many were current
/// before the first of them.
pub(super) fn of_entity(
    assess: &Assess<'_>,
    entity: Entity,
    wanted: MonthRange,
    before: u64,
) -> Result<Differences, PipelineError> {
    let versions = match entity {
        Entity::Feeders => &assess.silver.feeders,
        Entity::Ders => &assess.silver.ders,
    };
    let months = assess.all_months();
    let (mut diffs, mut fields) = Differences::default();
    if !is_delivered_by(entity, assess.bronze.adapter) {
        return Ok((diffs, fields));
    }
    let mut session = assess.bronze.work.session()?;
    let mut before = before;
    for month in months.iter().copied().filter(|month| wanted.holds(*month)) {
        let previous = months.iter().copied().rfind(|other| *other < month);
        session.register("began", &versions.began_in(MonthRange::only(month)))?;
        session.register("ended", &versions.ended_in(MonthRange::only(month)))?;
        let counted = session.query(&entity_counts(month))?;
        let count = |name: &str| counted.count(name, 0);
        let (opened, closed) = (count("opened"), count("closed"));
        // Nothing can follow a version where none ended.
        let found = if closed > 0 { session.query(&entity_changes(entity, month))? } else { Frame::default() };
        let both = found.count("replaced", 0);
        let current = before + opened - closed;
        let counts = DiffCounts {
            row_count: current,
            previous_row_count: previous.map(|_| before),
            current,
            previous_current: before,
            added: opened - both,
            changed: both,
            removed: closed - both,
            unchanged: before - closed,
        };
        diffs.push(diff_row(month, assess.utility(), entity.as_str(), previous, &counts));
        fields.extend(field_rows(month, assess.utility(), entity.as_str(), &found, &described(entity)));
        before = current;
    }
    Ok((diffs, fields))
}

/// Relations `began` and `ended`: how many versions began and ended in a month.
fn entity_counts(month: Month) -> String {
    format!(
        "SELECT SUM(opened) AS opened, SUM(closed) AS closed FROM (\n\
         SELECT COUNT(*) AS opened, 0 AS closed FROM began WHERE valid_from_month = '{month}'\n\
         UNION ALL SELECT 0 AS opened, COUNT(*) AS closed FROM ended WHERE valid_to_month = '{month}') AS moved"
    )
}

/// Relations `began` and `ended`: the versions that began in a month where another ended, and which of their columns differ.
fn entity_changes(entity: Entity, month: Month) -> String {
    let month = text(&month.to_string());
    let columns = described(entity);
    let list = |prefix: &str| {
        columns.iter().enumerate().map(|(at, column)| format!("{column} AS {prefix}_{at}")).collect::<Vec<_>>().join(", ")
    };
    let sum = |at| format!("SUM(CASE WHEN new_{at} IS DISTINCT FROM old_{at} THEN 1 ELSE 0 END) AS changed_{at}");
    let sums: Vec<String> = (0..columns.len()).map(sum).collect();
    format!(
        "WITH opened AS (SELECT {key} AS new_key, {new} FROM began WHERE valid_from_month = {month}),\n\
         closed AS (SELECT {key} AS old_key, {old} FROM ended WHERE valid_to_month = {month})\n\
         SELECT COUNT(*) AS replaced,\n  {sums}\n\
         FROM opened AS n INNER JOIN closed AS o ON n.new_key = o.old_key",
        key = key(entity),
        new = list("new"),
        old = list("old"),
        sums = sums.join(",\n  ")
    )
}
