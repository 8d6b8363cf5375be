//! The sample data: the committed files are the generator's output, its third utility needs TOML only, and its planted
//! faults are found.

use std::path::Path;

use feederscope::config::RuleSet;
use feederscope::model::Day;
use feederscope::sample::{self, Options};

use crate::support::Bench;

fn committed() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-data")
}

#[test]
fn committed_sample_is_the_output_of_the_generator() {
    let folder = tempfile::tempdir().unwrap();
    let files = sample::write(folder.path(), &Options::default()).unwrap();
    assert_eq!(files.len(), 24 + 2);
    for file in &files {
        let (made, kept) = (std::fs::read(folder.path().join(file)).unwrap(), std::fs::read(committed().join(file)));
        assert!(
            kept.is_ok_and(|kept| kept == made),
            "`{}` differs; `feederscope sample --out sample-data` writes it",
            file.display()
        );
    }
}

pub fn loaded() -> Bench {
    let adapter = std::fs::read_to_string(committed().join("utilities/utility3.toml")).unwrap();
    let mut bench = Bench::with_adapters(&[("utility3.toml", &adapter)]);
    bench.settings.rules = RuleSet::load(Path::new("/nowhere")).0;
    bench.settings.today = Day::parse(sample::TODAY).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for file in sample::write(folder.path(), &Options::default()).unwrap() {
        if let Ok(below) = file.strip_prefix("landing") {
            bench.copy(&folder.path().join(&file), &below.to_string_lossy());
        }
    }
    let report = bench.run();
    assert_eq!((report.count("loaded"), report.refused().count()), (24, 0));
    bench
}

/// Rows, sums and counts of the third utility's newest files, by awk-like means: split at semicolons.
fn third_utility_by_hand() -> (usize, f64) {
    let text = std::fs::read_to_string(committed().join("landing/utility3/2022-10/utility3_circuits.csv")).unwrap();
    let mut lines = text.lines();
    let at = lines.next().unwrap().split(';').position(|label| label == "Hosting Max kW").unwrap();
    let kilowatts: Vec<f64> = lines.filter_map(|line| line.split(';').nth(at)?.replace(',', ".").parse().ok()).collect();
    (text.lines().count() - 1, kilowatts.iter().sum::<f64>() / 1000.0)
}

#[test]
fn third_utility_is_read_by_toml_alone_and_planted_faults_are_found() {
    let bench = loaded();
    let (feeders, megawatts) = third_utility_by_hand();
    let sum = bench.query(
        "platinum/feeder_capacity",
        "SELECT COUNT(feeder_id) AS n, SUM(max_hosting_capacity_mw) AS mw FROM t WHERE utility_id = 'utility3'",
    );
    assert_eq!(sum.count("n", 0), feeders as u64);
    assert!((sum.number("mw", 0).unwrap() - megawatts).abs() < 1e-6, "{sum:?} against {megawatts}");
    // README.md of the sample lists the faults.
    let quality = |month: &str, column: &str, what: &str| {
        bench.count("platinum/column_quality", &format!("delivery_month = '{month}' AND column_name = '{column}' AND {what}"))
    };
    assert_eq!(quality("2022-09", "CompletionDate", "invalid_count > 0 AND invalid_count = row_count - missing_count"), 1);
    assert_eq!(quality("2022-10", "CompletionDate", "invalid_count = 0"), 1);
    assert_eq!((quality("2022-09", "Voltage_kV", "absent"), quality("2022-10", "Voltage_kV", "absent")), (0, 1));
    assert_eq!(
        bench.lines("silver/rejected", "source_file, source_line, reason"),
        [
            "utility1/2022-08/utility1_install_der.csv|122|duplicate-key",
            "utility1/2022-09/utility1_install_der.csv|51|missing-cell"
        ]
    );
    assert_eq!(bench.count("platinum/feeder_capacity", "feeder_id = '36_17_1242' AND max_hosting_capacity_mw = 4310"), 1);
    assert_eq!(
        bench
            .lines("platinum/month_diff", "delivery_month, dataset, row_count, previous_row_count")
            .iter()
            .filter(|line| line.contains("|529|750"))
            .count(),
        1
    );
    assert_eq!(bench.count("bronze/utility2_circuits", "delivery_month = '2022-10'"), 0);
    planted_faults_and_nothing_else_are_errors(&bench);
}

/// Each line is a fault of the sample's README.md; of the late utility three files are missing.
fn planted_faults_and_nothing_else_are_errors(bench: &Bench) {
    let failed = bench.query(
        "ops/rule_results",
        "SELECT delivery_month, utility_id, dataset, rule_id, failed_count FROM t WHERE outcome = 'failed' AND severity = 'error'",
    );
    let mut lines: Vec<String> =
        (0..failed.height()).map(|row| failed.row(row).iter().map(crate::support::show).collect::<Vec<_>>().join(" ")).collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            "2022-08 utility1 install_der key-unique 1",
            "2022-09 utility1 install_der record-shape 1",
            "2022-09 utility1 planned_der column-retyped 1",
            "2022-09 utility1 planned_der completion-date-not-damaged 66",
            "2022-09 utility2 feeders capacity-plausible 1",
            "2022-09 utility2 feeders capacity-unit-slip 1",
            "2022-09 utility2 planned_der volume-against-last-month 1",
            "2022-10 utility2 circuits volume-against-last-month 1",
            "2022-10 utility2 install_der volume-against-last-month 1",
            "2022-10 utility2 planned_der volume-against-last-month 1",
            "2022-10 utility3 circuits column-renamed 1",
        ]
    );
    assert_eq!(bench.count("ops/rule_results", "outcome = 'could-not-check'"), 0);
}
