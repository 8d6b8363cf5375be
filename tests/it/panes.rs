//! What each pane shows, as text, from tables made of the sample data.

use std::sync::OnceLock;

use feederscope::app::{App, Event, Job, Key, Load, Pane, Remote};
use feederscope::config::Settings;
use feederscope::model::Timestamp;
use feederscope::pipeline::Progress;
use feederscope::pipeline::progress::Step;
use feederscope::ui::draw;
use feederscope::ui::theme::Theme;
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::sample::loaded;
use crate::support::{Bench, NOW};

/// One lake for all panes: nothing here writes to it.
fn bench() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(loaded)
}

/// The settings with paths that are the same on every machine.
fn settings() -> Settings {
    let mut settings = bench().settings.clone();
    settings.today = feederscope::model::Day::parse("2022-10-20").unwrap();
    settings.landing = "/landing".into();
    settings
}

/// A console whose panes are filled; jobs are done at once and at a fixed time.
fn console() -> App {
    let mut app = App::new(settings());
    let jobs = app.start();
    finish(&mut app, jobs);
    app
}

fn finish(app: &mut App, jobs: Vec<Job>) {
    let (sender, receiver) = std::sync::mpsc::channel();
    let workers = feederscope::app::Jobs::new(app.settings.clone(), bench().lake.clone(), sender);
    let mut waiting = jobs.len();
    for job in jobs {
        workers.start(job);
    }
    while waiting > 0 {
        let event = match receiver.recv().unwrap() {
            Event::Read { generation, loaded, job, .. } => Event::Read { generation, loaded, read_at: NOW, job },
            other => other,
        };
        waiting -= 1;
        for job in app.update(event) {
            waiting += 1;
            workers.start(job);
        }
    }
}

fn press(app: &mut App, keys: &[Key]) {
    for key in keys {
        let jobs = app.update(Event::Key(*key));
        finish(app, jobs);
    }
}

fn screen(app: &App, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw::frame(frame, app, &Theme::dark())).unwrap();
    terminal.backend().to_string().lines().map(|line| line.trim_matches('"').trim_end()).collect::<Vec<_>>().join("\n")
}

/// The load's time is that of the test; all else is fixed.
fn steady(text: &str) -> String {
    let today = Timestamp::now().to_string();
    text.lines()
        .map(|line| if line.contains(&today[..10]) { line.replace(&today[..10], "<today>   ") } else { line.to_owned() })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn missing_pane_shows_the_damaged_and_the_renamed_column() {
    let mut app = console();
    press(&mut app, &[Key::Char('2')]);
    while !screen(&app, 120, 30).contains("utility3 · circuits") {
        press(&mut app, &[Key::Char(']')]);
    }
    insta::assert_snapshot!("missing_120x30", screen(&app, 120, 30));
}

#[test]
fn months_pane_shows_the_thin_month() {
    let mut app = console();
    press(&mut app, &[Key::Char('3')]);
    while !screen(&app, 120, 30).contains("utility2 · planned_der") {
        press(&mut app, &[Key::Char(']')]);
    }
    insta::assert_snapshot!("months_120x30", screen(&app, 120, 30));
}

#[test]
fn browser_finds_a_feeder_and_shows_its_ders() {
    let mut app = console();
    press(&mut app, &[Key::Char('4'), Key::Char('/')]);
    for c in "36_17_1242".chars() {
        press(&mut app, &[Key::Char(c)]);
    }
    press(&mut app, &[Key::Enter]);
    insta::assert_snapshot!("browser_120x30", screen(&app, 120, 30));
    insta::assert_snapshot!("browser_80x24", screen(&app, 80, 24));
}

#[test]
fn refresh_pane_tells_the_late_utility_by_word_and_sign() {
    let mut app = console();
    let shown = steady(&screen(&app, 120, 40));
    assert!(shown.contains("▲ late") && shown.contains("● fresh"), "{shown}");
    let late = shown.lines().filter(|line| line.contains("▲ late")).count();
    assert_eq!(late, 3, "the three datasets of utility2");
    press(&mut app, &[Key::Down, Key::Down, Key::Enter]);
    assert_eq!(app.pane, Pane::Missing);
    assert!(screen(&app, 120, 40).contains("utility1 · planned_der"));
}

#[test]
fn empty_console_names_what_to_do_and_a_failed_one_why() {
    let mut app = App::new(settings());
    insta::assert_snapshot!("loading_80x24", screen(&app, 80, 24));
    app.pane = Pane::Browser;
    app.browser = Remote::Failed { reason: "table `platinum/feeder_capacity`: the log is gone".into() };
    insta::assert_snapshot!("failed_80x24", screen(&app, 80, 24));
}

#[test]
fn progress_and_help_are_drawn_over_the_pane() {
    let mut app = console();
    app.load = Load::Running(Some(Progress {
        step: Step::Bronze,
        subject: "utility1/2022-10/utility1_circuits.csv".into(),
        rows_done: 1200,
        rows_expected: 4800,
    }));
    press(&mut app, &[Key::Char('4')]);
    assert!(screen(&app, 120, 30).contains("bronze utility1/2022-10/utility1_circuits.csv · 1,200 of 4,800 rows"));
    press(&mut app, &[Key::Char('?')]);
    insta::assert_snapshot!("help_80x24", screen(&app, 80, 24));
    press(&mut app, &[Key::Char('q')]);
    assert!(!app.quit, "the key only closes the help");
    press(&mut app, &[Key::Char('q')]);
    assert!(app.quit);
}

#[test]
fn keys_work_and_files_wait_their_turn_while_a_load_runs() {
    let mut app = console();
    assert_eq!(app.update(Event::Key(Key::Char('r'))), [Job::Run]);
    assert_eq!(app.update(Event::Key(Key::Char('r'))), [], "one load at a time");
    assert_eq!(app.update(Event::FilesStable), []);
    press(&mut app, &[Key::Char('2'), Key::Down]);
    assert_eq!(app.pane, Pane::Missing);
    assert!(app.update(Event::RunEnded(Ok("done".into()))).contains(&Job::Run), "files that came meanwhile are loaded after");
    assert_eq!(app.update(Event::Key(Key::Char('x'))), [Job::Stop]);
}

#[test]
fn rows_of_an_older_request_are_dropped() {
    let mut app = console();
    let before = screen(&app, 120, 30);
    let _newer = app.update(Event::Key(Key::Ctrl('r')));
    let old =
        Event::Read { generation: 1, loaded: Err("old".into()), read_at: NOW, job: Box::new(Job::Refresh { generation: 1 }) };
    assert_eq!(app.update(old), []);
    assert_eq!(screen(&app, 120, 30), before);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_pane_fits_a_terminal_of_any_size(width in 1_u16..220, height in 1_u16..70, pane in 0_usize..Pane::ALL.len(), help in any::<bool>()) {
        static APP: OnceLock<std::sync::Mutex<App>> = OnceLock::new();
        let mut app = APP.get_or_init(|| std::sync::Mutex::new(console())).lock().unwrap();
        app.pane = Pane::ALL[pane];
        app.help = help;
        let shown = screen(&app, width, height);
        let lines: Vec<&str> = shown.split('\n').collect();
        if width < 40 || height < 10 {
            let said: String = "40×10 needed".chars().take(width.into()).collect();
            prop_assert_eq!(lines[0], said.trim_end());
            return Ok(());
        }
        let title = app.pane.title();
        prop_assert!(lines[0].contains(&format!(" {} {title}", pane + 1)), "{shown}");
        if help {
            prop_assert!(shown.contains(&format!(" keys in {title} · any key closes ")), "{shown}");
        } else {
            // Where there is room for it the verdict on the newest month comes first.
            let has_verdict = height >= 16;
            prop_assert_eq!(lines[1].starts_with(" ■ 2022-10 not ready · 2 stop it"), has_verdict, "{}", shown);
            // Below and above the two lines at the bottom the pane's frame reaches the edge.
            let body = &lines[1 + usize::from(has_verdict)..lines.len() - 2];
            prop_assert!(body[0].ends_with('┐') && body[body.len() - 1].ends_with('┘'), "{shown}");
            prop_assert!(body.iter().all(|line| line.chars().count() == usize::from(width)), "{shown}");
        }
    }
}

#[test]
fn rules_pane_shows_what_fails_and_leads_to_the_line() {
    let mut app = console();
    // The month before the newest: the spreadsheet's dates.
    press(&mut app, &[Key::Char('5'), Key::Char('[')]);
    insta::assert_snapshot!("rules_120x30", screen(&app, 120, 30));
    while !screen(&app, 120, 30).contains("completion-date-not-damaged ─") {
        press(&mut app, &[Key::Down]);
    }
    press(&mut app, &[Key::Enter]);
    assert!(screen(&app, 120, 30).contains("rows that fail `completion-date-not-damaged` · 66"), "{}", screen(&app, 120, 30));
    press(&mut app, &[Key::Enter]);
    let source = screen(&app, 120, 40);
    assert!(source.contains("utility1/2022-09/utility1_planned_der.csv line ") && source.contains("▶"), "{source}");
    press(&mut app, &[Key::Esc, Key::Esc]);
    assert!(app.drill.is_none() && screen(&app, 120, 30).contains("2022-09 · "), "back where it began");
}

#[test]
fn deliveries_and_rejected_panes_show_what_came_and_what_was_rejected() {
    let mut app = console();
    press(&mut app, &[Key::Char('6'), Key::Down]);
    insta::assert_snapshot!("deliveries_80x24", screen(&app, 80, 24));
    assert!(screen(&app, 120, 30).contains("utility2 2022-10: late"), "{}", screen(&app, 120, 30));
    press(&mut app, &[Key::Char('7')]);
    let shown = steady(&screen(&app, 120, 30));
    assert!(
        shown.contains("missing-cell") && shown.contains("duplicate-key") && shown.contains("22 cells where the header has 23"),
        "{shown}"
    );
}

#[test]
fn cell_of_the_heatmap_leads_to_its_records() {
    let mut app = console();
    press(&mut app, &[Key::Char('2')]);
    while !screen(&app, 120, 30).contains("utility1 · planned_der") {
        press(&mut app, &[Key::Char(']')]);
    }
    press(&mut app, &[Key::Char('u')]);
    let across = screen(&app, 120, 30);
    let row = across.lines().find(|line| line.contains("inverter_nameplate_kw")).unwrap_or_else(|| panic!("{across}"));
    // Of the newest month only the third utility states it; the first has no such column, the second sent nothing.
    assert_eq!(row.split_whitespace().collect::<Vec<_>>()[1..], ["inverter_nameplate_kw", "–", "–", "11", "│"], "{across}");
    press(&mut app, &[Key::Char('u')]);
    // Invalid cells, a month back: the damaged dates.
    press(&mut app, &[Key::Char('v'), Key::Char('v'), Key::Char('v'), Key::Left]);
    assert!(screen(&app, 120, 30).contains("invalid, %"), "{}", screen(&app, 120, 30));
    press(&mut app, &[Key::Enter]);
    let records = screen(&app, 120, 30);
    assert!(records.contains("cells of `CompletionDate` that are invalid · 66"), "{records}");
    press(&mut app, &[Key::Char('3')]);
    assert!(app.drill.is_none() && app.pane == Pane::Months, "another pane closes what lay over the first");
}

#[test]
fn decision_is_for_the_failure_that_was_in_front_when_somebody_began_to_sign() {
    let mut app = console();
    press(&mut app, &[Key::Char('5'), Key::Char('[')]);
    let chosen = app.rules.ready().and_then(|rules| rules.selected()).map(|checked| checked.rule.clone()).unwrap();
    press(&mut app, &[Key::Char('a'), Key::Char('o'), Key::Char('k')]);
    // A load ends while the reason is typed, and the first failure is gone: another one stands in its place.
    let Remote::Ready { value, .. } = &mut app.rules else { panic!("not read") };
    let rest: Vec<_> = value.shown().into_iter().skip(1).cloned().collect();
    let generation = 1_000;
    let fresh = Event::Read {
        generation,
        loaded: Ok(feederscope::app::Loaded::Rules(Box::new(feederscope::app::Rules::new(rest, None)))),
        read_at: NOW,
        job: Box::new(Job::Rules { generation }),
    };
    assert_eq!(app.update(fresh), []);
    let now = app.rules.ready().and_then(|rules| rules.selected()).map(|checked| checked.rule.clone()).unwrap();
    assert_ne!(now, chosen);
    let jobs = app.update(Event::Key(Key::Enter));
    let [Job::Acknowledge { failure, reason, .. }] = jobs.as_slice() else { panic!("{jobs:?}") };
    assert_eq!((failure.rule.as_str(), reason.as_str()), (chosen.as_str(), "ok"));
}

/// At 80 columns what does not fit is marked, and never in place of a digit; nor where an acknowledged failure takes more room.
#[test]
fn count_of_a_failure_is_whole_at_eighty_columns() {
    let mut app = console();
    press(&mut app, &[Key::Char('5'), Key::Char('[')]);
    let Remote::Ready { value, .. } = &mut app.rules else { panic!("not read") };
    let mut outcomes: Vec<_> = value.shown().into_iter().cloned().collect();
    let whole = |outcomes: &[feederscope::app::reads::checks::Checked], screen: &str| {
        let shown = screen.lines().filter(|line| line.contains("■ error"));
        let counts: Vec<String> =
            shown.map(|line| line.trim_matches(['│', ' ', '…']).split_whitespace().last().unwrap().to_owned()).collect();
        let errors = outcomes.iter().filter(|checked| checked.is_open() && checked.severity.to_string() == "error");
        let expected: Vec<String> = errors.map(|checked| checked.failed.to_string()).collect();
        assert!(!expected.is_empty());
        assert_eq!(counts, expected, "{screen}");
    };
    whole(&outcomes, &screen(&app, 80, 40));
    let by = feederscope::app::reads::checks::Acknowledgement {
        account: "a".into(),
        reason: "r".into(),
        expires_on: feederscope::model::Day::parse("2023-01-01").unwrap(),
        failed: 1,
        evidence: feederscope::pipeline::rules::Evidence::default(),
    };
    outcomes.last_mut().unwrap().acknowledged = Some(by);
    let fresh = Event::Read {
        generation: 1_000,
        loaded: Ok(feederscope::app::Loaded::Rules(Box::new(feederscope::app::Rules::new(outcomes.clone(), None)))),
        read_at: NOW,
        job: Box::new(Job::Rules { generation: 1_000 }),
    };
    assert_eq!(app.update(fresh), []);
    let shown = screen(&app, 80, 40);
    assert!(shown.contains("◇ acknowledged"), "{shown}");
    whole(&outcomes, &shown);
}

#[test]
fn record_that_never_entered_bronze_leads_to_its_raw_line_and_a_late_answer_to_none() {
    let mut app = console();
    press(&mut app, &[Key::Char('7')]);
    let rows = app.rejected.ready().map(|rejected| rejected.rows.clone()).unwrap();
    let ragged = (0..rows.height()).find(|row| rows.text("reason", *row).as_deref() == Some("missing-cell")).unwrap();
    for _ in 0..ragged {
        press(&mut app, &[Key::Down]);
    }
    press(&mut app, &[Key::Enter]);
    // The question of the record is asked, and answered after somebody went back and asked of another.
    let jobs = app.update(Event::Key(Key::Enter));
    let [Job::Source { record, .. }] = jobs.as_slice() else { panic!("{jobs:?}") };
    let mut other = record.clone();
    other.place = Some(("another.csv".into(), 7));
    let generation = 1_000;
    let late = Event::Read {
        generation,
        loaded: Ok(feederscope::app::Loaded::Source(other, Vec::new())),
        read_at: NOW,
        job: Box::new(Job::Source { generation, record: record.clone() }),
    };
    assert_eq!(app.update(late), []);
    assert!(screen(&app, 120, 30).contains("looking for the line"), "{}", screen(&app, 120, 30));
    finish(&mut app, jobs);
    let shown = screen(&app, 120, 30);
    // sample-data/README.md: line 51 of the September file.
    let text = std::fs::read_to_string(bench().landing("utility1/2022-09/utility1_install_der.csv")).unwrap();
    let raw = text.lines().nth(50).unwrap();
    assert!(shown.contains("utility1/2022-09/utility1_install_der.csv line 51 · 2022-09"), "{shown}");
    assert!(shown.contains(&raw[..40]) && shown.contains("rejected before bronze as missing-cell"), "{shown}");
}

#[test]
fn two_months_that_do_not_follow_one_another_are_compared_in_counts_and_fields() {
    let mut app = console();
    press(&mut app, &[Key::Char('3')]);
    while !screen(&app, 120, 30).contains("utility1 · ders") {
        press(&mut app, &[Key::Char(']')]);
    }
    // August, then October.
    press(&mut app, &[Key::Char('G'), Key::Char('b'), Key::Char('g')]);
    let shown = screen(&app, 120, 30);
    assert!(shown.contains("2022-08 → 2022-10"), "{shown}");
    let number = |word: &str| -> u64 {
        let line = shown.lines().find(|line| line.contains(&format!("││ {word} "))).unwrap_or_else(|| panic!("{word}: {shown}"));
        line.trim_end_matches(['│', ' ']).rsplit(' ').next().unwrap().replace(',', "").parse().unwrap()
    };
    // By the versions: whose first one began after August, and whose one of August has another hash than the current one.
    let silver = |sql: &str| bench().query("silver/ders", sql).count("n", 0);
    let added = silver(
        "SELECT COUNT(*) AS n FROM (SELECT status, der_id, MIN(valid_from_month) AS born FROM t WHERE utility_id = 'utility1' GROUP BY status, der_id) AS b WHERE born > '2022-08'",
    );
    let changed = silver(
        "SELECT COUNT(*) AS n FROM (SELECT status, der_id, record_hash AS was FROM t WHERE utility_id = 'utility1' AND valid_from_month = '2022-08') AS o \
         INNER JOIN (SELECT status AS s, der_id AS d, record_hash AS is_now FROM t WHERE is_current AND utility_id = 'utility1') AS n \
         ON o.status = n.s AND o.der_id = n.d WHERE was <> is_now",
    );
    let built = if shown.contains("planned → installed") { number("planned → installed") } else { 0 };
    assert_eq!((number("added") + built, number("changed")), (added, changed), "{shown}");
    press(&mut app, &[Key::Char('b')]);
    assert!(screen(&app, 120, 30).contains("Fields changed in 2022-10"), "the month before again");
}
