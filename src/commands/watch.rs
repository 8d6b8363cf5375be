//! `watch`: loads what arrives, by itself, until it is told to end: for a service manager, and for those who read its log at night.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::{Context, Exit, load};
use crate::app::reads::cases::{self, Case, Standing};
use crate::app::reads::checks;
use crate::app::signals;
use crate::config::Settings;
use crate::engine::Work;
use crate::landing::arrivals::{Arrivals, LOOK};
use crate::model::cell::visible;
use crate::model::{Cancel, Day, Severity, Timestamp};
use crate::pipeline::run::Run;
use crate::pipeline::{FileResult, PipelineError, Progress, Report, Request};

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// An object a line.
    Json,
}

/// How to watch.
#[derive(Debug)]
pub struct WatchRequest {
    /// How the log is written.
    pub log: LogFormat,
    /// The file that says how things stand; one in the data folder without it.
    pub health: Option<PathBuf>,
    /// A command of the shell that is told of each change, as an object on its standard input.
    pub on_change: Option<String>,
}

/// How long whoever writes is left alone.
const LOCKED: Duration = Duration::from_secs(5);
/// How long after a run that failed the next one begins; twice as long after each further one.
const FAILED: Duration = Duration::from_secs(10);
/// The longest of these.
const FAILED_MOST: Duration = Duration::from_mins(10);
/// How old the health file grows while nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// How long a command that is told of a change may take.
const HOOK: Duration = Duration::from_secs(30);

/// What the service is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// Waits for files.
    Idle,
    /// Loads.
    Loading,
    /// Waits for another process that writes.
    Locked,
    /// The landing folder is not there.
    NoLanding,
    /// The last run failed; it is tried again.
    Failed,
    /// Was told to end.
    Stopped,
}

/// A case that stands open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Open {
    month: String,
    utility: String,
    what: String,
    standing: String,
    next_step: String,
}

/// How things stand: the health file.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Health {
    state: State,
    /// Since when, in seconds since 1970-01-01, UTC, as all times here.
    since: i64,
    /// When the service was alive last: it renews this at least every half minute, in a run with each step.
    alive_at: i64,
    pid: u32,
    environment: String,
    lake: PathBuf,
    landing: PathBuf,
    /// The last run that was done.
    run: Option<String>,
    /// Why the last one failed; nothing if it did not.
    error: Option<String>,
    /// Cases of the newest month that are open, by what tells them apart.
    cases: BTreeMap<String, Open>,
}

/// A line of the log.
struct Entry {
    level: &'static str,
    event: &'static str,
    message: String,
    fields: serde_json::Value,
}

struct Service<'a> {
    context: &'a Context,
    request: &'a WatchRequest,
    file: PathBuf,
    health: Health,
    written: Instant,
    cancel: Cancel,
    began_on: Day,
    /// What commands that were told of changes have to say.
    hooks: (Sender<Entry>, Receiver<Entry>),
    failures: u32,
}

/// Watches until SIGTERM, SIGINT or SIGHUP; what works then stops between two commits.
///
/// # Errors
/// The health file cannot be written, or signals cannot be listened to.
pub fn run(context: &Context, request: &WatchRequest) -> anyhow::Result<Exit> {
    let settings = &context.settings;
    let file = request.health.clone().unwrap_or_else(|| settings.paths.data.join(format!("watch-{}.json", settings.env)));
    // A restart is no news: what was open before is known.
    let before: Option<Health> = std::fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let cancel = Cancel::default();
    let ending = cancel.clone();
    signals::on_end(move || ending.cancel()).context("the signal to end cannot be listened to")?;
    let mut service = Service {
        context,
        request,
        health: Health {
            state: State::Idle,
            since: seconds(),
            alive_at: seconds(),
            pid: std::process::id(),
            environment: settings.env.to_string(),
            lake: settings.lake.clone(),
            landing: settings.landing.clone(),
            run: None,
            error: before.as_ref().and_then(|before| before.error.clone()),
            cases: before.map(|before| before.cases).unwrap_or_default(),
        },
        file,
        written: Instant::now(),
        cancel,
        began_on: Timestamp::now().day(),
        hooks: channel(),
        failures: 0,
    };
    service.keep().with_context(|| format!("`{}` cannot be written", service.file.display()))?;
    service.serve()?;
    Ok(Exit::Done)
}

fn seconds() -> i64 {
    Timestamp::now().micros().div_euclid(1_000_000)
}

impl Service<'_> {
    fn serve(&mut self) -> anyhow::Result<()> {
        let settings = &self.context.settings;
        let landing = settings.landing.display();
        self.log("info", "started", format!("watching {landing} for {}", settings.env), serde_json::json!({}))?;
        let mut arrivals: Option<Arrivals<'_>> = None;
        let mut due = Some(Instant::now());
        let mut day = Timestamp::now().day();
        while !self.cancel.is_cancelled() {
            if !settings.landing.exists() && !Arrivals::may_start(settings) {
                arrivals = None;
                if self.health.state != State::NoLanding {
                    self.enter(State::NoLanding)?;
                    let message =
                        format!("{landing} is not there: nothing can arrive; make or mount it, or name another with `--landing`");
                    self.log("error", "no-landing", message, serde_json::json!({}))?;
                }
            } else if arrivals.is_none() {
                match Arrivals::start(settings) {
                    Ok(started) => {
                        self.log("info", "watching", format!("{} {landing}", started.how()), serde_json::json!({}))?;
                        arrivals = Some(started);
                        due = Some(Instant::now());
                    }
                    Err(error) => return Err(error).with_context(|| format!("`{landing}` cannot be watched")),
                }
            }
            // On another day ages and due days are others.
            let today = Timestamp::now().day();
            if arrivals.as_mut().is_some_and(|arrivals| arrivals.look().is_some()) || today != day {
                (due, day) = (Some(Instant::now()), today);
            }
            if arrivals.is_some() && due.is_some_and(|due| due <= Instant::now()) {
                due = self.load()?.map(|pause| Instant::now() + pause);
            }
            while let Ok(entry) = self.hooks.1.try_recv() {
                self.write(&entry)?;
            }
            if self.written.elapsed() >= HEARTBEAT {
                self.keep()?;
            }
            std::thread::sleep(LOOK);
        }
        self.enter(State::Stopped)?;
        self.log("info", "stopped", "stopped as asked; every table is as after its last commit".into(), serde_json::json!({}))
    }

    /// Loads what is new; how long to wait before the next run where one is needed whatever arrives.
    fn load(&mut self) -> anyhow::Result<Option<Duration>> {
        let was_locked = self.health.state == State::Locked;
        if !was_locked {
            self.enter(State::Loading)?;
        }
        let settings = self.settings();
        let (request, now) = (Request::default(), || Timestamp::now());
        // Whoever looks after the service sees that a long load is no standstill.
        let alive = Mutex::new((self.health.clone(), Instant::now()));
        let observer = |_: Progress| {
            if let Ok(mut alive) = alive.lock()
                && alive.1.elapsed() >= HEARTBEAT
            {
                alive.1 = Instant::now();
                alive.0.alive_at = seconds();
                let _ = write_whole(&self.file, &serde_json::to_vec_pretty(&alive.0).unwrap_or_default());
            }
        };
        let run = Run {
            settings: &settings,
            lake: &self.context.lake,
            request: &request,
            work: Work::local(&self.cancel),
            observer: &observer,
            now: &now,
        };
        // A run that panics has failed; the service goes on.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.execute()));
        drop(alive);
        match result {
            Ok(Ok(report)) => {
                self.told(&report)?;
                self.judge(&settings)?;
                Ok(None)
            }
            Ok(Err(PipelineError::Cancelled)) => Ok(None),
            Ok(Err(PipelineError::Locked { holder })) => {
                if !was_locked {
                    self.enter(State::Locked)?;
                    let message = format!("{holder} is writing; what is new is loaded after");
                    self.log("info", "locked", message, serde_json::json!({ "holder": holder }))?;
                }
                Ok(Some(LOCKED))
            }
            Ok(Err(error)) => self.failed(&error.to_string()),
            Err(_) => self.failed("the run broke down; `feederscope run -v` tells more"),
        }
    }

    fn settings(&self) -> Settings {
        self.context.settings.later(Timestamp::now().day().days_since(self.began_on))
    }

    fn failed(&mut self, error: &str) -> anyhow::Result<Option<Duration>> {
        let pause = FAILED.saturating_mul(1 << self.failures.min(8)).min(FAILED_MOST);
        self.failures += 1;
        let is_news = self.health.error.as_deref() != Some(error);
        self.health.error = Some(error.to_owned());
        self.enter(State::Failed)?;
        let fields = serde_json::json!({ "error": error, "again_in_seconds": pause.as_secs() });
        self.log("error", "run-failed", format!("the run failed: {error}; again in {} s", pause.as_secs()), fields.clone())?;
        if is_news {
            self.tell("failed", &fields);
        }
        Ok(Some(pause))
    }

    /// Says what a run did, file by file; of one that found nothing new nothing is said.
    fn told(&mut self, report: &Report) -> anyhow::Result<()> {
        self.failures = 0;
        self.health.run = Some(report.run_id.clone());
        for file in report.files.iter().filter(|file| !matches!(file.outcome, FileResult::Known)) {
            let candidate = &file.candidate;
            let outcome = file.outcome.as_str();
            let fields = serde_json::json!({
                "run": report.run_id, "file": candidate.source_file, "utility": candidate.utility.to_string(),
                "dataset": candidate.dataset.as_str(), "month": candidate.month.to_string(), "outcome": outcome,
            });
            let message = load::describe(file).unwrap_or_else(|| candidate.source_file.clone());
            self.log(if outcome == "refused" { "error" } else { "info" }, "file", message, fields)?;
        }
        let failed: Vec<String> =
            report.failed.iter().map(|(utility, error)| format!("could not rebuild {utility}: {error}")).collect();
        let error = failed.first().cloned();
        for message in failed {
            self.log("error", "rebuild-failed", message, serde_json::json!({ "run": report.run_id }))?;
        }
        let is_new = report.files.iter().any(|file| !matches!(file.outcome, FileResult::Known));
        if is_new || !report.rebuilt.is_empty() || error.is_some() {
            let fields = serde_json::json!({
                "run": report.run_id, "loaded": report.count("loaded") + report.count("superseded"),
                "refused": report.count("refused"), "rows": report.rows, "rejected": report.rejected,
            });
            self.log("info", "run", load::summary(report), fields)?;
        }
        let was = std::mem::replace(&mut self.health.error, error.clone());
        match (&was, &error) {
            (Some(was), None) => self.tell("recovered", &serde_json::json!({ "error": was })),
            (before, Some(error)) if before.as_ref() != Some(error) => {
                self.tell("failed", &serde_json::json!({ "error": error }));
            }
            _ => {}
        }
        self.enter(if error.is_some() { State::Failed } else { State::Idle })
    }

    /// Which cases of the newest month opened, changed and closed, each once.
    fn judge(&mut self, settings: &Settings) -> anyhow::Result<()> {
        let lake = &self.context.lake;
        let outcomes = checks::outcomes(lake, settings)?;
        let Some((month, found)) = cases::of_month(lake, settings, &outcomes, None)? else { return Ok(()) };
        let open: BTreeMap<String, Open> =
            found.iter().filter(|case| is_open(case)).map(|case| (key(case), Open::from(case))).collect();
        let before = std::mem::replace(&mut self.health.cases, open.clone());
        for (key, case) in &open {
            match before.get(key) {
                None => self.changed("opened", case)?,
                Some(known) if known.standing != case.standing => self.changed("changed", case)?,
                Some(_) => {}
            }
        }
        // What was open of an earlier month has not closed because there is a newer one.
        for (_, case) in before.iter().filter(|(key, case)| case.month == month.to_string() && !open.contains_key(*key)) {
            self.changed("closed", case)?;
        }
        self.keep()?;
        Ok(())
    }

    fn changed(&mut self, change: &'static str, case: &Open) -> anyhow::Result<()> {
        let fields = serde_json::json!({ "change": change, "case": case });
        let level = if change == "closed" { "info" } else { "warn" };
        let next = if change == "closed" { String::new() } else { format!("; next: {}", case.next_step) };
        let message = format!("{change}: {} {}: {} ({}){next}", case.month, case.utility, case.what, case.standing);
        self.log(level, "case", message, fields)?;
        self.tell(change, &serde_json::json!({ "case": case }));
        Ok(())
    }

    /// Tells the command, on a thread of its own: no load waits for it, and its failure fails nothing else.
    fn tell(&self, change: &'static str, fields: &serde_json::Value) {
        let Some(command) = self.request.on_change.clone() else { return };
        let mut object = serde_json::json!({ "change": change, "environment": self.health.environment, "at": seconds() });
        if let (Some(object), Some(fields)) = (object.as_object_mut(), fields.as_object()) {
            object.extend(fields.clone());
        }
        let hooks = self.hooks.0.clone();
        let spawned = std::thread::Builder::new().name("hook".into()).spawn(move || {
            if let Err(error) = call(&command, &object.to_string()) {
                let message = format!("`{command}` could not be told: {error}");
                let _ = hooks.send(Entry { level: "warn", event: "hook-failed", message, fields: object });
            }
        });
        if let Err(error) = spawned {
            tracing::warn!("nobody was told of a change: {error}");
        }
    }

    fn enter(&mut self, state: State) -> anyhow::Result<()> {
        if self.health.state != state {
            (self.health.state, self.health.since) = (state, seconds());
            self.keep()?;
        }
        Ok(())
    }

    /// Writes the health file, whole or not at all.
    fn keep(&mut self) -> anyhow::Result<()> {
        self.health.alive_at = seconds();
        self.written = Instant::now();
        write_whole(&self.file, &serde_json::to_vec_pretty(&self.health)?)
            .with_context(|| format!("`{}` cannot be written", self.file.display()))
    }

    fn log(&self, level: &'static str, event: &'static str, message: String, fields: serde_json::Value) -> anyhow::Result<()> {
        self.write(&Entry { level, event, message, fields })
    }

    fn write(&self, entry: &Entry) -> anyhow::Result<()> {
        let at = jiff::Timestamp::from_second(seconds()).unwrap_or_default();
        let line = match self.request.log {
            LogFormat::Text => {
                let message = entry.message.split('\n').map(|line| visible(line).into_owned()).collect::<Vec<_>>().join(" ·");
                format!("{at} {:<5} {message}\n", entry.level)
            }
            LogFormat::Json => {
                let mut object = serde_json::json!({
                    "time": at.to_string(), "level": entry.level, "event": entry.event, "message": entry.message,
                });
                if let (Some(object), Some(fields)) = (object.as_object_mut(), entry.fields.as_object()) {
                    object.extend(fields.clone());
                }
                format!("{object}\n")
            }
        };
        self.context.printer.print(&line)?;
        std::io::stdout().flush()?;
        Ok(())
    }
}

/// Whether somebody must do something about it.
fn is_open(case: &Case) -> bool {
    case.standing != Standing::Acknowledged && (case.standing == Standing::Unknown || case.severity > Severity::Info)
}

/// What tells a case from others.
fn key(case: &Case) -> String {
    format!("{} {} {:?} {}", case.month, case.utility, case.cause, case.of.join(" "))
}

impl From<&Case> for Open {
    fn from(case: &Case) -> Self {
        Self {
            month: case.month.to_string(),
            utility: case.utility.clone(),
            what: case.what.clone(),
            standing: case.standing.as_str().to_owned(),
            next_step: case.next_step.clone(),
        }
    }
}

fn write_whole(file: &Path, content: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let fresh = file.with_extension(format!("{}.tmp", std::process::id()));
    std::fs::write(&fresh, content)?;
    std::fs::rename(&fresh, file)
}

/// Calls a command of the shell with a text on its standard input; an error where it fails, or takes too long.
fn call(command: &str, text: &str) -> std::io::Result<()> {
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let mut child =
        Command::new(shell).args([flag, command]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // Whoever does not read what it is told has been told all the same.
        let _ = writeln!(stdin, "{text}");
    }
    let begun = Instant::now();
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(std::io::Error::other(status.to_string())),
            None if begun.elapsed() >= HOOK => {
                child.kill()?;
                child.wait()?;
                return Err(std::io::Error::other(format!("it took longer than {} s and was ended", HOOK.as_secs())));
            }
            None => std::thread::sleep(LOOK),
        }
    }
}
