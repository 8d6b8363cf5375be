//! Adapters → SQL: one dialect for every utility.
//!
//! Relations by name: `bronze` (rows of a bronze table), `records` (conformed, before keys are settled), `segments`
//! (current segments), `feeders` and `history` (versions), `circuits` (circuit → feeder), and the DER records of a
//! month under their dataset's name.

use std::collections::BTreeMap;

use super::Source;
use crate::config::{Aggregate, CellType, ColumnSource, DatasetAdapter, Grain, UtilityAdapter};
use crate::engine::{EngineError, Session};
use crate::lake::Frame;
use crate::model::{Dataset, UtilityId};
use crate::pipeline::sql::{Cells, LINEAGE, exact_sum, null_of, text};

fn cells<'a>(source: &'a Source<'_>, dataset: Dataset) -> Cells<'a> {
    Cells::new(source.adapter, source.columns(dataset))
}

fn select(columns: &[String], rest: &str) -> String {
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
    let checked = format!("{} {:?} {:?}", env!("CARGO_PKG_VERSION"), adapter.types, source.adapter.null_values);
    format!("{}\n{upper}\n{}\n{checked}", records(source, adapter).text(), adapter.delivery.as_str())
}

/// A plan in steps: each is given its name before the next, the last one is the result.
///
/// Steps keep each cell's expression in one place; a plan that repeats it inside others takes seconds to optimise.
pub(super) struct Steps(Vec<(String, String)>);

impl Steps {
    /// The text for people and for the fingerprint.
    fn text(&self) -> String {
        self.0.iter().map(|(name, sql)| format!("-- {name}\n{sql};")).chain([String::new()]).collect::<Vec<_>>().join("\n")
    }

    /// Names all steps in a session; nothing is computed yet.
    pub(super) fn define(&self, session: &mut Session) -> Result<(), EngineError> {
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
    if adapter.dataset == Dataset::Circuits {
        let trimmed = cells.trimmed(labels.map(String::as_str));
        let rows = if adapter.grain == Grain::Segment { segments(&cells, adapter) } else { feeder_rows(&cells, adapter) };
        return Steps(vec![("trimmed".into(), trimmed), ("records".into(), rows)]);
    }
    let of_utility =
        source.adapter.technologies.iter().map(|(label, _)| label).chain(source.adapter.hybrid.iter().map(|(label, _)| label));
    let trimmed = cells.trimmed(labels.chain(of_utility).map(String::as_str));
    Steps(vec![
        ("trimmed".into(), trimmed),
        ("rated".into(), ratings(&cells, source.adapter)),
        ("records".into(), der_rows(&cells, source.adapter, adapter)),
    ])
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
fn value(cells: &Cells<'_>, adapter: &DatasetAdapter, column: &str, otherwise: &str) -> String {
    match adapter.column(column) {
        Some(source) => cells.value(source),
        None => null_of(otherwise),
    }
}

fn key_columns(cells: &Cells<'_>, adapter: &DatasetAdapter) -> Vec<String> {
    adapter.key.iter().enumerate().map(|(at, label)| format!("{} AS key_{at}", cells.id(label))).collect()
}

fn segments(cells: &Cells<'_>, adapter: &DatasetAdapter) -> String {
    let mut columns = key_columns(cells, adapter);
    columns.push(format!("{} AS feeder_id", value(cells, adapter, "feeder_id", "VARCHAR")));
    columns.push(format!("{} AS circuit_id", value(cells, adapter, "circuit_id", "VARCHAR")));
    for (column, kind) in FEEDER_VALUES {
        columns.push(format!("{} AS {column}", value(cells, adapter, column, kind)));
    }
    columns.push(LINEAGE.into());
    select(&columns, "FROM trimmed")
}

/// What a feeder is described by, with its SQL type.
const FEEDER_VALUES: [(&str, &str); 7] = [
    ("voltage_kv", "DOUBLE"),
    ("max_hosting_capacity_mw", "DOUBLE"),
    ("min_hosting_capacity_mw", "DOUBLE"),
    ("hca_refresh_date", "DATE"),
    ("map_color", "VARCHAR"),
    ("notes", "VARCHAR"),
    ("length", "DOUBLE"),
];

fn feeder_rows(cells: &Cells<'_>, adapter: &DatasetAdapter) -> String {
    let mut columns = key_columns(cells, adapter);
    columns.push(format!("{} AS feeder_id", value(cells, adapter, "feeder_id", "VARCHAR")));
    for (column, kind) in FEEDER_VALUES {
        let cell = value(cells, adapter, column, kind);
        let words = adapter.column(column).map_or(&[][..], |source| &source.words);
        columns.push(format!("{} AS {column}", if words.is_empty() { cell } else { word_in(&cell, words) }));
    }
    columns.push("CAST(1 AS BIGINT) AS segment_count".into());
    let circuits = if adapter.column("circuit_id").is_some() { "1" } else { "NULL" };
    columns.push(format!("CAST({circuits} AS BIGINT) AS circuit_count"));
    columns.push(LINEAGE.into());
    select(&columns, "FROM trimmed")
}

/// The longest of the words that stands in the text, in lower case.
fn word_in(cell: &str, words: &[String]) -> String {
    let mut longest: Vec<&String> = words.iter().collect();
    longest.sort_by_key(|word| std::cmp::Reverse(word.len()));
    let arms: Vec<String> = longest
        .iter()
        .map(|word| format!("WHEN LOWER({cell}) LIKE {} THEN {}", text(&format!("%{word}%")), text(word)))
        .collect();
    format!("CASE {} ELSE LOWER({cell}) END", arms.join(" "))
}

/// Relation `segments` as feeders: small relations that are made one after the other, the last is the result.
pub(super) fn feeders_of_segments(utility: &UtilityAdapter, adapter: &DatasetAdapter) -> Steps {
    let mut columns = vec!["s.feeder_id AS feeder_id".to_owned()];
    let mut ranked = Vec::new();
    for (column, _) in FEEDER_VALUES {
        let source = adapter.column(column);
        match source {
            Some(source) if !source.words.is_empty() => ranked.push((column, source)),
            Some(source) => columns.push(format!("{} AS {column}", aggregate(column, source))),
            None => columns.push(format!("MAX(s.{column}) AS {column}")),
        }
    }
    columns.push("CAST(COUNT(*) AS BIGINT) AS segment_count".into());
    columns.push("CAST(COUNT(DISTINCT s.circuit_id) AS BIGINT) AS circuit_count".into());
    let mut steps = vec![("grouped".to_owned(), select(&columns, "FROM segments AS s\nGROUP BY s.feeder_id"))];
    let mut joins = String::new();
    for (column, source) in &ranked {
        steps.push((format!("{column}_ranks"), ranked_words(column, source)));
        joins = format!("{joins}\nLEFT JOIN {column}_ranks ON g.feeder_id = {column}_ranks.ranked_id");
    }
    let described: Vec<String> = FEEDER_VALUES
        .iter()
        .map(|(column, _)| match ranked.iter().find(|(name, _)| name == column) {
            Some((_, source)) => format!("{} AS {column}", word_of_rank(&format!("{column}_ranks.word_rank"), &source.words)),
            None => format!("g.{column} AS {column}"),
        })
        .collect();
    let state = format!(
        "SELECT g.feeder_id AS feeder_id, {}, g.segment_count AS segment_count, g.circuit_count AS circuit_count\nFROM grouped AS g{joins}",
        described.join(", ")
    );
    steps.extend([("feeder_state".to_owned(), state), ("hashed".to_owned(), hashed_feeders(&utility.id))]);
    Steps(steps)
}

fn aggregate(column: &str, source: &ColumnSource) -> String {
    match (source.aggregate, &source.kind) {
        (Aggregate::Sum, CellType::Number { .. }) => exact_sum(&format!("s.{column}"), 1),
        (Aggregate::Min, _) => format!("MIN(s.{column})"),
        _ => format!("MAX(s.{column})"),
    }
}

/// The highest (or lowest) word of a feeder's segments, as its place in the list; words are sought once a distinct text.
fn ranked_words(column: &str, source: &ColumnSource) -> String {
    let mut longest: Vec<(usize, &String)> = source.words.iter().enumerate().collect();
    longest.sort_by_key(|(_, word)| std::cmp::Reverse(word.len()));
    let arms: Vec<String> = longest
        .iter()
        .map(|(at, word)| format!("WHEN LOWER(d.{column}) LIKE {} THEN {at}", text(&format!("%{word}%"))))
        .collect();
    let best = if source.aggregate == Aggregate::Min { "MIN" } else { "MAX" };
    format!(
        "SELECT d.feeder_id AS ranked_id, {best}(CASE {} END) AS word_rank\n\
         FROM (SELECT DISTINCT feeder_id, {column} FROM segments) AS d\nGROUP BY d.feeder_id",
        arms.join(" ")
    )
}

fn word_of_rank(rank: &str, words: &[String]) -> String {
    let arms: Vec<String> =
        words.iter().enumerate().map(|(at, word)| format!("WHEN {rank} = {at} THEN {}", text(word))).collect();
    format!("CASE {} ELSE CAST(NULL AS VARCHAR) END", arms.join(" "))
}

/// Relation `feeder_state` with its utility and hash.
fn hashed_feeders(utility: &UtilityId) -> String {
    let values: Vec<&str> = FEEDER_VALUES.iter().map(|(column, _)| *column).chain(["segment_count", "circuit_count"]).collect();
    format!(
        "SELECT {} AS utility_id, feeder_id, {values}, XXHASH64({values}) AS record_hash\nFROM feeder_state",
        text(utility.as_str()),
        values = values.join(", ")
    )
}

/// Relation `records` as feeders; with `carried`, the current versions in `history` that no record replaces stay.
pub(super) fn feeders_of_rows(utility: &UtilityAdapter, carried: bool) -> String {
    let values: Vec<&str> = ["feeder_id"]
        .into_iter()
        .chain(FEEDER_VALUES.iter().map(|(column, _)| *column))
        .chain(["segment_count", "circuit_count"])
        .collect();
    let list = values.join(", ");
    let mut state = format!("SELECT {list} FROM records");
    if carried {
        let of_history: Vec<String> = values.iter().map(|column| format!("h.{column} AS {column}")).collect();
        state = format!(
            "{state}\nUNION ALL\nSELECT {} FROM history AS h LEFT JOIN (SELECT feeder_id AS new_id FROM records) AS r ON h.feeder_id = r.new_id\n\
             WHERE h.is_current AND r.new_id IS NULL",
            of_history.join(", ")
        );
    }
    format!("WITH feeder_state AS (\n{state}\n)\n{}", hashed_feeders(&utility.id))
}

/// Relation `segments` as circuits, each with the feeder that most of its segments belong to.
pub(super) fn circuits_of_segments(utility: &UtilityId) -> String {
    format!(
        "WITH pairs AS (\nSELECT circuit_id, feeder_id, CAST(COUNT(*) AS BIGINT) AS segment_count FROM segments\n\
         WHERE circuit_id IS NOT NULL GROUP BY circuit_id, feeder_id\n),\n\
         placed AS (\nSELECT *, ROW_NUMBER() OVER (PARTITION BY circuit_id ORDER BY 0 - segment_count, feeder_id) AS place FROM pairs\n)\n\
         SELECT {} AS utility_id, circuit_id, feeder_id, segment_count FROM placed WHERE place = 1",
        text(utility.as_str())
    )
}

/// Relation `records` (segments of several months) as the segments that are current: of each key the last record.
pub(super) fn segments_as_of(adapter: &DatasetAdapter) -> String {
    format!(
        "WITH placed AS (\nSELECT *, ROW_NUMBER() OVER (PARTITION BY {} ORDER BY delivery_month DESC, _source_file DESC, _source_line DESC) AS place\n\
         FROM records WHERE NOT ({})\n)\nSELECT feeder_id, circuit_id, {} FROM placed WHERE place = 1",
        keys(adapter).join(", "),
        without_key(adapter),
        FEEDER_VALUES.map(|(column, _)| column).join(", ")
    )
}

/// Relation `trimmed` with the rating of each technology as `kw_N`, and what decides about the type in lower case.
fn ratings(cells: &Cells<'_>, utility: &UtilityAdapter) -> String {
    let mut columns = vec!["*".to_owned()];
    for (at, (label, _)) in utility.technologies.iter().enumerate().filter(|(_, (label, _))| cells.has(label)) {
        columns.push(format!("{} AS kw_{at}", cells.typed(&cells.cell(label), &CellType::Number { ratio: 1.0 })));
    }
    select(&columns, "FROM trimmed")
}

/// The technologies that the files have, with the column of their rating.
fn rated(cells: &Cells<'_>, utility: &UtilityAdapter) -> Vec<(String, String)> {
    let present = utility.technologies.iter().enumerate().filter(|(_, (label, _))| cells.has(label));
    present.map(|(at, (_, technology))| (format!("kw_{at}"), technology.clone())).collect()
}

fn der_rows(cells: &Cells<'_>, utility: &UtilityAdapter, adapter: &DatasetAdapter) -> String {
    let status = adapter.dataset.der_status().unwrap_or_default();
    let of = |column: &str, kind: &str| value(cells, adapter, column, kind);
    let technologies = rated(cells, utility);
    let mut columns = key_columns(cells, adapter);
    columns.extend([
        format!("{} AS der_id", of("der_id", "VARCHAR")),
        format!("{} AS status", text(status)),
        format!("{} AS feeder_ref", of("feeder_ref", "VARCHAR")),
        format!("{} AS der_type", der_type(cells, utility, &of("der_type", "VARCHAR"), &technologies)),
        format!("{} AS der_type_source", of("der_type", "VARCHAR")),
        format!("{} AS technologies", technology_list(&technologies)),
        format!("{} AS nameplate_kw", of("nameplate_kw", "DOUBLE")),
        format!("{} AS inverter_nameplate_kw", of("inverter_nameplate_kw", "DOUBLE")),
        format!("{} AS interconnection_cost_usd", of("interconnection_cost_usd", "DOUBLE")),
        format!("{} AS planned_in_service_date", of("planned_in_service_date", "DATE")),
        format!("{} AS completion_date", of("completion_date", "DATE")),
        format!("{} AS queue_position_at", of("queue_position_at", "TIMESTAMP")),
        format!("{} AS project_status", of("project_status", "VARCHAR")),
        format!("{} AS service_address", of("service_address", "VARCHAR")),
        LINEAGE.to_owned(),
    ]);
    select(&columns, "FROM rated")
}

/// The type of a DER: hybrid if it says so or has several technologies, its only technology, or its mapped type.
///
/// A type that is stated and that the adapter does not name is `Unmapped`.
fn der_type(cells: &Cells<'_>, utility: &UtilityAdapter, delivered: &str, technologies: &[(String, String)]) -> String {
    let mut arms = Vec::new();
    if let Some((label, values)) = utility.hybrid.as_ref().filter(|(label, _)| cells.has(label)) {
        let list: Vec<String> = values.iter().map(|value| text(&value.to_lowercase())).collect();
        arms.push(format!("WHEN LOWER({}) IN ({}) THEN 'Hybrid'", cells.cell(label), list.join(", ")));
    }
    if !technologies.is_empty() {
        let used: Vec<String> = technologies.iter().map(|(kw, _)| format!("CASE WHEN {kw} <> 0.0 THEN 1 ELSE 0 END")).collect();
        arms.push(format!("WHEN {} > 1 THEN 'Hybrid'", used.join(" + ")));
        arms.extend(technologies.iter().map(|(kw, technology)| format!("WHEN {kw} <> 0.0 THEN {}", text(technology))));
    }
    arms.push(format!("WHEN {delivered} IS NULL THEN CAST(NULL AS VARCHAR)"));
    arms.extend(types_by_name(utility).into_iter().map(|(to, from)| format!("WHEN LOWER({delivered}) IN ({from}) THEN {to}")));
    format!("CASE {} ELSE 'Unmapped' END", arms.join("\n    "))
}

/// The delivered types of each type of the common model, as SQL.
fn types_by_name(utility: &UtilityAdapter) -> BTreeMap<String, String> {
    let mut types: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (from, to) in &utility.der_types {
        types.entry(text(to)).or_default().push(text(from));
    }
    types.into_iter().map(|(to, from)| (to, from.join(", "))).collect()
}

/// `Solar 5000; Energy storage 2000`, in kW; null when no technology has a rating.
fn technology_list(technologies: &[(String, String)]) -> String {
    if technologies.is_empty() {
        return "CAST(NULL AS VARCHAR)".into();
    }
    // A whole number is written without its fraction.
    let kilowatts = |kw: &str| {
        format!("CASE WHEN ROUND({kw}, 0) = {kw} THEN CAST(CAST({kw} AS BIGINT) AS VARCHAR) ELSE CAST({kw} AS VARCHAR) END")
    };
    let parts: Vec<String> = technologies
        .iter()
        .map(|(kw, technology)| {
            format!("CASE WHEN {kw} <> 0.0 THEN {} || {} END", text(&format!("{technology} ")), kilowatts(kw))
        })
        .collect();
    format!("NULLIF(CONCAT_WS('; ', {}), '')", parts.join(", "))
}

fn without_key(adapter: &DatasetAdapter) -> String {
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

/// Relation `keyed`: the places of records that share their key with another, by key, file and line.
pub(super) fn rivals(adapter: &DatasetAdapter) -> String {
    let keys = keys(adapter);
    let list = keys.join(", ");
    let on: Vec<String> = keys.iter().map(|key| format!("r.{key} = k.{key}")).collect();
    let shown: Vec<String> = keys.iter().map(|key| format!("r.{key}")).collect();
    format!(
        "WITH shared AS (\nSELECT {list}, COUNT(*) AS records_of_key FROM keyed WHERE NOT keyless GROUP BY {list} HAVING COUNT(*) > 1\n)\n\
         SELECT CONCAT_WS(' + ', {}) AS record_key, r._source_file AS _source_file, r._source_line AS _source_line\n\
         FROM keyed AS r INNER JOIN shared AS k ON {}\nORDER BY record_key, _source_file, _source_line",
        shown.join(", "),
        on.join(" AND ")
    )
}

/// Relation `records` without those in `lost`.
pub(super) const KEPT: &str = "SELECT r.* FROM records AS r \
    LEFT JOIN lost AS l ON r._source_file = l.lost_file AND r._source_line = l.lost_line WHERE l.lost_line IS NULL";

fn keys(adapter: &DatasetAdapter) -> Vec<String> {
    (0..adapter.key.len()).map(|at| format!("key_{at}")).collect()
}

/// Columns of a DER before it is linked to a feeder.
const DER_VALUES: [&str; 16] = [
    "der_id",
    "status",
    "feeder_ref",
    "der_type",
    "der_type_source",
    "technologies",
    "nameplate_kw",
    "inverter_nameplate_kw",
    "interconnection_cost_usd",
    "planned_in_service_date",
    "completion_date",
    "queue_position_at",
    "project_status",
    "service_address",
    "_source_file",
    "_source_line",
];

/// The plan that puts a month's DERs together and finds the feeder of each.
pub(super) struct Links<'a> {
    pub(super) adapter: &'a UtilityAdapter,
    /// The DER datasets of the month.
    pub(super) delivered: &'a [Dataset],
    /// Those of them that hold everything, so that nothing is carried over.
    pub(super) snapshots: &'a [Dataset],
    /// Whether there are earlier versions in `history`.
    pub(super) carried: bool,
    /// Whether `feeders` holds rows.
    pub(super) feeders: bool,
    /// Whether `circuits` holds rows.
    pub(super) circuits: bool,
}

impl Links<'_> {
    /// The full state of the utility's DERs after the month, with their feeders and hashes.
    pub(super) fn sql(&self) -> String {
        let values = DER_VALUES.join(", ");
        let mut parts: Vec<String> = self.delivered.iter().map(|dataset| format!("SELECT {values} FROM {dataset}")).collect();
        if self.carried {
            parts.push(self.carried_over());
        }
        let described: Vec<&str> = DER_VALUES
            .into_iter()
            .filter(|column| !column.starts_with('_') && *column != "der_id" && *column != "status")
            .collect();
        let hashed = described.join(", ");
        let (joins, feeder_id, matched) = self.joins();
        let of_ders: Vec<String> = DER_VALUES.iter().map(|column| format!("d.{column} AS {column}")).collect();
        format!(
            "WITH all_ders AS (\n{}\n),\nlinked AS (\nSELECT {},\n  {feeder_id} AS feeder_id,\n  {matched} AS feeder_match\nFROM all_ders AS d{joins}\n)\n\
             SELECT {} AS utility_id, {values}, feeder_id, feeder_match,\n  XXHASH64({hashed}, feeder_id, feeder_match) AS record_hash\nFROM linked",
            parts.join("\nUNION ALL\n"),
            of_ders.join(", "),
            text(self.adapter.id.as_str())
        )
    }

    /// Current versions that no record of the month replaces and no snapshot of the month removes.
    fn carried_over(&self) -> String {
        let of_history: Vec<String> = DER_VALUES.iter().map(|column| format!("h.{column} AS {column}")).collect();
        let mut conditions = vec!["h.is_current".to_owned()];
        conditions.extend(
            self.snapshots
                .iter()
                .filter_map(|dataset| dataset.der_status())
                .map(|status| format!("h.status <> {}", text(status))),
        );
        let mut join = String::new();
        if !self.delivered.is_empty() {
            let new: Vec<String> = self
                .delivered
                .iter()
                .map(|dataset| format!("SELECT status AS new_status, der_id AS new_id FROM {dataset}"))
                .collect();
            join = format!(" LEFT JOIN ({}) AS n ON h.status = n.new_status AND h.der_id = n.new_id", new.join(" UNION ALL "));
            conditions.push("n.new_id IS NULL".into());
        }
        format!("SELECT {} FROM history AS h{join} WHERE {}", of_history.join(", "), conditions.join(" AND "))
    }

    /// A reference is looked up as a circuit first, then as a feeder.
    fn joins(&self) -> (String, String, String) {
        let mut joins = String::new();
        let (mut found, mut arms) = (Vec::new(), vec!["WHEN d.feeder_ref IS NULL THEN 'missing'".to_owned()]);
        if self.circuits {
            joins.push_str("\nLEFT JOIN (SELECT circuit_id AS known_circuit, feeder_id AS circuit_feeder FROM circuits) AS c ON d.feeder_ref = c.known_circuit");
            found.push("c.circuit_feeder");
            arms.push("WHEN c.circuit_feeder IS NOT NULL THEN 'circuit'".into());
        }
        if self.feeders {
            joins.push_str("\nLEFT JOIN (SELECT feeder_id AS known_feeder FROM feeders WHERE is_current) AS f ON d.feeder_ref = f.known_feeder");
            // A join's key column may be dropped by an engine; the reference itself is the feeder then.
            found.push("f.known_feeder");
            arms.push("WHEN f.known_feeder IS NOT NULL THEN 'feeder'".into());
        }
        if let Some(pattern) = &self.adapter.transmission {
            arms.push(format!("WHEN REGEXP_LIKE(d.feeder_ref, {}) THEN 'transmission'", text(pattern)));
        }
        let feeder_id = match found.len() {
            0 => "CAST(NULL AS VARCHAR)".into(),
            1 => found[0].to_owned(),
            _ => format!("COALESCE({})", found.join(", ")),
        };
        (joins, feeder_id, format!("CASE {} ELSE 'unmatched' END", arms.join(" ")))
    }
}
