//! Keeps what a head says of how its request is answered, and who answers it.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, UPGRADE};
use http::{HeaderMap, Method, Version};

use super::body::Incoming;
use super::shape::Asker;
use crate::model::header_value;
use crate::proxy::head::Request;
use crate::proxy::respond::GatewayResponse;

/// One request on a connection, beside what is judged of it.
#[derive(Debug)]
pub(super) struct RequestState {
    pub(super) asker: Asker,
    /// The agent wants to ask again on this connection.
    pub(super) keeps: bool,
    pub(super) incoming: Incoming,
}

/// What a request has come to before any upstream.
pub(super) enum Opened {
    /// It has a permit; with its body, where that was judged, and else is streamed.
    Permitted(Option<Bytes>),
    /// It is answered by us.
    Answered(GatewayResponse),
}

impl RequestState {
    pub(super) fn of(request: &Request) -> Self {
        let headers = &request.headers;
        let length = headers.get(CONTENT_LENGTH);
        let declared = length.and_then(|length| length.to_str().ok()?.parse().ok());
        let expects = headers.get(EXPECT).is_some_and(|value| {
            request.version == Version::HTTP_11
                && value.as_bytes().eq_ignore_ascii_case(b"100-continue")
        });
        Self {
            asker: Asker {
                version: request.version,
                is_head: request.method == Method::HEAD,
            },
            keeps: keeps(request.version, headers),
            incoming: Incoming::new(request.body, declared, expects),
        }
    }
}

/// RFC 9112 section 9.3.
fn keeps(version: Version, headers: &HeaderMap) -> bool {
    let says = |token: &[u8]| {
        let values = headers.get_all(CONNECTION).iter();
        let mut tokens = values.flat_map(|value| header_value::entries(value.as_bytes()));
        tokens.any(|entry| entry.eq_ignore_ascii_case(token))
    };
    !says(b"close") && (version == Version::HTTP_11 || says(b"keep-alive"))
}

/// How the media types of gRPC begin.
const GRPC: &[u8] = b"application/grpc";

/// Returns whether Pingora's proxy carries a request: it switches protocols, or needs HTTP/2 all the way.
pub(super) fn needs_http_proxy(request: &Request) -> bool {
    let upgrades = request.version == Version::HTTP_11 && request.headers.contains_key(UPGRADE);
    let media = request.headers.get(CONTENT_TYPE);
    let start = media.and_then(|media| media.as_bytes().get(..GRPC.len()));
    upgrades || start.is_some_and(|start| start.eq_ignore_ascii_case(GRPC))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::head;

    fn request(line: &str, lines: &str) -> Request {
        let text = format!("{line}\r\nHost: a\r\n{lines}\r\n");
        head::read(&Bytes::from(text)).unwrap()
    }

    #[test]
    fn a_connection_is_kept_as_the_agent_says() {
        for (line, lines, keeps) in [
            ("GET / HTTP/1.1", "", true),
            ("GET / HTTP/1.1", "Connection: close\r\n", false),
            ("GET / HTTP/1.1", "Connection: te, Close\r\n", false),
            ("GET / HTTP/1.0", "", false),
            ("GET / HTTP/1.0", "Connection: Keep-Alive\r\n", true),
        ] {
            assert_eq!(
                RequestState::of(&request(line, lines)).keeps,
                keeps,
                "{line} {lines}"
            );
        }
    }

    #[test]
    fn a_100_is_waited_for_only_where_a_body_is_to_come() {
        for (line, lines, expects) in [
            ("POST / HTTP/1.1", "Content-Length: 5\r\n", true),
            ("POST / HTTP/1.1", "Transfer-Encoding: chunked\r\n", true),
            ("POST / HTTP/1.0", "Content-Length: 5\r\n", false),
            ("GET / HTTP/1.1", "", false),
        ] {
            let lines = format!("Expect: 100-Continue\r\n{lines}");
            let state = RequestState::of(&request(line, &lines));
            assert_eq!(state.incoming.expects(), expects, "{line} {lines}");
        }
    }

    #[test]
    fn what_switches_or_needs_http2_needs_http_proxy() {
        for (lines, expected) in [
            ("Upgrade: websocket\r\n", true),
            ("Content-Type: application/grpc+proto\r\n", true),
            ("Content-Type: Application/GRPC\r\n", true),
            ("Content-Type: application/json\r\n", false),
        ] {
            let request = request("GET / HTTP/1.1", lines);
            assert_eq!(needs_http_proxy(&request), expected, "{lines}");
        }
    }
}
