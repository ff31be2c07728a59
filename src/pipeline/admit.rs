//! Finds the agent that sent a request, and refuses those that are halted or over a limit.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::PROXY_AUTHORIZATION;

use super::Gateway;
use super::refuse::{Code, Refusal};
use crate::connector::Memory;
use crate::limit::{Reached, Resource, Share};
use crate::model::agent::Agent;
use crate::model::halt::Halt;
use crate::roster::TokenHash;

/// Shortest wait for a token to run out: timers and the clock differ by so much.
const TICK: Duration = Duration::from_millis(10);

/// Longest `Proxy-Authorization` that is looked at, in bytes.
const MAX_HEADER: usize = 1024;

/// Proof that a tunnel was opened with a token. The agent is looked up again on every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pass(TokenHash);

/// An agent's request that counts as under way, and the count of changes that it is judged by.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) agent: Arc<Agent>,
    pub(crate) pass: Pass,
    /// The count of changes, read before anything was judged.
    pub(crate) changes: u64,
    /// The request is one of those that are under way.
    pub(crate) stream: Share,
}

/// Admits a CONNECT (or an absolute-form request) by its `Proxy-Authorization`: Basic `name:token`, Bearer, or the bare token.
///
/// # Errors
/// 407 for no or an unknown token.
pub fn admit(gateway: &Gateway, headers: &HeaderMap) -> Result<(Pass, Arc<Agent>), Refusal> {
    recognise(gateway, headers).ok_or_else(|| unknown(gateway))
}

/// Counts and refuses a request without a valid token.
pub(super) fn unknown(gateway: &Gateway) -> Refusal {
    let code = Code::ProxyAuthenticationRequired;
    gateway.dependencies.metrics.refused("", "", code.as_str());
    code.into()
}

/// Returns the agent of a `Proxy-Authorization`, if there is one; nothing is refused, or counted.
#[must_use]
pub fn recognise(gateway: &Gateway, headers: &HeaderMap) -> Option<(Pass, Arc<Agent>)> {
    let mut values = headers.get_all(PROXY_AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let text = value.to_str().ok();
    let presented = text
        .filter(|text| text.len() <= MAX_HEADER)
        .and_then(read)?;
    let pass = Pass(TokenHash::of(&presented.token));
    let agent = again(gateway, pass)?;
    let named = presented
        .name
        .is_none_or(|name| name.is_empty() || name == agent.name.as_str());
    named.then_some((pass, agent))
}

/// Looks the agent of a tunnel up again, so that removing it works inside open tunnels.
#[must_use]
pub fn again(gateway: &Gateway, pass: Pass) -> Option<Arc<Agent>> {
    gateway
        .dependencies
        .roster
        .find(&pass.0, gateway.dependencies.clock.now())
}

/// Keeps a connection for an agent, for as long as the share lives.
///
/// # Errors
/// 429 where it has too many, or all agents together have.
pub fn keep(gateway: &Gateway, agent: &Agent) -> Result<Share, Refusal> {
    take(gateway, agent, Resource::Tunnels, 1)
}

/// Lets a request of an agent begin; it counts as under way for as long as the share lives.
pub(super) fn enter(gateway: &Gateway, agent: &Agent) -> Result<Share, Refusal> {
    check_halt(gateway, agent)?;
    take(gateway, agent, Resource::Streams, 1)
}

/// Reserves memory for a body before it is read.
pub(super) fn reserve(gateway: &Gateway, agent: &Agent, bytes: usize) -> Result<Share, Refusal> {
    take(gateway, agent, Resource::Bodies, bytes)
}

/// The memory of one request, which grows with what is copied to understand it.
#[derive(Debug)]
struct Growing<'a> {
    gateway: &'a Gateway,
    agent: &'a Agent,
    share: &'a mut Option<Share>,
    /// Why it does not grow any more.
    refusal: Option<Refusal>,
}

impl Memory for Growing<'_> {
    fn take(&mut self, bytes: usize) -> bool {
        let taken = match &mut *self.share {
            Some(share) => share
                .grow(bytes)
                .map_err(|reached| busy(self.gateway, reached)),
            None => reserve(self.gateway, self.agent, bytes).map(|share| {
                *self.share = Some(share);
            }),
        };
        self.refusal = taken.err();
        self.refusal.is_none()
    }
}

/// Does work whose memory counts with that of the request; without memory the refusal is that, whatever the work says.
pub(super) fn growing<T>(
    gateway: &Gateway,
    agent: &Agent,
    share: &mut Option<Share>,
    work: impl FnOnce(&mut dyn Memory) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let mut memory = Growing {
        gateway,
        agent,
        share,
        refusal: None,
    };
    let done = work(&mut memory);
    match memory.refusal {
        Some(refusal) => Err(refusal),
        None => done,
    }
}

/// Over a limit is a refusal, never an allocation.
fn take(
    gateway: &Gateway,
    agent: &Agent,
    resource: Resource,
    amount: usize,
) -> Result<Share, Refusal> {
    let taken = gateway
        .dependencies
        .limits
        .take(&agent.name, resource, amount);
    taken.map_err(|reached| busy(gateway, reached))
}

fn busy(gateway: &Gateway, reached: Reached) -> Refusal {
    gateway
        .dependencies
        .metrics
        .limit_reached(reached.setting());
    Refusal::because(Code::Busy, reached.to_string())
}

/// Waits until the token of a tunnel runs out, as far as is known now; for ever where it does not.
pub(super) async fn expiry(gateway: &Gateway, pass: Pass) {
    let end = gateway.dependencies.roster.expiry(&pass.0);
    match end {
        Some(end) => {
            let left = end.duration_since(gateway.dependencies.clock.now());
            tokio::time::sleep(left.unwrap_or_default().max(TICK)).await;
        }
        None => std::future::pending().await,
    }
}

/// Waits for a change, from now on, after which an agent may not be admitted any more; that its token runs out is one.
pub fn next_change(gateway: &Arc<Gateway>, pass: Pass) -> impl Future<Output = ()> + Send + use<> {
    let gateway = Arc::clone(gateway);
    let seen = gateway.dependencies.changes.count();
    async move {
        tokio::select! {
            () = gateway.dependencies.changes.after(seen) => {}
            // That is not a change that is told.
            () = expiry(&gateway, pass) => {}
        }
    }
}

/// Waits until an agent may not ask any more, and returns why: it is gone, or the kill switch holds it or the connector back.
///
/// Safe to drop and to call again.
pub(super) async fn barred(gateway: &Gateway, pass: Pass, connector: &str) -> Refusal {
    loop {
        // Before anything is looked at, so that a change meanwhile is seen as one.
        let seen = gateway.dependencies.changes.count();
        if let Err(refusal) = check(gateway, pass, connector) {
            return refusal;
        }
        tokio::select! {
            () = gateway.dependencies.changes.after(seen) => {}
            // An expired token is not a change that is told.
            () = expiry(gateway, pass) => {}
        }
    }
}

/// Does work that waits for the agent or for another party; it ends where the agent may not ask any more.
pub(super) async fn while_admitted<T>(
    gateway: &Gateway,
    (pass, connector): (Pass, &str),
    work: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    tokio::select! {
        biased;
        done = work => done,
        refusal = barred(gateway, pass, connector) => Err(refusal),
    }
}

/// Looks up whether an agent may ask a connector now.
///
/// # Errors
/// The agent is gone, or the kill switch holds it or the connector back.
pub(super) fn check(gateway: &Gateway, pass: Pass, connector: &str) -> Result<Arc<Agent>, Refusal> {
    let agent = again(gateway, pass).ok_or(Code::ProxyAuthenticationRequired)?;
    check_halt(gateway, &agent)?;
    check_connector_halt(gateway, connector)?;
    Ok(agent)
}

/// Refuses an agent that the kill switch holds back, alone or with everybody.
pub(super) fn check_halt(gateway: &Gateway, agent: &Agent) -> Result<(), Refusal> {
    held(
        gateway
            .dependencies
            .kill_switch
            .holds_agent(agent.name.as_str()),
    )
}

/// Refuses a connector that the kill switch holds back.
pub(super) fn check_connector_halt(gateway: &Gateway, connector: &str) -> Result<(), Refusal> {
    held(gateway.dependencies.kill_switch.holds_connector(connector))
}

/// Says what is halted, not by whom and why: that is for operators.
fn held(halt: Option<Arc<Halt>>) -> Result<(), Refusal> {
    match halt {
        None => Ok(()),
        Some(halt) => {
            let detail = format!("An operator has halted {}.", halt.scope);
            Err(Refusal::because(Code::Killed, detail))
        }
    }
}

struct Presented {
    /// What Basic has before the colon.
    name: Option<String>,
    token: zeroize::Zeroizing<String>,
}

fn read(text: &str) -> Option<Presented> {
    let (scheme, rest) = text.trim().split_once(' ').unwrap_or(("", text.trim()));
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = zeroize::Zeroizing::new(STANDARD.decode(rest.trim()).ok()?);
        let pair = std::str::from_utf8(&decoded).ok()?;
        // `http://TOKEN@proxy` gives the token as name and an empty password.
        return Some(match pair.split_once(':') {
            Some((token, "")) => Presented {
                name: None,
                token: token.to_owned().into(),
            },
            Some((name, token)) => Presented {
                name: Some(name.to_owned()),
                token: token.to_owned().into(),
            },
            None => Presented {
                name: None,
                token: pair.to_owned().into(),
            },
        });
    }
    let bearer = scheme.is_empty() || scheme.eq_ignore_ascii_case("bearer");
    (bearer && !rest.is_empty()).then(|| Presented {
        name: None,
        token: rest.trim().to_owned().into(),
    })
}
