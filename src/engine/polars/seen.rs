//! A column's cells → what each reads as, few of them read.
//!
//! Columns of dates, ratings and voltages have many rows and few texts.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;

/// The most texts that are known at a time: they stay in the processor's nearer caches.
const MOST: usize = 1 << 10;

/// What texts read as that were read before; the last one of those that share a place.
pub(super) struct Seen<'t, T> {
    hashes: RandomState,
    places: Vec<Option<(&'t str, T)>>,
}

impl<'t, T: Copy> Seen<'t, T> {
    /// Nothing was read yet; so many texts will be.
    pub(super) fn of(texts: usize) -> Self {
        Self { hashes: RandomState::default(), places: vec![None; texts.clamp(1, MOST).next_power_of_two()] }
    }

    /// What a text reads as.
    pub(super) fn read(&mut self, text: &'t str, read: impl FnOnce(&'t str) -> T) -> T {
        let place = self.hashes.hash_one(text) as usize & (self.places.len() - 1);
        match self.places[place] {
            Some((seen, value)) if seen == text => value,
            _ => {
                let value = read(text);
                self.places[place] = Some((text, value));
                value
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More texts than there is room for, each several times, one after the other and far apart.
    #[test]
    fn texts_read_as_they_do_and_most_of_them_once() {
        let texts: Vec<String> = (0..3 * MOST).map(|n| n.to_string()).collect();
        let few = texts.iter().cycle().take(50).cycle().take(5000);
        let mut asked = Vec::new();
        asked.extend(texts.iter().flat_map(|text| [text, text]));
        asked.extend(few);
        let (mut seen, mut read) = (Seen::of(asked.len()), 0);
        for text in &asked {
            let value = seen.read(text, |text| {
                read += 1;
                text.parse::<u64>().unwrap()
            });
            assert_eq!(value.to_string(), **text);
        }
        assert!((texts.len()..asked.len() * 2 / 3).contains(&read), "{read} of {}", asked.len());
        let mut empty = Seen::of(0);
        assert_eq!((empty.read("", str::len), empty.read("a", str::len)), (0, 1));
    }
}
