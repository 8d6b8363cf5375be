//! Data files → the Delta log: one commit, whole or not at all.
//!
//! A commit is made as soon as its entry is in the log, whatever fails afterwards; that is why the log is asked before any
//! file of a commit that seems to have failed is removed.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};

use deltalake::checkpoints::create_checkpoint;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, Add, MetadataExt, StructType, Transaction};
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::{DeltaResult, DeltaTable};

use super::disk::Operation;
use super::schema::delta_field;
use super::stats::TELL_FILES_APART;
use super::{DataFile, Lake, LakeError, Snapshot, TableId, Written};
use crate::frame::Column;

/// Commits from one checkpoint of a table to the next, as long as it has few files: so many entries of its log a reader reads at most.
const CHECKPOINT_EVERY: u64 = 10;

/// Files of a table for each of the commits from one checkpoint to the next: all checkpoints together stay in proportion to the files.
const FILES_PER_COMMIT: usize = 50;

/// Commits from one checkpoint to the next of a table of so many files.
fn checkpoint_interval(files: usize) -> u64 {
    let least = (files / FILES_PER_COMMIT) as u64;
    CHECKPOINT_EVERY * least.div_ceil(CHECKPOINT_EVERY).max(1).next_power_of_two()
}

/// What spreads the turns of the tables most evenly.
const TURNS: u64 = 15;

/// Whether a version of a table of so many files gets a checkpoint. A month adds to most tables: it is each table's turn at another version,
/// so that no month makes the checkpoints of all.
fn is_checkpoint_due(table: &TableId, version: u64, files: usize) -> bool {
    let turn = xxhash_rust::xxh64::xxh64(table.to_string().as_bytes(), TURNS) % CHECKPOINT_EVERY;
    version > 0 && (version + turn).is_multiple_of(checkpoint_interval(files))
}

/// The property of a table that says of which columns a reader shall look at the statistics.
const INDEXED: &str = "delta.dataSkippingStatsColumns";

/// Those of a table, of which it has some in its files; `None` where there are none.
fn indexed(columns: &[Column], partition_by: &[impl AsRef<str>]) -> Option<String> {
    let is_stored = |name: &&str| {
        columns.iter().any(|column| column.name == *name) && partition_by.iter().all(|column| column.as_ref() != *name)
    };
    let names: Vec<&str> = TELL_FILES_APART.into_iter().filter(is_stored).collect();
    (!names.is_empty()).then(|| names.join(","))
}

/// The key in `commitInfo` by which a commit finds itself in the log.
const COMMIT_ID: &str = "feederscopeCommit";

/// What one commit does to a table.
pub struct Change<'a> {
    /// The table as it was read; `None` makes it.
    pub base: Option<&'a Snapshot>,
    /// The columns that the table shall have; those that it lacks are added.
    pub columns: &'a [Column],
    /// The partition columns of a new table.
    pub partition_by: &'a [&'a str],
    /// Files to add.
    pub add: Vec<Written>,
    /// Files to remove.
    pub remove: Vec<DataFile>,
    /// Applications and versions to record, so that a repeated run can be told from a new one.
    pub transactions: Vec<(String, i64)>,
    /// Whether the rows are the same as before, in other files.
    pub same_rows: bool,
    /// What else the commit says of itself: a name in `commitInfo`, and an object.
    pub info: Option<(&'a str, serde_json::Value)>,
}

impl<'a> Change<'a> {
    /// A change of nothing yet.
    pub fn of(base: Option<&'a Snapshot>) -> Self {
        let (add, remove, transactions) = (Vec::new(), Vec::new(), Vec::new());
        Self { base, columns: &[], partition_by: &[], add, remove, transactions, same_rows: false, info: None }
    }
}

impl Lake {
    /// Commits; when it returns, the change is on the disk.
    ///
    /// # Errors
    /// Somebody else changed the same files in between, or the log cannot be written.
    pub fn commit(&self, table: &TableId, mut change: Change<'_>) -> Result<u64, LakeError> {
        self.expect_loads()?;
        self.expect_in_place()?;
        let written = std::mem::take(&mut change.add);
        let adds: Vec<Action> = written.iter().map(|file| Action::Add(add_action(file, !change.same_rows))).collect();
        let commit_id = uuid::Uuid::now_v7().to_string();
        let committed = match change.base {
            Some(base) => self.runtime.block_on(append(base, &change, adds, &commit_id)),
            None => self.runtime.block_on(self.create(table, &change, adds, &commit_id)).map(|made| self.keep(table, made)),
        };
        let version = match committed {
            Ok(version) => version,
            Err(source) => match self.find_commit(table, change.base.map(|base| base.version), &commit_id) {
                Ok(Some(version)) => {
                    tracing::warn!("commit {version} of `{table}` is made; what followed it failed: {source}");
                    version
                }
                Ok(None) => return Err(LakeError::Delta { table: table.to_string(), source: Box::new(source) }),
                Err(unknown) => {
                    // Files that nobody names are harmless; a log that names files which are gone is not.
                    written.into_iter().for_each(Written::keep);
                    return Err(unknown);
                }
            },
        };
        written.into_iter().for_each(Written::keep);
        let files = change.base.map_or(0, |base| base.files.len());
        let is_due = is_checkpoint_due(table, version, files) || change.base.is_some_and(Snapshot::avoided_checkpoint);
        if is_due {
            self.grown().insert(table.clone());
            if let Err(error) = self.checkpoint(table) {
                tracing::warn!("`{table}` stays without a checkpoint of version {version}: {error}");
            }
        }
        Ok(version)
    }

    async fn create(&self, table: &TableId, change: &Change<'_>, adds: Vec<Action>, commit_id: &str) -> DeltaResult<DeltaTable> {
        self.disk.make_folder(&self.path(table))?;
        CreateBuilder::new()
            .with_log_store(self.builder(table)?.build_storage()?)
            .with_table_name(table.name.clone())
            .with_columns(change.columns.iter().map(delta_field))
            .with_partition_columns(change.partition_by.iter().map(ToString::to_string))
            .with_configuration([(INDEXED, indexed(change.columns, change.partition_by))])
            .with_actions(adds)
            .with_commit_properties(properties(change, commit_id))
            .await
    }

    /// The version whose entry in the log, after version `base`, is this commit.
    fn find_commit(&self, table: &TableId, base: Option<u64>, commit_id: &str) -> Result<Option<u64>, LakeError> {
        let log = self.path(table).join("_delta_log");
        for version in base.map_or(0, |base| base + 1).. {
            let path = log.join(format!("{version:020}.json"));
            let file = match self.disk.step(Operation::Get, &path, || std::fs::File::open(&path)) {
                Ok(file) => file,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(LakeError::io(&path, error)),
            };
            for line in BufReader::new(file).lines() {
                if line.map_err(|error| LakeError::io(&path, error))?.contains(commit_id) {
                    return Ok(Some(version));
                }
            }
        }
        Ok(None)
    }

    /// Writes a checkpoint of the newest version: what other readers, and this one, start from.
    pub(super) fn checkpoint(&self, table: &TableId) -> Result<(), LakeError> {
        let Some(snapshot) = self.snapshot(table)? else { return Ok(()) };
        let made = self.runtime.block_on(create_checkpoint(&snapshot.delta, None));
        made.map_err(|source| LakeError::Delta { table: table.to_string(), source: Box::new(source) })?;
        // What is read from a checkpoint is one piece; what was read commit by commit is as many pieces as commits, and slow to go on from.
        if snapshot.avoided_checkpoint() || snapshot.version - snapshot.whole_at >= CHECKPOINT_EVERY {
            self.snapshots.forget(&self.path(table).join("_delta_log"));
        }
        Ok(())
    }
}

/// What follows a commit in the library, to read the log on, is left to the next one who asks for the table: of the last commit of a run
/// nobody does.
async fn append(base: &Snapshot, change: &Change<'_>, mut actions: Vec<Action>, commit_id: &str) -> DeltaResult<u64> {
    let state = base.delta.snapshot()?;
    let new: Vec<&Column> =
        change.columns.iter().filter(|column| !base.columns.iter().any(|known| known.name == column.name)).collect();
    // A table of an earlier version of the program does not say it.
    let is_told = state.metadata().configuration().contains_key(INDEXED);
    let indexed = indexed(&base.columns, &base.partition_columns()).filter(|_| !is_told);
    if !new.is_empty() || indexed.is_some() {
        let fields = state.schema().fields().cloned().chain(new.into_iter().map(delta_field)).collect::<Vec<_>>();
        let metadata = state.metadata().clone().with_schema(&StructType::try_new(fields)?)?;
        actions.push(Action::Metadata(match indexed {
            Some(columns) => metadata.add_config_key(INDEXED.to_owned(), columns)?,
            None => metadata,
        }));
    }
    // When the file leaves the table, not when the table was read: that decides how long it is kept.
    let now = millis_now();
    actions.extend(change.remove.iter().map(|file| Action::Remove(file.removed(!change.same_rows, now))));
    let mode = if change.remove.is_empty() { SaveMode::Append } else { SaveMode::Overwrite };
    let partition_by = (!change.partition_by.is_empty()).then(|| change.partition_by.iter().map(ToString::to_string).collect());
    let operation = DeltaOperation::Write { mode, partition_by, predicate: None };
    let committed = CommitBuilder::from(properties(change, commit_id))
        .with_actions(actions)
        .build(Some(state), base.delta.log_store(), operation)
        .into_prepared_commit_future()
        .await?
        .await?;
    Ok(committed.version)
}

/// Nothing but the entry itself: what the library would do after it could fail, and is done by [`Lake::commit`].
fn properties(change: &Change<'_>, commit_id: &str) -> CommitProperties {
    let transactions = change.transactions.iter().map(|(application, version)| Transaction::new(application, *version));
    let more = change.info.iter().map(|(name, told)| ((*name).to_owned(), told.clone()));
    let info = more.chain([(COMMIT_ID.to_owned(), serde_json::Value::from(commit_id))]);
    CommitProperties::default()
        .with_application_transactions(transactions.collect())
        .with_metadata(info)
        .with_create_checkpoint(false)
        .with_cleanup_expired_logs(Some(false))
}

/// Milliseconds since 1970-01-01, UTC.
fn millis_now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn add_action(file: &Written, data_change: bool) -> Add {
    let texts = |pairs: &[(String, String)]| -> HashMap<String, Option<String>> {
        pairs.iter().map(|(name, value)| (name.clone(), Some(value.clone()))).collect()
    };
    Add {
        path: file.relative_path.clone(),
        partition_values: texts(&file.partition),
        size: i64::try_from(file.bytes).unwrap_or(i64::MAX),
        modification_time: millis_now(),
        data_change,
        stats: Some(file.stats.clone()),
        tags: (!file.tags.is_empty()).then(|| texts(&file.tags)),
        deletion_vector: None,
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
    }
}

#[cfg(test)]
mod tests {
    use super::{checkpoint_interval, is_checkpoint_due};
    use crate::lake::{Layer, TableId};

    #[test]
    fn checkpoints_are_in_proportion_to_the_files() {
        assert_eq!([0, 60, 500, 501, 1_000, 1_100, 10_000].map(checkpoint_interval), [10, 10, 10, 10, 20, 40, 320]);
        // Files written into checkpoints while ten thousand are added one by one: a few times as many, not a thousand times.
        let written: usize = (0..10_000).filter(|files| (*files as u64 + 1).is_multiple_of(checkpoint_interval(*files))).sum();
        assert!(written < 50 * 10_000, "{written}");
    }

    /// A month adds a commit to nearly every table that a run writes.
    #[test]
    fn tables_have_their_checkpoints_in_different_months() {
        let of_silver = ["rejected", "feeders", "ders", "segments", "standing_records", "feeder_circuits"];
        let of_platinum =
            ["feeder_capacity", "der_details", "column_quality", "month_diff", "field_changes", "data_quality_summary"];
        let of_bronze = ["circuits", "install_der", "planned_der"]
            .map(|dataset| [format!("utility1_{dataset}"), format!("utility2_{dataset}")]);
        let named = |layer, names: &[&str]| names.iter().map(|name| TableId::new(layer, name)).collect::<Vec<_>>();
        let of_bronze = of_bronze.as_flattened().iter().map(|name| TableId::new(Layer::Bronze, name));
        let tables: Vec<TableId> =
            [(Layer::Silver, &of_silver[..]), (Layer::Platinum, &of_platinum), (Layer::Ops, &["runs", "rule_results"])]
                .into_iter()
                .flat_map(|(layer, names)| named(layer, names))
                .chain(of_bronze)
                .collect();
        assert_eq!(tables.len(), 20);
        for version in 1..60 {
            let due = tables.iter().filter(|table| is_checkpoint_due(table, version, 100)).count();
            assert!(due <= 3, "{due} of {} with version {version}", tables.len());
        }
        for table in &tables {
            let due: Vec<u64> = (0..60).filter(|version| is_checkpoint_due(table, *version, 100)).collect();
            assert!((1..=10).contains(&due[0]) && due.windows(2).all(|pair| pair[1] - pair[0] == 10), "{table}: {due:?}");
        }
    }
}
