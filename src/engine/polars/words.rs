//! What a report says where a key should stand: words that an expression tells, or the header once more.

use std::sync::Arc;

use super::pattern::Pattern;
use crate::model::bytes::has_letter;

/// What is looked for in keys.
#[derive(Debug)]
pub(super) struct Words {
    pattern: Arc<Pattern>,
    /// The header of the key, in lower case, and whether it has a letter.
    header: (String, bool),
}

impl Words {
    /// Texts that the regular expression matches, and the header in any case.
    ///
    /// # Errors
    /// The expression is none.
    pub(super) fn of(pattern: &str, header: &str) -> Result<Self, regex::Error> {
        Ok(Self { pattern: Pattern::of(pattern)?, header: (header.to_lowercase(), has_letter(header)) })
    }

    /// Whether a key is such a text.
    pub(super) fn are(&self, key: &str) -> bool {
        let ((header, header_has), key_has) = (&self.header, has_letter(key));
        // Most keys have no letter, and are no header that has one.
        self.pattern.is_in_one(key, key_has) || ((key_has || !header_has) && is_in_any_case(key, header))
    }
}

/// Whether a text is one in lower case, in any case.
fn is_in_any_case(text: &str, lower: &str) -> bool {
    if text.is_ascii() { text.eq_ignore_ascii_case(lower) } else { text.to_lowercase() == lower }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_words_by_the_pattern_or_as_the_header() {
        let words = |pattern, header| Words::of(pattern, header).unwrap();
        let all = |words: &Words, keys: &[&str]| keys.iter().map(|key| words.are(key)).collect::<Vec<_>>();
        assert_eq!(
            all(&words("^Total", "ID"), &["Total 5", "total", "id", "Id", "17", "", "é"]),
            [true, false, true, true, false, false, false]
        );
        assert_eq!(all(&words("^99", "ID"), &["9901", "199", "iD"]), [true, false, true]);
        // A header without a letter.
        assert_eq!(all(&words("^Total", "#1"), &["#1", "1"]), [true, false]);
        assert_eq!(all(&words("É", "ß"), &["É", "é", "ß"]), [true, false, true]);
        assert!(Words::of("(", "ID").is_err());
    }
}
