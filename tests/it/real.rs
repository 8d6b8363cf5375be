//! The public files of October 2022 against counts made by other means (`expected.json`: Python's csv module).

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use feederscope::config::RuleSet;
use feederscope::model::Day;
use serde_json::Value as Json;

use crate::console::Console;
use crate::support::Bench;

/// The folder of the public files; `None`, and a word about it, where it is missing.
pub fn real() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/real");
    if folder.join("expected.json").is_file() {
        return Some(folder);
    }
    assert!(!folder.with_file_name("DESIGN.md").is_file(), "the public input files are not in {}", folder.display());
    // To the stream itself: what a test that passes prints is not shown.
    std::io::stderr().write_all(b"skipped: the public input files are not beside the project (../shared/real)\n").unwrap();
    None
}

pub const FILES: [&str; 6] = [
    "utility1_circuits",
    "utility1_install_der",
    "utility1_planned_der",
    "utility2_circuits",
    "utility2_install_der",
    "utility2_planned_der",
];

fn loaded(folder: &Path) -> Bench {
    let mut bench = Bench::new();
    bench.settings.rules = RuleSet::load(Path::new("/nowhere")).0;
    bench.settings.today = Day::parse("2022-10-20").unwrap();
    for file in FILES {
        bench.copy(&folder.join(format!("{file}.csv")), &format!("{}/2022-10/{file}.csv", &file[..8]));
    }
    let report = bench.run();
    assert_eq!((report.count("loaded"), report.refused().count()), (6, 0));
    bench
}

#[test]
fn public_month_gives_the_expected_tables() {
    let Some(folder) = real() else { return };
    let expected: Json = serde_json::from_str(&std::fs::read_to_string(folder.join("expected.json")).unwrap()).unwrap();
    let bench = loaded(&folder);
    assert_eq!(bench.rows("platinum/feeder_capacity"), 2176);
    assert_eq!(bench.count("silver/ders", "is_current"), 71_908);
    feeders_above_each_capacity_agree(&bench, &expected);
    links_agree(&bench, &expected);
    missing_cells_agree(&bench, &expected);
    feeders_agree(&bench, &expected);
    console_tells_how_many_there_are(&bench, &expected);
    public_facts_are_found(&bench);
    public_facts_fail_rules(&bench);
    repeated_run_changes_nothing(&bench);
}

fn feeders_above_each_capacity_agree(bench: &Bench, expected: &Json) {
    for (mw, count) in expected["feeders_over_mw"].as_object().unwrap() {
        assert_eq!(
            Some(bench.count("platinum/feeder_capacity", &format!("max_hosting_capacity_mw > {mw}"))),
            count.as_u64(),
            "over {mw} MW"
        );
    }
    for (utility, count) in expected["feeders"].as_object().unwrap() {
        assert_eq!(Some(bench.count("platinum/feeder_capacity", &format!("utility_id = '{utility}'"))), count.as_u64());
    }
}

fn links_agree(bench: &Bench, expected: &Json) {
    for (name, count) in expected["feeder_link"].as_object().unwrap() {
        let (utility, rest) = name.split_once(' ').unwrap();
        let (status, link) = rest.split_once(' ').unwrap();
        let matches = match link {
            "resolved" => "'circuit', 'feeder'",
            "missing" => "'missing'",
            _ => "'unmatched', 'transmission'",
        };
        let condition = format!("utility_id = '{utility}' AND status = '{status}' AND feeder_match IN ({matches})");
        assert_eq!(Some(bench.count("platinum/der_details", &condition)), count.as_u64(), "{name}");
    }
    for (utility, count) in expected["also_installed"].as_object().unwrap() {
        assert_eq!(
            Some(bench.count("platinum/der_details", &format!("utility_id = '{utility}' AND also_installed"))),
            count.as_u64()
        );
    }
}

fn missing_cells_agree(bench: &Bench, expected: &Json) {
    let mut columns = 0;
    for (table, missing) in expected["missing"].as_object().unwrap() {
        let (utility, dataset) = table.split_at(8);
        let condition = format!("utility_id = '{utility}' AND dataset = '{}'", &dataset[1..]);
        let rows = bench.query("platinum/column_quality", &format!("SELECT column_name, missing_count FROM t WHERE {condition}"));
        for row in 0..rows.height() {
            let column = rows.text("column_name", row).unwrap();
            let Some(count) = missing[&column].as_u64() else { continue };
            assert_eq!(rows.count("missing_count", row), count, "{table}.{column}");
            columns += 1;
        }
    }
    assert_eq!(columns, 16 + 23 + 22 + 8 + 6 + 10);
}

/// Lists of which only a piece is held, or shown, say how long they are.
fn console_tells_how_many_there_are(bench: &Bench, expected: &Json) {
    let size = (160, 45);
    let mut console = Console::with(bench.settings.clone(), bench.lake.clone());
    console.press("6 v");
    console.shows(size, "1 of 71,908");
    console.press("G");
    console.shows(size, "71,908 of 71,908");
    let missing = expected["missing"].as_object().unwrap().iter();
    let columns = missing.flat_map(|(table, columns)| columns.as_object().unwrap().iter().map(move |column| (table, column)));
    let (table, (column, count)) = columns
        .filter(|(_, (_, count))| count.as_u64().is_some_and(|count| count > 1000))
        .min_by_key(|(table, (column, _))| (*table, *column))
        .unwrap();
    let (utility, dataset) = table.split_at(8);
    console.press("4 /").type_(&format!("column = \"{column}\" and utility = {utility} and of = {}", &dataset[1..]));
    console.press("enter enter");
    let count = count.as_u64().unwrap();
    console.shows(size, &format!("the first 1,000 of {},{:03}", count / 1000, count % 1000));
}

fn feeders_agree(bench: &Bench, expected: &Json) {
    let rows = bench.query("platinum/feeder_capacity", "SELECT * FROM t WHERE installed_der_count + planned_der_count > 0");
    let per_feeder = expected["per_feeder"].as_object().unwrap();
    assert_eq!(rows.height(), per_feeder.len());
    for row in 0..rows.height() {
        let key = format!("{}|{}", rows.text("utility_id", row).unwrap(), rows.text("feeder_id", row).unwrap());
        let feeder = &per_feeder[&key];
        assert_eq!(Some(rows.count("installed_der_count", row)), feeder["installed"].as_u64(), "{key}");
        assert_eq!(Some(rows.count("planned_der_count", row)), feeder["planned"].as_u64(), "{key}");
        for (column, name) in [("installed_der_mw", "installed_kw"), ("planned_der_mw", "planned_kw")] {
            let (found, kw) = (rows.number(column, row).unwrap() * 1000.0, feeder[name].as_f64().unwrap());
            assert!((found - kw).abs() < 0.01, "{key}: {column} is {found} kW, expected {kw}");
        }
    }
}

/// What the public files are known for, counted by hand.
fn public_facts_are_found(bench: &Bench) {
    let quality = |column: &str, what: &str| {
        bench.query("platinum/column_quality", &format!("SELECT {what} AS n FROM t WHERE column_name = '{column}'")).count("n", 0)
    };
    assert_eq!(quality("PLANNED_INSTALLATION_DATE", "null_count"), 20_161);
    assert_eq!(quality("CompletionDate", "invalid_count"), 1688 - 462);
    for column in ["DER_STATUS", "INVERTER_NAMEPLATE_RATING"] {
        assert_eq!(quality(column, "sentinel_count"), 30_957, "{column}");
    }
    assert_eq!(quality("SERVICE_STREET_ADDRESS", "sentinel_count"), 25_537);
    let unmatched = |status: &str, kind: &str| {
        bench.count("silver/ders", &format!("utility_id = 'utility2' AND status = '{status}' AND feeder_match = '{kind}'"))
    };
    assert_eq!((unmatched("installed", "unmatched"), unmatched("planned", "unmatched")), (209, 268));
    assert_eq!((unmatched("installed", "missing"), unmatched("planned", "missing")), (202, 575));
    assert_eq!(
        bench.lines("silver/rejected", "dataset, stage, source_line, reason, column_name, value"),
        ["install_der|silver|1223|duplicate-key|ProjectID|12979"]
    );
    assert_eq!(bench.rows("bronze/utility1_circuits"), 64_539);
    assert_eq!(bench.rows("silver/feeders"), 267 + 1_909);
    // Two files start with a byte-order mark (`head -c 3 FILE | xxd`).
    assert_eq!(
        bench
            .lines("ops/runs", "source_file, detail")
            .iter()
            .filter(|line| line.contains("byte-order mark"))
            .map(|line| line.split('|').next().unwrap().rsplit('/').next().unwrap().to_owned())
            .collect::<Vec<_>>(),
        ["utility2_install_der.csv", "utility2_planned_der.csv"]
    );
    // Map colours are bands of the feeder's capacity: its best segment sets both.
    assert_eq!(
        bench.count("silver/feeders", "utility_id = 'utility1' AND map_color = 'dark blue' AND max_hosting_capacity_mw < 5"),
        0
    );
}

/// The same as rules see it.
fn public_facts_fail_rules(bench: &Bench) {
    let failed = |utility: &str, dataset: &str, rule: &str| {
        let place = format!("utility_id = '{utility}' AND dataset = '{dataset}' AND rule_id = '{rule}'");
        bench.query("ops/rule_results", &format!("SELECT MAX(failed_count) AS n FROM t WHERE {place}")).count("n", 0)
    };
    assert_eq!(failed("utility2", "ders", "installed-not-planned"), 24_689);
    assert_eq!(failed("utility2", "ders", "feeder-reference-resolves"), 209 + 268);
    assert_eq!(failed("utility2", "ders", "feeder-reference-present"), 202 + 575);
    assert_eq!(failed("utility1", "install_der", "key-unique"), 1);
    assert_eq!(failed("utility1", "install_der", "nameplate-is-sum-of-technologies"), 257);
    // In every row that has a date at all: 1,688 rows, 462 of them without.
    assert_eq!(failed("utility1", "planned_der", "completion-date-not-damaged"), 1688 - 462);
    // `On Hold`, `ASAP`, `Q3 2022`, `12/15/2021 Per AW` and the like, counted by Python's datetime.
    assert_eq!(failed("utility1", "planned_der", "in-service-date-readable"), 8);
    for dataset in ["circuits", "install_der", "planned_der"] {
        assert_eq!(failed("utility1", dataset, "ledger-closes") + failed("utility2", dataset, "ledger-closes"), 0, "{dataset}");
    }
    assert_eq!(bench.count("ops/rule_results", "rule_id = 'ledger-closes' AND checked_count > 0"), 6);
    assert_eq!(bench.count("ops/rule_results", "outcome = 'could-not-check'"), 0);
}

fn repeated_run_changes_nothing(bench: &Bench) {
    let versions = |bench: &Bench| -> Vec<(String, u64)> {
        use feederscope::lake::Layer;
        [Layer::Bronze, Layer::Silver, Layer::Platinum]
            .into_iter()
            .flat_map(|layer| bench.lake.tables(layer))
            .map(|table| (table.to_string(), bench.lake.snapshot(&table).unwrap().unwrap().version))
            .collect()
    };
    let before = versions(bench);
    assert_eq!(before.len(), 6 + 5 + 6);
    let report = bench.run();
    assert_eq!((report.count("unchanged"), report.rebuilt.len()), (6, 0));
    assert_eq!(versions(bench), before);
}

/// The cells of a line of a public file; quotes hold cells with commas.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => cells.last_mut().unwrap().push(c),
        }
    }
    cells
}

fn line(cells: &[String]) -> String {
    let quoted = |cell: &String| if cell.contains(',') { format!("\"{cell}\"") } else { cell.clone() };
    cells.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n"
}

/// The public month and eleven months of changes made from it, each beside what a second reader counts, which knows nothing but the
/// files: the last record of each id.
#[test]
fn eleven_months_of_changes_after_the_public_one_agree_with_a_second_reader() {
    let Some(folder) = real() else { return };
    let mut bench = Bench::new();
    bench.settings.today = Day::parse("2023-09-20").unwrap();
    // By file: the columns of the id and of the rating.
    let places = [
        ("utility1_install_der", 0, 2),
        ("utility1_planned_der", 4, 1),
        ("utility2_install_der", 0, 3),
        ("utility2_planned_der", 7, 1),
    ];
    let mut records: BTreeMap<&str, Vec<Vec<String>>> = BTreeMap::new();
    let mut headers = BTreeMap::new();
    // By file: the rating of each id, in thousandths of a kW, as the last record says it.
    let mut current: BTreeMap<&str, BTreeMap<String, i64>> = BTreeMap::new();
    for file in FILES {
        bench.copy(&folder.join(format!("{file}.csv")), &format!("{}/2022-10/{file}.csv", &file[..8]));
    }
    for (file, id, rating) in places {
        let text = std::fs::read_to_string(folder.join(format!("{file}.csv"))).unwrap();
        let mut lines = text.trim_start_matches('\u{feff}').lines();
        headers.insert(file, lines.next().unwrap().to_owned());
        for row in lines.map(cells) {
            let thousandths = row[rating].parse::<f64>().map_or(0, |kw| (kw * 1000.0).round() as i64);
            current.entry(file).or_default().insert(row[id].clone(), thousandths);
            records.entry(file).or_default().push(row);
        }
    }
    bench.run();
    for number in 1..12_usize {
        let mut counted = BTreeMap::new();
        let month = if number < 3 { format!("2022-{}", 10 + number) } else { format!("2023-{:02}", number - 2) };
        for (file, id, rating) in places {
            let mut text = headers[file].clone() + "\n";
            let known = current.get_mut(file).unwrap();
            let (mut changed, mut added) = (0, 0);
            for row in records[file].iter().skip(number * 7).step_by(211) {
                let mut row = row.clone();
                // One in five is new, the others are rated anew, by a number that no rating has had.
                if (row[id].bytes().map(usize::from).sum::<usize>() + number).is_multiple_of(5) {
                    row[id] = format!("{}{number}77", row[id]);
                }
                let kw = 1_000_000 + i64::try_from(number).unwrap();
                row[rating] = format!("{}.{:03}", kw / 1000, kw % 1000);
                match known.insert(row[id].clone(), kw) {
                    Some(_) => changed += 1,
                    None => added += 1,
                }
                text.push_str(&line(&row));
            }
            assert!(changed > 0, "{file} {month}");
            bench.put(&format!("{}/{month}/{file}.csv", &file[..8]), text);
            counted.insert(file, (known.len(), added, changed));
        }
        let report = bench.run();
        assert_eq!(report.count("loaded"), 4, "{month}");
        for (file, ..) in places {
            let (utility, dataset) = (&file[..8], &file[9..]);
            let place = format!("utility_id = '{utility}' AND dataset = '{dataset}' AND delivery_month = '{month}'");
            let found = bench
                .query("platinum/month_diff", &format!("SELECT current_count, added, changed, removed FROM t WHERE {place}"));
            let count = |column: &str| usize::try_from(found.count(column, 0)).unwrap();
            assert_eq!((count("current_count"), count("added"), count("changed")), counted[file], "{file} {month}");
            assert_eq!(count("removed"), 0);
            let status = if dataset == "install_der" { "installed" } else { "planned" };
            let of = format!("utility_id = '{utility}' AND status = '{status}'");
            let sum = bench
                .query("platinum/der_details", &format!("SELECT COUNT(der_id) AS n, SUM(nameplate_kw) AS kw FROM t WHERE {of}"));
            assert_eq!(usize::try_from(sum.count("n", 0)).unwrap(), current[file].len(), "{file} {month}");
            let expected = current[file].values().sum::<i64>() as f64 / 1000.0;
            assert!((sum.number("kw", 0).unwrap() - expected).abs() < 0.01, "{file} {month}: {expected}");
        }
    }
}
