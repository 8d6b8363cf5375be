//! dev → qa → prod: what is reviewed is promoted, as a whole, can be verified and taken back.
//!
//! Lies above the reads: a review holds the tables as of one moment, the gate and the difference are asked of them, and these very
//! versions are copied. What always holds: an environment shows all tables of a promotion or none, nothing but a promotion or a
//! rollback changes it, and each of both is a row of its `ops/promotions` with what it was decided from.

mod difference;
mod evidence;
mod gate;
mod history;
mod rollback;
mod verify;

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use super::reads::QueryError;
use crate::config::Settings;
use crate::engine::EngineError;
use crate::lake::{Lake, LakeError, Snapshot, TableId};
use crate::model::{Environment, Month, Timestamp};
use crate::pipeline::tables::{self, PromotionRow};
use crate::pipeline::{PipelineError, store};

pub use difference::{Difference, EntityDifference};
pub use evidence::Evidence;
pub use gate::{Check, Gate};
pub use history::{Promotion, promotions, table};
pub use rollback::{Rollback, plan_rollback};
pub use verify::{Verified, verify};

/// Why something could not be promoted, verified or taken back.
#[derive(Debug, Error)]
pub enum PromotionError {
    /// A question to the tables.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The gate is shut, or what was reviewed has moved.
    #[error("not promoted: {0}")]
    Refused(String),
    /// Another process writes.
    #[error("{holder} is writing to `{env}`; wait until it is done")]
    Locked {
        /// Where.
        env: Environment,
        /// Who.
        holder: String,
    },
    /// There is no such promotion.
    #[error("`{0}` is no promotion of this environment; `feederscope promotions` lists them")]
    Unknown(String),
    /// What was put together is not what it must be; nothing is shown of it.
    #[error("not restored: {what}; choose another promotion, or promote again what `dev` holds")]
    Differs {
        /// What is wrong with it.
        what: String,
    },
}

impl From<LakeError> for PromotionError {
    fn from(error: LakeError) -> Self {
        Self::Query(error.into())
    }
}

impl From<PipelineError> for PromotionError {
    fn from(error: PipelineError) -> Self {
        Self::Query(error.into())
    }
}

impl From<EngineError> for PromotionError {
    fn from(error: EngineError) -> Self {
        Self::Query(error.into())
    }
}

impl From<PromotionError> for QueryError {
    fn from(error: PromotionError) -> Self {
        match error {
            PromotionError::Query(error) => error,
            other => Self::Promotion(other.to_string()),
        }
    }
}

/// The way of a promotion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// From where.
    pub from: Environment,
    /// To where.
    pub to: Environment,
}

impl Way {
    /// The way into an environment; `None` where files are loaded.
    pub const fn into(to: Environment) -> Option<Self> {
        match to {
            Environment::Dev => None,
            Environment::Qa => Some(Self { from: Environment::Dev, to }),
            Environment::Prod => Some(Self { from: Environment::Qa, to }),
        }
    }

    /// The way out of an environment; `None` where it ends.
    pub const fn out_of(from: Environment) -> Option<Self> {
        match from {
            Environment::Dev => Self::into(Environment::Qa),
            Environment::Qa => Self::into(Environment::Prod),
            Environment::Prod => None,
        }
    }
}

/// All tables of an environment that promotions are about, as of one moment; `ops/promotions` belongs to each environment itself.
pub struct State(BTreeMap<TableId, Arc<Snapshot>>);

impl State {
    /// As of now.
    ///
    /// # Errors
    /// A log cannot be read.
    pub fn of(lake: &Lake) -> Result<Self, LakeError> {
        let mut tables = BTreeMap::new();
        for table in lake.all_tables().into_iter().filter(|table| *table != tables::PROMOTIONS.id()) {
            if let Some(snapshot) = lake.snapshot(&table)? {
                snapshot.expect_files()?;
                tables.insert(table, snapshot);
            }
        }
        Ok(Self(tables))
    }

    /// The tables whose files are all there: what others hold cannot be compared.
    fn whole_of(lake: &Lake) -> Result<Self, LakeError> {
        let mut tables = BTreeMap::new();
        for table in lake.all_tables().into_iter().filter(|table| *table != tables::PROMOTIONS.id()) {
            if let Some(snapshot) = lake.snapshot(&table)?.filter(|snapshot| snapshot.missing_files().is_empty()) {
                tables.insert(table, snapshot);
            }
        }
        Ok(Self(tables))
    }

    fn versions(&self) -> BTreeMap<String, u64> {
        self.0.iter().map(|(table, snapshot)| (table.to_string(), snapshot.version)).collect()
    }

    fn table(&self, table: &TableId) -> Option<&Snapshot> {
        self.0.get(table).map(AsRef::as_ref)
    }
}

/// What somebody looks at before a promotion, and what is promoted if it is found good.
pub struct Review {
    /// From where to where.
    pub way: Way,
    /// The month that is signed off; `None` before anything was loaded.
    pub month: Option<Month>,
    /// What must hold.
    pub gate: Gate,
    /// What would be promoted.
    pub evidence: Evidence,
    /// What would change.
    pub difference: Difference,
    /// Whether it is what the environment shows already.
    pub is_there: bool,
    state: State,
    hashes: evidence::Hashes,
}

impl Review {
    /// Looks at what would be promoted. `month`: the month that is meant, the newest without it.
    ///
    /// # Errors
    /// A table cannot be read.
    pub fn of(lake: &Lake, settings: &Settings, way: Way, month: Option<Month>) -> Result<Self, PromotionError> {
        let (from, to) = (lake.environment(way.from).pinned(), lake.environment(way.to).pinned());
        let (state, shown) = (State::of(&from)?, State::whole_of(&to)?);
        let hashes = evidence::Hashes::of(&state)?;
        let seen = gate::Seen::read(&from, settings)?;
        let newest = seen.newest();
        let evidence = Evidence::new(newest, &state, &hashes, &seen);
        let mut gate = Gate::of(&from, settings, way, month, &seen)?;
        // Somebody may have decided something while the files were read.
        if State::of(&from)?.versions() != state.versions() {
            gate.0.push(Check::moved(way.from));
        }
        let difference = Difference::between(&shown, &state, newest)?;
        let last = promotions(&to)?.pop();
        let is_there = last.is_some_and(|last| last.evidence_digest == evidence.digest())
            && verify(&to).is_ok_and(|verified| verified.differences.is_empty());
        Ok(Self { way, month: newest, gate, evidence, difference, is_there, state, hashes })
    }

    /// Promotes what was reviewed; whoever calls holds the lock of the environment that it comes from.
    ///
    /// # Errors
    /// The gate is shut, a file has moved, the disk is full: what is shown stays as it was.
    pub fn promote(&self, lake: &Lake, by: &By<'_>, now: Timestamp) -> Result<Promotion, PromotionError> {
        if let Some(shut) = self.gate.first_shut() {
            return Err(PromotionError::Refused(format!("{}: {}", shut.what, shut.detail)));
        }
        let target = lake.environment(self.way.to);
        let _lock = lock(&target, by.account, now)?;
        let (id, now) = history::next(&target, now)?;
        let digest = self.evidence.digest();
        let info = ("feederscopePromotion", by.told(&id, &digest));
        let generation = target.next_generation(&id)?;
        let mut versions = BTreeMap::new();
        for table in target.all_tables().iter().chain(self.state.0.keys()).filter(|table| **table != tables::PROMOTIONS.id()) {
            let name = table.to_string();
            if versions.contains_key(&name) {
                continue;
            }
            let hashes = self.hashes.of_table(table);
            if let Some(brought) = generation.bring(table, self.state.table(table), hashes, &info)? {
                versions.insert(name, brought.version);
            }
        }
        let source_promotion = promotions(&lake.environment(self.way.from))?.pop().map(|last| last.id);
        let row = PromotionRow {
            promotion_id: Some(id.clone()),
            kind: Some("promotion".into()),
            from_env: Some(self.way.from.to_string()),
            to_env: Some(self.way.to.to_string()),
            delivery_month: self.month.map(|month| month.to_string()),
            promoted_at: Some(now.whole_millis()),
            account: Some(by.account.to_owned()),
            reason: by.reason.map(str::to_owned),
            source_promotion,
            source_versions: Some(text_of(&self.state.versions())),
            target_versions: Some(text_of(&versions)),
            evidence: Some(self.evidence.text()),
            evidence_digest: Some(digest),
        };
        store::append(generation.lake(), vec![row], Vec::new())?;
        generation.show()?;
        history::with_id(&target, &id)
    }
}

/// Who decides, and why.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    /// The account.
    pub account: &'a str,
    /// Why; `prod` asks for it.
    pub reason: Option<&'a str>,
}

impl By<'_> {
    /// What commits say of it.
    fn told(&self, id: &str, digest: &str) -> serde_json::Value {
        serde_json::json!({ "id": id, "account": self.account, "reason": self.reason, "evidence": digest })
    }
}

/// The right to write to an environment.
///
/// # Errors
/// Somebody else has it.
pub fn lock(lake: &Lake, account: &str, now: Timestamp) -> Result<crate::lake::lock::WriteLock, PromotionError> {
    let who = format!("{account} (process {}) since {now}", std::process::id());
    lake.lock(&who)?.map_err(|holder| PromotionError::Locked { env: lake.env(), holder })
}

fn text_of(versions: &BTreeMap<String, u64>) -> String {
    serde_json::to_string(versions).unwrap_or_default()
}
