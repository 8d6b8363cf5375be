//! The DERs that corrections touch: those of the records that a month does not hold in the place and with the cells that it had.
//!
//! A file that came again holds most records as it did. Their DERs have the history that they had; only that of the others is folded
//! again, as long as these are a thousand or an eighth of the file.

use super::Build;
use super::conform;
use super::plan::keys;
use crate::config::{DatasetAdapter, column_name};
use crate::engine::{FEW, Materialized, Session};
use crate::frame::{Frame, Relation, Value, schema};
use crate::model::{Dataset, Delivery, Month};
use crate::pipeline::PipelineError;
use crate::pipeline::bronze::{BronzeTables, CommittedFile};
use crate::pipeline::kept::{RECORD_HASH, are_told_apart};
use crate::pipeline::picked::{self, Picked};

/// So many records of a file may be other than they were: at least as many as cost nothing, and no more than can be held.
fn most_touched(rows: usize) -> usize {
    (rows / 8).clamp(1_000, FEW as usize)
}

/// The keys of the DERs (`status`, `der_id`) whose history may be another one after deliveries changed. `None` where it may be that of any: each
/// of the deliveries has to be one file that came again, with nearly all records where they were and every feeder and circuit that it had.
///
/// # Errors
/// A plan is wrong, or somebody asked to stop.
pub(super) fn ders(build: &Build<'_>) -> Result<Option<Materialized>, PipelineError> {
    let (Some(changes), Some(before)) = (build.changes, build.before) else { return Ok(None) };
    let mut session = build.session()?;
    let mut parts = vec!["SELECT CAST(NULL AS VARCHAR) AS status, CAST(NULL AS VARCHAR) AS der_id".to_owned()];
    for (dataset, month) in changes.deliveries() {
        let Some([was, is]) = came_again([before, build.bronze], dataset, month) else { return Ok(None) };
        if dataset == Dataset::Circuits {
            if was.read(session.as_mut())? != is.read(session.as_mut())? {
                return Ok(None);
            }
            continue;
        }
        for side in [was, is] {
            side.name_records(session.as_mut())?;
            let part = format!("part_{}", parts.len());
            let status = dataset.der_status().unwrap_or_default();
            session.materialize(&part, &format!("SELECT '{status}' AS status, der_id FROM records"))?;
            parts.push(format!("SELECT status, der_id FROM {part}"));
        }
    }
    let parts = parts.join("\nUNION ALL\n");
    let distinct = format!("SELECT DISTINCT status, der_id FROM ({parts}) AS parts WHERE der_id IS NOT NULL");
    Ok(session.name_few("touched", &distinct, FEW)?)
}

/// A delivery before the run, or after it.
struct Side<'b> {
    bronze: &'b BronzeTables<'b>,
    adapter: &'b DatasetAdapter,
    /// Its records of which the other side has none with the same cells in the same place, as far as it takes to know what they are about.
    records: Frame,
}

impl Side<'_> {
    /// Names what they are about `records`.
    fn name_records(&self, session: &mut dyn Session) -> Result<(), PipelineError> {
        session.register("bronze", &self.records.relation())?;
        Ok(conform::referring_records(self.bronze, self.adapter).create_views(session)?)
    }

    /// What they are about, record by record.
    fn read(&self, session: &mut dyn Session) -> Result<Vec<Vec<Value>>, PipelineError> {
        self.name_records(session)?;
        let columns = [keys(self.adapter), vec!["feeder_id".into(), "circuit_id".into()]].concat().join(", ");
        let found = session.query(&format!("SELECT {columns} FROM records ORDER BY _source_line"))?;
        Ok((0..found.height()).map(|row| found.row(row)).collect())
    }
}

/// What is other than it was in a delivery that came again; `None` where it is not one file under the same name, or where more may follow from
/// it than its records say.
fn came_again<'b>([before, now]: [&'b BronzeTables<'b>; 2], dataset: Dataset, month: Month) -> Option<[Side<'b>; 2]> {
    let (was, is) = (only_file(before, dataset, month)?, only_file(now, dataset, month)?);
    let adapter = now.adapter.dataset(dataset)?;
    // What could not be read keeps what it names from being gone.
    let is_read = |file: &CommittedFile| adapter.delivery != Delivery::Snapshot || file.records == Some(file.rows);
    if was.source_file != is.source_file || !is_read(was) || !is_read(is) || !are_told_apart(now, dataset) {
        return None;
    }
    let (was, is) = (Numbered::of(before, dataset, month)?, Numbered::of(now, dataset, month)?);
    let side = |bronze: &'b BronzeTables<'b>, rows: &Numbered, others: &Numbered| {
        let records = rows.other_than(others, (bronze, adapter))?;
        Some(Side { bronze, adapter, records })
    };
    Some([side(before, &was, &is)?, side(now, &is, &was)?])
}

/// The only file of a delivery.
fn only_file<'b>(bronze: &'b BronzeTables<'b>, dataset: Dataset, month: Month) -> Option<&'b CommittedFile> {
    let mut files = bronze.delivered(dataset, month);
    files.next().filter(|_| files.next().is_none())
}

/// The rows of a delivery: what tells each of them.
struct Numbered {
    files: Relation,
    /// Number and line of each.
    rows: Vec<(i64, i64)>,
}

impl Numbered {
    /// `None` where they cannot be read: a file that is not part of the table any more may be gone.
    fn of(bronze: &BronzeTables<'_>, dataset: Dataset, month: Month) -> Option<Self> {
        let files = bronze.rows(dataset, |other| other == month).ok()??;
        let Relation::Files { parts, .. } = &files else { return None };
        let of_rows = |column: &str| Some(picked::numbers(bronze.work, column, parts).ok()??.concat());
        let rows = of_rows(RECORD_HASH)?.into_iter().zip(of_rows("_source_line")?).collect();
        Some(Self { files, rows })
    }

    /// The rows that are others in the same place of another delivery; `None` where these are too many, or cannot be read.
    fn other_than(&self, other: &Self, (bronze, adapter): (&BronzeTables<'_>, &DatasetAdapter)) -> Option<Frame> {
        let is_read = |name: &str| conform::reference_labels(adapter).any(|label| column_name(label).eq_ignore_ascii_case(name));
        let Relation::Files { columns, parts } = self.files.narrowed(|name| schema::is_lineage(name) || is_read(name)) else {
            return None;
        };
        let differs = |place: &u32| self.rows.get(*place as usize) != other.rows.get(*place as usize);
        let places: Vec<u32> = (0..self.rows.len() as u32).filter(differs).collect();
        if places.len() > most_touched(self.rows.len()) {
            return None;
        }
        picked::rows((bronze.work, "delivery"), &columns, parts.iter().map(|part| (part, Picked::At(&places)))).ok()?
    }
}
