//! The runbook has a next step for everything that the program can call an error.

use std::path::PathBuf;

use feederscope::app::promotion::PromotionError;
use feederscope::config::RuleSet;
use feederscope::lake::LakeError;
use feederscope::model::{Environment, Severity};
use feederscope::pipeline::PipelineError;

use crate::documents::{file, is_current};

/// A text whose part between two marks is another one.
fn with_part(text: &str, name: &str, part: &str) -> String {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of the {name} -->\n"));
    let (before, rest) = text.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    format!("{before}{begin}{part}{end}{after}")
}

#[test]
fn codes_and_rules_of_severity_error_are_in_the_runbook_with_their_next_step() {
    let codes = feederscope::model::ReasonCode::ALL
        .iter()
        .map(|code| format!("| `{code}` | {} | {} |\n", code.meaning(), code.next_step()));
    let rules = RuleSet::load(&PathBuf::from("no such folder")).0.rules;
    let errors = rules
        .iter()
        .filter(|rule| rule.severity == Severity::Error)
        .map(|rule| format!("| `{}` | {} | {} | {} |\n", rule.id, rule.description, rule.next_step, rule.owner));
    let codes = format!("| code | means | next step |\n|---|---|---|\n{}", codes.collect::<String>());
    let errors = format!("| rule | must hold | next step | owner |\n|---|---|---|---|\n{}", errors.collect::<String>());
    let text = std::fs::read_to_string(file("docs/runbook.md")).unwrap();
    is_current("docs/runbook.md", &with_part(&with_part(&text, "codes", &codes), "rules", &errors));
}

#[test]
fn messages_of_the_lake_and_of_runs_are_in_the_runbook() {
    let runbook = std::fs::read_to_string(file("docs/runbook.md")).unwrap();
    let messages: Vec<&str> =
        runbook.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | ")).map(|(message, _)| message).collect();
    let (table, path) = ("silver/ders".to_owned(), PathBuf::from("x"));
    let io = |kind: i32| LakeError::Io { path: PathBuf::from("x"), source: std::io::Error::from_raw_os_error(kind) };
    let refused = |why: &str| PromotionError::Refused(why.into());
    let holder = "process 7 since 10:00 on a machine".to_owned();
    let told: Vec<String> = vec![
        LakeError::DamagedEntry { table: table.clone(), version: 1, path: path.clone(), what: "is empty" }.to_string(),
        LakeError::MissingFile { table: table.clone(), version: 1, path: path.clone() }.to_string(),
        LakeError::Unsupported { table: table.clone(), feature: "deletion vectors".into() }.to_string(),
        LakeError::PromotedOnly { env: Environment::Qa }.to_string(),
        LakeError::Moved { path: path.clone() }.to_string(),
        LakeError::Gone { path }.to_string(),
        // No room, no right, read-only, not there: as Linux numbers them.
        io(28).to_string(),
        io(13).to_string(),
        io(30).to_string(),
        io(2).to_string(),
        PipelineError::Locked { holder: holder.clone() }.to_string(),
        PipelineError::Rewritten { table, version: 1, next: "run it".into() }.to_string(),
        PromotionError::Locked { env: Environment::Qa, holder }.to_string(),
        refused("the gate").to_string(),
        PromotionError::Differs { what: "a table".into() }.to_string(),
    ];
    for told in told {
        let is_there = messages.iter().flat_map(|message| message.split("`, `")).any(|message| told.contains(message));
        assert!(is_there, "`{told}` is in no line of docs/runbook.md: {messages:?}");
    }
}
