//! What leaves the program for others: changes of state that people are told of, and the events of runs.
//!
//! Each destination has an outbox with a thread of its own, so that none waits for another, and no load for any of them. What a
//! destination cannot take now is tried again, each time after twice as long; what it will never take is said and let go.

mod bell;
mod command;
mod file;
mod http;
mod mail;

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

pub use bell::Bell;
pub use command::Command;
pub use file::File;
pub use http::Http;
pub use lettre::message::Mailbox;
pub use mail::Mail;

/// Messages that wait for one destination at most; the log has the others.
const MOST_WAITING: usize = 1_000;
/// The pause after the first failure.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const PAUSE_MOST: Duration = Duration::from_mins(5);
/// How old a message may grow while it is tried, in seconds.
const OLDEST: i64 = 24 * 3600;

/// Why a destination did not take a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It may take it later; not before this pause, if it named one.
    Later(String, Option<Duration>),
    /// It will not take it.
    Never(String),
}

/// Somebody who is told.
pub trait Destination: Send {
    /// What it is called in logs and in the health file; holds no secret, and is the same after a restart.
    fn name(&self) -> String;

    /// How many messages it takes at once, and how long it is waited for more of them.
    fn gathers(&self) -> (usize, Duration) {
        (1, Duration::ZERO)
    }

    /// Hands messages over.
    ///
    /// # Errors
    /// It did not take them.
    fn send(&mut self, messages: &[Value]) -> Result<(), Refusal>;
}

/// Who is told of what; owned by whoever tells.
pub struct Audience {
    /// Of changes of state.
    pub changes: Vec<Box<dyn Destination>>,
    /// Of runs.
    pub runs: Option<Box<dyn Destination>>,
}

#[derive(Debug, Default)]
struct State {
    /// What was not handed over yet, in order.
    waiting: VecDeque<Value>,
    /// What there is to say about it.
    said: Vec<String>,
    is_ending: bool,
    /// Whether the next pause is over.
    is_hurried: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a time, or until the end is asked for; whether it is.
    fn pause(&self, pause: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), pause, |state| !state.is_ending && !state.is_hurried);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.is_hurried = false;
        state.is_ending
    }
}

/// What waits for one destination.
#[derive(Debug)]
pub struct Outbox {
    /// What the destination is called.
    pub name: String,
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

impl Outbox {
    /// Starts to hand over to a destination, which is called so; first what waited when the program ended last.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(name: String, mut destination: Box<dyn Destination>, waiting: Vec<Value>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        shared.lock().waiting.extend(waiting);
        let (of_thread, called) = (shared.clone(), name.clone());
        let thread = std::thread::Builder::new().name("outbound".into()).spawn(move || {
            while let Some(messages) = next(&of_thread, destination.gathers()) {
                if !hand_over(&of_thread, destination.as_mut(), &called, &messages) {
                    return;
                }
            }
        })?;
        Ok(Self { name, shared, thread })
    }

    /// Adds a message.
    pub fn put(&self, message: Value) {
        let mut state = self.shared.lock();
        if state.waiting.len() < MOST_WAITING {
            state.waiting.push_back(message);
        } else {
            let said = format!("{} is not told: {MOST_WAITING} messages wait for it already", self.name);
            state.said.push(said);
        }
        drop(state);
        self.shared.changed.notify_all();
    }

    /// What there is to say since this was asked last.
    pub fn said(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.lock().said)
    }

    /// What was not handed over yet, in order.
    pub fn waiting(&self) -> Vec<Value> {
        self.shared.lock().waiting.iter().cloned().collect()
    }

    /// Has what waits tried now, whatever pause it is in.
    pub fn hurry(&self) {
        self.shared.lock().is_hurried = true;
        self.shared.changed.notify_all();
    }

    /// Tells it to end, without waiting for it.
    pub fn end(&self) {
        self.shared.lock().is_ending = true;
        self.shared.changed.notify_all();
    }

    /// Waits until nothing waits any more, or the destination has ended, or for a time.
    pub fn wait(&self, at_most: Duration) {
        let begun = Instant::now();
        while !self.thread.is_finished() && !self.shared.lock().waiting.is_empty() && begun.elapsed() < at_most {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The next messages; nothing once the end is asked for and none waits.
fn next(shared: &Shared, (most, gather): (usize, Duration)) -> Option<Vec<Value>> {
    let waited = shared.changed.wait_while(shared.lock(), |state| state.waiting.is_empty() && !state.is_ending);
    if waited.unwrap_or_else(PoisonError::into_inner).waiting.is_empty() {
        return None;
    }
    if !gather.is_zero() {
        shared.pause(gather);
    }
    Some(shared.lock().waiting.iter().take(most).cloned().collect())
}

/// Tries until the destination takes the messages, will never do so, or the end is asked for; whether to go on with the next ones.
fn hand_over(shared: &Shared, destination: &mut dyn Destination, name: &str, messages: &[Value]) -> bool {
    let (mut pause, mut failed) = (PAUSE, false);
    loop {
        let said = match destination.send(messages) {
            Ok(()) => failed.then(|| format!("{name} is told again")),
            Err(Refusal::Never(error)) => Some(format!("{name} could not be told: {error}")),
            Err(Refusal::Later(error, _)) if messages.iter().all(is_old) => {
                Some(format!("{name} could not be told for a day, and what waited longest is let go: {error}"))
            }
            Err(Refusal::Later(error, asked)) => {
                let wait = asked.map_or(pause, |asked| asked.clamp(pause, PAUSE_MOST));
                if !failed {
                    shared.lock().said.push(format!("{name} could not be told: {error}; again in {} s", wait.as_secs()));
                }
                (failed, pause) = (true, pause.saturating_mul(2).min(PAUSE_MOST));
                if shared.pause(wait) {
                    // What waits is told after the next start, in its order.
                    return false;
                }
                continue;
            }
        };
        let mut state = shared.lock();
        state.waiting.drain(..messages.len());
        state.said.extend(said);
        return true;
    }
}

/// Whether a message says that it was made more than a day ago.
fn is_old(message: &Value) -> bool {
    let of_event = || message["eventTime"].as_str()?.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second);
    let made = message["at"].as_i64().or_else(of_event);
    made.is_some_and(|made| jiff::Timestamp::now().as_second() - made > OLDEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a message at the given attempts, and notes what it took.
    struct Fussy {
        answers: VecDeque<Result<(), Refusal>>,
        took: Arc<Mutex<Vec<Value>>>,
    }

    impl Destination for Fussy {
        fn name(&self) -> String {
            "somebody".into()
        }

        fn send(&mut self, messages: &[Value]) -> Result<(), Refusal> {
            self.answers.pop_front().unwrap_or(Ok(()))?;
            self.took.lock().unwrap().extend(messages.iter().cloned());
            Ok(())
        }
    }

    fn start(answers: Vec<Result<(), Refusal>>, waiting: Vec<Value>) -> (Outbox, Arc<Mutex<Vec<Value>>>) {
        let took = Arc::<Mutex<Vec<Value>>>::default();
        let fussy = Fussy { answers: answers.into(), took: took.clone() };
        (Outbox::start("somebody".into(), Box::new(fussy), waiting).unwrap(), took)
    }

    fn later() -> Result<(), Refusal> {
        Err(Refusal::Later("it is busy".into(), None))
    }

    #[test]
    fn what_is_refused_for_now_is_tried_again_in_its_order() {
        let begun = Instant::now();
        let (outbox, took) = start(vec![later(), later()], vec![Value::from(1)]);
        outbox.put(Value::from(2));
        outbox.wait(Duration::from_secs(20));
        assert!(begun.elapsed() >= 3 * PAUSE, "the second pause is twice the first");
        assert_eq!(*took.lock().unwrap(), [1, 2]);
        assert_eq!(outbox.said(), ["somebody could not be told: it is busy; again in 1 s", "somebody is told again"]);
        assert_eq!(outbox.waiting(), [] as [Value; 0]);
    }

    #[test]
    fn what_is_refused_for_good_keeps_nothing_else_waiting() {
        let (outbox, took) = start(vec![Err(Refusal::Never("404".into()))], vec![Value::from(1), Value::from(2)]);
        outbox.wait(Duration::from_secs(20));
        assert_eq!(*took.lock().unwrap(), [2]);
        assert_eq!(outbox.said(), ["somebody could not be told: 404"]);
    }

    #[test]
    fn what_waits_at_the_end_is_kept_and_the_end_waits_for_no_pause() {
        let (outbox, took) = start(vec![later(), later(), later()], vec![Value::from(1), Value::from(2)]);
        while outbox.said().is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
        // After the pauses it would take them.
        outbox.end();
        outbox.wait(Duration::from_secs(20));
        assert_eq!(outbox.waiting(), [1, 2]);
        assert_eq!(*took.lock().unwrap(), [] as [Value; 0]);
    }

    #[test]
    fn what_waited_for_a_day_is_let_go_together_and_the_young_are_tried_on() {
        let now = jiff::Timestamp::now();
        let (old, young) = (now.as_second() - OLDEST - 5, now.as_second());
        let event = jiff::Timestamp::from_second(old).unwrap().to_string();
        let messages =
            [serde_json::json!({ "at": old }), serde_json::json!({ "eventTime": event }), serde_json::json!({ "at": young })];
        let (outbox, took) = start(vec![later(), later(), later()], messages.to_vec());
        outbox.wait(Duration::from_secs(20));
        assert_eq!(*took.lock().unwrap(), messages[2..]);
        assert_eq!(outbox.said().iter().filter(|said| said.contains("let go")).count(), 2);
    }

    #[test]
    fn who_hurries_waits_for_no_pause() {
        let (outbox, took) =
            start(vec![Err(Refusal::Later("busy".into(), Some(Duration::from_secs(200))))], vec![Value::from(1)]);
        let said = loop {
            match outbox.said().pop() {
                Some(said) => break said,
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        assert_eq!(said, "somebody could not be told: busy; again in 200 s", "as it asked for");
        outbox.hurry();
        outbox.wait(Duration::from_secs(20));
        assert_eq!(*took.lock().unwrap(), [1]);
    }

    #[test]
    fn outbox_of_somebody_who_never_listens_is_bounded() {
        let busy = std::iter::repeat_with(later).take(50).collect();
        let (outbox, _) = start(busy, Vec::new());
        for n in 0..MOST_WAITING + 2 {
            outbox.put(Value::from(n));
        }
        assert_eq!(outbox.waiting().len(), MOST_WAITING);
        let unsaid = outbox.said().into_iter().filter(|said| said.contains("is not told")).count();
        assert_eq!(unsaid, 2);
        outbox.end();
    }
}
