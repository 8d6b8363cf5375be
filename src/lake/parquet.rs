//! Frames → one Parquet file of a table, on the disk before it is committed.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use polars::io::parquet::write::BatchedWriter;
use polars::prelude::*;

use super::schema::{Column, polars_schema};
use super::store::sync_folders;
use super::{Frame, Lake, LakeError, Relation, TableId, stats};

/// Rows in a row group of the upper tables: what a pruned scan skips or reads.
const GROUP_ROWS: usize = 1 << 16;

/// Longer texts have no statistics.
const LONGEST_STATISTIC: u64 = 4096;

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
}

impl Written {
    /// Notes something about the file, to be read again with [`super::DataFile::tag`].
    pub fn note(&mut self, tag: &str, value: &impl ToString) {
        self.tags.push((tag.to_owned(), value.to_string()));
    }

    /// The file belongs to its table from now on.
    pub(super) fn keep(mut self) {
        self.committed = true;
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        if !self.committed {
            let _ = std::fs::remove_file(&self.full_path);
        }
    }
}

/// A data file that is to be written, by a plan of the engine or frame by frame.
pub struct Target {
    table: TableId,
    columns: Vec<Column>,
    file: Written,
}

/// Writes one data file, frame by frame, each frame a row group or more.
pub struct TableWriter {
    target: Target,
    writer: BatchedWriter<File>,
}

impl Lake {
    /// A new data file of a table. `columns` are those of the table, `partition` the values of its partition columns,
    /// which stand in the log and not in the file.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn target(&self, table: &TableId, columns: &[Column], partition: &[(&str, &str)]) -> Result<Target, LakeError> {
        let folders = partition.iter().map(|(name, value)| format!("{name}={value}"));
        let file_name = format!("part-{}.snappy.parquet", uuid::Uuid::now_v7());
        let relative_path = folders.chain([file_name]).collect::<Vec<_>>().join("/");
        let full_path = self.path(table).join(&relative_path);
        if let Some(parent) = full_path.parent() {
            std::fs::create_dir_all(parent).map_err(|error| LakeError::io(parent, error))?;
        }
        let stored: Vec<Column> =
            columns.iter().filter(|column| !partition.iter().any(|(name, _)| *name == column.name)).cloned().collect();
        let partition = partition.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let file = Written {
            full_path,
            relative_path,
            partition,
            stats: String::new(),
            tags: Vec::new(),
            rows: 0,
            bytes: 0,
            committed: false,
        };
        Ok(Target { table: table.clone(), columns: stored, file })
    }

    /// Starts a data file of a table, as [`Lake::target`], to be written frame by frame.
    ///
    /// # Errors
    /// The folder or the file cannot be made.
    pub fn write(&self, table: &TableId, columns: &[Column], partition: &[(&str, &str)]) -> Result<TableWriter, LakeError> {
        let target = self.target(table, columns, partition)?;
        let file = File::create(&target.file.full_path).map_err(|error| LakeError::io(&target.file.full_path, error))?;
        let writer = ParquetWriter::new(file)
            .with_compression(compression())
            .with_statistics(statistics())
            .batched(&polars_schema(target.columns.iter()))
            .map_err(|source| target.error(source))?;
        Ok(TableWriter { target, writer })
    }
}

/// What Delta writers use by default; a load and every read are faster than with Zstandard, the files larger.
fn compression() -> ParquetCompression {
    ParquetCompression::Snappy
}

/// Whole texts: the log is where deliveries are listed from.
fn statistics() -> StatisticsOptions {
    StatisticsOptions { binary_statistics_truncate_length: Some(LONGEST_STATISTIC), ..StatisticsOptions::default() }
}

impl Target {
    fn error(&self, source: PolarsError) -> LakeError {
        LakeError::Parquet { table: self.table.to_string(), source: Box::new(source) }
    }

    /// The plan that writes the rows of a relation to the file; its columns are found by name, and cast where the engine
    /// counts in other widths.
    pub(crate) fn fed_by(&self, rows: Relation) -> PolarsResult<LazyFrame> {
        let schema = polars_schema(self.columns.iter());
        let columns: Vec<Expr> = schema.iter().map(|(name, kind)| col(name.clone()).strict_cast(kind.clone())).collect();
        let options = ParquetWriteOptions {
            compression: compression(),
            statistics: statistics(),
            row_group_size: Some(GROUP_ROWS),
            ..ParquetWriteOptions::default()
        };
        rows.0.select(columns).sink(
            SinkDestination::File { target: SinkTarget::Path(PlRefPath::try_from_path(&self.file.full_path)?) },
            FileWriteFormat::Parquet(Arc::new(options)),
            UnifiedSinkArgs::default(),
        )
    }

    /// Waits until the file, which is complete, is on the disk.
    ///
    /// # Errors
    /// The footer cannot be read back.
    pub fn finish(mut self) -> Result<Written, LakeError> {
        let path = self.file.full_path.clone();
        let io = |error| LakeError::io(&path, error);
        let file = File::open(&path).map_err(io)?;
        file.sync_all().map_err(io)?;
        sync_folders(&path).map_err(io)?;
        self.file.bytes = file.metadata().map_err(io)?.len();
        let (rows, stats) = stats::of_file(&path, &self.columns).map_err(|error| io(std::io::Error::other(error)))?;
        self.file.rows = rows;
        self.file.stats = stats;
        Ok(self.file)
    }
}

impl TableWriter {
    /// Appends a frame; its columns are found by name, and cast where the engine counts in other widths.
    ///
    /// # Errors
    /// A column is missing or of another type, or the disk is full.
    pub fn push(&mut self, frame: &Frame) -> Result<(), LakeError> {
        self.write(frame).map_err(|source| self.target.error(source))
    }

    fn write(&mut self, frame: &Frame) -> PolarsResult<()> {
        let schema = polars_schema(self.target.columns.iter());
        let mut columns = Vec::with_capacity(self.target.columns.len());
        for (name, kind) in schema.iter() {
            let column = frame.0.column(name)?;
            columns.push(if column.dtype() == kind { column.clone() } else { column.strict_cast(kind)? });
        }
        let ordered = DataFrame::new(frame.height(), columns)?;
        let mut at = 0;
        while at < ordered.height() {
            let mut group = ordered.slice(at as i64, GROUP_ROWS);
            group.align_chunks_par();
            group.rechunk_mut();
            self.writer.write_batch(&group)?;
            at += GROUP_ROWS;
        }
        Ok(())
    }

    /// Ends the file and waits until it is on the disk.
    ///
    /// # Errors
    /// The disk is full, or the footer cannot be read back.
    pub fn finish(self) -> Result<Written, LakeError> {
        self.writer.finish().map_err(|error| self.target.error(error))?;
        self.target.finish()
    }
}
