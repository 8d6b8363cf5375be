//! `report`: one month, to be shared.

use std::path::Path;

use anyhow::Context as _;

use super::{Context, Exit, Usage};
use crate::app::reads::checks;
use crate::app::report;
use crate::model::Month;

/// Writes the report of a month, in the format that the file's name ends in.
///
/// # Errors
/// A table cannot be read, the format is unknown, or the file cannot be written.
pub fn run(context: &Context, month: Option<Month>, out: &Path) -> anyhow::Result<Exit> {
    if report::Format::of(out).is_none() {
        let other = out.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let said = format!("`.{other}` is no format of a report; it must be `.html`, `.md`, `.json` or `.xml`");
        return Err(Usage(said).into());
    }
    let told = report::write(&context.lake, &context.settings, month, out)
        .with_context(|| format!("no report in `{}`", out.display()))?;
    if let Some(told) = told {
        context.printer.say(format!("report of {} in `{}`: {}", told.month, out.display(), told.verdict));
        return Ok(super::cases::exit_of(&told.cases));
    }
    match month {
        Some(month) if !checks::outcomes(&context.lake, &context.settings)?.is_empty() => {
            Err(Usage(format!("{month} was not checked yet; `feederscope check --month {month}` does it")).into())
        }
        _ => {
            context.printer.say("nothing was checked yet; `feederscope run` loads the landing folder");
            Ok(Exit::Incomplete)
        }
    }
}
