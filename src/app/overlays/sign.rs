//! The dialog that acknowledges failures, or withdraws that: it names all that it writes.

use std::cell::Cell;

use crate::app::field::Field;
use crate::app::keys::Verb;
use crate::app::reads::checks::Checked;
use crate::app::screen::{Effect, Offer, Room, Screen};
use crate::app::view::{Line, Read, TextPart, Tone, View};
use crate::app::world::World;
use crate::app::write::{Failure, Write};
use crate::model::{Day, Severity, Timestamp};
use crate::pipeline::rules::RuleState;

/// Days for which a decision may count.
const DAYS: [i32; 4] = [30, 90, 180, 7];
/// A reason is a sentence: somebody reads it months later.
const SHORTEST_REASON: usize = 10;

struct Sign {
    title: String,
    what: String,
    /// How many of each severity, and what was decided before.
    told: Vec<Line>,
    failures: Vec<Failure>,
    withdraws: bool,
    reason: Field,
    days: usize,
    today: Day,
    account: String,
    scroll: Cell<usize>,
}

/// Acknowledges the open failures among outcomes.
pub fn sign(what: &str, outcomes: &[Checked], world: &World) -> Effect {
    if let Some(why) = world.takes_no_loads() {
        return Effect::Say(why);
    }
    let failing: Vec<&Checked> = outcomes.iter().filter(|checked| checked.state == RuleState::Failed).collect();
    let open: Vec<&Checked> = failing.iter().copied().filter(|checked| checked.acknowledged.is_none()).collect();
    match (failing.first(), open.is_empty()) {
        (None, _) => Effect::Say(match outcomes.first() {
            None => "a refused file cannot be acknowledged: it must be mended; M writes the mail".into(),
            Some(checked) if checked.state == RuleState::CouldNotCheck => {
                format!("`{}` could not be checked: what nobody knows cannot be acknowledged", checked.rule)
            }
            Some(checked) => format!("`{}` does not fail: there is nothing to acknowledge", checked.rule),
        }),
        (Some(first), true) => {
            let by =
                first.acknowledged.as_ref().map_or_else(String::new, |by| format!(" by {} until {}", by.account, by.expires_on));
            Effect::Say(format!("acknowledged already{by}; {} withdraws it", world.keys.label(Verb::Withdraw)))
        }
        (Some(_), false) => Effect::Open(dialog(what, &open, world, false)),
    }
}

/// Withdraws what was acknowledged among outcomes.
pub fn withdraw(what: &str, outcomes: &[Checked], world: &World) -> Effect {
    if let Some(why) = world.takes_no_loads() {
        return Effect::Say(why);
    }
    let decided: Vec<&Checked> = outcomes.iter().filter(|checked| checked.acknowledged.is_some()).collect();
    if decided.is_empty() {
        return Effect::Say("nothing of it is acknowledged: there is nothing to withdraw".into());
    }
    Effect::Open(dialog(what, &decided, world, true))
}

fn dialog(what: &str, outcomes: &[&Checked], world: &World, withdraws: bool) -> Box<dyn Screen> {
    let verb = if withdraws { "Withdraw" } else { "Acknowledge" };
    let month = outcomes.first().map_or_else(String::new, |checked| checked.month.to_string());
    let utility = outcomes.first().map_or_else(String::new, |checked| checked.utility.clone());
    let count = |severity: Severity| outcomes.iter().filter(|checked| checked.severity == severity).count();
    let counts = [Severity::Error, Severity::Warning, Severity::Info]
        .into_iter()
        .filter(|severity| count(*severity) > 0)
        .map(|severity| format!("{} {severity}", count(severity)))
        .collect::<Vec<_>>()
        .join(", ");
    let mut told = vec![Line::named("outcomes", counts)];
    if withdraws && let Some(by) = outcomes.first().and_then(|checked| checked.acknowledged.as_ref()) {
        told.push(Line::named("decided", format!("{} until {}: {}", by.account, by.expires_on, by.reason)));
    }
    Box::new(Sign {
        title: format!("{verb} in {} · {utility} · {month}", world.settings.env.as_str().to_uppercase()),
        what: what.to_owned(),
        told,
        failures: outcomes.iter().map(|checked| Failure::from(*checked)).collect(),
        withdraws,
        reason: Field::default(),
        days: 0,
        today: world.settings.today,
        account: world.settings.account.clone(),
        scroll: Cell::new(0),
    })
}

impl Sign {
    fn until(&self) -> Day {
        Day::from_epoch_days(self.today.epoch_days() + DAYS[self.days])
    }
}

impl Screen for Sign {
    fn title(&self) -> String {
        self.title.clone()
    }

    fn purpose(&self) -> &'static str {
        "A decision about failures: who, why and until when. It stays in `ops/acknowledgements`; more failing rows, another delivery or another rule open them again."
    }

    fn room(&self) -> Room {
        Room::Box(78, 11)
    }

    fn offers(&self, _: &World) -> Vec<Offer> {
        if self.withdraws {
            return vec![(Verb::Enter, "withdraw"), (Verb::Back, "leave")];
        }
        vec![(Verb::Enter, "acknowledge"), (Verb::NextPart, "another day"), (Verb::Back, "leave")]
    }

    fn act(&mut self, verb: Verb, _: &World) -> Option<Vec<Effect>> {
        match verb {
            Verb::NextPart if !self.withdraws => self.days = (self.days + 1) % DAYS.len(),
            Verb::PreviousPart if !self.withdraws => self.days = (self.days + DAYS.len() - 1) % DAYS.len(),
            Verb::Enter => {
                let reason = self.reason.text().trim().to_owned();
                if reason.chars().count() < SHORTEST_REASON {
                    let why = format!("a reason needs {SHORTEST_REASON} characters: somebody reads it months later");
                    return Some(vec![Effect::Say(why)]);
                }
                let failures = self.failures.clone();
                let write = if self.withdraws {
                    Write::Withdraw { failures, reason }
                } else {
                    Write::Sign { failures, reason, until: self.until() }
                };
                return Some(vec![Effect::Close, Effect::Write(write)]);
            }
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

    fn view<'a>(&'a self, _: &'a World) -> View<'a> {
        let mut lines = vec![Line::of(Tone::Text, self.what.clone())];
        lines.extend(self.told.iter().cloned());
        let (before, after) = self.reason.parts();
        lines.push(Line::of(Tone::Dim, "reason    ").and(Tone::Text, before).and(Tone::Accent, "▏").and(Tone::Text, after));
        if !self.withdraws {
            let days = DAYS[self.days];
            lines.push(Line::named("until", format!("{}  ({days} days; Tab: another day)", self.until())));
        }
        lines.push(Line::named("as", self.account.clone()));
        View::Text(TextPart {
            title: self.title.clone(),
            from: "ops/acknowledgements",
            read: Read::At(Timestamp::from_micros(0)),
            lines,
            scroll: &self.scroll,
        })
    }
}
