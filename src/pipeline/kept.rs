//! The rows of a delivery that count, and which of them it repeats of the delivery before.
//!
//! A record that the delivery before held, cell for cell, changes nothing: silver leaves it where it is, and the comparison of months
//! need not read it. Bronze has a number for each record that tells so (`_record_hash`).

use super::bronze::BronzeTables;
use super::{PipelineError, rejected};
use crate::config::column_name;
use crate::engine::Session;
use crate::frame::{Relation, schema};
use crate::model::{Dataset, Month};
use crate::pipeline::bronze::is_nameless;

/// The bronze rows of a delivery that silver kept: of each key one.
pub(super) struct KeptRows {
    rows: Relation,
    /// The places of the others, where there are any.
    lost: Option<Relation>,
}

impl KeptRows {
    /// Looks at what was rejected.
    ///
    /// # Errors
    /// A table cannot be read.
    pub(super) fn of(bronze: &BronzeTables<'_>, dataset: Dataset, month: Month) -> Result<Self, PipelineError> {
        let rows = bronze.rows(dataset, |other| other == month)?.unwrap_or_else(|| Relation::empty(&[]));
        let rejected = rejected::of_month(bronze, month)?;
        if rejected.is_empty() {
            return Ok(Self { rows, lost: None });
        }
        let mut session = bronze.work.session()?;
        session.register("rejected", &rejected)?;
        let of_silver = format!("dataset = '{dataset}' AND stage = 'silver' AND source_line IS NOT NULL");
        let places = "SELECT source_file AS lost_file, source_line AS lost_line FROM rejected";
        let lost = session.materialize("lost", &format!("{places} WHERE {of_silver}"))?;
        Ok(Self { rows, lost: (lost.rows > 0).then_some(lost.relation) })
    }

    /// Names them, in those of their columns that are wanted.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn name(
        &self,
        session: &mut dyn Session,
        relation: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<(), PipelineError> {
        session.register(relation, &self.rows.narrowed(wanted))?;
        if let Some(lost) = &self.lost {
            session.register("lost", lost)?;
            let kept = "LEFT ANTI JOIN lost AS l ON r._source_line = l.lost_line AND r._source_file = l.lost_file";
            session.create_view(relation, &format!("SELECT r.* FROM {relation} AS r {kept}"))?;
        }
        Ok(())
    }
}

/// The rows of the delivery before, where a delivery is likely to repeat some.
pub(super) struct DeliveryBefore {
    /// Its month.
    pub(super) month: Month,
    /// Those of its rows that count.
    pub(super) kept: KeptRows,
}

impl DeliveryBefore {
    /// That of a dataset's month. `None` where nothing can be told by the numbers of the records, or where the month brings less than half
    /// as much as the one before: changes alone repeat nothing.
    ///
    /// # Errors
    /// A table cannot be read.
    pub(super) fn of(bronze: &BronzeTables<'_>, dataset: Dataset, month: Month) -> Result<Option<Self>, PipelineError> {
        let Some(before) = bronze.months(dataset).into_iter().rfind(|other| *other < month) else { return Ok(None) };
        let of_both = |file: &&super::bronze::CommittedFile| file.dataset == dataset && [before, month].contains(&file.month);
        let has_hashes = bronze.files.iter().filter(of_both).all(|file| file.rows == 0 || file.stores(RECORD_HASH));
        let is_told = has_hashes && !bronze.adapter.labels_read(dataset).any(|label| is_nameless(&column_name(label)));
        if !is_told || 2 * bronze.row_count(dataset, month) < bronze.row_count(dataset, before) {
            return Ok(None);
        }
        Ok(Some(Self { month: before, kept: KeptRows::of(bronze, dataset, before)? }))
    }

    /// Of the rows of a relation the ones that this delivery did not hold, by the same name.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn leave_new(&self, session: &mut dyn Session, relation: &str) -> Result<(), PipelineError> {
        self.kept.name(session, "hashes_before", |column| column == RECORD_HASH || schema::is_lineage(column))?;
        session.create_view(relation, &not_in(relation, "hashes_before"))?;
        Ok(())
    }
}

/// The column of bronze that tells equal records.
pub(super) const RECORD_HASH: &str = "_record_hash";

/// The rows of a relation that another one does not hold, cell for cell.
pub(super) fn not_in(relation: &str, other: &str) -> String {
    format!("SELECT r.* FROM {relation} AS r LEFT ANTI JOIN {other} AS o ON r.{RECORD_HASH} = o.{RECORD_HASH}")
}
