//! The key table: what each key does and where; help and hints are made from it.

use super::Pane;

/// A key, whatever terminal it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// Control and a character.
    Ctrl(char),
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Home.
    Home,
    /// End.
    End,
    /// Tab.
    Tab,
    /// Shift and Tab.
    BackTab,
    /// Enter.
    Enter,
    /// Escape.
    Esc,
    /// Backspace.
    Backspace,
}

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Show a pane.
    Show(Pane),
    /// Show the next pane.
    NextPane,
    /// Show the pane before.
    PreviousPane,
    /// Move the selection by rows.
    Rows(isize),
    /// Move the selection by columns.
    Columns(isize),
    /// To the first row.
    First,
    /// To the last row.
    Last,
    /// Show the next utility and dataset.
    NextFeed,
    /// Show the utility and dataset before.
    PreviousFeed,
    /// Go into what is selected.
    Enter,
    /// Go back out.
    Back,
    /// Type part of a feeder's id.
    Search,
    /// Type the least hosting capacity.
    MinimumMw,
    /// Sort by the next column.
    Sort,
    /// Turn the order around.
    Reverse,
    /// Show something else of the same: another state of cells, or what passed too.
    Toggle,
    /// Put the utilities beside one another.
    Across,
    /// Compare with the selected month.
    Base,
    /// Sign for a failure.
    Acknowledge,
    /// Load what is new.
    Run,
    /// Stop the run.
    Stop,
    /// Read the tables again.
    Reread,
    /// Open or close the help.
    Help,
    /// End the program.
    Quit,
}

/// A line of the key table.
#[derive(Clone, Copy)]
pub struct Binding {
    /// The keys.
    pub keys: &'static [Key],
    /// The keys as written.
    pub label: &'static str,
    /// What they ask for.
    pub action: Action,
    /// What that does, in a few words.
    pub what: &'static str,
    /// The pane that it is for; `None` for all.
    pub pane: Option<Pane>,
    /// Whether it is worth a place in the bar at the bottom.
    pub hint: bool,
}

const fn binding(keys: &'static [Key], label: &'static str, action: Action, what: &'static str) -> Binding {
    Binding { keys, label, action, what, pane: None, hint: false }
}

const fn of(pane: Pane, binding: Binding) -> Binding {
    Binding { pane: Some(pane), hint: true, ..binding }
}

const fn hinted(binding: Binding) -> Binding {
    Binding { hint: true, ..binding }
}

const PAGE: isize = 10;

/// Every key that does something; those of a pane come before those of all.
pub const BINDINGS: &[Binding] = &[
    of(Pane::Refresh, binding(&[Key::Enter], "Enter", Action::Enter, "see what is missing in the feed")),
    of(
        Pane::Refresh,
        binding(&[Key::Char('l'), Key::Right, Key::Char('h'), Key::Left], "←→", Action::Columns(1), "feeds or runs"),
    ),
    of(Pane::Missing, binding(&[Key::Char(']'), Key::Char('n')], "]", Action::NextFeed, "next dataset")),
    of(Pane::Missing, binding(&[Key::Char('['), Key::Char('p')], "[", Action::PreviousFeed, "previous dataset")),
    of(Pane::Missing, binding(&[Key::Enter], "Enter", Action::Enter, "the records behind")),
    of(Pane::Missing, binding(&[Key::Char('v')], "v", Action::Toggle, "missing, empty, sentinel, invalid, absent")),
    of(Pane::Missing, binding(&[Key::Char('u')], "u", Action::Across, "utilities side by side")),
    of(Pane::Missing, binding(&[Key::Char('s')], "s", Action::Sort, "by rate or by change")),
    of(Pane::Months, binding(&[Key::Enter], "Enter", Action::Enter, "the records that changed")),
    of(Pane::Months, binding(&[Key::Char('b')], "b", Action::Base, "compare with this month")),
    of(Pane::Months, binding(&[Key::Char('v')], "v", Action::Toggle, "cosmetic changes too")),
    of(Pane::Months, binding(&[Key::Char(']'), Key::Char('n')], "]", Action::NextFeed, "next dataset")),
    of(Pane::Months, binding(&[Key::Char('['), Key::Char('p')], "[", Action::PreviousFeed, "previous dataset")),
    of(Pane::Browser, binding(&[Key::Char('/')], "/", Action::Search, "search a feeder")),
    of(Pane::Browser, binding(&[Key::Char('m')], "m", Action::MinimumMw, "minimum MW")),
    of(Pane::Browser, binding(&[Key::Char('s')], "s", Action::Sort, "sort by the next column")),
    of(Pane::Browser, binding(&[Key::Char('S')], "S", Action::Reverse, "turn the order around")),
    of(Pane::Browser, binding(&[Key::Enter], "Enter", Action::Enter, "into the DERs")),
    of(Pane::Rules, binding(&[Key::Enter], "Enter", Action::Enter, "the failing rows")),
    of(Pane::Rules, binding(&[Key::Char('a')], "a", Action::Acknowledge, "acknowledge")),
    of(Pane::Rules, binding(&[Key::Char('v')], "v", Action::Toggle, "what passed too")),
    of(Pane::Rules, binding(&[Key::Char('['), Key::Char('p')], "[", Action::PreviousFeed, "month before")),
    of(Pane::Rules, binding(&[Key::Char(']'), Key::Char('n')], "]", Action::NextFeed, "month after")),
    of(Pane::Deliveries, binding(&[Key::Enter], "Enter", Action::Enter, "what was rejected")),
    of(Pane::Rejected, binding(&[Key::Enter], "Enter", Action::Enter, "the line in its file")),
    binding(&[Key::Char('1')], "1", Action::Show(Pane::Refresh), "refresh dates and runs"),
    binding(&[Key::Char('2')], "2", Action::Show(Pane::Missing), "missing data"),
    binding(&[Key::Char('3')], "3", Action::Show(Pane::Months), "differences between months"),
    binding(&[Key::Char('4')], "4", Action::Show(Pane::Browser), "feeders and their DERs"),
    binding(&[Key::Char('5')], "5", Action::Show(Pane::Rules), "rules and what fails them"),
    binding(&[Key::Char('6')], "6", Action::Show(Pane::Deliveries), "what came, month by month"),
    binding(&[Key::Char('7')], "7", Action::Show(Pane::Rejected), "what was rejected"),
    hinted(binding(&[Key::Tab], "Tab", Action::NextPane, "next pane")),
    binding(&[Key::BackTab], "Shift-Tab", Action::PreviousPane, "pane before"),
    binding(&[Key::Char('k'), Key::Up], "↑ k", Action::Rows(-1), "up"),
    binding(&[Key::Char('j'), Key::Down], "↓ j", Action::Rows(1), "down"),
    binding(&[Key::Char('h'), Key::Left], "← h", Action::Columns(-1), "left"),
    binding(&[Key::Char('l'), Key::Right], "→ l", Action::Columns(1), "right"),
    binding(&[Key::PageUp, Key::Ctrl('u')], "PgUp", Action::Rows(-PAGE), "ten rows up"),
    binding(&[Key::PageDown, Key::Ctrl('d')], "PgDn", Action::Rows(PAGE), "ten rows down"),
    binding(&[Key::Home, Key::Char('g')], "Home g", Action::First, "first row"),
    binding(&[Key::End, Key::Char('G')], "End G", Action::Last, "last row"),
    binding(&[Key::Esc], "Esc", Action::Back, "back, or clear the search"),
    hinted(binding(&[Key::Char('r')], "r", Action::Run, "load what is new")),
    binding(&[Key::Char('x')], "x", Action::Stop, "stop the load"),
    binding(&[Key::Ctrl('r')], "Ctrl-R", Action::Reread, "read the tables again"),
    hinted(binding(&[Key::Char('?')], "?", Action::Help, "help")),
    hinted(binding(&[Key::Char('q'), Key::Ctrl('c')], "q", Action::Quit, "quit")),
];

/// What a key asks for in a pane.
pub fn action_of(key: Key, pane: Pane) -> Option<Action> {
    BINDINGS
        .iter()
        .find(|binding| binding.pane.is_none_or(|of| of == pane) && binding.keys.contains(&key))
        .map(|binding| binding.action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_has_two_meanings_in_one_place() {
        for pane in Pane::ALL.map(Some).into_iter().chain([None]) {
            let keys: Vec<Key> =
                BINDINGS.iter().filter(|binding| binding.pane == pane).flat_map(|binding| binding.keys).copied().collect();
            for (at, key) in keys.iter().enumerate() {
                assert!(!keys[at + 1..].contains(key), "{key:?} occurs twice for {pane:?}");
            }
        }
    }

    #[test]
    fn key_of_a_pane_goes_before_the_key_of_all() {
        assert_eq!(action_of(Key::Right, Pane::Missing), Some(Action::Columns(1)));
        assert_eq!(action_of(Key::Char('n'), Pane::Months), Some(Action::NextFeed));
        assert_eq!(action_of(Key::Char('n'), Pane::Browser), None);
    }
}
