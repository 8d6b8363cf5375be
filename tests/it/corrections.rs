//! A correction of an old month costs what it corrects: DERs that it does not touch are neither folded again nor written anew. What
//! follows from it beyond its own records is found all the same.

use std::path::PathBuf;
use std::sync::Mutex;

use feederscope::engine::{Engine, EngineError, Materialized, Session, local};
use feederscope::frame::{Frame, Relation};
use feederscope::lake::Target;
use feederscope::model::Cancel;

use crate::support::{Bench, SEGMENTS, everything, is_refreshed_to_itself};

/// An engine that notes how many rows each plan was held for.
struct Counting;

/// Rows, and the text of the plan.
static HELD: Mutex<Vec<(u64, String)>> = Mutex::new(Vec::new());

impl Engine for Counting {
    fn session(&self, cancel: &Cancel) -> Result<Box<dyn Session>, EngineError> {
        Ok(Box::new(Counted(local().session(cancel)?)))
    }
}

struct Counted(Box<dyn Session>);

impl Session for Counted {
    fn register(&mut self, name: &str, relation: &Relation) -> Result<(), EngineError> {
        self.0.register(name, relation)
    }

    fn create_view(&mut self, name: &str, sql: &str) -> Result<(), EngineError> {
        self.0.create_view(name, sql)
    }

    fn materialize(&mut self, name: &str, sql: &str) -> Result<Materialized, EngineError> {
        let held = self.0.materialize(name, sql)?;
        HELD.lock().unwrap().push((held.rows, sql.to_owned()));
        Ok(held)
    }

    fn name_few(&mut self, name: &str, sql: &str, at_most: u64) -> Result<Option<Materialized>, EngineError> {
        let held = self.0.name_few(name, sql, at_most)?;
        HELD.lock().unwrap().extend(held.iter().map(|held| (held.rows, sql.to_owned())));
        Ok(held)
    }

    fn query(&mut self, sql: &str) -> Result<Frame, EngineError> {
        self.0.query(sql)
    }

    fn write(&mut self, sql: &str, target: &Target) -> Result<Vec<PathBuf>, EngineError> {
        self.0.write(sql, target)
    }
}

fn ders(count: u32, other: &dyn Fn(u32) -> Option<String>) -> String {
    let record = |n| other(n).unwrap_or_else(|| format!("D{n},c{},{n}", 1 + n % 2));
    (0..count).map(record).filter(|record| !record.is_empty()).fold("ID,F,kW\n".to_owned(), |text, record| text + &record + "\n")
}

const CIRCUITS: &str = "C,S,F,MW,L\nc1,1,F,2.5,1\nc1,2,F,2.5,0.5\nc2,1,G,1,1\n";

/// Four months that hold everything, of which each changes one DER.
fn months(adapter: &str, count: u32) -> Bench {
    let bench = Bench::with_adapters(&[("seg.toml", adapter)]);
    for month in 7..11 {
        bench.put(&format!("seg/2022-{month:02}/seg_circuits.csv"), CIRCUITS.replace("2.5", &format!("{month}")));
        bench.put(&format!("seg/2022-{month:02}/seg_install_der.csv"), of_month(month, count, &|_| None));
    }
    bench.run();
    bench
}

fn of_month(month: u32, count: u32, other: &dyn Fn(u32) -> Option<String>) -> String {
    ders(count, &|n| other(n).or_else(|| (n == month).then(|| format!("D{n},c1,100"))))
}

#[test]
fn correction_folds_the_ders_that_it_touches_alone() {
    let mut bench = months(SEGMENTS, 400);
    bench.engine = &Counting;
    // Another rating, and a DER that leads to another feeder.
    let corrected = |n| match n {
        20 => Some("D20,c1,55".to_owned()),
        30 => Some("D30,c2,30".to_owned()),
        _ => None,
    };
    bench.put("seg/2022-08/seg_install_der.csv", of_month(8, 400, &corrected));
    HELD.lock().unwrap().clear();
    bench.run();
    let held = HELD.lock().unwrap();
    assert!(held.iter().any(|(rows, plan)| *rows == 2 && plan.contains("status, der_id")), "{held:?}");
    let of_all: Vec<_> = held.iter().filter(|(rows, plan)| *rows > 20 && plan.contains("der_id")).collect();
    assert!(of_all.is_empty(), "{of_all:?}");
    // Where `der_details` is sorted, the first months of all are looked up.
    assert!(!held.iter().any(|(_, plan)| plan.contains("FROM ended_ders WHERE status = 'installed'")), "{held:?}");
    drop(held);
    // D30 is what it was from the next month on; nothing is sorted anew for it.
    let versions = bench.lines("silver/ders", "der_id, feeder_id, nameplate_kw, valid_from_month, valid_to_month, _source_line");
    let of_id = |id: &str| versions.iter().filter(|line| line.starts_with(id)).map(String::as_str).collect::<Vec<_>>();
    assert_eq!(of_id("D20|"), ["D20|F|20|2022-07|2022-08|22", "D20|F|20|2022-09|-|22", "D20|F|55|2022-08|2022-09|22"]);
    assert_eq!(of_id("D30|"), ["D30|F|30|2022-07|2022-08|32", "D30|F|30|2022-09|-|32", "D30|G|30|2022-08|2022-09|32"]);
    assert_eq!(versions.len(), 400 + 6 + 4, "each month after the first one changes two, the correction two and back again");
    bench.engine = local();
    is_refreshed_to_itself(&bench, "ratings");
}

/// The versions of a DER from a month on.
fn of_der(bench: &Bench, id: &str) -> Vec<String> {
    let columns = "der_id, feeder_id, nameplate_kw, valid_from_month, valid_to_month, _source_line";
    let lines = bench.lines("silver/ders", columns).into_iter();
    lines.filter_map(|line| line.strip_prefix(&format!("{id}|")).map(|rest| rest.replace("2022-", ""))).collect()
}

/// What a correction says of other DERs than those of the records that differ.
#[test]
fn what_follows_from_a_correction_beyond_its_records_is_found() {
    let install = "seg/2022-08/seg_install_der.csv";
    let snapshot = SEGMENTS.replace("[install_der]\n", "[install_der]\ndelivery = \"snapshot\"\n");
    let rating = |n| (n == 20).then(|| "D20,c1,55".to_owned());
    let august = |other: &dyn Fn(u32) -> Option<String>| of_month(8, 40, other);

    // A segment leads elsewhere, and with it the DERs of its circuit, of which no record differs.
    let bench = months(SEGMENTS, 40);
    bench
        .put(install, august(&rating))
        .put("seg/2022-08/seg_circuits.csv", CIRCUITS.replace("c1,1,F", "c1,1,G").replace("c1,2,F", "c1,2,G"));
    bench.run();
    assert_eq!(of_der(&bench, "D22"), ["F|22|07|08|24", "F|22|09|-|24", "G|22|08|09|24"]);
    is_refreshed_to_itself(&bench, "circuits");

    // A record of a snapshot that cannot be read keeps its DER; it has no row that could differ.
    let torn = |n| (n == 39).then(|| "D39,c2".to_owned());
    let gone = |n| (n == 39).then(String::new);
    let bench = months(&snapshot, 40);
    bench.put(install, august(&torn));
    bench.run();
    assert_eq!(of_der(&bench, "D39"), ["G|39|07|-|41"]);
    is_refreshed_to_itself(&bench, "torn");
    bench.put(install, august(&gone));
    bench.run();
    assert_eq!(of_der(&bench, "D39"), ["G|39|07|08|41", "G|39|09|-|41"]);
    is_refreshed_to_itself(&bench, "gone");

    // A record more, before all others: what began with the month is of the next line.
    let bench = months(SEGMENTS, 40);
    bench.put(install, august(&rating).replace("kW\n", "kW\nNEW,c1,1\n"));
    bench.run();
    assert_eq!(of_der(&bench, "D7"), ["F|100|07|08|9", "G|7|08|-|10"]);
    is_refreshed_to_itself(&bench, "a line before");

    // The same records, a line later each.
    let bench = months(SEGMENTS, 40);
    bench.put(install, august(&|_| None).replace("kW\n", "kW\n\n"));
    bench.run();
    assert_eq!(of_der(&bench, "D7"), ["F|100|07|08|9", "G|7|08|-|10"]);
    is_refreshed_to_itself(&bench, "an empty line");

    // A cell of a column without a name, which is no part of what tells records apart.
    let nameless = SEGMENTS.replace("from = \"kW\", unit", "from = \"column_3\", unit");
    let bench = Bench::with_adapters(&[("seg.toml", &nameless)]);
    for month in 7..9 {
        bench.put(&format!("seg/2022-{month:02}/seg_install_der.csv"), format!("ID,F,\nA,c1,{month}\nB,c1,2\n"));
    }
    bench.run();
    bench.put(install, "ID,F,\nA,c1,9\nB,c1,2\n");
    bench.run();
    assert_eq!(of_der(&bench, "A"), ["-|7|07|08|2", "-|9|08|-|2"]);

    // The same content under another name.
    let bench = months(SEGMENTS, 40);
    bench.put("seg/2022-08/seg_install_der_v2.csv", august(&rating));
    bench.run();
    is_refreshed_to_itself(&bench, "another name");
}

/// Corrections of one feed after another, of which each is right by itself.
#[test]
fn corrections_one_after_another_give_the_tables_of_a_refresh() {
    for adapter in [SEGMENTS.to_owned(), SEGMENTS.replace("[install_der]\n", "[install_der]\ndelivery = \"snapshot\"\n")] {
        // One goes on from correction to correction, the other is made anew after each.
        let (bench, at_once) = (months(&adapter, 40), months(&adapter, 40));
        let corrections: [(&str, u32, String); 8] = [
            ("id", 8, of_month(8, 40, &|n| (n == 3).then(|| "Z3,c2,3".into()))),
            ("twice", 8, of_month(8, 40, &|n| (n == 3).then(|| "D30,c2,3".into()))),
            ("no more twice", 8, of_month(8, 40, &|n| (n == 3).then(|| "D3,c2,4".into()))),
            ("less", 9, of_month(9, 39, &|_| None)),
            ("more", 9, of_month(9, 42, &|_| None)),
            ("first", 7, of_month(7, 40, &|n| (n == 5).then(|| "D5,c9,5".into()))),
            ("newest", 10, of_month(10, 40, &|n| (n == 5).then(|| "D5,c1,6".into()))),
            ("as it was", 10, of_month(10, 40, &|_| None)),
        ];
        for (what, month, content) in corrections {
            let file = format!("seg/2022-{month:02}/seg_install_der.csv");
            bench.put(&file, &content);
            assert_eq!(bench.run().count("superseded"), 1, "{what}");
            at_once.put(&file, &content).run();
            is_refreshed_to_itself(&at_once, what);
            assert_eq!(everything(&bench), everything(&at_once), "{what}");
        }
    }
}

/// What was set aside of a later month is not looked for again, but where the books do not say what the table does.
#[test]
fn later_month_is_without_its_rejected_records_even_where_their_table_is_gone() {
    let bench = Bench::with_adapters(&[("seg.toml", SEGMENTS)]);
    for month in 7..11 {
        bench.put(&format!("seg/2022-{month:02}/seg_circuits.csv"), CIRCUITS.replace("2.5", &format!("{month}")));
        // Of D5 the second record stands.
        let of_september = if month == 9 { "D5,c2,8\n" } else { "" };
        let ders = of_month(month, 40, &|_| None) + of_september;
        bench.put(&format!("seg/2022-{month:02}/seg_install_der.csv"), ders);
    }
    bench.run();
    let rejected = ["2022-09|7|duplicate-key"];
    let expected = ["G|5|07|09|7", "G|5|10|-|7", "G|8|09|10|42"];
    for is_gone in [false, true] {
        if is_gone {
            std::fs::remove_dir_all(bench.settings.lake.join("iedr_dev/silver/rejected")).unwrap();
        }
        let corrected = |n| (n == 20).then(|| format!("D20,c1,{}", if is_gone { 56 } else { 55 }));
        bench.put("seg/2022-08/seg_install_der.csv", of_month(8, 40, &corrected));
        bench.run();
        assert_eq!(bench.lines("silver/rejected", "delivery_month, source_line, reason"), rejected);
        assert_eq!(of_der(&bench, "D5"), expected);
        is_refreshed_to_itself(&bench, "rejected");
    }
}

/// The months before a corrected one are what the segments that it goes on from are put together from.
#[test]
fn records_without_key_of_an_earlier_month_are_no_segments_even_where_their_table_is_gone() {
    let bench = Bench::with_adapters(&[("seg.toml", SEGMENTS)]);
    for month in 7..11 {
        // Neither a segment without its number, nor the first of two with the same, is one.
        let keyless = if month == 7 { "c9,,K,9,1\nc8,1,L,9,1\nc8,1,F,2,1\n" } else { "c8,1,F,2,1\n" };
        let circuits = CIRCUITS.replace("2.5", &format!("{month}")) + keyless;
        bench.put(&format!("seg/2022-{month:02}/seg_circuits.csv"), circuits);
    }
    bench.run();
    std::fs::remove_dir_all(bench.settings.lake.join("iedr_dev/silver/rejected")).unwrap();
    bench.put("seg/2022-08/seg_circuits.csv", "C,S,F,MW,L\nc1,1,F,3,1\n");
    bench.run();
    let feeders =
        bench.lines("silver/feeders", "feeder_id, max_hosting_capacity_mw, segment_count, valid_from_month, valid_to_month");
    // By hand: August changes one segment, and the second one of July says 7 still.
    let of_august = ["F|7|3|2022-07|2022-09", "G|1|1|2022-07|-"];
    assert!(of_august.iter().all(|line| feeders.contains(&(*line).to_owned())), "{feeders:?}");
    assert!(!feeders.iter().any(|line| line.starts_with('K') || line.starts_with('L') || line.starts_with('-')), "{feeders:?}");
    let rejected = bench.lines("silver/rejected", "delivery_month, source_line, reason");
    assert_eq!(rejected, ["2022-07|5|primary-key", "2022-07|6|duplicate-key"]);
    is_refreshed_to_itself(&bench, "segments");
}

/// One file, which a utility writes anew each month: its name and a line tell a record only together with the month.
#[test]
fn file_of_one_name_for_all_months_is_corrected_in_an_old_one() {
    let bench = Bench::with_adapters(&[("seg.toml", SEGMENTS)]);
    let file = "seg_install_der.csv";
    let deliver = |month: u8, records: &str| {
        bench.put(file, format!("ID,F,kW\n{records}")).of_month(file, month);
        assert_eq!(bench.run().refused().count(), 0);
    };
    deliver(8, "D1,F1,1\nD2,F1,2\n");
    deliver(9, "D1,F1,10\nD2,F1,20\n");
    deliver(10, "D1,F1,100\nD3,F1,3\n");
    // August with its records in another order.
    deliver(8, "D2,F1,2\nD1,F1,1\n");
    assert_eq!(of_der(&bench, "D1"), ["-|100|10|-|2", "-|10|09|10|2", "-|1|08|09|3"]);
    assert_eq!(of_der(&bench, "D2"), ["-|20|09|-|3", "-|2|08|09|2"]);
    is_refreshed_to_itself(&bench, "one name");
}
