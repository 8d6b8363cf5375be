//! Cells that repeat, as numbers of a dictionary.
//!
//! Parquet holds such a column as its distinct values and a number for each row. The numbers are found here in one pass over
//! the rows, and whoever asks what a column holds looks at its distinct values alone.

use std::cell::RefCell;
use std::collections::HashMap;

use foldhash::fast::RandomState;
use polars::prelude::{CompatLevel, IdxCa, PolarsResult, Series};
use polars_arrow::array::{Array, DictionaryArray, MutablePlString, PrimitiveArray, Utf8ViewArray};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::compute::concatenate::concatenate_unchecked;
use polars_arrow::datatypes::ArrowDataType;
use polars_arrow::types::NativeType;

/// So many rows are worth a dictionary whatever they hold.
const FEW_ROWS: usize = 128;

/// If hardly one of the first so many cells repeats another, there will be too many: of 65,536 cells in any order, of which three quarters are
/// distinct, one in fifty of these does.
const SAMPLE: usize = 4096;

/// Cells, as numbers of a dictionary in the order in which each value is met first; as they are where that takes more room.
pub(super) fn numbered(cells: Box<dyn Array>) -> PolarsResult<Box<dyn Array>> {
    Ok(dictionary_of(cells.as_ref(), cells.len())?.map_or(cells, DictionaryArray::boxed))
}

/// A dictionary of what cells hold, to which so many rows refer; `None` if the rows' own values take less room.
fn dictionary_of(cells: &dyn Array, rows: usize) -> PolarsResult<Option<DictionaryArray<u32>>> {
    let any = cells.as_any();
    if let Some(texts) = any.downcast_ref::<Utf8ViewArray>() {
        of_texts(texts, rows)
    } else if let Some(numbers) = any.downcast_ref::<PrimitiveArray<f64>>() {
        of_numbers(numbers, rows, f64::to_bits)
    } else if let Some(numbers) = any.downcast_ref::<PrimitiveArray<i64>>() {
        of_numbers(numbers, rows, i64::cast_unsigned)
    } else if let Some(numbers) = any.downcast_ref::<PrimitiveArray<i32>>() {
        of_numbers(numbers, rows, |number| u64::from(number.cast_unsigned()))
    } else {
        Ok(None)
    }
}

/// The cells of parts of a column, one part after the other.
pub(super) fn joined(parts: &[&dyn Array]) -> PolarsResult<Box<dyn Array>> {
    let dictionaries: Option<Vec<_>> = parts.iter().map(|part| part.as_any().downcast_ref()).collect();
    if let Some(joined) = dictionaries.map(|parts| of_dictionaries(&parts)).transpose()?.flatten() {
        return Ok(joined.boxed());
    }
    let cells = parts.iter().map(|part| themselves(*part)).collect::<PolarsResult<Vec<_>>>()?;
    numbered(concatenate_unchecked(&cells)?)
}

/// Several dictionaries as one: each of their values is looked at once, and no row's. `None` if the cells as they are take less room.
fn of_dictionaries(parts: &[&DictionaryArray<u32>]) -> PolarsResult<Option<DictionaryArray<u32>>> {
    let rows = parts.iter().map(|part| part.len()).sum();
    let values: Vec<Box<dyn Array>> = parts.iter().map(|part| part.values().clone()).collect();
    let Some(values) = dictionary_of(concatenate_unchecked(&values)?.as_ref(), rows)? else { return Ok(None) };
    let mut numbers = values.keys().values().as_slice();
    let mut keys: Vec<u32> = Vec::with_capacity(rows);
    for part in parts {
        let (of_part, others) = numbers.split_at(part.values().len());
        // What stands in a row without a value says nothing, and may be beyond the last one.
        keys.extend(part.keys().values().iter().map(|key| of_part.get(*key as usize).copied().unwrap_or(0)));
        numbers = others;
    }
    let are_valid: Vec<Box<dyn Array>> = parts.iter().map(|part| part.keys().to_boxed()).collect();
    let validity = concatenate_unchecked(&are_valid)?.validity().cloned();
    let keys = PrimitiveArray::try_new(ArrowDataType::UInt32, keys.into(), validity)?;
    DictionaryArray::try_from_keys(keys, values.values().clone(), false).map(Some)
}

/// Cells, of which none is the number of another.
pub(super) fn themselves(cells: &dyn Array) -> PolarsResult<Box<dyn Array>> {
    let Some(numbered) = cells.as_any().downcast_ref::<DictionaryArray<u32>>() else { return Ok(cells.to_boxed()) };
    let values = numbered.values().as_any();
    if let Some(texts) = values.downcast_ref::<Utf8ViewArray>() {
        let cells: Vec<Option<&str>> = numbered.keys().iter().map(|number| texts.get(*number? as usize)).collect();
        Ok(Utf8ViewArray::from_slice(cells).boxed())
    } else if let Some(values) = values.downcast_ref::<PrimitiveArray<f64>>() {
        looked_up(numbered.keys(), values)
    } else if let Some(values) = values.downcast_ref::<PrimitiveArray<i64>>() {
        looked_up(numbered.keys(), values)
    } else if let Some(values) = values.downcast_ref::<PrimitiveArray<i32>>() {
        looked_up(numbered.keys(), values)
    } else {
        Ok(cells.to_boxed())
    }
}

fn looked_up<T: NativeType>(numbers: &PrimitiveArray<u32>, values: &PrimitiveArray<T>) -> PolarsResult<Box<dyn Array>> {
    let of = |number: &u32| values.values().get(*number as usize).copied().unwrap_or_default();
    let cells = numbers.values().iter().map(of).collect();
    Ok(PrimitiveArray::try_new(values.dtype().clone(), cells, numbers.validity().cloned())?.boxed())
}

/// A text in each of so many rows.
pub(super) fn constant(text: &str, rows: usize) -> Box<dyn Array> {
    let text = Utf8ViewArray::from_slice_values([text]).boxed();
    let keys = PrimitiveArray::from_vec(vec![0; rows]);
    DictionaryArray::<u32>::try_from_keys(keys, text.clone(), false).map_or(text, DictionaryArray::boxed)
}

/// The same cells, with a dictionary of those that occur.
pub(super) fn without_unused(numbered: &DictionaryArray<u32>) -> PolarsResult<DictionaryArray<u32>> {
    let mut is_used = vec![false; numbered.values().len()];
    numbered.keys().non_null_values_iter().for_each(|number| is_used[number as usize] = true);
    if is_used.iter().all(|is_used| *is_used) {
        return Ok(numbered.clone());
    }
    let used: Vec<u32> = (0..is_used.len() as u32).filter(|old| is_used[*old as usize]).collect();
    let mut numbers = vec![0; is_used.len()];
    used.iter().zip(0..).for_each(|(old, number)| numbers[*old as usize] = number);
    // What stands in a row without a value says nothing, and may be beyond the last one.
    let keys = numbered.keys().values().iter().map(|old| numbers.get(*old as usize).copied().unwrap_or(0)).collect();
    let keys = PrimitiveArray::try_new(ArrowDataType::UInt32, keys, numbered.keys().validity().cloned())?;
    let values = at_places(numbered.values().as_ref(), &IdxCa::from_vec("used".into(), used))?;
    DictionaryArray::try_from_keys(keys, values, false)
}

/// Cells at some places, with a dictionary of those that occur.
pub(super) fn gathered(cells: &dyn Array, places: &IdxCa) -> PolarsResult<Box<dyn Array>> {
    let Some(numbered) = cells.as_any().downcast_ref::<DictionaryArray<u32>>() else { return at_places(cells, places) };
    let keys = at_places(numbered.keys(), places)?;
    let Some(keys) = keys.as_any().downcast_ref::<PrimitiveArray<u32>>() else { return Ok(keys) };
    let gathered = DictionaryArray::try_from_keys(keys.clone(), numbered.values().clone(), false)?;
    Ok(without_unused(&gathered)?.boxed())
}

/// Cells at some places of those of a column and, behind them, a few others.
pub(super) fn gathered_of_two(cells: &dyn Array, others: &dyn Array, places: &IdxCa) -> PolarsResult<Box<dyn Array>> {
    if let Some(numbered) = cells.as_any().downcast_ref::<DictionaryArray<u32>>() {
        let numbers = PrimitiveArray::from_vec((0..others.len() as u32).collect()).with_validity(others.validity().cloned());
        let others = DictionaryArray::try_from_keys(numbers, others.to_boxed(), false)?;
        if let Some(both) = of_dictionaries(&[numbered, &others])? {
            return gathered(&both, places);
        }
    }
    at_places(concatenate_unchecked(&[themselves(cells)?, others.to_boxed()])?.as_ref(), places)
}

fn at_places(cells: &dyn Array, places: &IdxCa) -> PolarsResult<Box<dyn Array>> {
    let gathered = Series::from_arrow("cells".into(), cells.to_boxed())?.take(places)?;
    Ok(gathered.rechunk().to_arrow(0, CompatLevel::newest()))
}

/// What a function makes of numbers, of each that differs once.
pub(super) fn mapped(cells: &dyn Array, map: &impl Fn(f64) -> f64) -> PolarsResult<Box<dyn Array>> {
    if let Some(numbered) = cells.as_any().downcast_ref::<DictionaryArray<u32>>() {
        let values = mapped(numbered.values().as_ref(), map)?;
        return Ok(DictionaryArray::try_from_keys(numbered.keys().clone(), values, false)?.boxed());
    }
    let Some(numbers) = cells.as_any().downcast_ref::<PrimitiveArray<f64>>() else { return Ok(cells.to_boxed()) };
    let values = numbers.values().iter().map(|number| map(*number)).collect();
    Ok(PrimitiveArray::try_new(numbers.dtype().clone(), values, numbers.validity().cloned())?.boxed())
}

/// Numbers of what was met in a column, by the bits of it.
pub(super) type Met = HashMap<u128, u32, RandomState>;

thread_local! {
    /// The room that the last column took is there for the next one.
    static MET: RefCell<Met> = RefCell::default();
}

/// Numbers cells with nothing met yet.
fn with_nothing_met<R>(number: impl FnOnce(&mut Met) -> R) -> R {
    MET.with_borrow_mut(|met| {
        met.clear();
        number(met)
    })
}

/// `None` if there are three quarters as many distinct texts as rows, or more.
fn of_texts(texts: &Utf8ViewArray, rows: usize) -> PolarsResult<Option<DictionaryArray<u32>>> {
    let mut numbers = Numbers::new(texts.len(), most_texts(rows));
    // Short texts are in their views.
    let mut long: HashMap<&str, u32, RandomState> = HashMap::default();
    let mut number = |at: usize, bits: u128, next: u32, met: &mut Met| {
        if texts.views()[at].is_inline() {
            *met.entry(bits).or_insert(next)
        } else {
            *long.entry(texts.value(at)).or_insert(next)
        }
    };
    let is_worth_it = with_nothing_met(|met| {
        texts.views().iter().enumerate().all(|(at, view)| {
            let bits = view.as_u128();
            numbers.push(bits, texts.is_null(at), |next| number(at, bits, next, met), || texts.value(at))
        })
    });
    let values = |firsts| Ok(Utf8ViewArray::from_slice_values::<&str, _>(firsts).boxed());
    is_worth_it.then(|| numbers.finish(texts.validity(), values)).transpose()
}

/// So many texts are worth a dictionary of so many rows.
const fn most_texts(rows: usize) -> usize {
    if rows <= FEW_ROWS { rows } else { rows - rows / 4 }
}

/// The texts of a column that come one by one, of so many rows.
pub(super) struct Texts<'m, 'c> {
    numbers: Numbers<&'c str>,
    met: &'m mut Met,
    /// Texts that are longer than what bits can tell.
    long: HashMap<&'c str, u32, RandomState>,
    /// All of them, once they are too many for a dictionary.
    all: Option<MutablePlString>,
}

impl<'m, 'c> Texts<'m, 'c> {
    /// None yet; `met` is room.
    pub(super) fn new(met: &'m mut Met, rows: usize) -> Self {
        met.clear();
        Self { numbers: Numbers::new(rows, most_texts(rows)), met, long: HashMap::default(), all: None }
    }

    /// Takes the next one.
    #[inline]
    pub(super) fn push(&mut self, text: &'c str) {
        if let Some(all) = &mut self.all {
            return all.push_value(text);
        }
        let short = bits_of(text);
        // Nobody else is where a long text is.
        let bits = short.unwrap_or_else(|| u128::MAX - text.as_ptr().addr() as u128);
        let (met, long) = (&mut *self.met, &mut self.long);
        let number = |next| match short {
            Some(bits) => *met.entry(bits).or_insert(next),
            None => *long.entry(text).or_insert(next),
        };
        let seen = self.numbers.keys.len();
        if !self.numbers.push(bits, false, number, || text) {
            self.give_up(seen);
            self.push(text);
        }
    }

    /// There are too many: the first so many are put down one by one, as are those that come.
    #[cold]
    fn give_up(&mut self, seen: usize) {
        let mut all = MutablePlString::with_capacity(self.numbers.keys.capacity());
        self.numbers.keys[..seen].iter().for_each(|key| all.push_value(self.numbers.firsts[*key as usize]));
        self.all = Some(all);
    }

    pub(super) fn finish(self) -> PolarsResult<Box<dyn Array>> {
        if let Some(all) = self.all {
            return Ok(all.freeze().boxed());
        }
        Ok(self.numbers.finish(None, |firsts| Ok(Utf8ViewArray::from_slice_values(firsts).boxed()))?.boxed())
    }
}

/// What a text is, if it is short: its bytes, and how many they are.
#[inline]
fn bits_of(text: &str) -> Option<u128> {
    let bytes = text.as_bytes();
    let ends = |width: usize| (&bytes[..width], &bytes[bytes.len() - width..]);
    // Two parts that overlap say the same where they do.
    let low = match bytes.len() {
        0 => 0,
        1..=3 => bytes.iter().rev().fold(0, |bits, byte| bits << 8 | u128::from(*byte)),
        4..=7 => {
            let (first, last) = ends(4);
            let of = |part: &[u8]| part.try_into().map_or(0, |part| u128::from(u32::from_le_bytes(part)));
            of(first) | of(last) << (8 * (bytes.len() - 4))
        }
        8..=15 => {
            let (first, last) = ends(8);
            let of = |part: &[u8]| part.try_into().map_or(0, |part| u128::from(u64::from_le_bytes(part)));
            of(first) | of(last) << (8 * (bytes.len() - 8))
        }
        _ => return None,
    };
    Some(low | (bytes.len() as u128) << 120)
}

/// `None` if there are half as many distinct numbers as rows, or more: as they are they take little room.
fn of_numbers<T: NativeType>(
    cells: &PrimitiveArray<T>,
    rows: usize,
    bits: impl Fn(T) -> u64,
) -> PolarsResult<Option<DictionaryArray<u32>>> {
    let mut numbers = Numbers::new(cells.len(), if rows <= FEW_ROWS { rows } else { rows / 2 });
    let is_worth_it = with_nothing_met(|met| {
        cells.values().iter().enumerate().all(|(at, value)| {
            let bits = u128::from(bits(*value));
            numbers.push(bits, cells.is_null(at), |next| *met.entry(bits).or_insert(next), || *value)
        })
    });
    let values = |firsts: Vec<T>| Ok(PrimitiveArray::try_new(cells.dtype().clone(), firsts.into(), None)?.boxed());
    is_worth_it.then(|| numbers.finish(cells.validity(), values)).transpose()
}

/// The number of each cell's value, and the values by their numbers, of which there are so many at most.
struct Numbers<V> {
    keys: Vec<u32>,
    firsts: Vec<V>,
    most: usize,
    /// Whether that is less than there are cells.
    may_be_too_many: bool,
    last: Option<(u128, u32)>,
}

impl<V> Numbers<V> {
    fn new(cells: usize, most: usize) -> Self {
        Self { keys: Vec::with_capacity(cells), firsts: Vec::new(), most, may_be_too_many: most < cells, last: None }
    }

    /// Takes the next cell, which is that before where the bits are the same: its number, which is the one given where it was not met, and
    /// its value. Whether there are not too many values.
    #[inline]
    fn push(&mut self, bits: u128, is_null: bool, number: impl FnOnce(u32) -> u32, value: impl FnOnce() -> V) -> bool {
        if self.keys.len() == SAMPLE && self.may_be_too_many && self.firsts.len() > SAMPLE - SAMPLE / 64 {
            return false;
        }
        // What stands in a row without a value says nothing.
        if is_null {
            self.keys.push(0);
            return true;
        }
        if let Some((last, number)) = self.last
            && last == bits
        {
            self.keys.push(number);
            return true;
        }
        let next = self.firsts.len() as u32;
        let number = number(next);
        if number == next {
            self.firsts.push(value());
        }
        self.keys.push(number);
        self.last = Some((bits, number));
        self.firsts.len() <= self.most
    }

    fn finish(
        self,
        validity: Option<&Bitmap>,
        values: impl FnOnce(Vec<V>) -> PolarsResult<Box<dyn Array>>,
    ) -> PolarsResult<DictionaryArray<u32>> {
        let keys = PrimitiveArray::try_new(ArrowDataType::UInt32, self.keys.into(), validity.cloned())?;
        DictionaryArray::try_from_keys(keys, values(self.firsts)?, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of a dictionary do not repeat, of course: that says nothing of the rows.
    #[test]
    fn large_dictionaries_are_joined_by_their_values() {
        let of = |from: i64| {
            let values = PrimitiveArray::from_vec((from..from + 5_000).collect::<Vec<i64>>()).boxed();
            let keys = PrimitiveArray::from_vec((0..20_000).map(|row| row % 5_000).collect::<Vec<u32>>());
            DictionaryArray::try_from_keys(keys, values, false).unwrap()
        };
        let joined = of_dictionaries(&[&of(0), &of(4_000)]).unwrap().unwrap();
        assert_eq!((joined.len(), joined.values().len()), (40_000, 9_000));
    }

    #[test]
    fn short_texts_have_bits_of_their_own() {
        let letters = ["a", "\0", "µ", "€", " "];
        let mut found: HashMap<u128, String> = HashMap::new();
        let mut texts = vec![String::new()];
        for _ in 0..7 {
            texts = texts.iter().flat_map(|text| letters.map(|letter| format!("{text}{letter}"))).collect();
            texts.truncate(20_000);
            for text in texts.iter().chain([&"aaaaaaaa".to_owned(), &"aaaaaaaaaaaaaaa".to_owned()]) {
                match bits_of(text) {
                    Some(bits) => assert_eq!(found.entry(bits).or_insert_with(|| text.clone()), text),
                    None => assert!(text.len() > 15),
                }
            }
        }
        assert!(found.len() > 20_000, "{}", found.len());
        assert_eq!((bits_of("").is_some(), bits_of(&"x".repeat(15)).is_some(), bits_of(&"x".repeat(16))), (true, true, None));
    }
}
