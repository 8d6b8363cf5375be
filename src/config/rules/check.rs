//! What a rule asks: one variant a kind, whose fields are the settings of the kind, as they are written in the files.
//!
//! A new kind is a variant here, an arm of `pipeline::rules::plan` and a line of `docs/rules.md`; a test holds the three
//! together.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};

use super::Drift;
use super::setting::{Factor, Names, Operator, Pattern, Portion, Reasons, Reference, Share, Worst};

/// What a rule asks. Each names the failing row; columns are those of the subject's relation (see `docs/rules.md`).
///
/// Variants without settings have braces, so that a setting which they do not know is an error too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, VariantNames, IntoStaticStr)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[strum(serialize_all = "kebab-case")]
pub enum Check {
    /// One of the columns is null.
    NotNull { columns: Names },
    /// Another row has the same values; every row but one of each group fails.
    Unique { columns: Names },
    /// A value that is not one of the list.
    AcceptedValues { column: String, values: Names },
    /// A number below `least` or above `most`; one of them is enough.
    Range {
        column: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        least: Option<f64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        most: Option<f64>,
    },
    /// A text that does not match, or with `matches = false` one that does.
    Pattern {
        column: String,
        pattern: Pattern,
        #[serde(default = "yes")]
        matches: bool,
    },
    /// A cell that holds something which did not become a value.
    Parses { column: String },
    /// `later` lies before `earlier`.
    DateOrder { earlier: String, later: String },
    /// The comparison does not hold.
    Compare { left: String, operator: Operator, right: String },
    /// The column is not the sum of the others, up to a tolerance in the column's unit.
    Sum {
        column: String,
        of: Names,
        #[serde(default)]
        tolerance: f64,
    },
    /// The value is a different one by more than this share of what it was a month before.
    Change { column: String, most: Share },
    /// The value is `factor` times what it was a month before, or one `factor`th, within a fifth.
    #[serde(alias = "slip")]
    UnitShift { column: String, factor: Factor },
    /// The median of a column is `factor` times what it was a month before, or one `factor`th, within a half.
    #[serde(alias = "median-slip")]
    MedianUnitShift { column: String, factor: Factor },
    /// A value that is in no row of another subject's column.
    Reference { column: String, to: Reference },
    /// A group whose rows do not agree in one of the columns; groups are counted.
    Constant { columns: Names, within: String },
    /// The value of `column` is also in a row of the same subject for which the condition holds.
    Overlap { column: String, with: String },
    /// The share of distinct values among those present is below `least` or above `most`; one of them is enough.
    DistinctShare {
        column: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        least: Option<Portion>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        most: Option<Portion>,
    },
    /// Records that were rejected for one of these reasons.
    #[serde(alias = "set-aside")]
    Rejected { reasons: Reasons },
    /// Records that are neither in the next layer nor rejected.
    Ledger {},
    /// The file has fewer or more rows than the mean of the months before, by more than this share.
    Volume {
        #[serde(default = "one")]
        months: std::num::NonZeroU32,
        most: Share,
    },
    /// Entities that were there a month before and are gone.
    Vanished {},
    /// The feed is in this state or a worse one.
    Freshness {
        #[serde(default)]
        worst: Worst,
    },
    /// Days by which the utility's own refresh date is too old.
    RefreshAge { most_days: i64 },
    /// The utility's own refresh date lies after the day that the file came.
    RefreshInFuture {},
    /// The utility's own refresh date lies before that of an earlier month.
    RefreshGoesBack {},
    /// Columns that differ from those of the month before.
    Schema { drift: Drift },
    /// Cells that hold a spreadsheet's error word, or characters that are not seen.
    DamagedCells {},
    /// Columns that the adapter reads as another type than text, and whose present values do not parse by more than this share.
    ReadableColumns {
        most: Share,
        /// Columns of the model that other rules look at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        except: Option<Names>,
    },
    /// Columns that the adapter reads and the file lacks.
    MappedColumns {},
    /// A file at least half as large as what is current, of whose records less than this share have a known key.
    KnownKeys { least: Share },
    /// Entities whose id is that of another but for leading zeros, case and the marks between its parts.
    OtherNotation {},
    /// Records whose key matches a pattern, repeats the header, looks like no other, or whose value is the sum of all others.
    StrayRecord { pattern: Pattern },
    /// The share of rows whose value is one of the list fell by more than this since the month before, in parts of the whole.
    ShareFalls { column: String, values: Names, most: Share },
    /// The sum of a column over entities that were there a month before moved by more than this share.
    SumMoves { column: String, most: Share },
    /// Rows of a query over the relations of the utility and month.
    Sql { query: String },
}

const fn yes() -> bool {
    true
}

const fn one() -> std::num::NonZeroU32 {
    std::num::NonZeroU32::MIN
}

impl Check {
    /// The name of the kind.
    pub fn kind(&self) -> &'static str {
        self.into()
    }

    /// What no field can see for itself: settings of which one must be there.
    pub(super) fn problem(&self) -> Option<String> {
        let without_bounds = match self {
            Self::Range { least, most, .. } => least.is_none() && most.is_none(),
            Self::DistinctShare { least, most, .. } => least.is_none() && most.is_none(),
            _ => false,
        };
        without_bounds.then(|| format!("a rule of kind `{}` needs `least` or `most`", self.kind()))
    }

    /// The kind and its settings as they would be written in a file: what stored fingerprints are made from.
    pub(super) fn definition(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }
}
