//! Sends requests to receivers of records by HTTP/1.1: one connection, kept open between requests; every answer but 2xx is an error.

use std::io;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::config::HttpUrl;
use crate::outbound::Roots;

/// Longest answer that is read.
const MAX_ANSWER: usize = 64 << 10;

/// A receiver with the connection that is open to it.
#[derive(Debug)]
pub(super) struct Client {
    url: HttpUrl,
    roots: Roots,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    pub(super) fn new(url: HttpUrl, roots: Roots) -> Self {
        Self {
            url,
            roots,
            connection: None,
        }
    }

    /// Sends JSON to a path below the URL's, and returns the answer's body.
    pub(super) async fn post(
        &mut self,
        below: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> io::Result<Bytes> {
        let request = self.request(below, headers, body)?;
        if let Some(mut kept) = self.connection.take()
            && kept.ready().await.is_ok()
            && let Ok(answer) = exchange(&mut kept, request.clone()).await
        {
            self.connection = Some(kept);
            return accepted(answer);
        }
        // It was closed meanwhile, or broke off: a receiver may get the records twice.
        let mut fresh = self.connect().await?;
        let answer = exchange(&mut fresh, request).await?;
        self.connection = Some(fresh);
        accepted(answer)
    }

    fn request(
        &self,
        below: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> io::Result<Request<Full<Bytes>>> {
        let path = match below {
            "" => self.url.path.clone(),
            below => format!("{}{below}", self.url.path.trim_end_matches('/')),
        };
        let mut request = Request::post(path)
            .body(Full::new(body))
            .map_err(io::Error::other)?;
        *request.headers_mut() = headers.clone();
        let host = HeaderValue::try_from(&self.url.authority).map_err(io::Error::other)?;
        let fixed: [(HeaderName, HeaderValue); 3] = [
            (header::HOST, host),
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            ),
            (
                header::USER_AGENT,
                HeaderValue::from_static(concat!("tollgate/", env!("CARGO_PKG_VERSION"))),
            ),
        ];
        request.headers_mut().extend(fixed);
        Ok(request)
    }

    async fn connect(&self) -> io::Result<SendRequest<Full<Bytes>>> {
        let HttpUrl { host, port, .. } = &self.url;
        let stream = TcpStream::connect((host.as_str(), *port)).await?;
        if self.url.is_tls {
            open(self.roots.connect(host, stream).await?).await
        } else {
            open(stream).await
        }
    }
}

async fn open<S>(stream: S) -> io::Result<SendRequest<Full<Bytes>>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    // Its failure is the request's.
    tokio::spawn(connection);
    Ok(sender)
}

async fn exchange(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> io::Result<(http::StatusCode, Bytes)> {
    let answer = sender
        .send_request(request)
        .await
        .map_err(io::Error::other)?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
    let body = body.map_err(io::Error::other)?;
    Ok((status, body.to_bytes()))
}

fn accepted((status, body): (http::StatusCode, Bytes)) -> io::Result<Bytes> {
    if status.is_success() {
        return Ok(body);
    }
    Err(io::Error::other(format!("the receiver answers {status}")))
}
