//! Every step in which the lake reads or changes the disk, so that tests can let each of them fail, or be the last one.
//!
//! The steps themselves are those of the local file system; what may come between is asked here. What always holds: nothing of the lake
//! is made, changed or removed without a step.

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
}

impl Disk {
    pub(super) fn with(faults: Arc<dyn Faults>) -> Self {
        Self { faults: Some(faults), is_left: Arc::default() }
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
        self.step(Operation::MakeFolder, path, || std::fs::create_dir_all(path))
    }
}
