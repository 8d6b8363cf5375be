//! The current DERs, by status and feeder.
//!
//! What a month leaves as it was is copied in the order that it has, and what it changed stays where it was; what came, or moved to another
//! feeder, goes into a file of its own, until that is more than a few rows and an eighth as large. Then all rows are sorted anew.

use super::by_feeder::DersByFeeder;
use super::{as_of, published};
use crate::engine::{FEW, Materialized, Session};
use crate::frame::Relation;
use crate::lake::{DataFile, Snapshot, Written};
use crate::model::{Dataset, Entity, Month, MonthRange};
use crate::pipeline::PipelineError;
use crate::pipeline::bronze::BronzeTables;
use crate::pipeline::copied::{Exchange, Exchanged};
use crate::pipeline::silver::{Silver, of_utility};
use crate::pipeline::sql::text;
use crate::pipeline::staged::{self, HELD};
use crate::pipeline::tables;

/// The tag of a file whose rows were touched after the others of their status were sorted.
const TOUCHED: &str = "feederscope.touched";

/// The tag of a file that tells the plan which its rows come from: those of another version of the program are not copied.
const PLAN: &str = "feederscope.plan";

/// Rows that may have been touched since so many were sorted: at least as many as cost nothing, and no more than can be held.
fn most_touched(sorted: u64) -> u64 {
    (sorted / 8).clamp(1_000, 4 * FEW)
}

/// A utility's rows of `der_details`.
pub(super) struct DerDetails<'a> {
    pub(super) bronze: &'a BronzeTables<'a>,
    pub(super) silver: &'a Silver,
    /// The newest month that the utility delivered.
    pub(super) newest: Option<Month>,
}

/// The table as it was, and the DERs that began, ended or changed since: their ids, their current versions, and those that ended.
struct Touched<'t> {
    before: &'t Snapshot,
    files: Vec<&'t DataFile>,
    relations: [(&'static str, Materialized); 3],
}

/// A number that differs whenever the plan of a status does.
fn fingerprint(status: &str) -> String {
    format!("{:016x}", xxhash_rust::xxh64::xxh64(plan("", status, true, None).as_bytes(), 0))
}

impl Touched<'_> {
    fn name(&self, session: &mut dyn Session) -> Result<(), PipelineError> {
        self.relations.iter().try_for_each(|(name, rows)| Ok(session.register(name, &rows.relation)?))
    }

    /// The files of a status: the one whose rows are sorted, and those of what was touched since. `None` where that is too much by now.
    fn files_of(&self, status: &str) -> Option<(&DataFile, Vec<&DataFile>)> {
        let ours = self.files.iter().copied().filter(|file| file.constant("status") == Some(status));
        let (since, sorted): (Vec<&DataFile>, Vec<&DataFile>) = ours.partition(|file| file.tag(TOUCHED).is_some());
        // Another program may have put rows into other files, in another order.
        let [sorted] = sorted.as_slice() else { return None };
        let plan = fingerprint(status);
        if !since.iter().chain([sorted]).all(|file| file.is_own() && file.tag(PLAN) == Some(plan.as_str())) {
            return None;
        }
        let touched = self.relations[0].1.rows + since.iter().map(|file| file.rows).sum::<u64>();
        (touched <= most_touched(sorted.rows)).then_some((sorted, since))
    }
}

impl DerDetails<'_> {
    /// Writes them into files that are not committed yet: for each status one, or one and what was touched since.
    ///
    /// # Errors
    /// A plan failed, or somebody asked to stop.
    pub(super) fn write(&self) -> Result<Vec<Written>, PipelineError> {
        let before = self.bronze.lake.snapshot(&tables::DER_DETAILS.id())?;
        let touched = before.as_deref().map(|before| self.touched_since(before)).transpose()?.flatten();
        let mut written = Vec::new();
        for status in Dataset::ALL.iter().filter_map(|dataset| dataset.der_status()) {
            let copied = touched.as_ref().and_then(|touched| Some((touched, touched.files_of(status)?)));
            written.extend(match copied {
                Some((touched, files)) => self.copy(status, touched, files)?,
                None => self.sort(status)?,
            });
        }
        Ok(written)
    }

    /// What was touched since the table was written; `None` where that is not known, or too much.
    fn touched_since<'t>(&self, before: &'t Snapshot) -> Result<Option<Touched<'t>>, PipelineError> {
        let Some(from) = self.silver.reach.from else { return Ok(None) };
        let is_ours = |file: &&DataFile| file.partition_value("utility_id") == Some(self.bronze.adapter.id.as_str());
        let files: Vec<&DataFile> = before.files.iter().filter(is_ours).collect();
        let most = most_touched(files.iter().map(|file| file.rows).sum());
        let mut session = self.bronze.work.session()?;
        let touched = if let Some(keys) = &self.silver.touched_ders {
            session.register("keys", keys)?;
            session.name_few("touched", "SELECT DISTINCT der_id FROM keys", most)?
        } else {
            self.moved_since(session.as_mut(), &files, (from, most))?
        };
        let Some(touched) = touched else { return Ok(None) };
        let ders = &self.silver.ders;
        let columns = tables::DER_DETAILS.columns();
        let is_described = |name: &str| name == "valid_from_month" || columns.iter().any(|column| column.name == name);
        let tells_first_month = |name: &str| ["der_id", "status", "valid_from_month"].contains(&name);
        let mut of_touched = |name, rows: &Relation| {
            session.register("all_versions", rows)?;
            session.materialize(name, "SELECT v.* FROM all_versions AS v LEFT SEMI JOIN touched AS t ON v.der_id = t.der_id")
        };
        let current = of_touched("ders", &ders.current().narrowed(is_described))?;
        let ended = of_touched("ended_ders", &ders.ended().narrowed(tells_first_month))?;
        Ok(Some(Touched { before, files, relations: [("touched", touched), ("ders", current), ("ended_ders", ended)] }))
    }

    /// The ids of the DERs with versions that began or ended from a month on, so many at most.
    fn moved_since(
        &self,
        session: &mut dyn Session,
        files: &[&DataFile],
        (from, most): (Month, u64),
    ) -> Result<Option<Materialized>, PipelineError> {
        // Of a month that is not later than all that the table knows, a DER may be gone without a trace.
        let is_earlier =
            |file: &&DataFile| file.constant("delivery_month").and_then(Month::parse).is_some_and(|known| known < from);
        if !files.iter().all(is_earlier) {
            return Ok(None);
        }
        let since = MonthRange { from: Some(from), until: None };
        session.register("began", &self.silver.ders.began_in(since))?;
        session.register("ended", &self.silver.ders.ended_in(since))?;
        let ids = format!(
            "SELECT DISTINCT der_id FROM (SELECT der_id FROM began WHERE valid_from_month >= '{from}'\n\
             UNION ALL SELECT der_id FROM ended WHERE valid_to_month >= '{from}') AS moved"
        );
        Ok(session.name_few("touched", &ids, most)?)
    }

    /// All rows of a status, sorted. A status at a time: half the rows to sort, and the planned ones alone are looked up as installed.
    fn sort(&self, status: &str) -> Result<Vec<Written>, PipelineError> {
        if let Some(mut file) = self.sorted(status)? {
            file.note(PLAN, &fingerprint(status));
            return Ok(vec![file]);
        }
        let mut session = self.bronze.work.session()?;
        session.register("ders", &self.silver.ders.current())?;
        session.register("ended_ders", &self.silver.ders.ended())?;
        self.files(status, session, &self.plan(status), &[])
    }

    /// The same without a query; `None` where one has to read them.
    fn sorted(&self, status: &str) -> Result<Option<Written>, PipelineError> {
        let (Relation::Files { parts, .. }, Some(newest)) = (self.silver.ders.current(), self.newest) else { return Ok(None) };
        let mut session = self.bronze.work.session()?;
        session.register("ended_ders", &self.silver.ders.ended())?;
        let Some(earlier) = session.name_few("earlier", &first_months(status), FEW)? else { return Ok(None) };
        let Relation::Rows(earlier) = &earlier.relation else { return Ok(None) };
        let target = staged::target((self.bronze.lake, &tables::DER_DETAILS), &of_utility(self.bronze), &[])?;
        DersByFeeder { work: self.bronze.work, files: &parts, status, earlier, newest: newest.to_string() }.write(target)
    }

    /// The rows of a status that were not touched, as they are, those that were in the place that they had if their feeder is the same, and all
    /// others, sorted, in a file of their own.
    fn copy(
        &self,
        status: &str,
        touched: &Touched<'_>,
        (sorted, since): (&DataFile, Vec<&DataFile>),
    ) -> Result<Vec<Written>, PipelineError> {
        let value = |name: &str| match name {
            "delivery_month" => format!("{} AS delivery_month", as_of(self.newest)),
            name => name.to_owned(),
        };
        let values = tables::DER_DETAILS.column_names().map(value).collect::<Vec<_>>().join(", ");
        let untouched = format!("SELECT {values} FROM before AS r LEFT ANTI JOIN touched AS t ON r.der_id = t.der_id");
        let session_of = |files: &[&DataFile]| {
            let mut session = self.bronze.work.session()?;
            touched.name(session.as_mut())?;
            session.register("before", &touched.before.scan(|file| files.iter().any(|other| other.path() == file.path())))?;
            Ok::<_, PipelineError>(session)
        };
        let mut session = session_of(&since)?;
        let columns = tables::DER_DETAILS.column_names().collect::<Vec<_>>().join(", ");
        session.create_view("described", &self.plan(status))?;
        let now = session.materialize("now", &format!("SELECT {columns} FROM described"))?;
        let is_valueless = |column: &&str| sorted.rows > HELD && sorted.is_without(column) && now.relation.is_without(column);
        let valueless: Vec<&str> = tables::DER_DETAILS.column_names().filter(is_valueless).collect();
        let mut written = match self.exchanged(touched, sorted, &now.relation, &valueless)? {
            Some(Exchanged { mut file, left }) => {
                session.register("now", &left.relation())?;
                file.note(PLAN, &fingerprint(status));
                vec![file]
            }
            None => self.files(status, session_of(&[sorted])?, &untouched, &valueless)?,
        };
        session.create_view("rows", &format!("{untouched}\nUNION ALL\nSELECT {columns} FROM now"))?;
        let mut others = self.files(status, session, "SELECT * FROM rows ORDER BY feeder_id NULLS LAST", &[])?;
        for file in &mut others {
            file.note(TOUCHED, &true);
        }
        written.extend(others);
        Ok(written)
    }

    /// The rows of a file that were not touched, as they are stored, and those of now that have a place among them; `None` where they have to be
    /// read.
    fn exchanged(
        &self,
        touched: &Touched<'_>,
        sorted: &DataFile,
        now: &Relation,
        valueless: &[&str],
    ) -> Result<Option<Exchanged>, PipelineError> {
        let exchange = Exchange::of(&["der_id"], &touched.relations[0].1.relation, now);
        let Some((exchange, newest)) = exchange.zip(self.newest) else { return Ok(None) };
        let exchange = exchange.ordered_by("feeder_id").with_constant("delivery_month", &newest);
        let files = touched.before.scan(|file| file.path() == sorted.path());
        let Relation::Files { parts, .. } = files else { return Ok(None) };
        let target = staged::target((self.bronze.lake, &tables::DER_DETAILS), &of_utility(self.bronze), valueless)?;
        exchange.write(self.bronze.work, &parts, target)
    }

    fn files(
        &self,
        status: &str,
        session: Box<dyn Session>,
        sql: &str,
        valueless: &[&str],
    ) -> Result<Vec<Written>, PipelineError> {
        let table = (self.bronze.lake, &tables::DER_DETAILS);
        let mut files = staged::write_without(table, &of_utility(self.bronze), session, sql, valueless)?;
        for file in &mut files {
            file.note(PLAN, &fingerprint(status));
        }
        Ok(files)
    }

    fn plan(&self, status: &str) -> String {
        // Only a DER with versions that have ended can have been seen before its current one.
        plan(self.bronze.adapter.id.as_str(), status, self.silver.ders.has_ended(), self.newest)
    }
}

/// Relation `ended_ders`: when the DERs of a status that have versions that have ended were seen first.
pub(super) fn first_months(status: &str) -> String {
    let columns = "der_id AS first_id, MIN(valid_from_month) AS first_month";
    format!("SELECT {columns} FROM ended_ders WHERE status = {} GROUP BY der_id", text(status))
}

/// Relations `ders` (current versions) and `ended_ders` as one row for each current DER of a status, by feeder; what is the same in all
/// rows, or follows from other columns, is added after the sorting.
pub(super) fn plan(utility: &str, status: &str, has_ended: bool, newest: Option<Month>) -> String {
    let published = published(Entity::Ders, &tables::DER_DETAILS);
    let (also_installed, join) = if status == "planned" {
        let installed = "SELECT der_id AS installed_id FROM ders WHERE status = 'installed'";
        ("installed_id IS NOT NULL", format!("LEFT JOIN ({installed}) AS i ON d.der_id = i.installed_id\n"))
    } else {
        ("FALSE", String::new())
    };
    let (first_month, earlier) = if has_ended {
        let versions = first_months(status);
        ("first_month", format!("LEFT JOIN ({versions}) AS s ON d.der_id = s.first_id\n"))
    } else {
        ("CAST(NULL AS VARCHAR) AS first_month", String::new())
    };
    format!(
        "WITH sorted AS (\nSELECT der_id, {values},\n\
             \x20 {also_installed} AS also_installed, {first_month}, valid_from_month AS last_changed_month\n\
             FROM ders AS d\n{join}{earlier}\
             WHERE status = {status}\n\
             ORDER BY feeder_id NULLS LAST\n)\n\
             SELECT {utility} AS utility_id, der_id, {status} AS status, {values}, SHIFT(nameplate_kw, -3) AS nameplate_mw, also_installed,\n\
             \x20 COALESCE(first_month, last_changed_month) AS first_seen_month, last_changed_month, {as_of} AS delivery_month\nFROM sorted",
        values = published.join(", "),
        utility = text(utility),
        status = text(status),
        as_of = as_of(newest)
    )
}
