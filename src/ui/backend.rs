//! What goes to the terminal: cells that differ, in as few bytes as they need, because a line over SSH is slow.
//!
//! Most of a page is the same from row to row, in many short pieces. Between two of them the cursor is not sent to an absolute place:
//! it steps to the right, or what stands between is written once more where that is shorter. A colour is sent when it is another one.

use std::fmt::Write as _;
use std::io::{self, Write};

use crossterm::style::{Color as Sent, Colored};
use ratatui::backend::{Backend, ClearType, CrosstermBackend, IntoCrossterm as _, WindowSize};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect, Size};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr as _;

/// A terminal that is told what differs.
#[derive(Debug)]
pub struct Frugal<W: Write> {
    terminal: CrosstermBackend<W>,
    /// What the terminal shows.
    shown: Buffer,
    has_cursor: bool,
}

/// How the terminal writes now.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Pen {
    front: Color,
    behind: Color,
    modifier: Modifier,
}

/// From so many lines of cells on that differ it is looked whether lines have only moved.
const MANY_LINES: usize = 2;

fn row(buffer: &Buffer, line: u16) -> &[Cell] {
    let width = usize::from(buffer.area.width);
    &buffer.content[usize::from(line) * width..][..width]
}

fn as_i16(number: u16) -> i16 {
    i16::try_from(number).unwrap_or(i16::MAX)
}

fn is_wide(cell: &Cell) -> bool {
    cell.symbol().width() > 1
}

/// With more bytes than this a step to the right is shorter than what stands between.
const STEP: usize = 4;

impl<W: Write> Frugal<W> {
    /// A terminal of a size that shows nothing.
    pub fn new(writer: W, size: Size) -> Self {
        let shown = Buffer::empty(Rect::new(0, 0, size.width, size.height));
        Self { terminal: CrosstermBackend::new(writer), shown, has_cursor: true }
    }

    /// Has the terminal move lines that only stand somewhere else now, as a list does that is scrolled; whether there are such.
    fn scroll(&mut self, next: &Buffer, out: &mut String) -> bool {
        let height = self.shown.area.height;
        let differ = |line: u16, from: u16| {
            let pair = row(next, line).iter().zip(row(&self.shown, from));
            pair.filter(|(a, b)| a != b).count() as isize
        };
        let as_it_is: Vec<isize> = (0..height).map(|line| differ(line, line)).collect();
        let mut best = (0, 0, 0..0);
        let enough = as_it_is.iter().sum::<isize>() / 2;
        for by in [1, -1, 3, -3_i32] {
            if best.0 > enough {
                break;
            }
            // The lines next to one another that gain most by being moved: whatever goes below nothing begins anew.
            let (mut gained, mut from) = (0, 0);
            for line in 0..height {
                let Some(source) = line.checked_add_signed(by as i16).filter(|source| *source < height) else {
                    (gained, from) = (0, line + 1);
                    continue;
                };
                gained += as_it_is[usize::from(line)] - differ(line, source);
                if gained <= 0 {
                    (gained, from) = (0, line + 1);
                } else if gained > best.0 {
                    best = (gained, by, from..line + 1);
                }
            }
        }
        let (gained, by, lines) = best;
        // As many lines come in at the other end, and are written whole.
        let come_in = by.unsigned_abs() as u16;
        if gained <= isize::from(as_i16(self.shown.area.width)) * isize::from(as_i16(come_in)) {
            return false;
        }
        let lines = if by > 0 { lines.start..lines.end + come_in } else { lines.start - come_in..lines.end };
        // Lines are taken out or put in at the top of a region: every terminal since the VT102 can do that, and not every one can scroll.
        let (top, bottom, sign) = (lines.start + 1, lines.end, if by > 0 { 'M' } else { 'L' });
        let _ = write!(out, "\x1b[{top};{bottom}r\x1b[{top};1H\x1b[{come_in}{sign}\x1b[r");
        let cells = |lines: u16| usize::from(lines) * usize::from(self.shown.area.width);
        let (range, moved) = (cells(lines.start)..cells(lines.end), cells(come_in));
        let block = &mut self.shown.content[range];
        if by > 0 {
            block.rotate_left(moved);
            let kept = block.len() - moved;
            block[kept..].fill(Cell::EMPTY);
        } else {
            block.rotate_right(moved);
            block[..moved].fill(Cell::EMPTY);
        }
        true
    }

    /// What differs in a line: all that the pen writes as it is, then what it writes otherwise, so that it changes seldom.
    fn line(&mut self, cells: &[(u16, u16, &Cell)], pen: &mut Pen, out: &mut String) {
        let is_narrow =
            |(x, y, cell): &(u16, u16, &Cell)| !is_wide(cell) && self.shown.cell((*x, *y)).is_none_or(|shown| !is_wide(shown));
        let mut pens: Vec<Pen> = vec![*pen];
        for (.., cell) in cells {
            if !pens.contains(&Pen::of(cell)) {
                pens.push(Pen::of(cell));
            }
        }
        let mut cursor = None;
        // The halves of what is wide must come one after the other.
        if cells.iter().all(is_narrow) {
            for one in pens {
                for cell in cells.iter().filter(|(.., cell)| Pen::of(cell) == one) {
                    self.cell(*cell, (&mut cursor, pen), out);
                }
            }
        } else {
            for cell in cells {
                self.cell(*cell, (&mut cursor, pen), out);
            }
        }
    }

    fn cell(&mut self, (x, y, cell): (u16, u16, &Cell), (cursor, pen): (&mut Option<u16>, &mut Pen), out: &mut String) {
        let _ = match *cursor {
            Some(from) if from == x => Ok(()),
            Some(from) if from < x => match self.between(from, x, y, *pen) {
                Some(text) => write!(out, "{text}"),
                None if x - from == 1 => write!(out, "\x1b[C"),
                None => write!(out, "\x1b[{}C", x - from),
            },
            Some(_) => write!(out, "\x1b[{}G", x + 1),
            None => write!(out, "\x1b[{};{}H", y + 1, x + 1),
        };
        pen.become_(Pen::of(cell), out);
        out.push_str(cell.symbol());
        // Terminals do not agree about what is wide: after it the cursor is sent to its place.
        *cursor = Some(x + 1).filter(|_| !is_wide(cell));
        let last = x + u16::from(is_wide(cell));
        let halved = self.shown.cell((last, y)).is_some_and(is_wide) && (last == x) != is_wide(cell);
        let drawn = [(last, &Cell::EMPTY), (x, cell)];
        for (x, cell) in drawn.into_iter().skip(usize::from(last == x)) {
            if let Some(place) = self.shown.cell_mut((x, y)) {
                place.clone_from(cell);
            }
        }
        if halved {
            // The other half of what was wide is no cell that differs, and stays in the terminal as it likes.
            if is_wide(cell) {
                let _ = write!(out, "\x1b[{}G", last + 2);
            }
            pen.become_(Pen::default(), out);
            out.push(' ');
            *cursor = Some(last + 2);
        }
    }

    /// What stands between two places of a line, if it is short and written as the pen writes.
    fn between(&self, from: u16, to: u16, line: u16, pen: Pen) -> Option<String> {
        let mut text = String::new();
        for x in from..to {
            let cell = self.shown.cell((x, line)).filter(|cell| pen.writes(cell) && cell.symbol().is_ascii())?;
            text.push_str(cell.symbol());
            if text.len() > STEP {
                return None;
            }
        }
        Some(text)
    }
}

impl Pen {
    const fn of(cell: &Cell) -> Self {
        Self { front: cell.fg, behind: cell.bg, modifier: cell.modifier }
    }

    /// Whether a cell looks as it is when this pen writes it: of a blank nobody sees the colour.
    fn writes(self, cell: &Cell) -> bool {
        let own = Self::of(cell);
        own == self
            || (cell.symbol() == " "
                && own.behind == self.behind
                && [own, self].iter().all(|pen| Modifier::BOLD.union(Modifier::DIM).contains(pen.modifier)))
    }

    /// Writes as another one from now on.
    fn become_(&mut self, next: Self, out: &mut String) {
        if *self == next {
            return;
        }
        let mut codes: Vec<String> = Vec::new();
        if !self.modifier.difference(next.modifier).is_empty() {
            // What is taken away is taken away with everything else.
            codes.push("0".into());
            *self = Self::default();
        }
        codes.extend(next.modifier.difference(self.modifier).iter().filter_map(code).map(str::to_owned));
        let coloured =
            |other: bool, colour: Color, as_: fn(Sent) -> Colored| other.then(|| as_(colour.into_crossterm()).to_string());
        codes.extend(coloured(self.front != next.front, next.front, Colored::ForegroundColor));
        codes.extend(coloured(self.behind != next.behind, next.behind, Colored::BackgroundColor));
        // Without colours (`NO_COLOR`) the library gives no codes for them.
        codes.retain(|code| !code.is_empty());
        if !codes.is_empty() {
            let _ = write!(out, "\x1b[{}m", codes.join(";"));
        }
        *self = next;
    }
}

const fn code(modifier: Modifier) -> Option<&'static str> {
    Some(match modifier {
        Modifier::BOLD => "1",
        Modifier::DIM => "2",
        Modifier::ITALIC => "3",
        Modifier::UNDERLINED => "4",
        Modifier::SLOW_BLINK => "5",
        Modifier::RAPID_BLINK => "6",
        Modifier::REVERSED => "7",
        Modifier::HIDDEN => "8",
        Modifier::CROSSED_OUT => "9",
        _ => return None,
    })
}

impl<W: Write> Write for Frugal<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.terminal.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Write::flush(&mut self.terminal)
    }
}

impl<W: Write> Backend for Frugal<W> {
    type Error = io::Error;

    fn draw<'a, I: Iterator<Item = (u16, u16, &'a Cell)>>(&mut self, content: I) -> io::Result<()> {
        let mut content: Vec<_> = content.collect();
        let mut out = String::new();
        let next;
        if content.len() > usize::from(self.shown.area.width) * MANY_LINES {
            let mut frame = self.shown.clone();
            for (x, y, cell) in &content {
                if let Some(place) = frame.cell_mut((*x, *y)) {
                    *place = (*cell).clone();
                }
            }
            if self.scroll(&frame, &mut out) {
                next = frame;
                content = self.shown.diff(&next);
            }
        }
        let mut pen = Pen::default();
        for line in content.chunk_by(|(_, a, _), (_, b, _)| a == b) {
            self.line(line, &mut pen, &mut out);
        }
        pen.become_(Pen::default(), &mut out);
        self.terminal.write_all(out.as_bytes())
    }

    /// The console never shows the cursor: it is hidden once.
    fn hide_cursor(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.has_cursor, false) { self.terminal.hide_cursor() } else { Ok(()) }
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.has_cursor = true;
        self.terminal.show_cursor()
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        self.terminal.get_cursor_position()
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.terminal.set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        // What is resized is cleared before it is drawn.
        let size = self.terminal.size().unwrap_or_else(|_| self.shown.area.as_size());
        self.shown = Buffer::empty(Rect::new(0, 0, size.width, size.height));
        self.terminal.clear_region(region)
    }

    fn size(&self) -> io::Result<Size> {
        self.terminal.size()
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.terminal.window_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        Backend::flush(&mut self.terminal)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIZE: Rect = Rect::new(0, 0, 24, 9);

    /// What is written for a terminal.
    #[derive(Clone, Default)]
    struct Line(std::rc::Rc<std::cell::RefCell<Vec<u8>>>);

    impl Write for Line {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A terminal after frames, and the bytes of the last of them.
    fn shown(frames: &[Buffer]) -> (vt100::Parser, usize) {
        let line = Line::default();
        let mut backend = Frugal::new(line.clone(), SIZE.as_size());
        let mut before = Buffer::empty(SIZE);
        let mut parser = vt100::Parser::new(SIZE.height, SIZE.width, 0);
        let mut written = 0;
        for frame in frames {
            backend.draw(before.diff(frame).into_iter()).unwrap();
            before = frame.clone();
            let bytes = line.0.take();
            written = bytes.len();
            parser.process(&bytes);
        }
        (parser, written)
    }

    fn colour(colour: vt100::Color) -> Color {
        match colour {
            vt100::Color::Default => Color::Reset,
            vt100::Color::Idx(index) => Color::Indexed(index),
            vt100::Color::Rgb(r, g, b) => Color::Rgb(r, g, b),
        }
    }

    fn same(parser: &vt100::Parser, frame: &Buffer) {
        for y in 0..SIZE.height {
            let mut x = 0;
            while x < SIZE.width {
                let (is, wanted) = (parser.screen().cell(y, x).unwrap(), &frame[(x, y)]);
                let text = if is.has_contents() { is.contents() } else { " " };
                assert_eq!(text, wanted.symbol(), "{x}, {y}");
                let modifier =
                    [(is.bold(), Modifier::BOLD), (is.underline(), Modifier::UNDERLINED), (is.inverse(), Modifier::REVERSED)];
                let modifier = modifier.into_iter().filter(|(on, _)| *on).fold(Modifier::empty(), |all, (_, one)| all | one);
                let is_blank = text == " " && (modifier | wanted.modifier) - Modifier::BOLD == Modifier::empty();
                if is_blank {
                    assert_eq!(colour(is.bgcolor()), wanted.bg, "{x}, {y}");
                } else {
                    assert_eq!((colour(is.fgcolor()), colour(is.bgcolor()), modifier), (wanted.fg, wanted.bg, wanted.modifier));
                }
                x += wanted.symbol().width().max(1) as u16;
            }
        }
    }

    fn frames() -> impl Strategy<Value = Vec<Buffer>> {
        let symbols = prop::sample::select(vec!["a", "b", " ", "–", "漢", "12", "0", "│"]);
        let colours = || prop::sample::select(vec![Color::Reset, Color::Indexed(7), Color::Indexed(253), Color::Rgb(1, 2, 3)]);
        let modifiers = prop::sample::select(vec![
            Modifier::empty(),
            Modifier::BOLD,
            Modifier::UNDERLINED | Modifier::BOLD,
            Modifier::REVERSED,
        ]);
        let piece = (0..8_u16, prop::collection::vec(symbols, 1..6), colours(), colours(), modifiers);
        let line = prop::collection::vec(piece, 0..5);
        let frame = prop::collection::vec(line, usize::from(SIZE.height)).prop_map(|lines| {
            let mut buffer = Buffer::empty(SIZE);
            for (y, pieces) in lines.into_iter().enumerate() {
                let mut x = 0;
                for (gap, symbols, front, behind, modifier) in pieces {
                    let style = ratatui::style::Style::reset().fg(front).bg(behind).add_modifier(modifier);
                    x = buffer.set_stringn(x + gap, y as u16, symbols.concat(), usize::from(SIZE.width), style).0;
                    if x >= SIZE.width {
                        break;
                    }
                }
            }
            buffer
        });
        // A list that is scrolled, and something else.
        let moved = prop::sample::select(vec![0_i32, 0, 1, -1, 3, -3]);
        prop::collection::vec((frame, moved), 1..6).prop_map(|frames| {
            let mut drawn: Vec<Buffer> = Vec::new();
            for (fresh, by) in frames {
                let mut next = fresh.clone();
                if let (Some(before), true) = (drawn.last(), by != 0) {
                    for (y, x) in (0..SIZE.height).flat_map(|y| (0..SIZE.width).map(move |x| (y, x))) {
                        let source = y.checked_add_signed(by as i16).filter(|source| *source < SIZE.height);
                        next[(x, y)] = source.map_or(fresh[(x, y)].clone(), |source| before[(x, source)].clone());
                    }
                }
                drawn.push(next);
            }
            drawn
        })
    }

    proptest! {
        #[test]
        fn terminal_shows_the_last_frame_whatever_came_before(frames in frames()) {
            let (parser, _) = shown(&frames);
            same(&parser, frames.last().unwrap());
        }
    }

    #[test]
    fn list_that_is_scrolled_is_moved_by_the_terminal() {
        let list = |from: usize| {
            let mut frame = Buffer::empty(SIZE);
            frame.set_string(0, 0, "a heading that stays", ratatui::style::Style::default());
            for y in 1..SIZE.height {
                let text = format!("{} is row {}", "abcdefgh".repeat(2), from + usize::from(y));
                frame.set_string(0, y, text, ratatui::style::Style::default());
            }
            frame
        };
        for (from, to) in [(10, 11), (11, 10), (10, 13)] {
            let (parser, bytes) = shown(&[list(from), list(to)]);
            same(&parser, &list(to));
            assert!(bytes < 100, "{from} {to} {bytes}");
        }
    }

    #[test]
    fn short_gaps_are_written_over_and_long_ones_stepped_over() {
        let mut first = Buffer::empty(SIZE);
        first.set_string(0, 0, "36_17_810 abcdefgh 4.16", ratatui::style::Style::default());
        let mut second = first.clone();
        second.set_string(3, 0, "2", ratatui::style::Style::default());
        second.set_string(6, 0, "9", ratatui::style::Style::default());
        second.set_string(22, 0, "7", ratatui::style::Style::default());
        let (parser, bytes) = shown(&[first, second.clone()]);
        same(&parser, &second);
        // To the place, the two signs and what stands between, a step over fifteen, the last sign.
        assert_eq!(bytes, "\x1b[1;4H".len() + "27_9".len() + "\x1b[15C".len() + "7".len());
    }
}
