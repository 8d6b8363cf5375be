//! Rows as text: for people, for programs, for spreadsheets and for notes.

use serde_json::{Map, Value as Json};

use super::Value;
use crate::model::Timestamp;
use crate::model::cell::{is_invisible, visible};

/// What cells of CSV are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CsvCells {
    /// For programs: as they are.
    #[default]
    Exact,
    /// For a spreadsheet: an apostrophe before what it would take for a formula.
    SpreadsheetSafe,
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

/// An array of objects with the columns' names.
pub fn json(names: &[String], rows: &[Vec<Value>]) -> String {
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

/// Comma-separated rows with a header.
pub fn csv(names: &[String], rows: &[Vec<Value>], cells: CsvCells) -> String {
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

/// A table of Markdown; nothing in a cell is taken for markup.
pub fn markdown(names: &[String], rows: &[Vec<Value>]) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let cell = |value: &Value| match value {
        Value::Null => String::new(),
        Value::Real(number) => number.to_string(),
        other => inert(&shown(other)),
    };
    let head = [line(names.iter().map(|name| inert(name)).collect()), line(vec!["---".to_owned(); names.len()])];
    head.into_iter().chain(rows.iter().map(|row| line(row.iter().map(cell).collect()))).collect()
}

/// Text that Markdown takes for text.
fn inert(text: &str) -> String {
    visible(text).chars().fold(String::with_capacity(text.len()), |mut said, c| {
        if "\\`*_{}[]<>()#+-!|&~".contains(c) {
            said.push('\\');
        }
        said.push(c);
        said
    })
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
    fn markdown_is_inert_and_a_row_is_a_line() {
        let names = ["a|b".to_owned()];
        let text = markdown(&names, &[vec![Value::Text("<script>\n[x](y)|`".into())]]);
        assert_eq!(text, "| a\\|b |\n| --- |\n| \\<script\\>␊\\[x\\]\\(y\\)\\|\\` |\n");
    }

    #[test]
    fn people_see_three_decimals() {
        assert_eq!(
            ["8.5", "0.3", "0", "17.138"],
            [8.5, 0.1 + 0.2, -0.0001, 17.138_004].map(decimals).each_ref().map(String::as_str)
        );
    }
}
