//! Months and days: the two grains of time that deliveries are counted in. Both are UTC.

use std::fmt;

/// A calendar month, written `YYYY-MM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Month {
    year: i16,
    month: u8,
}

impl Month {
    /// The month of a year from 1900 to 2199; `None` outside.
    pub const fn new(year: i16, month: u8) -> Option<Self> {
        if 1900 <= year && year < 2200 && 1 <= month && month <= 12 { Some(Self { year, month }) } else { None }
    }

    /// Reads exactly `YYYY-MM`.
    pub fn parse(text: &str) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        let digits = |s: &str, n: usize| s.len() == n && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(year, 4) || !digits(month, 2) {
            return None;
        }
        Self::new(year.parse().ok()?, month.parse().ok()?)
    }

    /// The year, AD.
    pub const fn year(self) -> i16 {
        self.year
    }

    /// The month of the year, from 1.
    pub const fn number(self) -> u8 {
        self.month
    }

    /// The month after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        if self.month == 12 { Self { year: self.year + 1, month: 1 } } else { Self { year: self.year, month: self.month + 1 } }
    }

    /// The month before this one.
    #[must_use]
    pub const fn previous(self) -> Self {
        if self.month == 1 { Self { year: self.year - 1, month: 12 } } else { Self { year: self.year, month: self.month - 1 } }
    }

    /// The given day of this month, or the month's last day where it is shorter.
    pub const fn day(self, day: u8) -> Day {
        let first = Day::from_ymd(self.year, self.month, 1);
        let next = self.next();
        let length = Day::from_ymd(next.year, next.month, 1).0 - first.0;
        let day = if day == 0 { 1 } else { day as i32 };
        Day(first.0 + if day > length { length } else { day } - 1)
    }
}

/// The months from one to another, both with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MonthRange {
    /// The first; `None`: all up to the last.
    pub from: Option<Month>,
    /// The last; `None`: all from the first on.
    pub until: Option<Month>,
}

impl MonthRange {
    /// One month.
    pub const fn only(month: Month) -> Self {
        Self { from: Some(month), until: Some(month) }
    }

    /// Whether a month is one of them.
    pub fn holds(self, month: Month) -> bool {
        self.from.is_none_or(|from| month >= from) && self.until.is_none_or(|until| month <= until)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:04}-{:02}", self.year, self.month))
    }
}

/// A calendar day, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(i32);

impl Day {
    /// The day that many days after 1970-01-01, as Parquet and Arrow count them.
    pub const fn from_epoch_days(days: i32) -> Self {
        Self(days)
    }

    /// Days since 1970-01-01.
    pub const fn epoch_days(self) -> i32 {
        self.0
    }

    /// The day of a proleptic Gregorian date (H. Hinnant, "chrono-compatible low-level date algorithms").
    pub const fn from_ymd(year: i16, month: u8, day: u8) -> Self {
        let y = year as i32 - (month <= 2) as i32;
        let era = y.div_euclid(400);
        let year_of_era = y - era * 400;
        let shifted = (month as i32 + 9) % 12;
        let day_of_year = (153 * shifted + 2) / 5 + day as i32 - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Self(era * 146_097 + day_of_era - 719_468)
    }

    /// Reads exactly `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Option<Self> {
        let month = Month::parse(text.get(..7)?)?;
        let rest = text.get(7..)?.strip_prefix('-')?;
        let day: u8 = (rest.len() == 2).then(|| rest.parse().ok()).flatten()?;
        let found = month.day(day);
        (day >= 1 && found.month_and_day() == (month, day)).then_some(found)
    }

    /// The month that the day lies in.
    pub fn month(self) -> Month {
        self.month_and_day().0
    }

    /// The month and the day of the month, from 1 (the inverse of [`Day::from_ymd`]).
    pub fn month_and_day(self) -> (Month, u8) {
        let z = self.0 + 719_468;
        let era = z.div_euclid(146_097);
        let day_of_era = z - era * 146_097;
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year_of_era + era * 400 + i32::from(month <= 2);
        (Month { year: year as i16, month: month as u8 }, day as u8)
    }

    /// Days from `earlier` to this one; negative if it comes before.
    pub const fn days_since(self, earlier: Self) -> i32 {
        self.0 - earlier.0
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (month, day) = self.month_and_day();
        f.pad(&format!("{month}-{day:02}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn day_counts_agree_with_known_dates() {
        // Counted with `date -d YYYY-MM-DD +%s` divided by 86,400.
        for (text, days) in [("1970-01-01", 0), ("2000-02-29", 11_016), ("2022-10-15", 19_280), ("1969-12-31", -1)] {
            assert_eq!(Day::parse(text).map(Day::epoch_days), Some(days), "{text}");
            assert_eq!(Day::from_epoch_days(days).to_string(), text);
        }
        for bad in ["2022-02-30", "2022-10-1", "2022-10-00", "22-10-15", "2022-10-15x"] {
            assert_eq!(Day::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn month_steps_cross_the_year() {
        let december = Month::parse("2022-12").unwrap();
        assert_eq!(december.next().to_string(), "2023-01");
        assert_eq!(december.next().previous(), december);
        assert_eq!(Month::parse("2023-02").unwrap().day(30).to_string(), "2023-02-28");
    }
}
