//! A command of the shell that gets each message as a line on its standard input.

use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use xxhash_rust::xxh64::xxh64;

use super::{Destination, Refusal};

/// How long a call may take.
const CALL: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);

/// A command of the shell.
#[derive(Debug)]
pub struct Command(pub String);

impl Destination for Command {
    /// Its first word, and what tells it from others: arguments are often secrets.
    fn name(&self) -> String {
        let word = self.0.split_whitespace().next().unwrap_or_default();
        format!("`{word} …` ({:08x})", xxh64(self.0.as_bytes(), 0) as u32)
    }

    /// Calls it; one that fails is not called again for the same message, since nobody knows what it did.
    fn send(&mut self, messages: &[Value]) -> Result<(), Refusal> {
        messages
            .iter()
            .try_for_each(|message| call(&self.0, &message.to_string(), CALL).map_err(|error| Refusal::Never(error.to_string())))
    }
}

/// Calls a command with a text on its standard input; an error where it fails, or takes too long.
fn call(command: &str, text: &str, at_most: Duration) -> std::io::Result<()> {
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let mut call = std::process::Command::new(shell);
    // A signal to end that goes to the service's group ends no call that tells somebody.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut call, 0);
    let mut child = call.args([flag, command]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // Whoever does not read what it is told has been told all the same.
        let _ = writeln!(stdin, "{text}");
    }
    let begun = Instant::now();
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(std::io::Error::other(status.to_string())),
            None if begun.elapsed() >= at_most => {
                end(&mut child)?;
                child.wait()?;
                return Err(std::io::Error::other(format!("it took longer than {} s and was ended", at_most.as_secs())));
            }
            None => std::thread::sleep(LOOK),
        }
    }
}

/// Ends a call with all that it started.
#[cfg(unix)]
fn end(child: &mut std::process::Child) -> std::io::Result<()> {
    rustix::process::kill_process_group(rustix::process::Pid::from_child(child), rustix::process::Signal::KILL)?;
    Ok(())
}

/// Ends a call.
#[cfg(not(unix))]
fn end(child: &mut std::process::Child) -> std::io::Result<()> {
    child.kill()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn call_is_in_a_group_of_its_own_and_is_ended_with_what_it_started_when_it_takes_too_long() {
        let folder = tempfile::tempdir().unwrap();
        let (group, child) = (folder.path().join("group"), folder.path().join("child"));
        // The fifth field is the group; the call starts somebody who would outlive it.
        let command =
            format!("cut -d ' ' -f 5 /proc/$$/stat > '{}'; sleep 60 & echo $! > '{}'; wait", group.display(), child.display());
        let begun = Instant::now();
        let error = call(&command, "news", Duration::from_secs(2)).unwrap_err().to_string();
        assert!(error.contains("longer than 2 s"), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        let number = |path| std::fs::read_to_string(path).unwrap().trim().to_owned();
        let ours = std::fs::read_to_string("/proc/self/stat").unwrap();
        let ours = ours.rsplit(')').next().unwrap().split_whitespace().nth(2).unwrap().to_owned();
        assert_ne!(number(group), ours, "a signal to the service's group does not reach it");
        // A killed process takes its moment to die, and whoever takes in orphans may take longer to bury it.
        let stat = format!("/proc/{}/stat", number(child));
        let alive = || std::fs::read_to_string(&stat).ok().filter(|stat| !stat.contains(") Z "));
        while let Some(left) = alive() {
            assert!(begun.elapsed() < Duration::from_secs(20), "{left}");
            std::thread::sleep(LOOK);
        }
    }
}
