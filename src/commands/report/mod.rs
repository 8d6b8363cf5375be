//! `report`: one month, to be shared: cases, calendar, missing data, differences, rules, scorecard.
//!
//! The content is read once from the tables; each format only writes it down.

mod html;
mod json;
mod junit;
mod markdown;

use std::path::Path;

use anyhow::Context as _;

use super::{Context, Exit, Usage};
use crate::app::reads::calendar::{Calendar, calendar};
use crate::app::reads::cases::{self, Case, Verdict};
use crate::app::reads::checks::{self, Checked, Score};
use crate::app::reads::{missing, months, runs, status};
use crate::app::{Missing, Months};
use crate::config::RuleSet;
use crate::model::{Day, Environment, Month, Severity};
use crate::pipeline::rules::RuleState;

/// What a report tells.
struct Content {
    month: Month,
    today: Day,
    environment: Environment,
    /// What stands between the month and its use.
    cases: Vec<Case>,
    calendar: Calendar,
    /// Heatmaps with the months up to this one.
    missing: Missing,
    /// Differences with the months up to this one.
    months: Months,
    /// The month's outcomes.
    checked: Vec<Checked>,
    scores: Vec<Score>,
    rules: RuleSet,
    feeds: Vec<status::Feed>,
}

impl Content {
    fn count(&self, wanted: impl Fn(&Checked) -> bool) -> usize {
        self.checked.iter().filter(|checked| wanted(checked)).count()
    }

    fn open(&self, severity: Severity) -> usize {
        self.count(|checked| checked.is_open() && checked.severity == severity)
    }

    /// Failures and what could not be checked, the gravest first, those that somebody acknowledged last.
    fn worth_telling(&self) -> Vec<&Checked> {
        let mut told: Vec<&Checked> =
            self.checked.iter().filter(|checked| matches!(checked.state, RuleState::Failed | RuleState::CouldNotCheck)).collect();
        told.sort_by_key(|checked| {
            (checked.acknowledged.is_some(), std::cmp::Reverse(checked.severity), checked.utility.clone())
        });
        told
    }

    /// May the month go on?
    fn verdict(&self) -> &'static str {
        match Verdict::of(&self.cases) {
            Verdict::Unknown => "some rules could not be checked: no verdict",
            Verdict::NotReady => "not ready: errors are open",
            Verdict::Ready => "ready: no error is open",
        }
    }
}

/// The word for an outcome, a decision included.
fn word(checked: &Checked) -> &'static str {
    if checked.acknowledged.is_some() { "acknowledged" } else { checked.state.as_str() }
}

fn read(context: &Context, month: Option<Month>) -> anyhow::Result<Option<Content>> {
    let settings = &context.settings;
    let outcomes = checks::outcomes(&context.lake, settings)?;
    let checked_months: Vec<Month> = outcomes.iter().map(|checked| checked.month).collect();
    let Some(month) = month.or_else(|| checked_months.iter().max().copied()) else { return Ok(None) };
    if !checked_months.contains(&month) {
        return Err(Usage(format!("{month} was not checked yet; `feederscope check --month {month}` does it")).into());
    }
    let until = |text: &str| Month::parse(text).is_some_and(|other| other <= month);
    let mut missing = Missing::new(&missing::columns(&context.lake, None, None, None)?);
    for map in &mut missing.maps {
        let kept: Vec<usize> = (0..map.months.len()).filter(|at| until(&map.months[*at])).collect();
        map.months = kept.iter().map(|at| map.months[*at].clone()).collect();
        for column in &mut map.columns {
            column.cells = kept.iter().map(|at| column.cells[*at]).collect();
        }
    }
    let mut months = Months::new(&months::diffs(&context.lake, None, None)?, &months::fields(&context.lake, None, None)?);
    for series in &mut months.series {
        series.months.retain(|line| until(&line.month));
    }
    let calendar = calendar(&context.lake, settings)?;
    Ok(Some(Content {
        month,
        today: settings.today,
        environment: settings.env,
        cases: cases::group(
            month,
            &outcomes,
            &runs::standing_refusals(&context.lake, settings)?,
            &calendar.missing(month),
            &settings.rules,
        ),
        calendar,
        missing,
        months,
        checked: outcomes.into_iter().filter(|checked| checked.month == month).collect(),
        scores: checks::scorecard(&context.lake, settings)?,
        rules: settings.rules.clone(),
        feeds: status::feeds(&context.lake, settings)?,
    }))
}

/// Writes the report of a month, in the format that the file's name ends in.
///
/// # Errors
/// A table cannot be read, the format is unknown, or the file cannot be written.
pub fn run(context: &Context, month: Option<Month>, out: &Path) -> anyhow::Result<Exit> {
    let extension = out.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let write: fn(&Content) -> anyhow::Result<String> = match extension {
        "html" => |content| Ok(html::text(content)),
        "md" => |content| Ok(markdown::text(content)),
        "json" => json::text,
        "xml" => junit::text,
        other => {
            return Err(
                Usage(format!("`.{other}` is no format of a report; it must be `.html`, `.md`, `.json` or `.xml`")).into()
            );
        }
    };
    let Some(told) = read(context, month)? else {
        context.printer.say("nothing was checked yet; `feederscope run` loads the landing folder");
        return Ok(Exit::Incomplete);
    };
    std::fs::write(out, write(&told)?).with_context(|| format!("`{}` cannot be written", out.display()))?;
    context.printer.say(format!("report of {} in `{}`: {}", told.month, out.display(), told.verdict()));
    Ok(super::cases::exit_of(&told.cases))
}
