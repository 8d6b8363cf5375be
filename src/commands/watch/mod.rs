//! `watch`: loads what arrives, by itself, until it is told to end: for a service manager, and for those who read its log at night.

mod health;
mod log;
mod metrics;
mod opened;
mod told;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::lineage::Lineage;
use super::{Context, Exit, load};
use crate::app::reads::cases;
use crate::app::reads::checks;
use crate::app::reads::status::{self, Feed};
use crate::app::signals;
use crate::config::Settings;
use crate::engine::Work;
use crate::landing::Settled;
use crate::landing::arrivals::{Arrivals, LOOK};
use crate::model::cell::visible;
use crate::model::{Cancel, Day, Timestamp};
use crate::outbound::Audience;
use crate::pipeline::run::Run;
use crate::pipeline::{FileResult, PipelineError, Progress, Report, Request};

use health::{Health, State, seconds, write_whole};
use log::Entry;
pub use log::LogFormat;
use told::Told;

/// How to watch.
pub struct WatchRequest {
    /// How the log is written.
    pub log: LogFormat,
    /// The file that says how things stand; one in the data folder without it.
    pub health: Option<PathBuf>,
    /// A file of metrics as Prometheus reads them; none without it.
    pub metrics: Option<PathBuf>,
}

/// How long whoever writes is left alone.
const LOCKED: Duration = Duration::from_secs(5);
/// How long after a run that failed the next one begins; twice as long after each further one.
const FAILED: Duration = Duration::from_secs(10);
/// The longest of these.
const FAILED_MOST: Duration = Duration::from_mins(10);
/// How often it is looked whether others wrote.
const TABLES: Duration = Duration::from_secs(2);
/// How old the health file grows while nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(30);

struct Service<'a> {
    context: &'a Context,
    request: &'a WatchRequest,
    file: PathBuf,
    health: Health,
    written: Instant,
    cancel: Cancel,
    began_on: Day,
    told: Told,
    failures: u32,
    /// As they stood after the last run, for the metrics.
    feeds: Vec<Feed>,
    /// When it was looked last whether others wrote, and how the tables stood then.
    looked: Instant,
    stamp: u64,
}

/// Watches until SIGTERM, SIGINT or SIGHUP; what works then stops between two commits. An audience is told of changes and runs.
///
/// # Errors
/// The health file cannot be written, or signals cannot be listened to.
pub fn run(context: &Context, request: &WatchRequest, audience: Audience) -> anyhow::Result<Exit> {
    context.expect_loads()?;
    let settings = &context.settings;
    let file = request.health.clone().unwrap_or_else(|| settings.paths.data.join(format!("watch-{}.json", settings.env)));
    // A restart is no news: what was open before is known.
    let before: Option<Health> = std::fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let before = before.filter(|before| before.environment == settings.env.to_string() && before.lake == settings.lake);
    let cancel = Cancel::default();
    let ending = cancel.clone();
    signals::on_end(move || ending.cancel()).context("the signal to end cannot be listened to")?;
    let waiting = before.as_ref().map(|before| before.untold.clone()).unwrap_or_default();
    let (told, dropped) = Told::start(audience, waiting)?;
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
            untold: told.waiting(),
        },
        file,
        written: Instant::now(),
        cancel,
        began_on: Timestamp::now().day(),
        told,
        failures: 0,
        feeds: Vec::new(),
        looked: Instant::now(),
        stamp: context.lake.stamp(),
    };
    service.keep().with_context(|| format!("`{}` cannot be written", service.file.display()))?;
    for dropped in dropped {
        service.log("warn", "not-told", dropped, serde_json::json!({}))?;
    }
    let served = service.serve();
    service.end(served.as_ref().err())?;
    served.map(|()| Exit::Done)
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
            let has_come = arrivals.as_mut().is_some_and(|arrivals| arrivals.look().is_some());
            if has_come || today != day {
                (due, day) = (Some(Instant::now()), today);
            }
            for moving in arrivals.iter().filter(|_| has_come).flat_map(Arrivals::moving) {
                let file = visible(&moving.strip_prefix(&settings.landing).unwrap_or(moving).to_string_lossy()).into_owned();
                let message = format!("{file} does not stand still; what does is loaded without it");
                self.log("warn", "still-moving", message, serde_json::json!({ "file": file }))?;
            }
            // Whatever a run is begun for, it reads no file that is still being copied, nor one that came since.
            let settled = arrivals.as_ref().filter(|arrivals| !arrivals.is_settling()).map(Arrivals::settled);
            if let Some(settled) = settled
                && due.is_some_and(|due| due <= Instant::now())
            {
                due = self.load(settled)?.map(|pause| Instant::now() + pause);
            } else if due.is_none() {
                due = self.look_at_tables()?.map(|pause| Instant::now() + pause);
            }
            let is_told = self.say_what_is_told()?;
            if is_told || self.written.elapsed() >= HEARTBEAT {
                self.keep()?;
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Says what could not be told; whether somebody was told something since it was asked last.
    fn say_what_is_told(&self) -> anyhow::Result<bool> {
        for said in self.told.said() {
            self.log("warn", "not-told", said, serde_json::json!({}))?;
        }
        Ok(self.told.waiting() != self.health.untold)
    }

    /// Tells what can still be told, and how it ended. What could not be told is told after the next start.
    fn end(&mut self, error: Option<&anyhow::Error>) -> anyhow::Result<()> {
        self.told.end();
        if let Some(error) = error {
            self.health.error = Some(format!("{error:#}"));
        }
        self.health.state = State::Stopped;
        self.health.since = seconds();
        let kept = self.keep();
        if error.is_some() {
            return Ok(());
        }
        self.say_what_is_told()?;
        kept?;
        self.log("info", "stopped", "stopped as asked; every table is as after its last commit".into(), serde_json::json!({}))
    }

    /// What others loaded or acknowledged opens and closes cases, too.
    fn look_at_tables(&mut self) -> anyhow::Result<Option<Duration>> {
        if self.looked.elapsed() < TABLES {
            return Ok(None);
        }
        self.looked = Instant::now();
        let stamp = self.context.lake.stamp();
        if std::mem::replace(&mut self.stamp, stamp) == stamp {
            return Ok(None);
        }
        self.judged()
    }

    /// Judges; a table that cannot be read is a failure like that of a run.
    fn judged(&mut self) -> anyhow::Result<Option<Duration>> {
        let (settings, lake) = (self.settings(), &self.context.lake);
        if self.request.metrics.is_some() {
            match status::feeds(lake, &settings) {
                Ok(feeds) => self.feeds = feeds,
                Err(error) => return self.failed(&error.to_string()),
            }
        }
        let found = checks::outcomes(lake, &settings).and_then(|outcomes| cases::of_month(lake, &settings, &outcomes, None));
        match found {
            Ok(Some((month, cases))) => self.judge(month, &cases).map(|()| None),
            Ok(None) => Ok(None),
            Err(error) => self.failed(&error.to_string()),
        }
    }

    /// Loads what is new; how long to wait before the next run where one is needed whatever arrives.
    fn load(&mut self, settled: Arc<Settled>) -> anyhow::Result<Option<Duration>> {
        let was_locked = self.health.state == State::Locked;
        if !was_locked {
            self.enter(State::Loading)?;
        }
        let settings = self.settings();
        let (request, now) = (Request { settled: Some(settled), ..Request::default() }, || Timestamp::now());
        // Whoever looks after the service sees that a long load is no standstill.
        let alive = Mutex::new((self.health.clone(), Instant::now()));
        let told = &self.told;
        let observer = |_: Progress| {
            if let Ok(mut alive) = alive.lock()
                && (alive.0.state != State::Loading || alive.1.elapsed() >= HEARTBEAT)
            {
                alive.1 = Instant::now();
                (alive.0.state, alive.0.alive_at) = (State::Loading, seconds());
                alive.0.untold = told.waiting();
                let _ = write_whole(&self.file, &serde_json::to_vec_pretty(&alive.0).unwrap_or_default());
            }
        };
        let lineage = self.told.runs.as_ref().map(|outbox| Lineage::new(&self.context.lake, outbox, &observer));
        let run = Run {
            settings: &settings,
            lake: &self.context.lake,
            request: &request,
            work: Work::local(&self.cancel),
            observer: lineage.as_ref().map_or(&observer, |lineage| lineage),
            now: &now,
        };
        // A run that panics has failed; the service goes on.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.execute()));
        if let Some(lineage) = lineage {
            match &result {
                Ok(result) => lineage.ended(result.as_ref()),
                Err(_) => lineage.broke_down(),
            }
        }
        drop(alive);
        match result {
            Ok(Ok(report)) => {
                let failed = self.told(&report)?;
                self.stamp = self.context.lake.stamp();
                let unread = self.judged()?;
                match failed {
                    Some(error) => self.failed(&error),
                    None if unread.is_some() => Ok(unread),
                    None => self.recovered().map(|()| None),
                }
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
        let fields = serde_json::json!({ "error": error, "again_in_seconds": pause.as_secs() });
        let message = format!("the run failed: {error}; again in {} s", pause.as_secs());
        if is_news {
            self.tell("failed", &message, &fields);
        }
        self.enter(State::Failed)?;
        self.log("error", "run-failed", message, fields)?;
        Ok(Some(pause))
    }

    fn recovered(&mut self) -> anyhow::Result<()> {
        self.failures = 0;
        if let Some(error) = self.health.error.take() {
            let fields = serde_json::json!({ "error": error });
            self.tell("recovered", "runs are done again", &fields);
            self.log("info", "recovered", "runs are done again".into(), fields)?;
        }
        self.enter(State::Idle)
    }

    /// Says what a run did, file by file; of one that found nothing new nothing is said. Why tables of a utility could not be rebuilt, if
    /// so.
    fn told(&mut self, report: &Report) -> anyhow::Result<Option<String>> {
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
        Ok(error)
    }

    /// Tells everybody who wants to know; who is not reached now is told with the next start at the latest, once this is kept.
    fn tell(&self, change: &'static str, text: &str, fields: &serde_json::Value) {
        let mut object = serde_json::json!({
            "change": change, "environment": self.health.environment, "at": seconds(), "text": visible(text),
        });
        if let (Some(object), Some(fields)) = (object.as_object_mut(), fields.as_object()) {
            object.extend(fields.clone());
        }
        self.told.change(&object);
    }

    fn enter(&mut self, state: State) -> anyhow::Result<()> {
        if self.health.state != state {
            (self.health.state, self.health.since) = (state, seconds());
            self.keep()?;
        }
        Ok(())
    }

    /// Writes the health file and that of metrics, each whole or not at all.
    fn keep(&mut self) -> anyhow::Result<()> {
        self.health.alive_at = seconds();
        self.health.untold = self.told.waiting();
        self.written = Instant::now();
        if let Some(file) = &self.request.metrics {
            let text = metrics::text(&self.health, &self.feeds, self.failures, self.settings().today);
            write_whole(file, text.as_bytes()).with_context(|| format!("`{}` cannot be written", file.display()))?;
        }
        write_whole(&self.file, &serde_json::to_vec_pretty(&self.health)?)
            .with_context(|| format!("`{}` cannot be written", self.file.display()))
    }

    fn log(&self, level: &'static str, event: &'static str, message: String, fields: serde_json::Value) -> anyhow::Result<()> {
        Entry { level, event, message, fields }.write(self.request.log, &self.context.printer)
    }
}
