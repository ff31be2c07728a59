//! Sends one request over a connection of its own, HTTP/1.1 over TLS, and reads its answer whole.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use zeroize::Zeroizing;

use super::{OutboundAnswer, OutboundError, OutboundRequest, Roots};
use crate::egress::Egress;
use crate::model::target::{Authority, Host};

/// Longest answer that is read, in bytes.
const MAX_ANSWER: usize = 256 << 10;

/// How long one address may take to accept a connection and to agree on TLS.
const CONNECT: Duration = Duration::from_secs(10);

pub(super) async fn send(
    roots: &Roots,
    egress: &Egress,
    request: OutboundRequest,
) -> Result<OutboundAnswer, OutboundError> {
    let authority = request.url.authority().clone();
    let broken = |_| OutboundError::Broken(authority.to_string());
    let request = spell(request).map_err(|_| OutboundError::Broken(authority.to_string()))?;
    let stream = connect(roots, egress, &authority).await?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // Its failure is the request's; it ends with the sender.
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(broken);
    let answer = match answer {
        Ok(answer) => {
            let (parts, body) = answer.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await;
            let body = body.map_err(|error| match error.downcast::<LengthLimitError>() {
                Ok(_) => OutboundError::TooLong(authority.to_string()),
                Err(_) => OutboundError::Broken(authority.to_string()),
            });
            body.map(|body| OutboundAnswer {
                status: parts.status.as_u16(),
                headers: parts.headers,
                body: Zeroizing::new(Vec::from(body.to_bytes())),
            })
        }
        Err(error) => Err(error),
    };
    connection.abort();
    answer
}

/// Puts the request into the form of HTTP/1.1.
fn spell(request: OutboundRequest) -> Result<Request<Full<Bytes>>, http::Error> {
    let OutboundRequest {
        method,
        url,
        headers,
        body,
    } = request;
    let authority = url.authority();
    let host = if authority.port == 443 {
        authority.host.to_string()
    } else {
        authority.to_string()
    };
    let mut request = Request::builder()
        .method(method)
        .uri(url.target())
        .body(Full::new(Bytes::from_owner(body)))?;
    *request.headers_mut() = headers;
    let agent = HeaderValue::from_static(concat!("tollgate/", env!("CARGO_PKG_VERSION")));
    request.headers_mut().insert(header::USER_AGENT, agent);
    let host = HeaderValue::from_str(&host)?;
    request.headers_mut().insert(header::HOST, host);
    Ok(request)
}

/// Connects to the first address that accepts; each was permitted.
async fn connect(
    roots: &Roots,
    egress: &Egress,
    authority: &Authority,
) -> Result<TlsStream<TcpStream>, OutboundError> {
    let mut reason = "it has no address".to_owned();
    for address in egress.resolve(authority).await? {
        let connected = timeout(CONNECT, open(roots, egress, authority, address)).await;
        match connected {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => reason = error.to_string(),
            Err(_) => reason = "it does not accept a connection in time".to_owned(),
        }
    }
    let host = authority.to_string();
    Err(OutboundError::Unreachable { host, reason })
}

async fn open(
    roots: &Roots,
    egress: &Egress,
    authority: &Authority,
    address: SocketAddr,
) -> io::Result<TlsStream<TcpStream>> {
    let chain = egress.chain();
    let stream = match chain.filter(|chain| chain.carries(authority, address)) {
        Some(chain) => chain.dial(address).await.map_err(io::Error::other)?,
        None => TcpStream::connect(address).await?,
    };
    let _ = stream.set_nodelay(true);
    let name = match &authority.host {
        Host::Name(name) => name.to_string(),
        Host::Ip(address) => address.to_string(),
    };
    roots.connect(&name, stream).await
}
