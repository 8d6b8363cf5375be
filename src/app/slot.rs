//! A question to the tables and its answer: asked once, dropped when another one takes its place.

use std::any::Any;

use super::reads::QueryError;
use crate::config::Settings;
use crate::lake::Lake;
use crate::model::{Cancel, Timestamp};

/// What comes from the tables in the background.
#[derive(Debug, Clone, Default)]
pub enum Remote<T> {
    /// Asked for, not there yet.
    #[default]
    Loading,
    /// There, as of a time.
    Ready {
        /// The answer.
        value: T,
        /// When it was read.
        read_at: Timestamp,
    },
    /// Could not be read.
    Failed {
        /// Why.
        reason: String,
    },
}

impl<T> Remote<T> {
    /// The answer, if it is there.
    pub fn ready(&self) -> Option<&T> {
        match self {
            Self::Ready { value, .. } => Some(value),
            _ => None,
        }
    }
}

/// What a question may use: the tables, and the settings of its day.
pub struct Reader<'a> {
    /// The lake.
    pub lake: &'a Lake,
    /// The settings.
    pub settings: &'a Settings,
    /// Set when nobody waits for the answer any more.
    pub cancel: &'a Cancel,
}

type Answer = Box<dyn Any + Send>;
type Question = Box<dyn FnOnce(&Reader<'_>) -> Result<Answer, QueryError> + Send>;

/// A question on its way: whoever works on it knows only its number.
pub struct Ask {
    pub(super) ticket: u64,
    pub(super) cancel: Cancel,
    /// Whether it is begun only when no other one has taken its place for a moment.
    pub(super) rests: bool,
    pub(super) read: Question,
}

impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ask({})", self.ticket)
    }
}

/// The answer to a question, by its number.
pub struct Answered {
    pub(super) ticket: u64,
    pub(super) result: Result<Answer, String>,
    /// When it was read.
    pub read_at: Timestamp,
}

impl std::fmt::Debug for Answered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answered({})", self.ticket)
    }
}

/// Where questions are left.
#[derive(Debug, Default)]
pub struct Desk {
    asks: Vec<Ask>,
    tickets: u64,
    /// Goes up when the tables have changed: what was read before is read again.
    pub(super) version: u64,
}

impl Desk {
    /// Goes on with the numbers of another desk, so that no answer to its questions is taken for one to this one's.
    pub(super) fn follow(&mut self, other: &Self) {
        self.tickets = other.tickets;
    }

    pub(super) fn take(&mut self) -> Vec<Ask> {
        std::mem::take(&mut self.asks)
    }
}

/// Something that waits for an answer.
pub trait Waiting {
    /// Takes the answer if it is the one that is waited for.
    fn take(&mut self, answered: &mut Option<Answered>);
}

/// A question and what is known of its answer.
#[derive(Debug)]
pub struct Slot<Q, T> {
    question: Option<Q>,
    version: u64,
    ticket: u64,
    cancel: Cancel,
    answers: u64,
    is_asking: bool,
    value: Remote<T>,
}

impl<Q, T> Default for Slot<Q, T> {
    fn default() -> Self {
        Self {
            question: None,
            version: 0,
            ticket: 0,
            cancel: Cancel::default(),
            answers: 0,
            is_asking: false,
            value: Remote::Loading,
        }
    }
}

impl<Q, T> Drop for Slot<Q, T> {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl<Q: PartialEq, T: Send + 'static> Slot<Q, T> {
    /// Asks the question unless its answer is there, or on its way. The answer to the same question of older tables stays until the
    /// new one is there; that to another question does not.
    pub fn want(
        &mut self,
        desk: &mut Desk,
        question: Q,
        read: impl FnOnce(&Reader<'_>) -> Result<T, QueryError> + Send + 'static,
    ) {
        self.ask(desk, (question, false), read);
    }

    /// The same of a question that changes with every key: it is begun when keys rest, as one that is begun takes the processor from
    /// the frames.
    pub fn want_at_rest(
        &mut self,
        desk: &mut Desk,
        question: Q,
        read: impl FnOnce(&Reader<'_>) -> Result<T, QueryError> + Send + 'static,
    ) {
        self.ask(desk, (question, true), read);
    }

    fn ask(
        &mut self,
        desk: &mut Desk,
        (question, rests): (Q, bool),
        read: impl FnOnce(&Reader<'_>) -> Result<T, QueryError> + Send + 'static,
    ) {
        let is_same = self.question.as_ref() == Some(&question);
        if is_same && (self.version == desk.version || self.is_asking) {
            // An answer that is on its way is waited for, and asked for again then: during a load the tables change all the while.
            return;
        }
        self.cancel.cancel();
        self.cancel = Cancel::default();
        self.is_asking = true;
        if !is_same {
            self.value = Remote::Loading;
            self.answers += 1;
        }
        desk.tickets += 1;
        (self.question, self.version, self.ticket) = (Some(question), desk.version, desk.tickets);
        desk.asks.push(Ask {
            ticket: self.ticket,
            cancel: self.cancel.clone(),
            rests,
            read: Box::new(move |reader| Ok(Box::new(read(reader)?))),
        });
    }

    /// Asks nothing any more.
    pub fn clear(&mut self) {
        if self.question.take().is_some() {
            self.cancel.cancel();
            self.is_asking = false;
            self.value = Remote::Loading;
            self.answers += 1;
        }
    }
}

impl<Q, T> Slot<Q, T> {
    /// What is known.
    pub const fn remote(&self) -> &Remote<T> {
        &self.value
    }

    /// The answer, if it is there.
    pub fn ready(&self) -> Option<&T> {
        self.value.ready()
    }

    /// What was asked.
    pub const fn question(&self) -> Option<&Q> {
        self.question.as_ref()
    }

    /// Goes up with each answer, and when another question takes its place, so that what is made from it is made once.
    pub const fn answers(&self) -> u64 {
        self.answers
    }
}

impl<Q, T: Send + 'static> Waiting for Slot<Q, T> {
    fn take(&mut self, answered: &mut Option<Answered>) {
        let Some(answer) = answered.take_if(|answer| answer.ticket == self.ticket && self.question.is_some()) else { return };
        self.answers += 1;
        self.is_asking = false;
        self.value = match answer.result {
            Ok(value) => match value.downcast() {
                Ok(value) => Remote::Ready { value: *value, read_at: answer.read_at },
                Err(_) => return,
            },
            Err(reason) => Remote::Failed { reason },
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(ask: &Ask, number: u64) -> Answered {
        Answered { ticket: ask.ticket, result: Ok(Box::new(number)), read_at: Timestamp::from_micros(0) }
    }

    #[test]
    fn question_is_asked_once_and_again_when_tables_or_question_change() {
        let (mut desk, mut slot) = (Desk::default(), Slot::<&str, u64>::default());
        slot.want(&mut desk, "a", |_| Ok(0));
        slot.want(&mut desk, "a", |_| Ok(0));
        let first = desk.take();
        assert_eq!(first.len(), 1);
        slot.take(&mut Some(answer(&first[0], 1)));
        assert_eq!(slot.ready(), Some(&1));
        desk.version = 1;
        slot.want(&mut desk, "a", |_| Ok(0));
        let second = desk.take();
        assert_eq!((second.len(), slot.ready()), (1, Some(&1)), "what was known stays until the new answer is there");
        slot.want(&mut desk, "b", |_| Ok(0));
        assert!(slot.ready().is_none(), "the answer to another question does not");
    }

    #[test]
    fn what_is_made_of_an_answer_is_made_anew_when_another_question_takes_its_place() {
        let (mut desk, mut slot) = (Desk::default(), Slot::<&str, u64>::default());
        slot.want(&mut desk, "a", |_| Ok(0));
        slot.take(&mut Some(answer(&desk.take()[0], 1)));
        let before = slot.answers();
        slot.want(&mut desk, "b", |_| Ok(0));
        assert_ne!(slot.answers(), before);
    }

    #[test]
    fn answer_on_its_way_is_waited_for_though_the_tables_change_all_the_while() {
        let (mut desk, mut slot) = (Desk::default(), Slot::<&str, u64>::default());
        slot.want(&mut desk, "a", |_| Ok(0));
        let asks = desk.take();
        desk.version += 1;
        slot.want(&mut desk, "a", |_| Ok(0));
        assert!(desk.take().is_empty() && !asks[0].cancel.is_cancelled());
        slot.take(&mut Some(answer(&asks[0], 1)));
        slot.want(&mut desk, "a", |_| Ok(0));
        assert_eq!((slot.ready(), desk.take().len()), (Some(&1), 1), "and asked again then");
    }

    #[test]
    fn late_answer_to_an_earlier_question_is_nobodys_and_its_work_is_called_off() {
        let (mut desk, mut slot) = (Desk::default(), Slot::<&str, u64>::default());
        slot.want(&mut desk, "a", |_| Ok(0));
        slot.want(&mut desk, "b", |_| Ok(0));
        let asks = desk.take();
        let mut late = Some(answer(&asks[0], 1));
        slot.take(&mut late);
        assert!(late.is_some() && slot.ready().is_none());
        assert!(asks[0].cancel.is_cancelled() && !asks[1].cancel.is_cancelled());
        drop(slot);
        assert!(asks[1].cancel.is_cancelled());
    }
}
