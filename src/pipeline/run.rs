//! One run: what is new in the landing folder goes through all layers, once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use super::bronze::{self, BronzeTables, ColumnStatistics, Deliveries, LoadOutcome, Loading, ProgressEstimate};
use super::changes::Changes;
use super::known_files::{DeliveryPlace, Earlier, KnownFiles, committed_hashes};
use super::progress::{Observer, PARTS, Progress, Step};
use super::rebuild::Before;
use super::report::{FileOutcome, FileResult, Report, file_row, run_row};
use super::rules::{Evaluator, Place, StaleOutcomes};
use super::silver::{self, Silver};
use super::store;
use super::tables::{self, RunRow};
use super::{PipelineError, rejected};
use crate::config::Settings;
use crate::engine::Work;
use crate::lake::lock::WriteLock;
use crate::lake::{Lake, Removed, Vacuum, days_before};
use crate::landing::{self, Candidate, ContentHash, Settled};
use crate::model::{Dataset, Month, Timestamp, UtilityId};

/// Distinct values of all files that a run keeps counts of, some hundred megabytes of them; those of further files are counted
/// by the engine.
const MOST_VALUES: usize = 4_000_000;

/// What a run shall do.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Only files of this month.
    pub month: Option<Month>,
    /// Only files of this utility.
    pub utility: Option<UtilityId>,
    /// Hash every file again, and rebuild silver and everything above.
    pub full_refresh: bool,
    /// Only files that have stood still, for a run that begins by itself: what came or grew since it was looked is not complete. All files
    /// without it.
    pub settled: Option<Arc<Settled>>,
}

impl Request {
    /// Whether it is for this file.
    pub(crate) fn wants(&self, candidate: &Candidate) -> bool {
        self.month.is_none_or(|month| candidate.month == month)
            && self.utility.as_ref().is_none_or(|utility| candidate.utility == *utility)
            && self.settled.as_ref().is_none_or(|settled| settled.holds(candidate))
    }
}

/// Everything that a run needs.
pub struct Run<'a> {
    /// The settings.
    pub settings: &'a Settings,
    /// The lake.
    pub lake: &'a Lake,
    /// What to do.
    pub request: &'a Request,
    /// What executes queries, and whether the run is still wanted.
    pub work: Work<'a>,
    /// Who wants to know.
    pub observer: &'a dyn Observer,
    /// The time now; injected, so that runs can be repeated.
    pub now: &'a (dyn Fn() -> Timestamp + Sync),
}

/// What the files of a run brought so far.
struct LoadTotals<'a> {
    report: &'a mut Report,
    /// The deliveries that changed, by utility.
    changed: BTreeMap<UtilityId, Changes>,
    estimate: ProgressEstimate,
    /// Distinct values that are kept of all files.
    values: usize,
    /// What is in bronze by now.
    deliveries: Deliveries,
}

impl LoadTotals<'_> {
    fn take(&mut self, candidate: &Candidate, mut loaded: LoadOutcome) {
        self.estimate.bytes += candidate.bytes;
        if let LoadOutcome::Taken { summary, rows, superseded, statistics, .. } = &mut loaded {
            // Many months at once may hold more values than are worth their memory.
            self.values += statistics.value_count();
            if self.values > MOST_VALUES {
                **statistics = ColumnStatistics::default();
            }
            self.estimate.rows += *rows;
            self.report.rows += *rows;
            self.report.rejected += summary.rejected.len() as u64;
            let months = superseded.iter().map(|(month, _)| *month).chain([candidate.month]);
            let changed = self.changed.entry(candidate.utility.clone()).or_default();
            months.for_each(|month| changed.add(candidate.dataset, month));
        }
        self.report.files.push(FileOutcome { candidate: candidate.clone(), outcome: FileResult::Done(loaded) });
    }
}

/// What silver and the tables above were made from before the run, and which utilities' it rebuilt.
struct Rebuilt<'a> {
    /// Bronze as it is after loading.
    bronze: Vec<BronzeTables<'a>>,
    before: HashMap<UtilityId, i64>,
    /// The utilities that were rebuilt, and their silver.
    silver: Vec<(UtilityId, Silver)>,
    /// The rows that went through it.
    rows: u64,
}

/// Hashing that ended without a hash, and without a wish to stop.
fn ended_early(path: &std::path::Path) -> PipelineError {
    PipelineError::Landing { path: path.to_owned(), source: std::io::Error::other("hashing ended before the file did") }
}

impl<'a> Run<'a> {
    /// Loads what is new.
    ///
    /// # Errors
    /// Another process writes, a table or a plan failed, or somebody asked to stop. What was committed stays, and the
    /// next run goes on from there.
    pub fn execute(&self) -> Result<Report, PipelineError> {
        self.lake.expect_loads()?;
        let who = format!("process {} since {}", std::process::id(), (self.now)());
        let mut lock = self.lake.lock(&who)?.map_err(|holder| PipelineError::Locked { holder })?;
        // Whatever failed in a folder that is not there any more, that is why.
        self.execute_alone(&mut lock).map_err(|error| match self.lake.expect_in_place() {
            Err(gone) if !matches!(error, PipelineError::Cancelled) => gone.into(),
            _ => error,
        })
    }

    /// The same while nobody else writes.
    fn execute_alone(&self, lock: &mut WriteLock) -> Result<Report, PipelineError> {
        let mut report = Report { run_id: uuid::Uuid::now_v7().to_string(), ..Report::default() };
        self.observer.began(&report.run_id);
        report.mended = bronze::mend(self.lake, self.work)?;
        if let Some(holder) = lock.abandoned_by.clone() {
            let (Removed { files, bytes }, failed) = self.lake.clear_up_after(lock);
            let mut told = format!(
                "{holder} left its work unfinished; its lock is taken over; {files} data files ({bytes} bytes) that came to nothing are removed"
            );
            match failed {
                // What nobody uses keeps nobody waiting; it is tried again.
                Some(error) => told = format!("{told}, not all: {error}"),
                None => lock.abandoned_by = None,
            }
            tracing::warn!("{told}");
            report.mended.push(told);
        }
        let known = KnownFiles::read(self.lake, self.work)?;
        let started_at = self.begin(&mut report)?;
        let worked = self.work(&mut report, started_at, &known);
        if let Err(error) = &worked {
            // The failure itself is what matters; that it could not be written down must not hide it. A wish to stop is
            // no failure, but what was loaded until then is part of the books.
            let failure = if matches!(error, PipelineError::Cancelled) { None } else { Some(error) };
            if failure.is_some() || report.files.iter().any(|file| file.outcome != FileResult::Known) {
                let _ = self.record(&report, started_at, &known, failure);
            }
        }
        let mut rebuilt = worked?;
        let is_whole = |bronze: &BronzeTables<'_>| report.failed.iter().all(|(failed, _)| *failed != bronze.adapter.id);
        rebuilt.bronze.retain(is_whole);
        let repeated = report.repeated(|file| !known.says(&file_row(&report, file, started_at, started_at)));
        // The rules look at the books of this run too.
        self.record(&report, started_at, &known, None)?;
        self.check(&rebuilt, repeated, &mut report)?;
        self.lake.expect_in_place()?;
        report.freed = self.free();
        Ok(report)
    }

    /// When the run begins: runs are ordered by it. A clock that is days behind the newest one is told.
    fn begin(&self, report: &mut Report) -> Result<Timestamp, PipelineError> {
        let (at, behind) = store::entered_at(self.lake, &tables::RUNS, "started_at", (self.now)())?;
        report.mended.extend(behind.map(|newest| {
            format!(
                "the clock says {at}, and the newest run began at {newest}: until it is right, what is told as newest may not be"
            )
        }));
        Ok(at)
    }

    /// Removes files of old versions that nobody needs any more, of tables whose logs have grown since this was done last. What cannot be
    /// removed waits for another time.
    fn free(&self) -> Removed {
        let before = days_before(self.settings.keep_days, (self.now)());
        let mut freed = Removed::default();
        for table in self.lake.take_grown() {
            if self.work.cancel.is_cancelled() {
                break;
            }
            match self.lake.free(&table, before, Vacuum::Remove) {
                Ok(old) => freed += old,
                Err(error) => tracing::warn!("files of old versions of `{table}` stay for now: {error}"),
            }
        }
        freed
    }

    /// Loads what is new into bronze, and brings everything above up to it.
    fn work(&self, report: &mut Report, started_at: Timestamp, known: &KnownFiles) -> Result<Rebuilt<'a>, PipelineError> {
        let scan = landing::scan(&self.settings.landing, &self.settings.utilities)
            .map_err(|source| PipelineError::Landing { path: self.settings.landing.clone(), source })?;
        report.ignored = scan.ignored;
        for adapter in &self.settings.utilities {
            report.restored.extend(bronze::restore(self.lake, adapter, self.work)?);
        }
        let candidates: Vec<Candidate> = scan.candidates.into_iter().filter(|candidate| self.request.wants(candidate)).collect();
        let (bronze, rejected_before) = (self.bronze()?, self.lake.snapshot(&tables::REJECTED.id())?);
        let before = bronze.iter().map(|bronze| (bronze.adapter.id.clone(), silver::input_fingerprint(bronze))).collect();
        let changed = self.load(&candidates, (&bronze, known), started_at, report)?;
        let (was, bronze) = if changed.is_empty() { (Vec::new(), bronze) } else { (bronze, self.bronze()?) };
        let (silver, rows) = self.rebuild(&bronze, &Before { fingerprints: &before, bronze: &was }, (known, &changed), report)?;
        let now = self.lake.snapshot(&tables::REJECTED.id())?;
        let loaded = report.taken().map(rejected::place_of).collect();
        let change = rejected::change((rejected_before.as_deref(), now.as_deref()), &loaded, self.work)?;
        report.recovered = change.recovered;
        report.rejected += change.set_aside;
        Ok(Rebuilt { bronze, before, silver, rows })
    }

    /// Evaluates the rules that are stale.
    fn check(
        &self,
        rebuilt: &Rebuilt<'_>,
        repeated: BTreeMap<UtilityId, Month>,
        report: &mut Report,
    ) -> Result<(), PipelineError> {
        let evaluator = Evaluator::new(&rebuilt.bronze, &self.settings.rules, self.settings.today).after_rebuild(&rebuilt.silver);
        let report_progress = |utility: &UtilityId, month: Month, (at, of): Place| {
            let place = if of > 1 { format!(", {at} of {of} months") } else { String::new() };
            // They are asked for as long as it takes; a month is done when the next one is begun.
            let asked = rebuilt.rows * (at - 1) as u64 / of as u64;
            self.observer.progress(Progress {
                step: Step::Rules,
                subject: format!("{utility} {month}{place}"),
                rows_done: report.rows + rebuilt.rows + asked,
                rows_expected: report.rows + (PARTS - 1) * rebuilt.rows,
            });
        };
        let stale = StaleOutcomes {
            lake: self.lake,
            work: self.work,
            evaluator: &evaluator,
            before: &rebuilt.before,
            reach: &report.rebuilt,
            repeated,
        };
        let evaluated = stale.evaluate(&report_progress)?;
        evaluated.record(self.lake, &self.settings.rules, &report.run_id, (self.now)())?;
        report.outcomes = evaluated.outcomes;
        Ok(())
    }

    fn bronze(&self) -> Result<Vec<BronzeTables<'a>>, PipelineError> {
        BronzeTables::open_all(self.lake, &self.settings.utilities, self.work)
    }

    /// Loads the files; the deliveries that changed, by utility.
    fn load(
        &self,
        candidates: &[Candidate],
        (bronze, known): (&[BronzeTables<'_>], &KnownFiles),
        started_at: Timestamp,
        report: &mut Report,
    ) -> Result<BTreeMap<UtilityId, Changes>, PipelineError> {
        let committed: HashMap<DeliveryPlace<'_>, &str> = bronze.iter().flat_map(committed_hashes).collect();
        let is_untouched = |candidate: &Candidate| !self.request.full_refresh && known.is_untouched(candidate);
        let is_loaded = |candidate: &Candidate| {
            let place = (&candidate.utility, candidate.dataset, candidate.month, candidate.source_file.as_str());
            let is_as_loaded = |earlier: &Earlier| {
                earlier.bytes == candidate.bytes
                    && earlier.received_at == Timestamp::from(candidate.modified)
                    && committed.get(&place) == Some(&earlier.sha256.as_str())
            };
            is_untouched(candidate) && known.loads.get(&candidate.source_file).is_some_and(is_as_loaded)
        };
        let is_known_by = |candidate: &Candidate, committed: &HashMap<DeliveryPlace<'_>, &str>| {
            is_loaded(candidate) || (is_untouched(candidate) && known.is_repeated(candidate, committed))
        };
        // What comes anew may take the place of content that others repeat.
        let is_new = |candidate: &&Candidate| !is_known_by(candidate, &committed);
        let renewed: HashSet<(&UtilityId, Dataset, Month)> =
            candidates.iter().filter(is_new).map(|candidate| (&candidate.utility, candidate.dataset, candidate.month)).collect();
        let mut staying = committed.clone();
        staying.retain(|(utility, dataset, month, _), _| !renewed.contains(&(*utility, *dataset, *month)));
        let is_known = |candidate: &Candidate| is_known_by(candidate, &staying);
        let new: Vec<&Candidate> = candidates.iter().filter(|candidate| !is_known(candidate)).collect();
        let recorded: HashSet<(String, String)> =
            known.loads.iter().map(|(file, earlier)| (file.clone(), earlier.sha256.clone())).collect();
        let estimate =
            ProgressEstimate { bytes_total: new.iter().map(|candidate| candidate.bytes).sum(), ..ProgressEstimate::default() };
        let mut totals = LoadTotals { report, changed: BTreeMap::new(), estimate, values: 0, deliveries: Deliveries::default() };
        let mut load = |hashes: Receiver<std::io::Result<Option<ContentHash>>>| -> Result<(), PipelineError> {
            for candidate in candidates {
                if is_known(candidate) {
                    totals.report.files.push(FileOutcome { candidate: candidate.clone(), outcome: FileResult::Known });
                    continue;
                }
                let hash = hashes.recv().map_err(|_| ended_early(&candidate.path))?;
                let loaded = self.load_one(candidate, hash, started_at, &recorded, &mut totals)?;
                totals.take(candidate, loaded);
            }
            Ok(())
        };
        // A file is hashed while the one before it is loaded.
        std::thread::scope(|scope| {
            let (to_load, hashes) = sync_channel(1);
            // Nobody takes the next hash once loading has ended.
            scope.spawn(|| {
                let to_load = to_load;
                new.iter().try_for_each(|file| to_load.send(landing::content_hash(&file.path, self.work.cancel)))
            });
            load(hashes)
        })?;
        Ok(totals.changed)
    }

    fn load_one(
        &self,
        candidate: &Candidate,
        hash: std::io::Result<Option<ContentHash>>,
        started_at: Timestamp,
        recorded: &HashSet<(String, String)>,
        totals: &mut LoadTotals<'_>,
    ) -> Result<LoadOutcome, PipelineError> {
        let found = self
            .settings
            .utility(candidate.utility.as_str())
            .and_then(|adapter| Some((adapter, adapter.dataset(candidate.dataset)?)));
        let Some((adapter, dataset)) = found else {
            return Err(PipelineError::NoAdapter { utility: candidate.utility.to_string(), dataset: candidate.dataset });
        };
        let loading = Loading {
            lake: self.lake,
            settings: self.settings,
            adapter,
            dataset,
            run_id: &totals.report.run_id,
            started_at,
            work: self.work,
            observer: self.observer,
            estimate: totals.estimate,
            recorded,
        };
        loading.load(candidate, hash, &mut totals.deliveries)
    }

    /// Appends the run to `ops/runs`: what it says of files and was not said before. A run that found nothing new, and had nothing
    /// to rebuild, leaves no row.
    fn record(
        &self,
        report: &Report,
        started_at: Timestamp,
        known: &KnownFiles,
        failure: Option<&PipelineError>,
    ) -> Result<(), PipelineError> {
        let finished_at = (self.now)().max(started_at);
        let mut rows: Vec<RunRow> = report
            .files
            .iter()
            .filter(|file| file.outcome != FileResult::Known)
            .map(|file| file_row(report, file, started_at, finished_at))
            .filter(|row| !known.says(row))
            .collect();
        if failure.is_some() || !report.failed.is_empty() || (rows.is_empty() && !report.rebuilt.is_empty()) {
            rows.push(run_row(report, started_at, finished_at, failure));
        }
        store::append(self.lake, rows, Vec::new())
    }
}
