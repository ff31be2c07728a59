//! Builds the peer that Pingora connects to.
//!
//! INVARIANT: a TLS peer has a server name and verifies it; Pingora verifies nothing where the name is empty.

use std::net::SocketAddr;
use std::sync::Arc;

use pingora::protocols::ALPN;
use pingora::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};
use pingora::{Error, ErrorType, Result};

use super::Timeouts;
use super::reuse::{Connects, RestsOn};
use super::upstream::{self, Carriage};

use crate::pipeline::Outgoing;
use crate::pipeline::forward::Destination;

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
