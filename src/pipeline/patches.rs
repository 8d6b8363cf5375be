//! Rows of a part of a table of which each month brings some anew: what is current is the newest row of each key.
//!
//! A month adds a patch, a file of its own, and what it does not touch is not written again. A patch takes in those before it
//! that are not larger; when all that came since the first one are half as large as that, everything becomes one patch. So a row
//! is written again a few times in all its life, and a part has a dozen files at most.

use crate::engine::{EngineError, Materialized, Session};
use crate::frame::Relation;
use crate::lake::{DataFile, Written};
use crate::model::Month;
use crate::pipeline::PipelineError;
use crate::pipeline::bronze::BronzeTables;
use crate::pipeline::staged::{self, HELD};
use crate::pipeline::store::{self, AS_OF, Transactions};
use crate::pipeline::tables::Table;

/// The tag of a data file that took in everything before it.
const WHOLE: &str = "feederscope.whole";

/// The patches of a part, the oldest first. Rows have a `record_key`, and a patch has one row of each key.
pub(super) struct Patches<'a> {
    bronze: &'a BronzeTables<'a>,
    table: &'static Table,
    /// Partition columns and their values.
    partition: Vec<(&'static str, String)>,
    stack: Vec<Patch>,
    replaced: Vec<DataFile>,
}

struct Patch {
    /// The last month that it knows.
    as_of: Month,
    rows: u64,
    /// Whether it took in everything before it.
    is_whole: bool,
    relation: Relation,
    source: Source,
}

enum Source {
    Committed(Box<DataFile>),
    /// It may be taken in before it is committed.
    Held,
    Written(Vec<Written>),
}

impl<'a> Patches<'a> {
    /// Those that hold what was known before a month; none without one.
    ///
    /// # Errors
    /// The table cannot be read.
    pub(super) fn before(
        bronze: &'a BronzeTables<'a>,
        table: &'static Table,
        partition: Vec<(&'static str, String)>,
        from: Option<Month>,
    ) -> Result<Self, PipelineError> {
        Self::open(bronze, table, partition, |month| from.is_some_and(|from| month < from))
    }

    /// Those of the table, whose patches of the months from one up to another, and without it, are outdated, and no others:
    /// the first of the later ones has a row of each key that they have. `None` where there is none: these go on.
    ///
    /// # Errors
    /// The table cannot be read.
    pub(super) fn rejoined(&self, from: Option<Month>, rejoined: Option<Month>) -> Result<Option<Self>, PipelineError> {
        let table = Self::open(self.bronze, self.table, self.partition.clone(), |month| {
            from.is_some_and(|from| month < from) || rejoined.is_some_and(|rejoined| month >= rejoined)
        })?;
        Ok((table.as_of() >= rejoined).then_some(table))
    }

    /// Those of the table that go on; the others are replaced.
    fn open(
        bronze: &'a BronzeTables<'a>,
        table: &'static Table,
        partition: Vec<(&'static str, String)>,
        goes_on: impl Fn(Month) -> bool,
    ) -> Result<Self, PipelineError> {
        let mut patches = Self { bronze, table, partition, stack: Vec::new(), replaced: Vec::new() };
        let Some(snapshot) = bronze.lake.snapshot(&table.id())? else { return Ok(patches) };
        let is_ours = |file: &DataFile| {
            patches.partition.iter().all(|(column, value)| file.partition_value(column) == Some(value.as_str()))
        };
        let as_of = |file: &DataFile| file.tag(AS_OF).and_then(Month::parse);
        let mut files: Vec<&DataFile> = snapshot.files.iter().filter(|file| is_ours(file)).collect();
        files.sort_by_key(|file| as_of(file));
        for file in files {
            match as_of(file) {
                Some(month) if goes_on(month) => patches.stack.push(Patch {
                    as_of: month,
                    rows: file.rows,
                    is_whole: file.tag(WHOLE).is_some(),
                    relation: snapshot.scan(|other| other.path() == file.path()),
                    source: Source::Committed(Box::new(file.clone())),
                }),
                _ => patches.replaced.push(file.clone()),
            }
        }
        Ok(patches)
    }

    /// The last month that they know; `None` if there are none.
    pub(super) fn as_of(&self) -> Option<Month> {
        self.stack.last().map(|patch| patch.as_of)
    }

    /// How many rows they have.
    pub(super) fn rows(&self) -> u64 {
        self.stack.iter().map(|patch| patch.rows).sum()
    }

    /// Whether the first patch took in everything before it.
    pub(super) fn are_whole(&self) -> bool {
        self.stack.first().is_some_and(|patch| patch.is_whole)
    }

    /// Whether all rows are of one month.
    ///
    /// # Errors
    /// They cannot be read.
    pub(super) fn are_all_of(&self, month: Month) -> Result<bool, EngineError> {
        let [Patch { is_whole: true, source, relation, .. }] = self.stack.as_slice() else { return Ok(false) };
        let is_of = |of: Option<&str>| of.and_then(Month::parse) == Some(month);
        Ok(match source {
            Source::Committed(file) => is_of(file.constant("delivery_month")),
            Source::Written(files) => files.iter().all(|file| is_of(file.constant("delivery_month").as_deref())),
            Source::Held => {
                let mut session = self.bronze.work.session()?;
                session.register("patch", relation)?;
                let others = format!("SELECT COUNT(*) AS n FROM patch WHERE delivery_month <> '{month}'");
                session.query(&others)?.count("n", 0) == 0
            }
        })
    }

    /// Takes all rows away.
    pub(super) fn clear(&mut self) {
        for old in std::mem::take(&mut self.stack) {
            self.forget(old);
        }
    }

    /// Names all rows, those of which there are newer ones among them, in some of the columns.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn name_all(&self, session: &mut dyn Session, name: &str, columns: &[&str]) -> Result<(), EngineError> {
        let columns = columns.join(", ");
        let mut parts = Vec::new();
        for (at, patch) in self.stack.iter().enumerate() {
            session.register(&format!("patch_{at}"), &patch.relation)?;
            parts.push(format!("SELECT {columns} FROM patch_{at}"));
        }
        session.create_view(name, &parts.join("\nUNION ALL\n"))
    }

    /// Names the newest row of each key, in some of the columns.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn name_current(&self, session: &mut dyn Session, name: &str, columns: &[&str]) -> Result<(), EngineError> {
        self.name_current_of(session, name, columns, "")
    }

    /// Names the newest row of each key, of the rows that a join of `l` leaves.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn name_current_of(
        &self,
        session: &mut dyn Session,
        name: &str,
        columns: &[&str],
        join: &str,
    ) -> Result<(), EngineError> {
        if self.stack.is_empty() {
            return session.register(name, &Relation::empty(&self.table.columns()));
        }
        let mut parts = Vec::new();
        let mut newer: Vec<String> = Vec::new();
        let columns = columns.join(", ");
        for (at, patch) in self.stack.iter().enumerate().rev() {
            session.register(&format!("patch_{at}"), &patch.relation)?;
            let without = if newer.is_empty() {
                String::new()
            } else {
                session.create_view(&format!("newer_{at}"), &newer.join(" UNION ALL "))?;
                format!(" LEFT ANTI JOIN newer_{at} AS n ON l.record_key = n.record_key")
            };
            parts.push(format!("SELECT {columns} FROM patch_{at} AS l{join}{without}"));
            newer.push(format!("SELECT record_key FROM patch_{at}"));
        }
        session.create_view(name, &parts.join("\nUNION ALL\n"))
    }

    /// Whether what is more than the whole, of which there are so many rows where no patch is, is half as large with some rows more.
    pub(super) fn are_outgrown_by(&self, rows: u64, whole: u64) -> bool {
        let (wholes, others): (Vec<&Patch>, Vec<&Patch>) = self.stack.iter().partition(|patch| patch.is_whole);
        let whole = wholes.first().map_or(whole, |patch| patch.rows);
        2 * (others.iter().map(|patch| patch.rows).sum::<u64>() + rows) > whole
    }

    /// Adds what a month brings: the rows of a query, so many at most.
    ///
    /// # Errors
    /// They cannot be computed.
    pub(super) fn add(&mut self, session: Box<dyn Session>, sql: &str, at_most: u64, month: Month) -> Result<(), PipelineError> {
        let mut patch = self.patch(session, sql, at_most, month)?;
        while self.stack.last().is_some_and(|last| !last.is_whole && last.rows <= patch.rows) {
            let Some(last) = self.stack.pop() else { break };
            let mut session = self.bronze.work.session()?;
            session.register("older", &last.relation)?;
            session.register("newer", &patch.relation)?;
            let sql = "SELECT o.* FROM older AS o LEFT ANTI JOIN newer AS n ON o.record_key = n.record_key\nUNION ALL\nSELECT * FROM newer";
            patch = self.patch(session, sql, last.rows + patch.rows, month)?;
            self.forget(last);
        }
        if patch.rows > 0 {
            self.stack.push(patch);
        }
        Ok(())
    }

    /// The rows of a query, which may read the patches, are all there are as of a month; so many at most.
    ///
    /// # Errors
    /// They cannot be computed.
    pub(super) fn replace(
        &mut self,
        session: Box<dyn Session>,
        sql: &str,
        at_most: u64,
        month: Month,
    ) -> Result<(), PipelineError> {
        let patch = Patch { is_whole: true, ..self.patch(session, sql, at_most, month)? };
        self.clear();
        self.stack.extend((patch.rows > 0).then_some(patch));
        Ok(())
    }

    /// Commits what changed, with what the rows were made from.
    ///
    /// # Errors
    /// The log cannot be written, or somebody asked to stop; the table is as before.
    pub(super) fn commit(mut self, transactions: Transactions) -> Result<(), PipelineError> {
        let mut written = Vec::new();
        for patch in std::mem::take(&mut self.stack) {
            let mut files = match patch.source {
                Source::Committed(_) => continue,
                Source::Written(files) => files,
                Source::Held => {
                    let mut session = self.bronze.work.session()?;
                    session.register("patch", &patch.relation)?;
                    self.write(session, "SELECT * FROM patch")?
                }
            };
            for file in &mut files {
                file.note(AS_OF, &patch.as_of);
                if patch.is_whole {
                    file.note(WHOLE, &true);
                }
            }
            written.extend(files);
        }
        if written.is_empty() && self.replaced.is_empty() {
            return Ok(());
        }
        store::exchange_files(self.bronze.lake, self.table, &self.replaced, written, transactions, self.bronze.work)
    }

    /// The rows of a query, so many at most, as a patch: few are held until it is committed or taken in, many are written at once.
    fn patch(&self, mut session: Box<dyn Session>, sql: &str, at_most: u64, as_of: Month) -> Result<Patch, PipelineError> {
        let patch = |rows, relation, source| Patch { as_of, rows, is_whole: false, relation, source };
        if at_most <= HELD
            && let Some(Materialized { relation, rows }) = session.name_few("patch", sql, HELD)?
        {
            return Ok(patch(rows, relation, Source::Held));
        }
        let files = self.write(session, sql)?;
        let parts = files.iter().map(Written::part).collect();
        let relation = Relation::Files { columns: self.table.columns(), parts };
        Ok(patch(files.iter().map(|file| file.rows).sum(), relation, Source::Written(files)))
    }

    fn write(&self, session: Box<dyn Session>, sql: &str) -> Result<Vec<Written>, PipelineError> {
        staged::write(self.bronze.lake, self.table, &self.partition, session, sql)
    }

    fn forget(&mut self, patch: Patch) {
        if let Source::Committed(file) = patch.source {
            self.replaced.push(*file);
        }
    }
}
