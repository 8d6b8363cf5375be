//! Frames → one Parquet file.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use polars::prelude::{CompatLevel, PolarsError, PolarsResult, SchemaExt, StatisticsOptions};
use polars_arrow::array::{Array, PrimitiveArray};
use polars_arrow::datatypes::ArrowDataType;
use polars_parquet::write::{
    CompressedPage, CompressionOptions, DynIter, DynStreamingIterator, Encoding, FileWriter, ParquetType, Version, WriteOptions,
    array_to_columns, compress, fallible_streaming_iterator,
};

use super::group::{GROUP_ROWS, Group};
use super::patched::{Patched, PatchedGroup};
use super::schema::{self, Column};
use super::{Frame, FrameError};

/// What is written at a time.
const BUFFER: usize = 1 << 16;

/// Longer texts have no statistics: the log is where deliveries are listed from.
const LONGEST_STATISTIC: u64 = 4096;

/// What Delta writers use by default; a load and every read are faster than with Zstandard, the files larger.
const COMPRESSION: CompressionOptions = CompressionOptions::Snappy;

/// Writes one Parquet file, frame by frame, each frame a row group or more.
pub struct FrameWriter {
    columns: Vec<Column>,
    fields: Vec<ParquetType>,
    writer: FileWriter<BufWriter<File>>,
    /// Groups of few rows, which are to be written as one.
    kept: Vec<Group>,
}

impl FrameWriter {
    /// Begins a file.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(path: &Path, columns: &[Column]) -> std::io::Result<Self> {
        let schema = schema::polars_schema(columns.iter()).to_arrow(CompatLevel::newest());
        // The writer puts out each page and each part of a header by itself; it flushes at its end, and says if that fails.
        let file = BufWriter::with_capacity(BUFFER, File::create(path)?);
        let writer = FileWriter::try_new(file, schema, options()).map_err(std::io::Error::other)?;
        let fields = writer.parquet_schema().fields().to_vec();
        Ok(Self { columns: columns.to_vec(), fields, writer, kept: Vec::new() })
    }

    /// Appends a frame; its columns are found by name, and cast where they are of other widths.
    ///
    /// # Errors
    /// A column is missing or of another type, or the disk is full.
    pub fn push(&mut self, frame: &Frame) -> Result<(), FrameError> {
        frame.groups(&self.columns)?.try_for_each(|group| self.push_group(group?))
    }

    /// Appends rows that have the columns of the file, in their order. Few are kept until there are more.
    ///
    /// # Errors
    /// The disk is full.
    pub(crate) fn push_group(&mut self, group: Group) -> Result<(), FrameError> {
        let kept: usize = self.kept.iter().map(|group| group.rows).sum();
        if kept + group.rows > GROUP_ROWS {
            self.write_kept()?;
        }
        if group.rows > GROUP_ROWS / 2 {
            self.write_kept()?;
            return self.write(&group);
        }
        self.kept.extend((group.rows > 0).then_some(group));
        Ok(())
    }

    fn write_kept(&mut self) -> Result<(), FrameError> {
        match std::mem::take(&mut self.kept).as_slice() {
            [] => Ok(()),
            [alone] => self.write(alone),
            several => self.write(&Group::joined(several)?),
        }
    }

    /// Appends rows that have the columns of the file, in their order, as a row group of their own.
    ///
    /// # Errors
    /// The disk is full.
    pub(crate) fn push_patched(&mut self, group: PatchedGroup) -> Result<(), FrameError> {
        self.write_kept()?;
        let columns = group.columns.into_iter().zip(&self.fields).map(|(column, field)| match column {
            Patched::Stored(pages) => Ok(pages),
            Patched::Cells(cells) => pages(cells.as_ref(), field),
        });
        let pages = columns.collect::<PolarsResult<Vec<_>>>()?;
        self.write_pages(group.rows, &pages)
    }

    fn write(&mut self, group: &Group) -> Result<(), FrameError> {
        let columns = group.columns.iter().zip(&self.fields);
        let pages = columns.map(|((_, cells), field)| pages(cells.as_ref(), field)).collect::<PolarsResult<Vec<_>>>()?;
        self.write_pages(group.rows, &pages)
    }

    fn write_pages(&mut self, rows: usize, pages: &[Vec<CompressedPage>]) -> Result<(), FrameError> {
        let columns = pages.iter().map(|pages| {
            let pages = pages.iter().map(PolarsResult::<_>::Ok);
            Ok(DynStreamingIterator::new(fallible_streaming_iterator::convert(pages)))
        });
        Ok(self.writer.write(rows as u64, DynIter::new(columns))?)
    }

    /// The columns of the file.
    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Ends the file.
    ///
    /// # Errors
    /// The disk is full.
    pub fn finish(mut self) -> Result<(), FrameError> {
        self.write_kept()?;
        self.writer.end(None)?;
        Ok(())
    }
}

fn options() -> WriteOptions {
    WriteOptions {
        statistics: StatisticsOptions {
            binary_statistics_truncate_length: Some(LONGEST_STATISTIC),
            ..StatisticsOptions::default()
        },
        version: Version::V1,
        compression: COMPRESSION,
        data_page_size: None,
    }
}

/// The pages of a column of a group.
fn pages(cells: &dyn Array, field: &ParquetType) -> PolarsResult<Vec<CompressedPage>> {
    let columns = array_to_columns(cells, field.clone(), options(), &[encoding(cells)])?;
    let pages = columns.into_iter().flatten();
    pages.map(|page| compress(page?, Vec::new(), COMPRESSION).map_err(PolarsError::from)).collect()
}

/// How cells are written: whole numbers that lie near one another as the steps between them, which take little room, and less time to be read
/// than to be decompressed.
fn encoding(cells: &dyn Array) -> Encoding {
    match cells.dtype() {
        ArrowDataType::Dictionary(..) => Encoding::RleDictionary,
        _ => match cells.as_any().downcast_ref::<PrimitiveArray<i64>>() {
            Some(numbers) if are_near(numbers.values()) => Encoding::DeltaBinaryPacked,
            _ => Encoding::Plain,
        },
    }
}

/// Whether the steps between numbers take half of their bits at most.
fn are_near(numbers: &[i64]) -> bool {
    numbers.windows(2).all(|pair| i32::try_from(pair[1].wrapping_sub(pair[0])).is_ok())
}
