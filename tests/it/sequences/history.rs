//! What the tables must hold, worked out from scratch from the set of landing files: slow, and plain enough to check by eye.
//!
//! It shares no code with the program. A month's state is a function of the files up to that month, and the versions follow
//! from the states one after another, so the order in which files arrived can't enter into it.

use std::collections::{BTreeMap, BTreeSet};

use super::deliveries::{Content, Dataset, Grain, Mode, Utility};

/// Sorted lines of each table: cells joined by `|`, null as `-`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// `feeder_id`, `max_hosting_capacity_mw`, `min_hosting_capacity_mw`, `hca_refresh_date`, `notes`, `segment_count`,
    /// `circuit_count`, `length`, `valid_from_month`, `valid_to_month`, `is_current`.
    pub feeders: Vec<String>,
    /// `circuit_id`, `feeder_id`, `segment_count`.
    pub circuits: Vec<String>,
    /// `status`, `der_id`, `feeder_id`, `feeder_ref`, `feeder_match`, `der_type`, `der_type_source`, `nameplate_kw`,
    /// `interconnection_cost_usd`, `planned_in_service_date`, `completion_date`, `_source_file`, `_source_line`,
    /// `valid_from_month`, `valid_to_month`, `is_current`.
    pub ders: Vec<String>,
    /// `dataset`, `delivery_month`, `source_file`, `source_line`, `reason`.
    pub rejected: Vec<String>,
    /// `dataset` (`feeders`, `ders`), `delivery_month`, `current_count`, `previous_current_count`, `added`, `changed`,
    /// `removed`, `unchanged`.
    pub diffs: Vec<String>,
    /// `feeder_id`, `max_hosting_capacity_mw`, `installed_der_count`, `planned_der_count`, `installed_der_mw`,
    /// `planned_der_mw`.
    pub capacity: Vec<String>,
    /// `dataset`, `delivery_month`, records in the files, records taken, records rejected.
    pub ledger: Vec<String>,
}

/// What the tables must hold of a utility once all of these files (path = content) are loaded.
pub fn expected(utility: &Utility, files: &BTreeMap<String, Content>) -> Expected {
    let history = History::new(utility, files);
    let months: BTreeSet<&str> = files.values().map(|content| content.month.as_str()).collect();
    let feeders = versions(months.iter().map(|month| (*month, history.feeders(month))));
    let ders = versions(months.iter().map(|month| (*month, history.ders(month))));
    let newest = months.last().copied().unwrap_or_default();
    let sorted = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    Expected {
        feeders: sorted(feeders.iter().map(Version::line).collect()),
        circuits: sorted(history.circuits(newest).iter().map(|(id, (feeder, n))| format!("{id}|{feeder}|{n}")).collect()),
        ders: sorted(ders.iter().map(Version::line).collect()),
        rejected: sorted(history.rejected()),
        diffs: sorted([diffs("feeders", &months, &feeders), diffs("ders", &months, &ders)].concat()),
        capacity: sorted(history.capacity(newest)),
        ledger: sorted(history.ledger()),
    }
}

type Key = Vec<String>;

/// A record and where it stands; cells as delivered.
#[derive(Debug, Clone)]
struct Record {
    month: String,
    file: String,
    line: usize,
    cells: BTreeMap<&'static str, String>,
}

impl Record {
    /// The trimmed cell; nothing when it is empty or says so in a word.
    fn text(&self, column: &str) -> Option<String> {
        let cell = self.cells.get(column)?.trim();
        let nothing = ["", "null", "na", "n/a", "none"].contains(&cell.to_lowercase().as_str());
        (!nothing).then(|| cell.to_owned())
    }

    /// The text without the `.0` that spreadsheets put target digits.
    fn id(&self, column: &str) -> Option<String> {
        let text = self.text(column)?;
        let digits = text.strip_suffix(".0").filter(|front| all_digits(front));
        Some(digits.unwrap_or(&text).to_owned())
    }

    /// The number exactly, in billionths; it has no sign, and at most nine digits after the point.
    fn number(&self, column: &str) -> Option<i128> {
        let text = self.text(column)?;
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0"));
        (all_digits(whole) && all_digits(fraction)).then(|| format!("{whole}{fraction:0<9}").parse().unwrap())
    }

    /// The day in its one notation; whether the calendar has it is not looked at.
    fn date(&self, column: &str) -> Option<String> {
        let shape = |text: &String| text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect::<String>();
        self.text(column).filter(|text| shape(text) == "0000-00-00")
    }
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit())
}

/// A cell of a table.
fn cell(value: Option<impl ToString>) -> String {
    value.map_or("-".to_owned(), |value| value.to_string())
}

/// Billionths as the nearest real number: reading a decimal text rounds correctly, so the exact one is written first.
fn real(billionths: i128) -> f64 {
    format!("{billionths}e-9").parse().unwrap()
}

/// Billionths of a kilowatt as the nearest real number of megawatts.
fn megawatts(billionths_of_kw: i128) -> f64 {
    format!("{billionths_of_kw}e-12").parse().unwrap()
}

/// What the files of one month and dataset bring.
#[derive(Default)]
struct Delivery {
    taken: BTreeMap<Key, Record>,
    rejected: Vec<(Record, &'static str)>,
}

/// Every delivery of a utility, and the states that follow from them.
struct History<'a> {
    utility: &'a Utility,
    deliveries: BTreeMap<(Dataset, String), Delivery>,
}

/// What a feeder or DER is in a month: the cells of its table, the place of its record, the month that delivered the record.
struct RuleState {
    cells: Vec<String>,
    place: Vec<String>,
    delivered: String,
}

impl<'a> History<'a> {
    fn new(utility: &'a Utility, files: &BTreeMap<String, Content>) -> Self {
        let mut deliveries: BTreeMap<(Dataset, String), Delivery> = BTreeMap::new();
        // A map is walked by path, so that of two records of one key the later one is met later.
        for (file, content) in files {
            let delivery = deliveries.entry((content.dataset, content.month.clone())).or_default();
            for (index, row) in content.rows.iter().enumerate() {
                let cells = utility.header(content.dataset).iter().copied().zip(row.iter().cloned());
                let cells = cells.filter(|(column, _)| Some(*column) != content.without).collect();
                let record = Record { month: content.month.clone(), file: file.clone(), line: index + 2, cells };
                let key: Option<Key> = utility.key(content.dataset).iter().map(|column| record.id(column)).collect();
                let names_feeder = content.dataset != Dataset::Circuits || record.id("F").is_some();
                match key.filter(|_| names_feeder) {
                    None => delivery.rejected.push((record, "primary-key")),
                    Some(key) => {
                        let earlier = delivery.taken.insert(key, record);
                        delivery.rejected.extend(earlier.map(|record| (record, "duplicate-key")));
                    }
                }
            }
        }
        Self { utility, deliveries }
    }

    /// The records that hold after a month.
    fn current(&self, dataset: Dataset, month: &str) -> BTreeMap<&Key, &Record> {
        let mut current = BTreeMap::new();
        for ((of, delivered), delivery) in &self.deliveries {
            if *of == dataset && delivered.as_str() <= month {
                if self.utility.mode(dataset) == Mode::Snapshot {
                    current.clear();
                }
                current.extend(&delivery.taken);
            }
        }
        current
    }

    /// The feeders that exist after a month: those that a current record names.
    fn feeders(&self, month: &str) -> BTreeMap<Key, RuleState> {
        let mut records_of: BTreeMap<Key, Vec<&Record>> = BTreeMap::new();
        for record in self.current(Dataset::Circuits, month).into_values() {
            records_of.entry(vec![record.id("F").unwrap()]).or_default().push(record);
        }
        let state = |records: Vec<&Record>| {
            let circuits = || records.iter().map(|record| record.id("C")).collect::<BTreeSet<_>>().len();
            let cells = vec![
                cell(records.iter().filter_map(|record| record.number("MAX")).max().map(megawatts)),
                cell(records.iter().filter_map(|record| record.number("MIN")).min().map(megawatts)),
                cell(records.iter().filter_map(|record| record.date("D")).max()),
                cell(records.iter().filter_map(|record| record.text("NOTE")).max()),
                records.len().to_string(),
                cell((self.utility.grain == Grain::Segment).then(circuits)),
                cell(records.iter().filter_map(|record| record.number("LEN")).reduce(|sum, length| sum + length).map(real)),
            ];
            RuleState { cells, place: Vec::new(), delivered: month.to_owned() }
        };
        records_of.into_iter().map(|(feeder, records)| (feeder, state(records))).collect()
    }

    /// Each circuit's feeder after a month, and how many of the circuit's segments belong to it.
    fn circuits(&self, month: &str) -> BTreeMap<String, (String, usize)> {
        if self.utility.grain == Grain::Entity {
            return BTreeMap::new();
        }
        let mut segments: BTreeMap<(String, String), usize> = BTreeMap::new();
        for record in self.current(Dataset::Circuits, month).into_values() {
            *segments.entry((record.id("C").unwrap(), record.id("F").unwrap())).or_default() += 1;
        }
        let mut circuits: BTreeMap<String, (String, usize)> = BTreeMap::new();
        for ((circuit, feeder), count) in segments {
            // Feeders come in rising order, so that the least one stays where counts are equal.
            if circuits.get(&circuit).is_none_or(|(_, most)| count > *most) {
                circuits.insert(circuit, (feeder, count));
            }
        }
        circuits
    }

    /// The DERs that exist after a month, by status and id.
    fn ders(&self, month: &str) -> BTreeMap<Key, RuleState> {
        let mut ders = BTreeMap::new();
        for (status, dataset) in [("installed", Dataset::InstallDer), ("planned", Dataset::PlannedDer)] {
            for (id, record) in self.current(dataset, month) {
                let (feeder, found) = self.link(record, month);
                let source = record.text("TYPE");
                let kind = source.as_ref().map(|source| match source.to_lowercase().as_str() {
                    "pv" => "Solar",
                    "wt" => "Wind",
                    _ => "Unmapped",
                });
                let cells = vec![
                    cell(feeder),
                    cell(record.id("REF")),
                    found.to_owned(),
                    cell(kind),
                    cell(source),
                    cell(record.number("KW").map(real)),
                    cell(record.number("COST").map(real)),
                    cell(record.date("PLAN")),
                    cell(record.date("DONE")),
                ];
                let place = vec![record.file.clone(), record.line.to_string()];
                let key = vec![status.to_owned(), id[0].clone()];
                ders.insert(key, RuleState { cells, place, delivered: record.month.clone() });
            }
        }
        ders
    }

    /// The feeder that a DER hangs on after a month, and how it was found.
    fn link(&self, der: &Record, month: &str) -> (Option<String>, &'static str) {
        let Some(reference) = der.id("REF") else { return (None, "missing") };
        if let Some((feeder, _)) = self.circuits(month).get(&reference) {
            return (Some(feeder.clone()), "circuit");
        }
        if self.feeders(month).contains_key(&vec![reference.clone()]) {
            return (Some(reference), "feeder");
        }
        (None, "unmatched")
    }

    fn rejected(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for ((dataset, month), delivery) in &self.deliveries {
            for (record, reason) in &delivery.rejected {
                lines.push(format!("{}|{month}|{}|{}|{reason}", dataset.as_str(), record.file, record.line));
            }
        }
        lines
    }

    fn ledger(&self) -> Vec<String> {
        let line = |((dataset, month), delivery): (&(Dataset, String), &Delivery)| {
            let (taken, rejected) = (delivery.taken.len(), delivery.rejected.len());
            format!("{}|{month}|{}|{taken}|{rejected}", dataset.as_str(), taken + rejected)
        };
        self.deliveries.iter().map(line).collect()
    }

    /// What hangs on each feeder after a month; a DER without a nameplate counts and adds nothing.
    fn capacity(&self, month: &str) -> Vec<String> {
        let line = |(feeder, state): (Key, RuleState)| {
            let nameplates = |dataset| -> Vec<Option<i128>> {
                let ders = self.current(dataset, month).into_values();
                ders.filter(|der| self.link(der, month).0.as_ref() == Some(&feeder[0])).map(|der| der.number("KW")).collect()
            };
            let (installed, planned) = (nameplates(Dataset::InstallDer), nameplates(Dataset::PlannedDer));
            let sum = |nameplates: &[Option<i128>]| megawatts(nameplates.iter().flatten().sum());
            let counts = format!("{}|{}", installed.len(), planned.len());
            format!("{}|{}|{counts}|{}|{}", feeder[0], state.cells[0], sum(&installed), sum(&planned))
        };
        self.feeders(month).into_iter().map(line).collect()
    }
}

/// A row of a table with history.
struct Version {
    key: Key,
    cells: Vec<String>,
    place: Vec<String>,
    from: String,
    to: Option<String>,
}

impl Version {
    fn line(&self) -> String {
        let validity = [self.from.clone(), cell(self.to.as_ref()), self.to.is_none().to_string()];
        [&self.key[..], &self.cells, &self.place, &validity].concat().join("|")
    }
}

/// The versions that follow from the states after each month, in order of months.
fn versions<'m>(states: impl Iterator<Item = (&'m str, BTreeMap<Key, RuleState>)>) -> Vec<Version> {
    let mut versions: Vec<Version> = Vec::new();
    for (month, states) in states {
        for gone in versions.iter_mut().filter(|version| version.to.is_none() && !states.contains_key(&version.key)) {
            gone.to = Some(month.to_owned());
        }
        for (key, RuleState { cells, mut place, delivered }) in states {
            if let Some(current) = versions.iter_mut().find(|version| version.to.is_none() && version.key == key) {
                if current.cells == cells {
                    continue;
                }
                current.to = Some(month.to_owned());
                // Only the link can have changed: the record is still the one that the version before was made from.
                if delivered != month {
                    place.clone_from(&current.place);
                }
            }
            versions.push(Version { key, cells, place, from: month.to_owned(), to: None });
        }
    }
    versions
}

/// How the months differ, going by the versions; nothing for a kind of entity that never had one.
fn diffs(name: &str, months: &BTreeSet<&str>, versions: &[Version]) -> Vec<String> {
    let line = |month: &&str| {
        let keys = |which: &dyn Fn(&Version) -> bool| -> BTreeSet<&Key> {
            versions.iter().filter(|version| which(version)).map(|version| &version.key).collect()
        };
        let before = keys(&|version| version.from.as_str() < *month && version.to.as_deref().is_none_or(|to| to >= *month));
        let after = keys(&|version| version.from.as_str() <= *month && version.to.as_deref().is_none_or(|to| to > *month));
        let began = keys(&|version| version.from == *month);
        let ended = keys(&|version| version.to.as_deref() == Some(*month));
        let (added, changed, removed) = (&began - &ended, &began & &ended, &ended - &began);
        let unchanged = before.len() - changed.len() - removed.len();
        let counts = [after.len(), before.len(), added.len(), changed.len(), removed.len(), unchanged];
        format!("{name}|{month}|{}", counts.map(|count| count.to_string()).join("|"))
    };
    months.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequences::deliveries::{DATASETS, Gene, Style, step};

    const SEG: Utility = Utility {
        id: "seg",
        grain: Grain::Segment,
        circuits: Mode::Incremental,
        installed: Mode::Incremental,
        planned: Mode::Incremental,
    };
    const ENT: Utility = Utility { id: "ent", grain: Grain::Entity, ..SEG };

    /// What is expected of files with a name (`2022-08 circuits` or `2022-08 circuits_b`) and records without their serial.
    fn of(utility: &Utility, files: &[(&str, &[&str])]) -> Expected {
        let file = |(name, records): &(&str, &[&str])| {
            let (month, stem) = name.split_once(' ').unwrap();
            let dataset = DATASETS.into_iter().find(|dataset| stem.trim_end_matches("_b") == dataset.as_str()).unwrap();
            let rows = records.iter().map(|record| format!("{record},{name}").split(',').map(str::to_owned).collect()).collect();
            (
                format!("{0}/{month}/{0}_{stem}.csv", utility.id),
                Content { dataset, month: month.to_owned(), rows, without: None, extra: None },
            )
        };
        expected(utility, &files.iter().map(file).collect())
    }

    #[test]
    fn month_between_two_others_splits_the_version() {
        let (august, october) = (["F0,8008,,2022-08-01,a,0.1"], ["F0,1.1,NULL,x,a,0.1", "F1,,13,,none,"]);
        let mut files: Vec<(&str, &[&str])> = vec![("2022-08 circuits", &august), ("2022-10 circuits", &october)];
        let before = of(&ENT, &files);
        assert_eq!(
            before.feeders,
            [
                "F0|0.0011|-|-|a|1|-|0.1|2022-10|-|true",
                "F0|8.008|-|2022-08-01|a|1|-|0.1|2022-08|2022-10|false",
                "F1|-|0.013|-|-|1|-|-|2022-10|-|true",
            ]
        );
        assert_eq!(before.diffs[2..], ["feeders|2022-08|1|0|1|0|0|0", "feeders|2022-10|2|1|1|1|0|0"]);
        files.push(("2022-09 circuits", &["F1,,13.0,,,", "F0,820,,2022-08-01,a,0.1"]));
        let after = of(&ENT, &files);
        assert_eq!(
            after.feeders,
            [
                "F0|0.0011|-|-|a|1|-|0.1|2022-10|-|true",
                "F0|0.82|-|2022-08-01|a|1|-|0.1|2022-09|2022-10|false",
                "F0|8.008|-|2022-08-01|a|1|-|0.1|2022-08|2022-09|false",
                "F1|-|0.013|-|-|1|-|-|2022-09|-|true",
            ]
        );
        let diffs = ["feeders|2022-08|1|0|1|0|0|0", "feeders|2022-09|2|1|1|1|0|0", "feeders|2022-10|2|2|0|1|0|1"];
        assert_eq!(after.diffs[3..], diffs);
        assert!(after.circuits.is_empty());
    }

    #[test]
    fn segment_that_moves_takes_its_values_along() {
        let august = ["C0,1,F0,18,26,2022-08-01,a,0.1", "C0,2,F0,13,x,2022-09-15,b,0.2", "C1,1,F0,,1.1,,,"];
        let after = of(&SEG, &[("2022-08 circuits", &august), ("2022-09 circuits", &[" C0 ,1.0,F1,18,26,2022-08-01,a,0.1"])]);
        assert_eq!(
            after.feeders,
            [
                "F0|0.013|0.0011|2022-09-15|b|2|2|0.2|2022-09|-|true",
                "F0|0.018|0.0011|2022-09-15|b|3|2|0.3|2022-08|2022-09|false",
                "F1|0.018|0.026|2022-08-01|a|1|1|0.1|2022-09|-|true",
            ]
        );
        // One segment on each feeder: the least id has it.
        assert_eq!(after.circuits, ["C0|F0|1", "C1|F0|1"]);
        let again = of(&SEG, &[("2022-08 circuits", &august), ("2022-09 circuits", &["C0,1,F1,,,,,", "C0,2,F1,,,,,"])]);
        assert_eq!(again.circuits, ["C0|F1|2", "C1|F0|1"]);
    }

    #[test]
    fn record_without_key_or_feeder_is_no_rival() {
        let files: [(&str, &[&str]); 2] = [
            ("2022-08 circuits", &["C0,1,F0,13,,,,", "C0,1,F0,26,,,,", "C0,1,,820,,,,", "C0, ,F0,820,,,,"]),
            ("2022-08 circuits_b", &["C0,2,F0,18,,,,", "C0,1.0,F0,18,,,,", "NULL,1,F0,820,,,,"]),
        ];
        let after = of(&SEG, &files);
        assert_eq!(after.feeders, ["F0|0.018|-|-|-|2|1|-|2022-08|-|true"]);
        assert_eq!(
            after.rejected,
            [
                "circuits|2022-08|seg/2022-08/seg_circuits.csv|2|duplicate-key",
                "circuits|2022-08|seg/2022-08/seg_circuits.csv|3|duplicate-key",
                "circuits|2022-08|seg/2022-08/seg_circuits.csv|4|primary-key",
                "circuits|2022-08|seg/2022-08/seg_circuits.csv|5|primary-key",
                "circuits|2022-08|seg/2022-08/seg_circuits_b.csv|4|primary-key",
            ]
        );
        assert_eq!(after.ledger, ["circuits|2022-08|7|2|5"]);
    }

    #[test]
    fn snapshot_removes_only_in_months_of_its_dataset() {
        let utility = Utility { circuits: Mode::Snapshot, planned: Mode::Snapshot, ..ENT };
        let files: [(&str, &[&str]); 6] = [
            ("2022-08 circuits", &["F0,13,,,,", "F1,13,,,,"]),
            ("2022-09 planned_der", &["D0,F1,WT,8008,,,", "40.0,,,,,,"]),
            ("2022-09 install_der", &["D0,F0,PV,5,,,"]),
            ("2022-10 circuits", &["F0,13,,,,"]),
            ("2022-10 planned_der", &["40,,,,,,"]),
            ("2022-11 circuits", &["F0,13,,,,", "F1,13,,,,"]),
        ];
        let after = of(&utility, &files);
        assert_eq!(
            after.feeders,
            [
                "F0|0.013|-|-|-|1|-|-|2022-08|-|true",
                "F1|0.013|-|-|-|1|-|-|2022-08|2022-10|false",
                "F1|0.013|-|-|-|1|-|-|2022-11|-|true",
            ]
        );
        assert_eq!(
            after.ders,
            [
                "installed|D0|F0|F0|feeder|Solar|PV|5|-|-|-|ent/2022-09/ent_install_der.csv|2|2022-09|-|true",
                "planned|40|-|-|missing|-|-|-|-|-|-|ent/2022-09/ent_planned_der.csv|3|2022-09|-|true",
                "planned|D0|F1|F1|feeder|Wind|WT|8008|-|-|-|ent/2022-09/ent_planned_der.csv|2|2022-09|2022-10|false",
            ]
        );
        assert_eq!(
            after.diffs,
            [
                "ders|2022-08|0|0|0|0|0|0",
                "ders|2022-09|3|0|3|0|0|0",
                "ders|2022-10|2|3|0|0|1|2",
                "ders|2022-11|2|2|0|0|0|2",
                "feeders|2022-08|2|0|2|0|0|0",
                "feeders|2022-09|2|2|0|0|0|2",
                "feeders|2022-10|1|2|0|0|1|1",
                "feeders|2022-11|2|1|1|0|0|1",
            ]
        );
        assert_eq!(after.capacity, ["F0|0.013|1|0|0.005|0", "F1|0.013|0|0|0|0"]);
    }

    #[test]
    fn link_that_changes_begins_a_version_at_the_place_of_the_one_before() {
        let der = "D0, F2 ,pv,1.1,x,,2022-08-01";
        let files: [(&str, &[&str]); 5] = [
            ("2022-08 install_der", &["D1,F9.0,CHP,820,13,2022-08-01,", der]),
            ("2022-09 circuits", &["C0,1,F2,13,,,,"]),
            ("2022-09 planned_der", &["D0,F2,,2.2,,,"]),
            ("2022-10 install_der", &[der]),
            ("2022-11 circuits", &["F2,1,F1,13,,,,"]),
        ];
        let mut after = of(&SEG, &files);
        assert_eq!(
            after.ders,
            [
                "installed|D0|-|F2|unmatched|Solar|pv|1.1|-|2022-08-01|-|seg/2022-08/seg_install_der.csv|3|2022-08|2022-09|false",
                "installed|D0|F1|F2|circuit|Solar|pv|1.1|-|2022-08-01|-|seg/2022-08/seg_install_der.csv|3|2022-11|-|true",
                "installed|D0|F2|F2|feeder|Solar|pv|1.1|-|2022-08-01|-|seg/2022-08/seg_install_der.csv|3|2022-09|2022-11|false",
                "installed|D1|-|F9.0|unmatched|Unmapped|CHP|820|13|-|2022-08-01|seg/2022-08/seg_install_der.csv|2|2022-08|-|true",
                "planned|D0|F1|F2|circuit|-|-|2.2|-|-|-|seg/2022-09/seg_planned_der.csv|2|2022-11|-|true",
                "planned|D0|F2|F2|feeder|-|-|2.2|-|-|-|seg/2022-09/seg_planned_der.csv|2|2022-09|2022-11|false",
            ]
        );
        assert_eq!(after.capacity, ["F1|0.013|1|1|0.0011|0.0022", "F2|0.013|0|0|0|0"]);
        after = of(&SEG, &[&files[..], &[("2022-11 install_der", &[der])]].concat());
        assert!(after.ders[1].contains("|seg/2022-11/seg_install_der.csv|2|2022-11|"), "{}", after.ders[1]);
    }

    #[test]
    fn step_makes_whole_records_from_any_gene() {
        for (utility, number) in [SEG, ENT].into_iter().flat_map(|utility| (0..=255).map(move |number| (utility, number))) {
            let rows = if number == 0 { Vec::new() } else { vec![[number; 6], [0, 1, 2, 3, 4, number]] };
            let style = Style { are_numbered: true, say_month: true, are_torn: false };
            let gene = Gene { dataset: number, month: number, part: number, columns: number, rows };
            let (path, content) = step(&utility, style, &gene, 7);
            let stem = format!("{}/{}/{}_{}", utility.id, content.month, utility.id, content.dataset.as_str());
            assert!([format!("{stem}.csv"), format!("{stem}_b.csv")].contains(&path), "{path}");
            let width = utility.header(content.dataset).len();
            assert!(content.rows.iter().all(|row| row.len() == width && row[width - 1].starts_with("s7-")), "{content:?}");
            let csv = content.csv(&utility);
            let width = width + usize::from(content.extra.is_some()) - usize::from(content.without.is_some());
            assert!(csv.lines().count() > 1 && csv.lines().all(|line| line.split(',').count() == width), "{csv}");
            let lines = expected(&utility, &BTreeMap::from([(path, content)])).ledger;
            assert_eq!(lines.len(), 1);
        }
    }
}
