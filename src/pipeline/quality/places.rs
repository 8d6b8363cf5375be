//! Bronze rows at places: in a file, at a line.

use std::collections::HashMap;

use crate::engine::{FEW, Materialized, Session, Work};
use crate::frame::{CellRef, Column, FilePart, Frame, Relation};
use crate::lake::{DataFile, Snapshot};
use crate::pipeline::PipelineError;
use crate::pipeline::bronze::source_file;
use crate::pipeline::picked::{self, Numbers, Picked};

/// Some rows of a bronze table: few are read without those beside them.
pub(super) struct PlacedRows<'a> {
    work: Work<'a>,
    table: &'a Snapshot,
    /// The files that they are in, and the lines of each.
    files: Vec<(FilePart, Numbers)>,
    places: Materialized,
}

impl<'a> PlacedRows<'a> {
    /// Those at these places, which have columns `delivery_month`, `standing_file` and `standing_line`.
    ///
    /// # Errors
    /// The places cannot be read.
    pub(super) fn of(work: Work<'a>, table: &'a Snapshot, places: &Materialized) -> Result<Self, PipelineError> {
        let rows = match &places.relation {
            Relation::Rows(rows) => rows.clone(),
            Relation::Files { .. } => {
                let mut session = work.session()?;
                session.register("places", &places.relation)?;
                session.query("SELECT delivery_month, standing_file, standing_line FROM places")?
            }
        };
        let mut lines: HashMap<(&str, &str), Numbers> = HashMap::new();
        let [months, names, numbers] = ["delivery_month", "standing_file", "standing_line"].map(|column| rows.cells(column));
        if let (Some(months), Some(names), Some(numbers)) = (months, names, numbers) {
            for row in 0..rows.height() {
                if let (CellRef::Text(month), CellRef::Text(name), CellRef::Whole(line)) =
                    (months.at(row), names.at(row), numbers.at(row))
                {
                    lines.entry((month, name)).or_default().insert(line);
                }
            }
        }
        let of_file = |file: &DataFile| {
            let name = file.partition_value("delivery_month").zip(source_file(file))?;
            Some((table.part(file), lines.get(&name)?.clone()))
        };
        let files = table.files.iter().filter_map(of_file).collect();
        Ok(Self { work, table, files, places: places.clone() })
    }

    /// How many there are.
    pub(super) const fn count(&self) -> u64 {
        self.places.rows
    }

    /// Names them, in those of their columns that are wanted, lineage among them.
    ///
    /// # Errors
    /// A file cannot be read, or somebody asked to stop.
    pub(super) fn name(
        &self,
        session: &mut dyn Session,
        relation: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<(), PipelineError> {
        let columns: Vec<Column> = self.table.columns.iter().filter(|column| wanted(&column.name)).cloned().collect();
        if self.count() <= FEW
            && let Some(rows) = self.rows(&columns)?
        {
            return Ok(session.register(relation, &rows.relation())?);
        }
        let parts = self.files.iter().map(|(part, _)| part.clone()).collect();
        session.register("placed_files", &Relation::Files { columns, parts })?;
        session.register("places", &self.places.relation)?;
        let sql = "SELECT r.* FROM placed_files AS r LEFT SEMI JOIN places AS p\n\
            ON r._source_line = p.standing_line AND r._source_file = p.standing_file AND r.delivery_month = p.delivery_month";
        Ok(session.create_view(relation, sql)?)
    }

    /// The rows, read without a query; `None` if another program wrote a file.
    fn rows(&self, columns: &[Column]) -> Result<Option<Frame>, PipelineError> {
        let files = self.files.iter().map(|(part, lines)| (part, Picked::With("_source_line", lines)));
        picked::rows((self.work, &self.table.table.to_string()), columns, files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::local;
    use crate::frame::{StoredFile, Value, schema};
    use crate::lake::{Change, Lake, TableId};
    use crate::model::{Cancel, Dataset, Environment, UtilityId};

    fn columns() -> Vec<Column> {
        schema::columns![a Text, b Text, delivery_month Text, _source_file Text, _source_line Whole]
    }

    fn row(a: &str, file: &str, line: i64) -> Vec<Value> {
        [a, "b", "", file].map(|text| Value::Text(text.into())).into_iter().chain([Value::Whole(line)]).collect()
    }

    /// Files of the same name in two months, and two of one month.
    fn table(lake: &Lake) -> TableId {
        let id = TableId::bronze(&UtilityId::parse("utility1").unwrap(), Dataset::InstallDer);
        for (month, file, rows) in
            [("2022-10", "x", ["1", "2", "3"]), ("2022-11", "x", ["4", "5", "6"]), ("2022-11", "y", ["7", "8", "9"])]
        {
            let base = lake.snapshot(&id).unwrap();
            let mut writer = lake.write(&id, &columns(), &[("delivery_month", month)]).unwrap();
            // The first line is the header's, and one was rejected.
            let rows: Vec<_> = rows.iter().zip([2, 4, 5]).map(|(a, line)| row(a, file, line)).collect();
            writer.push(&Frame::from_rows(&columns(), &rows).unwrap()).unwrap();
            let (all, partition_by) = (columns(), ["delivery_month"]);
            let change = Change { columns: &all, partition_by: &partition_by, ..Change::of(base.as_deref()) };
            lake.commit(&id, Change { add: vec![writer.finish().unwrap()], ..change }).unwrap();
        }
        id
    }

    /// Months, files and lines.
    fn places(of: &[(&str, &str, i64)]) -> Materialized {
        let columns = schema::columns![delivery_month Text, standing_file Text, standing_line Whole];
        let row = |(month, file, line): &(&str, &str, i64)| {
            let file = if file.is_empty() { Value::Null } else { Value::Text((*file).into()) };
            vec![Value::Text((*month).into()), file, Value::Whole(*line)]
        };
        let rows = Frame::from_rows(&columns, &of.iter().map(row).collect::<Vec<_>>()).unwrap();
        Materialized { rows: rows.height() as u64, relation: rows.relation() }
    }

    /// Few and many are read in other ways, and so is what another program wrote.
    #[test]
    fn rows_at_places_are_those_of_their_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::new(folder.path(), Environment::Dev).unwrap();
        let (id, cancel) = (table(&lake), Cancel::default());
        let snapshot = lake.snapshot(&id).unwrap().unwrap();
        let of = |places: &Materialized, wanted: &dyn Fn(&str) -> bool| {
            let mut session = local().session(&cancel).unwrap();
            let rows = PlacedRows::of(Work::local(&cancel), &snapshot, places).unwrap();
            rows.name(session.as_mut(), "placed", wanted).unwrap();
            let found = session.query("SELECT * FROM placed ORDER BY a").unwrap();
            (found.names().join(" "), found.texts("a").map(str::to_owned).collect::<Vec<_>>())
        };
        // In any order, one of them twice, one that is of no row, and of no file; and one that nothing is known of.
        let few = places(&[
            ("2022-10", "", 5),
            ("2022-11", "x", 5),
            ("2022-10", "x", 4),
            ("2022-11", "x", 2),
            ("2022-10", "x", 4),
            ("2022-11", "y", 3),
            ("2022-10", "y", 2),
        ]);
        let expected = ("a delivery_month _source_file _source_line".to_owned(), vec!["2".to_owned(), "4".into(), "6".into()]);
        let without_b = |column: &str| column != "b";
        assert_eq!(of(&few, &without_b), expected);
        assert_eq!(of(&Materialized { rows: FEW + 1, ..few.clone() }, &without_b), expected, "many");
        let none = places(&[("2022-10", "y", 2)]);
        assert_eq!(of(&none, &without_b).1, [""; 0]);
        // Numbers of another width: no file of this program has them.
        let other = snapshot.files.iter().find(|file| file.constant("_source_file") == Some("y")).unwrap();
        let mut session = local().session(&cancel).unwrap();
        session.register("rows", &snapshot.scan(|file| file.path() == other.path())).unwrap();
        let found = session.query("SELECT a, b, _source_file, CAST(_source_line AS INT) AS _source_line FROM rows").unwrap();
        found.write_parquet(&snapshot.path_of(other)).unwrap();
        assert!(StoredFile::open(&snapshot.path_of(other), &columns()).unwrap().is_none());
        let with_other = places(&[("2022-11", "y", 5), ("2022-10", "x", 2)]);
        assert_eq!(of(&with_other, &without_b).1, ["1", "9"]);
        // A damaged file is named, and who asked to stop is heard.
        std::fs::write(snapshot.path_of(other), "PAR1 no file PAR1").unwrap();
        let rows = PlacedRows::of(Work::local(&cancel), &snapshot, &with_other).unwrap();
        let error = rows.name(session.as_mut(), "placed", without_b).unwrap_err().to_string();
        assert!(error.contains(&*snapshot.path_of(other).to_string_lossy()), "{error}");
        cancel.cancel();
        assert!(matches!(rows.name(session.as_mut(), "placed", without_b), Err(PipelineError::Cancelled)));
    }
}
