//! Runs SQL over tables of the lake.
//!
//! The pipeline writes plans as SQL text in a common subset; the engine is the only place that knows who executes them.

mod functions;
mod local;

pub use local::{EngineError, Session};
