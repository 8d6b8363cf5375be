//! `trace`: from a record's key to the line that it came from.

use super::{Context, Exit, Format, Usage};
use crate::app::reads::trace::{self, RecordFilter};
use crate::config::DatasetAdapter;
use crate::config::file::did_you_mean;
use crate::frame::{Column, ColumnType, Value};
use crate::model::{Dataset, Month, UtilityId};

/// Which record.
pub struct Record {
    /// Its key.
    pub key: String,
    /// Only of this month.
    pub month: Option<Month>,
    /// Only this source column.
    pub column: Option<String>,
}

/// Prints each cell of the record with file, line, hash and raw text.
///
/// # Errors
/// A table cannot be read, or there is no such utility, dataset or column.
pub fn run(context: &Context, utility: &UtilityId, dataset: Dataset, record: &Record) -> anyhow::Result<Exit> {
    context.known(Some(utility))?;
    let Some(adapter) = context.settings.utility(utility.as_str()) else { return Ok(Exit::Incomplete) };
    let wanted = RecordFilter {
        utility: utility.to_string(),
        dataset,
        key: Some(record.key.clone()),
        entity: None,
        place: None,
        month: record.month,
    };
    let traced = trace::records(&context.lake, &context.settings, &wanted)?;
    if traced.is_empty() {
        let key = adapter.dataset(dataset).map_or(String::new(), DatasetAdapter::key_text);
        context.printer.say(format!("no record of {utility} {dataset} has the key `{}`; a key is {key}", record.key));
        return Ok(Exit::Incomplete);
    }
    let names = ["delivery_month", "source_file", "source_line", "column_name", "value", "file_sha256", "run_id", "raw_record"];
    let columns: Vec<Column> = names
        .iter()
        .map(|name| Column::new(name, if *name == "source_line" { ColumnType::Whole } else { ColumnType::Text }))
        .collect();
    let mut rows = Vec::new();
    for found in &traced {
        let is_wanted = |name: &str| record.column.as_ref().is_none_or(|column| column.eq_ignore_ascii_case(name));
        if let Some(column) = &record.column
            && !found.cells.iter().any(|(name, _)| is_wanted(name))
        {
            let known = found.cells.iter().map(|(name, _)| name.as_str());
            return Err(Usage(format!("`{}` has no column `{column}`{}", found.source_file, did_you_mean(column, known))).into());
        }
        for (name, cell) in found.cells.iter().filter(|(name, _)| is_wanted(name)) {
            rows.push(vec![
                Value::Text(found.month.to_string()),
                Value::Text(found.source_file.clone()),
                Value::count(found.source_line),
                Value::Text(name.clone()),
                Value::Text(cell.clone()),
                Value::text(found.sha256.clone()),
                Value::Text(found.run_id.clone()),
                Value::text(found.raw.clone()),
            ]);
        }
    }
    if context.printer.format != Format::Table {
        context.printer.rows(&columns, &rows)?;
        return Ok(Exit::Done);
    }
    // For people: the place once, then the cells.
    for found in &traced {
        let place = format!("{} line {}", found.source_file, found.source_line);
        context.printer.print_raw(&format!(
            "{place} · {} · SHA-256 {} · run {}",
            found.month,
            found.sha256.as_deref().unwrap_or("unknown"),
            found.run_id
        ))?;
        let raw = found.raw.as_deref().unwrap_or("(the file is no longer in the landing folder as it was delivered)");
        context.printer.print_raw(raw)?;
        let ours: Vec<Vec<Value>> = rows
            .iter()
            .filter(|row| row[1] == Value::Text(found.source_file.clone()) && row[2] == Value::count(found.source_line))
            .map(|row| row[3..5].to_vec())
            .collect();
        context.printer.rows(&columns[3..5], &ours)?;
    }
    Ok(Exit::Done)
}
