//! What is another one in one state of an environment than in another.

use std::collections::BTreeMap;

use super::{PromotionError, State};
use crate::engine::{Session, local};
use crate::frame::{Column, Relation, Value, schema};
use crate::lake::{DataFile, TableId};
use crate::model::{Cancel, Month};
use crate::pipeline::tables::{self, Table};

/// What changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// Rows before and after, of tables whose files differ.
    pub tables: Vec<(String, u64, u64)>,
    /// Current feeders.
    pub feeders: EntityDifference,
    /// Current DERs.
    pub ders: EntityDifference,
    /// Outcomes of the month's rules, by severity and how they ended, before and after.
    pub outcomes: BTreeMap<String, (u64, u64)>,
    /// Decisions of stewards, before and after.
    pub decisions: (u64, u64),
}

/// Current feeders or DERs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EntityDifference {
    /// There, and were not.
    pub added: u64,
    /// Described in another way.
    pub changed: u64,
    /// No longer there.
    pub removed: u64,
}

impl Difference {
    /// From one state to another; outcomes are those of the month.
    ///
    /// # Errors
    /// A table cannot be read.
    pub fn between(before: &State, after: &State, month: Option<Month>) -> Result<Self, PromotionError> {
        let ids: std::collections::BTreeSet<&TableId> = before.0.keys().chain(after.0.keys()).collect();
        let rows = |state: &State, table: &TableId| state.table(table).map_or(0, crate::lake::Snapshot::rows);
        let changed = |table: &&&TableId| paths(before, table) != paths(after, table);
        let tables = ids.iter().filter(changed).map(|table| (table.to_string(), rows(before, table), rows(after, table)));
        let decided = tables::ACKNOWLEDGEMENTS.id();
        Ok(Self {
            tables: tables.collect(),
            feeders: entities(before, after, (&tables::FEEDERS, "feeder_id"))?,
            ders: entities(before, after, (&tables::DERS, "status || '|' || der_id"))?,
            outcomes: outcomes(before, after, month)?,
            decisions: (rows(before, &decided), rows(after, &decided)),
        })
    }

    /// Whether nothing is another one.
    pub fn is_nothing(&self) -> bool {
        self.tables.is_empty()
    }

    /// One row for each thing that is counted.
    pub fn table(&self) -> (Vec<Column>, Vec<Vec<Value>>) {
        let columns = schema::columns![what Text, before Whole, after Whole, added Whole, changed Whole, removed Whole];
        let counts = |what: &str, (before, after): (u64, u64)| {
            vec![Value::Text(what.to_owned()), Value::count(before), Value::count(after), Value::Null, Value::Null, Value::Null]
        };
        let entity = |what: &str, of: EntityDifference| {
            let [added, changed, removed] = [of.added, of.changed, of.removed].map(Value::count);
            vec![Value::Text(what.to_owned()), Value::Null, Value::Null, added, changed, removed]
        };
        let mut rows = vec![entity("feeders", self.feeders), entity("ders", self.ders)];
        rows.extend(self.outcomes.iter().map(|(what, counted)| counts(&format!("rules: {what}"), *counted)));
        rows.push(counts("decisions", self.decisions));
        rows.extend(self.tables.iter().map(|(table, before, after)| counts(table, (*before, *after))));
        (columns, rows)
    }
}

fn paths<'a>(state: &'a State, table: &TableId) -> Vec<&'a str> {
    let mut paths: Vec<&str> = state.table(table).iter().flat_map(|table| &table.files).map(DataFile::path).collect();
    paths.sort_unstable();
    paths
}

fn register(session: &mut dyn Session, name: &str, state: &State, table: &Table) -> Result<(), PromotionError> {
    let relation = state.table(&table.id()).map_or_else(|| Relation::empty(&table.columns()), crate::lake::Snapshot::scan_all);
    Ok(session.register(name, &relation)?)
}

/// Counts what is current on one side only, or differs by its hash.
fn entities(before: &State, after: &State, (table, key): (&Table, &str)) -> Result<EntityDifference, PromotionError> {
    if paths(before, &table.id()) == paths(after, &table.id()) {
        return Ok(EntityDifference::default());
    }
    let mut session = local().session(&Cancel::default())?;
    register(session.as_mut(), "rows_before", before, table)?;
    register(session.as_mut(), "rows_after", after, table)?;
    let side = |name: &str| format!("SELECT utility_id || '|' || {key} AS k, record_hash AS h FROM rows_{name} WHERE is_current");
    let count = |session: &mut dyn Session, one: &str, other: &str| -> Result<(u64, u64), PromotionError> {
        let counted = session.query(&format!(
            "WITH a AS ({}), b AS ({})\nSELECT SUM(CASE WHEN b.h IS NULL THEN 1 ELSE 0 END) AS only, SUM(CASE WHEN b.h <> a.h THEN 1 ELSE 0 END) AS differ FROM a LEFT JOIN b ON a.k = b.k",
            side(one),
            side(other)
        ))?;
        Ok((counted.count("only", 0), counted.count("differ", 0)))
    };
    let (added, changed) = count(session.as_mut(), "after", "before")?;
    let (removed, _) = count(session.as_mut(), "before", "after")?;
    Ok(EntityDifference { added, changed, removed })
}

/// The newest outcomes of a month's rules.
fn outcomes(before: &State, after: &State, month: Option<Month>) -> Result<BTreeMap<String, (u64, u64)>, PromotionError> {
    let mut counts: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let Some(month) = month else { return Ok(counts) };
    for (state, is_after) in [(before, false), (after, true)] {
        let mut session = local().session(&Cancel::default())?;
        register(session.as_mut(), "t", state, &tables::RULE_RESULTS)?;
        let found = session.query(&format!(
            "SELECT severity, outcome, COUNT(*) AS n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY utility_id, dataset, rule_id ORDER BY checked_at DESC) AS place FROM t WHERE delivery_month = '{month}') AS p WHERE place = 1 GROUP BY severity, outcome"
        ))?;
        for row in 0..found.height() {
            let text = |column: &str| found.text(column, row).unwrap_or_default();
            let what = if text("outcome") == "failed" { format!("failed {}", text("severity")) } else { text("outcome") };
            let entry = counts.entry(what).or_default();
            let side = if is_after { &mut entry.1 } else { &mut entry.0 };
            *side += found.count("n", row);
        }
    }
    Ok(counts)
}
