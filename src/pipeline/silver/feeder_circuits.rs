//! Which circuits lead to which feeders, as a table of what is current before a month.

use super::segments::Segments;
use super::{Build, circuits, replace_utility};
use crate::engine::{Materialized, Session};
use crate::frame::Relation;
use crate::lake::DataFile;
use crate::model::{Dataset, Month};
use crate::pipeline::{PipelineError, store, tables};

impl Build<'_> {
    /// The circuits as they were before the first month that is folded.
    pub(super) fn circuits_before(&self, first: Month, segments: &mut Segments<'_, '_>) -> Result<Materialized, PipelineError> {
        let mut session = self.session()?;
        if !segments.name_before(session.as_mut(), first)? {
            return Ok(Materialized::default());
        }
        session.create_view("parts", circuits::SINGLE_SEGMENTS)?;
        session.materialize("pairs", circuits::PAIRS)?;
        Ok(session.materialize("circuits", &circuits::circuits_of_segments(&self.bronze.adapter.id))?)
    }

    /// The circuits of the table, if they are those before the first month that is folded.
    pub(super) fn committed_circuits(&self) -> Result<Option<Materialized>, PipelineError> {
        let Some(from) = self.from() else { return Ok(None) };
        let Some(table) = self.bronze.lake.snapshot(&tables::FEEDER_CIRCUITS.id())? else { return Ok(None) };
        let is_ours = |file: &DataFile| file.partition_value("utility_id") == Some(self.bronze.adapter.id.as_str());
        let is_before = |file: &DataFile| file.tag(store::AS_OF).and_then(Month::parse).is_some_and(|month| month < from);
        let mut files = table.files.iter().filter(|file| is_ours(file)).peekable();
        if files.peek().is_none() || !files.clone().all(is_before) {
            return Ok(None);
        }
        Ok(Some(Materialized { rows: files.map(|file| file.rows).sum(), relation: table.scan(is_ours) }))
    }

    pub(super) fn commit_circuits(&self, circuits: &Materialized) -> Result<(), PipelineError> {
        let table = &tables::FEEDER_CIRCUITS;
        let mut written = Vec::new();
        if circuits.rows > 0 {
            let mut session = self.session()?;
            session.register("circuits", &circuits.relation)?;
            let partition = [("utility_id", self.bronze.adapter.id.as_str())];
            let target = self.bronze.lake.target(&table.id(), &table.columns(), &partition)?;
            let files = session.write("SELECT * FROM circuits", &target)?;
            written = target.finish(&files)?;
            if let Some(month) = self.bronze.months(Dataset::Circuits).last() {
                for file in &mut written {
                    file.note(store::AS_OF, month);
                }
            }
        }
        replace_utility(self.bronze, table, written, self.fingerprint)
    }
}

/// The circuits after a month that only touched those of relation `touched`, of which `after` is the plan.
pub(super) fn after_touched(
    session: &mut dyn Session,
    segments: &Segments<'_, '_>,
    after: &str,
    before: &Materialized,
) -> Result<Materialized, PipelineError> {
    segments.name_folded(session, Some("circuit_id"))?;
    session.create_view("parts", circuits::SINGLE_SEGMENTS)?;
    session.materialize("pairs", circuits::PAIRS)?;
    session.create_view("circuits_now", after)?;
    let none = Relation::empty(&tables::FEEDER_CIRCUITS.columns());
    session.register("circuits_before", if before.rows > 0 { &before.relation } else { &none })?;
    Ok(session.materialize("circuits", circuits::AFTER_TOUCHED)?)
}
