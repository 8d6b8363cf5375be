//! The lake by itself: what a commit means when what comes after it, or before it, fails.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use feederscope::frame::{Column, ColumnType, Frame, Value};
use feederscope::lake::{Change, Faults, Lake, LakeError, Layer, Moment, Operation, TableId, Vacuum};
use feederscope::model::{Environment, Timestamp};

use crate::support::{Bench, FEEDERS, INSTALLED, NOW, feeder, table_id};

/// More commits than two checkpoints lie apart.
const MANY: i64 = 30;

struct Numbers {
    folder: tempfile::TempDir,
    lake: Lake,
}

/// A table of one column.
impl Numbers {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::new(folder.path(), Environment::Dev).unwrap();
        Self { folder, lake }
    }

    fn table() -> TableId {
        TableId::new(Layer::Ops, "numbers")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("iedr_dev/ops/numbers/_delta_log")
    }

    fn append(&self, number: i64) -> Result<u64, LakeError> {
        self.append_as(number, &[])
    }

    /// The same, by applications that record a number each.
    fn append_as(&self, number: i64, applications: &[(&str, i64)]) -> Result<u64, LakeError> {
        let columns = [Column::new("n", ColumnType::Whole)];
        let base = self.lake.snapshot(&Self::table())?;
        let mut writer = self.lake.write(&Self::table(), &columns, &[])?;
        writer.push(&Frame::from_rows(&columns, &[vec![Value::Whole(number)]]).unwrap())?;
        let add = vec![writer.finish()?];
        let change = Change {
            base: base.as_deref(),
            columns: &columns,
            partition_by: &[],
            add,
            remove: Vec::new(),
            transactions: applications.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect(),
            same_rows: false,
            info: None,
        };
        self.lake.commit(&Self::table(), change)
    }

    /// Rows by the log, and data files that are there.
    fn rows_and_files(&self) -> (u64, usize) {
        let rows = self.lake.snapshot(&Self::table()).unwrap().unwrap().rows();
        let folder = self.folder.path().join("iedr_dev/ops/numbers");
        (rows, files(&folder).iter().filter(|file| file.extension().is_some_and(|end| end == "parquet")).count())
    }

    fn checkpoints(&self) -> Vec<PathBuf> {
        files(&self.log()).into_iter().filter(|file| file.to_string_lossy().ends_with(".checkpoint.parquet")).collect()
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}

#[test]
fn commit_stands_though_its_checkpoint_cannot_be_written() {
    for in_the_way in [None, Some("_last_checkpoint")] {
        let numbers = Numbers::new();
        numbers.append(0).unwrap();
        // A folder where the checkpoint, or the file that names it, would be put.
        for version in 0..MANY {
            let name = in_the_way.map_or(format!("{version:020}.checkpoint.parquet"), str::to_owned);
            std::fs::create_dir_all(numbers.log().join(name).join("x")).unwrap();
        }
        for number in 1..MANY {
            let version = numbers.append(number).unwrap_or_else(|error| panic!("commit {number}: {error}"));
            assert_eq!(version, number.cast_unsigned());
        }
        assert_eq!(numbers.rows_and_files(), (MANY.cast_unsigned(), MANY as usize), "{in_the_way:?}");
    }
}

#[test]
fn checkpoint_is_made_now_and_then_and_a_torn_one_over_a_whole_log_is_no_damage() {
    let mut numbers = Numbers::new();
    for number in 0..MANY {
        numbers.append(number).unwrap();
    }
    let checkpoints = numbers.checkpoints();
    assert!(checkpoints.len() > 1, "{checkpoints:?}");
    let whole = std::fs::read(checkpoints.last().unwrap()).unwrap();
    for torn in [&whole[..0], &whole[..whole.len() / 2], &vec![0; whole.len()][..]] {
        for checkpoint in &checkpoints {
            std::fs::write(checkpoint, torn).unwrap();
        }
        // As another process, which has not read the log yet.
        numbers.lake = Lake::new(numbers.folder.path(), Environment::Dev).unwrap();
        assert_eq!(numbers.rows_and_files().0, MANY.cast_unsigned(), "{} bytes", torn.len());
        // What a rollback goes back to, too.
        let earlier = MANY.cast_unsigned() - 2;
        assert_eq!(numbers.lake.snapshot_at(&Numbers::table(), earlier).unwrap().rows(), earlier + 1, "{} bytes", torn.len());
    }
    // The pointer to the newest one names one that is not there, or is none.
    let pointer = numbers.folder.path().join("iedr_dev/ops/numbers/_delta_log/_last_checkpoint");
    let pointers = [r#"{"version":99,"size":3}"#, "", "\0\0\0\0", r#"{"version":"#];
    for text in pointers {
        std::fs::write(&pointer, text).unwrap();
        numbers.lake = Lake::new(numbers.folder.path(), Environment::Dev).unwrap();
        assert_eq!(numbers.rows_and_files().0, MANY.cast_unsigned(), "{text:?}");
    }
    let version = numbers.append(MANY).unwrap();
    assert_eq!((version, numbers.rows_and_files().0), (MANY.cast_unsigned(), MANY.cast_unsigned() + 1));
    assert!(numbers.checkpoints().len() > checkpoints.len(), "a whole one is put beside the torn ones");
    // A reader that knows of no such remedy.
    let url = url::Url::from_directory_path(numbers.folder.path().join("iedr_dev/ops/numbers")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let other = runtime.block_on(async { deltalake::open_table(url).await }).unwrap();
    assert_eq!(other.snapshot().unwrap().log_data().num_files(), MANY as usize + 1);
}

#[test]
fn log_that_is_read_on_says_what_one_read_from_its_start_says() {
    let numbers = Numbers::new();
    let said = |lake: &Lake| {
        let snapshot = lake.snapshot(&Numbers::table()).unwrap().unwrap();
        let mut files: Vec<String> = snapshot.files.iter().map(|file| file.path().to_owned()).collect();
        files.sort();
        let recorded = ["early", "both", "none"].map(|application| snapshot.transaction(lake, application).unwrap());
        (snapshot.version, files, recorded)
    };
    let anew = || Lake::new(numbers.folder.path(), Environment::Dev).unwrap();
    numbers.append_as(0, &[("early", 7), ("both", 1)]).unwrap();
    for number in 1..40 {
        let recorded: &[(&str, i64)] = if number % 5 == 0 { &[("both", number)] } else { &[] };
        numbers.append_as(number, recorded).unwrap();
        let (read_on, whole) = (said(&numbers.lake), said(&anew()));
        assert_eq!(read_on, whole);
        let last = number - number % 5;
        assert_eq!(whole.2, [Some(7), Some(if last == 0 { 1 } else { last }), None], "commit {number}");
    }
    // Another log in its place is no further part of the one that was read.
    std::fs::remove_dir_all(numbers.folder.path().join("iedr_dev/ops/numbers")).unwrap();
    let other =
        Numbers { folder: tempfile::tempdir().unwrap(), lake: Lake::new(numbers.folder.path(), Environment::Dev).unwrap() };
    for number in 0..45 {
        other.append(number).unwrap();
    }
    assert_eq!(said(&numbers.lake), said(&anew()));
}

/// The steps with the disk, in their order.
#[derive(Debug, Default)]
struct Steps(Mutex<Vec<(Operation, Moment, PathBuf)>>);

impl Steps {
    fn forget(&self) {
        self.0.lock().unwrap().clear();
    }

    /// The files of logs that were read.
    fn read(&self) -> BTreeSet<String> {
        let is_read =
            |(operation, moment, _): &&(Operation, Moment, PathBuf)| (*operation, *moment) == (Operation::Get, Moment::Before);
        let name = |(_, _, path): &(Operation, Moment, PathBuf)| path.file_name().unwrap().to_string_lossy().into_owned();
        self.0.lock().unwrap().iter().filter(is_read).map(name).collect()
    }
}

impl Faults for Steps {
    fn at(&self, operation: Operation, moment: Moment, path: &Path) -> std::io::Result<()> {
        self.0.lock().unwrap().push((operation, moment, path.to_owned()));
        Ok(())
    }
}

#[test]
fn commit_reads_no_log_and_who_asks_then_reads_its_entry_alone() {
    let steps = Arc::new(Steps::default());
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::with_faults(folder.path(), Environment::Dev, steps.clone()).unwrap();
    let numbers = Numbers { folder, lake };
    let (mut with_checkpoint, mut read_whole) = (Vec::new(), Vec::new());
    for number in 0..MANY {
        let version = number.cast_unsigned();
        let is_checkpoint = || numbers.log().join(format!("{version:020}.checkpoint.parquet")).exists();
        numbers.append(number).unwrap();
        // The table is read when it is made, and with a checkpoint.
        let is_read = number == 0 || is_checkpoint();
        assert_eq!(steps.read().is_empty(), !is_read, "{version}: {:?}", steps.read());
        steps.forget();
        with_checkpoint.extend(is_checkpoint().then_some(version));
        let snapshot = numbers.lake.snapshot(&Numbers::table()).unwrap().unwrap();
        assert_eq!((snapshot.version, snapshot.rows()), (version, version + 1));
        let expected = if is_read { BTreeSet::new() } else { BTreeSet::from([format!("{version:020}.json")]) };
        read_whole.extend((steps.read() != expected).then_some(version));
        steps.forget();
    }
    // After a checkpoint a log is read as a whole, unless few commits came since it was.
    assert!(with_checkpoint.len() > 1 && with_checkpoint.windows(2).all(|pair| pair[1] == pair[0] + 10), "{with_checkpoint:?}");
    let long_after: Vec<u64> = with_checkpoint.iter().copied().filter(|version| *version >= 10).collect();
    assert_eq!(read_whole, long_after);
}

/// What a power cut leaves is what was made durable: an entry of a log may be there only when all that it names is.
#[test]
fn entry_is_written_when_what_it_names_is_durable_and_named_when_it_is_written() {
    let bench = Bench::new();
    let steps = Arc::new(Steps::default());
    let lake = Lake::with_faults(&bench.settings.lake, Environment::Dev, steps.clone()).unwrap();
    for (month, mw) in [("2022-09", "5"), ("2022-10", "6")] {
        bench
            .put(&format!("utility2/{month}/utility2_circuits.csv"), format!("{FEEDERS}{}{}", feeder("A", mw), feeder("B", "3")));
        bench.put(&format!("utility2/{month}/utility2_install_der.csv"), format!("{INSTALLED}D1,null,Solar,{mw},A,0\n"));
        bench.run_at(&lake, &|| NOW).unwrap();
    }
    let (mut durable, mut staged, mut entries, mut named) = (BTreeSet::new(), BTreeSet::new(), 0, 0);
    for (operation, moment, path) in steps.0.lock().unwrap().iter() {
        match (operation, moment) {
            (Operation::Sync, Moment::After) => drop(durable.insert(path.clone())),
            (Operation::Stage, Moment::After) => drop(staged.insert(path.to_string_lossy().split('#').next().map(PathBuf::from))),
            (Operation::Put, Moment::Before) => assert!(staged.remove(&Some(path.clone())), "{} was not written", path.display()),
            _ => continue,
        }
        if *operation != Operation::Put || path.extension().is_none_or(|end| end != "json") {
            continue;
        }
        entries += 1;
        let table = path.ancestors().nth(2).unwrap();
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            if let Some(file) = line["add"]["path"].as_str() {
                assert!(durable.contains(&table.join(file)), "{file} of {}", path.display());
                named += 1;
            }
        }
    }
    assert!(entries > 20 && named > 20, "{named} files in {entries} entries");
}

/// Whether a step fails; the last one: whether the entry has its name.
type Fails = fn(Operation, Moment, &Path, bool) -> bool;

/// A disk on which such steps fail from some moment on.
struct Failing {
    fails: Fails,
    is_begun: AtomicBool,
    is_named: AtomicBool,
}

impl std::fmt::Debug for Failing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Failing")
    }
}

impl Faults for Failing {
    fn at(&self, operation: Operation, moment: Moment, path: &Path) -> std::io::Result<()> {
        if !self.is_begun.load(Ordering::SeqCst) {
            return Ok(());
        }
        if names_an_entry(operation, path) && moment == Moment::After {
            self.is_named.store(true, Ordering::SeqCst);
        }
        let fails = (self.fails)(operation, moment, path, self.is_named.load(Ordering::SeqCst));
        if fails { Err(std::io::Error::other("the disk fails")) } else { Ok(()) }
    }
}

/// The entry of a log gets, or has got, its name.
fn names_an_entry(operation: Operation, path: &Path) -> bool {
    operation == Operation::Put && path.extension().is_some_and(|end| end == "json")
}

#[test]
fn commit_stands_if_its_entry_is_in_the_log_and_else_its_file_is_gone() {
    // What fails; whether the commit is reported, and whether it is there.
    let cases: [(&str, Fails, bool, bool); 5] = [
        ("the data file is not made durable", |operation, _, _, _| operation == Operation::Sync, false, false),
        ("the entry is not written", |operation, _, _, _| operation == Operation::Stage, false, false),
        (
            "the entry gets no name",
            |operation, moment, path, _| names_an_entry(operation, path) && moment == Moment::Before,
            false,
            false,
        ),
        (
            "it has its name, and nobody knows",
            |operation, moment, path, _| names_an_entry(operation, path) && moment == Moment::After,
            true,
            true,
        ),
        (
            "nor can anybody ask",
            |operation, _, path, is_named| is_named && (names_an_entry(operation, path) || operation == Operation::Get),
            false,
            true,
        ),
    ];
    // The commit that makes a table, and one that comes after another.
    for before in [0, 1] {
        for (what, fails, is_reported, is_there) in cases {
            let disk = Arc::new(Failing { fails, is_begun: AtomicBool::default(), is_named: AtomicBool::default() });
            let mut numbers = Numbers::new();
            numbers.lake = Lake::with_faults(numbers.folder.path(), Environment::Dev, disk.clone()).unwrap();
            for number in 0..before {
                numbers.append(number).unwrap();
            }
            disk.is_begun.store(true, Ordering::SeqCst);
            let committed = numbers.append(before);
            assert_eq!(committed.is_ok(), is_reported, "{what}, after {before}: {committed:?}");
            // As another process sees it, on a disk that works.
            numbers.lake = Lake::new(numbers.folder.path(), Environment::Dev).unwrap();
            let table = numbers.lake.snapshot(&Numbers::table()).unwrap();
            assert_eq!(table.as_ref().map_or(0, |table| table.missing_files().len()), 0, "{what}, after {before}");
            let rows = before.cast_unsigned() + u64::from(is_there);
            assert_eq!(table.map_or(0, |table| table.rows()), rows, "{what}, after {before}");
            let there = files(&numbers.folder.path().join("iedr_dev/ops/numbers"));
            assert_eq!(there.len() as u64, rows, "{what}, after {before}: {there:?}");
            let staged = std::fs::read_dir(numbers.log()).into_iter().flatten().filter_map(Result::ok);
            assert!(!staged.into_iter().any(|entry| entry.file_name().to_string_lossy().contains('#')), "{what}, after {before}");
        }
    }
}

#[test]
fn conflicting_change_is_an_error_and_its_file_is_gone() {
    let numbers = Numbers::new();
    for number in 0..3 {
        numbers.append(number).unwrap();
    }
    // Both replace the same file, as seen before either did.
    let columns = [Column::new("n", ColumnType::Whole)];
    let (first, second) = (numbers.lake.snapshot(&Numbers::table()).unwrap(), numbers.lake.snapshot(&Numbers::table()).unwrap());
    let replace = |base: &Option<Arc<feederscope::lake::Snapshot>>| {
        let mut writer = numbers.lake.write(&Numbers::table(), &columns, &[]).unwrap();
        writer.push(&Frame::from_rows(&columns, &[vec![Value::Whole(9)]]).unwrap()).unwrap();
        let remove = base.as_ref().unwrap().files.clone();
        let change = Change {
            base: base.as_deref(),
            columns: &columns,
            partition_by: &[],
            add: vec![writer.finish().unwrap()],
            remove,
            transactions: Vec::new(),
            same_rows: false,
            info: None,
        };
        numbers.lake.commit(&Numbers::table(), change)
    };
    replace(&first).unwrap();
    let error = replace(&second).unwrap_err().to_string();
    assert!(error.contains("ops/numbers"), "{error}");
    // Three files of before, which stay for readers of old versions, and the one that was committed.
    assert_eq!(numbers.rows_and_files(), (1, 4));
}

#[test]
fn file_leaves_its_table_when_the_commit_is_made_and_not_when_the_table_was_read() {
    let numbers = Numbers::new();
    numbers.append(1).unwrap();
    let read_long_ago = numbers.lake.snapshot(&Numbers::table()).unwrap().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(30));
    let committing = Timestamp::now();
    let change = Change { remove: read_long_ago.files.clone(), ..Change::of(Some(&read_long_ago)) };
    numbers.lake.commit(&Numbers::table(), change).unwrap();
    let count = |before: Timestamp| numbers.lake.vacuum(&Numbers::table(), before, Vacuum::Count).unwrap().old.files;
    let just_before = Timestamp::from_micros(committing.micros() - 10_000);
    assert_eq!(count(just_before), 0, "it was there until the commit");
    assert_eq!(count(Timestamp::from_micros(committing.micros() + 3_600_000_000)), 1);
}

#[test]
fn file_that_another_program_brought_back_into_its_table_is_no_old_one() {
    let mut numbers = Numbers::new();
    numbers.append(1).unwrap();
    let first = numbers.lake.snapshot(&Numbers::table()).unwrap().unwrap();
    let change = Change { remove: first.files.clone(), ..Change::of(Some(&first)) };
    assert_eq!(numbers.lake.commit(&Numbers::table(), change).unwrap(), 1);
    // As `RESTORE` does.
    let entry = |version: u64| numbers.log().join(format!("{version:020}.json"));
    let text = std::fs::read_to_string(entry(0)).unwrap();
    std::fs::write(entry(2), text.lines().find(|line| line.starts_with("{\"add\"")).unwrap()).unwrap();
    numbers.lake = Lake::new(numbers.folder.path(), Environment::Dev).unwrap();
    let far = Timestamp::from_micros(i64::MAX / 2);
    assert_eq!(numbers.lake.vacuum(&Numbers::table(), far, Vacuum::Remove).unwrap().old.files, 0);
    assert_eq!(numbers.rows_and_files(), (1, 1));
}

#[test]
fn file_of_an_entry_that_was_set_aside_is_no_orphan() {
    let mut numbers = Numbers::new();
    for number in 0..2 {
        numbers.append(number).unwrap();
    }
    let entry = numbers.log().join(format!("{:020}.json", 1));
    let text = std::fs::read(&entry).unwrap();
    std::fs::write(&entry, &text[..text.len() / 2]).unwrap();
    numbers.lake = Lake::new(numbers.folder.path(), Environment::Dev).unwrap();
    assert!(numbers.lake.set_aside_damaged_entry(&Numbers::table()).unwrap().is_some());
    let far = Timestamp::from_micros(i64::MAX / 2);
    assert_eq!(numbers.lake.vacuum(&Numbers::table(), far, Vacuum::Remove).unwrap().orphans.files, 0);
    assert_eq!(numbers.rows_and_files(), (1, 2), "whoever mends the entry by hand finds its file");
}

/// Changes an action of the table's first log entry, which is that of another writer then.
fn rewrite_first_entry(numbers: &Numbers, action: &str, change: impl Fn(&mut serde_json::Value)) {
    let entry = numbers.log().join("00000000000000000000.json");
    let text = std::fs::read_to_string(&entry).unwrap();
    let line = |line: &str| {
        let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
        if let Some(found) = value.get_mut(action) {
            change(found);
        }
        value.to_string() + "\n"
    };
    std::fs::write(&entry, text.lines().map(line).collect::<String>()).unwrap();
}

/// Rows that were deleted by a vector would be shown, and columns under other names be null.
#[test]
fn tables_whose_rows_would_be_read_wrongly_are_refused() {
    use serde_json::json;
    let refused = |what: &str, numbers: &Numbers| {
        let error = numbers.lake.snapshot(&Numbers::table()).err().unwrap_or_else(|| panic!("{what} was read")).to_string();
        assert!(error.contains("ops/numbers") && error.to_lowercase().replace([' ', '_'], "").contains(what), "{what}: {error}");
    };

    let mapped = Numbers::new();
    mapped.append(1).unwrap();
    rewrite_first_entry(&mapped, "metaData", |found| {
        found["configuration"]["delta.columnMapping.mode"] = json!("name");
        let mut schema: serde_json::Value = serde_json::from_str(found["schemaString"].as_str().unwrap()).unwrap();
        schema["fields"][0]["metadata"] = json!({ "delta.columnMapping.id": 1, "delta.columnMapping.physicalName": "col-1" });
        found["schemaString"] = json!(schema.to_string());
    });
    rewrite_first_entry(&mapped, "protocol", |found| *found = json!({ "minReaderVersion": 2, "minWriterVersion": 5 }));
    refused("columnmapping", &mapped);

    let deleted = Numbers::new();
    deleted.append(1).unwrap();
    rewrite_first_entry(&deleted, "protocol", |found| {
        *found = json!({ "minReaderVersion": 3, "minWriterVersion": 7,
            "readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"] });
    });
    // An inline vector, its bytes in Base85; that of the Delta protocol's own example.
    rewrite_first_entry(&deleted, "add", |found| {
        found["deletionVector"] = json!({ "storageType": "i", "pathOrInlineDv": "wi5b=000010000siXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L",
            "sizeInBytes": 40, "cardinality": 6 });
    });
    refused("deletionvector", &deleted);
}

/// What the log of a table says of it last, and the statistics of its files.
fn log_of(bench: &Bench, table: &str) -> (serde_json::Value, Vec<serde_json::Value>) {
    let log = bench.lake.path(&table_id(table)).join("_delta_log");
    let entries = files(&log).into_iter().filter(|file| file.extension().is_some_and(|end| end == "json"));
    let (mut last, mut statistics) = (serde_json::Value::Null, Vec::new());
    for entry in entries {
        for line in std::fs::read_to_string(entry).unwrap().lines() {
            let mut action: serde_json::Value = serde_json::from_str(line).unwrap();
            if let Some(metadata) = action.get_mut("metaData") {
                last = metadata.take();
            }
            if let Some(added) = action.get("add") {
                statistics.push(serde_json::from_str(added["stats"].as_str().unwrap()).unwrap());
            }
        }
    }
    (last, statistics)
}

/// With each commit the Delta library reads the statistics of every file in all columns that a table does not leave out.
#[test]
fn tables_say_which_columns_tell_their_files_apart_and_those_of_an_earlier_version_do_since_their_next_commit() {
    const PROPERTY: &str = "delta.dataSkippingStatsColumns";
    // By hand; none of them is a partition column.
    let expected = [
        ("bronze/utility2_circuits", Some("_source_file,_file_sha256,_run_id,_ingested_at")),
        ("bronze/utility2_install_der", Some("_source_file,_file_sha256,_run_id,_ingested_at")),
        ("silver/feeders", Some("valid_from_month,valid_to_month")),
        ("silver/ders", Some("_source_file,status,valid_from_month,valid_to_month")),
        ("platinum/der_details", Some("delivery_month,status")),
        ("platinum/month_diff", Some("delivery_month")),
        ("ops/runs", Some("delivery_month,started_at")),
    ];
    let says = |bench: &Bench| {
        for (table, columns) in expected {
            let (metadata, _) = log_of(bench, table);
            assert_eq!(metadata["configuration"].get(PROPERTY).and_then(|value| value.as_str()), columns, "{table}");
        }
    };
    let installed =
        |month: &str, kw: &str| (format!("utility2/{month}/utility2_install_der.csv"), format!("{INSTALLED}D1,Solar,{kw},A,,\n"));
    let put = |bench: &Bench, month: &str, number: &str| {
        bench.put(&format!("utility2/{month}/utility2_circuits.csv"), format!("{FEEDERS}{}", feeder("A", number)));
        let (file, content) = installed(month, number);
        bench.put(&file, content);
        bench.run();
    };
    let (now, mut earlier) = (Bench::new(), Bench::new());
    for bench in [&now, &earlier] {
        put(bench, "2022-09", "1");
    }
    says(&now);
    // An earlier version of the program did not say it.
    for (table, _) in expected {
        let entry = earlier.lake.path(&table_id(table)).join("_delta_log").join(format!("{:020}.json", 0));
        let text = std::fs::read_to_string(&entry).unwrap();
        let without = |line: &str| {
            let mut action: serde_json::Value = serde_json::from_str(line).unwrap();
            if let Some(metadata) = action.get_mut("metaData") {
                assert!(metadata["configuration"].as_object_mut().unwrap().remove(PROPERTY).is_some(), "{table}");
            }
            action.to_string() + "\n"
        };
        std::fs::write(&entry, text.lines().map(without).collect::<String>()).unwrap();
    }
    earlier.lake = Lake::new(&earlier.settings.lake, Environment::Dev).unwrap();
    for bench in [&now, &earlier] {
        put(bench, "2022-10", "2");
        says(bench);
        put(bench, "2022-11", "3");
    }
    for (table, _) in expected {
        let columns = if table.starts_with("bronze") { "_source_file, _file_sha256, _source_line" } else { "COUNT(*) AS n" };
        assert_eq!(now.lines(table, columns), earlier.lines(table, columns), "{table}");
        // It is said once, and what a file holds is told of all columns.
        let [before, after] = [&now, &earlier].map(|bench| log_of(bench, table));
        assert_eq!(before.0["configuration"], after.0["configuration"], "{table}");
        assert_eq!(before.0["schemaString"], after.0["schemaString"], "{table}");
        let names = |statistics: &serde_json::Value| statistics["nullCount"].as_object().unwrap().len();
        let stored = |table: &str| now.lake.snapshot(&table_id(table)).unwrap().unwrap().columns.len();
        assert!(before.1.iter().all(|statistics| names(statistics) + 1 >= stored(table)), "{table}");
        // Bounds are those of the columns that tell files apart; one without a value has none.
        let apart: Vec<&str> = before.0["configuration"][PROPERTY].as_str().unwrap().split(',').collect();
        for statistics in &before.1 {
            let bounded: Vec<&String> = statistics["minValues"].as_object().unwrap().keys().collect();
            assert_eq!(bounded, statistics["maxValues"].as_object().unwrap().keys().collect::<Vec<_>>(), "{table}");
            assert!(bounded.iter().all(|name| apart.contains(&name.as_str())), "{table}: {bounded:?}");
            let has_value = |name: &&&str| statistics["nullCount"][**name] != statistics["numRecords"];
            assert_eq!(bounded.len(), apart.iter().filter(has_value).count(), "{table}: {bounded:?}");
        }
    }
}
