//! Bronze as another program left it → one data file for each delivery again.
//!
//! What is known of a delivery stands with its data file: so one file is one delivery. A job that compacts tables puts several into one;
//! their rows still say where each comes from. A run takes them apart before anything else, in a commit that says that no row
//! changed; until then the table is refused, as months would be missing.

use std::collections::BTreeSet;

use super::files::{self, is_of_one_delivery};
use crate::config::UtilityAdapter;
use crate::engine::Work;
use crate::frame::{Column, schema};
use crate::lake::{Change, DataFile, Lake, Layer, Snapshot, TableId, Written};
use crate::model::{Dataset, UtilityId};
use crate::pipeline::PipelineError;
use crate::pipeline::sql::{name, text};
use crate::pipeline::{store, tables};

/// Mends what can be mended before anything is read: newest entries that are none are set aside, and data files that are gone are taken
/// out of tables whose rows come from elsewhere again (bronze), or not at all (`silver/rejected`, `ops/*`). What was done, for people.
///
/// # Errors
/// A log cannot be read or written.
pub fn mend(lake: &Lake, work: Work<'_>) -> Result<Vec<String>, PipelineError> {
    let mut done = Vec::new();
    for table in lake.all_tables() {
        let set_aside = lake.set_aside_damaged_entry(&table)?;
        let holds_rejects = table == tables::REJECTED.id();
        if holds_rejects && set_aside.is_some() {
            have_rebuilt(lake, |_| true)?;
        }
        done.extend(set_aside);
        let is_rebuilt = matches!(table.layer, Layer::Silver | Layer::Platinum) && !holds_rejects;
        // A table that cannot be read is named where it is used; one that nobody uses keeps nobody waiting.
        let Ok(Some(snapshot)) = (if is_rebuilt { Ok(None) } else { lake.snapshot(&table) }) else { continue };
        let missing = snapshot.missing_files();
        if missing.is_empty() {
            continue;
        }
        if holds_rejects {
            have_rebuilt(lake, |utility| missing.iter().any(|file| file.partition_value("utility_id") == Some(utility)))?;
        }
        let rows: u64 = missing.iter().map(|file| file.rows).sum();
        let remove = missing.into_iter().cloned().collect();
        work.check()?;
        let version = lake.commit(&table, Change { remove, ..Change::of(Some(&snapshot)) })?;
        let next = if table.layer == Layer::Bronze {
            "they are loaded again from the landing folder if their files are there"
        } else if holds_rejects {
            "what silver set aside is found again, the others are lost"
        } else {
            "they are lost"
        };
        done.push(format!("data files of `{table}` are gone; commit {version} takes their {rows} rows out, {next}"));
    }
    Ok(done)
}

/// Has the utilities rebuilt of which it is lost what silver set aside: a record that was would count.
fn have_rebuilt(lake: &Lake, is_affected: impl Fn(&str) -> bool) -> Result<(), PipelineError> {
    let table = tables::DATA_QUALITY_SUMMARY.id();
    let Some(summary) = lake.snapshot(&table)? else { return Ok(()) };
    let utilities: BTreeSet<&str> = summary.files.iter().filter_map(|file| file.partition_value("utility_id")).collect();
    let made_from_nothing = |utility: &str| (store::application_id(utility), 0);
    let transactions: Vec<_> = utilities.into_iter().filter(|utility| is_affected(utility)).map(made_from_nothing).collect();
    if !transactions.is_empty() {
        lake.commit(&table, Change { transactions, ..Change::of(Some(&summary)) })?;
    }
    Ok(())
}

/// Takes apart what other programs put together in a utility's bronze tables; the names of the tables that were.
///
/// # Errors
/// A table holds rows of no delivery, cannot be read or written, or somebody asked to stop; it is as before then.
pub fn restore(lake: &Lake, adapter: &UtilityAdapter, work: Work<'_>) -> Result<Vec<String>, PipelineError> {
    let mut restored = Vec::new();
    for dataset in Dataset::ALL {
        let id = TableId::bronze(&adapter.id, dataset);
        let Some(table) = lake.snapshot(&id)? else { continue };
        let mixed: Vec<&DataFile> = table.files.iter().filter(|file| file.rows > 0 && !is_of_one_delivery(file)).collect();
        if mixed.is_empty() {
            continue;
        }
        Rewritten { lake, utility: &adapter.id, dataset, id: &id, table: &table, work }.take_apart(&mixed)?;
        restored.push(id.to_string());
    }
    Ok(restored)
}

/// A table that another program wrote to.
struct Rewritten<'a> {
    lake: &'a Lake,
    utility: &'a UtilityId,
    dataset: Dataset,
    id: &'a TableId,
    table: &'a Snapshot,
    work: Work<'a>,
}

impl Rewritten<'_> {
    fn take_apart(&self, mixed: &[&DataFile]) -> Result<(), PipelineError> {
        let mut add = Vec::new();
        for file in mixed {
            let Some(month) = file.partition_value("delivery_month") else { return Err(self.of_no_delivery()) };
            add.extend(self.deliveries_of(file, month)?);
        }
        let remove = mixed.iter().map(|file| (*file).clone()).collect();
        let change = Change { add, remove, same_rows: true, ..Change::of(Some(self.table)) };
        self.work.check()?;
        self.lake.commit(self.id, change)?;
        Ok(())
    }

    fn of_no_delivery(&self) -> PipelineError {
        PipelineError::Rewritten {
            table: self.id.to_string(),
            version: self.table.version,
            next: "it holds rows of no delivery; restore the version before, or remove the table's folder and run \
                   `feederscope run --full-refresh` with the files in the landing folder"
                .into(),
        }
    }

    fn deliveries_of(&self, file: &DataFile, month: &str) -> Result<Vec<Written>, PipelineError> {
        let mut session = self.work.session()?;
        session.register("rewritten", &self.table.scan(|other| other.path() == file.path()))?;
        let found =
            session.query("SELECT DISTINCT _source_file, _file_sha256 FROM rewritten ORDER BY _source_file, _file_sha256")?;
        let mut written = Vec::new();
        for row in 0..found.height() {
            let (Some(source_file), Some(sha256)) = (found.text("_source_file", row), found.text("_file_sha256", row)) else {
                return Err(self.of_no_delivery());
            };
            let condition = format!("_source_file = {} AND _file_sha256 = {}", text(&source_file), text(&sha256));
            let columns = self.stored_columns(session.as_mut(), &condition)?;
            let names: Vec<String> = columns.iter().map(|column| name(&column.name)).collect();
            let rows =
                session.query(&format!("SELECT {} FROM rewritten WHERE {condition} ORDER BY _source_line", names.join(", ")))?;
            let mut writer = self.lake.write(self.id, &columns, &[("delivery_month", month)])?;
            writer.push(&rows)?;
            let mut delivery = writer.finish()?;
            self.note(&mut delivery, month, &source_file, &sha256)?;
            written.push(delivery);
        }
        Ok(written)
    }

    /// The columns that a delivery has: bronze holds a null only where the delivered file lacked the column.
    fn stored_columns(&self, session: &mut dyn crate::engine::Session, condition: &str) -> Result<Vec<Column>, PipelineError> {
        let of_file: Vec<&Column> = self.table.columns.iter().filter(|column| column.name != "delivery_month").collect();
        let counts: Vec<String> =
            of_file.iter().enumerate().map(|(at, column)| format!("COUNT({}) AS n_{at}", name(&column.name))).collect();
        let counts = session.query(&format!("SELECT {} FROM rewritten WHERE {condition}", counts.join(", ")))?;
        let stored = |at: usize, column: &Column| schema::is_lineage(&column.name) || counts.count(&format!("n_{at}"), 0) > 0;
        let kept = of_file.iter().enumerate().filter(|(at, column)| stored(*at, column)).map(|(_, column)| (*column).clone());
        Ok(kept.collect())
    }

    /// Notes with a delivery what its load noted, as far as `ops/runs` still says it.
    fn note(&self, delivery: &mut Written, month: &str, source_file: &str, sha256: &str) -> Result<(), PipelineError> {
        let Some(runs) = self.lake.snapshot(&tables::RUNS.id())? else { return Ok(()) };
        let mut session = self.work.session()?;
        session.register("runs", &runs.scan_all())?;
        let loads = session.query(&format!(
            "SELECT records, received_at FROM runs WHERE utility_id = {} AND dataset = {} AND delivery_month = {} AND source_file = {}\n\
             AND file_sha256 = {} AND outcome IN ('loaded', 'superseded') ORDER BY started_at DESC LIMIT 1",
            text(self.utility.as_str()),
            text(self.dataset.as_str()),
            text(month),
            text(source_file),
            text(sha256)
        ))?;
        if loads.height() > 0 {
            delivery.note(files::RECORDS, &loads.count("records", 0));
            if let Some(received) = loads.time("received_at", 0) {
                delivery.note(files::RECEIVED_AT, &received.micros());
            }
        }
        Ok(())
    }
}
