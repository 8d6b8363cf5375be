//! The current segments of a utility whose months deliver changes only.
//!
//! They are kept in `silver/segments`, so that a month reads what was current before it and not every month of bronze. The first
//! month needs no copy: until another one comes, its bronze rows are the current segments.

use super::Build;
use super::circuits::stated;
use super::plan::{keys, without_key};
use crate::config::DatasetAdapter;
use crate::engine::Session;
use crate::lake::DataFile;
use crate::model::{Dataset, Delivery, Month};
use crate::pipeline::PipelineError;
use crate::pipeline::sql::{LINEAGE, record_key, text};
use crate::pipeline::staged::StagedRows;
use crate::pipeline::store::{self, AS_OF, Transactions};
use crate::pipeline::tables;

/// The current segments while months are folded into them.
pub(super) struct Segments<'b, 'a> {
    build: &'b Build<'a>,
    dataset: &'b DatasetAdapter,
    /// Those that are kept; none where those of bronze have to be looked at.
    rows: StagedRows<'b>,
    replaced: Vec<DataFile>,
    /// The month that they are after.
    as_of: Option<Month>,
}

impl<'b, 'a> Segments<'b, 'a> {
    /// The segments as they were before the first month that is folded.
    ///
    /// # Errors
    /// The table cannot be read.
    pub(super) fn before(build: &'b Build<'a>, dataset: &'b DatasetAdapter) -> Result<Self, PipelineError> {
        let bronze = build.bronze;
        let rows = StagedRows::none(bronze.lake, &tables::SEGMENTS, super::of_utility(bronze));
        let mut segments = Self { build, dataset, rows, replaced: Vec::new(), as_of: None };
        let Some(table) = bronze.lake.snapshot(&tables::SEGMENTS.id())? else { return Ok(segments) };
        let is_ours = |file: &DataFile| file.partition_value("utility_id") == Some(bronze.adapter.id.as_str());
        let files: Vec<DataFile> = table.files.iter().filter(|file| is_ours(file)).cloned().collect();
        let as_of = |file: &DataFile| file.tag(AS_OF).and_then(Month::parse);
        let is_before = |from: Month| files.iter().all(|file| as_of(file).is_some_and(|month| month < from));
        if build.from.is_some_and(is_before) {
            segments.as_of = files.first().and_then(as_of);
            segments.rows.set_committed(table.scan(is_ours), files);
        } else {
            segments.replaced = files;
        }
        Ok(segments)
    }

    /// Names the segments that are current after a month's circuits file `segments`.
    ///
    /// # Errors
    /// A file cannot be read or written, or somebody asked to stop.
    pub(super) fn fold(&mut self, session: &mut dyn Session, month: Month) -> Result<(), PipelineError> {
        if self.is_whole(month) {
            self.build.records(session, Dataset::Circuits, month)?;
            session.create_view("segments", "SELECT * FROM records")?;
            return Ok(());
        }
        let mut plan = self.build.session()?;
        self.name_current(plan.as_mut(), month)?;
        self.build.records(plan.as_mut(), Dataset::Circuits, month)?;
        plan.create_view("delivered", &self.rows_of_records())?;
        self.replaced.extend(self.rows.replace(plan, FOLDED.to_owned()));
        self.as_of = Some(month);
        if let Some(rows) = self.rows.current()? {
            session.register("segments", &rows)?;
        }
        Ok(())
    }

    /// Names the segments that are current before a month `segments`; whether there are any.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn name_before(&mut self, session: &mut dyn Session, month: Month) -> Result<bool, PipelineError> {
        if self.earlier(month).is_empty() {
            return Ok(false);
        }
        self.name_current(session, month)?;
        session.materialize("segments", "SELECT feeder_id, circuit_id FROM current_segments")?;
        Ok(true)
    }

    /// Adds what changed to the table.
    ///
    /// # Errors
    /// The rows cannot be computed, or the log cannot be written.
    pub(super) fn commit(self, transactions: Transactions) -> Result<(), PipelineError> {
        let bronze = self.build.bronze;
        let mut written = self.rows.finish()?;
        if written.is_empty() && self.replaced.is_empty() {
            return Ok(());
        }
        for (file, month) in written.iter_mut().zip(self.as_of.iter().cycle()) {
            file.note(AS_OF, month);
        }
        store::exchange_files(bronze.lake, &tables::SEGMENTS, &self.replaced, written, transactions, bronze.work)
    }

    /// Whether the current segments after a month are those of its own file.
    fn is_whole(&self, month: Month) -> bool {
        self.dataset.delivery == Delivery::Snapshot || self.earlier(month).is_empty()
    }

    /// The months before one that brought segments which count for it.
    fn earlier(&self, month: Month) -> Vec<Month> {
        let months = self.build.bronze.months(Dataset::Circuits).into_iter().filter(|other| *other < month);
        if self.dataset.delivery == Delivery::Snapshot { months.max().into_iter().collect() } else { months.collect() }
    }

    /// Names the segments that are current before a month `current_segments`.
    fn name_current(&mut self, session: &mut dyn Session, month: Month) -> Result<(), PipelineError> {
        if let Some(rows) = self.rows.current()? {
            session.register("current_segments", &rows)?;
            return Ok(());
        }
        let earlier = self.earlier(month);
        if let [only] = earlier.as_slice() {
            self.build.records(session, Dataset::Circuits, *only)?;
            session.create_view("current_segments", &self.rows_of_records())?;
            return Ok(());
        }
        let rows = self.build.bronze.rows(Dataset::Circuits, |month| earlier.contains(&month))?;
        if let Some(rows) = rows {
            session.register("bronze", &rows)?;
            super::conform::records(self.build.bronze, self.dataset).create_views(session)?;
            session.create_view("all_records", &format!("SELECT * FROM records WHERE NOT ({})", without_key(self.dataset)))?;
            session.create_view("last_records", &last_of_each_key(self.dataset))?;
            session.create_view("records", "SELECT * FROM last_records")?;
            session.create_view("current_segments", &self.rows_of_records())?;
        }
        Ok(())
    }

    /// Relation `records` as rows of the table.
    fn rows_of_records(&self) -> String {
        let stated: Vec<&str> = stated().map(|column| column.name).collect();
        format!(
            "SELECT {utility} AS utility_id, {record_key} AS record_key, feeder_id, circuit_id, {stated}, {LINEAGE} FROM records",
            utility = text(self.build.bronze.adapter.id.as_str()),
            record_key = record_key(&keys(self.dataset)),
            stated = stated.join(", "),
        )
    }
}

/// Relations `current_segments` and `delivered` (those of a month) as the segments that are current after the month.
const FOLDED: &str = "SELECT c.* FROM current_segments AS c LEFT ANTI JOIN delivered AS d ON c.record_key = d.record_key\n\
    UNION ALL\nSELECT * FROM delivered";

/// Relation `all_records` (segments of several months): of each key the last record.
fn last_of_each_key(dataset: &DatasetAdapter) -> String {
    format!(
        "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY {} ORDER BY delivery_month DESC, _source_file DESC, _source_line DESC) AS place\n\
         FROM all_records) AS placed WHERE place = 1",
        keys(dataset).join(", ")
    )
}
