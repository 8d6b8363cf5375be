//! CSV bytes → records with their physical lines, in one pass.
//!
//! The one place where a delivery is read. The same pass hashes the file, checks its encoding, counts its lines and
//! sets aside records whose cells do not fit the header, so that what is loaded is exactly what was inspected.

use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::SystemTime;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};
use thiserror::Error;

use super::batch::{Batch, Summary};
use super::bytes::{self, Block};
use crate::model::{Cancel, Finding, ReasonCode};

/// Records in a batch, and so rows in a row group of bronze: few enough to stay in the processor's cache.
const BATCH_ROWS: usize = 1 << 16;
/// A record longer than this is no record; it bounds the memory that a damaged file can take.
const LONGEST_RECORD: usize = 4 << 20;
/// Raw text kept of a record that is rejected.
const LONGEST_RAW: usize = 8 << 10;
/// Records rejected before the file is given up.
const MOST_FINDINGS: usize = 200_000;

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
    fn refused(reason: ReasonCode, line: Option<u64>, value: impl Into<String>) -> Self {
        let finding = Finding::of_file(reason, value);
        Self::Refused(Refusal(match line {
            Some(line) => finding.at(line),
            None => finding,
        }))
    }
}

/// Reads one file, batch by batch.
pub struct RecordReader {
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
    /// Empty lines that are only inside the file if a record follows.
    blank_lines: Vec<u64>,
    labels: Vec<String>,
    text: Vec<u8>,
    ends: Vec<usize>,
    records: u64,
    bytes_done: u64,
    rejected: Vec<Finding>,
    byte_order_mark: bool,
    end: Option<(String, u64)>,
}

/// One record: its line, where its cells end in `text`, and how many empty lines stand before it in its raw bytes.
struct RawRecord {
    line: u64,
    cells: usize,
    text_len: usize,
    blank: usize,
    terminated: bool,
}

impl RecordReader {
    /// Opens the file and reads its header.
    ///
    /// # Errors
    /// The file cannot be opened, is empty, is not UTF-8 or its header never ends.
    pub fn open(path: &Path, delimiter: u8, cancel: &Cancel) -> Result<Self, ReadError> {
        let io = |source| ReadError::Io { path: path.to_owned(), source };
        let seen_at_start = state_of(path);
        let blocks = bytes::blocks(path).map_err(io)?;
        let csv = ReaderBuilder::new().delimiter(delimiter).terminator(Terminator::Any(b'\n')).build();
        let mut reader = Self {
            path: path.to_owned(),
            seen_at_start,
            cancel: cancel.clone(),
            blocks,
            block: Vec::new(),
            at: 0,
            csv,
            delimiter,
            began: 0,
            carry: Vec::new(),
            blank_lines: Vec::new(),
            labels: Vec::new(),
            text: vec![0; 1 << 16],
            ends: vec![0; 1 << 10],
            records: 0,
            bytes_done: 0,
            rejected: Vec::new(),
            byte_order_mark: false,
            end: None,
        };
        reader.next_block()?;
        if reader.block.starts_with(b"\xef\xbb\xbf") {
            (reader.at, reader.byte_order_mark) = (3, true);
        }
        reader.read_header()?;
        Ok(reader)
    }

    /// The column names as the file gives them.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Bytes that the records so far came from.
    pub fn bytes_done(&self) -> u64 {
        self.bytes_done
    }

    fn read_header(&mut self) -> Result<(), ReadError> {
        let Some(header) = self.next_record(0, 0)? else {
            return Err(ReadError::refused(ReasonCode::TruncatedFile, None, "the file is empty"));
        };
        let text = String::from_utf8_lossy(&self.text[..header.text_len]).into_owned();
        if text.contains('\0') {
            return Err(ReadError::refused(
                ReasonCode::EncodingError,
                Some(1),
                "byte 0 in the header; the file is probably UTF-16",
            ));
        }
        let mut start = 0;
        for end in &self.ends[..header.cells] {
            self.labels.push(text.get(start..*end).unwrap_or_default().trim().to_owned());
            start = *end;
        }
        if !header.terminated {
            return Err(ReadError::refused(ReasonCode::TruncatedFile, Some(1), "the file ends inside its header"));
        }
        self.blank_lines.clear();
        Ok(())
    }

    /// The next records; `None` at the end of the file.
    ///
    /// # Errors
    /// The rest of the file cannot be taken; then nothing of it may be kept.
    pub fn next_batch(&mut self) -> Result<Option<Batch<'_>>, ReadError> {
        if self.cancel.is_cancelled() {
            return Err(ReadError::Cancelled);
        }
        let columns = self.labels.len();
        let mut lines = Vec::new();
        let (mut text_len, mut cells) = (0, 0);
        while lines.len() < BATCH_ROWS {
            let Some(record) = self.next_record(text_len, cells)? else { break };
            self.settle_blank_lines();
            self.records += 1;
            let reason = match record.cells.cmp(&columns) {
                _ if record.text_len == text_len => Some(ReasonCode::BlankRow),
                std::cmp::Ordering::Less => Some(ReasonCode::MissingCell),
                std::cmp::Ordering::Greater => Some(ReasonCode::ExtraCell),
                std::cmp::Ordering::Equal => None,
            };
            if !record.terminated && reason == Some(ReasonCode::MissingCell) {
                let value = format!("the last record has {} cells where the header has {columns}", record.cells);
                return Err(ReadError::refused(ReasonCode::TruncatedFile, Some(record.line), value));
            }
            if let Some(reason) = reason {
                self.set_aside(reason, &record, columns)?;
            } else {
                lines.push(record.line);
                text_len = record.text_len;
                cells += columns;
            }
        }
        if lines.is_empty() {
            return Ok(None);
        }
        let text = std::str::from_utf8(&self.text[..text_len])
            .map_err(|error| ReadError::refused(ReasonCode::EncodingError, lines.first().copied(), error.to_string()))?;
        Ok(Some(Batch { columns, text, ends: &self.ends[..cells], lines }))
    }

    /// What the file was.
    ///
    /// # Errors
    /// The file changed or vanished while it was read.
    pub fn finish(self) -> Result<Summary, ReadError> {
        let Some((sha256, bytes)) = self.end else { return Err(ended_early(&self.path, &self.cancel)) };
        if state_of(&self.path) != self.seen_at_start {
            return Err(ReadError::refused(ReasonCode::TruncatedFile, None, "the file changed or was removed while it was read"));
        }
        Ok(Summary { sha256, bytes, records: self.records, rejected: self.rejected, byte_order_mark: self.byte_order_mark })
    }

    fn settle_blank_lines(&mut self) {
        for line in self.blank_lines.drain(..) {
            self.records += 1;
            self.rejected.push(Finding {
                reason: ReasonCode::BlankRow,
                line: Some(line),
                column: None,
                value: None,
                raw: Some(String::new()),
            });
        }
    }

    fn set_aside(&mut self, reason: ReasonCode, record: &RawRecord, columns: usize) -> Result<(), ReadError> {
        let mut raw = String::from_utf8_lossy(&self.raw()[record.blank..]).trim_end_matches(['\n', '\r']).to_owned();
        if raw.len() > LONGEST_RAW {
            let cut = (0..=LONGEST_RAW).rev().find(|at| raw.is_char_boundary(*at)).unwrap_or(0);
            raw.truncate(cut);
        }
        let value = (reason != ReasonCode::BlankRow).then(|| format!("{} cells where the header has {columns}", record.cells));
        self.rejected.push(Finding { reason, line: Some(record.line), column: None, value, raw: Some(raw) });
        if self.rejected.len() > MOST_FINDINGS {
            let value = format!("more than {MOST_FINDINGS} records do not fit the header");
            return Err(ReadError::refused(reason, Some(record.line), value));
        }
        Ok(())
    }

    /// Reads one record into `text` from `text_at` and `ends` from `ends_at`; ends are offsets into `text`.
    fn next_record(&mut self, text_at: usize, ends_at: usize) -> Result<Option<RawRecord>, ReadError> {
        let (mut text_len, mut ends_len) = (text_at, ends_at);
        let line = self.csv.line();
        self.carry.clear();
        self.began = self.at;
        loop {
            // Empty input means "the file has ended" to the parser: only then may it see it.
            if self.at == self.block.len() {
                self.carry.extend_from_slice(&self.block[self.began..]);
                self.next_block()?;
                self.began = 0;
            }
            let start = self.at;
            let (result, read, written, ended) =
                self.csv.read_record(&self.block[start..], &mut self.text[text_len..], &mut self.ends[ends_len..]);
            self.at += read;
            text_len += written;
            ends_len += ended;
            match result {
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::InputEmpty | ReadRecordResult::Record | ReadRecordResult::End => {}
            }
            match result {
                ReadRecordResult::Record => {
                    if !self.carry.is_empty() {
                        self.carry.extend_from_slice(&self.block[self.began..self.at]);
                    }
                    let blank = self.raw().iter().take_while(|byte| **byte == b'\n').count();
                    self.blank_lines.extend((0..blank as u64).map(|n| line + n));
                    self.bytes_done += self.raw().len() as u64;
                    return self.finish_record((text_at, text_len), (ends_at, ends_len), line + blank as u64, blank).map(Some);
                }
                ReadRecordResult::End => return Ok(None),
                ReadRecordResult::InputEmpty => {
                    if self.carry.len() + self.at - self.began > LONGEST_RECORD {
                        self.carry.extend_from_slice(&self.block[self.began..self.at]);
                        return Err(self.endless(line));
                    }
                }
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {}
            }
        }
    }

    /// The bytes of the record that was read last: in its block, or put together where it is in several.
    fn raw(&self) -> &[u8] {
        if self.carry.is_empty() { &self.block[self.began..self.at] } else { &self.carry }
    }

    fn finish_record(
        &mut self,
        (text_at, mut text_len): (usize, usize),
        (ends_at, ends_len): (usize, usize),
        line: u64,
        blank: usize,
    ) -> Result<RawRecord, ReadError> {
        for end in &mut self.ends[ends_at..ends_len] {
            *end += text_at;
        }
        let at_end = self.end.is_some();
        let terminated = !at_end;
        if at_end && ends_in_quotes(&self.raw()[blank..], self.delimiter) {
            return Err(ReadError::refused(ReasonCode::UnclosedQuote, Some(line), "the quote is open to the end of the file"));
        }
        // The carriage return of a CRLF belongs to the line end, not to the last cell.
        if self.raw()[blank..].ends_with(b"\r\n") && text_len > text_at && self.text[text_len - 1] == b'\r' {
            text_len -= 1;
            self.ends[ends_len - 1] = text_len;
        }
        Ok(RawRecord { line, cells: ends_len - ends_at, text_len, blank, terminated })
    }

    fn endless(&self, line: u64) -> ReadError {
        let (reason, why) = if ends_in_quotes(&self.carry, self.delimiter) {
            (ReasonCode::UnclosedQuote, "inside a quote")
        } else {
            (ReasonCode::ConstraintError, "without a line end")
        };
        ReadError::refused(reason, Some(line), format!("a record of more than {} MiB {why}", LONGEST_RECORD >> 20))
    }

    /// Replaces the block by the next one; an empty block tells the parser that the file has ended.
    fn next_block(&mut self) -> Result<(), ReadError> {
        if self.cancel.is_cancelled() {
            return Err(ReadError::Cancelled);
        }
        self.at = 0;
        self.block.clear();
        if self.end.is_some() {
            return Ok(());
        }
        match self.blocks.recv() {
            Ok(Block::Bytes(block)) => self.block = block,
            Ok(Block::End { sha256, bytes }) => self.end = Some((sha256, bytes)),
            Ok(Block::NotUtf8(offset)) => {
                return Err(ReadError::refused(ReasonCode::EncodingError, None, format!("byte {offset} is not UTF-8")));
            }
            Ok(Block::Failed(source)) => return Err(ReadError::Io { path: self.path.clone(), source }),
            Err(_) => return Err(ended_early(&self.path, &self.cancel)),
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

/// Whether the text ends inside a quoted cell.
fn ends_in_quotes(raw: &[u8], delimiter: u8) -> bool {
    let (mut quoted, mut cell_start) = (false, true);
    for byte in raw {
        match (quoted, *byte) {
            (true, b'"') => quoted = false,
            // A quote right after a closing one is an escaped quote: the cell goes on.
            (false, b'"') if cell_start => quoted = true,
            _ => {}
        }
        cell_start = !quoted && (*byte == delimiter || *byte == b'\n' || *byte == b'"');
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    type Lines = Vec<(u64, Vec<String>)>;

    /// Rows of cells with their line, and the summary, or the refusal.
    fn read(content: &[u8]) -> Result<(Lines, Summary), ReadError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        std::fs::write(&path, content).unwrap();
        let mut reader = RecordReader::open(&path, b',', &Cancel::default())?;
        let columns = reader.labels().len();
        let mut rows = Vec::new();
        while let Some(batch) = reader.next_batch()? {
            let columns: Vec<Vec<&str>> =
                (0..columns).map(|index| batch.cells(index, 0..batch.record_count()).collect()).collect();
            for (row, line) in batch.lines.iter().enumerate() {
                rows.push((*line, columns.iter().map(|column| column[row].to_owned()).collect()));
            }
        }
        Ok((rows, reader.finish()?))
    }

    fn refusal(content: &[u8]) -> (ReasonCode, Option<u64>, String) {
        match read(content) {
            Err(ReadError::Refused(Refusal(finding))) => (finding.reason, finding.line, finding.value.unwrap()),
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    fn cells(row: &[&str]) -> Vec<String> {
        row.iter().map(|cell| (*cell).to_owned()).collect()
    }

    #[test]
    fn records_keep_their_physical_lines_over_quoted_line_ends_and_crlf() {
        let (rows, summary) = read(b"\xef\xbb\xbfa,b\r\n1,\"x\r\ny\"\r\n2,\"say \"\"hi\"\"\"\r\n3,\r\n").unwrap();
        assert_eq!(rows, [(2, cells(&["1", "x\r\ny"])), (4, cells(&["2", "say \"hi\""])), (5, cells(&["3", ""]))]);
        assert_eq!((summary.records, summary.rejected.len()), (3, 0));
    }

    #[test]
    fn ragged_and_blank_records_are_set_aside_with_line_and_raw_text() {
        let (rows, summary) = read(b"a,b\n1,2\n3\n\n4,5,6\r\n7,8\n\n\n").unwrap();
        assert_eq!(rows, [(2, cells(&["1", "2"])), (6, cells(&["7", "8"]))]);
        let seen: Vec<_> = summary.rejected.iter().map(|f| (f.reason.as_str(), f.line, f.raw.clone().unwrap())).collect();
        assert_eq!(
            seen,
            [
                ("missing-cell", Some(3), "3".to_owned()),
                ("blank-row", Some(4), String::new()),
                ("extra-cell", Some(5), "4,5,6".to_owned()),
            ]
        );
        assert_eq!(summary.records, 5, "empty lines after the last record are no records");
    }

    #[test]
    fn file_that_is_not_whole_is_refused_with_the_line() {
        assert_eq!(refusal(b""), (ReasonCode::TruncatedFile, None, "the file is empty".into()));
        assert_eq!(refusal(b"a,b").0, ReasonCode::TruncatedFile);
        let (reason, line, value) = refusal(b"a,b\n1,2\n3");
        assert_eq!((reason, line), (ReasonCode::TruncatedFile, Some(3)));
        assert_eq!(value, "the last record has 1 cells where the header has 2");
        assert_eq!(refusal(b"a,b\n1,\"2\n3,4\n").0, ReasonCode::UnclosedQuote);
        assert_eq!(refusal(b"a,b\n1,\"2\n3,4\n").1, Some(2));
    }

    #[test]
    fn last_record_without_line_end_is_taken_when_it_is_whole() {
        assert_eq!(read(b"a,b\n1,2").unwrap().0, [(2, cells(&["1", "2"]))]);
    }

    #[test]
    fn bytes_that_are_no_utf8_are_refused_with_their_offset() {
        assert_eq!(refusal(b"a,b\n1,caf\xe9\n"), (ReasonCode::EncodingError, None, "byte 9 is not UTF-8".into()));
        assert_eq!(refusal(b"a\0,\0b\0\n\0").0, ReasonCode::EncodingError);
    }

    #[test]
    fn endless_line_is_refused_before_it_fills_the_memory() {
        let mut content = b"a,b\n".to_vec();
        content.resize(12 << 20, b'x');
        let (reason, line, value) = refusal(&content);
        assert_eq!(
            (reason, line, value.as_str()),
            (ReasonCode::ConstraintError, Some(2), "a record of more than 4 MiB without a line end")
        );
    }

    #[test]
    fn large_file_over_many_blocks_keeps_every_record() {
        let mut content = b"id,text\n".to_vec();
        for n in 0..150_000 {
            content.extend_from_slice(format!("{n},\"row {n}, quoted\"\n").as_bytes());
        }
        let (rows, summary) = read(&content).unwrap();
        assert_eq!((rows.len(), summary.records, summary.bytes), (150_000, 150_000, content.len() as u64));
        assert_eq!(rows[149_999], (150_001, cells(&["149999", "row 149999, quoted"])));
    }

    #[test]
    fn cancelled_reading_is_not_a_complete_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        std::fs::write(&path, "a\n1\n").unwrap();
        let cancel = Cancel::default();
        let mut reader = RecordReader::open(&path, b',', &cancel).unwrap();
        cancel.cancel();
        assert!(matches!(reader.next_batch(), Err(ReadError::Cancelled)));
    }
}
