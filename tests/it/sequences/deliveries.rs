//! Two kinds of utilities, and the random deliveries that they send.
//!
//! The adapters and the cells stand together, since they must agree.

use proptest::prelude::prop;

/// What one row of a utility's circuits files is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grain {
    Segment,
    Entity,
}

/// What the absence of a record from a month's delivery says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Incremental,
    Snapshot,
}

/// What a file is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dataset {
    Circuits,
    InstallDer,
    PlannedDer,
}

pub const DATASETS: [Dataset; 3] = [Dataset::Circuits, Dataset::InstallDer, Dataset::PlannedDer];

/// A utility: the grain of its circuits files, and how each of its datasets is delivered.
#[derive(Debug, Clone, Copy)]
pub struct Utility {
    pub id: &'static str,
    pub grain: Grain,
    pub circuits: Mode,
    pub installed: Mode,
    pub planned: Mode,
}

/// One landing file: records as cells in the order of the header, the serial number last, without which a record is torn.
#[derive(Debug, Clone)]
pub struct Content {
    pub dataset: Dataset,
    pub month: String,
    pub rows: Vec<Vec<String>>,
    /// A column that the file lacks.
    pub without: Option<&'static str>,
    /// A column that the file has beside those of the header.
    pub extra: Option<&'static str>,
}

impl Dataset {
    /// Its name in files, adapters and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Circuits => "circuits",
            Self::InstallDer => "install_der",
            Self::PlannedDer => "planned_der",
        }
    }
}

impl Mode {
    fn as_str(self) -> &'static str {
        match self {
            Self::Incremental => "incremental",
            Self::Snapshot => "snapshot",
        }
    }
}

impl Utility {
    pub fn mode(&self, dataset: Dataset) -> Mode {
        match dataset {
            Dataset::Circuits => self.circuits,
            Dataset::InstallDer => self.installed,
            Dataset::PlannedDer => self.planned,
        }
    }

    /// The header of a dataset's files.
    pub fn header(&self, dataset: Dataset) -> &'static [&'static str] {
        match (dataset, self.grain) {
            (Dataset::Circuits, Grain::Segment) => &["C", "S", "F", "MAX", "MIN", "D", "NOTE", "LEN", "SERIAL"],
            (Dataset::Circuits, Grain::Entity) => &["F", "MAX", "MIN", "D", "NOTE", "LEN", "SERIAL"],
            (Dataset::InstallDer | Dataset::PlannedDer, _) => &["ID", "REF", "TYPE", "KW", "COST", "DONE", "PLAN", "SERIAL"],
        }
    }

    /// The columns that identify a record.
    pub fn key(&self, dataset: Dataset) -> &'static [&'static str] {
        match (dataset, self.grain) {
            (Dataset::Circuits, Grain::Segment) => &["C", "S"],
            (Dataset::Circuits, Grain::Entity) => &["F"],
            (Dataset::InstallDer | Dataset::PlannedDer, _) => &["ID"],
        }
    }

    /// The adapter of this utility.
    pub fn adapter_toml(&self) -> String {
        let head = format!("utility = '{}'\n\n[der_types]\nPV = 'Solar'\nWT = 'Wind'\n", self.id);
        let section = |dataset: Dataset| {
            let text = match (dataset, self.grain) {
                (Dataset::Circuits, Grain::Segment) => SEGMENTS_TOML,
                (Dataset::Circuits, Grain::Entity) => FEEDERS_TOML,
                (Dataset::InstallDer | Dataset::PlannedDer, _) => DERS_TOML,
            };
            text.replace("DATASET", dataset.as_str()).replace("MODE", self.mode(dataset).as_str())
        };
        DATASETS.into_iter().fold(head, |toml, dataset| toml + &section(dataset))
    }
}

const SEGMENTS_TOML: &str = r#"
[DATASET]
key = ["C", "S"]
grain = "segment"
delivery = "MODE"

[DATASET.columns]
feeder_id = "F"
circuit_id = "C"
max_hosting_capacity_mw = { from = "MAX", unit = "kW" }
min_hosting_capacity_mw = { from = "MIN", unit = "kW", aggregate = "min" }
hca_refresh_date = { from = "D", format = "%Y-%m-%d" }
notes = "NOTE"
length = { from = "LEN", aggregate = "sum" }
"#;

const FEEDERS_TOML: &str = r#"
[DATASET]
key = ["F"]
grain = "entity"
delivery = "MODE"

[DATASET.columns]
feeder_id = "F"
max_hosting_capacity_mw = { from = "MAX", unit = "kW" }
min_hosting_capacity_mw = { from = "MIN", unit = "kW" }
hca_refresh_date = { from = "D", format = "%Y-%m-%d" }
notes = "NOTE"
length = "LEN"
"#;

const DERS_TOML: &str = r#"
[DATASET]
key = ["ID"]
delivery = "MODE"

[DATASET.columns]
der_id = "ID"
feeder_ref = "REF"
der_type = "TYPE"
nameplate_kw = { from = "KW", unit = "kW" }
interconnection_cost_usd = "COST"
completion_date = { from = "DONE", format = "%Y-%m-%d" }
planned_in_service_date = { from = "PLAN", format = "%Y-%m-%d" }
"#;

impl Content {
    /// Has half of the records, without the last one, say what those of another file do.
    pub fn repeat(&mut self, other: &Self, gene: &Gene) {
        let last = self.rows.len() - 1;
        for ((at, row), choices) in self.rows[..last].iter_mut().enumerate().zip(&gene.rows) {
            if choices[0] >= 128 {
                row.clone_from(&other.rows[at % other.rows.len()]);
                row.last_mut().unwrap().clear();
            }
        }
    }

    /// Whether another record than this one has a number of its own, so that no other file is equal.
    fn stays_itself_without(&self, row: usize) -> bool {
        self.rows.iter().enumerate().any(|(at, record)| at != row && record.last().is_some_and(|cell| cell.starts_with('s')))
    }

    /// The file's text: the header is line 1, the first record line 2.
    pub fn csv(&self, utility: &Utility) -> String {
        let header = utility.header(self.dataset);
        let line = |cells: &[&str], extra: Option<&str>| {
            let delivered = header.iter().zip(cells).filter(|(column, _)| Some(**column) != self.without).map(|(_, cell)| *cell);
            delivered.chain(extra).collect::<Vec<_>>().join(",") + "\n"
        };
        let record = |(at, row): (usize, &Vec<String>)| {
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            line(&cells, self.extra.map(|_| pick(EXTRA, at as u8)))
        };
        line(header, self.extra) + &self.rows.iter().enumerate().map(record).collect::<String>()
    }
}

/// A delivery in small numbers, so that a failing sequence shrinks to few files, few rows and plain cells.
#[derive(Debug, Clone)]
pub struct Gene {
    pub dataset: u8,
    pub month: u8,
    pub part: u8,
    pub columns: u8,
    pub rows: Vec<[u8; 6]>,
}

// Choices between `/`, the plain ones first. Cells of one choice change together, so that values that are exchanged, or
// move into an empty neighbour, are frequent. The circuit `F2` has the name of a feeder; only DERs name `F9`,
// and `F9.0` is another word, since digits alone lose their `.0`.
const SEGMENTS: &str = "C0,1/C0,2/C0,3/F2,1/F2,2/F2,3/ C0 ,2/F2,1.0/C0, 3/F2,2 /,1/C0,  ";
const FEEDERS: &str = "F0/F1/F2/F0/F1/F2/ F1 //NULL";
const HOSTING: &str = "8008,2300/2300,/,2300/820,13/18,26/1.1,1.1/2300.0,0/x,820/820,x/13,NULL/ 26 ,8.008/,";
const DAYS: &str = "2022-08-01/2022-09-15//2021-12-31/x";
const NOTES: &str = "/a/b/ b /none";
const LENGTHS: &str = "0.1/0.2/0.3/0.7//x";
const DERS: &str = "D0/D1/D2/40/ D1 /40.0/D0/";
const REFERENCES: &str = "C0/F0/F1/F2/F9// C0 /na/F1 /F9.0";
const TYPES: &str = "PV/WT//pv/CHP/NULL";
const NAMEPLATES: &str = "8008,5/2300,/,2300/820,13/13,820/1.1,18/26,1.1/18.0,x/x,18/,";
const EXTRA: &str = "/1/x/2.5";
const PROJECTS: &str = "2022-08-01,/,2022-08-01/2022-09-15,2022-08-01/2022-08-01,2022-09-15/x,2022-09-15/,";

fn pick(choices: &str, gene: u8) -> &str {
    choices.split('/').nth(usize::from(gene) % choices.split('/').count()).unwrap()
}

fn lists(utility: &Utility, dataset: Dataset) -> &'static [&'static str] {
    match (dataset, utility.grain) {
        (Dataset::Circuits, Grain::Segment) => &[SEGMENTS, FEEDERS, HOSTING, DAYS, NOTES, LENGTHS],
        (Dataset::Circuits, Grain::Entity) => &[FEEDERS, HOSTING, DAYS, NOTES, LENGTHS],
        (Dataset::InstallDer | Dataset::PlannedDer, _) => &[DERS, REFERENCES, TYPES, NAMEPLATES, PROJECTS],
    }
}

/// What a file that comes again has other than before: the rest is as it was, where it was.
#[derive(Debug, Clone)]
pub struct Correction {
    /// Which of the deliveries before.
    pub of: prop::sample::Index,
    pub row: prop::sample::Index,
    /// Which cells of the row; after the last of them, the row is gone, or stands once more at the end.
    pub cells: u8,
    pub choice: u8,
    /// Whether the file comes once more as it was before.
    pub is_taken_back: bool,
}

/// The content of a file that comes again.
pub fn corrected(utility: &Utility, content: &Content, correction: &Correction) -> Content {
    let (mut corrected, lists) = (content.clone(), lists(utility, content.dataset));
    let row = correction.row.index(corrected.rows.len());
    match usize::from(correction.cells) % (lists.len() + 2) {
        at if at < lists.len() => {
            let width = |list: &str| pick(list, 0).split(',').count();
            let from: usize = lists[..at].iter().map(|list| width(list)).sum();
            let cells = pick(lists[at], correction.choice).split(',').map(str::to_owned);
            corrected.rows[row].splice(from..from + width(lists[at]), cells);
        }
        at if at == lists.len() && corrected.stays_itself_without(row) => drop(corrected.rows.remove(row)),
        _ => corrected.rows.push(corrected.rows[row].clone()),
    }
    corrected
}

/// How the files of a sequence are made of its genes.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Whether each record has a number of its own, so that none repeats another month's; else the last one of a file has.
    pub are_numbered: bool,
    /// Whether paths say the month; else a file has one name for all months, and its time says which it is of.
    pub say_month: bool,
    /// Whether records may be torn.
    pub are_torn: bool,
}

/// The column that a file lacks, and the one that it has more, going by a gene.
fn other_columns(utility: &Utility, dataset: Dataset, gene: u8) -> (Option<&'static str>, Option<&'static str>) {
    let needed = |column: &&&str| !["C", "S", "F", "ID", "REF", "SERIAL"].contains(column);
    let optional: Vec<&'static str> = utility.header(dataset).iter().filter(needed).copied().collect();
    let at = usize::from(gene / 3);
    match gene % 3 {
        0 => (None, None),
        1 => (Some(optional[at % optional.len()]), None),
        _ => (None, Some(["EXTRA", "OTHER"][at % 2])),
    }
}

/// The path and content of the file that a gene stands for; with a serial number of its own no two files are equal.
pub fn step(utility: &Utility, style: Style, gene: &Gene, serial: usize) -> (String, Content) {
    let dataset = DATASETS[usize::from(gene.dataset) % 3];
    let month = format!("2022-{:02}", 8 + gene.month % 4);
    let part = if gene.part.is_multiple_of(2) { "" } else { "_b" };
    let folder = if style.say_month { format!("{}/{month}/", utility.id) } else { String::new() };
    let path = format!("{folder}{}_{}{part}.csv", utility.id, dataset.as_str());
    let lists = lists(utility, dataset);
    // A file without records would be refused.
    let rows = if gene.rows.is_empty() { &[[0; 6]][..] } else { &gene.rows };
    let record = |(at, row): (usize, &[u8; 6])| {
        let mut cells: Vec<&str> = lists.iter().zip(row).map(|(choices, gene)| pick(choices, *gene)).collect();
        let is_numbered = style.are_numbered || at + 1 == rows.len();
        let serial = if is_numbered { format!("s{serial}-{at}") } else { String::new() };
        // A file of which no record is whole would be refused.
        let is_torn = style.are_torn && row[1] >= 224 && at + 1 < rows.len();
        cells.extend((!is_torn).then_some(serial.as_str()));
        cells.join(",").split(',').map(str::to_owned).collect()
    };
    let rows = rows.iter().enumerate().map(record).collect();
    let (without, extra) = other_columns(utility, dataset, gene.columns);
    (path, Content { dataset, month, rows, without, extra })
}
