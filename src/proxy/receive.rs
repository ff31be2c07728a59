//! Builds the head that the pipeline judges. All names of the host in the request are compared here.
//!
//! INVARIANT: a head that comes out has one authority, and every spelling of it in the request agreed.

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
struct RequestTarget<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    rest: &'a str,
}

/// A request as an edge has read it.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) method: Method,
    pub(super) version: Version,
    /// Origin form, or a whole URL.
    pub(super) target: &'a str,
    /// Scheme and authority of HTTP/2.
    pub(super) pseudo: (Option<&'a str>, Option<&'a str>),
    pub(super) headers: HeaderMap,
}

impl<'a> Asked<'a> {
    /// Returns what Pingora has read.
    ///
    /// # Errors
    /// Where it can be read in two ways, or the target is not UTF-8.
    fn of(request: &'a RequestHeader) -> Result<Self, Fault> {
        // What else a head of HTTP/1.1 may be was checked before Pingora read it.
        head::check_framing(&request.headers).map_err(bad)?;
        let uri = &request.uri;
        Ok(Self {
            method: request.method.clone(),
            version: request.version,
            target: std::str::from_utf8(request.raw_path())
                .map_err(|_| bad("the request target is not UTF-8"))?,
            pseudo: (
                uri.scheme_str(),
                uri.authority().map(http::uri::Authority::as_str),
            ),
            headers: request.headers.clone(),
        })
    }
}

/// Builds the head of a request that Pingora has read.
///
/// # Errors
/// As [`receive`].
pub(super) fn receive_session(
    session: &Session,
    connection: &Connection,
    about: (&str, Instant),
) -> Result<Head, RefusedExchange> {
    let asked = Asked::of(session.req_header());
    let head = asked.and_then(|asked| build(asked, connection, about));
    head.map_err(|fault| refuse(fault, about.0))
}

/// Builds the head.
///
/// # Errors
/// 400 for what is no clean HTTP request, 421 where names disagree.
pub(super) fn receive(
    asked: Asked<'_>,
    connection: &Connection,
    about: (&str, Instant),
) -> Result<Head, RefusedExchange> {
    build(asked, connection, about).map_err(|fault| refuse(fault, about.0))
}

fn refuse(Fault(code, detail): Fault, request_id: &str) -> RefusedExchange {
    RefusedExchange::unjudged(Refusal::because(code, detail), request_id)
}

fn build(
    asked: Asked<'_>,
    connection: &Connection,
    (request_id, received): (&str, Instant),
) -> Result<Head, Fault> {
    check_method(&asked)?;
    let target = split(asked.target)?;
    let tls = tls(connection, target.scheme.or(asked.pseudo.0))?;
    let authority = authority(&asked, &target, connection, tls)?;
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
        method: asked.method,
        authority,
        tls,
        path: path.to_owned(),
        query,
        headers: hide_tokens(asked.headers),
        pass: connection.tunnel().and_then(|tunnel| tunnel.pass),
        received,
        request_id: request_id.to_owned(),
        peer: connection.peer,
        tunnel: connection.tunnel().map(|tunnel| tunnel.number),
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

fn check_method(request: &Asked<'_>) -> Result<(), Fault> {
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
fn split(raw: &str) -> Result<RequestTarget<'_>, Fault> {
    if raw.starts_with('/') || raw == "*" {
        return Ok(RequestTarget {
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
    Ok(RequestTarget {
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
    request: &Asked<'_>,
    target: &RequestTarget<'_>,
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
    let mut named = false;
    for text in [target.authority, request.pseudo.1, host]
        .into_iter()
        .flatten()
    {
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
