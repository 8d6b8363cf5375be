//! Cells that repeat, in files.

use std::collections::BTreeSet;

use ::parquet::column::page::Page;

use super::*;

/// A type, how many of a thousand cells may be distinct, and such cells.
type OfType<'a> = (ColumnType, usize, &'a dyn Fn(i64) -> Value);

/// Whether the column of a file of one is stored as a dictionary and numbers of it.
fn has_dictionary(path: &Path) -> bool {
    reader(path).metadata().row_group(0).column(0).dictionary_page_offset().is_some()
}

/// Ids and their like are stored as they are, what repeats is stored once: texts of which less than a quarter repeats, and numbers of which
/// less than half does, take less room as they are.
#[test]
fn cells_that_repeat_are_stored_once() {
    let folder = Folder::new();
    let at = |day: i64| Timestamp::from_micros(day * 86_400_000_000);
    let kinds: [OfType<'_>; 6] = [
        (ColumnType::Text, 750, &|n| Value::Text(n.to_string())),
        (ColumnType::Text, 750, &|n| Value::Text(format!("a text that is longer than a view holds {n}"))),
        (ColumnType::Whole, 500, &|n| Value::Whole(n << 40)),
        (ColumnType::Real, 500, &|n| Value::Real(n as f64 / 7.0)),
        (ColumnType::Day, 500, &|n| Value::Day(Day::from_epoch_days(n as i32 * 1000))),
        (ColumnType::Time, 500, &|n| Value::Time(at(n))),
    ];
    for (kind, most, value) in kinds {
        for (distinct, expected) in [(1, true), (most, true), (most + 1, false), (1000, false)] {
            let rows: Vec<_> = (0..1000).map(|at| vec![value(at % distinct as i64)]).collect();
            let path = folder.write("a", &[Column::new("a", kind)], &rows, 1000);
            assert_eq!(has_dictionary(&path), expected, "{kind:?} {distinct}");
            assert_eq!(rows_of(&path), rows);
        }
        // As few rows as these are worth a dictionary whatever they hold; of none, or nothing but nulls, there is one that holds nothing.
        let rows: Vec<_> = (0..128).map(|at| vec![value(at)]).collect();
        assert!(has_dictionary(&folder.write("a", &[Column::new("a", kind)], &rows, 1000)), "{kind:?}");
        let path = folder.write("a", &[Column::new("a", kind)], &vec![vec![Value::Null]; 300], 1000);
        assert_eq!(rows_of(&path), vec![vec![Value::Null]; 300]);
    }
}

/// How many values the dictionary of a file's one column holds; `None` if it has none.
fn dictionary_values(path: &Path) -> Option<usize> {
    let reader = reader(path);
    let mut pages = reader.get_row_group(0).unwrap().get_column_page_reader(0).unwrap();
    match pages.next()?.unwrap() {
        Page::DictionaryPage { num_values, .. } => Some(num_values as usize),
        _ => None,
    }
}

/// Rows come in parts: a value that several of them hold is stored once, and where too little repeats in all of them nothing is.
#[test]
fn parts_of_a_file_have_one_dictionary() {
    let folder = Folder::new();
    let day = |n: i64| Value::Day(Day::from_epoch_days(n as i32));
    let kinds: [(ColumnType, &dyn Fn(i64) -> Value); 6] = [
        (ColumnType::Text, &|n| Value::Text(n.to_string())),
        (ColumnType::Text, &|n| Value::Text(format!("a text that is longer than a view holds {n}"))),
        (ColumnType::Whole, &|n| Value::Whole(n - 500)),
        (ColumnType::Real, &|n| Value::Real([0.0, -0.0][n as usize % 2] + n as f64 / 7.0)),
        (ColumnType::Day, &day),
        (ColumnType::Time, &|n| Value::Time(Timestamp::from_micros(n * 7))),
    ];
    for (kind, value) in kinds {
        let column = [Column::new("a", kind)];
        let cell = |n: i64| vec![if n % 11 == 5 { Value::Null } else { value(n) }];
        // Each part begins with another value, and holds some that none before it does.
        let rows: Vec<_> = (0..1000).map(|at| cell((at * 7 + at / 100) % (10 + at / 4))).collect();
        let texts = |rows: &[Vec<Value>]| rows.iter().map(|row| format!("{:?}", row[0])).collect::<BTreeSet<_>>();
        let distinct = texts(&rows).len() - 1;
        for at_a_time in [1, 7, 100, 333, 999, 1000] {
            let path = folder.write("a", &column, &rows, at_a_time);
            assert_eq!(rows_of(&path), rows, "{kind:?} {at_a_time}");
            assert_eq!(dictionary_values(&path), Some(distinct), "{kind:?} {at_a_time}");
        }
        // Few rows are worth a dictionary by themselves; all of these together are not.
        let rows: Vec<_> = (0..1000).map(|at| vec![value(at)]).collect();
        for at_a_time in [100, 900] {
            let path = folder.write("a", &column, &rows, at_a_time);
            assert_eq!((rows_of(&path), dictionary_values(&path)), (rows.clone(), None), "{kind:?}");
        }
        // Nothing but nulls, and then something.
        let rows: Vec<_> = (0..400).map(|at| if at < 200 { vec![Value::Null] } else { cell(at % 3) }).collect();
        let path = folder.write("a", &column, &rows, 200);
        assert_eq!((rows_of(&path), dictionary_values(&path)), (rows, Some(3)), "{kind:?}");
    }
}

/// Of many rows the first ones tell whether nearly nothing repeats.
#[test]
fn few_of_many_cells_tell_that_hardly_one_repeats() {
    let folder = Folder::new();
    for (kind, value) in [
        (ColumnType::Text, &(|n| Value::Text(format!("{n:x}"))) as &dyn Fn(usize) -> Value),
        (ColumnType::Whole, &|n| Value::Whole(n as i64)),
    ] {
        // One in so many rows has the value of the row before last.
        for (one_in, expected) in [(40, true), (63, true), (65, false), (10_000, false)] {
            let of = |at: usize| if at < 4096 { if at % one_in == 2 { at - 2 } else { at } } else { 0 };
            let rows: Vec<_> = (0..20_000).map(|at| vec![value(of(at))]).collect();
            let path = folder.write("a", &[Column::new("a", kind)], &rows, 20_000);
            assert_eq!(has_dictionary(&path), expected, "{kind:?} {one_in}");
            assert_eq!(rows_of(&path), rows);
        }
        // Of no more rows than these all are looked at.
        let rows: Vec<_> = (0..4096).map(|at| vec![value(at % 2048)]).collect();
        assert!(has_dictionary(&folder.write("a", &[Column::new("a", kind)], &rows, 4096)));
    }
}

/// What nobody has any more would be taken for the least or the greatest, and be copied for ever.
#[test]
fn texts_that_no_row_has_any_more_are_not_copied() {
    let folder = Folder::new();
    let columns = [Column::new("a", ColumnType::Text)];
    let rows: Vec<_> =
        (0..300).map(|at| vec![[Value::Null, Value::Text("amz"[at % 3..=at % 3].into())][at % 2].clone()]).collect();
    let stored = StoredFile::open(&folder.write("a", &columns, &rows, 300), &columns).unwrap().unwrap();
    for text in ["a", "m", "z"] {
        let copy = folder.path("b");
        let mut writer = FrameWriter::create(&copy, &columns).unwrap();
        let is_wanted = |row: &Vec<Value>| row[0].as_str().is_none_or(|of| of == text);
        for group in stored.groups() {
            writer.push_group(group.take(&columns, rows.iter().map(is_wanted).collect()).unwrap()).unwrap();
        }
        writer.finish().unwrap();
        let found = reader(&copy);
        let found = found.metadata().row_group(0).column(0).statistics().unwrap();
        assert_eq!((found.min_bytes_opt(), found.max_bytes_opt()), (Some(text.as_bytes()), Some(text.as_bytes())));
        assert_eq!(rows_of(&copy), rows.iter().filter(|row| is_wanted(row)).cloned().collect::<Vec<_>>());
    }
}
