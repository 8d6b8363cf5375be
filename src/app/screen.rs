//! The contract of whatever can be in front: panes, and what lies over them.

use super::field::Field;
use super::keys::Verb;
use super::scope::Rescope;
use super::slot::{Desk, Waiting};
use super::table::Table;
use super::view::{Tone, View};
use super::world::World;
use super::write::Write;
use crate::model::Environment;

/// Where a screen is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// In place of the pane.
    Full,
    /// In a box over it, of at most this size.
    Box(u16, u16),
    /// In the line of the keys: a field.
    Line,
}

/// A count on a tab.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Badge {
    /// The count.
    pub count: usize,
    /// Its sign.
    pub sign: &'static str,
    /// What it means.
    pub tone: Tone,
}

/// What a screen asks the console to do.
pub enum Effect {
    /// Put a screen over it.
    Open(Box<dyn Screen>),
    /// Close it.
    Close,
    /// Say something, for some seconds.
    Say(String),
    /// Look at something else.
    Scope(Rescope),
    /// Open the console on another environment.
    Environment(Environment),
    /// Show a pane, as it stands.
    Show(&'static str),
    /// Show a pane and select the row of its list whose fields are these, as soon as it is there.
    Select(&'static str, Vec<(&'static str, String)>),
    /// Do something with the list of the screen below.
    Below(Box<dyn FnOnce(&mut Table)>),
    /// Put a text where the terminal keeps what was copied.
    Copy(String),
    /// Write in the background.
    Write(Write),
    /// Go on with what is typed, by the list below.
    Complete,
    /// As if it had been asked for by key.
    Do(Verb),
}

/// What can be done in a screen, and in which words.
pub type Offer = (Verb, &'static str);

/// A pane, or what lies over it: state without a terminal.
pub trait Screen {
    /// Its name: on the tab, or in the trail.
    fn title(&self) -> String;

    /// The pane's own name, by which others find it; nothing for what is no pane.
    fn id(&self) -> &'static str {
        ""
    }

    /// What it is for, in a sentence.
    fn purpose(&self) -> &'static str;

    /// What its signs mean.
    fn legend(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// The count on its tab.
    fn badge(&self, _: &World) -> Option<Badge> {
        None
    }

    /// Where it is drawn.
    fn room(&self) -> Room {
        Room::Full
    }

    /// What can be done in it beside what a list can do, the most important first.
    fn offers(&self, _: &World) -> Vec<Offer> {
        Vec::new()
    }

    /// Brings it up to the facts and the scope, and asks what it needs to know.
    fn settle(&mut self, _: &World, _: &mut Desk) {}

    /// What waits for answers.
    fn slots(&mut self) -> Vec<&mut dyn Waiting> {
        Vec::new()
    }

    /// Does what was asked for; `None` where it means nothing here.
    fn act(&mut self, _: Verb, _: &World) -> Option<Vec<Effect>> {
        None
    }

    /// The list that the keys move in.
    fn table(&self) -> Option<&Table> {
        None
    }

    /// The same, to be changed.
    fn table_mut(&mut self) -> Option<&mut Table> {
        None
    }

    /// All its lists, in the order in which they are drawn; what is remembered.
    fn tables_mut(&mut self) -> Vec<&mut Table> {
        self.table_mut().into_iter().collect()
    }

    /// Puts the keys into the list at a place among them.
    fn focus(&mut self, _: usize) {}

    /// Shows the row of its list whose fields are these, in the month of the scope, as soon as it is there.
    fn reveal(&mut self, fields: Vec<(&'static str, String)>, _: &World) {
        if let Some(table) = self.table_mut() {
            table.want(fields);
        }
    }

    /// The text that can be scrolled.
    fn scroll(&self) -> Option<&std::cell::Cell<usize>> {
        None
    }

    /// The field that is typed into, and what it is called.
    fn field(&self) -> Option<(&Field, String)> {
        None
    }

    /// The same, to be changed.
    fn field_mut(&mut self) -> Option<&mut Field> {
        None
    }

    /// The field was changed.
    fn typed(&mut self, _: &World) -> Vec<Effect> {
        Vec::new()
    }

    /// Goes on with what is typed, by the list below.
    fn complete(&mut self, _: &Table) -> Vec<Effect> {
        Vec::new()
    }

    /// What it shows.
    fn view<'a>(&'a self, world: &'a World) -> View<'a>;
}
