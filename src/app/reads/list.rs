//! A list of the tables that is too long to be held: read piece by piece, in any order, through any condition.

use super::{QueryError, register};
use crate::engine::{Session, local};
use crate::frame::Frame;
use crate::lake::Lake;
use crate::model::Cancel;
use crate::pipeline::tables::Table;

/// What the rows of a list are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// The table, which is named `t` in the query.
    pub table: &'static Table,
    /// Its rows: a query over `t` without an order.
    pub rows: String,
    /// The list's own order, which leaves no two rows equal: columns, `-` before one that falls; the last one is null in no row.
    pub order: &'static [&'static str],
}

/// Which rows of a list are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wish {
    /// A condition that they fulfil; empty for all of them.
    pub condition: String,
    /// The columns that they are sorted by before the list's own order, `-` before one that falls.
    pub sort: Vec<String>,
    /// The place of the first one that is wanted.
    pub from: usize,
}

/// A piece of a list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Piece {
    /// The rows.
    pub rows: Frame,
    /// The place of the first of them.
    pub from: usize,
    /// How many rows fulfil the condition.
    pub found: usize,
    /// How many rows the list has.
    pub all: usize,
}

/// Rows of a piece, many pages of a terminal.
pub const PIECE: usize = 1500;

impl List {
    /// The rows from a place on, at most so many. What it costs grows with the distance to the nearer end of the list.
    ///
    /// # Errors
    /// The table cannot be read, or has no such columns.
    pub fn piece(&self, lake: &Lake, wish: &Wish, size: usize) -> Result<Piece, QueryError> {
        let mut session = self.session(lake)?;
        let count = |session: &mut dyn Session, condition: &str| -> Result<usize, QueryError> {
            // `COUNT(*)` reads no column, and the engine gives up on a scan without one.
            let known = self.order.last().map_or("*", |key| bare(key));
            let counted = session.query(&format!("SELECT COUNT({known}) AS n FROM list{condition}"))?;
            Ok(usize::try_from(counted.count("n", 0)).unwrap_or(usize::MAX))
        };
        let all = count(session.as_mut(), "")?;
        let condition = condition(wish);
        let found = if condition.is_empty() { all } else { count(session.as_mut(), &condition)? };
        let from = wish.from.min(found.saturating_sub(size));
        let to = found.min(from + size);
        // The greatest of an order are the least of the other one: an engine that keeps only the first rows need not sort all.
        let from_end = found - from < to;
        let (skipped, limit) = if from_end { (found - to, found - from) } else { (from, to) };
        let sql = format!("SELECT * FROM list{condition} ORDER BY {} LIMIT {limit}", self.sorted(&wish.sort, from_end));
        let rows = session.query(&sql)?;
        let places = skipped as u32..rows.height() as u32;
        let places: Vec<u32> = if from_end { places.rev().collect() } else { places.collect() };
        Ok(Piece { rows: rows.rows_at(&places).in_one_piece(), from, found, all })
    }

    /// All rows that are wanted, wherever they stand.
    ///
    /// # Errors
    /// As [`Self::piece`].
    pub fn all(&self, lake: &Lake, wish: &Wish) -> Result<Frame, QueryError> {
        let sql = format!("SELECT * FROM list{} ORDER BY {}", condition(wish), self.sorted(&wish.sort, false));
        Ok(self.session(lake)?.query(&sql)?)
    }

    fn session(&self, lake: &Lake) -> Result<Box<dyn Session>, QueryError> {
        let mut session = local().session(&Cancel::default())?;
        register(session.as_mut(), lake, "t", self.table)?;
        session.create_view("list", &self.rows)?;
        Ok(session)
    }

    fn sorted(&self, sort: &[String], turned: bool) -> String {
        let own = self.order.iter().filter(|key| !sort.iter().any(|other| bare(other) == bare(key))).map(|key| (*key).to_owned());
        let key = |key: String| {
            let order = if key.starts_with('-') == turned { "ASC" } else { "DESC" };
            // Nothing known comes last in both directions.
            let nulls = if turned { "FIRST" } else { "LAST" };
            format!("{} {order} NULLS {nulls}", bare(&key))
        };
        sort.iter().cloned().chain(own).map(key).collect::<Vec<_>>().join(", ")
    }
}

fn bare(key: &str) -> &str {
    key.trim_start_matches('-')
}

fn condition(wish: &Wish) -> String {
    if wish.condition.is_empty() { String::new() } else { format!(" WHERE {}", wish.condition) }
}
