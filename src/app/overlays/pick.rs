//! One out of a few: a utility, a dataset, a month to compare with, a format.

use crate::app::keys::Verb;
use crate::app::scope::Rescope;
use crate::app::screen::{Effect, Offer, Room, Screen};
use crate::app::table::{Column, Listing, Table};
use crate::app::view::{Empty, Read, TablePart, Tone, View};
use crate::app::world::World;
use crate::frame::{Frame, Value, schema};
use crate::model::{Dataset, Environment, Timestamp};

type Choose = Box<dyn Fn() -> Vec<Effect>>;

/// Something to choose.
pub struct Choice {
    /// Its name.
    pub name: String,
    /// What there is to say of it.
    pub note: String,
    /// What choosing it does.
    pub choose: Choose,
}

struct Pick {
    title: &'static str,
    choices: Vec<Choice>,
    table: Table,
}

/// One of these, the current one selected.
pub fn of(title: &'static str, choices: Vec<Choice>, current: &str) -> Box<dyn Screen> {
    let fields = schema::columns![name Text, note Text];
    let row = |choice: &Choice| vec![Value::Text(choice.name.clone()), Value::Text(choice.note.clone())];
    let rows = Frame::from_rows(&fields, &choices.iter().map(row).collect::<Vec<_>>()).unwrap_or_default();
    let mut table = Table::new("choices", &[]);
    table.fill(Listing {
        rows,
        columns: vec![Column::text("name", "").priority(0), Column::text("note", "").priority(1)],
        key: &["name"],
        paint: |_, field, _| if field == "note" { Tone::Dim } else { Tone::Text },
    });
    table.select(|rows, row| rows.text("name", row).as_deref() == Some(current));
    Box::new(Pick { title, choices, table })
}

/// One utility, or all.
pub fn utility(world: &World) -> Effect {
    let choice = |name: String, note: String, utility: Option<String>| Choice {
        name,
        note,
        choose: Box::new(move || vec![Effect::Scope(Rescope::Utility(utility.clone()))]),
    };
    let mut choices = vec![choice("all utilities".into(), String::new(), None)];
    choices.extend(world.settings.utilities.iter().map(|adapter| {
        let stops = world.facts.ready().map_or(0, |facts| {
            let month = world.month();
            facts
                .outcomes()
                .iter()
                .filter(|checked| Some(checked.month) == month && checked.utility == adapter.id.as_str() && checked.is_bad())
                .count()
        });
        let note = if stops > 0 { format!("{}, {stops} errors", adapter.name) } else { adapter.name.clone() };
        choice(adapter.id.to_string(), note, Some(adapter.id.to_string()))
    }));
    Effect::Open(of("Utility", choices, world.scope.utility.as_deref().unwrap_or("all utilities")))
}

/// What an environment holds.
pub const fn what_is_in(env: Environment) -> &'static str {
    match env {
        Environment::Dev => "where files are loaded and signed for",
        Environment::Qa => "what was promoted from dev",
        Environment::Prod => "what was promoted from qa",
    }
}

/// Another environment.
pub fn environment(world: &World) -> Effect {
    let choice = |env: Environment| Choice {
        name: env.to_string(),
        note: what_is_in(env).to_owned(),
        choose: Box::new(move || vec![Effect::Environment(env)]),
    };
    Effect::Open(of("Environment", Environment::ALL.into_iter().map(choice).collect(), world.settings.env.as_str()))
}

/// One dataset, or all.
pub fn dataset(world: &World) -> Effect {
    let choice = |name: &str, note: &str, dataset: Option<Dataset>| Choice {
        name: name.to_owned(),
        note: note.to_owned(),
        choose: Box::new(move || vec![Effect::Scope(Rescope::Dataset(dataset))]),
    };
    let mut choices = vec![choice("all datasets", "", None)];
    choices.extend(Dataset::ALL.into_iter().map(|dataset| {
        let note = match dataset.der_status() {
            None => "feeders and their hosting capacity",
            Some("installed") => "installed DERs",
            Some(_) => "planned DERs",
        };
        choice(dataset.as_str(), note, Some(dataset))
    }));
    Effect::Open(of("Dataset", choices, world.scope.dataset.map_or("all datasets", Dataset::as_str)))
}

/// An earlier month to compare with.
pub fn against(world: &World) -> Effect {
    let Some(month) = world.month() else { return Effect::Say("no month was loaded yet".into()) };
    let earlier: Vec<_> = world.months().iter().rev().filter(|other| **other < month).copied().collect();
    if earlier.is_empty() {
        return Effect::Say(format!("{month} is the first month: there is none to compare it with"));
    }
    let mut choices = vec![Choice {
        name: "the month before".into(),
        note: String::new(),
        choose: Box::new(|| vec![Effect::Scope(Rescope::Against(None))]),
    }];
    choices.extend(earlier.into_iter().map(|against| Choice {
        name: against.to_string(),
        note: String::new(),
        choose: Box::new(move || vec![Effect::Scope(Rescope::Against(Some(against)))]),
    }));
    let current = world.scope.against.map_or_else(|| "the month before".into(), |month| month.to_string());
    Effect::Open(of("Compare with", choices, &current))
}

impl Screen for Pick {
    fn title(&self) -> String {
        self.title.into()
    }

    fn purpose(&self) -> &'static str {
        "One of these."
    }

    fn room(&self) -> Room {
        Room::Box(64, u16::try_from(self.choices.len() + 3).unwrap_or(u16::MAX).max(6))
    }

    fn offers(&self, _: &World) -> Vec<Offer> {
        vec![(Verb::Enter, "choose"), (Verb::Filter, "filter"), (Verb::Back, "leave")]
    }

    fn act(&mut self, verb: Verb, _: &World) -> Option<Vec<Effect>> {
        (verb == Verb::Enter).then(|| {
            let chosen = self.table.selected().map(|row| (self.choices[row].choose)()).unwrap_or_default();
            std::iter::once(Effect::Close).chain(chosen).collect()
        })
    }

    fn table(&self) -> Option<&Table> {
        Some(&self.table)
    }

    fn table_mut(&mut self) -> Option<&mut Table> {
        Some(&mut self.table)
    }

    fn view<'a>(&'a self, _: &'a World) -> View<'a> {
        View::Table(TablePart {
            title: self.title.into(),
            from: "",
            read: Read::At(Timestamp::from_micros(0)),
            table: &self.table,
            empty: Empty::new(Tone::Dim, "nothing fits", ""),
            focused: true,
        })
    }
}
