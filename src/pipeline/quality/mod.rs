//! Bronze and silver → the quality tables: profiles of columns, differences between months, a summary of each delivery.
//!
//! A month's rows are rebuilt when it, or the month before it, changed; the others stay.

pub(crate) mod cells;
mod comparison;
mod diff;
mod entities;
mod profile;
mod standing;
mod summary;

use std::collections::{BTreeMap, BTreeSet};

use super::PipelineError;
use super::bronze::BronzeTables;
use super::progress::{Step, Tracker};
use super::silver::{Silver, application_id};
use super::store::{self, Part};
use super::tables::{self, Row};
use crate::model::{Dataset, Day, Entity, Month, Timestamp};
use crate::pipeline::bronze::{ColumnStatistics, CommittedFile};
use diff::Earlier;
use standing::StandingRecords;

/// Makes a utility's quality rows for the months that changed.
pub struct Assess<'a> {
    /// Bronze.
    pub bronze: &'a BronzeTables<'a>,
    /// Silver after the build.
    pub silver: &'a Silver,
    /// The first month that changed; `None` rebuilds everything.
    pub from: Option<Month>,
    /// What the rows are made from.
    pub fingerprint: i64,
    /// The day that ages are counted to.
    pub today: Day,
    /// When each delivered file arrived, by name.
    pub received: &'a dyn Fn(&str) -> Option<Timestamp>,
    /// The values of a file's columns by its SHA-256, if they were counted when it was loaded.
    pub statistics: &'a dyn Fn(&CommittedFile) -> Option<&'a ColumnStatistics>,
    /// Who wants to know.
    pub tracker: &'a Tracker<'a>,
}

/// A dataset's delivery for a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Delivered {
    dataset: Dataset,
    month: Month,
}

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
        let (mut profiles, mut diffs, mut fields, mut summaries) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        // By dataset and month, so that each delivery finds what was current before it.
        let mut current = self.current_before()?;
        let mut standing: BTreeMap<Dataset, StandingRecords<'_>> = BTreeMap::new();
        for (dataset, _) in &self.bronze.tables {
            standing.insert(*dataset, StandingRecords::before(self.bronze, *dataset, self.from)?);
        }
        for delivered in &deliveries {
            self.tell(*delivered);
            let profile = profile::of(self.bronze, *delivered, self.statistics)?;
            let rejections = summary::rejections(self.bronze, *delivered)?;
            summaries.push(summary::of(self, *delivered, &profile, rejections)?);
            profiles.extend(profile);
            let before = current.get(delivered.dataset.as_str()).copied().unwrap_or(0);
            let replaced = self.silver.replaced_segments.get(&delivered.month);
            let earlier = match (standing.get_mut(&delivered.dataset), replaced) {
                (_, Some(replaced)) if delivered.dataset == Dataset::Circuits => Earlier::Replaced(replaced),
                (Some(standing), _) => Earlier::Standing(standing),
                (None, _) => continue,
            };
            let (diff, changes) = diff::of_records(self.bronze, *delivered, (rejections.in_bronze, before), earlier)?;
            current.insert(delivered.dataset.to_string(), diff.current_count.map_or(0, i64::cast_unsigned));
            diffs.push(diff);
            fields.extend(changes);
        }
        for entity in Entity::ALL {
            let before = current.get(entity.as_str()).copied().unwrap_or(0);
            let (diff, changes) = entities::of_entity(self, entity, before)?;
            diffs.extend(diff);
            fields.extend(changes);
        }
        for (_, standing) in standing {
            standing.commit(vec![(application_id(self.bronze.adapter), self.fingerprint)])?;
        }
        self.replace(profiles)?;
        self.replace(diffs)?;
        self.replace(fields)?;
        self.replace(summaries)
    }

    /// How many records, feeders and DERs were current before the first month that changed, by dataset or entity.
    fn current_before(&self) -> Result<BTreeMap<String, u64>, PipelineError> {
        let Some(from) = self.from else { return Ok(BTreeMap::new()) };
        let mut session = self.bronze.work.session()?;
        session.register("diffs", &store::of_utility(self.bronze, &tables::MONTH_DIFF, None)?)?;
        let rows = session.query(&format!(
            "SELECT dataset, delivery_month, current_count FROM diffs WHERE delivery_month < '{from}' ORDER BY delivery_month"
        ))?;
        // Of several months the last one stays.
        Ok((0..rows.height()).filter_map(|row| Some((rows.text("dataset", row)?, rows.count("current_count", row)))).collect())
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
    fn replace<R: Row>(&self, rows: Vec<R>) -> Result<(), PipelineError> {
        let part = Part { table: R::TABLE, values: &[("utility_id", self.utility())] };
        let transactions = vec![(application_id(self.bronze.adapter), self.fingerprint)];
        store::replace_from(self.bronze.lake, &part, self.from, rows, transactions, self.bronze.work)
    }
}
