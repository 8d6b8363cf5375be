//! Anything by a part of its name: panes, commands, environments, months, utilities, rules, columns, files, feeders, and DERs by id or address.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::feeder;
use crate::app::field::Field;
use crate::app::keys::{About, Group, VERBS, Verb};
use crate::app::overlays::{pick, source};
use crate::app::reads::trace::RecordFilter;
use crate::app::reads::{find, runs};
use crate::app::scope::Rescope;
use crate::app::screen::{Effect, Offer, Room, Screen};
use crate::app::slot::{Desk, Slot, Waiting};
use crate::app::table::{Column, Listing, Table};
use crate::app::view::{Empty, Read, TablePart, Tone, View};
use crate::app::world::World;
use crate::frame::{CellRef, Frame, Value, schema};
use crate::model::{Dataset, Environment, FeederId, Month, Timestamp};

/// A place to go to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Pane(&'static str),
    Verb(Verb),
    Environment(Environment),
    Month(Month),
    Utility(String),
    Rule(String),
    Column([String; 3]),
    File { utility: String, month: Option<Month>, file: String },
    Feeder(String, String),
    Der { utility: String, status: String, id: String },
}

impl Place {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Pane(_) => "pane",
            Self::Verb(_) => "command",
            Self::Environment(_) => "environment",
            Self::Month(_) => "month",
            Self::Utility(_) => "utility",
            Self::Rule(_) => "rule",
            Self::Column(_) => "column",
            Self::File { .. } => "file",
            Self::Feeder(..) => "feeder",
            Self::Der { .. } => "DER",
        }
    }
}

/// Name, note and place.
type Found = (String, String, Place);

struct GoTo {
    field: Field,
    /// What is known without a question: name, note and place.
    known: Vec<Found>,
    feeders: Slot<(), Frame>,
    columns: Slot<(), Frame>,
    files: Slot<(), Frame>,
    /// What fits the text, as the answers to the three are.
    matched: Slot<(String, [u64; 3]), Vec<Found>>,
    ders: Slot<String, Frame>,
    found: Vec<Place>,
    table: Table,
    made_of: Option<(String, u64, u64)>,
    matcher: Matcher,
}

/// Rows that are shown of each kind.
const MOST: usize = 100;
/// With fewer signs than these DERs are not asked for.
const LEAST_SIGNS: usize = 3;

/// Everything that there is to go to, with the commands that mean something now.
pub fn new(world: &World, panes: &[Box<dyn Screen>], can: &dyn Fn(Verb) -> bool) -> Box<dyn Screen> {
    let mut known: Vec<Found> =
        panes.iter().map(|pane| (pane.title(), pane.purpose().to_owned(), Place::Pane(pane.id()))).collect();
    known.extend(Environment::ALL.map(|env| (env.to_string(), pick::what_is_in(env).into(), Place::Environment(env))));
    known.extend(
        world.months().iter().rev().map(|month| (month.to_string(), "the month of the scope".into(), Place::Month(*month))),
    );
    known.extend(
        world
            .settings
            .utilities
            .iter()
            .map(|adapter| (adapter.id.to_string(), format!("only {}", adapter.name), Place::Utility(adapter.id.to_string()))),
    );
    known.extend(
        world.settings.rules.rules.iter().map(|rule| (rule.id.clone(), rule.description.clone(), Place::Rule(rule.id.clone()))),
    );
    let is_command = |about: &&About| about.verb.pane().is_none() && about.group != Group::Move && can(about.verb);
    known.extend(VERBS.iter().filter(is_command).map(|about| {
        (about.name.to_owned(), format!("{}  {}", about.what, world.keys.label(about.verb)), Place::Verb(about.verb))
    }));
    Box::new(GoTo {
        field: Field::default(),
        known,
        feeders: Slot::default(),
        columns: Slot::default(),
        files: Slot::default(),
        matched: Slot::default(),
        ders: Slot::default(),
        found: Vec::new(),
        table: Table::new("places", &[]),
        made_of: None,
        matcher: Matcher::new(Config::DEFAULT),
    })
}

impl GoTo {
    /// What is known of columns, files and feeders.
    fn tables(&self) -> [Option<Frame>; 3] {
        [self.columns.ready(), self.files.ready(), self.feeders.ready()].map(Option::<&Frame>::cloned)
    }

    /// The best of what is known, then columns, files and feeders, then DERs.
    fn find(&mut self, in_tables: &[Found]) {
        let text = self.field.text().to_owned();
        let pattern = Pattern::parse(&text, CaseMatching::Ignore, Normalization::Smart);
        let mut buffer = Vec::new();
        let mut scored: Vec<(u32, Found)> = Vec::new();
        for (name, note, place) in &self.known {
            if let Some(score) = pattern.score(Utf32Str::new(name, &mut buffer), &mut self.matcher) {
                scored.push((score, (name.clone(), note.clone(), place.clone())));
            }
        }
        scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        let mut rows: Vec<Found> = scored.into_iter().take(MOST).map(|(_, row)| row).collect();
        rows.extend(in_tables.iter().cloned());
        if !text.is_empty() {
            rows.extend(self.matching_ders());
        }
        let fields = schema::columns![kind Text, name Text, note Text];
        let row = |(name, note, place): &Found| {
            vec![Value::Text(place.kind().into()), Value::Text(name.clone()), Value::Text(note.clone())]
        };
        self.table.fill(Listing {
            rows: Frame::from_rows(&fields, &rows.iter().map(row).collect::<Vec<_>>()).unwrap_or_default(),
            columns: vec![
                Column::plain("kind", "").priority(1),
                Column::text("name", "").least(20).priority(0),
                Column::text("note", "").priority(2),
            ],
            key: &["kind", "name", "note"],
            paint: |_, field, _| if field == "name" { Tone::Text } else { Tone::Dim },
        });
        self.found = rows.into_iter().map(|(_, _, place)| place).collect();
    }

    fn matching_ders(&self) -> Vec<Found> {
        let Some(rows) = self.ders.ready() else { return Vec::new() };
        let place = |row: usize| {
            let text = |column: &str| rows.text(column, row).unwrap_or_default();
            let address = rows.text("service_address", row).map_or(String::new(), |address| format!(", {address}"));
            let note = format!("{} {}, {}{address}", text("utility_id"), text("status"), text("feeder_id"));
            (text("der_id"), note, Place::Der { utility: text("utility_id"), status: text("status"), id: text("der_id") })
        };
        (0..rows.height()).map(place).collect()
    }
}

fn told(rows: &Frame, field: &str, row: usize) -> String {
    rows.text(field, row).unwrap_or_default()
}

/// The best of what the tables know, but for DERs: there may be a hundred thousand feeders, so no key waits for it.
fn in_tables(text: &str, [columns, files, feeders]: &[Option<Frame>; 3]) -> Vec<Found> {
    let pattern = Pattern::parse(text, CaseMatching::Ignore, Normalization::Smart);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut found = matching(columns.as_ref(), "column_name", (&pattern, &mut matcher), |rows, row| {
        let [column, utility, dataset] = ["column_name", "utility_id", "dataset"].map(|field| told(rows, field, row));
        (column.clone(), format!("{utility} {dataset}"), Place::Column([utility, dataset, column]))
    });
    found.extend(matching(files.as_ref(), "source_file", (&pattern, &mut matcher), |rows, row| {
        let [file, utility, outcome] = ["source_file", "utility_id", "outcome"].map(|field| told(rows, field, row));
        let month = Month::parse(&told(rows, "delivery_month", row));
        (file.clone(), format!("{utility} {outcome}"), Place::File { utility, month, file })
    }));
    found.extend(matching(feeders.as_ref(), "feeder_id", (&pattern, &mut matcher), |rows, row| {
        let [id, utility] = ["feeder_id", "utility_id"].map(|field| told(rows, field, row));
        (id.clone(), utility.clone(), Place::Feeder(utility, id))
    }));
    found
}

/// The best of the rows whose text in a column fits, the rest of them left out.
fn matching(
    rows: Option<&Frame>,
    field: &str,
    (pattern, matcher): (&Pattern, &mut Matcher),
    place: impl Fn(&Frame, usize) -> Found,
) -> Vec<Found> {
    let Some((rows, cells)) = rows.and_then(|rows| Some((rows, rows.cells(field)?))) else { return Vec::new() };
    let mut buffer = Vec::new();
    let score = |row: usize| match cells.at(row) {
        CellRef::Text(text) => pattern.score(Utf32Str::new(text, &mut buffer), matcher).map(|score| (score, row)),
        _ => None,
    };
    let mut scored: Vec<(u32, usize)> = (0..rows.height()).filter_map(score).collect();
    let order = |(score, row): &(u32, usize)| (std::cmp::Reverse(*score), *row);
    if scored.len() > MOST {
        scored.select_nth_unstable_by_key(MOST, order);
        scored.truncate(MOST);
    }
    scored.sort_unstable_by_key(order);
    scored.into_iter().map(|(_, row)| place(rows, row)).collect()
}

fn go(place: &Place, world: &World) -> Vec<Effect> {
    // What is gone to is shown, whatever the scope was.
    let in_scope = |utility: &str, month: Option<Month>| {
        let mut effects: Vec<Effect> = month.map(|month| Effect::Scope(Rescope::Month(month))).into_iter().collect();
        if !world.scope.has_utility(utility) {
            effects.push(Effect::Scope(Rescope::Utility(None)));
        }
        effects
    };
    match place {
        Place::Pane(id) => vec![Effect::Show(id)],
        Place::Verb(verb) => vec![Effect::Do(*verb)],
        Place::Environment(env) => vec![Effect::Environment(*env)],
        Place::Month(month) => vec![Effect::Scope(Rescope::Month(*month))],
        Place::Utility(utility) => vec![Effect::Scope(Rescope::Utility(Some(utility.clone())))],
        Place::Rule(rule) => vec![Effect::Select("rules", vec![("rule", rule.clone())])],
        Place::Column([utility, dataset, column]) => {
            let mut effects = in_scope(utility, None);
            if Dataset::parse(dataset).is_some_and(|dataset| !world.scope.has_dataset(dataset.as_str())) {
                effects.push(Effect::Scope(Rescope::Dataset(None)));
            }
            let fields = [("utility", utility), ("dataset", dataset), ("column", column)];
            effects.push(Effect::Select("columns", fields.map(|(field, text)| (field, text.clone())).to_vec()));
            effects
        }
        Place::File { utility, month, file } => {
            let mut effects = in_scope(utility, *month);
            let fields = vec![("utility", utility.clone()), ("source_file", file.clone())];
            effects.push(Effect::Select("arrivals", fields));
            effects
        }
        Place::Feeder(utility, id) => FeederId::parse(id).map(|id| feeder::page(utility, &id)).into_iter().collect(),
        Place::Der { utility, status, id } => {
            let dataset = Dataset::ALL.into_iter().find(|dataset| dataset.der_status() == Some(status.as_str()));
            let record = dataset.map(|dataset| RecordFilter {
                utility: utility.clone(),
                dataset,
                key: None,
                entity: Some(id.clone()),
                place: None,
                month: None,
            });
            record.map(|record| Effect::Open(source::of(format!("{status} {id}"), record, Vec::new()))).into_iter().collect()
        }
    }
}

impl Screen for GoTo {
    fn title(&self) -> String {
        "go to".into()
    }

    fn purpose(&self) -> &'static str {
        "Anything by a part of its name: panes, commands, environments, months, utilities, rules, columns, files, feeders, DERs by id or address."
    }

    fn room(&self) -> Room {
        Room::Box(100, 24)
    }

    fn offers(&self, _: &World) -> Vec<Offer> {
        vec![(Verb::Enter, "go"), (Verb::Back, "leave")]
    }

    fn settle(&mut self, _: &World, desk: &mut Desk) {
        self.feeders.want(desk, (), |reader| find::feeders(reader.lake));
        self.columns.want(desk, (), |reader| find::columns(reader.lake));
        self.files.want(desk, (), |reader| runs::files(reader.lake));
        let text = self.field.text().trim().to_owned();
        if text.chars().count() >= LEAST_SIGNS {
            let part = text.clone();
            self.ders.want_at_rest(desk, text.clone(), move |reader| find::ders((reader.lake, reader.cancel), &part, MOST));
        } else if self.ders.question().is_some() {
            self.ders.clear();
        }
        if text.is_empty() {
            self.matched.clear();
        } else {
            let answers = [self.columns.answers(), self.files.answers(), self.feeders.answers()];
            let known = self.tables();
            let question = (text.clone(), answers);
            self.matched.want(desk, question, move |_| Ok(in_tables(&text, &known)));
            // What fitted the text before stands for some milliseconds.
            if self.matched.ready().is_none() && self.made_of.is_some() {
                return;
            }
        }
        let made_of = (self.field.text().to_owned(), self.matched.answers(), self.ders.answers());
        if self.made_of.as_ref() != Some(&made_of) {
            let is_typed = self.made_of.as_ref().is_none_or(|(text, ..)| *text != made_of.0);
            self.made_of = Some(made_of);
            let matched = self.matched.ready().cloned().unwrap_or_default();
            self.find(&matched);
            // Answers that come later leave the selection where somebody put it.
            if is_typed {
                self.table.act(Verb::First);
            }
        }
    }

    fn slots(&mut self) -> Vec<&mut dyn Waiting> {
        vec![&mut self.feeders, &mut self.columns, &mut self.files, &mut self.matched, &mut self.ders]
    }

    fn act(&mut self, verb: Verb, world: &World) -> Option<Vec<Effect>> {
        match verb {
            Verb::Enter => {
                if self.made_of.as_ref().is_none_or(|(text, ..)| text != self.field.text()) {
                    // Whoever is faster than the search goes to what fits the text, and to nothing that fitted the one before.
                    let matched = in_tables(self.field.text().trim(), &self.tables());
                    self.find(&matched);
                    self.table.act(Verb::First);
                }
                let Some(place) = self.table.selected().and_then(|row| self.found.get(row)) else {
                    return Some(vec![Effect::Say("nothing goes by that name".into())]);
                };
                Some(std::iter::once(Effect::Close).chain(go(place, world)).collect())
            }
            Verb::Up | Verb::Down | Verb::PageUp | Verb::PageDown => {
                self.table.act(verb);
                Some(Vec::new())
            }
            Verb::NextPart => {
                self.table.act(Verb::Down);
                Some(Vec::new())
            }
            _ => None,
        }
    }

    fn table(&self) -> Option<&Table> {
        Some(&self.table)
    }

    fn table_mut(&mut self) -> Option<&mut Table> {
        Some(&mut self.table)
    }

    fn field(&self) -> Option<(&Field, String)> {
        Some((&self.field, "go to".into()))
    }

    fn field_mut(&mut self) -> Option<&mut Field> {
        Some(&mut self.field)
    }

    fn view<'a>(&'a self, _: &'a World) -> View<'a> {
        let searching = self.ders.question().is_some() && self.ders.ready().is_none();
        let empty = if searching { "searching DERs …" } else { "nothing goes by that name" };
        let (before, after) = self.field.parts();
        let note = if searching { "  (searching DERs …)" } else { "" };
        let title = format!("Go to: {before}▏{after}{note}");
        View::Table(TablePart {
            title,
            from: "",
            read: Read::At(Timestamp::from_micros(0)),
            table: &self.table,
            empty: Empty::new(Tone::Dim, empty, "a part of an id or of an address is enough"),
            focused: true,
        })
    }
}
