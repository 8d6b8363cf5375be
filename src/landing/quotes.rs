//! Whether a record's quotes are in pairs where they may be: around a whole cell, doubled inside it (RFC 4180).
//!
//! The splitter is lenient and would read on over line ends until it meets another quote. Only records with a quote are looked at.

/// What a record's quotes are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    /// Each quoted cell begins and ends with a quote; blanks may follow it.
    Sound,
    /// A quote inside a cell that did not begin with one.
    Stray,
    /// Text behind a closing quote.
    TextBehind,
    /// The last quote is never closed.
    Open,
    /// A quoted cell holds lines that are records by themselves.
    SwallowsRecords,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    CellStart,
    Bare,
    Quoted,
    Closed,
}

/// Looks at one record of a file with so many columns; `raw` is without the line ends before it.
pub(super) fn inspect(raw: &[u8], delimiter: u8, columns: usize) -> Quoting {
    let end = raw.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |last| last + 1);
    let raw = &raw[..end];
    let (mut at, mut fault) = (At::CellStart, None);
    for &byte in raw {
        at = match (at, byte) {
            (At::Quoted, b'"') => At::Closed,
            (At::CellStart | At::Closed, b'"') | (At::Quoted, _) => At::Quoted,
            (At::Bare, b'"') => {
                fault = fault.or(Some(Quoting::Stray));
                At::Bare
            }
            (_, byte) if byte == delimiter => At::CellStart,
            (At::Closed, b' ' | b'\t') => At::Closed,
            (At::Closed, _) => {
                fault = fault.or(Some(Quoting::TextBehind));
                At::Bare
            }
            (At::CellStart | At::Bare, _) => At::Bare,
        };
    }
    match (at, fault) {
        // Whatever else is wrong: the record does not end.
        (At::Quoted, _) => Quoting::Open,
        (_, Some(fault)) => fault,
        _ if swallows_records(raw, delimiter, columns) => Quoting::SwallowsRecords,
        _ => Quoting::Sound,
    }
}

/// Whether lines of a record are records by themselves, which no text in a cell is: both its first and its last line, or one between.
/// Of two columns a line between may be one by chance.
fn swallows_records(raw: &[u8], delimiter: u8, columns: usize) -> bool {
    let mut lines = lines(raw);
    let (Some(first), Some(last)) = (lines.next(), lines.next_back()) else { return false };
    let is_record = |line: &[u8]| columns > 1 && cells_alone(line, delimiter) == columns;
    (is_record(first) && is_record(last)) || (columns > 2 && lines.any(is_record))
}

fn lines(raw: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    raw.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| !line.is_empty())
}

/// The cells of a line read by itself, where a quote without its pair is text.
fn cells_alone(line: &[u8], delimiter: u8) -> usize {
    let (mut cells, mut rest) = (1, line);
    loop {
        let is_end = |tail: &[u8]| tail.first().is_none_or(|next| *next == delimiter);
        let closing = |inside: &[u8]| (0..inside.len()).find(|at| inside[*at] == b'"' && is_end(&inside[at + 1..]));
        let skipped = rest.strip_prefix(b"\"").and_then(closing).map_or(0, |at| at + 2);
        let Some(next) = rest[skipped..].iter().position(|byte| *byte == delimiter) else { return cells };
        (cells, rest) = (cells + 1, &rest[skipped + next + 1..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_sound_around_whole_cells_only() {
        let seen = |raw: &str| inspect(raw.as_bytes(), b',', 3);
        for sound in ["a,b,c", "\"a\",\"b, b\",\"\"\r\n", "1,\"say \"\"hi\"\"\",2\n", "\"a\" ,b,\"c\" ", "1,\"two\nlines\",3\r\n"]
        {
            assert_eq!(seen(sound), Quoting::Sound, "{sound}");
        }
        assert_eq!(seen("1,5\" pipe,3\n"), Quoting::Stray);
        assert_eq!(seen("1, \"a\",3\n"), Quoting::Stray);
        assert_eq!(seen("1,\"a\"b,3\n"), Quoting::TextBehind);
        assert_eq!(seen("1,\"a,2,3\n4,\"b,5\n"), Quoting::TextBehind, "two stray quotes, as in two lines without their pair");
        assert_eq!(seen("1,\"a,3\n4,b,5\n"), Quoting::Open);
        assert_eq!(seen("1,5\" pipe,\"open\n4,b,5\n"), Quoting::Open, "a fault before it does not close the last quote");
        assert_eq!(seen("1,\"a\"b,\"open\n4,b,5\n"), Quoting::Open);
        assert_eq!(seen("\"1,a,b\n2,c,d\n3\",e,f\n"), Quoting::SwallowsRecords);
        assert_eq!(seen("\"1,a,b\n2\",c,d\n"), Quoting::SwallowsRecords, "the first and the last line are records by themselves");
    }

    #[test]
    fn empty_cells_at_the_end_of_a_line_count_whatever_the_delimiter() {
        for delimiter in [b',', b';', b'\t', b'|'] {
            let raw = "\"1,a,,\n2,b,,\n3\",c,,\n".replace(',', &char::from(delimiter).to_string());
            assert_eq!(inspect(raw.as_bytes(), delimiter, 4), Quoting::SwallowsRecords, "{raw:?}");
            let raw = "1,\"5 Main St\nAlbany\",,\n".replace(',', &char::from(delimiter).to_string());
            assert_eq!(inspect(raw.as_bytes(), delimiter, 4), Quoting::Sound, "{raw:?}");
        }
    }

    #[test]
    fn cell_of_several_lines_is_none_of_several_records() {
        let seen = |raw: &str, columns| inspect(raw.as_bytes(), b',', columns);
        assert_eq!(seen("5,\"12 Main St,\nApt 4, Albany\",Solar,7\n", 4), Quoting::Sound);
        assert_eq!(seen("\"one\n\ntwo\"\n", 1), Quoting::Sound);
        assert_eq!(seen("a,\"x\nfoo, bar\ny\"\n", 2), Quoting::Sound);
        assert_eq!(seen("7,\"12 Main St, Albany\",\"1,x\n8,\"\"Oak St\"\",2,y\n9,Elm St,3\",z\n", 4), Quoting::SwallowsRecords);
    }
}
