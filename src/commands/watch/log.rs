//! The service's log, on standard output: a line each, for people or for programs.

use std::io::Write as _;

use super::health::seconds;
use crate::commands::Printer;
use crate::model::cell::visible;

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// An object a line.
    Json,
}

/// A line of the log.
pub(super) struct Entry {
    pub(super) level: &'static str,
    pub(super) event: &'static str,
    pub(super) message: String,
    pub(super) fields: serde_json::Value,
}

impl Entry {
    /// Writes it.
    ///
    /// # Errors
    /// Also where nobody reads on, other than with rows: a service without a log has failed.
    pub(super) fn write(&self, format: LogFormat, printer: &Printer) -> anyhow::Result<()> {
        let at = jiff::Timestamp::from_second(seconds()).unwrap_or_default();
        let line = match format {
            LogFormat::Text => {
                let message = self.message.split('\n').map(|line| visible(line).into_owned()).collect::<Vec<_>>().join(" ·");
                format!("{at} {:<5} {message}\n", self.level)
            }
            LogFormat::Json => {
                let mut object = serde_json::json!({
                    "time": at.to_string(), "level": self.level, "event": self.event, "message": self.message,
                });
                if let (Some(object), Some(fields)) = (object.as_object_mut(), self.fields.as_object()) {
                    object.extend(fields.clone());
                }
                format!("{object}\n")
            }
        };
        let written = printer.print(&line).and_then(|()| std::io::stdout().flush());
        written.map_err(|error| anyhow::anyhow!("the log cannot be written: {error}"))
    }
}
