//! A feeder's page: its capacity over the months against what is installed and planned, its DERs by type, its versions, its DERs.

use std::cell::Cell;
use std::collections::BTreeMap;

use crate::app::chart::over_months;
use crate::app::keys::Verb;
use crate::app::panes::find::{der_listing, source_of};
use crate::app::reads::QueryError;
use crate::app::reads::browse;
use crate::app::screen::{Effect, Offer, Screen};
use crate::app::slot::{Desk, Reader, Slot, Waiting};
use crate::app::table::{Listing, Table};
use crate::app::view::{Empty, Line, Lines, Read, Sharing, TablePart, TextPart, Tone, View};
use crate::app::world::World;
use crate::frame::Frame;
use crate::frame::text::shown;
use crate::model::{FeederId, Month, decimal};

struct Page {
    versions: Frame,
    ders: Frame,
}

struct Feeder {
    utility: String,
    id: FeederId,
    page: Slot<Option<Month>, Page>,
    table: Table,
    made_of: u64,
    scroll: Cell<usize>,
}

/// The page of a feeder.
pub fn page(utility: &str, id: &FeederId) -> Effect {
    Effect::Open(Box::new(Feeder {
        utility: utility.to_owned(),
        id: id.clone(),
        page: Slot::default(),
        table: Table::new("feeder-ders", &["-nameplate_kw"]),
        made_of: u64::MAX,
        scroll: Cell::new(0),
    }))
}

fn read(reader: &Reader<'_>, utility: &str, id: &FeederId, month: Option<Month>) -> Result<Page, QueryError> {
    let ders = match month {
        Some(month) => browse::ders_as_of(reader.lake, month, id, Some(utility), None)?,
        None => browse::ders(reader.lake, id, Some(utility), None)?,
    };
    Ok(Page { versions: browse::versions(reader.lake, utility, id)?, ders })
}

/// A share of the room that bars may take.
const BAR: usize = 30;

fn bar(number: f64, greatest: f64) -> String {
    let signs = if greatest > 0.0 { (number / greatest * BAR as f64).round() as usize } else { 0 };
    "█".repeat(if number > 0.0 { signs.max(1) } else { 0 })
}

impl Page {
    fn lines(&self, world: &World) -> Vec<Line> {
        let mut lines = self.capacity(world);
        lines.extend(self.types());
        lines
    }

    /// The capacity after each month, and what stands against it.
    fn capacity(&self, world: &World) -> Vec<Line> {
        let versions = &self.versions;
        let stood = |row: &usize| {
            let from = versions.text("valid_from_month", *row).and_then(|month| Month::parse(&month));
            world.month().zip(from).is_none_or(|(month, from)| from <= month)
        };
        let Some(last) = (0..versions.height()).rev().find(stood) else {
            return vec![Line::of(Tone::Warn, "it had not been delivered by the month that is looked at")];
        };
        let text = |column: &str| shown(&versions.value(column, last));
        let mut lines = Vec::new();
        if let Some(gone) = versions.text("valid_to_month", last).filter(|_| last + 1 == versions.height()) {
            lines.push(Line::of(Tone::Warn, format!("gone since {gone}: the utility no longer delivers it")));
        }
        lines.push(Line::named(
            "feeder",
            format!(
                "{} kV · segments {} · circuits {} · refreshed {}",
                text("voltage_kv"),
                text("segment_count"),
                text("circuit_count"),
                text("hca_refresh_date")
            ),
        ));
        let capacity = versions.number("max_hosting_capacity_mw", last);
        let megawatts = |status: &str| {
            let is_its = |row: &usize| self.ders.text("status", *row).as_deref() == Some(status);
            let ratings = (0..self.ders.height()).filter(is_its).filter_map(|row| self.ders.number("nameplate_kw", row));
            decimal::quotient(ratings.map(decimal::units).sum(), -3)
        };
        let (installed, planned) = (megawatts("installed"), megawatts("planned"));
        let greatest = [capacity.unwrap_or(0.0), installed, planned].into_iter().fold(0.0, f64::max);
        let line = |name: &str, tone: Tone, number: f64| {
            Line::of(Tone::Dim, format!("{name:<9} "))
                .and(Tone::Text, format!("{number:>9.3} MW "))
                .and(tone, bar(number, greatest))
        };
        lines.extend(capacity.map(|capacity| line("capacity", Tone::Good, capacity)));
        lines.push(line("installed", Tone::Accent, installed));
        lines.push(line("planned", Tone::Warn, planned));
        if let Some(capacity) = capacity.filter(|capacity| planned > *capacity) {
            lines.push(Line::of(Tone::Warn, format!("planned DERs exceed the hosting capacity by {:.3} MW", planned - capacity)));
        }
        lines.push(Line::default());
        lines.extend(self.series(world));
        lines.push(Line::of(Tone::Accent, "Hosting capacity, MW, by the month from which it held"));
        let most = (0..versions.height()).filter_map(|row| versions.number("max_hosting_capacity_mw", row)).fold(0.0, f64::max);
        for row in (0..versions.height()).rev() {
            let from = versions.text("valid_from_month", row).unwrap_or_default();
            let marked = world.month().zip(Month::parse(&from)).is_some_and(|(month, from)| month == from);
            let number = versions.number("max_hosting_capacity_mw", row);
            let text = number.map_or_else(|| "–".into(), |number| format!("{number:.3}"));
            let tone = if marked { Tone::Accent } else { Tone::Dim };
            lines.push(
                Line::of(tone, format!("{from:<9} "))
                    .and(Tone::Text, format!("{text:>9}    "))
                    .and(Tone::Good, bar(number.unwrap_or(0.0), most)),
            );
        }
        lines.push(Line::default());
        lines
    }

    /// The capacity after each month as a line, where there are months enough for one.
    fn series(&self, world: &World) -> Vec<Line> {
        let versions = &self.versions;
        let months: Vec<Month> =
            world.months().iter().copied().filter(|month| world.month().is_none_or(|last| *month <= last)).collect();
        let (Some(first), Some(last)) = (months.first(), months.last()) else { return Vec::new() };
        let month_in = |column: &str, row: usize| versions.text(column, row).and_then(|month| Month::parse(&month));
        let stood = |row: &usize, month: Month| {
            month_in("valid_from_month", *row).is_some_and(|from| from <= month)
                && month_in("valid_to_month", *row).is_none_or(|to| month < to)
        };
        let capacity = |month: &Month| {
            let row = (0..versions.height()).find(|row| stood(row, *month))?;
            versions.number("max_hosting_capacity_mw", row)
        };
        let values: Vec<Option<f64>> = months.iter().map(capacity).collect();
        over_months("Hosting capacity after each month", &values, (*first, *last), (" MW", 3, 60))
    }

    /// DERs by type, installed and planned.
    fn types(&self) -> Vec<Line> {
        let mut types: BTreeMap<(String, String), (usize, f64)> = BTreeMap::new();
        for row in 0..self.ders.height() {
            let text = |column| self.ders.text(column, row).unwrap_or_else(|| "unknown".into());
            let entry = types.entry((text("status"), text("der_type"))).or_default();
            *entry = (entry.0 + 1, entry.1 + self.ders.number("nameplate_kw", row).unwrap_or(0.0));
        }
        if types.is_empty() {
            return vec![Line::of(Tone::Dim, "nothing is installed or planned on it")];
        }
        let most = types.values().map(|(_, kilowatts)| *kilowatts).fold(0.0, f64::max);
        let line = |((status, kind), (count, kilowatts)): (&(String, String), &(usize, f64))| {
            let tone = if status == "planned" { Tone::Warn } else { Tone::Accent };
            Line::of(Tone::Dim, format!("{status:<10}{kind:<18} "))
                .and(Tone::Text, format!("{count:>4}  {kilowatts:>10.1} kW "))
                .and(tone, bar(*kilowatts, most))
        };
        std::iter::once(Line::of(Tone::Accent, "DERs by type")).chain(types.iter().map(line)).collect()
    }
}

impl Screen for Feeder {
    fn title(&self) -> String {
        format!("feeder {}", self.id)
    }

    fn purpose(&self) -> &'static str {
        "A feeder: its hosting capacity over the months against what is installed and planned, its DERs by type and one by one."
    }

    fn offers(&self, _: &World) -> Vec<Offer> {
        vec![
            (Verb::Enter, "the DER in its file"),
            (Verb::Open, "in the list"),
            (Verb::DetailDown, "text down"),
            (Verb::Back, "back"),
        ]
    }

    fn settle(&mut self, world: &World, desk: &mut Desk) {
        let (utility, id) = (self.utility.clone(), self.id.clone());
        let month = world.month().filter(|_| !world.is_newest());
        self.page.want(desk, month, move |reader| read(reader, &utility, &id, month));
        if self.made_of != self.page.answers() {
            self.made_of = self.page.answers();
            self.table.fill(self.page.ready().map_or_else(Listing::default, |page| der_listing(page.ders.clone())));
        }
    }

    fn slots(&mut self) -> Vec<&mut dyn Waiting> {
        vec![&mut self.page]
    }

    fn act(&mut self, verb: Verb, _: &World) -> Option<Vec<Effect>> {
        match verb {
            Verb::Enter => Some(vec![source_of(&self.table).unwrap_or_else(|| Effect::Say("no DER is selected".into()))]),
            Verb::Open => {
                let fields = vec![("utility_id", self.utility.clone()), ("feeder_id", self.id.to_string())];
                Some(vec![Effect::Select("find", fields)])
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

    fn scroll(&self) -> Option<&Cell<usize>> {
        Some(&self.scroll)
    }

    fn view<'a>(&'a self, world: &'a World) -> View<'a> {
        let read = Read::from(self.page.remote());
        let after = self.page.question().copied().flatten().map_or(String::new(), |month| format!(", as of {month}"));
        let text = View::Text(TextPart {
            title: format!("{} · {}{after}", self.utility, self.id),
            from: "silver/feeders · platinum/der_details",
            read,
            lines: self.page.ready().map(|page| page.lines(world)).unwrap_or_default(),
            scroll: &self.scroll,
        });
        let sharing = Sharing { beside_from: 140, width: 50, lines: Lines::Lower(9), below_from: 14 };
        text.with(
            sharing,
            View::Table(TablePart {
                title: "DERs".into(),
                from: "platinum/der_details",
                read,
                table: &self.table,
                empty: Empty::new(Tone::Dim, "nothing is installed or planned on it", ""),
                focused: true,
            }),
        )
    }
}
