//! Which records does a metric count?

use std::collections::HashMap;

use super::{QueryError, months};
use crate::config::rules::Subject;
use crate::config::{Grain, Settings, UtilityAdapter};
use crate::engine::{Work, local};
use crate::frame::{Frame, Value, schema};
use crate::lake::Lake;
use crate::model::{Cancel, CellState, Dataset, Month};
use crate::pipeline::bronze::BronzeTables;
use crate::pipeline::quality::cells;
use crate::pipeline::rules::Evaluator;
use crate::pipeline::silver::checked_records;
use crate::pipeline::sql::text;

/// A metric on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DrillTarget {
    /// The failing rows of a rule.
    Rule {
        /// The rule.
        rule: String,
        /// What the rows are.
        subject: Subject,
    },
    /// Cells of a column.
    Cells {
        /// The dataset.
        dataset: Dataset,
        /// The column.
        column: String,
        /// What they lack.
        state: CellState,
    },
    /// Feeders or DERs that differ from an earlier month, the largest movers in hosting capacity first.
    Changes {
        /// The dataset, `feeders` or `ders`.
        of: String,
        /// The month that is compared with.
        from: Month,
        /// Only what became so of them; all without it.
        change: Option<String>,
    },
}

/// A metric of a utility's month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// The utility.
    pub utility: String,
    /// The month.
    pub month: Month,
    /// What it counts.
    pub target: DrillTarget,
    /// How many it says that there are, where that is known.
    pub counted: Option<u64>,
}

/// At most so many records are shown.
pub const MOST: usize = 1000;

/// Records behind a metric.
#[derive(Debug, Clone, Default)]
pub struct Records {
    /// The first [`MOST`] of them: `record_key, column_name, value, _source_file, _source_line`; the last two null where a row has no
    /// line.
    pub rows: Frame,
    /// How many there are.
    pub all: u64,
}

/// The records that a metric counts.
///
/// # Errors
/// A table cannot be read.
pub fn behind(lake: &Lake, settings: &Settings, metric: &Metric) -> Result<Records, QueryError> {
    let Some(adapter) = settings.utility(&metric.utility) else { return Ok(Records::default()) };
    if let DrillTarget::Changes { of, from, change } = &metric.target {
        return changes(lake, metric, (of, *from, change.as_deref()));
    }
    let rows = counted(lake, settings, metric, adapter)?;
    let held = rows.height() as u64;
    // Fewer than there is room for are all of them.
    let all = if rows.height() < MOST { held } else { metric.counted.unwrap_or(held).max(held) };
    Ok(Records { rows, all })
}

fn counted(lake: &Lake, settings: &Settings, metric: &Metric, adapter: &UtilityAdapter) -> Result<Frame, QueryError> {
    match &metric.target {
        DrillTarget::Rule { rule, subject } => {
            let Some(rule) = settings.rules.rule(rule) else { return Ok(Frame::default()) };
            let cancel = Cancel::default();
            let bronze = BronzeTables::open_all(lake, &settings.utilities, Work::local(&cancel))?;
            let evaluator = Evaluator::new(&bronze, &settings.rules, settings.today);
            let rows = evaluator.failing_rows(rule, &metric.utility, *subject, metric.month, MOST)?;
            let of_utility = bronze.iter().find(|bronze| bronze.adapter.id.as_str() == metric.utility);
            match (subject, of_utility) {
                (Subject::Ders, Some(bronze)) => in_the_month(bronze, &rows, metric.month),
                _ => Ok(rows),
            }
        }
        DrillTarget::Cells { dataset, column, state } => {
            let of = cells::CellColumn { adapter, dataset: *dataset, month: metric.month, column };
            Ok(cells::rows(lake, &of, *state, MOST)?)
        }
        DrillTarget::Changes { .. } => Ok(Frame::default()),
    }
}

/// What differs from an earlier month, a row for each column of a feeder or DER.
fn changes(lake: &Lake, metric: &Metric, (of, from, change): (&str, Month, Option<&str>)) -> Result<Records, QueryError> {
    let differences = months::between(lake, from, metric.month, Some(&metric.utility))?;
    let of_kind = change.map_or(String::new(), |change| format!(" AND change = {}", text(change)));
    let mut session = local().session(&Cancel::default())?;
    session.register("differences", &differences.relation())?;
    session.create_view("t", &format!("SELECT * FROM differences WHERE {}{of_kind}", months::of_dataset(of)))?;
    let all = session.query("SELECT COUNT(entity_key) AS n FROM t")?.count("n", 0);
    let rows = session.query(&format!(
        "SELECT entity_key AS record_key, COALESCE(column_name, change) AS column_name,\n\
         \x20 CASE WHEN change = 'changed' THEN COALESCE(old_value, 'null') || ' → ' || COALESCE(new_value, 'null') ELSE change END AS value,\n\
         \x20 CAST(NULL AS VARCHAR) AS _source_file, CAST(NULL AS BIGINT) AS _source_line\n\
         FROM t ORDER BY CASE WHEN column_name = 'max_hosting_capacity_mw' THEN 0 ELSE 1 END,\n\
         \x20 0 - ABS(COALESCE(TRY_CAST(new_value AS DOUBLE) - TRY_CAST(old_value AS DOUBLE), 0.0)), record_key, column_name LIMIT {MOST}"
    ))?;
    Ok(Records { rows, all })
}

/// The same rows, with file and line of the month's own delivery where it holds the DER: a version may stem from an earlier one.
fn in_the_month(bronze: &BronzeTables<'_>, rows: &Frame, month: Month) -> Result<Frame, QueryError> {
    let mut places: HashMap<String, (Value, Value)> = HashMap::new();
    for dataset in Dataset::ALL {
        let Some(status) = dataset.der_status() else { continue };
        let (Some(mapped), Some(delivered)) = (bronze.adapter.dataset(dataset), bronze.rows(dataset, |other| other == month)?)
        else {
            continue;
        };
        let mut session = bronze.work.session()?;
        session.register("bronze", &delivered)?;
        session.register("failing", &rows.relation())?;
        checked_records(bronze, mapped, Some(month)).create_views(session.as_mut())?;
        let found = session.query(&format!(
            "SELECT '{status}/' || r.der_id AS record_key, r._source_file AS file, r._source_line AS line FROM records AS r\n\
             SEMI JOIN failing AS f ON '{status}/' || r.der_id = f.record_key ORDER BY file DESC, line DESC"
        ))?;
        places.extend(
            (0..found.height())
                .filter_map(|row| Some((found.text("record_key", row)?, (found.value("file", row), found.value("line", row))))),
        );
    }
    let columns = schema::columns![record_key Text, column_name Text, value Text, _source_file Text, _source_line Whole];
    let row = |row: usize| {
        let mut cells: Vec<Value> = columns.iter().map(|column| rows.value(&column.name, row)).collect();
        if let Some((file, line)) = cells[0].as_str().and_then(|key| places.get(key)).cloned() {
            (cells[3], cells[4]) = (file, line);
        }
        cells
    };
    Ok(Frame::from_rows(&columns, &(0..rows.height()).map(row).collect::<Vec<_>>())?)
}

/// Where a record of a metric can be looked up: its dataset, and the feeder or DER that it is about if the row is one.
pub fn place(settings: &Settings, metric: &Metric, key: &str) -> Option<(Dataset, Option<String>)> {
    let adapter = settings.utility(&metric.utility)?;
    let of_der = |key: &str| -> Option<(Dataset, Option<String>)> {
        let (status, id) = key.split_once('/')?;
        let dataset = Dataset::ALL.into_iter().find(|dataset| dataset.der_status() == Some(status))?;
        Some((dataset, Some(id.to_owned())))
    };
    let of_feeder = || {
        // A feeder of segments has no record of its own.
        let own = adapter.dataset(Dataset::Circuits).is_some_and(|circuits| circuits.grain == Grain::Entity);
        own.then(|| (Dataset::Circuits, Some(key.to_owned())))
    };
    match &metric.target {
        DrillTarget::Rule { subject: Subject::Delivery(dataset), .. } | DrillTarget::Cells { dataset, .. } => {
            Some((*dataset, None))
        }
        DrillTarget::Rule { subject: Subject::Feeders, .. } => of_feeder(),
        DrillTarget::Changes { of, .. } if of == "feeders" || of == "circuits" => of_feeder(),
        DrillTarget::Rule { subject: Subject::Ders, .. } | DrillTarget::Changes { .. } => of_der(key),
    }
}

/// The source column that a model column comes from, so that its cell can be marked in the raw record.
pub fn source_columns(settings: &Settings, utility: &str, dataset: Dataset, column: &str) -> Vec<String> {
    let model = match column.strip_suffix("_text").unwrap_or(column) {
        "feeder_match" => "feeder_ref",
        model => model,
    };
    let mapped = settings
        .utility(utility)
        .and_then(|adapter| adapter.dataset(dataset))
        .and_then(|mapped| mapped.column(model))
        .map(|source| source.from.iter().map(|label| crate::config::column_name(label)).collect());
    mapped.unwrap_or_else(|| vec![column.to_owned()])
}
