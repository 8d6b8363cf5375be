//! `nulls` and `diff`.

use super::{Context, Exit, Usage};
use crate::app::reads::{missing, months};
use crate::model::{Dataset, Month, UtilityId};

/// Prints the quality of columns.
///
/// # Errors
/// The table cannot be read, or no adapter knows the utility.
pub fn nulls(
    context: &Context,
    utility: Option<&UtilityId>,
    dataset: Option<Dataset>,
    month: Option<Month>,
) -> anyhow::Result<Exit> {
    let rows = missing::columns(&context.lake, context.known(utility)?, dataset.map(Dataset::as_str), month)?;
    context.printer.frame(&rows)?;
    if rows.height() == 0 {
        context.printer.say("nothing was delivered that fits; `feederscope status` tells what there is");
    }
    Ok(Exit::Done)
}

/// Which months are compared.
#[derive(Debug, Clone, Copy, Default)]
pub struct Span {
    /// The earlier month.
    pub from: Option<Month>,
    /// The later month.
    pub to: Option<Month>,
}

/// Prints differences: each month against the one before, or any two months, in counts or one by one.
///
/// # Errors
/// The tables cannot be read, or the months are in the wrong order.
pub fn diff(context: &Context, span: Span, utility: Option<&UtilityId>, records: bool) -> anyhow::Result<Exit> {
    let utility = context.known(utility)?;
    let to = match (span.to, span.from.is_some() || records) {
        (None, true) => newest_month(context, utility)?,
        (to, _) => to,
    };
    let from = span.from.or_else(|| to.filter(|_| records).map(Month::previous));
    let (Some(from), Some(to)) = (from, to) else {
        context.printer.frame(&months::diffs(&context.lake, utility, span.to)?)?;
        return Ok(Exit::Done);
    };
    if from >= to {
        return Err(Usage(format!("`--from {from}` is not before `--to {to}`")).into());
    }
    let differences = months::between(&context.lake, from, to, utility)?;
    if records {
        context.printer.frame(&differences)?;
    } else {
        context.printer.frame(&months::counted(&differences)?)?;
    }
    Ok(Exit::Done)
}

fn newest_month(context: &Context, utility: Option<&str>) -> anyhow::Result<Option<Month>> {
    let rows = months::diffs(&context.lake, utility, None)?;
    Ok((0..rows.height()).filter_map(|row| Month::parse(&rows.text("delivery_month", row)?)).max())
}
