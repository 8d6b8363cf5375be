//! The terminal: taken over, and given back whatever happens.

use std::io::{self, Stdout, Write};

use crossterm::{cursor, execute, terminal};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

/// A terminal in raw mode on its other screen; given back when dropped.
pub struct Screen {
    /// Where frames are drawn.
    pub terminal: Terminal<CrosstermBackend<Stdout>>,
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
        terminal::enable_raw_mode()?;
        execute!(io::stdout(), terminal::EnterAlternateScreen, cursor::Hide)?;
        Ok(Self { terminal: Terminal::new(CrosstermBackend::new(io::stdout()))? })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back; nothing more can be done where even that fails.
fn restore() {
    let _ = terminal::disable_raw_mode();
    let _ = execute!(io::stdout(), terminal::LeaveAlternateScreen, cursor::Show);
    let _ = io::stdout().flush();
}
