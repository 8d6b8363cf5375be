//! What was asked for is done: by the screen in front, by its list or text, else by the console.

use super::jobs::{Files, Job, Wish};
use super::keys::{Group, Place, Verb};
use super::overlays::{columns, export, go_to, help, pick, promote, prompt, whole};
use super::scope::Rescope;
use super::screen::{Effect, Offer};
use super::update::App;
use super::world::Load;
use super::write::Write;

impl App {
    /// Does what was asked for: the screen in front first, then what every list and text can do, then the console.
    pub(crate) fn verb(&mut self, verb: Verb) {
        // What Esc leaves first is a filter, wherever its list is.
        if verb == Verb::Back && self.top().field().is_none() && self.clear_filter() {
            return;
        }
        self.quit_asked &= verb == Verb::Quit;
        if verb.about().group == Group::Act
            && let Some(table) = self.top_mut().table_mut()
        {
            table.choose();
        }
        if verb.needs_row() && self.lacks_row() {
            self.notice = Some(format!("`{}`: {}: no row is selected", self.world.keys.label(verb), verb.about().what));
            return;
        }
        let at = self.stack.len().checked_sub(1);
        let acted = match at {
            Some(at) => self.stack[at].act(verb, &self.world),
            None => self.panes[self.front].act(verb, &self.world),
        };
        if let Some(effects) = acted {
            return self.perform(effects);
        }
        if self.top_mut().table_mut().is_some_and(|table| table.act(verb)) || self.scrolled(verb) || self.of_table(verb) {
            return;
        }
        if !self.of_console(verb) {
            let about = verb.about();
            let why = match about.place {
                Place::Table => "there is no list",
                _ if !self.stack.is_empty() => "not here; Esc goes back",
                _ => "there is nothing for it here",
            };
            self.notice = Some(format!("`{}`: {}: {why}", self.world.keys.label(verb), about.what));
        }
    }

    /// Whether there is a list in front without a row that something could be done with.
    fn lacks_row(&self) -> bool {
        let top = self.top();
        top.field().is_none() && top.table().is_some_and(|table| table.selected().is_none())
    }

    /// What can be done in front now, the most important first.
    pub(crate) fn offers(&self) -> Vec<Offer> {
        let mut offers = self.top().offers(&self.world);
        offers.retain(|(verb, _)| !verb.needs_row() || !self.lacks_row());
        offers
    }

    /// Whether a verb means something with what lies above the panes, if anything does.
    pub(crate) fn can(&self, verb: Verb) -> bool {
        self.stack.is_empty() || verb.about().place != Place::Pane
    }

    /// The text of a screen that has one is scrolled by the keys of a list, unless there is a list.
    fn scrolled(&mut self, verb: Verb) -> bool {
        let top = self.top();
        let has_table = top.table().is_some();
        let Some(scroll) = top.scroll() else { return false };
        let by = match verb {
            Verb::DetailDown => 1,
            Verb::DetailUp => -1,
            _ if has_table => return false,
            Verb::Down => 1,
            Verb::Up => -1,
            Verb::PageDown => 10,
            Verb::PageUp => -10,
            Verb::First => isize::MIN / 2,
            Verb::Last => 1 << 20,
            _ => return false,
        };
        scroll.set(scroll.get().saturating_add_signed(by));
        true
    }

    /// What is done with the list in front, by the console.
    fn of_table(&mut self, verb: Verb) -> bool {
        let top = self.top();
        let Some(table) = top.table() else { return false };
        let effect = match verb {
            Verb::Filter => Effect::Open(prompt::filter(table)),
            Verb::Search if table.is_piece() => Effect::Say(format!(
                "the list is longer than what is read of it at a time: {} finds in all of it",
                self.world.keys.label(Verb::Filter)
            )),
            Verb::Search => Effect::Open(prompt::search()),
            Verb::Columns => Effect::Open(columns::of(table)),
            Verb::Whole => match table.whole_cell() {
                Some((title, text)) => Effect::Open(whole::of(title, text)),
                None => Effect::Say("no row is selected".into()),
            },
            Verb::CopyCell => {
                table.whole_cell().map_or_else(|| Effect::Say("no row is selected".into()), |(_, text)| Effect::Copy(text))
            }
            Verb::CopyRow => table.row_text().map_or_else(|| Effect::Say("no row is selected".into()), Effect::Copy),
            Verb::CopyColumn if table.is_piece() => Effect::Say(format!(
                "{} rows are too many to copy: {} writes them into a file",
                crate::app::table::grouped(&table.length().to_string()),
                self.world.keys.label(Verb::Export)
            )),
            Verb::CopyColumn => table.column_text().map_or_else(|| Effect::Say("there is no column".into()), Effect::Copy),
            Verb::Export => Effect::Open(export::of(table, &self.world)),
            _ => return false,
        };
        self.perform(vec![effect]);
        true
    }

    fn of_console(&mut self, verb: Verb) -> bool {
        if let Some(pane) = verb.pane() {
            self.show(pane);
            return true;
        }
        let panes = self.panes.len();
        match verb {
            Verb::NextPane => self.show((self.front + 1) % panes),
            Verb::PreviousPane => self.show((self.front + panes - 1) % panes),
            Verb::GoTo => {
                let places = go_to::new(&self.world, &self.panes, &|verb| self.can(verb));
                self.perform(vec![Effect::Open(places)]);
            }
            Verb::Back => self.back(),
            Verb::Help => {
                let panes: Vec<String> = self.panes.iter().map(|pane| pane.title()).collect();
                let help = help::of(self.top(), &self.world, &panes, &|verb| self.can(verb));
                self.perform(vec![Effect::Open(help)]);
            }
            Verb::Zoom => self.zoom = !self.zoom,
            Verb::Quit => self.leave(),
            Verb::Load => self.asked_to_load(),
            Verb::Stop => self.asked_to_stop(),
            Verb::Reread => {
                self.desk.version += 1;
                self.notice = Some("the tables are read again".into());
            }
            Verb::Redraw => self.wishes.push(Job::Terminal(Wish::Redraw)),
            Verb::Suspend => self.wishes.push(Job::Terminal(Wish::Suspend)),
            Verb::Mouse => {
                self.mouse = !self.mouse;
                self.notice = Some(if self.mouse { "mouse on" } else { "mouse off: the terminal selects text" }.into());
                self.wishes.push(Job::Terminal(Wish::Mouse(self.mouse)));
            }
            Verb::Report | Verb::OpenReport => self.report(verb == Verb::OpenReport),
            Verb::Environment => self.perform(vec![pick::environment(&self.world)]),
            _ if !self.can(verb) => return false,
            Verb::MonthBefore => self.rescope(&Rescope::Step(-1)),
            Verb::MonthAfter => self.rescope(&Rescope::Step(1)),
            Verb::Against => self.perform(vec![pick::against(&self.world)]),
            Verb::Utility => self.perform(vec![pick::utility(&self.world)]),
            Verb::Dataset => self.perform(vec![pick::dataset(&self.world)]),
            Verb::Promote => self.perform(vec![promote::of(&self.world)]),
            Verb::Everything => {
                self.rescope(&Rescope::Utility(None));
                self.rescope(&Rescope::Dataset(None));
            }
            _ => return false,
        }
        true
    }

    /// One step back: what lies above is closed.
    fn back(&mut self) {
        if self.stack.pop().is_some() {
            return;
        }
        if std::mem::take(&mut self.zoom) {
            return;
        }
        self.notice = Some(format!("nothing lies above; {} ends the program", self.world.keys.label(Verb::Quit)));
    }

    /// Shows all rows of the list in front again; whether some were hidden.
    fn clear_filter(&mut self) -> bool {
        let table = self.top_mut().table_mut().filter(|table| !table.filter().0.is_empty());
        table.map(|table| table.set_filter("")).is_some()
    }

    /// Closes what lies above, or ends the program; a load that works is not ended by one key.
    fn leave(&mut self) {
        if self.stack.pop().is_some() {
            return;
        }
        if self.world.load.is_running() && !std::mem::replace(&mut self.quit_asked, true) {
            let key = self.world.keys.label(Verb::Quit);
            self.notice = Some(format!("a load works: {key} once more stops it after its step and ends the program"));
            return;
        }
        self.quit = true;
    }

    fn asked_to_load(&mut self) {
        if let Some(why) = self.world.takes_no_loads() {
            self.notice = Some(why);
        } else if self.world.load.is_running() {
            self.notice = Some(format!("a load works already; {} stops it", self.world.keys.label(Verb::Stop)));
        } else {
            self.run(Files::All);
        }
    }

    fn asked_to_stop(&mut self) {
        if self.world.load.is_running() {
            self.world.load = Load::Stopping;
            self.wishes.push(Job::Stop);
        } else if matches!(self.world.load, Load::Waiting(_)) {
            self.world.load = Load::Idle;
        } else {
            self.notice = Some("no load works".into());
        }
    }

    fn report(&mut self, browse: bool) {
        let Some(month) = self.world.month() else {
            self.notice = Some("no month was loaded yet".into());
            return;
        };
        self.browse_when_written = browse;
        self.wishes.push(Job::Write(Write::Report { month }));
        self.notice = Some(format!("writing the report of {month} …"));
    }

    fn rescope(&mut self, step: &Rescope) {
        if let Some(said) = self.world.rescope(step) {
            self.notice = Some(said);
        }
    }

    /// Does what a screen asks for.
    pub(super) fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Open(screen) => self.stack.push(screen),
                Effect::Close => {
                    self.stack.pop();
                }
                Effect::Say(text) => self.notice = Some(text),
                Effect::Scope(step) => self.rescope(&step),
                Effect::Environment(env) if self.world.load.is_running() => {
                    self.notice = Some(format!("a load works: {env} is opened when it is done or stopped"));
                }
                Effect::Environment(env) => self.reopen = Some(env),
                Effect::Show(id) => self.show(self.place_of(id)),
                Effect::Select(id, fields) => {
                    let at = self.place_of(id);
                    self.show(at);
                    self.world.settle(&mut self.desk);
                    self.panes[at].settle(&self.world, &mut self.desk);
                    self.panes[at].reveal(fields, &self.world);
                }
                Effect::Below(act) => {
                    let below = self.stack.len().checked_sub(2);
                    let screen = match below {
                        Some(at) => self.stack[at].as_mut(),
                        None => self.panes[self.front].as_mut(),
                    };
                    if let Some(table) = screen.table_mut() {
                        act(table);
                    }
                }
                Effect::Copy(text) => {
                    let lines = text.lines().count();
                    let what =
                        if lines > 1 { format!("{lines} lines") } else { format!("`{}`", crate::model::cell::visible(&text)) };
                    self.notice = Some(format!("copied {what}"));
                    self.wishes.push(Job::Terminal(Wish::Copy(text)));
                }
                Effect::Write(write) => self.wishes.push(Job::Write(write)),
                Effect::Complete => self.complete(),
                Effect::Do(verb) => self.verb(verb),
            }
        }
    }

    fn complete(&mut self) {
        let Some((top, below)) = self.stack.split_last_mut() else { return };
        let below = below.last().map_or(self.panes[self.front].as_ref(), AsRef::as_ref);
        let effects = below.table().map(|table| top.complete(table)).unwrap_or_default();
        self.perform(effects);
    }

    fn place_of(&self, id: &str) -> usize {
        self.panes.iter().position(|pane| pane.id() == id).unwrap_or(self.front)
    }
}
