//! The words of the field: utilities, datasets, months, units, findings and freshness.
//!
//! The ground floor of the crate: everything above speaks in these types, and nothing here knows of files, tables or
//! terminals. Only the standard library is used.

pub mod cancel;
pub mod cell;
pub mod columns;
pub mod dataset;
pub mod decimal;
pub mod finding;
pub mod freshness;
pub mod ids;
pub mod month;
pub mod severity;
pub mod units;

pub use cancel::Cancel;
pub use cell::CellState;
pub use columns::{Entity, MODEL_COLUMNS, ModelKind};
pub use dataset::{Dataset, Delivery};
pub use finding::{Finding, ReasonCode, Stage};
pub use freshness::{Freshness, freshness};
pub use ids::{Environment, UtilityId};
pub use month::{Day, Month};
pub use severity::Severity;
pub use units::Unit;
