//! The deliveries whose rows are in bronze, as the log of its tables tells.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use xxhash_rust::xxh64::xxh64;

use crate::config::UtilityAdapter;
use crate::lake::{DataFile, Snapshot, TableId};
use crate::landing::{Candidate, NO_TEXT};
use crate::model::inferred_type::InferredType;
use crate::model::{Dataset, Month, Timestamp};
use crate::pipeline::PipelineError;

/// The tag of a bronze file that says how many records the delivered file has, rejected ones included.
pub(super) const RECORDS: &str = "feederscope.records";
/// The tag of a bronze file that says when the delivered file was last changed.
pub(super) const RECEIVED_AT: &str = "feederscope.received_at";

/// The tags of a bronze file that say which file it is from, and with which content; its rows say the same, if there are any.
pub(super) const SOURCE_FILE: &str = "feederscope.source_file";
pub(super) const SHA256: &str = "feederscope.delivered_sha256";

/// What earlier versions of the program called the latter. A promotion notes the content of the data file itself under that name.
const SHA256_BEFORE: &str = "feederscope.sha256";

/// The tag of a bronze file that says which character its load took for the one between two cells.
pub(super) const DELIMITER: &str = "feederscope.delimiter";

/// The tag of a bronze file that says what most of the first values of its columns are: what they were judged by, and a letter for each.
pub(super) const INFERRED_TYPES: &str = "feederscope.inferred_types";

/// That tag, of columns in the file's order.
pub(super) fn inferred_types(adapter: &UtilityAdapter, types: impl Iterator<Item = Option<InferredType>>) -> String {
    format!("{} {}", judged_by(adapter), types.map(InferredType::letter).collect::<String>())
}

/// A number of what a value is judged by: another adapter may see other types.
fn judged_by(adapter: &UtilityAdapter) -> String {
    let words = adapter.null_values.iter().flat_map(|word| word.bytes().chain([NO_TEXT]));
    let judged_by: Vec<u8> = words.chain(u32::from(adapter.dialect.decimal).to_le_bytes()).collect();
    format!("{:016x}", xxh64(&judged_by, 0))
}

/// A delivery whose rows are in bronze.
#[derive(Debug, Clone)]
pub struct CommittedFile {
    /// What it is about.
    pub dataset: Dataset,
    /// Its month.
    pub month: Month,
    /// Its path below the landing folder.
    pub source_file: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// When the file came: its modification time; `None` of older loads.
    pub received_at: Option<Timestamp>,
    /// Records in the file, as its load counted them; `None` of older loads.
    pub records: Option<u64>,
    /// Rows in bronze.
    pub rows: u64,
    pub(super) file: DataFile,
}

impl CommittedFile {
    /// What the log says of a data file; `None` where that is not enough.
    fn of(file: &DataFile, dataset: Dataset) -> Option<Self> {
        Some(Self {
            dataset,
            month: Month::parse(file.partition_value("delivery_month")?)?,
            source_file: source_file(file)?.to_owned(),
            sha256: sha256(file)?.to_owned(),
            received_at: file.tag(RECEIVED_AT).and_then(|micros| micros.parse().ok()).map(Timestamp::from_micros),
            records: file.tag(RECORDS).and_then(|records| records.parse().ok()),
            rows: file.rows,
            file: file.clone(),
        })
    }

    /// The run that loaded it.
    pub fn run_id(&self) -> Option<&str> {
        self.file.constant("_run_id")
    }

    /// When it was loaded.
    pub fn loaded_at(&self) -> Option<Timestamp> {
        let at = self.file.constant("_ingested_at")?.parse::<jiff::Timestamp>().ok()?;
        Some(Timestamp::from_micros(at.as_microsecond()))
    }

    /// Whether the delivered file has the column.
    pub fn stores(&self, column: &str) -> bool {
        self.file.stores(column)
    }

    /// Whether the file belongs where it is: one of the same month and name.
    pub fn is_place_of(&self, candidate: &Candidate) -> bool {
        (self.dataset, self.month, self.source_file.as_str())
            == (candidate.dataset, candidate.month, candidate.source_file.as_str())
    }

    /// Whether it was read as files of the dialect are; loads of an earlier version of the program do not say.
    pub fn is_read_with(&self, delimiter: u8) -> bool {
        self.file.tag(DELIMITER).is_none_or(|tag| tag.parse() == Ok(delimiter))
    }

    /// What most of the first values of each column are, those of its lineage left out, as the adapter reads them; `None` where the load
    /// did not say, or went by another adapter.
    pub fn inferred_types(&self, adapter: &UtilityAdapter) -> Option<Vec<Option<InferredType>>> {
        let letters = self.file.tag(INFERRED_TYPES)?.strip_prefix(&judged_by(adapter))?.strip_prefix(' ')?;
        Some(letters.chars().map(InferredType::of_letter).collect())
    }

    /// The columns of the file, in its order, and those of its lineage.
    pub fn columns(&self) -> Vec<String> {
        self.file.columns()
    }
}

/// The delivered file that all rows of a data file are from; `None` if the log does not say so.
pub fn source_file(file: &DataFile) -> Option<&str> {
    file.tag(SOURCE_FILE).or_else(|| file.constant("_source_file"))
}

/// The SHA-256 of that file.
fn sha256(file: &DataFile) -> Option<&str> {
    file.tag(SHA256).or_else(|| file.constant("_file_sha256")).or_else(|| file.tag(SHA256_BEFORE))
}

/// Whether all rows of a data file are of one delivery, going by the log: it was noted with the load, which no other program does, or the
/// statistics say so.
pub fn is_of_one_delivery(file: &DataFile) -> bool {
    let is_noted = || file.is_own() && file.tag(SOURCE_FILE).is_some();
    let is_counted = |column: &&str| file.constant(column).is_some() && file.nulls(column) == Some(0);
    (is_noted() || ["_source_file", "_file_sha256"].iter().all(is_counted))
        && file.partition_value("delivery_month").and_then(Month::parse).is_some()
}

/// Whether what a month's file repeated is still there, under that month or an earlier one: only then does the file say something. Of
/// a table that another program put together it is not known; a run puts it in order.
pub fn holds_content(snapshot: &Snapshot, month: Month, sha256: &str) -> bool {
    let is_no_later =
        |file: &DataFile| file.partition_value("delivery_month").and_then(Month::parse).is_some_and(|of| of <= month);
    let content = |file: &DataFile| self::sha256(file).is_none_or(|of| of == sha256);
    snapshot.files.iter().any(|file| is_no_later(file) && content(file))
}

/// The deliveries in a bronze table, by month and name, whatever the order in which they came: from its log, no data file is
/// opened.
///
/// # Errors
/// Another program put several deliveries into one data file, or rows of none: what is known of each is lost until a run takes them
/// apart.
pub fn committed_files(snapshot: &Snapshot, dataset: Dataset) -> Result<Vec<CommittedFile>, PipelineError> {
    read_on(Vec::new(), snapshot, dataset)
}

/// The same, of which some are known from an earlier commit: files that are still there are not looked at again.
fn read_on(mut known: Vec<CommittedFile>, snapshot: &Snapshot, dataset: Dataset) -> Result<Vec<CommittedFile>, PipelineError> {
    let mut others: HashSet<&str> = snapshot.files.iter().map(DataFile::path).collect();
    known.retain(|delivery| others.remove(delivery.file.path()));
    let new = || snapshot.files.iter().filter(|file| others.contains(file.path()));
    if new().any(|file| file.rows > 0 && !is_of_one_delivery(file)) {
        return Err(PipelineError::Rewritten {
            table: snapshot.table.to_string(),
            version: snapshot.version,
            next: "`feederscope run` puts it in order".into(),
        });
    }
    known.extend(new().filter_map(|file| CommittedFile::of(file, dataset)));
    known.sort_by(|a, b| (a.month, &a.source_file).cmp(&(b.month, &b.source_file)));
    Ok(known)
}

/// The deliveries in bronze tables while a run loads one file after the other.
#[derive(Default)]
pub struct Deliveries(HashMap<TableId, (u64, Vec<CommittedFile>)>);

impl Deliveries {
    /// Those of a table as of a commit, by month and name; none of one that is not there yet.
    ///
    /// # Errors
    /// As [`committed_files`].
    pub(super) fn of(&mut self, table: Option<&Snapshot>, dataset: Dataset) -> Result<&[CommittedFile], PipelineError> {
        let Some(table) = table else { return Ok(&[]) };
        let (version, files) = match self.0.entry(table.table.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert((table.version, committed_files(table, dataset)?)),
        };
        if *version != table.version {
            *files = read_on(std::mem::take(files), table, dataset)?;
            *version = table.version;
        }
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{ColumnType, Frame, Value, schema};
    use crate::lake::{Change, Lake};
    use crate::model::{Environment, UtilityId};

    /// A table of one record for each file.
    struct Table {
        _folder: tempfile::TempDir,
        lake: Lake,
        id: TableId,
    }

    impl Table {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let lake = Lake::new(folder.path(), Environment::Dev).unwrap();
            let id = TableId::bronze(&UtilityId::parse("utility2").unwrap(), Dataset::Circuits);
            Self { _folder: folder, lake, id }
        }

        fn snapshot(&self) -> std::sync::Arc<Snapshot> {
            self.lake.snapshot(&self.id).unwrap().unwrap()
        }

        /// Adds files of a month, and takes away those of these names.
        fn commit(&self, month: &str, add: &[&str], remove: &[&str]) {
            let columns = schema::bronze_lineage();
            let base = self.lake.snapshot(&self.id).unwrap();
            let written = add.iter().map(|name| {
                let cell = |column: &crate::frame::Column| match (column.name.as_str(), column.kind) {
                    ("_source_file" | "_file_sha256", _) => Value::Text((*name).to_owned()),
                    (_, ColumnType::Whole) => Value::Whole(1),
                    _ => Value::Null,
                };
                let row: Vec<Value> = columns.iter().map(cell).collect();
                let mut writer = self.lake.write(&self.id, &columns, &[("delivery_month", month)]).unwrap();
                writer.push(&Frame::from_rows(&columns, &[row]).unwrap()).unwrap();
                writer.finish().unwrap()
            });
            let is_removed = |file: &&DataFile| remove.contains(&file.constant("_source_file").unwrap());
            let change = Change {
                columns: &columns,
                partition_by: &["delivery_month"],
                add: written.collect(),
                remove: base.iter().flat_map(|base| &base.files).filter(is_removed).cloned().collect(),
                ..Change::of(base.as_deref())
            };
            self.lake.commit(&self.id, change).unwrap();
        }
    }

    /// What is known of a file is found out once, however many others come after it: a thousand files would be looked at a million times.
    #[test]
    fn deliveries_are_those_of_the_last_commit_and_known_ones_are_not_looked_at_again() {
        let (table, mut deliveries) = (Table::new(), Deliveries::default());
        assert_eq!(deliveries.of(None, Dataset::Circuits).unwrap().len(), 0);
        let mut names = |table: &Table| {
            let found = deliveries.of(Some(&table.snapshot()), Dataset::Circuits).unwrap();
            found
                .iter()
                .map(|file| (file.month.to_string(), file.source_file.clone(), file.source_file.as_ptr()))
                .collect::<Vec<_>>()
        };
        let said = |found: &[(String, String, *const u8)]| {
            found.iter().map(|(month, name, _)| format!("{month} {name}")).collect::<Vec<_>>().join(", ")
        };
        table.commit("2022-10", &["b", "d"], &[]);
        let first = names(&table);
        assert_eq!(said(&first), "2022-10 b, 2022-10 d");
        table.commit("2022-09", &["z"], &[]);
        table.commit("2022-10", &["c"], &[]);
        let then = names(&table);
        assert_eq!(said(&then), "2022-09 z, 2022-10 b, 2022-10 c, 2022-10 d");
        assert_eq!((&then[1], &then[3]), (&first[0], &first[1]), "the same texts in memory");
        // One is replaced by another of its name, one is gone.
        table.commit("2022-10", &["b"], &["b", "d"]);
        let last = names(&table);
        assert_eq!(said(&last), "2022-09 z, 2022-10 b, 2022-10 c");
        assert_eq!((&last[0], &last[2]), (&then[0], &then[2]));
        assert_eq!(names(&table), last);
    }
}
