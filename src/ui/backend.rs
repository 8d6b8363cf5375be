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

fn is_wide(cell: &Cell) -> bool {
    cell.symbol().width() > 1
}

/// With more bytes than this a step to the right is shorter than what stands between.
const STEP: usize = 4;

impl<W: Write> Frugal<W> {
    /// A terminal that shows nothing.
    pub fn new(writer: W) -> Self {
        Self { terminal: CrosstermBackend::new(writer), shown: Buffer::default(), has_cursor: true }
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
        self.fit(x + 2, y);
        // Terminals do not agree about what is wide: after it the cursor is sent to its place.
        *cursor = Some(x + 1).filter(|_| !is_wide(cell));
        let last = x + u16::from(is_wide(cell));
        let halved = is_wide(&self.shown[(last, y)]) && (last == x) != is_wide(cell);
        if is_wide(cell) {
            self.shown[(last, y)] = Cell::EMPTY;
        }
        self.shown[(x, y)] = cell.clone();
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

    /// A resized terminal is cleared before it is drawn, and shows nothing until then.
    fn fit(&mut self, x: u16, y: u16) {
        if !self.shown.area.contains((x, y).into()) {
            let larger =
                |side: u16, place: u16| side.max(place.saturating_add(1)).checked_next_power_of_two().unwrap_or(u16::MAX);
            let area = Rect::new(0, 0, larger(self.shown.area.width, x), larger(self.shown.area.height, y));
            let smaller = std::mem::replace(&mut self.shown, Buffer::empty(area));
            self.shown.merge(&smaller);
        }
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
        let content: Vec<_> = content.collect();
        let mut out = String::new();
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
        self.shown = Buffer::default();
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

    const SIZE: Rect = Rect::new(0, 0, 24, 4);

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
        let mut backend = Frugal::new(line.clone());
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
        prop::collection::vec(frame, 1..5)
    }

    proptest! {
        #[test]
        fn terminal_shows_the_last_frame_whatever_came_before(frames in frames()) {
            let (parser, _) = shown(&frames);
            same(&parser, frames.last().unwrap());
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
