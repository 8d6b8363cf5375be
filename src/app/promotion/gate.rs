//! What must hold before anything is promoted.

use super::{PromotionError, Way, verify};
use crate::app::reads::cases::{self, Case, Standing};
use crate::app::reads::checks::{self, Checked};
use crate::app::reads::status::{self, Feed};
use crate::config::Settings;
use crate::config::rules::Check as RuleKind;
use crate::engine::Work;
use crate::lake::Lake;
use crate::model::{Cancel, Environment, Freshness, Month};
use crate::pipeline::bronze::BronzeTables;
use crate::pipeline::is_rebuilt;
use crate::pipeline::rules::{RuleState, is_evaluated};

/// What is known of the environment that something is promoted from.
pub struct Seen {
    /// The newest outcomes.
    pub outcomes: Vec<Checked>,
    /// Its feeds.
    pub feeds: Vec<Feed>,
    cases: Option<(Month, Vec<Case>)>,
}

impl Seen {
    pub(super) fn read(lake: &Lake, settings: &Settings) -> Result<Self, PromotionError> {
        let outcomes = checks::outcomes(lake, settings)?;
        let cases = cases::of_month(lake, settings, &outcomes, None)?;
        Ok(Self { feeds: status::feeds(lake, settings)?, cases, outcomes })
    }

    /// The newest month that anything is known of.
    pub fn newest(&self) -> Option<Month> {
        self.cases.as_ref().map(|(month, _)| *month)
    }

    fn cases(&self) -> &[Case] {
        self.cases.as_ref().map_or(&[], |(_, cases)| cases)
    }
}

/// One thing that must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What must hold.
    pub what: &'static str,
    /// Whether it does.
    pub holds: bool,
    /// What was seen.
    pub detail: String,
    /// What to do where it does not hold.
    pub next_step: String,
}

impl Check {
    /// Something was written while it was looked at.
    pub(super) fn moved(from: Environment) -> Self {
        let detail = vec![format!("`{from}` has changed while it was looked at")];
        check("nothing moved", &detail, String::new(), "look again")
    }
}

/// All that must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate(pub Vec<Check>);

impl Gate {
    pub(super) fn of(
        lake: &Lake,
        settings: &Settings,
        way: Way,
        wanted: Option<Month>,
        seen: &Seen,
    ) -> Result<Self, PromotionError> {
        let origin = if way.from == Environment::Dev { finished(lake, settings)? } else { came_by_promotion(lake)? };
        Ok(Self(vec![month(way, wanted, seen), origin, no_error_open(seen), in_time(seen), ledger_closes(settings, seen)]))
    }

    /// The first thing that does not hold.
    pub fn first_shut(&self) -> Option<&Check> {
        self.0.iter().find(|check| !check.holds)
    }
}

fn check(what: &'static str, wrong: &[String], good: String, next_step: &str) -> Check {
    let holds = wrong.is_empty();
    let detail = match wrong {
        [] => good,
        [first] => first.clone(),
        [first, rest @ ..] => format!("{first}, and {} more", rest.len()),
    };
    Check { what, holds, detail, next_step: if holds { String::new() } else { next_step.to_owned() } }
}

fn month(way: Way, wanted: Option<Month>, seen: &Seen) -> Check {
    let brings = if way.from == Environment::Dev { "feederscope run" } else { "feederscope promote dev qa" };
    let what = "the month is the newest";
    match (seen.newest(), wanted) {
        (None, _) => check(what, &["nothing was loaded and checked yet".into()], String::new(), brings),
        (Some(newest), Some(wanted)) if newest != wanted => check(
            what,
            &[format!("{newest} is there beside {wanted}, and the tables hold both")],
            String::new(),
            "promote the newest month; what is current after a month is one state of all tables",
        ),
        (Some(newest), _) => check(what, &[], newest.to_string(), ""),
    }
}

fn finished(lake: &Lake, settings: &Settings) -> Result<Check, PromotionError> {
    let cancel = Cancel::default();
    let mut wrong = Vec::new();
    for bronze in BronzeTables::open_all(lake, &settings.utilities, Work::local(&cancel))? {
        if bronze.files.is_empty() {
            continue;
        }
        let utility = &bronze.adapter.id;
        if !is_rebuilt(&bronze)? {
            wrong.push(format!("the tables of {utility} are not made from what is in bronze"));
        } else if !settings.rules.rules.is_empty() && !is_evaluated(&bronze, &settings.rules)? {
            wrong.push(format!("the rules of {utility} were not evaluated for its tables as they are"));
        }
    }
    Ok(check(
        "what was loaded is finished",
        &wrong,
        "bronze, silver, platinum and the rules fit together".into(),
        "feederscope run",
    ))
}

fn came_by_promotion(lake: &Lake) -> Result<Check, PromotionError> {
    let verified = verify(lake)?;
    let good = verified.promotion.as_ref().map_or_else(String::new, |promotion| format!("promotion {}", promotion.id));
    let mut wrong = verified.differences;
    if verified.promotion.is_none() {
        wrong.push(format!("nothing was promoted into `{}` yet", lake.env()));
    }
    Ok(check("it came by a promotion", &wrong, good, "feederscope promote dev qa"))
}

fn no_error_open(seen: &Seen) -> Check {
    let told = |case: &Case| format!("{}: {}", case.utility, case.what);
    let stops = |case: &&Case| matches!(case.standing, Standing::Stops | Standing::Unknown);
    let wrong: Vec<String> = seen.cases().iter().filter(stops).map(told).collect();
    let signed = seen.cases().iter().filter(|case| case.standing == Standing::Acknowledged).count();
    let good = format!("{signed} cases acknowledged, {} to look at", seen.cases().len() - signed);
    check(
        "no error is open and unsigned",
        &wrong,
        good,
        "`feederscope cases` tells what stops the month, `acknowledge` signs for a rule",
    )
}

/// A dataset is missing or stale. Where nothing of a utility ever came nothing is expected; what somebody has acknowledged is known.
fn in_time(seen: &Seen) -> Check {
    let has_come = |utility: &str| seen.feeds.iter().any(|feed| feed.utility == utility && feed.month.is_some());
    let is_signed = |feed: &Feed| {
        let of_feed = |case: &&Case| case.utility == feed.utility && case.of.iter().any(|of| *of == feed.dataset.as_str());
        let is_delivery = |case: &&Case| matches!(case.cause, cases::Cause::NotDelivered | cases::Cause::Overdue);
        seen.cases().iter().filter(of_feed).filter(is_delivery).any(|case| case.standing == Standing::Acknowledged)
    };
    let is_bad = |feed: &&Feed| matches!(feed.freshness, Freshness::Stale | Freshness::Missing);
    let wrong = seen.feeds.iter().filter(is_bad).filter(|feed| has_come(&feed.utility) && !is_signed(feed));
    let told = |feed: &Feed| {
        let newest = feed.month.map_or("no month ever came".to_owned(), |month| format!("the newest month is {month}"));
        format!("{} {} is {}: {newest}", feed.utility, feed.dataset, feed.freshness.as_str())
    };
    let good = format!("{} feeds", seen.feeds.iter().filter(|feed| has_come(&feed.utility)).count());
    check(
        "no dataset is missing or stale",
        &wrong.map(told).collect::<Vec<_>>(),
        good,
        "`feederscope status` tells which; ask the utility for it",
    )
}

/// What must never happen cannot be signed for.
fn ledger_closes(settings: &Settings, seen: &Seen) -> Check {
    let is_ledger =
        |checked: &&Checked| settings.rules.rule(&checked.rule).is_some_and(|rule| matches!(rule.check, RuleKind::Ledger { .. }));
    let ledgers: Vec<&Checked> = seen.outcomes.iter().filter(is_ledger).collect();
    let told = |checked: &&Checked| {
        let detail = checked.detail.as_deref().unwrap_or("records are missing");
        format!("{} {} of {}: {detail}", checked.utility, checked.dataset, checked.month)
    };
    let mut wrong: Vec<String> = ledgers
        .iter()
        .filter(|checked| matches!(checked.state, RuleState::Failed | RuleState::CouldNotCheck))
        .map(told)
        .collect();
    if ledgers.is_empty() && seen.newest().is_some() {
        wrong.push("no rule of kind `ledger` was evaluated: the rules must have one, such as `ledger-closes`".into());
    }
    check("the ledger closes", &wrong, format!("{} deliveries", ledgers.len()), "feederscope run --full-refresh")
}
