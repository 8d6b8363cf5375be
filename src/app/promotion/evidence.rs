//! What a promotion is decided from, in a form whose digest anybody can compute again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::State;
use super::gate::Seen;
use crate::app::reads::QueryError;
use crate::lake::TableId;
use crate::landing::sha256_of;
use crate::model::{Cancel, Month};
use crate::pipeline::rules::RuleState;

/// The SHA-256 of each data file, by table and path.
pub struct Hashes(BTreeMap<TableId, BTreeMap<String, String>>);

impl Hashes {
    /// Reads every file.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn of(state: &State) -> Result<Self, QueryError> {
        let mut hashes = BTreeMap::new();
        for (table, snapshot) in &state.0 {
            let mut of_table = BTreeMap::new();
            for file in &snapshot.files {
                let path = snapshot.path_of(file);
                let hash = sha256_of(&path, &Cancel::default()).map_err(|source| QueryError::File { path, source })?;
                of_table.insert(file.path().to_owned(), hash.unwrap_or_default());
            }
            hashes.insert(table.clone(), of_table);
        }
        Ok(Self(hashes))
    }

    /// Those of a table's files, by path.
    pub fn of_table(&self, table: &TableId) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        self.0.get(table).unwrap_or(&NONE)
    }

    /// The rows, files and digest of each table that has rows.
    pub fn tables(&self, state: &State) -> BTreeMap<String, TableEvidence> {
        let with_rows = state.0.iter().filter(|(_, snapshot)| snapshot.rows() > 0);
        let evidence = with_rows.map(|(table, snapshot)| {
            let mut lines: Vec<String> = self.of_table(table).iter().map(|(path, hash)| format!("{hash}  {path}\n")).collect();
            lines.sort();
            let digest = digest_of(&lines.concat());
            (table.to_string(), TableEvidence { rows: snapshot.rows(), files: lines.len(), digest })
        });
        evidence.collect()
    }
}

/// A table's share of the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableEvidence {
    /// Its rows.
    pub rows: u64,
    /// Its data files.
    pub files: usize,
    /// SHA-256 of the lines `<SHA-256 of the file>  <path>` in their order, as `sha256sum` prints them.
    pub digest: String,
}

/// Tables, and what the gate saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The newest month.
    pub month: Option<String>,
    /// By `layer/name`.
    pub tables: BTreeMap<String, TableEvidence>,
    /// Outcomes of the month's rules, by how they ended.
    pub outcomes: BTreeMap<String, usize>,
    /// Failures that were acknowledged: rule, utility, dataset and by whom.
    pub acknowledged: Vec<String>,
    /// Each feed's month and freshness.
    pub feeds: Vec<String>,
}

impl Evidence {
    pub(super) fn new(month: Option<Month>, state: &State, hashes: &Hashes, seen: &Seen) -> Self {
        let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
        let mut acknowledged = Vec::new();
        for checked in seen.outcomes.iter().filter(|checked| Some(checked.month) == month) {
            let word = match (checked.state, &checked.acknowledged) {
                (RuleState::Failed, Some(by)) => {
                    acknowledged.push(format!("{} {} {} by {}", checked.rule, checked.utility, checked.dataset, by.account));
                    "acknowledged".to_owned()
                }
                (RuleState::Failed, None) => format!("failed {}", checked.severity),
                (state, _) => state.as_str().to_owned(),
            };
            *outcomes.entry(word).or_default() += 1;
        }
        let feed = |feed: &crate::app::reads::status::Feed| {
            let month = feed.month.map_or("none".to_owned(), |month| month.to_string());
            format!("{} {} {month} {}", feed.utility, feed.dataset, feed.freshness.as_str())
        };
        Self {
            month: month.map(|month| month.to_string()),
            tables: hashes.tables(state),
            outcomes,
            acknowledged,
            feeds: seen.feeds.iter().map(feed).collect(),
        }
    }

    /// As stored.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// SHA-256 of the text.
    pub fn digest(&self) -> String {
        digest_of(&self.text())
    }
}

/// SHA-256 of a text, in hexadecimal digits.
pub fn digest_of(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}
