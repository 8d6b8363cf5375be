//! What a run changed of a utility's deliveries, and how far it reaches.
//!
//! What follows from a delivery ends where the state is as it was: a correction of an old month is folded in up to the month after
//! which everything is as the tables have it, and not up to the newest.

use std::collections::{BTreeMap, BTreeSet};

use super::PipelineError;
use super::bronze::{BronzeTables, CommittedFile};
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

    /// Whether a delivery is one of them.
    pub fn holds(&self, dataset: Dataset, month: Month) -> bool {
        self.0.contains(&(dataset, month))
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

/// The deliveries that did not change, as far as it is of use where others did: what the quality tables said of them before the run.
#[derive(Default)]
pub struct UnchangedDeliveries {
    /// Those that held a record of every key that was known then: what came before them is no part of what follows.
    complete: BTreeSet<(Dataset, Month)>,
    /// How many of their records were rejected.
    rejected: BTreeMap<(Dataset, Month), u64>,
}

impl UnchangedDeliveries {
    /// Those of a utility beside others that changed; none where everything is made anew.
    ///
    /// # Errors
    /// A table cannot be read.
    pub fn beside(bronze: &BronzeTables<'_>, changes: Option<&Changes>) -> Result<Self, PipelineError> {
        let Some(changes) = changes else { return Ok(Self::default()) };
        let complete = "current_count AS n FROM t WHERE current_count = added + changed + unchanged";
        let complete = told(bronze, changes, &MONTH_DIFF, complete)?.into_keys().collect();
        // Where no later month is folded again, nobody asks.
        let is_folded = |file: &CommittedFile| !changes.holds(file.dataset, file.month) && Some(file.month) >= changes.first();
        let rejected = if bronze.files.iter().any(is_folded) {
            told(bronze, changes, &DATA_QUALITY_SUMMARY, "rejected_count AS n FROM t")?
        } else {
            BTreeMap::new()
        };
        Ok(Self { complete, rejected })
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
    pub fn rejected(&self, dataset: Dataset, month: Month) -> Option<u64> {
        self.rejected.get(&(dataset, month)).copied()
    }
}

/// A number that a table says of deliveries that did not change.
fn told(
    bronze: &BronzeTables<'_>,
    changes: &Changes,
    table: &Table,
    number: &str,
) -> Result<BTreeMap<(Dataset, Month), u64>, PipelineError> {
    let mut session = bronze.work.session()?;
    session.register("t", &store::of_utility(bronze, table, None)?)?;
    let rows = session.query(&format!("SELECT dataset, delivery_month, {number}"))?;
    let of_row = |row: usize| {
        let (dataset, month) = (rows.text("dataset", row)?, rows.text("delivery_month", row)?);
        Some(((Dataset::parse(&dataset)?, Month::parse(&month)?), rows.count("n", row)))
    };
    let told = (0..rows.height()).filter_map(of_row);
    Ok(told.filter(|((dataset, month), _)| !changes.holds(*dataset, *month)).collect())
}
