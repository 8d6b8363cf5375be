//! What a screen shows, declared without a terminal: tables, texts, and how they share the room.
//!
//! Nothing here knows of colours or sizes; `ui` draws the five kinds of part, and no pane.

use super::slot::Remote;
use super::table::Table;
use crate::model::Timestamp;

/// What a piece of text means; the theme gives it a colour.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Tone {
    /// Plain.
    #[default]
    Text,
    /// Matters less.
    Dim,
    /// Headings, and what is in front.
    Accent,
    /// As it should be.
    Good,
    /// To be looked at.
    Warn,
    /// Wrong.
    Bad,
    /// What is looked for, set off from the text around it.
    Marked,
    /// A share from nothing, 0, to everything, 1.
    Heat(f64),
}

/// A line of text in pieces.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Line(pub Vec<(Tone, String)>);

impl Line {
    /// A line of one piece.
    pub fn of(tone: Tone, text: impl Into<String>) -> Self {
        Self(vec![(tone, text.into())])
    }

    /// The line with one more piece.
    #[must_use]
    pub fn and(mut self, tone: Tone, text: impl Into<String>) -> Self {
        self.0.push((tone, text.into()));
        self
    }

    /// `name  value`, the name dim and of a fixed width.
    pub fn named(name: &str, value: impl Into<String>) -> Self {
        Self::of(Tone::Dim, format!("{name:<9} ")).and(Tone::Text, value)
    }

    /// The text without its tones.
    pub fn text(&self) -> String {
        self.0.iter().map(|(_, text)| text.as_str()).collect()
    }
}

/// How far the rows of a part are.
#[derive(Debug, Clone, Copy)]
pub enum Read<'a> {
    /// On their way.
    Loading,
    /// There, as of a time.
    At(Timestamp),
    /// They could not be read.
    Failed(&'a str),
}

impl<'a, T> From<&'a Remote<T>> for Read<'a> {
    fn from(remote: &'a Remote<T>) -> Self {
        match remote {
            Remote::Loading => Self::Loading,
            Remote::Ready { read_at, .. } => Self::At(*read_at),
            Remote::Failed { reason } => Self::Failed(reason),
        }
    }
}

/// What stands in place of rows that there are none of: why, and what to do.
#[derive(Debug, Clone, Default)]
pub struct Empty {
    /// Whether that is as it should be.
    pub tone: Tone,
    /// Why.
    pub what: String,
    /// What to do.
    pub next: String,
}

impl Empty {
    /// With a reason and a next step.
    pub fn new(tone: Tone, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { tone, what: what.into(), next: next.into() }
    }
}

/// A list.
pub struct TablePart<'a> {
    /// Its heading.
    pub title: String,
    /// The tables of the lake that its rows are from.
    pub from: &'static str,
    /// How far they are.
    pub read: Read<'a>,
    /// Rows, columns and selection.
    pub table: &'a Table,
    /// What is shown without rows.
    pub empty: Empty,
    /// Whether the keys move in it.
    pub focused: bool,
}

/// Lines of text.
pub struct TextPart<'a> {
    /// Its heading.
    pub title: String,
    /// The tables of the lake that it is from; nothing where it is no data.
    pub from: &'static str,
    /// How far they are.
    pub read: Read<'a>,
    /// The lines; longer ones are broken.
    pub lines: Vec<Line>,
    /// Lines scrolled down; drawing brings it back to the last line.
    pub scroll: &'a std::cell::Cell<usize>,
}

/// Which of two parts below one another has so many lines, its frame included; the other one has the rest.
#[derive(Debug, Clone, Copy)]
pub enum Lines {
    /// The upper one, at most; half of the whole at the most.
    Upper(u16),
    /// The lower one; less than half of the whole.
    Lower(u16),
}

/// How two parts stand to one another.
#[derive(Debug, Clone, Copy)]
pub struct Sharing {
    /// They stand beside one another where the whole is at least so wide, and below one another elsewhere.
    pub beside_from: u16,
    /// The second one's share of the width there, in percent.
    pub width: u16,
    /// Who has how many lines below one another.
    pub lines: Lines,
    /// With fewer lines than this for the whole, the second one is left out where it would stand below.
    pub below_from: u16,
}

/// A picture, from parts.
pub enum View<'a> {
    /// A list.
    Table(TablePart<'a>),
    /// Lines.
    Text(TextPart<'a>),
    /// Two parts that share the room.
    Pair(Sharing, Box<View<'a>>, Box<View<'a>>),
}

impl<'a> View<'a> {
    /// This part and another one.
    #[must_use]
    pub fn with(self, sharing: Sharing, other: View<'a>) -> Self {
        Self::Pair(sharing, Box::new(self), Box::new(other))
    }
}
