//! What was rejected: records and files that could not be taken, with their raw text, by file and reason or one by one.

use std::cell::Cell;

use super::rows;
use crate::app::keys::Verb;
use crate::app::overlays::source;
use crate::app::paged::Paged;
use crate::app::reads::rejected::{self, RejectedFilter};
use crate::app::reads::trace::RecordFilter;
use crate::app::scope::Scope;
use crate::app::screen::{Badge, Effect, Offer, Screen};
use crate::app::slot::{Desk, Slot, Waiting};
use crate::app::table::{Column, Listing, Table};
use crate::app::view::{Empty, Line, Lines, Read, Sharing, TablePart, TextPart, Tone, View};
use crate::app::world::World;
use crate::app::write::Write;
use crate::frame::{Frame, Value, schema};
use crate::model::{Dataset, Month, ReasonCode};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Records,
    Groups,
    EveryMonth,
}

/// The seventh pane.
pub struct Rejected {
    shown: Shown,
    records: Paged,
    groups: Table,
    grouped: Slot<(Month, Scope), Frame>,
    scroll: Cell<usize>,
    made_of: u64,
}

impl Rejected {
    pub fn new() -> Self {
        Self {
            shown: Shown::Records,
            records: Paged::new("rejected", &[], rejected::list(RejectedFilter::default()), listing),
            groups: Table::new("rejected-by-file", &[]),
            grouped: Slot::default(),
            scroll: Cell::new(0),
            made_of: 0,
        }
    }

    /// What is looked at, and whether there is anything that could be.
    fn wanted<'a>(&self, world: &'a World) -> Option<RejectedFilter<'a>> {
        let month = if self.shown == Shown::EveryMonth { None } else { Some(world.month()?) };
        let scope = &world.scope;
        Some(RejectedFilter {
            utility: scope.utility.as_deref(),
            dataset: scope.dataset.map(Dataset::as_str),
            month,
            reason: None,
        })
    }

    fn source(&self) -> Effect {
        let say = |why: &str| Effect::Say(why.to_owned());
        let Some(row) = self.records.table.selected() else { return say("no record is selected") };
        let rows = self.records.table.rows();
        let text = |column| rows.text(column, row);
        let line = rows.value("source_line", row).as_i64().and_then(|line| u64::try_from(line).ok());
        let found = (text("utility_id"), text("dataset").as_deref().and_then(Dataset::parse), text("source_file"));
        let (Some(utility), Some(dataset), Some(file)) = found else { return say("nothing is known of its file") };
        let Some(line) = line else { return say("the whole file was refused: it has no single line; the text below says why") };
        let month = text("delivery_month").as_deref().and_then(Month::parse);
        let place = Some((file.clone(), line));
        let record = match text("value").filter(|_| text("reason").as_deref() == Some(ReasonCode::DuplicateKey.as_str())) {
            // Of a key that occurs twice both lines are shown: one of them is in the tables.
            Some(key) => RecordFilter { utility, dataset, key: Some(key), entity: None, place: None, month },
            None => RecordFilter { utility, dataset, key: None, entity: None, place, month },
        };
        Effect::Open(source::of(format!("{file} line {line}"), record, text("column_name").into_iter().collect()))
    }
}

fn listing(rows: Frame) -> Listing {
    Listing {
        rows,
        columns: vec![
            Column::plain("delivery_month", "month").priority(2),
            Column::plain("reason", "reason").priority(0),
            Column::count("source_line", "line").priority(0),
            Column::text("source_file", "file").least(20).priority(0),
            Column::plain("column_name", "column").priority(3),
            Column::text("value", "value").priority(1),
            Column::plain("stage", "before").priority(5),
            Column::text("raw_record", "raw").priority(6),
        ],
        key: &["source_file", "source_line", "reason", "column_name", "run_id"],
        paint: |rows, field, row| match field {
            "reason" if rows.value("source_line", row) == Value::Null => Tone::Bad,
            "reason" => Tone::Warn,
            "raw_record" | "stage" | "delivery_month" => Tone::Dim,
            _ => Tone::Text,
        },
    }
}

fn grouped_listing(groups: &Frame) -> Listing {
    let fields = schema::columns![month Text, source_file Text, reason Text, records Whole, first_line Whole, meaning Text];
    let line = |row: usize| {
        let meaning = groups.text("reason", row).as_deref().and_then(ReasonCode::parse).map(ReasonCode::meaning);
        let mut cells: Vec<Value> = fields[..5].iter().map(|field| groups.value(&field.name, row)).collect();
        cells.push(Value::text(meaning));
        cells
    };
    Listing {
        rows: rows(&fields, &(0..groups.height()).map(line).collect::<Vec<_>>()),
        columns: vec![
            Column::plain("month", "month").priority(3),
            Column::text("source_file", "file").least(20).priority(0),
            Column::plain("reason", "reason").priority(0),
            Column::count("records", "records").priority(0),
            Column::count("first_line", "first line").priority(2),
            Column::text("meaning", "meaning").priority(1),
        ],
        key: &["month", "source_file", "reason"],
        paint: |_, field, _| if field == "reason" { Tone::Warn } else { Tone::Text },
    }
}

impl Screen for Rejected {
    fn title(&self) -> String {
        "Rejected".into()
    }

    fn id(&self) -> &'static str {
        "rejected"
    }

    fn purpose(&self) -> &'static str {
        "Records and files that could not be taken, with their raw text; the mail to the utility takes them along."
    }

    fn legend(&self) -> &'static [(&'static str, &'static str)] {
        &[("line –", "the whole file was refused"), ("before", "the layer that the record did not enter")]
    }

    fn badge(&self, world: &World) -> Option<Badge> {
        let refused = world.facts.ready()?.refused.as_ref().ok()?;
        let month = world.month()?;
        let count = refused.iter().filter(|file| file.month == month && world.scope.has(&file.utility, &file.dataset)).count();
        Some(Badge { count, sign: "■", tone: Tone::Bad }).filter(|badge| badge.count > 0)
    }

    fn offers(&self, _: &World) -> Vec<Offer> {
        match self.shown {
            Shown::Records => {
                vec![(Verb::Enter, "the line in its file"), (Verb::Mail, "mail"), (Verb::Toggle, "by file and reason")]
            }
            Shown::Groups => vec![(Verb::Enter, "its records"), (Verb::Toggle, "every month")],
            Shown::EveryMonth => vec![(Verb::Enter, "the line in its file"), (Verb::Mail, "mail"), (Verb::Toggle, "the month")],
        }
    }

    fn settle(&mut self, world: &World, desk: &mut Desk) {
        let Some(wanted) = self.wanted(world) else { return };
        match wanted.month.filter(|_| self.shown == Shown::Groups) {
            None => self.records.settle(rejected::list(wanted), desk),
            Some(month) => {
                let scope = world.scope.clone();
                self.grouped.want(desk, (month, scope.clone()), move |reader| {
                    let (utility, dataset) = (scope.utility.as_deref(), scope.dataset.map(Dataset::as_str));
                    rejected::groups(reader.lake, RejectedFilter { utility, dataset, month: Some(month), reason: None })
                });
            }
        }
        if self.made_of != self.grouped.answers() {
            self.made_of = self.grouped.answers();
            self.groups.fill(self.grouped.ready().map(grouped_listing).unwrap_or_default());
        }
    }

    fn slots(&mut self) -> Vec<&mut dyn Waiting> {
        vec![self.records.waiting(), &mut self.grouped]
    }

    fn act(&mut self, verb: Verb, _: &World) -> Option<Vec<Effect>> {
        match verb {
            Verb::Toggle | Verb::ToggleBack => {
                self.shown = match (self.shown, verb) {
                    (Shown::Records, Verb::Toggle) | (Shown::EveryMonth, Verb::ToggleBack) => Shown::Groups,
                    (Shown::Groups, Verb::Toggle) | (Shown::Records, _) => Shown::EveryMonth,
                    _ => Shown::Records,
                };
            }
            Verb::Enter if self.shown == Shown::Groups => {
                let text = |field| self.groups.selected_text(field).unwrap_or_default();
                let filter = format!("file = \"{}\" and reason = {}", text("source_file"), text("reason"));
                self.shown = Shown::Records;
                self.records.table.set_filter(&filter);
            }
            Verb::Enter => return Some(vec![self.source()]),
            Verb::Mail if self.shown != Shown::Groups => {
                let text = |field| self.records.table.selected_text(field);
                let (utility, month) = (text("utility_id")?, Month::parse(&text("delivery_month")?)?);
                return Some(vec![Effect::Write(Write::Mail { utility, month })]);
            }
            _ => return None,
        }
        Some(Vec::new())
    }

    fn table(&self) -> Option<&Table> {
        Some(if self.shown == Shown::Groups { &self.groups } else { &self.records.table })
    }

    fn table_mut(&mut self) -> Option<&mut Table> {
        Some(if self.shown == Shown::Groups { &mut self.groups } else { &mut self.records.table })
    }

    fn tables_mut(&mut self) -> Vec<&mut Table> {
        vec![&mut self.records.table, &mut self.groups]
    }

    fn scroll(&self) -> Option<&Cell<usize>> {
        Some(&self.scroll)
    }

    fn view<'a>(&'a self, world: &'a World) -> View<'a> {
        let month = world.month().map_or_else(String::new, |month| format!(" of {month}"));
        let title = match self.shown {
            Shown::Records => format!("Rejected{month}"),
            Shown::Groups => format!("Rejected{month}, by file and reason"),
            Shown::EveryMonth => "Rejected, in every month".into(),
        };
        let read = match (self.wanted(world), self.shown) {
            (None, _) => Read::from(world.facts.remote()),
            (_, Shown::Groups) => Read::from(self.grouped.remote()),
            _ => self.records.read(),
        };
        let empty = match world.month() {
            None => world.nothing_loaded("nothing was loaded yet"),
            Some(_) => Empty::new(
                Tone::Good,
                format!("● nothing was rejected{month}"),
                "v shows other months; [ goes to the month before",
            ),
        };
        let table = if self.shown == Shown::Groups { &self.groups } else { &self.records.table };
        let list = View::Table(TablePart { title, from: "silver/rejected", read, table, empty, focused: true });
        let Some(lines) = self.told() else { return list };
        let sharing = Sharing { beside_from: 170, width: 40, lines: Lines::Lower(10), below_from: 14 };
        list.with(
            sharing,
            View::Text(TextPart { title: "Record".into(), from: "silver/rejected", read, lines, scroll: &self.scroll }),
        )
    }
}

impl Rejected {
    fn told(&self) -> Option<Vec<Line>> {
        let table = if self.shown == Shown::Groups { &self.groups } else { &self.records.table };
        let reason = table.selected_text("reason")?;
        let code = ReasonCode::parse(&reason);
        let value = table.selected_text("value").map_or(String::new(), |value| format!(": {value}"));
        let mut lines =
            vec![Line::of(Tone::Warn, reason).and(Tone::Text, format!(" {}{value}", code.map_or("", ReasonCode::meaning)))];
        lines.extend(code.map(|code| Line::of(Tone::Dim, "next      ").and(Tone::Accent, code.next_step())));
        lines.extend(table.selected_text("raw_record").map(|raw| Line::of(Tone::Dim, raw)));
        Some(lines)
    }
}
