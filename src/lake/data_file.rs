//! A live data file of a table: what its commit says of it, and its statistics.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use deltalake::kernel::{LogicalFileView, Remove};

use super::Written;

/// One live file of a table: what its commit says of it, read once however many commits follow.
#[derive(Debug, Clone)]
pub struct DataFile(Arc<Added>);

impl std::ops::Deref for DataFile {
    type Target = Added;

    fn deref(&self) -> &Added {
        &self.0
    }
}

/// What a commit says of a file that it adds.
#[derive(Debug)]
pub struct Added {
    /// Values of the partition columns.
    pub partition: BTreeMap<String, Option<String>>,
    /// Number of rows.
    pub rows: u64,
    /// Its size, as the log states it.
    pub bytes: u64,
    /// When it was committed, as the log states it; milliseconds.
    pub(super) committed_at: i64,
    stats: Statistics,
    tags: BTreeMap<String, String>,
    path: String,
}

/// The statistics of a file: text, until somebody asks for them.
#[derive(Debug)]
struct Statistics {
    text: String,
    read: OnceLock<serde_json::Value>,
}

impl Statistics {
    fn get(&self) -> &serde_json::Value {
        self.read.get_or_init(|| serde_json::from_str(&self.text).unwrap_or_default())
    }
}

/// The value that a column has in every row of a file, if its statistics say so.
pub(super) fn constant<'a>(stats: &'a serde_json::Value, column: &str) -> Option<&'a str> {
    let of = |bound: &str| stats.get(bound)?.get(column)?.as_str();
    of("minValues").filter(|least| of("maxValues") == Some(least))
}

/// How many rows of a file have no value in a column, if its statistics say so.
pub(super) fn nulls(stats: &serde_json::Value, column: &str) -> Option<u64> {
    stats.get("nullCount")?.get(column)?.as_u64()
}

impl DataFile {
    /// The value that a column has in every row of the file, if its statistics say so.
    pub fn constant(&self, column: &str) -> Option<&str> {
        constant(self.stats.get(), column)
    }

    /// The least text of a column, going by the file's statistics.
    pub fn least(&self, column: &str) -> Option<&str> {
        self.stats.get().get("minValues")?.get(column)?.as_str()
    }

    /// The greatest text of a column, going by the file's statistics.
    pub fn greatest(&self, column: &str) -> Option<&str> {
        self.stats.get().get("maxValues")?.get(column)?.as_str()
    }

    /// How many rows have no value in a column, going by the file's statistics.
    pub fn nulls(&self, column: &str) -> Option<u64> {
        nulls(self.stats.get(), column)
    }

    /// Whether no row has a value in a column, going by the file's statistics.
    pub fn is_without(&self, column: &str) -> bool {
        self.nulls(column) == Some(self.rows)
    }

    /// Whether this program wrote the file, going by its name.
    pub fn is_own(&self) -> bool {
        is_own_name(&self.path)
    }

    /// Where the file is, below the table's folder.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether the file has the column, going by its statistics.
    pub fn stores(&self, column: &str) -> bool {
        self.nulls(column).is_some()
    }

    /// The columns that the file stores, in its order, going by its statistics.
    pub fn columns(&self) -> Vec<String> {
        let counts = self.stats.get().get("nullCount").and_then(serde_json::Value::as_object);
        counts.map_or_else(Vec::new, |counts| counts.keys().cloned().collect())
    }

    /// What a commit says that takes the file away.
    pub(super) fn removed(&self, data_change: bool, at: i64) -> Remove {
        Remove {
            path: self.path.clone(),
            data_change,
            deletion_timestamp: Some(at),
            extended_file_metadata: Some(true),
            partition_values: Some(self.partition.clone().into_iter().collect()),
            size: i64::try_from(self.bytes).ok(),
            tags: None,
            deletion_vector: None,
            base_row_id: None,
            default_row_commit_version: None,
        }
    }

    /// The same file, to be added to another table, or to this one again; `more` is noted beside what was noted before.
    pub(super) fn copied(&self, full_path: PathBuf, more: (&str, String)) -> Written {
        let mut tags: BTreeMap<String, String> = self.tags.clone();
        tags.insert(more.0.to_owned(), more.1);
        let partition = self.partition.iter().filter_map(|(column, value)| Some((column.clone(), value.clone()?)));
        Written::existing(
            full_path,
            self.path.clone(),
            partition.collect(),
            self.stats.text.clone(),
            tags,
            (self.rows, self.bytes),
        )
    }

    /// What was noted of the file when it was committed.
    pub fn tag(&self, name: &str) -> Option<&str> {
        self.tags.get(name).map(String::as_str)
    }

    /// The value of a partition column.
    pub fn partition_value(&self, column: &str) -> Option<&str> {
        self.partition.get(column)?.as_deref()
    }
}

/// Whether a path below a table's folder is one that this program gives its data files.
pub(super) fn is_own_name(path: &str) -> bool {
    let is_stem = |part: &str| {
        let stem = part.split('.').next().unwrap_or_default();
        stem.strip_prefix("part-").is_some_and(|id| id.len() == 36 && uuid::Uuid::parse_str(id).is_ok())
    };
    path.split('/').any(is_stem)
}

/// What a log says of a live file.
pub(super) fn of_view(view: &LogicalFileView) -> DataFile {
    #[expect(deprecated, reason = "the only way to the tags of a file")]
    let added = view.add_action();
    let stats = Statistics { text: added.stats.unwrap_or_default(), read: OnceLock::new() };
    let counted = || stats.get().get("numRecords").and_then(serde_json::Value::as_u64);
    let rows = view.num_records().map(|rows| rows as u64).or_else(counted).unwrap_or(0);
    let tags = added.tags.unwrap_or_default();
    DataFile(Arc::new(Added {
        partition: added.partition_values.into_iter().collect(),
        tags: tags.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
        rows,
        bytes: u64::try_from(added.size).unwrap_or(0),
        committed_at: added.modification_time,
        stats,
        path: added.path,
    }))
}
