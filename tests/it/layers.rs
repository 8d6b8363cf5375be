//! Arrows between modules point one way, and libraries stay where they belong.

use std::path::{Path, PathBuf};

/// The modules in the order of the data's way; each may use only those before it.
const ORDER: [&str; 13] =
    ["model", "outbound", "config", "landing", "frame", "lake", "engine", "pipeline", "sample", "app", "commands", "ui", "cli"];

/// Libraries that only some modules may name.
const LIBRARIES: [(&str, &[&str]); 13] = [
    ("ratatui", &["ui"]),
    ("crossterm", &["ui"]),
    ("polars", &["frame", "engine"]),
    ("polars_arrow", &["frame"]),
    ("polars_parquet", &["frame"]),
    ("polars_async", &["engine"]),
    ("polars_plan", &["engine"]),
    ("deltalake", &["lake"]),
    ("clap", &["cli"]),
    ("notify", &["landing"]),
    ("indicatif", &["commands"]),
    ("reqwest", &["outbound"]),
    ("lettre", &["outbound"]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// What breaks the rules in a text that is in `module`.
fn offences(module: &str, text: &str) -> Vec<String> {
    let code: Vec<&str> =
        text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).map(|line| line.split("//").next().unwrap()).collect();
    let code = code.join("\n");
    let rank = ORDER.iter().position(|name| *name == module).unwrap();
    let mut offences = Vec::new();
    for (at, name) in ORDER.iter().enumerate() {
        if at > rank && code.contains(&format!("crate::{name}")) {
            offences.push(format!("{module} uses {name}, which lies above it"));
        }
    }
    for (library, allowed) in LIBRARIES {
        if !allowed.contains(&module) && code.contains(&format!("{library}::")) {
            offences.push(format!("{module} uses {library}"));
        }
    }
    offences
}

#[test]
fn modules_use_only_what_lies_before_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut seen = Vec::new();
    for file in files {
        let below = file.strip_prefix(&root).unwrap();
        let module = below.iter().next().unwrap().to_string_lossy().replace(".rs", "");
        if module == "lib" || module == "main" {
            continue;
        }
        assert!(ORDER.contains(&module.as_str()), "`{module}` has no place in the order");
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(offences(&module, &text), [] as [String; 0], "{}", below.display());
        seen.push(module);
    }
    assert!(ORDER.iter().all(|module| seen.iter().any(|name| name == module)), "{seen:?}");
}

#[test]
fn scan_finds_what_it_looks_for() {
    assert_eq!(offences("lake", "use crate::pipeline::run;"), ["lake uses pipeline, which lies above it"]);
    assert_eq!(offences("app", "let x = ratatui::Frame;"), ["app uses ratatui"]);
    assert_eq!(offences("lake", "// crate::pipeline\nuse crate::model;"), [] as [String; 0]);
}
