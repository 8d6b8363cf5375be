//! The order of a list.

use std::cmp::Ordering;

use crate::frame::{CellRef, Frame};

/// Sorts places stably by a column, `-` before one that falls; nothing known comes last in both directions.
pub(super) fn sort(rows: &Frame, key: &str, places: &mut [u32]) {
    let (field, falls) = key.strip_prefix('-').map_or((key, false), |field| (field, true));
    let Some(cells) = rows.cells(field) else { return };
    let compare = |a: &u32, b: &u32| {
        let (a, b) = (cells.at(*a as usize), cells.at(*b as usize));
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
    };
    places.sort_by(compare);
}
