//! A row group in which some rows are others: a column in which these hold what was there goes into another file as it is stored.

use polars::prelude::{CompatLevel, IdxCa, PolarsResult, polars_ensure};
use polars_arrow::array::{Array, PrimitiveArray};
use polars_arrow::bitmap::Bitmap;
use polars_parquet::write::CompressedPage;

use super::stored::without_panic;
use super::{Column, Frame, FrameError, PolarsColumn, StoredGroup, dictionary};

/// A row group that is not written yet.
pub(crate) struct PatchedGroup {
    pub(super) rows: usize,
    pub(super) columns: Vec<Patched>,
}

/// A column of it.
pub(super) enum Patched {
    /// As it is stored in another file.
    Stored(Vec<CompressedPage>),
    /// Its cells.
    Cells(Box<dyn Array>),
}

/// Rows that take the place of others.
pub(crate) struct Patch<'p> {
    /// The places of those, in ascending order.
    pub(crate) places: &'p [u32],
    /// The rows, in that order, with all columns of the group.
    pub(crate) rows: &'p Frame,
    /// Columns that hold the same as in the rows before.
    pub(crate) same: &'p [&'p str],
    /// Columns that have one text in all rows of the group.
    pub(crate) constants: &'p [(&'static str, String)],
}

impl StoredGroup<'_> {
    /// Its rows in some columns, but for those of a patch.
    ///
    /// # Errors
    /// The file is damaged, or the patch lacks a column.
    pub(crate) fn patched(&self, columns: &[Column], patch: &Patch<'_>) -> Result<PatchedGroup, FrameError> {
        let rows = self.rows();
        let patched = || {
            let is_within = patch.places.last().is_none_or(|last| (*last as usize) < rows);
            polars_ensure!(is_within && patch.places.len() == patch.rows.height(), ComputeError: "a patch of other rows");
            let mut is_patched = vec![false; rows];
            patch.places.iter().for_each(|place| is_patched[*place as usize] = true);
            let is_patched = Bitmap::from_iter(is_patched);
            let columns = columns.iter().map(|column| self.patched_column(column, patch, &is_patched));
            Ok(PatchedGroup { rows, columns: columns.collect::<PolarsResult<_>>()? })
        };
        without_panic(patched)
    }

    fn patched_column(&self, column: &Column, patch: &Patch<'_>, is_patched: &Bitmap) -> PolarsResult<Patched> {
        if let Some((_, text)) = patch.constants.iter().find(|(name, _)| *name == column.name) {
            return Ok(Patched::Cells(dictionary::constant(text, self.rows())));
        }
        let new = cells_of(patch.rows.0.column(&column.name)?);
        let is_same = patch.places.is_empty() || patch.same.contains(&column.name.as_str());
        if (is_same || are_the_same(self.cells(column, is_patched, false)?.as_ref(), new.as_ref()))
            && let Some(pages) = self.pages(&column.name)?
        {
            return Ok(Patched::Stored(pages));
        }
        let before = self.numbered_cells(column, &Bitmap::new_with_value(true, self.rows()))?;
        let mut places: Vec<u32> = (0..self.rows() as u32).collect();
        patch.places.iter().zip(self.rows() as u32..).for_each(|(place, new)| places[*place as usize] = new);
        Ok(Patched::Cells(dictionary::gathered_of_two(before.as_ref(), new.as_ref(), &IdxCa::from_vec("places".into(), places))?))
    }
}

fn cells_of(column: &PolarsColumn) -> Box<dyn Array> {
    column.as_materialized_series().rechunk().to_arrow(0, CompatLevel::newest())
}

/// Whether cells are the same, to the last bit.
fn are_the_same(some: &dyn Array, others: &dyn Array) -> bool {
    let bits = |cells: &dyn Array| {
        let cells = cells.as_any().downcast_ref::<PrimitiveArray<f64>>()?;
        Some(cells.iter().map(|cell| cell.map(|number| number.to_bits())).collect::<Vec<_>>())
    };
    match (bits(some), bits(others)) {
        (Some(some), Some(others)) => some == others,
        _ => some == others,
    }
}
