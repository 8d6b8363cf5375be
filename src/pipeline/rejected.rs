//! `silver/rejected`: what could not be taken, with place, reason and raw text.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::Work;
use crate::frame::{Frame, Relation};
use crate::lake::{DataFile, Lake, Snapshot};
use crate::landing::Candidate;
use crate::model::{Dataset, Finding, Month, Stage, UtilityId};

use super::PipelineError;
use super::bronze::{BronzeTables, CommittedFile};
use super::sql::text;
use super::store::{self, Part};
use super::tables::{self, REJECTED, RejectedRow};

/// Whose rows of `silver/rejected` are replaced: all of a stage in one month and dataset, or those of one file.
pub struct Scope<'a> {
    /// The utility.
    pub utility: &'a UtilityId,
    /// The month.
    pub month: Month,
    /// The dataset.
    pub dataset: Dataset,
    /// The stage.
    pub stage: Stage,
    /// Only those of this file.
    pub source_file: Option<&'a str>,
    /// But not those that this run found.
    pub keep_run: Option<&'a str>,
    /// Whether the rows belong to the load that found them; else the same findings are the same whoever looked.
    pub of_load: bool,
}

impl Scope<'_> {
    fn condition(&self) -> String {
        let file = self.source_file.map_or(String::new(), |file| format!(" AND source_file = {}", text(file)));
        let run = self.keep_run.map_or(String::new(), |run| format!(" AND run_id <> {}", text(run)));
        format!("dataset = {} AND stage = {}{file}{run}", text(self.dataset.as_str()), text(self.stage.as_str()))
    }

    /// A row of the table.
    pub fn row(&self, source_file: &str, finding: &Finding, run_id: &str) -> RejectedRow {
        RejectedRow {
            utility_id: Some(self.utility.to_string()),
            dataset: Some(self.dataset.to_string()),
            delivery_month: Some(self.month.to_string()),
            stage: Some(self.stage.as_str().into()),
            source_file: Some(source_file.to_owned()),
            source_line: finding.line.and_then(tables::count),
            reason: Some(finding.reason.to_string()),
            column_name: finding.column.clone(),
            value: finding.value.clone(),
            raw_record: finding.raw.clone(),
            run_id: Some(run_id.to_owned()),
        }
    }
}

/// The rows that are about records of committed deliveries: a refused file leaves its findings beside them.
pub fn of_committed<'a>(committed: impl Iterator<Item = &'a CommittedFile>) -> String {
    let load = |file: &'a CommittedFile| Some(text(&format!("{}/{}", file.run_id()?, file.source_file)));
    let loads: Vec<String> = committed.filter_map(load).collect();
    let is_of_load = if loads.is_empty() {
        String::new()
    } else {
        format!(" OR CONCAT_WS('/', run_id, source_file) IN ({})", loads.join(", "))
    };
    format!("source_line IS NOT NULL AND (stage = '{}'{is_of_load})", Stage::Silver.as_str())
}

/// How many records of a delivery are rejected.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rejections {
    /// All of them.
    pub(super) records: u64,
    /// Those that are in bronze.
    pub(super) in_bronze: u64,
    /// Those whose key occurs again later.
    pub(super) duplicates: u64,
}

impl Rejections {
    /// Those of a dataset's month.
    ///
    /// # Errors
    /// The table cannot be read.
    pub(super) fn of(bronze: &BronzeTables<'_>, dataset: Dataset, month: Month) -> Result<Self, PipelineError> {
        let rejected = of_month(bronze, month)?;
        if rejected.is_empty() {
            return Ok(Self::default());
        }
        let mut session = bronze.work.session()?;
        session.register("rejected", &rejected)?;
        let counts = session.query(&format!(
            "SELECT COUNT(*) AS n, SUM(CASE WHEN stage = 'silver' THEN 1 ELSE 0 END) AS in_bronze,\n\
             \x20 SUM(CASE WHEN reason = 'duplicate-key' THEN 1 ELSE 0 END) AS duplicates\n\
             FROM rejected WHERE dataset = '{dataset}' AND {}",
            of_committed(bronze.delivered(dataset, month))
        ))?;
        Ok(Self {
            records: counts.count("n", 0),
            in_bronze: counts.count("in_bronze", 0),
            duplicates: counts.count("duplicates", 0),
        })
    }
}

/// Utility, dataset and month.
pub(super) type Place = [String; 3];

/// The place of a delivery.
pub(super) fn place_of(candidate: &Candidate) -> Place {
    [candidate.utility.to_string(), candidate.dataset.to_string(), candidate.month.to_string()]
}

/// What a run changed in the table.
pub(super) struct Change {
    /// Records that had been rejected and no longer are.
    pub(super) recovered: u64,
    /// Records that silver rejects of the deliveries that were loaded.
    pub(super) set_aside: u64,
}

/// What a run changed in the table; what it neither loaded nor wrote anew is not read.
///
/// # Errors
/// A file of the table cannot be read.
pub(super) fn change(
    (before, after): (Option<&Snapshot>, Option<&Snapshot>),
    loaded: &BTreeSet<Place>,
    work: Work<'_>,
) -> Result<Change, PipelineError> {
    let month_of =
        |file: &DataFile| ["utility_id", "delivery_month"].map(|of| file.partition_value(of).unwrap_or_default().to_owned());
    let differing = |table: Option<&Snapshot>, other: Option<&Snapshot>| -> Vec<[String; 2]> {
        let known: BTreeSet<&str> = other.iter().flat_map(|other| &other.files).map(DataFile::path).collect();
        table.iter().flat_map(|table| &table.files).filter(|file| !known.contains(file.path())).map(month_of).collect()
    };
    let mut months: BTreeSet<[String; 2]> = loaded.iter().map(|[utility, _, month]| [utility.clone(), month.clone()]).collect();
    months.extend(differing(before, after));
    months.extend(differing(after, before));
    let counts = |table: Option<&Snapshot>| -> Result<BTreeMap<Place, [u64; 2]>, PipelineError> {
        let rows = table.map(|table| table.scan(|file| months.contains(&month_of(file)))).filter(|rows| !rows.is_empty());
        let Some(rows) = rows else { return Ok(BTreeMap::new()) };
        let mut session = work.session()?;
        session.register("rejected", &rows)?;
        let found = session.query(&format!(
            "SELECT utility_id, dataset, delivery_month, COUNT(reason) AS n, SUM(CASE WHEN stage = {} THEN 1 ELSE 0 END) AS by_silver\n\
             FROM rejected WHERE source_line IS NOT NULL GROUP BY utility_id, dataset, delivery_month",
            text(Stage::Silver.as_str())
        ))?;
        let place = |row| ["utility_id", "dataset", "delivery_month"].map(|of| found.text(of, row).unwrap_or_default());
        Ok((0..found.height()).map(|row| (place(row), ["n", "by_silver"].map(|of| found.count(of, row)))).collect())
    };
    let (before, after) = (counts(before)?, counts(after)?);
    let of = |place: &Place| after.get(place).copied().unwrap_or_default();
    Ok(Change {
        recovered: before.iter().map(|(place, [was, _])| was.saturating_sub(of(place)[0])).sum(),
        set_aside: loaded.iter().map(|place| of(place)[1]).sum(),
    })
}

/// What was rejected of a utility's deliveries for a month.
///
/// # Errors
/// The table cannot be read.
pub fn of_month(bronze: &BronzeTables<'_>, month: Month) -> Result<Relation, PipelineError> {
    let month = month.to_string();
    let values = [("utility_id", bronze.adapter.id.as_str()), ("delivery_month", month.as_str())];
    let part = Part { table: &REJECTED, values: &values };
    let table = bronze.lake.snapshot(&REJECTED.id())?;
    Ok(table.map_or_else(|| Relation::empty(&REJECTED.columns()), |table| table.scan(|file| part.holds(file))))
}

/// Removes what silver set aside of deliveries that are not there any more, from a month on.
///
/// # Errors
/// The table cannot be read or written.
pub fn forget_gone(bronze: &BronzeTables<'_>, from: Option<Month>) -> Result<(), PipelineError> {
    let rows = store::of_utility(bronze, &REJECTED, None)?;
    if rows.is_empty() {
        return Ok(());
    }
    let mut session = bronze.work.session()?;
    session.register("rejected", &rows)?;
    let stage = Stage::Silver;
    let sql = format!("SELECT DISTINCT dataset, delivery_month FROM rejected WHERE stage = {}", text(stage.as_str()));
    let found = session.query(&sql)?;
    for row in 0..found.height() {
        let place = (found.text("dataset", row).and_then(|of| Dataset::parse(&of)), found.text("delivery_month", row));
        let (Some(dataset), Some(month)) = (place.0, place.1.and_then(|month| Month::parse(&month))) else { continue };
        if from.is_some_and(|from| month < from) || bronze.months(dataset).contains(&month) {
            continue;
        }
        let utility = &bronze.adapter.id;
        let scope = Scope { utility, month, dataset, stage, source_file: None, keep_run: None, of_load: false };
        replace(bronze.lake, &scope, Vec::new(), bronze.work)?;
    }
    Ok(())
}

/// Replaces the rows of the scope; no commit when the same findings are there already.
///
/// # Errors
/// The table cannot be read or written.
pub fn replace(lake: &Lake, scope: &Scope<'_>, rows: Vec<RejectedRow>, work: Work<'_>) -> Result<(), PipelineError> {
    let month = scope.month.to_string();
    let values = [("utility_id", scope.utility.as_str()), ("delivery_month", month.as_str())];
    let part = Part { table: &REJECTED, values: &values };
    let condition = scope.condition();
    if is_known(lake, (&part, &condition), scope.of_load, &rows, work)? {
        return Ok(());
    }
    store::replace_rows(lake, &part, Some(&format!("NOT ({condition})")), rows, Vec::new(), work)
}

/// Whether the table says the same as the new rows.
fn is_known(
    lake: &Lake,
    (part, condition): (&Part<'_>, &str),
    of_load: bool,
    rows: &[RejectedRow],
    work: Work<'_>,
) -> Result<bool, PipelineError> {
    let Some(base) = lake.snapshot(&REJECTED.id())? else { return Ok(rows.is_empty()) };
    let stored = base.scan(|file| part.holds(file));
    if stored.is_empty() {
        return Ok(rows.is_empty());
    }
    let mut session = work.session()?;
    session.register("rejected", &stored)?;
    let old = session.query(&format!("SELECT * FROM rejected WHERE {condition}"))?;
    if old.height() != rows.len() {
        return Ok(false);
    }
    let compared =
        |row: &RejectedRow| format!("{:?}", RejectedRow { run_id: row.run_id.clone().filter(|_| of_load), ..row.clone() });
    let mut stored: Vec<String> = (0..old.height()).map(|row| compared(&row_of(&old, row))).collect();
    let mut found: Vec<String> = rows.iter().map(compared).collect();
    stored.sort();
    found.sort();
    Ok(stored == found)
}

fn row_of(rows: &Frame, row: usize) -> RejectedRow {
    let text = |column: &str| rows.text(column, row);
    RejectedRow {
        utility_id: text("utility_id"),
        dataset: text("dataset"),
        delivery_month: text("delivery_month"),
        stage: text("stage"),
        source_file: text("source_file"),
        source_line: rows.value("source_line", row).as_i64(),
        reason: text("reason"),
        column_name: text("column_name"),
        value: text("value"),
        raw_record: text("raw_record"),
        run_id: text("run_id"),
    }
}
