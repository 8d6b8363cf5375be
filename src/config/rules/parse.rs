//! TOML table → [`Rule`], with messages that name the wrong setting and the nearest right one.

use std::path::PathBuf;

use serde::Deserialize;

use super::{Check, Drift, Operator, Rule, Subject, Threshold};
use crate::config::file::did_you_mean;
use crate::model::{Freshness, ReasonCode, Severity, UtilityId};

/// What is wrong, and the word in the file that it is about.
pub(super) struct Wrong {
    pub(super) word: String,
    pub(super) message: String,
}

fn wrong(word: &str, message: impl Into<String>) -> Wrong {
    Wrong { word: word.to_owned(), message: message.into() }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    description: Option<String>,
    severity: Option<String>,
    threshold: Option<toml::Value>,
    on: Option<Words>,
    utility: Option<String>,
    #[serde(rename = "where")]
    filter: Option<String>,
    show: Option<String>,
    owner: Option<String>,
    next_step: Option<String>,
    enabled: Option<bool>,
    kind: Option<String>,
    column: Option<String>,
    columns: Option<Words>,
    values: Option<Words>,
    least: Option<f64>,
    most: Option<toml::Value>,
    pattern: Option<String>,
    matches: Option<bool>,
    earlier: Option<String>,
    later: Option<String>,
    left: Option<String>,
    operator: Option<String>,
    right: Option<String>,
    of: Option<Words>,
    tolerance: Option<f64>,
    factor: Option<f64>,
    to: Option<String>,
    within: Option<String>,
    with: Option<String>,
    reasons: Option<Words>,
    months: Option<u32>,
    worst: Option<String>,
    most_days: Option<i64>,
    drift: Option<String>,
    query: Option<String>,
}

#[derive(Deserialize, Clone)]
#[serde(untagged)]
enum Words {
    One(String),
    Many(Vec<String>),
}

impl Words {
    fn list(self) -> Vec<String> {
        match self {
            Self::One(word) => vec![word],
            Self::Many(words) => words,
        }
    }
}

const KINDS: [&str; 26] = [
    "not-null",
    "unique",
    "accepted-values",
    "range",
    "pattern",
    "parses",
    "date-order",
    "compare",
    "sum",
    "change",
    "slip",
    "median-slip",
    "reference",
    "constant",
    "overlap",
    "distinct-share",
    "set-aside",
    "ledger",
    "volume",
    "vanished",
    "freshness",
    "refresh-age",
    "refresh-in-future",
    "refresh-goes-back",
    "schema",
    "sql",
];

pub(super) const fn kind_of(check: &Check) -> &'static str {
    KINDS[match check {
        Check::NotNull { .. } => 0,
        Check::Unique { .. } => 1,
        Check::Accepted { .. } => 2,
        Check::Range { .. } => 3,
        Check::Pattern { .. } => 4,
        Check::Parses { .. } => 5,
        Check::DateOrder { .. } => 6,
        Check::Compare { .. } => 7,
        Check::Sum { .. } => 8,
        Check::Change { .. } => 9,
        Check::Slip { .. } => 10,
        Check::MedianSlip { .. } => 11,
        Check::Reference { .. } => 12,
        Check::Constant { .. } => 13,
        Check::Overlap { .. } => 14,
        Check::DistinctShare { .. } => 15,
        Check::SetAside { .. } => 16,
        Check::Ledger => 17,
        Check::Volume { .. } => 18,
        Check::Vanished => 19,
        Check::Freshness { .. } => 20,
        Check::RefreshAge { .. } => 21,
        Check::RefreshInFuture => 22,
        Check::RefreshGoesBack => 23,
        Check::Schema { .. } => 24,
        Check::Sql { .. } => 25,
    }]
}

/// Reads one rule; `None` when it is switched off.
pub(super) fn rule(id: &str, table: &toml::Table, origin: Option<PathBuf>) -> Result<Option<Rule>, Wrong> {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !id.chars().all(is_word) || id.is_empty() {
        return Err(wrong(id, "a rule's name has lower-case letters, digits and `-`"));
    }
    let raw: RawRule = toml::Value::Table(table.clone()).try_into().map_err(|error: toml::de::Error| {
        let message = error.message().trim().replace('\n', " ");
        let word = message.split('`').nth(1).unwrap_or(id).to_owned();
        Wrong { word, message }
    })?;
    if raw.enabled == Some(false) {
        return Ok(None);
    }
    let severity = chosen("severity", raw.severity.as_deref().unwrap_or("warning"), &Severity::ALL.map(|s| (s.as_str(), s)))?;
    let subjects = raw.on.clone().map(Words::list).unwrap_or_default();
    let names = Subject::ALL.map(|subject| (subject.as_str(), subject));
    let on: Vec<Subject> = subjects.iter().map(|word| chosen("on", word, &names)).collect::<Result<_, _>>()?;
    if on.is_empty() {
        return Err(wrong(id, "`on` is missing: `circuits`, `install_der`, `planned_der`, `feeders` or `ders`"));
    }
    let utility = raw
        .utility
        .as_deref()
        .map(|name| UtilityId::parse(name).ok_or_else(|| wrong("utility", format!("`{name}` is no utility id"))))
        .transpose()?;
    Ok(Some(Rule {
        id: id.to_owned(),
        description: raw.description.clone().ok_or_else(|| wrong(id, "`description` is missing: what must hold"))?,
        severity,
        threshold: threshold(raw.threshold.as_ref())?,
        on,
        utility,
        filter: raw.filter.clone(),
        show: raw.show.clone(),
        owner: raw.owner.clone().unwrap_or_else(|| "data steward".into()),
        next_step: raw.next_step.clone().ok_or_else(|| wrong(id, "`next_step` is missing: what whoever is on call does"))?,
        check: check(id, &raw)?,
        origin,
    }))
}

fn chosen<T: Copy>(key: &str, word: &str, choices: &[(&'static str, T)]) -> Result<T, Wrong> {
    let found = choices.iter().find(|(name, _)| *name == word).map(|(_, choice)| *choice);
    found.ok_or_else(|| wrong(key, format!("`{key}` is `{word}`{}", did_you_mean(word, choices.iter().map(|(name, _)| *name)))))
}

/// A count, or a share written as `5%`.
fn threshold(value: Option<&toml::Value>) -> Result<Threshold, Wrong> {
    let message = "`threshold` must be a count of rows such as 0, or a share such as \"5%\"";
    match value {
        None => Ok(Threshold::Count(0)),
        Some(toml::Value::Integer(count)) => u64::try_from(*count).map(Threshold::Count).map_err(|_| wrong("threshold", message)),
        Some(toml::Value::String(text)) => share(text).map(Threshold::Share).ok_or_else(|| wrong("threshold", message)),
        Some(_) => Err(wrong("threshold", message)),
    }
}

fn share(text: &str) -> Option<f64> {
    let percent: f64 = text.strip_suffix('%')?.trim().parse().ok()?;
    (percent.is_finite() && percent >= 0.0).then_some(percent / 100.0)
}

/// The settings of one rule, asked for by its kind.
struct Settings<'a> {
    id: &'a str,
    kind: &'a str,
    raw: &'a RawRule,
}

impl Settings<'_> {
    fn missing(&self, key: &str) -> Wrong {
        wrong(self.id, format!("a rule of kind `{}` needs `{key}`", self.kind))
    }

    fn text(&self, key: &str, value: Option<&String>) -> Result<String, Wrong> {
        value.cloned().ok_or_else(|| self.missing(key))
    }

    fn column(&self) -> Result<String, Wrong> {
        self.text("column", self.raw.column.as_ref())
    }

    fn list(&self, key: &str, words: Option<&Words>) -> Result<Vec<String>, Wrong> {
        words.cloned().map(Words::list).filter(|words| !words.is_empty()).ok_or_else(|| self.missing(key))
    }

    fn factor(&self) -> Result<f64, Wrong> {
        self.raw.factor.filter(|factor| factor.is_finite() && *factor > 1.0).ok_or_else(|| self.missing("factor"))
    }

    fn most_share(&self) -> Result<f64, Wrong> {
        let text = self.raw.most.as_ref().and_then(toml::Value::as_str);
        let message = || format!("a rule of kind `{}` needs `most`, a share such as \"50%\"", self.kind);
        text.and_then(share).ok_or_else(|| wrong("most", message()))
    }

    fn most_number(&self) -> Option<f64> {
        self.raw.most.as_ref().and_then(|value| value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64)))
    }

    /// A column of another subject, written as `feeders.feeder_id`.
    fn reference(&self) -> Result<(Subject, String), Wrong> {
        let to = self.text("to", self.raw.to.as_ref())?;
        let parts = to.split_once('.').and_then(|(subject, column)| Some((Subject::parse(subject)?, column.to_owned())));
        parts.ok_or_else(|| wrong("to", format!("`to` is `{to}`; write it as `feeders.feeder_id`")))
    }
}

fn check(id: &str, raw: &RawRule) -> Result<Check, Wrong> {
    let kind = raw.kind.as_deref().ok_or_else(|| wrong(id, "`kind` is missing: what is asked"))?;
    let settings = Settings { id, kind, raw };
    if let Some(check) = of_rows(&settings)? {
        return Ok(check);
    }
    if let Some(check) = of_deliveries(&settings)? {
        return Ok(check);
    }
    let known = KINDS.iter().copied();
    Err(wrong("kind", format!("`kind` is `{kind}`{}", did_you_mean(kind, known))))
}

/// Kinds that ask something of rows, alone or together.
fn of_rows(of: &Settings<'_>) -> Result<Option<Check>, Wrong> {
    let raw = of.raw;
    Ok(Some(match of.kind {
        "not-null" => Check::NotNull { columns: of.list("columns", raw.columns.as_ref())? },
        "unique" => Check::Unique { columns: of.list("columns", raw.columns.as_ref())? },
        "accepted-values" => Check::Accepted { column: of.column()?, values: of.list("values", raw.values.as_ref())? },
        "range" => {
            let most = of.most_number();
            if raw.least.is_none() && most.is_none() {
                return Err(of.missing("least` or `most"));
            }
            Check::Range { column: of.column()?, least: raw.least, most }
        }
        "pattern" => Check::Pattern {
            column: of.column()?,
            pattern: of.text("pattern", raw.pattern.as_ref())?,
            matches: raw.matches.unwrap_or(true),
        },
        "parses" => Check::Parses { column: of.column()? },
        "date-order" => {
            Check::DateOrder { earlier: of.text("earlier", raw.earlier.as_ref())?, later: of.text("later", raw.later.as_ref())? }
        }
        "compare" => {
            let operators = Operator::ALL.map(|operator| (operator.as_str(), operator));
            Check::Compare {
                left: of.text("left", raw.left.as_ref())?,
                operator: chosen("operator", &of.text("operator", raw.operator.as_ref())?, &operators)?,
                right: of.text("right", raw.right.as_ref())?,
            }
        }
        "sum" => {
            Check::Sum { column: of.column()?, of: of.list("of", raw.of.as_ref())?, tolerance: raw.tolerance.unwrap_or(0.0) }
        }
        "change" => Check::Change { column: of.column()?, most: of.most_share()? },
        "slip" => Check::Slip { column: of.column()?, factor: of.factor()? },
        "median-slip" => Check::MedianSlip { column: of.column()?, factor: of.factor()? },
        "reference" => {
            let (to, to_column) = of.reference()?;
            Check::Reference { column: of.column()?, to, to_column }
        }
        "constant" => Check::Constant {
            columns: of.list("columns", raw.columns.as_ref())?,
            within: of.text("within", raw.within.as_ref())?,
        },
        "overlap" => Check::Overlap { column: of.column()?, with: of.text("with", raw.with.as_ref())? },
        "distinct-share" => Check::DistinctShare { column: of.column()?, least: raw.least, most: of.most_number() },
        "vanished" => Check::Vanished,
        "sql" => Check::Sql { query: of.text("query", raw.query.as_ref())? },
        _ => return Ok(None),
    }))
}

/// Kinds that ask something of a file as a whole.
fn of_deliveries(of: &Settings<'_>) -> Result<Option<Check>, Wrong> {
    let raw = of.raw;
    Ok(Some(match of.kind {
        "set-aside" => {
            let codes: Vec<_> = ReasonCode::ALL.iter().map(|code| (code.as_str(), *code)).collect();
            let words = of.list("reasons", raw.reasons.as_ref())?;
            Check::SetAside { reasons: words.iter().map(|word| chosen("reasons", word, &codes)).collect::<Result<_, _>>()? }
        }
        "ledger" => Check::Ledger,
        "volume" => Check::Volume { months: raw.months.unwrap_or(1).max(1), most: of.most_share()? },
        "freshness" => {
            let states = [Freshness::Late, Freshness::Stale, Freshness::Missing].map(|state| (state.as_str(), state));
            Check::Freshness { worst: chosen("worst", raw.worst.as_deref().unwrap_or("late"), &states)? }
        }
        "refresh-age" => Check::RefreshAge { most_days: raw.most_days.ok_or_else(|| of.missing("most_days"))? },
        "refresh-in-future" => Check::RefreshInFuture,
        "refresh-goes-back" => Check::RefreshGoesBack,
        "schema" => {
            let drifts = Drift::ALL.map(|drift| (drift.as_str(), drift));
            Check::Schema { drift: chosen("drift", &of.text("drift", raw.drift.as_ref())?, &drifts)? }
        }
        _ => return Ok(None),
    }))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{RuleSet, Threshold};

    fn book(own: &str) -> (RuleSet, Vec<String>) {
        let folder = std::env::temp_dir().join(format!("feederscope-rules-{}-{}", std::process::id(), own.len()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("own.toml"), own).unwrap();
        let (book, problems) = RuleSet::load(&folder);
        std::fs::remove_dir_all(&folder).unwrap();
        let said = |problem: &crate::config::Problem| problem.to_string().replace(&folder.display().to_string(), "rules");
        (book, problems.iter().map(said).collect())
    }

    #[test]
    fn built_in_rules_are_complete() {
        let (book, problems) = RuleSet::load(Path::new("/nowhere"));
        assert_eq!(problems, []);
        assert!(book.rules.iter().all(|rule| !rule.next_step.is_empty() && !rule.kind().is_empty()));
    }

    #[test]
    fn setting_of_a_built_in_rule_is_changed_by_naming_it() {
        let (book, problems) = book("[capacity-stable]\nthreshold = \"20%\"\n\n[feeder-reference-present]\nenabled = false\n");
        assert_eq!(problems, Vec::<String>::new());
        let stable = book.rule("capacity-stable").unwrap();
        assert_eq!((stable.threshold, stable.kind()), (Threshold::Share(0.2), "change"));
        assert!(stable.origin.is_some() && book.rule("feeder-reference-present").is_none());
    }

    #[test]
    fn wrong_words_are_answered_with_line_and_nearest_and_the_rest_holds() {
        let (book, problems) = book(
            "[capacity-stable]\nmost = 50\n\n[own]\ndescription = \"x\"\non = \"feeder\"\nkind = \"vanished\"\nnext_step = \"y\"\n\n[other]\ndescription = \"x\"\non = \"ders\"\nkind = \"not-nul\"\nnext_step = \"y\"\n\n[key-unique]\nsevrity = \"info\"\n",
        );
        assert_eq!(
            problems,
            [
                "`rules/own.toml`, line 2: rule `capacity-stable`: a rule of kind `change` needs `most`, a share such as \"50%\"",
                "`rules/own.toml`, line 6: rule `own`: `on` is `feeder`; did you mean `feeders`?",
                "`rules/own.toml`, line 13: rule `other`: `kind` is `not-nul`; did you mean `not-null`?",
                "`rules/own.toml`, line 17: rule `key-unique`: unknown field `sevrity`, expected one of `description`, `severity`, `threshold`, `on`, `utility`, `where`, `show`, `owner`, `next_step`, `enabled`, `kind`, `column`, `columns`, `values`, `least`, `most`, `pattern`, `matches`, `earlier`, `later`, `left`, `operator`, `right`, `of`, `tolerance`, `factor`, `to`, `within`, `with`, `reasons`, `months`, `worst`, `most_days`, `drift`, `query`",
            ]
        );
        assert_eq!(book.rule("capacity-stable").unwrap().threshold, Threshold::Share(0.05));
    }

    #[test]
    fn edit_is_tried_on_a_copy() {
        let (book, _) = RuleSet::load(Path::new("/nowhere"));
        let (edited, id) = book.with_edit("capacity-stable.threshold=1%").unwrap();
        assert_eq!((id.as_str(), edited.rule(&id).unwrap().threshold), ("capacity-stable", Threshold::Share(0.01)));
        assert_eq!(book.rule(&id).unwrap().threshold, Threshold::Share(0.05));
        assert_eq!(edited.with_edit("capacity-stable.threshold=3").unwrap().0.rule(&id).unwrap().threshold, Threshold::Count(3));
        let wrong = |edit: &str| book.with_edit(edit).unwrap_err();
        assert_eq!(wrong("capacity-stabel.threshold=1%"), "there is no rule `capacity-stabel`; did you mean `capacity-stable`?");
        assert!(
            wrong("capacity-stable.treshold=1").contains("unknown field `treshold`"),
            "{}",
            wrong("capacity-stable.treshold=1")
        );
    }
}
