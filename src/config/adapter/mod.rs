//! Adapters: one TOML file a utility says how its files become the common model, without code.
//!
//! Lies between the user's files and the SQL that `pipeline` renders. A parsed adapter is complete and consistent:
//! every column it maps exists in the common model, every date column has formats, every dataset a key.

mod parse;
mod time_format;

use std::path::{Path, PathBuf};

use globset::GlobSet;

use super::file::Problem;
use crate::model::freshness::Schedule;
use crate::model::{Dataset, Delivery, UtilityId};

/// One utility's dialect.
#[derive(Debug, Clone)]
pub struct UtilityAdapter {
    /// Short name, used in folders, tables and commands.
    pub id: UtilityId,
    /// The name shown to people.
    pub name: String,
    /// How the utility writes CSV.
    pub dialect: Dialect,
    /// Values that mean "nothing", trimmed and in lower case; the empty cell is counted apart.
    pub null_values: Vec<String>,
    /// The first and the last year that a date can lie in; one outside is invalid.
    pub years: (i16, i16),
    /// Which month counts where folder and name of a file state different ones; `None` where somebody must look.
    pub month_from: Option<MonthSource>,
    /// When its files are due.
    pub schedule: Schedule,
    /// Regular expression of feeder references that name a transmission line instead.
    pub transmission: Option<String>,
    /// Source columns that hold the rating of one technology in kW, with the technology's name, in the order of the adapter.
    pub technologies: Vec<(String, String)>,
    /// Source column whose value, if it is one of the list, says that a DER is a hybrid.
    pub hybrid: Option<(String, Vec<String>)>,
    /// Delivered DER type (lower case) → type of the common model.
    pub der_types: Vec<(String, String)>,
    /// The datasets that it sends.
    pub datasets: Vec<DatasetAdapter>,
    /// The file that the adapter was read from; `None` when it is built in.
    pub origin: Option<PathBuf>,
}

impl UtilityAdapter {
    /// How one dataset is read; `None` if the utility does not send it.
    pub fn dataset(&self, dataset: Dataset) -> Option<&DatasetAdapter> {
        self.datasets.iter().find(|adapter| adapter.dataset == dataset)
    }

    /// The source columns that the keys and values of a dataset's records are read from.
    pub fn labels_read(&self, dataset: Dataset) -> impl Iterator<Item = &str> {
        let adapter = self.dataset(dataset).into_iter();
        let of_dataset =
            adapter.flat_map(|adapter| adapter.key_labels().chain(adapter.columns.iter().flat_map(|(_, column)| &column.from)));
        let of_ders = self.technologies.iter().map(|(label, _)| label).chain(self.hybrid.iter().map(|(label, _)| label));
        of_dataset.chain(of_ders.filter(move |_| dataset.der_status().is_some())).map(String::as_str)
    }

    /// The type that the values of a bronze column should parse as; text unless the adapter says more.
    pub fn type_of(&self, dataset: Dataset, column: &str) -> CellType {
        let Some(adapter) = self.dataset(dataset) else { return CellType::Text };
        let is = |label: &String| column_name(label).eq_ignore_ascii_case(column);
        if let Some((_, source)) = adapter.columns.iter().find(|(_, source)| source.from.iter().any(is)) {
            return source.kind.clone();
        }
        if dataset.der_status().is_some() && self.technologies.iter().any(|(label, _)| is(label)) {
            return CellType::Number { exponent: 0 };
        }
        adapter.types.iter().find(|(label, _)| is(label)).map_or(CellType::Text, |(_, kind)| kind.clone())
    }
}

/// The name that a source column has in bronze: without the characters that a Delta table refuses, and no pattern of names
/// (`*`, `^…$`), which engines take for several columns.
pub fn column_name(label: &str) -> String {
    let is_pattern = label.starts_with('^') && label.ends_with('$');
    let is_refused = |c: char| {
        let is_special = matches!(c, ' ' | ',' | ';' | '{' | '}' | '(' | ')' | '\n' | '\t' | '=' | '\r' | '*');
        is_special || (is_pattern && c == '^')
    };
    label.replace(is_refused, "_")
}

/// How a utility writes CSV and numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// The byte between two cells.
    pub delimiter: u8,
    /// The character before a number's fraction.
    pub decimal: char,
    /// The character between groups of three digits, if the utility writes one.
    pub grouping: Option<char>,
}

impl Dialect {
    /// Whether numbers are written as programs write them.
    pub const fn has_plain_numbers(self) -> bool {
        self.decimal == '.' && self.grouping.is_none()
    }
}

/// Where the month of a delivery is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MonthSource {
    /// Its folder.
    Folder,
    /// Its name.
    Name,
}

/// What one row of a circuits file stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Grain {
    /// A row is the entity itself: a feeder, or a DER.
    #[default]
    Entity,
    /// A row is a segment of a circuit; feeders are aggregated from them.
    Segment,
}

/// What a file with a header and no record means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EmptyFile {
    /// That something went wrong: it is refused.
    #[default]
    Refuse,
    /// That there is nothing to deliver.
    Accept,
}

/// How one dataset of a utility is found, keyed and mapped.
#[derive(Debug, Clone)]
pub struct DatasetAdapter {
    /// Which of the three.
    pub dataset: Dataset,
    /// File-name patterns, as written.
    pub patterns: Vec<String>,
    /// The same, compiled.
    pub files: GlobSet,
    /// The parts that identify a record: of each the source columns that may hold it, the first that does counts.
    pub key: Vec<Vec<String>>,
    /// What an absent record means.
    pub delivery: Delivery,
    /// What a file without records means.
    pub empty: EmptyFile,
    /// What a row stands for.
    pub grain: Grain,
    /// Columns of the common model, by their name, and where each comes from.
    pub columns: Vec<(&'static str, ColumnSource)>,
    /// Types of source columns that the common model does not take, so that their values are checked too.
    pub types: Vec<(String, CellType)>,
    /// Source columns whose numbers may differ by so much, in the model's unit, without having changed.
    pub tolerances: Vec<(String, f64)>,
}

impl DatasetAdapter {
    /// The source columns that may hold a part of the key.
    pub fn key_labels(&self) -> impl Iterator<Item = &String> {
        self.key.iter().flatten()
    }

    /// The key for people: `CIRCUIT + SECTION`, alternatives as `CIRCUIT or FEEDER`.
    pub fn key_text(&self) -> String {
        self.key.iter().map(|part| part.join(" or ")).collect::<Vec<_>>().join(" + ")
    }

    /// Where a column of the common model comes from; `None` if this utility does not state it.
    pub fn column(&self, name: &str) -> Option<&ColumnSource> {
        self.columns.iter().find(|(model, _)| *model == name).map(|(_, source)| source)
    }
}

impl DatasetAdapter {
    /// What of it is in no plan of silver and decides about the tables all the same, as text: stored fingerprints are made
    /// from it.
    pub fn definition(&self) -> String {
        let types = self.types.iter().map(|(label, kind)| format!("type {label}: {}", kind.definition()));
        let tolerances = self.tolerances.iter().map(|(label, tolerance)| format!("tolerance {label}: {tolerance}"));
        types.chain(tolerances).collect::<Vec<_>>().join("\n")
    }

    /// By how much a bronze column's numbers may differ without having changed.
    pub fn tolerance(&self, column: &str) -> Option<f64> {
        let found = self.tolerances.iter().find(|(label, _)| column_name(label).eq_ignore_ascii_case(column));
        found.map(|(_, tolerance)| *tolerance)
    }
}

/// Where a column of the common model comes from.
#[derive(Debug, Clone)]
pub struct ColumnSource {
    /// Source columns; the first that the file has and that holds a value counts.
    pub from: Vec<String>,
    /// How a cell is read.
    pub kind: CellType,
    /// The value is the longest of these words that is in the cell (any case); in rising order.
    pub words: Vec<String>,
    /// How the segments of a feeder become one value.
    pub aggregate: Aggregate,
}

/// How a cell is read.
#[derive(Debug, Clone, PartialEq)]
pub enum CellType {
    /// Trimmed text.
    Text,
    /// Trimmed text; `.0` after digits only is dropped.
    Id,
    /// A number, brought into the unit of the model's column.
    Number {
        /// How many of the model's units one of the file's units is, as a power of ten.
        exponent: i32,
    },
    /// A day, in one of these `strftime` notations.
    Date {
        /// Notations, tried in order.
        formats: Vec<String>,
    },
    /// A time, in one of these `strftime` notations, taken as UTC.
    Timestamp {
        /// Notations, tried in order.
        formats: Vec<String>,
    },
}

impl CellType {
    /// The type with everything that decides how a cell is read.
    fn definition(&self) -> String {
        match self {
            Self::Text | Self::Id => self.as_str().to_owned(),
            Self::Number { exponent } => format!("{} e{exponent}", self.as_str()),
            Self::Date { formats } | Self::Timestamp { formats } => format!("{} {}", self.as_str(), formats.join(" or ")),
        }
    }

    /// The word used in adapters and listings.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Id => "id",
            Self::Number { .. } => "number",
            Self::Date { .. } => "date",
            Self::Timestamp { .. } => "timestamp",
        }
    }
}

/// How the segments of a feeder become one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Aggregate {
    /// The greatest, latest, or alphabetically last; for `words` the last of the list.
    #[default]
    Max,
    /// The least, or earliest.
    Min,
    /// The sum.
    Sum,
}

const BUILT_IN: &[(&str, &str)] = &[
    ("utility1.toml", include_str!("../utilities/utility1.toml")),
    ("utility2.toml", include_str!("../utilities/utility2.toml")),
];

/// The built-in adapters, each replaced by the user's of the same utility, and the user's own ones.
///
/// A file that cannot be used is a [`Problem`]; the others hold.
pub fn load(folder: &Path) -> (Vec<UtilityAdapter>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut utilities: Vec<UtilityAdapter> = Vec::new();
    for (name, text) in BUILT_IN {
        match parse::adapter(Path::new(name), text) {
            Ok(adapter) => utilities.push(UtilityAdapter { origin: None, ..adapter }),
            Err(problem) => problems.push(problem),
        }
    }
    for file in toml_files(folder) {
        let read = std::fs::read_to_string(&file)
            .map_err(|error| Problem { file: file.clone(), line: None, message: format!("cannot be read: {error}") })
            .and_then(|text| parse::adapter(&file, &text));
        match read {
            Ok(adapter) => {
                utilities.retain(|existing| existing.id != adapter.id);
                utilities.push(adapter);
            }
            Err(problem) => problems.push(problem),
        }
    }
    utilities.sort_by(|a, b| a.id.cmp(&b.id));
    (utilities, problems)
}

/// The `*.toml` files of a folder by name; none if there is no such folder.
pub fn toml_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml") && path.is_file())
        .collect();
    files.sort();
    files
}
