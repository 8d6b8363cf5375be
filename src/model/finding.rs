//! What can be wrong with a delivery: a code, a place, and what to do next.

use std::fmt;

/// Where a record was rejected, or a file refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// It never entered bronze.
    Bronze,
    /// It is in bronze and went no further.
    Silver,
}

impl Stage {
    /// The word stored in `silver/rejected`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bronze => "bronze",
            Self::Silver => "silver",
        }
    }
}

macro_rules! reason_codes {
    ($($(#[doc = $doc:literal])* $variant:ident = $code:literal, $meaning:literal, $next:literal;)*) => {
        /// Why a record was rejected, or a file refused. The codes are those of Frictionless Data
        /// (<https://specs.frictionlessdata.io>) where it has one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ReasonCode { $($(#[doc = $doc])* $variant,)* }

        impl ReasonCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The code as stored.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// What it means, in a few words.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }

            /// What whoever is on call does about it.
            pub const fn next_step(self) -> &'static str {
                match self { $(Self::$variant => $next,)* }
            }
        }
    };
}

reason_codes! {
    /// Bytes that are not UTF-8.
    EncodingError = "encoding-error", "not UTF-8", "ask the utility to export the file as CSV in UTF-8";
    /// A column without a name.
    BlankHeader = "blank-header", "a column has no name", "nothing: the column is loaded as `column_N`";
    /// Two columns of one name.
    DuplicateLabel = "duplicate-label", "two columns have one name", "nothing: the later one is loaded as `NAME_2`";
    /// A column that the adapter needs is not in the file.
    MissingLabel = "missing-label", "a column is not in the file", "compare the file's header with the adapter; if the column was renamed, add the new name to the adapter";
    /// A column that no earlier month had.
    ExtraLabel = "extra-label", "a column that the adapter does not name", "nothing: it is kept in bronze";
    /// A record has more cells than the header.
    ExtraCell = "extra-cell", "more cells than the header", "look for an unquoted delimiter in the raw record";
    /// A record has fewer cells than the header.
    MissingCell = "missing-cell", "fewer cells than the header", "look for a broken line in the raw record";
    /// A line with nothing in it.
    BlankRow = "blank-row", "an empty line inside the file", "nothing: no record is lost";
    /// A value that does not parse.
    TypeError = "type-error", "a value that does not parse", "look at the value; add its notation to the adapter's formats if it is right";
    /// A value outside what is possible.
    ConstraintError = "constraint-error", "a value outside its limits", "ask the utility about the value";
    /// A record without its key.
    PrimaryKey = "primary-key", "the record has no key", "ask the utility which record this is";
    /// A reference to nothing.
    ForeignKey = "foreign-key", "refers to something that is in no file", "ask the utility for the missing feeder";
    /// An earlier record of a key that occurs again later in the file.
    DuplicateKey = "duplicate-key", "a later record of the file has the same key", "nothing if the last one is right; otherwise ask the utility";
    /// The file ends inside a record, or is not complete.
    TruncatedFile = "truncated-file", "the file is not complete", "copy the file again, or ask the utility to send it again";
    /// A quote that is never closed.
    UnclosedQuote = "unclosed-quote", "a quote is never closed", "look at the line for a stray quote and send the file again";
    /// A quote inside a cell, or text behind a closing one.
    StrayQuote = "stray-quote", "a quote that is no pair around a cell", "look at the raw record for a quote that must be doubled, or left out";
    /// A value a thousand times too large or small.
    UnitSuspect = "unit-suspect", "probably kW for MW or the reverse", "ask the utility for the unit";
    /// A type that the adapter does not name.
    UnmappedType = "unmapped-type", "a DER type that the adapter does not name", "add the type to the adapter's map";
    /// No month is in the path.
    MonthAssumed = "month-assumed", "no month in the path, the modification month is taken", "put the file into a folder named by its month, such as `2022-11`";
    /// Folder and file name state different months.
    MonthDisputed = "month-disputed", "folder and file name state different months", "look which month it is; rename the file, put it into the folder of its month, or state `month_from` in the adapter";
    /// The month has not begun.
    MonthInFuture = "month-in-future", "the month has not begun", "put the file into the folder of its month; if the month is right, the file is loaded when the month has begun";
}

impl ReasonCode {
    /// The code of that name.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == code)
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One record, or one file, that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Why.
    pub reason: ReasonCode,
    /// The physical line, from 1, on which the record starts; `None` when it is about the whole file.
    pub line: Option<u64>,
    /// The column at fault, as the file names it.
    pub column: Option<String>,
    /// The offending value, or what was found instead of the expected.
    pub value: Option<String>,
    /// The record as it is in the file.
    pub raw: Option<String>,
}

impl Finding {
    /// A finding about the whole file.
    pub fn of_file(reason: ReasonCode, value: impl Into<String>) -> Self {
        Self { reason, line: None, column: None, value: Some(value.into()), raw: None }
    }

    /// A finding about the record that starts on a line.
    pub fn of_record(reason: ReasonCode, line: u64) -> Self {
        Self { reason, line: Some(line), column: None, value: None, raw: None }
    }

    /// The same finding at a line.
    #[must_use]
    pub fn at(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(column) = &self.column {
            write!(f, ", column `{column}`")?;
        }
        if let Some(value) = &self.value {
            write!(f, ": {value}")?;
        }
        Ok(())
    }
}
