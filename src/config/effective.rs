//! Shows the settings in effect: each key with its value and where the value is from. No secret is among them.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::environment::PREFIX;
use super::{Audit, CertFiles, Config, EgressAllow, Limits, VaultKey};

/// A key of `tollgate.yaml` with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Dotted, as in `limits.body`.
    pub key: &'static str,
    /// Sizes and lengths of time as files write them; a secret is `(secret)`.
    pub value: Json,
    /// `default`, the name of the file, or that of the variable.
    pub source: String,
}

/// What stands in the place of a secret.
const SECRET: &str = "(secret)";

/// Returns all settings in the order of the documentation.
///
/// `file` is the document of the configuration file, and `env` the process's variables.
#[must_use]
pub fn settings(config: &Config, file: &Json, env: &BTreeMap<String, String>) -> Vec<Setting> {
    let path = config.file.as_deref().map(shown);
    let source = |key: &str| {
        let variable = format!("{PREFIX}{}", key.replace('.', "_").to_uppercase());
        let from_file = format!("{variable}_FILE");
        if let Some(name) = [variable, from_file]
            .into_iter()
            .find(|name| env.contains_key(name))
        {
            return name;
        }
        let pointer = format!("/{}", key.replace('.', "/"));
        match (file.pointer(&pointer), &path) {
            (Some(_), Some(path)) => path.clone(),
            (None, _) | (Some(_), None) => "default".to_owned(),
        }
    };
    let all = listeners(config)
        .into_iter()
        .chain(files(config))
        .chain(declared(config))
        .chain(egress(config))
        .chain(limits(&config.limits))
        .chain([
            ("approval.timeout", period(config.approval.timeout)),
            ("approval.expires", period(config.approval.expires)),
        ])
        .chain(audit(&config.audit))
        .chain([
            ("log.level", json!(config.log.level)),
            ("log.format", json!(config.log.format)),
            ("run.env", json!(config.run_variables)),
        ]);
    all.map(|(key, value)| Setting {
        source: source(key),
        key,
        value,
    })
    .collect()
}

type Pair = (&'static str, Json);

fn listeners(config: &Config) -> Vec<Pair> {
    let tls = |files: &Option<CertFiles>| {
        let files = files.as_ref();
        files.map_or(
            Json::Null,
            |files| json!({ "cert": shown(&files.cert), "key": shown(&files.key) }),
        )
    };
    vec![
        ("proxy.listen", texts(&config.proxy)),
        ("proxy.tls", tls(&config.proxy_tls)),
        ("admin.listen", texts(&config.admin)),
        ("admin.hosts", texts(&config.hosts)),
        ("admin.tls", tls(&config.admin_tls)),
        ("metrics.listen", texts(&config.metrics)),
    ]
}

fn files(config: &Config) -> Vec<Pair> {
    let paths =
        |paths: &[std::path::PathBuf]| paths.iter().map(|path| shown(path)).collect::<Json>();
    let key = match &config.vault_key {
        VaultKey::File(path) => ("vault.key.file", json!(shown(path))),
        VaultKey::Key(_) => ("vault.key.env", json!(SECRET)),
        VaultKey::Passphrase(_) => ("vault.key.passphrase_env", json!(SECRET)),
        VaultKey::Unread(name) => ("vault.key.env", json!(name)),
    };
    let ca = config.ca.as_ref();
    vec![
        ("data_dir", json!(shown(&config.data_dir))),
        ("connectors", paths(&config.connectors)),
        ("built_in", json!(config.built_in)),
        ("policies", paths(&config.policies)),
        ("store.url", json!(config.store_url)),
        key,
        (
            "ca",
            ca.map_or(
                Json::Null,
                |ca| json!({ "cert": shown(&ca.cert), "key": shown(&ca.key) }),
            ),
        ),
    ]
}

fn declared(config: &Config) -> Vec<Pair> {
    let agents = config
        .agents
        .iter()
        .map(|agent| agent.agent.name.to_string());
    let credentials = config.credentials.iter();
    let operators = config.operators.iter();
    vec![
        ("agents", agents.collect()),
        (
            "credentials",
            credentials.map(|known| known.id.to_string()).collect(),
        ),
        (
            "operators",
            operators
                .map(|known| json!({ "name": known.name, "role": known.role.as_str() }))
                .collect(),
        ),
    ]
}

fn egress(config: &Config) -> Vec<Pair> {
    let rules = &config.egress;
    let allow = rules.allow.iter().map(|entry| match entry {
        EgressAllow::Host(host, port) => format!("{host}:{port}"),
        EgressAllow::Net(net, port) => format!("{net}:{port}"),
    });
    let resolve = rules.resolve.iter();
    let resolve: serde_json::Map<String, Json> = resolve
        .map(|(name, addresses)| (name.to_string(), texts(addresses)))
        .collect();
    let proxy = config.egress_proxy.as_ref();
    vec![
        ("egress.allow", allow.collect()),
        ("egress.resolve", Json::Object(resolve)),
        (
            "egress.ca_files",
            rules.ca_files.iter().map(|file| shown(file)).collect(),
        ),
        (
            "egress.proxy",
            proxy.map_or(Json::Null, |proxy| {
                let login = proxy.login.as_ref().map(|_| SECRET);
                json!({ "url": proxy.authority.to_string(), "login": login })
            }),
        ),
    ]
}

fn limits(limits: &Limits) -> Vec<Pair> {
    vec![
        ("limits.body", size(limits.body as u64)),
        ("limits.body_total", size(limits.body_total as u64)),
        ("limits.body_per_agent", size(limits.body_per_agent as u64)),
        ("limits.json_nodes", json!(limits.json_nodes)),
        (
            "limits.actions_per_request",
            json!(limits.actions_per_request),
        ),
        ("limits.request_head", period(limits.request_head)),
        ("limits.connect", period(limits.connect)),
        ("limits.first_byte", period(limits.first_byte)),
        ("limits.idle", period(limits.idle)),
        ("limits.drain", period(limits.drain)),
        ("limits.unauthenticated", json!(limits.unauthenticated)),
        ("limits.tunnels", json!(limits.tunnels)),
        ("limits.tunnels_per_agent", json!(limits.tunnels_per_agent)),
        ("limits.streams", json!(limits.streams)),
        ("limits.streams_per_agent", json!(limits.streams_per_agent)),
        ("limits.pending_approvals", json!(limits.pending_approvals)),
        (
            "limits.pending_approvals_per_agent",
            json!(limits.pending_approvals_per_agent),
        ),
    ]
}

fn audit(audit: &Audit) -> Vec<Pair> {
    let days = audit.retain_age.as_secs() / 86_400;
    let sinks = audit.sinks.iter().map(|sink| sink.name.clone());
    vec![
        ("audit.durability", json!(audit.durability)),
        (
            "audit.refusals.rate",
            json!(format!("{}/m", audit.refusals.per_minute)),
        ),
        ("audit.refusals.burst", json!(audit.refusals.burst)),
        ("audit.segment.bytes", size(audit.segment_bytes)),
        ("audit.segment.age", period(audit.segment_age)),
        ("audit.checkpoint.records", json!(audit.checkpoint_records)),
        ("audit.checkpoint.every", period(audit.checkpoint_every)),
        ("audit.retain.days", json!(days)),
        ("audit.retain.bytes", size(audit.retain_bytes)),
        ("audit.min_free", size(audit.min_free)),
        (
            "audit.anchor.file",
            json!(audit.anchor_file.as_deref().map(shown)),
        ),
        ("audit.sinks", sinks.collect()),
    ]
}

fn texts(items: &[impl Display]) -> Json {
    items.iter().map(ToString::to_string).collect()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Returns a size as a file writes it.
fn size(bytes: u64) -> Json {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let fits = |(bits, _): &(u32, &str)| bytes > 0 && bytes.trailing_zeros() >= *bits;
    let text = match units.into_iter().find(fits) {
        Some((bits, unit)) => format!("{}{unit}", bytes >> bits),
        None => format!("{bytes}B"),
    };
    json!(text)
}

/// Returns a length of time as a file writes it.
fn period(time: Duration) -> Json {
    let seconds = time.as_secs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let fits = |(unit, _): &(u64, &str)| seconds > 0 && seconds.is_multiple_of(*unit);
    let text = match units.into_iter().find(fits) {
        _ if time.subsec_millis() > 0 => format!("{}ms", time.as_millis()),
        Some((unit, name)) => format!("{}{name}", seconds / unit),
        None => format!("{seconds}s"),
    };
    json!(text)
}
