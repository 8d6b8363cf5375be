//! What changed between months: delivered records by their key.

use super::Delivered;
use super::comparison::{Comparison, NewRows, PLACES, StandingRows};
use super::standing::StandingRecords;
use crate::engine::Materialized;
use crate::frame::Frame;
use crate::model::{Delivery, Month};
use crate::pipeline::PipelineError;
use crate::pipeline::bronze::BronzeTables;
use crate::pipeline::kept::{Differences, KeptRows};
use crate::pipeline::sql::LINEAGE;
use crate::pipeline::tables::{self, FieldChangesRow, MonthDiffRow};

/// Counts of one comparison.
pub(super) struct DiffCounts {
    pub(super) row_count: u64,
    pub(super) previous_row_count: Option<u64>,
    pub(super) current: u64,
    pub(super) previous_current: u64,
    pub(super) added: u64,
    pub(super) changed: u64,
    pub(super) removed: u64,
    pub(super) unchanged: u64,
}

pub(super) fn diff_row(month: Month, utility: &str, dataset: &str, previous: Option<Month>, counts: &DiffCounts) -> MonthDiffRow {
    MonthDiffRow {
        delivery_month: Some(month.to_string()),
        utility_id: Some(utility.to_owned()),
        dataset: Some(dataset.to_owned()),
        previous_month: previous.map(|month| month.to_string()),
        row_count: tables::count(counts.row_count),
        previous_row_count: counts.previous_row_count.and_then(tables::count),
        current_count: tables::count(counts.current),
        previous_current_count: tables::count(counts.previous_current),
        added: tables::count(counts.added),
        changed: tables::count(counts.changed),
        removed: tables::count(counts.removed),
        unchanged: tables::count(counts.unchanged),
    }
}

pub(super) fn field_rows(month: Month, utility: &str, dataset: &str, changes: &Frame, columns: &[&str]) -> Vec<FieldChangesRow> {
    let row = |(at, column): (usize, &&str)| {
        let (real, cosmetic) = (changes.count(&format!("changed_{at}"), 0), changes.count(&format!("cosmetic_{at}"), 0));
        (real + cosmetic > 0).then(|| FieldChangesRow {
            delivery_month: Some(month.to_string()),
            utility_id: Some(utility.to_owned()),
            dataset: Some(dataset.to_owned()),
            column_name: Some((*column).to_owned()),
            changed: tables::count(real),
            cosmetic: tables::count(cosmetic),
        })
    };
    columns.iter().enumerate().filter_map(row).collect()
}

/// Where the records are that were current before those that a month delivered.
#[derive(Clone, Copy)]
pub(super) enum Earlier<'s, 'a> {
    /// Silver found them, as it folded the month.
    Replaced(&'s Materialized),
    /// In the delivery before, which held all.
    DeliveryBefore,
    /// They have to be looked up.
    Standing(&'s StandingRecords<'a>),
}

/// A delivery against the records that were current before it: its row of `month_diff`, and those of `field_changes`.
///
/// `rejected`: records of the delivery that are in bronze and went no further; `before`: keys that were current after the month
/// before. A record is changed when a value differs in more than its notation; `changed + unchanged + added`
/// are the keys that were delivered. Only a snapshot removes.
pub(super) fn of_records(
    (bronze, differences): (&BronzeTables<'_>, &Differences<'_>),
    delivered: Delivered,
    (rejected, before): (u64, u64),
    earlier: Earlier<'_, '_>,
) -> Result<(MonthDiffRow, Vec<FieldChangesRow>), PipelineError> {
    let (dataset, month) = (delivered.dataset, delivered.month);
    let months = bronze.months(dataset);
    let previous = months.iter().copied().rfind(|other| *other < month);
    let rows_of = |wanted: Month| bronze.delivered(dataset, wanted).map(|s| s.rows).sum::<u64>();
    let snapshot = bronze.adapter.dataset(dataset).is_some_and(|adapter| adapter.delivery == Delivery::Snapshot);
    let comparison = Comparison::new(bronze, delivered);
    let mut session = bronze.work.session()?;
    // Each record that was taken into silver has a key of its own.
    let keys = rows_of(month).saturating_sub(rejected);
    let (mut known, mut changed, mut fields) = (0, 0, Vec::new());
    if let Some(previous) = previous {
        let difference = match earlier {
            Earlier::Replaced(_) => None,
            Earlier::DeliveryBefore | Earlier::Standing(_) => differences.of(dataset, month)?,
        };
        // A record that is repeated is known, and has not changed.
        let (now, new) = match &difference {
            Some(difference) => (NewRows::Since(difference.clone()), difference.new_rows()?),
            None => (NewRows::All(KeptRows::of(bronze, dataset, month)?), keys),
        };
        let standing = match (earlier, &difference) {
            (Earlier::Replaced(places), _) => StandingRows::at_places(bronze, delivered, places)?,
            (Earlier::DeliveryBefore, Some(difference)) => StandingRows::Gone(difference.clone()),
            (Earlier::DeliveryBefore | Earlier::Standing(_), _) => {
                now.name(session.as_mut(), "delivered_rows", |_| true)?;
                session.create_view("delivered_ids", &comparison.keys_of("delivered_rows"))?;
                let delivered_keys = comparison.taken("delivered_ids", LINEAGE);
                if let Earlier::Standing(standing) = earlier {
                    // They are looked for in several relations.
                    session.name_rows("delivered_keys", &delivered_keys, new)?;
                    standing.name_earlier(session.as_mut(), &comparison, month)?;
                } else {
                    KeptRows::of(bronze, dataset, previous)?.name(session.as_mut(), "earlier_rows", |_| true)?;
                    session.create_view("delivered_keys", &delivered_keys)?;
                    session.create_view("earlier_ids", &comparison.keys_of("earlier_rows"))?;
                    session.create_view("earlier_keys", &comparison.taken("earlier_ids", LINEAGE))?;
                }
                let places = session.materialize("places", PLACES)?;
                StandingRows::at_places(bronze, delivered, &places)?
            }
        };
        let compared = comparison.compare(session.as_mut(), (&now, new), &standing)?;
        (changed, fields) = (compared.changed, compared.fields);
        known = keys - new + compared.replaced;
    }
    let added = keys - known;
    let removed = if snapshot { before + added - keys } else { 0 };
    let counts = DiffCounts {
        row_count: rows_of(month),
        previous_row_count: previous.map(rows_of),
        current: before + added - removed,
        previous_current: before,
        added,
        changed,
        removed,
        unchanged: keys - added - changed,
    };
    Ok((diff_row(month, bronze.adapter.id.as_str(), dataset.as_str(), previous, &counts), fields))
}
