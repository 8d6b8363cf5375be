//! DER files → DERs with their feeders, as SQL.

use std::collections::BTreeMap;

use super::history::Gone;
use super::named;
use super::plan::{key_columns, select, value};
use crate::config::{CellType, DatasetAdapter, UtilityAdapter};
use crate::model::{Dataset, Entity};
use crate::pipeline::sql::{Cells, LINEAGE, record_hash, text};

/// Relation `trimmed` with the rating of each technology as `kw_N`, and what decides about the type in lower case.
pub(super) fn ratings(cells: &Cells<'_>, utility: &UtilityAdapter, adapter: &DatasetAdapter) -> String {
    let mut columns = vec!["*".to_owned()];
    columns.push(format!("LOWER({}) AS type_word", value(cells, adapter, "der_type", "VARCHAR")));
    if let Some((label, _)) = utility.hybrid.as_ref().filter(|(label, _)| cells.has(label)) {
        columns.push(format!("LOWER({}) AS hybrid_word", cells.cell(label)));
    }
    for (at, (label, _)) in utility.technologies.iter().enumerate().filter(|(_, (label, _))| cells.has(label)) {
        columns.push(format!("{} AS kw_{at}", cells.typed(&cells.cell(label), &CellType::Number { exponent: 0 })));
    }
    select(&columns, "FROM trimmed")
}

/// The technologies that the files have, with the column of their rating.
fn rated(cells: &Cells<'_>, utility: &UtilityAdapter) -> Vec<(String, String)> {
    let present = utility.technologies.iter().enumerate().filter(|(_, (label, _))| cells.has(label));
    present.map(|(at, (_, technology))| (format!("kw_{at}"), technology.clone())).collect()
}

/// Columns of a DER, from relation `rated`.
pub(super) fn columns(cells: &Cells<'_>, utility: &UtilityAdapter, adapter: &DatasetAdapter) -> Vec<String> {
    let status = adapter.dataset.der_status().unwrap_or_default();
    let technologies = rated(cells, utility);
    let mut columns = key_columns(cells, adapter);
    columns.push(format!("{} AS der_id", value(cells, adapter, "der_id", "VARCHAR")));
    columns.push(format!("{} AS status", text(status)));
    for column in Entity::Ders.described().filter(|column| !LINK.contains(&column.name)) {
        let expression = match column.name {
            "der_type" => der_type(cells, utility, &technologies),
            "der_type_source" => value(cells, adapter, "der_type", "VARCHAR"),
            "technologies" => technology_list(&technologies),
            stated => value(cells, adapter, stated, column.kind.sql()),
        };
        columns.push(format!("{expression} AS {}", column.name));
    }
    columns.push(LINEAGE.to_owned());
    columns
}

/// The sum of the technologies' ratings in kW; null where the files rate none.
pub(super) fn technology_kw(cells: &Cells<'_>, utility: &UtilityAdapter) -> String {
    let parts: Vec<String> = rated(cells, utility).iter().map(|(kw, _)| format!("COALESCE({kw}, 0.0)")).collect();
    if parts.is_empty() { "CAST(NULL AS DOUBLE)".into() } else { parts.join(" + ") }
}

/// The type of a DER: hybrid if it says so or has several technologies, its only technology, or its mapped type.
///
/// A type that is stated and that the adapter does not name is `Unmapped`.
fn der_type(cells: &Cells<'_>, utility: &UtilityAdapter, technologies: &[(String, String)]) -> String {
    let mut types: Vec<&(String, String)> = utility.der_types.iter().collect();
    // Of a type that is named twice, the first of these counts.
    types.sort_by_key(|(_, to)| to);
    let words = types.into_iter().flat_map(|(from, to)| [text(from), text(to)]).chain([text("Unmapped")]);
    let mut of_type = format!("TRANSLATED(type_word, {})", words.collect::<Vec<_>>().join(", "));
    if !technologies.is_empty() {
        of_type = format!("COALESCE(ONLY_RATED({}, 'Hybrid'), {of_type})", labelled(technologies));
    }
    let Some((_, values)) = utility.hybrid.as_ref().filter(|(label, _)| cells.has(label)) else { return of_type };
    let list: Vec<String> = values.iter().map(|value| text(&value.to_lowercase())).collect();
    format!("CASE WHEN hybrid_word IN ({}) THEN 'Hybrid' ELSE {of_type} END", list.join(", "))
}

/// `Solar 5000; Energy storage 2000`, in kW; null when no technology has a rating.
fn technology_list(technologies: &[(String, String)]) -> String {
    if technologies.is_empty() {
        return "CAST(NULL AS VARCHAR)".into();
    }
    format!("RATINGS({})", labelled(technologies))
}

/// Technologies with their ratings, as SQL.
fn labelled(technologies: &[(String, String)]) -> String {
    let pairs: Vec<String> = technologies.iter().map(|(kw, technology)| format!("{}, {kw}", text(technology))).collect();
    pairs.join(", ")
}

/// Columns that the link to a feeder adds.
const LINK: [&str; 2] = ["feeder_id", "feeder_match"];

/// Columns of a DER before it is linked to a feeder.
fn unlinked() -> Vec<&'static str> {
    let described = Entity::Ders.described().map(|column| column.name).filter(|column| !LINK.contains(column));
    ["der_id", "status"].into_iter().chain(described).chain(["_source_file", "_source_line"]).collect()
}

/// The condition on DERs that end with a month whose snapshots do not hold them; `None` without snapshots.
fn of_snapshots(snapshots: &[Dataset]) -> Option<String> {
    let statuses: Vec<String> = snapshots.iter().filter_map(|dataset| dataset.der_status()).map(text).collect();
    (!statuses.is_empty()).then(|| format!("status IN ({})", statuses.join(", ")))
}

/// The DERs of which a month's snapshots, with so many records each, hold all that there are; `None` without snapshots.
pub(super) fn gone(snapshots: &[Dataset], records: &BTreeMap<Dataset, u64>) -> Option<Gone> {
    let of_versions = format!("WHERE {}", of_snapshots(snapshots)?);
    Some(Gone { of_versions, held: snapshots.iter().map(|dataset| records.get(dataset)).sum() })
}

/// The plan that puts a month's DERs together and finds the feeder of each.
pub(super) struct Links<'a> {
    pub(super) adapter: &'a UtilityAdapter,
    /// The DER datasets of the month.
    pub(super) delivered: &'a [Dataset],
    /// Those of them that hold everything, so that nothing is carried over.
    pub(super) snapshots: &'a [Dataset],
    /// Whether relation `relinked` holds current versions whose feeder has to be looked up again.
    pub(super) relinked: bool,
    /// Whether `feeders` holds rows.
    pub(super) feeders: bool,
    /// Whether `circuits` holds rows.
    pub(super) circuits: bool,
}

impl Links<'_> {
    /// The DERs that the month delivers or links anew as they are after it, with their feeders and hashes.
    pub(super) fn sql(&self) -> String {
        let columns = unlinked();
        let values = columns.join(", ");
        let mut parts: Vec<String> = self.delivered.iter().map(|dataset| format!("SELECT {values} FROM {dataset}")).collect();
        if self.relinked {
            parts.push(self.not_replaced());
        }
        let hash = record_hash(Entity::Ders.described().map(|column| column.name));
        let (joins, feeder_id, matched) = self.joins();
        format!(
            "WITH all_ders AS (\n{}\n),\nlinked AS (\nSELECT {values},\n  {feeder_id} AS feeder_id,\n  {matched} AS feeder_match\nFROM all_ders AS d{joins}\n)\n\
             SELECT {} AS utility_id, {values}, feeder_id, feeder_match,\n  {hash} AS record_hash\nFROM linked",
            parts.join("\nUNION ALL\n"),
            text(self.adapter.id.as_str())
        )
    }

    /// Those of relation `relinked` that no new record of the month replaces and no snapshot of the month removes; where the month repeats
    /// a record, they are of that one.
    fn not_replaced(&self) -> String {
        let is_repeated = !self.delivered.is_empty();
        let of_history = |column: &&str| match *column {
            place @ ("_source_file" | "_source_line") if is_repeated => format!("COALESCE(new{place}, {place}) AS {place}"),
            column => column.to_owned(),
        };
        let of_history: Vec<String> = unlinked().iter().map(of_history).collect();
        let of_each =
            |select: &dyn Fn(&Dataset) -> String| self.delivered.iter().map(select).collect::<Vec<_>>().join(" UNION ALL ");
        let mut join = String::new();
        let mut conditions = Vec::new();
        if is_repeated {
            let all = of_each(&|dataset| {
                let of_all = named::all_of(*dataset);
                format!(
                    "SELECT status AS new_status, der_id AS new_id, _source_file AS new_source_file, _source_line AS new_source_line FROM {of_all}"
                )
            });
            let replacing = of_each(&|dataset| format!("SELECT status, der_id FROM {dataset}"));
            join = format!(
                " LEFT ANTI JOIN ({replacing}) AS r ON h.status = r.status AND h.der_id = r.der_id\n\
                 LEFT JOIN ({all}) AS n ON h.status = n.new_status AND h.der_id = n.new_id"
            );
            if let Some(gone) = of_snapshots(self.snapshots) {
                // What a record that could not be read may be of is not gone.
                join.push_str(
                    "\nLEFT JOIN (SELECT status AS unread_status, der_id AS unread_id FROM rejected_ids) AS u ON h.status = u.unread_status AND h.der_id = u.unread_id",
                );
                conditions.push(format!("(NOT ({gone}) OR new_source_file IS NOT NULL OR unread_id IS NOT NULL)"));
            }
        }
        let filter = if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
        format!("SELECT {} FROM relinked AS h{join}{filter}", of_history.join(", "))
    }

    /// A reference is looked up as a circuit first, then as a feeder.
    fn joins(&self) -> (String, String, String) {
        let mut joins = String::new();
        let (mut found, mut arms) = (Vec::new(), vec!["WHEN feeder_ref IS NULL THEN 'missing'".to_owned()]);
        if self.circuits {
            joins.push_str("\nLEFT JOIN (SELECT circuit_id AS known_circuit, feeder_id AS circuit_feeder FROM circuits) AS c ON d.feeder_ref = c.known_circuit");
            found.push("circuit_feeder");
            arms.push("WHEN circuit_feeder IS NOT NULL THEN 'circuit'".into());
        }
        if self.feeders {
            joins.push_str("\nLEFT JOIN (SELECT feeder_id AS known_feeder FROM feeders) AS f ON d.feeder_ref = f.known_feeder");
            // A join's key column may be dropped by an engine; the reference itself is the feeder then.
            found.push("known_feeder");
            arms.push("WHEN known_feeder IS NOT NULL THEN 'feeder'".into());
        }
        if let Some(pattern) = &self.adapter.transmission {
            arms.push(format!("WHEN REGEXP_LIKE(feeder_ref, {}) THEN 'transmission'", text(pattern)));
        }
        let feeder_id = match found.len() {
            0 => "CAST(NULL AS VARCHAR)".into(),
            1 => found[0].to_owned(),
            _ => format!("COALESCE({})", found.join(", ")),
        };
        (joins, feeder_id, format!("CASE {} ELSE 'unmatched' END", arms.join(" ")))
    }
}
