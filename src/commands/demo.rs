//! `demo`: a lakehouse to look at, from sample data.

use anyhow::Context as _;

use super::{Context, Exit, Printer, load, status};
use crate::config::{Overrides, Paths, Settings};
use crate::model::Day;
use crate::pipeline::Request;
use crate::sample::{self, Options};

/// The settings of the demonstration: its own folders below the data folder, and the day that the sample was made for.
///
/// # Errors
/// The sample files cannot be written.
pub fn settings(overrides: Overrides, paths: &Paths, clock: Day) -> anyhow::Result<Settings> {
    let folder = paths.data.join("demo");
    let sample = folder.join("sample");
    // Once: written again, the files would look as if they had been delivered again.
    if !sample.join("README.md").exists() {
        sample::write(&sample, &Options::default()).with_context(|| format!("`{}` cannot be written", sample.display()))?;
    }
    let overrides = Overrides {
        // Someone's own configuration must not make the demonstration another one.
        config: overrides.config,
        lake: Some(overrides.lake.unwrap_or_else(|| folder.join("lake"))),
        landing: Some(sample.join("landing")),
        today: Some(overrides.today.or_else(|| Day::parse(sample::TODAY)).unwrap_or(clock)),
        ..overrides
    };
    Ok(Settings::resolve(overrides, Paths { config: sample, data: folder }, clock))
}

/// Loads the sample; prints what a first look shows.
///
/// # Errors
/// The sample could not be loaded.
pub fn run(settings: Settings, printer: Printer) -> anyhow::Result<Context> {
    let context = Context::open(settings, printer)?;
    let report = load::execute(&context, &Request::default(), None)?;
    context.printer.say(format!(
        "{} rows of {} files in `{}`, as of {}",
        report.rows,
        report.files.len(),
        context.lake.root().display(),
        context.settings.today
    ));
    Ok(context)
}

/// The summary for those who have no terminal. A late utility is part of the sample, so it is no failure.
///
/// # Errors
/// A table cannot be read.
pub fn summary(context: &Context) -> anyhow::Result<Exit> {
    status::run(context)?;
    let feeders = crate::app::reads::browse::feeders(&context.lake, Some(8.0), None, Some(5))?;
    context.printer.print("\nFeeders with more than 8 MW of hosting capacity (the first five):\n")?;
    context.printer.frame(&feeders)?;
    Ok(Exit::Done)
}
