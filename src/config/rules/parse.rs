//! TOML table → [`Rule`], with messages that name the wrong setting and the nearest right one.

use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use strum::VariantNames;

use super::setting::{Names, Share};
use super::{Check, Rule, Subject, Threshold};
use crate::config::file::did_you_mean;
use crate::model::{Severity, UtilityId};

/// What is wrong, and the word in the file that it is about.
pub(super) struct Wrong {
    pub(super) word: String,
    pub(super) message: String,
}

fn wrong(word: &str, message: impl Into<String>) -> Wrong {
    Wrong { word: word.to_owned(), message: message.into() }
}

/// What every rule has, whatever its kind.
#[derive(Deserialize)]
struct Common {
    description: Option<String>,
    severity: Option<String>,
    threshold: Option<toml::Value>,
    on: Option<Names>,
    utility: Option<String>,
    #[serde(rename = "where")]
    filter: Option<String>,
    show: Option<String>,
    owner: Option<String>,
    next_step: Option<String>,
    enabled: Option<bool>,
}

/// The settings in [`Common`].
const COMMON: [&str; 10] =
    ["description", "severity", "threshold", "on", "utility", "where", "show", "owner", "next_step", "enabled"];

/// Reads one rule; `None` when it is switched off.
pub(super) fn rule(id: &str, table: &toml::Table, origin: Option<PathBuf>) -> Result<Option<Rule>, Wrong> {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !id.chars().all(is_word) || id.is_empty() {
        return Err(wrong(id, "a rule's name has lower-case letters, digits and `-`"));
    }
    let (common, own): (toml::Table, toml::Table) =
        table.clone().into_iter().partition(|(key, _)| COMMON.contains(&key.as_str()));
    let Common { description, severity, threshold: most, on, utility, filter, show, owner, next_step, enabled } =
        read(id, &common)?;
    if enabled == Some(false) {
        return Ok(None);
    }
    let severity = chosen("severity", severity.as_deref().unwrap_or("warning"), &Severity::ALL.map(|s| (s.as_str(), s)))?;
    let Some(words) = on else {
        return Err(wrong(id, "`on` is missing: `circuits`, `install_der`, `planned_der`, `feeders` or `ders`"));
    };
    let names = Subject::ALL.map(|subject| (subject.as_str(), subject));
    let on: Vec<Subject> = words.iter().map(|word| chosen("on", word, &names)).collect::<Result<_, _>>()?;
    let utility = utility
        .as_deref()
        .map(|name| UtilityId::parse(name).ok_or_else(|| wrong("utility", format!("`{name}` is no utility id"))))
        .transpose()?;
    Ok(Some(Rule {
        id: id.to_owned(),
        description: description.ok_or_else(|| wrong(id, "`description` is missing: what must hold"))?,
        severity,
        threshold: threshold(most.as_ref())?,
        on,
        utility,
        filter,
        show,
        owner: owner.unwrap_or_else(|| "data steward".into()),
        next_step: next_step.ok_or_else(|| wrong(id, "`next_step` is missing: what whoever is on call does"))?,
        check: check(id, &own)?,
        origin,
    }))
}

/// The kind and its settings.
fn check(id: &str, own: &toml::Table) -> Result<Check, Wrong> {
    let Some(kind) = own.get("kind") else { return Err(wrong(id, "`kind` is missing: what is asked")) };
    let word = kind.as_str().unwrap_or_default();
    // A table of the kind alone is wrong in what it lacks only, if the kind is known.
    let alone = toml::Table::from_iter([("kind".to_owned(), kind.clone())]);
    if let Err(wrong_kind) = read::<Check>(id, &alone)
        && wrong_kind.message.starts_with("unknown variant")
    {
        return Err(wrong("kind", format!("`kind` is `{word}`{}", did_you_mean(word, Check::VARIANTS.iter().copied()))));
    }
    let check: Check = read(id, own).map_err(|problem| of_kind(id, word, problem))?;
    match check.problem() {
        Some(problem) => Err(wrong(id, problem)),
        None => Ok(check),
    }
}

/// The same problem in the words of the kind.
fn of_kind(id: &str, kind: &str, problem: Wrong) -> Wrong {
    match problem.message.strip_prefix("missing field ") {
        Some(field) => wrong(id, format!("a rule of kind `{kind}` needs {field}")),
        None => Wrong { message: format!("a rule of kind `{kind}`: {}", problem.message), ..problem },
    }
}

/// Reads a table; what is wrong names the setting that it is about.
fn read<T: DeserializeOwned>(id: &str, table: &toml::Table) -> Result<T, Wrong> {
    let read = |table: &toml::Table| toml::Value::Table(table.clone()).try_into::<T>();
    read(table).map_err(|error| {
        let message = error.message().trim().replace('\n', " ");
        // Without the setting that is wrong the same is no longer said.
        let is_about = |key: &&String| {
            let rest: toml::Table = table.iter().filter(|(other, _)| other != key).map(|(k, v)| (k.clone(), v.clone())).collect();
            read(&rest).err().is_none_or(|other| other.message() != error.message())
        };
        let word = table.keys().filter(|key| *key != "kind").find(is_about).cloned().unwrap_or_else(|| id.to_owned());
        Wrong { word, message }
    })
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
        Some(toml::Value::String(text)) => {
            Share::parse(text).map(|share| Threshold::Share(share.0)).ok_or_else(|| wrong("threshold", message))
        }
        Some(_) => Err(wrong("threshold", message)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use strum::VariantNames;

    use super::super::setting::Portion;
    use super::super::{Check, RuleSet, Threshold};

    fn rules(own: &str) -> (RuleSet, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("own.toml"), own).unwrap();
        let (rules, problems) = RuleSet::load(folder.path());
        let said =
            |problem: &crate::config::file::Problem| problem.to_string().replace(&folder.path().display().to_string(), "rules");
        (rules, problems.iter().map(said).collect())
    }

    fn one(settings: &str) -> (RuleSet, Vec<String>) {
        rules(&format!("[own]\ndescription = \"x\"\non = \"ders\"\nnext_step = \"y\"\n{settings}"))
    }

    #[test]
    fn built_in_rules_are_complete() {
        let (rules, problems) = RuleSet::load(Path::new("/nowhere"));
        assert_eq!((rules.rules.len(), problems), (53, Vec::new()));
    }

    #[test]
    fn setting_of_a_built_in_rule_is_changed_by_naming_it() {
        let (rules, problems) = rules("[capacity-stable]\nthreshold = \"20%\"\n\n[feeder-reference-present]\nenabled = false\n");
        assert_eq!(problems, Vec::<String>::new());
        let stable = rules.rule("capacity-stable").unwrap();
        assert_eq!((stable.threshold, stable.kind()), (Threshold::Share(0.2), "change"));
        assert!(stable.origin.is_some() && rules.rule("feeder-reference-present").is_none());
    }

    #[test]
    fn wrong_words_are_answered_with_line_and_nearest_and_the_rest_holds() {
        let (rules, problems) = rules(
            "[capacity-stable]\nmost = 50\n\n[own]\ndescription = \"x\"\non = \"feeder\"\nkind = \"vanished\"\nnext_step = \"y\"\n\n[other]\ndescription = \"x\"\non = \"ders\"\nkind = \"not-nul\"\nnext_step = \"y\"\n\n[key-unique]\nsevrity = \"info\"\n",
        );
        assert_eq!(
            problems,
            [
                "`rules/own.toml`, line 2: rule `capacity-stable`: a rule of kind `change`: invalid value: `50`, expected a share such as \"50%\"",
                "`rules/own.toml`, line 6: rule `own`: `on` is `feeder`; did you mean `feeders`?",
                "`rules/own.toml`, line 13: rule `other`: `kind` is `not-nul`; did you mean `not-null`?",
                "`rules/own.toml`, line 17: rule `key-unique`: a rule of kind `rejected`: unknown field `sevrity`, expected `reasons`",
            ]
        );
        assert_eq!(rules.rule("capacity-stable").unwrap().threshold, Threshold::Share(0.05));
    }

    #[test]
    fn edit_is_tried_on_a_copy() {
        let (rules, _) = RuleSet::load(Path::new("/nowhere"));
        let (edited, id) = rules.with_edit("capacity-stable.threshold=1%").unwrap();
        assert_eq!((id.as_str(), edited.rule(&id).unwrap().threshold), ("capacity-stable", Threshold::Share(0.01)));
        assert_eq!(rules.rule(&id).unwrap().threshold, Threshold::Share(0.05));
        assert_eq!(edited.with_edit("capacity-stable.threshold=3").unwrap().0.rule(&id).unwrap().threshold, Threshold::Count(3));
        let wrong = |edit: &str| rules.with_edit(edit).unwrap_err();
        assert_eq!(wrong("capacity-stabel.threshold=1%"), "there is no rule `capacity-stabel`; did you mean `capacity-stable`?");
        assert!(
            wrong("capacity-stable.treshold=1").contains("unknown field `treshold`"),
            "{}",
            wrong("capacity-stable.treshold=1")
        );
    }

    #[test]
    fn settings_are_those_of_the_kind_and_of_their_type() {
        for (settings, problem) in [
            (
                "kind = \"ledger\"\ncolumn = \"x\"\n",
                "line 6: rule `own`: a rule of kind `ledger`: unknown field `column`, there are no fields",
            ),
            (
                "kind = \"range\"\ncolumn = \"x\"\nleast = 1\nmost = \"50%\"\n",
                "line 8: rule `own`: a rule of kind `range`: invalid type: string \"50%\", expected f64",
            ),
            ("kind = \"range\"\ncolumn = \"x\"\n", "line 1: rule `own`: a rule of kind `range` needs `least` or `most`"),
            (
                "kind = \"distinct-share\"\ncolumn = \"x\"\n",
                "line 1: rule `own`: a rule of kind `distinct-share` needs `least` or `most`",
            ),
            (
                "kind = \"distinct-share\"\ncolumn = \"x\"\nmost = 50\n",
                "line 7: rule `own`: a rule of kind `distinct-share`: invalid value: `50`, expected a part of the whole, from 0 to 1 or from \"0%\" to \"100%\"",
            ),
            (
                "kind = \"not-null\"\ncolumns = []\n",
                "line 6: rule `own`: a rule of kind `not-null`: invalid length 0, expected a name or a list of names",
            ),
            (
                "kind = \"unit-shift\"\ncolumn = \"x\"\nfactor = 1\n",
                "line 7: rule `own`: a rule of kind `unit-shift`: invalid value: floating point `1.0`, expected a number above 1",
            ),
            (
                "kind = \"freshness\"\nworst = \"old\"\n",
                "line 6: rule `own`: a rule of kind `freshness`: unknown variant `old`, expected one of `late`, `stale`, `missing`",
            ),
            (
                "kind = \"reference\"\ncolumn = \"x\"\nto = \"feeder.id\"\n",
                "line 7: rule `own`: a rule of kind `reference`: invalid value: string \"feeder.id\", expected a column of a subject such as `feeders.feeder_id`",
            ),
            (
                "kind = \"rejected\"\nreasons = \"none\"\n",
                "line 6: rule `own`: a rule of kind `rejected`: invalid value: string \"none\", expected a reason code, see docs/tables.md",
            ),
            (
                "kind = \"compare\"\nleft = \"x\"\noperator = \"<\"\n",
                "line 1: rule `own`: a rule of kind `compare` needs `right`",
            ),
        ] {
            let (rules, problems) = one(settings);
            assert_eq!(problems, [format!("`rules/own.toml`, {problem}")]);
            assert!(rules.rule("own").is_none());
        }
    }

    #[test]
    fn share_of_distinct_values_is_a_number_or_a_percentage() {
        for most in ["0.5", "\"50%\""] {
            let (rules, problems) = one(&format!("kind = \"distinct-share\"\ncolumn = \"x\"\nmost = {most}\n"));
            assert_eq!(problems, Vec::<String>::new());
            let check = &rules.rule("own").unwrap().check;
            assert_eq!(*check, Check::DistinctShare { column: "x".into(), least: None, most: Some(Portion(0.5)) });
        }
    }

    #[test]
    fn kinds_by_their_earlier_names_are_the_same_rules() {
        let definition =
            |kind: &str| one(&format!("kind = \"{kind}\"\ncolumn = \"x\"\nfactor = 10.0\n")).0.rule("own").unwrap().definition();
        assert_eq!(definition("slip"), definition("unit-shift"));
        assert_eq!(definition("median-slip"), definition("median-unit-shift"));
    }

    /// Stored fingerprints are made from these texts: another text asks every rule of every lake again.
    #[test]
    fn definitions_of_the_built_in_rules_are_as_stored() {
        let (rules, _) = RuleSet::load(Path::new("/nowhere"));
        let texts: Vec<String> = rules.rules.iter().map(|rule| format!("[{}]\n{}", rule.id, rule.definition())).collect();
        insta::assert_snapshot!("definitions", texts.join("\n"));
    }

    #[test]
    fn every_kind_is_described_in_the_docs() {
        let docs = include_str!("../../../docs/rules.md");
        let (_, table) = docs.split_once("| kind | settings |").unwrap();
        let rows = table.split_once("\n\n").unwrap().0;
        let described: Vec<&str> = rows.lines().skip(2).filter_map(|line| line.split('`').nth(1)).collect();
        assert_eq!(described.iter().collect::<BTreeSet<_>>(), Check::VARIANTS.iter().collect::<BTreeSet<_>>());
    }
}
