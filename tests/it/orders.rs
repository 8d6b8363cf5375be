//! Property: any order of the same deliveries gives the same platinum tables.

use proptest::prelude::*;

use crate::months::{FEEDERS, INSTALLED, SNAPSHOT, feeder};
use crate::support::Bench;

/// What each table holds but for the times of the load.
const TABLES: [(&str, &str); 6] = [
    ("platinum/feeder_capacity", "*"),
    ("platinum/der_details", "*"),
    ("platinum/column_quality", "*"),
    ("platinum/month_diff", "*"),
    ("platinum/field_changes", "*"),
    (
        "platinum/data_quality_summary",
        "delivery_month, utility_id, dataset, row_count, rejected_count, missing_cells, invalid_cells, last_refresh, freshness, source_files",
    ),
];

fn tables(bench: &Bench) -> Vec<Vec<String>> {
    TABLES.iter().map(|(table, columns)| bench.lines(table, columns)).collect()
}

/// Feeders `F0`… with a capacity each, for each of three months; DERs that refer to them; a snapshot utility.
fn deliveries() -> impl Strategy<Value = Vec<(String, String)>> {
    let month = prop::collection::vec((0_u8..4, 0_u8..3), 1..4);
    prop::collection::vec(month, 6).prop_map(|months| {
        let mut files = Vec::new();
        for (at, rows) in months.into_iter().enumerate() {
            let month = format!("2022-{:02}", 8 + at % 3);
            let third: String = rows.iter().map(|(id, mw)| format!("F{id},{mw}000\n")).collect();
            let feeders: String = rows.iter().map(|(id, mw)| feeder(&format!("F{id}"), &mw.to_string())).collect();
            let ders: String = rows.iter().map(|(id, mw)| format!("D{mw},null,Solar,{id}.5,F{id},0\n")).collect();
            if at < 3 {
                files.push((format!("third/{month}/third_circuits.csv"), format!("F,kW\n{third}")));
                files.push((format!("utility2/{month}/utility2_circuits.csv"), format!("{FEEDERS}{feeders}")));
            } else {
                files.push((format!("utility2/{month}/utility2_install_der.csv"), format!("{INSTALLED}{ders}")));
            }
        }
        files
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn order_of_arrival_never_shows(files in deliveries(), keys in prop::collection::vec(any::<u32>(), 9), batch in 1_usize..4) {
        let at_once = Bench::with_adapters(&[("third.toml", SNAPSHOT)]);
        for (file, content) in &files {
            at_once.put(file, content);
        }
        at_once.run();
        let mut shuffled: Vec<_> = files.iter().zip(&keys).collect();
        shuffled.sort_by_key(|(_, key)| **key);
        let one_by_one = Bench::with_adapters(&[("third.toml", SNAPSHOT)]);
        for some in shuffled.chunks(batch) {
            for ((file, content), _) in some {
                one_by_one.put(file, content);
            }
            one_by_one.run();
        }
        prop_assert_eq!(tables(&one_by_one), tables(&at_once));
    }
}
