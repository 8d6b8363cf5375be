//! The command line: raw arguments, and nothing decided about them.

mod command;
mod service;
mod values;

use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};

use crate::commands::{ColorChoice, Format};
use crate::config::Overrides;
use crate::model::{Day, Environment};

pub use command::Command;
pub use service::{Events, Service};
use values::{day, environment};

/// A data-quality console for a lakehouse of feeders, hosting capacity and distributed energy resources.
///
/// Without a command it opens the console.
#[derive(Debug, Parser)]
#[command(name = "feederscope", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

const EXIT_CODES: &str =
    "Exit codes: 0 done · 1 could not do it, or a file was refused · 2 wrong usage · 3 done, and what was asked about is bad";

/// Arguments of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// Read this file instead of the one in the configuration folder
    #[arg(long, global = true, value_name = "FILE", env = "FEEDERSCOPE_CONFIG")]
    pub config: Option<PathBuf>,
    /// Folder of the Delta tables
    #[arg(long, global = true, value_name = "DIR", env = "FEEDERSCOPE_LAKE")]
    pub lake: Option<PathBuf>,
    /// Folder that the utilities' files arrive in
    #[arg(long, global = true, value_name = "DIR", env = "FEEDERSCOPE_LANDING")]
    pub landing: Option<PathBuf>,
    /// Environment of the lake
    #[arg(long, global = true, value_name = "dev|qa|prod", env = "FEEDERSCOPE_ENV", value_parser = environment)]
    pub env: Option<Environment>,
    /// Name of a theme: auto, dark, light, high-contrast, colour-blind, mono, or one of your own
    #[arg(long, global = true, value_name = "NAME", env = "FEEDERSCOPE_THEME")]
    pub theme: Option<String>,
    /// Count ages to this day instead of today
    #[arg(long, global = true, value_name = "YYYY-MM-DD", env = "FEEDERSCOPE_TODAY", value_parser = day)]
    pub today: Option<Day>,
    /// Say more, on standard error; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say nothing but the data and errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Colour the output
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    pub color: Color,
}

/// When to colour.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl From<Color> for ColorChoice {
    fn from(color: Color) -> Self {
        match color {
            Color::Auto => Self::Auto,
            Color::Always => Self::Always,
            Color::Never => Self::Never,
        }
    }
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum OutputFormat {
    /// For people.
    Table,
    /// An array of objects with the table's column names.
    Json,
    /// Comma-separated, with a header.
    Csv,
}

impl From<OutputFormat> for Format {
    fn from(format: OutputFormat) -> Self {
        match format {
            OutputFormat::Table => Self::Table,
            OutputFormat::Json => Self::Json,
            OutputFormat::Csv => Self::Csv,
        }
    }
}

/// Argument of every command that prints rows.
#[derive(Debug, Args)]
pub struct Output {
    /// How rows are printed
    #[arg(long, value_enum, default_value = "table")]
    pub format: OutputFormat,
    /// Show every column of a table, whole, however wide the terminal is
    #[arg(long)]
    pub wide: bool,
    /// Put an apostrophe before CSV cells that a spreadsheet would take for a formula; `rejected` does so without being told
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub spreadsheet_safe: Option<bool>,
}

impl Global {
    /// What the arguments override.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            config: self.config.clone(),
            lake: self.lake.clone(),
            landing: self.landing.clone(),
            env: self.env,
            theme: self.theme.clone(),
            today: self.today,
            account: ["LOGNAME", "USER", "USERNAME"].iter().find_map(|name| std::env::var(name).ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn arguments_are_consistent() {
        super::Cli::command().debug_assert();
    }
}
