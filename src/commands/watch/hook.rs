//! Whoever is told of changes: a command of the shell.

use std::collections::VecDeque;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Entry;
use super::health::Open;
use crate::landing::arrivals::LOOK;

/// How long a command that is told of a change may take.
const HOOK: Duration = Duration::from_secs(30);
/// How long the end waits for it.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// The command that is told of changes, in their order, by a thread of its own: no load waits for it, and its failure fails nothing else.
pub(super) struct Hook {
    changes: Sender<serde_json::Value>,
    thread: JoinHandle<()>,
    /// One for each change that was told: what there is to say about it.
    said: Receiver<Option<Entry>>,
    /// What was not told yet, in order.
    waiting: VecDeque<Untold>,
}

/// A change that nobody was told of yet: the case by what tells it from others, and as it was before.
pub(super) type Untold = Option<(String, Option<Open>)>;

impl Hook {
    pub(super) fn start(command: String) -> std::io::Result<Self> {
        let (changes, to_tell) = channel::<serde_json::Value>();
        let (say, said) = channel();
        let thread = std::thread::Builder::new().name("hook".into()).spawn(move || {
            while let Ok(change) = to_tell.recv() {
                let told = call(&command, &change.to_string());
                let entry = told.err().map(|error| {
                    let message = format!("`{command}` could not be told: {error}");
                    Entry { level: "warn", event: "hook-failed", message, fields: change }
                });
                let _ = say.send(entry);
            }
        })?;
        Ok(Self { changes, thread, said, waiting: VecDeque::new() })
    }

    pub(super) fn tell(&mut self, change: serde_json::Value, untold: Untold) {
        self.waiting.push_back(untold);
        // The thread that listens does not end before the service.
        let _ = self.changes.send(change);
    }

    /// What there is to say about what was told meanwhile.
    pub(super) fn said(&mut self) -> Vec<Entry> {
        let told: Vec<Option<Entry>> = self.said.try_iter().collect();
        self.waiting.drain(..told.len().min(self.waiting.len()));
        told.into_iter().flatten().collect()
    }

    /// Waits, for a moment, until what happened before the end is told, too; what there is to say, and what was not told.
    pub(super) fn end(mut self) -> (Vec<Entry>, VecDeque<Untold>) {
        let asked = Instant::now();
        let mut said = self.said();
        while !self.waiting.is_empty() && !self.thread.is_finished() && asked.elapsed() < LAST_WORDS {
            std::thread::sleep(LOOK / 4);
            said.extend(self.said());
        }
        (said, self.waiting)
    }
}

/// Calls a command of the shell with a text on its standard input; an error where it fails, or takes too long.
fn call(command: &str, text: &str) -> std::io::Result<()> {
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let mut child =
        Command::new(shell).args([flag, command]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // Whoever does not read what it is told has been told all the same.
        let _ = writeln!(stdin, "{text}");
    }
    let begun = Instant::now();
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(std::io::Error::other(status.to_string())),
            None if begun.elapsed() >= HOOK => {
                child.kill()?;
                child.wait()?;
                return Err(std::io::Error::other(format!("it took longer than {} s and was ended", HOOK.as_secs())));
            }
            None => std::thread::sleep(LOOK),
        }
    }
}
