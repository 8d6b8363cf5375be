//! Every step in which the lake reads or changes the disk, so that tests can let each of them fail, or be the last one.
//!
//! The steps themselves are those of the local file system; what may come between is asked here. What always holds: nothing of the lake
//! is made, changed or removed without a step.

use std::collections::HashSet;
use std::fmt::Debug;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::store::sync_folders;

/// What is done with the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// The files of a folder are listed.
    List,
    /// A file of a log is read.
    Get,
    /// A file of a log is written beside its place.
    Stage,
    /// It gets its name.
    Put,
    /// A data file is made durable.
    Sync,
    /// A file is removed.
    Delete,
    /// A file gets another name.
    Rename,
    /// A folder is made.
    MakeFolder,
    /// A data file of another environment is copied.
    Copy,
    /// The files of a generation are linked.
    Link,
    /// A generation is shown.
    Show,
    /// The writer's lock is taken.
    Lock,
}

/// Before or after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Moment {
    /// It is not done yet.
    Before,
    /// It is done, and nobody knows it yet.
    After,
}

/// What can go wrong with a disk, or a machine.
pub trait Faults: Debug + Send + Sync {
    /// Called at each step; an error is one of the disk.
    ///
    /// # Errors
    /// The step fails.
    fn at(&self, operation: Operation, moment: Moment, path: &Path) -> std::io::Result<()>;
}

/// The disk, and what goes wrong with it: nothing but what the system says, unless a test has brought faults.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk {
    faults: Option<Arc<dyn Faults>>,
    /// Whether something could not be removed, and lies there still.
    is_left: Arc<AtomicBool>,
    /// Folders whose own entries are durable: none has been made or removed since they were synced.
    durable: Arc<Mutex<HashSet<PathBuf>>>,
}

impl Disk {
    pub(super) fn with(faults: Arc<dyn Faults>) -> Self {
        Self { faults: Some(faults), ..Self::default() }
    }

    /// Whether something could not be removed since this was asked last.
    pub(super) fn take_left(&self) -> bool {
        self.is_left.swap(false, Ordering::Relaxed)
    }

    /// Something could not be removed, or nobody knows: it is looked for by the next one who writes.
    pub(super) fn leave(&self) {
        self.is_left.store(true, Ordering::Relaxed);
    }

    /// Does a step.
    pub(super) fn step<T>(
        &self,
        operation: Operation,
        path: &Path,
        act: impl FnOnce() -> std::io::Result<T>,
    ) -> std::io::Result<T> {
        let done = match &self.faults {
            None => act(),
            Some(faults) => faults.at(operation, Moment::Before, path).and_then(|()| act()).and_then(|done| {
                faults.at(operation, Moment::After, path)?;
                Ok(done)
            }),
        };
        if operation == Operation::Delete && done.is_err() {
            self.leave();
        }
        done
    }

    /// Removes a folder and all in it; one that is not there is removed.
    pub(super) fn delete_folder(&self, path: &Path) -> std::io::Result<()> {
        self.durable().clear();
        self.step(Operation::Delete, path, || match std::fs::remove_dir_all(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        })
    }

    /// Removes a file; one that is not there is removed.
    pub(super) fn delete(&self, path: &Path) -> std::io::Result<()> {
        self.step(Operation::Delete, path, || match std::fs::remove_file(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        })
    }

    /// Makes a folder and those above it.
    pub(super) fn make_folder(&self, path: &Path) -> std::io::Result<()> {
        self.step(Operation::MakeFolder, path, || {
            if path.is_dir() {
                return Ok(());
            }
            self.durable().clear();
            std::fs::create_dir_all(path)
        })
    }

    /// Makes the entry of a file durable, and those of the folders that it is in, unless they are.
    pub(super) fn sync_entry(&self, path: &Path) -> std::io::Result<()> {
        let Some(folder) = path.parent().filter(|folder| self.durable().contains(*folder)) else {
            sync_folders(path)?;
            self.durable().extend(path.parent().map(Path::to_owned));
            return Ok(());
        };
        File::open(folder)?.sync_all()
    }

    fn durable(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_is_made_durable_once_unless_one_was_made_or_removed_since() {
        let place = tempfile::tempdir().unwrap();
        let [first, second, gone] = ["table/_delta_log", "table/month=1", "gone"].map(|folder| place.path().join(folder));
        let disk = Disk::default();
        let known = |disk: &Disk| disk.durable().iter().cloned().collect::<Vec<_>>();
        let of_first = std::slice::from_ref(&first);
        disk.make_folder(&first).unwrap();
        assert!(known(&disk).is_empty());
        disk.sync_entry(&first.join("00.json")).unwrap();
        disk.make_folder(&first).unwrap();
        assert_eq!(known(&disk), of_first);
        disk.clone().sync_entry(&first.join("01.json")).unwrap();
        assert_eq!(known(&disk), of_first);
        assert!(disk.sync_entry(&gone.join("00.json")).is_err(), "of a folder that is not there nothing is known");
        assert_eq!(known(&disk), of_first);
        disk.make_folder(&second).unwrap();
        assert!(known(&disk).is_empty());
        disk.sync_entry(&first.join("02.json")).unwrap();
        disk.delete_folder(&second).unwrap();
        assert!(known(&disk).is_empty());
    }
}
