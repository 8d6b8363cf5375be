//! Whole sessions in a real terminal: open, a month arrives, look a feeder up, quit, terminal restored.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::program::Program;
use crate::support::deliveries;

/// What is on the screen, and all bytes that made it so.
#[derive(Clone)]
struct Screen(Arc<Mutex<(vt100::Parser, Vec<u8>)>>);

impl Screen {
    fn text(&self) -> String {
        self.0.lock().unwrap().0.screen().contents()
    }

    /// Waits for a condition, not for a time; the limit only ends a session that hangs.
    fn wait(&self, what: &str, until: impl Fn(&str) -> bool) {
        self.wait_for(what, |parser| until(&parser.screen().contents()));
    }

    fn wait_for(&self, what: &str, until: impl Fn(&vt100::Parser) -> bool) {
        let limit = Instant::now() + Duration::from_mins(2);
        while !until(&self.0.lock().unwrap().0) {
            assert!(Instant::now() < limit, "{what} never came:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(30));
        }
    }
}

/// A console in a terminal of 120 × 30.
struct Session {
    screen: Screen,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    reading: JoinHandle<()>,
}

impl Session {
    fn open(program: &Program) -> Self {
        program.config("settle_seconds = 0.3\n");
        let folder = program.folder.path();
        let pair = native_pty_system().openpty(PtySize { rows: 30, cols: 120, pixel_width: 0, pixel_height: 0 }).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_feederscope"));
        command.env_clear();
        for (name, value) in [("XDG_CONFIG_HOME", folder), ("XDG_DATA_HOME", folder), ("HOME", folder)] {
            command.env(name, value);
        }
        command.env("TERM", "xterm-256color");
        let [lake, landing] = ["lake", "landing"].map(|name| folder.join(name).to_string_lossy().into_owned());
        command.args(["--lake", &lake, "--landing", &landing, "--today", "2022-10-20"]);
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let screen = Screen(Arc::new(Mutex::new((vt100::Parser::new(30, 120, 0), Vec::new()))));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let shown = screen.clone();
        let reading = std::thread::spawn(move || {
            let mut block = [0; 4096];
            while let Ok(read @ 1..) = reader.read(&mut block) {
                let mut state = shown.0.lock().unwrap();
                state.0.process(&block[..read]);
                state.1.extend_from_slice(&block[..read]);
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Self { screen, keys, child, master: pair.master, reading }
    }

    fn press(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).unwrap();
    }

    /// What is in the terminal once the program has ended.
    fn quit(mut self) -> Screen {
        self.press(b"q");
        let ended = self.child.wait().unwrap();
        drop((self.keys, self.master));
        self.reading.join().unwrap();
        assert!(ended.success(), "{ended:?}");
        self.screen
    }
}

#[test]
fn month_that_arrives_while_the_console_is_open_can_be_looked_up() {
    let program = Program::new();
    let landing = program.folder.path().join("landing");
    std::fs::create_dir_all(&landing).unwrap();
    let mut session = Session::open(&program);
    let screen = session.screen.clone();
    screen.wait("the empty console", |text| text.contains("nothing was loaded yet, so there is nothing to decide"));

    for (file, content) in deliveries() {
        let path = landing.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    screen.wait("the load", |text| text.contains("4 files loaded 20") && text.contains(" UTC, 7 rows, 0 records rejected"));
    session.press(b"6/c");
    screen
        .wait("the feeder", |text| text.contains("1 of 1, of 3") && text.contains("1 DERs of utility2 C") && text.contains("D2"));
    session.press(b"\r\x0c");
    screen.wait("the frame drawn anew", |text| text.contains("1 DERs of utility2 C"));
    // Stopped from elsewhere it gives the terminal back, and takes it again when it goes on.
    let signal = |name: &str| {
        let pid = session.child.process_id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args([name, &pid]).status().unwrap().success());
    };
    signal("-TSTP");
    screen.wait_for("the terminal given back", |parser| !parser.screen().alternate_screen());
    signal("-CONT");
    screen.wait_for("the terminal taken again", |parser| {
        parser.screen().alternate_screen() && parser.screen().contents().contains("1 DERs of utility2 C")
    });
    let screen = session.quit();
    let state = screen.0.lock().unwrap();
    assert!(!state.0.screen().alternate_screen() && !state.0.screen().hide_cursor(), "the terminal is given back");
}

/// A console whose terminal went away in the middle of a load leaves its lock; the next one says that it takes it over, and does not write it
/// over what it shows.
#[test]
fn what_is_logged_while_the_console_is_open_is_said_when_it_is_closed() {
    let program = Program::new();
    for (file, content) in deliveries() {
        program.put(file, &content);
    }
    let lake = program.folder.path().join("lake/iedr_dev");
    std::fs::create_dir_all(&lake).unwrap();
    std::fs::write(lake.join("writer.lock"), "process 7 since 10:00").unwrap();
    let session = Session::open(&program);
    session.screen.wait("that the lock is taken over", |text| text.contains("● process 7 since 10:00 left its work unfinished"));
    assert!(!session.screen.text().contains("WARN"), "{}", session.screen.text());
    let text = session.quit().text();
    assert!(text.contains("WARN") && text.contains("process 7 since 10:00 left its work unfinished"), "{text}");
}
