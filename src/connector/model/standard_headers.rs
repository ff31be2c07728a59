//! Lists names of headers that are the same everywhere: those that concern one hop, those that never leave, and those that change
//! nothing about what a server does beyond what HTTP says they do.

use std::sync::LazyLock;

use crate::model::table::Table;

/// Go out to every API. RFC 9110 and friends, tracing, and what SDKs tell of themselves. Not here, although they look it:
/// `Accept-Profile` and `Content-Profile` (another schema), `Accept-Version` (another API), `SOAPAction`, `Destination` and
/// `Overwrite` (another operation), `X-Requested-With` (turns a protection off).
const HARMLESS: &[&str] = &[
    // RFC 9110, 9111, 9112 and their extensions.
    "accept",
    "accept-charset",
    "accept-datetime",
    "accept-encoding",
    "accept-language",
    "access-control-request-headers",
    "access-control-request-method",
    "alt-used",
    "authorization",
    "cache-control",
    "content-digest",
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "cookie",
    "date",
    "digest",
    "from",
    "idempotency-key",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-event-id",
    "mime-version",
    "origin",
    "pragma",
    "priority",
    "range",
    "referer",
    "repr-digest",
    "save-data",
    "upgrade-insecure-requests",
    "user-agent",
    "via",
    "want-content-digest",
    "want-digest",
    "want-repr-digest",
    "x-idempotency-key",
    // WebSocket, gRPC, Connect, git.
    "connect-accept-encoding",
    "connect-content-encoding",
    "connect-protocol-version",
    "connect-timeout-ms",
    "git-protocol",
    "grpc-accept-encoding",
    "grpc-encoding",
    "grpc-timeout",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
    "x-grpc-web",
    // Tracing.
    "b3",
    "baggage",
    "client-request-id",
    "correlation-id",
    "elastic-apm-traceparent",
    "newrelic",
    "request-id",
    "sentry-trace",
    "traceparent",
    "tracestate",
    "uber-trace-id",
    "x-amzn-trace-id",
    "x-b3-flags",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-spanid",
    "x-b3-traceid",
    "x-datadog-origin",
    "x-datadog-parent-id",
    "x-datadog-sampling-priority",
    "x-datadog-tags",
    "x-datadog-trace-id",
    "x-client-request-id",
    "x-cloud-trace-context",
    "x-correlation-id",
    "x-ms-client-request-id",
    "x-request-id",
    "x-trace-id",
    // SDKs on themselves.
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "apollographql-client-name",
    "apollographql-client-version",
    "kubectl-command",
    "kubectl-session",
    "npm-command",
    "sdkversion",
    "x-algolia-agent",
    "x-amz-user-agent",
    "x-apollo-operation-id",
    "x-apollo-operation-name",
    "x-client-info",
    "x-elastic-client-meta",
    "x-fern-language",
    "x-fern-platform",
    "x-fern-runtime",
    "x-fern-runtime-version",
    "x-fern-sdk-name",
    "x-fern-sdk-version",
    "x-goog-api-client",
    "x-ms-useragent",
    "x-stainless-arch",
    "x-stainless-async",
    "x-stainless-lang",
    "x-stainless-os",
    "x-stainless-package-version",
    "x-stainless-retry-count",
    "x-stainless-runtime",
    "x-stainless-runtime-version",
    "x-stainless-timeout",
    "x-stripe-client-telemetry",
    "x-stripe-client-user-agent",
];

/// How others of them begin.
const HARMLESS_PREFIXES: [&str; 3] = ["grpc-", "mcp-", "x-stainless-"];

/// Of these, what is another header to the server: gRPC gateways take `Grpc-Metadata-X` for `X`.
const NOT_HARMLESS: &str = "grpc-metadata-";

static TABLE: LazyLock<Table<&'static str, ()>> =
    LazyLock::new(|| HARMLESS.iter().map(|name| (*name, ())).collect());

/// Returns whether a header goes out to every API.
pub(crate) fn is_harmless(name: &str) -> bool {
    TABLE.contains_key(name)
        || (HARMLESS_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
            && !name.starts_with(NOT_HARMLESS))
}

/// Returns whether a header concerns one hop only (RFC 9110 section 7.6.1), or framing, which the edge sets itself.
fn is_for_this_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "content-length"
            | "expect"
            | "host"
            | "http2-settings"
            | "keep-alive"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Returns whether a header never leaves, whatever the action: it concerns one hop, or is what proxies and browsers write.
///
/// An agent would choose with it what an upstream behind proxies takes for host, scheme, path or client.
#[must_use]
pub fn is_always_dropped(name: &str) -> bool {
    if is_for_this_hop(name) {
        return true;
    }
    match name.as_bytes().first() {
        Some(b'c') => name == "cf-connecting-ip",
        Some(b'd') => name == "dnt",
        Some(b'e') => name == "early-data",
        Some(b'f') => name == "forwarded",
        Some(b'p') => name.starts_with("proxy-"),
        Some(b's') => name.starts_with("sec-") && !name.starts_with("sec-websocket-"),
        Some(b't') => name == "true-client-ip",
        Some(b'x') => {
            // Two of them are refused (`override_headers`): they mean another URL.
            (name.starts_with("x-forwarded-")
                && !matches!(name, "x-forwarded-uri" | "x-forwarded-path"))
                || name.starts_with("x-envoy-")
                || matches!(name, "x-real-ip" | "x-client-ip" | "x-cluster-client-ip")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{HARMLESS, is_always_dropped, is_harmless};

    #[test]
    fn no_harmless_header_is_dropped_or_spelled_as_it_never_comes() {
        for name in HARMLESS {
            assert!(is_harmless(name) && !is_always_dropped(name), "{name}");
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            assert!(name.bytes().all(plain), "{name}");
        }
        assert!(!is_harmless("grpc-metadata-user"));
        // They change what a server does: `Prefer: resolution=merge-duplicates`, a range of a PUT, a file's name.
        for name in [
            "prefer",
            "content-range",
            "content-disposition",
            "link",
            "x-b3-user",
        ] {
            assert!(!is_harmless(name), "{name}");
        }
        assert!(is_harmless("grpc-previous-rpc-attempts"));
    }
}
