//! The one list of the console: rows of a frame, columns that are declared, a selection that stays with its row.
//!
//! Sorting, filtering, searching, copying and exporting are here, once, for every pane. Rows are never copied: what is shown are
//! places in the frame, and only the cells that are seen become text.

mod act;
mod column;
mod copy;
mod format;
mod measure;
mod order;
mod window;

use std::cell::Cell;

use crate::app::filter::Filter;
use crate::frame::{Frame, Value};

pub use column::{Column, Kept, Listing, Show};
pub use format::grouped;
use measure::Measure;
use order::sorted;
use window::Window;

/// A list with its selection.
#[derive(Debug)]
pub struct Table {
    /// Its name: what it is remembered and exported by.
    pub name: &'static str,
    listing: Listing,
    kept: Kept,
    /// The order that it has from the start.
    declared: Vec<String>,
    /// Whether somebody has put the selection where it is.
    is_chosen: bool,
    /// What was selected when the rows went away.
    remembered: Option<Vec<Value>>,
    /// Places of all rows in the order of the sort, and what that is.
    order: (Vec<u32>, Option<Vec<String>>),
    shown: Vec<u32>,
    at: usize,
    cursor: usize,
    wrong: Option<String>,
    /// The filter as a condition of a query, as it was when it could be read last.
    condition: String,
    /// Which piece the rows are, where they are not all of the list.
    window: Option<Window>,
    wanted: Option<Vec<(&'static str, String)>>,
    search: String,
    measure: Measure,
    /// The first row on the screen, and how many there are; set by whoever draws.
    pub(crate) top: Cell<usize>,
    /// Rows of a page.
    pub(crate) page: Cell<usize>,
    /// How many columns had no room.
    pub(crate) dropped: Cell<usize>,
}

impl Table {
    /// An empty list, sorted as said: `-` before a column that falls.
    pub fn new(name: &'static str, sort: &[&str]) -> Self {
        Self {
            name,
            kept: Kept { sort: sort.iter().map(|field| (*field).to_owned()).collect(), ..Kept::default() },
            declared: sort.iter().map(|field| (*field).to_owned()).collect(),
            is_chosen: false,
            remembered: None,
            listing: Listing::default(),
            order: (Vec::new(), None),
            shown: Vec::new(),
            at: 0,
            cursor: 0,
            wrong: None,
            condition: String::new(),
            window: None,
            wanted: None,
            search: String::new(),
            measure: Measure::default(),
            top: Cell::new(0),
            page: Cell::new(10),
            dropped: Cell::new(0),
        }
    }

    /// New rows come in under the selection.
    pub fn fill(&mut self, listing: Listing) {
        self.put(listing, None);
    }

    fn put(&mut self, mut listing: Listing, window: Option<Window>) {
        listing.rows = listing.rows.in_one_piece();
        // Where nobody has chosen a row, what is first stays in front: a new case comes in above the others.
        let key = if self.is_chosen { self.key().or_else(|| self.remembered.take()) } else { None };
        (self.listing, self.window) = (listing, window);
        (self.order, self.shown) = ((Vec::new(), None), Vec::new());
        self.measure = Measure::of(&self.listing);
        let selected = key.as_ref().and_then(|key| self.place_of(key));
        self.apply(selected);
        // Rows that are on their way come in under the selection, too.
        self.remembered = key.filter(|_| self.height() == 0);
        if let Some(fields) = self.wanted.take() {
            self.want(fields);
        }
    }

    /// Selects the row whose fields have these texts, now or when it comes.
    pub fn want(&mut self, fields: Vec<(&'static str, String)>) {
        let is_it = |rows: &Frame, row: usize| fields.iter().all(|(field, text)| rows.text(field, row).as_ref() == Some(text));
        let is_there = |table: &Self| (0..table.listing.rows.height()).any(|row| is_it(&table.listing.rows, row));
        if !self.select(is_it) {
            if is_there(self) {
                // A filter hides it.
                self.set_filter("");
                self.select(is_it);
            } else if self.height() == 0 {
                self.wanted = Some(fields);
            }
        }
    }

    /// The rows.
    pub const fn rows(&self) -> &Frame {
        &self.listing.rows
    }

    /// How many rows there are that the filter takes.
    pub fn length(&self) -> usize {
        self.window.as_ref().map_or(self.shown.len(), |window| window.found)
    }

    /// How many rows there are without the filter.
    pub fn height(&self) -> usize {
        self.window.as_ref().map_or_else(|| self.listing.rows.height(), |window| window.all)
    }

    /// The row at a place among those that are shown; `None` where it is not read yet.
    pub fn row_at(&self, place: usize) -> Option<usize> {
        if self.is_stale() {
            return None;
        }
        let place = place.checked_sub(self.window.as_ref().map_or(0, |window| window.from))?;
        self.shown.get(place).map(|row| *row as usize)
    }

    /// The place of the selection among the rows that are shown.
    pub const fn at(&self) -> usize {
        self.at
    }

    /// The selected row.
    pub fn selected(&self) -> Option<usize> {
        self.row_at(self.at)
    }

    /// A text of the selected row.
    pub fn selected_text(&self, field: &str) -> Option<String> {
        self.listing.rows.text(field, self.selected()?)
    }

    /// What tells the selected row from others.
    pub fn key(&self) -> Option<Vec<Value>> {
        self.selected().map(|row| self.key_of(row))
    }

    /// The row that a key tells from others.
    fn place_of(&self, key: &[Value]) -> Option<u32> {
        let cells: Option<Vec<_>> = self.listing.key.iter().map(|field| self.listing.rows.cells(field)).collect();
        let cells = cells.filter(|cells| !cells.is_empty())?;
        let is_it = |row: &u32| cells.iter().zip(key).all(|(cells, wanted)| cells.at(*row as usize).is(wanted));
        (0..self.listing.rows.height() as u32).find(is_it)
    }

    fn key_of(&self, row: usize) -> Vec<Value> {
        self.listing.key.iter().map(|field| self.listing.rows.value(field, row)).collect()
    }

    /// Selects the first row that is shown and for which something holds; whether there is one.
    pub fn select(&mut self, is_it: impl Fn(&Frame, usize) -> bool) -> bool {
        let from = self.window.as_ref().map_or(0, |window| window.from);
        let found = self.shown.iter().position(|row| is_it(&self.listing.rows, *row as usize)).map(|at| from + at);
        self.is_chosen |= found.is_some();
        self.at = found.unwrap_or(self.at);
        found.is_some()
    }

    /// The columns that may be shown, in the order that somebody gave them.
    pub fn columns(&self) -> Vec<&Column> {
        self.places().into_iter().map(|at| &self.listing.columns[at]).collect()
    }

    /// All columns, with whether each is shown, in their order.
    pub fn all_columns(&self) -> Vec<(&Column, bool)> {
        self.ordered()
            .into_iter()
            .map(|at| &self.listing.columns[at])
            .map(|column| (column, !self.kept.hidden.contains(&column.field)))
            .collect()
    }

    fn ordered(&self) -> Vec<usize> {
        let place = |column: &Column| self.kept.order.iter().position(|field| *field == column.field);
        let mut places: Vec<usize> = (0..self.listing.columns.len()).collect();
        if !self.kept.order.is_empty() {
            places.sort_by_key(|at| place(&self.listing.columns[*at]).unwrap_or(usize::MAX));
        }
        places
    }

    pub(crate) fn places(&self) -> Vec<usize> {
        self.ordered().into_iter().filter(|at| !self.kept.hidden.contains(&self.listing.columns[*at].field)).collect()
    }

    /// The column at a place of [`Table::places`], with its width and the cells' text.
    pub(crate) fn column(&self, place: usize) -> &Column {
        &self.listing.columns[place]
    }

    /// The column under the cursor.
    pub fn cursor(&self) -> Option<&Column> {
        let places = self.places();
        places.get(self.cursor.min(places.len().saturating_sub(1))).map(|at| &self.listing.columns[*at])
    }

    /// The place of the cursor among the columns that are shown.
    pub fn cursor_at(&self) -> usize {
        self.cursor.min(self.places().len().saturating_sub(1))
    }

    /// Puts the cursor on a column; whether there is one.
    pub fn put_cursor(&mut self, field: &str) -> bool {
        let found = self.places().iter().position(|at| self.listing.columns[*at].field == field);
        self.cursor = found.unwrap_or(self.cursor);
        found.is_some()
    }

    /// The filter as it was typed, and what is wrong with it.
    pub fn filter(&self) -> (&str, Option<&str>) {
        (&self.kept.filter, self.wrong.as_deref())
    }

    /// The sign of a column that is sorted by: that of the second key is broken.
    pub fn sorted(&self, field: &str) -> &'static str {
        let place = self.kept.sort.iter().position(|key| key.trim_start_matches('-') == field);
        match place.map(|at| (at, self.kept.sort[at].starts_with('-'))) {
            Some((0, true)) => "↓",
            Some((0, false)) => "↑",
            Some((_, true)) => "⇣",
            Some((_, false)) => "⇡",
            None => "",
        }
    }

    /// What is remembered of it.
    pub fn kept(&self) -> Kept {
        self.kept.clone()
    }

    /// As it was left.
    pub fn restore(&mut self, kept: Kept) {
        self.kept = kept;
        self.apply_again();
    }

    /// Shows the rows for which a text that somebody types holds; as before while it cannot be read.
    pub fn set_filter(&mut self, text: &str) {
        if text == self.kept.filter {
            return;
        }
        text.clone_into(&mut self.kept.filter);
        let selected = self.selected();
        self.apply_again();
        if self.selected() != selected {
            // What was selected is no longer shown: the first of what is.
            self.at = 0;
        }
    }

    /// Searches a text in the cells that are shown, from the selection on.
    pub fn set_search(&mut self, text: &str) {
        self.search = text.to_lowercase();
        self.next_match(0, false);
    }

    /// Shows a column or hides it; the last one stays.
    pub fn toggle_column(&mut self, field: &str) {
        if !self.kept.hidden.remove(field) && self.places().len() > 1 {
            self.kept.hidden.insert(field.to_owned());
        }
    }

    /// Moves a column to the left or to the right.
    pub fn move_column(&mut self, field: &str, by: isize) {
        let mut order: Vec<String> = self.all_columns().iter().map(|(column, _)| column.field.clone()).collect();
        if let Some(at) = order.iter().position(|other| other == field) {
            let to = at.saturating_add_signed(by).min(order.len() - 1);
            let moved = order.remove(at);
            order.insert(to, moved);
            self.kept.order = order;
        }
    }

    fn apply_again(&mut self) {
        if self.window.is_some() {
            // Other rows, or another order: where what was selected stands in it only the tables know.
            (self.at, self.is_chosen) = (0, false);
        }
        let selected = self.shown.get(self.at).copied();
        self.apply(selected);
    }

    /// What is asked of the tables is another question; the rows of the one before stay until it is answered.
    fn apply_to_piece(&mut self, selected: Option<u32>) {
        let columns = &self.listing.columns;
        match Filter::parse(&self.kept.filter, columns) {
            Ok(filter) => (self.condition, self.wrong) = (filter.sql(&self.listing.rows, columns), None),
            Err(wrong) => self.wrong = Some(wrong),
        }
        self.compare_with_wish();
        self.shown = (0..self.listing.rows.height() as u32).collect();
        let from = self.window.as_ref().map_or(0, |window| window.from);
        let kept = selected.filter(|_| self.is_chosen).map(|row| from + row as usize);
        self.at = kept.unwrap_or_else(|| self.at.min(self.length().saturating_sub(1)));
    }

    /// Filters and sorts again; the selected row stays selected where it is still shown.
    fn apply(&mut self, selected: Option<u32>) {
        if self.window.is_some() {
            return self.apply_to_piece(selected);
        }
        if self.order.1.as_ref() != Some(&self.kept.sort) {
            self.order = (sorted(&self.listing.rows, &self.kept.sort), Some(self.kept.sort.clone()));
        }
        let columns = &self.listing.columns;
        match Filter::parse(&self.kept.filter, columns) {
            Ok(filter) => {
                self.shown = filter.rows(&self.listing.rows, columns, &self.order.0);
                self.wrong = None;
            }
            Err(wrong) => {
                // As before while it is typed; all rows where there is no before.
                let before: std::collections::HashSet<u32> = self.shown.iter().copied().collect();
                let is_shown = |row: &u32| before.is_empty() || before.contains(row);
                self.shown = self.order.0.iter().copied().filter(is_shown).collect();
                self.wrong = Some(wrong);
            }
        }
        if !self.is_chosen {
            self.at = 0;
        }
        let kept = selected.filter(|_| self.is_chosen).and_then(|selected| self.shown.iter().position(|row| *row == selected));
        self.at = kept.unwrap_or_else(|| self.at.min(self.shown.len().saturating_sub(1)));
    }
}

#[cfg(test)]
mod tests {
    use super::column::plain;
    use super::format::{BAR, bar, signed};
    use super::*;
    use crate::app::keys::Verb;
    use crate::frame::schema;

    fn table() -> Table {
        let row = |id: &str, mw: Option<f64>, n: i64| {
            vec![Value::Text(id.into()), mw.map_or(Value::Null, Value::Real), Value::Whole(n)]
        };
        let rows = Frame::from_rows(
            schema::columns![id Text, mw Real, n Whole].as_slice(),
            &[row("b", Some(9.88), 1), row("a", Some(4310.0), 1), row("c", None, 2), row("d", Some(9.0), 2)],
        );
        let mut table = Table::new("test", &["-mw"]);
        table.fill(Listing {
            rows: rows.unwrap(),
            columns: vec![Column::plain("id", "id"), Column::number("mw", "MW"), Column::count("n", "n")],
            key: &["id"],
            paint: plain,
        });
        table
    }

    fn ids(table: &Table) -> String {
        table.shown.iter().map(|row| table.rows().text("id", *row as usize).unwrap()).collect()
    }

    #[test]
    fn selection_stays_with_its_row_through_sort_filter_and_new_rows() {
        let mut table = table();
        assert_eq!(ids(&table), "abdc", "nothing known comes last");
        table.act(Verb::Down);
        assert_eq!(table.selected_text("id").as_deref(), Some("b"));
        table.sort_by("id");
        assert_eq!((ids(&table).as_str(), table.selected_text("id").as_deref()), ("abcd", Some("b")));
        table.sort_by("n");
        assert_eq!(ids(&table), "cdab", "the column before is the second key");
        table.set_filter("n = 1");
        assert_eq!((ids(&table).as_str(), table.selected_text("id").as_deref()), ("ab", Some("b")));
        table.set_filter("n = ");
        assert_eq!((ids(&table).as_str(), table.filter().1.is_some()), ("ab", true), "what cannot be read yet changes nothing");
        let rows = table.rows().rows_at(&[3, 0]);
        let listing = Listing { rows, columns: table.listing.columns.clone(), key: &["id"], paint: plain };
        table.set_filter("");
        table.fill(listing);
        assert_eq!((table.height(), table.selected_text("id").as_deref()), (2, Some("b")));
    }

    #[test]
    fn filter_that_cannot_be_read_hides_nothing_of_other_rows_and_a_third_sort_is_the_first() {
        let mut table = table();
        table.set_filter("n = 1");
        assert_eq!(ids(&table), "ab");
        let rows = table.rows().rows_at(&[3, 2, 1]);
        let columns: Vec<Column> = table.listing.columns[..2].to_vec();
        table.fill(Listing { rows, columns, key: &["id"], paint: plain });
        assert_eq!((ids(&table).as_str(), table.filter().1.is_some()), ("adc", true));
        table.set_filter("");
        for order in ["acd", "dca", "adc"] {
            table.sort_by("id");
            assert_eq!(ids(&table), order);
        }
        // Rows that go away and come back come in under the selection.
        table.act(Verb::Last);
        assert_eq!(table.selected_text("id").as_deref(), Some("c"));
        let back = Listing { rows: table.rows().clone(), columns: table.listing.columns.clone(), key: &["id"], paint: plain };
        table.fill(Listing::default());
        table.fill(back);
        assert_eq!(table.selected_text("id").as_deref(), Some("c"));
    }

    #[test]
    fn first_row_stays_in_front_until_somebody_chooses_another() {
        let mut table = table();
        table.set_filter("id != a");
        table.set_filter("");
        assert_eq!(table.selected_text("id").as_deref(), Some("a"), "what comes in above is in front");
        table.act(Verb::Down);
        table.set_filter("id != a");
        table.set_filter("");
        assert_eq!(table.selected_text("id").as_deref(), Some("b"));
    }

    #[test]
    fn decimals_are_those_of_the_column_and_thousands_are_set_off() {
        let table = table();
        assert_eq!([0, 1, 2, 3].map(|row| table.cell(1, row)), ["9.88", "4,310.00", "–", "9.00"]);
        assert_eq!(table.whole_cell().unwrap(), ("id".into(), "a".into()));
        assert_eq!(["-1234567.5", "12", "123"].map(grouped), ["−1,234,567.5", "12", "123"]);
        assert_eq!((signed(0.2, 2), signed(-4.61, 2), signed(0.0, 0)), ("+0.20".into(), "−4.61".into(), "0".into()));
        assert_eq!((bar(0.0, 5.0), bar(0.001, 5.0), bar(5.0, 5.0).chars().count()), (String::new(), "▏".into(), BAR));
    }

    #[test]
    fn search_goes_round_and_columns_can_be_hidden_and_moved() {
        let mut table = table();
        table.set_search("D");
        assert_eq!(table.selected_text("id").as_deref(), Some("d"));
        table.set_search("9");
        table.act(Verb::NextMatch);
        assert_eq!(table.selected_text("id").as_deref(), Some("b"));
        table.act(Verb::PreviousMatch);
        assert_eq!(table.selected_text("id").as_deref(), Some("d"));
        table.toggle_column("mw");
        table.move_column("n", -1);
        table.move_column("n", -1);
        let fields: Vec<&str> = table.columns().iter().map(|column| column.field.as_str()).collect();
        assert_eq!(fields, ["n", "id"]);
        let crate::app::write::Rows::Held(exported) = table.exported() else { panic!("all rows are here") };
        assert_eq!((exported.names(), exported.text("id", 0).as_deref()), (vec!["n", "id"], Some("a")));
        table.toggle_column("n");
        table.toggle_column("id");
        assert_eq!(table.columns().len(), 1, "one column stays");
    }
}
