//! When a file has stood still long enough to be complete.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::Candidate;

/// Files that have stood still, each with its size and time then.
#[derive(Debug, Default)]
pub struct Settled(HashMap<PathBuf, State>);

impl Settled {
    /// Whether a file is one of them and as it was.
    pub fn holds(&self, candidate: &Candidate) -> bool {
        self.0.get(&candidate.path) == Some(&state_of(candidate))
    }
}

/// Size and time of the last change.
type State = (u64, SystemTime);

const fn state_of(candidate: &Candidate) -> State {
    (candidate.bytes, candidate.modified)
}

/// What was seen of each file, and since when.
#[derive(Debug, Default)]
pub struct StabilityCheck {
    seen: HashMap<PathBuf, Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    state: State,
    since: Duration,
    still: bool,
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
            let state = state_of(candidate);
            let fresh = Seen { state, since: now, still: false, reported: false };
            let entry = self.seen.entry(candidate.path.clone()).or_insert(fresh);
            if entry.state != state {
                *entry = fresh;
            }
            new |= !entry.reported;
            entry.still = now.saturating_sub(entry.since) >= quiet;
            still &= entry.still;
        }
        if new && still {
            self.seen.values_mut().for_each(|entry| entry.reported = true);
        }
        new.then_some(still)
    }

    /// The files that stood still when they were looked at last.
    pub fn settled(&self) -> Settled {
        Settled(self.seen.iter().filter(|(_, seen)| seen.still).map(|(path, seen)| (path.clone(), seen.state)).collect())
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
    fn file_that_grows_or_is_new_is_none_of_the_settled_ones_whatever_the_others_are() {
        let mut settling = StabilityCheck::default();
        let at = Duration::from_secs;
        let other = Candidate { path: "y.csv".into(), ..file(1) };
        settling.changed_and_stable(&[file(1), other.clone()], at(0), at(2));
        assert!(!settling.settled().holds(&file(1)), "nobody knows yet");
        settling.changed_and_stable(&[file(2), other.clone()], at(2), at(2));
        let settled = settling.settled();
        assert!(settled.holds(&other));
        assert!(!settled.holds(&file(1)) && !settled.holds(&file(2)));
        assert!(!settled.holds(&Candidate { bytes: 5, ..other.clone() }), "it is another by now");
        let newer = SystemTime::UNIX_EPOCH + at(1);
        assert!(!settled.holds(&Candidate { modified: newer, ..other }));
        assert!(!settled.holds(&Candidate { path: "z.csv".into(), ..file(1) }), "it came since");
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
