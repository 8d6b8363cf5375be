//! Frames → one Parquet file.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use polars::io::parquet::write::BatchedWriter;
use polars::prelude::{ParquetCompression, ParquetWriter, StatisticsOptions};

use super::schema::{self, Column};
use super::{Frame, FrameError};

/// Rows in a row group: what a pruned scan skips or reads.
pub(crate) const GROUP_ROWS: usize = 1 << 16;

/// What is written at a time.
const BUFFER: usize = 1 << 16;

/// Longer texts have no statistics.
const LONGEST_STATISTIC: u64 = 4096;

/// Writes one Parquet file, frame by frame, each frame a row group or more.
pub struct FrameWriter {
    columns: Vec<Column>,
    writer: BatchedWriter<BufWriter<File>>,
}

impl FrameWriter {
    /// Begins a file.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(path: &Path, columns: &[Column]) -> std::io::Result<Self> {
        // The writer puts out each page and each part of a header by itself; it flushes at its end, and says if that fails.
        let writer = ParquetWriter::new(BufWriter::with_capacity(BUFFER, File::create(path)?))
            .with_compression(compression())
            .with_statistics(statistics())
            .batched(&schema::polars_schema(columns.iter()))
            .map_err(std::io::Error::other)?;
        Ok(Self { columns: columns.to_vec(), writer })
    }

    /// Appends a frame; its columns are found by name, and cast where they are of other widths.
    ///
    /// # Errors
    /// A column is missing or of another type, or the disk is full.
    pub fn push(&mut self, frame: &Frame) -> Result<(), FrameError> {
        let ordered = frame.conformed(&self.columns)?;
        for at in (0..ordered.height()).step_by(GROUP_ROWS) {
            let mut group = ordered.0.slice(at as i64, GROUP_ROWS);
            group.align_chunks_par();
            group.rechunk_mut();
            self.writer.write_batch(&group)?;
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// The disk is full.
    pub fn finish(self) -> Result<(), FrameError> {
        self.writer.finish()?;
        Ok(())
    }
}

/// What Delta writers use by default; a load and every read are faster than with Zstandard, the files larger.
pub(crate) fn compression() -> ParquetCompression {
    ParquetCompression::Snappy
}

/// Whole texts: the log is where deliveries are listed from.
pub(crate) fn statistics() -> StatisticsOptions {
    StatisticsOptions { binary_statistics_truncate_length: Some(LONGEST_STATISTIC), ..StatisticsOptions::default() }
}
