//! The relations of one utility and month that rules are asked of, opened when a rule needs them.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::Checking;
use super::accounts::Accounts;
use super::drift::Drifts;
use crate::config::UtilityAdapter;
use crate::config::rules::Subject;
use crate::engine::Session;
use crate::lake::{Frame, Relation, TableId, schema};
use crate::model::{Dataset, Month};
use crate::pipeline::PipelineError;
use crate::pipeline::silver::{Silver, Source, checked_records};
use crate::pipeline::sql::text;

/// One utility's month.
pub(super) struct Ground<'a> {
    pub(super) checking: &'a Checking<'a>,
    pub(super) source: Source<'a>,
    pub(super) month: Month,
    /// Whether no utility has a later month.
    pub(super) is_newest: bool,
    /// The utility's month before, if it delivered anything earlier.
    pub(super) previous: Option<Month>,
    pub(super) session: Session,
    silver: Option<Silver>,
    registered: BTreeMap<String, bool>,
    /// What the tables say of the deliveries.
    accounts: Option<Rc<Accounts>>,
    /// How the columns of each dataset differ from the delivery before; looked at once for all rules.
    drifts: BTreeMap<Dataset, Option<Rc<Drifts>>>,
}

impl<'a> Ground<'a> {
    pub(super) fn open(
        checking: &'a Checking<'a>,
        adapter: &'a UtilityAdapter,
        month: Month,
        is_newest: bool,
    ) -> Result<Self, PipelineError> {
        let source = Source::open(checking.lake, adapter, checking.cancel)?;
        let previous = source.standing.iter().map(|standing| standing.month).filter(|other| *other < month).max();
        Ok(Self {
            checking,
            source,
            month,
            is_newest,
            previous,
            session: Session::new(checking.cancel),
            silver: None,
            registered: BTreeMap::new(),
            accounts: None,
            drifts: BTreeMap::new(),
        })
    }

    pub(super) fn delivered(&self, dataset: Dataset) -> bool {
        self.source.months(dataset).contains(&self.month)
    }

    /// Whether anything at all was delivered for the month.
    pub(super) fn any_delivered(&self) -> bool {
        self.source.standing.iter().any(|standing| standing.month == self.month)
    }

    /// What the tables say of the deliveries.
    pub(super) fn accounts(&mut self) -> Result<Rc<Accounts>, PipelineError> {
        if let Some(known) = &self.accounts {
            return Ok(known.clone());
        }
        let read = Rc::new(Accounts::read(self.checking.lake, &self.source, self.month)?);
        self.accounts = Some(read.clone());
        Ok(read)
    }

    /// How the columns of the month's file differ from the delivery before; `None` if there is none before.
    pub(super) fn drifts(&mut self, dataset: Dataset) -> Result<Option<Rc<Drifts>>, PipelineError> {
        if let Some(known) = self.drifts.get(&dataset) {
            return Ok(known.clone());
        }
        let drifts = Drifts::of(&self.source, dataset, self.month)?.map(Rc::new);
        self.drifts.insert(dataset, drifts.clone());
        Ok(drifts)
    }

    /// Gives a relation its name, if there is anything in it.
    ///
    /// `feeders`, `ders`: as they stand after the month; `…_before`: after the month before; `…_moved`: versions that began
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
            (self.source.adapter.dataset(dataset), self.source.rows(dataset, |month| month == self.month)?)
        else {
            return Ok(false);
        };
        self.session.register("bronze", rows);
        checked_records(&self.source, adapter).define(&mut self.session)?;
        self.session.define(dataset.as_str(), "SELECT * FROM records")?;
        Ok(true)
    }

    fn register_entity(&mut self, subject: Subject, relation: &str) -> Result<bool, PipelineError> {
        if !self.any_delivered() {
            return Ok(false);
        }
        if self.silver.is_none() {
            self.silver = Some(Silver::open(&self.source)?);
        }
        let Some(silver) = &self.silver else { return Ok(false) };
        let versions: Relation = if subject == Subject::Feeders { silver.feeders.clone() } else { silver.ders.clone() };
        self.session.register("versions", versions);
        let key = if subject == Subject::Feeders { "feeder_id" } else { "CONCAT_WS('/', status, der_id)" };
        let as_of = |month: Month| {
            format!(
                "SELECT *, {key} AS record_key FROM versions WHERE valid_from_month <= '{month}' AND (valid_to_month IS NULL OR valid_to_month > '{month}')"
            )
        };
        if relation == subject.as_str() {
            self.session.define(relation, &as_of(self.month))?;
            return Ok(true);
        }
        let Some(previous) = self.previous else { return Ok(false) };
        if relation.ends_with("_before") {
            self.session.define(relation, &as_of(previous))?;
            return Ok(true);
        }
        let numbers: Vec<String> = if subject == Subject::Feeders { schema::feeders() } else { schema::ders() }
            .into_iter()
            .filter(|column| column.kind == crate::lake::ColumnType::Real)
            .map(|column| format!("{0} AS was_{0}", column.name))
            .collect();
        let month = text(&self.month.to_string());
        self.session.define(
            relation,
            &format!(
                "WITH opened AS (SELECT *, {key} AS record_key FROM versions WHERE valid_from_month = {month}),\n\
                 closed AS (SELECT {key} AS closed_key, {} FROM versions WHERE valid_to_month = {month})\n\
                 SELECT * FROM opened INNER JOIN closed ON opened.record_key = closed.closed_key",
                numbers.join(", ")
            ),
        )?;
        Ok(true)
    }

    /// Rows of one of the utility's tables, named `t` in the query.
    pub(super) fn table(&mut self, table: &TableId, columns: &[crate::lake::Column], sql: &str) -> Result<Frame, PipelineError> {
        let utility = self.source.adapter.id.as_str();
        let relation = match self.checking.lake.snapshot(table)? {
            Some(snapshot) => snapshot.scan(|file| file.partition_value("utility_id").is_none_or(|of| of == utility))?,
            None => Frame::empty(columns).relation(),
        };
        self.session.register("t", relation);
        Ok(self.session.query(sql)?)
    }
}
