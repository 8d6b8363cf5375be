//! An engine to which nothing is few: what others hold is a query again wherever it is read, as in months of millions of records.

use std::path::PathBuf;

use feederscope::engine::{Engine, EngineError, Materialized, Session, local};
use feederscope::frame::{Frame, Relation};
use feederscope::lake::Target;
use feederscope::model::Cancel;

pub struct HoldsNothing;

impl Engine for HoldsNothing {
    fn session(&self, cancel: &Cancel) -> Result<Box<dyn Session>, EngineError> {
        Ok(Box::new(Plain(local().session(cancel)?)))
    }
}

struct Plain(Box<dyn Session>);

impl Session for Plain {
    fn register(&mut self, name: &str, relation: &Relation) -> Result<(), EngineError> {
        self.0.register(name, relation)
    }

    fn create_view(&mut self, name: &str, sql: &str) -> Result<(), EngineError> {
        self.0.create_view(name, sql)
    }

    fn materialize(&mut self, name: &str, sql: &str) -> Result<Materialized, EngineError> {
        self.0.materialize(name, sql)
    }

    fn name_rows(&mut self, name: &str, sql: &str, _: u64) -> Result<(), EngineError> {
        self.create_view(name, sql)
    }

    fn name_few(&mut self, name: &str, sql: &str, _: u64) -> Result<Option<Materialized>, EngineError> {
        self.create_view(name, sql).map(|()| None)
    }

    fn query(&mut self, sql: &str) -> Result<Frame, EngineError> {
        self.0.query(sql)
    }

    fn write(&mut self, sql: &str, target: &Target) -> Result<Vec<PathBuf>, EngineError> {
        self.0.write(sql, target)
    }
}
