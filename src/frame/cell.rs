//! Cells of rows: by themselves, and of a column.

use polars::prelude::{
    AnyValue, BooleanChunked, DataType, Float64Chunked, Int32Chunked, Int64Chunked, IntoColumn, IntoSeries, PlSmallStr,
    PolarsResult, Scalar, StringChunked, TimeUnit,
};

use super::{Column, ColumnType, PolarsColumn, schema};
use crate::model::{Day, Timestamp};

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing is known.
    Null,
    /// Text.
    Text(String),
    /// A whole number.
    Whole(i64),
    /// A real number.
    Real(f64),
    /// Yes or no.
    Flag(bool),
    /// A day.
    Day(Day),
    /// A moment.
    Time(Timestamp),
}

impl Value {
    /// Text, or null for `None`.
    pub fn text(text: Option<impl Into<String>>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(text.into()))
    }

    /// A count.
    pub fn count(count: u64) -> Self {
        Self::Whole(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// The text inside, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number inside as a whole one, if it is a number.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Whole(number) => Some(*number),
            Self::Real(number) => Some(*number as i64),
            _ => None,
        }
    }

    /// The number inside, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Whole(number) => Some(*number as f64),
            Self::Real(number) => Some(*number),
            _ => None,
        }
    }
}

/// One cell, not copied.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CellRef<'a> {
    /// Nothing is known.
    Null,
    /// Text.
    Text(&'a str),
    /// A whole number.
    Whole(i64),
    /// A real number.
    Real(f64),
    /// Yes or no.
    Flag(bool),
    /// A day.
    Day(Day),
    /// A moment.
    Time(Timestamp),
}

impl CellRef<'_> {
    /// Whether it is this value.
    pub fn is(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Null, Value::Null) => true,
            (Self::Text(a), Value::Text(b)) => a == b,
            (Self::Whole(a), Value::Whole(b)) => a == *b,
            (Self::Real(a), Value::Real(b)) => a.to_bits() == b.to_bits(),
            (Self::Flag(a), Value::Flag(b)) => a == *b,
            (Self::Day(a), Value::Day(b)) => a == *b,
            (Self::Time(a), Value::Time(b)) => a == *b,
            _ => false,
        }
    }

    /// The number inside, if it is one.
    pub fn as_f64(self) -> Option<f64> {
        match self {
            Self::Whole(number) => Some(number as f64),
            Self::Real(number) => Some(number),
            _ => None,
        }
    }
}

/// The cells of a column.
#[derive(Debug, Clone, Copy)]
pub enum Cells<'a> {
    /// Texts, which are read most.
    Texts(&'a StringChunked),
    /// Any other type.
    Any(&'a polars::prelude::Series),
}

impl<'a> Cells<'a> {
    /// The cell of a row; null where there is no such row.
    pub fn at(self, row: usize) -> CellRef<'a> {
        let cells = match self {
            Self::Texts(texts) if row < texts.len() => return texts.get(row).map_or(CellRef::Null, CellRef::Text),
            Self::Texts(_) => return CellRef::Null,
            Self::Any(cells) => cells,
        };
        match cells.get(row) {
            Ok(AnyValue::String(text)) => CellRef::Text(text),
            Ok(AnyValue::Boolean(flag)) => CellRef::Flag(flag),
            Ok(AnyValue::Int64(number)) => CellRef::Whole(number),
            Ok(AnyValue::Float64(number)) => CellRef::Real(number),
            Ok(AnyValue::Date(days)) => CellRef::Day(Day::from_epoch_days(days)),
            Ok(AnyValue::Datetime(at, unit, _) | AnyValue::DatetimeOwned(at, unit, _)) => CellRef::Time(timestamp(at, unit)),
            Ok(other) => other.extract::<i64>().map_or(CellRef::Null, CellRef::Whole),
            Err(_) => CellRef::Null,
        }
    }
}

pub(super) fn build_column(column: &Column, rows: &[Vec<Value>], at: usize) -> PolarsResult<PolarsColumn> {
    let cells = || rows.iter().map(move |row| row.get(at).unwrap_or(&Value::Null));
    let name = PlSmallStr::from_str(&column.name);
    let series = match column.kind {
        ColumnType::Text => cells().map(Value::as_str).collect::<StringChunked>().into_series(),
        ColumnType::Whole => cells().map(Value::as_i64).collect::<Int64Chunked>().into_series(),
        ColumnType::Real => cells().map(Value::as_f64).collect::<Float64Chunked>().into_series(),
        ColumnType::Flag => cells()
            .map(|value| if let Value::Flag(flag) = value { Some(*flag) } else { None })
            .collect::<BooleanChunked>()
            .into_series(),
        ColumnType::Day => {
            let days = cells().map(|value| if let Value::Day(day) = value { Some(day.epoch_days()) } else { None });
            days.collect::<Int32Chunked>().into_series().cast(&DataType::Date)?
        }
        ColumnType::Time => {
            let micros = cells().map(|value| if let Value::Time(at) = value { Some(at.micros()) } else { None });
            micros.collect::<Int64Chunked>().into_series().cast(&schema::polars_type(ColumnType::Time))?
        }
    };
    Ok(series.with_name(name).into_column())
}

/// A column of so many rows that have one value, given as text, or none.
pub(crate) fn constant(column: &Column, value: Option<&str>, rows: usize) -> PolarsResult<PolarsColumn> {
    let (name, kind) = (PlSmallStr::from_str(&column.name), schema::polars_type(column.kind));
    let Some(value) = value else { return Ok(PolarsColumn::full_null(name, rows, &kind)) };
    Scalar::from(PlSmallStr::from_str(value)).into_column(name).new_from_index(0, rows).cast(&kind)
}

pub(super) fn value_of(any: &AnyValue<'_>) -> Value {
    match any {
        AnyValue::Null => Value::Null,
        AnyValue::String(text) => Value::Text((*text).to_owned()),
        AnyValue::StringOwned(text) => Value::Text(text.to_string()),
        AnyValue::Boolean(flag) => Value::Flag(*flag),
        AnyValue::Date(days) => Value::Day(Day::from_epoch_days(*days)),
        AnyValue::Datetime(at, unit, _) | AnyValue::DatetimeOwned(at, unit, _) => Value::Time(timestamp(*at, *unit)),
        AnyValue::Float32(number) => Value::Real(f64::from(*number)),
        AnyValue::Float64(number) => Value::Real(*number),
        other => other.extract::<i64>().map_or_else(|| Value::Text(other.to_string()), Value::Whole),
    }
}

const fn timestamp(at: i64, unit: TimeUnit) -> Timestamp {
    Timestamp::from_micros(match unit {
        TimeUnit::Nanoseconds => at.div_euclid(1000),
        TimeUnit::Microseconds => at,
        TimeUnit::Milliseconds => at.saturating_mul(1000),
    })
}
