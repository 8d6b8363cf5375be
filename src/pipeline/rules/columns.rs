//! Rules about the columns and keys of a delivered file, from the quality tables: no row is read for them.

use super::CheckResult;
use super::context::EvaluationContext;
use super::deliveries::NO_FILE;
use super::facts::ColumnFacts;
use crate::config::rules::Subject;
use crate::config::{CellType, DatasetAdapter, column_name};
use crate::model::Dataset;
use crate::pipeline::PipelineError;

/// Names of columns that a detail lists.
const MOST_NAMES: usize = 8;
/// Records below which keys are too few to be told new from old.
const FEW: u64 = 10;

/// The dataset and its columns, or why there is nothing to look at.
fn delivered<'a>(
    context: &mut EvaluationContext<'a>,
    subject: Subject,
) -> Result<Result<(&'a DatasetAdapter, Vec<ColumnFacts>), CheckResult>, PipelineError> {
    let Subject::Delivery(dataset) = subject else { return Ok(Err(CheckResult::Unchecked(NO_FILE.into()))) };
    let Some(adapter) = context.bronze.adapter.dataset(dataset).filter(|_| context.delivered(dataset)) else {
        return Ok(Err(CheckResult::Nothing));
    };
    Ok(Ok((adapter, context.column_facts(dataset)?)))
}

/// A number of columns and their names, each with what is to be said of it.
fn named(checked: usize, failing: &[String]) -> CheckResult {
    let mut detail = failing.iter().take(MOST_NAMES).cloned().collect::<Vec<_>>().join("; ");
    if failing.len() > MOST_NAMES {
        detail = format!("{detail}; {} more", failing.len() - MOST_NAMES);
    }
    let detail = (!failing.is_empty()).then_some(detail);
    CheckResult::Counts { checked: checked as u64, failed: failing.len() as u64, detail }
}

/// Cells that hold what nobody wrote, of all cells.
pub(super) fn damaged(context: &mut EvaluationContext<'_>, subject: Subject) -> Result<CheckResult, PipelineError> {
    let (_, columns) = match delivered(context, subject)? {
        Ok(delivered) => delivered,
        Err(nothing) => return Ok(nothing),
    };
    let damaged: Vec<&ColumnFacts> = columns.iter().filter(|column| column.damaged > 0).collect();
    let said: Vec<String> = damaged.iter().map(|column| format!("`{}`: {}", column.name, column.damaged)).collect();
    let CheckResult::Counts { detail, .. } = named(columns.len(), &said) else { return Ok(CheckResult::Nothing) };
    let checked = columns.iter().filter(|column| !column.absent).map(|column| column.rows).sum();
    Ok(CheckResult::Counts { checked, failed: damaged.iter().map(|column| column.damaged).sum(), detail })
}

/// Typed columns whose present values do not parse by more than a share.
pub(super) fn readable(
    context: &mut EvaluationContext<'_>,
    subject: Subject,
    most: f64,
    except: &[String],
) -> Result<CheckResult, PipelineError> {
    let (adapter, columns) = match delivered(context, subject)? {
        Ok(delivered) => delivered,
        Err(nothing) => return Ok(nothing),
    };
    let is_typed = |column: &ColumnFacts| {
        adapter.columns.iter().any(|(model, source)| {
            let is_typed = !matches!(source.kind, CellType::Text | CellType::Id);
            is_typed && !except.iter().any(|other| other == model) && source.from.iter().any(|label| is_of(column, label))
        })
    };
    let typed: Vec<&ColumnFacts> = columns.iter().filter(|column| !column.absent && is_typed(column)).collect();
    let present = |column: &ColumnFacts| column.rows.saturating_sub(column.missing);
    let is_unreadable = |column: &&&ColumnFacts| present(column) > 0 && column.invalid as f64 > most * present(column) as f64;
    let failing: Vec<String> = typed
        .iter()
        .filter(is_unreadable)
        .map(|column| format!("`{}`: {} of {} values do not parse", column.name, column.invalid, present(column)))
        .collect();
    Ok(named(typed.len(), &failing))
}

/// Columns of the model that the adapter takes from columns none of which the file has.
pub(super) fn mapped(context: &mut EvaluationContext<'_>, subject: Subject) -> Result<CheckResult, PipelineError> {
    let (adapter, columns) = match delivered(context, subject)? {
        Ok(delivered) => delivered,
        Err(nothing) => return Ok(nothing),
    };
    let is_there = |label: &String| columns.iter().any(|column| !column.absent && is_of(column, label));
    let failing: Vec<String> = adapter
        .columns
        .iter()
        .filter(|(_, source)| !source.from.iter().any(is_there))
        .map(|(model, source)| format!("`{}` for `{model}`", source.from.join("` or `")))
        .collect();
    Ok(named(adapter.columns.len(), &failing))
}

/// Whether a delivery as large as what is there consists of new keys.
pub(super) fn known_keys(
    context: &mut EvaluationContext<'_>,
    subject: Subject,
    least: f64,
) -> Result<CheckResult, PipelineError> {
    let Subject::Delivery(dataset) = subject else { return Ok(CheckResult::Unchecked(NO_FILE.into())) };
    if !context.delivered(dataset) {
        return Ok(CheckResult::Nothing);
    }
    let Some(keys) = context.key_facts(subject)? else { return Ok(CheckResult::History { there: 0, needed: 1 }) };
    let known = keys.changed + keys.unchanged;
    let records = keys.added + known;
    // A delivery of changes only may well bring nothing but new records.
    let is_whole = records >= FEW && keys.before >= FEW && 2 * records >= keys.before;
    let is_new = is_whole && (known as f64) < least * records as f64;
    let detail =
        is_new.then(|| format!("{} of {records} keys are new; of {} that were there {known} came", keys.added, keys.before));
    Ok(CheckResult::Counts { checked: records, failed: if is_new { keys.added } else { 0 }, detail })
}

fn is_of(column: &ColumnFacts, label: &str) -> bool {
    column.name.eq_ignore_ascii_case(&column_name(label))
}

/// The datasets whose records are asked about here.
pub(super) const fn dataset_of(subject: Subject) -> Option<Dataset> {
    match subject {
        Subject::Delivery(dataset) => Some(dataset),
        Subject::Feeders | Subject::Ders => None,
    }
}
