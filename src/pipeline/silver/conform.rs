//! Adapters → SQL: one dialect for every utility.
//!
//! Relations by name: `bronze` (rows of a bronze table), `records` (conformed, before keys are settled), `segments`
//! (current segments), `feeders` and `history` (versions), `circuits` (circuit → feeder), and the DER records of a
//! month under their dataset's name.

use super::circuits::{feeders_of_rows, feeders_of_segments};
use super::ders::Links;
use super::plan::{Plan, key_columns, keys, select, value, without_key};
use super::{BronzeTables, circuits, ders};
use crate::config::{CellType, DatasetAdapter, Grain};
use crate::frame::schema;
use crate::model::{Dataset, Month};
use crate::pipeline::sql::{Cells, LINEAGE, name, null_of};

fn cells<'a>(bronze: &'a BronzeTables<'_>, dataset: Dataset) -> Cells<'a> {
    Cells::new(bronze.adapter, bronze.columns(dataset))
}

/// The text of all plans of a dataset: what it says is part of what silver was made from.
pub(super) fn fingerprint(bronze: &BronzeTables<'_>, dataset: Dataset) -> String {
    let Some(adapter) = bronze.adapter.dataset(dataset) else { return String::new() };
    let upper = match (dataset, adapter.grain) {
        (Dataset::Circuits, Grain::Segment) => feeders_of_segments(bronze.adapter, adapter).text(),
        (Dataset::Circuits, Grain::Entity) => feeders_of_rows(bronze.adapter),
        _ => Links {
            adapter: bronze.adapter,
            delivered: &[dataset],
            snapshots: &[],
            relinked: true,
            feeders: true,
            circuits: true,
        }
        .sql(),
    };
    // A new version of the program, or other types to check, rebuild everything too.
    let checked = format!("{}\n{}\n{}", env!("CARGO_PKG_VERSION"), bronze.adapter.null_values.join(" "), adapter.definition());
    format!("{}\n{upper}\n{}\n{checked}", records(bronze, adapter).text(), adapter.delivery.as_str())
}

/// Relation `bronze` as conformed records of one dataset.
pub(super) fn records(bronze: &BronzeTables<'_>, adapter: &DatasetAdapter) -> Plan {
    let cells = cells(bronze, adapter.dataset);
    let labels = adapter.key_labels().chain(adapter.columns.iter().flat_map(|(_, column)| &column.from));
    let (mut steps, from, columns) = parts(bronze, adapter, &cells, labels.map(String::as_str));
    steps.push(("records".into(), select(&columns, from)));
    Plan::new(steps)
}

/// The columns that say what a record is about.
fn references(adapter: &DatasetAdapter) -> &'static [&'static str] {
    if adapter.dataset == Dataset::Circuits { &["feeder_id", "circuit_id"] } else { &["der_id"] }
}

/// The labels of the columns that a record's key, and what it is about, are in.
pub(super) fn reference_labels(adapter: &DatasetAdapter) -> impl Iterator<Item = &str> {
    let named = references(adapter).iter().filter_map(|column| adapter.column(column));
    adapter.key_labels().chain(named.flat_map(|column| &column.from)).map(String::as_str)
}

/// The same with the key alone, and the DER, or feeder and circuit.
pub(super) fn referring_records(bronze: &BronzeTables<'_>, adapter: &DatasetAdapter) -> Plan {
    let cells = cells(bronze, adapter.dataset);
    let mut columns = key_columns(&cells, adapter);
    columns.extend(references(adapter).iter().map(|column| format!("{} AS {column}", value(&cells, adapter, column, "VARCHAR"))));
    columns.push(LINEAGE.to_owned());
    let trimmed = cells.trimmed(reference_labels(adapter));
    Plan::new(vec![("trimmed".into(), trimmed), ("records".into(), select(&columns, "FROM trimmed"))])
}

/// The same with everything that a rule may ask of a record: its key, the text behind each typed value, the sum of its
/// technologies, and every source column by its own name. Of a month these are columns that it has, or one before it: what a later month
/// brings changes no answer about it.
pub fn checked_records(bronze: &BronzeTables<'_>, adapter: &DatasetAdapter, month: Option<Month>) -> Plan {
    let dataset = adapter.dataset;
    let present = month.map_or_else(|| bronze.columns(dataset), |month| bronze.columns_until(dataset, month));
    let cells = Cells::new(bronze.adapter, present.clone());
    let delivered = present.iter().filter(|column| !schema::is_lineage(column));
    let labels = delivered.clone().chain(adapter.key_labels()).chain(adapter.columns.iter().flat_map(|(_, column)| &column.from));
    let (mut steps, from, mut columns) = parts(bronze, adapter, &cells, labels.map(String::as_str));
    let key: Vec<String> = adapter.key.iter().map(|part| cells.id(part)).collect();
    columns.push(format!("CONCAT_WS(' + ', {}) AS record_key", key.join(", ")));
    for (column, source) in adapter.columns.iter().filter(|(_, source)| !matches!(source.kind, CellType::Text | CellType::Id)) {
        let texts: Vec<String> = source.from.iter().filter(|label| cells.has(label)).map(|label| cells.cell(label)).collect();
        let text = if texts.is_empty() { null_of("VARCHAR") } else { format!("COALESCE({})", texts.join(", ")) };
        columns.push(format!("{text} AS {column}_text"));
    }
    if adapter.dataset.der_status().is_some() {
        columns.push(format!("{} AS technology_kw", ders::technology_kw(&cells, bronze.adapter)));
    }
    let taken =
        |name: &str| columns.iter().any(|column| column.to_lowercase().ends_with(&format!(" as {}", name.to_lowercase())));
    let raw = |column: &&String| format!("{} AS {}", cells.cell(column), name(column));
    let raw: Vec<String> = delivered
        .filter(|column| !taken(column) && !column.to_lowercase().starts_with("fs__"))
        .map(|column| raw(&column))
        .collect();
    columns.extend(raw);
    steps.push(("records".into(), select(&columns, from)));
    Plan::new(steps)
}

/// The steps before the last, the relation that the last reads, and its columns.
fn parts<'a>(
    bronze: &'a BronzeTables<'_>,
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
    let utility = bronze.adapter;
    let of_utility = utility.technologies.iter().map(|(label, _)| label).chain(utility.hybrid.iter().map(|(label, _)| label));
    let trimmed = cells.trimmed(labels.chain(of_utility.map(String::as_str)));
    let steps = vec![("trimmed".into(), trimmed), ("rated".into(), ders::ratings(cells, utility, adapter))];
    (steps, "FROM rated", ders::columns(cells, utility, adapter))
}

/// The plan of the circuits of a utility, for people.
pub fn circuits_sql(bronze: &BronzeTables<'_>) -> Option<String> {
    let adapter = bronze.adapter.dataset(Dataset::Circuits)?;
    let upper = match adapter.grain {
        Grain::Segment => feeders_of_segments(bronze.adapter, adapter).text(),
        Grain::Entity => format!("-- feeders\n{};", feeders_of_rows(bronze.adapter)),
    };
    Some(format!("{}{upper}", records(bronze, adapter).text()))
}

/// The plans of the DERs of a utility, for people.
pub fn ders_sql(bronze: &BronzeTables<'_>) -> String {
    let delivered: Vec<Dataset> =
        [Dataset::InstallDer, Dataset::PlannedDer].into_iter().filter(|d| bronze.adapter.dataset(*d).is_some()).collect();
    let records: Vec<String> = delivered
        .iter()
        .filter_map(|dataset| bronze.adapter.dataset(*dataset))
        .map(|adapter| format!("-- {}\n{}", adapter.dataset, records(bronze, adapter).text()))
        .collect();
    let links =
        Links { adapter: bronze.adapter, delivered: &delivered, snapshots: &[], relinked: false, feeders: true, circuits: true };
    format!("{}-- links\n{};", records.concat(), links.sql())
}

/// Relation `records`: each with whether it is without its key, and a number that is the same for the same key.
pub(super) fn key_hashes(adapter: &DatasetAdapter) -> String {
    format!("SELECT ({}) AS keyless, XXHASH64({}) AS key_hash FROM records", without_key(adapter), keys(adapter).join(", "))
}

/// Relation `key_hashes`: whether any record may have to be rejected.
pub(super) const SUSPECTS: &str = "SELECT COUNT(key_hash) AS records, COUNT(DISTINCT key_hash) AS distinct_keys,\n\
    \x20 SUM(CASE WHEN keyless THEN 1 ELSE 0 END) AS keyless FROM key_hashes";

/// Relation `records`: keys and places.
pub(super) fn keyed(adapter: &DatasetAdapter) -> String {
    format!("SELECT ({}) AS keyless, {}, _source_file, _source_line FROM records", without_key(adapter), keys(adapter).join(", "))
}

/// Relation `keyed`: the places of records without their key.
pub(super) const KEYLESS: &str = "SELECT _source_file, _source_line FROM keyed WHERE keyless ORDER BY _source_file, _source_line";

/// Relation `keyed`: the places of records whose key occurs again later, by file and line, with the key; `order` puts those that count
/// first. A record without its
/// key is no rival of any.
pub(super) fn duplicates(adapter: &DatasetAdapter, order: &str) -> String {
    let keys = keys(adapter);
    let list = keys.join(", ");
    let on: Vec<String> = keys.iter().map(|key| format!("r.{key} = k.{key}")).collect();
    let of_record: Vec<String> = keys.iter().map(|key| format!("r.{key} AS {key}")).collect();
    format!(
        "WITH shared AS (\nSELECT {list}, COUNT(*) AS records_of_key FROM keyed WHERE NOT keyless GROUP BY {list} HAVING COUNT(*) > 1\n),\n\
         rivals AS (\nSELECT {}, r._source_file AS _source_file, r._source_line AS _source_line\n\
         FROM keyed AS r INNER JOIN shared AS k ON {} WHERE NOT r.keyless\n),\n\
         placed AS (\nSELECT *, ROW_NUMBER() OVER (PARTITION BY {list} ORDER BY {order}) AS place FROM rivals\n)\n\
         SELECT CONCAT_WS(' + ', {list}) AS record_key, _source_file, _source_line FROM placed WHERE place > 1\n\
         ORDER BY _source_file, _source_line",
        of_record.join(", "),
        on.join(" AND ")
    )
}

/// Relation `bronze` without the records in `lost`.
pub(super) const KEPT: &str =
    "SELECT b.* FROM bronze AS b LEFT ANTI JOIN lost AS l ON b._source_file = l.lost_file AND b._source_line = l.lost_line";
