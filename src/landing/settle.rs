//! When a file has stood still long enough to be complete.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::Candidate;

/// What was seen of each file, and since when.
#[derive(Debug, Default)]
pub struct Settling {
    seen: HashMap<PathBuf, (u64, SystemTime, Duration)>,
}

impl Settling {
    /// Looks at the files at `now` (time since any fixed start); returns whether there are files and all of them have
    /// kept size and time for `quiet`.
    pub fn settled(&mut self, candidates: &[Candidate], now: Duration, quiet: Duration) -> bool {
        self.seen.retain(|path, _| candidates.iter().any(|candidate| candidate.path == *path));
        let mut still = true;
        for candidate in candidates {
            let state = (candidate.bytes, candidate.modified);
            let entry = self.seen.entry(candidate.path.clone()).or_insert((state.0, state.1, now));
            if (entry.0, entry.1) != state {
                *entry = (state.0, state.1, now);
            }
            still &= now.saturating_sub(entry.2) >= quiet;
        }
        still && !candidates.is_empty()
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
            month_assumed: false,
            bytes,
            modified: SystemTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn growing_file_is_settled_only_after_it_stood_still() {
        let mut settling = Settling::default();
        let at = Duration::from_secs;
        assert!(!settling.settled(&[file(1)], at(0), at(2)));
        assert!(!settling.settled(&[file(2)], at(1), at(2)));
        assert!(!settling.settled(&[file(2)], at(2), at(2)));
        assert!(settling.settled(&[file(2)], at(3), at(2)));
        assert!(!settling.settled(&[], at(9), at(2)));
    }
}
