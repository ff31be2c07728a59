//! An upstream whose every byte the test writes: connections come out as they are accepted, and are read and written by hand.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio_rustls::TlsAcceptor;

use super::certificate::{Issued, Validity};

/// Nothing in a test may take this long.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// Both directions of a connection.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// The server. It ends when dropped.
pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    /// The authority that signed its certificate; empty without TLS.
    pub(crate) ca_pem: String,
    accepted: Mutex<mpsc::UnboundedReceiver<Connection>>,
    task: tokio::task::JoinHandle<()>,
}

/// One accepted connection, after its TLS handshake.
pub(crate) struct Connection {
    pub(crate) stream: Box<dyn Stream>,
    /// What was read beyond what the test has asked for.
    ahead: Vec<u8>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Wire {
    /// Starts a TLS server for these names that speaks HTTP/1.1.
    pub(crate) async fn tls(names: &[&str]) -> Self {
        let issued = Issued::new(names, Validity::Now);
        let tls = TlsAcceptor::from(Arc::new(issued.server(&[b"http/1.1"])));
        Self::run(Some(tls), issued.ca_pem).await
    }

    /// Starts a TLS server for these names that speaks HTTP/2 only.
    pub(crate) async fn http2(names: &[&str]) -> Self {
        let issued = Issued::new(names, Validity::Now);
        let tls = TlsAcceptor::from(Arc::new(issued.server(&[b"h2"])));
        Self::run(Some(tls), issued.ca_pem).await
    }

    /// Starts a server without TLS.
    pub(crate) async fn plain() -> Self {
        Self::run(None, String::new()).await
    }

    /// Returns the next connection.
    pub(crate) async fn accept(&self) -> Connection {
        let mut accepted = self.accepted.lock().await;
        tokio::time::timeout(TIME_LIMIT, accepted.recv())
            .await
            .expect("nobody connected")
            .unwrap()
    }

    /// Returns the next connection if one has come already.
    pub(crate) async fn accepted(&self) -> Option<Connection> {
        self.accepted.lock().await.try_recv().ok()
    }

    async fn run(tls: Option<TlsAcceptor>, ca_pem: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, receiver) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let stream: Box<dyn Stream> = match &tls {
                    None => Box::new(socket),
                    // A failed handshake is the gateway's to report.
                    Some(tls) => match tls.accept(socket).await {
                        Ok(stream) => Box::new(stream),
                        Err(_) => continue,
                    },
                };
                let ahead = Vec::new();
                if sender.send(Connection { stream, ahead }).is_err() {
                    return;
                }
            }
        });
        Self {
            address,
            ca_pem,
            accepted: Mutex::new(receiver),
            task,
        }
    }
}

impl Connection {
    /// Reads up to the end of a head, and returns it.
    pub(crate) async fn head(&mut self) -> String {
        let end = self.until(|bytes| {
            let found = bytes.windows(4).position(|window| window == b"\r\n\r\n");
            found.map(|at| at + 4)
        });
        String::from_utf8(end.await).unwrap()
    }

    /// Reads exactly these bytes.
    pub(crate) async fn exactly(&mut self, expected: &str) {
        let read = self.until(|bytes| (bytes.len() >= expected.len()).then_some(expected.len()));
        assert_eq!(String::from_utf8_lossy(&read.await), expected);
    }

    /// Begins HTTP/2 as a server: reads the preface, and sends and acknowledges settings.
    pub(crate) async fn begin_http2(&mut self) {
        self.exactly("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        self.write([0, 0, 0, 4, 0, 0, 0, 0, 0]).await;
        self.write([0, 0, 0, 4, 1, 0, 0, 0, 0]).await;
    }

    /// Reads up to the next HEADERS frame of HTTP/2, and returns the number of its stream.
    pub(crate) async fn headers(&mut self) -> u8 {
        loop {
            let head = self.until(|bytes| (bytes.len() >= 9).then_some(9)).await;
            let length =
                usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            self.until(|bytes| (bytes.len() >= length).then_some(length))
                .await;
            if head[3] == 1 {
                return head[8];
            }
        }
    }

    /// Waits for the first bytes that were not read yet, without taking them.
    pub(crate) async fn readable(&mut self) {
        if self.ahead.is_empty() {
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk).await {
                Ok(count @ 1..) => self.ahead.extend_from_slice(&chunk[..count]),
                // Closed: the next one comes on another connection.
                _ => std::future::pending().await,
            }
        }
    }

    /// Reads to the end of the connection.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let read = async {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = self.stream.read(&mut chunk).await {
                self.ahead.extend_from_slice(&chunk[..count]);
            }
        };
        tokio::time::timeout(TIME_LIMIT, read)
            .await
            .expect("the gateway keeps the connection");
        std::mem::take(&mut self.ahead)
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    async fn until(&mut self, end: impl Fn(&[u8]) -> Option<usize>) -> Vec<u8> {
        let read = async {
            loop {
                if let Some(end) = end(&self.ahead) {
                    return end;
                }
                let mut chunk = [0; 4096];
                let count = self.stream.read(&mut chunk).await.unwrap_or(0);
                let text = String::from_utf8_lossy(&self.ahead);
                assert!(count > 0, "the gateway closed the connection: {text}");
                self.ahead.extend_from_slice(&chunk[..count]);
            }
        };
        let end = tokio::time::timeout(TIME_LIMIT, read)
            .await
            .expect("the gateway sends no more");
        let rest = self.ahead.split_off(end);
        std::mem::replace(&mut self.ahead, rest)
    }
}
