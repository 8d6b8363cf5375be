//! Some rows of files, which are told by a number in one column: they are taken without a query, and without the rows beside them.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use super::PipelineError;
use crate::engine::{EngineError, Work};
use crate::frame::{Column, FilePart, Frame, FrameError, StoredFile};

/// Numbers of rows.
pub(super) type Numbers = HashSet<i64, RandomState>;

/// The rows of files of a table that have one of these numbers in a column, in one piece. `None` where another program wrote a file, or there is
/// none: a query has to read them.
///
/// # Errors
/// A file cannot be read, or somebody asked to stop.
pub(super) fn rows<'f>(
    (work, table): (Work<'_>, &str),
    columns: &[Column],
    by: &str,
    files: impl Iterator<Item = (&'f FilePart, &'f Numbers)>,
) -> Result<Option<Frame>, PipelineError> {
    let mut frames = Vec::new();
    for (part, numbers) in files {
        work.check()?;
        let unreadable = |error: FrameError| EngineError::File { path: part.path.clone(), message: error.to_string() };
        let Some(file) = StoredFile::open(&part.path, columns).map_err(unreadable)? else { return Ok(None) };
        frames.push(file.rows_with(columns, (by, numbers), &part.constants).map_err(unreadable)?);
    }
    let stacked =
        Frame::stack(&frames).map_err(|error| PipelineError::Rows { table: table.to_owned(), message: error.to_string() })?;
    Ok((!frames.is_empty()).then(|| stacked.in_one_piece()))
}
