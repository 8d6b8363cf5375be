//! Rows in memory, and files that are written and copied, read back by another reader.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ::parquet::column::page::Page;
use ::parquet::file::metadata::RowGroupMetaData;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::Field;
use proptest::prelude::*;

use super::*;

/// A column of each type.
fn columns() -> Vec<Column> {
    schema::columns![id Text, text Text, whole Whole, real Real, flag Flag, day Day, time Time]
}

fn reader(path: &Path) -> SerializedFileReader<std::fs::File> {
    SerializedFileReader::new(std::fs::File::open(path).unwrap()).unwrap()
}

/// All cells of a file, by the Parquet reader of the Delta library.
fn rows_of(path: &Path) -> Vec<Vec<Value>> {
    let value = |field: &Field| match field {
        Field::Null => Value::Null,
        Field::Str(text) => Value::Text(text.clone()),
        Field::Long(number) => Value::Whole(*number),
        Field::Double(number) => Value::Real(*number),
        Field::Bool(flag) => Value::Flag(*flag),
        Field::Date(days) => Value::Day(Day::from_epoch_days(*days)),
        Field::TimestampMicros(micros) => Value::Time(Timestamp::from_micros(*micros)),
        other => panic!("{other:?}"),
    };
    let rows = reader(path).get_row_iter(None).unwrap().map(Result::unwrap).collect::<Vec<_>>();
    rows.iter().map(|row| row.get_column_iter().map(|(_, field)| value(field)).collect()).collect()
}

/// A row whose id is a number, and whose other cells are now and then null.
fn row(id: usize, dice: u64) -> Vec<Value> {
    let of = |at: u32, value: Value| if (dice >> at).is_multiple_of(5) { Value::Null } else { value };
    let small = (dice % 7) as i64;
    vec![
        Value::Text(format!("id {id}")),
        of(1, Value::Text(["", "a", "short", "twelve bytes", "longer than twelve bytes", "µµµµµµµ"][dice as usize % 6].into())),
        of(2, Value::Whole(small - 3)),
        of(3, Value::Real(small as f64 / 4.0)),
        of(4, Value::Flag(dice.is_multiple_of(2))),
        of(5, Value::Day(Day::from_epoch_days(small as i32 * 1000 - 2000))),
        of(6, Value::Time(Timestamp::from_micros(small * 1_000_003))),
    ]
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A file of these rows, written a few at a time.
    fn write(&self, name: &str, columns: &[Column], rows: &[Vec<Value>], at_a_time: usize) -> PathBuf {
        let path = self.path(name);
        let mut writer = FrameWriter::create(&path, columns).unwrap();
        for part in rows.chunks(at_a_time.max(1)) {
            writer.push(&Frame::from_rows(columns, part).unwrap()).unwrap();
        }
        writer.finish().unwrap();
        path
    }
}

/// How many rows each group has.
fn groups_of(path: &Path) -> Vec<i64> {
    reader(path).metadata().row_groups().iter().map(RowGroupMetaData::num_rows).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_by_others(dice in prop::collection::vec(any::<u64>(), 0..400), at_a_time in 1_usize..150) {
        let folder = Folder::new();
        let rows: Vec<_> = dice.iter().enumerate().map(|(id, dice)| row(id, *dice)).collect();
        let path = folder.write("a", &columns(), &rows, at_a_time);
        prop_assert_eq!(rows_of(&path), rows.clone());
        prop_assert_eq!(groups_of(&path), if rows.is_empty() { vec![] } else { vec![rows.len() as i64] });
        // What each column has at least and at most, and how many rows have nothing.
        for group in reader(&path).metadata().row_groups() {
            for (at, column) in group.columns().iter().enumerate() {
                let found = column.statistics().unwrap();
                let nulls = rows.iter().filter(|row| row[at] == Value::Null).count();
                prop_assert_eq!(found.null_count_opt(), Some(nulls as u64));
                if at == 2 {
                    let numbers = || rows.iter().filter_map(|row| row[at].as_i64()).map(|number| number.to_le_bytes().to_vec());
                    let by_value = |bytes: &Vec<u8>| i64::from_le_bytes(bytes.as_slice().try_into().unwrap());
                    prop_assert_eq!(found.min_bytes_opt().map(<[u8]>::to_vec), numbers().min_by_key(by_value));
                    prop_assert_eq!(found.max_bytes_opt().map(<[u8]>::to_vec), numbers().max_by_key(by_value));
                }
                if at == 1 {
                    let texts = || rows.iter().filter_map(|row| row[at].as_str()).map(str::as_bytes);
                    prop_assert_eq!(found.min_bytes_opt(), texts().min());
                    prop_assert_eq!(found.max_bytes_opt(), texts().max());
                }
            }
        }
    }

    /// Some rows, in some of the columns, with one that the file does not have: as another reader finds them, who reads all.
    #[test]
    fn rows_that_are_taken_are_those_of_the_file(
        dice in prop::collection::vec(any::<(u64, bool)>(), 1..400),
        wanted_columns in prop::collection::vec(0_usize..7, 1..7),
    ) {
        let folder = Folder::new();
        let rows: Vec<_> = dice.iter().enumerate().map(|(id, (dice, _))| row(id, *dice)).collect();
        let path = folder.write("a", &columns(), &rows, 500);
        let mut places = wanted_columns;
        places.sort_unstable();
        places.dedup();
        let mut wanted: Vec<Column> = places.iter().map(|at| columns()[*at].clone()).collect();
        wanted.push(Column::new("new", ColumnType::Text));
        let stored = StoredFile::open(&path, &wanted).unwrap().unwrap();
        let copy = folder.path("b");
        let mut writer = FrameWriter::create(&copy, &wanted).unwrap();
        for group in stored.groups() {
            writer.push_group(group.take(&wanted, dice.iter().map(|(_, wanted)| *wanted).collect()).unwrap()).unwrap();
        }
        writer.finish().unwrap();
        let expected: Vec<Vec<Value>> = rows.iter().zip(&dice).filter(|(_, (_, wanted))| *wanted).map(|(row, _)| {
            places.iter().map(|at| row[*at].clone()).chain([Value::Null]).collect()
        }).collect();
        prop_assert_eq!(rows_of(&copy), expected.clone());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Rows by a number, whose column grows or does not, and has nulls: those that a look at each row finds.
    #[test]
    fn rows_with_a_number_are_those_of_the_file(
        dice in prop::collection::vec(any::<u64>(), 1..400),
        is_sorted in any::<bool>(),
        numbers in prop::collection::btree_set(-20_i64..420, 0..60),
    ) {
        let folder = Folder::new();
        let with_number = |(id, dice): (usize, &u64)| {
            let mut row = row(id, *dice);
            row[2] = if dice.is_multiple_of(9) { Value::Null } else { Value::Whole(if is_sorted { id } else { *dice as usize % 400 } as i64) };
            row
        };
        let rows: Vec<_> = dice.iter().enumerate().map(with_number).collect();
        let path = folder.write("a", &columns(), &rows, 500);
        let wanted = [&[Column::new("month", ColumnType::Text)], &columns()[..], &[Column::new("new", ColumnType::Day)]].concat();
        let constants = [("month".to_owned(), Some("2022-11".to_owned()))].into();
        let numbers: Vec<i64> = numbers.into_iter().collect();
        let found = StoredFile::open(&path, &wanted).unwrap().unwrap().rows_with(&wanted, ("whole", &numbers), &constants).unwrap();
        let is_wanted = |row: &&Vec<Value>| row[2].as_i64().is_some_and(|number| numbers.contains(&number));
        let expected = rows.iter().filter(is_wanted).map(|row| [&[Value::Text("2022-11".into())], &row[..], &[Value::Null]].concat());
        prop_assert_eq!((0..found.height()).map(|at| found.row(at)).collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        prop_assert_eq!(found.names(), wanted.iter().map(|column| column.name.as_str()).collect::<Vec<_>>());
    }
}

#[test]
fn rows_with_a_number_are_found_in_each_group() {
    let folder = Folder::new();
    let columns = [Column::new("line", ColumnType::Whole), Column::new("text", ColumnType::Text)];
    let row = |line: i64| vec![Value::Whole(line), Value::Text(format!("text {}", line % 1000))];
    let path = folder.write("a", &columns, &(0..100_000).map(row).collect::<Vec<_>>(), 50_000);
    assert_eq!(groups_of(&path), [50_000, 50_000]);
    let file = StoredFile::open(&path, &columns).unwrap().unwrap();
    for numbers in [&[0, 49_999, 50_000, 99_999, 100_000][..], &[49_999], &[50_000], &[-1, 100_000], &[]] {
        let found = file.rows_with(&columns, ("line", numbers), &BTreeMap::new()).unwrap();
        let expected = numbers.iter().copied().filter(|line| (0..100_000).contains(line)).map(row);
        assert_eq!((0..found.height()).map(|at| found.row(at)).collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }
    assert_eq!(file.rows_with(&columns, ("nowhere", &[1]), &BTreeMap::new()).unwrap().height(), 0);
}

/// Whatever byte of a file is another one: it is read, or is said not to be readable.
#[test]
fn damaged_file_of_some_rows_is_an_error_and_no_panic() {
    let folder = Folder::new();
    let path = folder.write("a", &columns(), &(0..60).map(|id| row(id, id as u64 * 31)).collect::<Vec<_>>(), 60);
    let (good, mut unreadable) = (std::fs::read(&path).unwrap(), 0);
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0xFF;
        std::fs::write(&path, bad).unwrap();
        let found = StoredFile::open(&path, &columns())
            .and_then(|file| file.map(|file| file.rows_with(&columns(), ("whole", &[-3, 0, 2]), &BTreeMap::new())).transpose());
        unreadable += u32::from(found.is_err());
    }
    assert!(unreadable > 0);
}

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

/// Records as columns of texts, and the file of them that is written.
fn written(folder: &Folder, columns: &mut RecordColumns, records: &[Vec<String>], lines: &[u64]) -> (Group, PathBuf) {
    let names: Vec<Column> = (0..records[0].len()).map(|at| Column::new(&format!("c{at}"), ColumnType::Text)).collect();
    let own = schema::columns![_source_line Whole, at Time, same Text];
    let all = [&own[..2], &names, &own[2..]].concat();
    let cells = records.iter().flatten().map(String::as_str);
    let at = ("at", Timestamp::from_micros(-7));
    let group = columns.group(cells, &[("_source_line", lines)], &[("same", "a text that is everywhere")], at).unwrap();
    let group = group.arranged(&all).unwrap();
    let path = folder.path("records");
    let mut writer = FrameWriter::create(&path, &all).unwrap();
    writer.push_group(Group { rows: group.rows, columns: group.columns.clone() }).unwrap();
    writer.finish().unwrap();
    (group, path)
}

fn expected(records: &[Vec<String>], lines: &[u64]) -> Vec<Vec<Value>> {
    let row = |(record, line): (&Vec<String>, &u64)| {
        let cells = record.iter().map(|cell| Value::Text(cell.clone()));
        let own = [Value::Whole(*line as i64), Value::Time(Timestamp::from_micros(-7))];
        own.into_iter().chain(cells).chain([Value::Text("a text that is everywhere".into())]).collect()
    };
    records.iter().zip(lines).map(row).collect()
}

/// Texts of any length, of few or many values, batch after batch: each is in the file as it was, and is stored as any column of such texts is.
#[test]
fn records_become_columns_whatever_their_cells() {
    let folder = Folder::new();
    let long = "µ text of more bytes than are compared at once: ";
    let of: [&dyn Fn(usize) -> String; 9] = [
        &|n| n.to_string(),
        &|n| "ab\0µ€-xyzÄÖÜß1234567".chars().skip(n % 7).take(n % 17).collect(),
        &|n| format!("{long}{}", n % 5),
        &|n| format!("{long}{n}"),
        &|n| (n % 3_000).to_string(),
        &|n| if n < 4_200 { n.to_string() } else { String::new() },
        &|n| (n - n % 4 / 3).to_string(),
        &|n| (n - n % 40 / 39).to_string(),
        &|n| if n < 3_000 { "a".into() } else { format!("{:x}", n * n) },
    ];
    let names: Vec<String> = (0..of.len()).map(|at| format!("c{at}")).collect();
    let mut columns = RecordColumns::new(&names);
    for (from, rows) in [(0, 9_000), (9_000, 5_000), (3, 100), (0, 128), (0, 129), (17, 1)] {
        let records: Vec<Vec<String>> = (from..from + rows).map(|n| of.iter().map(|of| of(n)).collect()).collect();
        let lines: Vec<u64> = (0..rows as u64).map(|line| line + 2).collect();
        let (group, path) = written(&folder, &mut columns, &records, &lines);
        assert_eq!(rows_of(&path), expected(&records, &lines));
        let text = |record: &Vec<String>| record.iter().map(|cell| Value::Text(cell.clone())).collect::<Vec<_>>();
        let of_names: Vec<Column> = names.iter().map(|name| Column::new(name, ColumnType::Text)).collect();
        let frame = Frame::from_rows(&of_names, &records.iter().map(text).collect::<Vec<_>>()).unwrap();
        let alike = frame.groups(&of_names).unwrap().next().unwrap().unwrap();
        for (at, (name, cells)) in alike.columns.iter().enumerate() {
            assert_eq!(group.columns[2 + at].0, *name);
            assert_eq!(&group.columns[2 + at].1, cells, "{name} from {from}");
        }
    }
}

#[test]
fn rows_without_a_column_of_their_file_are_not_taken() {
    let group = RecordColumns::new(&[]).group(std::iter::empty(), &[("line", &[1])], &[], ("at", Timestamp::from_micros(0)));
    let error = group
        .unwrap()
        .arranged(&[Column::new("line", ColumnType::Whole), Column::new("nowhere", ColumnType::Text)])
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("nowhere"), "{error}");
}

#[test]
fn few_rows_are_one_group_with_those_beside_them_and_many_are_their_own() {
    let folder = Folder::new();
    let columns = [Column::new("id", ColumnType::Text), Column::new("text", ColumnType::Text)];
    let rows = |from: usize, to: usize| -> Vec<Vec<Value>> {
        (from..to).map(|id| vec![Value::Text(id.to_string()), Value::Text((id % 9).to_string())]).collect()
    };
    let sizes = [10, 20, 40_000, 30_000, 30_000, 30_000, 7, 65_536, 1, 1];
    let path = folder.path("a");
    let mut writer = FrameWriter::create(&path, &columns).unwrap();
    let mut all = 0;
    for size in sizes {
        writer.push(&Frame::from_rows(&columns, &rows(all, all + size)).unwrap()).unwrap();
        all += size;
    }
    writer.finish().unwrap();
    assert_eq!(groups_of(&path), [30, 40_000, 60_000, 30_007, 65_536, 2]);
    assert_eq!(rows_of(&path), rows(0, all));
}

#[test]
fn file_of_other_types_or_larger_groups_is_not_taken_as_it_is() {
    let folder = Folder::new();
    let path = folder.write("a", &columns(), &[row(1, 1)], 1);
    let opens = |kind| StoredFile::open(&path, &[Column::new("whole", kind)]).unwrap().is_some();
    let kinds = [ColumnType::Whole, ColumnType::Text, ColumnType::Real, ColumnType::Time, ColumnType::Day, ColumnType::Flag];
    assert_eq!(kinds.map(opens), [true, false, false, false, false, false]);
    // Another program may make larger groups.
    for (rows, expected) in [(GROUP_ROWS, true), (GROUP_ROWS + 1, false)] {
        let path = folder.path("other");
        let numbers = Frame::of_wholes("whole", vec![7; rows]);
        let writer = polars::prelude::ParquetWriter::new(std::fs::File::create(&path).unwrap()).with_row_group_size(Some(rows));
        writer.finish(&mut numbers.0.clone()).unwrap();
        assert_eq!(groups_of(&path), [rows as i64]);
        assert_eq!(StoredFile::open(&path, &[Column::new("whole", ColumnType::Whole)]).unwrap().is_some(), expected);
    }
    assert!(StoredFile::open(&folder.path("nowhere"), &columns()).is_err());
    std::fs::write(folder.path("none"), "PAR1 no file PAR1").unwrap();
    assert!(StoredFile::open(&folder.path("none"), &columns()).is_err());
}

/// The engine gives a column that is the same in every row, and that of a single row, in another shape.
#[test]
fn columns_are_the_same_when_each_cell_is_nulls_too() {
    let columns = ["a", "b", "c", "d"].map(|name| Column::new(name, ColumnType::Text));
    let text = |text: &str| Value::Text(text.into());
    let rows = [
        vec![text("x"), text("x"), text("x"), text("x")],
        vec![Value::Null, Value::Null, text(""), Value::Null],
        vec![text("z"), text("z"), text("z"), text("Z")],
    ];
    let frame = Frame::from_rows(&columns, &rows).unwrap();
    let same = |b| frame.are_the_same("a", b);
    assert_eq!(["a", "b", "c", "d", "nowhere"].map(same), [true, true, false, false, false]);
}

#[test]
fn cells_of_a_column_of_one_value_are_those_of_any_other() {
    let at = Timestamp::from_micros(7);
    let columns = schema::columns![c Text, _source_line Whole];
    let row = |text: &str, line| vec![Value::Text(text.into()), Value::Whole(line)];
    let mut frame = Frame::from_rows(&columns, &[row("a", 2), row("b", 3)]).unwrap();
    let same = [(ColumnType::Text, Value::Text("text".into())), (ColumnType::Time, Value::Time(at))];
    for (name, (kind, value)) in ["same", "at"].into_iter().zip(same) {
        let one = Frame::from_rows(&[Column::new(name, kind)], &[vec![value]]).unwrap();
        let value = polars::prelude::Scalar::new(schema::polars_type(kind), one.0.columns()[0].get(0).unwrap().into_static());
        frame.0.with_column(PolarsColumn::new_scalar(name.into(), value, 2)).unwrap();
    }
    for frame in [frame.clone(), frame.rows_at(&[1]), frame.in_one_piece()] {
        let last = frame.height() - 1;
        let cell = |column: &str| frame.cells(column).unwrap().at(last);
        assert_eq!((cell("same"), cell("c"), cell("at")), (CellRef::Text("text"), CellRef::Text("b"), CellRef::Time(at)));
        assert_eq!(frame.cells("_source_line").unwrap().at(last), CellRef::Whole(3));
    }
    assert!(Frame::default().cells("c").is_none());
}
