//! From a metric of the heatmap to the records behind it.

use crate::config::UtilityAdapter;
use crate::engine::{Session, Work};
use crate::frame::Frame;
use crate::lake::Lake;
use crate::model::{Cancel, CellState, Dataset, Month};
use crate::pipeline::PipelineError;
use crate::pipeline::bronze::BronzeTables;
use crate::pipeline::sql::{Cells, LINEAGE, name, text};

/// A column of a delivery.
pub struct CellColumn<'a> {
    /// Whose.
    pub adapter: &'a UtilityAdapter,
    /// The dataset.
    pub dataset: Dataset,
    /// The month.
    pub month: Month,
    /// The column, by its name in bronze.
    pub column: &'a str,
}

/// Records whose cell is in a state: `record_key, column_name, value, _source_file, _source_line`, by line.
///
/// # Errors
/// A table cannot be read.
pub fn rows(lake: &Lake, of: &CellColumn<'_>, state: CellState, limit: usize) -> Result<Frame, PipelineError> {
    let cancel = Cancel::default();
    let bronze = BronzeTables::open(lake, of.adapter, Work::local(&cancel))?;
    let mut session = bronze.work.session()?;
    if !define(session.as_mut(), &bronze, of)? {
        return Ok(Frame::default());
    }
    let condition = match state {
        CellState::Missing => "said IS NULL",
        CellState::Empty => "v = ''",
        CellState::Sentinel => "v <> '' AND said IS NULL",
        CellState::Invalid => "said IS NOT NULL AND typed IS NULL",
        CellState::Absent => "v IS NULL",
    };
    Ok(session.query(&format!(
        "SELECT record_key, {} AS column_name, raw AS value, _source_file, _source_line FROM judged WHERE {condition}\n\
         ORDER BY _source_file, _source_line LIMIT {limit}",
        text(of.column)
    ))?)
}

/// The most frequent values of a column, `value, cells`, what says nothing left out.
///
/// # Errors
/// A table cannot be read.
pub fn most_frequent(lake: &Lake, of: &CellColumn<'_>, limit: usize) -> Result<Frame, PipelineError> {
    let cancel = Cancel::default();
    let bronze = BronzeTables::open(lake, of.adapter, Work::local(&cancel))?;
    let mut session = bronze.work.session()?;
    if !define(session.as_mut(), &bronze, of)? {
        return Ok(Frame::default());
    }
    Ok(session.query(&format!(
        "SELECT said AS value, COUNT(*) AS cells FROM judged WHERE said IS NOT NULL GROUP BY said ORDER BY cells DESC, value LIMIT {limit}"
    ))?)
}

/// Bins of the numbers in a column, from its least to its greatest: `bin` (from 0), `cells`; none for other columns.
///
/// # Errors
/// A table cannot be read.
pub fn histogram(lake: &Lake, of: &CellColumn<'_>, bins: u32) -> Result<Frame, PipelineError> {
    let cancel = Cancel::default();
    let bronze = BronzeTables::open(lake, of.adapter, Work::local(&cancel))?;
    let mut session = bronze.work.session()?;
    let is_number = matches!(of.adapter.type_of(of.dataset, of.column), crate::config::CellType::Number { .. });
    if !is_number || !define(session.as_mut(), &bronze, of)? {
        return Ok(Frame::default());
    }
    let bounds = session.query("SELECT MIN(typed) AS low, MAX(typed) AS high FROM judged")?;
    let (Some(low), Some(high)) = (bounds.number("low", 0), bounds.number("high", 0)) else { return Ok(Frame::default()) };
    // A factor: a quotient would be another one in a block of one row.
    let bins_per_unit = 1.0 / ((high - low) / f64::from(bins)).max(f64::MIN_POSITIVE);
    Ok(session.query(&format!(
        "SELECT bin, COUNT(*) AS cells FROM (SELECT CASE WHEN typed >= {high:?} THEN {last} ELSE CAST(FLOOR((typed - {low:?}) * {bins_per_unit:?}) AS BIGINT) END AS bin\n\
         FROM judged WHERE typed IS NOT NULL) AS b GROUP BY bin ORDER BY bin",
        last = bins - 1
    ))?)
}

/// Relation `judged`: key, raw cell, cell without blanks around (`v`), what it says (`said`) and that as a value (`typed`).
fn define(session: &mut dyn Session, bronze: &BronzeTables<'_>, of: &CellColumn<'_>) -> Result<bool, PipelineError> {
    let (Some(mapped), Some(rows)) = (of.adapter.dataset(of.dataset), bronze.rows(of.dataset, |month| month == of.month)?) else {
        return Ok(false);
    };
    let present = bronze.columns(of.dataset);
    if !present.iter().any(|column| column == of.column) {
        return Ok(false);
    }
    session.register("bronze", &rows)?;
    let cells = Cells::new(of.adapter, present);
    let key: Vec<String> = mapped.key.iter().map(|part| cells.untrimmed_id(part)).collect();
    let cell = name(of.column);
    session.create_view(
        "said",
        &format!(
            "SELECT CONCAT_WS(' + ', {}) AS record_key, {cell} AS raw, BARE({cell}) AS v, {} AS said, {LINEAGE} FROM bronze",
            key.join(", "),
            cells.present(&cell)
        ),
    )?;
    let typed = cells.typed("said", &of.adapter.type_of(of.dataset, of.column));
    session.create_view("judged", &format!("SELECT *, {typed} AS typed FROM said"))?;
    Ok(true)
}
