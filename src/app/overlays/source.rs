//! A record as it was delivered: file, line, raw text, and every cell.

use std::cell::Cell;

use crate::app::keys::Verb;
use crate::app::reads::trace::{self, RecordFilter, Traced};
use crate::app::screen::{Effect, Offer, Screen};
use crate::app::slot::{Desk, Slot, Waiting};
use crate::app::view::{Line, Read, TextPart, Tone, View};
use crate::app::world::World;
use crate::model::cell::visible;

struct Source {
    what: String,
    record: RecordFilter,
    /// Columns of the cell that is to be seen.
    marked: Vec<String>,
    found: Slot<(), Vec<Traced>>,
    scroll: Cell<usize>,
}

/// The record in its file; several where its key occurs several times, or in several months.
pub fn of(what: String, record: RecordFilter, marked: Vec<String>) -> Box<dyn Screen> {
    Box::new(Source { what, record, marked, found: Slot::default(), scroll: Cell::new(0) })
}

impl Source {
    fn lines(&self) -> Vec<Line> {
        let Some(records) = self.found.ready() else { return Vec::new() };
        if records.is_empty() {
            return vec![
                Line::of(Tone::Warn, "the record is in no table any more: another file took the place of its own"),
                Line::of(Tone::Dim, "2 shows what was loaded for the month; Esc goes back"),
            ];
        }
        records.iter().flat_map(|record| lines_of(record, &self.marked)).collect()
    }
}

fn is_marked(marked: &[String], column: &str) -> bool {
    marked.iter().any(|wanted| wanted.eq_ignore_ascii_case(column))
}

fn lines_of(record: &Traced, marked: &[String]) -> Vec<Line> {
    let mut lines =
        vec![Line::of(Tone::Accent, format!("{} line {} · {}", visible(&record.source_file), record.source_line, record.month))];
    let hash = record.sha256.as_deref().unwrap_or("unknown: the file was refused");
    lines.push(Line::of(Tone::Dim, format!("SHA-256 {hash} · run {}", record.run_id)));
    if let Some(reason) = record.set_aside {
        lines.push(Line::of(Tone::Warn, format!("rejected before bronze as {reason}: {}", reason.meaning())));
        lines.push(Line::of(Tone::Dim, "next      ").and(Tone::Accent, reason.next_step()));
    }
    lines.push(raw_line(record, marked));
    let widest = record.cells.iter().map(|(column, _)| column.chars().count()).max().unwrap_or(0).min(34);
    for (column, cell) in &record.cells {
        let (sign, tone) = if is_marked(marked, column) { ("▶", Tone::Marked) } else { (" ", Tone::Text) };
        let shown = if cell.is_empty() { "(empty)".into() } else { visible(cell) };
        lines.push(Line::of(Tone::Dim, format!("{sign}{column:>widest$} ")).and(tone, shown));
    }
    lines.push(Line::default());
    lines
}

/// The raw text with the cell that is to be seen set off, where it can be told apart.
fn raw_line(record: &Traced, marked: &[String]) -> Line {
    let Some(raw) = &record.raw else {
        let why = "the file is no longer in the landing folder as it was delivered; the cells are those of bronze";
        return Line::of(Tone::Warn, why);
    };
    let cell = record.cells.iter().find(|(column, _)| is_marked(marked, column));
    let found = cell
        .filter(|(_, cell)| !cell.is_empty() && raw.matches(cell.as_str()).count() == 1)
        .and_then(|(_, cell)| Some((raw.find(cell.as_str())?, cell.len())));
    match found {
        Some((at, len)) => Line::of(Tone::Dim, visible(&raw[..at]))
            .and(Tone::Marked, visible(&raw[at..at + len]))
            .and(Tone::Dim, visible(&raw[at + len..])),
        None => Line::of(Tone::Dim, visible(raw)),
    }
}

impl Screen for Source {
    fn title(&self) -> String {
        "source".into()
    }

    fn purpose(&self) -> &'static str {
        "A record as it was delivered: file, line, raw text, and every cell; the one that was asked about is marked."
    }

    fn offers(&self, _: &World) -> Vec<Offer> {
        vec![(Verb::Down, "down"), (Verb::CopyRow, "copy"), (Verb::Back, "back")]
    }

    fn settle(&mut self, _: &World, desk: &mut Desk) {
        let record = self.record.clone();
        self.found.want(desk, (), move |reader| {
            let found = trace::records(reader.lake, reader.settings, &record)?;
            if !found.is_empty() || record.month.is_none() || record.entity.is_none() {
                return Ok(found);
            }
            // A month of changes does not deliver what stayed as it was: the record is that of an earlier one.
            trace::records(reader.lake, reader.settings, &RecordFilter { month: None, ..record })
        });
    }

    fn slots(&mut self) -> Vec<&mut dyn Waiting> {
        vec![&mut self.found]
    }

    fn act(&mut self, verb: Verb, _: &World) -> Option<Vec<Effect>> {
        match verb {
            Verb::CopyRow | Verb::CopyCell => {
                let lines: Vec<String> = self.lines().iter().map(|line| line.text().trim_end().to_owned()).collect();
                Some(vec![Effect::Copy(lines.join("\n"))])
            }
            _ => None,
        }
    }

    fn scroll(&self) -> Option<&Cell<usize>> {
        Some(&self.scroll)
    }

    fn view<'a>(&'a self, _: &'a World) -> View<'a> {
        View::Text(TextPart {
            title: format!("Source of {}", self.what),
            from: "bronze · silver/rejected",
            read: Read::from(self.found.remote()),
            lines: self.lines(),
            scroll: &self.scroll,
        })
    }
}
