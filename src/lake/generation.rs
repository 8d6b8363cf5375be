//! The next state of a whole environment, built beside the one that is shown, and shown in its place at once.
//!
//! `<lake>/iedr_qa` is a link to a folder of `<lake>/.iedr_qa`, which holds every table with its whole log. A generation begins as hard
//! links to what is shown, takes its commits where nobody looks, and is shown by giving the link another target, which the file system
//! does in one step. So readers see all tables of a promotion or none, whatever is cut off when. Files never change once they are
//! written; a file that comes from another environment is copied, so that no damage of one reaches the other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::disk::sync_folders;
use super::disk::{Disk, Operation};
use super::{Change, DataFile, Lake, LakeError, Snapshot, TableId, Takes};
use crate::landing::sha256_of;
use crate::model::Cancel;

/// The tag of a data file that says what the SHA-256 of its content is.
const SHA256: &str = "feederscope.sha256";

/// The end of the name of a generation that is not complete.
const PARTIAL: &str = ".part";

/// A state of an environment that nobody sees until it is shown; gone when dropped before.
pub struct Generation {
    lake: Lake,
    /// Where it is built, and where it is when it is complete.
    folder: PathBuf,
    complete: PathBuf,
    link: PathBuf,
    is_shown: bool,
}

/// What a table was brought to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brought {
    /// The table's version then.
    pub version: u64,
    /// Files that were copied.
    pub copied: usize,
}

impl Lake {
    /// The folder of the environment's lock and generations.
    fn generations(&self) -> PathBuf {
        self.folder.join(format!(".iedr_{}", self.env))
    }

    pub(super) fn lock_folder(&self) -> PathBuf {
        match self.takes {
            Takes::Loads => self.root.clone(),
            Takes::Promotions => self.generations(),
        }
    }

    /// The environment as it is shown now, whatever is promoted into it while it is read.
    #[must_use]
    pub fn pinned(&self) -> Self {
        Self { root: self.shown_root(), ..self.clone() }
    }

    /// The folder that is shown: the Delta library takes paths with links in them for others than it lists.
    pub(super) fn shown_root(&self) -> PathBuf {
        match self.takes {
            Takes::Promotions => std::fs::canonicalize(&self.root).unwrap_or_else(|_| self.root.clone()),
            Takes::Loads => self.root.clone(),
        }
    }

    /// Begins the next state of an environment that takes promotions, with all that is shown now. `id` sorts after those before it.
    /// Only whoever holds the writer's lock may call this.
    ///
    /// # Errors
    /// The environment takes loads, its tables cannot be read, or the disk is full.
    pub fn next_generation(&self, id: &str) -> Result<Generation, LakeError> {
        if self.takes == Takes::Loads {
            let source = std::io::Error::other("nothing is promoted into `dev`");
            return Err(LakeError::io(&self.root, source));
        }
        let generations = self.generations();
        std::fs::create_dir_all(&generations).map_err(|error| LakeError::io(&generations, error))?;
        self.take_over()?;
        self.remove_leftovers()?;
        let folder = generations.join(format!("{id}{PARTIAL}"));
        let generation = Generation {
            lake: Self { root: folder.clone(), takes: Takes::Loads, ..self.clone() },
            complete: generations.join(id),
            link: self.root.clone(),
            folder,
            is_shown: false,
        };
        std::fs::create_dir_all(&generation.folder).map_err(|error| LakeError::io(&generation.folder, error))?;
        if self.root.exists() {
            let from = self.shown_root();
            let link = || link_all(&from, &generation.folder).map_err(std::io::Error::other);
            self.disk.step(Operation::Link, &generation.folder, link).map_err(|error| LakeError::io(&from, error))?;
        }
        Ok(generation)
    }

    /// An environment that an earlier version of the program loaded into is a folder: it becomes the first generation. A link that is
    /// missing beside complete generations was lost between two steps of that.
    fn take_over(&self) -> Result<(), LakeError> {
        let io = |error| LakeError::io(&self.root, error);
        let is_folder = self.root.symlink_metadata().is_ok_and(|about| about.is_dir());
        if is_folder {
            let first = self.generations().join("0-loaded");
            std::fs::rename(&self.root, &first).map_err(io)?;
            return show(&first, &self.root);
        }
        match self.complete_generations().pop() {
            Some(newest) if !self.root.exists() => show(&self.generations().join(newest), &self.root),
            _ => Ok(()),
        }
    }

    /// Removes what is not shown and will not be: what was not completed, or is older than the state before. That one stays for those
    /// who are reading it.
    fn remove_leftovers(&self) -> Result<(), LakeError> {
        let shown = std::fs::read_link(&self.root).ok().and_then(|target| target.file_name().map(std::ffi::OsStr::to_owned));
        let complete = self.complete_generations();
        let before = complete.iter().rev().find(|id| shown.as_ref().is_some_and(|shown| id.as_os_str() < shown.as_os_str()));
        for entry in std::fs::read_dir(self.generations()).into_iter().flatten().filter_map(Result::ok) {
            let name = entry.file_name();
            let stays = shown.as_ref() == Some(&name) || before == Some(&name) || !entry.path().is_dir();
            if !stays {
                std::fs::remove_dir_all(entry.path()).map_err(|error| LakeError::io(&entry.path(), error))?;
            }
        }
        Ok(())
    }

    fn complete_generations(&self) -> Vec<std::ffi::OsString> {
        let entries = std::fs::read_dir(self.generations()).into_iter().flatten().filter_map(Result::ok);
        let is_complete =
            |entry: &std::fs::DirEntry| entry.path().is_dir() && !entry.file_name().to_string_lossy().ends_with(PARTIAL);
        let mut names: Vec<_> = entries.filter(is_complete).map(|entry| entry.file_name()).collect();
        names.sort();
        names
    }
}

impl Generation {
    /// The environment as it will be; it takes commits.
    pub const fn lake(&self) -> &Lake {
        &self.lake
    }

    /// Brings a table to the files of another environment's, of which `hashes` has the SHA-256 by path; to no files without one. Nothing
    /// is committed where it holds these files already.
    ///
    /// # Errors
    /// A file is not what its hash says, or the disk is full.
    pub fn bring(
        &self,
        table: &TableId,
        source: Option<&Snapshot>,
        hashes: &BTreeMap<String, String>,
        info: &(&str, serde_json::Value),
    ) -> Result<Option<Brought>, LakeError> {
        let base = self.lake.snapshot(table)?;
        if base.is_none() && source.is_none() {
            return Ok(None);
        }
        let held: BTreeMap<&str, &DataFile> = base.iter().flat_map(|base| &base.files).map(|file| (file.path(), file)).collect();
        let mut add = Vec::new();
        for file in source.iter().flat_map(|source| &source.files) {
            let hash = hashes.get(file.path()).map_or("", String::as_str);
            let from = source.map_or_else(PathBuf::new, |source| source.path_of(file));
            let to = self.lake.path(table).join(file.path());
            if held.get(file.path()).is_some_and(|held| held.tag(SHA256) == Some(hash)) {
                // A file that was damaged here comes again; the table is as it was.
                if !matches!(sha256_of(&to, &Cancel::default()), Ok(Some(found)) if found == hash) {
                    copy(&self.lake.disk, &from, &to, hash)?;
                }
                continue;
            }
            copy(&self.lake.disk, &from, &to, hash)?;
            add.push(file.copied(to, (SHA256, hash.to_owned())));
        }
        // No commit takes out and brings in the same path: what comes in takes the place of what was there.
        let comes: BTreeSet<&str> = source.iter().flat_map(|source| &source.files).map(DataFile::path).collect();
        let remove: Vec<DataFile> =
            base.iter().flat_map(|base| &base.files).filter(|file| !comes.contains(file.path())).cloned().collect();
        let copied = add.len();
        if let Some(base) = base.as_ref().filter(|_| add.is_empty() && remove.is_empty()) {
            return Ok(Some(Brought { version: base.version, copied }));
        }
        let columns = source.map(|source| source.columns.clone()).unwrap_or_default();
        let partitioned = source.map(Snapshot::partition_columns).unwrap_or_default();
        let partition_by: Vec<&str> = partitioned.iter().map(String::as_str).collect();
        let change = Change {
            columns: &columns,
            partition_by: &partition_by,
            add,
            remove,
            info: Some(info.clone()),
            ..Change::of(base.as_deref())
        };
        Ok(Some(Brought { version: self.lake.commit(table, change)?, copied }))
    }

    /// Brings a table back to the files of one of its versions; to no files without one.
    ///
    /// # Errors
    /// The version is no longer in the log, or the disk is full.
    pub fn restore(
        &self,
        table: &TableId,
        version: Option<u64>,
        info: &(&str, serde_json::Value),
    ) -> Result<Option<u64>, LakeError> {
        let Some(base) = self.lake.snapshot(table)? else { return Ok(None) };
        let then = version.map(|version| self.lake.snapshot_at(table, version)).transpose()?;
        let files =
            |snapshot: &Snapshot| -> BTreeSet<String> { snapshot.files.iter().map(|file| file.path().to_owned()).collect() };
        let (now, wanted) = (files(&base), then.as_ref().map(files).unwrap_or_default());
        if now == wanted {
            return Ok(Some(base.version));
        }
        let returning = then.iter().flat_map(|then| &then.files).filter(|file| !now.contains(file.path()));
        let add = returning.map(|file| {
            let hash = file.tag(SHA256).unwrap_or_default().to_owned();
            file.copied(self.lake.path(table).join(file.path()), (SHA256, hash))
        });
        let remove = base.files.iter().filter(|file| !wanted.contains(file.path())).cloned().collect();
        let change = Change { add: add.collect(), remove, info: Some(info.clone()), ..Change::of(Some(&base)) };
        self.lake.commit(table, change).map(Some)
    }

    /// Shows it in the place of what was shown until now.
    ///
    /// # Errors
    /// The file system cannot do it; what was shown is shown still.
    pub fn show(mut self) -> Result<(), LakeError> {
        let io = |error| LakeError::io(&self.folder, error);
        sync_all_folders(&self.folder)?;
        self.lake.disk.step(Operation::Rename, &self.folder, || std::fs::rename(&self.folder, &self.complete)).map_err(io)?;
        self.is_shown = true;
        // The link must not be on the disk before what it leads to.
        sync_folders(&self.complete).map_err(|error| LakeError::io(&self.complete, error))?;
        let exchange = || show(&self.complete, &self.link).map_err(std::io::Error::other);
        match self.lake.disk.step(Operation::Show, &self.link, exchange) {
            Err(error) if self.is_in_place() => {
                tracing::warn!("`{}` is shown; what followed it failed: {error}", self.complete.display());
                Ok(())
            }
            shown => shown.map_err(|error| LakeError::io(&self.link, error)),
        }
    }

    /// Whether the link leads to it: an error of what came after the exchange does not undo it.
    fn is_in_place(&self) -> bool {
        let target = |path: &Path| std::fs::canonicalize(path).ok();
        target(&self.complete).is_some_and(|complete| target(&self.link) == Some(complete))
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        if !self.is_shown {
            let _ = self.lake.disk.delete_folder(&self.folder);
        }
    }
}

/// Gives a link a folder beside it as target, in one step.
#[cfg(unix)]
fn show(folder: &Path, link: &Path) -> Result<(), LakeError> {
    let io = |error| LakeError::io(link, error);
    let parent = link.parent().unwrap_or(link);
    let target = folder.strip_prefix(parent).unwrap_or(folder);
    let staged = parent.join(format!(".link#{}", uuid::Uuid::new_v4().as_u128()));
    std::os::unix::fs::symlink(target, &staged).map_err(io)?;
    let shown = std::fs::rename(&staged, link);
    if shown.is_err() {
        let _ = std::fs::remove_file(&staged);
    }
    shown.map_err(io)?;
    sync_folders(link).map_err(io)
}

#[cfg(not(unix))]
fn show(_: &Path, link: &Path) -> Result<(), LakeError> {
    Err(LakeError::io(link, std::io::Error::other("promotions need a file system whose links are replaced in one step")))
}

/// Hard links to all files below a folder; copies where the file system has none.
fn link_all(from: &Path, to: &Path) -> Result<(), LakeError> {
    let entries = std::fs::read_dir(from).map_err(|error| LakeError::io(from, error))?;
    for entry in entries {
        let entry = entry.map_err(|error| LakeError::io(from, error))?;
        let (path, place) = (entry.path(), to.join(entry.file_name()));
        let io = |error| LakeError::io(&path, error);
        if path.is_dir() {
            std::fs::create_dir_all(&place).map_err(io)?;
            link_all(&path, &place)?;
        } else if !entry.file_name().to_string_lossy().contains('#') && std::fs::hard_link(&path, &place).is_err() {
            std::fs::copy(&path, &place).and_then(|_| std::fs::File::open(&place)?.sync_all()).map_err(io)?;
        }
    }
    Ok(())
}

/// Makes the entries of all folders below one durable.
fn sync_all_folders(folder: &Path) -> Result<(), LakeError> {
    let io = |error| LakeError::io(folder, error);
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.is_dir() {
            sync_all_folders(&path)?;
        }
    }
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)
}

/// Copies a file, in one step, and holds the copy to its hash. A file in its place is another generation's too: it is not written over.
fn copy(disk: &Disk, from: &Path, to: &Path, hash: &str) -> Result<(), LakeError> {
    let io = |error| LakeError::io(to, error);
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).map_err(io)?;
    }
    let staged = to.with_extension(format!("copy#{}", uuid::Uuid::new_v4().as_u128()));
    let copied = disk
        .step(Operation::Copy, to, || std::fs::copy(from, &staged))
        .map_err(|error| LakeError::io(from, error))
        .and_then(|_| std::fs::File::open(&staged).and_then(|file| file.sync_all()).map_err(io))
        .and_then(|()| match sha256_of(&staged, &Cancel::default()).map_err(io)? {
            Some(found) if found == hash => std::fs::rename(&staged, to).map_err(io),
            _ => Err(LakeError::Moved { path: from.to_owned() }),
        });
    if copied.is_err() {
        let _ = std::fs::remove_file(&staged);
    }
    copied
}
