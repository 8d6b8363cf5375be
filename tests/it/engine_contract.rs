//! What any engine has to do. The cases are plain; they are run against each engine that there is.

use std::path::PathBuf;

use feederscope::engine::{self, Engine, EngineError, Session};
use feederscope::frame::{Column, ColumnType, Frame, Relation, Value};
use feederscope::lake::{Change, Lake, Layer, TableId};
use feederscope::model::{Cancel, Environment};

use crate::support::show;

/// The engines that are held to the contract.
fn engines() -> [(&'static str, &'static dyn Engine); 1] {
    [("local", engine::local())]
}

/// A case, run against each engine.
fn each(case: impl Fn(&'static dyn Engine)) {
    for (name, engine) in engines() {
        eprintln!("engine: {name}");
        case(engine);
    }
}

fn session(engine: &dyn Engine) -> Box<dyn Session> {
    engine.session(&Cancel::default()).unwrap()
}

fn columns() -> Vec<Column> {
    vec![Column::new("id", ColumnType::Text), Column::new("n", ColumnType::Whole)]
}

fn frame(rows: &[(&str, i64)]) -> Frame {
    let rows: Vec<Vec<Value>> = rows.iter().map(|(id, n)| vec![Value::Text((*id).into()), Value::Whole(*n)]).collect();
    Frame::from_rows(&columns(), &rows).unwrap()
}

/// The rows of a query as text, cells joined by `|`.
fn lines(session: &mut dyn Session, sql: &str) -> Vec<String> {
    let rows = session.query(sql).unwrap();
    (0..rows.height()).map(|row| rows.row(row).iter().map(show).collect::<Vec<_>>().join("|")).collect()
}

/// A table partitioned by `id`, one file for each, whose second file came after a column was added.
struct Table {
    _folder: tempfile::TempDir,
    lake: Lake,
}

impl Table {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::new(folder.path(), Environment::Dev).unwrap();
        let table = Self { _folder: folder, lake };
        table.add("a", &columns(), &[vec![Value::Null, Value::Whole(1)], vec![Value::Null, Value::Whole(2)]]);
        let more: Vec<Column> = columns().into_iter().chain([Column::new("x", ColumnType::Real)]).collect();
        table.add("b", &more, &[vec![Value::Null, Value::Whole(3), Value::Real(0.5)]]);
        table
    }

    fn id() -> TableId {
        TableId::new(Layer::Ops, "contract")
    }

    fn add(&self, id: &str, columns: &[Column], rows: &[Vec<Value>]) {
        let base = self.lake.snapshot(&Self::id()).unwrap();
        let mut writer = self.lake.write(&Self::id(), columns, &[("id", id)]).unwrap();
        writer.push(&Frame::from_rows(columns, rows).unwrap()).unwrap();
        let change =
            Change { columns, partition_by: &["id"], add: vec![writer.finish().unwrap()], ..Change::of(base.as_deref()) };
        self.lake.commit(&Self::id(), change).unwrap();
    }

    fn relation(&self) -> Relation {
        self.lake.snapshot(&Self::id()).unwrap().unwrap().scan_all()
    }
}

#[test]
fn files_have_the_tables_columns_partition_values_and_nulls_for_what_they_lack() {
    let table = Table::new();
    each(|engine| {
        let mut session = session(engine);
        session.register("t", &table.relation()).unwrap();
        assert_eq!(lines(session.as_mut(), "SELECT id, n, x FROM t ORDER BY n"), ["a|1|-", "a|2|-", "b|3|0.5"]);
    });
}

/// Files of a part that store the same, among others that do not: each row is there once, with what its own file says.
#[test]
fn files_of_one_part_are_read_whatever_each_of_them_stores() {
    let table = Table::new();
    let more: Vec<Column> = columns().into_iter().chain([Column::new("x", ColumnType::Real)]).collect();
    table.add("a", &more, &[vec![Value::Null, Value::Whole(4), Value::Real(4.5)]]);
    for n in 5..9 {
        table.add("a", &columns(), &[vec![Value::Null, Value::Whole(n)]]);
    }
    let expected = ["a|1|-", "a|2|-", "b|3|0.5", "a|4|4.5", "a|5|-", "a|6|-", "a|7|-", "a|8|-"];
    each(|engine| {
        let mut session = session(engine);
        session.register("t", &table.relation()).unwrap();
        assert_eq!(lines(session.as_mut(), "SELECT id, n, x FROM t ORDER BY n"), expected);
        assert_eq!(lines(session.as_mut(), "SELECT n FROM t WHERE id = 'a' AND n > 6 ORDER BY n"), ["7", "8"]);
        assert_eq!(lines(session.as_mut(), "SELECT COUNT(id) AS n, SUM(x) AS x FROM t"), ["8|5"]);
    });
}

/// Files of several parts that store the same are told apart by their paths, which is a column's name here, too; what a file stores
/// is known again only as long as it is the same file.
#[test]
fn files_of_several_parts_have_each_its_own_value() {
    let folder = tempfile::tempdir().unwrap();
    let table = Table { lake: Lake::new(folder.path(), Environment::Dev).unwrap(), _folder: folder };
    let columns: Vec<Column> =
        columns().into_iter().chain(["path", "path_"].map(|name| Column::new(name, ColumnType::Text))).collect();
    let row = |n: i64| vec![Value::Null, Value::Whole(n), Value::Text(format!("at {n}")), Value::Null];
    for (n, part) in [(1, "a"), (2, "b"), (3, "a"), (4, "c d"), (5, "b")] {
        table.add(part, &columns, &[row(n), row(n + 10)]);
    }
    let expected = ["a|1|at 1", "b|2|at 2", "a|3|at 3", "c d|4|at 4", "b|5|at 5", "a|11|at 11", "b|12|at 12", "a|13|at 13"];
    each(|engine| {
        let mut session = session(engine);
        session.register("t", &table.relation()).unwrap();
        assert_eq!(lines(session.as_mut(), "SELECT id, n, path FROM t ORDER BY n LIMIT 8"), expected);
        let by_part = "SELECT id, COUNT(n) AS n, SUM(n) AS sum FROM t GROUP BY id ORDER BY id";
        assert_eq!(lines(session.as_mut(), by_part), ["a|4|28", "b|4|34", "c d|2|18"]);
        assert_eq!(lines(session.as_mut(), "SELECT DISTINCT id FROM t ORDER BY id"), ["a", "b", "c d"]);
        assert_eq!(lines(session.as_mut(), "SELECT COUNT(id) AS n FROM t WHERE id = 'b'"), ["4"]);
        assert_eq!(lines(session.as_mut(), "SELECT n FROM t WHERE id <> 'a' AND n < 10 ORDER BY n"), ["2", "4", "5"]);
        let pairs = "SELECT l.n AS n FROM t AS l INNER JOIN t AS r ON l.id = r.id AND l.n + 10 = r.n WHERE l.id = 'b' ORDER BY n";
        assert_eq!(lines(session.as_mut(), pairs), ["2", "5"]);
    });
    let (Relation::Files { parts, .. }, more) = (table.relation(), frame(&[("c", 99)])) else { panic!("no files") };
    let other = table.lake.write(&Table::id(), &self::columns(), &[]).and_then(|mut writer| {
        writer.push(&more)?;
        writer.finish()
    });
    std::fs::copy(other.unwrap().part().path, &parts[0].path).unwrap();
    each(|engine| {
        let mut session = session(engine);
        session.register("t", &table.relation()).unwrap();
        assert_eq!(lines(session.as_mut(), "SELECT n, path FROM t WHERE n > 20"), ["99|-"]);
    });
}

/// A file among others that was read and that nobody may open any more is named as one that was never read is: who reads rules over files
/// tells that from a rule that is wrong. Whoever may open everything sees nothing here.
#[cfg(unix)]
#[test]
fn file_that_may_not_be_opened_any_more_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let table = Table::new();
    let Relation::Files { parts, .. } = table.relation() else { panic!("no files") };
    let file = &parts[0].path;
    each(|engine| {
        let allow = |mode| std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
        session(engine).register("t", &table.relation()).unwrap();
        allow(0o000);
        let is_open_to_all = std::fs::File::open(file).is_ok();
        let registered = session(engine).register("t", &table.relation());
        allow(0o600);
        match registered {
            Err(EngineError::File { path, .. }) => assert_eq!(path, *file),
            other => assert!(is_open_to_all, "{other:?}"),
        }
    });
}

#[test]
fn relation_without_files_has_columns_and_no_rows() {
    each(|engine| {
        let mut session = session(engine);
        session.register("t", &Relation::empty(&columns())).unwrap();
        assert_eq!(lines(session.as_mut(), "SELECT COUNT(id) AS ids, SUM(n) AS n FROM t").len(), 1);
        assert_eq!(session.query("SELECT id, n FROM t").unwrap().height(), 0);
        assert_eq!(session.query("SELECT id, n FROM t").unwrap().names(), ["id", "n"]);
    });
}

#[test]
fn name_stands_for_what_it_was_given_when_a_view_was_made() {
    each(|engine| {
        let mut session = session(engine);
        session.register("t", &frame(&[("a", 1)]).relation()).unwrap();
        session.create_view("before", "SELECT n FROM t").unwrap();
        session.register("t", &frame(&[("a", 2)]).relation()).unwrap();
        assert_eq!(lines(session.as_mut(), "SELECT before.n AS old, t.n AS new FROM before CROSS JOIN t"), ["1|2"]);
        // A step may take the name of the one that it reads.
        session.create_view("t", "SELECT id, n + 1 AS n FROM t").unwrap();
        session.create_view("t", "SELECT id, n * 10 AS n FROM t").unwrap();
        assert_eq!(lines(session.as_mut(), "SELECT n FROM t"), ["30"]);
    });
}

#[test]
fn alias_is_known_in_its_query_only() {
    each(|engine| {
        let mut session = session(engine);
        session.register("t", &frame(&[("a", 1)]).relation()).unwrap();
        assert_eq!(lines(session.as_mut(), "SELECT n FROM (SELECT n FROM t) AS placed"), ["1"]);
        session.create_view("view", "SELECT s.n AS n FROM (SELECT n FROM t) AS s").unwrap();
        assert_eq!(lines(session.as_mut(), "WITH placed AS (SELECT id FROM t) SELECT id FROM placed"), ["a"]);
        assert!(session.query("SELECT n FROM placed").is_err(), "the alias of an earlier query");
        assert!(session.query("SELECT n FROM s").is_err(), "the alias of a view's query");
    });
}

#[test]
fn materialized_rows_are_counted_and_read_by_other_sessions() {
    each(|engine| {
        let mut first = session(engine);
        first.register("t", &frame(&[("a", 1), ("b", 2), ("c", 3)]).relation()).unwrap();
        let kept = first.materialize("kept", "SELECT id, n FROM t WHERE n > 1").unwrap();
        assert_eq!(kept.rows, 2);
        assert_eq!(lines(first.as_mut(), "SELECT SUM(n) AS n FROM kept"), ["5"]);
        let mut second = session(engine);
        second.register("elsewhere", &kept.relation).unwrap();
        drop(first);
        assert_eq!(lines(second.as_mut(), "SELECT id FROM elsewhere ORDER BY id"), ["b", "c"]);
        let none = second.materialize("none", "SELECT id FROM elsewhere WHERE id = 'z'").unwrap();
        assert_eq!(none.rows, 0);
        assert!(second.query("SELECT id FROM t").is_err(), "a session sees the names of another");
    });
}

#[test]
fn few_rows_are_held_and_many_are_a_query_again() {
    each(|engine| {
        for (at_most, held) in [(3, Some(3)), (2, None), (0, None)] {
            let mut session = session(engine);
            session.register("t", &frame(&[("a", 1), ("b", 2), ("c", 3)]).relation()).unwrap();
            // A name that the query itself reads.
            let few = session.name_few("t", "SELECT id, n + 1 AS n FROM t", at_most).unwrap();
            assert_eq!(few.map(|few| few.rows), held);
            assert_eq!(lines(session.as_mut(), "SELECT id, n FROM t ORDER BY id"), ["a|2", "b|3", "c|4"], "at most {at_most}");
            let none = session.name_few("none", "SELECT id FROM t WHERE n > 9", 0).unwrap();
            assert_eq!(none.map(|none| none.rows), Some(0));
        }
    });
}

#[test]
fn written_rows_are_the_querys_in_its_order_and_gone_when_not_committed() {
    each(|engine| {
        let table = Table::new();
        let mut session = session(engine);
        let rows: Vec<(String, i64)> = (0..70_000).map(|n| (format!("{n:05}"), n)).collect();
        let rows: Vec<(&str, i64)> = rows.iter().map(|(id, n)| (id.as_str(), *n)).collect();
        session.register("t", &frame(&rows).relation()).unwrap();
        let written = |session: &mut dyn Session| {
            let target = table.lake.target(&Table::id(), &columns(), &[("id", "w")]).unwrap();
            // The engine counts in another width than the table, which `finish` would refuse in a file.
            let files = session.write("SELECT CAST(n AS INTEGER) AS n FROM t ORDER BY n DESC", &target).unwrap();
            (target.finish(&files).unwrap(), files)
        };
        let (abandoned, files) = written(session.as_mut());
        assert!(files.iter().all(|file| file.is_file()));
        drop(abandoned);
        assert_eq!(files.iter().filter(|file| file.exists()).collect::<Vec<_>>(), [] as [&PathBuf; 0]);

        let (add, _) = written(session.as_mut());
        assert_eq!(add.iter().map(|file| file.rows).sum::<u64>(), 70_000);
        let base = table.lake.snapshot(&Table::id()).unwrap();
        let change = Change { columns: &columns(), partition_by: &["id"], add, ..Change::of(base.as_deref()) };
        table.lake.commit(&Table::id(), change).unwrap();
        let snapshot = table.lake.snapshot(&Table::id()).unwrap().unwrap();
        session.register("stored", &snapshot.scan(|file| file.partition_value("id") == Some("w"))).unwrap();
        let stored = session.query("SELECT n FROM stored").unwrap();
        let numbers: Vec<Value> = (0..stored.height()).map(|row| stored.value("n", row)).collect();
        assert_eq!(numbers, (0..70_000).rev().map(Value::Whole).collect::<Vec<_>>());
    });
}

#[test]
fn failed_write_leaves_no_file() {
    each(|engine| {
        let table = Table::new();
        let target = table.lake.target(&Table::id(), &columns(), &[("id", "w")]).unwrap();
        let (file, folder) = (target.file(), target.folder());
        // The column that the table needs is not in the rows.
        let failed = session(engine).write("SELECT 'a' AS other", &target);
        assert!(matches!(failed, Err(EngineError::Plan { .. })), "{failed:?}");
        std::fs::write(&file, "half a file").unwrap();
        drop(target);
        assert!(!file.exists() && !folder.exists());
    });
}

#[test]
fn wrong_query_says_what_is_wrong_and_shows_itself() {
    each(|engine| {
        let mut session = session(engine);
        session.register("t", &frame(&[("a", 1)]).relation()).unwrap();
        for sql in ["SELECT missing_column FROM t", "SELECT n FROM missing_table", "SELEKT n FROM t"] {
            let Err(EngineError::Plan { message, sql: shown }) = session.query(sql) else { panic!("{sql}") };
            assert_eq!(shown, sql);
            assert!(!message.is_empty() && message != sql, "{message}");
        }
    });
}

#[test]
fn unreadable_file_is_named() {
    let table = Table::new();
    let relation = table.relation();
    let Relation::Files { parts, .. } = &relation else { panic!("a table is files") };
    std::fs::write(&parts[0].path, "this is no Parquet").unwrap();
    each(|engine| {
        let mut session = session(engine);
        let failed = session.register("t", &relation).and_then(|()| session.query("SELECT n FROM t").map(drop));
        let path = parts[0].path.to_str().unwrap();
        assert!(failed.as_ref().is_err_and(|error| error.to_string().contains(path)), "{failed:?}");
    });
}

#[test]
fn session_that_is_no_longer_wanted_gives_and_writes_nothing() {
    let table = Table::new();
    each(|engine| {
        let cancel = Cancel::default();
        let mut session = engine.session(&cancel).unwrap();
        session.register("t", &frame(&[("a", 1)]).relation()).unwrap();
        cancel.cancel();
        assert!(matches!(session.query("SELECT n FROM t"), Err(EngineError::Cancelled)));
        assert!(matches!(session.materialize("m", "SELECT n FROM t"), Err(EngineError::Cancelled)));
        let target = table.lake.target(&Table::id(), &columns(), &[("id", "w")]).unwrap();
        assert!(matches!(session.write("SELECT n FROM t", &target), Err(EngineError::Cancelled)));
    });
}

/// Expected by hand: the functions that plans are written in, at the edges where engines differ.
#[test]
fn functions_mean_the_same_everywhere() {
    let cases = [
        // Half to even, as the local engine rounds.
        ("ROUND(2.5, 0)", "2"),
        ("CAST('x' = NULL AS BOOLEAN)", "-"),
        ("NUMBER('2300', -3)", "2.3"),
        ("NUMBER(' 5 ', 0)", "-"),
        ("NUMBER('5d', 0)", "-"),
        ("NUMBER('NaN', 0)", "-"),
        ("NUMBER('1e16', 0)", "-"),
        ("SHIFT(13.0, -3)", "0.013"),
        ("PRESENT('  N/A ', 'n/a')", "-"),
        ("PRESENT('  word ', 'n/a')", "word"),
        ("BARE('   ')", ""),
        ("ID('36301.0')", "36301"),
        ("ID('a.0')", "a.0"),
        ("RATINGS('Solar', 5.0, 'Wind', 0.0, 'Storage', 2.5)", "Solar 5; Storage 2.5"),
        ("ONLY_RATED('Solar', 5.0, 'Wind', 0.0, 'Hybrid')", "Solar"),
        ("ONLY_RATED('Solar', 5.0, 'Wind', 2.5, 'Hybrid')", "Hybrid"),
        ("ONLY_RATED('Solar', 0.0, 'Wind', CAST(NULL AS DOUBLE), 'Hybrid')", "-"),
        ("TRANSLATED('pv', 'pv', 'Solar', 'pv', 'Other', 'Unmapped')", "Solar"),
        ("TRANSLATED('PV', 'pv', 'Solar', 'Unmapped')", "Unmapped"),
        ("TRANSLATED(CAST(NULL AS VARCHAR), 'pv', 'Solar', 'Unmapped')", "-"),
        ("WORD_PLACE('a Light BLUE line', 'blue', 'light blue', 'red')", "1"),
        ("WORD_PLACE('grey', 'blue')", "-"),
        ("WORD_AT(WORD_PLACE('Red_', 'blue', 'red'), 'blue', 'red')", "red"),
        ("WORD_AT(CAST(2 AS BIGINT), 'blue', 'red')", "-"),
        ("CAST(TRY_STRPTIME('2/30/2020', '%m/%d/%Y', 1900, 2100, 'utc') AS DATE)", "-"),
        ("CAST(TRY_STRPTIME('2/29/2020', '%m/%d/%Y', 1900, 2100, 'utc') AS DATE)", "2020-02-29"),
        // XXH64 of "a" with seed 42, by the reference implementation's Python binding.
        ("XXHASH64('a')", "-8582455328737087284"),
        ("XXHASH64('a', CAST(NULL AS VARCHAR))", "-8582455328737087284"),
        ("CONCAT_WS('/', 'a', CAST(NULL AS VARCHAR), 'b')", "a/b"),
    ];
    each(|engine| {
        let mut session = session(engine);
        session.register("t", &frame(&[("a", 1)]).relation()).unwrap();
        for (expression, expected) in cases {
            assert_eq!(lines(session.as_mut(), &format!("SELECT {expression} AS v FROM t")), [expected], "{expression}");
        }
    });
}

#[test]
fn file_of_a_write_that_nobody_waits_for_any_more_goes_again() {
    each(|engine| {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::new(folder.path(), Environment::Dev).unwrap();
        let id = TableId::new(Layer::Silver, "t");
        // The table's folder is there, with a file of its own.
        std::fs::create_dir_all(lake.path(&id)).unwrap();
        std::fs::write(lake.path(&id).join("another"), "").unwrap();
        let files = || std::fs::read_dir(lake.path(&id)).unwrap().count();
        let cancel = Cancel::default();
        let mut session = engine.session(&cancel).unwrap();
        session.register("t", &frame(&[("a", 1), ("b", 2)]).relation()).unwrap();
        let target = lake.target(&id, &columns(), &[]).unwrap();
        // Called off, so that nobody waits; the query runs to its end all the same.
        cancel.cancel();
        let many = ["SELECT * FROM t"; 3].join(" UNION ALL ");
        assert!(matches!(session.write(&many, &target), Err(EngineError::Cancelled)));
        drop(target);
        let begun = std::time::Instant::now();
        let mut most = files();
        while begun.elapsed() < std::time::Duration::from_secs(5) && !(most == 2 && files() == 1) {
            most = most.max(files());
            std::thread::sleep(std::time::Duration::from_micros(200));
        }
        assert_eq!(files(), 1, "of {most}");
    });
}
