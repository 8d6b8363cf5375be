//! SQL on this machine, by Polars: lazy and streaming.

mod expressions;
mod functions;
mod hash;
mod known;
mod labels;
mod lookup;
mod pattern;
mod scan;
mod small;
mod thread;
mod words;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use polars::prelude::*;
use polars::sql::SQLContext;
use polars_async::executor::ALLOW_RAYON_THREADS;

use super::{EngineError, Materialized, Session};
use crate::frame::{Column, Frame, FrameWriter, GROUP_ROWS, Relation, schema};
use crate::lake::Target;
use crate::model::Cancel;
use functions::Functions;
use small::Source;

/// How often a running query looks whether it is still wanted.
const PATIENCE: Duration = Duration::from_millis(50);

/// Rows in memory that are worth no pipeline of tasks: a query over them alone takes half the time without one.
const SMALL: usize = 10_000;

/// The engine.
pub(super) struct Polars;

impl super::Engine for Polars {
    fn session(&self, cancel: &Cancel) -> Result<Box<dyn Session>, EngineError> {
        Ok(Box::new(PolarsSession::new(cancel)))
    }
}

struct PolarsSession {
    relations: PlHashMap<String, Named>,
    functions: Arc<Functions>,
    cancel: Cancel,
}

/// The rows of a name.
struct Named {
    rows: LazyFrame,
    /// Whether they are those of files, or more than a few in memory.
    is_streamed: bool,
}

impl Session for PolarsSession {
    fn register(&mut self, name: &str, relation: &Relation) -> Result<(), EngineError> {
        let held = |rows: DataFrame| {
            let is_streamed = rows.height() > SMALL;
            (rows.lazy(), is_streamed)
        };
        let (rows, is_streamed) = match relation {
            Relation::Rows(rows) => held(rows.0.clone()),
            Relation::Files { columns, parts } => match small::source(columns, parts)? {
                Source::Rows(rows) => held(rows),
                Source::Plan(plan) => (*plan, true),
            },
        };
        self.name(name, rows, is_streamed);
        Ok(())
    }

    fn create_view(&mut self, name: &str, sql: &str) -> Result<(), EngineError> {
        let (context, is_streamed) = self.context(sql);
        // A plan would be made anew by each query that names it, which takes longer than to read few rows.
        if !is_streamed {
            let rows = self.rows(sql, (context, is_streamed))?;
            return self.register(name, &Relation::Rows(rows));
        }
        let text = sql.to_owned();
        let rows = self.wait_for(sql, move || planned(context, &text))?;
        self.name(name, rows, true);
        Ok(())
    }

    fn materialize(&mut self, name: &str, sql: &str) -> Result<Materialized, EngineError> {
        let rows = self.query(sql)?;
        let materialized = Materialized { rows: rows.height() as u64, relation: Relation::Rows(rows) };
        self.register(name, &materialized.relation)?;
        Ok(materialized)
    }

    fn query(&mut self, sql: &str) -> Result<Frame, EngineError> {
        self.rows(sql, self.context(sql))
    }

    fn write(&mut self, sql: &str, target: &Target) -> Result<Vec<PathBuf>, EngineError> {
        let (context, is_streamed) = self.context(sql);
        let (text, columns, path) = (sql.to_owned(), target.columns(), target.file());
        let cancel = self.cancel.clone();
        let written = self.wait_for(sql, move || {
            let unclaimed = Unclaimed(path);
            let (plan, writer) = (planned(context, &text)?, FrameWriter::create(&unclaimed.0, &columns)?);
            let rows = in_columns(plan, &columns);
            if is_streamed { write_groups(rows, writer, cancel) } else { write_at_once(rows, writer) }?;
            Ok(unclaimed)
        })?;
        Ok(vec![written.claim()])
    }
}

impl PolarsSession {
    fn new(cancel: &Cancel) -> Self {
        let functions = Arc::new(Functions::new());
        Self { relations: PlHashMap::default(), functions, cancel: cancel.clone() }
    }

    fn name(&mut self, name: &str, rows: LazyFrame, is_streamed: bool) {
        self.relations.insert(name.to_owned(), Named { rows, is_streamed });
    }

    /// What a query is planned in, with the relations that it names, and whether it may read more than a few rows: a context of its own, since one
    /// that is used again takes the alias of an earlier subquery for a relation.
    fn context(&self, sql: &str) -> (SQLContext, bool) {
        tracing::debug!(target: "feederscope::sql", "{sql}");
        let named: PlHashMap<_, _> = words(sql).filter_map(|word| self.relations.get_key_value(word)).collect();
        let is_streamed = named.values().any(|named| named.is_streamed);
        let plans = named.into_iter().map(|(name, named)| (name.clone(), named.rows.clone())).collect();
        (SQLContext::new_from_table_map(plans).with_function_registry(self.functions.clone()), is_streamed)
    }

    /// The rows of a query.
    fn rows(&self, sql: &str, (context, is_streamed): (SQLContext, bool)) -> Result<Frame, EngineError> {
        let text = sql.to_owned();
        let engine = if is_streamed { Engine::Streaming } else { Engine::InMemory };
        self.wait_for(sql, move || collect(planned(context, &text)?, engine))
    }

    /// Does some work on a thread of its own; what is no longer wanted is left to end by itself, its result is dropped.
    fn wait_for<T: Send + 'static>(
        &self,
        sql: &str,
        work: impl FnOnce() -> PolarsResult<T> + Send + 'static,
    ) -> Result<T, EngineError> {
        let failed = |message: String| EngineError::Plan { message, sql: sql.to_owned() };
        let answer = thread::run(work).map_err(|error| failed(error.to_string()))?;
        loop {
            if self.cancel.is_cancelled() {
                return Err(EngineError::Cancelled);
            }
            match answer.recv_timeout(PATIENCE) {
                Ok(_) if self.cancel.is_cancelled() => return Err(EngineError::Cancelled),
                Ok(Ok(done)) => return done.map_err(|error| plan_error(&error, sql)),
                Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => return Err(failed("the engine gave up".into())),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

/// The names in a query, and its other words.
fn words(sql: &str) -> impl Iterator<Item = &str> {
    let is_within = |c: char| if c.is_ascii() { c.is_ascii_alphanumeric() || c == '_' } else { c.is_alphanumeric() };
    sql.split(move |c| !is_within(c))
}

/// A file that a query writes. It goes again unless somebody takes it: who waited for it may have gone meanwhile.
struct Unclaimed(PathBuf);

impl Unclaimed {
    fn claim(mut self) -> PathBuf {
        std::mem::take(&mut self.0)
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            let _ = std::fs::remove_file(&self.0);
        }
    }
}

fn planned(mut context: SQLContext, sql: &str) -> PolarsResult<LazyFrame> {
    Ok(lookup::with_conditions(context.execute(sql)?, sql))
}

fn collect(plan: LazyFrame, engine: Engine) -> PolarsResult<Frame> {
    // Few rows are left to this thread: to hand them to others takes longer than to work on them.
    ALLOW_RAYON_THREADS.set(engine == Engine::Streaming);
    Ok(Frame(plan.collect_with_engine(engine)?.unwrap_single()))
}

fn plan_error(error: &PolarsError, sql: &str) -> EngineError {
    EngineError::Plan { message: error.to_string(), sql: sql.to_owned() }
}

/// Rows in columns that are found by name, and cast where the engine counts in other widths.
fn in_columns(rows: LazyFrame, columns: &[Column]) -> LazyFrame {
    let cast = |column: &Column| col(column.name.as_str()).strict_cast(schema::polars_type(column.kind));
    rows.select(columns.iter().map(cast).collect::<Vec<_>>())
}

fn write_at_once(rows: LazyFrame, mut writer: FrameWriter) -> PolarsResult<()> {
    writer.push(&collect(rows, Engine::InMemory)?).map_err(|error| error.0)?;
    writer.finish().map_err(|error| error.0)
}

/// One query writes many rows at a time: it uses every processor, and what is on its way to the file is held.
static TURN: Mutex<()> = Mutex::new(());

/// Writes rows a group at a time, as long as they are wanted.
fn write_groups(rows: LazyFrame, writer: FrameWriter, cancel: Cancel) -> PolarsResult<()> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let writer = Arc::new(Mutex::new(Some(writer)));
    let written = writer.clone();
    let push = PlanCallback::new(move |group| {
        polars_ensure!(!cancel.is_cancelled(), ComputeError: "the rows are no longer wanted");
        match written.lock().as_deref_mut() {
            Ok(Some(writer)) => writer.push(&Frame(group)).map(|()| false).map_err(|error| error.0),
            _ => Ok(true),
        }
    });
    ALLOW_RAYON_THREADS.set(true);
    rows.sink_batches(push, true, NonZeroUsize::new(GROUP_ROWS))?.collect_with_engine(Engine::Streaming)?;
    let writer = writer.lock().ok().and_then(|mut writer| writer.take());
    writer.map_or(Ok(()), FrameWriter::finish).map_err(|error| error.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::local;
    use crate::frame::{ColumnType, FilePart, Value};
    use crate::lake::{Lake, Layer, TableId};
    use crate::model::{Day, Environment};

    fn session() -> Box<dyn Session> {
        let columns =
            [Column::new("id", ColumnType::Text), Column::new("text", ColumnType::Text), Column::new("n", ColumnType::Real)];
        let row = |id: &str, text: &str, n: f64| vec![Value::Text(id.into()), Value::Text(text.into()), Value::Real(n)];
        let rows = [row("a", "7/24/2020", 0.0), row("b", "ASAP", -0.0), row("c", "12/15/2021 Per AW", 2.0)];
        let mut session = local().session(&Cancel::default()).unwrap();
        session.register("t", &Frame::from_rows(&columns, &rows).unwrap().relation()).unwrap();
        session
    }

    #[test]
    fn text_that_is_no_date_is_null_and_no_error() {
        let rows = session()
            .query("SELECT CAST(TRY_STRPTIME(text, '%m/%d/%Y', 1900, 2100, 'utc') AS DATE) AS d FROM t ORDER BY id")
            .unwrap();
        assert_eq!(rows.day("d", 0), Day::parse("2020-07-24"));
        assert_eq!((rows.day("d", 1), rows.day("d", 2)), (None, None));
    }

    #[test]
    fn hash_is_that_of_the_published_algorithm() {
        // XXH64 of "a" with seed 42, by the reference implementation's Python binding (xxhash.xxh64_intdigest).
        let rows =
            session().query("SELECT XXHASH64(id) AS h, XXHASH64(id, CAST(NULL AS VARCHAR)) AS n FROM t WHERE id = 'a'").unwrap();
        assert_eq!(rows.value("h", 0), Value::Whole(-8_582_455_328_737_087_284));
        assert_eq!(rows.value("n", 0), rows.value("h", 0));
    }

    #[test]
    fn both_zeros_have_one_hash() {
        let rows = session().query("SELECT XXHASH64(n) AS h FROM t ORDER BY id").unwrap();
        assert_eq!(rows.value("h", 0), rows.value("h", 1));
        assert_ne!(rows.value("h", 0), rows.value("h", 2));
    }

    /// Few rows in memory are read in another way than many, or those of a file: what is asked of both together is one answer.
    #[test]
    fn few_rows_and_many_are_read_together() {
        let columns = [Column::new("n", ColumnType::Whole)];
        let numbers = |to: i64| Frame::from_rows(&columns, &(0..to).map(|n| vec![Value::Whole(n)]).collect::<Vec<_>>()).unwrap();
        let most = i64::try_from(SMALL).unwrap();
        let mut session = local().session(&Cancel::default()).unwrap();
        session.register("few", &numbers(most).relation()).unwrap();
        session.register("many", &numbers(most + 1).relation()).unwrap();
        session.create_view("even", "SELECT n FROM few WHERE n % 2 = 0").unwrap();
        let mut count = |sql: &str| session.query(sql).unwrap().count("n", 0);
        assert_eq!(count("SELECT COUNT(n) AS n FROM even"), SMALL as u64 / 2);
        assert_eq!(count("SELECT COUNT(m.n) AS n FROM many AS m LEFT ANTI JOIN even AS e ON m.n = e.n"), SMALL as u64 / 2 + 1);
        // A name that was few may be many later, and the other way round.
        session.register("few", &numbers(most + 1).relation()).unwrap();
        session.register("many", &numbers(1).relation()).unwrap();
        let mut count = |sql: &str| session.query(sql).unwrap().count("n", 0);
        assert_eq!(count("SELECT COUNT(f.n) AS n FROM few AS f LEFT ANTI JOIN many AS m ON f.n = m.n"), SMALL as u64);
        assert_eq!(count("SELECT COUNT(n) AS n FROM even"), SMALL as u64 / 2);
    }

    #[test]
    fn view_of_few_rows_is_computed_once_and_one_of_many_when_it_is_asked_for() {
        let columns = [Column::new("n", ColumnType::Whole)];
        let numbers = |to: i64| Frame::from_rows(&columns, &(0..to).map(|n| vec![Value::Whole(n)]).collect::<Vec<_>>()).unwrap();
        let mut session = PolarsSession::new(&Cancel::default());
        session.register("few", &numbers(200).relation()).unwrap();
        session.register("many", &numbers(1 + i64::try_from(SMALL).unwrap()).relation()).unwrap();
        session.create_view("odd", "SELECT n FROM few WHERE n % 2 = 1").unwrap();
        session.create_view("pairs", "SELECT a.n FROM few AS a CROSS JOIN few AS b").unwrap();
        session.create_view("both", "SELECT m.n FROM many AS m LEFT SEMI JOIN odd AS o ON m.n = o.n").unwrap();
        let is_computed = |name: &str| matches!(session.relations[name].rows.logical_plan, DslPlan::DataFrameScan { .. });
        assert_eq!(["odd", "pairs", "both"].map(is_computed), [true, true, false]);
        assert_eq!(["odd", "pairs", "both"].map(|name| session.relations[name].is_streamed), [false, true, true]);
        let mut count = |name: &str| session.query(&format!("SELECT COUNT(n) AS n FROM {name}")).unwrap().count("n", 0);
        assert_eq!(["odd", "pairs", "both"].map(&mut count), [100, 40_000, 100]);
    }

    /// Rows of files that do not store the same columns are counted, whatever is asked of them, and by whomever: a rule is the text of a user.
    #[test]
    fn rows_of_unlike_files_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let columns = ["id", "word", "other"].map(|name| Column::new(name, ColumnType::Text));
        let word = |n: u64| Value::Text(if n.is_multiple_of(3) { "x".into() } else { "y".into() });
        let text = |n: u64| Value::Text(format!("{:016x}", xxhash_rust::xxh64::xxh64(&n.to_le_bytes(), 0)));
        let file = |name: &str, columns: &[Column], rows: Vec<Vec<Value>>| {
            let path = folder.path().join(name);
            let mut writer = FrameWriter::create(&path, columns).unwrap();
            writer.push(&Frame::from_rows(columns, &rows).unwrap()).unwrap();
            writer.finish().unwrap();
            FilePart { path, constants: std::collections::BTreeMap::new() }
        };
        let parts = vec![
            file("a", &columns[..2], (0..30_000).map(|n| vec![text(n), word(n)]).collect()),
            file("b", &columns, (0..30_000).map(|n| vec![text(n), word(n), text(n)]).collect()),
        ];
        let mut session = local().session(&Cancel::default()).unwrap();
        session.register("t", &Relation::Files { columns: columns.to_vec(), parts }).unwrap();
        let mut count = |sql: &str| session.query(sql).unwrap().count("n", 0);
        assert_eq!(count("SELECT COUNT(id) AS n FROM t WHERE word = 'x'"), 20_000);
        assert_eq!(count("SELECT COUNT(*) AS n FROM t WHERE word = 'x'"), 20_000);
        assert_eq!(count("SELECT COUNT(*) AS n FROM t"), 60_000);
        assert_eq!(count("SELECT COUNT(*) AS n FROM (SELECT * FROM t WHERE word = 'x' UNION ALL SELECT * FROM t) AS u"), 80_000);
        assert_eq!(
            count(
                "SELECT SUM(n) AS n FROM (SELECT COUNT(*) AS n FROM t UNION ALL SELECT COUNT(*) AS n FROM t WHERE word = 'x') AS u"
            ),
            80_000
        );
    }

    /// A session with relation `many`, of so many rows that a query over them is streamed, and a place to write to.
    fn writing(cancel: &Cancel) -> (tempfile::TempDir, Box<dyn Session>, Target) {
        let columns = [Column::new("n", ColumnType::Whole)];
        let rows: Vec<_> = (0..4 * i64::try_from(SMALL).unwrap()).map(|n| vec![Value::Whole(n)]).collect();
        let mut session = local().session(cancel).unwrap();
        session.register("many", &Frame::from_rows(&columns, &rows).unwrap().relation()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::new(folder.path(), Environment::Dev).unwrap();
        let target = lake.target(&TableId::new(Layer::Silver, "t"), &columns, &[]).unwrap();
        (folder, session, target)
    }

    #[test]
    fn many_rows_are_written_by_one_query_at_a_time() {
        let cancel = Cancel::default();
        let (_folder, mut session, target) = writing(&cancel);
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let (done, is_done) = std::sync::mpsc::channel();
        std::thread::spawn(move || done.send(session.write("SELECT n FROM many", &target).map(|files| files.len())));
        assert_eq!(is_done.recv_timeout(Duration::from_millis(300)).err(), Some(RecvTimeoutError::Timeout));
        drop(turn);
        assert!(matches!(is_done.recv(), Ok(Ok(1))));
        // Who is called off while he waits goes at once.
        let (_folder, mut session, target) = writing(&cancel);
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        cancel.cancel();
        assert!(matches!(session.write("SELECT n FROM many", &target), Err(EngineError::Cancelled)));
    }

    #[test]
    fn cancelled_write_gives_its_turn_to_others() {
        let cancel = Cancel::default();
        let (folder, mut session, target) = writing(&cancel);
        let file = target.file();
        let writing = std::thread::spawn(move || {
            // 1.6 thousand million rows.
            session.write("SELECT a.n FROM many AS a CROSS JOIN many AS b", &target).map(|_| ())
        });
        let within = |what: &dyn Fn() -> bool| {
            let begun = std::time::Instant::now();
            while !what() && begun.elapsed() < Duration::from_secs(20) {
                std::thread::sleep(Duration::from_millis(5));
            }
            what()
        };
        let is_begun = || file.metadata().is_ok_and(|about| about.len() > 1 << 10);
        assert!(within(&is_begun), "nothing is written");
        cancel.cancel();
        assert!(matches!(writing.join().unwrap(), Err(EngineError::Cancelled)));
        // Another test may have the turn for a moment; this one would keep it for minutes.
        assert!(within(&|| !file.exists() && TURN.try_lock().is_ok()), "it is still written");
        drop(folder);
    }

    #[test]
    fn cancelled_session_gives_no_rows() {
        let cancel = Cancel::default();
        cancel.cancel();
        let mut session = local().session(&cancel).unwrap();
        assert!(matches!(session.query("SELECT 1 AS one"), Err(EngineError::Cancelled)));
    }
}
