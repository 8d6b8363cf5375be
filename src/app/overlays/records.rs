//! The records behind a metric; from each to the line of its file.

use super::{source, whole};
use crate::app::keys::Verb;
use crate::app::reads::checks::Checked;
use crate::app::reads::records::{self, DrillTarget, Metric, Records as Found};
use crate::app::reads::trace::RecordFilter;
use crate::app::screen::{Effect, Offer, Screen};
use crate::app::slot::{Desk, Remote, Slot, Waiting};
use crate::app::table::{Column, Listing, Table, grouped};
use crate::app::view::{Empty, Read, TablePart, Tone, View};
use crate::app::world::World;
use crate::config::rules::Subject;
use crate::frame::{Frame, Value};
use crate::pipeline::rules::RuleState;

/// Records behind metrics, as a list: over a pane, or as a part of one.
pub struct Evidence {
    metrics: Vec<Metric>,
    found: Slot<Vec<Metric>, Vec<Found>>,
    table: Table,
    made_of: u64,
}

struct Records {
    what: String,
    evidence: Evidence,
}

/// The records behind metrics.
pub fn of(what: String, metrics: Vec<Metric>) -> Effect {
    let mut evidence = Evidence::new("records");
    evidence.metrics = metrics;
    Effect::Open(Box::new(Records { what, evidence }))
}

/// The metrics of the outcomes that fail.
pub fn metrics_of(outcomes: &[Checked]) -> Vec<Metric> {
    let metric = |checked: &Checked| {
        let target = DrillTarget::Rule { rule: checked.rule.clone(), subject: Subject::parse(&checked.dataset)? };
        Some(Metric { utility: checked.utility.clone(), month: checked.month, target, counted: Some(checked.failed) })
    };
    outcomes.iter().filter(|checked| checked.state == RuleState::Failed).filter_map(metric).collect()
}

/// The failing rows of outcomes.
pub fn of_outcomes(what: &str, outcomes: &[Checked]) -> Effect {
    let metrics = metrics_of(outcomes);
    let Some(first) = outcomes.first() else { return Effect::Say("there is no outcome behind it".into()) };
    if metrics.is_empty() {
        return Effect::Say(format!("`{}` could not be checked: there is no failing row to show", first.rule));
    }
    of(format!("{} {}: {what}", first.utility, first.month), metrics)
}

/// What a row is of: the rule and dataset, where there are several.
fn of_metric(metric: &Metric) -> String {
    match &metric.target {
        DrillTarget::Rule { rule, subject } => format!("{rule} {subject}"),
        DrillTarget::Cells { dataset, .. } => dataset.to_string(),
        DrillTarget::Changes { of, .. } => of.clone(),
    }
}

fn read(reader: &crate::app::slot::Reader<'_>, metrics: &[Metric]) -> Result<Vec<Found>, crate::app::reads::QueryError> {
    metrics.iter().map(|metric| records::behind(reader.lake, reader.settings, metric)).collect()
}

impl Evidence {
    /// Of nothing yet.
    pub fn new(name: &'static str) -> Self {
        Self { metrics: Vec::new(), found: Slot::default(), table: Table::new(name, &[]), made_of: 0 }
    }

    /// Asks for the records behind other metrics; none where nobody looks.
    pub fn settle(&mut self, metrics: Option<Vec<Metric>>, desk: &mut Desk) {
        match metrics.filter(|metrics| !metrics.is_empty()) {
            Some(metrics) => {
                let asked = metrics.clone();
                self.found.want(desk, metrics.clone(), move |reader| read(reader, &asked));
                self.metrics = metrics;
            }
            None => self.found.clear(),
        }
        if self.made_of != self.found.answers() {
            self.made_of = self.found.answers();
            self.fill();
        }
    }

    fn fill(&mut self) {
        let Some(found) = self.found.ready() else {
            self.table.fill(Listing::default());
            return;
        };
        let fields = crate::frame::schema::columns![metric Whole, of Text, record_key Text, column_name Text, value Text, _source_line Whole, _source_file Text];
        let rows: Vec<Vec<Value>> = found
            .iter()
            .enumerate()
            .flat_map(|(at, Found { rows: frame, .. })| {
                let of = of_metric(&self.metrics[at]);
                (0..frame.height()).map(move |row| {
                    let mut cells = vec![Value::count(at as u64), Value::Text(of.clone())];
                    let columns = ["record_key", "column_name", "value", "_source_line", "_source_file"];
                    cells.extend(columns.map(|column| frame.value(column, row)));
                    cells
                })
            })
            .collect();
        let is_changes = self.metrics.iter().any(|metric| matches!(metric.target, DrillTarget::Changes { .. }));
        let mut columns = vec![
            Column::text("record_key", "key").priority(0),
            Column::plain("column_name", "column").priority(1),
            Column::text("value", "value").least(16).priority(0),
        ];
        if !is_changes {
            columns.extend([
                Column::count("_source_line", "line").priority(2),
                Column::text("_source_file", "file").least(20).priority(3),
            ]);
        }
        if self.metrics.len() > 1 {
            columns.insert(0, Column::text("of", "of").least(10).priority(4));
        }
        self.table.fill(Listing {
            rows: Frame::from_rows(&fields, &rows).unwrap_or_default(),
            columns,
            key: &["metric", "record_key", "column_name", "_source_file", "_source_line"],
            paint: |_, field, _| match field {
                "value" => Tone::Warn,
                "record_key" => Tone::Text,
                _ => Tone::Dim,
            },
        });
    }

    /// Its list.
    pub const fn table(&self) -> &Table {
        &self.table
    }

    /// The same, to be changed.
    pub const fn table_mut(&mut self) -> &mut Table {
        &mut self.table
    }

    /// What waits for its records.
    pub fn slot(&mut self) -> &mut dyn Waiting {
        &mut self.found
    }

    /// How it is shown.
    pub fn part<'a>(&'a self, what: &str, world: &World, focused: bool) -> TablePart<'a> {
        let (held, all) =
            (self.table.height() as u64, self.found.ready().map_or(0, |found| found.iter().map(|one| one.all).sum()));
        let limited = if held < all {
            let [held, all] = [held, all].map(|count| grouped(&count.to_string()));
            format!(" · the first {held} of {all}")
        } else {
            String::new()
        };
        let utility = self.metrics.first().map(|metric| metric.utility.as_str()).unwrap_or_default();
        let no_adapter = world.settings.utility(utility).is_none();
        let empty = match self.found.remote() {
            Remote::Ready { .. } if no_adapter => Empty::new(
                Tone::Warn,
                format!("no adapter reads the files of {utility} here, so its records cannot be told apart"),
                "see docs/adapters.md; Esc goes back",
            ),
            _ => Empty::new(Tone::Dim, "the figure is about the whole: no single record is behind it", "Esc goes back"),
        };
        TablePart {
            title: format!("{what}{limited}"),
            from: "bronze · silver",
            read: Read::from(self.found.remote()),
            table: &self.table,
            empty,
            focused,
        }
    }

    /// From the selected row to the line of its file.
    pub fn source(&self, world: &World) -> Effect {
        let Some(row) = self.table.selected() else { return Effect::Say("no record is selected".into()) };
        let rows = self.table.rows();
        let text = |field| rows.text(field, row).unwrap_or_default();
        let Some(metric) = self.metrics.get(rows.count("metric", row) as usize) else {
            return Effect::Say("no record is selected".into());
        };
        let (key, file) = (text("record_key"), rows.text("_source_file", row));
        let line = rows.value("_source_line", row).as_i64().and_then(|line| u64::try_from(line).ok());
        let place = file.zip(line);
        let found = records::place(&world.settings, metric, &key);
        let Some((dataset, entity)) = found.filter(|(_, entity)| entity.is_some() || place.is_some()) else {
            let why =
                "the row is a sum of several records, or a whole file: there is no single line to show; Space shows the cell";
            return Effect::Say(why.into());
        };
        let marked = records::source_columns(&world.settings, &metric.utility, dataset, &text("column_name"));
        // A version may stem from an earlier month than the one that is looked at; a record of a file does not.
        let month = (entity.is_none() || place.is_none()).then_some(metric.month);
        let record = RecordFilter { utility: metric.utility.clone(), dataset, key: None, entity, place, month };
        Effect::Open(source::of(key, record, marked))
    }
}

impl Screen for Records {
    fn title(&self) -> String {
        "records".into()
    }

    fn purpose(&self) -> &'static str {
        "The records that a figure counts; Enter leads to the line of the file that each came from."
    }

    fn offers(&self, _: &World) -> Vec<Offer> {
        vec![(Verb::Enter, "the line in its file"), (Verb::Open, "the whole row"), (Verb::Back, "back")]
    }

    fn settle(&mut self, _: &World, desk: &mut Desk) {
        let metrics = self.evidence.metrics.clone();
        self.evidence.settle(Some(metrics), desk);
    }

    fn slots(&mut self) -> Vec<&mut dyn Waiting> {
        vec![self.evidence.slot()]
    }

    fn act(&mut self, verb: Verb, world: &World) -> Option<Vec<Effect>> {
        match verb {
            Verb::Enter => Some(vec![self.evidence.source(world)]),
            Verb::Open => Some(whole::row(&self.evidence.table).map(Effect::Open).into_iter().collect()),
            _ => None,
        }
    }

    fn table(&self) -> Option<&Table> {
        Some(&self.evidence.table)
    }

    fn table_mut(&mut self) -> Option<&mut Table> {
        Some(&mut self.evidence.table)
    }

    fn view<'a>(&'a self, world: &'a World) -> View<'a> {
        View::Table(self.evidence.part(&self.what, world, true))
    }
}
