//! The landing folder: which deliveries are there, when they are complete, and what their bytes hold.
//!
//! Reads files, knows no tables. A record that cannot be taken comes back as a [`crate::model::Finding`], a file that
//! cannot be taken as a [`Refusal`]; neither is ever lost or turned into a panic.

mod batch;
mod bytes;
pub mod deliveries;
pub mod records;
pub mod stability;
pub mod watch;

pub use batch::{Batch, Summary};
pub use bytes::sha256_of;
pub use deliveries::{Candidate, Scan, scan};
pub use records::{ReadError, RecordReader, Refusal};
