//! An agent whose every frame of HTTP/2 the test writes.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::agent::{Agent, Raw};

#[path = "../../../src/proxy/http2/hpack/codes.rs"]
mod codes;
#[path = "../../../src/proxy/http2/hpack/fixed.rs"]
mod fixed;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const PADDED: u8 = 8;
pub(crate) const PRIORITY: u8 = 32;

/// A connection of HTTP/2 in a tunnel.
pub(crate) struct Frames {
    tls: TlsStream<TcpStream>,
}

/// What an agent hears of a request.
#[derive(Debug)]
pub(crate) enum Told {
    Answer(Raw),
    Reset,
    /// The connection has ended; with its error code.
    GoAway(u32),
}

impl Frames {
    /// Opens a tunnel, and sends the preface and no settings.
    pub(crate) async fn begin(agent: &Agent, host: &str) -> Self {
        let mut tls = agent.http2_wire(&format!("{host}:443"), host).await;
        tls.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .await
            .unwrap();
        tls.write_all(&frame(SETTINGS, 0, 0, b"")).await.unwrap();
        Self { tls }
    }

    pub(crate) async fn send(&mut self, frames: &[Vec<u8>]) {
        // The gateway may have hung up by then; what it has said can still be read.
        let _ = self.tls.write_all(&frames.concat()).await;
        let _ = self.tls.flush().await;
    }

    /// Sends a request that ends with its head, and returns what becomes of it.
    pub(crate) async fn ask(&mut self, stream: u32, fields: &[(&str, &str)]) -> Told {
        let block = block(fields);
        self.send(&[frame(HEADERS, END_STREAM | END_HEADERS, stream, &block)])
            .await;
        self.told(stream).await
    }

    /// Waits for what becomes of a request.
    pub(crate) async fn told(&mut self, stream: u32) -> Told {
        let (mut block, mut body) = (Vec::new(), Vec::new());
        loop {
            let (kind, flags, id, payload) = self.read().await;
            let code = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
            match kind {
                GOAWAY if code(4) != 0 => return Told::GoAway(code(4)),
                _ if id != stream => continue,
                RST_STREAM => return Told::Reset,
                HEADERS | CONTINUATION => block.extend_from_slice(&payload),
                DATA => body.extend_from_slice(&payload),
                _ => continue,
            }
            if matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0 {
                return Told::Answer(answer(&block, body));
            }
        }
    }

    /// Sends a frame until the gateway has hung up, and waits after each for what `pause` waits for.
    pub(crate) async fn send_until_closed(&mut self, frame: &[u8], mut pause: impl AsyncFnMut()) {
        for sent in 0.. {
            if self.tls.write_all(frame).await.is_err() || self.tls.flush().await.is_err() {
                return;
            }
            assert!(sent < 100, "it may go on");
            pause().await;
        }
    }

    async fn read(&mut self) -> (u8, u8, u32, Vec<u8>) {
        let mut head = [0; 9];
        self.tls.read_exact(&mut head).await.unwrap();
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        self.tls.read_exact(&mut payload).await.unwrap();
        let stream = u32::from_be_bytes(head[5..].try_into().unwrap());
        (head[3], head[4], stream, payload)
    }
}

impl Told {
    /// Returns the answer; there must be one.
    pub(crate) fn answer(self, case: &str) -> Raw {
        match self {
            Self::Answer(answer) => answer,
            other => panic!("{case}: {other:?}"),
        }
    }
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// Returns fields that are not indexed, as one block.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    fields
        .iter()
        .flat_map(|(name, value)| field(name.as_bytes(), value.as_bytes()))
        .collect()
}

/// Returns one of them.
pub(crate) fn field(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut field = vec![0];
    for text in [name, value] {
        put_length(&mut field, text.len());
        field.extend_from_slice(text);
    }
    field
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    if length < 127 {
        return out.push(u8::try_from(length).unwrap());
    }
    out.push(127);
    let mut left = length - 127;
    while left >= 128 {
        out.push(u8::try_from(left % 128).unwrap() | 128);
        left /= 128;
    }
    out.push(u8::try_from(left).unwrap());
}

/// Reads an answer whose block refers to no dynamic table.
fn answer(mut block: &[u8], body: Vec<u8>) -> Raw {
    let mut fields = Vec::new();
    while let Some(first) = block.first().copied() {
        let name = |block: &mut &[u8], bits| match integer(block, bits) {
            0 => string(block),
            index => fixed::FIELDS[index - 1].0.to_owned(),
        };
        if first >= 0x80 {
            let (name, value) = fixed::FIELDS[integer(&mut block, 7) - 1];
            fields.push((name.to_owned(), value.to_owned()));
        } else if first & 0xe0 == 0x20 {
            integer(&mut block, 5);
        } else {
            let bits = if first >= 0x40 { 6 } else { 4 };
            let name = name(&mut block, bits);
            fields.push((name, string(&mut block)));
        }
    }
    assert_eq!(fields[0].0, ":status");
    let status = fields[0].1.parse().unwrap();
    let mut head = format!("HTTP/2 {status}\n");
    for (name, value) in &fields[1..] {
        head += &format!("{name}: {value}\n");
    }
    Raw { status, head, body }
}

fn integer(block: &mut &[u8], bits: u32) -> usize {
    let mask = (1 << bits) - 1;
    let mut value = usize::from(block[0]) & mask;
    *block = &block[1..];
    if value < mask {
        return value;
    }
    let mut shift = 0;
    loop {
        let byte = block[0];
        *block = &block[1..];
        value += usize::from(byte & 127) << shift;
        shift += 7;
        if byte < 128 {
            break;
        }
    }
    value
}

fn string(block: &mut &[u8]) -> String {
    let huffman = block[0] & 128 != 0;
    let length = integer(block, 7);
    let (coded, rest) = block.split_at(length);
    *block = rest;
    if !huffman {
        return String::from_utf8(coded.to_vec()).unwrap();
    }
    let (mut text, mut code, mut bits) = (Vec::new(), 0, 0);
    for bit in coded
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1))
    {
        (code, bits) = (code << 1 | u32::from(bit), bits + 1);
        if let Some(symbol) = codes::CODES.iter().position(|known| *known == (code, bits)) {
            text.push(u8::try_from(symbol).unwrap());
            (code, bits) = (0, 0);
        }
    }
    String::from_utf8(text).unwrap()
}
