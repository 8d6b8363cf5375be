//! Files → plans that read them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use polars::prelude::*;

use super::known::{Known, Version};
use crate::engine::EngineError;
use crate::frame::{Column, FilePart, schema};

/// A plan that reads files, in the columns of their relation; one that a file lacks is null there.
pub(super) fn lazy(columns: &[Column], parts: &[FilePart]) -> Result<LazyFrame, EngineError> {
    match parts {
        [] => Ok(DataFrame::empty_with_schema(&schema::polars_schema(columns.iter())).lazy()),
        [part] => {
            let mut rows = source(&[part], None)?;
            let stored = rows.collect_schema().map_err(|error| file_error(part, &error))?;
            Ok(rows.select(Alike { parts: vec![part], stored }.values(columns).0))
        }
        [first, ..] => {
            let mut scans = alike(parts)?.into_iter().map(|alike| alike.scan(columns)).collect::<Result<Vec<_>, _>>()?;
            if scans.len() == 1 {
                return Ok(scans.remove(0));
            }
            let union = UnionArgs { rechunk: false, parallel: true, ..UnionArgs::default() };
            concat(scans, union).map_err(|error| file_error(first, &error))
        }
    }
}

/// Files that store the same columns and lack the same: one source, as a plan of many sources takes long to make, and one of thousands
/// their square.
struct Alike<'a> {
    parts: Vec<&'a FilePart>,
    stored: SchemaRef,
}

fn alike(parts: &[FilePart]) -> Result<Vec<Alike<'_>>, EngineError> {
    let mut found: Vec<Alike<'_>> = Vec::new();
    for part in parts {
        let stored = stored(part)?;
        let is_alike =
            |other: &&mut Alike<'_>| other.stored == stored && other.parts[0].constants.keys().eq(part.constants.keys());
        match found.iter_mut().find(is_alike) {
            Some(alike) => alike.parts.push(part),
            None => found.push(Alike { parts: vec![part], stored }),
        }
    }
    Ok(found)
}

impl Alike<'_> {
    /// Their rows in the columns of a relation.
    fn scan(self, columns: &[Column]) -> Result<LazyFrame, EngineError> {
        let (values, path) = self.values(columns);
        Ok(source(&self.parts, path)?.select(values))
    }

    /// The columns of a relation, and under which name they read where a row is from, if they do.
    fn values(&self, columns: &[Column]) -> (Vec<Expr>, Option<PlSmallStr>) {
        let path = self.unused_name();
        let mut is_path_read = false;
        let value = |column: &Column| {
            let kind = schema::polars_type(column.kind);
            let value = match (self.constant(&column.name), self.stored.get(&column.name)) {
                (Some(Constant::One(Some(value))), _) => lit(value).cast(kind),
                (Some(Constant::One(None)), _) | (None, None) => lit(NULL).cast(kind),
                (Some(Constant::Several(by_path)), _) => {
                    is_path_read = true;
                    looked_up(path.clone(), by_path).cast(kind)
                }
                (None, Some(found)) if *found == kind => return col(column.name.as_str()),
                (None, Some(_)) => return col(column.name.as_str()).cast(kind),
            };
            value.alias(column.name.as_str())
        };
        let values = columns.iter().map(value).collect();
        (values, is_path_read.then_some(path))
    }

    /// What a column that is in none of the files has in them.
    fn constant(&self, column: &str) -> Option<Constant> {
        let first = self.parts[0].constants.get(column)?;
        if self.parts.iter().all(|part| part.constants.get(column) == Some(first)) {
            return Some(Constant::One(first.clone()));
        }
        // As the engine writes paths, which are others than the system's on some.
        let path = |part: &FilePart| PlRefPath::try_from_path(&part.path).ok().map(|path| path.as_str().to_owned());
        let of_path = |part: &&FilePart| Some((path(part)?, part.constants.get(column)?.clone()));
        Some(Constant::Several(self.parts.iter().filter_map(of_path).collect()))
    }

    fn unused_name(&self) -> PlSmallStr {
        let mut name = "path".to_owned();
        while self.stored.contains(&name) {
            name.push('_');
        }
        name.into()
    }
}

/// A value that a file has in all of its rows.
enum Constant {
    /// The same in each file.
    One(Option<String>),
    /// By path.
    Several(HashMap<String, Option<String>>),
}

/// What a column's texts stand for, each of which must be known; many rows in a row have the same one.
fn looked_up(column: PlSmallStr, values: HashMap<String, Option<String>>) -> Expr {
    let look_up = move |texts: polars::prelude::Column| {
        let value_of = |text: &str| match values.get(text) {
            Some(value) => Ok(value.as_deref()),
            None => polars_bail!(ComputeError: "nothing is known of `{text}`"),
        };
        let name = texts.name().clone();
        if let polars::prelude::Column::Scalar(same) = &texts {
            let value = same.scalar().value().get_str().map(value_of).transpose()?.flatten();
            let value = value.map_or(AnyValue::Null, |value| AnyValue::StringOwned(value.into()));
            return Ok(Scalar::new(DataType::String, value).into_column(name).new_from_index(0, same.len()));
        }
        let (texts, mut last) = (texts.str()?, None);
        let mut found = StringChunkedBuilder::new(name.clone(), texts.len());
        for text in texts.iter() {
            let value = match (text, last) {
                (None, _) => None,
                (Some(text), Some((same, value))) if same == text => value,
                (Some(text), _) => value_of(text)?,
            };
            last = text.map(|text| (text, value));
            found.append_option(value);
        }
        Ok(found.finish().into_column())
    };
    col(column).map(look_up, |_, field| Ok(Field::new(field.name().clone(), DataType::String)))
}

/// The columns of files that were read beside others: a run reads those of many months several times.
static STORED: LazyLock<Known<PathBuf, SchemaRef>> = LazyLock::new(Known::default);

/// So many are more than a run reads again.
const MOST_STORED: u64 = 20_000;

/// The columns of a file.
fn stored(part: &FilePart) -> Result<SchemaRef, EngineError> {
    let version = Version::of(&part.path);
    if let Some(known) = version.and_then(|version| STORED.get(&part.path, version)) {
        return Ok(known);
    }
    let read = source(&[part], None)?.collect_schema().map_err(|error| file_error(part, &error))?;
    // Most files of a folder are alike.
    let stored = STORED.same(&read).unwrap_or(read);
    if let Some(version) = version {
        STORED.keep(part.path.clone(), (version, stored.clone()), 1, MOST_STORED);
    }
    Ok(stored)
}

/// Files as they are; where each row is from, under a name.
fn source(parts: &[&FilePart], path: Option<PlSmallStr>) -> Result<LazyFrame, EngineError> {
    let paths = parts.iter().map(|part| PlRefPath::try_from_path(&part.path).map_err(|error| file_error(part, &error)));
    let paths = paths.collect::<Result<Vec<_>, _>>()?;
    // What folders are called says nothing of the rows: what it would is among the constants.
    let hive_options = HiveOptions { enabled: Some(false), ..HiveOptions::default() };
    let is_small = are_small(parts);
    let options = ScanArgsParquet {
        glob: false,
        cache: false,
        hive_options,
        include_file_paths: path,
        use_statistics: !is_small,
        parallel: if is_small { ParallelStrategy::Columns } else { ParallelStrategy::Auto },
        ..ScanArgsParquet::default()
    };
    LazyFrame::scan_parquet_sources(ScanSources::Paths(paths.into()), options).map_err(|error| file_error(parts[0], &error))
}

/// Bytes of a file that is read sooner than it is found out which of its rows need not be.
const SMALL_FILE: u64 = 512 << 10;

/// Whether each file is so small that it has one group of rows, or few of little: then neither its statistics are asked, nor the columns of a
/// condition read before the others.
fn are_small(parts: &[&FilePart]) -> bool {
    parts.iter().all(|part| part.path.metadata().is_ok_and(|metadata| metadata.len() <= SMALL_FILE))
}

pub(super) fn file_error(part: &FilePart, error: &PolarsError) -> EngineError {
    EngineError::File { path: part.path.clone(), message: error.to_string() }
}
