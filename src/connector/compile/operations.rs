//! Compiles which operations of a request a route is for, from `graphql`, `rpc` and `git`.

use crate::config::yaml::At;
use crate::connector::compile::Scope;
use crate::connector::compile::paths::{Key, Paths};
use crate::connector::manifest::route::RouteEntry;
use crate::connector::model::batch::Batch;
use crate::connector::model::body_path::Access;
use crate::connector::model::format::Kind;
use crate::connector::model::operation::OperationKind;
use crate::connector::model::pattern::Segment;
use crate::connector::model::route::Route;
use crate::connector::model::rpc::{Mirrored, RpcEnvelope};

/// Where `git push` sends its commands, `gitprotocol-http(5)`.
const RECEIVE_PACK: &str = "git-receive-pack";

/// Begins the methods of tools, which MCP alone has.
const TOOLS: &str = "tools/";

/// Types of GraphQL operations, and documents that the server has.
const TYPES: [&str; 4] = ["query", "mutation", "subscription", "persisted"];

/// Returns what a route's parts are and the patterns of those that it is for.
pub(crate) fn compile(
    entry: &RouteEntry,
    batch: Option<&Batch>,
    scope: &mut Scope<'_>,
) -> (OperationKind, Vec<Box<str>>) {
    let written = |sources: &[At<String>]| -> Vec<Box<str>> {
        sources
            .iter()
            .map(|text| text.value.as_str().into())
            .collect()
    };
    let all: [(&str, bool); 4] = [
        ("graphql", entry.graphql.is_some()),
        ("rpc", entry.rpc.is_some()),
        ("git", entry.git),
        (
            "batch",
            matches!(batch, Some(Batch::Json(_) | Batch::Multipart)),
        ),
    ];
    let said: Vec<&str> = all
        .iter()
        .filter(|(_, there)| *there)
        .map(|(key, _)| *key)
        .collect();
    if let [first, second, ..] = said.as_slice() {
        let message =
            format!("the route reads the request in parts by `{first}` and by `{second}`");
        scope.error("parts", message, &entry.action, "keep one of them");
    }
    if let Some(graphql) = &entry.graphql {
        for pattern in &graphql.0 {
            check_graphql(pattern, scope);
        }
        return (OperationKind::Graphql, written(&graphql.0));
    }
    if let Some(rpc) = &entry.rpc {
        read_rpc(&rpc.0, scope);
        return (OperationKind::Rpc, written(&rpc.0));
    }
    if entry.git {
        return (OperationKind::Git, vec!["*".into()]);
    }
    let kind = match batch {
        Some(Batch::Json(_) | Batch::Multipart) => OperationKind::Batch,
        Some(Batch::Undecoded) | None => OperationKind::Whole,
    };
    (kind, vec![Box::default()])
}

/// Has every message's envelope read, and what MCP repeats of it in headers.
fn read_rpc(patterns: &[At<String>], scope: &mut Scope<'_>) {
    for pattern in patterns.iter().filter(|pattern| pattern.value.is_empty()) {
        let help = "as in `tools/call`, or `'*'` for every method";
        scope.error("rpc", "the method is empty", pattern, help);
    }
    let paths = &mut scope.paths;
    let envelope = scope.rpc.get_or_insert_with(|| RpcEnvelope::new(paths));
    let is_tool = |pattern: &At<String>| pattern.value.starts_with(TOOLS);
    if envelope.mirrored.is_none() && patterns.iter().any(is_tool) {
        envelope.mirrored = Some(Mirrored::new(&mut scope.paths));
    }
}

/// Compiles `batch`; `None` where it says nothing that can be read.
pub(crate) fn batch(entry: &RouteEntry, scope: &mut Scope<'_>) -> Option<Batch> {
    let written = entry.batch.as_ref()?;
    let batch = Batch::compile(&written.value, &mut scope.paths);
    let help = "as in `$.requests[*]`, `multipart`, `undecoded`, or a map with `members`";
    scope.good(batch, "batch", written, help)
}

fn check_graphql(pattern: &At<String>, scope: &mut Scope<'_>) {
    let (kind, field) = pattern
        .value
        .split_once('.')
        .unwrap_or((&pattern.value, "*"));
    let name = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'*')
    };
    let known = TYPES.contains(&kind) || kind.contains('*');
    if !known || (kind != "persisted" && !name(field)) || (kind == pattern.value && kind != "*") {
        let message = format!("`{}` is not a root field", pattern.value.escape_debug());
        let help = "as in `mutation.createIssue`, `query.*`, or `'*'` for every field";
        scope.error("graphql", message, pattern, help);
    }
}

/// What a route that is for parts cannot say besides.
pub(crate) fn check(route: &Route, entry: &RouteEntry, scope: &mut Scope<'_>) {
    if route.kind == OperationKind::Whole {
        return;
    }
    let last = route.matches.path.segments().last();
    let takes_pushes = matches!(last, Some(Segment::Literal(last)) if **last == *RECEIVE_PACK);
    if route.kind == OperationKind::Git && !takes_pushes {
        let message = "`git: true` reads what `git push` sends, and the route is not for that";
        let help = "end the path in `/git-receive-pack`, or leave `git` out";
        scope.error("git", message, &entry.matches, help);
    }
    if let Some(only) = &entry.only {
        let message = "`only` is for whole requests, and the route is for parts of them";
        scope.error(
            "only",
            message,
            only,
            "read what tells the parts apart in `when`",
        );
    }
    let fits = |kind: Kind| match route.kind {
        OperationKind::Graphql => true,
        OperationKind::Git => kind == Kind::Git,
        OperationKind::Batch if matches!(route.batch.as_deref(), Some(Batch::Multipart)) => {
            kind == Kind::Batch
        }
        OperationKind::Batch | OperationKind::Rpc | OperationKind::Whole => kind == Kind::Json,
    };
    if route.formats.is_empty() || route.has_kind(|kind| !fits(kind)) {
        let message = "the parts of the request cannot be read in such a body";
        let help = "JSON-RPC is JSON; GraphQL is JSON, a form or multipart; leave `body` out beside `git` and `batch: multipart`";
        scope.error("body", message, &entry.matches, help);
    }
}

impl RpcEnvelope {
    /// Enters what is read of every message among a connector's paths.
    pub(crate) fn new(paths: &mut Paths) -> Self {
        let mut key = |name: &str, access| paths.intern_keys(&[Key::Name(name.to_owned())], access);
        Self {
            id: key("id", Access::Value),
            method: key("method", Access::Value),
            result: key("result", Access::Presence),
            error: key("error", Access::Presence),
            mirrored: None,
        }
    }
}

impl Mirrored {
    fn new(paths: &mut Paths) -> Self {
        let mut key = |names: &[&str]| {
            let names = ["params"].iter().chain(names);
            let keys: Vec<Key> = names.map(|name| Key::Name((*name).to_owned())).collect();
            paths.intern_keys(&keys, Access::Value)
        };
        Self {
            name: key(&["name"]),
            uri: key(&["uri"]),
            task: key(&["taskId"]),
            version: key(&["_meta", "io.modelcontextprotocol/protocolVersion"]),
        }
    }
}
