//! Defines the records of a request: `decided` before anything leaves, `finished` when its state drops.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};

use super::record::{Cut, Kind, Record};
use super::text::Text;
use crate::model::action::Risk;
use crate::model::show;

/// An action with its parameters as they are recorded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordedAction<N = String, P = Map<String, Json>> {
    /// Full name of the action, `connector.resource.verb`.
    pub name: N,
    /// How much harm it can do.
    pub risk: Risk,
    /// By name: secret ones as a keyed hash, long ones as length and hash.
    pub params: P,
}

/// What an operator was asked about a request, and answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordedApproval<'a> {
    /// Id of the approval request.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// `approve` or `deny`; absent where nobody answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// Name of the operator who answered.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub by: Cow<'a, str>,
    /// When the operator answered, RFC 3339.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub at: Cow<'a, str>,
}

/// Microseconds that stages took; absent where the request did not reach one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StageTimes {
    /// Finding the agent, in µs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admit: Option<u32>,
    /// Finding target and routes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classify: Option<u32>,
    /// Reading the body into actions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collect: Option<u32>,
    /// Deciding on all actions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decide: Option<u32>,
    /// Waiting for the `decided` record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<u32>,
    /// Resolving the upstream's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forward: Option<u32>,
    /// Putting the credential on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inject: Option<u32>,
}

/// A request that was judged.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Decided<'a> {
    /// ULID of the exchange.
    #[serde(borrow)]
    pub request_id: Cow<'a, str>,
    /// Name of the agent that asked.
    #[serde(borrow)]
    pub agent: Cow<'a, str>,
    /// Where the agent connects from.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub peer: Cow<'a, str>,
    /// Number of the tunnel since the start of the gateway; absent for a request without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tunnel: Option<u64>,
    /// Its id; empty before it is known.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub connector: Cow<'a, str>,
    /// What the request does: see [`RecordedAction`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actions: Option<Cow<'a, RawValue>>,
    /// Actions that the request may have been, where it was refused before that could be told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Cow<'a, str>>,
    /// `allow`, `deny` or `require_approval`.
    #[serde(borrow)]
    pub decision: Cow<'a, str>,
    /// Permissions and policies that decided.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub by: Cow<'a, [String]>,
    /// Conditions that failed, with the reason of each.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub failures: Cow<'a, [String]>,
    /// Of the refusal; empty where it was allowed.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub code: Cow<'a, str>,
    /// Method of the HTTP request.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub method: Cow<'a, str>,
    /// Canonical host, with its port.
    pub host: Text<'a>,
    /// Canonical where it has one, without the query.
    #[serde(skip_serializing_if = "Text::is_empty")]
    pub path: Text<'a>,
    /// Of the body that was read to judge the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_bytes: Option<u64>,
    /// Headers that were removed because nothing declares them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dropped_headers: Vec<Text<'a>>,
    /// Id of the credential that goes with it.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub credential: Cow<'a, str>,
    /// Placeholders that stand where their credential does not go: `id@header:x-other`, `id@body`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub placeholders: Vec<Cow<'a, str>>,
    /// Where an operator was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<RecordedApproval<'a>>,
    /// Milliseconds that it waited for an operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waited_ms: Option<u64>,
    /// Microseconds from the request's first byte to here, without the wait for an operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judged_us: Option<u64>,
    /// Time of each stage so far.
    pub stages_us: StageTimes,
    /// Hash of the connector and policy files that it was judged by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Arc<str>>,
    /// What was left out because the line would be too long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
}

/// How a permitted request ended.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Finished<'a> {
    /// ULID of the exchange.
    #[serde(borrow)]
    pub request_id: Cow<'a, str>,
    /// Name of the agent that sent it.
    #[serde(borrow)]
    pub agent: Cow<'a, str>,
    /// Id of the connector that it went through.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub connector: Cow<'a, str>,
    /// The first thing that the request does.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub action: Cow<'a, str>,
    /// `answered`, `upstream_failed`, `agent_left`, `refused` or `unknown`.
    #[serde(borrow)]
    pub outcome: Cow<'a, str>,
    /// Status of the HTTP answer, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Of a refusal after the permit.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub code: Cow<'a, str>,
    /// How the upstream failed.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub failure: Cow<'a, str>,
    /// From the request's first byte to the end.
    pub duration_ms: u64,
    /// Of the gateway's own stages, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overhead_us: Option<u64>,
    /// Time of each stage after the decision.
    pub stages_us: StageTimes,
    /// Address of the upstream that was tried last.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub upstream: Option<SocketAddr>,
    /// Sent to the upstream.
    pub request_bytes: u64,
    /// Bytes of the answer's body as received from the upstream.
    pub response_bytes: u64,
    /// How many of the gateway's credentials the answer held; overlapping forms count as one.
    #[serde(skip_serializing_if = "is_zero")]
    pub masked: u64,
    /// What happened to them, the strictest: `mask`, `block` or `flag`.
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    pub on_reflect: Cow<'a, str>,
    /// What the connector wants recorded of the answer, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Cow<'a, RawValue>>,
    /// What was left out because the line would be too long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
}

/// Writes an address as `serde` does.
fn as_text<S: Serializer>(address: &Option<SocketAddr>, serializer: S) -> Result<S::Ok, S::Error> {
    match address {
        Some(address) => serializer.serialize_some(&show::address(*address)),
        None => serializer.serialize_none(),
    }
}

/// Leaves a count out where there is nothing to count.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands references to `skip_serializing_if`"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Record for Decided<'_> {
    const KIND: Kind = Kind::Decided;

    fn is_essential(&self) -> bool {
        self.decision == "allow"
    }
}

impl Record for Finished<'_> {
    const KIND: Kind = Kind::Finished;
}

impl Decided<'_> {
    /// Returns the actions; none where they are not recorded or do not read.
    #[must_use]
    pub fn actions(&self) -> Vec<RecordedAction> {
        let raw = self.actions.as_ref().map(|raw| raw.get());
        raw.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }
}

impl Finished<'_> {
    /// Returns what was recorded of the answer, by name.
    #[must_use]
    pub fn answer(&self) -> Map<String, Json> {
        let raw = self.answer.as_ref().map(|raw| raw.get());
        raw.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }
}
