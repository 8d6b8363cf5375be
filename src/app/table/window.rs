//! A list of which only a piece is held: what is sorted, filtered and counted is asked of the tables.

use super::{Listing, Table};
use crate::app::reads::list::{List, PIECE, Piece, Wish};

/// Which piece of which list the rows are.
#[derive(Debug)]
pub(super) struct Window {
    list: List,
    /// The condition and the order that the rows are an answer to.
    of: (String, Vec<String>),
    is_stale: bool,
    pub(super) from: usize,
    pub(super) found: usize,
    pub(super) all: usize,
}

/// Pieces overlap by two thirds, so that the next one is asked for while its first rows are still there.
const STEP: usize = PIECE / 3;

impl Table {
    /// A piece of a longer list comes in under the selection.
    pub fn fill_piece(&mut self, list: List, wish: &Wish, piece: &Piece, listing: Listing) {
        let of = (wish.condition.clone(), wish.sort.clone());
        let window = Window { list, of, is_stale: false, from: piece.from, found: piece.found, all: piece.all };
        self.put(listing, Some(window));
    }

    /// Whether rows of it are only in the tables.
    pub fn is_piece(&self) -> bool {
        self.is_stale() || self.window.as_ref().is_some_and(|window| window.found > self.listing.rows.height())
    }

    /// Whether the rows that are held are the answer to another filter or order: nothing can be done with them.
    pub fn is_stale(&self) -> bool {
        self.window.as_ref().is_some_and(|window| window.is_stale)
    }

    /// Looks whether the rows that are held answer what is asked now.
    pub(super) fn compare_with_wish(&mut self) {
        let wish = self.wish();
        if let Some(window) = &mut self.window {
            window.is_stale = window.of != (wish.condition, wish.sort);
        }
    }

    /// What must be asked of a list that is read piece by piece, for the rows around the selection.
    pub fn wish(&self) -> Wish {
        let sort = self.kept.sort.iter().filter(|key| self.listing.rows.kind(key.trim_start_matches('-')).is_some());
        Wish { condition: self.condition.clone(), sort: sort.cloned().collect(), from: (self.at / STEP).saturating_sub(1) * STEP }
    }

    /// The list in the tables, and which of its rows are shown, wherever they stand.
    pub fn source(&self) -> Option<(List, Wish)> {
        self.window.as_ref().map(|window| (window.list.clone(), Wish { from: 0, ..self.wish() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::keys::Verb;
    use crate::app::reads::browse;
    use crate::app::table::{Column, Show};
    use crate::frame::{Frame, Value, schema};

    /// The places `from..to` of a list of whole numbers, of which a filter takes `found`.
    fn piece(from: usize, to: usize, found: usize) -> (Piece, Listing) {
        let fields = schema::columns![id Text, n Whole];
        let row = |n: usize| vec![Value::Text(format!("id{n}")), Value::count(n as u64)];
        let rows = Frame::from_rows(&fields, &(from..to).map(row).collect::<Vec<_>>()).unwrap();
        let columns = vec![Column::plain("id", "id"), Column::count("n", "n").as_(Show::Count)];
        let listing = Listing { rows: rows.clone(), columns, key: &["id"], paint: super::super::column::plain };
        (Piece { rows, from, found, all: 4_000_000 }, listing)
    }

    fn table() -> Table {
        let mut table = Table::new("test", &["-n"]);
        let (_, none) = piece(0, 0, 0);
        table.fill_piece(browse::all_ders(None, None, None), &Wish::default(), &Piece::default(), none);
        let (first, listing) = piece(0, PIECE, 4_000_000);
        let wish = table.wish();
        table.fill_piece(browse::all_ders(None, None, None), &wish, &first, listing);
        table
    }

    #[test]
    fn rows_around_the_selection_are_wished_for_before_they_are_needed_and_come_in_under_it() {
        let mut table = table();
        assert_eq!((table.length(), table.height(), table.wish().from), (4_000_000, 4_000_000, 0));
        table.page.set(STEP);
        for _ in 0..2 {
            table.act(Verb::PageDown);
        }
        assert_eq!(table.selected_text("id").as_deref(), Some("id998"), "it is among the rows that are held");
        table.act(Verb::PageDown);
        let wish = table.wish();
        assert_eq!((wish.from, table.selected_text("id").as_deref()), (STEP, Some("id1497")));
        let (next, listing) = piece(wish.from, wish.from + PIECE, 4_000_000);
        table.fill_piece(browse::all_ders(None, None, None), &wish, &next, listing);
        assert_eq!((table.at(), table.selected_text("id").as_deref()), (1497, Some("id1497")));
        table.act(Verb::Last);
        assert_eq!((table.at(), table.selected_text("id")), (3_999_999, None), "it is on its way");
        let wish = table.wish();
        assert!(wish.from + PIECE >= 4_000_000 && wish.from < 4_000_000, "{wish:?}");
    }

    #[test]
    fn other_sort_or_filter_is_another_question_that_begins_at_its_first_row() {
        let mut table = table();
        table.act(Verb::Last);
        table.set_filter("n > 5");
        assert_eq!((table.at(), table.wish().from), (0, 0));
        assert!(table.wish().condition.contains("> 5.0"), "{:?}", table.wish());
        let before = table.wish();
        table.set_filter("n > ");
        assert_eq!((table.wish(), table.filter().1.is_some()), (before, true), "what cannot be read yet asks nothing new");
        table.set_filter("");
        table.sort_by("id");
        assert_eq!((table.wish().sort, table.wish().condition), (vec!["id".to_owned(), "-n".to_owned()], String::new()));
        assert!(table.is_piece() && table.column_text().is_none());
        assert_eq!(
            (table.is_stale(), table.selected()),
            (true, None),
            "the rows of the question before are no answer to this one"
        );
        let (few, listing) = piece(0, 3, 3);
        let wish = table.wish();
        table.fill_piece(browse::all_ders(None, None, None), &wish, &few, listing);
        assert!(!table.is_stale() && table.selected_text("id").as_deref() == Some("id0"));
        table.act(Verb::Down);
        table.set_filter("");
        assert_eq!(table.selected_text("id").as_deref(), Some("id1"), "the same filter once more asks nothing");
        assert!(!table.is_piece() && table.column_text().is_some(), "three rows are all of them");
    }
}
