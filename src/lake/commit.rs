//! Data files → the Delta log: one commit, whole or not at all.

use std::collections::HashMap;
use std::fs::File;

use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, Add, MetadataExt, StructType, Transaction};
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::{DeltaResult, DeltaTable};

use super::parquet::sync_folder;
use super::schema::{Column, delta_field};
use super::{DataFile, Lake, LakeError, Snapshot, TableId, Written};

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
}

impl Lake {
    /// Commits; when it returns, the change is on the disk.
    ///
    /// # Errors
    /// Somebody else changed the same files in between, or the log cannot be written.
    pub fn commit(&self, table: &TableId, mut change: Change<'_>) -> Result<u64, LakeError> {
        let written = std::mem::take(&mut change.add);
        let adds: Vec<Action> = written.iter().map(|file| Action::Add(add_action(file))).collect();
        let committed = self.runtime.block_on(async {
            match change.base {
                Some(base) => append(base, &change, adds).await,
                None => self.create(table, &change, adds).await,
            }
        });
        let version = committed.map_err(|source| LakeError::Delta { table: table.to_string(), source: Box::new(source) })?;
        written.into_iter().for_each(Written::keep);
        self.sync_log(table, version)?;
        Ok(version)
    }

    async fn create(&self, table: &TableId, change: &Change<'_>, adds: Vec<Action>) -> DeltaResult<u64> {
        let folder = self.path(table);
        std::fs::create_dir_all(&folder)?;
        let made: DeltaTable = CreateBuilder::new()
            .with_location(folder.to_string_lossy())
            .with_table_name(table.name.clone())
            .with_columns(change.columns.iter().map(delta_field))
            .with_partition_columns(change.partition_by.iter().map(ToString::to_string))
            .with_actions(adds)
            .with_commit_properties(properties(change))
            .await?;
        Ok(made.version().unwrap_or_default())
    }

    fn sync_log(&self, table: &TableId, version: u64) -> Result<(), LakeError> {
        let path = self.path(table).join("_delta_log").join(format!("{version:020}.json"));
        File::open(&path).and_then(|file| file.sync_all()).map_err(|error| LakeError::io(&path, error))?;
        sync_folder(&path)
    }
}

async fn append(base: &Snapshot, change: &Change<'_>, mut actions: Vec<Action>) -> DeltaResult<u64> {
    let state = base.delta.snapshot()?;
    let new: Vec<&Column> =
        change.columns.iter().filter(|column| !base.columns.iter().any(|known| known.name == column.name)).collect();
    if !new.is_empty() {
        let fields = state.schema().fields().cloned().chain(new.into_iter().map(delta_field)).collect::<Vec<_>>();
        actions.push(Action::Metadata(state.metadata().clone().with_schema(&StructType::try_new(fields)?)?));
    }
    actions.extend(change.remove.iter().map(|file| Action::Remove(file.remove.clone())));
    let mode = if change.remove.is_empty() { SaveMode::Append } else { SaveMode::Overwrite };
    let partition_by = (!change.partition_by.is_empty()).then(|| change.partition_by.iter().map(ToString::to_string).collect());
    let operation = DeltaOperation::Write { mode, partition_by, predicate: None };
    let committed = CommitBuilder::from(properties(change))
        .with_actions(actions)
        .build(Some(state), base.delta.log_store(), operation)
        .await?;
    Ok(committed.version())
}

fn properties(change: &Change<'_>) -> CommitProperties {
    let transactions = change.transactions.iter().map(|(application, version)| Transaction::new(application, *version));
    CommitProperties::default().with_application_transactions(transactions.collect())
}

fn add_action(file: &Written) -> Add {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_millis());
    Add {
        path: file.relative_path.clone(),
        partition_values: file
            .partition
            .iter()
            .map(|(name, value)| (name.clone(), Some(value.clone())))
            .collect::<HashMap<_, _>>(),
        size: i64::try_from(file.bytes).unwrap_or(i64::MAX),
        modification_time: i64::try_from(now).unwrap_or(i64::MAX),
        data_change: true,
        stats: Some(file.stats.clone()),
        tags: None,
        deletion_vector: None,
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
    }
}
