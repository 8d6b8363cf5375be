//! The dialog that acknowledges failures, or withdraws that: it names all that it writes.

use std::cell::Cell;

use super::decide::Decide;
use crate::app::field::Field;
use crate::app::keys::Verb;
use crate::app::reads::checks::Checked;
use crate::app::screen::{Effect, Screen};
use crate::app::view::{Line, Tone};
use crate::app::world::World;
use crate::app::write::{Failure, Write};
use crate::model::Severity;
use crate::pipeline::rules::RuleState;

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
    let mut told = vec![Line::of(Tone::Text, what.to_owned()), Line::named("outcomes", counts)];
    if withdraws && let Some(by) = outcomes.first().and_then(|checked| checked.acknowledged.as_ref()) {
        told.push(Line::named("decided", format!("{} until {}: {}", by.account, by.expires_on, by.reason)));
    }
    let failures: Vec<Failure> = outcomes.iter().map(|checked| Failure::from(*checked)).collect();
    Box::new(Decide {
        title: format!("{verb} in {} · {utility} · {month}", world.settings.env.as_str().to_uppercase()),
        purpose: "A decision about failures: who, why and until when. It stays in `ops/acknowledgements`; more failing rows, another delivery or another rule open them again.",
        from: "ops/acknowledgements",
        told,
        what: if withdraws { "withdraw" } else { "acknowledge" },
        working: None,
        decision: Box::new(move |reason, until| {
            let failures = failures.clone();
            match until {
                Some(until) => Write::Sign { failures, reason, until },
                None => Write::Withdraw { failures, reason },
            }
        }),
        reason: Field::default(),
        days: (!withdraws).then_some(0),
        lines: 11,
        scroll: Cell::new(0),
    })
}
