//! `cases`: what stands between a month and its use, one row for each cause.

use super::{Context, Exit, Format, Usage};
use crate::app::reads::cases::{self, Case, Standing, Verdict};
use crate::app::reads::checks;
use crate::frame::{Column, ColumnType, Value};
use crate::model::{Month, UtilityId};

/// Prints a month's cases from what is stored; for people with what to do, and nothing is evaluated.
///
/// # Errors
/// A table cannot be read, or nothing is known of the month.
pub fn run(context: &Context, month: Option<Month>, utility: Option<&UtilityId>) -> anyhow::Result<Exit> {
    let utility = context.known(utility)?;
    let outcomes = checks::outcomes(&context.lake, &context.settings)?;
    let (month, mut cases) = match (cases::of_month(&context.lake, &context.settings, &outcomes, month)?, month) {
        (Some(known), _) => known,
        (None, Some(month)) => {
            return Err(Usage(format!("nothing is known of {month}; `feederscope run` loads the landing folder")).into());
        }
        (None, None) => {
            context.printer.say("nothing was checked yet; `feederscope run` loads the landing folder");
            return Ok(Exit::Incomplete);
        }
    };
    cases.retain(|case| utility.is_none_or(|utility| utility == case.utility));
    if context.printer.format == Format::Table {
        for_people(context, month, &cases)?;
    } else {
        let (columns, rows) = cases::table(&cases);
        context.printer.rows(&columns, &rows)?;
    }
    Ok(exit_of(&cases))
}

/// What could not be checked comes before what failed: nobody may take it for a verdict.
pub(super) fn exit_of(cases: &[Case]) -> Exit {
    match Verdict::of(cases) {
        Verdict::Ready => Exit::Done,
        Verdict::NotReady => Exit::Bad,
        Verdict::Unknown => Exit::Incomplete,
    }
}

fn for_people(context: &Context, month: Month, cases: &[Case]) -> anyhow::Result<()> {
    // The names say what is left out last where the terminal is narrow.
    let names = ["standing", "what", "utility_id", "what to do", "of", "since", "failed"];
    let columns: Vec<Column> = names.map(|name| Column::new(name, ColumnType::Text)).into();
    let row = |case: &Case| {
        [
            if case.standing == Standing::ToLookAt { case.severity.to_string() } else { case.standing.as_str().to_owned() },
            case.what.clone(),
            case.utility.clone(),
            case.next_step.clone(),
            case.of.join(" "),
            case.since.to_string(),
            if case.failed == 0 { String::new() } else { case.failed.to_string() },
        ]
        .map(Value::Text)
        .to_vec()
    };
    context.printer.rows(&columns, &cases.iter().map(row).collect::<Vec<_>>())?;
    let count = |standing: Standing| cases.iter().filter(|case| case.standing == standing).count();
    let unknown = match count(Standing::Unknown) {
        0 => String::new(),
        unknown => format!(", {unknown} could not be checked"),
    };
    let behind: usize = cases.iter().map(|case| case.outcomes.len()).sum();
    context.printer.say(format!(
        "{month}: {}; {} stop it, {} to look at, {} acknowledged{unknown}; {behind} outcomes behind them, `feederscope check` lists these",
        Verdict::of(cases).as_str(),
        count(Standing::Stops),
        count(Standing::ToLookAt),
        count(Standing::Acknowledged),
    ));
    Ok(())
}
