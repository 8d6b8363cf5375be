//! Arguments → settings → a command or the console → an exit code.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use feederscope::cli::{Cli, Command, Output};
use feederscope::commands::{self, Context, CsvCells, Exit, Printer, Usage, quality::Span};
use feederscope::config::{Paths, Settings};
use feederscope::model::Timestamp;
use feederscope::pipeline::Request;
use feederscope::sample::Options;
use feederscope::ui::theme::Depth;

/// The system's allocator keeps what the threads of a large load give back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(cli) {
        Ok(exit) => exit.into(),
        Err(error) if nobody_reads(&error) => ExitCode::SUCCESS,
        Err(error) => {
            Printer::default().say(format!("feederscope: {error:#}"));
            ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
        }
    }
}

/// `feederscope feeders | head` ends well.
fn nobody_reads(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

fn dispatch(cli: Cli) -> anyhow::Result<Exit> {
    start_log(cli.global.verbose);
    let paths = Paths::of_this_account();
    let clock = Timestamp::now().day();
    let printer = Printer {
        format: output_of(cli.command.as_ref()).map_or_else(Default::default, |output| output.format.into()),
        color: cli.global.color.into(),
        quiet: cli.global.quiet,
        verbose: cli.global.verbose,
        cells: cells_of(cli.command.as_ref()),
        width: width_of(cli.command.as_ref()),
    };
    let overrides = cli.global.overrides();
    let depth = depth(cli.global.color.into());
    let Some(command) = cli.command else {
        return console(Settings::resolve(overrides, paths, clock), depth);
    };
    match command {
        Command::Demo => {
            let settings = commands::demo::settings(overrides, &paths, clock)?;
            let context = commands::demo::run(settings, printer)?;
            if std::io::stdout().is_terminal() && std::io::stdin().is_terminal() {
                return console(context.settings, depth);
            }
            commands::demo::summary(&context)
        }
        Command::Sample { out, seed, months, scale } => commands::sample::run(&printer, &out, &Options { seed, months, scale }),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "feederscope", &mut std::io::stdout());
            Ok(Exit::Done)
        }
        Command::Man => {
            clap_mangen::Man::new(Cli::command()).render(&mut std::io::stdout())?;
            Ok(Exit::Done)
        }
        Command::Doctor { .. } => commands::doctor::run(&Settings::resolve(overrides, paths, clock), &printer),
        other => in_lake(other, &Context::open(Settings::resolve(overrides, paths, clock), printer)?),
    }
}

fn in_lake(command: Command, context: &Context) -> anyhow::Result<Exit> {
    match command {
        Command::Run { month, utility, full_refresh, dry_run, events } => {
            let request = Request { month, utility, full_refresh, settled: None };
            if dry_run {
                commands::load::dry_run(context, &request)
            } else {
                commands::load::run(context, &request, events.destination()?)
            }
        }
        Command::Watch { service } => {
            let (request, told) = service.split()?;
            commands::watch::run(context, &request, told)
        }
        Command::Status { .. } => commands::status::run(context),
        Command::Feeders { over_mw, utility, limit, as_of, .. } => {
            commands::browse::feeders(context, over_mw, utility.as_ref(), limit, as_of)
        }
        Command::Ders { feeder_id, utility, status, as_of, .. } => {
            commands::browse::ders(context, &feeder_id, utility.as_ref(), status.as_deref(), as_of)
        }
        Command::Nulls { utility, dataset, month, .. } => commands::quality::nulls(context, utility.as_ref(), dataset, month),
        Command::Diff { from, to, utility, records, .. } => {
            commands::quality::diff(context, Span { from, to }, utility.as_ref(), records)
        }
        Command::Check { month, rule, utility, rows, limit, what_if, .. } => {
            let request = commands::check::CheckRequest { month, rule: rule.as_deref(), utility: utility.as_ref() };
            match what_if {
                Some(edit) => commands::check::what_if(context, &request, &edit),
                None if rows => commands::check::rows(context, &request, limit),
                None => commands::check::run(context, &request),
            }
        }
        Command::Rules { .. } => commands::check::rules(context),
        Command::Acknowledge { rule, utility, month, dataset, reason, until, withdraw } => {
            let until = until.filter(|_| !withdraw);
            let decision = commands::acknowledge::AcknowledgeRequest { rule, utility, month, dataset, reason, until };
            commands::acknowledge::run(context, &decision)
        }
        Command::Rejected { utility, dataset, month, reason, .. } => {
            commands::rejected::run(context, utility.as_ref(), dataset, month, reason.as_deref())
        }
        Command::Calendar { .. } => commands::calendar::run(context),
        Command::Scorecard { .. } => commands::calendar::scorecard(context),
        Command::Cases { month, utility, .. } => commands::cases::run(context, month, utility.as_ref()),
        Command::Report { month, out } => commands::report::run(context, month, &out),
        Command::Trace { utility, dataset, key, month, column, .. } => {
            commands::trace::run(context, &utility, dataset, &commands::trace::Record { key, month, column })
        }
        Command::History { run, limit, .. } => commands::status::history(context, run.as_deref(), limit),
        Command::Utilities { .. } => commands::utilities::run(context),
        Command::Promote { from, to, month, reason, reviewed, dry_run, .. } => {
            let request = commands::promote::PromoteRequest { from, to, month, reason, reviewed, dry_run };
            commands::promote::run(context, &request)
        }
        Command::Rollback { to_env, to, reason, dry_run, .. } => {
            commands::promote::rollback(context, to_env, &to, reason.as_deref(), dry_run)
        }
        Command::Verify { of_env, .. } => commands::promote::verify(context, of_env),
        Command::Promotions { .. } => commands::promote::list(context),
        Command::Maintain { vacuum_days, dry_run, .. } => {
            let vacuum_days = vacuum_days.unwrap_or(context.settings.keep_days);
            commands::maintain::run(context, &commands::maintain::MaintainRequest { vacuum_days, dry_run })
        }
        Command::Repair { dry_run, .. } => commands::maintain::repair(context, dry_run),
        Command::Demo | Command::Sample { .. } | Command::Doctor { .. } | Command::Completions { .. } | Command::Man => {
            Ok(Exit::Done)
        }
    }
}

/// How a command's rows are printed, for those that print some.
fn output_of(command: Option<&Command>) -> Option<&Output> {
    match command {
        Some(
            Command::Status { output }
            | Command::Feeders { output, .. }
            | Command::Ders { output, .. }
            | Command::Nulls { output, .. }
            | Command::Diff { output, .. }
            | Command::Check { output, .. }
            | Command::Cases { output, .. }
            | Command::Rules { output }
            | Command::Calendar { output }
            | Command::Scorecard { output }
            | Command::Rejected { output, .. }
            | Command::Trace { output, .. }
            | Command::History { output, .. }
            | Command::Utilities { output }
            | Command::Promote { output, .. }
            | Command::Rollback { output, .. }
            | Command::Verify { output, .. }
            | Command::Promotions { output }
            | Command::Maintain { output, .. }
            | Command::Repair { output, .. }
            | Command::Doctor { output },
        ) => Some(output),
        _ => None,
    }
}

/// What is mailed back to a utility is opened in a spreadsheet.
fn cells_of(command: Option<&Command>) -> CsvCells {
    let is_mailed = matches!(command, Some(Command::Rejected { .. }));
    let is_safe = output_of(command).and_then(|output| output.spreadsheet_safe).unwrap_or(is_mailed);
    if is_safe { CsvCells::SpreadsheetSafe } else { CsvCells::Exact }
}

/// Columns of the terminal that a table is printed on.
fn width_of(command: Option<&Command>) -> Option<usize> {
    let is_wide = output_of(command).is_some_and(|output| output.wide);
    let terminal = std::io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
    terminal.filter(|_| !is_wide).map(|(width, _)| usize::from(width.0))
}

/// The colours that the console may use here.
fn depth(choice: commands::ColorChoice) -> Depth {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let plain = match choice {
        commands::ColorChoice::Never => true,
        commands::ColorChoice::Always => false,
        commands::ColorChoice::Auto => variable("NO_COLOR").is_some(),
    };
    Depth::of(variable("TERM").as_deref(), variable("COLORTERM").as_deref(), plain)
}

fn console(settings: Settings, depth: Depth) -> anyhow::Result<Exit> {
    if !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        anyhow::bail!(
            "the console needs a terminal; without one use `run`, `cases`, `status`, `feeders`, `ders`, `nulls`, `diff`, `check`, `rejected`, `trace`, `history` or `doctor` (see `feederscope --help`)"
        );
    }
    feederscope::ui::usable(std::env::var("TERM").ok().as_deref())?;
    feederscope::ui::run(settings, depth)?;
    Ok(Exit::Done)
}

fn start_log(verbose: u8) {
    let level = match verbose {
        0 => "feederscope=warn",
        1 => "feederscope=info",
        _ => "feederscope=debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("FEEDERSCOPE_LOG").unwrap_or_else(|_| level.into());
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| feederscope::ui::log::Log).try_init();
}
