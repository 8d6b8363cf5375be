//! What did runs do, and why did they fail?

use super::{QueryError, rows};
use crate::config::Settings;
use crate::frame::Frame;
use crate::lake::Lake;
use crate::model::{Month, ReasonCode};
use crate::pipeline::sql::text;
use crate::pipeline::tables;

/// Rows of `ops/runs`, the newest run first; all of one run, or the newest `limit` rows.
///
/// # Errors
/// The table cannot be read.
pub fn history(lake: &Lake, run_id: Option<&str>, limit: usize) -> Result<Frame, QueryError> {
    let sql = match run_id {
        // An id may be cut off as long as it names one run.
        Some(id) => format!("SELECT * FROM t WHERE STARTS_WITH(run_id, {}) ORDER BY started_at DESC, source_file", text(id)),
        None => format!("SELECT * FROM t ORDER BY started_at DESC, utility_id, dataset, source_file LIMIT {limit}"),
    };
    rows(lake, &tables::RUNS, &sql)
}

/// The last thing that a run said of each file and month, the newest first; runs that found nothing are left out.
///
/// # Errors
/// The table cannot be read.
pub fn files(lake: &Lake) -> Result<Frame, QueryError> {
    rows(
        lake,
        &tables::RUNS,
        "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY source_file, delivery_month ORDER BY started_at DESC) AS place FROM t WHERE source_file IS NOT NULL) AS r\n\
         WHERE place = 1 ORDER BY delivery_month DESC, utility_id, dataset, source_file",
    )
}

/// What runs did, the newest first, at most `limit` rows; without those that found nothing new.
///
/// # Errors
/// The table cannot be read.
pub fn loads(lake: &Lake, limit: usize) -> Result<Frame, QueryError> {
    let sql = format!(
        "SELECT * FROM t WHERE source_file IS NOT NULL OR reason IS NOT NULL ORDER BY started_at DESC, outcome DESC, utility_id, dataset, source_file LIMIT {limit}"
    );
    rows(lake, &tables::RUNS, &sql)
}

/// A file of which nothing is in the tables: the last thing that a run said of it is that it was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedFile {
    /// The utility.
    pub utility: String,
    /// The dataset.
    pub dataset: String,
    /// The month that it is for.
    pub month: Month,
    /// The file, below the landing folder.
    pub source_file: String,
    /// Why.
    pub reason: String,
    /// The line at fault, if it is one.
    pub line: Option<u64>,
    /// What was found there.
    pub detail: Option<String>,
    /// What to do.
    pub next_step: String,
}

impl RefusedFile {
    /// Which file, where and why.
    pub fn told(&self) -> String {
        let line = self.line.map_or(String::new(), |line| format!(", line {line}"));
        let detail = self.detail.as_ref().map_or(String::new(), |detail| format!(": {detail}"));
        format!("`{}`{line}: {}{detail}", self.source_file, self.reason)
    }
}

/// The files that stand refused in the landing folder, and in whose place no other one of the month was loaded. A month that has not
/// begun is none that misses a file.
///
/// # Errors
/// The table cannot be read.
pub fn standing_refusals(lake: &Lake, settings: &Settings) -> Result<Vec<RefusedFile>, QueryError> {
    let last = rows(
        lake,
        &tables::RUNS,
        "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY source_file ORDER BY started_at DESC) AS place FROM t WHERE source_file IS NOT NULL) AS r\n\
         WHERE place = 1 ORDER BY delivery_month, utility_id, dataset, source_file",
    )?;
    let delivery = |row: usize| ["utility_id", "dataset", "delivery_month"].map(|column| last.text(column, row));
    let is = |row: usize, outcome: &str| last.text("outcome", row).as_deref() == Some(outcome);
    let is_there = |row: usize| (0..last.height()).any(|other| !is(other, "refused") && delivery(other) == delivery(row));
    let refused = |row: usize| {
        let source_file = last.text("source_file", row)?;
        let reason = last.text("reason", row)?;
        let stands = is(row, "refused")
            && reason != ReasonCode::MonthInFuture.as_str()
            && !is_there(row)
            && settings.landing.join(&source_file).exists();
        let [utility, dataset, month] = delivery(row);
        stands.then_some(RefusedFile {
            utility: utility?,
            dataset: dataset?,
            month: Month::parse(&month?)?,
            source_file,
            reason,
            line: Some(last.count("source_line", row)).filter(|line| *line > 0),
            detail: last.text("detail", row),
            next_step: last.text("next_step", row).unwrap_or_default(),
        })
    };
    Ok((0..last.height()).filter_map(refused).collect())
}
