//! Where the logs of the tables are kept: local folders, written so that nothing is seen before it is on the disk.
//!
//! Lies below the Delta library, which reads and writes logs through it. What always holds: a file that exists is whole,
//! whatever is cut off when, and one that must be new is never written over.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::disk::{Disk, Operation};
use async_trait::async_trait;
use deltalake::logstore::object_store::local::LocalFileSystem;
use deltalake::logstore::object_store::path::Path as StorePath;
use deltalake::logstore::object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use futures::StreamExt;
use futures::stream::BoxStream;

/// The name of the store in errors.
const NAME: &str = "local folder";

/// Whether the checkpoints of a log are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checkpoints {
    /// A log is read from its newest checkpoint on.
    Used,
    /// A log is read from its first entry on: what a checkpoint says is in the entries too.
    Hidden,
}

/// The file system from its root on.
#[derive(Debug)]
pub(super) struct LocalStore {
    files: LocalFileSystem,
    checkpoints: Checkpoints,
    /// What was written through this store: a checkpoint of one's own can be read back, though it is in no listing.
    written: Mutex<HashSet<StorePath>>,
    disk: Disk,
}

impl LocalStore {
    pub(super) fn new(checkpoints: Checkpoints, disk: Disk) -> Self {
        Self { files: LocalFileSystem::new(), checkpoints, written: Mutex::default(), disk }
    }

    /// Whether a step that only reads may be done.
    fn may_read(&self, operation: Operation, location: Option<&StorePath>) -> Result<()> {
        let path = location.map(|location| self.files.path_to_filesystem(location)).transpose()?.unwrap_or_default();
        self.disk.step(operation, &path, || Ok(())).map_err(failed)
    }

    fn hides(&self, location: &StorePath) -> bool {
        self.checkpoints == Checkpoints::Hidden
            && location.filename().is_some_and(is_of_checkpoint)
            && !self.written.lock().unwrap_or_else(PoisonError::into_inner).contains(location)
    }

    fn writes(&self, location: &StorePath) {
        if self.checkpoints == Checkpoints::Hidden {
            self.written.lock().unwrap_or_else(PoisonError::into_inner).insert(location.clone());
        }
    }

    fn seen(&self, entries: BoxStream<'static, Result<ObjectMeta>>) -> BoxStream<'static, Result<ObjectMeta>> {
        if self.checkpoints == Checkpoints::Used {
            return entries;
        }
        let is_seen = |entry: &Result<ObjectMeta>| {
            let hidden = entry.as_ref().is_ok_and(|entry| entry.location.filename().is_some_and(is_of_checkpoint));
            std::future::ready(!hidden)
        };
        entries.filter(is_seen).boxed()
    }
}

impl std::fmt::Display for LocalStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(NAME)
    }
}

/// Whether a file of a log is a checkpoint, or names one.
fn is_of_checkpoint(name: &str) -> bool {
    name == "_last_checkpoint" || name.contains(".checkpoint.")
}

#[async_trait]
impl ObjectStore for LocalStore {
    async fn put_opts(&self, location: &StorePath, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let path = self.files.path_to_filesystem(location)?;
        put(&self.disk, &path, &payload, &options.mode).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Error::AlreadyExists { path: location.to_string(), source: Box::new(error) },
            _ => failed(error),
        })?;
        self.writes(location);
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn put_multipart_opts(&self, location: &StorePath, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.writes(location);
        self.files.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &StorePath, options: GetOptions) -> Result<GetResult> {
        if self.hides(location) {
            return Err(Error::NotFound { path: location.to_string(), source: "checkpoints are hidden".into() });
        }
        self.may_read(Operation::Get, Some(location))?;
        self.files.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<StorePath>>) -> BoxStream<'static, Result<StorePath>> {
        self.files.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&StorePath>) -> BoxStream<'static, Result<ObjectMeta>> {
        if let Err(error) = self.may_read(Operation::List, prefix) {
            return futures::stream::once(std::future::ready(Err(error))).boxed();
        }
        self.seen(self.files.list(prefix))
    }

    fn list_with_offset(&self, prefix: Option<&StorePath>, offset: &StorePath) -> BoxStream<'static, Result<ObjectMeta>> {
        if let Err(error) = self.may_read(Operation::List, prefix) {
            return futures::stream::once(std::future::ready(Err(error))).boxed();
        }
        self.seen(self.files.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&StorePath>) -> Result<ListResult> {
        self.files.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &StorePath, to: &StorePath, options: CopyOptions) -> Result<()> {
        self.files.copy_opts(from, to, options).await
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::Generic { store: NAME, source: Box::new(error) }
}

/// Writes beside the file, syncs, and only then gives it its name.
fn put(disk: &Disk, path: &Path, payload: &PutPayload, mode: &PutMode) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        disk.make_folder(folder)?;
    }
    let staged = staging_path(path);
    let named = disk.step(Operation::Stage, &staged, || write_synced(&staged, payload)).and_then(|()| {
        disk.step(Operation::Put, path, || {
            match mode {
                PutMode::Overwrite => std::fs::rename(&staged, path),
                PutMode::Create => std::fs::hard_link(&staged, path),
                PutMode::Update(_) => Err(std::io::Error::from(std::io::ErrorKind::Unsupported)),
            }?;
            sync_folders(path)
        })
    });
    // After a rename there is nothing left to remove.
    let _ = disk.delete(&staged);
    named
}

/// A name that no listing takes for a file of its own (`name#digits`), and no other writer takes.
fn staging_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!("#{}", uuid::Uuid::new_v4().as_u128()));
    path.with_file_name(name)
}

fn write_synced(path: &Path, payload: &PutPayload) -> std::io::Result<()> {
    let mut file = File::create_new(path)?;
    payload.iter().try_for_each(|bytes| file.write_all(bytes))?;
    file.sync_all()
}

/// Makes the entry of a file durable, and that of its folder and the folder above, which may be new.
pub(super) fn sync_folders(path: &Path) -> std::io::Result<()> {
    path.ancestors().skip(1).take(3).try_for_each(|folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_must_be_new_is_never_written_over_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log/00.json");
        put(&Disk::default(), &path, &PutPayload::from_static(b"first"), &PutMode::Create).unwrap();
        let again = put(&Disk::default(), &path, &PutPayload::from_static(b"second"), &PutMode::Create).unwrap_err();
        assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        put(&Disk::default(), &path, &PutPayload::from_static(b"third"), &PutMode::Overwrite).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"third");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
