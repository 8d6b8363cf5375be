//! CSV bytes → records with their physical lines, in one pass.
//!
//! The one place where a CSV delivery is read. The same pass hashes the file, checks its encoding, counts its lines and
//! rejects records whose cells do not fit the header or whose quotes are no pairs, so that what is loaded is exactly what was
//! inspected.
//!
//! A line ends with LF, CRLF or CR. Several CR before an LF are one line end, as two conversions leave them.

mod record;

use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::SystemTime;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

use super::batch::{Batch, Summary};
use super::bytes::{self, Block};
use super::lines::{is_line_end, line_ends, own_line_ends};
use super::quotes::{self, Quoting};
use super::reader::{ReadError, RecordReader, other_format};
use crate::model::cell::bare;
use crate::model::{Cancel, Finding, ReasonCode};
use record::RawRecord;

/// Records in a batch, and so rows in a row group of bronze: few enough to stay in the processor's cache.
const BATCH_ROWS: usize = 1 << 16;
/// A record longer than this is no record; it bounds the memory that a damaged file can take.
const LONGEST_RECORD: usize = 4 << 20;
/// Raw text kept of a record that is rejected, once all of them together hold more than [`MOST_RAW`].
const LONGEST_RAW: usize = 8 << 10;
/// Raw text kept whole of the records that are rejected of a file.
const MOST_RAW: usize = 32 << 20;
/// Records rejected before the file is given up.
const MOST_FINDINGS: usize = 200_000;
/// What old programs put at the end of a text.
const END_OF_TEXT: u8 = 0x1a;

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
    end: Option<(String, u64)>,
}

/// Where the parser puts a record: the first free place in `text` and in `ends`.
type Room = (usize, usize);

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
        let Some((sha256, bytes)) = self.end else { return Err(ended_early(&self.path, &self.cancel)) };
        if state_of(&self.path) != self.seen_at_start {
            return Err(ReadError::refused(ReasonCode::TruncatedFile, None, "the file changed or was removed while it was read"));
        }
        let Self { records, rejected, swallowed, notes, .. } = *self;
        Ok(Summary { sha256, bytes, records, rejected, swallowed, notes })
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

    /// Reads one record into `text` and `ends`, behind what is there; ends are offsets into `text`.
    fn next_record(&mut self, room: Room) -> Result<Option<RawRecord>, ReadError> {
        loop {
            let Some(record) = self.split_record(room)? else { return Ok(None) };
            let text = &self.text[room.0..record.text_len];
            let says_nothing = |byte: &u8| matches!(*byte, END_OF_TEXT | 0);
            // Such a line is nothing at the end of a file, and an empty one inside.
            if self.labels.is_empty() || record.cells != 1 || text.is_empty() || !text.iter().all(says_nothing) {
                return Ok(Some(record));
            }
            let note = if text.contains(&0) { "has a line of bytes 0" } else { "has a line of the byte 1A" };
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
            self.blank_lines.push(record.line);
        }
    }

    fn split_record(&mut self, (text_at, ends_at): Room) -> Result<Option<RawRecord>, ReadError> {
        let (mut text_len, mut ends_len) = (text_at, ends_at);
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
                    return self.finish_record((text_at, text_len), (ends_at, ends_len)).map(Some);
                }
                ReadRecordResult::End => return Ok(None),
                ReadRecordResult::InputEmpty => {
                    if self.carry.len() + self.at - self.began > LONGEST_RECORD {
                        self.carry.extend_from_slice(&self.block[self.began..self.at]);
                        return Err(self.endless());
                    }
                }
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {}
            }
        }
    }

    /// The bytes of the record that was read last, and the line ends before it: in its block, or put together where it is in several.
    fn raw(&self) -> &[u8] {
        if self.carry.is_empty() { &self.block[self.began..self.at] } else { &self.carry }
    }

    fn raw_text(&self, record: &RawRecord) -> String {
        String::from_utf8_lossy(&self.raw()[record.before..]).trim_end_matches(['\n', '\r']).to_owned()
    }

    fn finish_record(
        &mut self,
        (text_at, mut text_len): (usize, usize),
        (ends_at, ends_len): (usize, usize),
    ) -> Result<RawRecord, ReadError> {
        for end in &mut self.ends[ends_at..ends_len] {
            *end += text_at;
        }
        let terminated = self.end.is_none();
        let raw = self.raw();
        let before = raw.iter().take_while(|byte| is_line_end(**byte)).count();
        let (bytes, body) = (raw.len() as u64, &raw[before..]);
        let blank = line_ends(own_line_ends(&raw[..before], self.after_cr));
        let has_quote = body.contains(&b'"');
        let lines = if has_quote { line_ends(body) + u64::from(!body.last().is_some_and(|last| is_line_end(*last))) } else { 1 };
        let cells = ends_len - ends_at;
        let columns = if self.labels.is_empty() { cells } else { self.labels.len() };
        let quoting = if has_quote { quotes::inspect(body, self.delimiter, columns) } else { Quoting::Sound };
        let after_cr = body.ends_with(b"\r");
        let line = self.next_line + blank;
        if quoting == Quoting::Open {
            return Err(ReadError::refused(ReasonCode::UnclosedQuote, Some(line), "the quote is open to the end of the file"));
        }
        self.blank_lines.extend(self.next_line..line);
        self.bytes_done += bytes;
        (self.next_line, self.after_cr) = (line + lines, after_cr);
        if !terminated && cells > 1 && self.text[self.ends[ends_len - 2]..text_len].ends_with(&[END_OF_TEXT]) {
            text_len -= 1;
            self.ends[ends_len - 1] = text_len;
        }
        Ok(RawRecord { line, lines, cells, text_len, before, terminated, quoting })
    }

    fn endless(&self) -> ReadError {
        let before = self.carry.iter().take_while(|byte| is_line_end(**byte)).count();
        let line = self.next_line + line_ends(own_line_ends(&self.carry[..before], self.after_cr));
        let (reason, why) = if quotes::inspect(&self.carry[before..], self.delimiter, 0) == Quoting::Open {
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
            Ok(Block::Bytes(block)) => {
                self.has_nul |= block.contains(&0);
                self.block = block;
            }
            Ok(Block::End { sha256, bytes }) => self.end = Some((sha256, bytes)),
            Ok(Block::NotUtf8(offset)) => {
                let line = bytes::line_at(&self.path, offset).ok();
                return Err(ReadError::refused(ReasonCode::EncodingError, line, format!("byte {offset} is not UTF-8")));
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

#[cfg(test)]
#[path = "../../fuzz/records.rs"]
mod fuzz;
#[cfg(test)]
mod tests;
