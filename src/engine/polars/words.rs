//! What a report says where a key should stand: words that an expression tells, or the header once more.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use regex::Regex;
use regex_syntax::hir::{Class, Hir, HirKind};

/// What is looked for in keys.
#[derive(Debug)]
pub(super) struct Words {
    pattern: Regex,
    /// The header of the key, in lower case.
    header: String,
    /// Whether there are none in a text without a letter, which most keys are.
    need_letter: bool,
}

/// By pattern and header.
type Known = HashMap<(String, String), Arc<Words>>;

/// What was looked for: each block of rows asks for its own again, and there is little.
static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);

impl Words {
    /// Texts that the regular expression matches, and the header in any case.
    ///
    /// # Errors
    /// The expression is none.
    pub(super) fn of(pattern: &str, header: &str) -> Result<Arc<Self>, regex::Error> {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (pattern.to_owned(), header.to_owned());
        if let Some(known) = known.get(&place) {
            return Ok(known.clone());
        }
        let words = Arc::new(Self::new(pattern, header)?);
        known.insert(place, words.clone());
        Ok(words)
    }

    fn new(pattern: &str, header: &str) -> Result<Self, regex::Error> {
        let is_lettered = regex_syntax::parse(pattern).is_ok_and(|pattern| needs_letter(&pattern));
        let need_letter = is_lettered && header.contains(char::is_alphabetic);
        Ok(Self { pattern: Regex::new(pattern)?, header: header.to_lowercase(), need_letter })
    }

    /// Whether a key is such a text.
    pub(super) fn are(&self, key: &str) -> bool {
        if self.need_letter && !has_letter(key) {
            return false;
        }
        self.pattern.is_match(key) || key.to_lowercase() == self.header
    }
}

fn has_letter(text: &str) -> bool {
    if text.is_ascii() { text.bytes().any(|byte| byte.is_ascii_alphabetic()) } else { text.contains(char::is_alphabetic) }
}

/// Whether a text that matches has a letter.
fn needs_letter(pattern: &Hir) -> bool {
    match pattern.kind() {
        HirKind::Literal(literal) => str::from_utf8(&literal.0).is_ok_and(|text| text.contains(char::is_alphabetic)),
        HirKind::Class(Class::Unicode(class)) => {
            class.ranges().iter().all(|range| (range.start()..=range.end()).all(char::is_alphabetic))
        }
        HirKind::Class(Class::Bytes(_)) | HirKind::Empty | HirKind::Look(_) => false,
        HirKind::Repetition(repetition) => repetition.min > 0 && needs_letter(&repetition.sub),
        HirKind::Capture(capture) => needs_letter(&capture.sub),
        HirKind::Concat(parts) => parts.iter().any(needs_letter),
        HirKind::Alternation(choices) => choices.iter().all(needs_letter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_that_may_match_digits_is_tried_on_every_key() {
        let needs = |pattern| needs_letter(&regex_syntax::parse(pattern).unwrap());
        for pattern in ["total", "(?i)^\\W*(sub)?totals?\\b", "^(a|[b-d]+|é)", "9x", "\\pL{2}", "(?i)k", "x+?y*"] {
            assert!(needs(pattern), "{pattern}");
        }
        for pattern in ["", "^9+$", "(total)?", "total|9", "\\w+", "[a-z0-9]", "x*", "^$", "\\W", "[^a]", ".", "x{0,3}1", "\\b"] {
            assert!(!needs(pattern), "{pattern}");
        }
    }

    #[test]
    fn keys_are_words_by_the_pattern_or_as_the_header() {
        let words = |pattern, header| Words::new(pattern, header).unwrap();
        let all = |words: &Words, keys: &[&str]| keys.iter().map(|key| words.are(key)).collect::<Vec<_>>();
        assert_eq!(
            all(&words("^Total", "ID"), &["Total 5", "total", "id", "Id", "17", "", "é"]),
            [true, false, true, true, false, false, false]
        );
        assert_eq!(all(&words("^99", "ID"), &["9901", "199", "iD"]), [true, false, true]);
        // A header without a letter.
        assert_eq!(all(&words("^Total", "#1"), &["#1", "1"]), [true, false]);
        assert_eq!(all(&words("É", "ß"), &["É", "é", "ß"]), [true, false, true]);
        assert!(Words::new("(", "ID").is_err());
    }
}
