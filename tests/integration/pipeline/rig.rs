//! The pipeline without sockets: judges handmade heads on a snapshot, a roster and a journal that a test changes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use tokio::sync::Notify;
use tollgate::approval::{Approval, ApprovalService, ApprovalSettings};
use tollgate::config::diagnostic::Source;
use tollgate::egress::{Egress, EgressRules, Lookup, SystemLookup};
use tollgate::journal::{RefusalLimit, Refusals};
use tollgate::kill_switch::KillSwitch;
use tollgate::limit::{self, Bound, Limits};
use tollgate::model::agent::{Agent, AgentName};
use tollgate::model::changes::Changes;
use tollgate::model::clock::Clock;
use tollgate::model::target::Authority;
use tollgate::outbound::{Outbound, Roots};
use tollgate::pipeline::collect::Bounds;
use tollgate::pipeline::record::OpenExchange;
use tollgate::pipeline::refuse::RefusedExchange;
use tollgate::pipeline::{BodyFault, BodyReader, Dependencies, Gateway, Head, Permit, judge};
use tollgate::roster::{Roster, RosterEntry, TokenHash};
use tollgate::snapshot::{Current, Inputs, Snapshot};
use tollgate::store::Store;
use tollgate::telemetry::metrics::Metrics;
use tollgate::vault::{Keyring, RotatedFields};

use crate::journal::{Place, records};
use crate::vault::master;

/// Public (`auth: none`); `/items/{item}` in three methods, `/notes` with a body that is read.
pub(crate) const CONNECTOR: &str = "
connector: api
name: Test API
version: 1
domains: [api.test]
auth: none
defaults: { risk: { GET: low, POST: low, DELETE: high } }
routes:
  - { action: item.get, match: 'GET /items/{item}' }
  - { action: item.delete, match: 'DELETE /items/{item}' }
  - { action: note.add, match: POST /notes, params: { text: $.text } }
";

pub(crate) const ALLOWING: &str = "permissions: [{ agents: [ci], connector: api, access: full }]";

const LONG: Duration = Duration::from_secs(20);

/// Three of an agent, four of all may wait.
const SETTINGS: ApprovalSettings = ApprovalSettings {
    pending_approvals: 4,
    pending_approvals_per_agent: 3,
    expires: LONG,
    grant: LONG,
    refusal: LONG,
};

const LIMITS: limit::Bounds = limit::Bounds {
    tunnels: PLENTY,
    streams: PLENTY,
    bodies: Bound {
        total: 1024 * 1024,
        per_agent: 1024 * 1024,
    },
};

const PLENTY: Bound = Bound {
    total: 2000,
    per_agent: 2000,
};

/// A gateway that reaches nothing.
pub(crate) struct Rig {
    pub(crate) gateway: Arc<Gateway>,
    place: Place,
}

/// A body that is there at once.
pub(crate) struct Whole(pub(crate) Bytes);

#[async_trait]
impl BodyReader for Whole {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    async fn read(&mut self, limit: usize) -> Result<Bytes, BodyFault> {
        if self.0.len() > limit {
            return Err(BodyFault::TooLarge(limit));
        }
        Ok(self.0.clone())
    }

    async fn left(&mut self) {
        std::future::pending().await
    }
}

/// An agent without a body that leaves when it is told to.
pub(crate) struct Leaving(pub(crate) Arc<Notify>);

#[async_trait]
impl BodyReader for Leaving {
    fn is_empty(&self) -> bool {
        true
    }

    async fn read(&mut self, _limit: usize) -> Result<Bytes, BodyFault> {
        Ok(Bytes::new())
    }

    async fn left(&mut self) {
        self.0.notified().await;
    }
}

impl Rig {
    /// Puts a gateway together in which agent `ci` may ask.
    pub(crate) async fn new(policy: &str) -> Self {
        Self::build(policy, LONG, Arc::new(SystemLookup::new())).await
    }

    /// A gateway that reaches one server: `host:port`, its address, and the authority that it is trusted by.
    pub(crate) async fn reaching(
        (authority, address, ca_pem): (&str, SocketAddr, &str),
        clock: Clock,
    ) -> Self {
        let resolve = [(Authority::parse(authority, 443).unwrap(), vec![address])];
        let rules = EgressRules {
            resolve: resolve.into(),
            ..EgressRules::default()
        };
        let egress = Egress::new(rules, Arc::new(SystemLookup::new()));
        Self::build_with(ALLOWING, LONG, (egress, ca_pem), clock).await
    }

    /// As [`Rig::new`], with a time for which requests wait for an operator.
    pub(crate) async fn with(policy: &str, approval_timeout: Duration) -> Self {
        Self::build(policy, approval_timeout, Arc::new(SystemLookup::new())).await
    }

    /// As [`Rig::new`], with names looked up by somebody else.
    pub(crate) async fn asking(policy: &str, lookup: Arc<dyn Lookup>) -> Self {
        Self::build(policy, LONG, lookup).await
    }

    async fn build(policy: &str, approval_timeout: Duration, lookup: Arc<dyn Lookup>) -> Self {
        let egress = Egress::new(EgressRules::default(), lookup);
        Self::build_with(policy, approval_timeout, (egress, ""), Clock::system()).await
    }

    async fn build_with(
        policy: &str,
        approval_timeout: Duration,
        (egress, ca_pem): (Egress, &str),
        clock: Clock,
    ) -> Self {
        let place = Place::new();
        let store = Store::create(&format!(
            "sqlite:{}",
            place.path().with_extension("db").display()
        ))
        .await
        .unwrap();
        let rig = Self {
            gateway: Arc::new(Gateway::new(Dependencies {
                current: Arc::new(Current::new(snapshot(CONNECTOR, policy))),
                roster: Arc::new(Roster::default()),
                kill_switch: Arc::new(KillSwitch::default()),
                keyring: Arc::new(Keyring::default()),
                opener: tollgate::vault::Opener::new(&master(1)),
                rotated: RotatedFields::new(&master(1), store),
                outbound: Outbound::new(roots(&place, ca_pem)),
                placeholders: tollgate::vault::Placeholders::new(
                    [9; 32],
                    tollgate::vault::Opener::new(&master(1)),
                ),
                journal: place.open(),
                egress,
                approvals: ApprovalService::new(SETTINGS, clock.clone()),
                approval_timeout,
                changes: Changes::default(),
                metrics: Arc::new(Metrics::new()),
                bounds: Bounds {
                    body: 64 * 1024,
                    actions: 50,
                    json_nodes: 1000,
                },
                limits: Arc::new(Limits::new(LIMITS)),
                clock,
                parameter_key: [7; 32],
                refusals: Refusals::new(RefusalLimit {
                    per_minute: 60,
                    burst: 100,
                }),
                pseudonym: "tollgate-test".to_owned(),
            })),
            place,
        };
        rig.agents(&["ci"]);
        rig
    }

    /// Says that one agent may ask, and until when.
    pub(crate) fn agents_until(&self, name: &str, end: SystemTime) {
        let entry = RosterEntry {
            hash: TokenHash::of(name),
            agent: agent(name),
            expires_at: Some(end),
        };
        let parts = self.gateway.dependencies();
        parts.roster.replace(vec![entry]);
        parts.changes.tell();
    }

    /// Says who may ask; the token of an agent is its name.
    pub(crate) fn agents(&self, names: &[&str]) {
        let entry = |name: &&str| RosterEntry {
            hash: TokenHash::of(name),
            agent: agent(name),
            expires_at: None,
        };
        let parts = self.gateway.dependencies();
        parts.roster.replace(names.iter().map(entry).collect());
        parts.changes.tell();
    }

    /// Makes connectors and policies active.
    pub(crate) fn swap(&self, connector: &str, policy: &str) {
        let parts = self.gateway.dependencies();
        parts.current.swap(snapshot(connector, policy));
        parts.changes.tell();
    }

    /// Judges a request of `ci` without a body.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
    ) -> Result<(Permit, OpenExchange), RefusedExchange> {
        self.send("ci", method, path, "").await
    }

    /// Judges a request.
    pub(crate) async fn send(
        &self,
        agent: &str,
        method: Method,
        path: &str,
        body: &'static str,
    ) -> Result<(Permit, OpenExchange), RefusedExchange> {
        let mut body = Whole(Bytes::from_static(body.as_bytes()));
        judge(&self.gateway, self.head(agent, method, path), &mut body).await
    }

    /// Makes a head as an edge would.
    pub(crate) fn head(&self, agent: &str, method: Method, path: &str) -> Head {
        let mut headers = HeaderMap::new();
        headers.insert(
            "proxy-authorization",
            HeaderValue::from_str(&format!("Bearer {agent}")).unwrap(),
        );
        Head {
            method,
            authority: Authority::parse("api.test", 443).unwrap(),
            tls: true,
            path: path.to_owned(),
            query: None,
            headers,
            pass: None,
            received: Instant::now(),
            request_id: self.gateway.request_id(),
            peer: None,
            tunnel: None,
        }
    }

    /// Waits until so many requests wait for an operator.
    pub(crate) async fn waiting(&self, count: usize) -> Vec<Approval> {
        let approvals = &self.gateway.dependencies().approvals;
        let wait = async {
            loop {
                let all = approvals.list();
                if all.iter().map(|approval| approval.waiting).sum::<usize>() == count {
                    return all;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let waited = tokio::time::timeout(LONG, wait).await;
        waited.unwrap_or_else(|_| panic!("not {count} requests wait: {:#?}", approvals.list()))
    }

    /// Returns all records so far but that of the start, oldest first.
    pub(crate) fn records(&self) -> Vec<serde_json::Value> {
        let mut records = records(&self.place.path());
        records.retain(|record| record["kind"] != "started");
        records
    }

    /// Closes the journal, so that the directory can go.
    pub(crate) async fn end(&self) {
        self.gateway.dependencies().journal.close().await;
    }
}

fn snapshot(connector: &str, policy: &str) -> Snapshot {
    let source = |name: &str, text: &str| Source {
        name: name.into(),
        text: text.into(),
        built_in: false,
    };
    let inputs = Inputs {
        connectors: vec![source("api", connector)],
        policies: vec![source("policy", policy)],
        agents: vec![agent("ci"), agent("other")],
        ..Inputs::default()
    };
    let (snapshot, report) = Snapshot::compile(&inputs);
    snapshot.unwrap_or_else(|| panic!("{}", report.to_text()))
}

fn agent(name: &str) -> Arc<Agent> {
    Arc::new(Agent {
        name: AgentName::parse(name).unwrap(),
        labels: BTreeMap::new(),
    })
}

fn roots(place: &Place, ca_pem: &str) -> Roots {
    let file = place.path().with_extension("pem");
    std::fs::write(&file, ca_pem).unwrap();
    Roots::read(&file).unwrap()
}
