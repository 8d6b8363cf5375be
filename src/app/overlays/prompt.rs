//! The line in which a filter or a search is typed; the list below answers with every key.

use crate::app::field::Field;
use crate::app::keys::Verb;
use crate::app::screen::{Effect, Offer, Room, Screen};
use crate::app::table::Table;
use crate::app::view::{Read, TextPart, View};
use crate::app::world::World;
use crate::model::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Filter,
    Search,
}

struct Prompt {
    kind: Kind,
    field: Field,
    before: String,
    /// What the text may go on with, as it was typed and which one is in.
    completions: Option<(Vec<String>, usize)>,
    scroll: std::cell::Cell<usize>,
}

/// A filter of the list.
pub fn filter(table: &Table) -> Box<dyn Screen> {
    prompt(Kind::Filter, table.filter().0)
}

/// A search in the list.
pub fn search() -> Box<dyn Screen> {
    prompt(Kind::Search, "")
}

fn prompt(kind: Kind, text: &str) -> Box<dyn Screen> {
    Box::new(Prompt {
        kind,
        field: Field::new(text),
        before: text.to_owned(),
        completions: None,
        scroll: std::cell::Cell::new(0),
    })
}

impl Prompt {
    fn tell(&self) -> Effect {
        let (kind, text) = (self.kind, self.field.text().to_owned());
        Effect::Below(Box::new(move |table| match kind {
            Kind::Filter => table.set_filter(&text),
            Kind::Search => table.set_search(&text),
        }))
    }
}

impl Screen for Prompt {
    fn title(&self) -> String {
        match self.kind {
            Kind::Filter => "filter",
            Kind::Search => "search",
        }
        .into()
    }

    fn purpose(&self) -> &'static str {
        "Words, and comparisons of columns: `36_17`, `max_mw > 5 and utility = utility2`, `not (type ~ solar or kw < 10)`."
    }

    fn room(&self) -> Room {
        Room::Line
    }

    fn offers(&self, _: &World) -> Vec<Offer> {
        match self.kind {
            Kind::Filter => vec![(Verb::Enter, "keep"), (Verb::NextPart, "complete"), (Verb::Back, "as before")],
            Kind::Search => vec![(Verb::Enter, "keep"), (Verb::Down, "next"), (Verb::Back, "leave")],
        }
    }

    fn act(&mut self, verb: Verb, _: &World) -> Option<Vec<Effect>> {
        match verb {
            Verb::Enter => Some(vec![Effect::Close]),
            Verb::Back => {
                let mut effects = Vec::new();
                if self.kind == Kind::Filter {
                    self.field = Field::new(self.before.clone());
                    effects.push(self.tell());
                }
                effects.push(Effect::Close);
                Some(effects)
            }
            Verb::Up | Verb::Down | Verb::PageUp | Verb::PageDown => {
                let verb = match (self.kind, verb) {
                    (Kind::Search, Verb::Down) => Verb::NextMatch,
                    (Kind::Search, Verb::Up) => Verb::PreviousMatch,
                    _ => verb,
                };
                Some(vec![Effect::Below(Box::new(move |table| {
                    table.act(verb);
                }))])
            }
            Verb::NextPart => Some(vec![Effect::Complete]),
            _ => None,
        }
    }

    fn field(&self) -> Option<(&Field, String)> {
        Some((&self.field, self.title()))
    }

    fn field_mut(&mut self) -> Option<&mut Field> {
        Some(&mut self.field)
    }

    fn typed(&mut self, _: &World) -> Vec<Effect> {
        self.completions = None;
        vec![self.tell()]
    }

    fn complete(&mut self, below: &Table) -> Vec<Effect> {
        if self.kind != Kind::Filter {
            return Vec::new();
        }
        let (found, at) =
            self.completions.take().map_or_else(|| (below.completions(self.field.text()), 0), |(found, at)| (found, at + 1));
        if found.is_empty() {
            return vec![Effect::Say("nothing begins like that".into())];
        }
        let at = at % found.len();
        self.field = Field::new(found[at].clone());
        self.completions = Some((found, at));
        vec![self.tell()]
    }

    fn view<'a>(&'a self, _: &'a World) -> View<'a> {
        View::Text(TextPart {
            title: self.title(),
            from: "",
            read: Read::At(Timestamp::from_micros(0)),
            lines: Vec::new(),
            scroll: &self.scroll,
        })
    }
}
