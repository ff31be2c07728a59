//! Remembers which upstreams speak HTTP/2, to choose the version of the next connection.
//!
//! After a malformed HTTP/2 answer, Pingora assumes that the upstream does not speak it and uses HTTP/1.1 for good. But only an
//! upstream that speaks HTTP/2 can send one: that exchange fails, and the next one asks for HTTP/2 again.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use pingora::protocols::ALPN;

/// Upstreams remembered; those beyond are left to Pingora.
const MAX_KNOWN: usize = 4096;

/// An address, and the key that its connections are grouped by.
pub(super) type Upstream = (SocketAddr, u64);

/// Upstreams that have answered HTTP/2 that could not be read.
#[derive(Debug, Default)]
pub(super) struct Http2Support {
    /// False while the table is empty, which is nearly always.
    any: AtomicBool,
    /// How often what is asked for has changed: odd while HTTP/2 is insisted on. Pingora remembers by group, so each change is
    /// a group of its own.
    changes: Mutex<HashMap<Upstream, u32>>,
}

impl Http2Support {
    /// Returns what to ask an upstream for where both versions would do, and what sets its group apart.
    pub(super) fn ask(&self, upstream: Upstream) -> (ALPN, u64) {
        if !self.any.load(Ordering::Acquire) {
            return (ALPN::H2H1, 0);
        }
        let changes = self.changes.lock().get(&upstream).copied().unwrap_or(0);
        let alpn = if changes % 2 == 1 {
            ALPN::H2
        } else {
            ALPN::H2H1
        };
        (alpn, u64::from(changes).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// Notes that an upstream has answered HTTP/2, though none that can be read.
    pub(super) fn note_http2(&self, upstream: Upstream) {
        let mut changes = self.changes.lock();
        if changes.len() >= MAX_KNOWN && !changes.contains_key(&upstream) {
            return;
        }
        let changes = changes.entry(upstream).or_default();
        *changes += (*changes + 1) % 2;
        self.any.store(true, Ordering::Release);
    }

    /// Notes that an upstream that HTTP/2 was insisted on does not connect any more; returns whether it was.
    pub(super) fn note_refused(&self, upstream: Upstream) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        let mut changes = self.changes.lock();
        match changes.get_mut(&upstream) {
            Some(changes) if *changes % 2 == 1 => {
                *changes += 1;
                true
            }
            _ => false,
        }
    }
}
