//! The console in a terminal: reads keys, draws frames, owns the state.
//!
//! One thread owns the [`App`], waits for events and draws when something changed, at most every 16 ms. Drawing takes
//! no lock and does no input or output but to the terminal.

pub mod draw;
mod panes;
pub(crate) mod terminal;
pub(crate) mod text;
pub mod theme;

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use crossterm::event::{self, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::app::{App, Event, Jobs, Key, signals};
use crate::config::Settings;
use crate::lake::Lake;
use terminal::Screen;
use theme::Theme;

/// The shortest time between two frames.
const FRAME: Duration = Duration::from_millis(16);

/// Opens the console and stays until the user, or the system, ends it.
///
/// # Errors
/// The terminal or the lake cannot be opened.
pub fn run(settings: Settings) -> anyhow::Result<()> {
    let (theme, problems) = Theme::load(&settings.theme, &settings.paths.config.join("themes"));
    let mut settings = settings;
    settings.problems.extend(problems);
    let lake = Lake::new(&settings.lake, settings.env)?;
    let (sender, receiver) = channel();
    let jobs = Jobs::new(settings.clone(), lake, sender.clone());
    let ending = sender.clone();
    signals::on_end(move || {
        let _ = ending.send(Event::Terminate);
    })?;
    let mut screen =
        Screen::open().context("the console needs a terminal; `feederscope --help` lists the commands that do not")?;
    read_keys(sender)?;
    let mut app = App::new(settings);
    app.start().into_iter().for_each(|job| jobs.start(job));
    jobs.watch();
    let ended = serve(&mut app, &theme, &mut screen, &receiver, &jobs);
    jobs.cancel();
    ended
}

fn serve(app: &mut App, theme: &Theme, screen: &mut Screen, events: &Receiver<Event>, jobs: &Jobs) -> anyhow::Result<()> {
    let mut dirty = true;
    let mut drawn: Option<Instant> = None;
    while !app.quit {
        let wait = match (dirty, drawn) {
            (false, _) => None,
            (true, None) => Some(Duration::ZERO),
            (true, Some(at)) => Some(FRAME.saturating_sub(at.elapsed())),
        };
        let event = match wait {
            None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(wait) => events.recv_timeout(wait),
        };
        match event {
            Ok(event) => {
                app.update(event).into_iter().for_each(|job| jobs.start(job));
                dirty = true;
            }
            Err(RecvTimeoutError::Timeout) => {
                screen.terminal.draw(|frame| draw::frame(frame, app, theme))?;
                (dirty, drawn) = (false, Some(Instant::now()));
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    Ok(())
}

/// Keys come from a thread of their own, so that nothing is ever waited for but events.
fn read_keys(sender: Sender<Event>) -> anyhow::Result<()> {
    std::thread::Builder::new().name("keys".into()).spawn(move || {
        while let Ok(event) = event::read() {
            let event = match event {
                event::Event::Key(key) if key.kind != KeyEventKind::Release => key_of(key).map(Event::Key),
                event::Event::Resize(..) => Some(Event::Resized),
                _ => None,
            };
            if let Some(event) = event
                && sender.send(event).is_err()
            {
                return;
            }
        }
        // The terminal is gone.
        let _ = sender.send(Event::Terminate);
    })?;
    Ok(())
}

fn key_of(key: KeyEvent) -> Option<Key> {
    Some(match key.code {
        KeyCode::Char(c) if key.modifiers.contains(KeyModifiers::CONTROL) => Key::Ctrl(c.to_ascii_lowercase()),
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Backspace => Key::Backspace,
        _ => return None,
    })
}
