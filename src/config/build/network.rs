//! Addresses to listen at and egress exceptions as written in, typed ones out.

use std::net::SocketAddr;
use std::path::Path;

use ipnet::IpNet;

use super::context::Context;
use crate::config::manifest::EgressSection;
use crate::config::yaml::At;
use crate::config::{EgressAllow, EgressRules, Listen};
use crate::model::target::{Authority, Host};

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

fn parse_listen(text: &str, base: &Path) -> Result<Listen, String> {
    let wrong =
        || format!("`{text}` is not a place to listen at: write `127.0.0.1:7070` or `unix:/path`");
    if let Some(path) = text.strip_prefix("unix:") {
        return if path.is_empty() {
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

pub(super) fn egress(context: &mut Context<'_>, written: &EgressSection) -> EgressRules {
    context.unsupported_secret("egress.proxy", written.proxy.as_ref());
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
    rules.ca_files = written.ca_files.iter().map(|at| context.file(at)).collect();
    rules
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not an address and port, as in `127.0.0.1:9443`"))
}

/// An exception names its port: a host whose every port is open is more than anybody means.
fn parse_allow(text: &str) -> Result<EgressAllow, String> {
    match text.rsplit_once(':') {
        Some((network, port)) if network.contains('/') => {
            let wrong = || format!("`{text}` is not `CIDR:port`, as in `10.1.2.0/24:443`");
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
                return Err(format!(
                    "`{text}` has bits beyond its prefix: did you mean `{}`",
                    network.trunc()
                ));
            }
            Ok(EgressAllow::Net(network, port))
        }
        Some(_) | None => {
            exact(text).map(|authority| EgressAllow::Host(authority.host, authority.port))
        }
    }
}

/// Reads `host:port`; the port is not optional.
fn exact(text: &str) -> Result<Authority, String> {
    if !text
        .rsplit(']')
        .next()
        .is_some_and(|rest| rest.contains(':'))
    {
        return Err(format!("`{text}` names no port: write `host:port`"));
    }
    Authority::parse(text, 0).map_err(|error| error.to_string())
}
