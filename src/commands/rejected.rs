//! `rejected`: what was rejected, ready to be mailed back to the utility.

use super::{Context, Exit, Usage};
use crate::app::reads::rejected::{self, RejectedFilter};
use crate::config::file::did_you_mean;
use crate::model::{Dataset, Month, ReasonCode, UtilityId};

/// Prints rows of `silver/rejected`.
///
/// # Errors
/// The table cannot be read, or there is no such reason or utility.
pub fn run(
    context: &Context,
    utility: Option<&UtilityId>,
    dataset: Option<Dataset>,
    month: Option<Month>,
    reason: Option<&str>,
) -> anyhow::Result<Exit> {
    if let Some(word) = reason
        && !ReasonCode::ALL.iter().any(|code| code.as_str() == word)
    {
        let known = ReasonCode::ALL.iter().map(|code| code.as_str());
        return Err(Usage(format!("there is no reason `{word}`{}", did_you_mean(word, known))).into());
    }
    let wanted = RejectedFilter { utility: context.known(utility)?, dataset: dataset.map(Dataset::as_str), month, reason };
    let rows = rejected::records(&context.lake, wanted)?;
    context.printer.frame(&rows)?;
    if rows.height() == 0 {
        context.printer.say("nothing was rejected");
    }
    Ok(Exit::Done)
}
