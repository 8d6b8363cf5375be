//! Circuits files → feeders and circuits, as SQL.

use super::history::Moved;
use super::plan::{Plan, key_columns, select, value};
use crate::config::{Aggregate, CellType, ColumnSource, DatasetAdapter, UtilityAdapter};
use crate::engine::{EngineError, Materialized, Session};
use crate::model::columns::{ModelColumn, Origin};
use crate::model::{Entity, UtilityId};
use crate::pipeline::sql::{Cells, LINEAGE, record_hash, sum_of_units, text};

/// Columns of a segment.
pub(super) fn segment_columns(cells: &Cells<'_>, adapter: &DatasetAdapter) -> Vec<String> {
    let mut columns = key_columns(cells, adapter);
    columns.push(format!("{} AS feeder_id", value(cells, adapter, "feeder_id", "VARCHAR")));
    columns.push(format!("{} AS circuit_id", value(cells, adapter, "circuit_id", "VARCHAR")));
    columns
        .extend(stated().map(|column| format!("{} AS {}", value(cells, adapter, column.name, column.kind.sql()), column.name)));
    columns.push(LINEAGE.into());
    columns
}

/// The columns of a feeder that records state.
pub(super) fn stated() -> impl Iterator<Item = &'static ModelColumn> + Clone {
    Entity::Feeders.described().filter(|column| column.origin == Origin::Mapped)
}

/// Every column that describes a feeder.
fn described() -> Vec<&'static str> {
    Entity::Feeders.described().map(|column| column.name).collect()
}

/// Columns of a feeder, where a record is one.
pub(super) fn feeder_columns(cells: &Cells<'_>, adapter: &DatasetAdapter) -> Vec<String> {
    let mut columns = key_columns(cells, adapter);
    columns.push(format!("{} AS feeder_id", value(cells, adapter, "feeder_id", "VARCHAR")));
    for ModelColumn { name: column, kind, .. } in stated() {
        let cell = value(cells, adapter, column, kind.sql());
        let words = adapter.column(column).map_or(&[][..], |source| &source.words);
        columns.push(format!("{} AS {column}", if words.is_empty() { cell } else { word_in(&cell, words) }));
    }
    columns.push("CAST(1 AS BIGINT) AS segment_count".into());
    let circuits = if adapter.column("circuit_id").is_some() { "1" } else { "NULL" };
    columns.push(format!("CAST({circuits} AS BIGINT) AS circuit_count"));
    columns.push(LINEAGE.into());
    columns
}

/// The longest of the words that is in the text, else the text in lower case.
fn word_in(cell: &str, words: &[String]) -> String {
    format!("COALESCE({}, LOWER({cell}))", word_of_rank(&rank_in(cell, words), words))
}

/// The place in the list of the longest word that is in the text.
fn rank_in(cell: &str, words: &[String]) -> String {
    format!("WORD_PLACE({cell}, {})", list_of(words))
}

fn word_of_rank(rank: &str, words: &[String]) -> String {
    format!("WORD_AT({rank}, {})", list_of(words))
}

fn list_of(words: &[String]) -> String {
    words.iter().map(|word| text(word)).collect::<Vec<_>>().join(", ")
}

/// Relation `segments` as feeders: small relations that are made one after the other, the last is the result. Segments are read
/// once, as parts of a circuit and feeder with the same words.
pub(super) fn feeders_of_segments(utility: &UtilityAdapter, adapter: &DatasetAdapter) -> Plan {
    let (mut of_parts, mut of_feeders) = (Vec::new(), vec!["feeder_id".to_owned()]);
    let mut part = vec!["feeder_id", "circuit_id"];
    let mut ranked = Vec::new();
    for ModelColumn { name: column, .. } in stated() {
        match adapter.column(column) {
            Some(source) if !source.words.is_empty() => {
                ranked.push((column, source));
                part.push(column);
            }
            source => {
                let (partly, wholly) = aggregate(column, source);
                of_parts.push(format!("{partly} AS {column}"));
                of_feeders.push(format!("{wholly} AS {column}"));
            }
        }
    }
    of_parts = part
        .iter()
        .map(ToString::to_string)
        .chain(of_parts)
        .chain(["CAST(COUNT(*) AS BIGINT) AS segment_count".to_owned()])
        .collect();
    of_feeders.push("CAST(SUM(segment_count) AS BIGINT) AS segment_count".into());
    let mut steps = vec![
        ("parts".to_owned(), select(&of_parts, &format!("FROM segments\nGROUP BY {}", part.join(", ")))),
        ("pairs".to_owned(), PAIRS.to_owned()),
        (
            "circuit_counts".to_owned(),
            "SELECT feeder_id AS counted_id, COUNT(circuit_id) AS circuits FROM pairs GROUP BY feeder_id".to_owned(),
        ),
        ("grouped".to_owned(), select(&of_feeders, "FROM parts\nGROUP BY feeder_id")),
    ];
    let mut joins = "\nLEFT JOIN circuit_counts AS c ON g.feeder_id = c.counted_id".to_owned();
    for (column, source) in &ranked {
        steps.push((format!("{column}_ranks"), ranked_words(column, source)));
        joins = format!("{joins}\nLEFT JOIN {column}_ranks ON g.feeder_id = {column}_ranks.ranked_id");
    }
    let described: Vec<String> = stated()
        .map(|ModelColumn { name: column, .. }| match ranked.iter().find(|(name, _)| *name == column) {
            Some((_, source)) => format!("{} AS {column}", word_of_rank(&format!("{column}_ranks.word_rank"), &source.words)),
            None => (*column).to_owned(),
        })
        .collect();
    let state = format!(
        "SELECT feeder_id, {}, segment_count, CAST(COALESCE(circuits, 0) AS BIGINT) AS circuit_count\nFROM grouped AS g{joins}",
        described.join(", ")
    );
    steps.extend([("feeder_state".to_owned(), state), ("hashed".to_owned(), hashed_feeders(&utility.id))]);
    Plan::new(steps)
}

/// What a column is in a part, and in a feeder of parts.
fn aggregate(column: &str, source: Option<&ColumnSource>) -> (String, String) {
    let both = |function: &str| [(); 2].map(|()| format!("{function}({column})")).into();
    match source.map(|source| (source.aggregate, &source.kind)) {
        Some((Aggregate::Sum, CellType::Number { .. })) => {
            (sum_of_units(&format!("UNITS({column})")), format!("QUOTIENT({}, 0)", sum_of_units(column)))
        }
        Some((Aggregate::Min, _)) => both("MIN"),
        _ => both("MAX"),
    }
}

/// The highest (or lowest) word of a feeder's segments, as its place in the list; words are sought once a distinct text.
fn ranked_words(column: &str, source: &ColumnSource) -> String {
    let best = if source.aggregate == Aggregate::Min { "MIN" } else { "MAX" };
    format!(
        "SELECT feeder_id AS ranked_id, {best}({}) AS word_rank\n\
         FROM (SELECT DISTINCT feeder_id, {column} FROM parts) AS d\nGROUP BY feeder_id",
        rank_in(column, &source.words)
    )
}

/// Relation `feeder_state` with its utility and hash.
fn hashed_feeders(utility: &UtilityId) -> String {
    let values = described();
    format!(
        "SELECT {} AS utility_id, feeder_id, {values}, {hash} AS record_hash\nFROM feeder_state",
        text(utility.as_str()),
        hash = record_hash(values.iter().copied()),
        values = values.join(", ")
    )
}

/// Relation `records` as feeders.
pub(super) fn feeders_of_rows(utility: &UtilityAdapter) -> String {
    let values: Vec<&str> = std::iter::once("feeder_id").chain(described()).collect();
    format!("WITH feeder_state AS (\nSELECT {} FROM records\n)\n{}", values.join(", "), hashed_feeders(&utility.id))
}

/// The circuits that lead to another feeder after a month than before it.
pub(super) fn moved(mut session: Box<dyn Session>, before: &Materialized, after: &Materialized) -> Result<Moved, EngineError> {
    if before.rows == 0 || after.rows == 0 {
        return Ok(if before.rows == after.rows { Moved::Nothing } else { Moved::Any });
    }
    session.register("before", &before.relation)?;
    session.register("after", &after.relation)?;
    let only_in = |one: &str, other: &str| {
        format!(
            "SELECT a.circuit_id AS ref FROM {one} AS a LEFT ANTI JOIN {other} AS b ON a.circuit_id = b.circuit_id AND a.feeder_id = b.feeder_id"
        )
    };
    let moved =
        session.materialize("moved", &format!("{}\nUNION ALL\n{}", only_in("after", "before"), only_in("before", "after")))?;
    Ok(if moved.rows > 0 { Moved::Some(moved.relation) } else { Moved::Nothing })
}

/// Relation `segments` as parts of one segment, as far as circuits need them.
pub(super) const SINGLE_SEGMENTS: &str = "SELECT feeder_id, circuit_id, CAST(1 AS BIGINT) AS segment_count FROM segments";

/// Relation `parts` as circuits and their feeders, with the number of segments of both.
pub(super) const PAIRS: &str = "SELECT circuit_id, feeder_id, CAST(SUM(segment_count) AS BIGINT) AS segment_count FROM parts\n\
    WHERE circuit_id IS NOT NULL GROUP BY circuit_id, feeder_id";

/// Relations `circuits_before` and `circuits_now` (those of relation `touched`, whose segments may differ) as the circuits after a month.
pub(super) const AFTER_TOUCHED: &str = "SELECT b.utility_id AS utility_id, b.circuit_id AS circuit_id, b.feeder_id AS feeder_id, b.segment_count AS segment_count\n\
    FROM circuits_before AS b LEFT ANTI JOIN touched AS t ON b.circuit_id = t.circuit_id\n\
    UNION ALL\nSELECT * FROM circuits_now";

/// Relation `pairs` as circuits, each with the feeder that most of its segments belong to.
pub(super) fn circuits_of_segments(utility: &UtilityId) -> String {
    format!(
        "WITH placed AS (\nSELECT *, ROW_NUMBER() OVER (PARTITION BY circuit_id ORDER BY 0 - segment_count, feeder_id) AS place FROM pairs\n)\n\
         SELECT {} AS utility_id, circuit_id, feeder_id, segment_count FROM placed WHERE place = 1",
        text(utility.as_str())
    )
}
