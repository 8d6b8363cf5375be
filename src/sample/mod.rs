//! Sample deliveries: three invented utilities, some months, a handful of planted faults.
//!
//! Lies before everything else: what it writes is what the landing folder receives. Nothing in it is real; the first
//! two utilities write as those of the public files do, the third in a dialect that only its adapter explains.
//! The same options always give the same bytes, and no file is ever held in memory.

mod dice;
mod faults;
mod scene;
mod sheet;
mod text;
mod utility1;
mod utility2;
mod utility3;

use std::io;
use std::path::{Path, PathBuf};

use faults::Fault;
use scene::Scene;
use sheet::{Sheet, SheetDialect};

/// The day on which the sample is meant to be looked at: the newest month is due, and one utility has not sent it.
pub const TODAY: &str = "2022-10-20";

const ADAPTER: &str = include_str!("../../sample-data/utilities/utility3.toml");
const README: &str = include_str!("../../sample-data/README.md");

/// What to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Decides every value; another seed gives other records with the same faults.
    pub seed: u64,
    /// Months to write, the newest being 2022-10; at least one. The faults need three.
    pub months: u8,
    /// Factor by which feeders, segments and DERs are multiplied; at least one.
    pub scale: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 7, months: 3, scale: 1 }
    }
}

/// Writes the landing files, the third utility's adapter and a README below `out`; answers their relative paths in order.
///
/// # Errors
/// A folder or file below `out` can't be written.
pub fn write(out: &Path, options: &Options) -> io::Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for scene in Scene::all(options) {
        for file in FILES.iter().filter(|file| file.is_sent(&scene)) {
            let path = file.path(&scene);
            let mut sheet = Sheet::create(&out.join(&path), file.dialect)?;
            (file.fill)(&scene, &mut sheet)?;
            sheet.finish()?;
            written.push(path);
        }
    }
    for (name, content) in [("utilities/utility3.toml", ADAPTER), ("README.md", README)] {
        let path = PathBuf::from(name);
        sheet::write_whole(&out.join(&path), content)?;
        written.push(path);
    }
    Ok(written)
}

/// One file that a utility sends each month.
struct LandingFile {
    utility: &'static str,
    dataset: &'static str,
    dialect: SheetDialect,
    fill: fn(&Scene, &mut Sheet) -> io::Result<()>,
}

impl LandingFile {
    fn is_sent(&self, scene: &Scene) -> bool {
        !(self.utility == "utility2" && scene.has(Fault::LateUtility))
    }

    fn path(&self, scene: &Scene) -> PathBuf {
        let Self { utility, dataset, .. } = self;
        PathBuf::from(format!("landing/{utility}/{}/{utility}_{dataset}.csv", scene.month))
    }
}

const UNIX: SheetDialect = SheetDialect { start: "", delimiter: ",", line_end: "\n" };
const WINDOWS: SheetDialect = SheetDialect { start: "", delimiter: ",", line_end: "\r\n" };
const MARKED: SheetDialect = SheetDialect { start: "\u{feff}", delimiter: ",", line_end: "\r\n" };
const SEMICOLONS: SheetDialect = SheetDialect { start: "", delimiter: ";", line_end: "\n" };

const FILES: [LandingFile; 9] = [
    LandingFile { utility: "utility1", dataset: "circuits", dialect: UNIX, fill: utility1::circuits },
    LandingFile { utility: "utility1", dataset: "install_der", dialect: WINDOWS, fill: utility1::install_der },
    LandingFile { utility: "utility1", dataset: "planned_der", dialect: WINDOWS, fill: utility1::planned_der },
    LandingFile { utility: "utility2", dataset: "circuits", dialect: WINDOWS, fill: utility2::circuits },
    LandingFile { utility: "utility2", dataset: "install_der", dialect: MARKED, fill: utility2::install_der },
    LandingFile { utility: "utility2", dataset: "planned_der", dialect: MARKED, fill: utility2::planned_der },
    LandingFile { utility: "utility3", dataset: "circuits", dialect: SEMICOLONS, fill: utility3::circuits },
    LandingFile { utility: "utility3", dataset: "install_der", dialect: SEMICOLONS, fill: utility3::install_der },
    LandingFile { utility: "utility3", dataset: "planned_der", dialect: SEMICOLONS, fill: utility3::planned_der },
];

#[cfg(test)]
mod tests;
