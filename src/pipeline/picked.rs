//! Some rows of files, which are told by a number in one column, or by their places: they are taken without a query, and without the rows beside
//! them.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use super::PipelineError;
use crate::engine::{EngineError, Work};
use crate::frame::{Column, ColumnType, FilePart, Frame, FrameError, StoredFile};

/// Numbers of rows.
pub(super) type Numbers = HashSet<i64, RandomState>;

/// Which rows of a file.
pub(super) enum Picked<'p> {
    /// Those with one of these numbers in a column.
    With(&'static str, &'p Numbers),
    /// Those at these places, in ascending order.
    At(&'p [u32]),
}

/// Rows of files of a table, in one piece. `None` where another program wrote a file, or there is none: a query has to read them.
///
/// # Errors
/// A file cannot be read, or somebody asked to stop.
pub(super) fn rows<'f>(
    (work, table): (Work<'_>, &str),
    columns: &[Column],
    files: impl Iterator<Item = (&'f FilePart, Picked<'f>)>,
) -> Result<Option<Frame>, PipelineError> {
    let mut frames = Vec::new();
    for (part, picked) in files {
        work.check()?;
        let Some(file) = StoredFile::open(&part.path, columns).map_err(unreadable(part))? else { return Ok(None) };
        let found = match picked {
            Picked::With(by, numbers) => file.rows_with(columns, (by, numbers), &part.constants),
            Picked::At(places) => file.rows_at(columns, places, &part.constants),
        };
        frames.push(found.map_err(unreadable(part))?);
    }
    let stacked =
        Frame::stack(&frames).map_err(|error| PipelineError::Rows { table: table.to_owned(), message: error.to_string() })?;
    Ok((!frames.is_empty()).then(|| stacked.in_one_piece()))
}

/// The number in a column of each row of files, file by file. `None` where another program wrote a file, or a row has none.
///
/// # Errors
/// A file cannot be read, or somebody asked to stop.
pub(super) fn numbers(work: Work<'_>, column: &str, files: &[FilePart]) -> Result<Option<Vec<Vec<i64>>>, PipelineError> {
    let columns = [Column::new(column, ColumnType::Whole)];
    let of_file = |part: &FilePart| -> Result<_, PipelineError> {
        work.check()?;
        let file = StoredFile::open(&part.path, &columns).map_err(unreadable(part))?;
        Ok(file.map(|file| file.wholes(column)).transpose().map_err(unreadable(part))?.flatten())
    };
    files.iter().map(of_file).collect()
}

fn unreadable(part: &FilePart) -> impl Fn(FrameError) -> EngineError {
    |error| EngineError::File { path: part.path.clone(), message: error.to_string() }
}
