//! Rows of files that go into another one as they are, but for a few.
//!
//! A month replaces some rows in a hundred. The others are copied as they are stored: none of their texts is looked at, but for
//! their keys.

use std::collections::HashMap;
use std::sync::mpsc::sync_channel;

use foldhash::fast::RandomState;

use super::PipelineError;
use crate::engine::{EngineError, Work};
use crate::frame::{CellRef, Cells, Column, ColumnType, FilePart, Frame, FrameError, Group, Relation, StoredFile, StoredGroup};
use crate::lake::{LakeError, TableWriter, Target, Written};

/// What is other than in the files.
pub(super) struct Exchange {
    /// The columns of texts that identify a row; few rows are alike in the last of them.
    key: &'static [&'static str],
    /// The keys of the rows that go.
    gone: Frame,
    /// The rows that come after those that stay.
    new: Option<Frame>,
    /// Columns that have one text in all rows that stay, whatever they had.
    constants: Vec<(&'static str, String)>,
}

impl Exchange {
    /// The rows with these keys go; `None` where the engine does not hand them out.
    pub(super) fn without(key: &'static [&'static str], gone: &Relation) -> Option<Self> {
        let Relation::Rows(gone) = gone else { return None };
        Some(Self { key, gone: gone.clone(), new: None, constants: Vec::new() })
    }

    /// These rows come.
    pub(super) fn with(mut self, new: &Relation) -> Option<Self> {
        let Relation::Rows(new) = new else { return None };
        self.new = Some(new.clone());
        Some(self)
    }

    /// A column has one text in all rows that stay.
    pub(super) fn with_constant(mut self, column: &'static str, text: &impl ToString) -> Self {
        self.constants.push((column, text.to_string()));
        self
    }

    /// Writes the rows of files that stay, in their order, and the new ones after them. `None` if the files are not
    /// as this program writes them: a query has to read them.
    ///
    /// # Errors
    /// A file cannot be read or written, or somebody asked to stop.
    pub(super) fn write(&self, work: Work<'_>, files: &[FilePart], target: Target) -> Result<Option<Written>, PipelineError> {
        let columns = target.columns();
        let open = |part: &FilePart| StoredFile::open(&part.path, &columns).map_err(unreadable(part));
        let Some(stored) = files.iter().map(open).collect::<Result<Option<Vec<_>>, _>>()? else { return Ok(None) };
        let gone = Gone::of(self);
        let mut writer = write_beside(target, |write| {
            let groups = files.iter().zip(&stored).flat_map(|(part, file)| file.groups().map(move |group| (part, group)));
            for (part, group) in groups {
                work.check()?;
                let rows = gone.staying(&group).and_then(|staying| group.take(&columns, staying)).map_err(unreadable(part))?;
                write(rows.with_constants(&self.constants))?;
            }
            Ok(())
        })?;
        self.new.as_ref().map_or(Ok(()), |new| writer.push(new))?;
        Ok(Some(writer.finish()?))
    }
}

/// Writes groups of rows on a thread of its own while the next ones are made; their columns may stand in any order. What `make` is handed takes a
/// group.
///
/// # Errors
/// The groups cannot be made, or not written.
pub(super) fn write_beside(
    target: Target,
    make: impl FnOnce(&dyn Fn(Group) -> Result<(), PipelineError>) -> Result<(), PipelineError>,
) -> Result<TableWriter, PipelineError> {
    let (table, mut writer) = (target.table().to_string(), target.writer()?);
    let gave_up = || PipelineError::Rows { table: table.clone(), message: "the writer gave up".into() };
    let (to_writer, for_writer) = sync_channel::<Group>(1);
    std::thread::scope(|scope| {
        let writing = scope.spawn(move || {
            for group in for_writer {
                let group = writer.arranged(group)?;
                writer.push_group(group)?;
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

/// The rows of which none stays, by the last column of their key.
struct Gone<'a> {
    key: Vec<Column>,
    cells: Vec<Cells<'a>>,
    by_last: HashMap<&'a str, Vec<usize>, RandomState>,
}

impl<'a> Gone<'a> {
    fn of(exchange: &'a Exchange) -> Self {
        let key = exchange.key.iter().map(|name| Column::new(name, ColumnType::Text)).collect();
        let cells: Vec<Cells<'_>> = exchange.key.iter().filter_map(|name| exchange.gone.cells(name)).collect();
        let mut by_last: HashMap<&str, Vec<usize>, RandomState> = HashMap::default();
        for row in 0..exchange.gone.height() {
            if let Some(CellRef::Text(last)) = cells.last().map(|cells| cells.at(row)) {
                by_last.entry(last).or_default().push(row);
            }
        }
        Self { key, cells, by_last }
    }

    /// Whether each row of a group stays.
    fn staying(&self, group: &StoredGroup<'_>) -> Result<Vec<bool>, FrameError> {
        let keys = group.take(&self.key, vec![true; group.rows()])?;
        let keys: Vec<_> = self.key.iter().filter_map(|column| keys.cells(&column.name)).collect();
        let Some(last) = keys.last() else { return Ok(vec![true; group.rows()]) };
        let is_gone = |(at, text): (usize, Option<&str>)| {
            let alike = text.and_then(|text| self.by_last.get(text)).map_or(&[][..], Vec::as_slice);
            alike.iter().any(|row| {
                self.cells.iter().zip(&keys).all(
                    |(gone, cells)| matches!((gone.at(*row), cells.at(at)), (CellRef::Text(gone), Some(here)) if gone == here),
                )
            })
        };
        Ok(last.iter().enumerate().map(|cell| !is_gone(cell)).collect())
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn rows_whose_whole_key_is_gone_go_and_new_ones_come_last() {
        let table = Table::new();
        let first = table.file(&columns(), &[("installed", "1", 10, "a"), ("planned", "1", 11, "a"), ("planned", "2", 12, "a")]);
        let second =
            table.file(&columns(), &[("installed", "3", 13, "b"), ("installed", "", 14, "b"), ("planned", "3", 15, "b")]);
        // The keys have their columns in another order, and one is of no row.
        let gone = [("planned", "1", 0, ""), ("installed", "3", 0, ""), ("installed", "2", 0, ""), ("installed", "3", 1, "")];
        let gone = rows(&columns(), &gone).columns_of(&["der_id", "kw", "status"]);
        let new = rows(&columns(), &[("planned", "1", 20, "c"), ("planned", "9", 21, "c")]);
        let exchange = Exchange::without(KEY, &gone.relation()).unwrap().with(&new.relation()).unwrap();
        let exchange = exchange.with_constant("month", &"d");
        let (cancel, parts) = (Cancel::default(), [first.part(), second.part()]);
        let written = exchange.write(Work::local(&cancel), &parts, table.target()).unwrap().unwrap();
        let expected = [
            ("installed", "1", 10, "d"),
            ("planned", "2", 12, "d"),
            ("installed", "", 14, "d"),
            ("planned", "3", 15, "d"),
            ("planned", "1", 20, "c"),
            ("planned", "9", 21, "c"),
        ];
        assert_eq!(read(&written), expected.map(row));
        assert_eq!(written.rows, 6);
        cancel.cancel();
        assert!(matches!(exchange.write(Work::local(&cancel), &parts, table.target()), Err(PipelineError::Cancelled)));
    }

    #[test]
    fn file_of_another_version_of_a_table_is_left_to_the_engine_and_a_damaged_one_is_named() {
        let table = Table::new();
        let file = table.file(&columns(), &[("installed", "1", 10, "a")]);
        let exchange = Exchange::without(KEY, &rows(&columns(), &[]).relation()).unwrap();
        let (cancel, mut other) = (Cancel::default(), columns());
        other[2].kind = ColumnType::Real;
        let target = table.lake.target(&table.id, &other, &[]).unwrap();
        assert!(exchange.write(Work::local(&cancel), &[file.part()], target).unwrap().is_none());
        // Its footer is sound.
        let mut bytes = std::fs::read(&file.part().path).unwrap();
        bytes[4..60].fill(0xff);
        std::fs::write(&file.part().path, bytes).unwrap();
        let error = exchange.write(Work::local(&cancel), &[file.part()], table.target()).unwrap_err().to_string();
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
        let exchange = Exchange::without(KEY, &rows(&columns(), &[("installed", "x", 0, "")]).relation()).unwrap();
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
                    assert_eq!(read(&written).len() as u64, written.rows, "byte {at}");
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
