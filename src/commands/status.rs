//! `status` and `history`: how fresh each feed is, and how loads ended.

use super::{Context, Exit};
use crate::app::reads::{runs, status};
use crate::model::Freshness;

/// Prints the feeds; bad when a delivery is stale or missing.
///
/// # Errors
/// A table cannot be read.
pub fn run(context: &Context) -> anyhow::Result<Exit> {
    let feeds = status::feeds(&context.lake, &context.settings)?;
    let (columns, rows) = status::table(&feeds, context.settings.today);
    context.printer.rows(&columns, &rows)?;
    let bad: Vec<_> = feeds.iter().filter(|feed| feed.freshness >= Freshness::Stale).collect();
    if bad.is_empty() {
        return Ok(Exit::Done);
    }
    let named: Vec<String> =
        bad.iter().map(|feed| format!("{} {} is {}", feed.utility, feed.dataset, feed.freshness.as_str())).collect();
    context.printer.say(format!(
        "{}; put the files into `{}` and run `feederscope run`",
        named.join(", "),
        context.settings.landing.display()
    ));
    Ok(Exit::Bad)
}

/// Prints past runs, file by file.
///
/// # Errors
/// The table cannot be read.
pub fn history(context: &Context, run_id: Option<&str>, limit: usize) -> anyhow::Result<Exit> {
    let rows = runs::history(&context.lake, run_id, limit)?;
    context.printer.frame(&rows)?;
    if rows.height() == 0 {
        let what = run_id.map_or("there was no run yet; `feederscope run` makes one".to_owned(), |id| {
            format!("there is no run `{id}`; see `feederscope history`")
        });
        context.printer.say(what);
        return Ok(if run_id.is_some() { Exit::Incomplete } else { Exit::Done });
    }
    Ok(Exit::Done)
}
