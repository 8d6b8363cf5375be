//! What came of each utility, month by month, what is due, and what was refused: a calendar, and the files behind each of its cells.

mod listings;

use std::cell::Cell;

use listings::{calendar, feeds, look, runs_listing, scorecard};

use crate::app::keys::Verb;
use crate::app::overlays::whole;
use crate::app::reads::calendar::{Arrival, UtilityMonth};
use crate::app::reads::runs;
use crate::app::scope::{Rescope, Scope};
use crate::app::screen::{Badge, Effect, Offer, Screen};
use crate::app::slot::{Desk, Slot, Waiting};
use crate::app::table::Table;
use crate::app::view::{Empty, Line, Lines, Read, Sharing, TablePart, TextPart, Tone, View};
use crate::app::world::World;
use crate::frame::Frame;
use crate::model::{Day, Month};

/// Rows of `ops/runs` that are shown.
const RUNS_SHOWN: usize = 1000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Calendar,
    Feeds,
    Runs,
    Scorecard,
}

impl Shown {
    const ALL: [Self; 4] = [Self::Calendar, Self::Feeds, Self::Runs, Self::Scorecard];
}

/// The second pane.
pub struct Arrivals {
    shown: Shown,
    calendar: Table,
    files: Table,
    feeds: Table,
    runs: Table,
    scores: Table,
    of_files: Slot<(), Frame>,
    of_runs: Slot<(), Frame>,
    in_files: bool,
    scroll: Cell<usize>,
    made_of: Option<(u64, Scope)>,
    files_of: Option<(u64, String, Month)>,
    runs_of: Option<(u64, Scope)>,
}

impl Arrivals {
    pub fn new() -> Self {
        Self {
            shown: Shown::Calendar,
            calendar: Table::new("calendar", &[]),
            files: Table::new("files", &[]),
            feeds: Table::new("feeds", &[]),
            runs: Table::new("runs", &[]),
            scores: Table::new("scorecard", &[]),
            of_files: Slot::default(),
            of_runs: Slot::default(),
            in_files: false,
            scroll: Cell::new(0),
            made_of: None,
            files_of: None,
            runs_of: None,
        }
    }

    /// The utility and the month of the calendar that are selected.
    fn cell(&self, world: &World) -> Option<(String, Month)> {
        let month = self.calendar.cursor().and_then(|column| Month::parse(&column.field)).or_else(|| world.month())?;
        Some((self.calendar.selected_text("utility")?, month))
    }

    fn settle_calendar(&mut self, world: &World) {
        let made_of = world.made_of();
        if self.made_of.as_ref() == Some(&made_of) {
            return;
        }
        let is_other_month = self.made_of.as_ref().is_none_or(|(_, scope)| scope.month != made_of.1.month);
        self.made_of = Some(made_of);
        let Some(facts) = world.facts.ready() else { return };
        self.calendar.fill(calendar(facts, world));
        self.feeds.fill(feeds(facts.feeds.as_deref().unwrap_or_default(), world));
        self.scores.fill(scorecard(facts.scores.as_deref().unwrap_or_default(), world));
        if is_other_month && let Some(month) = world.month() {
            self.calendar.put_cursor(&month.to_string());
        }
    }

    fn settle_files(&mut self, world: &World) {
        let Some((utility, month)) = self.cell(world) else { return };
        let files_of = (self.of_files.answers(), utility, month);
        if self.files_of.as_ref() != Some(&files_of) {
            if let Some(rows) = self.of_files.ready() {
                let is_its = |row: u32| {
                    let row = row as usize;
                    rows.text("utility_id", row).as_ref() == Some(&files_of.1)
                        && rows.text("delivery_month", row).and_then(|month| Month::parse(&month)) == Some(files_of.2)
                };
                let places: Vec<u32> = (0..rows.height() as u32).filter(|row| is_its(*row)).collect();
                self.files.fill(runs_listing(rows.rows_at(&places), false));
            }
            self.files_of = Some(files_of);
        }
    }

    fn settle_runs(&mut self, world: &World) {
        let runs_of = (self.of_runs.answers(), world.scope.clone());
        if self.runs_of.as_ref() != Some(&runs_of) {
            if let Some(rows) = self.of_runs.ready() {
                let is_in = |row: u32| {
                    let text = |column: &str| rows.text(column, row as usize).unwrap_or_default();
                    text("utility_id").is_empty() || world.scope.has(&text("utility_id"), &text("dataset"))
                };
                let places: Vec<u32> = (0..rows.height() as u32).filter(|row| is_in(*row)).collect();
                self.runs.fill(runs_listing(rows.rows_at(&places), true));
            }
            self.runs_of = Some(runs_of);
        }
    }

    fn day<'a>(&self, world: &'a World) -> Option<(String, Month, &'a UtilityMonth)> {
        let (utility, month) = self.cell(world)?;
        let calendar = world.facts.ready()?.calendar.as_ref().ok()?;
        let at = calendar.months.iter().position(|other| *other == month)?;
        let (_, days) = calendar.utilities.iter().find(|(id, _)| *id == utility)?;
        Some((utility, month, days.get(at)?))
    }

    fn list(&self) -> &Table {
        match self.shown {
            Shown::Calendar if self.in_files => &self.files,
            Shown::Calendar => &self.calendar,
            Shown::Feeds => &self.feeds,
            Shown::Runs => &self.runs,
            Shown::Scorecard => &self.scores,
        }
    }

    fn list_mut(&mut self) -> &mut Table {
        match self.shown {
            Shown::Calendar if self.in_files => &mut self.files,
            Shown::Calendar => &mut self.calendar,
            Shown::Feeds => &mut self.feeds,
            Shown::Runs => &mut self.runs,
            Shown::Scorecard => &mut self.scores,
        }
    }

    fn calendar_view<'a>(&'a self, world: &'a World) -> View<'a> {
        let read = Read::from(world.facts.remote());
        let failure = world.facts.ready().and_then(|facts| facts.calendar.as_ref().err());
        let empty = failure.map_or_else(
            || world.nothing_loaded("nothing was delivered yet"),
            |failure| Empty::new(Tone::Bad, failure, "Ctrl-R reads again; `feederscope doctor` looks at the tables"),
        );
        let list = View::Table(TablePart {
            title: "Arrivals".into(),
            from: "ops/runs · platinum/data_quality_summary",
            read,
            table: &self.calendar,
            empty,
            focused: !self.in_files,
        });
        let Some((utility, month, day)) = self.day(world) else { return list };
        let files = View::Table(TablePart {
            title: format!("Files of {utility} {month}"),
            from: "ops/runs",
            read: Read::from(self.of_files.remote()),
            table: &self.files,
            empty: Empty::new(
                Tone::Dim,
                format!("no file of {utility} for {month} was seen"),
                landing_of(world, &utility, month),
            ),
            focused: self.in_files,
        });
        let detail = View::Text(TextPart {
            title: format!("{utility} · {month}"),
            from: "",
            read,
            lines: self.told(world, &utility, month, day),
            scroll: &self.scroll,
        });
        let lines = self.calendar.height() as u16 + 3;
        let below = Sharing { beside_from: u16::MAX, width: 50, lines: Lines::Lower(11), below_from: 12 };
        let upper = Sharing { beside_from: u16::MAX, width: 50, lines: Lines::Upper(lines), below_from: 16 };
        list.with(upper, files.with(below, detail))
    }

    /// What is known of the selected file, or of the utility's month.
    fn told(&self, world: &World, utility: &str, month: Month, day: &UtilityMonth) -> Vec<Line> {
        let (glyph, tone) = look(day.delivery);
        let state = if day.delivery == Arrival::NotDue { "nothing is due" } else { day.delivery.as_str() };
        let mut lines = vec![Line::of(tone, format!("{glyph} {utility} {month}: {state}"))];
        if let Some(adapter) = world.settings.utility(utility) {
            let due = month.day(adapter.schedule.due_day);
            let grace = Day::from_epoch_days(due.epoch_days() + i32::from(adapter.schedule.grace_days));
            lines.push(Line::named("due", format!("{due}, grace to {grace}")));
        }
        if !day.loaded.is_empty() {
            lines.push(Line::named("loaded", day.loaded.join(", ")));
        }
        if !day.missing.is_empty() && day.delivery != Arrival::NotDue {
            lines.push(Line::named("not there", day.missing.join(", ")));
        }
        if day.redelivered {
            lines.push(Line::named("again", "the later content took the place of the earlier"));
        }
        if day.repeated {
            lines.push(Line::named(
                "repeated",
                "a file came with the same content as that of an earlier month: nothing of it was loaded again",
            ));
        }
        if let Some(row) = self.files.selected() {
            lines.extend(file_told(self.files.rows(), row));
        }
        lines
    }
}

/// What a file's run said of it.
fn file_told(rows: &Frame, row: usize) -> Vec<Line> {
    let text = |column: &str| rows.text(column, row);
    let place = rows.value("source_line", row).as_i64().map_or(String::new(), |line| format!(", line {line}"));
    let mut lines = Vec::new();
    if let Some(reason) = text("reason") {
        let detail = text("detail").map_or(String::new(), |detail| format!(": {detail}"));
        let tone = if text("outcome").as_deref() == Some("refused") { Tone::Bad } else { Tone::Warn };
        let file = text("source_file").unwrap_or_default();
        lines.push(Line::of(tone, format!("{file}{place}: {reason}{detail}")));
    }
    lines.extend(text("next_step").map(|next| Line::of(Tone::Dim, "next      ").and(Tone::Accent, next)));
    lines
}

fn landing_of(world: &World, utility: &str, month: Month) -> String {
    format!("looked for in {}, as `{utility}/{month}/…`", world.settings.landing.display())
}

impl Screen for Arrivals {
    fn title(&self) -> String {
        "Arrivals".into()
    }

    fn id(&self) -> &'static str {
        "arrivals"
    }

    fn purpose(&self) -> &'static str {
        "What came of each utility, month by month, what is due and what was refused; the files of the selected cell below."
    }

    fn legend(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("● loaded", "every dataset is in the tables, or came with the content of an earlier month"),
            ("◐ 2/3", "so many datasets of so many"),
            ("– never", "nothing of the utility ever came, so no month is due yet"),
            ("○ expected", "due on a day to come"),
            ("▲ late", "past the due day, within the days of grace"),
            ("■ stale", "past the days of grace"),
            ("■ refused", "a file was refused, and nothing came in its place"),
            ("↻", "delivered again: the later content took the place of the earlier"),
            ("!", "a file was refused beside those that were loaded"),
            ("errors", "of the scorecard: rules that fail, acknowledged ones too"),
        ]
    }

    fn badge(&self, world: &World) -> Option<Badge> {
        let month = world.month()?;
        let calendar = world.facts.ready()?.calendar.as_ref().ok()?;
        let at = calendar.months.iter().position(|other| *other == month)?;
        let days = calendar.utilities.iter().filter(|(utility, _)| world.scope.has_utility(utility));
        let bad = |day: &&UtilityMonth| !matches!(day.delivery, Arrival::Loaded | Arrival::Expected | Arrival::NotDue);
        let count = days.filter_map(|(_, days)| days.get(at)).filter(bad).count();
        Some(Badge { count, sign: "▲", tone: Tone::Warn }).filter(|badge| badge.count > 0)
    }

    fn offers(&self, _: &World) -> Vec<Offer> {
        let enter = match self.shown {
            Shown::Calendar if !self.in_files => "its files",
            Shown::Feeds => "its columns",
            _ => "all of it",
        };
        let toggle = match self.shown {
            Shown::Calendar => "feeds",
            Shown::Feeds => "runs",
            Shown::Runs => "scorecard",
            Shown::Scorecard => "calendar",
        };
        let mut offers = vec![(Verb::Enter, enter), (Verb::Toggle, toggle)];
        if self.shown == Shown::Calendar {
            offers.push((Verb::NextPart, "calendar or files"));
        }
        offers
    }

    fn settle(&mut self, world: &World, desk: &mut Desk) {
        self.settle_calendar(world);
        match self.shown {
            Shown::Calendar => self.of_files.want(desk, (), |reader| runs::files(reader.lake)),
            Shown::Runs => self.of_runs.want(desk, (), |reader| runs::loads(reader.lake, RUNS_SHOWN)),
            Shown::Feeds | Shown::Scorecard => {}
        }
        self.settle_files(world);
        self.settle_runs(world);
    }

    fn slots(&mut self) -> Vec<&mut dyn Waiting> {
        vec![&mut self.of_files, &mut self.of_runs]
    }

    fn act(&mut self, verb: Verb, _: &World) -> Option<Vec<Effect>> {
        let at = Shown::ALL.iter().position(|shown| *shown == self.shown).unwrap_or(0);
        match verb {
            Verb::Toggle => self.shown = Shown::ALL[(at + 1) % 4],
            Verb::ToggleBack => self.shown = Shown::ALL[(at + 3) % 4],
            Verb::NextPart | Verb::PreviousPart if self.shown == Shown::Calendar => self.in_files = !self.in_files,
            Verb::Back if self.in_files => self.in_files = false,
            Verb::Enter if self.shown == Shown::Calendar && !self.in_files => {
                self.in_files = true;
                let month = self.calendar.cursor().and_then(|column| Month::parse(&column.field));
                return Some(month.map(|month| Effect::Scope(Rescope::Month(month))).into_iter().collect());
            }
            Verb::Enter if self.shown == Shown::Feeds => {
                let fields = ["utility", "dataset"].map(|field| (field, self.feeds.selected_text(field).unwrap_or_default()));
                return Some(vec![Effect::Select("columns", fields.to_vec())]);
            }
            Verb::Enter => return Some(whole::row(self.list()).map(Effect::Open).into_iter().collect()),
            _ => return None,
        }
        self.scroll.set(0);
        Some(Vec::new())
    }

    fn table(&self) -> Option<&Table> {
        Some(self.list())
    }

    fn table_mut(&mut self) -> Option<&mut Table> {
        Some(self.list_mut())
    }

    fn tables_mut(&mut self) -> Vec<&mut Table> {
        vec![&mut self.calendar, &mut self.files, &mut self.feeds, &mut self.runs, &mut self.scores]
    }

    fn focus(&mut self, part: usize) {
        self.in_files = self.shown == Shown::Calendar && part == 1;
    }

    fn reveal(&mut self, fields: Vec<(&'static str, String)>, world: &World) {
        let (file, cell): (Vec<_>, Vec<_>) = fields.into_iter().partition(|(field, _)| *field == "source_file");
        (self.shown, self.in_files) = (Shown::Calendar, !file.is_empty());
        self.calendar.want(cell);
        if let Some(month) = world.month() {
            self.calendar.put_cursor(&month.to_string());
        }
        if !file.is_empty() {
            // The files are those of the cell that is selected now, and not of the one before.
            self.settle_files(world);
            self.files.want(file);
        }
    }

    fn scroll(&self) -> Option<&Cell<usize>> {
        (self.shown == Shown::Calendar).then_some(&self.scroll)
    }

    fn view<'a>(&'a self, world: &'a World) -> View<'a> {
        let (title, from, read) = match self.shown {
            Shown::Calendar => return self.calendar_view(world),
            Shown::Feeds => ("Feeds", "platinum/data_quality_summary · ops/runs", Read::from(world.facts.remote())),
            Shown::Runs => ("Runs that found something", "ops/runs", Read::from(self.of_runs.remote())),
            Shown::Scorecard => {
                ("Scorecard", "ops/rule_results · platinum/data_quality_summary", Read::from(world.facts.remote()))
            }
        };
        let empty = match self.shown {
            Shown::Feeds if world.settings.utilities.is_empty() => {
                Empty::new(Tone::Warn, "no adapter: there is no utility to look after", "see docs/adapters.md")
            }
            _ => world.nothing_loaded("nothing was loaded yet"),
        };
        View::Table(TablePart { title: title.into(), from, read, table: self.list(), empty, focused: true })
    }
}
