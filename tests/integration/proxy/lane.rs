//! Lawful exchanges of HTTP/1.1, drawn at random: through the gateway's own lane and through Pingora they give the upstream the
//! same request, and the agent the same answer.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::rig::{self, HOST};
use crate::support::agent::{is_closed, read_answer};
use crate::support::gateway::Gateway;
use crate::support::wire::{Stream, Wire};

const EXCHANGES: usize = 2000;

/// Bytes of one side, and where in them a reader is.
struct Side<S> {
    stream: S,
    ahead: Vec<u8>,
}

/// A request or an answer, in a form in which two spellings of the same are equal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Message {
    line: String,
    headers: BTreeSet<(String, Vec<u8>)>,
    body: Vec<u8>,
    /// The heads before it.
    interim: Vec<String>,
    /// The connection ends behind it.
    closes: bool,
}

/// What the upstream answers, and has seen.
#[derive(Default)]
struct Script {
    answer: Vec<u8>,
    closes: bool,
    seen: Vec<Message>,
}

impl<S: AsyncRead + Unpin> Side<S> {
    fn new(stream: S) -> Self {
        let ahead = Vec::new();
        Self { stream, ahead }
    }

    /// Reads on; returns whether there was more.
    async fn more(&mut self) -> bool {
        let mut chunk = [0; 16384];
        let count = self.stream.read(&mut chunk).await.unwrap_or(0);
        self.ahead.extend_from_slice(&chunk[..count]);
        count > 0
    }

    async fn line(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.ahead.windows(2).position(|two| two == b"\r\n") {
                let line: Vec<u8> = self.ahead.drain(..at + 2).collect();
                return Some(line[..at].to_vec());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    async fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.ahead.len() < count {
            assert!(self.more().await, "the body is cut");
        }
        self.ahead.drain(..count).collect()
    }

    async fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let size = String::from_utf8(self.line().await.unwrap()).unwrap();
            let size = size.split(';').next().unwrap();
            let size = usize::from_str_radix(size, 16).unwrap();
            if size == 0 {
                while !self.line().await.unwrap().is_empty() {}
                return body;
            }
            body.extend(self.exactly(size).await);
            assert!(self.line().await.unwrap().is_empty());
        }
    }

    /// Reads a request, or the answer to a method.
    async fn message(&mut self, method: Option<&str>) -> Option<Message> {
        let mut interim = Vec::new();
        loop {
            let line = String::from_utf8(self.line().await?).unwrap();
            let mut headers = BTreeSet::new();
            loop {
                let line = self.line().await?;
                let Some(at) = line.iter().position(|byte| *byte == b':') else {
                    break;
                };
                let name = String::from_utf8(line[..at].to_ascii_lowercase()).unwrap();
                headers.insert((name, line[at + 1..].trim_ascii().to_vec()));
            }
            if method.is_some() && line.split(' ').nth(1).unwrap().starts_with('1') {
                interim.push(line);
                continue;
            }
            let mut message = Message {
                line,
                headers,
                interim,
                ..Message::default()
            };
            message.body = self.body(&message, method).await;
            let close = ("connection".to_owned(), b"close".to_vec());
            message.closes = message.headers.contains(&close);
            return Some(message);
        }
    }

    async fn body(&mut self, message: &Message, method: Option<&str>) -> Vec<u8> {
        let status = message.line.split(' ').nth(1).unwrap();
        if method == Some("HEAD") || method.is_some() && ["204", "304"].contains(&status) {
            return Vec::new();
        }
        let value = |wanted: &str| {
            let found = message.headers.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| String::from_utf8(value.clone()).unwrap())
        };
        if value("transfer-encoding").is_some() {
            return self.chunks().await;
        }
        match value("content-length") {
            Some(length) => self.exactly(length.parse().unwrap()).await,
            None if method.is_none() => Vec::new(),
            None => {
                while self.more().await {}
                std::mem::take(&mut self.ahead)
            }
        }
    }
}

/// Numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % end
    }

    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    /// Returns a size: mostly small, now and then beyond every buffer.
    fn size(&mut self) -> usize {
        let most = [0, 20, 400, 5000, 20_000, 90_000][self.below(6)];
        self.below(most + 1)
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count)
            .map(|_| b"abc \r\n\0{}0"[self.below(10)])
            .collect()
    }

    fn chunked(&mut self, body: &[u8]) -> Vec<u8> {
        let (mut out, mut rest) = (Vec::new(), body);
        while !rest.is_empty() {
            let at = 1 + self.below(rest.len());
            let (chunk, after) = rest.split_at(at);
            let extension = self.one(&["", "", ";a=b"]);
            out.extend_from_slice(format!("{at:x}{extension}\r\n").as_bytes());
            out.extend_from_slice(chunk);
            out.extend_from_slice(b"\r\n");
            rest = after;
        }
        let trailer = self.one(&["", "", "X-Trailer: t\r\n"]);
        out.extend_from_slice(format!("0\r\n{trailer}\r\n").as_bytes());
        out
    }

    /// Returns a request and its method.
    fn request(&mut self) -> (Vec<u8>, &'static str) {
        let method = self.one(&[
            "GET", "GET", "HEAD", "POST", "POST", "PUT", "DELETE", "OPTIONS",
        ]);
        let path = self.one(&["/a", "/a/b%20c", "/read/7", "/a/%E2%82%AC", "/things"]);
        let query = self.one(&["", "?", "?a=b&c", "?q=%22x%22&a+b", r#"?where={"a":1}"#]);
        let mut head = format!("{method} {path}{query} HTTP/1.1\r\nHost: {HOST}\r\n");
        for line in [
            "Accept: */*\r\n",
            "User-Agent: test/1\r\n",
            "X-One: a\r\nX-One: b\r\n",
            "Connection: X-Hop\r\nX-Hop: 1\r\n",
            "TE: trailers\r\n",
            "Keep-Alive: timeout=5\r\n",
            "Cookie: a=b\r\n",
            "If-None-Match: \"x\"\r\n",
            "X-Empty:\r\n",
            "X-Spaces:  \t a  b \t\r\n",
        ] {
            if self.below(4) == 0 {
                head.push_str(line);
            }
        }
        // A new tunnel takes longer than many requests.
        // Pingora looks for `close` in the first line of several.
        if self.below(24) == 0 && !head.contains("Connection: ") {
            head.push_str("Connection: close\r\n");
        }
        let mut body = Vec::new();
        if !["GET", "HEAD", "OPTIONS"].contains(&method) {
            let size = self.size();
            let sent = match path {
                "/read/7" => format!("{{\"pad\":\"{}\"}}", "x".repeat(size)).into_bytes(),
                _ => self.bytes(size),
            };
            head.push_str("Content-Type: application/json\r\n");
            if self.below(2) == 0 {
                head.push_str("Transfer-Encoding: chunked\r\n");
                body = self.chunked(&sent);
            } else if !sent.is_empty() || self.below(2) == 0 {
                head.push_str(&format!("Content-Length: {}\r\n", sent.len()));
                body = sent;
            }
            if !body.is_empty() && self.below(8) == 0 {
                head.push_str("Expect: 100-continue\r\n");
            }
        }
        head.push_str("\r\n");
        ([head.into_bytes(), body].concat(), method)
    }

    /// Returns an answer to a method, and whether the connection ends behind it.
    fn answer(&mut self, method: &str) -> (Vec<u8>, bool) {
        let mut head = String::new();
        if self.below(8) == 0 {
            head.push_str("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
        }
        let status = self.one(&[
            "200 OK",
            "200 OK",
            "201 Made",
            "204 No Content",
            "304 Not Modified",
            "404 X",
            "500 ",
        ]);
        let version = self.one(&["1.1", "1.1", "1.1", "1.0"]);
        head.push_str(&format!("HTTP/{version} {status}\r\n"));
        for line in [
            "Server: test\r\n",
            "Set-Cookie: a=b\r\nSet-Cookie: c=d\r\n",
            "Content-Type: text/plain\r\n",
            "Alt-Svc: h3=\":443\"\r\n",
            "Connection: X-Hop\r\nX-Hop: 1\r\n",
            "Keep-Alive: timeout=5\r\n",
            "Proxy-Authenticate: Basic\r\n",
            "Tollgate-Code: x\r\n",
            "ETag: \"x\"\r\nVary: a\r\nVary: b\r\n",
            "X-Empty:\r\n",
            "X-Old : a\r\n",
            "X-Folded: a\r\n b\r\n",
        ] {
            if self.below(4) == 0 {
                head.push_str(line);
            }
        }
        let size = self.size();
        let body = self.bytes(size);
        let bodiless = method == "HEAD" || status.starts_with("204") || status.starts_with("304");
        // By length, by the end of the connection, or in chunks.
        let shape = match (version, self.below(10)) {
            (_, 0) => 1,
            ("1.1", 1..5) => 2,
            _ => 0,
        };
        let closes = shape == 1 && !bodiless || self.below(24) == 0;
        if closes {
            head.push_str("Connection: close\r\n");
        }
        if shape == 0 && !status.starts_with("204") {
            head.push_str(&format!("Content-Length: {size}\r\n"));
        } else if !bodiless && shape == 2 {
            head.push_str("Transfer-Encoding: chunked\r\n\r\n");
            let body = self.chunked(&body);
            return ([head.into_bytes(), body].concat(), closes);
        }
        head.push_str("\r\n");
        let body = if bodiless { Vec::new() } else { body };
        ([head.into_bytes(), body].concat(), closes)
    }
}

async fn serve(stream: Box<dyn Stream>, script: Arc<Mutex<Script>>) {
    let mut side = Side::new(stream);
    while let Some(seen) = side.message(None).await {
        let (answer, closes) = {
            let mut script = script.lock();
            script.seen.push(seen);
            (script.answer.clone(), script.closes)
        };
        let written = side.stream.write_all(&answer).await;
        if written.is_err() || side.stream.flush().await.is_err() || closes {
            let _ = side.stream.shutdown().await;
            return;
        }
    }
}

type Tunnel = Side<TlsStream<TcpStream>>;

/// Opens a tunnel; `pingoras` is carried by Pingora from the first request on, which asks for another protocol in vain.
async fn open(gateway: &Gateway, pingoras: bool) -> Tunnel {
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    if pingoras {
        let ask = format!(
            "GET /closed HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        tunnel.write_all(ask.as_bytes()).await.unwrap();
        tunnel.flush().await.unwrap();
        let refused = read_answer(&mut tunnel).await;
        assert_eq!(refused.status, 403, "{}", refused.head);
        assert_ne!(refused.header("connection"), Some("close"));
    }
    Side::new(tunnel)
}

async fn ask(tunnel: &mut Tunnel, request: &[u8], method: &str) -> Message {
    tunnel.stream.write_all(request).await.unwrap();
    tunnel.stream.flush().await.unwrap();
    let mut answer = tunnel.message(Some(method)).await.unwrap();
    // Pingora repeats the upstream's version, which is not its own.
    answer.line = answer.line.replacen("HTTP/1.0", "HTTP/1.1", 1);
    // Pingora puts its own in the place of the upstream's.
    answer.headers.retain(|(name, _)| {
        !["date", "connection", "tollgate-request-id"].contains(&name.as_str())
    });
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lane_and_pingora_carry_lawful_exchanges_alike() {
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = rig::wired(&upstream).await;
    let script = Arc::new(Mutex::new(Script::default()));
    let serving = Arc::clone(&script);
    let served = tokio::spawn(async move {
        loop {
            let connection = upstream.accept().await;
            tokio::spawn(serve(connection.stream, Arc::clone(&serving)));
        }
    });
    let mut tunnels = [open(&gateway, false).await, open(&gateway, true).await];
    let mut random = Random(0x5EED_0F7E_57AB_1E5D);
    let mut reached = 0;
    for number in 0..EXCHANGES {
        let (request, method) = random.request();
        let (answer, closes) = random.answer(method);
        let shown = String::from_utf8_lossy(&request).into_owned();
        let mut both = Vec::new();
        for (place, tunnel) in tunnels.iter_mut().enumerate() {
            *script.lock() = Script {
                answer: answer.clone(),
                closes,
                seen: Vec::new(),
            };
            let answer = ask(tunnel, &request, method).await;
            if answer.closes {
                assert!(is_closed(&mut tunnel.stream).await, "{number} {shown}");
                *tunnel = open(&gateway, place == 1).await;
            }
            let seen = std::mem::take(&mut script.lock().seen);
            both.push((seen, answer));
        }
        let (pingoras, lanes) = (both.pop().unwrap(), both.pop().unwrap());
        assert_eq!(lanes.0, pingoras.0, "{number} {shown}");
        let answer = String::from_utf8_lossy(&answer);
        assert_eq!(lanes.1, pingoras.1, "{number} {shown}\n{answer}");
        reached += lanes.0.len();
    }
    assert!(
        reached > EXCHANGES / 2,
        "only {reached} reached the upstream"
    );
    served.abort();
}
