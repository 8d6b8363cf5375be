//! Answers of the background jobs → what the panes show.
//!
//! An answer to an older question is dropped, and so is one about something that is no longer in front.

use super::drill::SourceView;
use super::jobs::{Job, Loaded};
use super::reads::trace::RecordFilter;
use super::{App, Browser, Deliveries, Load, Missing, Months, Refresh, Rejected, Remote, Rules};
use crate::model::Timestamp;

impl App {
    /// Takes an answer; what it leads to must be done in the background.
    pub(super) fn read(&mut self, generation: u64, loaded: Result<Loaded, String>, read_at: Timestamp, job: &Job) -> Vec<Job> {
        if generation < self.generation {
            return Vec::new();
        }
        match loaded {
            Ok(Loaded::Refresh(mut fresh)) => {
                keep(&self.refresh, &mut fresh, Refresh::keep);
                self.refresh = Remote::Ready { value: fresh, read_at };
            }
            Ok(Loaded::Missing(mut fresh)) => {
                keep(&self.missing, &mut *fresh, Missing::keep);
                self.missing = Remote::Ready { value: *fresh, read_at };
                return self.profile();
            }
            Ok(Loaded::Profile(found)) => {
                let (of, profile) = *found;
                if let Some(missing) = self.missing.ready_mut().filter(|missing| missing.profile_of.as_ref() == Some(&of)) {
                    missing.profile = Remote::Ready { value: profile, read_at };
                }
            }
            Ok(Loaded::Months(mut fresh)) => {
                keep(&self.months, &mut fresh, Months::keep);
                self.months = Remote::Ready { value: fresh, read_at };
                return self.compare();
            }
            Ok(Loaded::Compared(found)) => {
                let (pair, compared) = *found;
                if let Some(months) = self.months.ready_mut().filter(|months| months.pair.as_ref() == Some(&pair)) {
                    months.compared = Remote::Ready { value: compared, read_at };
                }
            }
            Ok(Loaded::Feeders(feeders)) => {
                let mut fresh = Browser::new(feeders);
                keep(&self.browser, &mut fresh, Browser::keep);
                self.browser = Remote::Ready { value: fresh, read_at };
                return self.ders();
            }
            Ok(Loaded::Ders { utility, feeder, rows }) => {
                if let Some(browser) = self.browser.ready_mut()
                    && browser.ders_of == Some((utility, feeder))
                {
                    browser.ders = Remote::Ready { value: rows, read_at };
                }
            }
            Ok(Loaded::Rules(mut fresh)) => {
                keep(&self.rules, &mut *fresh, Rules::keep);
                self.rules = Remote::Ready { value: *fresh, read_at };
            }
            Ok(Loaded::Deliveries(mut fresh)) => {
                keep(&self.deliveries, &mut *fresh, Deliveries::keep);
                self.deliveries = Remote::Ready { value: *fresh, read_at };
            }
            Ok(Loaded::Rejected(mut fresh)) => {
                keep(&self.rejected, &mut fresh, Rejected::keep);
                self.rejected = Remote::Ready { value: fresh, read_at };
            }
            Ok(Loaded::Records(metric, rows)) => {
                if let Some(drill) = self.drill.as_mut().filter(|drill| drill.metric == *metric) {
                    drill.rows = Remote::Ready { value: rows, read_at };
                    drill.rows(0);
                }
            }
            Ok(Loaded::Source(wanted, records)) => {
                if let Some(source) = self.source_of(&wanted) {
                    source.records = Remote::Ready { value: records, read_at };
                }
            }
            Err(reason) => self.failed(job, &reason),
        }
        Vec::new()
    }

    /// The open source, if it is that of the record: somebody may have gone on to another.
    fn source_of(&mut self, wanted: &RecordFilter) -> Option<&mut SourceView> {
        self.drill.as_mut()?.source.as_mut().filter(|source| source.wanted.as_ref() == Some(wanted))
    }

    fn failed(&mut self, job: &Job, reason: &str) {
        let reason = reason.to_owned();
        match job {
            Job::Refresh { .. } => self.refresh = Remote::Failed { reason },
            Job::Missing { .. } => self.missing = Remote::Failed { reason },
            Job::Months { .. } => self.months = Remote::Failed { reason },
            Job::Feeders { .. } => self.browser = Remote::Failed { reason },
            Job::Ders { .. } => {
                if let Some(browser) = self.browser.ready_mut() {
                    browser.ders = Remote::Failed { reason };
                }
            }
            Job::Profile { of, .. } => {
                if let Some(missing) = self.missing.ready_mut().filter(|missing| missing.profile_of.as_ref() == Some(of)) {
                    missing.profile = Remote::Failed { reason };
                }
            }
            Job::Compare { pair, .. } => {
                if let Some(months) = self.months.ready_mut().filter(|months| months.pair.as_ref() == Some(pair)) {
                    months.compared = Remote::Failed { reason };
                }
            }
            Job::Rules { .. } => self.rules = Remote::Failed { reason },
            Job::Deliveries { .. } => self.deliveries = Remote::Failed { reason },
            Job::Rejected { .. } => self.rejected = Remote::Failed { reason },
            Job::Records { metric, .. } => {
                if let Some(drill) = self.drill.as_mut().filter(|drill| drill.metric == *metric) {
                    drill.rows = Remote::Failed { reason };
                }
            }
            Job::Source { record, .. } => {
                if let Some(source) = self.source_of(record) {
                    source.records = Remote::Failed { reason };
                }
            }
            Job::Acknowledge { .. } | Job::Run | Job::Stop => self.load = Load::Failed(reason),
        }
    }
}

/// New rows come in under the user's selection.
fn keep<T>(old: &Remote<T>, fresh: &mut T, keep: impl Fn(&mut T, &T)) {
    if let Some(old) = old.ready() {
        keep(fresh, old);
    }
}
