//! Statistics of a Parquet file as the Delta log wants them: rows, null counts, and minima and maxima of the columns that tell files apart.
//!
//! Taken from the file's own footer, so that they hold whoever wrote it.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use deltalake::parquet::basic::Type as Physical;
use deltalake::parquet::errors::ParquetError;
use deltalake::parquet::file::reader::{FileReader, SerializedFileReader};
use deltalake::parquet::file::statistics::Statistics;
use serde_json::{Map, Value as Json, json};

use crate::frame::{Column, ColumnType};
use crate::model::Day;

/// The columns by which the files of a table can be told apart. The library reads the statistics of all columns that a table does not leave
/// out, of every file, with each commit; and the log is read with each run.
pub(super) const TELL_FILES_APART: [&str; 12] = [
    "_source_file",
    "_file_sha256",
    "_run_id",
    "_ingested_at",
    "delivery_month",
    "status",
    "valid_from_month",
    "valid_to_month",
    "started_at",
    "checked_at",
    "acknowledged_at",
    "promoted_at",
];

/// Longer texts are left out: they prune nothing and swell the log.
const LONGEST_TEXT: usize = 1024;

/// Rows of the file and its statistics in the Delta log's JSON.
///
/// # Errors
/// The footer cannot be read, or a column is stored in another width than its table's, which other readers would refuse.
pub(super) fn of_file(path: &Path, columns: &[Column]) -> Result<(u64, String), ParquetError> {
    let reader = SerializedFileReader::new(File::open(path)?)?;
    let metadata = reader.metadata();
    let rows = u64::try_from(metadata.file_metadata().num_rows()).unwrap_or(0);
    let (mut minima, mut maxima, mut nulls) = (Map::new(), Map::new(), Map::new());
    let schema = metadata.file_metadata().schema_descr();
    let mut lacking: BTreeMap<&str, &Column> = columns.iter().map(|column| (column.name.as_str(), column)).collect();
    for index in 0..schema.num_columns() {
        let name = schema.column(index).name().to_owned();
        let Some(column) = lacking.remove(name.as_str()) else { continue };
        let stored = schema.column(index).physical_type();
        if stored != physical_of(column.kind) {
            return Err(ParquetError::General(format!("column `{name}` is stored as {stored}")));
        }
        let chunks: Option<Vec<&Statistics>> =
            metadata.row_groups().iter().map(|group| group.column(index).statistics()).collect();
        let Some(chunks) = chunks else { continue };
        let counts: Option<u64> = chunks.iter().map(|statistics| statistics.null_count_opt()).sum();
        if let Some(count) = counts {
            nulls.insert(name.clone(), json!(count));
        }
        if !TELL_FILES_APART.contains(&name.as_str()) {
            continue;
        }
        let bounds: Vec<(Json, Json)> = chunks.iter().filter_map(|statistics| bounds(statistics, column.kind)).collect();
        // A group of nulls has no bounds; any other group without them makes the file's unknown.
        let bounded = chunks.iter().filter(|statistics| statistics.min_bytes_opt().is_some()).count();
        if bounds.len() == bounded
            && let (Some(low), Some(high)) =
                (bounds.iter().map(|b| &b.0).min_by(|a, b| order(a, b)), bounds.iter().map(|b| &b.1).max_by(|a, b| order(a, b)))
        {
            minima.insert(name.clone(), low.clone());
            maxima.insert(name, high.clone());
        }
    }
    // Other readers find nulls where a file has no such column, and so does this one.
    let missing = columns.iter().filter(|column| lacking.contains_key(column.name.as_str()));
    nulls.extend(missing.map(|column| (column.name.clone(), json!(rows))));
    let stats = json!({ "numRecords": rows, "minValues": minima, "maxValues": maxima, "nullCount": nulls });
    Ok((rows, stats.to_string()))
}

/// How Delta wants a type stored.
const fn physical_of(kind: ColumnType) -> Physical {
    match kind {
        ColumnType::Text => Physical::BYTE_ARRAY,
        ColumnType::Whole | ColumnType::Time => Physical::INT64,
        ColumnType::Real => Physical::DOUBLE,
        ColumnType::Flag => Physical::BOOLEAN,
        ColumnType::Day => Physical::INT32,
    }
}

fn order(a: &Json, b: &Json) -> std::cmp::Ordering {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => a.as_str().cmp(&b.as_str()),
    }
}

fn bounds(statistics: &Statistics, kind: ColumnType) -> Option<(Json, Json)> {
    let (low, high) = (statistics.min_bytes_opt()?, statistics.max_bytes_opt()?);
    let physical = statistics.physical_type();
    Some((bound(low, physical, kind)?, bound(high, physical, kind)?))
}

fn bound(bytes: &[u8], physical: Physical, kind: ColumnType) -> Option<Json> {
    match (physical, kind) {
        (Physical::BYTE_ARRAY, ColumnType::Text) if bytes.len() <= LONGEST_TEXT => {
            std::str::from_utf8(bytes).ok().map(Json::from)
        }
        (Physical::DOUBLE, ColumnType::Real) => {
            Some(f64::from_le_bytes(bytes.try_into().ok()?)).filter(|n| n.is_finite()).map(Json::from)
        }
        (Physical::INT64, ColumnType::Whole) => Some(Json::from(i64::from_le_bytes(bytes.try_into().ok()?))),
        (Physical::INT32, ColumnType::Day) => {
            Some(Json::from(Day::from_epoch_days(i32::from_le_bytes(bytes.try_into().ok()?)).to_string()))
        }
        (Physical::INT64, ColumnType::Time) => jiff::Timestamp::from_microsecond(i64::from_le_bytes(bytes.try_into().ok()?))
            .ok()
            .map(|at| Json::from(at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())),
        _ => None,
    }
}
