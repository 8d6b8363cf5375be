//! The program as scripts use it: rows on stdout, words on stderr, exit codes.

use std::process::{Command, Output};

use serde_json::Value as Json;

use crate::program::{Program, code};
use crate::real::{FILES, real};
use crate::support::{FEEDERS, INSTALLED, deliveries, feeder};

fn json(output: &Output) -> Vec<Json> {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn public_files_answer_the_two_queries() {
    let Some(folder) = real() else { return };
    let program = Program::new();
    let landing = program.folder.path().join("landing");
    std::fs::create_dir_all(&landing).unwrap();
    for file in FILES {
        std::fs::copy(folder.join(format!("{file}.csv")), landing.join(format!("{file}_2022-10.csv"))).unwrap();
    }
    // The public month breaks rules of severity error.
    assert_eq!(code(&program.call(&["run"])), 3);
    assert_eq!(code(&program.call(&["status", "--today", "2022-10-20"])), 0);
    let feeders = program.call(&["feeders", "--over-mw", "8", "--format", "json"]);
    let expected: Json = serde_json::from_str(&std::fs::read_to_string(folder.join("expected.json")).unwrap()).unwrap();
    assert_eq!((code(&feeders), Some(json(&feeders).len() as u64)), (0, expected["feeders_over_mw"]["8"].as_u64()));
    assert!(json(&feeders).iter().all(|feeder| feeder["max_hosting_capacity_mw"].as_f64().unwrap() > 8.0));
    let ders = program.call(&["ders", "36_30_45151", "--format", "json"]);
    let feeder = &expected["per_feeder"]["utility2|36_30_45151"];
    let of = |status: &str| json(&ders).iter().filter(|der| der["status"] == status).count() as u64;
    assert_eq!(
        (code(&ders), Some(of("installed")), Some(of("planned"))),
        (0, feeder["installed"].as_u64(), feeder["planned"].as_u64())
    );
}

#[test]
fn exit_codes_tell_bad_from_could_not() {
    let program = Program::new();
    assert_eq!(code(&program.call(&["status"])), 3, "nothing was ever delivered");
    assert_eq!(code(&program.call(&["feeders", "--over-mw", "lots"])), 2);
    assert_eq!(code(&program.call(&["feeders", "--utility", "utility9"])), 2);
    assert!(words(&program.call(&["feeders", "--utility", "utility9"])).contains("did you mean `utility"));
    let (file, content) = &deliveries()[0];
    program.put(file, content);
    // Two of the three files never came, and that is an error.
    assert_eq!(code(&program.call(&["run"])), 3);
    assert_eq!(code(&program.call(&["ders", "A"])), 0, "a feeder without DERs is no error");
    assert_eq!(code(&program.call(&["ders", "nowhere"])), 1);
    program.put("utility2/2022-09/utility2_circuits.csv", "");
    let refused = program.call(&["run"]);
    assert_eq!(code(&refused), 1);
    assert!(words(&refused).contains("truncated-file: the file is empty\n  next: "), "{}", words(&refused));
    assert_eq!(refused.stdout, b"", "rows only");
    let history = program.call(&["history", "--format", "json"]);
    assert_eq!(json(&history)[0]["outcome"], "refused");
}

#[test]
fn wrong_configuration_stops_commands_and_says_where() {
    let program = Program::new();
    program.config("theme = \"dark\"\nlandig = \"/x\"\n");
    let output = program.call(&["status"]);
    assert_eq!(code(&output), 1);
    assert!(words(&output).contains("config.toml`, line 2: unknown key `landig`; did you mean `landing`?"), "{}", words(&output));
    assert_eq!(code(&program.call(&["doctor"])), 1);
}

/// Arguments before variables of the environment, these before `config.toml`, this before the defaults.
#[test]
fn settings_of_an_argument_win_then_those_of_the_environment_then_of_the_file() {
    let program = Program::new();
    let at = |name: &str| program.folder.path().join(name).display().to_string();
    let settings = |variable: bool, argument: bool| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_feederscope"));
        command.env_clear().env("XDG_CONFIG_HOME", at("")).env("XDG_DATA_HOME", at("home")).env("HOME", at(""));
        if variable {
            command.env("FEEDERSCOPE_LAKE", at("variable-LAKE")).env("FEEDERSCOPE_LANDING", at("variable-LANDING"));
            command.env("FEEDERSCOPE_ENV", "prod");
        }
        if argument {
            command.args(["--lake", &at("argument-LAKE"), "--landing", &at("argument-LANDING"), "--env", "dev"]);
        }
        let output = command.args(["doctor", "--format", "json"]).output().unwrap();
        let found = json(&output);
        let detail = |what: &str| {
            let row = found.iter().find(|row| row["what"] == what).unwrap_or_else(|| panic!("{found:?}"));
            row["detail"].as_str().unwrap().to_owned()
        };
        [detail("lake"), detail("landing"), detail("tables")]
    };
    let same = |found: [String; 3], lake: &str, landing: &str, env: &str| {
        let [in_lake, in_landing, tables] = found;
        assert!(in_lake.contains(&at(lake)) && in_landing.contains(&at(landing)), "{in_lake} {in_landing}");
        assert!(tables.contains(&format!("iedr_{env}")), "{tables}");
    };
    same(settings(false, false), "home/feederscope/lake", "home/feederscope/landing", "dev");
    program.config(&format!("lake = '{}'\nlanding = '{}'\nenv = 'qa'\n", at("file-LAKE"), at("file-LANDING")));
    same(settings(false, false), "file-LAKE", "file-LANDING", "qa");
    same(settings(true, false), "variable-LAKE", "variable-LANDING", "prod");
    same(settings(true, true), "argument-LAKE", "argument-LANDING", "dev");
    same(settings(false, true), "argument-LAKE", "argument-LANDING", "dev");
}

#[test]
fn console_without_a_terminal_names_the_commands() {
    let output = Program::new().call(&[]);
    assert_eq!(code(&output), 1);
    assert!(
        words(&output).contains("the console needs a terminal; without one use `run`, `cases`, `status`"),
        "{}",
        words(&output)
    );
}

#[test]
fn dry_run_prints_the_plans_and_makes_no_table() {
    let program = Program::new();
    let (file, content) = &deliveries()[0];
    program.put(file, content);
    let output = program.call(&["run", "--dry-run", "-v"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(code(&output), 0);
    assert!(
        said.starts_with("2022-08 utility2 circuits") && said.contains("XXHASH64(") && said.contains("\"Master_CDF\""),
        "{said}"
    );
    assert!(!program.folder.path().join("lake").exists());
}

#[test]
fn doctor_utilities_nulls_and_diff_print_rows() {
    let program = Program::new();
    for (file, content) in deliveries() {
        program.put(file, &content);
    }
    assert_eq!(code(&program.call(&["run"])), 3, "planned DERs never came");
    assert_eq!(code(&program.call(&["doctor", "--format", "json"])), 0);
    assert_eq!(json(&program.call(&["utilities", "--format", "json"])).len(), 6);
    let nulls = json(&program.call(&["nulls", "--dataset", "circuits", "--month", "2022-09", "--format", "json"]));
    assert_eq!(nulls.len(), 8, "the columns of the file");
    let records = json(&program.call(&["diff", "--from", "2022-08", "--to", "2022-10", "--records", "--format", "json"]));
    let said: Vec<String> = records
        .iter()
        .map(|r| {
            format!(
                "{} {} {} {} {} {}",
                r["entity"], r["entity_key"], r["change"], r["column_name"], r["old_value"], r["new_value"]
            )
            .replace('"', "")
        })
        .collect();
    assert_eq!(
        said,
        [
            "feeders A changed max_hosting_capacity_mw 5.0 6.0",
            "feeders C added null null null",
            "ders installed/D2 changed feeder_id null C",
            "ders installed/D2 changed feeder_match unmatched feeder",
        ]
    );
    assert_eq!(code(&program.call(&["diff", "--from", "2022-10", "--to", "2022-08"])), 2);
    let csv = program.call(&["diff", "--format", "csv"]);
    assert!(csv.stdout.starts_with(b"delivery_month,utility_id,dataset,previous_month,row_count"));
}

/// A month with one duplicate, seen on a day when nothing is late.
fn with_duplicate() -> Program {
    let program = Program::new();
    let feeders = format!("{FEEDERS}{}{}", feeder("A", "5"), feeder("B", "3"));
    program.put("utility2/2022-10/utility2_circuits.csv", &feeders);
    let rows = "D1,null,Solar,7.6,A,0\nD2,null,Solar,8,A,0\nD1,null,Solar,9,A,0\n";
    program.put("utility2/2022-10/utility2_install_der.csv", &format!("{INSTALLED}{rows}"));
    let planned = "INTERCONNECTION_QUEUE_REQUEST_ID,DER_TYPE,DER_NAMEPLATE_RATING,DER_INTERCONNECTION_LOCATION\nQ1,Solar,5,A\n";
    program.put("utility2/2022-10/utility2_planned_der.csv", planned);
    program
}

const SEEN: [&str; 2] = ["--today", "2022-10-20"];

#[test]
fn failure_is_checked_traced_acknowledged_and_opens_again() {
    let program = with_duplicate();
    let call = |arguments: &[&str]| program.call(&[&SEEN[..], arguments].concat());
    let run = call(&["run"]);
    assert_eq!(code(&run), 3);
    assert!(words(&run).contains("failed `key-unique` for utility2 install_der of 2022-10: 1 of 3"), "{}", words(&run));
    assert!(words(&run).contains("6 rows into bronze, 1 records rejected"), "{}", words(&run));
    let again = call(&["run"]);
    assert_eq!(code(&again), 3, "nothing is new, and the error is still open");
    assert!(words(&again).contains("failed `key-unique` for utility2 install_der of 2022-10: 1 of 3"), "{}", words(&again));
    let check = call(&["check", "--rule", "key-unique", "--utility", "utility2", "--format", "json"]);
    assert_eq!(code(&check), 3);
    let outcomes: Vec<String> =
        json(&check).iter().map(|o| format!("{} {} {}", o["dataset"], o["outcome"], o["failed_count"])).collect();
    assert_eq!(outcomes, [r#""circuits" "passed" 0"#, r#""install_der" "failed" 1"#, r#""planned_der" "passed" 0"#]);
    let rows = json(&call(&["check", "--rule", "key-unique", "--rows", "--format", "json"]));
    assert_eq!((rows.len(), &rows[0]["record_key"], &rows[0]["source_line"]), (1, &Json::from("D1"), &Json::from(2)));
    let rejected = json(&call(&["rejected", "--reason", "duplicate-key", "--format", "json"]));
    assert_eq!((rejected.len(), &rejected[0]["raw_record"]), (1, &Json::from("D1,null,Solar,7.6,A,0")));
    // Both records are in bronze; each leads to its own line.
    let trace = json(&call(&["trace", "utility2", "install_der", "D1", "--column", "DER_NAMEPLATE_RATING", "--format", "json"]));
    let lines: Vec<String> = trace.iter().map(|t| format!("{} {} {}", t["source_line"], t["value"], t["raw_record"])).collect();
    assert_eq!(lines, [r#"2 "7.6" "D1,null,Solar,7.6,A,0""#, r#"4 "9" "D1,null,Solar,9,A,0""#]);

    let sign = |rule: &str| call(&["acknowledge", rule, "--utility", "utility2", "--reason", "asked", "--until", "2022-11-30"]);
    assert_eq!(code(&sign("key-present")), 2, "it does not fail");
    assert_eq!(code(&sign("key-unique")), 0);
    let signed = call(&["check", "--rule", "key-unique", "--utility", "utility2", "--format", "json"]);
    assert_eq!((code(&signed), &json(&signed)[1]["acknowledged_reason"]), (0, &Json::from("asked")));
    let rows = call(&["check", "--rule", "key-unique", "--rows", "--format", "json"]);
    assert_eq!((code(&rows), json(&rows).len()), (0, 1), "the row is still shown, and no longer fails the exit code");
    let later = program.call(&["--today", "2022-12-01", "check", "--rule", "key-unique", "--month", "2022-10"]);
    assert_eq!(code(&later), 3, "the decision has expired");
    // The file comes again with two duplicates: more than was acknowledged.
    let rows = "D1,null,Solar,7.6,A,0\nD1,null,Solar,8,A,0\nD1,null,Solar,9,A,0\n";
    program.put("utility2/2022-10/utility2_install_der.csv", &format!("{INSTALLED}{rows}"));
    let run = call(&["run"]);
    assert_eq!(code(&run), 3);
    assert!(words(&run).contains("3 rows into bronze, 2 records rejected; run"), "{}", words(&run));
    // A record that is cut short is rejected before bronze; the duplicates are found as before, and are not news to the table.
    let others: String = (10..50).map(|n| format!("D{n},null,Solar,5,A,0\n")).collect();
    program.put("utility2/2022-10/utility2_install_der.csv", &format!("{INSTALLED}{rows}D9,null,Solar\n{others}"));
    let run = call(&["run"]);
    assert!(words(&run).contains("43 rows into bronze, 3 records rejected; run"), "{}", words(&run));
    assert_eq!(code(&call(&["check", "--rule", "key-unique"])), 3);
    // And again without: the two are recovered.
    program.put("utility2/2022-10/utility2_install_der.csv", &format!("{INSTALLED}D1,null,Solar,7.6,A,0\nD2,null,Solar,8,A,0\n"));
    let fixed = call(&["run"]);
    assert_eq!(code(&fixed), 0, "{}", words(&fixed));
    assert!(words(&fixed).contains("0 records rejected, 3 records recovered"), "{}", words(&fixed));
}

#[test]
fn what_if_scores_every_month_and_stores_nothing() {
    let program = with_duplicate();
    program.call(&[&SEEN[..], &["run"]].concat());
    let what_if = |edit: &str| {
        program.call(&[&SEEN[..], &["check", "--what-if", edit, "--utility", "utility2", "--format", "json"]].concat())
    };
    let scored = what_if("key-unique.threshold=1");
    let said: Vec<String> = json(&scored).iter().map(|s| format!("{} {} {}", s["dataset"], s["outcome"], s["what_if"])).collect();
    assert_eq!(said[1], r#""install_der" "failed" "passed""#);
    // The edit asks one dataset only, nobody, or another utility: outcomes are compared with those of the same rows.
    let said = |edit: &str| -> Vec<String> {
        let lines = json(&what_if(edit));
        lines.iter().map(|s| format!("{} {} {}", s["dataset"], s["outcome"], s["what_if"]).replace('"', "")).collect()
    };
    assert_eq!(
        said("key-unique.on=[\"install_der\"]"),
        ["circuits passed not-asked", "install_der failed failed", "planned_der passed not-asked"]
    );
    for nobody in ["key-unique.enabled=false", "key-unique.utility=utility1"] {
        assert_eq!(said(nobody), ["circuits passed not-asked", "install_der failed not-asked", "planned_der passed not-asked"]);
    }
    assert_eq!((code(&scored), code(&what_if("key-uniqe.threshold=1")), code(&what_if("key-unique.treshold=1"))), (0, 2, 2));
    assert_eq!(code(&program.call(&[&SEEN[..], &["check", "--rule", "key-unique"]].concat())), 3, "nothing was changed");
}

#[test]
fn rule_that_cannot_be_evaluated_is_exit_code_1() {
    let program = with_duplicate();
    let folder = program.folder.path().join("feederscope/rules");
    std::fs::create_dir_all(&folder).unwrap();
    let own = "[own]\ndescription = \"x\"\non = \"ders\"\nkind = \"not-null\"\ncolumns = \"nowhere\"\nnext_step = \"y\"\n";
    std::fs::write(folder.join("own.toml"), own).unwrap();
    let run = program.call(&[&SEEN[..], &["run"]].concat());
    assert_eq!(code(&run), 1);
    assert!(words(&run).contains("could-not-check `own` for utility2 ders of 2022-10"), "{}", words(&run));
}

#[test]
fn report_is_written_in_each_format() {
    let program = with_duplicate();
    program.call(&[&SEEN[..], &["run"]].concat());
    let report = |name: &str| {
        let out = program.folder.path().join(name);
        let output = program.call(&[&SEEN[..], &["report", "--out", out.to_str().unwrap()]].concat());
        (code(&output), std::fs::read_to_string(out).unwrap_or_default())
    };
    let (exit, html) = report("r.html");
    assert!(exit == 3 && html.starts_with("<!DOCTYPE html>") && html.contains("not ready: errors are open"), "{html}");
    // No request leaves the page.
    assert!(!["http://", "https://", "src=", "@import", "url("].iter().any(|word| html.contains(word)), "{html}");
    let (_, markdown) = report("r.md");
    assert!(markdown.contains("| error | key-unique | utility2 | install_der | 1 of 3 | 2022-10 |  |"), "{markdown}");
    let (_, text) = report("r.json");
    let parsed: Json = serde_json::from_str(&text).unwrap();
    assert_eq!((&parsed["verdict"], &parsed["delivery_month"]), (&"not ready: errors are open".into(), &"2022-10".into()));
    let (_, junit) = report("r.xml");
    assert!(junit.contains("<testsuite name=\"utility2 install_der 2022-10\"") && junit.contains("failures=\"1\""), "{junit}");
    assert_eq!(report("r.pdf").0, 2);
}

#[test]
fn run_that_is_told_to_end_stops_as_if_by_ctrl_c() {
    for signal in ["TERM", "HUP", "INT"] {
        let program = Program::new();
        let rows: String = (0..400_000).map(|n| feeder(&format!("F{n}"), "1")).collect();
        program.put("utility2/2022-10/utility2_circuits.csv", &format!("{FEEDERS}{rows}"));
        let child = program.command(&["run"]).stderr(std::process::Stdio::piped()).spawn().unwrap();
        let bronze = program.folder.path().join("lake/iedr_dev/bronze");
        let limit = std::time::Instant::now() + std::time::Duration::from_mins(2);
        while !bronze.exists() {
            assert!(std::time::Instant::now() < limit, "the run never began");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert!(Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), words(&output).contains("cancelled")), (Some(1), true), "{signal}: {output:?}");
    }
}

#[test]
fn month_that_only_repeated_is_owed_again_when_what_it_repeated_is_replaced() {
    let program = Program::new();
    let of = |mw: &str| format!("{FEEDERS}{}", feeder("A", mw));
    for month in ["2022-09", "2022-10"] {
        program.put(&format!("utility2/{month}/utility2_circuits.csv"), &of("5"));
    }
    let freshness = || {
        assert!([0, 3].contains(&code(&program.call(&["--today", "2022-11-05", "run"]))));
        let status = program.call(&["--today", "2022-11-05", "status", "--format", "csv"]);
        let text = String::from_utf8(status.stdout).unwrap();
        let feed = text.lines().find(|line| line.starts_with("utility2,circuits,")).unwrap().to_owned();
        ["fresh", "late", "stale"].into_iter().find(|word| feed.split(',').any(|cell| cell == *word)).unwrap()
    };
    assert_eq!(freshness(), "fresh", "October's file says that nothing changed");
    std::fs::remove_file(program.folder.path().join("landing/utility2/2022-10/utility2_circuits.csv")).unwrap();
    assert_eq!(freshness(), "fresh", "a file may be archived");
    program.put("utility2/2022-09/utility2_circuits.csv", &of("7"));
    assert_eq!(freshness(), "stale", "nothing is known of October any more");
    program.put("utility2/2022-10/utility2_circuits.csv", &of("5"));
    assert_eq!(freshness(), "fresh", "it is there again, with what it said");
}
