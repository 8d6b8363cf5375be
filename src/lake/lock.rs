//! One writer at a time: an advisory lock on the environment that says who holds it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};

use super::{Lake, LakeError};

/// The right to write, held until dropped.
#[derive(Debug)]
pub struct WriteLock {
    _file: File,
}

impl Lake {
    /// Takes the right to write; the other one's description if somebody else has it.
    ///
    /// # Errors
    /// The environment's folder cannot be made or the lock file not opened.
    pub fn lock(&self, who: &str) -> Result<Result<WriteLock, String>, LakeError> {
        let folder = self.lock_folder();
        let path = folder.join("writer.lock");
        let io = |error| LakeError::io(&path, error);
        std::fs::create_dir_all(&folder).map_err(|error| LakeError::io(&folder, error))?;
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0).map_err(io)?;
                file.rewind().map_err(io)?;
                file.write_all(who.as_bytes()).map_err(io)?;
                Ok(Ok(WriteLock { _file: file }))
            }
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).map_err(io)?;
                Ok(Err(holder))
            }
            Err(TryLockError::Error(error)) => Err(io(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Environment;

    #[test]
    fn second_writer_is_told_who_writes() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::new(folder.path(), Environment::Dev).unwrap();
        let first = lake.lock("process 7 on this machine").unwrap().unwrap();
        assert_eq!(lake.lock("another").unwrap().unwrap_err(), "process 7 on this machine");
        drop(first);
        assert!(lake.lock("another").unwrap().is_ok());
    }
}
