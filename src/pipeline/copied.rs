//! Rows of files that go into another one as they are, but for a few.
//!
//! A month replaces some rows in a hundred. The others are copied as they are stored: none of their texts is looked at, but for
//! their keys. Where each row that goes has one that takes its place, columns that are the same before and after are not even unpacked.

use std::collections::HashMap;
use std::sync::mpsc::sync_channel;

use foldhash::fast::RandomState;

use super::PipelineError;
use crate::engine::{EngineError, Work};
use crate::frame::{
    CellRef, Cells, Column, ColumnType, FilePart, Frame, FrameError, GROUP_ROWS, Group, Patch, PatchedGroup, Relation,
    StoredFile, StoredGroup, TextCells,
};
use crate::lake::{LakeError, TableWriter, Target, Written};

/// What is other than in the files.
pub(super) struct Exchange {
    /// The columns of texts that identify a row; few rows are alike in the last of them.
    key: &'static [&'static str],
    /// The keys of the rows that go.
    gone: Frame,
    /// The rows that come.
    new: Frame,
    /// The column of texts by which the rows are in order, if they are.
    order: Option<&'static str>,
    /// Columns that have one text in all rows, whatever they had.
    constants: Vec<(&'static str, String)>,
}

/// What came of it.
pub(super) struct Exchanged {
    pub(super) file: Written,
    /// The rows that would have come, and for which the order has no place.
    pub(super) left: Frame,
}

impl Exchange {
    /// The rows with these keys go, and these come: in the place of the one with their key, or behind all others. `None` where the engine does
    /// not hand them out.
    pub(super) fn of(key: &'static [&'static str], gone: &Relation, new: &Relation) -> Option<Self> {
        let (Relation::Rows(gone), Relation::Rows(new)) = (gone, new) else { return None };
        Some(Self { key, gone: gone.clone(), new: new.clone(), order: None, constants: Vec::new() })
    }

    /// Rows come only where they leave the others in the order of a column of texts: in the place of one with the same text.
    pub(super) fn ordered_by(mut self, column: &'static str) -> Self {
        self.order = Some(column);
        self
    }

    /// A column has one text in all rows.
    pub(super) fn with_constant(mut self, column: &'static str, text: &impl ToString) -> Self {
        self.constants.push((column, text.to_string()));
        self
    }

    /// Writes the rows of files that stay, in their order, and the new ones. `None` if the files are not as this program writes them: a query
    /// has to read them.
    ///
    /// # Errors
    /// A file cannot be read or written, or somebody asked to stop.
    pub(super) fn write(&self, work: Work<'_>, files: &[FilePart], target: Target) -> Result<Option<Exchanged>, PipelineError> {
        let columns = target.columns();
        let open = |part: &FilePart| StoredFile::open(&part.path, &columns).map_err(unreadable(part));
        let Some(stored) = files.iter().map(open).collect::<Result<Option<Vec<_>>, _>>()? else { return Ok(None) };
        let rows = stored.iter().flat_map(StoredFile::groups).map(|group| group.rows()).sum();
        let gone = Keys::of(&self.gone, self.key);
        let mut new = New::of(&self.new, self.key);
        let mut writer = write_beside(target, |write| {
            let groups = files.iter().zip(&stored).flat_map(|(part, file)| file.groups().map(move |group| (part, group)));
            for (part, group) in groups {
                work.check()?;
                write(self.copied((&group, rows), &gone, &mut new, &columns).map_err(unreadable(part))?)?;
            }
            Ok(())
        })?;
        let mut left = new.left();
        if self.order.is_none() && left.height() > 0 {
            writer.push(&std::mem::take(&mut left))?;
        }
        Ok(Some(Exchanged { file: writer.finish()?, left }))
    }

    /// A group of rows, of files with so many.
    fn copied(
        &self,
        (group, of): (&StoredGroup<'_>, usize),
        gone: &Keys<'_>,
        new: &mut New<'_>,
        columns: &[Column],
    ) -> Result<Rows, FrameError> {
        let text = |name: &&str| Column::new(name, ColumnType::Text);
        let stored = group.take(&self.key.iter().chain(&self.order).map(text).collect::<Vec<_>>(), vec![true; group.rows()])?;
        let key: Vec<TextCells<'_>> = self.key.iter().filter_map(|name| stored.cells(name)).collect();
        let places: Vec<u32> = (0..group.rows() as u32).filter(|place| gone.find(&key, *place as usize).is_some()).collect();
        // Few rows go together with those that come, or each month would leave a group of its own.
        let stands_alone = group.rows() > GROUP_ROWS / 2 || group.rows() * 8 >= of;
        let order = self.order.and_then(|name| Some((name, stored.cells(name)?)));
        if stands_alone && let Some(rows) = new.taking(&places, &key, order) {
            let same: Vec<&str> = self.key.iter().copied().chain(self.order).collect();
            let patch = Patch { places: &places, rows: &rows.conformed(columns)?, same: &same, constants: &self.constants };
            return Ok(Rows::Patched(group.patched(columns, &patch)?));
        }
        let mut stays = vec![true; group.rows()];
        for place in places {
            stays[place as usize] = false;
        }
        Ok(Rows::Group(group.take(columns, stays)?.with_constants(&self.constants)))
    }
}

/// The rows that come.
struct New<'a> {
    rows: &'a Frame,
    keys: Keys<'a>,
    /// Whether each of them has found no place yet.
    is_left: Vec<bool>,
}

impl<'a> New<'a> {
    fn of(rows: &'a Frame, key: &[&str]) -> Self {
        Self { rows, keys: Keys::of(rows, key), is_left: vec![true; rows.height()] }
    }

    /// Those that take the places of rows with these keys, in a column of the same text if the rows are in order; `None` if not each has one.
    fn taking(&mut self, places: &[u32], key: &[TextCells<'_>], order: Option<(&str, TextCells<'_>)>) -> Option<Frame> {
        let order = order.and_then(|(name, cells)| Some((self.rows.cells(name)?, cells)));
        let is_in_order = |row: usize, place: usize| {
            order.as_ref().is_none_or(|(new, stored)| match (new.at(row), stored.at(place)) {
                (CellRef::Text(new), Some(stored)) => new == stored,
                (new, None) => matches!(new, CellRef::Null),
                _ => false,
            })
        };
        let find = |place: &u32| {
            let place = *place as usize;
            self.keys.find(key, place).filter(|row| self.is_left[*row] && is_in_order(*row, place))
        };
        let rows = places.iter().map(find).collect::<Option<Vec<usize>>>()?;
        let is_each_one_alone = rows.iter().all(|row| std::mem::take(&mut self.is_left[*row]));
        if !is_each_one_alone {
            for row in rows {
                self.is_left[row] = true;
            }
            return None;
        }
        Some(self.rows.rows_at(&rows.iter().map(|row| *row as u32).collect::<Vec<_>>()))
    }

    /// Those that have found no place.
    fn left(&self) -> Frame {
        self.rows.rows_at(&(0..self.is_left.len() as u32).filter(|row| self.is_left[*row as usize]).collect::<Vec<_>>())
    }
}

/// A group of rows on its way into a file.
pub(super) enum Rows {
    /// In columns that may stand in any order.
    Group(Group),
    /// In the columns of the file.
    Patched(PatchedGroup),
}

/// Writes groups of rows on a thread of its own while the next ones are made; what `make` is handed takes a
/// group.
///
/// # Errors
/// The groups cannot be made, or not written.
pub(super) fn write_beside(
    target: Target,
    make: impl FnOnce(&dyn Fn(Rows) -> Result<(), PipelineError>) -> Result<(), PipelineError>,
) -> Result<TableWriter, PipelineError> {
    let (table, mut writer) = (target.table().to_string(), target.writer()?);
    let gave_up = || PipelineError::Rows { table: table.clone(), message: "the writer gave up".into() };
    let (to_writer, for_writer) = sync_channel::<Rows>(1);
    std::thread::scope(|scope| {
        let writing = scope.spawn(move || {
            for rows in for_writer {
                match rows {
                    Rows::Group(group) => writer.push_group(writer.arranged(group)?)?,
                    Rows::Patched(group) => writer.push_patched(group)?,
                }
            }
            Ok::<_, LakeError>(writer)
        });
        let done = make(&|group| to_writer.send(group).map_err(|_| gave_up()));
        drop(to_writer);
        // Where nobody takes the rows, the writer has failed, and says why.
        let writer = writing.join().map_err(|_| gave_up())??;
        done.map(|()| writer)
    })
}

pub(super) fn unreadable(part: &FilePart) -> impl Fn(FrameError) -> EngineError {
    |error| EngineError::File { path: part.path.clone(), message: error.to_string() }
}

/// Rows by their keys.
struct Keys<'a> {
    cells: Vec<Cells<'a>>,
    /// By the last column of the key.
    by_last: HashMap<&'a str, Vec<usize>, RandomState>,
}

impl<'a> Keys<'a> {
    fn of(rows: &'a Frame, key: &[&str]) -> Self {
        let cells: Vec<Cells<'_>> = key.iter().filter_map(|name| rows.cells(name)).collect();
        let mut by_last: HashMap<&str, Vec<usize>, RandomState> = HashMap::default();
        for row in 0..rows.height() {
            if let Some(CellRef::Text(last)) = cells.last().map(|cells| cells.at(row)) {
                by_last.entry(last).or_default().push(row);
            }
        }
        Self { cells, by_last }
    }

    /// The row with the key of another one, of which each part is a text.
    fn find(&self, key: &[TextCells<'_>], at: usize) -> Option<usize> {
        let alike = self.by_last.get(key.last()?.at(at)?)?;
        let is_it = |row: &usize| {
            let mut parts = self.cells.iter().zip(key);
            parts.all(|(cells, key)| matches!((cells.at(*row), key.at(at)), (CellRef::Text(text), Some(of)) if text == of))
        };
        alike.iter().copied().find(is_it)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::local;
    use crate::frame::{Value, schema};
    use crate::lake::{Lake, TableId};
    use crate::model::{Cancel, Dataset, Environment, UtilityId};

    const KEY: &[&str] = &["status", "der_id"];

    fn columns() -> Vec<Column> {
        schema::columns![status Text, der_id Text, kw Whole, month Text]
    }

    fn row((status, id, kw, month): (&str, &str, i64, &str)) -> Vec<Value> {
        let id = if id.is_empty() { Value::Null } else { Value::Text(id.into()) };
        vec![Value::Text(status.into()), id, Value::Whole(kw), Value::Text(month.into())]
    }

    fn rows(columns: &[Column], of: &[(&str, &str, i64, &str)]) -> Frame {
        Frame::from_rows(columns, &of.iter().copied().map(row).collect::<Vec<_>>()).unwrap()
    }

    struct Table {
        _folder: tempfile::TempDir,
        lake: Lake,
        id: TableId,
    }

    impl Table {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let lake = Lake::new(folder.path(), Environment::Dev).unwrap();
            let id = TableId::bronze(&UtilityId::parse("utility1").unwrap(), Dataset::InstallDer);
            Self { _folder: folder, lake, id }
        }

        fn target(&self) -> Target {
            self.lake.target(&self.id, &columns(), &[]).unwrap()
        }

        fn file(&self, columns: &[Column], of: &[(&str, &str, i64, &str)]) -> Written {
            let mut writer = self.lake.write(&self.id, columns, &[]).unwrap();
            writer.push(&rows(columns, of)).unwrap();
            writer.finish().unwrap()
        }
    }

    fn read(file: &Written) -> Vec<Vec<Value>> {
        let mut session = local().session(&Cancel::default()).unwrap();
        session.register("t", &Relation::Files { columns: columns(), parts: vec![file.part()] }).unwrap();
        let found = session.query("SELECT * FROM t").unwrap();
        (0..found.height()).map(|at| found.row(at)).collect()
    }

    fn exchange(gone: &[(&str, &str, i64, &str)], new: &[(&str, &str, i64, &str)]) -> Exchange {
        Exchange::of(KEY, &rows(&columns(), gone).relation(), &rows(&columns(), new).relation()).unwrap()
    }

    #[test]
    fn rows_whose_whole_key_is_gone_go_and_new_ones_come_in_their_place_or_last() {
        let table = Table::new();
        let first = table.file(&columns(), &[("installed", "1", 10, "a"), ("planned", "1", 11, "a"), ("planned", "2", 12, "a")]);
        let second =
            table.file(&columns(), &[("installed", "3", 13, "b"), ("installed", "", 14, "b"), ("planned", "3", 15, "b")]);
        // The keys have their columns in another order, and one is of no row.
        let gone = [("planned", "1", 0, ""), ("installed", "3", 0, ""), ("installed", "2", 0, ""), ("installed", "3", 1, "")];
        let gone = rows(&columns(), &gone).columns_of(&["der_id", "kw", "status"]);
        let new = rows(&columns(), &[("planned", "9", 21, "d"), ("planned", "1", 20, "d")]);
        let exchange = Exchange::of(KEY, &gone.relation(), &new.relation()).unwrap().with_constant("month", &"d");
        let (cancel, parts) = (Cancel::default(), [first.part(), second.part()]);
        let written = exchange.write(Work::local(&cancel), &parts, table.target()).unwrap().unwrap();
        let expected = [
            ("installed", "1", 10, "d"),
            ("planned", "1", 20, "d"),
            ("planned", "2", 12, "d"),
            ("installed", "", 14, "d"),
            ("planned", "3", 15, "d"),
            ("planned", "9", 21, "d"),
        ];
        assert_eq!(read(&written.file), expected.map(row));
        assert_eq!((written.file.rows, written.left.height()), (6, 0));
        cancel.cancel();
        assert!(matches!(exchange.write(Work::local(&cancel), &parts, table.target()), Err(PipelineError::Cancelled)));
    }

    /// Another program may have put a row into two files.
    #[test]
    fn row_that_comes_stands_once_where_its_key_was_twice() {
        let table = Table::new();
        let [first, second] = [1, 2].map(|kw| table.file(&columns(), &[("planned", "1", kw, "a"), ("planned", "2", kw, "a")]));
        let exchange = exchange(&[("planned", "1", 0, "")], &[("planned", "1", 7, "b")]);
        let cancel = Cancel::default();
        for parts in [vec![first.part(), second.part()], vec![first.part(), first.part()]] {
            let written = exchange.write(Work::local(&cancel), &parts, table.target()).unwrap().unwrap();
            let ids: Vec<_> = read(&written.file).into_iter().map(|row| row[1].clone()).collect();
            assert_eq!(ids, ["1", "2", "2"].map(|id| Value::Text(id.into())));
        }
    }

    /// A row takes the place of another one where the rows stay in order; all others are left to whoever asked.
    #[test]
    fn rows_that_would_be_out_of_order_are_left() {
        let table = Table::new();
        let by_month = [("installed", "1", 10, "a"), ("installed", "2", 11, "b"), ("installed", "3", 12, "c")];
        let file = table.file(&columns(), &by_month);
        let (cancel, parts) = (Cancel::default(), [file.part()]);
        let written = |new: &[(&str, &str, i64, &str)]| {
            let gone: Vec<_> = new.iter().copied().filter(|row| row.1 < "4").collect();
            let exchange = exchange(&gone, new).ordered_by("month");
            let written = exchange.write(Work::local(&cancel), &parts, table.target()).unwrap().unwrap();
            let left = (0..written.left.height()).map(|at| written.left.row(at)).collect::<Vec<_>>();
            (read(&written.file), left)
        };
        // In its place, and one that was nowhere.
        let (there, left) = written(&[("installed", "4", 20, "b"), ("installed", "2", 21, "b")]);
        assert_eq!(there, [by_month[0], ("installed", "2", 21, "b"), by_month[2]].map(row));
        assert_eq!(left, [row(("installed", "4", 20, "b"))]);
        // One that moves takes no place, and neither does the other: each row that goes would have to have one.
        let (there, left) = written(&[("installed", "2", 21, "b"), ("installed", "3", 22, "a")]);
        assert_eq!(there, [row(by_month[0])]);
        assert_eq!(left, [("installed", "2", 21, "b"), ("installed", "3", 22, "a")].map(row));
    }

    /// A group of few rows goes on with those that come: months that add some leave no trail of groups.
    #[test]
    fn groups_of_rows_stay_few_however_often_some_come() {
        let table = Table::new();
        let ids: Vec<String> = (0..1_000).map(|id| id.to_string()).collect();
        let of = |from: usize, to: usize, kw: i64| ids[from..to].iter().map(move |id| ("planned", id.as_str(), kw, "a"));
        let mut file = table.file(&columns(), &of(0, 500, 1).collect::<Vec<_>>());
        let cancel = Cancel::default();
        for (month, id) in ids.iter().enumerate().take(50) {
            let (some, at) = ([("planned", id.as_str(), 7, "b")], 500 + 10 * month);
            let new: Vec<_> = some.into_iter().chain(of(at, at + 10, 2)).collect();
            let written = exchange(&some, &new).write(Work::local(&cancel), &[file.part()], table.target()).unwrap().unwrap();
            file = written.file;
            let groups: Vec<usize> =
                StoredFile::open(&file.part().path, &columns()).unwrap().unwrap().groups().map(|group| group.rows()).collect();
            assert!(groups.len() <= 9, "{groups:?}");
        }
        let kw = |at: usize| {
            if at < 50 {
                7
            } else if at < 500 {
                1
            } else {
                2
            }
        };
        let month = |at: usize| if at < 50 { "b" } else { "a" };
        let expected = (0..1_000).map(|at| row(("planned", ids[at].as_str(), kw(at), month(at))));
        assert_eq!(read(&file), expected.collect::<Vec<_>>());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Those that stay and those that come, each once; what stays is in its order.
        #[test]
        fn rows_of_an_exchange_are_those_that_stay_and_those_that_come(
            stored in prop::collection::vec((0_u8..3, 0_u8..40), 0..60),
            at_a_time in 1_usize..60,
            gone in prop::collection::btree_set((0_u8..3, 0_u8..40), 0..12),
            new in prop::collection::btree_map((0_u8..3, 0_u8..60), 0_i64..5, 0..12),
        ) {
            let statuses = ["installed", "planned", "a status whose name is long"];
            let ids: Vec<String> = (0..60).map(|id| format!("DER {id}")).collect();
            let of = |(status, id): (u8, u8), kw: i64, month: &'static str| (statuses[usize::from(status)], ids[usize::from(id)].as_str(), kw, month);
            let mut met = std::collections::HashSet::new();
            let before: Vec<_> = stored.iter().filter(|key| met.insert(**key)).map(|key| (*key, of(*key, i64::from(key.1) % 5, "a"))).collect();
            let table = Table::new();
            let files: Vec<Written> = before.chunks(at_a_time).map(|part| table.file(&columns(), &part.iter().map(|(_, row)| *row).collect::<Vec<_>>())).collect();
            let parts: Vec<FilePart> = files.iter().map(Written::part).collect();
            let gone_rows: Vec<_> = gone.iter().map(|key| of(*key, 0, "")).collect();
            // What comes has ended before, if it was there.
            let new: Vec<_> = new.iter().filter(|(key, _)| gone.contains(key) || !met.contains(key)).map(|(key, kw)| of(*key, *kw, "b")).collect();
            let cancel = Cancel::default();
            let written = exchange(&gone_rows, &new).write(Work::local(&cancel), &parts, table.target()).unwrap().unwrap();
            let found = read(&written.file);
            let stays: Vec<_> = before.iter().filter(|(key, _)| !gone.contains(key)).map(|(_, kept)| row(*kept)).collect();
            let is_new = |found: &&Vec<Value>| found[3] == Value::Text("b".into());
            prop_assert_eq!(found.iter().filter(|row| !is_new(row)).cloned().collect::<Vec<_>>(), stays);
            let in_order = |mut rows: Vec<Vec<Value>>| {
                rows.sort_by_key(|row| format!("{row:?}"));
                rows
            };
            let came = in_order(found.iter().filter(is_new).cloned().collect());
            prop_assert_eq!(came, in_order(new.iter().copied().map(row).collect()));
            prop_assert_eq!(written.file.rows, found.len() as u64);
        }
    }

    #[test]
    fn file_of_another_version_of_a_table_is_left_to_the_engine_and_a_damaged_one_is_named() {
        let table = Table::new();
        let file = table.file(&columns(), &[("installed", "1", 10, "a")]);
        let exchange = exchange(&[], &[("planned", "1", 0, "")]);
        let (cancel, mut other) = (Cancel::default(), columns());
        other[2].kind = ColumnType::Real;
        let target = table.lake.target(&table.id, &other, &[]).unwrap();
        assert!(exchange.write(Work::local(&cancel), &[file.part()], target).unwrap().is_none());
        // Its footer is sound.
        let mut bytes = std::fs::read(&file.part().path).unwrap();
        bytes[4..60].fill(0xff);
        std::fs::write(&file.part().path, bytes).unwrap();
        let written = exchange.write(Work::local(&cancel), &[file.part()], table.target());
        let error = written.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(&*file.part().path.to_string_lossy()), "{error}");
        assert!(exchange.write(Work::local(&cancel), &[file.part()], table.target()).is_err());
        let folder = file.part().path.parent().unwrap().to_owned();
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1, "nothing half-written is left");
    }

    /// Whatever byte of a file is another one: it is copied, with as many rows as it has, or is said not to be readable.
    #[test]
    fn damaged_file_is_an_error_and_no_panic() {
        let table = Table::new();
        let of = |n: i64| ("installed", ["a text that is kept elsewhere", "x", ""][n as usize % 3], n % 5, "2022-11");
        let file = table.file(&columns(), &(0..40).map(of).collect::<Vec<_>>());
        let exchange = exchange(&[("installed", "x", 0, "")], &[]);
        let (cancel, part) = (Cancel::default(), file.part());
        let good = std::fs::read(&part.path).unwrap();
        let (mut unreadable, mut copied) = (0, 0);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0xFF;
            std::fs::write(&part.path, bad).unwrap();
            match exchange.write(Work::local(&cancel), std::slice::from_ref(&part), table.target()) {
                Ok(Some(written)) => {
                    copied += 1;
                    // Each column has a cell for each row, or another reader would say so.
                    assert_eq!(read(&written.file).len() as u64, written.file.rows, "byte {at}");
                }
                Ok(None) => {}
                Err(error) => {
                    unreadable += 1;
                    assert!(error.to_string().contains(&*part.path.to_string_lossy()), "byte {at}: {error}");
                }
            }
        }
        assert!(unreadable > 0 && copied > 0, "{unreadable} {copied}");
    }
}
