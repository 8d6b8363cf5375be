//! Which files of the landing folder are deliveries: of which utility, dataset and month.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::stated_month::{self, StatedMonth};
use crate::config::{MonthSource, UtilityAdapter};
use crate::model::{Dataset, Day, Month, ReasonCode, Timestamp, UtilityId};

/// A file that an adapter takes for a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Where it is.
    pub path: PathBuf,
    /// Its path below the landing folder, with `/`: the name under which it is known in the tables.
    pub source_file: String,
    /// The utility that sent it.
    pub utility: UtilityId,
    /// What it is about.
    pub dataset: Dataset,
    /// The month it is for.
    pub month: Month,
    /// Where the month comes from.
    pub origin: MonthOrigin,
    /// Its size.
    pub bytes: u64,
    /// When it was last changed, as the file says.
    pub modified: SystemTime,
    /// When the system last changed anything of it; `None` where it does not tell.
    pub changed: Option<Timestamp>,
}

/// Where the month of a delivery comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MonthOrigin {
    /// Its path.
    Stated,
    /// Its folder, though its name states this month.
    Disputed(Month),
    /// The time of its last change, since no month stands in the path.
    Assumed,
}

impl Candidate {
    /// Whether its month has begun on a day, or begins on the next: clocks differ by that much.
    fn has_begun(&self, today: Day) -> bool {
        self.month.day(1).days_since(today) <= 1
    }

    /// Why it may not be loaded on a day, whatever it holds; `None` where nothing keeps it back.
    ///
    /// Of two months that a path states, the folder's counts. Where that is the later one, last month's file may lie in this month's
    /// folder, and would pass for new data.
    pub fn kept_back(&self, today: Day) -> Option<(ReasonCode, String)> {
        match self.origin {
            _ if !self.has_begun(today) => Some((ReasonCode::MonthInFuture, format!("{} has not begun on {today}", self.month))),
            MonthOrigin::Disputed(name) if name < self.month => {
                Some((ReasonCode::MonthDisputed, format!("the folder says {}, the file's name only {name}", self.month)))
            }
            _ => None,
        }
    }

    /// What is to be said of the month; `None` where nothing is.
    pub fn doubt(&self) -> Option<(ReasonCode, String)> {
        match self.origin {
            MonthOrigin::Stated => None,
            MonthOrigin::Disputed(name) => {
                let value = format!("the folder says {}, the file's name {name}; {} is taken", self.month, self.month);
                Some((ReasonCode::MonthDisputed, value))
            }
            MonthOrigin::Assumed => Some((ReasonCode::MonthAssumed, ReasonCode::MonthAssumed.meaning().to_owned())),
        }
    }
}

/// What a look at the landing folder found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// The deliveries, by month, utility, dataset and name: the order in which they are loaded.
    pub candidates: Vec<Candidate>,
    /// Everything else that is no hidden or temporary file, each once, with the reason.
    pub ignored: Vec<(PathBuf, String)>,
}

/// Looks through the landing folder, three folders deep at most (`<utility>/<month>/<file>`); a missing folder holds nothing.
///
/// Links are not followed: what they lead to inside is looked at anyway, and nothing outside is the landing folder's.
///
/// # Errors
/// The folder cannot be read.
pub fn scan(landing: &Path, utilities: &[UtilityAdapter]) -> std::io::Result<Scan> {
    let mut walk = Walk { root: landing, utilities, found: Scan::default() };
    if landing.exists() {
        walk.folder(landing, 0)?;
    }
    let mut found = walk.found;
    found
        .candidates
        .sort_by(|a, b| (a.month, &a.utility, a.dataset, &a.source_file).cmp(&(b.month, &b.utility, b.dataset, &b.source_file)));
    Ok(found)
}

const DEEPEST: usize = 3;

struct Walk<'a> {
    root: &'a Path,
    utilities: &'a [UtilityAdapter],
    found: Scan,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, depth: usize) -> std::io::Result<()> {
        let mut entries: Vec<_> = std::fs::read_dir(folder)?.filter_map(Result::ok).collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            // A file may vanish between listing and looking; then it is no delivery.
            let Ok(about) = std::fs::symlink_metadata(&path) else { continue };
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                self.ignore(path, "its name is not UTF-8; rename it");
                continue;
            };
            if is_temporary(&name) {
                continue;
            }
            if about.is_symlink() {
                self.ignore_link(path);
            } else if about.is_file() {
                self.file(path, &name, &about);
            } else if !about.is_dir() {
                self.ignore(path, "is a pipe, socket or device, not a file");
            } else if is_csv(&name) {
                self.ignore(path, "is a folder, not a file");
            } else if depth == DEEPEST {
                self.ignore(path, "is too deep; files are looked for in `<utility>/<month>/`");
            } else if let Err(error) = self.folder(&path, depth + 1) {
                self.ignore(path, &format!("cannot be read: {error}"));
            }
        }
        Ok(())
    }

    fn ignore(&mut self, path: PathBuf, why: &str) {
        self.found.ignored.push((path, why.to_owned()));
    }

    fn ignore_link(&mut self, path: PathBuf) {
        let why = match (std::fs::canonicalize(&path), std::fs::canonicalize(self.root)) {
            (Ok(target), Ok(root)) if target.starts_with(&root) => "is a link; what it leads to is looked at where it is",
            (Ok(_), _) => "is a link out of the landing folder; put the file itself here",
            (Err(_), _) => "is a link that leads nowhere",
        };
        self.ignore(path, why);
    }

    fn file(&mut self, path: PathBuf, name: &str, about: &std::fs::Metadata) {
        let claim = self.utilities.iter().find_map(|utility| {
            let dataset = utility.datasets.iter().find(|dataset| dataset.files.is_match(name))?;
            Some((utility, dataset.dataset))
        });
        let Some((utility, dataset)) = claim else { return self.ignore(path, why_not_taken(name)) };
        let below = path.strip_prefix(self.root).unwrap_or(&path);
        let source_file = below.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
        let modified = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let (month, origin) = match (stated_month::of(&source_file), utility.month_from) {
            (StatedMonth::Yes(month), _) => (month, MonthOrigin::Stated),
            (StatedMonth::Disputed { folder, .. }, Some(MonthSource::Folder)) => (folder, MonthOrigin::Stated),
            (StatedMonth::Disputed { name, .. }, Some(MonthSource::Name)) => (name, MonthOrigin::Stated),
            (StatedMonth::Disputed { folder, name }, None) => (folder, MonthOrigin::Disputed(name)),
            (StatedMonth::No, _) => (Timestamp::from(modified).day().month(), MonthOrigin::Assumed),
        };
        let (bytes, changed) = (about.len(), change_time(about));
        let utility = utility.id.clone();
        self.found.candidates.push(Candidate { path, source_file, utility, dataset, month, origin, bytes, modified, changed });
    }
}

/// When the system last changed anything of a file, its content or its times; `None` where it does not tell.
#[cfg(unix)]
fn change_time(about: &std::fs::Metadata) -> Option<Timestamp> {
    use std::os::unix::fs::MetadataExt;
    Some(Timestamp::from_micros(about.ctime().checked_mul(1_000_000)?.checked_add(about.ctime_nsec() / 1000)?))
}

#[cfg(not(unix))]
fn change_time(_: &std::fs::Metadata) -> Option<Timestamp> {
    None
}

/// Why no adapter takes a name, as far as the name tells.
fn why_not_taken(name: &str) -> &'static str {
    let ending = Path::new(name).extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
    match ending.as_str() {
        "gz" | "zip" | "bz2" | "xz" | "zst" | "7z" | "rar" | "tar" | "tgz" => "is packed; unpack it here",
        "xlsx" | "xls" | "xlsm" | "ods" => "is a workbook; ask the utility for CSV",
        _ => "no adapter has a pattern for its name; see `feederscope utilities`",
    }
}

fn is_csv(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
}

/// Names that copying programs give to a file that is not complete.
fn is_temporary(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    name.starts_with('.')
        || name.ends_with('~')
        || [".tmp", ".part", ".partial", ".filepart", ".crdownload"].iter().any(|end| lower.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::adapter;

    fn found(files: &[&str]) -> Scan {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        std::fs::create_dir_all(folder.path().join("utility1/2022-11/utility1_circuits.csv.d")).unwrap();
        std::fs::create_dir_all(folder.path().join("odd.csv")).unwrap();
        let (utilities, problems) = adapter::load(Path::new("/nowhere"));
        assert_eq!(problems, []);
        scan(folder.path(), &utilities).unwrap()
    }

    #[test]
    fn both_layouts_are_found_in_order_of_month() {
        let scan = found(&[
            "utility2/2022-11/utility2_circuits.csv",
            "utility1_install_der_2022-10.csv",
            "utility1_planned_der.csv.part",
        ]);
        let seen: Vec<_> =
            scan.candidates.iter().map(|c| (c.source_file.as_str(), c.dataset.as_str(), c.month.to_string())).collect();
        assert_eq!(
            seen,
            [
                ("utility1_install_der_2022-10.csv", "install_der", "2022-10".to_owned()),
                ("utility2/2022-11/utility2_circuits.csv", "circuits", "2022-11".to_owned()),
            ]
        );
        assert_eq!(scan.ignored.len(), 1, "only the folder that looks like a file: {:?}", scan.ignored);
    }

    #[test]
    fn file_without_a_month_takes_that_of_its_modification_and_says_so() {
        let scan = found(&["utility1_circuits.csv", "other.csv"]);
        assert_eq!(scan.candidates.len(), 1);
        assert_eq!(scan.candidates[0].origin, MonthOrigin::Assumed);
        assert_eq!(scan.candidates[0].month, Timestamp::now().day().month());
        assert!(scan.ignored.iter().any(|(path, why)| path.ends_with("other.csv") && why.contains("no adapter")));
    }
}
