//! Functions that give words of a list: by numbers beside them, by another word, by what is in a text, or by their place.
//!
//! `RATINGS(label, number, …)` → `label number; label number` of those numbers that are not null and not 0; null where there is
//! none. A whole number has no fraction. `ONLY_RATED(label, number, …, several)` → the label of the only such number, `several` where there are more, null where there is none.
//! `TRANSLATED(text, from, to, …, other)` → the word beside the one that the text is, `other` where it is none of them, null for null.
//! `WORD_PLACE(text, word, …)` → the place in the list, from 0, of the longest word that is in the text, in any case; null where
//! none is. `WORD_AT(place, word, …)` → the word at a place; null where there is none.

use std::fmt::Write;

use polars::prelude::arity::unary_elementwise;
use polars::prelude::*;

/// Labels, each with the numbers of a column.
struct Rated(Vec<(String, Float64Chunked)>);

impl Rated {
    fn of(columns: &[Column]) -> PolarsResult<Self> {
        let rows = rows(columns);
        let pair = |pair: &[Column]| {
            let [label, numbers] = pair else { polars_bail!(InvalidOperation: "a number is needed for each label") };
            let numbers = if numbers.len() == rows { numbers.clone() } else { numbers.new_from_index(0, rows) };
            Ok((literal(label)?, numbers.f64()?.rechunk().into_owned()))
        };
        Ok(Self(columns.chunks(2).map(pair).collect::<PolarsResult<_>>()?))
    }

    /// Those of a row that are not null and not 0.
    fn of_row(&self, row: usize) -> impl Iterator<Item = (&str, f64)> {
        let rated = move |numbers: &Float64Chunked| numbers.get(row).filter(|number| *number != 0.0);
        self.0.iter().filter_map(move |(label, numbers)| Some((label.as_str(), rated(numbers)?)))
    }
}

pub(super) fn ratings(columns: &mut [Column]) -> PolarsResult<Column> {
    let (rated, rows) = (Rated::of(columns)?, rows(columns));
    let mut texts = StringChunkedBuilder::new(name(columns), rows);
    let mut text = String::new();
    for row in 0..rows {
        text.clear();
        for (label, number) in rated.of_row(row) {
            let separator = if text.is_empty() { "" } else { "; " };
            let _ = write!(text, "{separator}{label} {number}");
        }
        texts.append_option(Some(text.as_str()).filter(|text| !text.is_empty()));
    }
    Ok(texts.finish().into_column())
}

pub(super) fn only_rated(columns: &mut [Column]) -> PolarsResult<Column> {
    let [pairs @ .., several] = columns else { polars_bail!(InvalidOperation: "ONLY_RATED needs a word for several labels") };
    let (rated, several, rows) = (Rated::of(pairs)?, literal(several)?, rows(pairs));
    let mut labels = StringChunkedBuilder::new(name(pairs), rows);
    for row in 0..rows {
        let mut of_row = rated.of_row(row).map(|(label, _)| label);
        let first = of_row.next();
        labels.append_option(first.map(|label| if of_row.next().is_some() { several.as_str() } else { label }));
    }
    Ok(labels.finish().into_column())
}

pub(super) fn translated(columns: &mut [Column]) -> PolarsResult<Column> {
    let [texts, pairs @ .., other] = columns else { polars_bail!(InvalidOperation: "TRANSLATED needs a text and another word") };
    let (words, other) = (literals(pairs)?, literal(other)?);
    let (pairs, []) = words.as_chunks::<2>() else { polars_bail!(InvalidOperation: "TRANSLATED needs pairs of words") };
    let known: PlHashMap<&str, &str> = pairs.iter().rev().map(|[from, to]| (from.as_str(), to.as_str())).collect();
    let texts = texts.str()?;
    let mut translated = StringChunkedBuilder::new(texts.name().clone(), texts.len());
    texts.iter().for_each(|text| translated.append_option(text.map(|text| known.get(text).copied().unwrap_or(&other))));
    Ok(translated.finish().into_column())
}

pub(super) fn word_place(columns: &mut [Column]) -> PolarsResult<Column> {
    let [texts, words @ ..] = columns else { polars_bail!(InvalidOperation: "WORD_PLACE needs a text") };
    let words = literals(words)?;
    let mut longest: Vec<(i64, String)> = (0..).zip(words).map(|(at, word)| (at, word.to_lowercase())).collect();
    longest.sort_by_key(|(_, word)| std::cmp::Reverse(word.len()));
    let place = |text: &str| {
        let text = text.to_lowercase();
        longest.iter().find(|(_, word)| text.contains(word.as_str())).map(|(at, _)| *at)
    };
    // Equal texts often follow one another.
    let mut last = ("", place(""));
    let places: Int64Chunked = unary_elementwise(texts.str()?, |text: Option<&str>| {
        let text = text?;
        if text != last.0 {
            last = (text, place(text));
        }
        last.1
    });
    Ok(places.into_column())
}

pub(super) fn word_at(columns: &mut [Column]) -> PolarsResult<Column> {
    let [places, words @ ..] = columns else { polars_bail!(InvalidOperation: "WORD_AT needs a place") };
    let (places, words) = (places.i64()?, literals(words)?);
    let mut found = StringChunkedBuilder::new(places.name().clone(), places.len());
    let at = |place: i64| usize::try_from(place).ok().and_then(|place| words.get(place)).map(String::as_str);
    places.iter().for_each(|place| found.append_option(place.and_then(at)));
    Ok(found.finish().into_column())
}

fn name(columns: &[Column]) -> PlSmallStr {
    columns.first().map_or_else(|| "word".into(), |column| column.name().clone())
}

fn rows(columns: &[Column]) -> usize {
    columns.iter().map(Column::len).max().unwrap_or(0)
}

/// A text that is the same in all rows.
fn literal(text: &Column) -> PolarsResult<String> {
    Ok(text.str()?.get(0).unwrap_or_default().to_owned())
}

fn literals(texts: &[Column]) -> PolarsResult<Vec<String>> {
    texts.iter().map(literal).collect()
}

#[cfg(test)]
mod tests {
    use crate::engine::local;
    use crate::frame::{Column, ColumnType, Frame, Value};
    use crate::model::Cancel;

    /// What an expression gives for rows of relation `t` in turn.
    fn of(expression: &str, columns: &[Column], rows: &[Vec<Value>]) -> Vec<Value> {
        let mut session = local().session(&Cancel::default()).unwrap();
        session.register("t", &Frame::from_rows(columns, rows).unwrap().relation()).unwrap();
        let found = session.query(&format!("SELECT {expression} AS found FROM t")).unwrap();
        (0..found.height()).map(|row| found.value("found", row)).collect()
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    fn texts(texts: &[Option<&str>]) -> Vec<Value> {
        texts.iter().map(|of| of.map_or(Value::Null, text)).collect()
    }

    #[test]
    fn only_label_with_a_number_is_found_and_several_are_told_by_their_word() {
        let columns = ["a", "b", "c"].map(|name| Column::new(name, ColumnType::Real));
        let number = |n: Option<f64>| n.map_or(Value::Null, Value::Real);
        let rows = [
            [None, None, None],
            [Some(0.0), Some(-0.0), None],
            [Some(0.5), None, Some(0.0)],
            [None, Some(-1.0), None],
            [Some(1.0), None, Some(2.0)],
            [Some(1.0), Some(1.0), Some(1.0)],
        ]
        .map(|row| row.map(number).to_vec());
        let found = of("ONLY_RATED('Solar', a, 'Wind', b, 'Hydro', c, 'Hybrid')", &columns, &rows);
        assert_eq!(found, texts(&[None, None, Some("Solar"), Some("Wind"), Some("Hybrid"), Some("Hybrid")]));
        let listed = of("RATINGS('Solar', a, 'Wind', b, 'Hydro', c)", &columns, &rows);
        let expected =
            [None, None, Some("Solar 0.5"), Some("Wind -1"), Some("Solar 1; Hydro 2"), Some("Solar 1; Wind 1; Hydro 1")];
        assert_eq!(listed, texts(&expected));
    }

    #[test]
    fn texts_are_translated_by_pairs() {
        let columns = [Column::new("word", ColumnType::Text)];
        let rows = [Some("pv"), Some("PV"), None, Some(""), Some("wind"), Some("ess"), Some("pv")];
        let rows: Vec<Vec<Value>> = texts(&rows).into_iter().map(|word| vec![word]).collect();
        let found = of("TRANSLATED(word, 'pv', 'Solar', 'wind', 'Wind', 'pv', 'no more', 'Unmapped')", &columns, &rows);
        let other = Some("Unmapped");
        assert_eq!(found, texts(&[Some("Solar"), other, None, other, Some("Wind"), other, Some("Solar")]));
        assert_eq!(of("TRANSLATED(word, 'Unmapped')", &columns, &rows)[..3], texts(&[other, other, None]));
    }

    #[test]
    fn longest_word_in_a_text_counts_in_any_case_and_is_found_by_its_place() {
        let columns = [Column::new("cell", ColumnType::Text)];
        let cells = [Some("Light BLUE (3 MW)"), Some("blue"), None, Some("grey"), Some(""), Some("red, blue"), Some("50%_É")];
        let rows: Vec<Vec<Value>> = texts(&cells).into_iter().map(|cell| vec![cell]).collect();
        let places = of("WORD_PLACE(cell, 'red', 'blue', 'light blue', '%_é')", &columns, &rows);
        let none = Value::Null;
        let whole = Value::Whole;
        assert_eq!(places, [whole(2), whole(1), none.clone(), none.clone(), none.clone(), whole(1), whole(3)]);
        let again = of("WORD_AT(WORD_PLACE(cell, 'red', 'blue', 'light blue', '%_é'), 'r', 'b', 'l')", &columns, &rows);
        assert_eq!(again, texts(&[Some("l"), Some("b"), None, None, None, Some("b"), None]));
        assert_eq!(of("WORD_PLACE(cell)", &columns, &rows), vec![none; 7]);
    }
}
