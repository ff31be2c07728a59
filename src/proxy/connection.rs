//! Describes the connection that requests come through, for its reader and for the judgement of its requests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::drain::Fresh;
use super::header_deadline::HeaderDeadline;
use super::streams::Streams;
use crate::model::target::Authority;
use crate::pipeline::admit::Pass;

/// The connection that requests come through.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) via: Via,
    /// `None` for a Unix socket.
    pub(super) peer: Option<SocketAddr>,
    /// Until its first request.
    pub(super) fresh: Fresh,
    pub(super) header_deadline: HeaderDeadline,
    /// The requests under way on it, if it speaks HTTP/2.
    pub(super) streams: Streams,
    /// The body under way is framed in a way that cannot be read.
    unclear: AtomicBool,
    /// Another protocol is spoken from now on.
    switched: AtomicBool,
    /// The rest of a request is waited for.
    hurry: AtomicBool,
}

/// One request of a connection and its answer; the next head is expected once this is dropped.
#[derive(Debug)]
pub(super) struct Taken(Arc<Connection>);

/// How requests reach us.
#[derive(Debug)]
pub(super) enum Via {
    /// Absolute-form on the proxy port.
    Direct,
    /// Inside the tunnel of a CONNECT.
    Tunnel(Tunnel),
}

/// The tunnel of an open CONNECT.
#[derive(Debug)]
pub(super) struct Tunnel {
    pub(super) authority: Authority,
    /// `None` only for the gateway's own host.
    pub(super) pass: Option<Pass>,
    /// Whether TLS is spoken inside.
    pub(super) tls: bool,
    /// Since the start of the process, for records.
    pub(super) number: u64,
    sni_disagrees: AtomicBool,
}

/// Number of the last tunnel.
static TUNNELS: AtomicU64 = AtomicU64::new(0);

/// Returns a number for a new tunnel.
pub(super) fn next_tunnel() -> u64 {
    TUNNELS.fetch_add(1, Ordering::Relaxed).saturating_add(1)
}

impl Connection {
    pub(super) fn new(
        via: Via,
        peer: Option<SocketAddr>,
        fresh: Fresh,
        header_deadline: HeaderDeadline,
    ) -> Self {
        Self {
            via,
            peer,
            fresh,
            header_deadline,
            streams: Streams::default(),
            unclear: AtomicBool::new(false),
            switched: AtomicBool::new(false),
            hurry: AtomicBool::new(false),
        }
    }

    /// Notes that a head has arrived. `None` on HTTP/2, whose requests do not follow one another.
    pub(super) fn take(self: &Arc<Self>) -> Option<Taken> {
        self.header_deadline
            .pause()
            .then(|| Taken(Arc::clone(self)))
    }

    /// Returns the tunnel that it is the inside of.
    pub(super) fn tunnel(&self) -> Option<&Tunnel> {
        match &self.via {
            Via::Direct => None,
            Via::Tunnel(tunnel) => Some(tunnel),
        }
    }

    /// Notes that the end of the current body is unknown.
    pub(super) fn note_unclear(&self) {
        self.unclear.store(true, Ordering::Release);
    }

    pub(super) fn is_unclear(&self) -> bool {
        self.unclear.load(Ordering::Acquire)
    }

    /// Notes that the upstream has accepted another protocol.
    pub(super) fn note_switched(&self) {
        self.switched.store(true, Ordering::Release);
    }

    pub(super) fn is_switched(&self) -> bool {
        self.switched.load(Ordering::Acquire)
    }

    /// Notes that an agent may keep back the rest of a request until what it has sent is acknowledged (RFC 896).
    pub(super) fn hurry(&self) {
        self.hurry.store(true, Ordering::Relaxed);
    }

    /// Returns whether that was noted since the last time.
    pub(super) fn take_hurry(&self) -> bool {
        self.hurry.load(Ordering::Relaxed) && self.hurry.swap(false, Ordering::Relaxed)
    }
}

impl Taken {
    /// Notes that the upstream has accepted another protocol.
    pub(super) fn note_switched(&self) {
        self.0.note_switched();
    }

    /// Returns whether the request's body is framed in a way that cannot be read.
    pub(super) fn is_unclear(&self) -> bool {
        self.0.is_unclear()
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.header_deadline.resume();
    }
}

impl Tunnel {
    pub(super) fn new(authority: Authority, pass: Option<Pass>, tls: bool) -> Self {
        Self {
            authority,
            pass,
            tls,
            number: next_tunnel(),
            sni_disagrees: AtomicBool::new(false),
        }
    }

    /// Notes, after the handshake, that SNI named another host than CONNECT.
    pub(super) fn note_other_sni(&self) {
        self.sni_disagrees.store(true, Ordering::Release);
    }

    pub(super) fn sni_disagrees(&self) -> bool {
        self.sni_disagrees.load(Ordering::Acquire)
    }
}

/// Returns the connection that a session came through.
pub(super) fn of(digest: Option<&pingora::protocols::Digest>) -> Option<Arc<Connection>> {
    let data = digest?.proxy_digest.as_ref()?.user_data.as_ref()?;
    data.downcast_ref::<Arc<Connection>>().cloned()
}
