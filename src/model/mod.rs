//! The words of the field: utilities, datasets, months, units, findings and freshness.
//!
//! The ground floor of the crate: everything above speaks in these types, and nothing here knows of files, tables or
//! terminals. Only the standard library is used.

pub(crate) mod bytes;
pub(crate) mod cancel;
pub(crate) mod cell;
pub(crate) mod columns;
pub(crate) mod dataset;
pub(crate) mod decimal;
pub(crate) mod finding;
pub(crate) mod freshness;
pub(crate) mod ids;
pub(crate) mod inferred_type;
pub(crate) mod month;
pub(crate) mod number;
pub(crate) mod severity;
pub(crate) mod time;
pub(crate) mod units;

pub use cancel::Cancel;
pub(crate) use cell::CellState;
pub(crate) use columns::{Entity, MODEL_COLUMNS, ModelKind};
pub use dataset::Dataset;
pub(crate) use dataset::Delivery;
pub use finding::ReasonCode;
pub(crate) use finding::{Finding, Stage};
pub(crate) use freshness::{Freshness, freshness};
pub use ids::Environment;
pub(crate) use ids::{FeederId, UtilityId};
pub use month::{Day, Month, MonthRange};
pub use severity::Severity;
pub use time::Timestamp;
pub(crate) use units::Unit;
