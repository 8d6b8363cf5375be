//! For which months did a file come that says what an earlier one said?
//!
//! The same content again is a delivery too: the utility says that nothing changed. It says so only while what it repeats is there.

use std::collections::{BTreeMap, BTreeSet};

use super::{QueryError, rows};
use crate::config::Settings;
use crate::lake::{Lake, TableId};
use crate::model::{Dataset, Month};
use crate::pipeline::bronze::holds_content;
use crate::pipeline::tables;

/// Those months, by utility and dataset.
///
/// # Errors
/// A table cannot be read.
pub(super) fn standing(lake: &Lake, settings: &Settings) -> Result<BTreeMap<(String, Dataset), BTreeSet<Month>>, QueryError> {
    let repeated = rows(
        lake,
        &tables::RUNS,
        "SELECT DISTINCT utility_id, dataset, delivery_month, file_sha256 FROM t WHERE outcome = 'unchanged' AND dataset IS NOT NULL",
    )?;
    let mut standing: BTreeMap<(String, Dataset), BTreeSet<Month>> = BTreeMap::new();
    for row in 0..repeated.height() {
        let text = |column: &str| repeated.text(column, row);
        let place = (text("utility_id"), text("dataset"), text("delivery_month"), text("file_sha256"));
        let (Some(utility), Some(dataset), Some(month), Some(sha256)) = place else { continue };
        let (Some(dataset), Some(month)) = (Dataset::parse(&dataset), Month::parse(&month)) else { continue };
        let Some(adapter) = settings.utility(&utility) else { continue };
        let Some(table) = lake.snapshot(&TableId::bronze(&adapter.id, dataset))? else { continue };
        if holds_content(&table, month, &sha256) {
            standing.entry((utility, dataset)).or_default().insert(month);
        }
    }
    Ok(standing)
}
