//! Bronze → silver: one model for all utilities, with the history of each feeder and DER.
//!
//! Silver is a fold over the months of bronze: the state after a month is compared with the current versions, which
//! are closed, kept or followed by new ones. What a month does not touch is not looked at. A late month takes the fold up again
//! from there, so that the order of arrival never shows.

mod circuits;
mod conform;
mod ders;
mod feeder_circuits;
mod history;
mod named;
mod plan;
mod records;
mod scd2;
mod segments;
mod touched;
mod versions;

use std::collections::{BTreeMap, BTreeSet};

use super::PipelineError;
use super::bronze::BronzeTables;
use super::changes::{Changes, UnchangedDeliveries};
use super::kept::{Differences, KeptRows};
use super::progress::{Step, Tracker};
use super::rejected::{self, Rejections, Scope};
use super::store::{self, Part};
use super::tables::{self, Table};
use crate::config::{Grain, UtilityAdapter};
use crate::engine::{Materialized, Session};
use crate::frame::Relation;
use crate::lake::Written;
use crate::model::{Dataset, Delivery, Month, MonthRange, Stage};
use crate::pipeline::bronze::{ColumnStatistics, CommittedFile};
use history::{Gone, History, Moved};
use segments::{Folded, Segments};

pub(crate) use conform::{checked_records, circuits_sql, ders_sql};
pub(crate) use versions::Versions;

/// A number that differs whenever the deliveries, the adapter or the plans differ: what a utility's silver is made from.
pub fn input_fingerprint(bronze: &BronzeTables<'_>) -> i64 {
    let mut parts: Vec<String> =
        bronze.files.iter().map(|file| format!("{}|{}|{}|{}", file.dataset, file.month, file.source_file, file.sha256)).collect();
    parts.sort();
    parts.extend(bronze.tables.iter().map(|(dataset, _)| conform::fingerprint(bronze, *dataset)));
    (xxhash_rust::xxh64::xxh64(parts.join("\n").as_bytes(), 0) >> 1).cast_signed()
}

/// The name under which the silver and upper tables record what a utility's rows were made from.
pub fn application_id(adapter: &UtilityAdapter) -> String {
    store::application_id(adapter.id.as_str())
}

/// A utility's silver rows, as committed.
pub struct Silver {
    /// The versions of its feeders.
    pub feeders: Versions,
    /// The versions of its DERs.
    pub ders: Versions,
    /// The keys of the DERs that were folded; `None` where they are all that the months deliver.
    pub touched_ders: Option<Relation>,
    /// Where the segments are that those of a month replaced, for the months that were folded and had segments before them.
    pub replaced_segments: BTreeMap<Month, Materialized>,
    /// The months that were folded.
    pub reach: MonthRange,
}

impl Silver {
    /// Opens the utility's part of the tables.
    ///
    /// # Errors
    /// A table cannot be read, or another program put its rows into other files.
    pub fn open(bronze: &BronzeTables<'_>) -> Result<Self, PipelineError> {
        let (feeders, ders) = (Versions::open(bronze, &tables::FEEDERS)?, Versions::open(bronze, &tables::DERS)?);
        feeders.expect_own()?;
        ders.expect_own()?;
        Ok(Self { feeders, ders, touched_ders: None, replaced_segments: BTreeMap::new(), reach: MonthRange::default() })
    }
}

/// Folds a utility's months into silver, from the first that changed to the one after which all is as it was, and commits the tables.
pub struct Build<'a> {
    /// Where the rows come from.
    pub bronze: &'a BronzeTables<'a>,
    /// The deliveries that changed; `None` folds everything again.
    pub changes: Option<&'a Changes>,
    /// Where the rows came from before they did.
    pub before: Option<&'a BronzeTables<'a>>,
    /// Deliveries after them that held everything.
    pub unchanged: &'a UnchangedDeliveries<'a>,
    /// What deliveries hold that those before them did not.
    pub differences: &'a Differences<'a>,
    /// The run.
    pub run_id: &'a str,
    /// What the rows are made from.
    pub fingerprint: i64,
    /// What is in a delivery's columns, if it was counted when its file was loaded.
    pub statistics: &'a (dyn Fn(&CommittedFile) -> Option<&'a ColumnStatistics> + Sync),
    /// Who wants to know.
    pub tracker: &'a Tracker<'a>,
}

impl<'a> Build<'a> {
    /// Runs the fold.
    ///
    /// # Errors
    /// A plan or a commit failed, or somebody asked to stop; a table that was not committed is as before.
    pub fn run(&self) -> Result<Silver, PipelineError> {
        let mut reach = MonthRange { from: self.from(), until: None };
        let delivered = Dataset::ALL.iter().flat_map(|dataset| self.bronze.months(*dataset));
        let months: BTreeSet<Month> = delivered.filter(|month| reach.holds(*month)).collect();
        rejected::forget_gone(self.bronze, reach.from)?;
        let mut feeders = History::before(self.bronze, (&tables::FEEDERS, &["feeder_id"]), reach.from, None)?;
        let touched = touched::ders(self)?;
        let mut ders = History::before(self.bronze, (&tables::DERS, &["status", "der_id"]), reach.from, touched.as_ref())?;
        let mut segments = self.segments()?;
        let committed = self.committed_circuits()?;
        let mut circuits_stay = committed.is_some();
        let mut circuits = match (committed, months.first(), &mut segments) {
            (Some(circuits), ..) => circuits,
            (None, Some(month), Some(segments)) => self.circuits_before(*month, segments)?,
            _ => Materialized::default(),
        };
        let mut replaced_segments = BTreeMap::new();
        // The month from which on segments are those of the table.
        let mut rejoined = reach.from.filter(|_| segments.is_none() || self.last_change(Some(Dataset::Circuits)).is_none());
        for month in &months {
            // Its plan may read the feeders as they were written after the month before.
            ders.current()?;
            let mut moved = Vec::new();
            if self.bronze.months(Dataset::Circuits).contains(month) {
                let (of_feeders, after) =
                    self.fold_circuits(*month, &mut feeders, (segments.as_mut(), &circuits), &mut replaced_segments)?;
                moved = vec![of_feeders, circuits::moved(self.session()?, &circuits, &after)?];
                (circuits, circuits_stay) = (after, false);
                if let (None, Some(segments)) = (rejoined, &segments) {
                    rejoined = self.holds_all_segments(*month, segments)?.then_some(*month);
                }
            }
            self.fold_ders(*month, &mut ders, feeders.current()?, &circuits, &moved)?;
            self.tell(*month);
            let may_end = rejoined.is_some()
                && self.last_change(None) <= Some(*month)
                && months.last() != Some(month)
                && !self.names_come_again(*month);
            if may_end && feeders.is_as_committed(*month)? && ders.is_as_committed(*month)? {
                reach.until = Some(*month);
                break;
            }
        }
        if let Some(month) = reach.until {
            feeders.rejoin(month)?;
            ders.rejoin(month)?;
            segments = segments.map(|segments| segments.rejoin(reach.from, rejoined)).transpose()?;
            circuits_stay = true;
        }
        if !circuits_stay {
            self.commit_circuits(&circuits)?;
        }
        let made_from = || vec![(application_id(self.bronze.adapter), self.fingerprint)];
        if let Some(segments) = segments {
            segments.commit(made_from())?;
        }
        // Where the fold ended before the last month, versions that began and ended with it are those of the table.
        let newest = months.last().filter(|_| reach.until.is_none());
        let (of_feeders, of_ders) =
            (newest.and_then(|month| feeders.moved_in(*month)), newest.and_then(|month| ders.moved_in(*month)));
        feeders.commit(made_from())?;
        ders.commit(made_from())?;
        let silver = Silver::open(self.bronze)?;
        let (feeders, ders) = (silver.feeders.knowing(of_feeders), silver.ders.knowing(of_ders));
        Ok(Silver { feeders, ders, touched_ders: touched.map(|touched| touched.relation), replaced_segments, reach })
    }

    /// The first month that changed; `None` where everything is folded again.
    fn from(&self) -> Option<Month> {
        self.changes.and_then(Changes::first)
    }

    /// The last month that changed of a dataset, or of all.
    fn last_change(&self, of: Option<Dataset>) -> Option<Month> {
        let changes = self.changes?;
        of.map_or_else(|| changes.last(), |dataset| changes.months(dataset).next_back())
    }

    /// Whether a file of DERs after a month has the name of one before, so that file and line do not tell which record a later version is of.
    fn names_come_again(&self, month: Month) -> bool {
        let of_ders = self.bronze.files.iter().filter(|file| file.dataset != Dataset::Circuits);
        let (before, after): (Vec<_>, Vec<_>) =
            of_ders.map(|file| (file.month, (file.dataset, &file.source_file))).partition(|(of, _)| *of <= month);
        let before: BTreeSet<_> = before.into_iter().map(|(_, name)| name).collect();
        after.iter().any(|(_, name)| before.contains(name))
    }

    /// Whether a month that did not change brought every segment that is current after it, and did so before, too.
    fn holds_all_segments(&self, month: Month, segments: &Segments<'_, '_>) -> Result<bool, PipelineError> {
        let was_complete = self.unchanged.is_complete(Dataset::Circuits, month);
        Ok(was_complete && self.last_change(None) < Some(month) && segments.are_all_of(month)?)
    }

    fn tell(&self, month: Month) {
        let rows: u64 = self.bronze.files.iter().filter(|file| file.month == month).map(|file| file.rows).sum();
        self.tracker.tell(Step::Silver, format!("{} {month}", self.bronze.adapter.id), rows);
    }

    fn session(&self) -> Result<Box<dyn Session>, PipelineError> {
        Ok(self.bronze.work.session()?)
    }

    /// The segments as they were before the first month that is folded, where the utility delivers segments.
    fn segments(&self) -> Result<Option<Segments<'_, 'a>>, PipelineError> {
        let dataset = self.bronze.adapter.dataset(Dataset::Circuits).filter(|dataset| dataset.grain == Grain::Segment);
        dataset.map(|dataset| Segments::before(self, dataset)).transpose()
    }

    /// Takes a month's circuits file into the feeders; which of them are new or gone, and the circuits after it.
    fn fold_circuits(
        &self,
        month: Month,
        feeders: &mut History<'_>,
        (segments, before): (Option<&mut Segments<'_, '_>>, &Materialized),
        replaced_segments: &mut BTreeMap<Month, Materialized>,
    ) -> Result<(Moved, Materialized), PipelineError> {
        let adapter = self.bronze.adapter;
        let Some(dataset) = adapter.dataset(Dataset::Circuits) else { return Ok((Moved::Nothing, Materialized::default())) };
        let mut session = self.session()?;
        // Segments are put together from all that are current of a feeder, and a snapshot holds every feeder.
        let (gone, circuits) = if let Some(segments) = segments {
            let Folded { replaced, touched } = segments.fold(session.as_mut(), month)?;
            replaced_segments.extend(replaced.map(|replaced| (month, replaced)));
            let touched = touched.filter(|touched| touched.rows <= most_touched(feeders.at_most()));
            if let Some(touched) = &touched {
                session.register("touched", &touched.relation)?;
            }
            segments.name_folded(session.as_mut(), touched.as_ref().map(|_| "feeder_id"))?;
            let state = circuits::feeders_of_segments(adapter, dataset).run(session.as_mut())?;
            session.register("state", &state.relation)?;
            session.create_view(&named::all_of(Dataset::Circuits), "SELECT feeder_id FROM state")?;
            let after = circuits::circuits_of_segments(&adapter.id);
            if touched.is_some() {
                let circuits = feeder_circuits::after_touched(session.as_mut(), segments, &after, before)?;
                (Some(Gone::of("LEFT SEMI JOIN touched AS t ON v.feeder_id = t.feeder_id")), circuits)
            } else {
                (Some(Gone::of("WHERE TRUE")), session.materialize("circuits", &after)?)
            }
        } else {
            self.new_records(session.as_mut(), Dataset::Circuits, month)?;
            session.create_view("state", &circuits::feeders_of_rows(adapter))?;
            ((dataset.delivery == Delivery::Snapshot).then(|| Gone::of("WHERE TRUE")), Materialized::default())
        };
        let snapshot = if dataset.delivery == Delivery::Snapshot { &[Dataset::Circuits][..] } else { &[] };
        named::name(session.as_mut(), self.bronze, month, snapshot, feeders.key())?;
        let moved = feeders.fold(session, month, gone)?;
        Ok((moved, circuits))
    }

    /// Takes a month into the DERs: those that it delivers, those whose reference leads to another feeder since, and those that
    /// a snapshot no longer holds.
    fn fold_ders(
        &self,
        month: Month,
        ders: &mut History<'_>,
        feeders: Option<Relation>,
        circuits: &Materialized,
        moved: &[Moved],
    ) -> Result<(), PipelineError> {
        let adapter = self.bronze.adapter;
        let mut delivered = vec![Dataset::InstallDer, Dataset::PlannedDer];
        delivered.retain(|dataset| self.bronze.months(*dataset).contains(&month));
        if delivered.is_empty() && moved.iter().all(|moved| matches!(moved, Moved::Nothing)) {
            return Ok(());
        }
        let current = ders.current()?;
        if delivered.is_empty() && current.is_none() {
            return Ok(());
        }
        let mut session = self.session()?;
        let mut held = BTreeMap::new();
        for dataset in &delivered {
            let records = self.new_records(session.as_mut(), *dataset, month)?;
            let mut new = "SELECT * FROM records".to_owned();
            if let Some(touched) = ders.touched() {
                session.register("touched", touched)?;
                new = format!("SELECT r.* FROM records AS r {}", scd2::of_touched(ders.key(), "r"));
            } else {
                held.insert(*dataset, records.all);
            }
            session.name_rows(dataset.as_str(), &new, records.new_at_most)?;
        }
        let is_snapshot =
            |dataset: &Dataset| adapter.dataset(*dataset).is_some_and(|dataset| dataset.delivery == Delivery::Snapshot);
        let snapshots: Vec<Dataset> = delivered.iter().copied().filter(is_snapshot).collect();
        let relinked = match current {
            Some(current) => history::referring_to(session.as_mut(), &current, moved)?,
            None => false,
        };
        if delivered.is_empty() && !relinked {
            return Ok(());
        }
        let has_feeders = feeders.is_some();
        session.register("feeders", &feeders.unwrap_or_else(|| Relation::empty(&tables::FEEDERS.columns())))?;
        session.register("circuits", &circuits.relation)?;
        let links = ders::Links {
            adapter,
            delivered: &delivered,
            snapshots: &snapshots,
            relinked,
            feeders: has_feeders,
            circuits: circuits.rows > 0,
        };
        named::name(session.as_mut(), self.bronze, month, &snapshots, ders.key())?;
        session.create_view("state", &links.sql())?;
        let gone = ders::gone(&snapshots, &held);
        ders.fold(session, month, gone)?;
        Ok(())
    }

    /// Names the records of a month that the delivery before did not hold `records`, and the ids and places of all that may go on
    /// `all_<dataset>`.
    fn new_records(&self, session: &mut dyn Session, dataset: Dataset, month: Month) -> Result<RecordCounts, PipelineError> {
        let rejected = self.records(session, dataset, month)?;
        session.create_view(&named::all_of(dataset), &named::ids(dataset))?;
        let new_at_most = records::leave_new(session, (self.bronze, self.differences), dataset, month)?;
        Ok(RecordCounts { all: self.bronze.row_count(dataset, month).saturating_sub(rejected), new_at_most })
    }

    /// Names the records of a month that may go on `records`, one for each key; so many others are recorded as rejected.
    fn records(&self, session: &mut dyn Session, dataset: Dataset, month: Month) -> Result<u64, PipelineError> {
        if let (Some(adapter), Some(known)) = (self.bronze.adapter.dataset(dataset), self.unchanged.rejected(dataset, month)?) {
            // What was set aside of a delivery follows from it and the plan. Where the books count other records than the table has, it is looked for
            // again.
            let Rejections { records, in_bronze, .. } = Rejections::of(self.bronze, dataset, month)?;
            if records == known {
                KeptRows::of(self.bronze, dataset, month)?.name(session, "bronze", |_| true)?;
                conform::records(self.bronze, adapter).create_views(session)?;
                return Ok(in_bronze);
            }
        }
        let rejects = records::of_month(session, self.bronze, dataset, month, self.statistics)?;
        let scope = Scope {
            utility: &self.bronze.adapter.id,
            month,
            dataset,
            stage: Stage::Silver,
            source_file: None,
            keep_run: None,
            of_load: false,
        };
        let rows = rejects.iter().map(|(file, finding)| scope.row(file, finding, self.run_id)).collect();
        rejected::replace(self.bronze.lake, &scope, rows, self.bronze.work)?;
        Ok(rejects.len() as u64)
    }
}

/// The records of a month that may go on.
struct RecordCounts {
    all: u64,
    /// So many of them at most are new.
    new_at_most: u64,
}

/// So many pairs of feeder and circuit, of so many feeders, are put together by themselves: at least as many as cost nothing.
fn most_touched(feeders: u64) -> u64 {
    (feeders / 4).max(1_000)
}

/// The utility's part of a table that is partitioned by utility.
pub(super) fn of_utility(bronze: &BronzeTables<'_>) -> Vec<(&'static str, String)> {
    vec![("utility_id", bronze.adapter.id.to_string())]
}

/// Replaces a utility's rows of a table that is partitioned by utility by those of new files, and records what they were made
/// from.
///
/// # Errors
/// The log cannot be written, or somebody asked to stop.
pub(super) fn replace_utility(
    bronze: &BronzeTables<'_>,
    table: &'static Table,
    written: Vec<Written>,
    fingerprint: i64,
) -> Result<(), PipelineError> {
    let part = Part { table, values: &[("utility_id", bronze.adapter.id.as_str())] };
    let transactions = vec![(application_id(bronze.adapter), fingerprint)];
    store::replace_files(bronze.lake, &part, written, transactions, bronze.work)
}
