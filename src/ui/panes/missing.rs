//! Pane 2: how empty each column is, month by month.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::window;
use crate::app::missing::{Cell, Heatmap, Missing, Order};
use crate::app::{App, Remote};
use crate::model::CellState;
use crate::ui::draw::{message, titled};
use crate::ui::text::{bars, count, fit, left, percent, right, sparkline};
use crate::ui::theme::Theme;

const CELL: usize = 8;

pub fn draw(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, missing: &Missing) {
    let Some(map) = missing.shown() else {
        let next = format!("put files into {} and press r", app.settings.landing.display());
        return message(frame, area, theme.warn, theme, "nothing was delivered yet, so nothing can be missing", &next);
    };
    if missing.across {
        return across(frame, area, app, theme, missing, map);
    }
    let beside = if area.width >= 110 { 38 } else { 0 };
    let [area, side] = Layout::horizontal([Constraint::Min(40), Constraint::Length(beside)]).areas(area);
    if beside > 0 {
        profile(frame, side, theme, missing);
    }
    let title = format!("{} · {} ({} of {})", map.utility, map.dataset, missing.map + 1, missing.maps.len());
    let block = titled(&title, "platinum/column_quality", &app.missing, theme);
    let inside = block.inner(area);
    frame.render_widget(block, area);
    let folded = missing.columns_folded();
    let [head, body, fold, figures] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(u16::from(!folded.is_empty())),
        Constraint::Length(2),
    ])
    .areas(inside);
    if !folded.is_empty() {
        let names: Vec<&str> = folded.iter().map(|column| column.name.as_str()).collect();
        let line = format!(" always missing, {}: {}", folded.len(), names.join(", "));
        frame.render_widget(Paragraph::new(fit(&line, inside.width.into())).style(theme.dim), fold);
    }
    let columns = missing.columns_shown();
    let longest = map.columns.iter().map(|column| column.name.chars().count()).max().unwrap_or(0) + 2;
    let name_width = longest.clamp(16, usize::from(inside.width) / 2);
    let fitting = (usize::from(inside.width).saturating_sub(name_width) / CELL).max(1);
    let months = window(missing.month(), map.months.len(), fitting);
    let heading: String = months.clone().map(|at| right(&map.months[at], CELL)).collect();
    frame.render_widget(
        Paragraph::new(format!("{}{heading}", left(&format!(" {}, %{}", missing.state, by(missing.order)), name_width)))
            .style(theme.dim),
        head,
    );
    let lines: Vec<Line<'_>> = window(missing.column, columns.len(), body.height.into())
        .map(|row| {
            let column = columns[row];
            let selected = row == missing.column;
            let mut spans = vec![Span::styled(
                left(&format!("{}{}", column.drift(missing.month()), column.name), name_width),
                if selected { theme.accent } else { theme.text },
            )];
            for month in months.clone() {
                spans.push(heat_cell(column.cells[month], missing.state, theme, selected && month == missing.month()));
            }
            Line::from(spans)
        })
        .collect();
    frame.render_widget(Paragraph::new(lines), body);
    frame.render_widget(Paragraph::new(figures_of(map, missing, theme)), figures);
}

/// The rate in its colour; an absent column and invalid values have a sign of their own.
fn heat_cell(cell: Option<Cell>, state: CellState, theme: &Theme, selected: bool) -> Span<'static> {
    let Some(cell) = cell else { return Span::styled(right("·", CELL), theme.dim) };
    let sign = if cell.invalid > 0 { "!" } else { " " };
    let shown = if cell.absent { "absent".to_owned() } else { format!("{}{sign}", percent(cell.rate(state))) };
    let style = theme.heat(cell.rate(state));
    let style = if selected { style.add_modifier(Modifier::REVERSED | Modifier::BOLD) } else { style };
    Span::styled(right(&shown, CELL), style)
}

/// Columns of the common model by utilities, in the selected month.
fn across(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, missing: &Missing, map: &Heatmap) {
    let month = map.months.get(missing.month()).cloned().unwrap_or_default();
    let title = format!("{} in {month}, utilities side by side", map.dataset);
    let block = titled(&title, "platinum/column_quality", &app.missing, theme);
    let inside = block.inner(area);
    frame.render_widget(block, area);
    let utilities = &app.settings.utilities;
    let wide = utilities.iter().map(|adapter| adapter.id.as_str().len()).max().unwrap_or(0).max(CELL) + 2;
    let heading: String = utilities.iter().map(|adapter| right(adapter.id.as_str(), wide)).collect();
    let mut lines = vec![Line::styled(format!("{}{heading}", left(&format!(" {}, %", missing.state), 26)), theme.dim)];
    for (model, cells) in missing.across(utilities) {
        let mut spans = vec![Span::styled(left(&format!(" {model}"), 26), theme.text)];
        for cell in cells {
            spans.push(Span::raw(" ".repeat(wide - CELL)));
            spans.push(match cell {
                Some(cell) => heat_cell(Some(cell), missing.state, theme, false),
                None => Span::styled(right("–", CELL), theme.dim),
            });
        }
        lines.push(Line::from(spans));
    }
    lines.extend([
        Line::default(),
        Line::styled(" – the utility does not state it, or sent nothing for the month; u goes back", theme.dim),
    ]);
    frame.render_widget(Paragraph::new(lines), inside);
}

/// What the selected column holds in the selected month.
fn profile(frame: &mut Frame<'_>, area: Rect, theme: &Theme, missing: &Missing) {
    let block = titled("Profile", "bronze", &missing.profile, theme);
    let inside = block.inner(area);
    frame.render_widget(block, area);
    let width = usize::from(inside.width);
    let found = match &missing.profile {
        Remote::Loading => return frame.render_widget(Paragraph::new(" reading the column …").style(theme.dim), inside),
        Remote::Failed { reason } => {
            return frame.render_widget(Paragraph::new(format!(" {reason}")).style(theme.bad).wrap(Wrap { trim: false }), inside);
        }
        Remote::Ready { value, .. } => value,
    };
    let named = |name: &str, value: &str| {
        Line::from(vec![
            Span::styled(left(&format!(" {name}"), 11), theme.dim),
            Span::styled(fit(value, width.saturating_sub(11)), theme.text),
        ])
    };
    let or_nothing = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".into());
    let mut lines = vec![
        named("distinct", &count(found.distinct)),
        named("least", &or_nothing(&found.least)),
        named("greatest", &or_nothing(&found.greatest)),
    ];
    if let Some(column) = missing.selected() {
        // Per mille, so that a little is seen.
        let trend: Vec<u64> =
            column.cells.iter().map(|cell| cell.map_or(0, |cell| (cell.rate(missing.state) * 1000.0) as u64)).collect();
        lines.push(named("trend", &bars(&trend, 1000)));
    }
    if !found.histogram.is_empty() {
        lines.push(named("spread", &sparkline(&found.histogram)));
    }
    lines.extend([Line::default(), Line::styled(" most frequent", theme.dim)]);
    for (value, cells) in &found.frequent {
        let cells = count(*cells);
        lines.push(Line::styled(format!(" {}{}", left(value, width.saturating_sub(12)), right(&cells, 10)), theme.text));
    }
    if found.frequent.is_empty() {
        lines.push(Line::styled(" no value at all", theme.warn));
    }
    frame.render_widget(Paragraph::new(lines), inside);
}

/// What the columns are sorted by, where it is not the rate.
const fn by(order: Order) -> &'static str {
    match order {
        Order::Rate => "",
        Order::Change => " by change",
    }
}

fn figures_of(map: &Heatmap, missing: &Missing, theme: &Theme) -> Vec<Line<'static>> {
    let Some(column) = missing.selected() else { return Vec::new() };
    let month = map.months.get(missing.month()).cloned().unwrap_or_default();
    let place = Line::styled(format!(" {} in {month}", column.name), theme.accent);
    let Some(cell) = column.cells.get(missing.month()).copied().flatten() else {
        return vec![place, Line::styled(" not known in this month", theme.dim)];
    };
    if cell.absent {
        return vec![
            place,
            Line::styled(format!(" absent: the file lacked the column in all of its {} rows", count(cell.rows)), theme.warn),
        ];
    }
    let metric = |what: &str, number: u64, style| Span::styled(format!(" {what} {} ", count(number)), style);
    let warned = |number: u64| if number > 0 { theme.warn } else { theme.dim };
    let line = Line::from(vec![
        metric("rows", cell.rows, theme.text),
        metric("empty", cell.empty, warned(cell.empty)),
        metric("sentinel", cell.sentinel, warned(cell.sentinel)),
        metric("invalid", cell.invalid, if cell.invalid > 0 { theme.bad } else { theme.dim }),
        metric("distinct", cell.distinct, theme.text),
    ]);
    vec![place, line]
}
