//! The upstream of all contenders: requests over TLS in, one JSON answer each out; 401 where the real credential is missing.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::certificates::Certificates;
use crate::wire::{Exchange, REAL};

/// Bytes of the answer's body, as an issue that an API returns.
const ANSWER: usize = 1024;

/// Serves on a port of the system's choice, which is told on standard output, until standard input ends.
pub(crate) async fn serve(directory: &Path) -> Result<()> {
    let acceptor = TlsAcceptor::from(Certificates::at(directory).server(&["http/1.1"])?);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    crate::process::tell_port(listener.local_addr()?.port())?;
    let answers = Arc::new(Answers::new());
    let mut orphaned = std::pin::pin!(crate::process::orphaned());
    loop {
        let (socket, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            () = &mut orphaned => return Ok(()),
        };
        let (acceptor, answers) = (acceptor.clone(), Arc::clone(&answers));
        // A connection that breaks is the load's to report.
        tokio::spawn(async move { serve_one(socket, acceptor, &answers).await });
    }
}

/// The answers, as they are sent.
struct Answers {
    issue: Vec<u8>,
    unauthorized: &'static [u8],
}

impl Answers {
    fn new() -> Self {
        let body = format!(
            r#"{{"id":"10007","key":"OPS-7","fields":{{"summary":"{}"}}}}"#,
            "x".repeat(ANSWER - 50)
        );
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: {}\r\nServer: bench\r\n\
             Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nCache-Control: no-cache, no-store\r\nX-Request-Id: 4f1c\r\n\
             X-RateLimit-Remaining: 4999\r\nStrict-Transport-Security: max-age=31536000\r\n\r\n",
            body.len()
        );
        Self {
            issue: [head.into_bytes(), body.into_bytes()].concat(),
            unauthorized: b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
        }
    }
}

async fn serve_one(socket: TcpStream, acceptor: TlsAcceptor, answers: &Answers) -> Result<()> {
    socket.set_nodelay(true)?;
    let mut stream = acceptor.accept(socket).await?;
    let mut buffer = Vec::with_capacity(16 * 1024);
    loop {
        let Some(exchange) = read(&mut stream, &mut buffer).await? else {
            return Ok(());
        };
        let answer = if exchange.authorized {
            answers.issue.as_slice()
        } else {
            answers.unauthorized
        };
        stream.write_all(answer).await?;
        stream.flush().await?;
    }
}

/// Reads one request whole; `None` at the end of the connection.
async fn read(
    stream: &mut (impl tokio::io::AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> Result<Option<Exchange>> {
    buffer.clear();
    let exchange = loop {
        if let Some(exchange) = parse(buffer)? {
            break exchange;
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let mut left = exchange.length.saturating_sub(buffer.len());
    let mut sink = [0; 16 * 1024];
    while left > 0 {
        let most = left.min(sink.len());
        let read = stream
            .read(sink.get_mut(..most).context("a part of it")?)
            .await?;
        ensure!(read > 0, "the request's body ended early");
        left -= read;
    }
    Ok(Some(exchange))
}

fn parse(buffer: &[u8]) -> Result<Option<Exchange>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = request.parse(buffer)? else {
        return Ok(None);
    };
    let mut exchange = Exchange {
        length: head,
        authorized: false,
    };
    for header in request.headers {
        if header.name.eq_ignore_ascii_case("content-length") {
            exchange.length += std::str::from_utf8(header.value)?.parse::<usize>()?;
        } else if header.name.eq_ignore_ascii_case("authorization") {
            exchange.authorized = header.value == REAL.as_bytes();
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            bail!("the load sends lengths, so a chunked body is the contender's doing");
        }
    }
    Ok(Some(exchange))
}
