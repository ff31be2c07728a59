//! Floor: CONNECT, a leaf, `httparse` and rustls on both legs, a header swapped: what no interception on this machine goes below.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use http::header::AUTHORIZATION;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::certificates::{self, Certificates};
use crate::process;
use crate::wire::{HOST, REAL};

/// Read at once.
const ROOM: usize = 16 * 1024;

/// A head that was read, and the length of its body.
struct Message {
    head: usize,
    body: usize,
    /// Where the line of `Authorization` is in it, and where its value.
    authorization: Option<(usize, usize)>,
}

/// Serves as the upstream's file does, for an upstream on this port.
pub(crate) async fn serve(directory: &Path, upstream: u16) -> Result<()> {
    let certificates = Certificates::at(directory);
    let acceptor = TlsAcceptor::from(certificates.server(&["http/1.1"])?);
    let connector = TlsConnector::from(certificates::client(
        &certificates.authority,
        &["http/1.1"],
    )?);
    let upstream = SocketAddr::from(([127, 0, 0, 1], upstream));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    process::tell_port(listener.local_addr()?.port())?;
    let mut orphaned = std::pin::pin!(process::orphaned());
    loop {
        let (socket, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            () = &mut orphaned => return Ok(()),
        };
        let (acceptor, connector) = (acceptor.clone(), connector.clone());
        // A connection that breaks is the load's to report.
        tokio::spawn(async move { tunnel(socket, &acceptor, (connector, upstream)).await });
    }
}

async fn tunnel(
    mut socket: TcpStream,
    acceptor: &TlsAcceptor,
    (connector, upstream): (TlsConnector, SocketAddr),
) -> Result<()> {
    socket.set_nodelay(true)?;
    let mut head = Vec::with_capacity(1024);
    while !head.ends_with(b"\r\n\r\n") {
        ensure!(
            socket.read_buf(&mut head).await? > 0,
            "the agent left before its CONNECT"
        );
    }
    let established = b"HTTP/1.1 200 Connection Established\r\n\r\n";
    socket.write_all(established).await?;
    let mut agent = acceptor.accept(socket).await?;
    let onward = TcpStream::connect(upstream).await?;
    onward.set_nodelay(true)?;
    let mut onward = connector
        .connect(ServerName::try_from(HOST)?, onward)
        .await?;
    let (mut input, mut output) = (Vec::with_capacity(ROOM), Vec::with_capacity(ROOM));
    loop {
        let Some(request) = read(&mut agent, &mut input, true).await? else {
            return Ok(());
        };
        output.clear();
        let whole = request.head + request.body;
        match request.authorization {
            Some((line, value)) => {
                output.extend_from_slice(input.get(..line).context("a line")?);
                let rest = input.get(value..whole).context("the rest")?;
                output.extend_from_slice(AUTHORIZATION.as_str().as_bytes());
                output.extend_from_slice(b": ");
                output.extend_from_slice(REAL.as_bytes());
                output.extend_from_slice(rest);
            }
            None => output.extend_from_slice(input.get(..whole).context("a request")?),
        }
        input.drain(..whole);
        onward.write_all(&output).await?;
        onward.flush().await?;
        output.clear();
        let answer = read(&mut onward, &mut output, false)
            .await?
            .context("an answer")?;
        let whole = answer.head + answer.body;
        agent
            .write_all(output.get(..whole).context("an answer")?)
            .await?;
        agent.flush().await?;
    }
}

/// Reads a message whole; `None` at the end of the connection.
async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
    is_request: bool,
) -> Result<Option<Message>> {
    let message = loop {
        if let Some(message) = parse(buffer, is_request)? {
            break message;
        }
        buffer.reserve(ROOM);
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    while buffer.len() < message.head + message.body {
        buffer.reserve(message.body);
        ensure!(stream.read_buf(buffer).await? > 0, "the body ended early");
    }
    Ok(Some(message))
}

fn parse(buffer: &[u8], is_request: bool) -> Result<Option<Message>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let (parsed, headers) = if is_request {
        let mut request = httparse::Request::new(&mut headers);
        (request.parse(buffer)?, &*request.headers)
    } else {
        let mut response = httparse::Response::new(&mut headers);
        (response.parse(buffer)?, &*response.headers)
    };
    let httparse::Status::Complete(head) = parsed else {
        return Ok(None);
    };
    let mut message = Message {
        head,
        body: 0,
        authorization: None,
    };
    let at = |text: &[u8]| text.as_ptr() as usize - buffer.as_ptr() as usize;
    for header in headers {
        if header.name.eq_ignore_ascii_case("content-length") {
            message.body = std::str::from_utf8(header.value)?.parse()?;
        } else if header.name.eq_ignore_ascii_case("authorization") {
            let end = at(header.value) + header.value.len();
            message.authorization = Some((at(header.name.as_bytes()), end));
        }
    }
    Ok(Some(message))
}
