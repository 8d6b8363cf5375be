//! Every step with the disk fails once, or is the last one before the machine stops; the next run must not show it.
//!
//! `FEEDERSCOPE_FAULTS=1` tries every step, `=5` one of five; without it one of 37, each time others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use feederscope::engine::Work;
use feederscope::lake::{Faults, Lake, Moment, Operation};
use feederscope::model::{Cancel, Environment};
use feederscope::pipeline::run::Run;
use feederscope::pipeline::{PipelineError, Report, Request};

use crate::support::{Bench, FEEDERS, INSTALLED, NOW, feeder};

/// What happens at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It fails, once.
    Fails,
    /// It is the last one: nothing is done with the disk any more, not even to clear up.
    Stops,
}

#[derive(Debug)]
struct Fault {
    at: usize,
    kind: Kind,
    seen: AtomicUsize,
    is_over: AtomicBool,
    met: std::sync::Mutex<Option<(Operation, Moment)>>,
}

impl Fault {
    fn new(at: usize, kind: Kind) -> Arc<Self> {
        Arc::new(Self { at, kind, seen: AtomicUsize::new(0), is_over: AtomicBool::new(false), met: std::sync::Mutex::default() })
    }
}

impl Faults for Fault {
    fn at(&self, operation: Operation, moment: Moment, _: &Path) -> std::io::Result<()> {
        if self.is_over.load(Ordering::SeqCst) {
            return Err(std::io::Error::other("the machine has stopped"));
        }
        if self.seen.fetch_add(1, Ordering::SeqCst) != self.at {
            return Ok(());
        }
        *self.met.lock().unwrap() = Some((operation, moment));
        self.is_over.store(self.kind == Kind::Stops, Ordering::SeqCst);
        Err(std::io::Error::from(std::io::ErrorKind::StorageFull))
    }
}

/// Feeders and DERs of two months, the second of which changes, adds and closes.
const MONTHS: [(&str, &str, &str); 2] = [
    ("2022-09", "A:5 B:3", "D1,null,Solar,7.6,A,0\nD2,null,Wind,100,B,0\n"),
    ("2022-10", "A:6 C:1", "D1,null,Solar,8,C,0\nD3,null,Wind,1,A,0\nD3,null,Wind,2,A,0\n"),
];

fn deliver(bench: &Bench, (month, feeders, ders): (&str, &str, &str)) {
    let feeders: String = feeders.split(' ').filter_map(|of| of.split_once(':')).map(|(id, mw)| feeder(id, mw)).collect();
    for (dataset, content) in [("circuits", format!("{FEEDERS}{feeders}")), ("install_der", format!("{INSTALLED}{ders}"))] {
        let file = format!("utility2/{month}/utility2_{dataset}.csv");
        bench.put(&file, content);
        bench.at_the_same_time(&file);
    }
}

/// A bench whose first month is loaded and whose second one has come.
fn before_the_second_month() -> Bench {
    let bench = Bench::new();
    deliver(&bench, MONTHS[0]);
    bench.run();
    deliver(&bench, MONTHS[1]);
    bench
}

fn run_on(bench: &Bench, lake: &Lake) -> Result<Report, PipelineError> {
    let cancel = Cancel::default();
    let observer = |_| {};
    let request = Request::default();
    Run { settings: &bench.settings, lake, request: &request, work: Work::local(&cancel), observer: &observer, now: &|| NOW }
        .execute()
}

/// Each table's rows, without what is another one in each run.
fn tables(bench: &Bench) -> BTreeMap<String, Vec<String>> {
    let columns = |table: &str| match table {
        "bronze/utility2_circuits" => "_source_file, _source_line, \"Master_CDF\", feeder_max_hc",
        "bronze/utility2_install_der" => "_source_file, _source_line, \"DER_ID\", \"DER_NAMEPLATE_RATING\"",
        "silver/rejected" => "utility_id, dataset, delivery_month, stage, source_file, source_line, reason, value, raw_record",
        _ => "*",
    };
    let made: Vec<String> =
        bench.lake.all_tables().iter().map(ToString::to_string).filter(|table| !table.starts_with("ops/")).collect();
    made.into_iter()
        .map(|table| {
            let lines = bench.lines(&table, columns(&table));
            (table, lines)
        })
        .collect()
}

/// Data files below the lake, and those that the tables' states of any version name.
fn orphans(bench: &Bench) -> Vec<String> {
    let mut orphans = Vec::new();
    for table in bench.lake.all_tables() {
        let folder = bench.lake.path(&table);
        let mut named = BTreeSet::new();
        for entry in std::fs::read_dir(folder.join("_delta_log")).unwrap().map(|entry| entry.unwrap().path()) {
            assert!(!entry.to_string_lossy().contains('#'), "{} was left", entry.display());
            for line in std::fs::read_to_string(&entry).unwrap_or_default().lines() {
                let line: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
                named.extend(
                    [&line["add"]["path"], &line["remove"]["path"]]
                        .into_iter()
                        .filter_map(|path| path.as_str().map(str::to_owned)),
                );
            }
        }
        let mut folders = vec![folder.clone()];
        while let Some(of) = folders.pop() {
            for path in std::fs::read_dir(of).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "parquet") {
                    let below = path.strip_prefix(&folder).unwrap().to_string_lossy().into_owned();
                    if !named.contains(&below) && !below.starts_with("_delta_log") {
                        orphans.push(format!("{table}: {below}"));
                    }
                }
            }
        }
    }
    orphans
}

fn copy_of(bench: &Bench, into: &Path) {
    let status = std::process::Command::new("cp").arg("-a").arg(&bench.settings.lake).arg(into).status().unwrap();
    assert!(status.success());
}

/// Walks the steps of a second month's load.
fn walk(kind: Kind) {
    let undisturbed = {
        let bench = before_the_second_month();
        bench.run();
        tables(&bench)
    };
    let mut bench = before_the_second_month();
    let kept = tempfile::tempdir().unwrap();
    copy_of(&bench, &kept.path().join("kept"));
    let stride = std::env::var("FEEDERSCOPE_FAULTS").ok().and_then(|stride| stride.parse().ok()).unwrap_or(37);
    let first = usize::try_from(std::process::id()).unwrap() % stride;
    let mut met = BTreeMap::<(Operation, Moment), usize>::new();
    for at in (first..).step_by(stride) {
        std::fs::remove_dir_all(&bench.settings.lake).unwrap();
        copy_of_kept(&kept.path().join("kept"), &bench.settings.lake);
        let fault = Fault::new(at, kind);
        let disturbed = Lake::with_faults(&bench.settings.lake, Environment::Dev, fault.clone()).unwrap();
        // It may fail or not: a step whose failure costs nothing is none.
        let _ = run_on(&bench, &disturbed);
        let Some(at_step) = *fault.met.lock().unwrap() else { break };
        *met.entry(at_step).or_default() += 1;
        drop(disturbed);
        // Another process, on a disk that works.
        bench.lake = Lake::new(&bench.settings.lake, Environment::Dev).unwrap();
        run_on(&bench, &bench.lake).unwrap_or_else(|error| panic!("step {at} ({at_step:?}): the run after it: {error}"));
        assert_eq!(tables(&bench), undisturbed, "step {at} ({at_step:?})");
        assert_eq!(orphans(&bench), Vec::<String>::new(), "step {at} ({at_step:?})");
        let again = run_on(&bench, &bench.lake).unwrap();
        assert!(again.rebuilt.is_empty() && again.mended.is_empty(), "step {at} ({at_step:?}): {again:?}");
    }
    let steps: usize = met.values().sum();
    eprintln!("{kind:?}: {steps} steps: {met:?}");
    assert!(steps * stride > 100, "a load has more steps than {steps} times {stride}");
}

fn copy_of_kept(from: &Path, to: &Path) {
    let status = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

#[test]
fn step_that_fails_once_leaves_nothing_that_the_next_run_does_not_mend() {
    walk(Kind::Fails);
}

#[test]
fn machine_that_stops_at_any_step_loses_and_doubles_nothing() {
    walk(Kind::Stops);
}
