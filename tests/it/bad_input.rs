//! A bad file is an everyday event: a code, a place, a next step; nothing lost, nothing half loaded.

use std::io::{Seek, SeekFrom, Write};

use feederscope::pipeline::{FileResult, Report};

use crate::support::{Bench, FEEDERS, feeder};

const FILE: &str = "utility2/2022-09/utility2_circuits.csv";

/// A bench where October stands and whose November file is the given one.
fn after_a_good_month(content: impl AsRef<[u8]>) -> (Bench, Report) {
    let bench = Bench::new();
    bench.put("utility2/2022-08/utility2_circuits.csv", format!("{FEEDERS}{}", feeder("A", "5")));
    bench.run();
    bench.put(FILE, content);
    let report = bench.run();
    (bench, report)
}

/// The file was refused for the reason, at the line; the month before stays live.
fn refused(content: impl AsRef<[u8]>, reason: &str, line: &str, value: &str) {
    let (bench, report) = after_a_good_month(content);
    assert_eq!(report.refused().count(), 1, "{reason}");
    let rows = bench.lines("silver/rejected", "stage, source_file, reason, source_line, value");
    let expected = format!("bronze|{FILE}|{reason}|{line}|{value}");
    assert!(rows.contains(&expected), "{expected} is not in {rows:#?}");
    assert_eq!(bench.lines("platinum/feeder_capacity", "feeder_id, max_hosting_capacity_mw, delivery_month"), ["A|5|2022-08"]);
    assert_eq!(bench.rows("bronze/utility2_circuits"), 1);
    assert_eq!(bench.count("ops/runs", &format!("outcome = 'refused' AND reason = '{reason}' AND next_step IS NOT NULL")), 1);
    let again = bench.run();
    assert_eq!(again.refused().count(), 1, "it is refused again as long as it is there");
    assert_eq!(bench.lines("silver/rejected", "stage, source_file, reason, source_line, value"), rows, "but recorded once");
}

#[test]
fn empty_file_is_refused() {
    refused("", "truncated-file", "-", "the file is empty");
}

#[test]
fn header_without_records_is_refused() {
    refused(FEEDERS, "truncated-file", "-", "the file holds a header and no record");
}

#[test]
fn file_without_its_key_column_is_refused() {
    refused("Other,feeder_voltage\nA,1\n", "missing-label", "1", "the key column `Master_CDF` is not in the file");
}

#[test]
fn file_that_is_not_utf8_is_refused_with_the_offset() {
    let mut content = FEEDERS.as_bytes().to_vec();
    content.extend_from_slice(b"caf\xe9,13.2,1,0,0,,,\n");
    refused(content, "encoding-error", "2", &format!("byte {} is not UTF-8", FEEDERS.len() + 3));
}

#[test]
fn file_that_ends_inside_a_record_is_refused() {
    refused(
        format!("{FEEDERS}{}B,13.2,4", feeder("A", "6")),
        "truncated-file",
        "3",
        "the last record has 3 cells where the header has 8",
    );
}

#[test]
fn file_with_too_many_ragged_records_is_refused_with_all_of_them() {
    let content = format!("{FEEDERS}{}B,13.2\n", feeder("A", "6"));
    refused(&content, "missing-cell", "-", "1 of 2 records (50.0 %) do not fit the header; the limit is 5.0 %");
    let (bench, _) = after_a_good_month(content);
    assert_eq!(bench.count("silver/rejected", "raw_record = 'B,13.2' AND source_line = 3"), 1);
}

#[test]
fn few_ragged_records_are_set_aside_and_the_rest_loads() {
    let mut content = FEEDERS.to_owned();
    for n in 0..39 {
        content.push_str(&feeder(&format!("F{n}"), "1"));
    }
    content.push_str("F99,13.2,1,0,0,2022/08/01 00:00:00+00,green,1,surplus\n");
    let (bench, report) = after_a_good_month(content);
    assert_eq!((report.count("loaded"), report.rejected), (1, 1));
    assert_eq!(
        bench.lines("silver/rejected", "stage, reason, source_line, value, raw_record"),
        ["bronze|extra-cell|41|9 cells where the header has 8|F99,13.2,1,0,0,2022/08/01 00:00:00+00,green,1,surplus"]
    );
    assert_eq!(bench.rows("platinum/feeder_capacity"), 40);
}

#[test]
fn mended_file_is_taken_and_its_refusal_is_forgotten() {
    let (bench, _) = after_a_good_month("");
    bench.put(FILE, format!("{FEEDERS}{}", feeder("A", "6")));
    let report = bench.run();
    assert_eq!(report.count("loaded"), 1);
    assert_eq!(bench.rows("silver/rejected"), 0);
    assert_eq!(bench.lines("platinum/feeder_capacity", "feeder_id, max_hosting_capacity_mw"), ["A|6"]);
}

#[test]
fn refused_redelivery_keeps_the_findings_of_the_load_that_stands() {
    let mut good = FEEDERS.to_owned();
    for n in 0..39 {
        good.push_str(&feeder(&format!("F{n}"), "1"));
    }
    good.push_str("ragged\n");
    let (bench, _) = after_a_good_month(&good);
    bench.put(FILE, "");
    bench.run();
    let reasons = |bench: &Bench| bench.lines("silver/rejected", "reason, source_line");
    assert_eq!(reasons(&bench), ["missing-cell|41", "truncated-file|-"]);
    bench.put(FILE, &good);
    bench.run();
    assert_eq!(reasons(&bench), ["missing-cell|41"], "the standing load's own");
}

#[test]
fn gigabytes_of_one_line_are_refused_at_once() {
    let bench = Bench::new();
    bench.put(FILE, format!("{FEEDERS}A,"));
    // A sparse file: two gigabytes of zero bytes that take no room on the disk. `x` would do the same.
    let mut file = std::fs::File::options().write(true).open(bench.landing(FILE)).unwrap();
    file.set_len(2 << 30).unwrap();
    file.seek(SeekFrom::Start((2 << 30) - 1)).unwrap();
    file.write_all(b"x").unwrap();
    let report = bench.run();
    assert_eq!(report.refused().count(), 1);
    assert_eq!(
        bench.lines("silver/rejected", "reason, source_line, value"),
        ["constraint-error|2|a record of more than 4 MiB without a line end"]
    );
}

#[test]
fn folder_named_like_a_file_is_ignored_with_a_word() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.landing(FILE)).unwrap();
    let report = bench.run();
    assert_eq!(report.files.len(), 0);
    assert_eq!(report.ignored.len(), 1);
    assert!(report.ignored[0].1.contains("folder"), "{:?}", report.ignored);
}

#[test]
fn file_that_changes_while_it_is_read_is_refused_and_the_month_before_stays() {
    let bench = Bench::new();
    bench.put("utility2/2022-08/utility2_circuits.csv", format!("{FEEDERS}{}", feeder("A", "5")));
    bench.run();
    let mut content = FEEDERS.to_owned();
    for n in 0..200_000 {
        content.push_str(&feeder(&format!("F{n}"), "1"));
    }
    bench.put(FILE, content);
    let path = bench.landing(FILE);
    // The first batch has been read; the file has more.
    let remove = |progress: feederscope::pipeline::Progress| {
        if progress.subject == FILE {
            let _ = std::fs::remove_file(&path);
        }
    };
    let report =
        bench.try_run(&feederscope::pipeline::Request::default(), &feederscope::model::Cancel::default(), &remove).unwrap();
    assert!(matches!(
        report.files.last().unwrap().outcome,
        FileResult::Done(feederscope::pipeline::bronze::LoadOutcome::Refused { .. })
    ));
    assert_eq!(
        bench.lines("silver/rejected", "reason, value"),
        ["truncated-file|the file changed or was removed while it was read"]
    );
    assert_eq!(bench.rows("bronze/utility2_circuits"), 1);
}

/// What was hashed before is not what is read: neither its size nor its time says so.
#[test]
fn file_whose_content_is_another_one_when_it_is_read_is_refused() {
    let bench = Bench::new();
    let long = "x".repeat(120);
    let records = (0..120_000).map(|n| feeder(&format!("{long}{n}"), "1"));
    let content: String = std::iter::once(FEEDERS.to_owned()).chain(records).collect();
    let last = content.len() - 2;
    bench.put(FILE, content);
    let path = bench.landing(FILE);
    // The first batch has been read; the end of the file has not.
    let change = |progress: feederscope::pipeline::Progress| {
        if progress.subject == FILE {
            let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
            let modified = file.metadata().unwrap().modified().unwrap();
            file.seek(SeekFrom::Start(last as u64)).unwrap();
            file.write_all(b"7").unwrap();
            file.set_modified(modified).unwrap();
        }
    };
    bench.try_run(&feederscope::pipeline::Request::default(), &feederscope::model::Cancel::default(), &change).unwrap();
    assert_eq!(bench.lines("silver/rejected", "reason, value"), ["truncated-file|the file changed while it was read"]);
    let again = bench.run();
    assert_eq!((again.refused().count(), bench.rows("bronze/utility2_circuits")), (0, 120_000));
}

#[cfg(unix)]
#[test]
fn links_pipes_and_what_nothing_takes_are_named_once_and_the_files_load() {
    use std::os::unix::fs::symlink;
    let bench = Bench::new();
    bench.put(FILE, format!("{FEEDERS}{}", feeder("A", "5")));
    bench
        .put("utility2/2022-09/utility2_circuits.csv.gz", "x")
        .put("utility2/2022-09/notes.txt", "x")
        .put("utility2/2022-09/.hidden.csv", "x");
    bench.put("utility2/2022-09/a/b/utility2_circuits.csv", "x");
    let at = |file: &str| bench.landing(file);
    symlink("..", at("utility2/up")).unwrap();
    symlink("nowhere", at("utility2/2022-09/utility2_circuits_lost.csv")).unwrap();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("x.csv"), format!("{FEEDERS}{}", feeder("B", "5"))).unwrap();
    symlink(outside.path().join("x.csv"), at("utility2/2022-09/utility2_circuits_out.csv")).unwrap();
    symlink(at(FILE), at("utility2/2022-09/utility2_circuits_twice.csv")).unwrap();
    assert!(
        std::process::Command::new("mkfifo").arg(at("utility2/2022-09/utility2_circuits_pipe.csv")).status().unwrap().success()
    );
    let report = bench.run();
    assert_eq!((report.count("loaded"), report.refused().count()), (1, 0));
    let mut named: Vec<String> =
        report.ignored.iter().map(|(path, why)| format!("{}: {why}", path.file_name().unwrap().to_str().unwrap())).collect();
    named.sort();
    assert_eq!(
        named,
        [
            "b: is too deep; files are looked for in `<utility>/<month>/`",
            "notes.txt: no adapter has a pattern for its name; see `feederscope utilities`",
            "up: is a link; what it leads to is looked at where it is",
            "utility2_circuits.csv.gz: is packed; unpack it here",
            "utility2_circuits_lost.csv: is a link that leads nowhere",
            "utility2_circuits_out.csv: is a link out of the landing folder; put the file itself here",
            "utility2_circuits_pipe.csv: is a pipe, socket or device, not a file",
            "utility2_circuits_twice.csv: is a link; what it leads to is looked at where it is",
        ]
    );
}

#[test]
fn month_that_has_not_begun_is_refused_until_it_has() {
    let mut bench = Bench::new();
    bench.put(FILE, format!("{FEEDERS}{}", feeder("A", "5")));
    bench.put("utility2/2023-01/utility2_circuits.csv", format!("{FEEDERS}{}", feeder("A", "6")));
    let report = bench.run();
    assert_eq!((report.count("loaded"), report.refused().count()), (1, 1));
    assert_eq!(bench.lines("silver/rejected", "reason, value"), ["month-in-future|2023-01 has not begun on 2022-12-01"]);
    assert_eq!(bench.lines("platinum/feeder_capacity", "feeder_id, max_hosting_capacity_mw"), ["A|5"]);
    bench.settings.today = feederscope::model::Day::parse("2022-12-31").unwrap();
    assert_eq!(bench.run().count("loaded"), 1, "a clock may be a day ahead");
    assert_eq!(
        (bench.rows("silver/rejected"), bench.lines("platinum/feeder_capacity", "max_hosting_capacity_mw")),
        (0, vec!["6".to_owned()])
    );
}

#[test]
fn content_that_changes_under_the_same_size_and_time_is_noticed() {
    let bench = Bench::new();
    bench.put(FILE, format!("{FEEDERS}{}", feeder("A", "6.2")));
    bench.at_the_same_time(FILE);
    bench.run();
    assert_eq!(bench.run().count("unchanged"), 1);
    let before = std::fs::metadata(bench.landing(FILE)).unwrap();
    bench.put(FILE, format!("{FEEDERS}{}", feeder("A", "2.6")));
    bench.at_the_same_time(FILE);
    let after = std::fs::metadata(bench.landing(FILE)).unwrap();
    assert_eq!((before.len(), before.modified().unwrap()), (after.len(), after.modified().unwrap()));
    assert_eq!(bench.run().count("superseded"), 1);
    assert_eq!(bench.lines("platinum/feeder_capacity", "max_hosting_capacity_mw"), ["2.6"]);
}

#[test]
fn two_stray_quotes_take_no_records_with_them_unnamed() {
    let mut content = FEEDERS.to_owned();
    for n in 0..200 {
        content.push_str(&match n {
            50 => feeder("F50", "1").replace("F50,", "F50,\""),
            53 => feeder("F53", "1").replace("F53,", "F53,\""),
            n => feeder(&format!("F{n}"), "1"),
        });
    }
    let (bench, report) = after_a_good_month(&content);
    assert_eq!((report.count("loaded"), report.rejected), (1, 1));
    assert_eq!(
        bench.lines("silver/rejected", "reason, source_line, value"),
        ["unclosed-quote|52|a quote without its pair in lines 52 to 55"]
    );
    assert_eq!(
        bench.count("silver/rejected", "raw_record LIKE '%F51,%' AND raw_record LIKE '%F53,%'"),
        1,
        "all of them are kept"
    );
    assert_eq!(bench.rows("platinum/feeder_capacity"), 197, "A, and 196 of the 200");
    assert_eq!(bench.count("silver/feeders", "feeder_id = 'F50'"), 0);
}
