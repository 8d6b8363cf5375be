use super::*;
use crate::landing::Refusal;

type Lines = Vec<(u64, Vec<String>)>;

/// Rows of cells with their line, and the summary, or the refusal.
fn read(content: &[u8]) -> Result<(Lines, Summary), ReadError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    std::fs::write(&path, content).unwrap();
    let mut reader = super::super::reader::open(&path, b',', &Cancel::default())?;
    let columns = reader.labels().len();
    let mut rows = Vec::new();
    while let Some(batch) = reader.next_batch()? {
        let cells: Vec<String> = batch.cells().map(str::to_owned).collect();
        rows.extend(batch.lines.iter().copied().zip(cells.chunks(columns).map(<[String]>::to_vec)));
    }
    Ok((rows, reader.finish()?))
}

fn refusal(content: &[u8]) -> (ReasonCode, Option<u64>, String) {
    match read(content) {
        Err(ReadError::Refused(Refusal(finding))) => (finding.reason, finding.line, finding.value.unwrap()),
        other => panic!("expected a refusal, got {other:?}"),
    }
}

fn cells(row: &[&str]) -> Vec<String> {
    row.iter().map(|cell| (*cell).to_owned()).collect()
}

#[test]
fn records_keep_their_physical_lines_over_quoted_line_ends_and_crlf() {
    let (rows, summary) = read(b"\xef\xbb\xbfa,b\r\n1,\"x\r\ny\"\r\n2,\"say \"\"hi\"\"\"\r\n3,\r\n").unwrap();
    assert_eq!(rows, [(2, cells(&["1", "x\r\ny"])), (4, cells(&["2", "say \"hi\""])), (5, cells(&["3", ""]))]);
    assert_eq!((summary.records, summary.rejected.len()), (3, 0));
}

#[test]
fn ragged_and_blank_records_are_set_aside_with_line_and_raw_text() {
    let (rows, summary) = read(b"a,b\n1,2\n3\n\n4,5,6\r\n7,8\n\n\n").unwrap();
    assert_eq!(rows, [(2, cells(&["1", "2"])), (6, cells(&["7", "8"]))]);
    let seen: Vec<_> = summary.rejected.iter().map(|f| (f.reason.as_str(), f.line, f.raw.clone().unwrap())).collect();
    assert_eq!(
        seen,
        [
            ("missing-cell", Some(3), "3".to_owned()),
            ("blank-row", Some(4), String::new()),
            ("extra-cell", Some(5), "4,5,6".to_owned()),
        ]
    );
    assert_eq!(summary.records, 5, "empty lines after the last record are no records");
}

#[test]
fn file_that_is_not_whole_is_refused_with_the_line() {
    assert_eq!(refusal(b""), (ReasonCode::TruncatedFile, None, "the file is empty".into()));
    assert_eq!(refusal(b"a,b").0, ReasonCode::TruncatedFile);
    let (reason, line, value) = refusal(b"a,b\n1,2\n3");
    assert_eq!((reason, line), (ReasonCode::TruncatedFile, Some(3)));
    assert_eq!(value, "the last record has 1 cells where the header has 2");
    assert_eq!(refusal(b"a,b\n1,\"2\n3,4\n").0, ReasonCode::UnclosedQuote);
    assert_eq!(refusal(b"a,b\n1,\"2\n3,4\n").1, Some(2));
}

#[test]
fn last_record_without_line_end_is_taken_when_it_is_whole() {
    assert_eq!(read(b"a,b\n1,2").unwrap().0, [(2, cells(&["1", "2"]))]);
}

#[test]
fn bytes_that_are_no_utf8_are_refused_with_their_offset() {
    assert_eq!(refusal(b"a,b\n1,caf\xe9\n"), (ReasonCode::EncodingError, Some(2), "byte 9 is not UTF-8".into()));
    assert_eq!(refusal(b"a,b\r1,2\r3,\xc3\r"), (ReasonCode::EncodingError, Some(3), "byte 10 is not UTF-8".into()));
    assert_eq!(refusal(b"a\0,\0b\0\n\0").0, ReasonCode::EncodingError);
}

#[test]
fn file_of_another_format_is_refused_by_its_name() {
    for (start, what) in [
        (&b"PK\x03\x04rest"[..], "a workbook or ZIP archive"),
        (b"\x1f\x8b\x08", "compressed with gzip"),
        (b"\xff\xfea\0", "UTF-16 text"),
    ] {
        assert_eq!(refusal(start), (ReasonCode::EncodingError, None, format!("the file is {what}, not CSV in UTF-8")));
    }
}

#[test]
fn lines_end_with_lf_crlf_or_cr_in_any_order() {
    let expected = [(2, cells(&["1", "2"])), (3, cells(&["3", "4"])), (4, cells(&["5", "6"]))];
    for content in ["a,b\r1,2\r3,4\r5,6\r", "a,b\r\n1,2\n3,4\r5,6", "a,b\r\r\n1,2\r\r\n3,4\r\r\n5,6\r\r\n"] {
        let (rows, summary) = read(content.as_bytes()).unwrap();
        assert_eq!((rows, summary.records), (expected.to_vec(), 3), "{content:?}");
    }
    let (rows, summary) = read(b"a,b\r\r1,2\r3,\"x\ry\"\r5,6\r\r").unwrap();
    assert_eq!(rows, [(3, cells(&["1", "2"])), (4, cells(&["3", "x\ry"])), (6, cells(&["5", "6"]))]);
    assert_eq!(summary.records, 4, "the empty line behind the header counts, the one at the end does not");
}

#[test]
fn what_old_programs_leave_at_the_end_is_read_over_and_said() {
    for (tail, note) in [
        ("\x1a", Some("has a line of the byte 1A")),
        ("\x1a\r\n", Some("has a line of the byte 1A")),
        ("\0\0\0\0", Some("has a line of bytes 0")),
    ] {
        let (rows, summary) = read(format!("a,b\n1,2\n{tail}").as_bytes()).unwrap();
        assert_eq!((rows, summary.records, summary.notes.first().copied()), (vec![(2, cells(&["1", "2"]))], 1, note), "{tail:?}");
    }
    assert_eq!(read(b"a,b\n1,2\x1a").unwrap().0, [(2, cells(&["1", "2"]))]);
    let (reason, line, value) = refusal(b"a,b\n1,2\n3,4\0\0\0");
    assert_eq!((reason, line, value.as_str()), (ReasonCode::TruncatedFile, Some(3), "the file ends in bytes 0"));
    let (rows, summary) = read(b"a,b\n1,x\0y\n3,4\n").unwrap();
    assert_eq!(
        (rows, summary.rejected[0].reason, summary.rejected[0].line),
        (vec![(3, cells(&["3", "4"]))], ReasonCode::EncodingError, Some(2))
    );
}

#[test]
fn quotes_without_their_pair_reject_what_they_enclose_and_nothing_else() {
    let content = b"id,street,type\n1,a,S\n2,\"b,S\n3,c,S\n4,\"d,S\n5,5\" pipe,S\n6,f,S\n\"7,g,S\n8,h,S\n9\",i,S\n10,j,S\n";
    let (rows, summary) = read(content).unwrap();
    assert_eq!(rows.iter().map(|(line, row)| (*line, row[0].as_str())).collect::<Vec<_>>(), [(2, "1"), (7, "6"), (11, "10")]);
    let seen: Vec<_> =
        summary.rejected.iter().map(|f| (f.reason.as_str(), f.line, f.value.clone().unwrap(), f.raw.clone().unwrap())).collect();
    let expected = [
        ("unclosed-quote", Some(3), "a quote without its pair in lines 3 to 5", "2,\"b,S\n3,c,S\n4,\"d,S"),
        ("stray-quote", Some(6), "a quote inside a cell", "5,5\" pipe,S"),
        ("unclosed-quote", Some(8), "the quoted cell in lines 8 to 10 holds whole records", "\"7,g,S\n8,h,S\n9\",i,S"),
    ];
    assert_eq!(seen, expected.map(|(reason, line, value, raw)| (reason, line, value.to_owned(), raw.to_owned())));
    assert_eq!((summary.records, summary.swallowed), (6, 4));
    assert_eq!(refusal(b"a,\"b\n1,2\n3,4\"\n5,6\n").0, ReasonCode::UnclosedQuote, "a header that swallows records");
}

#[test]
fn raw_text_of_a_record_is_found_by_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    std::fs::write(&path, "a,b\r\n1,2\r\n\r\n3,\"x\r\ny\"\r\n4,5\r\n").unwrap();
    let raw = |line| CsvReader::open(&path, b',', &Cancel::default()).unwrap().raw_at(line).unwrap();
    assert_eq!([2, 3, 4, 6].map(raw), [Some("1,2".to_owned()), None, Some("3,\"x\r\ny\"".to_owned()), Some("4,5".to_owned())]);
}

#[test]
fn endless_line_is_refused_before_it_fills_the_memory() {
    let mut content = b"a,b\n".to_vec();
    content.resize(12 << 20, b'x');
    let (reason, line, value) = refusal(&content);
    assert_eq!(
        (reason, line, value.as_str()),
        (ReasonCode::ConstraintError, Some(2), "a record of more than 4 MiB without a line end")
    );
}

#[test]
fn large_file_over_many_blocks_keeps_every_record() {
    let mut content = b"id,text\n".to_vec();
    for n in 0..150_000 {
        content.extend_from_slice(format!("{n},\"row {n}, quoted\"\n").as_bytes());
    }
    let (rows, summary) = read(&content).unwrap();
    assert_eq!((rows.len(), summary.records, summary.bytes), (150_000, 150_000, content.len() as u64));
    assert_eq!(rows[149_999], (150_001, cells(&["149999", "row 149999, quoted"])));
}

#[test]
fn bytes_of_all_records_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    let content = "a,b\r\n1,2\r\n3,\"4\n5\"\r\n6,7\n\n8,9\r10,11\n";
    std::fs::write(&path, content).unwrap();
    let mut reader = super::super::reader::open(&path, b',', &Cancel::default()).unwrap();
    let records = reader.next_batch().unwrap().unwrap().record_count();
    assert_eq!((records, reader.next_batch().unwrap().is_none()), (5, true));
    assert_eq!(reader.bytes_done(), content.len() as u64);
}

#[test]
fn cancelled_reading_is_not_a_complete_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    std::fs::write(&path, "a\n1\n").unwrap();
    let cancel = Cancel::default();
    let mut reader = CsvReader::open(&path, b',', &cancel).unwrap();
    cancel.cancel();
    assert!(matches!(reader.next_batch(), Err(ReadError::Cancelled)));
}
