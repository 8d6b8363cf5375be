//! From a record to the line of the file that it came from.

use std::io::{BufRead, BufReader};
use std::path::Path;

use super::ReadError;
use crate::config::{Settings, UtilityAdapter};
use crate::engine::Session;
use crate::lake::{Lake, schema};
use crate::landing::{self, Cancel};
use crate::model::{Dataset, Month};
use crate::pipeline::silver::{Source, checked_records};
use crate::pipeline::sql::text;

/// A record as it stands in bronze, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    /// The month.
    pub month: Month,
    /// The file, below the landing folder.
    pub source_file: String,
    /// The physical line on which the record starts.
    pub source_line: u64,
    /// SHA-256 of the file.
    pub sha256: String,
    /// The run that loaded it.
    pub run_id: String,
    /// Every source column of the file and its cell as delivered.
    pub cells: Vec<(String, String)>,
    /// The raw lines; `None` when the file is no longer there as it was delivered.
    pub raw: Option<String>,
}

/// The records of a key, newest month first, then by file and line: a key that stands twice is there twice.
///
/// # Errors
/// A table cannot be read.
pub fn records(
    lake: &Lake,
    settings: &Settings,
    adapter: &UtilityAdapter,
    dataset: Dataset,
    key: &str,
    month: Option<Month>,
) -> Result<Vec<Traced>, ReadError> {
    places(lake, settings, adapter, dataset, &format!("record_key = {}", text(key)), month)
}

/// The record that starts on a line of a file.
///
/// # Errors
/// A table cannot be read.
pub fn record_at(
    lake: &Lake,
    settings: &Settings,
    adapter: &UtilityAdapter,
    dataset: Dataset,
    file: &str,
    line: u64,
) -> Result<Vec<Traced>, ReadError> {
    let place = format!("_source_file = {} AND _source_line = {line}", text(file));
    places(lake, settings, adapter, dataset, &place, None)
}

fn places(
    lake: &Lake,
    settings: &Settings,
    adapter: &UtilityAdapter,
    dataset: Dataset,
    condition: &str,
    month: Option<Month>,
) -> Result<Vec<Traced>, ReadError> {
    let cancel = Cancel::default();
    let source = Source::open(lake, adapter, &cancel)?;
    let (Some(mapped), Some(rows)) =
        (adapter.dataset(dataset), source.rows(dataset, |other| month.is_none_or(|month| month == other))?)
    else {
        return Ok(Vec::new());
    };
    let mut session = Session::new(&cancel);
    session.register("bronze", rows);
    checked_records(&source, mapped).define(&mut session)?;
    session.settle("places", &format!("SELECT _source_file AS file, _source_line AS line FROM records WHERE {condition}"))?;
    let found = session.query(
        "SELECT b.* FROM bronze AS b INNER JOIN places AS p ON b._source_file = p.file AND b._source_line = p.line\n\
         ORDER BY delivery_month DESC, _source_file, _source_line",
    )?;
    let mut traced = Vec::new();
    for row in 0..found.height() {
        let cell = |column: &str| found.text(column, row).unwrap_or_default();
        let Some(month) = Month::parse(&cell("delivery_month")) else { continue };
        let cells: Vec<(String, String)> = source
            .columns(dataset)
            .into_iter()
            .filter(|column| !schema::is_lineage(column))
            .filter_map(|column| Some((column.clone(), found.text(&column, row)?)))
            .collect();
        let line = found.count("_source_line", row);
        let breaks = cells.iter().map(|(_, cell)| cell.matches('\n').count()).sum::<usize>();
        let path = settings.landing.join(cell("_source_file"));
        traced.push(Traced {
            month,
            raw: raw_lines(&path, &cell("_file_sha256"), line, 1 + breaks)?,
            source_file: cell("_source_file"),
            source_line: line,
            sha256: cell("_file_sha256"),
            run_id: cell("_run_id"),
            cells,
        });
    }
    Ok(traced)
}

/// Lines of a landing file, if it still is the file that was loaded.
fn raw_lines(path: &Path, sha256: &str, first: u64, count: usize) -> Result<Option<String>, ReadError> {
    let failed = |source| ReadError::File { path: path.to_owned(), source };
    match landing::sha256_of(path, &Cancel::default()) {
        Ok(Some(hash)) if hash == sha256 => {}
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => return Ok(None),
    }
    let file = std::fs::File::open(path).map_err(failed)?;
    let skipped = usize::try_from(first.saturating_sub(1)).unwrap_or(usize::MAX);
    let lines: Vec<String> = BufReader::new(file).lines().skip(skipped).take(count).collect::<Result<_, _>>().map_err(failed)?;
    Ok(Some(lines.join("\n")))
}
