//! Chance that can be repeated: every record, in every month, has dice of its own.
//!
//! The helpers are written out here, so that no new version of a crate changes what a seed gives.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Dice for one record and one occasion.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// Dice that depend on the four numbers alone, not on what was rolled before.
    pub(super) fn of(seed: u64, population: u64, index: u32, occasion: u64) -> Self {
        let mut key = [0; 32];
        let words = [seed, population, u64::from(index), occasion];
        for (part, word) in key.chunks_exact_mut(8).zip(words) {
            part.copy_from_slice(&word.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    /// A number from 0 to `end - 1`; 0 if `end` is 0.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(end)) >> 32) as u32
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// Whether something happens that does so in `percent` of all cases.
    pub(super) fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// One of the choices, all alike.
    pub(super) fn pick<T: Copy, const N: usize>(&mut self, choices: &[T; N]) -> T {
        choices[self.below(N as u32) as usize]
    }

    /// One of the choices, as often as its weight says.
    pub(super) fn weighted<T: Copy, const N: usize>(&mut self, choices: &[(u32, T); N]) -> T {
        let mut left = self.below(choices.iter().map(|(weight, _)| weight).sum());
        for (weight, choice) in choices {
            if left < *weight {
                return *choice;
            }
            left -= weight;
        }
        choices[0].1
    }

    /// A factor in percent that is visibly not 100.
    pub(super) fn other_percent(&mut self) -> u32 {
        if self.percent(50) { self.between(70, 95) } else { self.between(105, 130) }
    }
}
