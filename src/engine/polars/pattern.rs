//! Regular expressions, looked for in texts most of which lack what every match has.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use regex::Regex;
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::model::bytes::has_letter;

/// A regular expression.
#[derive(Debug)]
pub(super) struct Pattern {
    regex: Regex,
    /// Whether no text without a letter matches, which most keys are.
    needs_letter: bool,
}

/// What was looked for: every plan, and each block of rows, asks for its own again.
static KNOWN: LazyLock<Mutex<HashMap<String, Arc<Pattern>>>> = LazyLock::new(Mutex::default);

/// So many are more than rules ask for; people look for others.
const MOST_KNOWN: usize = 256;

impl Pattern {
    /// The expression of a text.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn of(text: &str) -> Result<Arc<Self>, regex::Error> {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pattern) = known.get(text) {
            return Ok(pattern.clone());
        }
        let needs_letter = regex_syntax::parse(text).is_ok_and(|pattern| needs_letter(&pattern));
        let pattern = Arc::new(Self { regex: Regex::new(text)?, needs_letter });
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        known.insert(text.to_owned(), pattern.clone());
        Ok(pattern)
    }

    /// Whether no text without a letter matches.
    pub(super) const fn needs_letter(&self) -> bool {
        self.needs_letter
    }

    /// Whether a part of a text matches.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.is_in_one(text, has_letter(text))
    }

    /// Whether a part of a text matches, of which is known whether it has a letter.
    pub(super) fn is_in_one(&self, text: &str, has_letter: bool) -> bool {
        (!self.needs_letter || has_letter) && self.regex.is_match(text)
    }
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
}
