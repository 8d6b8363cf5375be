//! Frames → one Parquet file of a table, on the disk before it is committed.

use std::fs::File;
use std::path::{Path, PathBuf};

use polars::io::parquet::write::BatchedWriter;
use polars::prelude::{DataType, ParquetCompression, ParquetWriter, StatisticsOptions};

use super::schema::{Column, polars_schema};
use super::{Frame, Lake, LakeError, TableId, stats};

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
    /// Number of rows.
    pub rows: u64,
    pub(super) bytes: u64,
    committed: bool,
}

impl Written {
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

/// Writes one data file, frame by frame, each frame a row group or more.
pub struct TableWriter {
    table: TableId,
    columns: Vec<Column>,
    /// `None` once the file is finished.
    writer: Option<BatchedWriter<File>>,
    file: Written,
}

impl Lake {
    /// Starts a data file of a table. `columns` are those of the table, `partition` the values of its partition
    /// columns, which stand in the log and not in the file.
    ///
    /// # Errors
    /// The folder or the file cannot be made.
    pub fn write(&self, table: &TableId, columns: &[Column], partition: &[(&str, &str)]) -> Result<TableWriter, LakeError> {
        let folders = partition.iter().map(|(name, value)| format!("{name}={value}"));
        let file_name = format!("part-{}.zstd.parquet", uuid::Uuid::now_v7());
        let relative_path = folders.chain([file_name]).collect::<Vec<_>>().join("/");
        let full_path = self.path(table).join(&relative_path);
        if let Some(parent) = full_path.parent() {
            std::fs::create_dir_all(parent).map_err(|error| LakeError::io(parent, error))?;
        }
        let file = File::create(&full_path).map_err(|error| LakeError::io(&full_path, error))?;
        let stored: Vec<Column> =
            columns.iter().filter(|column| !partition.iter().any(|(name, _)| *name == column.name)).cloned().collect();
        let writer = ParquetWriter::new(file)
            .with_compression(ParquetCompression::Zstd(None))
            // Whole texts: the log is where deliveries are listed from.
            .with_statistics(StatisticsOptions {
                binary_statistics_truncate_length: Some(LONGEST_STATISTIC),
                ..StatisticsOptions::default()
            })
            .batched(&polars_schema(stored.iter()))
            .map_err(|source| LakeError::Parquet { table: table.to_string(), source: Box::new(source) })?;
        let partition = partition.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let file = Written { full_path, relative_path, partition, stats: String::new(), rows: 0, bytes: 0, committed: false };
        Ok(TableWriter { table: table.clone(), columns: stored, writer: Some(writer), file })
    }
}

impl TableWriter {
    fn error(&self, source: polars::error::PolarsError) -> LakeError {
        LakeError::Parquet { table: self.table.to_string(), source: Box::new(source) }
    }

    /// Appends a frame; its columns are found by name, and cast where the engine counts in other widths.
    ///
    /// # Errors
    /// A column is missing or of another type, or the disk is full.
    pub fn push(&mut self, frame: &Frame) -> Result<(), LakeError> {
        let schema = polars_schema(self.columns.iter());
        let mut columns = Vec::with_capacity(self.columns.len());
        for (name, kind) in schema.iter() {
            let column = frame.0.column(name).map_err(|error| self.error(error))?;
            let column =
                if column.dtype() == kind { column.clone() } else { cast(column, kind).map_err(|error| self.error(error))? };
            columns.push(column);
        }
        let ordered = polars::prelude::DataFrame::new(frame.height(), columns).map_err(|error| self.error(error))?;
        let Some(writer) = self.writer.as_mut() else { return Ok(()) };
        let mut at = 0;
        while at < ordered.height() {
            let mut group = ordered.slice(at as i64, GROUP_ROWS.max(1));
            group.align_chunks_par();
            group.rechunk_mut();
            let written = writer.write_batch(&group);
            written.map_err(|source| LakeError::Parquet { table: self.table.to_string(), source: Box::new(source) })?;
            at += GROUP_ROWS;
        }
        Ok(())
    }

    /// Ends the file and waits until it is on the disk.
    ///
    /// # Errors
    /// The disk is full, or the footer cannot be read back.
    pub fn finish(mut self) -> Result<Written, LakeError> {
        if let Some(writer) = self.writer.take() {
            writer.finish().map_err(|error| self.error(error))?;
        }
        let path = self.file.full_path.clone();
        let io = |error| LakeError::io(&path, error);
        let file = File::open(&path).map_err(io)?;
        file.sync_all().map_err(io)?;
        sync_folder(&path)?;
        self.file.bytes = file.metadata().map_err(io)?.len();
        let (rows, stats) = stats::of_file(&path, &self.columns).map_err(|error| io(std::io::Error::other(error)))?;
        self.file.rows = rows;
        self.file.stats = stats;
        Ok(self.file)
    }
}

fn cast(column: &polars::prelude::Column, kind: &DataType) -> polars::prelude::PolarsResult<polars::prelude::Column> {
    column.strict_cast(kind)
}

/// Makes the entry of a file durable, and that of its folder and the folder above, which may be new.
pub(super) fn sync_folder(path: &Path) -> Result<(), LakeError> {
    for folder in path.ancestors().skip(1).take(3) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| LakeError::io(folder, error))?;
    }
    Ok(())
}
