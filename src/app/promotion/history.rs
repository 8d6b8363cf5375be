//! What was promoted into an environment, and what was taken back.

use std::collections::BTreeMap;

use super::PromotionError;
use crate::app::reads::{QueryError, rows};
use crate::frame::{Column, Frame, Value, schema};
use crate::lake::Lake;
use crate::model::Timestamp;
use crate::pipeline::tables;

/// A row of `ops/promotions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promotion {
    /// Its id; later ones sort after it.
    pub id: String,
    /// `promotion` or `rollback`.
    pub kind: String,
    /// Where it came from; of a rollback the environment itself.
    pub from: String,
    /// The newest month of its tables.
    pub month: Option<String>,
    /// When.
    pub promoted_at: Option<Timestamp>,
    /// Who.
    pub account: String,
    /// Why.
    pub reason: Option<String>,
    /// The promotion of the environment that it came from; of a rollback the one that was restored.
    pub source_promotion: Option<String>,
    /// The version of each table that was reviewed, as an object.
    pub source_versions: String,
    /// The version of each table here.
    pub versions: BTreeMap<String, u64>,
    /// What it was decided from, as an object.
    pub evidence: String,
    /// SHA-256 of that text.
    pub evidence_digest: String,
}

/// Promotions and rollbacks, oldest first.
///
/// # Errors
/// The table cannot be read.
pub fn promotions(lake: &Lake) -> Result<Vec<Promotion>, QueryError> {
    let found = rows(lake, &tables::PROMOTIONS, "SELECT * FROM t ORDER BY promotion_id")?;
    Ok((0..found.height()).map(|row| promotion(&found, row)).collect())
}

/// The id and time of the next promotion into an environment: ids tell the order, also where the clock was set back.
///
/// # Errors
/// The table cannot be read.
pub(super) fn next(lake: &Lake, now: Timestamp) -> Result<(String, Timestamp), QueryError> {
    let last = promotions(lake)?.pop();
    let id = uuid::Uuid::now_v7();
    let before = last.as_ref().and_then(|last| uuid::Uuid::parse_str(&last.id).ok()).filter(|before| *before >= id);
    let after = before.and_then(|before| before.get_timestamp()).map(|stamp| {
        let (seconds, nanos) = stamp.to_unix();
        let later = std::time::Duration::new(seconds, nanos) + std::time::Duration::from_millis(1);
        uuid::Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, later.as_secs(), later.subsec_nanos()))
    });
    let promoted_at = last.and_then(|last| last.promoted_at).map_or(now, |before| now.max(before));
    Ok((after.unwrap_or(id).to_string(), promoted_at))
}

fn promotion(found: &Frame, row: usize) -> Promotion {
    let text = |column: &str| found.text(column, row).unwrap_or_default();
    Promotion {
        id: text("promotion_id"),
        kind: text("kind"),
        from: text("from_env"),
        month: found.text("delivery_month", row),
        promoted_at: found.time("promoted_at", row),
        account: text("account"),
        reason: found.text("reason", row),
        source_promotion: found.text("source_promotion", row),
        source_versions: text("source_versions"),
        versions: serde_json::from_str(&text("target_versions")).unwrap_or_default(),
        evidence: text("evidence"),
        evidence_digest: text("evidence_digest"),
    }
}

/// The promotion whose id begins with this.
///
/// # Errors
/// None does, or several do.
pub fn with_id(lake: &Lake, id: &str) -> Result<Promotion, PromotionError> {
    let mut found = promotions(lake)?.into_iter().filter(|promotion| !id.is_empty() && promotion.id.starts_with(id));
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(PromotionError::Unknown(id.to_owned())),
    }
}

/// The promotions as rows, the newest first.
pub fn table(promotions: &[Promotion]) -> (Vec<Column>, Vec<Vec<Value>>) {
    let columns = schema::columns![promotion_id Text, kind Text, from_env Text, delivery_month Text, promoted_at Time, account Text, reason Text, source_promotion Text, evidence_digest Text];
    let row = |promotion: &Promotion| {
        vec![
            Value::Text(promotion.id.clone()),
            Value::Text(promotion.kind.clone()),
            Value::Text(promotion.from.clone()),
            Value::text(promotion.month.clone()),
            promotion.promoted_at.map_or(Value::Null, Value::Time),
            Value::Text(promotion.account.clone()),
            Value::text(promotion.reason.clone()),
            Value::text(promotion.source_promotion.clone()),
            Value::Text(promotion.evidence_digest.clone()),
        ]
    };
    (columns, promotions.iter().rev().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Environment;
    use crate::pipeline::store;
    use crate::pipeline::tables::PromotionRow;

    #[test]
    fn next_promotion_comes_after_the_last_one_whatever_the_clock_says() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::new(folder.path(), Environment::Dev).unwrap();
        let in_an_hour = Timestamp::now().micros() + 3_600_000_000;
        let stamp = uuid::Timestamp::from_unix(uuid::NoContext, in_an_hour.cast_unsigned() / 1_000_000, 0);
        let ahead = uuid::Uuid::new_v7(stamp).to_string();
        let promoted_at = Timestamp::from_micros(in_an_hour).whole_millis();
        let row = PromotionRow { promotion_id: Some(ahead.clone()), promoted_at: Some(promoted_at), ..PromotionRow::default() };
        store::append(&lake, vec![row], Vec::new()).unwrap();
        let (id, at) = next(&lake, Timestamp::now()).unwrap();
        assert!(id > ahead, "{id} after {ahead}");
        assert_eq!(at, promoted_at);
    }
}
