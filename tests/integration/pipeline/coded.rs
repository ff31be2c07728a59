//! Compressed request bodies: judged as what they hold, sent as what was judged, and never more than the limit in memory.

use std::io::Write as _;

use http::Method;
use serde_json::json;

use crate::support::gateway::{Builder, Gateway};
use crate::support::upstream::Upstream;

const HOST: &str = "api.test";

const CONNECTOR: &str = "
connector: api
name: Test API
version: 1
domains: [api.test]
auth: none
routes:
  - { action: item.close, match: 'POST /items/{item}', when: 'body.state == \"closed\"', risk: low }
  - { action: item.update, match: 'POST /items/{item}', risk: low }
  - { action: file.put, match: 'PUT /files/{file}', risk: low, body: none }
";

const POLICY: &str = "
permissions: [{ agents: [ci], connector: api, access: full }]
policies: [{ id: open, actions: [api.item.close], decision: deny }]
";

async fn start(upstream: &Upstream) -> Gateway {
    Builder::new()
        .connector("api", CONNECTOR)
        .policy("api", POLICY)
        .upstream("api.test:443", upstream)
        .start()
        .await
}

/// Sends a body to a route that is judged by it; returns status and code.
async fn send(gateway: &Gateway, coding: &str, body: Vec<u8>) -> (u16, String) {
    let request = gateway
        .agent
        .http1()
        .request(Method::POST, format!("https://{HOST}/items/1"))
        .header("content-type", "application/json")
        .header("content-encoding", coding)
        .body(body);
    let answer = request.send().await.unwrap();
    let code = answer.headers().get("tollgate-code").cloned();
    let code = code.map(|code| code.to_str().unwrap().to_owned());
    (answer.status().as_u16(), code.unwrap_or_default())
}

/// Compresses.
type Coder = fn(&[u8]) -> Vec<u8>;

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn deflate(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn brotli(plain: &[u8]) -> Vec<u8> {
    let mut coded = Vec::new();
    let mut encoder = brotli::CompressorWriter::new(&mut coded, 4096, 5, 22);
    encoder.write_all(plain).unwrap();
    drop(encoder);
    coded
}

/// With a window that RFC 7932 does not know: a decoder that takes it must keep up to 1 GiB.
fn large_window_brotli(plain: &[u8]) -> Vec<u8> {
    let mut coded = Vec::new();
    let params = brotli::enc::BrotliEncoderParams {
        large_window: true,
        lgwin: 30,
        ..Default::default()
    };
    brotli::BrotliCompress(&mut &plain[..], &mut coded, &params).unwrap();
    coded
}

/// `window` is a power of two: what a decoder must keep.
fn zstd(plain: &[u8], window: u32) -> Vec<u8> {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    encoder.window_log(window).unwrap();
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_coded_body_is_judged_by_what_it_holds_and_sent_decoded() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let (open, closed) = (br#"{"state":"open"}"#, br#"{"state":"closed"}"#);
    let codings: [(&str, Coder); 6] = [
        ("gzip", gzip),
        ("X-GZip", gzip),
        ("deflate", deflate),
        ("br", brotli),
        ("zstd", |plain| zstd(plain, 20)),
        ("identity", <[u8]>::to_vec),
    ];
    for (at, (coding, coded)) in codings.into_iter().enumerate() {
        assert_eq!(send(&gateway, coding, coded(open)).await.0, 200, "{coding}");
        let received = upstream.received();
        assert_eq!(received.len(), at + 1, "{coding}");
        let last = received.last().unwrap();
        assert_eq!(&last.body[..], open, "{coding}");
        assert_eq!(last.header("content-encoding"), None, "{coding}");
        assert_eq!(last.header("content-length"), Some("16"), "{coding}");
        let refused = send(&gateway, coding, coded(closed)).await;
        assert_eq!(refused, (403, "denied".into()), "{coding}");
    }
    let bytes = &gateway.decided(1).await[0]["body_bytes"];
    assert_eq!(*bytes, json!(16));
}

#[tokio::test]
async fn what_decoders_read_in_two_ways_or_cannot_bound_is_refused() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let plain = br#"{"state":"open"}"#;
    let two = |coded: Vec<u8>| [coded.clone(), coded].concat();
    let cut = |mut coded: Vec<u8>| {
        coded.truncate(coded.len() - 6);
        coded
    };
    let zeros = vec![b' '; 64 << 20];
    let unreadable = (400, "unreadable_body".to_owned());
    let large = (413, "body_too_large".to_owned());
    let unknown = (415, "unsupported_media".to_owned());
    for (coding, body, wanted) in [
        ("gzip", two(gzip(plain)), &unreadable),
        ("gzip", cut(gzip(plain)), &unreadable),
        ("gzip", plain.to_vec(), &unreadable),
        ("gzip", gzip(&zeros), &large),
        ("deflate", two(deflate(plain)), &unreadable),
        ("deflate", cut(deflate(plain)), &unreadable),
        ("deflate", deflate(&zeros), &large),
        ("br", cut(brotli(plain)), &unreadable),
        ("br", brotli(&zeros), &large),
        ("br", large_window_brotli(plain), &unreadable),
        ("zstd", two(zstd(plain, 20)), &unreadable),
        ("zstd", cut(zstd(plain, 20)), &unreadable),
        ("zstd", zstd(&zeros, 20), &large),
        ("zstd", zstd(plain, 27), &unreadable),
        ("gzip, gzip", gzip(&gzip(plain)), &unknown),
        ("compress", plain.to_vec(), &unknown),
        ("aws-chunked", plain.to_vec(), &unknown),
    ] {
        let got = send(&gateway, coding, body).await;
        assert_eq!(got, *wanted, "{coding}");
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn a_body_that_nobody_reads_passes_as_it_is_coded() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let coded = two_members();
    let request = gateway
        .agent
        .http1()
        .put(format!("https://{HOST}/files/1"))
        .header("content-encoding", "gzip, x-own")
        .body(coded.clone());
    assert_eq!(request.send().await.unwrap().status(), 200);
    let received = upstream.only();
    assert_eq!(&received.body[..], coded);
    assert_eq!(received.header("content-encoding"), Some("gzip, x-own"));
}

fn two_members() -> Vec<u8> {
    [gzip(b"one"), gzip(b"two")].concat()
}
