//! Rules against months made by hand: one in which every built-in rule holds, and some in which each of them fails.
//!
//! Every count of failing rows is written down here; what is not written down must be none.

use std::collections::{BTreeMap, BTreeSet};

use feederscope::config::RuleSet;
use feederscope::config::rules::Subject;
use feederscope::model::Dataset::{Circuits, InstallDer, PlannedDer};
use feederscope::model::{Cancel, Day, Month};
use feederscope::pipeline::rules::{Evaluator, RuleFilter, RuleOutcome, RuleState};

use crate::support::Bench;

pub const LAB: &str = r#"
utility = "lab"
[technologies]
Solar = "Solar"
Wind = "Wind"
[der_types]
PV = "Solar"
[circuits]
key = ["C", "S"]
grain = "segment"
delivery = "snapshot"
[circuits.columns]
feeder_id = "F"
circuit_id = "C"
voltage_kv = "V"
max_hosting_capacity_mw = { from = "MAX", unit = "MW" }
min_hosting_capacity_mw = { from = "MIN", unit = "MW", aggregate = "min" }
hca_refresh_date = { from = "D", format = "%Y-%m-%d" }
map_color = { from = "COLOR", words = ["blue", "dark blue"] }
[install_der]
key = ["ID"]
delivery = "snapshot"
[install_der.columns]
der_id = "ID"
feeder_ref = "REF"
der_type = "TYPE"
nameplate_kw = { from = "KW", unit = "kW" }
queue_position_at = { from = "Q", format = "%Y-%m-%d" }
completion_date = { from = "DONE", format = "%Y-%m-%d" }
[planned_der]
key = ["ID"]
delivery = "snapshot"
[planned_der.columns]
der_id = "ID"
feeder_ref = "REF"
der_type = "TYPE"
nameplate_kw = { from = "KW", unit = "kW" }
queue_position_at = { from = "Q", format = "%Y-%m-%d" }
planned_in_service_date = { from = "P", format = "%Y-%m-%d" }
"#;

const CIRCUITS: &str = "C,S,F,V,MAX,MIN,D,COLOR\n";
/// The last column says the month: the same content twice would be no delivery.
const INSTALLED: &str = "ID,REF,TYPE,KW,Solar,Wind,Q,DONE,A,GONE,T,X,Y,M\n";
const PLANNED: &str = "ID,REF,TYPE,KW,Solar,Wind,Q,P,M\n";

/// Five segments of a feeder.
fn feeder(n: usize, max: &str, min: &str, refreshed: &str) -> String {
    (1..=5).map(|s| format!("C{n},S{s},F{n},13.2,{max},{min},{refreshed},BLUE-1\n")).collect()
}

pub fn circuits(max: &str, refreshed: &str) -> String {
    let feeders: String = (1..=4).map(|n| feeder(n, max, "1.0", refreshed)).collect();
    format!("{CIRCUITS}{feeders}")
}

pub fn installed(n: usize, kw: &str) -> String {
    format!("I{n},C{},PV,{kw},{kw},0,2020-01-01,2021-06-0{},a{n},g{n},{n},x{n},y{n},MONTH\n", n % 3 + 1, n % 9 + 1)
}

pub fn planned(n: usize, kw: &str) -> String {
    format!("P{n},C{},PV,{kw},{kw},0,2020-01-01,2023-05-0{},MONTH\n", n % 3 + 1, n % 9 + 1)
}

pub fn all_installed(kw: &str) -> String {
    format!("{INSTALLED}{}", (1..=10).map(|n| installed(n, kw)).collect::<String>())
}

pub fn all_planned(kw: &str) -> String {
    format!("{PLANNED}{}", (1..=10).map(|n| planned(n, kw)).collect::<String>())
}

/// Three months in which all is well, and a fourth.
fn bench(circuits_11: &str, installed_11: &str, planned_11: &str) -> Bench {
    let mut bench = Bench::with_adapters(&[("lab.toml", LAB)]);
    // The damaged files are small, so that one record is much of them.
    bench.settings.max_bad_share = 0.5;
    for month in ["08", "09", "10"] {
        let refreshed = format!("2022-{month}-15");
        put(&bench, month, &circuits("4.0", &refreshed), &all_installed("5"), &all_planned("5"));
    }
    put(&bench, "11", circuits_11, installed_11, planned_11);
    assert_eq!(bench.run().refused().count(), 0);
    bench
}

pub fn put(bench: &Bench, month: &str, circuits: &str, installed: &str, planned: &str) {
    for (dataset, text) in [("circuits", circuits), ("install_der", installed), ("planned_der", planned)] {
        bench.put(&format!("lab/2022-{month}/lab_{dataset}.csv"), text.replace("MONTH", month));
    }
}

pub fn book(bench: &Bench, own: &str) -> RuleSet {
    let folder = bench.settings.paths.config.join("rules");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("own.toml"), own).unwrap();
    let (book, problems) = RuleSet::load(&folder);
    assert_eq!(problems, []);
    book
}

pub fn outcomes(bench: &Bench, book: &RuleSet, month: &str, today: &str) -> Vec<RuleOutcome> {
    let cancel = Cancel::default();
    let today = Day::parse(today).unwrap();
    let bronze = bench.bronze(&cancel);
    let evaluator = Evaluator::new(&bronze, book, today);
    evaluator.month(Month::parse(month).unwrap(), RuleFilter { utility: Some("lab"), ..RuleFilter::default() }).unwrap()
}

/// Every outcome against the counts by hand; what is not named must hold for every row.
fn agree(outcomes: &[RuleOutcome], by_hand: &[(&str, &str, u64)]) -> BTreeSet<String> {
    let expected: BTreeMap<(&str, &str), u64> = by_hand.iter().map(|(rule, on, failed)| ((*rule, *on), *failed)).collect();
    let mut met = BTreeSet::new();
    for outcome in outcomes {
        let key = (outcome.rule.as_str(), outcome.subject.as_str());
        let failed = expected.get(&key).copied().unwrap_or(0);
        assert_eq!(outcome.failed, failed, "{outcome:?}");
        let state = match (outcome.state, failed) {
            (RuleState::NotStated, 0) => continue,
            (_, 0) => RuleState::Passed,
            _ => RuleState::Failed,
        };
        assert_eq!(outcome.state, state, "{outcome:?}");
        if failed > 0 {
            met.insert(outcome.rule.clone());
            assert!(outcome.checked >= failed || outcome.checked == 0, "{outcome:?}");
        }
    }
    assert_eq!(met, by_hand.iter().map(|(rule, ..)| (*rule).to_owned()).collect(), "rules that should fail");
    met
}

#[test]
fn every_built_in_rule_holds_for_good_rows_and_fails_for_bad_ones() {
    let good = bench(&circuits("4.0", "2022-11-15"), &all_installed("5"), &all_planned("5"));
    let built_in = book(&good, "");
    agree(&outcomes(&good, &built_in, "2022-11", "2022-12-01"), &[]);

    let mut failed = damaged_month_fails(&built_in);
    failed.extend(slipped_month_fails(&built_in));
    failed.extend(littered_month_fails(&built_in));
    failed.insert(ledger_fails(&built_in, good));
    let all: BTreeSet<String> = built_in.rules.iter().map(|rule| rule.id.clone()).collect();
    assert_eq!(failed, all, "each built-in rule has rows that fail it");
}

/// Feeders, DERs and files with one fault of each kind.
pub fn damaged() -> Bench {
    // F1: least above greatest, refreshed in the future. F2: no capacity. F3: kilowatts, a negative least capacity, and
    // two voltages. F4 is gone.
    let kilowatts = feeder(3, "4000", "-1", "2022-11-15").replacen("13.2", "4.8", 1);
    let circuits =
        format!("{CIRCUITS}{}{}{kilowatts}", feeder(1, "4.0", "9.0", "2023-01-05"), feeder(2, "", "1.0", "2022-11-15"));
    // The header: `A` became `A2`, `GONE` is gone, `T` holds text, `X` and `Y` changed places, `NEW` is new.
    let header = "ID,REF,TYPE,KW,Solar,Wind,Q,DONE,A2,T,Y,X,M,NEW\n";
    let row = |n: usize, reference: &str, kind: &str, kw: &str, solar: &str, done: &str| {
        format!("I{n},{reference},{kind},{kw},{solar},0,2020-01-01,{done},a{n},t{n},y{n},x{n},MONTH,n{n}\n")
    };
    let done = "2021-06-01";
    let installed = [
        header.to_owned(),
        row(1, "C1", "PV", "5", "5", done),
        row(1, "C1", "PV", "5", "5", done),
        row(2, "NOWHERE", "PV", "5", "5", done),
        row(3, "", "PV", "5", "5", done),
        row(4, "C1", "PV", "", "5", done),
        row(5, "C1", "PV", "0", "0", done),
        row(6, "C1", "PV", "2000000", "2000000", done),
        row(7, "C1", "PV", "5000", "5000", done),
        row(8, "C1", "PV", "5", "3", done),
        row(9, "C1", "Alien", "5", "0", done),
        row(10, "C1", "PV", "5", "5", "21:53.0"),
        row(11, "C1", "PV", "5", "5", done).replacen("I11", "", 1),
        "I12,C1,PV\n".to_owned(),
    ];
    let planned = [
        PLANNED.to_owned(),
        planned(1, "5"),
        planned(2, "5").replace("2023-05-03", "2019-01-01"),
        planned(3, "5").replace("2023-05-04", "ASAP"),
        planned(4, "5"),
        planned(10, "5").replace("P10", "I10"),
    ];
    bench(&circuits, &installed.concat(), &planned.concat())
}

fn damaged_month_fails(built_in: &RuleSet) -> BTreeSet<String> {
    let bench = damaged();
    agree(
        &outcomes(&bench, built_in, "2022-11", "2022-12-01"),
        &[
            ("capacity-min-not-above-max", "feeders", 1),
            ("capacity-plausible", "feeders", 1),
            // F3 has 3,996 MW more than the 16 of all before.
            ("capacity-sum-stable", "feeders", 1),
            // I6 is rated 2 GW.
            ("nameplate-sum-stable", "ders", 1),
            // 13 of the 14 that name one, after 20 of 20.
            ("feeder-reference-share-stable", "ders", 1),
            ("capacity-stated", "feeders", 1),
            ("capacity-not-negative", "feeders", 1),
            ("capacity-unit-slip", "feeders", 1),
            // The median of 4 and 4000 is 2002, five hundred times the 4 before.
            ("capacity-unit-slip-of-column", "feeders", 1),
            ("capacity-stable", "feeders", 1),
            ("map-color-fits-capacity", "feeders", 1),
            ("feeder-values-agree", "circuits", 1),
            ("feeders-do-not-vanish", "feeders", 1),
            ("refresh-date-not-in-future", "circuits", 1),
            ("key-unique", "install_der", 1),
            ("key-present", "install_der", 1),
            ("record-shape", "install_der", 1),
            ("column-added", "install_der", 1),
            ("column-removed", "install_der", 1),
            ("column-renamed", "install_der", 1),
            ("column-retyped", "install_der", 1),
            ("column-reordered", "install_der", 2),
            ("feeder-reference-resolves", "ders", 1),
            ("feeder-reference-present", "ders", 1),
            ("nameplate-present", "ders", 1),
            ("nameplate-positive", "ders", 1),
            ("nameplate-below-1-gw", "ders", 1),
            ("nameplate-unit-slip", "ders", 1),
            // I8 is rated 5 with 3 of solar, I9 5 with nothing.
            ("nameplate-is-sum-of-technologies", "install_der", 2),
            ("der-type-known", "ders", 1),
            ("completion-date-not-damaged", "install_der", 1),
            ("installed-not-planned", "ders", 1),
            ("planned-after-queued", "ders", 1),
            ("in-service-date-readable", "planned_der", 1),
            ("volume-against-last-month", "planned_der", 1),
            ("volume-against-three-months", "planned_der", 1),
            // P5 to P10.
            ("ders-do-not-vanish", "ders", 6),
        ],
    )
}

/// A month in which every value is a thousand times what it was and the analysis is older than the one before.
fn slipped_month_fails(built_in: &RuleSet) -> BTreeSet<String> {
    let bench = bench(&circuits("4000", "2022-07-01"), &all_installed("5000"), &all_planned("5000"));
    agree(
        &outcomes(&bench, built_in, "2022-11", "2023-02-01"),
        &[
            ("capacity-unit-slip", "feeders", 4),
            ("capacity-plausible", "feeders", 4),
            ("capacity-sum-stable", "feeders", 1),
            ("nameplate-sum-stable", "ders", 1),
            ("capacity-unit-slip-of-column", "feeders", 1),
            ("capacity-stable", "feeders", 4),
            ("map-color-fits-capacity", "feeders", 4),
            ("nameplate-unit-slip", "ders", 20),
            ("nameplate-unit-slip-of-column", "ders", 1),
            ("refresh-date-moves-on", "circuits", 1),
            ("refresh-date-recent", "circuits", 1),
            ("refresh-date-not-too-old", "circuits", 1),
            ("delivery-in-time", "circuits", 1),
            ("delivery-in-time", "install_der", 1),
            ("delivery-in-time", "planned_der", 1),
            ("delivery-not-stale", "circuits", 1),
            ("delivery-not-stale", "install_der", 1),
            ("delivery-not-stale", "planned_der", 1),
        ],
    )
}

/// A month whose files hold what no export should: totals, error words, ids of a spreadsheet, dates in another notation.
fn littered_month_fails(built_in: &RuleSet) -> BTreeSet<String> {
    let adapter = LAB.replace("completion_date =", "interconnection_cost_usd = \"COST\"\ncompletion_date =");
    let bench = Bench::with_adapters(&[("lab.toml", &adapter)]);
    let header = "ID,REF,TYPE,KW,Solar,Wind,Q,DONE,COST,M\n";
    let row = |id: &str, kind: &str, cost: &str| format!("{id},C1,{kind},5,5,0,2020-01-01,2021-06-01,{cost},MONTH\n");
    let rows = |range: std::ops::RangeInclusive<usize>| range.map(|n| row(&format!("I{n}"), "PV", "100")).collect::<String>();
    let planned = |letter: &str, date: &str| {
        let rows = (1..=10).map(|n| format!("{letter}{n},C1,PV,5,5,0,2020-01-01,{date},MONTH\n"));
        format!("{PLANNED}{}", rows.collect::<String>())
    };
    put(&bench, "10", &circuits("4.0", "2022-10-15"), &format!("{header}{}", rows(1..=25)), &planned("P", "2023-05-01"));
    bench.run();
    // The file no longer has the column DONE.
    let littered = [
        header.replace("DONE,", ""),
        (rows(1..=20) + &row("I21", "#N/A", "100") + &row("I22", "P\u{200b}V", "100") + &row("I23", "PV", "-5"))
            .replace(",2021-06-01", ""),
        // The notation of I2, a number of a spreadsheet, and the sum of the 25 others.
        (row("i02", "PV", "100") + &row("1.2E+11", "PV", "100")).replace(",2021-06-01", ""),
        "Grand Total: 25,,,125,125,0,,,MONTH\n".to_owned(),
    ];
    let volts = circuits("4.0", "2022-11-15").replacen(",F1,13.2,", ",F1,13200,", 5);
    put(&bench, "11", &volts, &littered.concat(), &planned("Q", "01.05.2023"));
    assert_eq!(bench.run().refused().count(), 0);
    agree_among_enough(
        &outcomes(&bench, built_in, "2022-11", "2022-12-01"),
        &[
            ("voltage-plausible", "feeders", 1),
            ("columns-present", "install_der", 1),
            ("column-removed", "install_der", 1),
            ("cells-undamaged", "install_der", 2),
            ("ids-not-scientific", "install_der", 1),
            ("ids-in-one-notation", "ders", 1),
            ("no-totals-or-notes", "install_der", 1),
            ("cost-plausible", "ders", 1),
            // The total.
            ("feeder-reference-present", "ders", 1),
            ("columns-readable", "planned_der", 1),
            ("in-service-date-readable", "planned_der", 10),
            ("keys-known", "planned_der", 10),
            // I24, I25 and P1 to P10.
            ("ders-do-not-vanish", "ders", 12),
        ],
    )
}

/// The same as [`agree`], without the rules that need more months than there are.
fn agree_among_enough(outcomes: &[RuleOutcome], by_hand: &[(&str, &str, u64)]) -> BTreeSet<String> {
    let enough: Vec<RuleOutcome> =
        outcomes.iter().filter(|outcome| outcome.state != RuleState::NotEnoughHistory).cloned().collect();
    agree(&enough, by_hand)
}

/// No file can make the books wrong; a table that lost its rows does.
fn ledger_fails(built_in: &RuleSet, good: Bench) -> String {
    drop(good);
    let bench = damaged();
    let ledger = |bench: &Bench| -> Vec<(Subject, u64, u64)> {
        let outcomes = outcomes(bench, built_in, "2022-11", "2022-12-01");
        outcomes.iter().filter(|o| o.rule == "ledger-closes").map(|o| (o.subject, o.checked, o.failed)).collect()
    };
    let closed =
        [(Subject::Delivery(Circuits), 15, 0), (Subject::Delivery(InstallDer), 13, 0), (Subject::Delivery(PlannedDer), 5, 0)];
    assert_eq!(ledger(&bench), closed);
    std::fs::remove_dir_all(bench.settings.lake.join("iedr_dev/silver/rejected")).unwrap();
    // The ragged record at bronze, the double and the keyless one at silver.
    assert_eq!(ledger(&bench)[1], (Subject::Delivery(InstallDer), 13, 3));
    "ledger-closes".into()
}

/// Rules of kinds that no built-in one is of.
const OWN: &str = r#"
[own-unique]
description = "no two records name the same feeder"
on = "install_der"
kind = "unique"
columns = "REF"
where = "REF IS NOT NULL"
next_step = "none"
[own-unique-of-nulls]
description = "the same, without a condition: a record that names none shares nothing"
on = "install_der"
kind = "unique"
columns = "REF"
next_step = "none"
[own-change-of-file]
description = "a file has no version to be compared with"
on = "install_der"
kind = "change"
column = "nameplate_kw"
most = "50%"
next_step = "none"
[own-accepted]
description = "types"
on = "install_der"
kind = "accepted-values"
column = "TYPE"
values = "PV"
next_step = "none"
[own-range]
description = "ratings"
on = "ders"
kind = "range"
column = "nameplate_kw"
least = 1.0
most = 100
next_step = "none"
[own-reference]
description = "circuits"
on = "install_der"
kind = "reference"
column = "feeder_ref"
to = "circuits.circuit_id"
next_step = "none"
[own-distinct]
description = "ids are many"
on = "install_der"
kind = "distinct-share"
column = "TYPE"
least = 0.5
next_step = "none"
[own-wrong]
description = "no such column"
on = "ders"
kind = "not-null"
columns = "no_such_column"
severity = "error"
next_step = "none"
[own-sql]
description = "big ones"
on = "ders"
kind = "sql"
query = "SELECT * FROM ders WHERE nameplate_kw > 1000"
next_step = "none"
[own-tolerant]
description = "types, a few others allowed"
on = "install_der"
kind = "accepted-values"
column = "TYPE"
values = "PV"
threshold = "10%"
next_step = "none"
"#;

#[test]
fn kinds_that_are_not_built_in_count_as_by_hand() {
    let bench = damaged();
    let book = book(&bench, OWN);
    let found: BTreeMap<String, (RuleState, u64, u64)> = outcomes(&bench, &book, "2022-11", "2022-12-01")
        .into_iter()
        .filter(|outcome| outcome.rule.starts_with("own-"))
        .map(|outcome| (outcome.rule, (outcome.state, outcome.failed, outcome.checked)))
        .collect();
    // Twelve records are in bronze: ten name C1, one NOWHERE, one nothing; one of them has no key.
    assert_eq!(found["own-unique"], (RuleState::Failed, 9, 11));
    assert_eq!(found["own-unique-of-nulls"], (RuleState::Failed, 9, 11));
    assert_eq!(found["own-change-of-file"].0, RuleState::CouldNotCheck);
    assert_eq!(found["own-accepted"], (RuleState::Failed, 1, 12));
    // I5 is 0, I6 two gigawatts, I7 five megawatts; I4 states nothing.
    assert_eq!(found["own-range"], (RuleState::Failed, 3, 15));
    assert_eq!(found["own-reference"], (RuleState::Failed, 1, 11));
    assert_eq!(found["own-distinct"], (RuleState::Failed, 12, 12));
    assert_eq!(found["own-wrong"].0, RuleState::CouldNotCheck);
    assert_eq!(found["own-sql"], (RuleState::Failed, 2, 15));
    assert_eq!(found["own-tolerant"], (RuleState::Passed, 1, 12));
}

/// Each kind that compares numbers of all rows, asked of the installed and of the planned ones.
const OF_ONE_STATUS: &str = r#"
[own-median-STATUS]
description = "the median is of the same unit"
on = "ders"
kind = "median-unit-shift"
column = "nameplate_kw"
factor = 1000
where = "status = 'STATUS'"
next_step = "none"
[own-sum-STATUS]
description = "the sum stays"
on = "ders"
kind = "sum-moves"
column = "nameplate_kw"
most = "50%"
where = "status = 'STATUS'"
next_step = "none"
[own-share-STATUS]
description = "circuits are found"
on = "ders"
kind = "share-falls"
column = "feeder_match"
values = "circuit"
most = "30%"
where = "status = 'STATUS'"
next_step = "none"
[own-distinct-STATUS]
description = "ratings are many"
on = "ders"
kind = "distinct-share"
column = "nameplate_kw"
least = 0.3
where = "status = 'STATUS'"
next_step = "none"
"#;

#[test]
fn numbers_of_all_rows_are_those_of_the_rows_that_a_rule_is_about() {
    // Installed: a thousand times as much. Planned: a circuit of the file for five of ten, and each with a rating of its own.
    let moved: String = (1..=10).map(|n| planned(n, &n.to_string()).replacen(",C", if n > 5 { ",X" } else { ",C" }, 1)).collect();
    let bench = bench(&circuits("4.0", "2022-11-15"), &all_installed("5000"), &format!("{PLANNED}{moved}"));
    let own = ["installed", "planned"].map(|status| OF_ONE_STATUS.replace("STATUS", status)).concat();
    let found: BTreeMap<String, (RuleState, u64, u64)> = outcomes(&bench, &book(&bench, &own), "2022-11", "2022-12-01")
        .into_iter()
        .filter(|outcome| outcome.rule.starts_with("own-"))
        .map(|outcome| (outcome.rule, (outcome.state, outcome.failed, outcome.checked)))
        .collect();
    let (passed, failed) = (RuleState::Passed, RuleState::Failed);
    let expected = [
        ("own-distinct-installed", (failed, 10, 10)),
        ("own-distinct-planned", (passed, 0, 10)),
        ("own-median-installed", (failed, 1, 1)),
        ("own-median-planned", (passed, 0, 1)),
        ("own-share-installed", (passed, 0, 1)),
        ("own-share-planned", (failed, 1, 1)),
        ("own-sum-installed", (failed, 1, 1)),
        // 50 kW before, 55 now.
        ("own-sum-planned", (passed, 0, 1)),
    ];
    assert_eq!(found, expected.map(|(rule, found)| (rule.to_owned(), found)).into());
}

/// Each sign of a record that is none, without the others: 30 records of 5 kW whose ids are digits, and one more.
#[test]
fn record_that_is_none_is_told_by_each_sign_alone() {
    let mut bench = Bench::with_adapters(&[("lab.toml", LAB)]);
    bench.settings.max_bad_share = 0.5;
    let row = |id: &str, kw: &str| format!("{id},C1,PV,{kw},{kw},0,2020-01-01,2021-06-01,a,g,t,x,y,MONTH\n");
    let file = |records: u32, other: &str| {
        let rows = (1..=records).map(|n| row(&(1000 + n).to_string(), "5"));
        format!("{INSTALLED}{}{other}", rows.collect::<String>())
    };
    // The file, how many of its records are none, how many by a pattern of one's own, of those below 100 kW, and how many by one that asks for digits.
    let months = [
        ("01", file(30, ""), 0, 0, 0),
        // Words beside a digit, in any case, and a word that only begins so.
        ("02", file(30, &(row("SubTotal-2022", "5") + &row("Totality-1", "5"))), 1, 0, 0),
        // No digit: in one record it is rare, in four of 34 it is how ids are.
        ("03", file(30, &row("#-#", "5")), 1, 1, 1),
        ("04", file(30, &["#-#", "#-+", "+-#", "+-+"].map(|id| row(id, "5")).concat()), 0, 0, 0),
        // A blank.
        ("05", file(30, &row("10 11", "5")), 1, 1, 1),
        // The sum of the others, and one that is a hundredth less.
        ("06", file(30, &row("2001", "150")), 1, 0, 1),
        ("07", file(30, &row("2001", "148.5")), 0, 0, 1),
        // Among few records a header and words are none; a sum, or a key without a digit, may be one.
        ("08", file(5, &(row("id", "5") + &row("Notes:1", "5") + &row("#-#", "5") + &row("2001", "40"))), 2, 1, 2),
    ];
    for (month, installed, ..) in &months {
        put(&bench, month, &circuits("4.0", &format!("2022-{month}-15")), installed, &all_planned("5"));
    }
    assert_eq!(bench.run().refused().count(), 0);
    let own = "[own-strays]\ndescription = \"those of 5 kW\"\non = \"install_der\"\nkind = \"stray-record\"\nwhere = \"nameplate_kw < 100\"\n\
               pattern = \"^Subtotal\"\nnext_step = \"none\"\n\
               [own-numbers]\ndescription = \"those of one number\"\non = \"install_der\"\nkind = \"stray-record\"\n\
               pattern = \"^20\"\nnext_step = \"none\"\n";
    let book = book(&bench, own);
    for (month, file, by_hand, own, numbers) in &months {
        let found = outcomes(&bench, &book, &format!("2022-{month}"), "2022-12-01");
        let of = |rule: &str| {
            let outcome = found.iter().find(|outcome| outcome.rule == rule && outcome.subject.as_str() == "install_der").unwrap();
            (outcome.checked, outcome.failed)
        };
        let records = file.lines().count() as u64 - 1;
        assert_eq!(of("no-totals-or-notes"), (records, *by_hand), "{month}");
        let large = u64::from(["06", "07"].contains(month));
        assert_eq!(of("own-strays"), (records - large, *own), "{month}");
        assert_eq!(of("own-numbers"), (records, *numbers), "{month}");
    }
    let cancel = Cancel::default();
    let bronze = bench.bronze(&cancel);
    let evaluator = Evaluator::new(&bronze, &book, Day::parse("2022-12-01").unwrap());
    let keys = |rule: &str, month: &str| -> Vec<String> {
        let (subject, month) = (Subject::parse("install_der").unwrap(), Month::parse(month).unwrap());
        evaluator
            .failing_rows(book.rule(rule).unwrap(), "lab", subject, month, 100)
            .unwrap()
            .texts("record_key")
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(keys("no-totals-or-notes", "2022-01"), [""; 0]);
    assert_eq!(keys("no-totals-or-notes", "2022-02"), ["SubTotal-2022"]);
    assert_eq!(keys("no-totals-or-notes", "2022-06"), ["2001"]);
    assert_eq!(keys("no-totals-or-notes", "2022-08"), ["Notes:1", "id"]);
    assert_eq!(keys("own-strays", "2022-06"), [""; 0]);
    assert_eq!(keys("own-numbers", "2022-08"), ["2001", "id"]);
}

#[test]
fn failing_rows_lead_to_the_line() {
    let bench = damaged();
    let built_in = book(&bench, "");
    let cancel = Cancel::default();
    let today = Day::parse("2022-12-01").unwrap();
    let bronze = bench.bronze(&cancel);
    let evaluator = Evaluator::new(&bronze, &built_in, today);
    let rows = |rule: &str, subject: &str| -> Vec<String> {
        let subject = Subject::parse(subject).unwrap();
        let month = Month::parse("2022-11").unwrap();
        let rows = evaluator.failing_rows(built_in.rule(rule).unwrap(), "lab", subject, month, 100).unwrap();
        (0..rows.height()).map(|row| rows.row(row).iter().map(crate::support::show).collect::<Vec<_>>().join("|")).collect()
    };
    let file = "lab/2022-11/lab_install_der.csv";
    assert_eq!(rows("completion-date-not-damaged", "install_der"), [format!("I10|completion_date_text|21:53.0|{file}|12")]);
    // The record as it is in the file, whose columns stand in another order than the table's.
    assert_eq!(
        rows("key-unique", "install_der"),
        [format!("I1|ID|I1,C1,PV,5,5,0,2020-01-01,2021-06-01,a1,t1,y1,x1,11,n1|{file}|2")]
    );
    assert_eq!(rows("capacity-unit-slip", "feeders"), ["F3|max_hosting_capacity_mw|4000.0 after 4.0|-|-"]);
    assert_eq!(rows("nameplate-unit-slip", "ders"), [format!("installed/I7|nameplate_kw|5000.0 after 5.0|{file}|9")]);
    assert_eq!(rows("column-renamed", "install_der"), [format!("A2|A2|`A` seems to be `A2` now|{file}|1")]);
    assert_eq!(rows("installed-not-planned", "ders"), ["planned/I10|der_id|I10|lab/2022-11/lab_planned_der.csv|6"]);
    assert_eq!(rows("feeder-reference-resolves", "ders"), [format!("installed/I2|feeder_ref|NOWHERE|{file}|4")]);
    // Five segments of F3, all of them shown: one of them has another voltage.
    assert_eq!(rows("feeder-values-agree", "circuits").len(), 5);
}

/// A month whose files rate no technology, and a later one whose files do, and have a column more.
#[test]
fn column_that_only_a_later_month_has_says_nothing_about_a_month_before_it() {
    let bench = Bench::with_adapters(&[("lab.toml", LAB)]);
    let own = "[own-extra]\ndescription = \"a word\"\non = \"install_der\"\nkind = \"not-null\"\ncolumns = [\"EXTRA\"]\nnext_step = \"none\"\n";
    let book = book(&bench, own);
    let seen = |month: &str, rule: &str| {
        let outcomes = outcomes(&bench, &book, month, "2022-12-01").into_iter();
        let of_rule = outcomes.filter(|outcome| outcome.rule == rule && outcome.subject.as_str() == "install_der");
        of_rule.map(|outcome| (outcome.state, outcome.failed, outcome.checked)).collect::<Vec<_>>()
    };
    bench.put(
        "lab/2022-10/lab_install_der.csv",
        "ID,REF,TYPE,KW,Q,DONE\n1,C1,PV,5,2020-01-01,2021-06-01\n2,C1,PV,7,2020-01-01,2021-06-01\n",
    );
    bench.run();
    let rules = ["nameplate-is-sum-of-technologies", "own-extra"];
    let before = rules.map(|rule| seen("2022-10", rule));
    bench.put(
        "lab/2022-11/lab_install_der.csv",
        "ID,REF,TYPE,KW,Solar,Wind,Q,DONE,EXTRA\n1,C1,PV,5,4,,2020-01-01,2021-06-01,\n2,C1,PV,7,7,,2020-01-01,2021-06-01,x\n",
    );
    bench.run();
    assert_eq!(seen("2022-11", rules[0]), [(RuleState::Failed, 1, 2)]);
    assert_eq!(seen("2022-11", rules[1]), [(RuleState::Failed, 1, 2)]);
    assert_eq!(rules.map(|rule| seen("2022-10", rule)), before);
    assert!(before[0].iter().all(|(state, failed, _)| (*state, *failed) == (RuleState::Passed, 0)), "{before:?}");
}
