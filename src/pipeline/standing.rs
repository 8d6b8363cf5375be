//! The deliveries whose rows stand in bronze, as the log of its tables tells.

use crate::lake::{DataFile, Snapshot};
use crate::model::{Dataset, Month};

/// A delivery whose rows stand in bronze.
#[derive(Debug, Clone)]
pub struct Standing {
    /// What it is about.
    pub dataset: Dataset,
    /// Its month.
    pub month: Month,
    /// Its path below the landing folder.
    pub source_file: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// The run that loaded it.
    pub run_id: Option<String>,
    /// When it was loaded: microseconds since 1970-01-01, UTC.
    pub loaded_at: Option<i64>,
    /// Rows in bronze.
    pub rows: u64,
    pub(super) file: DataFile,
}

impl Standing {
    /// The columns of the file, in its order, and those of its lineage.
    pub fn columns(&self) -> Vec<String> {
        self.file.columns()
    }
}

/// The deliveries in a bronze table, from the statistics in its log: no data file is opened.
pub fn standing(snapshot: &Snapshot, dataset: Dataset) -> Vec<Standing> {
    let delivery = |file: &DataFile| {
        Some(Standing {
            dataset,
            month: Month::parse(file.partition_value("delivery_month")?)?,
            source_file: file.constant("_source_file")?.to_owned(),
            sha256: file.constant("_file_sha256")?.to_owned(),
            run_id: file.constant("_run_id").map(str::to_owned),
            loaded_at: file
                .constant("_ingested_at")
                .and_then(|at| at.parse::<jiff::Timestamp>().ok())
                .map(jiff::Timestamp::as_microsecond),
            rows: file.rows,
            file: file.clone(),
        })
    };
    snapshot.files.iter().filter_map(delivery).collect()
}
