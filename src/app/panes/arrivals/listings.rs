//! The lists of the pane: calendar, feeds, runs, scorecard.

use crate::app::facts::Facts;
use crate::app::panes::rows;
use crate::app::reads::calendar::{Arrival, UtilityMonth};
use crate::app::reads::checks::Score;
use crate::app::reads::status::Feed;
use crate::app::table::{Column, Listing, Show};
use crate::app::view::Tone;
use crate::app::world::World;
use crate::frame::{self, ColumnType, Frame, Value, schema};

pub(super) fn look(delivery: Arrival) -> (&'static str, Tone) {
    match delivery {
        Arrival::NotDue => (" ", Tone::Dim),
        Arrival::Expected => ("○", Tone::Dim),
        Arrival::Loaded => ("●", Tone::Good),
        Arrival::Partial => ("◐", Tone::Warn),
        Arrival::Late => ("▲", Tone::Warn),
        Arrival::Stale | Arrival::Refused => ("■", Tone::Bad),
    }
}

pub(super) fn day_text(day: &UtilityMonth) -> String {
    let (glyph, _) = look(day.delivery);
    let again = if day.redelivered { "↻" } else { "" };
    let refused = if day.refused.is_empty() || day.delivery == Arrival::Refused { "" } else { "!" };
    let word = match day.delivery {
        Arrival::Partial => format!("{}/{}", day.expected.len() - day.missing.len(), day.expected.len()),
        delivery => delivery.as_str().to_owned(),
    };
    format!("{glyph} {word}{again}{refused}")
}

pub(super) fn calendar(facts: &Facts, world: &World) -> Listing {
    let Ok(calendar) = &facts.calendar else { return Listing::default() };
    let mut fields = vec![frame::Column::new("utility", ColumnType::Text)];
    fields.extend(calendar.months.iter().map(|month| frame::Column::new(&month.to_string(), ColumnType::Text)));
    let line = |(utility, days): &(String, Vec<UtilityMonth>)| {
        let is_new = days.iter().all(|day| day.delivery == Arrival::NotDue);
        let text = |day: &UtilityMonth| Value::Text(if is_new { "– never".into() } else { day_text(day) });
        std::iter::once(Value::Text(utility.clone())).chain(days.iter().map(text)).collect()
    };
    let lines: Vec<Vec<Value>> =
        calendar.utilities.iter().filter(|(utility, _)| world.scope.has_utility(utility)).map(line).collect();
    let newest = calendar.months.len();
    let mut columns = vec![Column::plain("utility", "utility").priority(0)];
    // The months that are longest ago go first.
    columns.extend(calendar.months.iter().enumerate().map(|(at, month)| {
        let month = month.to_string();
        Column::plain(&month, &month).priority(u8::try_from(1 + newest - at).unwrap_or(u8::MAX))
    }));
    Listing {
        rows: if calendar.months.is_empty() { Frame::default() } else { rows(&fields, &lines) },
        columns,
        key: &["utility"],
        paint: |rows, field, row| match rows.text(field, row).as_deref().and_then(|text| text.chars().next()) {
            Some('●') => Tone::Good,
            Some('◐' | '▲') => Tone::Warn,
            Some('■') => Tone::Bad,
            Some('○' | '–') => Tone::Dim,
            _ => Tone::Text,
        },
    }
}

pub(super) fn feeds(feeds: &[Feed], world: &World) -> Listing {
    let today = world.settings.today;
    let row = |feed: &Feed| {
        let age = feed.refresh_age(today);
        let severity = age.and_then(|days| world.settings.rules.refresh_age_severity(&feed.utility, feed.dataset, days));
        vec![
            Value::Text(feed.utility.clone()),
            Value::Text(feed.dataset.to_string()),
            Value::text(feed.month.map(|month| month.to_string())),
            Value::Text(format!("{} {}", feed.freshness.glyph(), feed.freshness.as_str())),
            feed.last_refresh.map_or(Value::Null, Value::Day),
            age.map_or(Value::Null, |days| Value::Whole(days.into())),
            Value::count(feed.rows),
            Value::count(feed.rejected),
            feed.missing_rate.map_or(Value::Null, Value::Real),
            feed.received_at.map_or(Value::Null, Value::Time),
            Value::text(feed.last_result.clone()),
            Value::text(severity.map(|severity| severity.to_string())),
        ]
    };
    let fields = schema::columns![utility Text, dataset Text, month Text, state Text, refreshed Day, age Whole, rows Whole, rejected Whole, missing Real, received Time, last_run Text, severity Text];
    let shown = feeds.iter().filter(|feed| world.scope.has(&feed.utility, feed.dataset.as_str()));
    Listing {
        rows: rows(&fields, &shown.map(row).collect::<Vec<_>>()),
        columns: vec![
            Column::plain("utility", "utility").priority(0),
            Column::plain("dataset", "dataset").priority(0),
            Column::plain("month", "month").priority(1),
            Column::plain("state", "state").priority(0),
            Column::plain("refreshed", "utility's date").priority(2),
            Column::count("age", "age, days").priority(1),
            Column::count("rows", "rows").priority(3),
            Column::count("rejected", "rejected").priority(4),
            Column::count("missing", "missing, %").as_(Show::Percent).priority(5),
            Column::plain("last_run", "last run").priority(2),
            Column::plain("received", "received UTC").priority(6),
        ],
        key: &["utility", "dataset"],
        paint: |rows, field, row| {
            let text = |field: &str| rows.text(field, row).unwrap_or_default();
            match field {
                "state" => match text("state").split(' ').nth(1) {
                    Some("fresh") => Tone::Good,
                    Some("late") => Tone::Warn,
                    _ => Tone::Bad,
                },
                "age" if text("severity") == "error" => Tone::Bad,
                "age" if !text("severity").is_empty() => Tone::Warn,
                "last_run" if matches!(text("last_run").as_str(), "refused" | "failed") => Tone::Bad,
                "rejected" if rows.count("rejected", row) > 0 => Tone::Warn,
                _ => Tone::Text,
            }
        },
    }
}

pub(super) fn runs_listing(rows: Frame, is_log: bool) -> Listing {
    let (when, file) = if is_log { (1, 2) } else { (5, 0) };
    Listing {
        rows,
        columns: vec![
            Column::plain("started_at", "run, UTC").priority(when),
            Column::plain("outcome", "outcome").priority(0),
            Column::text("source_file", "file").least(44).priority(file),
            Column::count("rows_loaded", "rows").priority(1),
            Column::count("rejected", "rejected").priority(2),
            Column::plain("reason", "reason").priority(1),
            Column::count("source_line", "line").priority(4),
            Column::text("detail", "detail").priority(4),
            Column::text("next_step", "next").priority(6),
            Column::plain("received_at", "received UTC").priority(5),
            Column::count("bytes", "bytes").priority(7),
            Column::text("run_id", "run").priority(8),
            Column::text("file_sha256", "SHA-256").priority(9),
        ],
        key: &["run_id", "source_file", "delivery_month"],
        paint: |rows, field, row| match (field, rows.text("outcome", row).as_deref()) {
            ("outcome" | "reason", Some("refused" | "failed")) => Tone::Bad,
            ("outcome", Some("loaded" | "superseded")) => Tone::Good,
            ("outcome" | "started_at" | "run_id" | "file_sha256", _) => Tone::Dim,
            ("rejected", _) if rows.count("rejected", row) > 0 => Tone::Warn,
            _ => Tone::Text,
        },
    }
}

pub(super) fn scorecard(scores: &[Score], world: &World) -> Listing {
    let row = |score: &Score| {
        let by_month: Vec<String> = score
            .failures
            .iter()
            .rev()
            .take(12)
            .map(|(month, errors, warnings)| format!("{month} {errors}/{warnings}"))
            .collect();
        let newest = score.failures.last();
        vec![
            Value::Text(score.utility.clone()),
            Value::count(score.months),
            newest.map_or(Value::Null, |(_, errors, _)| Value::count(*errors)),
            newest.map_or(Value::Null, |(_, _, warnings)| Value::count(*warnings)),
            Value::count(score.repeated),
            score.rejected_share.map_or(Value::Null, |share| Value::Real(share * 100.0)),
            score.days_late.map_or(Value::Null, Value::Real),
            Value::Text(by_month.join("  ")),
        ]
    };
    let fields = schema::columns![utility Text, months Whole, errors Whole, warnings Whole, repeated Whole, rejected Real, late Real, by_month Text];
    let shown = scores.iter().filter(|score| world.scope.has_utility(&score.utility));
    Listing {
        rows: rows(&fields, &shown.map(row).collect::<Vec<_>>()),
        columns: vec![
            Column::plain("utility", "utility").priority(0),
            Column::count("months", "months").priority(3),
            Column::count("errors", "errors").priority(1),
            Column::count("warnings", "warnings").priority(1),
            Column::count("repeated", "repeated").priority(2),
            Column::number("rejected", "rejected, %").priority(2),
            Column::number("late", "days late, mean").priority(2),
            Column::text("by_month", "errors/warnings, newest month first").priority(4),
        ],
        key: &["utility"],
        paint: |rows, field, row| match field {
            "errors" if rows.count("errors", row) > 0 => Tone::Bad,
            "warnings" if rows.count("warnings", row) > 0 => Tone::Warn,
            _ => Tone::Text,
        },
    }
}
