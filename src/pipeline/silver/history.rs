//! The versions of an entity while months are folded into them: those that are current, and those that have ended.
//!
//! They are in files of their own, so that a month costs what it changes: it replaces the current ones and adds those that it
//! ends; files of versions that ended before are not read and stay as they are.

use super::scd2;
use super::versions::{self, MovedIn, Versions};
use crate::engine::{EngineError, FEW, Materialized, Session};
use crate::frame::Relation;
use crate::lake::{DataFile, Written};
use crate::model::Month;
use crate::pipeline::PipelineError;
use crate::pipeline::bronze::BronzeTables;
use crate::pipeline::copied::Exchange;
use crate::pipeline::staged::{self, HELD, StagedRows};
use crate::pipeline::store;
use crate::pipeline::tables::Table;

/// The versions of one utility's feeders or DERs.
pub(super) struct History<'a> {
    bronze: &'a BronzeTables<'a>,
    table: &'static Table,
    key: &'static [&'static str],
    current: StagedRows<'a>,
    /// Versions that ended in the months that were folded.
    ended: Vec<Materialized>,
    /// Files of versions that ended before.
    ended_files: Vec<DataFile>,
    /// Files whose rows are in `current` or `ended` now.
    replaced: Vec<DataFile>,
    /// What is folded, where that are not all entities.
    scope: Option<Scope>,
    /// The month that was taken in last, and what began and ended with it, where that is little.
    last: Option<(Month, Option<MovedIn>)>,
}

/// Some entities, whose versions alone are folded.
struct Scope {
    keys: Materialized,
    /// Their versions that the months reach, or that are current, as committed.
    versions: Materialized,
    /// The files that these are in, beside those of other entities.
    files: Vec<DataFile>,
}

/// The entities of which a month holds all that there are.
pub(super) struct Gone {
    /// A join or condition of versions `v` that leaves them, as SQL.
    pub(super) of_versions: String,
    /// How many the month holds, where that is known: if there are so many, none has ended.
    pub(super) held: Option<u64>,
}

impl Gone {
    pub(super) fn of(versions: &str) -> Self {
        Self { of_versions: versions.to_owned(), held: None }
    }

    /// Relations `current_versions` and `opened`: what leaves those that may have ended; `None` if none has.
    fn if_any(self, session: &mut dyn Session) -> Result<Option<String>, EngineError> {
        let Some(held) = self.held else { return Ok(Some(self.of_versions)) };
        let there = session.query(&scd2::there_are(&self.of_versions))?.count("n", 0);
        Ok((there != held).then_some(self.of_versions))
    }
}

/// Which entities began or ended with a month, besides those that go on.
pub(super) enum Moved {
    /// None of them.
    Nothing,
    /// Those with these ids, as column `ref`.
    Some(Relation),
    /// Nobody looked: any of them may have.
    Any,
}

impl<'a> History<'a> {
    /// The versions as they were before a month; none without one. With keys, those of these entities alone are folded, and all others stay.
    ///
    /// # Errors
    /// The table cannot be read.
    pub(super) fn before(
        bronze: &'a BronzeTables<'a>,
        (table, key): (&'static Table, &'static [&'static str]),
        from: Option<Month>,
        touched: Option<&Materialized>,
    ) -> Result<Self, PipelineError> {
        let files = Versions::open(bronze, table)?;
        let mut history = Self {
            bronze,
            table,
            key,
            current: StagedRows::none((bronze.lake, bronze.work), table, super::of_utility(bronze)),
            ended: Vec::new(),
            ended_files: Vec::new(),
            replaced: Vec::new(),
            scope: None,
            last: None,
        };
        let Some(from) = from else {
            history.replaced = files.files().cloned().collect();
            return Ok(history);
        };
        let (reached, kept): (Vec<DataFile>, Vec<DataFile>) =
            files.files().cloned().partition(|file| versions::reaches(file, from));
        let (current, ended): (Vec<DataFile>, Vec<DataFile>) = kept.into_iter().partition(versions::holds_current);
        history.ended_files = ended;
        if reached.is_empty() && touched.is_none() {
            history.current.set_committed(files.current(), current);
            return Ok(history);
        }
        // A late month: versions that it reaches are taken back.
        let taken: Vec<DataFile> = reached.into_iter().chain(current).collect();
        let mut session = bronze.work.session()?;
        session.register("history", &of_files(&files, &taken))?;
        let mut at_most = taken.iter().map(|file| file.rows).sum();
        if let Some(keys) = touched {
            session.register("touched", &keys.relation)?;
            let versions =
                session.materialize("history", &format!("SELECT h.* FROM history AS h {}", scd2::of_touched(key, "h")))?;
            at_most = versions.rows;
            history.scope = Some(Scope { keys: keys.clone(), versions, files: taken });
        } else {
            history.replaced = taken;
        }
        let ended = session.materialize("ended", &scd2::ended_before(from))?;
        history.ended.extend((ended.rows > 0).then_some(ended));
        history.current.replace(session, scd2::current_before(&table.columns(), from), at_most);
        Ok(history)
    }

    /// The keys of the entities that are folded; `None` where these are all.
    pub(super) fn touched(&self) -> Option<&Relation> {
        self.scope.as_ref().map(|scope| &scope.keys.relation)
    }

    /// The columns that identify an entity.
    pub(super) const fn key(&self) -> &'static [&'static str] {
        self.key
    }

    /// How many current versions there are at most.
    pub(super) fn at_most(&self) -> u64 {
        self.current.at_most()
    }

    /// The current versions; `None` if there are none.
    ///
    /// # Errors
    /// They cannot be computed.
    pub(super) fn current(&mut self) -> Result<Option<Relation>, PipelineError> {
        self.current.current()
    }

    fn current_or_none(&mut self) -> Result<Relation, PipelineError> {
        Ok(self.current()?.unwrap_or_else(|| Relation::empty(&self.table.columns())))
    }

    /// Takes a month in: relation `state` of the session holds entities as they are after it, one row for each key. Of those
    /// that neither it nor relation `named` (keys) holds, those of `gone` have ended.
    ///
    /// # Errors
    /// A plan is wrong, or somebody asked to stop.
    pub(super) fn fold(
        &mut self,
        mut session: Box<dyn Session>,
        month: Month,
        gone: Option<Gone>,
    ) -> Result<Moved, PipelineError> {
        let columns = self.table.columns();
        let Some(current) = self.current()? else {
            let delivered = self.bronze.files.iter().filter(|file| file.month == month).map(|file| file.rows).sum();
            self.current.replace(session, scd2::initial(&columns, month), delivered);
            self.last = Some((month, None));
            return Ok(Moved::Any);
        };
        session.register("current_versions", &current)?;
        let is_few = session.name_few("state", "SELECT * FROM state", FEW)?.is_some();
        // Few versions are looked up once: what begins is compared with them, and what ends is one of them, unless entities may be gone.
        let known = if is_few { "of_state" } else { "current_versions" };
        let of_state = scd2::of_state(&columns, self.key);
        match (is_few, &gone) {
            (true, None) => session.materialize(known, &of_state).map(drop)?,
            (true, Some(_)) => session.create_view(known, &of_state)?,
            (false, _) => {}
        }
        let of_ended = if gone.is_some() { "current_versions" } else { known };
        let opened = session.materialize("opened", &scd2::opened(&columns, self.key, month, known))?;
        let gone = gone.map(|gone| gone.if_any(session.as_mut())).transpose()?.flatten();
        let ended_keys = session.materialize("ended_keys", &scd2::ended_keys(self.key, gone.as_deref()))?;
        if opened.rows + ended_keys.rows == 0 {
            self.last = None;
            return Ok(Moved::Nothing);
        }
        let mut ended = Relation::empty(&columns);
        if ended_keys.rows > 0 {
            let versions = session.materialize("ended", &scd2::ended(&columns, self.key, month, of_ended))?;
            ended = versions.relation.clone();
            self.ended.push(versions);
        }
        let began = opened.relation.narrowed(|name| columns.iter().any(|column| column.name == name));
        let is_little = opened.rows + ended_keys.rows <= FEW;
        self.last = Some((month, is_little.then_some(MovedIn { month, began, ended })));
        let moved = session.materialize("moved", &scd2::moved(self.key))?;
        let at_most = self.current.at_most() + opened.rows;
        let valueless = self.current.valueless().into_iter().filter(|column| opened.relation.is_without(column)).collect();
        let exchange = Exchange::of(self.key, &ended_keys.relation, &opened.relation);
        self.replaced.extend(self.current.exchange(session, scd2::current(&columns, self.key), at_most, exchange));
        self.current.leave_out(valueless);
        Ok(if moved.rows > 0 { Moved::Some(moved.relation) } else { Moved::Nothing })
    }

    /// What began and ended with a month, the last one that there is, as far as it is at hand.
    pub(super) fn moved_in(&self, month: Month) -> Option<MovedIn> {
        match &self.last {
            _ if self.scope.is_some() => None,
            Some((last, moved)) if *last == month => moved.clone(),
            _ => {
                let nothing = Relation::empty(&self.table.columns());
                Some(MovedIn { month, began: nothing.clone(), ended: nothing })
            }
        }
    }

    /// Whether the current versions say after a month what the table says of it; when each began may differ.
    ///
    /// # Errors
    /// They cannot be read, or somebody asked to stop.
    pub(super) fn is_as_committed(&mut self, month: Month) -> Result<bool, PipelineError> {
        let current = self.current_or_none()?;
        let committed = match &self.scope {
            Some(scope) => scope.versions.relation.clone(),
            None => Versions::open(self.bronze, self.table)?.as_of(month).0,
        };
        let mut session = self.bronze.work.session()?;
        session.register("current_versions", &current)?;
        session.register("history", &committed)?;
        let found = session.query(&scd2::beside_committed(self.key, month))?;
        let count = |name: &str| found.count(name, 0);
        Ok(count("now") == count("same") && count("was") == count("same"))
    }

    /// Goes on after a month as the table does, which says the same of it: what ended or began later stays, and what goes on began
    /// when it did here.
    ///
    /// # Errors
    /// A plan is wrong, or somebody asked to stop.
    pub(super) fn rejoin(&mut self, month: Month) -> Result<(), PipelineError> {
        if self.replaced.is_empty() && self.scope.is_none() {
            return Ok(());
        }
        let current = self.current_or_none()?;
        let mut session = self.bronze.work.session()?;
        session.register("current_versions", &current)?;
        let (history, at_most) = if let Some(Scope { versions, .. }) = &self.scope {
            (versions.relation.clone(), versions.rows)
        } else {
            let versions = Versions::open(self.bronze, self.table)?;
            let may_be_later = |file: &DataFile| versions::reaches(file, month) || versions::holds_current(file);
            let at_most = versions.files().filter(|file| may_be_later(file)).map(|file| file.rows).sum();
            (versions.scan(may_be_later), at_most)
        };
        session.register("history", &history)?;
        let columns = self.table.columns();
        // Few are put together once, not once for those that ended and once more for the others.
        let later = scd2::later(&columns, self.key, month);
        if at_most > HELD { session.create_view("later", &later) } else { session.materialize("later", &later).map(drop) }?;
        let ended = session.materialize("later_ended", "SELECT * FROM later WHERE NOT is_current")?;
        self.ended.extend((ended.rows > 0).then_some(ended));
        self.replaced.extend(self.current.replace(session, "SELECT * FROM later WHERE is_current".into(), at_most));
        Ok(())
    }

    /// Commits what changed, with what the rows were made from.
    ///
    /// # Errors
    /// A plan or the commit failed, or somebody asked to stop; the table is as before.
    pub(super) fn commit(mut self, transactions: store::Transactions) -> Result<(), PipelineError> {
        self.merge_current()?;
        let mut written = self.write_ended()?;
        written.extend(self.current.finish()?);
        store::exchange_files(self.bronze.lake, self.table, &self.replaced, written, transactions, self.bronze.work)
    }

    /// Where some entities were folded: those that are current of them take the place of the ones that were, among all others.
    fn merge_current(&mut self) -> Result<(), PipelineError> {
        let Some(scope) = self.scope.take() else { return Ok(()) };
        let now = self.current_or_none()?;
        let versions = Versions::open(self.bronze, self.table)?;
        let files: Vec<DataFile> = scope.files.iter().filter(|file| versions::holds_current(file)).cloned().collect();
        let mut session = self.bronze.work.session()?;
        session.register("current_versions", &versions.current())?;
        session.register("touched", &scope.keys.relation)?;
        session.register("folded", &now)?;
        let now = session.materialize("now", "SELECT * FROM folded")?;
        let at_most = files.iter().map(|file| file.rows).sum::<u64>() + now.rows;
        self.current.set_committed(versions.current(), files);
        if scope.keys.rows > 0 {
            let valueless = self.current.valueless().into_iter().filter(|column| now.relation.is_without(column)).collect();
            let exchange = Exchange::of(self.key, &scope.keys.relation, &now.relation);
            let merged = scd2::merged(&self.table.columns(), self.key);
            self.replaced.extend(self.current.exchange(session, merged, at_most, exchange));
            self.current.leave_out(valueless);
        }
        self.scope = Some(scope);
        Ok(())
    }

    /// Writes the versions that ended into one file, with those of earlier files that are not larger: their number stays small,
    /// and a row is written again only when what it is in doubles. Files that may hold other versions of entities that were folded are written
    /// again without them.
    fn write_ended(&mut self) -> Result<Vec<Written>, PipelineError> {
        let versions = Versions::open(self.bronze, self.table)?;
        let mut session = self.bronze.work.session()?;
        let mut parts = Vec::new();
        let mut rows: u64 = self.ended.iter().map(|ended| ended.rows).sum();
        if let Some(Scope { keys, files, .. }) = self.scope.as_ref().filter(|scope| scope.keys.rows > 0) {
            let ended: Vec<DataFile> = files.iter().filter(|file| !versions::holds_current(file)).cloned().collect();
            rows += ended.iter().map(|file| file.rows).sum::<u64>();
            session.register("others", &of_files(&versions, &ended))?;
            session.register("touched", &keys.relation)?;
            parts.push(format!("SELECT o.* FROM others AS o {}", scd2::not_touched(self.key, "o")));
            self.replaced.extend(ended);
        }
        if rows == 0 {
            return Ok(Vec::new());
        }
        let mut sources: Vec<Relation> = self.ended.iter().map(|ended| ended.relation.clone()).collect();
        self.ended_files.sort_by_key(|file| file.rows);
        for file in &self.ended_files {
            if file.rows > rows {
                break;
            }
            rows += file.rows;
            sources.push(versions.scan(|other| other.path() == file.path()));
            self.replaced.push(file.clone());
        }
        for (at, source) in sources.iter().enumerate() {
            session.register(&format!("ended_{at}"), source)?;
            parts.push(format!("SELECT * FROM ended_{at}"));
        }
        let sql = parts.join("\nUNION ALL\n");
        let mut written = staged::write(self.bronze.lake, self.table, &super::of_utility(self.bronze), session, &sql)?;
        written.retain(|file| file.rows > 0);
        Ok(written)
    }
}

/// The rows of some of the files.
fn of_files(versions: &Versions, files: &[DataFile]) -> Relation {
    versions.scan(|file| files.iter().any(|of| of.path() == file.path()))
}

/// Names the current versions whose feeder has to be looked up again `relinked`, if there are any.
pub(super) fn referring_to(session: &mut dyn Session, current: &Relation, moved: &[Moved]) -> Result<bool, EngineError> {
    let mut refs = Vec::new();
    for (at, moved) in moved.iter().enumerate() {
        match moved {
            Moved::Any => {
                session.register("relinked", current)?;
                return Ok(true);
            }
            Moved::Nothing => {}
            Moved::Some(relation) => {
                session.register(&format!("moved_{at}"), relation)?;
                refs.push(format!("SELECT ref FROM moved_{at}"));
            }
        }
    }
    if refs.is_empty() {
        return Ok(false);
    }
    session.register("current_ders", current)?;
    session.create_view("moved", &refs.join(" UNION ALL "))?;
    session.create_view("relinked", "SELECT c.* FROM current_ders AS c LEFT SEMI JOIN moved AS m ON c.feeder_ref = m.ref")?;
    // A feeder that is new has no DERs, as a rule: one column tells, and the records that the month repeats are not looked through for them.
    Ok(session.query("SELECT COUNT(feeder_ref) AS n FROM relinked")?.count("n", 0) > 0)
}
