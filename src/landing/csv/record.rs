//! One record as it was split, and why it cannot be taken.

use super::super::quotes::Quoting;
use crate::model::ReasonCode;

/// One record: where it starts, its lines, its cells and where they end in `text`, and how many bytes of line ends stand before it.
pub(super) struct RawRecord {
    pub(super) line: u64,
    pub(super) lines: u64,
    pub(super) cells: usize,
    pub(super) text_len: usize,
    pub(super) before: usize,
    pub(super) terminated: bool,
    pub(super) quoting: Quoting,
}

impl RawRecord {
    /// Why it cannot be taken in a file of so many columns, and what is wrong, for people; `text` is that of its cells, `has_nul`
    /// whether any of the file may hold a byte 0.
    pub(super) fn fault(&self, columns: usize, text: &[u8], has_nul: bool) -> Option<(ReasonCode, Option<String>)> {
        let last = self.line + self.lines - 1;
        let has_nul = has_nul && text.contains(&0);
        let ragged = || format!("{} cells where the header has {columns}", self.cells);
        let (reason, value) = match self.quoting {
            _ if has_nul && !self.terminated => (ReasonCode::TruncatedFile, "the file ends in bytes 0".into()),
            _ if has_nul => (ReasonCode::EncodingError, "byte 0 in the record".into()),
            _ if text.is_empty() && self.lines == 1 => return Some((ReasonCode::BlankRow, None)),
            Quoting::Sound if !self.terminated && self.cells < columns => {
                (ReasonCode::MissingCell, format!("the last record has {}", ragged()))
            }
            Quoting::Sound if self.cells < columns => (ReasonCode::MissingCell, ragged()),
            Quoting::Sound if self.cells > columns => (ReasonCode::ExtraCell, ragged()),
            Quoting::Sound => return None,
            Quoting::SwallowsRecords => {
                (ReasonCode::UnclosedQuote, format!("the quoted cell in lines {} to {last} holds whole records", self.line))
            }
            _ if self.lines > 1 => {
                (ReasonCode::UnclosedQuote, format!("a quote without its pair in lines {} to {last}", self.line))
            }
            Quoting::TextBehind => (ReasonCode::StrayQuote, "text behind a closing quote".into()),
            Quoting::Stray | Quoting::Open => (ReasonCode::StrayQuote, "a quote inside a cell".into()),
        };
        Some((reason, Some(value)))
    }

    /// Whether a fault is that of a file that ends inside a record.
    pub(super) const fn is_unfinished(&self, reason: ReasonCode) -> bool {
        !self.terminated && matches!(reason, ReasonCode::MissingCell | ReasonCode::TruncatedFile)
    }
}
