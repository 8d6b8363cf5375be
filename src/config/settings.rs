//! The settings of one start of the program: defaults < `config.toml` < `FEEDERSCOPE_*` < arguments.

use std::path::PathBuf;
use std::time::Duration;

use super::adapter::{self, UtilityAdapter};
use super::file::{ConfigFile, Problem, did_you_mean};
use super::paths::Paths;
use super::rules::RuleSet;
use crate::model::{Day, Environment};

/// What arguments, or the environment variables that stand for them, say; `None` where they are silent.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Read this file instead of `<config dir>/feederscope/config.toml`.
    pub config: Option<PathBuf>,
    /// Folder of the Delta tables.
    pub lake: Option<PathBuf>,
    /// Folder that files arrive in.
    pub landing: Option<PathBuf>,
    /// Environment of the lake.
    pub env: Option<Environment>,
    /// Name of a theme.
    pub theme: Option<String>,
    /// The day that ages are counted to, instead of the clock's.
    pub today: Option<Day>,
    /// The account that decisions are made under.
    pub account: Option<String>,
}

/// Everything decided, once, before anything starts.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Folder of the Delta tables.
    pub lake: PathBuf,
    /// Folder that files arrive in.
    pub landing: PathBuf,
    /// Environment of the lake.
    pub env: Environment,
    /// Name of a theme.
    pub theme: String,
    /// The day that ages are counted to.
    pub today: Day,
    /// The account that decisions are made under.
    pub account: String,
    /// Share of bad records, from 0 to 1, above which a file is refused.
    pub max_bad_share: f64,
    /// How long a file must stand still before it counts as complete.
    pub settle: Duration,
    /// Time between two looks at a landing folder that cannot be watched.
    pub poll: Duration,
    /// Days for which files of earlier versions of the tables are kept.
    pub keep_days: u32,
    /// The utilities, by name.
    pub utilities: Vec<UtilityAdapter>,
    /// What must hold of the data.
    pub rules: RuleSet,
    /// The user's folders.
    pub paths: Paths,
    /// What was wrong in the files of configuration; the console shows it, the commands stop at it.
    pub problems: Vec<Problem>,
}

impl Settings {
    /// Merges all sources. `clock` is the day that counts unless the arguments give one.
    pub fn resolve(overrides: Overrides, paths: Paths, clock: Day) -> Self {
        let config_path = overrides.config.clone().unwrap_or_else(|| paths.config.join("config.toml"));
        let (file, mut problems) = ConfigFile::read(&config_path);
        if overrides.config.is_some() && !config_path.exists() {
            problems.push(Problem { file: config_path.clone(), line: None, message: "there is no such file".into() });
        }
        let (utilities, adapter_problems) = adapter::load(&paths.config.join("utilities"));
        problems.extend(adapter_problems);
        let (rules, rule_problems) = RuleSet::load(&paths.config.join("rules"));
        problems.extend(rule_problems);
        let file_env = file.env.as_deref().map(|name| {
            Environment::parse(name).ok_or_else(|| Problem {
                file: config_path.clone(),
                line: None,
                message: format!("`env` is `{name}`{}", did_you_mean(name, Environment::ALL.iter().map(|env| env.as_str()))),
            })
        });
        let file_env = match file_env {
            Some(Ok(env)) => Some(env),
            Some(Err(problem)) => {
                problems.push(problem);
                None
            }
            None => None,
        };
        let percent = file.max_bad_records.unwrap_or(5.0);
        Self {
            lake: overrides.lake.or(file.lake).unwrap_or_else(|| paths.data.join("lake")),
            landing: overrides.landing.or(file.landing).unwrap_or_else(|| paths.data.join("landing")),
            env: overrides.env.or(file_env).unwrap_or_default(),
            theme: overrides.theme.or(file.theme).unwrap_or_else(|| "auto".into()),
            today: overrides.today.unwrap_or(clock),
            account: overrides.account.unwrap_or_else(|| "unknown".into()),
            max_bad_share: percent / 100.0,
            settle: Duration::from_secs_f64(file.settle_seconds.unwrap_or(2.0)),
            poll: Duration::from_secs_f64(file.poll_seconds.unwrap_or(5.0)),
            keep_days: file.keep_days.unwrap_or(30),
            utilities,
            rules,
            paths,
            problems,
        }
    }

    /// The same some days later.
    #[must_use]
    pub fn later(&self, days: i32) -> Self {
        Self { today: Day::from_epoch_days(self.today.epoch_days() + days), ..self.clone() }
    }

    /// The adapter of a utility.
    pub fn utility(&self, name: &str) -> Option<&UtilityAdapter> {
        self.utilities.iter().find(|utility| utility.id.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_pass_move_today_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths { config: folder.path().to_owned(), data: folder.path().to_owned() };
        let settings = Settings::resolve(Overrides::default(), paths, Day::parse("2022-10-30").unwrap());
        let later = settings.later(3);
        assert_eq!((later.today.to_string(), &later.lake), ("2022-11-02".to_owned(), &settings.lake));
    }
}
