//! From a figure to its records, and from a record to the line of its file.

use super::reads::records::Figure;
use super::reads::trace::Traced;
use super::{Remote, moved};
use crate::lake::Frame;

/// What lies over the panes while somebody looks behind a figure.
#[derive(Debug, Clone)]
pub struct Drill {
    /// The figure.
    pub figure: Figure,
    /// What it is, for people.
    pub title: String,
    /// The records behind it.
    pub rows: Remote<Frame>,
    /// The selected record.
    pub at: usize,
    /// The source of a record, once somebody asked for it.
    pub source: Option<Source>,
}

/// A record as it was delivered.
#[derive(Debug, Clone)]
pub struct Source {
    /// The columns of the cell that is to be seen.
    pub marked: Vec<String>,
    /// The record in its file; several where its key stands several times or in several months.
    pub records: Remote<Vec<Traced>>,
    /// Lines scrolled down.
    pub scroll: usize,
}

impl Drill {
    /// A look behind a figure whose records are still to be read.
    pub fn new(figure: Figure, title: String) -> Self {
        Self { figure, title, rows: Remote::Loading, at: 0, source: None }
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
