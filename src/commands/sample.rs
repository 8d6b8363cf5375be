//! `sample`: writes landing files to try things on.

use std::path::Path;

use anyhow::Context as _;

use super::{Exit, Printer};
use crate::sample::{self, Options};

/// Writes the files and says where.
///
/// # Errors
/// The folder cannot be written.
pub fn run(printer: &Printer, out: &Path, options: &Options) -> anyhow::Result<Exit> {
    let files = sample::write(out, options).with_context(|| format!("`{}` cannot be written", out.display()))?;
    printer.say(format!("{} files in `{}`; its README.md lists the planted faults", files.len(), out.display()));
    Ok(Exit::Done)
}
