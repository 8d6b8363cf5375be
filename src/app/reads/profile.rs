//! What does a column hold?

use super::{QueryError, missing};
use crate::config::Settings;
use crate::lake::Lake;
use crate::model::{Dataset, Month};
use crate::pipeline::quality::cells;

/// A column of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnOf {
    /// The utility.
    pub utility: String,
    /// The dataset.
    pub dataset: Dataset,
    /// The month.
    pub month: Month,
    /// The column, by its name in bronze.
    pub column: String,
}

/// What a column of a delivery holds; what says nothing is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// Distinct values.
    pub distinct: u64,
    /// The least value, as text.
    pub least: Option<String>,
    /// The greatest value, as text.
    pub greatest: Option<String>,
    /// The most frequent values and their cells.
    pub frequent: Vec<(String, u64)>,
    /// Cells by bins from the least to the greatest number; none for other columns.
    pub histogram: Vec<u64>,
}

/// Most frequent values that are told.
const FREQUENT: usize = 8;
/// Bins of a histogram.
const BINS: u32 = 24;

/// Profiles one column.
///
/// # Errors
/// A table cannot be read.
pub fn profile(lake: &Lake, settings: &Settings, of: &ColumnOf) -> Result<Profile, QueryError> {
    let Some(adapter) = settings.utility(&of.utility) else { return Ok(Profile::default()) };
    let known = missing::columns(lake, Some(&of.utility), Some(of.dataset.as_str()), Some(of.month))?;
    let row = (0..known.height()).find(|row| known.text("column_name", *row).as_deref() == Some(&of.column));
    let column = cells::CellColumn { adapter, dataset: of.dataset, month: of.month, column: &of.column };
    let top = cells::most_frequent(lake, &column, FREQUENT)?;
    let bins = cells::histogram(lake, &column, BINS)?;
    let mut histogram = vec![0; if bins.height() == 0 { 0 } else { BINS as usize }];
    for at in 0..bins.height() {
        if let Some(bin) = histogram.get_mut(bins.count("bin", at) as usize) {
            *bin = bins.count("cells", at);
        }
    }
    Ok(Profile {
        distinct: row.map_or(0, |row| known.count("distinct_count", row)),
        least: row.and_then(|row| known.text("min_value", row)),
        greatest: row.and_then(|row| known.text("max_value", row)),
        frequent: (0..top.height()).map(|at| (top.text("value", at).unwrap_or_default(), top.count("cells", at))).collect(),
        histogram,
    })
}
