//! Defines the keys of `audit.sinks` and `audit.anchor`: where records and checkpoints are taken.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::secret_source::SecretSource;
use crate::config::yaml::{At, Entries};

/// What a sink is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum SinkKind {
    /// JSON lines on standard output.
    Stdout,
    /// JSON lines at the end of a file.
    File,
    /// Messages of RFC 5424.
    Syslog,
    /// Signed batches by HTTP.
    Webhook,
    /// Logs and traces of OpenTelemetry, by HTTP.
    Otlp,
}

/// What OpenTelemetry calls signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Signal {
    /// Each record as a log record.
    Logs,
    /// Each exchange as a span.
    Traces,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct SinkSection {
    /// Kind of the receiver of records.
    #[serde(rename = "type")]
    #[schemars(example = &"syslog")]
    pub(in crate::config) kind: At<SinkKind>,
    /// Names the sink's cursor and metrics; default: the type. Another name begins with the oldest record.
    #[serde(default)]
    #[schemars(example = &"siem")]
    pub(in crate::config) name: Option<At<String>>,
    /// Of `file`: path of the file. It may be renamed at any time, and is then made again.
    #[serde(default)]
    #[schemars(example = &"/var/log/tollgate/audit.jsonl")]
    pub(in crate::config) path: Option<At<String>>,
    /// Of `syslog`: `udp://host:514`, `tcp://host:601`, `tls://host:6514` or `unix:/dev/log`.
    #[serde(default)]
    #[schemars(example = &"tls://logs.example:6514")]
    pub(in crate::config) server: Option<At<String>>,
    /// Of `webhook` and `otlp`: the receiver. OTLP appends `/v1/logs` and `/v1/traces`.
    #[serde(default)]
    #[schemars(example = &"https://collector.example:4318")]
    pub(in crate::config) url: Option<At<String>>,
    /// Of `webhook`: key of the signature, as Standard Webhooks has it.
    #[serde(default)]
    pub(in crate::config) secret: Option<At<SecretSource>>,
    /// Of `otlp`: headers of each request.
    #[serde(default)]
    #[schemars(example = BTreeMap::from([("authorization", BTreeMap::from([("file", "secrets/otlp")]))]))]
    pub(in crate::config) headers: Entries<At<SecretSource>>,
    /// Of `otlp`: what is sent; default: both.
    #[serde(default)]
    #[schemars(example = &["logs"])]
    pub(in crate::config) signals: Option<At<Vec<Signal>>>,
    /// Whether records stay, over the limits of `retain`, until this sink has them; false.
    #[serde(default, rename = "hold")]
    #[schemars(example = true)]
    pub(in crate::config) keeps: bool,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct AnchorSection {
    /// A file that each checkpoint is appended to; best on another machine, or one that can only be appended to.
    #[schemars(example = &"/mnt/anchor/tollgate.jsonl")]
    pub(in crate::config) file: Option<At<String>>,
    /// An HTTP receiver that gets each checkpoint, signed.
    pub(in crate::config) webhook: Option<WebhookSection>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct WebhookSection {
    /// URL that receives POST requests.
    #[schemars(example = &"https://anchor.example/tollgate")]
    pub(in crate::config) url: At<String>,
    /// Key of the signature, as Standard Webhooks has it.
    pub(in crate::config) secret: At<SecretSource>,
}
