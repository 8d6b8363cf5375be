//! Identifiers: text for ever, never numbers.

use std::fmt;

/// A utility, as named by its adapter: lower-case letters, digits, `-` and `_`, a letter first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UtilityId(String);

impl UtilityId {
    /// Reads an id; `None` if it could not be a folder and a table name everywhere.
    pub fn parse(text: &str) -> Option<Self> {
        let letter_first = text.starts_with(|c: char| c.is_ascii_lowercase());
        let plain = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-');
        (letter_first && plain && text.len() <= 40).then(|| Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UtilityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A feeder, as its utility names it; unique within the utility only. Any text but an empty one, without space around it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FeederId(String);

impl FeederId {
    /// Reads an id as silver does: without the space around it; `None` if nothing is left.
    pub fn parse(text: &str) -> Option<Self> {
        let bare = text.trim();
        (!bare.is_empty()).then(|| Self(bare.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FeederId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// One of the folder-based environments of the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Environment {
    /// Where files are loaded first.
    #[default]
    Dev,
    /// Where a month is tried by its users.
    Qa,
    /// What the application reads.
    Prod,
}

impl Environment {
    /// Every environment, in the order of promotion.
    pub const ALL: [Self; 3] = [Self::Dev, Self::Qa, Self::Prod];

    /// The word used in folders and commands.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Qa => "qa",
            Self::Prod => "prod",
        }
    }

    /// The environment of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|env| env.as_str() == name)
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feeder_id_is_any_text_without_the_space_around_it() {
        assert_eq!(FeederId::parse(" 36_10_12 ").as_ref().map(FeederId::as_str), Some("36_10_12"));
        assert_eq!([FeederId::parse(""), FeederId::parse(" \t")], [None, None]);
    }

    #[test]
    fn utility_id_with_path_or_upper_case_is_refused() {
        for bad in ["", "Utility1", "../x", "1st", "a b", "a/b"] {
            assert_eq!(UtilityId::parse(bad), None, "{bad}");
        }
        assert_eq!(UtilityId::parse("utility_9").map(|id| id.to_string()), Some("utility_9".to_owned()));
    }
}
