//! Data files of earlier versions that nobody needs any more.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use super::orphans::{Named, OnDisk, Removed, named_in};
use super::{DataFile, Lake, LakeError, TableId, Takes};
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
        let old = self.free(table, before, vacuum)?;
        let _appending = self.no_appends(table)?;
        let orphans = self.orphans(table)?;
        Ok(Expired { old, orphans: self.remove(orphans, vacuum)? })
    }

    /// As [`Lake::vacuum`], without a look for orphans, which takes the whole log.
    ///
    /// # Errors
    /// As [`Lake::vacuum`].
    pub fn free(&self, table: &TableId, before: Timestamp, vacuum: Vacuum) -> Result<Removed, LakeError> {
        let _appending = self.no_appends(table)?;
        match self.takes {
            Takes::Loads => self.remove(self.left_before(table, before)?, vacuum),
            Takes::Promotions => Ok(Removed::default()),
        }
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

    /// Files that are on the disk, are not in the newest version, and left the table before a time. Of the log is read what came since the
    /// earliest of them left: nothing where no file is as old as that.
    fn left_before(&self, table: &TableId, before: Timestamp) -> Result<Vec<(PathBuf, u64)>, LakeError> {
        let Some(live) = self.snapshot(table)? else { return Ok(Vec::new()) };
        let folder = self.path(table);
        let live: HashSet<&str> = live.files.iter().map(DataFile::path).collect();
        let below = |file: &OnDisk| file.path.strip_prefix(&folder).ok().map(|path| path.to_string_lossy().into_owned());
        // What left before a time was written before it.
        let written_before = self.own_files(table)?.into_iter().filter(|file| file.modified < before);
        let mut asked: HashMap<String, OnDisk> = written_before.filter_map(|file| Some((below(&file)?, file))).collect();
        asked.retain(|path, _| !live.contains(path.as_str()));
        let mut left = Vec::new();
        for entry in self.entries(table)?.into_iter().rev() {
            if asked.is_empty() {
                break;
            }
            for Named { path, removed_at } in named_in(&entry)? {
                // The last time that a file left counts: it may have come back in between.
                if let Some(file) = asked.remove(&path)
                    && removed_at.is_some_and(|at| at.saturating_mul(1000) < before.micros())
                {
                    left.push((file.path, file.bytes));
                }
            }
        }
        Ok(left)
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
