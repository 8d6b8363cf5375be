//! Rows for people, for programs and for spreadsheets.

use std::io::{self, IsTerminal, Write};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

use super::fit;
use crate::frame::text::{csv, json};
use crate::frame::{Column, Frame, Value};
use crate::model::cell::visible;

pub use crate::frame::text::{CsvCells, shown};

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// An array of objects with the table's column names.
    Json,
    /// Comma-separated, with a header.
    Csv,
}

/// When output is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Where rows and words go.
#[derive(Debug, Clone, Copy, Default)]
pub struct Printer {
    /// How rows are printed.
    pub format: Format,
    /// When they are coloured.
    pub color: ColorChoice,
    /// Say nothing but rows and errors.
    pub quiet: bool,
    /// How much more to say.
    pub verbose: u8,
    /// Whether cells of CSV that a spreadsheet would take for a formula are made harmless.
    pub cells: CsvCells,
    /// Columns of the terminal that tables are fitted to; `None` where they may be as wide as they are.
    pub width: Option<usize>,
}

impl Printer {
    /// A line for the person in front of it, on standard error.
    pub fn say(&self, line: impl AsRef<str>) {
        if !self.quiet {
            let lines: Vec<_> = line.as_ref().split('\n').map(visible).collect();
            let _ = writeln!(io::stderr(), "{}", lines.join("\n"));
        }
    }

    /// Text on standard output.
    ///
    /// # Errors
    /// Nobody reads any more, or the disk is full.
    pub fn print(&self, text: &str) -> io::Result<()> {
        io::stdout().lock().write_all(text.as_bytes())
    }

    /// Text of the data on standard output, whose line ends are kept and whose other control characters are not.
    ///
    /// # Errors
    /// Nobody reads any more, or the disk is full.
    pub fn print_raw(&self, text: &str) -> io::Result<()> {
        let lines: Vec<_> = text.split('\n').map(|line| visible(line.strip_suffix('\r').unwrap_or(line))).collect();
        self.print(&format!("{}\n", lines.join("\n")))
    }

    /// The rows of a frame.
    ///
    /// # Errors
    /// Nobody reads any more, or the disk is full.
    pub fn frame(&self, frame: &Frame) -> io::Result<()> {
        let names: Vec<String> = frame.names().into_iter().map(str::to_owned).collect();
        let rows: Vec<Vec<Value>> = (0..frame.height()).map(|row| frame.row(row)).collect();
        self.print(&self.render(&names, &rows))
    }

    /// Rows of cells.
    ///
    /// # Errors
    /// Nobody reads any more, or the disk is full.
    pub fn rows(&self, columns: &[Column], rows: &[Vec<Value>]) -> io::Result<()> {
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        self.print(&self.render(&names, rows))
    }

    fn render(self, names: &[String], rows: &[Vec<Value>]) -> String {
        match self.format {
            Format::Json => json(names, rows),
            Format::Csv if io::stdout().is_terminal() => {
                csv(names, rows, self.cells).split('\n').map(visible).collect::<Vec<_>>().join("\n")
            }
            Format::Csv => csv(names, rows, self.cells),
            Format::Table => {
                let cells = rows.iter().map(|row| row.iter().map(shown).collect()).collect();
                let (fitted, left_out) = fit::to_width(names, cells, self.width);
                if !left_out.is_empty() {
                    let some = left_out.iter().take(4).cloned().collect::<Vec<_>>().join(", ");
                    let more = if left_out.len() > 4 { ", …" } else { "" };
                    self.say(format!("{} columns do not fit ({some}{more}); `--wide` shows all", left_out.len()));
                }
                table(&fitted, rows, self.is_colored())
            }
        }
    }

    fn is_colored(self) -> bool {
        match self.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        }
    }
}

fn table(fitted: &fit::Fitted, rows: &[Vec<Value>], colored: bool) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(fitted.names.iter().map(Cell::new));
    for (row, cells) in rows.iter().zip(&fitted.cells) {
        table.add_row(cells.iter().zip(&fitted.columns).map(|(cell, at)| {
            let is_number = matches!(row[*at], Value::Whole(_) | Value::Real(_));
            Cell::new(cell).set_alignment(if is_number { CellAlignment::Right } else { CellAlignment::Left })
        }));
    }
    // A sequence in a cell would count as its text.
    let line =
        |(at, line): (usize, &str)| if colored && at == 1 { format!("\u{1b}[1m{line}\u{1b}[0m\n") } else { format!("{line}\n") };
    table.to_string().lines().enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coloured_table_is_laid_out_as_a_plain_one() {
        let names = ["feeder_id", "mw"].map(str::to_owned).to_vec();
        let rows = vec![vec![Value::Text("a,\"b\"".into()), Value::Real(8.5)], vec![Value::Null, Value::Real(0.1 + 0.2)]];
        let cells = || rows.iter().map(|row| row.iter().map(shown).collect()).collect();
        let plain = table(&fit::to_width(&names, cells(), None).0, &rows, false);
        let coloured = table(&fit::to_width(&names, cells(), None).0, &rows, true);
        assert_ne!(plain, coloured);
        assert_eq!(coloured.replace("\u{1b}[1m", "").replace("\u{1b}[0m", ""), plain);
    }
}
