//! What is in each column of a file, counted while its records pass.
//!
//! The quality tables ask what a column holds once a distinct value; here the values are at hand, so that the stored rows
//! need not be grouped again. Hashes are seeded anew in each process: no file can be made so that its values get in each other's way.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use crate::model::cell::{NullSentinels, bare, is_damaged, is_id};

/// Values and the number of their cells. Most values are short, and are found faster as numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ValueCounts {
    short: HashMap<Short, u64, RandomState>,
    long: HashMap<Box<str>, u64, RandomState>,
}

/// A text of at most [`Short::LONGEST`] bytes: the bytes from the least significant on, and the length above them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Short(u64);

impl Short {
    const LONGEST: usize = 7;

    fn new(text: &str) -> Option<Self> {
        let mut bytes = [0; 8];
        bytes.get_mut(..text.len()).filter(|room| room.len() <= Self::LONGEST)?.copy_from_slice(text.as_bytes());
        bytes[Self::LONGEST] = u8::try_from(text.len()).ok()?;
        Some(Self(u64::from_le_bytes(bytes)))
    }

    fn text(self) -> String {
        let bytes = self.0.to_le_bytes();
        let length = usize::from(bytes[Self::LONGEST]).min(Self::LONGEST);
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }
}

impl ValueCounts {
    fn add(&mut self, value: &str, cells: u64) {
        if let Some(short) = Short::new(value) {
            *self.short.entry(short).or_default() += cells;
        } else if let Some(known) = self.long.get_mut(value) {
            *known += cells;
        } else {
            self.long.insert(value.into(), cells);
        }
    }

    /// Each value and the number of its cells.
    pub fn iter(&self) -> impl Iterator<Item = (Cow<'_, str>, u64)> {
        let short = self.short.iter().map(|(short, cells)| (Cow::Owned(short.text()), *cells));
        short.chain(self.long.iter().map(|(value, cells)| (Cow::Borrowed(&**value), *cells)))
    }

    fn len(&self) -> usize {
        self.short.len() + self.long.len()
    }
}

/// A column with more values, such as a key, is no longer counted value by value.
const MOST_VALUES: usize = 1 << 17;

/// The columns of a file, by their names in the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnStatistics {
    words: NullSentinels,
    columns: Vec<Counts>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Counts {
    name: String,
    values: ColumnValues,
    /// Cells whose bare value is sound, and which have characters around it that are not seen.
    surrounded: u64,
}

/// The bare values of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnValues {
    /// Each, with the number of its cells.
    Counted(ValueCounts),
    /// Too many for that.
    HighCardinality(HighCardinality),
}

/// A column of many values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HighCardinality {
    /// Hashes of what is present: two values of one hash, which a file may hold once in some million files, count as one.
    seen: HashSet<u64, RandomState>,
    /// How many there were, once they are forgotten.
    distinct: u64,
    /// Cells that are empty.
    pub empty: u64,
    /// Cells that hold a word that says nothing.
    pub words: u64,
    /// Cells that hold what nobody wrote, see [`is_damaged`].
    damaged: u64,
    /// The least value that is present, as text.
    pub least: String,
    /// The greatest.
    pub greatest: String,
    /// Whether a value is not the id that it stands for.
    has_other_notation: bool,
}

impl HighCardinality {
    fn add(&mut self, words: &NullSentinels, value: &str, cells: u64) {
        self.damaged += if is_damaged(value) { cells } else { 0 };
        if value.is_empty() {
            self.empty += cells;
        } else if words.contain(value) {
            self.words += cells;
        } else if self.seen.insert(self.seen.hasher().hash_one(value)) {
            if self.least.is_empty() || value < self.least.as_str() {
                value.clone_into(&mut self.least);
            }
            if value > self.greatest.as_str() {
                value.clone_into(&mut self.greatest);
            }
            self.has_other_notation |= !is_id(value);
        }
    }

    /// Number of values that are present.
    pub fn distinct(&self) -> u64 {
        self.distinct.max(self.seen.len() as u64)
    }
}

impl ColumnStatistics {
    /// Nothing counted yet; `names` in the file's order, `words` say nothing, in lower case.
    pub fn new(names: &[String], words: &[String]) -> Self {
        let empty = || ColumnValues::Counted(ValueCounts::default());
        let columns = names.iter().map(|name| Counts { name: name.clone(), values: empty(), surrounded: 0 }).collect();
        Self { words: NullSentinels::new(words), columns }
    }

    /// Counts cells of the column at a place.
    pub fn feed<'a>(&mut self, column: usize, cells: impl Iterator<Item = &'a str>) {
        let Some(Counts { values, surrounded, .. }) = self.columns.get_mut(column) else { return };
        let cells = cells.inspect(|cell| *surrounded += u64::from(is_surrounded(cell)));
        match values {
            ColumnValues::Counted(counts) => {
                runs(cells, |value, cells| counts.add(value, cells));
                if counts.len() > MOST_VALUES {
                    let mut many = HighCardinality::default();
                    for (value, cells) in counts.iter() {
                        many.add(&self.words, &value, cells);
                    }
                    *values = ColumnValues::HighCardinality(many);
                }
            }
            ColumnValues::HighCardinality(many) => runs(cells, |value, cells| many.add(&self.words, value, cells)),
        }
    }

    /// The file has ended: what only more cells would be compared with is forgotten.
    pub fn finish(&mut self) {
        for counts in &mut self.columns {
            if let ColumnValues::HighCardinality(many) = &mut counts.values {
                many.distinct = many.distinct();
                many.seen = HashSet::default();
            }
        }
    }

    /// The values of a column; `None` if the file lacks it.
    pub fn values(&self, column: &str) -> Option<&ColumnValues> {
        self.counts(column).map(|counts| &counts.values)
    }

    fn counts(&self, column: &str) -> Option<&Counts> {
        self.columns.iter().find(|counts| counts.name.eq_ignore_ascii_case(column))
    }

    /// How many cells of a column hold what nobody wrote.
    pub fn damaged(&self, column: &str) -> Option<u64> {
        let counts = self.counts(column)?;
        let inside: u64 = match &counts.values {
            ColumnValues::Counted(counts) => counts.iter().filter(|(value, _)| is_damaged(value)).map(|(_, cells)| cells).sum(),
            ColumnValues::HighCardinality(many) => many.damaged,
        };
        Some(inside + counts.surrounded)
    }

    /// How many cells of a column say nothing.
    pub fn missing(&self, column: &str) -> Option<u64> {
        Some(match self.values(column)? {
            ColumnValues::Counted(counts) => {
                counts.iter().filter(|(value, _)| self.words.contain(value)).map(|(_, cells)| cells).sum()
            }
            ColumnValues::HighCardinality(many) => many.empty + many.words,
        })
    }

    /// How many ids a column holds; `None` where some could be written in two ways, such as `12` and `12.0`.
    pub fn distinct_ids(&self, column: &str) -> Option<u64> {
        match self.values(column)? {
            ColumnValues::Counted(counts) if counts.iter().any(|(value, _)| !is_id(&value)) => None,
            ColumnValues::Counted(counts) => Some(counts.iter().filter(|(value, _)| !self.words.contain(value)).count() as u64),
            ColumnValues::HighCardinality(many) => (!many.has_other_notation).then(|| many.distinct()),
        }
    }

    /// Number of values in all columns together: what the statistics takes in memory.
    pub fn value_count(&self) -> usize {
        let len = |values: &ColumnValues| match values {
            ColumnValues::Counted(counts) => counts.len(),
            ColumnValues::HighCardinality(_) => 1,
        };
        self.columns.iter().map(|counts| len(&counts.values)).sum()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.columns.clear();
    }
}

/// Whether a cell has characters around it that are not seen, and is sound without them.
fn is_surrounded(cell: &str) -> bool {
    let bare = bare(cell);
    bare.len() != cell.len() && is_damaged(cell) && !is_damaged(bare)
}

/// Bare values and how often each follows itself: equal cells often do, and are then looked up once.
fn runs<'a>(cells: impl Iterator<Item = &'a str>, mut take: impl FnMut(&'a str, u64)) {
    let mut cells = cells.map(bare);
    let Some(mut value) = cells.next() else { return };
    let mut run = 1;
    for cell in cells {
        if cell == value {
            run += 1;
        } else {
            take(value, run);
            (value, run) = (cell, 1);
        }
    }
    take(value, run);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statistics(cells: &[&str]) -> ColumnStatistics {
        let mut statistics = ColumnStatistics::new(&["a".to_owned()], &["null".to_owned()]);
        statistics.feed(0, cells.iter().copied());
        statistics
    }

    #[test]
    fn cells_are_counted_by_value_without_blanks_around() {
        let statistics = statistics(&[" x", "x ", "\u{a0}x", "", "", "NULL", "y", "ä€", "a longer text"]);
        let Some(ColumnValues::Counted(counts)) = statistics.values("A") else { panic!("{statistics:?}") };
        let mut counts: Vec<(String, u64)> = counts.iter().map(|(value, cells)| (value.into_owned(), cells)).collect();
        counts.sort_unstable();
        let expected = [("", 2), ("NULL", 1), ("a longer text", 1), ("x", 3), ("y", 1), ("ä€", 1)];
        assert_eq!(counts, expected.map(|(value, cells)| (value.to_owned(), cells)));
        assert_eq!((statistics.missing("a"), statistics.distinct_ids("a"), statistics.values("b")), (Some(3), Some(4), None));
    }

    #[test]
    fn cells_that_nobody_wrote_are_counted_among_few_values_and_many() {
        let damaged = ["#N/A", " #ref! ", "x\u{200b}", "x\u{200b}y", "x\u{200b}y", "\u{feff}#N/A", "x", "", "null"];
        let mut few = statistics(&damaged);
        assert_eq!(few.damaged("a"), Some(6));
        let many: Vec<String> = (0..MOST_VALUES + 5).map(|n| n.to_string()).collect();
        few.feed(0, many.iter().map(String::as_str));
        few.feed(0, damaged.into_iter());
        assert!(matches!(few.values("a"), Some(ColumnValues::HighCardinality(_))));
        assert_eq!((few.damaged("a"), few.distinct_ids("a")), (Some(12), None));
    }

    #[test]
    fn column_of_many_values_keeps_what_a_profile_asks_for() {
        let many = MOST_VALUES + 5;
        let numbers: Vec<String> = (0..many).map(|n| n.to_string()).collect();
        let mut statistics = statistics(&["", "null"]);
        statistics.feed(0, numbers.iter().map(String::as_str));
        // Once more, and what was not met before.
        statistics.feed(0, numbers.iter().take(10).map(String::as_str).chain(["Null", " ", "-1", "zz"]));
        let Some(ColumnValues::HighCardinality(found)) = statistics.values("a") else { panic!("{}", statistics.value_count()) };
        assert_eq!((found.empty, found.words, found.distinct()), (2, 2, many as u64 + 2));
        assert_eq!((found.least.as_str(), found.greatest.as_str()), ("-1", "zz"));
        assert_eq!((statistics.missing("a"), statistics.distinct_ids("a")), (Some(4), Some(many as u64 + 2)));
        statistics.finish();
        assert_eq!(statistics.distinct_ids("a"), Some(many as u64 + 2));
        statistics.feed(0, ["12.0"].into_iter());
        assert_eq!(statistics.distinct_ids("a"), None, "12 and 12.0 are one id");
    }
}
