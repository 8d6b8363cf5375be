//! Background work: questions, what is written, runs, and the watch on landing folder and tables. No pane is named here.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::reads::QueryError;
use super::slot::{Answered, Ask, Reader};
use super::table::grouped;
use super::write::Write;
use super::{Event, RunEnd};
use crate::config::Settings;
use crate::engine::Work;
use crate::lake::Lake;
use crate::landing::Settled;
use crate::landing::arrivals::{Arrivals, LOOK};
use crate::model::{Cancel, Day, Timestamp};
use crate::pipeline::run::Run;
use crate::pipeline::{PipelineError, Progress, Report, Request};

/// Something to do outside the thread that owns the console.
#[derive(Debug)]
pub enum Job {
    /// Answer a question.
    Ask(Ask),
    /// Write something.
    Write(Write),
    /// Load what is new.
    Run(Files),
    /// Stop the load.
    Stop,
    /// Something of the terminal.
    Terminal(Wish),
}

/// Which files a load reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Files {
    /// All: somebody asked for it.
    All,
    /// Those that had stood still when it was looked last: the load begins by itself.
    Settled,
}

/// What only the terminal can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Keep a text as copied.
    Copy(String),
    /// Draw everything anew.
    Redraw,
    /// Give the terminal back until the shell says otherwise.
    Suspend,
    /// Report the mouse, or leave it to the terminal.
    Mouse(bool),
    /// Open a file in the browser.
    Browse(std::path::PathBuf),
}

/// The background workers of a console.
#[derive(Clone)]
pub struct Jobs {
    settings: Arc<Settings>,
    /// The day on which they were made.
    began_on: Day,
    lake: Lake,
    events: Sender<Event>,
    questions: Sender<Ask>,
    running: Arc<Mutex<Cancel>>,
    /// The files that had stood still when it was looked last; none where nobody looks.
    settled: Arc<Mutex<Option<Arc<Settled>>>>,
    /// Set when the console shows something else.
    closed: Cancel,
    rest: Duration,
}

/// Questions that are answered at the same time.
const ANSWERING: usize = 2;

impl Jobs {
    /// Workers that report to `events`.
    pub fn new(settings: Settings, lake: Lake, events: Sender<Event>) -> Self {
        Self::resting(settings, lake, events, REST)
    }

    /// The same that wait so long before a question that changes with every key is begun.
    pub fn resting(settings: Settings, lake: Lake, events: Sender<Event>, rest: Duration) -> Self {
        let (questions, asked) = channel();
        let jobs = Self {
            settings: Arc::new(settings),
            began_on: Timestamp::now().day(),
            lake,
            events,
            questions,
            running: Arc::default(),
            settled: Arc::default(),
            closed: Cancel::default(),
            rest,
        };
        let asked = Arc::new(Mutex::new(asked));
        for _ in 0..ANSWERING {
            let (jobs, asked) = (jobs.clone(), asked.clone());
            jobs.clone().spawn("read", move || jobs.answer(&asked));
        }
        jobs
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
            Job::Ask(ask) => {
                let _ = self.questions.send(ask);
            }
            Job::Write(write) => self.spawn("write", move || {
                let written = write.perform(&jobs.lake, &jobs.settings()).map_err(|error| error.to_string());
                jobs.tell(Event::Written(written));
            }),
            Job::Stop => self.cancel(),
            Job::Run(files) => {
                let cancel = Cancel::default();
                if let Ok(mut running) = self.running.lock() {
                    *running = cancel.clone();
                }
                self.spawn("run", move || jobs.run(files, &cancel));
            }
            Job::Terminal(_) => {}
        }
    }

    /// Asks a run to stop; nothing happens if none works.
    pub fn cancel(&self) {
        if let Ok(running) = self.running.lock() {
            running.cancel();
        }
    }

    /// Nobody listens any more: runs are stopped, and the watches end.
    pub fn close(&self) {
        self.cancel();
        self.closed.cancel();
    }

    fn spawn(&self, name: &str, work: impl FnOnce() + Send + 'static) {
        if let Err(error) = std::thread::Builder::new().name(name.into()).spawn(work) {
            self.tell(Event::RunEnded(RunEnd::Failed(format!("no thread for background work: {error}"))));
        }
    }

    /// Nobody listens any more once the console has closed.
    fn tell(&self, event: Event) {
        let _ = self.events.send(event);
    }

    /// Answers questions one after the other; those that nobody waits for any more are not begun.
    fn answer(&self, asked: &Mutex<Receiver<Ask>>) {
        loop {
            let waited = asked.lock().map(|asked| asked.recv_timeout(LOOK * 10));
            let ask = match waited {
                Ok(Ok(ask)) => ask,
                Ok(Err(RecvTimeoutError::Timeout)) if !self.closed.is_cancelled() => continue,
                _ => return,
            };
            let begun = Instant::now();
            while ask.rests && !ask.cancel.is_cancelled() && begun.elapsed() < self.rest {
                std::thread::sleep(REST / 8);
            }
            if ask.cancel.is_cancelled() {
                let result = Err("called off".into());
                self.tell(Event::Answered(Answered { ticket: ask.ticket, result, read_at: Timestamp::now() }));
                continue;
            }
            let settings = self.settings();
            let (read, cancel) = (ask.read, ask.cancel);
            let shown = self.lake.pinned();
            let reader = Reader { lake: &shown, settings: &settings, cancel: &cancel };
            // A question that panics is one that has no answer; the next ones have.
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read(&reader)));
            let result = match result {
                Ok(result) => result.map_err(|error: QueryError| without_frames(&error.to_string())),
                Err(_) => Err("this could not be answered; `FEEDERSCOPE_LOG=error` tells more".into()),
            };
            self.tell(Event::Answered(Answered { ticket: ask.ticket, result, read_at: Timestamp::now() }));
        }
    }

    fn run(&self, files: Files, cancel: &Cancel) {
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
        let settled = self.settled.lock().map(|settled| settled.clone()).unwrap_or_default();
        let request = Request { settled: settled.filter(|_| files == Files::Settled), ..Request::default() };
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
        // A run that panics has failed; the console goes on.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.execute()));
        let end = match result {
            Ok(Ok(report)) => ended(&report, Timestamp::now()),
            Ok(Err(PipelineError::Cancelled)) => RunEnd::Stopped,
            Ok(Err(PipelineError::Locked { holder })) => RunEnd::Locked(holder),
            Ok(Err(error)) => RunEnd::Failed(without_frames(&error.to_string())),
            Err(_) => {
                RunEnd::Failed("the run broke down; `feederscope run -v` tells more, and goes on from the last commit".into())
            }
        };
        let is_locked = matches!(end, RunEnd::Locked(_));
        self.tell(Event::RunEnded(end));
        if is_locked {
            std::thread::sleep(RETRY);
            self.tell(Event::Retry);
        }
    }

    /// Watches the landing folder and the tables until the console closes.
    pub fn watch(&self) {
        let jobs = self.clone();
        self.spawn("watch", move || jobs.watch_landing());
        let jobs = self.clone();
        self.spawn("tables", move || jobs.watch_tables());
    }

    fn watch_landing(&self) {
        if let Err(only) = self.lake.expect_loads() {
            self.tell(Event::Watching(only.to_string()));
            return;
        }
        let folder = self.settings.landing.display();
        if !Arrivals::may_start(&self.settings) {
            self.tell(Event::Watching(format!("{folder} does not exist: nothing can arrive; `--landing` names another")));
            while !self.settings.landing.exists() && !self.closed.is_cancelled() {
                std::thread::sleep(self.settings.poll);
            }
        }
        let mut arrivals = match Arrivals::start(&self.settings) {
            Ok(arrivals) => arrivals,
            Err(error) => {
                self.tell(Event::Watching(format!("not watching {folder}: {error}; press r to load")));
                return;
            }
        };
        self.tell(Event::Watching(format!("{} {folder}", arrivals.how())));
        while !self.closed.is_cancelled() {
            std::thread::sleep(LOOK);
            let stable = arrivals.look().is_some();
            if let Ok(mut settled) = self.settled.lock() {
                *settled = Some(arrivals.settled());
            }
            // A run that finds nothing new asks the rules of another day again: where it costs nobody anything it is begun.
            if stable {
                self.tell(Event::FilesStable);
            }
        }
    }

    /// Tells when any log of the tables has grown, whoever wrote.
    fn watch_tables(&self) {
        let state = || (self.lake.stamp(), Timestamp::now().day());
        let mut known = state();
        while !self.closed.is_cancelled() {
            std::thread::sleep(LOOK * 10);
            // On another day ages and due days are others.
            let now = state();
            if now != known {
                known = now;
                self.tell(Event::TablesChanged);
            }
        }
    }
}

/// A message without the frames of the stack that a library adds: they push out what helps.
pub(super) fn without_frames(message: &str) -> String {
    let is_frame = |line: &&str| {
        let line = line.trim_start();
        let is_number = line
            .split_once(':')
            .is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
        is_number || line.to_lowercase().contains("backtrace")
    };
    message.lines().take_while(|line| !is_frame(line)).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

/// How long keys rest before a question that changes with each of them is begun: longer than a key that is held takes to repeat.
const REST: Duration = Duration::from_millis(80);
/// How long whoever writes is left alone.
const RETRY: Duration = Duration::from_secs(5);
/// How often progress is told.
const QUIET: Duration = Duration::from_millis(50);

/// The line about a run that ended, at a time, as it stays until another one brings something: a failure when a file was refused.
fn ended(report: &Report, at: Timestamp) -> RunEnd {
    let refused: Vec<&str> = report.refused().map(|file| file.candidate.source_file.as_str()).collect();
    if let Some(first) = refused.first() {
        return RunEnd::Failed(format!("{} refused: `{first}`; pane 2 says why and what to do", refused.len()));
    }
    if let Some((utility, error)) = report.failed.first() {
        return RunEnd::Failed(format!("{utility} could not be rebuilt: {error}"));
    }
    // What was found damaged, or taken over from a run that was killed, comes first: nobody asked for it.
    let told: Vec<String> = report.mended.iter().cloned().chain(brought(report, at)).collect();
    if told.is_empty() { RunEnd::Nothing } else { RunEnd::Done(told.join(" · ")) }
}

/// What a run brought; `None` if nothing.
fn brought(report: &Report, at: Timestamp) -> Option<String> {
    let loaded = report.count("loaded") + report.count("superseded");
    if loaded == 0 {
        let rebuilt: Vec<&str> = report.rebuilt.iter().map(|(utility, _)| utility.as_str()).collect();
        return (!rebuilt.is_empty())
            .then(|| format!("no new file; the tables of {} were made anew {at} UTC", rebuilt.join(", ")));
    }
    let of = |n: u64, what: &str| format!("{} {what}{}", grouped(&n.to_string()), if n == 1 { "" } else { "s" });
    let files = format!("{} loaded {at} UTC", of(loaded as u64, "file"));
    Some([files, of(report.rows, "row"), of(report.rejected, "record") + " rejected"].join(", "))
}

#[cfg(test)]
mod tests {
    use super::{ended, without_frames};
    use crate::app::RunEnd;
    use crate::model::{Month, MonthRange, Timestamp, UtilityId};
    use crate::pipeline::Report;

    #[test]
    fn tables_that_are_made_anew_without_a_new_file_are_told() {
        let rebuilt = |name: &str| (UtilityId::parse(name).unwrap(), MonthRange::only(Month::parse("2022-10").unwrap()));
        let at = Timestamp::from_micros(1_665_838_980_000_000);
        assert_eq!(ended(&Report::default(), at), RunEnd::Nothing);
        let report = Report { rebuilt: vec![rebuilt("utility1"), rebuilt("utility2")], ..Report::default() };
        let line = "no new file; the tables of utility1, utility2 were made anew 2022-10-15 13:03 UTC";
        assert_eq!(ended(&report, at), RunEnd::Done(line.into()));
        let report = Report { mended: vec!["a lock is taken over".into()], ..report };
        assert_eq!(ended(&report, at), RunEnd::Done(format!("a lock is taken over · {line}")));
        let report = Report { mended: report.mended, ..Report::default() };
        assert_eq!(ended(&report, at), RunEnd::Done("a lock is taken over".into()));
    }

    #[test]
    fn message_keeps_what_helps_and_no_frame_of_the_stack() {
        let told = "table `ops/rule_results`: the log is gone\n\nBacktrace:\n   0: core::fmt\n   1: main";
        assert_eq!(without_frames(told), "table `ops/rule_results`: the log is gone");
        assert_eq!(without_frames("a: b\n   0: std::panic\n   at x"), "a: b");
        assert_eq!(without_frames("`f`, line 3: 2 cells\nnext: look at it"), "`f`, line 3: 2 cells\nnext: look at it");
    }
}
