//! A list that is read piece by piece, as a part of a screen.

use super::reads::list::{List, PIECE, Piece, Wish};
use super::slot::{Desk, Reader, Remote, Slot, Waiting};
use super::table::{Listing, Table};
use super::view::Read;
use crate::frame::Frame;
use crate::model::Timestamp;

/// The list and the question that it waits for.
pub struct Paged {
    /// What is known of it.
    pub table: Table,
    slot: Slot<(List, Wish), Piece>,
    filled: u64,
    /// What the rows that are held are an answer to.
    held: Option<(List, Wish, Timestamp)>,
    listing: fn(Frame) -> Listing,
}

impl Paged {
    /// A list that has read nothing.
    pub fn new(name: &'static str, sort: &[&str], list: List, listing: fn(Frame) -> Listing) -> Self {
        let mut table = Table::new(name, sort);
        // What may be typed into its filter is known from the start.
        let rows = Frame::from_rows(&list.table.columns(), &[]).unwrap_or_default();
        table.fill_piece(list, &Wish::default(), &Piece::default(), listing(rows));
        Self { table, slot: Slot::default(), filled: 0, held: None, listing }
    }

    /// Asks for the rows around the selection unless they are there.
    pub fn settle(&mut self, list: List, desk: &mut Desk) {
        let is_other = self.held.as_ref().is_some_and(|(held, ..)| *held != list);
        if is_other {
            // Rows of another list never stand under the heading of this one.
            self.held = None;
            let rows = self.table.rows().rows_at(&[]);
            let wish = self.table.wish();
            self.table.fill_piece(list.clone(), &wish, &Piece::default(), (self.listing)(rows));
        }
        let wish = self.table.wish();
        let (asked, wished) = (list.clone(), wish.clone());
        let read = move |reader: &Reader<'_>| asked.piece((reader.lake, reader.cancel), &wished, PIECE);
        // A filter is another one with every key.
        let is_typed = self.held.as_ref().is_some_and(|(_, held, _)| held.condition != wish.condition);
        if is_typed {
            self.slot.want_at_rest(desk, (list, wish), read);
        } else {
            self.slot.want(desk, (list, wish), read);
        }
        if self.filled == self.slot.answers() {
            return;
        }
        self.filled = self.slot.answers();
        if let (Remote::Ready { value, read_at }, Some((list, wish))) = (self.slot.remote(), self.slot.question()) {
            self.held = Some((list.clone(), wish.clone(), *read_at));
            self.table.fill_piece(list.clone(), wish, value, (self.listing)(value.rows.clone()));
        }
    }

    /// How far the rows are: those that are held stand while the next piece of the same is read.
    pub fn read(&self) -> Read<'_> {
        match (self.slot.remote(), &self.held, self.slot.question()) {
            (Remote::Loading, Some((list, wish, read_at)), Some((asked, wished)))
                if list == asked && wish.condition == wished.condition && wish.sort == wished.sort =>
            {
                Read::At(*read_at)
            }
            (remote, ..) => Read::from(remote),
        }
    }

    /// What waits for an answer.
    pub fn waiting(&mut self) -> &mut dyn Waiting {
        &mut self.slot
    }
}
