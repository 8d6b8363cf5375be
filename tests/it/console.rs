//! A console without a terminal: keys go in, frames come out, background work is done at once.

use std::sync::mpsc::channel;

use feederscope::app::keys::Keys;
use feederscope::app::{App, Event, Job, Jobs, Key, Wish};
use feederscope::config::Settings;
use feederscope::lake::Lake;
use feederscope::ui::draw;
use feederscope::ui::theme::{Depth, Theme};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use crate::support::NOW;

pub struct Console {
    pub app: App,
    lake: Lake,
    settings: Settings,
    /// What was wished of the terminal.
    pub wishes: Vec<Wish>,
    /// How many runs were asked for, and how many times that they stop.
    pub runs: (usize, usize),
}

impl Console {
    /// A console whose pane in front is filled.
    pub fn with(settings: Settings, lake: Lake) -> Self {
        let mut console = Self::without_answers(settings, lake);
        let jobs = console.app.start();
        console.finish(jobs);
        console
    }

    /// A console that has asked nothing yet.
    pub fn without_answers(settings: Settings, lake: Lake) -> Self {
        let app = App::with_keys(settings.clone(), Keys::default());
        Self { app, lake, settings, wishes: Vec::new(), runs: (0, 0) }
    }

    pub fn event(&mut self, event: Event) -> &mut Self {
        let jobs = self.app.update(event);
        self.finish(jobs);
        self
    }

    /// Does the jobs and what they lead to; each answer is of a fixed time.
    pub fn finish(&mut self, jobs: Vec<Job>) {
        let (sender, receiver) = channel();
        let workers = Jobs::resting(self.settings.clone(), self.lake.clone(), sender, std::time::Duration::ZERO);
        let mut waiting = 0;
        let mut todo = jobs;
        loop {
            for job in std::mem::take(&mut todo) {
                match job {
                    Job::Ask(_) | Job::Write(_) => {
                        waiting += 1;
                        workers.start(job);
                    }
                    Job::Run(_) => self.runs.0 += 1,
                    Job::Stop => self.runs.1 += 1,
                    Job::Terminal(wish) => self.wishes.push(wish),
                }
            }
            if waiting == 0 {
                return;
            }
            // A question that nobody waits for any more has no answer.
            let Ok(event) = receiver.recv_timeout(std::time::Duration::from_secs(20)) else { return };
            let event = match event {
                Event::Answered(mut answered) => {
                    answered.read_at = NOW;
                    Event::Answered(answered)
                }
                other => other,
            };
            waiting -= 1;
            todo = self.app.update(event);
        }
    }

    /// Presses keys, written as in `keys.toml`, with blanks between.
    pub fn press(&mut self, keys: &str) -> &mut Self {
        for key in keys.split(' ').filter(|key| !key.is_empty()) {
            let key = Key::parse(key).unwrap_or_else(|| panic!("`{key}` is no key"));
            self.event(Event::Key(key));
        }
        self
    }

    /// Types a text.
    pub fn type_(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            self.event(Event::Key(Key::Char(c)));
        }
        self
    }

    /// Goes down until a text stands in the selected row.
    #[track_caller]
    pub fn select(&mut self, text: &str) -> &mut Self {
        for _ in 0..200 {
            if self.screen(160, 45).lines().any(|line| line.contains('▶') && line.contains(text)) {
                return self;
            }
            self.press("down");
        }
        panic!("`{text}` is in no row of\n{}", self.screen(160, 45));
    }

    pub fn buffer(&self, width: u16, height: u16, theme: &Theme) -> Buffer {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| drop(draw::frame(frame, &self.app, theme))).unwrap();
        terminal.backend().buffer().clone()
    }

    /// The frame as text, a line each.
    pub fn screen(&self, width: u16, height: u16) -> String {
        text_of(&self.buffer(width, height, &Theme::dark()))
    }

    /// What can be pointed at in a place of the frame.
    pub fn at(&self, size: (u16, u16), (x, y): (u16, u16)) -> Option<feederscope::app::Target> {
        self.hits(size.0, size.1).at(x, y)
    }

    /// What can be pointed at in the frame.
    pub fn hits(&self, width: u16, height: u16) -> draw::Hits {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let mut hits = draw::Hits::default();
        terminal.draw(|frame| hits = draw::frame(frame, &self.app, &Theme::dark())).unwrap();
        hits
    }

    /// Whether the frame holds a text, and the frame if it does not.
    #[track_caller]
    pub fn shows(&self, size: (u16, u16), text: &str) {
        let screen = self.screen(size.0, size.1);
        assert!(screen.contains(text), "`{text}` is not in\n{screen}");
    }

    #[track_caller]
    pub fn hides(&self, size: (u16, u16), text: &str) {
        let screen = self.screen(size.0, size.1);
        assert!(!screen.contains(text), "`{text}` is in\n{screen}");
    }
}

pub fn text_of(buffer: &Buffer) -> String {
    let line = |y: u16| {
        let mut text = String::new();
        let mut x = 0;
        while x < buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            text.push_str(symbol);
            x += u16::try_from(unicode_width::UnicodeWidthStr::width(symbol)).unwrap().max(1);
        }
        text.trim_end().to_owned()
    };
    (0..buffer.area.height).map(line).collect::<Vec<_>>().join("\n")
}

/// Themes by name, at a depth.
pub fn theme(name: &str, depth: Depth) -> Theme {
    Theme::load(name, std::path::Path::new("/nowhere")).0.at(depth)
}

/// When the files of a test came depends on the tests before it, and a run has another id each time.
pub fn steady(screen: &str) -> String {
    let mut parts = screen.split("2022-11-30 ");
    let first = parts.next().unwrap_or_default().to_owned();
    let text = parts.fold(first, |text, part| format!("{text}2022-11-30 hh:mm{}", &part[5..]));
    let mut signs: Vec<char> = text.chars().collect();
    for at in 0..signs.len().saturating_sub(12) {
        let is_hex = |range: std::ops::Range<usize>| signs[range].iter().all(char::is_ascii_hexdigit);
        if is_hex(at..at + 8) && signs[at + 8] == '-' && is_hex(at + 9..at + 12) {
            let is_of_id = |sign: &&mut char| sign.is_ascii_hexdigit() || **sign == '-';
            signs[at..].iter_mut().take_while(is_of_id).for_each(|sign| *sign = 'r');
        }
    }
    signs.into_iter().collect()
}
