//! Keeps who is signed in, and the one-time links by which operators sign in. Both are in memory: a restart signs everybody out.
//!
//! INVARIANT: a session is found by the hash of its cookie, and works only while its operator's token does.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::model::hex::hex;

/// How long a session lasts, however much it is used.
pub(super) const LASTS: Duration = Duration::from_secs(12 * 3600);

/// How long it lasts without a request.
const IDLE: Duration = Duration::from_secs(2 * 3600);

/// How long a link can be used.
pub(super) const LINK_LASTS: Duration = Duration::from_secs(60);

/// Sessions at once; the one that is unused longest ends for another.
const MAX_SESSIONS: usize = 256;

/// Links at once; the oldest goes for another.
const MAX_LINKS: usize = 64;

/// An operator who is signed in.
pub(super) struct Session {
    token: Zeroizing<String>,
    csrf: String,
    opened: SystemTime,
    used: Mutex<SystemTime>,
}

/// A link that nobody has used.
struct Link {
    token: Zeroizing<String>,
    made: SystemTime,
}

type Key = [u8; 32];

/// Everybody who is signed in.
pub(super) struct Sessions {
    open: Mutex<HashMap<Key, Arc<Session>>>,
    links: Mutex<HashMap<Key, Link>>,
    /// Name of the cookie: other gateways on this host have cookies of their own.
    pub(super) cookie: String,
    tls: bool,
}

impl Sessions {
    pub(super) fn new(tls: bool) -> Self {
        // Browsers take a cookie of this prefix only over TLS and only from this very host (RFC 6265bis section 4.1.3.2), so no
        // program on a sibling name or another port without TLS can plant one. Without TLS they refuse the prefix.
        let prefix = if tls { "__Host-" } else { "" };
        Self {
            open: Mutex::default(),
            links: Mutex::default(),
            cookie: format!("{prefix}tollgate-{:08x}", rand::random::<u32>()),
            tls,
        }
    }

    /// Returns the header by which a browser keeps a session's secret; it forgets an empty one.
    pub(super) fn set_cookie(&self, secret: &str) -> String {
        let secure = if self.tls { "; Secure" } else { "" };
        let age = if secret.is_empty() {
            0
        } else {
            LASTS.as_secs()
        };
        format!(
            "{}={secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{secure}",
            self.cookie
        )
    }

    /// Signs an operator in and returns the value of the cookie.
    pub(super) fn open(&self, token: &str, now: SystemTime) -> String {
        let (secret, key) = fresh();
        let session = Session {
            token: Zeroizing::new(token.to_owned()),
            csrf: fresh().0,
            opened: now,
            used: Mutex::new(now),
        };
        let mut open = self.open.lock();
        open.retain(|_, session| session.is_open(now));
        if open.len() >= MAX_SESSIONS {
            let unused = open.iter().min_by_key(|(_, session)| *session.used.lock());
            if let Some(key) = unused.map(|(key, _)| *key) {
                open.remove(&key);
            }
        }
        open.insert(key, Arc::new(session));
        secret
    }

    /// Finds a session by its cookie and notes that it is used.
    pub(super) fn find(&self, cookie: &str, now: SystemTime) -> Option<Arc<Session>> {
        let session = self.open.lock().get(&key(cookie)).cloned()?;
        if !session.is_open(now) {
            return None;
        }
        *session.used.lock() = now;
        Some(session)
    }

    /// Returns whether a session is open, without using it.
    pub(super) fn is_open(&self, session: &Arc<Session>, now: SystemTime) -> bool {
        let open = self.open.lock();
        session.is_open(now) && open.values().any(|known| Arc::ptr_eq(known, session))
    }

    /// Ends the session that a cookie names.
    pub(super) fn close(&self, cookie: &str) {
        self.open.lock().remove(&key(cookie));
    }

    /// Makes a secret that signs the owner of a token in, once.
    pub(super) fn link(&self, token: &str, now: SystemTime) -> String {
        let (secret, key) = fresh();
        let mut links = self.links.lock();
        links.retain(|_, link| link.is_usable(now));
        if links.len() >= MAX_LINKS {
            let oldest = links.iter().min_by_key(|(_, link)| link.made);
            if let Some(key) = oldest.map(|(key, _)| *key) {
                links.remove(&key);
            }
        }
        let token = Zeroizing::new(token.to_owned());
        links.insert(key, Link { token, made: now });
        secret
    }

    /// Takes a link; it does not work a second time.
    pub(super) fn redeem(&self, secret: &str, now: SystemTime) -> Option<Zeroizing<String>> {
        let link = self.links.lock().remove(&key(secret))?;
        link.is_usable(now).then_some(link.token)
    }
}

impl Session {
    /// Returns the operator's token.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Returns what each form of this session holds.
    pub(super) fn csrf(&self) -> &str {
        &self.csrf
    }

    /// Returns whether a form is one of this session.
    pub(super) fn sent(&self, csrf: &str) -> bool {
        self.csrf.as_bytes().ct_eq(csrf.as_bytes()).into()
    }

    fn is_open(&self, now: SystemTime) -> bool {
        within(self.opened, now, LASTS) && within(*self.used.lock(), now, IDLE)
    }
}

impl Link {
    fn is_usable(&self, now: SystemTime) -> bool {
        within(self.made, now, LINK_LASTS)
    }
}

/// Returns whether so much time has not passed; a clock that was set back ends nothing.
fn within(since: SystemTime, now: SystemTime, most: Duration) -> bool {
    now.duration_since(since)
        .map_or(true, |passed| passed < most)
}

fn fresh() -> (String, Key) {
    let secret = hex(&rand::random::<[u8; 32]>());
    let key = key(&secret);
    (secret, key)
}

fn key(secret: &str) -> Key {
    Sha256::digest(secret.as_bytes()).into()
}
