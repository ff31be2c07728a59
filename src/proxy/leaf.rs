//! Makes a TLS configuration with a certificate for exactly one host on first use, and keeps it for a day.
//!
//! INVARIANT: a TLS session is resumed only with the agent's token that it was begun with, and only for the same host: the tickets
//! of each such pair are sealed with a key of their own. A name may come back as another agent's, a token does not. Without a
//! token there is no ticket.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use governor::clock::DefaultClock;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use parking_lot::Mutex;
use pingora::listeners::tls::Acceptor;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};
use rustls::ServerConfig;
use rustls::crypto::ring::Ticketer;
use rustls::server::NoServerSessionStorage;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::ProxyError;
use super::authority::CertificateAuthority;
use crate::model::agent::AgentName;
use crate::model::clock::Clock;
use crate::model::target::Host;
use crate::pipeline::admit::Pass;

/// Hosts kept at once. A leaf costs 50 µs to mint, so losing one is cheap.
const CAPACITY: usize = 1024;

/// Tokens that sessions with one host are kept for at once; others make a whole handshake, which costs a signature.
const RESUMING: usize = 64;

/// How long a leaf is used, well below its validity.
const KEEP: Duration = Duration::from_secs(24 * 60 * 60);

/// Hosts for which an agent may make the gateway sign a new leaf, at once and each second. Programs use far fewer; this many
/// keep no core busy.
const BURST: NonZeroU32 = NonZeroU32::new(200).unwrap();
const PER_SECOND: NonZeroU32 = NonZeroU32::new(20).unwrap();

/// Agents whose rate is tracked; those without recent requests are forgotten first.
const AGENTS: usize = 1024;

const BEFORE: Duration = Duration::from_secs(60 * 60);
const AFTER: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// RFC 5280 appendix A.1, `ub-common-name`.
const LONGEST_COMMON_NAME: usize = 64;

/// Mints and keeps leaves.
pub(super) struct Leaves {
    authority: Arc<CertificateAuthority>,
    /// One key for all leaves: it never leaves this process, and making keys is the dear part.
    key: KeyPair,
    kept: Mutex<HashMap<Host, Kept>>,
    rates: RateLimiter<AgentName, HashMapStateStore<AgentName>, DefaultClock>,
    clock: Clock,
}

struct Kept {
    /// What every agent begins with; it issues no tickets.
    config: Arc<ServerConfig>,
    /// By the token that the tunnel was opened with.
    acceptors: HashMap<Pass, Arc<Acceptor>>,
    until: SystemTime,
}

impl fmt::Debug for Leaves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaves")
            .field("kept", &self.kept.lock().len())
            .finish_non_exhaustive()
    }
}

impl Leaves {
    pub(super) fn new(
        authority: Arc<CertificateAuthority>,
        clock: Clock,
    ) -> Result<Self, ProxyError> {
        let key =
            KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(ProxyError::Certificate)?;
        Ok(Self {
            authority,
            key,
            kept: Mutex::default(),
            rates: RateLimiter::hashmap(Quota::per_second(PER_SECOND).allow_burst(BURST)),
            clock,
        })
    }

    /// Returns whether an agent, known by its token, may have a leaf for a host now. One that is kept costs nothing, so one that is allowed is made at
    /// once: tunnels to one host that come together count once.
    pub(super) fn allows(&self, (agent, pass): (&AgentName, Pass), host: &Host) -> bool {
        let now = self.clock.now();
        let kept = self
            .kept
            .lock()
            .get(host)
            .is_some_and(|kept| kept.until > now);
        if kept {
            return true;
        }
        if self.rates.len() > AGENTS {
            self.rates.retain_recent();
        }
        // A failure to make it shows again where the tunnel's TLS begins.
        self.rates.check_key(agent).is_ok() && self.acceptor(host, Some(pass)).is_ok()
    }

    /// Returns the acceptor for tunnels to a host that were opened with a token, or without one.
    pub(super) fn acceptor(
        &self,
        host: &Host,
        pass: Option<Pass>,
    ) -> Result<Arc<Acceptor>, ProxyError> {
        let now = self.clock.now();
        let mut kept = self.kept.lock();
        if let Some(kept) = kept.get_mut(host).filter(|kept| kept.until > now) {
            return kept.acceptor(pass);
        }
        drop(kept);
        let config = Arc::new(self.mint(host)?);
        let mut kept = self.kept.lock();
        if kept.len() >= CAPACITY {
            make_room(&mut kept, now);
        }
        let mut fresh = Kept {
            config,
            acceptors: HashMap::new(),
            until: now + KEEP,
        };
        let acceptor = fresh.acceptor(pass);
        kept.insert(host.clone(), fresh);
        acceptor
    }

    fn mint(&self, host: &Host) -> Result<ServerConfig, ProxyError> {
        let leaf = self.authority.sign(&self.params(host)?, &self.key)?;
        let mut chain = vec![leaf.der().clone()];
        chain.extend_from_slice(self.authority.chain());
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
                .map_err(ProxyError::Tls)?;
        config.alpn_protocols = [&b"h2"[..], b"http/1.1", b"http/1.0"]
            .map(<[u8]>::to_vec)
            .into();
        // Tickets hold their sessions, so that none is kept here.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        // Each connection brings a new one (RFC 8446 appendix C.4), and most agents use none.
        config.send_tls13_tickets = 1;
        Ok(config)
    }

    fn params(&self, host: &Host) -> Result<CertificateParams, ProxyError> {
        let name = match host {
            Host::Name(name) => name.to_string(),
            Host::Ip(address) => address.to_string(),
        };
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![match host {
            Host::Name(_) => {
                SanType::DnsName(name.clone().try_into().map_err(ProxyError::Certificate)?)
            }
            Host::Ip(address) => SanType::IpAddress(*address),
        }];
        params.distinguished_name = DistinguishedName::new();
        let common = if name.len() <= LONGEST_COMMON_NAME {
            name
        } else {
            "Tollgate leaf".to_owned()
        };
        params.distinguished_name.push(DnType::CommonName, common);
        params.not_before = self.clock.utc() - BEFORE;
        params.not_after = self.clock.utc() + AFTER;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        Ok(params)
    }
}

impl Kept {
    fn acceptor(&mut self, pass: Option<Pass>) -> Result<Arc<Acceptor>, ProxyError> {
        let Some(pass) = pass else {
            let config = Arc::clone(&self.config);
            return Ok(Arc::new(Acceptor::from_server_config(config)));
        };
        if let Some(acceptor) = self.acceptors.get(&pass) {
            return Ok(Arc::clone(acceptor));
        }
        if self.acceptors.len() >= RESUMING {
            self.acceptors.clear();
        }
        let mut config = ServerConfig::clone(&self.config);
        config.ticketer = Ticketer::new().map_err(ProxyError::Tls)?;
        let acceptor = Arc::new(Acceptor::from_server_config(Arc::new(config)));
        self.acceptors.insert(pass, Arc::clone(&acceptor));
        Ok(acceptor)
    }
}

/// Drops expired leaves, or else the one that was minted first.
fn make_room(kept: &mut HashMap<Host, Kept>, now: SystemTime) {
    kept.retain(|_, kept| kept.until > now);
    if kept.len() >= CAPACITY
        && let Some(oldest) = kept
            .iter()
            .min_by_key(|(_, kept)| kept.until)
            .map(|(host, _)| host.clone())
    {
        kept.remove(&oldest);
    }
}
