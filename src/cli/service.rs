//! The arguments of those who tell others what happens: `watch`, and `run` of its events.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::commands::Usage;
use crate::commands::lineage::{Receiver, address};
use crate::commands::watch::{LogFormat, WatchRequest};
use crate::outbound::{Audience, Bell, Command, Destination, Http, Mail, Mailbox};

/// How a log is written.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Log {
    /// A line for people.
    Text,
    /// An object a line.
    Json,
}

impl From<Log> for LogFormat {
    fn from(log: Log) -> Self {
        match log {
            Log::Text => Self::Text,
            Log::Json => Self::Json,
        }
    }
}

/// Who is told of runs.
#[derive(Debug, Args)]
pub struct Events {
    /// A file, or an address (http://, https://), that gets the events of runs as `OpenLineage` has them
    #[arg(long, value_name = "FILE|URL", env = "FEEDERSCOPE_LINEAGE", hide_env_values = true)]
    lineage: Option<String>,
    /// The key that goes with each event as `Authorization: Bearer`
    #[arg(long, value_name = "KEY", env = "FEEDERSCOPE_LINEAGE_KEY", hide_env_values = true)]
    lineage_key: Option<String>,
}

impl Events {
    /// The destination that was named. What is wrong is not repeated: it may hold a secret.
    ///
    /// # Errors
    /// It is none.
    pub fn destination(self) -> Result<Option<Box<dyn Destination>>, Usage> {
        let wrong = || Usage("`--lineage` takes a file, or an address that begins with http:// or https://".into());
        let receiver = self.lineage.filter(|text| !text.is_empty()).map(|text| Receiver::parse(&text).ok_or_else(wrong));
        Ok(receiver.transpose()?.map(|receiver| receiver.destination(self.lineage_key.filter(|key| !key.is_empty()))))
    }
}

/// How the service tells what happens.
#[derive(Debug, Args)]
pub struct Service {
    /// How the log is written, on standard output
    #[arg(long, value_enum, default_value = "text", value_name = "text|json")]
    log: Log,
    /// The file that says how things stand; `watch-ENV.json` in the data folder without it
    #[arg(long, value_name = "FILE")]
    health: Option<PathBuf>,
    /// A file of metrics as Prometheus reads them from a folder of text files
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    /// A command of the shell that is told of each case that opens, changes or closes, and of runs that fail and recover: an object
    /// on its standard input; may be given several times, as the next two
    #[arg(long, value_name = "COMMAND")]
    on_change: Vec<String>,
    /// An address that is told the same: a POST with the object
    #[arg(long, value_name = "URL", env = "FEEDERSCOPE_WEBHOOK", hide_env_values = true)]
    webhook: Vec<String>,
    /// Somebody who gets mail of the same; what happens within two seconds in one
    #[arg(long, value_name = "ADDRESS", requires_all = ["smtp", "mail_from"])]
    mail_to: Vec<Mailbox>,
    /// The sender of the mail
    #[arg(long, value_name = "ADDRESS")]
    mail_from: Option<Mailbox>,
    /// The mail server: `smtp://HOST:PORT`, or `smtps://USER:PASSWORD@HOST`
    #[arg(long, value_name = "URL", env = "FEEDERSCOPE_SMTP", hide_env_values = true)]
    smtp: Option<String>,
    /// Ring the terminal's bell when something changes
    #[arg(long)]
    bell: bool,
    /// Who is told of runs.
    #[command(flatten)]
    events: Events,
}

impl Service {
    /// What is asked of the service, and who is told.
    ///
    /// # Errors
    /// An address is none.
    pub fn split(self) -> Result<(WatchRequest, Audience), Usage> {
        let mut changes: Vec<Box<dyn Destination>> = Vec::new();
        for command in self.on_change {
            changes.push(Box::new(Command(command)));
        }
        for text in self.webhook.iter().filter(|text| !text.is_empty()) {
            let url =
                address(text).ok_or_else(|| Usage("`--webhook` takes an address that begins with http:// or https://".into()))?;
            changes.push(Box::new(Http::new(url, None)));
        }
        if let (Some(smtp), Some(from)) = (self.smtp, self.mail_from) {
            for to in self.mail_to {
                changes.push(Box::new(Mail::new(&smtp, from.clone(), to).map_err(Usage)?));
            }
        }
        if self.bell {
            changes.push(Box::new(Bell));
        }
        let request = WatchRequest { log: self.log.into(), health: self.health, metrics: self.metrics };
        Ok((request, Audience { changes, runs: self.events.destination()? }))
    }
}
