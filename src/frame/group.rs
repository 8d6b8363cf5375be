//! Rows as a Parquet file holds them: columns beside one another, cells that repeat as numbers of a dictionary.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use polars::prelude::{CompatLevel, IdxCa, NewChunkedArray, PolarsResult, polars_err};
use polars_arrow::array::{Array, BooleanArray, DictionaryArray, PrimitiveArray, Utf8ViewArray};

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

    /// One more column, which has one text in every row.
    #[must_use]
    pub(crate) fn with_constant(self, name: &str, text: &str) -> Self {
        let cells = dictionary::constant(text, self.rows);
        self.with(name, cells)
    }

    /// One more column, with a flag for each row.
    #[must_use]
    pub(crate) fn with_flags(self, name: &str, flags: Vec<bool>) -> Self {
        self.with(name, BooleanArray::from_slice(flags).boxed())
    }

    /// One more column, with the cells of another one.
    #[must_use]
    pub(crate) fn with_copy(self, name: &str, of: &str) -> Self {
        match self.column(of).map(Array::to_boxed) {
            Some(cells) => self.with(name, cells),
            None => self,
        }
    }

    /// One more column: what a function makes of the numbers of another one.
    ///
    /// # Errors
    /// Never, as both are of one length.
    pub(crate) fn with_numbers(self, name: &str, of: &str, map: impl Fn(f64) -> f64) -> Result<Self, FrameError> {
        let cells = self.column(of).map(|cells| dictionary::mapped(cells, &map)).transpose()?;
        Ok(match cells {
            Some(cells) => self.with(name, cells),
            None => self,
        })
    }

    /// One more column: the texts of another one, but in rows whose key has a text of its own.
    ///
    /// # Errors
    /// Never, as all columns are of one length.
    pub(crate) fn with_texts(
        self,
        name: &str,
        of: &str,
        (key, own): (&str, &HashMap<&str, &str, RandomState>),
    ) -> Result<Self, FrameError> {
        if own.is_empty() {
            return Ok(self.with_copy(name, of));
        }
        let (Some(keys), Some(texts)) = (self.cells(key), self.cells(of)) else { return Ok(self) };
        let texts = keys.iter().zip(texts.iter()).map(|(key, text)| key.and_then(|key| own.get(key).copied()).or(text));
        let cells = dictionary::numbered(Utf8ViewArray::from_slice(texts.collect::<Vec<_>>()).boxed())?;
        Ok(self.with(name, cells))
    }

    fn with(mut self, name: &str, cells: Box<dyn Array>) -> Self {
        self.columns.push((name.to_owned(), cells));
        self
    }

    fn column(&self, name: &str) -> Option<&dyn Array> {
        self.columns.iter().find_map(|(of, cells)| (of == name).then_some(cells.as_ref()))
    }

    /// The places of the rows in the order of a column of texts; those without a text are last, and such as are alike stay in their order.
    pub(crate) fn order_by(&self, column: &str) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.rows as u32).collect();
        match self.cells(column) {
            Some(TextCells::Numbered(numbers, texts)) => {
                let mut by_text: Vec<usize> = (0..texts.len()).collect();
                by_text.sort_unstable_by_key(|number| texts.value(*number));
                let mut ranks = vec![0; texts.len()];
                by_text.iter().zip(0..).for_each(|(number, rank)| ranks[*number] = rank);
                let ranks: Vec<u32> =
                    numbers.iter().map(|number| number.map_or(u32::MAX, |number| ranks[*number as usize])).collect();
                order.sort_by_key(|row| ranks[*row as usize]);
            }
            Some(TextCells::Texts(texts)) => {
                let text = |row: u32| texts.get(row as usize);
                order.sort_by_key(|row| (text(*row).is_none(), text(*row)));
            }
            None => {}
        }
        order
    }

    /// Rows at some places, in their order.
    ///
    /// # Errors
    /// There is no such place.
    pub(crate) fn gathered(&self, places: &[u32]) -> Result<Self, FrameError> {
        let places = IdxCa::from_slice("places".into(), places);
        let gathered =
            |(name, cells): &(String, Box<dyn Array>)| Ok((name.clone(), dictionary::gathered(cells.as_ref(), &places)?));
        Ok(Self { rows: places.len(), columns: self.columns.iter().map(gathered).collect::<PolarsResult<_>>()? })
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
        let cells = self.column(column)?;
        cells.as_any().downcast_ref().map(TextCells::Texts).or_else(|| TextCells::numbered(cells))
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
