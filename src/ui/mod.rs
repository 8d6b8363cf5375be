//! The console in a terminal: reads keys and the mouse, draws frames, owns the state.
//!
//! One thread owns the [`App`], waits for events and draws when something changed, at most every 16 ms. Drawing takes no lock and does
//! no input or output but to the terminal. Views are declared by `app`; nothing here knows a pane.

pub mod backend;
pub mod draw;
pub mod log;
pub(crate) mod parts;
pub(crate) mod table;
pub(crate) mod terminal;
pub(crate) mod text;
pub mod theme;

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use crossterm::event::{self, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use crate::app::keys::Keys;
use crate::app::{App, Divider, Event, Job, Jobs, Key, Target, Wish, signals, state};
use crate::config::Settings;
use crate::lake::Lake;
use crate::landing::watch::Watch;
use crate::model::Environment;
use draw::Hits;
use terminal::Screen;
use theme::{Depth, Theme};

/// How often it is looked whether a theme was edited.
const LOOK: Duration = Duration::from_millis(500);

/// The shortest time between two frames.
const FRAME: Duration = Duration::from_millis(16);

/// What the terminal tells the thread that owns the console.
enum Input {
    /// Something for the console.
    Event(Event),
    /// A button was pressed somewhere.
    Pressed(u16, u16),
    /// It is held, and is here now.
    Dragged(u16, u16),
    /// A file of themes or keys has changed.
    ThemeChanged,
    /// The system asks the program to stop for a while.
    Stop,
}

/// Opens the console and stays until the user, or the system, ends it.
///
/// # Errors
/// The terminal or the lake cannot be opened.
pub fn run(settings: Settings, depth: Depth) -> anyhow::Result<()> {
    let themes = settings.paths.config.join("themes");
    let name = if settings.theme == "auto" { theme::automatic() } else { settings.theme.clone() };
    let (theme, problems) = Theme::load(&name, &themes);
    let (keys, wrong_keys) = Keys::load(&settings.paths.config.join("keys.toml"));
    let mut settings = settings;
    settings.problems.extend(problems.into_iter().chain(wrong_keys));
    let lake = Lake::new(&settings.lake, settings.env)?;
    let (sender, receiver) = channel();
    let jobs = workers(&settings, lake, &sender)?;
    let ending = sender.clone();
    signals::on_end(move || {
        let _ = ending.send(Input::Event(Event::Terminate));
    })?;
    let stopping = sender.clone();
    signals::on_stop(move || {
        let _ = stopping.send(Input::Stop);
    })?;
    watch_themes(themes.clone(), sender.clone())?;
    let screen = Screen::open().context("the console needs a terminal; `feederscope --help` lists the commands that do not")?;
    read_keys(sender.clone())?;
    let kept = state::file(&settings);
    let mut app = App::with_keys(settings, keys);
    app.restore(&kept);
    let mut console = Console {
        app,
        theme: theme.at(depth),
        screen,
        jobs,
        hits: Hits::default(),
        held: None,
        waiting: Vec::new(),
        sender,
        themes,
        name,
        depth,
    };
    let height = console.screen.height();
    let first = console.app.update(Event::Resized(height));
    console.start(first)?;
    console.jobs.watch();
    let ended = console.serve(&receiver);
    console.jobs.cancel();
    drop(console.screen);
    keep(&mut console.app);
    ended
}

/// Remembers the state of a console; what cannot be is as at the first start.
fn keep(app: &mut App) {
    let file = state::file(app.settings());
    if let Err(error) = app.keep(&file) {
        tracing::warn!("`{}` cannot be written: {error}", file.display());
    }
}

/// Background workers whose events come by the same way as the keys.
fn workers(settings: &Settings, lake: Lake, sender: &Sender<Input>) -> std::io::Result<Jobs> {
    let (events, from_jobs) = channel();
    forward(from_jobs, sender.clone())?;
    Ok(Jobs::new(settings.clone(), lake, events))
}

struct Console {
    app: App,
    theme: Theme,
    screen: Screen,
    jobs: Jobs,
    hits: Hits,
    /// What stands between two parts and is held.
    held: Option<Divider>,
    /// Work that begins when the frame is drawn: it must not take the processor from it.
    waiting: Vec<Job>,
    sender: Sender<Input>,
    themes: std::path::PathBuf,
    name: String,
    depth: Depth,
}

impl Console {
    fn serve(&mut self, inputs: &Receiver<Input>) -> anyhow::Result<()> {
        let mut dirty = true;
        let mut drawn: Option<Instant> = None;
        while !self.app.quit {
            let wait = match (dirty, drawn) {
                (false, _) => None,
                (true, None) => Some(Duration::ZERO),
                (true, Some(at)) => Some(FRAME.saturating_sub(at.elapsed())),
            };
            let input = match wait {
                None => inputs.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(wait) => inputs.recv_timeout(wait),
            };
            match input {
                Ok(input) => {
                    self.take(input)?;
                    dirty = true;
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.draw()?;
                    for job in self.waiting.drain(..) {
                        self.jobs.start(job);
                    }
                    (dirty, drawn) = (false, Some(Instant::now()));
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        Ok(())
    }

    fn draw(&mut self) -> std::io::Result<()> {
        let (app, theme, hits) = (&self.app, &self.theme, &mut self.hits);
        self.screen.draw(|frame| *hits = draw::frame(frame, app, theme))
    }

    fn take(&mut self, input: Input) -> anyhow::Result<()> {
        let event = match input {
            Input::Event(event) => event,
            Input::Pressed(x, y) => {
                let target = self.hits.at(x, y);
                self.held = if let Some(Target::Divider(divider)) = target { Some(divider) } else { None };
                match target {
                    Some(target) => Event::Click(target),
                    None => return Ok(()),
                }
            }
            Input::Dragged(x, y) => match self.held {
                Some(divider) => Event::Divided(divider.pair, divider.share(if divider.beside { x } else { y })),
                None => return Ok(()),
            },
            Input::ThemeChanged => {
                let (theme, problems) = Theme::load(&self.name, &self.themes);
                // A file that is half written is as the one before.
                if problems.is_empty() {
                    self.theme = theme.at(self.depth);
                }
                Event::Resized(self.screen.height())
            }
            Input::Stop => {
                self.screen.suspend()?;
                Event::Resized(self.screen.height())
            }
        };
        let jobs = self.app.update(event);
        self.start(jobs)?;
        match self.app.reopen.take() {
            Some(env) => self.reopen(env),
            None => Ok(()),
        }
    }

    /// Shows another environment, as it was left.
    fn reopen(&mut self, env: Environment) -> anyhow::Result<()> {
        self.jobs.close();
        keep(&mut self.app);
        self.waiting.clear();
        let mut app = self.app.reopened(env);
        app.restore(&state::file(app.settings()));
        let lake = Lake::new(&app.settings().lake, env)?;
        self.jobs = workers(app.settings(), lake, &self.sender)?;
        self.app = app;
        let first = self.app.update(Event::Resized(self.screen.height()));
        self.start(first)?;
        self.jobs.watch();
        Ok(())
    }

    fn start(&mut self, jobs: Vec<Job>) -> anyhow::Result<()> {
        for job in jobs {
            match job {
                Job::Terminal(Wish::Copy(text)) => Screen::copy(&text)?,
                Job::Terminal(Wish::Redraw) => self.screen.redraw()?,
                Job::Terminal(Wish::Suspend) if terminal::has_shell() => self.screen.suspend()?,
                Job::Terminal(Wish::Suspend) => {
                    self.app.update(Event::Said("there is no shell to go back to: nobody could let the console go on".into()));
                }
                Job::Terminal(Wish::Mouse(on)) => self.screen.mouse(on)?,
                Job::Terminal(Wish::Browse(path)) => terminal::browse(&path),
                job => self.waiting.push(job),
            }
        }
        Ok(())
    }
}

/// What background work tells comes by the same way as the keys.
fn forward(events: Receiver<Event>, sender: Sender<Input>) -> std::io::Result<()> {
    std::thread::Builder::new().name("events".into()).spawn(move || {
        while let Ok(event) = events.recv() {
            if sender.send(Input::Event(event)).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

/// Tells when a file in the user's folder of themes has changed.
fn watch_themes(folder: std::path::PathBuf, sender: Sender<Input>) -> std::io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    std::thread::Builder::new().name("themes".into()).spawn(move || {
        let Ok(watch) = Watch::start(&folder, LOOK * 4) else { return };
        // What is there at first is no change.
        watch.take_change();
        loop {
            std::thread::sleep(LOOK);
            if watch.take_change() && sender.send(Input::ThemeChanged).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

/// Keys come from a thread of their own, so that nothing is ever waited for but events.
fn read_keys(sender: Sender<Input>) -> anyhow::Result<()> {
    std::thread::Builder::new().name("keys".into()).spawn(move || {
        while let Ok(event) = event::read() {
            let input = match event {
                event::Event::Key(key) if key.kind != KeyEventKind::Release => key_of(key).map(Event::Key).map(Input::Event),
                event::Event::Paste(text) => Some(Input::Event(Event::Paste(text))),
                event::Event::Mouse(mouse) => input_of(mouse),
                event::Event::Resize(_, height) => Some(Input::Event(Event::Resized(height))),
                _ => None,
            };
            if let Some(input) = input
                && sender.send(input).is_err()
            {
                return;
            }
        }
        // The terminal is gone.
        let _ = sender.send(Input::Event(Event::Terminate));
    })?;
    Ok(())
}

/// Rows of a turn of the wheel.
const WHEEL: isize = 3;

fn input_of(mouse: MouseEvent) -> Option<Input> {
    match mouse.kind {
        MouseEventKind::Down(MouseButton::Left) => Some(Input::Pressed(mouse.column, mouse.row)),
        MouseEventKind::Drag(MouseButton::Left) => Some(Input::Dragged(mouse.column, mouse.row)),
        MouseEventKind::ScrollDown => Some(Input::Event(Event::Wheel(WHEEL))),
        MouseEventKind::ScrollUp => Some(Input::Event(Event::Wheel(-WHEEL))),
        _ => None,
    }
}

fn key_of(key: KeyEvent) -> Option<Key> {
    Some(match key.code {
        KeyCode::Char(c) if key.modifiers.contains(KeyModifiers::CONTROL) => Key::Ctrl(c.to_ascii_lowercase()),
        KeyCode::Char(c) if key.modifiers.contains(KeyModifiers::ALT) => Key::Alt(c),
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::F(number) => Key::F(number),
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
        KeyCode::Delete => Key::Delete,
        _ => return None,
    })
}

/// Whether a terminal can show the console at all.
///
/// # Errors
/// It cannot move its cursor; the commands that need none are named.
pub fn usable(term: Option<&str>) -> anyhow::Result<()> {
    if term == Some("dumb") {
        anyhow::bail!(
            "the terminal says that it is dumb (`TERM=dumb`): the console cannot be drawn; use `cases`, `status`, `check`, `feeders` or `report` (see `feederscope --help`)"
        );
    }
    Ok(())
}
