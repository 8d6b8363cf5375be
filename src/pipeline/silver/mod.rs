//! Bronze → silver: one model for all utilities, with the history of each feeder and DER.
//!
//! Silver is a fold over the months of bronze: the state after a month is compared with the current versions, which
//! are closed, kept or followed by new ones. A late month takes the fold up again from there, so that the order of
//! arrival never shows.

mod circuits;
mod conform;
mod ders;
mod history;
mod records;

use std::collections::BTreeSet;

use super::PipelineError;
use super::progress::{Step, Tracker};
use super::rejected::{self, Scope};
use super::standing::{self, Standing};
use crate::config::{Grain, UtilityAdapter, column_name};
use crate::engine::Session;
use crate::lake::{Change, Column, DataFile, Frame, Lake, Layer, Relation, Snapshot, TableId, Written, schema};
use crate::landing::Tally;
use crate::model::{Cancel, Dataset, Delivery, Month, Stage};

pub use conform::{Steps, checked_records, circuits_sql, ders_sql};

/// A utility's bronze tables as of one moment, and how to read them.
pub struct Source<'a> {
    /// The lake.
    pub lake: &'a Lake,
    /// The utility's adapter.
    pub adapter: &'a UtilityAdapter,
    /// The bronze tables that exist.
    pub tables: Vec<(Dataset, Snapshot)>,
    /// The deliveries in them.
    pub standing: Vec<Standing>,
    /// Headers of files, for the plans of datasets that have no table yet.
    pub headers: Vec<(Dataset, Vec<String>)>,
    /// A wish to stop.
    pub cancel: &'a Cancel,
}

impl<'a> Source<'a> {
    /// Opens the bronze tables of a utility.
    ///
    /// # Errors
    /// A log cannot be read.
    pub fn open(lake: &'a Lake, adapter: &'a UtilityAdapter, cancel: &'a Cancel) -> Result<Self, PipelineError> {
        let mut tables = Vec::new();
        let mut standing = Vec::new();
        for dataset in Dataset::ALL {
            if adapter.dataset(dataset).is_some()
                && let Some(snapshot) = lake.snapshot(&TableId::bronze(&adapter.id, dataset))?
            {
                standing.extend(standing::standing(&snapshot, dataset));
                tables.push((dataset, snapshot));
            }
        }
        Ok(Self { lake, adapter, tables, standing, headers: Vec::new(), cancel })
    }

    /// The months that a dataset was delivered for.
    pub fn months(&self, dataset: Dataset) -> BTreeSet<Month> {
        self.standing.iter().filter(|standing| standing.dataset == dataset).map(|standing| standing.month).collect()
    }

    /// The columns of a dataset's bronze table, or of the headers where there is none.
    pub fn columns(&self, dataset: Dataset) -> Vec<String> {
        let of_header = || {
            self.headers
                .iter()
                .filter(|(of, _)| *of == dataset)
                .flat_map(|(_, labels)| labels)
                .map(|label| column_name(label))
                .collect()
        };
        self.table(dataset).map_or_else(of_header, |table| table.columns.iter().map(|column| column.name.clone()).collect())
    }

    /// The bronze table of a dataset.
    pub fn table(&self, dataset: Dataset) -> Option<&Snapshot> {
        self.tables.iter().find(|(name, _)| *name == dataset).map(|(_, table)| table)
    }

    /// The bronze rows of the months that `keep` wants.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn rows(&self, dataset: Dataset, keep: impl Fn(Month) -> bool) -> Result<Option<Relation>, PipelineError> {
        let Some(table) = self.table(dataset) else { return Ok(None) };
        let wanted = |file: &DataFile| file.partition_value("delivery_month").and_then(Month::parse).is_some_and(&keep);
        Ok(Some(table.scan(wanted)?))
    }

    /// A number that differs whenever the deliveries, the adapter or the plans differ: what silver was made from.
    pub fn fingerprint(&self) -> i64 {
        let mut parts: Vec<String> =
            self.standing.iter().map(|s| format!("{}|{}|{}|{}", s.dataset, s.month, s.source_file, s.sha256)).collect();
        parts.sort();
        for (dataset, _) in &self.tables {
            parts.push(conform::fingerprint(self, *dataset));
        }
        (xxhash_rust::xxh64::xxh64(parts.join("\n").as_bytes(), 0) >> 1).cast_signed()
    }
}

/// The name under which the silver and upper tables record what a utility's rows were made from.
pub fn marker(adapter: &UtilityAdapter) -> String {
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
    pub fn open(source: &Source<'_>) -> Result<Self, PipelineError> {
        let part = |table: &TableId, columns: &[Column]| -> Result<Relation, PipelineError> {
            match source.lake.snapshot(table)? {
                Some(snapshot) => Ok(snapshot.scan(|file| is_of(file, source.adapter))?),
                None => Ok(Frame::empty(columns).relation()),
            }
        };
        Ok(Self { feeders: part(&tables::feeders(), &schema::feeders())?, ders: part(&tables::ders(), &schema::ders())? })
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
    pub source: &'a Source<'a>,
    /// The first month that changed; `None` folds everything anew.
    pub from: Option<Month>,
    /// The run.
    pub run_id: &'a str,
    /// What the rows are made from.
    pub fingerprint: i64,
    /// What stands in a file's columns by its SHA-256, if it was counted when the file was loaded.
    pub tally: &'a (dyn Fn(&str) -> Option<&'a Tally> + Sync),
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
            .flat_map(|dataset| self.source.months(*dataset))
            .filter(|month| self.from.is_none_or(|from| *month >= from))
            .collect();
        let mut feeders = self.history_before(&tables::feeders(), &schema::feeders())?;
        let mut ders = Versions::Rows(self.history_before(&tables::ders(), &schema::ders())?);
        let mut circuits = self.circuits_before(months.first().copied())?;
        for month in &months {
            if self.source.months(Dataset::Circuits).contains(month) {
                (feeders, circuits) = self.fold_circuits(*month, feeders)?;
            }
            ders = self.fold_ders(*month, ders.rows()?, &feeders, &circuits)?;
            self.tell(*month);
        }
        self.commit(&tables::feeder_circuits(), &schema::feeder_circuits(), Versions::Rows(circuits))?;
        self.commit(&tables::feeders(), &schema::feeders(), Versions::Rows(feeders))?;
        self.commit(&tables::ders(), &schema::ders(), ders)?;
        Silver::open(self.source)
    }

    fn tell(&self, month: Month) {
        let rows: u64 =
            self.source.standing.iter().filter(|standing| standing.month == month).map(|standing| standing.rows).sum();
        self.tracker.tell(Step::Silver, format!("{} {month}", self.source.adapter.id), rows);
    }

    fn session(&self) -> Session {
        Session::new(self.source.cancel)
    }

    /// The utility's versions as they were before the first month that is folded.
    fn history_before(&self, table: &TableId, columns: &[Column]) -> Result<Frame, PipelineError> {
        let (Some(from), Some(snapshot)) = (self.from, self.source.lake.snapshot(table)?) else { return Ok(Frame::default()) };
        let mut session = self.session();
        session.register("history", snapshot.scan(|file| is_of(file, self.source.adapter))?);
        Ok(session.query(&history::before(columns, from))?)
    }

    /// The circuits as they were before the first month that is folded.
    fn circuits_before(&self, first: Option<Month>) -> Result<Frame, PipelineError> {
        let Some(first) = first else { return Ok(Frame::default()) };
        let earlier = self.source.months(Dataset::Circuits).into_iter().rfind(|month| *month < first);
        let segments = self.source.adapter.dataset(Dataset::Circuits).is_some_and(|dataset| dataset.grain == Grain::Segment);
        match earlier {
            Some(month) if segments => {
                let mut session = self.session();
                self.segments_as_of(&mut session, month)?;
                session.settle("pairs", circuits::PAIRS)?;
                Ok(session.query(&circuits::circuits_of_segments(&self.source.adapter.id))?)
            }
            _ => Ok(Frame::default()),
        }
    }

    /// The feeders' versions and the circuits after a month's circuits file.
    fn fold_circuits(&self, month: Month, history: Frame) -> Result<(Frame, Frame), PipelineError> {
        let adapter = self.source.adapter;
        let Some(dataset) = adapter.dataset(Dataset::Circuits) else { return Ok((history, Frame::default())) };
        let mut session = self.session();
        self.records(&mut session, Dataset::Circuits, month)?;
        let (state, circuits) = match dataset.grain {
            Grain::Segment => {
                if self.stands_alone(month) {
                    session.define("segments", "SELECT * FROM records")?;
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
        let versions = Self::advance(session, &history, &schema::feeders(), &["feeder_id"], month);
        Ok((versions.rows()?, circuits))
    }

    /// The DERs' versions after a month.
    fn fold_ders(&self, month: Month, history: Frame, feeders: &Frame, circuits: &Frame) -> Result<Versions, PipelineError> {
        let adapter = self.source.adapter;
        let carried = history.height() > 0;
        let mut session = self.session();
        let mut delivered = vec![Dataset::InstallDer, Dataset::PlannedDer];
        delivered.retain(|dataset| self.source.months(*dataset).contains(&month));
        if delivered.is_empty() && !carried {
            return Ok(Versions::Rows(history));
        }
        for dataset in &delivered {
            self.records(&mut session, *dataset, month)?;
            // With versions to compare with, the records are read more than once.
            let keep = if carried { Session::settle } else { Session::define };
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
        let keep = if carried { Session::settle } else { Session::define };
        keep(&mut session, "state", &links.sql())?;
        Ok(Self::advance(session, &history, &schema::ders(), &["status", "der_id"], month))
    }

    /// The versions after the month whose full state is relation `state`.
    fn advance(mut session: Session, history: &Frame, columns: &[Column], key: &[&str], month: Month) -> Versions {
        if history.height() == 0 {
            return Versions::Plan(Box::new(session), history::first(columns, month));
        }
        session.register("history", history.relation());
        Versions::Plan(Box::new(session), history::next(columns, key, month))
    }

    /// Whether the current segments after a month are those of its own file.
    fn stands_alone(&self, month: Month) -> bool {
        let snapshot =
            self.source.adapter.dataset(Dataset::Circuits).is_some_and(|dataset| dataset.delivery == Delivery::Snapshot);
        snapshot || self.source.months(Dataset::Circuits).first() == Some(&month)
    }

    /// Names the segments that are current after a month `segments`: of each key the last record up to then.
    fn segments_as_of(&self, session: &mut Session, month: Month) -> Result<(), PipelineError> {
        let Some(dataset) = self.source.adapter.dataset(Dataset::Circuits) else { return Ok(()) };
        let alone = self.stands_alone(month);
        let wanted = |m: Month| if alone { m == month } else { m <= month };
        let Some(rows) = self.source.rows(Dataset::Circuits, wanted)? else { return Ok(()) };
        session.register("bronze", rows);
        conform::records(self.source, dataset).define(session)?;
        Ok(session.settle("segments", &circuits::segments_as_of(dataset))?)
    }

    /// Names the records of a month that may go on `records`, one for each key; the others are recorded as rejected.
    fn records(&self, session: &mut Session, dataset: Dataset, month: Month) -> Result<(), PipelineError> {
        let rejects = records::of_month(session, self.source, dataset, month, self.tally)?;
        let scope =
            Scope { utility: &self.source.adapter.id, month, dataset, stage: Stage::Silver, source_file: None, keep_run: None };
        let rows: Vec<_> = rejects.iter().map(|(file, finding)| scope.row(file, finding, self.run_id)).collect();
        rejected::replace(self.source.lake, &scope, &rows, self.source.cancel)
    }

    fn commit(&self, table: &TableId, columns: &[Column], versions: Versions) -> Result<(), PipelineError> {
        let partition = [("utility_id", self.source.adapter.id.as_str())];
        let written = match versions {
            Versions::Rows(rows) => {
                let mut writer = self.source.lake.write(table, columns, &partition)?;
                if rows.height() > 0 {
                    writer.push(&rows)?;
                }
                writer.finish()?
            }
            Versions::Plan(mut session, sql) => {
                let target = self.source.lake.target(table, columns, &partition)?;
                session.write(&sql, &target)?;
                target.finish()?
            }
        };
        replace_utility(self.source, table, columns, vec![written], self.fingerprint)
    }
}

/// The silver tables.
pub mod tables {
    use super::{Layer, TableId};

    /// `silver/feeders`.
    pub fn feeders() -> TableId {
        TableId::new(Layer::Silver, "feeders")
    }

    /// `silver/feeder_circuits`.
    pub fn feeder_circuits() -> TableId {
        TableId::new(Layer::Silver, "feeder_circuits")
    }

    /// `silver/ders`.
    pub fn ders() -> TableId {
        TableId::new(Layer::Silver, "ders")
    }
}

/// Replaces all rows of a utility in a table that is partitioned by utility by those of new files.
///
/// # Errors
/// The log cannot be written.
pub(super) fn replace_utility(
    source: &Source<'_>,
    table: &TableId,
    columns: &[Column],
    written: Vec<Written>,
    fingerprint: i64,
) -> Result<(), PipelineError> {
    let _turn = source.lake.turn();
    let base = source.lake.snapshot(table)?;
    let remove = base
        .as_ref()
        .map_or_else(Vec::new, |base| base.files.iter().filter(|file| is_of(file, source.adapter)).cloned().collect());
    if source.cancel.is_cancelled() {
        return Err(PipelineError::Cancelled);
    }
    let add = written.into_iter().filter(|file| file.rows > 0).collect();
    let transactions = vec![(marker(source.adapter), fingerprint)];
    let change = Change { base: base.as_ref(), columns, partition_by: &["utility_id"], add, remove, transactions };
    source.lake.commit(table, change)?;
    Ok(())
}
