//! One writer at a time: an advisory lock on the environment that says who holds it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};

use super::disk::{Disk, Operation};
use super::{Lake, LakeError, Layer, TableId};
use crate::model::cell::visible;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// The file of a lock that is held, by what tells it from another one of the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    path: PathBuf,
    identity: (u64, u64),
}

/// Device and number of a file, where the system has them.
#[cfg(unix)]
fn identity(about: &std::fs::Metadata) -> (u64, u64) {
    (std::os::unix::fs::MetadataExt::dev(about), std::os::unix::fs::MetadataExt::ino(about))
}

/// Whether it is there at all, where the system has neither.
#[cfg(not(unix))]
fn identity(_: &std::fs::Metadata) -> (u64, u64) {
    (0, 0)
}

impl Held {
    /// That the file is still where it was: else the folder went away, and what is written goes into another one of its name.
    fn is_in_place(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|about| identity(&about) == self.identity)
    }
}

/// The right to write, held until dropped.
#[derive(Debug)]
pub struct WriteLock {
    held: Arc<Mutex<Option<Held>>>,
    file: File,
    disk: Disk,
    who: String,
    taken_at: SystemTime,
    /// When whoever left something took it: what he left is not older.
    pub(super) abandoned_at: Option<SystemTime>,
    /// Whoever held it before and left something to clear up: a process that was killed, a machine that lost power, a disk that failed.
    pub abandoned_by: Option<String>,
}

impl Drop for WriteLock {
    fn drop(&mut self) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        if held.is_some_and(|held| !held.is_in_place()) {
            self.disk.leave();
        }
        // The system gives it back in any case; an empty file says that it was given back in order. What somebody left before that nobody
        // has cleared up is told to the next one.
        let ours = std::mem::take(&mut self.who);
        let (left, at) = match (self.abandoned_by.take(), self.abandoned_at) {
            (Some(before), Some(at)) => (before, at),
            _ if self.disk.take_left() => (ours, self.taken_at),
            _ => (String::new(), self.taken_at),
        };
        let give_back = || write(&mut self.file, &left).and_then(|()| self.file.set_modified(at));
        let _ = self.disk.step(Operation::Lock, Path::new(""), give_back);
    }
}

fn write(file: &mut File, text: &str) -> std::io::Result<()> {
    file.rewind()?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)?;
    file.sync_all()
}

/// The name of this machine.
fn host() -> String {
    let of_system = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let of_shell = || ["HOSTNAME", "COMPUTERNAME"].iter().find_map(|name| std::env::var(name).ok());
    of_system.or_else(of_shell).map_or_else(|| "an unnamed machine".into(), |name| name.trim().to_owned())
}

impl Lake {
    /// Waits until nobody appends to the tables of `ops`, which decisions do beside whoever holds the writer's lock; others wait until it is
    /// dropped.
    ///
    /// # Errors
    /// The lock file cannot be made.
    pub fn appends(&self) -> Result<File, LakeError> {
        let folder = self.lock_folder();
        let path = folder.join("appends.lock");
        let io = |error| LakeError::io(&path, error);
        self.disk.make_folder(&folder).map_err(io)?;
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(io)?;
        file.lock().map_err(io)?;
        Ok(file)
    }

    /// The same where a table is one of those.
    pub(super) fn no_appends(&self, table: &TableId) -> Result<Option<File>, LakeError> {
        (table.layer == Layer::Ops).then(|| self.appends()).transpose()
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// That the folder is the one in which the right to write was taken. A mount that went away leaves an empty folder in its place, in
    /// which a log could be begun anew.
    ///
    /// # Errors
    /// It is another one, or gone.
    pub fn expect_in_place(&self) -> Result<(), LakeError> {
        match self.held().as_ref() {
            Some(held) if !held.is_in_place() => {
                // What is to be removed meanwhile is not found, and comes back with the folder.
                self.disk.leave();
                Err(LakeError::Gone { path: self.root.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Whoever writes now; `None` if nobody does.
    ///
    /// # Errors
    /// The lock file cannot be read.
    pub fn writer(&self) -> Result<Option<String>, LakeError> {
        let path = self.lock_folder().join("writer.lock");
        let io = |error| LakeError::io(&path, error);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io(error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => {
                let holder = named(&mut file).map_err(io)?;
                Ok(Some(holder.unwrap_or_default()))
            }
            Err(TryLockError::Error(error)) => Err(io(error)),
        }
    }

    /// Takes the right to write; the other one's description if somebody else has it.
    ///
    /// # Errors
    /// The environment's folder cannot be made or the lock file not opened.
    pub fn lock(&self, who: &str) -> Result<Result<WriteLock, String>, LakeError> {
        let folder = self.lock_folder();
        let path = folder.join("writer.lock");
        let io = |error| LakeError::io(&path, error);
        self.disk.make_folder(&folder).map_err(|error| LakeError::io(&folder, error))?;
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        // Who only looks whether somebody writes has it for a moment.
        let mut taken = file.try_lock();
        for _ in 0..5 {
            if !matches!(taken, Err(TryLockError::WouldBlock)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
            taken = file.try_lock();
        }
        match taken {
            Ok(()) => {
                let abandoned_by = named(&mut file).map_err(io)?;
                let abandoned_at = file.metadata().and_then(|about| about.modified()).ok();
                let who = format!("{who} on {}", host());
                self.disk.step(Operation::Lock, &path, || write(&mut file, &who)).map_err(io)?;
                let about = file.metadata().map_err(io)?;
                let taken_at = about.modified().map_err(io)?;
                *self.held() = Some(Held { path, identity: identity(&about) });
                Ok(Ok(WriteLock {
                    held: self.held.clone(),
                    file,
                    disk: self.disk.clone(),
                    who,
                    taken_at,
                    abandoned_at,
                    abandoned_by,
                }))
            }
            Err(TryLockError::WouldBlock) => {
                let holder = named(&mut file).map_err(io)?;
                Ok(Err(holder.unwrap_or_default()))
            }
            Err(TryLockError::Error(error)) => Err(io(error)),
        }
    }
}

/// Whom a lock file names, in a line; `None` if nothing is in it. After a power cut anything may be.
fn named(file: &mut File) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text.trim().lines().next().unwrap_or_default();
    let is_legible = line.contains(char::is_alphanumeric);
    let name = if is_legible { visible(line).into_owned() } else { "a process that left no name".into() };
    Ok((!line.is_empty()).then_some(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Environment;

    #[test]
    fn second_writer_is_told_who_writes() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::new(folder.path(), Environment::Dev).unwrap();
        let first = lake.lock("process 7 since 10:00").unwrap().unwrap();
        let named = format!("process 7 since 10:00 on {}", host());
        assert_eq!(lake.lock("another").unwrap().unwrap_err(), named);
        assert_eq!(lake.writer().unwrap(), Some(named));
        drop(first);
        assert_eq!(lake.lock("another").unwrap().unwrap().abandoned_by, None);
    }

    #[test]
    fn writer_that_was_killed_is_named_to_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::new(folder.path(), Environment::Dev).unwrap();
        drop(lake.lock("first").unwrap().unwrap());
        // As a process leaves it that is killed: the system lets go of the lock, the text stays.
        std::fs::write(lake.root().join("writer.lock"), "process 7 since 10:00").unwrap();
        let next = lake.lock("next").unwrap().unwrap();
        assert_eq!(next.abandoned_by.as_deref(), Some("process 7 since 10:00"));
        drop(next);
        let mut after = lake.lock("after").unwrap().unwrap();
        assert_eq!(after.abandoned_by.take().as_deref(), Some("process 7 since 10:00"), "nobody cleared up yet");
        drop(after);
        assert_eq!(lake.lock("last").unwrap().unwrap().abandoned_by, None);
        assert_eq!(lake.writer().unwrap(), None);
    }

    #[test]
    fn lock_that_a_power_cut_left_keeps_nobody_out() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::new(folder.path(), Environment::Dev).unwrap();
        let after = |left: &[u8]| {
            std::fs::create_dir_all(lake.root()).unwrap();
            std::fs::write(lake.root().join("writer.lock"), left).unwrap();
            lake.lock("next").unwrap().unwrap().abandoned_by.take()
        };
        assert_eq!(after(&[0; 40]).as_deref(), Some("a process that left no name"));
        assert_eq!(after(b"\xff\xfe\x01").as_deref(), Some("a process that left no name"));
        assert_eq!(
            after(b"process 7\x1b[2J since\xff 10:00\n\0more").as_deref(),
            Some("process 7\u{241b}[2J since\u{fffd} 10:00")
        );
        assert_eq!(after(b" \n"), None);
        assert_eq!(after(b""), None);
    }
}
