//! Defines one typed struct for each kind of record. The gateway writes them with borrowed fields, and every reader reads the
//! same structs.
//!
//! INVARIANT: a record never holds a secret, a body or a query.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};

/// What a line holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A gateway has started on this journal.
    Started,
    /// A request was judged; written before anything leaves, and the only record of a refusal.
    Decided,
    /// The state of a permitted request was dropped, however it ended.
    Finished,
    /// An operator, or the gateway itself, changed something.
    Changed,
    /// A signature over everything before it.
    Checkpoint,
    /// Refusals that are recorded together.
    Summary,
}

/// A struct that can be appended.
pub trait Record: Serialize {
    /// Value of the field `kind` in its line.
    const KIND: Kind;

    /// Whether the reserve on the disk is for records like this one.
    fn is_essential(&self) -> bool {
        false
    }
}

/// The gateway that writes this journal; its hash stands before the first record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// ULID of the gateway, made at its first start.
    pub gateway: String,
    /// Ed25519, in hexadecimal; empty where checkpoints are not signed.
    pub public_key: String,
    /// Time of the first start, RFC 3339.
    pub created: String,
}

/// Sequence numbers whose records are gone: power was lost, or an older copy was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// First number that is missing.
    pub from: u64,
    /// Last number that is missing.
    pub to: u64,
}

/// A start of the gateway.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Started<'a> {
    /// ULID of this start.
    #[serde(borrow)]
    pub boot: Cow<'a, str>,
    /// ULID of the start before; absent at the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// As hashed in front of the first record.
    #[serde(borrow)]
    pub identity: Cow<'a, RawValue>,
    /// The key that signs from here on, in hexadecimal, where it is not that of the identity any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Version of the gateway that started.
    pub version: Cow<'a, str>,
    /// What the files do not hold although it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<Lost>,
    /// The number that the first one follows, where an older version left numbers in its store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numbered_above: Option<u64>,
    /// Bytes of an unfinished line that were moved to a `.torn` file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub torn_bytes: Option<u64>,
}

/// What an operator changed, or the gateway itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Changed<'a> {
    /// Name of the change, such as `kill.on`, `approval.approve` or `journal.recovered`.
    #[serde(borrow)]
    pub what: Cow<'a, str>,
    /// Who; empty for the gateway itself.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub operator: Cow<'a, str>,
    /// What was changed, in words.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub subject: Cow<'a, str>,
    /// The agent that it is about; empty for none.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub agent: Cow<'a, str>,
    /// The action that it is about; empty for none.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub action: Cow<'a, str>,
    /// When it was made, where that is earlier than this record: RFC 3339.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub made_at: Cow<'a, str>,
    /// Anything else that is worth keeping.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub detail: Map<String, Json>,
    /// What was left out because the line would be too long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
}

/// A place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covers {
    /// The newest record that is covered.
    pub seq: u64,
    /// SHA-256 of its line, in hexadecimal.
    pub hash: String,
}

/// A signature over everything before it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Checkpoint<'a> {
    /// Last line that the checkpoint covers.
    pub covers: Covers,
    /// Ed25519, in hexadecimal; empty where the journal is not signed.
    #[serde(borrow)]
    pub signature: Cow<'a, str>,
}

/// Refusals that are recorded together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary<'a> {
    /// `refusals.summarized` of an agent, `unauthenticated.refused` of a source.
    #[serde(borrow)]
    pub what: Cow<'a, str>,
    /// The agent; empty before authentication.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub agent: Cow<'a, str>,
    /// An address, `socket` or `others`; empty for an agent.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub source: Cow<'a, str>,
    /// Number of refusals summed up.
    pub refusals: u64,
    /// How many of each code.
    pub codes: BTreeMap<Cow<'a, str>, u64>,
    /// Request id of the first.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub first: Cow<'a, str>,
    /// Request id of the last.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub last: Cow<'a, str>,
}

/// How far a record was cut down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// The last step: `params_abridged`, `params_dropped`, `texts_abridged`, `columns`.
    pub to: String,
    /// Length of the record as it would have been.
    pub bytes: u64,
}

// === impl Kind ===

impl Kind {
    /// Returns the name as written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Decided => "decided",
            Self::Finished => "finished",
            Self::Changed => "changed",
            Self::Checkpoint => "checkpoint",
            Self::Summary => "summary",
        }
    }
}

// === impl Started ===

impl Started<'_> {
    /// Returns who writes the journal; `None` where that does not read.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        serde_json::from_str(self.identity.get()).ok()
    }
}

// === impl Record ===

impl Record for Started<'_> {
    const KIND: Kind = Kind::Started;

    fn is_essential(&self) -> bool {
        true
    }
}

impl Record for Changed<'_> {
    const KIND: Kind = Kind::Changed;
}

impl Record for Checkpoint<'_> {
    const KIND: Kind = Kind::Checkpoint;
}

impl Record for Summary<'_> {
    const KIND: Kind = Kind::Summary;
}
