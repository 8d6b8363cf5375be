//! Random files, read by this reader and by the crate `csv`: what is taken must be what both see.
//!
//! Made from pieces of damaged deliveries, and from whole ones of which some places are damaged, cut into blocks anywhere.
//! `FEEDERSCOPE_FUZZ=10000000 cargo test --release --lib fuzz` reads so many files; the tests read some thousands.

use std::path::Path;
use std::sync::mpsc::sync_channel;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;

/// What damaged files are made of.
const PIECES: &[&str] = &[
    "a",
    "b",
    "12",
    "\"",
    "\"",
    "\"\"",
    ",",
    ",",
    ",",
    ";",
    "\n",
    "\n",
    "\r\n",
    "\r",
    "\r\r\n",
    " ",
    "\t",
    "\u{feff}",
    "\u{1a}",
    "\0",
    "é",
    // A comma with another bit.
    "¬",
    "a cell of more bytes than are looked at at once",
    "#N/A",
    "a,b,c\n",
    "1,2,3\r\n",
    "4,\"x, y\",z\n",
    "5,\"two\nlines\",7\n",
    "6,\"open,8\n",
    "\"7\" ,8,9\r",
    "8,5\" pipe,9\n",
    ",,\n",
];

fn die(dice: &mut ChaCha8Rng, sides: usize) -> usize {
    (dice.next_u64() % sides as u64) as usize
}

/// Deliveries as they come: those of `fuzz/seeds`, and the small ones of `../shared/cases` where they are beside the project.
fn seeds() -> Vec<String> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![project.join("fuzz/seeds"), project.join("../shared/cases")];
    let mut seeds = Vec::new();
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).collect();
        entries.sort_by_key(std::fs::DirEntry::path);
        for (path, kind) in entries.iter().filter_map(|entry| Some((entry.path(), entry.file_type().ok()?))) {
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "csv") {
                let text = std::fs::read(&path).ok().and_then(|content| String::from_utf8(content).ok());
                seeds.extend(text.filter(|text| (1..100_000).contains(&text.len())));
            }
        }
    }
    assert!(seeds.len() >= 5, "{} seeds", seeds.len());
    seeds
}

/// The header and some lines of a seed with pieces put in, and characters taken out, at some places.
fn damaged(dice: &mut ChaCha8Rng, seeds: &[String]) -> String {
    let seed: Vec<&str> = seeds[die(dice, seeds.len())].split_inclusive(['\n', '\r']).collect();
    let from = die(dice, seed.len());
    let lines = seed.iter().take(2).chain(seed.iter().skip(from.max(2)).take(die(dice, 8)));
    let mut text: Vec<char> = lines.flat_map(|line| line.chars()).collect();
    for _ in 0..die(dice, 5) {
        let at = die(dice, text.len());
        if die(dice, 2) == 0 {
            text.splice(at..at, PIECES[die(dice, PIECES.len())].chars());
        } else {
            text.drain(at..(at + 1 + die(dice, 3)).min(text.len()));
        }
        if text.is_empty() {
            break;
        }
    }
    text.into_iter().collect()
}

fn content(dice: &mut ChaCha8Rng, seeds: &[String]) -> String {
    if die(dice, 3) == 0 {
        return damaged(dice, seeds);
    }
    let header = ["a,b,c\n", "a,b,c\r\n", "a,b,c\r", "a\n", "a,b\n", ""][die(dice, 6)];
    let pieces = die(dice, 40);
    (0..pieces).fold(header.to_owned(), |text, _| text + PIECES[die(dice, PIECES.len())])
}

/// The content in blocks, cut anywhere.
fn blocks(dice: &mut ChaCha8Rng, content: &[u8]) -> Receiver<Block> {
    let (sender, receiver) = sync_channel(content.len() + 2);
    let mut rest = content;
    while !rest.is_empty() {
        // Marks at the start of a file are looked for in its first block.
        let marks = if rest.len() == content.len() {
            rest.len() - String::from_utf8_lossy(rest).trim_start_matches('\u{feff}').len()
        } else {
            0
        };
        let (block, more) = rest.split_at(marks.max(1 + die(dice, rest.len())));
        sender.send(Block::Bytes(block.to_vec())).unwrap();
        rest = more;
    }
    sender.send(Block::End { checksum: 0, bytes: content.len() as u64 }).unwrap();
    receiver
}

/// Records by line, those that were taken and the lines of those that were not; `None` where the file was refused.
type Read = Option<(Vec<(u64, Vec<String>)>, Vec<Finding>)>;

fn read(dice: &mut ChaCha8Rng, content: &str) -> Read {
    let blocks = blocks(dice, content.as_bytes());
    let mut reader = CsvReader::over(blocks, (Path::new("fuzz"), None), b',', &Cancel::default()).ok()?;
    let columns = reader.labels().len();
    let mut rows = Vec::new();
    while let Some(batch) = reader.next_batch().ok()? {
        let cells: Vec<String> = batch.cells().map(str::to_owned).collect();
        rows.extend(batch.lines.iter().copied().zip(cells.chunks(columns).map(<[String]>::to_vec)));
    }
    Some((rows, reader.rejected))
}

/// The records as the crate `csv` sees them, the header among them, by the line on which each starts.
fn oracle(content: &str) -> Vec<(u64, Vec<String>)> {
    let content = content.trim_start_matches('\u{feff}');
    let mut reader = ::csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(content.as_bytes());
    let mut records = Vec::new();
    let mut record = ::csv::StringRecord::new();
    while reader.read_record(&mut record).unwrap() {
        let start = record.position().unwrap().byte() as usize;
        // Line ends that stand before a record are counted to it.
        let start = start + content.as_bytes()[start..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let mut before = content[..start].to_owned();
        while before.contains("\r\n") {
            before = before.replace("\r\n", "\n");
        }
        let line = 1 + before.matches(['\n', '\r']).count();
        records.push((line as u64, record.iter().map(str::to_owned).collect()));
    }
    records
}

fn check(content: &str, (rows, rejected): (Vec<(u64, Vec<String>)>, Vec<Finding>)) {
    let seen = oracle(content);
    let (_, header) = seen.first().unwrap_or_else(|| panic!("read, though there is no header: {content:?}"));
    let of_oracle = |line: u64| seen[1..].iter().find(|(at, _)| *at == line).map(|(_, cells)| cells);
    for (line, cells) in &rows {
        let expected = of_oracle(*line).map(|cells| cells.iter().map(|cell| cell.trim_end_matches('\u{1a}')).collect::<Vec<_>>());
        let cells: Vec<&str> = cells.iter().map(|cell| cell.trim_end_matches('\u{1a}')).collect();
        assert_eq!(Some(cells), expected, "line {line} of {content:?}");
    }
    // What is not taken has a line and a reason, and that is the right one.
    for finding in rejected.iter().filter(|finding| !matches!(finding.reason, ReasonCode::BlankRow)) {
        let line = finding.line.unwrap();
        let cells = of_oracle(line).unwrap_or_else(|| panic!("no record starts on line {line} of {content:?}"));
        if let Some(raw) = finding.raw.as_ref().filter(|raw| !raw.contains('"')) {
            assert_eq!(*raw, cells.join(","), "line {line} of {content:?}");
        }
        match finding.reason {
            ReasonCode::MissingCell => assert!(cells.len() < header.len(), "line {line} of {content:?}"),
            ReasonCode::ExtraCell => assert!(cells.len() > header.len(), "line {line} of {content:?}"),
            ReasonCode::EncodingError => assert!(cells.iter().any(|cell| cell.contains('\0')), "line {line} of {content:?}"),
            _ => assert!(finding.raw.as_ref().is_some_and(|raw| raw.contains('"')), "line {line} of {content:?}"),
        }
    }
    let nothing = |cells: &[String]| cells.len() == 1 && cells[0].chars().all(|c| matches!(c, '\u{1a}' | '\0'));
    let known = |line: u64| rows.iter().any(|(at, _)| *at == line) || rejected.iter().any(|finding| finding.line == Some(line));
    for (line, cells) in seen[1..].iter().filter(|(_, cells)| !nothing(cells)) {
        assert!(known(*line), "the record of line {line}, {cells:?}, is nowhere; {content:?}");
    }
}

#[test]
fn random_files_are_read_as_the_crate_csv_reads_them_or_their_records_are_named() {
    let files: u64 = std::env::var("FEEDERSCOPE_FUZZ").ok().and_then(|files| files.parse().ok()).unwrap_or(20_000);
    let seed = std::env::var("FEEDERSCOPE_FUZZ_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let (mut dice, seeds) = (ChaCha8Rng::seed_from_u64(seed), seeds());
    let (mut taken, mut rejected, mut refused) = (0_u64, 0_u64, 0_u64);
    for _ in 0..files {
        let content = content(&mut dice, &seeds);
        match read(&mut dice, &content) {
            Some(read) => {
                (taken, rejected) = (taken + read.0.len() as u64, rejected + read.1.len() as u64);
                check(&content, read);
            }
            None => refused += 1,
        }
    }
    println!("{files} files, {refused} refused; {taken} records taken, {rejected} rejected");
    assert!(taken > files / 2 && rejected > files / 2 && refused < files / 2, "{taken} {rejected} {refused}");
}
