//! The dialog of every decision: it names all that is written, and asks for a reason.

use std::cell::Cell;

use crate::app::field::Field;
use crate::app::keys::Verb;
use crate::app::screen::{Effect, Offer, Room, Screen};
use crate::app::view::{Line, Read, TextPart, Tone, View};
use crate::app::world::World;
use crate::app::write::Write;
use crate::model::{Day, Timestamp};

/// Days for which a decision may count.
const DAYS: [i32; 4] = [30, 90, 180, 7];
/// A reason is a sentence: somebody reads it months later.
const SHORTEST_REASON: usize = 10;

/// What a decision writes, with its reason, and its last day where it has one.
pub(super) type Decision = Box<dyn Fn(String, Option<Day>) -> Write>;

/// The dialog.
pub(super) struct Decide {
    pub(super) title: String,
    pub(super) purpose: &'static str,
    /// The table that it is written to.
    pub(super) from: &'static str,
    pub(super) told: Vec<Line>,
    /// The word for it.
    pub(super) what: &'static str,
    /// What is said while it is written, if that takes a while.
    pub(super) working: Option<&'static str>,
    pub(super) decision: Decision,
    pub(super) reason: Field,
    /// Where it counts until a day: which of [`DAYS`] from today.
    pub(super) days: Option<usize>,
    pub(super) lines: u16,
    pub(super) scroll: Cell<usize>,
}

impl Decide {
    fn until(&self, world: &World) -> Option<(i32, Day)> {
        let days = DAYS[self.days?];
        Some((days, Day::from_epoch_days(world.settings.today.epoch_days() + days)))
    }

    fn enter(&self, world: &World) -> Vec<Effect> {
        let reason = self.reason.text().trim().to_owned();
        if reason.chars().count() < SHORTEST_REASON {
            return vec![Effect::Say(format!("a reason needs {SHORTEST_REASON} characters: somebody reads it months later"))];
        }
        let write = (self.decision)(reason, self.until(world).map(|(_, day)| day));
        let working = self.working.map(|working| Effect::Say(format!("{} …: {working}", self.what)));
        [Effect::Close, Effect::Write(write)].into_iter().chain(working).collect()
    }
}

impl Screen for Decide {
    fn title(&self) -> String {
        self.title.clone()
    }

    fn purpose(&self) -> &'static str {
        self.purpose
    }

    fn room(&self) -> Room {
        Room::Box(78, self.lines)
    }

    fn offers(&self, _: &World) -> Vec<Offer> {
        let another_day = self.days.map(|_| (Verb::NextPart, "another day"));
        [(Verb::Enter, self.what)].into_iter().chain(another_day).chain([(Verb::Back, "leave")]).collect()
    }

    fn act(&mut self, verb: Verb, world: &World) -> Option<Vec<Effect>> {
        match (verb, &mut self.days) {
            (Verb::NextPart, Some(days)) => *days = (*days + 1) % DAYS.len(),
            (Verb::PreviousPart, Some(days)) => *days = (*days + DAYS.len() - 1) % DAYS.len(),
            (Verb::Enter, _) => return Some(self.enter(world)),
            _ => return None,
        }
        Some(Vec::new())
    }

    fn scroll(&self) -> Option<&Cell<usize>> {
        Some(&self.scroll)
    }

    fn field(&self) -> Option<(&Field, String)> {
        Some((&self.reason, "reason".into()))
    }

    fn field_mut(&mut self) -> Option<&mut Field> {
        Some(&mut self.reason)
    }

    fn view<'a>(&'a self, world: &'a World) -> View<'a> {
        let mut lines = self.told.clone();
        let (before, after) = self.reason.parts();
        lines.push(Line::of(Tone::Dim, "reason    ").and(Tone::Text, before).and(Tone::Accent, "▏").and(Tone::Text, after));
        if let Some((days, until)) = self.until(world) {
            lines.push(Line::named("until", format!("{until}  ({days} days; Tab: another day)")));
        }
        lines.push(Line::named("as", world.settings.account.clone()));
        View::Text(TextPart {
            title: self.title.clone(),
            from: self.from,
            read: Read::At(Timestamp::from_micros(0)),
            lines,
            scroll: &self.scroll,
        })
    }
}
