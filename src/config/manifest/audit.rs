//! Defines the keys of `audit`: how durable the journal is, how it is cut into segments, and what is kept of it.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::Durability;
use crate::config::units::{Period, Rate, Size};
use crate::config::yaml::At;

use super::sink::{AnchorSection, SinkSection};

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct AuditSection {
    /// When a record counts as persisted; default: `strict`.
    #[schemars(example = &"fsync")]
    pub(in crate::config) durability: Durability,
    /// Refusals of one agent that are recorded one by one; further ones become one summary a second.
    pub(in crate::config) refusals: RefusalsSection,
    /// When a segment of the journal is sealed.
    pub(in crate::config) segment: SegmentSection,
    /// When a checkpoint is signed; whichever comes first.
    pub(in crate::config) checkpoint: CheckpointSection,
    /// Which segments are kept; one over either limit is removed.
    pub(in crate::config) retain: RetainSection,
    /// Free space on the journal's disk below which `/readyz` and `status` warn; 256MiB.
    #[schemars(example = &"1GiB")]
    pub(in crate::config) min_free: Option<At<Size>>,
    /// Where each checkpoint is taken, so that a cut of the journal shows.
    pub(in crate::config) anchor: AnchorSection,
    /// Places that every record is taken to, at least once.
    pub(in crate::config) sinks: Vec<SinkSection>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct SegmentSection {
    /// Size at which a segment is sealed; 64MiB.
    #[schemars(example = &"16MiB")]
    pub(in crate::config) bytes: Option<At<Size>>,
    /// The age of its first record; 24h.
    #[schemars(example = &"1h")]
    pub(in crate::config) age: Option<At<Period>>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct CheckpointSection {
    /// After so many records; 1000.
    #[schemars(example = 100)]
    pub(in crate::config) records: Option<At<usize>>,
    /// After so long, where there is anything new; 10s.
    #[schemars(example = &"1m")]
    pub(in crate::config) every: Option<At<Period>>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct RetainSection {
    /// Days after its newest record; 90.
    #[schemars(example = 365)]
    pub(in crate::config) days: Option<At<usize>>,
    /// Of all segments together, as they lie on the disk; 10GiB.
    #[schemars(example = &"50GiB")]
    pub(in crate::config) bytes: Option<At<Size>>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct RefusalsSection {
    /// Sustained rate; default: `50/s`.
    #[schemars(example = &"50/s")]
    pub(in crate::config) rate: Option<At<Rate>>,
    /// Number recorded at once; default: 500.
    pub(in crate::config) burst: Option<At<u32>>,
}
