//! `maintain` and `repair`: what an environment needs from time to time, and after an accident.

use super::{Context, Exit, load};
use crate::frame::{Value, schema};
use crate::lake::{Expired, LakeError, Removed, TableId, Vacuum, days_before};
use crate::model::Timestamp;
use crate::pipeline::Request;

/// Entries of a log that a reader may have to read.
const ENTRIES: u64 = 10;

/// What `maintain` shall do.
pub struct MaintainRequest {
    /// Days for which files of earlier versions are kept.
    pub vacuum_days: u32,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// Removes old versions and orphans, and writes checkpoints; says what it frees.
///
/// # Errors
/// Another process writes, or a table cannot be read or written.
pub fn run(context: &Context, request: &MaintainRequest) -> anyhow::Result<Exit> {
    let (lake, now) = (&context.lake, Timestamp::now());
    let who = format!("maintain (process {}) since {now}", std::process::id());
    let vacuum = if request.dry_run { Vacuum::Count } else { Vacuum::Remove };
    let lock = lake.lock(&who)?.map_err(|holder| anyhow::anyhow!("{holder} is writing; wait until it is done"))?;
    let before = days_before(request.vacuum_days, now);
    let columns = schema::columns![table_name Text, old_files Whole, old_bytes Whole, orphan_files Whole, orphan_bytes Whole, checkpoint Flag];
    let (mut rows, mut all, mut failed) = (Vec::new(), Removed::default(), false);
    for table in lake.all_tables() {
        let done = lake.vacuum(&table, before, vacuum);
        let done = done.and_then(|expired| Ok((expired, lake.renew_checkpoint(&table, ENTRIES, vacuum)?)));
        let (Expired { old, orphans }, checkpoint) = match done {
            Ok(done) => done,
            Err(error) => {
                context.printer.say(format!("`{table}` is left as it is: {error}"));
                failed = true;
                continue;
            }
        };
        all += old;
        all += orphans;
        if old.files + orphans.files > 0 || checkpoint {
            let counts = [old.files as u64, old.bytes, orphans.files as u64, orphans.bytes].map(Value::count);
            rows.push([vec![Value::Text(table.to_string())], counts.to_vec(), vec![Value::Flag(checkpoint)]].concat());
        }
    }
    drop(lock);
    context.printer.rows(&columns, &rows)?;
    let verb = if request.dry_run { "would free" } else { "freed" };
    context.printer.say(format!(
        "{verb} {} files, {} bytes; versions of the last {} days stay, and all that promotions can go back to",
        all.files, all.bytes, request.vacuum_days
    ));
    Ok(if failed { Exit::Incomplete } else { Exit::Done })
}

/// Something wrong with a table.
struct Damage {
    table: TableId,
    what: String,
    next: &'static str,
}

/// Looks at every table, mends what can be mended from what is whole, and says what cannot.
///
/// # Errors
/// Another process writes, or the disk fails.
pub fn repair(context: &Context, dry_run: bool) -> anyhow::Result<Exit> {
    let found = damages(context);
    show(context, &found)?;
    if found.is_empty() {
        context
            .printer
            .say(format!("every table of `{}` can be read, and every file is there in its size", context.settings.env));
        return Ok(Exit::Done);
    }
    if context.lake.expect_loads().is_err() {
        context.printer.say(format!(
            "`{}` is not repaired by itself\n  next: `feederscope promote` from the environment before it brings the files again; `verify` tells whether all is as promoted",
            context.settings.env
        ));
        return Ok(Exit::Bad);
    }
    if dry_run {
        context.printer.say("`feederscope repair` mends this, as far as bronze and the landing folder hold it");
        return Ok(Exit::Bad);
    }
    let report = load::execute(context, &Request::default(), None)?;
    for done in &report.mended {
        context.printer.say(done);
    }
    for table in context.lake.all_tables() {
        if let Err(error) = context.lake.renew_checkpoint(&table, ENTRIES, Vacuum::Remove) {
            context.printer.say(format!("`{table}` stays without a new checkpoint: {error}"));
        }
    }
    context.printer.say(load::summary(&report));
    let left = damages(context);
    if left.is_empty() {
        context.printer.say("repaired: every table can be read again; `feederscope check` tells whether the months are whole");
        return Ok(Exit::Done);
    }
    show(context, &left)?;
    context
        .printer
        .say("the above could not be mended here\n  next: bring the folders back from a copy, then `feederscope repair` again");
    Ok(Exit::Incomplete)
}

fn show(context: &Context, damages: &[Damage]) -> anyhow::Result<()> {
    let columns = schema::columns![table_name Text, damage Text, repair Text];
    let row = |damage: &Damage| [damage.table.to_string(), damage.what.clone(), damage.next.to_owned()].map(Value::Text).to_vec();
    Ok(context.printer.rows(&columns, &damages.iter().map(row).collect::<Vec<_>>())?)
}

fn damages(context: &Context) -> Vec<Damage> {
    let mut damages = Vec::new();
    for table in context.lake.all_tables() {
        let next = match (table.layer, table.name.as_str()) {
            (crate::lake::Layer::Bronze, _) => "load the files again from the landing folder",
            (crate::lake::Layer::Ops, _) => "take the rows out; they are lost",
            (_, "rejected") => "take the rows out; what silver set aside is found again, the others are lost",
            _ => "make the rows again from bronze",
        };
        let mut tell = |what: String, next| damages.push(Damage { table: table.clone(), what, next });
        match context.lake.snapshot(&table) {
            Err(error @ LakeError::DamagedEntry { .. }) => {
                tell(error.to_string(), "set the entry aside, and make again what it brought");
            }
            Err(error) => {
                tell(error.to_string(), "bring the log back from a copy, or move the folder away and `run --full-refresh`");
            }
            Ok(None) => {}
            Ok(Some(snapshot)) => {
                for file in snapshot.missing_files() {
                    let path = snapshot.path_of(file);
                    let is = path.metadata().map_or("is missing".to_owned(), |about| {
                        format!("has {} bytes, the log says {}", about.len(), file.bytes)
                    });
                    tell(format!("`{}` of version {} {is}", path.display(), snapshot.version), next);
                }
                if snapshot.avoided_checkpoint() {
                    tell("a checkpoint cannot be read; the entries of the log can".to_owned(), "write a new one from the log");
                }
            }
        }
    }
    damages
}
