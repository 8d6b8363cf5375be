//! The rows of a delivery that count, and which of them it repeats of the delivery before.
//!
//! A record that the delivery before held, cell for cell, changes nothing: silver leaves it where it is, and the comparison of months
//! need not read it. Bronze has a number for each record that tells so (`_record_hash`).

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use super::bronze::{BronzeTables, CommittedFile, is_nameless};
use super::{PipelineError, rejected};
use crate::config::column_name;
use crate::engine::{Materialized, Session, Work};
use crate::frame::{Relation, schema};
use crate::model::{Dataset, Month};

/// The bronze rows of a delivery that silver kept: of each key one.
pub(super) struct KeptRows {
    rows: Relation,
    /// The places of the others, where there are any.
    lost: Option<Relation>,
}

impl KeptRows {
    /// Looks at what was rejected.
    ///
    /// # Errors
    /// A table cannot be read.
    pub(super) fn of(bronze: &BronzeTables<'_>, dataset: Dataset, month: Month) -> Result<Self, PipelineError> {
        let rows = bronze.rows(dataset, |other| other == month)?.unwrap_or_else(|| Relation::empty(&[]));
        let rejected = rejected::of_month(bronze, month)?;
        if rejected.is_empty() {
            return Ok(Self { rows, lost: None });
        }
        let mut session = bronze.work.session()?;
        session.register("rejected", &rejected)?;
        let of_silver = format!("dataset = '{dataset}' AND stage = 'silver' AND source_line IS NOT NULL");
        let places = "SELECT source_file AS lost_file, source_line AS lost_line FROM rejected";
        let lost = session.materialize("lost", &format!("{places} WHERE {of_silver}"))?;
        Ok(Self { rows, lost: (lost.rows > 0).then_some(lost.relation) })
    }

    /// Names them, in those of their columns that are wanted.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn name(
        &self,
        session: &mut dyn Session,
        relation: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<(), PipelineError> {
        session.register(relation, &self.rows.narrowed(wanted))?;
        if let Some(lost) = &self.lost {
            session.register("lost", lost)?;
            let kept = "LEFT ANTI JOIN lost AS l ON r._source_line = l.lost_line AND r._source_file = l.lost_file";
            session.create_view(relation, &format!("SELECT r.* FROM {relation} AS r {kept}"))?;
        }
        Ok(())
    }
}

/// Cells of records that are held at a time, a hundred megabytes or two of them: half of them until a utility's tables are made.
const HELD_CELLS: u64 = 8_000_000;

/// So many times the rows of a month of changes alone are less than those of a file that held everything.
const LITTLE: u64 = 8;

/// By dataset and month.
type Known<'a> = BTreeMap<(Dataset, Month), Option<Rc<Difference<'a>>>>;

/// What a utility's deliveries hold that those before them did not: found once, for silver and for the comparison of months.
pub struct Differences<'a> {
    bronze: &'a BronzeTables<'a>,
    known: RefCell<Known<'a>>,
    /// Cells that may still be held.
    room: Rc<Cell<u64>>,
}

impl<'a> Differences<'a> {
    /// Nothing is known yet.
    pub fn new(bronze: &'a BronzeTables<'a>) -> Self {
        Self { bronze, known: RefCell::default(), room: Rc::new(Cell::new(HELD_CELLS)) }
    }

    /// That of a dataset's month, whose rejected records are settled. `None` where nothing can be told by the numbers of the records, or where
    /// the month brings less than half as much as the one before, or little beside the largest file until then: changes alone repeat nothing.
    ///
    /// # Errors
    /// A table cannot be read.
    pub(super) fn of(&self, dataset: Dataset, month: Month) -> Result<Option<Rc<Difference<'a>>>, PipelineError> {
        if let Some(known) = self.known.borrow().get(&(dataset, month)) {
            return Ok(known.clone());
        }
        let found = self.find(dataset, month)?.map(Rc::new);
        // What is not kept is found once for silver, and once more for the comparison.
        if found.is_none() || self.room.get() > HELD_CELLS / 2 {
            self.known.borrow_mut().insert((dataset, month), found.clone());
        }
        Ok(found)
    }

    fn find(&self, dataset: Dataset, month: Month) -> Result<Option<Difference<'a>>, PipelineError> {
        let bronze = self.bronze;
        let Some(before) = bronze.months(dataset).into_iter().rfind(|other| *other < month) else { return Ok(None) };
        let of_both = |file: &&CommittedFile| file.dataset == dataset && [before, month].contains(&file.month);
        let has_hashes = bronze.files.iter().filter(of_both).all(|file| file.rows == 0 || file.stores(RECORD_HASH));
        let is_told = has_hashes && !bronze.adapter.labels_read(dataset).any(|label| is_nameless(&column_name(label)));
        let rows = bronze.row_count(dataset, month);
        let are_changes = 2 * rows < bronze.row_count(dataset, before) || LITTLE * rows < self.most_until(dataset, month);
        if !is_told || are_changes {
            return Ok(None);
        }
        Ok(Some(Difference {
            month: before,
            work: bronze.work,
            columns: (bronze.columns(dataset).len() as u64).max(1),
            now: KeptRows::of(bronze, dataset, month)?,
            before: KeptRows::of(bronze, dataset, before)?,
            new: OnceCell::new(),
            gone: OnceCell::new(),
            room: self.room.clone(),
        }))
    }

    /// The rows of the largest file of a dataset, of those up to a month.
    fn most_until(&self, dataset: Dataset, month: Month) -> u64 {
        let files = self.bronze.files.iter().filter(|file| file.dataset == dataset && file.month <= month);
        files.map(|file| file.rows).max().unwrap_or(0)
    }
}

/// The rows of a delivery beside those of the delivery before, of each those that count: what the other does not hold, cell for cell.
pub(super) struct Difference<'a> {
    /// The month of the delivery before.
    pub(super) month: Month,
    work: Work<'a>,
    columns: u64,
    now: KeptRows,
    before: KeptRows,
    /// What is new, and what is gone, once somebody asked; `None` where it is too much to be held.
    new: OnceCell<Option<Held>>,
    gone: OnceCell<Option<Held>>,
    room: Rc<Cell<u64>>,
}

impl Difference<'_> {
    /// Names the rows that the delivery before did not hold.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn name_new(&self, session: &mut dyn Session, relation: &str, wanted: Wanted<'_>) -> Result<(), PipelineError> {
        name(session, relation, wanted, self.held_new()?, (&self.now, &self.before))
    }

    /// Names the rows of the delivery before that this one does not hold.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn name_gone(&self, session: &mut dyn Session, relation: &str, wanted: Wanted<'_>) -> Result<(), PipelineError> {
        name(session, relation, wanted, self.held_gone()?, (&self.before, &self.now))
    }

    /// How many rows are new.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn new_rows(&self) -> Result<u64, PipelineError> {
        if let Some(held) = self.held_new()? {
            return Ok(held.rows);
        }
        let mut session = self.work.session()?;
        self.name_new(session.as_mut(), "delivered_rows", &|_| true)?;
        Ok(session.query("SELECT COUNT(_source_line) AS n FROM delivered_rows")?.count("n", 0))
    }

    /// The rows that are new, where they are held.
    pub(super) fn held_new(&self) -> Result<Option<&Materialized>, PipelineError> {
        self.held(&self.new, (&self.now, &self.before))
    }

    /// The rows that are gone, where they are held.
    pub(super) fn held_gone(&self) -> Result<Option<&Materialized>, PipelineError> {
        self.held(&self.gone, (&self.before, &self.now))
    }

    fn held<'c>(
        &self,
        cell: &'c OnceCell<Option<Held>>,
        (rows, others): (&KeptRows, &KeptRows),
    ) -> Result<Option<&'c Materialized>, PipelineError> {
        if cell.get().is_none() {
            let mut session = self.work.session()?;
            rows.name(session.as_mut(), "rows", |_| true)?;
            others.name(session.as_mut(), "others", tells_equal_rows)?;
            let held = session.name_few("difference", &not_in("rows", "others"), self.room.get() / self.columns)?;
            // Nobody else comes between.
            let _ = cell.set(held.map(|rows| Held::new(rows, self.columns, &self.room)));
        }
        Ok(cell.get().and_then(Option::as_ref).map(|held| &held.rows))
    }
}

/// Rows that take room while they are held.
struct Held {
    rows: Materialized,
    cells: u64,
    room: Rc<Cell<u64>>,
}

impl Held {
    fn new(rows: Materialized, columns: u64, room: &Rc<Cell<u64>>) -> Self {
        let cells = rows.rows * columns;
        room.set(room.get().saturating_sub(cells));
        Self { rows, cells, room: room.clone() }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.set(self.room.get() + self.cells);
    }
}

/// Which columns are wanted of rows, of which [`RECORD_HASH`] is one.
type Wanted<'w> = &'w dyn Fn(&str) -> bool;

/// Names the rows that the others do not hold, as they are held or to be read.
fn name(
    session: &mut dyn Session,
    relation: &str,
    wanted: Wanted<'_>,
    held: Option<&Materialized>,
    (rows, others): (&KeptRows, &KeptRows),
) -> Result<(), PipelineError> {
    if let Some(held) = held {
        return Ok(session.register(relation, &held.relation.narrowed(wanted))?);
    }
    rows.name(session, "rows", wanted)?;
    others.name(session, "others", tells_equal_rows)?;
    Ok(session.create_view(relation, &not_in("rows", "others"))?)
}

/// Whether a column is needed to know that rows are equal, and which of them count.
fn tells_equal_rows(column: &str) -> bool {
    column == RECORD_HASH || schema::is_lineage(column)
}

/// The column of bronze that tells equal records.
const RECORD_HASH: &str = "_record_hash";

/// The rows of a relation that another one does not hold, cell for cell.
fn not_in(relation: &str, other: &str) -> String {
    format!("SELECT r.* FROM {relation} AS r LEFT ANTI JOIN {other} AS o ON r.{RECORD_HASH} = o.{RECORD_HASH}")
}
