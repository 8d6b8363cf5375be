//! What the console may cost: time of a frame, and bytes to the terminal. The ceilings are loose, for a build without optimisation on a
//! busy machine; `docs/performance.md` has the figures.

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;
use std::time::{Duration, Instant};

use feederscope::app::Event;
use feederscope::model::Day;
use feederscope::ui::backend::Frugal;
use feederscope::ui::draw;
use feederscope::ui::theme::Theme;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};

use crate::console::Console;
use crate::sample::loaded;

/// A terminal that counts what is written to it.
#[derive(Clone, Default)]
struct Written(Rc<RefCell<usize>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        *self.0.borrow_mut() += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

const SIZE: (u16, u16) = (200, 60);

#[test]
fn frames_are_drawn_fast_and_scrolling_writes_what_changes() {
    let bench = loaded();
    let mut settings = bench.settings.clone();
    settings.today = Day::parse("2022-10-20").unwrap();
    let mut console = Console::with(settings, bench.lake.clone());
    console.event(Event::Resized(SIZE.1));
    let written = Written::default();
    let options = TerminalOptions { viewport: Viewport::Fixed(Rect::new(0, 0, SIZE.0, SIZE.1)) };
    let mut terminal = Terminal::with_options(Frugal::new(written.clone(), SIZE.into()), options).unwrap();
    let theme = Theme::dark();
    let mut draw = |console: &Console| {
        let before = *written.0.borrow();
        let began = Instant::now();
        terminal.draw(|frame| drop(draw::frame(frame, &console.app, &theme))).unwrap();
        (*written.0.borrow() - before, began.elapsed())
    };
    for pane in ["1", "2", "3", "4", "5", "6", "7 v v"] {
        console.press(pane);
        draw(&console);
        let (idle, time) = draw(&console);
        assert!(idle <= 40, "{pane}: a frame in which nothing changed wrote {idle} bytes");
        assert!(time < Duration::from_millis(250), "{pane}: {time:?}");
    }
    // The list of 206 feeders without the DERs beside it: a step and a page.
    console.press("6 z");
    draw(&console);
    let mut steps = Vec::new();
    for _ in 0..40 {
        steps.push(draw(console.press("down")).0);
    }
    steps.sort_unstable();
    assert!(steps[20] <= 1000, "a step wrote {} bytes in the middle of all", steps[20]);
    let (page, _) = draw(console.press("pgdn"));
    assert!(page <= 6_000, "a page wrote {page} bytes");
    println!("step {} bytes, page {page} bytes", steps[20]);
}
