//! Pane 4: feeders on one side, the DERs of the selected one on the other.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::window;
use crate::app::browser::{Browser, FEEDER_COLUMNS};
use crate::app::{App, Remote};
use crate::commands::output::shown;
use crate::frame::{Frame as Rows, Value};
use crate::ui::draw::{message, titled};
use crate::ui::text::{count, left, right};
use crate::ui::theme::Theme;

pub fn draw(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, browser: &Browser) {
    if browser.feeders.height() == 0 {
        let next = format!("put files into {} and press r", app.settings.landing.display());
        return message(frame, area, theme.warn, theme, "no feeder was loaded yet", &next);
    }
    let parts = if area.width >= 110 {
        Layout::horizontal([Constraint::Length(67), Constraint::Min(30)]).areas::<2>(area)
    } else {
        Layout::vertical([Constraint::Percentage(50), Constraint::Percentage(50)]).areas::<2>(area)
    };
    feeders(frame, parts[0], app, theme, browser);
    ders(frame, parts[1], theme, browser);
}

/// Widths of [`FEEDER_COLUMNS`].
const WIDTHS: [usize; 8] = [13, 9, 8, 7, 6, 6, 5, 11];

fn feeders(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, browser: &Browser) {
    let mut title = format!("{} of {} feeders", count(browser.shown.len() as u64), count(browser.feeders.height() as u64));
    if !browser.search.is_empty() {
        title = format!("{title} · with `{}`", browser.search);
    }
    if let Some(minimum) = browser.minimum_mw() {
        title = format!("{title} · from {minimum} MW");
    }
    let block = titled(&title, "platinum/feeder_capacity", &app.browser, theme);
    let inside = block.inner(area);
    frame.render_widget(block, area);
    let heading: Vec<Span<'_>> = FEEDER_COLUMNS
        .iter()
        .zip(WIDTHS)
        .enumerate()
        .map(|(at, ((_, title, numeric), width))| {
            let sorted = at == browser.sort;
            let arrow = if browser.descending { "↓" } else { "↑" };
            let title = if sorted { format!("{title}{arrow}") } else { (*title).to_owned() };
            let text = if *numeric { right(&title, width) } else { format!(" {}", left(&title, width - 1)) };
            Span::styled(text, if sorted { theme.accent } else { theme.dim })
        })
        .collect();
    let mut lines = vec![Line::from(heading)];
    if browser.shown.is_empty() {
        lines.push(Line::styled(" no feeder fits; Esc clears the search", theme.warn));
    }
    for place in window(browser.feeder, browser.shown.len(), usize::from(inside.height).saturating_sub(1)) {
        let row = browser.shown[place];
        let selected = place == browser.feeder;
        let style = match (selected, browser.in_ders) {
            (true, false) => theme.selection,
            (true, true) => theme.accent,
            _ => theme.text,
        };
        let cells: String = FEEDER_COLUMNS
            .iter()
            .zip(WIDTHS)
            .map(|((column, _, numeric), width)| {
                let text = shown(&browser.feeders.value(column, row));
                if *numeric { right(&text, width) } else { format!(" {}", left(&text, width - 1)) }
            })
            .collect();
        lines.push(Line::styled(cells, style));
    }
    frame.render_widget(Paragraph::new(lines), inside);
}

fn ders(frame: &mut Frame<'_>, area: Rect, theme: &Theme, browser: &Browser) {
    let Some((utility, feeder)) = browser.selected() else {
        return message(frame, area, theme.dim, theme, "no feeder is selected", "");
    };
    let title = match browser.ders.ready() {
        Some(rows) => format!("{} DERs of {utility} {feeder}", count(rows.height() as u64)),
        None => format!("DERs of {utility} {feeder}"),
    };
    let block = titled(&title, "platinum/der_details", &browser.ders, theme);
    let inside = block.inner(area);
    frame.render_widget(block, area);
    match &browser.ders {
        Remote::Loading => frame.render_widget(Paragraph::new(" reading …").style(theme.dim), inside),
        Remote::Failed { reason } => {
            frame.render_widget(Paragraph::new(reason.as_str()).style(theme.bad).wrap(Wrap { trim: true }), inside);
        }
        Remote::Ready { value, .. } if value.height() == 0 => {
            frame.render_widget(Paragraph::new(" nothing is installed or planned on it").style(theme.dim), inside);
        }
        Remote::Ready { value, .. } => der_list(frame, inside, theme, browser, value),
    }
}

fn der_list(frame: &mut Frame<'_>, inside: Rect, theme: &Theme, browser: &Browser, rows: &Rows) {
    let detail_height = u16::from(inside.height >= 8) * 2;
    let [list, detail] = Layout::vertical([Constraint::Min(1), Constraint::Length(detail_height)]).areas(inside);
    let dated = list.width >= 60;
    let line = |cells: [&str; 5]| {
        let [status, der, kind, kilowatts, date] = cells;
        let line = format!("{}{}{}{}", left(&format!(" {status}"), 12), left(der, 11), left(kind, 16), right(kilowatts, 10));
        if dated { format!("{line}{}", right(date, 12)) } else { line }
    };
    let mut lines = vec![Line::styled(line(["status", "DER", "type", "kW", "in service"]), theme.dim)];
    for row in window(browser.der, rows.height(), usize::from(list.height).saturating_sub(1)) {
        let selected = browser.in_ders && row == browser.der;
        let text = |column: &str| shown(&rows.value(column, row));
        let planned = text("status") == "planned";
        let status = match (planned, rows.value("also_installed", row) == Value::Flag(true)) {
            (true, true) => "plan.+inst.".to_owned(),
            _ => text("status"),
        };
        let cells = line([&status, &text("der_id"), &text("der_type"), &text("nameplate_kw"), &text("planned_in_service_date")]);
        let style = if planned { theme.good } else { theme.text };
        lines.push(Line::styled(cells, if selected { theme.selection } else { style }));
    }
    frame.render_widget(Paragraph::new(lines), list);
    let text = |column: &str| shown(&rows.value(column, browser.der));
    let about = format!(
        " {} {}: refers to {} ({}), technologies {}, queue {}, first seen {}, changed {}",
        text("status"),
        text("der_id"),
        text("feeder_ref"),
        text("feeder_match"),
        text("technologies"),
        text("queue_position_at"),
        text("first_seen_month"),
        text("last_changed_month")
    );
    frame.render_widget(Paragraph::new(about).style(theme.dim).wrap(Wrap { trim: true }), detail);
}
