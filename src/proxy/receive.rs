//! Builds the head that the pipeline judges. All names of the host in the request are compared here.
//!
//! INVARIANT: a head that comes out has one authority, and every spelling of it in the request agreed.

use std::sync::Arc;
use std::time::Instant;

use http::header::{AUTHORIZATION, COOKIE, HOST, PROXY_AUTHORIZATION, UPGRADE};
use http::{HeaderMap, HeaderName, Method, Version};
use pingora::http::RequestHeader;
use pingora::proxy::Session;

use super::connection::{Connection, Via};
use super::head;
use crate::model::target::Authority;
use crate::pipeline::Head;
use crate::pipeline::refuse::{Code, Refusal, RefusedExchange};

/// Headers in which agents send tokens, the proxy token included.
const TOKENS: [HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];

/// One problem, not yet a refusal.
struct Fault(Code, String);

/// A request target: scheme and authority where it names them, then path and query.
struct Target<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    rest: &'a str,
}

/// Builds the head.
///
/// # Errors
/// 400 for what is no clean HTTP request, 421 where names disagree.
pub(super) fn receive(
    session: &Session,
    connection: &Arc<Connection>,
    request_id: &str,
    received: Instant,
) -> Result<Head, RefusedExchange> {
    build(session, connection, request_id, received).map_err(|Fault(code, detail)| {
        RefusedExchange::unjudged(Refusal::because(code, detail), request_id)
    })
}

fn build(
    session: &Session,
    connection: &Connection,
    request_id: &str,
    received: Instant,
) -> Result<Head, Fault> {
    let request = session.req_header();
    // What else a head of HTTP/1.1 may be was checked before Pingora read it.
    head::check_framing(&request.headers).map_err(bad)?;
    check_method(request)?;
    let raw = std::str::from_utf8(request.raw_path())
        .map_err(|_| bad("the request target is not UTF-8"))?;
    let target = split(raw)?;
    let scheme = target.scheme.or(request.uri.scheme_str());
    let tls = tls(connection, scheme)?;
    let authority = authority(request, &target, connection, tls)?;
    let (path, query) = match target.rest.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target.rest, None),
    };
    // RFC 9112 section 3.2.2: `http://host` means `/`.
    let path = if path.is_empty() && target.authority.is_some() {
        "/"
    } else {
        path
    };
    Ok(Head {
        method: request.method.clone(),
        authority,
        tls,
        path: path.to_owned(),
        query,
        headers: hide_tokens(request.headers.clone()),
        pass: match &connection.via {
            Via::Direct => None,
            Via::Tunnel(tunnel) => tunnel.pass,
        },
        received,
        request_id: request_id.to_owned(),
        peer: connection.peer,
    })
}

/// Keeps tokens out of whatever prints headers.
fn hide_tokens(mut headers: HeaderMap) -> HeaderMap {
    for (name, value) in &mut headers {
        if TOKENS.contains(name) {
            value.set_sensitive(true);
        }
    }
    headers
}

fn check_method(request: &RequestHeader) -> Result<(), Fault> {
    if request.method == Method::TRACE || request.method == Method::CONNECT {
        return Err(Fault(
            Code::BadRequest,
            format!("the method {} is not available here", request.method),
        ));
    }
    // RFC 9110 section 7.8. What HTTP/1.1 may ask for is the pipeline's to judge.
    if request.headers.contains_key(UPGRADE) && request.version != Version::HTTP_11 {
        return Err(bad("only HTTP/1.1 switches protocols (`Upgrade`)"));
    }
    Ok(())
}

/// Splits an absolute-form target; origin-form is all `rest`.
fn split(raw: &str) -> Result<Target<'_>, Fault> {
    if raw.starts_with('/') || raw == "*" {
        return Ok(Target {
            scheme: None,
            authority: None,
            rest: raw,
        });
    }
    let Some((scheme, after)) = raw.split_once("://") else {
        return Err(bad("the request target is neither a path nor a URL"));
    };
    let end = after.find(['/', '?']).unwrap_or(after.len());
    let (authority, rest) = after.split_at_checked(end).unwrap_or((after, ""));
    Ok(Target {
        scheme: Some(scheme),
        authority: Some(authority),
        rest,
    })
}

/// Returns whether the request is for TLS; a tunnel's own state must agree with a scheme that is named.
fn tls(connection: &Connection, scheme: Option<&str>) -> Result<bool, Fault> {
    let named = match scheme {
        None => None,
        Some(scheme) if scheme.eq_ignore_ascii_case("https") => Some(true),
        Some(scheme) if scheme.eq_ignore_ascii_case("http") => Some(false),
        Some(_) => return Err(bad("only `http` and `https` URLs are available")),
    };
    match (&connection.via, named) {
        (Via::Tunnel(tunnel), Some(named)) if named != tunnel.tls => Err(Fault(
            Code::NamesDisagree,
            "the scheme is not the one of the tunnel".to_owned(),
        )),
        (Via::Tunnel(tunnel), _) => Ok(tunnel.tls),
        (Via::Direct, Some(named)) => Ok(named),
        (Via::Direct, None) => Err(bad(
            "this is a proxy: ask with a whole URL, or with CONNECT; `http://tollgate.internal/ca.pem` has the CA",
        )),
    }
}

/// Compares every name of the host by its canonical form.
fn authority(
    request: &RequestHeader,
    target: &Target<'_>,
    connection: &Connection,
    tls: bool,
) -> Result<Authority, Fault> {
    let default_port = if tls { 443 } else { 80 };
    let mut agreed = match &connection.via {
        Via::Direct => None,
        Via::Tunnel(tunnel) if tunnel.sni_disagrees() => {
            return Err(Fault(
                Code::NamesDisagree,
                "SNI names another host than CONNECT".to_owned(),
            ));
        }
        Via::Tunnel(tunnel) => Some(tunnel.authority.clone()),
    };
    let host = match request.headers.get(HOST) {
        Some(host) => Some(host.to_str().map_err(|_| bad("`Host` is not ASCII"))?),
        None => None,
    };
    let pseudo = request.uri.authority().map(http::uri::Authority::as_str);
    let mut named = false;
    for text in [target.authority, pseudo, host].into_iter().flatten() {
        let authority = Authority::parse(text, default_port)
            .map_err(|error| Fault(Code::BadRequest, error.to_string()))?;
        named = true;
        match &agreed {
            None => agreed = Some(authority),
            Some(agreed) if *agreed == authority => {}
            Some(agreed) => {
                let detail = format!(
                    "the request is for `{authority}`, but the connection is for `{agreed}`"
                );
                return Err(Fault(Code::NamesDisagree, detail));
            }
        }
    }
    if !named && request.version != Version::HTTP_10 {
        return Err(bad("the request does not name its host"));
    }
    agreed.ok_or_else(|| bad("the request does not name its host"))
}

fn bad(detail: impl Into<String>) -> Fault {
    Fault(Code::BadRequest, detail.into())
}
