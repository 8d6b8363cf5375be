//! Is an environment what was promoted into it?

use std::collections::BTreeMap;

use super::evidence::{Evidence, Hashes, digest_of};
use super::{Promotion, PromotionError, State, promotions};
use crate::lake::Lake;

/// What was found.
pub struct Verified {
    /// What the environment shows; `None` where nothing was promoted.
    pub promotion: Option<Promotion>,
    /// What is not as it was promoted; empty where everything is.
    pub differences: Vec<String>,
    /// Tables and data files that were read.
    pub read: (usize, usize),
}

/// Reads every data file again, and computes every digest of the newest promotion, or rollback, anew.
///
/// # Errors
/// A table or file cannot be read.
pub fn verify(lake: &Lake) -> Result<Verified, PromotionError> {
    let lake = lake.pinned();
    let Some(promotion) = promotions(&lake)?.pop() else {
        return Ok(Verified { promotion: None, differences: Vec::new(), read: (0, 0) });
    };
    let mut differences = Vec::new();
    if digest_of(&promotion.evidence) != promotion.evidence_digest {
        differences.push("the evidence in `ops/promotions` is not the one that was signed".to_owned());
    }
    let evidence: Option<Evidence> = serde_json::from_str(&promotion.evidence).ok();
    let promoted = evidence.map(|evidence| evidence.tables).unwrap_or_default();
    let state = State::of(&lake)?;
    let found = Hashes::of(&state)?.tables(&state);
    differences.extend(compare(&promoted, &found));
    let versions = state.versions();
    for (table, version) in &promotion.versions {
        if let Some(now) = versions.get(table).filter(|now| *now != version) {
            differences.push(format!("`{table}` is at version {now}, {version} was promoted"));
        }
    }
    let files = found.values().map(|table| table.files).sum();
    Ok(Verified { promotion: Some(promotion), differences, read: (found.len(), files) })
}

/// What differs between the tables of two states, for people.
pub fn compare<T: PartialEq>(promoted: &BTreeMap<String, T>, found: &BTreeMap<String, T>) -> Vec<String> {
    let mut differences = Vec::new();
    for (table, expected) in promoted {
        match found.get(table) {
            None => differences.push(format!("`{table}` is gone or empty")),
            Some(found) if found != expected => {
                differences.push(format!("the rows or files of `{table}` are not those that were promoted"));
            }
            Some(_) => {}
        }
    }
    let more = found.keys().filter(|table| !promoted.contains_key(*table));
    differences.extend(more.map(|table| format!("`{table}` was not promoted")));
    differences
}
