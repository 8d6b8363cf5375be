//! A month costs what it brings: what it does not touch is neither read nor written.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use deltalake::parquet::file::reader::{FileReader, SerializedFileReader};
use feederscope::app::reads::checks;
use feederscope::config::RuleSet;
use feederscope::engine::local;
use feederscope::lake::DataFile;
use feederscope::model::{Cancel, Month};
use feederscope::pipeline::{Report, Request};

use crate::months::PLANNED;
use crate::program::{Program, code};
use crate::support::{Bench, FEEDERS, INSTALLED, SEGMENTS, TABLES, feeder, show};

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

fn files_of(bench: &Bench) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&bench.settings.lake, &mut found);
    found.sort();
    found
}

/// Everything is delivered again each month; a segment moves, a rating changes, and there is a new DER.
fn deliver(bench: &Bench, month: u32) {
    let feeder_of_two = if month.is_multiple_of(2) { "F" } else { "G" };
    let segments = format!("C,S,F,MW,L\nc1,1,F,2.5,1\nc1,2,{feeder_of_two},2.5,0.5\nc2,1,G,{month},1\nc3,1,F,1,0.25\n");
    bench.put(&format!("seg/2022-{month:02}/seg_circuits.csv"), segments);
    let new: String = (8..=month).map(|n| format!("N{n},c2,7\n")).collect();
    bench.put(&format!("seg/2022-{month:02}/seg_install_der.csv"), format!("ID,F,kW\nA,c1,{month}\nB,G,2\nC,c9,1\n{new}"));
}

fn tables(bench: &Bench) -> [Vec<String>; 8] {
    TABLES.map(|table| bench.lines(table, "*"))
}

/// A full refresh from bronze gives the tables of another lake.
fn is_refreshed_to(bench: &Bench, other: &Bench) {
    bench.try_run(&Request { full_refresh: true, ..Request::default() }, &Cancel::default(), &|_| {}).unwrap();
    assert_eq!(tables(bench), tables(other));
}

/// Bronze files that nobody can read, of the same size: a run looks whether they are there, and fails when it opens one.
struct Unreadable(Vec<(PathBuf, Vec<u8>)>);

impl Unreadable {
    /// Those of some months.
    fn of(bench: &Bench, months: &[&str]) -> Self {
        let is_theirs = |file: &PathBuf| {
            let path = file.to_string_lossy();
            path.contains("bronze") && path.ends_with(".parquet") && months.iter().any(|month| path.contains(month))
        };
        let files = files_of(bench).into_iter().filter(is_theirs);
        let made_unreadable = |file: PathBuf| {
            let bytes = std::fs::read(&file).unwrap();
            std::fs::write(&file, vec![0; bytes.len()]).unwrap();
            (file, bytes)
        };
        Self(files.map(made_unreadable).collect())
    }

    fn restore(self) {
        self.0.into_iter().for_each(|(file, bytes)| std::fs::write(file, bytes).unwrap());
    }
}

#[test]
fn month_reads_nothing_of_bronze_but_the_files_of_its_keys_last_records() {
    let adapter = [("seg.toml", SEGMENTS)];
    let (bench, undisturbed) = (Bench::with_adapters(&adapter), Bench::with_adapters(&adapter));
    for bench in [&bench, &undisturbed] {
        for month in 8..12 {
            deliver(bench, month);
            bench.run();
        }
    }
    let old = Unreadable::of(&bench, &["2022-08", "2022-09", "2022-10"]);
    assert_eq!(old.0.len(), 6, "three months of two datasets");
    for bench in [&bench, &undisturbed] {
        deliver(bench, 12);
        let report = bench.run();
        assert_eq!((report.count("loaded"), report.failed, report.mended), (2, vec![], vec![]));
    }
    assert_eq!(tables(&bench), tables(&undisturbed));
    // By hand: two segments moved to the other feeder and back, each month.
    assert_eq!(bench.lines("silver/feeder_circuits", "circuit_id, feeder_id, segment_count"), ["c1|F|2", "c2|G|1", "c3|F|1"]);
    let ders = "dataset, delivery_month, current_count, added, changed, unchanged";
    let of_december: Vec<String> =
        bench.lines("platinum/month_diff", ders).into_iter().filter(|line| line.contains("install_der|2022-12")).collect();
    assert_eq!(of_december, ["install_der|2022-12|8|1|1|6"]);
    // A full refresh from bronze, with every file as it was, gives the same.
    old.restore();
    is_refreshed_to(&bench, &undisturbed);
}

/// Months that deliver changes alone: each record is compared with the last one of its key, wherever that was delivered, and the files
/// of other months are not read, though there were more of them than are looked up in bronze.
#[test]
fn changes_are_compared_with_the_files_of_their_keys_last_records_alone() {
    let adapter = [("seg.toml", SEGMENTS)];
    let (bench, undisturbed) = (Bench::with_adapters(&adapter), Bench::with_adapters(&adapter));
    let month = |n: u32| format!("{}-{:02}", 2021 + (7 + n) / 12, (7 + n) % 12 + 1);
    let deliver = |bench: &Bench, (n, value): (u32, u32), keys: &[u32]| {
        let segments: String = keys.iter().map(|key| format!("c{key},1,F{},{value}.5,1\n", key % 7)).collect();
        let ders: String = keys.iter().map(|key| format!("D{key},F{},{value}\n", key % 7)).collect();
        bench.put(&format!("seg/{}/seg_circuits.csv", month(n)), format!("C,S,F,MW,L\n{segments}"));
        bench.put(&format!("seg/{}/seg_install_der.csv", month(n)), format!("ID,F,kW\n{ders}"));
        let report = bench.run();
        assert_eq!((report.count("loaded"), report.failed, report.mended), (2, vec![], vec![]));
    };
    for bench in [&bench, &undisturbed] {
        deliver(bench, (0, 1), &(0..60).collect::<Vec<_>>());
        (1..=12).for_each(|n| deliver(bench, (n, n + 1), &[n, n + 20]));
    }
    // Keys 5, 12 and 40 were delivered last in month 5, month 12, and in the first one.
    let others: Vec<String> = (1..12).filter(|n| *n != 5).map(month).collect();
    let old = Unreadable::of(&bench, &others.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(old.0.len(), 20, "ten months of two datasets");
    for bench in [&bench, &undisturbed] {
        deliver(bench, (13, 14), &[5, 12, 40, 99]);
    }
    assert_eq!(tables(&bench), tables(&undisturbed));
    let counts = bench.lines("platinum/month_diff", "delivery_month, dataset, current_count, added, changed, unchanged");
    let last: Vec<&String> = counts.iter().filter(|line| line.starts_with(&month(13))).collect();
    assert_eq!(last[..1], ["2022-09|circuits|61|1|3|0"], "{last:?}");
    assert!(last.iter().any(|line| *line == "2022-09|install_der|61|1|3|0"), "{last:?}");
    // What they say again was said in month 13, and by none of their records before.
    for bench in [&bench, &undisturbed] {
        deliver(bench, (14, 14), &[5, 12, 99]);
    }
    let counts = bench.lines("platinum/month_diff", "delivery_month, dataset, current_count, added, changed, unchanged");
    let again = format!("{}|install_der|61|0|0|3", month(14));
    assert!(counts.contains(&again), "{again}: {counts:?}");
    old.restore();
    is_refreshed_to(&bench, &undisturbed);
}

/// Of what was delivered before a month that is corrected, the last delivery that held everything says it all.
#[test]
fn correction_reads_nothing_from_before_the_last_delivery_that_held_everything() {
    let adapter = [("seg.toml", SEGMENTS)];
    let (bench, undisturbed) = (Bench::with_adapters(&adapter), Bench::with_adapters(&adapter));
    for bench in [&bench, &undisturbed] {
        for month in 7..12 {
            deliver(bench, month);
            bench.run();
        }
    }
    let old = Unreadable::of(&bench, &["2022-07", "2022-08"]);
    assert_eq!(old.0.len(), 4, "two months of two datasets");
    let corrected = "C,S,F,MW,L\nc1,1,F,9,1\nc1,2,F,2.5,0.5\nc2,1,G,10,1\nc3,1,K,1,0.25\n";
    for bench in [&bench, &undisturbed] {
        bench.put("seg/2022-10/seg_circuits.csv", corrected);
        let report = bench.run();
        assert_eq!(report.failed, []);
    }
    assert_eq!(tables(&bench), tables(&undisturbed));
    // By hand: c3 was K's in October alone.
    let of_k = bench.lines("silver/feeders", "feeder_id, valid_from_month, valid_to_month");
    assert_eq!(of_k.iter().filter(|line| line.starts_with('K')).collect::<Vec<_>>(), ["K|2022-10|2022-11"]);
    old.restore();
    is_refreshed_to(&bench, &undisturbed);
}

/// Segments that move, by hand: whether months deliver what changed, everything, or snapshots, of each feeder and circuit that a month
/// touches all segments count, those of feeders that it does not touch too, and the others stay as they were.
#[test]
fn feeders_and_circuits_that_a_month_touches_are_put_together_from_all_their_segments() {
    let july = ["c1,1,F,2,1", "c1,2,F,2,1", "c1,3,G,3,1", "c2,1,G,3,1", "c3,1,H,4,1", "c4,1,K,5,1"];
    // G has most of c1 then; H has no segment, and has one again; c1 is touched in F alone.
    let changes = [(8, "c1,2,G,3,1"), (9, "c3,1,F,2,1"), (10, "c3,1,H,6,1"), (11, "c1,1,F,2,5")];
    let snapshot = SEGMENTS.replace("grain = \"segment\"", "grain = \"segment\"\ndelivery = \"snapshot\"");
    for (adapter, is_whole) in [(SEGMENTS, false), (SEGMENTS, true), (&snapshot, true)] {
        let bench = Bench::with_adapters(&[("seg.toml", adapter)]);
        let deliver = |month: u32, segments: &[&str]| {
            bench.put(&format!("seg/2022-{month:02}/seg_circuits.csv"), format!("C,S,F,MW,L\n{}\n", segments.join("\n")));
        };
        deliver(7, &july);
        bench.put("seg/2022-07/seg_install_der.csv", "ID,F,kW\nA,c1,1\nB,c3,1\n");
        bench.run();
        let mut segments = july;
        for (month, changed) in changes {
            let place = segments.iter().position(|segment| segment[..5] == changed[..5]).unwrap();
            segments[place] = changed;
            deliver(month, if is_whole { &segments } else { &segments[place..=place] });
            bench.run();
        }
        let feeders = || {
            let columns = "feeder_id, segment_count, length, circuit_count, valid_from_month, valid_to_month";
            bench.lines("silver/feeders", columns).into_iter().map(|line| line.replace("2022-", "")).collect::<Vec<_>>()
        };
        let expected = [
            "F|1|1|1|08|09",
            "F|1|1|1|10|11",
            "F|1|5|1|11|-",
            "F|2|2|1|07|08",
            "F|2|2|2|09|10",
            "G|2|2|2|07|08",
            "G|3|3|2|08|-",
            "H|1|1|1|07|09",
            "H|1|1|1|10|-",
            "K|1|1|1|07|-",
        ];
        assert_eq!(feeders(), expected, "whole: {is_whole}");
        let circuits = bench.lines("silver/feeder_circuits", "circuit_id, feeder_id, segment_count");
        assert_eq!(circuits, ["c1|G|2", "c2|G|1", "c3|H|1", "c4|K|1"], "whole: {is_whole}");
        let ders = bench.lines("silver/ders", "der_id, feeder_id, valid_from_month").into_iter();
        let expected = ["A|F|2022-07", "A|G|2022-08", "B|F|2022-09", "B|H|2022-07", "B|H|2022-10"];
        assert_eq!(ders.collect::<Vec<_>>(), expected, "whole: {is_whole}");
        let one_by_one = tables(&bench);
        bench.try_run(&Request { full_refresh: true, ..Request::default() }, &Cancel::default(), &|_| {}).unwrap();
        assert_eq!(tables(&bench), one_by_one, "whole: {is_whole}");
    }
}

/// A feeder whose record cannot be read is not gone; it is when the next snapshot does not name it, which holds all else as it was.
#[test]
fn feeder_that_a_snapshot_only_named_ends_with_the_next_one() {
    let adapter = SEGMENTS.replace("grain = \"segment\"", "grain = \"segment\"\ndelivery = \"snapshot\"");
    let bench = Bench::with_adapters(&[("seg.toml", &adapter)]);
    // So many that the file is not refused for one of them.
    let others: String = (1..=100).map(|n| format!("c1,{n},F,2,1\n")).collect();
    for (month, g) in [(7, "c2,1,G,3,1\n"), (8, "c2,1,G,3,1,too,many\n"), (9, "")] {
        bench.put(&format!("seg/2022-{month:02}/seg_circuits.csv"), format!("C,S,F,MW,L\n{others}{g}"));
        assert_eq!(bench.run().count("loaded"), 1, "{month}");
    }
    assert_eq!(bench.count("silver/rejected", "delivery_month = '2022-08' AND stage = 'bronze'"), 1);
    let feeders = bench.lines("silver/feeders", "feeder_id, valid_from_month, valid_to_month");
    assert_eq!(feeders, ["F|2022-07|-", "G|2022-07|2022-09"]);
}

#[test]
fn run_that_finds_nothing_new_writes_nothing_though_files_are_refused_or_repeated() {
    let bench = Bench::new();
    bench.put("utility2/2022-08/utility2_circuits.csv", format!("{FEEDERS}{}", feeder("A", "5")));
    // The same content in a later month, and a file without its key.
    bench.put("utility2/2022-09/utility2_circuits.csv", format!("{FEEDERS}{}", feeder("A", "5")));
    bench.put("utility2/2022-08/utility2_install_der.csv", INSTALLED.replace("DER_ID", "DER") + "D1,null,Solar,7.6,A,0\n");
    let first = bench.run();
    assert_eq!((first.count("loaded"), first.count("unchanged"), first.count("refused")), (1, 1, 1));
    let written = files_of(&bench);
    assert!(!written.is_empty());
    for _ in 0..2 {
        let again = bench.run();
        assert_eq!((again.count("loaded"), again.count("refused")), (0, 1), "what is refused is told each time");
        assert_eq!(files_of(&bench), written);
    }
    // What is said of a file that changed is written down again.
    bench.put("utility2/2022-08/utility2_install_der.csv", INSTALLED.replace("DER_ID", "DR") + "D1,null,Solar,7.6,A,0\n");
    bench.run();
    assert_ne!(files_of(&bench), written);
    assert_eq!(bench.count("ops/runs", "outcome = 'refused'"), 2);
}

#[test]
fn ended_versions_are_added_and_written_again_only_when_they_double() {
    let bench = Bench::new();
    let versions = |bench: &Bench| {
        let files = files_of(bench).into_iter().filter(|file| file.to_string_lossy().contains("silver/feeders/utility_id"));
        files.filter(|file| file.extension().is_some_and(|end| end == "parquet")).count()
    };
    let mut kept = Vec::new();
    for month in 1..=9 {
        bench.put(
            &format!("utility2/2022-{month:02}/utility2_circuits.csv"),
            format!("{FEEDERS}{}{}", feeder("A", &month.to_string()), feeder("B", "3")),
        );
        bench.run();
        let snapshot = bench.lake.snapshot(&crate::support::table_id("silver/feeders")).unwrap().unwrap();
        let mut rows: Vec<u64> = snapshot.files.iter().map(|file| file.rows).collect();
        rows.sort_unstable();
        kept.push(rows);
    }
    // Two current versions, and 0 to 8 ended ones: in files of 1, 2, 4 and 8 as in a binary counter.
    assert_eq!(kept[0], [2]);
    assert_eq!(kept[1], [1, 2]);
    assert_eq!(kept[2], [2, 2]);
    assert_eq!(kept[7], [1, 2, 2, 4]);
    assert_eq!(kept[8], [2, 8]);
    assert!(versions(&bench) > 9, "files of earlier versions of the table stay for its history");
    assert_eq!(bench.rows("silver/feeders"), 10);
}

#[test]
fn ders_that_a_month_leaves_as_they_were_are_copied_in_the_order_that_they_had() {
    let bench = Bench::new();
    bench.put(
        "utility2/2022-08/utility2_circuits.csv",
        format!("{FEEDERS}{}{}{}", feeder("A", "5"), feeder("B", "3"), feeder("C", "3")),
    );
    let ders = "D1,null,Solar,1,C,0\nD2,null,Solar,2,A,0\nD3,null,Solar,3,B,0\nD4,null,Solar,4,A,0\n";
    bench.put("utility2/2022-08/utility2_install_der.csv", format!("{INSTALLED}{ders}"));
    let planned = format!("{PLANNED}Solar,5,null,,null,null,,D9,,B\n");
    bench.put("utility2/2022-08/utility2_planned_der.csv", planned);
    bench.run();
    let planned =
        || bench.lines("platinum/der_details", "status, der_id, also_installed").into_iter().filter(|line| line.contains("D9"));
    assert_eq!(planned().collect::<Vec<_>>(), ["planned|D9|false"]);
    // D4 says more, what was planned is built, and the plan stays as it is.
    bench.put("utility2/2022-09/utility2_install_der.csv", format!("{INSTALLED}D4,null,Solar,7,A,0\nD9,null,Solar,1,B,0\n"));
    bench.run();
    assert_eq!(planned().collect::<Vec<_>>(), ["installed|D9|false", "planned|D9|true"]);
    let files = || {
        let snapshot = bench.lake.snapshot(&crate::support::table_id("platinum/der_details")).unwrap().unwrap();
        let rows = |file: &DataFile| {
            let mut session = local().session(&Cancel::default()).unwrap();
            session.register("t", &snapshot.scan(|other| other.path() == file.path())).unwrap();
            let rows = session.query("SELECT der_id, nameplate_kw, delivery_month FROM t").unwrap();
            (0..rows.height()).map(|row| rows.row(row).iter().map(show).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
        };
        let of = |file: &DataFile| {
            (file.constant("status").unwrap().to_owned(), file.tag("feederscope.touched").is_some(), rows(file))
        };
        snapshot.files.iter().map(of).collect::<BTreeSet<_>>()
    };
    let file =
        |status: &str, touched, rows: &[&str]| (status.to_owned(), touched, rows.iter().map(ToString::to_string).collect());
    // What changed is where it was, what came is in a file of its own.
    let expected = [
        file("installed", false, &["D2 2 2022-09", "D4 7 2022-09", "D3 3 2022-09", "D1 1 2022-09"]),
        file("installed", true, &["D9 1 2022-09"]),
        file("planned", false, &["D9 5 2022-09"]),
    ];
    assert_eq!(files(), BTreeSet::from(expected));
    // So is what moves to another feeder.
    bench.put("utility2/2022-10/utility2_install_der.csv", format!("{INSTALLED}D3,null,Solar,3,A,0\n"));
    bench.run();
    let expected = [
        file("installed", false, &["D2 2 2022-10", "D4 7 2022-10", "D1 1 2022-10"]),
        file("installed", true, &["D3 3 2022-10", "D9 1 2022-10"]),
        file("planned", false, &["D9 5 2022-10"]),
    ];
    assert_eq!(files(), BTreeSet::from(expected));
    let copied = bench.lines("platinum/der_details", "*");
    bench.try_run(&Request { full_refresh: true, ..Request::default() }, &Cancel::default(), &|_| {}).unwrap();
    assert!(files().iter().all(|(_, touched, _)| !touched), "{:?}", files());
    assert_eq!(copied, bench.lines("platinum/der_details", "*"));
    // What another version of the program wrote is not copied; its files say in the log which plan they come from.
    let log = bench.settings.lake.join("iedr_dev/platinum/der_details/_delta_log/00000000000000000003.json");
    let text = std::fs::read_to_string(&log).unwrap();
    let other = text.replace("\"feederscope.plan\":\"", "\"feederscope.plan\":\"of-another-version-");
    assert_ne!(text, other);
    std::fs::write(&log, other).unwrap();
    bench.put("utility2/2022-11/utility2_install_der.csv", format!("{INSTALLED}D1,null,Solar,9,C,0\n"));
    bench.run();
    let mut installed = files().into_iter().filter(|(status, ..)| status == "installed").collect::<Vec<_>>();
    assert_eq!((installed.len(), installed[0].1), (1, false), "{installed:?}");
    installed[0].2.sort();
    assert_eq!(installed[0].2, ["D1 9 2022-11", "D2 2 2022-11", "D3 3 2022-11", "D4 7 2022-11", "D9 1 2022-11"]);
}

/// What no DER says is not copied from month to month, and the first that says it is found.
#[test]
fn columns_without_a_value_are_not_copied() {
    // More rows than are held, each month.
    const DERS: i64 = (1 << 17) + 10;
    let bench = Bench::new();
    let deliver = |month: &str, rows: &str| {
        bench.put(&format!("utility2/{month}/utility2_planned_der.csv"), format!("{PLANNED}{rows}"));
        bench.run();
    };
    // Of the largest file of a table: which of these columns it does not have, though its statistics speak of them.
    let missing = |table: &str| {
        let snapshot = bench.lake.snapshot(&crate::support::table_id(table)).unwrap().unwrap();
        let largest = snapshot.files.iter().max_by_key(|file| file.rows).unwrap();
        let path = bench.settings.lake.join("iedr_dev").join(table).join(largest.path());
        let file = SerializedFileReader::new(std::fs::File::open(path).unwrap()).unwrap();
        let schema = file.metadata().file_metadata().schema_descr();
        let columns = ["der_id", "queue_position_at", "technologies", "valid_to_month"];
        let is_missing = |name: &&str| schema.columns().iter().all(|column| column.name() != *name);
        let missing: Vec<&str> = columns.into_iter().filter(is_missing).collect();
        assert!(missing.iter().all(|name| *name == "valid_to_month" || largest.nulls(name) == Some(largest.rows)), "{missing:?}");
        missing
    };
    // Rows, those with a queue position, and kW.
    let read = |table: &str, condition: &str| {
        let sql = format!(
            "SELECT COUNT(*) AS n, COUNT(queue_position_at) AS queued, SUM(nameplate_kw) AS kw FROM t WHERE technologies IS NULL AND {condition}"
        );
        let row = bench.query(table, &sql);
        (row.count("n", 0), row.count("queued", 0), row.number("kw", 0).unwrap())
    };
    let (all, kw) = (DERS.unsigned_abs(), DERS as f64 * 5.0);
    deliver("2022-08", &(0..DERS).map(|n| format!("Solar,5,null,,null,null,,Q{n},,A\n")).collect::<String>());
    assert_eq!((missing("silver/ders"), read("silver/ders", "is_current")), (vec![], (all, 0, kw)));
    deliver("2022-09", "Solar,7,null,,null,null,,Q1,,A\n");
    assert_eq!(missing("silver/ders"), ["queue_position_at", "technologies", "valid_to_month"]);
    assert_eq!(missing("platinum/der_details"), ["queue_position_at", "technologies", "valid_to_month"]);
    assert_eq!(read("silver/ders", "valid_to_month IS NULL"), (all, 0, kw + 2.0));
    assert_eq!(read("platinum/der_details", "queue_position_at IS NULL"), (all, 0, kw + 2.0));
    deliver("2022-10", "Solar,5,null,,null,null,,Q2,6/5/2020 13:47,A\n");
    assert_eq!(missing("silver/ders"), ["technologies", "valid_to_month"]);
    assert_eq!(missing("platinum/der_details"), ["technologies", "valid_to_month"]);
    deliver("2022-11", "Solar,6,null,,null,null,,Q3,,A\n");
    for table in ["silver/ders", "platinum/der_details"] {
        let condition = if table == "silver/ders" { "is_current" } else { "TRUE" };
        assert_eq!(read(table, condition), (all, 1, kw + 3.0), "{table}");
        assert_eq!(
            read(table, &format!("{condition} AND queue_position_at IS NOT NULL AND der_id = 'Q2'")),
            (1, 1, 5.0),
            "{table}"
        );
    }
    bench.try_run(&Request { full_refresh: true, ..Request::default() }, &Cancel::default(), &|_| {}).unwrap();
    assert_eq!((read("silver/ders", "is_current"), read("silver/ders", "TRUE").0), ((all, 1, kw + 3.0), all + 3));
    assert_eq!(read("platinum/der_details", "TRUE"), (all, 1, kw + 3.0));
}

#[test]
fn ders_that_are_gone_come_back_or_were_corrected_stand_once_among_those_that_were_copied() {
    let adapter = SEGMENTS.replace("[install_der]\n", "[install_der]\ndelivery = \"snapshot\"\n");
    let bench = Bench::with_adapters(&[("seg.toml", &adapter)]);
    let deliver = |month: u32, ders: &str| {
        bench.put(&format!("seg/2022-{month:02}/seg_install_der.csv"), format!("ID,F,kW\n{ders}"));
        bench.run();
        bench.lines("platinum/der_details", "der_id, nameplate_kw, first_seen_month, last_changed_month")
    };
    assert_eq!(deliver(8, "A,F,1\nB,F,2\nC,F,3\n").len(), 3);
    assert_eq!(deliver(9, "A,F,7\nB,F,2\n"), ["A|7|2022-08|2022-09", "B|2|2022-08|2022-08"]);
    let with_c = ["A|7|2022-08|2022-09", "B|2|2022-08|2022-08", "C|3|2022-08|2022-10"];
    assert_eq!(deliver(10, "A,F,7\nB,F,2\nC,F,3\n"), with_c);
    // The newest month comes again, with other DERs.
    let corrected = ["A|7|2022-08|2022-09", "B|2|2022-08|2022-08", "D|4|2022-10|2022-10"];
    assert_eq!(deliver(10, "A,F,7\nB,F,2\nD,F,4\n"), corrected);
}

/// Columns are compared some at a time: what differs in several of them is still one record.
#[test]
fn record_of_a_wide_file_counts_as_changed_once() {
    let bench = Bench::new();
    let extra: Vec<String> = (0..200).map(|n| format!("X{n}")).collect();
    let header = format!("{},{}\n", FEEDERS.trim_end(), extra.join(","));
    let row = |id: &str, cells: &dyn Fn(usize) -> String| {
        let cells: Vec<String> = (0..200).map(cells).collect();
        format!("{},{}\n", feeder(id, "5").trim_end(), cells.join(","))
    };
    let plain = |n: usize| n.to_string();
    bench.put(
        "utility2/2022-08/utility2_circuits.csv",
        header.clone() + &row("A", &plain) + &row("B", &plain) + &row("C", &plain),
    );
    let moved = |n: usize| if n == 3 || n == 150 { "new".into() } else { n.to_string() };
    let notation = |n: usize| if n == 120 { "120.0".into() } else { n.to_string() };
    bench.put("utility2/2022-09/utility2_circuits.csv", header + &row("A", &moved) + &row("B", &notation) + &row("C", &plain));
    bench.run();
    let changes = bench.lines("platinum/field_changes", "dataset, column_name, changed, cosmetic");
    assert_eq!(changes, ["circuits|X120|0|1", "circuits|X150|1|0", "circuits|X3|1|0"]);
    let diffs = bench.lines("platinum/month_diff", "dataset, delivery_month, added, changed, unchanged");
    assert!(diffs.contains(&"circuits|2022-09|0|1|2".to_owned()), "{diffs:?}");
    // By hand: each column has three cells, and the new text beside two numbers in two of them.
    let quality = "delivery_month, column_name, row_count, null_count, distinct_count, min_value, max_value";
    let quality = bench.lines("platinum/column_quality", quality);
    assert_eq!(quality.len(), 2 * 208);
    for line in ["2022-08|X3|3|0|1|3|3", "2022-09|X3|3|0|2|3|new", "2022-09|X120|3|0|2|120|120.0", "2022-09|X199|3|0|1|199|199"] {
        assert!(quality.contains(&line.to_owned()), "{line}");
    }
}

/// What is kept of the months before one that is corrected is not what it was before that month: it has to be made again.
#[test]
fn correction_of_a_month_with_several_before_it_gives_the_tables_of_a_first_load() {
    let adapter = [("seg.toml", SEGMENTS)];
    let deliver_some = |bench: &Bench, month: u32| {
        let file = format!("seg/2022-{month:02}/seg_circuits.csv");
        match month {
            // Everything, a little, and everything again: one file, two, and one. Of the first segment the last record counts.
            7 => {
                let all = "C,S,F,MW,L\nc1,1,H,7,4\nc1,1,F,2,1\nc1,2,F,2,1\nc1,3,G,2,1\nc2,1,G,1,1\nc2,2,G,1,1\nc2,3,G,1,1\nc3,1,H,1,1\n";
                bench.put(&file, all);
            }
            11 => deliver(bench, 11),
            _ => {
                bench.put(&file, format!("C,S,F,MW,L\nc{},{},F,{month},0.5\n", month % 3 + 1, month % 2 + 1));
            }
        }
        bench.put(&format!("seg/2022-{month:02}/seg_install_der.csv"), format!("ID,F,kW\nA,c{},{month}\n", month % 3 + 1));
    };
    let bench = Bench::with_adapters(&adapter);
    for month in 7..13 {
        deliver_some(&bench, month);
        bench.run();
    }
    for corrected in [8, 9, 10, 11] {
        let at_once = Bench::with_adapters(&adapter);
        (7..13).for_each(|month| deliver_some(&at_once, month));
        let correction = "C,S,F,MW,L\nc1,1,G,9,0.125\nc1,2,G,9,0.25\nc9,1,K,3,2\n";
        for bench in [&bench, &at_once] {
            bench.put(&format!("seg/2022-{corrected:02}/seg_circuits.csv"), correction);
            bench.run();
        }
        assert_eq!(tables(&bench), tables(&at_once), "2022-{corrected:02}");
        at_once.try_run(&Request { full_refresh: true, ..Request::default() }, &Cancel::default(), &|_| {}).unwrap();
        assert_eq!(tables(&bench), tables(&at_once), "2022-{corrected:02}, everything again");
        // By hand: only the correction names K, and nothing after it takes it away.
        assert_eq!(bench.count("silver/feeder_circuits", "circuit_id = 'c9' AND feeder_id = 'K'"), 1);
        // The next correction finds the month as it was.
        deliver_some(&bench, corrected);
    }
}

#[test]
fn books_have_few_files_and_say_that_no_row_changed_when_files_become_one() {
    let bench = Bench::new();
    for month in 1..=14 {
        let folder = format!("utility2/20{}-{:02}", 20 + month / 13, (month - 1) % 12 + 1);
        bench.put(&format!("{folder}/utility2_circuits.csv"), format!("{FEEDERS}{}", feeder("A", &month.to_string())));
        bench.run();
    }
    let files = |table: &str| {
        let snapshot = bench.lake.snapshot(&crate::support::table_id(table)).unwrap().unwrap();
        let mut rows: Vec<u64> = snapshot.files.iter().map(|file| file.rows).collect();
        rows.sort_unstable();
        rows
    };
    // The twelfth run made one file of twelve.
    assert_eq!(files("ops/runs"), [1, 1, 12]);
    assert_eq!(bench.count("ops/runs", "outcome = 'loaded'"), 14);
    let log = bench.settings.lake.join("iedr_dev/ops/runs/_delta_log");
    let entry = |version: u64| std::fs::read_to_string(log.join(format!("{version:020}.json"))).unwrap();
    assert_eq!((entry(11).matches("\"dataChange\":true").count(), entry(11).matches("\"dataChange\":false").count()), (1, 0));
    assert_eq!((entry(12).matches("\"dataChange\":true").count(), entry(12).matches("\"dataChange\":false").count()), (0, 13));
    // Three rows a month, those of circuits, feeders and DERs, in files of 2, 4 and 8 months as in a binary counter.
    assert_eq!(files("platinum/month_diff"), [6, 12, 24]);
    let months = bench.lines("platinum/month_diff", "delivery_month");
    assert_eq!(months.len(), 42);
    // A correction of an old month writes again what reaches it.
    bench.put("utility2/2021-01/utility2_circuits.csv", format!("{FEEDERS}{}", feeder("A", "99")));
    bench.run();
    assert_eq!(files("platinum/month_diff"), [6, 12, 24]);
}

/// Of the month after which all is as it was, what it brings is as it was, too: only what compares it with earlier ones is asked again.
fn is_asked_only_what_compares(run: &Report, [corrected, last]: [&str; 2]) {
    let asked = |month: &str| -> BTreeSet<&str> {
        let of_month = run.outcomes.iter().filter(|o| o.utility == "seg" && o.month.to_string() == month);
        of_month.map(|outcome| outcome.rule.as_str()).collect()
    };
    let (of_corrected, of_last) = (asked(corrected), asked(last));
    let comparing = ["ders-do-not-vanish", "nameplate-sum-stable", "capacity-stable", "keys-known"];
    assert!(comparing.iter().all(|rule| of_last.contains(rule)), "{of_last:?}");
    let others = ["nameplate-positive", "ledger-closes", "key-unique"];
    assert!(others.iter().all(|rule| of_corrected.contains(rule) && !of_last.contains(rule)), "{of_last:?}");
}

/// A correction of an old month is folded in up to the month after which everything is as it was: the next one that is delivered whole.
#[test]
fn correction_ends_where_the_state_is_as_it_was() {
    let adapter = [("seg.toml", SEGMENTS)];
    let [mut bench, mut at_once] = [(); 2].map(|()| {
        let mut bench = Bench::with_adapters(&adapter);
        bench.settings.rules = RuleSet::load(Path::new("/nowhere")).0;
        bench
    });
    let segments = "C,S,F,MW,L\nc1,1,F,2.5,1\nc1,2,F,2.5,0.5\nc2,1,G,1,1\n";
    let ders = "ID,F,kW\nB,G,2\nA,c1,1\nC,c9,1\n";
    // A column that no other file has is one that the later ones lack.
    let corrected = "ID,F,kW,Z\nA,c1,99,z\nB,G,2,\n";
    for bench in [&bench, &at_once] {
        for month in 7..10 {
            bench.put(&format!("seg/2022-{month:02}/seg_circuits.csv"), segments.replace("2.5", &format!("{month}")));
            // Each month is another file, and says the same.
            bench.put(&format!("seg/2022-{month:02}/seg_install_der.csv"), format!("{ders}{}", "\n".repeat(month - 7)));
        }
        // A's circuit moves, which ends its version; no file says anything of A.
        bench.put("seg/2022-10/seg_circuits.csv", segments.replace('F', "H").replace("C,S,H", "C,S,F"));
    }
    bench.run();
    let moved = segments.replace("c1,2,F", "c1,2,K");
    at_once.put("seg/2022-08/seg_install_der.csv", corrected).put("seg/2022-08/seg_circuits.csv", &moved);
    let month = |month: u32| Month::parse(&format!("2022-{month:02}"));
    let of_seg = |report: &Report| {
        let reach = report.rebuilt.iter().find(|(utility, _)| utility.as_str() == "seg").map(|(_, reach)| *reach);
        reach.map(|reach| (reach.from, reach.until))
    };
    let outcomes = |bench: &Bench| {
        let outcomes = checks::outcomes(&bench.lake, &bench.settings).unwrap();
        let line = |o: &checks::Checked| {
            (o.month.to_string(), o.utility.clone(), o.dataset.clone(), o.rule.clone(), o.state.as_str(), o.failed, o.checked)
        };
        outcomes.iter().map(line).collect::<BTreeSet<_>>()
    };
    bench.put("seg/2022-08/seg_install_der.csv", corrected).put("seg/2022-08/seg_circuits.csv", &moved);
    // In the same run another utility brings a month of which nothing was asked yet.
    for bench in [&bench, &at_once] {
        bench.put("utility2/2022-11/utility2_circuits.csv", format!("{FEEDERS}{}", feeder("A", "5")));
    }
    let corrected_run = bench.run();
    assert_eq!(of_seg(&corrected_run), Some((month(8), month(9))));
    is_asked_only_what_compares(&corrected_run, ["2022-08", "2022-09"]);
    at_once.run();
    assert_eq!(tables(&bench), tables(&at_once));
    assert_eq!(outcomes(&bench), outcomes(&at_once));
    assert!(outcomes(&bench).iter().any(|(of, utility, ..)| of == "2022-11" && utility == "seg"));
    for bench in [&mut bench, &mut at_once] {
        bench.settings.rules = RuleSet::default();
    }
    // By hand: A is what August says for a month, and of September's record from then on, also where its circuit leads elsewhere.
    let of_a = |bench: &Bench| {
        let columns = "der_id, feeder_id, nameplate_kw, valid_from_month, valid_to_month, _source_file, _source_line";
        let lines = bench.lines("silver/ders", columns).into_iter().filter(|line| line.starts_with("A|"));
        lines.map(|line| line.replace("seg/", "").replace("/seg_install_der.csv", "")).collect::<Vec<_>>()
    };
    let expected = [
        "A|F|1|2022-07|2022-08|2022-07|3",
        "A|F|1|2022-09|2022-10|2022-09|3",
        "A|F|99|2022-08|2022-09|2022-08|2",
        "A|H|1|2022-10|-|2022-09|3",
    ];
    assert_eq!(of_a(&bench), expected);
    // Another correction finds what was kept of the months before it: of c1's second segment that is August's.
    for bench in [&bench, &at_once] {
        bench.put("seg/2022-09/seg_circuits.csv", "C,S,F,MW,L\nc2,1,G,1,1\n");
        bench.run();
    }
    assert_eq!(tables(&bench), tables(&at_once));
    // So does the next month.
    for bench in [&bench, &at_once] {
        bench.put("seg/2022-11/seg_circuits.csv", "C,S,F,MW,L\nc1,2,K,9,0.5\n");
        bench.put("seg/2022-11/seg_install_der.csv", "ID,F,kW\nB,K,3\nE,c2,1\n");
        bench.run();
    }
    assert_eq!(tables(&bench), tables(&at_once));
    // X is in August's file alone, and stays: nothing is as it was, up to the newest month.
    for bench in [&bench, &at_once] {
        bench.put("seg/2022-08/seg_install_der.csv", format!("{corrected}X,c1,5,\n"));
    }
    assert_eq!(of_seg(&bench.run()), Some((month(8), None)));
    at_once.try_run(&Request { full_refresh: true, ..Request::default() }, &Cancel::default(), &|_| {}).unwrap();
    assert_eq!(tables(&bench), tables(&at_once));
}

#[test]
fn month_after_a_late_one_that_changes_nothing_follows_that_one() {
    let bench = Bench::with_adapters(&[("seg.toml", SEGMENTS)]);
    let ders = "ID,F,kW\nA,c1,1\nB,G,2\n";
    bench.put("seg/2022-08/seg_circuits.csv", "C,S,F,MW,L\nc1,1,F,2.5,1\n");
    bench.put("seg/2022-08/seg_install_der.csv", ders);
    bench.put("seg/2022-10/seg_install_der.csv", ders.replace("B,G,2", "B,G,3"));
    bench.put("seg/2022-11/seg_install_der.csv", ders);
    bench.run();
    bench.put("seg/2022-09/seg_install_der.csv", format!("{ders}\n"));
    let reach = bench.run().rebuilt.into_iter().map(|(_, reach)| reach.until).collect::<Vec<_>>();
    assert_eq!(reach, [Month::parse("2022-10")], "the late month and the one that is compared with it, not all");
    let previous = bench.lines("platinum/month_diff", "dataset, delivery_month, previous_month");
    let of_october: Vec<&str> = previous.iter().filter_map(|line| line.split_once("|2022-10|")).map(|(of, _)| of).collect();
    assert_eq!(of_october, ["ders", "feeders", "install_der"]);
    assert!(previous.iter().filter(|line| line.contains("|2022-10|")).all(|line| line.ends_with("|2022-09")), "{previous:?}");
    let one_by_one = tables(&bench);
    bench.try_run(&Request { full_refresh: true, ..Request::default() }, &Cancel::default(), &|_| {}).unwrap();
    assert_eq!(tables(&bench), one_by_one);
}

/// DERs that a month leaves as they were go from file to file as they are stored: no query reads them to write them again.
#[test]
fn what_stays_is_copied_as_it_is_stored() {
    let program = Program::new();
    let feeders: String = (0..30).map(|n| feeder(&format!("F{n}"), "5")).collect();
    let ders =
        |kw: &str, ids: std::ops::Range<u32>| -> String { ids.map(|n| format!("D{n},null,Solar,{kw},F{n},0\n")).collect() };
    program.put("utility2/2022-08/utility2_circuits.csv", &format!("{FEEDERS}{feeders}"));
    program.put("utility2/2022-08/utility2_install_der.csv", &format!("{INSTALLED}{}", ders("7.5", 0..30)));
    assert_ne!(code(&program.call(&["run"])), 1);
    program.put("utility2/2022-09/utility2_circuits.csv", &format!("{FEEDERS}{}", feeder("F1", "6")));
    program.put("utility2/2022-09/utility2_install_der.csv", &format!("{INSTALLED}{}", ders("8", 3..5)));
    let output = program.command(&["run"]).env("FEEDERSCOPE_LOG", "feederscope::sql=debug").output().unwrap();
    assert_ne!(code(&output), 1, "{output:?}");
    let log = String::from_utf8(output.stderr).unwrap();
    let plans: Vec<&str> = log.split("DEBUG").collect();
    let are_there = |part: &str| plans.iter().any(|plan| plan.contains(part));
    assert!(are_there("ended_keys") && are_there("FROM touched"), "the log tells of plans");
    let copies = |plan: &&&str| {
        plan.contains("FROM current_versions AS c LEFT ANTI JOIN ended_keys") && plan.contains("c.der_id")
            || plan.contains("FROM before AS r LEFT ANTI JOIN touched") && !plan.contains("UNION ALL")
    };
    assert_eq!(plans.iter().filter(copies).collect::<Vec<_>>(), [] as [&&str; 0]);
    // Nor does one read the records that the month replaces: they are where `places` says.
    assert!(are_there("standing_line") && are_there("FROM standing"), "the log tells of plans");
    assert!(!are_there("placed_files"));
    let shown = program.call(&["ders", "F3", "--format", "csv"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(shown.lines().filter(|line| line.contains("D3") && line.contains(",8,")).count(), 1, "{shown}");
}
