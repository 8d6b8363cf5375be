//! Rows of a part of a table while months are folded into them: as committed, held, written and not yet committed, or still a plan.

use crate::engine::{FEW, Materialized, Session, Work};
use crate::frame::{FilePart, Relation};
use crate::lake::{DataFile, Lake, Target, Written};
use crate::pipeline::PipelineError;
use crate::pipeline::copied::Exchange;
use crate::pipeline::tables::Table;

/// Rows that are held until the next month takes their place; more go into a file.
pub(super) const HELD: u64 = 2 * FEW;

/// The rows of a part of a table. They are computed when they are read or committed; many of them straight into a file.
pub(super) struct StagedRows<'a> {
    lake: &'a Lake,
    work: Work<'a>,
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
    /// These, of which there is no file.
    Held(Materialized),
    /// Those of files that are not part of the table yet.
    Written(Relation, Vec<Written>),
    /// Those of a plan.
    Plan(Plan),
}

/// A query whose rows take the place of others.
struct Plan {
    session: Box<dyn Session>,
    sql: String,
    /// How many rows there are at most.
    at_most: u64,
    /// Files that are not part of the table, and are read.
    sources: Vec<Written>,
    /// Columns in which no row has a value.
    valueless: Vec<&'static str>,
    /// The same rows, of which most are in these files.
    copied: Option<(Vec<FilePart>, Exchange)>,
}

impl<'a> StagedRows<'a> {
    /// No rows.
    pub(super) fn none(
        (lake, work): (&'a Lake, Work<'a>),
        table: &'static Table,
        partition: Vec<(&'static str, String)>,
    ) -> Self {
        Self { lake, work, table, partition, rows: Rows::None }
    }

    /// The rows are those of files of the table.
    pub(super) fn set_committed(&mut self, rows: Relation, files: Vec<DataFile>) {
        self.rows = if files.is_empty() { Rows::None } else { Rows::Committed(rows, files) };
    }

    /// How many rows there are at most.
    pub(super) fn at_most(&self) -> u64 {
        match &self.rows {
            Rows::None => 0,
            Rows::Committed(_, files) => files.iter().map(|file| file.rows).sum(),
            Rows::Held(held) => held.rows,
            Rows::Written(_, files) => files.iter().map(|file| file.rows).sum(),
            Rows::Plan(plan) => plan.at_most,
        }
    }

    /// The rows; `None` if there are none.
    ///
    /// # Errors
    /// They cannot be computed.
    pub(super) fn current(&mut self) -> Result<Option<Relation>, PipelineError> {
        self.rows = match std::mem::replace(&mut self.rows, Rows::None) {
            Rows::Plan(mut plan) => match plan.hold()? {
                Some(held) if held.rows == 0 => Rows::None,
                Some(held) => Rows::Held(held),
                None => self.written(plan)?,
            },
            computed => computed,
        };
        Ok(match &self.rows {
            Rows::Held(held) => Some(held.relation.clone()),
            Rows::Committed(rows, _) | Rows::Written(rows, _) => Some(rows.clone()),
            Rows::None | Rows::Plan(_) => None,
        })
    }

    /// From now on the rows are those of a query, which may read the ones before, so many at most; the files that it replaces.
    pub(super) fn replace(&mut self, session: Box<dyn Session>, sql: String, at_most: u64) -> Vec<DataFile> {
        let (replaced, sources) = match std::mem::replace(&mut self.rows, Rows::None) {
            Rows::Committed(_, files) => (files, Vec::new()),
            // They are needed until the query has been run.
            Rows::Written(_, sources) | Rows::Plan(Plan { sources, .. }) => (Vec::new(), sources),
            Rows::None | Rows::Held(_) => (Vec::new(), Vec::new()),
        };
        self.rows = Rows::Plan(Plan { session, sql, at_most, sources, valueless: Vec::new(), copied: None });
        replaced
    }

    /// The same, of rows most of which are those before.
    pub(super) fn exchange(
        &mut self,
        session: Box<dyn Session>,
        sql: String,
        at_most: u64,
        exchange: Option<Exchange>,
    ) -> Vec<DataFile> {
        let files = match &self.rows {
            Rows::Committed(Relation::Files { parts, .. }, files) if files.iter().all(DataFile::is_own) => Some(parts.clone()),
            Rows::Written(Relation::Files { parts, .. }, _) => Some(parts.clone()),
            _ => None,
        };
        let replaced = self.replace(session, sql, at_most);
        if let Rows::Plan(plan) = &mut self.rows {
            plan.copied = files.zip(exchange);
        }
        replaced
    }

    /// The columns in which none of many rows that are written has a value: to copy them costs time.
    pub(super) fn valueless(&self) -> Vec<&'static str> {
        let are_without = |column: &&'static str| match &self.rows {
            Rows::Committed(_, files) => files.iter().all(|file| file.is_without(column)),
            Rows::Written(_, files) => files.iter().all(|file| file.is_without(column)),
            Rows::None | Rows::Held(_) | Rows::Plan(_) => false,
        };
        let columns = self.table.column_names().filter(are_without);
        if self.at_most() > HELD { columns.collect() } else { Vec::new() }
    }

    /// None of the rows that take the place of others has a value in these columns.
    pub(super) fn leave_out(&mut self, columns: Vec<&'static str>) {
        if let Rows::Plan(plan) = &mut self.rows {
            plan.valueless = columns;
        }
    }

    /// The files that are to be added to the table.
    ///
    /// # Errors
    /// The rows cannot be computed.
    pub(super) fn finish(mut self) -> Result<Vec<Written>, PipelineError> {
        let written = match std::mem::replace(&mut self.rows, Rows::None) {
            Rows::Plan(plan) => self.written(plan)?,
            Rows::Held(held) => {
                let mut session = self.work.session()?;
                session.register("held", &held.relation)?;
                self.written(Plan {
                    session,
                    sql: "SELECT * FROM held".into(),
                    at_most: held.rows,
                    sources: Vec::new(),
                    valueless: Vec::new(),
                    copied: None,
                })?
            }
            computed => computed,
        };
        Ok(if let Rows::Written(_, files) = written { files } else { Vec::new() })
    }

    fn target(&self, valueless: &[&str]) -> Result<Target, PipelineError> {
        target((self.lake, self.table), &self.partition, valueless)
    }

    fn written(&self, plan: Plan) -> Result<Rows, PipelineError> {
        let copied = match &plan.copied {
            Some((files, exchange)) => exchange.write(self.work, files, self.target(&plan.valueless)?)?,
            None => None,
        };
        let written = match copied {
            Some(exchanged) => vec![exchanged.file],
            None => write_without((self.lake, self.table), &self.partition, plan.session, &plan.sql, &plan.valueless)?,
        };
        if written.iter().all(|file| file.rows == 0) {
            return Ok(Rows::None);
        }
        let parts = written.iter().map(Written::part).collect();
        Ok(Rows::Written(Relation::Files { columns: self.table.columns(), parts }, written))
    }
}

impl Plan {
    /// Its rows, where they are few.
    fn hold(&mut self) -> Result<Option<Materialized>, PipelineError> {
        if self.at_most > HELD {
            return Ok(None);
        }
        Ok(self.session.name_few("held", &self.sql, HELD)?)
    }
}

/// Writes a query's rows to files of a part of a table.
pub(super) fn write(
    lake: &Lake,
    table: &Table,
    partition: &[(&str, String)],
    session: Box<dyn Session>,
    sql: &str,
) -> Result<Vec<Written>, PipelineError> {
    write_without((lake, table), partition, session, sql, &[])
}

/// The same of rows none of which has a value in some columns: the files do not have them.
pub(super) fn write_without(
    (lake, table): (&Lake, &Table),
    partition: &[(&str, String)],
    mut session: Box<dyn Session>,
    sql: &str,
    valueless: &[&str],
) -> Result<Vec<Written>, PipelineError> {
    let target = target((lake, table), partition, valueless)?;
    let files = session.write(sql, &target)?;
    Ok(target.finish(&files)?)
}

/// A place for files of a part of a table without some columns.
pub(super) fn target(
    (lake, table): (&Lake, &Table),
    partition: &[(&str, String)],
    valueless: &[&str],
) -> Result<Target, PipelineError> {
    let values: Vec<(&str, &str)> = partition.iter().map(|(column, value)| (*column, value.as_str())).collect();
    Ok(lake.target(&table.id(), &table.columns(), &values)?.without(valueless))
}
