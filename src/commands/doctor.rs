//! `doctor`: is everything in place?

use std::io::IsTerminal;
use std::path::Path;

use super::{Exit, Printer};
use crate::app::exports;
use crate::app::keys::Keys;
use crate::config::Settings;
use crate::frame::{Column, ColumnType, Value};
use crate::lake::Lake;
use crate::landing;
use crate::landing::watch::{Watch, WatchMode};

struct Diagnosis {
    what: &'static str,
    state: Health,
    detail: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Health {
    Good,
    Note,
    Failed,
}

/// Prints one row for each thing that was looked at; incomplete when one of them failed.
///
/// # Errors
/// Nobody reads any more.
pub fn run(settings: &Settings, printer: &Printer) -> anyhow::Result<Exit> {
    let mut diagnoses = vec![
        configuration(settings),
        adapters(settings),
        folder("lake", &settings.lake),
        landing_folder(settings),
        watching(settings),
    ];
    match Lake::new(&settings.lake, settings.env) {
        Ok(lake) => {
            diagnoses.push(tables(&lake));
            diagnoses.push(writer(&lake));
        }
        Err(error) => diagnoses.push(Diagnosis { what: "tables", state: Health::Failed, detail: error.to_string() }),
    }
    diagnoses.push(keys(settings));
    diagnoses.push(folder("exports", &exports(settings)));
    diagnoses.push(terminal());
    let columns = ["what", "state", "detail"].map(|name| Column::new(name, ColumnType::Text));
    let word = |state| match state {
        Health::Good => "good",
        Health::Note => "note",
        Health::Failed => "failed",
    };
    let rows: Vec<Vec<Value>> = diagnoses
        .iter()
        .map(|f| vec![Value::Text(f.what.into()), Value::Text(word(f.state).into()), Value::Text(f.detail.clone())])
        .collect();
    printer.rows(&columns, &rows)?;
    Ok(if diagnoses.iter().any(|finding| finding.state == Health::Failed) { Exit::Incomplete } else { Exit::Done })
}

fn configuration(settings: &Settings) -> Diagnosis {
    let path = settings.paths.config.join("config.toml");
    match settings.problems.first() {
        Some(problem) => Diagnosis { what: "configuration", state: Health::Failed, detail: problem.to_string() },
        None if path.exists() => Diagnosis { what: "configuration", state: Health::Good, detail: path.display().to_string() },
        None => Diagnosis {
            what: "configuration",
            state: Health::Good,
            detail: format!("defaults; `{}` does not exist", path.display()),
        },
    }
}

fn adapters(settings: &Settings) -> Diagnosis {
    let names: Vec<&str> = settings.utilities.iter().map(|adapter| adapter.id.as_str()).collect();
    Diagnosis { what: "adapters", state: Health::Good, detail: names.join(", ") }
}

/// A folder is good when a file can be made in it, or when its nearest existing parent is one to make it in.
fn folder(what: &'static str, path: &Path) -> Diagnosis {
    let existing = path.ancestors().find(|parent| parent.exists()).unwrap_or(path);
    match tempfile_in(existing) {
        Ok(()) if existing == path => Diagnosis { what, state: Health::Good, detail: path.display().to_string() },
        Ok(()) => Diagnosis { what, state: Health::Note, detail: format!("`{}` will be made by the first run", path.display()) },
        Err(error) => {
            Diagnosis { what, state: Health::Failed, detail: format!("`{}` cannot be written: {error}", existing.display()) }
        }
    }
}

fn tempfile_in(folder: &Path) -> std::io::Result<()> {
    let probe = folder.join(format!(".feederscope-{}", std::process::id()));
    std::fs::write(&probe, b"")?;
    std::fs::remove_file(&probe)
}

fn landing_folder(settings: &Settings) -> Diagnosis {
    let what = "landing";
    if !settings.landing.exists() {
        let detail =
            format!("`{}` does not exist; put files there, or name another folder with `--landing`", settings.landing.display());
        return Diagnosis { what, state: Health::Note, detail };
    }
    match landing::scan(&settings.landing, &settings.utilities) {
        Ok(scan) => {
            let ignored = if scan.ignored.is_empty() { String::new() } else { format!(", {} ignored", scan.ignored.len()) };
            Diagnosis {
                what,
                state: Health::Good,
                detail: format!("`{}`: {} deliveries{ignored}", settings.landing.display(), scan.candidates.len()),
            }
        }
        Err(error) => {
            Diagnosis { what, state: Health::Failed, detail: format!("`{}` cannot be read: {error}", settings.landing.display()) }
        }
    }
}

fn watching(settings: &Settings) -> Diagnosis {
    let what = "watching";
    if !settings.landing.exists() {
        return Diagnosis { what, state: Health::Note, detail: "starts when the landing folder exists".into() };
    }
    match Watch::start(&settings.landing, settings.poll) {
        Ok(watch) if watch.mode == WatchMode::Events => {
            Diagnosis { what, state: Health::Good, detail: "the system tells of changes".into() }
        }
        Ok(_) => Diagnosis {
            what,
            state: Health::Note,
            detail: format!("the system tells of no changes; looking every {} s", settings.poll.as_secs_f64()),
        },
        Err(error) => Diagnosis { what, state: Health::Failed, detail: error.to_string() },
    }
}

fn tables(lake: &Lake) -> Diagnosis {
    let what = "tables";
    let all = lake.all_tables();
    if all.is_empty() {
        return Diagnosis {
            what,
            state: Health::Note,
            detail: format!("none in `{}` yet; `feederscope run` makes them", lake.root().display()),
        };
    }
    for table in &all {
        if let Err(error) = lake.snapshot(table).map(|snapshot| snapshot.map(|snapshot| snapshot.scan_all())) {
            return Diagnosis { what, state: Health::Failed, detail: error.to_string() };
        }
    }
    Diagnosis { what, state: Health::Good, detail: format!("{} tables in `{}` can be read", all.len(), lake.root().display()) }
}

fn writer(lake: &Lake) -> Diagnosis {
    let what = "writer";
    match lake.writer() {
        Ok(None) => Diagnosis { what, state: Health::Good, detail: "nobody writes".into() },
        Ok(Some(holder)) => Diagnosis { what, state: Health::Note, detail: format!("{holder} is writing") },
        Err(error) => Diagnosis { what, state: Health::Failed, detail: error.to_string() },
    }
}

/// The keys of the console: one's own, where there are some.
fn keys(settings: &Settings) -> Diagnosis {
    let what = "keys";
    let path = settings.paths.config.join("keys.toml");
    match Keys::load(&path).1.first() {
        Some(problem) => Diagnosis { what, state: Health::Failed, detail: problem.to_string() },
        None if path.exists() => Diagnosis { what, state: Health::Good, detail: path.display().to_string() },
        None => Diagnosis { what, state: Health::Good, detail: format!("defaults; `{}` does not exist", path.display()) },
    }
}

fn terminal() -> Diagnosis {
    let what = "terminal";
    if !std::io::stdout().is_terminal() {
        return Diagnosis {
            what,
            state: Health::Note,
            detail: "no terminal here: the console needs one, the commands do not".into(),
        };
    }
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let term = variable("TERM").unwrap_or_else(|| "unknown".into());
    if term == "dumb" {
        let detail =
            "`TERM=dumb`: the console cannot be drawn; set `TERM` to what the terminal is, such as `xterm-256color`".into();
        return Diagnosis { what, state: Health::Failed, detail };
    }
    let colors = match (variable("NO_COLOR"), variable("COLORTERM")) {
        (Some(_), _) => "no colours (`NO_COLOR`)",
        (None, Some(kind)) if kind == "truecolor" || kind == "24bit" => "all colours",
        (None, _) if term.contains("256color") => "256 colours; `COLORTERM=truecolor` says that it has all",
        (None, _) => "16 colours; `TERM=xterm-256color` says that it has more",
    };
    Diagnosis { what, state: Health::Good, detail: format!("{term}, {colors}") }
}
