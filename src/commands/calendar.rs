//! `calendar` and `scorecard`: what came of each utility, and its record over the months.

use super::{Context, Exit};
use crate::app::reads::calendar::calendar;
use crate::app::reads::checks;
use crate::frame::{Value, schema};

/// Prints one row for each utility and month.
///
/// # Errors
/// A table cannot be read.
pub fn run(context: &Context) -> anyhow::Result<Exit> {
    let columns = schema::columns![delivery_month Text, utility_id Text, state Text, loaded Text, owed Text, refused Text, redelivered Flag, repeated Flag];
    let calendar = calendar(&context.lake, &context.settings)?;
    let mut rows = Vec::new();
    for (utility, days) in &calendar.utilities {
        for (month, day) in calendar.months.iter().zip(days) {
            rows.push(vec![
                Value::Text(month.to_string()),
                Value::Text(utility.clone()),
                Value::Text(day.delivery.as_str().into()),
                Value::Text(day.loaded.join(" ")),
                Value::Text(day.expected.join(" ")),
                Value::Text(day.refused.join(" ")),
                Value::Flag(day.redelivered),
                Value::Flag(day.repeated),
            ]);
        }
    }
    context.printer.rows(&columns, &rows)?;
    Ok(Exit::Done)
}

/// Prints one row for each utility and month with the utility's record.
///
/// # Errors
/// A table cannot be read.
pub fn scorecard(context: &Context) -> anyhow::Result<Exit> {
    let columns = schema::columns![utility_id Text, delivery_month Text, errors Whole, warnings Whole, repeated Whole, rejected_share Real, days_late Real];
    let mut rows = Vec::new();
    for score in checks::scorecard(&context.lake, &context.settings)? {
        for (month, errors, warnings) in &score.failures {
            rows.push(vec![
                Value::Text(score.utility.clone()),
                Value::Text(month.to_string()),
                Value::count(*errors),
                Value::count(*warnings),
                Value::count(score.repeated),
                score.rejected_share.map_or(Value::Null, Value::Real),
                score.days_late.map_or(Value::Null, Value::Real),
            ]);
        }
    }
    context.printer.rows(&columns, &rows)?;
    Ok(Exit::Done)
}
