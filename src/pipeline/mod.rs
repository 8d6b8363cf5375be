//! Landing files → bronze → silver → platinum → quality tables.
//!
//! Each step is a function of what stands below it: silver of bronze and the adapters, platinum of silver, quality of
//! bronze and silver. That is why a repeated run changes nothing, and why the order in which months arrive does not
//! matter. The transformations are SQL, rendered from the adapters in `sql` and the modules of each layer.

pub mod bronze;
mod changes;
mod copied;
mod kept;
mod known_files;
mod pairs;
pub(crate) mod parallel;
mod patches;
mod picked;
pub(crate) mod platinum;
pub mod progress;
pub(crate) mod quality;
mod rebuild;
pub(crate) mod rejected;
pub(crate) mod report;
pub mod rules;
pub mod run;
pub(crate) mod silver;
pub(crate) mod sql;
mod staged;
pub(crate) mod store;
pub mod tables;

use thiserror::Error;

use crate::engine::EngineError;
use crate::lake::LakeError;

pub use progress::{Progress, Step};
pub(crate) use rebuild::is_rebuilt;
pub(crate) use report::FileOutcome;
pub use report::{FileResult, Report};
pub use run::Request;

/// Why a run ended early. What was committed before stays.
#[derive(Debug, Error)]
pub enum PipelineError {
    /// The tables.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The queries.
    #[error(transparent)]
    Engine(EngineError),
    /// The landing folder.
    #[error("`{}` cannot be read: {source}", path.display())]
    Landing {
        /// The folder or file.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Nothing says how the file is to be read.
    #[error("no adapter of `{utility}` says how `{dataset}` is read; see `feederscope utilities`")]
    NoAdapter {
        /// The utility.
        utility: String,
        /// The dataset.
        dataset: crate::model::Dataset,
    },
    /// Another process writes to this environment.
    #[error("{holder} is writing to this environment; wait until it is done, or open the console to watch")]
    Locked {
        /// Who.
        holder: String,
    },
    /// Rows could not be put into a table's columns.
    #[error("rows do not fit table `{table}`: {message}")]
    Rows {
        /// The table.
        table: String,
        /// Why.
        message: String,
    },
    /// Another program wrote to a table in a way that loses what is known of its rows.
    #[error("table `{table}` was rewritten by another program (version {version}); {next}")]
    Rewritten {
        /// The table.
        table: String,
        /// The version that was read.
        version: u64,
        /// What to do.
        next: String,
    },
    /// Somebody asked to stop.
    #[error("cancelled; every table is as after its last commit")]
    Cancelled,
}

impl From<EngineError> for PipelineError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Cancelled => Self::Cancelled,
            other => Self::Engine(other),
        }
    }
}
