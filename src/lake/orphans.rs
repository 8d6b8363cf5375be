//! Data files that no commit names: what a run left that was ended from outside before it could commit or clear up.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::table::is_own_name;
use super::{Lake, LakeError, Layer, TableId};

/// Files that were removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// How many.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

impl std::ops::AddAssign for Removed {
    fn add_assign(&mut self, other: Self) {
        self.files += other.files;
        self.bytes += other.bytes;
    }
}

impl Lake {
    /// The data files of a table that this program wrote and that no entry of its log names, with their sizes. Only whoever holds the
    /// writer's lock can tell them from what is being written.
    ///
    /// # Errors
    /// The log or the folder cannot be read.
    pub fn orphans(&self, table: &TableId) -> Result<Vec<(PathBuf, u64)>, LakeError> {
        let folder = self.path(table);
        let mut there = Vec::new();
        files_below(&folder, &mut there).map_err(|error| LakeError::io(&folder, error))?;
        there.retain(|(path, _)| path.strip_prefix(&folder).is_ok_and(|below| is_own_name(&below.to_string_lossy())));
        if there.is_empty() {
            return Ok(there);
        }
        let named = self.named_files(table)?;
        let is_named = |path: &Path| path.strip_prefix(&folder).is_ok_and(|below| named.contains(&*below.to_string_lossy()));
        there.retain(|(path, _)| !is_named(path));
        Ok(there)
    }

    /// Removes what [`Lake::orphans`] finds of every table, and what staging left in the folders of logs.
    ///
    /// # Errors
    /// A log or folder cannot be read, or a file not be removed.
    pub fn remove_orphans(&self) -> Result<Removed, LakeError> {
        let mut removed = Removed::default();
        for table in Layer::ALL.into_iter().flat_map(|layer| self.table_folders(layer)) {
            removed += self.remove_orphans_of(&table)?;
        }
        Ok(removed)
    }

    fn remove_orphans_of(&self, table: &TableId) -> Result<Removed, LakeError> {
        let mut removed = Removed::default();
        let log = self.path(table).join("_delta_log");
        for entry in std::fs::read_dir(&log).into_iter().flatten().filter_map(Result::ok) {
            if entry.file_name().to_string_lossy().contains('#') {
                self.disk.delete(&entry.path()).map_err(|error| LakeError::io(&entry.path(), error))?;
            }
        }
        for (path, bytes) in self.orphans(table)? {
            self.disk.delete(&path).map_err(|error| LakeError::io(&path, error))?;
            removed += Removed { files: 1, bytes };
        }
        Ok(removed)
    }

    /// Every data file that an entry of the table's log, or its newest state, names.
    fn named_files(&self, table: &TableId) -> Result<BTreeSet<String>, LakeError> {
        #[derive(serde::Deserialize)]
        struct Named {
            path: String,
        }
        #[derive(serde::Deserialize)]
        struct Line {
            add: Option<Named>,
            remove: Option<Named>,
        }
        let log = self.path(table).join("_delta_log");
        let live = self.snapshot(table)?;
        let mut named: BTreeSet<String> =
            live.iter().flat_map(|snapshot| &snapshot.files).map(|file| file.path().to_owned()).collect();
        let entries = match std::fs::read_dir(&log) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(named),
            entries => entries.map_err(|error| LakeError::io(&log, error))?,
        };
        for entry in entries.filter_map(Result::ok) {
            let path = entry.path();
            // What was set aside as damaged names files that came to nothing.
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let text = std::fs::read_to_string(&path).map_err(|error| LakeError::io(&path, error))?;
            for line in text.lines() {
                if let Ok(Line { add, remove }) = serde_json::from_str(line) {
                    named.extend(add.into_iter().chain(remove).map(|file| decoded(&file.path)));
                }
            }
        }
        Ok(named)
    }
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

fn files_below(folder: &Path, found: &mut Vec<(PathBuf, u64)>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "_delta_log" {
                files_below(&entry.path(), found)?;
            }
        } else {
            found.push((entry.path(), entry.metadata()?.len()));
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
