//! Keys, pasted text and the mouse.

use super::event::Target;
use super::keys::{Key, Pressed, Verb};
use super::screen::Room;
use super::update::App;

impl App {
    pub(super) fn key(&mut self, key: Key) {
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
    pub(super) fn paste(&mut self, text: &str) {
        self.notice = None;
        if let Some(field) = self.top_mut().field_mut() {
            field.insert(text);
            self.after_typing();
        } else {
            self.notice =
                Some(format!("pasted text goes into a field; {} filters the list", self.world.keys.label(Verb::Filter)));
        }
    }

    pub(super) fn click(&mut self, target: Target) {
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

    pub(super) fn wheel(&mut self, by: isize) {
        let screen = self.top_mut();
        if let Some(table) = screen.table_mut() {
            table.move_by(by);
        } else if let Some(scroll) = screen.scroll() {
            scroll.set(scroll.get().saturating_add_signed(by));
        }
    }
}
