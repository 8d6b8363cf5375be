//! Background work: reads, runs and the watch on the landing folder; each tells the console by an event.

use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::reads::months::{Compared, Pair};
use super::reads::profile::{ColumnOf, Profile};
use super::reads::records::Metric;
use super::reads::trace::{RecordFilter, Traced};
use super::reads::{
    QueryError, browse, calendar, cases, checks, missing, months, profile, records, rejected, runs, status, trace,
};
use super::{Deliveries, Event, Missing, Months, Refresh, Rejected, Rules};
use crate::config::Settings;
use crate::engine::Work;
use crate::frame::Frame;
use crate::lake::Lake;
use crate::landing;
use crate::landing::stability::StabilityCheck;
use crate::landing::watch::{Watch, WatchMode};
use crate::model::{Cancel, Day, FeederId, Month, Timestamp};
use crate::pipeline::rules::{Decision, Evidence, acknowledge};
use crate::pipeline::run::Run;
use crate::pipeline::{PipelineError, Progress, Report, Request};

/// Something to do in the background.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Job {
    /// Read pane 1.
    Refresh {
        /// The request's number.
        generation: u64,
    },
    /// Read pane 2.
    Missing {
        /// The request's number.
        generation: u64,
    },
    /// Read pane 3.
    Months {
        /// The request's number.
        generation: u64,
    },
    /// Compare two months.
    Compare {
        /// The request's number.
        generation: u64,
        /// The months.
        pair: Pair,
    },
    /// Read the feeders of pane 4.
    Feeders {
        /// The request's number.
        generation: u64,
    },
    /// Read the DERs of a feeder.
    Ders {
        /// The request's number.
        generation: u64,
        /// The feeder's utility.
        utility: String,
        /// The feeder.
        feeder: FeederId,
    },
    /// Profile a column.
    Profile {
        /// The request's number.
        generation: u64,
        /// The column.
        of: ColumnOf,
    },
    /// Read pane 5.
    Rules {
        /// The request's number.
        generation: u64,
    },
    /// Read pane 6.
    Deliveries {
        /// The request's number.
        generation: u64,
    },
    /// Read pane 7.
    Rejected {
        /// The request's number.
        generation: u64,
    },
    /// Read the records behind a metric.
    Records {
        /// The request's number.
        generation: u64,
        /// The metric.
        metric: Metric,
    },
    /// Read where a record came from.
    Source {
        /// The request's number.
        generation: u64,
        /// The record.
        record: Box<RecordFilter>,
    },
    /// Sign for a failure.
    Acknowledge {
        /// The request's number.
        generation: u64,
        /// The failure.
        failure: Failure,
        /// Why it is accepted.
        reason: String,
    },
    /// Load what is new.
    Run,
    /// Stop the load.
    Stop,
}

/// A failing outcome of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The rule.
    pub rule: String,
    /// The utility.
    pub utility: String,
    /// The dataset, `feeders` or `ders`.
    pub dataset: String,
    /// The month.
    pub month: Month,
    /// Rows that fail.
    pub failed: u64,
    /// What the failure was made from.
    pub evidence: Evidence,
}

/// What a read brought.
#[derive(Debug)]
pub enum Loaded {
    /// Pane 1.
    Refresh(Refresh),
    /// Pane 2.
    Missing(Box<Missing>),
    /// Pane 3.
    Months(Months),
    /// How two months differ.
    Compared(Box<(Pair, Compared)>),
    /// Rows of `platinum/feeder_capacity`.
    Feeders(Frame),
    /// Rows of `platinum/der_details`.
    Ders {
        /// The feeder's utility.
        utility: String,
        /// The feeder.
        feeder: FeederId,
        /// The rows.
        rows: Frame,
    },
    /// What a column holds.
    Profile(Box<(ColumnOf, Profile)>),
    /// Pane 5.
    Rules(Box<Rules>),
    /// Pane 6.
    Deliveries(Box<Deliveries>),
    /// Pane 7.
    Rejected(Rejected),
    /// Records behind a metric.
    Records(Box<Metric>, Frame),
    /// Where a record came from.
    Source(Box<RecordFilter>, Vec<Traced>),
}

/// Days for which a decision made in the console counts.
const ACKNOWLEDGED_DAYS: i32 = 30;

/// Rows of `ops/runs` that the console shows.
const RUNS_SHOWN: usize = 200;

/// The background workers of a console.
#[derive(Clone)]
pub struct Jobs {
    settings: Arc<Settings>,
    /// The day on which they were made.
    began_on: Day,
    lake: Lake,
    events: Sender<Event>,
    running: Arc<Mutex<Cancel>>,
}

impl Jobs {
    /// Workers that report to `events`.
    pub fn new(settings: Settings, lake: Lake, events: Sender<Event>) -> Self {
        Self { settings: Arc::new(settings), began_on: Timestamp::now().day(), lake, events, running: Arc::default() }
    }

    /// The settings as of today: a console stays open over days, in which months begin and files grow old.
    fn settings(&self) -> Arc<Settings> {
        match Timestamp::now().day().days_since(self.began_on) {
            0 => self.settings.clone(),
            days => Arc::new(self.settings.later(days)),
        }
    }

    /// Starts a job; it reports when it is done.
    pub fn start(&self, job: Job) {
        let jobs = self.clone();
        match job {
            Job::Stop => self.cancel(),
            Job::Run => {
                let cancel = Cancel::default();
                if let Ok(mut running) = self.running.lock() {
                    *running = cancel.clone();
                }
                self.spawn("run", move || jobs.run(&cancel));
            }
            read => self.spawn("read", move || jobs.read(&read)),
        }
    }

    /// Asks a run to stop; nothing happens if none works.
    pub fn cancel(&self) {
        if let Ok(running) = self.running.lock() {
            running.cancel();
        }
    }

    fn spawn(&self, name: &str, work: impl FnOnce() + Send + 'static) {
        if let Err(error) = std::thread::Builder::new().name(name.into()).spawn(work) {
            self.tell(Event::RunEnded(Err(format!("no thread for background work: {error}"))));
        }
    }

    /// Nobody listens any more once the console has closed.
    fn tell(&self, event: Event) {
        let _ = self.events.send(event);
    }

    fn read(&self, job: &Job) {
        let answer = |generation: u64, loaded: Result<Loaded, QueryError>| {
            let loaded = loaded.map_err(|error| error.to_string());
            self.tell(Event::Read { generation, loaded, read_at: Timestamp::now(), job: Box::new(job.clone()) });
        };
        match job {
            Job::Refresh { generation } => answer(*generation, self.refresh()),
            Job::Missing { generation } => {
                answer(
                    *generation,
                    missing::columns(&self.lake, None, None, None).map(|rows| Loaded::Missing(Box::new(Missing::new(&rows)))),
                );
            }
            Job::Months { generation } => answer(*generation, self.months()),
            Job::Compare { generation, pair } => {
                let found = months::compared(&self.lake, pair);
                answer(*generation, found.map(|found| Loaded::Compared(Box::new((pair.clone(), found)))));
            }
            Job::Feeders { generation } => {
                answer(*generation, browse::feeders(&self.lake, None, None, None).map(Loaded::Feeders));
            }
            Job::Ders { generation, utility, feeder } => {
                let rows = browse::ders(&self.lake, feeder, Some(utility), None);
                answer(*generation, rows.map(|rows| Loaded::Ders { utility: utility.clone(), feeder: feeder.clone(), rows }));
            }
            Job::Profile { generation, of } => {
                let found = profile::profile(&self.lake, &self.settings(), of);
                answer(*generation, found.map(|found| Loaded::Profile(Box::new((of.clone(), found)))));
            }
            Job::Rules { generation } => answer(*generation, self.rules()),
            Job::Deliveries { generation } => answer(*generation, self.deliveries()),
            Job::Rejected { generation } => {
                let rows = rejected::records(&self.lake, rejected::RejectedFilter::default());
                answer(*generation, rows.map(|rows| Loaded::Rejected(Rejected::new(rows))));
            }
            Job::Records { generation, metric } => {
                let rows = records::behind(&self.lake, &self.settings(), metric);
                answer(*generation, rows.map(|rows| Loaded::Records(Box::new(metric.clone()), rows)));
            }
            Job::Source { generation, record } => {
                let found = trace::records(&self.lake, &self.settings(), record);
                answer(*generation, found.map(|found| Loaded::Source(record.clone(), found)));
            }
            Job::Acknowledge { generation, failure, reason } => {
                answer(*generation, self.acknowledge(failure, reason).and_then(|()| self.rules()));
            }
            Job::Run | Job::Stop => {}
        }
    }

    fn rules(&self) -> Result<Loaded, QueryError> {
        let settings = self.settings();
        let outcomes = checks::outcomes(&self.lake, &settings)?;
        // The outcomes can be shown without a verdict.
        let cases = cases::of_month(&self.lake, &settings, &outcomes, None).ok().flatten();
        Ok(Loaded::Rules(Box::new(Rules::new(outcomes, cases))))
    }

    fn deliveries(&self) -> Result<Loaded, QueryError> {
        let calendar = calendar::calendar(&self.lake, &self.settings())?;
        Ok(Loaded::Deliveries(Box::new(Deliveries::new(calendar, checks::scorecard(&self.lake, &self.settings())?))))
    }

    fn acknowledge(&self, failure: &Failure, reason: &str) -> Result<(), QueryError> {
        let until = Day::from_epoch_days(self.settings().today.epoch_days() + ACKNOWLEDGED_DAYS);
        let decision = Decision {
            rule: &failure.rule,
            utility: &failure.utility,
            dataset: &failure.dataset,
            month: failure.month,
            failed: failure.failed,
            evidence: &failure.evidence,
            reason,
            account: &self.settings.account,
            expires_on: until,
        };
        Ok(acknowledge(&self.lake, &[decision], Timestamp::now())?)
    }

    fn refresh(&self) -> Result<Loaded, QueryError> {
        let feeds = status::feeds(&self.lake, &self.settings())?;
        Ok(Loaded::Refresh(Refresh::new(feeds, &runs::history(&self.lake, None, RUNS_SHOWN)?)))
    }

    fn months(&self) -> Result<Loaded, QueryError> {
        Ok(Loaded::Months(Months::new(&months::diffs(&self.lake, None, None)?, &months::fields(&self.lake, None, None)?)))
    }

    fn run(&self, cancel: &Cancel) {
        let told = Mutex::new(Instant::now().checked_sub(QUIET));
        let observer = |progress: Progress| {
            // The eye sees no more than this; every row is counted all the same.
            if let Ok(mut last) = told.lock()
                && last.is_none_or(|last| last.elapsed() >= QUIET)
            {
                *last = Some(Instant::now());
                self.tell(Event::Progress(progress));
            }
        };
        let request = Request::default();
        let now = || Timestamp::now();
        let settings = self.settings();
        let run = Run {
            settings: &settings,
            lake: &self.lake,
            request: &request,
            work: Work::local(cancel),
            observer: &observer,
            now: &now,
        };
        let result = match run.execute() {
            Ok(report) => ended(&report),
            Err(PipelineError::Cancelled) => {
                Err("stopped; every table is as after its last commit, `r` goes on from there".into())
            }
            Err(error) => Err(error.to_string()),
        };
        self.tell(Event::RunEnded(result));
    }

    /// Watches the landing folder until the console closes.
    pub fn watch(&self) {
        let jobs = self.clone();
        self.spawn("watch", move || jobs.watch_landing());
    }

    fn watch_landing(&self) {
        let watch = match Watch::start(&self.settings.landing, self.settings.poll) {
            Ok(watch) => watch,
            Err(error) => {
                self.tell(Event::Watching(format!(
                    "not watching `{}`: {error}; press r to load",
                    self.settings.landing.display()
                )));
                return;
            }
        };
        let how = if watch.mode == WatchMode::Events { "watching" } else { "looking again and again at" };
        self.tell(Event::Watching(format!("{how} {}", self.settings.landing.display())));
        let (started, mut settling) = (Instant::now(), StabilityCheck::default());
        let (mut pending, mut looked) = (false, Instant::now());
        loop {
            std::thread::sleep(LOOK);
            // Now and then without an event too: some file systems deliver none.
            if watch.take_change() || looked.elapsed() >= self.settings.poll {
                (pending, looked) = (true, Instant::now());
            }
            if !pending {
                continue;
            }
            let Ok(scan) = landing::scan(&self.settings.landing, &self.settings.utilities) else { continue };
            match settling.changed_and_stable(&scan.candidates, started.elapsed(), self.settings.settle) {
                Some(true) => {
                    pending = false;
                    self.tell(Event::FilesStable);
                }
                Some(false) => {}
                None => pending = false,
            }
        }
    }
}

/// How often progress is told.
const QUIET: Duration = Duration::from_millis(50);
/// How often the watch looks whether something happened.
const LOOK: Duration = Duration::from_millis(200);

/// The line about a run that ended: an error when a file was refused.
fn ended(report: &Report) -> Result<String, String> {
    let refused: Vec<&str> = report.refused().map(|file| file.candidate.source_file.as_str()).collect();
    if let Some(first) = refused.first() {
        return Err(format!("{} refused: `{first}`; see the run in pane 1", refused.len()));
    }
    if let Some((utility, error)) = report.failed.first() {
        return Err(format!("{utility} could not be rebuilt: {error}"));
    }
    let loaded = report.count("loaded") + report.count("superseded");
    if loaded == 0 {
        return Ok("nothing new in the landing folder".into());
    }
    Ok(format!("{loaded} files loaded, {} rows, {} records rejected", report.rows, report.rejected))
}
