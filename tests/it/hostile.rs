//! Polluted files: what becomes of each, where, what is loaded, and how much memory that takes. Nothing panics, nothing is lost unsaid,
//! and nothing of them acts on a terminal, a spreadsheet or a browser.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::program::{Program, code};
use crate::support::{FEEDERS, feeder};

/// What becomes of a file.
enum Fate {
    /// Rows loaded and records rejected, and the reason that is given with it.
    Loaded(u64, u64, Option<&'static str>),
    /// Refused whole, for a reason, at a line.
    Refused(&'static str, Option<u64>),
    /// No delivery: named with these words.
    Ignored(&'static str),
}

struct Hostile {
    /// What is wrong.
    what: &'static str,
    /// Where it lies, below the landing folder.
    file: OsString,
    content: Vec<u8>,
    fate: Fate,
    /// Memory beyond that of a good file, in MB.
    more_mb: u64,
}

const GOOD: &str = "utility2/2022-09/utility2_circuits.csv";

fn hostile(what: &'static str, content: impl Into<Vec<u8>>, fate: Fate) -> Hostile {
    Hostile { what, file: GOOD.into(), content: content.into(), fate, more_mb: 64 }
}

fn at(file: impl AsRef<[u8]>, what: &'static str, fate: Fate) -> Hostile {
    let file = OsString::from_vec(file.as_ref().to_vec());
    Hostile { file, ..hostile(what, good(), fate) }
}

fn good() -> String {
    format!("{FEEDERS}{}{}", feeder("A", "5"), feeder("B", "3"))
}

/// The good file with other columns after its own.
fn columns(more: &[String]) -> String {
    let cells = ",x".repeat(more.len());
    let line = |line: String| format!("{}{cells}\n", line.trim_end());
    format!("{},{}\n{}{}", FEEDERS.trim_end(), more.join(","), line(feeder("A", "5")), line(feeder("B", "3")))
}

/// A cell as CSV has it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[allow(clippy::too_many_lines)]
fn corpus() -> Vec<Hostile> {
    use Fate::{Ignored, Loaded, Refused};
    let whole = || Loaded(2, 0, None);
    let names = |names: &[&str]| columns(&names.iter().map(|name| quoted(name)).collect::<Vec<_>>());
    let numbered = |of: &str, count: usize| (0..count).map(|n| format!("{of}{n}")).collect::<Vec<_>>();
    let mut corpus = vec![
        // Width and length.
        Hostile { more_mb: 600, ..hostile("10,000 columns", columns(&numbered("c", 10_000)), whole()) },
        Hostile {
            more_mb: 128,
            ..hostile(
                "1,000 columns of one name",
                columns(&vec!["same".to_owned(); 1_000]),
                Loaded(2, 0, Some("duplicate-label")),
            )
        },
        Hostile {
            more_mb: 128,
            ..hostile("1,000 columns without a name", columns(&vec![String::new(); 1_000]), Loaded(2, 0, Some("blank-header")))
        },
        hostile("a cell of 100 MB", format!("{FEEDERS}A,{}\n", "x".repeat(100 << 20)), Refused("constraint-error", Some(2))),
        hostile(
            "a quoted cell of 100 MB with lines",
            format!("{FEEDERS}{}\"{}", feeder("A", "5"), "x,\n".repeat(33 << 20)),
            Refused("unclosed-quote", Some(3)),
        ),
        hostile("a header of 100 MB", vec![b'h'; 100 << 20], Refused("constraint-error", Some(1))),
        hostile("a name of a column of 100 kB", columns(&["n".repeat(100_000)]), whole()),
        hostile("a million empty lines", format!("{}{}", good(), "\n".repeat(1_000_000)), Loaded(2, 0, None)),
        hostile(
            "a million lines of commas",
            format!("{}{}", good(), ",,,,,,,\n".repeat(1_000_000)),
            Refused("missing-cell", Some(200_004)),
        ),
        hostile("half a million quotes", format!("{FEEDERS}{}", "\"".repeat(500_001)), Refused("unclosed-quote", Some(2))),
        // Names of columns.
        hostile("names that differ in case", names(&["Note", "NOTE", "note"]), Loaded(2, 0, Some("duplicate-label"))),
        hostile(
            "names of the program's own columns",
            names(&["_source_file", "_source_line", "delivery_month"]),
            Loaded(2, 0, None),
        ),
        hostile(
            "SQL in names",
            names(&["x\"; DROP TABLE t; --", "' OR 1=1", "COUNT(*)", "SELECT", "a b;c,d{e}f(g)h=i", "`tick`", "x/*", "--"]),
            whole(),
        ),
        hostile("path pieces in names", names(&["../../etc/passwd", "/dev/null", "C:\\con", "%2e%2e%2f", "a/b"]), whole()),
        hostile(
            "escapes and line ends in names",
            names(&["\u{1b}[2J\u{1b}]0;owned\u{7}", "two\nlines", "tab\there", "\u{202e}rtl"]),
            whole(),
        ),
        hostile("a byte 0 in a name", names(&["a\u{0}b"]), Refused("encoding-error", Some(1))),
        hostile(
            "markup in names",
            names(&["<script>alert(1)</script>", "a|b", "[x](javascript:alert(1))", "&amp;", "=1+1"]),
            whole(),
        ),
        // Cells.
        hostile(
            "cells that act elsewhere",
            format!(
                "{FEEDERS}{}{}{}",
                feeder("<script>alert(1)</script>", "5"),
                feeder("=cmd|' /C calc'!A0", "1"),
                feeder("\u{1b}[31mred", "2")
            ),
            Loaded(3, 0, None),
        ),
        hostile(
            "bytes 0 in half of the records",
            format!("{FEEDERS}{}{}", feeder("A\u{0}B", "5"), feeder("B", "3")),
            Refused("encoding-error", Some(2)),
        ),
        hostile(
            "bytes 0 in one record of thirty",
            format!("{FEEDERS}{}{}", feeder("A\u{0}B", "5"), (0..29).map(|n| feeder(&format!("F{n}"), "3")).collect::<String>()),
            Loaded(29, 1, Some("encoding-error")),
        ),
        hostile(
            "numbers that are none",
            format!(
                "{FEEDERS}{}",
                ["1e400", "NaN", "inf", "0x10", "--1", "1,5", &"9".repeat(400)]
                    .iter()
                    .enumerate()
                    .map(|(n, mw)| feeder(&format!("F{n}"), &quoted(mw)))
                    .collect::<String>()
            ),
            Loaded(7, 0, None),
        ),
        // What is no CSV in UTF-8.
        hostile(
            "UTF-16",
            [0xff, 0xfe].into_iter().chain(good().encode_utf16().flat_map(u16::to_le_bytes)).collect::<Vec<u8>>(),
            Refused("encoding-error", None),
        ),
        hostile("a packed file", [&[0x1f, 0x8b, 8, 0][..], &[0xa5; 300]].concat(), Refused("encoding-error", None)),
        hostile("a page of the web", "<!DOCTYPE html>\n<html><body>503</body></html>\n", Refused("missing-label", Some(1))),
        hostile("JSON", "{\"features\": [{\"Master_CDF\": \"A\"}]}\n", Refused("missing-label", Some(1))),
        hostile("a byte-order mark in the middle", format!("{FEEDERS}{}\u{feff}{}", feeder("A", "5"), feeder("B", "3")), whole()),
        hostile("zeros alone", vec![0; 4096], Refused("encoding-error", Some(1))),
    ];
    let utility2 = |name: &str| format!("utility2/2022-09/{name}");
    corpus.extend([
        at(utility2("utility2_circuits'; DROP TABLE runs; --.csv"), "SQL in a file's name", Ignored("no adapter")),
        at(format!("x'; DROP TABLE runs; --/2022-09/{}", "utility2_circuits.csv"), "SQL in a folder's name", whole()),
        at(format!("%2e%2e%2f/a#b?c/2022-09/{}", "utility2_circuits.csv"), "a folder as in an address", whole()),
        at(
            format!("two\nlines\u{1b}[2J/2022-09/{}", "utility2_circuits.csv"),
            "line ends and escapes in a folder's name",
            whole(),
        ),
        at(
            [b"not\xffutf8/2022-09/".as_slice(), b"utility2_circuits.csv"].concat(),
            "a folder whose name is not UTF-8",
            Ignored("not UTF-8"),
        ),
        at(format!("{}2022-09/utility2_circuits.csv", "deep/".repeat(200)), "two hundred folders deep", Ignored("too deep")),
        at(utility2("utility2_circuits.csv\u{1b}[2J"), "escapes in a file's name", Ignored("no adapter")),
    ]);
    corpus
}

/// Output and peak memory, in MB, of a call: asked every few milliseconds, and it only grows.
fn measured(program: &Program, arguments: &[&str]) -> (Output, u64) {
    let mut command = program.command(arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let watch = std::thread::spawn(move || {
        let mut peak = 0;
        while let Ok(text) = std::fs::read_to_string(&status) {
            let Some(line) = text.lines().find_map(|line| line.strip_prefix("VmHWM:")) else { break };
            peak = line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(peak);
            std::thread::sleep(Duration::from_millis(2));
        }
        peak >> 10
    });
    let output = child.wait_with_output().unwrap();
    (output, watch.join().unwrap())
}

fn put(program: &Program, file: &Path, content: &[u8]) {
    let path = program.folder.path().join("landing").join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

fn rows(program: &Program, arguments: &[&str]) -> Vec<Value> {
    let output = program.call(&[arguments, &["--format", "json"]].concat());
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    match serde_json::from_str::<Value>(&text) {
        Ok(Value::Array(rows)) => rows,
        other => panic!("{arguments:?}: {other:?} of {output:?}"),
    }
}

/// Nothing in a text would act on a terminal.
fn is_inert(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    !text.chars().any(|char| (char.is_control() && !matches!(char, '\n' | '\r' | '\t')) || char == '\u{202e}')
}

/// Whoever asks about a file's month gets an answer that acts on nobody.
fn is_inert_everywhere(program: &Program, case: &Hostile) -> Result<(), String> {
    let page = program.folder.path().join("report.html");
    let questions = [
        &["report", "--month", "2022-09", "--out", page.to_str().unwrap()][..],
        &["report", "--month", "2022-09", "--out", "report.md"],
        &["rejected"],
        &["history"],
        &["cases"],
        &["feeders"],
        &["feeders", "--format", "csv"],
        &["check", "--month", "2022-09"],
        &["nulls", "--month", "2022-09"],
    ];
    // Without a table there is nothing to report of.
    let may_fail = matches!(case.fate, Fate::Ignored(_) | Fate::Refused(..));
    let asked = match case {
        // Of a very wide file the report says what the others would.
        case if case.more_mb > 500 => &questions[..1],
        _ if may_fail => &questions[..5],
        _ => &questions[..],
    };
    for arguments in asked {
        let mut command = program.command(arguments);
        let output = command.current_dir(program.folder.path()).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        if error.contains("panicked") || !matches!((code(&output), may_fail), (0 | 3, _) | (1 | 2, true)) {
            return Err(format!("{arguments:?}: {error}"));
        }
        let is_csv = arguments.contains(&"csv");
        if !is_inert(&output.stderr) || (!is_csv && !is_inert(&output.stdout)) {
            return Err(format!("{arguments:?} prints what acts on a terminal"));
        }
    }
    for file in [page, program.folder.path().join("report.md")] {
        let Ok(bytes) = std::fs::read(&file) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        if !is_inert(&bytes) || text.contains("<script>alert") || text.contains("](javascript:") {
            return Err(format!("`{}` acts on whoever opens it", file.display()));
        }
    }
    Ok(())
}

fn check(case: &Hostile, base_mb: u64) -> Result<u64, String> {
    let program = Program::new();
    put(&program, Path::new(&case.file), &case.content);
    let (output, peak) = measured(&program, &["run", "--today", "2022-09-20"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let fail = |what: &str| Err(format!("{}: {what}\n{}", case.what, said.chars().take(2_000).collect::<String>()));
    if said.contains("panicked") || !matches!(output.status.code(), Some(0 | 1 | 3)) {
        return fail(&format!("{:?}", output.status));
    }
    if !is_inert(&output.stderr) || said.len() > 20_000 {
        return fail(&format!("acts on a terminal, or floods it with {} bytes", said.len()));
    }
    let history = rows(&program, &["history"]);
    let of_file = history.iter().find(|row| row["source_file"].as_str().is_some());
    let found = of_file.map(|row| {
        let text = |key: &str| row[key].as_str().map(str::to_owned);
        (
            text("outcome").unwrap_or_default(),
            row["rows_loaded"].as_u64(),
            row["rejected"].as_u64(),
            text("reason"),
            row["source_line"].as_u64(),
        )
    });
    match (&case.fate, found) {
        (Fate::Loaded(rows, rejected, reason), Some((outcome, Some(loaded), Some(left), why, _)))
            if outcome == "loaded" && (loaded, left) == (*rows, *rejected) =>
        {
            let detail = of_file.and_then(|row| row["detail"].as_str()).unwrap_or_default();
            if let Some(reason) = reason
                && why.as_deref() != Some(*reason)
                && !detail.contains(reason)
            {
                return fail(&format!("no {reason} in {why:?} and {detail}"));
            }
            if detail.len() > 10_000 {
                return fail(&format!("the detail has {} bytes", detail.len()));
            }
        }
        (Fate::Refused(reason, line), Some((outcome, _, _, why, at))) if outcome == "refused" => {
            if (why.as_deref(), at) != (Some(*reason), *line) {
                return fail(&format!("refused for {why:?} at {at:?}"));
            }
        }
        (Fate::Ignored(why), None) if said.contains("ignored") && said.contains(why) => {}
        (_, found) => return fail(&format!("another fate: {found:?}")),
    }
    if let Err(what) = is_inert_everywhere(&program, case) {
        return fail(&what);
    }
    if peak > base_mb + case.more_mb {
        return fail(&format!("{peak} MB, where a good file takes {base_mb}"));
    }
    Ok(peak)
}

#[test]
fn polluted_files_have_the_fate_that_is_written_here_in_bounded_memory() {
    let base = {
        let program = Program::new();
        put(&program, Path::new(GOOD), good().as_bytes());
        let (output, peak) = measured(&program, &["run", "--today", "2022-09-20"]);
        assert_ne!(code(&output), 1, "{output:?}");
        peak
    };
    let mut faults = Vec::new();
    for case in corpus() {
        let begun = std::time::Instant::now();
        match check(&case, base) {
            Ok(peak) => {
                eprintln!("{:5} MB more, {:5.1} s: {}", peak.saturating_sub(base), begun.elapsed().as_secs_f64(), case.what);
            }
            Err(fault) => faults.push(fault),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}
