//! What a run changed of a utility's deliveries, and how far it reaches.
//!
//! What follows from a delivery ends where the state is as it was: a correction of an old month is folded in up to the month after
//! which everything is as the tables have it, and not up to the newest.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use super::PipelineError;
use super::bronze::BronzeTables;
use super::store;
use super::tables::{DATA_QUALITY_SUMMARY, MONTH_DIFF, Table};
use crate::model::{Dataset, Month};

/// The deliveries of a utility that are not what they were.
#[derive(Debug, Clone, Default)]
pub struct Changes(BTreeSet<(Dataset, Month)>);

impl Changes {
    /// One more.
    pub fn add(&mut self, dataset: Dataset, month: Month) {
        self.0.insert((dataset, month));
    }

    /// Each of them.
    pub fn deliveries(&self) -> impl Iterator<Item = (Dataset, Month)> {
        self.0.iter().copied()
    }

    /// The months of a dataset that changed, oldest first.
    pub fn months(&self, dataset: Dataset) -> impl DoubleEndedIterator<Item = Month> {
        self.0.iter().filter(move |(of, _)| *of == dataset).map(|(_, month)| *month)
    }

    /// The first month of which any delivery changed.
    pub fn first(&self) -> Option<Month> {
        self.0.iter().map(|(_, month)| *month).min()
    }

    /// The last month of which any delivery changed.
    pub fn last(&self) -> Option<Month> {
        self.0.iter().map(|(_, month)| *month).max()
    }
}

/// The deliveries that did not change, beside others that did: what the quality tables said of them before the run.
pub struct UnchangedDeliveries<'a> {
    bronze: &'a BronzeTables<'a>,
    /// The others; `None` where everything is made anew, and no delivery is one of these.
    changes: Option<&'a Changes>,
    /// Those that held a record of every key that was known then: what came before them is no part of what follows.
    complete: BTreeSet<(Dataset, Month)>,
    /// How many of their records were rejected, once somebody asked.
    rejected: OnceCell<BTreeMap<(Dataset, Month), u64>>,
}

impl<'a> UnchangedDeliveries<'a> {
    /// Those of a utility.
    ///
    /// # Errors
    /// A table cannot be read.
    pub fn beside(bronze: &'a BronzeTables<'a>, changes: Option<&'a Changes>) -> Result<Self, PipelineError> {
        let mut deliveries = Self { bronze, changes, complete: BTreeSet::new(), rejected: OnceCell::new() };
        let complete = "current_count AS n FROM t WHERE current_count = added + changed + unchanged";
        deliveries.complete = deliveries.told(&MONTH_DIFF, complete)?.into_keys().collect();
        Ok(deliveries)
    }

    /// The last one of a dataset before a month that held every key.
    pub fn last_complete_before(&self, dataset: Dataset, month: Month) -> Option<Month> {
        self.complete.iter().filter(|(of, complete)| *of == dataset && *complete < month).map(|(_, month)| *month).next_back()
    }

    /// Whether the delivery is one that held every key.
    pub fn is_complete(&self, dataset: Dataset, month: Month) -> bool {
        self.complete.contains(&(dataset, month))
    }

    /// How many records of the delivery were rejected, if it is one.
    ///
    /// # Errors
    /// The table cannot be read.
    pub fn rejected(&self, dataset: Dataset, month: Month) -> Result<Option<u64>, PipelineError> {
        if self.rejected.get().is_none() {
            // Nobody else comes between.
            let _ = self.rejected.set(self.told(&DATA_QUALITY_SUMMARY, "rejected_count AS n FROM t")?);
        }
        Ok(self.rejected.get().and_then(|rejected| rejected.get(&(dataset, month))).copied())
    }

    /// A number that a table says of them.
    fn told(&self, table: &Table, number: &str) -> Result<BTreeMap<(Dataset, Month), u64>, PipelineError> {
        let Some(Changes(others)) = self.changes else { return Ok(BTreeMap::new()) };
        let mut session = self.bronze.work.session()?;
        session.register("t", &store::of_utility(self.bronze, table, None)?)?;
        let rows = session.query(&format!("SELECT dataset, delivery_month, {number}"))?;
        let of_row = |row: usize| {
            let (dataset, month) = (rows.text("dataset", row)?, rows.text("delivery_month", row)?);
            Some(((Dataset::parse(&dataset)?, Month::parse(&month)?), rows.count("n", row)))
        };
        let told = (0..rows.height()).filter_map(of_row);
        Ok(told.filter(|(delivery, _)| !others.contains(delivery)).collect())
    }
}
