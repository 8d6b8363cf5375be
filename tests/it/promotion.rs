//! From dev to qa and prod, and back: whole or not at all, and nothing that was not reviewed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use feederscope::app::promotion::{self, By, Promotion, PromotionError, Review, Way, plan_rollback, promotions, verify};
use feederscope::app::reads::checks;
use feederscope::config::{RuleSet, Settings};
use feederscope::engine::{Work, local};
use feederscope::lake::{Change, Faults, Lake, LakeError, Moment, Operation, Vacuum};
use feederscope::model::{Cancel, Day, Environment, Month, Timestamp};
use feederscope::pipeline::PipelineError;
use feederscope::pipeline::bronze::BronzeTables;
use feederscope::pipeline::rules::{Decision, acknowledge};
use sha2::{Digest, Sha256};

use crate::faults::{Always, Fault, Kind, copy_of_kept, steps};
use crate::months::PLANNED;
use crate::program::{Program, code};
use crate::rewritten::double_rows;
use crate::support::{Bench, FEEDERS, INSTALLED, NOW, feeder, show, table_id};

const BY: By<'static> = By { account: "steward", reason: Some("reviewed") };
const TO_QA: Way = Way { from: Environment::Dev, to: Environment::Qa };
const TO_PROD: Way = Way { from: Environment::Qa, to: Environment::Prod };

/// A lake with all three deliveries of a month, and rules.
fn loaded(month: &str, capacity: &str) -> Bench {
    let mut bench = Bench::new();
    let (rules, problems) = RuleSet::load(&bench.settings.paths.config.join("rules"));
    assert_eq!(problems, []);
    bench.settings.rules = rules;
    deliver(&mut bench, month, capacity);
    bench
}

/// Brings all three files of a month, and loads them on its 20th day.
fn deliver(bench: &mut Bench, month: &str, capacity: &str) {
    bench.settings.today = Month::parse(month).unwrap().day(20);
    let file = |dataset: &str| format!("utility2/{month}/utility2_{dataset}.csv");
    bench.put(&file("circuits"), format!("{FEEDERS}{}{}", feeder("A", capacity), feeder("B", "3")));
    bench.put(&file("install_der"), format!("{INSTALLED}D1,null,Solar,7.6,A,0\nD2,null,Wind,100,B,0\n"));
    bench.put(&file("planned_der"), format!("{PLANNED}Solar,5,5,2023/01/01 00:00:00+00,null,null,0,Q1,1,A\n"));
    bench.run();
}

/// Seconds of decisions: the newest counts.
static SIGNED: AtomicI64 = AtomicI64::new(0);

/// Signs for every error that is open.
fn sign(bench: &Bench) {
    let outcomes = checks::outcomes(&bench.lake, &bench.settings).unwrap();
    let decisions: Vec<Decision<'_>> = outcomes
        .iter()
        .filter(|checked| checked.is_bad())
        .map(|checked| checked.decision("known to the utility", "steward", Day::parse("2023-12-31").unwrap()))
        .collect();
    let later = Timestamp::from_micros(NOW.micros() + 1_000_000 * SIGNED.fetch_add(1, Ordering::Relaxed));
    acknowledge(&bench.lake, &decisions, later).unwrap();
}

fn review(bench: &Bench, way: Way) -> Review {
    Review::of(&bench.lake, &bench.settings, way, None).unwrap()
}

fn promote(bench: &Bench, way: Way) -> Promotion {
    let review = review(bench, way);
    review.promote(&bench.lake, &BY, NOW).unwrap_or_else(|error| panic!("{error}; {:#?}", review.gate))
}

/// Each table's rows as sorted lines, but for that of promotions, which is each environment's own.
fn contents(lake: &Lake) -> BTreeMap<String, Vec<String>> {
    let lake = lake.pinned();
    let mut contents = BTreeMap::new();
    for table in lake.all_tables().into_iter().filter(|table| *table != table_id("ops/promotions")) {
        let mut session = local().session(&Cancel::default()).unwrap();
        session.register("t", &lake.snapshot(&table).unwrap().unwrap().scan_all()).unwrap();
        let rows = session.query("SELECT * FROM t").unwrap();
        let mut lines: Vec<String> =
            (0..rows.height()).map(|row| rows.row(row).iter().map(show).collect::<Vec<_>>().join("|")).collect();
        lines.sort();
        if !lines.is_empty() {
            contents.insert(table.to_string(), lines);
        }
    }
    contents
}

/// Which content of which file is in bronze, by name.
fn delivered(bench: &Bench, lake: &Lake) -> BTreeMap<String, String> {
    let (lake, cancel) = (lake.pinned(), Cancel::default());
    let bronze = BronzeTables::open_all(&lake, &bench.settings.utilities, Work::local(&cancel)).unwrap();
    bronze.iter().flat_map(|bronze| &bronze.files).map(|file| (file.source_file.clone(), file.sha256.clone())).collect()
}

/// A promotion notes with each data file what its own content is, and so did loads of earlier versions.
#[test]
fn promoted_deliveries_are_those_of_their_files() {
    let bench = loaded("2022-10", "5");
    sign(&bench);
    let of_file = |dataset: &str| {
        let name = format!("utility2/2022-10/utility2_{dataset}.csv");
        let bytes = std::fs::read(bench.settings.landing.join(&name)).unwrap();
        let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        (name, sha256)
    };
    let expected = BTreeMap::from(["circuits", "install_der", "planned_der"].map(of_file));
    assert_eq!(delivered(&bench, &bench.lake), expected);
    promote(&bench, TO_QA);
    assert_eq!(delivered(&bench, &bench.lake.environment(Environment::Qa)), expected);
}

/// What does not hold of a review's gate.
fn shut(review: &Review) -> Vec<&'static str> {
    review.gate.0.iter().filter(|check| !check.holds).map(|check| check.what).collect()
}

#[test]
fn month_goes_to_prod_as_it_was_reviewed_and_back() {
    let mut bench = loaded("2022-10", "5");
    sign(&bench);
    let (qa, prod) = (bench.lake.environment(Environment::Qa), bench.lake.environment(Environment::Prod));
    let october = contents(&bench.lake);
    let first = promote(&bench, TO_QA);
    assert_eq!(contents(&qa), october);
    for table in bench.lake.all_tables() {
        let partitioned = |lake: &Lake| lake.snapshot(&table).unwrap().unwrap().partition_columns();
        assert_eq!(partitioned(&qa), partitioned(&bench.lake), "{table}, with rows or without");
    }
    let of_prod = promote(&bench, TO_PROD);
    assert_eq!((contents(&prod), of_prod.source_promotion.as_deref()), (october.clone(), Some(first.id.as_str())));

    deliver(&mut bench, "2022-11", "9");
    sign(&bench);
    assert_eq!(contents(&qa), october, "what is loaded into dev is not seen before it is promoted");
    let seen = review(&bench, TO_QA);
    let difference = (seen.difference.feeders.added, seen.difference.feeders.changed, seen.difference.feeders.removed);
    assert_eq!(difference, (0, 1, 0), "feeder A has another capacity");
    assert_eq!(seen.month, Month::parse("2022-11"));
    promote(&bench, TO_QA);
    let november = contents(&bench.lake);
    assert_ne!(november["platinum/feeder_capacity"], october["platinum/feeder_capacity"]);
    assert_eq!((contents(&qa), contents(&prod)), (november.clone(), october.clone()));
    assert!(review(&bench, TO_QA).is_there);
    promote(&bench, TO_PROD);
    assert_eq!(contents(&prod), november);

    for table in prod.all_tables() {
        let expired = prod.vacuum(&table, Timestamp::from_micros(i64::MAX), Vacuum::Remove).unwrap();
        assert_eq!(expired.old.files + expired.orphans.files, 0, "every promotion can be gone back to");
    }
    let plan = plan_rollback(&prod, &of_prod.id).unwrap();
    assert_eq!(plan.difference.feeders.changed, 1);
    let back = plan.perform(&BY, NOW).unwrap();
    assert_eq!((contents(&prod), contents(&qa)), (october, november.clone()));
    let forth = promotions(&prod).unwrap();
    assert_eq!(forth.iter().map(|row| row.kind.as_str()).collect::<Vec<_>>(), ["promotion", "promotion", "rollback"]);
    assert_eq!((back.source_promotion.as_deref(), back.month.as_deref()), (Some(of_prod.id.as_str()), Some("2022-10")));
    plan_rollback(&prod, &forth[1].id).unwrap().perform(&BY, NOW).unwrap();
    assert_eq!(contents(&prod), november, "a rollback can be taken back");
    for env in [&qa, &prod] {
        let verified = verify(env).unwrap();
        assert_eq!(verified.differences, Vec::<String>::new());
        assert!(verified.read.1 > 10);
    }
}

#[test]
fn gate_is_shut_by_what_is_open_late_unfinished_or_not_meant() {
    let mut bench = Bench::new();
    bench.settings.rules = RuleSet::load(&bench.settings.paths.config.join("rules")).0;
    let shut_of = |bench: &Bench| shut(&review(bench, TO_QA));
    assert!(shut_of(&bench).contains(&"the month is the newest"), "nothing was loaded yet");
    deliver(&mut bench, "2022-11", "5");
    // A file with another number of rows than the month before, and a DER twice: errors.
    bench.put("utility2/2022-11/utility2_install_der.csv", format!("{INSTALLED}D1,null,Solar,7.6,A,0\nD1,null,Solar,8,A,0\n"));
    bench.run();
    assert_eq!(shut_of(&bench), ["no error is open and unsigned"]);
    let refused = review(&bench, TO_QA).promote(&bench.lake, &BY, NOW);
    assert!(matches!(refused, Err(PromotionError::Refused(_))));
    sign(&bench);
    assert_eq!(shut_of(&bench), Vec::<&str>::new());

    // What cannot be checked is no good news.
    let own = "[own]\ndescription = \"x\"\non = \"ders\"\nkind = \"not-null\"\ncolumns = \"nowhere\"\nnext_step = \"y\"\nseverity = \"warning\"\n";
    let folder = bench.settings.paths.config.join("rules");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("own.toml"), own).unwrap();
    let as_before = std::mem::replace(&mut bench.settings.rules, RuleSet::load(&folder).0);
    bench.run();
    assert_eq!(shut_of(&bench), ["no error is open and unsigned"]);
    bench.settings.rules = as_before;
    bench.run();
    assert_eq!(shut_of(&bench), Vec::<&str>::new());

    let october = Review::of(&bench.lake, &bench.settings, TO_QA, Month::parse("2022-10")).unwrap();
    assert_eq!(shut(&october), ["the month is the newest"]);
    let mut later = bench.settings.clone();
    later.today = Day::parse("2023-03-01").unwrap();
    let late = Review::of(&bench.lake, &later, TO_QA, None).unwrap();
    assert!(shut(&late).contains(&"no dataset is missing or stale"), "{:?}", late.gate);
    let mut other = bench.settings.clone();
    other.rules.rules.pop();
    let unfinished = Review::of(&bench.lake, &other, TO_QA, None).unwrap();
    assert_eq!(shut(&unfinished), ["what was loaded is finished"]);
    other.rules.rules.retain(|rule| rule.id != "ledger-closes");
    let unknown = Review::of(&bench.lake, &other, TO_QA, None).unwrap();
    assert!(shut(&unknown).contains(&"the ledger closes"));
    // A load that came to bronze and no further.
    bench.put("utility2/2022-11/utility2_circuits.csv", format!("{FEEDERS}{}{}", feeder("A", "6"), feeder("B", "3")));
    let no_silver = |operation: Operation, path: &Path| {
        let is_commit = operation == Operation::Stage && path.to_string_lossy().contains("/silver/");
        if is_commit { Err(std::io::Error::other("no silver")) } else { Ok(()) }
    };
    let broken = Lake::with_faults(&bench.settings.lake, Environment::Dev, Arc::new(Always(no_silver))).unwrap();
    let _ = bench.run_at(&broken, &|| NOW);
    let half = review(&bench, TO_QA);
    let of_bronze = |check: &promotion::Check| check.detail.contains("not made from what is in bronze");
    assert!(half.gate.0.iter().any(|check| !check.holds && of_bronze(check)), "{:?}", half.gate);
    bench.run();
    // Rows that are there twice cannot be signed for.
    double_rows(&bench, "utility2/2022-11/utility2_circuits.csv", "2022-11");
    bench.run();
    sign(&bench);
    assert_eq!(shut_of(&bench), ["the ledger closes"]);
    let of_qa = review(&bench, TO_PROD);
    assert!(shut(&of_qa).contains(&"it came by a promotion"), "qa is empty");
    assert!(of_qa.gate.0.iter().all(|check| check.next_step != "feederscope run"), "nothing is loaded into qa");
    assert!(promotions(&bench.lake.environment(Environment::Qa)).unwrap().is_empty());
}

#[test]
fn file_that_moved_since_the_review_stops_the_promotion_and_nothing_is_shown() {
    let bench = loaded("2022-11", "5");
    sign(&bench);
    let seen = review(&bench, TO_QA);
    let table = bench.lake.snapshot(&table_id("platinum/feeder_capacity")).unwrap().unwrap();
    let path = table.path_of(&table.files[0]);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let error = seen.promote(&bench.lake, &BY, NOW).unwrap_err();
    assert!(error.to_string().contains("is not what was reviewed"), "{error}");
    let qa = bench.lake.environment(Environment::Qa);
    assert!(qa.all_tables().is_empty() && !qa.root().exists());
    let left = std::fs::read_dir(bench.settings.lake.join(".iedr_qa")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["writer.lock"], "what was copied until then is removed");
    bytes[20] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    promote(&bench, TO_QA);
}

/// Writes another word into the evidence of the only promotion, as somebody does who may write to the folder.
fn forge_evidence(qa: &Lake) {
    let elsewhere = tempfile::tempdir().unwrap();
    let (shown, table) = (qa.pinned().root().join("ops/promotions"), table_id("ops/promotions"));
    std::fs::create_dir_all(elsewhere.path().join("iedr_dev/ops")).unwrap();
    copy_of_kept(&shown, &elsewhere.path().join("iedr_dev/ops/promotions"));
    let lake = Lake::new(elsewhere.path(), Environment::Dev).unwrap();
    let snapshot = lake.snapshot(&table).unwrap().unwrap();
    let names: Vec<&str> = snapshot.columns.iter().map(|column| column.name.as_str()).collect();
    let forged = names.iter().map(|name| match *name {
        "evidence" => "REPLACE(evidence, '\"passed\":', '\"passed\":1') AS evidence".to_owned(),
        name => name.to_owned(),
    });
    let mut session = local().session(&Cancel::default()).unwrap();
    session.register("t", &snapshot.scan_all()).unwrap();
    let rows = session.query(&format!("SELECT {} FROM t", forged.collect::<Vec<_>>().join(", "))).unwrap();
    let mut writer = lake.write(&table, &snapshot.columns, &[]).unwrap();
    writer.push(&rows).unwrap();
    let change = Change { add: vec![writer.finish().unwrap()], remove: snapshot.files.clone(), ..Change::of(Some(&snapshot)) };
    lake.commit(&table, change).unwrap();
    std::fs::remove_dir_all(&shown).unwrap();
    copy_of_kept(&elsewhere.path().join("iedr_dev/ops/promotions"), &shown);
}

#[test]
fn verify_tells_a_changed_byte_a_foreign_commit_and_a_missing_file() {
    let bench = loaded("2022-11", "5");
    sign(&bench);
    promote(&bench, TO_QA);
    let qa = bench.lake.environment(Environment::Qa);
    let table = qa.snapshot(&table_id("silver/ders")).unwrap().unwrap();
    let path = table.path_of(&table.files[0]);
    let whole = std::fs::read(&path).unwrap();
    let mut changed = whole.clone();
    // The last one before what the file says of itself, whose length stands before its last four bytes.
    let footer =
        changed.last_chunk::<8>().and_then(|end| end.first_chunk::<4>()).map(|length| u32::from_le_bytes(*length)).unwrap();
    let last = changed.len() - 9 - footer as usize;
    changed[last] ^= 1;
    std::fs::write(&path, &changed).unwrap();
    assert_eq!(verify(&qa).unwrap().differences, ["the rows or files of `silver/ders` are not those that were promoted"]);
    assert!(shut(&review(&bench, TO_PROD)).contains(&"it came by a promotion"));
    let dev = bench.lake.snapshot(&table_id("silver/ders")).unwrap().unwrap();
    assert_eq!(std::fs::read(dev.path_of(&dev.files[0])).unwrap(), whole, "damage of qa reaches no other environment");
    std::fs::write(&path, &whole).unwrap();
    assert!(verify(&qa).unwrap().differences.is_empty());

    let log = qa.path(&table_id("silver/ders")).join("_delta_log");
    let foreign = log.join(format!("{:020}.json", table.version + 1));
    std::fs::write(&foreign, "{\"commitInfo\":{\"timestamp\":0,\"operation\":\"WRITE\"}}\n").unwrap();
    let told = verify(&qa).unwrap().differences;
    assert_eq!(told, [format!("`silver/ders` is at version {}, {} was promoted", table.version + 1, table.version)]);
    std::fs::remove_file(&foreign).unwrap();

    let (of_ders, other) = (qa.path(&table_id("silver/ders")), qa.path(&table_id("silver/other")));
    copy_of_kept(&of_ders, &other);
    assert_eq!(verify(&qa).unwrap().differences, ["`silver/other` was not promoted"]);
    std::fs::remove_dir_all(&other).unwrap();
    let kept = bench.settings.lake.join("kept");
    copy_of_kept(&qa.pinned().root().join("ops/promotions"), &kept);
    forge_evidence(&qa);
    let told = verify(&qa).unwrap().differences;
    assert_eq!(told, ["the evidence in `ops/promotions` is not the one that was signed"]);
    std::fs::remove_dir_all(qa.pinned().root().join("ops/promotions")).unwrap();
    std::fs::rename(&kept, qa.pinned().root().join("ops/promotions")).unwrap();

    std::fs::remove_file(&path).unwrap();
    assert!(verify(&qa).is_err());
    // The same again brings the file again.
    let again = review(&bench, TO_QA);
    assert!(!again.is_there);
    again.promote(&bench.lake, &BY, NOW).unwrap();
    assert!(verify(&qa).unwrap().differences.is_empty());
    assert_eq!(contents(&qa), contents(&bench.lake));
}

#[test]
fn nothing_but_promotions_writes_into_qa() {
    let mut qa = loaded("2022-11", "5");
    qa.lake = qa.lake.environment(Environment::Qa);
    let refused = qa.run_at(&qa.lake, &|| NOW);
    assert!(matches!(refused, Err(PipelineError::Lake(LakeError::PromotedOnly { .. }))));
    let nothing: [Decision<'_>; 0] = [];
    let refused = acknowledge(&qa.lake, &nothing, NOW);
    assert!(matches!(refused, Err(PipelineError::Lake(LakeError::PromotedOnly { .. }))));
    assert!(qa.lake.target(&table_id("ops/acknowledgements"), &[], &[]).is_err());
    assert!(!qa.lake.root().exists(), "and nothing is made there");
}

#[test]
fn readers_see_all_tables_of_a_promotion_or_none() {
    let mut bench = loaded("2022-10", "5");
    sign(&bench);
    let qa = bench.lake.environment(Environment::Qa);
    let first = promote(&bench, TO_QA);
    deliver(&mut bench, "2022-11", "9");
    sign(&bench);
    let second = promote(&bench, TO_QA);
    let is_over = AtomicBool::new(false);
    let newest = |lake: &Lake, table: &str, column: &str| {
        let mut session = local().session(&Cancel::default()).unwrap();
        session.register("t", &lake.snapshot(&table_id(table)).unwrap().unwrap().scan_all()).unwrap();
        session.query(&format!("SELECT MAX({column}) AS m FROM t")).unwrap().text("m", 0).unwrap()
    };
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = BTreeMap::<String, usize>::new();
            while !is_over.load(Ordering::Relaxed) {
                let shown = bench.lake.environment(Environment::Qa).pinned();
                let summary = newest(&shown, "platinum/data_quality_summary", "delivery_month");
                let bronze = newest(&shown, "bronze/utility2_circuits", "delivery_month");
                let outcomes = newest(&shown, "ops/rule_results", "delivery_month");
                assert_eq!((&bronze, &outcomes), (&summary, &summary), "tables of two promotions");
                *seen.entry(summary).or_default() += 1;
            }
            seen
        });
        for _ in 0..3 {
            plan_rollback(&qa, &first.id).unwrap().perform(&BY, NOW).unwrap();
            plan_rollback(&qa, &second.id).unwrap().perform(&BY, NOW).unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
        let seen = reader.join().unwrap();
        assert_eq!(seen.keys().map(String::as_str).collect::<Vec<_>>(), ["2022-10", "2022-11"], "both were met: {seen:?}");
    });
}

#[test]
fn promotion_that_was_cut_off_is_not_seen_and_the_next_one_clears_it() {
    let mut bench = loaded("2022-11", "5");
    sign(&bench);
    promote(&bench, TO_QA);
    let qa = bench.lake.environment(Environment::Qa);
    let shown = contents(&qa);
    let generations = bench.settings.lake.join(".iedr_qa");
    let current = std::fs::read_link(qa.root()).unwrap().file_name().unwrap().to_owned();
    // Cut off before its tables were complete; and complete, before it was shown.
    for leftover in ["7fffffff-cut.part", "7fffffff-complete"] {
        std::fs::create_dir_all(generations.join(leftover).join("platinum")).unwrap();
    }
    assert_eq!(contents(&qa), shown);
    deliver(&mut bench, "2022-11", "7");
    sign(&bench);
    promote(&bench, TO_QA);
    let left = || {
        let mut left: Vec<_> = std::fs::read_dir(&generations).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        left
    };
    let shown_now = || std::fs::read_link(qa.root()).unwrap().file_name().unwrap().to_owned();
    let (first, second) = (current, shown_now());
    assert_eq!(left(), [first.clone(), second.clone(), "writer.lock".into()], "what is shown, and what was shown before");
    assert_eq!(contents(&qa), contents(&bench.lake));
    // Whoever reads what was shown before goes on reading while the next one is built.
    deliver(&mut bench, "2022-11", "8");
    sign(&bench);
    promote(&bench, TO_QA);
    let third = shown_now();
    assert_eq!(left(), [first, second.clone(), third.clone(), "writer.lock".into()]);
    deliver(&mut bench, "2022-11", "9");
    sign(&bench);
    promote(&bench, TO_QA);
    assert_eq!(left(), [second, third, shown_now(), "writer.lock".into()]);
}

/// Walks the steps of a promotion from its review on.
fn walk(kind: Kind) {
    let mut bench = loaded("2022-11", "5");
    sign(&bench);
    promote(&bench, TO_QA);
    let shown = contents(&bench.lake.environment(Environment::Qa));
    deliver(&mut bench, "2022-11", "7");
    sign(&bench);
    let wanted = contents(&bench.lake);
    assert_ne!(shown, wanted);
    let kept = tempfile::tempdir().unwrap();
    let kept = kept.path().join("kept");
    copy_of_kept(&bench.settings.lake, &kept);
    let (first, stride) = steps(41);
    let (mut met, mut stood) = (0, 0);
    for at in (first..).step_by(stride) {
        std::fs::remove_dir_all(&bench.settings.lake).unwrap();
        copy_of_kept(&kept, &bench.settings.lake);
        let fault = Fault::new(at, kind);
        let disturbed = Lake::with_faults(&bench.settings.lake, Environment::Dev, fault.clone()).unwrap();
        let result = Review::of(&disturbed, &bench.settings, TO_QA, None).map(|review| review.promote(&disturbed, &BY, NOW));
        let Some(step) = *fault.met.lock().unwrap() else { break };
        met += 1;
        drop(disturbed);
        // Another process, on a disk that works.
        bench.lake = Lake::new(&bench.settings.lake, Environment::Dev).unwrap();
        let qa = bench.lake.environment(Environment::Qa);
        let now = contents(&qa);
        assert!(now == shown || now == wanted, "step {at} ({step:?}): a part of a promotion is shown");
        if matches!(result, Ok(Ok(_))) {
            assert_eq!(now, wanted, "step {at} ({step:?}): it was said to be done");
        }
        stood += usize::from(now == wanted);
        assert_eq!(verify(&qa).unwrap().differences, [] as [String; 0], "step {at} ({step:?})");
        if now == shown {
            promote(&bench, TO_QA);
        }
        assert_eq!(contents(&qa), wanted, "step {at} ({step:?})");
        assert_eq!(verify(&qa).unwrap().differences, [] as [String; 0], "step {at} ({step:?})");
    }
    eprintln!("{kind:?}: {met} steps, after {stood} of them the promotion stood");
    assert!(met * stride > 100, "a promotion has more steps than {met} times {stride}");
}

#[test]
fn step_that_fails_in_a_promotion_shows_no_part_of_it() {
    walk(Kind::Fails);
}

#[test]
fn machine_that_stops_in_a_promotion_shows_no_part_of_it() {
    walk(Kind::Stops);
}

#[test]
fn promotion_that_is_shown_is_done_whatever_the_disk_says_after_it() {
    #[derive(Debug)]
    struct AfterShow;
    impl Faults for AfterShow {
        fn at(&self, operation: Operation, moment: Moment, _: &Path) -> std::io::Result<()> {
            let is_after = (operation, moment) == (Operation::Show, Moment::After);
            if is_after { Err(std::io::Error::other("the folder cannot be synced")) } else { Ok(()) }
        }
    }
    let bench = loaded("2022-11", "5");
    sign(&bench);
    let lake = Lake::with_faults(&bench.settings.lake, Environment::Dev, Arc::new(AfterShow)).unwrap();
    let review = Review::of(&lake, &bench.settings, TO_QA, None).unwrap();
    let promotion = review.promote(&lake, &BY, NOW).unwrap();
    let qa = bench.lake.environment(Environment::Qa);
    assert_eq!(promotions(&qa).unwrap().pop().map(|last| last.id), Some(promotion.id));
    assert_eq!(contents(&qa), contents(&bench.lake));
}

/// Signs once more for what somebody has signed for, as another process.
fn sign_again(settings: &Settings) {
    let lake = Lake::new(&settings.lake, Environment::Dev).unwrap();
    let outcomes = checks::outcomes(&lake, settings).unwrap();
    let checked = outcomes.iter().find(|checked| checked.acknowledged.is_some()).unwrap();
    let decision = checked.decision("signed in the middle", "another", Day::parse("2023-12-31").unwrap());
    acknowledge(&lake, &[decision], NOW).unwrap();
}

#[test]
fn gate_that_is_open_is_that_of_what_is_promoted_whatever_is_signed_meanwhile() {
    let (mut open, mut moved) = (0, 0);
    let steps = {
        let bench = loaded("2022-11", "5");
        sign(&bench);
        let steps = Arc::new(AtomicI64::new(0));
        let counted = steps.clone();
        let count = move |_: Operation, _: &Path| {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        let lake = Lake::with_faults(&bench.settings.lake, Environment::Dev, Arc::new(Always(count))).unwrap();
        Review::of(&lake, &bench.settings, TO_QA, None).unwrap();
        steps.load(Ordering::SeqCst)
    };
    for at in (1..=8).map(|part| steps * part / 9) {
        let bench = loaded("2022-11", "5");
        sign(&bench);
        // Somebody signs in the middle of the review, from another process.
        let (step, other) = (AtomicI64::new(0), bench.settings.clone());
        let lake = Lake::with_faults(
            &bench.settings.lake,
            Environment::Dev,
            Arc::new(Always(move |_: Operation, _: &Path| {
                if step.fetch_add(1, Ordering::SeqCst) == at {
                    // The step may be one of a thread that cannot wait for another runtime.
                    let other = other.clone();
                    std::thread::spawn(move || sign_again(&other)).join().unwrap();
                }
                Ok(())
            })),
        )
        .unwrap();
        let review = Review::of(&lake, &bench.settings, TO_QA, None).unwrap();
        if review.gate.first_shut().is_some() {
            assert_eq!(shut(&review), ["nothing moved"], "at step {at}");
            moved += 1;
            continue;
        }
        let reviewed = contents(&bench.lake);
        open += 1;
        if review.promote(&lake, &BY, NOW).is_ok() {
            assert_eq!(contents(&bench.lake.environment(Environment::Qa)), reviewed, "at step {at}");
        }
    }
    assert!(open > 0 && moved > 0, "{open} open, {moved} moved, of {steps} steps");
}

#[test]
fn rollback_needs_the_files_of_then_and_not_those_of_now() {
    let mut bench = loaded("2022-11", "5");
    sign(&bench);
    let first = promote(&bench, TO_QA);
    let qa = bench.lake.environment(Environment::Qa);
    let then = contents(&qa);
    deliver(&mut bench, "2022-11", "7");
    sign(&bench);
    promote(&bench, TO_QA);
    // A file of the first one that is another one now is not given back.
    let table = table_id("platinum/feeder_capacity");
    let of_first = qa.pinned().snapshot_at(&table, first.versions["platinum/feeder_capacity"]).unwrap();
    let (path, shown) = (of_first.path_of(&of_first.files[0]), contents(&qa));
    let whole = std::fs::read(&path).unwrap();
    let mut changed = whole.clone();
    changed[20] ^= 1;
    std::fs::write(&path, &changed).unwrap();
    let refused = plan_rollback(&qa, &first.id).unwrap().perform(&BY, NOW);
    assert!(matches!(refused, Err(PromotionError::Differs { .. })), "{refused:?}");
    assert_eq!(contents(&qa), shown);
    std::fs::write(&path, &whole).unwrap();
    // A file that came with the second one goes.
    let table = table_id("platinum/feeder_capacity");
    let pinned = qa.pinned();
    let now = pinned.snapshot(&table).unwrap().unwrap();
    std::fs::remove_file(now.path_of(&now.files[0])).unwrap();
    assert!(verify(&qa).is_err(), "it names the file");
    plan_rollback(&qa, &first.id).unwrap().perform(&BY, NOW).unwrap();
    assert_eq!(contents(&qa), then);
    assert_eq!(verify(&qa).unwrap().differences, [] as [String; 0]);
}

#[test]
fn environment_that_was_loaded_into_by_an_earlier_version_is_taken_over() {
    let mut bench = loaded("2022-11", "5");
    sign(&bench);
    let qa = bench.lake.environment(Environment::Qa);
    // As `run --env qa` left it: a folder.
    std::fs::create_dir_all(qa.root().join("ops")).unwrap();
    std::fs::write(qa.root().join("note"), "kept").unwrap();
    promote(&bench, TO_QA);
    assert!(qa.root().symlink_metadata().unwrap().is_symlink());
    assert_eq!(std::fs::read_to_string(qa.root().join("note")).unwrap(), "kept");
    assert_eq!(contents(&qa), contents(&bench.lake));
    // A machine that stopped before the link was made: what was complete is shown again, and gone on from.
    std::fs::remove_file(qa.root()).unwrap();
    deliver(&mut bench, "2022-11", "7");
    sign(&bench);
    promote(&bench, TO_QA);
    assert_eq!(promotions(&qa).unwrap().len(), 2, "the books go on");
    assert_eq!(std::fs::read_to_string(qa.root().join("note")).unwrap(), "kept");
}

#[test]
fn commands_promote_refuse_verify_and_roll_back_with_their_exit_codes() {
    let program = Program::new();
    let bench = loaded("2022-11", "5");
    let at = |arguments: &[&str]| {
        let mut command = program.command(&[]);
        let output = command.args(["--today", "2022-12-01"]).args(arguments).output().unwrap();
        (code(&output), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    for dataset in ["circuits", "install_der", "planned_der"] {
        let file = format!("utility2/2022-11/utility2_{dataset}.csv");
        program.put(&file, &std::fs::read_to_string(bench.landing(&file)).unwrap());
    }
    at(&["run"]);
    assert_eq!(at(&["promote", "dev", "prod"]).0, 2);
    assert_eq!(at(&["promote", "qa", "dev"]).0, 2);
    assert_eq!(at(&["verify", "dev"]).0, 2);
    assert_eq!(at(&["verify", "qa"]).0, 1);
    assert_eq!(at(&["--env", "qa", "run"]).0, 2);
    let outcomes = at(&["check", "--format", "json"]).1;
    assert_eq!(at(&["--env", "qa", "check"]).0, 1, "nothing was promoted into qa yet");
    for outcome in serde_json::from_str::<serde_json::Value>(&outcomes).unwrap().as_array().unwrap() {
        if outcome["outcome"] == "failed" && outcome["severity"] == "error" {
            assert_eq!(at(&["promote", "dev", "qa"]).0, 3);
            let rule = outcome["rule_id"].as_str().unwrap();
            at(&["acknowledge", rule, "--utility", "utility2", "--reason", "known", "--until", "2023-12-31"]);
        }
    }
    let (exit, rows, told) = at(&["promote", "dev", "qa", "--dry-run", "--format", "json"]);
    assert_eq!(exit, 0, "{told}");
    assert!(rows.contains("\"what\": \"feeders\"") && !program.folder.path().join("lake/iedr_qa").exists());
    let digest = told.lines().find_map(|line| line.strip_prefix("evidence ")).unwrap();
    let (exit, _, told) = at(&["promote", "dev", "qa", "--reviewed", "0123456789"]);
    assert!(exit == 3 && told.contains("has moved since"), "{told}");
    assert_eq!(at(&["promote", "dev", "qa", "--reviewed", &digest[..16]]).0, 0);
    assert_eq!(at(&["promote", "qa", "prod"]).0, 2, "prod asks for a reason");
    assert_eq!(at(&["promote", "qa", "prod", "--reason", "reviewed in qa"]).0, 0);
    assert_eq!(at(&["verify", "prod"]).0, 0);
    assert_eq!(at(&["--env", "qa", "check"]).0, 0);
    let listed = at(&["--env", "prod", "promotions", "--format", "json"]).1;
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((&listed[0]["reason"], &listed[0]["kind"]), (&"reviewed in qa".into(), &"promotion".into()));
    let id = listed[0]["promotion_id"].as_str().unwrap();
    assert_eq!(at(&["rollback", "prod", "--to", "no-such", "--reason", "x"]).0, 1);
    assert_eq!(at(&["rollback", "prod", "--to", id, "--reason", "as it is"]).0, 0);
    let feeders = at(&["--env", "prod", "feeders", "--over-mw", "4", "--format", "csv"]).1;
    assert_eq!(feeders.lines().count(), 2, "feeder A of 5 MW: {feeders}");
}
