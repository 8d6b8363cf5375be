//! Adapters → SQL: one dialect for every utility.
//!
//! Relations by name: `bronze` (rows of a bronze table), `records` (conformed, before keys are settled), `segments`
//! (current segments), `feeders` and `history` (versions), `circuits` (circuit → feeder), and the DER records of a
//! month under their dataset's name.

use super::circuits::{feeders_of_rows, feeders_of_segments};
use super::ders::Links;
use super::{Source, circuits, ders};
use crate::config::{CellType, DatasetAdapter, Grain};
use crate::engine::{EngineError, Session};
use crate::lake::{Frame, schema};
use crate::model::Dataset;
use crate::pipeline::sql::{Cells, name, null_of};

fn cells<'a>(source: &'a Source<'_>, dataset: Dataset) -> Cells<'a> {
    Cells::new(source.adapter, source.columns(dataset))
}

pub(super) fn select(columns: &[String], rest: &str) -> String {
    format!("SELECT\n  {}\n{rest}", columns.join(",\n  "))
}

/// The text of all plans of a dataset: what it says is part of what silver was made from.
pub(super) fn fingerprint(source: &Source<'_>, dataset: Dataset) -> String {
    let Some(adapter) = source.adapter.dataset(dataset) else { return String::new() };
    let upper = match (dataset, adapter.grain) {
        (Dataset::Circuits, Grain::Segment) => feeders_of_segments(source.adapter, adapter).text(),
        (Dataset::Circuits, Grain::Entity) => feeders_of_rows(source.adapter, true),
        _ => {
            Links { adapter: source.adapter, delivered: &[dataset], snapshots: &[], carried: true, feeders: true, circuits: true }
                .sql()
        }
    };
    // A new version of the program, or other types to check, make everything anew too.
    let checked =
        format!("{} {:?} {:?} {:?}", env!("CARGO_PKG_VERSION"), adapter.types, source.adapter.null_values, adapter.tolerances);
    format!("{}\n{upper}\n{}\n{checked}", records(source, adapter).text(), adapter.delivery.as_str())
}

/// A plan in steps: each is given its name before the next, the last one is the result.
///
/// Steps keep each cell's expression in one place; a plan that repeats it inside others takes seconds to optimise.
pub struct Steps(Vec<(String, String)>);

impl Steps {
    pub(super) fn new(steps: Vec<(String, String)>) -> Self {
        Self(steps)
    }
}

impl Steps {
    /// The text for people and for the fingerprint.
    fn text(&self) -> String {
        self.0.iter().map(|(name, sql)| format!("-- {name}\n{sql};")).chain([String::new()]).collect::<Vec<_>>().join("\n")
    }

    /// Names all steps in a session; nothing is computed yet.
    ///
    /// # Errors
    /// A step is wrong.
    pub fn define(&self, session: &mut Session) -> Result<(), EngineError> {
        self.0.iter().try_for_each(|(name, sql)| session.define(name, sql))
    }

    /// Computes the steps one by one; the rows of the last.
    pub(super) fn run(&self, session: &mut Session) -> Result<Frame, EngineError> {
        let Some(((_, result), before)) = self.0.split_last() else { return Ok(Frame::default()) };
        before.iter().try_for_each(|(name, sql)| session.settle(name, sql))?;
        session.query(result)
    }
}

/// Relation `bronze` as conformed records of one dataset.
pub(super) fn records(source: &Source<'_>, adapter: &DatasetAdapter) -> Steps {
    let cells = cells(source, adapter.dataset);
    let labels = adapter.key.iter().chain(adapter.columns.iter().flat_map(|(_, column)| &column.from));
    let (mut steps, from, columns) = parts(source, adapter, &cells, labels.map(String::as_str));
    steps.push(("records".into(), select(&columns, from)));
    Steps(steps)
}

/// The same with everything that a rule may ask of a record: its key, the text behind each typed value, the sum of its
/// technologies, and every source column by its own name.
pub fn checked_records(source: &Source<'_>, adapter: &DatasetAdapter) -> Steps {
    let present = source.columns(adapter.dataset);
    let cells = cells(source, adapter.dataset);
    let delivered = present.iter().filter(|column| !schema::is_lineage(column));
    let labels = delivered.clone().chain(&adapter.key).chain(adapter.columns.iter().flat_map(|(_, column)| &column.from));
    let (mut steps, from, mut columns) = parts(source, adapter, &cells, labels.map(String::as_str));
    let key: Vec<String> = adapter.key.iter().map(|label| cells.id(label)).collect();
    columns.push(format!("CONCAT_WS(' + ', {}) AS record_key", key.join(", ")));
    for (column, source) in adapter.columns.iter().filter(|(_, source)| !matches!(source.kind, CellType::Text | CellType::Id)) {
        let texts: Vec<String> = source.from.iter().filter(|label| cells.has(label)).map(|label| cells.cell(label)).collect();
        let text = if texts.is_empty() { null_of("VARCHAR") } else { format!("COALESCE({})", texts.join(", ")) };
        columns.push(format!("{text} AS {column}_text"));
    }
    if adapter.dataset.der_status().is_some() {
        columns.push(format!("{} AS technology_kw", ders::technology_kw(&cells, source.adapter)));
    }
    let taken = |name: &str| columns.iter().any(|column| column.ends_with(&format!(" AS {name}")));
    let raw: Vec<String> = delivered.filter(|column| !taken(column)).map(|column| name(column)).collect();
    columns.extend(raw);
    steps.push(("records".into(), select(&columns, from)));
    Steps(steps)
}

/// The steps before the last, the relation that the last reads, and its columns.
fn parts<'a>(
    source: &'a Source<'_>,
    adapter: &DatasetAdapter,
    cells: &Cells<'a>,
    labels: impl Iterator<Item = &'a str>,
) -> (Vec<(String, String)>, &'static str, Vec<String>) {
    if adapter.dataset == Dataset::Circuits {
        let columns = match adapter.grain {
            Grain::Segment => circuits::segment_columns(cells, adapter),
            Grain::Entity => circuits::feeder_columns(cells, adapter),
        };
        return (vec![("trimmed".into(), cells.trimmed(labels))], "FROM trimmed", columns);
    }
    let utility = source.adapter;
    let of_utility = utility.technologies.iter().map(|(label, _)| label).chain(utility.hybrid.iter().map(|(label, _)| label));
    let trimmed = cells.trimmed(labels.chain(of_utility.map(String::as_str)));
    let steps = vec![("trimmed".into(), trimmed), ("rated".into(), ders::ratings(cells, utility, adapter))];
    (steps, "FROM rated", ders::columns(cells, utility, adapter))
}

/// The plan of the circuits of a utility, for people.
pub fn circuits_sql(source: &Source<'_>) -> Option<String> {
    let adapter = source.adapter.dataset(Dataset::Circuits)?;
    let upper = match adapter.grain {
        Grain::Segment => feeders_of_segments(source.adapter, adapter).text(),
        Grain::Entity => format!("-- feeders\n{};", feeders_of_rows(source.adapter, false)),
    };
    Some(format!("{}{upper}", records(source, adapter).text()))
}

/// The plans of the DERs of a utility, for people.
pub fn ders_sql(source: &Source<'_>) -> String {
    let delivered: Vec<Dataset> =
        [Dataset::InstallDer, Dataset::PlannedDer].into_iter().filter(|d| source.adapter.dataset(*d).is_some()).collect();
    let records: Vec<String> = delivered
        .iter()
        .filter_map(|dataset| source.adapter.dataset(*dataset))
        .map(|adapter| format!("-- {}\n{}", adapter.dataset, records(source, adapter).text()))
        .collect();
    let links =
        Links { adapter: source.adapter, delivered: &delivered, snapshots: &[], carried: false, feeders: true, circuits: true };
    format!("{}-- links\n{};", records.concat(), links.sql())
}

/// The value of a model column in a record; `words` stay text until they are aggregated or final.
pub(super) fn value(cells: &Cells<'_>, adapter: &DatasetAdapter, column: &str, otherwise: &str) -> String {
    match adapter.column(column) {
        Some(source) => cells.value(source),
        None => null_of(otherwise),
    }
}

pub(super) fn key_columns(cells: &Cells<'_>, adapter: &DatasetAdapter) -> Vec<String> {
    adapter.key.iter().enumerate().map(|(at, label)| format!("{} AS key_{at}", cells.id(label))).collect()
}

pub(super) fn without_key(adapter: &DatasetAdapter) -> String {
    let mut missing: Vec<String> = (0..adapter.key.len()).map(|at| format!("key_{at} IS NULL")).collect();
    missing.push(if adapter.dataset == Dataset::Circuits { "feeder_id IS NULL" } else { "der_id IS NULL" }.into());
    missing.join(" OR ")
}

/// Relation `records`: each with whether it is without its key, and a number that is the same for the same key.
pub(super) fn key_hashes(adapter: &DatasetAdapter) -> String {
    format!("SELECT ({}) AS keyless, XXHASH64({}) AS key_hash FROM records", without_key(adapter), keys(adapter).join(", "))
}

/// Relation `key_hashes`: whether any record may have to stand aside.
pub(super) const SUSPECTS: &str = "SELECT COUNT(key_hash) AS records, COUNT(DISTINCT key_hash) AS distinct_keys,\n\
    \x20 SUM(CASE WHEN keyless THEN 1 ELSE 0 END) AS keyless FROM key_hashes";

/// Relation `records`: keys and places.
pub(super) fn keyed(adapter: &DatasetAdapter) -> String {
    format!("SELECT ({}) AS keyless, {}, _source_file, _source_line FROM records", without_key(adapter), keys(adapter).join(", "))
}

/// Relation `keyed`: the places of records without their key.
pub(super) const KEYLESS: &str = "SELECT _source_file, _source_line FROM keyed WHERE keyless ORDER BY _source_file, _source_line";

/// Relation `keyed`: the places of records whose key stands again later, by file and line, with the key. A record without its
/// key is no rival of any.
pub(super) fn duplicates(adapter: &DatasetAdapter) -> String {
    let keys = keys(adapter);
    let list = keys.join(", ");
    let on: Vec<String> = keys.iter().map(|key| format!("r.{key} = k.{key}")).collect();
    let of_record: Vec<String> = keys.iter().map(|key| format!("r.{key} AS {key}")).collect();
    format!(
        "WITH shared AS (\nSELECT {list}, COUNT(*) AS records_of_key FROM keyed WHERE NOT keyless GROUP BY {list} HAVING COUNT(*) > 1\n),\n\
         rivals AS (\nSELECT {}, r._source_file AS _source_file, r._source_line AS _source_line\n\
         FROM keyed AS r INNER JOIN shared AS k ON {} WHERE NOT r.keyless\n),\n\
         placed AS (\nSELECT *, ROW_NUMBER() OVER (PARTITION BY {list} ORDER BY _source_file DESC, _source_line DESC) AS place FROM rivals\n)\n\
         SELECT CONCAT_WS(' + ', {list}) AS record_key, _source_file, _source_line FROM placed WHERE place > 1\n\
         ORDER BY _source_file, _source_line",
        of_record.join(", "),
        on.join(" AND ")
    )
}

/// Relation `records` without those in `lost`.
pub(super) const KEPT: &str =
    "SELECT r.* FROM records AS r LEFT ANTI JOIN lost AS l ON r._source_file = l.lost_file AND r._source_line = l.lost_line";

pub(super) fn keys(adapter: &DatasetAdapter) -> Vec<String> {
    (0..adapter.key.len()).map(|at| format!("key_{at}")).collect()
}
