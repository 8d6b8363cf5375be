//! A list of the tables that is too long to be held: read piece by piece, in any order, through any condition.

use super::{QueryError, register};
use crate::engine::{Session, local};
use crate::frame::{Frame, Value};
use crate::lake::Lake;
use crate::model::Cancel;
use crate::pipeline::sql;
use crate::pipeline::tables::Table;

/// What the rows of a list are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// The table, which is named `t` in the query.
    pub table: &'static Table,
    /// Its rows: a query over `t` without an order.
    pub rows: String,
    /// The list's own order, which leaves no two rows equal: columns, `-` before one that falls.
    pub order: &'static [&'static str],
    /// A column that is null in no row, and costs little to read: rows are counted by it.
    pub known: &'static str,
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
    /// The table cannot be read, or has no such columns; nobody waits any more.
    pub fn piece(&self, (lake, cancel): (&Lake, &Cancel), wish: &Wish, size: usize) -> Result<Piece, QueryError> {
        let mut session = self.session(lake, cancel)?;
        let mut count = |condition: &str| -> Result<usize, QueryError> {
            // `COUNT(*)` reads no column, and the engine gives up on a scan without one.
            let counted = session.query(&format!("SELECT COUNT({}) AS n FROM list{condition}", self.known))?;
            Ok(usize::try_from(counted.count("n", 0)).unwrap_or(usize::MAX))
        };
        let all = count("")?;
        let found = if wish.condition.is_empty() { all } else { count(&condition(wish, None))? };
        let from = wish.from.min(found.saturating_sub(size));
        let to = found.min(from + size);
        // The greatest of an order are the least of the other one: an engine that keeps only the first rows need not sort all.
        let from_end = found - from < to;
        let (skipped, limit) = if from_end { (found - to, found - from) } else { (from, to) };
        let bound = Self::bound(session.as_mut(), wish, (from_end, limit))?;
        let sql =
            format!("SELECT * FROM list{} ORDER BY {} LIMIT {limit}", condition(wish, bound), self.sorted(&wish.sort, from_end));
        let rows = session.query(&sql)?;
        let places = skipped as u32..rows.height() as u32;
        let places: Vec<u32> = if from_end { places.rev().collect() } else { places.collect() };
        Ok(Piece { rows: rows.rows_at(&places).in_one_piece(), from, found, all })
    }

    /// A condition that the first rows fulfil and few others, by the first column that is sorted by: of the others no cell need be
    /// read. `None` where there is none.
    fn bound(session: &mut dyn Session, wish: &Wish, (turned, limit): (bool, usize)) -> Result<Option<String>, QueryError> {
        let Some(key) = wish.sort.first() else { return Ok(None) };
        let (field, order) = (bare(key), ordered(key, turned));
        let sql = format!("SELECT {field} FROM list{} ORDER BY {field} {order} LIMIT {limit}", condition(wish, None));
        let first = session.query(&sql)?;
        let known = |row: usize| match first.value(field, row) {
            Value::Text(text) => Some(sql::text(&text)),
            Value::Whole(number) => Some(number.to_string()),
            Value::Real(number) if number.is_finite() => Some(format!("{number:?}")),
            _ => None,
        };
        let sign = if key.starts_with('-') == turned { "<=" } else { ">=" };
        let last = first.height().saturating_sub(1);
        let is_null = |row: usize| first.value(field, row) == Value::Null;
        Ok(match (is_null(0), known(last)) {
            (false, Some(last)) => Some(format!("{field} {sign} {last}")),
            (true, Some(last)) => Some(format!("({field} IS NULL OR {field} {sign} {last})")),
            (true, None) if is_null(last) => Some(format!("{field} IS NULL")),
            _ => None,
        })
    }

    /// All rows that are wanted, wherever they stand.
    ///
    /// # Errors
    /// As [`Self::piece`].
    pub fn all(&self, lake: &Lake, wish: &Wish) -> Result<Frame, QueryError> {
        let sql = format!("SELECT * FROM list{} ORDER BY {}", condition(wish, None), self.sorted(&wish.sort, false));
        Ok(self.session(lake, &Cancel::default())?.query(&sql)?)
    }

    fn session(&self, lake: &Lake, cancel: &Cancel) -> Result<Box<dyn Session>, QueryError> {
        let mut session = local().session(cancel)?;
        register(session.as_mut(), lake, "t", self.table)?;
        session.create_view("list", &self.rows)?;
        Ok(session)
    }

    fn sorted(&self, sort: &[String], turned: bool) -> String {
        let own = self.order.iter().filter(|key| !sort.iter().any(|other| bare(other) == bare(key))).map(|key| (*key).to_owned());
        let key = |key: String| format!("{} {}", bare(&key), ordered(&key, turned));
        sort.iter().cloned().chain(own).map(key).collect::<Vec<_>>().join(", ")
    }
}

/// Nothing known comes last in both directions; first where the whole order is turned.
fn ordered(key: &str, turned: bool) -> String {
    let order = if key.starts_with('-') == turned { "ASC" } else { "DESC" };
    format!("{order} NULLS {}", if turned { "FIRST" } else { "LAST" })
}

fn bare(key: &str) -> &str {
    key.trim_start_matches('-')
}

fn condition(wish: &Wish, bound: Option<String>) -> String {
    let own = Some(&wish.condition).filter(|condition| !condition.is_empty()).cloned();
    let all: Vec<String> = own.into_iter().chain(bound).collect();
    if all.is_empty() { String::new() } else { format!(" WHERE {}", all.join(" AND ")) }
}
