//! Takes a request through its stages, one file each: `admit → classify → collect → decide → escalate → forward → inject → mask →
//! record`.
//!
//! INVARIANT: what was judged is what is sent. INVARIANT: no `Permit`, no upstream.

pub mod admit;
pub mod check_credential;
pub mod classify;
mod clearance;
pub mod client_credential;
pub mod collect;
pub mod decide;
pub mod decision_input;
mod decode;
mod escalate;
pub mod forward;
mod headers;
mod host_patterns;
pub mod inject;
mod judge;
mod judged_request;
pub mod mask;
pub mod mint;
mod outgoing;
pub mod permit_validity;
mod placeholders;
pub mod record;
pub mod refuse;
pub mod tls_passthrough;
pub mod websocket;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};

pub use crate::limit::Share;
pub use judge::judge;
pub use outgoing::Outgoing;

use crate::approval::ApprovalService;
use crate::egress::Egress;
use crate::journal::{Journal, Refusals};
use crate::kill_switch::KillSwitch;
use crate::limit::Limits;
use crate::mask::PatternSet;
use crate::model::agent::{Agent, AgentName};
use crate::model::changes::Changes;
use crate::model::clock::{self, Clock};
use crate::model::target::Authority;
use crate::outbound::Outbound;
use crate::roster::Roster;
use crate::snapshot::Current;
use crate::telemetry::metrics::{Metrics, Stage};
use crate::vault::{Keyring, Opener, Placeholders, RotatedFields};
use collect::Bounds;
use host_patterns::{HostPatterns, PatternSources};
use mint::{Carried, Minting, Renewal};
use permit_validity::PermitValidity;
use placeholders::{Held, PlaceholderIndex};
use record::UnauthenticatedRefusals;
use refuse::{Refusal, RefusedExchange};

/// What a gateway is put together from.
#[derive(Debug)]
pub struct Dependencies {
    /// Connectors and policies, swapped live.
    pub current: Arc<Current>,
    /// Finds the agent of a token.
    pub roster: Arc<Roster>,
    /// What an operator holds back.
    pub kill_switch: Arc<KillSwitch>,
    /// Sealed credentials in memory.
    pub keyring: Arc<Keyring>,
    /// Opens sealed credentials for requests.
    pub opener: Opener,
    /// Keeps what token endpoints replace.
    pub rotated: RotatedFields,
    /// Sends the gateway's own requests.
    pub outbound: Outbound,
    /// Makes what agents hold in place of credentials.
    pub placeholders: Placeholders,
    /// Takes the records of requests.
    pub journal: Journal,
    /// Which refusals are recorded one by one.
    pub refusals: Refusals,
    /// Which addresses may be contacted.
    pub egress: Egress,
    /// Where requests wait for a human's yes.
    pub approvals: Arc<ApprovalService>,
    /// How long they wait.
    pub approval_timeout: Duration,
    /// Told after any of the above was replaced.
    pub changes: Changes,
    /// Metrics of stages, decisions and refusals.
    pub metrics: Arc<Metrics>,
    /// What bounds a request.
    pub bounds: Bounds,
    /// What agents share, and how much of it each may use.
    pub limits: Arc<Limits>,
    /// Tells the present time.
    pub clock: Clock,
    /// Keys the hashes by which secret parameters are recorded.
    pub parameter_key: [u8; 32],
    /// This gateway's name in `Via`; unique to the instance.
    pub pseudonym: String,
}

/// Everything that the stages can reach.
#[derive(Debug)]
pub struct Gateway {
    dependencies: Dependencies,
    unauthenticated: UnauthenticatedRefusals,
    /// What every request gets in `Via`.
    via: Option<HeaderValue>,
    patterns: HostPatterns,
    placeholders: PlaceholderIndex,
    minting: Minting,
}

/// A request's head as an edge hands it over: nothing has been judged, nothing removed.
#[derive(Debug)]
pub struct Head {
    /// The method as sent.
    pub method: Method,
    /// What CONNECT, SNI and `Host`/`:authority` agree on (the edge has compared them), or the absolute-form authority.
    pub authority: Authority,
    /// Whether the agent speaks TLS to us for this authority, or named `https://`.
    pub tls: bool,
    /// Raw path as received, origin form, without query.
    pub path: String,
    /// Raw query as received, without `?`.
    pub query: Option<String>,
    /// As received, `Proxy-Authorization` included.
    pub headers: HeaderMap,
    /// The admission of the tunnel that this request came through; `None` for absolute-form.
    pub pass: Option<admit::Pass>,
    /// When its first byte was read.
    pub received: Instant,
    /// ULID, sent as `Tollgate-Request-Id` too.
    pub request_id: String,
    /// Where the agent connects from, for logs only.
    pub peer: Option<std::net::SocketAddr>,
    /// Number of the tunnel that it came through, since the start of the process.
    pub tunnel: Option<u64>,
}

/// Why a body could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyFault {
    /// Over the limit in bytes that was asked for.
    TooLarge(usize),
    /// The agent sent nothing for too long.
    TooSlow,
    /// The agent left, or sent something that is no body.
    Broken(String),
}

/// Reads a request's body on demand; the edge implements it. Answers `Expect: 100-continue` when it starts.
#[async_trait]
pub trait BodyReader: Send {
    /// Returns whether the request surely has none.
    fn is_empty(&self) -> bool;

    /// Reads it whole, at most `limit` bytes; the edge replays the outgoing body in its place.
    async fn read(&mut self, limit: usize) -> Result<Bytes, BodyFault>;

    /// Returns once the agent has left; asked only when the body is read or empty. Safe to drop and to ask again.
    async fn left(&mut self);
}

/// Proof that a request may go upstream, once. Only this folder makes one.
#[derive(Debug)]
pub struct Permit {
    outgoing: Outgoing,
    validity: Arc<PermitValidity>,
    agent: Arc<Agent>,
    /// What answers of the host are searched for.
    patterns: Option<Arc<PatternSet>>,
    /// The token that it carries, where its credential mints one.
    carried: Option<Carried>,
    renewal: Renewal,
    /// The memory that the outgoing body takes, and an answer that is held until it is whole.
    _memory: [Option<Share>; 2],
    /// The request counts as one under way until it has ended.
    _stream: Share,
}

// === impl Gateway ===

impl Gateway {
    /// Puts a gateway together.
    #[must_use]
    pub fn new(dependencies: Dependencies) -> Self {
        // A pseudonym that no header can hold is not told.
        let via = HeaderValue::from_str(&format!("1.1 {}", dependencies.pseudonym)).ok();
        Self {
            via,
            dependencies,
            unauthenticated: UnauthenticatedRefusals::default(),
            patterns: HostPatterns::default(),
            placeholders: PlaceholderIndex::default(),
            minting: Minting::default(),
        }
    }

    /// Waits until all tokens that are being minted have come, and what came with them is sealed; a few seconds at most.
    pub async fn minting_ended(&self) {
        self.minting.ended().await;
    }

    /// Returns what it is composed of.
    #[must_use]
    pub fn dependencies(&self) -> &Dependencies {
        &self.dependencies
    }

    /// Returns what answers of a host are searched for; `None` where no credential is bound to it.
    fn patterns(&self, authority: &Authority) -> Option<Arc<PatternSet>> {
        let sources = PatternSources {
            keyring: &self.dependencies.keyring,
            opener: &self.dependencies.opener,
            snapshot: &self.dependencies.current.snapshot(),
        };
        self.patterns.of(authority, sources)
    }

    /// Returns the placeholders that an agent holds; `None` where it has none.
    fn placeholders(&self, agent: &AgentName) -> Option<Arc<Held>> {
        let dependencies = &self.dependencies;
        let sources = (&*dependencies.keyring, &dependencies.placeholders);
        self.placeholders.of(agent, sources)
    }

    /// Makes the id of a new request.
    #[must_use]
    pub fn request_id(&self) -> String {
        ulid::Ulid::from_datetime(self.dependencies.clock.now()).to_string()
    }

    /// Returns what an agent may know of its own question; another agent's is as if it were not there.
    #[must_use]
    pub fn question(&self, agent: &Agent, id: &str) -> Option<serde_json::Value> {
        let approval = self.dependencies.approvals.get(id)?;
        (approval.request.agent == agent.name.as_str()).then(|| {
            serde_json::json!({
                "id": approval.id,
                "status": approval.status,
                "action": approval.request.action,
                "opened_at": clock::stamp(approval.opened_at),
                "expires_at": clock::stamp(approval.expires_at),
            })
        })
    }
}

// === impl Permit ===

impl Permit {
    /// Returns the request as it will be sent, still without its credential.
    #[must_use]
    pub fn outgoing(&self) -> &Outgoing {
        &self.outgoing
    }

    /// Returns the exchange's id.
    #[must_use]
    pub fn request_id(&self) -> &str {
        self.validity.request_id()
    }

    /// Returns what the permit rests on, to see whether it still holds.
    #[must_use]
    pub fn validity(&self) -> &Arc<PermitValidity> {
        &self.validity
    }

    /// Joins a refusal with this exchange.
    #[must_use]
    pub fn refused(&self, refusal: impl Into<Refusal>) -> RefusedExchange {
        self.validity.refused(refusal)
    }

    /// Returns the connector's id, for metrics.
    #[must_use]
    pub fn connector(&self) -> &str {
        self.validity.connector().id()
    }
}

/// Counts how long a stage took, and returns it.
fn staged(gateway: &Gateway, stage: Stage, started: Instant) -> Duration {
    let took = started.elapsed();
    gateway.dependencies.metrics.staged(stage, took);
    took
}
