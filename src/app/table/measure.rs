//! What a column needs, and what a cell is as text.

use super::format::{bar, decimals_of, grouped, signed, width_of};
use super::{Column, Listing, Show, Table};
use crate::app::view::Tone;
use crate::frame::{CellRef, Cells, Frame};
use crate::model::units::percent;

/// Rows by which the width of a column is measured.
const MEASURED: usize = 500;

/// What the columns of a list need, by some hundred rows from everywhere.
#[derive(Debug, Default)]
pub(super) struct Measure {
    widths: Vec<u16>,
    /// Decimals of each column, by all rows: they stand below one another.
    decimals: Vec<usize>,
    greatest: Vec<f64>,
}

impl Measure {
    pub(super) fn of(listing: &Listing) -> Self {
        let (rows, columns) = (&listing.rows, &listing.columns);
        let height = rows.height();
        let step = (height / MEASURED).max(1);
        let number = |column: &Column, row: usize| rows.cells(&column.field).and_then(|cells| cells.at(row).as_f64());
        let decimals = |column: &Column| match column.show {
            Show::Number | Show::Difference => {
                (0..height).filter_map(|row| number(column, row)).map(decimals_of).max().unwrap_or(0)
            }
            _ => 0,
        };
        let greatest = |column: &Column| (0..height).step_by(step).filter_map(|row| number(column, row)).fold(0.0, f64::max);
        let mut measure = Self {
            widths: Vec::new(),
            decimals: columns.iter().map(decimals).collect(),
            greatest: columns.iter().map(greatest).collect(),
        };
        let width = |(place, column): (usize, &Column)| {
            let cells = (0..height).step_by(step).map(|row| width_of(&measure.cell(rows, (place, column), row)));
            cells.max().unwrap_or(0).max(width_of(&column.title) + u16::from(!column.title.is_empty())).max(1)
        };
        measure.widths = columns.iter().enumerate().map(width).collect();
        measure
    }

    fn cell(&self, rows: &Frame, (place, column): (usize, &Column), row: usize) -> String {
        rows.cells(&column.field).map_or_else(String::new, |cells| self.text(rows, (place, column), cells, row))
    }

    fn text(&self, rows: &Frame, (place, column): (usize, &Column), cells: Cells<'_>, row: usize) -> String {
        match (column.show, cells.at(row)) {
            (Show::Labelled, _) => rows.text(&format!("{}_text", column.field), row).unwrap_or_else(|| "·".into()),
            (_, CellRef::Null) => "–".into(),
            (Show::Percent, cell) => cell.as_f64().map(percent).unwrap_or_default(),
            (Show::Bar, cell) => bar(cell.as_f64().unwrap_or(0.0), self.greatest.get(place).copied().unwrap_or(0.0)),
            (Show::Difference, CellRef::Whole(number)) => signed(number as f64, 0),
            (_, CellRef::Whole(number)) => grouped(&number.to_string()),
            (show, CellRef::Real(number)) => {
                let decimals = self.decimals.get(place).copied().unwrap_or(3);
                if show == Show::Difference { signed(number, decimals) } else { grouped(&format!("{number:.decimals$}")) }
            }
            (_, CellRef::Text(text)) => crate::model::cell::visible(text).into_owned(),
            (_, CellRef::Flag(flag)) => if flag { "yes" } else { "" }.into(),
            (_, CellRef::Day(day)) => day.to_string(),
            (_, CellRef::Time(at)) => at.to_string(),
        }
    }
}

impl Table {
    /// The width of a column, as it was measured.
    pub(crate) fn width(&self, place: usize) -> u16 {
        self.measure.widths.get(place).copied().unwrap_or(1)
    }

    /// The text of a cell: a row of the frame, a column by its place.
    pub(crate) fn cell(&self, place: usize, row: usize) -> String {
        self.measure.cell(&self.listing.rows, (place, &self.listing.columns[place]), row)
    }

    /// The cells of a column that are seen, as texts; what is not read yet is on its way.
    pub(crate) fn texts(&self, place: usize, seen: std::ops::Range<usize>) -> Vec<String> {
        let (rows, column) = (&self.listing.rows, &self.listing.columns[place]);
        let cells = rows.cells(&column.field);
        let text = |row: usize| cells.map_or_else(String::new, |cells| self.measure.text(rows, (place, column), cells, row));
        seen.map(|at| self.row_at(at).map_or_else(|| "…".to_owned(), text)).collect()
    }

    /// What a cell means.
    pub(crate) fn tone(&self, place: usize, row: usize) -> Tone {
        (self.listing.paint)(&self.listing.rows, &self.listing.columns[place].field, row)
    }
}
