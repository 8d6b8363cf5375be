//! Events change the state; what needs the tables, or the terminal, comes out as jobs.

use super::event::{Event, RunEnd};
use super::jobs::{Files, Job, Wish};
use super::keys::Keys;
use super::panes;
use super::screen::{Room, Screen};
use super::slot::{Answered, Desk};
use super::view::Line;
use super::world::{Load, World};
use super::write::Written;
use crate::config::Settings;
use crate::model::Environment;

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

    pub(super) fn show(&mut self, pane: usize) {
        if pane < self.panes.len() {
            self.stack.clear();
            self.front = pane;
        }
    }
}
