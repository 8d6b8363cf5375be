//! Colours by their meaning, from `themes/*.toml` or the user's own folder.

use std::path::Path;

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

use crate::config::adapter::toml_files;
use crate::config::file::{Problem, did_you_mean, line_of};

const BUILT_IN: [(&str, &str); 3] = [
    ("dark", include_str!("../../themes/dark.toml")),
    ("light", include_str!("../../themes/light.toml")),
    ("high-contrast", include_str!("../../themes/high-contrast.toml")),
];

/// Colours by their meaning.
#[derive(Debug, Clone, PartialEq)]
pub struct Theme {
    /// Plain text on the background.
    pub text: Style,
    /// What matters less.
    pub dim: Style,
    /// Headings and what is in front.
    pub accent: Style,
    /// Frames.
    pub border: Style,
    /// As it should be.
    pub good: Style,
    /// To be looked at.
    pub warn: Style,
    /// Wrong.
    pub bad: Style,
    /// The selected row or cell.
    pub selection: Style,
    /// From nothing to everything.
    pub heat: Vec<Style>,
}

#[derive(Deserialize, Clone, Default)]
#[serde(deny_unknown_fields)]
struct Raw {
    inherits: Option<String>,
    text: Option<String>,
    dim: Option<String>,
    accent: Option<String>,
    border: Option<String>,
    good: Option<String>,
    warn: Option<String>,
    bad: Option<String>,
    selection_text: Option<String>,
    selection: Option<String>,
    background: Option<String>,
    heat: Option<Vec<String>>,
    heat_text: Option<String>,
}

impl Raw {
    fn over(self, base: Self) -> Self {
        Self {
            inherits: base.inherits,
            text: self.text.or(base.text),
            dim: self.dim.or(base.dim),
            accent: self.accent.or(base.accent),
            border: self.border.or(base.border),
            good: self.good.or(base.good),
            warn: self.warn.or(base.warn),
            bad: self.bad.or(base.bad),
            selection_text: self.selection_text.or(base.selection_text),
            selection: self.selection.or(base.selection),
            background: self.background.or(base.background),
            heat: self.heat.or(base.heat),
            heat_text: self.heat_text.or(base.heat_text),
        }
    }
}

impl Theme {
    /// The theme of that name; the dark one, and what is wrong, if it cannot be used. `folder` holds the user's own.
    pub fn load(name: &str, folder: &Path) -> (Self, Vec<Problem>) {
        match resolve(name, folder, 0).and_then(|(raw, file)| theme(&raw, &file)) {
            Ok(theme) => (theme, Vec::new()),
            Err(problem) => (Self::dark(), vec![problem]),
        }
    }

    /// The built-in dark theme.
    pub fn dark() -> Self {
        let raw = toml::from_str(BUILT_IN[0].1).unwrap_or_default();
        theme(&raw, Path::new("dark.toml")).unwrap_or_else(|_| Self::plain())
    }

    /// The terminal's own colours.
    pub fn plain() -> Self {
        let plain = Style::default();
        let heat = [Color::Reset, Color::Blue, Color::Cyan, Color::Yellow, Color::Magenta, Color::Red];
        Self {
            text: plain,
            dim: plain.add_modifier(Modifier::DIM),
            accent: plain.add_modifier(Modifier::BOLD),
            border: plain,
            good: plain.fg(Color::Green),
            warn: plain.fg(Color::Yellow),
            bad: plain.fg(Color::Red),
            selection: plain.add_modifier(Modifier::REVERSED),
            heat: heat.map(|color| plain.bg(color)).to_vec(),
        }
    }

    /// The style of a share from 0 to 1; anything missing at all is told from nothing.
    pub fn heat(&self, share: f64) -> Style {
        let steps = self.heat.len();
        let step = if share <= 0.0 {
            0
        } else {
            1 + ((share * (steps - 1) as f64).ceil() as usize).saturating_sub(1).min(steps.saturating_sub(2))
        };
        self.heat.get(step).copied().unwrap_or(self.text)
    }
}

fn resolve(name: &str, folder: &Path, depth: usize) -> Result<(Raw, std::path::PathBuf), Problem> {
    let own = folder.join(format!("{name}.toml"));
    let built_in = BUILT_IN.iter().find(|(known, _)| *known == name);
    let (file, text) = match (std::fs::read_to_string(&own), built_in) {
        (Ok(text), _) => (own, text),
        (Err(_), Some((known, text))) => (format!("{known}.toml").into(), (*text).to_owned()),
        (Err(_), None) => {
            let users: Vec<String> =
                toml_files(folder).iter().filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect();
            let names = BUILT_IN.iter().map(|(known, _)| *known).chain(users.iter().map(String::as_str));
            return Err(Problem {
                file: own,
                line: None,
                message: format!("there is no theme `{name}`{}", did_you_mean(name, names)),
            });
        }
    };
    let raw: Raw = toml::from_str(&text).map_err(|error| Problem {
        file: file.clone(),
        line: error.span().map(|span| line_of(&text, span.start)),
        message: error.message().trim().replace('\n', " "),
    })?;
    match raw.inherits.clone() {
        Some(parent) if depth < 8 => Ok((raw.over(resolve(&parent, folder, depth + 1)?.0), file)),
        Some(parent) => Err(Problem { file, line: None, message: format!("`inherits = \"{parent}\"` goes round in a circle") }),
        // What an own theme leaves out is as in the dark one.
        None if name != "dark" => Ok((raw.over(toml::from_str(BUILT_IN[0].1).unwrap_or_default()), file)),
        None => Ok((raw, file)),
    }
}

fn theme(raw: &Raw, file: &Path) -> Result<Theme, Problem> {
    let color = |key: &str, value: Option<&String>| {
        let text = value.ok_or_else(|| Problem { file: file.to_owned(), line: None, message: format!("`{key}` is missing") })?;
        text.parse::<Color>().map_err(|_| Problem {
            file: file.to_owned(),
            line: None,
            message: format!("`{key}` is `{text}`; it must be `#rrggbb`, a colour's name or `reset`"),
        })
    };
    let background = color("background", raw.background.as_ref())?;
    let on = |key: &str, value: Option<&String>| Ok::<Style, Problem>(Style::default().fg(color(key, value)?).bg(background));
    let heat_text = color("heat_text", raw.heat_text.as_ref())?;
    let steps = raw.heat.as_deref().unwrap_or_default();
    if steps.len() < 2 {
        return Err(Problem { file: file.to_owned(), line: None, message: "`heat` needs two colours or more".into() });
    }
    let heat = steps
        .iter()
        .map(|step| Ok(Style::default().fg(heat_text).bg(color("heat", Some(step))?)))
        .collect::<Result<_, Problem>>()?;
    Ok(Theme {
        text: on("text", raw.text.as_ref())?,
        dim: on("dim", raw.dim.as_ref())?,
        accent: on("accent", raw.accent.as_ref())?.add_modifier(Modifier::BOLD),
        border: on("border", raw.border.as_ref())?,
        good: on("good", raw.good.as_ref())?,
        warn: on("warn", raw.warn.as_ref())?,
        bad: on("bad", raw.bad.as_ref())?,
        selection: Style::default()
            .fg(color("selection_text", raw.selection_text.as_ref())?)
            .bg(color("selection", raw.selection.as_ref())?)
            .add_modifier(Modifier::BOLD),
        heat,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_theme_can_be_used() {
        for (name, _) in BUILT_IN {
            assert_eq!(Theme::load(name, Path::new("/nowhere")).1, [], "{name}");
        }
    }

    #[test]
    fn own_theme_inherits_and_wrong_ones_say_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("mine.toml"), "inherits = \"light\"\naccent = \"#ff0000\"\n").unwrap();
        std::fs::write(folder.path().join("bad.toml"), "accent = \"reddish\"\n").unwrap();
        let (mine, problems) = Theme::load("mine", folder.path());
        assert_eq!(problems, []);
        assert_eq!(mine.accent.fg, Some(Color::Rgb(255, 0, 0)));
        assert_eq!(mine.text, Theme::load("light", folder.path()).0.text);
        let said = |name| Theme::load(name, folder.path()).1[0].message.clone();
        assert_eq!(said("bad"), "`accent` is `reddish`; it must be `#rrggbb`, a colour's name or `reset`");
        assert_eq!(said("drak"), "there is no theme `drak`; did you mean `dark`?");
    }

    #[test]
    fn heat_tells_nothing_from_a_little_and_everything_from_most() {
        let theme = Theme::dark();
        assert_eq!(theme.heat(0.0), theme.heat[0]);
        assert_eq!(theme.heat(0.0001), theme.heat[1]);
        assert_eq!(theme.heat(1.0), theme.heat[5]);
        assert_eq!(theme.heat(0.75), theme.heat[4]);
    }
}
