//! The columns of every table: the contract that other programs read by.

use deltalake::kernel::{DataType as DeltaType, PrimitiveType, StructField};
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

/// Columns of rows that are shown and not stored, written as those of the tables.
pub fn columns_of(list: &str) -> Vec<Column> {
    columns(list)
}

/// Columns written as `name type, name type`: the tables below read like their documentation.
fn columns(list: &str) -> Vec<Column> {
    let kind = |word: &str| match word {
        "whole" => ColumnType::Whole,
        "real" => ColumnType::Real,
        "flag" => ColumnType::Flag,
        "day" => ColumnType::Day,
        "time" => ColumnType::Time,
        _ => ColumnType::Text,
    };
    list.split(',')
        .filter_map(|part| part.trim().split_once(' '))
        .map(|(name, word)| Column::new(name, kind(word.trim())))
        .collect()
}

/// Columns that every bronze table has beside those of the source.
pub fn bronze_lineage() -> Vec<Column> {
    columns("delivery_month text, _source_file text, _source_line whole, _file_sha256 text, _ingested_at time, _run_id text")
}

/// Whether a column of a bronze table is one of its own and not of the source.
pub fn is_lineage(name: &str) -> bool {
    bronze_lineage().iter().any(|column| column.name == name)
}

/// `silver/rejected`: one row for each record, or file, that could not be taken.
pub fn rejected() -> Vec<Column> {
    columns(
        "utility_id text, dataset text, delivery_month text, stage text, source_file text, source_line whole, \
         reason text, column_name text, value text, raw_record text, run_id text",
    )
}

/// `silver/feeders`: one row for each version of a feeder.
pub fn feeders() -> Vec<Column> {
    columns(
        "utility_id text, feeder_id text, voltage_kv real, max_hosting_capacity_mw real, min_hosting_capacity_mw real, \
         hca_refresh_date day, map_color text, notes text, segment_count whole, circuit_count whole, length real, \
         record_hash whole, valid_from_month text, valid_to_month text, is_current flag",
    )
}

/// `silver/feeder_circuits`: one row for each current circuit and the feeder that it belongs to.
pub fn feeder_circuits() -> Vec<Column> {
    columns("utility_id text, circuit_id text, feeder_id text, segment_count whole")
}

/// `silver/ders`: one row for each version of a DER.
pub fn ders() -> Vec<Column> {
    columns(
        "utility_id text, der_id text, status text, feeder_id text, feeder_ref text, feeder_match text, der_type text, \
         der_type_source text, technologies text, nameplate_kw real, inverter_nameplate_kw real, \
         interconnection_cost_usd real, planned_in_service_date day, completion_date day, queue_position_at time, \
         project_status text, service_address text, _source_file text, _source_line whole, record_hash whole, \
         valid_from_month text, valid_to_month text, is_current flag",
    )
}

/// `platinum/feeder_capacity`: one row for each current feeder.
pub fn feeder_capacity() -> Vec<Column> {
    columns(
        "utility_id text, feeder_id text, voltage_kv real, max_hosting_capacity_mw real, min_hosting_capacity_mw real, \
         hca_refresh_date day, installed_der_count whole, planned_der_count whole, planned_also_installed_count whole, \
         installed_der_mw real, planned_der_mw real, der_types text, segment_count whole, circuit_count whole, \
         first_seen_month text, last_changed_month text, delivery_month text",
    )
}

/// `platinum/der_details`: one row for each current DER.
pub fn der_details() -> Vec<Column> {
    columns(
        "utility_id text, feeder_id text, der_id text, status text, der_type text, nameplate_kw real, nameplate_mw real, \
         technologies text, feeder_ref text, feeder_match text, also_installed flag, planned_in_service_date day, \
         queue_position_at time, project_status text, interconnection_cost_usd real, first_seen_month text, \
         last_changed_month text, delivery_month text",
    )
}

/// `platinum/data_quality_summary`: one row for each delivered month, utility and dataset.
pub fn data_quality_summary() -> Vec<Column> {
    columns(
        "delivery_month text, utility_id text, dataset text, row_count whole, rejected_count whole, duplicate_count whole, \
         missing_cells whole, missing_rate real, invalid_cells whole, last_refresh day, received_at time, loaded_at time, \
         freshness text, source_files text",
    )
}

/// `platinum/column_quality`: one row for each delivered month, utility, dataset and source column.
pub fn column_quality() -> Vec<Column> {
    columns(
        "delivery_month text, utility_id text, dataset text, column_name text, row_count whole, null_count whole, \
         sentinel_count whole, missing_count whole, invalid_count whole, absent flag, distinct_count whole, \
         min_value text, max_value text",
    )
}

/// `platinum/month_diff`: one row for each month, utility and dataset, or kind of entity.
pub fn month_diff() -> Vec<Column> {
    columns(
        "delivery_month text, utility_id text, dataset text, previous_month text, row_count whole, \
         previous_row_count whole, current_count whole, previous_current_count whole, added whole, changed whole, \
         removed whole, unchanged whole",
    )
}

/// `platinum/field_changes`: one row for each month, utility, dataset and column with changes.
pub fn field_changes() -> Vec<Column> {
    columns("delivery_month text, utility_id text, dataset text, column_name text, changed whole, cosmetic whole")
}

/// `ops/runs`: one row for each delivery that a run looked at, or one without a file for a run that found none.
pub fn runs() -> Vec<Column> {
    columns(
        "run_id text, started_at time, finished_at time, utility_id text, dataset text, delivery_month text, \
         month_assumed flag, source_file text, file_sha256 text, bytes whole, received_at time, outcome text, \
         records whole, rows_loaded whole, rejected whole, reason text, source_line whole, detail text, next_step text",
    )
}

/// `ops/rule_results`: one row for each evaluation of a rule for a month, utility and dataset or kind of entity.
pub fn rule_results() -> Vec<Column> {
    columns(
        "run_id text, checked_at time, delivery_month text, utility_id text, dataset text, rule_id text, \
         rule_fingerprint text, severity text, outcome text, checked_count whole, failed_count whole, threshold text, \
         detail text",
    )
}

/// `ops/acknowledgements`: one row for each decision of a steward about a failing rule.
pub fn acknowledgements() -> Vec<Column> {
    columns(
        "rule_id text, utility_id text, dataset text, delivery_month text, failed_count whole, reason text, account text, \
         acknowledged_at time, expires_on day",
    )
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

pub(crate) fn polars_schema<'a>(columns: impl Iterator<Item = &'a Column>) -> Schema {
    columns.map(|column| (PlSmallStr::from_str(&column.name), polars_type(column.kind))).collect()
}

pub(super) fn delta_field(column: &Column) -> StructField {
    let kind = match column.kind {
        ColumnType::Text => PrimitiveType::String,
        ColumnType::Whole => PrimitiveType::Long,
        ColumnType::Real => PrimitiveType::Double,
        ColumnType::Flag => PrimitiveType::Boolean,
        ColumnType::Day => PrimitiveType::Date,
        ColumnType::Time => PrimitiveType::Timestamp,
    };
    StructField::new(&column.name, DeltaType::Primitive(kind), true)
}

pub(super) fn column_type(field: &StructField) -> ColumnType {
    match field.data_type() {
        DeltaType::Primitive(PrimitiveType::Long | PrimitiveType::Integer | PrimitiveType::Short | PrimitiveType::Byte) => {
            ColumnType::Whole
        }
        DeltaType::Primitive(PrimitiveType::Double | PrimitiveType::Float) => ColumnType::Real,
        DeltaType::Primitive(PrimitiveType::Boolean) => ColumnType::Flag,
        DeltaType::Primitive(PrimitiveType::Date) => ColumnType::Day,
        DeltaType::Primitive(PrimitiveType::Timestamp | PrimitiveType::TimestampNtz) => ColumnType::Time,
        _ => ColumnType::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_lists_is_a_type() {
        for list in [feeders(), ders(), runs(), rejected(), der_details(), column_quality()] {
            assert!(list.iter().all(|column| !column.name.contains(' ')), "{list:?}");
        }
        assert_eq!(feeders().len(), 15);
        assert_eq!(ders()[14], Column::new("queue_position_at", ColumnType::Time));
    }
}
