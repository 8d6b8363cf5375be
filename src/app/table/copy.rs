//! What leaves a list: cells, rows and columns as text, and the rows that are shown.

use super::Table;
use crate::app::filter;
use crate::frame::text::shown;
use crate::frame::{Frame, Value};

impl Table {
    /// The cell under the cursor: its heading and its text, as exact as it is stored.
    pub fn whole_cell(&self) -> Option<(String, String)> {
        let (row, column) = (self.selected()?, self.cursor()?);
        let text = match self.listing.rows.value(&column.field, row) {
            Value::Real(number) => number.to_string(),
            other => shown(&other),
        };
        Some((column.title.clone(), if text == "–" { String::new() } else { text }))
    }

    /// The selected row, tab-separated.
    pub fn row_text(&self) -> Option<String> {
        let row = self.selected()?;
        Some(self.places().into_iter().map(|place| self.cell(place, row)).collect::<Vec<_>>().join("\t"))
    }

    /// The column under the cursor, a line for each row that is shown.
    pub fn column_text(&self) -> Option<String> {
        let field = &self.cursor()?.field;
        let place = self.listing.columns.iter().position(|column| column.field == *field)?;
        Some(self.shown.iter().map(|row| self.cell(place, *row as usize)).collect::<Vec<_>>().join("\n"))
    }

    /// The rows that are shown, in their order, with the columns that are shown, as they are stored.
    pub fn exported(&self) -> Frame {
        let columns = self.columns();
        let fields: Vec<&str> = columns.iter().map(|column| column.field.as_str()).collect();
        self.listing.rows.columns_of(&fields).rows_at(&self.shown)
    }

    /// What a filter that is being typed may go on with.
    pub fn completions(&self, text: &str) -> Vec<String> {
        filter::completions(text, &self.listing.rows, &self.listing.columns)
    }
}
