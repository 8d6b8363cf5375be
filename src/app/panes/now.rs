//! What must I do now? The month's verdict and its cases: what stops it first, each with evidence, next step and actions.

use std::cell::Cell;

use super::rows;
use crate::app::keys::Verb;
use crate::app::overlays::{records, sign};
use crate::app::reads::cases::{Case, Cause, Standing, Verdict};
use crate::app::scope::{Rescope, Scope};
use crate::app::screen::{Badge, Effect, Offer, Screen};
use crate::app::slot::{Desk, Waiting};
use crate::app::table::{Column, Listing, Table, grouped};
use crate::app::view::{Empty, Line, Lines, Read, Sharing, TablePart, TextPart, Tone, View};
use crate::app::world::World;
use crate::app::write::Write;
use crate::frame::{Frame, Value, schema};
use crate::model::{Day, Severity};

/// The first pane.
pub struct Now {
    table: Table,
    cases: Vec<Case>,
    /// The records behind the selected case, where the terminal has room for them.
    evidence: records::Evidence,
    in_evidence: bool,
    scroll: Cell<usize>,
    made_of: Option<(u64, Scope)>,
}

/// Lines of a terminal on which the records of a case stand below the cases.
const ROOM_FOR_EVIDENCE: u16 = 36;

impl Now {
    pub fn new() -> Self {
        Self {
            table: Table::new("cases", &[]),
            cases: Vec::new(),
            evidence: records::Evidence::new("evidence"),
            in_evidence: false,
            scroll: Cell::new(0),
            made_of: None,
        }
    }

    /// Whether the records of the selected case are shown: not those of what did not come, for there are none.
    fn has_evidence(&self, world: &World) -> bool {
        let has_records = |case: &Case| {
            matches!(case.cause, Cause::Values(_) | Cause::Rule(_)) && !records::metrics_of(&case.outcomes).is_empty()
        };
        world.height >= ROOM_FOR_EVIDENCE && self.selected().is_some_and(has_records)
    }

    fn selected(&self) -> Option<&Case> {
        self.table.selected().and_then(|row| self.cases.get(row))
    }
}

/// The sign of a case and what it means.
pub fn look(standing: Standing, severity: Severity) -> (&'static str, Tone) {
    match (standing, severity) {
        (Standing::Stops, _) => ("■", Tone::Bad),
        (Standing::Unknown, _) => ("?", Tone::Bad),
        (Standing::ToLookAt, Severity::Info) => ("●", Tone::Accent),
        (Standing::ToLookAt, _) => ("▲", Tone::Warn),
        (Standing::Acknowledged, _) => ("◇", Tone::Dim),
    }
}

/// Tells a cause from others of its utility.
fn cause_id(cause: &Cause) -> String {
    match cause {
        Cause::Header(of) | Cause::Values(of) | Cause::Rule(of) => format!("{} {of}", cause.as_str()),
        Cause::Refused | Cause::NotDelivered | Cause::Overdue => cause.as_str().to_owned(),
    }
}

/// What is the matter, without the words that all have in common.
fn short(case: &Case) -> &str {
    case.what.strip_prefix("does not hold: ").unwrap_or(&case.what)
}

fn listing(cases: &[Case]) -> Listing {
    let row = |case: &Case| {
        vec![
            Value::Text(look(case.standing, case.severity).0.into()),
            Value::Text(short(case).to_owned()),
            Value::Text(case.utility.clone()),
            Value::Text(match case.of.as_slice() {
                [only] => only.clone(),
                several => format!("{} files", several.len()),
            }),
            Value::Text(case.since.to_string()),
            if case.failed > 0 { Value::count(case.failed) } else { Value::Null },
            Value::Text(case.standing.as_str().into()),
            Value::Text(case.owner.clone()),
            Value::Text(cause_id(&case.cause)),
        ]
    };
    let columns = schema::columns![sign Text, what Text, utility Text, datasets Text, since Text, failed Whole, standing Text, owner Text, cause Text];
    Listing {
        rows: rows(&columns, &cases.iter().map(row).collect::<Vec<_>>()),
        columns: vec![
            Column::plain("sign", "").priority(0),
            Column::text("what", "what").least(40).priority(0),
            Column::plain("utility", "utility").priority(0),
            Column::text("datasets", "of").least(8).priority(2),
            Column::plain("since", "since").priority(3),
            Column::count("failed", "rows").priority(1),
            Column::plain("standing", "standing").priority(5),
            Column::text("owner", "owner").priority(6),
        ],
        key: &["utility", "cause"],
        paint: |rows: &Frame, field, row| match (field, rows.text("sign", row).as_deref()) {
            ("sign", Some("■" | "?")) => Tone::Bad,
            ("sign", Some("▲")) => Tone::Warn,
            ("sign", Some("●")) => Tone::Accent,
            (_, Some("◇")) | ("since" | "owner" | "datasets", _) => Tone::Dim,
            _ => Tone::Text,
        },
    }
}

impl Screen for Now {
    fn title(&self) -> String {
        "Now".into()
    }

    fn id(&self) -> &'static str {
        "now"
    }

    fn purpose(&self) -> &'static str {
        "What stands between the month and its use, one case for each cause: what stops it first."
    }

    fn legend(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("■", "stops the month until it is mended or acknowledged"),
            ("?", "could not be checked: nobody may take it for a verdict"),
            ("▲", "a warning, to look at"),
            ("●", "a notice"),
            ("◇", "acknowledged by somebody, until a day"),
        ]
    }

    fn badge(&self, world: &World) -> Option<Badge> {
        let count = world.cases().filter(|case| matches!(case.standing, Standing::Stops | Standing::Unknown)).count();
        Some(Badge { count, sign: "■", tone: Tone::Bad }).filter(|badge| badge.count > 0)
    }

    fn offers(&self, world: &World) -> Vec<Offer> {
        let Some(case) = self.selected() else { return Vec::new() };
        if self.in_evidence {
            return vec![(Verb::Enter, "the line in its file"), (Verb::NextPart, "cases")];
        }
        let mut offers = vec![(Verb::Enter, "evidence")];
        if self.has_evidence(world) {
            offers.push((Verb::NextPart, "its records"));
        }
        if case.outcomes.iter().any(crate::app::reads::checks::Checked::is_open) {
            offers.push((Verb::Sign, "acknowledge"));
        }
        if case.outcomes.iter().any(|checked| checked.acknowledged.is_some()) {
            offers.push((Verb::Withdraw, "withdraw"));
        }
        offers.extend([(Verb::Mail, "mail"), (Verb::Report, "report"), (Verb::Open, "its rules")]);
        offers
    }

    fn settle(&mut self, world: &World, desk: &mut Desk) {
        let made_of = world.made_of();
        if self.made_of.as_ref() != Some(&made_of) {
            self.made_of = Some(made_of);
            self.cases = world.cases().cloned().collect();
            self.table.fill(listing(&self.cases));
        }
        let metrics = self.selected().filter(|_| self.has_evidence(world)).map(|case| records::metrics_of(&case.outcomes));
        self.in_evidence &= metrics.is_some();
        self.evidence.settle(metrics, desk);
    }

    fn slots(&mut self) -> Vec<&mut dyn Waiting> {
        vec![self.evidence.slot()]
    }

    fn act(&mut self, verb: Verb, world: &World) -> Option<Vec<Effect>> {
        if matches!(verb, Verb::Up | Verb::Down | Verb::First | Verb::Last | Verb::PageUp | Verb::PageDown) {
            self.scroll.set(0);
            return None;
        }
        match verb {
            Verb::NextPart | Verb::PreviousPart if self.has_evidence(world) => {
                self.in_evidence = !self.in_evidence;
                return Some(Vec::new());
            }
            Verb::Back if self.in_evidence => {
                self.in_evidence = false;
                return Some(Vec::new());
            }
            Verb::Enter if self.in_evidence => return Some(vec![self.evidence.source(world)]),
            _ if self.in_evidence => return None,
            _ => {}
        }
        let case = self.selected()?;
        match verb {
            Verb::Enter => Some(evidence(case)),
            Verb::Open => {
                let first = case.outcomes.first()?;
                let fields =
                    vec![("rule", first.rule.clone()), ("utility", case.utility.clone()), ("dataset", first.dataset.clone())];
                Some(vec![Effect::Select("rules", fields)])
            }
            Verb::Sign => Some(vec![sign::sign(&case.what, &case.outcomes, world)]),
            Verb::Withdraw => Some(vec![sign::withdraw(&case.what, &case.outcomes, world)]),
            Verb::Mail => Some(vec![Effect::Write(Write::Mail { utility: case.utility.clone(), month: case.month })]),
            _ => None,
        }
    }

    fn table(&self) -> Option<&Table> {
        Some(if self.in_evidence { self.evidence.table() } else { &self.table })
    }

    fn table_mut(&mut self) -> Option<&mut Table> {
        Some(if self.in_evidence { self.evidence.table_mut() } else { &mut self.table })
    }

    fn tables_mut(&mut self) -> Vec<&mut Table> {
        vec![&mut self.table, self.evidence.table_mut()]
    }

    fn focus(&mut self, part: usize) {
        self.in_evidence = part == 1;
    }

    fn scroll(&self) -> Option<&Cell<usize>> {
        Some(&self.scroll)
    }

    fn view<'a>(&'a self, world: &'a World) -> View<'a> {
        let read = Read::from(world.facts.remote());
        let failure = world.facts.ready().and_then(|facts| facts.failure());
        let empty = match (failure, world.month()) {
            (Some(failure), _) => Empty::new(
                Tone::Bad,
                format!("no verdict: {failure}"),
                "Ctrl-R reads again; `feederscope doctor` looks at folders and tables",
            ),
            (None, None) => world.nothing_loaded("nothing was loaded yet, so there is nothing to decide"),
            (None, Some(month)) if !world.is_checked() => Empty::new(
                Tone::Warn,
                format!("? {month}: no rule was checked yet of what is looked at, so there is no verdict"),
                "r loads and checks what is new; 0 looks at everything; 2 shows what came",
            ),
            (None, Some(month)) => Empty::new(
                Tone::Good,
                format!("● {month}: nothing stands between the month and its use"),
                "w writes the report; 3 shows every rule",
            ),
        };
        let list = View::Table(TablePart {
            title: world.month().map_or_else(|| "Cases".into(), |month| format!("Cases of {month}")),
            from: "ops/rule_results · ops/runs",
            read,
            table: &self.table,
            empty,
            focused: !self.in_evidence,
        });
        let Some(case) = self.selected() else { return list };
        let sharing = Sharing { beside_from: 140, width: 40, lines: Lines::Lower(13), below_from: 14 };
        let cases = list.with(
            sharing,
            View::Text(TextPart {
                title: format!("{} · {}", case.utility, case.standing.as_str()),
                from: "",
                read,
                lines: told(case, world),
                scroll: &self.scroll,
            }),
        );
        if !self.has_evidence(world) {
            return cases;
        }
        let below = Sharing { beside_from: u16::MAX, width: 50, lines: Lines::Lower(14), below_from: 30 };
        cases.with(below, View::Table(self.evidence.part(&format!("Records: {}", short(case)), world, self.in_evidence)))
    }
}

/// What is behind a case: its records, or where it shows.
fn evidence(case: &Case) -> Vec<Effect> {
    match &case.cause {
        Cause::Refused | Cause::NotDelivered | Cause::Overdue => {
            vec![Effect::Scope(Rescope::Month(case.month)), Effect::Select("arrivals", vec![("utility", case.utility.clone())])]
        }
        Cause::Header(dataset) => {
            let fields = vec![("utility", case.utility.clone()), ("dataset", dataset.clone())];
            vec![Effect::Scope(Rescope::Month(case.month)), Effect::Select("columns", fields)]
        }
        Cause::Values(_) | Cause::Rule(_) => vec![records::of_outcomes(&case.what, &case.outcomes)],
    }
}

/// A case in lines: what is known of it, what to do, what can be done here.
fn told(case: &Case, world: &World) -> Vec<Line> {
    let (sign, tone) = look(case.standing, case.severity);
    let mut lines = vec![Line::of(tone, format!("{sign} {}", case.what))];
    lines.push(Line::of(Tone::Dim, "next      ").and(Tone::Accent, case.next_step.clone()));
    if let Some(line) = due(case, world) {
        lines.push(line);
    }
    if case.of.len() > 1 {
        lines.push(Line::named("of", case.of.join(", ")));
    }
    lines.extend(case.evidence.iter().take(MOST_EVIDENCE).map(|evidence| Line::named("found", evidence.clone())));
    if case.evidence.len() > MOST_EVIDENCE {
        lines.push(Line::named("", format!("and {} more; Enter shows them", case.evidence.len() - MOST_EVIDENCE)));
    }
    lines.extend(case.outcomes.iter().take(MOST_EVIDENCE).map(|checked| {
        let of = format!("{} of {} fail", grouped(&checked.failed.to_string()), grouped(&checked.checked.to_string()));
        let line = Line::named("rule", format!("{} · {} · {of} · {}", checked.rule, checked.dataset, checked.severity));
        match &checked.acknowledged {
            Some(by) => line.and(Tone::Good, format!(" · ◇ {} until {}: {}", by.account, by.expires_on, by.reason)),
            None => line,
        }
    }));
    if case.outcomes.len() > MOST_EVIDENCE {
        lines.push(Line::named("", format!("and {} more rules; o shows them", case.outcomes.len() - MOST_EVIDENCE)));
    }
    if case.since < case.month {
        lines.push(Line::named("since", case.since.to_string()));
    }
    lines.push(Line::named("owner", case.owner.clone()));
    lines
}

/// Lines of evidence that are told; the rest is behind Enter.
const MOST_EVIDENCE: usize = 4;

/// When a delivery was due, where the case is about one.
fn due(case: &Case, world: &World) -> Option<Line> {
    if !matches!(case.cause, Cause::NotDelivered | Cause::Refused | Cause::Overdue) {
        return None;
    }
    let schedule = world.settings.utility(&case.utility)?.schedule;
    let due = case.month.day(schedule.due_day);
    let grace = Day::from_epoch_days(due.epoch_days() + i32::from(schedule.grace_days));
    let late = world.settings.today.days_since(due);
    let newest = world
        .facts
        .ready()?
        .feeds
        .as_ref()
        .ok()?
        .iter()
        .filter(|feed| feed.utility == case.utility)
        .filter_map(|feed| feed.month)
        .max();
    let newest = newest.map_or_else(String::new, |month| format!(" · newest month {month}"));
    let late = if late > 0 { format!("{late} days ago") } else { format!("in {} days", -late) };
    Some(Line::named("due", format!("{due}, {late}; grace to {grace}{newest}")))
}

/// The line about a month: may it go on?
pub fn verdict_line(world: &World) -> Option<Line> {
    let (month, verdict) = (world.month()?, world.verdict()?);
    let (sign, tone) = match verdict {
        Verdict::Ready => ("●", Tone::Good),
        Verdict::NotReady => ("■", Tone::Bad),
        Verdict::Unknown => ("?", Tone::Bad),
    };
    let only = |name: Option<&str>| name.map_or(String::new(), |name| format!(" {name}"));
    let utility = only(world.scope.utility.as_deref()) + &only(world.scope.dataset.map(crate::model::Dataset::as_str));
    let count = |standing: Standing| world.cases().filter(|case| case.standing == standing).count();
    let words = [
        (Standing::Stops, "stop it"),
        (Standing::Unknown, "not checked"),
        (Standing::ToLookAt, "to look at"),
        (Standing::Acknowledged, "acknowledged"),
    ];
    let counted = words.iter().filter(|(standing, _)| count(*standing) > 0);
    let counts: Vec<String> = counted.map(|(standing, word)| format!(" · {} {word}", count(*standing))).collect();
    let facts = world.facts.ready()?;
    let holds = facts.outcomes().iter().filter(|checked| {
        checked.month == month
            && checked.state == crate::pipeline::rules::RuleState::Passed
            && world.scope.has(&checked.utility, &checked.dataset)
    });
    Some(
        Line::of(tone, format!("{sign} {month}{utility} {}", verdict.as_str().to_uppercase()))
            .and(Tone::Text, counts.concat())
            .and(Tone::Dim, format!(" · {} rules hold", holds.count())),
    )
}
