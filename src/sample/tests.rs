//! The sample as written: repeatable, small, and faulty exactly where the README says.

use std::collections::BTreeSet;
use std::fs;

use tempfile::TempDir;

use super::{Options, README, TODAY, write};

/// A sample in a folder of its own.
struct Sample {
    folder: TempDir,
    paths: Vec<String>,
}

impl Sample {
    fn of(options: &Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let paths = write(folder.path(), options).unwrap();
        let paths = paths.iter().map(|path| path.to_str().unwrap().replace('\\', "/")).collect();
        Self { folder, paths }
    }

    fn text(&self, path: &str) -> String {
        String::from_utf8(fs::read(self.folder.path().join(path)).unwrap()).unwrap()
    }

    fn all(&self) -> Vec<(String, String)> {
        self.paths.iter().map(|path| (path.clone(), self.text(path))).collect()
    }

    fn lines(&self, path: &str) -> Vec<String> {
        self.text(path).trim_start_matches('\u{feff}').lines().map(str::to_owned).collect()
    }

    /// The cells of one column below the header.
    fn column(&self, path: &str, delimiter: char, name: &str) -> Vec<String> {
        let lines = self.lines(path);
        let at = lines[0].split(delimiter).position(|label| label == name).unwrap();
        lines[1..].iter().map(|line| line.split(delimiter).nth(at).unwrap().to_owned()).collect()
    }
}

fn assert_readme_names(place: &str) {
    assert!(README.contains(place), "the README does not name {place}");
}

#[test]
fn sample_of_the_same_options_is_the_same() {
    let options = Options { seed: 11, months: 2, scale: 2 };
    assert_eq!(Sample::of(&options).all(), Sample::of(&options).all());
    assert_ne!(Sample::of(&options).all(), Sample::of(&Options { seed: 12, ..options }).all());
}

#[test]
fn sample_by_default_is_small_and_has_three_months() {
    let sample = Sample::of(&Options::default());
    let bytes: usize = sample.all().iter().map(|(_, text)| text.len()).sum();
    assert!((400_000..2_000_000).contains(&bytes), "{bytes} bytes");
    let months: BTreeSet<&str> =
        sample.paths.iter().filter_map(|path| path.strip_prefix("landing/")?.split('/').nth(1)).collect();
    assert_eq!(months.iter().copied().collect::<Vec<_>>(), ["2022-08", "2022-09", "2022-10"]);
    assert!(months.last().is_some_and(|newest| TODAY.starts_with(newest)), "the sample is looked at in its newest month");
    assert_eq!(sample.paths.len(), 3 * 9 - 3 + 2);
}

#[test]
fn sample_of_two_months_has_no_fault() {
    let sample = Sample::of(&Options { months: 2, ..Options::default() });
    assert_eq!(sample.paths.len(), 2 * 9 + 2);
    for path in sample.paths.iter().filter(|path| path.contains("_der") && path.contains("utility1")) {
        let cells: BTreeSet<usize> = sample.lines(path).iter().map(|line| line.split(',').count()).collect();
        assert_eq!(cells.len(), 1, "{path}");
    }
}

#[test]
fn sample_at_twice_the_scale_has_twice_the_rows() {
    let once = Sample::of(&Options { months: 1, ..Options::default() });
    let twice = Sample::of(&Options { months: 1, scale: 2, ..Options::default() });
    for path in once.paths.iter().filter(|path| path.starts_with("landing/")) {
        assert_eq!((once.lines(path).len() - 1) * 2, twice.lines(path).len() - 1, "{path}");
    }
}

#[test]
fn keys_are_unique_where_no_fault_is_planted() {
    let sample = Sample::of(&Options { scale: 2, ..Options::default() });
    for (path, delimiter, key) in [
        ("landing/utility1/2022-10/utility1_circuits.csv", ',', "NYHCPV_csv_NSECTION"),
        ("landing/utility1/2022-10/utility1_install_der.csv", ',', "ProjectID"),
        ("landing/utility1/2022-10/utility1_planned_der.csv", ',', "ProjectID"),
        ("landing/utility2/2022-09/utility2_circuits.csv", ',', "Master_CDF"),
        ("landing/utility2/2022-09/utility2_install_der.csv", ',', "DER_ID"),
        ("landing/utility2/2022-08/utility2_planned_der.csv", ',', "INTERCONNECTION_QUEUE_REQUEST_ID"),
        ("landing/utility3/2022-10/utility3_circuits.csv", ';', "Feeder No"),
        ("landing/utility3/2022-10/utility3_install_der.csv", ';', "Unit No"),
        ("landing/utility3/2022-10/utility3_planned_der.csv", ';', "Request No"),
    ] {
        let keys = sample.column(path, delimiter, key);
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len(), "{path}");
    }
}

#[test]
fn circuits_of_the_first_utility_share_feeders() {
    let sample = Sample::of(&Options::default());
    let path = "landing/utility1/2022-08/utility1_circuits.csv";
    let circuits = sample.column(path, ',', "Circuits_Phase3_CIRCUIT");
    let feeders = sample.column(path, ',', "NYHCPV_csv_NFEEDER");
    let pairs: BTreeSet<_> = circuits.iter().zip(&feeders).collect();
    assert_eq!(circuits.iter().collect::<BTreeSet<_>>().len(), 30);
    assert_eq!(feeders.iter().collect::<BTreeSet<_>>().len(), 24);
    assert_eq!(pairs.len(), 30);
}

#[test]
fn planned_ders_of_the_second_utility_are_mostly_installed() {
    let sample = Sample::of(&Options::default());
    let installed: BTreeSet<_> =
        sample.column("landing/utility2/2022-08/utility2_install_der.csv", ',', "DER_ID").into_iter().collect();
    let planned = sample.column("landing/utility2/2022-08/utility2_planned_der.csv", ',', "INTERCONNECTION_QUEUE_REQUEST_ID");
    assert_eq!(planned.iter().filter(|id| installed.contains(*id)).count(), 600);
}

#[test]
fn months_differ_by_a_few_changed_rewritten_new_and_vanished_records() {
    let sample = Sample::of(&Options { months: 2, scale: 4, ..Options::default() });
    let ratings = |month: &str, utility: &str, delimiter, key, rating| {
        let path = format!("landing/{utility}/{month}/{utility}_install_der.csv");
        let keys = sample.column(&path, delimiter, key);
        keys.into_iter().zip(sample.column(&path, delimiter, rating)).collect::<Vec<_>>()
    };
    let earlier = ratings("2022-09", "utility2", ',', "DER_ID", "DER_NAMEPLATE_RATING");
    let later = ratings("2022-10", "utility2", ',', "DER_ID", "DER_NAMEPLATE_RATING");
    let different = earlier.iter().zip(&later).filter(|(before, now)| before != now);
    let (rewritten, changed): (Vec<_>, Vec<_>) = different
        .partition(|(before, now)| before.1.parse::<f64>().unwrap().to_bits() == now.1.parse::<f64>().unwrap().to_bits());
    assert_eq!(later.len() - earlier.len(), 28);
    assert!((42..140).contains(&changed.len()), "{} changed", changed.len());
    assert!((5..60).contains(&rewritten.len()), "{} rewritten", rewritten.len());

    let earlier = ratings("2022-09", "utility3", ';', "Unit No", "Rating kW");
    let later: BTreeSet<_> =
        ratings("2022-10", "utility3", ';', "Unit No", "Rating kW").into_iter().map(|(key, _)| key).collect();
    let vanished = earlier.iter().filter(|(key, _)| !later.contains(key)).count();
    assert!((5..50).contains(&vanished), "{vanished} vanished");
}

#[test]
fn late_utility_has_no_file_of_the_newest_month() {
    let sample = Sample::of(&Options::default());
    assert_readme_names("`landing/utility2/2022-10` does not exist");
    assert!(!sample.folder.path().join("landing/utility2/2022-10").exists());
    assert!(sample.folder.path().join("landing/utility2/2022-09").exists());
}

#[test]
fn completion_dates_are_damaged_in_the_second_month_only() {
    let sample = Sample::of(&Options::default());
    assert_readme_names("`landing/utility1/2022-09/utility1_planned_der.csv`, every line whose `CompletionDate` is not `NULL`");
    for (month, separator) in [("2022-08", '/'), ("2022-09", ':'), ("2022-10", '/')] {
        let path = format!("landing/utility1/{month}/utility1_planned_der.csv");
        let dates: Vec<String> = sample.column(&path, ',', "CompletionDate").into_iter().filter(|date| date != "NULL").collect();
        assert!(dates.len() > 30, "{} dates", dates.len());
        assert!(dates.iter().all(|date| date.contains(separator)), "{month}");
    }
}

#[test]
fn voltage_column_is_renamed_in_the_third_month() {
    let sample = Sample::of(&Options::default());
    assert_readme_names("`landing/utility3/2022-10/utility3_circuits.csv`, line 1, `Voltage kV`");
    let header = |month| sample.lines(&format!("landing/utility3/{month}/utility3_circuits.csv")).swap_remove(0);
    assert!(header("2022-09").contains(";Voltage kV;"));
    assert_eq!(header("2022-10"), header("2022-09").replace("Voltage kV", "Nominal Voltage"));
}

#[test]
fn ragged_row_stands_where_the_readme_says() {
    let sample = Sample::of(&Options::default());
    let path = "landing/utility1/2022-09/utility1_install_der.csv";
    assert_readme_names(&format!("`{path}`, line 51, `Other`"));
    let lines = sample.lines(path);
    let short: Vec<usize> = (1..=lines.len()).filter(|line| lines[line - 1].split(',').count() == 22).collect();
    assert_eq!(short, [51]);
}

#[test]
fn slipped_unit_stands_where_the_readme_says() {
    let sample = Sample::of(&Options::default());
    let path = "landing/utility2/2022-09/utility2_circuits.csv";
    assert_readme_names(&format!("`4310` after `4.31` | `{path}`, line 18, `feeder_max_hc`"));
    let before = sample.column("landing/utility2/2022-08/utility2_circuits.csv", ',', "feeder_max_hc");
    let now = sample.column(path, ',', "feeder_max_hc");
    assert_eq!((before[18 - 2].as_str(), now[18 - 2].as_str()), ("4.31", "4310"));
    assert_eq!(now.iter().filter(|capacity| capacity.parse::<f64>().unwrap() > 10.0).count(), 1);
}

#[test]
fn duplicate_stands_where_the_readme_says() {
    let sample = Sample::of(&Options::default());
    let path = "landing/utility1/2022-08/utility1_install_der.csv";
    assert_readme_names(&format!("`{path}`, lines 122 and 201, `ProjectID` and `NamePlateRating`"));
    let ids = sample.column(path, ',', "ProjectID");
    let ratings = sample.column(path, ',', "NamePlateRating");
    assert_eq!(ids[122 - 2], ids[201 - 2]);
    assert_ne!(ratings[122 - 2], ratings[201 - 2]);
    assert_eq!(ids.len() - ids.iter().collect::<BTreeSet<_>>().len(), 1);
}

#[test]
fn thin_delivery_has_the_rows_that_the_readme_says() {
    let sample = Sample::of(&Options::default());
    let path = "landing/utility2/2022-09/utility2_planned_der.csv";
    assert_readme_names(&format!("`{path}`, whole file (529 rows after 750)"));
    assert_eq!(sample.lines("landing/utility2/2022-08/utility2_planned_der.csv").len(), 751);
    assert_eq!(sample.lines(path).len(), 530);
}
