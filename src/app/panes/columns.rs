//! Every column of every file in one heatmap, by months: what jumped stands on top, with a profile of the selected column.

use std::cell::Cell;

use super::rows;
use crate::app::chart::over_months;
use crate::app::keys::Verb;
use crate::app::overlays::records;
use crate::app::reads::missing::{self, Cell as Counts, ColumnLine, Heatmap};
use crate::app::reads::profile::{self, ColumnOf, Profile};
use crate::app::reads::records::{DrillTarget, Metric};
use crate::app::scope::Scope;
use crate::app::screen::{Badge, Effect, Offer, Screen};
use crate::app::slot::{Desk, Remote, Slot, Waiting};
use crate::app::table::{Column, Listing, Show, Table, grouped};
use crate::app::view::{Line, Lines, Read, Sharing, TablePart, TextPart, Tone, View};
use crate::app::world::World;
use crate::config::{Settings, column_name};
use crate::frame::{self, ColumnType, Frame, Value};
use crate::model::units::percent;
use crate::model::{CellState, Dataset, Entity, Month};

/// The fourth pane.
pub struct Columns {
    state: CellState,
    table: Table,
    maps: Slot<(), Vec<Heatmap>>,
    profile: Slot<ColumnOf, Profile>,
    scroll: Cell<usize>,
    made_of: Option<(u64, Scope, Option<Month>, CellState)>,
}

impl Columns {
    pub fn new() -> Self {
        Self {
            state: CellState::Missing,
            table: Table::new("columns", &["-change"]),
            maps: Slot::default(),
            profile: Slot::default(),
            scroll: Cell::new(0),
            made_of: None,
        }
    }

    fn selected(&self) -> Option<(&Heatmap, &ColumnLine)> {
        let text = |field| self.table.selected_text(field);
        let (utility, dataset, column) = (text("utility")?, text("dataset")?, text("column")?);
        let map = self.maps.ready()?.iter().find(|map| map.utility == utility && map.dataset == dataset)?;
        Some((map, map.columns.iter().find(|line| line.name == column)?))
    }

    /// The month under the cursor, else that of the scope.
    fn month(&self, world: &World) -> Option<Month> {
        self.table.cursor().and_then(|column| Month::parse(&column.field)).or_else(|| world.month())
    }

    fn column_of(&self, world: &World) -> Option<ColumnOf> {
        let (map, line) = self.selected()?;
        let month = self.month(world)?;
        Some(ColumnOf { utility: map.utility.clone(), dataset: Dataset::parse(&map.dataset)?, month, column: line.name.clone() })
    }
}

/// The column of the common model that a source column becomes.
fn model_of(settings: &Settings, map: &Heatmap, name: &str) -> Option<&'static str> {
    let dataset = Dataset::parse(&map.dataset)?;
    let adapter = settings.utility(&map.utility)?.dataset(dataset)?;
    let is_from = |model: &str| {
        adapter.column(model).is_some_and(|source| source.from.iter().any(|label| column_name(label).eq_ignore_ascii_case(name)))
    };
    Entity::of(dataset).mapped().map(|model| model.name).find(|model| is_from(model))
}

/// What a cell of the heatmap says: a share in percent, `!` where cells are invalid.
fn text_of(cell: Option<Counts>, state: CellState) -> String {
    match cell {
        None => "·".into(),
        Some(cell) if cell.absent => "absent".into(),
        Some(cell) => match (cell.rate(CellState::Invalid), state) {
            (invalid, CellState::Missing) if invalid >= 0.01 => format!("{}!{}", percent(cell.rate(state)), percent(invalid)),
            (invalid, CellState::Missing) if invalid > 0.0 => format!("{}!", percent(cell.rate(state))),
            _ => format!("{} ", percent(cell.rate(state))),
        },
    }
}

struct Months {
    /// All that are shown, oldest first.
    shown: Vec<Month>,
    month: Option<Month>,
    against: Option<Month>,
}

fn line(settings: &Settings, map: &Heatmap, line: &ColumnLine, months: &Months, state: CellState) -> Vec<Value> {
    let at = |month: Month| map.months.iter().position(|other| Month::parse(other) == Some(month));
    let cell = |month: Month| at(month).and_then(|at| line.cells.get(at).copied().flatten());
    let rate = |month: Option<Month>, state: CellState| month.and_then(cell).map(|cell| cell.rate(state));
    let moved =
        |state: CellState| rate(months.month, state).zip(rate(months.against, state)).map(|(now, before)| (now - before).abs());
    // Damage is no less than absence: whoever looks at what is missing is shown what became invalid, too.
    let change = match state {
        CellState::Missing => moved(state).zip(moved(CellState::Invalid)).map(|(missing, invalid)| missing.max(invalid)),
        _ => moved(state),
    };
    // A column that came or went changed as a whole, whatever is counted.
    let drift = months.month.and_then(at).map_or(' ', |at| line.drift(at));
    let change = if drift == ' ' { change } else { Some(1.0) };
    let mut cells = vec![
        Value::Text(drift.to_string()),
        Value::Text(map.utility.clone()),
        Value::Text(map.dataset.clone()),
        Value::Text(line.name.clone()),
        Value::text(model_of(settings, map, &line.name)),
        change.map_or(Value::Null, |share| Value::Real((share * 1000.0).round() / 10.0)),
    ];
    for month in &months.shown {
        let cell = cell(*month);
        let share = |cell: Counts| match state {
            CellState::Missing => cell.rate(state).max(cell.rate(CellState::Invalid)),
            _ => cell.rate(state),
        };
        cells.push(cell.map_or(Value::Null, |cell| Value::Real(share(cell))));
        cells.push(Value::Text(text_of(cell, state)));
    }
    cells
}

fn listing(maps: &[Heatmap], world: &World, state: CellState) -> Listing {
    let shown = maps.iter().filter(|map| world.scope.has(&map.utility, &map.dataset));
    let mut months: Vec<Month> = maps.iter().flat_map(|map| map.months.iter().filter_map(|month| Month::parse(month))).collect();
    months.sort_unstable();
    months.dedup();
    let months = Months { shown: months, month: world.month(), against: world.against() };
    let of_map =
        |map: &Heatmap| map.columns.iter().map(|column| line(&world.settings, map, column, &months, state)).collect::<Vec<_>>();
    let lines: Vec<Vec<Value>> = shown.flat_map(of_map).collect();
    let mut fields: Vec<frame::Column> =
        ["drift", "utility", "dataset", "column", "model"].map(|name| frame::Column::new(name, ColumnType::Text)).to_vec();
    fields.push(frame::Column::new("change", ColumnType::Real));
    let mut columns = vec![
        Column::plain("drift", "").priority(0),
        Column::plain("utility", "utility").priority(1),
        Column::plain("dataset", "of").priority(1),
        Column::text("column", "column").least(14).priority(0),
        Column::text("model", "model").least(10).priority(9),
        Column::number("change", "change").priority(2),
    ];
    let place = |month: Month| months.shown.iter().position(|other| *other == month).unwrap_or(0);
    let chosen = months.month.map_or(0, place);
    for month in &months.shown {
        let name = month.to_string();
        fields.push(frame::Column::new(&name, ColumnType::Real));
        fields.push(frame::Column::new(&format!("{name}_text"), ColumnType::Text));
        // The months that are furthest from the one looked at go first.
        let distance = place(*month).abs_diff(chosen);
        columns.push(Column::count(&name, &name).as_(Show::Labelled).priority(u8::try_from(3 + distance).unwrap_or(u8::MAX)));
    }
    Listing {
        rows: if lines.is_empty() { Frame::default() } else { rows(&fields, &lines) },
        columns,
        key: &["utility", "dataset", "column"],
        paint: |rows, field, row| match field {
            "drift" => Tone::Warn,
            "utility" | "dataset" | "model" => Tone::Dim,
            "change" => match rows.number("change", row) {
                Some(change) if change >= 10.0 => Tone::Bad,
                Some(change) if change > 0.0 => Tone::Warn,
                _ => Tone::Dim,
            },
            month if month.len() == 7 => rows.number(month, row).map_or(Tone::Dim, Tone::Heat),
            _ => Tone::Text,
        },
    }
}

impl Screen for Columns {
    fn title(&self) -> String {
        "Columns".into()
    }

    fn id(&self) -> &'static str {
        "columns"
    }

    fn purpose(&self) -> &'static str {
        "Every column of every file, by months: what changed most against the month before stands on top."
    }

    fn legend(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("27", "27 percent of the cells are in the state that the title names"),
            ("27!73", "27 percent missing, and 73 hold what the column cannot: no number, no date, out of range"),
            ("absent", "the file lacked the column"),
            ("·", "the column was not known yet, or nothing came"),
            ("+ −", "the column came, or went, with the month"),
            ("change", "percentage points against the month before, or the one compared with"),
            ("<1 >99", "a little, or nearly all: never rounded to none or everything"),
        ]
    }

    fn badge(&self, world: &World) -> Option<Badge> {
        // What was counted of something else is not told.
        let now = (self.maps.answers(), world.scope.clone(), world.month(), CellState::Missing);
        let is_current = self.maps.ready().is_some() && self.made_of.as_ref() == Some(&now);
        let rows = self.table.rows();
        let jumped = |row: &usize| rows.number("change", *row).is_some_and(|change| change >= 10.0);
        let count = (0..rows.height()).filter(jumped).count();
        Some(Badge { count, sign: "!", tone: Tone::Warn }).filter(|badge| badge.count > 0 && is_current)
    }

    fn offers(&self, _: &World) -> Vec<Offer> {
        vec![(Verb::Enter, "the records behind"), (Verb::Toggle, "another state")]
    }

    fn settle(&mut self, world: &World, desk: &mut Desk) {
        self.maps.want(desk, (), |reader| Ok(missing::heatmaps(&missing::columns(reader.lake, None, None, None)?)));
        let made_of = (self.maps.answers(), world.scope.clone(), world.month(), self.state);
        if self.made_of.as_ref() != Some(&made_of) {
            let is_other_month = self.made_of.as_ref().is_none_or(|(.., month, _)| *month != made_of.2);
            let has_maps = self.maps.ready().is_some();
            self.table.fill(self.maps.ready().map(|maps| listing(maps, world, self.state)).unwrap_or_default());
            if has_maps {
                self.made_of = Some(made_of);
            }
            if is_other_month && let Some(month) = world.month() {
                self.table.put_cursor(&month.to_string());
            }
        }
        match self.column_of(world) {
            Some(of) => {
                let asked = of.clone();
                self.profile.want(desk, of, move |reader| profile::profile(reader.lake, reader.settings, &asked));
            }
            None => self.profile.clear(),
        }
    }

    fn slots(&mut self) -> Vec<&mut dyn Waiting> {
        vec![&mut self.maps, &mut self.profile]
    }

    fn act(&mut self, verb: Verb, world: &World) -> Option<Vec<Effect>> {
        match verb {
            Verb::Toggle => self.state = self.state.next(),
            Verb::ToggleBack => self.state = (0..4).fold(self.state, |state, _| state.next()),
            Verb::Enter => return Some(self.records(world)),
            _ => return None,
        }
        self.scroll.set(0);
        Some(Vec::new())
    }

    fn table(&self) -> Option<&Table> {
        Some(&self.table)
    }

    fn table_mut(&mut self) -> Option<&mut Table> {
        Some(&mut self.table)
    }

    fn reveal(&mut self, fields: Vec<(&'static str, String)>, world: &World) {
        self.table.want(fields);
        if let Some(month) = world.month() {
            self.table.put_cursor(&month.to_string());
        }
    }

    fn scroll(&self) -> Option<&Cell<usize>> {
        Some(&self.scroll)
    }

    fn view<'a>(&'a self, world: &'a World) -> View<'a> {
        let against = world.against().map_or_else(String::new, |month| format!(", change against {month}"));
        let list = View::Table(TablePart {
            title: format!("Cells that are {}, %{against}", self.state),
            from: "platinum/column_quality",
            read: Read::from(self.maps.remote()),
            table: &self.table,
            empty: world.nothing_loaded("nothing was delivered yet, so nothing can be missing"),
            focused: true,
        });
        let Some((map, line)) = self.selected() else { return list };
        let sharing = Sharing { beside_from: 120, width: 34, lines: Lines::Lower(8), below_from: 14 };
        list.with(
            sharing,
            View::Text(TextPart {
                title: format!("{} · {} · {}", map.utility, map.dataset, line.name),
                from: "platinum/column_quality · bronze",
                read: Read::from(self.maps.remote()),
                lines: self.told(world, map, line),
                scroll: &self.scroll,
            }),
        )
    }
}

impl Columns {
    fn records(&self, world: &World) -> Vec<Effect> {
        let Some((map, line)) = self.selected() else { return vec![Effect::Say("no column is selected".into())] };
        let Some(month) = self.month(world) else { return Vec::new() };
        let at = map.months.iter().position(|other| Month::parse(other) == Some(month));
        let cell = at.and_then(|at| line.cells.get(at).copied().flatten());
        let what = format!("{} {} {month}: cells of `{}` that are {}", map.utility, map.dataset, line.name, self.state);
        let why_none = match cell {
            None => Some(format!("the column was not delivered in {month}")),
            Some(cell) if cell.absent => Some(format!(
                "the file of {month} lacked the column in all of its {} rows: there is no cell to show",
                grouped(&cell.rows.to_string())
            )),
            Some(cell) if cell.rate(self.state) <= 0.0 => {
                Some(format!("no cell of `{}` is {} in {month}", line.name, self.state))
            }
            Some(_) if world.settings.utility(&map.utility).is_none() => {
                Some(format!("no adapter reads the files of {} here, so its records cannot be told apart", map.utility))
            }
            Some(_) => None,
        };
        let Some(dataset) = Dataset::parse(&map.dataset) else { return Vec::new() };
        if let Some(why) = why_none {
            return vec![Effect::Say(why)];
        }
        let counted = cell.map(|cell| (cell.rate(self.state) * cell.rows as f64).round() as u64);
        let target = DrillTarget::Cells { dataset, column: line.name.clone(), state: self.state };
        vec![records::of(what, vec![Metric { utility: map.utility.clone(), month, target, counted }])]
    }

    /// The column's counts in the month, and what it holds.
    fn told(&self, world: &World, map: &Heatmap, line: &ColumnLine) -> Vec<Line> {
        let Some(month) = self.month(world) else { return Vec::new() };
        let at = map.months.iter().position(|other| Month::parse(other) == Some(month));
        let Some(cell) = at.and_then(|at| line.cells.get(at).copied().flatten()) else {
            return vec![Line::of(Tone::Dim, format!("not delivered in {month}"))];
        };
        let count = |number: u64| grouped(&number.to_string());
        if cell.absent {
            return vec![Line::of(
                Tone::Warn,
                format!("absent in {month}: the file lacked the column in all of its {} rows", count(cell.rows)),
            )];
        }
        let warned = |number: u64, tone: Tone| if number > 0 { tone } else { Tone::Dim };
        let mut lines = vec![
            Line::of(Tone::Accent, format!("{month}  "))
                .and(Tone::Text, format!("rows {}  ", count(cell.rows)))
                .and(warned(cell.empty, Tone::Warn), format!("empty {}  ", count(cell.empty)))
                .and(warned(cell.sentinel, Tone::Warn), format!("sentinel {}  ", count(cell.sentinel)))
                .and(warned(cell.invalid, Tone::Bad), format!("invalid {}  ", count(cell.invalid)))
                .and(Tone::Text, format!("distinct {}", count(cell.distinct))),
        ];
        let rates: Vec<Option<f64>> =
            line.cells.iter().map(|cell| cell.filter(|cell| !cell.absent).map(|cell| cell.rate(self.state) * 100.0)).collect();
        let ends = [map.months.first(), map.months.last()].map(|month| month.and_then(|month| Month::parse(month)));
        let [Some(first), Some(last)] = ends else { return lines };
        let drawn = over_months(&format!("Cells that are {}", self.state), &rates, (first, last), (" %", 1, 36));
        if drawn.is_empty() {
            // Of a month without the column nothing is known: it is no month without gaps.
            let bar = |rate: &Option<f64>| rate.map_or_else(|| "·".to_owned(), |rate| spark(&[(rate * 10.0) as u64], 1000));
            let trend: String = rates.iter().map(bar).collect();
            lines.push(Line::named("trend", format!("{trend}  0 to 100 %, {first} to {last}")));
        }
        lines.extend(drawn);
        match self.profile.remote() {
            Remote::Loading => lines.push(Line::of(Tone::Dim, "reading the column …")),
            Remote::Failed { reason } => lines.push(Line::of(Tone::Bad, reason.clone())),
            Remote::Ready { value, .. } => lines.extend(profile_told(value)),
        }
        lines
    }
}

fn profile_told(found: &Profile) -> Vec<Line> {
    let or_nothing = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".into());
    let mut lines = vec![Line::named("from", format!("{}  to  {}", or_nothing(&found.least), or_nothing(&found.greatest)))];
    if !found.histogram.is_empty() {
        lines.push(Line::named("spread", spark(&found.histogram, found.histogram.iter().copied().max().unwrap_or(0))));
    }
    if found.frequent.is_empty() {
        lines.push(Line::of(Tone::Warn, "no value at all"));
    }
    for (at, (value, cells)) in found.frequent.iter().enumerate() {
        let name = if at == 0 { "most" } else { "" };
        lines.push(Line::named(name, format!("{:>9}  {}", grouped(&cells.to_string()), crate::model::cell::visible(value))));
    }
    lines
}

/// A line of bars, `most` as high as the line; nothing is lower than a little.
pub fn spark(values: &[u64], most: u64) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = most.max(1);
    values.iter().map(|value| BARS[((value * 7).div_ceil(most) as usize).min(7)]).collect()
}
