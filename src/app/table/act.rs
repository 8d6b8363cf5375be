//! What keys do with a list: another row, another order, the next match.

use super::Table;
use crate::app::filter::holds;
use crate::app::keys::Verb;

impl Table {
    /// Does what a list can do; whether it is something of a list.
    pub fn act(&mut self, verb: Verb) -> bool {
        const ALL: isize = isize::MAX / 2;
        let page = self.page.get().max(2) as isize - 1;
        match verb {
            Verb::Up => self.move_by(-1),
            Verb::Down => self.move_by(1),
            Verb::PageUp => self.move_by(-page),
            Verb::PageDown => self.move_by(page),
            Verb::First => self.move_by(-ALL),
            Verb::Last => self.move_by(ALL),
            Verb::Left => self.cursor = self.cursor_at().saturating_sub(1),
            Verb::Right => self.cursor = (self.cursor_at() + 1).min(self.places().len().saturating_sub(1)),
            Verb::Sort => self.sort_by_cursor(),
            Verb::SortTurn => self.turn(),
            Verb::NextMatch => self.next_match(1, false),
            Verb::PreviousMatch => self.next_match(1, true),
            _ => return false,
        }
        self.choose();
        true
    }

    /// The selection is where somebody wants it: it stays with its row from now on.
    pub const fn choose(&mut self) {
        self.is_chosen = true;
    }

    /// Moves the selection by rows.
    pub fn move_by(&mut self, by: isize) {
        self.wanted = None;
        self.is_chosen = true;
        self.at = self.at.saturating_add_signed(by).min(self.length().saturating_sub(1));
    }

    /// Sorts by a column; by the one before in second place. Once more turns it around, and a third time gives the first order back.
    pub fn sort_by(&mut self, field: &str) {
        let falls = self.listing.columns.iter().any(|column| column.field == field && column.is_right());
        let first = self.kept.sort.first().filter(|key| key.trim_start_matches('-') == field);
        match first.map(|key| key.starts_with('-') == falls) {
            Some(true) => return self.turn(),
            Some(false) => {
                self.kept.sort.clone_from(&self.declared);
                return self.apply_again();
            }
            None => {}
        }
        self.kept.sort.retain(|key| key.trim_start_matches('-') != field);
        self.kept.sort.insert(0, if falls { format!("-{field}") } else { field.to_owned() });
        self.kept.sort.truncate(2);
        self.apply_again();
    }

    fn sort_by_cursor(&mut self) {
        if let Some(field) = self.cursor().map(|column| column.field.clone()) {
            self.sort_by(&field);
        }
    }

    fn turn(&mut self) {
        if let Some(key) = self.kept.sort.first_mut() {
            *key = key.strip_prefix('-').map_or_else(|| format!("-{key}"), str::to_owned);
            self.apply_again();
        }
    }

    pub(super) fn next_match(&mut self, from: usize, back: bool) {
        // Of a piece of a list it could not be told whether the next one is the next.
        if self.search.is_empty() || self.shown.is_empty() || self.is_piece() {
            return;
        }
        let (len, places) = (self.shown.len(), self.places());
        let is_found = |at: &usize| {
            let row = self.shown[*at] as usize;
            places.iter().any(|place| holds(&self.cell(*place, row), &self.search))
        };
        let step = |by: usize| if back { (self.at + len * 2 - from - by) % len } else { (self.at + from + by) % len };
        if let Some(at) = (0..len).map(step).find(is_found) {
            (self.at, self.is_chosen) = (at, true);
        }
    }
}
