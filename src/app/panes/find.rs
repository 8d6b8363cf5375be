//! Feeders, and the DERs of the selected one, or all DERs, as they stood after the month that is looked at.

use crate::app::keys::Verb;
use crate::app::overlays::{feeder, source};
use crate::app::paged::Paged;
use crate::app::reads::browse;
use crate::app::reads::trace::RecordFilter;
use crate::app::scope::Scope;
use crate::app::screen::{Effect, Offer, Screen};
use crate::app::slot::{Desk, Slot, Waiting};
use crate::app::table::{Column, Listing, Table, grouped};
use crate::app::view::{Empty, Lines, Read, Sharing, TablePart, Tone, View};
use crate::app::world::World;
use crate::frame::Frame;
use crate::model::{Dataset, FeederId, Month};

/// A feeder, and the month after which it is looked at; as it is now without one.
type DersOf = (String, FeederId, Option<Month>);

/// The list that the keys move in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Feeders,
    /// The DERs of the selected feeder.
    Its,
    /// All DERs, with and without a feeder.
    Ders,
}

/// The sixth pane.
pub struct Find {
    feeders: Table,
    ders: Table,
    all_ders: Paged,
    all: Slot<Option<Month>, Frame>,
    of_feeder: Slot<DersOf, Frame>,
    shown: Shown,
    feeders_of: Option<(u64, Scope)>,
    ders_of: u64,
}

impl Find {
    pub fn new() -> Self {
        Self {
            feeders: Table::new("feeders", &["-max_hosting_capacity_mw"]),
            ders: Table::new("ders", &[]),
            all_ders: Paged::new("all-ders", &["-nameplate_kw"], browse::all_ders(None, None, None), all_ders_listing),
            all: Slot::default(),
            of_feeder: Slot::default(),
            shown: Shown::Feeders,
            feeders_of: None,
            ders_of: 0,
        }
    }

    fn selected(&self) -> Option<(String, FeederId)> {
        let text = |field| self.feeders.selected_text(field);
        Some((text("utility_id")?, FeederId::parse(&text("feeder_id")?)?))
    }
}

impl Find {
    /// Why there are no DERs: the feeder has none, or the table lacks what the feeder's own row counts.
    fn no_ders(&self) -> Empty {
        let count = |field| self.feeders.selected().map_or(0, |row| self.feeders.rows().count(field, row));
        match count("installed_der_count") + count("planned_der_count") {
            0 => Empty::new(Tone::Dim, "nothing is installed or planned on it", ""),
            counted => Empty::new(
                Tone::Bad,
                format!("platinum/feeder_capacity counts {counted} DERs on it, and platinum/der_details holds none of them"),
                "the table is gone or damaged: `feederscope doctor` looks at it, `feederscope run --full-refresh` makes it again",
            ),
        }
    }
}

fn feeder_listing(rows: &Frame, scope: &Scope) -> Listing {
    let shown = match &scope.utility {
        None => rows.clone(),
        Some(utility) => {
            let cells = rows.cells("utility_id");
            let is_its = |row: &u32| {
                cells.is_some_and(|cells| matches!(cells.at(*row as usize), crate::frame::CellRef::Text(text) if text == utility))
            };
            rows.rows_at(&(0..rows.height() as u32).filter(is_its).collect::<Vec<_>>())
        }
    };
    Listing {
        rows: shown,
        columns: vec![
            Column::plain("feeder_id", "feeder").priority(0),
            Column::plain("utility_id", "utility").priority(1),
            Column::number("max_hosting_capacity_mw", "max MW").priority(0),
            Column::number("min_hosting_capacity_mw", "min MW").priority(3),
            Column::number("voltage_kv", "kV").priority(4),
            Column::count("installed_der_count", "inst.").priority(2),
            Column::count("planned_der_count", "plan.").priority(2),
            Column::number("installed_der_mw", "inst. MW").priority(5),
            Column::number("planned_der_mw", "plan. MW").priority(5),
            Column::plain("hca_refresh_date", "refreshed").priority(6),
            Column::count("segment_count", "segments").priority(7),
            Column::count("circuit_count", "circuits").priority(8),
            Column::plain("last_changed_month", "changed").priority(7),
            Column::plain("first_seen_month", "first seen").priority(9),
        ],
        key: &["utility_id", "feeder_id"],
        paint: |_, field, _| match field {
            "utility_id" | "hca_refresh_date" | "segment_count" | "circuit_count" | "last_changed_month" | "first_seen_month" => {
                Tone::Dim
            }
            _ => Tone::Text,
        },
    }
}

/// The list of DERs, wherever it is shown.
pub fn der_listing(rows: Frame) -> Listing {
    Listing {
        rows,
        columns: vec![
            Column::plain("status", "status").priority(0),
            Column::plain("der_id", "DER").priority(0),
            Column::text("der_type", "type").priority(1),
            Column::number("nameplate_kw", "kW").priority(0),
            Column::plain("also_installed", "also inst.").priority(5),
            Column::plain("planned_in_service_date", "in service").priority(2),
            Column::text("project_status", "project").priority(3),
            Column::text("technologies", "technologies").priority(6),
            Column::plain("feeder_ref", "refers to").priority(4),
            Column::plain("feeder_match", "matched by").priority(7),
            Column::plain("queue_position_at", "queue, UTC").priority(6),
            Column::number("interconnection_cost_usd", "cost, USD").priority(8),
            Column::plain("last_changed_month", "changed").priority(7),
        ],
        key: &["utility_id", "status", "der_id"],
        paint: |rows, field, row| match (field, rows.text("status", row).as_deref()) {
            ("status", Some("planned")) => Tone::Good,
            ("technologies" | "feeder_ref" | "feeder_match" | "queue_position_at" | "last_changed_month", _) => Tone::Dim,
            _ => Tone::Text,
        },
    }
}

/// The list of all DERs: that of a feeder's, with the feeder.
fn all_ders_listing(rows: Frame) -> Listing {
    let mut listing = der_listing(rows);
    listing.columns.insert(2, Column::plain("utility_id", "utility").priority(2));
    listing.columns.insert(3, Column::plain("feeder_id", "feeder").priority(1));
    listing
}

/// From a DER to the line of its file.
pub fn source_of(table: &Table) -> Option<Effect> {
    let text = |field| table.selected_text(field);
    let (utility, status, id) = (text("utility_id")?, text("status")?, text("der_id")?);
    let dataset = Dataset::ALL.into_iter().find(|dataset| dataset.der_status() == Some(status.as_str()))?;
    let record = RecordFilter { utility, dataset, key: None, entity: Some(id.clone()), place: None, month: None };
    Some(Effect::Open(source::of(format!("{status} {id}"), record, Vec::new())))
}

impl Screen for Find {
    fn title(&self) -> String {
        "Find".into()
    }

    fn id(&self) -> &'static str {
        "find"
    }

    fn purpose(&self) -> &'static str {
        "Feeders with their hosting capacity and the DERs of each, or all DERs, as they stood after the month of the scope."
    }

    fn legend(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("max MW", "hosting capacity: what the feeder can take on beside what is connected"),
            ("inst. plan.", "DERs that are installed, and planned, on it"),
            ("also inst.", "the planned DER is among the installed ones, too"),
            ("feeder –", "no feeder of the tables is the one that the DER refers to"),
            ("–", "the utility does not state it"),
        ]
    }

    fn offers(&self, _: &World) -> Vec<Offer> {
        let line = (Verb::Enter, "the line in its file");
        match self.shown {
            Shown::Feeders => vec![(Verb::Enter, "the feeder"), (Verb::NextPart, "its DERs"), (Verb::Toggle, "all DERs")],
            Shown::Its => vec![line, (Verb::NextPart, "feeders"), (Verb::Toggle, "all DERs")],
            Shown::Ders => vec![line, (Verb::Open, "its feeder"), (Verb::Toggle, "feeders")],
        }
    }

    fn settle(&mut self, world: &World, desk: &mut Desk) {
        let month = world.month().filter(|_| !world.is_newest());
        self.all.want(desk, month, move |reader| match month {
            Some(month) => browse::feeders_as_of(reader.lake, month, None, None, None),
            None => browse::feeders(reader.lake, None, None, None),
        });
        if self.shown == Shown::Ders {
            let status = world.scope.dataset.and_then(Dataset::der_status);
            self.all_ders.settle(browse::all_ders(month, world.scope.utility.as_deref(), status), desk);
        }
        let feeders_of = (self.all.answers(), world.scope.clone());
        if self.feeders_of.as_ref() != Some(&feeders_of) {
            self.feeders.fill(self.all.ready().map(|rows| feeder_listing(rows, &world.scope)).unwrap_or_default());
            self.feeders_of = Some(feeders_of);
        }
        match self.selected() {
            Some((utility, id)) => {
                let question = (utility.clone(), id.clone(), month);
                self.of_feeder.want_at_rest(desk, question, move |reader| match month {
                    Some(month) => browse::ders_as_of(reader.lake, month, &id, Some(&utility), None),
                    None => browse::ders(reader.lake, &id, Some(&utility), None),
                });
            }
            None => self.of_feeder.clear(),
        }
        if self.ders_of != self.of_feeder.answers() || self.of_feeder.ready().is_none() {
            self.ders.fill(self.of_feeder.ready().cloned().map(der_listing).unwrap_or_default());
            self.ders_of = self.of_feeder.answers();
        }
    }

    fn slots(&mut self) -> Vec<&mut dyn Waiting> {
        vec![&mut self.all, &mut self.of_feeder, self.all_ders.waiting()]
    }

    fn act(&mut self, verb: Verb, _: &World) -> Option<Vec<Effect>> {
        match verb {
            Verb::Toggle | Verb::ToggleBack => {
                self.shown = if self.shown == Shown::Ders { Shown::Feeders } else { Shown::Ders };
            }
            Verb::NextPart | Verb::PreviousPart if self.shown != Shown::Ders => {
                self.shown = if self.shown == Shown::Feeders { Shown::Its } else { Shown::Feeders };
            }
            Verb::Back if self.shown != Shown::Feeders => self.shown = Shown::Feeders,
            Verb::Enter if self.shown == Shown::Its => return Some(source_of(&self.ders).into_iter().collect()),
            Verb::Enter if self.shown == Shown::Ders => return Some(source_of(&self.all_ders.table).into_iter().collect()),
            Verb::Open if self.shown == Shown::Ders => {
                let text = |field| self.all_ders.table.selected_text(field);
                let found = text("utility_id").zip(text("feeder_id").and_then(|id| FeederId::parse(&id)));
                return Some(vec![match found {
                    Some((utility, id)) => feeder::page(&utility, &id),
                    None => Effect::Say("no feeder of the tables is the one that it refers to".into()),
                }]);
            }
            Verb::Enter => return Some(self.selected().map(|(utility, id)| feeder::page(&utility, &id)).into_iter().collect()),
            _ => return None,
        }
        Some(Vec::new())
    }

    fn table(&self) -> Option<&Table> {
        Some(match self.shown {
            Shown::Feeders => &self.feeders,
            Shown::Its => &self.ders,
            Shown::Ders => &self.all_ders.table,
        })
    }

    fn table_mut(&mut self) -> Option<&mut Table> {
        Some(match self.shown {
            Shown::Feeders => &mut self.feeders,
            Shown::Its => &mut self.ders,
            Shown::Ders => &mut self.all_ders.table,
        })
    }

    fn tables_mut(&mut self) -> Vec<&mut Table> {
        vec![&mut self.feeders, &mut self.ders, &mut self.all_ders.table]
    }

    fn focus(&mut self, part: usize) {
        if self.shown != Shown::Ders {
            self.shown = if part == 1 { Shown::Its } else { Shown::Feeders };
        }
    }

    fn reveal(&mut self, fields: Vec<(&'static str, String)>, _: &World) {
        self.shown = Shown::Feeders;
        self.feeders.want(fields);
    }

    fn view<'a>(&'a self, world: &'a World) -> View<'a> {
        let after = world.month().filter(|_| !world.is_newest()).map_or(String::new(), |month| format!(" as of {month}"));
        let of_ders = if after.is_empty() { "platinum/der_details" } else { "silver/ders" };
        if self.shown == Shown::Ders {
            return View::Table(TablePart {
                title: format!("DERs{after}"),
                from: of_ders,
                read: self.all_ders.read(),
                table: &self.all_ders.table,
                empty: world.nothing_loaded("no DER was loaded yet"),
                focused: true,
            });
        }
        let from = if after.is_empty() { "platinum/feeder_capacity" } else { "silver/feeders · silver/ders" };
        let list = View::Table(TablePart {
            title: format!("Feeders{after}"),
            from,
            read: Read::from(self.all.remote()),
            table: &self.feeders,
            empty: world.nothing_loaded("no feeder was loaded yet"),
            focused: self.shown == Shown::Feeders,
        });
        let Some((utility, id)) = self.selected() else { return list };
        let count = self.of_feeder.ready().map_or_else(String::new, |rows| format!("{} ", grouped(&rows.height().to_string())));
        let sharing = Sharing { beside_from: 120, width: 48, lines: Lines::Lower(11), below_from: 14 };
        list.with(
            sharing,
            View::Table(TablePart {
                title: format!("{count}DERs of {utility} {id}{after}"),
                from: of_ders,
                read: Read::from(self.of_feeder.remote()),
                table: &self.ders,
                empty: self.no_ders(),
                focused: self.shown == Shown::Its,
            }),
        )
    }
}
