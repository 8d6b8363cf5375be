//! A file that gets each message as a line.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use serde_json::Value;

use super::{Destination, Refusal};

/// A file that grows by a line a message; whoever rotates it may rename it.
#[derive(Debug)]
pub struct File(pub PathBuf);

impl Destination for File {
    fn name(&self) -> String {
        format!("`{}`", self.0.display())
    }

    fn send(&mut self, messages: &[Value]) -> Result<(), Refusal> {
        let mut text: Vec<String> = messages.iter().map(Value::to_string).collect();
        text.push(String::new());
        let append = || {
            if let Some(folder) = self.0.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let mut file = OpenOptions::new().create(true).append(true).open(&self.0)?;
            let before = file.metadata()?.len();
            let written = file.write_all(text.join("\n").as_bytes());
            if written.is_err() {
                // A line is whole or not there.
                file.set_len(before)?;
            }
            written
        };
        append().map_err(|error| Refusal::Later(error.to_string(), None))
    }
}
