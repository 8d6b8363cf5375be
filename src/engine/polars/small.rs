//! Small files → rows in memory: a pipeline that reads them takes longer to be put together than they to be read, and a query over rows in memory
//! alone needs none.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

use polars::prelude::*;

use super::scan::file_error;
use crate::engine::EngineError;
use crate::frame::{Column, FilePart, schema};

/// Bytes of the files of a relation that are read at once.
const MOST_BYTES: u64 = 256 << 10;

/// Columns of such a relation: of a wide one most queries read a few.
const MOST_COLUMNS: usize = 64;

/// The rows of a relation whose files are small; `None` of others.
///
/// # Errors
/// A file cannot be read.
pub(super) fn rows(columns: &[Column], parts: &[FilePart]) -> Result<Option<DataFrame>, EngineError> {
    if parts.is_empty() || columns.len() > MOST_COLUMNS || !are_small(parts) {
        return Ok(None);
    }
    let mut all = DataFrame::empty_with_schema(&schema::polars_schema(columns.iter()));
    for part in parts {
        // The reader may panic over a damaged file.
        let rows = catch_unwind(AssertUnwindSafe(|| read(columns, part)))
            .unwrap_or_else(|_| Err(polars_err!(ComputeError: "the engine gave up")));
        let rows = rows.map_err(|error| file_error(part, &error))?;
        all.vstack_mut_owned(rows).map_err(|error| file_error(part, &error))?;
    }
    Ok(Some(all))
}

/// What cannot be looked at is no small file.
fn are_small(parts: &[FilePart]) -> bool {
    let bytes = parts.iter().try_fold(0_u64, |bytes, part| {
        let bytes = bytes + part.path.metadata().ok()?.len();
        (bytes <= MOST_BYTES).then_some(bytes)
    });
    bytes.is_some()
}

/// The rows of a file in the columns of its relation.
fn read(columns: &[Column], part: &FilePart) -> PolarsResult<DataFrame> {
    let mut reader = ParquetReader::new(File::open(&part.path)?).read_parallel(ParallelStrategy::None);
    let stored = reader.schema()?;
    let is_stored = |column: &&Column| stored.contains(&column.name) && !part.constants.contains_key(&column.name);
    let wanted = columns.iter().filter(is_stored).map(|column| column.name.clone()).collect();
    let rows = reader.with_columns(Some(wanted)).finish()?;
    let value = |column: &Column| {
        let (name, kind) = (PlSmallStr::from(column.name.as_str()), schema::polars_type(column.kind));
        match (part.constants.get(&column.name), rows.column(&column.name)) {
            (Some(Some(value)), _) => {
                let value = Scalar::new(DataType::String, AnyValue::StringOwned(value.as_str().into()));
                value.into_column(name).new_from_index(0, rows.height()).cast(&kind)
            }
            (None, Ok(found)) if *found.dtype() == kind => Ok(found.clone()),
            (None, Ok(found)) => found.cast(&kind),
            (Some(None), _) | (None, Err(_)) => Ok(polars::prelude::Column::full_null(name, rows.height(), &kind)),
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
        let month = Column::new("month", ColumnType::Text);
        let nowhere = Column::new("nowhere", ColumnType::Day);
        for columns in [vec![id.clone(), n.clone(), month.clone(), nowhere], vec![month, n], vec![id]] {
            for parts in (1..=parts.len()).map(|count| &parts[..count]).chain(parts.chunks(1)) {
                let small = rows(&columns, parts).unwrap().unwrap();
                let large = lazy(&columns, parts).unwrap().collect().unwrap();
                assert_eq!(small.schema(), large.schema());
                assert!(small.equals_missing(&large), "{small:?} {large:?}");
            }
        }
        let columns = vec![Column::new("id", ColumnType::Text); MOST_COLUMNS + 1];
        assert!(rows(&columns, &parts).unwrap().is_none(), "wide");
        std::fs::write(folder.path().join("b"), vec![0; usize::try_from(MOST_BYTES).unwrap()]).unwrap();
        assert!(rows(&both, &parts).unwrap().is_none(), "large");
        assert!(rows(&both, &[]).unwrap().is_none());
        let gone = FilePart { path: folder.path().join("gone"), ..parts[0].clone() };
        assert!(rows(&both, &[gone]).unwrap().is_none(), "whoever reads it says that it is gone");
        std::fs::write(folder.path().join("a"), "no Parquet").unwrap();
        assert!(matches!(rows(&both, &parts[..1]), Err(EngineError::File { path, .. }) if path.ends_with("a")));
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
