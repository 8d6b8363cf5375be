//! Two months: how many records came, changed and went, in which columns, and which feeders' capacity moved most.

mod listings;

use listings::{counted, followed, month_of, movers};

use super::rows;
use crate::app::keys::Verb;
use crate::app::overlays::{feeder, records};
use crate::app::reads::months::{self, Series};
use crate::app::reads::records::{DrillTarget, Metric};
use crate::app::scope::Scope;
use crate::app::screen::{Effect, Offer, Screen};
use crate::app::slot::{Desk, Slot, Waiting};
use crate::app::table::{Column, Listing, Show, Table};
use crate::app::view::{Empty, Lines, Read, Sharing, TablePart, Tone, View};
use crate::app::world::World;
use crate::frame::{Frame, Value, schema};
use crate::model::{FeederId, Month};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Counts,
    Movers,
}

type Span = (Month, Month);
/// Answers to both questions, scope and month.
type MadeOf = (u64, u64, Scope, Option<Month>);

/// The fifth pane.
pub struct Changes {
    shown: Shown,
    counts: Table,
    fields: Table,
    movers: Table,
    series: Slot<(), Vec<Series>>,
    /// Differences of two months that do not follow one another, by entity, utility, kind and column.
    between: Slot<Span, Frame>,
    moved: Slot<(Span, Option<String>), Frame>,
    in_fields: bool,
    counts_of: Option<MadeOf>,
    fields_of: Option<(MadeOf, Vec<Value>)>,
    movers_of: Option<(u64, Scope)>,
}

impl Changes {
    pub fn new() -> Self {
        Self {
            shown: Shown::Counts,
            counts: Table::new("changes", &[]),
            fields: Table::new("fields", &[]),
            movers: Table::new("movers", &["-size"]),
            series: Slot::default(),
            between: Slot::default(),
            moved: Slot::default(),
            in_fields: false,
            counts_of: None,
            fields_of: None,
            movers_of: None,
        }
    }

    fn settle_counts(&mut self, world: &World) {
        let counts_of = (self.series.answers(), self.between.answers(), world.scope.clone(), world.month());
        if self.counts_of.as_ref() != Some(&counts_of) {
            self.counts.fill(match (span(world), self.between.ready()) {
                (Some(_), Some(found)) if is_apart(world) => counted(found, world),
                _ if is_apart(world) => Listing::default(),
                _ => self.series.ready().map(|series| followed(series, world)).unwrap_or_default(),
            });
            self.counts_of = Some(counts_of.clone());
        }
        let key = self.counts.key().unwrap_or_default();
        let fields_of = (counts_of, key);
        if self.fields_of.as_ref() != Some(&fields_of) {
            let listing = self.fields_listing(world);
            self.fields.fill(listing);
            self.fields_of = Some(fields_of);
        }
    }

    /// Columns that changed in what is selected.
    fn fields_listing(&self, world: &World) -> Listing {
        let (Some(utility), Some(dataset)) = (self.counts.selected_text("utility"), self.counts.selected_text("dataset")) else {
            return Listing::default();
        };
        let lines: Vec<(String, u64, u64)> = if is_apart(world) {
            let Some(found) = self.between.ready() else { return Listing::default() };
            let is_its = |row: &usize| {
                let text = |column| found.text(column, *row).unwrap_or_default();
                text("utility_id") == utility && text("entity") == dataset && !text("column_name").is_empty()
            };
            let line = |row: usize| (found.text("column_name", row).unwrap_or_default(), found.count("entities", row), 0);
            (0..found.height()).filter(is_its).map(line).collect()
        } else {
            let series = self
                .series
                .ready()
                .and_then(|all| all.iter().find(|series| series.utility == utility && series.dataset == dataset));
            series.and_then(|series| month_of(series, world)).map(|(line, _)| line.fields.clone()).unwrap_or_default()
        };
        let fields = schema::columns![column Text, changed Whole, bar Whole, cosmetic Whole];
        let line = |(column, changed, cosmetic): &(String, u64, u64)| {
            vec![Value::Text(column.clone()), Value::count(*changed), Value::count(*changed), Value::count(*cosmetic)]
        };
        Listing {
            rows: rows(&fields, &lines.iter().map(line).collect::<Vec<_>>()),
            columns: vec![
                Column::text("column", "column").least(16).priority(0),
                Column::count("changed", "changed").priority(0),
                Column::plain("bar", "").as_(Show::Bar).priority(2),
                Column::count("cosmetic", "notation only").priority(1),
            ],
            key: &["column"],
            paint: |rows, field, row| match field {
                "changed" if rows.count("changed", row) > 0 => Tone::Warn,
                "bar" => Tone::Accent,
                "cosmetic" => Tone::Dim,
                _ => Tone::Text,
            },
        }
    }

    fn metric(&self, world: &World) -> Option<(String, Metric)> {
        let (from, to) = span(world)?;
        let (utility, of) = (self.counts.selected_text("utility")?, self.counts.selected_text("dataset")?);
        let change = self.counts.selected_text("change");
        let kind = change.as_ref().map_or(String::new(), |change| format!(" {change}"));
        // Rows of circuits are segments of feeders, and it is the feeders that have versions.
        let about = if of == "circuits" { "feeders of its circuits" } else { of.as_str() };
        let what = format!("{utility} {about}{kind}: {from} → {to}");
        Some((what, Metric { utility, month: to, target: DrillTarget::Changes { of, from, change }, counted: None }))
    }
}

/// The months that are compared, the earlier one first.
fn span(world: &World) -> Option<Span> {
    Some((world.against()?, world.month()?))
}

/// Whether they do not follow one another.
fn is_apart(world: &World) -> bool {
    let Some((from, to)) = span(world) else { return false };
    world.months().iter().any(|month| from < *month && *month < to)
}

impl Screen for Changes {
    fn title(&self) -> String {
        "Changes".into()
    }

    fn id(&self) -> &'static str {
        "changes"
    }

    fn purpose(&self) -> &'static str {
        "Two months: how many records came, changed and went, in which columns; and the feeders whose hosting capacity moved most."
    }

    fn legend(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("±", "rows more or fewer than the month before; red where a fifth is gone"),
            ("feeders, ders", "what became of the entities; circuits, install_der and planned_der are rows of the files"),
            ("notation only", "the text changed and the value did not: 1.0 and 1"),
            ("–", "the first month: there is nothing to compare with"),
        ]
    }

    fn offers(&self, _: &World) -> Vec<Offer> {
        match self.shown {
            Shown::Counts if self.in_fields => vec![(Verb::NextPart, "counts"), (Verb::Toggle, "largest movers")],
            Shown::Counts => {
                vec![
                    (Verb::Enter, "the records"),
                    (Verb::Toggle, "largest movers"),
                    (Verb::Against, "against"),
                    (Verb::NextPart, "columns"),
                ]
            }
            Shown::Movers => vec![(Verb::Enter, "the feeder"), (Verb::Toggle, "counts"), (Verb::Against, "against")],
        }
    }

    fn settle(&mut self, world: &World, desk: &mut Desk) {
        self.series.want(desk, (), |reader| {
            Ok(months::series(&months::diffs(reader.lake, None, None)?, &months::fields(reader.lake, None, None)?))
        });
        match span(world) {
            Some(span) if self.shown == Shown::Movers => {
                let utility = world.scope.utility.clone();
                let question = (span, utility.clone());
                self.moved.want(desk, question, move |reader| months::movers(reader.lake, span.0, span.1, utility.as_deref()));
            }
            Some(span) if is_apart(world) => {
                self.between.want(desk, span, move |reader| months::kinds(reader.lake, span.0, span.1));
            }
            Some(_) => {}
            None => {
                self.moved.clear();
                self.between.clear();
            }
        }
        self.settle_counts(world);
        let movers_of = (self.moved.answers(), world.scope.clone());
        if self.movers_of.as_ref() != Some(&movers_of) {
            self.movers.fill(self.moved.ready().map(|rows| movers(rows, world)).unwrap_or_default());
            self.movers_of = Some(movers_of);
        }
    }

    fn slots(&mut self) -> Vec<&mut dyn Waiting> {
        vec![&mut self.series, &mut self.between, &mut self.moved]
    }

    fn act(&mut self, verb: Verb, world: &World) -> Option<Vec<Effect>> {
        match verb {
            Verb::Toggle | Verb::ToggleBack => {
                self.shown = if self.shown == Shown::Counts { Shown::Movers } else { Shown::Counts };
            }
            Verb::NextPart | Verb::PreviousPart if self.shown == Shown::Counts => self.in_fields = !self.in_fields,
            Verb::Back if self.in_fields => self.in_fields = false,
            Verb::Enter if self.shown == Shown::Movers => {
                let utility = self.movers.selected_text("utility_id")?;
                let id = FeederId::parse(&self.movers.selected_text("feeder_id")?)?;
                return Some(vec![feeder::page(&utility, &id)]);
            }
            Verb::Enter => {
                return Some(vec![match self.metric(world) {
                    Some((what, metric)) => records::of(what, vec![metric]),
                    None => Effect::Say("the first month: there is nothing to compare it with".into()),
                }]);
            }
            _ => return None,
        }
        Some(Vec::new())
    }

    fn table(&self) -> Option<&Table> {
        Some(match self.shown {
            Shown::Movers => &self.movers,
            Shown::Counts if self.in_fields => &self.fields,
            Shown::Counts => &self.counts,
        })
    }

    fn table_mut(&mut self) -> Option<&mut Table> {
        Some(match self.shown {
            Shown::Movers => &mut self.movers,
            Shown::Counts if self.in_fields => &mut self.fields,
            Shown::Counts => &mut self.counts,
        })
    }

    fn tables_mut(&mut self) -> Vec<&mut Table> {
        vec![&mut self.counts, &mut self.fields, &mut self.movers]
    }

    fn focus(&mut self, part: usize) {
        self.in_fields = self.shown == Shown::Counts && part == 1;
    }

    fn view<'a>(&'a self, world: &'a World) -> View<'a> {
        let span_text = span(world).map_or_else(
            || world.month().map_or_else(String::new, |month| format!("{month}, the first month")),
            |(from, to)| format!("{from} → {to}"),
        );
        if self.shown == Shown::Movers {
            let empty = match span(world) {
                None => Empty::new(Tone::Dim, "the first month: there is nothing to compare it with", "] goes to the next"),
                Some(_) => Empty::new(
                    Tone::Good,
                    "no feeder's hosting capacity differs between the two months",
                    "b compares with another month",
                ),
            };
            let limited = self.moved.ready().is_some_and(|rows| rows.height() >= months::MOST_MOVERS);
            let first = if limited { format!("The first {} of the l", months::MOST_MOVERS) } else { "L".to_owned() };
            return View::Table(TablePart {
                title: format!("{first}argest movers in hosting capacity, {span_text}"),
                from: "silver/feeders",
                // Of the first month nothing is asked.
                read: if span(world).is_some() { Read::from(self.moved.remote()) } else { Read::from(world.facts.remote()) },
                table: &self.movers,
                empty: if world.month().is_none() { world.nothing_loaded("no month was loaded yet") } else { empty },
                focused: true,
            });
        }
        let (from, read) = if is_apart(world) {
            ("silver/feeders · silver/ders", Read::from(self.between.remote()))
        } else {
            ("platinum/month_diff", Read::from(self.series.remote()))
        };
        let counts = View::Table(TablePart {
            title: if span_text.is_empty() { "Changes".into() } else { format!("Changes, {span_text}") },
            from,
            read,
            table: &self.counts,
            empty: if world.month().is_none() {
                world.nothing_loaded("no month was loaded yet, so there is nothing to compare")
            } else {
                Empty::new(
                    Tone::Dim,
                    "nothing of the scope was delivered for this month",
                    "[ and ] change the month, 0 the scope",
                )
            },
            focused: !self.in_fields,
        });
        let of = ["utility", "dataset"].map(|field| self.counts.selected_text(field));
        let of = if let [Some(utility), Some(dataset)] = of { format!(": {utility} {dataset}") } else { String::new() };
        let sharing = Sharing { beside_from: 130, width: 38, lines: Lines::Lower(9), below_from: 16 };
        counts.with(
            sharing,
            View::Table(TablePart {
                title: format!("Columns that changed{of}"),
                from: if is_apart(world) { "silver" } else { "platinum/field_changes" },
                read,
                table: &self.fields,
                // Beside a list without rows there is nothing that could have changed.
                empty: Empty::new(Tone::Dim, if of.is_empty() { "" } else { "no column changed" }, ""),
                focused: self.in_fields,
            }),
        )
    }
}
