//! What a run did, and its row in `ops/runs`.

use std::collections::BTreeMap;

use super::PipelineError;
use super::bronze::LoadOutcome;
use super::rules;
use super::tables::{self, RunRow};
use crate::lake::Removed;
use crate::landing::{Candidate, MonthOrigin};
use crate::model::{Month, MonthRange, ReasonCode, Timestamp, UtilityId};
use crate::pipeline::bronze::{ColumnStatistics, CommittedFile};

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOutcome {
    /// The file.
    pub candidate: Candidate,
    /// What became of it.
    pub outcome: FileResult,
}

impl FileOutcome {
    /// The values of its columns, if it was loaded and is this delivery: the same content says something else elsewhere, where
    /// other words say nothing and other marks part the cells.
    pub(super) fn statistics(&self, utility: &UtilityId, committed: &CommittedFile) -> Option<&ColumnStatistics> {
        let FileResult::Done(LoadOutcome::Taken { sha256, statistics, .. }) = &self.outcome else { return None };
        let is_it = &self.candidate.utility == utility && committed.is_place_of(&self.candidate) && *sha256 == committed.sha256;
        is_it.then_some(statistics)
    }
}

/// What became of a file, as stored and shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileResult {
    /// It was loaded, or refused, or its content stood there.
    Done(LoadOutcome),
    /// It is as it was when it was loaded: same name, size and time.
    Known,
}

impl FileResult {
    /// The word stored in `ops/runs`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Done(LoadOutcome::Taken { superseded, .. }) if superseded.is_empty() => "loaded",
            Self::Done(LoadOutcome::Taken { .. }) => "superseded",
            Self::Done(LoadOutcome::Unchanged { .. }) | Self::Known => "unchanged",
            Self::Done(LoadOutcome::Refused { .. }) => "refused",
        }
    }
}

/// What a run did.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The run's id; sorts by time.
    pub run_id: String,
    /// Every file that was looked at, in order.
    pub files: Vec<FileOutcome>,
    /// Files and folders that no adapter takes, with the reason.
    pub ignored: Vec<(std::path::PathBuf, String)>,
    /// What was damaged and was mended before anything else, for people.
    pub mended: Vec<String>,
    /// Tables that another program had rewritten, and that were put in order.
    pub restored: Vec<String>,
    /// Utilities whose upper tables were rebuilt, and which months of them.
    pub rebuilt: Vec<(UtilityId, MonthRange)>,
    /// Utilities whose upper tables could not be rebuilt, with the reason; they are as they were.
    pub failed: Vec<(UtilityId, String)>,
    /// Rows that entered bronze.
    pub rows: u64,
    /// Records rejected of what the run loaded, before bronze and before silver.
    pub rejected: u64,
    /// Records that had been rejected and no longer are, their delivery being there.
    pub recovered: u64,
    /// Outcomes of the rules for the utilities and months that were rebuilt.
    pub outcomes: Vec<rules::RuleOutcome>,
    /// Files of old versions that were removed.
    pub freed: Removed,
}

impl Report {
    /// The files that were refused.
    pub fn refused(&self) -> impl Iterator<Item = &FileOutcome> {
        self.files.iter().filter(|file| matches!(file.outcome, FileResult::Done(LoadOutcome::Refused { .. })))
    }

    /// The files that were loaded.
    pub fn taken(&self) -> impl Iterator<Item = &Candidate> {
        let is_taken = |file: &&FileOutcome| matches!(file.outcome, FileResult::Done(LoadOutcome::Taken { .. }));
        self.files.iter().filter(is_taken).map(|file| &file.candidate)
    }

    /// The first month of each utility whose file repeats the content of another, of those that are wanted.
    pub(super) fn repeated(&self, is_wanted: impl Fn(&FileOutcome) -> bool) -> BTreeMap<UtilityId, Month> {
        let is_repeated = |file: &&FileOutcome| matches!(file.outcome, FileResult::Done(LoadOutcome::Unchanged { .. }));
        let mut first = BTreeMap::new();
        for FileOutcome { candidate, .. } in self.files.iter().filter(is_repeated).filter(|file| is_wanted(file)) {
            let month = first.entry(candidate.utility.clone()).or_insert(candidate.month);
            *month = candidate.month.min(*month);
        }
        first
    }

    /// Files with the given word as outcome.
    pub fn count(&self, word: &str) -> usize {
        self.files.iter().filter(|file| file.outcome.as_str() == word).count()
    }
}

pub(super) fn file_row(report: &Report, file: &FileOutcome, started_at: Timestamp, finished_at: Timestamp) -> RunRow {
    let candidate = &file.candidate;
    let (mut sha256, mut records, mut rows, mut rejected) = (None, 0, 0, 0);
    let (mut reason, mut line, mut detail, mut next_step) = (None, None, None, None);
    match &file.outcome {
        FileResult::Known => {}
        FileResult::Done(LoadOutcome::Taken { summary, sha256: of_content, rows: taken, superseded, header, .. }) => {
            sha256 = Some(of_content.clone());
            (records, rows, rejected) = (summary.records, *taken, summary.rejected.len() as u64);
            let replaced = superseded.iter().map(|(month, name)| format!("replaces `{name}` of {month}"));
            let notes = summary.notes.iter().map(|note| (*note).to_owned());
            let said: Vec<String> = replaced.chain(notes).chain(header.iter().map(ToString::to_string)).collect();
            detail = (!said.is_empty()).then(|| said.join("; "));
            if let Some((doubt, value)) = candidate.doubt() {
                reason = Some(doubt);
                if doubt == ReasonCode::MonthDisputed {
                    detail = Some(detail.map_or(value.clone(), |said| format!("{value}; {said}")));
                }
            } else if let Some(first) = summary.rejected.first() {
                (reason, line) = (Some(first.reason), first.line);
            }
        }
        FileResult::Done(LoadOutcome::Unchanged { month, source_file, sha256: same }) => {
            sha256 = Some(same.clone());
            detail = Some(format!("the same content is there as `{source_file}` of {month}"));
        }
        FileResult::Done(LoadOutcome::Refused { finding, records: read }) => {
            records = *read;
            (reason, line, detail) = (Some(finding.reason), finding.line, finding.value.clone());
        }
    }
    if let Some(reason) = reason {
        next_step = Some(reason.next_step());
    }
    RunRow {
        run_id: Some(report.run_id.clone()),
        started_at: Some(started_at),
        finished_at: Some(finished_at),
        utility_id: Some(candidate.utility.to_string()),
        dataset: Some(candidate.dataset.to_string()),
        delivery_month: Some(candidate.month.to_string()),
        month_assumed: Some(candidate.origin == MonthOrigin::Assumed),
        source_file: Some(candidate.source_file.clone()),
        file_sha256: sha256,
        bytes: tables::count(candidate.bytes),
        received_at: Some(Timestamp::from(candidate.modified)),
        changed_at: candidate.changed,
        outcome: Some(file.outcome.as_str().into()),
        records: tables::count(records),
        rows_loaded: tables::count(rows),
        rejected: tables::count(rejected),
        reason: reason.map(|reason| reason.as_str().into()),
        source_line: line.and_then(tables::count),
        detail,
        next_step: next_step.map(Into::into),
    }
}

/// The row of a run that found nothing new, or that failed.
pub(super) fn run_row(report: &Report, started_at: Timestamp, finished_at: Timestamp, failure: Option<&PipelineError>) -> RunRow {
    let of_utility = |(utility, error): &(UtilityId, String)| format!("{utility}: {error}");
    let failure = failure.map(ToString::to_string).or_else(|| report.failed.first().map(of_utility));
    RunRow {
        run_id: Some(report.run_id.clone()),
        started_at: Some(started_at),
        finished_at: Some(finished_at),
        outcome: Some(if failure.is_some() { "failed" } else { "nothing new" }.into()),
        records: Some(0),
        rows_loaded: Some(0),
        rejected: Some(0),
        next_step: failure.as_ref().map(|_| "look at the log, then run again: what was committed stays".into()),
        detail: failure,
        ..RunRow::default()
    }
}
