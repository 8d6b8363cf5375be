//! A table as of its last commit: columns, live files, and the rows in them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use deltalake::kernel::LogicalFileView;
use deltalake::{DeltaResult, DeltaTable, DeltaTableBuilder, DeltaTableError};

use super::damage::DamagedEntry;
use super::data_file::{self, DataFile};
use super::schema::column_type;
use super::store::{Checkpoints, LocalStore};
use super::{Lake, LakeError, TableId};
use crate::frame::{Column, FilePart, Relation};

/// A table as of one commit.
#[derive(Debug)]
pub struct Snapshot {
    /// Which table.
    pub table: TableId,
    /// The number of the commit.
    pub version: u64,
    /// The columns, partition columns included.
    pub columns: Vec<Column>,
    /// The live files.
    pub files: Vec<DataFile>,
    pub(super) delta: DeltaTable,
    checkpoints: Checkpoints,
    /// The version at which the log was read as a whole; later entries were added one by one.
    pub(super) whole_at: u64,
    folder: PathBuf,
    /// What applications recorded with the newest commits, once somebody asked.
    recorded: OnceLock<HashMap<String, i64>>,
}

/// The tables that were read, each with the log entry that was its newest: a log is read again only when it has changed.
#[derive(Debug, Default)]
pub(super) struct Snapshots(Mutex<HashMap<PathBuf, (Entry, Arc<Snapshot>)>>);

/// So many tables are more than a lake has.
const MOST_KNOWN: usize = 200;

/// So many entries are looked at before a log is asked as a whole.
const ENTRIES_LOOKED_AT: u64 = 8;

/// What tells an entry of a log from another one in its place.
type Entry = (SystemTime, u64);

impl Snapshots {
    fn known(&self, log: &Path) -> Option<Arc<Snapshot>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (entry, snapshot) = known.get(log)?;
        let is_newest = newest(log, snapshot.version) == Some(*entry);
        is_newest.then(|| snapshot.clone())
    }

    /// What was read of a log that has only grown since.
    fn earlier(&self, log: &Path) -> Option<Arc<Snapshot>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (read, snapshot) = known.get(log)?;
        let is_there = entry(log, snapshot.version) == Some(*read);
        (is_there && snapshot.checkpoints == Checkpoints::Used).then(|| snapshot.clone())
    }

    /// The log is read as a whole the next time.
    pub(super) fn forget(&self, log: &Path) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(log);
    }

    fn keep(&self, log: &Path, snapshot: &Arc<Snapshot>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match newest(log, snapshot.version) {
            Some(entry) => known.insert(log.to_owned(), (entry, snapshot.clone())),
            None => known.remove(log),
        };
        // Generations that are gone are asked for no more.
        if known.len() > MOST_KNOWN {
            known.retain(|log, _| log.is_dir());
        }
    }
}

fn path_of_entry(log: &Path, version: u64) -> PathBuf {
    log.join(format!("{version:020}.json"))
}

/// The entry of a version.
fn entry(log: &Path, version: u64) -> Option<Entry> {
    let metadata = path_of_entry(log, version).metadata().ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// The entry of a version, if it is the last one of its log.
fn newest(log: &Path, version: u64) -> Option<Entry> {
    let is_last = !path_of_entry(log, version + 1).exists();
    is_last.then(|| entry(log, version)).flatten()
}

impl Lake {
    /// The table as of its last commit; `None` if it was never made.
    ///
    /// # Errors
    /// The log cannot be read, or the table needs a reader feature that is missing here.
    pub fn snapshot(&self, table: &TableId) -> Result<Option<Arc<Snapshot>>, LakeError> {
        let folder = self.path(table);
        let log = folder.join("_delta_log");
        if let Some(known) = self.snapshots.known(&log) {
            return Ok(Some(known));
        }
        if !log.is_dir() {
            return Ok(None);
        }
        if let Some(damaged) = DamagedEntry::of(&log) {
            return Err(damaged.refused(table));
        }
        let delta_error = |source| LakeError::Delta { table: table.to_string(), source: Box::new(source) };
        let earlier = self.snapshots.earlier(&log);
        let read_on = earlier.as_ref().and_then(|earlier| self.read_on(&log, earlier));
        let state = match read_on.map_or_else(|| self.load(table, None), Ok) {
            Ok(loaded) => loaded,
            Err(DeltaTableError::NotATable(_)) => return Ok(None),
            Err(error) => return Err(delta_error(error)),
        };
        let snapshot = Arc::new(read(table, folder, state, earlier.as_deref())?);
        self.snapshots.keep(&log, &snapshot);
        Ok(Some(snapshot))
    }

    /// Keeps a table that was made just now, so that its log is not read again; its version.
    pub(super) fn keep(&self, table: &TableId, delta: DeltaTable) -> u64 {
        let version = delta.version().unwrap_or_default();
        let state = State { delta, checkpoints: Checkpoints::Used, whole_at: None };
        // What cannot be kept is read when it is asked for.
        if let Ok(snapshot) = read(table, self.path(table), state, None) {
            self.snapshots.keep(&self.path(table).join("_delta_log"), &Arc::new(snapshot));
        }
        version
    }

    /// The table as it was after a commit.
    ///
    /// # Errors
    /// The log no longer tells, or cannot be read.
    pub fn snapshot_at(&self, table: &TableId, version: u64) -> Result<Snapshot, LakeError> {
        let loaded = self.load(table, Some(version));
        let loaded = loaded.map_err(|source| LakeError::Delta { table: table.to_string(), source: Box::new(source) })?;
        read(table, self.path(table), loaded, None)
    }

    /// Reads what came to a log since it was read; `None` where it has to be read as a whole.
    fn read_on(&self, log: &Path, earlier: &Snapshot) -> Option<State> {
        let mut delta = earlier.delta.clone();
        self.runtime.block_on(delta.update_state()).ok()?;
        // Another state than the one on the disk is none.
        if path_of_entry(log, delta.version()? + 1).exists() {
            return None;
        }
        Some(State { delta, checkpoints: Checkpoints::Used, whole_at: Some(earlier.whole_at) })
    }

    /// Reads a log from its newest checkpoint on, or where that cannot be read, from its first entry on.
    fn load(&self, table: &TableId, version: Option<u64>) -> DeltaResult<State> {
        let load = |builder: DeltaTableBuilder| {
            let builder = if let Some(version) = version { builder.with_version(version) } else { builder };
            self.runtime.block_on(builder.load())
        };
        let error = match self.builder(table).and_then(load) {
            Ok(delta) => return Ok(State { delta, checkpoints: Checkpoints::Used, whole_at: None }),
            Err(error @ DeltaTableError::NotATable(_)) => return Err(error),
            Err(error) => error,
        };
        let first_entry = self.path(table).join("_delta_log").join(format!("{:020}.json", 0));
        if !first_entry.is_file() {
            return Err(error);
        }
        let without = std::sync::Arc::new(LocalStore::new(Checkpoints::Hidden, self.disk.clone()));
        match self.builder_over(without, table).and_then(load) {
            Ok(delta) => {
                tracing::warn!("a checkpoint of `{table}` cannot be read, its whole log can: {error}");
                Ok(State { delta, checkpoints: Checkpoints::Hidden, whole_at: None })
            }
            Err(_) => Err(error),
        }
    }
}

/// A log as the library read it.
struct State {
    delta: DeltaTable,
    checkpoints: Checkpoints,
    /// The version at which it was read as a whole, if that was an earlier one.
    whole_at: Option<u64>,
}

/// Reads the state of a log; what is known of a file from an earlier state is taken from there.
fn read(table: &TableId, folder: PathBuf, state: State, earlier: Option<&Snapshot>) -> Result<Snapshot, LakeError> {
    let State { delta, checkpoints, whole_at } = state;
    let delta_error = |source| LakeError::Delta { table: table.to_string(), source: Box::new(source) };
    let state = delta.snapshot().map_err(delta_error)?;
    let columns = state.schema().fields().map(|field| Column { name: field.name().clone(), kind: column_type(field) }).collect();
    let known: HashMap<&str, &DataFile> =
        earlier.iter().flat_map(|earlier| &earlier.files).map(|file| (file.path(), file)).collect();
    let of_view = |view: LogicalFileView| {
        let is_same =
            |file: &&&DataFile| (file.committed_at, i64::try_from(file.bytes)) == (view.modification_time(), Ok(view.size()));
        known.get(&*view.path()).filter(is_same).map_or_else(|| data_file::of_view(&view), |file| (*file).clone())
    };
    let files: Vec<DataFile> = state.log_data().iter().map(of_view).collect();
    let unsupported = |feature: &str| LakeError::Unsupported { table: table.to_string(), feature: feature.to_owned() };
    if state.log_data().iter().any(|view| view.deletion_vector_descriptor().is_some()) {
        return Err(unsupported("deletion vectors"));
    }
    if state.metadata().configuration().get("delta.columnMapping.mode").is_some_and(|mode| mode != "none") {
        return Err(unsupported("column mapping"));
    }
    let version = delta.version().unwrap_or_default();
    let whole_at = whole_at.unwrap_or(version);
    Ok(Snapshot {
        table: table.clone(),
        version,
        columns,
        files,
        delta,
        checkpoints,
        whole_at,
        folder,
        recorded: OnceLock::new(),
    })
}

impl Snapshot {
    /// Whether the log had to be read without its checkpoints.
    pub fn avoided_checkpoint(&self) -> bool {
        self.checkpoints == Checkpoints::Hidden
    }

    /// The columns whose values are in the log and not in the files.
    pub fn partition_columns(&self) -> Vec<String> {
        self.delta.snapshot().map(|state| state.metadata().partition_columns().to_vec()).unwrap_or_default()
    }

    /// The version that an application last recorded with its commit.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn transaction(&self, lake: &Lake, application: &str) -> Result<Option<i64>, LakeError> {
        if let Some(version) = self.recorded.get_or_init(|| self.recorded_lately()).get(application) {
            return Ok(Some(*version));
        }
        let error = |source| LakeError::Delta { table: self.table.to_string(), source: Box::new(source) };
        let state = self.delta.snapshot().map_err(error)?;
        let log_store = self.delta.log_store();
        lake.runtime.block_on(state.transaction_version(log_store.as_ref(), application)).map_err(error)
    }

    /// What applications recorded with the last few commits, in one look at their entries: nearly always there is what is asked for.
    fn recorded_lately(&self) -> HashMap<String, i64> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Recorded {
            app_id: String,
            version: i64,
        }
        #[derive(serde::Deserialize)]
        struct Line {
            txn: Recorded,
        }
        let log = self.folder.join("_delta_log");
        let mut recorded = HashMap::new();
        for version in (self.version.saturating_sub(ENTRIES_LOOKED_AT - 1)..=self.version).rev() {
            let Ok(text) = std::fs::read_to_string(path_of_entry(&log, version)) else { break };
            for line in text.lines().filter(|line| line.contains("\"txn\"")) {
                if let Ok(Line { txn }) = serde_json::from_str(line) {
                    recorded.entry(txn.app_id).or_insert(txn.version);
                }
            }
        }
        recorded
    }

    /// Where a live file is.
    pub fn path_of(&self, file: &DataFile) -> PathBuf {
        self.folder.join(file.path())
    }

    /// Number of rows in the live files.
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// The rows of the files that `keep` wants, in the table's columns; a column that a file lacks is null there.
    pub fn scan(&self, keep: impl Fn(&DataFile) -> bool) -> Relation {
        let files = self.files.iter().filter(|file| keep(file));
        Relation::Files { columns: self.columns.clone(), parts: files.map(|file| self.part(file)).collect() }
    }

    /// A live file as part of a relation.
    pub(crate) fn part(&self, file: &DataFile) -> FilePart {
        FilePart { path: self.path_of(file), constants: file.partition.clone() }
    }

    /// All rows.
    pub fn scan_all(&self) -> Relation {
        self.scan(|_| true)
    }
}
