//! Where configuration and data live when nobody says otherwise.

use std::path::PathBuf;

/// The user's folders, after the conventions of the operating system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// `<config dir>/feederscope`: `config.toml`, `utilities/*.toml`, `rules/*.toml`, `themes/*.toml`.
    pub config: PathBuf,
    /// `<data dir>/feederscope`: the lake, the landing folder and the log unless they are configured elsewhere.
    pub data: PathBuf,
}

impl Paths {
    /// The folders of this account; below the temporary folder where the system names no home.
    pub fn of_this_account() -> Self {
        if let Some(dirs) = directories::ProjectDirs::from("", "", "feederscope") {
            return Self { config: dirs.config_dir().to_owned(), data: dirs.data_dir().to_owned() };
        }
        let base = std::env::temp_dir().join("feederscope");
        Self { config: base.join("config"), data: base.join("data") }
    }
}
