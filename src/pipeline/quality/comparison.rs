//! The records of a delivery beside those that they replace, as SQL.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::Delivered;
use super::diff::field_rows;
use super::places::PlacedRows;
use crate::config::{CellType, column_name};
use crate::engine::{FEW, Materialized, Session};
use crate::frame::{Relation, schema};
use crate::model::{Entity, Month};
use crate::pipeline::PipelineError;
use crate::pipeline::bronze::{BronzeTables, is_nameless};
use crate::pipeline::kept::{Difference, KeptRows};
use crate::pipeline::sql::{Cells, LINEAGE, cell_name, name, record_key};
use crate::pipeline::tables::FieldChangesRow;

/// Where the records are that a delivery replaces.
pub(super) enum StandingRows<'a> {
    /// At places that are known; none where there are no places.
    AtPlaces(Option<PlacedRows<'a>>),
    /// Among the rows of the delivery before that this one does not hold.
    Gone(Rc<Difference<'a>>),
}

impl<'a> StandingRows<'a> {
    /// Those at these places.
    ///
    /// # Errors
    /// The places cannot be read.
    pub(super) fn at_places(
        bronze: &'a BronzeTables<'a>,
        delivered: Delivered,
        places: &Materialized,
    ) -> Result<Self, PipelineError> {
        let table = bronze.table(delivered.dataset).filter(|_| places.rows > 0);
        Ok(Self::AtPlaces(table.map(|table| PlacedRows::of(bronze.work, table, places)).transpose()?))
    }

    /// How many of them a delivery replaces at most that brings so many new rows.
    fn at_most(&self, new: u64) -> Result<u64, PipelineError> {
        match self {
            Self::AtPlaces(rows) => Ok(rows.as_ref().map_or(0, PlacedRows::count)),
            Self::Gone(difference) => Ok(new.min(difference.gone_rows()?)),
        }
    }

    /// Names them, in those of their columns that are wanted, lineage among them.
    fn name(&self, session: &mut dyn Session, relation: &str, wanted: impl Fn(&str) -> bool) -> Result<(), PipelineError> {
        match self {
            Self::AtPlaces(Some(rows)) => rows.name(session, relation, wanted),
            Self::AtPlaces(None) => Ok(session.register(relation, &Relation::empty(&[]))?),
            Self::Gone(difference) => difference.name_gone(session, relation, &wanted),
        }
    }
}

/// What a delivery says of the records that stood before it.
#[derive(Default)]
pub(super) struct Compared {
    /// Records that it replaces.
    pub(super) replaced: u64,
    /// Those of them that differ in more than notation.
    pub(super) changed: u64,
    /// In which columns they differ.
    pub(super) fields: Vec<FieldChangesRow>,
}

/// Relations `delivered_keys` and `earlier_keys`, both with one record of each key: where the earlier record of each delivered key is.
pub(super) const PLACES: &str = "SELECT e.delivery_month AS delivery_month, e._source_file AS standing_file, e._source_line AS standing_line\n\
    FROM earlier_keys AS e LEFT SEMI JOIN delivered_keys AS n ON e.record_key = n.record_key";

/// The rows of a delivery that count.
pub(super) enum NewRows<'a> {
    /// All of them.
    All(KeptRows),
    /// Those that the delivery before did not hold.
    Since(Rc<Difference<'a>>),
}

impl NewRows<'_> {
    /// Names them, in those of their columns that are wanted, of which `_record_hash` is one.
    pub(super) fn name(
        &self,
        session: &mut dyn Session,
        relation: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<(), PipelineError> {
        match self {
            Self::All(kept) => kept.name(session, relation, wanted),
            Self::Since(difference) => difference.name_new(session, relation, &wanted),
        }
    }
}

/// Columns that are compared in one plan: fewer make more plans, of more the work grows with their square.
const COLUMNS_AT_ONCE: usize = 32;

/// The plan that compares delivered records with those before.
#[derive(Clone)]
pub(super) struct Comparison<'a> {
    bronze: &'a BronzeTables<'a>,
    delivered: Delivered,
    cells: Cells<'a>,
    key: Vec<String>,
    /// The id of the feeder or DER that a record is of: without it a record is not taken.
    entity: String,
    /// The columns that keys and ids are read from.
    id_columns: BTreeSet<String>,
    columns: Vec<String>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(bronze: &'a BronzeTables<'a>, delivered: Delivered) -> Self {
        let present = bronze.columns(delivered.dataset);
        let cells = Cells::new(bronze.adapter, present.clone());
        let parts = bronze.adapter.dataset(delivered.dataset).map_or(&[][..], |adapter| &adapter.key);
        let key = parts.iter().map(|part| cells.untrimmed_id(part)).collect();
        let id = Entity::of(delivered.dataset).id();
        let of_entity = bronze.adapter.dataset(delivered.dataset).and_then(|adapter| adapter.column(id));
        let entity = cells.untrimmed_id(of_entity.map_or(&[][..], |column| &column.from));
        // A column without a name is a running number of the export, and keys cannot change.
        let is_key = |column: &str| parts.iter().flatten().any(|label| column_name(label).eq_ignore_ascii_case(column));
        let compared = |column: &&String| !schema::is_lineage(column) && !is_nameless(column) && !is_key(column);
        let columns = present.iter().filter(compared).cloned().collect();
        let labels = || parts.iter().flatten().chain(of_entity.iter().flat_map(|column| &column.from));
        let is_id = |column: &&String| labels().any(|label| column_name(label).eq_ignore_ascii_case(column));
        let id_columns = present.iter().filter(is_id).cloned().collect();
        Self { bronze, delivered, cells, key, entity, id_columns, columns }
    }

    /// The delivered rows, of which so many are new, and those that they replace. Some columns at a time, as the work of a plan grows with
    /// their square.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn compare(
        &self,
        session: &mut dyn Session,
        (delivered, new): (&NewRows<'_>, u64),
        standing: &StandingRows<'_>,
    ) -> Result<Compared, PipelineError> {
        let (utility, Delivered { dataset, month }) = (self.bronze.adapter.id.as_str(), self.delivered);
        let (mut compared, mut changed) = (Compared::default(), Vec::new());
        let at_most = standing.at_most(new)?;
        if at_most == 0 {
            return Ok(compared);
        }
        let is_wide = self.columns.len() > COLUMNS_AT_ONCE;
        for part in 0..self.columns.len().div_ceil(COLUMNS_AT_ONCE).max(1) {
            let columns = self.columns.iter().skip(part * COLUMNS_AT_ONCE).take(COLUMNS_AT_ONCE);
            let few = Self { columns: columns.cloned().collect(), ..self.clone() };
            let wanted = |column: &str| {
                schema::is_lineage(column) || self.id_columns.contains(column) || few.columns.iter().any(|other| other == column)
            };
            delivered.name(session, "delivered_rows", wanted)?;
            standing.name(session, "standing", wanted)?;
            for (relation, keyed, rows) in [("now", "keyed", "delivered_rows"), ("earlier", "standing", "standing")] {
                session.create_view(keyed, &few.keyed(rows))?;
                session.create_view(relation, &few.taken(keyed, &few.cells()))?;
            }
            let differing = if at_most <= FEW {
                let pairs = session.materialize("pairs", &few.pairs())?;
                compared.replaced = pairs.rows;
                few.raw_differences(&pairs)
            } else {
                session.create_view("pairs", &few.pairs())?;
                if part == 0 {
                    compared.replaced = session.query("SELECT COUNT(*) AS n FROM pairs")?.count("n", 0);
                }
                (0..few.columns.len()).collect()
            };
            if differing.is_empty() {
                continue;
            }
            let normal = few.normal_pairs(&differing);
            // Of a wide file the keys are asked for, too.
            if is_wide {
                session.name_rows("normal", &normal, at_most)?;
            } else {
                session.create_view("normal", &normal)?;
            }
            let found = session.query(&few.changes(&differing))?;
            let names: Vec<&str> = few.columns.iter().map(String::as_str).collect();
            compared.fields.extend(field_rows(month, utility, dataset.as_str(), &found, &names));
            if !is_wide {
                compared.changed = found.count("changed", 0);
            } else if found.count("changed", 0) > 0 {
                session.materialize(&format!("changed_{part}"), &few.changed_keys(&differing))?;
                changed.push(format!("SELECT record_key FROM changed_{part}"));
            }
        }
        if !changed.is_empty() {
            // A record counts once, however many of its columns differ.
            let keys = changed.join(" UNION ALL ");
            let found = session.query(&format!("SELECT COUNT(DISTINCT record_key) AS n FROM ({keys}) AS c"))?;
            compared.changed = found.count("n", 0);
        }
        Ok(compared)
    }

    fn key_names(&self) -> Vec<String> {
        (0..self.key.len()).map(|at| format!("key_{at}")).collect()
    }

    /// The compared cells by their places, as a delivered name may be any that a plan gives.
    fn cells(&self) -> String {
        let cells: Vec<String> = (0..self.columns.len()).map(cell_name).collect();
        if cells.is_empty() { "1 AS nothing".into() } else { cells.join(", ") }
    }

    fn named_cells(&self) -> String {
        let named = |(at, column): (usize, &String)| format!("{} AS {}", name(column), cell_name(at));
        let cells: Vec<String> = self.columns.iter().enumerate().map(named).collect();
        if cells.is_empty() { "1 AS nothing".into() } else { cells.join(", ") }
    }

    /// A relation of bronze rows: keys, cells and places.
    fn keyed(&self, relation: &str) -> String {
        format!("SELECT {}, {}, {LINEAGE} FROM {relation}", self.ids(), self.named_cells())
    }

    /// The same without cells.
    pub(super) fn keys_of(&self, relation: &str) -> String {
        format!("SELECT {}, {LINEAGE} FROM {relation}", self.ids())
    }

    fn ids(&self) -> String {
        let keys = self.key.iter().zip(self.key_names()).map(|(key, name)| format!("{key} AS {name}"));
        keys.chain([format!("{} AS entity_id", self.entity)]).collect::<Vec<_>>().join(", ")
    }

    /// What a record needs so that it can be taken.
    fn present(&self) -> String {
        let names = self.key_names();
        let present: Vec<String> =
            names.iter().map(String::as_str).chain(["entity_id"]).map(|id| format!("{id} IS NOT NULL")).collect();
        present.join(" AND ")
    }

    /// The records of a relation that were taken, or have the key of one that was, with some columns.
    pub(super) fn taken(&self, relation: &str, columns: &str) -> String {
        let (record_key, present) = (record_key(&self.key_names()), self.present());
        format!("SELECT {record_key} AS record_key, {columns} FROM {relation} WHERE {present}")
    }

    /// The records of a relation (of some months) that were taken, one for each key, with some columns.
    pub(super) fn last_of_each_key(&self, relation: &str, columns: &str, months: &[Month]) -> String {
        let (record_key, present) = (record_key(&self.key_names()), self.present());
        format!(
            "SELECT * FROM (SELECT {record_key} AS record_key, {columns}, ROW_NUMBER() OVER (PARTITION BY {names} ORDER BY {order}) AS place\n\
             FROM {relation} WHERE {present}) AS placed WHERE place = 1",
            names = self.key_names().join(", "),
            order = self.bronze.order(self.delivered.dataset, |month| months.contains(&month)),
        )
    }

    /// Relations `now` and `earlier` side by side, by key.
    fn pairs(&self) -> String {
        let list = |first: &str, cell: &dyn Fn(usize) -> String| {
            std::iter::once(first.to_owned()).chain((0..self.columns.len()).map(cell)).collect::<Vec<_>>().join(", ")
        };
        // A name that says its relation has the engine look at all columns of that relation, each time.
        format!(
            "WITH old AS (SELECT {} FROM earlier), new AS (SELECT {} FROM now)\n\
             SELECT {} FROM new AS n INNER JOIN old AS o ON n.record_key = o.old_key",
            list("record_key AS old_key", &|at| format!("{} AS old_{at}", cell_name(at))),
            list("record_key", &|at| format!("{} AS new_{at}", cell_name(at))),
            list("record_key", &|at| format!("old_{at}, new_{at}")),
        )
    }

    /// The places of the columns in which pairs differ at all: of most there is nothing more to ask.
    fn raw_differences(&self, pairs: &Materialized) -> Vec<usize> {
        let differs = |at: &usize| match &pairs.relation {
            Relation::Rows(pairs) => !pairs.are_the_same(&format!("old_{at}"), &format!("new_{at}")),
            Relation::Files { .. } => true,
        };
        (0..self.columns.len()).filter(differs).collect()
    }

    /// Those of relation `pairs` that differ at all in some columns, with what each cell says, whatever its notation.
    fn normal_pairs(&self, places: &[usize]) -> String {
        let mut columns = vec!["record_key".to_owned()];
        let mut differ = vec!["FALSE".to_owned()];
        for (at, column) in places.iter().map(|at| (*at, &self.columns[*at])) {
            let (old, new) = (format!("old_{at}"), format!("new_{at}"));
            columns.push(format!("({old} IS DISTINCT FROM {new}) AS raw_{at}"));
            columns.push(format!("{} AS was_{at}", self.normal(&old, column)));
            columns.push(format!("{} AS is_{at}", self.normal(&new, column)));
            differ.push(format!("({old} IS DISTINCT FROM {new})"));
        }
        format!("SELECT {} FROM pairs WHERE {}", columns.join(",\n  "), differ.join(" OR "))
    }

    /// Whether a column of relation `normal` differs in more than its notation.
    fn differs(&self, at: usize) -> String {
        let differ = format!("(was_{at} IS DISTINCT FROM is_{at})");
        let adapter = self.bronze.adapter.dataset(self.delivered.dataset);
        match adapter.and_then(|adapter| adapter.tolerance(&self.columns[at])) {
            Some(tolerance) => format!(
                "({differ} AND NOT COALESCE(ABS(TRY_CAST(was_{at} AS DOUBLE) - TRY_CAST(is_{at} AS DOUBLE)) <= {tolerance:?}, FALSE))"
            ),
            None => differ,
        }
    }

    fn any_differs(&self, places: &[usize]) -> String {
        let any: Vec<String> = places.iter().map(|at| self.differs(*at)).chain(["FALSE".to_owned()]).collect();
        any.join(" OR ")
    }

    /// Relation `normal`: the records that differ.
    fn changed_keys(&self, places: &[usize]) -> String {
        format!("SELECT record_key FROM normal WHERE {}", self.any_differs(places))
    }

    /// Counts over relation `normal`.
    fn changes(&self, places: &[usize]) -> String {
        let mut sums = vec![format!("SUM(CASE WHEN {} THEN 1 ELSE 0 END) AS changed", self.any_differs(places))];
        for at in places {
            sums.push(format!("SUM(CASE WHEN raw_{at} AND {} THEN 1 ELSE 0 END) AS changed_{at}", self.differs(*at)));
            sums.push(format!("SUM(CASE WHEN raw_{at} AND NOT {} THEN 1 ELSE 0 END) AS cosmetic_{at}", self.differs(*at)));
        }
        format!("SELECT {} FROM normal", sums.join(",\n  "))
    }

    /// What a cell says, whatever its notation: its number, day or time if it is one, else its text in lower case
    /// without blanks around.
    fn normal(&self, cell: &str, column: &str) -> String {
        let trimmed = self.cells.present(cell);
        let plain = format!("LOWER({trimmed})");
        match self.bronze.adapter.type_of(self.delivered.dataset, column) {
            CellType::Id => self.cells.typed(&plain, &CellType::Id),
            CellType::Text => {
                let number = self.cells.typed(&trimmed, &CellType::Number { exponent: 0 });
                format!("COALESCE(CAST({number} AS VARCHAR), {plain})")
            }
            kind => format!("COALESCE(CAST({} AS VARCHAR), {plain})", self.cells.typed(&trimmed, &kind)),
        }
    }
}
