//! What a cell of a delivered file can lack.

use std::borrow::Cow;
use std::fmt;

use super::bytes::is_printable;

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

/// A cell without blanks, and without what is not seen, around.
#[inline]
pub fn bare(cell: &str) -> &str {
    match cell.as_bytes() {
        [] => cell,
        [only] if only.is_ascii_graphic() => cell,
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => cell,
        _ => trimmed(cell),
    }
}

#[cold]
fn trimmed(cell: &str) -> &str {
    cell.trim_matches(|c: char| c.is_whitespace() || is_invisible(c))
}

/// Whether a cell has no blanks, and nothing that is not seen, around.
pub fn is_bare(cell: &str) -> bool {
    bare(cell).len() == cell.len()
}

/// Whether a character shows nothing and is no blank: control and format characters (zero width, byte-order and direction marks), and
/// fillers.
///
/// Unicode's general category Cc, what it says may be ignored (`Default_Ignorable_Code_Point`) and the marks of interlinear notes,
/// without selectors of a variation, which belong to the character before them.
pub fn is_invisible(c: char) -> bool {
    match c {
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e00ff}'
        | '\u{e01f0}'..='\u{e0fff}' => true,
        _ => c.is_control() && !c.is_whitespace(),
    }
}

/// A text as it may be shown: no character of it moves a cursor, clears a screen or turns the direction of reading. Each that would has
/// a sign in its place: `␛` and its like, or `�`. Line ends and tabs have theirs, too, so that a text is one line.
pub fn visible(text: &str) -> Cow<'_, str> {
    if is_printable(text) || !text.chars().any(|c| c.is_control() || is_invisible(c)) {
        return Cow::Borrowed(text);
    }
    let sign = |c: char| match c {
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        c if c.is_control() || is_invisible(c) => '\u{fffd}',
        c => c,
    };
    Cow::Owned(text.chars().map(sign).collect())
}

/// Whether a text holds characters that are not seen.
pub fn has_invisible(text: &str) -> bool {
    !is_printable(text) && text.chars().any(is_invisible)
}

/// What a text holds beside letters and the marks of ids: bits that are set where it holds such a character.
pub struct Shape;

impl Shape {
    /// A digit.
    pub const DIGIT: u64 = 1;
    /// A blank, or a mark that ids are not written with (`_`, `-`, `.`, `/`, `+` and `#` are).
    pub const OTHER: u64 = 2;

    /// The shape of a text.
    pub fn of(text: &str) -> u64 {
        let of_bytes = text.bytes().fold(0, |shape, byte| shape | SHAPES[usize::from(byte)]);
        if of_bytes & BEYOND_ASCII == 0 {
            return u64::from(of_bytes);
        }
        let of = |c: char| match u8::try_from(c) {
            Ok(byte) if byte.is_ascii() => u64::from(SHAPES[usize::from(byte)]),
            _ if c.is_alphabetic() => 0,
            _ => Self::OTHER,
        };
        text.chars().fold(0, |shape, c| shape | of(c))
    }
}

/// Of a byte that is no character by itself.
const BEYOND_ASCII: u8 = 1 << 7;

/// The shape of each character that is one byte.
const SHAPES: [u8; 256] = {
    let mut shapes = [BEYOND_ASCII; 256];
    let mut byte = 0;
    while byte < 0x80 {
        shapes[byte as usize] = match byte {
            b'0'..=b'9' => Shape::DIGIT as u8,
            b'_' | b'-' | b'.' | b'/' | b'+' | b'#' | b'A'..=b'Z' | b'a'..=b'z' => 0,
            _ => Shape::OTHER as u8,
        };
        byte += 1;
    }
    shapes
};

/// An id without what only its notation says: zeros before digits, case, and which marks stand between its parts.
pub fn notation(id: &str) -> Cow<'_, str> {
    if is_plain_notation(id) { Cow::Borrowed(id) } else { Cow::Owned(without_notation(id)) }
}

/// Whether an id says nothing by its notation, as most do: small letters and digits, single `-` between them, no zero before a digit.
pub fn is_plain_notation(id: &str) -> bool {
    // Most ids are a number.
    if !id.starts_with('0') && !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) {
        return true;
    }
    let mut before = b'-';
    for (at, byte) in id.bytes().enumerate() {
        let zero_before = before == b'0' && !id.as_bytes()[..at - 1].last().is_some_and(u8::is_ascii_digit);
        match byte {
            b'0'..=b'9' if !zero_before => {}
            b'a'..=b'z' => {}
            b'-' if before != b'-' => {}
            _ => return false,
        }
        before = byte;
    }
    before != b'-'
}

fn without_notation(id: &str) -> String {
    let mut plain = String::with_capacity(id.len());
    let (mut in_number, mut mark) = (false, false);
    for c in id.chars() {
        if !c.is_alphanumeric() {
            (mark, in_number) = (!plain.is_empty(), false);
            continue;
        }
        if mark {
            plain.push('-');
            mark = false;
        }
        if c.is_ascii_digit() {
            // Of several zeros before digits none counts; a zero alone does.
            if in_number && plain.ends_with('0') && !plain[..plain.len() - 1].ends_with(|c: char| c.is_ascii_digit()) {
                plain.pop();
            }
            in_number = true;
        } else {
            in_number = false;
        }
        if c.is_ascii() { plain.push(c.to_ascii_lowercase()) } else { plain.extend(c.to_lowercase()) }
    }
    plain
}

/// Whether a bare text is an id as it is.
pub fn is_id(text: &str) -> bool {
    without_fraction(text).is_none() && !has_invisible(text)
}

/// A bare text as an id: without characters that are not seen, and without a `.0` behind digits.
pub fn id(text: &str) -> Cow<'_, str> {
    if !has_invisible(text) {
        return Cow::Borrowed(without_fraction(text).unwrap_or(text));
    }
    let mut seen: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    if let Some(digits) = without_fraction(&seen).map(str::len) {
        seen.truncate(digits);
    }
    Cow::Owned(seen)
}

/// The digits before a `.0`, as a spreadsheet writes whole numbers.
fn without_fraction(text: &str) -> Option<&str> {
    text.strip_suffix(".0").filter(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What a spreadsheet writes where it has no value; no value and no id anywhere. In lower case.
pub const ERROR_WORDS: [&str; 9] = ["#n/a", "#ref!", "#value!", "#name?", "#div/0!", "#null!", "#num!", "#getting_data", "nan"];

/// Whether a cell holds what nobody wrote: the word that a spreadsheet writes for an error, or characters that are not seen.
pub fn is_damaged(cell: &str) -> bool {
    has_invisible(cell) || is_error_word(bare(cell))
}

/// Whether a bare cell is one of the words that a spreadsheet writes for an error.
fn is_error_word(cell: &str) -> bool {
    matches!(cell.as_bytes().first(), Some(b'#' | b'n' | b'N')) && ERROR_WORDS.iter().any(|word| cell.eq_ignore_ascii_case(word))
}

/// The words of a utility that say nothing, such as `null`; the empty text and [`ERROR_WORDS`] are always among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NullSentinels {
    words: Vec<String>,
    longest: usize,
    /// Whether a word begins with this byte, in either case.
    first: Box<[bool; 256]>,
}

impl NullSentinels {
    /// `words` in lower case.
    pub fn new(words: &[String]) -> Self {
        let mut words = words.to_vec();
        words.extend(
            ERROR_WORDS.iter().filter(|word| !words.iter().any(|own| own == *word)).map(ToString::to_string).collect::<Vec<_>>(),
        );
        // A word in another alphabet may be of another length, and begin otherwise, in upper case.
        let is_ascii = words.iter().all(|word| word.is_ascii());
        let longest = if is_ascii { words.iter().map(String::len).max().unwrap_or(0) } else { usize::MAX };
        let mut first = Box::new([!is_ascii; 256]);
        for byte in words.iter().filter_map(|word| word.bytes().next()) {
            first[usize::from(byte)] = true;
            first[usize::from(byte.to_ascii_uppercase())] = true;
        }
        Self { words, longest, first }
    }

    /// Whether a bare cell says nothing.
    #[inline]
    pub fn contain(&self, cell: &str) -> bool {
        let Some(first) = cell.as_bytes().first() else { return true };
        self.first[usize::from(*first)] && cell.len() <= self.longest && self.list(cell)
    }

    #[cold]
    fn list(&self, cell: &str) -> bool {
        let is_word = |word: &String| cell.eq_ignore_ascii_case(word) || (!word.is_ascii() && cell.to_lowercase() == *word);
        self.words.iter().any(is_word)
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

    #[test]
    fn shape_tells_digits_and_what_ids_are_not_written_with() {
        for c in ('\0'..='\u{3000}').chain(['京', '\u{1f600}', '𝔸']) {
            let digit = if c.is_ascii_digit() { Shape::DIGIT } else { 0 };
            let other = if c.is_ascii_digit() || c.is_alphabetic() || "_-./+#".contains(c) { 0 } else { Shape::OTHER };
            assert_eq!(Shape::of(&c.to_string()), digit | other, "{c:?}");
            // Beside another one beyond ASCII, which is a letter.
            assert_eq!(Shape::of(&format!("é7{c}")), Shape::DIGIT | other, "{c:?}");
        }
        assert_eq!(Shape::of(""), 0);
    }

    #[test]
    fn notations_of_one_id_are_the_same_and_other_ids_are_not() {
        let same = |a: &str, b: &str| notation(a) == notation(b);
        for (a, b) in
            [("00000101", "101"), ("36_08_1250", "36-8-1250"), ("AB 12", "ab_012"), ("007", "7"), ("0", "00"), (" x ", "x")]
        {
            assert!(same(a, b), "{a} {b}: {} {}", notation(a), notation(b));
        }
        for (a, b) in [("101", "1010"), ("1_23", "12_3"), ("100", "1"), ("10", "1"), ("A1", "A10"), ("1200", "12"), ("a0", "a")] {
            assert!(!same(a, b), "{a} {b}");
        }
        let shapes = ["12", "36_08_1250", "TOTAL", "Grand Total: 41", "A-1"].map(Shape::of);
        assert_eq!(shapes, [1, 1, 0, 3, 1]);
    }

    #[test]
    fn no_character_that_is_shown_acts_on_a_terminal() {
        let shown = ["a\u{1b}[2Jb", "x\ty\r\n", "\u{9b}31m", "\u{202e}abc", "Zürich 5 µA", "plain"]
            .map(|text| visible(text).into_owned());
        assert_eq!(shown, ["a␛[2Jb", "x␉y␍␊", "�31m", "�abc", "Zürich 5 µA", "plain"]);
    }

    #[test]
    fn what_is_not_seen_is_told_from_blanks_and_letters() {
        assert_eq!(["\u{feff}x\u{200b}", "\u{202e} x\u{ad}", "\u{7}x"].map(bare), ["x", "x", "x"]);
        assert_eq!(
            ["a\u{200d}b", "a\u{0}b", "a b", "a\tb", "Zürich", "a\u{a0}b"].map(has_invisible),
            [true, true, false, false, false, false]
        );
        assert_eq!(["\u{feff}x", " #N/A ", "nan", "x", "N/A", "nano"].map(is_damaged), [true, true, true, false, false, false]);
        let none = NullSentinels::new(&[]);
        assert_eq!(
            ["#N/A", "#Ref!", "NaN", "N/A", "#1", "null"].map(|cell| none.contain(cell)),
            [true, true, true, false, false, false]
        );
    }

    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_an_id_without_what_is_not_seen(text in "[a0.\\-_ \u{200b}\u{feff}\u{7}é#NA/]{0,12}") {
            let read = id(bare(&text)).into_owned();
            prop_assert!(!has_invisible(&read));
            prop_assert_eq!(id(&read).len(), if read.ends_with(".0") { id(&read).len() } else { read.len() });
            prop_assert_eq!(is_id(bare(&text)), id(bare(&text)) == bare(&text));
        }

        #[test]
        fn any_text_that_is_shown_acts_on_no_terminal(text in any::<String>()) {
            prop_assert!(!visible(&text).chars().any(|c| c.is_control() || is_invisible(c)));
            prop_assert_eq!(visible(&text).chars().count(), text.chars().count());
        }

        #[test]
        fn notation_of_a_notation_is_itself(text in "[a-cA0-3_ -]{0,10}") {
            prop_assert_eq!(notation(&text), without_notation(&text));
            prop_assert_eq!(is_plain_notation(&text), !text.is_empty() && without_notation(&text) == text);
            let plain = notation(&text);
            prop_assert_eq!(notation(&plain), plain.as_ref());
        }
    }
}
