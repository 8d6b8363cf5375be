//! A lake and a landing folder of one's own, and the rows of the tables as Delta gives them back.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use feederscope::config::{Overrides, Paths, RuleSet, Settings};
use feederscope::engine::{Engine, Work, local};
use feederscope::frame::{Frame, Value};
use feederscope::lake::{Lake, Layer, TableId};
use feederscope::model::{Cancel, Day, Environment, Timestamp};
use feederscope::pipeline::bronze::BronzeTables;
use feederscope::pipeline::run::Run;
use feederscope::pipeline::{PipelineError, Progress, Report, Request};

/// A bench to load files on; everything on it is gone when it is dropped.
pub struct Bench {
    _folder: tempfile::TempDir,
    pub settings: Settings,
    pub lake: Lake,
    /// What executes the queries of its runs.
    pub engine: &'static dyn Engine,
}

/// Midnight of 2022-12-01, UTC.
pub const NOW: Timestamp = Timestamp::from_micros(1_669_852_800_000_000);

impl Bench {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let paths = Paths { config: at("config"), data: at("data") };
        let overrides = Overrides { lake: Some(at("lake")), landing: Some(at("landing")), ..Overrides::default() };
        std::fs::create_dir_all(at("landing")).unwrap();
        let mut settings = Settings::resolve(overrides, paths, Day::parse("2022-12-01").unwrap());
        assert_eq!(settings.problems, []);
        // Tests of rules bring their own book; the others need not wait for outcomes.
        settings.rules = RuleSet::default();
        let lake = Lake::new(&settings.lake, Environment::Dev).unwrap();
        Self { _folder: folder, settings, lake, engine: local() }
    }

    /// A bench that also knows the utilities of these adapter files.
    pub fn with_adapters(files: &[(&str, &str)]) -> Self {
        let bench = Self::new();
        let folder = bench.settings.paths.config.join("utilities");
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            std::fs::write(folder.join(name), text).unwrap();
        }
        let overrides = Overrides {
            lake: Some(bench.settings.lake.clone()),
            landing: Some(bench.settings.landing.clone()),
            ..Overrides::default()
        };
        let mut settings = Settings::resolve(overrides, bench.settings.paths.clone(), bench.settings.today);
        assert_eq!(settings.problems, []);
        settings.rules = RuleSet::default();
        Self { settings, ..bench }
    }

    pub fn landing(&self, file: &str) -> PathBuf {
        self.settings.landing.join(file)
    }

    /// Puts a file into the landing folder.
    pub fn put(&self, file: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.landing(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        came(&path);
        self
    }

    /// Gives a file the time of all others: which came first is not to be seen.
    pub fn at_the_same_time(&self, file: &str) {
        let at =
            SystemTime::UNIX_EPOCH + Duration::from_micros(NOW.micros().cast_unsigned()).saturating_sub(Duration::from_hours(24));
        File::options().write(true).open(self.landing(file)).unwrap().set_modified(at).unwrap();
    }

    /// Gives a file the time at noon of the tenth day of a month of 2022, which is the month of a delivery whose path states none.
    pub fn of_month(&self, file: &str, month: u8) {
        let days = Day::from_ymd(2022, month, 10).epoch_days().cast_unsigned();
        let at = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * u64::from(days) + 12);
        File::options().write(true).open(self.landing(file)).unwrap().set_modified(at).unwrap();
    }

    pub fn copy(&self, from: &Path, file: &str) -> &Self {
        let path = self.landing(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::copy(from, &path).unwrap();
        came(&path);
        self
    }

    pub fn try_run(
        &self,
        request: &Request,
        cancel: &Cancel,
        observer: &(dyn Fn(Progress) + Sync),
    ) -> Result<Report, PipelineError> {
        let work = Work { engine: self.engine, cancel };
        Run { settings: &self.settings, lake: &self.lake, request, work, observer: &observer, now: &|| NOW }.execute()
    }

    /// A run over this lake, by a clock of the caller's.
    pub fn run_at(&self, lake: &Lake, now: &(dyn Fn() -> Timestamp + Sync)) -> Result<Report, PipelineError> {
        let (request, cancel) = (Request::default(), Cancel::default());
        Run { settings: &self.settings, lake, request: &request, work: Work::local(&cancel), observer: &|_| {}, now }.execute()
    }

    pub fn run(&self) -> Report {
        self.try_run(&Request::default(), &Cancel::default(), &|_| {}).unwrap()
    }

    /// The bronze tables of all utilities.
    pub fn bronze<'a>(&'a self, cancel: &'a Cancel) -> Vec<BronzeTables<'a>> {
        BronzeTables::open_all(&self.lake, &self.settings.utilities, Work::local(cancel)).unwrap()
    }

    /// Rows of a query over one table, which is named `t` in it.
    pub fn query(&self, table: &str, sql: &str) -> Frame {
        let mut session = local().session(&Cancel::default()).unwrap();
        let snapshot = self.lake.snapshot(&table_id(table)).unwrap().unwrap_or_else(|| panic!("no table {table}"));
        session.register("t", &snapshot.scan_all()).unwrap();
        session.query(sql).unwrap()
    }

    /// Rows of a table, going by its log.
    pub fn rows(&self, table: &str) -> u64 {
        self.lake.snapshot(&table_id(table)).unwrap().map_or(0, |snapshot| snapshot.rows())
    }

    pub fn count(&self, table: &str, condition: &str) -> u64 {
        self.query(table, &format!("SELECT SUM(CASE WHEN {condition} THEN 1 ELSE 0 END) AS n FROM t")).count("n", 0)
    }

    /// The same, of a table that need not be there.
    pub fn lines_if_any(&self, table: &str, columns: &str) -> Vec<String> {
        let exists = self.lake.snapshot(&table_id(table)).unwrap().is_some();
        if exists { self.lines(table, columns) } else { Vec::new() }
    }

    /// Rows of a table as lines of text, sorted.
    pub fn lines(&self, table: &str, columns: &str) -> Vec<String> {
        let rows = self.query(table, &format!("SELECT {columns} FROM t"));
        let mut lines: Vec<String> =
            (0..rows.height()).map(|row| rows.row(row).iter().map(show).collect::<Vec<_>>().join("|")).collect();
        lines.sort();
        lines
    }
}

/// Gives a file the day before the tests' own, a second later than that of the file before.
fn came(path: &Path) {
    static SECONDS: AtomicU64 = AtomicU64::new(0);
    let second = SECONDS.fetch_add(1, Ordering::Relaxed) % 80_000;
    let day_before = Duration::from_micros(NOW.micros().cast_unsigned()).saturating_sub(Duration::from_hours(24));
    let at = day_before + Duration::from_secs(second);
    File::options().write(true).open(path).unwrap().set_modified(SystemTime::UNIX_EPOCH + at).unwrap();
}

pub fn table_id(table: &str) -> TableId {
    let (layer, name) = table.split_once('/').unwrap();
    let layer = [Layer::Bronze, Layer::Silver, Layer::Platinum, Layer::Ops].into_iter().find(|l| l.as_str() == layer).unwrap();
    TableId::new(layer, name)
}

/// Tables of which neither rows nor their number depend on the order in which deliveries came.
pub const TABLES: [&str; 8] = [
    "silver/feeders",
    "silver/feeder_circuits",
    "silver/ders",
    "platinum/feeder_capacity",
    "platinum/der_details",
    "platinum/column_quality",
    "platinum/month_diff",
    "platinum/field_changes",
];

/// What silver and the tables above it hold, but for what says when, or by which run, it was found.
pub fn everything(bench: &Bench) -> Vec<Vec<String>> {
    let rejected = bench.lines_if_any("silver/rejected", "dataset, delivery_month, source_line, reason, raw_record");
    let others = TABLES.iter().chain(&["silver/segments"]).map(|table| bench.lines_if_any(table, "*"));
    others.chain([rejected]).collect()
}

/// A full refresh from bronze changes nothing.
pub fn is_refreshed_to_itself(bench: &Bench, what: &str) {
    let one_by_one = everything(bench);
    bench.try_run(&Request { full_refresh: true, ..Request::default() }, &Cancel::default(), &|_| {}).unwrap();
    for (before, after) in one_by_one.iter().zip(everything(bench)) {
        let only_in = |some: &[String], others: &[String]| -> Vec<String> {
            some.iter().filter(|line| !others.contains(line)).cloned().collect()
        };
        assert_eq!((only_in(before, &after), only_in(&after, before)), (vec![], vec![]), "{what}");
        assert_eq!(before.len(), after.len(), "{what}");
    }
}

pub fn show(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::Text(text) => text.clone(),
        Value::Whole(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::Day(day) => day.to_string(),
        Value::Time(at) => at.to_string(),
    }
}

pub const FEEDERS: &str = "Master_CDF,feeder_voltage,feeder_max_hc,feeder_min_hc,feeder_dg_connected_since_refresh,hca_refresh_date,color,shape_length\n";
pub const INSTALLED: &str =
    "DER_ID,SERVICE_STREET_ADDRESS,DER_TYPE,DER_NAMEPLATE_RATING,DER_INTERCONNECTION_LOCATION,INTERCONNECTION_COST\n";

/// A snapshot of feeders with an id and a capacity in kW.
/// A utility that delivers segments and installed DERs, changes only.
pub const SEGMENTS: &str = "utility = \"seg\"\n[circuits]\ngrain = \"segment\"\nkey = [\"C\", \"S\"]\n[circuits.columns]\ncircuit_id = \"C\"\nfeeder_id = \"F\"\nmax_hosting_capacity_mw = { from = \"MW\", unit = \"MW\", aggregate = \"max\" }\nlength = { from = \"L\", type = \"number\", aggregate = \"sum\" }\n[install_der]\nkey = [\"ID\"]\n[install_der.columns]\nder_id = \"ID\"\nfeeder_ref = \"F\"\nnameplate_kw = { from = \"kW\", unit = \"kW\" }\n";
pub const SNAPSHOT: &str = "utility = \"third\"\n[circuits]\nkey = [\"F\"]\ndelivery = \"snapshot\"\n[circuits.columns]\nfeeder_id = \"F\"\nmax_hosting_capacity_mw = { from = \"kW\", unit = \"kW\" }\n";

pub fn feeder(id: &str, mw: &str) -> String {
    format!("{id},13.2,{mw},0,0,2022/08/01 00:00:00+00,green,1\n")
}

/// The three deliveries of feeders, and one of DERs; by name.
pub fn deliveries() -> Vec<(&'static str, String)> {
    vec![
        ("utility2/2022-08/utility2_circuits.csv", format!("{FEEDERS}{}{}", feeder("A", "5"), feeder("B", "3"))),
        ("utility2/2022-09/utility2_circuits.csv", format!("{FEEDERS}{}", feeder("A", "6"))),
        ("utility2/2022-10/utility2_circuits.csv", format!("{FEEDERS}{}{}", feeder("A", "6.0"), feeder("C", "1"))),
        ("utility2/2022-08/utility2_install_der.csv", format!("{INSTALLED}D1,null,Solar,7.6,A,0\nD2,null,Wind,100,C,0\n")),
    ]
}
