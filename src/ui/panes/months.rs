//! Pane 3: rows of each month against the one before, and what changed in the selected one.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::window;
use crate::app::months::{MonthLine, Months, Series};
use crate::app::reads::months::{Compared, Pair};
use crate::app::{App, Remote};
use crate::ui::draw::{message, titled};
use crate::ui::text::{count, left, right, signed, sparkline};
use crate::ui::theme::Theme;

pub fn draw(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, months: &Months) {
    let Some(series) = months.series() else {
        let next = format!("put files into {} and press r", app.settings.landing.display());
        return message(frame, area, theme.warn, theme, "no month was loaded yet, so there is nothing to compare", &next);
    };
    let parts = if area.width >= 110 {
        Layout::horizontal([Constraint::Length(72), Constraint::Min(20)]).areas::<2>(area)
    } else {
        let lines = series.months.len() as u16 + 5;
        Layout::vertical([Constraint::Length(lines.min(area.height / 2 + 1)), Constraint::Min(0)]).areas::<2>(area)
    };
    list(frame, parts[0], app, theme, months, series);
    match &months.pair {
        Some(pair) => compared(frame, parts[1], theme, pair, &months.compared),
        None => fields(frame, parts[1], app, theme, months, series),
    }
}

fn list(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, months: &Months, series: &Series) {
    let title = format!("{} · {} ({} of {})", series.utility, series.dataset, months.shown + 1, months.series.len());
    let block = titled(&title, "platinum/month_diff", &app.months, theme);
    let inside = block.inner(area);
    frame.render_widget(block, area);
    let rows: Vec<u64> = series.months.iter().map(|line| line.rows).collect();
    let newest = &rows[rows.len().saturating_sub(24)..];
    let spark = Line::from(vec![Span::styled(" rows ", theme.dim), Span::styled(sparkline(newest), theme.accent)]);
    let heading = format!(
        " {}{}{}{}{}{}{}",
        left("month", 8),
        right("rows", 10),
        right("±", 9),
        right("added", 10),
        right("changed", 9),
        right("removed", 9),
        right("unchanged", 11)
    );
    let mut lines = vec![spark, Line::styled(heading, theme.dim)];
    let height = usize::from(inside.height).saturating_sub(lines.len());
    for back in window(months.month_back, series.months.len(), height) {
        let line = &series.months[series.months.len() - 1 - back];
        lines.push(month_line(line, theme, back == months.month_back, months.base.as_ref() == Some(&line.month)));
    }
    frame.render_widget(Paragraph::new(lines), inside);
}

fn month_line(line: &MonthLine, theme: &Theme, selected: bool, is_base: bool) -> Line<'static> {
    let style = |style| if selected { theme.selection } else { style };
    let difference = line.previous_rows.map(|before| line.rows.cast_signed() - before.cast_signed());
    let shrunk = line.previous_rows.is_some_and(|before| line.rows * 10 < before * 8);
    let number = |number: u64, width: usize, told| {
        Span::styled(right(&count(number), width), style(if number > 0 { told } else { theme.dim }))
    };
    Line::from(vec![
        Span::styled(if is_base { "▸" } else { " " }, style(theme.accent)),
        Span::styled(format!("{}{}", left(&line.month, 8), right(&count(line.rows), 10)), style(theme.text)),
        Span::styled(
            right(&difference.map_or_else(|| "first".into(), signed), 9),
            style(if shrunk { theme.bad } else { theme.text }),
        ),
        number(line.added, 10, theme.good),
        number(line.changed, 9, theme.warn),
        number(line.removed, 9, theme.bad),
        number(line.unchanged, 11, theme.text),
    ])
}

fn fields(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, months: &Months, series: &Series) {
    let Some(line) = series.months.get(months.month()) else { return };
    let title = format!("Fields changed in {}", line.month);
    let block = titled(&title, "platinum/field_changes", &app.months, theme);
    let inside = block.inner(area);
    frame.render_widget(block, area);
    let cosmetic_only = line.fields.iter().filter(|(_, changed, _)| *changed == 0).count();
    let fields: Vec<&(String, u64, u64)> = line.fields.iter().filter(|(_, changed, _)| months.cosmetic || *changed > 0).collect();
    if fields.is_empty() {
        let what = if line.previous_rows.is_none() {
            " the first month: there is nothing to compare it with".to_owned()
        } else if cosmetic_only > 0 {
            format!(" no value changed, {cosmetic_only} columns their notation only; v shows them")
        } else {
            " no field changed".to_owned()
        };
        frame.render_widget(Paragraph::new(what).style(theme.dim), inside);
        return;
    }
    let name_width = usize::from(inside.width).saturating_sub(22).max(10);
    let mut lines = vec![Line::styled(
        format!("{}{}{}", left(" column", name_width), right("changed", 10), right("cosmetic", 11)),
        theme.dim,
    )];
    for (column, changed, cosmetic) in fields.into_iter().take(usize::from(inside.height).saturating_sub(1)) {
        lines.push(Line::from(vec![
            Span::styled(left(&format!(" {column}"), name_width), theme.text),
            Span::styled(right(&count(*changed), 10), if *changed > 0 { theme.warn } else { theme.dim }),
            Span::styled(right(&count(*cosmetic), 11), theme.dim),
        ]));
    }
    frame.render_widget(Paragraph::new(lines), inside);
}

/// Two months that do not follow one another: how many entities differ, and in which columns.
fn compared(frame: &mut Frame<'_>, area: Rect, theme: &Theme, pair: &Pair, found: &Remote<Compared>) {
    let compared = match found {
        Remote::Loading => {
            let what = format!("comparing {} with {} …", pair.to, pair.from);
            return message(frame, area, theme.dim, theme, &what, "b compares with the month before again");
        }
        Remote::Failed { reason } => return message(frame, area, theme.bad, theme, reason, "Ctrl-R reads the tables again"),
        Remote::Ready { value, .. } => value,
    };
    let table = if matches!(pair.dataset.as_str(), "circuits" | "feeders") { "silver/feeders" } else { "silver/ders" };
    let block = titled(&format!("{} → {}", pair.from, pair.to), table, found, theme);
    let inside = block.inner(area);
    frame.render_widget(block, area);
    if compared.kinds.is_empty() {
        frame.render_widget(Paragraph::new(" nothing differs between the two months").style(theme.dim), inside);
        return;
    }
    let name_width = usize::from(inside.width).saturating_sub(11).max(10);
    let line = |(name, entities): &(String, u64), style| {
        Line::from(vec![
            Span::styled(left(&format!(" {name}"), name_width), theme.text),
            Span::styled(right(&count(*entities), 10), style),
        ])
    };
    let mut lines: Vec<Line<'_>> = compared.kinds.iter().map(|kind| line(kind, theme.warn)).collect();
    lines.push(Line::styled(format!("{}{}", left(" column", name_width), right("changed", 10)), theme.dim));
    lines.extend(compared.fields.iter().map(|field| line(field, theme.warn)));
    lines.truncate(usize::from(inside.height));
    frame.render_widget(Paragraph::new(lines), inside);
}
