//! What a cell of a delivered file can lack.

use std::fmt;

/// Why a cell holds no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CellState {
    /// Empty or a sentinel.
    #[default]
    Missing,
    /// Nothing between two delimiters.
    Empty,
    /// "Nothing" in words: `NULL`, `na`.
    Sentinel,
    /// Something that does not parse.
    Invalid,
    /// The file lacks the column.
    Absent,
}

impl CellState {
    /// Every state, in the order in which they are shown.
    pub const ALL: [Self; 5] = [Self::Missing, Self::Empty, Self::Sentinel, Self::Invalid, Self::Absent];

    /// The word shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Empty => "empty",
            Self::Sentinel => "sentinel",
            Self::Invalid => "invalid",
            Self::Absent => "absent",
        }
    }

    /// The next one, the first after the last.
    #[must_use]
    pub fn next(self) -> Self {
        let at = Self::ALL.iter().position(|state| *state == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }
}

impl fmt::Display for CellState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A cell without blanks around.
pub fn bare(cell: &str) -> &str {
    match cell.as_bytes() {
        [] => cell,
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => cell,
        _ => cell.trim(),
    }
}

/// The words of a utility that say nothing, such as `null`; the empty text is always one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NullSentinels {
    list: Vec<String>,
    longest: usize,
    /// Whether a word begins with this byte, in either case.
    first: Vec<bool>,
}

impl NullSentinels {
    /// `words` in lower case.
    pub fn new(words: &[String]) -> Self {
        // A word in another alphabet may be of another length, and begin otherwise, in upper case.
        let is_ascii = words.iter().all(|word| word.is_ascii());
        let longest = if is_ascii { words.iter().map(String::len).max().unwrap_or(0) } else { usize::MAX };
        let mut first = vec![!is_ascii; 256];
        for byte in words.iter().filter_map(|word| word.bytes().next()) {
            first[usize::from(byte)] = true;
            first[usize::from(byte.to_ascii_uppercase())] = true;
        }
        Self { list: words.to_vec(), longest, first }
    }

    /// Whether a bare cell says nothing.
    pub fn contain(&self, cell: &str) -> bool {
        let Some(first) = cell.as_bytes().first() else { return true };
        let is_word = |word: &String| cell.eq_ignore_ascii_case(word) || (!word.is_ascii() && cell.to_lowercase() == *word);
        cell.len() <= self.longest && self.first[usize::from(*first)] && self.list.iter().any(is_word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_any_case_and_nothing_else_is() {
        let words = NullSentinels::new(&["null".to_owned(), "n/a".to_owned(), "ähnlich".to_owned()]);
        let said: Vec<bool> = ["", "NULL", "N/a", "ÄHNLICH", "nil", "nulls", "0"].map(|cell| words.contain(cell)).into();
        assert_eq!(said, [true, true, true, true, false, false, false]);
        assert_eq!([" x ", "\u{a0}x", "x", "", "\t"].map(bare), ["x", "x", "x", "", ""]);
    }
}
