//! What reading a file gives: records in batches, and at the end what the file was.

use xxhash_rust::xxh64::xxh64;

use crate::model::Finding;

/// A byte that occurs in no UTF-8.
pub const NO_TEXT: u8 = 0xFF;

/// Records that fit the header, in file order; they are the reader's until the next ones are read.
#[derive(Debug)]
pub struct Batch<'a> {
    pub(super) columns: usize,
    pub(super) text: &'a str,
    /// Where each cell ends in `text`, record by record.
    pub(super) ends: &'a [usize],
    /// The physical line, from 1, on which each record starts.
    pub lines: Vec<u64>,
}

impl Batch<'_> {
    /// Number of records.
    pub fn record_count(&self) -> usize {
        self.lines.len()
    }

    /// The cells of all records, one record after the other, as delivered, without quotes.
    pub fn cells(&self) -> impl Iterator<Item = &str> {
        let mut start = 0;
        self.ends.iter().map(move |end| &self.text[std::mem::replace(&mut start, *end)..*end])
    }

    /// A number for each record that is the same where the cells of some columns are: XXH64 of these, each before a byte that no text has.
    pub fn hashes(&self, columns: &[usize], seed: u64) -> Vec<u64> {
        let mut record = Vec::new();
        let mut hash = |row: usize| {
            record.clear();
            for column in columns {
                record.extend_from_slice(self.cell(row, *column).as_bytes());
                record.push(NO_TEXT);
            }
            xxh64(&record, seed)
        };
        (0..self.record_count()).map(&mut hash).collect()
    }

    fn cell(&self, row: usize, column: usize) -> &str {
        let cell = row * self.columns + column;
        let start = if cell == 0 { 0 } else { self.ends[cell - 1] };
        &self.text[start..self.ends[cell]]
    }
}

/// What a file was, known when its last byte was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// Size.
    pub bytes: u64,
    /// Records in the file, rejected ones included.
    pub records: u64,
    /// Records rejected.
    pub rejected: Vec<Finding>,
    /// Lines beside the first of records that were rejected for a quote without its pair: what such a quote may have swallowed.
    pub swallowed: u64,
    /// What is worth knowing about the file as a whole, for people.
    pub notes: Vec<&'static str>,
}
