//! Data files of earlier versions that nobody needs any more.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::data_file::is_own_name;
use super::orphans::{Removed, decoded};
use super::{Lake, LakeError, TableId, Takes};
use crate::model::Timestamp;

/// What is, or would be, removed of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expired {
    /// Files of versions that ended before the day from which on they are kept.
    pub old: Removed,
    /// Files that no commit names.
    pub orphans: Removed,
}

/// Whether something is removed, or only counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vacuum {
    /// Removed.
    Remove,
    /// Counted.
    Count,
}

/// The time so many days before another.
pub fn days_before(days: u32, now: Timestamp) -> Timestamp {
    Timestamp::from_micros(now.micros() - i64::from(days) * 86_400_000_000)
}

impl Lake {
    /// Removes data files of a table that left it before a time, and orphans; the newest version keeps all that it has. Where promotions are
    /// taken every version can be gone back to, and only orphans are removed. Only whoever holds the writer's lock may call this.
    ///
    /// # Errors
    /// The log or folder cannot be read, or a file not be removed; what was removed until then is gone.
    pub fn vacuum(&self, table: &TableId, before: Timestamp, vacuum: Vacuum) -> Result<Expired, LakeError> {
        let _appending = self.no_appends(table)?;
        let old = match self.takes {
            Takes::Loads => self.left_before(table, before)?,
            Takes::Promotions => Vec::new(),
        };
        let orphans = self.orphans(table)?;
        Ok(Expired { old: self.remove(old, vacuum)?, orphans: self.remove(orphans, vacuum)? })
    }

    fn remove(&self, files: Vec<(PathBuf, u64)>, vacuum: Vacuum) -> Result<Removed, LakeError> {
        let mut removed = Removed::default();
        for (path, bytes) in files {
            if vacuum == Vacuum::Remove {
                self.disk.delete(&path).map_err(|error| LakeError::io(&path, error))?;
            }
            removed += Removed { files: 1, bytes };
        }
        Ok(removed)
    }

    /// Files that are on the disk, are not in the newest version, and left the table before a time.
    fn left_before(&self, table: &TableId, before: Timestamp) -> Result<Vec<(PathBuf, u64)>, LakeError> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Left {
            path: String,
            deletion_timestamp: Option<i64>,
        }
        #[derive(serde::Deserialize)]
        struct Line {
            remove: Left,
        }
        let Some(live) = self.snapshot(table)? else { return Ok(Vec::new()) };
        let log = self.path(table).join("_delta_log");
        // The last time that a file left counts: it may have come back in between.
        let mut left: BTreeMap<String, i64> = BTreeMap::new();
        for entry in std::fs::read_dir(&log).map_err(|error| LakeError::io(&log, error))?.filter_map(Result::ok) {
            let path = entry.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let text = std::fs::read_to_string(&path).map_err(|error| LakeError::io(&path, error))?;
            for line in text.lines().filter(|line| line.contains("\"remove\"")) {
                if let Ok(Line { remove: Left { path, deletion_timestamp: Some(at) } }) = serde_json::from_str(line) {
                    let last = left.entry(decoded(&path)).or_insert(at);
                    *last = at.max(*last);
                }
            }
        }
        for file in &live.files {
            left.remove(file.path());
        }
        let folder = self.path(table);
        let gone = left.into_iter().filter(|(path, at)| is_own_name(path) && at.saturating_mul(1000) < before.micros());
        let on_disk = gone.filter_map(|(path, _)| {
            let path = folder.join(path);
            let bytes = path.metadata().ok()?.len();
            Some((path, bytes))
        });
        Ok(on_disk.collect())
    }

    /// Writes a checkpoint of a table's newest version where more entries of its log than this follow the newest one, or where that cannot
    /// be read; whether it did.
    ///
    /// # Errors
    /// The log cannot be read or written.
    pub fn renew_checkpoint(&self, table: &TableId, most_entries: u64, vacuum: Vacuum) -> Result<bool, LakeError> {
        let Some(snapshot) = self.snapshot(table)? else { return Ok(false) };
        let log = self.path(table).join("_delta_log");
        let checkpoints = std::fs::read_dir(&log).map_err(|error| LakeError::io(&log, error))?.filter_map(Result::ok);
        let newest = checkpoints
            .filter_map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                let (version, rest) = name.split_once('.')?;
                rest.starts_with("checkpoint.").then(|| version.parse::<u64>().ok()).flatten()
            })
            .max();
        let since = newest.map_or(snapshot.version + 1, |newest| snapshot.version.saturating_sub(newest));
        let is_due = since > most_entries || snapshot.avoided_checkpoint();
        if is_due && vacuum == Vacuum::Remove {
            self.checkpoint(table)?;
        }
        Ok(is_due)
    }
}
