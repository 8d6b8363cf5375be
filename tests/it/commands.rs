//! The program as scripts use it: rows on stdout, words on stderr, exit codes.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value as Json;

use crate::months::deliveries;
use crate::real::{FILES, real};

struct Program {
    folder: tempfile::TempDir,
}

impl Program {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn put(&self, file: &str, content: &str) {
        let path = self.folder.path().join("landing").join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn config(&self, text: &str) {
        std::fs::create_dir_all(self.folder.path().join("feederscope")).unwrap();
        std::fs::write(self.folder.path().join("feederscope/config.toml"), text).unwrap();
    }

    fn call(&self, arguments: &[&str]) -> Output {
        self.call_with(&self.folder.path().join("landing"), arguments)
    }

    fn call_with(&self, landing: &Path, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_feederscope"))
            .env_clear()
            .env("XDG_CONFIG_HOME", self.folder.path())
            .env("XDG_DATA_HOME", self.folder.path())
            .env("HOME", self.folder.path())
            .arg("--lake")
            .arg(self.folder.path().join("lake"))
            .arg("--landing")
            .arg(landing)
            .args(arguments)
            .output()
            .unwrap()
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("{output:?}"))
}

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
    assert_eq!(code(&program.call(&["run"])), 0);
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
    assert_eq!(code(&program.call(&["run"])), 0);
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

#[test]
fn console_without_a_terminal_names_the_commands() {
    let output = Program::new().call(&[]);
    assert_eq!(code(&output), 1);
    assert!(words(&output).contains("the console needs a terminal; without one use `run`, `status`"), "{}", words(&output));
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
    assert_eq!(code(&program.call(&["run"])), 0);
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
