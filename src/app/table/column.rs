//! How rows are shown: columns that are declared once.

use std::collections::BTreeSet;

use crate::app::view::Tone;
use crate::frame::Frame;

/// How the cells of a column are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// As they are, on the left.
    Plain,
    /// Whole numbers with separators.
    Count,
    /// Numbers with as many decimals as the column needs, three at most.
    Number,
    /// Numbers with a sign.
    Difference,
    /// Shares from 0 to 1.
    Percent,
    /// The text of the column `<field>_text` in their place, on the right.
    Labelled,
    /// Numbers from nothing to the greatest as bars.
    Bar,
}

/// A column of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The column of the rows.
    pub field: String,
    /// The heading, with the unit.
    pub title: String,
    /// How its cells are shown.
    pub show: Show,
    /// Where there is no room, the highest goes first; 0 never.
    pub priority: u8,
    /// It is cut to this width before another column goes.
    pub least: u16,
}

impl Column {
    fn new(field: &str, title: &str, show: Show) -> Self {
        Self { field: field.to_owned(), title: title.to_owned(), show, priority: 3, least: u16::MAX }
    }

    /// A text; it may be cut to twelve signs.
    pub fn text(field: &str, title: &str) -> Self {
        Self { least: 12, ..Self::new(field, title, Show::Plain) }
    }

    /// Something short that is never cut: an id, a day, a word.
    pub fn plain(field: &str, title: &str) -> Self {
        Self::new(field, title, Show::Plain)
    }

    /// A count.
    pub fn count(field: &str, title: &str) -> Self {
        Self::new(field, title, Show::Count)
    }

    /// A number.
    pub fn number(field: &str, title: &str) -> Self {
        Self::new(field, title, Show::Number)
    }

    /// Otherwise shown.
    #[must_use]
    pub const fn as_(mut self, show: Show) -> Self {
        self.show = show;
        self
    }

    /// With a priority.
    #[must_use]
    pub const fn priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    /// That may be cut to so many signs.
    #[must_use]
    pub const fn least(mut self, least: u16) -> Self {
        self.least = least;
        self
    }

    /// Whether it stands on the right.
    pub const fn is_right(&self) -> bool {
        matches!(self.show, Show::Count | Show::Number | Show::Difference | Show::Percent | Show::Labelled)
    }
}

/// What a cell means: by the rows, the field and the place of the row.
pub type Paint = fn(&Frame, &str, usize) -> Tone;

/// Rows and how they are shown.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The rows.
    pub rows: Frame,
    /// The columns, in their order.
    pub columns: Vec<Column>,
    /// The columns that tell a row from others.
    pub key: &'static [&'static str],
    /// What cells mean.
    pub paint: Paint,
}

impl Default for Listing {
    fn default() -> Self {
        Self { rows: Frame::default(), columns: Vec::new(), key: &[], paint: plain }
    }
}

/// Every cell is a plain text.
pub const fn plain(_: &Frame, _: &str, _: usize) -> Tone {
    Tone::Text
}

/// What is remembered of a list from one start of the program to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Kept {
    /// The columns that are sorted by, `-` before one that falls.
    pub sort: Vec<String>,
    /// The filter.
    pub filter: String,
    /// Columns that are hidden.
    pub hidden: BTreeSet<String>,
    /// Columns in their own order, by field; the others follow.
    pub order: Vec<String>,
}
