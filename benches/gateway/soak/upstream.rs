//! The upstream of a soak: HTTP/1.1 and HTTP/2, answers whole and in pieces over time; 401 where the credential is missing.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::time::{Instant, Sleep, sleep};
use tokio_rustls::TlsAcceptor;

use crate::certificates::Certificates;
use crate::wire::REAL;

/// What is answered in pieces.
pub(super) const STREAM: &str = "/rest/api/3/issue/OPS-8?fields=stream";

/// Pieces of a stream, and bytes of each.
pub(super) const CHUNKS: usize = 20;
pub(super) const CHUNK: usize = 512;

/// Before each piece.
const PAUSE: Duration = Duration::from_millis(20);

/// Serves for as long as the runtime lives.
pub(super) async fn start(certificates: &Certificates) -> Result<SocketAddr> {
    let acceptor = TlsAcceptor::from(certificates.server(&["h2", "http/1.1"])?);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(tls) = acceptor.accept(socket).await else {
                    return;
                };
                // A connection that breaks shows in the answers that are missing.
                let _ = auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(tls), service_fn(answer))
                    .await;
            });
        }
    });
    Ok(address)
}

async fn answer(
    request: Request<Incoming>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, http::Error> {
    let authorized = request
        .headers()
        .get(AUTHORIZATION)
        .is_some_and(|value| value == REAL);
    let stream = request.uri().query() == Some("fields=stream");
    // Read whole, as an upstream does before it answers.
    let _ = request.into_body().collect().await;
    let answer = Response::builder().header("content-type", "application/json");
    match (authorized, stream) {
        (false, _) => answer.status(401).body(Full::default().boxed()),
        (true, false) => answer.body(Full::new(Bytes::from_static(br#"{"key":"OPS-7"}"#)).boxed()),
        (true, true) => answer.body(Pieces::new().boxed()),
    }
}

/// A body that comes in pieces.
struct Pieces {
    left: usize,
    pause: Pin<Box<Sleep>>,
}

impl Pieces {
    fn new() -> Self {
        Self {
            left: CHUNKS,
            pause: Box::pin(sleep(PAUSE)),
        }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        if this.left == 0 {
            return Poll::Ready(None);
        }
        ready!(this.pause.as_mut().poll(cx));
        this.left -= 1;
        this.pause.as_mut().reset(Instant::now() + PAUSE);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'.'; CHUNK])))))
    }
}
