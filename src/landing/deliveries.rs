//! Which files of the landing folder are deliveries: of which utility, dataset and month.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::config::UtilityAdapter;
use crate::model::{Dataset, Month, Timestamp, UtilityId};

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
    /// Whether no month stood in the path, so that the modification month was taken.
    pub month_assumed: bool,
    /// Its size.
    pub bytes: u64,
    /// When it was last changed.
    pub modified: SystemTime,
}

/// What a look at the landing folder found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// The deliveries, by month, utility, dataset and name: the order in which they are loaded.
    pub candidates: Vec<Candidate>,
    /// CSV files and folders that no adapter takes, with the reason.
    pub ignored: Vec<(PathBuf, String)>,
}

/// Looks through the landing folder, three folders deep at most (`<utility>/<month>/<file>`); a missing folder holds nothing.
///
/// # Errors
/// The folder, or one inside it, cannot be read.
pub fn scan(landing: &Path, utilities: &[UtilityAdapter]) -> std::io::Result<Scan> {
    let mut found = Scan::default();
    if landing.exists() {
        walk(landing, landing, 0, utilities, &mut found)?;
    }
    found
        .candidates
        .sort_by(|a, b| (a.month, &a.utility, a.dataset, &a.source_file).cmp(&(b.month, &b.utility, b.dataset, &b.source_file)));
    Ok(found)
}

const DEEPEST: usize = 3;

fn walk(root: &Path, folder: &Path, depth: usize, utilities: &[UtilityAdapter], found: &mut Scan) -> std::io::Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(folder)?.filter_map(Result::ok).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        // A file may vanish between listing and looking; then it is no delivery.
        let Ok(about) = std::fs::metadata(&path) else { continue };
        if is_temporary(&name) {
            continue;
        }
        if about.is_dir() {
            if is_csv(&name) {
                found.ignored.push((path, "is a folder, not a file".into()));
            } else if depth < DEEPEST {
                walk(root, &path, depth + 1, utilities, found)?;
            }
        } else {
            consider(root, path, &name, &about, utilities, found);
        }
    }
    Ok(())
}

fn consider(root: &Path, path: PathBuf, name: &str, about: &std::fs::Metadata, utilities: &[UtilityAdapter], found: &mut Scan) {
    let claim = utilities.iter().find_map(|utility| {
        utility.datasets.iter().find(|dataset| dataset.files.is_match(name)).map(|dataset| (utility.id.clone(), dataset.dataset))
    });
    let Some((utility, dataset)) = claim else {
        if is_csv(name) {
            found.ignored.push((path, "no adapter has a pattern for its name; see `feederscope utilities`".into()));
        }
        return;
    };
    let below = path.strip_prefix(root).unwrap_or(&path);
    let source_file = below.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
    let modified = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    let stated = Month::find(&source_file);
    found.candidates.push(Candidate {
        month: stated.unwrap_or_else(|| Timestamp::from(modified).day().month()),
        month_assumed: stated.is_none(),
        bytes: about.len(),
        modified,
        path,
        source_file,
        utility,
        dataset,
    });
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
        assert!(scan.candidates[0].month_assumed);
        assert_eq!(scan.candidates[0].month, Timestamp::now().day().month());
        assert!(scan.ignored.iter().any(|(path, why)| path.ends_with("other.csv") && why.contains("no adapter")));
    }
}
