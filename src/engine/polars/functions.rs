//! SQL functions that the plans need and the engine's dialect lacks.
//!
//! `PRESENT(cell, word, …)` → the cell without blanks around; null where nothing is left, or one of the words (in lower
//! case) without regard to case. `BARE(cell)` → the same without the words, empty texts stay. `DAMAGED(cell)` → whether it holds what nobody
//! wrote: a spreadsheet's error word or characters that are not seen. `NOTATION(id)` → the id without what only
//! its notation says, `HAS_NOTATION(id)` → whether that is another text, `SHAPE(text)` → what it is made of, as bits: see [`crate::model::cell`]. `ID(text)` → the text, without a `.0` that a spreadsheet put behind digits and without
//! characters that are not seen. `ARE_WORDS(key, pattern, header)` → whether a key is words of a report: the pattern matches it, or it is the header in any case.
//! `NUMBER(text, exponent, marks)` → real number, times ten to the power of `exponent`; null where the text is none, or none of
//! this world (beyond 10¹⁵, `inf`, `nan`). `marks`, if given: the character before the fraction, and the one between groups. `SHIFT(number, exponent)` → the same of a number. `UNITS(number)` → 128-bit whole number,
//! to be summed; `QUOTIENT(sum, exponent)` → real number from such a sum. All of them give the nearest double: see
//! [`crate::model::decimal`].
//! Words of a list: see [`super::labels`].
//! `TRY_STRPTIME(text, format, first, last, zone)` → time in UTC, null where the text is not in that notation or the year is none
//! from `first` to `last`. An offset is brought to UTC where `zone` is `utc`; where it is `written`, it is read over.
//! `XXHASH64(a, b, …)` → whole number: the XXH64 of the values one after the other, each seeded with the hash so far,
//! 42 at first, nulls leaving it as it is (Spark's `xxhash64`). The same value gives the same hash for ever, which is
//! what a stored `record_hash` needs.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use super::hash::xxhash64;
use super::labels::{only_rated, ratings, translated, word_at, word_place};
use super::words::Words;
use crate::model::cell::{self, NullSentinels};
use crate::model::decimal;
use crate::model::{Day, number};
use polars::prelude::arity::{unary_elementwise, unary_elementwise_values};
use polars::prelude::*;
use polars::sql::FunctionRegistry;
use polars_plan::prelude::FunctionOptions;
use regex::Regex;

pub(super) struct Functions(HashMap<String, UserDefinedFunction>);

impl Functions {
    pub(super) fn new() -> Self {
        let time = DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC));
        let all: [(&str, Call, DataType); 19] = [
            ("present", present, DataType::String),
            ("bare", bare, DataType::String),
            ("damaged", damaged, DataType::Boolean),
            ("notation", notation, DataType::String),
            ("has_notation", has_notation, DataType::Boolean),
            ("shape", shape, DataType::Int64),
            ("are_words", are_words, DataType::Boolean),
            ("id", id, DataType::String),
            ("number", read_number, DataType::Float64),
            ("shift", shift, DataType::Float64),
            ("units", units, DataType::Int128),
            ("quotient", quotient, DataType::Float64),
            ("ratings", ratings, DataType::String),
            ("only_rated", only_rated, DataType::String),
            ("translated", translated, DataType::String),
            ("word_place", word_place, DataType::Int64),
            ("word_at", word_at, DataType::String),
            ("try_strptime", try_strptime, time),
            ("xxhash64", xxhash64, DataType::Int64),
        ];
        Self(all.into_iter().map(|(name, call, kind)| (name.to_owned(), function(name, call, kind))).collect())
    }
}

/// What a function does with a piece of its columns.
type Call = fn(&mut [Column]) -> PolarsResult<Column>;

/// A function of one row that gives values of a type.
fn function(name: &str, call: Call, kind: DataType) -> UserDefinedFunction {
    let field = move |_: &Schema, fields: &[Field]| {
        let name = fields.first().map_or_else(|| "value".into(), |field| field.name().clone());
        Ok(Field::new(name, kind.clone()))
    };
    let mut function = UserDefinedFunction::new(name.into(), BaseColumnUdf::new(call, field));
    function.options = FunctionOptions::elementwise();
    function
}

impl FunctionRegistry for Functions {
    fn register(&mut self, name: &str, function: UserDefinedFunction) -> PolarsResult<()> {
        self.0.insert(name.to_lowercase(), function);
        Ok(())
    }

    fn get_udf(&self, name: &str) -> PolarsResult<Option<UserDefinedFunction>> {
        Ok(self.0.get(&name.to_lowercase()).cloned())
    }

    fn contains(&self, name: &str) -> bool {
        self.0.contains_key(&name.to_lowercase())
    }
}

/// Cells keep their memory, but for those few that must be trimmed; what says nothing is null from then on.
fn present(columns: &mut [Column]) -> PolarsResult<Column> {
    let [cells, words @ ..] = columns else { polars_bail!(InvalidOperation: "PRESENT needs a cell") };
    let words: Vec<String> =
        words.iter().map(|word| Ok(word.str()?.get(0).unwrap_or_default().to_owned())).collect::<PolarsResult<_>>()?;
    let (words, cells) = (NullSentinels::new(&words), cells.str()?);
    // Most columns of a block hold neither such a word nor blanks around a cell.
    if are_all(cells, |cell| cell::is_bare(cell) && !words.contain(cell)) {
        return Ok(cells.clone().into_series().into_column());
    }
    let cells = without_blanks_around(cells);
    let chunks = cells.downcast_iter().map(|chunk| {
        let says = chunk.iter().map(|cell| cell.is_some_and(|cell| !words.contain(cell)));
        let said = BooleanChunked::from_iter_values("said".into(), says);
        chunk.clone().with_validity(said.downcast_iter().next().map(|said| said.values().clone()))
    });
    Ok(StringChunked::from_chunk_iter(cells.name().clone(), chunks).into_series().into_column())
}

fn bare(columns: &mut [Column]) -> PolarsResult<Column> {
    let [cells] = columns else { polars_bail!(InvalidOperation: "BARE needs a cell") };
    Ok(without_blanks_around(cells.str()?).into_series().into_column())
}

fn damaged(columns: &mut [Column]) -> PolarsResult<Column> {
    let [cells] = columns else { polars_bail!(InvalidOperation: "DAMAGED needs a cell") };
    let cells = cells.str()?;
    let damaged: BooleanChunked = unary_elementwise_values(cells, cell::is_damaged);
    Ok(damaged.into_series().into_column())
}

fn notation(columns: &mut [Column]) -> PolarsResult<Column> {
    let [ids] = columns else { polars_bail!(InvalidOperation: "NOTATION needs an id") };
    Ok(ids.str()?.apply_values(cell::notation).into_series().into_column())
}

fn has_notation(columns: &mut [Column]) -> PolarsResult<Column> {
    let [ids] = columns else { polars_bail!(InvalidOperation: "HAS_NOTATION needs an id") };
    let ids = ids.str()?;
    let has: BooleanChunked = unary_elementwise_values(ids, |id| !cell::is_plain_notation(id));
    Ok(has.into_series().into_column())
}

fn shape(columns: &mut [Column]) -> PolarsResult<Column> {
    let [texts] = columns else { polars_bail!(InvalidOperation: "SHAPE needs a text") };
    let texts = texts.str()?;
    let shapes: Int64Chunked = unary_elementwise_values(texts, |text| cell::Shape::of(text).cast_signed());
    Ok(shapes.into_series().into_column())
}

fn are_words(columns: &mut [Column]) -> PolarsResult<Column> {
    let [keys, pattern, header] = columns else {
        polars_bail!(InvalidOperation: "ARE_WORDS needs a key, a pattern and a header")
    };
    let said = |text: &Column| Ok::<_, PolarsError>(text.str()?.get(0).unwrap_or_default().to_owned());
    let words = Words::of(&said(pattern)?, &said(header)?).map_err(|error| polars_err!(ComputeError: "{error}"))?;
    let are: BooleanChunked = unary_elementwise_values(keys.str()?, |key| words.are(key));
    Ok(are.into_series().into_column())
}

/// Whether something holds of all texts that there are; a piece of the column at a time, as a loop over all of them looks for the next piece
/// with each text.
fn are_all(texts: &StringChunked, holds: impl Fn(&str) -> bool) -> bool {
    texts.downcast_iter().all(|piece| piece.non_null_values_iter().all(&holds))
}

fn without_blanks_around(cells: &StringChunked) -> StringChunked {
    if are_all(cells, cell::is_bare) {
        return cells.clone();
    }
    cells.apply_values(|cell| Cow::Borrowed(cell::bare(cell)))
}

fn id(columns: &mut [Column]) -> PolarsResult<Column> {
    let [texts] = columns else { polars_bail!(InvalidOperation: "ID needs a text") };
    let texts = texts.str()?;
    if are_all(texts, cell::is_id) {
        return Ok(texts.clone().into_series().into_column());
    }
    Ok(texts.apply_values(cell::id).into_series().into_column())
}

/// Equal cells often follow one another, and are then read once.
fn read_number(columns: &mut [Column]) -> PolarsResult<Column> {
    let [texts, exponent, marks @ ..] = columns else { polars_bail!(InvalidOperation: "NUMBER needs a text and an exponent") };
    let (texts, exponent) = (texts.str()?, whole(exponent)?);
    let marks =
        marks.first().map(|marks| Ok::<_, PolarsError>(marks.str()?.get(0).unwrap_or_default().to_owned())).transpose()?;
    let mut marks = marks.as_deref().unwrap_or(".").chars();
    let (decimal_mark, grouping) = (marks.next().unwrap_or('.'), marks.next());
    let is_plain = decimal_mark == '.' && grouping.is_none();
    let read_one = |text: &str| {
        let text = if is_plain { Cow::Borrowed(text) } else { number::plain(text, decimal_mark, grouping)? };
        decimal::parse(&text, exponent)
    };
    let (mut last, mut value) = ("", None);
    let numbers: Float64Chunked = unary_elementwise(texts, |text: Option<&str>| {
        let text = text?;
        if text != last {
            (last, value) = (text, read_one(text));
        }
        value
    });
    Ok(numbers.into_series().into_column())
}

/// A number that is the same in all rows.
fn whole(column: &Column) -> PolarsResult<i32> {
    column.get(0)?.extract().ok_or_else(|| polars_err!(InvalidOperation: "a whole number is needed"))
}

fn shift(columns: &mut [Column]) -> PolarsResult<Column> {
    let [numbers, exponent] = columns else { polars_bail!(InvalidOperation: "SHIFT needs a number and an exponent") };
    let (numbers, exponent) = (numbers.f64()?, whole(exponent)?);
    Ok(numbers.apply_values(|number| decimal::shift(number, exponent)).into_series().into_column())
}

fn units(columns: &mut [Column]) -> PolarsResult<Column> {
    let [numbers] = columns else { polars_bail!(InvalidOperation: "UNITS needs a number") };
    let units: Int128Chunked = unary_elementwise_values(numbers.f64()?, decimal::units);
    Ok(units.into_series().into_column())
}

fn quotient(columns: &mut [Column]) -> PolarsResult<Column> {
    let [sums, exponent] = columns else { polars_bail!(InvalidOperation: "QUOTIENT needs a sum and an exponent") };
    let (sums, exponent) = (sums.i128()?, whole(exponent)?);
    let numbers: Float64Chunked = unary_elementwise(sums, |sum: Option<i128>| sum.map(|sum| decimal::quotient(sum, exponent)));
    Ok(numbers.into_series().into_column())
}

fn try_strptime(columns: &mut [Column]) -> PolarsResult<Column> {
    let [text, format, first_year, last_year, zone] = columns else {
        polars_bail!(InvalidOperation: "TRY_STRPTIME needs a text, a format, the first and the last year, and a zone")
    };
    let format = format.str()?.get(0).unwrap_or_default().to_owned();
    let has_offset = zone.str()?.get(0) == Some("utc") && ["%z", "%:z", "%#z", "%+"].iter().any(|offset| format.contains(offset));
    let midnight = |year: i32| i64::from(Day::from_ymd(year.clamp(-32_000, 32_000) as i16, 1, 1).epoch_days()) * 86_400_000_000;
    let (from, until) = (midnight(whole(first_year)?), midnight(whole(last_year)? + 1));
    let notation = notation_of(&format)?;
    let ambiguous = StringChunked::new("ambiguous".into(), ["raise"]);
    let read = |texts: &StringChunked| -> PolarsResult<DatetimeChunked> {
        let texts = texts.apply(|text| text.filter(|text| notation.is_match(text)).map(Cow::Borrowed));
        let times =
            texts.as_datetime(Some(&format), TimeUnit::Microseconds, true, has_offset, Some(&TimeZone::UTC), &ambiguous)?;
        let is_between = |time: &i64| (from..until).contains(time);
        let within: Int64Chunked = unary_elementwise(times.physical(), |time: Option<i64>| time.filter(is_between));
        Ok(within.into_datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)))
    };
    let texts = text.str()?;
    // Most cells say what another one says, and each text is read once.
    let (mut heads, mut head_of) = (StringChunkedBuilder::new(texts.name().clone(), 0), Vec::with_capacity(texts.len()));
    let mut known: PlHashMap<Option<&str>, IdxSize> = PlHashMap::default();
    let (mut last, mut heads_len) = (None, 0);
    for text in texts.iter() {
        let head = match last {
            Some((before, head)) if before == text => head,
            _ => *known.entry(text).or_insert_with(|| {
                heads.append_option(text);
                heads_len += 1;
                heads_len - 1
            }),
        };
        head_of.push(head);
        last = Some((text, head));
    }
    let times = read(&heads.finish())?.into_series();
    Ok(times.take(&IdxCa::from_vec("head".into(), head_of))?.into_column())
}

/// Notations that were asked for: each block of rows asks for its own again, and there are few.
static NOTATIONS: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);

/// A notation of times as a regular expression, made once.
fn notation_of(format: &str) -> PolarsResult<Regex> {
    let mut known = NOTATIONS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = known.get(format) {
        return Ok(known.clone());
    }
    let notation = expression_of(format)?;
    known.insert(format.to_owned(), notation.clone());
    Ok(notation)
}

/// A notation of times as a regular expression. A parser by itself takes a year of any length, short parts in one word, and blanks
/// before any number.
fn expression_of(format: &str) -> PolarsResult<Regex> {
    // What stands for several parts.
    let format = format.replace("%F", "%Y-%m-%d").replace("%T", "%H:%M:%S").replace("%R", "%H:%M").replace("%D", "%m/%d/%y");
    let mut pattern = "^".to_owned();
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            pattern += &if c == ' ' { " +".to_owned() } else { regex::escape(c.encode_utf8(&mut [0; 4])) };
            continue;
        }
        let part = rest.next();
        // Where the next number follows at once, each has its full length.
        let is_joined =
            rest.as_str().strip_prefix('%').is_some_and(|next| next.starts_with(['Y', 'y', 'j', 'm', 'd', 'H', 'I', 'M', 'S']))
                || pattern.ends_with('}');
        pattern += match part {
            Some('Y') => "[0-9]{4}",
            Some('y') => "[0-9]{2}",
            Some('j') if is_joined => "[0-9]{3}",
            Some('m' | 'd' | 'H' | 'I' | 'M' | 'S') if is_joined => "[0-9]{2}",
            Some('j') => "[0-9]{1,3}",
            Some('m' | 'd' | 'H' | 'I' | 'M' | 'S') => "[0-9]{1,2}",
            Some('e' | 'k' | 'l') => " ?[0-9]{1,2}",
            Some('b' | 'B' | 'h' | 'a' | 'A' | 'p' | 'P') => "[A-Za-z.]+",
            Some('z') => "[+-][0-9]{2}:?[0-9]{2}",
            // The parser alone knows the others, with what follows them.
            _ => return Regex::new(&format!("{pattern}.*$")).map_err(|error| polars_err!(ComputeError: "{error}")),
        };
    }
    Regex::new(&format!("{pattern}$")).map_err(|error| polars_err!(ComputeError: "{error}"))
}

#[cfg(test)]
#[path = "../../../fuzz/cells.rs"]
mod fuzz;
