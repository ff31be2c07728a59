//! An agent: a program that reaches the world through the gateway, by a usual HTTP library or by handmade bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{Full, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Nothing in a test may take this long.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    pub(crate) proxy: SocketAddr,
    pub(crate) name: String,
    pub(crate) token: String,
    /// The gateway's CA.
    pub(crate) ca_pem: String,
}

/// An answer as it came over a handmade connection.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    pub(crate) status: u16,
    /// Status line and headers.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// A request body that a test sends bit by bit, and where the bits go in.
pub(crate) fn outbox() -> (mpsc::Sender<Bytes>, reqwest::Body) {
    let (sender, receiver) = mpsc::channel(1);
    let frames = futures_util::stream::unfold(receiver, async |mut receiver| {
        let bytes = receiver.recv().await?;
        Some((Ok::<_, std::io::Error>(Frame::data(bytes)), receiver))
    });
    let body = reqwest::Body::wrap(StreamBody::new(Box::pin(frames)));
    (sender, body)
}

impl Raw {
    /// Returns the first header of a name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Agent {
    /// Returns a client that speaks HTTP/1.1 with the gateway.
    pub(crate) fn http1(&self) -> reqwest::Client {
        self.client(&[b"http/1.1"])
    }

    /// Returns a client that speaks HTTP/2 with the gateway wherever there is TLS.
    pub(crate) fn http2(&self) -> reqwest::Client {
        self.client(&[b"h2"])
    }

    fn client(&self, alpn: &[&[u8]]) -> reqwest::Client {
        let proxy = reqwest::Proxy::all(format!("http://{}", self.proxy)).unwrap();
        let builder = reqwest::Client::builder()
            .proxy(proxy.basic_auth(&self.name, &self.token))
            .tls_backend_preconfigured(self.tls(alpn))
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIME_LIMIT);
        let http1 = alpn == [b"http/1.1".as_slice()];
        if http1 { builder.http1_only() } else { builder }
            .build()
            .unwrap()
    }

    /// Returns `Proxy-Authorization`, whole line.
    pub(crate) fn authorization(&self) -> String {
        let pair = STANDARD.encode(format!("{}:{}", self.name, self.token));
        format!("Proxy-Authorization: Basic {pair}\r\n")
    }

    /// Connects to the proxy port.
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.proxy).await.unwrap()
    }

    /// Opens a tunnel; asserts that it opens.
    pub(crate) async fn tunnel(&self, authority: &str) -> TcpStream {
        let mut socket = self.connect().await;
        let head = format!(
            "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{}\r\n",
            self.authorization()
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let (status, text, rest) = read_head(&mut socket).await;
        assert_eq!(status, 200, "{text}");
        assert!(rest.is_empty());
        socket
    }

    /// Opens a tunnel and speaks TLS inside, as HTTP/1.1, with any SNI.
    pub(crate) async fn tls_tunnel(&self, authority: &str, sni: &str) -> TlsStream<TcpStream> {
        let socket = self.tunnel(authority).await;
        self.handshake(socket, sni).await.unwrap()
    }

    /// Speaks TLS over a tunnel. The certificate is checked against the gateway's CA, but not for the name.
    pub(crate) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        socket: S,
        sni: &str,
    ) -> std::io::Result<TlsStream<S>> {
        let mut config = self.tls(&[b"http/1.1"]);
        let verifier = AnyName::new(roots(&self.ca_pem));
        config
            .dangerous()
            .set_certificate_verifier(Arc::new(verifier));
        let name = ServerName::try_from(sni.to_owned()).unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, socket)
            .await
    }

    /// Opens a tunnel and TLS inside that has agreed on HTTP/2; its frames are the test's.
    pub(crate) async fn http2_wire(&self, authority: &str, sni: &str) -> TlsStream<TcpStream> {
        let socket = self.tunnel(authority).await;
        let name = ServerName::try_from(sni.to_owned()).unwrap();
        let tls = TlsConnector::from(Arc::new(self.tls(&[b"h2"])));
        tls.connect(name, socket).await.unwrap()
    }

    /// Opens a tunnel and speaks HTTP/2 inside, request by request.
    pub(crate) async fn http2_tunnel(
        &self,
        authority: &str,
        sni: &str,
    ) -> SendRequest<Full<Bytes>> {
        let socket = self.tunnel(authority).await;
        let name = ServerName::try_from(sni.to_owned()).unwrap();
        let tls = TlsConnector::from(Arc::new(self.tls(&[b"h2"])));
        let tls = TokioIo::new(tls.connect(name, socket).await.unwrap());
        let (sender, connection) = http2::handshake(TokioExecutor::new(), tls).await.unwrap();
        // Ends with the sender.
        tokio::spawn(connection);
        sender
    }

    /// Returns what trusts the gateway's CA.
    pub(crate) fn roots(&self) -> RootCertStore {
        roots(&self.ca_pem)
    }

    fn tls(&self, alpn: &[&[u8]]) -> ClientConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots(&self.ca_pem))
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        config
    }
}

/// Writes handmade bytes and reads one answer.
pub(crate) async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    request: &str,
) -> Raw {
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    read_answer(stream).await
}

/// Reads one answer that has a `Content-Length`, or ends with the connection.
pub(crate) async fn read_answer<S: AsyncRead + Unpin>(stream: &mut S) -> Raw {
    let (status, head, mut body) = read_head(stream).await;
    let mut raw = Raw {
        status,
        head,
        body: Vec::new(),
    };
    let length: Option<usize> = raw
        .header("content-length")
        .map(|length| length.parse().unwrap());
    let read = async {
        loop {
            if length.is_some_and(|length| body.len() >= length) {
                return;
            }
            let mut chunk = [0; 4096];
            match stream.read(&mut chunk).await {
                Ok(0) | Err(_) => return,
                Ok(count) => body.extend_from_slice(&chunk[..count]),
            }
        }
    };
    tokio::time::timeout(TIME_LIMIT, read)
        .await
        .expect("the answer's body did not end");
    raw.body = body;
    raw
}

/// Reads a head that no body follows.
pub(crate) async fn read_interim<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut head = Vec::new();
    let read = async {
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
    };
    tokio::time::timeout(TIME_LIMIT, read)
        .await
        .expect("no head");
    String::from_utf8(head).unwrap()
}

/// Returns whether the other side has closed.
pub(crate) async fn is_closed<S: AsyncRead + Unpin>(stream: &mut S) -> bool {
    let mut byte = [0];
    let read = tokio::time::timeout(TIME_LIMIT, stream.read(&mut byte))
        .await
        .expect("neither closed nor answered");
    matches!(read, Ok(0) | Err(_))
}

async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> (u16, String, Vec<u8>) {
    let mut bytes = Vec::new();
    let read = async {
        loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                return end + 4;
            }
            let mut chunk = [0; 1024];
            let count = stream.read(&mut chunk).await.unwrap_or(0);
            assert!(
                count > 0,
                "closed without an answer: {}",
                String::from_utf8_lossy(&bytes)
            );
            bytes.extend_from_slice(&chunk[..count]);
        }
    };
    let end = tokio::time::timeout(TIME_LIMIT, read)
        .await
        .expect("no answer");
    let rest = bytes.split_off(end);
    let head = String::from_utf8(bytes).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head, rest)
}

fn roots(pem: &str) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    roots
}

/// Verifies the chain, but takes any name: for tests where SNI and CONNECT differ.
#[derive(Debug)]
struct AnyName(Arc<rustls::client::WebPkiServerVerifier>);

impl AnyName {
    fn new(roots: RootCertStore) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        Self(
            rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .unwrap(),
        )
    }
}

impl rustls::client::danger::ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: rustls_pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        match self
            .0
            .verify_server_cert(certificate, chain, name, ocsp, now)
        {
            Err(rustls::Error::InvalidCertificate(
                rustls::CertificateError::NotValidForName
                | rustls::CertificateError::NotValidForNameContext { .. },
            )) => Ok(rustls::client::danger::ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        self.0
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        self.0
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
