//! Small inputs rebuilt from public bug reports (`../shared/cases`), each against what its README expects.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value as Json;

use crate::program::{Program, code};

/// A case whose steps are laid over the landing folder one after the other.
struct Case {
    input: PathBuf,
    program: Program,
    today: &'static str,
}

/// The case of that name; `None`, and a word about it, where the cases are missing.
fn case(name: &str) -> Option<Case> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/cases");
    let input = cases.join(name).join("input");
    if input.is_dir() {
        return Some(Case { input, program: Program::new(), today: "2022-10-20" });
    }
    assert!(!cases.with_file_name("DESIGN.md").is_file(), "{name} is not in {}", cases.display());
    std::io::stderr().write_all(b"skipped: the cases are not beside the project (../shared/cases)\n").unwrap();
    None
}

impl Case {
    fn landing(&self) -> PathBuf {
        self.program.folder.path().join("landing")
    }

    /// Lays a step over the landing folder; its files keep the times that they have.
    fn lay(&self, step: u8) -> &Self {
        copy(&self.input.join(step.to_string()), &self.landing());
        self
    }

    fn call(&self, arguments: &[&str]) -> Output {
        let arguments: Vec<&str> = ["--today", self.today].iter().chain(arguments).copied().collect();
        self.program.call(&arguments)
    }

    fn run(&self) -> Output {
        self.call(&["run"])
    }

    fn step(&self, step: u8) -> Output {
        self.lay(step).run()
    }

    /// The rows of a command.
    fn rows(&self, arguments: &[&str]) -> Vec<Json> {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--format", "json"]).collect();
        let output = self.call(&arguments);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    }

    /// The failures of severity warning or error: rule and dataset.
    fn failures(&self) -> Vec<String> {
        let text = |row: &Json, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let mut failures: Vec<String> = self
            .rows(&["check"])
            .iter()
            .filter(|row| row["outcome"] == "failed" && row["severity"] != "info")
            .map(|row| format!("{} {}", text(row, "rule_id"), text(row, "dataset")))
            .collect();
        failures.sort();
        failures
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn text(row: &Json, key: &str) -> String {
    row[key].as_str().unwrap_or_default().to_owned()
}

#[test]
fn clean_deliveries_load_whole_and_nothing_fails() {
    let Some(case) = case("00-control") else { return };
    let run = case.step(1);
    assert_eq!((code(&run), case.failures(), code(&case.call(&["check"]))), (0, Vec::new(), 0), "{}", said(&run));
    assert_eq!(case.rows(&["rejected"]).len(), 0);
}

#[test]
fn two_stray_quotes_are_named_and_give_no_wrong_der() {
    let Some(case) = case("03-two-stray-quotes") else { return };
    case.step(1);
    let run = case.step(2);
    assert_eq!(code(&run), 1);
    assert!(said(&run).contains("line 6: unclosed-quote: 4 of 41 lines"), "{}", said(&run));
    let rejected = case.rows(&["rejected"]);
    assert!(rejected.iter().any(|row| row["source_line"] == 6 && text(row, "raw_record").contains("85008,")), "{rejected:?}");
    let ders = case.rows(&["ders", "36_08_1250"]);
    assert!(ders.iter().all(|row| row["der_id"] != "85005"), "{ders:?}");
}

#[test]
fn two_digit_years_are_invalid() {
    let Some(case) = case("05-two-digit-years") else { return };
    case.step(1);
    case.step(2);
    let nulls = case.rows(&["nulls", "--dataset", "planned_der", "--month", "2022-10"]);
    let invalid: Vec<&Json> = nulls.iter().filter(|row| row["invalid_count"] == 6).collect();
    assert!(invalid.iter().any(|row| row["column_name"] == "InServiceDate"), "{nulls:?}");
    assert!(case.failures().contains(&"in-service-date-readable planned_der".to_owned()), "{:?}", case.failures());
    let checked = case.rows(&["check"]);
    let failed = checked.iter().find(|row| row["rule_id"] == "in-service-date-readable").map(|row| row["failed_count"].clone());
    assert_eq!(failed, Some(Json::from(6)));
}

#[test]
fn correction_of_the_same_size_and_time_is_noticed() {
    let Some(case) = case("10-same-size-same-time") else { return };
    let file = case.landing().join("utility2/2022-10/utility2_circuits.csv");
    case.step(1);
    let (length, modified) = (fs::metadata(&file).unwrap().len(), fs::metadata(&file).unwrap().modified().unwrap());
    case.lay(2);
    fs::File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().len(), length);
    let run = case.run();
    assert!(said(&run).contains("1 superseded"), "{}", said(&run));
    let feeders = case.rows(&["feeders", "--over-mw", "0"]);
    let corrected = feeders.iter().find(|row| row["feeder_id"] == "36_05_1229").map(|row| row["max_hosting_capacity_mw"].clone());
    assert_eq!(corrected, Some(Json::from(2.6)));
}

#[test]
fn month_is_that_of_the_folder_and_no_time_or_version() {
    let Some(case) = case("12-month-from-the-file-name") else { return };
    // Each file by itself, with a time of its own where the path states no month.
    for (step, month, doubt) in [
        (1, "2022-10", None),
        (2, "2022-10", None),
        (3, "", Some("month-assumed")),
        (4, "", Some("month-assumed")),
        (5, "", Some("month-assumed")),
        (6, "2022-10", Some("month-disputed")),
        (7, "2022-10", None),
        (8, "2022-10", None),
        (9, "2022-10", None),
    ] {
        let alone = Case { input: case.input.clone(), program: Program::new(), today: "2100-01-01" };
        alone.lay(step);
        let planned = String::from_utf8(alone.call(&["run", "--dry-run"]).stdout).unwrap();
        assert!(planned.starts_with(month), "step {step}: {planned}");
        let run = said(&alone.run());
        for reason in ["month-assumed", "month-disputed"] {
            assert_eq!(run.contains(reason), doubt == Some(reason), "step {step}: {run}");
        }
    }
}

#[test]
fn time_of_an_export_is_no_month_of_a_living_lake() {
    let Some(case) = case("12b-month-from-the-file-name-in-a-living-lake") else { return };
    case.step(1);
    let run = case.step(2);
    assert!(said(&run).contains("20221031_201512.csv` as utility2 install_der of 2022-10"), "{}", said(&run));
}

#[cfg(unix)]
#[test]
fn links_and_pipes_are_named_and_each_file_is_loaded_once() {
    use std::os::unix::fs::symlink;
    let Some(case) = case("19-links-loops-pipes-in-the-landing-folder") else { return };
    case.lay(1);
    let landing = case.landing();
    symlink("..", landing.join("utility2/up")).unwrap();
    symlink("utility2", landing.join("alias")).unwrap();
    symlink("self", landing.join("self")).unwrap();
    symlink("/nowhere/at/all.csv", landing.join("utility2/2022-10/utility2_install_der_2022-10.csv")).unwrap();
    symlink("/etc/hostname", landing.join("utility2/2022-10/utility2_circuits_outside.csv")).unwrap();
    fs::create_dir(landing.join("utility2/2022-10/utility2_planned_der_dir.csv")).unwrap();
    let pipe = landing.join("utility2/2022-10/utility2_circuits_pipe.csv");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let run = case.run();
    let words = said(&run);
    assert!(words.contains("6 loaded"), "{words}");
    for (name, why) in [
        ("utility2/up`", "a link; what"),
        ("alias`", "a link; what"),
        ("self`", "leads nowhere"),
        ("utility2_install_der_2022-10.csv`", "leads nowhere"),
        ("utility2_circuits_outside.csv`", "a link out of the landing folder"),
        ("utility2_planned_der_dir.csv`", "a folder"),
        ("utility2_circuits_pipe.csv`", "a pipe"),
    ] {
        let lines: Vec<&str> = words.lines().filter(|line| line.contains(name)).collect();
        assert!(lines.len() == 1 && lines[0].contains(why), "{name}: {words}");
    }
    assert_eq!(case.rows(&["rejected"]).len(), 0);
    let status = case.rows(&["status"]);
    let installed = status.iter().rfind(|row| row["dataset"] == "install_der").map(|row| row["row_count"].clone());
    assert_eq!(installed, Some(Json::from(41)), "{status:?}");
}

#[test]
fn lines_of_each_ending_are_read_with_their_numbers() {
    let Some(case) = case("24-carriage-returns") else { return };
    case.step(1);
    let run = case.step(2);
    assert!(said(&run).contains("install_der of 2022-10: 41 rows"), "{}", said(&run));
    let line_of = |id: &str| {
        let traced = case.rows(&["trace", "utility2", "install_der", id, "--month", "2022-10"]);
        (traced[0]["source_line"].clone(), text(&traced[0], "raw_record"))
    };
    assert_eq!(line_of("85001").0, 2);
    let run = case.step(3);
    assert!(said(&run).contains("install_der of 2022-10: 41 rows"), "{}", said(&run));
    // A CR is a line end, inside quotes too, as in the file of CR alone.
    assert_eq!([line_of("85004").0, line_of("85005").0, line_of("85012").0], [5, 8, 16]);
    assert_eq!(line_of("85004").1.lines().count(), 3, "the raw text of the record over its lines");
}

#[test]
fn files_that_nothing_takes_are_named() {
    let Some(case) = case("26-compressed-renamed-and-misnamed-files") else { return };
    case.step(1);
    let run = case.step(2);
    let words = said(&run);
    assert_eq!(code(&run), 1);
    assert!(words.contains("UTILITY2_CIRCUITS.CSV` as utility2 circuits of 2022-10"), "{words}");
    assert!(words.contains("encoding-error: the file is a workbook or ZIP archive"), "{words}");
    for name in ["utility2_install_der.csv.gz", "utility2_circuits (1).csv", "utility2 planned der.csv"] {
        assert_eq!(words.lines().filter(|line| line.starts_with("ignored") && line.contains(name)).count(), 1, "{name}: {words}");
    }
    assert!(!words.contains("filepart"), "{words}");
    let calendar = case.rows(&["calendar"]);
    assert!(calendar.iter().any(|row| row.to_string().contains("partial")), "{calendar:?}");
}

#[test]
fn packed_files_and_workbooks_alone_are_named() {
    let Some(case) = case("26b-compressed-alone") else { return };
    case.step(1);
    let words = said(&case.step(2));
    for ending in ["zip", "txt", "xlsx", "csv.gz"] {
        let is_named = |line: &&str| line.starts_with("ignored") && line.contains(&format!("utility2_install_der.{ending}`"));
        assert_eq!(words.lines().filter(is_named).count(), 1, "{ending}: {words}");
    }
}

#[test]
fn constant_division_is_exact() {
    let Some(case) = case("29-division-by-a-thousand") else { return };
    let utilities = case.program.folder.path().join("feederscope/utilities");
    fs::create_dir_all(&utilities).unwrap();
    let adapter = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-data/utilities/utility3.toml");
    fs::copy(adapter, utilities.join("utility3.toml")).unwrap();
    case.step(1);
    for mw in ["2.3", "0.35", "0.82", "0.83", "0.95", "1.4", "1.9", "2.51"] {
        let over = case.rows(&["feeders", "--over-mw", mw]);
        let exact: f64 = mw.parse().unwrap();
        assert!(over.iter().all(|row| row["max_hosting_capacity_mw"].as_f64().unwrap() > exact + 1e-4), "{mw}: {over:?}");
    }
}

#[test]
fn month_that_has_not_begun_is_refused_and_shadows_nothing() {
    let Some(mut case) = case("31b-month-ten-years-ahead") else { return };
    case.step(1);
    case.today = "2022-11-20";
    let run = case.step(2);
    assert_eq!(code(&run), 1);
    assert!(said(&run).contains("month-in-future: 2032-11 has not begun on 2022-11-20"), "{}", said(&run));
    let status = case.rows(&["status"]);
    assert!(status.iter().filter(|row| row["utility_id"] == "utility2").all(|row| row["freshness"] == "late"), "{status:?}");
    assert!(status.iter().all(|row| row["delivery_month"] != "2032-11"), "{status:?}");
    case.today = "2022-12-20";
    let run = case.step(3);
    assert!(said(&run).contains("3 loaded"), "{}", said(&run));
}

#[test]
fn year_that_is_none_is_no_month() {
    let Some(mut case) = case("31-month-in-the-future") else { return };
    case.step(1);
    case.today = "2022-11-20";
    let words = said(&case.step(2));
    assert!(words.contains("month-assumed") || words.contains("month-in-future"), "{words}");
    let status = case.rows(&["status"]);
    assert!(status.iter().all(|row| row["delivery_month"] != "2202-11"), "{status:?}");
}

#[test]
fn ids_without_their_zeros_are_told() {
    let Some(case) = case("01-leading-zeros-lost") else { return };
    case.step(1);
    let ids = |case: &Case| {
        let bench = case.rows(&["trace", "utility2", "install_der", "00000101", "--month", "2022-09"]);
        bench.len()
    };
    assert!(ids(&case) > 0, "ids are text");
    case.step(2);
    let failures = case.failures();
    for rule in ["keys-known install_der", "ids-in-one-notation ders"] {
        assert!(failures.contains(&rule.to_owned()), "{rule}: {failures:?}");
    }
}

#[test]
fn totals_and_page_footers_are_named_with_their_lines() {
    let Some(case) = case("08-totals-row-and-page-footer") else { return };
    case.step(1);
    let run = case.step(2);
    assert_eq!(code(&run), 3);
    let failures = case.failures();
    assert!(
        failures.contains(&"record-shape install_der".to_owned())
            && failures.contains(&"no-totals-or-notes install_der".to_owned()),
        "{failures:?}"
    );
    let rows = case.rows(&["check", "--rows", "--rule", "no-totals-or-notes"]);
    assert_eq!(
        rows.iter().map(|row| (row["source_line"].clone(), text(row, "record_key"))).collect::<Vec<_>>(),
        [(Json::from(43), "Grand Total: 41".to_owned())]
    );
    let rejected = case.rows(&["rejected"]);
    assert!(rejected.iter().any(|row| row["source_line"] == 44 && row["reason"] == "missing-cell"), "{rejected:?}");
}

#[test]
fn total_alone_and_an_id_that_is_an_error_are_told() {
    let Some(case) = case("08b-totals-row-alone") else { return };
    case.step(1);
    case.step(2);
    assert!(case.failures().contains(&"no-totals-or-notes install_der".to_owned()), "{:?}", case.failures());
    let run = case.step(3);
    let failures = case.failures();
    assert!(
        failures.iter().any(|failure| failure == "key-present install_der" || failure == "cells-undamaged install_der"),
        "{failures:?} {}",
        said(&run)
    );
}

#[test]
fn capacity_that_no_feeder_has_is_an_error_without_any_history() {
    let Some(case) = case("21-kilowatts-in-the-first-month") else { return };
    let run = case.step(1);
    assert_eq!(code(&run), 3);
    assert!(case.failures().contains(&"capacity-plausible feeders".to_owned()), "{:?}", case.failures());
}

#[test]
fn check_is_not_content_when_a_file_of_the_newest_month_was_refused() {
    let program = Program::new();
    program.put(
        "utility2/2022-09/utility2_circuits.csv",
        &format!("{}{}", crate::support::FEEDERS, crate::support::feeder("A", "5").replace("2022/08/01", "2022/09/01")),
    );
    program.put("utility2/2022-10/utility2_circuits.csv", "");
    let call = |arguments: &[&str]| program.call(&["--today", "2022-10-05"].iter().chain(arguments).copied().collect::<Vec<_>>());
    assert_eq!(code(&call(&["run"])), 1);
    let check = call(&["check"]);
    assert_eq!(code(&check), 3, "{}", said(&check));
    assert!(
        said(&check).contains(
            "utility2 circuits of 2022-10 is not there: `utility2/2022-10/utility2_circuits.csv` was refused (truncated-file)"
        ),
        "{}",
        said(&check)
    );
    fs::remove_file(program.folder.path().join("landing/utility2/2022-10/utility2_circuits.csv")).unwrap();
    assert!(!said(&call(&["check"])).contains("is not there"));
}

#[test]
fn nothing_of_the_data_acts_on_a_terminal_or_a_spreadsheet() {
    let Some(case) = case("16-escape-sequences-and-formulas") else { return };
    case.step(1);
    let run = case.step(2);
    let acts = |text: &str| {
        text.chars().find(|c| {
            *c != '\n' && (c.is_control() || ('\u{202a}'..='\u{202e}').contains(c) || ('\u{2066}'..='\u{2069}').contains(c))
        })
    };
    assert_eq!(acts(&said(&run)), None, "{}", said(&run));
    let bench = case.rows(&["rejected"]);
    assert_eq!(bench.len(), 1);
    let keys: Vec<String> = ["85001", "85002", "85003", "85004"].map(str::to_owned).into();
    let mut calls: Vec<Vec<&str>> = vec![
        vec!["ders", ""],
        vec!["rejected"],
        vec!["check", "--rows", "--limit", "100"],
        vec!["nulls"],
        vec!["diff", "--records"],
        vec!["status"],
        vec!["history"],
    ];
    calls.extend(keys.iter().map(|key| vec!["trace", "utility2", "install_der", key.as_str(), "--month", "2022-10"]));
    for feeder in ["36_05_1229", "36_08_1250", "@SUM(A1:A9)"] {
        calls.push(vec!["ders", feeder]);
    }
    for call in calls {
        for format in ["table", "json"] {
            let output = case.call(&[call.clone(), vec!["--format", format]].concat());
            let (out, err) = (String::from_utf8_lossy(&output.stdout).into_owned(), said(&output));
            assert_eq!((acts(&out), acts(&err)), (None, None), "{call:?} {format}: {out} {err}");
        }
    }
    let csv = |arguments: &[&str]| String::from_utf8(case.call(&[arguments, &["--format", "csv"]].concat()).stdout).unwrap();
    assert!(csv(&["rejected"]).contains("'=1+2"), "{}", csv(&["rejected"]));
    assert!(!csv(&["rejected", "--spreadsheet-safe=false"]).contains("'=1+2"));
}

#[test]
fn newest_commit_that_is_none_is_named_and_the_next_run_makes_it_again() {
    let Some(case) = case("17-newest-commit-empty-or-torn") else { return };
    case.step(1);
    case.step(2);
    let feeders = case.rows(&["feeders", "--over-mw", "0"]);
    let log = case.program.folder.path().join("lake/iedr_dev/platinum/feeder_capacity/_delta_log");
    let entries = || fs::read_dir(&log).unwrap().map(|entry| entry.unwrap().path());
    for part in [0, 2] {
        let newest = entries().filter(|path| path.extension().is_some_and(|extension| extension == "json")).max().unwrap();
        let content = fs::read(&newest).unwrap();
        fs::write(&newest, &content[..content.len() * part / 4]).unwrap();
        for command in [&["feeders", "--over-mw", "0"][..], &["doctor"]] {
            let output = case.call(command);
            let all = format!("{}{}", String::from_utf8_lossy(&output.stdout), said(&output));
            let is_named = all.contains("platinum/feeder_capacity") && all.contains("`feederscope run`");
            assert!(code(&output) == 1 && is_named, "{command:?}: {all}");
        }
        let run = case.run();
        assert!(said(&run).contains("set aside"), "{}", said(&run));
        assert_eq!((code(&case.call(&["check"])), case.rows(&["feeders", "--over-mw", "0"])), (0, feeders.clone()));
    }
}

#[test]
fn table_that_somebody_optimised_is_put_in_order_and_nothing_is_lost_or_twice() {
    let Some(case) = case("18-table-optimised-by-somebody-else") else { return };
    case.step(1);
    let before = case.rows(&["check"]);
    let folder = case.program.folder.path().join("lake");
    let lake = feederscope::lake::Lake::new(&folder, feederscope::model::Environment::Dev).unwrap();
    for table in ["bronze/utility2_install_der", "silver/feeders"] {
        crate::rewritten::optimize(&lake, table);
    }
    let refused = case.call(&["check"]);
    assert!(code(&refused) == 1 && said(&refused).contains("was rewritten by another program"), "{}", said(&refused));
    let run = case.run();
    assert!(code(&run) == 0 && said(&run).contains("7 unchanged"), "{}", said(&run));
    assert_eq!(case.rows(&["check"]), before);
    let traced = case.rows(&["trace", "utility2", "install_der", "85001", "--month", "2022-10"]);
    assert!(traced[0]["source_line"].is_u64(), "{traced:?}");
    // The second file comes again, its records are Wind now.
    assert!(said(&case.step(2)).contains("1 superseded"));
    let installed =
        lake.snapshot(&feederscope::lake::TableId::new(feederscope::lake::Layer::Platinum, "der_details")).unwrap().unwrap();
    let mut session = feederscope::engine::local().session(&feederscope::model::Cancel::default()).unwrap();
    session.register("t", &installed.scan_all()).unwrap();
    let kinds = session
        .query("SELECT der_type, COUNT(*) AS n FROM t WHERE status = 'installed' GROUP BY der_type ORDER BY der_type")
        .unwrap();
    let kinds: Vec<_> = (0..kinds.height()).map(|row| (kinds.text("der_type", row).unwrap(), kinds.count("n", row))).collect();
    assert_eq!(kinds, [("Solar".to_owned(), 25), ("Wind".to_owned(), 16)]);
}
