//! Which files a run may leave alone: what `ops/runs` says of each, and what of it is in bronze.

use std::collections::HashMap;

use super::PipelineError;
use super::bronze::{BronzeTables, CommittedFile};
use super::sql::null_of;
use super::tables::{self, RunRow};
use crate::engine::Work;
use crate::lake::Lake;
use crate::landing::Candidate;
use crate::model::{Dataset, Month, Timestamp, UtilityId};

/// What tells a delivery from others: utility, dataset, month and file.
pub(super) type DeliveryPlace<'a> = (&'a UtilityId, Dataset, Month, &'a str);

/// The hash of each delivery that is in bronze, read as its adapter says today.
pub(super) fn committed_hashes<'b>(bronze: &'b BronzeTables<'_>) -> impl Iterator<Item = (DeliveryPlace<'b>, &'b str)> {
    let place = |file: &'b CommittedFile| (&bronze.adapter.id, file.dataset, file.month, file.source_file.as_str());
    let read_so = bronze.files.iter().filter(|file| file.is_read_with(bronze.adapter.dialect.delimiter));
    read_so.map(move |file| (place(file), file.sha256.as_str()))
}

/// What `ops/runs` knows of earlier loads of a file.
#[derive(Debug, Clone)]
pub(super) struct Earlier {
    pub(super) sha256: String,
    pub(super) bytes: u64,
    pub(super) received_at: Timestamp,
}

/// What `ops/runs` knows of files, by name.
#[derive(Default)]
pub(super) struct KnownFiles {
    /// The last load of each.
    pub(super) loads: HashMap<String, Earlier>,
    /// The last row of each, whatever became of the file then.
    last: HashMap<String, RunRow>,
}

impl KnownFiles {
    /// What became of files, going by `ops/runs`.
    ///
    /// # Errors
    /// The table cannot be read.
    pub(super) fn read(lake: &Lake, work: Work<'_>) -> Result<Self, PipelineError> {
        let mut known = Self::default();
        let Some(table) = lake.snapshot(&tables::RUNS.id())? else { return Ok(known) };
        let mut session = work.session()?;
        session.register("runs", &table.scan_all())?;
        // A table of an earlier version of the program lacks it.
        let is_told = table.columns.iter().any(|column| column.name == "changed_at");
        let changed_at = if is_told { "changed_at".to_owned() } else { null_of("TIMESTAMP") };
        let rows = session.query(&format!(
            "SELECT source_file, file_sha256, bytes, received_at, {changed_at} AS changed_at, outcome, delivery_month, reason, detail FROM runs\n\
             WHERE source_file IS NOT NULL ORDER BY started_at",
        ))?;
        for row in 0..rows.height() {
            let text = |column: &str| rows.text(column, row);
            let Some(file) = text("source_file") else { continue };
            let (sha256, bytes, received_at) = (text("file_sha256"), rows.count("bytes", row), rows.time("received_at", row));
            let last = RunRow {
                file_sha256: sha256.clone(),
                bytes: tables::count(bytes),
                received_at,
                changed_at: rows.time("changed_at", row),
                outcome: text("outcome"),
                delivery_month: text("delivery_month"),
                reason: text("reason"),
                detail: text("detail"),
                ..RunRow::default()
            };
            if let (Some("loaded" | "superseded"), Some(sha256), Some(received_at)) =
                (last.outcome.as_deref(), sha256, received_at)
            {
                known.loads.insert(file.clone(), Earlier { sha256, bytes, received_at });
            }
            known.last.insert(file, last);
        }
        Ok(known)
    }

    /// Whether a file is as it was when its content was found to be in bronze under another month or name, where it still is.
    pub(super) fn is_repeated(&self, candidate: &Candidate, committed: &HashMap<DeliveryPlace<'_>, &str>) -> bool {
        let Some(last) = self.last.get(&candidate.source_file) else { return false };
        let is_there = |sha256: &str| {
            committed.iter().any(|((utility, dataset, month, _), hash)| {
                (*utility, *dataset) == (&candidate.utility, candidate.dataset) && *month <= candidate.month && *hash == sha256
            })
        };
        last.outcome.as_deref() == Some("unchanged")
            && last.delivery_month == Some(candidate.month.to_string())
            && last.bytes == tables::count(candidate.bytes)
            && last.received_at == Some(Timestamp::from(candidate.modified))
            && self.is_untouched(candidate)
            && last.file_sha256.as_deref().is_some_and(is_there)
    }

    /// Whether the system has changed nothing of a file since it was last looked at: size and time of a file can be those of
    /// another content. Loads of an earlier version of the program do not know.
    pub(super) fn is_untouched(&self, candidate: &Candidate) -> bool {
        let known = self.last.get(&candidate.source_file).and_then(|last| last.changed_at);
        known.is_none_or(|known| candidate.changed.is_none_or(|changed| changed == known))
    }

    /// Whether the last row of the file says the same already. Of a load each says something of its own.
    pub(super) fn says(&self, row: &RunRow) -> bool {
        let same = |last: &RunRow| {
            let told = |row: &RunRow| {
                (
                    row.outcome.clone(),
                    row.delivery_month.clone(),
                    row.bytes,
                    row.received_at,
                    row.changed_at,
                    row.reason.clone(),
                    row.detail.clone(),
                )
            };
            told(last) == told(row)
        };
        let is_load = matches!(row.outcome.as_deref(), Some("loaded" | "superseded"));
        !is_load && row.source_file.as_ref().and_then(|file| self.last.get(file)).is_some_and(same)
    }
}
