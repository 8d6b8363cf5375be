//! One frame: tabs above, a pane, the state of loads and the keys below; help over it all.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Gauge, Paragraph, Wrap};

use super::panes;
use super::text;
use super::theme::Theme;
use crate::app::keys::BINDINGS;
use crate::app::reads::cases::{Case, Standing, Verdict};
use crate::app::{App, Load, Pane, Remote, Typing};
use crate::model::Month;
use crate::model::cell::visible;

/// The least size in which anything can be read.
const LEAST: (u16, u16) = (40, 10);

/// The least height in which a line may be spent on the verdict.
const ROOM_FOR_A_VERDICT: u16 = 16;

/// Draws the console.
pub fn frame(frame: &mut Frame<'_>, app: &App, theme: &Theme) {
    let area = frame.area();
    frame.render_widget(Block::default().style(theme.text), area);
    if area.width < LEAST.0 || area.height < LEAST.1 {
        frame.render_widget(Paragraph::new(format!("{}×{} needed", LEAST.0, LEAST.1)).style(theme.warn), area);
        return;
    }
    let problems = u16::from(!app.settings.problems.is_empty());
    let cases = app.rules.ready().and_then(|rules| rules.cases.as_ref()).filter(|_| area.height >= ROOM_FOR_A_VERDICT);
    let [top, warning, stands, body, state, hints] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(problems),
        Constraint::Length(cases.is_some().into()),
        Constraint::Min(1),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(area);
    tabs(frame, top, app, theme);
    if let Some(problem) = app.settings.problems.first() {
        frame.render_widget(Paragraph::new(text::fit(&format!("! {problem}"), warning.width.into())).style(theme.bad), warning);
    }
    if let Some((month, cases)) = cases {
        verdict(frame, stands, theme, *month, cases);
    }
    match app.pane {
        Pane::Refresh => remote(frame, body, app, theme, &app.refresh, panes::refresh::draw),
        Pane::Missing => remote(frame, body, app, theme, &app.missing, panes::missing::draw),
        Pane::Months => remote(frame, body, app, theme, &app.months, panes::months::draw),
        Pane::Browser => remote(frame, body, app, theme, &app.browser, panes::browser::draw),
        Pane::Rules => remote(frame, body, app, theme, &app.rules, panes::rules::draw),
        Pane::Deliveries => remote(frame, body, app, theme, &app.deliveries, panes::deliveries::draw),
        Pane::Rejected => remote(frame, body, app, theme, &app.rejected, panes::rejected::draw),
    }
    if let Some(drill) = &app.drill {
        panes::drill::draw(frame, body, app, theme, drill);
    }
    load_state(frame, state, app, theme);
    key_hints(frame, hints, app, theme);
    if app.help {
        help(frame, area, app, theme);
    }
    without_invisible(frame);
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

fn tabs(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme) {
    // On a narrow terminal the tabs need the room of the name, and those that are not in front that of their titles.
    let titles: usize = Pane::ALL.iter().map(|pane| pane.title().len() + 4).sum();
    let width = usize::from(area.width);
    let name = if titles + 13 <= width { " feederscope " } else { "" };
    let mut spans = vec![Span::styled(name, theme.accent)];
    for (at, pane) in Pane::ALL.into_iter().enumerate() {
        let style = if pane == app.pane { theme.selection } else { theme.dim };
        let tab =
            if titles <= width || pane == app.pane { format!(" {} {} ", at + 1, pane.title()) } else { format!(" {} ", at + 1) };
        spans.push(Span::styled(tab, style));
    }
    let line = Line::from(spans);
    let used = line.width();
    frame.render_widget(Paragraph::new(line), area);
    let about = format!("{} · as of {} ", app.settings.env, app.settings.today);
    let room = usize::from(area.width).saturating_sub(used);
    if about.len() < room {
        frame.render_widget(Paragraph::new(about).style(theme.dim).right_aligned(), area);
    }
}

/// May the newest month go on, and what is the first thing that stops it?
fn verdict(frame: &mut Frame<'_>, area: Rect, theme: &Theme, month: Month, cases: &[Case]) {
    let verdict = Verdict::of(cases);
    let (style, sign) = match verdict {
        Verdict::Ready => (theme.good, "●"),
        Verdict::NotReady => (theme.bad, "■"),
        Verdict::Unknown => (theme.bad, "?"),
    };
    let count = |standing: Standing| cases.iter().filter(|case| case.standing == standing).count();
    let counts = [(Standing::Stops, "stop it"), (Standing::Unknown, "not checked"), (Standing::ToLookAt, "to look at")]
        .into_iter()
        .filter(|(standing, _)| count(*standing) > 0)
        // On a narrow terminal what stops the month needs the room of what does not.
        .filter(|(standing, _)| *standing != Standing::ToLookAt || area.width >= 100 || verdict == Verdict::Ready)
        .map(|(standing, words)| format!(" · {} {words}", count(standing)));
    let said = format!(" {sign} {month} {}{}", verdict.as_str(), counts.collect::<String>());
    let said = text::fit(&said, area.width.into());
    let first = cases.first().filter(|_| verdict != Verdict::Ready);
    let first = first.map_or(String::new(), |case| format!(" · {}: {} → {}", case.utility, case.what, case.next_step));
    let room = usize::from(area.width).saturating_sub(Line::from(said.as_str()).width());
    let line = Line::from(vec![Span::styled(said, style), Span::styled(text::fit(&first, room), theme.text)]);
    frame.render_widget(Paragraph::new(line), area);
}

type Draw<T> = fn(&mut Frame<'_>, Rect, &App, &Theme, &T);

/// A pane whose rows are there, on their way, or could not be read; never a blank.
fn remote<T>(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, rows: &Remote<T>, draw: Draw<T>) {
    match rows {
        Remote::Ready { value, .. } => draw(frame, area, app, theme, value),
        Remote::Loading => message(frame, area, theme.dim, theme, "reading the tables …", ""),
        Remote::Failed { reason } => {
            message(
                frame,
                area,
                theme.bad,
                theme,
                reason,
                "Ctrl-R reads again; `feederscope doctor` looks at folders and tables",
            );
        }
    }
}

/// A pane that has nothing to show says why, and what to do.
pub fn message(frame: &mut Frame<'_>, area: Rect, style: Style, theme: &Theme, what: &str, next: &str) {
    let block = Block::bordered().border_style(theme.border);
    let lines = vec![Line::styled(what.to_owned(), style), Line::default(), Line::styled(next.to_owned(), theme.dim)];
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: true }).block(block), area);
}

/// A frame with a title, the table behind what it shows, and when it was read.
pub fn titled<'a, T>(title: &str, table: &str, rows: &Remote<T>, theme: &Theme) -> Block<'a> {
    let age = match rows {
        Remote::Ready { read_at, .. } => format!(" {table} · read {read_at} UTC "),
        _ => format!(" {table} "),
    };
    Block::bordered()
        .border_style(theme.border)
        .title(Line::styled(format!(" {title} "), theme.accent))
        .title_bottom(Line::styled(age, theme.dim).right_aligned())
}

fn load_state(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme) {
    let width = usize::from(area.width);
    let line = |text: String, style: Style| Paragraph::new(text::fit(&text, width)).style(style);
    match &app.load {
        Load::Idle => frame.render_widget(line(format!(" {}", app.watching), theme.dim), area),
        Load::Running(None) => frame.render_widget(line(" loading: looking for what is new …".into(), theme.accent), area),
        Load::Stopping => frame.render_widget(line(" stopping after the current step …".into(), theme.warn), area),
        Load::Done(what) => frame.render_widget(line(format!(" ● {what} · {}", app.watching), theme.good), area),
        Load::Failed(why) => frame.render_widget(line(format!(" ■ {why}"), theme.bad), area),
        Load::Running(Some(progress)) => {
            let share = progress.rows_done as f64 / progress.rows_expected.max(1) as f64;
            let label = format!(
                "{} {} · {} of {} rows",
                progress.step,
                progress.subject,
                text::count(progress.rows_done),
                text::count(progress.rows_expected)
            );
            let gauge = Gauge::default()
                .ratio(share.clamp(0.0, 1.0))
                .label(text::fit(&label, width))
                .gauge_style(theme.selection)
                .style(theme.text);
            frame.render_widget(gauge, area);
        }
    }
}

fn key_hints(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme) {
    if let Some((what, typed, keys)) = typed(app) {
        let line = Line::from(vec![
            Span::styled(format!(" {what}: "), theme.accent),
            Span::styled(format!("{typed}▏"), theme.text),
            Span::styled(format!("  {keys}"), theme.dim),
        ]);
        frame.render_widget(Paragraph::new(line), area);
        return;
    }
    if let Some(drill) = &app.drill {
        let keys: &[(&str, &str)] = if drill.source.is_some() {
            &[("↑↓", "scroll"), ("Esc", "back to the records"), ("?", "help"), ("q", "quit")]
        } else {
            &[("↑↓", "move"), ("Enter", "the line in its file"), ("Esc", "back"), ("?", "help"), ("q", "quit")]
        };
        let spans = keys.iter().flat_map(|(key, what)| {
            [Span::styled(format!(" {key} "), theme.accent), Span::styled(format!("{what} "), theme.dim)]
        });
        frame.render_widget(Paragraph::new(Line::from(spans.collect::<Vec<_>>())), area);
        return;
    }
    let mut spans = Vec::new();
    let mut used = 0;
    for binding in BINDINGS.iter().filter(|binding| binding.hint && binding.pane.is_none_or(|pane| pane == app.pane)) {
        let hint = format!(" {} ", binding.label);
        let what = format!("{} ", binding.what);
        used += Line::from(format!("{hint}{what}")).width();
        if used > area.width.into() {
            break;
        }
        spans.push(Span::styled(hint, theme.accent));
        spans.push(Span::styled(what, theme.dim));
    }
    frame.render_widget(Paragraph::new(Line::from(spans)), area);
}

/// What is being typed, and the keys that end it.
fn typed(app: &App) -> Option<(&'static str, &str, &'static str)> {
    const SEARCH: &str = "Enter keep · Esc clear · ↑↓ move";
    match app.typing? {
        Typing::Search => Some(("search a feeder", &app.browser.ready()?.search, SEARCH)),
        Typing::MinimumMw => Some(("at least MW", &app.browser.ready()?.minimum, SEARCH)),
        Typing::Reason => Some(("accepted because", &app.rules.ready()?.reason, "Enter sign for 30 days · Esc leave")),
    }
}

fn help(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme) {
    let shown: Vec<_> = BINDINGS.iter().filter(|binding| binding.pane.is_none_or(|pane| pane == app.pane)).collect();
    let line = |binding: &&crate::app::keys::Binding| {
        Line::from(vec![Span::styled(text::left(binding.label, 11), theme.accent), Span::styled(binding.what, theme.text)])
    };
    let rows = usize::from(area.height.saturating_sub(4)).max(1);
    let columns = shown.len().div_ceil(rows).max(1);
    let width = (44 * columns as u16).min(area.width);
    let height = (shown.len().div_ceil(columns) as u16 + 2).min(area.height);
    let popup = Rect { x: (area.width - width) / 2, y: (area.height - height) / 2, width, height };
    frame.render_widget(Clear, popup);
    let block = Block::bordered()
        .border_style(theme.accent)
        .style(theme.text)
        .title(format!(" keys in {} · any key closes ", app.pane.title()));
    let inside = block.inner(popup);
    frame.render_widget(block, popup);
    let parts = Layout::horizontal(vec![Constraint::Fill(1); columns]).split(inside);
    for (part, chunk) in parts.iter().zip(shown.chunks(shown.len().div_ceil(columns))) {
        frame.render_widget(Paragraph::new(chunk.iter().map(line).collect::<Vec<_>>()), *part);
    }
}
