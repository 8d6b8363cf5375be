//! When a file has stood still long enough to be complete.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::Candidate;

/// How long files that stand still wait for others that do not, in times that a file has to stand still: what is delivered together is loaded
/// together, but a file that never stands still keeps no other from being loaded.
pub const PATIENCE: u32 = 150;

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
    /// last reported as settled, else whether all of them have kept size and time for `quiet`, or those that have waited long enough for
    /// others ([`PATIENCE`]).
    pub fn changed_and_stable(&mut self, candidates: &[Candidate], now: Duration, quiet: Duration) -> Option<bool> {
        let there: HashSet<&Path> = candidates.iter().map(|candidate| candidate.path.as_path()).collect();
        self.seen.retain(|path, _| there.contains(path.as_path()));
        let (mut new, mut still, mut waits) = (false, true, false);
        for candidate in candidates {
            let state = state_of(candidate);
            let fresh = Seen { state, since: now, still: false, reported: false };
            let entry = self.seen.entry(candidate.path.clone()).or_insert(fresh);
            if entry.state != state {
                *entry = fresh;
            }
            new |= !entry.reported;
            let stands_for = now.saturating_sub(entry.since);
            entry.still = stands_for >= quiet;
            still &= entry.still;
            waits |= !entry.reported && stands_for >= quiet.saturating_mul(1 + PATIENCE);
        }
        let settled = still || waits;
        if new && settled {
            self.seen.values_mut().for_each(|entry| entry.reported |= entry.still);
        }
        new.then_some(settled)
    }

    /// The files that did not stand still when they were looked at last.
    pub fn moving(&self) -> impl Iterator<Item = &Path> {
        self.seen.iter().filter(|(_, seen)| !seen.still).map(|(path, _)| path.as_path())
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
    fn file_that_never_stands_still_keeps_no_other_waiting_for_good() {
        let mut settling = StabilityCheck::default();
        let other = |bytes| Candidate { path: "y.csv".into(), ..file(bytes) };
        let (quiet, patience) = (2, 300);
        let mut look = |second: u64, bytes| {
            let files = [Candidate { bytes: second, ..file(0) }, other(bytes)];
            settling.changed_and_stable(&files, Duration::from_secs(second), Duration::from_secs(quiet))
        };
        for second in 0..patience + quiet {
            assert_eq!(look(second, 1), Some(false), "{second}: they may have been delivered together");
        }
        assert_eq!(look(patience + quiet, 1), Some(true));
        assert_eq!(look(patience + quiet + 1, 1), Some(false), "what was reported is not reported again");
        // One that comes, or changes, later waits as long.
        let again = patience + quiet + 2;
        assert_eq!(look(again, 2), Some(false));
        assert_eq!(look(again + patience + 1, 2), Some(false));
        assert_eq!(look(again + patience + quiet, 2), Some(true));
        assert!(settling.settled().holds(&other(2)));
        assert_eq!(settling.moving().collect::<Vec<_>>(), [Path::new("x.csv")]);
        let files = [Candidate { bytes: again + patience + quiet, ..file(0) }, other(2)];
        let later = Duration::from_secs(again + patience + 2 * quiet);
        assert_eq!(settling.changed_and_stable(&files, later, Duration::from_secs(quiet)), Some(true), "it stands still by now");
        assert_eq!(settling.changed_and_stable(&files, later, Duration::from_secs(quiet)), None);
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
