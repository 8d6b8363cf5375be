//! Pane 6: what came of each utility month by month, and its record over the months.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::window;
use crate::app::reads::calendar::{Arrival, UtilityMonth};
use crate::app::{App, Deliveries};
use crate::ui::draw::{message, titled};
use crate::ui::text::{left, right};
use crate::ui::theme::Theme;

const CELL: usize = 13;

pub fn draw(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, deliveries: &Deliveries) {
    if deliveries.calendar.months.is_empty() {
        let next = format!("put files into {} and press r", app.settings.landing.display());
        return message(frame, area, theme.warn, theme, "nothing was delivered yet", &next);
    }
    let lines = deliveries.calendar.utilities.len() as u16;
    let [calendar_area, rest] =
        Layout::vertical([Constraint::Length((lines + 6).min(area.height / 2 + 2)), Constraint::Min(3)]).areas(area);
    calendar(frame, calendar_area, app, theme, deliveries);
    scorecard(frame, rest, app, theme, deliveries);
}

fn calendar(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, deliveries: &Deliveries) {
    let block = titled("Deliveries", "ops/runs · platinum/data_quality_summary", &app.deliveries, theme);
    let inside = block.inner(area);
    frame.render_widget(block, area);
    let [table, detail] = Layout::vertical([Constraint::Min(1), Constraint::Length(3)]).areas(inside);
    let calendar = &deliveries.calendar;
    let fitting = (usize::from(table.width).saturating_sub(12) / CELL).max(1);
    let months = window(deliveries.month_at(), calendar.months.len(), fitting);
    let heading: String = months.clone().map(|at| left(&calendar.months[at].to_string(), CELL)).collect();
    let mut lines = vec![Line::styled(format!("{}{heading}", left(" utility", 12)), theme.dim)];
    let height = usize::from(table.height).saturating_sub(1);
    for row in window(deliveries.utility, calendar.utilities.len(), height) {
        let (utility, days) = &calendar.utilities[row];
        let mut spans = vec![Span::styled(left(&format!(" {utility}"), 12), theme.text)];
        for at in months.clone() {
            let selected = row == deliveries.utility && at == deliveries.month_at();
            spans.push(day_cell(&days[at], theme, selected));
        }
        lines.push(Line::from(spans));
    }
    frame.render_widget(Paragraph::new(lines), table);
    if let Some((utility, month, day)) = deliveries.selected() {
        frame.render_widget(Paragraph::new(told(utility, &month.to_string(), day, theme)).wrap(Wrap { trim: true }), detail);
    }
}

fn look(delivery: Arrival, theme: &Theme) -> (&'static str, Style) {
    match delivery {
        Arrival::NotDue => (" ", theme.dim),
        Arrival::Expected => ("○", theme.dim),
        Arrival::Loaded => ("●", theme.good),
        Arrival::Partial => ("◐", theme.warn),
        Arrival::Late => ("▲", theme.warn),
        Arrival::Stale | Arrival::Refused => ("■", theme.bad),
    }
}

fn day_cell(day: &UtilityMonth, theme: &Theme, selected: bool) -> Span<'static> {
    let (glyph, style) = look(day.delivery, theme);
    let again = if day.redelivered { "↻" } else { "" };
    let refused = if day.refused.is_empty() || day.delivery == Arrival::Refused { "" } else { "!" };
    let word = match day.delivery {
        Arrival::Partial => format!("{} of {}", day.loaded.len(), day.expected.len()),
        delivery => delivery.as_str().to_owned(),
    };
    let style = if selected { style.add_modifier(Modifier::REVERSED | Modifier::BOLD) } else { style };
    Span::styled(left(&format!("{glyph} {word}{again}{refused}"), CELL), style)
}

fn told(utility: &str, month: &str, day: &UtilityMonth, theme: &Theme) -> Vec<Line<'static>> {
    let missing: Vec<&str> = day.expected.iter().filter(|dataset| !day.loaded.contains(dataset)).map(String::as_str).collect();
    let mut said = vec![format!(
        "{utility} {month}: {}",
        if day.delivery == Arrival::NotDue { "nothing due" } else { day.delivery.as_str() }
    )];
    if !day.loaded.is_empty() {
        said.push(format!("loaded {}", day.loaded.join(", ")));
    }
    if !missing.is_empty() && day.delivery != Arrival::NotDue {
        said.push(format!("not there: {}", missing.join(", ")));
    }
    if day.redelivered {
        said.push("delivered again: the later content took the place of the earlier".into());
    }
    if day.repeated {
        said.push("a file came with the same content as before".into());
    }
    let mut lines = vec![Line::styled(format!(" {}", said.join(" · ")), theme.text)];
    if !day.refused.is_empty() {
        lines.push(Line::styled(format!(" refused: {}; see the run in pane 1", day.refused.join(", ")), theme.bad));
    }
    lines
}

fn scorecard(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, deliveries: &Deliveries) {
    let block = titled("Scorecard", "ops/rule_results · platinum/data_quality_summary", &app.deliveries, theme);
    let inside = block.inner(area);
    frame.render_widget(block, area);
    let heading = format!(
        "{}{}{}{}{}  {}",
        left(" utility", 12),
        right("months", 8),
        right("repeated", 10),
        right("rejected", 11),
        right("days late", 11),
        "errors/warnings by month, the newest last"
    );
    let mut lines = vec![Line::styled(heading, theme.dim)];
    for score in &deliveries.scores {
        let failures: Vec<Span<'_>> = score
            .failures
            .iter()
            .rev()
            .take(12)
            .rev()
            .map(|(_, errors, warnings)| {
                let style = if *errors > 0 {
                    theme.bad
                } else if *warnings > 0 {
                    theme.warn
                } else {
                    theme.good
                };
                Span::styled(format!(" {errors}/{warnings}"), style)
            })
            .collect();
        let aside = score.rejected_share.map_or_else(|| "–".into(), |share| format!("{:.3} %", share * 100.0));
        let late = score.days_late.map_or_else(|| "–".into(), |days| format!("{days:.1}"));
        let figures = format!(
            "{}{}{}{}{}  ",
            left(&format!(" {}", score.utility), 12),
            right(&score.months.to_string(), 8),
            right(&score.repeated.to_string(), 10),
            right(&aside, 11),
            right(&late, 11)
        );
        lines.push(Line::from(std::iter::once(Span::styled(figures, theme.text)).chain(failures).collect::<Vec<_>>()));
    }
    frame.render_widget(Paragraph::new(lines), inside);
}
