//! Every step with the disk fails once, or is the last one before the machine stops; the next run must not show it.
//!
//! `FEEDERSCOPE_FAULTS=1` tries every step, `=5` one of five; without it one of 23 of a load and one of 41 of a promotion, each time others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use feederscope::app::reads::runs;
use feederscope::lake::{Faults, Lake, Moment, Operation};
use feederscope::model::{Cancel, Day, Environment, Month, Timestamp};
use feederscope::pipeline::rules::{Decision, Evidence, acknowledge};
use feederscope::pipeline::{PipelineError, Report, Request};

use crate::support::{Bench, FEEDERS, INSTALLED, NOW, feeder};

/// What happens at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It fails, once.
    Fails,
    /// It is the last one: nothing is done with the disk any more, not even to clear up.
    Stops,
}

#[derive(Debug)]
pub struct Fault {
    at: usize,
    kind: Kind,
    seen: AtomicUsize,
    is_over: AtomicBool,
    pub met: std::sync::Mutex<Option<(Operation, Moment)>>,
}

impl Fault {
    pub fn new(at: usize, kind: Kind) -> Arc<Self> {
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
    bench.run_at(lake, &|| NOW)
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

/// The first step to try, and from one to the next.
pub fn steps(stride: usize) -> (usize, usize) {
    let stride = std::env::var("FEEDERSCOPE_FAULTS").ok().and_then(|stride| stride.parse().ok()).unwrap_or(stride);
    (usize::try_from(std::process::id()).unwrap() % stride, stride)
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
    let (first, stride) = steps(23);
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

pub fn copy_of_kept(from: &Path, to: &Path) {
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

/// What a month of a load without faults leaves.
fn undisturbed() -> BTreeMap<String, Vec<String>> {
    let bench = before_the_second_month();
    bench.run();
    tables(&bench)
}

/// Something that happens before each step.
pub struct Always<F>(pub F);

impl<F> std::fmt::Debug for Always<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Always")
    }
}

impl<F: Fn(Operation, &Path) -> std::io::Result<()> + Send + Sync> Faults for Always<F> {
    fn at(&self, operation: Operation, moment: Moment, path: &Path) -> std::io::Result<()> {
        if moment == Moment::Before { self.0(operation, path) } else { Ok(()) }
    }
}

fn with(bench: &Bench, fault: impl Fn(Operation, &Path) -> std::io::Result<()> + Send + Sync + 'static) -> Lake {
    Lake::with_faults(&bench.settings.lake, Environment::Dev, Arc::new(Always(fault))).unwrap()
}

const fn changes_the_disk(operation: Operation) -> bool {
    !matches!(operation, Operation::List | Operation::Get)
}

#[test]
fn disk_that_is_full_read_only_or_forbidden_is_named_and_what_was_there_can_be_read() {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem, StorageFull};
    let (undisturbed, mut bench) = (undisturbed(), before_the_second_month());
    for kind in [StorageFull, ReadOnlyFilesystem, PermissionDenied] {
        // From the first step on; and from the middle of the load, when the first commits are made.
        for free in [0, 40] {
            let before = tables(&bench);
            let done = AtomicUsize::new(0);
            let lake = with(&bench, move |operation, _| {
                let is_over = changes_the_disk(operation) && done.fetch_add(1, Ordering::SeqCst) >= free;
                if is_over { Err(std::io::Error::from(kind)) } else { Ok(()) }
            });
            let error = run_on(&bench, &lake).expect_err("nothing can be written").to_string();
            assert!(error.contains(&std::io::Error::from(kind).to_string()), "{kind:?} after {free}: {error}");
            assert!(error.contains("iedr_dev"), "it names the file: {error}");
            if free == 0 {
                drop(lake);
                assert_eq!(tables(&bench), before, "{kind:?}");
            }
        }
    }
    bench.lake = Lake::new(&bench.settings.lake, Environment::Dev).unwrap();
    run_on(&bench, &bench.lake).unwrap();
    assert_eq!(tables(&bench), undisturbed);
    assert_eq!(orphans(&bench), Vec::<String>::new());
}

/// A load that cannot be committed takes nothing from the one that stands: its findings are those of its own records.
#[test]
fn redelivery_that_is_not_committed_keeps_the_findings_of_the_load_that_stands() {
    const FILE: &str = "utility2/2022-09/utility2_circuits.csv";
    let forty = |id: &str| (0..39).map(|n| feeder(&format!("{id}{n}"), "5")).collect::<String>();
    let (first, second) = (format!("{FEEDERS}{}ragged\n", forty("A")), format!("{FEEDERS}{}other,ragged\n", forty("B")));
    for what in ["the file is gone", "the old one is back", "it is refused", "it comes once more"] {
        let mut bench = Bench::new();
        bench.put(FILE, &first).run();
        bench.put(FILE, &second);
        let lake = with(&bench, |operation, path| {
            let is_commit = changes_the_disk(operation) && path.to_string_lossy().contains("bronze/utility2_circuits/_delta_log");
            if is_commit { Err(std::io::Error::other("no commit")) } else { Ok(()) }
        });
        run_on(&bench, &lake).expect_err("nothing can be committed");
        drop(lake);
        bench.lake = Lake::new(&bench.settings.lake, Environment::Dev).unwrap();
        match what {
            "the file is gone" => std::fs::remove_file(bench.landing(FILE)).unwrap(),
            "the old one is back" => {
                bench.put(FILE, &first);
            }
            "it is refused" => {
                bench.put(FILE, "");
            }
            _ => {}
        }
        for full_refresh in [false, true] {
            bench.try_run(&Request { full_refresh, ..Request::default() }, &Cancel::default(), &|_| {}).unwrap();
            let stands = if what == "it comes once more" { "other,ragged" } else { "ragged" };
            let condition = format!("source_line = 41 AND raw_record = '{stands}'");
            assert_eq!(bench.count("silver/rejected", &condition), 1, "{what}: {:?}", bench.lines("silver/rejected", "*"));
            let summary = bench.lines("platinum/data_quality_summary", "row_count, rejected_count");
            assert_eq!(summary, ["39|1"], "{what}");
        }
    }
}

#[test]
fn file_that_is_refused_after_its_rows_were_written_leaves_none_of_them() {
    let bench = before_the_second_month();
    bench.run();
    let ragged = "ragged\n".repeat(30);
    bench.put("utility2/2022-10/utility2_circuits.csv", format!("{FEEDERS}{}{ragged}", feeder("A", "7")));
    assert_eq!(bench.run().count("refused"), 1);
    assert_eq!(orphans(&bench), Vec::<String>::new());
}

#[test]
fn slow_disk_takes_time_and_nothing_else() {
    let (undisturbed, mut bench) = (undisturbed(), before_the_second_month());
    let lake = with(&bench, |_, _| {
        std::thread::sleep(std::time::Duration::from_millis(5));
        Ok(())
    });
    run_on(&bench, &lake).unwrap();
    bench.lake = Lake::new(&bench.settings.lake, Environment::Dev).unwrap();
    assert_eq!(tables(&bench), undisturbed);
}

#[test]
fn folder_that_goes_away_in_the_middle_of_a_load_costs_the_run_and_no_month() {
    let undisturbed = undisturbed();
    let (first, stride) = steps(41);
    // Before the right to write is taken, a folder that is not there is a new lake.
    let walked = (first..).step_by(stride).filter(|at| *at > 3).map(|at| ("lake", at));
    for (what, at) in [("landing", 60), ("landing", 200), ("lake", 60), ("lake", 200)].into_iter().chain(walked) {
        let mut bench = before_the_second_month();
        let folder = if what == "lake" { bench.settings.lake.clone() } else { bench.settings.landing.clone() };
        let away = folder.with_extension("away");
        let (from, to, step) = (folder.clone(), away.clone(), AtomicUsize::new(0));
        let lake = with(&bench, move |_, _| {
            if step.fetch_add(1, Ordering::SeqCst) == at {
                std::fs::rename(&from, &to)?;
            }
            Ok(())
        });
        let result = run_on(&bench, &lake);
        drop(lake);
        if what == "lake" && result.is_ok() && !away.exists() {
            assert!(at > 100, "a load has more steps than {at}");
            eprintln!("a lake that goes away: every {stride} of {at} steps");
            break;
        }
        // The files may have been read, or everything may have been done, before their folder went.
        let is_done = result.is_ok();
        if let Err(error) = result {
            assert!(error.to_string().contains(what), "at step {at}: {error}");
        }
        assert!(away.exists(), "{what} at step {at}");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::rename(&away, &folder).unwrap();
        bench.lake = Lake::new(&bench.settings.lake, Environment::Dev).unwrap();
        if is_done {
            assert_eq!(tables(&bench), undisturbed, "{what} at step {at}: a run without its folder is not done");
        }
        run_on(&bench, &bench.lake).unwrap_or_else(|error| panic!("{what} at step {at}: {error}"));
        assert_eq!(tables(&bench), undisturbed, "{what} at step {at}");
        assert_eq!(orphans(&bench), Vec::<String>::new(), "{what} at step {at}");
    }
}

#[test]
fn clock_that_goes_backwards_changes_no_table_and_loses_no_book() {
    let undisturbed = undisturbed();
    let bench = Bench::new();
    // A second less with each look at it; an hour less for the second month, and ten years for what comes after it.
    let load = |back_hours: i64| {
        let looks = std::sync::atomic::AtomicI64::new(0);
        let start = NOW.micros() - back_hours * 3_600_000_000;
        let now = || Timestamp::from_micros(start - 1_000_000 * looks.fetch_add(1, Ordering::SeqCst));
        bench.run_at(&bench.lake, &now).unwrap()
    };
    deliver(&bench, MONTHS[0]);
    assert_eq!(load(0).count("loaded"), 2);
    deliver(&bench, MONTHS[1]);
    let second = load(1);
    assert_eq!((second.count("loaded"), second.mended), (2, Vec::new()));
    // But for the table that has the time of the load.
    let without_times = |mut tables: BTreeMap<String, Vec<String>>| {
        tables.remove("platinum/data_quality_summary").expect("it is there");
        tables
    };
    assert_eq!(without_times(tables(&bench)), without_times(undisturbed));
    assert_eq!(bench.rows("ops/runs"), 4);
    // The newest run is the last one that was made, whatever its clock said.
    let history = runs::history(&bench.lake, None, 1).unwrap();
    assert_eq!(history.text("delivery_month", 0).as_deref(), Some("2022-10"));
    // A file that is refused after it was loaded stands refused, and one that is as it was is known.
    bench.put("utility2/2022-10/utility2_circuits.csv", "");
    assert_eq!(load(2).count("refused"), 1);
    let standing = runs::standing_refusals(&bench.lake, &bench.settings).unwrap();
    assert_eq!(standing.len(), 1, "{standing:?}");
    deliver(&bench, MONTHS[1]);
    // Of two decisions, and of two checks, the later one counts: it was made after the other, whatever the clock says.
    let counts = |at: i64, expires_on: Day| {
        let decision = Decision {
            rule: "key-unique",
            utility: "utility2",
            dataset: "install_der",
            month: Month::parse("2022-10").unwrap(),
            failed: 1,
            evidence: &Evidence::default(),
            reason: "asked",
            account: "steward",
            expires_on,
        };
        acknowledge(&bench.lake, &[decision], Timestamp::from_micros(NOW.micros() + at * 1_000_000)).unwrap();
    };
    counts(0, Day::parse("2023-01-01").unwrap());
    counts(-600, Day::parse("2024-01-01").unwrap());
    let last = bench.lines("ops/acknowledgements", "acknowledged_at, expires_on").pop().unwrap();
    assert!(last.ends_with("|2024-01-01"), "{last}");
    let far = load(10 * 365 * 24);
    assert!(far.mended.iter().any(|said| said.contains("the clock says 2012")), "{:?}", far.mended);
}

#[test]
fn readers_of_a_load_see_each_month_whole_and_of_two_writers_one_waits() {
    let rounds = if std::env::var_os("FEEDERSCOPE_FAULTS").is_some() { 20 } else { 2 };
    for round in 0..rounds {
        let bench = before_the_second_month();
        let before = bench.lines("platinum/feeder_capacity", "*");
        let after = {
            let other = before_the_second_month();
            other.run();
            other.lines("platinum/feeder_capacity", "*")
        };
        assert_ne!(before, after);
        let is_over = AtomicBool::new(false);
        let seen = std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut seen = BTreeSet::new();
                while !is_over.load(Ordering::SeqCst) {
                    seen.insert(bench.lines("platinum/feeder_capacity", "*"));
                }
                seen
            });
            let writers: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        let lake = Lake::new(&bench.settings.lake, Environment::Dev).unwrap();
                        run_on(&bench, &lake)
                    })
                })
                .collect();
            let ends: Vec<_> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
            is_over.store(true, Ordering::SeqCst);
            let loaded = ends.iter().flatten().filter(|report| report.count("loaded") == 2).count();
            assert_eq!(loaded, 1, "round {round}: one loads: {ends:?}");
            for end in ends {
                if let Err(error) = end {
                    assert!(matches!(error, PipelineError::Locked { .. }), "round {round}: {error}");
                }
            }
            reader.join().unwrap()
        });
        assert!(seen.iter().all(|seen| *seen == before || *seen == after), "round {round}: {seen:#?}");
        assert_eq!(bench.lines("platinum/feeder_capacity", "*"), after);
        assert_eq!(bench.rows("ops/runs"), 4, "round {round}");
    }
}
