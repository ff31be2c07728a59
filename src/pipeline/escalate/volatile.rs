//! Lists the headers by which two requests that do the same thing may differ.

/// Headers that differ between a request and its retry, or the gateways that they go through, and change nothing about what it
/// does. Lower-case.
pub(super) const VOLATILE: [&str; 26] = [
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "b3",
    "baggage",
    "date",
    "newrelic",
    "request-id",
    "sec-websocket-key",
    "sentry-trace",
    "traceparent",
    "tracestate",
    "uber-trace-id",
    "via",
    "x-amzn-trace-id",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-spanid",
    "x-b3-traceid",
    "x-client-request-id",
    "x-cloud-trace-context",
    "x-correlation-id",
    "x-datadog-parent-id",
    "x-datadog-trace-id",
    "x-ms-client-request-id",
    "x-request-id",
    "x-stainless-retry-count",
];

#[cfg(test)]
mod tests {
    use super::VOLATILE;

    #[test]
    fn volatile_headers_are_spelled_as_they_are_compared() {
        assert!(VOLATILE.is_sorted());
        assert!(VOLATILE.iter().all(|name| *name == name.to_lowercase()));
    }
}
