//! Physical lines: each ends with LF, CRLF or CR. Several CR before an LF are one line end, as two conversions leave them.

/// Whether a byte is part of a line end.
pub(super) const fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Line ends without the rest of the one before, whose CR was read already.
pub(super) fn own_line_ends(bytes: &[u8], after_cr: bool) -> &[u8] {
    let returns = bytes.iter().take_while(|byte| **byte == b'\r').count();
    match bytes.get(returns) {
        Some(b'\n') if after_cr => &bytes[returns + 1..],
        _ => bytes,
    }
}

/// Number of lines that end in some bytes.
pub(super) fn line_ends(bytes: &[u8]) -> u64 {
    let mut counter = LineCounter::default();
    counter.feed(bytes);
    counter.ends()
}

/// Counts lines of bytes that come in pieces.
#[derive(Default)]
pub(super) struct LineCounter {
    ended: u64,
    /// CR without an LF behind them, so far.
    returns: u64,
}

impl LineCounter {
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' => (self.ended, self.returns) = (self.ended + 1, 0),
                b'\r' => self.returns += 1,
                _ => (self.ended, self.returns) = (self.ended + self.returns, 0),
            }
        }
    }

    /// Lines that have ended.
    pub(super) const fn ends(&self) -> u64 {
        self.ended + self.returns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_counted_in_each_notation() {
        let counts =
            ["", "a", "a\n", "a\r\nb\n", "a\rb\r", "a\r\r\n", "\n\r", "\r\r", "a\r\n\r\n"].map(|text| line_ends(text.as_bytes()));
        assert_eq!(counts, [0, 0, 1, 2, 2, 1, 2, 2, 2]);
        assert_eq!(
            [own_line_ends(b"\n\n", true), own_line_ends(b"\r\n", true), own_line_ends(b"\n", false), own_line_ends(b"\r", true)],
            [&b"\n"[..], b"", b"\n", b"\r"]
        );
    }

    #[test]
    fn lines_are_the_same_in_pieces() {
        let text = b"a\r\r\nb\rc\n\r\nd\r";
        for cut in 0..text.len() {
            let mut counter = LineCounter::default();
            counter.feed(&text[..cut]);
            counter.feed(&text[cut..]);
            assert_eq!(counter.ends(), 5, "{cut}");
        }
    }
}
