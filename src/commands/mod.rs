//! One command a file: takes plain arguments, prints rows on stdout and everything else on stderr.
//!
//! Beside `ui` at the top of the crate: shows without a terminal what the console shows in one.

pub mod acknowledge;
pub mod browse;
pub mod calendar;
pub mod cases;
pub mod check;
pub mod demo;
pub mod doctor;
pub mod fit;
pub mod lineage;
pub mod load;
pub mod maintain;
pub(crate) mod output;
pub mod promote;
pub mod quality;
pub mod rejected;
pub mod report;
pub mod sample;
pub mod status;
pub mod trace;
pub mod utilities;
pub mod watch;

use std::process::ExitCode;

use crate::config::Settings;
use crate::config::file::did_you_mean;
use crate::lake::Lake;
use crate::model::UtilityId;

pub use output::{ColorChoice, CsvCells, Format, Printer};

/// How a command ended, when it could do what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, nothing failed.
    Done,
    /// Done, but something could not be done; it has been said.
    Incomplete,
    /// Done, and what was asked about is bad.
    Bad,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Incomplete => 1,
            Exit::Bad => 3,
        })
    }
}

/// A wish that cannot be meant; exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// What every command works with.
pub struct Context {
    /// The settings.
    pub settings: Settings,
    /// The lake.
    pub lake: Lake,
    /// Where rows go.
    pub printer: Printer,
}

impl Context {
    /// Opens the lake of the settings; commands stop at wrong configuration, since half of it may load half a month.
    ///
    /// # Errors
    /// Configuration is wrong, or the lake cannot be opened.
    pub fn open(settings: Settings, printer: Printer) -> anyhow::Result<Self> {
        if !settings.problems.is_empty() {
            let said: Vec<String> = settings.problems.iter().map(ToString::to_string).collect();
            anyhow::bail!("wrong configuration\n  {}", said.join("\n  "));
        }
        let lake = Lake::new(&settings.lake, settings.env)?.pinned();
        Ok(Self { settings, lake, printer })
    }

    /// That loads and decisions may be written into the environment.
    ///
    /// # Errors
    /// It takes only what is promoted into it.
    pub fn expect_loads(&self) -> anyhow::Result<()> {
        self.lake.expect_loads().map_err(|error| Usage(error.to_string()).into())
    }

    /// The name of a utility that an adapter knows.
    ///
    /// # Errors
    /// No adapter does.
    pub fn known<'a>(&self, utility: Option<&'a UtilityId>) -> anyhow::Result<Option<&'a str>> {
        let Some(id) = utility else { return Ok(None) };
        if self.settings.utility(id.as_str()).is_none() {
            let hint = did_you_mean(id.as_str(), self.settings.utilities.iter().map(|adapter| adapter.id.as_str()));
            return Err(Usage(format!("there is no utility `{id}`{hint}")).into());
        }
        Ok(Some(id.as_str()))
    }
}
