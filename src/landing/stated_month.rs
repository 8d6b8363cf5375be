//! The month that a path states: its folders first, then the file's name.
//!
//! Digits of a name may be a day, a time of day, a version or the number of a run. A month is `2022-11`, `2022_11` or `202211`, alone or
//! with a day behind it; a full day says more than a month alone. A time behind a day, and digits behind `v`, `run` and the like,
//! are no month.

use crate::model::Month;

/// What a path says about the month of its delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatedMonth {
    /// Nothing.
    No,
    /// This one.
    Yes(Month),
    /// The folder's, which counts, and another one in the file's name.
    Disputed {
        /// What the folder says.
        folder: Month,
        /// What the file's name says.
        name: Month,
    },
}

/// The month of a file's path below the landing folder, with `/` between its parts.
pub fn of(source_file: &str) -> StatedMonth {
    let (folders, name) = source_file.rsplit_once('/').unwrap_or(("", source_file));
    let of_name = months(name);
    match (of_folders(folders), best(&of_name)) {
        (None, None) => StatedMonth::No,
        (Some(folder), Some(name)) if of_name.iter().all(|found| found.month != folder) => StatedMonth::Disputed { folder, name },
        (Some(month), _) | (None, Some(month)) => StatedMonth::Yes(month),
    }
}

/// The innermost folder that says a month, by itself or as `2022/11`.
fn of_folders(folders: &str) -> Option<Month> {
    let parts: Vec<&str> = folders.split('/').collect();
    (0..parts.len()).rev().find_map(|at| {
        let nested = || {
            let is_pair = at > 0 && parts[at].len() == 2 && parts[at - 1].len() == 4;
            is_pair.then(|| Month::parse(&format!("{}-{}", parts[at - 1], parts[at]))).flatten()
        };
        best(&months(parts[at])).or_else(nested)
    })
}

#[derive(Clone, Copy)]
struct Found {
    month: Month,
    is_day: bool,
}

/// The last full day, or else the last month.
fn best(found: &[Found]) -> Option<Month> {
    found.iter().rfind(|found| found.is_day).or(found.last()).map(|found| found.month)
}

/// Every month in one part of a path.
fn months(part: &str) -> Vec<Found> {
    let runs = digit_runs(part);
    let mut found = Vec::new();
    let mut next = 0;
    while next < runs.len() {
        let at = next;
        next += 1;
        if is_number_of_something(&part[..runs[at].0]) {
            continue;
        }
        let joined = |first: usize, second: usize| {
            matches!(part.get(runs[first].1..runs.get(second)?.0), Some("-" | "_")).then(|| &part[runs[second].0..runs[second].1])
        };
        let text = &part[runs[at].0..runs[at].1];
        let month_of = |year: &str, month: &str| {
            Month::parse(&format!("{year}-{month}")).filter(|month| (1990..2100).contains(&month.year()))
        };
        let is_day =
            |month: Month, day: &str| day.parse().is_ok_and(|day: u8| day > 0 && month.day(day).month_and_day().1 == day);
        let taken = match text.len() {
            8 => month_of(&text[..4], &text[4..6]).filter(|month| is_day(*month, &text[6..])).map(|month| (month, true, 1)),
            6 => month_of(&text[..4], &text[4..]).map(|month| (month, false, 1)),
            4 => joined(at, at + 1).filter(|month| month.len() == 2).and_then(|month| month_of(text, month)).map(|month| {
                match joined(at + 1, at + 2).filter(|day| day.len() <= 2) {
                    Some(day) => (month, is_day(month, day), 3),
                    None => (month, false, 2),
                }
            }),
            _ => None,
        };
        let Some((month, is_day, parts)) = taken else { continue };
        found.push(Found { month, is_day });
        next = at + parts;
        if is_day {
            next += time_runs(part, &runs[next - 1..]);
        }
    }
    found
}

/// Where digits begin and end, run by run.
fn digit_runs(part: &str) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (at, _) in part.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_digit()) {
        match runs.last_mut() {
            Some((_, end)) if *end == at => *end = at + 1,
            _ => runs.push((at, at + 1)),
        }
    }
    runs
}

/// How many runs behind the first are the time of that day: four or six digits, or two by two.
fn time_runs(part: &str, runs: &[(usize, usize)]) -> usize {
    let mut lengths = runs.windows(2).map(|pair| (&part[pair[0].1..pair[1].0], pair[1].1 - pair[1].0));
    let is_mark = |mark: &str| mark.len() == 1 && "T_ -.".contains(mark);
    let first = lengths.next();
    match first {
        // Another day may follow the first.
        Some((_, 4)) if lengths.clone().next().is_some_and(|(mark, length)| length == 2 && matches!(mark, "-" | "_")) => 0,
        Some((mark, 4 | 6)) if is_mark(mark) => 1,
        Some((mark, 2)) if is_mark(mark) => 1 + lengths.take_while(|(mark, length)| *length == 2 && mark.len() == 1).count(),
        _ => 0,
    }
}

/// Whether what stands before some digits says that they number something else.
fn is_number_of_something(before: &str) -> bool {
    let before = before.trim_end_matches(['-', '_', '.', ' ', '#']);
    let letters = before.len() - before.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len();
    let word = before[before.len() - letters..].to_ascii_lowercase();
    ["v", "ver", "version", "rev", "revision", "r", "run", "job", "batch", "build", "id", "no", "nr", "ticket", "t"]
        .contains(&word.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(text: &str) -> Month {
        Month::parse(text).unwrap()
    }

    #[test]
    fn month_is_found_in_each_notation_and_other_digits_are_none() {
        let november = StatedMonth::Yes(month("2022-11"));
        for path in [
            "u/2022-11/c.csv",
            "c_202211.csv",
            "u/2022_11/x.csv",
            "c_2022-11-05.csv",
            "c_20221105.csv",
            "2021/2022-11/c.csv",
            "c202211.csv",
            "u/2022-11/c_20221130_201512.csv",
            "c_2022-11-30T20-15-12.csv",
            "c_2022-11-05T191507.csv",
            "c_201512_20221130.csv",
            "u/2022-11/c_v202301.csv",
            "FY2022-23/2022-11/c.csv",
            "u/2022/11/c.csv",
            "c_2022_11_v2.csv",
            "u/2022-11/c_run-202301.csv",
            "c_20221105_2301.csv",
            "u/2022-11/c_2022-09-01_2022-11-30.csv",
        ] {
            assert_eq!(of(path), november, "{path}");
        }
        for path in [
            "utility1_circuits.csv",
            "c_2022-13.csv",
            "c_12022-11.csv",
            "job_2022114.csv",
            "c_2022-117.csv",
            "c_31102022.csv",
            "c_10-2022.csv",
            "c_Oct_2022.csv",
            "c_v202301.csv",
            "u/2202-11/c.csv",
            "c_20221131.csv",
            "c_run_202211.csv",
            "c_191507.csv",
        ] {
            assert_eq!(of(path), StatedMonth::No, "{path}");
        }
    }

    #[test]
    fn folder_counts_before_the_name_and_the_difference_is_told() {
        let disputed = |folder, name| StatedMonth::Disputed { folder: month(folder), name: month(name) };
        assert_eq!(of("u/2022-10/c_2022-11-03.csv"), disputed("2022-10", "2022-11"));
        assert_eq!(of("u/2022-11/c_202210.csv"), disputed("2022-11", "2022-10"));
        assert_eq!(of("2022-09/2022-10/c.csv"), StatedMonth::Yes(month("2022-10")));
    }

    use proptest::prelude::*;

    proptest! {
        /// Whatever the path: no panic, no month outside of the years of deliveries, and none that its digits do not hold.
        #[test]
        fn any_path_states_a_month_of_its_digits_or_none(path in "[a-c0-9_\\-/.TvV ]{0,24}") {
            let stated = match of(&path) {
                StatedMonth::No => return Ok(()),
                StatedMonth::Yes(month) => month,
                StatedMonth::Disputed { folder, .. } => folder,
            };
            prop_assert!((1990..2100).contains(&stated.year()));
            let digits: String = path.chars().filter(char::is_ascii_digit).collect();
            prop_assert!(digits.contains(&stated.to_string().replace('-', "")), "{}: {}", path, stated);
        }
    }
}
