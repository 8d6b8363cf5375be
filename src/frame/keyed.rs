//! Rows by their keys: texts and whole numbers in some columns, as a number and as bytes.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use polars::prelude::{Column, DataType, Int64Chunked, PolarsResult, StringChunked};
use polars_arrow::array::{Array, View};

/// Columns whose cells of a row are its key, which a row has where none of them is null.
pub(crate) struct Keyed<'c> {
    parts: Vec<Part<'c>>,
    rows: usize,
}

/// A column of a key.
enum Part<'c> {
    Texts(&'c StringChunked),
    Numbers(&'c Int64Chunked),
}

impl<'c> Keyed<'c> {
    /// Rows with these columns.
    ///
    /// # Errors
    /// One is neither of texts nor of whole numbers.
    pub(crate) fn of(columns: &'c [Column]) -> PolarsResult<Self> {
        let part = |column: &'c Column| match column.dtype() {
            DataType::String => Ok(Part::Texts(column.str()?)),
            _ => Ok(Part::Numbers(column.i64()?)),
        };
        let parts = columns.iter().map(part).collect::<PolarsResult<_>>()?;
        Ok(Self { parts, rows: columns.first().map_or(0, Column::len) })
    }

    /// A number for the key of each row, the same for equal ones; `None` where there is none.
    pub(crate) fn hashes(&self) -> Vec<Option<u64>> {
        let mut hashes = vec![Some(0); self.rows];
        for part in &self.parts {
            let mut of_rows = hashes.iter_mut();
            let mut mix = |value: Option<u128>| {
                if let Some(hash) = of_rows.next() {
                    *hash = hash.zip(value).map(|(hash, value)| mixed(hash, value));
                }
            };
            match part {
                // A text that is no longer than its view is told by that.
                Part::Texts(texts) => texts.downcast_iter().for_each(|texts| {
                    let long = |at| u128::from(FixedState::with_seed(0).hash_one(texts.value(at)));
                    let bits = |at: usize, view: &View| if view.is_inline() { view.as_u128() } else { long(at) };
                    let is_there = |at| texts.validity().is_none_or(|is_there| is_there.get_bit(at));
                    texts.views().iter().enumerate().for_each(|(at, view)| mix(is_there(at).then(|| bits(at, view))));
                }),
                Part::Numbers(numbers) => {
                    numbers.iter().for_each(|number| mix(number.map(|number| u128::from(number.cast_unsigned()))));
                }
            }
            of_rows.for_each(|hash| *hash = None);
        }
        hashes
    }

    /// The key of a row that has one, as bytes that no other key has.
    pub(crate) fn key<'k>(&self, row: usize, key: &'k mut Vec<u8>) -> &'k [u8] {
        key.clear();
        for part in &self.parts {
            match part {
                Part::Texts(texts) => {
                    let text = texts.get(row).unwrap_or_default();
                    if self.parts.len() > 1 {
                        key.extend(text.len().to_le_bytes());
                    }
                    key.extend(text.as_bytes());
                }
                Part::Numbers(numbers) => key.extend(numbers.get(row).unwrap_or_default().to_le_bytes()),
            }
        }
        key
    }
}

const fn mixed(hash: u64, value: u128) -> u64 {
    let [low, high] = [value as u64 ^ hash ^ 0x9e37_79b9_7f4a_7c15, (value >> 64) as u64 ^ 0xc2b2_ae3d_27d4_eb4f];
    let product = low as u128 * high as u128;
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use polars::prelude::*;

    use super::Keyed;

    /// Equal keys have one number wherever they stand, others hardly ever, and a key of which a part is null has none.
    #[test]
    fn keys_are_told_apart_by_numbers_and_by_bytes() {
        let long = "a text that is longer than its view";
        let texts = [Some("a"), Some("ab"), None, Some(""), Some(long), Some("a"), Some(long), Some("ab"), Some("a"), Some("b")];
        let numbers = [Some(1), Some(1), Some(1), Some(0), Some(1), Some(1), Some(1), Some(-1), None, Some(1)];
        let text = StringChunked::new("t".into(), texts);
        let mut in_pieces = text.slice(0, 4);
        in_pieces.append(&text.slice(4, 6)).unwrap();
        let number = Int64Chunked::new("n".into(), numbers);
        for (columns, keys) in [
            (vec![text.clone().into_column()], texts.map(|text| text.map(|text| (text, 0))).to_vec()),
            (vec![in_pieces.into_column()], texts.map(|text| text.map(|text| (text, 0))).to_vec()),
            (vec![number.clone().into_column()], numbers.map(|number| number.map(|number| ("", number))).to_vec()),
            (
                vec![text.into_column(), number.into_column()],
                texts.iter().zip(&numbers).map(|(text, number)| Some(((*text)?, (*number)?))).collect(),
            ),
        ] {
            let rows = Keyed::of(&columns).unwrap();
            let hashes = rows.hashes();
            assert_eq!(hashes.len(), keys.len());
            let (mut one, mut other) = (Vec::new(), Vec::new());
            for (a, key) in keys.iter().enumerate() {
                assert_eq!(hashes[a].is_some(), key.is_some(), "{key:?}");
                for (b, _) in keys.iter().enumerate().filter(|_| key.is_some()).filter(|(_, key)| key.is_some()) {
                    let is_same = *key == keys[b];
                    assert_eq!(hashes[a] == hashes[b], is_same, "{key:?} {:?}", keys[b]);
                    assert_eq!(rows.key(a, &mut one) == rows.key(b, &mut other), is_same, "{key:?} {:?}", keys[b]);
                }
            }
        }
        // Parts that are the same, put together.
        let [one, other] = [("ab", "c"), ("a", "bc")].map(|(a, b)| {
            let columns = [a, b].map(|text| StringChunked::new("t".into(), [text]).into_column());
            let rows = Keyed::of(&columns).unwrap();
            (rows.hashes(), rows.key(0, &mut Vec::new()).to_vec())
        });
        assert!(one.0 != other.0 && one.1 != other.1);
    }
}
