//! What a power cut, a full disk or another program can leave of a table: a newest entry of the log that is no entry, data files
//! that are gone.
//!
//! An entry is on the disk before it has its name here, so that one which is empty or stops in the middle reports no commit of this
//! program. Readers refuse such a table: what they would see is the state before, as if it were the newest.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::disk::Operation;
use super::disk::sync_folders;
use super::{DataFile, Lake, LakeError, Snapshot, TableId};

/// How long an entry that is none is watched: another program may be writing it under its name.
const PATIENCE: Duration = Duration::from_millis(500);

/// The newest entry of a log, where it is none.
#[derive(PartialEq)]
pub(super) struct DamagedEntry {
    version: u64,
    path: PathBuf,
    what: &'static str,
    bytes: usize,
}

impl DamagedEntry {
    /// Looks at the newest entry of a log; `None` if it is whole, or there is none.
    pub(super) fn of(log: &Path) -> Option<Self> {
        let version =
            std::fs::read_dir(log).ok()?.filter_map(Result::ok).filter_map(|entry| version_of(&entry.file_name())).max()?;
        let path = log.join(format!("{version:020}.json"));
        let content = std::fs::read(&path).ok()?;
        let is_json = |line: &[u8]| serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok();
        let what = if content.is_empty() {
            "is empty"
        } else if content.iter().all(|byte| *byte == 0) {
            "holds bytes 0 only"
        } else if content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).all(is_json) {
            return None;
        } else {
            "stops in the middle"
        };
        Some(Self { version, path, what, bytes: content.len() })
    }

    /// The error of a reader.
    pub(super) fn refused(self, table: &TableId) -> LakeError {
        let Self { version, path, what, .. } = self;
        LakeError::DamagedEntry { table: table.to_string(), version, path, what }
    }
}

fn version_of(name: &std::ffi::OsStr) -> Option<u64> {
    let digits = name.to_str()?.strip_suffix(".json")?;
    (digits.len() == 20).then(|| digits.parse().ok()).flatten()
}

impl Lake {
    /// Takes the name of an entry from the newest file of a table's log, if it is none; what was done, for people.
    ///
    /// The table is as before that entry then; nothing is deleted. Only whoever holds the writer's lock may call this.
    ///
    /// # Errors
    /// The file cannot be renamed.
    pub fn set_aside_damaged_entry(&self, table: &TableId) -> Result<Option<String>, LakeError> {
        let log = self.path(table).join("_delta_log");
        let Some(damaged) = DamagedEntry::of(&log) else { return Ok(None) };
        std::thread::sleep(PATIENCE);
        if DamagedEntry::of(&log).as_ref() != Some(&damaged) {
            return Ok(None);
        }
        let DamagedEntry { version, path, what, .. } = damaged;
        let aside = path.with_extension(format!("json.damaged-{}", uuid::Uuid::now_v7()));
        let rename = || std::fs::rename(&path, &aside).and_then(|()| sync_folders(&path));
        self.disk.step(Operation::Rename, &path, rename).map_err(|error| LakeError::io(&path, error))?;
        Ok(Some(format!("commit {version} of `{table}` {what}; it is set aside as `{}`", aside.display())))
    }
}

impl Snapshot {
    /// That every live file is on the disk.
    ///
    /// # Errors
    /// One is not.
    pub fn expect_files(&self) -> Result<(), LakeError> {
        match self.missing_files().first() {
            Some(file) => {
                Err(LakeError::MissingFile { table: self.table.to_string(), version: self.version, path: self.path_of(file) })
            }
            None => Ok(()),
        }
    }

    /// The live files that are not on the disk, or are not of the size that the log states.
    pub fn missing_files(&self) -> Vec<&DataFile> {
        let is_there = |file: &&DataFile| self.path_of(file).metadata().is_ok_and(|about| about.len() == file.bytes);
        self.files.iter().filter(|file| !is_there(file)).collect()
    }
}
