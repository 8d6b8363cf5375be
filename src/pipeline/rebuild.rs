//! Bronze → silver → platinum → quality, for each utility whose tables are not those of its deliveries.
//!
//! Utilities share nothing but the logs of the tables, so two of them are in work at a time: while one waits for the disk, or
//! for a step that takes one processor, the other goes on.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::bronze::{BronzeTables, CommittedFile};
use super::changes::{Changes, UnchangedDeliveries};
use super::kept::Differences;
use super::known_files::KnownFiles;
use super::parallel::each;
use super::progress::{PARTS, Step, Tracker};
use super::quality::Assess;
use super::report::Report;
use super::run::Run;
use super::silver::{self, Build, Silver};
use super::store;
use super::{PipelineError, platinum, tables};
use crate::config::UtilityAdapter;
use crate::lake::{DataFile, Lake, Layer, Snapshot};
use crate::model::{Month, MonthRange, Timestamp, UtilityId};

/// What the tables of a utility are made from while they are rebuilt: fingerprints are not negative.
const UNFINISHED: i64 = -1;

/// A utility whose upper tables have to be rebuilt.
struct Pending<'a> {
    bronze: &'a BronzeTables<'a>,
    fingerprint: i64,
    /// The deliveries that changed; `None` where everything is rebuilt.
    changes: Option<&'a Changes>,
    /// The tables as they were before the run.
    before: Option<&'a BronzeTables<'a>>,
}

/// What there was before a run loaded files.
pub(super) struct Before<'a> {
    /// What each utility's silver was made from.
    pub(super) fingerprints: &'a HashMap<UtilityId, i64>,
    /// The bronze tables of the utilities, where the run changed any.
    pub(super) bronze: &'a [BronzeTables<'a>],
}

impl Pending<'_> {
    fn rows(&self) -> u64 {
        let from = self.changes.and_then(Changes::first);
        let is_touched = |month: Month| from.is_none_or(|from| month >= from);
        self.bronze.files.iter().filter(|file| is_touched(file.month)).map(|file| file.rows).sum()
    }
}

/// The tables above bronze that record what a utility's rows were made from.
struct UpperTables(Vec<Option<Arc<Snapshot>>>);

impl UpperTables {
    fn open(lake: &Lake) -> Result<Self, PipelineError> {
        let tables = [
            &tables::FEEDERS,
            &tables::DERS,
            &tables::FEEDER_CAPACITY,
            &tables::DER_DETAILS,
            &tables::COLUMN_QUALITY,
            &tables::MONTH_DIFF,
            &tables::FIELD_CHANGES,
            &tables::DATA_QUALITY_SUMMARY,
        ];
        Ok(Self(tables.iter().map(|table| lake.snapshot(&table.id())).collect::<Result<_, _>>()?))
    }

    /// Whether the utility's rows of all tables were made from this.
    fn are_made_from(&self, lake: &Lake, adapter: &UtilityAdapter, fingerprint: i64) -> Result<bool, PipelineError> {
        for table in &self.0 {
            if !is_made_from(table.as_deref(), lake, adapter, fingerprint)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Whether another program put the utility's rows of a silver table into other files, so that it is lost which of them holds what, or
/// took a file of a table away.
fn is_rewritten(lake: &Lake, adapter: &UtilityAdapter) -> Result<bool, PipelineError> {
    let tables = [&tables::FEEDERS, &tables::DERS, &tables::SEGMENTS, &tables::STANDING_RECORDS, &tables::FEEDER_CIRCUITS];
    for table in tables {
        let snapshot = lake.snapshot(&table.id())?;
        let is_ours = |file: &&DataFile| file.partition_value("utility_id") == Some(adapter.id.as_str());
        if snapshot.iter().flat_map(|snapshot| &snapshot.files).filter(is_ours).any(|file| !file.is_own()) {
            return Ok(true);
        }
    }
    let upper = tables::ALL.iter().filter(|table| matches!(table.id().layer, Layer::Silver | Layer::Platinum));
    for table in upper {
        let snapshot = lake.snapshot(&table.id())?;
        let is_missing = |file: &&DataFile| file.partition_value("utility_id") == Some(adapter.id.as_str());
        if snapshot.iter().flat_map(|snapshot| snapshot.missing_files()).any(|file| is_missing(&file)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_made_from(table: Option<&Snapshot>, lake: &Lake, adapter: &UtilityAdapter, from: i64) -> Result<bool, PipelineError> {
    let Some(table) = table else { return Ok(false) };
    Ok(table.transaction(lake, &silver::application_id(adapter))? == Some(from))
}

/// Whether everything above bronze of a utility was made from bronze as it is.
///
/// # Errors
/// A log cannot be read.
pub fn is_rebuilt(bronze: &BronzeTables<'_>) -> Result<bool, PipelineError> {
    let fingerprint = silver::input_fingerprint(bronze);
    let is_whole = !is_rewritten(bronze.lake, bronze.adapter)?;
    Ok(is_whole && UpperTables::open(bronze.lake)?.are_made_from(bronze.lake, bronze.adapter, fingerprint)?)
}

impl Run<'_> {
    /// Brings silver and everything above up to bronze; the utilities that it rebuilt with their silver, and how many rows there were to fold.
    pub(super) fn rebuild<'b>(
        &self,
        bronze: &'b [BronzeTables<'b>],
        before: &Before<'b>,
        (known, changed): (&KnownFiles, &'b BTreeMap<UtilityId, Changes>),
        report: &mut Report,
    ) -> Result<(Vec<(UtilityId, Silver)>, u64), PipelineError> {
        let upper = UpperTables::open(self.lake)?;
        let mut pending = Vec::new();
        for bronze in bronze.iter().filter(|bronze| !bronze.files.is_empty()) {
            pending.extend(self.pending(bronze, &upper, before, changed)?);
        }
        // The modification time of a file: now, or when it was loaded.
        let mut received: HashMap<&str, Timestamp> =
            known.loads.iter().map(|(file, earlier)| (file.as_str(), earlier.received_at)).collect();
        received.extend(
            report.files.iter().map(|file| (file.candidate.source_file.as_str(), Timestamp::from(file.candidate.modified))),
        );
        let rows: u64 = pending.iter().map(Pending::rows).sum();
        let tracker = Tracker::new(self.observer, report.rows, report.rows + (PARTS - 1) * rows);
        // A utility that fails keeps no other from its tables.
        let rebuild = |utility: &Pending<'_>| match self.rebuild_utility(utility, &received, &tracker, report) {
            Err(PipelineError::Cancelled) => Err(PipelineError::Cancelled),
            rebuilt => Ok(rebuilt),
        };
        let results = each(&pending, rebuild)?;
        let mut done = Vec::new();
        for (utility, result) in pending.iter().map(|utility| utility.bronze.adapter.id.clone()).zip(results) {
            match result {
                Ok((reach, silver)) => {
                    report.rebuilt.push((utility.clone(), reach));
                    done.push((utility, silver));
                }
                Err(error) => report.failed.push((utility, error.to_string())),
            }
        }
        Ok((done, rows))
    }

    fn pending<'b>(
        &self,
        bronze: &'b BronzeTables<'b>,
        upper: &UpperTables,
        before: &Before<'b>,
        deliveries: &'b BTreeMap<UtilityId, Changes>,
    ) -> Result<Option<Pending<'b>>, PipelineError> {
        let (adapter, fingerprint) = (bronze.adapter, silver::input_fingerprint(bronze));
        let is_rewritten = is_rewritten(self.lake, adapter)?;
        if !self.request.full_refresh && !is_rewritten && upper.are_made_from(self.lake, adapter, fingerprint)? {
            return Ok(None);
        }
        // Only what was whole before this run may be built upon; anything else is rebuilt.
        let was_whole = match before.fingerprints.get(&adapter.id) {
            Some(earlier) if !self.request.full_refresh && !is_rewritten => upper.are_made_from(self.lake, adapter, *earlier)?,
            _ => false,
        };
        let changes = if was_whole { deliveries.get(&adapter.id) } else { None };
        let before = before.bronze.iter().find(|before| before.adapter.id == adapter.id);
        Ok(Some(Pending { bronze, fingerprint, changes, before }))
    }

    fn rebuild_utility(
        &self,
        utility: &Pending<'_>,
        received: &HashMap<&str, Timestamp>,
        tracker: &Tracker<'_>,
        report: &Report,
    ) -> Result<(MonthRange, Silver), PipelineError> {
        let Pending { bronze, fingerprint, changes, before } = utility;
        // From now on, until the last of them is committed, its tables are made from nothing that there is: who is cut off leaves some of what
        // was and some of what was to be, and what was may come back.
        store::record(self.lake, &tables::DATA_QUALITY_SUMMARY, vec![(silver::application_id(bronze.adapter), UNFINISHED)])?;
        let unchanged = UnchangedDeliveries::beside(bronze, *changes)?;
        let statistics =
            |committed: &CommittedFile| report.files.iter().find_map(|file| file.statistics(&bronze.adapter.id, committed));
        let differences = Differences::new(bronze);
        let build = Build {
            bronze,
            changes: *changes,
            before: *before,
            unchanged: &unchanged,
            differences: &differences,
            run_id: &report.run_id,
            fingerprint: *fingerprint,
            statistics: &statistics,
            tracker,
        };
        let silver = build.run()?;
        tracker.tell(Step::Platinum, bronze.adapter.id.to_string(), 0);
        platinum::publish(bronze, &silver, *fingerprint)?;
        let assess = Assess {
            bronze,
            silver: &silver,
            changes: *changes,
            unchanged: &unchanged,
            differences: &differences,
            fingerprint: *fingerprint,
            today: self.settings.today,
            received: &|file| received.get(file).copied(),
            statistics: &statistics,
            tracker,
        };
        let reach = assess.run()?;
        // Nobody else asks for segments.
        Ok((reach, Silver { replaced_segments: BTreeMap::new(), ..silver }))
    }
}
