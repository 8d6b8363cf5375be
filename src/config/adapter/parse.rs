//! TOML text → [`UtilityAdapter`], with messages that name file, line and the nearest right word.

use std::collections::BTreeMap;
use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::time_format;
use super::{Aggregate, CellType, ColumnSource, DatasetAdapter, Dialect, EmptyFile, Grain, MonthSource, UtilityAdapter};
use crate::config::file::{Problem, did_you_mean, line_of};
use crate::model::freshness::Schedule;
use crate::model::{Dataset, Delivery, Entity, ModelKind, Unit, UtilityId};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAdapter {
    utility: String,
    name: Option<String>,
    delimiter: Option<char>,
    decimal: Option<char>,
    grouping: Option<char>,
    null_values: Option<Vec<String>>,
    years: Option<(i16, i16)>,
    month_from: Option<String>,
    due_day: Option<u8>,
    grace_days: Option<u16>,
    transmission: Option<String>,
    #[serde(default)]
    der_types: BTreeMap<String, String>,
    #[serde(default)]
    technologies: toml::Table,
    hybrid: Option<RawHybrid>,
    circuits: Option<RawDataset>,
    install_der: Option<RawDataset>,
    planned_der: Option<RawDataset>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDataset {
    files: Option<Vec<String>>,
    key: Vec<OneOrMany>,
    delivery: Option<String>,
    empty: Option<String>,
    grain: Option<String>,
    #[serde(default)]
    columns: BTreeMap<String, RawColumn>,
    #[serde(default)]
    types: BTreeMap<String, RawColumn>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHybrid {
    from: String,
    values: Vec<String>,
}

#[derive(Clone)]
enum RawColumn {
    Name(String),
    Full(RawSource),
}

/// By hand, since serde's own choice between the two would hide what is wrong inside the braces.
impl<'de> Deserialize<'de> for RawColumn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(name) => Ok(Self::Name(name)),
            other => RawSource::deserialize(other).map(Self::Full).map_err(|error| D::Error::custom(error.message())),
        }
    }
}

#[derive(Deserialize, Clone, Default)]
#[serde(deny_unknown_fields)]
struct RawSource {
    from: Option<OneOrMany>,
    #[serde(rename = "type")]
    kind: Option<String>,
    unit: Option<String>,
    format: Option<OneOrMany>,
    #[serde(default)]
    words: Vec<String>,
    aggregate: Option<String>,
    tolerance: Option<f64>,
}

#[derive(Deserialize, Clone)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn list(self) -> Vec<String> {
        match self {
            Self::One(name) => vec![name],
            Self::Many(names) => names,
        }
    }
}

/// Reads one adapter. The first thing wrong ends it: half an adapter would load half a file.
pub(super) fn adapter(path: &Path, text: &str) -> Result<UtilityAdapter, Problem> {
    let raw: RawAdapter = toml::from_str(text).map_err(|error| Problem {
        file: path.to_owned(),
        line: error.span().map(|span| line_of(text, span.start)),
        message: error.message().trim().replace('\n', " "),
    })?;
    let context = AdapterFile { path, text };
    let id = UtilityId::parse(&raw.utility).ok_or_else(|| {
        context.problem(&raw.utility, format!("`{}` is no utility id: use lower-case letters, digits, `-` and `_`", raw.utility))
    })?;
    let dialect = context.dialect(&raw)?;
    let years = raw.years.unwrap_or((1900, 2100));
    if years.0 > years.1 {
        return Err(context.problem("years", format!("`years` is from {} to {}; the first must come first", years.0, years.1)));
    }
    if let Some(transmission) = &raw.transmission
        && let Err(error) = regex::Regex::new(transmission)
    {
        return Err(context.problem("transmission", format!("`transmission` is no regular expression: {}", last_line(&error))));
    }
    let mut datasets = Vec::new();
    for (dataset, raw) in
        [(Dataset::Circuits, raw.circuits), (Dataset::InstallDer, raw.install_der), (Dataset::PlannedDer, raw.planned_der)]
    {
        if let Some(raw) = raw {
            datasets.push(context.dataset(&id, dataset, raw)?);
        }
    }
    let sources = [("folder", Some(MonthSource::Folder)), ("name", Some(MonthSource::Name))];
    let month_from = context.choice("month_from", raw.month_from.as_deref(), &sources)?;
    let technologies = context.technologies(raw.technologies)?;
    let standard = ["null", "na", "n/a", "none"];
    let null_values = raw.null_values.unwrap_or_else(|| standard.map(str::to_owned).to_vec());
    Ok(UtilityAdapter {
        name: raw.name.unwrap_or_else(|| raw.utility.clone()),
        id,
        dialect,
        null_values: null_values.iter().map(|value| value.trim().to_lowercase()).filter(|value| !value.is_empty()).collect(),
        years,
        month_from,
        schedule: Schedule { due_day: raw.due_day.unwrap_or(10), grace_days: raw.grace_days.unwrap_or(20) },
        transmission: raw.transmission,
        technologies,
        hybrid: raw.hybrid.map(|hybrid| (hybrid.from, hybrid.values)),
        der_types: raw.der_types.into_iter().map(|(from, to)| (from.trim().to_lowercase(), to)).collect(),
        datasets,
        origin: Some(path.to_owned()),
    })
}

struct AdapterFile<'a> {
    path: &'a Path,
    text: &'a str,
}

impl AdapterFile<'_> {
    /// A problem at the first line on which the word stands.
    fn problem(&self, word: &str, message: String) -> Problem {
        Problem { file: self.path.to_owned(), line: self.text.find(word).map(|at| line_of(self.text, at)), message }
    }

    fn dialect(&self, raw: &RawAdapter) -> Result<Dialect, Problem> {
        let delimiter = raw.delimiter.unwrap_or(',');
        let decimal = raw.decimal.unwrap_or('.');
        let byte = u8::try_from(delimiter)
            .ok()
            .filter(u8::is_ascii)
            .ok_or_else(|| self.problem("delimiter", format!("`delimiter` is `{delimiter}`; it must be one ASCII character")))?;
        if raw.grouping == Some(decimal) {
            return Err(self.problem("grouping", "`grouping` and `decimal` are the same character".into()));
        }
        Ok(Dialect { delimiter: byte, decimal, grouping: raw.grouping })
    }

    fn dataset(&self, id: &UtilityId, dataset: Dataset, raw: RawDataset) -> Result<DatasetAdapter, Problem> {
        let patterns = raw.files.unwrap_or_else(|| vec![format!("{id}_{dataset}.csv"), format!("{id}_{dataset}[_-]*.csv")]);
        let files = self.globs(&patterns)?;
        if raw.key.is_empty() {
            return Err(
                self.problem(&format!("[{dataset}"), format!("`{dataset}` needs a `key`: the columns that identify a record"))
            );
        }
        let delivery = self.choice(
            "delivery",
            raw.delivery.as_deref(),
            &[("incremental", Delivery::Incremental), ("snapshot", Delivery::Snapshot)],
        )?;
        let empty =
            self.choice("empty", raw.empty.as_deref(), &[("refuse", EmptyFile::Refuse), ("accept", EmptyFile::Accept)])?;
        let grain = self.choice("grain", raw.grain.as_deref(), &[("entity", Grain::Entity), ("segment", Grain::Segment)])?;
        if grain == Grain::Segment && dataset != Dataset::Circuits {
            let message =
                format!("`grain` of `{dataset}` is `segment`; a record of DERs is one DER, only circuits have segments");
            return Err(self.problem(&format!("[{dataset}"), message));
        }
        let entity = Entity::of(dataset);
        let (mut columns, mut tolerances) = (Vec::new(), Vec::new());
        for (name, source) in raw.columns {
            let tolerance = self.tolerance(&name, &source)?;
            let known = entity.mapped();
            let Some(column) = known.clone().find(|column| column.name == name) else {
                let hint = did_you_mean(&name, known.map(|column| column.name));
                return Err(self.problem(&name, format!("`{dataset}` has no column `{name}`{hint}")));
            };
            let source = self.source(&name, column.kind, source)?;
            tolerances.extend(
                tolerance.into_iter().flat_map(|tolerance| source.from.iter().map(move |from| (from.clone(), tolerance))),
            );
            columns.push((column.name, source));
        }
        let needed = entity.id();
        if !columns.iter().any(|(name, _)| *name == needed) {
            return Err(self.problem(&format!("[{dataset}"), format!("`{dataset}` must map `{needed}`")));
        }
        let key = self.key(dataset, raw.key, grain, &columns)?;
        let mut types = Vec::new();
        for (name, source) in raw.types {
            tolerances.extend(self.tolerance(&name, &source)?.map(|tolerance| (name.clone(), tolerance)));
            let kind = self.loose_type(&name, source)?;
            types.push((name, kind));
        }
        Ok(DatasetAdapter { dataset, patterns, files, key, delivery, empty, grain, columns, types, tolerances })
    }

    fn tolerance(&self, name: &str, raw: &RawColumn) -> Result<Option<f64>, Problem> {
        let tolerance = if let RawColumn::Full(source) = raw { source.tolerance } else { None };
        match tolerance {
            Some(wrong) if !(wrong.is_finite() && wrong >= 0.0) => {
                Err(self.problem(name, format!("`tolerance` of `{name}` is {wrong}; it must be a number from 0 on")))
            }
            tolerance => Ok(tolerance),
        }
    }

    /// The parts of the key. Where a row is the entity, the key of a record is the id of the entity, in any of its columns.
    fn key(
        &self,
        dataset: Dataset,
        key: Vec<OneOrMany>,
        grain: Grain,
        columns: &[(&'static str, ColumnSource)],
    ) -> Result<Vec<Vec<String>>, Problem> {
        let parts: Vec<Vec<String>> = key.into_iter().map(OneOrMany::list).collect();
        if grain == Grain::Segment {
            return Ok(parts);
        }
        let id = Entity::of(dataset).id();
        let of_id = columns.iter().find(|(name, _)| *name == id).map_or(&[][..], |(_, source)| source.from.as_slice());
        if parts.iter().flatten().all(|label| of_id.contains(label)) {
            return Ok(vec![of_id.to_vec()]);
        }
        let message = format!("`key` of `{dataset}` must be the source of `{id}`, since each row is one entity");
        Err(self.problem(&format!("[{dataset}"), message))
    }

    fn technologies(&self, table: toml::Table) -> Result<Vec<(String, String)>, Problem> {
        let named = |(column, technology): (String, toml::Value)| match technology {
            toml::Value::String(technology) => Ok((column, technology)),
            other => Err(self.problem(&column, format!("`{column}` must name a technology, not `{other}`"))),
        };
        table.into_iter().map(named).collect()
    }

    fn globs(&self, patterns: &[String]) -> Result<GlobSet, Problem> {
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            let glob = GlobBuilder::new(pattern).case_insensitive(true).build();
            set.add(glob.map_err(|error| self.problem(pattern, format!("`{pattern}` is no file pattern: {}", error.kind())))?);
        }
        set.build().map_err(|error| self.problem("files", error.to_string()))
    }

    fn choice<T: Copy + Default>(&self, key: &str, word: Option<&str>, choices: &[(&'static str, T)]) -> Result<T, Problem> {
        let Some(word) = word else { return Ok(T::default()) };
        choices.iter().find(|(name, _)| *name == word).map(|(_, value)| *value).ok_or_else(|| {
            self.problem(key, format!("`{key}` is `{word}`{}", did_you_mean(word, choices.iter().map(|(name, _)| *name))))
        })
    }

    fn source(&self, name: &str, kind: ModelKind, raw: RawColumn) -> Result<ColumnSource, Problem> {
        let raw = match raw {
            RawColumn::Name(column) => RawSource { from: Some(OneOrMany::One(column)), ..RawSource::default() },
            RawColumn::Full(source) => source,
        };
        let from = raw.from.clone().map(OneOrMany::list).unwrap_or_default();
        if from.is_empty() {
            return Err(self.problem(name, format!("`{name}` needs `from`: the source column")));
        }
        let aggregate = self.choice(
            "aggregate",
            raw.aggregate.as_deref(),
            &[("max", Aggregate::Max), ("min", Aggregate::Min), ("sum", Aggregate::Sum)],
        )?;
        let kind = self.cell_type(name, kind, &raw)?;
        let words = raw.words.iter().map(|word| word.to_lowercase()).collect();
        Ok(ColumnSource { from, kind, words, aggregate })
    }

    fn cell_type(&self, name: &str, kind: ModelKind, raw: &RawSource) -> Result<CellType, Problem> {
        let formats = || match raw.format.clone().map(OneOrMany::list) {
            Some(formats) if !formats.is_empty() => match formats.iter().find_map(|format| time_format::problem(format)) {
                Some(problem) => Err(self.problem("format", format!("`{name}`: {problem}"))),
                None => Ok(formats),
            },
            _ => Err(self.problem(name, format!("`{name}` needs `format`, such as \"%m/%d/%Y\""))),
        };
        Ok(match kind {
            ModelKind::Text => CellType::Text,
            ModelKind::Id => CellType::Id,
            ModelKind::Number | ModelKind::Count => CellType::Number { exponent: 0 },
            ModelKind::Power(target) => CellType::Number { exponent: self.unit(name, raw)?.exponent_to(target) },
            ModelKind::Date => CellType::Date { formats: formats()? },
            ModelKind::Timestamp => CellType::Timestamp { formats: formats()? },
        })
    }

    /// The unit must be stated: a guess would be the thousandfold error that adapters exist to prevent.
    fn unit(&self, name: &str, raw: &RawSource) -> Result<Unit, Problem> {
        let symbol =
            raw.unit.as_deref().ok_or_else(|| self.problem(name, format!("`{name}` needs `unit`: \"MW\", \"kW\" or \"W\"")))?;
        Unit::parse(symbol)
            .ok_or_else(|| self.problem(symbol, format!("`{name}` has the unit `{symbol}`; it must be \"MW\", \"kW\" or \"W\"")))
    }

    fn loose_type(&self, name: &str, raw: RawColumn) -> Result<CellType, Problem> {
        let raw = match raw {
            RawColumn::Name(kind) => RawSource { kind: Some(kind), ..RawSource::default() },
            RawColumn::Full(source) => source,
        };
        let kind = match raw.kind.as_deref() {
            Some("text") | None => ModelKind::Text,
            Some("number") => ModelKind::Number,
            Some("date") => ModelKind::Date,
            Some("timestamp") => ModelKind::Timestamp,
            Some(word) => {
                let hint = did_you_mean(word, ["text", "number", "date", "timestamp"].into_iter());
                return Err(self.problem(name, format!("`{name}` has the type `{word}`{hint}")));
            }
        };
        self.cell_type(name, kind, &raw)
    }
}

/// What is wrong with a regular expression, without the drawing of its place.
fn last_line(error: &regex::Error) -> String {
    error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "utility = \"u\"\n[circuits]\nkey = [\"F\"]\n[circuits.columns]\nfeeder_id = \"F\"\n";

    fn message(text: &str) -> String {
        adapter(Path::new("u.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn adapter_of_the_fewest_lines_is_complete() {
        let parsed = adapter(Path::new("u.toml"), GOOD).unwrap();
        let circuits = parsed.dataset(Dataset::Circuits).unwrap();
        assert!(circuits.files.is_match("u_circuits_2022-11.csv") && circuits.files.is_match("U_CIRCUITS.CSV"));
        assert!(!circuits.files.is_match("u_install_der.csv"));
        assert_eq!(parsed.null_values, ["null", "na", "n/a", "none"]);
    }

    #[test]
    fn wrong_words_are_answered_with_line_and_nearest() {
        assert_eq!(
            message(&GOOD.replace("feeder_id =", "feeder =")),
            "`u.toml`, line 5: `circuits` has no column `feeder`; did you mean `feeder_id`?"
        );
        assert_eq!(
            message(&format!("{GOOD}max_hosting_capacity_mw = \"HC\"\n")),
            "`u.toml`, line 6: `max_hosting_capacity_mw` needs `unit`: \"MW\", \"kW\" or \"W\""
        );
        assert_eq!(
            message(&format!("{GOOD}hca_refresh_date = \"D\"\n")),
            "`u.toml`, line 6: `hca_refresh_date` needs `format`, such as \"%m/%d/%Y\""
        );
        assert_eq!(
            message(&GOOD.replace("feeder_id = \"F\"", "feeder_id = { form = \"F\" }")),
            "`u.toml`, line 5: unknown field `form`, expected one of `from`, `type`, `unit`, `format`, `words`, `aggregate`, `tolerance`"
        );
        assert_eq!(
            message(&GOOD.replace("key =", "delivery = \"snapshots\"\nkey =")),
            "`u.toml`, line 3: `delivery` is `snapshots`; did you mean `snapshot`?"
        );
        let ders = "[install_der]\ngrain = \"segment\"\nkey = [\"KW\"]\n[install_der.columns]\nder_id = \"ID\"\n";
        assert_eq!(
            message(&format!("{GOOD}{ders}")),
            "`u.toml`, line 6: `grain` of `install_der` is `segment`; a record of DERs is one DER, only circuits have segments"
        );
    }

    #[test]
    fn what_a_plan_would_choke_on_is_found_when_the_adapter_is_read() {
        let with_format =
            |format: &str| message(&format!("{GOOD}hca_refresh_date = {{ from = \"D\", format = \"{format}\" }}\n"));
        assert_eq!(
            with_format("M/D/YYYY"),
            "`u.toml`, line 6: `hca_refresh_date`: `M/D/YYYY` is no `strftime` notation; is it `%m/%d/%Y`?"
        );
        assert_eq!(with_format("%Q"), "`u.toml`, line 6: `hca_refresh_date`: `%Q` is no `strftime` notation");
        assert_eq!(with_format("%"), "`u.toml`, line 6: `hca_refresh_date`: `%` is no `strftime` notation");
        assert_eq!(with_format("%Y-%m"), "`u.toml`, line 6: `hca_refresh_date`: `%Y-%m` does not say which day it is");
        assert_eq!(
            message(&format!("transmission = '(T'\n{GOOD}")),
            "`u.toml`, line 1: `transmission` is no regular expression: unclosed group"
        );
        assert_eq!(
            message(&format!("years = [2100, 1900]\n{GOOD}")),
            "`u.toml`, line 1: `years` is from 2100 to 1900; the first must come first"
        );
        for format in ["%m/%d/%Y", "%d.%m.%y", "%Y%m%d", "%F %T%z", "%b %e, %Y", "%s"] {
            adapter(Path::new("u.toml"), &format!("{GOOD}hca_refresh_date = {{ from = \"D\", format = \"{format}\" }}\n"))
                .unwrap();
        }
    }

    #[test]
    fn kilowatts_in_a_megawatt_column_are_divided() {
        let parsed =
            adapter(Path::new("u.toml"), &format!("{GOOD}max_hosting_capacity_mw = {{ from = \"HC\", unit = \"kW\" }}\n"))
                .unwrap();
        assert_eq!(parsed.type_of(Dataset::Circuits, "HC"), CellType::Number { exponent: -3 });
    }
}
