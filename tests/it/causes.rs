//! Cases: one for each cause, whatever fails because of it.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::program::{Program, code};
use crate::support::{FEEDERS, INSTALLED, feeder};

const PLANNED: &str =
    "INTERCONNECTION_QUEUE_REQUEST_ID,DER_TYPE,DER_NAMEPLATE_RATING,DER_INTERCONNECTION_LOCATION\nQ1,Solar,5,A\nQ2,Solar,6,B\n";

/// Puts a whole month of a utility, with these capacities of its two feeders.
fn month(program: &Program, month: &str, (a, b): (&str, &str)) {
    program.put(&format!("utility2/{month}/utility2_circuits.csv"), &format!("{FEEDERS}{}{}", feeder("A", a), feeder("B", b)));
    // No month repeats the one before.
    let installed = format!("{INSTALLED}D1,null,Solar,7.6,A,0\nD2,null,Solar,8,B,0\nD{month},null,Solar,8,B,0\n");
    program.put(&format!("utility2/{month}/utility2_install_der.csv"), &installed);
    program.put(&format!("utility2/{month}/utility2_planned_der.csv"), PLANNED);
}

fn rows(program: &Program, today: &str, arguments: &[&str]) -> Vec<Json> {
    let output = program.call(&[&["--today", today], arguments, &["--format", "json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn told(case: &Json) -> String {
    ["utility_id", "cause", "standing", "what", "datasets"]
        .map(|column| case[column].as_str().unwrap_or("-").to_owned())
        .join(" | ")
}

/// Every failure of a month stands behind one case, and the cases are fewer.
fn failures_stand_behind_one_case_each(program: &Program, today: &str) -> (usize, usize) {
    let cases = rows(program, today, &["cases"]);
    let failed = rows(program, today, &["check"]);
    let failed = failed.iter().filter(|row| row["outcome"] == "failed" || row["outcome"] == "could-not-check").count();
    let behind: u64 = cases.iter().map(|case| case["outcome_count"].as_u64().unwrap()).sum();
    assert_eq!(behind, failed as u64, "{cases:?}");
    (cases.len(), failed)
}

#[test]
fn month_that_did_not_come_is_one_case_that_says_what_to_ask_for() {
    let program = Program::new();
    month(&program, "2022-08", ("5", "3"));
    month(&program, "2022-09", ("5", "3"));
    program.call(&["--today", "2022-09-20", "run"]);
    let in_time = rows(&program, "2022-09-20", &["cases"]);
    assert!(in_time.iter().all(|case| case["delivery_month"] == "2022-09" && case["standing"] == "to look at"), "{in_time:?}");
    assert_eq!(code(&program.call(&["--today", "2022-09-20", "cases"])), 0);
    // Another utility's October comes; the days of grace are over.
    let feeders =
        "Circuits_Phase3_CIRCUIT,NYHCPV_csv_NSECTION,NYHCPV_csv_NFEEDER,NYHCPV_csv_FFEEDER,NYHCPV_csv_FMAXHC\nC,S,F,F,2\n";
    program.put("utility1/2022-10/utility1_circuits.csv", feeders);
    program.call(&["--today", "2022-11-20", "run"]);
    let cases = rows(&program, "2022-11-20", &["cases", "--utility", "utility2"]);
    let october = "utility2 | delivery | stops the month | 2022-10 has not come | circuits install_der planned_der";
    assert_eq!(cases.iter().map(told).collect::<Vec<_>>(), [october]);
    assert_eq!(cases[0]["next_step"], "ask utility2 for circuits, install_der, planned_der of 2022-10");
    assert!(cases[0]["outcome_count"].as_u64().unwrap() >= 6, "late and stale, of three files: {cases:?}");
    failures_stand_behind_one_case_each(&program, "2022-11-20");
    assert_eq!(code(&program.call(&["--today", "2022-11-20", "cases", "--utility", "utility2"])), 3);
    assert_eq!(code(&program.call(&["cases", "--month", "2022-12"])), 2);
}

#[test]
fn refused_file_is_one_case_with_its_file_line_and_next_step() {
    let program = Program::new();
    month(&program, "2022-09", ("5", "3"));
    month(&program, "2022-10", ("5", "3"));
    program.put("utility2/2022-10/utility2_circuits.csv", &format!("{FEEDERS}{}\"B,1,2\n", feeder("A", "5")));
    program.call(&["--today", "2022-11-20", "run"]);
    let cases = rows(&program, "2022-11-20", &["cases"]);
    let refused: Vec<&Json> = cases.iter().filter(|case| case["cause"] == "refused").collect();
    assert_eq!(refused.len(), 1, "{cases:?}");
    assert_eq!(told(refused[0]), "utility2 | refused | stops the month | refused: circuits of 2022-10 | circuits");
    let evidence = refused[0]["evidence"].as_str().unwrap();
    assert!(evidence.starts_with("`utility2/2022-10/utility2_circuits.csv`, line 3: unclosed-quote"), "{evidence}");
    assert!(refused[0]["next_step"].as_str().unwrap().contains("stray quote"), "{refused:?}");
    assert!(refused[0]["outcome_count"].as_u64().unwrap() > 0, "what follows from it stands behind it");
    failures_stand_behind_one_case_each(&program, "2022-11-20");
    // Mended, it is gone.
    month(&program, "2022-10", ("5", "3"));
    program.call(&["--today", "2022-11-20", "run"]);
    assert!(!rows(&program, "2022-11-20", &["cases"]).iter().any(|case| case["cause"] == "refused"));
}

#[test]
fn column_in_another_unit_is_one_case_of_its_values() {
    let program = Program::new();
    month(&program, "2022-09", ("5", "3"));
    month(&program, "2022-10", ("5000", "3000"));
    program.call(&["--today", "2022-10-20", "run"]);
    let cases = rows(&program, "2022-10-20", &["cases"]);
    let of_values: Vec<&Json> = cases.iter().filter(|case| case["cause"] == "values").collect();
    assert_eq!(of_values.len(), 1, "{cases:?}");
    let rules = of_values[0]["rules"].as_str().unwrap();
    assert!(rules.contains("capacity-plausible") && rules.contains("capacity-unit-slip"), "{rules}");
    failures_stand_behind_one_case_each(&program, "2022-10-20");
    // Acknowledged in all its rules it stops nothing and is still told.
    for rule in rules.split(' ') {
        let decision = ["--utility", "utility2", "--reason", "kW, they will send it again", "--until", "2022-11-30"];
        let signed = program.call(&[&["--today", "2022-10-20", "acknowledge", rule], &decision[..]].concat());
        assert_eq!(code(&signed), 0, "{signed:?}");
    }
    let cases = rows(&program, "2022-10-20", &["cases"]);
    let standing = cases.iter().find(|case| case["cause"] == "values").map(|case| case["standing"].clone());
    assert_eq!(standing, Some(Json::from("acknowledged")));
}

#[test]
fn rule_that_cannot_be_evaluated_is_no_verdict_whatever_else_stops_the_month() {
    let program = Program::new();
    month(&program, "2022-09", ("5", "3"));
    month(&program, "2022-10", ("5000", "3000"));
    // Beside the jump of the values, in the same case.
    let rules = program.folder.path().join("feederscope/rules");
    std::fs::create_dir_all(&rules).unwrap();
    let own = "[own]\ndescription = \"own\"\nseverity = \"info\"\non = \"feeders\"\nkind = \"range\"\ncolumn = \"max_hosting_capacity_mw\"\nleast = 0\nwhere = \"nothing_of_that_name > 1\"\nnext_step = \"mend it\"\n";
    std::fs::write(rules.join("own.toml"), own).unwrap();
    program.call(&["--today", "2022-10-20", "run"]);
    let cases = program.call(&["--today", "2022-10-20", "cases"]);
    let said = String::from_utf8_lossy(&cases.stderr).into_owned();
    assert_eq!((code(&cases), said.contains("2022-10: no verdict")), (1, true), "{cases:?}");
    failures_stand_behind_one_case_each(&program, "2022-10-20");
}

#[test]
fn sample_has_a_case_for_each_planted_fault_and_reports_begin_with_them() {
    let program = Program::new();
    let sample = program.folder.path().join("sample");
    assert_eq!(code(&program.call(&["sample", "--out", sample.to_str().unwrap()])), 0);
    let adapters = program.folder.path().join("feederscope/utilities");
    std::fs::create_dir_all(&adapters).unwrap();
    std::fs::copy(sample.join("utilities/utility3.toml"), adapters.join("utility3.toml")).unwrap();
    let call = |arguments: &[&str]| program.call_with(&sample.join("landing"), &[&["--today", "2022-10-20"], arguments].concat());
    call(&["run"]);
    let json = |arguments: &[&str]| -> Vec<Json> {
        serde_json::from_slice(&call(&[arguments, &["--format", "json"]].concat()).stdout).unwrap()
    };
    let cases = json(&["cases"]);
    let stops: Vec<String> = cases.iter().filter(|case| case["standing"] == "stops the month").map(told).collect();
    // README of the sample: utility2 sends nothing in the third month, utility3 renames a column.
    assert!(
        stops.iter().any(|case| case.starts_with("utility2 | delivery | stops the month | 2022-10 has not come")),
        "{stops:?}"
    );
    assert!(stops.iter().any(|case| case.starts_with("utility3 | header") && case.contains("Nominal_Voltage")), "{stops:?}");
    let failed = json(&["check"]).iter().filter(|row| row["outcome"] == "failed").count();
    let behind: u64 = cases.iter().map(|case| case["outcome_count"].as_u64().unwrap()).sum();
    assert!(behind == failed as u64 && cases.len() <= failed / 2 + 1, "{} cases of {failed} failures", cases.len());
    let places: BTreeSet<String> =
        cases.iter().map(|case| format!("{} {} {}", case["utility_id"], case["cause"], case["what"])).collect();
    assert_eq!(places.len(), cases.len(), "none is told twice");
    for (name, first) in
        [("r.md", "has not come"), ("r.html", "has not come"), ("r.json", "\"cases\""), ("r.xml", "cases 2022-10")]
    {
        let out = program.folder.path().join(name);
        call(&["report", "--out", out.to_str().unwrap()]);
        let text = std::fs::read_to_string(&out).unwrap();
        let (cases, rules) = (text.find(first), text.find("feeder-reference-resolves"));
        assert!(cases.is_some() && cases < rules, "{name}: {cases:?} {rules:?}");
    }
}
