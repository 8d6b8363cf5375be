//! Colours by their meaning, from `themes/*.toml` or the user's own folder.

use std::path::Path;

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

use crate::app::view::Tone;
use crate::config::adapter::toml_files;
use crate::config::file::{Problem, did_you_mean, line_of};

const BUILT_IN: [(&str, &str); 5] = [
    ("dark", include_str!("../../themes/dark.toml")),
    ("light", include_str!("../../themes/light.toml")),
    ("high-contrast", include_str!("../../themes/high-contrast.toml")),
    ("colour-blind", include_str!("../../themes/colour-blind.toml")),
    ("mono", include_str!("../../themes/mono.toml")),
];

/// How many colours a terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// None: marks, words and reversed cells have to do.
    None,
    /// The sixteen that every terminal has.
    Sixteen,
    /// The 256 of most terminals.
    Many,
    /// All.
    All,
}

impl Depth {
    /// Of a terminal by what it says of itself; `plain`: whether somebody wants no colours (`--color never`, `NO_COLOR`).
    pub fn of(term: Option<&str>, color_term: Option<&str>, plain: bool) -> Self {
        let term = term.unwrap_or_default();
        match color_term {
            _ if plain => Self::None,
            Some("truecolor" | "24bit") => Self::All,
            _ if term.contains("direct") || term.contains("kitty") || term.contains("alacritty") => Self::All,
            _ if term.contains("256color") => Self::Many,
            _ if term.contains("mono") || term.starts_with("vt1") || term.starts_with("vt2") => Self::None,
            _ => Self::Sixteen,
        }
    }
}

/// Dark or light, by what the terminal says of its background; dark where it says nothing within a moment. Nothing depends on an answer.
pub fn automatic() -> String {
    use terminal_colorsaurus::{QueryOptions, ThemeMode, theme_mode};
    let mut options = QueryOptions::default();
    options.timeout = std::time::Duration::from_millis(150);
    match theme_mode(options) {
        Ok(ThemeMode::Light) => "light".into(),
        Ok(ThemeMode::Dark) | Err(_) => "dark".into(),
    }
}

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

    /// No colour at all: what is selected is reversed, what matters bold, what is wrong bold and underlined.
    pub fn plain() -> Self {
        let plain = Style::default();
        let bold = plain.add_modifier(Modifier::BOLD);
        Self {
            text: plain,
            dim: plain.add_modifier(Modifier::DIM),
            accent: bold,
            border: plain,
            good: plain,
            warn: bold,
            bad: plain.add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
            selection: plain.add_modifier(Modifier::REVERSED),
            heat: vec![plain.add_modifier(Modifier::DIM), plain, plain, bold, bold, plain.add_modifier(Modifier::REVERSED)],
        }
    }

    /// The same in the colours that a terminal has.
    #[must_use]
    pub fn at(self, depth: Depth) -> Self {
        let of = |style: Style| Style {
            fg: style.fg.map(|color| nearest(color, depth)),
            bg: style.bg.map(|color| nearest(color, depth)),
            ..style
        };
        match depth {
            Depth::None => Self::plain(),
            Depth::All => self,
            Depth::Many | Depth::Sixteen => Self {
                text: of(self.text),
                dim: of(self.dim),
                accent: of(self.accent),
                border: of(self.border),
                good: of(self.good),
                warn: of(self.warn),
                bad: of(self.bad),
                // Among sixteen colours a background of one's own may be that of the terminal: reversed is always seen.
                selection: if depth == Depth::Sixteen {
                    Style::default().add_modifier(Modifier::REVERSED)
                } else {
                    of(self.selection)
                },
                heat: self.heat.into_iter().map(of).collect(),
            },
        }
    }

    /// The style of what a text means.
    pub fn tone(&self, tone: Tone) -> Style {
        match tone {
            Tone::Text => self.text,
            Tone::Dim => self.dim,
            Tone::Accent => self.accent,
            Tone::Good => self.good,
            Tone::Warn => self.warn,
            Tone::Bad => self.bad,
            Tone::Marked => self.selection,
            Tone::Heat(share) => self.heat(share),
        }
    }

    /// A style in the selected row: its weight, in the colours of the selection.
    pub fn selected(&self, style: Style) -> Style {
        Style { add_modifier: self.selection.add_modifier | (style.add_modifier & Modifier::BOLD), ..self.selection }
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

/// The nearest colour that a terminal has.
fn nearest(color: Color, depth: Depth) -> Color {
    let Color::Rgb(red, green, blue) = color else { return color };
    match depth {
        Depth::All => color,
        Depth::None => Color::Reset,
        Depth::Many => Color::Indexed(of_256([red, green, blue])),
        Depth::Sixteen => of_16([red, green, blue]),
    }
}

fn distance(a: [u8; 3], b: [u8; 3]) -> u32 {
    a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
}

/// The colour of the cube of 6 × 6 × 6, or of the 24 greys, that is nearest (xterm's table).
fn of_256(wanted: [u8; 3]) -> u8 {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let step = |value: u8| (0..6_u8).min_by_key(|at| STEPS[usize::from(*at)].abs_diff(value)).unwrap_or(0);
    let cube = wanted.map(step);
    let of_cube = cube.map(|at| STEPS[usize::from(at)]);
    let mean = wanted.iter().map(|value| u16::from(*value)).sum::<u16>() / 3;
    let grey = (mean.saturating_sub(3) / 10).min(23) as u8;
    let of_grey = [8 + 10 * grey; 3];
    if distance(wanted, of_grey) < distance(wanted, of_cube) { 232 + grey } else { 16 + 36 * cube[0] + 6 * cube[1] + cube[2] }
}

/// The one of the sixteen that is nearest, by their usual values.
fn of_16(wanted: [u8; 3]) -> Color {
    const COLORS: [(Color, [u8; 3]); 16] = [
        (Color::Black, [0, 0, 0]),
        (Color::Red, [170, 0, 0]),
        (Color::Green, [0, 170, 0]),
        (Color::Yellow, [170, 85, 0]),
        (Color::Blue, [0, 0, 170]),
        (Color::Magenta, [170, 0, 170]),
        (Color::Cyan, [0, 170, 170]),
        (Color::Gray, [170, 170, 170]),
        (Color::DarkGray, [85, 85, 85]),
        (Color::LightRed, [255, 85, 85]),
        (Color::LightGreen, [85, 255, 85]),
        (Color::LightYellow, [255, 255, 85]),
        (Color::LightBlue, [85, 85, 255]),
        (Color::LightMagenta, [255, 85, 255]),
        (Color::LightCyan, [85, 255, 255]),
        (Color::White, [255, 255, 255]),
    ];
    COLORS.iter().min_by_key(|(_, color)| distance(wanted, *color)).map_or(Color::Reset, |(color, _)| *color)
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
    fn colours_are_those_that_the_terminal_has() {
        assert_eq!(Depth::of(Some("xterm-256color"), None, false), Depth::Many);
        assert_eq!(Depth::of(Some("xterm-256color"), Some("truecolor"), false), Depth::All);
        assert_eq!(Depth::of(Some("xterm"), None, false), Depth::Sixteen);
        assert_eq!(Depth::of(Some("xterm-256color"), Some("truecolor"), true), Depth::None);
        // xterm's table: 16 is black, 231 white, 196 red, 244 a grey of 128.
        assert_eq!([[0, 0, 0], [255, 255, 255], [255, 0, 0], [128, 128, 128]].map(of_256), [16, 231, 196, 244]);
        assert_eq!([[255, 90, 80], [10, 10, 10]].map(of_16), [Color::LightRed, Color::Black]);
        for depth in [Depth::None, Depth::Sixteen, Depth::Many] {
            let theme = Theme::dark().at(depth);
            let styles = [theme.text, theme.bad, theme.selection, theme.heat[3]];
            assert!(
                styles.iter().all(|style| !matches!((style.fg, style.bg), (Some(Color::Rgb(..)), _) | (_, Some(Color::Rgb(..)))))
            );
        }
        let plain = Theme::dark().at(Depth::None);
        assert!(plain.selection.add_modifier.contains(Modifier::REVERSED) && plain.bad != plain.text);
        assert!(Theme::dark().at(Depth::Sixteen).selection.add_modifier.contains(Modifier::REVERSED));
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
