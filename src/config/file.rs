//! `config.toml`: each key is read for itself, so that one wrong key never costs the rest of the file.

use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

/// The keys of `config.toml`, with what each is for.
pub const KEYS: &[(&str, &str)] = &[
    ("lake", "folder that holds the Delta tables"),
    ("landing", "folder that the utilities' files arrive in"),
    ("env", "`dev`, `qa` or `prod`"),
    ("theme", "name of a theme"),
    ("max_bad_records", "share of bad records, in percent, above which a file is refused"),
    ("settle_seconds", "seconds without a change after which a file counts as complete"),
    ("poll_seconds", "seconds between two looks at a landing folder that cannot be watched"),
    ("keep_days", "days for which files of earlier versions of the tables are kept"),
];

/// Something wrong in a file of configuration: where, what, and the nearest right thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; `None` when the file as a whole is at fault.
    pub line: Option<usize>,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "`{}`, line {line}: {}", self.file.display(), self.message),
            None => write!(f, "`{}`: {}", self.file.display(), self.message),
        }
    }
}

/// The values that a configuration file sets; `None` where it is silent or wrong.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConfigFile {
    /// See [`KEYS`].
    pub lake: Option<PathBuf>,
    /// See [`KEYS`].
    pub landing: Option<PathBuf>,
    /// See [`KEYS`].
    pub env: Option<String>,
    /// See [`KEYS`].
    pub theme: Option<String>,
    /// See [`KEYS`]; percent.
    pub max_bad_records: Option<f64>,
    /// See [`KEYS`].
    pub settle_seconds: Option<f64>,
    /// See [`KEYS`].
    pub poll_seconds: Option<f64>,
    /// See [`KEYS`].
    pub keep_days: Option<u32>,
}

impl ConfigFile {
    /// Reads the file; a missing file is an empty one. Every wrong key is a [`Problem`], the others hold.
    pub fn read(path: &Path) -> (Self, Vec<Problem>) {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => (Self::default(), Vec::new()),
            Err(error) => (
                Self::default(),
                vec![Problem { file: path.to_owned(), line: None, message: format!("cannot be read: {error}") }],
            ),
        }
    }

    fn parse(path: &Path, text: &str) -> (Self, Vec<Problem>) {
        let mut config = Self::default();
        let mut problems = Vec::new();
        let mut problem = |offset: Option<usize>, message: String| {
            problems.push(Problem { file: path.to_owned(), line: offset.map(|at| line_of(text, at)), message });
        };
        let table = match DeTable::parse(text) {
            Ok(table) => table,
            Err(error) => {
                problem(error.span().map(|span| span.start), error.message().to_owned());
                return (config, problems);
            }
        };
        for (key, value) in table.get_ref() {
            if let Err(message) = config.set(key.get_ref(), value.get_ref()) {
                problem(Some(key.span().start), message);
            }
        }
        (config, problems)
    }

    fn set(&mut self, key: &str, value: &DeValue<'_>) -> Result<(), String> {
        match key {
            "lake" => self.lake = Some(path_value(key, value)?),
            "landing" => self.landing = Some(path_value(key, value)?),
            "env" => self.env = Some(string_value(key, value)?),
            "theme" => self.theme = Some(string_value(key, value)?),
            "max_bad_records" => self.max_bad_records = Some(number_value(key, value, 0.0, 100.0)?),
            "settle_seconds" => self.settle_seconds = Some(number_value(key, value, 0.0, 3600.0)?),
            "poll_seconds" => self.poll_seconds = Some(number_value(key, value, 0.1, 3600.0)?),
            "keep_days" => self.keep_days = Some(whole_value(key, value, 1, 36_500)?),
            _ => return Err(format!("unknown key `{key}`{}", did_you_mean(key, KEYS.iter().map(|(name, _)| *name)))),
        }
        Ok(())
    }
}

fn string_value(key: &str, value: &DeValue<'_>) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("`{key}` must be text in quotes"))
}

fn path_value(key: &str, value: &DeValue<'_>) -> Result<PathBuf, String> {
    let text = string_value(key, value)?;
    let home = directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
    Ok(match (text.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(text),
    })
}

fn number_value(key: &str, value: &DeValue<'_>, low: f64, high: f64) -> Result<f64, String> {
    let number = match value {
        DeValue::Integer(integer) => integer.as_str().parse().ok(),
        DeValue::Float(float) => float.as_str().parse().ok(),
        _ => None,
    };
    number.filter(|number| (low..=high).contains(number)).ok_or_else(|| format!("`{key}` must be a number from {low} to {high}"))
}

fn whole_value(key: &str, value: &DeValue<'_>, low: u32, high: u32) -> Result<u32, String> {
    let number = if let DeValue::Integer(integer) = value { integer.as_str().parse().ok() } else { None };
    number
        .filter(|number| (low..=high).contains(number))
        .ok_or_else(|| format!("`{key}` must be a whole number from {low} to {high}"))
}

/// The 1-based line of a byte offset.
pub fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

/// `; did you mean `x`?` for the nearest of the candidates, or all of them if none is near.
pub fn did_you_mean<'a>(wrong: &str, candidates: impl Iterator<Item = &'a str> + Clone) -> String {
    let nearest = candidates
        .clone()
        .map(|name| (strsim::normalized_damerau_levenshtein(wrong, name), name))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((score, name)) if score >= 0.5 => format!("; did you mean `{name}`?"),
        _ => format!("; it must be one of {}", candidates.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_key_names_file_line_and_nearest_and_the_rest_holds() {
        let text = "theme = \"light\"\n\nlanding_dir = \"/x\"\nmax_bad_records = 500\nenv = \"qa\"\nkeep_days = 0.5\n";
        let (config, problems) = ConfigFile::parse(Path::new("c.toml"), text);
        assert_eq!(config.theme.as_deref(), Some("light"));
        assert_eq!(config.env.as_deref(), Some("qa"));
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "`c.toml`, line 3: unknown key `landing_dir`; did you mean `landing`?",
                "`c.toml`, line 4: `max_bad_records` must be a number from 0 to 100",
                "`c.toml`, line 6: `keep_days` must be a whole number from 1 to 36500",
            ]
        );
    }

    #[test]
    fn broken_toml_names_the_line() {
        let (config, problems) = ConfigFile::parse(Path::new("c.toml"), "theme = \"dark\"\nenv = = 3\n");
        assert_eq!(config, ConfigFile::default());
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].line, Some(2));
    }
}
