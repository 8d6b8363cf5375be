//! Events change the state; what needs the tables, or the terminal, comes out as jobs.

use super::jobs::{Files, Job, Wish};
use super::keys::{Key, Keys, Pressed, Verb};
use super::panes;
use super::screen::{Room, Screen};
use super::slot::{Answered, Desk};
use super::view::Line;
use super::world::{Load, World};
use super::write::Written;
use crate::config::Settings;
use crate::model::Environment;
use crate::pipeline::Progress;

/// Something happened.
#[derive(Debug)]
pub enum Event {
    /// A key was pressed.
    Key(Key),
    /// A text was pasted.
    Paste(String),
    /// Something was pointed at.
    Click(Target),
    /// A pair of parts shares its room in another way: the second one has so many percent.
    Divided(usize, u16),
    /// The wheel was turned: rows down, or up.
    Wheel(isize),
    /// The terminal has so many lines now, or must be drawn anew.
    Resized(u16),
    /// A question has its answer.
    Answered(Answered),
    /// The run is here.
    Progress(Progress),
    /// The run ended.
    RunEnded(RunEnd),
    /// How the landing folder is watched.
    Watching(String),
    /// New files stand still in the landing folder.
    FilesStable,
    /// Somebody committed to a table.
    TablesChanged,
    /// Whoever wrote may have ended.
    Retry,
    /// There is something to say.
    Said(String),
    /// Something was written, or could not be.
    Written(Result<Written, String>),
    /// The system asks the program to end.
    Terminate,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEnd {
    /// Well.
    Done(String),
    /// Well, and there was nothing to do.
    Nothing,
    /// It was stopped because somebody asked for it.
    Stopped,
    /// Another process writes.
    Locked(String),
    /// It failed, or a file was refused.
    Failed(String),
}

/// What can be pointed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A tab, from 0.
    Tab(usize),
    /// A row that is shown of a list, by their places; its column.
    Row {
        /// The list, in the order in which they are drawn.
        part: usize,
        /// The row.
        row: usize,
        /// The column among those that are shown, if it is on one.
        column: Option<usize>,
    },
    /// The heading of a column.
    Head {
        /// The list.
        part: usize,
        /// The column among those that are shown.
        column: usize,
    },
    /// A key of the line at the bottom.
    Key(Verb),
    /// What stands between two parts.
    Divider(Divider),
}

/// What stands between two parts of a view, and can be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Divider {
    /// The pair of parts, in the order in which they are drawn.
    pub pair: usize,
    /// Whether they stand beside one another.
    pub beside: bool,
    /// Where the whole begins, in columns or lines.
    pub from: u16,
    /// How long the whole is.
    pub length: u16,
}

impl Divider {
    /// The second part's share in percent where the divider is moved to a place; neither part goes.
    pub fn share(&self, place: u16) -> u16 {
        let second = u32::from((self.from + self.length).saturating_sub(place));
        u16::try_from(second * 100 / u32::from(self.length.max(1))).unwrap_or(100).clamp(10, 90)
    }
}

/// Everything that the console shows.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct App {
    /// What panes may look at.
    pub(crate) world: World,
    pub(crate) panes: Vec<Box<dyn Screen>>,
    pub(crate) front: usize,
    pub(crate) stack: Vec<Box<dyn Screen>>,
    /// What there is to say until the next key.
    pub(crate) notice: Option<String>,
    /// Whether the list in front has all the room.
    pub(crate) zoom: bool,
    /// How pairs of parts share their room where somebody moved what stands between them: the second one's percent.
    pub(crate) divided: std::collections::BTreeMap<(&'static str, usize), u16>,
    pub(super) desk: Desk,
    pub(super) wishes: Vec<Job>,
    pub(super) mouse: bool,
    /// Whether files settled while a run worked.
    pub(super) again: bool,
    pub(super) quit_asked: bool,
    pub(super) browse_when_written: bool,
    /// What the last load brought, while one works that nobody asked for.
    said_before: Option<String>,
    /// Whether the program shall end.
    pub quit: bool,
    /// The environment that shall be shown in the place of this one.
    pub reopen: Option<Environment>,
}

impl App {
    /// A console that has read nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self::with_keys(settings, Keys::default())
    }

    /// The same, with keys of one's own.
    pub fn with_keys(settings: Settings, keys: Keys) -> Self {
        Self {
            world: World::new(settings, keys),
            panes: panes::all(),
            front: 0,
            stack: Vec::new(),
            notice: None,
            zoom: false,
            divided: std::collections::BTreeMap::new(),
            desk: Desk::default(),
            wishes: Vec::new(),
            mouse: true,
            again: false,
            quit_asked: false,
            browse_when_written: false,
            said_before: None,
            quit: false,
            reopen: None,
        }
    }

    /// The same on another environment; answers to what was asked before are nobody's.
    #[must_use]
    pub fn reopened(&self, env: Environment) -> Self {
        let settings = Settings { env, ..self.world.settings.clone() };
        let mut app = Self::with_keys(settings, self.world.keys.clone());
        app.desk.follow(&self.desk);
        (app.mouse, app.world.height) = (self.mouse, self.world.height);
        app
    }

    /// The settings that it was opened with.
    pub const fn settings(&self) -> &Settings {
        &self.world.settings
    }

    /// The jobs that fill the console when it opens.
    pub fn start(&mut self) -> Vec<Job> {
        self.settle()
    }

    /// What is going on with loads.
    pub fn load(&self) -> &Load {
        &self.world.load
    }

    /// Takes one event; what it leads to must be done elsewhere.
    pub fn update(&mut self, event: Event) -> Vec<Job> {
        match event {
            Event::Key(key) => self.key(key),
            Event::Paste(text) => self.paste(&text),
            Event::Click(target) => self.click(target),
            Event::Divided(pair, share) => {
                // What lies over panes has no name to remember it by.
                let id = self.full().id();
                if !id.is_empty() {
                    self.divided.insert((id, pair), share);
                }
            }
            Event::Wheel(by) => self.wheel(by),
            Event::Resized(height) => self.world.height = height,
            Event::Answered(answered) => self.answered(answered),
            Event::Progress(progress) => {
                // Two files are read at a time, and what one tells may come late: a load never goes back.
                let is_further = match &self.world.load {
                    Load::Running(Some(before)) => before.share().zip(progress.share()).is_none_or(|(before, now)| before <= now),
                    load => !matches!(load, Load::Stopping),
                };
                if is_further {
                    self.world.load = Load::Running(Some(progress));
                }
            }
            Event::RunEnded(end) => self.run_ended(end),
            Event::Watching(line) => self.world.watching = line,
            Event::FilesStable => self.files_stable(),
            Event::TablesChanged => self.tables_changed(),
            Event::Retry => self.again_if_waiting(),
            Event::Said(text) => self.notice = Some(text),
            Event::Written(written) => self.was_written(written),
            Event::Terminate => self.quit = true,
        }
        self.settle()
    }

    /// What is in front is brought up to the facts and asks what it needs; all of it comes out, with what is wished of the terminal.
    fn settle(&mut self) -> Vec<Job> {
        self.world.settle(&mut self.desk);
        self.panes[self.front].settle(&self.world, &mut self.desk);
        for screen in &mut self.stack {
            screen.settle(&self.world, &mut self.desk);
        }
        let wishes = std::mem::take(&mut self.wishes);
        wishes.into_iter().chain(self.desk.take().into_iter().map(Job::Ask)).collect()
    }

    fn answered(&mut self, answered: Answered) {
        use super::slot::Waiting as _;
        let mut answered = Some(answered);
        self.world.facts.take(&mut answered);
        for screen in self.panes.iter_mut().chain(&mut self.stack) {
            for slot in screen.slots() {
                slot.take(&mut answered);
            }
        }
    }

    fn tables_changed(&mut self) {
        self.desk.version += 1;
        self.again_if_waiting();
    }

    /// Somebody else may have ended: what was to be loaded then is loaded now.
    fn again_if_waiting(&mut self) {
        if matches!(self.world.load, Load::Waiting(_)) {
            self.run(Files::Settled);
        }
    }

    fn files_stable(&mut self) {
        // What the watch of another environment saw before it ended.
        if self.world.takes_no_loads().is_some() {
            return;
        }
        if self.world.load.is_running() {
            self.again = true;
        } else {
            self.run(Files::Settled);
        }
    }

    fn run_ended(&mut self, end: RunEnd) {
        self.world.load = match end {
            RunEnd::Done(line) => Load::Done(line),
            RunEnd::Nothing => Load::Done(self.said_before.take().unwrap_or_else(|| "nothing new in the landing folder".into())),
            RunEnd::Stopped => Load::Stopped,
            RunEnd::Locked(holder) => Load::Waiting(holder),
            RunEnd::Failed(line) => Load::Failed(line),
        };
        self.desk.version += 1;
        if std::mem::take(&mut self.again) {
            self.run(Files::Settled);
        }
    }

    fn was_written(&mut self, written: Result<Written, String>) {
        match written {
            Ok(written) => {
                if written.tables {
                    self.desk.version += 1;
                }
                if let Some(report) = written.report.filter(|_| std::mem::take(&mut self.browse_when_written)) {
                    self.wishes.push(Job::Terminal(Wish::Browse(report)));
                }
                self.notice = Some(written.said);
            }
            Err(reason) => self.notice = Some(format!("■ not written: {reason}")),
        }
    }

    pub(super) fn run(&mut self, files: Files) {
        if !self.world.load.is_running() {
            // What a load brought is not taken off by one that nobody asked for, and that brings nothing.
            self.said_before = match std::mem::replace(&mut self.world.load, Load::Running(None)) {
                Load::Done(line) if files == Files::Settled => Some(line),
                _ => None,
            };
            self.wishes.push(Job::Run(files));
        }
    }

    /// What is in front.
    pub(crate) fn top(&self) -> &dyn Screen {
        self.stack.last().map_or(self.panes[self.front].as_ref(), AsRef::as_ref)
    }

    pub(super) fn top_mut(&mut self) -> &mut dyn Screen {
        match self.stack.last_mut() {
            Some(screen) => screen.as_mut(),
            None => self.panes[self.front].as_mut(),
        }
    }

    /// What is in front and no box or line.
    pub(crate) fn full(&self) -> &dyn Screen {
        let full = self.stack.iter().rev().find(|screen| screen.room() == Room::Full);
        full.map_or(self.panes[self.front].as_ref(), AsRef::as_ref)
    }

    /// The line about the month: may it go on?
    pub(crate) fn verdict(&self) -> Option<Line> {
        panes::now::verdict_line(&self.world)
    }

    /// From the pane to what is in front, by their names.
    pub(crate) fn trail(&self) -> Vec<String> {
        let over = self.stack.iter().filter(|screen| screen.room() == Room::Full).map(|screen| screen.title());
        std::iter::once(self.panes[self.front].title()).chain(over).collect()
    }

    fn key(&mut self, key: Key) {
        self.notice = None;
        if key == Key::Ctrl('c') {
            self.quit = true;
            return;
        }
        if self.top_mut().field_mut().is_some() {
            return self.key_in_field(key);
        }
        match self.world.keys.press(key) {
            Pressed::Verb(verb) => self.verb(verb),
            Pressed::Begun => self.notice = Some(format!("{} …", self.world.keys.begun())),
            Pressed::Nothing => {
                self.notice = Some(format!("`{key}` means nothing; {} shows the keys", self.world.keys.label(Verb::Help)));
            }
        }
    }

    fn key_in_field(&mut self, key: Key) {
        let verb = match key {
            Key::Enter => Some(Verb::Enter),
            Key::Esc => Some(Verb::Back),
            Key::Up => Some(Verb::Up),
            Key::Down => Some(Verb::Down),
            Key::PageUp => Some(Verb::PageUp),
            Key::PageDown => Some(Verb::PageDown),
            Key::Tab => Some(Verb::NextPart),
            Key::BackTab => Some(Verb::PreviousPart),
            _ => None,
        };
        if let Some(verb) = verb {
            return self.verb(verb);
        }
        let Some(field) = self.top_mut().field_mut() else { return };
        match key {
            Key::Char(c) => field.insert(c.encode_utf8(&mut [0; 4])),
            Key::Backspace => field.backspace(),
            Key::Ctrl('w') => field.delete_word(),
            Key::Ctrl('u') => field.clear(),
            Key::Left => field.step(-1),
            Key::Right => field.step(1),
            Key::Home | Key::Ctrl('a') => field.home(),
            Key::End | Key::Ctrl('e') => field.end(),
            Key::Delete => field.delete(),
            _ => return,
        }
        self.after_typing();
    }

    fn after_typing(&mut self) {
        let at = self.stack.len().checked_sub(1);
        let effects = match at {
            Some(at) => self.stack[at].typed(&self.world),
            None => self.panes[self.front].typed(&self.world),
        };
        self.perform(effects);
    }

    /// What is pasted goes into a text field or nowhere: it never acts.
    fn paste(&mut self, text: &str) {
        self.notice = None;
        if let Some(field) = self.top_mut().field_mut() {
            field.insert(text);
            self.after_typing();
        } else {
            self.notice =
                Some(format!("pasted text goes into a field; {} filters the list", self.world.keys.label(Verb::Filter)));
        }
    }

    fn click(&mut self, target: Target) {
        self.notice = None;
        match target {
            Target::Tab(at) => self.show(at),
            Target::Key(verb) => self.verb(verb),
            Target::Divider(_) => {}
            Target::Row { part, row, column } => {
                let screen = self.top_mut();
                screen.focus(part);
                if let Some(table) = screen.table_mut() {
                    let was_selected = table.at() == row;
                    table.move_by(row as isize - table.at() as isize);
                    let field = column.and_then(|at| table.columns().get(at).map(|column| column.field.clone()));
                    field.map(|field| table.put_cursor(&field));
                    if was_selected && self.top().room() == Room::Full {
                        self.verb(Verb::Enter);
                    }
                }
            }
            Target::Head { part, column } => {
                let screen = self.top_mut();
                screen.focus(part);
                if let Some(table) = screen.table_mut()
                    && let Some(field) = table.columns().get(column).map(|column| column.field.clone())
                {
                    table.put_cursor(&field);
                    table.sort_by(&field);
                }
            }
        }
    }

    fn wheel(&mut self, by: isize) {
        let screen = self.top_mut();
        if let Some(table) = screen.table_mut() {
            table.move_by(by);
        } else if let Some(scroll) = screen.scroll() {
            scroll.set(scroll.get().saturating_add_signed(by));
        }
    }

    pub(super) fn show(&mut self, pane: usize) {
        if pane < self.panes.len() {
            self.stack.clear();
            self.front = pane;
        }
    }
}
