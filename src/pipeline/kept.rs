//! The rows of a delivery that count, and which of them it repeats of the delivery before.
//!
//! A record that the delivery before held, cell for cell, changes nothing: silver leaves it where it is, and the comparison of months
//! need not read it. Bronze has a number for each record that tells so (`_record_hash`).

use std::cell::{Cell, OnceCell, RefCell};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::bronze::{BronzeTables, CommittedFile, is_nameless};
use super::picked::{self, Numbers, Picked};
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
        let is_told = has_hashes && !bronze.adapter.labels_read(dataset).any(|label| is_nameless(&column_name(label)));
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

/// The rows of a delivery that another one does not hold.
struct Alone {
    rows: u64,
    /// Their numbers; `None` where they are all rows.
    numbers: Option<Relation>,
    /// Their places in each file, where the rows of the files are those that count.
    places: Option<Vec<Vec<u32>>>,
}

/// The numbers of the rows of a delivery.
struct NumberedRows {
    numbers: Vec<i64>,
    /// How many rows each file has, where these are all of them, in their order.
    files: Option<Vec<usize>>,
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

impl Alone {
    /// Those of some rows whose number is not among others: all that have no pair, but for such as are there once more.
    fn of(rows: &NumberedRows, mut unpaired: Vec<i64>, others: &[i64]) -> Self {
        let mut missing: Numbers = unpaired.iter().copied().collect();
        for other in others {
            missing.remove(other);
        }
        unpaired.retain(|number| missing.contains(number));
        let are_some = unpaired.len() < rows.numbers.len();
        let numbers = are_some.then(|| Frame::of_wholes("number", unpaired.clone()).relation());
        let places = rows.files.as_ref().filter(|_| are_some).map(|files| {
            let mut rest = rows.numbers.as_slice();
            let of_file = |rows: &usize| {
                let (of_file, others) = rest.split_at(*rows);
                rest = others;
                of_file.iter().zip(0..).filter(|(number, _)| missing.contains(*number)).map(|(_, place)| place).collect()
            };
            files.iter().map(of_file).collect()
        });
        Self { rows: unpaired.len() as u64, numbers, places }
    }
}

/// So far the pair of a number may be behind where it is expected, and so many numbers may follow one another that have none: where there are
/// more, the rest is sorted.
const NEAR: usize = 64;

/// The numbers of two deliveries that have no pair in the other one, and a few that were not found to have one. Most records of a delivery
/// are where they were in the one before, so that hardly any is looked for.
fn unpaired(numbers: &[i64], others: &[i64]) -> (Vec<i64>, Vec<i64>) {
    let (mut of_numbers, mut of_others) = (Vec::new(), Vec::new());
    let (mut rest, mut other_rest, mut missed) = (numbers, others, 0);
    while let ([number, next @ ..], [other, other_next @ ..]) = (rest, other_rest) {
        if number == other {
            (rest, other_rest, missed) = (next, other_next, 0);
            continue;
        }
        if missed == NEAR {
            break;
        }
        let near = |of: &[i64], number: i64| of.iter().take(NEAR).position(|at| *at == number);
        match (near(other_next, *number), near(next, *other)) {
            (Some(behind), other_behind) if other_behind.is_none_or(|other_behind| behind <= other_behind) => {
                of_others.extend_from_slice(&other_rest[..=behind]);
                other_rest = &other_next[behind..];
            }
            (_, Some(behind)) => {
                of_numbers.extend_from_slice(&rest[..=behind]);
                rest = &next[behind..];
            }
            _ => {
                of_numbers.push(*number);
                of_others.push(*other);
                (rest, other_rest, missed) = (next, other_next, missed + 1);
            }
        }
    }
    // From here on they are in another order, or one is at its end.
    let (rest, other_rest) = (sorted(rest), sorted(other_rest));
    let (mut rest, mut other_rest) = (rest.iter().peekable(), other_rest.iter().peekable());
    while let (Some(number), Some(other)) = (rest.peek(), other_rest.peek()) {
        match number.cmp(other) {
            Ordering::Less => of_numbers.extend(rest.next()),
            Ordering::Greater => of_others.extend(other_rest.next()),
            Ordering::Equal => drop((rest.next(), other_rest.next())),
        }
    }
    of_numbers.extend(rest);
    of_others.extend(other_rest);
    (of_numbers, of_others)
}

fn sorted(numbers: &[i64]) -> Vec<i64> {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    numbers
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
const RECORD_HASH: &str = "_record_hash";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn alone(numbers: &[i64], others: &[i64]) -> (u64, Option<Vec<i64>>) {
        // As in two files, the first of which has a third of the rows.
        let files = [numbers.len() / 3, numbers.len() - numbers.len() / 3];
        let rows = NumberedRows { numbers: numbers.to_vec(), files: Some(files.to_vec()) };
        let alone = Alone::of(&rows, unpaired(numbers, others).0, others);
        if let Some(places) = &alone.places {
            let of_file = |(places, rows): (&Vec<u32>, &[i64])| places.iter().map(|at| rows[*at as usize]).collect::<Vec<_>>();
            let (first, second) = numbers.split_at(files[0]);
            let there = [of_file((&places[0], first)), of_file((&places[1], second))].concat();
            let is_alone = |number: &&i64| !others.contains(number);
            assert_eq!(there, numbers.iter().filter(is_alone).copied().collect::<Vec<_>>());
        }
        assert_eq!(alone.places.is_some(), alone.numbers.is_some());
        let numbers = alone.numbers.map(|numbers| match numbers {
            Relation::Rows(rows) => sorted(&rows.wholes("number").collect::<Vec<_>>()),
            Relation::Files { .. } => panic!("in memory"),
        });
        (alone.rows, numbers)
    }

    /// A number that a delivery holds twice is two rows, whether the other holds it once, twice or not at all.
    #[test]
    fn rows_alone_are_those_whose_number_the_other_does_not_hold() {
        assert_eq!(alone(&[-5, 1, 1, 2, 2, 9], &[-7, 1, 2, 2, 3, 8]), (2, Some(vec![-5, 9])));
        assert_eq!(alone(&[1, 2, 2, 2, 3], &[1, 3, 3]), (3, Some(vec![2, 2, 2])));
        assert_eq!(alone(&[i64::MIN, 4, i64::MAX], &[4]), (2, Some(vec![i64::MIN, i64::MAX])));
        assert_eq!(alone(&[1, 2], &[1, 2]), (0, Some(Vec::new())));
        assert_eq!(alone(&[], &[1]), (0, None));
        assert_eq!(alone(&[3, 3, 4], &[]), (3, None));
        assert_eq!(alone(&[3, 5], &[4, 6]), (2, None));
    }

    proptest! {
        /// Deliveries of which one has records in the place of others, lacks some, has new ones in between, or all in another order.
        #[test]
        fn rows_alone_are_told_wherever_they_stand(
            numbers in prop::collection::vec(0_i64..300, 0..300),
            changes in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..4, 0_i64..400), 0..80),
            is_turned in any::<bool>(),
        ) {
            let mut others = numbers.clone();
            for (at, kind, number) in changes {
                let at = at.index(others.len() + 1);
                match kind {
                    0 if at < others.len() => others[at] = number,
                    1 if at < others.len() => drop(others.remove(at)),
                    2 => others.insert(at, number),
                    _ => drop(others.splice(at..at, (0..number / 4).map(|n| n + 1000))),
                }
            }
            if is_turned {
                others.reverse();
            }
            for (some, all) in [(&numbers, &others), (&others, &numbers)] {
                let expected: Vec<i64> = sorted(some).iter().copied().filter(|number| !all.contains(number)).collect();
                let told = (expected.len() < some.len()).then(|| expected.clone());
                prop_assert_eq!(alone(some, all), (expected.len() as u64, told));
            }
            let (of_numbers, of_others) = unpaired(&numbers, &others);
            prop_assert_eq!(numbers.len() - of_numbers.len(), others.len() - of_others.len());
        }
    }

    /// Records that are where they were are not looked for, whatever came or went before them.
    #[test]
    fn numbers_in_one_order_have_their_pairs() {
        let numbers: Vec<i64> = (0..1000).collect();
        let others: Vec<i64> =
            (0..1000).filter(|n| n % 90 != 7).flat_map(|n| if n % 200 == 9 { vec![n, -n, -n - 1] } else { vec![n] }).collect();
        let (of_numbers, of_others) = unpaired(&numbers, &others);
        assert_eq!(of_numbers, (0..1000).filter(|n| n % 90 == 7).collect::<Vec<_>>());
        assert_eq!(of_others, [9, 209, 409, 609, 809].map(|n| [-n, -n - 1]).concat());
        // Many that are new in between, or another order: none is lost, or counted twice.
        let others: Vec<i64> = (0..500).chain(2000..2300).chain(500..1000).collect();
        assert_eq!(
            (alone(&numbers, &others), alone(&others, &numbers)),
            ((0, Some(Vec::new())), (300, Some((2000..2300).collect())))
        );
        assert_eq!(unpaired(&numbers, &others).0.len(), NEAR);
        let (of_numbers, of_others) = unpaired(&numbers, &numbers.iter().rev().copied().collect::<Vec<_>>());
        assert_eq!((of_numbers.len(), of_others.len()), (2 * NEAR, 2 * NEAR));
    }
}
