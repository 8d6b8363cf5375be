//! What the console knows and does, without a terminal.
//!
//! [`App`] is owned by one thread. It changes only in [`App::update`], by events: keys, and what the background work in `jobs` reports.
//! It never waits: whatever needs the tables is handed out as a [`Job`]. Panes and what lies over them are [`screen::Screen`]s; they
//! share one [`world::World`], ask through `slot`s, show lists by one `table`, and declare what they show as a `view`.

mod act;
pub(crate) mod chart;
pub(crate) mod event;
pub(crate) mod facts;
pub(crate) mod field;
pub(crate) mod filter;
mod input;
pub(crate) mod jobs;
pub mod keys;
pub(crate) mod mail;
pub(crate) mod overlays;
pub(crate) mod paged;
pub(crate) mod panes;
pub mod promotion;
pub mod reads;
pub mod report;
pub(crate) mod scope;
pub(crate) mod screen;
pub(crate) mod signals;
pub(crate) mod slot;
pub(crate) mod state;
pub(crate) mod table;
pub(crate) mod update;
pub(crate) mod view;
pub(crate) mod world;
pub(crate) mod write;

pub use event::{Divider, Event, RunEnd, Target};
pub use jobs::{Files, Job, Jobs, Wish};
pub use keys::Key;
pub use slot::Answered;
pub use update::App;
pub use world::Load;
pub use write::{Written, exports};
