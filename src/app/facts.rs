//! What every pane builds on: outcomes of rules, refused files, the calendar, feeds and records of the utilities, read once.

use std::collections::BTreeSet;

use super::jobs::without_frames;
use super::reads::QueryError;
use super::reads::calendar::{self, Calendar};
use super::reads::cases::{self, Case};
use super::reads::checks::{self, Checked, Score};
use super::reads::runs::{self, RefusedFile};
use super::reads::status::{self, Feed};
use super::slot::Reader;
use crate::config::Settings;
use crate::model::{Day, Month};

/// The facts; one that cannot be read takes no other with it.
#[derive(Debug)]
pub struct Facts {
    /// The day that ages are counted to.
    pub today: Day,
    /// The newest outcome of each rule, month, utility and dataset.
    pub outcomes: Result<Vec<Checked>, String>,
    /// Files that stand refused.
    pub refused: Result<Vec<RefusedFile>, String>,
    /// What came of each utility, month by month.
    pub calendar: Result<Calendar, String>,
    /// How fresh each feed is.
    pub feeds: Result<Vec<Feed>, String>,
    /// The utilities' records.
    pub scores: Result<Vec<Score>, String>,
}

fn told<T>(read: Result<T, QueryError>) -> Result<T, String> {
    read.map_err(|error| without_frames(&error.to_string()))
}

impl Facts {
    /// Reads them.
    pub fn read(reader: &Reader<'_>) -> Self {
        let (lake, settings) = (reader.lake, reader.settings);
        let outcomes = told(checks::outcomes(lake, settings));
        let known = outcomes.as_deref().unwrap_or_default();
        Self {
            today: settings.today,
            scores: told(checks::scorecard_of(lake, settings, known)),
            refused: told(runs::standing_refusals(lake, settings)),
            calendar: told(calendar::calendar(lake, settings)),
            feeds: told(status::feeds(lake, settings)),
            outcomes,
        }
    }

    /// The outcomes, as far as they could be read.
    pub fn outcomes(&self) -> &[Checked] {
        self.outcomes.as_deref().unwrap_or_default()
    }

    /// The first reason why something could not be read.
    pub fn failure(&self) -> Option<&str> {
        [
            self.outcomes.as_ref().err(),
            self.refused.as_ref().err(),
            self.calendar.as_ref().err(),
            self.feeds.as_ref().err(),
            self.scores.as_ref().err(),
        ]
        .into_iter()
        .flatten()
        .next()
        .map(String::as_str)
    }

    /// The months that anything is known of, oldest first.
    pub fn months(&self) -> Vec<Month> {
        let checked = self.outcomes().iter().map(|checked| checked.month);
        let refused = self.refused.iter().flatten().map(|file| file.month);
        let newest = checked.clone().chain(refused.clone()).max();
        // The month that is only expected is none that one could look at: where nothing was checked, what came counts.
        let came = self.calendar.iter().flat_map(|calendar| {
            let has_come =
                |at: usize| calendar.utilities.iter().filter_map(move |(_, days)| days.get(at)).any(|day| !day.loaded.is_empty());
            let is_one = move |at: usize, month: Month| newest.map_or_else(|| has_come(at), |newest| month <= newest);
            calendar.months.iter().enumerate().filter(move |(at, month)| is_one(*at, **month)).map(|(_, month)| *month)
        });
        checked.chain(refused).chain(came).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The cases of a month.
    pub fn cases(&self, month: Month, settings: &Settings) -> Vec<Case> {
        let missing = self.calendar.as_ref().map(|calendar| calendar.missing(month)).unwrap_or_default();
        let refused = self.refused.as_deref().unwrap_or_default();
        cases::group(month, self.outcomes(), refused, &missing, &settings.rules)
    }
}
