//! Where the logs of the tables are kept: local folders, written so that nothing is seen before it is on the disk.
//!
//! Lies below the Delta library, which reads and writes logs through it. What always holds: a file that exists is whole,
//! whatever is cut off when, and one that must be new is never written over.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::disk::{Disk, Operation};
use async_trait::async_trait;
use deltalake::logstore::object_store::local::LocalFileSystem;
use deltalake::logstore::object_store::path::Path as StorePath;
use deltalake::logstore::object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
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

    /// Where a folder is, if it may be listed.
    fn listed(&self, folder: &StorePath) -> Result<PathBuf> {
        let path = self.files.path_to_filesystem(folder)?;
        self.disk.step(Operation::List, &path, || Ok(())).map_err(failed)?;
        Ok(path)
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

    /// A file, or a part of it, read where it is asked for: a log is many small files, and to hand each to another thread takes several times
    /// as long as to read it.
    fn get(&self, location: &StorePath, options: &GetOptions) -> Result<GetResult> {
        let of_disk = |error| failed_at(location, error);
        let path = self.files.path_to_filesystem(location)?;
        let mut file = self.disk.step(Operation::Get, &path, || File::open(&path)).map_err(of_disk)?;
        let meta = file.metadata().and_then(|metadata| object(location.clone(), &metadata)).map_err(of_disk)?;
        options.check_preconditions(&meta)?;
        let range = options.range.as_ref().map_or(Ok(0..meta.size), |range| range.as_range(meta.size));
        let range = range.map_err(|source| Error::Generic { store: NAME, source: Box::new(source) })?;
        let mut content = Vec::new();
        if !options.head {
            content.reserve_exact((range.end - range.start) as usize);
            file.seek(SeekFrom::Start(range.start)).map_err(of_disk)?;
            file.take(range.end - range.start).read_to_end(&mut content).map_err(of_disk)?;
        }
        let content = futures::stream::iter(PutPayload::from(content).into_iter().map(Ok)).boxed();
        Ok(GetResult { payload: GetResultPayload::Stream(content), attributes: Attributes::default(), range, meta })
    }

    /// The files of a folder whose names come after another one, looked at where they are asked for; those before it, of which a long log
    /// has many, are not looked at.
    fn later(&self, folder: &StorePath, offset: &StorePath) -> std::io::Result<Vec<ObjectMeta>> {
        let entries = match self.listed(folder)?.read_dir() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let first = offset.prefix_match(folder).and_then(|mut parts| parts.next());
        let is_earlier = |name: &str| first.as_ref().is_some_and(|first| name <= first.as_ref());
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| !is_staged(name)) else { continue };
            // A location is made of those alone that count: a log has hundreds of entries, of which a few do.
            if stands_as_it_is(name) && is_earlier(name) {
                continue;
            }
            let location = folder.clone().join(name);
            if location <= *offset {
                continue;
            }
            match entry.path().metadata() {
                Ok(metadata) if metadata.is_file() => found.push(object(location, &metadata)?),
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                // A folder, or gone since.
                _ => {}
            }
        }
        Ok(found)
    }
}

/// What the system says of a file.
fn object(location: StorePath, metadata: &std::fs::Metadata) -> std::io::Result<ObjectMeta> {
    if !metadata.is_file() {
        return Err(std::io::Error::new(std::io::ErrorKind::NotFound, "it is no file"));
    }
    Ok(ObjectMeta { location, last_modified: metadata.modified()?.into(), size: metadata.len(), e_tag: None, version: None })
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
        self.get(location, &options)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<StorePath>>) -> BoxStream<'static, Result<StorePath>> {
        self.files.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&StorePath>) -> BoxStream<'static, Result<ObjectMeta>> {
        if let Err(error) = self.listed(prefix.unwrap_or(&StorePath::ROOT)) {
            return futures::stream::once(std::future::ready(Err(error))).boxed();
        }
        self.seen(self.files.list(prefix))
    }

    fn list_with_offset(&self, prefix: Option<&StorePath>, offset: &StorePath) -> BoxStream<'static, Result<ObjectMeta>> {
        let later = self.later(prefix.unwrap_or(&StorePath::ROOT), offset).map_err(failed);
        let entries = later.map_or_else(|error| vec![Err(error)], |found| found.into_iter().map(Ok).collect());
        self.seen(futures::stream::iter(entries).boxed())
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

fn failed_at(location: &StorePath, error: std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::NotFound => Error::NotFound { path: location.to_string(), source: Box::new(error) },
        _ => failed(error),
    }
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
            disk.sync_entry(path)
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

/// Whether a name is one that [`staging_path`] gives.
fn is_staged(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(_, digits)| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a name is written in a location as it is.
fn stands_as_it_is(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

fn write_synced(path: &Path, payload: &PutPayload) -> std::io::Result<()> {
    let mut file = File::create_new(path)?;
    payload.iter().try_for_each(|bytes| file.write_all(bytes))?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use deltalake::logstore::object_store::GetRange;

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

    /// A store and the location of a folder.
    fn store_of(folder: &tempfile::TempDir) -> (LocalStore, StorePath) {
        (LocalStore::new(Checkpoints::Used, Disk::default()), StorePath::from_absolute_path(folder.path()).unwrap())
    }

    #[test]
    fn log_is_listed_after_an_entry_without_folders_and_what_is_only_staged() {
        let folder = tempfile::tempdir().unwrap();
        let (store, log) = store_of(&folder);
        for name in ["00.json", "01.json", "02.checkpoint.parquet", "02.json", "03.json", "_last_checkpoint", "03.json#4711"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        std::fs::create_dir(folder.path().join("_sidecars")).unwrap();
        let listed = |offset: &str| {
            let entries = store.list_with_offset(Some(&log), &log.clone().join(offset));
            let mut names: Vec<(String, u64)> = futures::executor::block_on_stream(entries)
                .map(|entry| entry.unwrap())
                .map(|entry| (entry.location.filename().unwrap().to_owned(), entry.size))
                .collect();
            names.sort();
            names
        };
        let expected = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), name.len() as u64)).collect::<Vec<_>>();
        assert_eq!(listed("01.json"), expected(&["02.checkpoint.parquet", "02.json", "03.json", "_last_checkpoint"]));
        assert_eq!(listed("_last_checkpoint"), []);
        // Locations are what is compared, whatever they are made of: `%` stands in one as `%25`, after `#` and before `0`.
        std::fs::write(folder.path().join("0%.json"), "0%.json").unwrap();
        assert_eq!(listed("00.json").len() + 1, listed("0%.json").len());
        let inner = store.list_with_offset(Some(&log), &log.clone().join("01.json").join("0"));
        assert_eq!(futures::executor::block_on_stream(inner).count(), 4);
        let gone = store.list_with_offset(Some(&log.clone().join("gone")), &log.join("gone").join("00.json"));
        assert_eq!(futures::executor::block_on_stream(gone).count(), 0);
    }

    #[test]
    fn file_is_read_whole_and_in_part_and_one_that_is_not_there_is_not_found() {
        let folder = tempfile::tempdir().unwrap();
        let (store, log) = store_of(&folder);
        std::fs::write(folder.path().join("entry"), "0123456789").unwrap();
        let read = |range: Option<GetRange>| {
            let options = GetOptions { range, ..GetOptions::default() };
            let found = futures::executor::block_on(store.get_opts(&log.clone().join("entry"), options))?;
            let (range, size) = (found.range.clone(), found.meta.size);
            Ok::<_, Error>((futures::executor::block_on(found.bytes())?.to_vec(), range, size))
        };
        assert_eq!(read(None).unwrap(), (b"0123456789".to_vec(), 0..10, 10));
        assert_eq!(read(Some(GetRange::Bounded(2..5))).unwrap(), (b"234".to_vec(), 2..5, 10));
        assert_eq!(read(Some(GetRange::Suffix(3))).unwrap(), (b"789".to_vec(), 7..10, 10));
        assert_eq!(read(Some(GetRange::Offset(8))).unwrap(), (b"89".to_vec(), 8..10, 10));
        assert!(read(Some(GetRange::Offset(10))).is_err());
        for missing in [log.clone().join("gone"), log.clone()] {
            let found = futures::executor::block_on(store.get_opts(&missing, GetOptions::default()));
            assert!(matches!(found, Err(Error::NotFound { .. })), "{missing}: {found:?}");
        }
    }
}
