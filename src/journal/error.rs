//! Lists the reasons why a record was not kept.

/// Why a record was not kept; the request it stands for does not leave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// The disk, or the operating system, says no.
    #[error("the journal cannot be written: {0}")]
    Unwritable(String),
    /// A write does not come back.
    #[error("the journal cannot be written: the disk does not answer")]
    Stalled,
    /// The disk is full, and what is set aside is for records of allowed requests.
    #[error("the journal's disk is full")]
    Scarce,
    /// The gateway has ended.
    #[error("the journal is closed")]
    Closed,
}
