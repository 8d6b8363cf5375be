//! Pane 4: feeders, and beside them the DERs of the selected one.

use super::{Remote, moved};
use crate::frame::{Frame, Value};
use crate::model::FeederId;

/// The columns of the feeder list: the table's name, the heading, and whether it is a number.
pub const FEEDER_COLUMNS: [(&str, &str, bool); 8] = [
    ("feeder_id", "feeder", false),
    ("utility_id", "utility", false),
    ("max_hosting_capacity_mw", "max MW", true),
    ("min_hosting_capacity_mw", "min MW", true),
    ("voltage_kv", "kV", true),
    ("installed_der_count", "inst.", true),
    ("planned_der_count", "plan.", true),
    ("hca_refresh_date", "refreshed", false),
];

/// Feeders of the tables, those that are shown, and the DERs of the selected one.
#[derive(Debug, Clone, Default)]
pub struct Browser {
    /// Every current feeder: rows of `platinum/feeder_capacity`.
    pub feeders: Frame,
    ids: Vec<String>,
    capacity: Vec<Option<f64>>,
    /// Rows of `feeders` that fit the search, in the order of the sort.
    pub shown: Vec<usize>,
    /// Part of an id that is searched.
    pub search: String,
    /// The least hosting capacity as typed, MW.
    pub minimum: String,
    /// Index into [`FEEDER_COLUMNS`] that is sorted by.
    pub sort: usize,
    /// Whether the greatest comes first.
    pub descending: bool,
    /// The selected place in `shown`.
    pub feeder: usize,
    /// The DERs of the selected feeder: rows of `platinum/der_details`.
    pub ders: Remote<Frame>,
    /// The feeder that `ders` are of: utility and id.
    pub ders_of: Option<(String, FeederId)>,
    /// Whether the keys move in the DERs.
    pub in_ders: bool,
    /// The selected DER.
    pub der: usize,
}

impl Browser {
    /// From the rows of `platinum/feeder_capacity`, by falling capacity.
    pub fn new(feeders: Frame) -> Self {
        let ids = (0..feeders.height()).map(|row| feeders.text("feeder_id", row).unwrap_or_default().to_lowercase()).collect();
        let capacity = (0..feeders.height()).map(|row| feeders.number("max_hosting_capacity_mw", row)).collect();
        let mut browser = Self { feeders, ids, capacity, sort: 2, descending: true, ..Self::default() };
        browser.apply();
        browser
    }

    /// Utility and id of the selected feeder.
    pub fn selected(&self) -> Option<(String, FeederId)> {
        let row = *self.shown.get(self.feeder)?;
        Some((self.feeders.text("utility_id", row)?, FeederId::parse(&self.feeders.text("feeder_id", row)?)?))
    }

    /// The least hosting capacity, if a number is typed.
    pub fn minimum_mw(&self) -> Option<f64> {
        self.minimum.trim().parse().ok()
    }

    pub(super) fn keep(&mut self, before: &Self) {
        let selected = before.selected();
        (self.search, self.minimum) = (before.search.clone(), before.minimum.clone());
        (self.sort, self.descending, self.in_ders, self.der) = (before.sort, before.descending, before.in_ders, before.der);
        self.apply();
        let same = |row: &usize| {
            selected.as_ref().is_some_and(|(utility, id)| {
                self.feeders.text("utility_id", *row).as_ref() == Some(utility)
                    && self.feeders.text("feeder_id", *row).as_deref() == Some(id.as_str())
            })
        };
        self.feeder = self.shown.iter().position(same).unwrap_or(0);
    }

    /// Searches and sorts again; the selection goes to the top.
    pub(super) fn apply(&mut self) {
        let wanted = self.search.to_lowercase();
        let minimum = self.minimum_mw();
        let fits = |row: &usize| {
            (wanted.is_empty() || self.ids[*row].contains(&wanted))
                && minimum.is_none_or(|minimum| self.capacity[*row].is_some_and(|mw| mw >= minimum))
        };
        let mut shown: Vec<usize> = (0..self.feeders.height()).filter(fits).collect();
        let (column, _, numeric) = FEEDER_COLUMNS[self.sort];
        if numeric {
            let keys: Vec<f64> =
                (0..self.feeders.height()).map(|row| self.feeders.number(column, row).unwrap_or(f64::NEG_INFINITY)).collect();
            shown.sort_by(|a, b| directed(keys[*a].total_cmp(&keys[*b]), self.descending));
        } else {
            let key = |row: usize| match self.feeders.value(column, row) {
                Value::Text(text) => text,
                Value::Day(day) => day.to_string(),
                _ => String::new(),
            };
            let keys: Vec<String> = (0..self.feeders.height()).map(key).collect();
            shown.sort_by(|a, b| directed(keys[*a].cmp(&keys[*b]), self.descending));
        }
        self.shown = shown;
        self.feeder = 0;
    }

    pub(super) fn rows(&mut self, by: isize) {
        if self.in_ders {
            self.der = moved(self.der, by, self.ders.ready().map_or(0, Frame::height));
        } else {
            self.feeder = moved(self.feeder, by, self.shown.len());
        }
    }

    pub(super) fn sort_by_next(&mut self) {
        self.sort = (self.sort + 1) % FEEDER_COLUMNS.len();
        self.descending = FEEDER_COLUMNS[self.sort].2;
        self.apply();
    }
}

/// The sort is stable: feeders that are equal keep the order of the table.
const fn directed(order: std::cmp::Ordering, descending: bool) -> std::cmp::Ordering {
    if descending { order.reverse() } else { order }
}
