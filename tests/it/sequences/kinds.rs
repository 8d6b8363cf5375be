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
    RepeatedRecord,
    CorrectionTakenBack,
    RunStopped,
    OneNameForAllMonths,
    ColumnComesOrGoes,
    TornRecord,
}

pub const ALL: [Kind; 17] = [
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
    Kind::RepeatedRecord,
    Kind::CorrectionTakenBack,
    Kind::RunStopped,
    Kind::OneNameForAllMonths,
    Kind::ColumnComesOrGoes,
    Kind::TornRecord,
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
    if sequence.stopped_after.iter().take(steps.len().div_ceil(sequence.batch)).any(Option::is_some) {
        found.insert(Kind::RunStopped);
    }
    if !sequence.style.say_month && steps.iter().any(|(_, content)| content.month != steps[0].1.month) {
        found.insert(Kind::OneNameForAllMonths);
    }
    for (at, (path, content)) in steps.iter().enumerate() {
        let earlier = &steps[..at];
        let of_dataset = || earlier.iter().filter(|(_, other)| other.dataset == content.dataset);
        if of_dataset().any(|(_, other)| (other.without, other.extra) != (content.without, content.extra)) {
            found.insert(Kind::ColumnComesOrGoes);
        }
        if content.rows.iter().any(|row| row.len() < sequence.utility.header(content.dataset).len()) {
            found.insert(Kind::TornRecord);
        }
        let mut before = earlier.iter().rev().filter(|(other, of)| (other, &of.month) == (path, &content.month));
        if let Some((_, last)) = before.next() {
            found.insert(Kind::Correction);
            if last.rows != content.rows && before.any(|(_, other)| other.rows == content.rows) {
                found.insert(Kind::CorrectionTakenBack);
            }
            let before = &last.rows;
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
    let files: BTreeMap<(String, String), Content> =
        steps.into_iter().map(|(path, content)| ((path, content.month.clone()), content)).collect();
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
            if after.iter().any(|(key, row)| before.get(key).is_some_and(|was| was == row)) {
                found.insert(Kind::RepeatedRecord);
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
