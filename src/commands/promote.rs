//! `promote`, `rollback`, `verify`, `promotions`: the way of a month from dev to qa and prod, and back.

use super::{Context, Exit, Format, Usage};
use crate::app::promotion::{self, By, Difference, Gate, Review, Way};
use crate::frame::{Value, schema};
use crate::model::{Environment, Month, Timestamp};

/// What is to be promoted.
pub struct PromoteRequest {
    /// From where.
    pub from: Environment,
    /// To where.
    pub to: Environment,
    /// The month that is meant; the newest without it.
    pub month: Option<Month>,
    /// Why.
    pub reason: Option<String>,
    /// The digest of the evidence that was reviewed; whatever it is without it.
    pub reviewed: Option<String>,
    /// Only show what would change.
    pub dry_run: bool,
}

/// The shortest part of a digest that tells one from another.
const SHORTEST_DIGEST: usize = 8;

/// Shows the gate and what would change, and promotes if the gate is open.
///
/// # Errors
/// Another process writes, a table cannot be read, or the disk is full: what is shown stays as it was.
pub fn run(context: &Context, request: &PromoteRequest) -> anyhow::Result<Exit> {
    let way = Way { from: request.from, to: request.to };
    if Way::into(request.to) != Some(way) {
        let said = match Way::into(request.to) {
            Some(right) => format!(
                "`{}` takes only what comes from `{}`: `feederscope promote {} {}`",
                right.to, right.from, right.from, right.to
            ),
            None => "nothing is promoted into `dev`: files are loaded there".into(),
        };
        return Err(Usage(said).into());
    }
    let reason = request.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
    if request.to == Environment::Prod && reason.is_none() && !request.dry_run {
        return Err(Usage("`prod` asks for `--reason`: why may everybody see it now?".into()).into());
    }
    let by = By { account: &context.settings.account, reason };
    let now = Timestamp::now();
    // Nobody loads into it while it is looked at and copied.
    let _lock =
        if request.dry_run { None } else { Some(promotion::lock(&context.lake.environment(request.from), by.account, now)?) };
    let review = Review::of(&context.lake, &context.settings, way, request.month)?;
    show(context, Some(&review.gate), &review.difference)?;
    let digest = review.evidence.digest();
    context.printer.say(format!("evidence {digest}"));
    if let Some(shut) = review.gate.first_shut() {
        context.printer.say(format!("not promoted: {}: {}\n  next: {}", shut.what, shut.detail, shut.next_step));
        return Ok(Exit::Bad);
    }
    if let Some(reviewed) = &request.reviewed
        && (reviewed.len() < SHORTEST_DIGEST || !digest.starts_with(reviewed.as_str()))
    {
        context.printer.say(format!(
            "not promoted: `{}` has moved since `{reviewed}` was reviewed\n  next: look at the difference above, then `--reviewed {}`",
            way.from,
            &digest[..16]
        ));
        return Ok(Exit::Bad);
    }
    if review.is_there {
        context.printer.say(format!("`{}` shows this already: nothing to promote", way.to));
        return Ok(Exit::Done);
    }
    if request.dry_run {
        context.printer.say(format!(
            "the gate is open; `feederscope promote {} {} --reviewed {}` promotes exactly this",
            way.from,
            way.to,
            &digest[..16]
        ));
        return Ok(Exit::Done);
    }
    let done = review.promote(&context.lake, &by, now)?;
    context.printer.say(format!(
        "promoted to `{}` as {}; `feederscope rollback {} --to ID` goes back to another one",
        way.to, done.id, way.to
    ));
    Ok(Exit::Done)
}

/// Shows what a rollback takes away, and brings the environment back.
///
/// # Errors
/// There is no such promotion, another process writes, or the tables cannot be brought back: what is shown stays as it was.
pub fn rollback(context: &Context, env: Environment, to: &str, reason: Option<&str>, dry_run: bool) -> anyhow::Result<Exit> {
    expect_promoted_into(env)?;
    if env == Environment::Prod && reason.is_none_or(|reason| reason.trim().is_empty()) && !dry_run {
        return Err(Usage("`prod` asks for `--reason`: why is it taken back?".into()).into());
    }
    let plan = promotion::plan_rollback(&context.lake.environment(env), to)?;
    show(context, None, &plan.difference)?;
    let (id, account) = (&plan.to.id, &context.settings.account);
    if plan.is_there {
        context.printer.say(format!("`{env}` shows {id} already: nothing to take back"));
    } else if dry_run {
        context.printer.say(format!("`feederscope rollback {env} --to {id}` does this"));
    } else {
        let done = plan.perform(&By { account, reason }, Timestamp::now())?;
        context.printer.say(format!("`{env}` is as promotion {id} left it; on record as {}", done.id));
    }
    Ok(Exit::Done)
}

/// Reads every file of an environment again, and holds it to what was promoted.
///
/// # Errors
/// A table or file cannot be read.
pub fn verify(context: &Context, env: Environment) -> anyhow::Result<Exit> {
    expect_promoted_into(env)?;
    let verified = promotion::verify(&context.lake.environment(env))?;
    let Some(promotion) = &verified.promotion else {
        context.printer.say(format!("nothing was promoted into `{env}` yet"));
        return Ok(Exit::Incomplete);
    };
    let columns = schema::columns![promotion_id Text, difference Text];
    let row = |difference: &String| vec![Value::Text(promotion.id.clone()), Value::Text(difference.clone())];
    context.printer.rows(&columns, &verified.differences.iter().map(row).collect::<Vec<_>>())?;
    let (tables, files) = verified.read;
    if verified.differences.is_empty() {
        context
            .printer
            .say(format!("`{env}` is what promotion {} left: {tables} tables, {files} files, every digest holds", promotion.id));
        return Ok(Exit::Done);
    }
    context.printer.say(format!(
        "`{env}` is not what promotion {} left\n  next: `feederscope promotions --env {env}` lists what it can be brought back to by `rollback`",
        promotion.id
    ));
    Ok(Exit::Bad)
}

/// Prints what was promoted into an environment, the newest first.
///
/// # Errors
/// The table cannot be read.
pub fn list(context: &Context) -> anyhow::Result<Exit> {
    let promotions = promotion::promotions(&context.lake)?;
    if promotions.is_empty() {
        context.printer.say(format!("nothing was promoted into `{}`; `--env` names another environment", context.settings.env));
    }
    let (columns, rows) = promotion::table(&promotions);
    context.printer.rows(&columns, &rows)?;
    Ok(Exit::Done)
}

fn expect_promoted_into(env: Environment) -> anyhow::Result<()> {
    match Way::into(env) {
        Some(_) => Ok(()),
        None => Err(Usage("nothing is promoted into `dev`: it is `qa` or `prod`".into()).into()),
    }
}

/// The gate for people, then what changes.
fn show(context: &Context, gate: Option<&Gate>, difference: &Difference) -> anyhow::Result<()> {
    for check in gate.iter().flat_map(|gate| &gate.0) {
        let sign = if check.holds { "●" } else { "■" };
        context.printer.say(format!("{sign} {}: {}", check.what, check.detail));
    }
    if difference.is_nothing() && context.printer.format == Format::Table {
        context.printer.say("nothing changes");
        return Ok(());
    }
    let (columns, rows) = difference.table();
    Ok(context.printer.rows(&columns, &rows)?)
}
