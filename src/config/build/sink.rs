//! Checks `audit.sinks` and `audit.anchor.webhook` as written.

use std::collections::BTreeSet;

use http::HeaderName;

use super::context::Context;
use crate::config::manifest::{Signal, SinkKind, SinkSection, WebhookSection};
use crate::config::yaml::At;
use crate::config::{HttpUrl, Otlp, Sink, SinkTarget, Webhook};

/// Longest name of a sink: it becomes part of a file's name.
const MAX_NAME: usize = 32;

pub(super) fn sinks(context: &mut Context<'_>, written: &[SinkSection]) -> Vec<Sink> {
    let mut names = BTreeSet::new();
    let mut sinks = Vec::new();
    for section in written {
        let name = name(context, section);
        if !names.insert(name.clone()) {
            let message = format!("two sinks are named `{name}`: give one of them a `name`");
            context.error("duplicate-name", message, &section.kind);
        }
        refuse_others(context, section);
        if let Some(target) = target(context, section) {
            sinks.push(Sink {
                name,
                target,
                keeps: section.keeps,
            });
        }
    }
    sinks
}

pub(super) fn webhook(context: &mut Context<'_>, written: &WebhookSection) -> Option<Webhook> {
    let url = url(context, &written.url);
    let secret = context.secret(&written.secret.value, &written.secret);
    Some(Webhook {
        url: url?,
        secret: secret?,
    })
}

fn name(context: &mut Context<'_>, section: &SinkSection) -> String {
    let Some(name) = &section.name else {
        return kind_name(section.kind.value).to_owned();
    };
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let text = &name.value;
    if text.is_empty() || text.len() > MAX_NAME || !text.bytes().all(is_plain) {
        let message = format!("a sink's name has at most {MAX_NAME} of `a-z`, `0-9` and `-`");
        context.error("invalid-value", message, name);
    }
    text.clone()
}

fn kind_name(kind: SinkKind) -> &'static str {
    match kind {
        SinkKind::Stdout => "stdout",
        SinkKind::File => "file",
        SinkKind::Syslog => "syslog",
        SinkKind::Webhook => "webhook",
        SinkKind::Otlp => "otlp",
    }
}

/// Reports keys that belong to sinks of another type.
fn refuse_others(context: &mut Context<'_>, section: &SinkSection) {
    let kind = section.kind.value;
    let is_http = matches!(kind, SinkKind::Webhook | SinkKind::Otlp);
    let written = [
        ("path", section.path.is_some(), kind == SinkKind::File),
        ("server", section.server.is_some(), kind == SinkKind::Syslog),
        ("url", section.url.is_some(), is_http),
        (
            "secret",
            section.secret.is_some(),
            kind == SinkKind::Webhook,
        ),
        (
            "headers",
            !section.headers.0.is_empty(),
            kind == SinkKind::Otlp,
        ),
        ("signals", section.signals.is_some(), kind == SinkKind::Otlp),
    ];
    for (key, is_written, is_its) in written {
        if is_written && !is_its {
            let message = format!("a sink of type `{}` has no `{key}`", kind_name(kind));
            context.error("invalid-value", message, &section.kind);
        }
    }
}

fn target(context: &mut Context<'_>, section: &SinkSection) -> Option<SinkTarget> {
    match section.kind.value {
        SinkKind::Stdout => Some(SinkTarget::Stdout),
        SinkKind::File => {
            let path = needed(context, section, ("path", section.path.as_ref()))?;
            Some(SinkTarget::File(context.path(path)))
        }
        SinkKind::Syslog => {
            let server = needed(context, section, ("server", section.server.as_ref()))?;
            let server = context.checked(server, server.value.parse())?;
            Some(SinkTarget::Syslog(server))
        }
        SinkKind::Webhook => {
            let at = needed(context, section, ("url", section.url.as_ref()));
            let at = at.and_then(|at| url(context, at));
            let secret = needed(context, section, ("secret", section.secret.as_ref()));
            let secret = secret.and_then(|secret| context.secret(&secret.value, secret));
            Some(SinkTarget::Webhook(Webhook {
                url: at?,
                secret: secret?,
            }))
        }
        SinkKind::Otlp => otlp(context, section),
    }
}

fn otlp(context: &mut Context<'_>, section: &SinkSection) -> Option<SinkTarget> {
    let at = needed(context, section, ("url", section.url.as_ref()))?;
    let endpoint = url(context, at);
    if at.value.contains('?') {
        context.secret_error("invalid-value", "a query is not allowed in this URL", at);
    }
    let headers = section.headers.0.iter();
    let headers: Vec<_> = headers
        .filter_map(|(name, at)| {
            let parsed = context.checked(name, HeaderName::try_from(name.value.as_str()));
            Some((parsed?, context.header_value(at)?))
        })
        .collect();
    let sends = |signal| {
        let signals = section.signals.as_ref();
        signals.is_none_or(|signals| signals.value.contains(&signal))
    };
    if let Some(signals) = section.signals.as_ref().filter(|at| at.value.is_empty()) {
        context.error(
            "invalid-value",
            "`signals` names `logs`, `traces` or both",
            signals,
        );
    }
    Some(SinkTarget::Otlp(Otlp {
        endpoint: endpoint?,
        headers,
        logs: sends(Signal::Logs),
        traces: sends(Signal::Traces),
    }))
}

/// Returns a key that this type of sink must have.
fn needed<'s, T>(
    context: &mut Context<'_>,
    section: &SinkSection,
    (key, written): (&str, Option<&'s At<T>>),
) -> Option<&'s At<T>> {
    if written.is_none() {
        let message = format!(
            "a sink of type `{}` needs `{key}`",
            kind_name(section.kind.value)
        );
        context.error("missing-key", message, &section.kind);
    }
    written
}

/// The URL may hold a token, so its line is not shown.
fn url(context: &mut Context<'_>, at: &At<String>) -> Option<HttpUrl> {
    match at.value.parse::<HttpUrl>() {
        Ok(url) => Some(url),
        Err(error) => {
            context.secret_error("invalid-value", error.to_string(), at);
            None
        }
    }
}
