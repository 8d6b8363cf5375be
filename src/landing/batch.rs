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
        let text = self.text.as_bytes();
        let (mut start, mut record) = (0, Vec::new());
        let mut hash = |ends: &[usize]| {
            let end = ends.last().copied().unwrap_or(start);
            record.resize(record.len().max(end - start + columns.len() + STRIDE), 0);
            let mut length = 0;
            for column in columns {
                let from = if *column == 0 { start } else { ends[*column - 1] };
                let cell = &text[from..ends[*column]];
                match text.get(from..from + STRIDE) {
                    // What is beyond the cell is written over.
                    Some(bytes) if cell.len() <= STRIDE => record[length..length + STRIDE].copy_from_slice(bytes),
                    _ => record[length..length + cell.len()].copy_from_slice(cell),
                }
                length += cell.len() + 1;
                record[length - 1] = NO_TEXT;
            }
            start = end;
            xxh64(&record[..length], seed)
        };
        self.ends.chunks_exact(self.columns.max(1)).map(&mut hash).collect()
    }
}

/// So many bytes are copied at once: most cells are no longer.
const STRIDE: usize = 16;

/// What a file was, known when its last byte was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Of its bytes, see [`super::ContentHash`].
    pub checksum: u64,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Cells of every length, at every place of a record, the last ones of the text among them; all columns, some, in any order, or none.
    #[test]
    fn hash_of_a_record_is_that_of_its_cells_one_after_the_other() {
        let letters: String = ('a'..='z').cycle().take(400).collect();
        for columns in 1..5 {
            let lengths: Vec<usize> = (0..columns * 40).map(|at| [0, 1, 7, 15, 16, 17, 40][(at * 5 + at / 7) % 7]).collect();
            let cells: Vec<&str> = lengths.iter().enumerate().map(|(at, length)| &letters[at..at + length]).collect();
            let text = cells.concat();
            let ends: Vec<usize> =
                lengths.iter().scan(0, |end, length| Some(std::mem::replace(end, *end + length) + length)).collect();
            let batch = Batch { columns, text: &text, ends: &ends, lines: (0..40).collect() };
            for chosen in [(0..columns).collect(), (0..columns).rev().collect(), vec![columns - 1], vec![]] {
                let of_record = |record: &[&str]| {
                    let bytes: Vec<u8> =
                        chosen.iter().flat_map(|column: &usize| record[*column].bytes().chain([NO_TEXT])).collect();
                    xxh64(&bytes, 7)
                };
                let expected: Vec<u64> = cells.chunks(columns).map(of_record).collect();
                assert_eq!(batch.hashes(&chosen, 7), expected, "{columns} columns, of which {chosen:?}");
            }
        }
    }
}
