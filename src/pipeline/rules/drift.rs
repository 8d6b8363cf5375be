//! How the columns of a delivery differ from those of the delivery before.
//!
//! Types and renames are judged by content: by the first rows of each month, since a column that changes changes
//! throughout. What the types are stands with the file in bronze, so that rows are read only where it does not.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::CheckResult;
use crate::config::rules::Drift;
use crate::frame::{Column, ColumnType, Frame, Value, schema};
use crate::model::cell::{NullSentinels, bare};
use crate::model::inferred_type::{InferredType, SAMPLE_ROWS, TypeCounts};
use crate::model::{Dataset, Month, UtilityId};
use crate::pipeline::PipelineError;
use crate::pipeline::bronze::{BronzeTables, CommittedFile};
use crate::pipeline::sql::name;

/// Deliveries before one that its columns are compared with.
pub(super) const DELIVERIES_BEFORE: usize = 2;
/// The share of the values of a column that must be in another for it to be the same column.
const SAME_CONTENT: f64 = 0.5;

/// All differences of one delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SchemaDrift {
    /// Columns of the delivery before.
    columns: u64,
    /// What differs: the kind, the column and what is worth saying.
    found: Vec<(Drift, String, String)>,
}

impl SchemaDrift {
    /// How a delivery differs from the one before; `None` if there is none before.
    pub(super) fn of(
        schemas: &Schemas,
        bronze: &BronzeTables<'_>,
        dataset: Dataset,
        month: Month,
    ) -> Result<Option<Self>, PipelineError> {
        let earlier: Vec<Month> = bronze.months(dataset).into_iter().filter(|other| *other < month).collect();
        let [.., last] = earlier.as_slice() else { return Ok(None) };
        let before_last = earlier.len().checked_sub(DELIVERIES_BEFORE).map(|at| earlier[at]);
        compare(schemas, (bronze, dataset), month, *last, before_last).map(Some)
    }

    /// The differences of a kind; columns are counted.
    pub(super) fn found(&self, drift: Drift) -> CheckResult {
        let details: Vec<&str> =
            self.found.iter().filter(|(kind, ..)| *kind == drift).map(|(_, _, detail)| detail.as_str()).collect();
        let detail = (!details.is_empty()).then(|| details.join("; "));
        CheckResult::Counts { checked: self.columns, failed: details.len() as u64, detail }
    }

    /// The same as rows: the column, what happened to it, and the line of the header.
    pub(super) fn rows(&self, drift: Drift, file: Option<&str>) -> Result<Frame, PipelineError> {
        let text = |name| Column::new(name, ColumnType::Text);
        let columns = [
            text("record_key"),
            text("column_name"),
            text("value"),
            text("_source_file"),
            Column::new("_source_line", ColumnType::Whole),
        ];
        let row = |(_, column, detail): &(Drift, String, String)| {
            let cells = [column.clone(), column.clone(), detail.clone()].map(Value::Text);
            cells.into_iter().chain([Value::text(file), Value::Whole(1)]).collect::<Vec<_>>()
        };
        let rows: Vec<Vec<Value>> = self.found.iter().filter(|(kind, ..)| *kind == drift).map(row).collect();
        Frame::from_rows(&columns, &rows)
            .map_err(|error| PipelineError::Rows { table: "the drift of columns".into(), message: error.to_string() })
    }
}

fn compare(
    schemas: &Schemas,
    (bronze, dataset): (&BronzeTables<'_>, Dataset),
    month: Month,
    last: Month,
    before_last: Option<Month>,
) -> Result<SchemaDrift, PipelineError> {
    let (now, was) = (schemas.at(bronze, dataset, month)?, schemas.at(bronze, dataset, last)?);
    let mut added: Vec<&String> = now.columns.iter().filter(|column| !was.has(column)).collect();
    let mut removed: Vec<&String> = was.columns.iter().filter(|column| !now.has(column)).collect();
    let mut found = Vec::new();
    let renamed = if removed.is_empty() || added.is_empty() {
        Vec::new()
    } else {
        let sample = |of: &Schema, month| Sample::of(bronze, dataset, month, &of.columns);
        renames(&removed, &sample(&was, last)?, &added, &sample(&now, month)?)
    };
    for (old, new) in renamed {
        found.push((Drift::Renamed, new.clone(), format!("`{old}` seems to be `{new}` now")));
        added.retain(|column| **column != new);
        removed.retain(|column| **column != old);
    }
    found.extend(removed.iter().map(|column| (Drift::Removed, (*column).clone(), format!("`{column}` is gone"))));
    found.extend(added.iter().map(|column| (Drift::Added, (*column).clone(), format!("`{column}` is new"))));
    let types = |column: &String| Some((column.clone(), was.inferred_type(column)?, now.inferred_type(column)?));
    let mut retyped: Vec<(String, InferredType, InferredType)> = was.columns.iter().filter_map(types).collect();
    retyped.retain(|(_, old, new)| old != new);
    if let (Some(month), false) = (before_last, retyped.is_empty()) {
        // A column that is again as it was two months ago has been fixed.
        let older = schemas.at(bronze, dataset, month)?;
        retyped.retain(|(column, _, new)| older.inferred_type(column) != Some(*new));
    }
    let told = |(column, old, new): (String, InferredType, InferredType)| {
        let detail = format!("`{column}` holds {} after {}", new.as_str(), old.as_str());
        (Drift::Retyped, column, detail)
    };
    found.extend(retyped.into_iter().map(told));
    let common = |of: &Schema, other: &Schema| -> Vec<String> {
        of.columns.iter().filter(|column| other.has(column)).map(|column| column.to_lowercase()).collect()
    };
    let (order_was, order_now) = (common(&was, &now), common(&now, &was));
    let moved = order_was.iter().zip(&order_now).filter(|(a, b)| a != b);
    found.extend(moved.map(|(old, new)| (Drift::Reordered, new.clone(), format!("`{new}` is where `{old}` was"))));
    Ok(SchemaDrift { columns: was.columns.len() as u64, found })
}

/// The pairs of a column that is gone and one that is new whose content is the same, each the best for the other.
fn renames(removed: &[&String], was: &Sample, added: &[&String], now: &Sample) -> Vec<(String, String)> {
    let mut pairs: Vec<(f64, &String, &String)> = Vec::new();
    for old in removed {
        for new in added {
            let (a, b) = (was.values(old), now.values(new));
            let smaller = a.len().min(b.len());
            if smaller > 0 {
                pairs.push((a.intersection(&b).count() as f64 / smaller as f64, old, new));
            }
        }
    }
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut gone, mut taken, mut renamed) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for (share, old, new) in pairs {
        if share >= SAME_CONTENT && !gone.contains(old) && !taken.contains(new) {
            gone.insert(old);
            taken.insert(new);
            renamed.push((old.clone(), new.clone()));
        }
    }
    renamed
}

/// The columns of deliveries. Most are looked at twice: as those of a month, and as those of the month before.
#[derive(Default)]
pub(super) struct Schemas(Mutex<HashMap<(UtilityId, Dataset, Month), Arc<Schema>>>);

impl Schemas {
    fn at(&self, bronze: &BronzeTables<'_>, dataset: Dataset, month: Month) -> Result<Arc<Schema>, PipelineError> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (bronze.adapter.id.clone(), dataset, month);
        if let Some(schema) = known().get(&place) {
            return Ok(schema.clone());
        }
        let schema = Arc::new(Schema::of(bronze, dataset, month)?);
        known().insert(place, schema.clone());
        Ok(schema)
    }
}

/// The columns of a month's files, in their order, and what they hold.
struct Schema {
    columns: Vec<String>,
    types: Vec<Option<InferredType>>,
}

impl Schema {
    fn of(bronze: &BronzeTables<'_>, dataset: Dataset, month: Month) -> Result<Self, PipelineError> {
        let files: Vec<&CommittedFile> = bronze.delivered(dataset, month).collect();
        let mut columns: Vec<String> = Vec::new();
        for file in &files {
            let new = file.columns().into_iter().filter(|column| !schema::is_lineage(column));
            let unknown: Vec<String> = new.filter(|column| !columns.contains(column)).collect();
            columns.extend(unknown);
        }
        let known = match files.as_slice() {
            [only] => only.inferred_types(bronze.adapter).filter(|types| types.len() == columns.len()),
            _ => None,
        };
        let types = match known {
            Some(types) => types,
            None => Sample::of(bronze, dataset, month, &columns)?.inferred_types(&columns),
        };
        Ok(Self { columns, types })
    }

    fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|other| other.eq_ignore_ascii_case(column))
    }

    fn has(&self, column: &str) -> bool {
        self.place(column).is_some()
    }

    /// What most values of a column are, if that can be told.
    fn inferred_type(&self, column: &str) -> Option<InferredType> {
        self.types.get(self.place(column)?).copied().flatten()
    }
}

/// The first rows of a month.
struct Sample {
    rows: Frame,
    decimal_mark: char,
    null_sentinels: NullSentinels,
}

impl Sample {
    fn of(bronze: &BronzeTables<'_>, dataset: Dataset, month: Month, columns: &[String]) -> Result<Self, PipelineError> {
        let mut session = bronze.work.session()?;
        let mut rows = Frame::default();
        if let (Some(delivered), false) = (bronze.rows(dataset, |other| other == month)?, columns.is_empty()) {
            session.register("bronze", &delivered)?;
            let list: Vec<String> = columns.iter().map(|column| name(column)).collect();
            rows = session.query(&format!("SELECT {} FROM bronze LIMIT {SAMPLE_ROWS}", list.join(", ")))?;
        }
        let null_sentinels = NullSentinels::new(&bronze.adapter.null_values);
        Ok(Self { rows, decimal_mark: bronze.adapter.dialect.decimal, null_sentinels })
    }

    /// What is present of a column, without blanks around.
    fn present(&self, column: &str) -> impl Iterator<Item = &str> {
        self.rows.texts(column).map(bare).filter(|text| !self.null_sentinels.contain(text))
    }

    fn values(&self, column: &str) -> BTreeSet<&str> {
        self.present(column).collect()
    }

    /// What most values of each column are, if that can be told.
    fn inferred_types(&self, columns: &[String]) -> Vec<Option<InferredType>> {
        let inferred = |column: &String| {
            let mut types = TypeCounts::default();
            self.present(column).for_each(|value| types.add(value, 1, self.decimal_mark));
            types.inferred()
        };
        columns.iter().map(inferred).collect()
    }
}
