//! Rows that are still to be read, in words that every engine understands.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Column, Frame};

/// Rows that a query will read; nothing is read before it is asked for.
#[derive(Debug, Clone)]
pub enum Relation {
    /// In Parquet files.
    Files {
        /// The columns; one that a file lacks is null there.
        columns: Vec<Column>,
        /// The files.
        parts: Vec<FilePart>,
    },
    /// In memory.
    Rows(Frame),
}

/// One Parquet file of a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePart {
    /// Where it is.
    pub path: PathBuf,
    /// Columns that have one value in all rows of the file and are not in it.
    pub constants: BTreeMap<String, Option<String>>,
}

impl Relation {
    /// The same rows with those of its columns that are wanted: what is wide costs time wherever it is named.
    #[must_use]
    pub fn narrowed(&self, wanted: impl Fn(&str) -> bool) -> Self {
        match self {
            Self::Files { columns, parts } => {
                let columns = columns.iter().filter(|column| wanted(&column.name)).cloned().collect();
                Self::Files { columns, parts: parts.clone() }
            }
            Self::Rows(rows) => Self::Rows(rows.narrowed(wanted)),
        }
    }

    /// Whether no row has a value in a column, as far as that is known without a look at files.
    pub fn is_without(&self, column: &str) -> bool {
        matches!(self, Self::Rows(rows) if rows.is_without(column))
    }

    /// Whether it is known to have no rows, without a look at them.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Files { parts, .. } if parts.is_empty())
    }

    /// No rows, with these columns.
    pub fn empty(columns: &[Column]) -> Self {
        Self::Files { columns: columns.to_vec(), parts: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{ColumnType, Value};

    /// Rows in memory, too: the work of a plan grows with the columns that it could read.
    #[test]
    fn narrowed_rows_have_the_wanted_columns_alone() {
        let columns = ["a", "b", "c"].map(|name| Column::new(name, ColumnType::Whole));
        let rows = Frame::from_rows(&columns, &[vec![Value::Whole(1), Value::Whole(2), Value::Whole(3)]]).unwrap();
        let Relation::Rows(narrow) = rows.relation().narrowed(|column| column != "b") else { panic!("rows") };
        assert_eq!((narrow.names(), narrow.row(0)), (vec!["a", "c"], vec![Value::Whole(1), Value::Whole(3)]));
        let Relation::Rows(nothing) = rows.relation().narrowed(|_| false) else { panic!("rows") };
        assert_eq!((nothing.height(), nothing.names().len()), (1, 0));
        let files = Relation::Files { columns: columns.to_vec(), parts: Vec::new() };
        assert!(matches!(files.narrowed(|column| column == "c"), Relation::Files { columns, .. } if columns.len() == 1));
    }
}
