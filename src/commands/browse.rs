//! `feeders` and `ders`.

use super::{Context, Exit};
use crate::app::reads::browse;
use crate::model::{FeederId, Month, UtilityId};

/// Prints feeders with more than `over_mw` of hosting capacity.
///
/// # Errors
/// The table cannot be read, or no adapter knows the utility.
pub fn feeders(
    context: &Context,
    over_mw: Option<f64>,
    utility: Option<&UtilityId>,
    limit: Option<usize>,
    as_of: Option<Month>,
) -> anyhow::Result<Exit> {
    let utility = context.known(utility)?;
    let rows = match as_of {
        Some(month) => browse::feeders_as_of(&context.lake, month, over_mw, utility, limit)?,
        None => browse::feeders(&context.lake, over_mw, utility, limit)?,
    };
    context.printer.frame(&rows)?;
    if rows.height() > 0 {
        return Ok(Exit::Done);
    }
    // A lake that is not there answers nothing: its folder may be mistyped.
    if !browse::has_feeders(&context.lake)? {
        context.printer.say(format!(
            "nothing was loaded into `{}` yet; `feederscope run` loads the landing folder",
            context.lake.root().display()
        ));
        return Ok(Exit::Incomplete);
    }
    context.printer.say("no feeder");
    Ok(Exit::Done)
}

/// Prints the DERs of a feeder; a feeder that is in no table could not be looked up.
///
/// # Errors
/// The table cannot be read, or no adapter knows the utility.
pub fn ders(
    context: &Context,
    feeder_id: &FeederId,
    utility: Option<&UtilityId>,
    status: Option<&str>,
    as_of: Option<Month>,
) -> anyhow::Result<Exit> {
    let utility = context.known(utility)?;
    let rows = match as_of {
        Some(month) => browse::ders_as_of(&context.lake, month, feeder_id, utility, status)?,
        None => browse::ders(&context.lake, feeder_id, utility, status)?,
    };
    context.printer.frame(&rows)?;
    if rows.height() == 0 && !browse::feeder_exists(&context.lake, feeder_id)? {
        context.printer.say(format!("there is no feeder `{feeder_id}`; `feederscope feeders` lists them"));
        return Ok(Exit::Incomplete);
    }
    Ok(Exit::Done)
}
