//! Blocks → records, as the parser splits them and as they stand in the file.

use csv_core::ReadRecordResult;
use memchr::memchr3;

use super::record::RawRecord;
use super::{CsvReader, ended_early};
use crate::landing::bytes::{self, Block};
use crate::landing::lines::{is_line_end, line_ends, own_line_ends};
use crate::landing::quotes::{self, Quoting};
use crate::landing::reader::ReadError;
use crate::model::ReasonCode;

/// A record longer than this is no record; it bounds the memory that a damaged file can take.
const LONGEST_RECORD: usize = 4 << 20;
/// Bytes that are looked at at once.
const WORD: usize = 8;
/// What old programs put at the end of a text.
const END_OF_TEXT: u8 = 0x1a;

/// Where the parser puts a record: the first free place in `text` and in `ends`.
pub(super) type Room = (usize, usize);

impl CsvReader {
    /// Reads one record into `text` and `ends`, behind what is there; ends are offsets into `text`.
    pub(super) fn next_record(&mut self, room: Room) -> Result<Option<RawRecord>, ReadError> {
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
        if let Some(record) = self.split_plain((text_at, ends_at)) {
            return Ok(Some(record));
        }
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

    /// A record that stands in its block whole and without a quote, as most do: its cells are what is between delimiters, and the parser, which
    /// goes from byte to byte, need not see it. It sees the first one of a file, as it looks for a byte-order mark there.
    fn split_plain(&mut self, (text_at, ends_at): Room) -> Option<RawRecord> {
        let rest = self.block.get(self.at..).filter(|_| !self.labels.is_empty())?;
        // What is left of the line end before.
        let before = usize::from(self.after_cr && rest.starts_with(b"\n"));
        let rest = &rest[before..];
        let length = memchr3(b'\n', b'\r', b'"', rest)?;
        let end = rest[length];
        // Words are read, of which the last one may reach beyond the record.
        if length == 0 || end == b'"' || rest.len() < length + WORD {
            return None;
        }
        let text = places(&mut self.text, text_at, length + WORD);
        let ends = places(&mut self.ends, ends_at, length + 1);
        let (mut at, mut text_len, mut cells) = (0, 0, 0);
        // Most cells are shorter than a word; what is written too much is written over.
        loop {
            let word = <[u8; WORD]>::try_from(&rest[at..at + WORD]).ok()?;
            text[text_len..text_len + WORD].copy_from_slice(&word);
            let found = first_of(self.delimiter, word);
            if found == WORD && at + WORD <= length {
                (at, text_len) = (at + WORD, text_len + WORD);
                continue;
            }
            text_len += found.min(length - at);
            ends[cells] = text_at + text_len;
            cells += 1;
            at += found + 1;
            if at > length {
                break;
            }
        }
        let (line, bytes, text_len) = (self.next_line, before + length + 1, text_at + text_len);
        self.carry.clear();
        (self.began, self.at) = (self.at, self.at + bytes);
        (self.next_line, self.after_cr, self.bytes_done) = (line + 1, end == b'\r', self.bytes_done + bytes as u64);
        Some(RawRecord { line, lines: 1, cells, text_len, before, terminated: true, quoting: Quoting::Sound })
    }

    /// The bytes of the record that was read last, and the line ends before it: in its block, or put together where it is in several.
    fn raw(&self) -> &[u8] {
        if self.carry.is_empty() { &self.block[self.began..self.at] } else { &self.carry }
    }

    pub(super) fn raw_text(&self, record: &RawRecord) -> String {
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
    pub(super) fn next_block(&mut self) -> Result<(), ReadError> {
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
            Ok(Block::End { checksum, bytes }) => self.end = Some((checksum, bytes)),
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

/// Where a byte is first among those of a word; [`WORD`] if it is not.
fn first_of(byte: u8, word: [u8; WORD]) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; WORD]);
    let others = u64::from_le_bytes(word) ^ (ONES * u64::from(byte));
    // The lowest bit that is left is that of the first byte without a bit.
    let is_byte = others.wrapping_sub(ONES) & !others & (ONES << 7);
    is_byte.trailing_zeros() as usize / 8
}

/// So many places from one on, made where there are not as many.
fn places<T: Copy + Default>(all: &mut Vec<T>, from: usize, count: usize) -> &mut [T] {
    if all.len() < from + count {
        all.resize(2 * (from + count), T::default());
    }
    &mut all[from..from + count]
}
