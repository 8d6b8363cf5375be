//! The pictures in the documentation are what the console draws of the sample data, and the files that it names are there.
//!
//! `FEEDERSCOPE_WRITE_DOCS=1 cargo test` writes the pictures.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::console::{Console, steady};
use crate::sample::loaded;
use crate::support::Bench;

const FENCE: &str = "```";

struct Picture {
    heading: &'static str,
    text: &'static str,
    keys: &'static str,
    typed: &'static str,
    then: &'static str,
}

const fn picture(heading: &'static str, text: &'static str, keys: &'static str) -> Picture {
    Picture { heading, text, keys, typed: "", then: "" }
}

const PICTURES: [Picture; 14] = [
    picture(
        "1 Now",
        "May the month go on, and what stops it? One case for each cause, what stops the month first; below, what is the matter, what \
         to do, and what is known. `Enter` leads to the evidence, `a` acknowledges all outcomes of the case, `U` withdraws that, `M` writes \
         the mail to the utility with its rejected records beside it, `w` the report, `o` shows its rules.",
        "1",
    ),
    picture(
        "Acknowledging",
        "The dialog names all that it writes: environment, utility, month, outcomes, account and the last day on which it counts (`Tab` \
         takes another). A reason needs ten characters. It stays in `ops/acknowledgements`, as does its withdrawal.",
        "1 a",
    ),
    picture(
        "2 Arrivals",
        "What came of each utility, month by month; the files of the selected cell with reason and next step. `v` shows feeds with their \
         ages, runs that found something, and the utilities' scorecard.",
        "2 down",
    ),
    picture(
        "3 Rules",
        "Every outcome, since when it fails, and who has acknowledged it; `v` shows what holds, too, and every month.",
        "3",
    ),
    picture(
        "4 Columns",
        "Every column of every file by months. What changed most against the month before stands on top; a cell is the share of missing \
         values in percent, and after `!` that of invalid ones. `v` shows another state, `h` and `l` go through the months, `Enter` leads to \
         the records.",
        "[ 4",
    ),
    picture(
        "5 Changes",
        "Two months: records that came, changed and went, and the columns that changed. `b` compares with any earlier month.",
        "5",
    ),
    picture("Largest movers", "`v` in Changes: the feeders whose hosting capacity moved most, over all utilities.", "5 v"),
    picture(
        "6 Find",
        "Feeders and the DERs of the selected one, as they stood after the month of the scope. `/` filters by words and comparisons \
         (`max_mw > 5 and utility = utility2`), `Tab` completes and goes to the DERs, `Enter` shows the feeder, or the line of a DER.",
        "6",
    ),
    Picture {
        heading: "A feeder",
        text: "Its hosting capacity over the months, what is installed and planned against it, and its DERs.",
        keys: "6 /",
        typed: "4301232",
        then: "enter enter",
    },
    picture(
        "7 Rejected",
        "Records and files that could not be taken, with their raw text; `v` groups them by file and reason, and shows every month.",
        "7 v v",
    ),
    picture(
        "Records and source",
        "From a figure to its records, and from a record to the line of its file, with the cell in question marked.",
        "1 down down enter enter",
    ),
    Picture {
        heading: "Go to anything",
        text: "`:` finds panes, commands, months, utilities, rules, feeders, and DERs by id or address.",
        keys: "1 :",
        typed: "9274",
        then: "",
    },
    picture("Columns of a list", "`f` shows, hides and orders the columns of any list; it is remembered.", "6 f"),
    picture("Help", "`?` lists what can be done where the keys are, and what the signs mean; `/` searches in it.", "2 ?"),
];

const HEAD: &str = "# The console\n\n\
    Each picture is drawn by the program from the sample data (`feederscope demo`), as of 2022-10-20, at 120 × 32; a test compares them. \
    Every key is in [keys.md](keys.md).\n\n\
    The first line is the **scope**: environment, month, the month compared with, utility and dataset. Every pane obeys it, and it is \
    changed the same way everywhere: `[` and `]` the month, `b` the one compared with, `u` the utility, `d` the dataset, `0` all of them. \
    The line below the tabs is the verdict on that scope. Every box names the table behind it and when it was read; the console reads \
    again when anybody commits to a table.\n\n\
    Every list sorts by the column under the cursor (`s`, the one before is the second key), filters (`/`), searches (`Ctrl-F`, `n`), \
    shows a cell whole (`Space`), copies (`y`, also over SSH) and exports what is shown (`e`). What has no room is dropped by importance \
    and counted in the title (`+2 columns`); a cut cell ends in `…`.\n\n\
    In `dev` files are loaded when they have settled; `qa` and `prod` take only what is promoted (`P`), and `r` says so. Exports, reports and \
    mails go to `exports` in the data folder; what the console remembers is in `console-ENV.toml` there.\n";

fn console() -> Console {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    let bench = BENCH.get_or_init(loaded);
    let mut settings = bench.settings.clone();
    settings.today = feederscope::model::Day::parse("2022-10-20").unwrap();
    settings.landing = "/srv/landing".into();
    settings.account = "steward".into();
    Console::with(settings, bench.lake.clone())
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    let mut console = console();
    for picture in &PICTURES {
        console.press("1").press("esc").press(picture.keys).type_(picture.typed).press(picture.then);
        let screen = steady(&console.screen(120, 32));
        let _ = write!(page, "\n## {}\n\n{}\n\n{FENCE}text\n{screen}\n{FENCE}\n", picture.heading, picture.text);
        console.press("esc esc esc esc 6 esc ] ]");
    }
    page
}

pub fn file(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

pub fn is_current(name: &str, text: &str) {
    if std::env::var_os("FEEDERSCOPE_WRITE_DOCS").is_some() {
        std::fs::write(file(name), text).unwrap();
    }
    let kept = std::fs::read_to_string(file(name)).unwrap();
    let differs = kept.lines().zip(text.lines()).find(|(kept, drawn)| kept != drawn);
    assert!(kept == text, "`{name}` is not what the console draws: {differs:?}; `FEEDERSCOPE_WRITE_DOCS=1 cargo test` writes it");
}

#[test]
fn console_is_documented_as_it_is_drawn() {
    is_current("docs/console.md", &page());
}

#[test]
fn readme_shows_the_first_screen_as_it_is_drawn() {
    let readme = std::fs::read_to_string(file("README.md")).unwrap();
    let (before, rest) = readme.split_once("<!-- the first screen -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end of the first screen -->\n").unwrap();
    let screen = console().screen(80, 24);
    let text =
        format!("{before}<!-- the first screen -->\n{FENCE}text\n{screen}\n{FENCE}\n<!-- end of the first screen -->\n{after}");
    is_current("README.md", &text);
}

#[test]
fn readme_tells_how_many_rules_are_built_in() {
    let (built_in, _) = feederscope::config::RuleSet::load(Path::new("/nowhere"));
    let readme = std::fs::read_to_string(file("README.md")).unwrap();
    let told = readme.split_once(" rules are built in").unwrap().0.rsplit(' ').next().unwrap();
    assert_eq!(told, built_in.rules.len().to_string());
}

/// The texts that braces stand for.
fn expanded(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else { return vec![path.to_owned()] };
    let (choices, after) = rest.split_once('}').unwrap();
    choices.split(',').flat_map(|choice| expanded(&format!("{before}{choice}{after}"))).collect()
}

/// Whether something is at a path from the project's root, or from `src`; a name may have one star.
fn is_there(path: &str) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Some((before, after)) = path.split_once('*') else {
        return root.join(path).exists() || root.join("src").join(path).exists();
    };
    let (folder, start) = before.rsplit_once('/').unwrap();
    let names = std::fs::read_dir(root.join(folder)).into_iter().flatten().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.into_string().unwrap()).any(|name| name.starts_with(start) && name.ends_with(after))
}

/// What a folder of the project holds.
fn entries(path: &str) -> Vec<PathBuf> {
    std::fs::read_dir(file(path)).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// The texts of all documents, by their paths.
fn documents() -> Vec<(PathBuf, String)> {
    let mut paths = entries("docs");
    paths.extend([file("README.md"), file("CONTRIBUTING.md")]);
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// A script that a document names can be run as it stands there.
#[cfg(unix)]
#[test]
fn scripts_that_documents_name_can_be_run() {
    use std::os::unix::fs::PermissionsExt;
    let named = regex::Regex::new(r"\bbenches/[\w./-]+\.(?:py|sh)\b").unwrap();
    let mut found = 0;
    for (document, text) in documents() {
        for script in named.find_iter(&text) {
            let path = file(script.as_str());
            let is_script = std::fs::read_to_string(&path).is_ok_and(|text| text.starts_with("#!"));
            let may_run = path.metadata().is_ok_and(|about| about.permissions().mode() & 0o111 == 0o111);
            assert!(is_script && may_run, "{} names {}", document.display(), script.as_str());
            found += 1;
        }
    }
    assert!(found >= 6, "{found}");
}

#[test]
fn files_that_documents_name_are_there() {
    let first: Vec<String> = [entries(""), entries("src")]
        .concat()
        .iter()
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    let named = regex::Regex::new(r"`([\w-]+)(/[\w./{},*-]+)`").unwrap();
    let (mut found, mut missing) = (0, Vec::new());
    for (document, text) in documents() {
        for name in named.captures_iter(&text).filter(|name| first.iter().any(|folder| *folder == name[1])) {
            let paths = expanded(&format!("{}{}", &name[1], &name[2]));
            found += paths.len();
            missing.extend(paths.into_iter().filter(|path| !is_there(path)).map(|path| (document.clone(), path)));
        }
    }
    assert!(found > 100, "{found}");
    assert!(missing.is_empty(), "{missing:#?}");
}
