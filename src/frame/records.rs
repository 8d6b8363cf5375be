//! Records of a delivery → rows of a file.
//!
//! A cell is looked at once, where it stands in the text of its batch: what its column held before is a number of a dictionary at once, and
//! only the first of its like is copied.

use polars::prelude::{CompatLevel, PolarsResult};
use polars_arrow::array::PrimitiveArray;

use super::dictionary::{self, Met, Texts};
use super::group::Group;
use super::{ColumnType, FrameError, schema};
use crate::model::Timestamp;

/// The columns of a file whose records come batch by batch.
pub struct RecordColumns {
    names: Vec<String>,
    /// The room that a column took in one batch is there in the next one.
    met: Vec<Met>,
}

impl RecordColumns {
    /// Columns with these names.
    pub fn new(names: &[String]) -> Self {
        Self { names: names.to_vec(), met: names.iter().map(|_| Met::default()).collect() }
    }

    /// The rows of a batch: `cells` are those of its records, one record after the other; beside them `numbers`, one for each
    /// record, and the same text or time in every row.
    ///
    /// # Errors
    /// Never, as all columns are of one length.
    pub(crate) fn group<'c>(
        &mut self,
        mut cells: impl Iterator<Item = &'c str>,
        numbers: &[(&str, &[u64])],
        constants: &[(&str, &str)],
        (time, at): (&str, Timestamp),
    ) -> Result<Group, FrameError> {
        let rows = numbers.first().map_or(0, |(_, of)| of.len());
        let mut texts: Vec<Texts<'_, 'c>> = self.met.iter_mut().map(|met| Texts::new(met, rows)).collect();
        for _ in 0..rows {
            texts.iter_mut().zip(&mut cells).for_each(|(texts, cell)| texts.push(cell));
        }
        let texts = self.names.iter().zip(texts).map(|(name, texts)| Ok((name.clone(), texts.finish()?)));
        let number = |(name, of): &(&str, &[u64])| {
            let of = PrimitiveArray::from_vec(of.iter().map(|number| number.cast_signed()).collect());
            Ok(((*name).to_owned(), dictionary::numbered(of.boxed())?))
        };
        let constant = |(name, text): &(&str, &str)| Ok(((*name).to_owned(), dictionary::constant(text, rows)));
        let dtype = schema::polars_type(ColumnType::Time).to_arrow(CompatLevel::newest());
        let times = PrimitiveArray::try_new(dtype, vec![at.micros(); rows].into(), None)?;
        let time = Ok((time.to_owned(), dictionary::numbered(times.boxed())?));
        let columns = texts.chain(numbers.iter().map(number)).chain(constants.iter().map(constant)).chain([time]);
        Ok(Group { rows, columns: columns.collect::<PolarsResult<_>>()? })
    }
}
