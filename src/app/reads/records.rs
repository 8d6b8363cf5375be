//! Which records does a metric count?

use super::{QueryError, months, rejected};
use crate::config::rules::Subject;
use crate::config::{Grain, Settings};
use crate::engine::{Work, local};
use crate::frame::Frame;
use crate::lake::Lake;
use crate::model::{Cancel, CellState, Dataset, Month};
use crate::pipeline::bronze::BronzeTables;
use crate::pipeline::quality::cells;
use crate::pipeline::rules::Evaluator;

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
    },
    /// Records that were rejected.
    Rejected,
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
}

/// At most so many records are shown.
pub const MOST: usize = 1000;

/// The records: `record_key, column_name, value, _source_file, _source_line`; the last two null where a row has no line.
///
/// # Errors
/// A table cannot be read.
pub fn behind(lake: &Lake, settings: &Settings, metric: &Metric) -> Result<Frame, QueryError> {
    let Some(adapter) = settings.utility(&metric.utility) else { return Ok(Frame::default()) };
    match &metric.target {
        DrillTarget::Rule { rule, subject } => {
            let Some(rule) = settings.rules.rule(rule) else { return Ok(Frame::default()) };
            let cancel = Cancel::default();
            let bronze = BronzeTables::open_all(lake, &settings.utilities, Work::local(&cancel))?;
            let evaluator = Evaluator { bronze: &bronze, rules: &settings.rules, today: settings.today };
            Ok(evaluator.failing_rows(rule, &metric.utility, *subject, metric.month, MOST)?)
        }
        DrillTarget::Cells { dataset, column, state } => {
            let of = cells::CellColumn { adapter, dataset: *dataset, month: metric.month, column };
            Ok(cells::rows(lake, &of, *state, MOST)?)
        }
        DrillTarget::Changes { of, from } => {
            let differences = months::between(lake, *from, metric.month, Some(&metric.utility))?;
            let condition = months::of_dataset(of);
            let mut session = local().session(&Cancel::default())?;
            session.register("t", &differences.relation())?;
            Ok(session.query(&format!(
                "SELECT entity_key AS record_key, COALESCE(column_name, change) AS column_name,\n\
                 \x20 CASE WHEN change = 'changed' THEN COALESCE(old_value, 'null') || ' → ' || COALESCE(new_value, 'null') ELSE change END AS value,\n\
                 \x20 CAST(NULL AS VARCHAR) AS _source_file, CAST(NULL AS BIGINT) AS _source_line\n\
                 FROM t WHERE {condition}\n\
                 ORDER BY CASE WHEN column_name = 'max_hosting_capacity_mw' THEN 0 ELSE 1 END,\n\
                 \x20 0 - ABS(COALESCE(TRY_CAST(new_value AS DOUBLE) - TRY_CAST(old_value AS DOUBLE), 0.0)), record_key, column_name LIMIT {MOST}"
            ))?)
        }
        DrillTarget::Rejected => {
            let wanted = rejected::RejectedFilter {
                utility: Some(&metric.utility),
                month: Some(metric.month),
                ..rejected::RejectedFilter::default()
            };
            let rows = rejected::records(lake, wanted)?;
            let mut session = local().session(&Cancel::default())?;
            session.register("t", &rows.relation())?;
            Ok(session.query(
                "SELECT dataset || ' ' || COALESCE(value, '') AS record_key, reason AS column_name, raw_record AS value,\n\
                 \x20 source_file AS _source_file, source_line AS _source_line FROM t ORDER BY _source_file, _source_line",
            )?)
        }
    }
}

/// Where a record of a metric can be looked up: its dataset, and the feeder or DER that it is about if the row is one.
pub fn place(settings: &Settings, metric: &Metric, key: &str, file: Option<&str>) -> Option<(Dataset, Option<String>)> {
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
        DrillTarget::Rejected => {
            let dataset = key.split(' ').next().and_then(Dataset::parse);
            dataset.filter(|_| file.is_some()).map(|dataset| (dataset, None))
        }
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
