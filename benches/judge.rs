//! Judging whole: classify, collect and decide over this checkout's connectors and 1,000 policies. Budgets: 10 µs for a
//! POST of 2 KB of JSON, 2 µs for a GET without body.
#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot go on must fail"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Instant, UNIX_EPOCH};

use bytes::Bytes;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use mimalloc::MiMalloc;
use tollgate::config::diagnostic::Source;
use tollgate::connector::OwnMemory;
use tollgate::model::agent::{Agent, AgentName};
use tollgate::model::credential::{
    Binding, CredentialId, MintedTokens, PreparedHeaders, SealedCredential,
};
use tollgate::model::target::Authority;
use tollgate::pipeline::Head;
use tollgate::pipeline::classify::classify;
use tollgate::pipeline::collect::{self, Bounds, Collected};
use tollgate::pipeline::decide::{Clearance, DecisionContext, Injection, decide};
use tollgate::snapshot::{Inputs, Snapshot, built_in_connectors};
use tollgate::vault::Keyring;

/// What the binary allocates with.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// A gateway drops what one request took before the next. In a batch of thousands everything would be in memory that no cache
/// holds, and be measured with its page faults.
const BATCH: BatchSize = BatchSize::NumIterations(32);

const HOST: &str = "acme.atlassian.net";

const BOUNDS: Bounds = Bounds {
    body: 1024 * 1024,
    actions: 50,
    json_nodes: 50_000,
};

fn snapshot(agent: &Arc<Agent>) -> Snapshot {
    let mut text =
        "permissions:\n  - { agents: ['*'], connector: jira, access: full }\npolicies:\n"
            .to_owned();
    for at in 0..1_000 {
        let (action, condition) = match at % 200 {
            0 => (
                "jira.issue.create",
                format!(r#"params.project == "P{at}" && !("oncall" in agent.labels)"#),
            ),
            1 => (
                "jira.issue.get",
                format!(r#"params.issue_key.startsWith("P{at}-")"#),
            ),
            _ => (
                "jira.issue.delete",
                format!(r#"params.issue_key.startsWith("P{at}-")"#),
            ),
        };
        writeln!(
            text,
            "  - {{ id: p{at}, actions: [{action}], when: '{condition}', decision: deny }}"
        )
        .expect("a string takes it");
    }
    let policies = Source {
        name: "bench".into(),
        text: text.into(),
        built_in: false,
    };
    let inputs = Inputs {
        connectors: built_in_connectors(),
        policies: vec![policies],
        agents: vec![Arc::clone(agent)],
        ..Inputs::default()
    };
    let (snapshot, report) = Snapshot::compile(&inputs);
    assert!(!report.has_errors(), "{report:?}");
    snapshot.expect("files without errors compile")
}

fn keyring(snapshot: &Snapshot) -> Keyring {
    let jira = snapshot.catalog().get("jira").expect("it is embedded");
    let mut schemes = jira.schemes().iter();
    let scheme = schemes.find(|scheme| scheme.id == "oauth");
    let keyring = Keyring::default();
    keyring.replace(vec![SealedCredential {
        id: CredentialId::parse("jira").expect("an id"),
        connector: "jira".to_owned(),
        scheme: "oauth".to_owned(),
        placement: scheme.expect("it has one").placement().to_owned(),
        public_fields: BTreeMap::new(),
        binding: Binding {
            hosts: vec![format!("{HOST}:443")],
            path: "/".to_owned(),
            urls: Vec::new(),
            agents: Vec::new(),
        },
        key_version: 1,
        sealed: Vec::new(),
        agent_owned: false,
        created_at: String::new(),
        prepared: PreparedHeaders::default(),
        minted: MintedTokens::default(),
    }]);
    keyring
}

fn head(method: Method, path: &str) -> Head {
    let headers = [
        ("host", HOST),
        ("user-agent", "bench/1.0"),
        ("accept", "application/json"),
        ("accept-encoding", "gzip"),
        ("authorization", "Bearer placeholder"),
        ("content-type", "application/json"),
        ("content-length", "2048"),
        ("x-atlassian-token", "no-check"),
        // What SDKs add by themselves: the allow-list of outgoing headers looks at each.
        ("x-stainless-lang", "js"),
        ("x-stainless-retry-count", "0"),
        (
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ),
        ("idempotency-key", "8e03978e-40d5-43e8-bc93-6894a57f9324"),
    ];
    let headers = headers.map(|(name, value)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    });
    Head {
        method,
        authority: Authority::parse(HOST, 443).expect("an authority"),
        tls: true,
        path: path.to_owned(),
        query: None,
        headers: HeaderMap::from_iter(headers),
        pass: None,
        received: Instant::now(),
        request_id: "01J0000000000000000000000B".to_owned(),
        peer: None,
        tunnel: None,
    }
}

fn body() -> Bytes {
    let paragraph = r#"{"type":"paragraph","content":[{"type":"text","text":"The gateway answers after a while, and then not at all."}]}"#;
    let paragraphs = vec![paragraph; 2_048 / paragraph.len()].join(",");
    Bytes::from(format!(
        r#"{{"fields":{{"project":{{"key":"OPS"}},"issuetype":{{"name":"Bug"}},"labels":["a","b"],"summary":"It is slow","description":{{"type":"doc","version":1,"content":[{paragraphs}]}}}}}}"#
    ))
}

fn judge(criterion: &mut Criterion) {
    let agent = Arc::new(Agent {
        name: AgentName::parse("bench").expect("a name"),
        labels: BTreeMap::from([("team".to_owned(), "care".to_owned())]),
    });
    let snapshot = snapshot(&agent);
    let keyring = keyring(&snapshot);
    let requests = [
        ("get", head(Method::GET, "/rest/api/3/issue/OPS-7"), None),
        (
            "post-2k",
            head(Method::POST, "/rest/api/3/issue"),
            Some(body()),
        ),
    ];
    let mut group = criterion.benchmark_group("judge");
    for (name, request, body) in requests {
        let copy = || Head {
            method: request.method.clone(),
            authority: request.authority.clone(),
            path: request.path.clone(),
            query: None,
            headers: request.headers.clone(),
            request_id: request.request_id.clone(),
            ..request
        };
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(
                copy,
                |head| {
                    let mut classified = classify(&snapshot, head).expect("a route");
                    let wanted = collect::wanted(&classified, BOUNDS).expect("a body that is read");
                    let dialect = wanted.map(|(dialect, _)| dialect);
                    let memory = &mut OwnMemory;
                    let (catalog, bytes) = (snapshot.catalog(), body.as_ref());
                    let named =
                        collect::understand(catalog, &mut classified, bytes, BOUNDS, memory)
                            .expect("actions");
                    let read = (body.clone(), dialect);
                    let request = Collected::new(classified, read, named).expect("a request");
                    let context = DecisionContext {
                        agent: &agent,
                        keyring: &keyring,
                        now: UNIX_EPOCH,
                    };
                    let (ruling, decided) =
                        decide(&snapshot, &request.connector, context, &request.input);
                    assert!(matches!(
                        decided,
                        Clearance::Allowed(Injection::Credential(_))
                    ));
                    (ruling, request)
                },
                BATCH,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, judge);
criterion_main!(benches);
