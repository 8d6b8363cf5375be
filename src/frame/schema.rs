//! Columns: their names and types, the same in Delta, Parquet and the engine.

use polars::prelude::{DataType, PlSmallStr, Schema, TimeUnit, TimeZone};

/// The type of a column, the same in Delta, Parquet and the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// UTF-8 text.
    Text,
    /// 64-bit whole number.
    Whole,
    /// 64-bit real number.
    Real,
    /// Yes or no.
    Flag,
    /// Calendar day.
    Day,
    /// Microseconds, UTC.
    Time,
}

impl ColumnType {
    /// All of them.
    pub(super) const ALL: [Self; 6] = [Self::Text, Self::Whole, Self::Real, Self::Flag, Self::Day, Self::Time];
}

/// A column of a table; every column may be null.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: ColumnType,
}

impl Column {
    /// A column.
    pub fn new(name: &str, kind: ColumnType) -> Self {
        Self { name: name.to_owned(), kind }
    }
}

/// Columns written as `name Type, name Type`; a type that there is not does not compile.
macro_rules! columns {
    ($($name:ident $kind:ident),* $(,)?) => {
        vec![$($crate::frame::Column::new(stringify!($name), $crate::frame::ColumnType::$kind)),*]
    };
}

pub(crate) use columns;

/// Columns that every bronze table has beside those of the source.
pub fn bronze_lineage() -> Vec<Column> {
    columns![
        delivery_month Text, _source_file Text, _source_line Whole, _record_hash Whole, _file_sha256 Text, _ingested_at Time,
        _run_id Text
    ]
}

/// Whether a column of a bronze table is one of its own and not of the source.
pub fn is_lineage(name: &str) -> bool {
    bronze_lineage().iter().any(|column| column.name == name)
}

pub(crate) fn polars_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Text => DataType::String,
        ColumnType::Whole => DataType::Int64,
        ColumnType::Real => DataType::Float64,
        ColumnType::Flag => DataType::Boolean,
        ColumnType::Day => DataType::Date,
        ColumnType::Time => DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)),
    }
}

/// The type that a column of the engine is of; `None` for one that no table has.
pub(crate) fn kind_of(found: &DataType) -> Option<ColumnType> {
    use ColumnType::{Day, Flag, Real, Text, Time, Whole};
    [Text, Whole, Real, Flag, Day, Time].into_iter().find(|kind| polars_type(*kind) == *found)
}

pub(crate) fn polars_schema<'a>(columns: impl Iterator<Item = &'a Column>) -> Schema {
    columns.map(|column| (PlSmallStr::from_str(&column.name), polars_type(column.kind))).collect()
}
