//! Numbers as a utility writes them → plain decimals.

use std::borrow::Cow;

/// The text with a point before its fraction and without groups; `None` where it is no number in that notation: a mark that is
/// neither `decimal` nor `grouping`, groups of other than three digits, or a fraction in groups.
pub fn plain(text: &str, decimal: char, grouping: Option<char>) -> Option<Cow<'_, str>> {
    let is_foreign = |c: char| matches!(c, '.' | ',') && c != decimal && Some(c) != grouping;
    if text.contains(is_foreign) {
        return None;
    }
    let (whole, fraction) = match text.split_once(decimal) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let is_group_mark = |c: char| Some(c) == grouping || (grouping == Some(' ') && matches!(c, '\u{a0}' | '\u{202f}'));
    if fraction.is_some_and(|fraction| fraction.contains(is_group_mark)) {
        return None;
    }
    let mut groups = whole.split(is_group_mark);
    let first = groups.next().unwrap_or_default();
    let digits = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let rest: Vec<&str> = groups.collect();
    if rest.is_empty() && decimal == '.' {
        return Some(Cow::Borrowed(text));
    }
    if !rest.is_empty() {
        let (last, between) = rest.split_last()?;
        // An exponent may follow the last group.
        let last = last.find(['e', 'E']).map_or(*last, |at| &last[..at]);
        let are_groups = digits(first.trim_start_matches(['+', '-']), 1..=3)
            && between.iter().chain([&last]).all(|group| digits(group, 3..=3));
        if !are_groups {
            return None;
        }
    }
    let fraction = fraction.map_or(String::new(), |fraction| format!(".{fraction}"));
    Some(Cow::Owned(format!("{first}{}{fraction}", rest.concat())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_three_digits_and_stand_before_the_fraction() {
        let english = |text| plain(text, '.', Some(',')).map(Cow::into_owned);
        assert_eq!(
            ["1,234.5", "12", "-1,234,567", "0.25", "1,234e3"].map(english),
            ["1234.5", "12", "-1234567", "0.25", "1234e3"].map(|t| Some(t.into()))
        );
        assert_eq!(["2,5", "1,2,3,4", "1234,567", ",123", "0.1,234", "1,23", "1,2345"].map(english), [const { None }; 7]);
        let german = |text| plain(text, ',', Some('.')).map(Cow::into_owned);
        assert_eq!(["1.234,5", "0,25", "2.5", "1.5"].map(german), [Some("1234.5".into()), Some("0.25".into()), None, None]);
        let comma = |text| plain(text, ',', None).map(Cow::into_owned);
        assert_eq!(["1,5", "1.234", "7"].map(comma), [Some("1.5".into()), None, Some("7".into())]);
        let blank = |text| plain(text, ',', Some(' ')).map(Cow::into_owned);
        assert_eq!(
            ["1 234,5", "1\u{a0}234", "1\u{202f}234", "1 23"].map(blank),
            [Some("1234.5".into()), Some("1234".into()), Some("1234".into()), None]
        );
    }

    use proptest::prelude::*;

    proptest! {
        /// Written with groups and read back, against the number itself.
        #[test]
        fn number_in_groups_is_the_number(number in 0_u64..10_000_000_000, fraction in 0_u16..1000, negative: bool) {
            let digits = number.to_string();
            let mut grouped = String::new();
            for (at, digit) in digits.chars().enumerate() {
                if at > 0 && (digits.len() - at).is_multiple_of(3) {
                    grouped.push('.');
                }
                grouped.push(digit);
            }
            let sign = if negative { "-" } else { "" };
            let read = plain(&format!("{sign}{grouped},{fraction:03}"), ',', Some('.')).map(Cow::into_owned);
            prop_assert_eq!(read, Some(format!("{sign}{number}.{fraction:03}")));
        }

        /// What is read has every digit of the text, in its order, and nothing else but sign, point and exponent.
        #[test]
        fn any_text_is_read_with_its_digits_or_not_at_all(text in "[0-9,.e+ -]{0,12}") {
            for (decimal, grouping) in [('.', Some(',')), (',', Some('.')), (',', None), ('.', Some(' '))] {
                let Some(read) = plain(&text, decimal, grouping) else { continue };
                let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
                prop_assert_eq!(digits(&read), digits(&text));
                if read.parse::<f64>().is_ok() && grouping.is_some_and(|mark| text.contains(mark)) {
                    let groups: Vec<&str> = text.split(decimal).next().unwrap_or_default().split(grouping.unwrap_or(' ')).collect();
                    let are_three = groups[1..].iter().all(|group| digits(group).len() >= 3);
                    prop_assert!(are_three, "{} is read as {}", text, read);
                }
            }
        }
    }
}
