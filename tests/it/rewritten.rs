//! What other programs do to the lake: a nightly job that compacts every table, rows of no delivery.

use std::collections::BTreeMap;
use std::path::PathBuf;

use feederscope::engine::local;
use feederscope::frame::Column;
use feederscope::lake::{Change, Lake, Layer, Vacuum};
use feederscope::model::{Cancel, Timestamp};
use feederscope::pipeline::Request;

use crate::support::{Bench, FEEDERS, INSTALLED, SNAPSHOT, deliveries, feeder, table_id};

/// Puts the files of each partition of a table into one, named as another program would, in a commit that says that no row changed.
pub fn optimize(lake: &Lake, table: &str) {
    let id = table_id(table);
    let snapshot = lake.snapshot(&id).unwrap().unwrap();
    let mut partitions: BTreeMap<Vec<(String, String)>, Vec<String>> = BTreeMap::new();
    for file in &snapshot.files {
        let values = file.partition.iter().map(|(name, value)| (name.clone(), value.clone().unwrap())).collect();
        partitions.entry(values).or_default().push(file.path().to_owned());
    }
    let (mut add, mut remove) = (Vec::new(), Vec::new());
    for (values, paths) in partitions.iter().filter(|(_, paths)| paths.len() > 1) {
        let mut session = local().session(&Cancel::default()).unwrap();
        session.register("t", &snapshot.scan(|file| paths.iter().any(|path| path == file.path()))).unwrap();
        let rows = session.query("SELECT * FROM t").unwrap();
        let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let columns: Vec<Column> =
            snapshot.columns.iter().filter(|column| !values.iter().any(|(name, _)| *name == column.name)).cloned().collect();
        let mut writer = lake.write(&id, &columns, &values).unwrap();
        writer.push(&rows).unwrap();
        add.push(writer.finish().unwrap());
        remove.extend(snapshot.files.iter().filter(|file| paths.iter().any(|path| path == file.path())).cloned());
    }
    assert!(!add.is_empty(), "{table} has one file a partition");
    let change = Change { add, remove, same_rows: true, ..Change::of(Some(&snapshot)) };
    let version = lake.commit(&id, change).unwrap();
    // Under the name that another program would give.
    let folder = lake.path(&id);
    let entry = folder.join(format!("_delta_log/{version:020}.json"));
    let mut log = std::fs::read_to_string(&entry).unwrap();
    let now = lake.snapshot(&id).unwrap().unwrap();
    let old: Vec<&str> = snapshot.files.iter().map(feederscope::lake::DataFile::path).collect();
    for path in now.files.iter().map(feederscope::lake::DataFile::path).filter(|path| !old.contains(path)) {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let foreign =
            format!("{parent}{}part-00000-{}", if parent.is_empty() { "" } else { "/" }, name.trim_start_matches("part-"));
        std::fs::rename(folder.join(path), folder.join(&foreign)).unwrap();
        // The log writes a path as in a URL.
        let encode = |path: &str| path.replace('=', "%3D");
        let before = log.clone();
        log = log.replace(path, &foreign).replace(&encode(path), &encode(&foreign));
        assert_ne!(before, log, "{path} is not in the log");
    }
    std::fs::write(&entry, log).unwrap();
}

const TABLES: [&str; 6] = [
    "bronze/utility2_circuits",
    "silver/feeders",
    "silver/ders",
    "platinum/feeder_capacity",
    "platinum/month_diff",
    "platinum/column_quality",
];

fn rows(bench: &Bench) -> Vec<Vec<String>> {
    TABLES.iter().map(|table| bench.lines(table, "*").iter().map(|line| without_runs(line)).collect()).collect()
}

/// Without what says which run wrote a row.
fn without_runs(line: &str) -> String {
    let is_run = |cell: &&str| cell.len() == 36 && cell.matches('-').count() == 4;
    line.split('|').filter(|cell| !is_run(cell)).collect::<Vec<_>>().join("|")
}

/// Two files a month, so that bronze has something to compact.
fn loaded() -> Bench {
    let mut bench = Bench::new();
    bench.settings.rules = feederscope::config::RuleSet::load(std::path::Path::new("/nowhere")).0;
    for (file, text) in deliveries() {
        bench.put(file, text);
    }
    bench.put(
        "utility2/2022-10/utility2_circuits_east.csv",
        format!("{FEEDERS}{}", feeder("E", "4")).replace("color", "color,extra").replace("green,", "green,x,"),
    );
    bench.put("utility2/2022-09/utility2_install_der.csv", format!("{INSTALLED}D1,null,Solar,9,A,0\n"));
    bench.run();
    bench
}

/// Files named as [`optimize`] names them.
fn foreign_files(bench: &Bench) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![bench.settings.lake.clone()]);
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().contains("/part-00000-") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn lake_that_another_program_compacted_is_refused_until_a_run_puts_it_in_order() {
    let bench = loaded();
    let before = rows(&bench);
    optimize(&bench.lake, "bronze/utility2_circuits");
    optimize(&bench.lake, "silver/ders");
    let refused = |bench: &Bench| {
        let cancel = Cancel::default();
        let work = feederscope::engine::Work::local(&cancel);
        feederscope::pipeline::bronze::BronzeTables::open_all(&bench.lake, &bench.settings.utilities, work)
            .err()
            .map(|error| error.to_string())
    };
    let said = refused(&bench).unwrap();
    assert!(
        said.contains("table `bronze/utility2_circuits` was rewritten by another program") && said.contains("`feederscope run`"),
        "{said}"
    );
    let report = bench.run();
    assert_eq!((report.count("unchanged"), report.count("loaded"), report.restored.len()), (6, 0, 1), "{:?}", report.restored);
    assert_eq!((refused(&bench), rows(&bench)), (None, before.clone()));
    // The other program's files have left their tables, and are its own to remove.
    let (theirs, far) = (foreign_files(&bench), Timestamp::from_micros(i64::MAX / 2));
    assert_eq!(theirs.len(), 2, "{theirs:?}");
    for table in bench.lake.all_tables() {
        bench.lake.vacuum(&table, far, Vacuum::Remove).unwrap();
    }
    assert_eq!((foreign_files(&bench), rows(&bench)), (theirs, before.clone()));
    // As before the run that follows finds nothing to do, and a delivery of one of the two files replaces its own rows.
    let third = bench.run();
    assert_eq!((third.rebuilt.len(), third.restored.len()), (0, 0));
    bench.put("utility2/2022-10/utility2_circuits_east.csv", format!("{FEEDERS}{}", feeder("E", "7")));
    assert_eq!(bench.run().count("superseded"), 1);
    assert_eq!(bench.lines("platinum/feeder_capacity", "feeder_id, max_hosting_capacity_mw"), ["A|6", "B|3", "C|1", "E|7"]);
    let ledger = bench.count("ops/rule_results", "rule_id = 'ledger-closes' AND outcome = 'failed'");
    assert_eq!(ledger, 0);
}

#[test]
fn delivery_that_is_taken_apart_again_came_when_its_own_file_came() {
    let adapters = ["aone", "btwo"].map(|utility| (format!("{utility}.toml"), SNAPSHOT.replace("third", utility)));
    let bench = Bench::with_adapters(&adapters.each_ref().map(|(name, text)| (name.as_str(), text.as_str())));
    let content = "F,kW\nA,5000\n";
    bench.put("aone/2022-09/aone_circuits.csv", content);
    bench.put("aone/2022-09/aone_circuits_b.csv", "F,kW\nA,6000\n");
    bench.run();
    // The same content of another utility, later and under another name.
    bench.put("btwo/2022-09/btwo_circuits.csv", content);
    bench.run();
    let came = |bench: &Bench| {
        let tables = bench.lake.snapshot(&table_id("bronze/aone_circuits")).unwrap().unwrap();
        let mut came: Vec<_> = tables.files.iter().map(|file| file.tag("feederscope.received_at").map(str::to_owned)).collect();
        came.sort();
        (came, bench.lines("platinum/feeder_capacity", "utility_id, feeder_id, max_hosting_capacity_mw"))
    };
    let before = came(&bench);
    assert_eq!(before.1, ["aone|A|6", "btwo|A|5"]);
    optimize(&bench.lake, "bronze/aone_circuits");
    assert_eq!(bench.run().restored.len(), 1);
    assert_eq!(came(&bench), before);
    bench.try_run(&Request { full_refresh: true, ..Request::default() }, &Cancel::default(), &|_| {}).unwrap();
    assert_eq!(came(&bench), before);
}

#[test]
fn rejected_names_no_record_of_a_month_whose_data_file_is_gone() {
    let bench = Bench::new();
    let twice = "D1,null,Solar,1,A,0\nD1,null,Solar,2,A,0\n";
    bench.put("utility2/2022-09/utility2_circuits.csv", format!("{FEEDERS}{}", feeder("A", "5")));
    for month in ["2022-09", "2022-10"] {
        bench.put(&format!("utility2/{month}/utility2_install_der.csv"), format!("{INSTALLED}{twice}D2,{month},Wind,3,A,0\n"));
    }
    bench.run();
    let set_aside = |bench: &Bench| bench.lines("silver/rejected", "dataset, delivery_month, stage, source_line, reason");
    let of = |month: &str| format!("install_der|{month}|silver|2|duplicate-key");
    assert_eq!(set_aside(&bench), [of("2022-09"), of("2022-10")]);
    // The data file of October is lost, and its delivery is in the archive.
    let table = bench.lake.snapshot(&table_id("bronze/utility2_install_der")).unwrap().unwrap();
    let october = table.files.iter().find(|file| file.partition_value("delivery_month") == Some("2022-10")).unwrap();
    std::fs::remove_file(table.path_of(october)).unwrap();
    std::fs::remove_file(bench.landing("utility2/2022-10/utility2_install_der.csv")).unwrap();
    assert_eq!(bench.run().mended.len(), 1);
    assert_eq!(set_aside(&bench), [of("2022-09")]);
    assert_eq!(bench.lines("platinum/der_details", "der_id, nameplate_mw"), ["D1|0.002", "D2|0.003"]);
}

#[test]
fn compacted_tables_above_bronze_are_rebuilt_and_give_the_same() {
    let bench = loaded();
    let before = rows(&bench);
    for table in ["silver/feeders", "silver/ders"] {
        optimize(&bench.lake, table);
    }
    let report = bench.run();
    assert_eq!(report.rebuilt.len(), 1);
    assert_eq!(rows(&bench), before);
    assert_eq!(bench.run().rebuilt.len(), 0);
}

#[test]
fn rows_of_no_delivery_in_bronze_are_named_and_change_nothing() {
    let bench = loaded();
    let id = feederscope::lake::TableId::new(Layer::Bronze, "utility2_circuits");
    let snapshot = bench.lake.snapshot(&id).unwrap().unwrap();
    let mut session = local().session(&Cancel::default()).unwrap();
    session.register("t", &snapshot.scan_all()).unwrap();
    let columns: Vec<Column> = snapshot.columns.iter().filter(|column| column.name != "delivery_month").cloned().collect();
    let cells: Vec<String> = columns
        .iter()
        .map(|column| match column.name.as_str() {
            "_source_file" => "CAST(NULL AS VARCHAR) AS _source_file".to_owned(),
            name => format!("\"{name}\""),
        })
        .collect();
    let strange = session.query(&format!("SELECT {} FROM t LIMIT 1", cells.join(", "))).unwrap();
    let mut writer = bench.lake.write(&id, &columns, &[("delivery_month", "2022-10")]).unwrap();
    writer.push(&strange).unwrap();
    let add = vec![writer.finish().unwrap()];
    bench.lake.commit(&id, Change { add, ..Change::of(Some(&snapshot)) }).unwrap();
    let error = bench.try_run(&Request::default(), &Cancel::default(), &|_| {}).unwrap_err().to_string();
    assert!(error.contains("bronze/utility2_circuits") && error.contains("rows of no delivery"), "{error}");
}

/// Cuts the newest entry of a table's log.
fn damage(bench: &Bench, table: &str, left: impl Fn(&[u8]) -> Vec<u8>) {
    let log = bench.lake.path(&table_id(table)).join("_delta_log");
    let entries = std::fs::read_dir(log).unwrap().map(|entry| entry.unwrap().path());
    let newest = entries.filter(|path| path.extension().is_some_and(|extension| extension == "json")).max().unwrap();
    let content = std::fs::read(&newest).unwrap();
    std::fs::write(newest, left(&content)).unwrap();
}

#[test]
fn newest_entry_that_is_none_is_named_by_readers_and_made_again_by_a_run() {
    type Cut = fn(&[u8]) -> Vec<u8>;
    let cuts: [(&str, Cut); 3] = [
        ("is empty", |_| Vec::new()),
        ("stops in the middle", |content| content[..content.len() / 2].to_vec()),
        ("holds bytes 0 only", |content| vec![0; content.len()]),
    ];
    let bench = loaded();
    let before = rows(&bench);
    let tables = [
        "bronze/utility2_circuits",
        "silver/ders",
        "silver/feeders",
        "platinum/feeder_capacity",
        "platinum/month_diff",
        "ops/runs",
        "ops/rule_results",
    ];
    for (at, table) in tables.into_iter().enumerate() {
        let (what, cut) = cuts[at % 3];
        damage(&bench, table, cut);
        let said = bench.lake.snapshot(&table_id(table)).unwrap_err().to_string();
        assert!(
            said.contains(table) && said.contains(what) && said.contains(".json") && said.contains("`feederscope repair`"),
            "{said}"
        );
        let report = bench.run();
        assert!(
            report.mended.len() == 1 && report.mended[0].contains(table) && report.mended[0].contains("set aside"),
            "{:?}",
            report.mended
        );
        assert_eq!(rows(&bench), before, "{table}");
        let next = bench.run();
        assert_eq!((next.mended.len(), next.rebuilt.len(), next.count("loaded")), (0, 0, 0), "{table}");
    }
}

#[test]
fn entry_that_another_program_is_still_writing_is_let_be() {
    let bench = loaded();
    let table = "silver/feeders";
    let log = bench.lake.path(&table_id(table)).join("_delta_log");
    let entries = std::fs::read_dir(&log).unwrap().map(|entry| entry.unwrap().path());
    let newest = entries.filter(|path| path.extension().is_some_and(|extension| extension == "json")).max().unwrap();
    let whole = std::fs::read(&newest).unwrap();
    std::fs::write(&newest, &whole[..whole.len() / 2]).unwrap();
    let aside = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(100));
            std::fs::write(&newest, &whole).unwrap();
        });
        bench.lake.set_aside_damaged_entry(&table_id(table)).unwrap()
    });
    assert_eq!((aside, std::fs::read(&newest).unwrap()), (None, whole));
}

#[test]
fn data_files_that_are_gone_are_made_again_from_what_is_whole() {
    let bench = loaded();
    let before = rows(&bench);
    for table in
        ["platinum/feeder_capacity", "silver/ders", "silver/feeders", "platinum/column_quality", "bronze/utility2_circuits"]
    {
        let id = table_id(table);
        let snapshot = bench.lake.snapshot(&id).unwrap().unwrap();
        std::fs::remove_file(bench.lake.path(&id).join(snapshot.files[0].path())).unwrap();
        let report = bench.run();
        // Bronze is loaded again from the landing folder; what is made from the same content is as it was.
        let is_bronze = table.starts_with("bronze");
        assert_eq!(
            (report.rebuilt.is_empty(), report.mended.len()),
            (is_bronze, usize::from(is_bronze)),
            "{table}: {:?}",
            report.mended
        );
        assert_eq!(rows(&bench), before, "{table}");
        assert_eq!(bench.run().rebuilt.len(), 0, "{table}");
    }
}

/// Writes some rows of a delivery of circuits once more, or in the place of all of them, as another engine does.
fn rewrite(bench: &Bench, (file, month): (&str, &str), sql: &str, replace: bool) {
    let id = table_id("bronze/utility2_circuits");
    let snapshot = bench.lake.snapshot(&id).unwrap().unwrap();
    let of = |data: &feederscope::lake::DataFile| data.constant("_source_file") == Some(file);
    let mut session = local().session(&Cancel::default()).unwrap();
    session.register("t", &snapshot.scan(of)).unwrap();
    let columns: Vec<Column> = snapshot.columns.iter().filter(|column| column.name != "delivery_month").cloned().collect();
    let names: Vec<String> = columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
    let rows = session.query(&format!("SELECT {} FROM t {sql}", names.join(", "))).unwrap();
    let mut writer = bench.lake.write(&id, &columns, &[("delivery_month", month)]).unwrap();
    writer.push(&rows).unwrap();
    let add = vec![writer.finish().unwrap()];
    let remove = if replace { snapshot.files.iter().filter(|data| of(data)).cloned().collect() } else { Vec::new() };
    bench.lake.commit(&id, Change { add, remove, ..Change::of(Some(&snapshot)) }).unwrap();
}

/// Has the rows of a delivery of circuits in bronze twice.
pub fn double_rows(bench: &Bench, file: &str, month: &str) {
    rewrite(bench, (file, month), "", false);
}

#[test]
fn ledger_does_not_agree_with_rows_that_are_there_twice_or_not_at_all() {
    const FILE: &str = "utility2/2022-10/utility2_circuits.csv";
    let open = |bench: &Bench| {
        bench.count(
            "ops/rule_results",
            "rule_id = 'ledger-closes' AND outcome = 'failed' AND dataset = 'circuits' AND delivery_month = '2022-10'",
        )
    };
    // Another engine appends the rows of a delivery once more.
    let bench = loaded();
    assert_eq!(open(&bench), 0);
    double_rows(&bench, FILE, "2022-10");
    bench.run();
    assert_eq!(open(&bench), 1);
    // Another engine deletes a row.
    let bench = loaded();
    rewrite(&bench, (FILE, "2022-10"), "WHERE _source_line > 2", true);
    let request = Request { full_refresh: true, ..Request::default() };
    bench.try_run(&request, &Cancel::default(), &|_| {}).unwrap();
    assert_eq!(open(&bench), 1);
}
