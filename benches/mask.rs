//! How fast answers are searched for credentials: bytes a second of plain JSON, of escaped text, of events, and of coded bodies.

use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tollgate::mask::{Coding, Decoder, PatternSet, StreamMask};
use tollgate::model::on_reflect::OnReflect;
use tollgate::model::secret::Secret;

/// As a piece of an answer comes from TLS.
const PIECE: usize = 16 * 1024;

fn set(count: usize) -> Arc<PatternSet> {
    let value = |index: usize| format!("ghp_{index:02}S3cretWithLetters0123456789abcd");
    let secret = |index| (Secret::from(value(index)), OnReflect::Mask);
    Arc::new(PatternSet::new((0..count).map(secret)).unwrap_or_else(|| unreachable!()))
}

fn json(bytes: usize) -> Bytes {
    let item = r#"{"id":1296269,"node_id":"MDEwOlJlcG9zaXRvcnkxMjk2MjY5","full_name":"octocat/Hello-World","private":false,"html_url":"https://github.com/octocat/Hello-World","description":"This your first repo!\nIt says \"hello\".","keys_url":"https://api.github.com/repos/octocat/Hello-World/keys{/key_id}","pushed_at":"2011-01-26T19:06:43Z","size":108},"#;
    repeated(item, bytes)
}

/// As PHP writes it: every slash is escaped, and every letter that is not ASCII.
fn escaped(bytes: usize) -> Bytes {
    let item = r#"{"url":"https:\/\/example.com\/api\/v1\/users\/42?a=b&c=d%20e","name":"Andr\u00e9 M\u00fcller","text":"a\r\nb\r\n\tc"},"#;
    repeated(item, bytes)
}

fn events(bytes: usize) -> Bytes {
    repeated(
        "event: delta\ndata: {\"type\":\"text\",\"text\":\" hello\"}\n\n",
        bytes,
    )
}

fn base64(bytes: usize) -> Bytes {
    repeated(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg",
        bytes,
    )
}

fn repeated(item: &str, bytes: usize) -> Bytes {
    Bytes::from(item.repeat(bytes / item.len() + 1)).slice(..bytes)
}

/// Searches a body in pieces; returns the bytes that passed.
fn pass(set: &Arc<PatternSet>, body: &Bytes, piece: usize) -> usize {
    let mut mask = StreamMask::new(Arc::clone(set));
    let mut rest = body.clone();
    let mut passed = 0;
    while !rest.is_empty() {
        let next = rest.split_to(piece.min(rest.len()));
        passed += black_box(mask.take(next)).len();
    }
    passed + mask.finish().len()
}

fn decode(set: &Arc<PatternSet>, coding: Coding, body: &Bytes) -> usize {
    let Ok(Some(mut decoder)) = Decoder::new(coding) else {
        return 0;
    };
    let mut mask = StreamMask::new(Arc::clone(set));
    let mut passed = 0;
    decoder.feed(body.clone());
    decoder.end();
    while let Ok(Some(piece)) = decoder.next_piece() {
        passed += black_box(mask.take(piece)).len();
    }
    passed + mask.finish().len()
}

fn texts(c: &mut Criterion) {
    let mut group = c.benchmark_group("mask");
    for (name, body) in [
        ("json, 10 KiB", json(10 * 1024)),
        ("json, 1 MiB", json(1024 * 1024)),
        ("escaped, 1 MiB", escaped(1024 * 1024)),
        ("base64, 1 MiB", base64(1024 * 1024)),
    ] {
        group.throughput(Throughput::Bytes(body.len() as u64));
        for credentials in [1, 5, 50] {
            let set = set(credentials);
            group.bench_function(format!("{name}, {credentials} credentials"), |b| {
                b.iter(|| pass(&set, &body, PIECE));
            });
        }
    }
    let body = events(1024 * 1024);
    group.throughput(Throughput::Bytes(body.len() as u64));
    let set = set(1);
    group.bench_function("events of 60 bytes, 1 MiB", |b| {
        b.iter(|| pass(&set, &body, 60))
    });
    group.finish();
}

fn coded(c: &mut Criterion) {
    let (set, body) = (set(1), json(1024 * 1024));
    let mut group = c.benchmark_group("decode and mask");
    group.throughput(Throughput::Bytes(body.len() as u64));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut brotli = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 20);
    if gzip
        .write_all(&body)
        .and_then(|()| brotli.write_all(&body))
        .is_err()
    {
        return;
    }
    let zstd = zstd::stream::encode_all(&body[..], 3).unwrap_or_default();
    for (name, coding, coded) in [
        ("gzip", Coding::Gzip, gzip.finish().unwrap_or_default()),
        ("br", Coding::Brotli, brotli.into_inner()),
        ("zstd", Coding::Zstd, zstd),
    ] {
        let coded = Bytes::from(coded);
        group.bench_function(name, |b| b.iter(|| decode(&set, coding, &coded)));
    }
    group.finish();
}

criterion_group!(benches, texts, coded);
criterion_main!(benches);
