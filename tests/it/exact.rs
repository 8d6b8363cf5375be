//! Units and sums to the last bit: the double nearest to the true quotient, however rows fall into blocks.

use std::fmt::Write;

use crate::support::{Bench, SNAPSHOT};

/// `kw` kilowatts in megawatts: the decimal point moves, and the digits are read by Rust's own parser.
fn megawatts(kw: u64) -> f64 {
    format!("{}.{:03}", kw / 1000, kw % 1000).parse().unwrap()
}

const DERS: &str = "[install_der]\nkey = [\"ID\"]\ndelivery = \"snapshot\"\n[install_der.columns]\nder_id = \"ID\"\nfeeder_ref = \"F\"\nnameplate_kw = { from = \"kW\", unit = \"kW\" }\n";

/// Feeders and DERs of these ratings in one file each.
fn loaded(kilowatts: &[u64]) -> Bench {
    let bench = Bench::with_adapters(&[("third.toml", &format!("{SNAPSHOT}{DERS}"))]);
    let feeders: String = kilowatts.iter().enumerate().map(|(at, kw)| format!("F{at},{kw}\n")).collect();
    let ders: String = kilowatts.iter().enumerate().map(|(at, kw)| format!("D{at},F{at},{kw}\n")).collect();
    bench.put("third/2022-08/third_circuits.csv", format!("F,kW\n{feeders}"));
    bench.put("third/2022-08/third_install_der.csv", format!("ID,F,kW\n{ders}"));
    bench.run();
    bench
}

/// Every megawatt of the tables against the decimal point.
fn agree(bench: &Bench, kilowatts: &[u64]) {
    for (table, id, columns) in [
        ("silver/feeders", "feeder_id", &["max_hosting_capacity_mw"][..]),
        ("platinum/feeder_capacity", "feeder_id", &["max_hosting_capacity_mw", "installed_der_mw"]),
        ("platinum/der_details", "der_id", &["nameplate_mw"]),
    ] {
        let rows = bench.query(table, &format!("SELECT {id}, {} FROM t", columns.join(", ")));
        assert_eq!(rows.height(), kilowatts.len(), "{table}");
        for row in 0..rows.height() {
            let at: usize = rows.text(id, row).unwrap()[1..].parse().unwrap();
            for column in columns {
                let found = rows.number(column, row).unwrap();
                assert_eq!(
                    found.to_bits(),
                    megawatts(kilowatts[at]).to_bits(),
                    "{table}.{column} of {} kW is {found}",
                    kilowatts[at]
                );
            }
        }
    }
}

#[test]
fn whole_kilowatts_are_the_nearest_megawatts() {
    let all: Vec<u64> = (1..=100_000).collect();
    agree(&loaded(&all), &all);
}

#[test]
fn number_of_rows_does_not_show_in_the_last_bit() {
    for rows in [1, 2, 3, 65_537] {
        let same: Vec<u64> = (0..rows).map(|_| 8008).collect();
        let bench = loaded(&same);
        agree(&bench, &same);
        assert_eq!(bench.count("platinum/feeder_capacity", "max_hosting_capacity_mw > 8.008"), 0, "strictly more");
    }
}

/// A feeder's length is the sum of its segments': 0.1 + 0.2 is 0.3, whatever else the file holds.
#[test]
fn sums_are_the_nearest_to_the_decimal_sum_on_every_refresh() {
    const SEGMENTS: &str = "utility = \"third\"\n[circuits]\nkey = [\"C\", \"S\"]\ngrain = \"segment\"\n[circuits.columns]\nfeeder_id = \"F\"\ncircuit_id = \"C\"\nlength = { from = \"L\", aggregate = \"sum\" }\n";
    for others in [0, 1, 40] {
        let bench = Bench::with_adapters(&[("third.toml", SEGMENTS)]);
        let mut text = "C,S,F,L\nc,1,A,0.1\nc,2,A,0.2\nc,3,B,12345678.9\nc,4,B,0.000000000001\nc,5,Z,-0\n".to_owned();
        for n in 0..others {
            let _ = writeln!(text, "d,{n},X{n},0.7");
        }
        bench.put("third/2022-08/third_circuits.csv", text);
        let versions = || bench.lines("silver/feeders", "feeder_id, length, valid_from_month");
        for _ in 0..3 {
            let again = feederscope::pipeline::Request { full_refresh: true, ..Default::default() };
            bench.try_run(&again, &feederscope::model::Cancel::default(), &|_| {}).unwrap();
            let lengths = versions();
            assert_eq!(lengths[..2], ["A|0.3|2022-08", "B|12345678.9|2022-08"]);
            let z = bench.query("silver/feeders", "SELECT length FROM t WHERE feeder_id = 'Z'").number("length", 0).unwrap();
            assert_eq!(z.to_bits(), 0.0_f64.to_bits(), "one zero");
        }
    }
}

/// Fractions of a kilowatt: 7.6 kW are 0.0076 MW, not the quotient of the double that is nearest to 7.6.
#[test]
fn fractions_of_kilowatts_move_their_point() {
    let bench = Bench::with_adapters(&[("third.toml", &format!("{SNAPSHOT}{DERS}"))]);
    let tenths: Vec<u64> = (1..=20_000).collect();
    let ders: String = tenths.iter().map(|n| format!("D{n},F,{}.{}\n", n / 10, n % 10)).collect();
    bench.put("third/2022-08/third_install_der.csv", format!("ID,F,kW\n{ders}"));
    bench.run();
    let rows = bench.query("platinum/der_details", "SELECT der_id, nameplate_mw FROM t");
    for row in 0..rows.height() {
        let n: u64 = rows.text("der_id", row).unwrap()[1..].parse().unwrap();
        let expected: f64 = format!("{}.{:04}", n / 10_000, n % 10_000).parse().unwrap();
        assert_eq!(rows.number("nameplate_mw", row).unwrap().to_bits(), expected.to_bits(), "{n} tenths of a kW");
    }
}

#[test]
fn large_ratings_are_in_the_sum_as_they_are_in_the_row() {
    let bench = Bench::with_adapters(&[("third.toml", &format!("{SNAPSHOT}{DERS}"))]);
    bench.put("third/2022-08/third_circuits.csv", "F,kW\nA,1\nB,1\n");
    // 150 of 90 GW, and one of 100 GW.
    let ders: String = (0..150).map(|n| format!("D{n},A,90000000\n")).collect();
    bench.put(
        "third/2022-08/third_install_der.csv",
        format!("ID,F,kW\n{ders}E,B,100000000\nG,B,999999999999999\nH,B,999999999999999\n"),
    );
    bench.run();
    // 150 · 90 GW; 100,000 MW and twice 999,999,999,999.999 MW.
    assert_eq!(
        bench.lines("platinum/feeder_capacity", "feeder_id, installed_der_mw"),
        ["A|13500000".to_owned(), format!("B|{}", 2_000_000_099_999.998_f64)]
    );
}
