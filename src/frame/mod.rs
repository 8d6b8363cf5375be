//! Rows in memory, and rows that are still to be read.
//!
//! [`Frame`] is the currency between the tables, the engine and everything above: what it wraps stays here and in the
//! engine.

mod cell;
mod dictionary;
mod group;
mod keyed;
mod parquet;
mod patched;
mod records;
mod relation;
pub(crate) mod schema;
mod stored;
#[cfg(test)]
mod tests;
pub(crate) mod text;

use polars::prelude::{
    DataFrame, Int64Chunked, IntoColumn, IntoSeries, NewChunkedArray, ParquetCompression, PolarsError, PolarsResult,
    StringChunkedBuilder,
};
use thiserror::Error;

use crate::model::{Day, Timestamp};

pub(crate) use cell::constant;
pub use cell::{CellRef, Cells, Value};
use cell::{build_column, value_of};
pub(crate) use group::{GROUP_ROWS, Group, TextCells};
pub(crate) use keyed::Keyed;
pub(crate) use parquet::FrameWriter;
pub(crate) use patched::{Patch, PatchedGroup};
pub use records::RecordColumns;
pub(crate) use relation::FilePart;
pub use relation::Relation;
pub use schema::{Column, ColumnType};
pub(crate) use stored::{StoredFile, StoredGroup};

/// Rows and columns that do not fit together, or a file that cannot be written.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct FrameError(#[from] pub(crate) PolarsError);

/// Rows in memory, with named and typed columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Frame(pub(crate) DataFrame);

type PolarsColumn = polars::prelude::Column;

impl Frame {
    /// Builds a frame from rows of cells in the order of the columns.
    ///
    /// # Errors
    /// A row is too short, or a cell is not of its column's type.
    pub fn from_rows(columns: &[Column], rows: &[Vec<Value>]) -> Result<Self, FrameError> {
        let series =
            columns.iter().enumerate().map(|(at, column)| build_column(column, rows, at)).collect::<PolarsResult<Vec<_>>>()?;
        Ok(Self(DataFrame::new(rows.len(), series)?))
    }

    /// Values of columns, their cells, and of how many values these are, as columns `place`, `of_type`, `v`, `n` and `texts`.
    ///
    /// # Errors
    /// Never, as all columns are of one length.
    pub fn of_counts<'a>(counts: impl Iterator<Item = ([u64; 2], &'a (String, u64, u64))>) -> Result<Self, FrameError> {
        let (mut values, mut numbers) = (StringChunkedBuilder::new("v".into(), 0), [const { Vec::new() }; 4]);
        for ([place, of_type], (value, cells, texts)) in counts {
            values.append_value(value);
            let row = [place, of_type, *cells, *texts];
            numbers.iter_mut().zip(row).for_each(|(column, number)| column.push(number.cast_signed()));
        }
        let values = values.finish().into_series();
        let (rows, names) = (values.len(), ["place", "of_type", "n", "texts"]);
        let numbers = names.into_iter().zip(numbers).map(|(name, of)| Int64Chunked::from_vec(name.into(), of).into_series());
        Ok(Self(DataFrame::new(rows, numbers.chain([values]).map(IntoColumn::into_column).collect())?))
    }

    /// Whole numbers as one column.
    pub fn of_wholes(name: &str, numbers: Vec<i64>) -> Self {
        Self(Int64Chunked::from_vec(name.into(), numbers).into_series().into_frame())
    }

    /// Whether no row has a value in a column.
    pub fn is_without(&self, column: &str) -> bool {
        self.0.column(column).map_or(true, |column| column.null_count() == column.len())
    }

    /// The texts of a column, without nulls; none if there is no such column.
    pub fn texts(&self, column: &str) -> impl Iterator<Item = &str> {
        let texts = self.0.column(column).ok().and_then(|column| column.str().ok());
        texts.into_iter().flat_map(|texts| texts.downcast_iter().flat_map(|chunk| chunk.iter().flatten()))
    }

    /// Whether two columns hold the same in each row, nulls being the same as nulls.
    pub fn are_the_same(&self, a: &str, b: &str) -> bool {
        let column = |name| self.0.column(name).ok().map(polars::prelude::Column::as_materialized_series);
        column(a).zip(column(b)).is_some_and(|(a, b)| a.equals_missing(b))
    }

    /// The whole numbers of a column, without nulls; none if there is no such column.
    pub fn wholes(&self, column: &str) -> impl Iterator<Item = i64> {
        let numbers = self.0.column(column).ok().and_then(|column| column.i64().ok());
        numbers.into_iter().flat_map(|numbers| numbers.downcast_iter().flat_map(|chunk| chunk.iter().flatten().copied()))
    }

    /// Number of rows.
    pub fn height(&self) -> usize {
        self.0.height()
    }

    /// The columns' names.
    pub fn names(&self) -> Vec<&str> {
        self.0.columns().iter().map(|column| column.name().as_str()).collect()
    }

    /// One cell; null where the row or the column does not exist.
    pub fn value(&self, column: &str, row: usize) -> Value {
        self.0.column(column).ok().and_then(|column| column.get(row).ok()).map_or(Value::Null, |any| value_of(&any))
    }

    /// A text cell.
    pub fn text(&self, column: &str, row: usize) -> Option<String> {
        match self.value(column, row) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A whole-number cell; 0 where it is null.
    pub fn count(&self, column: &str, row: usize) -> u64 {
        self.value(column, row).as_i64().and_then(|number| u64::try_from(number).ok()).unwrap_or(0)
    }

    /// A number cell.
    pub fn number(&self, column: &str, row: usize) -> Option<f64> {
        self.value(column, row).as_f64()
    }

    /// A day cell.
    pub fn day(&self, column: &str, row: usize) -> Option<Day> {
        match self.value(column, row) {
            Value::Day(day) => Some(day),
            _ => None,
        }
    }

    /// A time cell.
    pub fn time(&self, column: &str, row: usize) -> Option<Timestamp> {
        match self.value(column, row) {
            Value::Time(at) => Some(at),
            _ => None,
        }
    }

    /// The cells of a row, in the order of the columns.
    pub fn row(&self, row: usize) -> Vec<Value> {
        self.0.columns().iter().map(|column| column.get(row).map_or(Value::Null, |any| value_of(&any))).collect()
    }

    /// The cells of a column, found once; `None` if there is no such column.
    pub fn cells(&self, column: &str) -> Option<Cells<'_>> {
        self.0.column(column).ok().map(|column| {
            let series = column.as_materialized_series();
            series.str().map_or(Cells::Any(series), Cells::Texts)
        })
    }

    /// The type of a column; `None` if there is no such column.
    pub fn kind(&self, column: &str) -> Option<ColumnType> {
        self.0.column(column).ok().and_then(|column| schema::kind_of(column.dtype()))
    }

    /// The same rows with each column in one piece, so that a cell is found at once.
    #[must_use]
    pub fn in_one_piece(mut self) -> Self {
        self.0.rechunk_mut();
        self
    }

    /// Writes the rows into a Parquet file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_parquet(&self, path: &std::path::Path) -> std::io::Result<()> {
        let file = std::fs::File::create(path)?;
        let writer =
            polars::prelude::ParquetWriter::new(std::io::BufWriter::new(file)).with_compression(ParquetCompression::Snappy);
        writer.finish(&mut self.0.clone()).map(|_| ()).map_err(std::io::Error::other)
    }

    /// Some of the columns, in the given order; those that there are not are left out.
    #[must_use]
    pub fn columns_of(&self, names: &[&str]) -> Self {
        let columns = names.iter().filter_map(|name| self.0.column(name).ok().cloned()).collect();
        Self(DataFrame::new(self.height(), columns).unwrap_or_default())
    }

    /// The columns that are wanted, in their order.
    #[must_use]
    pub fn narrowed(&self, wanted: impl Fn(&str) -> bool) -> Self {
        let columns = self.0.columns().iter().filter(|column| wanted(column.name())).cloned().collect();
        Self(DataFrame::new(self.height(), columns).unwrap_or_default())
    }

    /// The rows at these places, in their order.
    #[must_use]
    pub fn rows_at(&self, places: &[u32]) -> Self {
        let places = polars::prelude::IdxCa::from_slice("".into(), places);
        Self(self.0.take(&places).unwrap_or_default())
    }

    /// The given columns, found by name, in their order and types.
    ///
    /// # Errors
    /// A column is missing or of a type that cannot be cast.
    pub(crate) fn conformed(&self, columns: &[Column]) -> Result<Self, FrameError> {
        let cast = |column: &Column| {
            let (found, kind) = (self.0.column(&column.name)?, schema::polars_type(column.kind));
            if *found.dtype() == kind { Ok(found.clone()) } else { found.strict_cast(&kind) }
        };
        let columns = columns.iter().map(cast).collect::<PolarsResult<Vec<_>>>()?;
        Ok(Self(DataFrame::new(self.height(), columns)?))
    }

    /// The rows of all frames, one after the other; they must have the same columns.
    ///
    /// # Errors
    /// They have not.
    pub fn stack(frames: &[Self]) -> Result<Self, FrameError> {
        let mut frames = frames.iter();
        let Some(first) = frames.next() else { return Ok(Self::default()) };
        let mut all = first.0.clone();
        for frame in frames {
            all.vstack_mut(&frame.0)?;
        }
        Ok(Self(all))
    }

    /// The same rows, still to be queried.
    pub fn relation(&self) -> Relation {
        Relation::Rows(self.clone())
    }
}
