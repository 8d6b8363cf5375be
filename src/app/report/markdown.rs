//! Markdown, short enough for a chat.

use std::fmt::Write;

use super::{Content, word};
use crate::model::Severity;

/// Text of the data in a cell: no markup of it is one of the page.
fn cell(text: &str) -> String {
    text.replace('\n', " ").chars().fold(String::new(), |mut said, c| {
        if matches!(c, '\\' | '|' | '<' | '[' | '&') {
            said.push('\\');
        }
        said.push(c);
        said
    })
}

pub(super) fn text(content: &Content) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "# {} · {}\n", content.month, content.verdict());
    let _ = writeln!(
        out,
        "{} errors, {} warnings, {} acknowledged · environment {} · as of {}\n",
        content.open(Severity::Error),
        content.open(Severity::Warning),
        content.count(|checked| checked.acknowledged.is_some()),
        content.environment,
        content.today
    );
    out.push_str("| | what | utility | of | since | rows | what to do |\n|---|---|---|---|---|---:|---|\n");
    for case in &content.cases {
        let rows = if case.failed == 0 { String::new() } else { case.failed.to_string() };
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {rows} | {} |",
            case.standing.as_str(),
            cell(&case.what),
            case.utility,
            case.of.join(", "),
            case.since,
            cell(&case.next_step)
        );
    }
    out.push('\n');
    if let Some(at) = content.calendar.months.iter().position(|month| *month == content.month) {
        for (utility, days) in &content.calendar.utilities {
            let day = &days[at];
            let _ =
                writeln!(out, "- {utility}: {} ({} of {} datasets)", day.delivery.as_str(), day.loaded.len(), day.expected.len());
        }
        out.push('\n');
    }
    out.push_str("| | rule | utility | of | failed | since | detail |\n|---|---|---|---|---:|---|---|\n");
    for checked in content.worth_telling() {
        let since = checked.failing_since.map_or(String::new(), |since| since.to_string());
        let acknowledged =
            checked.acknowledged.as_ref().map(|by| format!("{} until {}: {}", by.account, by.expires_on, by.reason));
        let detail = [checked.detail.clone(), acknowledged].into_iter().flatten().collect::<Vec<_>>().join("; ");
        let state = if checked.acknowledged.is_some() { word(checked) } else { checked.severity.as_str() };
        let _ = writeln!(
            out,
            "| {state} | {} | {} | {} | {} of {} | {since} | {} |",
            checked.rule,
            checked.utility,
            checked.dataset,
            checked.failed,
            checked.checked,
            cell(&detail)
        );
    }
    out
}
