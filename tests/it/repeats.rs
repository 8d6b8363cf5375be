//! A record that the delivery before held, cell for cell, says nothing new, and everything else does.

use feederscope::model::Cancel;
use feederscope::pipeline::progress::Step;
use feederscope::pipeline::{Progress, Request};

use crate::support::{Bench, SEGMENTS, is_refreshed_to_itself, table_id};

const SNAPSHOTS: &str = "utility = \"snap\"\n[circuits]\nkey = [\"F\"]\ndelivery = \"snapshot\"\n[circuits.columns]\nfeeder_id = \"F\"\nmax_hosting_capacity_mw = { from = \"MW\", unit = \"MW\" }\n[install_der]\nkey = [\"ID\"]\ndelivery = \"snapshot\"\n[install_der.columns]\nder_id = \"ID\"\nfeeder_ref = \"F\"\nnameplate_kw = { from = \"kW\", unit = \"kW\" }\n";

/// Loads months one by one; the lake, of which a full refresh says the same.
fn loaded(adapter: (&str, &str), months: &[&[(&str, &str)]]) -> Bench {
    let bench = Bench::with_adapters(&[adapter]);
    for files in months {
        for (file, content) in *files {
            bench.put(file, content);
        }
        assert_eq!(bench.run().count("loaded"), files.len());
    }
    is_refreshed_to_itself(&bench, "months");
    bench
}

fn versions(bench: &Bench) -> Vec<String> {
    let columns = "der_id, feeder_id, nameplate_kw, valid_from_month, valid_to_month, _source_file, _source_line";
    let lines = bench.lines("silver/ders", columns).into_iter();
    lines
        .map(|line| line.replace("2022-", "").replace("/seg_", "/").replace("/snap_", "/").replace("/install_der.csv", ""))
        .collect()
}

fn diffs(bench: &Bench, dataset: &str) -> Vec<String> {
    let columns = "dataset, delivery_month, current_count, added, changed, removed, unchanged";
    let lines = bench.lines("platinum/month_diff", columns).into_iter();
    lines.filter_map(|line| line.strip_prefix(&format!("{dataset}|2022-")).map(str::to_owned)).collect()
}

#[test]
fn record_that_was_rejected_or_came_earlier_is_none_that_is_repeated() {
    let bench = loaded(
        ("seg.toml", SEGMENTS),
        &[
            // Of A the second record stands.
            &[("seg/2022-07/seg_install_der.csv", "ID,F,kW\nA,c1,1\nA,c1,2\nB,G,2\nC,G,3\n")],
            // That of A is the one that does not.
            &[("seg/2022-08/seg_install_der.csv", "ID,F,kW\nA,c1,1\nB,G,2\nC,G,4\n")],
            // All are as they were in July.
            &[("seg/2022-09/seg_install_der.csv", "ID,F,kW\nA,c1,2\nB,G,2\nC,G,3\n")],
            // Nothing but another order, and one of them twice.
            &[("seg/2022-10/seg_install_der.csv", "ID,F,kW\nC,G,3\nA,c1,2\nB,G,2\nA,c1,2\n")],
        ],
    );
    let expected = [
        "A|-|1|08|09|seg/08|2",
        "A|-|2|07|08|seg/07|3",
        "A|-|2|09|-|seg/09|2",
        "B|-|2|07|-|seg/07|4",
        "C|-|3|07|08|seg/07|5",
        "C|-|3|09|-|seg/09|4",
        "C|-|4|08|09|seg/08|4",
    ];
    assert_eq!(versions(&bench), expected);
    assert_eq!(diffs(&bench, "install_der"), ["07|3|3|0|0|0", "08|3|0|2|0|1", "09|3|0|2|0|1", "10|3|0|0|0|3"]);
}

#[test]
fn record_that_is_set_aside_has_its_cells_in_the_order_of_its_own_file() {
    let bench = loaded(
        ("seg.toml", SEGMENTS),
        &[
            &[("seg/2022-07/seg_install_der.csv", "ID,F,kW\nA,c1,1\n")],
            &[("seg/2022-08/seg_install_der.csv", "kW,NOTE,F,ID\n1,\"x, y\",c1,A\n2,,c1,A\n")],
        ],
    );
    assert_eq!(bench.lines("silver/rejected", "reason, raw_record"), ["duplicate-key|1,\"x, y\",c1,A"]);
}

#[test]
fn snapshot_removes_what_it_does_not_repeat_and_links_what_it_repeats() {
    let bench = loaded(
        ("snap.toml", SNAPSHOTS),
        &[
            &[
                ("snap/2022-07/snap_circuits.csv", "F,MW\nF,1\nG,2\n"),
                ("snap/2022-07/snap_install_der.csv", "ID,F,kW\nA,F,1\nB,G,2\nC,H,3\n"),
            ],
            // H is new, and C, which is on another line now, is linked to it; B is gone, and so is G.
            &[
                ("snap/2022-08/snap_circuits.csv", "F,MW\nF,1\nH,3\n"),
                ("snap/2022-08/snap_install_der.csv", "ID,F,kW\nC,H,3\nA,F,1\n"),
            ],
        ],
    );
    let expected = ["A|F|1|07|-|snap/07|2", "B|G|2|07|08|snap/07|3", "C|-|3|07|08|snap/07|4", "C|H|3|08|-|snap/08|2"];
    assert_eq!(versions(&bench), expected);
    assert_eq!(diffs(&bench, "install_der"), ["07|3|3|0|0|0", "08|2|0|0|1|2"]);
    assert_eq!(diffs(&bench, "circuits"), ["07|2|2|0|0|0", "08|2|1|0|1|1"]);
    let feeders = bench.lines("silver/feeders", "feeder_id, valid_from_month, valid_to_month");
    assert_eq!(feeders, ["F|2022-07|-", "G|2022-07|2022-08", "H|2022-08|-"]);
}

/// Whether a snapshot removes anything is told by how many entities there are: as many may have come as are gone, a record may be there twice,
/// and another feed, which does not remove, is not counted.
#[test]
fn snapshot_that_holds_as_many_records_as_before_removes_those_that_it_lacks() {
    let planned = "[planned_der]\nkey = [\"ID\"]\n[planned_der.columns]\nder_id = \"ID\"\nfeeder_ref = \"F\"\nnameplate_kw = { from = \"kW\", unit = \"kW\" }\n";
    let installed = ["ABCD", "EBCD", "CCDE", "ECDG", "GDEC", "GDE"];
    let file =
        |ids: &str| std::iter::once("ID,F,kW\n".into()).chain(ids.chars().map(|id| format!("{id},F,1\n"))).collect::<String>();
    for adapter in [SNAPSHOTS.to_owned(), format!("{SNAPSHOTS}{planned}")] {
        let mut months = Vec::new();
        for (month, ids) in (7..).zip(installed) {
            months.push(vec![(format!("snap/2022-{month:02}/snap_install_der.csv"), file(ids))]);
        }
        let has_planned = adapter.contains("planned");
        if has_planned {
            months[0].push(("snap/2022-07/snap_planned_der.csv".into(), file("WX")));
            months[3].push(("snap/2022-10/snap_planned_der.csv".into(), file("XY")));
        }
        let months: Vec<Vec<(&str, &str)>> =
            months.iter().map(|files| files.iter().map(|(name, content)| (name.as_str(), content.as_str())).collect()).collect();
        let months: Vec<&[(&str, &str)]> = months.iter().map(Vec::as_slice).collect();
        let bench = loaded(("snap.toml", &adapter), &months);
        let mut expected = vec![
            "installed|A|2022-07|2022-08",
            "installed|B|2022-07|2022-09",
            "installed|C|2022-07|2022-12",
            "installed|D|2022-07|-",
            "installed|E|2022-08|-",
            "installed|G|2022-10|-",
        ];
        if has_planned {
            expected.extend(["planned|W|2022-07|-", "planned|X|2022-07|-", "planned|Y|2022-10|-"]);
        }
        assert_eq!(bench.lines("silver/ders", "status, der_id, valid_from_month, valid_to_month"), expected);
        let counts = ["07|4|4|0|0|0", "08|4|1|0|1|3", "09|3|0|0|1|3", "10|4|1|0|0|3", "11|4|0|0|0|4", "12|3|0|0|1|3"];
        assert_eq!(diffs(&bench, "install_der"), counts);
    }
}

#[test]
fn segment_that_a_nearly_whole_delivery_lacks_stays() {
    let segments = "C,S,F,MW,L\nc1,1,F,2,1\nc1,2,F,2,0.5\nc2,1,G,1,0.25\n";
    let bench = loaded(
        ("seg.toml", SEGMENTS),
        &[
            &[("seg/2022-07/seg_circuits.csv", segments)],
            &[("seg/2022-08/seg_circuits.csv", &segments.replace("0.5", "0.75"))],
            // c2 is missing, in a month that repeats all else.
            &[("seg/2022-09/seg_circuits.csv", "C,S,F,MW,L\nc1,1,F,2,1\nc1,2,F,2,0.75\n")],
            &[("seg/2022-10/seg_circuits.csv", &segments.replace("0.25", "8"))],
        ],
    );
    let feeders = bench.lines("silver/feeders", "feeder_id, segment_count, length, valid_from_month, valid_to_month");
    let expected = [
        "F|2|1.5|2022-07|2022-08",
        "F|2|1.5|2022-10|-",
        "F|2|1.75|2022-08|2022-10",
        "G|1|0.25|2022-07|2022-10",
        "G|1|8|2022-10|-",
    ];
    assert_eq!(feeders, expected);
    assert_eq!(diffs(&bench, "circuits"), ["07|3|3|0|0|0", "08|3|0|1|0|2", "09|3|0|0|0|2", "10|3|0|2|0|1"]);
    let places = |bench: &Bench| bench.lines("silver/segments", "record_key, delivery_month, _source_line");
    assert_eq!(places(&bench), ["2:c11|2022-10|2", "2:c12|2022-10|3", "2:c21|2022-10|4"]);
}

/// Two months that hold the same segments, after one that held one more.
#[test]
fn segment_that_the_two_last_deliveries_lack_stays() {
    let three = |length: &str| format!("C,S,F,MW,L\nc1,1,F,2,{length}\nc1,2,F,2,{length}\nc1,3,F,2,{length}\n");
    let (july, august, september) = (three("1") + "c2,1,G,1,0.25\n", three("2"), three("3"));
    let bench = loaded(
        ("seg.toml", SEGMENTS),
        &[
            &[("seg/2022-07/seg_circuits.csv", july.as_str())],
            &[("seg/2022-08/seg_circuits.csv", august.as_str())],
            &[("seg/2022-09/seg_circuits.csv", september.as_str())],
        ],
    );
    let feeders = bench.lines("silver/feeders", "feeder_id, segment_count, length, valid_from_month, valid_to_month");
    assert_eq!(feeders, ["F|3|3|2022-07|2022-08", "F|3|6|2022-08|2022-09", "F|3|9|2022-09|-", "G|1|0.25|2022-07|-"]);
}

#[test]
fn running_number_of_an_export_makes_no_record_another_unless_the_adapter_reads_it() {
    let months: [&[(&str, &str)]; 2] = [
        &[("seg/2022-07/seg_install_der.csv", ",ID,F,kW\n0,A,c1,1\n1,B,,é 2\n2,A,c,11\n")],
        &[("seg/2022-08/seg_install_der.csv", ",ID,F,kW\n0,N,c1,1\n1,A,c1,1\n2,B,,é 2\n")],
    ];
    let bench = loaded(("seg.toml", SEGMENTS), &months);
    let hashes = bench.lines("bronze/seg_install_der", "delivery_month, _source_line, _record_hash");
    // XXH64 by Python's xxhash 3.
    assert_eq!(hashes[0], "2022-07|2|-8161831882750085461");
    assert_eq!(hashes[1], "2022-07|3|-6947015382772142420");
    assert_eq!(hashes[2], "2022-07|4|3181240025765696282");
    assert_eq!(hashes[4], "2022-08|3|-8161831882750085461");
    assert_eq!(hashes[5], "2022-08|4|-6947015382772142420");
    // B says nothing new, and its number is another one.
    let number = SEGMENTS.replace("{ from = \"kW\", unit = \"kW\" }", "{ from = \"column_1\", unit = \"kW\" }");
    let bench = loaded(("seg.toml", &number), &months);
    let of_b: Vec<String> = versions(&bench).into_iter().filter(|line| line.starts_with("B|")).collect();
    assert_eq!(of_b, ["B|-|1|07|08|seg/07|3", "B|-|2|08|-|seg/08|4"]);
}

#[test]
fn same_cells_under_other_names_are_another_record() {
    let two = SEGMENTS.replace("{ from = \"kW\", unit = \"kW\" }", "{ from = [\"kW\", \"Watt\"], unit = \"kW\" }");
    let bench = loaded(
        ("seg.toml", &two),
        &[
            &[("seg/2022-07/seg_install_der.csv", "ID,F,kW,Other\nA,c1,1,5\nB,c1,2,\n")],
            &[("seg/2022-08/seg_install_der.csv", "ID,F,Other,kW\nA,c1,1,5\nB,c1,2,\n")],
        ],
    );
    assert_eq!(versions(&bench), ["A|-|1|07|08|seg/07|2", "A|-|5|08|-|seg/08|2", "B|-|-|08|-|seg/08|3", "B|-|2|07|08|seg/07|3"]);
}

#[test]
fn month_that_brings_every_key_is_what_the_next_changes_are_compared_with() {
    let all = "ID,F,kW\nA,c1,1\nB,G,2\nC,G,3\n";
    let bench = loaded(
        ("seg.toml", SEGMENTS),
        &[
            &[("seg/2022-06/seg_install_der.csv", all)],
            // What changes is more than half of all, and written down.
            &[("seg/2022-07/seg_install_der.csv", "ID,F,kW\nA,c1,10\n")],
            &[("seg/2022-08/seg_install_der.csv", "ID,F,kW\nA,c1,1\nB,G,20\n")],
            &[("seg/2022-09/seg_install_der.csv", &all.replace("A,c1,1", "A,c1,50"))],
            // A is as it was before, and is not.
            &[("seg/2022-10/seg_install_der.csv", "ID,F,kW\nA,c1,1\n")],
        ],
    );
    assert_eq!(diffs(&bench, "install_der"), ["06|3|3|0|0|0", "07|3|0|1|0|0", "08|3|0|2|0|0", "09|3|0|2|0|1", "10|3|0|1|0|0"]);
    assert_eq!(bench.rows("silver/standing_records"), 0, "September's records stand for themselves");
}

#[test]
fn what_silver_set_aside_is_found_again_where_its_rows_are_gone() {
    for damage in ["the data file is gone", "the newest entry of the log is torn"] {
        let bench = Bench::with_adapters(&[("seg.toml", SEGMENTS)]);
        bench.put("seg/2022-07/seg_install_der.csv", "ID,F,kW\nA,c1,1\nA,c1,2\nB,G,2\n");
        bench.run();
        let rejected = bench.lake.snapshot(&table_id("silver/rejected")).unwrap().unwrap();
        assert_eq!(rejected.rows(), 1);
        if damage == "the data file is gone" {
            rejected.files.iter().for_each(|file| std::fs::remove_file(rejected.path_of(file)).unwrap());
        } else {
            // So that there is a state before it.
            bench.put("seg/2022-06/seg_install_der.csv", "ID,F,kW\nA,c1,2\nA,c1,2\nB,G,2\n");
            bench.run();
            let log = bench.lake.path(&table_id("silver/rejected")).join("_delta_log");
            let newest = std::fs::read_dir(&log).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
            std::fs::write(newest, "").unwrap();
        }
        // Of August's records, A's is the one of July that does not count.
        bench.put("seg/2022-08/seg_install_der.csv", "ID,F,kW\nA,c1,1\nB,G,2\n");
        assert!(!bench.run().mended.is_empty(), "{damage}");
        let of_a: Vec<String> =
            versions(&bench).into_iter().filter(|line| line.starts_with("A|")).map(|line| line[..12].into()).collect();
        let from = if damage == "the data file is gone" { "07" } else { "06" };
        assert_eq!(of_a, ["A|-|1|08|-|s".to_owned(), format!("A|-|2|{from}|08|")], "{damage}");
        assert_eq!(diffs(&bench, "install_der").last().map(String::as_str), Some("08|2|0|1|0|1"), "{damage}");
        let set_aside = bench.lines("silver/rejected", "delivery_month, reason");
        let expected = ["2022-06|duplicate-key", "2022-07|duplicate-key"];
        assert_eq!(set_aside, expected[usize::from(from == "07")..], "{damage}");
    }
}

/// A file that holds what another does has no rows; when the other holds something else, it has, in the same run: nobody may start another.
#[test]
fn file_that_repeats_another_is_loaded_as_soon_as_that_holds_something_else() {
    let bench = loaded(
        ("seg.toml", SEGMENTS),
        &[&[("seg/2022-08/seg_install_der.csv", "ID,F,kW\nD1,F,9\n"), ("seg/2022-09/seg_install_der.csv", "ID,F,kW\nD1,F,5\n")]],
    );
    let of_october = || bench.count("bronze/seg_install_der", "delivery_month = '2022-10'");
    bench.put("seg/2022-10/seg_install_der.csv", "ID,F,kW\nD1,F,5\n");
    assert_eq!((bench.run().count("loaded"), of_october()), (0, 0));
    assert_eq!((bench.run().count("loaded"), of_october()), (0, 0), "nothing is new");
    bench.put("seg/2022-09/seg_install_der.csv", "ID,F,kW\nD1,F,7\n");
    let report = bench.run();
    assert_eq!((report.count("loaded"), report.count("superseded"), of_october()), (1, 1, 1));
    assert_eq!(versions(&bench), ["D1|-|5|10|-|seg/10|2", "D1|-|7|09|10|seg/09|2", "D1|-|9|08|09|seg/08|2"]);
    is_refreshed_to_itself(&bench, "repeated");
}

/// What a run that was cut off has committed of a correction is undone when the file is as it was: what the tables were made from is not what
/// they hold.
#[test]
fn correction_that_was_cut_off_and_taken_back_leaves_nothing() {
    let circuits = "seg/2022-08/seg_circuits.csv";
    let was = "C,S,F,MW,L\nc1,1,F,1,1\nc1,2,F,2,1\nc2,1,G,1,1\n";
    let mut bench =
        loaded(("seg.toml", SEGMENTS), &[&[(circuits, was), ("seg/2022-08/seg_install_der.csv", "ID,F,kW\nD1,c1,9\n")]]);
    bench.put(circuits, "C,S,F,MW,L\nc1,1,K,7,1\nc1,2,K,8,1\nc1,2,K,9,1\nc2,1,G,1,1\n");
    let cancel = Cancel::default();
    let stop = |progress: Progress| {
        if progress.step == Step::Silver {
            cancel.cancel();
        }
    };
    assert!(bench.try_run(&Request::default(), &cancel, &stop).is_err());
    assert_eq!(bench.rows("silver/rejected"), 1, "something was committed");
    bench.put(circuits, was);
    bench.run();
    assert_eq!(bench.rows("silver/rejected"), 0);
    is_refreshed_to_itself(&bench, "taken back");
    // The same of an adapter, by which other records share a key.
    let by_circuit = Bench::with_adapters(&[("seg.toml", &SEGMENTS.replace("key = [\"C\", \"S\"]", "key = [\"C\"]"))]);
    let adapters = std::mem::replace(&mut bench.settings.utilities, by_circuit.settings.utilities.clone());
    assert!(bench.try_run(&Request::default(), &Cancel::default(), &|_| {}).is_ok());
    assert_eq!(bench.rows("silver/rejected"), 1);
    bench.settings.utilities.clone_from(&adapters);
    bench.run();
    assert_eq!(bench.rows("silver/rejected"), 0);
    bench.settings.utilities = by_circuit.settings.utilities.clone();
    let cancel = Cancel::default();
    let stop = |progress: Progress| {
        if progress.step == Step::Silver {
            cancel.cancel();
        }
    };
    assert!(bench.try_run(&Request::default(), &cancel, &stop).is_err());
    assert_eq!(bench.rows("silver/rejected"), 1, "something was committed");
    bench.settings.utilities = adapters;
    bench.run();
    assert_eq!(bench.rows("silver/rejected"), 0);
    is_refreshed_to_itself(&bench, "adapter of before");
    bench.put("seg/2022-09/seg_circuits.csv", "C,S,F,MW,L\nc1,1,F,3,1\n");
    bench.run();
    assert_eq!(
        bench.lines("silver/feeders", "feeder_id, segment_count, valid_from_month"),
        ["F|2|2022-08", "F|2|2022-09", "G|1|2022-08"]
    );
    is_refreshed_to_itself(&bench, "next month");
}

/// A DER whose record a snapshot holds and nobody can read is there, and leads where its circuit does.
#[test]
fn der_that_a_snapshot_only_names_is_linked_anew() {
    let snapshot = SEGMENTS.replace("[install_der]\n", "[install_der]\ndelivery = \"snapshot\"\n");
    let others: String = (0..40).map(|n| format!("E{n},c2,1\n")).collect();
    let ders = |first: &str| format!("ID,F,kW\n{first}\n{others}");
    let bench = loaded(
        ("seg.toml", &snapshot),
        &[
            &[
                ("seg/2022-08/seg_circuits.csv", "C,S,F,MW,L\nc1,1,F,1,1\nc2,1,G,1,1\n"),
                ("seg/2022-08/seg_install_der.csv", &ders("D1,c1,1")),
            ],
            &[
                ("seg/2022-09/seg_circuits.csv", "C,S,F,MW,L\nc1,1,G,1,1\n"),
                ("seg/2022-09/seg_install_der.csv", &ders("D1,c1,1,too,many")),
            ],
        ],
    );
    let of_der: Vec<String> = versions(&bench).into_iter().filter(|version| version.starts_with("D1")).collect();
    assert_eq!(of_der, ["D1|F|1|08|09|seg/08|2", "D1|G|1|09|-|seg/08|2"]);
    let of_feeder = bench.lines("platinum/feeder_capacity", "feeder_id, installed_der_count");
    assert_eq!(of_feeder, ["G|41"]);
}
