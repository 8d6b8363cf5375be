//! Where the last record of each key is, for datasets whose months deliver changes only.
//!
//! Kept in `silver/standing_records`, so that a delivery is compared with the records before it without reading the keys of all
//! earlier months. The last month that brought every key stands for itself until what came since is half as large; so do the last few
//! months.

use super::Delivered;
use super::comparison::Comparison;
use crate::engine::Session;
use crate::model::{Dataset, Month};
use crate::pipeline::PipelineError;
use crate::pipeline::bronze::BronzeTables;
use crate::pipeline::changes::UnchangedDeliveries;
use crate::pipeline::kept::KeptRows;
use crate::pipeline::patches::Patches;
use crate::pipeline::sql::{LINEAGE, text};
use crate::pipeline::store::Transactions;
use crate::pipeline::tables;

/// So many months are looked up in bronze before they become a patch.
const MONTHS_IN_BRONZE: usize = 6;

/// The standing records of a dataset while months are compared.
pub(super) struct StandingRecords<'a> {
    bronze: &'a BronzeTables<'a>,
    dataset: Dataset,
    /// The last month that brought every key.
    base: Option<Month>,
    /// What came since.
    patches: Patches<'a>,
}

impl<'a> StandingRecords<'a> {
    /// Those before the first month that is compared.
    ///
    /// # Errors
    /// The table cannot be read.
    pub(super) fn before(
        bronze: &'a BronzeTables<'a>,
        dataset: Dataset,
        from: Option<Month>,
        unchanged: &UnchangedDeliveries<'_>,
    ) -> Result<Self, PipelineError> {
        let partition = vec![("utility_id", bronze.adapter.id.to_string()), ("dataset", dataset.to_string())];
        let patches = Patches::before(bronze, &tables::STANDING_RECORDS, partition, from)?;
        let base = from.and_then(|from| unchanged.last_complete_before(dataset, from));
        Ok(Self { bronze, dataset, base, patches })
    }

    /// Whether a month brought every key that is current after it, and nothing came since.
    pub(super) fn are_all_of(&self, month: Month) -> bool {
        self.base() == Some(month)
    }

    /// Names the keys and places of the records before a month `earlier_keys`, one for each key of relation `delivered_keys` that has any.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn name_earlier(
        &self,
        session: &mut dyn Session,
        comparison: &Comparison<'_>,
        month: Month,
    ) -> Result<(), PipelineError> {
        let since = self.since(month);
        let mut sources = Vec::new();
        if !since.is_empty() {
            self.name_taken(session, comparison, "later", &since)?;
            sources.push("later");
        }
        if self.patches.as_of().is_some() {
            self.patches.name_all(session, "kept", &KEY_AND_PLACE)?;
            sources.push("kept");
        }
        if let Some(base) = self.base_of_patches() {
            self.name_taken(session, comparison, "base", &[base])?;
            sources.push("base");
        }
        let columns = KEY_AND_PLACE.join(", ");
        let delivered = |source: &&str| {
            format!("SELECT {columns} FROM {source} AS k LEFT SEMI JOIN delivered_keys AS d ON k.record_key = d.record_key")
        };
        let found = sources.iter().map(delivered).collect::<Vec<_>>().join("\nUNION ALL\n");
        if matches!(sources.as_slice(), ["later" | "base"]) {
            return Ok(session.create_view("earlier_keys", &found)?);
        }
        // What came since the base, and each patch, are of other months: the last month's record of a key is the one that stands.
        session.create_view("found", &found)?;
        let last = format!(
            "SELECT {} FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY record_key ORDER BY delivery_month DESC) AS place FROM found) AS f\n\
             WHERE place = 1",
            KEY_AND_PLACE.join(", ")
        );
        Ok(session.create_view("earlier_keys", &last)?)
    }

    /// Takes a month in that was compared.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub(super) fn advance(&mut self, month: Month, is_complete: bool) -> Result<(), PipelineError> {
        if is_complete {
            self.base = Some(month);
            self.patches.clear();
            return Ok(());
        }
        let comparison = Comparison::new(self.bronze, Delivered { dataset: self.dataset, month });
        let mut since = self.since(month);
        since.push(month);
        let rows = |months: &[Month]| months.iter().map(|month| self.bronze.row_count(self.dataset, *month)).sum();
        let base: Vec<Month> = self.base().into_iter().collect();
        let (added, of_base): (u64, u64) = (rows(&since), rows(&base));
        let is_outgrown = self.patches.are_outgrown_by(added, of_base);
        if !is_outgrown && since.len() < MONTHS_IN_BRONZE {
            return Ok(());
        }
        let mut session = self.bronze.work.session()?;
        if is_outgrown {
            self.name(session.as_mut(), &comparison, &since)?;
            let at_most = self.patches.rows() + added + of_base;
            self.patches.replace(session, &self.rows_of("earlier_keys"), at_most, month)
        } else {
            self.name_taken(session.as_mut(), &comparison, "later", &since)?;
            self.patches.add(session, &self.rows_of("later"), added, month)
        }
    }

    /// Goes on after a month that brought every key as the table does.
    ///
    /// # Errors
    /// The table cannot be read.
    pub(super) fn rejoin(self, from: Option<Month>, month: Month) -> Result<Self, PipelineError> {
        let table = self.patches.rejoined(from, Some(month))?;
        Ok(Self { patches: table.unwrap_or(self.patches), base: Some(month), ..self })
    }

    /// Commits what changed.
    ///
    /// # Errors
    /// The log cannot be written.
    pub(super) fn commit(self, transactions: Transactions) -> Result<(), PipelineError> {
        self.patches.commit(transactions)
    }

    /// The month that stands for itself: the last that brought every key, as the first one does.
    fn base(&self) -> Option<Month> {
        self.base.or_else(|| self.bronze.months(self.dataset).first().copied())
    }

    /// The same, as long as no patch took it in.
    fn base_of_patches(&self) -> Option<Month> {
        self.base().filter(|_| !self.patches.are_whole())
    }

    /// The months after those that are kept, or after the base, and before a month.
    fn since(&self, month: Month) -> Vec<Month> {
        let kept = self.patches.as_of().or_else(|| self.base());
        self.bronze.months(self.dataset).into_iter().filter(|other| *other < month && Some(*other) > kept).collect()
    }

    /// Names what is known after some months since those that are kept `earlier_keys`.
    fn name(&self, session: &mut dyn Session, comparison: &Comparison<'_>, since: &[Month]) -> Result<(), PipelineError> {
        let mut newer: Vec<&str> = Vec::new();
        let mut parts = Vec::new();
        if !since.is_empty() {
            self.name_taken(session, comparison, "later", since)?;
            newer.push("later");
            parts.push(keys("later", None));
        }
        if self.patches.as_of().is_some() {
            self.patches.name_current(session, "kept", &KEY_AND_PLACE)?;
            parts.push(keys("kept", (!since.is_empty()).then_some("later")));
            newer.push("kept");
        }
        if let Some(base) = self.base_of_patches() {
            self.name_taken(session, comparison, "base", &[base])?;
            let sources: Vec<String> = newer.iter().map(|relation| format!("SELECT record_key FROM {relation}")).collect();
            if !sources.is_empty() {
                session.create_view("newer", &sources.join(" UNION ALL "))?;
            }
            parts.push(keys("base", (!sources.is_empty()).then_some("newer")));
        }
        Ok(session.create_view("earlier_keys", &parts.join("\nUNION ALL\n"))?)
    }

    /// Names the last record of each key of some months.
    fn name_taken(
        &self,
        session: &mut dyn Session,
        comparison: &Comparison<'_>,
        relation: &str,
        months: &[Month],
    ) -> Result<(), PipelineError> {
        if let [only] = months {
            KeptRows::of(self.bronze, self.dataset, *only)?.name(session, "rows", |_| true)?;
            session.create_view("ids", &comparison.keys_of("rows"))?;
            return Ok(session.create_view(relation, &comparison.taken("ids", LINEAGE))?);
        }
        let Some(rows) = self.bronze.rows(self.dataset, |month| months.contains(&month))? else { return Ok(()) };
        session.register("rows", &rows)?;
        session.create_view("ids", &comparison.keys_of("rows"))?;
        Ok(session.create_view(relation, &comparison.last_of_each_key("ids", LINEAGE, months))?)
    }

    /// A relation of keys and places as rows of the table.
    fn rows_of(&self, relation: &str) -> String {
        format!(
            "SELECT {} AS utility_id, {} AS dataset, {} FROM {relation}",
            text(self.bronze.adapter.id.as_str()),
            text(self.dataset.as_str()),
            KEY_AND_PLACE.join(", ")
        )
    }
}

const KEY_AND_PLACE: [&str; 4] = ["record_key", "delivery_month", "_source_file", "_source_line"];

/// The keys and places of a relation, without the keys of another one.
fn keys(relation: &str, without: Option<&str>) -> String {
    let columns = KEY_AND_PLACE.join(", ");
    let without = without.map_or(String::new(), |other| format!(" LEFT ANTI JOIN {other} AS n ON k.record_key = n.record_key"));
    format!("SELECT {columns} FROM {relation} AS k{without}")
}
