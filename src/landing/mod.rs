//! The landing folder: which deliveries are there, when they are complete, and what their bytes hold.
//!
//! Reads files, knows no tables. A record that cannot be taken comes back as a [`crate::model::Finding`], a file that
//! cannot be taken as a [`Refusal`]; neither is ever lost or turned into a panic.

pub(crate) mod arrivals;
mod batch;
mod bytes;
mod csv;
pub(crate) mod deliveries;
mod lines;
mod quotes;
pub(crate) mod reader;
pub(crate) mod stability;
pub(crate) mod stated_month;
pub(crate) mod watch;

pub(crate) use batch::{Batch, NO_TEXT, Summary};
pub(crate) use bytes::{ContentHash, content_hash, sha256_of};
pub(crate) use deliveries::{Candidate, MonthOrigin, scan};
pub(crate) use reader::{ReadError, RecordReader, Refusal};
pub(crate) use stability::Settled;
