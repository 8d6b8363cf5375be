//! A filter as a condition of a query, for lists that are read piece by piece: it takes the rows that the filter itself takes.

use super::{Comparison, Filter, Wanted, is_share};
use crate::app::table::Column;
use crate::frame::{ColumnType, Frame};
use crate::pipeline::sql::text;

impl Filter {
    /// The condition, over rows that have the columns of a frame; empty where every row is taken.
    pub fn sql(&self, rows: &Frame, columns: &[Column]) -> String {
        match self {
            Self::All => String::new(),
            Self::And(a, b) => format!("({} AND {})", a.sql(rows, columns), b.sql(rows, columns)),
            Self::Or(a, b) => format!("({} OR {})", a.sql(rows, columns), b.sql(rows, columns)),
            Self::Not(a) => format!("(NOT {})", a.sql(rows, columns)),
            Self::Word(word) => {
                let texts = columns.iter().filter(|column| rows.kind(&column.field) == Some(ColumnType::Text));
                let holds: Vec<String> =
                    texts.map(|column| format!("COALESCE({}, FALSE)", holds_in(&column.field, word))).collect();
                if holds.is_empty() { "FALSE".into() } else { format!("({})", holds.join(" OR ")) }
            }
            Self::Compare(field, comparison, wanted) => {
                let Some(kind) = rows.kind(field) else { return "FALSE".into() };
                let nothing = match comparison {
                    Comparison::Is => wanted.is_nothing(),
                    Comparison::IsNot => !wanted.is_nothing(),
                    _ => false,
                };
                let scale = if is_share(field, columns) { " * 100.0" } else { "" };
                format!(
                    "(CASE WHEN {field} IS NULL THEN {} ELSE {} END)",
                    word(nothing),
                    compared(field, kind, *comparison, wanted, scale)
                )
            }
        }
    }
}

const fn word(is: bool) -> &'static str {
    if is { "TRUE" } else { "FALSE" }
}

/// Texts that are made lower first are written once more, all of them: a pattern that takes any case is twice as fast.
fn holds_in(field: &str, word: &str) -> String {
    format!("REGEXP_LIKE({field}, {})", text(&format!("(?i){}", regex::escape(word))))
}

/// The comparison of a cell that is known.
fn compared(field: &str, kind: ColumnType, comparison: Comparison, wanted: &Wanted, scale: &str) -> String {
    let sign = match comparison {
        Comparison::Is | Comparison::Holds => "=",
        Comparison::IsNot => "<>",
        Comparison::Below => "<",
        Comparison::AtMost => "<=",
        Comparison::Above => ">",
        Comparison::AtLeast => ">=",
    };
    // Of days and times a part from the left is enough: a month, a year.
    let as_much = |shown: String| format!("SUBSTR({shown}, 1, {}) {sign} {}", wanted.text.chars().count(), text(&wanted.text));
    match kind {
        ColumnType::Text if comparison == Comparison::Holds && wanted.text.is_empty() => word(true).into(),
        ColumnType::Text if comparison == Comparison::Holds => holds_in(field, &wanted.text),
        ColumnType::Text => format!("LOWER({field}) {sign} {}", text(&wanted.text)),
        ColumnType::Flag => format!("CASE WHEN {field} THEN 'yes' ELSE 'no' END {sign} {}", text(&wanted.text)),
        ColumnType::Day => match wanted.day {
            Some(day) => format!("CAST({field} AS VARCHAR) {sign} '{day}'"),
            None => as_much(format!("CAST({field} AS VARCHAR)")),
        },
        ColumnType::Time => as_much(format!("STRFTIME({field}, '%Y-%m-%d %H:%M')")),
        ColumnType::Whole | ColumnType::Real => match wanted.number {
            Some(number) => format!("CAST({field} AS DOUBLE){scale} {sign} {number:?}"),
            None => word(comparison == Comparison::IsNot).into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::local;
    use crate::frame::{Value, schema};
    use crate::model::{Cancel, Day, Timestamp};

    fn columns() -> Vec<Column> {
        vec![
            Column::text("id", "id"),
            Column::number("mw", "MW"),
            Column::count("n", "n"),
            Column::plain("day", "day"),
            Column::plain("at", "at"),
            Column::plain("flag", "flag"),
        ]
    }

    fn frame(rows: &[[Value; 6]]) -> Frame {
        let fields = schema::columns![id Text, mw Real, n Whole, day Day, at Time, flag Flag];
        Frame::from_rows(&fields, &rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>()).unwrap()
    }

    fn rows() -> impl Strategy<Value = Vec<[Value; 6]>> {
        let or_null = |values: Vec<Value>| prop::sample::select([vec![Value::Null], values].concat());
        let texts = ["", "a", "AB", "Ärger", "it's", "null", "36_17", "a b"].map(|text| Value::Text(text.into())).to_vec();
        let numbers = [0.0, 5.0, -5.5, 1e9].map(Value::Real).to_vec();
        let whole = [0, 5, -1, 1_000_000].map(Value::Whole).to_vec();
        let days = ["2022-09-30", "2022-10-01", "1969-12-31"].map(|day| Value::Day(Day::parse(day).unwrap())).to_vec();
        let times = [0, 1_664_600_000_000_000].map(|at| Value::Time(Timestamp::from_micros(at))).to_vec();
        let flags = vec![Value::Flag(true), Value::Flag(false)];
        let row = (or_null(texts), or_null(numbers), or_null(whole), or_null(days), or_null(times), or_null(flags));
        prop::collection::vec(row.prop_map(|(a, b, c, d, e, f)| [a, b, c, d, e, f]), 1..12)
    }

    fn filter() -> impl Strategy<Value = String> {
        let field = prop::sample::select(vec!["id", "MW", "n", "day", "at", "flag"]);
        let sign = prop::sample::select(vec!["=", "!=", "<", "<=", ">", ">=", "~"]);
        let value = prop::sample::select(vec![
            "5",
            "0",
            "a",
            "\"it's\"",
            "null",
            "2022-10-01",
            "2022-09",
            "2022",
            "yes",
            "no",
            "är",
            "-5.5",
            "\"\"",
            "1970-01-01 00",
        ]);
        let compare = (field, sign, value).prop_map(|(field, sign, value)| format!("{field} {sign} {value}"));
        let leaf = prop_oneof![4 => compare, 1 => prop::sample::select(vec!["a", "ab", "null", "'"]).prop_map(str::to_owned)];
        leaf.prop_recursive(3, 8, 2, |inner| {
            prop_oneof![
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} and {b})")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} or {b})")),
                inner.prop_map(|a| format!("not ({a})")),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn query_takes_the_rows_that_the_filter_takes(rows in rows(), typed in filter()) {
            let (rows, columns) = (frame(&rows), columns());
            let places: Vec<u32> = (0..rows.height() as u32).collect();
            // A lone quote is no filter.
            let Ok(filter) = Filter::parse(&typed, &columns) else { return Ok(()) };
            let taken = rows.rows_at(&filter.rows(&rows, &columns, &places));
            let mut session = local().session(&Cancel::default()).unwrap();
            session.register("t", &rows.relation()).unwrap();
            let found = session.query(&format!("SELECT * FROM t WHERE {}", filter.sql(&rows, &columns))).unwrap();
            prop_assert_eq!(&found, &taken, "{}", typed);
        }
    }
}
