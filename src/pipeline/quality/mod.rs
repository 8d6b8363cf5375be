//! Bronze and silver → the quality tables: profiles of columns, differences between months, a summary of each delivery.
//!
//! A month's rows are rebuilt when it, or the month before it, changed; the others stay.

pub(crate) mod cells;
mod comparison;
mod diff;
mod entities;
mod places;
mod profile;
mod standing;
mod summary;

use std::collections::{BTreeMap, BTreeSet};

use super::PipelineError;
use super::bronze::BronzeTables;
use super::changes::{Changes, UnchangedDeliveries};
use super::kept::Differences;
use super::progress::{Step, Tracker};
use super::rejected::Rejections;
use super::silver::{Silver, application_id};
use super::store::{self, Part, Span};
use super::tables::{self, ColumnQualityRow, FieldChangesRow, MonthDiffRow, Row, SummaryRow};
use crate::config::Grain;
use crate::model::{Dataset, Day, Delivery, Entity, Month, MonthRange, Timestamp};
use crate::pipeline::bronze::{ColumnStatistics, CommittedFile};
use diff::Earlier;
use standing::StandingRecords;

/// Makes a utility's quality rows for the months that changed.
pub struct Assess<'a> {
    /// Bronze.
    pub bronze: &'a BronzeTables<'a>,
    /// Silver after the build.
    pub silver: &'a Silver,
    /// The deliveries that changed; `None` rebuilds everything.
    pub changes: Option<&'a Changes>,
    /// Deliveries after them that held everything.
    pub unchanged: &'a UnchangedDeliveries<'a>,
    /// What deliveries hold that those before them did not.
    pub differences: &'a Differences<'a>,
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

/// The rows that are made, and the months of each dataset or entity whose rows they replace.
#[derive(Default)]
struct Assessed {
    profiles: Vec<ColumnQualityRow>,
    summaries: Vec<SummaryRow>,
    deliveries: Vec<Span>,
    diffs: Vec<MonthDiffRow>,
    fields: Vec<FieldChangesRow>,
    differences: Vec<Span>,
}

/// A dataset's delivery for a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Delivered {
    dataset: Dataset,
    month: Month,
}

impl Assess<'_> {
    /// Profiles, compares, sums up and commits; the months whose rows were made anew. Where they end, it is after a month that no changed
    /// delivery is of: what follows from these is in no row of a later one.
    ///
    /// # Errors
    /// A plan or a commit failed, or somebody asked to stop; a table that was not committed is as before.
    pub fn run(&self) -> Result<MonthRange, PipelineError> {
        let mut assessed = Assessed::default();
        let current = self.current_before()?;
        let before = |of: &str| current.get(of).copied().unwrap_or(0);
        let mut standing = Vec::new();
        for (dataset, _) in &self.bronze.tables {
            let is_as_it_was = self.changes.is_some_and(|changes| changes.months(*dataset).next().is_none());
            if !is_as_it_was {
                standing.push(self.of_dataset(*dataset, before(dataset.as_str()), &mut assessed)?);
            }
        }
        let reach = self.silver.reach;
        let ends: Vec<Option<Month>> =
            assessed.deliveries.iter().chain(&assessed.differences).map(|span| span.months.until).chain([reach.until]).collect();
        // The month after a changed one that says what was said before it may follow another month than it did.
        let is_new = |until: &Month| self.changes.and_then(Changes::last) == Some(*until);
        let next = reach.until.filter(is_new).and_then(|until| self.all_months().into_iter().find(|month| *month > until));
        let months = MonthRange { until: next.or(reach.until), ..reach };
        for entity in Entity::ALL {
            let (diffs, changes) = entities::of_entity(self, entity, months, before(entity.as_str()))?;
            assessed.diffs.extend(diffs);
            assessed.fields.extend(changes);
            assessed.differences.push(Span { of: entity.as_str(), months });
        }
        for standing in standing {
            standing.commit(vec![(application_id(self.bronze.adapter), self.fingerprint)])?;
        }
        let Assessed { profiles, summaries, deliveries, diffs, fields, differences } = assessed;
        self.replace(profiles, &deliveries)?;
        self.replace(diffs, &differences)?;
        self.replace(fields, &differences)?;
        self.replace(summaries, &deliveries)?;
        let until = if ends.contains(&None) { None } else { ends.into_iter().max().flatten() };
        Ok(MonthRange { from: reach.from, until })
    }

    /// Makes the rows of a dataset from its first month that changed on.
    fn of_dataset(&self, dataset: Dataset, before: u64, assessed: &mut Assessed) -> Result<StandingRecords<'_>, PipelineError> {
        let changed: Option<BTreeSet<Month>> = self.changes.map(|changes| changes.months(dataset).collect());
        let first = changed.as_ref().and_then(BTreeSet::first).copied();
        let last = changed.as_ref().and_then(BTreeSet::last).copied();
        let mut standing = StandingRecords::before(self.bronze, dataset, first, self.unchanged)?;
        let adapter = self.bronze.adapter.dataset(dataset);
        let is_snapshot = adapter.is_some_and(|adapter| adapter.delivery == Delivery::Snapshot);
        let is_segments = adapter.is_some_and(|adapter| dataset == Dataset::Circuits && adapter.grain == Grain::Segment);
        let profiled = match last {
            Some(last) => profile::columns_after(self.bronze, dataset, last)?,
            None => BTreeMap::new(),
        };
        let mut before = before;
        let mut until = None;
        let span = |months: MonthRange| Span { of: dataset.as_str(), months };
        assessed.deliveries.extend(changed.iter().flatten().map(|month| span(MonthRange::only(*month))));
        for month in self.bronze.months(dataset).into_iter().filter(|month| first.is_none_or(|first| *month >= first)) {
            let delivered = Delivered { dataset, month };
            let is_changed = changed.as_ref().is_none_or(|changed| changed.contains(&month));
            // A column that a changed delivery brought, or no longer brings, is missing in the later ones, or is not.
            let is_other = |columns: &BTreeSet<String>| *columns != profile::columns(self.bronze, delivered);
            let is_profiled_anew = is_changed || profiled.get(&month).is_none_or(is_other);
            if !is_profiled_anew && until.is_some() {
                continue;
            }
            self.tell(delivered);
            let rejections = Rejections::of(self.bronze, delivered.dataset, delivered.month)?;
            if is_profiled_anew {
                let profile = profile::of(self.bronze, delivered, self.statistics)?;
                assessed.summaries.push(summary::of(self, delivered, &profile, rejections)?);
                assessed.profiles.extend(profile);
                if !is_changed {
                    assessed.deliveries.push(span(MonthRange::only(month)));
                }
            }
            if until.is_some() {
                continue;
            }
            let previous = self.bronze.months(dataset).into_iter().rfind(|other| *other < month);
            let earlier = match self.silver.replaced_segments.get(&month) {
                Some(replaced) if is_segments => Earlier::Replaced(replaced),
                None if is_segments => Earlier::DeliveryBefore,
                _ if is_snapshot || previous.is_some_and(|month| standing.are_all_of(month)) => Earlier::DeliveryBefore,
                _ => Earlier::Standing(&standing),
            };
            let counted = (rejections.in_bronze, before);
            let (diff, of_fields) = diff::of_records((self.bronze, self.differences), delivered, counted, earlier)?;
            before = diff.current_count.map_or(0, i64::cast_unsigned);
            let is_complete = diff.current_count == [diff.added, diff.changed, diff.unchanged].into_iter().sum();
            assessed.diffs.push(diff);
            assessed.fields.extend(of_fields);
            if !is_snapshot && !is_segments {
                standing.advance(month, is_complete)?;
            }
            // What was delivered before it is no part of what follows, and neither was it before.
            if is_complete && last < Some(month) && self.unchanged.is_complete(dataset, month) {
                until = Some(month);
                standing = standing.rejoin(first, month)?;
            }
        }
        assessed.differences.push(span(MonthRange { from: first, until }));
        Ok(standing)
    }

    /// How many records, feeders and DERs were current before the first month that changed, by dataset or entity.
    fn current_before(&self) -> Result<BTreeMap<String, u64>, PipelineError> {
        let Some(changes) = self.changes else { return Ok(BTreeMap::new()) };
        let mut session = self.bronze.work.session()?;
        session.register("diffs", &store::of_utility(self.bronze, &tables::MONTH_DIFF, None)?)?;
        let rows = session.query("SELECT dataset, delivery_month, current_count FROM diffs ORDER BY delivery_month")?;
        let is_earlier = |dataset: &str, month: Month| {
            let first = Dataset::parse(dataset).map_or_else(|| changes.first(), |dataset| changes.months(dataset).next());
            first.is_some_and(|first| month < first)
        };
        let of = |row: usize| {
            let (dataset, month) = (rows.text("dataset", row)?, Month::parse(&rows.text("delivery_month", row)?)?);
            is_earlier(&dataset, month).then(|| (dataset, rows.count("current_count", row)))
        };
        // Of several months the last one stays.
        Ok((0..rows.height()).filter_map(of).collect())
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

    /// Replaces the utility's rows of some months, or all where everything is made anew.
    fn replace<R: Row>(&self, rows: Vec<R>, spans: &[Span]) -> Result<(), PipelineError> {
        let part = Part { table: R::TABLE, values: &[("utility_id", self.utility())] };
        let transactions = vec![(application_id(self.bronze.adapter), self.fingerprint)];
        store::replace_spans(self.bronze.lake, &part, self.changes.map(|_| spans), rows, transactions, self.bronze.work)
    }
}
