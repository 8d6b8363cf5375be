//! Whether a `strftime` notation can be read back: it is tried when the adapter is read, not when a plan runs.

use chrono::NaiveDate;
use chrono::format::{Item, Parsed, StrftimeItems, parse};

/// What is wrong with a notation; `None` if a day written in it is read as the same day.
pub(super) fn problem(format: &str) -> Option<String> {
    let items: Vec<Item<'_>> = StrftimeItems::new(format).collect();
    let names_no_part = items.iter().all(|item| matches!(item, Item::Literal(_) | Item::Space(_) | Item::OwnedLiteral(_)));
    if names_no_part || items.contains(&Item::Error) {
        let hint = in_strftime(format).map_or(String::new(), |hint| format!("; is it `{hint}`?"));
        return Some(format!("`{format}` is no `strftime` notation{hint}"));
    }
    let day = NaiveDate::from_ymd_opt(2021, 11, 25)?;
    let written = day.and_hms_opt(21, 34, 56)?.and_utc().format(format).to_string();
    let mut parsed = Parsed::new();
    let is_read_back = parse(&mut parsed, &written, items.iter()).is_ok()
        && (parsed.to_naive_date() == Ok(day) || parsed.to_naive_datetime_with_offset(0).is_ok_and(|time| time.date() == day));
    (!is_read_back).then(|| format!("`{format}` does not say which day it is"))
}

/// The notation of spreadsheets (`M/D/YYYY`) in that of `strftime`; `None` where it is none.
fn in_strftime(format: &str) -> Option<String> {
    let words = [
        ("YYYY", "%Y"),
        ("yyyy", "%Y"),
        ("YY", "%y"),
        ("yy", "%y"),
        ("MM", "%m"),
        ("DD", "%d"),
        ("dd", "%d"),
        ("M", "%m"),
        ("D", "%d"),
        ("d", "%d"),
    ];
    let (mut text, mut rest) = (String::new(), format);
    while let Some(next) = rest.chars().next() {
        if let Some((word, part)) = words.iter().find(|(word, _)| rest.starts_with(word)) {
            text.push_str(part);
            rest = &rest[word.len()..];
        } else {
            text.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    (["%Y", "%m", "%d"].iter().all(|part| text.to_lowercase().contains(&part.to_lowercase())) && problem(&text).is_none())
        .then_some(text)
}
