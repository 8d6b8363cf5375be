//! The current segments of a utility whose months deliver changes only.
//!
//! They are kept in `silver/segments`, so that a month reads what was current before it and not every month of bronze.

use super::Build;
use super::circuits::stated;
use super::plan::{keys as keys_of, without_key};
use crate::config::DatasetAdapter;
use crate::engine::{Materialized, Session};
use crate::model::{Dataset, Delivery, Month};
use crate::pipeline::PipelineError;
use crate::pipeline::kept::{Difference, KeptRows};
use crate::pipeline::patches::Patches;
use crate::pipeline::sql::{LINEAGE, record_key, text};
use crate::pipeline::store::Transactions;
use crate::pipeline::tables;

/// What a month did to the segments.
#[derive(Default)]
pub(super) struct Folded {
    /// The places of the records that it replaced, where they were not all of the month before.
    pub(super) replaced: Option<Materialized>,
    /// The pairs of feeder and circuit whose segments may differ from before; `None` where nobody looked, or of a snapshot, whose records are
    /// all read anyhow: what of them is new would be looked for first.
    pub(super) touched: Option<Materialized>,
}

/// The current segments while months are folded into them.
pub(super) struct Segments<'b, 'a> {
    build: &'b Build<'a>,
    dataset: &'b DatasetAdapter,
    patches: Patches<'b>,
    /// The month whose records are all current segments, while a later one may take their place: the patches say nothing of it yet.
    whole: Option<Month>,
}

impl<'b, 'a> Segments<'b, 'a> {
    /// The segments as they were before the first month that is folded.
    ///
    /// # Errors
    /// A table cannot be read.
    pub(super) fn before(build: &'b Build<'a>, dataset: &'b DatasetAdapter) -> Result<Self, PipelineError> {
        let bronze = build.bronze;
        let patches = Patches::before(bronze, &tables::SEGMENTS, super::of_utility(bronze), build.from())?;
        let mut segments = Self { build, dataset, patches, whole: None };
        if let Some(from) = build.from().filter(|_| !segments.is_snapshot()) {
            segments.catch_up(from)?;
        }
        Ok(segments)
    }

    /// Takes in a month's circuits file; a snapshot's segments are named in the session.
    ///
    /// # Errors
    /// A file cannot be read or written, or somebody asked to stop.
    pub(super) fn fold(&mut self, session: &mut dyn Session, month: Month) -> Result<Folded, PipelineError> {
        if self.is_snapshot() {
            self.build.records(session, Dataset::Circuits, month)?;
            return Ok(Folded::default());
        }
        let mut plan = self.build.session()?;
        self.build.records(plan.as_mut(), Dataset::Circuits, month)?;
        self.take(plan, month, (self.build.bronze.row_count(Dataset::Circuits, month), true))
    }

    /// Names the segments that are current after the month that was folded `segments`; with a column, those alone whose value in it relation
    /// `touched` holds.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn name_folded(&self, session: &mut dyn Session, of: Option<&str>) -> Result<(), PipelineError> {
        if self.is_snapshot() {
            return Ok(session.create_view("segments", "SELECT * FROM records")?);
        }
        let join = of.map_or_else(String::new, |column| format!(" LEFT SEMI JOIN touched AS t ON l.{column} = t.{column}"));
        if let Some(month) = self.whole {
            self.name_delivered(session, "all_segments", month)?;
            return Ok(session.create_view("segments", &format!("SELECT l.* FROM all_segments AS l{join}"))?);
        }
        let columns: Vec<&str> = tables::SEGMENTS.column_names().collect();
        Ok(self.patches.name_current_of(session, "segments", &columns, &join)?)
    }

    /// Names the segments that are current before a month `segments`; whether there are any.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn name_before(&mut self, session: &mut dyn Session, month: Month) -> Result<bool, PipelineError> {
        let earlier = self.build.bronze.months(Dataset::Circuits).into_iter().rfind(|other| *other < month);
        let Some(earlier) = earlier else { return Ok(false) };
        if self.is_snapshot() {
            self.build.records(session, Dataset::Circuits, earlier)?;
        }
        self.name_folded(session, None)?;
        Ok(true)
    }

    /// Whether a month brought every segment that is current after it.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn are_all_of(&self, month: Month) -> Result<bool, PipelineError> {
        if self.is_snapshot() || self.whole == Some(month) {
            return Ok(true);
        }
        let mut session = self.build.session()?;
        self.name(session.as_mut(), "segments")?;
        let others = session.query(&format!("SELECT COUNT(record_key) AS n FROM segments WHERE delivery_month <> '{month}'"))?;
        Ok(others.count("n", 0) == 0)
    }

    /// Goes on as the table does, of which nothing changed from `rejoined` on.
    ///
    /// # Errors
    /// The table cannot be read.
    pub(super) fn rejoin(self, from: Option<Month>, rejoined: Option<Month>) -> Result<Self, PipelineError> {
        let table = self.patches.rejoined(from, rejoined)?;
        Ok(if let Some(patches) = table { Self { patches, whole: None, ..self } } else { self })
    }

    /// Adds what changed to the table.
    ///
    /// # Errors
    /// The log cannot be written.
    pub(super) fn commit(mut self, transactions: Transactions) -> Result<(), PipelineError> {
        self.settle()?;
        self.patches.commit(transactions)
    }

    fn is_snapshot(&self) -> bool {
        self.dataset.delivery == Delivery::Snapshot
    }

    fn name(&self, session: &mut dyn Session, name: &str) -> Result<(), PipelineError> {
        if let Some(month) = self.whole {
            return self.name_delivered(session, name, month);
        }
        let columns: Vec<&str> = tables::SEGMENTS.column_names().collect();
        Ok(self.patches.name_current(session, name, &columns)?)
    }

    /// Names the segments that a month delivered, whose rejected records are settled.
    fn name_delivered(&self, session: &mut dyn Session, name: &str, month: Month) -> Result<(), PipelineError> {
        KeptRows::of(self.build.bronze, Dataset::Circuits, month)?.name(session, "bronze", |_| true)?;
        super::conform::records(self.build.bronze, self.dataset).create_views(session)?;
        Ok(session.create_view(name, &self.rows_of_records())?)
    }

    /// Puts the segments that no later month took the place of into a patch.
    fn settle(&mut self) -> Result<(), PipelineError> {
        let Some(month) = self.whole.take() else { return Ok(()) };
        let mut plan = self.build.session()?;
        self.name_delivered(plan.as_mut(), "delivered", month)?;
        let rows = self.build.bronze.row_count(Dataset::Circuits, month);
        self.patches.replace(plan, "SELECT * FROM delivered", rows, month)
    }

    /// Takes in the months before one that the patches do not know, from the last one on that brought every segment.
    fn catch_up(&mut self, month: Month) -> Result<(), PipelineError> {
        let known = self.patches.as_of();
        let complete = self.build.unchanged.last_complete_before(Dataset::Circuits, month);
        let unknown = |other: Month| {
            other < month && known.is_none_or(|known| other > known) && complete.is_none_or(|complete| other >= complete)
        };
        let bronze = self.build.bronze;
        let months: Vec<Month> = bronze.months(Dataset::Circuits).into_iter().filter(|month| unknown(*month)).collect();
        let mut plan = self.build.session()?;
        if let [only] = months.as_slice() {
            self.build.records(plan.as_mut(), Dataset::Circuits, *only)?;
            return self.take(plan, *only, (bronze.row_count(Dataset::Circuits, *only), true)).map(drop);
        }
        let (Some(rows), Some(newest)) = (bronze.rows(Dataset::Circuits, unknown)?, months.last()) else { return Ok(()) };
        plan.register("bronze", &rows)?;
        super::conform::records(bronze, self.dataset).create_views(plan.as_mut())?;
        plan.create_view("all_records", &format!("SELECT * FROM records WHERE NOT ({})", without_key(self.dataset)))?;
        plan.create_view("records", &last_of_each_key(self.dataset, &bronze.order(Dataset::Circuits, unknown)))?;
        let rows = months.iter().map(|month| bronze.row_count(Dataset::Circuits, *month)).sum();
        self.take(plan, *newest, (rows, false)).map(drop)
    }

    /// Takes in relation `records` of a session, so many at most, with one record of each key; whether they are those of the month alone.
    fn take(
        &mut self,
        mut plan: Box<dyn Session>,
        month: Month,
        (rows, are_of_month): (u64, bool),
    ) -> Result<Folded, PipelineError> {
        let is_first = self.whole.is_none() && self.patches.as_of().is_none();
        let takes_all = if is_first { Some(None) } else { self.takes_the_place_of_all(month)?.map(Some) };
        let is_last = self.build.bronze.months(Dataset::Circuits).last() == Some(&month);
        if takes_all.is_some() && are_of_month && !is_last {
            self.whole = Some(month);
            return Ok(Folded { replaced: None, touched: takes_all.flatten() });
        }
        plan.name_rows("delivered", &self.rows_of_records(), rows)?;
        if let Some(touched) = takes_all {
            self.whole = None;
            self.patches.replace(plan, "SELECT * FROM delivered", rows, month)?;
            return Ok(Folded { replaced: None, touched });
        }
        self.settle()?;
        self.name(plan.as_mut(), "current_segments")?;
        plan.materialize("replaced", REPLACED)?;
        let touched = plan.materialize("touched", &touched("delivered", "replaced"))?;
        // The places are held until the quality tables are made.
        let replaced = plan.materialize("places", "SELECT delivery_month, standing_file, standing_line FROM replaced")?;
        if self.patches.are_outgrown_by(rows, 0) {
            self.patches.replace(plan, FOLDED, self.patches.rows() + rows, month)?;
        } else {
            self.patches.add(plan, "SELECT * FROM delivered", rows, month)?;
        }
        Ok(Folded { replaced: Some(replaced), touched: Some(touched) })
    }

    /// What a month touches that holds every segment of the one before, which held all there were: of the records that it does not repeat,
    /// each has a new one with its key. `None` where it does not.
    fn takes_the_place_of_all(&self, month: Month) -> Result<Option<Materialized>, PipelineError> {
        let Some(difference) = self.build.differences.of(Dataset::Circuits, month)? else { return Ok(None) };
        let are_all = match self.whole {
            Some(whole) => whole == difference.month,
            None => self.patches.are_all_of(difference.month)?,
        };
        if !are_all {
            return Ok(None);
        }
        let mut session = self.build.session()?;
        self.name_differing(session.as_mut(), &difference)?;
        let gone = "SELECT COUNT(*) AS n FROM gone AS b LEFT ANTI JOIN new AS n ON b.record_key = n.record_key";
        let is_all = session.query(gone)?.count("n", 0) == 0;
        is_all.then(|| Ok(session.materialize("touched", &touched("gone", "new"))?)).transpose()
    }

    /// Names the segments that only the delivery before holds `gone`, and those that only this one holds `new`.
    fn name_differing(&self, session: &mut dyn Session, difference: &Difference<'_>) -> Result<(), PipelineError> {
        let name = |session: &mut dyn Session, relation: &str| -> Result<(), PipelineError> {
            super::conform::records(self.build.bronze, self.dataset).create_views(session)?;
            let record_key = record_key(&keys_of(self.dataset));
            Ok(session
                .create_view(relation, &format!("SELECT {record_key} AS record_key, feeder_id, circuit_id FROM records"))?)
        };
        difference.name_gone(session, "bronze", &|_| true)?;
        name(session, "gone")?;
        difference.name_new(session, "bronze", &|_| true)?;
        name(session, "new")
    }

    /// Relation `records` as rows of the table.
    fn rows_of_records(&self) -> String {
        let stated: Vec<&str> = stated().map(|column| column.name).collect();
        format!(
            "SELECT {utility} AS utility_id, {record_key} AS record_key, feeder_id, circuit_id, {stated}, {LINEAGE} FROM records",
            utility = text(self.build.bronze.adapter.id.as_str()),
            record_key = record_key(&keys_of(self.dataset)),
            stated = stated.join(", "),
        )
    }
}

/// Relations `current_segments` and `delivered` (those of a month) as the segments that are current after the month.
const FOLDED: &str = "SELECT c.* FROM current_segments AS c LEFT ANTI JOIN delivered AS d ON c.record_key = d.record_key\n\
    UNION ALL\nSELECT * FROM delivered";

/// Relations `current_segments` and `delivered`: where the records are that others replace, and whose segments they were.
const REPLACED: &str = "SELECT c.delivery_month AS delivery_month, c._source_file AS standing_file, c._source_line AS standing_line,\n\
    \x20 c.feeder_id AS feeder_id, c.circuit_id AS circuit_id\n\
    FROM current_segments AS c LEFT SEMI JOIN delivered AS d ON c.record_key = d.record_key";

/// The pairs of feeder and circuit of two relations of segments.
fn touched(one: &str, other: &str) -> String {
    let of = |relation: &str| format!("SELECT feeder_id, circuit_id FROM {relation}");
    format!("SELECT DISTINCT feeder_id, circuit_id FROM ({} UNION ALL {}) AS t", of(one), of(other))
}

/// Relation `all_records` (segments of several months): of each key the last record.
fn last_of_each_key(dataset: &DatasetAdapter, order: &str) -> String {
    format!(
        "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY {} ORDER BY {order}) AS place\n\
         FROM all_records) AS placed WHERE place = 1",
        keys_of(dataset).join(", ")
    )
}
