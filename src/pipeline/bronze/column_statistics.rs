//! What is in each column of a file, counted while its records pass.
//!
//! The quality tables ask what a column holds once a distinct value; here the values are at hand, so that the stored rows
//! need not be grouped again. Hashes are seeded anew in each process: no file can be made so that its values get in each other's way.

use std::collections::HashMap;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use crate::frame::Group;
use crate::model::cell::{NullSentinels, bare, is_damaged, is_id};
use crate::model::inferred_type::{InferredType, SAMPLE_ROWS, TypeCounts};

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

    /// Hands out the text.
    fn read<R>(self, take: impl FnOnce(&str) -> R) -> R {
        let bytes = self.0.to_le_bytes();
        let length = usize::from(bytes[Self::LONGEST]).min(Self::LONGEST);
        take(&String::from_utf8_lossy(&bytes[..length]))
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

    /// Hands out each value and the number of its cells.
    pub fn each(&self, mut take: impl FnMut(&str, u64)) {
        self.short.iter().for_each(|(short, cells)| short.read(|value| take(value, *cells)));
        self.long.iter().for_each(|(value, cells)| take(value, *cells));
    }

    fn len(&self) -> usize {
        self.short.len() + self.long.len()
    }
}

/// A column with more values, such as a key, is no longer counted value by value.
const MOST_VALUES: usize = 1 << 17;

/// What a profile asks of the values of a column, beside what they say as texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// Nothing.
    Text,
    /// What they are as numbers, which are written as programs write them.
    PlainNumber,
    /// What they are as values of another type.
    Other,
}

/// Counts what is in the columns of a file while its records pass.
#[derive(Debug, Clone)]
pub struct ColumnCounter {
    words: NullSentinels,
    decimal_mark: char,
    columns: Vec<Counts>,
}

#[derive(Debug, Clone)]
struct Counts {
    name: String,
    value_type: ValueType,
    values: Values,
    /// Cells whose bare value is sound, and which have characters around it that are not seen.
    surrounded: u64,
    sample: Sample,
}

impl Counts {
    fn feed(&mut self, rows: &Group, (words, decimal_mark): (&NullSentinels, char)) {
        let wanted = usize::try_from(SAMPLE_ROWS - self.sample.cells).unwrap_or(usize::MAX);
        let first = rows.texts(&self.name).take(wanted);
        runs(first, |cell, cells| self.sample.add((words, decimal_mark), bare(cell), cells));
        match rows.counts(&self.name) {
            Some(counts) => counts.for_each(|(cell, cells)| self.add(words, cell, cells)),
            None => runs(rows.texts(&self.name), |cell, cells| self.add(words, cell, cells)),
        }
        if let Values::Counted(counts) = &self.values
            && counts.len() > MOST_VALUES
        {
            let mut many = Values::Hashed(Distinct::default(), TextSummary::default());
            counts.each(|value, cells| many.add(words, value, cells));
            self.values = many;
        }
    }

    fn add(&mut self, words: &NullSentinels, cell: &str, cells: u64) {
        self.surrounded += if is_surrounded(cell) { cells } else { 0 };
        self.values.add(words, bare(cell), cells);
    }
}

/// What the first cells of a column are.
#[derive(Debug, Clone, Copy, Default)]
struct Sample {
    cells: u64,
    types: TypeCounts,
}

impl Sample {
    fn add(&mut self, (words, decimal_mark): (&NullSentinels, char), value: &str, cells: u64) {
        self.cells += cells;
        if !words.contain(value) {
            self.types.add(value, cells, decimal_mark);
        }
    }
}

/// The bare values of a column.
#[derive(Debug, Clone)]
enum Values {
    /// Each, with the number of its cells.
    Counted(ValueCounts),
    /// Texts, of which nothing else is asked, and values that are too many for that: hashes of what is present, and what is said of all. Two
    /// values of one hash, which a file may hold once in some million files, count as one.
    Hashed(Distinct, TextSummary),
}

/// Hashes of what was met. To sort them now and then is faster than to look each up in a set that no cache holds.
#[derive(Debug, Clone, Default)]
struct Distinct {
    hasher: RandomState,
    hashes: Vec<u64>,
    /// How many there were when they were counted last.
    counted: usize,
}

impl Distinct {
    fn insert(&mut self, value: &str) {
        self.hashes.push(self.hasher.hash_one(value));
        if self.hashes.len() > MOST_VALUES.max(2 * self.counted) {
            self.count();
        }
    }

    fn count(&mut self) -> u64 {
        self.hashes.sort_unstable();
        self.hashes.dedup();
        self.counted = self.hashes.len();
        self.hashes.len() as u64
    }
}

/// The columns of a file, by their names in the tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnStatistics(Vec<(String, ColumnSummary)>);

/// What is known of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnSummary {
    /// What its values say as texts.
    pub texts: TextSummary,
    /// The values of a column of another type; `None` of texts, and where they were too many to be counted.
    pub values: Option<Vec<Representative>>,
    /// What most of its first values are, if that can be told.
    pub inferred: Option<InferredType>,
}

/// A value, the number of its cells, and of how many values these are: of plain numbers the least stands for all and the greatest beside
/// it for none, as those between them say nothing of a column of numbers.
pub type Representative = (String, u64, u64);

/// What the values of a column say as texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextSummary {
    /// Number of values that are present.
    pub distinct: u64,
    /// Cells that are empty.
    pub empty: u64,
    /// Cells that hold a word that says nothing.
    pub words: u64,
    /// Cells that hold what nobody wrote, see [`is_damaged`].
    pub damaged: u64,
    /// The least value that is present; empty if there is none.
    pub least: String,
    /// The greatest.
    pub greatest: String,
    /// Whether a value is not the id that it stands for, such as `12.0`.
    pub has_other_notation: bool,
}

impl TextSummary {
    /// Adds cells of a value; whether it is present, and one of those that are distinct. These are counted elsewhere.
    fn add(&mut self, words: &NullSentinels, value: &str, cells: u64) -> bool {
        self.damaged += if is_damaged(value) { cells } else { 0 };
        if value.is_empty() {
            self.empty += cells;
        } else if words.contain(value) {
            self.words += cells;
        } else {
            if self.least.is_empty() || value < self.least.as_str() {
                value.clone_into(&mut self.least);
            }
            if value > self.greatest.as_str() {
                value.clone_into(&mut self.greatest);
            }
            self.has_other_notation = self.has_other_notation || !is_id(value);
            return true;
        }
        false
    }

    /// Cells that say nothing.
    pub fn missing(&self) -> u64 {
        self.empty + self.words
    }
}

impl Values {
    fn add(&mut self, words: &NullSentinels, value: &str, cells: u64) {
        match self {
            Self::Counted(counts) => counts.add(value, cells),
            Self::Hashed(seen, texts) => {
                if texts.add(words, value, cells) {
                    seen.insert(value);
                }
            }
        }
    }
}

impl ColumnCounter {
    /// Nothing counted yet; `columns` in the file's order, `words` say nothing, in lower case; the character before a fraction.
    pub fn new(columns: impl IntoIterator<Item = (String, ValueType)>, words: &[String], decimal_mark: char) -> Self {
        let counts = |(name, value_type)| {
            let values = match value_type {
                ValueType::Text => Values::Hashed(Distinct::default(), TextSummary::default()),
                ValueType::PlainNumber | ValueType::Other => Values::Counted(ValueCounts::default()),
            };
            Counts { name, value_type, values, surrounded: 0, sample: Sample::default() }
        };
        Self { words: NullSentinels::new(words), decimal_mark, columns: columns.into_iter().map(counts).collect() }
    }

    /// Counts the cells of the next rows; columns are found by name.
    pub fn feed(&mut self, rows: &Group) {
        let of = (&self.words, self.decimal_mark);
        self.columns.iter_mut().for_each(|counts| counts.feed(rows, of));
    }

    /// The file has ended: of its values is kept what is asked of them.
    pub fn finish(self) -> ColumnStatistics {
        let summary = |Counts { name, value_type, values, surrounded, sample }| {
            let (mut texts, values) = match values {
                Values::Hashed(mut seen, texts) => (TextSummary { distinct: seen.count(), ..texts }, None),
                Values::Counted(counts) => {
                    let (texts, values) = summary_of(&self.words, &counts, value_type);
                    (texts, Some(values))
                }
            };
            texts.damaged += surrounded;
            (name, ColumnSummary { texts, values, inferred: sample.types.inferred() })
        };
        ColumnStatistics(self.columns.into_iter().map(summary).collect())
    }
}

fn summary_of(words: &NullSentinels, counts: &ValueCounts, value_type: ValueType) -> (TextSummary, Vec<Representative>) {
    let (mut texts, mut values, mut plain) = (TextSummary::default(), Vec::new(), (0, 0));
    let (mut least, mut greatest) = ((f64::INFINITY, String::new()), (f64::NEG_INFINITY, String::new()));
    counts.each(|value, cells| {
        texts.distinct += u64::from(texts.add(words, value, cells));
        let number = if value_type == ValueType::PlainNumber { plain_number(value) } else { None };
        match number.filter(|_| !words.contain(value)) {
            Some(number) => {
                plain = (plain.0 + cells, plain.1 + 1);
                if number < least.0 {
                    least = (number, value.to_owned());
                }
                if number > greatest.0 {
                    greatest = (number, value.to_owned());
                }
            }
            None => values.push((value.to_owned(), cells, 1)),
        }
    });
    if plain.1 > 0 {
        values.extend([(least.1, plain.0, plain.1), (greatest.1, 0, 0)]);
    }
    (texts, values)
}

impl ColumnStatistics {
    /// What is known of a column; `None` if the file lacks it.
    pub fn column(&self, name: &str) -> Option<&ColumnSummary> {
        self.0.iter().find(|(of, _)| of.eq_ignore_ascii_case(name)).map(|(_, summary)| summary)
    }

    /// What most of the first values of each column are, in the file's order.
    pub fn inferred_types(&self) -> impl Iterator<Item = Option<InferredType>> {
        self.0.iter().map(|(_, summary)| summary.inferred)
    }

    /// Number of values that are kept of all columns together: what the statistics takes in memory.
    pub fn value_count(&self) -> usize {
        self.0.iter().map(|(_, summary)| 1 + summary.values.as_ref().map_or(0, Vec::len)).sum()
    }
}

/// The number that a text is in plain notation: at most fifteen digits, which a double tells apart, and a point among them.
fn plain_number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_plain = are_digits(whole) && are_digits(fraction) && whole.len() + fraction.len() <= 15;
    is_plain.then(|| text.parse().ok()).flatten()
}

/// Whether a cell has characters around it that are not seen, and is sound without them.
fn is_surrounded(cell: &str) -> bool {
    let bare = bare(cell);
    bare.len() != cell.len() && is_damaged(cell) && !is_damaged(bare)
}

/// Cells and how often each follows itself: equal ones often do, and are then looked up once.
fn runs<'a>(mut cells: impl Iterator<Item = &'a str>, mut take: impl FnMut(&'a str, u64)) {
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
    use crate::frame::{Column, ColumnType, Frame, Value};

    fn counter(value_type: ValueType, cells: &[&str]) -> ColumnCounter {
        let mut counter = ColumnCounter::new([("a".to_owned(), value_type)], &["null".to_owned(), "-999".to_owned()], '.');
        feed(&mut counter, cells.iter().copied());
        counter
    }

    /// The next rows of the file: those of a group or two.
    fn feed<'c>(counter: &mut ColumnCounter, cells: impl Iterator<Item = &'c str>) {
        let columns = [Column::new("a", ColumnType::Text)];
        let rows: Vec<Vec<Value>> = cells.map(|cell| vec![Value::Text(cell.into())]).collect();
        for group in Frame::from_rows(&columns, &rows).unwrap().groups(&columns).unwrap() {
            counter.feed(&group.unwrap());
        }
    }

    fn summary(counter: &ColumnCounter) -> ColumnSummary {
        counter.clone().finish().column("A").unwrap().clone()
    }

    #[test]
    fn cells_are_counted_by_value_without_blanks_around() {
        let cells = [" x", "x ", "\u{a0}x", "", "", "NULL", "y", "ä€", "a longer text"];
        let ColumnSummary { texts, values, .. } = summary(&counter(ValueType::Other, &cells));
        let mut values = values.unwrap();
        values.sort_unstable();
        let expected = [("", 2), ("NULL", 1), ("a longer text", 1), ("x", 3), ("y", 1), ("ä€", 1)];
        assert_eq!(values, expected.map(|(value, cells)| (value.to_owned(), cells, 1)));
        assert_eq!((texts.empty, texts.words, texts.missing(), texts.distinct, texts.has_other_notation), (2, 1, 3, 4, false));
        assert_eq!((texts.least.as_str(), texts.greatest.as_str()), ("a longer text", "ä€"));
        let of_text = summary(&counter(ValueType::Text, &cells));
        assert_eq!((of_text.texts, of_text.values, of_text.inferred), (texts, None, Some(InferredType::Text)));
        assert_eq!(counter(ValueType::Text, &cells).finish().column("b"), None);
    }

    #[test]
    fn type_is_inferred_from_the_first_cells_that_say_something() {
        let inferred = |numbers: u64, texts: u64| {
            let cells = |value, cells| (0..cells).map(move |_| value);
            // Words that say nothing are no values, but stand among the first cells.
            let first = cells("null", 500).chain(cells(" 12 ", numbers)).chain(cells("", 400)).chain(cells("-999", 100));
            let first: Vec<&str> = first.chain(cells("x", texts)).collect();
            let mut counter = counter(ValueType::Other, &first);
            // The next block of the file.
            feed(&mut counter, cells("x", 5000));
            summary(&counter).inferred
        };
        assert_eq!(inferred(1000, 0), Some(InferredType::Numbers));
        assert_eq!(inferred(950, 50), Some(InferredType::Numbers));
        assert_eq!(inferred(949, 51), None);
        assert_eq!(inferred(50, 950), Some(InferredType::Text));
        assert_eq!(inferred(2000, 50), Some(InferredType::Numbers));
    }

    #[test]
    fn cells_that_nobody_wrote_are_counted_among_few_values_and_many() {
        let damaged = ["#N/A", " #ref! ", "x\u{200b}", "x\u{200b}y", "x\u{200b}y", "\u{feff}#N/A", "x", "", "null"];
        let mut counter = counter(ValueType::Text, &damaged);
        assert_eq!(summary(&counter).texts.damaged, 6);
        let many: Vec<String> = (0..MOST_VALUES + 5).map(|n| n.to_string()).collect();
        feed(&mut counter, many.iter().map(String::as_str));
        feed(&mut counter, damaged.into_iter());
        let ColumnSummary { texts, values, .. } = summary(&counter);
        assert_eq!((texts.damaged, texts.has_other_notation, values), (12, true, None));
    }

    #[test]
    fn column_of_many_values_keeps_what_a_profile_asks_for() {
        let many = MOST_VALUES + 5;
        let numbers: Vec<String> = (0..many).map(|n| n.to_string()).collect();
        let mut counter = counter(ValueType::PlainNumber, &["", "null"]);
        feed(&mut counter, numbers.iter().map(String::as_str));
        // Once more, and what was not met before.
        feed(&mut counter, numbers.iter().take(10).map(String::as_str).chain(["Null", " ", "-1", "zz"]));
        let ColumnSummary { texts: found, values, .. } = summary(&counter);
        assert_eq!((found.empty, found.words, found.missing(), found.distinct), (2, 2, 4, many as u64 + 2));
        assert_eq!((found.least.as_str(), found.greatest.as_str(), found.has_other_notation), ("-1", "zz", false));
        assert_eq!(values, None);
        feed(&mut counter, ["12.0"].into_iter());
        assert!(summary(&counter).texts.has_other_notation, "12 and 12.0 are one id");
    }

    #[test]
    fn least_and_greatest_number_stand_for_those_between() {
        let cells =
            ["3", "3", "2.50", "10", "-1.5", "-999", "-0", "0", "", "null", "1e3", "1,000", ".5", "7.", "123456789012345678"];
        let mut numbers = summary(&counter(ValueType::PlainNumber, &cells)).values.unwrap();
        numbers.sort_unstable();
        let expected = [
            ("", 1, 1),
            ("-1.5", 7, 6),
            ("-999", 1, 1),
            (".5", 1, 1),
            ("1,000", 1, 1),
            ("10", 0, 0),
            ("123456789012345678", 1, 1),
            ("1e3", 1, 1),
            ("7.", 1, 1),
            ("null", 1, 1),
        ];
        assert_eq!(numbers, expected.map(|(value, cells, values)| (value.to_owned(), cells, values)));
    }
}
