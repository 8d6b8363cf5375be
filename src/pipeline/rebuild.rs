//! Bronze → silver → platinum → quality, for each utility whose tables are not those of its deliveries.
//!
//! Utilities share nothing but the logs of the tables, so two of them are in work at a time: while one waits for the disk, or
//! for a step that takes one processor, the other goes on.

use std::collections::{BTreeMap, HashMap};

use super::bronze::BronzeTables;
use super::parallel::each;
use super::progress::{Step, Tracker};
use super::quality::Assess;
use super::report::{Report, micros_of};
use super::run::Run;
use super::silver::{self, Build};
use super::{PipelineError, platinum, tables};
use crate::config::UtilityAdapter;
use crate::lake::TableId;
use crate::model::{Month, UtilityId};

/// A utility whose upper tables have to be made anew.
struct Pending<'a> {
    adapter: &'a UtilityAdapter,
    bronze: BronzeTables<'a>,
    fingerprint: i64,
    /// The first month that changed; `None` where everything is made anew.
    from: Option<Month>,
}

impl Pending<'_> {
    fn rows(&self) -> u64 {
        let touched = |month: Month| self.from.is_none_or(|from| month >= from);
        self.bronze.files.iter().filter(|file| touched(file.month)).map(|file| file.rows).sum()
    }
}

impl Run<'_> {
    /// Brings silver and everything above up to bronze; the utilities that it made anew, and from which month on.
    pub(super) fn rebuild(
        &self,
        before: &HashMap<UtilityId, i64>,
        changed: &BTreeMap<UtilityId, Month>,
        report: &mut Report,
    ) -> Result<Vec<(UtilityId, Option<Month>)>, PipelineError> {
        let mut pending = Vec::new();
        for adapter in &self.settings.utilities {
            pending.extend(self.pending(adapter, before, changed)?);
        }
        let received: HashMap<String, i64> = self.received(report)?;
        let rows: u64 = pending.iter().map(Pending::rows).sum();
        let tracker = Tracker::new(self.observer, report.rows, report.rows + rows);
        each(&pending, |utility| self.rebuild_utility(utility, &received, &tracker, report))?;
        let touched: Vec<_> = pending.iter().map(|utility| (utility.adapter.id.clone(), utility.from)).collect();
        report.rebuilt = touched.iter().map(|(utility, _)| utility.clone()).collect();
        Ok(touched)
    }

    fn pending<'a>(
        &'a self,
        adapter: &'a UtilityAdapter,
        before: &HashMap<UtilityId, i64>,
        changed: &BTreeMap<UtilityId, Month>,
    ) -> Result<Option<Pending<'a>>, PipelineError> {
        let bronze = BronzeTables::open(self.lake, adapter, self.work)?;
        let fingerprint = silver::input_fingerprint(&bronze);
        if bronze.files.is_empty()
            || (!self.request.full_refresh && self.stands(adapter, &tables::DATA_QUALITY_SUMMARY.id(), fingerprint)?)
        {
            return Ok(None);
        }
        // Only what was whole before this run may be built upon; anything else is made anew.
        let was_whole = match before.get(&adapter.id) {
            Some(earlier) => self.all_stand(adapter, *earlier)?,
            None => false,
        };
        let from = if was_whole && !self.request.full_refresh { changed.get(&adapter.id).copied() } else { None };
        Ok(Some(Pending { adapter, bronze, fingerprint, from }))
    }

    fn rebuild_utility(
        &self,
        utility: &Pending<'_>,
        received: &HashMap<String, i64>,
        tracker: &Tracker<'_>,
        report: &Report,
    ) -> Result<(), PipelineError> {
        let Pending { adapter, bronze, fingerprint, from } = utility;
        let statistics = |sha256: &str| report.files.iter().find_map(|file| file.statistics(sha256));
        let build =
            Build { bronze, from: *from, run_id: &report.run_id, fingerprint: *fingerprint, statistics: &statistics, tracker };
        let silver = build.run()?;
        tracker.tell(Step::Platinum, adapter.id.to_string(), 0);
        platinum::publish(bronze, &silver, *fingerprint)?;
        let assess = Assess {
            bronze,
            silver: &silver,
            from: *from,
            fingerprint: *fingerprint,
            today: self.settings.today,
            received: &|file| received.get(file).copied(),
            statistics: &statistics,
            tracker,
        };
        assess.run()
    }

    fn stands(&self, adapter: &UtilityAdapter, table: &TableId, fingerprint: i64) -> Result<bool, PipelineError> {
        let Some(snapshot) = self.lake.snapshot(table)? else { return Ok(false) };
        Ok(snapshot.transaction(self.lake, &silver::application_id(adapter))? == Some(fingerprint))
    }

    fn all_stand(&self, adapter: &UtilityAdapter, fingerprint: i64) -> Result<bool, PipelineError> {
        for table in [&tables::FEEDERS, &tables::DERS, &tables::MONTH_DIFF, &tables::DATA_QUALITY_SUMMARY] {
            if !self.stands(adapter, &table.id(), fingerprint)? {
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
}
