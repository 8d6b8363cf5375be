//! A utility's bronze tables: which deliveries are in them, and their rows.
//!
//! Opened once for a phase of a run and handed on; everything above bronze reads deliveries through it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::files::{CommittedFile, committed_files};
use super::precedence;
use crate::config::{UtilityAdapter, column_name};
use crate::engine::Work;
use crate::frame::{Relation, schema};
use crate::lake::{DataFile, Lake, Snapshot, TableId};
use crate::model::{Dataset, Month};
use crate::pipeline::PipelineError;

/// A utility's bronze tables as of one moment, and how to read them.
pub struct BronzeTables<'a> {
    /// The lake.
    pub lake: &'a Lake,
    /// The utility's adapter.
    pub adapter: &'a UtilityAdapter,
    /// The bronze tables that exist.
    pub tables: Vec<(Dataset, Arc<Snapshot>)>,
    /// The deliveries in them, by dataset, month and name.
    pub files: Vec<CommittedFile>,
    /// Headers of files, for the plans of datasets that have no table yet.
    pub headers: Vec<(Dataset, Vec<String>)>,
    /// What executes queries over them.
    pub work: Work<'a>,
}

impl<'a> BronzeTables<'a> {
    /// Opens the bronze tables of several utilities.
    ///
    /// # Errors
    /// A log cannot be read.
    pub fn open_all(lake: &'a Lake, adapters: &'a [UtilityAdapter], work: Work<'a>) -> Result<Vec<Self>, PipelineError> {
        adapters.iter().map(|adapter| Self::open(lake, adapter, work)).collect()
    }

    /// Opens the bronze tables of a utility.
    ///
    /// # Errors
    /// A log cannot be read.
    pub fn open(lake: &'a Lake, adapter: &'a UtilityAdapter, work: Work<'a>) -> Result<Self, PipelineError> {
        let mut tables = Vec::new();
        let mut files = Vec::new();
        for dataset in Dataset::ALL {
            if adapter.dataset(dataset).is_some()
                && let Some(snapshot) = lake.snapshot(&TableId::bronze(&adapter.id, dataset))?
            {
                snapshot.expect_files()?;
                files.extend(committed_files(&snapshot, dataset)?);
                tables.push((dataset, snapshot));
            }
        }
        Ok(Self { lake, adapter, tables, files, headers: Vec::new(), work })
    }

    /// The deliveries of a dataset for a month.
    pub fn delivered(&self, dataset: Dataset, month: Month) -> impl Iterator<Item = &CommittedFile> {
        self.files.iter().filter(move |file| file.dataset == dataset && file.month == month)
    }

    /// The end of an `ORDER BY` of a month's records, the one that counts first.
    pub fn order_in(&self, dataset: Dataset, month: Month) -> String {
        precedence::order(self.delivered(dataset, month), false)
    }

    /// The same of records of several months, those for which `is_in` holds.
    pub fn order(&self, dataset: Dataset, is_in: impl Fn(Month) -> bool) -> String {
        precedence::order(self.files.iter().filter(|file| file.dataset == dataset && is_in(file.month)), true)
    }

    /// Rows of a dataset's deliveries for a month.
    pub fn row_count(&self, dataset: Dataset, month: Month) -> u64 {
        self.delivered(dataset, month).map(|file| file.rows).sum()
    }

    /// The months that a dataset was delivered for.
    pub fn months(&self, dataset: Dataset) -> BTreeSet<Month> {
        self.files.iter().filter(|file| file.dataset == dataset).map(|file| file.month).collect()
    }

    /// The columns of a dataset's bronze table, or of the headers where there is none.
    pub fn columns(&self, dataset: Dataset) -> Vec<String> {
        let of_header = || {
            self.headers
                .iter()
                .filter(|(of, _)| *of == dataset)
                .flat_map(|(_, labels)| labels)
                .map(|label| column_name(label))
                .collect()
        };
        // A file that an earlier version of the program loaded may have a column that no plan can name.
        let can_be_named = |name: &String| column_name(name) == *name;
        let of_table = |table: &Snapshot| table.columns.iter().map(|column| column.name.clone()).filter(can_be_named).collect();
        self.table(dataset).map_or_else(of_header, of_table)
    }

    /// Those of them that a month brought, or one before it: what only a later month brought says nothing about it.
    pub fn columns_until(&self, dataset: Dataset, month: Month) -> Vec<String> {
        let until: Vec<&CommittedFile> =
            self.files.iter().filter(|file| file.dataset == dataset && file.month <= month).collect();
        let is_known = |column: &String| schema::is_lineage(column) || until.iter().any(|file| file.stores(column));
        self.columns(dataset).into_iter().filter(is_known).collect()
    }

    /// The bronze table of a dataset.
    pub fn table(&self, dataset: Dataset) -> Option<&Snapshot> {
        self.tables.iter().find(|(name, _)| *name == dataset).map(|(_, table)| &**table)
    }

    /// The bronze rows of the months that `keep` wants.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn rows(&self, dataset: Dataset, keep: impl Fn(Month) -> bool) -> Result<Option<Relation>, PipelineError> {
        let Some(table) = self.table(dataset) else { return Ok(None) };
        let wanted = |file: &DataFile| file.partition_value("delivery_month").and_then(Month::parse).is_some_and(&keep);
        Ok(Some(table.scan(wanted)))
    }
}
