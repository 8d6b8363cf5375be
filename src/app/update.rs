//! Events change the state; what needs the tables comes out as jobs.

use super::jobs::{Job, Loaded};
use super::keys::{Action, Key, action_of};
use super::{App, Load, Pane, Remote, Rules, Typing};
use crate::model::Timestamp;
use crate::pipeline::Progress;

/// Something happened.
#[derive(Debug)]
pub enum Event {
    /// A key was pressed.
    Key(Key),
    /// The terminal has another size.
    Resized,
    /// Rows came from the tables.
    Read {
        /// The request that they answer; older ones are dropped.
        generation: u64,
        /// The rows, or why there are none.
        loaded: Result<Loaded, String>,
        /// When.
        read_at: Timestamp,
        /// What was read, should it have failed.
        job: Box<Job>,
    },
    /// The run is here.
    Progress(Progress),
    /// The run ended.
    RunEnded(Result<String, String>),
    /// Another process writes, or no longer.
    Watching(String),
    /// New files stand still in the landing folder.
    FilesStable,
    /// The system asks the program to end.
    Terminate,
}

impl App {
    /// The jobs that fill the console when it opens.
    pub fn start(&mut self) -> Vec<Job> {
        self.read_all()
    }

    fn read_all(&mut self) -> Vec<Job> {
        self.generation += 1;
        let generation = self.generation;
        let mut jobs = vec![
            Job::Refresh { generation },
            Job::Missing { generation },
            Job::Months { generation },
            Job::Feeders { generation },
            Job::Rules { generation },
            Job::Deliveries { generation },
            Job::Rejected { generation },
        ];
        // What is in front comes first.
        jobs.rotate_left(Pane::ALL.iter().position(|pane| *pane == self.pane).unwrap_or(0));
        if let Some(drill) = &mut self.drill {
            (drill.rows, drill.source) = (Remote::Loading, None);
            jobs.insert(0, Job::Records { generation, metric: drill.metric.clone() });
        }
        jobs
    }

    /// Takes one event; what it leads to must be done in the background.
    pub fn update(&mut self, event: Event) -> Vec<Job> {
        match event {
            Event::Key(key) => self.key(key),
            Event::Resized => Vec::new(),
            Event::Read { generation, loaded, read_at, job } => self.read(generation, loaded, read_at, &job),
            Event::Progress(progress) => {
                if !matches!(self.load, Load::Stopping) {
                    self.load = Load::Running(Some(progress));
                }
                Vec::new()
            }
            Event::RunEnded(result) => {
                self.load = match result {
                    Ok(line) => Load::Done(line),
                    Err(line) => Load::Failed(line),
                };
                let mut jobs = self.read_all();
                if std::mem::take(&mut self.again) {
                    jobs.extend(self.run());
                }
                jobs
            }
            Event::Watching(line) => {
                self.watching = line;
                Vec::new()
            }
            Event::FilesStable => {
                self.again = self.load.is_running();
                self.run()
            }
            Event::Terminate => {
                self.quit = true;
                Vec::new()
            }
        }
    }

    fn run(&mut self) -> Vec<Job> {
        if self.load.is_running() {
            return Vec::new();
        }
        self.load = Load::Running(None);
        vec![Job::Run]
    }

    fn key(&mut self, key: Key) -> Vec<Job> {
        if key == Key::Ctrl('c') {
            self.quit = true;
            return Vec::new();
        }
        if let Some(typing) = self.typing {
            return self.typed(typing, key);
        }
        if self.help {
            // Any key closes the help; the usual ones do nothing else.
            self.help = false;
            return Vec::new();
        }
        action_of(key, self.pane).map_or_else(Vec::new, |action| self.act(action))
    }

    fn typed(&mut self, typing: Typing, key: Key) -> Vec<Job> {
        if typing == Typing::Reason {
            return self.reason_typed(key);
        }
        let Some(browser) = self.browser.ready_mut() else {
            self.typing = None;
            return Vec::new();
        };
        let text = match typing {
            Typing::MinimumMw => &mut browser.minimum,
            Typing::Search | Typing::Reason => &mut browser.search,
        };
        match key {
            Key::Enter => self.typing = None,
            Key::Esc => {
                text.clear();
                self.typing = None;
            }
            Key::Backspace => {
                text.pop();
            }
            Key::Char(c) if typing == Typing::Search || c.is_ascii_digit() || c == '.' => text.push(c),
            Key::Up => {
                browser.rows(-1);
                return self.ders();
            }
            Key::Down => {
                browser.rows(1);
                return self.ders();
            }
            _ => return Vec::new(),
        }
        browser.apply();
        self.ders()
    }

    /// A decision needs a reason: without one nothing is acknowledged.
    fn reason_typed(&mut self, key: Key) -> Vec<Job> {
        let generation = self.generation;
        let Some(rules) = self.rules.ready_mut() else {
            self.typing = None;
            return Vec::new();
        };
        match key {
            Key::Char(c) => rules.reason.push(c),
            Key::Backspace => {
                rules.reason.pop();
            }
            Key::Esc => {
                rules.reason.clear();
                self.typing = None;
            }
            Key::Enter => {
                let reason = std::mem::take(&mut rules.reason);
                let failure = rules.signing.take();
                self.typing = None;
                if let (Some(failure), false) = (failure, reason.trim().is_empty()) {
                    return vec![Job::Acknowledge { generation, failure, reason: reason.trim().to_owned() }];
                }
            }
            _ => {}
        }
        Vec::new()
    }

    fn act(&mut self, action: Action) -> Vec<Job> {
        if let Some(jobs) = self.act_in_drill(action) {
            return jobs;
        }
        match action {
            Action::Quit => self.quit = true,
            Action::Help => self.help = true,
            Action::Show(pane) => self.pane = pane,
            Action::NextPane => self.pane = self.pane.step(1),
            Action::PreviousPane => self.pane = self.pane.step(Pane::ALL.len() - 1),
            Action::Run => return self.run(),
            Action::Stop if self.load.is_running() => {
                self.load = Load::Stopping;
                return vec![Job::Stop];
            }
            Action::Reread => return self.read_all(),
            Action::Enter if self.pane == Pane::Refresh => return self.enter_feed(),
            Action::Enter if self.pane != Pane::Browser => return self.drill(),
            Action::Acknowledge => {
                if self.rules.ready_mut().is_some_and(Rules::begin_signing) {
                    self.typing = Some(Typing::Reason);
                }
            }
            other => return self.act_in_pane(other),
        }
        Vec::new()
    }

    fn enter_feed(&mut self) -> Vec<Job> {
        let Some(feed) = self.refresh.ready().and_then(|refresh| refresh.feeds.get(refresh.feed)) else { return Vec::new() };
        let (utility, dataset) = (feed.utility.clone(), feed.dataset.as_str());
        if let Some(missing) = self.missing.ready_mut() {
            missing.show(&utility, dataset);
            self.pane = Pane::Missing;
        }
        self.profile()
    }

    fn act_in_pane(&mut self, action: Action) -> Vec<Job> {
        const ALL: isize = isize::MAX / 2;
        let by = match action {
            Action::Rows(by) => Some(by),
            Action::First => Some(-ALL),
            Action::Last => Some(ALL),
            _ => None,
        };
        match self.pane {
            Pane::Refresh => {
                if let Some(refresh) = self.refresh.ready_mut() {
                    match (by, action) {
                        (Some(by), _) => refresh.rows(by),
                        (None, Action::Columns(_)) => refresh.swap(),
                        _ => {}
                    }
                }
            }
            Pane::Missing => {
                if let Some(missing) = self.missing.ready_mut() {
                    match (by, action) {
                        (Some(by), _) => missing.rows(by),
                        (None, Action::Columns(by)) => missing.columns(by),
                        (None, Action::NextFeed) => missing.feed(1),
                        (None, Action::PreviousFeed) => missing.feed(-1),
                        (None, Action::Toggle) => missing.next_state(),
                        (None, Action::Sort) => missing.next_order(),
                        (None, Action::Across) => missing.across = !missing.across,
                        _ => {}
                    }
                }
                return self.profile();
            }
            Pane::Months => {
                if let Some(months) = self.months.ready_mut() {
                    match (by, action) {
                        (Some(by), _) => months.rows(by),
                        (None, Action::NextFeed) => months.feed(1),
                        (None, Action::PreviousFeed) => months.feed(-1),
                        (None, Action::Toggle) => months.cosmetic = !months.cosmetic,
                        (None, Action::Base) => months.set_base(),
                        _ => {}
                    }
                }
                return self.compare();
            }
            Pane::Browser => return self.act_in_browser(by, action),
            Pane::Rules => {
                if let Some(rules) = self.rules.ready_mut() {
                    match (by, action) {
                        (Some(by), _) => rules.rows(by),
                        (None, Action::Columns(by)) => rules.columns(by),
                        (None, Action::NextFeed) => rules.columns(1),
                        (None, Action::PreviousFeed) => rules.columns(-1),
                        (None, Action::Toggle) => rules.toggle(),
                        _ => {}
                    }
                }
            }
            Pane::Deliveries => {
                if let Some(deliveries) = self.deliveries.ready_mut() {
                    match (by, action) {
                        (Some(by), _) => deliveries.rows(by),
                        (None, Action::Columns(by)) => deliveries.columns(by),
                        _ => {}
                    }
                }
            }
            Pane::Rejected => {
                if let (Some(rejected), Some(by)) = (self.rejected.ready_mut(), by) {
                    rejected.rows(by);
                }
            }
        }
        Vec::new()
    }

    fn act_in_browser(&mut self, by: Option<isize>, action: Action) -> Vec<Job> {
        let Some(browser) = self.browser.ready_mut() else { return Vec::new() };
        match (by, action) {
            (Some(by), _) => browser.rows(by),
            (None, Action::Enter) => browser.in_ders = true,
            (None, Action::Columns(by)) => browser.in_ders = by > 0,
            (None, Action::Back) if browser.in_ders => browser.in_ders = false,
            (None, Action::Back) => {
                browser.search.clear();
                browser.minimum.clear();
                browser.apply();
            }
            (None, Action::Search | Action::MinimumMw) => {
                browser.in_ders = false;
                self.typing = Some(if action == Action::Search { Typing::Search } else { Typing::MinimumMw });
            }
            (None, Action::Sort) => browser.sort_by_next(),
            (None, Action::Reverse) => {
                browser.descending = !browser.descending;
                browser.apply();
            }
            _ => {}
        }
        self.ders()
    }

    /// Asks what the selected column holds, unless it is there or on its way.
    pub(super) fn profile(&mut self) -> Vec<Job> {
        let generation = self.generation;
        let Some(missing) = self.missing.ready_mut() else { return Vec::new() };
        let selected = missing.column_of();
        if selected == missing.profile_of {
            return Vec::new();
        }
        missing.profile_of.clone_from(&selected);
        missing.profile = Remote::Loading;
        selected.map_or_else(Vec::new, |of| vec![Job::Profile { generation, of }])
    }

    /// Asks how the two chosen months differ, unless it is known or on its way.
    pub(super) fn compare(&mut self) -> Vec<Job> {
        let generation = self.generation;
        let Some(months) = self.months.ready_mut() else { return Vec::new() };
        let pair = months.chosen_pair();
        if pair == months.pair {
            return Vec::new();
        }
        months.pair.clone_from(&pair);
        months.compared = Remote::Loading;
        pair.map_or_else(Vec::new, |pair| vec![Job::Compare { generation, pair }])
    }

    /// Asks for the DERs of the selected feeder, unless they are there or on their way.
    pub(super) fn ders(&mut self) -> Vec<Job> {
        let generation = self.generation;
        let Some(browser) = self.browser.ready_mut() else { return Vec::new() };
        let selected = browser.selected();
        if selected == browser.ders_of {
            return Vec::new();
        }
        browser.ders_of.clone_from(&selected);
        browser.ders = Remote::Loading;
        browser.der = 0;
        selected.map_or_else(Vec::new, |(utility, feeder)| vec![Job::Ders { generation, utility, feeder }])
    }
}
