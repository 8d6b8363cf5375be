//! What every format of a delivery gives: labels, records with their place in the file, and at the end what the file was.
//!
//! A format is one implementation of [`RecordReader`] and one arm of [`open`]; nothing else knows which formats there are.

use std::path::{Path, PathBuf};

use thiserror::Error;

use super::batch::{Batch, Summary};
use super::csv::CsvReader;
use crate::model::{Cancel, Finding, ReasonCode};

/// Reads one delivery, batch by batch, in one pass.
pub trait RecordReader {
    /// The column names as the file gives them, without what surrounds them.
    fn labels(&self) -> &[String];

    /// Bytes that the records so far came from.
    fn bytes_done(&self) -> u64;

    /// The next records; `None` at the end of the file.
    ///
    /// # Errors
    /// The rest of the file cannot be taken; then nothing of it may be kept.
    fn next_batch(&mut self) -> Result<Option<Batch<'_>>, ReadError>;

    /// What the file was.
    ///
    /// # Errors
    /// The file changed or vanished while it was read.
    fn finish(self: Box<Self>) -> Result<Summary, ReadError>;

    /// The text of the record at a place, as it is in the file; `None` where no record starts there. Reads on from where the reader is.
    ///
    /// # Errors
    /// The file cannot be read up to there.
    fn raw_at(&mut self, line: u64) -> Result<Option<String>, ReadError>;
}

/// Opens a file and reads its header.
///
/// # Errors
/// The file cannot be opened, is empty, is of another format, is not UTF-8, or its header never ends.
pub fn open(path: &Path, delimiter: u8, cancel: &Cancel) -> Result<Box<dyn RecordReader>, ReadError> {
    Ok(Box::new(CsvReader::open(path, delimiter, cancel)?))
}

/// Why a whole file was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(pub Finding);

/// Why reading ended early.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The file cannot be taken as it is.
    #[error("{}", .0.0)]
    Refused(Refusal),
    /// Somebody asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// The file system failed.
    #[error("`{}` cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl ReadError {
    pub(super) fn refused(reason: ReasonCode, line: Option<u64>, value: impl Into<String>) -> Self {
        let finding = Finding::of_file(reason, value);
        Self::Refused(Refusal(match line {
            Some(line) => finding.at(line),
            None => finding,
        }))
    }
}

/// What a file is that is no text, by its first bytes; `None` where it may be one.
pub(super) fn other_format(start: &[u8]) -> Option<&'static str> {
    const KNOWN: &[(&[u8], &str)] = &[
        (b"PK\x03\x04", "a workbook or ZIP archive"),
        (b"\xd0\xcf\x11\xe0", "an old workbook"),
        (b"\x1f\x8b", "compressed with gzip"),
        (b"BZh", "compressed with bzip2"),
        (b"\xfd7zXZ", "compressed with xz"),
        (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
        (b"PAR1", "a Parquet file"),
        (b"%PDF-", "a PDF document"),
        (b"\xff\xfe", "UTF-16 text"),
        (b"\xfe\xff", "UTF-16 text"),
    ];
    KNOWN.iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, what)| *what)
}
