//! Moments: when a file arrived, a run started, a row was loaded.

use std::fmt;
use std::time::{Duration, SystemTime};

use super::Day;

const MICROS_A_DAY: i64 = 86_400_000_000;

/// A moment in UTC, counted in microseconds since 1970-01-01 as Parquet and Delta count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment that many microseconds after 1970-01-01; negative before it.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The time now.
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// The same, cut to whole milliseconds.
    #[must_use]
    pub const fn whole_millis(self) -> Self {
        Self(self.0 - self.0.rem_euclid(1000))
    }

    /// The day on which it was in UTC.
    pub fn day(self) -> Day {
        // Even the last moment is but 10⁸ days away.
        Day::from_epoch_days(self.0.div_euclid(MICROS_A_DAY) as i32)
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => Self(micros(after)),
            Err(before) => {
                // Cut towards the past, as after 1970.
                let before = before.duration();
                Self(-micros(before) - i64::from(before.subsec_nanos() % 1000 != 0))
            }
        }
    }
}

impl fmt::Display for Timestamp {
    /// `2022-10-15 13:05`, in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.day() < Day::from_ymd(1, 1, 1) || self.day() > Day::from_ymd(9999, 12, 31) {
            return f.pad("unknown");
        }
        let minutes = self.0.rem_euclid(MICROS_A_DAY) / 60_000_000;
        f.pad(&format!("{} {:02}:{:02}", self.day(), minutes / 60, minutes % 60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `date -u -d @SECONDS '+%F %H:%M'`.
    #[test]
    fn text_is_that_of_date_before_and_after_1970() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00"),
            (1_665_839_159, "2022-10-15 13:05"),
            (951_868_799, "2000-02-29 23:59"),
            (-1, "1969-12-31 23:59"),
            (-86_401, "1969-12-30 23:59"),
        ] {
            let at = Timestamp::from_micros(seconds * 1_000_000);
            assert_eq!(at.to_string(), text);
            assert_eq!(at.day().to_string(), text[..10]);
        }
    }

    #[test]
    fn system_time_is_cut_to_microseconds_towards_the_past() {
        let nanos = Duration::from_nanos;
        assert_eq!(Timestamp::from(SystemTime::UNIX_EPOCH + nanos(1_999)).micros(), 1);
        assert_eq!(Timestamp::from(SystemTime::UNIX_EPOCH - nanos(1_001)).micros(), -2);
        assert_eq!(Timestamp::from(SystemTime::UNIX_EPOCH - nanos(1_000)).micros(), -1);
    }
}
