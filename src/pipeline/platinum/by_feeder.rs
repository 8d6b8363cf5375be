//! The DERs of a status in the order of their feeders, put together from what silver stores.
//!
//! Sorting moves each cell of a row. What repeats is moved as the number that stands for it, and computed once: no text is looked at but those
//! of feeders, and what differs from DER to DER.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use crate::engine::Work;
use crate::frame::{CellRef, Column, ColumnType, FilePart, Frame, FrameError, GROUP_ROWS, Group, StoredFile, StoredGroup};
use crate::lake::{Target, Written};
use crate::model::decimal;
use crate::pipeline::PipelineError;
use crate::pipeline::copied::{Rows, unreadable, write_beside};
use crate::pipeline::tables;

/// The month of a DER's current version.
const SINCE: &str = "valid_from_month";

/// The DERs of a status.
pub(super) struct DersByFeeder<'a> {
    pub(super) work: Work<'a>,
    /// The files of current versions.
    pub(super) files: &'a [FilePart],
    pub(super) status: &'a str,
    /// Columns `first_id` and `first_month`: when those DERs were seen first whose current version is not their first one.
    pub(super) earlier: &'a Frame,
    /// The newest month that the utility delivered.
    pub(super) newest: String,
}

impl DersByFeeder<'_> {
    /// Writes them as rows of `der_details`. `None` if the files are not as this program writes them, or hold no such DER: a query has to read them.
    ///
    /// # Errors
    /// A file cannot be read or written, or somebody asked to stop.
    pub(super) fn write(&self, target: Target) -> Result<Option<Written>, PipelineError> {
        let is_copied = |name: &str| name != "status" && tables::DER_DETAILS.column_names().any(|column| column == name);
        let columns: Vec<Column> =
            tables::DERS.columns().into_iter().filter(|column| column.name == SINCE || is_copied(&column.name)).collect();
        let Some(rows) = self.groups(self.status, &columns)? else { return Ok(None) };
        let rows = self.described(Group::joined(&rows).map_err(failed())?)?;
        let order = rows.order_by("feeder_id");
        let writer = write_beside(target, |write| {
            for places in order.chunks(GROUP_ROWS) {
                self.work.check()?;
                let group = rows.gathered(places).map_err(failed())?;
                write(Rows::Group(group.with_constant("status", self.status).with_constant("delivery_month", &self.newest)))?;
            }
            Ok(())
        })?;
        Ok(Some(writer.finish()?))
    }

    /// The rows of a status in some columns; `None` if there are none, or another program wrote a file.
    fn groups(&self, status: &str, columns: &[Column]) -> Result<Option<Vec<Group>>, PipelineError> {
        let statuses = [Column::new("status", ColumnType::Text)];
        let of_status = |group: &StoredGroup<'_>| {
            let statuses = group.take(&statuses, vec![true; group.rows()])?;
            let is_it: Vec<bool> =
                statuses.cells("status").into_iter().flat_map(|cells| cells.iter().map(|cell| cell == Some(status))).collect();
            is_it.contains(&true).then(|| group.take(columns, is_it)).transpose()
        };
        let mut groups = Vec::new();
        for part in self.files {
            let Some(file) = StoredFile::open(&part.path, columns).map_err(unreadable(part))? else { return Ok(None) };
            for group in file.groups() {
                self.work.check()?;
                groups.extend(of_status(&group).map_err(unreadable(part))?);
            }
        }
        Ok((!groups.is_empty()).then_some(groups))
    }

    /// The rows with what follows from their cells.
    fn described(&self, rows: Group) -> Result<Group, PipelineError> {
        let installed = match self.status {
            "planned" => self.groups("installed", &[Column::new("der_id", ColumnType::Text)])?.unwrap_or_default(),
            _ => Vec::new(),
        };
        let installed: HashSet<&str, RandomState> = installed.iter().flat_map(|group| group.texts("der_id")).collect();
        let ids = rows.cells("der_id").into_iter().flat_map(|cells| cells.iter());
        let also_installed = ids.map(|id| id.is_some_and(|id| installed.contains(id))).collect();
        let rows = rows
            .with_texts("first_seen_month", SINCE, ("der_id", &self.first_months()))
            .map_err(failed())?
            .with_numbers("nameplate_mw", "nameplate_kw", |kw| decimal::shift(kw, -3))
            .map_err(failed())?;
        Ok(rows.with_copy("last_changed_month", SINCE).with_flags("also_installed", also_installed))
    }

    fn first_months(&self) -> HashMap<&str, &str, RandomState> {
        let (Some(ids), Some(months)) = (self.earlier.cells("first_id"), self.earlier.cells("first_month")) else {
            return HashMap::default();
        };
        let first = |row| match (ids.at(row), months.at(row)) {
            (CellRef::Text(id), CellRef::Text(month)) => Some((id, month)),
            _ => None,
        };
        (0..self.earlier.height()).filter_map(first).collect()
    }
}

/// Why rows of the table could not be put together.
fn failed() -> impl Fn(FrameError) -> PipelineError {
    |error| PipelineError::Rows { table: tables::DER_DETAILS.id().to_string(), message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::der_details::plan;
    use super::*;
    use crate::engine::local;
    use crate::frame::{Relation, Value, schema};
    use crate::lake::Lake;
    use crate::model::{Cancel, Environment, Month};

    struct Ders {
        _folder: tempfile::TempDir,
        lake: Lake,
        files: Vec<Written>,
    }

    impl Ders {
        /// Files with so many of these DERs each; every other one lacks the columns in which no row has a value.
        fn of(rows: &[Vec<Value>], at_a_time: usize) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let lake = Lake::new(folder.path(), Environment::Dev).unwrap();
            let columns = tables::DERS.columns();
            let file = |(number, rows): (usize, &[Vec<Value>])| {
                let lacking = if number % 2 == 0 { &VALUELESS[..] } else { &[] };
                let target = lake.target(&tables::DERS.id(), &columns, &[("utility_id", "utility1")]).unwrap();
                let mut writer = target.without(lacking).writer().unwrap();
                writer.push(&Frame::from_rows(&columns, rows).unwrap()).unwrap();
                writer.finish().unwrap()
            };
            Self { files: rows.chunks(at_a_time).enumerate().map(file).collect(), _folder: folder, lake }
        }

        fn parts(&self) -> Vec<FilePart> {
            self.files.iter().map(Written::part).collect()
        }

        fn target(&self) -> Target {
            self.lake.target(&tables::DER_DETAILS.id(), &tables::DER_DETAILS.columns(), &[("utility_id", "utility1")]).unwrap()
        }

        fn by_feeder(&self, status: &str, earlier: &Frame, cancel: &Cancel) -> Result<Option<Written>, PipelineError> {
            let newest = "2022-12".to_owned();
            DersByFeeder { work: Work::local(cancel), files: &self.parts(), status, earlier, newest }.write(self.target())
        }
    }

    /// A column of texts, one of numbers, and times.
    const VALUELESS: [&str; 3] = ["project_status", "interconnection_cost_usd", "queue_position_at"];

    /// A DER of `der` with what dice say; few of its cells differ from those of others.
    fn der(der: u8, dice: u64) -> Vec<Value> {
        let text = |text: &str| Value::Text(text.into());
        let feeders = [text("F2"), text("F10"), Value::Null, text("a feeder whose name is long"), text("F1")];
        let cell = |column: &Column| match (column.name.as_str(), column.kind) {
            ("status", _) => text(if dice.is_multiple_of(3) { "planned" } else { "installed" }),
            ("der_id", _) => text(&format!("DER {der}")),
            ("feeder_id", _) => feeders[dice as usize % 5].clone(),
            ("valid_from_month", _) => text(["2022-09", "2022-10", "2022-12"][dice as usize / 5 % 3]),
            ("valid_to_month", _) => Value::Null,
            (name, _) if VALUELESS.contains(&name) => Value::Null,
            ("nameplate_kw", _) => {
                [Value::Real(0.1), Value::Null, Value::Real(7.6), Value::Real(1e9)][dice as usize / 7 % 4].clone()
            }
            (_, ColumnType::Text) => text(["x", "", "a text that no view holds"][dice as usize / 11 % 3]),
            (_, ColumnType::Real) => Value::Real(dice as f64),
            _ => Value::Null,
        };
        tables::DERS.columns().iter().map(cell).collect()
    }

    /// The rows of a file, and the feeders in their order.
    fn read(file: &Written) -> (Vec<String>, Vec<Option<String>>) {
        let mut session = local().session(&Cancel::default()).unwrap();
        let relation = Relation::Files { columns: tables::DER_DETAILS.columns(), parts: vec![file.part()] };
        session.register("t", &relation).unwrap();
        let found = session.query("SELECT * FROM t").unwrap();
        let mut rows: Vec<String> = (0..found.height()).map(|row| format!("{:?}", found.row(row))).collect();
        rows.sort();
        (rows, (0..found.height()).map(|row| found.text("feeder_id", row)).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// The rows that the plan of the table gives, in the order of their feeders, whatever file a DER stands in.
        #[test]
        fn ders_by_feeder_are_those_of_the_plan(
            dice in prop::collection::vec((0_u8..60, any::<u64>()), 1..90),
            at_a_time in 1_usize..90,
            ended in prop::collection::vec((0_u8..60, any::<bool>(), 1_u8..9), 0..20),
        ) {
            let mut rows: Vec<Vec<Value>> = dice.iter().map(|(id, dice)| der(*id, *dice)).collect();
            // A DER of a status is current once.
            let mut met = HashSet::new();
            rows.retain(|row| met.insert(format!("{:?}", &row[1..3])));
            let ders = Ders::of(&rows, at_a_time);
            let cancel = Cancel::default();
            let versions = schema::columns![der_id Text, status Text, valid_from_month Text];
            let version = |(id, planned, month): &(u8, bool, u8)| {
                let status = if *planned { "planned" } else { "installed" };
                [format!("DER {id}"), status.to_owned(), format!("2022-0{month}")].map(Value::Text).to_vec()
            };
            let ended = Frame::from_rows(&versions, &ended.iter().map(version).collect::<Vec<_>>()).unwrap();
            for status in ["installed", "planned"] {
                let mut session = local().session(&cancel).unwrap();
                session.register("ders", &Relation::Files { columns: tables::DERS.columns(), parts: ders.parts() }).unwrap();
                session.register("ended_ders", &ended.relation()).unwrap();
                let earlier = session.query(&super::super::der_details::first_months(status)).unwrap();
                let target = ders.target();
                let files = session.write(&plan("utility1", status, true, Month::parse("2022-12")), &target).unwrap();
                let expected = read(&target.finish(&files).unwrap()[0]);
                let written = ders.by_feeder(status, &earlier, &cancel).unwrap();
                prop_assert_eq!(written.is_none(), expected.0.is_empty());
                if let Some(written) = written {
                    let found = read(&written);
                    prop_assert_eq!(&found.0, &expected.0, "{}", status);
                    prop_assert_eq!(found.1, expected.1, "{}", status);
                }
            }
        }
    }

    /// Whatever byte of a file is another one, there are as many rows as it has, or it is said not to be readable.
    #[test]
    fn damaged_file_is_an_error_and_no_panic() {
        let ders = Ders::of(&(0..40).map(|id| der(id, u64::from(id) * 7)).collect::<Vec<_>>(), 40);
        let (cancel, path) = (Cancel::default(), ders.parts()[0].path.clone());
        let (good, mut unreadable, mut written) = (std::fs::read(&path).unwrap(), 0, 0);
        for at in (0..good.len()).step_by(3) {
            let mut bad = good.clone();
            bad[at] ^= 0xFF;
            std::fs::write(&path, bad).unwrap();
            match ders.by_feeder("installed", &Frame::default(), &cancel) {
                Ok(Some(file)) => {
                    written += 1;
                    assert_eq!(read(&file).0.len() as u64, file.rows, "byte {at}");
                }
                Ok(None) => {}
                Err(error) => {
                    unreadable += 1;
                    assert!(error.to_string().contains(&*path.to_string_lossy()), "byte {at}: {error}");
                }
            }
        }
        assert!(unreadable > 0 && written > 0, "{unreadable} {written}");
        std::fs::write(&path, good).unwrap();
        cancel.cancel();
        assert!(matches!(ders.by_feeder("installed", &Frame::default(), &cancel), Err(PipelineError::Cancelled)));
        let folder = ders.target().file().parent().unwrap().to_owned();
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0, "nothing half-written is left");
    }
}
