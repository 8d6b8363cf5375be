//! Settings of rules as types: what is wrong in a file is said where it is read, and nothing above asks again.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Subject;
use crate::model::{Freshness, ReasonCode};

/// One name or a list of them, never none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Names(Vec<String>);

impl std::ops::Deref for Names {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name or a list of names")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Names, E> {
                Ok(Names(vec![name.to_owned()]))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = list.next_element()? {
                    names.push(name);
                }
                if names.is_empty() { Err(A::Error::invalid_length(0, &self)) } else { Ok(Names(names)) }
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

/// A share from 0 on, written as a percentage: `"50%"`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share(pub f64);

impl Share {
    /// Reads `50%`.
    pub fn parse(text: &str) -> Option<Self> {
        let percent: f64 = text.strip_suffix('%')?.trim().parse().ok()?;
        (percent.is_finite() && percent >= 0.0).then_some(Self(percent / 100.0))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0 * 100.0)
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

const A_SHARE: &str = "a share such as \"50%\"";

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => {
                Self::parse(&text).ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), &A_SHARE))
            }
            other => Err(wrong(&other, A_SHARE)),
        }
    }
}

/// A part of a whole, from 0 to 1, written as a number or as a percentage.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Portion(pub f64);

impl<'de> Deserialize<'de> for Portion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = toml::Value::deserialize(deserializer)?;
        let number = value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64));
        let portion = number.or_else(|| Some(Share::parse(value.as_str()?)?.0));
        let portion = portion.filter(|portion| (0.0..=1.0).contains(portion));
        portion.map(Self).ok_or_else(|| wrong(&value, "a part of the whole, from 0 to 1 or from \"0%\" to \"100%\""))
    }
}

/// A regular expression.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Pattern(pub String);

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pattern = String::deserialize(deserializer)?;
        match regex::Regex::new(&pattern) {
            Ok(_) => Ok(Self(pattern)),
            Err(_) => Err(D::Error::invalid_value(Unexpected::Str(&pattern), &"a regular expression")),
        }
    }
}

/// How many times a value is of another unit: more than 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Factor(pub f64);

impl<'de> Deserialize<'de> for Factor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let factor = f64::deserialize(deserializer)?;
        let is_factor = factor.is_finite() && factor > 1.0;
        if is_factor { Ok(Self(factor)) } else { Err(D::Error::invalid_value(Unexpected::Float(factor), &"a number above 1")) }
    }
}

/// A column of another subject, written as `feeders.feeder_id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Whose rows.
    pub subject: Subject,
    /// The column.
    pub column: String,
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}.{}", self.subject, self.column))
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parts = text.split_once('.').and_then(|(subject, column)| Some((Subject::parse(subject)?, column.to_owned())));
        let (subject, column) = parts.ok_or_else(|| {
            D::Error::invalid_value(Unexpected::Str(&text), &"a column of a subject such as `feeders.feeder_id`")
        })?;
        Ok(Self { subject, column })
    }
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    /// `<`
    #[serde(rename = "<")]
    Less,
    /// `<=`
    #[serde(rename = "<=")]
    AtMost,
    /// `=`
    #[serde(rename = "=")]
    Equal,
    /// `<>`
    #[serde(rename = "<>")]
    Differs,
    /// `>=`
    #[serde(rename = ">=")]
    AtLeast,
    /// `>`
    #[serde(rename = ">")]
    Greater,
}

impl Operator {
    /// The sign, the same in rules and SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Equal => "=",
            Self::Differs => "<>",
            Self::AtLeast => ">=",
            Self::Greater => ">",
        }
    }

    /// The one that holds where this one does not.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Less => Self::AtLeast,
            Self::AtMost => Self::Greater,
            Self::Equal => Self::Differs,
            Self::Differs => Self::Equal,
            Self::AtLeast => Self::Less,
            Self::Greater => Self::AtMost,
        }
    }
}

/// The state of a feed that fails a rule, and every worse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worst(pub Freshness);

impl Default for Worst {
    fn default() -> Self {
        Self(Freshness::Late)
    }
}

impl Serialize for Worst {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for Worst {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let state = [Freshness::Late, Freshness::Stale, Freshness::Missing].into_iter().find(|state| state.as_str() == word);
        state.map(Self).ok_or_else(|| D::Error::unknown_variant(&word, &["late", "stale", "missing"]))
    }
}

/// Codes of `silver/rejected`, never none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reasons(Vec<ReasonCode>);

impl std::ops::Deref for Reasons {
    type Target = [ReasonCode];

    fn deref(&self) -> &[ReasonCode] {
        &self.0
    }
}

impl Serialize for Reasons {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|code| code.as_str()))
    }
}

impl<'de> Deserialize<'de> for Reasons {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Names::deserialize(deserializer)?;
        let code = |word: &String| {
            let known = ReasonCode::ALL.iter().copied().find(|code| code.as_str() == word);
            known.ok_or_else(|| D::Error::invalid_value(Unexpected::Str(word), &"a reason code, see docs/tables.md"))
        };
        words.iter().map(code).collect::<Result<_, _>>().map(Self)
    }
}

fn wrong<E: Error>(value: &toml::Value, expected: &str) -> E {
    E::custom(format!("invalid value: `{value}`, expected {expected}"))
}
