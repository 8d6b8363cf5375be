//! Notices that something changed in the landing folder.
//!
//! Events come from the operating system where it has them, and a slow poll runs beside them in any case: network
//! mounts deliver no events, and an event that was lost must not cost a month.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use notify::{Config, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};

/// How changes are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchMode {
    /// The operating system tells.
    Events,
    /// The folder is looked at again and again.
    Polling,
}

/// A watch on the landing folder; ends when dropped.
pub struct Watch {
    _watcher: Box<dyn Watcher + Send>,
    changed: Arc<AtomicBool>,
    /// How changes are noticed here.
    pub mode: WatchMode,
}

impl Watch {
    /// Starts to watch; the folder is made if it does not exist, since a watch needs one.
    ///
    /// # Errors
    /// The folder can be neither made nor watched.
    pub fn start(folder: &Path, poll: Duration) -> Result<Self, notify::Error> {
        std::fs::create_dir_all(folder).map_err(notify::Error::io)?;
        let changed = Arc::new(AtomicBool::new(true));
        let handler = |flag: Arc<AtomicBool>| {
            move |event: notify::Result<notify::Event>| {
                if may_be_change(&event) {
                    flag.store(true, Ordering::Relaxed);
                }
            }
        };
        let events = RecommendedWatcher::new(handler(changed.clone()), Config::default())
            .and_then(|mut watcher| watcher.watch(folder, RecursiveMode::Recursive).map(|()| watcher));
        let (watcher, mode): (Box<dyn Watcher + Send>, WatchMode) = if let Ok(watcher) = events {
            (Box::new(watcher), WatchMode::Events)
        } else {
            let mut watcher = PollWatcher::new(handler(changed.clone()), Config::default().with_poll_interval(poll))?;
            watcher.watch(folder, RecursiveMode::Recursive)?;
            (Box::new(watcher), WatchMode::Polling)
        };
        Ok(Self { _watcher: watcher, changed, mode })
    }

    /// One that is told nothing, as on a mount that has no events.
    #[cfg(test)]
    pub(super) fn deaf() -> Self {
        Self { _watcher: Box::new(notify::NullWatcher), changed: Arc::default(), mode: WatchMode::Events }
    }

    /// Whether something changed since the last call.
    pub fn take_change(&self) -> bool {
        self.changed.swap(false, Ordering::Relaxed)
    }
}

/// An access is no change; an error, and a queue that ran over, may hide one.
fn may_be_change(event: &notify::Result<notify::Event>) -> bool {
    event.as_ref().map_or(true, |event| event.need_rescan() || !event.kind.is_access())
}

#[cfg(test)]
mod tests {
    use notify::event::{AccessKind, CreateKind, Event, EventKind, Flag};

    use super::*;

    #[test]
    fn queue_that_ran_over_and_an_error_are_changes_and_an_access_is_none() {
        let read = Event::new(EventKind::Access(AccessKind::Read));
        assert!(!may_be_change(&Ok(read.clone())));
        assert!(may_be_change(&Ok(read.set_flag(Flag::Rescan))));
        assert!(may_be_change(&Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan))));
        assert!(may_be_change(&Ok(Event::new(EventKind::Create(CreateKind::File)))));
        assert!(may_be_change(&Err(notify::Error::generic("the queue is full"))));
    }
}
