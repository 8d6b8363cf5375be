//! Small files → rows in memory: a pipeline that reads them takes longer to be put together than they to be read, and a query over rows in memory
//! alone needs none.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::LazyLock;

use polars::prelude::*;

use super::known::{Known, Version};
use super::scan::{file_error, lazy};
use crate::engine::EngineError;
use crate::frame::{Column, FilePart, StoredFile, constant, schema};

/// Bytes of the files of a relation that are read at once.
const MOST_BYTES: u64 = 256 << 10;

/// Columns of such a relation: of a wide one most queries read a few.
const MOST_COLUMNS: usize = 64;

/// Of so many small files, beside larger ones or not, it takes longer to begin with each than to read it.
const MANY: usize = 8;

/// Bytes of one of many small files.
const BYTES_OF_MANY: u64 = 128 << 10;

/// Bytes of all of them.
const MOST_BYTES_OF_MANY: u64 = 8 << 20;

/// Where the rows of a relation are.
pub(super) enum Source {
    /// In memory.
    Rows(DataFrame),
    /// In files that are read when a query wants them, all or some.
    Plan(Box<LazyFrame>),
}

/// The rows of files, in the columns of their relation.
///
/// # Errors
/// A file cannot be read.
pub(super) fn source(columns: &[Column], parts: &[FilePart]) -> Result<Source, EngineError> {
    let (small, others) = apart(columns, parts);
    let [first, ..] = others.as_slice() else { return Ok(Source::Rows(rows(columns, &small)?)) };
    let plan = lazy(columns, &others)?;
    if small.is_empty() {
        return Ok(Source::Plan(Box::new(plan)));
    }
    let union = UnionArgs { rechunk: false, parallel: true, ..UnionArgs::default() };
    let both = concat([rows(columns, &small)?.lazy(), plan], union);
    Ok(Source::Plan(Box::new(both.map_err(|error| file_error(first, &error))?)))
}

/// The files of a relation that are read at once, and those that are read when a query wants them.
fn apart(columns: &[Column], parts: &[FilePart]) -> (Vec<FilePart>, Vec<FilePart>) {
    if columns.len() > MOST_COLUMNS {
        return (Vec::new(), parts.to_vec());
    }
    // What cannot be looked at is no small file: whoever reads it says why.
    let sizes: Vec<u64> = parts.iter().map(|part| part.path.metadata().map_or(u64::MAX, |about| about.len())).collect();
    if sizes.iter().fold(0, |all: u64, size| all.saturating_add(*size)) <= MOST_BYTES {
        return (parts.to_vec(), Vec::new());
    }
    let small = || sizes.iter().filter(|size| **size <= BYTES_OF_MANY);
    if small().count() < MANY || small().sum::<u64>() > MOST_BYTES_OF_MANY {
        return (Vec::new(), parts.to_vec());
    }
    let (small, others): (Vec<_>, Vec<_>) = parts.iter().zip(&sizes).partition(|(_, size)| **size <= BYTES_OF_MANY);
    let of = |parts: Vec<(&FilePart, &u64)>| parts.into_iter().map(|(part, _)| part.clone()).collect();
    (of(small), of(others))
}

fn rows(columns: &[Column], parts: &[FilePart]) -> Result<DataFrame, EngineError> {
    let mut all = DataFrame::empty_with_schema(&schema::polars_schema(columns.iter()));
    for part in parts {
        // The reader may panic over a damaged file.
        let rows = catch_unwind(AssertUnwindSafe(|| read(&HELD, columns, part)))
            .unwrap_or_else(|_| Err(polars_err!(ComputeError: "the engine gave up")));
        let rows = rows.map_err(|error| file_error(part, &error))?;
        all.vstack_mut_owned(rows).map_err(|error| file_error(part, &error))?;
    }
    Ok(all)
}

/// The rows of small files in some columns.
type Held = Known<(PathBuf, Vec<Column>), DataFrame>;

/// A run reads those of a month again and again.
static HELD: LazyLock<Held> = LazyLock::new(Held::default);

/// Bytes of the files of which rows are held.
const MOST_HELD: u64 = 2 << 20;

/// The rows of a file in the columns of its relation.
fn read(held: &Held, columns: &[Column], part: &FilePart) -> PolarsResult<DataFrame> {
    let is_stored = |column: &&Column| !part.constants.contains_key(&column.name);
    let key = (part.path.clone(), columns.iter().filter(is_stored).cloned().collect::<Vec<_>>());
    let version = Version::of(&part.path);
    let rows = if let Some(known) = version.and_then(|version| held.get(&key, version)) {
        known
    } else {
        let rows = stored(&key.1, part)?;
        if let Some(version) = version {
            held.keep(key, (version, rows.clone()), version.bytes, MOST_HELD);
        }
        rows
    };
    let value = |column: &Column| match part.constants.get(&column.name) {
        Some(value) => constant(column, value.as_deref(), rows.height()),
        None => Ok(rows.column(&column.name)?.clone()),
    };
    DataFrame::new(rows.height(), columns.iter().map(value).collect::<PolarsResult<_>>()?)
}

/// Columns of a file; one that it lacks is null.
fn stored(columns: &[Column], part: &FilePart) -> PolarsResult<DataFrame> {
    if let Some(file) = StoredFile::open(&part.path, columns).map_err(|error| error.0)? {
        return Ok(file.rows(columns).map_err(|error| error.0)?.0);
    }
    let mut reader = ParquetReader::new(File::open(&part.path)?).read_parallel(ParallelStrategy::None);
    let stored = reader.schema()?;
    let wanted = columns.iter().map(|column| column.name.clone()).filter(|name| stored.contains(name)).collect();
    let rows = reader.with_columns(Some(wanted)).finish()?;
    let value = |column: &Column| {
        let kind = schema::polars_type(column.kind);
        match rows.column(&column.name) {
            Ok(found) if *found.dtype() == kind => Ok(found.clone()),
            Ok(found) => found.cast(&kind),
            Err(_) => constant(column, None, rows.height()),
        }
    };
    DataFrame::new(rows.height(), columns.iter().map(value).collect::<PolarsResult<_>>()?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::scan::lazy;
    use super::*;
    use crate::frame::{ColumnType, Frame, Value};

    /// A file of these columns, with constants beside it.
    fn part(
        folder: &std::path::Path,
        name: &str,
        (columns, rows): (&[Column], &[Vec<Value>]),
        constants: &[(&str, Option<&str>)],
    ) -> FilePart {
        let path = folder.join(name);
        let mut rows = Frame::from_rows(columns, rows).unwrap().0;
        ParquetWriter::new(File::create(&path).unwrap()).finish(&mut rows).unwrap();
        let constant = |(name, value): &(&str, Option<&str>)| ((*name).to_owned(), value.map(str::to_owned));
        FilePart { path, constants: constants.iter().map(constant).collect::<BTreeMap<_, _>>() }
    }

    /// Small files are read in another way than large ones: both give the same rows, whatever the files store, lack, or are said to have in
    /// all rows.
    #[test]
    fn small_files_are_read_as_large_ones_are() {
        let folder = tempfile::tempdir().unwrap();
        let (id, n) = (Column::new("id", ColumnType::Text), Column::new("n", ColumnType::Whole));
        let [text, whole] = [|text: &str| Value::Text(text.into()), |n: &str| Value::Whole(n.parse().unwrap())];
        let both = [id.clone(), n.clone()];
        let as_text = [id.clone(), Column::new("n", ColumnType::Text)];
        let parts = [
            part(
                folder.path(),
                "a",
                (&both, &[vec![text("a"), whole("1")], vec![text("b"), Value::Null]]),
                &[("month", Some("1"))],
            ),
            // A column that is lacking, one of another type, one that the log says otherwise of, and no rows.
            part(folder.path(), "b", (&both[..1], &[vec![text("c")]]), &[("month", Some("2"))]),
            part(folder.path(), "c", (&as_text, &[vec![text("d"), text("7")]]), &[("month", None)]),
            part(folder.path(), "d", (&both, &[vec![text("e"), whole("5")]]), &[("month", Some("3")), ("id", Some("said"))]),
            part(folder.path(), "e", (&both, &[]), &[("month", Some("4"))]),
        ];
        // Of each type, in files that are read in the one way and in the other.
        let kinds = [ColumnType::Real, ColumnType::Flag, ColumnType::Day, ColumnType::Time, ColumnType::Text, ColumnType::Whole];
        let typed: Vec<Column> = kinds.into_iter().zip('a'..).map(|(kind, name)| Column::new(&name.to_string(), kind)).collect();
        let time = crate::model::Timestamp::from_micros(1_664_582_400_000_001);
        let day = crate::model::Day::from_ymd(1931, 2, 28);
        let row = vec![Value::Real(-0.5), Value::Flag(true), Value::Day(day), Value::Time(time), text("x"), whole("-7")];
        let of_types = part(folder.path(), "f", (&typed, &[row, vec![Value::Null; 6]]), &[]);
        assert!(StoredFile::open(&of_types.path, &typed).unwrap().is_some());
        let (small, large) =
            (rows(&typed, std::slice::from_ref(&of_types)).unwrap(), lazy(&typed, &[of_types]).unwrap().collect().unwrap());
        assert_eq!((small.height(), small.schema()), (2, large.schema()));
        assert!(small.equals_missing(&large), "{small:?} {large:?}");
        let month = Column::new("month", ColumnType::Text);
        let nowhere = Column::new("nowhere", ColumnType::Day);
        for columns in [vec![id.clone(), n.clone(), month.clone(), nowhere], vec![month, n], vec![id]] {
            for parts in (1..=parts.len()).map(|count| &parts[..count]).chain(parts.chunks(1)) {
                let small = rows(&columns, parts).unwrap();
                let large = lazy(&columns, parts).unwrap().collect().unwrap();
                assert_eq!(small.schema(), large.schema());
                assert!(small.equals_missing(&large), "{small:?} {large:?}");
            }
        }
        let counts = |columns: &[Column], parts: &[FilePart]| {
            let (small, others) = apart(columns, parts);
            (small.len(), others.len())
        };
        assert_eq!(counts(&both, &parts), (5, 0));
        assert_eq!(counts(&vec![Column::new("id", ColumnType::Text); MOST_COLUMNS + 1], &parts), (0, 5), "wide");
        let gone = FilePart { path: folder.path().join("gone"), ..parts[0].clone() };
        assert_eq!(counts(&both, &[gone]), (0, 1), "whoever reads it says that it is gone");
        std::fs::write(folder.path().join("b"), vec![0; usize::try_from(MOST_BYTES).unwrap()]).unwrap();
        assert_eq!(counts(&both, &parts), (0, 5), "few beside a large one");
        let many = [&parts[..], &parts[2..]].concat();
        assert_eq!(counts(&both, &many), (0, 8), "seven are not many");
        let (small, others) = apart(&both, &[&many[..], &parts[2..3]].concat());
        assert_eq!((small.len(), others), (8, vec![parts[1].clone()]));
        assert!(small.iter().all(|part| part.path != parts[1].path));
        std::fs::write(folder.path().join("a"), "no Parquet").unwrap();
        assert!(matches!(rows(&both, &parts[..1]), Err(EngineError::File { path, .. }) if path.ends_with("a")));
    }

    #[test]
    fn many_small_files_and_a_large_one_are_one_relation() {
        let folder = tempfile::tempdir().unwrap();
        let (id, n) = (Column::new("id", ColumnType::Text), Column::new("n", ColumnType::Whole));
        let both = [id.clone(), n.clone()];
        // Texts that no notation makes small.
        let text = |n: i64| format!("{:016x}", xxhash_rust::xxh64::xxh64(&n.to_le_bytes(), 0));
        let row = |n: i64| vec![Value::Text(text(n)), Value::Whole(n)];
        let rows = |from: i64, to: i64| (from..to).map(row).collect::<Vec<_>>();
        let month = |month: &'static str| [("month", Some(month))];
        let mut parts = vec![part(folder.path(), "large", (&both, &rows(0, 40_000)), &month("0"))];
        for (at, name) in ["1", "2", "3", "4", "5", "6", "7"].into_iter().enumerate() {
            let from = 40_000 + 10 * at as i64;
            parts.push(part(folder.path(), name, (&both, &rows(from, from + 10)), &month(name)));
        }
        // One that lacks a column.
        parts.insert(3, part(folder.path(), "8", (&both[1..], &[vec![Value::Whole(-1)]]), &[("month", None)]));
        let columns = [id, n, Column::new("month", ColumnType::Text)];
        assert_eq!(apart(&columns, &parts).1, parts[..1]);
        let Source::Plan(plan) = source(&columns, &parts).unwrap() else { panic!("the large file is not read at once") };
        let sorted = |plan: LazyFrame| plan.sort(["n"], SortMultipleOptions::default()).collect().unwrap();
        let (found, expected) = (sorted(*plan), sorted(lazy(&columns, &parts).unwrap()));
        assert_eq!((found.height(), found.schema()), (40_071, expected.schema()));
        assert!(found.equals_missing(&expected));
        let Source::Rows(rows) = source(&columns, &parts[1..]).unwrap() else { panic!("small ones are") };
        assert_eq!(rows.height(), 71);
    }

    /// What no longer is the same file is another one, whatever it is called; in other columns it is read once more, too.
    #[test]
    fn file_is_read_once_as_long_as_it_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let columns = [Column::new("id", ColumnType::Text), Column::new("n", ColumnType::Whole)];
        let written = |n: i64| part(folder.path(), "a", (&columns, &[vec![Value::Text("x".into()), Value::Whole(n)]]), &[]);
        let held = Held::default();
        let read = |part: &FilePart, columns: &[Column]| {
            let rows = super::read(&held, columns, part).unwrap();
            (rows.width(), rows.column("n").unwrap().get(0).unwrap().try_extract::<i64>().unwrap())
        };
        let one = written(1);
        let file = std::fs::File::open(&one.path).unwrap();
        let (modified, bytes) = (file.metadata().unwrap().modified().unwrap(), file.metadata().unwrap().len());
        assert_eq!(read(&one, &columns), (2, 1));
        let two = written(2);
        std::fs::File::options().write(true).open(&two.path).unwrap().set_modified(modified).unwrap();
        assert_eq!(two.path.metadata().unwrap().len(), bytes);
        assert_eq!((read(&two, &columns), read(&two, &columns[1..])), ((2, 1), (1, 2)), "nothing says that it is another one");
        let three = written(3);
        assert_eq!((read(&three, &columns), read(&three, &columns[1..])), ((2, 3), (1, 3)));
    }

    /// Whatever byte of a file is another one: it is read, or is said not to be readable.
    #[test]
    fn damaged_small_file_is_an_error_and_no_panic() {
        let folder = tempfile::tempdir().unwrap();
        let columns = [Column::new("id", ColumnType::Text), Column::new("n", ColumnType::Whole)];
        let row = |n: i64| vec![Value::Text(format!("a text that is kept elsewhere {}", n % 3)), Value::Whole(n)];
        let part = part(folder.path(), "a", (&columns, &(0..50).map(row).collect::<Vec<_>>()), &[]);
        let good = std::fs::read(&part.path).unwrap();
        let mut unreadable = 0;
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0xFF;
            std::fs::write(&part.path, bad).unwrap();
            unreadable += u32::from(rows(&columns, std::slice::from_ref(&part)).is_err());
        }
        assert!(unreadable > 0);
    }
}
