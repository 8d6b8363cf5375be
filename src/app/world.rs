//! What panes may look at: settings, scope, facts, and what is going on.

use super::facts::Facts;
use super::keys::{Keys, Verb};
use super::reads::cases::{Case, Verdict};
use super::reads::checks::Checked;
use super::scope::{Rescope, Scope};
use super::slot::{Desk, Slot};
use crate::config::Settings;
use crate::model::{Environment, Month};
use crate::pipeline::Progress;
use crate::pipeline::rules::RuleState;

/// What is going on with loads.
#[derive(Debug, Clone, Default)]
pub enum Load {
    /// Nothing runs, and none ran here.
    #[default]
    Idle,
    /// A run works, and is here; nothing is known in its first moment.
    Running(Option<Progress>),
    /// A run was asked to stop and has not stopped yet.
    Stopping,
    /// The last run here ended well.
    Done(String),
    /// The last run here was stopped because somebody asked for it.
    Stopped,
    /// Another process writes; a run begins when it is done.
    Waiting(String),
    /// The last run here failed, or a file was refused.
    Failed(String),
}

impl Load {
    /// Whether a run works.
    pub const fn is_running(&self) -> bool {
        matches!(self, Self::Running(_) | Self::Stopping)
    }
}

/// The settings, the scope and what every pane builds on.
pub struct World {
    /// The settings.
    pub settings: Settings,
    /// What keys mean.
    pub keys: Keys,
    /// What is looked at.
    pub scope: Scope,
    /// What every pane builds on.
    pub facts: Slot<(), Facts>,
    /// What is going on with loads.
    pub load: Load,
    /// How changes in the landing folder are noticed, or why they are not.
    pub watching: String,
    /// Lines of the terminal: where there are many, more is asked.
    pub height: u16,
    cases: Vec<Case>,
    months: Vec<Month>,
    made_of: Option<(u64, Option<Month>)>,
}

impl World {
    /// Nothing is known yet.
    pub fn new(settings: Settings, keys: Keys) -> Self {
        Self {
            settings,
            keys,
            scope: Scope::default(),
            facts: Slot::default(),
            load: Load::default(),
            watching: "starting to watch".into(),
            height: 0,
            cases: Vec::new(),
            months: Vec::new(),
            made_of: None,
        }
    }

    /// Asks for the facts, and makes of them what is made once.
    pub(super) fn settle(&mut self, desk: &mut Desk) {
        self.facts.want(desk, (), |reader| Ok(Facts::read(reader)));
        let made_of = (self.facts.answers(), self.scope.month);
        if self.made_of != Some(made_of) {
            self.made_of = Some(made_of);
            if let Some(facts) = self.facts.ready() {
                self.settings.today = facts.today;
            }
            self.months = self.facts.ready().map(Facts::months).unwrap_or_default();
            // A month that there is no more of is not held on to.
            if !self.months.is_empty() && self.scope.month.is_some_and(|month| !self.months.contains(&month)) {
                self.scope.month = None;
            }
            self.cases = match (self.facts.ready(), self.month()) {
                (Some(facts), Some(month)) => facts.cases(month, &self.settings),
                _ => Vec::new(),
            };
        }
    }

    /// Goes up when the facts or the scope change: what is made from both is made once.
    pub fn made_of(&self) -> (u64, Scope) {
        (self.facts.answers(), self.scope.clone())
    }

    /// The months that anything is known of, oldest first.
    pub fn months(&self) -> &[Month] {
        &self.months
    }

    /// The month that is looked at.
    pub fn month(&self) -> Option<Month> {
        self.scope.month.or_else(|| self.months.last().copied())
    }

    /// Whether it is the newest.
    pub fn is_newest(&self) -> bool {
        self.month() == self.months.last().copied()
    }

    /// The month that it is compared with: the one that was chosen, if it is earlier, else the one before.
    pub fn against(&self) -> Option<Month> {
        let month = self.month()?;
        self.scope
            .against
            .filter(|against| *against < month)
            .or_else(|| self.months.iter().rev().find(|other| **other < month).copied())
    }

    /// The cases of the month, in the scope.
    pub fn cases(&self) -> impl Iterator<Item = &Case> {
        self.cases
            .iter()
            .filter(|case| self.scope.has_utility(&case.utility) && case.of.iter().any(|dataset| self.scope.has_dataset(dataset)))
    }

    /// May the month, as far as it is in the scope, go on? `None` before anything was checked, or where that cannot be told.
    pub fn verdict(&self) -> Option<Verdict> {
        let facts = self.facts.ready()?;
        self.month()?;
        if facts.outcomes.is_err() || facts.refused.is_err() || facts.calendar.is_err() {
            return Some(Verdict::Unknown);
        }
        // Nothing that stops a month is no verdict where nothing was checked.
        if !self.is_checked() && self.cases().next().is_none() {
            return None;
        }
        Some(Verdict::of(&self.cases().cloned().collect::<Vec<_>>()))
    }

    /// Whether any rule of the month was evaluated, in the scope.
    pub fn is_checked(&self) -> bool {
        let month = self.month();
        let is_told =
            |checked: &Checked| matches!(checked.state, RuleState::Passed | RuleState::Failed | RuleState::CouldNotCheck);
        let in_scope = |checked: &&Checked| Some(checked.month) == month && self.scope.has(&checked.utility, &checked.dataset);
        self.facts.ready().is_some_and(|facts| facts.outcomes().iter().filter(in_scope).any(is_told))
    }

    /// Takes a step to another scope; what there is to say about it.
    pub(super) fn rescope(&mut self, step: &Rescope) -> Option<String> {
        match step {
            Rescope::Step(by) => {
                let at = self.month().and_then(|month| self.months.iter().position(|other| *other == month));
                let Some(at) = at else { return Some("no month was loaded yet".into()) };
                let to = at.saturating_add_signed(*by).min(self.months.len() - 1);
                if to == at {
                    let which = if *by < 0 { "first" } else { "newest" };
                    return Some(format!("{} is the {which} month", self.months[at]));
                }
                // The newest month stays the newest when another one arrives.
                self.scope.month = Some(self.months[to]).filter(|month| Some(month) != self.months.last());
            }
            Rescope::Month(month) => self.scope.month = Some(*month).filter(|month| Some(month) != self.months.last()),
            Rescope::Against(month) => self.scope.against = *month,
            Rescope::Utility(utility) => self.scope.utility.clone_from(utility),
            Rescope::Dataset(dataset) => self.scope.dataset = *dataset,
        }
        None
    }

    /// Why nothing is loaded or signed for here; `None` where that is done.
    pub fn takes_no_loads(&self) -> Option<String> {
        let env = self.settings.env;
        (env != Environment::Dev).then(|| {
            let (environment, promote) = (self.keys.label(Verb::Environment), self.keys.label(Verb::Promote));
            format!("{env} takes only what is promoted: {environment} changes to dev, {promote} there promotes")
        })
    }

    /// What a pane without rows says before the first load.
    pub fn nothing_loaded(&self, what: &str) -> super::view::Empty {
        use super::view::{Empty, Tone};
        if self.load.is_running() {
            return Empty::new(Tone::Dim, format!("{what}: the first load works; see the bar below"), "");
        }
        if self.scope.utility.is_some() || self.scope.dataset.is_some() {
            return Empty::new(Tone::Dim, "nothing of the scope is in the tables", "0 looks at all utilities and datasets");
        }
        if !self.months.is_empty() {
            // What was loaded is somewhere: a table that is gone is no month without data.
            return Empty::new(
                Tone::Bad,
                format!("{what}, although months were loaded: the table behind it is gone or empty"),
                "`feederscope doctor` looks at the tables, `feederscope run --full-refresh` makes them again",
            );
        }
        if self.takes_no_loads().is_some() {
            let next = format!("{} shows what was promoted, and what could be", self.keys.label(Verb::Promote));
            return Empty::new(Tone::Dim, format!("{what}: nothing was promoted into {} yet", self.settings.env), next);
        }
        let next = format!("put files into {} and press {}", self.settings.landing.display(), self.keys.label(Verb::Load));
        Empty::new(Tone::Warn, what, next)
    }
}
