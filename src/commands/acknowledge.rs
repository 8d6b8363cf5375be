//! `acknowledge`: a steward's decision about a failing rule.

use super::{Context, Exit, Usage};
use crate::app::reads::checks;
use crate::model::{Day, Month, Timestamp, UtilityId};
use crate::pipeline::rules::{self, RuleState};

/// What is decided.
pub struct AcknowledgeRequest {
    /// The rule.
    pub rule: String,
    /// The utility.
    pub utility: UtilityId,
    /// The month; the newest that was checked without it.
    pub month: Option<Month>,
    /// Only for this dataset, `feeders` or `ders`.
    pub dataset: Option<String>,
    /// Why.
    pub reason: String,
    /// The last day on which it counts; `None` withdraws what was acknowledged.
    pub until: Option<Day>,
}

/// Acknowledges the stored failures of the rule, or withdraws that; more failing rows than now open them again.
///
/// # Errors
/// The tables cannot be read or written, or there is nothing to sign for.
pub fn run(context: &Context, decision: &AcknowledgeRequest) -> anyhow::Result<Exit> {
    context.expect_loads()?;
    context.known(Some(&decision.utility))?;
    if let Some(until) = decision.until.filter(|until| *until < context.settings.today) {
        return Err(Usage(format!("`--until {until}` has passed: today is {}", context.settings.today)).into());
    }
    if decision.reason.trim().is_empty() {
        return Err(Usage("`--reason` is empty; say why the failure is accepted, or no longer is".into()).into());
    }
    let outcomes = checks::outcomes(&context.lake, &context.settings)?;
    let month = decision.month.or_else(|| outcomes.iter().map(|checked| checked.month).max());
    let failing: Vec<_> = outcomes
        .iter()
        .filter(|checked| {
            checked.state == RuleState::Failed
                && checked.rule == decision.rule
                && checked.utility == decision.utility.as_str()
                && Some(checked.month) == month
                && decision.dataset.as_ref().is_none_or(|dataset| *dataset == checked.dataset)
                && (decision.until.is_some() || checked.acknowledged.is_some())
        })
        .collect();
    if failing.is_empty() {
        let month = month.map_or("any month".to_owned(), |month| month.to_string());
        let (rule, utility) = (&decision.rule, &decision.utility);
        let said = match decision.until {
            Some(_) => format!("`{rule}` does not fail for {utility} in {month}; `feederscope check` shows what fails"),
            None => format!("`{rule}` of {utility} is not acknowledged in {month}: there is nothing to withdraw"),
        };
        return Err(Usage(said).into());
    }
    let account = &context.settings.account;
    let last = decision.until.unwrap_or(context.settings.today);
    let decisions: Vec<_> = failing.iter().map(|checked| checked.decision(&decision.reason, account, last)).collect();
    match decision.until {
        Some(_) => rules::acknowledge(&context.lake, &decisions, Timestamp::now())?,
        None => rules::withdraw(&context.lake, &decisions, Timestamp::now())?,
    }
    for checked in failing {
        let what = format!("`{}` for {} {} of {}", checked.rule, checked.utility, checked.dataset, checked.month);
        context.printer.say(match decision.until {
            Some(until) => format!(
                "acknowledged {what} by {account} until {until}: {} failing; more of them, another delivery or another rule open it again",
                checked.failed
            ),
            None => format!("withdrawn {what} by {account}: {} failing, open again", checked.failed),
        });
    }
    Ok(Exit::Done)
}
