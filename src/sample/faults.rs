//! What is wrong with the sample on purpose, in which month and in which row. The README names the same places.

/// A planted fault. All need three months; each belongs to one of the newest three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The second utility has not sent the newest month.
    LateUtility,
    /// A spreadsheet turned the first utility's completion dates into minutes and seconds.
    DamagedDates,
    /// The third utility's voltage column has another name.
    RenamedColumn,
    /// An installed DER of the first utility has one cell too few.
    RaggedRow,
    /// A feeder of the second utility states kilowatts for megawatts.
    UnitSlip,
    /// An installed DER of the first utility occurs twice.
    DuplicateKey,
    /// The second utility's planned DERs lack three of ten rows.
    ThinDelivery,
}

impl Fault {
    /// How many months before the newest it happens.
    pub(super) const fn months_ago(self) -> u32 {
        match self {
            Self::LateUtility | Self::RenamedColumn => 0,
            Self::DamagedDates | Self::RaggedRow | Self::UnitSlip | Self::ThinDelivery => 1,
            Self::DuplicateKey => 2,
        }
    }
}

/// The record that loses a cell.
pub(super) const RAGGED_ROW: u32 = 49;
/// The feeder whose capacity slips.
pub(super) const UNIT_SLIP_ROW: u32 = 16;
/// The record that occurs twice, first here,
pub(super) const DUPLICATE_ROW: u32 = 120;
/// and once more after this one.
pub(super) const DUPLICATE_AGAIN_AFTER_ROW: u32 = 198;

/// Whether a thin delivery leaves the record out.
pub(super) const fn is_thinned(index: u32) -> bool {
    index % 10 < 3
}
