//! How numbers, days and map colours are written.

use super::dice::Dice;
use crate::model::Day;

/// Whether a number carries a zero that says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notation {
    /// `5`, `7.6`
    Plain,
    /// `5.0`, `7.60`
    Padded,
}

/// A number of two decimals; its unit is in the name of whatever holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hundredths(pub(super) u32);

impl Hundredths {
    /// A whole number.
    pub(super) const fn whole(number: u32) -> Self {
        Self(number.saturating_mul(100))
    }

    /// So many percent of it.
    pub(super) fn percent(self, percent: u32) -> Self {
        Self((u64::from(self.0) * u64::from(percent) / 100) as u32)
    }

    /// The number as text, with the given decimal mark and as few decimals as it needs.
    pub(super) fn text(self, mark: char, notation: Notation) -> String {
        let (whole, rest) = (self.0 / 100, self.0 % 100);
        let fraction = match rest {
            0 => String::new(),
            rest if rest % 10 == 0 => (rest / 10).to_string(),
            rest => format!("{rest:02}"),
        };
        match notation {
            Notation::Plain if fraction.is_empty() => whole.to_string(),
            Notation::Plain => format!("{whole}{mark}{fraction}"),
            Notation::Padded => format!("{whole}{mark}{fraction}0"),
        }
    }
}

/// `8/5/2022`
pub(super) fn month_first(day: Day) -> String {
    let (month, of_month) = day.month_and_day();
    format!("{}/{of_month}/{}", month.number(), month.year())
}

/// `05.08.2022`
pub(super) fn day_first(day: Day) -> String {
    let (month, of_month) = day.month_and_day();
    format!("{of_month:02}.{:02}.{}", month.number(), month.year())
}

/// `21:53.0`: what a spreadsheet leaves of a date and time that it showed as minutes and seconds.
pub(super) fn damaged(day: Day) -> String {
    let days = day.epoch_days().unsigned_abs();
    format!("{:02}:{:02}.0", days % 60, days / 60 % 60)
}

/// A day of these years.
pub(super) fn day_in(dice: &mut Dice, from_year: i16, to_year: i16) -> Day {
    let (first, end) = (Day::from_ymd(from_year, 1, 1), Day::from_ymd(to_year + 1, 1, 1));
    later(first, dice.below(end.days_since(first).unsigned_abs()))
}

/// The day that many days later.
pub(super) fn later(day: Day, days: u32) -> Day {
    Day::from_epoch_days(day.epoch_days().saturating_add_unsigned(days))
}

/// The map's band of a hosting capacity, from 0 (brown) to 7 (dark blue).
pub(super) fn band(capacity_mw: Hundredths) -> usize {
    [30, 50, 100, 150, 200, 300, 500].iter().filter(|limit| capacity_mw.0 >= **limit).count()
}
