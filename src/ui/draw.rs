//! One frame: the scope and the tabs above, what is in front, the state of loads and the keys below.

use ratatui::Frame;
use ratatui::buffer::Cell;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};
use unicode_width::UnicodeWidthStr;

use super::parts;
use super::text::fit;
use super::theme::Theme;
use crate::app::keys::Verb;
use crate::app::screen::{Room, Screen};
use crate::app::table::grouped;
use crate::app::{App, Load, Target};
use crate::model::Environment;
use crate::model::cell::visible;
use crate::pipeline::Step;

/// What can be pointed at, the uppermost last.
#[derive(Debug, Default)]
pub struct Hits(Vec<(Rect, Target)>);

impl Hits {
    /// What is at a place.
    pub fn at(&self, x: u16, y: u16) -> Option<Target> {
        let found = self.0.iter().find(|(rect, _)| rect.contains((x, y).into()));
        found.map(|(_, target)| *target)
    }
}

/// Draws the console; tells what can be pointed at.
pub fn frame(frame: &mut Frame<'_>, app: &App, theme: &Theme) -> Hits {
    let area = frame.area();
    let mut hits = Hits::default();
    if area.is_empty() {
        return hits;
    }
    let mut blank = Cell::EMPTY;
    blank.set_style(theme.text);
    for cell in &mut frame.buffer_mut().content {
        (cell.fg, cell.bg, cell.modifier) = (blank.fg, blank.bg, blank.modifier);
    }
    // What a low terminal has no room for: the verdict first, then the state of loads, the tabs, the scope, the keys.
    let from = |height: u16| u16::from(area.height >= height);
    let verdict = app.verdict().filter(|_| area.height >= 14);
    let problems = u16::from(!app.world.settings.problems.is_empty() && area.height >= 10);
    let [scope, tabs, warning, stands, body, state, keys] = Layout::vertical([
        Constraint::Length(from(4)),
        Constraint::Length(from(7)),
        Constraint::Length(problems),
        Constraint::Length(verdict.is_some().into()),
        Constraint::Min(1),
        Constraint::Length(from(9)),
        Constraint::Length(from(3)),
    ])
    .areas(area);
    scope_line(frame, scope, app, theme);
    hits.0.extend(tab_line(frame, tabs, app, theme));
    if let (Some(problem), true) = (app.world.settings.problems.first(), problems > 0) {
        let more = app.world.settings.problems.len() - 1;
        let more = if more > 0 { format!(" (and {more} more: `feederscope doctor`)") } else { String::new() };
        // The end of it is what helps: the middle, a long path, is left out.
        let text = format!("! {}: {}{more}", problem.file.file_name().unwrap_or_default().to_string_lossy(), problem.message);
        frame.render_widget(Paragraph::new(fit(&text, warning.width.into())).style(theme.bad), warning);
    }
    if let Some(line) = verdict {
        let mut room = usize::from(stands.width).saturating_sub(1);
        let mut spans = vec![Span::raw(" ")];
        for (tone, text) in line.0 {
            let text = fit(&text, room);
            room -= text.width();
            spans.push(Span::styled(text, theme.tone(tone)));
        }
        frame.render_widget(Paragraph::new(Line::from(spans)), stands);
    }
    let divided = |pair: usize| app.divided.get(&(app.full().id(), pair)).copied();
    let full = parts::draw(frame, body, theme, (&app.full().view(&app.world), app.zoom), &divided);
    let over = boxes(frame, body, app, theme);
    // What lies above hides what lies below.
    let covered: Vec<Rect> = over.iter().map(|(rect, _)| *rect).collect();
    let above = over.into_iter().flat_map(|(_, hits)| hits);
    hits.0.extend(above);
    if covered.is_empty() {
        hits.0.extend(full);
    }
    state_line(frame, state, app, theme);
    hits.0.extend(key_line(frame, keys, app, theme));
    without_invisible(frame);
    hits
}

/// Boxes over what is in front, each with what can be pointed at in it.
fn boxes(frame: &mut Frame<'_>, body: Rect, app: &App, theme: &Theme) -> Vec<(Rect, Vec<(Rect, Target)>)> {
    let mut drawn = Vec::new();
    for screen in &app.stack {
        let Room::Box(width, height) = screen.room() else { continue };
        let (width, height) = (width.min(body.width), height.min(body.height));
        let area = Rect { x: body.x + (body.width - width) / 2, y: body.y + (body.height - height) / 2, width, height };
        frame.render_widget(Clear, area);
        frame.render_widget(Block::default().style(theme.text), area);
        let hits = parts::draw(frame, area, theme, (&screen.view(&app.world), false), &|_| None);
        drawn.push((area, hits));
    }
    drawn
}

/// Nothing of the data acts on the terminal: what a widget lets through is replaced in what is drawn.
fn without_invisible(frame: &mut Frame<'_>) {
    for cell in &mut frame.buffer_mut().content {
        if !cell.symbol().is_ascii() {
            let visible = visible(cell.symbol()).into_owned();
            if visible != cell.symbol() {
                cell.set_symbol(if visible.starts_with('\u{fffd}') { "\u{fffd}" } else { visible.trim_end_matches('\u{fffd}') });
            }
        }
    }
}

/// Environment, month, utility and dataset, at every width; then what they are compared with, and as of when.
fn scope_line(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme) {
    let (world, scope) = (&app.world, &app.world.scope);
    let env = world.settings.env;
    // What others act on does not look like what one plays with.
    let env_style = match env {
        Environment::Dev => theme.accent,
        Environment::Qa => theme.warn.add_modifier(Modifier::REVERSED),
        Environment::Prod => theme.bad.add_modifier(Modifier::REVERSED | Modifier::BOLD),
    };
    let month = world.month().map_or_else(|| "no month".into(), |month| month.to_string());
    let chosen = |is_chosen: bool| if is_chosen { theme.accent } else { theme.text };
    let mut parts: Vec<(u8, String, Style)> = vec![
        (0, format!(" {env} "), env_style),
        (0, format!(" {month} "), chosen(scope.month.is_some())),
        (1, format!("▏{} ", scope.utility.as_deref().unwrap_or("all utilities")), chosen(scope.utility.is_some())),
        (2, format!("▏{} ", scope.dataset.map_or("all datasets", |dataset| dataset.as_str())), chosen(scope.dataset.is_some())),
    ];
    if let Some(against) = world.against() {
        parts.insert(2, (3, format!("▏against {against} "), chosen(scope.against.is_some())));
    }
    let as_of = format!("as of {} ", world.settings.today);
    let read = match world.facts.remote() {
        crate::app::slot::Remote::Ready { read_at, .. } => format!("· read {read_at} UTC "),
        _ => String::new(),
    };
    let width = usize::from(area.width);
    let used = |parts: &[(u8, String, Style)]| parts.iter().map(|(_, text, _)| text.width()).sum::<usize>();
    while used(&parts) > width {
        let Some(at) = (0..parts.len()).max_by_key(|at| parts[*at].0).filter(|at| parts[*at].0 > 0) else { break };
        parts.remove(at);
    }
    let room = width.saturating_sub(used(&parts));
    let about = if as_of.width() + read.width() < room { format!("{as_of}{read}") } else { as_of };
    let spans: Vec<Span<'_>> = parts.into_iter().map(|(_, text, style)| Span::styled(text, style)).collect();
    frame.render_widget(Paragraph::new(Line::from(spans)), area);
    if about.width() < room {
        let right = Rect { x: area.right() - about.width() as u16, width: about.width() as u16, ..area };
        frame.render_widget(Paragraph::new(about).style(theme.dim), right);
    }
}

fn tab_line(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme) -> Vec<(Rect, Target)> {
    // On a narrow terminal the counts go first, then the titles of those that are not in front; a sign stays.
    let tab = |at: usize, (titled, counted): (bool, bool)| {
        let pane = &app.panes[at];
        let title = if titled || at == app.front { format!(" {}", pane.title()) } else { String::new() };
        let badge = pane.badge(&app.world).map(|badge| {
            let count = if counted { badge.count.to_string() } else { String::new() };
            (format!("{}{}{count}", if titled { " " } else { "" }, badge.sign), badge.tone)
        });
        (format!(" {}{title}", at + 1), badge)
    };
    let width = |look: (bool, bool)| -> usize {
        let tabs = (0..app.panes.len()).map(|at| tab(at, look));
        tabs.map(|(text, badge)| text.width() + badge.map_or(0, |(text, _)| text.width()) + 1).sum()
    };
    let looks = [(true, true), (true, false), (false, true), (false, false)];
    let look = looks.into_iter().find(|look| width(*look) <= usize::from(area.width)).unwrap_or((false, false));
    let mut hits = Vec::new();
    let mut x = area.x;
    for at in 0..app.panes.len() {
        let (text, badge) = tab(at, look);
        let front = at == app.front;
        let style = if front { theme.selection } else { theme.dim };
        let begin = x;
        let spans = [(text, style)].into_iter().chain(badge.map(|(text, tone)| {
            let style = theme.tone(tone);
            (text, if front { theme.selected(style) } else { style })
        }));
        for (text, style) in spans.chain([(" ".to_owned(), style)]) {
            let room = usize::from(area.right().saturating_sub(x));
            let (end, _) = frame.buffer_mut().set_stringn(x, area.y, &text, if area.height > 0 { room } else { 0 }, style);
            x = end;
        }
        hits.push((Rect { x: begin, width: x - begin, ..area }, Target::Tab(at)));
    }
    let trail = app.trail();
    let room = usize::from(area.right().saturating_sub(x));
    if trail.len() > 1 && area.height > 0 {
        let text = format!(" › {}", trail[1..].join(" › "));
        frame.buffer_mut().set_stringn(x, area.y, fit(&text, room), room, theme.accent);
    }
    hits
}

/// What there is to say until the next key; else what is going on with loads.
fn state_line(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme) {
    let width = usize::from(area.width);
    let world = &app.world;
    let mut say =
        |text: String, style: Style| frame.render_widget(Paragraph::new(fit(&format!(" {text}"), width)).style(style), area);
    if let Some(notice) = &app.notice {
        let style = match notice.chars().next() {
            Some('■') => theme.bad,
            Some('●') => theme.good,
            _ => theme.accent,
        };
        return say(notice.clone(), style);
    }
    let load = world.keys.label(Verb::Load);
    match &world.load {
        Load::Idle => say(world.watching.clone(), theme.dim),
        Load::Running(None) => say("loading: looking for what is new …".into(), theme.accent),
        Load::Stopping => say("stopping after the current step …".into(), theme.warn),
        Load::Stopped => say(format!("stopped; every table is as after its last commit, {load} goes on from there"), theme.warn),
        Load::Waiting(holder) => {
            let holder = if holder.trim().is_empty() { "another process" } else { holder };
            say(format!("◌ {holder} is writing; the tables are re-read as it goes, and what is new is loaded after"), theme.warn);
        }
        Load::Done(what) => say(format!("● {what} · {}", world.watching), theme.good),
        Load::Failed(why) => say(format!("■ {why}"), theme.bad),
        Load::Running(Some(progress)) => {
            // How many rows there will be is not known before all files are read: the share that is done is.
            let what = format!("{} {}", progress.step, progress.subject);
            let Some(share) = progress.share() else { return say(what, theme.accent) };
            let read = match progress.step {
                Step::Bronze => format!(" · {} rows so far", grouped(&progress.rows_done.to_string())),
                _ => String::new(),
            };
            say(format!("{what} · {:.0} %{read}", (share * 100.0).floor()), theme.accent);
            let bar = (f64::from(area.width) * share) as u16;
            frame.buffer_mut().set_style(Rect { width: bar, ..area }, theme.selection);
        }
    }
}

/// The keys of what is in front; those of help and of the end never go.
fn key_line(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme) -> Vec<(Rect, Target)> {
    if area.height == 0 {
        return Vec::new();
    }
    let top = app.top();
    let mut x = area.x;
    let mut right = area.right();
    if let (Some((field, name)), Room::Line) = (top.field(), top.room()) {
        let (before, after) = field.parts();
        let wrong = app.full().table().and_then(|table| table.filter().1).unwrap_or_default();
        for (text, style) in [
            (format!(" {name}: "), theme.accent),
            (before.to_owned(), theme.text),
            ("▏".into(), theme.accent),
            (format!("{after}  "), theme.text),
            (format!("{wrong}  "), theme.bad),
        ] {
            x = frame.buffer_mut().set_stringn(x, area.y, &text, usize::from(right.saturating_sub(x)), style).0;
        }
    }
    let keys = &app.world.keys;
    let hint = |verb: Verb, what: &str| (format!(" {} ", keys.label(verb)), format!("{what} "), verb);
    let fixed: Vec<_> = match (app.stack.is_empty(), top.field().is_some()) {
        (_, true) => Vec::new(),
        (true, _) if area.width < 60 => vec![hint(Verb::Help, "keys"), hint(Verb::Quit, "quit")],
        (true, _) => vec![hint(Verb::GoTo, "go to"), hint(Verb::Help, "keys"), hint(Verb::Quit, "quit")],
        (false, _) => vec![hint(Verb::Help, "keys"), hint(Verb::Quit, "close")],
    };
    let mut hits = Vec::new();
    let width = |(key, what, _): &(String, String, Verb)| (key.width() + what.width()) as u16;
    let mut draw = |x: &mut u16, (key, what, verb): &(String, String, Verb)| {
        let begin = *x;
        for (text, style) in [(key, theme.accent), (what, theme.dim)] {
            let room = usize::from(area.right().saturating_sub(*x));
            *x = frame.buffer_mut().set_stringn(*x, area.y, text, room, style).0;
        }
        hits.push((Rect { x: begin, width: *x - begin, ..area }, Target::Key(*verb)));
    };
    // From the right: what matters most keeps its place.
    for hint in fixed.iter().rev() {
        if right.saturating_sub(x) >= width(hint) {
            right -= width(hint);
            draw(&mut right.clone(), hint);
        }
    }
    for hint in hints(top, app).iter().map(|(verb, what)| hint(*verb, what)) {
        if right.saturating_sub(x) < width(&hint) {
            break;
        }
        draw(&mut x, &hint);
    }
    hits
}

/// What a screen offers, then what its list can do.
fn hints(screen: &dyn Screen, app: &App) -> Vec<(Verb, &'static str)> {
    let mut hints = app.offers();
    if screen.table().is_some() && screen.field().is_none() && screen.room() == Room::Full {
        let more = [
            (Verb::Filter, "filter"),
            (Verb::Sort, "sort"),
            (Verb::CopyCell, "copy"),
            (Verb::Export, "export"),
            (Verb::Columns, "columns"),
            (Verb::Utility, "utility"),
            (Verb::MonthBefore, "month"),
        ];
        let is_new = |verb: Verb| app.can(verb) && !hints.iter().any(|(other, _)| *other == verb);
        hints.extend(more.into_iter().filter(|(verb, _)| is_new(*verb)).collect::<Vec<_>>());
    }
    hints
}
