//! `check` and `rules`: what must hold, and what does not.

use std::collections::BTreeMap;

use super::{Context, Exit, Format, Usage};
use crate::app::reads::checks::{self, Checked};
use crate::app::reads::runs::{self, RefusedFile};
use crate::config::file::did_you_mean;
use crate::engine::Work;
use crate::frame::{Column, ColumnType, Frame, Value};
use crate::model::{Cancel, Month, Severity, Timestamp, UtilityId};
use crate::pipeline::bronze::BronzeTables;
use crate::pipeline::rules::{self, Evaluator, RuleFilter, RuleState};

/// What shall be checked.
pub struct CheckRequest<'a> {
    /// The month; the newest without it.
    pub month: Option<Month>,
    /// Only this rule.
    pub rule: Option<&'a str>,
    /// Only of this utility.
    pub utility: Option<&'a UtilityId>,
}

impl CheckRequest<'_> {
    fn wanted(&self, context: &Context) -> anyhow::Result<RuleFilter<'_>> {
        if let Some(id) = self.rule
            && context.settings.rules.rule(id).is_none()
        {
            let known = context.settings.rules.rules.iter().map(|rule| rule.id.as_str());
            return Err(Usage(format!("there is no rule `{id}`{}", did_you_mean(id, known))).into());
        }
        Ok(RuleFilter { rule: self.rule, utility: context.known(self.utility)?, ..RuleFilter::default() })
    }
}

fn bronze<'a>(context: &'a Context, cancel: &'a Cancel) -> anyhow::Result<Vec<BronzeTables<'a>>> {
    Ok(BronzeTables::open_all(&context.lake, &context.settings.utilities, Work::local(cancel))?)
}

fn month_of(request: &CheckRequest<'_>, evaluator: &Evaluator<'_>) -> anyhow::Result<Option<Month>> {
    let months = evaluator.months();
    match request.month {
        Some(month) if !months.contains(&month) => Err(Usage(format!(
            "no file was loaded for {month}; there is {}",
            months.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        ))
        .into()),
        Some(month) => Ok(Some(month)),
        None => Ok(months.last().copied()),
    }
}

/// A month's outcomes, stored, and what is known of each.
struct CheckRun<'a> {
    evaluator: Evaluator<'a>,
    month: Month,
    outcomes: Vec<rules::RuleOutcome>,
    checked: Vec<Checked>,
}

/// Evaluates and stores the outcomes of a month; `None` if nothing was loaded yet.
fn evaluate<'a>(
    context: &'a Context,
    request: &CheckRequest<'_>,
    bronze: &'a [BronzeTables<'a>],
) -> anyhow::Result<Option<CheckRun<'a>>> {
    let wanted = request.wanted(context)?;
    let evaluator = Evaluator::new(bronze, &context.settings.rules, context.settings.today);
    let Some(month) = month_of(request, &evaluator)? else {
        context.printer.say("nothing was loaded yet; `feederscope run` loads the landing folder");
        return Ok(None);
    };
    let outcomes = evaluator.month(month, wanted)?;
    let run_id = uuid::Uuid::now_v7().to_string();
    // Where only promotions write, what was promoted is told.
    if context.lake.expect_loads().is_ok() {
        rules::record(&context.lake, &context.settings.rules, &outcomes, &run_id, Timestamp::now())?;
    }
    let mut checked = checks::outcomes(&context.lake, &context.settings)?;
    checked.retain(|checked| checked.month == month && outcomes.iter().any(|outcome| checked.is_of(outcome)));
    Ok(Some(CheckRun { evaluator, month, outcomes, checked }))
}

/// Evaluates, stores and prints the outcomes of a month; for people only what did not pass.
///
/// # Errors
/// A table cannot be read or written, or what was asked for does not exist.
pub fn run(context: &Context, request: &CheckRequest<'_>) -> anyhow::Result<Exit> {
    let cancel = Cancel::default();
    let bronze = bronze(context, &cancel)?;
    let Some(evaluated) = evaluate(context, request, &bronze)? else { return Ok(Exit::Incomplete) };
    let asked: Vec<&Checked> = evaluated.checked.iter().collect();
    print(context, &asked)?;
    let refused = refused(context, request, evaluated.month)?;
    Ok(match exit_of(&asked) {
        Exit::Done if refused => Exit::Bad,
        exit => exit,
    })
}

/// Tells of files that no rule can look at; whether there are any. Asked about no month in particular, those of later ones count too.
fn refused(context: &Context, request: &CheckRequest<'_>, month: Month) -> anyhow::Result<bool> {
    let is_asked = |file: &&RefusedFile| {
        let of_month = if request.month.is_some() { file.month == month } else { file.month >= month };
        of_month && request.rule.is_none() && request.utility.is_none_or(|utility| utility.as_str() == file.utility)
    };
    let standing = runs::standing_refusals(&context.lake, &context.settings)?;
    let asked: Vec<&RefusedFile> = standing.iter().filter(is_asked).collect();
    for RefusedFile { utility, dataset, month, source_file, reason, .. } in &asked {
        context.printer.say(format!(
            "{utility} {dataset} of {month} is not there: `{source_file}` was refused ({reason}); `feederscope run` says why and what to do"
        ));
    }
    Ok(!asked.is_empty())
}

fn print(context: &Context, asked: &[&Checked]) -> anyhow::Result<()> {
    if context.printer.format != Format::Table {
        let (columns, rows) = checks::table(asked, &context.settings.rules);
        context.printer.rows(&columns, &rows)?;
        return Ok(());
    }
    let is_worth = |checked: &&&Checked| {
        context.printer.verbose > 0 || matches!(checked.state, RuleState::Failed | RuleState::CouldNotCheck)
    };
    let mut shown: Vec<&Checked> = asked.iter().filter(is_worth).copied().collect();
    shown.sort_by_key(|checked| {
        (checked.state != RuleState::Failed, checked.acknowledged.is_some(), std::cmp::Reverse(checked.severity))
    });
    let columns: Vec<Column> = ["severity", "rule_id", "utility_id", "dataset", "outcome", "failed", "since", "detail"]
        .map(|name| Column::new(name, ColumnType::Text))
        .into();
    let row = |checked: &&Checked| {
        let outcome = if checked.acknowledged.is_some() { "acknowledged" } else { checked.state.as_str() };
        let failed = if checked.state == RuleState::Failed || checked.state == RuleState::Passed {
            format!("{} of {}", checked.failed, checked.checked)
        } else {
            String::new()
        };
        let acknowledged =
            checked.acknowledged.as_ref().map(|by| format!("{}: {} (until {})", by.account, by.reason, by.expires_on));
        let detail = [checked.detail.clone(), acknowledged].into_iter().flatten().collect::<Vec<_>>().join("; ");
        [
            checked.severity.to_string(),
            checked.rule.clone(),
            checked.utility.clone(),
            checked.dataset.clone(),
            outcome.to_owned(),
            failed,
            checked.failing_since.map_or(String::new(), |month| month.to_string()),
            detail,
        ]
        .map(Value::Text)
        .to_vec()
    };
    context.printer.rows(&columns, &shown.iter().map(row).collect::<Vec<_>>())?;
    let count = |wanted: &dyn Fn(&Checked) -> bool| asked.iter().filter(|checked| wanted(checked)).count();
    let open = |severity: Severity| count(&|checked| checked.is_open() && checked.severity == severity);
    context.printer.say(format!(
        "{} passed, {} errors, {} warnings, {} infos, {} acknowledged, {} could not be checked, {} without enough history; `--rows` shows the rows, `--rule ID` one rule",
        count(&|checked| checked.state == RuleState::Passed),
        open(Severity::Error),
        open(Severity::Warning),
        open(Severity::Info),
        count(&|checked| checked.acknowledged.is_some()),
        count(&|checked| checked.state == RuleState::CouldNotCheck),
        count(&|checked| checked.state == RuleState::NotEnoughHistory),
    ));
    Ok(())
}

/// What could not be checked comes before what failed: nobody may take it for a verdict.
pub fn exit_of(asked: &[&Checked]) -> Exit {
    if asked.iter().any(|checked| checked.state == RuleState::CouldNotCheck) {
        Exit::Incomplete
    } else if asked.iter().any(|checked| checked.is_bad()) {
        Exit::Bad
    } else {
        Exit::Done
    }
}

/// Evaluates and stores the outcomes of a month, and prints the rows that fail: month, utility, dataset, rule, key, column,
/// value, file and line.
///
/// # Errors
/// A table cannot be read or written, or what was asked for does not exist.
pub fn rows(context: &Context, request: &CheckRequest<'_>, limit: usize) -> anyhow::Result<Exit> {
    let cancel = Cancel::default();
    let bronze = bronze(context, &cancel)?;
    let Some(evaluated) = evaluate(context, request, &bronze)? else { return Ok(Exit::Incomplete) };
    let names = ["delivery_month", "utility_id", "dataset", "rule_id", "record_key", "column_name", "value", "source_file"];
    let mut columns: Vec<Column> = names.map(|name| Column::new(name, ColumnType::Text)).into();
    columns.push(Column::new("source_line", ColumnType::Whole));
    let mut found = Vec::new();
    for outcome in evaluated.outcomes.iter().filter(|outcome| outcome.failed > 0) {
        let Some(rule) = context.settings.rules.rule(&outcome.rule) else { continue };
        let rows = evaluated.evaluator.failing_rows(rule, &outcome.utility, outcome.subject, evaluated.month, limit)?;
        if outcome.failed > rows.height() as u64 && rows.height() > 0 {
            context.printer.say(format!(
                "`{}` of {} {}: {} of {} failing rows; `--limit` shows more",
                outcome.rule,
                outcome.utility,
                outcome.subject,
                rows.height(),
                outcome.failed
            ));
        }
        found.extend(labelled(&rows, outcome));
    }
    context.printer.rows(&columns, &found)?;
    Ok(exit_of(&evaluated.checked.iter().collect::<Vec<_>>()))
}

fn labelled(rows: &Frame, outcome: &rules::RuleOutcome) -> Vec<Vec<Value>> {
    let of = [outcome.month.to_string(), outcome.utility.clone(), outcome.subject.to_string(), outcome.rule.clone()];
    if rows.height() == 0 {
        // The file as a whole fails.
        let mut row: Vec<Value> = of.map(Value::Text).to_vec();
        row.extend([Value::Null, Value::Null, Value::text(outcome.detail.clone()), Value::Null, Value::Null]);
        return vec![row];
    }
    let cells = ["record_key", "column_name", "value", "_source_file", "_source_line"];
    (0..rows.height())
        .map(|at| of.clone().map(Value::Text).into_iter().chain(cells.map(|cell| rows.value(cell, at))).collect())
        .collect()
}

/// Evaluates every stored month with a rule as it is and with one setting changed; nothing is stored.
///
/// # Errors
/// A table cannot be read, or the setting cannot be changed like that.
pub fn what_if(context: &Context, request: &CheckRequest<'_>, edit: &str) -> anyhow::Result<Exit> {
    let cancel = Cancel::default();
    let (edited, id) = context.settings.rules.with_edit(edit).map_err(Usage)?;
    let utility = context.known(request.utility)?;
    let wanted = RuleFilter { rule: Some(&id), utility, ..RuleFilter::default() };
    let bronze = bronze(context, &cancel)?;
    let evaluator = |rules| Evaluator::new(&bronze, rules, context.settings.today);
    let (now, then) = (evaluator(&context.settings.rules), evaluator(&edited));
    let names = ["delivery_month", "utility_id", "dataset", "rule_id", "outcome", "what_if"];
    let mut columns: Vec<Column> = names.map(|name| Column::new(name, ColumnType::Text)).into();
    columns.extend(["failed_count", "what_if_failed_count", "checked_count"].map(|name| Column::new(name, ColumnType::Whole)));
    let mut found = Vec::new();
    let mut turned = 0;
    for month in now.months().into_iter().filter(|month| request.month.is_none_or(|request| request == *month)) {
        for (is, would) in side_by_side(now.month(month, wanted)?, then.month(month, wanted)?) {
            let Some(either) = is.as_ref().or(would.as_ref()) else { continue };
            let state =
                |outcome: &Option<rules::RuleOutcome>| outcome.as_ref().map_or("not-asked", |outcome| outcome.state.as_str());
            turned += usize::from(state(&is) != state(&would));
            let words = [
                month.to_string(),
                either.utility.clone(),
                either.subject.to_string(),
                id.clone(),
                state(&is).into(),
                state(&would).into(),
            ];
            let count = |outcome: &Option<rules::RuleOutcome>, of: fn(&rules::RuleOutcome) -> u64| {
                outcome.as_ref().map_or(Value::Null, |outcome| Value::count(of(outcome)))
            };
            let counts = [count(&is, |o| o.failed), count(&would, |o| o.failed), Value::count(either.checked)];
            found.push(words.map(Value::Text).into_iter().chain(counts).collect());
        }
    }
    context.printer.rows(&columns, &found)?;
    context.printer.say(format!("{turned} of {} outcomes would be another; nothing was stored", found.len()));
    Ok(Exit::Done)
}

/// Outcomes of the same utility and subject in pairs: an edit may ask others than before, or nobody.
fn side_by_side(
    is: Vec<rules::RuleOutcome>,
    would: Vec<rules::RuleOutcome>,
) -> Vec<(Option<rules::RuleOutcome>, Option<rules::RuleOutcome>)> {
    let mut pairs: BTreeMap<_, (Option<rules::RuleOutcome>, Option<rules::RuleOutcome>)> = BTreeMap::new();
    let place = |outcome: &rules::RuleOutcome| (outcome.utility.clone(), outcome.subject);
    for outcome in is {
        let pair = pairs.entry(place(&outcome)).or_default();
        pair.0 = Some(outcome);
    }
    for outcome in would {
        let pair = pairs.entry(place(&outcome)).or_default();
        pair.1 = Some(outcome);
    }
    pairs.into_values().collect()
}

/// Prints the rules.
///
/// # Errors
/// Nobody reads any more.
pub fn rules(context: &Context) -> anyhow::Result<Exit> {
    let names =
        ["rule_id", "severity", "kind", "on", "utility_id", "where", "threshold", "description", "owner", "next_step", "origin"];
    let columns: Vec<Column> = names.map(|name| Column::new(name, ColumnType::Text)).into();
    let rows: Vec<Vec<Value>> = context
        .settings
        .rules
        .rules
        .iter()
        .map(|rule| {
            vec![
                Value::Text(rule.id.clone()),
                Value::Text(rule.severity.to_string()),
                Value::Text(rule.kind().into()),
                Value::Text(rule.on.iter().map(|on| on.as_str()).collect::<Vec<_>>().join(" ")),
                Value::text(rule.utility.as_ref().map(ToString::to_string)),
                Value::text(rule.filter.as_deref()),
                Value::Text(rule.threshold.to_string()),
                Value::Text(rule.description.clone()),
                Value::Text(rule.owner.clone()),
                Value::Text(rule.next_step.clone()),
                Value::Text(rule.origin.as_ref().map_or("built in".into(), |path| path.display().to_string())),
            ]
        })
        .collect();
    context.printer.rows(&columns, &rows)?;
    Ok(Exit::Done)
}
