//! The one way in which rows get into tables: a part of a table is replaced, or rows are appended.

use super::PipelineError;
use super::bronze::BronzeTables;
use super::tables::{Row, Table};
use crate::engine::Work;
use crate::frame::{Frame, Relation};
use crate::lake::{Change, DataFile, Lake, Written};

/// The tag of a data file that says after which month its rows are what they are.
pub const AS_OF: &str = "feederscope.as_of";

/// What an application records with a commit: what rows were made from.
pub type Transactions = Vec<(String, i64)>;

/// The part of a table that has these values in its partition columns.
pub struct Part<'a> {
    /// The table.
    pub table: &'static Table,
    /// Partition columns and their values.
    pub values: &'a [(&'a str, &'a str)],
}

impl Part<'_> {
    /// Whether a data file belongs to the part.
    pub fn holds(&self, file: &DataFile) -> bool {
        self.values.iter().all(|(column, value)| file.partition_value(column) == Some(value))
    }
}

/// A utility's rows of a table, and those of others where the table is not partitioned by utility; none if there is no such
/// table yet.
///
/// # Errors
/// The log cannot be read.
pub fn of_utility(bronze: &BronzeTables<'_>, table: &Table) -> Result<Relation, PipelineError> {
    let utility = bronze.adapter.id.as_str();
    Ok(match bronze.lake.snapshot(&table.id())? {
        Some(snapshot) => snapshot.scan(|file| file.partition_value("utility_id").is_none_or(|of| of == utility)),
        None => Relation::empty(&table.columns()),
    })
}

/// Replaces a part by data files that are written already; empty ones are left out.
///
/// # Errors
/// The log cannot be written, or somebody asked to stop; the part is as before.
pub fn replace_files(
    lake: &Lake,
    part: &Part<'_>,
    written: Vec<Written>,
    transactions: Transactions,
    work: Work<'_>,
) -> Result<(), PipelineError> {
    let _mutex = lake.write_mutex();
    let base = lake.snapshot(&part.table.id())?;
    let remove = base.iter().flat_map(|base| &base.files).filter(|file| part.holds(file)).cloned().collect();
    work.check()?;
    let add = written.into_iter().filter(|file| file.rows > 0).collect();
    commit(lake, part.table, Change { add, remove, transactions, ..Change::of(base.as_deref()) })
}

/// Replaces data files by others, which are written already; empty ones are left out.
///
/// # Errors
/// The log cannot be written, or somebody asked to stop; the table is as before.
pub fn exchange_files(
    lake: &Lake,
    table: &Table,
    remove: &[DataFile],
    written: Vec<Written>,
    transactions: Transactions,
    work: Work<'_>,
) -> Result<(), PipelineError> {
    let _mutex = lake.write_mutex();
    let base = lake.snapshot(&table.id())?;
    work.check()?;
    let add = written.into_iter().filter(|file| file.rows > 0).collect();
    commit(lake, table, Change { add, remove: remove.to_vec(), transactions, ..Change::of(base.as_deref()) })
}

/// Replaces the rows of a part for which the SQL condition `stays` does not hold; without one all of them.
///
/// # Errors
/// The part cannot be read, rows do not fit, the log cannot be written, or somebody asked to stop; the part is as before.
pub fn replace_rows<R: Row>(
    lake: &Lake,
    part: &Part<'_>,
    stays: Option<&str>,
    rows: Vec<R>,
    transactions: Transactions,
    work: Work<'_>,
) -> Result<(), PipelineError> {
    let _mutex = lake.write_mutex();
    let base = lake.snapshot(&part.table.id())?;
    let (mut kept, mut remove) = (Frame::default(), Vec::new());
    if let Some(base) = &base {
        remove = base.files.iter().filter(|file| part.holds(file)).cloned().collect();
        if let Some(condition) = stays {
            let mut session = work.session()?;
            session.register("rows", &base.scan(|file| part.holds(file)))?;
            kept = session.query(&format!("SELECT * FROM rows WHERE {condition}"))?;
        }
    }
    let mut add = Vec::new();
    if kept.height() + rows.len() > 0 {
        let mut writer = lake.write(&part.table.id(), &part.table.columns(), part.values)?;
        for frame in [kept, frame_of(rows)?].iter().filter(|frame| frame.height() > 0) {
            writer.push(frame)?;
        }
        add.push(writer.finish()?);
    }
    work.check()?;
    commit(lake, part.table, Change { add, remove, transactions, ..Change::of(base.as_deref()) })
}

/// Appends rows to a table, which is made if it does not exist; no rows, no commit.
///
/// # Errors
/// The rows do not fit, or the log cannot be written.
pub fn append<R: Row>(lake: &Lake, rows: Vec<R>, transactions: Transactions) -> Result<(), PipelineError> {
    if rows.is_empty() {
        return Ok(());
    }
    let _mutex = lake.write_mutex();
    let base = lake.snapshot(&R::TABLE.id())?;
    let mut writer = lake.write(&R::TABLE.id(), &R::TABLE.columns(), &[])?;
    writer.push(&frame_of(rows)?)?;
    let add = vec![writer.finish()?];
    commit(lake, R::TABLE, Change { add, transactions, ..Change::of(base.as_deref()) })
}

fn commit(lake: &Lake, table: &Table, change: Change<'_>) -> Result<(), PipelineError> {
    let columns = table.columns();
    lake.commit(&table.id(), Change { columns: &columns, partition_by: table.partition_by, ..change })?;
    Ok(())
}

/// Rows as a frame of their table's columns.
///
/// # Errors
/// Never, as the cells are of their columns' types.
pub fn frame_of<R: Row>(rows: Vec<R>) -> Result<Frame, PipelineError> {
    let cells: Vec<_> = rows.into_iter().map(Row::cells).collect();
    Frame::from_rows(&R::TABLE.columns(), &cells)
        .map_err(|error| PipelineError::Rows { table: R::TABLE.id().to_string(), message: error.to_string() })
}
