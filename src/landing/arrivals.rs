//! Tells when what arrives in the landing folder is complete: no file has changed for a while, or those that have not waited long enough.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::stability::{PATIENCE, Settled, StabilityCheck};
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
    settled: Arc<Settled>,
    started: Instant,
    looked: Instant,
    /// Whether something changed that has not stood still yet.
    pending: bool,
    /// Since when some file has not stood still.
    moving_since: Option<Instant>,
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
        let (settling, settled) = (StabilityCheck::default(), Arc::default());
        Ok(Self { settings, watch, settling, settled, started: now, looked: now, pending: false, moving_since: None })
    }

    /// How changes are noticed.
    pub fn how(&self) -> &'static str {
        if self.watch.mode == WatchMode::Events { "watching" } else { "looking again and again at" }
    }

    /// Whether something changed that has not stood still yet, and is worth waiting for.
    pub fn is_settling(&self) -> bool {
        self.pending && self.moving_since.is_none_or(|since| since.elapsed() < self.settings.settle.saturating_mul(PATIENCE))
    }

    /// The files that had not stood still at the last look.
    pub fn moving(&self) -> impl Iterator<Item = &Path> {
        self.settling.moving()
    }

    /// The files that had stood still at the last look: what a run may read that nobody asked for.
    pub fn settled(&self) -> Arc<Settled> {
        self.settled.clone()
    }

    /// The files, once when any is new or another one and all of them have stood still, or those that have waited long enough for others.
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
        self.settled = Arc::new(self.settling.settled());
        self.pending = stable == Some(false);
        let is_moving = self.moving().next().is_some();
        self.moving_since = is_moving.then(|| self.moving_since.unwrap_or_else(Instant::now));
        (stable == Some(true)).then_some(scan.candidates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Overrides, Paths};
    use crate::model::Day;

    /// Settings of a landing folder of its own, with quick looks.
    fn settings(folder: &Path) -> Settings {
        let paths = Paths { config: folder.join("config"), data: folder.to_owned() };
        let settings = Settings::resolve(Overrides::default(), paths, Day::parse("2022-10-30").unwrap());
        std::fs::create_dir_all(&settings.landing).unwrap();
        Settings { settle: Duration::from_millis(1_500), poll: Duration::from_millis(400), ..settings }
    }

    fn file(settings: &Settings, month: &str) -> std::path::PathBuf {
        let path = settings.landing.join(format!("utility2/{month}/utility2_circuits.csv"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    /// The sizes of what was found within a time.
    fn found(arrivals: &mut Arrivals<'_>, within: Duration) -> Option<Vec<u64>> {
        let begun = Instant::now();
        while begun.elapsed() < within {
            if let Some(files) = arrivals.look() {
                return Some(files.iter().map(|file| file.bytes).collect());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn file_that_grows_is_found_when_it_is_whole_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        let mut arrivals = Arrivals::start(&settings).unwrap();
        let path = file(&settings, "2022-09");
        for size in 1..=8 {
            std::fs::write(&path, vec![b'x'; size]).unwrap();
            assert_eq!(found(&mut arrivals, Duration::from_millis(120)), None, "{size} bytes of a file that grows");
        }
        assert_eq!(found(&mut arrivals, LONG), Some(vec![8]));
        assert_eq!(found(&mut arrivals, Duration::from_millis(900)), None, "and not again");
    }

    #[test]
    fn file_that_is_replaced_renamed_or_deleted_while_it_is_watched_is_as_it_is_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        let mut arrivals = Arrivals::start(&settings).unwrap();
        let (path, other) = (file(&settings, "2022-09"), file(&settings, "2022-10"));
        std::fs::write(&path, "one").unwrap();
        assert_eq!(found(&mut arrivals, LONG), Some(vec![3]));
        // As a program does that writes beside and renames.
        let beside = settings.landing.join("utility2/2022-09/.part");
        std::fs::write(&beside, "another").unwrap();
        std::fs::rename(&beside, &path).unwrap();
        assert_eq!(found(&mut arrivals, LONG), Some(vec![7]));
        std::fs::rename(&path, &other).unwrap();
        assert_eq!(found(&mut arrivals, LONG), Some(vec![7]));
        // One that goes before it has stood still keeps nobody waiting.
        std::fs::write(&path, "short-lived").unwrap();
        assert_eq!(found(&mut arrivals, Duration::from_millis(100)), None);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(found(&mut arrivals, Duration::from_millis(900)), None);
        assert!(!arrivals.is_settling());
        std::fs::remove_file(&other).unwrap();
        std::fs::write(&path, "back").unwrap();
        assert_eq!(found(&mut arrivals, LONG), Some(vec![4]));
    }

    #[test]
    fn mount_without_events_and_a_queue_that_lost_them_are_looked_at_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        let mut arrivals = Arrivals::start(&settings).unwrap();
        assert_eq!(found(&mut arrivals, Duration::from_millis(900)), None);
        arrivals.watch = Watch::deaf();
        std::fs::write(file(&settings, "2022-09"), "x").unwrap();
        assert_eq!(found(&mut arrivals, LONG), Some(vec![1]));
    }

    #[test]
    fn ten_thousand_files_at_once_are_found_together_and_a_look_at_them_is_quick() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        let mut arrivals = Arrivals::start(&settings).unwrap();
        for month in 0..100 {
            let first = file(&settings, &format!("{}-{:02}", 2000 + month / 12, 1 + month % 12));
            for part in 0..100 {
                std::fs::write(first.with_file_name(format!("utility2_circuits_{part}.csv")), "x").unwrap();
            }
        }
        let files = found(&mut arrivals, Duration::from_mins(1)).map(|files| files.len());
        assert_eq!(files, Some(10_000));
        // Without a pass over all files for each file.
        let candidates = scan(&settings.landing, &settings.utilities).unwrap().candidates;
        let mut settling = StabilityCheck::default();
        let begun = Instant::now();
        for second in 0..5 {
            settling.changed_and_stable(&candidates, Duration::from_secs(second), Duration::from_secs(2));
        }
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }
}
