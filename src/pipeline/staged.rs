//! Rows of a part of a table while months are folded into them: as committed, written and not yet committed, or still a plan.

use crate::engine::Session;
use crate::frame::Relation;
use crate::lake::{DataFile, Lake, Written};
use crate::pipeline::PipelineError;
use crate::pipeline::tables::Table;

/// The rows of a part of a table. They are computed when they are read or committed, straight into a file.
pub(super) struct StagedRows<'a> {
    lake: &'a Lake,
    table: &'static Table,
    /// Partition columns and their values.
    partition: Vec<(&'static str, String)>,
    rows: Rows,
}

enum Rows {
    /// There are none.
    None,
    /// Those of these files of the table.
    Committed(Relation, Vec<DataFile>),
    /// Those of files that are not part of the table yet.
    Written(Relation, Vec<Written>),
    /// Those of a plan, which may read from files that are not part of the table.
    Plan(Box<dyn Session>, String, Vec<Written>),
}

impl<'a> StagedRows<'a> {
    /// No rows.
    pub(super) fn none(lake: &'a Lake, table: &'static Table, partition: Vec<(&'static str, String)>) -> Self {
        Self { lake, table, partition, rows: Rows::None }
    }

    /// The rows are those of files of the table.
    pub(super) fn set_committed(&mut self, rows: Relation, files: Vec<DataFile>) {
        self.rows = if files.is_empty() { Rows::None } else { Rows::Committed(rows, files) };
    }

    /// The rows; `None` if there are none.
    ///
    /// # Errors
    /// They cannot be computed.
    pub(super) fn current(&mut self) -> Result<Option<Relation>, PipelineError> {
        self.compute()?;
        Ok(match &self.rows {
            Rows::Committed(rows, _) | Rows::Written(rows, _) => Some(rows.clone()),
            Rows::None | Rows::Plan(..) => None,
        })
    }

    /// From now on the rows are those of a query, which may read the ones before; the files that it replaces.
    pub(super) fn replace(&mut self, session: Box<dyn Session>, sql: String) -> Vec<DataFile> {
        let (replaced, sources) = match std::mem::replace(&mut self.rows, Rows::None) {
            Rows::Committed(_, files) => (files, Vec::new()),
            // They are needed until the query has been run.
            Rows::Written(_, written) | Rows::Plan(_, _, written) => (Vec::new(), written),
            Rows::None => (Vec::new(), Vec::new()),
        };
        self.rows = Rows::Plan(session, sql, sources);
        replaced
    }

    /// The files that are to be added to the table.
    ///
    /// # Errors
    /// The rows cannot be computed.
    pub(super) fn finish(mut self) -> Result<Vec<Written>, PipelineError> {
        self.compute()?;
        Ok(if let Rows::Written(_, files) = self.rows { files } else { Vec::new() })
    }

    fn compute(&mut self) -> Result<(), PipelineError> {
        self.rows = match std::mem::replace(&mut self.rows, Rows::None) {
            Rows::Plan(session, sql, sources) => {
                let written = write(self.lake, self.table, &self.partition, session, &sql)?;
                drop(sources);
                if written.iter().all(|file| file.rows == 0) {
                    Rows::None
                } else {
                    let parts = written.iter().map(Written::part).collect();
                    Rows::Written(Relation::Files { columns: self.table.columns(), parts }, written)
                }
            }
            computed => computed,
        };
        Ok(())
    }
}

/// Writes a query's rows to files of a part of a table.
pub(super) fn write(
    lake: &Lake,
    table: &Table,
    partition: &[(&str, String)],
    mut session: Box<dyn Session>,
    sql: &str,
) -> Result<Vec<Written>, PipelineError> {
    let values: Vec<(&str, &str)> = partition.iter().map(|(column, value)| (*column, value.as_str())).collect();
    let target = lake.target(&table.id(), &table.columns(), &values)?;
    let files = session.write(sql, &target)?;
    Ok(target.finish(&files)?)
}
