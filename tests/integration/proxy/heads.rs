//! Heads of HTTP/2 that are no clean requests: each is answered by the gateway, with an id and a record, as the same head of HTTP/1.1 is.

use super::rig::{self, HOST};
use crate::support::agent::{Raw, exchange};
use crate::support::frames::{
    CONTINUATION, END_HEADERS, END_STREAM, Frames, HEADERS, Told, block, field, frame,
};
use crate::support::gateway::Gateway;
use crate::support::upstream::Upstream;
use crate::support::wire::Wire;

const METHOD: (&str, &str) = (":method", "GET");
const SCHEME: (&str, &str) = (":scheme", "https");
const AUTHORITY: (&str, &str) = (":authority", HOST);
const PATH: (&str, &str) = (":path", "/a");

/// A lawful head.
const HEAD: [(&str, &str); 4] = [METHOD, SCHEME, AUTHORITY, PATH];

fn with(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    [&HEAD[..], more].concat()
}

fn path(path: &str) -> [(&str, &str); 4] {
    [METHOD, SCHEME, AUTHORITY, (":path", path)]
}

fn check(answer: &Raw, (status, code): (u16, &str), case: &str) {
    assert_eq!(answer.status, status, "{case}: {}", answer.head);
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json"),
        "{case}"
    );
    assert_eq!(answer.json()["code"], code, "{case}");
}

/// Asserts that each answer has an id, under which there is one record.
async fn recorded(gateway: &Gateway, answers: &[Raw]) {
    let decided = gateway.decided(answers.len()).await;
    assert_eq!(decided.len(), answers.len());
    for answer in answers {
        let id = answer.header("tollgate-request-id").unwrap();
        let records = decided.iter().filter(|record| record["request_id"] == id);
        assert_eq!(records.count(), 1, "{id}");
    }
}

/// Returns heads whose pseudo-headers are malformed.
fn unclean_lines() -> Vec<Vec<u8>> {
    let long = "a".repeat(66_000);
    let long = format!("/{long}");
    let mut heads: Vec<Vec<u8>> = [
        "/a b",
        " /a",
        "/a ",
        "/a\tb",
        "/a\u{b}b",
        "/a\0b",
        "/a\u{7f}b",
        "/a\r\nb",
        "/a#b",
        "/a?b#c",
        "",
        "a",
        "?a",
        "https://api.test/a",
        "http:/a",
    ]
    .iter()
    .map(|target| block(&path(target)))
    .collect();
    heads.push(block(&path(&long)));
    for method in ["", "G T", "G@T", "CONNECT"] {
        heads.push(block(&[(":method", method), SCHEME, AUTHORITY, PATH]));
    }
    for authority in [
        "",
        "user@api.test",
        "user:secret@api.test:443",
        "%61pi.test",
        "api.test:",
        "api.test:99999",
        "api test",
        "api.test/a",
    ] {
        heads.push(block(&[METHOD, SCHEME, (":authority", authority), PATH]));
    }
    for scheme in ["", "ftp", "h t"] {
        heads.push(block(&[METHOD, (":scheme", scheme), AUTHORITY, PATH]));
    }
    for missing in [
        &[SCHEME, AUTHORITY, PATH][..],
        &[METHOD, AUTHORITY, PATH],
        &[METHOD, SCHEME, PATH],
        &[METHOD, SCHEME, AUTHORITY],
        &[(":method", "CONNECT"), AUTHORITY],
        &[],
    ] {
        heads.push(block(missing));
    }
    heads.push(block(&[
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        SCHEME,
        AUTHORITY,
        PATH,
    ]));
    heads.push(block(&[METHOD, SCHEME, AUTHORITY, ("a", "b"), PATH]));
    heads
}

/// Returns heads whose headers are malformed.
fn unclean_headers() -> Vec<Vec<u8>> {
    let mut heads = Vec::new();
    for more in [
        (":path", "/b"),
        (":method", "POST"),
        (":authority", HOST),
        (":status", "200"),
        (":protocol", "websocket"),
        (":other", "x"),
        ("host", "user@api.test"),
        ("connection", "close"),
        ("keep-alive", "1"),
        ("proxy-connection", "close"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        ("te", "gzip"),
        ("Upper", "x"),
        ("", "x"),
        ("a b", "x"),
        ("a:", "x"),
        ("a", "b\u{1}c"),
        ("a", "b\u{7f}c"),
        ("a", "b\r\nc: d"),
        ("a", "b\0"),
        ("tollgate-stream", "1"),
        ("content-length", "5"),
        ("content-length", "-1"),
        ("content-length", "0x5"),
        ("content-length", "9223372036854775813"),
    ] {
        heads.push(block(&with(&[more])));
    }
    heads.push(block(&with(&[("host", HOST), ("host", HOST)])));
    heads.push(block(&with(&[
        ("content-length", "0"),
        ("content-length", "0"),
    ])));
    heads.push(
        [
            block(&[METHOD, SCHEME, AUTHORITY]),
            field(b":path", b"/\xff"),
        ]
        .concat(),
    );
    heads.push([block(&HEAD), field(b"x", b"y").repeat(300)].concat());
    heads.push([block(&HEAD), field(b"x", &[b'y'; 10_000]).repeat(7)].concat());
    heads
}

/// Cuts a block into frames.
fn frames(stream: u32, block: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let (mut kind, mut flags, mut rest) = (HEADERS, END_STREAM, block);
    loop {
        let (now, after) = rest.split_at(rest.len().min(16_384));
        if after.is_empty() {
            frames.push(frame(kind, flags | END_HEADERS, stream, now));
            return frames;
        }
        frames.push(frame(kind, flags, stream, now));
        (kind, flags, rest) = (CONTINUATION, 0, after);
    }
}

#[tokio::test]
async fn a_head_that_is_not_clean_is_answered_and_recorded() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    let mut answers = Vec::new();
    let heads = unclean_lines().into_iter().chain(unclean_headers());
    // All over one connection, which goes on.
    let mut agent = Frames::begin(&gateway.agent, HOST).await;
    for (turn, head) in (0_u32..).zip(heads) {
        let stream = 2 * turn + 1;
        let shown = String::from_utf8_lossy(head.get(..200).unwrap_or(&head)).into_owned();
        agent.send(&frames(stream, &head)).await;
        let answer = agent.told(stream).await.answer(&shown);
        check(&answer, (400, "bad_request"), &shown);
        answers.push(answer);
    }
    recorded(&gateway, &answers).await;
    assert!(upstream.received().is_empty());
    let last = agent.ask(9999, &HEAD).await.answer("lawful");
    assert_eq!(last.status, 200, "{}", last.head);
}

#[tokio::test]
async fn a_refused_head_of_a_request_with_a_body_is_answered_and_has_no_answer_body_for_head() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    let mut agent = Frames::begin(&gateway.agent, HOST).await;
    let head = block(&[(":method", "POST"), SCHEME, AUTHORITY, (":path", "/a b")]);
    agent
        .send(&[
            frame(HEADERS, END_HEADERS, 1, &head),
            frame(0, END_STREAM, 1, b"hello"),
        ])
        .await;
    check(
        &agent.told(1).await.answer("body"),
        (400, "bad_request"),
        "body",
    );
    let head = [(":method", "HEAD"), SCHEME, AUTHORITY, (":path", "/a b")];
    let answer = agent.ask(3, &head).await.answer("HEAD");
    assert_eq!((answer.status, answer.body.len()), (400, 0));
    assert_eq!(gateway.decided(2).await.len(), 2);
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn names_that_disagree_are_refused_as_such() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    let mut agent = Frames::begin(&gateway.agent, HOST).await;
    let mut answers = Vec::new();
    for (turn, head) in (0_u32..).zip([
        with(&[("host", "other.test")]),
        vec![METHOD, SCHEME, (":authority", "other.test"), PATH],
        vec![METHOD, SCHEME, (":authority", "api.test:444"), PATH],
        vec![
            METHOD,
            SCHEME,
            (":authority", "other.test"),
            PATH,
            ("host", HOST),
        ],
        vec![METHOD, SCHEME, PATH, ("host", "other.test")],
        vec![METHOD, (":scheme", "http"), AUTHORITY, PATH],
    ]) {
        let answer = agent.ask(2 * turn + 1, &head).await.answer("names");
        check(&answer, (421, "names_disagree"), &format!("{head:?}"));
        answers.push(answer);
    }
    recorded(&gateway, &answers).await;
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn one_name_may_be_spelled_in_two_ways() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    let mut agent = Frames::begin(&gateway.agent, HOST).await;
    for (turn, head) in (0_u32..).zip([
        with(&[("host", "API.test")]),
        with(&[("host", "api.test:443")]),
        vec![
            METHOD,
            SCHEME,
            (":authority", "API.TEST:443"),
            PATH,
            ("host", HOST),
        ],
        vec![METHOD, SCHEME, PATH, ("host", "api.test:443")],
    ]) {
        let answer = agent.ask(2 * turn + 1, &head).await.answer("names");
        assert_eq!(answer.status, 200, "{head:?}");
        assert_eq!(upstream.received().pop().unwrap().host, HOST, "{head:?}");
    }
}

#[tokio::test]
async fn a_target_means_the_same_in_both_versions() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    let mut agent = Frames::begin(&gateway.agent, HOST).await;
    let mut tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
    let unusual = (b'!'..=b'~').filter(|byte| !byte.is_ascii_alphanumeric());
    let mut parts: Vec<String> = unusual.map(|byte| char::from(byte).to_string()).collect();
    parts.extend(["é", "%C3%A9", "%", "%2", "%00", "%22", "{\"a\":<1>}", "|^`"].map(str::to_owned));
    parts.retain(|part| !part.contains('#'));
    let mut stream = 1;
    for target in parts
        .iter()
        .flat_map(|part| [format!("/a{part}b"), format!("/a?q={part}b")])
    {
        let ask = format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
        let before = upstream.received().len();
        let http1 = exchange(&mut tunnel, &ask).await;
        if http1.header("connection") == Some("close") {
            tunnel = gateway.agent.tls_tunnel(&format!("{HOST}:443"), HOST).await;
        }
        let http2 = agent.ask(stream, &path(&target)).await.answer(&target);
        stream += 2;
        assert_eq!(http1.status, http2.status, "{target}: {}", http2.text());
        let received = upstream.received();
        let received: Vec<_> = received[before..]
            .iter()
            .map(|one| (&one.path, &one.query))
            .collect();
        match received[..] {
            [] => assert_eq!(http1.json()["code"], http2.json()["code"], "{target}"),
            [first, second] => assert_eq!(first, second, "{target}"),
            _ => panic!("{target}: {received:?}"),
        }
    }
}

#[tokio::test]
async fn white_space_around_a_value_is_removed() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    let mut agent = Frames::begin(&gateway.agent, HOST).await;
    for (turn, value) in (0_u32..).zip([" a/b", "a/b ", "\ta/b", " \t a/b\t\t "]) {
        let answer = agent
            .ask(2 * turn + 1, &[&HEAD[..], &[("accept", value)]].concat())
            .await;
        assert_eq!(answer.answer(value).status, 200);
        let received = upstream.received().pop().unwrap();
        assert_eq!(received.header("accept"), Some("a/b"), "{value:?}");
    }
}

#[tokio::test]
async fn blocks_that_cannot_be_read_end_the_connection() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = rig::start(&upstream).await;
    let ended = END_STREAM | END_HEADERS;
    let head = block(&HEAD);
    let mut flood = vec![frame(HEADERS, END_STREAM, 1, &head)];
    flood.extend((0..2000).map(|_| frame(CONTINUATION, 0, 1, &field(b"x", &[b'y'; 200]))));
    for (case, frames) in [
        (
            "an index of nothing",
            vec![frame(HEADERS, ended, 1, &[0xbe])],
        ),
        (
            "a string that is cut off",
            vec![frame(HEADERS, ended, 1, &head[..head.len() - 1])],
        ),
        (
            "a table that is too large",
            vec![frame(HEADERS, ended, 1, &[0x3f, 0xe2, 0x1f])],
        ),
        (
            "padding over the end",
            vec![frame(HEADERS, ended | 8, 1, &[9, 0x82])],
        ),
        (
            "another frame between",
            vec![
                frame(HEADERS, END_STREAM, 1, &head),
                frame(6, 0, 0, &[0; 8]),
            ],
        ),
        (
            "another stream between",
            vec![
                frame(HEADERS, END_STREAM, 1, &head),
                frame(CONTINUATION, 4, 3, b""),
            ],
        ),
        ("no beginning", vec![frame(CONTINUATION, 4, 1, &head)]),
        (
            "an empty continuation",
            vec![
                frame(HEADERS, END_STREAM, 1, &head),
                frame(CONTINUATION, 0, 1, b""),
            ],
        ),
        ("no end", flood),
        (
            "a stream of the server",
            vec![frame(HEADERS, ended, 2, &head)],
        ),
    ] {
        let mut agent = Frames::begin(&gateway.agent, HOST).await;
        agent.send(&frames).await;
        let told = agent.told(1).await;
        assert!(
            matches!(told, Told::GoAway(code) if code == 1 || code == 9),
            "{case}: {told:?}"
        );
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn an_answer_keeps_its_date() {
    const DATE: &str = "Tue, 15 Nov 1994 08:12:31 GMT";
    let upstream = Wire::tls(&[HOST]).await;
    let gateway = rig::wired(&upstream).await;
    let mut agent = Frames::begin(&gateway.agent, HOST).await;
    let mut served = None;
    for (stream, sent) in [
        (1, format!("Date: {DATE}\r\n")),
        (3, String::new()),
        (5, format!("Tollgate-Date: {DATE}\r\n")),
    ] {
        agent
            .send(&[frame(
                HEADERS,
                END_STREAM | END_HEADERS,
                stream,
                &block(&HEAD),
            )])
            .await;
        let wire = match &mut served {
            Some(wire) => wire,
            None => served.insert(upstream.accept().await),
        };
        wire.head().await;
        wire.write(format!(
            "HTTP/1.1 200 OK\r\n{sent}X-A: b\r\nContent-Length: 0\r\n\r\n"
        ))
        .await;
        let answer = agent.told(stream).await.answer("date");
        let date = answer.header("date").unwrap();
        assert_eq!(date == DATE, stream == 1, "{}", answer.head);
        assert_eq!(answer.head.matches("date: ").count(), 1, "{}", answer.head);
        assert_eq!(answer.header("x-a"), Some("b"));
    }
    let ours = agent.ask(7, &path("/a b")).await.answer("ours");
    assert!(ours.header("date").is_some());
}
