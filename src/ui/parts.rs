//! The parts that views are made of: lists, texts, and how they share the room.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use super::table;
use super::text::{fit, wrap};
use super::theme::Theme;
use crate::app::table::grouped;
use crate::app::view::{Line, Lines, Read, Sharing, TablePart, TextPart, Tone, View};
use crate::app::{Divider, Target};
use crate::model::Timestamp;

/// Parts lower or narrower than this have no frame around them.
const FRAMED: (u16, u16) = (24, 5);

/// Draws a view; tells what can be pointed at.
///
/// `divided` says of a pair of parts which share, in percent, the second one was given.
pub fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    theme: &Theme,
    (view, zoom): (&View<'_>, bool),
    divided: &dyn Fn(usize) -> Option<u16>,
) -> Vec<(Rect, Target)> {
    let mut parts = Parts { buffer: frame.buffer_mut(), theme, lists: 0, pairs: 0, divided, hits: Vec::new() };
    match (zoom, focused(view)) {
        (true, Some((part, index))) => {
            parts.lists = index;
            parts.list(area, part);
        }
        _ => parts.view(area, view),
    }
    parts.hits
}

/// The list that the keys move in, and its place among the lists.
fn focused<'v, 'a>(view: &'v View<'a>) -> Option<(&'v TablePart<'a>, usize)> {
    fn lists<'v, 'a>(view: &'v View<'a>, found: &mut Vec<&'v TablePart<'a>>) {
        match view {
            View::Table(part) => found.push(part),
            View::Text(_) => {}
            View::Pair(_, first, second) => {
                lists(first, found);
                lists(second, found);
            }
        }
    }
    let mut found = Vec::new();
    lists(view, &mut found);
    found.into_iter().enumerate().find(|(_, part)| part.focused).map(|(at, part)| (part, at))
}

struct Parts<'b> {
    buffer: &'b mut Buffer,
    theme: &'b Theme,
    lists: usize,
    pairs: usize,
    divided: &'b dyn Fn(usize) -> Option<u16>,
    hits: Vec<(Rect, Target)>,
}

impl Parts<'_> {
    fn view(&mut self, area: Rect, view: &View<'_>) {
        match view {
            View::Table(part) => self.list(area, part),
            View::Text(part) => self.text(area, part),
            View::Pair(sharing, first, second) => {
                let pair = self.pairs;
                self.pairs += 1;
                let (one, other) = share(area, *sharing, (self.divided)(pair));
                self.view(one, first);
                if let Some(other) = other {
                    self.view(other, second);
                    self.hits.push(divider(area, other, pair));
                }
            }
        }
    }

    /// A frame with a title above; below, what is on the left, and the table with its age on the right. The room inside.
    fn frame(&mut self, area: Rect, title: &str, below: (&str, &str), is_focused: bool) -> Rect {
        let theme = self.theme;
        if area.width < FRAMED.0 || area.height < FRAMED.1 {
            if area.height > 1 {
                let line = fit(title, area.width.into());
                self.buffer.set_stringn(area.x, area.y, line, area.width.into(), theme.accent);
                return Rect { y: area.y + 1, height: area.height - 1, ..area };
            }
            return area;
        }
        let room = usize::from(area.width) - 4;
        let border = if is_focused { theme.accent } else { theme.border };
        let border = border.remove_modifier(ratatui::style::Modifier::BOLD);
        borders(self.buffer, area, border);
        if !title.is_empty() {
            let title = format!(" {} ", fit(title, room.saturating_sub(2)));
            self.buffer.set_string(area.x + 1, area.y, title, theme.accent);
        }
        let (left, right) = below;
        let left_room = left.width() + 2;
        let right =
            if right.width() + 2 + left_room <= room { right.to_owned() } else { fit(right, room.saturating_sub(left_room + 2)) };
        let line = area.bottom() - 1;
        if !left.is_empty() {
            self.buffer.set_string(area.x + 1, line, format!(" {} ", fit(left, room)), theme.dim);
        }
        if right.width() > 4 {
            let right = format!(" {right} ");
            self.buffer.set_string(area.right() - 1 - right.width() as u16, line, right, theme.dim);
        }
        Rect { x: area.x + 1, y: area.y + 1, width: area.width - 2, height: area.height - 2 }
    }

    fn list(&mut self, area: Rect, part: &TablePart<'_>) {
        let index = self.lists;
        self.lists += 1;
        if area.is_empty() {
            return;
        }
        let table = part.table;
        let (filter, wrong) = table.filter();
        let (shown, all) = (table.length(), table.height());
        let count = |number: usize| grouped(&number.to_string());
        let mut title = part.title.clone();
        if !filter.is_empty() {
            title = format!("{title} · /{filter}");
        }
        if let Some(wrong) = wrong {
            title = format!("{title} is not a filter: {wrong}");
        }
        let position = match (shown, shown == all) {
            (0, _) => String::new(),
            _ if table.is_stale() => String::new(),
            (_, true) => format!("{} of {}", count(table.at() + 1), count(all)),
            (_, false) => format!("{} of {}, of {}", count(table.at() + 1), count(shown), count(all)),
        };
        let inside = self.frame(area, &title, (&position, &aged(part.from, part.read)), part.focused);
        if inside.is_empty() {
            return;
        }
        if let Some(lines) = in_place_of_rows(part, wrong, shown, all) {
            let wrapped: Vec<Line> = lines.iter().flat_map(|line| wrap(line, inside.width.into())).collect();
            return self.lines(inside, &wrapped, 0);
        }
        let hits = table::draw(self.buffer, inside, self.theme, part, index);
        self.hits.extend(hits);
        if inside.x > area.x {
            let edge = Rect { x: area.right() - 1, width: 1, ..inside };
            table::scroll_bar(self.buffer, edge, (table.top.get(), table.page.get(), shown), self.theme);
            let dropped = table.dropped.get();
            if dropped > 0 {
                let note = format!(" +{dropped} columns ");
                let taken = part.title.width() + filter.width() + 8;
                if taken + note.width() < usize::from(area.width) {
                    let x = area.right() - 2 - note.width() as u16;
                    self.buffer.set_string(x, area.y, note, self.theme.dim);
                }
            }
        }
    }

    fn text(&mut self, area: Rect, part: &TextPart<'_>) {
        if area.is_empty() {
            return;
        }
        let from = if part.from.is_empty() { String::new() } else { aged(part.from, part.read) };
        let inside = self.frame(area, &part.title, ("", &from), false);
        let lines = match part.read {
            Read::Loading if part.lines.is_empty() => vec![Line::of(Tone::Dim, "reading the tables …")],
            Read::Failed(reason) => vec![Line::of(Tone::Bad, reason)],
            _ => part.lines.clone(),
        };
        let wrapped: Vec<Line> = lines.iter().flat_map(|line| wrap(line, inside.width.into())).collect();
        let most = wrapped.len().saturating_sub(inside.height.into());
        // The last line stays in sight, however far somebody scrolls.
        part.scroll.set(part.scroll.get().min(most));
        self.lines(inside, &wrapped, part.scroll.get());
        if inside.x > area.x {
            let edge = Rect { x: area.right() - 1, width: 1, ..inside };
            table::scroll_bar(self.buffer, edge, (part.scroll.get(), inside.height.into(), wrapped.len()), self.theme);
        }
    }

    fn lines(&mut self, area: Rect, lines: &[Line], scroll: usize) {
        for (y, line) in (area.y..area.bottom()).zip(lines.iter().skip(scroll)) {
            let mut x = area.x;
            for (tone, text) in &line.0 {
                let room = usize::from(area.right().saturating_sub(x));
                let (end, _) = self.buffer.set_stringn(x, y, text, room, self.theme.tone(*tone));
                x = end;
            }
        }
    }
}

/// A frame; what is inside is left as it is.
fn borders(buffer: &mut Buffer, area: Rect, style: Style) {
    let (right, bottom) = (area.right() - 1, area.bottom() - 1);
    let mut put = |x: u16, y: u16, symbol: &str| {
        buffer[(x, y)].set_symbol(symbol).set_style(style);
    };
    for x in area.x + 1..right {
        put(x, area.y, "─");
        put(x, bottom, "─");
    }
    for y in area.y + 1..bottom {
        put(area.x, y, "│");
        put(right, y, "│");
    }
    for (x, y, symbol) in [(area.x, area.y, "┌"), (right, area.y, "┐"), (area.x, bottom, "└"), (right, bottom, "┘")] {
        put(x, y, symbol);
    }
}

/// Why there are no rows, and what to do; `None` where there are some.
fn in_place_of_rows(part: &TablePart<'_>, wrong: Option<&str>, shown: usize, all: usize) -> Option<Vec<Line>> {
    match part.read {
        Read::Failed(reason) => Some(vec![
            Line::of(Tone::Bad, reason),
            Line::default(),
            Line::of(Tone::Dim, "Ctrl-R reads again; `feederscope doctor` looks at folders and tables"),
        ]),
        Read::Loading if all == 0 => Some(vec![Line::of(Tone::Dim, "reading the tables …")]),
        _ if all == 0 => {
            let mut lines = vec![Line::of(part.empty.tone, part.empty.what.clone())];
            if !part.empty.next.is_empty() {
                lines.extend([Line::default(), Line::of(Tone::Dim, part.empty.next.clone())]);
            }
            Some(lines)
        }
        _ if shown == 0 => {
            Some(vec![Line::of(Tone::Warn, wrong.unwrap_or("no row fits the filter")), Line::of(Tone::Dim, "Esc clears it")])
        }
        _ => None,
    }
}

/// The table behind a part, and when it was read.
fn aged(from: &str, read: Read<'_>) -> String {
    match read {
        Read::At(at) if !from.is_empty() && at != Timestamp::from_micros(0) => format!("{from} · read {at} UTC"),
        Read::Loading if !from.is_empty() => format!("{from} · reading …"),
        _ => from.to_owned(),
    }
}

/// The two borders between a part and the one before it.
fn divider(area: Rect, second: Rect, pair: usize) -> (Rect, Target) {
    let beside = second.x > area.x;
    let (at, from, length) = if beside {
        (Rect { x: second.x - 1, width: 2, ..second }, area.x, area.width)
    } else {
        (Rect { y: second.y.saturating_sub(1), height: 2, ..second }, area.y, area.height)
    };
    (at, Target::Divider(Divider { pair, beside, from, length }))
}

fn share(area: Rect, sharing: Sharing, moved: Option<u16>) -> (Rect, Option<Rect>) {
    if area.width >= sharing.beside_from {
        let second = moved.unwrap_or(sharing.width);
        let [one, other] = Layout::horizontal([Constraint::Percentage(100 - second), Constraint::Percentage(second)]).areas(area);
        return (one, Some(other));
    }
    if area.height < sharing.below_from {
        return (area, None);
    }
    if let Some(second) = moved {
        let [one, other] = Layout::vertical([Constraint::Percentage(100 - second), Constraint::Percentage(second)]).areas(area);
        return (one, Some(other));
    }
    let upper = match sharing.lines {
        Lines::Upper(lines) => lines.min(area.height / 2),
        Lines::Lower(lines) => area.height - lines.min(area.height * 3 / 5),
    };
    let [one, other] = Layout::vertical([Constraint::Length(upper), Constraint::Min(0)]).areas(area);
    (one, Some(other))
}
