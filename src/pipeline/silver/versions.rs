//! A utility's versions of an entity, as committed: which files hold those that a query asks for.

use std::sync::Arc;

use crate::frame::Relation;
use crate::lake::{DataFile, Snapshot};
use crate::model::{Month, MonthRange};
use crate::pipeline::PipelineError;
use crate::pipeline::bronze::BronzeTables;
use crate::pipeline::tables::Table;

/// The files of a utility in a table of versions. Current versions and those that have ended are in files of their own.
pub struct Versions {
    table: &'static Table,
    snapshot: Option<Arc<Snapshot>>,
    utility: String,
    /// What began and ended with the newest month, where that is at hand.
    newest: Option<MovedIn>,
}

/// Few versions that began with a month and few that ended with it, in rows with the columns of their table.
#[derive(Clone)]
pub(super) struct MovedIn {
    pub(super) month: Month,
    pub(super) began: Relation,
    pub(super) ended: Relation,
}

impl MovedIn {
    /// Whether a month is the only one of some, as none is later.
    fn is_all_of(&self, months: MonthRange) -> bool {
        months.from == Some(self.month) && months.until.is_none_or(|until| until >= self.month)
    }
}

impl Versions {
    /// Opens the utility's part of a table.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn open(bronze: &BronzeTables<'_>, table: &'static Table) -> Result<Self, PipelineError> {
        let (snapshot, utility) = (bronze.lake.snapshot(&table.id())?, bronze.adapter.id.to_string());
        Ok(Self { table, snapshot, utility, newest: None })
    }

    /// The same versions, of which those are at hand that began and ended with the newest month.
    pub(super) fn knowing(mut self, newest: Option<MovedIn>) -> Self {
        self.newest = newest;
        self
    }

    fn at_hand(&self, months: MonthRange) -> Option<&MovedIn> {
        self.newest.as_ref().filter(|newest| newest.is_all_of(months))
    }

    /// That each file was written by this program: which of them hold current versions is lost where another put them together.
    ///
    /// # Errors
    /// One was not, or is gone.
    pub(super) fn expect_own(&self) -> Result<(), PipelineError> {
        match &self.snapshot {
            Some(snapshot) if !self.files().all(DataFile::is_own) => Err(PipelineError::Rewritten {
                table: self.table.id().to_string(),
                version: snapshot.version,
                next: "`feederscope run` rebuilds it".into(),
            }),
            Some(snapshot) => Ok(snapshot.expect_files()?),
            None => Ok(()),
        }
    }

    fn is_ours(&self, file: &DataFile) -> bool {
        file.partition_value("utility_id") == Some(&self.utility)
    }

    /// The utility's files.
    pub(super) fn files(&self) -> impl Iterator<Item = &DataFile> {
        self.snapshot.iter().flat_map(|snapshot| &snapshot.files).filter(|file| self.is_ours(file))
    }

    /// The rows of those files that are wanted.
    pub(super) fn scan(&self, wanted: impl Fn(&DataFile) -> bool) -> Relation {
        let none = || Relation::empty(&self.table.columns());
        self.snapshot.as_ref().map_or_else(none, |snapshot| snapshot.scan(|file| self.is_ours(file) && wanted(file)))
    }

    /// The current versions.
    pub fn current(&self) -> Relation {
        self.scan(holds_current)
    }

    /// The versions that have ended.
    pub fn ended(&self) -> Relation {
        self.scan(|file| !holds_current(file))
    }

    /// Whether any version has ended.
    pub fn has_ended(&self) -> bool {
        self.files().any(|file| !holds_current(file))
    }

    /// All versions.
    pub fn all(&self) -> Relation {
        self.scan(|_| true)
    }

    /// What may hold the versions that were current after a month, and whether it holds no others.
    pub fn as_of(&self, month: Month) -> (Relation, bool) {
        let month = month.to_string();
        let may_hold = |file: &DataFile| {
            file.least("valid_from_month").is_none_or(|least| least <= month.as_str())
                && (holds_current(file) || file.greatest("valid_to_month").is_none_or(|last| last > month.as_str()))
        };
        let holds_no_others =
            |file: &DataFile| holds_current(file) && file.greatest("valid_from_month").is_some_and(|last| last <= month.as_str());
        (self.scan(may_hold), self.files().filter(|file| may_hold(file)).all(holds_no_others))
    }

    /// What may hold the versions that began in some months.
    pub fn began_in(&self, months: MonthRange) -> Relation {
        self.at_hand(months)
            .map_or_else(|| self.scan(|file| spans(file, "valid_from_month", months)), |newest| newest.began.clone())
    }

    /// What may hold the versions that ended in some months. The engine would look through all that are current, too: where a file says
    /// nothing of a column, no row is known not to be wanted.
    pub fn ended_in(&self, months: MonthRange) -> Relation {
        self.at_hand(months)
            .map_or_else(|| self.scan(|file| spans(file, "valid_to_month", months)), |newest| newest.ended.clone())
    }
}

/// Whether a file may hold one of some months in a column.
fn spans(file: &DataFile, column: &str, months: MonthRange) -> bool {
    let (from, until) = (months.from.map(|month| month.to_string()), months.until.map(|month| month.to_string()));
    let (Some(least), Some(greatest)) = (file.least(column), file.greatest(column)) else { return false };
    from.is_none_or(|from| from.as_str() <= greatest) && until.is_none_or(|until| least <= until.as_str())
}

/// Whether all rows of a file are current versions.
pub(super) fn holds_current(file: &DataFile) -> bool {
    file.is_without("valid_to_month")
}

/// Whether a version of the file began or ended in or after a month.
pub(super) fn reaches(file: &DataFile, month: Month) -> bool {
    let month = month.to_string();
    let is_later = |column: &str| file.greatest(column).is_some_and(|greatest| greatest >= month.as_str());
    let is_mixed = !holds_current(file) && file.nulls("valid_to_month") != Some(0);
    is_mixed || is_later("valid_from_month") || is_later("valid_to_month")
}
