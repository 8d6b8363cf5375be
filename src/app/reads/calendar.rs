//! What came of each utility, month by month, and what is expected?

use std::collections::{BTreeMap, BTreeSet};

use super::{QueryError, repeats, rows};
use crate::config::{Settings, UtilityAdapter};
use crate::lake::Lake;
use crate::model::{Freshness, Month, freshness};
use crate::pipeline::tables;

/// What became of a utility's month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arrival {
    /// Before the utility's first month, or not due yet.
    NotDue,
    /// Due on a day to come.
    Expected,
    /// All datasets are loaded, or came with the content of an earlier month.
    Loaded,
    /// Some datasets are.
    Partial,
    /// Past the due day.
    Late,
    /// Past the days of grace.
    Stale,
    /// A file was refused, and nothing else came in its place.
    Refused,
}

impl Arrival {
    /// The word shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotDue => "",
            Self::Expected => "expected",
            Self::Loaded => "loaded",
            Self::Partial => "partial",
            Self::Late => "late",
            Self::Stale => "stale",
            Self::Refused => "refused",
        }
    }
}

/// A utility's month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UtilityMonth {
    /// What became of it.
    pub delivery: Arrival,
    /// Datasets that are loaded, of those that the adapter names.
    pub loaded: Vec<String>,
    /// Datasets that are expected.
    pub expected: Vec<String>,
    /// Those of them of which nothing came.
    pub missing: Vec<String>,
    /// Files that were refused and not replaced.
    pub refused: Vec<String>,
    /// Whether a file came again with other content and took the place of an earlier one.
    pub redelivered: bool,
    /// Whether a file came again with the same content.
    pub repeated: bool,
}

/// All utilities' months.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calendar {
    /// The months, oldest first; the last is the one that is expected next.
    pub months: Vec<Month>,
    /// A line for each utility, a day for each month.
    pub utilities: Vec<(String, Vec<UtilityMonth>)>,
}

impl Calendar {
    /// Datasets of which nothing came for a month, by utility.
    pub fn missing(&self, month: Month) -> BTreeMap<String, BTreeSet<String>> {
        let Some(at) = self.months.iter().position(|other| *other == month) else { return BTreeMap::new() };
        let of_utility = |(utility, days): &(String, Vec<UtilityMonth>)| {
            (utility.clone(), days.get(at).map(|day| day.missing.iter().cloned().collect()).unwrap_or_default())
        };
        self.utilities.iter().map(of_utility).collect()
    }
}

/// The calendar from the first delivered month to the one after today's.
///
/// # Errors
/// A table cannot be read.
pub fn calendar(lake: &Lake, settings: &Settings) -> Result<Calendar, QueryError> {
    let loaded = rows(lake, &tables::DATA_QUALITY_SUMMARY, "SELECT utility_id, dataset, delivery_month FROM t")?;
    let runs = rows(
        lake,
        &tables::RUNS,
        "SELECT utility_id, dataset, delivery_month, source_file, outcome FROM t WHERE source_file IS NOT NULL ORDER BY started_at, source_file",
    )?;
    let mut notes = Notes::default();
    for row in 0..loaded.height() {
        let text = |column: &str| loaded.text(column, row).unwrap_or_default();
        if let Some(month) = Month::parse(&text("delivery_month")) {
            notes.loaded.entry((text("utility_id"), month)).or_default().insert(text("dataset"));
        }
    }
    for row in 0..runs.height() {
        let text = |column: &str| runs.text(column, row).unwrap_or_default();
        let Some(month) = Month::parse(&text("delivery_month")) else { continue };
        let key = (text("utility_id"), month);
        match text("outcome").as_str() {
            "refused" => {
                notes.refused.entry(key).or_default().insert(text("source_file"));
            }
            "loaded" => {
                notes.refused.entry(key).or_default().remove(&text("source_file"));
            }
            "superseded" => {
                notes.refused.entry(key.clone()).or_default().remove(&text("source_file"));
                notes.redelivered.insert(key);
            }
            _ => {}
        }
    }
    for ((utility, dataset), months) in repeats::standing(lake, settings)? {
        for month in months {
            notes.repeated.entry((utility.clone(), month)).or_default().insert(dataset.to_string());
        }
    }
    let Some(first) = notes.loaded.keys().chain(notes.refused.keys()).map(|(_, month)| *month).min() else {
        return Ok(Calendar::default());
    };
    let newest = notes.loaded.keys().map(|(_, month)| *month).max().unwrap_or(first);
    let last = settings.today.month().min(newest.next()).max(newest);
    let months: Vec<Month> =
        std::iter::successors(Some(first), |month| Some(month.next())).take_while(|month| *month <= last).collect();
    let line = |adapter: &UtilityAdapter| {
        (adapter.id.to_string(), months.iter().map(|month| notes.day(adapter, *month, settings.today)).collect())
    };
    Ok(Calendar { utilities: settings.utilities.iter().map(line).collect(), months })
}

type UtilityMonthKey = (String, Month);

#[derive(Default)]
struct Notes {
    loaded: BTreeMap<UtilityMonthKey, BTreeSet<String>>,
    refused: BTreeMap<UtilityMonthKey, BTreeSet<String>>,
    redelivered: BTreeSet<UtilityMonthKey>,
    repeated: BTreeMap<UtilityMonthKey, BTreeSet<String>>,
}

impl Notes {
    fn day(&self, adapter: &UtilityAdapter, month: Month, today: crate::model::Day) -> UtilityMonth {
        let key = (adapter.id.to_string(), month);
        let expected: Vec<String> = adapter.datasets.iter().map(|dataset| dataset.dataset.to_string()).collect();
        let loaded: Vec<String> = self.loaded.get(&key).into_iter().flatten().cloned().collect();
        let refused: Vec<String> = self.refused.get(&key).into_iter().flatten().cloned().collect();
        let first = self.loaded.keys().filter(|(utility, _)| *utility == key.0).map(|(_, month)| *month).min();
        let repeated = self.repeated.get(&key);
        // The same content again is a delivery too: the utility says that nothing changed.
        let all: BTreeSet<&String> = loaded.iter().chain(repeated.into_iter().flatten()).collect();
        let missing: Vec<String> = expected.iter().filter(|dataset| !all.contains(dataset)).cloned().collect();
        let came = all.len();
        let delivery = if came > 0 && came >= expected.len() {
            Arrival::Loaded
        } else if !refused.is_empty() && came == 0 {
            Arrival::Refused
        } else if came > 0 {
            Arrival::Partial
        } else if first.is_none_or(|first| month < first) {
            Arrival::NotDue
        } else {
            match freshness(Some(month.previous()), today, adapter.schedule) {
                Freshness::Fresh => Arrival::Expected,
                Freshness::Late => Arrival::Late,
                Freshness::Stale | Freshness::Missing => Arrival::Stale,
            }
        };
        UtilityMonth {
            delivery,
            missing,
            loaded,
            expected,
            refused,
            redelivered: self.redelivered.contains(&key),
            repeated: repeated.is_some(),
        }
    }
}
