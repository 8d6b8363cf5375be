//! Runs SQL over tables of the lake.
//!
//! The pipeline writes plans as SQL text in a common subset, with the functions that are described in
//! `docs/ARCHITECTURE.md`; an [`Engine`] is the only one that knows how they are executed.

mod polars;

use std::path::PathBuf;

use thiserror::Error;

use crate::frame::{Frame, Relation};
use crate::lake::Target;
use crate::model::Cancel;

/// Why a plan gave no rows.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The plan cannot be run; a mistake in the program or in an adapter.
    #[error("{message}\nin the plan:\n{sql}")]
    Plan {
        /// What the engine said.
        message: String,
        /// The plan.
        sql: String,
    },
    /// A file of a relation cannot be read.
    #[error("`{}` cannot be read: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the engine said.
        message: String,
    },
    /// Somebody asked to stop.
    #[error("cancelled")]
    Cancelled,
}

/// What executes plans.
pub trait Engine: Send + Sync {
    /// A session without relations, whose queries end soon after `cancel`.
    ///
    /// # Errors
    /// The engine cannot be reached.
    fn session(&self, cancel: &Cancel) -> Result<Box<dyn Session>, EngineError>;
}

/// Named relations and the queries over them.
///
/// A name stands for what it was given, for good: a later relation of that name changes nothing that was defined before.
pub trait Session: Send {
    /// Gives a relation a name, replacing one of that name.
    ///
    /// # Errors
    /// A file of it cannot be read.
    fn register(&mut self, name: &str, relation: &Relation) -> Result<(), EngineError>;

    /// Gives a query's rows a name, as `WITH name AS (…)` would; nothing is computed yet.
    ///
    /// An engine need know its own functions only at the top of a query, so a step that calls one is defined like this.
    ///
    /// # Errors
    /// The text is no query, or names a relation or column that does not exist.
    fn create_view(&mut self, name: &str, sql: &str) -> Result<(), EngineError>;

    /// Computes a query once and gives its rows a name, for what more than one plan reads. They stay with the engine, and
    /// other sessions of it can take them.
    ///
    /// # Errors
    /// As [`Session::query`].
    fn materialize(&mut self, name: &str, sql: &str) -> Result<Materialized, EngineError>;

    /// Gives a query's rows, of which there are so many at most, a name: few of them are computed now, as every plan that reads a name plans
    /// its query again, and many when they are read.
    ///
    /// # Errors
    /// As [`Session::query`].
    fn name_rows(&mut self, name: &str, sql: &str, at_most: u64) -> Result<(), EngineError> {
        if at_most > FEW { self.create_view(name, sql) } else { self.materialize(name, sql).map(drop) }
    }

    /// Gives a query's rows a name, and holds them if there are no more than so many; `None` where there are more.
    ///
    /// # Errors
    /// As [`Session::query`].
    fn name_few(&mut self, name: &str, sql: &str, at_most: u64) -> Result<Option<Materialized>, EngineError> {
        self.create_view(name, sql)?;
        // A name stands for what it was given: this one may not be read as the few of the many.
        let held = self.materialize("few_rows", &format!("SELECT * FROM {name} LIMIT {}", at_most.saturating_add(1)))?;
        if held.rows > at_most {
            return Ok(None);
        }
        self.register(name, &held.relation)?;
        Ok(Some(held))
    }

    /// The query's rows, in the order that it asks for.
    ///
    /// # Errors
    /// As [`Session::create_view`], or it was cancelled.
    fn query(&mut self, sql: &str) -> Result<Frame, EngineError>;

    /// Writes the query's rows, in its order, to one or several data files; the files, in that order. Never all rows are in
    /// memory, but for what the query itself sorts.
    ///
    /// # Errors
    /// As [`Session::query`], or a file cannot be written.
    fn write(&mut self, sql: &str, target: &Target) -> Result<Vec<PathBuf>, EngineError>;
}

/// So many rows are few enough to be held.
pub const FEW: u64 = 1 << 16;

/// Rows that were computed and stay with the engine.
#[derive(Debug, Clone)]
pub struct Materialized {
    /// How any session of the engine reads them.
    pub relation: Relation,
    /// How many there are.
    pub rows: u64,
}

impl Default for Materialized {
    fn default() -> Self {
        Self { relation: Relation::empty(&[]), rows: 0 }
    }
}

/// The engine in this process.
pub fn local() -> &'static dyn Engine {
    &polars::Polars
}

/// A piece of work: what executes its queries, and whether it is still wanted.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// What executes its queries.
    pub engine: &'a dyn Engine,
    /// A wish to stop.
    pub cancel: &'a Cancel,
}

impl<'a> Work<'a> {
    /// Work in this process.
    pub fn local(cancel: &'a Cancel) -> Self {
        Self { engine: local(), cancel }
    }

    /// A session for some of its queries.
    ///
    /// # Errors
    /// As [`Engine::session`].
    pub fn session(&self) -> Result<Box<dyn Session>, EngineError> {
        self.engine.session(self.cancel)
    }

    /// Ends here if somebody asked to stop.
    ///
    /// # Errors
    /// Somebody did.
    pub fn check(&self) -> Result<(), EngineError> {
        if self.cancel.is_cancelled() { Err(EngineError::Cancelled) } else { Ok(()) }
    }
}
