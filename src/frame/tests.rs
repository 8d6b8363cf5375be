//! Rows in memory, and files that are written and copied, read back by another reader.

mod dictionaries;
mod patches;
mod records;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ::parquet::basic::Encoding;
use ::parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
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
        let numbers = numbers.into_iter().collect();
        let found = StoredFile::open(&path, &wanted).unwrap().unwrap().rows_with(&wanted, ("whole", &numbers), &constants).unwrap();
        let is_wanted = |row: &&Vec<Value>| row[2].as_i64().is_some_and(|number| numbers.contains(&number));
        let expected = rows.iter().filter(is_wanted).map(|row| [&[Value::Text("2022-11".into())], &row[..], &[Value::Null]].concat());
        let expected: Vec<Vec<Value>> = expected.collect();
        prop_assert_eq!((0..found.height()).map(|at| found.row(at)).collect::<Vec<_>>(), expected.clone());
        prop_assert_eq!(found.names(), wanted.iter().map(|column| column.name.as_str()).collect::<Vec<_>>());
        // The same by their places.
        let file = StoredFile::open(&path, &wanted).unwrap().unwrap();
        let places: Vec<u32> = rows.iter().zip(0..).filter(|(row, _)| is_wanted(row)).map(|(_, place)| place).collect();
        prop_assert_eq!(file.rows_at(&wanted, &places, &constants).unwrap(), found);
        let all: Option<Vec<i64>> = rows.iter().map(|row| row[2].as_i64()).collect();
        prop_assert_eq!(file.wholes("whole").unwrap(), all);
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
        let found = file.rows_with(&columns, ("line", &numbers.iter().copied().collect()), &BTreeMap::new()).unwrap();
        let expected = numbers.iter().copied().filter(|line| (0..100_000).contains(line)).map(row);
        assert_eq!((0..found.height()).map(|at| found.row(at)).collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        let places: Vec<u32> =
            numbers.iter().filter_map(|line| u32::try_from(*line).ok().filter(|line| *line < 100_000)).collect();
        assert_eq!(file.rows_at(&columns, &places, &BTreeMap::new()).unwrap(), found);
    }
    assert_eq!(file.wholes("line").unwrap(), Some((0..100_000).collect()));
    assert_eq!((file.wholes("text").ok().flatten(), file.wholes("nowhere").unwrap()), (None, None));
    assert_eq!(file.rows_with(&columns, ("nowhere", &[1].into_iter().collect()), &BTreeMap::new()).unwrap().height(), 0);
}

/// Whole numbers of which none repeats, and how each column of them is written.
#[test]
fn whole_numbers_near_one_another_are_written_as_steps() {
    let folder = Folder::new();
    let columns = schema::columns![line Whole, down Whole, some Whole, hash Whole, around Whole, one_is_far Whole, at Time];
    let row = |id: i64| {
        let around = if id % 2 == 0 { i64::MIN + id } else { i64::MAX - id };
        let some = if id % 3 == 0 { Value::Null } else { Value::Whole(2 * id) };
        let far = if id == 299 { i64::from(i32::MAX) + 300 } else { id };
        let hash = id.wrapping_mul(0x1E37_79B9_7F4A_7C15);
        let whole = Value::Whole;
        vec![
            whole(id),
            whole(1000 - id * id),
            some,
            whole(hash),
            whole(around),
            whole(far),
            Value::Time(Timestamp::from_micros(id * 1_000_003)),
        ]
    };
    let rows: Vec<_> = (0..1000).map(row).collect();
    let path = folder.write("a", &columns, &rows, 1000);
    assert_eq!(rows_of(&path), rows);
    let reader = reader(&path);
    let steps = |column: &ColumnChunkMetaData| column.encodings().any(|encoding| encoding == Encoding::DELTA_BINARY_PACKED);
    let are_steps: Vec<bool> = reader.metadata().row_group(0).columns().iter().map(steps).collect();
    assert_eq!(are_steps, [true, true, true, false, true, false, true]);
    let file = StoredFile::open(&path, &columns).unwrap().unwrap();
    let places = [0, 1, 255, 256, 257, 998, 999];
    let found = file.rows_at(&columns, &places, &BTreeMap::new()).unwrap();
    let taken: Vec<_> = (0..found.height()).map(|at| found.row(at)).collect();
    assert_eq!(taken, places.map(|place| rows[place as usize].clone()));
    assert_eq!((file.wholes("around").unwrap().unwrap().len(), file.wholes("some").unwrap()), (1000, None));
}

/// Whatever byte of a file is another one: it is read, or is said not to be readable.
#[test]
fn damaged_file_of_some_rows_is_an_error_and_no_panic() {
    expect_no_panic(&columns(), &(0..60).map(|id| row(id, id as u64 * 31)).collect::<Vec<_>>());
    // So many numbers that they are written as steps.
    let columns = [Column::new("whole", ColumnType::Whole)];
    expect_no_panic(&columns, &(-300..300).map(|number| vec![Value::Whole(number * number * number)]).collect::<Vec<_>>());
}

fn expect_no_panic(columns: &[Column], rows: &[Vec<Value>]) {
    let folder = Folder::new();
    let path = folder.write("a", columns, rows, rows.len());
    let (good, mut unreadable) = (std::fs::read(&path).unwrap(), 0);
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0xFF;
        std::fs::write(&path, bad).unwrap();
        let found = StoredFile::open(&path, columns).and_then(|file| {
            file.map(|file| file.rows_with(columns, ("whole", &[-3, 0, 2].into_iter().collect()), &BTreeMap::new())).transpose()
        });
        unreadable += u32::from(found.is_err());
    }
    assert!(unreadable > 0);
}

/// Texts most of which differ, which no dictionary holds, and such as repeat; some rows have none.
#[test]
fn rows_are_put_in_the_order_of_a_column_and_keep_their_cells() {
    let columns =
        [Column::new("text", ColumnType::Text), Column::new("number", ColumnType::Whole), Column::new("kw", ColumnType::Real)];
    for distinct in [7, 1000] {
        let row = |n: usize| {
            let text = if n % 13 == 5 { Value::Null } else { Value::Text(format!("text {}", n * 37 % distinct)) };
            vec![text, Value::Whole(n as i64), if n.is_multiple_of(3) { Value::Null } else { Value::Real((n % 5) as f64) }]
        };
        let rows: Vec<Vec<Value>> = (0..400).map(row).collect();
        let group = Frame::from_rows(&columns, &rows).unwrap().groups(&columns).unwrap().next().unwrap().unwrap();
        let mut expected: Vec<usize> = (0..400).collect();
        expected.sort_by_key(|at| (rows[*at][0] == Value::Null, rows[*at][0].as_str()));
        let order = group.order_by("text");
        assert_eq!(order, expected.iter().map(|at| *at as u32).collect::<Vec<_>>(), "{distinct}");
        let folder = Folder::new();
        let path = folder.path("a");
        let written = [&columns[..], &[Column::new("double", ColumnType::Real), Column::new("own", ColumnType::Text)]].concat();
        let own = [("text 0", "nothing"), ("text 3", "three")].into_iter().collect();
        let group = group.with_numbers("double", "kw", |kw| 2.0 * kw).unwrap().with_texts("own", "text", ("text", &own)).unwrap();
        let mut writer = FrameWriter::create(&path, &written).unwrap();
        // Half of them, and a group of few others.
        writer.push_group(group.gathered(&order[..200]).unwrap()).unwrap();
        writer.push_group(group.gathered(&[order[399], order[0]]).unwrap()).unwrap();
        writer.finish().unwrap();
        let of = |at: usize| {
            let double = rows[at][2].as_f64().map_or(Value::Null, |kw| Value::Real(2.0 * kw));
            let text = rows[at][0].as_str().map(|text| own.get(text).copied().unwrap_or(text).to_owned());
            [&rows[at][..], &[double, text.map_or(Value::Null, Value::Text)]].concat()
        };
        let expected: Vec<Vec<Value>> = expected[..200].iter().chain([&expected[399], &expected[0]]).map(|at| of(*at)).collect();
        assert_eq!(rows_of(&path), expected, "{distinct}");
        assert!(group.gathered(&[400]).is_err(), "a row that is not there");
    }
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
