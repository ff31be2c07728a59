//! Terminates the TLS around agents' connections to the proxy port (`proxy.tls`).
//!
//! INVARIANT: with it, no token is read in the clear from another machine.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::ProxyError;
use super::io::Socket;
use crate::model::clock::Clock;

/// How often the files are looked at: certificates are renewed while the gateway runs.
const CHECK_EVERY: Duration = Duration::from_secs(30);

/// First byte of a TLS record with a handshake, RFC 8446 section 5.1.
pub(super) const TLS_HANDSHAKE: u8 = 0x16;

/// A certificate for the proxy port itself.
pub struct OuterTls {
    cert: PathBuf,
    key: PathBuf,
    clock: Clock,
    loaded: Mutex<Loaded>,
}

struct Loaded {
    config: Arc<ServerConfig>,
    stamp: Stamp,
    checked: Instant,
}

/// When the two files were last written.
type Stamp = [Option<SystemTime>; 2];

/// A connection after its first bytes.
pub(super) enum Outer {
    /// The decrypted connection inside the TLS.
    Ended(Socket),
    /// Not TLS, and from this machine.
    Plain(Socket),
    /// Not TLS, and from another machine.
    Exposed(Socket),
    /// The agent left, was too slow, or does not trust the certificate.
    Gone,
}

impl fmt::Debug for OuterTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OuterTls")
            .field("cert", &self.cert)
            .finish_non_exhaustive()
    }
}

impl OuterTls {
    /// Reads a chain (leaf first) and its key, PEM.
    ///
    /// # Errors
    /// When a file cannot be read, the key is not the certificate's, or the certificate is not valid now.
    pub fn load(cert: &Path, key: &Path, clock: &Clock) -> Result<Self, ProxyError> {
        let stamp = stamp(cert, key);
        Ok(Self {
            loaded: Mutex::new(Loaded {
                config: Arc::new(config(cert, key, clock)?),
                stamp,
                checked: Instant::now(),
            }),
            cert: cert.to_owned(),
            key: key.to_owned(),
            clock: clock.clone(),
        })
    }

    /// Ends TLS, if the first byte says that it is spoken.
    pub(super) async fn accept(&self, socket: TcpStream, peer: SocketAddr) -> Outer {
        let mut first = [0];
        match socket.peek(&mut first).await {
            Ok(1..) if first == [TLS_HANDSHAKE] => {}
            // On this machine itself a token is no more exposed than in a variable.
            Ok(1..) if is_this_machine(peer, socket.local_addr().ok()) => {
                return Outer::Plain(Socket::Tcp(socket));
            }
            Ok(1..) => return Outer::Exposed(Socket::Tcp(socket)),
            Ok(0) | Err(_) => return Outer::Gone,
        }
        match TlsAcceptor::from(self.current()).accept(socket).await {
            Ok(stream) => Outer::Ended(Socket::Tls(Box::new(stream))),
            Err(error) => {
                tracing::info!(%error, %peer, "TLS handshake of an agent with the proxy port failed");
                Outer::Gone
            }
        }
    }

    /// Returns the present TLS configuration; changed files are read again, and used only if they are valid.
    fn current(&self) -> Arc<ServerConfig> {
        let now = Instant::now();
        let mut loaded = self.loaded.lock();
        if now >= loaded.checked + CHECK_EVERY {
            loaded.checked = now;
            let stamp = stamp(&self.cert, &self.key);
            if stamp != loaded.stamp {
                loaded.stamp = stamp;
                match config(&self.cert, &self.key, &self.clock) {
                    Ok(config) => loaded.config = Arc::new(config),
                    Err(error) => {
                        tracing::error!(%error, "the new certificate of the proxy port cannot be used; the old one stays");
                    }
                }
            }
        }
        Arc::clone(&loaded.config)
    }
}

/// If a gateway listens on an outer address only, programs on its machine connect from that same address.
fn is_this_machine(peer: SocketAddr, listener: Option<SocketAddr>) -> bool {
    peer.ip().to_canonical().is_loopback()
        || listener.is_some_and(|listener| listener.ip() == peer.ip())
}

fn config(cert: &Path, key: &Path, clock: &Clock) -> Result<ServerConfig, ProxyError> {
    let wrong =
        |path: &Path, reason: &str| ProxyError::Outer(format!("`{}` {reason}", path.display()));
    let read =
        |path: &Path| fs::read(path).map_err(|error| ProxyError::File(path.to_owned(), error));
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&read(cert)?)
        .collect::<Result<_, _>>()
        .map_err(|_| wrong(cert, "is not PEM"))?;
    let leaf = chain
        .first()
        .ok_or_else(|| wrong(cert, "has no certificate"))?;
    check_validity(leaf, clock).map_err(|reason| wrong(cert, reason))?;
    let key_der = PrivateKeyDer::from_pem_slice(&zeroize::Zeroizing::new(read(key)?))
        .map_err(|_| wrong(key, "has no private key"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(ProxyError::Tls)?
        .with_no_client_auth()
        .with_single_cert(chain, key_der)
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => wrong(key, "is not the key of the certificate"),
            _ => wrong(key, "and the certificate cannot be served"),
        })?;
    // CONNECT over HTTP/2 is not spoken here.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn check_validity(leaf: &CertificateDer<'_>, clock: &Clock) -> Result<(), &'static str> {
    let (_, parsed) = x509_parser::parse_x509_certificate(leaf).map_err(|_| "cannot be read")?;
    let now = clock.utc().unix_timestamp();
    if parsed.validity().not_after.timestamp() < now {
        return Err("has expired");
    }
    if parsed.validity().not_before.timestamp() > now {
        return Err("is not valid yet");
    }
    Ok(())
}

fn stamp(cert: &Path, key: &Path) -> Stamp {
    [cert, key].map(|path| fs::metadata(path).and_then(|file| file.modified()).ok())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    fn write(directory: &Path, name: &str) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        fs::write(directory.join("cert.pem"), pem).unwrap();
        fs::write(directory.join("key.pem"), key.serialize_pem()).unwrap();
    }

    fn load(directory: &Path) -> OuterTls {
        let (cert, key) = (directory.join("cert.pem"), directory.join("key.pem"));
        OuterTls::load(&cert, &key, &Clock::system()).unwrap()
    }

    #[tokio::test]
    async fn only_this_machine_may_do_without() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), "proxy.test");
        let outer = load(directory.path());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for (peer, exposed) in [
            ("127.0.0.1:9", false),
            ("[::ffff:127.0.0.1]:9", false),
            ("[::1]:9", false),
            ("10.0.0.1:9", true),
            ("[fd00::1]:9", true),
        ] {
            let mut agent = TcpStream::connect(listener.local_addr().unwrap())
                .await
                .unwrap();
            agent.write_all(b"CONNECT ").await.unwrap();
            let (socket, _) = listener.accept().await.unwrap();
            let outcome = outer.accept(socket, peer.parse().unwrap()).await;
            assert_eq!(matches!(outcome, Outer::Exposed(_)), exposed, "{peer}");
        }
    }

    #[test]
    fn an_outer_address_of_this_machine_is_this_machine() {
        let listener: SocketAddr = "10.0.0.1:7070".parse().unwrap();
        for (peer, local) in [("10.0.0.1:9", true), ("10.0.0.2:9", false)] {
            assert_eq!(
                is_this_machine(peer.parse().unwrap(), Some(listener)),
                local
            );
        }
        assert!(!is_this_machine(listener, None));
    }

    #[test]
    fn a_renewed_certificate_is_served_and_a_broken_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), "one.test");
        let outer = load(directory.path());
        let first = outer.current();
        let look_again = || {
            let mut loaded = outer.loaded.lock();
            loaded.checked -= CHECK_EVERY;
            loaded.stamp = [None, None];
        };
        assert!(Arc::ptr_eq(&first, &outer.current()));
        write(directory.path(), "two.test");
        look_again();
        let second = outer.current();
        assert!(!Arc::ptr_eq(&first, &second));
        fs::write(directory.path().join("key.pem"), "nonsense").unwrap();
        look_again();
        assert!(Arc::ptr_eq(&second, &outer.current()));
    }
}
