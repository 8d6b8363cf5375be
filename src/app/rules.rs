//! Pane 5: what does not hold of a month, since when, and who has acknowledged it.

use super::jobs::Failure;
use super::moved;
use super::reads::cases::Case;
use super::reads::checks::Checked;
use crate::model::Month;
use crate::pipeline::rules::RuleState;

/// The pane's outcomes and selection.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    outcomes: Vec<Checked>,
    /// What stands between the newest month and its use; `None` before anything was checked, or where that cannot be told.
    pub cases: Option<(Month, Vec<Case>)>,
    /// The months that were checked, oldest first.
    pub months: Vec<Month>,
    /// The month shown, counted from the newest.
    pub month_back: usize,
    /// Whether what passed is shown too.
    pub all: bool,
    /// The selected outcome.
    pub at: usize,
    /// The reason that is being typed.
    pub reason: String,
    /// The failure that it is for, as it was when somebody began to sign.
    pub signing: Option<Failure>,
}

impl Rules {
    /// From the newest outcomes of every month, and the cases of the newest.
    pub fn new(outcomes: Vec<Checked>, cases: Option<(Month, Vec<Case>)>) -> Self {
        let mut months: Vec<Month> = outcomes.iter().map(|checked| checked.month).collect();
        months.sort_unstable();
        months.dedup();
        Self { outcomes, cases, months, ..Self::default() }
    }

    /// The month shown.
    pub fn month(&self) -> Option<Month> {
        self.months.len().checked_sub(1 + self.month_back).map(|at| self.months[at])
    }

    /// The month's outcomes: failures first, the gravest first, those that somebody acknowledged after them.
    pub fn shown(&self) -> Vec<&Checked> {
        let month = self.month();
        let mut shown: Vec<&Checked> = self
            .outcomes
            .iter()
            .filter(|checked| Some(checked.month) == month)
            .filter(|checked| self.all || matches!(checked.state, RuleState::Failed | RuleState::CouldNotCheck))
            .collect();
        let rank = |state: RuleState| match state {
            RuleState::Failed => 0,
            RuleState::CouldNotCheck => 1,
            RuleState::NotEnoughHistory => 2,
            RuleState::Passed => 3,
            RuleState::NotStated | RuleState::NothingDelivered => 4,
        };
        shown.sort_by_key(|checked| (rank(checked.state), checked.acknowledged.is_some(), std::cmp::Reverse(checked.severity)));
        shown
    }

    /// How many outcomes of the month there are, with a condition.
    pub fn count(&self, wanted: impl Fn(&Checked) -> bool) -> usize {
        let month = self.month();
        self.outcomes.iter().filter(|checked| Some(checked.month) == month && wanted(checked)).count()
    }

    /// The selected outcome.
    pub fn selected(&self) -> Option<&Checked> {
        self.shown().get(self.at).copied()
    }

    /// The selected failure is the one to be acknowledged; whether there is one.
    pub(super) fn begin_signing(&mut self) -> bool {
        self.signing = self.selected().filter(|checked| checked.state == RuleState::Failed).map(|checked| Failure {
            rule: checked.rule.clone(),
            utility: checked.utility.clone(),
            dataset: checked.dataset.clone(),
            month: checked.month,
            failed: checked.failed,
            evidence: checked.evidence.clone(),
        });
        self.signing.is_some()
    }

    pub(super) fn rows(&mut self, by: isize) {
        self.at = moved(self.at, by, self.shown().len());
    }

    /// Shows another month; `by` > 0 is later.
    pub(super) fn columns(&mut self, by: isize) {
        self.month_back = moved(self.month_back, -by, self.months.len());
        self.at = 0;
    }

    pub(super) fn toggle(&mut self) {
        self.all = !self.all;
        self.at = 0;
    }

    pub(super) fn keep(&mut self, before: &Self) {
        (self.month_back, self.all, self.at) = (before.month_back, before.all, before.at);
        self.reason.clone_from(&before.reason);
        self.signing.clone_from(&before.signing);
        self.columns(0);
        self.at = before.at;
        self.rows(0);
    }
}
