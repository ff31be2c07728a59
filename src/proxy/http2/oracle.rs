//! Tests the reader against the `h2` crate: random valid requests are the same with and without the reader in front, and no bytes
//! cause a panic.

mod coder;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use http::{HeaderMap, Method, Uri};
use proptest::prelude::{
    Just, ProptestConfig, Strategy, any, prop_assert_eq, prop_oneof, proptest,
};
use proptest::{collection, option, sample};
use tokio::io::AsyncWriteExt as _;

use super::frame::{self, CONTINUATION, DATA, END_STREAM, Frame, HEADERS};
use super::reading::{Next, Reader};
use super::writing::Writer;
use crate::model::target::Authority;
use crate::proxy::connection::{Connection, Tunnel, Via};
use crate::proxy::drain::Drain;
use crate::proxy::header_deadline::HeaderDeadline;
use crate::proxy::streams::MARK;
use coder::{Cut, PREFACE, Representation, Written, start, written};

type Parsed = (Method, Uri, HeaderMap);

pub(super) fn connection() -> Arc<Connection> {
    let authority = Authority::parse("api.test:443", 443).unwrap();
    let tunnel = Tunnel::new(authority, None, true);
    let deadline = HeaderDeadline::new(Duration::from_secs(1));
    let fresh = Drain::new().fresh();
    Arc::new(Connection::new(Via::Tunnel(tunnel), None, fresh, deadline))
}

/// Returns what the reader makes of bytes that come in pieces of this size.
fn through(bytes: &[u8], piece: usize) -> Vec<u8> {
    let mut reader = Reader::new(connection());
    let (mut out, mut held) = (Vec::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        held.extend_from_slice(piece);
        loop {
            out.append(reader.ready());
            let count = match reader.next(&held) {
                Next::More => 0,
                Next::Take(count) => count,
                Next::Pass(count) => {
                    let count = count.min(held.len());
                    out.extend_from_slice(&held[..count]);
                    reader.note_passed(count);
                    count
                }
            };
            held.drain(..count);
            if count == 0 && reader.ready().is_empty() {
                break;
            }
        }
    }
    out
}

/// Returns the requests that the `h2` crate reads. All is in memory, so what it waits for does not come.
async fn requests(bytes: &[u8]) -> Vec<Parsed> {
    const TURNS: usize = 3;
    let (mut agent, server) = tokio::io::duplex(bytes.len() + 65_536);
    agent.write_all(bytes).await.unwrap();
    let (mut requests, mut kept) = (Vec::new(), Vec::new());
    let Some(Ok(mut connection)) = h2::server::handshake(server).now_or_never() else {
        return requests;
    };
    let mut waits = 0;
    while waits < TURNS {
        match connection.accept().now_or_never() {
            // Tokio makes a task that does much give way.
            None => {
                waits += 1;
                tokio::task::yield_now().await;
            }
            Some(Some(Ok((request, respond)))) => {
                let (parts, body) = request.into_parts();
                requests.push((parts.method, parts.uri, parts.headers));
                kept.push((respond, body));
            }
            Some(_) => break,
        }
    }
    requests
}

fn fields() -> impl Strategy<Value = Vec<Written>> {
    let form = prop_oneof![
        Just(Representation::Indexed),
        Just(Representation::Plain),
        Just(Representation::Never)
    ];
    let name = prop_oneof![
        "[a-z0-9!#$%&'*+.^_`|~-]{1,20}",
        prop_oneof![
            Just("accept"),
            Just("cookie"),
            Just("user-agent"),
            Just("x-a"),
            Just("date")
        ]
        .prop_map(str::to_owned),
    ];
    let good =
        |name: &String| !["te", "host", "connection", "upgrade", MARK].contains(&name.as_str());
    let value = prop_oneof![
        "[!-~]{0,30}",
        "[!-~][ -~é\t]{0,40}[!-~]",
        "[a-c]{1}",
        "[!-~]{3000}",
    ];
    let field = (name.prop_filter("lawful", good), value, form, any::<bool>());
    let field = field.prop_map(|(name, value, form, huffman)| Written {
        name,
        value,
        form,
        huffman,
    });
    let method = prop_oneof![Just("GET"), Just("POST"), Just("OPTIONS"), Just("PURGE")];
    let authority = prop_oneof![Just("api.test"), Just("API.test:443"), Just("other.test")];
    let path = prop_oneof![
        Just("/".to_owned()),
        "/[a-z0-9{}|^~!$&'()*+,;=:@é/-]{0,40}(\\?[a-z=&{}|^é]{0,20})?"
    ];
    (
        method,
        authority,
        path,
        any::<bool>(),
        collection::vec(field, 0..12),
    )
        .prop_map(|(method, authority, path, huffman, fields)| {
            let pseudo = |name: &str, value: &str| Written {
                name: name.to_owned(),
                value: value.to_owned(),
                form: Representation::Indexed,
                huffman,
            };
            let mut all = vec![
                pseudo(":method", method),
                pseudo(":scheme", "https"),
                pseudo(":authority", authority),
                pseudo(":path", &path),
            ];
            all.extend(fields);
            all
        })
}

fn cut() -> impl Strategy<Value = Cut> {
    let table = option::weighted(0.2, prop_oneof![Just(0_usize), 1..200_usize, Just(4096)]);
    (
        option::of(any::<u8>()),
        any::<bool>(),
        2000..10_000_usize,
        table,
    )
        .prop_map(|(padding, priority, piece, table)| Cut {
            padding,
            priority,
            piece,
            table,
        })
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn lawful_heads_are_the_same_behind_the_reader(
        heads in collection::vec((fields(), cut()), 1..6),
        piece in 1..5000_usize,
    ) {
        let bytes = written(&heads);
        let read = through(&bytes, piece);
        let (direct, mut behind) = run(async {
            (requests(&bytes).await, requests(&read).await)
        });
        assert_eq!(direct.len(), heads.len());
        for (stream, (_, _, headers)) in (1_u32..).step_by(2).zip(&mut behind) {
            let mark = headers.remove(MARK).unwrap();
            prop_assert_eq!(mark.to_str().unwrap(), stream.to_string());
        }
        prop_assert_eq!(direct, behind);
    }

    #[test]
    fn whatever_comes_every_request_has_one_mark(
        heads in collection::vec((fields(), cut()), 1..4),
        changes in collection::vec((any::<sample::Index>(), any::<u8>()), 1..6),
        piece in 1..5000_usize,
    ) {
        let mut bytes = written(&heads);
        Frame { length: 5, kind: DATA, flags: END_STREAM, stream: 1 }.put(&mut bytes);
        bytes.extend_from_slice(b"hello");
        for (at, byte) in changes {
            let at = at.index(bytes.len() - PREFACE.len()) + PREFACE.len();
            bytes[at] = byte;
        }
        let read = through(&bytes, piece);
        for (_, _, headers) in run(requests(&read)) {
            prop_assert_eq!(headers.get_all(MARK).iter().count(), 1);
        }
    }

    #[test]
    fn random_bytes_are_read_and_written_without_a_panic(
        bytes in collection::vec(any::<u8>(), 0..2000),
        frames in collection::vec((0..12_u8, any::<u8>(), 0..8_u32, collection::vec(any::<u8>(), 0..300)), 0..20),
        piece in 1..300_usize,
    ) {
        let mut framed = start();
        for (kind, flags, stream, payload) in &frames {
            Frame { length: payload.len(), kind: *kind, flags: *flags, stream: *stream }.put(&mut framed);
            framed.extend_from_slice(payload);
        }
        through(&framed, piece);
        through(&[PREFACE, &bytes].concat(), piece);
        for bytes in [&bytes, &framed] {
            let mut writer = Writer::new(connection());
            let mut out = Vec::new();
            for piece in bytes.chunks(piece) {
                writer.write(piece, &mut out);
            }
        }
    }

    #[test]
    fn all_but_heads_is_written_as_it_comes(
        frames in collection::vec((0..12_u8, any::<u8>(), 1..8_u32, collection::vec(any::<u8>(), 0..300)), 0..20),
        piece in 1..300_usize,
    ) {
        let mut bytes = Vec::new();
        for (kind, flags, stream, payload) in &frames {
            if ![HEADERS, CONTINUATION].contains(kind) {
                Frame { length: payload.len(), kind: *kind, flags: *flags, stream: *stream }.put(&mut bytes);
                bytes.extend_from_slice(payload);
            }
        }
        // A head of an answer, without a date of the upstream's.
        frame::put_block(&mut bytes, (1, END_STREAM), &[0x88, 0x0f, 0x12, 1, b'x']);
        let mut writer = Writer::new(connection());
        let mut out = Vec::new();
        for piece in bytes.chunks(piece) {
            writer.write(piece, &mut out);
        }
        prop_assert_eq!(out, bytes);
    }
}
