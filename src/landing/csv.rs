//! CSV bytes → records with their physical lines, in one pass.
//!
//! The one place where a CSV delivery is read. The same pass hashes the file, checks its encoding, counts its lines and
//! rejects records whose cells do not fit the header or whose quotes are no pairs, so that what is loaded is exactly what was
//! inspected.
//!
//! A line ends with LF, CRLF or CR. Several CR before an LF are one line end, as two conversions leave them.

mod record;
mod split;

use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::SystemTime;

use csv_core::{Reader, ReaderBuilder, Terminator};

use super::batch::{Batch, Summary};
use super::bytes::{self, Block};
use super::quotes::Quoting;
use super::reader::{ReadError, RecordReader, other_format};
use crate::model::cell::bare;
use crate::model::{Cancel, Finding, ReasonCode};
use record::RawRecord;

/// Records in a batch, and so rows in a row group of bronze: few enough to stay in the processor's cache.
const BATCH_ROWS: usize = 1 << 16;
/// Raw text kept of a record that is rejected, once all of them together hold more than [`MOST_RAW`].
const LONGEST_RAW: usize = 8 << 10;
/// Raw text kept whole of the records that are rejected of a file.
const MOST_RAW: usize = 32 << 20;
/// Records rejected before the file is given up.
const MOST_FINDINGS: usize = 200_000;

/// Reads one CSV file, batch by batch.
pub struct CsvReader {
    path: PathBuf,
    seen_at_start: Option<(u64, SystemTime)>,
    cancel: Cancel,
    blocks: Receiver<Block>,
    block: Vec<u8>,
    at: usize,
    csv: Reader,
    delimiter: u8,
    /// Where the record that is read began in the block.
    began: usize,
    /// What stands of it in earlier blocks.
    carry: Vec<u8>,
    /// The line after the last one that was read.
    next_line: u64,
    /// Whether the last record ended with a CR, so that an LF may still belong to its line end.
    after_cr: bool,
    /// Whether a block held a byte 0.
    has_nul: bool,
    /// Lines without text that are only inside the file if a record follows.
    blank_lines: Vec<u64>,
    labels: Vec<String>,
    text: Vec<u8>,
    ends: Vec<usize>,
    records: u64,
    bytes_done: u64,
    rejected: Vec<Finding>,
    raw_kept: usize,
    swallowed: u64,
    notes: Vec<&'static str>,
    end: Option<(u64, u64)>,
}

impl RecordReader for CsvReader {
    fn labels(&self) -> &[String] {
        &self.labels
    }

    fn bytes_done(&self) -> u64 {
        self.bytes_done
    }

    fn next_batch(&mut self) -> Result<Option<Batch<'_>>, ReadError> {
        if self.cancel.is_cancelled() {
            return Err(ReadError::Cancelled);
        }
        let columns = self.labels.len();
        let mut lines = Vec::new();
        let (mut text_len, mut cells) = (0, 0);
        while lines.len() < BATCH_ROWS {
            let Some(record) = self.next_record((text_len, cells))? else { break };
            self.settle_blank_lines()?;
            self.records += 1;
            match record.fault(columns, &self.text[text_len..record.text_len], self.has_nul) {
                Some((reason, value)) if record.is_unfinished(reason) => {
                    return Err(ReadError::refused(ReasonCode::TruncatedFile, Some(record.line), value.unwrap_or_default()));
                }
                Some((reason, value)) => self.reject(reason, value, &record)?,
                None => {
                    lines.push(record.line);
                    text_len = record.text_len;
                    cells += columns;
                }
            }
        }
        if lines.is_empty() {
            return Ok(None);
        }
        let text = std::str::from_utf8(&self.text[..text_len])
            .map_err(|error| ReadError::refused(ReasonCode::EncodingError, lines.first().copied(), error.to_string()))?;
        Ok(Some(Batch { columns, text, ends: &self.ends[..cells], lines }))
    }

    fn finish(self: Box<Self>) -> Result<Summary, ReadError> {
        let Some((checksum, bytes)) = self.end else { return Err(ended_early(&self.path, &self.cancel)) };
        if state_of(&self.path) != self.seen_at_start {
            return Err(ReadError::refused(ReasonCode::TruncatedFile, None, "the file changed or was removed while it was read"));
        }
        let Self { records, rejected, swallowed, notes, .. } = *self;
        Ok(Summary { checksum, bytes, records, rejected, swallowed, notes })
    }

    fn raw_at(&mut self, line: u64) -> Result<Option<String>, ReadError> {
        while let Some(record) = self.next_record((0, 0))? {
            if record.line >= line {
                return Ok((record.line == line).then(|| self.raw_text(&record)));
            }
        }
        Ok(None)
    }
}

impl CsvReader {
    /// Opens the file and reads its header.
    ///
    /// # Errors
    /// The file cannot be opened, is empty, is of another format, is not UTF-8, or its header never ends.
    pub(super) fn open(path: &Path, delimiter: u8, cancel: &Cancel) -> Result<Self, ReadError> {
        let io = |source| ReadError::Io { path: path.to_owned(), source };
        let seen_at_start = state_of(path);
        if let Some(what) = other_format(&bytes::start(path).map_err(io)?) {
            return Err(ReadError::refused(ReasonCode::EncodingError, None, format!("the file is {what}, not CSV in UTF-8")));
        }
        let blocks = bytes::blocks(path).map_err(io)?;
        Self::over(blocks, (path, seen_at_start), delimiter, cancel)
    }

    /// Reads the header of a file whose blocks come from a thread.
    fn over(
        blocks: Receiver<Block>,
        (path, seen_at_start): (&Path, Option<(u64, SystemTime)>),
        delimiter: u8,
        cancel: &Cancel,
    ) -> Result<Self, ReadError> {
        let mut reader = Self {
            path: path.to_owned(),
            seen_at_start,
            cancel: cancel.clone(),
            blocks,
            block: Vec::new(),
            at: 0,
            csv: ReaderBuilder::new().delimiter(delimiter).terminator(Terminator::CRLF).build(),
            delimiter,
            began: 0,
            carry: Vec::new(),
            next_line: 1,
            after_cr: false,
            has_nul: false,
            blank_lines: Vec::new(),
            labels: Vec::new(),
            text: vec![0; 1 << 16],
            ends: vec![0; 1 << 10],
            records: 0,
            bytes_done: 0,
            rejected: Vec::new(),
            raw_kept: 0,
            swallowed: 0,
            notes: Vec::new(),
            end: None,
        };
        reader.next_block()?;
        while reader.block[reader.at..].starts_with(b"\xef\xbb\xbf") {
            reader.at += 3;
            reader.notes = vec!["starts with a byte-order mark"];
        }
        reader.read_header()?;
        Ok(reader)
    }

    fn read_header(&mut self) -> Result<(), ReadError> {
        let Some(header) = self.next_record((0, 0))? else {
            return Err(ReadError::refused(ReasonCode::TruncatedFile, None, "the file is empty"));
        };
        let text = String::from_utf8_lossy(&self.text[..header.text_len]).into_owned();
        if text.contains('\0') {
            return Err(ReadError::refused(
                ReasonCode::EncodingError,
                Some(header.line),
                "byte 0 in the header; the file is probably UTF-16",
            ));
        }
        let mut start = 0;
        for end in &self.ends[..header.cells] {
            self.labels.push(bare(text.get(start..*end).unwrap_or_default()).to_owned());
            start = *end;
        }
        if header.lines > 1 && header.quoting != Quoting::Sound {
            let value = format!("the header runs from line {} to {}", header.line, header.line + header.lines - 1);
            return Err(ReadError::refused(ReasonCode::UnclosedQuote, Some(header.line), value));
        }
        if !header.terminated {
            return Err(ReadError::refused(ReasonCode::TruncatedFile, Some(header.line), "the file ends inside its header"));
        }
        self.blank_lines.clear();
        Ok(())
    }

    fn settle_blank_lines(&mut self) -> Result<(), ReadError> {
        for line in std::mem::take(&mut self.blank_lines) {
            self.records += 1;
            self.found(Finding { raw: Some(String::new()), ..Finding::of_record(ReasonCode::BlankRow, line) })?;
        }
        Ok(())
    }

    fn reject(&mut self, reason: ReasonCode, value: Option<String>, record: &RawRecord) -> Result<(), ReadError> {
        let mut raw = self.raw_text(record);
        if self.raw_kept > MOST_RAW && raw.len() > LONGEST_RAW {
            let cut = (0..=LONGEST_RAW).rev().find(|at| raw.is_char_boundary(*at)).unwrap_or(0);
            raw.truncate(cut);
        }
        self.raw_kept += raw.len();
        if reason == ReasonCode::UnclosedQuote {
            self.swallowed += record.lines - 1;
        }
        self.found(Finding { value, raw: Some(raw), ..Finding::of_record(reason, record.line) })
    }

    fn found(&mut self, finding: Finding) -> Result<(), ReadError> {
        let (reason, line) = (finding.reason, finding.line);
        self.rejected.push(finding);
        if self.rejected.len() > MOST_FINDINGS {
            return Err(if reason == ReasonCode::BlankRow {
                let value = format!("more than {MOST_FINDINGS} lines without a value; the export must end with its last record");
                ReadError::refused(ReasonCode::MissingCell, line, value)
            } else {
                ReadError::refused(reason, line, format!("more than {MOST_FINDINGS} records do not fit the header"))
            });
        }
        Ok(())
    }
}

/// Reading that ended before the file did: because somebody asked for it, or because the reading thread failed.
fn ended_early(path: &Path, cancel: &Cancel) -> ReadError {
    if cancel.is_cancelled() {
        return ReadError::Cancelled;
    }
    ReadError::Io { path: path.to_owned(), source: std::io::Error::other("reading ended before the file did") }
}

fn state_of(path: &Path) -> Option<(u64, SystemTime)> {
    let about = std::fs::metadata(path).ok()?;
    Some((about.len(), about.modified().ok()?))
}

#[cfg(test)]
#[path = "../../fuzz/records.rs"]
mod fuzz;
#[cfg(test)]
mod tests;
