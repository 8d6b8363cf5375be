//! The bell of the terminal that the program was started in, if it was; what it does with it (a sound, a mark at the window) is the desktop's.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use serde_json::Value;

use super::{Destination, Refusal};

/// The terminal's bell, once for what happens within a moment.
#[derive(Debug)]
pub struct Bell;

impl Destination for Bell {
    fn name(&self) -> String {
        "the bell".into()
    }

    fn gathers(&self) -> (usize, Duration) {
        (usize::MAX, Duration::from_millis(500))
    }

    fn send(&mut self, _: &[Value]) -> Result<(), Refusal> {
        let mut terminal = std::io::stderr();
        if !terminal.is_terminal() {
            return Ok(());
        }
        terminal.write_all(b"\x07").and_then(|()| terminal.flush()).map_err(|error| Refusal::Never(error.to_string()))
    }
}
