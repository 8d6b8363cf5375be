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
    durable: Arc<Mutex<Durable>>,
}

/// What need not be synced again.
#[derive(Debug, Default)]
struct Durable {
    /// Folders whose entries are durable, but for files that came since: no folder was made or removed in them since they were synced.
    folders: HashSet<PathBuf>,
    /// How often folders were made or removed.
    changes: u64,
}

impl Durable {
    /// Forgets folders in which another is made, or removed with all in it.
    fn forget(&mut self, path: &Path) {
        self.changes += 1;
        self.folders.retain(|folder| !path.starts_with(folder) && !folder.starts_with(path));
    }
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
        self.durable().forget(path);
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
            // Who sees the folder knows that those above it have to be synced.
            let mut durable = self.durable();
            durable.forget(path);
            std::fs::create_dir_all(path)
        })
    }

    /// Makes the entry of a file durable, and those of the folders that it is in, unless they are.
    pub(super) fn sync_entry(&self, path: &Path) -> std::io::Result<()> {
        for folder in self.to_sync(path) {
            let changes = self.durable().changes;
            sync_folder(folder)?;
            let mut durable = self.durable();
            // What was made meanwhile may have come too late for it.
            if durable.changes == changes {
                durable.folders.insert(folder.to_owned());
            }
        }
        Ok(())
    }

    /// The folder of a file, which is new there, and those above it that are not durable; all of them where another process may have made it.
    fn to_sync<'p>(&self, path: &'p Path) -> Vec<&'p Path> {
        let durable = self.durable();
        let is_known = path.parent().is_some_and(|folder| durable.folders.contains(folder));
        let is_due = |(above, folder): &(usize, &Path)| *above == 0 || !is_known || !durable.folders.contains(*folder);
        folders_of(path).enumerate().filter(is_due).map(|(_, folder)| folder).collect()
    }

    fn durable(&self) -> MutexGuard<'_, Durable> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the entry of a file durable, and that of its folder and the folder above, which may be new.
pub(super) fn sync_folders(path: &Path) -> std::io::Result<()> {
    folders_of(path).try_for_each(sync_folder)
}

fn folders_of(path: &Path) -> impl Iterator<Item = &Path> {
    path.ancestors().skip(1).take(3)
}

fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_is_made_durable_once_unless_one_was_made_or_removed_since() {
        let place = tempfile::tempdir().unwrap();
        let folder = |name: &str| place.path().join(name);
        let disk = Disk::default();
        let known = |disk: &Disk| {
            let names = |folder: &PathBuf| folder.strip_prefix(place.path()).unwrap().to_str().unwrap().to_owned();
            disk.durable().folders.iter().map(names).collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
        };
        disk.make_folder(&folder("layer/table/_delta_log")).unwrap();
        assert!(known(&disk).is_empty());
        disk.sync_entry(&folder("layer/table/_delta_log/00.json")).unwrap();
        let of_log = ["layer", "layer/table", "layer/table/_delta_log"];
        assert_eq!(known(&disk), of_log);
        disk.make_folder(&folder("layer/table/_delta_log")).unwrap();
        disk.clone().sync_entry(&folder("layer/table/_delta_log/01.json")).unwrap();
        assert_eq!(known(&disk), of_log);
        assert!(disk.sync_entry(&folder("gone/00.json")).is_err(), "of a folder that is not there nothing is known");
        assert_eq!(known(&disk), of_log);
        // What is made lies in folders that have to be synced again, whether they are above a file or its own.
        disk.make_folder(&folder("layer/table/month=1")).unwrap();
        assert_eq!(known(&disk), ["layer/table/_delta_log"]);
        disk.sync_entry(&folder("layer/table/month=1/part")).unwrap();
        let of_month = ["layer", "layer/table", "layer/table/_delta_log", "layer/table/month=1"];
        assert_eq!(known(&disk), of_month);
        disk.make_folder(&folder("other/table/month=1")).unwrap();
        assert_eq!(known(&disk), of_month);
        let due = |path: &str| disk.to_sync(&folder(path)).len();
        assert_eq!((due("layer/table/month=1/part"), due("other/table/month=1/part")), (1, 3));
        std::fs::create_dir(folder("layer/table/of_another_process")).unwrap();
        assert_eq!(due("layer/table/of_another_process/part"), 3);
        disk.make_folder(&folder("layer/new")).unwrap();
        assert_eq!(disk.to_sync(&folder("layer/table/month=1/part")), [folder("layer/table/month=1"), folder("layer")]);
        assert_eq!(known(&disk), ["layer/table", "layer/table/_delta_log", "layer/table/month=1"]);
        disk.delete_folder(&folder("layer/table")).unwrap();
        assert!(known(&disk).is_empty());
    }
}
