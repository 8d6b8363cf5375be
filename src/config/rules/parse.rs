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

const KINDS: [&str; 27] = [
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
    "",
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
        owner: raw.owner.clone().unwrap_or_else(|| "data steward".into()),
        next_step: raw.next_step.clone().ok_or_else(|| wrong(id, "`next_step` is missing: what whoever is on call does"))?,
        check: check(id, raw)?,
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

fn check(id: &str, raw: RawRule) -> Result<Check, Wrong> {
    let kind = raw.kind.clone().ok_or_else(|| wrong(id, "`kind` is missing: what is asked"))?;
    let needed = |key: &'static str, value: Option<String>| {
        value.ok_or_else(|| wrong(id, format!("a rule of kind `{kind}` needs `{key}`")))
    };
    let list = |key: &'static str, words: Option<Words>| match words.map(Words::list) {
        Some(words) if !words.is_empty() => Ok(words),
        _ => Err(wrong(id, format!("a rule of kind `{kind}` needs `{key}`"))),
    };
    let number = |key: &'static str, value: Option<f64>| {
        value.filter(|value| value.is_finite()).ok_or_else(|| wrong(id, format!("a rule of kind `{kind}` needs `{key}`")))
    };
    let most_share = || {
        let text = raw.most.as_ref().and_then(toml::Value::as_str);
        text.and_then(share)
            .ok_or_else(|| wrong("most", format!("a rule of kind `{kind}` needs `most`, a share such as \"50%\"")))
    };
    let most_number = || raw.most.as_ref().and_then(|value| value.as_float().or_else(|| value.as_integer().map(|n| n as f64)));
    Ok(match kind.as_str() {
        "not-null" => Check::NotNull { columns: list("columns", raw.columns)? },
        "unique" => Check::Unique { columns: list("columns", raw.columns)? },
        "accepted-values" => Check::Accepted { column: needed("column", raw.column)?, values: list("values", raw.values)? },
        "range" => {
            let most = most_number();
            if raw.least.is_none() && most.is_none() {
                return Err(wrong(id, "a rule of kind `range` needs `least` or `most`"));
            }
            Check::Range { column: needed("column", raw.column)?, least: raw.least, most }
        }
        "pattern" => Check::Pattern {
            column: needed("column", raw.column)?,
            pattern: needed("pattern", raw.pattern)?,
            matches: raw.matches.unwrap_or(true),
        },
        "parses" => Check::Parses { column: needed("column", raw.column)? },
        "date-order" => Check::DateOrder { earlier: needed("earlier", raw.earlier)?, later: needed("later", raw.later)? },
        "compare" => Check::Compare {
            left: needed("left", raw.left)?,
            operator: chosen("operator", &needed("operator", raw.operator)?, &Operator::ALL.map(|o| (o.as_str(), o)))?,
            right: needed("right", raw.right)?,
        },
        "sum" => {
            Check::Sum { column: needed("column", raw.column)?, of: list("of", raw.of)?, tolerance: raw.tolerance.unwrap_or(0.0) }
        }
        "change" => Check::Change { column: needed("column", raw.column.clone())?, most: most_share()? },
        "slip" => Check::Slip { column: needed("column", raw.column)?, factor: number("factor", raw.factor)? },
        "median-slip" => Check::MedianSlip { column: needed("column", raw.column)?, factor: number("factor", raw.factor)? },
        "reference" => {
            let to = needed("to", raw.to)?;
            let (subject, column) = to
                .split_once('.')
                .and_then(|(subject, column)| Some((Subject::parse(subject)?, column.to_owned())))
                .ok_or_else(|| wrong("to", format!("`to` is `{to}`; write it as `feeders.feeder_id`")))?;
            Check::Reference { column: needed("column", raw.column)?, to: subject, to_column: column }
        }
        "constant" => Check::Constant { columns: list("columns", raw.columns)?, within: needed("within", raw.within)? },
        "overlap" => Check::Overlap { column: needed("column", raw.column)?, with: needed("with", raw.with)? },
        "distinct-share" => {
            Check::DistinctShare { column: needed("column", raw.column.clone())?, least: raw.least, most: most_number() }
        }
        "set-aside" => Check::SetAside {
            reasons: list("reasons", raw.reasons)?
                .iter()
                .map(|word| {
                    let codes = ReasonCode::ALL.iter().map(|code| (code.as_str(), *code)).collect::<Vec<_>>();
                    chosen("reasons", word, &codes)
                })
                .collect::<Result<_, _>>()?,
        },
        "ledger" => Check::Ledger,
        "volume" => Check::Volume { months: raw.months.unwrap_or(1).max(1), most: most_share()? },
        "vanished" => Check::Vanished,
        "freshness" => {
            let states = [Freshness::Late, Freshness::Stale, Freshness::Missing].map(|state| (state.as_str(), state));
            Check::Freshness { worst: chosen("worst", raw.worst.as_deref().unwrap_or("late"), &states)? }
        }
        "refresh-age" => {
            let days = raw.most_days.ok_or_else(|| wrong(id, "a rule of kind `refresh-age` needs `most_days`"))?;
            Check::RefreshAge { most_days: days }
        }
        "refresh-in-future" => Check::RefreshInFuture,
        "refresh-goes-back" => Check::RefreshGoesBack,
        "schema" => {
            let drifts = Drift::ALL.map(|drift| (drift.as_str(), drift));
            Check::Schema { drift: chosen("drift", &needed("drift", raw.drift)?, &drifts)? }
        }
        "sql" => Check::Sql { query: needed("query", raw.query)? },
        other => {
            let known = KINDS.iter().copied().filter(|kind| !kind.is_empty());
            return Err(wrong("kind", format!("`kind` is `{other}`{}", did_you_mean(other, known))));
        }
    })
}
