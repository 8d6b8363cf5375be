//! `watch`: the program as a service, with folders of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use feederscope::app::{Event, Files, Job, Jobs, RunEnd};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::program::Program;
use crate::support::{Bench, FEEDERS, feeder, table_id};

/// A service and the lines of its log.
pub struct Service {
    child: Child,
    lines: Receiver<Value>,
    pub seen: Vec<Value>,
}

impl Service {
    pub fn start(program: &Program, more: &[&str]) -> Self {
        let health = program.folder.path().join("health.json");
        let arguments = [&["watch", "--log", "json", "--health", health.to_str().unwrap()], more].concat();
        let mut child = program.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap_or_else(|_| panic!("`{line}` is no object")));
            }
        });
        Self { child, lines, seen: Vec::new() }
    }

    /// The first line from now on for which something holds.
    #[track_caller]
    pub fn wait_for(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + Duration::from_secs(90);
        while let Ok(line) = self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            self.seen.push(line.clone());
            if is_it(&line) {
                return line;
            }
        }
        panic!("{what} did not come; {:#?}", self.seen);
    }

    /// Ends it without a word to it.
    pub fn kill(&mut self) {
        kill_process(Pid::from_child(&self.child), Signal::KILL).unwrap();
        self.child.wait().unwrap();
        self.seen.extend(self.lines.iter());
    }

    /// Asks it to end; how long it took, and its exit code.
    pub fn end(&mut self) -> (Duration, Option<i32>) {
        let asked = Instant::now();
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let status = self.child.wait().unwrap();
        // What nobody waited for.
        self.seen.extend(self.lines.iter());
        (asked.elapsed(), status.code())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn health(program: &Program) -> Value {
    serde_json::from_slice(&std::fs::read(program.folder.path().join("health.json")).unwrap()).unwrap()
}

/// What a run did is in the log before the service rests.
#[track_caller]
pub fn wait_for_state(program: &Program, state: &str) {
    let until = Instant::now() + Duration::from_mins(1);
    while health(program)["state"] != state {
        assert!(Instant::now() < until, "{:#}", health(program));
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub fn is(line: &Value, event: &str) -> bool {
    line["event"] == event
}

pub fn sample(program: &Program, month: &str) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-data/landing/utility1").join(month);
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let name = entry.file_name().to_string_lossy().into_owned();
        program.put(&format!("utility1/{month}/{name}"), &std::fs::read_to_string(entry.path()).unwrap());
    }
}

#[test]
fn service_loads_what_arrives_tells_each_change_once_and_ends_when_asked() {
    let program = Program::new();
    program.config("settle_seconds = 1\npoll_seconds = 1\n");
    std::fs::create_dir_all(program.folder.path().join("landing")).unwrap();
    let told = program.folder.path().join("told.jsonl");
    let hook = format!("cat >> '{}'", told.display());
    let metrics = program.folder.path().join("metrics/feederscope.prom");
    let more = ["--on-change", hook.as_str(), "--today", "2022-09-12", "--metrics", metrics.to_str().unwrap()];
    let mut service = Service::start(&program, &more);
    service.wait_for("the watch", |line| is(line, "watching"));
    sample(&program, "2022-08");
    let run = service.wait_for("the load", |line| is(line, "run"));
    assert_eq!((&run["loaded"], &run["refused"]), (&Value::from(3), &Value::from(0)), "{run}");
    // What somebody acknowledges elsewhere is no open case.
    let of_keys = |line: &Value, change: &str| {
        is(line, "case") && line["change"] == change && line["case"]["what"].as_str().unwrap().contains("same key")
    };
    service.wait_for("a case", |line| of_keys(line, "opened"));
    let decision = ["acknowledge", "key-unique", "--utility", "utility1", "--reason", "asked", "--until", "2022-12-31"];
    assert!(program.call(&[&decision[..], &["--today", "2022-09-12"]].concat()).status.success());
    service.wait_for("the end of what was acknowledged", |line| of_keys(line, "closed"));
    // A file that cannot be taken is a case of its own, and is closed by a whole one.
    program.put("utility1/2022-09/utility1_circuits.csv", "");
    let refused = service.wait_for("the refusal", |line| is(line, "file") && line["outcome"] == "refused");
    assert_eq!((&refused["level"], &refused["month"]), (&Value::from("error"), &Value::from("2022-09")));
    let of_circuits = |line: &Value, change: &str| {
        is(line, "case") && line["change"] == change && line["case"]["what"].as_str().unwrap().contains("refused")
    };
    service.wait_for("its case", |line| of_circuits(line, "opened"));
    // One more such file makes no other case of it, and closes none.
    program.put("utility1/2022-09/utility1_install_der.csv", "");
    service.wait_for("what it is about now", |line| of_circuits(line, "changed") || of_circuits(line, "closed"));
    assert!(!service.seen.iter().any(|line| of_circuits(line, "closed")), "{:#?}", service.seen.last());
    sample(&program, "2022-09");
    service.wait_for("the end of the case", |line| of_circuits(line, "closed"));
    wait_for_state(&program, "idle");
    let scraped = || std::fs::read_to_string(&metrics).unwrap();
    let circuits = std::fs::read_to_string(program.folder.path().join("landing/utility1/2022-09/utility1_circuits.csv")).unwrap();
    let of_circuits = "{utility=\"utility1\",dataset=\"circuits\",environment=\"dev\"}";
    let number = |name: &str| {
        let text = scraped();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("feederscope_{name}{of_circuits} ")));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse::<usize>().unwrap()
    };
    assert_eq!(number("feed_rows") + number("feed_rejected"), circuits.lines().count() - 1);
    assert_eq!(number("feed_late"), 0);
    assert!(scraped().contains("feederscope_up{environment=\"dev\"} 1\n"));
    let names: Vec<String> = scraped().lines().filter(|line| line.starts_with("# TYPE")).map(str::to_owned).collect();
    assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), names.len(), "each family once");
    let (took, code) = service.end();
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!((code, &health(&program)["state"]), (Some(0), &Value::from("stopped")));
    let lines = |path: &Path| std::fs::read_to_string(path).unwrap().lines().count();
    let before = lines(&told);
    let said = service.seen.iter().filter(|line| is(line, "case")).count();
    assert_eq!(before, said, "the command was told of each change");
    // A restart is no news.
    let mut again = Service::start(&program, &more);
    again.wait_for("the watch", |line| is(line, "watching"));
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(again.end().1, Some(0));
    assert_eq!(lines(&told), before);
}

#[test]
fn folder_that_is_not_there_is_said_once_and_waited_for_and_a_command_that_fails_fails_nothing_else() {
    let program = Program::new();
    program.config("settle_seconds = 1\npoll_seconds = 1\n");
    let mut service = Service::start(&program, &["--on-change", "exit 3", "--today", "2022-09-12"]);
    service.wait_for("the missing folder", |line| is(line, "no-landing"));
    assert_eq!(health(&program)["state"], "no-landing");
    // Several looks later.
    std::thread::sleep(Duration::from_secs(1));
    sample(&program, "2022-08");
    program.put("utility1/2022-09/utility1_circuits.csv", "");
    service.wait_for("the load", |line| is(line, "run"));
    service.wait_for("the command's failure", |line| is(line, "not-told"));
    assert_eq!(service.seen.iter().filter(|line| is(line, "no-landing")).count(), 1);
    assert_eq!(service.end().1, Some(0));
}

#[test]
fn another_writer_is_waited_for_and_a_lake_that_cannot_be_written_is_tried_again_and_told() {
    let program = Program::new();
    program.config("settle_seconds = 1\npoll_seconds = 1\n");
    sample(&program, "2022-08");
    let folder = program.folder.path().join("lake");
    let lake = feederscope::lake::Lake::new(&folder, feederscope::model::Environment::Dev).unwrap();
    let lock = lake.lock("somebody else").unwrap().unwrap();
    let told = program.folder.path().join("told.jsonl");
    let hook = format!("cat >> '{}'", told.display());
    let more = ["--today", "2022-09-12", "--on-change", hook.as_str()];
    let mut service = Service::start(&program, &more);
    let locked = service.wait_for("the other writer", |line| is(line, "locked"));
    assert!(locked["holder"].as_str().unwrap().starts_with("somebody else on "), "{locked}");
    assert_eq!(health(&program)["state"], "locked");
    // It is tried again meanwhile, and said once.
    std::thread::sleep(Duration::from_secs(6));
    drop(lock);
    service.wait_for("the load", |line| is(line, "run"));
    assert_eq!(service.seen.iter().filter(|line| is(line, "locked")).count(), 1);
    wait_for_state(&program, "idle");
    // A log that is a file where a folder must be: the run fails, says so, and recovers when it is gone.
    let runs = folder.join("iedr_dev/ops/runs");
    std::fs::rename(&runs, runs.with_extension("away")).unwrap();
    std::fs::write(&runs, "no table").unwrap();
    sample(&program, "2022-09");
    let failed = service.wait_for("the failure", |line| is(line, "run-failed"));
    assert!(failed["again_in_seconds"].as_u64().is_some(), "{failed}");
    assert_eq!(health(&program)["state"], "failed");
    // It fails again, and after a restart too: that is told once, in the log each time.
    service.wait_for("the next failure", |line| is(line, "run-failed"));
    assert_eq!(service.end().1, Some(0));
    let mut service = Service::start(&program, &more);
    service.wait_for("a failure after the restart", |line| is(line, "run-failed"));
    std::fs::remove_file(&runs).unwrap();
    std::fs::rename(runs.with_extension("away"), &runs).unwrap();
    service.wait_for("the next run", |line| is(line, "run") && line["loaded"] == 3);
    service.wait_for("that it recovered", |line| is(line, "recovered"));
    assert_eq!(service.end().1, Some(0));
    assert!(health(&program)["error"].is_null(), "{:#}", health(&program));
    let told = std::fs::read_to_string(told).unwrap();
    let changes: Vec<String> =
        told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["change"].as_str().unwrap().to_owned()).collect();
    let of_runs: Vec<&String> = changes.iter().filter(|change| ["failed", "recovered"].contains(&change.as_str())).collect();
    assert_eq!(of_runs, ["failed", "recovered"], "{changes:?}");
}

/// Feeders, so many that loading them takes a while.
fn many_feeders() -> String {
    (0..400_000).fold(FEEDERS.to_owned(), |text, n| text + &feeder(&format!("F{n}"), "5"))
}

#[test]
fn end_that_is_asked_for_in_the_middle_of_a_load_takes_back_its_step_and_the_next_start_loads_it() {
    let program = Program::new();
    program.config("settle_seconds = 0.2\npoll_seconds = 1\n");
    program.put("utility2/2022-09/utility2_circuits.csv", &many_feeders());
    let mut service = Service::start(&program, &["--today", "2022-09-20"]);
    service.wait_for("the watch", |line| is(line, "watching"));
    wait_for_state(&program, "loading");
    std::thread::sleep(Duration::from_millis(300));
    let (took, code) = service.end();
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!((code, &health(&program)["state"]), (Some(0), &Value::from("stopped")));
    assert!(!service.seen.iter().any(|line| is(line, "run")), "it was not waited for: {:#?}", service.seen);
    let lake = feederscope::lake::Lake::new(&program.folder.path().join("lake"), feederscope::model::Environment::Dev).unwrap();
    assert!(lake.writer().unwrap().is_none());
    let bronze = lake.path(&table_id("bronze/utility2_circuits"));
    let mut folders = vec![bronze];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()) {
            assert!(path.extension().is_none_or(|end| end != "parquet"), "{} was left", path.display());
            folders.push(path);
        }
    }
    let mut again = Service::start(&program, &["--today", "2022-09-20"]);
    let run = again.wait_for("the load", |line| is(line, "run"));
    assert_eq!((&run["loaded"], &run["rows"]), (&Value::from(1), &Value::from(400_000)), "{run}");
    assert_eq!(again.end().1, Some(0));
}

const COPIED: &str = "utility2/2022-09/utility2_circuits.csv";

/// Copies a file of 40 feeders, one after the other.
fn copy_slowly(program: &Program, pause: Duration) -> std::thread::JoinHandle<()> {
    program.put(COPIED, FEEDERS);
    let path = program.folder.path().join("landing").join(COPIED);
    std::thread::spawn(move || {
        use std::io::Write as _;
        let mut file = std::fs::File::options().append(true).open(path).unwrap();
        for n in 0..40 {
            file.write_all(feeder(&format!("F{n}"), "5").as_bytes()).unwrap();
            std::thread::sleep(pause);
        }
    })
}

#[test]
fn file_that_never_stands_still_keeps_no_other_waiting_for_good() {
    use std::io::Write;
    let program = Program::new();
    // A file that has stood still for so long waits 150 times as long for others: 7.5 seconds.
    program.config("settle_seconds = 0.05\npoll_seconds = 1\n");
    program.put(COPIED, FEEDERS);
    program.put("utility2/2022-08/utility2_circuits.csv", &format!("{FEEDERS}{}", feeder("F1", "5")));
    let path = program.folder.path().join("landing").join(COPIED);
    let ended = Arc::new(AtomicBool::new(false));
    let writing = std::thread::spawn({
        let ended = ended.clone();
        move || {
            let mut file = std::fs::File::options().append(true).open(path).unwrap();
            let mut written = 0;
            while !ended.load(Ordering::Relaxed) {
                written += 1;
                file.write_all(feeder(&format!("F{written}"), "5").as_bytes()).unwrap();
                std::thread::sleep(Duration::from_millis(5));
            }
            written
        }
    });
    let begun = Instant::now();
    let mut service = Service::start(&program, &["--today", "2022-09-20"]);
    let moving = service.wait_for("what moves", |line| is(line, "still-moving"));
    assert!(begun.elapsed() >= Duration::from_millis(7_400), "what is delivered together is loaded together");
    assert_eq!((&moving["file"], &moving["level"]), (&Value::from(COPIED), &Value::from("warn")), "{moving}");
    let run = service.wait_for("the load of the other one", |line| is(line, "run"));
    assert_eq!((&run["loaded"], &run["rows"]), (&Value::from(1), &Value::from(1)), "{run}");
    ended.store(true, Ordering::Relaxed);
    let written: u64 = writing.join().unwrap();
    let run = service.wait_for("its load", |line| is(line, "run"));
    assert_eq!((&run["loaded"], &run["rows"]), (&Value::from(1), &Value::from(written)), "{run}");
    assert_eq!(service.end().1, Some(0));
}

#[test]
fn file_that_comes_while_the_first_run_begins_is_read_when_it_is_whole() {
    let program = Program::new();
    program.config("settle_seconds = 3\npoll_seconds = 1\n");
    std::fs::create_dir_all(program.folder.path().join("landing")).unwrap();
    let mut service = Service::start(&program, &["--today", "2022-09-20"]);
    // It stood still, there was nothing, and the first run begins now.
    service.wait_for("the watch", |line| is(line, "watching"));
    let copying = copy_slowly(&program, Duration::from_millis(20));
    let run = service.wait_for("the load", |line| is(line, "run"));
    copying.join().unwrap();
    assert_eq!((&run["loaded"], &run["rows"]), (&Value::from(1), &Value::from(40)), "{run}");
    assert_eq!(service.end().1, Some(0));
}

#[test]
fn load_that_the_console_begins_by_itself_reads_what_has_stood_still_and_one_that_is_asked_for_reads_all() {
    let mut bench = Bench::new();
    (bench.settings.settle, bench.settings.poll) = (Duration::from_secs(3), Duration::from_secs(1));
    bench.put("utility2/2022-09/utility2_circuits.csv", format!("{FEEDERS}{}", feeder("F1", "5")));
    let (sender, events) = channel();
    let wait_for = |what: &dyn Fn(&Event) -> bool| events.iter().find(what).unwrap();
    let jobs = Jobs::new(bench.settings.clone(), bench.lake.clone(), sender);
    jobs.watch();
    wait_for(&|event| matches!(event, Event::FilesStable));
    let feeders: String = (2..1202).map(|n| feeder(&format!("F{n}"), "5")).collect();
    bench.put(COPIED.replace("-09", "-10").as_str(), format!("{FEEDERS}{feeders}"));
    for (files, bronze, rows) in [(Files::Settled, 1, "1 row"), (Files::All, 1201, "1,200 rows")] {
        jobs.start(Job::Run(files));
        let ended = wait_for(&|event| matches!(event, Event::RunEnded(_)));
        let Event::RunEnded(RunEnd::Done(line)) = ended else { panic!("{ended:?}") };
        // With the minute, so that it is no lie when it is old.
        assert!(line.starts_with("1 file loaded 20") && line.ends_with(&format!(" UTC, {rows}, 0 records rejected")), "{line}");
        assert_eq!(bench.rows("bronze/utility2_circuits"), bronze, "{files:?}");
    }
    jobs.start(Job::Run(Files::Settled));
    assert_eq!(format!("{:?}", wait_for(&|event| matches!(event, Event::RunEnded(_)))), "RunEnded(Nothing)");
    jobs.close();
}

#[test]
fn file_that_is_being_copied_when_the_service_starts_is_read_when_it_is_whole() {
    let program = Program::new();
    program.config("settle_seconds = 4\npoll_seconds = 1\n");
    let copying = copy_slowly(&program, Duration::from_millis(150));
    let mut service = Service::start(&program, &["--today", "2022-09-20"]);
    let run = service.wait_for("the load", |line| is(line, "run"));
    copying.join().unwrap();
    assert_eq!((&run["loaded"], &run["rows"]), (&Value::from(1), &Value::from(40)), "{run}");
    assert_eq!(service.end().1, Some(0));
}

#[test]
fn what_is_told_to_nobody_any_more_is_said_and_let_go() {
    let program = Program::new();
    program.config("settle_seconds = 1\npoll_seconds = 1\n");
    sample(&program, "2022-08");
    let mut service = Service::start(&program, &["--on-change", "sleep 20", "--today", "2022-09-12"]);
    service.wait_for("the load", |line| is(line, "run"));
    service.wait_for("a case", |line| is(line, "case"));
    std::thread::sleep(Duration::from_secs(2));
    let (took, code) = service.end();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(code, Some(0));
    let untold = health(&program)["untold"].as_object().unwrap().values().next().unwrap().as_array().unwrap().len();
    let known = health(&program)["cases"].as_object().unwrap().len();
    assert_eq!(untold, known, "nobody was told of any");
    assert!(known > 1);
    // Another command is another one to be told; the same one is told what it does not know, and nothing else.
    let mut other = Service::start(&program, &["--on-change", "exit 0", "--today", "2022-09-12"]);
    let dropped = other.wait_for("what is told to nobody any more", |line| is(line, "not-told"));
    assert!(dropped["message"].as_str().unwrap().contains("`sleep …` ("), "{dropped}");
    assert_eq!(other.end().1, Some(0));
    assert_eq!(health(&program)["untold"], serde_json::json!({}));
}

#[test]
fn command_that_was_being_told_is_told_after_the_next_start_in_order() {
    let program = Program::new();
    program.config("settle_seconds = 1\npoll_seconds = 1\n");
    sample(&program, "2022-08");
    let (told, gate) = (program.folder.path().join("told.jsonl"), program.folder.path().join("gate"));
    let hook = format!("test -e '{}' || {{ sleep 20; exit 1; }}; cat >> '{}'", gate.display(), told.display());
    let more = ["--on-change", hook.as_str(), "--today", "2022-09-12"];
    let mut service = Service::start(&program, &more);
    service.wait_for("the load", |line| is(line, "run"));
    service.wait_for("a case", |line| is(line, "case"));
    wait_for_state(&program, "idle");
    let (took, code) = service.end();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(code, Some(0));
    let said: Vec<Value> = service.seen.iter().filter(|line| is(line, "case")).map(|line| line["case"].clone()).collect();
    assert!(!told.exists());
    std::fs::write(&gate, "").unwrap();
    let mut again = Service::start(&program, &more);
    again.wait_for("the watch", |line| is(line, "watching"));
    wait_for_state(&program, "idle");
    assert_eq!(again.end().1, Some(0));
    let heard: Vec<Value> = std::fs::read_to_string(&told)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["case"].clone())
        .collect();
    assert_eq!(heard, said);
    assert!(said.len() > 1);
}
