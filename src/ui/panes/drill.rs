//! Over a pane: the records behind a metric, and the line of a file that a record came from.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph, Wrap};

use super::window;
use crate::app::drill::{Drill, SourceView};
use crate::app::reads::records::MOST;
use crate::app::reads::trace::Traced;
use crate::app::{App, Remote};
use crate::frame::Frame as Rows;
use crate::ui::draw::{message, titled};
use crate::ui::text::{count, fit, left, right};
use crate::ui::theme::Theme;

pub fn draw(frame: &mut Frame<'_>, area: Rect, _: &App, theme: &Theme, drill: &Drill) {
    frame.render_widget(Clear, area);
    if let Some(source) = &drill.source {
        return match &source.records {
            Remote::Loading => message(frame, area, theme.dim, theme, "looking for the line …", "Esc goes back"),
            Remote::Failed { reason } => message(frame, area, theme.warn, theme, reason, "Esc goes back"),
            Remote::Ready { value, .. } => lines_of(frame, area, theme, source, value),
        };
    }
    match &drill.rows {
        Remote::Loading => {
            message(frame, area, theme.dim, theme, &format!("{}: reading the tables …", drill.title), "Esc goes back");
        }
        Remote::Failed { reason } => message(frame, area, theme.bad, theme, reason, "Esc goes back"),
        Remote::Ready { value, .. } if value.height() == 0 => {
            let what = format!("{}: there is no single row; the metric is about the whole", drill.title);
            message(frame, area, theme.dim, theme, &what, "Esc goes back");
        }
        Remote::Ready { value, .. } => rows(frame, area, theme, drill, value),
    }
}

fn rows(frame: &mut Frame<'_>, area: Rect, theme: &Theme, drill: &Drill, rows: &Rows) {
    let all = rows.height();
    let shown = if all >= MOST { format!("the first {}", count(all as u64)) } else { count(all as u64) };
    let block = titled(&format!("{} · {shown}", drill.title), "Enter: the line in its file · Esc: back", &drill.rows, theme);
    let inside = block.inner(area);
    frame.render_widget(block, area);
    let width = usize::from(inside.width);
    let (key, column, value) = (width * 3 / 10, width * 2 / 10, width * 3 / 10);
    let heading = format!(" {}{}{}{}", left("key", key), left("column", column), left("value", value), "file and line");
    let mut lines = vec![Line::styled(fit(&heading, width), theme.dim)];
    for at in window(drill.at, all, usize::from(inside.height).saturating_sub(1)) {
        let text = |column: &str| rows.text(column, at).unwrap_or_default();
        let line = rows.value("_source_line", at).as_i64();
        let place = match (rows.text("_source_file", at), line) {
            (Some(file), Some(line)) => format!("{line} {file}"),
            (file, _) => file.unwrap_or_else(|| "–".into()),
        };
        let selected = at == drill.at;
        let style = |style| if selected { theme.selection } else { style };
        lines.push(Line::from(vec![
            Span::styled(format!(" {}", left(&text("record_key"), key)), style(theme.text)),
            Span::styled(left(&text("column_name"), column), style(theme.dim)),
            Span::styled(left(&text("value"), value), style(theme.warn)),
            Span::styled(fit(&place, width.saturating_sub(1 + key + column + value)), style(theme.dim)),
        ]));
    }
    frame.render_widget(Paragraph::new(lines), inside);
}

fn lines_of(frame: &mut Frame<'_>, area: Rect, theme: &Theme, source: &SourceView, records: &[Traced]) {
    let block = titled("Source", "Esc: back", &source.records, theme);
    let inside = block.inner(area);
    frame.render_widget(block, area);
    if records.is_empty() {
        frame.render_widget(
            Paragraph::new(" the record is in no table any more: another file took the place of its own").style(theme.warn),
            inside,
        );
        return;
    }
    let width = usize::from(inside.width);
    let name_width = (width * 4 / 10).min(34);
    let mut lines = Vec::new();
    for record in records {
        lines.push(Line::styled(format!(" {} line {} · {}", record.source_file, record.source_line, record.month), theme.accent));
        let hash = record.sha256.as_deref().unwrap_or("unknown: the file was refused");
        lines.push(Line::styled(fit(&format!(" SHA-256 {hash} · run {}", record.run_id), width), theme.dim));
        if let Some(reason) = record.set_aside {
            let why = format!(" rejected before bronze as {reason}: {}", reason.meaning());
            lines.push(Line::styled(why, theme.warn));
            lines.push(Line::styled(format!(" next: {}", reason.next_step()), theme.text));
        }
        lines.extend(raw_line(record, &source.marked, theme));
        for (column, cell) in &record.cells {
            let marked = source.marked.iter().any(|wanted| wanted.eq_ignore_ascii_case(column));
            let (sign, style) = if marked { ("▶", theme.selection) } else { (" ", theme.text) };
            let cell = if cell.is_empty() { "(empty)" } else { cell };
            lines.push(Line::styled(fit(&format!("{sign}{} {cell}", right(column, name_width)), width), style));
        }
        lines.push(Line::default());
    }
    let scroll = source.scroll.min(lines.len().saturating_sub(1)) as u16;
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).scroll((scroll, 0)), inside);
}

/// The raw text with the cell that is to be seen set off, where it can be told apart.
fn raw_line(record: &Traced, marked: &[String], theme: &Theme) -> Vec<Line<'static>> {
    let Some(raw) = &record.raw else {
        return vec![Line::styled(
            " the file is no longer in the landing folder as it was delivered; the cells are those of bronze",
            theme.warn,
        )];
    };
    let cell = record.cells.iter().find(|(column, _)| marked.iter().any(|wanted| wanted.eq_ignore_ascii_case(column)));
    let found = cell
        .filter(|(_, cell)| !cell.is_empty() && raw.matches(cell.as_str()).count() == 1)
        .and_then(|(_, cell)| Some((raw.find(cell.as_str())?, cell.len())));
    match found {
        Some((at, len)) => vec![Line::from(vec![
            Span::styled(format!(" {}", &raw[..at]), theme.dim),
            Span::styled(raw[at..at + len].to_owned(), theme.selection),
            Span::styled(raw[at + len..].to_owned(), theme.dim),
        ])],
        None => vec![Line::styled(format!(" {raw}"), theme.dim)],
    }
}
