//! Every outcome of every rule: what does not hold of a month, since when, and who has acknowledged it.

use std::cell::Cell;

use super::rows;
use crate::app::keys::Verb;
use crate::app::overlays::{records, sign};
use crate::app::reads::checks::Checked;
use crate::app::scope::Scope;
use crate::app::screen::{Badge, Effect, Offer, Screen};
use crate::app::slot::Desk;
use crate::app::table::{Column, Listing, Table, grouped};
use crate::app::view::{Empty, Line, Lines, Read, Sharing, TablePart, TextPart, Tone, View};
use crate::app::world::World;
use crate::app::write::Write;
use crate::frame::{Value, schema};
use crate::model::Severity;
use crate::pipeline::rules::RuleState;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// What fails in the month, or could not be checked.
    Failing,
    /// Every outcome of the month.
    All,
    /// What fails in any month.
    EveryMonth,
}

/// The third pane.
pub struct Rules {
    shown: Shown,
    table: Table,
    outcomes: Vec<Checked>,
    scroll: Cell<usize>,
    made_of: Option<(u64, Scope, Shown)>,
}

impl Rules {
    pub fn new() -> Self {
        Self { shown: Shown::Failing, table: Table::new("rules", &[]), outcomes: Vec::new(), scroll: Cell::new(0), made_of: None }
    }

    fn selected(&self) -> Option<&Checked> {
        self.table.selected().and_then(|row| self.outcomes.get(row))
    }
}

fn is_failing(checked: &Checked) -> bool {
    matches!(checked.state, RuleState::Failed | RuleState::CouldNotCheck)
}

/// The month's outcomes: failures first, the gravest first, those that somebody acknowledged after them.
fn outcomes(world: &World, shown: Shown) -> Vec<Checked> {
    let (Some(facts), Some(month)) = (world.facts.ready(), world.month()) else { return Vec::new() };
    let is_shown = |checked: &&Checked| {
        let in_scope = world.scope.has(&checked.utility, &checked.dataset);
        in_scope
            && match shown {
                Shown::Failing => checked.month == month && is_failing(checked),
                Shown::All => checked.month == month,
                Shown::EveryMonth => is_failing(checked),
            }
    };
    let mut found: Vec<Checked> = facts.outcomes().iter().filter(is_shown).cloned().collect();
    let rank = |state: RuleState| match state {
        RuleState::Failed => 0,
        RuleState::CouldNotCheck => 1,
        RuleState::NotEnoughHistory => 2,
        RuleState::Passed => 3,
        RuleState::NotStated | RuleState::NothingDelivered => 4,
    };
    found.sort_by_key(|checked| {
        let newest_first = std::cmp::Reverse(checked.month);
        (newest_first, rank(checked.state), checked.acknowledged.is_some(), std::cmp::Reverse(checked.severity))
    });
    found
}

fn look(checked: &Checked) -> (&'static str, &'static str) {
    match (checked.state, checked.acknowledged.is_some(), checked.severity) {
        (RuleState::Failed, true, _) => ("◇", "acknowledged"),
        (RuleState::Failed, _, Severity::Error) => ("■", "error"),
        (RuleState::Failed, _, Severity::Warning) => ("▲", "warning"),
        (RuleState::Failed, _, Severity::Info) => ("●", "notice"),
        (RuleState::CouldNotCheck, ..) => ("?", "not checked"),
        (RuleState::NotEnoughHistory, ..) => ("·", "no history"),
        (RuleState::Passed, ..) => ("✓", "holds"),
        (RuleState::NothingDelivered, ..) => ("·", "nothing came"),
        (RuleState::NotStated, ..) => ("·", "not stated"),
    }
}

fn listing(outcomes: &[Checked], world: &World, shown: Shown) -> Listing {
    let row = |checked: &Checked| {
        let (sign, state) = look(checked);
        vec![
            Value::Text(sign.into()),
            Value::Text(state.into()),
            Value::Text(checked.month.to_string()),
            Value::Text(checked.rule.clone()),
            Value::Text(checked.utility.clone()),
            Value::Text(checked.dataset.clone()),
            if checked.state == RuleState::Failed { Value::count(checked.failed) } else { Value::Null },
            Value::count(checked.checked),
            Value::text(checked.failing_since.filter(|since| *since < checked.month).map(|since| since.to_string())),
            Value::text(checked.detail.clone()),
            Value::text(world.settings.rules.rule(&checked.rule).map(|rule| rule.owner.clone())),
        ]
    };
    let fields = schema::columns![sign Text, state Text, month Text, rule Text, utility Text, dataset Text, failed Whole, checked Whole, since Text, detail Text, owner Text];
    let mut columns = vec![
        Column::plain("sign", "").priority(0),
        Column::plain("state", "state").priority(2),
        Column::text("rule", "rule").least(30).priority(0),
        Column::plain("utility", "utility").priority(0),
        Column::plain("dataset", "of").priority(0),
        Column::count("failed", "failed").priority(0),
        Column::count("checked", "of rows").priority(4),
        Column::plain("since", "since").priority(3),
        Column::text("detail", "detail").least(20).priority(5),
        Column::text("owner", "owner").priority(6),
    ];
    if shown == Shown::EveryMonth {
        columns.insert(2, Column::plain("month", "month").priority(0));
    }
    Listing {
        rows: rows(&fields, &outcomes.iter().map(row).collect::<Vec<_>>()),
        columns,
        key: &["month", "rule", "utility", "dataset"],
        paint: |rows, field, row| match (field, rows.text("sign", row).as_deref()) {
            ("sign" | "state", Some("■" | "?")) => Tone::Bad,
            ("sign" | "state", Some("▲")) => Tone::Warn,
            ("sign" | "state", Some("●")) => Tone::Accent,
            ("sign" | "state", Some("✓")) => Tone::Good,
            (_, Some("◇" | "·")) | ("checked" | "since" | "detail" | "owner", _) => Tone::Dim,
            _ => Tone::Text,
        },
    }
}

impl Screen for Rules {
    fn title(&self) -> String {
        "Rules".into()
    }

    fn id(&self) -> &'static str {
        "rules"
    }

    fn purpose(&self) -> &'static str {
        "Every outcome of every rule, in the scope: what does not hold, since when, and who has acknowledged it."
    }

    fn legend(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("■", "an error that nobody has acknowledged"),
            ("?", "could not be checked"),
            ("▲", "a warning"),
            ("●", "a notice"),
            ("◇", "acknowledged, until a day"),
            ("✓", "holds"),
            ("·", "nothing to check: no history yet, nothing came, or the utility does not state it"),
        ]
    }

    fn badge(&self, world: &World) -> Option<Badge> {
        let month = world.month()?;
        let bad = |checked: &&Checked| {
            checked.month == month && checked.is_bad() && world.scope.has(&checked.utility, &checked.dataset)
        };
        let count = world.facts.ready()?.outcomes().iter().filter(bad).count();
        Some(Badge { count, sign: "■", tone: Tone::Bad }).filter(|badge| badge.count > 0)
    }

    fn offers(&self, _: &World) -> Vec<Offer> {
        let toggle = match self.shown {
            Shown::Failing => "what holds, too",
            Shown::All => "every month",
            Shown::EveryMonth => "what fails",
        };
        let mut offers = Vec::new();
        if let Some(checked) = self.selected() {
            if checked.state == RuleState::Failed {
                offers.push((Verb::Enter, "failing rows"));
                offers.push(match checked.acknowledged {
                    None => (Verb::Sign, "acknowledge"),
                    Some(_) => (Verb::Withdraw, "withdraw"),
                });
            }
            offers.push((Verb::Mail, "mail"));
        }
        offers.push((Verb::Toggle, toggle));
        offers
    }

    fn settle(&mut self, world: &World, _: &mut Desk) {
        let (answers, scope) = world.made_of();
        let made_of = (answers, scope, self.shown);
        if self.made_of.as_ref() != Some(&made_of) {
            self.made_of = Some(made_of);
            self.outcomes = outcomes(world, self.shown);
            self.table.fill(listing(&self.outcomes, world, self.shown));
        }
    }

    fn act(&mut self, verb: Verb, world: &World) -> Option<Vec<Effect>> {
        match verb {
            Verb::Up | Verb::Down | Verb::First | Verb::Last | Verb::PageUp | Verb::PageDown => {
                self.scroll.set(0);
                return None;
            }
            Verb::Toggle | Verb::ToggleBack => {
                self.shown = match (self.shown, verb) {
                    (Shown::Failing, Verb::Toggle) | (Shown::EveryMonth, Verb::ToggleBack) => Shown::All,
                    (Shown::All, Verb::Toggle) | (Shown::Failing, _) => Shown::EveryMonth,
                    _ => Shown::Failing,
                };
                return Some(Vec::new());
            }
            _ => {}
        }
        let checked = self.selected()?;
        let one = std::slice::from_ref(checked);
        match verb {
            Verb::Enter if checked.state == RuleState::Failed => Some(vec![records::of_outcomes(&checked.rule, one)]),
            Verb::Enter => Some(vec![Effect::Say(format!("`{}` has no failing row: {}", checked.rule, look(checked).1))]),
            Verb::Sign => Some(vec![sign::sign(&checked.rule, one, world)]),
            Verb::Withdraw => Some(vec![sign::withdraw(&checked.rule, one, world)]),
            Verb::Mail => Some(vec![Effect::Write(Write::Mail { utility: checked.utility.clone(), month: checked.month })]),
            _ => None,
        }
    }

    fn table(&self) -> Option<&Table> {
        Some(&self.table)
    }

    fn table_mut(&mut self) -> Option<&mut Table> {
        Some(&mut self.table)
    }

    fn reveal(&mut self, fields: Vec<(&'static str, String)>, world: &World) {
        // What holds, or could not be asked, is in the longer list.
        let is_it = |checked: &Checked| {
            fields.iter().all(|(field, text)| match *field {
                "rule" => checked.rule == *text,
                "utility" => checked.utility == *text,
                "dataset" => checked.dataset == *text,
                _ => true,
            })
        };
        self.shown = if outcomes(world, Shown::Failing).iter().any(is_it) { Shown::Failing } else { Shown::All };
        self.settle(world, &mut Desk::default());
        self.table.want(fields);
    }

    fn scroll(&self) -> Option<&Cell<usize>> {
        Some(&self.scroll)
    }

    fn view<'a>(&'a self, world: &'a World) -> View<'a> {
        let read = Read::from(world.facts.remote());
        let month = world.month().map_or_else(String::new, |month| month.to_string());
        let facts = world.facts.ready();
        let failure = facts.and_then(|facts| facts.outcomes.as_ref().err());
        let empty = match (failure, facts.is_some_and(|facts| !facts.outcomes().is_empty())) {
            (Some(failure), _) => Empty::new(Tone::Bad, failure, "Ctrl-R reads again; `feederscope doctor` looks at the tables"),
            (None, false) => world.nothing_loaded("no month was checked yet"),
            (None, true) if !world.is_checked() => Empty::new(
                Tone::Warn,
                format!("? no rule was checked yet of what is looked at in {month}"),
                "r loads and checks what is new; 0 looks at everything",
            ),
            (None, true) => Empty::new(Tone::Good, format!("● every rule holds in {month}"), "v shows them"),
        };
        let title = match self.shown {
            Shown::Failing if month.is_empty() => "What does not hold".into(),
            Shown::Failing => format!("What does not hold in {month}"),
            Shown::All => format!("Every outcome of {month}"),
            Shown::EveryMonth => "What does not hold, in every month".into(),
        };
        let list = View::Table(TablePart { title, from: "ops/rule_results", read, table: &self.table, empty, focused: true });
        let Some(checked) = self.selected() else { return list };
        let sharing = Sharing { beside_from: 170, width: 36, lines: Lines::Lower(10), below_from: 14 };
        list.with(
            sharing,
            View::Text(TextPart {
                title: format!("{} · {} {}", checked.rule, checked.utility, checked.dataset),
                from: "",
                read,
                lines: told(checked, world),
                scroll: &self.scroll,
            }),
        )
    }
}

fn told(checked: &Checked, world: &World) -> Vec<Line> {
    let rule = world.settings.rules.rule(&checked.rule);
    let mut lines: Vec<Line> = rule.map(|rule| Line::of(Tone::Text, rule.description.clone())).into_iter().collect();
    let allowed = match checked.threshold.as_str() {
        "0" => "none may".to_owned(),
        some => format!("{some} may"),
    };
    let looked = format!(
        "{} of {}, {allowed} · {} · {}",
        grouped(&checked.failed.to_string()),
        grouped(&checked.checked.to_string()),
        checked.severity,
        checked.month
    );
    lines.push(Line::named("fail", looked));
    lines.extend(checked.detail.clone().map(|detail| Line::named("found", detail)));
    lines.extend(checked.failing_since.map(|since| Line::named("since", since.to_string())));
    if let Some(decision) = &checked.acknowledged {
        let said = format!("◇ acknowledged by {} until {}: {}", decision.account, decision.expires_on, decision.reason);
        lines.push(Line::of(Tone::Good, said));
    }
    lines.extend(checked.checked_at.map(|at| Line::named("checked", format!("{at} UTC"))));
    if let Some(rule) = rule {
        lines.push(Line::named("owner", rule.owner.clone()));
        lines.insert(1, Line::of(Tone::Dim, "next      ").and(Tone::Accent, rule.next_step.clone()));
    }
    lines
}
