//! HTML in one file: no request leaves the page, it prints well, and follows the reader's light or dark.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Content, word};
use crate::app::reads::calendar::{Arrival, UtilityMonth};
use crate::app::reads::cases::{Case, Standing};
use crate::app::reads::checks::Checked;
use crate::app::reads::missing::{Cell, Heatmap};
use crate::app::reads::months::Series;
use crate::model::Severity;
use crate::model::units::percent;
use crate::pipeline::rules::RuleState;

const STYLE: &str = include_str!("style.css");

pub(super) fn text(content: &Content) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Data quality " (content.month) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Data quality of " (content.month) }
                p class=(verdict_class(content)) { strong { (content.verdict()) } }
                p class="dim" {
                    (content.open(Severity::Error)) " errors, " (content.open(Severity::Warning)) " warnings, "
                    (content.count(|checked| checked.acknowledged.is_some())) " acknowledged, "
                    (content.count(|checked| checked.state == RuleState::Passed)) " passed · environment " (content.environment)
                    " · as of " (content.today)
                }
                nav { p {
                    a href="#cases" { "Cases" } a href="#deliveries" { "Deliveries" } a href="#rules" { "Rules" } a href="#missing" { "Missing data" }
                    a href="#differences" { "Differences" } a href="#scorecard" { "Scorecard" }
                } }
                (cases(content)) (deliveries(content)) (rules(content)) (missing(content)) (differences(content)) (scorecard(content))
            }
        }
    };
    page.into_string()
}

fn verdict_class(content: &Content) -> &'static str {
    if content.verdict().starts_with("ready") { "good" } else { "bad" }
}

fn cases(content: &Content) -> Markup {
    html! {
        h2 id="cases" { "Cases" }
        @if content.cases.is_empty() { p class="good" { "Nothing stands against the month." } } @else {
            div class="wide" { table {
                thead { tr { th { "" } th { "What" } th { "Utility" } th { "Of" } th { "Since" } th class="n" { "Rows" } th { "What to do" } } }
                tbody { @for case in &content.cases { (case_row(case)) } }
            } }
        }
    }
}

fn case_row(case: &Case) -> Markup {
    let class = match case.standing {
        Standing::Stops | Standing::Unknown => "bad",
        Standing::ToLookAt if case.severity > Severity::Info => "warn",
        _ => "dim",
    };
    html! {
        tr {
            td class=(class) { (case.standing.as_str()) }
            td { (case.what) @for told in &case.evidence { br; span class="dim" { (told) } } }
            td { (case.utility) } td { (case.of.join(", ")) } td class="month" { (case.since) }
            td class="n" { @if case.failed > 0 { (case.failed) } }
            td { (case.next_step) }
        }
    }
}

fn deliveries(content: &Content) -> Markup {
    html! {
        h2 id="deliveries" { "Deliveries" }
        div class="wide" { table {
            thead { tr { th { "Utility" } @for month in &content.calendar.months { th { (month) } } } }
            tbody { @for (utility, days) in &content.calendar.utilities {
                tr { td { (utility) } @for day in days { (day_cell(day)) } }
            } }
        } }
        table {
            thead { tr { th { "Utility" } th { "Dataset" } th { "Month" } th { "State" } th { "Utility's refresh date" } th class="n" { "Rows" } th class="n" { "Rejected" } } }
            tbody { @for feed in &content.feeds { tr {
                td { (feed.utility) } td { (feed.dataset) }
                td { (feed.month.map_or_else(|| "–".to_owned(), |month| month.to_string())) }
                td { (feed.freshness.glyph()) " " (feed.freshness.as_str()) }
                td { (feed.last_refresh.map_or_else(|| "–".to_owned(), |day| day.to_string())) }
                td class="n" { (feed.rows) } td class="n" { (feed.rejected) }
            } } }
        }
    }
}

fn day_cell(day: &UtilityMonth) -> Markup {
    let (class, sign) = match day.delivery {
        Arrival::Loaded => ("good", "●"),
        Arrival::Partial => ("warn", "◐"),
        Arrival::Late => ("warn", "▲"),
        Arrival::Stale | Arrival::Refused => ("bad", "■"),
        Arrival::Expected => ("dim", "○"),
        Arrival::NotDue => ("dim", ""),
    };
    html! {
        td class=(class) {
            (sign) " " (day.delivery.as_str())
            @if day.delivery == Arrival::Partial { " " (day.loaded.len()) " of " (day.expected.len()) }
            @if day.redelivered { ", delivered again" }
            @if !day.refused.is_empty() { ", refused: " (day.refused.join(", ")) }
        }
    }
}

fn rules(content: &Content) -> Markup {
    let told = content.worth_telling();
    html! {
        h2 id="rules" { "Rules" }
        @if told.is_empty() { p class="good" { "Every rule holds." } } @else {
            div class="wide" { table {
                thead { tr { th { "" } th { "Rule" } th { "Utility" } th { "Of" } th class="n" { "Failed" } th class="n" { "Checked" } th { "Since" } th { "What to do" } } }
                tbody { @for checked in &told { (rule_row(content, checked)) } }
            } }
        }
        details {
            summary { "All " (content.checked.len()) " outcomes" }
            div class="wide" { table {
                thead { tr { th { "Outcome" } th { "Rule" } th { "Utility" } th { "Of" } th class="n" { "Failed" } th class="n" { "Checked" } th { "Threshold" } th { "Detail" } } }
                tbody { @for checked in &content.checked { tr {
                    td { (word(checked)) } td { (checked.rule) } td { (checked.utility) } td { (checked.dataset) }
                    td class="n" { (checked.failed) } td class="n" { (checked.checked) } td { (checked.threshold) }
                    td { (checked.detail.as_deref().unwrap_or_default()) }
                } } }
            } }
        }
    }
}

fn rule_row(content: &Content, checked: &Checked) -> Markup {
    let class = match (checked.acknowledged.is_some(), checked.severity) {
        (false, Severity::Error) => "bad",
        (false, Severity::Warning) => "warn",
        _ => "dim",
    };
    let state = if checked.state == RuleState::Failed && checked.acknowledged.is_none() {
        checked.severity.as_str()
    } else {
        word(checked)
    };
    let rule = content.rules.rule(&checked.rule);
    html! {
        tr {
            td class=(class) { (state) }
            td { (checked.rule) @if let Some(rule) = rule { br; span class="dim" { (rule.description) } } }
            td { (checked.utility) } td { (checked.dataset) }
            td class="n" { (checked.failed) } td class="n" { (checked.checked) }
            td class="month" { (checked.failing_since.map_or_else(String::new, |since| since.to_string())) }
            td {
                @if let Some(detail) = &checked.detail { (detail) br; }
                @if let Some(by) = &checked.acknowledged { "acknowledged by " (by.account) " until " (by.expires_on) ": " (by.reason) br; }
                @if let Some(rule) = rule { span class="dim" { (rule.next_step) } }
            }
        }
    }
}

fn missing(content: &Content) -> Markup {
    html! {
        h2 id="missing" { "Missing data" }
        p class="dim" { "Share of empty and sentinel cells in percent; ! marks columns with invalid values." }
        @for map in content.missing.iter().filter(|map| !map.months.is_empty()) { (heatmap(map)) }
    }
}

fn heatmap(map: &Heatmap) -> Markup {
    let (always, columns): (Vec<_>, Vec<_>) = map.columns.iter().partition(|column| column.is_always_missing());
    html! {
        h3 { (map.utility) " · " (map.dataset) }
        div class="wide" { table {
            thead { tr { th { "Column" } @for month in &map.months { th class="n" { (month) } } } }
            tbody { @for column in &columns { tr { td { (column.name) } @for cell in &column.cells { (heat_cell(*cell)) } } } }
        } }
        @if !always.is_empty() {
            p class="dim" { "Always missing: " (always.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")) }
        }
    }
}

fn heat_cell(cell: Option<Cell>) -> Markup {
    let Some(cell) = cell else { return html! { td class="n dim" { "·" } } };
    let share = format!("--share: {:.2}", cell.missing_rate() * 0.6);
    html! {
        td class="heat" style=(share) {
            @if cell.absent { "absent" } @else { (percent(cell.missing_rate())) @if cell.invalid > 0 { "!" } }
        }
    }
}

fn differences(content: &Content) -> Markup {
    let month = content.month.to_string();
    html! {
        h2 id="differences" { "Differences" }
        div class="wide" { table {
            thead { tr { th { "Utility" } th { "Of" } th class="n" { "Rows" } th class="n" { "Before" } th class="n" { "Added" } th class="n" { "Changed" } th class="n" { "Removed" } th class="n" { "Unchanged" } th { "Fields that changed most" } } }
            tbody { @for series in &content.months { (series_row(series, &month)) } }
        } }
    }
}

fn series_row(series: &Series, month: &str) -> Markup {
    let Some(line) = series.months.iter().find(|line| line.month == month) else { return html! {} };
    let fields: Vec<String> = line
        .fields
        .iter()
        .filter(|(_, changed, _)| *changed > 0)
        .take(3)
        .map(|(column, changed, _)| format!("{column} {changed}"))
        .collect();
    html! {
        tr {
            td { (series.utility) } td { (series.dataset) } td class="n" { (line.rows) }
            td class="n" { (line.previous_rows.map_or_else(|| "–".to_owned(), |rows| rows.to_string())) }
            td class="n" { (line.added) } td class="n" { (line.changed) } td class="n" { (line.removed) } td class="n" { (line.unchanged) }
            td { (fields.join(", ")) }
        }
    }
}

fn scorecard(content: &Content) -> Markup {
    html! {
        h2 id="scorecard" { "Scorecard" }
        table {
            thead { tr { th { "Utility" } th class="n" { "Months" } th class="n" { "Repeated failures" } th class="n" { "Rejected" } th class="n" { "Days late, mean" } th { "Errors and warnings by month" } } }
            tbody { @for score in &content.scores { tr {
                td { (score.utility) } td class="n" { (score.months) } td class="n" { (score.repeated) }
                td class="n" { (score.rejected_share.map_or_else(|| "–".to_owned(), |share| format!("{:.3} %", share * 100.0))) }
                td class="n" { (score.days_late.map_or_else(|| "–".to_owned(), |days| format!("{days:.1}"))) }
                td { (score.failures.iter().map(|(month, errors, warnings)| format!("{month}: {errors}/{warnings}")).collect::<Vec<_>>().join(", ")) }
            } } }
        }
    }
}
