//! Lists what can be wrong with a line of a journal that is verified.

use std::borrow::Cow;

/// What is wrong with a line, in one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum LineFault {
    #[error("it is not a line of a journal")]
    NoLine,
    /// With the reader's words, where it has any.
    #[error("it is not a record{0}")]
    NoRecord(Cow<'static, str>),
    #[error("its identity does not read: {0}")]
    Identity(String),
    #[error("its checkpoint does not read: {0}")]
    Checkpoint(String),
    #[error("its {0} covers no line before it")]
    CoversNothing(&'static str),
    #[error("its signature is not the journal's key's")]
    Signature,
    #[error("the checkpoint of number {0} is not signed by the journal's key")]
    EarlierSignature(u64),
    #[error("too many checkpoints stand before the first start")]
    ManyCheckpoints,
    #[error("its rotation is not signed by both keys")]
    Rotation,
    #[error("it rotates another key than the one that signs")]
    OtherKeyRotated,
    #[error("it follows a start that names another key than the one that signs")]
    BehindOtherKey,
    #[error("a start names another key than the one that signs")]
    OtherKey,
    #[error("`key.pub` is not the key that signs")]
    PublishedKey,
    #[error(
        "it does not name the hash of the line before: one of the two was changed, or a line between them removed"
    )]
    Chain,
    #[error("its number is {seq} and follows {last}")]
    Number { seq: u64, last: u64 },
    #[error("what was taken over is not what it names")]
    TakenOver,
    #[error(
        "a start found that number {0} was not the line that had been written: what is before was changed, or restored from a copy"
    )]
    Fork(u64),
    #[error("journal_fork: the anchor of {0} has another hash")]
    AnchorFork(u64),
    #[error("journal_fork: the store knows another hash of {0}")]
    StoreFork(u64),
}

impl LineFault {
    /// A record that does not read.
    pub(super) fn no_record(error: &serde_json::Error) -> Self {
        Self::NoRecord(format!(": {error}").into())
    }
}
