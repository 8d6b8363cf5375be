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

/// More lines than a file has.
const LINES: &str = "1000000000000";

/// The end of an SQL `ORDER BY` of records by the file that counts and the line, the one that counts first: one number, as an engine sorts
/// the few records of each of many keys by several columns for a long time. `by_month`: whether the relation has records of several
/// months and a column `delivery_month`.
pub fn order<'a>(files: impl Iterator<Item = &'a CommittedFile>, by_month: bool) -> String {
    let files = in_order(files);
    by_rank(files.iter().enumerate().map(|(rank, file)| (file.month, file.source_file.as_str(), rank)).collect(), by_month)
}

fn by_rank(mut ranked: Vec<Ranked<'_>>, by_month: bool) -> String {
    ranked.sort_unstable();
    // However often the rows of a file are there, it is one.
    ranked.dedup_by_key(|(month, file, _)| (*month, *file));
    match ranked.as_slice() {
        [] | [_] => "_source_line DESC".into(),
        ranked => format!("CAST({} AS BIGINT) * {LINES} + _source_line DESC", rank(ranked, by_month)),
    }
}

/// Month, name and rank of a file.
type Ranked<'a> = (Month, &'a str, usize);

/// The rank of a record's file, as SQL, of files by month and name: by halves of halves, since the work of a plan grows with its depth.
fn rank(files: &[Ranked<'_>], by_month: bool) -> String {
    let (before, after) = files.split_at(files.len() / 2);
    match (before, after) {
        ([.., (last, ..)], [(month, file, _), ..]) => {
            let name = format!("_source_file < {}", text(file));
            let is_before = match by_month {
                true if last < month => format!("delivery_month < '{month}'"),
                true => format!("(delivery_month < '{month}' OR (delivery_month = '{month}' AND {name}))"),
                false => name,
            };
            format!("CASE WHEN {is_before} THEN {} ELSE {} END", rank(before, by_month), rank(after, by_month))
        }
        _ => files.first().map_or(0, |(.., rank)| *rank).to_string(),
    }
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
    use crate::engine::local;
    use crate::frame::{Column, ColumnType, Frame, Value};
    use crate::model::Cancel;

    #[test]
    fn each_of_a_thousand_files_has_its_rank_and_the_plan_is_not_deep() {
        let months = ["2022-09", "2022-10"].map(|month| Month::parse(month).unwrap());
        let names: Vec<String> = (0..500).map(|n| format!("f'{n:03}.csv")).collect();
        // The same names in both months; the ranks in no order of theirs.
        let place = |at: usize| (months[at / 500], names[at % 500].as_str(), at * 37 % 1_000);
        let files: Vec<Ranked<'_>> = (0..1_000).map(place).collect();
        let sql = rank(&files, true);
        let mut depth = [0_i32, 0];
        for word in sql.split(' ') {
            depth[0] += i32::from(word == "CASE") - i32::from(word == "END");
            depth[1] = depth[1].max(depth[0]);
        }
        assert_eq!(depth, [0, 10]);
        let columns = ["delivery_month", "_source_file", "expected"].map(|name| Column::new(name, ColumnType::Text));
        let row =
            |(month, file, rank): &Ranked<'_>| [month.to_string(), (*file).into(), rank.to_string()].map(Value::Text).to_vec();
        let rows = Frame::from_rows(&columns, &files.iter().map(row).collect::<Vec<_>>()).unwrap();
        let mut session = local().session(&Cancel::default()).unwrap();
        session.register("t", &rows.relation()).unwrap();
        let right = format!(
            "SELECT COUNT(*) AS n FROM (SELECT expected, {sql} AS rank FROM t) AS r WHERE CAST(rank AS VARCHAR) = expected"
        );
        assert_eq!(session.query(&right).unwrap().count("n", 0), 1_000);
    }

    /// Of the records of a key the one of the last month counts, of these that of the file that came last, of these the last line; one
    /// whose rows are there twice is there once.
    #[test]
    fn record_that_counts_is_one_of_each_key() {
        let [september, october] = ["2022-09", "2022-10"].map(|month| Month::parse(month).unwrap());
        let files = [(september, "z.csv", 0), (october, "b.csv", 1), (october, "a.csv", 2), (october, "a.csv", 3)];
        let columns = ["key", "delivery_month", "_source_file"].map(|name| Column::new(name, ColumnType::Text));
        let columns = [&columns[..], &[Column::new("_source_line", ColumnType::Whole)]].concat();
        let row = |(key, month, file, line): (&str, Month, &str, i64)| {
            [key.to_owned(), month.to_string(), file.to_owned()]
                .map(Value::Text)
                .into_iter()
                .chain([Value::Whole(line)])
                .collect()
        };
        let rows: Vec<Vec<Value>> = [
            ("later month", september, "z.csv", 90),
            ("later month", october, "b.csv", 2),
            ("later file", october, "b.csv", 70),
            ("later file", october, "a.csv", 3),
            ("later line", october, "b.csv", 9),
            ("later line", october, "b.csv", 10),
            ("later line", october, "b.csv", 8),
            ("twice", october, "a.csv", 4),
            ("twice", october, "a.csv", 4),
            ("alone", september, "z.csv", 1),
        ]
        .map(row)
        .into();
        let mut session = local().session(&Cancel::default()).unwrap();
        session.register("t", &Frame::from_rows(&columns, &rows).unwrap().relation()).unwrap();
        let counts = format!(
            "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY key ORDER BY {}) AS place FROM t) AS p WHERE place = 1 ORDER BY key",
            by_rank(files.into(), true)
        );
        let found = session.query(&counts).unwrap();
        let text = |column: &str, row: usize| found.text(column, row).unwrap();
        let line =
            |row: usize| format!("{}: {} {}", text("key", row), text("_source_file", row), found.count("_source_line", row));
        let expected =
            ["alone: z.csv 1", "later file: a.csv 3", "later line: b.csv 10", "later month: b.csv 2", "twice: a.csv 4"];
        assert_eq!((0..found.height()).map(line).collect::<Vec<_>>(), expected);
        assert_eq!(by_rank(files[..1].into(), true), "_source_line DESC");
    }

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
