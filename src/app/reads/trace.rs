//! From a record to the line of the file that it came from.

use std::path::Path;

use super::{QueryError, rows};
use crate::config::Settings;
use crate::engine::Work;
use crate::frame::schema;
use crate::lake::Lake;
use crate::landing::{self, ReadError};
use crate::model::{Cancel, Dataset, Month, ReasonCode, Stage};
use crate::pipeline::bronze::BronzeTables;
use crate::pipeline::silver::checked_records;
use crate::pipeline::sql::text;
use crate::pipeline::tables;

/// A record as it was delivered, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    /// The month.
    pub month: Month,
    /// The file, below the landing folder.
    pub source_file: String,
    /// The physical line on which the record starts.
    pub source_line: u64,
    /// SHA-256 of the file; `None` where it is not known, as of a file that was refused.
    pub sha256: Option<String>,
    /// The run that loaded or rejected it.
    pub run_id: String,
    /// Every source column of the file and its cell as delivered; none of a record that never entered bronze.
    pub cells: Vec<(String, String)>,
    /// The raw lines; `None` when the file is no longer there as it was delivered.
    pub raw: Option<String>,
    /// Why the record never entered bronze, where it did not.
    pub set_aside: Option<ReasonCode>,
}

/// Which records are wanted: those for which everything holds that is said here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordFilter {
    /// The utility.
    pub utility: String,
    /// The dataset.
    pub dataset: Dataset,
    /// The key, as in `record_key` of the rules.
    pub key: Option<String>,
    /// The feeder or DER that the record is about.
    pub entity: Option<String>,
    /// The file, and the line on which the record starts.
    pub place: Option<(String, u64)>,
    /// The month of the delivery.
    pub month: Option<Month>,
}

impl RecordFilter {
    fn condition(&self) -> String {
        let entity = if self.dataset.der_status().is_some() { "der_id" } else { "feeder_id" };
        let mut conditions = Vec::new();
        conditions.extend(self.key.as_ref().map(|key| format!("record_key = {}", text(key))));
        conditions.extend(self.entity.as_ref().map(|id| format!("{entity} = {}", text(id))));
        conditions
            .extend(self.place.as_ref().map(|(file, line)| format!("_source_file = {} AND _source_line = {line}", text(file))));
        if conditions.is_empty() { "FALSE".into() } else { conditions.join(" AND ") }
    }
}

/// The records, newest month first, then by file and line: a key that occurs twice is there twice.
///
/// # Errors
/// A table cannot be read.
pub fn records(lake: &Lake, settings: &Settings, wanted: &RecordFilter) -> Result<Vec<Traced>, QueryError> {
    let in_bronze = in_bronze(lake, settings, wanted)?;
    if in_bronze.is_empty() { before_bronze(lake, wanted) } else { Ok(in_bronze) }
}

fn in_bronze(lake: &Lake, settings: &Settings, wanted: &RecordFilter) -> Result<Vec<Traced>, QueryError> {
    let Some(adapter) = settings.utility(&wanted.utility) else { return Ok(Vec::new()) };
    let cancel = Cancel::default();
    let bronze = BronzeTables::open(lake, adapter, Work::local(&cancel))?;
    let of_month = |month: Month| wanted.month.is_none_or(|wanted| wanted == month);
    let (Some(mapped), Some(rows)) = (adapter.dataset(wanted.dataset), bronze.rows(wanted.dataset, of_month)?) else {
        return Ok(Vec::new());
    };
    let mut session = bronze.work.session()?;
    session.register("bronze", &rows)?;
    checked_records(&bronze, mapped, wanted.month).create_views(session.as_mut())?;
    // A file of the same name may have come for several months.
    session.materialize(
        "places",
        &format!(
            "SELECT delivery_month AS month, _source_file AS file, _source_line AS line FROM records WHERE {}",
            wanted.condition()
        ),
    )?;
    let found = session.query(
        "SELECT b.* FROM bronze AS b INNER JOIN places AS p\n\
         ON b.delivery_month = p.month AND b._source_file = p.file AND b._source_line = p.line\n\
         ORDER BY delivery_month DESC, _source_file, _source_line",
    )?;
    let mut traced = Vec::new();
    for row in 0..found.height() {
        let cell = |column: &str| found.text(column, row).unwrap_or_default();
        let Some(month) = Month::parse(&cell("delivery_month")) else { continue };
        let cells: Vec<(String, String)> = bronze
            .columns(wanted.dataset)
            .into_iter()
            .filter(|column| !schema::is_lineage(column))
            .filter_map(|column| Some((column.clone(), found.text(&column, row)?)))
            .collect();
        let line = found.count("_source_line", row);
        let path = settings.landing.join(cell("_source_file"));
        traced.push(Traced {
            month,
            raw: raw_record((&path, &cell("_file_sha256")), line, adapter.dialect.delimiter)?,
            source_file: cell("_source_file"),
            source_line: line,
            sha256: Some(cell("_file_sha256")),
            run_id: cell("_run_id"),
            cells,
            set_aside: None,
        });
    }
    Ok(traced)
}

/// The record as it was rejected at the door: its raw text was kept then.
fn before_bronze(lake: &Lake, wanted: &RecordFilter) -> Result<Vec<Traced>, QueryError> {
    let Some((file, line)) = &wanted.place else { return Ok(Vec::new()) };
    let of_month = wanted.month.map_or(String::new(), |month| format!(" AND delivery_month = '{month}'"));
    let sql = format!(
        "SELECT * FROM t WHERE utility_id = {} AND dataset = '{}' AND stage = '{}' AND source_file = {} AND source_line = {line}{of_month}\n\
         ORDER BY delivery_month DESC, run_id DESC",
        text(&wanted.utility),
        wanted.dataset,
        Stage::Bronze.as_str(),
        text(file)
    );
    let found = rows(lake, &tables::REJECTED, &sql)?;
    let mut traced = Vec::new();
    for row in 0..found.height() {
        let cell = |column: &str| found.text(column, row).unwrap_or_default();
        let Some(month) = Month::parse(&cell("delivery_month")) else { continue };
        let run_id = cell("run_id");
        let sql = format!(
            "SELECT file_sha256 FROM t WHERE run_id = {} AND source_file = {} AND delivery_month = '{month}'",
            text(&run_id),
            text(file)
        );
        traced.push(Traced {
            month,
            source_file: file.clone(),
            source_line: *line,
            sha256: rows(lake, &tables::RUNS, &sql)?.text("file_sha256", 0),
            run_id,
            cells: Vec::new(),
            raw: found.text("raw_record", row),
            set_aside: ReasonCode::parse(&cell("reason")),
        });
    }
    Ok(traced)
}

/// The record of a landing file that starts on a line, if it still is the file that was loaded.
fn raw_record((path, sha256): (&Path, &str), line: u64, delimiter: u8) -> Result<Option<String>, QueryError> {
    let failed = |source| QueryError::File { path: path.to_owned(), source };
    match landing::sha256_of(path, &Cancel::default()) {
        Ok(Some(hash)) if hash == sha256 => {}
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => return Ok(None),
    }
    match landing::reader::open(path, delimiter, &Cancel::default()).and_then(|mut reader| reader.raw_at(line)) {
        Ok(raw) => Ok(raw),
        Err(ReadError::Io { source, .. }) => Err(failed(source)),
        // A dialect that was changed since reads the file in another way.
        Err(ReadError::Refused(_) | ReadError::Cancelled) => Ok(None),
    }
}
