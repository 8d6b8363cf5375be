//! The one way in which rows get into tables: a part of a table is replaced, or rows are appended.

use super::PipelineError;
use super::bronze::BronzeTables;
use super::staged;
use super::tables::{Row, Table};
use crate::engine::Work;
use crate::frame::{Frame, Relation};
use crate::lake::{Change, DataFile, Lake, Snapshot, Written};
use crate::model::{Cancel, Month, MonthRange, Timestamp};

/// The tag of a data file that says after which month its rows are what they are.
pub const AS_OF: &str = "feederscope.as_of";

/// What an application records with a commit: what rows were made from.
pub type Transactions = Vec<(String, i64)>;

/// The name under which tables record what a utility's rows were made from.
pub fn application_id(utility: &str) -> String {
    format!("feederscope/{utility}")
}

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

/// How far, in microseconds, a clock may be behind the last entry of a book: it was set, or it is another machine's.
const CLOCK_SET_BACK: i64 = 86_400_000_000;

/// When rows are entered into a book, of which the last entry counts: now, or just after the last entry where the clock was set back a
/// little. Where it is days behind it is left as it is, and the time of the last entry comes with it.
///
/// # Errors
/// The log cannot be read.
pub fn entered_at(
    lake: &Lake,
    table: &Table,
    column: &str,
    now: Timestamp,
) -> Result<(Timestamp, Option<Timestamp>), PipelineError> {
    // As the statistics of the Delta log keep it.
    let now = now.whole_millis();
    let Some(book) = lake.snapshot(&table.id())? else { return Ok((now, None)) };
    let time = |file: &DataFile| file.greatest(column)?.parse::<jiff::Timestamp>().ok();
    let newest = book.files.iter().filter_map(time).max().map(|newest| Timestamp::from_micros(newest.as_microsecond()));
    Ok(match newest.filter(|newest| *newest >= now) {
        None => (now, None),
        Some(newest) if newest.micros() - now.micros() <= CLOCK_SET_BACK => {
            (Timestamp::from_micros(newest.micros() + 1_000), None)
        }
        behind => (now, behind),
    })
}

/// A utility's rows of a table, and those of others where the table is not partitioned by utility; none if there is no such
/// table yet. With a month those of others are left out, too, where the table is partitioned by it.
///
/// # Errors
/// The log cannot be read.
pub fn of_utility(bronze: &BronzeTables<'_>, table: &Table, month: Option<Month>) -> Result<Relation, PipelineError> {
    let (utility, month) = (bronze.adapter.id.as_str(), month.map(|month| month.to_string()));
    let is_of_month = |file: &DataFile| {
        let of = file.partition_value("delivery_month");
        month.as_deref().zip(of).is_none_or(|(month, of)| month == of)
    };
    let is_ours = |file: &DataFile| file.partition_value("utility_id").is_none_or(|of| of == utility) && is_of_month(file);
    Ok(match bronze.lake.snapshot(&table.id())? {
        Some(snapshot) => snapshot.scan(is_ours),
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

/// Records something with a table, whose rows stay; nothing where there is no such table.
///
/// # Errors
/// The log cannot be read or written.
pub fn record(lake: &Lake, table: &Table, transactions: Transactions) -> Result<(), PipelineError> {
    let _mutex = lake.write_mutex();
    match lake.snapshot(&table.id())? {
        Some(base) => commit(lake, table, Change { transactions, same_rows: true, ..Change::of(Some(&base)) }),
        None => Ok(()),
    }
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
    let files = base.iter().flat_map(|base| &base.files).filter(|file| part.holds(file)).cloned().collect();
    let replacement = Replacement { part, base: base.as_deref(), remove: files, stays };
    replacement.commit(lake, rows, transactions, work)
}

/// The months of a dataset or entity whose rows are replaced.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// The dataset or entity.
    pub of: &'static str,
    /// The months.
    pub months: MonthRange,
}

impl Span {
    /// The SQL condition on its rows.
    fn condition(self) -> String {
        let from = self.months.from.map(|from| format!(" AND delivery_month >= '{from}'")).unwrap_or_default();
        let until = self.months.until.map(|until| format!(" AND delivery_month <= '{until}'")).unwrap_or_default();
        format!("(dataset = '{}'{from}{until})", self.of)
    }

    /// Whether a file may hold rows of it.
    fn reaches(self, file: &DataFile) -> bool {
        let is_before =
            self.months.from.zip(file.greatest("delivery_month")).is_some_and(|(from, last)| last < from.to_string().as_str());
        let is_after =
            self.months.until.zip(file.least("delivery_month")).is_some_and(|(until, least)| least > until.to_string().as_str());
        !is_before && !is_after
    }
}

/// Replaces the rows of a part for some months; without them all of them. Files without such rows are not read, but for those that are not larger than what is
/// written, which go into it: a part has few files, and a row is written again only when what it is in doubles.
///
/// # Errors
/// As [`replace_rows`].
pub fn replace_spans<R: Row>(
    lake: &Lake,
    part: &Part<'_>,
    spans: Option<&[Span]>,
    rows: Vec<R>,
    transactions: Transactions,
    work: Work<'_>,
) -> Result<(), PipelineError> {
    let Some(spans) = spans else { return replace_rows(lake, part, None, rows, transactions, work) };
    let _mutex = lake.write_mutex();
    let base = lake.snapshot(&part.table.id())?;
    let ours = base.iter().flat_map(|base| &base.files).filter(|file| part.holds(file)).cloned();
    let (mut taken, mut others): (Vec<DataFile>, Vec<DataFile>) =
        ours.partition(|file| spans.iter().any(|span| span.reaches(file)));
    let mut size = taken.iter().map(|file| file.rows).sum::<u64>().max(rows.len() as u64);
    others.sort_by_key(|file| file.rows);
    for file in others {
        if file.rows > size {
            break;
        }
        size += file.rows;
        taken.push(file);
    }
    let conditions: Vec<String> = spans.iter().map(|span| span.condition()).chain(["FALSE".to_owned()]).collect();
    let stays = format!("NOT ({})", conditions.join(" OR "));
    let replacement = Replacement { part, base: base.as_deref(), remove: taken, stays: Some(&stays) };
    replacement.commit(lake, rows, transactions, work)
}

/// Files of a part, and what becomes of them.
struct Replacement<'a> {
    part: &'a Part<'a>,
    base: Option<&'a Snapshot>,
    remove: Vec<DataFile>,
    /// The SQL condition on those of their rows that stay, with new ones in one new file.
    stays: Option<&'a str>,
}

impl Replacement<'_> {
    fn commit<R: Row>(self, lake: &Lake, rows: Vec<R>, transactions: Transactions, work: Work<'_>) -> Result<(), PipelineError> {
        let Self { part, base, remove, stays } = self;
        let mut kept = Frame::default();
        if let (Some(base), Some(condition), false) = (base, stays, remove.is_empty()) {
            let mut session = work.session()?;
            session.register("rows", &base.scan(|file| remove.iter().any(|taken| taken.path() == file.path())))?;
            kept = session.query(&format!("SELECT * FROM rows WHERE {condition}"))?;
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
        commit(lake, part.table, Change { add, remove, transactions, ..Change::of(base) })
    }
}

/// So many small files are left as they are, so that a row is written again in every few appends only.
const SMALL_FILES: usize = 12;

/// A file that is worth no second look when others are put together.
const SMALL_ROWS: u64 = 10_000;

/// Appends rows to a table, which is made if it does not exist; no rows, no commit. Small files become one now and then.
///
/// # Errors
/// The rows do not fit, or the log cannot be written.
pub fn append<R: Row>(lake: &Lake, rows: Vec<R>, transactions: Transactions) -> Result<(), PipelineError> {
    if rows.is_empty() {
        return Ok(());
    }
    lake.expect_loads()?;
    let (_mutex, _appending) = (lake.write_mutex(), lake.appends()?);
    append_alone(lake, rows, transactions)
}

/// The same of rows that are made with the time of their entry into a book (see [`entered_at`]), whoever else enters something at once.
///
/// # Errors
/// As [`append`].
pub fn enter<R: Row>(
    lake: &Lake,
    (column, now): (&str, Timestamp),
    rows: impl FnOnce(Timestamp) -> Vec<R>,
    transactions: Transactions,
) -> Result<(), PipelineError> {
    lake.expect_loads()?;
    let (_mutex, _appending) = (lake.write_mutex(), lake.appends()?);
    let rows = rows(entered_at(lake, R::TABLE, column, now)?.0);
    if rows.is_empty() {
        return Ok(());
    }
    append_alone(lake, rows, transactions)
}

/// Appends while nobody else does.
fn append_alone<R: Row>(lake: &Lake, rows: Vec<R>, transactions: Transactions) -> Result<(), PipelineError> {
    let base = lake.snapshot(&R::TABLE.id())?;
    let mut writer = lake.write(&R::TABLE.id(), &R::TABLE.columns(), &[])?;
    writer.push(&frame_of(rows)?)?;
    let add = vec![writer.finish()?];
    commit(lake, R::TABLE, Change { add, transactions, ..Change::of(base.as_deref()) })?;
    // The rows are there, whatever becomes of the files.
    if let Err(error) = compact(lake, R::TABLE) {
        tracing::warn!("the small files of `{}` stay as they are: {error}", R::TABLE.id());
    }
    Ok(())
}

/// Puts the small files of a table that is not partitioned into one, if there are many: those that are not larger than all smaller
/// ones together. The rows stay as they are.
fn compact(lake: &Lake, table: &'static Table) -> Result<(), PipelineError> {
    let Some(base) = lake.snapshot(&table.id())? else { return Ok(()) };
    let mut files: Vec<&DataFile> = base.files.iter().collect();
    files.sort_by_key(|file| file.rows);
    let mut rows = 0;
    let small: Vec<DataFile> = files
        .into_iter()
        .take_while(|file| {
            let is_small = file.rows <= rows.max(SMALL_ROWS);
            rows += file.rows;
            is_small
        })
        .cloned()
        .collect();
    if small.len() < SMALL_FILES {
        return Ok(());
    }
    let is_small = |file: &DataFile| small.iter().any(|other| other.path() == file.path());
    let cancel = Cancel::default();
    let mut session = Work::local(&cancel).session()?;
    session.register("rows", &base.scan(is_small))?;
    let add = staged::write(lake, table, &[], session, "SELECT * FROM rows")?;
    commit(lake, table, Change { add, remove: small, same_rows: true, ..Change::of(Some(&base)) })
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
