//! One landing file → rows of its bronze table, as delivered.
//!
//! The file is read once; what was hashed and inspected is what is written. Rows become visible with the commit, and
//! only if the whole file may be taken.

pub(crate) mod column_statistics;
mod files;
mod header;
pub(crate) mod precedence;
mod refused;
mod restore;
mod tables;

use std::collections::{BTreeMap, HashSet};
use std::sync::mpsc::sync_channel;

use xxhash_rust::xxh64::xxh64;

pub(crate) use column_statistics::ColumnStatistics;
use column_statistics::{ColumnCounter, ValueType};
pub(crate) use files::{CommittedFile, Deliveries, holds_content, source_file};
pub(crate) use header::is_nameless;
pub(crate) use restore::{mend, restore};
pub use tables::BronzeTables;

use super::PipelineError;
use super::progress::{Observer, PARTS, Progress, Step};
use super::rejected::{self, Scope};
use crate::config::{CellType, DatasetAdapter, EmptyFile, Settings, UtilityAdapter, column_name};
use crate::engine::Work;
use crate::frame::{Column, ColumnType, Group, RecordColumns, schema};
use crate::lake::{Change, Lake, Snapshot, TableId, TableWriter, Written};
use crate::landing::{Batch, Candidate, ContentHash, NO_TEXT, RecordReader, Summary, reader};
use crate::model::{Finding, Month, ReasonCode, Stage, Timestamp};
use refused::{Refused, Stop, unreadable};

/// What a run gives to the loading of one file.
pub struct Loading<'a> {
    /// The lake.
    pub lake: &'a Lake,
    /// The settings.
    pub settings: &'a Settings,
    /// The utility's dialect.
    pub adapter: &'a UtilityAdapter,
    /// The dataset's mapping.
    pub dataset: &'a DatasetAdapter,
    /// The run.
    pub run_id: &'a str,
    /// The run's start.
    pub started_at: Timestamp,
    /// What executes queries, and whether the run is still wanted.
    pub work: Work<'a>,
    /// Who wants to know.
    pub observer: &'a dyn Observer,
    /// How far the run is.
    pub estimate: ProgressEstimate,
    /// Name and SHA-256 of every file whose load is in `ops/runs`.
    pub recorded: &'a HashSet<(String, String)>,
}

/// How far a run was before a file, so that the rows of the whole run can be estimated from its bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProgressEstimate {
    /// Rows in bronze from the files before.
    pub rows: u64,
    /// Bytes of the files before.
    pub bytes: u64,
    /// Bytes of all files of the run.
    pub bytes_total: u64,
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadOutcome {
    /// Its rows are in bronze.
    Taken {
        /// What the file was.
        summary: Summary,
        /// Its SHA-256, in lower-case hexadecimal.
        sha256: String,
        /// Rows in bronze.
        rows: u64,
        /// Files of the same delivery, or of a later month with the same content, that it replaced.
        superseded: Vec<(Month, String)>,
        /// What is worth knowing about its header.
        header: Vec<Finding>,
        /// The values of its columns.
        statistics: Box<ColumnStatistics>,
    },
    /// The same content is in bronze already, under this month and name.
    Unchanged {
        /// The month under which it is there.
        month: Month,
        /// The name under which it is there.
        source_file: String,
        /// SHA-256 of both.
        sha256: String,
    },
    /// It was refused whole; what stood before stays.
    Refused {
        /// Why.
        finding: Finding,
        /// Records read until then.
        records: u64,
    },
}

impl Loading<'_> {
    /// Loads one file, whose content is known by `hash`; `None` if it was not wanted any more.
    ///
    /// # Errors
    /// The disk or the log failed, or somebody asked to stop; bronze is as before.
    pub fn load(
        &self,
        candidate: &Candidate,
        hash: std::io::Result<Option<ContentHash>>,
        deliveries: &mut Deliveries,
    ) -> Result<LoadOutcome, PipelineError> {
        let table = TableId::bronze(&candidate.utility, candidate.dataset);
        let base = self.lake.snapshot(&table)?;
        let committed = deliveries.of(base.as_deref(), candidate.dataset)?;
        if let Some((reason, value)) = candidate.kept_back(self.settings.today) {
            return self.refuse(candidate, committed, *Refused::one(Finding::of_file(reason, value)));
        }
        // The rows carry the file's hash, so it comes first; reading it again is held to its checksum.
        let hash = match hash {
            Ok(Some(hash)) => hash,
            Ok(None) => return Err(PipelineError::Cancelled),
            Err(error) => return self.refuse(candidate, committed, *Refused::one(unreadable(&error))),
        };
        let is_the_same = |file: &&CommittedFile| file.sha256 == hash.sha256 && file.is_read_with(self.adapter.dialect.delimiter);
        let same = committed.iter().filter(is_the_same).find(|file| file.month <= candidate.month);
        // A load that was killed before it could be written down is done again: nobody counted its records.
        let is_in_the_books = || self.recorded.contains(&(candidate.source_file.clone(), hash.sha256.clone()));
        if let Some(same) = same.filter(|same| !same.is_place_of(candidate) || is_in_the_books()) {
            self.record(candidate, committed, (&[], false))?;
            return Ok(LoadOutcome::Unchanged { month: same.month, source_file: same.source_file.clone(), sha256: hash.sha256 });
        }
        match self.write(candidate, &table, base.as_deref(), committed, &hash) {
            Ok(loaded) => Ok(loaded),
            Err(Stop::Failed(error)) => Err(error),
            Err(Stop::Refused(refused)) => self.refuse(candidate, committed, *refused),
        }
    }

    fn refuse(&self, candidate: &Candidate, committed: &[CommittedFile], refused: Refused) -> Result<LoadOutcome, PipelineError> {
        self.record(candidate, committed, (&refused.findings, false))?;
        Ok(LoadOutcome::Refused { finding: refused.finding, records: refused.records })
    }

    fn write(
        &self,
        candidate: &Candidate,
        table: &TableId,
        base: Option<&Snapshot>,
        committed: &[CommittedFile],
        ContentHash { sha256, checksum }: &ContentHash,
    ) -> Result<LoadOutcome, Stop> {
        let mut reader = reader::open(&candidate.path, self.adapter.dialect.delimiter, self.work.cancel)?;
        let (names, header) = header::names(reader.labels(), base.map_or(&[][..], |base| &base.columns));
        self.check_key(&names).map_err(Refused::one)?;
        let columns: Vec<Column> =
            schema::bronze_lineage().into_iter().chain(names.iter().map(|name| Column::new(name, ColumnType::Text))).collect();
        let month = candidate.month.to_string();
        let mut writer = self.lake.write(table, &columns, &[("delivery_month", &month)])?;
        let typed = names.iter().map(|name| (name.clone(), self.value_type(name)));
        let counter = ColumnCounter::new(typed, &self.adapter.null_values, self.adapter.dialect.decimal);
        let hashed = Hashed::of(&names);
        let (rows, statistics) = self.copy(reader.as_mut(), &mut writer, (&names, &hashed, counter), candidate, sha256)?;
        let summary = reader.finish()?;
        if summary.records == 0 && self.dataset.empty == EmptyFile::Refuse {
            return Err(Refused::one(Finding::of_file(ReasonCode::TruncatedFile, "the file holds a header and no record")).into());
        }
        if rows == 0 && summary.records > 0 {
            let value = format!("none of its {} records holds anything that can be taken", summary.records);
            return Err(Box::new(Refused {
                findings: summary.rejected.clone(),
                ..*Refused::one(Finding::of_file(ReasonCode::TruncatedFile, value))
            })
            .into());
        }
        if summary.checksum != *checksum {
            return Err(Refused::one(Finding::of_file(ReasonCode::TruncatedFile, "the file changed while it was read")).into());
        }
        self.check_share(&summary)?;
        let replaced: Vec<&CommittedFile> =
            committed.iter().filter(|file| file.is_place_of(candidate) || file.sha256 == *sha256).collect();
        let mut file = writer.finish()?;
        note(&mut file, candidate, &summary, sha256);
        file.note(files::DELIMITER, &self.adapter.dialect.delimiter);
        file.note(files::INFERRED_TYPES, &files::inferred_types(self.adapter, statistics.inferred_types()));
        // Beside the findings of the load that still stands: they go when it does.
        self.record(candidate, committed, (&summary.rejected, true))?;
        let change = Change {
            columns: &columns,
            partition_by: &["delivery_month"],
            add: vec![file],
            remove: replaced.iter().map(|file| file.file.clone()).collect(),
            transactions: vec![(format!("{}/{}/{month}", candidate.utility, candidate.dataset), self.started_at.micros())],
            ..Change::of(base)
        };
        self.work.check().map_err(PipelineError::from)?;
        self.lake.commit(table, change)?;
        if replaced.iter().any(|old| old.is_place_of(candidate)) {
            self.record(candidate, &[], (&summary.rejected, true))?;
        }
        for old in replaced.iter().filter(|old| old.month != candidate.month) {
            self.forget(candidate, old)?;
        }
        let other = replaced.iter().filter(|old| !(old.is_place_of(candidate) && old.sha256 == *sha256));
        let superseded = other.map(|file| (file.month, file.source_file.clone())).collect();
        Ok(LoadOutcome::Taken { summary, sha256: sha256.clone(), rows, superseded, header, statistics: Box::new(statistics) })
    }

    fn value_type(&self, column: &str) -> ValueType {
        match self.adapter.type_of(self.dataset.dataset, column) {
            CellType::Text | CellType::Id => ValueType::Text,
            CellType::Number { .. } if self.adapter.dialect.has_plain_numbers() => ValueType::PlainNumber,
            _ => ValueType::Other,
        }
    }

    /// Reads on one thread, counts and writes on another; how many rows are in bronze, and what is in them.
    fn copy(
        &self,
        reader: &mut dyn RecordReader,
        writer: &mut TableWriter,
        (names, hashed, mut counter): (&[String], &Hashed, ColumnCounter),
        candidate: &Candidate,
        sha256: &str,
    ) -> Result<(u64, ColumnStatistics), Stop> {
        let (to_writer, for_writer) = sync_channel::<Group>(1);
        let mut columns = RecordColumns::new(names);
        std::thread::scope(|scope| {
            let writing = scope.spawn(move || -> Result<ColumnStatistics, PipelineError> {
                for group in for_writer {
                    let group = writer.arranged(group)?;
                    counter.feed(&group);
                    writer.push_group(group)?;
                }
                Ok(counter.finish())
            });
            let mut rows = 0;
            let read = loop {
                match reader.next_batch() {
                    Ok(Some(batch)) => {
                        rows += batch.record_count() as u64;
                        let group = self.group(&batch, (&mut columns, hashed), candidate, sha256)?;
                        // The writer has failed when nobody takes the rows; its error comes below.
                        if to_writer.send(group).is_err() {
                            break Ok(());
                        }
                        self.tell(candidate, rows, reader.bytes_done());
                    }
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            drop(to_writer);
            let written = writing.join().unwrap_or_else(|_| {
                let message = "the writer gave up".to_owned();
                Err(PipelineError::Rows { table: TableId::bronze(&candidate.utility, candidate.dataset).to_string(), message })
            });
            read?;
            Ok((rows, written?))
        })
    }

    fn check_key(&self, names: &[String]) -> Result<(), Finding> {
        let is_there = |label: &String| names.iter().any(|name| name.eq_ignore_ascii_case(&column_name(label)));
        let missing = self.dataset.key.iter().find(|part| !part.iter().any(is_there));
        missing.map_or(Ok(()), |part| {
            let label = part.join("` or `");
            let value = format!("the key column `{label}` is not in the file");
            Err(Finding { column: part.first().cloned(), ..Finding::of_file(ReasonCode::MissingLabel, value) }.at(1))
        })
    }

    /// A file with too many bad records is refused whole, for what most of them suffer from.
    fn check_share(&self, summary: &Summary) -> Result<(), Box<Refused>> {
        let bad: Vec<&Finding> = summary.rejected.iter().filter(|finding| finding.reason != ReasonCode::BlankRow).collect();
        // Each line that a quote may have swallowed counts as the record that it may be.
        let (bad_lines, lines) = (bad.len() as u64 + summary.swallowed, summary.records + summary.swallowed);
        let share = bad_lines as f64 / lines as f64;
        if bad.is_empty() || share <= self.settings.max_bad_share {
            return Ok(());
        }
        let mut counts: BTreeMap<ReasonCode, usize> = BTreeMap::new();
        for finding in &bad {
            *counts.entry(finding.reason).or_default() += 1;
        }
        let most = counts.into_iter().max_by_key(|(_, count)| *count).map_or(ReasonCode::MissingCell, |(reason, _)| reason);
        let value = format!(
            "{bad_lines} of {lines} {} ({:.1} %) do not fit the header; the limit is {:.1} %",
            if summary.swallowed == 0 { "records" } else { "lines" },
            share * 100.0,
            self.settings.max_bad_share * 100.0
        );
        let finding = Finding { line: bad[0].line, ..Finding::of_file(most, value) };
        let mut findings = vec![Finding { line: None, ..finding.clone() }];
        findings.extend(summary.rejected.iter().cloned());
        Err(Box::new(Refused { finding, findings, records: summary.records }))
    }

    fn group(
        &self,
        batch: &Batch<'_>,
        (columns, hashed): (&mut RecordColumns, &Hashed),
        candidate: &Candidate,
        sha256: &str,
    ) -> Result<Group, PipelineError> {
        let constants = [("_source_file", candidate.source_file.as_str()), ("_file_sha256", sha256), ("_run_id", self.run_id)];
        let time = ("_ingested_at", self.started_at);
        let of_records = batch.hashes(&hashed.columns, hashed.seed);
        let numbers = [("_source_line", batch.lines.as_slice()), ("_record_hash", of_records.as_slice())];
        columns.group(batch.cells(), &numbers, &constants, time).map_err(|error| PipelineError::Rows {
            table: TableId::bronze(&candidate.utility, candidate.dataset).to_string(),
            message: error.to_string(),
        })
    }

    fn tell(&self, candidate: &Candidate, rows: u64, bytes_done: u64) {
        let rows_done = self.estimate.rows + rows;
        let share = (self.estimate.bytes + bytes_done).max(1) as f64 / self.estimate.bytes_total.max(1) as f64;
        let in_bronze = rows_done as f64 / share.min(1.0);
        self.observer.progress(Progress {
            step: Step::Bronze,
            subject: candidate.source_file.clone(),
            rows_done,
            rows_expected: PARTS * in_bronze as u64,
        });
    }

    /// Clears what is recorded of a delivery whose content is now under an earlier month.
    fn forget(&self, candidate: &Candidate, old: &CommittedFile) -> Result<(), PipelineError> {
        for stage in [Stage::Bronze, Stage::Silver] {
            let scope = Scope {
                utility: &candidate.utility,
                month: old.month,
                dataset: old.dataset,
                stage,
                source_file: Some(&old.source_file),
                keep_run: None,
                of_load: true,
            };
            rejected::replace(self.lake, &scope, Vec::new(), self.work)?;
        }
        Ok(())
    }

    /// Replaces what is recorded of this file, but for the findings of the loads whose rows are still there. Findings may be
    /// those of a load, or of a file that was refused, which are the same in every run.
    fn record(
        &self,
        candidate: &Candidate,
        committed: &[CommittedFile],
        (findings, of_load): (&[Finding], bool),
    ) -> Result<(), PipelineError> {
        let still = committed.iter().find(|file| file.is_place_of(candidate));
        let scope = Scope {
            utility: &candidate.utility,
            month: candidate.month,
            dataset: candidate.dataset,
            stage: Stage::Bronze,
            source_file: Some(&candidate.source_file),
            keep_run: still.and_then(|file| file.run_id()),
            of_load,
        };
        let rows = findings.iter().map(|finding| scope.row(&candidate.source_file, finding, self.run_id)).collect();
        rejected::replace(self.lake, &scope, rows, self.work)
    }
}

/// What the numbers of a file's records (`_record_hash`) are made from.
struct Hashed {
    /// The places of the columns that have a name.
    columns: Vec<usize>,
    /// A number of their names: the same cells under other names are another record.
    seed: u64,
}

impl Hashed {
    fn of(names: &[String]) -> Self {
        let columns: Vec<usize> = (0..names.len()).filter(|at| !is_nameless(&names[*at])).collect();
        let header: Vec<u8> = columns.iter().flat_map(|at| names[*at].bytes().chain([NO_TEXT])).collect();
        Self { columns, seed: xxh64(&header, 0) }
    }
}

/// Notes with the file's rows what else is known of it: nothing but their own commit can part the two.
fn note(file: &mut Written, candidate: &Candidate, summary: &Summary, sha256: &str) {
    file.note(files::RECORDS, &summary.records);
    file.note(files::RECEIVED_AT, &Timestamp::from(candidate.modified).micros());
    // Of a file without rows the statistics say nothing.
    file.note(files::SOURCE_FILE, &candidate.source_file);
    file.note(files::SHA256, &sha256);
}
