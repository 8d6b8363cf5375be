//! The commands and their arguments.

use std::path::PathBuf;

use clap::Subcommand;

use super::values::{dataset, day, environment, feeder, month, utility};
use super::{Events, Output, Service};
use crate::model::{Dataset, Day, Environment, FeederId, Month, UtilityId};

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a lakehouse from sample data, load it and open the console
    Demo,
    /// Load what is new in the landing folder, once
    Run {
        /// Only files of this month
        #[arg(long, value_parser = month, value_name = "YYYY-MM")]
        month: Option<Month>,
        /// Only files of this utility
        #[arg(long, value_parser = utility)]
        utility: Option<UtilityId>,
        /// Hash every file again and rebuild silver and everything above
        #[arg(long)]
        full_refresh: bool,
        /// Only say what would be loaded; with -v also the SQL
        #[arg(long)]
        dry_run: bool,
        /// Who is told of the run.
        #[command(flatten)]
        events: Events,
    },
    /// Load what arrives, without a terminal, until told to end (SIGTERM, SIGINT): for a service manager
    Watch {
        /// How it tells what happens.
        #[command(flatten)]
        service: Box<Service>,
    },
    /// How fresh each utility's files are
    Status {
        /// How rows are printed.
        #[command(flatten)]
        output: Output,
    },
    /// Feeders with more than a given hosting capacity
    Feeders {
        /// Strictly more than this many megawatts
        #[arg(long, value_name = "MW", allow_negative_numbers = true)]
        over_mw: Option<f64>,
        /// Only of this utility
        #[arg(long, value_parser = utility)]
        utility: Option<UtilityId>,
        /// At most this many
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
        /// As they stood after this month; as they are without it
        #[arg(long, value_parser = month, value_name = "YYYY-MM")]
        as_of: Option<Month>,
        /// How rows are printed.
        #[command(flatten)]
        output: Output,
    },
    /// Installed and planned DERs of a feeder
    Ders {
        /// The feeder
        #[arg(value_parser = feeder)]
        feeder_id: FeederId,
        /// Only of this utility
        #[arg(long, value_parser = utility)]
        utility: Option<UtilityId>,
        /// Only installed or only planned ones
        #[arg(long, value_parser = ["installed", "planned"])]
        status: Option<String>,
        /// As they stood after this month; as they are without it
        #[arg(long, value_parser = month, value_name = "YYYY-MM")]
        as_of: Option<Month>,
        /// How rows are printed.
        #[command(flatten)]
        output: Output,
    },
    /// Missing and invalid cells by column
    Nulls {
        /// Only of this utility
        #[arg(long, value_parser = utility)]
        utility: Option<UtilityId>,
        /// Only of this dataset
        #[arg(long, value_parser = dataset, value_name = "circuits|install_der|planned_der")]
        dataset: Option<Dataset>,
        /// Only of this month
        #[arg(long, value_parser = month, value_name = "YYYY-MM")]
        month: Option<Month>,
        /// How rows are printed.
        #[command(flatten)]
        output: Output,
    },
    /// Differences between months
    Diff {
        /// The earlier month; without it, each month against the one before
        #[arg(long, value_parser = month, value_name = "YYYY-MM")]
        from: Option<Month>,
        /// The later month
        #[arg(long, value_parser = month, value_name = "YYYY-MM")]
        to: Option<Month>,
        /// Only of this utility
        #[arg(long, value_parser = utility)]
        utility: Option<UtilityId>,
        /// Each feeder and DER that was added, removed or changed, with old and new value
        #[arg(long)]
        records: bool,
        /// How rows are printed.
        #[command(flatten)]
        output: Output,
    },
    /// Evaluate the rules: what does not hold of a month, for how many rows, and which
    Check {
        /// The month; the newest without it
        #[arg(long, value_parser = month, value_name = "YYYY-MM")]
        month: Option<Month>,
        /// Only this rule
        #[arg(long, value_name = "ID")]
        rule: Option<String>,
        /// Only of this utility
        #[arg(long, value_parser = utility)]
        utility: Option<UtilityId>,
        /// The failing rows, with key, value, file and line
        #[arg(long, conflicts_with = "what_if")]
        rows: bool,
        /// At most this many failing rows of each rule
        #[arg(long, value_name = "N", default_value = "1000")]
        limit: usize,
        /// Evaluate every stored month with one setting changed, such as `capacity-stable.threshold=5%`; nothing is stored
        #[arg(long, value_name = "RULE.SETTING=VALUE")]
        what_if: Option<String>,
        /// How rows are printed.
        #[command(flatten)]
        output: Output,
    },
    /// What stands between a month and its use: one row for each cause, what stops it first
    Cases {
        /// The month; the newest that was checked without it
        #[arg(long, value_parser = month, value_name = "YYYY-MM")]
        month: Option<Month>,
        /// Only of this utility
        #[arg(long, value_parser = utility)]
        utility: Option<UtilityId>,
        /// How rows are printed.
        #[command(flatten)]
        output: Output,
    },
    /// The rules: what must hold, and what to do when it does not
    Rules {
        /// How rows are printed.
        #[command(flatten)]
        output: Output,
    },
    /// Sign for a failing rule of a month: it stays visible and no longer fails the exit code
    Acknowledge {
        /// The rule
        rule: String,
        /// The utility
        #[arg(long, value_parser = utility)]
        utility: UtilityId,
        /// The month; the newest without it
        #[arg(long, value_parser = month, value_name = "YYYY-MM")]
        month: Option<Month>,
        /// Only for this dataset, `feeders` or `ders`; for all that the rule fails for without it
        #[arg(long)]
        dataset: Option<String>,
        /// Why it is accepted
        #[arg(long)]
        reason: String,
        /// The last day on which it counts
        #[arg(long, value_parser = day, value_name = "YYYY-MM-DD", required_unless_present = "withdraw")]
        until: Option<Day>,
        /// Withdraw what was acknowledged: the failure is open again, and both stay on record
        #[arg(long, conflicts_with = "until")]
        withdraw: bool,
    },
    /// Rejected records and refused files, with reason and raw text, ready to be mailed back
    Rejected {
        /// Only of this utility
        #[arg(long, value_parser = utility)]
        utility: Option<UtilityId>,
        /// Only of this dataset
        #[arg(long, value_parser = dataset, value_name = "circuits|install_der|planned_der")]
        dataset: Option<Dataset>,
        /// Only of this month
        #[arg(long, value_parser = month, value_name = "YYYY-MM")]
        month: Option<Month>,
        /// Only for this reason, such as `duplicate-key`
        #[arg(long, value_name = "CODE")]
        reason: Option<String>,
        /// How rows are printed.
        #[command(flatten)]
        output: Output,
    },
    /// What came of each utility, month by month
    Calendar {
        /// How rows are printed.
        #[command(flatten)]
        output: Output,
    },
    /// Each utility's record: failures, repeated ones, share rejected, days late
    Scorecard {
        /// How rows are printed.
        #[command(flatten)]
        output: Output,
    },
    /// Write a month's report to share: HTML, Markdown, JSON or JUnit XML
    Report {
        /// The month; the newest that was checked without it
        #[arg(long, value_parser = month, value_name = "YYYY-MM")]
        month: Option<Month>,
        /// The file; `.html`, `.md`, `.json` or `.xml` decides about the format
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// From a record's key to the line of the file that it came from
    Trace {
        /// The utility
        #[arg(value_parser = utility)]
        utility: UtilityId,
        /// The dataset
        #[arg(value_parser = dataset, value_name = "circuits|install_der|planned_der")]
        dataset: Dataset,
        /// The record's key; of several columns, with ` + ` between them
        key: String,
        /// The month; every month that delivered the record without it
        #[arg(long, value_parser = month, value_name = "YYYY-MM")]
        month: Option<Month>,
        /// Only this source column
        #[arg(long)]
        column: Option<String>,
        /// How rows are printed.
        #[command(flatten)]
        output: Output,
    },
    /// Past runs, file by file
    History {
        /// Only this run; the first characters of its id are enough
        #[arg(long, value_name = "ID")]
        run: Option<String>,
        /// At most this many rows
        #[arg(long, value_name = "N", default_value = "50")]
        limit: usize,
        /// How rows are printed.
        #[command(flatten)]
        output: Output,
    },
    /// The adapters and what they take
    Utilities {
        /// How rows are printed.
        #[command(flatten)]
        output: Output,
    },
    /// Show what would change in qa or prod, and promote it there if the month may go on
    Promote {
        /// From where
        #[arg(value_parser = environment, value_name = "FROM")]
        from: Environment,
        /// To where: qa takes from dev, prod from qa
        #[arg(value_parser = environment, value_name = "TO")]
        to: Environment,
        /// The month that is meant: refused unless it is the newest
        #[arg(long, value_parser = month, value_name = "YYYY-MM")]
        month: Option<Month>,
        /// Why; prod asks for it
        #[arg(long)]
        reason: Option<String>,
        /// Only if the evidence still has this digest, or one that begins so: what somebody reviewed with --dry-run
        #[arg(long, value_name = "DIGEST")]
        reviewed: Option<String>,
        /// Only show the gate and what would change
        #[arg(long)]
        dry_run: bool,
        /// How rows are printed.
        #[command(flatten)]
        output: Output,
    },
    /// Bring qa or prod back to an earlier promotion, after showing what that takes away
    Rollback {
        /// Which environment
        #[arg(value_parser = environment, value_name = "ENV")]
        to_env: Environment,
        /// The promotion; the first characters of its id are enough
        #[arg(long, value_name = "PROMOTION")]
        to: String,
        /// Why; prod asks for it
        #[arg(long)]
        reason: Option<String>,
        /// Only show what would change
        #[arg(long)]
        dry_run: bool,
        /// How rows are printed.
        #[command(flatten)]
        output: Output,
    },
    /// Read every file of qa or prod again and hold it to the digests of what was promoted
    Verify {
        /// Which environment
        #[arg(value_parser = environment, value_name = "ENV")]
        of_env: Environment,
        /// How rows are printed.
        #[command(flatten)]
        output: Output,
    },
    /// What was promoted into the environment, and taken back
    Promotions {
        /// How rows are printed.
        #[command(flatten)]
        output: Output,
    },
    /// Remove files of old versions and what came to nothing, and write checkpoints; never what a promotion can go back to
    Maintain {
        /// Keep files of earlier versions for so many days; `keep_days` of the configuration, or 30, without it
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=36500))]
        vacuum_days: Option<u32>,
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
        /// How rows are printed.
        #[command(flatten)]
        output: Output,
    },
    /// Look for damaged tables and mend them from what is whole: logs, bronze, the landing folder
    Repair {
        /// Only say what is damaged
        #[arg(long)]
        dry_run: bool,
        /// How rows are printed.
        #[command(flatten)]
        output: Output,
    },
    /// Write sample landing files
    Sample {
        /// Folder to write into
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Other numbers give other data
        #[arg(long, default_value = "7")]
        seed: u64,
        /// Number of months, ending with 2022-10
        #[arg(long, default_value = "3", value_parser = clap::value_parser!(u8).range(1..=60))]
        months: u8,
        /// How many times the usual number of feeders and DERs
        #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(1..=1000))]
        scale: u32,
    },
    /// Completions for a shell, on standard output
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// The manual page, on standard output
    Man,
    /// Check configuration, folders, tables and terminal
    Doctor {
        /// How rows are printed.
        #[command(flatten)]
        output: Output,
    },
}
