//! One run: what is new in the landing folder goes through all layers, once.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::bronze::{Loaded, Loading, Pace};
use super::progress::{Observer, Progress, Step};
use super::quality::{self, Assess};
use super::report::{FileOutcome, Outcome, Report, clock_text, file_row, micros_of, run_row};
use super::rules::{Checking, Due};
use super::silver::{self, Build, Source};
use super::{PipelineError, ops, platinum, rejected};
use crate::config::{Settings, UtilityAdapter};
use crate::engine::Session;
use crate::lake::{Lake, TableId, Value, schema};
use crate::landing::{self, Cancel, Candidate};
use crate::model::{Dataset, Month, UtilityId};

/// What a run shall do.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Only files of this month.
    pub month: Option<Month>,
    /// Only files of this utility.
    pub utility: Option<UtilityId>,
    /// Hash every file again, and make silver and everything above anew.
    pub full_refresh: bool,
}

impl Request {
    fn wants(&self, candidate: &Candidate) -> bool {
        self.month.is_none_or(|month| candidate.month == month)
            && self.utility.as_ref().is_none_or(|utility| candidate.utility == *utility)
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
    /// A wish to stop.
    pub cancel: &'a Cancel,
    /// Who wants to know.
    pub observer: &'a dyn Observer,
    /// The time now, in microseconds since 1970-01-01, UTC; injected, so that runs can be repeated.
    pub now: &'a (dyn Fn() -> i64 + Sync),
}

/// What silver and the tables above were made from before the run, and which utilities' it made anew.
struct Lifted {
    before: HashMap<UtilityId, i64>,
    /// The first month that changed; `None` where everything was made anew.
    touched: Vec<(UtilityId, Option<Month>)>,
}

/// Where a delivery stands: utility, dataset, month and file.
type Place = (UtilityId, Dataset, Month, String);

/// Utility, dataset and month.
type AsidePlace = [String; 3];

/// What `ops/runs` knows of earlier loads of a file.
#[derive(Debug, Clone)]
struct Earlier {
    sha256: String,
    bytes: u64,
    received_at: i64,
}

impl Run<'_> {
    /// Loads what is new.
    ///
    /// # Errors
    /// Another process writes, a table or a plan failed, or somebody asked to stop. What was committed stays, and the
    /// next run goes on from there.
    pub fn execute(&self) -> Result<Report, PipelineError> {
        let who = format!("process {} since {}", std::process::id(), clock_text((self.now)()));
        let _lock = self.lake.lock(&who)?.map_err(|holder| PipelineError::Locked { holder })?;
        // Milliseconds, as the statistics of the Delta log keep them.
        let started_at = (self.now)() / 1000 * 1000;
        let mut report = Report { run_id: uuid::Uuid::now_v7().to_string(), ..Report::default() };
        let worked = self.work(&mut report, started_at);
        if let Err(error) = &worked {
            // The failure itself is what matters; that it could not be written down must not hide it. A wish to stop is
            // no failure, but what was loaded until then is part of the books.
            let failure = if matches!(error, PipelineError::Cancelled) { None } else { Some(error) };
            if failure.is_some() || report.files.iter().any(|file| file.outcome != Outcome::Known) {
                let _ = self.record(&report, started_at, failure);
            }
        }
        let lifted = worked?;
        // The rules look at the books of this run too.
        self.record(&report, started_at, None)?;
        self.check(&lifted, &mut report)?;
        Ok(report)
    }

    /// Loads and lifts.
    fn work(&self, report: &mut Report, started_at: i64) -> Result<Lifted, PipelineError> {
        let scan = landing::scan(&self.settings.landing, &self.settings.utilities)
            .map_err(|source| PipelineError::Landing { path: self.settings.landing.clone(), source })?;
        report.ignored = scan.ignored;
        let candidates: Vec<Candidate> = scan.candidates.into_iter().filter(|candidate| self.request.wants(candidate)).collect();
        let (before, aside) = (self.fingerprints()?, self.set_aside()?);
        let known = self.known_files()?;
        let changed = self.load(&candidates, &known, started_at, report)?;
        let touched = self.lift(&before, &changed, report)?;
        let now = self.set_aside()?;
        let fewer = |(place, count): (AsidePlace, u64)| count.saturating_sub(now.get(&place).copied().unwrap_or(0));
        report.recovered = aside.into_iter().map(fewer).sum();
        Ok(Lifted { before, touched })
    }

    /// Records set aside, by utility, dataset and month.
    fn set_aside(&self) -> Result<BTreeMap<AsidePlace, u64>, PipelineError> {
        let Some(table) = self.lake.snapshot(&rejected::table())? else { return Ok(BTreeMap::new()) };
        let mut session = Session::new(self.cancel);
        session.register("rejected", table.scan_all()?);
        let rows = session.query(
            "SELECT utility_id, dataset, delivery_month, COUNT(reason) AS n FROM rejected\n\
             WHERE source_line IS NOT NULL GROUP BY utility_id, dataset, delivery_month",
        )?;
        let text = |column: &str, row: usize| rows.text(column, row).unwrap_or_default();
        let place = |row: usize| [text("utility_id", row), text("dataset", row), text("delivery_month", row)];
        Ok((0..rows.height()).map(|row| (place(row), rows.count("n", row))).collect())
    }

    /// Evaluates the rules that are due.
    fn check(&self, lifted: &Lifted, report: &mut Report) -> Result<(), PipelineError> {
        let checking = Checking {
            lake: self.lake,
            settings: self.settings,
            book: &self.settings.rules,
            today: self.settings.today,
            cancel: self.cancel,
        };
        let tell = |utility: &UtilityId, month: Month| {
            self.observer.progress(Progress {
                step: Step::Rules,
                subject: format!("{utility} {month}"),
                rows_done: 2 * report.rows,
                rows_expected: 2 * report.rows,
            });
        };
        let due = Due { checking: &checking, before: &lifted.before, touched: &lifted.touched };
        let evaluated = due.evaluate(&tell)?;
        evaluated.record(self.lake, &self.settings.rules, &report.run_id, (self.now)())?;
        report.outcomes = evaluated.outcomes;
        Ok(())
    }

    /// What each utility's silver would be made from, before anything is loaded.
    fn fingerprints(&self) -> Result<HashMap<UtilityId, i64>, PipelineError> {
        let of =
            |adapter: &UtilityAdapter| Ok((adapter.id.clone(), Source::open(self.lake, adapter, self.cancel)?.fingerprint()));
        self.settings.utilities.iter().map(of).collect()
    }

    fn known_files(&self) -> Result<HashMap<String, Earlier>, PipelineError> {
        let Some(table) = self.lake.snapshot(&ops::runs_table())? else { return Ok(HashMap::new()) };
        let mut session = Session::new(self.cancel);
        session.register("runs", table.scan_all()?);
        let rows = session.query(
            "SELECT source_file, file_sha256, bytes, received_at FROM runs\n\
             WHERE outcome IN ('loaded', 'superseded') ORDER BY started_at",
        )?;
        Ok((0..rows.height())
            .filter_map(|row| {
                let earlier = Earlier {
                    sha256: rows.text("file_sha256", row)?,
                    bytes: rows.count("bytes", row),
                    received_at: rows.time("received_at", row)?,
                };
                Some((rows.text("source_file", row)?, earlier))
            })
            .collect())
    }

    /// Loads the files; the first month that changed, by utility.
    fn load(
        &self,
        candidates: &[Candidate],
        known: &HashMap<String, Earlier>,
        started_at: i64,
        report: &mut Report,
    ) -> Result<BTreeMap<UtilityId, Month>, PipelineError> {
        let mut changed: BTreeMap<UtilityId, Month> = BTreeMap::new();
        let stands = self.standing_hashes()?;
        let is_known = |candidate: &Candidate| {
            !self.request.full_refresh
                && known.get(&candidate.source_file).is_some_and(|earlier| {
                    earlier.bytes == candidate.bytes
                        && earlier.received_at == micros_of(candidate.modified)
                        && stands.get(&(
                            candidate.utility.clone(),
                            candidate.dataset,
                            candidate.month,
                            candidate.source_file.clone(),
                        )) == Some(&earlier.sha256)
                })
        };
        let bytes_total = candidates.iter().filter(|candidate| !is_known(candidate)).map(|candidate| candidate.bytes).sum();
        let recorded: HashSet<String> = known.values().map(|earlier| earlier.sha256.clone()).collect();
        let mut pace = Pace { bytes_total, ..Pace::default() };
        for candidate in candidates {
            if is_known(candidate) {
                report.files.push(FileOutcome { candidate: candidate.clone(), outcome: Outcome::Known });
                continue;
            }
            let loaded = self.load_one(candidate, &report.run_id, started_at, (pace, &recorded))?;
            pace.bytes += candidate.bytes;
            if let Loaded::Taken { summary, rows, superseded, .. } = &loaded {
                pace.rows += rows;
                report.rows += rows;
                report.rejected += summary.rejected.len() as u64;
                let first = superseded.iter().map(|(month, _)| *month).chain([candidate.month]).min().unwrap_or(candidate.month);
                changed.entry(candidate.utility.clone()).and_modify(|month| *month = first.min(*month)).or_insert(first);
            }
            report.files.push(FileOutcome { candidate: candidate.clone(), outcome: Outcome::Done(loaded) });
        }
        Ok(changed)
    }

    fn load_one(
        &self,
        candidate: &Candidate,
        run_id: &str,
        started_at: i64,
        (pace, recorded): (Pace, &HashSet<String>),
    ) -> Result<Loaded, PipelineError> {
        let found = self
            .settings
            .utility(candidate.utility.as_str())
            .and_then(|adapter| Some((adapter, adapter.dataset(candidate.dataset)?)));
        let Some((adapter, dataset)) = found else { return Err(PipelineError::Cancelled) };
        let loading = Loading {
            lake: self.lake,
            settings: self.settings,
            adapter,
            dataset,
            run_id,
            started_at,
            cancel: self.cancel,
            observer: self.observer,
            pace,
            recorded,
        };
        loading.load(candidate)
    }

    /// The hash of each delivery that stands in bronze.
    fn standing_hashes(&self) -> Result<HashMap<Place, String>, PipelineError> {
        let mut hashes = HashMap::new();
        for adapter in &self.settings.utilities {
            for standing in Source::open(self.lake, adapter, self.cancel)?.standing {
                hashes.insert((adapter.id.clone(), standing.dataset, standing.month, standing.source_file), standing.sha256);
            }
        }
        Ok(hashes)
    }

    /// Brings silver and everything above up to bronze; the utilities that it made anew, and from which month on.
    fn lift(
        &self,
        before: &HashMap<UtilityId, i64>,
        changed: &BTreeMap<UtilityId, Month>,
        report: &mut Report,
    ) -> Result<Vec<(UtilityId, Option<Month>)>, PipelineError> {
        let mut touched_utilities = Vec::new();
        let received: HashMap<String, i64> = self.received(report)?;
        let mut rows_done = report.rows;
        for adapter in &self.settings.utilities {
            let source = Source::open(self.lake, adapter, self.cancel)?;
            let fingerprint = source.fingerprint();
            if source.standing.is_empty()
                || (!self.request.full_refresh && self.stands(adapter, &quality::summary_table(), fingerprint)?)
            {
                continue;
            }
            // Only what was whole before this run may be built upon; anything else is made anew.
            let was_whole = match before.get(&adapter.id) {
                Some(earlier) => self.all_stand(adapter, *earlier)?,
                None => false,
            };
            let from = if was_whole && !self.request.full_refresh { changed.get(&adapter.id).copied() } else { None };
            let progress = Progress {
                step: Step::Silver,
                subject: adapter.id.to_string(),
                rows_done,
                rows_expected: rows_done + report.rows,
            };
            let build = Build {
                source: &source,
                from,
                run_id: &report.run_id,
                fingerprint,
                observer: self.observer,
                before: progress.clone(),
            };
            let silver = build.run()?;
            let touched = |month: Month| from.is_none_or(|from| month >= from);
            rows_done += source.standing.iter().filter(|s| touched(s.month)).map(|s| s.rows).sum::<u64>();
            let progress =
                Progress { step: Step::Platinum, rows_done, rows_expected: rows_done.max(2 * report.rows), ..progress };
            self.observer.progress(progress.clone());
            platinum::publish(&source, &silver, fingerprint)?;
            let assess = Assess {
                source: &source,
                silver: &silver,
                from,
                fingerprint,
                today: self.settings.today,
                received: &|file| received.get(file).copied(),
                observer: self.observer,
                before: Progress { step: Step::Quality, ..progress },
            };
            assess.run()?;
            report.rebuilt.push(adapter.id.clone());
            touched_utilities.push((adapter.id.clone(), from));
        }
        Ok(touched_utilities)
    }

    fn stands(&self, adapter: &UtilityAdapter, table: &TableId, fingerprint: i64) -> Result<bool, PipelineError> {
        let Some(snapshot) = self.lake.snapshot(table)? else { return Ok(false) };
        Ok(snapshot.transaction(self.lake, &silver::marker(adapter))? == Some(fingerprint))
    }

    fn all_stand(&self, adapter: &UtilityAdapter, fingerprint: i64) -> Result<bool, PipelineError> {
        for table in [silver::tables::feeders(), silver::tables::ders(), quality::month_diff_table(), quality::summary_table()] {
            if !self.stands(adapter, &table, fingerprint)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// When each file arrived: its modification time, now or when it was loaded.
    fn received(&self, report: &Report) -> Result<HashMap<String, i64>, PipelineError> {
        let mut received: HashMap<String, i64> =
            self.known_files()?.into_iter().map(|(file, earlier)| (file, earlier.received_at)).collect();
        received.extend(report.files.iter().map(|file| (file.candidate.source_file.clone(), micros_of(file.candidate.modified))));
        Ok(received)
    }

    /// Appends the run to `ops/runs`.
    fn record(&self, report: &Report, started_at: i64, failure: Option<&PipelineError>) -> Result<(), PipelineError> {
        let finished_at = (self.now)();
        let mut rows: Vec<Vec<Value>> = report
            .files
            .iter()
            .filter(|file| file.outcome != Outcome::Known)
            .map(|file| file_row(report, file, started_at, finished_at))
            .collect();
        if failure.is_some() || rows.is_empty() {
            rows.push(run_row(report, started_at, finished_at, failure));
        }
        ops::append(self.lake, &ops::runs_table(), &schema::runs(), &rows, Vec::new())
    }
}
