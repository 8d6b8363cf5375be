//! What the program logs: on standard error, but for as long as the console has the screen that this is. Then it is kept, and said when the
//! screen is given back.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

/// What was logged since the console took the screen; `None` while it does not have it.
static KEPT: Mutex<Option<Vec<u8>>> = Mutex::new(None);

/// Bytes that are kept: of more the newest.
const MOST: usize = 1 << 16;

/// Writes what is logged.
pub struct Log;

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        match KEPT.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(kept) => keep(kept, text),
            None => io::stderr().write_all(text)?,
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Adds to what is kept; of too much the oldest lines go.
fn keep(kept: &mut Vec<u8>, text: &[u8]) {
    kept.extend_from_slice(text);
    if let Some(too_many) = kept.len().checked_sub(MOST) {
        let line = kept[too_many..].iter().position(|byte| *byte == b'\n').map_or(kept.len(), |end| too_many + end + 1);
        kept.drain(..line);
    }
}

/// From now on the screen is the console's.
pub(super) fn hold() {
    if io::stderr().is_terminal() {
        KEPT.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default();
    }
}

/// The screen was given back: says what was kept.
pub(super) fn release() {
    if let Some(kept) = KEPT.lock().unwrap_or_else(PoisonError::into_inner).take() {
        let _ = io::stderr().write_all(&kept);
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, keep};

    #[test]
    fn of_too_much_the_newest_lines_are_kept() {
        let mut kept = Vec::new();
        (0..20_000).for_each(|n| keep(&mut kept, format!("line {n}\n").as_bytes()));
        let text = String::from_utf8(kept).unwrap();
        assert!(text.len() <= MOST && text.len() > MOST - 20, "{}", text.len());
        assert!(text.starts_with("line ") && text.ends_with("line 19998\nline 19999\n"));
        let mut kept = b"short\n".to_vec();
        keep(&mut kept, &vec![b'x'; MOST + 1]);
        assert!(kept.is_empty(), "what is longer than all is no line to be kept");
    }
}
