//! The one list widget: columns that fit, rows that are seen, the selection, a scroll bar.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use unicode_width::UnicodeWidthStr;

use super::text::{left, right};
use super::theme::Theme;
use crate::app::Target;
use crate::app::table::Table;
use crate::app::view::TablePart;

/// A column that has room: its place among the declared ones and among those that may be shown, and its width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fitted {
    place: usize,
    shown: usize,
    width: u16,
}

/// The cells that are seen, made to texts once a frame: by column that may be shown, then by line.
type Texts = Vec<Vec<String>>;

fn texts(table: &Table, rows: &std::ops::Range<usize>) -> Texts {
    table.places().into_iter().map(|place| table.texts(place, rows.clone())).collect()
}

/// What a column is cut down to on a terminal that has no room for what always stays.
const SQUEEZED: u16 = 8;

/// The sign before the selected row, or a blank.
const MARKER: u16 = 1;

/// The columns that fit: long ones are cut down to what they need at least, then those that matter least go; the one under the cursor
/// stays.
fn fit_columns(table: &Table, width: u16, texts: &Texts) -> Vec<Fitted> {
    let places = table.places();
    let seen = |shown: usize| texts[shown].iter().map(|text| text.width() as u16).max().unwrap_or(0);
    let needs: Vec<u16> = places.iter().enumerate().map(|(shown, place)| table.width(*place).max(seen(shown))).collect();
    let cursor = table.cursor_at();
    let mut kept: Vec<usize> = (0..places.len()).collect();
    let least = |shown: usize| {
        let column = table.column(places[shown]);
        needs[shown].min(column.least)
    };
    let needed = |kept: &[usize], width: &dyn Fn(usize) -> u16| {
        kept.iter().map(|shown| u32::from(width(*shown)) + 1).sum::<u32>().saturating_sub(1) + u32::from(MARKER)
    };
    let drop_one = |kept: &mut Vec<usize>, may_go: &dyn Fn(usize) -> bool| {
        let goes = |shown: &usize| (table.column(places[*shown]).priority, *shown);
        let found = (0..kept.len()).filter(|at| kept[*at] != cursor && may_go(kept[*at])).max_by_key(|at| goes(&kept[*at]));
        found.map(|at| kept.remove(at)).is_some()
    };
    let can_go = |shown: usize| table.column(places[shown]).priority > 0;
    while needed(&kept, &least) > u32::from(width) && drop_one(&mut kept, &can_go) {}
    // Where even what always stays has no room, it is cut further, and then goes, too.
    let squeezed = |shown: usize| least(shown).min(SQUEEZED);
    let least: &dyn Fn(usize) -> u16 = if needed(&kept, &least) > u32::from(width) { &squeezed } else { &least };
    while kept.len() > 1 && needed(&kept, least) > u32::from(width) && drop_one(&mut kept, &|_| true) {}
    let natural = |shown: usize| needs[shown];
    let mut widths: Vec<u16> = kept.iter().map(|shown| natural(*shown)).collect();
    let mut over = needed(&kept, &natural).saturating_sub(u32::from(width));
    while over > 0 {
        // The widest of those that may be cut gives way.
        let widest = (0..kept.len()).filter(|at| widths[*at] > least(kept[*at])).max_by_key(|at| widths[*at]);
        let Some(at) = widest else { break };
        widths[at] -= 1;
        over -= 1;
    }
    if let (1, Some(only)) = (kept.len(), widths.first_mut()) {
        *only = (*only).min(width.saturating_sub(MARKER)).max(1);
    }
    kept.iter().zip(widths).map(|(shown, width)| Fitted { place: places[*shown], shown: *shown, width }).collect()
}

/// The rows that are seen: the window moves only as far as it must.
fn window(table: &Table, height: usize) -> std::ops::Range<usize> {
    let (at, len) = (table.at(), table.length());
    let top = table.top.get().min(len.saturating_sub(height)).min(at).max((at + 1).saturating_sub(height));
    table.top.set(top);
    table.page.set(height);
    top..len.min(top + height)
}

/// Draws heading and rows; tells what can be pointed at.
pub fn draw(buffer: &mut Buffer, area: Rect, theme: &Theme, part: &TablePart<'_>, index: usize) -> Vec<(Rect, Target)> {
    let table = part.table;
    let mut hits = Vec::new();
    let has_heading = area.height > 2 && table.columns().iter().any(|column| !column.title.is_empty());
    let heading_lines = u16::from(has_heading);
    let rows = window(table, usize::from(area.height - heading_lines));
    let texts = texts(table, &rows);
    let columns = fit_columns(table, area.width, &texts);
    table.dropped.set(table.places().len() - columns.len());
    if has_heading {
        let mut x = area.x + MARKER;
        for column in &columns {
            let (text, style) = heading(table, *column, theme, part.focused);
            put(buffer, (x, area.y), &text, style, area);
            hits.push((Rect::new(x, area.y, column.width, 1), Target::Head { part: index, column: column.shown }));
            x = x.saturating_add(column.width + 1);
        }
    }
    for (line, at) in rows.enumerate() {
        let y = area.y + heading_lines + line as u16;
        let cell = |column: &Fitted| texts[column.shown][line].as_str();
        draw_row(buffer, Rect::new(area.x, y, area.width, 1), theme, (part, &columns, &cell), at);
        let mut x = area.x + MARKER;
        for column in &columns {
            let rect = Rect::new(x, y, column.width + 1, 1);
            hits.push((rect, Target::Row { part: index, row: at, column: Some(column.shown) }));
            x = x.saturating_add(column.width + 1);
        }
        hits.push((Rect::new(area.x, y, area.width, 1), Target::Row { part: index, row: at, column: None }));
    }
    hits
}

fn heading(table: &Table, column: Fitted, theme: &Theme, focused: bool) -> (String, Style) {
    let declared = table.column(column.place);
    let text = format!("{}{}", declared.title, table.sorted(&declared.field));
    let width = usize::from(column.width);
    let text = if declared.is_right() { right(&text, width) } else { left(&text, width) };
    let is_cursor = focused && column.shown == table.cursor_at();
    let style = if is_cursor { theme.accent.add_modifier(Modifier::UNDERLINED) } else { theme.dim };
    (text, style)
}

type Row<'a> = (&'a TablePart<'a>, &'a [Fitted], &'a dyn Fn(&Fitted) -> &'a str);

fn draw_row(buffer: &mut Buffer, area: Rect, theme: &Theme, (part, columns, cell): Row<'_>, at: usize) {
    let table = part.table;
    let row = table.row_at(at);
    let selected = at == table.at();
    let base = if selected && part.focused { theme.selection } else { theme.text };
    if selected {
        buffer.set_style(area, base);
        let style = if part.focused { base } else { theme.accent };
        put(buffer, (area.x, area.y), "▶", style, area);
    }
    let mut x = area.x + MARKER;
    for column in columns {
        let declared = table.column(column.place);
        let width = usize::from(column.width);
        let text = if declared.is_right() { right(cell(column), width) } else { left(cell(column), width) };
        let tone = row.map_or(theme.dim, |row| theme.tone(table.tone(column.place, row)));
        let style = if selected && part.focused { theme.selected(tone) } else { tone };
        let is_cursor = selected && part.focused && column.shown == table.cursor_at();
        let style = if is_cursor { style.add_modifier(Modifier::UNDERLINED | Modifier::BOLD) } else { style };
        // The gap has the style of its column: a change of style is more bytes than the cell.
        let text = if is_cursor { text } else { format!("{text} ") };
        put(buffer, (x, area.y), &text, style, area);
        x = x.saturating_add(column.width + 1);
    }
}

/// A text from a place on, as far as the area goes.
fn put(buffer: &mut Buffer, (x, y): (u16, u16), text: &str, style: Style, area: Rect) {
    let room = area.right().saturating_sub(x);
    if room == 0 || y >= area.bottom() {
        return;
    }
    if text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        // Most cells: each byte is a cell, and nothing need be taken apart.
        for (x, byte) in (x..area.right()).zip(text.bytes()) {
            buffer[(x, y)].set_char(byte.into()).set_style(style);
        }
    } else {
        buffer.set_stringn(x, y, text, usize::from(room), style);
    }
}

/// A bar on the right edge that shows which part of the rows is seen.
pub fn scroll_bar(buffer: &mut Buffer, edge: Rect, (top, page, len): (usize, usize, usize), theme: &Theme) {
    let height = usize::from(edge.height);
    if len <= page || height == 0 {
        return;
    }
    let size = (page * height / len).clamp(1, height);
    let most = len - page;
    let from = (top.min(most) * (height - size) + most / 2) / most.max(1);
    for line in from..(from + size).min(height) {
        buffer.set_string(edge.x, edge.y + line as u16, "┃", theme.accent);
    }
}
