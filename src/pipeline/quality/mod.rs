//! Bronze and silver → the quality tables: profiles of columns, differences between months, a summary of each delivery.
//!
//! A month's rows are made anew when it, or the month before it, changed; the others stay.

pub mod cells;
mod diff;
mod profile;
mod summary;

use std::collections::BTreeSet;

use super::PipelineError;
use super::bronze::BronzeTables;
use super::progress::{Step, Tracker};
use super::silver::{Silver, marker};
use crate::engine::Session;
use crate::lake::{Change, Column, Frame, Layer, TableId, Value, schema};
use crate::model::{Dataset, Day, Month};
use crate::pipeline::bronze::ColumnStatistics;

pub use summary::freshness_of;

/// `platinum/column_quality`.
pub fn column_quality_table() -> TableId {
    TableId::new(Layer::Platinum, "column_quality")
}

/// `platinum/data_quality_summary`.
pub fn summary_table() -> TableId {
    TableId::new(Layer::Platinum, "data_quality_summary")
}

/// `platinum/month_diff`.
pub fn month_diff_table() -> TableId {
    TableId::new(Layer::Platinum, "month_diff")
}

/// `platinum/field_changes`.
pub fn field_changes_table() -> TableId {
    TableId::new(Layer::Platinum, "field_changes")
}

/// Makes a utility's quality rows for the months that changed.
pub struct Assess<'a> {
    /// Bronze.
    pub bronze: &'a BronzeTables<'a>,
    /// Silver after the build.
    pub silver: &'a Silver,
    /// The first month that changed; `None` makes everything anew.
    pub from: Option<Month>,
    /// What the rows are made from.
    pub fingerprint: i64,
    /// The day that ages are counted to.
    pub today: Day,
    /// When each delivered file arrived, in microseconds since 1970-01-01, UTC; by name.
    pub received: &'a dyn Fn(&str) -> Option<i64>,
    /// The values of a file's columns by its SHA-256, if they were counted when it was loaded.
    pub statistics: &'a dyn Fn(&str) -> Option<&'a ColumnStatistics>,
    /// Who wants to know.
    pub tracker: &'a Tracker<'a>,
}

/// A dataset's delivery for a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Delivered {
    dataset: Dataset,
    month: Month,
}

type Rows = Vec<Vec<Value>>;

impl Assess<'_> {
    /// Profiles, compares, sums up and commits.
    ///
    /// # Errors
    /// A plan or a commit failed, or somebody asked to stop; a table that was not committed is as before.
    pub fn run(&self) -> Result<(), PipelineError> {
        let deliveries: Vec<Delivered> = self
            .bronze
            .tables
            .iter()
            .flat_map(|(dataset, _)| self.bronze.months(*dataset).into_iter().map(|month| Delivered { dataset: *dataset, month }))
            .filter(|delivered| self.touched(delivered.month))
            .collect();
        let (mut profiles, mut diffs, mut fields, mut summaries) = (Rows::new(), Rows::new(), Rows::new(), Rows::new());
        for delivered in &deliveries {
            self.tell(*delivered);
            let profile = profile::of(self.bronze, *delivered, self.statistics)?;
            let aside = summary::set_aside(self.bronze, *delivered)?;
            summaries.push(summary::of(self, *delivered, &profile, aside)?);
            profiles.extend(profile);
            let (diff, changes) = diff::of_records(self.bronze, *delivered, aside.in_bronze)?;
            diffs.push(diff);
            fields.extend(changes);
        }
        for entity in [diff::Entity::Feeders, diff::Entity::Ders] {
            let (diff, changes) = diff::of_entity(self, entity)?;
            diffs.extend(diff);
            fields.extend(changes);
        }
        self.replace(&column_quality_table(), &schema::column_quality(), &profiles)?;
        self.replace(&month_diff_table(), &schema::month_diff(), &diffs)?;
        self.replace(&field_changes_table(), &schema::field_changes(), &fields)?;
        self.replace(&summary_table(), &schema::data_quality_summary(), &summaries)
    }

    fn touched(&self, month: Month) -> bool {
        self.from.is_none_or(|from| month >= from)
    }

    fn utility(&self) -> &str {
        self.bronze.adapter.id.as_str()
    }

    fn tell(&self, delivered: Delivered) {
        let subject = format!("{} {} {}", self.utility(), delivered.dataset, delivered.month);
        self.tracker.tell(Step::Quality, subject, 0);
    }

    /// The months of any dataset, so that an entity that no file touched still has its row.
    fn all_months(&self) -> BTreeSet<Month> {
        Dataset::ALL.iter().flat_map(|dataset| self.bronze.months(*dataset)).collect()
    }

    /// Replaces the utility's rows of the touched months; those of earlier months stay.
    fn replace(&self, table: &TableId, columns: &[Column], rows: &Rows) -> Result<(), PipelineError> {
        let lake = self.bronze.lake;
        let _turn = lake.turn();
        let base = lake.snapshot(table)?;
        let ours = |file: &crate::lake::DataFile| file.partition_value("utility_id") == Some(self.utility());
        let mut kept = Frame::default();
        let mut remove = Vec::new();
        if let Some(base) = &base {
            remove = base.files.iter().filter(|file| ours(file)).cloned().collect();
            if let Some(from) = self.from {
                let mut session = Session::new(self.bronze.cancel);
                session.register("rows", base.scan(ours)?);
                kept = session.query(&format!("SELECT * FROM rows WHERE delivery_month < '{from}'"))?;
            }
        }
        let mut add = Vec::new();
        if kept.height() + rows.len() > 0 {
            let mut writer = lake.write(table, columns, &[("utility_id", self.utility())])?;
            if kept.height() > 0 {
                writer.push(&kept)?;
            }
            if !rows.is_empty() {
                let frame = Frame::from_rows(columns, rows)
                    .map_err(|error| PipelineError::Rows { table: table.to_string(), message: error.to_string() })?;
                writer.push(&frame)?;
            }
            add.push(writer.finish()?);
        }
        if self.bronze.cancel.is_cancelled() {
            return Err(PipelineError::Cancelled);
        }
        let transactions = vec![(marker(self.bronze.adapter), self.fingerprint)];
        let change = Change { base: base.as_ref(), columns, partition_by: &["utility_id"], add, remove, transactions };
        lake.commit(table, change)?;
        Ok(())
    }
}
