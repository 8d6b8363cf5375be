//! The rows of a list into a file: as shown, in the order shown, with the values as they are stored.

use super::pick::{self, Choice};
use crate::app::screen::{Effect, Screen};
use crate::app::table::Table;
use crate::app::world::World;
use crate::app::write::{ExportFormat, Write};

/// In which format?
pub fn of(table: &Table, world: &World) -> Box<dyn Screen> {
    let month = world.month().map_or(String::new(), |month| format!("_{month}"));
    let name = format!("{}{month}", table.name);
    let rows = table.exported();
    let count = crate::app::table::grouped(&table.length().to_string());
    let choice = |format: ExportFormat| {
        let (name, rows) = (name.clone(), rows.clone());
        let note = match format {
            ExportFormat::Csv => "for a spreadsheet: no cell is a formula",
            ExportFormat::Json => "an array of objects",
            ExportFormat::Parquet => "with types",
            ExportFormat::Markdown => "a table for a note",
        };
        Choice {
            name: format.extension().to_owned(),
            note: format!("{note}, {count} rows"),
            choose: Box::new(move || vec![Effect::Write(Write::Export { name: name.clone(), rows: rows.clone(), format })]),
        }
    };
    pick::of("Export what is shown", ExportFormat::ALL.into_iter().map(choice).collect(), "csv")
}
