//! Bronze → silver: one model for all utilities, with the history of each feeder and DER.
//!
//! Silver is a fold over the months of bronze: the state after a month is compared with the current versions, which
//! are closed, kept or followed by new ones. A late month takes the fold up again from there, so that the order of
//! arrival never shows.

mod circuits;
mod conform;
mod ders;
mod plan;

mod records;
mod scd2;

use std::collections::BTreeSet;

use super::PipelineError;
use super::bronze::BronzeTables;
use super::progress::{Step, Tracker};
use super::rejected::{self, Scope};
use super::store::{self, Part};
use super::tables::{self, Table};
use crate::config::{Grain, UtilityAdapter};
use crate::engine::Session;
use crate::lake::{Column, DataFile, Frame, Relation, Written};
use crate::model::{Dataset, Delivery, Month, Stage};
use crate::pipeline::bronze::ColumnStatistics;

pub use conform::{checked_records, circuits_sql, ders_sql};
pub use plan::Plan;

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
    format!("feederscope/{}", adapter.id)
}

/// A utility's silver rows, as committed.
pub struct Silver {
    /// Every version of its feeders.
    pub feeders: Relation,
    /// Every version of its DERs.
    pub ders: Relation,
}

impl Silver {
    /// Opens the utility's part of the tables.
    ///
    /// # Errors
    /// A table cannot be read.
    pub fn open(bronze: &BronzeTables<'_>) -> Result<Self, PipelineError> {
        let part = |table: &Table| -> Result<Relation, PipelineError> {
            match bronze.lake.snapshot(&table.id())? {
                Some(snapshot) => Ok(snapshot.scan(|file| is_of(file, bronze.adapter))?),
                None => Ok(Frame::empty(&table.columns()).relation()),
            }
        };
        Ok(Self { feeders: part(&tables::FEEDERS)?, ders: part(&tables::DERS)? })
    }
}

/// Whether a data file of a table that is partitioned by utility holds the rows of this one.
pub(super) fn is_of(file: &DataFile, adapter: &UtilityAdapter) -> bool {
    file.partition_value("utility_id") == Some(adapter.id.as_str())
}

/// Versions of an entity.
enum Versions {
    /// In memory.
    Rows(Frame),
    /// Still to be computed, by a plan that goes straight into the table when no month follows.
    Plan(Box<Session>, String),
}

impl Versions {
    fn rows(self) -> Result<Frame, PipelineError> {
        match self {
            Self::Rows(rows) => Ok(rows),
            Self::Plan(mut session, sql) => Ok(session.query(&sql)?),
        }
    }
}

/// Folds a utility's months into silver, from `from` on, and commits the three tables.
pub struct Build<'a> {
    /// Where the rows come from.
    pub bronze: &'a BronzeTables<'a>,
    /// The first month that changed; `None` folds everything anew.
    pub from: Option<Month>,
    /// The run.
    pub run_id: &'a str,
    /// What the rows are made from.
    pub fingerprint: i64,
    /// What stands in a file's columns by its SHA-256, if it was counted when the file was loaded.
    pub statistics: &'a (dyn Fn(&str) -> Option<&'a ColumnStatistics> + Sync),
    /// Who wants to know.
    pub tracker: &'a Tracker<'a>,
}

impl Build<'_> {
    /// Runs the fold.
    ///
    /// # Errors
    /// A plan or a commit failed, or somebody asked to stop; a table that was not committed is as before.
    pub fn run(&self) -> Result<Silver, PipelineError> {
        let months: BTreeSet<Month> = Dataset::ALL
            .iter()
            .flat_map(|dataset| self.bronze.months(*dataset))
            .filter(|month| self.from.is_none_or(|from| *month >= from))
            .collect();
        let mut feeders = self.history_before(&tables::FEEDERS)?;
        let mut ders = Versions::Rows(self.history_before(&tables::DERS)?);
        let mut circuits = self.circuits_before(months.first().copied())?;
        for month in &months {
            if self.bronze.months(Dataset::Circuits).contains(month) {
                (feeders, circuits) = self.fold_circuits(*month, feeders)?;
            }
            ders = self.fold_ders(*month, ders.rows()?, &feeders, &circuits)?;
            self.tell(*month);
        }
        self.commit(&tables::FEEDER_CIRCUITS, Versions::Rows(circuits))?;
        self.commit(&tables::FEEDERS, Versions::Rows(feeders))?;
        self.commit(&tables::DERS, ders)?;
        Silver::open(self.bronze)
    }

    fn tell(&self, month: Month) {
        let rows: u64 = self.bronze.files.iter().filter(|file| file.month == month).map(|file| file.rows).sum();
        self.tracker.tell(Step::Silver, format!("{} {month}", self.bronze.adapter.id), rows);
    }

    fn session(&self) -> Session {
        Session::new(self.bronze.cancel)
    }

    /// The utility's versions as they were before the first month that is folded.
    fn history_before(&self, table: &Table) -> Result<Frame, PipelineError> {
        let (Some(from), Some(snapshot)) = (self.from, self.bronze.lake.snapshot(&table.id())?) else {
            return Ok(Frame::default());
        };
        let mut session = self.session();
        session.register("history", snapshot.scan(|file| is_of(file, self.bronze.adapter))?);
        Ok(session.query(&scd2::rollback_to(&table.columns(), from))?)
    }

    /// The circuits as they were before the first month that is folded.
    fn circuits_before(&self, first: Option<Month>) -> Result<Frame, PipelineError> {
        let Some(first) = first else { return Ok(Frame::default()) };
        let earlier = self.bronze.months(Dataset::Circuits).into_iter().rfind(|month| *month < first);
        let segments = self.bronze.adapter.dataset(Dataset::Circuits).is_some_and(|dataset| dataset.grain == Grain::Segment);
        match earlier {
            Some(month) if segments => {
                let mut session = self.session();
                self.segments_as_of(&mut session, month)?;
                session.materialize("pairs", circuits::PAIRS)?;
                Ok(session.query(&circuits::circuits_of_segments(&self.bronze.adapter.id))?)
            }
            _ => Ok(Frame::default()),
        }
    }

    /// The feeders' versions and the circuits after a month's circuits file.
    fn fold_circuits(&self, month: Month, history: Frame) -> Result<(Frame, Frame), PipelineError> {
        let adapter = self.bronze.adapter;
        let Some(dataset) = adapter.dataset(Dataset::Circuits) else { return Ok((history, Frame::default())) };
        let mut session = self.session();
        self.records(&mut session, Dataset::Circuits, month)?;
        let (state, circuits) = match dataset.grain {
            Grain::Segment => {
                if self.stands_alone(month) {
                    session.create_view("segments", "SELECT * FROM records")?;
                } else {
                    self.segments_as_of(&mut session, month)?;
                }
                let state = circuits::feeders_of_segments(adapter, dataset).run(&mut session)?;
                (state, session.query(&circuits::circuits_of_segments(&adapter.id))?)
            }
            Grain::Entity => {
                session.register("history", history.relation());
                let carried = history.height() > 0 && dataset.delivery == Delivery::Incremental;
                (session.query(&circuits::feeders_of_rows(adapter, carried))?, Frame::default())
            }
        };
        session.register("state", state.relation());
        let versions = Self::advance(session, &history, &tables::FEEDERS.columns(), &["feeder_id"], month);
        Ok((versions.rows()?, circuits))
    }

    /// The DERs' versions after a month.
    fn fold_ders(&self, month: Month, history: Frame, feeders: &Frame, circuits: &Frame) -> Result<Versions, PipelineError> {
        let adapter = self.bronze.adapter;
        let carried = history.height() > 0;
        let mut session = self.session();
        let mut delivered = vec![Dataset::InstallDer, Dataset::PlannedDer];
        delivered.retain(|dataset| self.bronze.months(*dataset).contains(&month));
        if delivered.is_empty() && !carried {
            return Ok(Versions::Rows(history));
        }
        for dataset in &delivered {
            self.records(&mut session, *dataset, month)?;
            // With versions to compare with, the records are read more than once.
            let keep = if carried { Session::materialize } else { Session::create_view };
            keep(&mut session, dataset.as_str(), "SELECT * FROM records")?;
        }
        let is_snapshot =
            |dataset: &Dataset| adapter.dataset(*dataset).is_some_and(|dataset| dataset.delivery == Delivery::Snapshot);
        let snapshots: Vec<Dataset> = delivered.iter().copied().filter(is_snapshot).collect();
        session.register("history", history.relation());
        session.register("feeders", feeders.relation());
        session.register("circuits", circuits.relation());
        let links = ders::Links {
            adapter,
            delivered: &delivered,
            snapshots: &snapshots,
            carried,
            feeders: feeders.height() > 0,
            circuits: circuits.height() > 0,
        };
        let keep = if carried { Session::materialize } else { Session::create_view };
        keep(&mut session, "state", &links.sql())?;
        Ok(Self::advance(session, &history, &tables::DERS.columns(), &["status", "der_id"], month))
    }

    /// The versions after the month whose full state is relation `state`.
    fn advance(mut session: Session, history: &Frame, columns: &[Column], key: &[&str], month: Month) -> Versions {
        if history.height() == 0 {
            return Versions::Plan(Box::new(session), scd2::initial(columns, month));
        }
        session.register("history", history.relation());
        Versions::Plan(Box::new(session), scd2::merge(columns, key, month))
    }

    /// Whether the current segments after a month are those of its own file.
    fn stands_alone(&self, month: Month) -> bool {
        let snapshot =
            self.bronze.adapter.dataset(Dataset::Circuits).is_some_and(|dataset| dataset.delivery == Delivery::Snapshot);
        snapshot || self.bronze.months(Dataset::Circuits).first() == Some(&month)
    }

    /// Names the segments that are current after a month `segments`: of each key the last record up to then.
    fn segments_as_of(&self, session: &mut Session, month: Month) -> Result<(), PipelineError> {
        let Some(dataset) = self.bronze.adapter.dataset(Dataset::Circuits) else { return Ok(()) };
        let alone = self.stands_alone(month);
        let wanted = |m: Month| if alone { m == month } else { m <= month };
        let Some(rows) = self.bronze.rows(Dataset::Circuits, wanted)? else { return Ok(()) };
        session.register("bronze", rows);
        conform::records(self.bronze, dataset).create_views(session)?;
        Ok(session.materialize("segments", &circuits::segments_as_of(dataset))?)
    }

    /// Names the records of a month that may go on `records`, one for each key; the others are recorded as rejected.
    fn records(&self, session: &mut Session, dataset: Dataset, month: Month) -> Result<(), PipelineError> {
        let rejects = records::of_month(session, self.bronze, dataset, month, self.statistics)?;
        let scope =
            Scope { utility: &self.bronze.adapter.id, month, dataset, stage: Stage::Silver, source_file: None, keep_run: None };
        let rows = rejects.iter().map(|(file, finding)| scope.row(file, finding, self.run_id)).collect();
        rejected::replace(self.bronze.lake, &scope, rows, self.bronze.cancel)
    }

    fn commit(&self, table: &'static Table, versions: Versions) -> Result<(), PipelineError> {
        let partition = [("utility_id", self.bronze.adapter.id.as_str())];
        let written = match versions {
            Versions::Rows(rows) => {
                let mut writer = self.bronze.lake.write(&table.id(), &table.columns(), &partition)?;
                if rows.height() > 0 {
                    writer.push(&rows)?;
                }
                writer.finish()?
            }
            Versions::Plan(mut session, sql) => {
                let target = self.bronze.lake.target(&table.id(), &table.columns(), &partition)?;
                session.write(&sql, &target)?;
                target.finish()?
            }
        };
        replace_utility(self.bronze, table, vec![written], self.fingerprint)
    }
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
    store::replace_files(bronze.lake, &part, written, transactions, bronze.cancel)
}
