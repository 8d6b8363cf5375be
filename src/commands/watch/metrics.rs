//! The metrics file: feeds, ages, cases and failures as Prometheus' text format, for its collector of text files.

use std::fmt::Write as _;

use super::health::{Health, State};
use crate::app::reads::status::Feed;
use crate::model::{Day, Freshness};

/// The file's text (<https://prometheus.io/docs/instrumenting/exposition_formats/>). Ages are in days, times in seconds since 1970-01-01.
pub(super) fn text(health: &Health, feeds: &[Feed], failures: u32, today: Day) -> String {
    let mut text = String::new();
    let env = ("environment", health.environment.as_str());
    let mut family = |name: &str, kind: &str, help: &str, samples: Vec<(Vec<(&str, &str)>, i64)>| {
        let _ = writeln!(text, "# HELP feederscope_{name} {help}\n# TYPE feederscope_{name} {kind}");
        for (labels, value) in samples {
            let labels: Vec<String> =
                labels.iter().chain([&env]).map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
            let _ = writeln!(text, "feederscope_{name}{{{}}} {value}", labels.join(","));
        }
    };
    let is_failed = i64::from(health.state == State::Failed);
    family(
        "up",
        "gauge",
        "1 while the service lives, 0 once it has ended",
        vec![(vec![], i64::from(health.state != State::Stopped))],
    );
    family("run_failed", "gauge", "1 while the last run has failed", vec![(vec![], is_failed)]);
    family("runs_failed_in_a_row", "gauge", "runs that failed since one was done", vec![(vec![], i64::from(failures))]);
    family("alive_at_seconds", "gauge", "when the service was alive last", vec![(vec![], health.alive_at)]);
    let stops = |case: &&super::health::Open| case.standing == "stops the month";
    let open = i64::try_from(health.cases.len()).unwrap_or(i64::MAX);
    let stopping = health.cases.values().filter(stops).count() as i64;
    family("cases_open", "gauge", "cases that nobody has acknowledged", vec![(vec![], open)]);
    family("cases_stopping", "gauge", "cases that stop their month", vec![(vec![], stopping)]);
    let of = |feed: &'_ Feed| -> Vec<(&'static str, String)> {
        vec![("utility", feed.utility.clone()), ("dataset", feed.dataset.to_string())]
    };
    let labels: Vec<Vec<(&'static str, String)>> = feeds.iter().map(of).collect();
    let mut of_feeds = |name: &str, help: &str, value: &dyn Fn(&Feed) -> Option<i64>| {
        let samples = feeds.iter().zip(&labels).filter_map(|(feed, labels)| {
            Some((labels.iter().map(|(label, value)| (*label, value.as_str())).collect(), value(feed)?))
        });
        family(name, "gauge", help, samples.collect());
    };
    of_feeds("feed_late", "0 fresh, 1 late, 2 stale, 3 missing", &|feed| {
        Some(match feed.freshness {
            Freshness::Fresh => 0,
            Freshness::Late => 1,
            Freshness::Stale => 2,
            Freshness::Missing => 3,
        })
    });
    of_feeds("feed_rows", "rows of the newest month", &|feed| feed.month.map(|_| i64::try_from(feed.rows).unwrap_or(i64::MAX)));
    of_feeds("feed_rejected", "records rejected in the newest month", &|feed| {
        feed.month.map(|_| i64::try_from(feed.rejected).unwrap_or(i64::MAX))
    });
    of_feeds("feed_refresh_age_days", "days since the date that the utility itself states", &|feed| {
        feed.refresh_age(today).map(i64::from)
    });
    of_feeds("feed_received_at_seconds", "when the newest file arrived", &|feed| {
        feed.received_at.map(|at| at.micros().div_euclid(1_000_000))
    });
    text
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_holds_whatever_a_name_holds() {
        assert_eq!(escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
