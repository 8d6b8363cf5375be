//! `utilities`: the adapters and what they take.

use super::{Context, Exit};
use crate::frame::{Column, ColumnType, Value};

/// Prints one row for each dataset of each adapter.
///
/// # Errors
/// Nobody reads any more.
pub fn run(context: &Context) -> anyhow::Result<Exit> {
    let names = ["utility_id", "name", "dataset", "files", "record_key", "delivery", "grain", "columns", "adapter"];
    let columns: Vec<Column> = names.iter().map(|name| Column::new(name, ColumnType::Text)).collect();
    let mut rows = Vec::new();
    for adapter in &context.settings.utilities {
        for dataset in &adapter.datasets {
            let mapped: Vec<&str> = dataset.columns.iter().map(|(name, _)| *name).collect();
            let origin = adapter.origin.as_ref().map_or("built in".to_owned(), |path| path.display().to_string());
            let cells = [
                adapter.id.to_string(),
                adapter.name.clone(),
                dataset.dataset.to_string(),
                dataset.patterns.join(" "),
                dataset.key_text(),
                dataset.delivery.as_str().to_owned(),
                if dataset.grain == crate::config::Grain::Segment { "segment" } else { "entity" }.to_owned(),
                mapped.len().to_string(),
                origin,
            ];
            rows.push(cells.map(Value::Text).to_vec());
        }
    }
    context.printer.rows(&columns, &rows)?;
    Ok(Exit::Done)
}
