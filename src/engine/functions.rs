//! SQL functions that the plans need and the engine's dialect lacks.
//!
//! `PRESENT(cell, word, …)` → the cell without blanks around; null where nothing is left, or one of the words (in lower
//! case) without regard to case. `BARE(cell)` → the same without the words, empty texts stay. `ID(text)` → the text, without a `.0` that a spreadsheet put behind digits.
//! `TRY_STRPTIME(text, format)` → time in UTC, null where the text is not in that notation (`try_strptime` of DuckDB).
//! `XXHASH64(a, b, …)` → whole number: the XXH64 of the values one after the other, each seeded with the hash so far,
//! 42 at first, nulls leaving it as it is (Spark's `xxhash64`). The same value gives the same hash for ever, which is
//! what a stored `record_hash` needs.

use std::borrow::Cow;
use std::collections::HashMap;

use polars::prelude::*;
use polars::sql::FunctionRegistry;
use polars_plan::prelude::FunctionOptions;
use xxhash_rust::xxh64::xxh64;

pub(super) struct Functions(HashMap<String, UserDefinedFunction>);

impl Functions {
    pub(super) fn new() -> Self {
        let text_to_time = UserDefinedFunction::new("try_strptime".into(), BaseColumnUdf::new(try_strptime, time_field));
        let hash = UserDefinedFunction::new("xxhash64".into(), BaseColumnUdf::new(xxhash64, hash_field));
        let present = UserDefinedFunction::new("present".into(), BaseColumnUdf::new(present, text_field));
        let id = UserDefinedFunction::new("id".into(), BaseColumnUdf::new(id, text_field));
        let bare = UserDefinedFunction::new("bare".into(), BaseColumnUdf::new(bare, text_field));
        Self(
            [bare, present, id, text_to_time, hash]
                .into_iter()
                .map(|mut function| {
                    function.options = FunctionOptions::elementwise();
                    (function.name.to_string(), function)
                })
                .collect(),
        )
    }
}

impl FunctionRegistry for Functions {
    fn register(&mut self, name: &str, function: UserDefinedFunction) -> PolarsResult<()> {
        self.0.insert(name.to_lowercase(), function);
        Ok(())
    }

    fn get_udf(&self, name: &str) -> PolarsResult<Option<UserDefinedFunction>> {
        Ok(self.0.get(&name.to_lowercase()).cloned())
    }

    fn contains(&self, name: &str) -> bool {
        self.0.contains_key(&name.to_lowercase())
    }
}

fn field_name(fields: &[Field]) -> PlSmallStr {
    fields.first().map_or_else(|| "value".into(), |field| field.name().clone())
}

#[expect(clippy::unnecessary_wraps, reason = "the engine asks for this signature")]
fn text_field(_: &Schema, fields: &[Field]) -> PolarsResult<Field> {
    Ok(Field::new(field_name(fields), DataType::String))
}

#[expect(clippy::unnecessary_wraps, reason = "the engine asks for this signature")]
fn time_field(_: &Schema, fields: &[Field]) -> PolarsResult<Field> {
    Ok(Field::new(field_name(fields), DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC))))
}

#[expect(clippy::unnecessary_wraps, reason = "the engine asks for this signature")]
fn hash_field(_: &Schema, fields: &[Field]) -> PolarsResult<Field> {
    Ok(Field::new(field_name(fields), DataType::Int64))
}

/// Cells that need no trimming, nearly all of them, keep their memory; only what is null changes.
fn present(columns: &mut [Column]) -> PolarsResult<Column> {
    let [cells, words @ ..] = columns else { polars_bail!(InvalidOperation: "PRESENT needs a cell") };
    let words: Vec<String> =
        words.iter().map(|word| Ok(word.str()?.get(0).unwrap_or_default().to_owned())).collect::<PolarsResult<_>>()?;
    // A word in another alphabet may be of another length in upper case.
    let longest =
        if words.iter().all(|word| word.is_ascii()) { words.iter().map(String::len).max().unwrap_or(0) } else { usize::MAX };
    let says_nothing = |cell: &str| {
        cell.is_empty()
            || cell.len() <= longest
                && words.iter().any(|word| cell.eq_ignore_ascii_case(word) || (!word.is_ascii() && cell.to_lowercase() == *word))
    };
    let cells = without_blanks_around(cells.str()?);
    // Most columns of a block hold no such word at all.
    if !cells.iter().flatten().any(says_nothing) {
        return Ok(cells.into_series().into_column());
    }
    let kept =
        BooleanChunked::from_iter_values("kept".into(), cells.iter().map(|cell| cell.is_some_and(|cell| !says_nothing(cell))));
    let nothing = StringChunked::full_null(cells.name().clone(), 1);
    Ok(cells.zip_with(&kept, &nothing)?.into_series().into_column())
}

fn bare(columns: &mut [Column]) -> PolarsResult<Column> {
    let [cells] = columns else { polars_bail!(InvalidOperation: "BARE needs a cell") };
    Ok(without_blanks_around(cells.str()?).into_series().into_column())
}

fn without_blanks_around(cells: &StringChunked) -> StringChunked {
    let is_bare = |cell: &str| match (cell.as_bytes().first(), cell.as_bytes().last()) {
        (Some(first), Some(last)) if first.is_ascii_graphic() && last.is_ascii_graphic() => true,
        _ => cell.trim().len() == cell.len(),
    };
    if cells.iter().flatten().all(is_bare) {
        return cells.clone();
    }
    cells.apply_values(|cell| Cow::Borrowed(cell.trim()))
}

fn id(columns: &mut [Column]) -> PolarsResult<Column> {
    fn whole(text: &str) -> Option<&str> {
        text.strip_suffix(".0").filter(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
    }
    let [texts] = columns else { polars_bail!(InvalidOperation: "ID needs a text") };
    let texts = texts.str()?;
    if !texts.iter().flatten().any(|text| whole(text).is_some()) {
        return Ok(texts.clone().into_series().into_column());
    }
    Ok(texts.apply_values(|text| Cow::Borrowed(whole(text).unwrap_or(text))).into_series().into_column())
}

fn try_strptime(columns: &mut [Column]) -> PolarsResult<Column> {
    let [text, format] = columns else { polars_bail!(InvalidOperation: "TRY_STRPTIME needs a text and a format") };
    let format = format.str()?.get(0).map(str::to_owned);
    let ambiguous = StringChunked::new("ambiguous".into(), ["raise"]);
    let times =
        text.str()?.as_datetime(format.as_deref(), TimeUnit::Microseconds, true, false, Some(&TimeZone::UTC), &ambiguous)?;
    Ok(times.into_series().into_column())
}

fn xxhash64(columns: &mut [Column]) -> PolarsResult<Column> {
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
        for (state, value) in state.iter_mut().zip(values) {
            if let Some(value) = value {
                *state = hash(value, *state);
            }
        }
    }
    let column = if column.len() == state.len() { column.clone() } else { column.new_from_index(0, state.len()) };
    let physical = column.as_materialized_series().to_physical_repr().into_owned();
    match physical.dtype() {
        DataType::String => each(state, physical.str()?.iter(), |text: &str, seed| xxh64(text.as_bytes(), seed)),
        // Both zeros are one number.
        DataType::Float64 => {
            each(state, physical.f64()?.iter(), |number: f64, seed| xxh64(&(number + 0.0).to_bits().to_le_bytes(), seed));
        }
        DataType::Int64 => each(state, physical.i64()?.iter(), |number: i64, seed| xxh64(&number.to_le_bytes(), seed)),
        DataType::Int32 => each(state, physical.i32()?.iter(), |number: i32, seed| xxh64(&number.to_le_bytes(), seed)),
        DataType::UInt32 => {
            each(state, physical.u32()?.iter(), |number: u32, seed| xxh64(&i64::from(number).to_le_bytes(), seed));
        }
        DataType::Boolean => each(state, physical.bool()?.iter(), |flag: bool, seed| xxh64(&i32::from(flag).to_le_bytes(), seed)),
        DataType::Null => {}
        other => polars_bail!(InvalidOperation: "XXHASH64 cannot take a {other}"),
    }
    Ok(())
}
