//! The health file: how things stand, for whoever looks after the service.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::told::Waiting;
use crate::app::reads::cases::{Case, Standing};
use crate::model::{Severity, Timestamp};

/// What the service is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    /// Waits for files.
    Idle,
    /// Loads.
    Loading,
    /// Waits for another process that writes.
    Locked,
    /// The landing folder is not there.
    NoLanding,
    /// The last run failed; it is tried again.
    Failed,
    /// Was told to end.
    Stopped,
}

/// A case that stands open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Open {
    pub(super) month: String,
    pub(super) utility: String,
    pub(super) what: String,
    pub(super) standing: String,
    pub(super) next_step: String,
}

/// How things stand: the health file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Health {
    pub(super) state: State,
    /// Since when, in seconds since 1970-01-01, UTC, as all times here.
    pub(super) since: i64,
    /// When the service was alive last: it renews this at least every half minute, in a run with each step.
    pub(super) alive_at: i64,
    pub(super) pid: u32,
    pub(super) environment: String,
    pub(super) lake: PathBuf,
    pub(super) landing: PathBuf,
    /// The last run that was done.
    pub(super) run: Option<String>,
    /// Why the last one failed; nothing if it did not.
    pub(super) error: Option<String>,
    /// Cases that are open, by what tells them apart: of the newest month, and of the one before as they were when it came.
    pub(super) cases: BTreeMap<String, Open>,
    /// What was not told yet, by whom it is for: told after the next start.
    #[serde(default)]
    pub(super) untold: Waiting,
}

impl From<&Case> for Open {
    fn from(case: &Case) -> Self {
        Self {
            month: case.month.to_string(),
            utility: case.utility.clone(),
            what: case.what.clone(),
            standing: case.standing.as_str().to_owned(),
            next_step: case.next_step.clone(),
        }
    }
}

/// Whether somebody must do something about it.
pub(super) fn is_open(case: &Case) -> bool {
    case.standing != Standing::Acknowledged && (case.standing == Standing::Unknown || case.severity > Severity::Info)
}

/// What tells a case from others, however many datasets it is about.
pub(super) fn key(case: &Case) -> String {
    format!("{} {} {} {}", case.month, case.utility, case.cause.as_str(), case.cause.about()).trim_end().to_owned()
}

/// Seconds since 1970-01-01, UTC.
pub(super) fn seconds() -> i64 {
    Timestamp::now().micros().div_euclid(1_000_000)
}

/// Writes a file whole or not at all.
pub(super) fn write_whole(file: &Path, content: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let fresh = file.with_extension(format!("{}.tmp", std::process::id()));
    std::fs::write(&fresh, content)?;
    std::fs::rename(&fresh, file)
}
