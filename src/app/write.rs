//! What the console writes, and only when somebody asks: decisions into the lake; reports, mails and lists into files.

use std::path::{Path, PathBuf};

use super::mail;
use super::promotion::{self, By, PromotionError, Review, Way, plan_rollback};
use super::reads::QueryError;
use super::reads::checks::Checked;
use super::reads::list::{List, Wish};
use super::report;
use crate::config::Settings;
use crate::frame::Frame;
use crate::frame::text::{CsvCells, csv, json, markdown};
use crate::lake::Lake;
use crate::model::{Day, Month, Timestamp};
use crate::pipeline::rules::{Decision, Evidence, acknowledge, withdraw};

/// A failing outcome of a rule, as it was when somebody looked at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The rule.
    pub rule: String,
    /// The utility.
    pub utility: String,
    /// The dataset, `feeders` or `ders`.
    pub dataset: String,
    /// The month.
    pub month: Month,
    /// Rows that fail.
    pub failed: u64,
    /// What the failure was made from.
    pub evidence: Evidence,
}

impl From<&Checked> for Failure {
    fn from(checked: &Checked) -> Self {
        Self {
            rule: checked.rule.clone(),
            utility: checked.utility.clone(),
            dataset: checked.dataset.clone(),
            month: checked.month,
            failed: checked.failed,
            evidence: checked.evidence.clone(),
        }
    }
}

/// The format of a list in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// Comma-separated, for programs.
    Csv,
    /// An array of objects.
    Json,
    /// Parquet.
    Parquet,
    /// A table of Markdown.
    Markdown,
}

impl ExportFormat {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Csv, Self::Json, Self::Parquet, Self::Markdown];

    /// The end of the file's name.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Parquet => "parquet",
            Self::Markdown => "md",
        }
    }
}

/// Something to write.
#[derive(Debug, Clone)]
pub enum Write {
    /// Acknowledge failures.
    Sign {
        /// The failures.
        failures: Vec<Failure>,
        /// Why they are accepted.
        reason: String,
        /// The last day on which that counts.
        until: Day,
    },
    /// Withdraw what was acknowledged.
    Withdraw {
        /// The failures.
        failures: Vec<Failure>,
        /// Why.
        reason: String,
    },
    /// Promote what was looked at.
    Promote {
        /// From where to where.
        way: Way,
        /// The digest of the evidence that was on the screen.
        reviewed: String,
        /// Why.
        reason: String,
    },
    /// Bring an environment back to a promotion.
    Rollback {
        /// The promotion.
        to: String,
        /// Why.
        reason: String,
    },
    /// The report of a month.
    Report {
        /// The month.
        month: Month,
    },
    /// The mail to a utility about a month.
    Mail {
        /// The utility.
        utility: String,
        /// The month.
        month: Month,
    },
    /// The rows of a list.
    Export {
        /// What they are; part of the file's name.
        name: String,
        /// The rows.
        rows: Rows,
        /// The format.
        format: ExportFormat,
    },
}

/// Rows to write.
#[derive(Debug, Clone)]
pub enum Rows {
    /// These.
    Held(Frame),
    /// Those of a list in the tables, with some of its columns.
    Of(List, Wish, Vec<String>),
}

impl Rows {
    fn read(&self, lake: &Lake) -> Result<Frame, QueryError> {
        match self {
            Self::Held(rows) => Ok(rows.clone()),
            Self::Of(list, wish, columns) => {
                Ok(list.all(lake, wish)?.columns_of(&columns.iter().map(String::as_str).collect::<Vec<_>>()))
            }
        }
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// What there is to say about it.
    pub said: String,
    /// Whether tables were changed.
    pub tables: bool,
    /// A report that can be opened.
    pub report: Option<PathBuf>,
}

/// The folder that files of the console go to.
pub fn exports(settings: &Settings) -> PathBuf {
    settings.paths.data.join("exports")
}

impl Write {
    /// Writes it.
    ///
    /// # Errors
    /// A table cannot be read or written, or a file not made.
    pub fn perform(&self, lake: &Lake, settings: &Settings) -> Result<Written, QueryError> {
        match self {
            Self::Sign { failures, reason, until } => {
                acknowledge(lake, &decisions(failures, settings, reason, *until), Timestamp::now())?;
                let said = format!("● acknowledged {} by {} until {until}", outcomes(failures), settings.account);
                Ok(Written { said, tables: true, report: None })
            }
            Self::Withdraw { failures, reason } => {
                withdraw(lake, &decisions(failures, settings, reason, settings.today), Timestamp::now())?;
                let said = format!("● withdrawn by {}: {} open again", settings.account, outcomes(failures));
                Ok(Written { said, tables: true, report: None })
            }
            Self::Promote { way, reviewed, reason } => {
                let by = By { account: &settings.account, reason: Some(reason) };
                let said = promote(lake, settings, (*way, reviewed), &by).map_err(QueryError::from)?;
                Ok(Written { said, tables: true, report: None })
            }
            Self::Rollback { to, reason } => {
                let by = By { account: &settings.account, reason: Some(reason) };
                let done =
                    plan_rollback(lake, to).and_then(|plan| plan.perform(&by, Timestamp::now())).map_err(QueryError::from)?;
                let said = format!("● {} is as promotion {to} left it; on record as {}", settings.env, done.id);
                Ok(Written { said, tables: true, report: None })
            }
            Self::Report { month } => {
                let path = file(settings, &format!("report_{month}"), "html")?;
                let told = report::write(lake, settings, Some(*month), &path)?;
                let Some(told) = told else {
                    let said = format!("■ no report of {month}: no rule was checked for it yet; r loads and checks what is new");
                    return Ok(Written { said, tables: false, report: None });
                };
                let said = format!("● report of {month} in {}: {}", path.display(), told.verdict);
                Ok(Written { said, tables: false, report: Some(path) })
            }
            Self::Mail { utility, month } => {
                let mail = mail::about(lake, settings, utility, *month)?;
                let path = file(settings, &format!("mail_{utility}_{month}"), "txt")?;
                save(&path, mail.text.as_bytes())?;
                let beside = match &mail.rejected {
                    Some(rows) => {
                        let path = file(settings, &format!("mail_{utility}_{month}_rejected"), "csv")?;
                        save(&path, rows.as_bytes())?;
                        format!(", and {}", path.display())
                    }
                    None => String::new(),
                };
                Ok(Written { said: format!("● mail in {}{beside}", path.display()), tables: false, report: None })
            }
            Self::Export { name, rows, format } => {
                let path = unused(&file(settings, name, format.extension())?);
                let rows = rows.read(lake)?;
                export(&rows, *format, &path)?;
                let said = format!("● {} rows in {}", rows.height(), path.display());
                Ok(Written { said, tables: false, report: None })
            }
        }
    }
}

/// Promotes if the evidence is still what was looked at; what there is to say.
fn promote(lake: &Lake, settings: &Settings, (way, reviewed): (Way, &str), by: &By<'_>) -> Result<String, PromotionError> {
    let now = Timestamp::now();
    let _lock = promotion::lock(&lake.environment(way.from), by.account, now)?;
    let review = Review::of(lake, settings, way, None)?;
    if review.evidence.digest() != reviewed {
        return Err(PromotionError::Refused(format!("{} has moved since it was looked at; look at it again", way.from)));
    }
    let done = review.promote(lake, by, now)?;
    Ok(format!("● promoted to {} as {}", way.to, done.id))
}

fn outcomes(failures: &[Failure]) -> String {
    match failures {
        [only] => format!("`{}` of {} {}", only.rule, only.utility, only.dataset),
        all => format!("{} outcomes", all.len()),
    }
}

fn decisions<'a>(failures: &'a [Failure], settings: &'a Settings, reason: &'a str, until: Day) -> Vec<Decision<'a>> {
    let decision = |failure: &'a Failure| Decision {
        rule: &failure.rule,
        utility: &failure.utility,
        dataset: &failure.dataset,
        month: failure.month,
        failed: failure.failed,
        evidence: &failure.evidence,
        reason,
        account: &settings.account,
        expires_on: until,
    };
    failures.iter().map(decision).collect()
}

/// A file in the folder of exports, whose name holds nothing but letters, digits and marks that every system takes.
fn file(settings: &Settings, name: &str, extension: &str) -> Result<PathBuf, QueryError> {
    let folder = exports(settings);
    std::fs::create_dir_all(&folder).map_err(|source| QueryError::Unwritten { path: folder.clone(), source })?;
    let safe: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    Ok(folder.join(format!("{}_{safe}.{extension}", settings.env)))
}

/// The file, or the first one beside it that there is not yet: a list never takes the place of another one.
fn unused(path: &Path) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let extension = path.extension().unwrap_or_default().to_string_lossy().into_owned();
    let numbered = (2..1000).map(|number| path.with_file_name(format!("{stem}_{number}.{extension}")));
    std::iter::once(path.to_owned()).chain(numbered).find(|path| !path.exists()).unwrap_or_else(|| path.to_owned())
}

fn save(path: &Path, content: &[u8]) -> Result<(), QueryError> {
    std::fs::write(path, content).map_err(|source| QueryError::Unwritten { path: path.to_owned(), source })
}

fn export(rows: &Frame, format: ExportFormat, path: &Path) -> Result<(), QueryError> {
    let names: Vec<String> = rows.names().into_iter().map(str::to_owned).collect();
    let cells = || (0..rows.height()).map(|row| rows.row(row)).collect::<Vec<_>>();
    match format {
        ExportFormat::Csv => save(path, csv(&names, &cells(), CsvCells::SpreadsheetSafe).as_bytes()),
        ExportFormat::Json => save(path, json(&names, &cells()).as_bytes()),
        ExportFormat::Markdown => save(path, markdown(&names, &cells()).as_bytes()),
        ExportFormat::Parquet => {
            rows.write_parquet(path).map_err(|source| QueryError::Unwritten { path: path.to_owned(), source })
        }
    }
}
