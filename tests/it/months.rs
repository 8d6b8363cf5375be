//! Three months of files made by hand, for each rule of how months build on one another.

use feederscope::model::Cancel;
use feederscope::pipeline::Request;

use crate::support::{Bench, FEEDERS, INSTALLED, SNAPSHOT, deliveries, feeder};

const SEGMENTS: &str = ",Circuits_Phase3_CIRCUIT,Circuits_Phase3_NUMPHASES,Circuits_Phase3_OVERUNDER,Circuits_Phase3_PHASE,NYHCPV_csv_NSECTION,NYHCPV_csv_NFEEDER,NYHCPV_csv_NVOLTAGE,NYHCPV_csv_NMAXHC,NYHCPV_csv_NMAPCOLOR,NYHCPV_csv_FFEEDER,NYHCPV_csv_FVOLTAGE,NYHCPV_csv_FMAXHC,NYHCPV_csv_FMINHC,NYHCPV_csv_FHCADATE,NYHCPV_csv_FNOTES,Shape_Length\n";

fn segment(circuit: &str, section: &str, feeder: &str, mw: &str, length: &str) -> String {
    format!(
        "0,{circuit},3,O,ABC,{section},{feeder},4.8,1,2.00 TO 2.99 LIGHT BLUE-00B0F0,{feeder},4.8,{mw},0.1,2022-08-15 00:00:00,NULL,{length}\n"
    )
}

/// Every order of the numbers below `n`.
pub fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let insert = |order: &Vec<usize>| {
        (0..n)
            .map(|at| {
                let mut order = order.clone();
                order.insert(at, n - 1);
                order
            })
            .collect::<Vec<_>>()
    };
    orders(n - 1).iter().flat_map(insert).collect()
}

const VERSIONS: &str = "feeder_id, max_hosting_capacity_mw, valid_from_month, valid_to_month, is_current";

fn history_is_as_by_hand(bench: &Bench, order: &[usize]) {
    assert_eq!(
        bench.lines("silver/feeders", VERSIONS),
        ["A|5|2022-08|2022-09|false", "A|6|2022-09|-|true", "B|3|2022-08|-|true", "C|1|2022-10|-|true"],
        "{order:?}"
    );
    // D2 names a feeder that comes two months later.
    assert_eq!(
        bench.lines("silver/ders", "der_id, feeder_id, feeder_match, valid_from_month, valid_to_month, is_current"),
        ["D1|A|feeder|2022-08|-|true", "D2|-|unmatched|2022-08|2022-10|false", "D2|C|feeder|2022-10|-|true"],
        "{order:?}"
    );
    assert_eq!(
        bench.lines(
            "platinum/month_diff",
            "dataset, delivery_month, previous_month, row_count, previous_row_count, current_count, previous_current_count, added, changed, removed, unchanged"
        ),
        [
            "circuits|2022-08|-|2|-|2|0|2|0|0|0",
            "circuits|2022-09|2022-08|1|2|2|2|0|1|0|0",
            "circuits|2022-10|2022-09|2|1|3|2|1|0|0|1",
            "ders|2022-08|-|2|-|2|0|2|0|0|0",
            "ders|2022-09|2022-08|2|2|2|2|0|0|0|2",
            "ders|2022-10|2022-09|2|2|2|2|0|1|0|1",
            "feeders|2022-08|-|2|-|2|0|2|0|0|0",
            "feeders|2022-09|2022-08|2|2|2|2|0|1|0|1",
            "feeders|2022-10|2022-09|3|2|3|2|1|0|0|2",
            "install_der|2022-08|-|2|-|2|0|2|0|0|0",
        ],
        "{order:?}"
    );
    assert_eq!(
        bench.lines("platinum/field_changes", "dataset, delivery_month, column_name, changed, cosmetic"),
        [
            "circuits|2022-09|feeder_max_hc|1|0",
            "circuits|2022-10|feeder_max_hc|0|1",
            "ders|2022-10|feeder_id|1|0",
            "ders|2022-10|feeder_match|1|0",
            "feeders|2022-09|max_hosting_capacity_mw|1|0",
        ],
        "{order:?}"
    );
    assert_eq!(
        bench.lines(
            "platinum/feeder_capacity",
            "feeder_id, installed_der_count, first_seen_month, last_changed_month, delivery_month"
        ),
        ["A|1|2022-08|2022-09|2022-10", "B|0|2022-08|2022-08|2022-10", "C|1|2022-10|2022-10|2022-10"],
        "{order:?}"
    );
}

#[test]
fn months_in_every_order_of_arrival_give_the_same_history() {
    let files = deliveries();
    for order in orders(3) {
        let bench = Bench::new();
        bench.put(files[3].0, &files[3].1);
        for at in &order {
            bench.put(files[*at].0, &files[*at].1);
            bench.run();
        }
        history_is_as_by_hand(&bench, &order);
    }
}

#[test]
fn ders_that_come_after_all_their_feeders_are_linked_as_if_they_had_come_first() {
    let bench = Bench::new();
    for (file, content) in deliveries() {
        bench.put(file, content);
        bench.run();
    }
    history_is_as_by_hand(&bench, &[]);
}

pub const PLANNED: &str = "DER_TYPE,DER_NAMEPLATE_RATING,INVERTER_NAMEPLATE_RATING,PLANNED_INSTALLATION_DATE,DER_STATUS,DER_STATUS_RATIONALE,TOTAL_MW_FOR_SUBSTATION,INTERCONNECTION_QUEUE_REQUEST_ID,INTERCONNECTION_QUEUE_POSITION,DER_INTERCONNECTION_LOCATION\n";

#[test]
fn queue_times_stay_the_same_from_month_to_month() {
    let bench = Bench::new();
    for (month, kw) in [("2022-08", "5"), ("2022-09", "6")] {
        let rows = format!("Solar,{kw},null,7/24/2022,null,null,,Q1,6/5/2020 13:47,A\nSolar,1,null,,null,null,,Q{kw},,A\n");
        bench.put(&format!("utility2/{month}/utility2_planned_der.csv"), format!("{PLANNED}{rows}"));
        bench.run();
    }
    assert_eq!(
        bench.lines(
            "silver/ders",
            "der_id, nameplate_kw, planned_in_service_date, queue_position_at, valid_from_month, valid_to_month"
        ),
        [
            "Q1|5|2022-07-24|2020-06-05 13:47|2022-08|2022-09",
            "Q1|6|2022-07-24|2020-06-05 13:47|2022-09|-",
            "Q5|1|-|-|2022-08|-",
            "Q6|1|-|-|2022-09|-",
        ]
    );
}

#[test]
fn record_that_is_absent_from_a_snapshot_is_closed() {
    let bench = Bench::with_adapters(&[("third.toml", SNAPSHOT)]);
    bench.put("third/2022-08/third_circuits.csv", "F,kW\nX,5000\nY,250\n");
    bench.put("third/2022-09/third_circuits.csv", "F,kW\nX,5000\n");
    bench.run();
    assert_eq!(bench.lines("silver/feeders", VERSIONS), ["X|5|2022-08|-|true", "Y|0.25|2022-08|2022-09|false"]);
    assert_eq!(
        bench.lines("platinum/month_diff", "dataset, delivery_month, current_count, added, changed, removed, unchanged"),
        ["circuits|2022-08|2|2|0|0|0", "circuits|2022-09|1|0|0|1|1", "feeders|2022-08|2|2|0|0|0", "feeders|2022-09|1|0|0|1|1"]
    );
    assert_eq!(bench.lines("platinum/feeder_capacity", "feeder_id"), ["X"]);
}

#[test]
fn same_content_of_two_utilities_is_read_as_each_of_them_says() {
    // `TBD` is no id where the word says nothing; elsewhere it is one.
    let of = |utility: &str, word: &str| {
        let text = SNAPSHOT.replace("third", utility);
        text.replacen('\n', &format!("\nnull_values = [\"{word}\"]\n"), 1)
    };
    let bench = Bench::with_adapters(&[("aone.toml", &of("aone", "na")), ("btwo.toml", &of("btwo", "tbd"))]);
    for utility in ["aone", "btwo"] {
        bench.put(&format!("{utility}/2022-09/{utility}_circuits.csv"), "F,kW\nA,5000\nTBD,6000\nB,7000\n");
    }
    let found = |bench: &Bench| {
        [
            bench.lines("platinum/feeder_capacity", "utility_id, feeder_id"),
            bench.lines("silver/rejected", "utility_id, stage, source_line, reason"),
            bench.lines(
                "platinum/column_quality",
                "utility_id, column_name, row_count, null_count, sentinel_count, distinct_count",
            ),
        ]
    };
    bench.run();
    let at_once = found(&bench);
    assert_eq!(at_once[0], ["aone|A", "aone|B", "aone|TBD", "btwo|A", "btwo|B"]);
    assert_eq!(at_once[1], ["btwo|silver|3|primary-key"]);
    // Nothing that was counted while a file was read is known any more.
    bench.try_run(&Request { full_refresh: true, ..Request::default() }, &Cancel::default(), &|_| {}).unwrap();
    assert_eq!(found(&bench), at_once);
}

#[test]
fn segments_of_earlier_months_still_count_for_their_feeder() {
    let bench = Bench::new();
    let (first, second) = (segment("c1", "1", "F", "2.5", "0.5"), segment("c1", "2", "F", "2.5", "0.25"));
    bench.put("utility1/2022-08/utility1_circuits.csv", format!("{SEGMENTS}{first}{second}"));
    let (changed, new) = (segment("c1", "2", "F", "4", "0.75"), segment("c2", "9", "F", "4", "1"));
    bench.put("utility1/2022-09/utility1_circuits.csv", format!("{SEGMENTS}{changed}{new}"));
    bench.run();
    assert_eq!(
        bench.lines(
            "silver/feeders",
            "max_hosting_capacity_mw, map_color, segment_count, circuit_count, length, valid_from_month, valid_to_month"
        ),
        ["2.5|light blue|2|1|0.75|2022-08|2022-09", "4|light blue|3|2|2.25|2022-09|-"]
    );
    assert_eq!(bench.lines("silver/feeder_circuits", "circuit_id, feeder_id, segment_count"), ["c1|F|2", "c2|F|1"]);
}

#[test]
fn redelivered_file_supersedes_its_month_and_no_other() {
    let bench = Bench::new();
    for (file, content) in &deliveries()[..3] {
        bench.put(file, content);
    }
    bench.run();
    bench.put("utility2/2022-08/utility2_circuits.csv", format!("{FEEDERS}{}", feeder("A", "4")));
    let report = bench.run();
    assert_eq!((report.count("superseded"), report.count("unchanged")), (1, 2));
    assert_eq!(
        bench.lines("silver/feeders", VERSIONS),
        ["A|4|2022-08|2022-09|false", "A|6|2022-09|-|true", "C|1|2022-10|-|true"],
        "B is gone with the file that had brought it"
    );
    assert_eq!(bench.rows("bronze/utility2_circuits"), 1 + 1 + 2);
}

#[test]
fn same_content_under_another_name_is_a_recorded_no_op() {
    let bench = Bench::new();
    let (file, content) = &deliveries()[0];
    bench.put(file, content);
    bench.run();
    let before = bench.lake.snapshot(&crate::support::table_id("silver/feeders")).unwrap().unwrap().version;
    bench.put("utility2_circuits_2022-09.csv", content);
    let report = bench.run();
    assert_eq!((report.count("unchanged"), report.rebuilt.len()), (2, 0));
    assert_eq!(bench.lake.snapshot(&crate::support::table_id("silver/feeders")).unwrap().unwrap().version, before);
    assert_eq!(bench.count("ops/runs", "outcome = 'unchanged' AND source_file = 'utility2_circuits_2022-09.csv'"), 1);
}

#[test]
fn last_record_of_a_key_wins_and_the_others_are_kept_aside() {
    let bench = Bench::new();
    let text = format!("{FEEDERS}{}{}{},13.2,1,0,0,,,\n", feeder("A", "1"), feeder(" A ", "2"), "");
    bench.put("utility2/2022-08/utility2_circuits.csv", text);
    bench.run();
    assert_eq!(bench.lines("silver/feeders", VERSIONS), ["A|2|2022-08|-|true"]);
    assert_eq!(
        bench.lines("silver/rejected", "stage, source_line, reason, column_name, value, raw_record"),
        [
            "silver|2|duplicate-key|Master_CDF|A|A,13.2,1,0,0,2022/08/01 00:00:00+00,green,1",
            "silver|4|primary-key|Master_CDF|-|,13.2,1,0,0,,,",
        ]
    );
    assert_eq!(bench.lines("platinum/data_quality_summary", "row_count, rejected_count, duplicate_count"), ["3|2|1"]);
}

#[test]
fn file_without_a_month_in_its_path_takes_that_of_its_modification() {
    let bench = Bench::new();
    bench.put("utility2_circuits.csv", &deliveries()[0].1);
    let path = bench.landing("utility2_circuits.csv");
    // 2022-10-05, 00:00 UTC, in hours.
    let at = std::time::UNIX_EPOCH + std::time::Duration::from_hours(462_480);
    std::fs::File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
    bench.run();
    assert_eq!(bench.lines("ops/runs", "delivery_month, month_assumed, outcome, reason"), ["2022-10|true|loaded|month-assumed"]);
}

#[test]
fn file_whose_name_states_an_earlier_month_than_its_folder_passes_for_no_new_data() {
    let old = format!("{FEEDERS}{}", feeder("A", "5"));
    let new = format!("{FEEDERS}{}", feeder("A", "7"));
    let bench = Bench::new();
    bench.put("utility2/2022-09/utility2_circuits_2022-09.csv", &old);
    // A day of export in the month after says nothing against the folder.
    bench.put("utility2/2022-10/utility2_circuits_2022-11-03.csv", &new);
    bench.put("utility2/2022-11/utility2_circuits_2022-09.csv", format!("{old}{}", feeder("B", "1")));
    let files = "delivery_month, outcome, reason";
    bench.run();
    let expected = ["2022-09|loaded|-", "2022-10|loaded|month-disputed", "2022-11|refused|month-disputed"];
    assert_eq!(bench.lines("ops/runs", files), expected);
    assert_eq!(bench.lines("platinum/feeder_capacity", "feeder_id, max_hosting_capacity_mw, delivery_month"), ["A|7|2022-10"]);
    assert_eq!((bench.run().refused().count(), bench.count("ops/runs", "outcome = 'refused'")), (1, 1), "told once");
    // It stands refused until the adapter says which counts.
    for (counts, month) in [("folder", "2022-11"), ("name", "2022-09")] {
        let adapter = SNAPSHOT.replace("\n[circuits]", &format!("\nmonth_from = \"{counts}\"\n[circuits]"));
        let bench = Bench::with_adapters(&[("third.toml", &adapter)]);
        bench.put("third/2022-11/third_circuits_2022-09.csv", "F,kW\nA,1000\n");
        bench.run();
        assert_eq!(bench.lines("ops/runs", files), [format!("{month}|loaded|-")]);
    }
}

#[test]
fn stopped_run_leaves_every_table_as_after_its_last_commit_and_the_next_goes_on() {
    let bench = Bench::new();
    for (file, content) in deliveries() {
        bench.put(file, content);
    }
    let cancel = Cancel::default();
    // Stops as soon as the first row of the second layer is told.
    let stop = |progress: feederscope::pipeline::Progress| {
        if progress.step == feederscope::pipeline::progress::Step::Silver {
            cancel.cancel();
        }
    };
    let stopped = bench.try_run(&Request::default(), &cancel, &stop);
    assert!(matches!(stopped, Err(feederscope::pipeline::PipelineError::Cancelled)), "{stopped:?}");
    assert_eq!(bench.rows("platinum/feeder_capacity"), 0);
    assert_eq!(bench.rows("bronze/utility2_circuits"), 5, "bronze was committed file by file");
    bench.run();
    history_is_as_by_hand(&bench, &[]);
}

#[test]
fn second_writer_is_refused_and_told_who_writes() {
    let bench = Bench::new();
    let _lock = bench.lake.lock("somebody else").unwrap().unwrap();
    let refused = bench.try_run(&Request::default(), &Cancel::default(), &|_| {}).unwrap_err().to_string();
    assert!(refused.starts_with("somebody else on "), "{refused}");
}

#[test]
fn number_within_the_tolerance_has_not_changed() {
    let adapter = SNAPSHOT.replace("unit = \"kW\" }", "unit = \"kW\", tolerance = 0.05 }");
    let bench = Bench::with_adapters(&[("third.toml", &adapter)]);
    bench.put("third/2022-08/third_circuits.csv", "F,kW\nA,5000\nB,5000\nC,5000\nD,5000\n");
    // In MW: 0.04 more, 0.06 more, another notation, the same.
    bench.put("third/2022-09/third_circuits.csv", "F,kW\nA,5040\nB,5060\nC,5000.0\nD,5000\n");
    bench.run();
    assert_eq!(
        bench.lines("platinum/field_changes", "dataset, column_name, changed, cosmetic"),
        ["circuits|kW|1|2", "feeders|max_hosting_capacity_mw|2|0"]
    );
    let circuits = bench.lines("platinum/month_diff", "dataset, delivery_month, changed, unchanged");
    assert_eq!(circuits[1], "circuits|2022-09|1|3");
}

#[test]
fn profile_and_keys_are_the_same_counted_while_loading_and_asked_of_the_table() {
    // So many ids that they are no longer counted one by one, and of everything a cell can lack some.
    let ids: String = (0..140_000).map(|n| format!("D{n},null,Solar,{},A,0\n", n % 7)).collect();
    let odd = " D140000 , NULL ,\u{a0}wind,x7,A,\nD140001,,N/A,\"1,5\",a long reference of a feeder,-3.0\n";
    let few = "12,null,Solar,5,A,-0\n12.0,null,Solar,5.0,A,1e1\n13,null,Solar,7.25,,.5\n";
    let quality =
        "column_name, row_count, null_count, sentinel_count, invalid_count, absent, distinct_count, min_value, max_value";
    for (rows, set_aside) in [(format!("{ids}{odd}"), 0), (few.to_owned(), 1)] {
        let bench = Bench::new();
        bench.put("utility2/2022-10/utility2_install_der.csv", format!("{INSTALLED}{rows}"));
        bench.run();
        let tables = |bench: &Bench| {
            (bench.lines("platinum/column_quality", quality), bench.rows("silver/ders"), bench.rows("silver/rejected"))
        };
        let loaded = tables(&bench);
        // The content is known by now, so that nothing is counted while it passes.
        let again = Request { full_refresh: true, ..Request::default() };
        bench.try_run(&again, &Cancel::default(), &|_| {}).unwrap();
        assert_eq!(loaded, tables(&bench));
        assert_eq!(loaded.2, set_aside);
        if set_aside == 0 {
            // By hand: 140,002 ids of which none is missing; 7 numbers, `x7` and `1,5` are none.
            assert!(loaded.0.contains(&"DER_ID|140002|0|0|0|false|140002|D0|D99999".to_owned()), "{:?}", loaded.0);
            let ratings = loaded.0.iter().find(|line| line.starts_with("DER_NAMEPLATE_RATING|")).unwrap();
            assert!(ratings.starts_with("DER_NAMEPLATE_RATING|140002|0|0|2|false|9|"), "{ratings}");
        }
    }
}

const PAIRED: &str = "utility = \"pair\"\n[circuits]\nkey = [\"F\"]\n[circuits.columns]\nfeeder_id = \"F\"\nmax_hosting_capacity_mw = { from = \"MAX\", unit = \"MW\" }\nmin_hosting_capacity_mw = { from = \"MIN\", unit = \"MW\" }\n[planned_der]\nkey = [\"ID\"]\n[planned_der.columns]\nder_id = \"ID\"\nder_type = \"TYPE\"\nplanned_in_service_date = { from = \"PLAN\", format = \"%Y-%m-%d\" }\ncompletion_date = { from = \"DONE\", format = \"%Y-%m-%d\" }\nproject_status = \"STATUS\"\nservice_address = \"ADDRESS\"\nnameplate_kw = { from = \"KW\", unit = \"kW\" }\ninterconnection_cost_usd = \"COST\"\n";

/// The same value in a neighbouring column is another record: a version begins.
#[test]
fn value_that_moves_into_an_empty_neighbour_begins_a_version() {
    let bench = Bench::with_adapters(&[("pair.toml", PAIRED)]);
    let header = "ID,TYPE,PLAN,DONE,STATUS,ADDRESS,KW,COST\n";
    let rows = [
        ("A,,2022-12-15,,,,,\n", "A,,,2022-12-15,,,,\n"),
        ("B,,,,Main St,,,\n", "B,,,,,Main St,,\n"),
        ("C,,,,,,7,\n", "C,,,,,,,7\n"),
        // Null in a different place, among nulls; and a record that stays as it is.
        ("D,,1970-01-02,,,,,\n", "D,,,,,,,\n"),
        ("E,,1970-01-02,,x,,,\n", "E,,1970-01-02,,x,,,\n"),
    ];
    for (month, at) in [("2022-08", 0), ("2022-09", 1)] {
        let records: String = rows.iter().map(|pair| if at == 0 { pair.0 } else { pair.1 }).collect();
        bench.put(&format!("pair/{month}/pair_planned_der.csv"), format!("{header}{records}"));
        let capacity = if at == 0 { "F,MAX,MIN\nF,5,\n" } else { "F,MAX,MIN\nF,,5\n" };
        bench.put(&format!("pair/{month}/pair_circuits.csv"), capacity);
    }
    bench.run();
    assert_eq!(
        bench.lines("silver/ders", "der_id, planned_in_service_date, completion_date, project_status, service_address, nameplate_kw, interconnection_cost_usd, valid_from_month"),
        [
            "A|-|2022-12-15|-|-|-|-|2022-09",
            "A|2022-12-15|-|-|-|-|-|2022-08",
            "B|-|-|-|Main St|-|-|2022-09",
            "B|-|-|Main St|-|-|-|2022-08",
            "C|-|-|-|-|-|7|2022-09",
            "C|-|-|-|-|7|-|2022-08",
            "D|-|-|-|-|-|-|2022-09",
            "D|1970-01-02|-|-|-|-|-|2022-08",
            "E|1970-01-02|-|x|-|-|-|2022-08",
        ]
    );
    assert_eq!(
        bench.lines("silver/feeders", "max_hosting_capacity_mw, min_hosting_capacity_mw, valid_from_month"),
        ["-|5|2022-09", "5|-|2022-08"]
    );
}

#[test]
fn delivered_type_that_changes_is_a_changed_field() {
    let bench = Bench::with_adapters(&[("pair.toml", &format!("{PAIRED}[der_types]\nPV = \"Solar\"\nSUN = \"Solar\"\n"))]);
    for (month, kind) in [("2022-08", "PV"), ("2022-09", "SUN")] {
        bench.put(&format!("pair/{month}/pair_planned_der.csv"), format!("ID,TYPE\nA,{kind}\n"));
    }
    bench.run();
    assert_eq!(
        bench.lines("silver/ders", "der_type, der_type_source, valid_from_month"),
        ["Solar|PV|2022-08", "Solar|SUN|2022-09"]
    );
    let changed = bench.lines("platinum/field_changes", "dataset, column_name, changed");
    assert_eq!(changed, ["ders|der_type_source|1", "planned_der|TYPE|1"]);
}

/// Types are named without regard to case and blanks around: one that is named twice is what its words say first.
#[test]
fn delivered_type_that_is_named_twice_is_the_first_of_its_words() {
    let types = "[der_types]\nPV = \"Solar\"\n\" pv \" = \"Other\"\nwind = \"Wind\"\n";
    let bench = Bench::with_adapters(&[("pair.toml", &format!("{PAIRED}{types}"))]);
    bench.put("pair/2022-08/pair_planned_der.csv", "ID,TYPE\nA,PV\nB,Wind\nC,sun\nD,\n");
    bench.run();
    assert_eq!(bench.lines("silver/ders", "der_id, der_type"), ["A|Other", "B|Wind", "C|Unmapped", "D|-"]);
}

/// A record without its feeder never wins against one that has it, wherever it stands.
#[test]
fn record_without_its_feeder_is_no_rival() {
    let (good, other, lost) =
        (segment("c", "1", "F", "3", "0.5"), segment("c", "1", "F", "4", "0.5"), segment("c", "1", "", "9", "0.5"));
    for (records, lines) in [
        ([&good, &other, &lost], ["2|duplicate-key", "4|primary-key"]),
        ([&lost, &good, &other], ["2|primary-key", "3|duplicate-key"]),
        ([&good, &lost, &other], ["2|duplicate-key", "3|primary-key"]),
    ] {
        let bench = Bench::new();
        let text: String = records.iter().map(|record| record.as_str()).collect();
        bench.put("utility1/2022-08/utility1_circuits.csv", format!("{SEGMENTS}{text}"));
        bench.run();
        assert_eq!(bench.lines("silver/feeders", "feeder_id, max_hosting_capacity_mw, segment_count"), ["F|4|1"]);
        assert_eq!(bench.lines("silver/rejected", "source_line, reason"), lines);
        assert_eq!(bench.lines("platinum/data_quality_summary", "row_count, rejected_count, duplicate_count"), ["3|2|1"]);
        // In a later month it wins against nothing either.
        bench.put("utility1/2022-09/utility1_circuits.csv", format!("{SEGMENTS}{lost}"));
        bench.run();
        assert_eq!(
            bench.lines("silver/feeders", "feeder_id, max_hosting_capacity_mw, segment_count, valid_to_month"),
            ["F|4|1|-"]
        );
        let diff = bench.lines(
            "platinum/month_diff",
            "dataset, delivery_month, row_count, current_count, added, changed, removed, unchanged",
        );
        assert_eq!(diff[..2], ["circuits|2022-08|3|1|1|0|0|0", "circuits|2022-09|1|1|0|0|0|0"]);
    }
}

/// Two keys that read alike when their parts are joined are two keys.
#[test]
fn keys_whose_parts_join_to_one_text_are_told_apart() {
    let bench = Bench::new();
    let text: String = [("a + b", "c"), ("a + b", "c"), ("a", "b + c"), ("a", "b + c")]
        .iter()
        .map(|(circuit, section)| segment(circuit, section, "F", "3", "0.5"))
        .collect();
    bench.put("utility1/2022-08/utility1_circuits.csv", format!("{SEGMENTS}{text}"));
    bench.run();
    assert_eq!(bench.lines("silver/rejected", "source_line, reason"), ["2|duplicate-key", "4|duplicate-key"]);
    assert_eq!(bench.lines("silver/feeders", "segment_count"), ["2"]);
}

#[test]
fn months_before_the_first_feeders_have_their_row_whenever_they_came() {
    let files = [
        ("utility2/2022-08/utility2_install_der.csv", format!("{INSTALLED}D1,null,Solar,7.6,A,0\n")),
        ("utility2/2022-09/utility2_circuits.csv", format!("{FEEDERS}{}", feeder("A", "5"))),
    ];
    for order in [&[0, 1][..], &[1, 0]] {
        let bench = Bench::new();
        for at in order {
            bench.put(files[*at].0, &files[*at].1);
            bench.run();
        }
        assert_eq!(
            bench.lines("platinum/month_diff", "dataset, delivery_month, current_count, added"),
            [
                "circuits|2022-09|1|1",
                "ders|2022-08|1|1",
                "ders|2022-09|1|0",
                "feeders|2022-08|0|0",
                "feeders|2022-09|1|1",
                "install_der|2022-08|1|1"
            ],
            "{order:?}"
        );
    }
}

/// Files of a snapshot utility with feeders in kW, months from 2022-08 on; after each a run.
fn snapshots(adapter: &str, files: &[&str]) -> Bench {
    let bench = Bench::with_adapters(&[("third.toml", adapter)]);
    for (at, content) in files.iter().enumerate() {
        bench.put(&format!("third/2022-{:02}/third_circuits.csv", 8 + at), content);
        bench.run();
    }
    bench
}

/// A file of a hundred feeders, of which some lines are others.
fn hundred(lines: &[(usize, &str)]) -> String {
    let line =
        |n: usize| lines.iter().find(|(at, _)| *at == n).map_or_else(|| format!("F{n},{n}000\n"), |(_, line)| (*line).to_owned());
    ["F,kW\n".to_owned()].into_iter().chain((0..100).map(line)).collect()
}

#[test]
fn entity_whose_record_was_rejected_is_not_removed_by_a_snapshot() {
    // F7 has a cell too many, F9 a quote that swallows F10; F20 is not there at all.
    let broken = hundred(&[(7, "F7,7000,surplus\n"), (9, "F9,\"9000\n"), (10, "F10,10\"000\n"), (20, "")]);
    let bench = snapshots(SNAPSHOT, &[&hundred(&[]), &broken]);
    assert_eq!(bench.lines("silver/rejected", "reason, source_line"), ["extra-cell|9", "unclosed-quote|11"]);
    let state = |bench: &Bench| bench.lines("silver/feeders", "feeder_id, valid_to_month");
    let ended: Vec<String> = state(&bench).into_iter().filter(|row| !row.ends_with("|-")).collect();
    assert_eq!(ended, ["F20|2022-09"]);
    assert_eq!(bench.rows("platinum/feeder_capacity"), 99);
    // The next file no longer names it: it is gone.
    bench.put("third/2022-10/third_circuits.csv", hundred(&[(7, "")]));
    bench.run();
    let ended: Vec<String> = state(&bench).into_iter().filter(|row| !row.ends_with("|-")).collect();
    assert_eq!(ended, ["F20|2022-09", "F7|2022-10"]);
}

#[test]
fn renamed_key_column_is_read_under_both_names_once_the_adapter_has_them() {
    let bench = snapshots(SNAPSHOT, &["F,kW\nA,1000\nB,2000\n", "FEEDER_ID,kW\nA,1000\nB,3000\n"]);
    assert_eq!(bench.lines("silver/rejected", "reason, value"), ["missing-label|the key column `F` is not in the file"]);
    // What the message names as the remedy, in either form.
    for key in ["[\"F\"]", "[\"F\", \"FEEDER_ID\"]"] {
        let adapter = SNAPSHOT
            .replace("key = [\"F\"]", &format!("key = {key}"))
            .replace("feeder_id = \"F\"", "feeder_id = [\"F\", \"FEEDER_ID\"]");
        let adapter =
            adapter.replace("feeder_id = [", "feeder_id = { from = [").replace("\"FEEDER_ID\"]\nmax", "\"FEEDER_ID\"] }\nmax");
        let bench = snapshots(&adapter, &["F,kW\nA,1000\nB,2000\n", "FEEDER_ID,kW\nA,1000\nB,3000\n"]);
        assert_eq!(bench.lines_if_any("silver/rejected", "reason"), Vec::<String>::new(), "{key}");
        assert_eq!(
            bench.lines("silver/feeders", "feeder_id, max_hosting_capacity_mw, valid_from_month, valid_to_month"),
            ["A|1|2022-08|-", "B|2|2022-08|2022-09", "B|3|2022-09|-"],
            "{key}"
        );
        assert_eq!(
            bench.lines("platinum/month_diff", "delivery_month, dataset, added, changed, removed, unchanged"),
            ["2022-08|circuits|2|0|0|0", "2022-08|feeders|2|0|0|0", "2022-09|circuits|0|1|0|1", "2022-09|feeders|0|1|0|1"],
            "{key}"
        );
    }
}

#[test]
fn no_name_of_a_column_breaks_a_plan() {
    let names = [
        "place",
        "key_0",
        "entity_id",
        "record_key",
        "*",
        "^.*$",
        "cell_0",
        "old_0",
        "new_1",
        "delivery_month",
        "_source_file",
        "feeder_id",
        "kw_0",
        "type_word",
        "lost_line",
        "standing_file",
        "max_hosting_capacity_mw_text",
        "COUNT(*)",
        "a.b",
        "\"quoted\"",
        "select",
        "utility_id",
        "PLACE",
        "shape",
        "fs__shape",
        "FS__n",
        "flagged",
        "has_letter",
        "n",
        "same_0",
        "grp",
        "known_key",
        "value",
        "column_name",
        "sum_max_hosting_capacity_mw",
        "_source_line_2",
    ];
    let header = names.map(|name| format!("\"{}\"", name.replace('"', "\"\""))).join(",");
    let file = |kw: u32| {
        let cells = |n: usize| (0..names.len()).map(|at| format!("{}", at * n)).collect::<Vec<_>>().join(",");
        format!("F,kW,{header}\nA,{kw},{}\nB,2000,{}\nB,2001,{}\n", cells(1), cells(2), cells(3))
    };
    for adapter in [SNAPSHOT.to_owned(), SNAPSHOT.replace("delivery = \"snapshot\"\n", "")] {
        let mut bench = Bench::with_adapters(&[("third.toml", &adapter)]);
        bench.settings.rules = feederscope::config::RuleSet::load(std::path::Path::new("/nowhere")).0;
        for (month, kw) in [("2022-08", 1000), ("2022-09", 1500), ("2022-10", 2500)] {
            bench.put(&format!("third/{month}/third_circuits.csv"), file(kw));
            let report = bench.run();
            assert_eq!((report.count("loaded"), report.failed.len()), (1, 0), "{:?} {:?}", report.failed, report.files);
        }
        assert_eq!(
            bench.lines("silver/feeders", "feeder_id, max_hosting_capacity_mw, valid_from_month, valid_to_month"),
            ["A|1.5|2022-09|2022-10", "A|1|2022-08|2022-09", "A|2.5|2022-10|-", "B|2.001|2022-08|-"]
        );
        assert_eq!(
            bench.count(
                "platinum/month_diff",
                "dataset = 'circuits' AND delivery_month = '2022-09' AND changed = 1 AND unchanged = 1"
            ),
            1
        );
        assert_eq!(
            bench.count("ops/rule_results", "outcome = 'could-not-check' AND rule_id NOT LIKE 'refresh%'"),
            0,
            "{:?}",
            bench.lines("ops/rule_results", "rule_id, detail")
        );
        assert_eq!(bench.count("ops/rule_results", "rule_id = 'key-unique' AND outcome = 'failed'"), 3);
    }
}

#[test]
fn utility_that_fails_keeps_no_other_from_its_tables_and_rules() {
    let mut bench = Bench::with_adapters(&[("third.toml", SNAPSHOT)]);
    bench.settings.rules = feederscope::config::RuleSet::load(std::path::Path::new("/nowhere")).0;
    bench.put("third/2022-08/third_circuits.csv", "F,kW\nA,1000\n");
    bench.put("utility2/2022-08/utility2_circuits.csv", format!("{FEEDERS}{}", feeder("A", "5")));
    bench.run();
    let bronze = bench.settings.lake.join("iedr_dev/bronze/third_circuits/delivery_month=2022-08");
    for file in std::fs::read_dir(bronze)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "parquet"))
    {
        // Of the same size: one of another size is loaded again.
        let size = file.metadata().unwrap().len();
        std::fs::write(file, vec![0; usize::try_from(size).unwrap()]).unwrap();
    }
    bench.put("third/2022-09/third_circuits.csv", "F,kW\nA,2000\n");
    bench.put("utility2/2022-09/utility2_circuits.csv", format!("{FEEDERS}{}", feeder("A", "6")));
    let request = Request { full_refresh: true, ..Request::default() };
    let report = bench.try_run(&request, &Cancel::default(), &|_| {}).unwrap();
    let failed: Vec<&str> = report.failed.iter().map(|(utility, _)| utility.as_str()).collect();
    assert_eq!(failed, ["third"]);
    assert_eq!(bench.lines("platinum/feeder_capacity", "utility_id, max_hosting_capacity_mw"), ["third|1", "utility2|6"]);
    assert_eq!(
        bench.count("ops/rule_results", "utility_id = 'utility2' AND delivery_month = '2022-09' AND rule_id = 'capacity-stated'"),
        1
    );
    assert_eq!(bench.count("ops/runs", "outcome = 'failed' AND detail LIKE 'third: %'"), 1);
}

#[test]
fn correction_under_another_name_counts_whatever_its_name_and_both_files_are_named() {
    let mut bench = Bench::new();
    bench.settings.rules = feederscope::config::RuleSet::load(std::path::Path::new("/nowhere")).0;
    let file = |mw: &str| format!("{FEEDERS}{}{}", feeder("A", mw), feeder(&format!("only{mw}"), "1"));
    // By their paths each of the later ones stands before the earlier one.
    for (n, (wrong, right)) in [
        ("utility2/2022-08/utility2_circuits.csv", "incoming/2022-08/utility2_circuits.csv"),
        ("utility2_circuits_2022-09.csv", "utility2/2022-09/utility2_circuits.csv"),
        ("utility2/2022-10/utility2_circuits_v9.csv", "utility2/2022-10/utility2_circuits_v10.csv"),
    ]
    .into_iter()
    .enumerate()
    {
        bench.put(wrong, file(&format!("5.{n}")));
        bench.run();
        bench.put(right, file(&format!("7.{n}")));
        bench.run();
        let capacity = bench
            .query("platinum/feeder_capacity", "SELECT max_hosting_capacity_mw AS mw FROM t WHERE feeder_id = 'A'")
            .number("mw", 0);
        assert_eq!(capacity, Some(format!("7.{n}").parse().unwrap()), "{right}");
        let rejected = bench.lines("silver/rejected", "source_file, reason, value");
        assert!(rejected.contains(&format!("{wrong}|duplicate-key|A")), "{rejected:?}");
    }
    let details = bench.lines("ops/rule_results", "rule_id, outcome, detail");
    let told = details.iter().find(|line| line.starts_with("key-unique|failed|") && line.contains("_v9")).unwrap();
    assert!(
        told.contains("utility2_circuits_v9.csv` of 2022-11-30") && told.find("_v9").unwrap() < told.find("_v10").unwrap(),
        "{told}"
    );
    // All at once, and under one time: the names decide.
    let bench = Bench::new();
    for (name, mw) in [("utility2/2022-10/utility2_circuits_v10.csv", "7"), ("utility2/2022-10/utility2_circuits_v9.csv", "5")] {
        bench.put(name, file(mw)).at_the_same_time(name);
    }
    bench.run();
    assert_eq!(bench.lines("platinum/feeder_capacity", "feeder_id, max_hosting_capacity_mw"), ["A|7", "only5|1", "only7|1"]);
}

#[test]
fn stale_copy_beside_a_corrected_file_does_not_win() {
    let bench = Bench::new();
    let file = |mw: &str| format!("{FEEDERS}{}", feeder("A", mw));
    bench.put("utility2/2022-08/utility2_circuits.csv", file("5"));
    bench.put("utility2/2022-08/utility2_circuits_backup.csv", file("5"));
    bench.run();
    bench.put("utility2/2022-08/utility2_circuits.csv", file("7"));
    bench.run();
    assert_eq!(bench.lines("platinum/feeder_capacity", "feeder_id, max_hosting_capacity_mw"), ["A|7"]);
    let request = Request { full_refresh: true, ..Request::default() };
    bench.try_run(&request, &Cancel::default(), &|_| {}).unwrap();
    assert_eq!(bench.lines("platinum/feeder_capacity", "feeder_id, max_hosting_capacity_mw"), ["A|7"]);
}

#[test]
fn file_without_records_is_what_the_adapter_says() {
    let header = "F,kW\n";
    let bench = snapshots(SNAPSHOT, &["F,kW\nA,1000\nB,2000\n", header]);
    assert_eq!(bench.lines("silver/rejected", "reason, value"), ["truncated-file|the file holds a header and no record"]);
    assert_eq!(bench.rows("platinum/feeder_capacity"), 2);
    let accepting = SNAPSHOT.replace("delivery = ", "empty = \"accept\"\ndelivery = ");
    let bench = snapshots(&accepting, &["F,kW\nA,1000\nB,2000\n", header, "F,kW\nB,2000\n"]);
    assert_eq!(
        bench.lines("silver/feeders", "feeder_id, valid_from_month, valid_to_month"),
        ["A|2022-08|2022-09", "B|2022-08|2022-09", "B|2022-10|-"]
    );
    assert_eq!((bench.run().count("loaded"), bench.run().rebuilt.len()), (0, 0), "it is known by the next run");
    // Lines of delimiters alone are no records, and no load that comes again in each run.
    let bench = snapshots(&accepting, &["F,kW\nA,1000\n", "F,kW\n,\n,\n,\n"]);
    assert_eq!(bench.rows("platinum/feeder_capacity"), 1);
    let again = bench.run();
    assert_eq!((again.refused().count(), again.count("loaded")), (1, 0));
}

#[test]
fn delimiter_that_was_mended_in_the_adapter_reads_the_files_again() {
    let files = ["F;kW\nA;1000\nB;2000\n"];
    // With a comma the whole line is one cell, and one column the key.
    let wrong = "utility = \"third\"\n[circuits]\nkey = [\"F;kW\"]\n[circuits.columns]\nfeeder_id = \"F;kW\"\n";
    let mut bench = snapshots(wrong, &files);
    assert_eq!(bench.lines("silver/feeders", "feeder_id"), ["A;1000", "B;2000"]);
    let right = Bench::with_adapters(&[(
        "third.toml",
        &SNAPSHOT.replace("utility = \"third\"\n", "utility = \"third\"\ndelimiter = \";\"\n"),
    )]);
    bench.settings.utilities = right.settings.utilities.clone();
    assert_eq!(bench.run().count("loaded") + bench.run().count("superseded"), 1);
    assert_eq!(bench.lines("silver/feeders", "feeder_id, max_hosting_capacity_mw"), ["A|1", "B|2"]);
    assert_eq!(bench.rows("bronze/third_circuits"), 2);
}
