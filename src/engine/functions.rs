//! SQL functions that the plans need and the engine's dialect lacks.
//!
//! `TRY_STRPTIME(text, format)` → time in UTC, null where the text is not in that notation (`try_strptime` of DuckDB).
//! `XXHASH64(a, b, …)` → whole number: the XXH64 of the values one after the other, each seeded with the hash so far,
//! 42 at first, nulls leaving it as it is (Spark's `xxhash64`). The same value gives the same hash for ever, which is
//! what a stored `record_hash` needs.

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
        Self(
            [text_to_time, hash]
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
fn time_field(_: &Schema, fields: &[Field]) -> PolarsResult<Field> {
    Ok(Field::new(field_name(fields), DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC))))
}

#[expect(clippy::unnecessary_wraps, reason = "the engine asks for this signature")]
fn hash_field(_: &Schema, fields: &[Field]) -> PolarsResult<Field> {
    Ok(Field::new(field_name(fields), DataType::Int64))
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
