//! The lists of the pane: months that follow one another, months that do not, and movers.

use crate::app::panes::columns::spark;
use crate::app::panes::rows;
use crate::app::reads::months::{MonthLine, Series};
use crate::app::table::{Column, Listing, Show};
use crate::app::view::Tone;
use crate::app::world::World;
use crate::frame::{Frame, Value, schema};
use crate::model::Month;

/// The line of a series for the month, and the rows of all its months up to then.
pub(super) fn month_of<'a>(series: &'a Series, world: &World) -> Option<(&'a MonthLine, Vec<u64>)> {
    let month = world.month()?;
    let at = series.months.iter().position(|line| Month::parse(&line.month) == Some(month))?;
    Some((&series.months[at], series.months[..=at].iter().map(|line| line.rows).collect()))
}

/// How each dataset, and its feeders or DERs, differs from the month before.
pub(super) fn followed(series: &[Series], world: &World) -> Listing {
    let line = |series: &Series| {
        let (line, rows) = month_of(series, world)?;
        let newest = &rows[rows.len().saturating_sub(24)..];
        let difference = line.previous_rows.map(|before| line.rows.cast_signed() - before.cast_signed());
        Some(vec![
            Value::Text(series.utility.clone()),
            Value::Text(series.dataset.clone()),
            Value::count(line.rows),
            difference.map_or(Value::Null, Value::Whole),
            Value::count(line.added),
            Value::count(line.changed),
            Value::count(line.removed),
            Value::count(line.unchanged),
            Value::Text(spark(newest, newest.iter().copied().max().unwrap_or(0))),
            line.previous_rows.map_or(Value::Null, Value::count),
        ])
    };
    let lines: Vec<_> =
        series.iter().filter(|series| world.scope.has(&series.utility, &series.dataset)).filter_map(line).collect();
    let fields = schema::columns![utility Text, dataset Text, rows Whole, difference Whole, added Whole, changed Whole, removed Whole, unchanged Whole, trend Text, before Whole];
    Listing {
        rows: rows(&fields, &lines),
        columns: vec![
            Column::plain("utility", "utility").priority(0),
            Column::plain("dataset", "of").priority(0),
            Column::count("rows", "rows").priority(1),
            Column::count("difference", "±").as_(Show::Difference).priority(1),
            Column::count("added", "added").priority(2),
            Column::count("changed", "changed").priority(2),
            Column::count("removed", "removed").priority(2),
            Column::count("unchanged", "unchanged").priority(4),
            Column::plain("trend", "trend").priority(3),
        ],
        key: &["utility", "dataset"],
        paint: |rows, field, row| {
            let count = |field| rows.count(field, row);
            match field {
                "difference" if rows.number("before", row).is_some_and(|before| (count("rows") as f64) < before * 0.8) => {
                    Tone::Bad
                }
                "added" if count("added") > 0 => Tone::Good,
                "changed" if count("changed") > 0 => Tone::Warn,
                "removed" if count("removed") > 0 => Tone::Bad,
                "added" | "changed" | "removed" | "unchanged" => Tone::Dim,
                "trend" => Tone::Accent,
                _ => Tone::Text,
            }
        },
    }
}

/// How many feeders and DERs differ between two months that do not follow one another.
pub(super) fn counted(found: &Frame, world: &World) -> Listing {
    let mut lines: Vec<(String, String, String, u64)> = Vec::new();
    for row in 0..found.height() {
        let text = |column| found.text(column, row).unwrap_or_default();
        // An entity that differs in three columns is three rows of them; kinds count entities once.
        if !text("column_name").is_empty() || !world.scope.has(&text("utility_id"), &text("entity")) {
            continue;
        }
        lines.push((text("utility_id"), text("entity"), text("change"), found.count("entities", row)));
    }
    let fields = schema::columns![utility Text, dataset Text, change Text, entities Whole, bar Whole];
    let line = |(utility, entity, change, entities): &(String, String, String, u64)| {
        let texts = [utility, entity, change].map(|text| Value::Text(text.clone()));
        texts.into_iter().chain([Value::count(*entities), Value::count(*entities)]).collect()
    };
    Listing {
        rows: rows(&fields, &lines.iter().map(line).collect::<Vec<_>>()),
        columns: vec![
            Column::plain("utility", "utility").priority(0),
            Column::plain("dataset", "of").priority(0),
            Column::plain("change", "what became of them").priority(0),
            Column::count("entities", "feeders, DERs").priority(0),
            Column::plain("bar", "").as_(Show::Bar).priority(2),
        ],
        key: &["utility", "dataset", "change"],
        paint: |rows, field, row| match (field, rows.text("change", row).as_deref()) {
            ("change" | "entities", Some("added" | "planned → installed")) => Tone::Good,
            ("change" | "entities", Some("removed")) => Tone::Bad,
            ("change" | "entities", Some("changed")) => Tone::Warn,
            ("bar", _) => Tone::Accent,
            _ => Tone::Text,
        },
    }
}

pub(super) fn movers(rows: &Frame, world: &World) -> Listing {
    let is_in = |row: &u32| rows.text("utility_id", *row as usize).is_some_and(|utility| world.scope.has_utility(&utility));
    let places: Vec<u32> = (0..rows.height() as u32).filter(is_in).collect();
    Listing {
        rows: rows.rows_at(&places),
        columns: vec![
            Column::plain("utility_id", "utility").priority(0),
            Column::text("feeder_id", "feeder").priority(0),
            Column::number("before_mw", "before, MW").priority(1),
            Column::number("now_mw", "now, MW").priority(1),
            Column::number("difference", "Δ, MW").as_(Show::Difference).priority(0),
            Column::number("percent", "Δ, %").as_(Show::Difference).priority(2),
            Column::plain("size", "").as_(Show::Bar).priority(3),
            Column::plain("change", "what").priority(4),
        ],
        key: &["utility_id", "feeder_id"],
        paint: |rows, field, row| match field {
            "difference" | "percent" | "size" => match rows.number("difference", row) {
                Some(by) if by < 0.0 => Tone::Bad,
                Some(_) => Tone::Good,
                None => Tone::Dim,
            },
            "change" => Tone::Dim,
            _ => Tone::Text,
        },
    }
}
