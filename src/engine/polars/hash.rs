//! `XXHASH64(a, b, …)`: one number for the values of a row, for ever the same.

use polars::prelude::*;
use xxhash_rust::xxh64::xxh64;

pub(super) fn xxhash64(columns: &mut [Column]) -> PolarsResult<Column> {
    const SEED: u64 = 42;
    let name = columns.first().map_or_else(|| "value".into(), |column| column.name().clone());
    let rows = columns.iter().map(Column::len).max().unwrap_or(0);
    let mut state = vec![SEED; rows];
    for column in columns.iter() {
        feed(&mut state, column)?;
    }
    let hashes: Vec<i64> = state.into_iter().map(u64::cast_signed).collect();
    Ok(Int64Chunked::from_vec(name, hashes).into_column())
}

fn feed(state: &mut [u64], column: &Column) -> PolarsResult<()> {
    fn each<T>(state: &mut [u64], values: impl Iterator<Item = Option<T>>, hash: impl Fn(T, u64) -> u64) {
        let mut state = state.iter_mut();
        values.for_each(|value| {
            if let (Some(state), Some(value)) = (state.next(), value) {
                *state = hash(value, *state);
            }
        });
    }
    let column = if column.len() == state.len() { column.clone() } else { column.new_from_index(0, state.len()) };
    let physical = column.as_materialized_series().to_physical_repr().into_owned();
    match physical.dtype() {
        DataType::String => each(state, physical.str()?.iter(), |text: &str, seed| xxh64(text.as_bytes(), seed)),
        // Both zeros are one number.
        DataType::Float64 => {
            each(state, physical.f64()?.iter(), |number: f64, seed| of_word((number + 0.0).to_bits(), seed));
        }
        DataType::Int64 => each(state, physical.i64()?.iter(), |number: i64, seed| of_word(number.cast_unsigned(), seed)),
        DataType::Int32 => each(state, physical.i32()?.iter(), |number: i32, seed| of_half(number.cast_unsigned(), seed)),
        DataType::UInt32 => {
            each(state, physical.u32()?.iter(), |number: u32, seed| of_word(u64::from(number), seed));
        }
        DataType::Boolean => each(state, physical.bool()?.iter(), |flag: bool, seed| of_half(u32::from(flag), seed)),
        DataType::Null => {}
        other => polars_bail!(InvalidOperation: "XXHASH64 cannot take a {other}"),
    }
    Ok(())
}

const PRIMES: [u64; 5] =
    [0x9e37_79b1_85eb_ca87, 0xc2b2_ae3d_27d4_eb4f, 0x1656_67b1_9e37_79f9, 0x85eb_ca77_c2b2_ae63, 0x27d4_eb2f_1656_67c5];

/// XXH64 of eight bytes. The library goes through all that texts of any length need, and is called for each cell.
#[inline]
const fn of_word(word: u64, seed: u64) -> u64 {
    let [p1, p2, _, p4, p5] = PRIMES;
    let mixed = word.wrapping_mul(p2).rotate_left(31).wrapping_mul(p1);
    let hash = seed.wrapping_add(p5).wrapping_add(8) ^ mixed;
    ended(hash.rotate_left(27).wrapping_mul(p1).wrapping_add(p4))
}

/// XXH64 of four bytes.
#[inline]
const fn of_half(half: u32, seed: u64) -> u64 {
    let [p1, p2, p3, _, p5] = PRIMES;
    let hash = seed.wrapping_add(p5).wrapping_add(4) ^ (half as u64).wrapping_mul(p1);
    ended(hash.rotate_left(23).wrapping_mul(p2).wrapping_add(p3))
}

#[inline]
const fn ended(hash: u64) -> u64 {
    let [_, p2, p3, ..] = PRIMES;
    let hash = (hash ^ (hash >> 33)).wrapping_mul(p2);
    let hash = (hash ^ (hash >> 29)).wrapping_mul(p3);
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn hashes_of_numbers_are_those_of_their_bytes(word: u64, half: u32, seed: u64) {
            prop_assert_eq!(of_word(word, seed), xxh64(&word.to_le_bytes(), seed));
            prop_assert_eq!(of_half(half, seed), xxh64(&half.to_le_bytes(), seed));
        }
    }
}
