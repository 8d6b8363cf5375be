//! `maintain` frees what nobody needs, `repair` mends from what is whole; neither changes what tables say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use feederscope::lake::{Lake, Removed, Vacuum};
use feederscope::model::{Environment, Timestamp};

use crate::program::{Program, code};
use crate::support::{Bench, FEEDERS, NOW, deliveries, feeder, table_id};

fn tables(bench: &Bench) -> Vec<(String, Vec<String>)> {
    let upper = bench.lake.all_tables().into_iter().map(|table| table.to_string()).filter(|table| !table.starts_with("ops/"));
    upper.map(|table| (table.clone(), bench.lines(&table, "*"))).collect()
}

fn vacuum(bench: &Bench, before: Timestamp, vacuum: Vacuum) -> usize {
    let expired = bench.lake.all_tables().into_iter().map(|table| bench.lake.vacuum(&table, before, vacuum).unwrap());
    expired.map(|expired| expired.old.files + expired.orphans.files).sum()
}

#[test]
fn vacuum_removes_old_versions_only_and_later_months_and_corrections_are_as_without_it() {
    let later = Timestamp::from_micros(i64::MAX);
    let load = |with_vacuum: bool| {
        let bench = Bench::new();
        for (file, content) in deliveries() {
            bench.put(file, content);
            bench.at_the_same_time(file);
            bench.run();
        }
        let corrected = "utility2/2022-09/utility2_circuits.csv";
        if with_vacuum {
            assert_eq!(vacuum(&bench, Timestamp::from_micros(0), Vacuum::Remove), 0, "nothing is as old as that");
            let before = tables(&bench);
            let counted = vacuum(&bench, later, Vacuum::Count);
            assert!(counted > 10, "{counted}");
            assert_eq!(vacuum(&bench, later, Vacuum::Remove), counted);
            assert_eq!(vacuum(&bench, later, Vacuum::Remove), 0);
            assert_eq!(tables(&bench), before);
            assert!(bench.run().rebuilt.is_empty());
        }
        bench.put(corrected, format!("{FEEDERS}{}", feeder("A", "7")));
        bench.at_the_same_time(corrected);
        bench.run();
        let mut tables = tables(&bench);
        // What is another one in each run: when, and by which.
        tables.retain(|(table, _)| {
            table.starts_with("silver/fe") || table.starts_with("silver/de") || table.starts_with("platinum/")
        });
        tables
    };
    assert_eq!(load(true), load(false));
}

#[test]
fn runs_free_old_versions_of_tables_that_have_grown_and_say_so() {
    let corrections = |now: Timestamp| {
        let bench = Bench::new();
        let mut freed = Removed::default();
        for n in 0..14 {
            bench.put("utility2/2022-09/utility2_circuits.csv", format!("{FEEDERS}{}", feeder("A", &n.to_string())));
            freed += bench.run_at(&bench.lake, &|| now).unwrap().freed;
        }
        (tables(&bench), freed, vacuum(&bench, Timestamp::from_micros(i64::MAX), Vacuum::Count))
    };
    // No version has ended for thirty days, or every one.
    let young = corrections(NOW);
    let old = corrections(Timestamp::from_micros(NOW.micros() * 3));
    assert_eq!(young.1.files, 0);
    assert!(old.1.files > 20 && old.1.bytes > 0, "{:?}", old.1);
    assert_eq!(old.1.files + old.2, young.2, "what is not freed yet is what is left");
    assert!(old.2 > 0, "a table is looked through when it has grown, not with every run");
    let without_times = |tables: Vec<(String, Vec<String>)>| {
        tables
            .into_iter()
            .filter(|(table, _)| table.starts_with("silver/fe") || table.starts_with("platinum/fe"))
            .collect::<Vec<_>>()
    };
    assert_eq!(without_times(old.0), without_times(young.0));
}

/// What a run frees costs it what came since, not the whole log.
#[test]
fn entries_before_the_earliest_old_file_left_are_not_read() {
    let bench = Bench::new();
    for n in 0..14 {
        bench.put("utility2/2022-09/utility2_circuits.csv", format!("{FEEDERS}{}", feeder("A", &n.to_string())));
        bench.run();
    }
    let table = table_id("silver/feeders");
    let entries = bench.lake.path(&table).join("_delta_log");
    let entry = |version: u32| entries.join(format!("{version:020}.json"));
    assert!(entry(13).exists() && !entry(14).exists());
    let unreadable = |version: u32| {
        let entry = entry(version);
        std::fs::remove_file(&entry).unwrap();
        std::fs::create_dir(&entry).unwrap();
    };
    // Each load but the first takes a file away, the last one in the newest entry.
    unreadable(0);
    let (earliest, latest) = (Timestamp::from_micros(0), Timestamp::from_micros(i64::MAX));
    let freed = |before| bench.lake.free(&table, before, Vacuum::Count).map(|freed| freed.files);
    assert_eq!(freed(latest).unwrap(), 13);
    unreadable(5);
    assert_eq!(freed(earliest).unwrap(), 0);
    assert!(freed(latest).is_err(), "a file that left with the sixth load may be old");
    assert!(bench.lake.vacuum(&table, earliest, Vacuum::Count).is_err(), "an orphan is what no entry names");
}

#[test]
fn decision_that_is_being_written_is_waited_for_and_a_table_that_cannot_be_read_stops_no_other() {
    let bench = Bench::new();
    for (file, content) in deliveries() {
        bench.put(file, content);
    }
    bench.run();
    // Whoever signs has written a file, and not committed it yet.
    let (ops, wait) = (table_id("ops/acknowledgements"), Duration::from_millis(600));
    let file = bench.lake.path(&ops).join("part-00000-aaaaaaaa.parquet");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "of a decision").unwrap();
    let appending = bench.lake.appends().unwrap();
    std::thread::scope(|scope| {
        let begun = Instant::now();
        let other = Lake::new(&bench.settings.lake, Environment::Dev).unwrap();
        let vacuum = scope.spawn(move || {
            other.vacuum(&table_id("ops/runs"), Timestamp::from_micros(0), Vacuum::Remove).unwrap();
            begun.elapsed()
        });
        std::thread::sleep(wait);
        drop(appending);
        assert!(vacuum.join().unwrap() >= wait);
    });
    // A writer who was killed left a staged file in each of two logs, of which one cannot be read.
    let (broken, whole) = (bench.lake.path(&table_id("silver/ders")), bench.lake.path(&table_id("silver/feeders")));
    let staged = ["1.json#1", "2.json#2"].map(|name| whole.join("_delta_log").join(name));
    for file in &staged {
        std::fs::write(file, "x").unwrap();
    }
    let entries = std::fs::read_dir(broken.join("_delta_log")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|end| end == "json")).for_each(|path| std::fs::write(path, "{").unwrap());
    std::fs::write(bench.lake.root().join("writer.lock"), "process 7 since 10:00").unwrap();
    let lake = Lake::new(&bench.settings.lake, Environment::Dev).unwrap();
    let lock = lake.lock("next").unwrap().unwrap();
    assert_eq!(lock.abandoned_by.as_deref(), Some("process 7 since 10:00"));
    let (_, failed) = lake.clear_up_after(&lock);
    assert!(failed.is_some_and(|error| error.to_string().contains("silver/ders")));
    assert!(staged.iter().all(|file| !file.exists()), "the other table is cleared up all the same");
}

#[test]
fn run_after_a_killed_one_removes_what_that_one_wrote_and_leaves_the_rest_to_maintain() {
    let bench = Bench::new();
    for (file, content) in deliveries() {
        bench.put(file, content);
    }
    bench.run();
    let folder = bench.lake.path(&table_id("silver/feeders"));
    let [earlier, his] =
        ["0000", "1111"].map(|end| folder.join(format!("part-01a21cb2-4fab-76a4-ad74-ec400000{end}.snappy.parquet")));
    std::fs::write(&earlier, "of an earlier one").unwrap();
    let an_hour_ago = std::time::SystemTime::now() - Duration::from_hours(1);
    std::fs::File::options().write(true).open(&earlier).unwrap().set_modified(an_hour_ago).unwrap();
    std::fs::write(bench.lake.root().join("writer.lock"), "process 7 since 10:00").unwrap();
    std::fs::write(&his, "of process 7").unwrap();
    let report = bench.run();
    assert!(report.mended.iter().any(|said| said.contains("process 7 since 10:00")), "{:?}", report.mended);
    assert!(earlier.exists() && !his.exists());
    assert_eq!(vacuum(&bench, Timestamp::from_micros(0), Vacuum::Remove), 1);
    assert!(!earlier.exists());
}

/// A lake that the program loaded, and its rows as the commands print them.
struct Loaded(Program);

impl Loaded {
    fn new() -> Self {
        let program = Program::new();
        for (file, content) in deliveries() {
            program.put(file, &content);
        }
        assert!(matches!(code(&program.call(&["run"])), 0 | 3));
        Self(program)
    }

    fn call(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.0.call(arguments);
        (code(&output), String::from_utf8(output.stdout).unwrap())
    }

    fn answers(&self) -> Vec<String> {
        let questions: [&[&str]; 4] = [
            &["feeders", "--format", "csv"],
            &["ders", "A", "--format", "csv"],
            &["diff", "--format", "csv"],
            &["nulls", "--format", "csv"],
        ];
        questions.into_iter().map(|question| self.call(question).1).collect()
    }

    fn table(&self, table: &str) -> PathBuf {
        self.0.folder.path().join("lake/iedr_dev").join(table)
    }

    /// A data file that is part of the newest version.
    fn data_file(&self, table: &str) -> PathBuf {
        let log = self.table(table).join("_delta_log");
        let mut live: Vec<String> = Vec::new();
        for version in 0.. {
            let Ok(text) = std::fs::read_to_string(log.join(format!("{version:020}.json"))) else { break };
            for action in text.lines() {
                let action: serde_json::Value = serde_json::from_str(action).unwrap();
                if let Some(path) = action["remove"]["path"].as_str() {
                    live.retain(|file| file != path);
                }
                live.extend(action["add"]["path"].as_str().map(str::to_owned));
            }
        }
        self.table(table).join(live.last().unwrap())
    }

    /// Every file of the lake but its locks, with what it holds.
    fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let (mut found, mut folders) = (BTreeMap::new(), vec![self.table("")]);
        while let Some(folder) = folders.pop() {
            for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_none_or(|end| end != "lock") {
                    let content = std::fs::read(&path).unwrap();
                    found.insert(path, content);
                }
            }
        }
        found
    }

    fn newest_entry(&self, table: &str) -> PathBuf {
        let log = std::fs::read_dir(self.table(table).join("_delta_log")).unwrap().map(|entry| entry.unwrap().path());
        log.filter(|path| path.extension().is_some_and(|extension| extension == "json")).max().unwrap()
    }
}

/// Damages something; the file.
type Damage = fn(&Loaded) -> PathBuf;

fn truncate(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

#[test]
fn repair_names_what_is_damaged_and_mends_it_from_what_is_whole() {
    let loaded = Loaded::new();
    let whole = loaded.answers();
    assert_eq!(loaded.call(&["repair"]), (0, String::new()), "nothing is damaged");
    let damages: [(&str, Damage); 6] = [
        ("a checkpoint that is none", |loaded| {
            let log = loaded.table("silver/feeders/_delta_log");
            let name = "00000000000000000000.checkpoint.parquet";
            std::fs::write(log.join("_last_checkpoint"), r#"{"version":0,"size":3}"#).unwrap();
            std::fs::write(log.join(name), "no checkpoint").unwrap();
            // The table's name is told: a checkpoint costs no data.
            "feeders".into()
        }),
        ("a truncated data file of platinum", |loaded| {
            let path = loaded.data_file("platinum/feeder_capacity");
            truncate(&path);
            path
        }),
        ("a missing data file of silver", |loaded| {
            let path = loaded.data_file("silver/ders");
            std::fs::remove_file(&path).unwrap();
            path
        }),
        ("a truncated data file of bronze", |loaded| {
            let path = loaded.data_file("bronze/utility2_install_der");
            truncate(&path);
            path
        }),
        ("a newest commit that stops in the middle", |loaded| {
            let path = loaded.newest_entry("silver/feeders");
            truncate(&path);
            path
        }),
        ("a newest commit of zeros", |loaded| {
            let path = loaded.newest_entry("bronze/utility2_circuits");
            std::fs::write(&path, [0; 512]).unwrap();
            path
        }),
    ];
    for (what, damage) in damages {
        let path = damage(&loaded);
        let before = loaded.contents();
        let (exit, told) = loaded.call(&["repair", "--dry-run", "--format", "csv"]);
        assert!(loaded.call(&["maintain", "--dry-run"]).0 <= 3 && loaded.contents() == before, "{what}: it was only asked");
        assert!(exit == 3 && told.contains(&*path.file_name().unwrap().to_string_lossy()), "{what}: {exit} {told}");
        let (exit, told) = loaded.call(&["repair", "--format", "csv"]);
        assert_eq!(exit, 0, "{what}: {told}");
        assert_eq!(loaded.answers(), whole, "{what}");
        assert_eq!(loaded.call(&["repair"]).0, 0, "{what}");
    }
}

#[test]
fn repair_says_what_it_cannot_mend() {
    let loaded = Loaded::new();
    let path = loaded.data_file("bronze/utility2_install_der");
    std::fs::remove_file(&path).unwrap();
    let landing = loaded.0.folder.path().join("landing/utility2/2022-08/utility2_install_der.csv");
    std::fs::remove_file(&landing).unwrap();
    assert_eq!(loaded.call(&["repair", "--dry-run"]).0, 3);
    let output = loaded.0.call(&["repair"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("are gone") && told.contains("loaded again from the landing folder if their files are there"),
        "{told}"
    );
    let log = loaded.table("silver/feeders").join("_delta_log");
    for entry in std::fs::read_dir(&log).unwrap() {
        std::fs::write(entry.unwrap().path(), "no entry").unwrap();
    }
    let output = loaded.0.call(&["repair"]);
    assert_ne!(code(&output), 0);
}

#[test]
fn maintain_frees_what_a_killed_run_left_and_says_how_much() {
    let loaded = Loaded::new();
    let orphan = loaded.table("silver/ders/utility_id=utility2/part-01a21cb2-4fab-76a4-ad74-ec4000000000.snappy.parquet");
    std::fs::write(&orphan, [0; 1000]).unwrap();
    let foreign = loaded.table("silver/ders/utility_id=utility2/theirs.parquet");
    std::fs::write(&foreign, [0; 10]).unwrap();
    let (exit, told) = loaded.call(&["maintain", "--dry-run", "--format", "json"]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let of_ders = told.as_array().unwrap().iter().find(|row| row["table_name"] == "silver/ders").unwrap();
    assert_eq!((exit, &of_ders["orphan_files"], &of_ders["orphan_bytes"]), (0, &1.into(), &1000.into()));
    assert!(orphan.exists());
    let whole = loaded.answers();
    assert_eq!(loaded.call(&["maintain"]).0, 0);
    assert!(!orphan.exists() && foreign.exists(), "what another program put there is its own");
    // A log that is away for a while names the files when it is back.
    let (log, away) = (loaded.table("silver/ders/_delta_log"), loaded.table("away"));
    let file = loaded.data_file("silver/ders");
    std::fs::rename(&log, &away).unwrap();
    loaded.call(&["maintain"]);
    assert!(file.exists());
    std::fs::rename(&away, &log).unwrap();
    assert_eq!(loaded.answers(), whole);
    assert_eq!(loaded.call(&["maintain", "--vacuum-days", "0"]).0, 2, "a console may be reading");
}
