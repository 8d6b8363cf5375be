//! What a run changed of a utility's deliveries, and how far it reaches.
//!
//! What follows from a delivery ends where the state is as it was: a correction of an old month is folded in up to the month after
//! which everything is as the tables have it, and not up to the newest.

use std::collections::BTreeSet;

use super::PipelineError;
use super::bronze::BronzeTables;
use super::store;
use super::tables::MONTH_DIFF;
use crate::model::{Dataset, Month};

/// The deliveries of a utility that are not what they were.
#[derive(Debug, Clone, Default)]
pub struct Changes(BTreeSet<(Dataset, Month)>);

impl Changes {
    /// One more.
    pub fn add(&mut self, dataset: Dataset, month: Month) {
        self.0.insert((dataset, month));
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

/// Deliveries that held a record of every key that was known then, going by `month_diff` as it was before the run: what came before
/// them is no part of what follows.
pub struct CompleteDeliveries(BTreeSet<(Dataset, Month)>);

impl CompleteDeliveries {
    /// Those of a utility, as far as they are of use where these deliveries changed: all but these; none where everything is made anew.
    ///
    /// # Errors
    /// The table cannot be read.
    pub fn beside(bronze: &BronzeTables<'_>, changes: Option<&Changes>) -> Result<Self, PipelineError> {
        let mut complete = BTreeSet::new();
        if let Some(Changes(changed)) = changes {
            let mut session = bronze.work.session()?;
            session.register("diffs", &store::of_utility(bronze, &MONTH_DIFF, None)?)?;
            let rows =
                session.query("SELECT dataset, delivery_month FROM diffs WHERE current_count = added + changed + unchanged")?;
            let place = |row: usize| {
                Some((Dataset::parse(&rows.text("dataset", row)?)?, Month::parse(&rows.text("delivery_month", row)?)?))
            };
            complete.extend((0..rows.height()).filter_map(place).filter(|delivery| !changed.contains(delivery)));
        }
        Ok(Self(complete))
    }

    /// The last one of a dataset before a month.
    pub fn last_before(&self, dataset: Dataset, month: Month) -> Option<Month> {
        self.0.iter().filter(|(of, complete)| *of == dataset && *complete < month).map(|(_, month)| *month).next_back()
    }

    /// Whether the delivery was one.
    pub fn holds(&self, dataset: Dataset, month: Month) -> bool {
        self.0.contains(&(dataset, month))
    }
}
