//! A text eight bytes at a time: whether it holds a byte of some kind is told without a branch for each, as most cells are short.

/// Bytes that are looked at at once.
const WORD: usize = 8;

/// The same byte in each place of a word.
const fn each(byte: u8) -> u64 {
    u64::MAX / 255 * byte as u64
}

/// The high bit of each byte.
const HIGH: u64 = each(0x80);

/// The bytes of a text in words, the first byte the lowest: where the last one would lack some, it holds bytes of the one before once more, or
/// blanks in a text of less than a word.
#[inline]
fn words(text: &str) -> impl Iterator<Item = u64> {
    let bytes = text.as_bytes();
    let last = match bytes.last_chunk() {
        Some(last) => u64::from_le_bytes(*last),
        None => short(bytes),
    };
    let all_but_last = bytes.chunks_exact(WORD).take(bytes.len().saturating_sub(1) / WORD);
    all_but_last.filter_map(|word| Some(u64::from_le_bytes(word.try_into().ok()?))).chain([last])
}

/// Less than a word, and blanks.
#[inline]
fn short(bytes: &[u8]) -> u64 {
    let low = match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        // Two parts that overlap say the same where they do.
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (8 * (bytes.len() - 4))
        }
        _ => bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    low | each(b' ') << (8 * bytes.len())
}

/// Whether a text is of letters, digits, marks and blanks of ASCII alone.
#[inline]
pub fn is_printable(text: &str) -> bool {
    // In a word whose high bits are clear, one more sets that of 0x7f, and 0x20 less that of one that is smaller.
    let bad = |word: u64| word | word.wrapping_add(each(1)) | word.wrapping_sub(each(b' '));
    words(text).fold(0, |found, word| found | bad(word)) & HIGH == 0
}

/// Whether a text has a letter of any alphabet.
#[inline]
pub fn has_letter(text: &str) -> bool {
    let (letters, others) = words(text).fold((0, 0), |(letters, others), word| (letters | letters_of(word), others | word));
    letters != 0 || (others & HIGH != 0 && text.contains(char::is_alphabetic))
}

/// A bit for each byte that is a letter of ASCII.
#[inline]
const fn letters_of(word: u64) -> u64 {
    let lower = (word | each(0x20)) & !HIGH;
    // A sum whose high bit is set is at least 128: the byte is at least so much.
    let from_a = lower + each(0x80 - b'a');
    let beyond_z = lower + each(0x80 - b'z' - 1);
    from_a & !beyond_z & !word & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_told_wherever_it_stands_and_nothing_else_is_taken_for_it() {
        for byte in 0..=0x7f_u8 {
            for at in 0..19 {
                let mut text = [b'7'; 19];
                text[at] = byte;
                let is_plain = byte.is_ascii_graphic() || byte == b' ';
                for from in 0..=at {
                    let text = std::str::from_utf8(&text[from..]).unwrap();
                    assert_eq!(has_letter(text), byte.is_ascii_alphabetic(), "{byte} at {at} from {from}");
                    assert_eq!(is_printable(text), is_plain, "{byte} at {at} from {from}");
                }
                let text = std::str::from_utf8(&text[..=at]).unwrap();
                assert_eq!(has_letter(text), byte.is_ascii_alphabetic(), "{byte} last of {at}");
                assert_eq!(is_printable(text), is_plain, "{byte} last of {at}");
            }
        }
        for c in ('\u{80}'..'\u{3000}').chain(['京', '\u{1f600}', '𝔸']) {
            let text = format!("1234567{c}9");
            assert_eq!((has_letter(&text), is_printable(&text)), (c.is_alphabetic(), false), "{c}");
        }
        assert_eq!((has_letter(""), is_printable("")), (false, true));
    }

    #[test]
    fn each_byte_of_a_text_is_in_a_word_and_no_other_is() {
        for length in 0..=40 {
            let text: String = (0..length).map(|at| char::from(b'!' + at)).collect();
            let mut seen: Vec<u8> = words(&text).flat_map(u64::to_le_bytes).collect();
            seen.sort_unstable();
            seen.dedup();
            seen.retain(|byte| *byte != b' ');
            assert_eq!(seen, text.as_bytes(), "{length}");
            assert_eq!(words(&text).count(), text.len().div_ceil(WORD).max(1), "{length}");
        }
    }
}
