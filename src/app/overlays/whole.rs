//! A cell, or a row, with nothing cut off.

use std::cell::Cell;

use crate::app::keys::Verb;
use crate::app::screen::{Effect, Offer, Room, Screen};
use crate::app::table::Table;
use crate::app::view::{Line, Read, TextPart, Tone, View};
use crate::app::world::World;
use crate::frame::Value;
use crate::frame::text::shown;
use crate::model::Timestamp;

struct Whole {
    title: String,
    lines: Vec<Line>,
    text: String,
    scroll: Cell<usize>,
}

/// A cell.
pub fn of(title: String, text: String) -> Box<dyn Screen> {
    let line = if text.is_empty() { Line::of(Tone::Dim, "nothing") } else { Line::of(Tone::Text, text.clone()) };
    Box::new(Whole { title, lines: vec![line], text, scroll: Cell::new(0) })
}

/// The selected row, every field of it, hidden ones too; `None` without one.
pub fn row(table: &Table) -> Option<Box<dyn Screen>> {
    let at = table.selected()?;
    let rows = table.rows();
    let names: Vec<&str> = rows.names().into_iter().filter(|name| !name.ends_with("_text") && *name != "place").collect();
    let widest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let line = |name: &&str| {
        let text = match rows.value(name, at) {
            Value::Real(number) => number.to_string(),
            other => shown(&other),
        };
        Line::of(Tone::Dim, format!("{name:>widest$}  ")).and(Tone::Text, text)
    };
    let lines: Vec<Line> = names.iter().map(line).collect();
    let text = lines.iter().map(|line| line.text().trim_start().to_owned()).collect::<Vec<_>>().join("\n");
    Some(Box::new(Whole { title: "The whole row".into(), lines, text, scroll: Cell::new(0) }))
}

impl Screen for Whole {
    fn title(&self) -> String {
        self.title.clone()
    }

    fn purpose(&self) -> &'static str {
        "What a list had no room for."
    }

    fn room(&self) -> Room {
        Room::Box(90, u16::try_from(self.lines.len() + 4).unwrap_or(u16::MAX).max(8))
    }

    fn offers(&self, _: &World) -> Vec<Offer> {
        vec![(Verb::CopyCell, "copy"), (Verb::Back, "back")]
    }

    fn act(&mut self, verb: Verb, _: &World) -> Option<Vec<Effect>> {
        match verb {
            Verb::CopyCell | Verb::CopyRow => Some(vec![Effect::Copy(self.text.clone())]),
            Verb::Enter | Verb::Whole => Some(vec![Effect::Close]),
            _ => None,
        }
    }

    fn scroll(&self) -> Option<&Cell<usize>> {
        Some(&self.scroll)
    }

    fn view<'a>(&'a self, _: &'a World) -> View<'a> {
        View::Text(TextPart {
            title: self.title.clone(),
            from: "",
            read: Read::At(Timestamp::from_micros(0)),
            lines: self.lines.clone(),
            scroll: &self.scroll,
        })
    }
}
