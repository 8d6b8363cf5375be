//! Tells when what arrives in the landing folder is complete: no file has changed for a while.

use std::time::{Duration, Instant};

use super::stability::StabilityCheck;
use super::watch::{Watch, WatchMode};
use super::{Candidate, scan};
use crate::config::Settings;

/// How often it is worth to ask.
pub const LOOK: Duration = Duration::from_millis(200);

/// A watch on the landing folder; ends when dropped.
pub struct Arrivals<'a> {
    settings: &'a Settings,
    watch: Watch,
    settling: StabilityCheck,
    started: Instant,
    looked: Instant,
    /// Whether something changed that has not stood still yet.
    pending: bool,
}

impl<'a> Arrivals<'a> {
    /// Whether a folder is there to be watched. One that is not there is more often a wrong name than a new one: only the one that
    /// belongs to the program is made.
    pub fn may_start(settings: &Settings) -> bool {
        settings.landing.exists() || settings.landing == settings.paths.data.join("landing")
    }

    /// Starts to watch.
    ///
    /// # Errors
    /// The folder can be neither made nor watched.
    pub fn start(settings: &'a Settings) -> Result<Self, notify::Error> {
        let watch = Watch::start(&settings.landing, settings.poll)?;
        let now = Instant::now();
        Ok(Self { settings, watch, settling: StabilityCheck::default(), started: now, looked: now, pending: false })
    }

    /// How changes are noticed.
    pub fn how(&self) -> &'static str {
        if self.watch.mode == WatchMode::Events { "watching" } else { "looking again and again at" }
    }

    /// Whether something changed that has not stood still yet.
    pub const fn is_settling(&self) -> bool {
        self.pending
    }

    /// The files, once when any is new or another one and all of them have stood still.
    pub fn look(&mut self) -> Option<Vec<Candidate>> {
        // Now and then without an event too: some file systems deliver none.
        if self.watch.take_change() || self.looked.elapsed() >= self.settings.poll {
            (self.pending, self.looked) = (true, Instant::now());
        }
        if !self.pending {
            return None;
        }
        let scan = scan(&self.settings.landing, &self.settings.utilities).ok()?;
        let stable = self.settling.changed_and_stable(&scan.candidates, self.started.elapsed(), self.settings.settle);
        self.pending = stable == Some(false);
        (stable == Some(true)).then_some(scan.candidates)
    }
}
