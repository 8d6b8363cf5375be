//! Data files that no commit names: what a run left that was ended from outside before it could commit or clear up.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::data_file::is_own_name;
use super::lock::WriteLock;
use super::{Lake, LakeError, Layer, TableId};
use crate::model::Timestamp;

/// Files that were removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// How many.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// A file in a table's folder.
pub(super) struct OnDisk {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) modified: Timestamp,
}

/// A file, below a table's folder, that an entry of its log names.
pub(super) struct Named {
    pub(super) path: String,
    /// When it left the table, in milliseconds, as the entry has it; `None` where it came, or where that is not said.
    pub(super) removed_at: Option<i64>,
}

impl std::ops::AddAssign for Removed {
    fn add_assign(&mut self, other: Self) {
        self.files += other.files;
        self.bytes += other.bytes;
    }
}

impl Lake {
    /// The data files of a table that this program wrote and that no entry of its log names, with their sizes. Only whoever holds the
    /// writer's lock can tell them from what is being written. Of a table without a log, or with an entry that was set aside, nothing is an
    /// orphan: a log that comes back would name it.
    ///
    /// # Errors
    /// The log or the folder cannot be read.
    pub fn orphans(&self, table: &TableId) -> Result<Vec<(PathBuf, u64)>, LakeError> {
        let folder = self.path(table);
        let there = self.own_files(table)?;
        if there.is_empty() || !self.has_whole_log(table) {
            return Ok(Vec::new());
        }
        let named = self.named_files(table)?;
        let is_named = |path: &Path| path.strip_prefix(&folder).is_ok_and(|below| named.contains(&*below.to_string_lossy()));
        Ok(there.into_iter().filter(|file| !is_named(&file.path)).map(|file| (file.path, file.bytes)).collect())
    }

    /// Removes what a writer left who was ended from outside: what no log names and is not older than his lock, of tables that he began to
    /// make, too. A table that cannot be read keeps no other from it; the first error comes back beside what was removed.
    pub fn clear_up_after(&self, lock: &WriteLock) -> (Removed, Option<LakeError>) {
        let (mut removed, mut failed) = (Removed::default(), None);
        for table in Layer::ALL.into_iter().flat_map(|layer| self.table_folders(layer)) {
            match self.clear_up(&table, lock.abandoned_at) {
                Ok(of_table) => removed += of_table,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        (removed, failed)
    }

    fn has_whole_log(&self, table: &TableId) -> bool {
        let entries = std::fs::read_dir(self.path(table).join("_delta_log")).into_iter().flatten().filter_map(Result::ok);
        let names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.iter().any(|name| name.rsplit_once('.').is_some_and(|(_, end)| end == "json"))
            && !names.iter().any(|name| name.contains(".damaged-"))
    }

    fn clear_up(&self, table: &TableId, since: Option<SystemTime>) -> Result<Removed, LakeError> {
        let _appending = self.no_appends(table)?;
        let mut removed = Removed::default();
        let log = self.path(table).join("_delta_log");
        for entry in std::fs::read_dir(&log).into_iter().flatten().filter_map(Result::ok) {
            if entry.file_name().to_string_lossy().contains('#') {
                self.disk.delete(&entry.path()).map_err(|error| LakeError::io(&entry.path(), error))?;
            }
        }
        let was_begun = !log.exists() || std::fs::read_dir(&log).is_ok_and(|mut entries| entries.next().is_none());
        let orphans = if was_begun {
            self.own_files(table)?.into_iter().map(|file| (file.path, file.bytes)).collect()
        } else {
            self.orphans(table)?
        };
        let is_his = |path: &Path| {
            let written = path.metadata().and_then(|about| about.modified());
            since.zip(written.ok()).is_some_and(|(since, written)| written >= since)
        };
        for (path, bytes) in orphans.into_iter().filter(|(path, _)| is_his(path)) {
            self.disk.delete(&path).map_err(|error| LakeError::io(&path, error))?;
            removed += Removed { files: 1, bytes };
        }
        Ok(removed)
    }

    /// The data files below a table's folder that this program wrote.
    pub(super) fn own_files(&self, table: &TableId) -> Result<Vec<OnDisk>, LakeError> {
        let folder = self.path(table);
        let mut there = Vec::new();
        files_below(&folder, &mut there).map_err(|error| LakeError::io(&folder, error))?;
        there.retain(|file| file.path.strip_prefix(&folder).is_ok_and(|below| is_own_name(&below.to_string_lossy())));
        Ok(there)
    }

    /// Every data file that an entry of the table's log, or its newest state, names.
    fn named_files(&self, table: &TableId) -> Result<HashSet<String>, LakeError> {
        let live = self.snapshot(table)?;
        let mut named: HashSet<String> =
            live.iter().flat_map(|snapshot| &snapshot.files).map(|file| file.path().to_owned()).collect();
        for entry in self.entries(table)? {
            named.extend(named_in(&entry)?.into_iter().map(|file| file.path));
        }
        Ok(named)
    }

    /// The entries of a table's log, oldest first.
    pub(super) fn entries(&self, table: &TableId) -> Result<Vec<PathBuf>, LakeError> {
        let log = self.path(table).join("_delta_log");
        let there = std::fs::read_dir(&log).map_err(|error| LakeError::io(&log, error))?.filter_map(Result::ok);
        let mut entries: Vec<PathBuf> = there.map(|entry| entry.path()).collect();
        entries.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        entries.sort_unstable();
        Ok(entries)
    }
}

/// The files that an entry of a log adds or removes.
pub(super) fn named_in(entry: &Path) -> Result<Vec<Named>, LakeError> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct File {
        path: String,
        deletion_timestamp: Option<i64>,
    }
    #[derive(serde::Deserialize)]
    struct Line {
        add: Option<File>,
        remove: Option<File>,
    }
    let text = std::fs::read_to_string(entry).map_err(|error| LakeError::io(entry, error))?;
    let lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
    let of_line = |Line { add, remove }: Line| {
        let added = add.map(|file| Named { path: decoded(&file.path), removed_at: None });
        added.into_iter().chain(remove.map(|file| Named { path: decoded(&file.path), removed_at: file.deletion_timestamp }))
    };
    Ok(lines.flat_map(of_line).collect())
}

/// The path that a log writes as part of a URL.
pub(super) fn decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        let code = (*first == b'%').then(|| after.get(..2)).flatten().and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = code.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn files_below(folder: &Path, found: &mut Vec<OnDisk>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "_delta_log" {
                files_below(&entry.path(), found)?;
            }
        } else {
            let about = entry.metadata()?;
            found.push(OnDisk { path: entry.path(), bytes: about.len(), modified: about.modified()?.into() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn path_of_a_log_is_that_of_the_file() {
        assert_eq!(super::decoded("utility_id=u%201/part-1%2Bx.parquet"), "utility_id=u 1/part-1+x.parquet");
        assert_eq!(super::decoded("100%/a%2"), "100%/a%2");
    }
}
