//! Rows for people, for programs and for spreadsheets.

use crate::model::Timestamp;
use crate::model::cell::{is_invisible, visible};
use std::io::{self, IsTerminal, Write};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use serde_json::{Map, Value as Json};

use super::fit;
use crate::frame::{Column, Frame, Value};

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

/// What cells of CSV are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CsvCells {
    /// For programs: as they are.
    #[default]
    Exact,
    /// For a spreadsheet: an apostrophe before what it would take for a formula.
    SpreadsheetSafe,
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

fn json(names: &[String], rows: &[Vec<Value>]) -> String {
    use std::fmt::Write as _;
    let object = |row: &Vec<Value>| Json::Object(names.iter().cloned().zip(row.iter().map(json_value)).collect::<Map<_, _>>());
    let array = Json::Array(rows.iter().map(object).collect());
    // Control and format characters stand in texts only, where the escape is the same text.
    let escaped = |text: String| {
        text.chars().fold(String::with_capacity(text.len()), |mut text, c| {
            if c != '\n' && (c.is_control() || is_invisible(c)) {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    let _ = write!(text, "\\u{unit:04x}");
                }
            } else {
                text.push(c);
            }
            text
        })
    };
    let text = format!("{array:#}\n");
    if has_invisible_but_line_ends(&text) { escaped(text) } else { text }
}

fn has_invisible_but_line_ends(text: &str) -> bool {
    !text.is_ascii() && text.chars().any(|c| c != '\n' && (c.is_control() || is_invisible(c)))
}

fn json_value(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Text(text) => Json::from(text.as_str()),
        Value::Whole(number) => Json::from(*number),
        Value::Real(number) => Json::from(*number),
        Value::Flag(flag) => Json::from(*flag),
        Value::Day(day) => Json::from(day.to_string()),
        Value::Time(at) => Json::from(rfc3339(*at)),
    }
}

fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.micros()).map_or_else(|_| at.micros().to_string(), |at| at.to_string())
}

fn csv(names: &[String], rows: &[Vec<Value>], cells: CsvCells) -> String {
    let safe = |text: &str| match text.as_bytes().first() {
        Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r') if cells == CsvCells::SpreadsheetSafe => format!("'{text}"),
        _ => text.to_owned(),
    };
    let quoted =
        |cell: String| if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell };
    let line = |cells: Vec<String>| format!("{}\n", cells.into_iter().map(quoted).collect::<Vec<_>>().join(","));
    let cell = |value: &Value| match value {
        Value::Null => String::new(),
        Value::Time(at) => rfc3339(*at),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => safe(text),
        other => shown(other),
    };
    std::iter::once(line(names.to_vec())).chain(rows.iter().map(|row| line(row.iter().map(cell).collect()))).collect()
}

/// A cell for people: three decimals at most, times to the minute, nothing as `–`, texts in one line that acts on no terminal.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => "–".into(),
        Value::Text(text) => visible(text).into_owned(),
        Value::Whole(number) => number.to_string(),
        Value::Real(number) => decimals(*number),
        Value::Flag(flag) => if *flag { "yes" } else { "no" }.into(),
        Value::Day(day) => day.to_string(),
        Value::Time(at) => at.to_string(),
    }
}

fn decimals(number: f64) -> String {
    let text = format!("{number:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" || text.is_empty() { "0".into() } else { text.into() }
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
    use crate::model::Day;

    fn sample() -> (Vec<String>, Vec<Vec<Value>>) {
        let names = ["feeder_id", "mw", "seen", "at"].map(str::to_owned).to_vec();
        let day = Day::parse("2022-10-15").unwrap();
        let rows = vec![
            vec![
                Value::Text("a,\"b\"".into()),
                Value::Real(8.5),
                Value::Day(day),
                Value::Time(Timestamp::from_micros(1_665_792_000_000_000)),
            ],
            vec![Value::Null, Value::Real(0.1 + 0.2), Value::Null, Value::Null],
        ];
        (names, rows)
    }

    #[test]
    fn csv_quotes_what_must_be_quoted_and_leaves_nothing_empty() {
        let (names, rows) = sample();
        assert_eq!(
            csv(&names, &rows, CsvCells::Exact),
            "feeder_id,mw,seen,at\n\"a,\"\"b\"\"\",8.5,2022-10-15,2022-10-15T00:00:00Z\n,0.30000000000000004,,\n"
        );
    }

    #[test]
    fn coloured_table_is_laid_out_as_a_plain_one() {
        let (names, rows) = sample();
        let cells = || rows.iter().map(|row| row.iter().map(shown).collect()).collect();
        let plain = table(&fit::to_width(&names, cells(), None).0, &rows, false);
        let coloured = table(&fit::to_width(&names, cells(), None).0, &rows, true);
        assert_ne!(plain, coloured);
        assert_eq!(coloured.replace("\u{1b}[1m", "").replace("\u{1b}[0m", ""), plain);
    }

    #[test]
    fn csv_for_a_spreadsheet_holds_no_formula() {
        let names = ["a".to_owned()];
        let rows: Vec<Vec<Value>> = ["=1+2", "+1", "-1", "@SUM(A1)", "a=b", ""]
            .map(|text| vec![Value::Text(text.into())])
            .into_iter()
            .chain([vec![Value::Real(-1.5)]])
            .collect();
        assert_eq!(csv(&names, &rows, CsvCells::SpreadsheetSafe), "a\n'=1+2\n'+1\n'-1\n'@SUM(A1)\na=b\n\n-1.5\n");
        assert_eq!(csv(&names, &rows, CsvCells::Exact).lines().nth(1), Some("=1+2"));
    }

    #[test]
    fn json_escapes_what_acts_on_a_terminal_and_keeps_the_value() {
        let text = "a\u{1b}[2J\u{9b}31m\u{202e}b\u{e0041}";
        let printed = json(&["v".to_owned()], &[vec![Value::Text(text.into())]]);
        assert!(printed.chars().all(|c| c == '\n' || !(c.is_control() || is_invisible(c))), "{printed:?}");
        assert_eq!(serde_json::from_str::<Json>(&printed).unwrap()[0]["v"], text);
    }

    #[test]
    fn json_is_an_array_of_objects_with_nulls() {
        let (names, rows) = sample();
        let parsed: Json = serde_json::from_str(&json(&names, &rows)).unwrap();
        assert_eq!(parsed[0]["seen"], "2022-10-15");
        assert_eq!(parsed[1]["feeder_id"], Json::Null);
    }

    #[test]
    fn people_see_three_decimals() {
        assert_eq!(
            ["8.5", "0.3", "0", "17.138"],
            [8.5, 0.1 + 0.2, -0.0001, 17.138_004].map(decimals).each_ref().map(String::as_str)
        );
    }
}
