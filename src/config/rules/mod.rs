//! Rules: what must hold of deliveries, feeders and DERs, as data.
//!
//! Lies between the rules' TOML files and `pipeline::rules`, which turns each rule into SQL. A parsed rule is complete:
//! its kind has the settings that it needs, and what to do when it fails.

mod check;
mod parse;
mod setting;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

pub(crate) use check::Check;
pub(crate) use setting::{Names, Share};

use super::adapter::toml_files;
use super::file::{Problem, line_of};
use crate::model::{Dataset, Severity, UtilityId};

/// What the rows are that a rule looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// Records of a delivered file.
    Delivery(Dataset),
    /// Feeders as they are after a month.
    Feeders,
    /// DERs as they are after a month.
    Ders,
}

impl Subject {
    /// Every subject.
    pub const ALL: [Self; 5] = [
        Self::Delivery(Dataset::Circuits),
        Self::Delivery(Dataset::InstallDer),
        Self::Delivery(Dataset::PlannedDer),
        Self::Feeders,
        Self::Ders,
    ];

    /// The word used in rules and in the column `dataset` of results.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivery(dataset) => dataset.as_str(),
            Self::Feeders => "feeders",
            Self::Ders => "ders",
        }
    }

    /// The subject of that name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|subject| subject.as_str() == word)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How much may fail before the rule does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Threshold {
    /// At most this many rows.
    Count(u64),
    /// At most this share of the rows looked at, from 0 to 1.
    Share(f64),
}

impl Threshold {
    /// Whether that many failing rows of all rows looked at are too many.
    pub fn is_exceeded(self, failed: u64, checked: u64) -> bool {
        match self {
            Self::Count(most) => failed > most,
            Self::Share(most) => failed as f64 > most * checked as f64,
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Share(share) => Share(*share).fmt(f),
        }
    }
}

/// How a file's columns can differ from those of the month before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drift {
    /// A column is new.
    Added,
    /// A column is gone.
    Removed,
    /// A column is gone, and a new one holds the same.
    Renamed,
    /// The values of a column are of another type.
    Retyped,
    /// Columns are in another order.
    Reordered,
}

impl Drift {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Added, Self::Removed, Self::Renamed, Self::Retyped, Self::Reordered];

    /// The word used in rules and results.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Renamed => "renamed",
            Self::Retyped => "retyped",
            Self::Reordered => "reordered",
        }
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name, the heading in the file.
    pub id: String,
    /// What must hold, for people.
    pub description: String,
    /// How bad it is when it does not.
    pub severity: Severity,
    /// How much may fail.
    pub threshold: Threshold,
    /// What it is asked of.
    pub on: Vec<Subject>,
    /// Only of this utility.
    pub utility: Option<UtilityId>,
    /// Only rows for which this SQL condition holds.
    pub filter: Option<String>,
    /// The column that a failing row is shown with, where it is not the one that is asked about.
    pub show: Option<String>,
    /// Who answers for it.
    pub owner: String,
    /// What whoever is on call does when it fails.
    pub next_step: String,
    /// What is asked.
    pub check: Check,
    /// The file that it was read from; `None` when it is built in and was not changed.
    pub origin: Option<PathBuf>,
}

impl Rule {
    /// Whether it is asked of a utility's rows.
    pub fn is_asked_of(&self, utility: &str, subject: Subject) -> bool {
        self.on.contains(&subject) && self.utility.as_ref().is_none_or(|only| only.as_str() == utility)
    }

    /// Whether its outcome changes by time alone, without a new file.
    pub const fn is_of_calendar(&self) -> bool {
        matches!(
            self.check,
            Check::Volume { .. } | Check::Freshness { .. } | Check::RefreshAge { .. } | Check::RefreshInFuture {}
        )
    }

    /// Whether it looks at any delivery before its month, at more than columns.
    pub const fn looks_back(&self) -> bool {
        matches!(self.check, Check::Volume { .. } | Check::Freshness { .. } | Check::RefreshGoesBack {})
    }

    /// Whether it compares the columns of a delivery with those of the ones before it.
    pub const fn is_of_schema(&self) -> bool {
        matches!(self.check, Check::Schema { .. })
    }

    /// Whether it compares feeders, DERs or the keys of a delivery with those of the month before.
    pub const fn compares_months(&self) -> bool {
        matches!(
            self.check,
            Check::Change { .. }
                | Check::UnitShift { .. }
                | Check::MedianUnitShift { .. }
                | Check::Vanished {}
                | Check::ShareFalls { .. }
                | Check::SumMoves { .. }
                | Check::KnownKeys { .. }
        )
    }

    /// The name of its kind.
    pub fn kind(&self) -> &'static str {
        self.check.kind()
    }

    /// Everything that decides about its outcome, as text in the words of the files: stored fingerprints are made from it.
    pub fn definition(&self) -> String {
        let on: Vec<&str> = self.on.iter().map(|subject| subject.as_str()).collect();
        let only = |name: &str, text: Option<&str>| text.map_or(String::new(), |text| format!("{name} = {text}\n"));
        format!(
            "threshold = {}\non = {}\n{}{}{}",
            self.threshold,
            on.join(" "),
            only("utility", self.utility.as_ref().map(UtilityId::as_str)),
            only("where", self.filter.as_deref()),
            self.check.definition()
        )
    }
}

const BUILT_IN: &[(&str, &str)] = &[
    ("deliveries.toml", include_str!("deliveries.toml")),
    ("schema.toml", include_str!("schema.toml")),
    ("records.toml", include_str!("records.toml")),
    ("feeders.toml", include_str!("feeders.toml")),
    ("ders.toml", include_str!("ders.toml")),
];

/// All rules, and the text that they come from.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    /// The rules, by name.
    pub rules: Vec<Rule>,
    sources: BTreeMap<String, RuleText>,
}

/// The settings of one rule, of all files that say something about it.
#[derive(Debug, Clone)]
struct RuleText {
    table: toml::Table,
    origin: Option<PathBuf>,
}

impl RuleSet {
    /// The built-in rules, each with what the user's files change in it, and the user's own ones.
    ///
    /// A rule that cannot be used is a [`Problem`]; the others hold.
    pub fn load(folder: &Path) -> (Self, Vec<Problem>) {
        let mut book = Self::default();
        let mut problems = Vec::new();
        for (name, text) in BUILT_IN {
            book.read(Path::new(name), text, None, &mut problems);
        }
        for file in toml_files(folder) {
            match std::fs::read_to_string(&file) {
                Ok(text) => book.read(&file, &text, Some(&file), &mut problems),
                Err(error) => problems.push(Problem { file, line: None, message: format!("cannot be read: {error}") }),
            }
        }
        (book, problems)
    }

    fn read(&mut self, path: &Path, text: &str, origin: Option<&PathBuf>, problems: &mut Vec<Problem>) {
        let at = |offset: Option<usize>| offset.map(|offset| line_of(text, offset));
        let mut problem = |line, message| problems.push(Problem { file: path.to_owned(), line, message });
        let tables: toml::Table = match toml::from_str(text) {
            Ok(tables) => tables,
            Err(error) => return problem(at(error.span().map(|span| span.start)), error.message().trim().replace('\n', " ")),
        };
        for (id, value) in tables {
            let heading = text.find(&format!("[{id}]"));
            let toml::Value::Table(table) = value else {
                problem(at(text.find(&id)), format!("`{id}` must be a rule: a heading `[{id}]` and its settings"));
                continue;
            };
            let before = self.sources.get(&id).cloned();
            if let Err(wrong) = self.set(&id, table, origin.cloned()) {
                let place = heading.map(|from| from + setting_at(&text[from..], &wrong.word));
                problem(at(place), format!("rule `{id}`: {}", wrong.message));
                // What stood before still holds.
                if let Some(before) = before {
                    self.sources.insert(id, before);
                }
            }
        }
    }

    /// Sets what a table says of a rule, over what is known of it; a rule of another kind starts from nothing.
    fn set(&mut self, id: &str, table: toml::Table, origin: Option<PathBuf>) -> Result<(), parse::Wrong> {
        let mut merged = match self.sources.get(id) {
            Some(known) if !table.contains_key("kind") => known.table.clone(),
            _ => toml::Table::new(),
        };
        merged.extend(table);
        let rule = parse::rule(id, &merged, origin.clone())?;
        self.rules.retain(|rule| rule.id != id);
        self.rules.extend(rule);
        self.rules.sort_by(|a, b| a.id.cmp(&b.id));
        self.sources.insert(id.to_owned(), RuleText { table: merged, origin });
        Ok(())
    }

    /// How bad it is, by the rules, that a utility's own refresh date is so many days old; `None` where none minds.
    pub fn refresh_age_severity(&self, utility: &str, dataset: Dataset, days: i32) -> Option<Severity> {
        let minds = |rule: &&Rule| match rule.check {
            Check::RefreshAge { most_days } => {
                i64::from(days) > most_days && rule.is_asked_of(utility, Subject::Delivery(dataset))
            }
            _ => false,
        };
        self.rules.iter().filter(minds).map(|rule| rule.severity).max()
    }

    /// A rule by its name.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// The book with one setting of one rule changed, written `RULE.SETTING=VALUE`.
    ///
    /// # Errors
    /// There is no such rule or setting, or the value cannot be.
    pub fn with_edit(&self, edit: &str) -> Result<(Self, String), String> {
        let (path, value) = edit.split_once('=').ok_or_else(|| format!("`{edit}` is not written `RULE.SETTING=VALUE`"))?;
        let (id, setting) =
            path.trim().rsplit_once('.').ok_or_else(|| format!("`{edit}` names no setting: `RULE.SETTING=VALUE`"))?;
        if self.rule(id).is_none() {
            return Err(format!(
                "there is no rule `{id}`{}",
                super::file::did_you_mean(id, self.rules.iter().map(|rule| rule.id.as_str()))
            ));
        }
        // A value is TOML where it is some, and text otherwise: `5%` needs no quotes.
        let value = value.trim();
        let table: toml::Table = toml::from_str(&format!("{setting} = {value}"))
            .or_else(|_| toml::from_str(&format!("{setting} = {}", toml::Value::String(value.to_owned()))))
            .map_err(|error| error.message().to_owned())?;
        let mut edited = self.clone();
        let origin = self.sources.get(id).and_then(|source| source.origin.clone());
        edited.set(id, table, origin).map_err(|wrong| format!("rule `{id}`: {}", wrong.message))?;
        Ok((edited, id.to_owned()))
    }
}

/// Where a setting is in a text that starts with its rule's heading; the heading where it is missing.
fn setting_at(text: &str, key: &str) -> usize {
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let rest = line.trim_start().strip_prefix(key);
        if rest.is_some_and(|rest| rest.trim_start().starts_with('=')) {
            return offset;
        }
        if offset > 0 && line.starts_with('[') {
            break;
        }
        offset += line.len();
    }
    0
}
