//! Everything that a user decides: settings, adapters, rules, the name of the theme.
//!
//! Raw arguments, environment variables and files are read once at the edge and merged into one immutable
//! [`Settings`]; nothing above asks for an environment variable or a file of configuration again.

pub mod adapter;
pub(crate) mod file;
pub(crate) mod paths;
pub mod rules;
pub(crate) mod settings;

pub(crate) use adapter::{
    Aggregate, CellType, ColumnSource, DatasetAdapter, Dialect, EmptyFile, Grain, MonthSource, UtilityAdapter, column_name,
};
pub use paths::Paths;
pub use rules::RuleSet;
pub use settings::{Overrides, Settings};
