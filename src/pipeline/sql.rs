//! Cells → values: the SQL expressions that read one cell as an adapter says.
//!
//! Every plan is rendered from these. The subset is common to the engines that this program knows of, but for
//! the functions that [`crate::engine`] adds.

use std::collections::HashMap;

use crate::config::{CellType, ColumnSource, Dialect, UtilityAdapter, column_name};

/// Columns that lead from a record to its line.
pub const LINEAGE: &str = "delivery_month, _source_file, _source_line";

/// The parts of a key, none of which is null, as one text: each but the last after its length, so that no two keys have the same.
pub fn record_key(parts: &[String]) -> String {
    let Some((last, before)) = parts.split_last() else { return "''".into() };
    let with_length = |part: &String| format!("CAST(LENGTH({part}) AS VARCHAR), ':', {part}");
    let parts: Vec<String> = before.iter().map(with_length).chain([last.clone()]).collect();
    format!("CONCAT({})", parts.join(", "))
}

/// A name in double quotes.
pub fn name(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// A text in single quotes.
pub fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// How the cells of one utility are read, given the columns that its bronze table has.
#[derive(Clone)]
pub struct Cells<'a> {
    adapter: &'a UtilityAdapter,
    present: Vec<String>,
    /// The places of columns by their names in lower case: readers of Delta tables ignore case, and so does this.
    places: HashMap<String, usize>,
}

impl<'a> Cells<'a> {
    /// `present`: the columns of the bronze table.
    pub fn new(adapter: &'a UtilityAdapter, present: Vec<String>) -> Self {
        let mut places = HashMap::new();
        for (at, column) in present.iter().enumerate() {
            places.entry(column.to_ascii_lowercase()).or_insert(at);
        }
        Self { adapter, present, places }
    }

    /// The bronze column of a source column.
    fn column(&self, label: &str) -> Option<&str> {
        self.place(label).map(|at| self.present[at].as_str())
    }

    fn place(&self, label: &str) -> Option<usize> {
        self.places.get(&column_name(label).to_ascii_lowercase()).copied()
    }

    /// Whether the bronze table has this source column.
    pub fn has(&self, label: &str) -> bool {
        self.column(label).is_some()
    }

    /// The first step of every plan: cells trimmed, by the places of their columns, as a delivered name may be any that a plan gives;
    /// null when empty or a sentinel.
    pub fn trimmed(&self, labels: impl Iterator<Item = &'a str>) -> String {
        let mut columns: Vec<String> = Vec::new();
        for at in labels.filter_map(|label| self.place(label)) {
            let cell = format!("{} AS {}", self.present(&name(&self.present[at])), cell_name(at));
            if !columns.contains(&cell) {
                columns.push(cell);
            }
        }
        columns.push(LINEAGE.into());
        format!("SELECT\n  {}\nFROM bronze", columns.join(",\n  "))
    }

    /// A cell as delivered without blanks around; null when it says nothing.
    pub fn present(&self, cell: &str) -> String {
        let words = self.adapter.null_values.iter().map(|value| text(value));
        format!("PRESENT({})", std::iter::once(cell.to_owned()).chain(words).collect::<Vec<_>>().join(", "))
    }

    /// A trimmed cell; null where the column is not there.
    pub fn cell(&self, label: &str) -> String {
        self.place(label).map_or_else(|| "CAST(NULL AS VARCHAR)".into(), cell_name)
    }

    /// An id, from the first of some columns that holds one: trimmed text whose trailing `.0` after digits is dropped.
    pub fn id(&self, labels: &[String]) -> String {
        self.first(labels, |label| id_of(&self.cell(label)))
    }

    /// An id from cells as delivered.
    pub fn untrimmed_id(&self, labels: &[String]) -> String {
        self.first(labels, |label| self.column(label).map_or_else(null_id, |column| id_of(&self.present(&name(column)))))
    }

    fn first(&self, labels: &[String], read: impl Fn(&str) -> String) -> String {
        let ids: Vec<String> = labels.iter().filter(|label| self.has(label)).map(|label| read(label)).collect();
        match ids.as_slice() {
            [] => null_id(),
            [only] => only.clone(),
            several => format!("COALESCE({})", several.join(", ")),
        }
    }

    /// A value of the common model from trimmed cells; null where none of the source columns holds one that parses.
    pub fn value(&self, source: &ColumnSource) -> String {
        let mut parts: Vec<String> =
            source.from.iter().filter(|label| self.has(label)).map(|label| self.typed(&self.cell(label), &source.kind)).collect();
        match parts.len() {
            0 => null_of(sql_type(&source.kind)),
            1 => parts.remove(0),
            _ => format!("COALESCE({})", parts.join(", ")),
        }
    }

    /// A trimmed text, or null, read as a type; null where it does not parse.
    pub fn typed(&self, trimmed: &str, kind: &CellType) -> String {
        match kind {
            CellType::Text => trimmed.to_owned(),
            CellType::Id => id_of(trimmed),
            CellType::Number { exponent } => number(trimmed, *exponent, self.adapter.dialect),
            CellType::Date { formats } => time(trimmed, formats, "DATE", self.adapter.years),
            CellType::Timestamp { formats } => time(trimmed, formats, "TIMESTAMP", self.adapter.years),
        }
    }
}

const fn sql_type(kind: &CellType) -> &'static str {
    match kind {
        CellType::Text | CellType::Id => "VARCHAR",
        CellType::Number { .. } => "DOUBLE",
        CellType::Date { .. } => "DATE",
        CellType::Timestamp { .. } => "TIMESTAMP",
    }
}

/// Nothing, in the type of a column; times are in UTC.
pub fn null_of(kind: &str) -> String {
    if kind == "TIMESTAMP" {
        "TRY_STRPTIME(CAST(NULL AS VARCHAR), '%Y', 1900, 2100, 'utc')".into()
    } else {
        format!("CAST(NULL AS {kind})")
    }
}

/// The name of a trimmed cell, by the place of its column in bronze.
pub fn cell_name(at: usize) -> String {
    format!("cell_{at}")
}

fn null_id() -> String {
    id_of("CAST(NULL AS VARCHAR)")
}

fn id_of(trimmed: &str) -> String {
    format!("ID({trimmed})")
}

/// A finite number in the model's unit, ten to the power of `exponent` of the file's.
fn number(trimmed: &str, exponent: i32, dialect: Dialect) -> String {
    let marks: String =
        dialect.grouping.into_iter().fold(dialect.decimal.to_string(), |marks, grouping| format!("{marks}{grouping}"));
    if marks == "." {
        format!("NUMBER({trimmed}, {exponent})")
    } else {
        format!("NUMBER({trimmed}, {exponent}, {})", text(&marks))
    }
}

fn time(trimmed: &str, formats: &[String], kind: &str, years: (i16, i16)) -> String {
    let parse = |format: &String| {
        // Of a day with a time and its zone the day as written counts. A cast to TIMESTAMP would take the zone away.
        let zone = if kind == "DATE" { "written" } else { "utc" };
        let time = format!("TRY_STRPTIME({trimmed}, {}, {}, {}, '{zone}')", text(format), years.0, years.1);
        if kind == "DATE" { format!("CAST({time} AS DATE)") } else { time }
    };
    let parses: Vec<String> = formats.iter().map(parse).collect();
    if parses.len() == 1 { parses.concat() } else { format!("COALESCE({})", parses.join(", ")) }
}

/// A sum of `UNITS(…)`, which does not depend on the order of its rows; null where no row has a value. `QUOTIENT(sum, exponent)` is
/// the double nearest to it.
pub fn sum_of_units(units: &str) -> String {
    format!("CASE WHEN COUNT({units}) > 0 THEN SUM({units}) END")
}

/// The hash by which two versions of an entity are told apart. Each value is followed by whether it is null, so that a value
/// which moves into an empty neighbour is another record.
pub fn record_hash<'a>(columns: impl IntoIterator<Item = &'a str>) -> String {
    let values: Vec<String> = columns.into_iter().map(|column| format!("{column}, {column} IS NULL")).collect();
    format!("XXHASH64({})", values.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::adapter;
    use crate::frame::{Column, ColumnType, Frame, Value};
    use crate::model::Cancel;
    use crate::model::Day;

    /// What each cell of a column reads as.
    fn read(kind: &CellType, dialect: Dialect, cells: &[&str]) -> Vec<Value> {
        let (utilities, _) = adapter::load(std::path::Path::new("/nowhere"));
        let adapter = UtilityAdapter { dialect, ..utilities.into_iter().next().unwrap() };
        let text = |name| Column::new(name, ColumnType::Text);
        let columns = [Column::new("_source_line", ColumnType::Whole), text("_source_file"), text("delivery_month"), text("v")];
        let rows: Vec<Vec<Value>> = (0..)
            .zip(cells)
            .map(|(n, cell)| vec![Value::Whole(n), Value::Null, Value::Null, Value::Text((*cell).into())])
            .collect();
        let mut session = crate::engine::local().session(&Cancel::default()).unwrap();
        session.register("bronze", &Frame::from_rows(&columns, &rows).unwrap().relation()).unwrap();
        let cells_of = Cells::new(&adapter, vec!["v".into()]);
        session.create_view("trimmed", &cells_of.trimmed(["v"].into_iter())).unwrap();
        let read = session
            .query(&format!("SELECT {} AS x FROM trimmed ORDER BY _source_line", cells_of.typed(&cells_of.cell("v"), kind)))
            .unwrap();
        (0..read.height()).map(|row| read.value("x", row)).collect()
    }

    const POINT: Dialect = Dialect { delimiter: b',', decimal: '.', grouping: None };

    #[test]
    fn numbers_are_read_in_their_unit_and_nothing_else_is_a_number() {
        let kilowatts = CellType::Number { exponent: -3 };
        let seen = read(&kilowatts, POINT, &["8720", " 5 ", "1e3", "NULL", "", "nan", "inf", "5 MW", "5,5"]);
        let null = Value::Null;
        assert_eq!(
            seen,
            [
                Value::Real(8.72),
                Value::Real(0.005),
                Value::Real(1.0),
                null.clone(),
                null.clone(),
                null.clone(),
                null.clone(),
                null.clone(),
                null
            ]
        );
        let comma = Dialect { delimiter: b';', decimal: ',', grouping: Some('.') };
        assert_eq!(
            read(&CellType::Number { exponent: 0 }, comma, &["1.234,5", "0,25"]),
            [Value::Real(1234.5), Value::Real(0.25)]
        );
        let ungrouped = Dialect { grouping: None, ..comma };
        assert_eq!(read(&CellType::Number { exponent: 0 }, ungrouped, &["1.234", "1,5"]), [Value::Null, Value::Real(1.5)]);
    }

    #[test]
    fn ids_stay_text_but_for_a_spreadsheets_fraction_and_what_is_not_seen() {
        let seen = read(&CellType::Id, POINT, &["12345.0", "007", "36_30_45151", "A.0", "10.00", " x ", "n/a"]);
        let texts: Vec<Option<&str>> = seen.iter().map(Value::as_str).collect();
        assert_eq!(texts, [Some("12345"), Some("007"), Some("36_30_45151"), Some("A.0"), Some("10.00"), Some("x"), None]);
        let damaged = ["\u{feff}12", "1\u{200b}2", "12\u{202c}.0", "#N/A", "#REF!", "nan", "1\u{a0}2", "\u{200b}"];
        let seen = read(&CellType::Id, POINT, &damaged);
        let texts: Vec<Option<&str>> = seen.iter().map(Value::as_str).collect();
        assert_eq!(texts, [Some("12"), Some("12"), Some("12"), None, None, None, Some("1\u{a0}2"), None]);
    }

    #[test]
    fn dates_are_read_in_any_of_their_notations() {
        let kind = CellType::Date { formats: vec!["%m/%d/%Y".into(), "%Y-%m-%d %H:%M:%S".into()] };
        let seen = read(&kind, POINT, &["7/4/2020", "2022-10-15 00:00:00", "ASAP", "21:53.0", "12/15/2021 Per AW", "13/13/2020"]);
        let day = |text| Value::Day(Day::parse(text).unwrap());
        assert_eq!(seen, [day("2020-07-04"), day("2022-10-15"), Value::Null, Value::Null, Value::Null, Value::Null]);
        let odd = ["7/4/22", "7/4/202", "1/1/-22", "1/1/+2022", "1/1/02022", "12/31/-5000", "1/1/+40000", "1/1/1899", "1/1/2101"];
        assert_eq!(read(&kind, POINT, &odd), vec![Value::Null; odd.len()]);
        assert_eq!(read(&kind, POINT, &["1/1/1900", "12/31/2100"]), [day("1900-01-01"), day("2100-12-31")]);
        let short = CellType::Date { formats: vec!["%m/%d/%y".into()] };
        assert_eq!(read(&short, POINT, &["7/4/22", "7/4/2022"]), [day("2022-07-04"), Value::Null]);
        let joined = CellType::Date { formats: vec!["%Y%m%d".into()] };
        assert_eq!(read(&joined, POINT, &["20221105", "2022115", "202211"]), [day("2022-11-05"), Value::Null, Value::Null]);
    }

    #[test]
    fn time_with_an_offset_is_told_in_utc_and_a_day_as_it_is_written() {
        let formats = vec!["%Y-%m-%d %H:%M%z".to_owned()];
        let cells = ["2022-10-15 23:30-0500", "2022-10-15 23:30+00:00", "2022-10-15 23:30"];
        let at = |text: &str| {
            Value::Time(crate::model::Timestamp::from_micros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond()))
        };
        let seen = read(&CellType::Timestamp { formats: formats.clone() }, POINT, &cells);
        assert_eq!(seen, [at("2022-10-16T04:30:00Z"), at("2022-10-15T23:30:00Z"), Value::Null]);
        let day = Value::Day(Day::parse("2022-10-15").unwrap());
        assert_eq!(read(&CellType::Date { formats }, POINT, &cells), [day.clone(), day, Value::Null]);
    }

    /// Random texts of the characters that dates are written with, against jiff's reader of the same notation: what is a date here is
    /// the same day there, in a year of four digits, and every day that is written so is read.
    #[test]
    fn random_texts_are_the_dates_that_another_reader_sees_or_none() {
        use rand_chacha::rand_core::{Rng, SeedableRng};
        let mut dice = rand_chacha::ChaCha8Rng::seed_from_u64(7);
        let mut upto = |sides: u64| dice.next_u64() % sides;
        let mut texts: Vec<String> = Vec::new();
        for _ in 0..4000 {
            let length = 6 + upto(6);
            texts.push((0..length).map(|_| char::from(b"0122/-+ 9"[upto(9) as usize])).collect());
            texts.push(format!("{}/{}/{}", 1 + upto(14), 1 + upto(33), 1890 + upto(220)));
        }
        let kind = CellType::Date { formats: vec!["%m/%d/%Y".into()] };
        let read = read(&kind, POINT, &texts.iter().map(String::as_str).collect::<Vec<_>>());
        let mut dates = 0;
        for (text, seen) in texts.iter().zip(read) {
            let parts: Vec<&str> = text.trim().split('/').collect();
            let is_plain =
                parts.len() == 3 && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
            let year = parts.last().filter(|year| is_plain && year.len() == 4 && parts[0].len() <= 2 && parts[1].len() <= 2);
            let expected = year
                .filter(|year| (1900..=2100).contains(&year.parse::<i16>().unwrap_or(0)))
                .and_then(|_| jiff::civil::Date::strptime("%m/%d/%Y", text.trim()).ok())
                .map(|date| Value::Day(Day::from_ymd(date.year(), date.month().cast_unsigned(), date.day().cast_unsigned())));
            dates += u64::from(expected.is_some());
            assert_eq!(seen, expected.unwrap_or(Value::Null), "{text}");
        }
        assert!(dates > 1000, "{dates}");
    }
}
