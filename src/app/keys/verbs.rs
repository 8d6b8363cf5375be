//! What can be done: each verb with its name, keys and words, declared once.

/// Where a verb means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Everywhere.
    Anywhere,
    /// In a pane that nothing lies above.
    Pane,
    /// Where there are rows.
    Table,
    /// Where a screen says so.
    Screen,
}

/// A chapter of the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// To other places.
    Go,
    /// Within what is in front.
    Move,
    /// What a list can do.
    Table,
    /// What the console is about.
    Scope,
    /// What is done with what is selected.
    Act,
    /// The program itself.
    Program,
}

impl Group {
    /// Every chapter.
    pub const ALL: [Self; 6] = [Self::Go, Self::Move, Self::Table, Self::Scope, Self::Act, Self::Program];

    /// Its heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Go => "Go",
            Self::Move => "Move",
            Self::Table => "Lists",
            Self::Scope => "Scope",
            Self::Act => "Act on what is selected",
            Self::Program => "Program",
        }
    }
}

/// What is known of a verb.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// The verb.
    pub verb: Verb,
    /// Its name in `keys.toml`.
    pub name: &'static str,
    /// Its keys, unless others are bound; of a sequence, with blanks between.
    pub keys: &'static [&'static str],
    /// What it does, in a few words.
    pub what: &'static str,
    /// Its chapter.
    pub group: Group,
    /// Where it means something.
    pub place: Place,
    /// Whether it writes: into the lake, or a file.
    pub writes: bool,
}

macro_rules! verbs {
    ($($verb:ident $name:literal [$($key:literal),*] $what:literal $group:ident $place:ident $($writes:ident)?;)*) => {
        /// What can be asked for by a key, a word of the palette, or the mouse.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Verb {
            $(#[doc = $what] $verb),*
        }

        /// Every verb.
        pub const VERBS: &[About] = &[$(About {
            verb: Verb::$verb,
            name: $name,
            keys: &[$($key),*],
            what: $what,
            group: Group::$group,
            place: Place::$place,
            writes: verbs!(@writes $($writes)?),
        }),*];
    };
    (@writes) => { false };
    (@writes writes) => { true };
}

verbs! {
    Pane1 "pane-1" ["1"] "the first pane" Go Anywhere;
    Pane2 "pane-2" ["2"] "the second pane" Go Anywhere;
    Pane3 "pane-3" ["3"] "the third pane" Go Anywhere;
    Pane4 "pane-4" ["4"] "the fourth pane" Go Anywhere;
    Pane5 "pane-5" ["5"] "the fifth pane" Go Anywhere;
    Pane6 "pane-6" ["6"] "the sixth pane" Go Anywhere;
    Pane7 "pane-7" ["7"] "the seventh pane" Go Anywhere;
    NextPane "next-pane" [">"] "the pane after" Go Anywhere;
    PreviousPane "previous-pane" ["<"] "the pane before" Go Anywhere;
    GoTo "go-to" [":", "ctrl-p"] "go to anything" Go Anywhere;
    Back "back" ["esc"] "back" Go Anywhere;
    Up "up" ["k", "up"] "up" Move Anywhere;
    Down "down" ["j", "down"] "down" Move Anywhere;
    PageUp "page-up" ["pgup", "ctrl-u"] "a page up" Move Anywhere;
    PageDown "page-down" ["pgdn", "ctrl-d"] "a page down" Move Anywhere;
    First "first" ["g", "home"] "the first row" Move Anywhere;
    Last "last" ["G", "end"] "the last row" Move Anywhere;
    Left "left" ["h", "left"] "the column to the left" Move Table;
    Right "right" ["l", "right"] "the column to the right" Move Table;
    NextPart "next-part" ["tab"] "the next part of the pane" Move Anywhere;
    PreviousPart "previous-part" ["shift-tab"] "the part before" Move Anywhere;
    DetailDown "detail-down" ["J"] "the text below, down" Move Anywhere;
    DetailUp "detail-up" ["K"] "the text below, up" Move Anywhere;
    Zoom "zoom" ["z"] "the part alone, or all of them" Move Anywhere;
    Filter "filter" ["/"] "filter" Table Table;
    Search "search" ["ctrl-f"] "search" Table Table;
    NextMatch "next-match" ["n"] "the next match" Table Table;
    PreviousMatch "previous-match" ["N"] "the match before" Table Table;
    Sort "sort" ["s"] "sort by the column" Table Table;
    SortTurn "sort-turn" ["S"] "turn the order around" Table Table;
    Columns "columns" ["f"] "choose columns" Table Table;
    Whole "whole-cell" ["space"] "the whole cell" Table Table;
    CopyCell "copy-cell" ["y"] "copy the cell" Table Table;
    CopyRow "copy-row" ["Y"] "copy the row" Table Table;
    CopyColumn "copy-column" ["ctrl-y"] "copy the column" Table Table;
    Export "export" ["e"] "export the list" Table Table writes;
    MonthBefore "month-before" ["["] "the month before" Scope Pane;
    MonthAfter "month-after" ["]"] "the month after" Scope Pane;
    Against "against" ["b"] "compare with another month" Scope Pane;
    Utility "utility" ["u"] "one utility" Scope Pane;
    Dataset "dataset" ["d"] "one dataset" Scope Pane;
    Environment "environment" ["E"] "another environment" Scope Anywhere;
    Everything "everything" ["0"] "all utilities and datasets" Scope Pane;
    Enter "enter" ["enter"] "into it" Act Screen;
    Toggle "view" ["v"] "the other view" Act Screen;
    ToggleBack "view-back" ["V"] "the view before" Act Screen;
    Sign "sign" ["a"] "acknowledge" Act Screen writes;
    Withdraw "withdraw" ["U"] "withdraw the acknowledgement" Act Screen writes;
    Mail "mail" ["M"] "write the mail to the utility" Act Screen writes;
    Open "open" ["o"] "open it where it belongs" Act Screen;
    Report "report" ["w"] "write the report" Act Anywhere writes;
    OpenReport "open-report" ["O"] "open the report in the browser" Act Anywhere;
    Promote "promote" ["P"] "promote, verify, roll back" Program Pane;
    Load "load" ["r"] "load what is new" Program Anywhere writes;
    Stop "stop" ["x"] "stop the load" Program Anywhere;
    Reread "reread" ["ctrl-r"] "read the tables again" Program Anywhere;
    Mouse "mouse" ["ctrl-t"] "mouse on or off" Program Anywhere;
    Redraw "redraw" ["ctrl-l"] "draw the screen anew" Program Anywhere;
    Suspend "suspend" ["ctrl-z"] "suspend" Program Anywhere;
    Help "help" ["?", "f1"] "keys" Program Anywhere;
    Quit "quit" ["q"] "quit, or close what lies above" Program Anywhere;
}

impl Verb {
    /// Whether it is done with the selected row of a list.
    pub const fn needs_row(self) -> bool {
        matches!(self, Self::Enter | Self::Open | Self::Sign | Self::Withdraw | Self::Mail)
    }

    /// What is known of it.
    pub fn about(self) -> &'static About {
        VERBS.iter().find(|about| about.verb == self).unwrap_or(&VERBS[0])
    }

    /// The place of the pane that it shows, from 0.
    pub const fn pane(self) -> Option<usize> {
        match self {
            Self::Pane1 => Some(0),
            Self::Pane2 => Some(1),
            Self::Pane3 => Some(2),
            Self::Pane4 => Some(3),
            Self::Pane5 => Some(4),
            Self::Pane6 => Some(5),
            Self::Pane7 => Some(6),
            _ => None,
        }
    }
}
