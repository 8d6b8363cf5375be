//! When a file has stood still long enough to be complete.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::Candidate;

/// What was seen of each file, and since when.
#[derive(Debug, Default)]
pub struct StabilityCheck {
    seen: HashMap<PathBuf, Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    state: (u64, SystemTime),
    since: Duration,
    reported: bool,
}

impl StabilityCheck {
    /// Looks at the files at `now` (time since any fixed start): `None` when none is new or changed since they were
    /// last reported as settled, else whether all of them have kept size and time for `quiet`.
    pub fn changed_and_stable(&mut self, candidates: &[Candidate], now: Duration, quiet: Duration) -> Option<bool> {
        let there: HashSet<&Path> = candidates.iter().map(|candidate| candidate.path.as_path()).collect();
        self.seen.retain(|path, _| there.contains(path.as_path()));
        let (mut new, mut still) = (false, true);
        for candidate in candidates {
            let state = (candidate.bytes, candidate.modified);
            let fresh = Seen { state, since: now, reported: false };
            let entry = self.seen.entry(candidate.path.clone()).or_insert(fresh);
            if entry.state != state {
                *entry = fresh;
            }
            new |= !entry.reported;
            still &= now.saturating_sub(entry.since) >= quiet;
        }
        if new && still {
            self.seen.values_mut().for_each(|entry| entry.reported = true);
        }
        new.then_some(still)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Dataset, Month, UtilityId};

    fn file(bytes: u64) -> Candidate {
        Candidate {
            path: "x.csv".into(),
            source_file: "x.csv".into(),
            utility: UtilityId::parse("u").unwrap(),
            dataset: Dataset::Circuits,
            month: Month::parse("2022-10").unwrap(),
            origin: crate::landing::MonthOrigin::Stated,
            changed: None,
            bytes,
            modified: SystemTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn growing_file_is_settled_only_after_it_stood_still() {
        let mut settling = StabilityCheck::default();
        let at = Duration::from_secs;
        let mut look = |files: &[Candidate], second| settling.changed_and_stable(files, at(second), at(2));
        assert_eq!(look(&[file(1)], 0), Some(false));
        assert_eq!(look(&[file(2)], 1), Some(false));
        assert_eq!(look(&[file(2)], 2), Some(false));
        assert_eq!(look(&[file(2)], 3), Some(true));
        assert_eq!(look(&[file(2)], 4), None, "it was reported and is as it was");
        assert_eq!(look(&[file(3)], 5), Some(false));
        assert_eq!(look(&[file(3)], 7), Some(true));
        assert_eq!(look(&[], 9), None);
        assert_eq!(look(&[file(3)], 10), Some(false), "one that went and came back is new");
    }
}
