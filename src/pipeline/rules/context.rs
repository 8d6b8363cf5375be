//! The relations of one utility and month that rules are asked of, opened when a rule needs them.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::Evaluator;
use super::drift::SchemaDrift;
use super::facts::{ColumnFacts, DeliveryFacts, KeyFacts};
use super::queries;
use crate::config::rules::Subject;
use crate::engine::{EngineError, Session};
use crate::frame::Frame;
use crate::model::{Dataset, Month, MonthRange};
use crate::pipeline::PipelineError;
use crate::pipeline::bronze::BronzeTables;
use crate::pipeline::silver::{Silver, Versions, checked_records};
use crate::pipeline::sql::text;
use crate::pipeline::store;
use crate::pipeline::tables::{self, Table};

/// One utility's month.
pub(super) struct EvaluationContext<'a> {
    pub(super) evaluator: &'a Evaluator<'a>,
    pub(super) bronze: &'a BronzeTables<'a>,
    pub(super) month: Month,
    /// Whether no utility has a later month.
    pub(super) is_newest: bool,
    /// The utility's month before, if it delivered anything earlier.
    pub(super) previous: Option<Month>,
    pub(super) session: Box<dyn Session>,
    silver: Option<OpenSilver<'a>>,
    registered: BTreeMap<String, bool>,
    /// What the tables say of the deliveries.
    facts: Option<Rc<DeliveryFacts>>,
    columns: Option<Vec<(String, ColumnFacts)>>,
    keys: Option<Vec<(String, KeyFacts)>>,
    /// How the columns of each dataset differ from the delivery before; looked at once for all rules.
    drift: BTreeMap<Dataset, Option<Rc<SchemaDrift>>>,
}

/// A utility's silver as the run left it, or as it is read.
enum OpenSilver<'a> {
    Rebuilt(&'a Silver),
    Read(Box<Silver>),
}

impl std::ops::Deref for OpenSilver<'_> {
    type Target = Silver;

    fn deref(&self) -> &Silver {
        match self {
            Self::Rebuilt(silver) => silver,
            Self::Read(silver) => silver,
        }
    }
}

impl<'a> EvaluationContext<'a> {
    pub(super) fn open(evaluator: &'a Evaluator<'a>, bronze: &'a BronzeTables<'a>, month: Month) -> Result<Self, PipelineError> {
        let previous = bronze.files.iter().map(|file| file.month).filter(|other| *other < month).max();
        Ok(Self {
            evaluator,
            bronze,
            month,
            is_newest: evaluator.is_newest(month),
            previous,
            session: bronze.work.session()?,
            silver: None,
            registered: BTreeMap::new(),
            facts: None,
            columns: None,
            keys: None,
            drift: BTreeMap::new(),
        })
    }

    pub(super) fn delivered(&self, dataset: Dataset) -> bool {
        self.bronze.months(dataset).contains(&self.month)
    }

    /// Whether anything at all was delivered for the month.
    pub(super) fn any_delivered(&self) -> bool {
        self.bronze.files.iter().any(|file| file.month == self.month)
    }

    /// Differs when the month is delivered with other content: the dataset, or all of them.
    pub(super) fn delivery_fingerprint(&self, subject: Subject) -> String {
        let is_looked_at = |dataset: Dataset| match subject {
            Subject::Delivery(of) => of == dataset,
            Subject::Feeders | Subject::Ders => true,
        };
        let files = self.bronze.files.iter().filter(|file| file.month == self.month && is_looked_at(file.dataset));
        let mut parts: Vec<String> = files.map(|file| format!("{} {}", file.dataset, file.sha256)).collect();
        parts.sort();
        format!("{:016x}", xxhash_rust::xxh64::xxh64(parts.join("\n").as_bytes(), 0))
    }

    /// What the tables say of the deliveries.
    pub(super) fn facts(&mut self) -> Result<Rc<DeliveryFacts>, PipelineError> {
        if let Some(known) = &self.facts {
            return Ok(known.clone());
        }
        let read = Rc::new(DeliveryFacts::read(&self.evaluator.histories, self.bronze, self.month)?);
        self.facts = Some(read.clone());
        Ok(read)
    }

    /// What the quality tables say of a dataset's columns.
    pub(super) fn column_facts(&mut self, dataset: Dataset) -> Result<Vec<ColumnFacts>, PipelineError> {
        if self.columns.is_none() {
            self.columns = Some(ColumnFacts::read(self)?);
        }
        let of_dataset = |(of, facts): &(String, ColumnFacts)| (of == dataset.as_str()).then(|| facts.clone());
        Ok(self.columns.iter().flatten().filter_map(of_dataset).collect())
    }

    /// How the keys of a delivery, or feeders or DERs, compare with those before; `None` where there were none.
    pub(super) fn key_facts(&mut self, subject: Subject) -> Result<Option<KeyFacts>, PipelineError> {
        if self.keys.is_none() {
            self.keys = Some(KeyFacts::read(self)?);
        }
        Ok(self.keys.iter().flatten().find(|(of, _)| of == subject.as_str()).map(|(_, keys)| *keys))
    }

    /// How the columns of the month's file differ from the delivery before; `None` if there is none before.
    pub(super) fn drift(&mut self, dataset: Dataset) -> Result<Option<Rc<SchemaDrift>>, PipelineError> {
        if let Some(known) = self.drift.get(&dataset) {
            return Ok(known.clone());
        }
        let drift = SchemaDrift::of(&self.evaluator.schemas, self.bronze, dataset, self.month)?.map(Rc::new);
        self.drift.insert(dataset, drift.clone());
        Ok(drift)
    }

    /// Gives a relation its name, if there is anything in it.
    ///
    /// `feeders`, `ders`: as they are after the month; `…_before`: after the month before; `…_moved`: versions that began
    /// in the month, beside those that they follow.
    pub(super) fn register(&mut self, subject: Subject, relation: &str) -> Result<bool, PipelineError> {
        if let Some(known) = self.registered.get(relation) {
            return Ok(*known);
        }
        let there = match subject {
            Subject::Delivery(dataset) if relation == subject.as_str() => self.register_delivery(dataset)?,
            Subject::Delivery(_) => false,
            Subject::Feeders | Subject::Ders => self.register_entity(subject, relation)?,
        };
        self.registered.insert(relation.to_owned(), there);
        Ok(there)
    }

    fn register_delivery(&mut self, dataset: Dataset) -> Result<bool, PipelineError> {
        if !self.delivered(dataset) {
            return Ok(false);
        }
        let (Some(adapter), Some(rows)) =
            (self.bronze.adapter.dataset(dataset), self.bronze.rows(dataset, |month| month == self.month)?)
        else {
            return Ok(false);
        };
        self.session.register("bronze", &rows)?;
        checked_records(self.bronze, adapter, Some(self.month)).create_views(self.session.as_mut())?;
        // A rule reads some of many columns: what is held for all rules has few cells, too.
        let rows = self.bronze.row_count(dataset, self.month).saturating_mul(8);
        self.session.name_rows(dataset.as_str(), "SELECT *, SHAPE(record_key) AS fs__shape FROM records", rows)?;
        Ok(true)
    }

    fn register_entity(&mut self, subject: Subject, relation: &str) -> Result<bool, PipelineError> {
        if !self.any_delivered() {
            return Ok(false);
        }
        if self.silver.is_none() {
            let rebuilt = self.evaluator.silver.iter().find(|(utility, _)| *utility == self.bronze.adapter.id);
            self.silver = Some(match rebuilt {
                Some((_, silver)) => OpenSilver::Rebuilt(silver),
                None => OpenSilver::Read(Box::new(Silver::open(self.bronze)?)),
            });
        }
        let Some(silver) = self.silver.as_deref() else { return Ok(false) };
        let versions = if subject == Subject::Feeders { &silver.feeders } else { &silver.ders };
        let key = key_of(subject);
        let as_of = |session: &mut dyn Session, month: Month| {
            let (rows, holds_no_others) = versions.as_of(month);
            session.register("versions", &rows)?;
            let condition =
                format!(" WHERE valid_from_month <= '{month}' AND (valid_to_month IS NULL OR valid_to_month > '{month}')");
            let condition = if holds_no_others { "" } else { &condition };
            session.create_view(relation, &format!("SELECT *, {key} AS record_key FROM versions{condition}"))
        };
        if relation == subject.as_str() {
            as_of(self.session.as_mut(), self.month)?;
            return Ok(true);
        }
        let Some(previous) = self.previous else { return Ok(false) };
        if relation.ends_with("_before") {
            as_of(self.session.as_mut(), previous)?;
            return Ok(true);
        }
        let numbers: Vec<String> = if subject == Subject::Feeders { tables::FEEDERS.columns() } else { tables::DERS.columns() }
            .into_iter()
            .filter(|column| column.kind == crate::frame::ColumnType::Real)
            .map(|column| format!("{0} AS was_{0}", column.name))
            .collect();
        name_moved(self.session.as_mut(), versions, self.month)?;
        let month = text(&self.month.to_string());
        self.session.create_view(
            relation,
            &format!(
                "WITH opened AS (SELECT *, {key} AS record_key FROM began WHERE valid_from_month = {month}),\n\
                 closed AS (SELECT {key} AS closed_key, {} FROM ended WHERE valid_to_month = {month})\n\
                 SELECT * FROM opened INNER JOIN closed ON opened.record_key = closed.closed_key",
                numbers.join(", ")
            ),
        )?;
        Ok(true)
    }

    /// Names the entities that ended with the month and have no other version `ended_for_good`; how many there are.
    pub(super) fn name_ended_for_good(&mut self, subject: Subject, filter: &str) -> Result<u64, EngineError> {
        let Some(silver) = self.silver.as_deref() else { return Ok(0) };
        let versions = if subject == Subject::Feeders { &silver.feeders } else { &silver.ders };
        name_moved(self.session.as_mut(), versions, self.month)?;
        let sql = queries::ended_for_good(key_of(subject), self.month, filter);
        Ok(self.session.materialize("ended_for_good", &sql)?.rows)
    }

    /// Names what may hold the DERs that began with the month `began`; whether there are DERs at all.
    pub(super) fn name_began(&mut self) -> Result<bool, PipelineError> {
        let there = self.register(Subject::Ders, Subject::Ders.as_str())?;
        if let (true, Some(silver)) = (there, self.silver.as_deref()) {
            self.session.register("began", &silver.ders.began_in(MonthRange::only(self.month)))?;
        }
        Ok(there)
    }

    /// Rows of one of the utility's tables, named `t` in the query.
    pub(super) fn table(&mut self, table: &Table, sql: &str) -> Result<Frame, PipelineError> {
        self.session.register("t", &store::of_utility(self.bronze, table, Some(self.month))?)?;
        Ok(self.session.query(sql)?)
    }
}

/// Names what may hold the versions that began with a month `began`, and those that ended `ended`.
fn name_moved(session: &mut dyn Session, versions: &Versions, month: Month) -> Result<(), EngineError> {
    session.register("began", &versions.began_in(MonthRange::only(month)))?;
    session.register("ended", &versions.ended_in(MonthRange::only(month)))
}

/// What identifies an entity of a utility; SQL.
fn key_of(subject: Subject) -> &'static str {
    if subject == Subject::Feeders { "feeder_id" } else { "CONCAT_WS('/', status, der_id)" }
}
