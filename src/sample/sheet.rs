//! A delimited file, written row by row.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// How a utility's files are laid out in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct SheetDialect {
    /// What stands before the header: nothing or a byte-order mark.
    pub(super) start: &'static str,
    /// What stands between two cells.
    pub(super) delimiter: &'static str,
    /// What ends a row.
    pub(super) line_end: &'static str,
}

/// A file that is being written.
pub(super) struct Sheet {
    out: BufWriter<File>,
    dialect: SheetDialect,
}

impl Sheet {
    /// Makes the file, and the folders above it.
    pub(super) fn create(path: &Path, dialect: SheetDialect) -> io::Result<Self> {
        make_folder_of(path)?;
        let mut out = BufWriter::new(File::create(path)?);
        out.write_all(dialect.start.as_bytes())?;
        Ok(Self { out, dialect })
    }

    /// Writes a row; a cell that holds a delimiter brings its own quotes.
    pub(super) fn row<S: AsRef<str>>(&mut self, cells: &[S]) -> io::Result<()> {
        for (at, cell) in cells.iter().enumerate() {
            if at > 0 {
                self.out.write_all(self.dialect.delimiter.as_bytes())?;
            }
            self.out.write_all(cell.as_ref().as_bytes())?;
        }
        self.out.write_all(self.dialect.line_end.as_bytes())
    }

    /// Gives everything to the file; without it the end of the file could be lost unseen.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes a file that is already whole.
pub(super) fn write_whole(path: &Path, content: &str) -> io::Result<()> {
    make_folder_of(path)?;
    fs::write(path, content)
}

fn make_folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}
