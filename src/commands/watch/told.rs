//! Who is told: of changes of state everybody, of the events of runs whoever wants them.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::outbound::{Audience, Destination, Outbox};

/// How long the end waits for those who are being told.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Messages that nobody has taken yet, by the name of whom they are for.
pub(super) type Waiting = BTreeMap<String, Vec<Value>>;

/// The outboxes of a service.
pub(super) struct Told {
    changes: Vec<Outbox>,
    pub(super) runs: Option<Outbox>,
}

impl Told {
    /// Starts them, with what waited when the service ended last. What waits for nobody any more is named.
    pub(super) fn start(audience: Audience, mut waiting: Waiting) -> std::io::Result<(Self, Vec<String>)> {
        let mut start = |name: String, destination: Box<dyn Destination>| {
            let waits = waiting.remove(&name).unwrap_or_default();
            Outbox::start(name, destination, waits)
        };
        // Who is named twice is told once.
        let mut names = HashSet::new();
        let mut changes = Vec::new();
        for destination in audience.changes {
            let name = destination.name();
            if names.insert(name.clone()) {
                changes.push(start(name, destination)?);
            }
        }
        let runs = audience.runs.map(|runs| start(format!("runs to {}", runs.name()), runs)).transpose()?;
        let dropped =
            waiting.iter().map(|(name, messages)| format!("{} messages for {name}, which is told no more", messages.len()));
        let dropped = dropped.collect();
        Ok((Self { changes, runs }, dropped))
    }

    fn all(&self) -> impl Iterator<Item = &Outbox> {
        self.changes.iter().chain(&self.runs)
    }

    /// Tells everybody of a change.
    pub(super) fn change(&self, change: &Value) {
        for outbox in &self.changes {
            outbox.put(change.clone());
        }
    }

    /// What there is to say since this was asked last.
    pub(super) fn said(&self) -> Vec<String> {
        self.all().flat_map(Outbox::said).collect()
    }

    pub(super) fn waiting(&self) -> Waiting {
        self.all().map(|outbox| (outbox.name.clone(), outbox.waiting())).filter(|(_, waiting)| !waiting.is_empty()).collect()
    }

    /// Waits, for a moment, until what happened before the end is told, too.
    pub(super) fn end(&self) {
        let until = Instant::now() + LAST_WORDS;
        self.all().for_each(Outbox::end);
        self.all().for_each(|outbox| outbox.wait(until.saturating_duration_since(Instant::now())));
    }
}
