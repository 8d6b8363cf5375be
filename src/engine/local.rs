//! SQL on this machine, by Polars: lazy and streaming.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use polars::prelude::*;
use polars::sql::SQLContext;
use thiserror::Error;

use super::functions::Functions;
use crate::lake::{Frame, Relation, Target};
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
    /// Somebody asked to stop.
    #[error("cancelled")]
    Cancelled,
}

/// Named relations and the queries over them.
pub struct Session {
    context: SQLContext,
    cancel: Cancel,
}

/// How often a running query looks whether it is still wanted.
const PATIENCE: Duration = Duration::from_millis(50);

/// The optimiser walks nested expressions by recursion; unoptimised builds need several megabytes for it.
const STACK: usize = 64 << 20;

impl Session {
    /// A session without relations, whose queries end soon after `cancel`.
    pub fn new(cancel: &Cancel) -> Self {
        let context = SQLContext::new().with_function_registry(Arc::new(Functions::new()));
        Self { context, cancel: cancel.clone() }
    }

    /// Gives a relation a name, replacing one of that name.
    pub fn register(&mut self, name: &str, relation: Relation) {
        self.context.register(name, relation.0);
    }

    /// A relation that is the query's rows, still to be computed.
    ///
    /// # Errors
    /// The text is no query, or names a relation or column that does not exist.
    pub fn view(&mut self, sql: &str) -> Result<Relation, EngineError> {
        tracing::debug!(target: "feederscope::sql", "{sql}");
        let context = &mut self.context;
        let planned = std::thread::scope(|scope| {
            let planner = std::thread::Builder::new().name("plan".into()).stack_size(STACK);
            planner.spawn_scoped(scope, || context.execute(sql)).map(std::thread::ScopedJoinHandle::join)
        });
        match planned {
            Ok(Ok(lazy)) => lazy.map(Relation).map_err(|error| plan_error(&error, sql)),
            Ok(Err(_)) => Err(EngineError::Plan { message: "the planner gave up".into(), sql: sql.to_owned() }),
            Err(error) => Err(EngineError::Plan { message: error.to_string(), sql: sql.to_owned() }),
        }
    }

    /// Gives a query's rows a name, as `WITH name AS (…)` would; nothing is computed yet.
    ///
    /// The engine knows the functions of [`super`] only at the top of a query, so a step that calls one is defined
    /// like this.
    ///
    /// # Errors
    /// As [`Session::view`].
    pub fn create_view(&mut self, name: &str, sql: &str) -> Result<(), EngineError> {
        let relation = self.view(sql)?;
        self.register(name, relation);
        Ok(())
    }

    /// Computes a query and gives its rows a name, for what more than one plan reads.
    ///
    /// # Errors
    /// As [`Session::query`].
    pub fn materialize(&mut self, name: &str, sql: &str) -> Result<(), EngineError> {
        let rows = self.query(sql)?;
        self.register(name, rows.relation());
        Ok(())
    }

    /// The query's rows.
    ///
    /// # Errors
    /// As [`Session::view`], or it was cancelled.
    pub fn query(&mut self, sql: &str) -> Result<Frame, EngineError> {
        let rows = self.view(sql)?.0;
        self.run(rows, sql)
    }

    /// Writes the query's rows to a data file; never all of them are in memory, but for what the query itself sorts.
    ///
    /// # Errors
    /// As [`Session::query`], or the file cannot be written.
    pub fn write(&mut self, sql: &str, target: &Target) -> Result<(), EngineError> {
        let rows = self.view(sql)?;
        let plan = target.fed_by(rows).map_err(|error| plan_error(&error, sql))?;
        self.run(plan, sql).map(drop)
    }

    /// Runs a plan on a thread of its own; one that is no longer wanted is left to end by itself, its rows are dropped.
    fn run(&self, plan: LazyFrame, sql: &str) -> Result<Frame, EngineError> {
        let (sender, receiver) = sync_channel(1);
        let started = std::thread::Builder::new().name("query".into()).stack_size(STACK).spawn(move || {
            let rows = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| plan.collect_with_engine(Engine::Streaming)));
            let _ = sender.send(rows);
        });
        started.map_err(|error| EngineError::Plan { message: error.to_string(), sql: sql.to_owned() })?;
        loop {
            if self.cancel.is_cancelled() {
                return Err(EngineError::Cancelled);
            }
            match receiver.recv_timeout(PATIENCE) {
                Ok(Ok(rows)) => return rows.map(|rows| Frame(rows.unwrap_single())).map_err(|error| plan_error(&error, sql)),
                Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => {
                    return Err(EngineError::Plan { message: "the engine gave up".into(), sql: sql.to_owned() });
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

fn plan_error(error: &PolarsError, sql: &str) -> EngineError {
    EngineError::Plan { message: error.to_string(), sql: sql.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::{Column, ColumnType, Value};
    use crate::model::Day;

    fn session() -> Session {
        let columns =
            [Column::new("id", ColumnType::Text), Column::new("text", ColumnType::Text), Column::new("n", ColumnType::Real)];
        let row = |id: &str, text: &str, n: f64| vec![Value::Text(id.into()), Value::Text(text.into()), Value::Real(n)];
        let rows = [row("a", "7/24/2020", 0.0), row("b", "ASAP", -0.0), row("c", "12/15/2021 Per AW", 2.0)];
        let mut session = Session::new(&Cancel::default());
        session.register("t", Frame::from_rows(&columns, &rows).unwrap().relation());
        session
    }

    #[test]
    fn text_that_is_no_date_is_null_and_no_error() {
        let rows = session().query("SELECT CAST(TRY_STRPTIME(text, '%m/%d/%Y') AS DATE) AS d FROM t ORDER BY id").unwrap();
        assert_eq!(rows.day("d", 0), Day::parse("2020-07-24"));
        assert_eq!((rows.day("d", 1), rows.day("d", 2)), (None, None));
    }

    #[test]
    fn hash_is_that_of_the_published_algorithm() {
        // XXH64 of "a" with seed 42, by the reference implementation's Python binding (xxhash.xxh64_intdigest).
        let rows =
            session().query("SELECT XXHASH64(id) AS h, XXHASH64(id, CAST(NULL AS VARCHAR)) AS n FROM t WHERE id = 'a'").unwrap();
        assert_eq!(rows.value("h", 0), Value::Whole(-8_582_455_328_737_087_284));
        assert_eq!(rows.value("n", 0), rows.value("h", 0));
    }

    #[test]
    fn both_zeros_have_one_hash() {
        let rows = session().query("SELECT XXHASH64(n) AS h FROM t ORDER BY id").unwrap();
        assert_eq!(rows.value("h", 0), rows.value("h", 1));
        assert_ne!(rows.value("h", 0), rows.value("h", 2));
    }

    #[test]
    fn wrong_plan_is_an_error_that_shows_the_plan() {
        let error = session().query("SELECT nothing FROM t").unwrap_err().to_string();
        assert!(error.contains("nothing") && error.contains("in the plan"), "{error}");
    }

    #[test]
    fn cancelled_session_gives_no_rows() {
        let cancel = Cancel::default();
        cancel.cancel();
        let mut session = Session::new(&cancel);
        assert!(matches!(session.query("SELECT 1 AS one"), Err(EngineError::Cancelled)));
    }
}
