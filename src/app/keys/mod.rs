//! The registry of keys: what can be done, its name, its words, its keys, whether it writes. Bindings, hints, help, the palette and
//! `docs/keys.md` are made from it; `keys.toml` binds other keys to the same names.

mod verbs;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use crate::config::file::{Problem, did_you_mean, line_of};

pub use verbs::{About, Group, Place, VERBS, Verb};

/// A key, whatever terminal it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A character.
    Char(char),
    /// Control and a character.
    Ctrl(char),
    /// Alt and a character.
    Alt(char),
    /// A function key.
    F(u8),
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
    /// Delete.
    Delete,
}

const NAMED: [(&str, Key); 15] = [
    ("up", Key::Up),
    ("down", Key::Down),
    ("left", Key::Left),
    ("right", Key::Right),
    ("pgup", Key::PageUp),
    ("pgdn", Key::PageDown),
    ("home", Key::Home),
    ("end", Key::End),
    ("tab", Key::Tab),
    ("shift-tab", Key::BackTab),
    ("enter", Key::Enter),
    ("esc", Key::Esc),
    ("backspace", Key::Backspace),
    ("delete", Key::Delete),
    ("space", Key::Char(' ')),
];

impl Key {
    /// A key as it is written in `keys.toml`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut characters = text.chars();
        if let (Some(only), None) = (characters.next(), characters.next()) {
            return Some(Self::Char(only));
        }
        if let Some((_, key)) = NAMED.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
            return Some(*key);
        }
        let of = |prefix: &str| {
            let rest = text.strip_prefix(prefix)?;
            let mut characters = rest.chars();
            characters.next().filter(|_| characters.next().is_none())
        };
        let function = || text.strip_prefix(['f', 'F'])?.parse().ok().filter(|number| (1..=24).contains(number)).map(Self::F);
        of("ctrl-").map(|c| Self::Ctrl(c.to_ascii_lowercase())).or_else(|| of("alt-").map(Self::Alt)).or_else(function)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Up => "↑".into(),
            Self::Down => "↓".into(),
            Self::Left => "←".into(),
            Self::Right => "→".into(),
            Self::PageUp => "PgUp".into(),
            Self::PageDown => "PgDn".into(),
            Self::Home => "Home".into(),
            Self::End => "End".into(),
            Self::Tab => "Tab".into(),
            Self::BackTab => "S-Tab".into(),
            Self::Enter => "Enter".into(),
            Self::Esc => "Esc".into(),
            Self::Backspace => "Bksp".into(),
            Self::Delete => "Del".into(),
            Self::Char(' ') => "Space".into(),
            Self::Char(c) => c.to_string(),
            Self::Ctrl(c) => format!("^{c}"),
            Self::Alt(c) => format!("Alt-{c}"),
            Self::F(number) => format!("F{number}"),
        };
        f.pad(&text)
    }
}

/// What keys mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Keys {
    bindings: Vec<(Vec<Key>, Verb)>,
    begun: Vec<Key>,
}

/// What became of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressed {
    /// It asks for something.
    Verb(Verb),
    /// It begins a sequence.
    Begun,
    /// It means nothing.
    Nothing,
}

impl Default for Keys {
    fn default() -> Self {
        let sequence = |keys: &str| keys.split(' ').filter_map(Key::parse).collect();
        let of_verb = |about: &About| {
            let verb = about.verb;
            about.keys.iter().map(move |keys| (sequence(keys), verb)).collect::<Vec<_>>()
        };
        Self { bindings: VERBS.iter().flat_map(of_verb).collect(), begun: Vec::new() }
    }
}

impl Keys {
    /// The keys of the registry, those of `keys.toml` in their place; and what is wrong in it.
    pub fn load(file: &Path) -> (Self, Vec<Problem>) {
        let mut keys = Self::default();
        let Ok(text) = std::fs::read_to_string(file) else { return (keys, Vec::new()) };
        let problem = |line, message: String| Problem { file: file.to_owned(), line, message };
        let bound: BTreeMap<String, Bound> = match toml::from_str(&text) {
            Ok(bound) => bound,
            Err(error) => {
                let line = error.span().map(|span| line_of(&text, span.start));
                return (keys, vec![problem(line, error.message().trim().replace('\n', " "))]);
            }
        };
        let mut problems = Vec::new();
        for (name, bound) in bound {
            let line = text.lines().position(|line| line.trim_start().starts_with(&name)).map(|at| at + 1);
            let Some(about) = VERBS.iter().find(|about| about.name == name) else {
                let hint = did_you_mean(&name, VERBS.iter().map(|about| about.name));
                problems.push(problem(line, format!("there is nothing to do by the name of `{name}`{hint}")));
                continue;
            };
            match bound.sequences() {
                Ok(sequences) => keys.bind(about.verb, sequences),
                Err(wrong) => problems.push(problem(line, format!("`{wrong}` is no key; see docs/keys.md"))),
            }
        }
        (keys, problems)
    }

    fn bind(&mut self, verb: Verb, sequences: Vec<Vec<Key>>) {
        // A key means one thing: whoever binds it takes it away from what it meant.
        self.bindings.retain(|(keys, other)| {
            *other != verb && !sequences.iter().any(|new| new.starts_with(keys) || keys.starts_with(new))
        });
        self.bindings.extend(sequences.into_iter().map(|keys| (keys, verb)));
    }

    /// A key was pressed.
    pub fn press(&mut self, key: Key) -> Pressed {
        self.begun.push(key);
        if let Some((_, verb)) = self.bindings.iter().find(|(keys, _)| *keys == self.begun) {
            self.begun.clear();
            return Pressed::Verb(*verb);
        }
        if self.bindings.iter().any(|(keys, _)| keys.starts_with(&self.begun)) {
            return Pressed::Begun;
        }
        self.begun.clear();
        Pressed::Nothing
    }

    /// The keys of a sequence that has begun.
    pub fn begun(&self) -> String {
        self.begun.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    /// The first keys of a verb, as they are shown; nothing where no key is bound.
    pub fn label(&self, verb: Verb) -> String {
        let found = self.bindings.iter().find(|(_, bound)| *bound == verb);
        found.map_or_else(String::new, |(keys, _)| keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    }

    /// All keys of a verb, as they are shown.
    pub fn labels(&self, verb: Verb) -> String {
        let of_verb = self.bindings.iter().filter(|(_, bound)| *bound == verb);
        of_verb.map(|(keys, _)| keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("  ")
    }
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Bound {
    One(String),
    Several(Vec<String>),
}

impl Bound {
    fn sequences(self) -> Result<Vec<Vec<Key>>, String> {
        let written = match self {
            Self::One(keys) => vec![keys],
            Self::Several(keys) => keys,
        };
        let key = |key: &str| Key::parse(key).ok_or_else(|| key.to_owned());
        let sequence = |keys: &String| keys.split(' ').filter(|key| !key.is_empty()).map(key).collect::<Result<Vec<_>, _>>();
        let sequences: Vec<Vec<Key>> = written.iter().map(sequence).collect::<Result<_, _>>()?;
        if sequences.iter().any(Vec::is_empty) { Err(String::new()) } else { Ok(sequences) }
    }
}

/// The registry as a chapter of the documentation.
pub fn documentation() -> String {
    use std::fmt::Write as _;
    let mut text = String::from(
        "# Keys\n\n\
         Made by `cargo test`, from the registry in `src/app/keys/verbs.rs`; a test compares the two. Every key means the same in every pane; \
         where it means nothing, the console says so. `keys.toml` in the configuration folder binds other keys to the names:\n\n\
         ```toml\n\
         filter = \"ctrl-s\"          # instead of the keys below\n\
         first = [\"g g\", \"home\"]    # a sequence, and another key\n\
         ```\n\n\
         A key is a character, `space`, `enter`, `esc`, `tab`, `shift-tab`, `backspace`, `delete`, `up`, `down`, `left`, `right`, `home`, \
         `end`, `pgup`, `pgdn`, `f1` to `f24`, `ctrl-` or `alt-` and a character. `ctrl-c` always ends the program.\n",
    );
    for group in Group::ALL {
        let _ = writeln!(text, "\n## {}\n\n| keys | name | what it does | where |\n| --- | --- | --- | --- |", group.title());
        for about in VERBS.iter().filter(|about| about.group == group) {
            let place = match about.place {
                Place::Anywhere => "everywhere",
                Place::Pane => "panes",
                Place::Table => "lists",
                Place::Screen => "where it is shown at the bottom",
            };
            let writes = if about.writes { "; writes" } else { "" };
            let keys: Vec<String> = about.keys.iter().map(|keys| format!("`{keys}`")).collect();
            let _ = writeln!(text, "| {} | `{}` | {} | {place}{writes} |", keys.join(" "), about.name, about.what);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_key_can_be_read_and_none_means_two_things() {
        let keys = Keys::default();
        assert_eq!(keys.bindings.len(), VERBS.iter().map(|about| about.keys.len()).sum::<usize>());
        for (at, (sequence, verb)) in keys.bindings.iter().enumerate() {
            assert!(!sequence.is_empty(), "{verb:?}");
            let clash =
                keys.bindings[at + 1..].iter().find(|(other, _)| other.starts_with(sequence) || sequence.starts_with(other));
            assert_eq!(clash, None, "{verb:?}");
        }
    }

    #[test]
    fn own_keys_take_the_place_of_the_registrys_and_wrong_ones_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.toml");
        std::fs::write(&file, "first = [\"g g\", \"home\"]\nquit = \"ctrl-q\"\nfliter = \"x\"\nlast = \"hyper-x\"\n").unwrap();
        let (mut keys, problems) = Keys::load(&file);
        let said: Vec<(Option<usize>, &str)> = problems.iter().map(|problem| (problem.line, problem.message.as_str())).collect();
        assert_eq!(
            said,
            [
                (Some(3), "there is nothing to do by the name of `fliter`; did you mean `filter`?"),
                (Some(4), "`hyper-x` is no key; see docs/keys.md"),
            ]
        );
        assert_eq!((keys.press(Key::Char('g')), keys.begun()), (Pressed::Begun, "g".to_owned()));
        assert_eq!(keys.press(Key::Char('g')), Pressed::Verb(Verb::First));
        assert_eq!((keys.press(Key::Char('g')), keys.press(Key::Char('j'))), (Pressed::Begun, Pressed::Nothing));
        assert_eq!(keys.press(Key::Char('q')), Pressed::Nothing, "what was bound elsewhere means nothing more");
        assert_eq!(keys.press(Key::Ctrl('q')), Pressed::Verb(Verb::Quit));
        assert_eq!(keys.press(Key::Char('G')), Pressed::Verb(Verb::Last), "a wrong line changes nothing");
    }

    /// `FEEDERSCOPE_WRITE_DOCS=1 cargo test` writes it.
    #[test]
    fn documentation_is_current() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/keys.md");
        if std::env::var_os("FEEDERSCOPE_WRITE_DOCS").is_some() {
            std::fs::write(file, documentation()).unwrap();
        }
        let (kept, made) = (std::fs::read_to_string(file).unwrap(), documentation());
        let differs = kept.lines().zip(made.lines()).find(|(kept, made)| kept != made);
        assert!(kept == made, "{differs:?}; `FEEDERSCOPE_WRITE_DOCS=1 cargo test` writes it");
    }
}
