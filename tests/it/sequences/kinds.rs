//! Which kinds of change a sequence of deliveries holds.

use std::collections::{BTreeMap, BTreeSet};

use super::Sequence;
use super::deliveries::{Content, DATASETS, Dataset, Grain, Mode};

/// A kind of change that tables must come right after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    LateMonth,
    Correction,
    CorrectionInPlace,
    SeveralParts,
    DuplicateKey,
    DerMoves,
    CircuitMoves,
    PlannedIsInstalled,
    SnapshotRemoves,
    MonthOfChangesOnly,
    AdapterChanges,
}

pub const ALL: [Kind; 11] = [
    Kind::LateMonth,
    Kind::Correction,
    Kind::CorrectionInPlace,
    Kind::SeveralParts,
    Kind::DuplicateKey,
    Kind::DerMoves,
    Kind::CircuitMoves,
    Kind::PlannedIsInstalled,
    Kind::SnapshotRemoves,
    Kind::MonthOfChangesOnly,
    Kind::AdapterChanges,
];

/// Counts each kind that the sequence holds once.
pub fn count(sequence: &Sequence, met: &mut BTreeMap<Kind, u32>) {
    for kind in kinds(sequence) {
        *met.entry(kind).or_default() += 1;
    }
}

/// The key of a record, going by the adapters in `deliveries`.
fn key(sequence: &Sequence, dataset: Dataset, row: &[String]) -> Vec<String> {
    let parts = sequence.utility.key(dataset).len();
    row[..parts].iter().map(|part| part.trim().to_owned()).collect()
}

fn kinds(sequence: &Sequence) -> BTreeSet<Kind> {
    let mut found = BTreeSet::new();
    let steps = sequence.steps();
    if sequence.adapter_changes_after > 0 {
        found.insert(Kind::AdapterChanges);
    }
    for (at, (path, content)) in steps.iter().enumerate() {
        let earlier = &steps[..at];
        let of_dataset = || earlier.iter().filter(|(_, other)| other.dataset == content.dataset);
        if earlier.iter().any(|(other, _)| other == path) {
            found.insert(Kind::Correction);
            let before = earlier.iter().rfind(|(other, _)| other == path).map_or(&[][..], |(_, before)| &before.rows);
            let stay = before.iter().zip(&content.rows).filter(|(was, is)| was == is).count();
            if stay > 0 && stay < before.len().max(content.rows.len()) {
                found.insert(Kind::CorrectionInPlace);
            }
        } else if earlier.iter().any(|(_, other)| other.month > content.month) {
            found.insert(Kind::LateMonth);
        }
        if of_dataset().any(|(other, delivered)| other != path && delivered.month == content.month) {
            found.insert(Kind::SeveralParts);
        }
    }
    let files: BTreeMap<String, Content> = steps.into_iter().collect();
    for dataset in DATASETS {
        let mut months: BTreeMap<&str, BTreeMap<Vec<String>, &Vec<String>>> = BTreeMap::new();
        for content in files.values().filter(|content| content.dataset == dataset) {
            let records = months.entry(&content.month).or_default();
            for row in &content.rows {
                if records.insert(key(sequence, dataset, row), row).is_some() {
                    found.insert(Kind::DuplicateKey);
                }
            }
        }
        for (before, after) in months.values().zip(months.values().skip(1)) {
            let is_gone = before.keys().any(|key| !after.contains_key(key));
            if is_gone {
                let is_snapshot = sequence.utility.mode(dataset) == Mode::Snapshot;
                found.insert(if is_snapshot { Kind::SnapshotRemoves } else { Kind::MonthOfChangesOnly });
            }
            // The column of the feeder, or of the reference to it, comes after the key.
            let place = sequence.utility.key(dataset).len();
            let moves = after.iter().any(|(key, row)| before.get(key).is_some_and(|was| was[place] != row[place]));
            match (dataset, sequence.utility.grain) {
                (Dataset::Circuits, Grain::Segment) if moves => found.insert(Kind::CircuitMoves),
                (Dataset::InstallDer | Dataset::PlannedDer, _) if moves => found.insert(Kind::DerMoves),
                _ => false,
            };
        }
    }
    let ids = |dataset: Dataset| {
        let of_dataset = files.values().filter(move |content| content.dataset == dataset);
        of_dataset.flat_map(|content| content.rows.iter().map(move |row| (row[0].trim().to_owned(), content.month.clone())))
    };
    let installed: Vec<(String, String)> = ids(Dataset::InstallDer).collect();
    if ids(Dataset::PlannedDer).any(|(id, month)| installed.iter().any(|(other, later)| *other == id && *later > month)) {
        found.insert(Kind::PlannedIsInstalled);
    }
    found
}
