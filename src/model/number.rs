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
}
