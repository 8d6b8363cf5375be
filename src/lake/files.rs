//! Data files of a table: on the disk before they are committed, gone if they are not.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::data_file::{constant, nulls};
use super::disk::{Disk, Operation};
use super::{Lake, LakeError, TableId, stats};
use crate::frame::{Column, FilePart, Frame, FrameError, FrameWriter, Group, PatchedGroup};

/// A data file that is written and not yet part of its table; removed when dropped without a commit.
#[derive(Debug)]
pub struct Written {
    pub(super) full_path: PathBuf,
    pub(super) relative_path: String,
    pub(super) partition: Vec<(String, String)>,
    pub(super) stats: String,
    pub(super) tags: Vec<(String, String)>,
    /// Number of rows.
    pub rows: u64,
    pub(super) bytes: u64,
    committed: bool,
    disk: Disk,
}

impl Written {
    /// Notes something about the file, to be read again with [`super::DataFile::tag`].
    pub fn note(&mut self, tag: &str, value: &impl ToString) {
        self.tags.push((tag.to_owned(), value.to_string()));
    }

    /// The value that a column has in every row of the file, if its statistics say so.
    pub fn constant(&self, column: &str) -> Option<String> {
        constant(&serde_json::from_str(&self.stats).ok()?, column).map(str::to_owned)
    }

    /// Whether no row has a value in a column, going by the file's statistics.
    pub fn is_without(&self, column: &str) -> bool {
        serde_json::from_str(&self.stats).is_ok_and(|stats| nulls(&stats, column) == Some(self.rows))
    }

    /// A file that is there, and of which all is known.
    pub(super) fn existing(
        full_path: PathBuf,
        relative_path: String,
        partition: Vec<(String, String)>,
        stats: String,
        tags: BTreeMap<String, String>,
        (rows, bytes): (u64, u64),
    ) -> Self {
        let disk = Disk::default();
        let tags = tags.into_iter().collect();
        Self { full_path, relative_path, partition, stats, tags, rows, bytes, committed: false, disk }
    }

    /// How the file's rows are read before it is committed.
    pub fn part(&self) -> FilePart {
        let constants = self.partition.iter().map(|(column, value)| (column.clone(), Some(value.clone()))).collect();
        FilePart { path: self.full_path.clone(), constants }
    }

    /// The file belongs to its table from now on.
    pub(super) fn keep(mut self) {
        self.committed = true;
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        if !self.committed {
            let _ = self.disk.delete(&self.full_path);
        }
    }
}

/// Where data files of one part of a table are to be written, by the engine or frame by frame; what was written and not
/// finished is removed when dropped.
#[derive(Debug)]
pub struct Target {
    table: TableId,
    folder: PathBuf,
    relative: String,
    stem: String,
    columns: Vec<Column>,
    left_out: Vec<String>,
    partition: Vec<(String, String)>,
    finished: bool,
    disk: Disk,
}

/// Writes one data file, frame by frame, each frame a row group or more.
pub struct TableWriter {
    target: Target,
    writer: FrameWriter,
}

impl Lake {
    /// A place for new data files of a table. `columns` are those of the table, `partition` the values of its partition
    /// columns, which are in the log and not in the files.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn target(&self, table: &TableId, columns: &[Column], partition: &[(&str, &str)]) -> Result<Target, LakeError> {
        self.expect_loads()?;
        let relative = partition.iter().fold(String::new(), |folder, (name, value)| folder + name + "=" + value + "/");
        let folder = self.path(table).join(&relative);
        self.disk.make_folder(&folder).map_err(|error| LakeError::io(&folder, error))?;
        Ok(Target {
            table: table.clone(),
            folder,
            relative,
            stem: format!("part-{}", uuid::Uuid::now_v7()),
            columns: columns.iter().filter(|column| !partition.iter().any(|(name, _)| *name == column.name)).cloned().collect(),
            left_out: Vec::new(),
            partition: partition.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            finished: false,
            disk: self.disk.clone(),
        })
    }

    /// Starts a data file of a table, as [`Lake::target`], to be written frame by frame.
    ///
    /// # Errors
    /// The folder or the file cannot be made.
    pub fn write(&self, table: &TableId, columns: &[Column], partition: &[(&str, &str)]) -> Result<TableWriter, LakeError> {
        self.target(table, columns, partition)?.writer()
    }
}

impl Target {
    /// The same place, for files that do not have these columns, as no row has a value in them.
    #[must_use]
    pub fn without(mut self, columns: &[&str]) -> Self {
        self.left_out = columns.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// The columns that the files shall have.
    pub fn columns(&self) -> Vec<Column> {
        self.columns.iter().filter(|column| !self.left_out.contains(&column.name)).cloned().collect()
    }

    /// The table.
    pub(crate) const fn table(&self) -> &TableId {
        &self.table
    }

    /// Starts the file, to be written frame by frame.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn writer(self) -> Result<TableWriter, LakeError> {
        let path = self.file();
        let writer = FrameWriter::create(&path, &self.columns()).map_err(|error| LakeError::io(&path, error))?;
        Ok(TableWriter { target: self, writer })
    }

    /// The file, for an engine that writes one.
    pub fn file(&self) -> PathBuf {
        self.folder.join(format!("{}.snappy.parquet", self.stem))
    }

    /// A folder that does not exist yet, for an engine that writes several files.
    pub fn folder(&self) -> PathBuf {
        self.folder.join(&self.stem)
    }

    /// Waits until the files, which are complete, are on the disk.
    ///
    /// # Errors
    /// A file's footer cannot be read back, or it is elsewhere.
    pub fn finish(mut self, files: &[PathBuf]) -> Result<Vec<Written>, LakeError> {
        let written = files.iter().map(|path| self.written(path)).collect::<Result<_, _>>()?;
        self.finished = true;
        Ok(written)
    }

    fn written(&self, path: &Path) -> Result<Written, LakeError> {
        let io = |error| LakeError::io(path, error);
        let elsewhere = || io(std::io::Error::other("a data file is outside of its table"));
        let below = path.strip_prefix(&self.folder).ok().and_then(Path::to_str).ok_or_else(elsewhere)?;
        let mut written = Written {
            full_path: path.to_owned(),
            relative_path: format!("{}{below}", self.relative),
            partition: self.partition.clone(),
            stats: String::new(),
            tags: Vec::new(),
            rows: 0,
            bytes: 0,
            committed: false,
            disk: self.disk.clone(),
        };
        let file = File::open(path).map_err(io)?;
        let durable = || file.sync_all().and_then(|()| self.disk.sync_entry(path));
        self.disk.step(Operation::Sync, path, durable).map_err(io)?;
        written.bytes = file.metadata().map_err(io)?.len();
        let (rows, stats) = stats::of_file(path, &self.columns).map_err(|error| io(std::io::Error::other(error)))?;
        (written.rows, written.stats) = (rows, stats);
        Ok(written)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if !self.finished {
            let _ = self.disk.delete(&self.file());
            let _ = self.disk.delete_folder(&self.folder());
        }
    }
}

impl TableWriter {
    /// Appends a frame; its columns are found by name, and cast where they are of other widths.
    ///
    /// # Errors
    /// A column is missing or of another type, or the disk is full.
    pub fn push(&mut self, frame: &Frame) -> Result<(), LakeError> {
        self.writer.push(frame).map_err(|source| parquet_error(&self.target.table, source))
    }

    /// Appends rows that have the columns of the file, in their order.
    ///
    /// # Errors
    /// The disk is full.
    pub(crate) fn push_group(&mut self, group: Group) -> Result<(), LakeError> {
        self.writer.push_group(group).map_err(|source| parquet_error(&self.target.table, source))
    }

    /// Appends rows that have the columns of the file, in their order, as a row group of their own.
    ///
    /// # Errors
    /// The disk is full.
    pub(crate) fn push_patched(&mut self, group: PatchedGroup) -> Result<(), LakeError> {
        self.writer.push_patched(group).map_err(|source| parquet_error(&self.target.table, source))
    }

    /// Rows with the columns of the file, in their order.
    ///
    /// # Errors
    /// A column is missing.
    pub(crate) fn arranged(&self, rows: Group) -> Result<Group, LakeError> {
        rows.arranged(self.writer.columns()).map_err(|source| parquet_error(&self.target.table, source))
    }

    /// Ends the file and waits until it is on the disk.
    ///
    /// # Errors
    /// The disk is full, or the footer cannot be read back.
    pub fn finish(mut self) -> Result<Written, LakeError> {
        self.writer.finish().map_err(|source| parquet_error(&self.target.table, source))?;
        let written = self.target.written(&self.target.file())?;
        self.target.finished = true;
        Ok(written)
    }
}

fn parquet_error(table: &TableId, source: FrameError) -> LakeError {
    LakeError::Parquet { table: table.to_string(), source: Box::new(source) }
}
