//! From a metric to its records, and from a record to the line of its file.

use super::jobs::Job;
use super::keys::Action;
use super::reads::records::{self, DrillTarget, Metric};
use super::reads::trace::{RecordFilter, Traced};
use super::{App, Pane, Remote, moved};
use crate::config::rules::Subject;
use crate::frame::Frame;
use crate::model::{Dataset, Month};

/// What lies over the panes while somebody looks behind a metric.
#[derive(Debug, Clone)]
pub struct Drill {
    /// The metric.
    pub metric: Metric,
    /// What it is, for people.
    pub title: String,
    /// The records behind it.
    pub rows: Remote<Frame>,
    /// The selected record.
    pub at: usize,
    /// The source of a record, once somebody asked for it.
    pub source: Option<SourceView>,
}

/// A record as it was delivered.
#[derive(Debug, Clone)]
pub struct SourceView {
    /// Which record was asked for; `None` where the row leads to no single one.
    pub wanted: Option<RecordFilter>,
    /// The columns of the cell that is to be seen.
    pub marked: Vec<String>,
    /// The record in its file; several where its key occurs several times or in several months.
    pub records: Remote<Vec<Traced>>,
    /// Lines scrolled down.
    pub scroll: usize,
}

impl Drill {
    /// A look behind a metric whose records are still to be read.
    pub fn new(metric: Metric, title: String) -> Self {
        Self { metric, title, rows: Remote::Loading, at: 0, source: None }
    }

    pub(super) fn rows(&mut self, by: isize) {
        if let Some(source) = &mut self.source {
            let cells = source.records.ready().map_or(0, |records| records.iter().map(|record| record.cells.len() + 4).sum());
            source.scroll = moved(source.scroll, by, cells);
        } else {
            self.at = moved(self.at, by, self.rows.ready().map_or(0, Frame::height));
        }
    }

    /// Key, column, file and line of the selected record.
    pub fn selected(&self) -> Option<(String, String, Option<String>, Option<u64>)> {
        let rows = self.rows.ready()?;
        let line = rows.value("_source_line", self.at).as_i64().and_then(|line| u64::try_from(line).ok());
        Some((
            rows.text("record_key", self.at).unwrap_or_default(),
            rows.text("column_name", self.at).unwrap_or_default(),
            rows.text("_source_file", self.at),
            line,
        ))
        .filter(|_| self.at < rows.height())
    }
}

impl App {
    pub(super) fn act_in_drill(&mut self, action: Action) -> Option<Vec<Job>> {
        const ALL: isize = isize::MAX / 2;
        let drill = self.drill.as_mut()?;
        match action {
            Action::Rows(by) => drill.rows(by),
            Action::First => drill.rows(-ALL),
            Action::Last => drill.rows(ALL),
            Action::Back if drill.source.is_some() => drill.source = None,
            Action::Back => self.drill = None,
            Action::Enter if drill.source.is_none() => return Some(self.open_source()),
            Action::Show(_) | Action::NextPane | Action::PreviousPane => {
                self.drill = None;
                return None;
            }
            Action::Quit | Action::Help | Action::Run | Action::Stop | Action::Reread => return None,
            _ => {}
        }
        Some(Vec::new())
    }

    fn open_source(&mut self) -> Vec<Job> {
        let generation = self.generation;
        let Some(drill) = &mut self.drill else { return Vec::new() };
        let Some((key, column, file, line)) = drill.selected() else { return Vec::new() };
        let metric = &drill.metric;
        let found = records::place(&self.settings, metric, &key, file.as_deref());
        let place = file.zip(line);
        let Some((dataset, entity)) = found.filter(|(_, entity)| entity.is_some() || place.is_some()) else {
            let reason = "the row is a sum of several records, or a whole file: there is no single line to show".to_owned();
            drill.source = Some(SourceView { wanted: None, marked: Vec::new(), records: Remote::Failed { reason }, scroll: 0 });
            return Vec::new();
        };
        let marked = records::source_columns(&self.settings, &metric.utility, dataset, &column);
        // A version may stem from an earlier month than the one that is looked at; a record of a file does not.
        let month = entity.is_none().then_some(metric.month);
        let record = RecordFilter { utility: metric.utility.clone(), dataset, key: None, entity, place, month };
        drill.source = Some(SourceView { wanted: Some(record.clone()), marked, records: Remote::Loading, scroll: 0 });
        vec![Job::Source { generation, record: Box::new(record) }]
    }

    /// Opens the records behind what is selected.
    pub(super) fn drill(&mut self) -> Vec<Job> {
        let generation = self.generation;
        let Some((metric, title)) = self.metric() else { return Vec::new() };
        let mut drill = Drill::new(metric.clone(), title);
        if let (Pane::Rejected, Some(rejected)) = (self.pane, self.rejected.ready()) {
            drill.at = rejected.place_in_month();
        }
        self.drill = Some(drill);
        vec![Job::Records { generation, metric }]
    }

    fn metric(&self) -> Option<(Metric, String)> {
        match self.pane {
            Pane::Missing => {
                let missing = self.missing.ready()?;
                let (map, state) = (missing.shown()?, missing.state);
                let (dataset, month) = (Dataset::parse(&map.dataset)?, Month::parse(map.months.get(missing.month())?)?);
                let column = missing.selected()?.name.clone();
                let title = format!("{} {} {month}: cells of `{column}` that are {state}", map.utility, map.dataset);
                Some((
                    Metric { utility: map.utility.clone(), month, target: DrillTarget::Cells { dataset, column, state } },
                    title,
                ))
            }
            Pane::Months => {
                let months = self.months.ready()?;
                let series = months.series()?;
                let month = Month::parse(&series.months.get(months.month())?.month)?;
                let from = Month::parse(months.compared_with()?)?;
                let title = format!("{} {}: {month} against {from}", series.utility, series.dataset);
                let target = DrillTarget::Changes { of: series.dataset.clone(), from };
                Some((Metric { utility: series.utility.clone(), month, target }, title))
            }
            Pane::Rules => {
                let checked = self.rules.ready()?.selected()?;
                let subject = Subject::parse(&checked.dataset)?;
                let title =
                    format!("{} {} {}: rows that fail `{}`", checked.utility, checked.dataset, checked.month, checked.rule);
                let target = DrillTarget::Rule { rule: checked.rule.clone(), subject };
                Some((Metric { utility: checked.utility.clone(), month: checked.month, target }, title))
            }
            Pane::Deliveries => {
                let (utility, month, _) = self.deliveries.ready()?.selected()?;
                let title = format!("{utility} {month}: what was rejected");
                Some((Metric { utility: utility.to_owned(), month, target: DrillTarget::Rejected }, title))
            }
            Pane::Rejected => {
                let rejected = self.rejected.ready()?;
                let text = |column: &str| rejected.rows.text(column, rejected.at);
                let (utility, month) = (text("utility_id")?, Month::parse(&text("delivery_month")?)?);
                let title = format!("{utility} {month}: what was rejected");
                Some((Metric { utility, month, target: DrillTarget::Rejected }, title))
            }
            Pane::Refresh | Pane::Browser => None,
        }
    }
}
