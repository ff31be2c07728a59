//! Carries the tunnel of a host whose TLS is not terminated here, unread except for the `ClientHello`, until both sides end, one
//! fails, nothing passes, or the permit is revoked.
//!
//! INVARIANT: no byte goes upstream before the agent has asked, in TLS, for the host that was judged.

mod meter;

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use http::{HeaderMap, Method};
use rustls::server::{Accepted, Acceptor};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Edge;
use crate::model::target::{Authority, Host};
use crate::pipeline::admit::Pass;
use crate::pipeline::forward::{Chain, forward};
use crate::pipeline::record::Outcome;
use crate::pipeline::refuse::{Code, RefusedExchange};
use crate::pipeline::tls_passthrough::{self, TlsPassthrough};
use crate::pipeline::{Head, Permit};
use crate::proxy::connection::next_tunnel;
use crate::proxy::pre_auth::PreAuth;
use crate::proxy::respond::{After, GatewayResponse};
use crate::proxy::{dial, internal, request_id};
use crate::telemetry::metrics::UpstreamError;
use meter::{Meter, Tally};

/// Longest first message of an agent, in bytes; with post-quantum key shares it takes about two thousand.
const MAX_HELLO: usize = 16 * 1024;

/// A fatal TLS alert, `unrecognized_name` (RFC 8446 section 6.2, RFC 6066 section 3): all of a refusal that an agent can read by then.
const UNRECOGNIZED_NAME: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 112];

/// Reasons why an open tunnel is not carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The agent is gone.
    Left,
    /// The first bytes are not TLS, or did not arrive in time.
    NotTls,
    /// It asks for another host than CONNECT did, or for none.
    OtherName,
    /// The gateway ends, and the agent has not begun.
    Draining,
}

impl Edge {
    /// Returns what there is to judge where TLS is not ended here.
    pub(super) fn find_passthrough(&self, authority: &Authority) -> Option<TlsPassthrough> {
        // The internal host is always the gateway's, whatever a connector says.
        if internal::is_internal(authority) {
            return None;
        }
        tls_passthrough::find(&self.gateway, authority)
    }

    /// Judges a tunnel, answers its CONNECT, and carries it to its end. A refusal is the answer: inside, an agent reads nothing
    /// but what its upstream has encrypted.
    pub(super) async fn pass_through(
        &self,
        mut pre_auth: PreAuth,
        found: TlsPassthrough,
        authority: Authority,
        pass: Pass,
    ) {
        pre_auth.fresh.end();
        let tunnels = self.gateway.dependencies().metrics.tunnel();
        let _counted = (self.drain.tunnel(), self.drain.exchange(), tunnels);
        let head = Head {
            method: Method::CONNECT,
            authority,
            tls: true,
            path: String::new(),
            query: None,
            headers: HeaderMap::new(),
            pass: Some(pass),
            received: Instant::now(),
            request_id: request_id(&self.clock),
            peer: pre_auth.peer,
            tunnel: Some(next_tunnel()),
        };
        let refusal = match tls_passthrough::judge(&self.gateway, found, &head).await {
            Ok((permit, open_exchange)) => {
                let mut tally = Tally::new(open_exchange);
                match self.reach(&permit, &mut tally).await {
                    Ok(upstream) => return self.carry(pre_auth, upstream, &permit, tally).await,
                    Err(refusal) => refusal,
                }
            }
            Err(refusal) => refusal,
        };
        let answer = GatewayResponse::refusal(&refusal).to_bytes(After::Close);
        pre_auth.write(&answer).await;
        pre_auth.close().await;
    }

    /// Connects to the upstream, unless the permit is revoked by then.
    async fn reach(
        &self,
        permit: &Permit,
        tally: &mut Tally,
    ) -> Result<TcpStream, RefusedExchange> {
        tokio::select! {
            biased;
            refusal = permit.validity().revoked(&self.gateway) => {
                tally.note_refusal(&refusal);
                Err(refusal)
            }
            reached = self.connect(permit, tally) => reached,
        }
    }

    /// Tries the upstream's addresses in order.
    async fn connect(
        &self,
        permit: &Permit,
        tally: &mut Tally,
    ) -> Result<TcpStream, RefusedExchange> {
        let destination = forward(&self.gateway, permit)
            .await
            .inspect_err(|refusal| tally.note_refusal(refusal))?;
        let authority = &permit.outgoing().authority;
        let mut failed = (UpstreamError::Connect, Code::UpstreamUnreachable);
        for address in destination.addresses {
            let chain = destination.chain.as_deref();
            let chain = chain.filter(|chain| chain.carries(authority, address));
            permit.validity().note_upstream(address);
            match timeout(self.timeouts.connect, dial(chain, address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(kind)) => failed = (kind, Code::UpstreamUnreachable),
                Err(_) => failed = (UpstreamError::Timeout, Code::UpstreamTimeout),
            }
        }
        let (kind, code) = failed;
        tally.note_outcome(Outcome::UpstreamFailed(kind));
        Err(permit.refused(code))
    }

    /// Answers 200, and carries what follows.
    async fn carry(
        &self,
        mut pre_auth: PreAuth,
        upstream: TcpStream,
        permit: &Permit,
        mut tally: Tally,
    ) {
        let established = format!(
            "HTTP/1.1 200 Connection Established\r\ntollgate-request-id: {}\r\ntollgate-decision: allow\r\n\r\n",
            permit.request_id()
        );
        if !pre_auth.write(established.as_bytes()).await {
            return tally.note_outcome(Outcome::AgentLeft);
        }
        // Also where the drain's deadline drops this task.
        tally.note_outcome(Outcome::Answered(200));
        let validity = permit.validity();
        let host = &permit.outgoing().authority.host;
        let heard = tokio::select! {
            biased;
            refusal = validity.revoked(&self.gateway) => return tally.note_refusal(&refusal),
            heard = self.hear(&mut pre_auth, host) => heard,
        };
        if let Err(fault) = heard {
            tally.note_outcome(fault.outcome());
            return self.turn_away(pre_auth, fault).await;
        }
        let idle = self.timeouts.idle;
        let revoked = tokio::select! {
            biased;
            refusal = validity.revoked(&self.gateway) => Some(refusal),
            // Either side may close as it likes; its bytes have reached the other one.
            _ = exchange(pre_auth, upstream, &tally.meter) => None,
            () = tally.meter.silence(idle) => None,
        };
        if let Some(refusal) = revoked {
            tally.note_refusal(&refusal);
        }
    }

    /// Reads the agent's first TLS message. Nothing of it is taken away.
    async fn hear(&self, pre_auth: &mut PreAuth, host: &Host) -> Result<(), Fault> {
        let hello = async {
            let mut acceptor = Acceptor::default();
            let mut looked_at = 0;
            loop {
                let (_, new) = pre_auth.read.split_at(looked_at.min(pre_auth.read.len()));
                if let Some(hello) = understand(&mut acceptor, new)? {
                    return if asks_for(&hello, host) {
                        Ok(())
                    } else {
                        Err(Fault::OtherName)
                    };
                }
                looked_at = pre_auth.read.len();
                if looked_at >= MAX_HELLO {
                    return Err(Fault::NotTls);
                }
                match pre_auth.socket.read_buf(&mut pre_auth.read).await {
                    Ok(0) | Err(_) => return Err(Fault::Left),
                    Ok(_) => {}
                }
            }
        };
        tokio::select! {
            heard = timeout(self.timeouts.request_head, hello) => heard.unwrap_or(Err(Fault::NotTls)),
            () = self.drain.settled() => Err(Fault::Draining),
        }
    }

    /// Says why in the language that the agent speaks.
    async fn turn_away(&self, mut pre_auth: PreAuth, fault: Fault) {
        match fault {
            Fault::Left | Fault::Draining => return,
            Fault::OtherName => {
                pre_auth.write(&UNRECOGNIZED_NAME).await;
            }
            Fault::NotTls => {
                let refusal =
                    self.refusal(Code::BadRequest, "only TLS is passed through this tunnel");
                let answer = GatewayResponse::refusal(&refusal).to_bytes(After::Close);
                pre_auth.write(&answer).await;
            }
        }
        pre_auth.close().await;
    }
}

impl Fault {
    fn outcome(self) -> Outcome {
        match self {
            Self::Left => Outcome::AgentLeft,
            Self::NotTls => Outcome::Refused(Code::BadRequest.as_str()),
            Self::OtherName => Outcome::Refused(Code::NamesDisagree.as_str()),
            Self::Draining => Outcome::Refused(Code::Draining.as_str()),
        }
    }
}

async fn dial(chain: Option<&Chain>, address: SocketAddr) -> Result<TcpStream, UpstreamError> {
    let stream = match chain {
        Some(chain) => dial::dial(chain, address).await.ok_or(UpstreamError::Proxy),
        None => TcpStream::connect(address)
            .await
            .map_err(|_| UpstreamError::Connect),
    }?;
    // Both sides already batch their writes.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// Reads on; the `ClientHello` comes out once it is whole.
fn understand(acceptor: &mut Acceptor, mut new: &[u8]) -> Result<Option<Accepted>, Fault> {
    while !new.is_empty() {
        match acceptor.read_tls(&mut new) {
            // A close before anything was said.
            Ok(0) | Err(_) => return Err(Fault::NotTls),
            Ok(_) => {}
        }
        match acceptor.accept() {
            Ok(None) => {}
            Ok(hello) => return Ok(hello),
            Err(_) => return Err(Fault::NotTls),
        }
    }
    Ok(None)
}

/// A shared server serves the host that the `ClientHello` names, so it must name the judged one. Addresses are not named, RFC
/// 6066 section 3.
fn asks_for(hello: &Accepted, host: &Host) -> bool {
    match hello.client_hello().server_name() {
        Some(name) => Host::parse(name).as_ref() == Ok(host),
        None => matches!(host, Host::Ip(_)),
    }
}

/// Carries both directions until each has ended.
async fn exchange(pre_auth: PreAuth, upstream: TcpStream, meter: &Meter) -> io::Result<()> {
    let PreAuth { socket, read, .. } = pre_auth;
    let read: &[u8] = &read;
    let (from_agent, to_agent) = tokio::io::split(socket);
    let (from_upstream, to_upstream) = upstream.into_split();
    let from_agent = read.chain(from_agent);
    tokio::try_join!(
        meter.pump(&meter.sent, (from_agent, to_upstream)),
        meter.pump(&meter.received, (from_upstream, to_agent)),
    )?;
    Ok(())
}
