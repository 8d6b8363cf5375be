//! Which file counts where several files of a month hold the same key: the one that came last.
//!
//! A correction often comes under another name, beside the file that it corrects. By the time that the file was last changed, as noted
//! with its load, the newer one wins; of files of one time the name decides, numbers in it by their value (`_v9` before `_v10`).

use std::cmp::Ordering;

use super::CommittedFile;
use crate::model::Month;
use crate::pipeline::sql::text;

/// The files of some months, in the order in which they count.
fn in_order<'a>(files: impl Iterator<Item = &'a CommittedFile>) -> Vec<&'a CommittedFile> {
    let mut files: Vec<&CommittedFile> = files.collect();
    files.sort_by(|a, b| {
        (a.month, a.received_at).cmp(&(b.month, b.received_at)).then_with(|| natural(&a.source_file, &b.source_file))
    });
    files
}

/// The end of an SQL `ORDER BY` of records by the file that counts and the line, the one that counts first; months with one file
/// need no more than the line. `by_month`: whether the relation has records of several months and a column `delivery_month`.
pub fn order<'a>(files: impl Iterator<Item = &'a CommittedFile>, by_month: bool) -> String {
    let files = in_order(files);
    let of_month = |month: Month| files.iter().filter(|file| file.month == month).count();
    let arms: Vec<String> = files
        .iter()
        .enumerate()
        .filter(|(_, file)| of_month(file.month) > 1)
        .map(|(rank, file)| {
            let month = if by_month { format!("delivery_month = '{}' AND ", file.month) } else { String::new() };
            format!("WHEN {month}_source_file = {} THEN {rank}", text(&file.source_file))
        })
        .collect();
    let month = if by_month { "delivery_month DESC, " } else { "" };
    let rank = if arms.is_empty() { String::new() } else { format!("CASE {} ELSE 0 END DESC, ", arms.join(" ")) };
    format!("{month}{rank}_source_file DESC, _source_line DESC")
}

/// The files of a month for people, the one that counts last; `None` of a month with one.
pub fn told<'a>(files: impl Iterator<Item = &'a CommittedFile>) -> Option<String> {
    let files = in_order(files);
    let came = |file: &&CommittedFile| match file.received_at {
        Some(at) => format!("`{}` of {at}", file.source_file),
        None => format!("`{}`", file.source_file),
    };
    (files.len() > 1)
        .then(|| format!("of a key the last of these files counts: {}", files.iter().map(came).collect::<Vec<_>>().join(", ")))
}

/// Names as people order them: digits by their number.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let (digits_a, digits_b) = (digits(a), digits(b));
        if digits_a > 0 && digits_b > 0 {
            let number = |text: &str| text.trim_start_matches('0').to_owned();
            let (number_a, number_b) = (number(&a[..digits_a]), number(&b[..digits_b]));
            let by_number = number_a.len().cmp(&number_b.len()).then_with(|| number_a.cmp(&number_b));
            if by_number != Ordering::Equal {
                return by_number;
            }
            (a, b) = (&a[digits_a..], &b[digits_b..]);
            continue;
        }
        match (a.chars().next(), b.chars().next()) {
            (Some(x), Some(y)) if x == y => (a, b) = (&a[x.len_utf8()..], &b[y.len_utf8()..]),
            (x, y) => return x.cmp(&y),
        }
    }
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count_by_their_value() {
        for (before, after) in [
            ("c_v9.csv", "c_v10.csv"),
            ("c.csv", "c_b.csv"),
            ("c_2.csv", "c_02b.csv"),
            ("a/2022-09/c", "a/2022-10/c"),
            ("c", "c1"),
        ] {
            assert_eq!((natural(before, after), natural(after, before)), (Ordering::Less, Ordering::Greater), "{before} {after}");
        }
        assert_eq!(natural("c_007.csv", "c_7.csv"), Ordering::Equal);
    }
}
