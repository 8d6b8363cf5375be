//! Rows of a file that take the place of others.

use ::parquet::file::metadata::ColumnChunkMetaData;

use super::*;

/// A file's rows but for a patch, as a file.
fn patched(folder: &Folder, from: &Path, columns: &[Column], patch: &Patch<'_>) -> Result<PathBuf, FrameError> {
    let into = folder.path("patched");
    let mut writer = FrameWriter::create(&into, columns).unwrap();
    for group in StoredFile::open(from, columns)?.unwrap().groups() {
        writer.push_patched(group.patched(columns, patch)?)?;
    }
    writer.finish()?;
    Ok(into)
}

/// The pages of a column of a file's first group.
fn bytes_of(path: &Path, at: usize) -> Vec<u8> {
    let (bytes, reader) = (std::fs::read(path).unwrap(), reader(path));
    let (start, length) = ColumnChunkMetaData::byte_range(reader.metadata().row_group(0).column(at));
    bytes[start as usize..(start + length) as usize].to_vec()
}

/// What a file says of a column, and what its rows say: the least, the greatest, and how many have none.
fn bounds_of(path: &Path, at: usize) -> (Option<Vec<u8>>, Option<Vec<u8>>, Option<u64>) {
    let reader = reader(path);
    let found = reader.metadata().row_group(0).column(at).statistics().unwrap();
    (found.min_bytes_opt().map(<[u8]>::to_vec), found.max_bytes_opt().map(<[u8]>::to_vec), found.null_count_opt())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Each row is that of the patch or of the file, and the file says of its columns what one says that was written at once. Columns that the
    /// patch leaves as they were are the same to the byte.
    #[test]
    fn patched_rows_are_those_of_the_file_and_the_patch(
        dice in prop::collection::vec((any::<u64>(), any::<u64>(), 0_u8..10), 1..400),
        changed in prop::collection::btree_set(1_usize..7, 0..5),
    ) {
        let folder = Folder::new();
        let rows: Vec<_> = dice.iter().enumerate().map(|(id, (dice, ..))| row(id, *dice)).collect();
        let path = folder.write("a", &columns(), &rows, 500);
        let other = |(id, (_, dice, is_patched)): (usize, &(u64, u64, u8))| {
            let (mut mixed, other) = (rows[id].clone(), row(id, *dice));
            for at in &changed {
                mixed[*at] = other[*at].clone();
            }
            (*is_patched == 0).then_some((id as u32, mixed))
        };
        let (places, new): (Vec<u32>, Vec<Vec<Value>>) = dice.iter().enumerate().filter_map(other).unzip();
        let new = Frame::from_rows(&columns(), &new).unwrap();
        let patch = Patch { places: &places, rows: &new, same: &["id"], constants: &[] };
        let copy = patched(&folder, &path, &columns(), &patch).unwrap();
        let mut expected = rows.clone();
        places.iter().enumerate().for_each(|(at, place)| expected[*place as usize] = new.row(at));
        prop_assert_eq!(rows_of(&copy), expected.clone());
        let at_once = folder.write("b", &columns(), &expected, 500);
        for at in 0..7 {
            prop_assert_eq!(bounds_of(&copy, at), bounds_of(&at_once, at), "column {}", at);
            let is_as_before = expected.iter().zip(&rows).all(|(now, before)| now[at] == before[at]);
            prop_assert_eq!(bytes_of(&copy, at) == bytes_of(&path, at), is_as_before, "column {}", at);
        }
    }
}

/// Cells of which no two are the same have no dictionary, and a column that a file lacks has no pages.
#[test]
fn columns_without_a_dictionary_and_lacking_ones_are_patched_too() {
    let folder = Folder::new();
    let stored = [Column::new("id", ColumnType::Text), Column::new("n", ColumnType::Whole), Column::new("r", ColumnType::Real)];
    let columns = [&stored[..], &[Column::new("new", ColumnType::Day), Column::new("month", ColumnType::Text)]].concat();
    let row = |n: i64| vec![Value::Text(format!("id {n}")), Value::Whole(n), Value::Real(n as f64)];
    let path = folder.write("a", &stored, &(0..6_000).map(row).collect::<Vec<_>>(), 6_000);
    let day = Value::Day(Day::from_epoch_days(7));
    let of = |n: i64| vec![Value::Text(format!("id {n}")), Value::Whole(-n), Value::Null, day.clone(), Value::Null];
    let places = [0, 77, 5_999];
    let new = Frame::from_rows(&columns, &places.map(|place| of(i64::from(place)))).unwrap();
    let constants = [("month", "2022-11".to_owned())];
    let copy = patched(&folder, &path, &columns, &Patch { places: &places, rows: &new, same: &["id"], constants: &constants });
    let month = Value::Text("2022-11".into());
    let expected = (0..6_000).map(|n| {
        let is_new = places.contains(&(n as u32));
        if is_new {
            vec![Value::Text(format!("id {n}")), Value::Whole(-n), Value::Null, day.clone(), month.clone()]
        } else {
            [row(n), vec![Value::Null, month.clone()]].concat()
        }
    });
    assert_eq!(rows_of(&copy.unwrap()), expected.collect::<Vec<_>>());
    // Another number of rows, and a place that is none.
    for (places, rows) in [(&[1, 2][..], &new), (&[0, 77, 6_000], &new)] {
        assert!(patched(&folder, &path, &columns, &Patch { places, rows, same: &[], constants: &[] }).is_err());
    }
}

/// What is the same number has other bits now and then.
#[test]
fn zero_without_its_sign_is_another_cell() {
    let folder = Folder::new();
    let columns = [Column::new("r", ColumnType::Real)];
    let path = folder.write("a", &columns, &[vec![Value::Real(-0.0)], vec![Value::Real(1.0)]], 2);
    let new = Frame::from_rows(&columns, &[vec![Value::Real(0.0)]]).unwrap();
    let copy = patched(&folder, &path, &columns, &Patch { places: &[0], rows: &new, same: &[], constants: &[] }).unwrap();
    let bits: Vec<u64> = rows_of(&copy).iter().map(|row| row[0].as_f64().unwrap().to_bits()).collect();
    assert_eq!(bits, [0, 1.0_f64.to_bits()]);
}

/// Whatever byte of a file is another one: it is copied with as many rows as it has, if it can be read then, or is said not to be readable.
#[test]
fn damaged_file_is_an_error_and_no_panic() {
    let folder = Folder::new();
    let rows: Vec<_> = (0..60).map(|id| row(id, id as u64 * 31)).collect();
    let stored = folder.write("a", &columns(), &rows, 60);
    let mut new = [rows[3].clone(), rows[40].clone()];
    new[1][2] = Value::Whole(99);
    let new = Frame::from_rows(&columns(), &new).unwrap();
    let patch = Patch { places: &[3, 40], rows: &new, same: &["id"], constants: &[] };
    let (good, mut unreadable, mut copied) = (std::fs::read(&stored).unwrap(), 0, 0);
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0xFF;
        std::fs::write(&stored, bad).unwrap();
        let opened = StoredFile::open(&stored, &columns());
        match opened.is_ok_and(|file| file.is_some()).then(|| patched(&folder, &stored, &columns(), &patch)) {
            Some(Ok(copy)) => {
                copied += 1;
                assert_eq!(groups_of(&copy), [60], "byte {at}");
            }
            Some(Err(_)) => unreadable += 1,
            None => {}
        }
    }
    assert!(unreadable > 0 && copied > 0, "{unreadable} {copied}");
}
