//! `run`: loads what is new, once.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};

use super::lineage::{self, Lineage};
use super::{Context, Exit, check};
use crate::app::reads::checks::{self, Checked};
use crate::app::signals;
use crate::engine::Work;
use crate::lake::Removed;
use crate::landing::{self, MonthOrigin};
use crate::model::cell::visible;
use crate::model::{Cancel, Timestamp};
use crate::outbound::{Destination, Outbox};
use crate::pipeline::bronze::BronzeTables;
use crate::pipeline::bronze::LoadOutcome;
use crate::pipeline::rules::RuleState;
use crate::pipeline::run::Run;
use crate::pipeline::silver::{circuits_sql, ders_sql};
use crate::pipeline::{FileOutcome, FileResult, PipelineError, Progress, Report, Request};

/// Loads, and says file by file what became of it.
///
/// # Errors
/// The run could not be done; what was committed stays.
pub fn run(context: &Context, request: &Request, lineage: Option<Box<dyn Destination>>) -> anyhow::Result<Exit> {
    context.expect_loads()?;
    context.known(request.utility.as_ref())?;
    let outbox = lineage.map(|receiver| Outbox::start(receiver.name(), receiver, Vec::new())).transpose()?;
    let report = execute(context, request, outbox.as_ref());
    for said in outbox.iter().flat_map(lineage::last_words) {
        context.printer.say(said);
    }
    let report = report?;
    let landing = &context.settings.landing;
    if !landing.is_dir() {
        context
            .printer
            .say(format!("the landing folder `{}` does not exist; make it, or name another with `--landing`", landing.display()));
    }
    for (path, why) in &report.ignored {
        context.printer.say(format!("ignored `{}`: {why}", path.display()));
    }
    for done in &report.mended {
        context.printer.say(done);
    }
    for table in &report.restored {
        context.printer.say(format!("`{table}` was rewritten by another program and is in order again"));
    }
    for file in &report.files {
        if let Some(line) = describe(file) {
            context.printer.say(line);
        }
    }
    for (utility, error) in &report.failed {
        context
            .printer
            .say(format!("could not rebuild {utility}: {error}; its tables are as before, the other utilities are done"));
    }
    context.printer.say(summary(&report));
    let verdict = verdict(context, &report)?;
    let is_incomplete = !landing.is_dir() || report.refused().next().is_some() || !report.failed.is_empty();
    Ok(if is_incomplete { Exit::Incomplete } else { verdict })
}

/// What the rules say of the newest month and of those that were evaluated, in a line for each error.
///
/// A run that finds nothing new says it too: what was bad is so until it is fixed, or somebody acknowledges it.
fn verdict(context: &Context, report: &Report) -> anyhow::Result<Exit> {
    let since = report.outcomes.iter().map(|outcome| outcome.month).min();
    let stored = checks::latest_outcomes(&context.lake, &context.settings, since)?;
    let newest = stored.iter().map(|checked| checked.month).max();
    let is_new = |checked: &Checked| report.outcomes.iter().any(|outcome| checked.is_of(outcome));
    let ours: Vec<&Checked> = stored.iter().filter(|checked| Some(checked.month) == newest || is_new(checked)).collect();
    for checked in ours.iter().filter(|checked| checked.is_bad() || checked.state == RuleState::CouldNotCheck) {
        let detail = checked.detail.as_ref().map_or(String::new(), |detail| format!(": {detail}"));
        context.printer.say(format!(
            "{} `{}` for {} {} of {}: {} of {}{detail}",
            checked.state.as_str(),
            checked.rule,
            checked.utility,
            checked.dataset,
            checked.month,
            checked.failed,
            checked.checked
        ));
    }
    let verdict = check::exit_of(&ours);
    if verdict != Exit::Done {
        context.printer.say(
            "`feederscope check --month YYYY-MM` tells more; `--rows` shows the rows, `acknowledge` accepts them until a day",
        );
    }
    Ok(verdict)
}

/// Runs the pipeline with a progress bar where there is a terminal; Ctrl-C and SIGTERM stop it between two commits. Whoever wants the
/// events of runs is told by an outbox.
///
/// # Errors
/// The run could not be done; what was committed stays.
pub fn execute(context: &Context, request: &Request, events: Option<&Outbox>) -> Result<Report, PipelineError> {
    let cancel = Cancel::default();
    stop_when_told(&cancel);
    let bar = bar(context);
    let observer = |progress: Progress| {
        // Of none all would be done.
        bar.set_length(progress.rows_expected.max(1));
        bar.set_position(progress.rows_done);
        bar.set_message(format!("{:8} {}", progress.step, visible(&progress.subject)));
    };
    let lineage = events.map(|outbox| Lineage::new(&context.lake, outbox, &observer));
    let run = Run {
        settings: &context.settings,
        lake: &context.lake,
        request,
        work: Work::local(&cancel),
        observer: lineage.as_ref().map_or(&observer, |lineage| lineage),
        now: &Timestamp::now,
    };
    let report = run.execute();
    bar.finish_and_clear();
    if let Some(lineage) = lineage {
        lineage.ended(report.as_ref());
    }
    report
}

/// Ctrl-C or SIGTERM asks the run to stop; what was committed stays.
fn stop_when_told(cancel: &Cancel) {
    let cancel = cancel.clone();
    if let Err(error) = signals::on_end(move || cancel.cancel()) {
        tracing::warn!("Ctrl-C will end the process at once: {error}");
    }
}

fn bar(context: &Context) -> ProgressBar {
    if context.printer.quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(1);
    if let Ok(style) = ProgressStyle::with_template("{bar:24} {percent:>3} % {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// What became of a file, in a line; nothing to say of one that is as it was.
pub(super) fn describe(file: &FileOutcome) -> Option<String> {
    let candidate = &file.candidate;
    let name = &candidate.source_file;
    let FileResult::Done(loaded) = &file.outcome else { return None };
    Some(match loaded {
        LoadOutcome::Taken { summary, rows, superseded, header, .. } => {
            let mut line =
                format!("loaded `{name}` as {} {} of {}: {rows} rows", candidate.utility, candidate.dataset, candidate.month);
            if let Some((reason, value)) = candidate.doubt() {
                line = format!("{line}; {reason}: {value}");
            }
            if let Some(first) = summary.rejected.first() {
                line = format!("{line}; {} records rejected, the first: {first}", summary.rejected.len());
            }
            for (month, old) in superseded {
                line = format!("{line}; replaces `{old}` of {month}");
            }
            for note in &summary.notes {
                line = format!("{line}; {note}");
            }
            header.iter().fold(line, |line, finding| format!("{line}; {finding}"))
        }
        LoadOutcome::Unchanged { month, source_file, .. } => {
            format!("unchanged `{name}`: the same content is there as `{source_file}` of {month}")
        }
        LoadOutcome::Refused { finding, .. } => {
            let place = finding.line.map_or(String::new(), |line| format!(" line {line}:"));
            format!(
                "refused `{name}`:{place} {}: {}\n  next: {}; then `feederscope run` again, what was loaded before stays",
                finding.reason,
                finding.value.as_deref().unwrap_or(finding.reason.meaning()),
                finding.reason.next_step()
            )
        }
    })
}

pub(super) fn summary(report: &Report) -> String {
    if report.files.is_empty() {
        return "nothing to load: no file in the landing folder belongs to a utility".into();
    }
    let counts: Vec<String> = ["loaded", "superseded", "unchanged", "refused"]
        .into_iter()
        .map(|word| (report.count(word), word))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let recovered = if report.recovered > 0 { format!(", {} records recovered", report.recovered) } else { String::new() };
    let freed = match report.freed {
        Removed { files: 0, .. } => String::new(),
        Removed { files, bytes } => format!(", {files} files of old versions removed ({bytes} bytes)"),
    };
    format!(
        "{}; {} rows into bronze, {} records rejected{recovered}{freed}; run {}",
        counts.join(", "),
        report.rows,
        report.rejected,
        report.run_id
    )
}

/// Says what a run would do; with `-v` also the SQL that it would run.
///
/// # Errors
/// The landing folder or a table cannot be read.
pub fn dry_run(context: &Context, request: &Request) -> anyhow::Result<Exit> {
    context.known(request.utility.as_ref())?;
    let scan = landing::scan(&context.settings.landing, &context.settings.utilities)
        .with_context(|| format!("`{}` cannot be read", context.settings.landing.display()))?;
    let candidates: Vec<_> = scan.candidates.iter().filter(|candidate| request.wants(candidate)).collect();
    for candidate in &candidates {
        let doubt = match candidate.origin {
            MonthOrigin::Stated => String::new(),
            MonthOrigin::Disputed(name) => format!(" (the name says {name})"),
            MonthOrigin::Assumed => " (month assumed)".to_owned(),
        };
        let doubt = match candidate.kept_back(context.settings.today) {
            Some((reason, why)) => format!(" (is not loaded, {reason}: {why})"),
            None => doubt,
        };
        let line = format!(
            "{} {} {}{doubt}: `{}`, {} bytes\n",
            candidate.month, candidate.utility, candidate.dataset, candidate.source_file, candidate.bytes
        );
        context.printer.print(&line)?;
    }
    if context.printer.verbose > 0 {
        let cancel = Cancel::default();
        for adapter in
            context.settings.utilities.iter().filter(|adapter| candidates.iter().any(|candidate| candidate.utility == adapter.id))
        {
            let mut bronze = BronzeTables::open(&context.lake, adapter, Work::local(&cancel))?;
            for candidate in candidates.iter().filter(|candidate| candidate.utility == adapter.id) {
                let reader = landing::reader::open(&candidate.path, adapter.dialect.delimiter, &cancel);
                bronze.headers.extend(reader.ok().map(|reader| (candidate.dataset, reader.labels().to_vec())));
            }
            let circuits = circuits_sql(&bronze).unwrap_or_default();
            context.printer.print(&format!("\n-- {}\n{circuits}\n{}\n", adapter.id, ders_sql(&bronze)))?;
        }
    }
    Ok(Exit::Done)
}
