//! What is remembered from one start of the console to the next: pane, scope, and each list's order, filter and columns.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::table::Kept;
use super::update::App;
use crate::config::Settings;
use crate::model::{Dataset, Month};

#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
struct State {
    pane: String,
    month: Option<String>,
    utility: Option<String>,
    dataset: Option<String>,
    lists: BTreeMap<String, Kept>,
}

/// The file that it is kept in, one for each environment.
pub fn file(settings: &Settings) -> PathBuf {
    settings.paths.data.join(format!("console-{}.toml", settings.env))
}

impl App {
    /// As it was left; what cannot be read, or is no longer there, is as at the first start.
    pub fn restore(&mut self, file: &Path) {
        let Some(state) = std::fs::read_to_string(file).ok().and_then(|text| toml::from_str::<State>(&text).ok()) else { return };
        self.front = self.panes.iter().position(|pane| pane.id() == state.pane).unwrap_or(0);
        let utilities = &self.world.settings.utilities;
        let is_known = |utility: &String| utilities.iter().any(|adapter| adapter.id.as_str() == utility);
        self.world.scope.utility = state.utility.filter(is_known);
        self.world.scope.dataset = state.dataset.as_deref().and_then(Dataset::parse);
        self.world.scope.month = state.month.as_deref().and_then(Month::parse);
        for table in self.panes.iter_mut().flat_map(|pane| pane.tables_mut()) {
            if let Some(kept) = state.lists.get(table.name) {
                table.restore(kept.clone());
            }
        }
    }

    /// Keeps it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep(&mut self, file: &Path) -> std::io::Result<()> {
        let scope = &self.world.scope;
        let mut state = State {
            pane: self.panes[self.front].id().to_owned(),
            month: scope.month.map(|month| month.to_string()),
            utility: scope.utility.clone(),
            dataset: scope.dataset.map(|dataset| dataset.to_string()),
            lists: BTreeMap::new(),
        };
        for table in self.panes.iter_mut().flat_map(|pane| pane.tables_mut()) {
            state.lists.insert(table.name.to_owned(), table.kept());
        }
        let text = toml::to_string(&state).map_err(std::io::Error::other)?;
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(file, text)
    }
}
