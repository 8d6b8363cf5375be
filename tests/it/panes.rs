//! What the console shows and does, from tables made of the sample data.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use feederscope::app::keys::Verb;
use feederscope::app::{Event, Load, RunEnd, Target, Wish};
use feederscope::config::Settings;
use feederscope::model::{Day, Environment};
use feederscope::pipeline::Progress;
use feederscope::pipeline::progress::Step;
use feederscope::ui::theme::{Depth, Theme};
use proptest::prelude::*;
use ratatui::style::Modifier;

use crate::console::{Console, steady, text_of, theme};
use crate::sample::loaded;
use crate::support::{Bench, FEEDERS, INSTALLED, feeder};

/// One lake for all panes: nothing here writes to it.
fn bench() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(loaded)
}

/// The settings with paths that are the same on every machine.
fn settings() -> Settings {
    let mut settings = bench().settings.clone();
    settings.today = Day::parse("2022-10-20").unwrap();
    settings.landing = "/landing".into();
    settings
}

fn console() -> Console {
    Console::with(settings(), bench().lake.clone())
}

const NARROW: (u16, u16) = (80, 24);
const WIDE: (u16, u16) = (160, 45);

#[test]
fn every_pane_is_drawn_as_it_was_agreed() {
    let mut console = console();
    for (key, name) in [
        ("1", "now"),
        ("2", "arrivals"),
        ("3", "rules"),
        ("4", "columns"),
        ("5", "changes"),
        ("6", "find"),
        ("7 v v", "rejected"),
    ] {
        console.press(key);
        for (width, height) in [(20, 5), NARROW, WIDE] {
            insta::assert_snapshot!(format!("{name}_{width}x{height}"), steady(&console.screen(width, height)));
        }
    }
}

#[test]
fn first_screen_says_whether_the_month_may_go_on_and_what_stops_it() {
    let console = console();
    for size in [(80, 14), NARROW, (120, 40), (200, 60)] {
        console.shows(size, "■ 2022-10 NOT READY · 2 stop it · 7 to look at");
        console.shows(size, "▶■ 2022-10 has not come");
    }
    // The next step and the due day are on the first screen of a terminal of 80 × 24, too.
    console.shows(NARROW, "next      ask utility2 for circuits, install_der, planned_der of 2022-10");
    console.shows(NARROW, "due       2022-10-10, 10 days ago; grace to 2022-10-30");
    // Nine lines of rules are two cases.
    console.shows((80, 30), "1 of 9");
}

#[test]
fn scope_is_obeyed_by_every_pane_and_its_line_is_there_at_every_width() {
    let mut console = console();
    console.press("u").type_("").press("down down enter");
    for width in [40, 60, 80, 100, 160] {
        console.shows((width, 24), " dev ");
        console.shows((width, 24), " 2022-10 ");
    }
    console.shows(NARROW, "▏utility2 ");
    console.shows(NARROW, "■ 2022-10 utility2 NOT READY · 1 stop it");
    for (pane, gone) in
        [("1", "utility3"), ("2", "utility3"), ("3", "utility3"), ("4", "utility1"), ("5 v v", "utility1"), ("6", "utility3")]
    {
        console.press(pane);
        console.hides(WIDE, gone);
    }
    console.press("0 1");
    console.shows(NARROW, "▏all utilities ");
    // The month is changed by the same keys in every pane, and all follow.
    console.press("5 [ 3");
    console.shows(NARROW, "What does not hold in 2022-09");
    console.press("6");
    console.shows(NARROW, "Feeders as of 2022-09");
    console.press("[ [");
    console.shows(NARROW, "2022-08 is the first month");
    console.press("] ] ]");
    console.shows(NARROW, "2022-10 is the newest month");
}

/// As counted by the tables of each month: what stood after it.
#[test]
fn feeders_and_ders_of_an_earlier_month_are_those_of_the_history() {
    let mut console = console();
    console.press("6 [");
    let stood = "valid_from_month <= '2022-09' AND (valid_to_month IS NULL OR valid_to_month > '2022-09')";
    let count = bench().count("silver/feeders", stood);
    console.shows(WIDE, &format!("1 of {count}"));
    // The newest month as of itself is what `feeder_capacity` says, to the last bit.
    let columns = "utility_id, feeder_id, max_hosting_capacity_mw, installed_der_count, planned_der_count, installed_der_mw, planned_der_mw";
    let now = bench().lines("platinum/feeder_capacity", columns);
    let lake = bench().settings.lake.to_str().unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_feederscope"))
        .args(["--lake", lake, "feeders", "--as-of", "2022-10", "--format", "json"])
        .output()
        .unwrap();
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => "-".into(),
        number => number.as_f64().unwrap().to_string(),
    };
    let mut of_history: Vec<String> =
        rows.iter().map(|row| columns.split(", ").map(|column| text(&row[column])).collect::<Vec<_>>().join("|")).collect();
    of_history.sort();
    assert_eq!(of_history, now);
}

#[test]
fn filter_is_answered_while_it_is_typed_completed_and_told_when_wrong() {
    let mut console = console();
    console.press("6 /").type_("36_17_1242");
    console.shows(WIDE, "1 of 1, of 206");
    console.press("esc /").type_("max_mw > 9 and util").press("tab").type_(" = utility3");
    console.shows(WIDE, "· /max_mw > 9 and utility = utility3");
    console.press("enter");
    // Strictly more, as `--over-mw` counts.
    let over = bench().count("platinum/feeder_capacity", "utility_id = 'utility3' AND max_hosting_capacity_mw > 9.0");
    console.shows(WIDE, &format!("1 of {over}, of 206"));
    console.press("/").type_(" and volts");
    console.press("ctrl-u").type_("volts > 3");
    console.shows(WIDE, "there is no column `volts`");
    console.press("esc esc");
    console.shows(WIDE, " of 206 ");
    console.press("/").type_("no such feeder").press("enter");
    console.shows(WIDE, "no row fits the filter");
    console.press("esc");
    console.shows(WIDE, " of 206 ");
}

#[test]
fn sort_in_the_ders_sorts_the_ders_and_the_feeder_stays() {
    let mut console = console();
    console.press("6 /").type_("36_17_1242").press("enter tab");
    let before = console.screen(160, 45);
    assert!(before.contains("14 DERs of utility2 36_17_1242"), "{before}");
    console.press("l l l s");
    console.shows(WIDE, "14 DERs of utility2 36_17_1242");
    console.shows(WIDE, "kW↓");
    // The greatest of its DERs is first: 4,460 kW of wind.
    console.shows(WIDE, "▶installed 85621");
    let screen = console.screen(160, 45);
    let order: Vec<usize> =
        ["installed 92743", "planned   92743", "installed 85621"].iter().map(|der| screen.find(der).unwrap()).collect();
    assert!(order.is_sorted(), "{screen}");
}

#[test]
fn der_leads_to_its_line_and_anything_is_found_by_a_part_of_its_name() {
    let mut console = console();
    console.press(":").type_("92743").press("enter");
    console.shows(WIDE, "Source of");
    console.shows(WIDE, "utility2_");
    console.press("esc :").type_("nameplate-pos").press("enter");
    console.shows(WIDE, "What does not hold in 2022-10");
    console.shows(WIDE, "▶▲ warning nameplate-positive");
    console.press(":").type_("SE-1202").press("enter");
    console.shows(WIDE, "utility3 · SE-1202");
    console.shows(WIDE, "Hosting capacity, MW, by the month from which it held");
    console.press(":").type_("2022-08").press("enter");
    console.shows(WIDE, " 2022-08 ");
    console.press(":").type_("no such thing anywhere").press("enter");
    console.shows(WIDE, "nothing goes by that name");
}

/// `trace` and the console name the same line for a DER of the month.
#[test]
fn failing_der_leads_to_the_line_of_the_months_own_file() {
    let mut console = console();
    console.press("3");
    console.press("/").type_("feeder-reference-resolves and utility1").press("enter").select("warning").press("enter");
    console.select("installed/10687");
    // The sample's own file, read by lines.
    let file = "utility1/2022-10/utility1_install_der.csv";
    let text = std::fs::read_to_string(bench().landing(file)).unwrap();
    let line = text.lines().position(|line| line.starts_with("10687,")).unwrap() + 1;
    let screen = console.screen(160, 45);
    let row = screen.lines().find(|line| line.contains("installed/10687")).unwrap();
    assert!(row.contains(&format!("{line} {file}")), "{row}");
    console.press("enter");
    console.shows(WIDE, &format!("{file} line {line} · 2022-10"));
}

#[test]
fn case_leads_to_its_evidence_whatever_its_cause() {
    let mut console = console();
    // A month that did not come: the calendar, on its utility.
    console.press("enter");
    console.shows(NARROW, "▶utility2 ● loaded ● loaded ▲ late");
    console.shows(NARROW, "no file of utility2 for 2022-10 was seen");
    // A renamed column: the column that came and went.
    console.press("1 down enter");
    console.shows(WIDE, "Voltage_kV");
    assert!(console.screen(160, 45).lines().any(|line| line.contains('▶') && line.contains("utility3 circuits")));
    // A rule: its failing rows.
    console.press("1 down down enter");
    console.shows(WIDE, "feeder_ref");
    console.press("esc");
    console.shows(WIDE, "Cases of 2022-10");
}

#[test]
fn what_jumped_stands_on_top_in_calm_numbers_and_leads_to_its_cells() {
    let mut console = console();
    console.press("[ 4 g");
    // sample-data/README.md: 66 of the 91 dates of September are damaged by a spreadsheet.
    let screen = console.screen(160, 45);
    let row = screen.lines().find(|line| line.contains('▶')).unwrap();
    assert!(row.contains("planned_der CompletionDate") && row.contains("72.5"), "{row}");
    assert!(row.contains("27!73"), "{row}");
    console.press("v v v enter");
    console.shows(WIDE, "cells of `CompletionDate` that are invalid");
    console.shows(WIDE, "1 of 66");
    console.press("enter");
    console.shows(WIDE, "▶          CompletionDate");
    console.shows(WIDE, "utility1/2022-09/utility1_planned_der.csv line ");
    console.press("esc esc");
    // Where nothing is behind a figure the reason is said, and it is the right one.
    console.press("V V V /").type_("Hydro and utility1").press("enter enter");
    console.shows(WIDE, "no cell of `Hydro` is missing in 2022-09");
    console.press("esc ] /").type_("column = Voltage_kV").press("enter enter");
    console.shows(WIDE, "the file of 2022-10 lacked the column in all of its 61 rows");
}

#[test]
fn changes_are_one_list_over_all_utilities_and_movers_another() {
    let mut console = console();
    console.press("5");
    for utility in ["utility1", "utility3"] {
        console.shows(WIDE, utility);
    }
    console.press("v");
    // By the versions: feeders whose capacity differs between the two months, or that came.
    let at = |month: &str| {
        let stood = format!("valid_from_month <= '{month}' AND (valid_to_month IS NULL OR valid_to_month > '{month}')");
        let rows = bench().query(
            "silver/feeders",
            &format!("SELECT utility_id || feeder_id AS id, max_hosting_capacity_mw AS mw FROM t WHERE {stood}"),
        );
        (0..rows.height())
            .map(|row| (rows.text("id", row).unwrap(), rows.number("mw", row)))
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    let (before, now) = (at("2022-09"), at("2022-10"));
    let moved = now.iter().filter(|(id, mw)| before.get(*id) != Some(mw)).count()
        + before.keys().filter(|id| !now.contains_key(*id)).count();
    console.shows(WIDE, &format!("1 of {moved}"));
    console.shows(WIDE, "▶utility3 NE-1304");
    console.press("down");
    // 9.57 MW before and 4.96 now.
    console.shows(WIDE, "−4.610");
    console.shows(WIDE, "−48.171");
    console.press("enter");
    console.shows(WIDE, "utility1 · 2401309");
}

#[test]
fn two_months_that_do_not_follow_one_another_are_compared_in_counts_and_fields() {
    let mut console = console();
    console.press("5 b G enter");
    console.shows(WIDE, "Changes, 2022-08 → 2022-10");
    let screen = console.screen(160, 45);
    let number = |change: &str| -> u64 {
        let is_its =
            |line: &&str| line.split_whitespace().collect::<Vec<_>>().join(" ").contains(&format!("utility1 ders {change} "));
        let line = screen.lines().find(is_its).unwrap_or_else(|| panic!("{change}: {screen}"));
        line.split(change).nth(1).unwrap().split_whitespace().next().unwrap().replace(',', "").parse().unwrap()
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
    let built = if screen.contains("planned → installed") { number("planned → installed") } else { 0 };
    assert_eq!((number("added") + built, number("changed")), (added, changed), "{screen}");
    console.press("b g enter");
    console.shows(WIDE, "Changes, 2022-09 → 2022-10");
    console.press("[ [ b");
    console.shows(WIDE, "2022-08 is the first month: there is none to compare it with");
}

#[test]
fn rejected_record_leads_to_its_raw_line() {
    let mut console = console();
    console.press("7 v v");
    console.select("missing-cell").press("enter");
    // sample-data/README.md: line 51 of the September file.
    console.shows(WIDE, "utility1/2022-09/utility1_install_der.csv line 51 · 2022-09");
    console.shows(WIDE, "rejected before bronze as missing-cell");
}

#[test]
fn rejected_duplicate_leads_to_both_of_its_lines() {
    let mut console = console();
    console.press("7 v v /").type_("reason = duplicate-key").press("enter enter");
    let screen = console.screen(160, 60);
    assert_eq!(screen.lines().filter(|line| line.contains(".csv line ") && line.contains(" · 2022-08")).count(), 2, "{screen}");
}

#[test]
fn pasted_text_goes_into_a_field_or_nowhere() {
    let mut console = console();
    let before = console.screen(80, 22);
    console.event(Event::Paste("quick\nlook 36 a x q".into()));
    assert!(!console.app.quit);
    console.shows(NARROW, "pasted text goes into a field");
    assert_eq!(console.press("down up").screen(80, 22), before, "nothing was acted on");
    console.press("a").event(Event::Paste("asked the utility\nfor it\n".into()));
    console.shows(NARROW, "reason    asked the utility for it▏");
}

#[test]
fn key_without_a_meaning_says_so_and_a_key_of_a_list_says_where() {
    let mut console = console();
    console.press("Q");
    console.shows(NARROW, "`Q` means nothing; ? shows the keys");
    console.press("down down enter enter s");
    console.shows(NARROW, "`s`: sort by the column: there is no list");
    console.press("esc esc esc");
    console.shows(NARROW, "nothing lies above; q ends the program");
    console.press("U");
    console.shows(NARROW, "nothing of it is acknowledged: there is nothing to withdraw");
}

#[test]
fn q_closes_what_lies_above_and_asks_while_a_load_works() {
    let mut console = console();
    console.press("? q");
    assert!(!console.app.quit);
    console.hides(NARROW, "Keys in");
    console.press("r");
    assert_eq!(console.runs.0, 1);
    console.press("q");
    console.shows(NARROW, "a load works: q once more");
    assert!(!console.app.quit);
    console.press("q");
    assert!(console.app.quit);
}

#[test]
fn help_lists_what_can_be_done_here_its_signs_and_can_be_searched() {
    let mut console = console();
    console.press("2 ?");
    console.shows(WIDE, "Keys in Arrivals");
    console.shows(WIDE, "past the days of grace");
    console.press("/").type_("export").press("enter");
    console.shows(WIDE, "export the list");
    console.press("esc esc 4 enter ?");
    console.shows(WIDE, "Keys in");
}

#[test]
fn keys_of_help_and_of_the_end_never_drop_out() {
    let mut console = console();
    for pane in ["1", "2", "3", "4", "5", "6", "7"] {
        console.press(pane);
        for width in [40, 80, 120, 200] {
            let screen = console.screen(width, 24);
            let keys = screen.lines().last().unwrap();
            assert!(keys.contains("? keys") && keys.contains("q quit"), "{pane} {width}: {keys}");
        }
    }
}

#[test]
fn cells_rows_and_columns_are_copied_and_lists_exported_as_shown() {
    let folder = tempfile::tempdir().unwrap();
    let mut own = settings();
    own.paths.data = folder.path().to_owned();
    let mut console = Console::with(own, bench().lake.clone());
    console.press("6 /").type_("max_mw > 9 and utility = utility3").press("enter y");
    let Some(Wish::Copy(id)) = console.wishes.last().cloned() else { panic!("{:?}", console.wishes) };
    console.shows(NARROW, &format!("copied `{id}`"));
    console.press("ctrl-y");
    let Some(Wish::Copy(column)) = console.wishes.last().cloned() else { panic!("{:?}", console.wishes) };
    let mut ids: Vec<String> = column.lines().map(str::to_owned).collect();
    ids.sort();
    let known = bench().query(
        "platinum/feeder_capacity",
        "SELECT feeder_id FROM t WHERE utility_id = 'utility3' AND max_hosting_capacity_mw > 9.0 ORDER BY feeder_id",
    );
    let known: Vec<String> = (0..known.height()).map(|row| known.text("feeder_id", row).unwrap()).collect();
    assert_eq!(ids, known);
    for format in ["csv", "json", "parquet", "md"] {
        console.press("e /").type_(format).press("enter enter");
        console.shows(WIDE, &format!("● {} rows in ", known.len()));
    }
    let read = |name: &str| std::fs::read_to_string(folder.path().join("exports").join(name)).unwrap();
    let csv = read("dev_feeders_2022-10.csv");
    assert_eq!(csv.lines().count(), known.len() + 1);
    assert!(csv.starts_with("feeder_id,utility_id,max_hosting_capacity_mw,"), "{csv}");
    let json: Vec<serde_json::Value> = serde_json::from_str(&read("dev_feeders_2022-10.json")).unwrap();
    assert_eq!(json.len(), known.len());
    assert_eq!(read("dev_feeders_2022-10.md").lines().count(), known.len() + 2);
    assert!(std::fs::metadata(folder.path().join("exports/dev_feeders_2022-10.parquet")).unwrap().len() > 100);
}

#[test]
fn all_ders_are_one_list_that_is_filtered_sorted_and_exported_in_the_tables() {
    let folder = tempfile::tempdir().unwrap();
    let mut own = settings();
    own.paths.data = folder.path().to_owned();
    let mut console = Console::with(own, bench().lake.clone());
    let shown = |count: u64| if count < 1000 { count.to_string() } else { format!("{},{:03}", count / 1000, count % 1000) };
    let count = |condition: &str| shown(bench().count("platinum/der_details", condition));
    let all = count("der_id IS NOT NULL");
    console.press("6 v");
    console.shows(NARROW, &format!("1 of {all}"));
    let greatest = bench().query("platinum/der_details", "SELECT der_id, status FROM t ORDER BY nameplate_kw DESC LIMIT 1");
    let [status, id] = ["status", "der_id"].map(|column| greatest.text(column, 0).unwrap());
    console.shows(WIDE, &format!("▶{status:<9} {id}"));
    console.press("/").type_("kw > 1000 and not type ~ solar").press("enter");
    let few = count("nameplate_kw > 1000.0 AND NOT STRPOS(LOWER(der_type), 'solar') > 0");
    console.shows(NARROW, &format!("1 of {few}, of {all}"));
    console.press("e /").type_("csv").press("enter enter");
    console.shows(WIDE, &format!("● {few} rows in "));
    // Those without a feeder are in no feeder's list.
    console.press("/").press("ctrl-u").type_("feeder = null").press("enter");
    let without = count("feeder_id IS NULL");
    assert_ne!(without, "0");
    console.shows(NARROW, &format!("1 of {without}, of {all}"));
    console.press("o");
    console.shows(NARROW, "no feeder of the tables is the one that it refers to");
    console.press("enter");
    console.shows(WIDE, ".csv line ");
    console.press("esc esc G");
    console.shows(NARROW, &format!("{all} of {all}"));
    // The scope holds here, too, and so does its month.
    console.press("d").type_("").press("down down down enter g");
    console.shows(NARROW, &format!("1 of {}", count("status = 'planned'")));
    console.press("0 [ g");
    let stood = "valid_from_month <= '2022-09' AND (valid_to_month IS NULL OR valid_to_month > '2022-09')";
    console.shows(NARROW, "DERs as of 2022-09");
    console.shows(NARROW, &format!("1 of {}", shown(bench().count("silver/ders", stood))));
}

/// Each piece is what stands at its place when all rows are sorted here.
#[test]
fn pieces_of_a_list_are_those_of_the_whole_in_every_order_and_from_both_ends() {
    use feederscope::app::reads::{browse, list::Wish};
    use feederscope::frame::Value;
    let list = browse::all_ders(None, None, None);
    let whole = bench().query("platinum/der_details", "SELECT * FROM t");
    let number = |value: &Value| match value {
        Value::Real(number) => Some(*number),
        _ => None,
    };
    let known = |row: usize, field: &str| whole.text(field, row);
    for (sort, condition) in
        [("", ""), ("-nameplate_kw", ""), ("nameplate_kw", "status = 'planned'"), ("-feeder_id", ""), ("feeder_id", "")]
    {
        let mut rows: Vec<usize> = (0..whole.height()).collect();
        rows.retain(|row| condition.is_empty() || known(*row, "status").as_deref() == Some("planned"));
        rows.sort_by_key(|row| ["utility_id", "status", "der_id"].map(|field| known(*row, field)));
        let falls = sort.starts_with('-');
        rows.sort_by(|a, b| {
            let turn = |order: std::cmp::Ordering| if falls { order.reverse() } else { order };
            match sort.trim_start_matches('-') {
                "nameplate_kw" => match [*a, *b].map(|row| number(&whole.value("nameplate_kw", row))) {
                    [Some(a), Some(b)] => turn(a.total_cmp(&b)),
                    [a, b] => a.is_none().cmp(&b.is_none()),
                },
                "feeder_id" => match [*a, *b].map(|row| known(row, "feeder_id")) {
                    [Some(a), Some(b)] => turn(a.cmp(&b)),
                    [a, b] => a.is_none().cmp(&b.is_none()),
                },
                _ => std::cmp::Ordering::Equal,
            }
        });
        let sort: Vec<String> = Some(sort.to_owned()).filter(|sort| !sort.is_empty()).into_iter().collect();
        for from in [0, 40, rows.len() / 2, rows.len() - 30, rows.len() + 100] {
            let wish = Wish { condition: condition.to_owned(), sort: sort.clone(), from };
            let piece = list.piece((&bench().lake, &feederscope::model::Cancel::default()), &wish, 100).unwrap();
            assert_eq!((piece.found, piece.all, piece.rows.height()), (rows.len(), whole.height(), 100));
            let ids: Vec<_> = (0..100).map(|row| piece.rows.text("der_id", row)).collect();
            let wanted: Vec<_> = rows[piece.from..piece.from + 100].iter().map(|row| known(*row, "der_id")).collect();
            assert_eq!(ids, wanted, "{wish:?}");
            assert!(piece.from <= from && from.min(rows.len() - 1) < piece.from + 100);
        }
    }
}

#[test]
fn columns_and_files_are_found_by_a_part_of_their_name_and_stand_in_front() {
    let mut console = console();
    // The pane has been looked at: it holds the files of another cell.
    console.press("2 u").type_("").press("down down enter");
    console.press(":").type_("utility1_install_der 2022-09").press("enter");
    console.shows(WIDE, "▏all utilities ");
    console.shows(NARROW, " 2022-09 ");
    let screen = console.screen(160, 45);
    assert!(
        screen.lines().any(|line| line.contains("▶") && line.contains("utility1/2022-09/utility1_install_der.csv")),
        "{screen}"
    );
    console.press(":").type_("Voltage_kV").press("enter");
    let screen = console.screen(160, 45);
    assert!(screen.lines().any(|line| line.contains("▶") && line.contains("Voltage_kV")), "{screen}");
    console.shows(WIDE, "Cells that are missing");
}

#[test]
fn utility_without_an_adapter_is_told_nowhere_that_judges() {
    let mut own = settings();
    own.utilities.retain(|adapter| adapter.id.as_str() != "utility3");
    let mut console = Console::with(own.clone(), bench().lake.clone());
    let outcomes = feederscope::app::reads::checks::outcomes(&bench().lake, &own).unwrap();
    let newest = outcomes.iter().filter(|checked| checked.month.to_string() == "2022-10");
    let failing = newest.filter(|checked| checked.state == feederscope::pipeline::rules::RuleState::Failed);
    let (failing, of_it) = failing.fold((0, 0), |(all, own), one| (all + 1, own + usize::from(one.utility == "utility3")));
    assert_eq!(of_it, 0);
    for pane in ["1", "2", "3", "2 v", "2 v v"] {
        console.press(pane);
        console.hides(WIDE, "utility3");
    }
    console.press("3");
    console.shows(WIDE, &format!("1 of {failing}"));
}

#[test]
fn what_stands_between_two_parts_is_moved_with_the_mouse_in_its_pane_alone() {
    let mut console = console();
    console.press("6");
    let divider = |console: &Console, (width, height): (u16, u16)| {
        let hits = console.hits(width, height);
        let places = (0..width).flat_map(|x| (0..height).map(move |y| (x, y)));
        let found = places.into_iter().find_map(|(x, y)| match hits.at(x, y) {
            Some(Target::Divider(divider)) => Some((divider, x, y)),
            _ => None,
        });
        found.expect("two parts")
    };
    let (held, x, _) = divider(&console, WIDE);
    assert!(held.beside);
    console.event(Event::Divided(held.pair, held.share(40)));
    let (_, moved, _) = divider(&console, WIDE);
    assert!(x > 70 && (39..=41).contains(&moved), "{x} {moved}");
    // Below one another it is lines that are shared; neither part goes.
    let (held, _, _) = divider(&console, NARROW);
    assert!(!held.beside);
    assert_eq!((held.share(0), held.share(200)), (90, 10));
    console.press("5");
    let (_, other, _) = divider(&console, WIDE);
    assert!(other > 90, "another pane is as it was: {other}");
}

#[test]
fn report_and_mail_are_written_from_the_console() {
    let folder = tempfile::tempdir().unwrap();
    let mut own = settings();
    own.paths.data = folder.path().to_owned();
    let mut console = Console::with(own, bench().lake.clone());
    console.press("w");
    console.shows(WIDE, "● report of 2022-10 in ");
    let report = std::fs::read_to_string(folder.path().join("exports/dev_report_2022-10.html")).unwrap();
    assert!(report.contains("not ready: errors are open"));
    console.press("O");
    assert!(matches!(console.wishes.last(), Some(Wish::Browse(path)) if path.ends_with("dev_report_2022-10.html")));
    console.press("[ M");
    console.shows(WIDE, "● mail in ");
    let mails: Vec<_> = std::fs::read_dir(folder.path().join("exports")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let mail = mails.iter().find(|path| path.extension().is_some_and(|extension| extension == "txt")).unwrap();
    let text = std::fs::read_to_string(mail).unwrap();
    assert!(text.starts_with("Subject: ") && text.contains("deliveries of 2022-09") && text.contains("   Please: "), "{text}");
}

#[test]
fn list_is_sorted_by_its_head_chosen_by_pointing_and_turned_by_the_wheel() {
    let mut console = console();
    console.press("6");
    let find = |console: &Console, text: &str| -> (u16, u16) {
        let screen = console.screen(80, 24);
        let (y, line) =
            screen.lines().enumerate().find(|(_, line)| line.contains(text)).unwrap_or_else(|| panic!("{text}: {screen}"));
        let x = line[..line.find(text).unwrap()].chars().count();
        (u16::try_from(x).unwrap(), u16::try_from(y).unwrap())
    };
    let head = console.at(NARROW, find(&console, "min MW")).unwrap();
    assert!(matches!(head, Target::Head { part: 0, .. }), "{head:?}");
    console.event(Event::Click(head));
    console.shows(NARROW, "min MW↓");
    console.press("g").event(Event::Wheel(3));
    console.shows(NARROW, " 4 of 206");
    let tab = console.at(NARROW, find(&console, " 3 Rules")).or_else(|| console.at(NARROW, find(&console, " 3")));
    console.event(Event::Click(tab.unwrap()));
    console.shows(NARROW, "What does not hold in 2022-10");
    let keys = console.at(NARROW, find(&console, "? keys")).unwrap();
    console.event(Event::Click(keys));
    console.shows(NARROW, "Keys in Rules");
}

#[test]
fn columns_are_hidden_moved_and_remembered_with_pane_scope_and_filter() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.toml");
    let mut first = console();
    first.press("6 f down enter esc");
    first.shows(WIDE, "▶36_17_1242 4,310.000");
    first.press("/").type_("36_17").press("enter u down down enter [");
    first.app.keep(&file).unwrap();
    let mut second = Console::without_answers(settings(), bench().lake.clone());
    second.app.restore(&file);
    let jobs = second.app.start();
    second.finish(jobs);
    assert_eq!(second.screen(160, 44), first.screen(160, 44));
    second.shows(WIDE, "/36_17");
    second.shows(WIDE, "▏utility2 ");
    second.shows(WIDE, "Feeders as of 2022-09");
    std::fs::write(&file, "pane = 3\nnonsense").unwrap();
    let mut third = Console::without_answers(settings(), bench().lake.clone());
    third.app.restore(&file);
    let jobs = third.app.start();
    third.finish(jobs);
    third.shows(NARROW, "Cases of 2022-10");
}

#[test]
fn environment_that_others_act_on_looks_different_and_takes_no_loads_and_no_decisions() {
    let mut own = settings();
    own.env = Environment::Prod;
    let mut console = Console::with(own, bench().lake.clone());
    console.press("r");
    console.shows(NARROW, "prod takes only what is promoted: E changes to dev, P there promotes");
    console.press("a");
    console.shows(NARROW, "prod takes only what is promoted");
    assert_eq!(console.runs.0, 0);
    let cell = |console: &Console| console.buffer(80, 24, &Theme::dark())[(1, 0)].style();
    assert_ne!(cell(&console), cell(&self::console()));
}

#[test]
fn page_of_promotions_shows_the_gate_and_promotes_nothing_while_it_is_shut() {
    let mut console = console();
    console.press("P");
    console.shows(WIDE, "dev → qa");
    console.shows(NARROW, "■ no error is open and unsigned");
    console.shows(NARROW, "● the ledger closes");
    console.shows(WIDE, "What would change in qa");
    console.press("P");
    console.shows(WIDE, "the gate is shut: no error is open and unsigned");
    assert!(!bench().settings.lake.join("iedr_qa").exists());
    // What may go from qa to prod is the next question.
    console.press("E down enter");
    assert_eq!(console.app.reopen.take(), Some(Environment::Qa));
    console.press("esc :").type_("prod");
    console.shows(NARROW, "environment prod");
    console.press("enter");
    assert_eq!(console.app.reopen, Some(Environment::Prod));
}

#[test]
fn keys_at_the_bottom_and_in_the_help_mean_something_where_they_stand() {
    const SIZE: (u16, u16) = (300, 45);
    for way in ["1", "P", "6 enter", "3 ?"] {
        let mut console = console();
        console.press(way);
        let bottom = console.hits(SIZE.0, SIZE.1);
        let offered: BTreeSet<Verb> = (0..SIZE.0)
            .filter_map(|x| match bottom.at(x, SIZE.1 - 1) {
                Some(Target::Key(verb)) => Some(verb),
                _ => None,
            })
            .collect();
        assert!(offered.len() > 2, "{way}: {offered:?}");
        for verb in offered.into_iter().filter(|verb| *verb != Verb::Quit) {
            let mut console = self::console();
            console.press(way);
            console.event(Event::Click(Target::Key(verb)));
            let screen = console.screen(SIZE.0, SIZE.1);
            assert!(!screen.contains("not here") && !screen.contains("there is nothing for it"), "{way}, {verb:?}:\n{screen}");
        }
    }
    let mut console = console();
    console.press("?");
    console.shows((160, 80), "one utility");
    console.press("esc P ?");
    console.hides((160, 80), "one utility");
    console.shows((160, 80), "another environment");
    // What `:` finds over a page means something there, too: the utility can be left from a pane only.
    for (way, is_there) in [("", true), ("P", false)] {
        let mut console = self::console();
        console.press(way).press(":").type_("utility");
        let screen = console.screen(160, 45);
        assert_eq!(screen.contains("one utility"), is_there, "{way}:\n{screen}");
        console.press("esc :").type_("environment");
        assert!(console.screen(160, 45).contains("another environment"), "{way}");
    }
}

#[test]
fn another_writer_is_waited_for_and_its_tables_are_read() {
    let mut console = console();
    console.press("r").event(Event::RunEnded(RunEnd::Locked("process 7 since 10:00".into())));
    console.shows((120, 30), "◌ process 7 since 10:00 is writing");
    // An empty name of the holder is no empty sentence.
    let mut other = self::console();
    other.event(Event::RunEnded(RunEnd::Locked("  ".into())));
    other.shows(NARROW, "◌ another process is writing");
    // When the tables change the run is tried again, and what was on the screen stays on it.
    console.press("3 down down enter");
    let before = console.screen(120, 20);
    console.event(Event::TablesChanged);
    assert_eq!(console.runs.0, 2);
    assert_eq!(console.screen(120, 20).lines().take(17).collect::<Vec<_>>(), before.lines().take(17).collect::<Vec<_>>());
}

#[test]
fn keys_work_and_files_wait_their_turn_while_a_load_runs() {
    let mut console = console();
    console.press("r r");
    assert_eq!(console.runs.0, 1, "one load at a time");
    console.event(Event::FilesStable);
    assert_eq!(console.runs.0, 1);
    let progress = Progress {
        step: Step::Bronze,
        subject: "utility1/2022-10/utility1_circuits.csv".into(),
        rows_done: 1200,
        rows_expected: 4800,
    };
    console.event(Event::Progress(progress)).press("4");
    console.shows((120, 30), "bronze utility1/2022-10/utility1_circuits.csv · 25 % · 1,200 rows so far");
    // What comes late, or from a file that was thought shorter, takes nothing back.
    let late = Progress { step: Step::Bronze, subject: "utility2/late.csv".into(), rows_done: 1100, rows_expected: 9000 };
    console.event(Event::Progress(late));
    console.shows((120, 30), "utility1_circuits.csv · 25 % · 1,200 rows so far");
    // What is made of rows that were read is more than once as many.
    let above =
        Progress { step: Step::Quality, subject: "utility1 circuits 2022-10".into(), rows_done: 3200, rows_expected: 4800 };
    console.event(Event::Progress(above));
    console.shows((120, 30), " quality utility1 circuits 2022-10 · 66 %\n");
    // Where rules alone are asked there are no rows to do.
    let rules = |at: u32| Progress {
        step: Step::Rules,
        subject: format!("utility1 2023-12, {at} of 24 months"),
        rows_done: 0,
        rows_expected: 0,
    };
    console.event(Event::Progress(rules(3)));
    console.shows((120, 30), " rules utility1 2023-12, 3 of 24 months\n");
    console.event(Event::RunEnded(RunEnd::Done("done".into())));
    assert_eq!(console.runs.0, 2, "files that came meanwhile are loaded after");
    console.event(Event::RunEnded(RunEnd::Nothing));
    console.shows((120, 30), "● done");
    console.event(Event::FilesStable).event(Event::RunEnded(RunEnd::Nothing));
    console.shows((120, 30), "● done");
    // Who asks is answered.
    console.press("r").event(Event::RunEnded(RunEnd::Nothing));
    console.shows((120, 30), "● nothing new in the landing folder");
    console.press("r x");
    assert_eq!(console.runs.1, 1);
    console.event(Event::RunEnded(RunEnd::Stopped));
    assert!(matches!(console.app.load(), Load::Stopped));
    console.shows((120, 30), "stopped; every table is as after its last commit, r goes on from there");
}

#[test]
fn console_without_data_or_answers_says_why_and_what_to_do() {
    let loading = Console::without_answers(settings(), bench().lake.clone());
    loading.shows(NARROW, "reading the tables …");
    insta::assert_snapshot!("loading_80x24", loading.screen(80, 24));
    let empty = Bench::new();
    let mut own = empty.settings.clone();
    own.landing = "/landing".into();
    let mut console = Console::with(own, empty.lake.clone());
    insta::assert_snapshot!("empty_80x24", console.screen(80, 24));
    for pane in ["1", "2", "3", "4", "5", "6", "7"] {
        console.press(pane);
        console.shows(NARROW, "put files into /landing and press r");
        // No title names something that is not there.
        let screen = console.screen(160, 50);
        let titles = screen.split('─').map(str::trim_end).filter(|title| !title.is_empty());
        let unfinished: Vec<&str> = titles.filter(|title| title.ends_with([':', ',', '→', '·'])).collect();
        assert!(unfinished.is_empty(), "{unfinished:?} in\n{screen}");
        // What needs a row is not offered without one, and says so.
        assert!(!console.screen(80, 24).lines().last().unwrap().contains("Enter"));
        console.press("enter");
        console.shows(NARROW, "no row is selected");
    }
    console.press("r 6");
    console.shows(NARROW, "the first load works; see the bar below");
}

#[test]
fn table_that_cannot_be_read_takes_no_other_pane_with_it() {
    let broken = loaded();
    let log = broken.lake.root().join("ops/rule_results/_delta_log");
    for entry in std::fs::read_dir(&log).unwrap() {
        std::fs::write(entry.unwrap().path(), "{").unwrap();
    }
    let mut own = broken.settings.clone();
    own.today = Day::parse("2022-10-20").unwrap();
    let lake = feederscope::lake::Lake::new(&own.lake, own.env).unwrap();
    let mut console = Console::with(own, lake);
    console.shows((100, 30), "? ");
    console.shows((100, 30), "NO VERDICT");
    console.press("2");
    console.shows((100, 30), "utility2 ● loaded ● loaded ▲ late");
    console.press("3");
    console.shows((100, 30), "ops/rule_results");
}

#[test]
fn feeder_without_ders_has_nothing_installed_and_no_less() {
    let bench = Bench::new();
    bench.put("utility2/2022-08/utility2_circuits.csv", format!("{FEEDERS}{}{}", feeder("A", "5"), feeder("B", "3")));
    bench.put("utility2/2022-08/utility2_install_der.csv", format!("{INSTALLED}D1,null,Solar,100,A,0\nD2,null,Solar,200,A,0\n"));
    bench.run();
    let mut console = Console::with(bench.settings.clone(), bench.lake.clone());
    console.press("6 enter");
    console.shows(NARROW, "installed     0.300 MW");
    console.shows(NARROW, "planned       0.000 MW");
    console.press("esc down enter");
    console.shows(NARROW, "installed     0.000 MW");
    console.shows(NARROW, "planned       0.000 MW");
}

#[test]
fn table_of_ders_that_is_gone_is_no_feeder_without_ders() {
    let broken = loaded();
    std::fs::remove_dir_all(broken.lake.root().join("platinum/der_details/_delta_log")).unwrap();
    let mut own = broken.settings.clone();
    own.today = Day::parse("2022-10-20").unwrap();
    let lake = feederscope::lake::Lake::new(&own.lake, own.env).unwrap();
    let mut console = Console::with(own, lake);
    console.press("6");
    console.shows(NARROW, "platinum/feeder_capacity counts 14 DERs on it, and platinum/der_details holds");
    console.shows(NARROW, "none of them");
    let own = broken.settings.clone();
    std::fs::remove_dir_all(broken.lake.root().join("platinum/column_quality/_delta_log")).unwrap();
    let lake = feederscope::lake::Lake::new(&own.lake, own.env).unwrap();
    let mut console = Console::with(own, lake);
    console.press("4");
    console.shows(WIDE, "although months were loaded: the table behind it is gone or empty");
}

#[test]
fn refused_file_is_the_first_case_with_reason_line_and_next_step() {
    let bench = Bench::new();
    bench.put("utility2/2022-08/utility2_circuits.csv", format!("{FEEDERS}{}", feeder("A", "5")));
    bench.run();
    let mut own = bench.settings.clone();
    own.today = Day::parse("2022-09-20").unwrap();
    // The console is open when the file comes: nobody has chosen a row, so what is first is in front.
    let mut console = Console::with(own, bench.lake.clone());
    bench.put("utility2/2022-09/utility2_circuits.csv", format!("{FEEDERS}{}\"B,13.2", feeder("A", "6")));
    bench.run();
    console.event(Event::TablesChanged);
    console.shows(NARROW, "▶■ refused: circuits of 2022-09");
    console.shows(NARROW, "■ refused: circuits of 2022-09");
    console.shows(NARROW, "`utility2/2022-09/utility2_circuits.csv`, line 3: unclosed-quote");
    console.shows(NARROW, "next      look at the line for a stray quote and send the file again");
    console.shows(NARROW, "7 Rejected ■1");
    console.press("enter");
    console.shows(NARROW, "■ refused");
    console.press("a");
    console.press("1 a");
    console.shows(NARROW, "a refused file cannot be acknowledged");
}

#[test]
fn case_is_signed_and_withdrawn_by_name_and_the_cursor_stays_on_it() {
    let bench = loaded();
    let mut own = bench.settings.clone();
    own.today = Day::parse("2022-10-20").unwrap();
    own.account = "steward".into();
    let mut console = Console::with(own, bench.lake.clone());
    console.press("a");
    insta::assert_snapshot!("sign_80x24", console.screen(80, 24));
    console.shows(NARROW, "Acknowledge in DEV · utility2 · 2022-10");
    console.press("enter");
    console.shows(NARROW, "a reason needs 10 characters");
    console.type_("asked on 10-18").press("tab enter");
    console.shows((120, 30), "● acknowledged 6 outcomes by steward until 2023-01-18");
    console.shows(NARROW, "· 1 stop it · 7 to look at · 1 acknowledged");
    let selected = |console: &Console| console.screen(120, 40).lines().find(|line| line.contains('▶')).unwrap().to_owned();
    assert!(selected(&console).contains("◇ 2022-10 has not come"), "{}", selected(&console));
    let rows = bench.query("ops/acknowledgements", "SELECT rule_id, reason, account FROM t");
    assert_eq!(
        (rows.height(), rows.text("account", 0).as_deref(), rows.text("reason", 5).as_deref()),
        (6, Some("steward"), Some("asked on 10-18"))
    );
    // Once more says that it is done already; it is withdrawn by name, too, and everything stays on record.
    console.press("a");
    console.shows(NARROW, "acknowledged already by steward until 2023-01-18; U withdraws it");
    console.press("U").type_("the files came").press("enter");
    console.shows(NARROW, "· 2 stop it · 7 to look at");
    assert!(selected(&console).contains("■ 2022-10 has not come"));
    assert_eq!(bench.rows("ops/acknowledgements"), 12);
}

#[test]
fn selection_and_states_are_seen_without_colours() {
    let mut console = console();
    for (name, depth) in [("dark", Depth::None), ("dark", Depth::Sixteen), ("mono", Depth::All), ("light", Depth::Many)] {
        let theme = theme(name, depth);
        for pane in ["1", "2", "3", "4", "5", "6"] {
            console.press(pane);
            let buffer = console.buffer(120, 30, &theme);
            let text = text_of(&buffer);
            let (y, line) =
                text.lines().enumerate().find(|(_, line)| line.contains('▶')).unwrap_or_else(|| panic!("{name} {pane}: {text}"));
            let x = line[..line.find('▶').unwrap()].chars().count();
            let selected = buffer[(u16::try_from(x).unwrap() + 2, u16::try_from(y).unwrap())].style();
            let other = buffer[(u16::try_from(x).unwrap() + 2, u16::try_from(y).unwrap() + 1)].style();
            assert_ne!(
                (selected.bg, selected.add_modifier.contains(Modifier::REVERSED)),
                (other.bg, other.add_modifier.contains(Modifier::REVERSED)),
                "{name} {pane}"
            );
            // The tab in front is set off at every width.
            let tab = text.lines().nth(1).unwrap();
            let at = tab.find(&format!(" {pane} ")).unwrap();
            let x = u16::try_from(tab[..at].chars().count() + 1).unwrap();
            let (front, last) = (buffer[(x, 1)].style(), buffer[(119, 1)].style());
            assert_ne!((front.bg, front.add_modifier), (last.bg, last.add_modifier), "{name} {pane}");
        }
    }
    // Without colours nothing is written that needs them.
    let buffer = console.buffer(120, 30, &theme("dark", Depth::None));
    assert!(buffer.content.iter().all(|cell| cell.fg == ratatui::style::Color::Reset && cell.bg == ratatui::style::Color::Reset));
}

#[test]
fn text_is_scrolled_to_its_last_line_and_no_further() {
    let mut console = console();
    console.press("3").select("feeder-reference-resolves").press("enter enter G");
    console.shows(NARROW, "Source of");
    let end = console.screen(80, 24);
    assert!(end.lines().nth(20).is_some_and(|line| line.trim_matches(['│', ' ', '┃']).len() < 80), "{end}");
    console.press("pgdn pgdn G");
    assert_eq!(console.screen(80, 24), end);
    console.press("up");
    assert_ne!(console.screen(80, 24), end, "one key goes back by one line at once");
}

#[test]
fn columns_of_lists_have_a_gap_and_decimals_are_aligned() {
    let mut console = console();
    console.press("6");
    let screen = console.screen(120, 40);
    let rows = screen.lines().filter(|line| line.contains("utility2") && line.contains("4.80"));
    let at: std::collections::BTreeSet<usize> = rows.map(|line| line[..line.rfind("4.80").unwrap()].chars().count()).collect();
    assert_eq!(at.len(), 1, "{screen}");
    console.shows((120, 40), "4,310.000");
}

#[test]
fn redraw_and_suspension_are_asked_of_the_terminal() {
    let mut console = console();
    console.press("ctrl-l ctrl-z ctrl-t");
    assert_eq!(console.wishes, [Wish::Redraw, Wish::Suspend, Wish::Mouse(false)]);
}

#[test]
fn nothing_is_ready_before_it_was_checked() {
    let bench = Bench::new();
    bench.put("utility2/2022-08/utility2_circuits.csv", format!("{FEEDERS}{}", feeder("A", "5")));
    // The bench has no rules: nothing is asked of the month.
    bench.run();
    let mut console = Console::with(bench.settings.clone(), bench.lake.clone());
    console.hides(NARROW, "READY");
    console.shows(NARROW, "no rule was checked yet of what is looked at");
    console.press("3");
    console.hides(NARROW, "every rule holds");
    console.press("w");
    console.shows((120, 24), "■ no report of 2022-08: no rule was checked for it yet");
    // Of a month in part it is said which part.
    let mut other = self::console();
    other.press("d down down down enter");
    other.shows(NARROW, "■ 2022-10 planned_der NOT READY");
}

#[test]
fn list_of_another_question_is_empty_until_its_answer_is_there() {
    let mut console = console();
    console.press("5 v");
    console.shows(WIDE, "2401309");
    console.press("[ [");
    console.hides(WIDE, "2401309");
    console.shows(WIDE, "the first month: there is nothing to compare it with");
    // A month's step keeps the feeder that is looked at.
    console.press("6 ]").select("SE-1204").press("]");
    assert!(console.screen(160, 45).lines().any(|line| line.contains('▶') && line.contains("SE-1204")));
}

#[test]
fn case_leads_to_its_month_and_list_however_the_pane_was_left() {
    let mut console = console();
    console.press("2 v v v 1 enter");
    console.shows(NARROW, "▶utility2 ● loaded ● loaded ▲ late");
    // The cursor of the calendar stood on another month.
    console.press("esc esc h h 1 enter");
    console.shows(NARROW, "Files of utility2 2022-10");
    // The list of rules stood on every month.
    console.press("3 v v 1 down down o");
    console.shows(NARROW, "What does not hold in 2022-10");
    console.shows(WIDE, "▶▲ warning feeder-reference-resolves");
    // A rule that holds is in the longer list, and is selected there.
    console.press(":").type_("capacity-plausible").press("enter");
    console.shows(WIDE, "Every outcome of 2022-10");
    assert!(console.screen(160, 45).lines().any(|line| line.contains('▶') && line.contains("capacity-plausible")));
}

#[test]
fn esc_clears_the_filter_of_the_list_in_front_before_it_goes_back() {
    let mut console = console();
    console.press("1 down down enter /").type_("nothing like that").press("enter");
    console.shows(WIDE, "no row fits the filter");
    console.press("esc");
    console.shows(WIDE, "feeder_ref");
    console.press("esc");
    console.shows(WIDE, "Cases of 2022-10");
    // One question about the end does not answer a later one.
    console.press("r q down");
    console.press("q");
    assert!(!console.app.quit);
}

#[test]
fn records_of_the_selected_case_stand_below_where_there_is_room() {
    let mut console = console();
    console.event(Event::Resized(45)).press("1 down down");
    console.shows(WIDE, "Records: a DER's feeder or circuit is in a circuits file");
    console.shows(WIDE, "installed/10687");
    console.press("tab").select("installed/10687").press("enter");
    console.shows(WIDE, "Source of installed/10687");
    console.press("esc esc up");
    console.hides(WIDE, "Records: ");
}

/// Texts of the data that a terminal would act on, or that have no end.
fn hostile() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(|| {
        let bench = Bench::new();
        let long = "L".repeat(300);
        let ids = ["A\u{1b}[2Jz", "\u{202e}evil", "größe 漢字 🙂", long.as_str(), "a\u{0}b", "=1+2", "-", "' OR 1=1 --"];
        let rows: String = ids.iter().map(|id| feeder(&format!("\"{id}\""), "5")).collect();
        bench.put("utility2/2022-08/utility2_circuits.csv", format!("{FEEDERS}{rows}"));
        bench.put("utility2/2022-09/utility2_circuits.csv", format!("{FEEDERS}{rows}{}", feeder("A", "9")));
        bench.run();
        bench
    })
}

const ANY: [&str; 34] = [
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "7",
    "up",
    "down",
    "left",
    "right",
    "enter",
    "esc",
    "tab",
    "shift-tab",
    "pgdn",
    "G",
    "g",
    "/",
    "s",
    "S",
    "f",
    "space",
    "y",
    "v",
    "V",
    "[",
    "]",
    "b",
    "u",
    "d",
    "?",
    ":",
    "z",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// No key, in any order, in any pane, at any size, ends in a panic, a torn line or a character that acts on the terminal.
    #[test]
    fn every_screen_is_drawn_at_any_size(
        keys in proptest::collection::vec(0..ANY.len(), 1..9),
        width in 0_u16..300,
        height in 0_u16..100,
        is_hostile in any::<bool>(),
    ) {
        let mut console = if is_hostile { Console::with(hostile().settings.clone(), hostile().lake.clone()) } else { console() };
        for key in keys {
            console.press(ANY[key]);
            let screen = console.screen(width, height);
            prop_assert!(screen.chars().all(|c| c == '\n' || !(c.is_control() || c == '\u{202e}')), "{screen:?}");
            if width >= 30 && height >= 4 {
                let first = screen.lines().next().unwrap();
                prop_assert!(first.starts_with(" dev  20"), "{screen}");
            }
        }
    }
}
