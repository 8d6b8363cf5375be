//! Why a file is not taken: for what it holds, or because something failed.

use crate::lake::LakeError;
use crate::landing::{ReadError, Refusal};
use crate::model::{Finding, ReasonCode};
use crate::pipeline::PipelineError;

pub(super) fn unreadable(error: &std::io::Error) -> Finding {
    Finding::of_file(ReasonCode::TruncatedFile, format!("the file cannot be read: {error}"))
}

/// A file that is not taken, for one reason, with everything found in it.
pub(super) struct Refused {
    pub(super) finding: Finding,
    pub(super) findings: Vec<Finding>,
    pub(super) records: u64,
}

impl Refused {
    #[expect(clippy::unnecessary_box_returns, reason = "errors are passed on boxed: they are large")]
    pub(super) fn one(finding: Finding) -> Box<Self> {
        Box::new(Self { findings: vec![finding.clone()], finding, records: 0 })
    }
}

/// Why a file was not written.
pub(super) enum Stop {
    Refused(Box<Refused>),
    Failed(PipelineError),
}

impl From<Box<Refused>> for Stop {
    fn from(refused: Box<Refused>) -> Self {
        Self::Refused(refused)
    }
}

impl From<PipelineError> for Stop {
    fn from(error: PipelineError) -> Self {
        Self::Failed(error)
    }
}

impl From<LakeError> for Stop {
    fn from(error: LakeError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Refused(Refusal(finding)) => Self::Refused(Refused::one(finding)),
            ReadError::Cancelled => Self::Failed(PipelineError::Cancelled),
            ReadError::Io { source, .. } => Self::Refused(Refused::one(unreadable(&source))),
        }
    }
}
