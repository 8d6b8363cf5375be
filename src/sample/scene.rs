//! A month as one utility sees it: who exists, who changed, what goes wrong.
//!
//! A record's state in a month follows from the seed, its index and the month, never from the file written before, so
//! rows can be streamed in any month and at any scale.

use super::Options;
use super::dice::Dice;
use super::faults::Fault;
use super::text::Notation;
use crate::model::{Day, Month};

/// The occasion of a record's making; the changes after it are counted from 1.
const BIRTH: u64 = 0;

/// The records that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Population {
    Feeders1,
    Circuits1,
    Segments1,
    Installed1,
    Planned1,
    Feeders2,
    Installed2,
    Planned2,
    Feeders3,
    Installed3,
    Planned3,
}

impl Population {
    /// Records in the first month at scale 1.
    const fn size(self) -> u32 {
        match self {
            Self::Feeders1 => 24,
            Self::Circuits1 => 30,
            Self::Segments1 => 900,
            Self::Installed1 => 350,
            Self::Planned1 => 90,
            Self::Feeders2 => 120,
            Self::Installed2 => 700,
            Self::Planned2 => 750,
            Self::Feeders3 => 60,
            Self::Installed3 => 250,
            Self::Planned3 => 80,
        }
    }
}

/// A record's place in its population.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    population: Population,
    /// Its number, from 0; files are written in this order.
    pub(super) index: u32,
    /// The step in which it first appears.
    born: u32,
}

/// What a month does to a record.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Same,
    /// A value changes.
    Changed,
    /// Only the notation of a value changes.
    Rewritten,
    /// It vanishes, where the utility sends snapshots.
    Gone,
}

/// One month of the sample.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene {
    seed: u64,
    scale: u32,
    /// The oldest month of the sample.
    pub(super) first: Month,
    /// The month that the files are for.
    pub(super) month: Month,
    /// Months since the first.
    step: u32,
    /// Months of the sample.
    months: u32,
}

impl Scene {
    /// Every month, oldest first.
    pub(super) fn all(options: &Options) -> Vec<Self> {
        let months = u32::from(options.months.max(1));
        let newest = Day::from_ymd(2022, 10, 1).month();
        let first = (1..months).fold(newest, |month, _| month.previous());
        let mut scene = Self { seed: options.seed, scale: options.scale.max(1), first, month: first, step: 0, months };
        let mut scenes = vec![scene];
        for step in 1..months {
            scene = Self { step, month: scene.month.next(), ..scene };
            scenes.push(scene);
        }
        scenes
    }

    /// Whether the fault is planted in this month.
    pub(super) fn has(&self, fault: Fault) -> bool {
        self.months >= 3 && self.step + 1 + fault.months_ago() == self.months
    }

    /// Records of the population in the first month.
    pub(super) fn size(&self, population: Population) -> u32 {
        population.size().saturating_mul(self.scale)
    }

    /// The records that exist by now; new ones come last.
    pub(super) fn entries(&self, population: Population) -> impl Iterator<Item = Entry> + use<> {
        let scene = *self;
        let count = self.size(population).saturating_add(self.new_a_month(population).saturating_mul(self.step));
        (0..count).map(move |index| scene.entry(population, index))
    }

    /// The record of that number.
    pub(super) fn entry(&self, population: Population, index: u32) -> Entry {
        let born = index.checked_sub(self.size(population)).map_or(0, |newer| 1 + newer / self.new_a_month(population));
        Entry { population, index, born }
    }

    /// One in a hundred, at least one.
    fn new_a_month(&self, population: Population) -> u32 {
        (self.size(population) / 100).max(1)
    }

    /// The dice that made the record.
    pub(super) fn making(&self, entry: Entry) -> Dice {
        self.dice(entry, BIRTH)
    }

    /// Dice for each change of the record's values so far, oldest first.
    pub(super) fn changes(&self, entry: Entry) -> impl Iterator<Item = Dice> + use<> {
        self.fates(entry).filter_map(|(fate, dice)| (fate == Fate::Changed).then_some(dice))
    }

    /// How the record's numbers are written by now.
    pub(super) fn notation(&self, entry: Entry) -> Notation {
        if self.fates(entry).any(|(fate, _)| fate == Fate::Rewritten) { Notation::Padded } else { Notation::Plain }
    }

    /// Whether the record has vanished by now, if such records vanish.
    pub(super) fn is_gone(&self, entry: Entry) -> bool {
        self.fates(entry).any(|(fate, _)| fate == Fate::Gone)
    }

    fn fates(&self, entry: Entry) -> impl Iterator<Item = (Fate, Dice)> + use<> {
        let scene = *self;
        (entry.born + 1..=self.step).map(move |step| {
            let mut dice = scene.dice(entry, u64::from(step));
            let fate = dice.weighted(&[(30, Fate::Changed), (8, Fate::Rewritten), (20, Fate::Gone), (942, Fate::Same)]);
            (fate, dice)
        })
    }

    fn dice(&self, entry: Entry, occasion: u64) -> Dice {
        Dice::of(self.seed, entry.population as u64, entry.index, occasion)
    }
}
