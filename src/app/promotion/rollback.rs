//! Back to an earlier promotion: a new state of the environment whose tables have the files of then.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::difference::Difference;
use super::evidence::{Evidence, Hashes};
use super::verify::{compare, verify};
use super::{By, Promotion, PromotionError, State, history, lock, text_of};
use crate::lake::{Lake, TableId};
use crate::model::{Month, Timestamp};
use crate::pipeline::store;
use crate::pipeline::tables::{self, PromotionRow};

/// A promotion that the environment can be brought back to, and what that changes.
pub struct Rollback {
    /// The promotion.
    pub to: Promotion,
    /// What is taken away, and given back.
    pub difference: Difference,
    /// Whether it is what is shown already.
    pub is_there: bool,
    lake: Lake,
}

/// Looks at what a rollback would change. `id`: the first characters of a promotion's.
///
/// # Errors
/// There is no such promotion, or the tables of then are no longer in the logs.
pub fn plan_rollback(lake: &Lake, id: &str) -> Result<Rollback, PromotionError> {
    let to = history::with_id(lake, id)?;
    let pinned = lake.pinned();
    let now = State::whole_of(&pinned)?;
    let mut then = BTreeMap::new();
    for table in &pinned.all_tables() {
        if let Some(version) = to.versions.get(&table.to_string()) {
            let snapshot = pinned.snapshot_at(table, *version)?;
            snapshot.expect_files()?;
            then.insert(table.clone(), Arc::new(snapshot));
        }
    }
    let difference = Difference::between(&now, &State(then), to.month.as_deref().and_then(Month::parse))?;
    let shown = history::promotions(lake)?.pop();
    let is_there = shown.is_some_and(|shown| shown.evidence_digest == to.evidence_digest)
        && verify(lake).is_ok_and(|verified| verified.differences.is_empty());
    Ok(Rollback { to, difference, is_there, lake: lake.clone() })
}

impl Rollback {
    /// Brings the environment back.
    ///
    /// # Errors
    /// What comes out is not what was promoted then, or the disk is full: what is shown stays as it was.
    pub fn perform(&self, by: &By<'_>, now: Timestamp) -> Result<Promotion, PromotionError> {
        let _lock = lock(&self.lake, by.account, now)?;
        let (id, now) = history::next(&self.lake, now)?;
        let info = ("feederscopePromotion", by.told(&id, &self.to.evidence_digest));
        let generation = self.lake.next_generation(&id)?;
        let mut versions = BTreeMap::new();
        let tables: Vec<TableId> = self.lake.all_tables().into_iter().filter(|table| *table != tables::PROMOTIONS.id()).collect();
        for table in &tables {
            let version = self.to.versions.get(&table.to_string()).copied();
            if let Some(restored) = generation.restore(table, version, &info)? {
                versions.insert(table.to_string(), restored);
            }
        }
        let state = State::of(generation.lake())?;
        let promoted: Option<Evidence> = serde_json::from_str(&self.to.evidence).ok();
        let differences =
            compare(&promoted.map(|evidence| evidence.tables).unwrap_or_default(), &Hashes::of(&state)?.tables(&state));
        if let Some(first) = differences.into_iter().next() {
            return Err(PromotionError::Differs { what: first });
        }
        let env = self.lake.env().to_string();
        let row = PromotionRow {
            promotion_id: Some(id.clone()),
            kind: Some("rollback".into()),
            from_env: Some(env.clone()),
            to_env: Some(env),
            delivery_month: self.to.month.clone(),
            promoted_at: Some(now.whole_millis()),
            account: Some(by.account.to_owned()),
            reason: by.reason.map(str::to_owned),
            source_promotion: Some(self.to.id.clone()),
            source_versions: Some(text_of(&self.to.versions)),
            target_versions: Some(text_of(&versions)),
            evidence: Some(self.to.evidence.clone()),
            evidence_digest: Some(self.to.evidence_digest.clone()),
        };
        store::append(generation.lake(), vec![row], Vec::new())?;
        generation.show()?;
        history::with_id(&self.lake, &id)
    }
}
