//! What people ask of the tables: one question a file, the same for panes and commands.
//!
//! Each read takes the tables as of their last commit and gives plain rows back. A table that does not exist yet has
//! no rows; that is an answer, not an error.

pub mod browse;
pub(crate) mod calendar;
pub mod cases;
pub mod checks;
pub(crate) mod find;
pub mod list;
pub mod missing;
pub mod months;
pub(crate) mod profile;
pub(crate) mod records;
pub(crate) mod rejected;
mod repeats;
pub mod runs;
pub(crate) mod status;
pub(crate) mod trace;

use crate::engine::{EngineError, Session, local};
use crate::frame::{Frame, FrameError, Relation};
use crate::lake::{Lake, LakeError};
use crate::model::Cancel;
use crate::pipeline::tables::Table;

use thiserror::Error;

/// Why a question has no answer.
#[derive(Debug, Error)]
pub enum QueryError {
    /// The tables.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The query.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The rules or their tables.
    #[error(transparent)]
    Pipeline(#[from] crate::pipeline::PipelineError),
    /// A landing file.
    #[error("`{}` cannot be read: {source}", path.display())]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that was to be made.
    #[error("`{}` cannot be written: {source}", path.display())]
    Unwritten {
        /// The file.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something could not be promoted or taken back.
    #[error("{0}")]
    Promotion(String),
    /// Rows of two queries do not fit together.
    #[error("rows do not fit together: {0}")]
    Rows(#[from] FrameError),
}

/// Rows of one table, which is named `t` in the query; none, with the table's columns, if it does not exist.
///
/// # Errors
/// The table cannot be read, or the query is wrong.
pub fn rows(lake: &Lake, table: &Table, sql: &str) -> Result<Frame, QueryError> {
    let mut session = local().session(&Cancel::default())?;
    register(session.as_mut(), lake, "t", table)?;
    Ok(session.query(sql)?)
}

fn register(session: &mut dyn Session, lake: &Lake, name: &str, table: &Table) -> Result<(), QueryError> {
    let relation = match lake.snapshot(&table.id())? {
        Some(snapshot) => {
            snapshot.expect_files()?;
            snapshot.scan_all()
        }
        None => Relation::empty(&table.columns()),
    };
    session.register(name, &relation)?;
    Ok(())
}
