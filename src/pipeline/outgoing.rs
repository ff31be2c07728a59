//! Builds the outgoing request from judged values, never from received ones.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::decide::Injection;
use super::decision_input::RequestPayload;
use super::websocket::Protocol;
use crate::auth::SigningScope;
use crate::connector::{Connector, Passes};
use crate::model::target::{Authority, Target};

/// A request as it will be sent. `Debug` shows where it goes, and nothing of what it carries.
#[derive(Clone)]
pub struct Outgoing {
    /// The method that was judged.
    pub method: Method,
    /// Host and port of the upstream.
    pub authority: Authority,
    /// TLS to the upstream.
    pub tls: bool,
    /// The path in canonical form.
    pub path: String,
    /// As received, or with a credential in it.
    pub query: Option<String>,
    /// Everything that goes upstream but framing (`Content-Length`, `Transfer-Encoding`, `Connection`), which the edge sets;
    /// `host` included.
    pub headers: HeaderMap,
    /// What is spoken once the upstream has answered.
    pub protocol: Protocol,
    /// What may come back beside what is masked.
    pub passes: Passes,
    /// What was read and judged; `None` where the body is streamed or there is none.
    pub body: Option<Bytes>,
    /// Headers of the agent's that nothing declares; the answer names them.
    pub dropped: Vec<HeaderName>,
    /// What the agent's own signature was for, where it signed as AWS does.
    pub signed_for: Option<SigningScope>,
    /// Whether the request surely has no body.
    pub is_empty: bool,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("method", &self.method)
            .field("authority", &self.authority)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Builds the outgoing request: every place where the API takes a credential is emptied, unless the agent's own stays.
pub(super) fn build(
    target: &Target,
    payload: RequestPayload,
    connector: &Connector,
    injection: &Injection,
) -> Outgoing {
    let RequestPayload {
        mut headers,
        protocol,
        passes,
        body,
        dropped,
        declared_length,
    } = payload;
    let signed_for = SigningScope::of(&headers, target.query.raw());
    let mut query = target.query.raw().map(Cow::Borrowed);
    if !matches!(injection, Injection::AgentOwned(_)) {
        let places = connector.credential_places();
        headers.remove(AUTHORIZATION);
        if !passes.cookies {
            headers.remove(COOKIE);
        }
        let kept = |name: &str| passes.cookies && name == COOKIE;
        for name in places.headers.iter().filter(|name| !kept(name)) {
            headers.remove(name.as_str());
        }
        query = query.and_then(|query| without(query, &places.query));
    }
    for (name, value) in connector.default_headers() {
        if !headers.contains_key(name) {
            headers.insert(name.clone(), value.clone());
        }
    }
    let default_port = if target.tls { 443 } else { 80 };
    let host = if target.authority.port == default_port {
        target.authority.host.to_string()
    } else {
        target.authority.to_string()
    };
    if let Ok(host) = HeaderValue::from_str(&host) {
        headers.insert(HOST, host);
    }
    Outgoing {
        method: target.method.clone(),
        authority: target.authority.clone(),
        tls: target.tls,
        path: target.path.as_str().to_owned(),
        query: query.map(Cow::into_owned),
        headers,
        protocol,
        passes,
        body,
        dropped,
        signed_for,
        is_empty: declared_length == Some(0),
    }
}

/// Takes the pairs of these names out, comparing decoded names without case; the rest stays byte for byte.
fn without<'q>(query: Cow<'q, str>, names: &[String]) -> Option<Cow<'q, str>> {
    if names.is_empty() {
        return Some(query);
    }
    let named = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or(pair);
        if !name.contains(['+', '%']) {
            return names.iter().any(|known| known.eq_ignore_ascii_case(name));
        }
        let name = name.replace('+', " ");
        let name = percent_encoding::percent_decode_str(&name).decode_utf8_lossy();
        names.iter().any(|known| known.eq_ignore_ascii_case(&name))
    };
    if !query.split('&').any(|pair| named(&pair)) {
        return Some(query);
    }
    let kept: Vec<&str> = query.split('&').filter(|pair| !named(pair)).collect();
    (!kept.is_empty()).then(|| kept.join("&").into())
}
