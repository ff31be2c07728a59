//! Builds the peer that Pingora connects to, and classifies failed attempts.
//!
//! INVARIANT: a TLS peer has a server name and verifies it; Pingora verifies nothing where the name is empty.

use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::Arc;

use pingora::protocols::ALPN;
use pingora::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};
use pingora::{Error, ErrorSource, ErrorType, Result};
use tokio::net::TcpStream;

use super::reuse::{Connects, RestsOn};
use super::tail::MALFORMED;
use super::upstream::{self, Carriage};
use super::{Timeouts, relay};
use crate::pipeline::Outgoing;
use crate::pipeline::forward::{Chain, Destination};
use crate::pipeline::refuse::Code;
use crate::telemetry::metrics::UpstreamError;

/// Concurrent requests on one upstream connection; Pingora's default is one.
const STREAMS: usize = 100;

/// Builds the peer for one address, and what to ask it for where both versions would do. Connections that Pingora keeps by itself
/// are `watched`.
///
/// # Errors
/// When the destination has no server name.
pub(super) fn peer(
    outgoing: &Outgoing,
    destination: &Destination,
    (address, (alpn, apart)): (SocketAddr, (ALPN, u64)),
    timeouts: &Timeouts,
    rests_on: Option<RestsOn>,
) -> Result<Box<HttpPeer>> {
    let carriage = upstream::carriage(outgoing);
    let chain = destination.chain.clone();
    let chain = chain.filter(|chain| chain.carries(&outgoing.authority, address));
    let name = destination
        .server_name
        .trim_start_matches('[')
        .trim_end_matches(']');
    if name.is_empty() {
        return Error::e_explain(ErrorType::InternalError, "a destination has no server name");
    }
    // An address, never a name: Pingora would look a name up, blocking, and panic on failure.
    let mut peer = HttpPeer::new(address, destination.tls, name.to_owned());
    // Pooled connections are not told apart by ALPN, and gRPC must not get one of HTTP/1.1.
    peer.group_key = destination.group_key.rotate_left(carriage as u32);
    if carriage == Carriage::Any {
        peer.group_key ^= apart;
    }
    let options = &mut peer.options;
    options.verify_cert = true;
    options.verify_hostname = true;
    options.alpn = match (destination.tls, carriage) {
        (false, _) | (true, Carriage::WebSocket) => ALPN::H1,
        (true, Carriage::Grpc) => ALPN::H2,
        (true, Carriage::Any) => alpn,
    };
    options.max_h2_streams = STREAMS;
    options.custom_l4 = Some(Arc::new(Connects {
        chain,
        connect_timeout: timeouts.connect,
        rests_on,
    }));
    options.connection_timeout = Some(timeouts.connect);
    options.total_connection_timeout = Some(timeouts.connect);
    // A WebSocket may say nothing for as long as the agent does; the relay watches both.
    options.read_timeout = (carriage != Carriage::WebSocket).then_some(timeouts.first_byte);
    options.write_timeout = Some(timeouts.idle);
    options.idle_timeout = Some(timeouts.idle);
    options.http_upstream_request_policy = HttpUpstreamRequestPolicy::deny_upgrades();
    Ok(Box::new(peer))
}

/// Connects through the operator's proxy. The caller bounds the time.
pub(super) async fn dial(chain: &Chain, address: SocketAddr) -> Option<TcpStream> {
    match chain.dial(address).await {
        Ok(stream) => Some(stream),
        Err(error) => {
            // The operator must fix it, so the log has the details; agents only read that the upstream is not reached.
            let cause = error.source().map(ToString::to_string);
            tracing::warn!(%error, cause, %address, "`egress.proxy` does not connect");
            None
        }
    }
}

/// Names of the errors of malformed bodies: Pingora's for chunks, and ours for HTTP/2.
const UNCLEAR: [&str; 3] = ["InvalidChunk", "InvalidTrailerEnd", MALFORMED];

/// Reasons why a permitted exchange failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The agent is gone, so there is no answer.
    AgentLeft,
    /// The agent owes its body.
    AgentSlow,
    /// The agent's body is framed in a way that cannot be read.
    AgentUnclear,
    /// Nothing passed for so long that the exchange was ended. Its outcome is known.
    Idle,
    /// The upstream failed; the code is for the agent.
    Upstream(UpstreamError, Code),
    /// The gateway itself has failed.
    Internal,
}

/// Whether the upstream may have read something of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    Maybe,
    Nothing,
}

/// Returns whether a connection is gone, and nothing else is wrong.
pub(super) fn is_end(error: &Error) -> bool {
    matches!(
        error.etype(),
        ErrorType::ConnectionClosed | ErrorType::ReadError | ErrorType::WriteError
    )
}

/// Sorts Pingora's error into the closed set of kinds. Once a request was sent, no answer may say that it was not.
pub(super) fn failure(error: &Error, sent: Sent) -> Failure {
    match (sorted(error), sent) {
        (Failure::Upstream(kind, Code::UpstreamUnreachable), Sent::Maybe) => {
            let code = match kind {
                UpstreamError::Closed => Code::UpstreamClosed,
                UpstreamError::Protocol => Code::UpstreamMalformed,
                _ => Code::UpstreamUnreachable,
            };
            Failure::Upstream(kind, code)
        }
        (failure, _) => failure,
    }
}

fn sorted(error: &Error) -> Failure {
    match error.etype() {
        ErrorType::Custom(relay::BODY_STALLED) => return Failure::AgentSlow,
        ErrorType::Custom(relay::IDLE) => return Failure::Idle,
        ErrorType::Custom(name)
            if error.esource() == &ErrorSource::Downstream && UNCLEAR.contains(name) =>
        {
            return Failure::AgentUnclear;
        }
        ErrorType::Custom(relay::UPSTREAM_SILENT) => {
            return Failure::Upstream(UpstreamError::Timeout, Code::UpstreamTimeout);
        }
        _ => {}
    }
    match error.esource() {
        ErrorSource::Downstream => return Failure::AgentLeft,
        ErrorSource::Internal | ErrorSource::Unset => return Failure::Internal,
        ErrorSource::Upstream => {}
    }
    match error.etype() {
        ErrorType::ConnectTimedout
        | ErrorType::TLSHandshakeTimedout
        | ErrorType::ReadTimedout
        | ErrorType::WriteTimedout => {
            Failure::Upstream(UpstreamError::Timeout, Code::UpstreamTimeout)
        }
        ErrorType::ConnectProxyFailure => {
            Failure::Upstream(UpstreamError::Proxy, Code::UpstreamUnreachable)
        }
        ErrorType::ConnectRefused | ErrorType::ConnectNoRoute | ErrorType::ConnectError => {
            Failure::Upstream(UpstreamError::Connect, Code::UpstreamUnreachable)
        }
        ErrorType::TLSHandshakeFailure | ErrorType::InvalidCert | ErrorType::HandshakeError => {
            Failure::Upstream(UpstreamError::Tls, Code::UpstreamUnreachable)
        }
        ErrorType::ConnectionClosed | ErrorType::ReadError | ErrorType::WriteError => {
            Failure::Upstream(UpstreamError::Closed, Code::UpstreamUnreachable)
        }
        _ => Failure::Upstream(UpstreamError::Protocol, Code::UpstreamUnreachable),
    }
}
