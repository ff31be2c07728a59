//! Checks the addresses to listen at and the egress exceptions.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use super::context::Context;
use crate::config::manifest::{EgressProxySection, EgressSection};
use crate::config::yaml::{At, ShortOr};
use crate::config::{EgressAllow, EgressExcept, EgressProxy, EgressRules, Listen};
use crate::model::secret::Secret;
use crate::model::target::{Authority, Host, HostError};

/// Why a text is not a place in the network.
#[derive(Debug, thiserror::Error)]
enum PlaceError {
    #[error("`{0}` is not a place to listen at: write `127.0.0.1:7070` or `unix:/path`")]
    Listen(String),
    #[error("a proxy is reached by `http://`, not `{0}://`")]
    ProxyScheme(String),
    #[error("`{0}` is not the URL of a proxy, {PROXY_FORM}")]
    Proxy(String),
    #[error("{0}, {PROXY_FORM}")]
    ProxyAuthority(Box<Self>),
    #[error("`{0}` is not a network, as in `10.0.0.0/8`")]
    Network(String),
    #[error("`{0}` is not an address and port, as in `127.0.0.1:9443`")]
    Address(String),
    #[error("`{0}` is not `CIDR:port`, as in `10.1.2.0/24:443`")]
    NetworkAndPort(String),
    #[error("`{0}` has bits beyond its prefix: did you mean `{1}`")]
    BitsBeyondPrefix(String, IpNet),
    #[error("`{0}` names no port: write `host:port`")]
    NoPort(String),
    #[error(transparent)]
    Host(#[from] HostError),
}

const PROXY_FORM: &str = "as in `http://proxy.corp:3128`";

/// Begins a certificate, RFC 7468 section 5.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";

/// Reads the places to listen at; `None` means the default.
pub(super) fn listen(
    context: &mut Context<'_>,
    written: Option<&At<Vec<At<String>>>>,
    default: u16,
) -> Vec<Listen> {
    let Some(written) = written.map(|at| &at.value) else {
        return vec![Listen::Tcp("127.0.0.1".to_owned(), default)];
    };
    let mut found = Vec::new();
    for at in written {
        match context.checked(at, parse_listen(&at.value, context.base)) {
            Some(listen) if found.contains(&listen) => {
                context.error(
                    "duplicate-name",
                    format!("`{}` is listened at twice", at.value),
                    at,
                );
            }
            listen => found.extend(listen),
        }
    }
    found
}

/// Reads the places where agents connect, at least one.
pub(super) fn listen_for_agents(
    context: &mut Context<'_>,
    written: Option<&At<Vec<At<String>>>>,
    default: u16,
) -> Vec<Listen> {
    if let Some(at) = written.filter(|at| at.value.is_empty()) {
        let message = "agents need at least one place to connect to";
        context.first_error("invalid-value", message, at);
    }
    listen(context, written, default)
}

fn parse_listen(text: &str, base: &Path) -> Result<Listen, PlaceError> {
    let wrong = || PlaceError::Listen(text.to_owned());
    if let Some(path) = text.strip_prefix("unix:") {
        return if path.is_empty() || path.starts_with('~') {
            Err(wrong())
        } else {
            Ok(Listen::Unix(base.join(path)))
        };
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = Some(port)
        .filter(|_| digits)
        .and_then(|port| port.parse().ok())
        .ok_or_else(wrong)?;
    // `Display` of a host has the brackets of an IPv6 address, as binding wants them.
    Host::parse(host)
        .map(|host| Listen::Tcp(host.to_string(), port))
        .map_err(|_| wrong())
}

/// Reads the names that a listener answers to besides `localhost` and its addresses.
pub(super) fn hosts(context: &mut Context<'_>, written: &[At<String>]) -> Vec<Host> {
    let mut hosts = Vec::new();
    for at in written {
        hosts.extend(context.checked(
            at,
            Host::parse(&at.value).map_err(|error| error.to_string()),
        ));
    }
    hosts
}

pub(super) fn egress(context: &mut Context<'_>, written: &EgressSection) -> EgressRules {
    let mut rules = EgressRules::default();
    for at in &written.allow {
        rules
            .allow
            .extend(context.checked(at, parse_allow(&at.value)));
    }
    for (from, to) in &written.resolve.0 {
        let authority = context.checked(from, exact(&from.value));
        let addresses: Vec<SocketAddr> =
            to.0.iter()
                .filter_map(|to| context.checked(to, parse_address(&to.value)))
                .collect();
        if to.0.is_empty() {
            let message = format!("`{}` has no address to contact", from.value);
            context.error("invalid-value", message, from);
        }
        if let Some(authority) = authority
            && rules.resolve.insert(authority, addresses).is_some()
        {
            context.error(
                "duplicate-name",
                format!("`{}` is another spelling of an earlier key", from.value),
                from,
            );
        }
    }
    rules.ca_files = written
        .ca_files
        .iter()
        .map(|at| certificates(context, at))
        .collect();
    rules
}

/// Returns the path of a file that must hold a certificate; what is in it is not repeated.
fn certificates(context: &mut Context<'_>, at: &At<String>) -> PathBuf {
    let path = context.file(at);
    let holds = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).contains(CERTIFICATE);
    if path.is_file() && !std::fs::read(&path).is_ok_and(holds) {
        let message = format!(
            "`{}` has no certificate: it is PEM, with lines `{CERTIFICATE}`",
            at.value
        );
        context.error("invalid-value", message, at);
    }
    path
}

/// Reads `egress.proxy`, in either form.
pub(super) fn egress_proxy(
    context: &mut Context<'_>,
    written: Option<&ShortOr<At<String>, EgressProxySection>>,
) -> Option<EgressProxy> {
    let section = match written? {
        ShortOr::Short(url) => {
            return Some(EgressProxy {
                authority: proxy_url(context, url)?,
                login: None,
                except: Vec::new(),
            });
        }
        ShortOr::Long(section) => section,
    };
    let authority = proxy_url(context, &section.url);
    let login = login(context, section);
    let except = section
        .except
        .iter()
        .filter_map(|at| context.checked(at, parse_except(&at.value)))
        .collect();
    Some(EgressProxy {
        authority: authority?,
        login,
        except,
    })
}

fn login(context: &mut Context<'_>, section: &EgressProxySection) -> Option<(String, Secret)> {
    match (&section.username, &section.password) {
        (Some(name), Some(password)) => {
            // RFC 7617 section 2: the first colon ends the name.
            if name.value.contains(':') || name.value.chars().any(char::is_control) {
                context.error("invalid-value", "a user name has no `:` in it", name);
            }
            let password = context.secret(&password.value, password)?;
            Some((name.value.clone(), password))
        }
        (None, Some(password)) => {
            context.error("invalid-value", "a password needs a `username`", password);
            None
        }
        (Some(name), None) => {
            context.error("invalid-value", "a user name needs a `password`", name);
            None
        }
        (None, None) => None,
    }
}

fn proxy_url(context: &mut Context<'_>, at: &At<String>) -> Option<Authority> {
    let text = &at.value;
    if text.contains('@') {
        let message =
            "a login is not allowed in the URL: write `username` and `password: { file: … }`";
        context.secret_error("invalid-value", message, at);
        return None;
    }
    let rest = match text.split_once("://") {
        Some(("http", rest)) => Ok(rest),
        Some((scheme, _)) => Err(PlaceError::ProxyScheme(scheme.to_owned())),
        None => Err(PlaceError::Proxy(text.clone())),
    };
    let authority = rest.and_then(|rest| {
        exact(rest.strip_suffix('/').unwrap_or(rest))
            .map_err(|error| PlaceError::ProxyAuthority(Box::new(error)))
    });
    context.checked(at, authority)
}

fn parse_except(text: &str) -> Result<EgressExcept, PlaceError> {
    if text.contains('/') {
        let network = text.trim_matches(['[', ']']).parse::<IpNet>();
        return network
            .map(|network| EgressExcept::Net(network.trunc()))
            .map_err(|_| PlaceError::Network(text.to_owned()));
    }
    Ok(EgressExcept::Host(Host::parse(text)?))
}

fn parse_address(text: &str) -> Result<SocketAddr, PlaceError> {
    text.parse()
        .map_err(|_| PlaceError::Address(text.to_owned()))
}

/// An exception names its port: a host whose every port is open is more than an operator means.
fn parse_allow(text: &str) -> Result<EgressAllow, PlaceError> {
    match text.rsplit_once(':') {
        Some((network, port)) if network.contains('/') => {
            let wrong = || PlaceError::NetworkAndPort(text.to_owned());
            let network: IpNet = network
                .trim_matches(['[', ']'])
                .parse()
                .map_err(|_| wrong())?;
            let port = port
                .parse()
                .ok()
                .filter(|port| *port != 0)
                .ok_or_else(wrong)?;
            if network.trunc() != network {
                let network = network.trunc();
                return Err(PlaceError::BitsBeyondPrefix(text.to_owned(), network));
            }
            Ok(EgressAllow::Net(network, port))
        }
        Some(_) | None => {
            exact(text).map(|authority| EgressAllow::Host(authority.host, authority.port))
        }
    }
}

/// Reads `host:port`; the port is not optional.
fn exact(text: &str) -> Result<Authority, PlaceError> {
    if !text
        .rsplit(']')
        .next()
        .is_some_and(|rest| rest.contains(':'))
    {
        return Err(PlaceError::NoPort(text.to_owned()));
    }
    Ok(Authority::parse(text, 0)?)
}
