//! The terminal: taken over, and given back whatever happens.

use std::io::{self, BufWriter, Stdout, Write};
use std::path::Path;

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use crossterm::{cursor, execute, queue, terminal};
use ratatui::layout::Size;
use ratatui::{Frame, Terminal};

use super::backend::Frugal;
use super::log;

/// A terminal in raw mode on its other screen; given back when dropped.
pub struct Screen {
    terminal: Terminal<Frugal<BufWriter<Stdout>>>,
    has_mouse: bool,
}

impl Screen {
    /// Takes the terminal over; from now on a panic gives it back before it speaks.
    ///
    /// # Errors
    /// It is no terminal, or cannot be switched.
    pub fn open() -> io::Result<Self> {
        let before = std::panic::take_hook();
        let main = std::thread::current().id();
        std::panic::set_hook(Box::new(move |panic| {
            // A worker's panic is its own affair: it is reported as a failed job, and the console goes on.
            if std::thread::current().id() == main {
                restore();
                before(panic);
            } else {
                tracing::error!("{panic}");
            }
        }));
        take(true)?;
        Ok(Self { terminal: new()?, has_mouse: true })
    }

    /// Draws a frame; a terminal that can shows it at once and not line by line.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn draw(&mut self, frame: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        queue!(self.terminal.backend_mut(), terminal::BeginSynchronizedUpdate)?;
        self.terminal.draw(frame)?;
        execute!(self.terminal.backend_mut(), terminal::EndSynchronizedUpdate)
    }

    /// Its lines; none where it does not say.
    pub fn height(&self) -> u16 {
        self.terminal.size().map_or(0, |size| size.height)
    }

    /// Draws everything anew with the next frame.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn redraw(&mut self) -> io::Result<()> {
        // `Terminal::clear` asks the terminal where its cursor is, and the answer would go to the thread that reads keys.
        execute!(io::stdout(), terminal::Clear(terminal::ClearType::All))?;
        self.terminal = new()?;
        Ok(())
    }

    /// Keeps a text where the terminal keeps what was copied (OSC 52), so that it works over SSH, too.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn copy(text: &str) -> io::Result<()> {
        execute!(io::stdout(), CopyToClipboard::to_clipboard_from(text))
    }

    /// Has the mouse reported, or leaves it to the terminal.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn mouse(&mut self, on: bool) -> io::Result<()> {
        self.has_mouse = on;
        if on { execute!(io::stdout(), EnableMouseCapture) } else { execute!(io::stdout(), DisableMouseCapture) }
    }

    /// Gives the terminal back and stops until the shell says otherwise; then takes it again.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn suspend(&mut self) -> io::Result<()> {
        restore();
        stop();
        take(self.has_mouse)?;
        self.redraw()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// A terminal that a whole frame goes to at once.
fn new() -> io::Result<Terminal<Frugal<BufWriter<Stdout>>>> {
    const FRAME: usize = 1 << 16;
    let (width, height) = terminal::size()?;
    Terminal::new(Frugal::new(BufWriter::with_capacity(FRAME, io::stdout()), Size { width, height }))
}

/// Whether there is a shell that could let the program go on: not where it was started in place of one.
#[cfg(unix)]
pub fn has_shell() -> bool {
    use rustix::process::{getpid, getsid};
    getsid(None).is_ok_and(|session| session != getpid())
}

/// There are no jobs here.
#[cfg(not(unix))]
pub const fn has_shell() -> bool {
    false
}

/// Whoever started the program together with it stops, too: a shell waits for all of them.
#[cfg(unix)]
fn stop() {
    use rustix::process::{Signal, getpgrp, kill_process_group};
    let _ = kill_process_group(getpgrp(), Signal::STOP);
}

#[cfg(not(unix))]
const fn stop() {}

fn take(mouse: bool) -> io::Result<()> {
    log::hold();
    terminal::enable_raw_mode()?;
    execute!(io::stdout(), terminal::EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)?;
    if mouse { execute!(io::stdout(), EnableMouseCapture) } else { Ok(()) }
}

/// Gives the terminal back; nothing more can be done where even that fails.
fn restore() {
    let _ = execute!(io::stdout(), DisableMouseCapture, DisableBracketedPaste, terminal::LeaveAlternateScreen, cursor::Show);
    let _ = terminal::disable_raw_mode();
    let _ = io::stdout().flush();
    log::release();
}

/// Opens a file in the browser of the desktop, where there is one.
pub fn browse(path: &Path) {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let quiet = || std::process::Stdio::null();
    let _ = std::process::Command::new(program).arg(path).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn();
}
