//! The order of a list.

use std::cmp::Ordering;

use crate::frame::{CellRef, Cells, Frame};

/// All places of the rows, sorted by columns, the last key first in weight last: `-` before a column that falls; nothing known comes
/// last in both directions, and rows that are equal keep their order.
pub(super) fn sorted(rows: &Frame, keys: &[String]) -> Vec<u32> {
    let mut places: Vec<u32> = (0..rows.height() as u32).collect();
    for key in keys.iter().rev() {
        let (field, falls) = key.strip_prefix('-').map_or((key.as_str(), false), |field| (field, true));
        if let Some(cells) = rows.cells(field) {
            sort(cells, falls, &mut places);
        }
    }
    places
}

/// A cell is read once, and not in each comparison.
fn sort(cells: Cells<'_>, falls: bool, places: &mut [u32]) {
    let mut keyed: Vec<(CellRef<'_>, u32)> = places.iter().map(|place| (cells.at(*place as usize), *place)).collect();
    keyed.sort_by(|(a, _), (b, _)| compare(*a, *b, falls));
    for (place, (_, sorted)) in places.iter_mut().zip(keyed) {
        *place = sorted;
    }
}

fn compare(a: CellRef<'_>, b: CellRef<'_>, falls: bool) -> Ordering {
    let order = match (a, b) {
        (CellRef::Null, CellRef::Null) => Ordering::Equal,
        (CellRef::Null, _) => return Ordering::Greater,
        (_, CellRef::Null) => return Ordering::Less,
        (CellRef::Text(a), CellRef::Text(b)) => a.cmp(b),
        (CellRef::Day(a), CellRef::Day(b)) => a.cmp(&b),
        (CellRef::Time(a), CellRef::Time(b)) => a.cmp(&b),
        (CellRef::Flag(a), CellRef::Flag(b)) => a.cmp(&b),
        (a, b) => a.as_f64().unwrap_or(0.0).total_cmp(&b.as_f64().unwrap_or(0.0)),
    };
    if falls { order.reverse() } else { order }
}
