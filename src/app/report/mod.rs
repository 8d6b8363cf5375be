//! `report`: one month, to be shared: cases, calendar, missing data, differences, rules, scorecard.
//!
//! The content is read once from the tables; each format only writes it down.

mod html;
mod json;
mod junit;
mod markdown;

use std::path::Path;

use super::reads::QueryError;
use crate::app::reads::calendar::{Calendar, calendar};
use crate::app::reads::cases::{self, Case, Verdict};
use crate::app::reads::checks::{self, Checked, Score};
use crate::app::reads::missing::{self, Heatmap};
use crate::app::reads::months::{self, Series};
use crate::app::reads::{runs, status};
use crate::config::{RuleSet, Settings};
use crate::lake::Lake;
use crate::model::cell::visible;
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
    missing: Vec<Heatmap>,
    /// Differences with the months up to this one.
    months: Vec<Series>,
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

fn read(lake: &Lake, settings: &Settings, month: Option<Month>) -> Result<Option<Content>, QueryError> {
    let outcomes = checks::outcomes(lake, settings)?;
    let checked_months = outcomes.iter().map(|checked| checked.month);
    let Some(month) = checked_months.filter(|known| month.is_none_or(|month| month == *known)).max() else { return Ok(None) };
    let until = |text: &str| Month::parse(text).is_some_and(|other| other <= month);
    let mut missing = missing::heatmaps(&missing::columns(lake, None, None, None)?);
    for map in &mut missing {
        let kept: Vec<usize> = (0..map.months.len()).filter(|at| until(&map.months[*at])).collect();
        map.months = kept.iter().map(|at| map.months[*at].clone()).collect();
        for column in &mut map.columns {
            column.cells = kept.iter().map(|at| column.cells[*at]).collect();
        }
    }
    let mut months = months::series(&months::diffs(lake, None, None)?, &months::fields(lake, None, None)?);
    for series in &mut months {
        series.months.retain(|line| until(&line.month));
    }
    let calendar = calendar(lake, settings)?;
    let refused = runs::standing_refusals(lake, settings)?;
    Ok(Some(Content {
        month,
        today: settings.today,
        environment: settings.env,
        cases: cases::group(month, &outcomes, &refused, &calendar.missing(month), &settings.rules),
        calendar,
        missing,
        months,
        scores: checks::scorecard_of(lake, settings, &outcomes)?,
        checked: outcomes.into_iter().filter(|checked| checked.month == month).collect(),
        rules: settings.rules.clone(),
        feeds: status::feeds(lake, settings)?,
    }))
}

/// The format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A page.
    Html,
    /// Markdown.
    Markdown,
    /// One object.
    Json,
    /// `JUnit` XML.
    Junit,
}

impl Format {
    /// The format that a file's name ends in.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "html" => Some(Self::Html),
            "md" => Some(Self::Markdown),
            "json" => Some(Self::Json),
            "xml" => Some(Self::Junit),
            _ => None,
        }
    }
}

/// What a report says.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The month.
    pub month: Month,
    /// May it go on?
    pub verdict: &'static str,
    /// What stands between the month and its use.
    pub cases: Vec<Case>,
}

/// Writes the report of a month, or of the newest that was checked, in the format that the file's name ends in, HTML where it ends in
/// none of them; `None` where the month was not checked.
///
/// # Errors
/// A table cannot be read, or the file not be written.
pub fn write(lake: &Lake, settings: &Settings, month: Option<Month>, out: &Path) -> Result<Option<Told>, QueryError> {
    let Some(content) = read(lake, settings, month)? else { return Ok(None) };
    let failed = |source| QueryError::Unwritten { path: out.to_owned(), source };
    let text = match Format::of(out).unwrap_or(Format::Html) {
        Format::Html => inert(&html::text(&content)),
        Format::Markdown => inert(&markdown::text(&content)),
        Format::Json => json::text(&content).map_err(|error| failed(std::io::Error::other(error)))?,
        Format::Junit => junit::text(&content).map_err(|error| failed(std::io::Error::other(error)))?,
    };
    std::fs::write(out, text).map_err(failed)?;
    Ok(Some(Told { month: content.month, verdict: content.verdict(), cases: content.cases }))
}

/// A page in which nothing of the data moves a cursor or turns the direction of reading, wherever it is shown.
fn inert(page: &str) -> String {
    page.split('\n').map(visible).collect::<Vec<_>>().join("\n")
}
