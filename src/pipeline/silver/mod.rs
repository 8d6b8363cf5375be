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
use crate::engine::{EngineError, Materialized, Session};
use crate::frame::Relation;
use crate::lake::Written;
use crate::model::{Dataset, Delivery, Month, Stage};
use crate::pipeline::bronze::ColumnStatistics;

pub(crate) use conform::{checked_records, circuits_sql, ders_sql};

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
        Ok(Self { feeders: store::of_utility(bronze, &tables::FEEDERS)?, ders: store::of_utility(bronze, &tables::DERS)? })
    }
}

/// Versions of an entity.
enum Versions {
    /// Computed.
    Computed(Materialized),
    /// Still to be computed, by a plan that goes straight into the table when no month follows.
    Plan(Box<dyn Session>, String),
}

impl Versions {
    fn compute(self) -> Result<Materialized, PipelineError> {
        match self {
            Self::Computed(versions) => Ok(versions),
            Self::Plan(mut session, sql) => Ok(session.materialize("versions", &sql)?),
        }
    }
}

/// Folds a utility's months into silver, from `from` on, and commits the three tables.
pub struct Build<'a> {
    /// Where the rows come from.
    pub bronze: &'a BronzeTables<'a>,
    /// The first month that changed; `None` folds everything again.
    pub from: Option<Month>,
    /// The run.
    pub run_id: &'a str,
    /// What the rows are made from.
    pub fingerprint: i64,
    /// What is in a file's columns by its SHA-256, if it was counted when the file was loaded.
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
        let mut ders = Versions::Computed(self.history_before(&tables::DERS)?);
        let mut circuits = self.circuits_before(months.first().copied())?;
        for month in &months {
            if self.bronze.months(Dataset::Circuits).contains(month) {
                (feeders, circuits) = self.fold_circuits(*month, feeders)?;
            }
            ders = self.fold_ders(*month, ders.compute()?, &feeders, &circuits)?;
            self.tell(*month);
        }
        self.commit(&tables::FEEDER_CIRCUITS, Versions::Computed(circuits))?;
        self.commit(&tables::FEEDERS, Versions::Computed(feeders))?;
        self.commit(&tables::DERS, ders)?;
        Silver::open(self.bronze)
    }

    fn tell(&self, month: Month) {
        let rows: u64 = self.bronze.files.iter().filter(|file| file.month == month).map(|file| file.rows).sum();
        self.tracker.tell(Step::Silver, format!("{} {month}", self.bronze.adapter.id), rows);
    }

    fn session(&self) -> Result<Box<dyn Session>, PipelineError> {
        Ok(self.bronze.work.session()?)
    }

    /// The utility's versions as they were before the first month that is folded.
    fn history_before(&self, table: &Table) -> Result<Materialized, PipelineError> {
        let Some(from) = self.from else { return Ok(Materialized::default()) };
        let mut session = self.session()?;
        session.register("history", &store::of_utility(self.bronze, table)?)?;
        Ok(session.materialize("versions", &scd2::rollback_to(&table.columns(), from))?)
    }

    /// The circuits as they were before the first month that is folded.
    fn circuits_before(&self, first: Option<Month>) -> Result<Materialized, PipelineError> {
        let Some(first) = first else { return Ok(Materialized::default()) };
        let earlier = self.bronze.months(Dataset::Circuits).into_iter().rfind(|month| *month < first);
        let segments = self.bronze.adapter.dataset(Dataset::Circuits).is_some_and(|dataset| dataset.grain == Grain::Segment);
        match earlier {
            Some(month) if segments => {
                let mut session = self.session()?;
                self.segments_as_of(session.as_mut(), month)?;
                session.materialize("pairs", circuits::PAIRS)?;
                Ok(session.materialize("circuits", &circuits::circuits_of_segments(&self.bronze.adapter.id))?)
            }
            _ => Ok(Materialized::default()),
        }
    }

    /// The feeders' versions and the circuits after a month's circuits file.
    fn fold_circuits(&self, month: Month, history: Materialized) -> Result<(Materialized, Materialized), PipelineError> {
        let adapter = self.bronze.adapter;
        let Some(dataset) = adapter.dataset(Dataset::Circuits) else { return Ok((history, Materialized::default())) };
        let mut session = self.session()?;
        self.records(session.as_mut(), Dataset::Circuits, month)?;
        let (state, circuits) = match dataset.grain {
            Grain::Segment => {
                if self.stands_alone(month) {
                    session.create_view("segments", "SELECT * FROM records")?;
                } else {
                    self.segments_as_of(session.as_mut(), month)?;
                }
                let state = circuits::feeders_of_segments(adapter, dataset).run(session.as_mut())?;
                (state, session.materialize("circuits", &circuits::circuits_of_segments(&adapter.id))?)
            }
            Grain::Entity => {
                session.register("history", &history.relation)?;
                let carried = history.rows > 0 && dataset.delivery == Delivery::Incremental;
                (session.materialize("state", &circuits::feeders_of_rows(adapter, carried))?, Materialized::default())
            }
        };
        session.register("state", &state.relation)?;
        let versions = Self::advance(session, &history, &tables::FEEDERS, &["feeder_id"], month)?;
        Ok((versions.compute()?, circuits))
    }

    /// The DERs' versions after a month.
    fn fold_ders(
        &self,
        month: Month,
        history: Materialized,
        feeders: &Materialized,
        circuits: &Materialized,
    ) -> Result<Versions, PipelineError> {
        let adapter = self.bronze.adapter;
        let carried = history.rows > 0;
        let mut session = self.session()?;
        let mut delivered = vec![Dataset::InstallDer, Dataset::PlannedDer];
        delivered.retain(|dataset| self.bronze.months(*dataset).contains(&month));
        if delivered.is_empty() && !carried {
            return Ok(Versions::Computed(history));
        }
        for dataset in &delivered {
            self.records(session.as_mut(), *dataset, month)?;
            keep(session.as_mut(), dataset.as_str(), "SELECT * FROM records", carried)?;
        }
        let is_snapshot =
            |dataset: &Dataset| adapter.dataset(*dataset).is_some_and(|dataset| dataset.delivery == Delivery::Snapshot);
        let snapshots: Vec<Dataset> = delivered.iter().copied().filter(is_snapshot).collect();
        session.register("history", &history.relation)?;
        session.register("feeders", &feeders.relation)?;
        session.register("circuits", &circuits.relation)?;
        let links = ders::Links {
            adapter,
            delivered: &delivered,
            snapshots: &snapshots,
            carried,
            feeders: feeders.rows > 0,
            circuits: circuits.rows > 0,
        };
        keep(session.as_mut(), "state", &links.sql(), carried)?;
        Self::advance(session, &history, &tables::DERS, &["status", "der_id"], month)
    }

    /// The versions after the month whose full state is relation `state`.
    fn advance(
        mut session: Box<dyn Session>,
        history: &Materialized,
        table: &Table,
        key: &[&str],
        month: Month,
    ) -> Result<Versions, PipelineError> {
        let columns = table.columns();
        if history.rows == 0 {
            return Ok(Versions::Plan(session, scd2::initial(&columns, month)));
        }
        session.register("history", &history.relation)?;
        Ok(Versions::Plan(session, scd2::merge(&columns, key, month)))
    }

    /// Whether the current segments after a month are those of its own file.
    fn stands_alone(&self, month: Month) -> bool {
        let snapshot =
            self.bronze.adapter.dataset(Dataset::Circuits).is_some_and(|dataset| dataset.delivery == Delivery::Snapshot);
        snapshot || self.bronze.months(Dataset::Circuits).first() == Some(&month)
    }

    /// Names the segments that are current after a month `segments`: of each key the last record up to then.
    fn segments_as_of(&self, session: &mut dyn Session, month: Month) -> Result<(), PipelineError> {
        let Some(dataset) = self.bronze.adapter.dataset(Dataset::Circuits) else { return Ok(()) };
        let alone = self.stands_alone(month);
        let wanted = |m: Month| if alone { m == month } else { m <= month };
        let Some(rows) = self.bronze.rows(Dataset::Circuits, wanted)? else { return Ok(()) };
        session.register("bronze", &rows)?;
        conform::records(self.bronze, dataset).create_views(session)?;
        session.materialize("segments", &circuits::segments_as_of(dataset))?;
        Ok(())
    }

    /// Names the records of a month that may go on `records`, one for each key; the others are recorded as rejected.
    fn records(&self, session: &mut dyn Session, dataset: Dataset, month: Month) -> Result<(), PipelineError> {
        let rejects = records::of_month(session, self.bronze, dataset, month, self.statistics)?;
        let scope =
            Scope { utility: &self.bronze.adapter.id, month, dataset, stage: Stage::Silver, source_file: None, keep_run: None };
        let rows = rejects.iter().map(|(file, finding)| scope.row(file, finding, self.run_id)).collect();
        rejected::replace(self.bronze.lake, &scope, rows, self.bronze.work)
    }

    fn commit(&self, table: &'static Table, versions: Versions) -> Result<(), PipelineError> {
        let (mut session, sql) = match versions {
            Versions::Computed(versions) if versions.rows == 0 => {
                return replace_utility(self.bronze, table, Vec::new(), self.fingerprint);
            }
            Versions::Computed(versions) => {
                let mut session = self.session()?;
                session.register("versions", &versions.relation)?;
                (session, "SELECT * FROM versions".to_owned())
            }
            Versions::Plan(session, sql) => (session, sql),
        };
        let partition = [("utility_id", self.bronze.adapter.id.as_str())];
        let target = self.bronze.lake.target(&table.id(), &table.columns(), &partition)?;
        let files = session.write(&sql, &target)?;
        replace_utility(self.bronze, table, target.finish(&files)?, self.fingerprint)
    }
}

/// Gives a query's rows a name; computed once where there are versions to compare with, as they are read more than once then.
fn keep(session: &mut dyn Session, name: &str, sql: &str, carried: bool) -> Result<(), EngineError> {
    if carried { session.materialize(name, sql).map(drop) } else { session.create_view(name, sql) }
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
