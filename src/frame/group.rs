//! Rows as a Parquet file holds them: columns beside one another, cells that repeat as numbers of a dictionary.

use std::collections::HashMap;

use polars::prelude::{CompatLevel, PolarsResult, polars_err};
use polars_arrow::array::{Array, DictionaryArray, PrimitiveArray, Utf8ViewArray};

use super::{Column, Frame, FrameError, dictionary};

/// Rows in a row group: what a pruned scan skips or reads.
pub(crate) const GROUP_ROWS: usize = 1 << 16;

/// A row group that is not written yet.
pub(crate) struct Group {
    pub(super) rows: usize,
    pub(super) columns: Vec<(String, Box<dyn Array>)>,
}

impl Frame {
    /// The rows as groups of the given columns, found by name, and cast where they are of other widths.
    ///
    /// # Errors
    /// A column is missing or of another type.
    pub(crate) fn groups(
        &self,
        columns: &[Column],
    ) -> Result<impl Iterator<Item = Result<Group, FrameError>> + use<>, FrameError> {
        let rows = self.conformed(columns)?.0;
        Ok((0..rows.height()).step_by(GROUP_ROWS).map(move |at| {
            let part = rows.slice(at as i64, GROUP_ROWS);
            let columns = part.columns().iter().map(|column| {
                let cells = column.as_materialized_series().rechunk().to_arrow(0, CompatLevel::newest());
                Ok((column.name().to_string(), dictionary::numbered(cells)?))
            });
            Ok(Group { rows: part.height(), columns: columns.collect::<PolarsResult<_>>()? })
        }))
    }
}

impl Group {
    /// The rows of groups of the same columns, one after the other.
    ///
    /// # Errors
    /// Never, as their columns are of the same types.
    pub(crate) fn joined(groups: &[Self]) -> Result<Self, FrameError> {
        let columns = groups.first().map_or(&[][..], |first| &first.columns);
        let joined = columns.iter().enumerate().map(|(at, (name, _))| {
            let parts: Vec<&dyn Array> = groups.iter().map(|group| group.columns[at].1.as_ref()).collect();
            Ok((name.clone(), dictionary::joined(&parts)?))
        });
        Ok(Self { rows: groups.iter().map(|group| group.rows).sum(), columns: joined.collect::<PolarsResult<_>>()? })
    }

    /// The same rows, with these columns in their order.
    ///
    /// # Errors
    /// One is missing.
    pub(crate) fn arranged(self, columns: &[Column]) -> Result<Self, FrameError> {
        let mut there: HashMap<String, Box<dyn Array>> = self.columns.into_iter().collect();
        let missing = |column: &Column| polars_err!(ColumnNotFound: "{}", column.name);
        let place = |column: &Column| there.remove_entry(&column.name).ok_or_else(|| missing(column));
        Ok(Self { rows: self.rows, columns: columns.iter().map(place).collect::<PolarsResult<_>>()? })
    }

    /// The same rows, in each of which these columns have one text.
    #[must_use]
    pub(crate) fn with_constants(mut self, constants: &[(&str, String)]) -> Self {
        for (name, cells) in &mut self.columns {
            if let Some((_, text)) = constants.iter().find(|(of, _)| of == name) {
                *cells = dictionary::constant(text, self.rows);
            }
        }
        self
    }

    /// The texts of a column in the order of the rows, those of rows that have one; none if there is no such column.
    pub(crate) fn texts(&self, column: &str) -> impl Iterator<Item = &str> + use<'_> {
        self.cells(column).into_iter().flat_map(|cells| cells.iter().flatten())
    }

    /// The distinct texts of a column, and how many rows have each; `None` if that is not known, as few of them repeat.
    pub(crate) fn counts(&self, column: &str) -> Option<impl Iterator<Item = (&str, u64)> + use<'_>> {
        let TextCells::Numbered(numbers, texts) = self.cells(column)? else { return None };
        let mut counts = vec![0_u64; texts.len()];
        for number in numbers.non_null_values_iter() {
            counts[number as usize] += 1;
        }
        Some(texts.values_iter().zip(counts))
    }

    /// The cells of a column of texts; `None` if there is no such column.
    pub(crate) fn cells(&self, column: &str) -> Option<TextCells<'_>> {
        let (_, cells) = self.columns.iter().find(|(name, _)| name == column)?;
        cells.as_any().downcast_ref().map(TextCells::Texts).or_else(|| TextCells::numbered(cells.as_ref()))
    }
}

/// The cells of a column of texts: numbers of a dictionary and what it holds, or the texts themselves.
pub(crate) enum TextCells<'a> {
    Numbered(&'a PrimitiveArray<u32>, &'a Utf8ViewArray),
    Texts(&'a Utf8ViewArray),
}

impl<'a> TextCells<'a> {
    fn numbered(cells: &'a dyn Array) -> Option<Self> {
        let numbered: &DictionaryArray<u32> = cells.as_any().downcast_ref()?;
        Some(Self::Numbered(numbered.keys(), numbered.values().as_any().downcast_ref()?))
    }

    /// The text of a row; `None` where it has none.
    pub(crate) fn at(&self, row: usize) -> Option<&'a str> {
        match *self {
            Self::Numbered(numbers, texts) if numbers.is_valid(row) => texts.get(numbers.value(row) as usize),
            Self::Numbered(..) => None,
            Self::Texts(texts) => texts.get(row),
        }
    }

    /// The text of each row; `None` where it has none.
    pub(crate) fn iter(&self) -> Box<dyn Iterator<Item = Option<&'a str>> + 'a> {
        match *self {
            Self::Numbered(numbers, texts) => Box::new(numbers.iter().map(|number| texts.get(*number? as usize))),
            Self::Texts(texts) => Box::new(texts.iter()),
        }
    }
}
