//! When rules are evaluated, what they say of what did not come, and whether the books close after runs that went wrong.

use std::sync::Mutex;

use feederscope::app::reads::checks;
use feederscope::config::rules::Subject;
use feederscope::engine::local;
use feederscope::frame::Column;
use feederscope::lake::Change;
use feederscope::model::{Cancel, Day, Month, Timestamp};
use feederscope::pipeline::progress::Step;
use feederscope::pipeline::rules::{Evaluator, RuleFilter, RuleOutcome, RuleState};
use feederscope::pipeline::{Progress, Request};

use crate::rules::{LAB, all_installed, all_planned, book, circuits, damaged, installed, outcomes, planned, put};
use crate::support::{Bench, table_id};

/// A laboratory that delivered good files for some months.
fn lab(months: &[&str]) -> Bench {
    let mut bench = Bench::with_adapters(&[("lab.toml", LAB)]);
    bench.settings.rules = book(&bench, "");
    for month in months {
        put(&bench, month, &circuits("4.0", &format!("2022-{month}-15")), &all_installed("5"), &all_planned("5"));
    }
    bench
}

/// `subject state detail` of a rule.
fn said(outcomes: &[RuleOutcome], rule: &str) -> Vec<String> {
    let line = |o: &RuleOutcome| format!("{} {} {}", o.subject, o.state.as_str(), o.detail.clone().unwrap_or_default());
    outcomes.iter().filter(|outcome| outcome.rule == rule).map(line).collect()
}

#[test]
fn run_stopped_in_the_rules_is_made_up_for_by_the_next_and_a_third_has_nothing_to_do() {
    let bench = lab(&["08", "09"]);
    let cancel = Cancel::default();
    let stop = |progress: Progress| {
        if progress.step == Step::Rules {
            cancel.cancel();
        }
    };
    assert!(bench.try_run(&Request::default(), &cancel, &stop).is_err());
    assert_eq!(bench.rows("ops/rule_results"), 0);
    let months = |outcomes: &[RuleOutcome]| {
        let mut months: Vec<u8> = outcomes.iter().map(|outcome| outcome.month.number()).collect();
        months.dedup();
        months
    };
    // There are no rows to do any more: how far it is, the months tell.
    let told = Mutex::new(Vec::new());
    let tell = |progress: Progress| told.lock().unwrap().push((progress.share(), progress.subject));
    let second = bench.try_run(&Request::default(), &Cancel::default(), &tell).unwrap();
    assert_eq!((second.count("unchanged"), months(&second.outcomes)), (6, vec![8, 9]));
    let mut told = told.into_inner().unwrap();
    told.sort_by(|one, other| one.1.cmp(&other.1));
    let places =
        |at: [u8; 2]| [("08", at[0]), ("09", at[1])].map(|(month, at)| (None, format!("lab 2022-{month}, {at} of 2 months")));
    assert!(told == places([1, 2]) || told == places([2, 1]), "{told:?}");
    assert_eq!(bench.run().outcomes, []);
}

/// A file that repeats an earlier month's is a delivery of its month, whenever it comes: what was said of the month, and of later ones, is asked again.
#[test]
fn file_that_repeats_another_ends_what_was_missing_of_its_month_and_of_later_ones() {
    let bench = lab(&["07"]);
    for month in ["08", "09"] {
        bench.put(
            &format!("lab/2022-{month}/lab_circuits.csv"),
            circuits("4.0", &format!("2022-{month}-15")).replace("MONTH", month),
        );
    }
    bench.run();
    let outcomes = || {
        let all = checks::outcomes(&bench.lake, &bench.settings).unwrap().into_iter();
        all.map(|o| (o.month.to_string(), o.dataset, o.rule, o.state, o.failed)).collect::<Vec<_>>()
    };
    let of_install = || {
        let is_it = |(month, dataset, rule, ..): &(String, String, String, _, u64)| {
            (month.as_str(), dataset.as_str(), rule.as_str()) == ("2022-08", "install_der", "volume-against-last-month")
        };
        outcomes().into_iter().filter(is_it).map(|(.., failed)| failed).collect::<Vec<_>>()
    };
    assert_eq!(of_install(), [1]);
    bench.put("lab/2022-08/lab_install_der.csv", all_installed("5").replace("MONTH", "07"));
    assert_eq!(bench.run().count("loaded"), 0);
    assert_eq!(of_install(), [0]);
    let incremental = outcomes();
    bench.try_run(&Request { full_refresh: true, ..Request::default() }, &Cancel::default(), &|_| {}).unwrap();
    assert_eq!(incremental, outcomes());
}

/// Who waits is not told that all is done while most of it is: files are read, then tables made of them, then rules asked.
#[test]
fn share_that_is_done_grows_with_each_part_of_a_run_and_is_whole_in_none() {
    let bench = lab(&["07", "08", "09"]);
    let told = Mutex::new(Vec::new());
    let tell = |progress: Progress| told.lock().unwrap().push((progress.step, progress.share().unwrap(), progress.rows_done));
    let report = bench.try_run(&Request::default(), &Cancel::default(), &tell).unwrap();
    let told = told.into_inner().unwrap();
    let shares = |wanted: Step| {
        let of_step: Vec<f64> = told.iter().filter(|(step, ..)| *step == wanted).map(|(_, share, _)| *share).collect();
        let bound = |bound: fn(f64, f64) -> f64, start| of_step.iter().copied().fold(start, bound);
        assert!(!of_step.is_empty(), "{wanted}");
        (bound(f64::min, 1.0), bound(f64::max, 0.0))
    };
    assert!(shares(Step::Bronze).1 <= 1.0 / 3.0 + 0.01, "{told:?}");
    let (least, most) = shares(Step::Silver);
    assert!(least > 1.0 / 3.0 && most <= 2.0 / 3.0, "{told:?}");
    assert!(shares(Step::Quality).0 >= 2.0 / 3.0 - 0.01, "{told:?}");
    // Two of the three months are begun at a time.
    let (least, most) = shares(Step::Rules);
    assert!(least >= 2.0 / 3.0 - 0.01 && most > 0.8 && most < 1.0, "{told:?}");
    // What is told of files that are read are rows that were read.
    let read = told.iter().filter(|(step, ..)| *step == Step::Bronze).map(|(.., rows)| *rows).max();
    assert_eq!(read, Some(report.rows));
}

/// What a run says at its end are the outcomes of the newest month and of those that it evaluated, without a look at the others: those that a
/// look at all gives. Where nothing of the newest months is asked any more, it is that of the newest of the others.
#[test]
fn latest_outcomes_are_those_of_the_newest_months_that_have_any() {
    let bench = lab(&["07", "08", "09"]);
    bench.run();
    let month = |text: &str| Month::parse(text);
    let latest = |bench: &Bench, since: Option<Month>| {
        let latest = checks::latest_outcomes(&bench.lake, &bench.settings, since).unwrap();
        let places = |of: &checks::Checked| (of.month.to_string(), of.rule.clone(), of.dataset.clone(), of.state, of.failed);
        latest.iter().map(places).collect::<Vec<_>>()
    };
    let months = |bench: &Bench, since| {
        let mut months: Vec<String> = latest(bench, since).into_iter().map(|(month, ..)| month).collect();
        months.dedup();
        months
    };
    assert_eq!(months(&bench, None), ["2022-09"]);
    assert_eq!(months(&bench, month("2022-08")), ["2022-08", "2022-09"]);
    assert_eq!(months(&bench, month("2022-12")), ["2022-09"], "a run of today alone evaluates nothing later");
    let all = checks::outcomes(&bench.lake, &bench.settings).unwrap();
    let of_august = all.iter().filter(|checked| checked.month >= month("2022-08").unwrap()).count();
    assert_eq!(latest(&bench, month("2022-08")).len(), of_august);
    // A utility that delivered later than the other, which was not asked of then, and whose adapter is gone.
    let mut bench = Bench::with_adapters(&[("lab.toml", LAB), ("oth.toml", &LAB.replace("lab", "oth"))]);
    bench.settings.rules = book(&bench, "");
    let both = bench.settings.utilities.clone();
    let only = |utility: &str| both.iter().filter(|adapter| adapter.id.as_str() == utility).cloned().collect::<Vec<_>>();
    bench.settings.utilities = only("lab");
    put(&bench, "08", &circuits("4.0", "2022-08-15"), &all_installed("5"), &all_planned("5"));
    bench.run();
    bench.settings.utilities = only("oth");
    bench.put("oth/2022-09/oth_install_der.csv", all_installed("5"));
    bench.run();
    assert_eq!(months(&bench, None), ["2022-09"]);
    bench.settings.utilities = only("lab");
    assert_eq!(months(&bench, None), ["2022-08"]);
}

#[test]
fn edited_rule_is_asked_again_and_one_switched_off_is_no_longer_told_of() {
    let mut bench = lab(&["08"]);
    bench.run();
    let told = |bench: &Bench, rule: &str| {
        let outcomes = checks::outcomes(&bench.lake, &bench.settings).unwrap();
        outcomes.iter().filter(|checked| checked.rule == rule).map(|checked| (checked.state, checked.failed)).collect::<Vec<_>>()
    };
    // Twenty DERs are rated 5 kW.
    assert_eq!(told(&bench, "nameplate-below-1-gw"), [(RuleState::Passed, 0)]);
    bench.settings.rules = book(&bench, "[nameplate-below-1-gw]\nright = \"5\"\n[nameplate-positive]\nenabled = false\n");
    bench.run();
    assert_eq!(told(&bench, "nameplate-below-1-gw"), [(RuleState::Failed, 20)]);
    assert_eq!(told(&bench, "nameplate-positive"), []);
    assert_eq!(bench.count("ops/rule_results", "rule_id = 'nameplate-positive'"), 1, "what was found stays written down");
    // Of another utility's rule there is nothing to tell here.
    bench.settings.rules = book(&bench, "[nameplate-present]\nutility = \"utility1\"\n");
    assert_eq!(told(&bench, "nameplate-present"), []);
}

#[test]
fn what_time_alone_changes_is_evaluated_on_another_day_without_a_new_file() {
    let mut bench = lab(&["08"]);
    let rules_on = |bench: &mut Bench, today: &str| -> Vec<String> {
        bench.settings.today = Day::parse(today).unwrap();
        let mut rules: Vec<String> = bench.run().outcomes.into_iter().map(|outcome| outcome.rule).collect();
        rules.sort();
        rules.dedup();
        rules
    };
    assert!(rules_on(&mut bench, "2022-08-20").len() > 30, "all of them");
    let of_calendar = [
        "delivery-in-time",
        "delivery-not-stale",
        "refresh-date-not-in-future",
        "refresh-date-not-too-old",
        "refresh-date-recent",
        "volume-against-last-month",
        "volume-against-three-months",
    ];
    assert_eq!(rules_on(&mut bench, "2022-10-01"), of_calendar);
    assert_eq!(rules_on(&mut bench, "2022-10-01"), <[&str; 0]>::default());
    let late = checks::outcomes(&bench.lake, &bench.settings).unwrap();
    let late = late.iter().filter(|checked| checked.rule == "delivery-in-time" && checked.state == RuleState::Failed).count();
    assert_eq!(late, 3, "September was due on the tenth");
}

#[test]
fn month_that_did_not_come_is_judged_by_the_newest_before_it_and_nothing_is_due_before_the_first() {
    // The laboratory's circuits skipped September and October; its planned DERs began in September.
    let bench = lab(&["08", "09", "10", "11"]);
    for (month, dataset) in [("09", "circuits"), ("10", "circuits"), ("11", "circuits"), ("08", "planned_der")] {
        std::fs::remove_file(bench.landing(&format!("lab/2022-{month}/lab_{dataset}.csv"))).unwrap();
    }
    bench.run();
    let on = |month: &str, today: &str| said(&outcomes(&bench, &bench.settings.rules, month, today), "delivery-not-stale");
    // On 2022-10-15 October is five days late, and September more than twenty.
    assert_eq!(
        on("2022-10", "2022-10-15"),
        [
            "circuits failed stale; the newest month is 2022-08",
            "install_der passed fresh; the newest month is 2022-10",
            "planned_der passed fresh; the newest month is 2022-10",
        ]
    );
    assert_eq!(on("2022-08", "2022-10-15")[2], "planned_der nothing-delivered ");
}

/// By hand: due on the tenth of the month, received on 2022-11-30.
#[test]
fn history_that_is_handed_over_on_one_day_is_no_delay_but_for_its_newest_month() {
    let late = |months: &[&str]| {
        let mut bench = lab(months);
        bench.settings.today = Day::parse("2022-12-01").unwrap();
        bench.run();
        checks::scorecard(&bench.lake, &bench.settings).unwrap()[0].days_late
    };
    assert_eq!(late(&["08", "09"]), Some(f64::from(112 + 81) / 2.0), "two months that come together may both be late");
    assert_eq!(late(&["08", "09", "10"]), Some(51.0));
}

#[test]
fn refresh_dates_that_nobody_can_read_are_no_pass_and_those_that_nobody_states_are_not_asked_for() {
    let rules = ["refresh-date-recent", "refresh-date-not-too-old", "refresh-date-not-in-future", "refresh-date-moves-on"];
    let unreadable = lab(&["08"]);
    put(&unreadable, "09", &circuits("4.0", "soon"), &all_installed("5"), &all_planned("5"));
    unreadable.run();
    let found = outcomes(&unreadable, &unreadable.settings.rules, "2022-09", "2022-09-20");
    let silent =
        Bench::with_adapters(&[("lab.toml", &LAB.replace("hca_refresh_date = { from = \"D\", format = \"%Y-%m-%d\" }\n", ""))]);
    put(&silent, "09", &circuits("4.0", "2022-09-15"), &all_installed("5"), &all_planned("5"));
    silent.run();
    let unasked = outcomes(&silent, &unreadable.settings.rules, "2022-09", "2022-09-20");
    for rule in rules {
        assert!(said(&found, rule)[0].starts_with("circuits could-not-check no refresh date of the file can be read"), "{rule}");
        assert!(said(&unasked, rule)[0].starts_with("circuits not-stated "), "{rule}");
    }
}

#[test]
fn utility_of_which_nothing_ever_came_is_asked_nothing() {
    let bench = lab(&["08"]);
    bench.run();
    let cancel = Cancel::default();
    let today = Day::parse("2022-12-01").unwrap();
    let bronze = bench.bronze(&cancel);
    let evaluator = Evaluator::new(&bronze, &bench.settings.rules, today);
    let outcomes = evaluator.month(Month::parse("2022-08").unwrap(), RuleFilter::default()).unwrap();
    assert!(!outcomes.is_empty() && outcomes.iter().all(|outcome| outcome.utility == "lab"));
}

#[test]
fn installed_der_that_is_gone_has_vanished_though_its_id_is_planned_and_a_built_one_has_not() {
    let bench = lab(&["08"]);
    // In August P1 is planned and I10 installed; in September P1 is installed, I10 only planned, and P2 nowhere.
    let row = |rows: &str, id: &str| rows.lines().find(|line| line.starts_with(&format!("{id},"))).unwrap().to_owned() + "\n";
    let (was_installed, was_planned) = (all_installed("5"), all_planned("5"));
    let installed_09 = was_installed.replace(&row(&was_installed, "I10"), &row(&was_installed, "I10").replacen("I10", "P1", 1));
    let planned_09 = was_planned.replace(&row(&was_planned, "P1"), &row(&was_planned, "P1").replacen("P1", "I10", 1));
    let planned_09 = planned_09.replace(&row(&was_planned, "P2"), "");
    put(&bench, "09", &circuits("4.0", "2022-09-15"), &installed_09, &planned_09);
    bench.run();
    let found = outcomes(&bench, &bench.settings.rules, "2022-09", "2022-09-20");
    let gone = found.iter().find(|outcome| outcome.rule == "ders-do-not-vanish").unwrap();
    assert_eq!((gone.checked, gone.failed), (20, 2), "I10 and P2");
    let of_planned = book(&bench, "[ders-do-not-vanish]\nwhere = \"status = 'planned'\"\n");
    let found = outcomes(&bench, &of_planned, "2022-09", "2022-09-20");
    let gone = found.iter().find(|outcome| outcome.rule == "ders-do-not-vanish").unwrap();
    assert_eq!((gone.checked, gone.failed), (10, 1), "P2");
}

#[test]
fn query_of_a_rule_sees_the_other_relations_and_its_condition_holds_for_rows_too() {
    let bench = lab(&["08"]);
    bench.run();
    let own = book(
        &bench,
        r#"
[on-feeders-with-capacity]
description = "DERs on feeders of 4 MW or more"
on = "ders"
where = "status = 'installed'"
kind = "sql"
query = """
SELECT d.* FROM ders AS d INNER JOIN (SELECT feeder_id AS big FROM feeders WHERE max_hosting_capacity_mw >= 4) AS f ON d.feeder_id = f.big
"""
next_step = "none"
"#,
    );
    let only = RuleFilter { rule: Some("on-feeders-with-capacity"), utility: Some("lab"), ..RuleFilter::default() };
    let cancel = Cancel::default();
    let today = Day::parse("2022-08-20").unwrap();
    let bronze = bench.bronze(&cancel);
    let evaluator = Evaluator::new(&bronze, &own, today);
    let month = Month::parse("2022-08").unwrap();
    let found = evaluator.month(month, only).unwrap();
    // Ten are installed and ten planned, all on feeders of 4 MW.
    assert_eq!(found.iter().map(|o| (o.state, o.checked, o.failed)).collect::<Vec<_>>(), [(RuleState::Failed, 10, 10)]);
    let rule = own.rule("on-feeders-with-capacity").unwrap();
    let rows = evaluator.failing_rows(rule, "lab", Subject::Ders, month, 100).unwrap();
    let keys: Vec<String> = (0..rows.height()).filter_map(|row| rows.text("record_key", row)).collect();
    assert_eq!((keys.len(), keys.iter().all(|key| key.starts_with("installed/"))), (10, true), "{keys:?}");
}

#[test]
fn volume_needs_its_months_leaves_the_month_out_and_fails_on_a_missing_one() {
    let bench = Bench::with_adapters(&[("lab.toml", LAB)]);
    put(&bench, "08", &circuits("4.0", "2022-08-15"), &all_installed("5"), &all_planned("5"));
    put(&bench, "09", &circuits("4.0", "2022-09-15"), &all_installed("5"), &all_planned("5"));
    // Of the three files one came in the third month, half as long again.
    let more: String = (11..=15).map(|n| installed(n, "5")).collect();
    bench.put("lab/2022-10/lab_install_der.csv", all_installed("5") + &more);
    // The same content again is no second delivery, and no missing one.
    bench.copy(&bench.landing("lab/2022-09/lab_circuits.csv"), "lab/2022-10/lab_circuits.csv");
    bench.run();
    let volume = |rule: &str, month: &str| -> Vec<String> {
        let outcomes = outcomes(&bench, &book(&bench, ""), month, "2022-10-20");
        let said = |o: &RuleOutcome| format!("{} {} {}", o.subject, o.state.as_str(), o.detail.clone().unwrap_or_default());
        outcomes.iter().filter(|outcome| outcome.rule == rule).map(said).collect()
    };
    assert_eq!(
        volume("volume-against-last-month", "2022-10"),
        [
            "circuits passed the same content as before",
            "install_der failed 15 rows, +50.0 % of 10 (the month before)",
            "planned_der failed no delivery for 2022-10; the newest is 2022-09",
        ]
    );
    assert_eq!(
        volume("volume-against-last-month", "2022-08")[0],
        "circuits not-enough-history the first month: there is nothing to compare with"
    );
    assert_eq!(
        volume("volume-against-three-months", "2022-10")[1],
        "install_der not-enough-history not enough history (2 of 3 months)"
    );
}

#[test]
fn books_close_after_a_run_that_was_stopped_and_one_that_was_killed() {
    let closed = |bench: &Bench| {
        let outcomes = outcomes(bench, &book(bench, ""), "2022-08", "2022-09-01");
        let ledgers: Vec<(u64, u64)> =
            outcomes.iter().filter(|o| o.rule == "ledger-closes").map(|o| (o.checked, o.failed)).collect();
        assert_eq!(ledgers, [(20, 0), (10, 0), (10, 0)]);
    };
    let bench = Bench::with_adapters(&[("lab.toml", LAB)]);
    put(&bench, "08", &circuits("4.0", "2022-08-15"), &all_installed("5"), &all_planned("5"));
    // Stopped between bronze and silver.
    let cancel = Cancel::default();
    let stop = |progress: Progress| {
        if progress.subject.contains("planned") {
            cancel.cancel();
        }
    };
    assert!(bench.try_run(&Request::default(), &cancel, &stop).is_err());
    bench.run();
    closed(&bench);
    // Killed before anything was written down.
    std::fs::remove_dir_all(bench.settings.lake.join("iedr_dev/ops/runs")).unwrap();
    assert_eq!(bench.run().count("loaded"), 3);
    closed(&bench);
    assert_eq!(bench.run().count("unchanged"), 3);
}

#[test]
fn month_that_one_utility_has_not_sent_is_an_error_only_after_its_due_day() {
    let mut bench = Bench::with_adapters(&[("lab.toml", LAB), ("other.toml", &LAB.replace("\"lab\"", "\"other\""))]);
    bench.settings.rules = book(&bench, "");
    put(&bench, "08", &circuits("4.0", "2022-08-15"), &all_installed("5"), &all_planned("5"));
    bench.put("other/2022-08/other_circuits.csv", circuits("3.5", "2022-08-15"));
    bench.run();
    put(&bench, "09", &circuits("4.0", "2022-09-05"), &all_installed("5"), &all_planned("5"));
    let expected = |bench: &mut Bench, today: &str| -> Vec<RuleState> {
        bench.settings.today = Day::parse(today).unwrap();
        let report = bench.run();
        let ours = report
            .outcomes
            .iter()
            .filter(|o| o.utility == "other" && o.rule == "volume-against-last-month" && o.month.number() == 9);
        ours.map(|outcome| outcome.state).collect()
    };
    // Only the other utility's circuits ever came; nothing is due of its DERs.
    assert_eq!(expected(&mut bench, "2022-09-08"), [RuleState::NothingDelivered; 3]);
    bench.put("lab/2022-09/lab_planned_der.csv", all_planned("6").replace("MONTH", "09"));
    assert_eq!(expected(&mut bench, "2022-09-11"), [RuleState::Failed, RuleState::NothingDelivered, RuleState::NothingDelivered]);
}

/// A snapshot whose records repeat the month before: each DER that it delivered is there, or the books do not close.
#[test]
fn books_do_not_close_where_silver_lacks_a_der_of_a_snapshot_or_has_one_more() {
    let bench = lab(&["08", "09"]);
    bench.run();
    let ledger = || -> Vec<(u64, u64)> {
        let outcomes = outcomes(&bench, &book(&bench, ""), "2022-09", "2022-10-01");
        outcomes.iter().filter(|o| o.rule == "ledger-closes").map(|o| (o.checked, o.failed)).collect()
    };
    assert_eq!(ledger(), [(20, 0), (10, 0), (10, 0)]);
    let id = table_id("silver/ders");
    let rewrite = |sql: &str| {
        let snapshot = bench.lake.snapshot(&id).unwrap().unwrap();
        let mut session = local().session(&Cancel::default()).unwrap();
        session.register("t", &snapshot.scan_all()).unwrap();
        let columns: Vec<Column> = snapshot.columns.iter().filter(|column| column.name != "utility_id").cloned().collect();
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let rows = session.query(&sql.replace('*', &names.join(", "))).unwrap();
        let mut writer = bench.lake.write(&id, &columns, &[("utility_id", "lab")]).unwrap();
        writer.push(&rows).unwrap();
        let change =
            Change { add: vec![writer.finish().unwrap()], remove: snapshot.files.clone(), ..Change::of(Some(&snapshot)) };
        bench.lake.commit(&id, change).unwrap();
    };
    rewrite("SELECT * FROM t WHERE NOT (status = 'planned' AND der_id = 'P3')");
    assert_eq!(ledger(), [(20, 0), (10, 0), (10, 1)]);
    rewrite("SELECT * FROM t UNION ALL SELECT * FROM t WHERE der_id IN ('I1', 'I2')");
    assert_eq!(ledger(), [(20, 0), (10, 2), (10, 1)]);
}

#[test]
fn books_close_after_a_refused_delivery_and_after_the_same_findings_again() {
    let bench = damaged();
    let ledger = || -> Vec<(u64, u64)> {
        let outcomes = outcomes(&bench, &book(&bench, ""), "2022-11", "2022-12-01");
        outcomes.iter().filter(|o| o.rule == "ledger-closes").map(|o| (o.checked, o.failed)).collect()
    };
    let file = "lab/2022-11/lab_install_der.csv";
    let good = std::fs::read_to_string(bench.landing(file)).unwrap();
    // Other content with the same ragged line, which is then looked at once more.
    bench.put(file, good.replacen(",2000000,2000000,", ",1900000,1900000,", 1));
    bench.run();
    let again = Request { full_refresh: true, ..Default::default() };
    bench.try_run(&again, &Cancel::default(), &|_| {}).unwrap();
    assert_eq!(ledger(), [(15, 0), (13, 0), (5, 0)]);
    assert_eq!(bench.count("silver/rejected", "reason = 'missing-cell'"), 1);
    // A file that ends inside a record is refused; what stands is as it was.
    bench.put(file, format!("{good}I13,C1"));
    assert_eq!(bench.run().refused().count(), 1);
    assert_eq!(ledger(), [(15, 0), (13, 0), (5, 0)]);
}

/// The outcomes that count: the newest of each rule, month, utility and subject, as text.
fn counting(bench: &Bench) -> Vec<String> {
    let outcomes = checks::outcomes(&bench.lake, &bench.settings).unwrap();
    let mut lines: Vec<String> = outcomes
        .iter()
        .map(|o| {
            format!(
                "{} {} {} {} {} {} {}",
                o.month,
                o.utility,
                o.dataset,
                o.rule,
                o.state.as_str(),
                o.failed,
                o.detail.clone().unwrap_or_default()
            )
        })
        .collect();
    lines.sort();
    lines
}

/// What is stored of a month says the same whenever it was asked, and as if all had come at once.
#[test]
fn outcomes_of_earlier_months_do_not_show_when_they_were_asked() {
    let two = || {
        let mut bench = Bench::with_adapters(&[("lab.toml", LAB), ("other.toml", &LAB.replace("\"lab\"", "\"other\""))]);
        bench.settings.rules = book(&bench, "");
        bench
    };
    let lab_month = |bench: &Bench, month: &str| {
        put(bench, month, &circuits("4.0", &format!("2022-{month}-05")), &all_installed("5"), &all_planned("5"));
    };
    let other_month = |bench: &Bench, month: &str| {
        bench.put(format!("other/2022-{month}/other_circuits.csv").as_str(), circuits("3.5", &format!("2022-{month}-06")));
    };
    let mut step_by_step = two();
    let on = |bench: &mut Bench, today: &str| {
        bench.settings.today = Day::parse(today).unwrap();
        bench.run();
    };
    lab_month(&step_by_step, "08");
    other_month(&step_by_step, "08");
    on(&mut step_by_step, "2022-08-20");
    // Nothing comes for two months: the newest month turns stale, and its refresh date old.
    on(&mut step_by_step, "2022-10-25");
    // Then several months of one utility at once, and a late one of the other.
    for month in ["09", "10", "11"] {
        lab_month(&step_by_step, month);
    }
    on(&mut step_by_step, "2022-11-20");
    other_month(&step_by_step, "10");
    on(&mut step_by_step, "2022-11-25");
    lab_month(&step_by_step, "07");
    on(&mut step_by_step, "2022-11-26");

    let mut at_once = two();
    for month in ["07", "08", "09", "10", "11"] {
        lab_month(&at_once, month);
    }
    other_month(&at_once, "08");
    other_month(&at_once, "10");
    on(&mut at_once, "2022-11-26");
    let (stepwise, whole) = (counting(&step_by_step), counting(&at_once));
    let differ: Vec<&String> = stepwise
        .iter()
        .filter(|line| !whole.contains(line))
        .chain(whole.iter().filter(|line| !stepwise.contains(line)))
        .collect();
    assert_eq!(differ, Vec::<&String>::new());
    // August was in time, as seen from its end; the other's September never came.
    assert!(
        whole.contains(&"2022-08 lab circuits delivery-in-time passed 0 fresh; the newest month is 2022-08".to_owned()),
        "{whole:#?}"
    );
    assert!(
        whole.contains(&"2022-09 other circuits delivery-in-time failed 1 late; the newest month is 2022-08".to_owned()),
        "{whole:#?}"
    );
}

/// Killed after bronze was committed and before `ops/runs` was: the files are archived before the next run.
#[test]
fn books_close_and_files_have_their_time_after_a_kill_whose_files_were_archived() {
    let bench = Bench::with_adapters(&[("lab.toml", LAB)]);
    put(&bench, "08", &circuits("4.0", "2022-08-15"), &(all_installed("5") + "ragged\n"), &all_planned("5"));
    let mut bench = bench;
    bench.settings.max_bad_share = 0.5;
    bench.run();
    let received =
        |bench: &Bench| bench.lines("platinum/data_quality_summary", "dataset, row_count, rejected_count, received_at");
    let before = received(&bench);
    for folder in ["ops/runs", "silver/feeders", "silver/ders", "platinum/data_quality_summary"] {
        std::fs::remove_dir_all(bench.settings.lake.join("iedr_dev").join(folder)).unwrap();
    }
    std::fs::remove_dir_all(bench.landing("lab")).unwrap();
    bench.run();
    let outcomes = outcomes(&bench, &book(&bench, ""), "2022-08", "2022-09-01");
    let ledgers: Vec<(u64, u64)> = outcomes.iter().filter(|o| o.rule == "ledger-closes").map(|o| (o.checked, o.failed)).collect();
    assert_eq!(ledgers, [(20, 0), (11, 0), (10, 0)]);
    assert_eq!(received(&bench), before);
    assert!(before.iter().all(|line| !line.ends_with('-')), "{before:?}");
}

/// A utility's own word for nothing is no text that a column of numbers turned into.
#[test]
fn column_of_the_utilitys_null_words_is_not_of_another_type() {
    let adapter = format!("null_values = [\"leer\"]\n{LAB}").replacen(
        "null_values = [\"leer\"]\n\nutility = \"lab\"",
        "utility = \"lab\"\nnull_values = [\"leer\"]",
        1,
    );
    let mut bench = Bench::with_adapters(&[("lab.toml", &adapter)]);
    bench.settings.rules = book(&bench, "");
    put(&bench, "08", &circuits("4.0", "2022-08-15"), &all_installed("5"), &all_planned("5"));
    put(&bench, "09", &circuits("4.0", "2022-09-15"), &all_installed("5"), &all_planned("leer"));
    bench.run();
    let found = outcomes(&bench, &bench.settings.rules, "2022-09", "2022-09-20");
    assert_eq!(said(&found, "column-retyped")[2], "planned_der passed ");
}

/// What the load saw of the columns was seen through the adapter of that day, and in one file.
#[test]
fn types_of_columns_are_those_that_the_adapter_of_today_sees_in_all_files_of_a_month() {
    let mut bench = lab(&["08"]);
    let lab_utilities = bench.settings.utilities.clone();
    let with = |setting: &str| {
        let adapter = LAB.replacen("utility = \"lab\"", &format!("utility = \"lab\"\n{setting}"), 1);
        Bench::with_adapters(&[("lab.toml", &adapter)]).settings.utilities.clone()
    };
    let words = all_planned("leer").replace("leer,leer", "leer,\"5,5\"");
    put(&bench, "09", &circuits("4.0", "2022-09-15"), &all_installed("5"), &words);
    // Five values of either kind, a file for each.
    let part = |kw: &str, ids: std::ops::RangeInclusive<usize>| {
        let header = all_planned(kw).lines().next().unwrap().to_owned();
        ids.fold(header + "\n", |file, id| file + &planned(id, kw).replace("MONTH", "10"))
    };
    bench.put("lab/2022-10/lab_planned_der.csv", part("2020-01-01", 1..=5));
    bench.put("lab/2022-10/lab_planned_der_2.csv", part("leer", 6..=10));
    bench.run();
    let retyped =
        |bench: &Bench, month: &str| said(&outcomes(bench, &bench.settings.rules, month, "2022-10-20"), "column-retyped").pop();
    let both = "planned_der failed `KW` holds text after numbers; `Solar` holds text after numbers";
    assert_eq!(retyped(&bench, "2022-09").as_deref(), Some(both));
    assert_eq!(retyped(&bench, "2022-10").as_deref(), Some("planned_der passed "));
    for (setting, expected) in [("null_values = [\"leer\"]", "`Solar`"), ("decimal = \",\"", "`KW`")] {
        bench.settings.utilities = with(setting);
        let one = format!("planned_der failed {expected} holds text after numbers");
        assert_eq!(retyped(&bench, "2022-09"), Some(one));
    }
    bench.settings.utilities = lab_utilities;
    assert_eq!(retyped(&bench, "2022-09").as_deref(), Some(both));
}

/// The outcome of a rule for the feeders, or for the only dataset that it is asked of.
fn is_acknowledged(bench: &Bench, rule: &str, dataset: &str) -> bool {
    let outcomes = checks::outcomes(&bench.lake, &bench.settings).unwrap();
    let newest = outcomes.iter().rfind(|checked| checked.rule == rule && checked.dataset == dataset).unwrap();
    assert_eq!(newest.state, RuleState::Failed, "{newest:?}");
    newest.acknowledged.is_some()
}

#[test]
fn decision_holds_for_the_delivery_the_rule_and_the_measure_that_were_acknowledged() {
    let mut bench = lab(&["08"]);
    bench.run();
    // Eight of ten DERs: 20 % less are allowed with this rule, 10 % less are not.
    let own = |most: &str| format!("[volume-against-last-month]\nmost = \"{most}\"\n");
    bench.settings.rules = book(&bench, &own("10%"));
    let fewer = |n: usize| {
        let header = all_installed("5").lines().next().unwrap().to_owned() + "\n";
        header + &(1..=n).map(|n| installed(n, "5")).collect::<String>()
    };
    put(&bench, "09", &circuits("4.0", "2022-09-15"), &fewer(8), &all_planned("5"));
    bench.run();
    let mut at = crate::support::NOW.micros();
    let mut sign = |bench: &Bench| {
        at += 1_000_000;
        let outcomes = checks::outcomes(&bench.lake, &bench.settings).unwrap();
        let of = |checked: &&checks::Checked| checked.rule == "volume-against-last-month" && checked.state == RuleState::Failed;
        let checked = outcomes.iter().rfind(of).unwrap();
        let decision = checked.decision("asked", "steward", Day::parse("2023-12-31").unwrap());
        feederscope::pipeline::rules::acknowledge(&bench.lake, &[decision], Timestamp::from_micros(at)).unwrap();
        assert!(is_acknowledged(bench, "volume-against-last-month", "install_der"));
    };
    sign(&bench);
    // The month comes again with one record: the same rule fails once, and nobody has accepted that.
    put(&bench, "09", &circuits("4.0", "2022-09-15"), &fewer(1), &all_planned("5"));
    bench.run();
    assert!(!is_acknowledged(&bench, "volume-against-last-month", "install_der"));
    sign(&bench);
    // The rule asks something else.
    bench.settings.rules = book(&bench, &own("50%"));
    bench.run();
    assert!(!is_acknowledged(&bench, "volume-against-last-month", "install_der"));
    sign(&bench);
    // The month before comes again: the measure is another one, though this month's file is the same.
    put(&bench, "08", &circuits("4.0", "2022-08-15"), &fewer(9), &all_planned("5"));
    bench.run();
    assert!(!is_acknowledged(&bench, "volume-against-last-month", "install_der"));
}

#[test]
fn age_that_grows_by_itself_does_not_open_a_decision_again() {
    use feederscope::pipeline::rules::Evidence;
    let evidence = |detail: &str| Evidence::new(Some("r".into()), Some("d".into()), Some(detail));
    assert!(evidence("2022-09-01, 49 days old").is_that_of(&evidence("2022-09-01, 50 days old")));
    assert!(!evidence("2022-09-01, 49 days old").is_that_of(&evidence("2022-08-01, 80 days old")));
    assert!(!evidence("28 rows, -30.0 % of 40").is_that_of(&evidence("1 rows, -97.5 % of 40")));
    // A decision of an earlier version says nothing of it.
    assert!(Evidence::default().is_that_of(&evidence("28 rows")));
}

#[test]
fn month_that_came_again_unchanged_is_fresh_for_rules_too() {
    let mut bench = Bench::with_adapters(&[("lab.toml", LAB)]);
    bench.settings.rules = book(&bench, "");
    for month in ["08", "09", "10", "11"] {
        // The same content each month.
        bench.put(&format!("lab/2022-{month}/lab_circuits.csv"), circuits("4.0", "2022-08-15"));
    }
    bench.run();
    assert_eq!(bench.rows("bronze/lab_circuits"), 20, "one of the four is loaded");
    bench.settings.today = Day::parse("2022-12-05").unwrap();
    let found = outcomes(&bench, &bench.settings.rules, "2022-08", "2022-12-05");
    for rule in ["delivery-in-time", "delivery-not-stale"] {
        assert_eq!(said(&found, rule)[0], "circuits passed fresh; the newest month is 2022-11", "{rule}");
    }
    // Where what they repeated is replaced, and they are not there any more, nobody has said anything of those months.
    for month in ["09", "10", "11"] {
        std::fs::remove_file(bench.landing(&format!("lab/2022-{month}/lab_circuits.csv"))).unwrap();
    }
    bench.put("lab/2022-08/lab_circuits.csv", circuits("5.0", "2022-08-15"));
    bench.run();
    let found = outcomes(&bench, &bench.settings.rules, "2022-08", "2022-12-05");
    assert_eq!(said(&found, "delivery-not-stale")[0], "circuits failed stale; the newest month is 2022-08");
}
