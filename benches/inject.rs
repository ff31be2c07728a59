//! What putting a credential on costs: the request's headers and query in, the same with the credential out.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderValue};
use mimalloc::MiMalloc;
use tollgate::auth::{Fields, Outgoing, Payload, RequestFacts, Scheme, SchemeManifest};
use tollgate::config::diagnostic::{Report, Source};
use tollgate::config::yaml;
use tollgate::model::secret::Secret;

/// What the binary allocates with.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const WAYS: [(&str, &str); 4] = [
    ("bearer", "bearer: '{token}'"),
    (
        "basic",
        "basic: { username: '{email}', password: '{token}' }",
    ),
    (
        "header",
        "header: { X-Api-Key: '{token}', X-App: 'app={email}' }",
    ),
    ("query", "query: { key: '{token}' }"),
];

#[expect(
    clippy::too_many_lines,
    reason = "it names each part of an exchange once"
)]
fn inject(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("inject");
    for (name, way) in WAYS {
        let text = format!("{{ id: t, fields: [{{ name: email, secret: false }}, token], {way} }}");
        let source = Source {
            name: "bench".into(),
            text: text.into(),
            built_in: false,
        };
        let mut report = Report::default();
        let manifest: Option<SchemeManifest> = yaml::read(&source, &mut report);
        let Some(scheme) =
            manifest.and_then(|manifest| Scheme::compile(&manifest, &source, &mut report))
        else {
            continue;
        };
        let fields = Fields::from([
            (
                "email".to_owned(),
                Secret::from("ada@example.com".to_owned()),
            ),
            (
                "token".to_owned(),
                Secret::from("0123456789abcdef".repeat(12)),
            ),
        ]);
        let headers = [
            "accept",
            "accept-encoding",
            "user-agent",
            "content-type",
            "authorization",
        ]
        .map(|name| {
            (
                http::HeaderName::from_static(name),
                HeaderValue::from_static("application/json"),
            )
        });
        let headers = HeaderMap::from_iter(headers);
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(
                || {
                    (
                        headers.clone(),
                        Some("project=OPS&fields=summary&key=agent".to_owned()),
                        "/rest/api/3/search".to_owned(),
                    )
                },
                |(headers, query, path)| {
                    let request = RequestFacts {
                        method: &http::Method::GET,
                        host: "acme.atlassian.net",
                        payload: Payload::Streamed,
                        signed_for: None,
                        now: std::time::UNIX_EPOCH,
                        nonce: [0; 16],
                    };
                    let mut outgoing = Outgoing {
                        headers,
                        query,
                        path,
                        request,
                    };
                    black_box(scheme.apply(&fields, &mut outgoing))
                },
                criterion::BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, inject);
criterion_main!(benches);
