//! Where the last record of each key is, for datasets whose months deliver changes only.
//!
//! Kept in `silver/standing_records`, so that a delivery is compared with the records before it without reading the keys of all
//! earlier months. The table is written anew when the months since then have brought half as many records as it has rows; until
//! the second month the first one's bronze rows are all there is.

use super::Delivered;
use super::diff::{Comparison, KeptRows};
use crate::engine::Session;
use crate::lake::DataFile;
use crate::model::{Dataset, Month};
use crate::pipeline::PipelineError;
use crate::pipeline::bronze::BronzeTables;
use crate::pipeline::sql::{LINEAGE, text};
use crate::pipeline::staged::StagedRows;
use crate::pipeline::store::{self, AS_OF, Transactions};
use crate::pipeline::tables;

/// The standing records of a dataset while months are compared.
pub(super) struct StandingRecords<'a> {
    bronze: &'a BronzeTables<'a>,
    dataset: Dataset,
    rows: StagedRows<'a>,
    /// The month that they are after; `None` where nothing is kept.
    as_of: Option<Month>,
    replaced: Vec<DataFile>,
}

impl<'a> StandingRecords<'a> {
    /// Those before the first month that is compared.
    ///
    /// # Errors
    /// The table cannot be read.
    pub(super) fn before(bronze: &'a BronzeTables<'a>, dataset: Dataset, from: Option<Month>) -> Result<Self, PipelineError> {
        let partition = vec![("utility_id", bronze.adapter.id.to_string()), ("dataset", dataset.to_string())];
        let rows = StagedRows::none(bronze.lake, &tables::STANDING_RECORDS, partition);
        let mut standing = Self { bronze, dataset, rows, as_of: None, replaced: Vec::new() };
        let Some(table) = bronze.lake.snapshot(&tables::STANDING_RECORDS.id())? else { return Ok(standing) };
        let is_ours = |file: &DataFile| {
            file.partition_value("utility_id") == Some(bronze.adapter.id.as_str())
                && file.partition_value("dataset") == Some(dataset.as_str())
        };
        let files: Vec<DataFile> = table.files.iter().filter(|file| is_ours(file)).cloned().collect();
        let as_of = files.iter().map(|file| file.tag(AS_OF).and_then(Month::parse)).max().flatten();
        if from.zip(as_of).is_some_and(|(from, as_of)| as_of < from) {
            standing.rows.set_committed(table.scan(is_ours), files);
            standing.as_of = as_of;
        } else {
            standing.replaced = files;
        }
        Ok(standing)
    }

    /// Names the keys and places of the records before a month `earlier_keys`, one for each key.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn name_earlier(
        &mut self,
        session: &mut dyn Session,
        comparison: &Comparison<'_>,
        month: Month,
    ) -> Result<(), PipelineError> {
        self.name_base(session, comparison)?;
        let since = self.since(month);
        if since.is_empty() {
            return Ok(session.create_view("earlier_keys", &keys("base"))?);
        }
        self.name_taken(session, comparison, "later", &since)?;
        Ok(session.create_view(
            "earlier_keys",
            "SELECT b.record_key AS record_key, b.delivery_month AS delivery_month, b._source_file AS _source_file, b._source_line AS _source_line\n\
             FROM base AS b LEFT ANTI JOIN later AS l ON b.record_key = l.record_key\n\
             UNION ALL\nSELECT record_key, delivery_month, _source_file, _source_line FROM later",
        )?)
    }

    /// Takes a month in that was compared.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub(super) fn advance(&mut self, comparison: &Comparison<'_>, month: Month) -> Result<(), PipelineError> {
        let mut since = self.since(month);
        since.push(month);
        let rows: u64 = since.iter().map(|month| self.bronze.row_count(self.dataset, *month)).sum();
        if 2 * rows <= self.base_rows() {
            return Ok(());
        }
        let mut session = self.bronze.work.session()?;
        self.name_base(session.as_mut(), comparison)?;
        self.name_taken(session.as_mut(), comparison, "later", &since)?;
        let columns = |alias: &str| {
            format!(
                "{} AS utility_id, {} AS dataset, {alias}.record_key AS record_key, {alias}.delivery_month AS delivery_month,\n\
                 \x20 {alias}._source_file AS _source_file, {alias}._source_line AS _source_line",
                text(self.bronze.adapter.id.as_str()),
                text(self.dataset.as_str())
            )
        };
        let sql = format!(
            "SELECT {} FROM base AS b LEFT ANTI JOIN later AS l ON b.record_key = l.record_key\nUNION ALL\nSELECT {} FROM later AS l",
            columns("b"),
            columns("l")
        );
        self.replaced.extend(self.rows.replace(session, sql));
        self.as_of = Some(month);
        Ok(())
    }

    /// Commits what changed.
    ///
    /// # Errors
    /// The rows cannot be computed, or the log cannot be written.
    pub(super) fn commit(self, transactions: Transactions) -> Result<(), PipelineError> {
        let mut written = self.rows.finish()?;
        if written.is_empty() && self.replaced.is_empty() {
            return Ok(());
        }
        for (file, month) in written.iter_mut().zip(self.as_of.iter().cycle()) {
            file.note(AS_OF, month);
        }
        let (lake, work) = (self.bronze.lake, self.bronze.work);
        store::exchange_files(lake, &tables::STANDING_RECORDS, &self.replaced, written, transactions, work)
    }

    /// The first month of the dataset, which stands for itself.
    fn first(&self) -> Option<Month> {
        self.bronze.months(self.dataset).first().copied()
    }

    /// The months after those that are kept, or after the first, and before a month.
    fn since(&self, month: Month) -> Vec<Month> {
        let kept = self.as_of.or_else(|| self.first());
        self.bronze.months(self.dataset).into_iter().filter(|other| *other < month && Some(*other) > kept).collect()
    }

    fn base_rows(&self) -> u64 {
        self.rows.count().unwrap_or_else(|| self.first().map_or(0, |first| self.bronze.row_count(self.dataset, first)))
    }

    /// Names what is kept `base`, or the records of the first month.
    fn name_base(&mut self, session: &mut dyn Session, comparison: &Comparison<'_>) -> Result<(), PipelineError> {
        if let Some(rows) = self.rows.current()? {
            session.register("base", &rows)?;
            return Ok(());
        }
        let first: Vec<Month> = self.first().into_iter().collect();
        self.name_taken(session, comparison, "base", &first)
    }

    /// Names the last record of each key of some months.
    fn name_taken(
        &self,
        session: &mut dyn Session,
        comparison: &Comparison<'_>,
        relation: &str,
        months: &[Month],
    ) -> Result<(), PipelineError> {
        if let [only] = months {
            KeptRows::of(self.bronze, Delivered { dataset: self.dataset, month: *only })?.name(session, "rows", |_| true)?;
            session.create_view("ids", &comparison.keys_of("rows"))?;
            return Ok(session.create_view(relation, &comparison.taken("ids", LINEAGE))?);
        }
        let Some(rows) = self.bronze.rows(self.dataset, |month| months.contains(&month))? else { return Ok(()) };
        session.register("rows", &rows)?;
        session.create_view("ids", &comparison.keys_of("rows"))?;
        Ok(session.create_view(relation, &comparison.last_of_each_key("ids", LINEAGE))?)
    }
}

fn keys(relation: &str) -> String {
    format!("SELECT record_key, {LINEAGE} FROM {relation}")
}
