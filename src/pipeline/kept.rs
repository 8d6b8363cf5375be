//! The rows of a delivery that count, and which of them it repeats of the delivery before.
//!
//! A record that the delivery before held, cell for cell, changes nothing: silver leaves it where it is, and the comparison of months
//! need not read it. Bronze has a number for each record that tells so (`_record_hash`).

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use super::bronze::{BronzeTables, CommittedFile, is_nameless};
use super::pairs::{Alone, NumberedRows, unpaired};
use super::picked::{self, Picked};
use super::{PipelineError, rejected};
use crate::config::column_name;
use crate::engine::{Materialized, Session, Work};
use crate::frame::{Frame, Relation, schema};
use crate::lake::TableId;
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
        self.name_those(session, relation, &self.rows.narrowed(wanted))
    }

    /// Names those of some of the delivery's rows that count.
    fn name_those(&self, session: &mut dyn Session, relation: &str, rows: &Relation) -> Result<(), PipelineError> {
        session.register(relation, rows)?;
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
        let is_told = has_hashes && are_told_apart(bronze, dataset);
        let rows = bronze.row_count(dataset, month);
        let are_changes = 2 * rows < bronze.row_count(dataset, before) || LITTLE * rows < self.most_until(dataset, month);
        if !is_told || are_changes {
            return Ok(None);
        }
        Ok(Some(Difference {
            month: before,
            work: bronze.work,
            table: TableId::bronze(&bronze.adapter.id, dataset).to_string(),
            columns: (bronze.columns(dataset).len() as u64).max(1),
            now: Side::of(KeptRows::of(bronze, dataset, month)?),
            before: Side::of(KeptRows::of(bronze, dataset, before)?),
            room: self.room.clone(),
        }))
    }

    /// The rows of the largest file of a dataset, of those up to a month.
    fn most_until(&self, dataset: Dataset, month: Month) -> u64 {
        let files = self.bronze.files.iter().filter(|file| file.dataset == dataset && file.month <= month);
        files.map(|file| file.rows).max().unwrap_or(0)
    }
}

/// Whether records with the same number say the same: it is made from cells of columns with a name alone.
pub(super) fn are_told_apart(bronze: &BronzeTables<'_>, dataset: Dataset) -> bool {
    !bronze.adapter.labels_read(dataset).any(|label| is_nameless(&column_name(label)))
}

/// The rows of a delivery beside those of the delivery before, of each those that count: what the other does not hold, cell for cell.
pub(super) struct Difference<'a> {
    /// The month of the delivery before.
    pub(super) month: Month,
    work: Work<'a>,
    table: String,
    columns: u64,
    now: Side,
    before: Side,
    room: Rc<Cell<u64>>,
}

/// One of the two deliveries.
struct Side {
    rows: KeptRows,
    /// Which of them the other does not hold, once somebody asked.
    alone: OnceCell<Alone>,
    /// These rows; `None` where they are too much to be held.
    held: OnceCell<Option<Held>>,
}

impl Side {
    const fn of(rows: KeptRows) -> Self {
        Self { rows, alone: OnceCell::new(), held: OnceCell::new() }
    }
}

impl Difference<'_> {
    /// Names the rows that the delivery before did not hold.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn name_new(&self, session: &mut dyn Session, relation: &str, wanted: Wanted<'_>) -> Result<(), PipelineError> {
        self.name(session, relation, wanted, &self.now)
    }

    /// Names the rows of the delivery before that this one does not hold.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn name_gone(&self, session: &mut dyn Session, relation: &str, wanted: Wanted<'_>) -> Result<(), PipelineError> {
        self.name(session, relation, wanted, &self.before)
    }

    /// How many rows are new.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn new_rows(&self) -> Result<u64, PipelineError> {
        Ok(self.alone(&self.now)?.rows)
    }

    /// How many rows are gone.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn gone_rows(&self) -> Result<u64, PipelineError> {
        Ok(self.alone(&self.before)?.rows)
    }

    fn name(&self, session: &mut dyn Session, relation: &str, wanted: Wanted<'_>, side: &Side) -> Result<(), PipelineError> {
        if let Some(held) = self.held(side)? {
            return Ok(session.register(relation, &held.relation.narrowed(wanted))?);
        }
        let plan = self.plan(session, wanted, side)?;
        Ok(session.create_view(relation, &plan)?)
    }

    fn held<'s>(&'s self, side: &'s Side) -> Result<Option<&'s Materialized>, PipelineError> {
        if side.held.get().is_none() {
            let held = if self.alone(side)?.rows <= self.room.get() / self.columns {
                Some(Held::new(self.materialized(side)?, self.columns, &self.room))
            } else {
                None
            };
            // Nobody else comes between.
            let _ = side.held.set(held);
        }
        Ok(side.held.get().and_then(Option::as_ref).map(|held| &held.rows))
    }

    /// The rows of a side that the other does not hold, in memory.
    fn materialized(&self, side: &Side) -> Result<Materialized, PipelineError> {
        let mut session = self.work.session()?;
        let plan = if let Some(picked) = self.picked(side)? {
            side.rows.name_those(session.as_mut(), "picked", &picked.relation())?;
            "SELECT * FROM picked".to_owned()
        } else {
            self.plan(session.as_mut(), &|_| true, side)?
        };
        Ok(session.materialize("difference", &plan)?)
    }

    /// Those rows, and such as do not count, without a query; `None` where one has to read them.
    fn picked(&self, side: &Side) -> Result<Option<Frame>, PipelineError> {
        let Relation::Files { columns, parts } = &side.rows.rows else { return Ok(None) };
        let alone = self.alone(side)?;
        let scope = (self.work, self.table.as_str());
        match (&alone.places, &alone.numbers) {
            (Some(places), _) => picked::rows(scope, columns, parts.iter().zip(places.iter().map(|places| Picked::At(places)))),
            (None, Some(Relation::Rows(numbers))) => {
                let numbers = numbers.wholes("number").collect();
                picked::rows(scope, columns, parts.iter().map(|part| (part, Picked::With(RECORD_HASH, &numbers))))
            }
            _ => Ok(None),
        }
    }

    /// The rows of a side that the other does not hold, as SQL; what it reads has its names.
    fn plan(&self, session: &mut dyn Session, wanted: Wanted<'_>, side: &Side) -> Result<String, PipelineError> {
        side.rows.name(session, "rows", wanted)?;
        let Some(numbers) = &self.alone(side)?.numbers else { return Ok("SELECT * FROM rows".into()) };
        session.register("differing", numbers)?;
        Ok(format!("SELECT r.* FROM rows AS r LEFT SEMI JOIN differing AS d ON r.{RECORD_HASH} = d.number"))
    }

    /// What a side does not share with the other. Both are looked at in one pass, as both are asked for by and by.
    fn alone<'s>(&'s self, side: &'s Side) -> Result<&'s Alone, PipelineError> {
        if let Some(known) = side.alone.get() {
            return Ok(known);
        }
        let (now, before) = (self.numbers(&self.now)?, self.numbers(&self.before)?);
        let (unpaired_now, unpaired_before) = unpaired(&now.numbers, &before.numbers);
        let of_now = self.now.alone.get_or_init(|| Alone::of(&now, unpaired_now, &before.numbers));
        let of_before = self.before.alone.get_or_init(|| Alone::of(&before, unpaired_before, &now.numbers));
        Ok(if std::ptr::eq(side, &raw const self.now) { of_now } else { of_before })
    }

    /// The numbers of the rows of a side, mostly in their order.
    fn numbers(&self, side: &Side) -> Result<NumberedRows, PipelineError> {
        if let (Relation::Files { parts, .. }, None) = (&side.rows.rows, &side.rows.lost)
            && let Some(of_files) = picked::numbers(self.work, RECORD_HASH, parts)?
        {
            let files = Some(of_files.iter().map(Vec::len).collect());
            return Ok(NumberedRows { numbers: of_files.concat(), files });
        }
        let mut session = self.work.session()?;
        side.rows.name(session.as_mut(), "rows", tells_equal_rows)?;
        let found = session.query(&format!("SELECT {RECORD_HASH} FROM rows"))?;
        Ok(NumberedRows { numbers: found.wholes(RECORD_HASH).collect(), files: None })
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

/// Whether a column is needed to know that rows are equal, and which of them count.
fn tells_equal_rows(column: &str) -> bool {
    column == RECORD_HASH || schema::is_lineage(column)
}

/// The column of bronze that tells equal records.
pub(super) const RECORD_HASH: &str = "_record_hash";
