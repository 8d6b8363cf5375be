//! Every table of the lake above bronze: its place, columns and partitioning, declared once; what rows are made of.
//!
//! The contract that other programs read by; `docs/tables.md` describes it, and a test compares the two. Bronze tables have
//! the columns of their files, see `bronze`.

use crate::frame::{Column, ColumnType, Value};
use crate::lake::{Layer, TableId};
use crate::model::{Day, Timestamp};

/// A table: where it is, how it is partitioned, what its columns are.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    layer: Layer,
    name: &'static str,
    /// The columns whose values are in the log and not in the files.
    pub partition_by: &'static [&'static str],
    columns: &'static [(&'static str, ColumnType)],
}

impl Table {
    /// Its id in the lake.
    pub fn id(&self) -> TableId {
        TableId::new(self.layer, self.name)
    }

    /// Its columns, in their order.
    pub fn columns(&self) -> Vec<Column> {
        self.columns.iter().map(|(name, kind)| Column::new(name, *kind)).collect()
    }

    /// Their names.
    pub fn column_names(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.columns.iter().map(|(name, _)| *name)
    }
}

/// A row of a table: its cells are fields, by the names of the columns.
pub trait Row {
    /// The table that it is of.
    const TABLE: &'static Table;

    /// The cells in the order of the table's columns.
    fn cells(self) -> Vec<Value>;
}

/// The Rust type of a cell.
macro_rules! cell {
    (Text) => { Option<String> };
    (Whole) => { Option<i64> };
    (Real) => { Option<f64> };
    (Flag) => { Option<bool> };
    (Day) => { Option<Day> };
    (Time) => { Option<Timestamp> };
}

/// A cell as a value.
macro_rules! value {
    ($cell:expr, Text) => {
        Value::text($cell)
    };
    ($cell:expr, Whole) => {
        $cell.map_or(Value::Null, Value::Whole)
    };
    ($cell:expr, Real) => {
        $cell.map_or(Value::Null, Value::Real)
    };
    ($cell:expr, Flag) => {
        $cell.map_or(Value::Null, Value::Flag)
    };
    ($cell:expr, Day) => {
        $cell.map_or(Value::Null, Value::Day)
    };
    ($cell:expr, Time) => {
        $cell.map_or(Value::Null, Value::Time)
    };
}

macro_rules! tables {
    ($($(#[doc = $doc:literal])* $table:ident $(rows $row:ident)? = $layer:ident / $name:literal by [$($part:ident),*] { $($column:ident $kind:ident),* $(,)? })*) => {
        $(
            $(#[doc = $doc])*
            pub static $table: Table = Table {
                layer: Layer::$layer,
                name: $name,
                partition_by: &[$(stringify!($part)),*],
                columns: &[$((stringify!($column), ColumnType::$kind)),*],
            };
            tables!(@row $table $($row)? { $($column $kind),* });
        )*

        /// Every table.
        pub static ALL: &[&Table] = &[$(&$table),*];
    };
    (@row $table:ident { $($column:ident $kind:ident),* }) => {};
    (@row $table:ident $row:ident { $($column:ident $kind:ident),* }) => {
        #[doc = concat!("A row of [`", stringify!($table), "`]; `None` is null.")]
        #[derive(Debug, Clone, Default, PartialEq)]
        #[expect(missing_docs, reason = "columns are described in docs/tables.md")]
        pub struct $row { $(pub $column: cell!($kind)),* }

        impl Row for $row {
            const TABLE: &'static Table = &$table;

            fn cells(self) -> Vec<Value> {
                vec![$(value!(self.$column, $kind)),*]
            }
        }
    };
}

tables! {
    /// One row for each record, or file, that could not be taken.
    REJECTED rows RejectedRow = Silver / "rejected" by [utility_id, delivery_month] {
        utility_id Text, dataset Text, delivery_month Text, stage Text, source_file Text, source_line Whole, reason Text,
        column_name Text, value Text, raw_record Text, run_id Text,
    }
    /// One row for each version of a feeder.
    FEEDERS = Silver / "feeders" by [utility_id] {
        utility_id Text, feeder_id Text, voltage_kv Real, max_hosting_capacity_mw Real, min_hosting_capacity_mw Real,
        hca_refresh_date Day, map_color Text, notes Text, segment_count Whole, circuit_count Whole, length Real,
        record_hash Whole, valid_from_month Text, valid_to_month Text, is_current Flag,
    }
    /// The current segments of a utility whose months deliver changes only: of each key the row of the newest file counts.
    SEGMENTS = Silver / "segments" by [utility_id] {
        utility_id Text, record_key Text, feeder_id Text, circuit_id Text, voltage_kv Real, max_hosting_capacity_mw Real,
        min_hosting_capacity_mw Real, hca_refresh_date Day, map_color Text, notes Text, length Real, delivery_month Text,
        _source_file Text, _source_line Whole,
    }
    /// One row for each key of a dataset whose months deliver changes only: where its last record is.
    STANDING_RECORDS = Silver / "standing_records" by [utility_id, dataset] {
        utility_id Text, dataset Text, record_key Text, delivery_month Text, _source_file Text, _source_line Whole,
    }
    /// One row for each current circuit and the feeder that it belongs to.
    FEEDER_CIRCUITS = Silver / "feeder_circuits" by [utility_id] {
        utility_id Text, circuit_id Text, feeder_id Text, segment_count Whole,
    }
    /// One row for each version of a DER.
    DERS = Silver / "ders" by [utility_id] {
        utility_id Text, der_id Text, status Text, feeder_id Text, feeder_ref Text, feeder_match Text, der_type Text,
        der_type_source Text, technologies Text, nameplate_kw Real, inverter_nameplate_kw Real, interconnection_cost_usd Real,
        planned_in_service_date Day, completion_date Day, queue_position_at Time, project_status Text, service_address Text,
        _source_file Text, _source_line Whole, record_hash Whole, valid_from_month Text, valid_to_month Text, is_current Flag,
    }
    /// One row for each current feeder.
    FEEDER_CAPACITY = Platinum / "feeder_capacity" by [utility_id] {
        utility_id Text, feeder_id Text, voltage_kv Real, max_hosting_capacity_mw Real, min_hosting_capacity_mw Real,
        hca_refresh_date Day, installed_der_count Whole, planned_der_count Whole, planned_also_installed_count Whole,
        installed_der_mw Real, planned_der_mw Real, der_types Text, segment_count Whole, circuit_count Whole,
        first_seen_month Text, last_changed_month Text, delivery_month Text,
    }
    /// One row for each current DER.
    DER_DETAILS = Platinum / "der_details" by [utility_id] {
        utility_id Text, feeder_id Text, der_id Text, status Text, der_type Text, nameplate_kw Real, nameplate_mw Real,
        technologies Text, feeder_ref Text, feeder_match Text, also_installed Flag, planned_in_service_date Day,
        queue_position_at Time, project_status Text, interconnection_cost_usd Real, first_seen_month Text,
        last_changed_month Text, delivery_month Text,
    }
    /// One row for each delivered month, utility and dataset.
    DATA_QUALITY_SUMMARY rows SummaryRow = Platinum / "data_quality_summary" by [utility_id] {
        delivery_month Text, utility_id Text, dataset Text, row_count Whole, rejected_count Whole, duplicate_count Whole,
        missing_cells Whole, missing_rate Real, invalid_cells Whole, last_refresh Day, received_at Time, loaded_at Time,
        freshness Text, source_files Text,
    }
    /// One row for each delivered month, utility, dataset and source column.
    COLUMN_QUALITY rows ColumnQualityRow = Platinum / "column_quality" by [utility_id] {
        delivery_month Text, utility_id Text, dataset Text, column_name Text, row_count Whole, null_count Whole,
        sentinel_count Whole, missing_count Whole, invalid_count Whole, damaged_count Whole, absent Flag, distinct_count Whole, min_value Text,
        max_value Text,
    }
    /// One row for each month, utility and dataset, or kind of entity.
    MONTH_DIFF rows MonthDiffRow = Platinum / "month_diff" by [utility_id] {
        delivery_month Text, utility_id Text, dataset Text, previous_month Text, row_count Whole, previous_row_count Whole,
        current_count Whole, previous_current_count Whole, added Whole, changed Whole, removed Whole, unchanged Whole,
    }
    /// One row for each month, utility, dataset and column with changes.
    FIELD_CHANGES rows FieldChangesRow = Platinum / "field_changes" by [utility_id] {
        delivery_month Text, utility_id Text, dataset Text, column_name Text, changed Whole, cosmetic Whole,
    }
    /// One row for each delivery that a run looked at, or one without a file for a run that found none.
    RUNS rows RunRow = Ops / "runs" by [] {
        run_id Text, started_at Time, finished_at Time, utility_id Text, dataset Text, delivery_month Text, month_assumed Flag,
        source_file Text, file_sha256 Text, bytes Whole, received_at Time, changed_at Time, outcome Text, records Whole, rows_loaded Whole,
        rejected Whole, reason Text, source_line Whole, detail Text, next_step Text,
    }
    /// One row for each evaluation of a rule for a month, utility and dataset or kind of entity.
    RULE_RESULTS rows RuleResultRow = Ops / "rule_results" by [] {
        run_id Text, checked_at Time, delivery_month Text, utility_id Text, dataset Text, rule_id Text, rule_fingerprint Text,
        severity Text, outcome Text, checked_count Whole, failed_count Whole, threshold Text, detail Text, delivery_fingerprint Text,
    }
    /// One row for each decision of a steward about a failing rule.
    ACKNOWLEDGEMENTS rows AcknowledgementRow = Ops / "acknowledgements" by [] {
        rule_id Text, utility_id Text, dataset Text, delivery_month Text, failed_count Whole, reason Text, account Text,
        acknowledged_at Time, expires_on Day, rule_fingerprint Text, delivery_fingerprint Text, measure Text,
    }
    /// One row for each promotion into the environment, and each rollback.
    PROMOTIONS rows PromotionRow = Ops / "promotions" by [] {
        promotion_id Text, kind Text, from_env Text, to_env Text, delivery_month Text, promoted_at Time, account Text, reason Text,
        source_promotion Text, source_versions Text, target_versions Text, evidence Text, evidence_digest Text,
    }
}

/// A count as a cell.
pub fn count(count: u64) -> Option<i64> {
    Some(i64::try_from(count).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Entity, ModelKind};

    /// Each table has a heading in the docs, and each of its columns is named below it.
    #[test]
    fn every_table_and_column_is_described_in_the_docs() {
        let docs = include_str!("../../docs/tables.md");
        for table in ALL {
            let heading = format!("## {}\n", table.id());
            let (_, rest) = docs.split_once(&heading).unwrap_or_else(|| panic!("no heading `{}`", heading.trim()));
            let section = rest.split("\n## ").next().unwrap();
            for (column, _) in table.columns {
                assert!(section.contains(&format!("`{column}`")), "{}: `{column}` is not described", table.id());
            }
            for column in table.partition_by {
                assert!(table.columns.iter().any(|(name, _)| name == column), "{}: {column}", table.id());
            }
        }
    }

    /// A silver table is its keys, what describes the entity, and when the version holds; all of what describes it is hashed
    /// and compared.
    #[test]
    fn silver_tables_are_the_columns_of_the_model() {
        let frame = [
            "utility_id",
            "status",
            "_source_file",
            "_source_line",
            "record_hash",
            "valid_from_month",
            "valid_to_month",
            "is_current",
        ];
        for (entity, table) in [(Entity::Feeders, &FEEDERS), (Entity::Ders, &DERS)] {
            let stored: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
            for column in entity.described() {
                let kind = table.columns.iter().find(|(name, _)| *name == column.name).map(|(_, kind)| *kind);
                let expected = match column.kind {
                    ModelKind::Text | ModelKind::Id => ColumnType::Text,
                    ModelKind::Number | ModelKind::Power(_) => ColumnType::Real,
                    ModelKind::Date => ColumnType::Day,
                    ModelKind::Timestamp => ColumnType::Time,
                    ModelKind::Count => ColumnType::Whole,
                };
                assert_eq!(kind, Some(expected), "{}", column.name);
            }
            let described = |name: &str| entity.described().any(|column| column.name == name);
            let rest: Vec<&str> = stored.into_iter().filter(|name| !described(name) && !frame.contains(name)).collect();
            assert_eq!(rest, [entity.id()], "every other column of {} describes it", table.id());
        }
    }
}
