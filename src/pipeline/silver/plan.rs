//! What every silver plan is put together from: named steps, and the expressions of keys and values.

use crate::config::DatasetAdapter;
use crate::engine::{EngineError, Materialized, Session};
use crate::model::Dataset;
use crate::pipeline::sql::{Cells, null_of};

/// A plan in steps: each is given its name before the next, the last one is the result.
///
/// Steps keep each cell's expression in one place; a plan that repeats it inside others takes seconds to optimise.
pub struct Plan(Vec<(String, String)>);

impl Plan {
    pub(super) fn new(steps: Vec<(String, String)>) -> Self {
        Self(steps)
    }
    /// The text for people and for the fingerprint.
    pub(super) fn text(&self) -> String {
        self.0.iter().map(|(name, sql)| format!("-- {name}\n{sql};")).chain([String::new()]).collect::<Vec<_>>().join("\n")
    }

    /// Names all steps in a session; nothing is computed yet.
    ///
    /// # Errors
    /// A step is wrong.
    pub fn create_views(&self, session: &mut dyn Session) -> Result<(), EngineError> {
        self.0.iter().try_for_each(|(name, sql)| session.create_view(name, sql))
    }

    /// Computes the steps one by one; what the last one gave.
    pub(super) fn run(&self, session: &mut dyn Session) -> Result<Materialized, EngineError> {
        self.0.iter().try_fold(Materialized::default(), |_, (name, sql)| session.materialize(name, sql))
    }
}

pub(super) fn select(columns: &[String], rest: &str) -> String {
    format!("SELECT\n  {}\n{rest}", columns.join(",\n  "))
}

/// The value of a model column in a record; `words` stay text until they are aggregated or final.
pub(super) fn value(cells: &Cells<'_>, adapter: &DatasetAdapter, column: &str, otherwise: &str) -> String {
    match adapter.column(column) {
        Some(source) => cells.value(source),
        None => null_of(otherwise),
    }
}

pub(super) fn key_columns(cells: &Cells<'_>, adapter: &DatasetAdapter) -> Vec<String> {
    adapter.key.iter().enumerate().map(|(at, part)| format!("{} AS key_{at}", cells.id(part))).collect()
}

pub(super) fn without_key(adapter: &DatasetAdapter) -> String {
    let mut missing: Vec<String> = (0..adapter.key.len()).map(|at| format!("key_{at} IS NULL")).collect();
    missing.push(if adapter.dataset == Dataset::Circuits { "feeder_id IS NULL" } else { "der_id IS NULL" }.into());
    missing.join(" OR ")
}

pub(super) fn keys(adapter: &DatasetAdapter) -> Vec<String> {
    (0..adapter.key.len()).map(|at| format!("key_{at}")).collect()
}
