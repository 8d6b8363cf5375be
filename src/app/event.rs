//! What happens to the console: what is typed and pointed at, and what others answer.

use super::keys::{Key, Verb};
use super::slot::Answered;
use super::write::Written;
use crate::pipeline::Progress;

/// Something happened.
#[derive(Debug)]
pub enum Event {
    /// A key was pressed.
    Key(Key),
    /// A text was pasted.
    Paste(String),
    /// Something was pointed at.
    Click(Target),
    /// A pair of parts shares its room in another way: the second one has so many percent.
    Divided(usize, u16),
    /// The wheel was turned: rows down, or up.
    Wheel(isize),
    /// The terminal has so many lines now, or must be drawn anew.
    Resized(u16),
    /// A question has its answer.
    Answered(Answered),
    /// The run is here.
    Progress(Progress),
    /// The run ended.
    RunEnded(RunEnd),
    /// How the landing folder is watched.
    Watching(String),
    /// New files stand still in the landing folder.
    FilesStable,
    /// Somebody committed to a table.
    TablesChanged,
    /// Whoever wrote may have ended.
    Retry,
    /// There is something to say.
    Said(String),
    /// Something was written, or could not be.
    Written(Result<Written, String>),
    /// The system asks the program to end.
    Terminate,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEnd {
    /// Well.
    Done(String),
    /// Well, and there was nothing to do.
    Nothing,
    /// It was stopped because somebody asked for it.
    Stopped,
    /// Another process writes.
    Locked(String),
    /// It failed, or a file was refused.
    Failed(String),
}

/// What can be pointed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A tab, from 0.
    Tab(usize),
    /// A row that is shown of a list, by their places; its column.
    Row {
        /// The list, in the order in which they are drawn.
        part: usize,
        /// The row.
        row: usize,
        /// The column among those that are shown, if it is on one.
        column: Option<usize>,
    },
    /// The heading of a column.
    Head {
        /// The list.
        part: usize,
        /// The column among those that are shown.
        column: usize,
    },
    /// A key of the line at the bottom.
    Key(Verb),
    /// What stands between two parts.
    Divider(Divider),
}

/// What stands between two parts of a view, and can be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Divider {
    /// The pair of parts, in the order in which they are drawn.
    pub pair: usize,
    /// Whether they stand beside one another.
    pub beside: bool,
    /// Where the whole begins, in columns or lines.
    pub from: u16,
    /// How long the whole is.
    pub length: u16,
}

impl Divider {
    /// The second part's share in percent where the divider is moved to a place; neither part goes.
    pub fn share(&self, place: u16) -> u16 {
        let second = u32::from((self.from + self.length).saturating_sub(place));
        u16::try_from(second * 100 / u32::from(self.length.max(1))).unwrap_or(100).clamp(10, 90)
    }
}
