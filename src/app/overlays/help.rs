//! What can be done in what has the focus, by which keys, and what its signs mean.

use crate::app::keys::{Group, Place, VERBS, Verb};
use crate::app::screen::{Effect, Offer, Room, Screen};
use crate::app::table::{Column, Listing, Table};
use crate::app::view::{Empty, Line, Lines, Read, Sharing, TablePart, TextPart, Tone, View};
use crate::app::world::World;
use crate::frame::{Frame, Value, schema};
use crate::model::Timestamp;

struct Help {
    title: String,
    purpose: &'static str,
    legend: &'static [(&'static str, &'static str)],
    table: Table,
    scroll: std::cell::Cell<usize>,
}

/// The help of a screen, of what can be done with it in front.
pub fn of(screen: &dyn Screen, world: &World, panes: &[String], can: &dyn Fn(Verb) -> bool) -> Box<dyn Screen> {
    let offers = screen.offers(world);
    let has_list = screen.table().is_some();
    let of_screen = offers.iter().map(|(verb, what)| (*verb, "Here", (*what).to_owned()));
    let of_all =
        Group::ALL.into_iter().flat_map(|group| VERBS.iter().filter(move |about| about.group == group)).filter(|about| {
            let means = match about.place {
                Place::Anywhere | Place::Pane => can(about.verb),
                Place::Table => has_list,
                Place::Screen => false,
            };
            means && !offers.iter().any(|(verb, _)| *verb == about.verb)
        });
    let of_all = of_all.filter_map(|about| {
        let what = match about.verb.pane() {
            Some(at) => panes.get(at)?.clone(),
            None => about.what.to_owned(),
        };
        Some((about.verb, about.group.title(), what))
    });
    let row = |(verb, group, what): (Verb, &str, String)| {
        let writes = if verb.about().writes { "writes" } else { "" };
        [world.keys.labels(verb), what, group.to_owned(), writes.to_owned(), verb.about().name.to_owned()]
            .map(Value::Text)
            .to_vec()
    };
    let rows: Vec<Vec<Value>> = of_screen.chain(of_all).map(row).collect();
    let fields = schema::columns![keys Text, what Text, chapter Text, writes Text, name Text];
    let mut table = Table::new("keys", &[]);
    table.fill(Listing {
        rows: Frame::from_rows(&fields, &rows).unwrap_or_default(),
        columns: vec![
            Column::plain("keys", "keys").priority(0),
            Column::text("what", "what").least(20).priority(0),
            Column::text("chapter", "chapter").priority(2),
            Column::plain("writes", "").priority(1),
            Column::plain("name", "name in keys.toml").priority(3),
        ],
        key: &["name"],
        paint: |_, field, _| match field {
            "keys" => Tone::Accent,
            "chapter" | "name" => Tone::Dim,
            "writes" => Tone::Warn,
            _ => Tone::Text,
        },
    });
    Box::new(Help {
        title: screen.title(),
        purpose: screen.purpose(),
        legend: screen.legend(),
        table,
        scroll: std::cell::Cell::new(0),
    })
}

impl Screen for Help {
    fn title(&self) -> String {
        "help".into()
    }

    fn purpose(&self) -> &'static str {
        "What can be done, by which keys, and what the signs mean."
    }

    fn room(&self) -> Room {
        Room::Full
    }

    fn offers(&self, _: &World) -> Vec<Offer> {
        vec![(Verb::Filter, "search a key"), (Verb::Back, "back")]
    }

    fn act(&mut self, verb: Verb, _: &World) -> Option<Vec<Effect>> {
        matches!(verb, Verb::Help | Verb::Enter).then(|| vec![Effect::Close])
    }

    fn table(&self) -> Option<&Table> {
        Some(&self.table)
    }

    fn table_mut(&mut self) -> Option<&mut Table> {
        Some(&mut self.table)
    }

    fn scroll(&self) -> Option<&std::cell::Cell<usize>> {
        Some(&self.scroll)
    }

    fn view<'a>(&'a self, _: &'a World) -> View<'a> {
        let read = Read::At(Timestamp::from_micros(0));
        let list = View::Table(TablePart {
            title: format!("Keys in {}", self.title),
            from: "",
            read,
            table: &self.table,
            empty: Empty::new(Tone::Dim, "no key does that", ""),
            focused: true,
        });
        let mut lines = vec![Line::of(Tone::Text, self.purpose)];
        lines.extend(self.legend.iter().map(|(sign, what)| Line::of(Tone::Accent, format!("{sign:<9} ")).and(Tone::Text, *what)));
        let height = u16::try_from(lines.len() + 3).unwrap_or(12);
        let sharing = Sharing { beside_from: 120, width: 46, lines: Lines::Lower(height), below_from: 18 };
        list.with(sharing, View::Text(TextPart { title: self.title.clone(), from: "", read, lines, scroll: &self.scroll }))
    }
}
