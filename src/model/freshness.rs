//! When a delivery is late.

use super::{Day, Month};

/// How well a feed keeps its rhythm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Freshness {
    /// Every month that is due has come.
    Fresh,
    /// A month is past its day.
    Late,
    /// A month is more than the grace past its day.
    Stale,
    /// No month ever came.
    Missing,
}

impl Freshness {
    /// The word shown and stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Late => "late",
            Self::Stale => "stale",
            Self::Missing => "missing",
        }
    }

    /// The state of that name.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Fresh, Self::Late, Self::Stale, Self::Missing].into_iter().find(|state| state.as_str() == word)
    }

    /// A sign that carries the state without colour.
    pub const fn glyph(self) -> &'static str {
        match self {
            Self::Fresh => "●",
            Self::Late => "▲",
            Self::Stale => "■",
            Self::Missing => "○",
        }
    }
}

/// When a month's delivery is expected and when its absence becomes serious.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// The day of the month by which that month's files are expected.
    pub due_day: u8,
    /// Days after the due day until a late delivery is stale.
    pub grace_days: u16,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { due_day: 10, grace_days: 20 }
    }
}

/// The state of a feed whose newest delivered month is `newest`, seen on `today`.
///
/// The month that is expected is the one after the newest; its due day decides.
pub fn freshness(newest: Option<Month>, today: Day, schedule: Schedule) -> Freshness {
    let Some(newest) = newest else { return Freshness::Missing };
    let overdue = today.days_since(newest.next().day(schedule.due_day));
    if overdue <= 0 {
        Freshness::Fresh
    } else if overdue <= i32::from(schedule.grace_days) {
        Freshness::Late
    } else {
        Freshness::Stale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(today: &str) -> Freshness {
        freshness(Month::parse("2022-10"), Day::parse(today).unwrap(), Schedule::default())
    }

    #[test]
    fn feed_turns_late_after_the_due_day_and_stale_after_the_grace() {
        assert_eq!(state("2022-10-20"), Freshness::Fresh);
        assert_eq!(state("2022-11-10"), Freshness::Fresh);
        assert_eq!(state("2022-11-11"), Freshness::Late);
        assert_eq!(state("2022-11-30"), Freshness::Late);
        assert_eq!(state("2022-12-01"), Freshness::Stale);
    }

    #[test]
    fn feed_without_any_month_is_missing() {
        assert_eq!(freshness(None, Day::from_epoch_days(0), Schedule::default()), Freshness::Missing);
    }
}
