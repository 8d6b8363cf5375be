//! What lies over a pane: records behind a metric, a feeder, a source line; dialogs, pickers, help. Each is a screen, one a file.

pub(super) mod columns;
mod decide;
pub(super) mod export;
pub(super) mod feeder;
pub(super) mod go_to;
pub(super) mod help;
pub(super) mod pick;
pub(super) mod promote;
pub(super) mod prompt;
pub(super) mod records;
pub(super) mod sign;
pub(super) mod source;
pub(super) mod whole;
