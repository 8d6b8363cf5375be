//! What was read of files, for as long as they are the same.

use std::collections::HashMap;
use std::fs::File;
use std::hash::Hash;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// What tells a file from another one in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) bytes: u64,
    changed: SystemTime,
}

impl Version {
    /// That of a file; `None` if it cannot be opened: nothing is known of it then.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let metadata = File::open(path).and_then(|file| file.metadata()).ok()?;
        Some(Self { bytes: metadata.len(), changed: metadata.modified().ok()? })
    }
}

/// What is known of files, up to some weight of all of it together: what is more takes the place of everything.
#[derive(Debug)]
pub(super) struct Known<K, V>(Mutex<Kept<K, V>>);

#[derive(Debug)]
struct Kept<K, V> {
    of: HashMap<K, (Version, V)>,
    weight: u64,
}

impl<K, V> Default for Known<K, V> {
    fn default() -> Self {
        Self(Mutex::new(Kept { of: HashMap::new(), weight: 0 }))
    }
}

impl<K: Eq + Hash, V: Clone> Known<K, V> {
    /// What is known of a file as it is now.
    pub(super) fn get(&self, key: &K, version: Version) -> Option<V> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.of.get(key).filter(|(then, _)| *then == version).map(|(_, known)| known.clone())
    }

    /// Keeps what was read of a file, of a weight.
    pub(super) fn keep(&self, key: K, (version, known): (Version, V), weight: u64, most: u64) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.weight + weight > most {
            *kept = Kept { of: HashMap::new(), weight: 0 };
        }
        kept.weight += weight;
        kept.of.insert(key, (version, known));
    }

    /// Something that is known and is the same, if there is such a thing.
    pub(super) fn same(&self, known: &V) -> Option<V>
    where
        V: PartialEq,
    {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.of.values().find(|(_, other)| other == known).map(|(_, same)| same.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_a_file_goes_with_it_and_with_what_is_too_much() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        assert_eq!(Version::of(&path), None);
        std::fs::write(&path, "one").unwrap();
        let (known, version) = (Known::default(), Version::of(&path).unwrap());
        known.keep("a", (version, 1), 60, 100);
        assert_eq!(
            (known.get(&"a", version), known.get(&"b", version), known.same(&1), known.same(&2)),
            (Some(1), None, Some(1), None)
        );
        // Of the same size, at another time; then of another size at that time.
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let other = Version::of(&path).unwrap();
        assert_eq!(known.get(&"a", other), None);
        known.keep("a", (other, 2), 40, 100);
        assert_eq!((known.get(&"a", other), known.get(&"a", version)), (Some(2), None));
        file.set_len(1).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(known.get(&"a", Version::of(&path).unwrap()), None);
        known.keep("b", (version, 3), 1, 100);
        assert_eq!((known.get(&"a", other), known.get(&"b", version)), (None, Some(3)), "it was too much");
    }
}
