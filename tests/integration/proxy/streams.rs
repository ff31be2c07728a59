//! Requests of HTTP/2 that are not what they declare: each is answered by the gateway, with an id and a record, and nothing of it is
//! completed upstream.

use serde_json::Value as Json;

use super::rig::{self, HOST};
use crate::support::agent::Raw;
use crate::support::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Frames, HEADERS, PADDED, PRIORITY, Told, block,
    field, frame,
};
use crate::support::gateway::Gateway;
use crate::support::upstream::{Speaks, Upstream};
use crate::support::wire::Wire;

fn head(stream: u32, path: &str, length: Option<&str>) -> Vec<u8> {
    let mut fields = vec![
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", HOST),
        (":path", path),
    ];
    fields.extend(length.map(|length| ("content-length", length)));
    frame(HEADERS, END_HEADERS, stream, &block(&fields))
}

/// A frame of the stream: its kind, its flags and its payload.
type Piece = (u8, u8, Vec<u8>);

/// A body: what is wrong with it, its declared length, its frames.
type Body = (&'static str, Option<&'static str>, Vec<Piece>);

fn data(flags: u8, bytes: &[u8]) -> Piece {
    (DATA, flags, bytes.to_vec())
}

fn trailers(fields: &[u8]) -> Piece {
    (HEADERS, END_STREAM | END_HEADERS, fields.to_vec())
}

/// Bodies that end otherwise than their heads say.
fn bad_lengths() -> Vec<Body> {
    let long = [b'x'; 16_384];
    let trailers = trailers(&field(b"x", b"y"));
    let five = Some("5");
    vec![
        ("data after 0", Some("0"), vec![data(END_STREAM, b"hello")]),
        (
            "more",
            five,
            vec![data(0, b"hello"), data(END_STREAM, b"more")],
        ),
        (
            "more in a frame",
            five,
            vec![data(END_STREAM, b"hello, world")],
        ),
        (
            "much more",
            five,
            vec![data(0, &long), data(END_STREAM, b"x")],
        ),
        ("less", five, vec![data(END_STREAM, b"hell")]),
        ("nothing", five, vec![data(END_STREAM, b"")]),
        (
            "less, then trailers",
            five,
            vec![data(0, b"hell"), trailers],
        ),
    ]
}

/// Bodies that end in malformed trailers.
fn bad_trailers() -> Vec<Body> {
    let path = field(b":path", b"/other");
    let good = field(b"x", b"y");
    let hello = data(0, b"hello");
    let ending = |case, fields: &[u8]| (case, Some("5"), vec![hello.clone(), trailers(fields)]);
    let endless = (HEADERS, END_HEADERS, good.clone());
    let long = field(b"x", &[b'y'; 14_000]);
    let mut pieces = vec![hello.clone(), (HEADERS, END_STREAM, long.clone())];
    pieces.extend((0..4).map(|_| (CONTINUATION, 0, long.clone())));
    pieces.push((CONTINUATION, END_HEADERS, good));
    vec![
        ending("a path", &path),
        ending("a status", &field(b":status", b"200")),
        ending("capitals", &field(b"Upper", b"x")),
        ending("of a connection", &field(b"connection", b"x")),
        ending("without a name", &field(b"", b"x")),
        ending("a bad name", &field(b"a b", b"x")),
        ending("a bad value", &field(b"a", b"x\r\ny: z")),
        ending("a NUL", &field(b"a", b"x\0")),
        ending("too many", &field(b"x", b"y").repeat(300)),
        ("too long", None, pieces),
        ("no end", None, vec![hello.clone(), endless]),
        ("undeclared", None, vec![hello.clone(), trailers(&path)]),
        ("no body", None, vec![trailers(&path)]),
    ]
}

/// Asserts that each request was decided once, and how those ended that were allowed.
async fn recorded(gateway: &Gateway, answers: &[(String, Raw)]) {
    let decided = gateway.decided(answers.len()).await;
    assert_eq!(decided.len(), answers.len());
    let is = |record: &&Json, id: &str| record["request_id"] == id;
    let allowed: Vec<_> = decided
        .iter()
        .filter(|record| record["decision"] == "allow")
        .collect();
    let finished = gateway.finished(allowed.len()).await;
    for (case, answer) in answers {
        let id = answer.header("tollgate-request-id").unwrap();
        assert_eq!(
            decided.iter().filter(|record| is(record, id)).count(),
            1,
            "{case}"
        );
        if allowed.iter().any(|record| is(record, id)) {
            let ended = finished.iter().find(|record| is(record, id)).unwrap();
            assert_eq!(rig::outcome(ended), "refused bad_request", "{case}");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_not_what_it_declares_is_answered_recorded_and_completed_nowhere() {
    for (speaks, path) in [
        (Speaks::Http1, "/stream"),
        (Speaks::Http2, "/stream"),
        (Speaks::Http1, "/read"),
    ] {
        let upstream = Upstream::speaking(&[HOST], speaks).await;
        let gateway = rig::start(&upstream).await;
        let mut agent = Frames::begin(&gateway.agent, HOST).await;
        let mut answers = Vec::new();
        let mut stream = 1;
        for (case, declared, body) in bad_lengths().into_iter().chain(bad_trailers()) {
            // At once, and one after another.
            for at_once in [true, false] {
                let case = format!("{case}, {path}, {speaks:?}, {at_once}");
                let mut frames = vec![head(stream, path, declared)];
                let framed = |(kind, flags, payload): &Piece| frame(*kind, *flags, stream, payload);
                frames.extend(body.iter().map(framed));
                let size = if at_once { frames.len() } else { 1 };
                for frames in frames.chunks(size) {
                    agent.send(frames).await;
                    tokio::task::yield_now().await;
                }
                let answer = agent.told(stream).await.answer(&case);
                assert_eq!(answer.status, 400, "{case}: {}", answer.head);
                assert_eq!(answer.json()["code"], "bad_request", "{case}");
                answers.push((case, answer));
                stream += 2;
            }
        }
        recorded(&gateway, &answers).await;
        let whole = upstream.received().into_iter().filter(|one| one.whole);
        let whole: Vec<_> = whole.map(|one| one.path).collect();
        assert!(whole.is_empty(), "{speaks:?}: {whole:?}");
    }
}

#[tokio::test]
async fn what_is_too_much_of_a_body_takes_nothing_from_the_window() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    let mut agent = Frames::begin(&gateway.agent, HOST).await;
    // More than three times the window of a connection (RFC 9113 section 6.9.2), in turns with requests that must still pass.
    for turn in 0..20_u32 {
        let stream = 1 + 4 * turn;
        let fields = [
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", HOST),
            (":path", "/stream"),
            ("content-length", "1"),
        ];
        let long = vec![b'x'; 10_000];
        agent
            .send(&[
                frame(HEADERS, END_HEADERS, stream, &block(&fields)),
                frame(DATA, END_STREAM, stream, &long),
            ])
            .await;
        assert_eq!(agent.told(stream).await.answer("long").status, 400);
        let next = stream + 2;
        agent
            .send(&[
                frame(HEADERS, END_HEADERS, next, &block(&fields)),
                frame(DATA, END_STREAM, next, b"x"),
            ])
            .await;
        assert_eq!(agent.told(next).await.answer("lawful").status, 200);
    }
}

#[tokio::test]
async fn lawful_bodies_arrive_however_they_are_framed() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    let mut agent = Frames::begin(&gateway.agent, HOST).await;
    let fields = block(&[
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", HOST),
        (":path", "/stream"),
    ]);
    let declared = [fields.clone(), field(b"content-length", b"5")].concat();
    let trailers = field(b"x", b"y");
    // Pad length, then dependency and weight, then padding.
    let padded = [&[3, 0, 0, 0, 0, 7][..], &declared, &[0; 3]].concat();
    let cases: Vec<Vec<Piece>> = vec![
        vec![
            (HEADERS, END_HEADERS, declared.clone()),
            (DATA, END_STREAM, b"hello".to_vec()),
        ],
        vec![
            (HEADERS, END_HEADERS | PADDED | PRIORITY, padded),
            (DATA, PADDED, b"\x02hel\0\0".to_vec()),
            (DATA, 0, Vec::new()),
            (DATA, END_STREAM | PADDED, b"\x00lo".to_vec()),
        ],
        vec![
            (HEADERS, 0, declared[..10].to_vec()),
            (CONTINUATION, 0, declared[10..11].to_vec()),
            (CONTINUATION, END_HEADERS, declared[11..].to_vec()),
            (DATA, 0, b"hello".to_vec()),
            (DATA, END_STREAM, Vec::new()),
        ],
        vec![
            (HEADERS, END_HEADERS, declared),
            (DATA, 0, b"hello".to_vec()),
            (HEADERS, END_HEADERS | END_STREAM, trailers.clone()),
        ],
        vec![
            (HEADERS, END_HEADERS, fields),
            (DATA, 0, b"hello".to_vec()),
            (HEADERS, END_HEADERS | END_STREAM, trailers),
        ],
    ];
    for (turn, case) in (0_u32..).zip(&cases) {
        let stream = 2 * turn + 1;
        let frames: Vec<_> = case
            .iter()
            .map(|(kind, flags, payload)| frame(*kind, *flags, stream, payload))
            .collect();
        agent.send(&frames).await;
        let answer = agent.told(stream).await.answer("lawful");
        assert_eq!(answer.status, 200, "{turn}");
        let received = upstream.received().pop().unwrap();
        assert!(received.whole);
        assert_eq!(received.body, "hello", "{turn}");
        assert_eq!(received.header("x"), None);
    }
    assert_eq!(upstream.received().len(), cases.len());
}

#[tokio::test]
async fn the_declared_end_of_a_body_waits_for_the_end_of_its_stream() {
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = rig::wired(&upstream).await;
    let mut agent = Frames::begin(&gateway.agent, HOST).await;
    let data = |flags, bytes: &[u8]| frame(DATA, flags, 1, bytes);
    agent.send(&[head(1, "/stream", Some("8"))]).await;
    agent.send(&[data(0, b"abc")]).await;
    let mut served = upstream.accept().await;
    served.head().await;
    // What is not the end is not kept back.
    served.exactly("abc").await;
    agent.send(&[data(0, b"def")]).await;
    served.exactly("def").await;
    agent.send(&[data(0, b"gh"), data(END_STREAM, b"")]).await;
    served.exactly("gh").await;
    served
        .write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        .await;
    assert!(matches!(agent.told(1).await, Told::Answer(answer) if answer.status == 200));
    drop(agent);
    let finished = &gateway.finished(1).await[0];
    assert_eq!(rig::outcome(finished), "answered 200");
}
