//! How fresh is each feed, and how did its last load end?

use super::{QueryError, repeats, rows};
use crate::config::Settings;
use crate::frame::{Column, ColumnType, Frame, Value};
use crate::lake::Lake;
use crate::model::{Dataset, Day, Freshness, Month, Timestamp, freshness};
use crate::pipeline::{parallel, tables};

/// Of each dataset the row of its newest month.
const NEWEST: &str = "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY utility_id, dataset ORDER BY delivery_month DESC) AS place \
    FROM t) AS p WHERE place = 1";

/// Of each dataset how its last load ended.
const LAST: &str = "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY utility_id, dataset ORDER BY started_at DESC, source_file DESC) \
    AS place FROM t WHERE dataset IS NOT NULL) AS p WHERE place = 1";

/// A utility's dataset: its newest delivery and its last load.
#[derive(Debug, Clone, PartialEq)]
pub struct Feed {
    /// The utility.
    pub utility: String,
    /// The dataset.
    pub dataset: Dataset,
    /// The newest month that was loaded.
    pub month: Option<Month>,
    /// When its file arrived.
    pub received_at: Option<Timestamp>,
    /// The newest date that the utility itself states in it.
    pub last_refresh: Option<Day>,
    /// Fresh, late, stale or missing; a month for which the same content came again has come.
    pub freshness: Freshness,
    /// Rows delivered for the month.
    pub rows: u64,
    /// Records rejected in the month.
    pub rejected: u64,
    /// Share of missing cells, from 0 to 1.
    pub missing_rate: Option<f64>,
    /// When it was last tried to load, and with what result.
    pub last_run_at: Option<Timestamp>,
    /// The word of `ops/runs`.
    pub last_result: Option<String>,
    /// What was said about it.
    pub last_detail: Option<String>,
}

impl Feed {
    /// Days from the utility's own refresh date to `today`.
    pub fn refresh_age(&self, today: Day) -> Option<i32> {
        self.last_refresh.map(|day| today.days_since(day))
    }
}

/// Every dataset that an adapter names, in the order of utilities and datasets.
///
/// # Errors
/// A table cannot be read.
pub fn feeds(lake: &Lake, settings: &Settings) -> Result<Vec<Feed>, QueryError> {
    // Reading their logs takes most of the time.
    let mut found =
        parallel::each(&[(&tables::DATA_QUALITY_SUMMARY, NEWEST), (&tables::RUNS, LAST)], |(table, sql)| rows(lake, table, sql))?;
    let (last, newest) = (found.pop().unwrap_or_default(), found.pop().unwrap_or_default());
    let repeated = repeats::standing(lake, settings)?;
    let find = |frame: &Frame, utility: &str, dataset: Dataset| {
        (0..frame.height()).find(|row| {
            frame.text("utility_id", *row).as_deref() == Some(utility)
                && frame.text("dataset", *row).as_deref() == Some(dataset.as_str())
        })
    };
    let mut feeds = Vec::new();
    for adapter in &settings.utilities {
        for dataset in adapter.datasets.iter().map(|dataset| dataset.dataset) {
            let (row, run) = (find(&newest, adapter.id.as_str(), dataset), find(&last, adapter.id.as_str(), dataset));
            let month_in = |frame: &Frame, row: usize| Month::parse(&frame.text("delivery_month", row)?);
            let month = row.and_then(|row| month_in(&newest, row));
            let again = repeated.get(&(adapter.id.to_string(), dataset)).and_then(|months| months.last().copied());
            feeds.push(Feed {
                utility: adapter.id.to_string(),
                dataset,
                month,
                received_at: row.and_then(|row| newest.time("received_at", row)),
                last_refresh: row.and_then(|row| newest.day("last_refresh", row)),
                freshness: freshness(month.max(month.and(again)), settings.today, adapter.schedule),
                rows: row.map_or(0, |row| newest.count("row_count", row)),
                rejected: row.map_or(0, |row| newest.count("rejected_count", row)),
                missing_rate: row.and_then(|row| newest.number("missing_rate", row)),
                last_run_at: run.and_then(|row| last.time("started_at", row)),
                last_result: run.and_then(|row| last.text("outcome", row)),
                last_detail: run.and_then(|row| last.text("detail", row).or_else(|| last.text("reason", row))),
            });
        }
    }
    Ok(feeds)
}

/// The feeds as a table for `status`.
pub fn table(feeds: &[Feed], today: Day) -> (Vec<Column>, Vec<Vec<Value>>) {
    let columns = [
        ("utility_id", ColumnType::Text),
        ("dataset", ColumnType::Text),
        ("delivery_month", ColumnType::Text),
        ("received_at", ColumnType::Time),
        ("last_refresh", ColumnType::Day),
        ("refresh_age_days", ColumnType::Whole),
        ("freshness", ColumnType::Text),
        ("row_count", ColumnType::Whole),
        ("rejected_count", ColumnType::Whole),
        ("missing_rate", ColumnType::Real),
        ("last_run_at", ColumnType::Time),
        ("last_result", ColumnType::Text),
        ("last_detail", ColumnType::Text),
    ];
    let row = |feed: &Feed| {
        vec![
            Value::Text(feed.utility.clone()),
            Value::Text(feed.dataset.to_string()),
            Value::text(feed.month.map(|month| month.to_string())),
            feed.received_at.map_or(Value::Null, Value::Time),
            feed.last_refresh.map_or(Value::Null, Value::Day),
            feed.refresh_age(today).map_or(Value::Null, |days| Value::Whole(days.into())),
            Value::Text(feed.freshness.as_str().into()),
            Value::count(feed.rows),
            Value::count(feed.rejected),
            feed.missing_rate.map_or(Value::Null, Value::Real),
            feed.last_run_at.map_or(Value::Null, Value::Time),
            Value::text(feed.last_result.as_deref()),
            Value::text(feed.last_detail.as_deref()),
        ]
    };
    (columns.map(|(name, kind)| Column::new(name, kind)).to_vec(), feeds.iter().map(row).collect())
}
