//! What leaves a list: cells, rows and columns as text, and the rows that are shown.

use super::Table;
use crate::app::filter;
use crate::app::write::Rows;
use crate::frame::Value;
use crate::frame::text::shown;

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

    /// The column under the cursor, a line for each row that is shown; `None` where most of them are only in the tables.
    pub fn column_text(&self) -> Option<String> {
        if self.is_piece() {
            return None;
        }
        let field = &self.cursor()?.field;
        let place = self.listing.columns.iter().position(|column| column.field == *field)?;
        Some(self.shown.iter().map(|row| self.cell(place, *row as usize)).collect::<Vec<_>>().join("\n"))
    }

    /// The rows that are shown, in their order, with the columns that are shown, as they are stored.
    pub fn exported(&self) -> Rows {
        let fields: Vec<String> = self.columns().into_iter().map(|column| column.field.clone()).collect();
        if let Some((list, wish)) = self.source().filter(|_| self.is_piece()) {
            return Rows::Of(list, wish, fields);
        }
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        Rows::Held(self.listing.rows.columns_of(&fields).rows_at(&self.shown))
    }

    /// What a filter that is being typed may go on with.
    pub fn completions(&self, text: &str) -> Vec<String> {
        filter::completions(text, &self.listing.rows, &self.listing.columns)
    }
}
