//! Pane 7: rejected records and refused files, with the raw text of the selected one.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::window;
use crate::app::{App, Rejected};
use crate::model::ReasonCode;
use crate::ui::draw::{message, titled};
use crate::ui::text::{count, fit, left, right};
use crate::ui::theme::Theme;

pub fn draw(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, rejected: &Rejected) {
    if rejected.rows.height() == 0 {
        return message(
            frame,
            area,
            theme.good,
            theme,
            "nothing was rejected",
            "records that cannot be taken would be listed here, with file and line",
        );
    }
    let [list, detail] = Layout::vertical([Constraint::Min(4), Constraint::Length(8)]).areas(area);
    let title = format!("{} rejected", count(rejected.rows.height() as u64));
    let block = titled(&title, "silver/rejected", &app.rejected, theme);
    let inside = block.inner(list);
    frame.render_widget(block, list);
    let width = usize::from(inside.width);
    let heading = format!(" {}{}{}  {}", left("month", 8), left("reason", 18), right("line", 9), "file");
    let mut lines = vec![Line::styled(heading, theme.dim)];
    let height = usize::from(inside.height).saturating_sub(1);
    for at in window(rejected.at, rejected.rows.height(), height) {
        let text = |column: &str| rejected.rows.text(column, at).unwrap_or_default();
        let line = rejected.rows.value("source_line", at).as_i64().map_or_else(|| "file".into(), |line| line.to_string());
        let shown = format!(
            " {}{}{}  {}",
            left(&text("delivery_month"), 8),
            left(&text("reason"), 18),
            right(&line, 9),
            text("source_file")
        );
        let style = if at == rejected.at { theme.selection } else { theme.text };
        lines.push(Line::from(Span::styled(fit(&shown, width), style)));
    }
    frame.render_widget(Paragraph::new(lines), inside);
    let block = titled("Record", "raw text", &app.rejected, theme).title_bottom("");
    let inside = block.inner(detail);
    frame.render_widget(block, detail);
    let text = |column: &str| rejected.rows.text(column, rejected.at).unwrap_or_default();
    let reason = ReasonCode::ALL.iter().find(|code| code.as_str() == text("reason"));
    let mut said = vec![Line::styled(
        format!("{}: {} {}", text("reason"), reason.map_or("", |code| code.meaning()), text("value")),
        theme.text,
    )];
    said.extend(reason.map(|code| Line::styled(format!("next: {}", code.next_step()), theme.accent)));
    said.push(Line::styled(text("raw_record"), theme.dim));
    frame.render_widget(Paragraph::new(said).wrap(Wrap { trim: false }), inside);
}
