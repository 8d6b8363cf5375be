//! Pane 1: how fresh each feed is, and under it the runs with their reasons.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::window;
use crate::app::reads::status::Feed;
use crate::app::refresh::{Half, Refresh, RunLine};
use crate::app::{App, Load};
use crate::model::{Freshness, Severity};
use crate::ui::draw::{message, titled};
use crate::ui::text::{count, fit, left, percent, right};
use crate::ui::theme::Theme;

pub fn draw(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, refresh: &Refresh) {
    if refresh.feeds.is_empty() {
        return message(frame, area, theme.warn, theme, "no adapter: there is no utility to look after", "see docs/adapters.md");
    }
    let feeds_height = (refresh.feeds.len() as u16 + 3).min(area.height.saturating_sub(6).max(4));
    let [above, below] = Layout::vertical([Constraint::Length(feeds_height), Constraint::Min(0)]).areas(area);
    feeds(frame, above, app, theme, refresh);
    runs(frame, below, app, theme, refresh);
}

fn feeds(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, refresh: &Refresh) {
    let block = titled("Feeds", "platinum/data_quality_summary", &app.refresh, theme);
    let inside = block.inner(area);
    frame.render_widget(block, area);
    let wide = inside.width >= 110;
    let mut heading = format!(
        " {}{}{}{}{}{}{}",
        left("utility", 11),
        left("dataset", 12),
        left("month", 8),
        left("state", 10),
        left("utility's date", 15),
        right("age", 5),
        right("rows", 10)
    );
    if wide {
        heading = format!(
            "{heading}{}{}  {}{}",
            right("rejected", 10),
            right("missing", 8),
            left("received UTC", 17),
            left("last run", 13)
        );
    }
    let mut lines = vec![Line::styled(heading, theme.dim)];
    let height = usize::from(inside.height).saturating_sub(1);
    for at in window(refresh.feed, refresh.feeds.len(), height) {
        let selected = refresh.half == Half::Feeds && at == refresh.feed;
        lines.push(feed_line(&refresh.feeds[at], app, theme, selected, wide));
    }
    frame.render_widget(Paragraph::new(lines), inside);
}

fn feed_line(feed: &Feed, app: &App, theme: &Theme, selected: bool, wide: bool) -> Line<'static> {
    let style = |style: Style| if selected { theme.selection } else { style };
    let text = style(theme.text);
    let state = match feed.freshness {
        Freshness::Fresh => theme.good,
        Freshness::Late => theme.warn,
        Freshness::Stale | Freshness::Missing => theme.bad,
    };
    let age = feed.refresh_age(app.settings.today);
    let aged = match age.and_then(|days| app.settings.rules.refresh_age_severity(&feed.utility, feed.dataset, days)) {
        Some(Severity::Error) => theme.bad,
        Some(Severity::Warning | Severity::Info) => theme.warn,
        None => theme.text,
    };
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".into());
    let mut spans = vec![
        Span::styled(
            format!(
                " {}{}{}",
                left(&feed.utility, 11),
                left(feed.dataset.as_str(), 12),
                left(&or_dash(feed.month.map(|m| m.to_string())), 8)
            ),
            text,
        ),
        Span::styled(left(&format!("{} {}", feed.freshness.glyph(), feed.freshness.as_str()), 10), style(state)),
        Span::styled(left(&or_dash(feed.last_refresh.map(|day| day.to_string())), 15), text),
        Span::styled(right(&or_dash(age.map(|days| format!("{days} d"))), 5), style(aged)),
        Span::styled(right(&count(feed.rows), 10), text),
    ];
    if wide {
        let rate = feed.missing_rate.map(|rate| format!("{} %", percent(rate)));
        let run = feed.last_result.clone();
        spans
            .push(Span::styled(right(&count(feed.rejected), 10), style(if feed.rejected > 0 { theme.warn } else { theme.text })));
        spans.push(Span::styled(
            format!(
                "{}  {}{}",
                right(&or_dash(rate), 8),
                left(&or_dash(feed.received_at.map(|at| at.to_string())), 17),
                or_dash(run)
            ),
            text,
        ));
    }
    Line::from(spans)
}

fn runs(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, refresh: &Refresh) {
    let block = titled("Runs", "ops/runs", &app.refresh, theme);
    let inside = block.inner(area);
    frame.render_widget(block, area);
    if refresh.runs.is_empty() {
        let what = format!("nothing was loaded yet; put files into {} or press r", app.settings.landing.display());
        let what = if app.load.is_running() { "the first run works; see the bar below".to_owned() } else { what };
        frame.render_widget(Paragraph::new(what).style(theme.dim).wrap(Wrap { trim: true }), inside);
        return;
    }
    let detail_height = if inside.height >= 8 { 3 } else { 0 };
    let [list, detail] = Layout::vertical([Constraint::Min(1), Constraint::Length(detail_height)]).areas(inside);
    let width = usize::from(list.width);
    let lines: Vec<Line<'_>> = window(refresh.run, refresh.runs.len(), list.height.into())
        .map(|at| run_line(&refresh.runs[at], theme, refresh.half == Half::Runs && at == refresh.run, width))
        .collect();
    frame.render_widget(Paragraph::new(lines), list);
    if let Some(run) = refresh.runs.get(refresh.run) {
        frame.render_widget(Paragraph::new(run_detail(run, app, theme)).wrap(Wrap { trim: true }), detail);
    }
}

fn run_line(run: &RunLine, theme: &Theme, selected: bool, width: usize) -> Line<'static> {
    let state = match run.outcome.as_str() {
        "refused" | "failed" => theme.bad,
        "loaded" | "superseded" if run.rejected > 0 => theme.warn,
        "loaded" | "superseded" => theme.good,
        _ => theme.dim,
    };
    let style = |style: Style| if selected { theme.selection } else { style };
    let glyph = match run.outcome.as_str() {
        "refused" | "failed" => "■",
        "loaded" | "superseded" => "●",
        _ => "·",
    };
    let when = run.started_at.map_or_else(|| "–".into(), |at| at.to_string());
    let said = run.reason.as_deref().unwrap_or_default();
    let rest = format!("{} {}  {}", right(&count(run.rows), 10), left(run.source_file.as_deref().unwrap_or("no file"), 42), said);
    Line::from(vec![
        Span::styled(format!(" {when} "), style(theme.text)),
        Span::styled(left(&format!("{glyph} {}", run.outcome), 13), style(state)),
        Span::styled(fit(&rest, width.saturating_sub(31)), style(theme.text)),
    ])
}

fn run_detail(run: &RunLine, app: &App, theme: &Theme) -> Vec<Line<'static>> {
    if let Load::Failed(why) = &app.load
        && run.outcome == "failed"
    {
        return vec![Line::styled(why.clone(), theme.bad)];
    }
    let place = run.line.map_or(String::new(), |line| format!(" line {line}"));
    let what = match (&run.reason, &run.detail) {
        (Some(reason), Some(detail)) => format!("{reason}{place}: {detail}"),
        (Some(reason), None) => format!("{reason}{place}; {} records rejected", count(run.rejected)),
        (None, Some(detail)) => detail.clone(),
        (None, None) => format!("run {}", run.run_id),
    };
    let mut lines = vec![Line::styled(format!("─ {what}"), theme.text)];
    lines.extend(run.next_step.as_ref().map(|next| Line::styled(format!("  next: {next}"), theme.accent)));
    lines
}
