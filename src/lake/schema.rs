//! Columns as the Delta log writes them.

use deltalake::kernel::{DataType as DeltaType, PrimitiveType, StructField};

use crate::frame::{Column, ColumnType};

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
