//! The lake: Delta tables in folders, one environment each, that any Delta reader can open.
//!
//! Lies between the file system and the engine: gives data files a place, commits them, and gives the live files of a
//! table back as a [`Relation`](crate::frame::Relation). What always holds: a table is seen as after its last commit or not at
//! all, a commit is on the disk before it is reported, and a file that was not committed is removed.

mod commit;
mod damage;
mod data_file;
mod disk;
mod files;
mod generation;
pub(crate) mod lock;
mod orphans;
mod schema;
mod stats;
mod store;
pub(crate) mod table;
mod vacuum;

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deltalake::{DeltaResult, DeltaTableBuilder, DeltaTableError, ObjectStore};
use thiserror::Error;

use crate::frame::FrameError;
use crate::model::{Dataset, Environment, UtilityId};

pub use commit::Change;
pub use data_file::DataFile;
pub use disk::{Faults, Moment, Operation};
pub use files::Target;
pub(crate) use files::{TableWriter, Written};
pub use generation::{Brought, Generation};
pub use orphans::Removed;
pub use table::Snapshot;
pub use vacuum::{Expired, Vacuum, days_before};

use disk::Disk;
use store::{Checkpoints, LocalStore};

/// What can go wrong between the tables and the disk.
#[derive(Debug, Error)]
pub enum LakeError {
    /// The file system failed.
    #[error("`{}`: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The Delta log could not be read or written.
    #[error("table `{table}`: {source}")]
    Delta {
        /// The table, as `layer/name`.
        table: String,
        /// What the Delta library said.
        source: Box<DeltaTableError>,
    },
    /// The newest entry of a log is none.
    #[error(
        "table `{table}`: commit {version}, `{}`, {what}; `feederscope repair`, or `feederscope run`, sets it aside and makes again what it brought, \
         as far as bronze and the landing folder hold it",
        path.display()
    )]
    DamagedEntry {
        /// The table, as `layer/name`.
        table: String,
        /// The number of the commit.
        version: u64,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A live data file is not on the disk.
    #[error(
        "table `{table}`: the data file `{}` of version {version} is missing, or not of the size that the log states; `feederscope repair`, or `feederscope run`, makes again what it held, \
         as far as bronze and the landing folder hold it",
        path.display()
    )]
    MissingFile {
        /// The table, as `layer/name`.
        table: String,
        /// The version that was read.
        version: u64,
        /// The file.
        path: PathBuf,
    },
    /// Parquet could not be written.
    #[error("table `{table}`: {source}")]
    Parquet {
        /// The table, as `layer/name`.
        table: String,
        /// What the Parquet library said.
        source: Box<FrameError>,
    },
    /// Somebody wants to write where only promotions do.
    #[error("`{env}` takes only what is promoted into it: load and sign in `dev`, then `feederscope promote`")]
    PromotedOnly {
        /// The environment.
        env: Environment,
    },
    /// A file is another one than when it was looked at.
    #[error("`{}` is not what was reviewed; look at the difference again before it is promoted", path.display())]
    Moved {
        /// The file.
        path: PathBuf,
    },
    /// The lake is not where it was when the right to write was taken.
    #[error(
        "`{}` went away while it was written: what is there now is another folder, or none; bring it back (a mount that is gone?), then \
         `feederscope run` goes on from its last commit",
        path.display()
    )]
    Gone {
        /// The folder.
        path: PathBuf,
    },
    /// The table needs a reader that this program is not.
    #[error("table `{table}` uses {feature}, which cannot be read here; rewrite the table without it")]
    Unsupported {
        /// The table, as `layer/name`.
        table: String,
        /// The feature of the Delta protocol.
        feature: String,
    },
}

impl LakeError {
    fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

/// A layer of the medallion, and the operator's own tables beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// As delivered.
    Bronze,
    /// One model for all utilities, with history.
    Silver,
    /// Ready for queries.
    Platinum,
    /// Runs and decisions.
    Ops,
}

impl Layer {
    /// Every layer, in the order in which data goes through them.
    pub const ALL: [Self; 4] = [Self::Bronze, Self::Silver, Self::Platinum, Self::Ops];

    /// The folder's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bronze => "bronze",
            Self::Silver => "silver",
            Self::Platinum => "platinum",
            Self::Ops => "ops",
        }
    }
}

/// The name of a table: its layer and its folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableId {
    /// The layer.
    pub layer: Layer,
    /// The folder inside the layer.
    pub name: String,
}

impl TableId {
    /// A table of the layer.
    pub fn new(layer: Layer, name: &str) -> Self {
        Self { layer, name: name.to_owned() }
    }

    /// The bronze table of a utility's dataset.
    pub fn bronze(utility: &UtilityId, dataset: Dataset) -> Self {
        Self { layer: Layer::Bronze, name: format!("{utility}_{dataset}") }
    }
}

impl std::fmt::Display for TableId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.layer.as_str(), self.name)
    }
}

/// What may be committed to the tables of an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// What is loaded and decided.
    Loads,
    /// What is promoted, as a whole, by [`Lake::next_generation`].
    Promotions,
}

impl Takes {
    const fn of(env: Environment) -> Self {
        match env {
            Environment::Dev => Self::Loads,
            Environment::Qa | Environment::Prod => Self::Promotions,
        }
    }
}

/// One environment of the lake. Its calls block: they belong on a worker, never on the thread that draws.
#[derive(Debug, Clone)]
pub struct Lake {
    folder: PathBuf,
    env: Environment,
    root: PathBuf,
    takes: Takes,
    disk: Disk,
    runtime: Arc<tokio::runtime::Runtime>,
    store: Arc<dyn ObjectStore>,
    write_mutex: Arc<Mutex<()>>,
    snapshots: Arc<table::Snapshots>,
    /// The lock that is held, if any.
    held: Arc<Mutex<Option<lock::Held>>>,
    /// Tables that got a checkpoint.
    grown: Arc<Mutex<BTreeSet<TableId>>>,
}

impl Lake {
    /// An environment below `folder`; nothing is read or made until a table is used.
    ///
    /// # Errors
    /// The threads that talk to the Delta log cannot be started.
    pub fn new(folder: &Path, env: Environment) -> Result<Self, LakeError> {
        Self::on(folder, env, Disk::default())
    }

    /// The same on a disk on which things go wrong.
    ///
    /// # Errors
    /// As [`Lake::new`].
    pub fn with_faults(folder: &Path, env: Environment, faults: Arc<dyn Faults>) -> Result<Self, LakeError> {
        Self::on(folder, env, Disk::with(faults))
    }

    fn on(folder: &Path, env: Environment, disk: Disk) -> Result<Self, LakeError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("delta")
            .enable_all()
            .build()
            .map_err(|error| LakeError::io(folder, error))?;
        let folder = std::path::absolute(folder).map_err(|error| LakeError::io(folder, error))?;
        Ok(Self {
            root: folder.join(format!("iedr_{env}")),
            folder,
            env,
            takes: Takes::of(env),
            runtime: Arc::new(runtime),
            store: Arc::new(LocalStore::new(Checkpoints::Used, disk.clone())),
            disk,
            write_mutex: Arc::default(),
            snapshots: Arc::default(),
            held: Arc::default(),
            grown: Arc::default(),
        })
    }

    /// Another environment of the same lake.
    #[must_use]
    pub fn environment(&self, env: Environment) -> Self {
        let root = self.folder.join(format!("iedr_{env}"));
        Self {
            env,
            root,
            takes: Takes::of(env),
            write_mutex: Arc::default(),
            held: Arc::default(),
            grown: Arc::default(),
            ..self.clone()
        }
    }

    /// Which environment it is.
    pub const fn env(&self) -> Environment {
        self.env
    }

    /// That loads and decisions may be written here.
    ///
    /// # Errors
    /// The environment takes only what is promoted into it.
    pub const fn expect_loads(&self) -> Result<(), LakeError> {
        match self.takes {
            Takes::Loads => Ok(()),
            Takes::Promotions => Err(LakeError::PromotedOnly { env: self.env }),
        }
    }

    /// Waits until no other thread of this process reads a table in order to rewrite it; others wait until the guard is
    /// dropped. Other processes are kept out by [`Lake::lock`].
    pub fn write_mutex(&self) -> MutexGuard<'_, ()> {
        self.write_mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn grown(&self) -> MutexGuard<'_, BTreeSet<TableId>> {
        self.grown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tables whose logs have grown enough, since this was asked last, that it is worth to look for what nobody needs any more.
    pub fn take_grown(&self) -> BTreeSet<TableId> {
        std::mem::take(&mut self.grown())
    }

    /// The folder of this environment.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a table.
    pub fn path(&self, table: &TableId) -> PathBuf {
        self.shown_root().join(table.layer.as_str()).join(&table.name)
    }

    /// What opens, or makes, a table in this lake's store.
    fn builder(&self, table: &TableId) -> DeltaResult<DeltaTableBuilder> {
        self.builder_over(self.store.clone(), table)
    }

    fn builder_over(&self, store: Arc<dyn ObjectStore>, table: &TableId) -> DeltaResult<DeltaTableBuilder> {
        let url = url::Url::from_directory_path(self.path(table))
            .map_err(|()| DeltaTableError::generic(format!("`{}` cannot be written as a URL", self.path(table).display())))?;
        Ok(DeltaTableBuilder::from_url(url.clone())?.with_storage_backend(store, url))
    }

    /// Tells the state of all tables from another one: a commit adds a file to a folder.
    pub fn stamp(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for table in self.all_tables() {
            let changed = std::fs::metadata(self.path(&table).join("_delta_log")).and_then(|log| log.modified());
            (table.name.as_str(), changed.ok()).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// The tables of all layers that exist, in the order in which data goes through them.
    pub fn all_tables(&self) -> Vec<TableId> {
        Layer::ALL.into_iter().flat_map(|layer| self.tables(layer)).collect()
    }

    /// The tables of a layer that exist, by name.
    pub fn tables(&self, layer: Layer) -> Vec<TableId> {
        let mut tables = self.table_folders(layer);
        tables.retain(|table| self.path(table).join("_delta_log").is_dir());
        tables
    }

    /// The folders of a layer, by name: tables, and what was begun of a table that never came to be.
    fn table_folders(&self, layer: Layer) -> Vec<TableId> {
        let Ok(entries) = std::fs::read_dir(self.root.join(layer.as_str())) else { return Vec::new() };
        let folders = entries.filter_map(Result::ok).filter(|entry| entry.path().is_dir());
        let mut tables: Vec<TableId> = folders.map(|entry| TableId::new(layer, &entry.file_name().to_string_lossy())).collect();
        tables.sort();
        tables
    }
}
