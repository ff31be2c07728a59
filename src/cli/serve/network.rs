//! Derives the settings of egress and proxy from the configuration.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::runtime::Handle;
use zeroize::Zeroizing;

use super::listeners::Listeners;
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::cli::workspace::{Workspace, chain};
use crate::config::{self, Config, EgressAllow, Limits};
use crate::egress::{AllowRule, ChainRules, Egress, EgressRules, Except, SystemLookup};
use crate::model::clock::Clock;
use crate::model::secret::Secret;
use crate::outbound::Outbound;
use crate::proxy::{OuterTls, Timeouts};
use crate::vault::{SourceAccess, SourceNetwork};

/// How long a server that keeps secrets may take to answer.
const SOURCE_TIME: Duration = Duration::from_secs(10);

/// Puts egress rules together: exceptions, fixed addresses, our own listeners, and the proxy on the way.
pub(super) fn egress(config: &Config, listeners: &Listeners) -> Result<Egress, Failure> {
    egress_of(config, listeners.own())
}

/// As the gateway has it, for a command that asks a token endpoint.
pub(in crate::cli) fn egress_of(config: &Config, own: Vec<SocketAddr>) -> Result<Egress, Failure> {
    let mut allow = Vec::new();
    for rule in &config.egress.allow {
        let text = match rule {
            EgressAllow::Host(host, port) => format!("{host}:{port}"),
            EgressAllow::Net(net, port) if net.addr().is_ipv6() => format!("[{net}]:{port}"),
            EgressAllow::Net(net, port) => format!("{net}:{port}"),
        };
        allow.push(
            AllowRule::parse(&text)
                .map_err(|error| Failure::failed("egress", error.to_string()))?,
        );
    }
    let rules = EgressRules {
        allow,
        resolve: config.egress.resolve.clone(),
        own,
    };
    let egress =
        Egress::new(rules, Arc::new(SystemLookup::new())).lookup_timeout(config.limits.connect);
    Ok(match &config.egress_proxy {
        Some(proxy) => egress.through(chain_rules(proxy)),
        None => egress,
    })
}

/// Returns what secrets are read with that lie in variables and on servers.
pub(super) fn source_access(
    context: &Context,
    workspace: &Workspace,
    listeners: &Listeners,
    outbound: &Outbound,
) -> Result<SourceAccess, Failure> {
    Ok(SourceAccess {
        variables: context.process.text_variables(),
        network: Some(SourceNetwork {
            outbound: outbound.clone().within(SOURCE_TIME),
            egress: Arc::new(egress(workspace.config(), listeners)?),
            runtime: Handle::current(),
        }),
    })
}

/// Reads the certificate of the proxy port, if it has one.
pub(super) fn outer_tls(config: &Config, clock: &Clock) -> Result<Option<OuterTls>, Failure> {
    let Some(tls) = &config.proxy_tls else {
        return Ok(None);
    };
    OuterTls::load(&tls.cert, &tls.key, clock)
        .map(Some)
        .map_err(|error| Failure::failed("proxy_tls", chain(&error)))
}

/// Returns the timeouts of the proxy.
pub(super) fn timeouts(limits: &Limits) -> Timeouts {
    Timeouts {
        request_head: limits.request_head,
        connect: limits.connect,
        first_byte: limits.first_byte,
        idle: limits.idle,
    }
}

fn chain_rules(proxy: &config::EgressProxy) -> ChainRules {
    let authorization = proxy.login.as_ref().map(|(name, password)| {
        let mut pair = Zeroizing::new(format!("{name}:").into_bytes());
        pair.extend_from_slice(password.expose());
        Secret::from(format!("Basic {}", STANDARD.encode(&pair)))
    });
    let except = proxy.except.iter().map(|except| match except {
        config::EgressExcept::Host(host) => Except::Host(host.clone()),
        config::EgressExcept::Net(network) => Except::Network(*network),
    });
    ChainRules {
        proxy: proxy.authority.clone(),
        authorization,
        except: except.collect(),
    }
}
