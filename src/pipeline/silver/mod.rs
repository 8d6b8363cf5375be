//! Bronze → silver: one model for all utilities, with the history of each feeder and DER.
//!
//! Silver is a fold over the months of bronze: the state after a month is compared with the current versions, which
//! are closed, kept or followed by new ones. A late month takes the fold up again from there, so that the order of
//! arrival never shows.

mod conform;
mod history;
mod records;

use std::collections::BTreeSet;

use super::bronze::{self, Standing};
use super::rejected::{self, Scope};
use super::{Observer, PipelineError, Progress, Step};
use crate::config::{Grain, UtilityAdapter, column_name};
use crate::engine::Session;
use crate::lake::{Change, Column, Frame, Lake, Layer, Relation, Snapshot, TableId, schema};
use crate::landing::Cancel;
use crate::model::{Dataset, Delivery, Month, Stage};

pub use conform::{circuits_sql, ders_sql};

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
                standing.extend(bronze::standing(&snapshot, dataset));
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
        let wanted =
            |file: &crate::lake::DataFile| file.partition_value("delivery_month").and_then(Month::parse).is_some_and(&keep);
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

/// A utility's silver rows after a build.
pub struct Silver {
    /// Every version of its feeders.
    pub feeders: Frame,
    /// Every version of its DERs.
    pub ders: Frame,
    /// The months that were folded anew.
    pub months: Vec<Month>,
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
    /// Who wants to know.
    pub observer: &'a dyn Observer,
    /// Rows done and expected before.
    pub before: Progress,
}

impl Build<'_> {
    /// Runs the fold.
    ///
    /// # Errors
    /// A plan or a commit failed, or somebody asked to stop; a table that was not committed is as before.
    pub fn run(&self) -> Result<Silver, PipelineError> {
        let months: Vec<Month> = Dataset::ALL
            .iter()
            .flat_map(|dataset| self.source.months(*dataset))
            .filter(|month| self.from.is_none_or(|from| *month >= from))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let mut feeders = self.history_before(&tables::feeders(), &schema::feeders())?;
        let mut ders = self.history_before(&tables::ders(), &schema::ders())?;
        let mut circuits = self.circuits_before(months.first().copied())?;
        for month in &months {
            let delivered = |dataset| self.source.months(dataset).contains(month);
            if delivered(Dataset::Circuits) {
                (feeders, circuits) = self.fold_circuits(*month, &feeders)?;
            }
            let (history, rows) = self.fold_ders(*month, &ders, &feeders, &circuits)?;
            ders = history;
            self.tell(*month, rows);
        }
        self.commit(&tables::feeder_circuits(), &schema::feeder_circuits(), &circuits)?;
        self.commit(&tables::feeders(), &schema::feeders(), &feeders)?;
        self.commit(&tables::ders(), &schema::ders(), &ders)?;
        Ok(Silver { feeders, ders, months })
    }

    fn tell(&self, month: Month, rows: usize) {
        self.observer.progress(Progress {
            step: Step::Silver,
            subject: format!("{} {month}", self.source.adapter.id),
            rows_done: self.before.rows_done + rows as u64,
            rows_expected: self.before.rows_expected,
        });
    }

    fn session(&self) -> Session {
        Session::new(self.source.cancel)
    }

    /// The utility's versions as they were before the first month that is folded.
    fn history_before(&self, table: &TableId, columns: &[Column]) -> Result<Frame, PipelineError> {
        let (Some(from), Some(snapshot)) = (self.from, self.source.lake.snapshot(table)?) else { return Ok(Frame::default()) };
        let mut session = self.session();
        session.register(
            "history",
            snapshot.scan(|file| file.partition_value("utility_id") == Some(self.source.adapter.id.as_str()))?,
        );
        Ok(session.query(&history::before(columns, from))?)
    }

    /// The circuits as they were before the first month that is folded.
    fn circuits_before(&self, first: Option<Month>) -> Result<Frame, PipelineError> {
        let Some(first) = first else { return Ok(Frame::default()) };
        let earlier = self.source.months(Dataset::Circuits).into_iter().rfind(|month| *month < first);
        let segments = self.source.adapter.dataset(Dataset::Circuits).is_some_and(|dataset| dataset.grain == Grain::Segment);
        match earlier {
            Some(month) if segments => self.circuits_of(&self.segments_as_of(month, None)?),
            _ => Ok(Frame::default()),
        }
    }

    /// The feeders' versions and the circuits after a month's circuits file.
    fn fold_circuits(&self, month: Month, history: &Frame) -> Result<(Frame, Frame), PipelineError> {
        let Some(dataset) = self.source.adapter.dataset(Dataset::Circuits) else {
            return Ok((history.clone(), Frame::default()));
        };
        let records = self.records(Dataset::Circuits, month)?;
        let mut session = self.session();
        let (state, circuits) = match dataset.grain {
            Grain::Segment => {
                let segments = self.segments_as_of(month, Some(records))?;
                session.register("segments", segments.relation());
                (session.query(&conform::feeders_of_segments(self.source.adapter, dataset))?, self.circuits_of(&segments)?)
            }
            Grain::Entity => {
                session.register("records", records.relation());
                session.register("history", history.relation());
                let carried = history.height() > 0 && dataset.delivery == Delivery::Incremental;
                (session.query(&conform::feeders_of_rows(self.source.adapter, carried))?, Frame::default())
            }
        };
        Ok((self.advance(&state, history, &schema::feeders(), &["feeder_id"], month)?, circuits))
    }

    /// The DERs' versions after a month, and the number of records that it brought.
    fn fold_ders(
        &self,
        month: Month,
        history: &Frame,
        feeders: &Frame,
        circuits: &Frame,
    ) -> Result<(Frame, usize), PipelineError> {
        let mut session = self.session();
        let mut parts = Vec::new();
        let mut replaced = Vec::new();
        let mut rows = 0;
        for dataset in [Dataset::InstallDer, Dataset::PlannedDer] {
            if !self.source.months(dataset).contains(&month) {
                continue;
            }
            let records = self.records(dataset, month)?;
            rows += records.height();
            session.register(dataset.as_str(), records.relation());
            parts.push(dataset);
            if self.source.adapter.dataset(dataset).is_some_and(|adapter| adapter.delivery == Delivery::Snapshot) {
                replaced.push(dataset);
            }
        }
        if parts.is_empty() && history.height() == 0 {
            return Ok((history.clone(), 0));
        }
        session.register("history", history.relation());
        session.register("feeders", feeders.relation());
        session.register("circuits", circuits.relation());
        let plan = conform::Links {
            adapter: self.source.adapter,
            delivered: &parts,
            snapshots: &replaced,
            carried: history.height() > 0,
            feeders: feeders.height() > 0,
            circuits: circuits.height() > 0,
        };
        let state = session.query(&plan.sql())?;
        Ok((self.advance(&state, history, &schema::ders(), &["status", "der_id"], month)?, rows))
    }

    fn advance(
        &self,
        state: &Frame,
        history: &Frame,
        columns: &[Column],
        key: &[&str],
        month: Month,
    ) -> Result<Frame, PipelineError> {
        if history.height() == 0 {
            return state
                .as_first_versions(&month.to_string())
                .map_err(|error| PipelineError::Rows { table: "silver".into(), message: error.to_string() });
        }
        let mut session = self.session();
        session.register("state", state.relation());
        session.register("history", history.relation());
        Ok(session.query(&history::next(columns, key, month))?)
    }

    fn circuits_of(&self, segments: &Frame) -> Result<Frame, PipelineError> {
        let mut session = self.session();
        session.register("segments", segments.relation());
        Ok(session.query(&conform::circuits_of_segments(&self.source.adapter.id))?)
    }

    /// The segments that are current after a month: the last record of each key up to then.
    fn segments_as_of(&self, month: Month, of_month: Option<Frame>) -> Result<Frame, PipelineError> {
        let Some(dataset) = self.source.adapter.dataset(Dataset::Circuits) else { return Ok(Frame::default()) };
        let months = self.source.months(Dataset::Circuits);
        let alone = dataset.delivery == Delivery::Snapshot || months.first() == Some(&month);
        if let (true, Some(frame)) = (alone, of_month) {
            return Ok(frame);
        }
        let wanted = |m: Month| if alone { m == month } else { m <= month };
        let Some(rows) = self.source.rows(Dataset::Circuits, wanted)? else { return Ok(Frame::default()) };
        let mut session = self.session();
        session.register("bronze", rows);
        conform::records(self.source, dataset).define(&mut session)?;
        Ok(session.query(&conform::segments_as_of(dataset))?)
    }

    /// The records of a month that may go on, one for each key; the others are recorded as rejected.
    fn records(&self, dataset: Dataset, month: Month) -> Result<Frame, PipelineError> {
        let (records, rejects) = records::of_month(self.source, dataset, month)?;
        let scope =
            Scope { utility: &self.source.adapter.id, month, dataset, stage: Stage::Silver, source_file: None, keep_run: None };
        let rows: Vec<_> = rejects.iter().map(|(file, finding)| scope.row(file, finding, self.run_id)).collect();
        rejected::replace(self.source.lake, &scope, &rows, self.source.cancel)?;
        Ok(records)
    }

    fn commit(&self, table: &TableId, columns: &[Column], rows: &Frame) -> Result<(), PipelineError> {
        replace_utility(self.source, table, columns, rows, self.fingerprint)
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

/// Replaces all rows of a utility in a table that is partitioned by utility.
///
/// # Errors
/// The rows do not fit, or the log cannot be written.
pub(super) fn replace_utility(
    source: &Source<'_>,
    table: &TableId,
    columns: &[Column],
    rows: &Frame,
    fingerprint: i64,
) -> Result<(), PipelineError> {
    let utility = source.adapter.id.as_str();
    let base = source.lake.snapshot(table)?;
    let remove = base.as_ref().map_or_else(Vec::new, |base| {
        base.files.iter().filter(|file| file.partition_value("utility_id") == Some(utility)).cloned().collect()
    });
    let mut add = Vec::new();
    if rows.height() > 0 {
        let mut writer = source.lake.write(table, columns, &[("utility_id", utility)])?;
        writer.push(rows)?;
        add.push(writer.finish()?);
    }
    if source.cancel.is_cancelled() {
        return Err(PipelineError::Cancelled);
    }
    let transaction = Some((marker(source.adapter), fingerprint));
    let change = Change { base: base.as_ref(), columns, partition_by: &["utility_id"], add, remove, transaction };
    source.lake.commit(table, change)?;
    Ok(())
}
