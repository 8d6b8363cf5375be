//! Property: whatever comes in whatever order, the tables are those of the files that are there, and stay so.
//!
//! Random sequences of deliveries (late months, corrections, some of which leave most records where they were, several files a month, duplicates, records without key or
//! feeder, records that repeat those of other months, values that move into empty neighbours, corrections that are taken back, runs that are
//! asked to stop, an adapter that changes in between) are loaded one by one, all at once, and
//! refreshed twice; what comes at once goes through an engine that holds nothing, as if everything were too much. Tables, outcomes of rules and ledgers are the same each time, and those of the model in `history`, which shares
//! no code with the program and knows no torn record. Where a file has one name for all months, what was loaded one by one is refreshed alone. `kinds` counts which kinds of change were met.
//!
//! `FEEDERSCOPE_SEQUENCES=2000 cargo test --release --test it sequences::` tries so many; without it there are a few.

mod deliveries;
mod history;
mod holds_nothing;
mod kinds;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use feederscope::app::reads::checks;
use feederscope::config::RuleSet;
use feederscope::model::Cancel;
use feederscope::pipeline::Request;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use crate::support::Bench;
use deliveries::{Content, Correction, Gene, Grain, Mode, Style, Utility};
use history::Expected;

/// Every column but those that say when and by which run something was loaded.
const TABLES: [(&str, &str); 10] = [
    ("silver/feeders", "*"),
    ("silver/feeder_circuits", "*"),
    ("silver/ders", "*"),
    (
        "silver/rejected",
        "utility_id, dataset, delivery_month, stage, source_file, source_line, reason, column_name, value, raw_record",
    ),
    ("platinum/feeder_capacity", "*"),
    ("platinum/der_details", "*"),
    ("platinum/column_quality", "*"),
    ("platinum/month_diff", "*"),
    ("platinum/field_changes", "*"),
    (
        "platinum/data_quality_summary",
        "delivery_month, utility_id, dataset, row_count, rejected_count, duplicate_count, missing_cells, missing_rate, invalid_cells, last_refresh, freshness, source_files",
    ),
];

/// A lake that knows one utility and every built-in rule.
fn bench(utility: &Utility) -> Bench {
    let mut bench = Bench::with_adapters(&[("own.toml", &utility.adapter_toml())]);
    bench.settings.utilities.retain(|adapter| adapter.id.as_str() == utility.id);
    bench.settings.max_bad_share = 1.0;
    bench.settings.rules = RuleSet::load(std::path::Path::new("/nowhere")).0;
    bench
}

/// Everything that must not depend on how the files came: tables, and the outcomes that count.
fn seen(bench: &Bench) -> BTreeMap<String, Vec<String>> {
    let mut seen: BTreeMap<String, Vec<String>> =
        TABLES.iter().map(|(table, columns)| ((*table).to_owned(), bench.lines_if_any(table, columns))).collect();
    let outcomes = checks::outcomes(&bench.lake, &bench.settings).unwrap();
    let line = |o: &checks::Checked| {
        let detail = o.detail.clone().unwrap_or_default();
        format!("{} {} {} {} {}/{} {detail}", o.month, o.dataset, o.rule, o.state.as_str(), o.failed, o.checked)
    };
    seen.insert("ops/rule_results".into(), outcomes.iter().map(line).collect());
    seen
}

/// What the model speaks of, as the tables have it.
fn modelled(bench: &Bench) -> Expected {
    let lines = |table: &str, columns: &str| bench.lines_if_any(table, columns);
    let diffs = lines(
        "platinum/month_diff",
        "dataset, delivery_month, current_count, previous_current_count, added, changed, removed, unchanged",
    );
    Expected {
        feeders: lines(
            "silver/feeders",
            "feeder_id, max_hosting_capacity_mw, min_hosting_capacity_mw, hca_refresh_date, notes, segment_count, circuit_count, length, valid_from_month, valid_to_month, is_current",
        ),
        circuits: lines("silver/feeder_circuits", "circuit_id, feeder_id, segment_count"),
        ders: lines(
            "silver/ders",
            "status, der_id, feeder_id, feeder_ref, feeder_match, der_type, der_type_source, nameplate_kw, interconnection_cost_usd, planned_in_service_date, completion_date, _source_file, _source_line, valid_from_month, valid_to_month, is_current",
        ),
        rejected: lines("silver/rejected", "dataset, delivery_month, source_file, source_line, reason"),
        diffs: diffs.into_iter().filter(|line| line.starts_with("feeders|") || line.starts_with("ders|")).collect(),
        capacity: lines(
            "platinum/feeder_capacity",
            "feeder_id, max_hosting_capacity_mw, installed_der_count, planned_der_count, installed_der_mw, planned_der_mw",
        ),
        ledger: ledger(bench),
    }
}

/// Records, those taken and those rejected of each delivery, going by the rule that closes the ledger.
fn ledger(bench: &Bench) -> Vec<String> {
    let outcomes = checks::outcomes(&bench.lake, &bench.settings).unwrap();
    let ledgers = outcomes.iter().filter(|outcome| outcome.rule == "ledger-closes" && outcome.checked > 0);
    let line = |outcome: &checks::Checked| {
        // `3 records = 3 in bronze + 0 rejected; 3 in bronze = 2 in silver + 1 rejected`
        let detail = outcome.detail.as_deref().unwrap();
        let numbers: Vec<&str> = detail.split(' ').filter(|word| word.parse::<u64>().is_ok()).collect();
        assert_eq!((outcome.state.as_str(), outcome.failed), ("passed", 0), "{detail}");
        format!("{}|{}|{}|{}|{}", outcome.dataset, outcome.month, numbers[0], numbers[4], numbers[5])
    };
    let mut lines: Vec<String> = ledgers.map(line).collect();
    lines.sort();
    lines
}

/// Lines that are in one of two lakes only.
fn differences(left: &BTreeMap<String, Vec<String>>, right: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut found = Vec::new();
    for (table, lines) in left {
        let others = &right[table];
        found.extend(lines.iter().filter(|line| !others.contains(line)).map(|line| format!("- {table}: {line}")));
        found.extend(others.iter().filter(|line| !lines.contains(line)).map(|line| format!("+ {table}: {line}")));
        if found.is_empty() && lines != others {
            found.push(format!("{table}: a line occurs more than once"));
        }
    }
    found
}

/// The DERs that `der_details` has, which takes over what a month leaves as it was.
fn details(bench: &Bench) -> Vec<String> {
    let columns = "status, der_id, feeder_id, nameplate_kw, last_changed_month, first_seen_month, also_installed";
    bench.lines_if_any("platinum/der_details", columns)
}

/// The same, going by the versions in `silver/ders`.
fn details_of_versions(bench: &Bench) -> Vec<String> {
    let versions = bench.lines_if_any("silver/ders", "status, der_id, feeder_id, nameplate_kw, valid_from_month, is_current");
    let versions: Vec<Vec<&str>> = versions.iter().map(|line| line.split('|').collect()).collect();
    let current = |version: &&Vec<&str>| version[5] == "true";
    let line = |version: &Vec<&str>| {
        let first = versions.iter().filter(|other| other[..2] == version[..2]).map(|other| other[4]).min().unwrap();
        let is_built = |other: &Vec<&str>| other[..2] == ["installed", version[1]];
        let also_installed = version[0] == "planned" && versions.iter().filter(current).any(is_built);
        format!("{}|{first}|{also_installed}", version[..5].join("|"))
    };
    let mut lines: Vec<String> = versions.iter().filter(current).map(line).collect();
    lines.sort();
    lines
}

fn refresh(bench: &Bench) {
    let again = Request { full_refresh: true, ..Request::default() };
    bench.try_run(&again, &Cancel::default(), &|_| {}).unwrap();
}

fn utilities() -> impl Strategy<Value = Utility> {
    let mode = || prop_oneof![Just(Mode::Incremental), Just(Mode::Snapshot)];
    (prop_oneof![Just(Grain::Segment), Just(Grain::Entity)], mode(), mode(), mode()).prop_map(
        |(grain, circuits, installed, planned)| {
            let id = if grain == Grain::Segment { "seg" } else { "ent" };
            Utility { id, grain, circuits, installed, planned }
        },
    )
}

/// A utility, the deliveries in their order, how many of them arrive between two runs, and after how many of them the adapter says
/// what it says in the end; before that it takes planned DERs in the other mode.
#[derive(Debug, Clone)]
struct Sequence {
    utility: Utility,
    genes: Vec<Gene>,
    /// Files that come again after all others, nearly as they were.
    corrections: Vec<Correction>,
    batch: usize,
    adapter_changes_after: usize,
    /// Whether no month comes late.
    in_order: bool,
    style: Style,
    /// After how many notices each run is asked to stop, one after the other and again from the first; `None` goes to its end.
    stopped_after: Vec<Option<u32>>,
}

impl Sequence {
    fn steps(&self) -> Vec<(String, Content)> {
        let mut genes: Vec<&Gene> = self.genes.iter().collect();
        if self.in_order {
            genes.sort_by_key(|gene| gene.month);
        }
        let mut steps: Vec<(String, Content)> = Vec::new();
        for (serial, gene) in genes.into_iter().enumerate() {
            let (path, mut content) = deliveries::step(&self.utility, self.style, gene, serial);
            let before = steps.iter().rfind(|(_, other)| other.dataset == content.dataset);
            if let (false, Some((_, before))) = (self.style.are_numbered, before) {
                content.repeat(before, gene);
            }
            steps.push((path, content));
        }
        for correction in &self.corrections {
            let (path, month) = {
                let (path, content) = &steps[correction.of.index(steps.len())];
                (path.clone(), content.month.clone())
            };
            let last = steps.iter().rfind(|(other, content)| (other, &content.month) == (&path, &month));
            let Some(was) = last.map(|(_, content)| content.clone()) else { continue };
            steps.push((path.clone(), deliveries::corrected(&self.utility, &was, correction)));
            if correction.is_taken_back {
                steps.push((path, was));
            }
        }
        steps
    }

    /// The utility as its adapter describes it until the change.
    fn before_change(&self) -> Utility {
        let planned = if self.utility.planned == Mode::Snapshot { Mode::Incremental } else { Mode::Snapshot };
        Utility { planned, ..self.utility }
    }
}

fn sequences() -> impl Strategy<Value = Sequence> {
    let rows = prop::collection::vec(any::<[u8; 6]>(), 0..7);
    // In two of three files the columns are those that the adapter names.
    let columns = prop_oneof![2 => Just(0), 1 => 0_u8..30];
    let gene = (0_u8..3, 0_u8..4, 0_u8..3, columns, rows).prop_map(|(dataset, month, part, columns, rows)| Gene {
        dataset,
        month,
        part,
        columns,
        rows,
    });
    let correction =
        (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0_u8..8, any::<u8>(), prop::bool::weighted(0.3))
            .prop_map(|(of, row, cells, choice, is_taken_back)| Correction { of, row, cells, choice, is_taken_back });
    let corrections = prop::collection::vec(correction, 0..4);
    // In one of two sequences the adapter is the same from the start.
    let change = prop_oneof![Just(0_usize), 1_usize..10];
    let style = (any::<bool>(), prop::bool::weighted(0.8), prop::bool::weighted(0.2))
        .prop_map(|(are_numbered, say_month, are_torn)| Style { are_numbered, say_month, are_torn });
    let stop = prop_oneof![3 => Just(None), 1 => (0_u32..60).prop_map(Some)];
    let stops = prop_oneof![Just(vec![None]), prop::collection::vec(stop, 1..6)];
    (utilities(), prop::collection::vec(gene, 1..12), corrections, 1_usize..4, change, prop::bool::weighted(0.3), style, stops)
        .prop_map(|(utility, genes, corrections, batch, adapter_changes_after, in_order, style, stopped_after)| Sequence {
            utility,
            genes,
            corrections,
            batch,
            adapter_changes_after,
            in_order,
            style,
            stopped_after,
        })
}

fn cases() -> u32 {
    std::env::var("FEEDERSCOPE_SEQUENCES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(12)
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, max_shrink_iters: 4 * cases, failure_persistence: None, ..ProptestConfig::default() }
}

#[test]
fn tables_are_those_of_the_files_however_they_came() {
    let (met, ended_early, passed) = (RefCell::new(BTreeMap::new()), Cell::new(0), Cell::new(0_u32));
    let tried = TestRunner::new(config(cases())).run(&sequences(), |sequence| {
        kinds::count(&sequence, &mut met.borrow_mut());
        ended_early.set(ended_early.get() + however_they_came(&sequence)?);
        passed.set(passed.get() + 1);
        if passed.get().is_multiple_of(50) {
            eprintln!("{} sequences passed", passed.get());
        }
        Ok(())
    });
    eprintln!("sequences with each kind of change: {:?}; changes that ended early: {}", met.borrow(), ended_early.get());
    if let Err(error) = tried {
        panic!("{error}");
    }
}

/// Puts a file into the landing folder.
fn put(bench: &Bench, sequence: &Sequence, path: &str, content: &Content) {
    bench.put(path, content.csv(&sequence.utility));
    if sequence.style.say_month {
        bench.at_the_same_time(path);
    } else {
        bench.of_month(path, content.month.trim_start_matches("2022-").parse().unwrap());
    }
}

/// A run that is asked to stop after so many notices of what it does; it may come to its end before.
fn stopped(bench: &Bench, notices: u32) {
    let (cancel, told) = (Cancel::default(), AtomicU32::new(0));
    let tell = |_| {
        if told.fetch_add(1, Ordering::Relaxed) == notices {
            cancel.cancel();
        }
    };
    let ended = bench.try_run(&Request::default(), &cancel, &tell);
    assert!(ended.is_ok() || cancel.is_cancelled(), "{ended:?}");
}

/// How often a change of an earlier month was not folded in up to the newest.
fn however_they_came(sequence: &Sequence) -> Result<u32, TestCaseError> {
    let (utility, steps) = (&sequence.utility, sequence.steps());
    let mut stepwise = bench(&sequence.before_change());
    let mut ended_early = 0;
    for (at, some) in steps.chunks(sequence.batch).enumerate() {
        if at * sequence.batch >= sequence.adapter_changes_after {
            stepwise.settings.utilities = bench(utility).settings.utilities;
        }
        for (path, content) in some {
            put(&stepwise, sequence, path, content);
        }
        if let Some(notices) = sequence.stopped_after[at % sequence.stopped_after.len()] {
            stopped(&stepwise, notices);
            continue;
        }
        let reach = stepwise.run().rebuilt.first().map(|(_, reach)| *reach);
        prop_assert_eq!(details(&stepwise), details_of_versions(&stepwise));
        ended_early += u32::from(reach.is_some_and(|reach| reach.until.is_some()));
    }
    stepwise.settings.utilities = bench(utility).settings.utilities;
    stepwise.run();
    if !sequence.style.say_month {
        // The landing folder has the last of the files alone; bronze has all that were loaded.
        let loaded = seen(&stepwise);
        refresh(&stepwise);
        prop_assert_eq!(differences(&loaded, &seen(&stepwise)), Vec::<String>::new());
        return Ok(ended_early);
    }
    let files: BTreeMap<String, Content> = steps.into_iter().collect();
    let mut at_once = bench(utility);
    at_once.engine = &holds_nothing::HoldsNothing;
    for (path, content) in &files {
        put(&at_once, sequence, path, content);
    }
    let report = at_once.run();
    prop_assert_eq!(report.failed, Vec::new());
    let whole = seen(&at_once);
    prop_assert_eq!(differences(&seen(&stepwise), &whole), Vec::<String>::new());
    if !sequence.style.are_torn {
        prop_assert_eq!(modelled(&at_once), history::expected(utility, &files));
    }
    for _ in 0..2 {
        refresh(&stepwise);
        prop_assert_eq!(differences(&seen(&stepwise), &whole), Vec::<String>::new());
    }
    Ok(ended_early)
}

/// Drawn without being loaded: each kind of change is in more than one of thirty sequences, so that the thousands that were tried,
/// and within weeks those of every day, meet it.
#[test]
fn each_kind_of_change_is_drawn() {
    let met = RefCell::new(BTreeMap::new());
    let drawn = TestRunner::new_with_rng(config(600), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let mut drawn = drawn;
    drawn
        .run(&sequences(), |sequence| {
            kinds::count(&sequence, &mut met.borrow_mut());
            Ok(())
        })
        .unwrap();
    let met = met.into_inner();
    for kind in kinds::ALL {
        assert!(met.get(&kind).is_some_and(|count| *count > 20), "{kind:?} in {:?} of 600", met.get(&kind));
    }
}
