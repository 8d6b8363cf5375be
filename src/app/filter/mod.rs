//! Which rows of a table are shown: words, and comparisons of columns, as somebody types them.
//!
//! `36_17`, `max_mw > 5 and utility = utility2`, `not (type ~ solar or kw < 10)`. A word without a comparison is looked for in every
//! column that is a text. Case does not matter. A number may hold `_` or a blank's place for thousands nowhere: it is a plain one.

mod sql;

use std::cmp::Ordering;

use super::table::{Column, Show};
use crate::frame::{CellRef, Cells, Frame};
use crate::model::Day;

/// A condition on the rows of a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// Every row.
    All,
    /// Rows for which both hold.
    And(Box<Filter>, Box<Filter>),
    /// Rows for which one holds.
    Or(Box<Filter>, Box<Filter>),
    /// Rows for which it does not hold.
    Not(Box<Filter>),
    /// Rows in a text of which a word occurs; in lower case.
    Word(String),
    /// Rows whose cell compares so; the column is a field of the table.
    Compare(String, Comparison, Wanted),
}

/// How a cell is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// The same.
    Is,
    /// Another.
    IsNot,
    /// Less.
    Below,
    /// Less, or the same.
    AtMost,
    /// More.
    Above,
    /// More, or the same.
    AtLeast,
    /// Holds the text.
    Holds,
}

impl Comparison {
    /// The signs, the longer ones first.
    const SIGNS: [(&'static str, Self); 8] = [
        ("!=", Self::IsNot),
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("==", Self::Is),
        ("=", Self::Is),
        ("<", Self::Below),
        (">", Self::Above),
        ("~", Self::Holds),
    ];

    fn takes(self, order: Ordering) -> bool {
        match self {
            Self::Is | Self::Holds => order.is_eq(),
            Self::IsNot => order.is_ne(),
            Self::Below => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Above => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }
}

/// What a cell is compared with, as typed and as a number or a day where it is one.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    text: String,
    number: Option<f64>,
    day: Option<Day>,
}

impl Wanted {
    fn new(text: &str) -> Self {
        Self {
            text: text.to_lowercase(),
            number: text.parse().ok().filter(|number: &f64| number.is_finite()),
            day: Day::parse(text),
        }
    }

    fn is_nothing(&self) -> bool {
        matches!(self.text.as_str(), "" | "null" | "–" | "none")
    }
}

impl Filter {
    /// Reads what somebody typed.
    ///
    /// # Errors
    /// What is wrong with it, and where it goes on.
    pub fn parse(text: &str, columns: &[Column]) -> Result<Self, String> {
        let mut tokens = Tokens { all: tokens(text)?, at: 0, columns };
        if tokens.all.is_empty() {
            return Ok(Self::All);
        }
        let filter = tokens.any_of()?;
        match tokens.peek() {
            None => Ok(filter),
            Some(token) => Err(format!("`{}` is not expected", token.text)),
        }
    }

    /// Those of some places whose rows it takes, in their order.
    pub fn rows(&self, rows: &Frame, columns: &[Column], places: &[u32]) -> Vec<u32> {
        let bound = self.bind(rows, columns);
        places.iter().copied().filter(|place| bound.takes(*place as usize)).collect()
    }

    fn bind<'a>(&'a self, rows: &'a Frame, columns: &'a [Column]) -> Bound<'a> {
        match self {
            Self::All => Bound::All,
            Self::And(a, b) => Bound::And(Box::new((a.bind(rows, columns), b.bind(rows, columns)))),
            Self::Or(a, b) => Bound::Or(Box::new((a.bind(rows, columns), b.bind(rows, columns)))),
            Self::Not(a) => Bound::Not(Box::new(a.bind(rows, columns))),
            Self::Word(word) => Bound::Word(word, columns.iter().filter_map(|column| rows.cells(&column.field)).collect()),
            Self::Compare(field, comparison, wanted) => {
                let scale = if is_share(field, columns) { 100.0 } else { 1.0 };
                Bound::Compare(rows.cells(field), *comparison, wanted, scale)
            }
        }
    }
}

/// Whether a column holds shares: they are shown, and so compared, in percent.
fn is_share(field: &str, columns: &[Column]) -> bool {
    columns.iter().any(|column| column.field == field && matches!(column.show, Show::Percent | Show::Labelled))
}

/// A filter with the cells that it looks at.
enum Bound<'a> {
    All,
    And(Box<(Bound<'a>, Bound<'a>)>),
    Or(Box<(Bound<'a>, Bound<'a>)>),
    Not(Box<Bound<'a>>),
    Word(&'a str, Vec<Cells<'a>>),
    /// The last one is what a number is multiplied with before.
    Compare(Option<Cells<'a>>, Comparison, &'a Wanted, f64),
}

impl Bound<'_> {
    fn takes(&self, row: usize) -> bool {
        match self {
            Self::All => true,
            Self::And(both) => both.0.takes(row) && both.1.takes(row),
            Self::Or(both) => both.0.takes(row) || both.1.takes(row),
            Self::Not(other) => !other.takes(row),
            Self::Word(word, columns) => columns.iter().any(|cells| match cells.at(row) {
                CellRef::Text(text) => holds(text, word),
                _ => false,
            }),
            Self::Compare(None, ..) => false,
            Self::Compare(Some(cells), comparison, wanted, scale) => compares(cells.at(row), *comparison, wanted, *scale),
        }
    }
}

/// Whether a text holds a word that is in lower case.
pub fn holds(text: &str, word: &str) -> bool {
    if text.is_ascii() && word.is_ascii() {
        let (text, word) = (text.as_bytes(), word.as_bytes());
        return word.is_empty() || text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    }
    text.to_lowercase().contains(word)
}

fn compares(cell: CellRef<'_>, comparison: Comparison, wanted: &Wanted, scale: f64) -> bool {
    let order = match cell {
        CellRef::Null => {
            return match comparison {
                Comparison::Is => wanted.is_nothing(),
                Comparison::IsNot => !wanted.is_nothing(),
                _ => false,
            };
        }
        CellRef::Text(text) if comparison == Comparison::Holds => return holds(text, &wanted.text),
        CellRef::Text(text) => text.to_lowercase().cmp(&wanted.text),
        CellRef::Flag(flag) => if flag { "yes" } else { "no" }.cmp(wanted.text.as_str()),
        CellRef::Day(day) => match wanted.day {
            Some(wanted) => day.cmp(&wanted),
            // A month, or a year, is compared with as much of the day.
            None => prefix(&day.to_string(), &wanted.text),
        },
        CellRef::Time(at) => prefix(&at.to_string(), &wanted.text),
        CellRef::Whole(_) | CellRef::Real(_) => match (cell.as_f64(), wanted.number) {
            (Some(number), Some(wanted)) => (number * scale).total_cmp(&wanted),
            _ => return comparison == Comparison::IsNot,
        },
    };
    comparison.takes(order)
}

fn prefix(text: &str, wanted: &str) -> Ordering {
    text.chars().take(wanted.chars().count()).collect::<String>().as_str().cmp(wanted)
}

#[derive(Debug, Clone)]
struct Token {
    text: String,
    /// Whether it stood in quotes, where nothing is a sign or a word of the language.
    quoted: bool,
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '"' | '\'' => {
                let inside = &rest[1..];
                let end = inside.find(first).ok_or_else(|| format!("`{first}` is not closed"))?;
                tokens.push(Token { text: inside[..end].to_owned(), quoted: true });
                end + 2
            }
            '(' | ')' => {
                tokens.push(Token { text: first.to_string(), quoted: false });
                1
            }
            _ => {
                let sign = Comparison::SIGNS.iter().find(|(sign, _)| rest.starts_with(sign)).map(|(sign, _)| sign.len());
                let word = || rest.find(|c: char| c.is_whitespace() || "()=<>~!\"".contains(c)).unwrap_or(rest.len());
                let length = sign.unwrap_or_else(word).max(first.len_utf8());
                tokens.push(Token { text: rest[..length].to_owned(), quoted: false });
                length
            }
        };
        rest = rest[taken..].trim_start();
    }
    Ok(tokens)
}

struct Tokens<'a> {
    all: Vec<Token>,
    at: usize,
    columns: &'a [Column],
}

impl Tokens<'_> {
    fn peek(&self) -> Option<&Token> {
        self.all.get(self.at)
    }

    fn is(&self, word: &str) -> bool {
        self.peek().is_some_and(|token| !token.quoted && token.text.eq_ignore_ascii_case(word))
    }

    fn any_of(&mut self) -> Result<Filter, String> {
        let mut filter = self.all_of()?;
        while self.is("or") {
            self.at += 1;
            filter = Filter::Or(Box::new(filter), Box::new(self.all_of()?));
        }
        Ok(filter)
    }

    fn all_of(&mut self) -> Result<Filter, String> {
        let mut filter = self.one()?;
        loop {
            if self.is("and") {
                self.at += 1;
            } else if self.peek().is_none() || self.is("or") || self.is(")") {
                return Ok(filter);
            }
            // Two words side by side must both be found.
            filter = Filter::And(Box::new(filter), Box::new(self.one()?));
        }
    }

    fn one(&mut self) -> Result<Filter, String> {
        if self.is("not") {
            self.at += 1;
            return Ok(Filter::Not(Box::new(self.one()?)));
        }
        if self.is("(") {
            self.at += 1;
            let filter = self.any_of()?;
            if !self.is(")") {
                return Err("`)` is missing".into());
            }
            self.at += 1;
            return Ok(filter);
        }
        let Some(token) = self.peek().cloned() else { return Err("something is missing at the end".into()) };
        self.at += 1;
        let sign = self.peek().filter(|token| !token.quoted).and_then(|token| sign(&token.text));
        let Some(comparison) = sign else {
            return match self::sign(&token.text) {
                Some(_) if !token.quoted => Err(format!("a column must stand before `{}`", token.text)),
                _ => Ok(Filter::Word(token.text.to_lowercase())),
            };
        };
        let field = field(&token.text, self.columns)?;
        self.at += 1;
        let Some(wanted) = self.peek().cloned() else {
            return Err(format!("what must `{}` be compared with?", token.text));
        };
        self.at += 1;
        Ok(Filter::Compare(field, comparison, Wanted::new(&wanted.text)))
    }
}

fn sign(text: &str) -> Option<Comparison> {
    Comparison::SIGNS.iter().find(|(sign, _)| *sign == text).map(|(_, comparison)| *comparison)
}

/// The name of a column as it is typed: its heading with `_` for blanks, or its field.
pub fn typed_name(column: &Column) -> String {
    column.title.to_lowercase().replace([' ', '-'], "_")
}

fn field(text: &str, columns: &[Column]) -> Result<String, String> {
    let text = text.to_lowercase().replace('-', "_");
    let names = |column: &Column| [typed_name(column), column.field.to_lowercase()];
    let found = columns
        .iter()
        .find(|column| names(column).contains(&text))
        .or_else(|| columns.iter().find(|column| names(column).iter().any(|name| name.starts_with(&text))))
        .or_else(|| columns.iter().find(|column| names(column).iter().any(|name| name.contains(&text))));
    found.map(|column| column.field.clone()).ok_or_else(|| {
        let known: Vec<String> = columns.iter().filter(|column| !column.title.is_empty()).map(typed_name).collect();
        format!("there is no column `{text}`; there are {}", known.join(", "))
    })
}

/// What a text that is being typed may go on with: names of columns, or values of the column before a sign.
pub fn completions(text: &str, rows: &Frame, columns: &[Column]) -> Vec<String> {
    let is_end = |c: char| c.is_whitespace() || "()=<>~".contains(c);
    let start = text.char_indices().rev().find(|(_, c)| is_end(*c)).map_or(0, |(at, c)| at + c.len_utf8());
    let (before, begun) = (&text[..start], text[start..].to_lowercase());
    let sign_before = before.trim_end().ends_with(['=', '<', '>', '~']);
    let mut found: Vec<String> = if sign_before {
        let name = before.trim_end().trim_end_matches(['=', '<', '>', '~', '!']).trim_end();
        let name = name.rsplit(|c: char| c.is_whitespace() || c == '(').next().unwrap_or_default();
        let Some(cells) = field(name, columns).ok().and_then(|field| rows.cells(&field)) else { return Vec::new() };
        let texts = (0..rows.height().min(MOST_LOOKED_AT)).filter_map(|row| match cells.at(row) {
            CellRef::Text(text) => Some(if text.contains([' ', '(', ')']) { format!("\"{text}\"") } else { text.to_owned() }),
            _ => None,
        });
        texts.collect()
    } else {
        columns.iter().filter(|column| !column.title.is_empty()).map(typed_name).collect()
    };
    found.retain(|name| name.trim_matches('"').to_lowercase().starts_with(&begun));
    found.sort();
    found.dedup();
    found.into_iter().map(|name| format!("{before}{name}")).collect()
}

/// Rows that are looked at for values to go on with.
const MOST_LOOKED_AT: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Value, schema};

    fn rows() -> (Frame, Vec<Column>) {
        let row = |id: &str, mw: Option<f64>, day: &str| {
            vec![
                Value::Text(id.into()),
                mw.map_or(Value::Null, Value::Real),
                Day::parse(day).map_or(Value::Null, Value::Day),
                Value::Text("Solar Power".into()),
            ]
        };
        let frame = Frame::from_rows(
            schema::columns![feeder_id Text, max_hosting_capacity_mw Real, hca_refresh_date Day, kind Text].as_slice(),
            &[row("36_17", Some(9.0), "2022-10-01"), row("AB 2", Some(4.5), "2022-09-30"), row("C", None, "x")],
        );
        let columns = vec![
            Column::text("feeder_id", "feeder"),
            Column::number("max_hosting_capacity_mw", "max MW"),
            Column::plain("hca_refresh_date", "refreshed"),
            Column::text("kind", "type"),
        ];
        (frame.unwrap(), columns)
    }

    fn taken(text: &str) -> Vec<u32> {
        let (rows, columns) = rows();
        Filter::parse(text, &columns).unwrap().rows(&rows, &columns, &[0, 1, 2])
    }

    #[test]
    fn words_and_comparisons_take_the_rows_that_they_say() {
        assert_eq!(taken(""), [0, 1, 2]);
        assert_eq!(taken("ab"), [1], "case does not matter");
        assert_eq!(taken("max_mw > 4.5"), [0], "strictly more");
        assert_eq!(taken("max_mw >= 4.5"), [0, 1]);
        assert_eq!(taken("max_mw = null"), [2]);
        assert_eq!(taken("max_mw != null and not feeder ~ 36"), [1]);
        assert_eq!(taken("refreshed = 2022-09"), [1], "a month is as much of the day");
        assert_eq!(taken("refreshed >= 2022-10-01"), [0]);
        assert_eq!(taken("type = \"solar power\" (c or 36)"), [0, 1, 2].into_iter().filter(|row| *row != 1).collect::<Vec<_>>());
        assert_eq!(taken("feeder=\"ab 2\" or feeder=C"), [1, 2]);
        assert_eq!(taken("max<5"), [1], "the beginning of a name is enough, and blanks are not needed");
        assert_eq!(taken("max!=9"), [1, 2]);
        let (rows, mut columns) = rows();
        columns[1] = columns[1].clone().as_(Show::Percent);
        let shares = Filter::parse("max_mw > 450", &columns).unwrap().rows(&rows, &columns, &[0, 1, 2]);
        assert_eq!(shares, [0], "shares are compared as they are shown");
    }

    #[test]
    fn what_cannot_be_meant_is_said() {
        let (_, columns) = rows();
        let said = |text: &str| Filter::parse(text, &columns).unwrap_err();
        assert_eq!(said("> 5"), "a column must stand before `>`");
        assert_eq!(said("max_mw >"), "what must `max_mw` be compared with?");
        assert_eq!(said("(a or b"), "`)` is missing");
        assert_eq!(said("a )"), "`)` is not expected");
        assert_eq!(said("\"a"), "`\"` is not closed");
        assert_eq!(said("volts > 5"), "there is no column `volts`; there are feeder, max_mw, refreshed, type");
        assert_eq!(said("a and"), "something is missing at the end");
    }

    #[test]
    fn names_and_values_are_completed() {
        let (rows, columns) = rows();
        assert_eq!(completions("ma", &rows, &columns), ["max_mw"]);
        assert_eq!(completions("c and feeder = a", &rows, &columns), ["c and feeder = \"AB 2\""]);
        assert_eq!(completions("c\u{a0}ma", &rows, &columns), ["c\u{a0}max_mw"], "a blank of several bytes");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_answered(text in "\\PC{0,24}") {
            let (rows, columns) = rows();
            if let Ok(filter) = Filter::parse(&text, &columns) {
                proptest::prop_assert!(filter.rows(&rows, &columns, &[0, 1, 2]).len() <= 3);
            }
            let _ = completions(&text, &rows, &columns);
        }
    }
}
