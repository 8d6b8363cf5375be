//! The panes, one a file; the list is their order. Digits, tabs, help and reading order follow from it.

mod arrivals;
mod changes;
mod columns;
pub(super) mod find;
pub(super) mod now;
mod rejected;
mod rules;

use super::screen::Screen;
use crate::frame::{Column, Frame, Value};

/// The panes in the order of their digits.
pub(super) fn all() -> Vec<Box<dyn Screen>> {
    vec![
        Box::new(now::Now::new()),
        Box::new(arrivals::Arrivals::new()),
        Box::new(rules::Rules::new()),
        Box::new(columns::Columns::new()),
        Box::new(changes::Changes::new()),
        Box::new(find::Find::new()),
        Box::new(rejected::Rejected::new()),
    ]
}

/// Rows that were made here, of the columns that they were made for.
pub(super) fn rows(columns: &[Column], rows: &[Vec<Value>]) -> Frame {
    Frame::from_rows(columns, rows).unwrap_or_default()
}
