//! Asks the running gateway for what a child of `run` needs, so that no file has to be readable for it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::Context;
use super::control::Control;
use super::environment::{self, Changes};
use super::failure::Failure;
use super::gateway::reachable;
use super::serve::Live;
use super::workspace::Workspace;
use crate::config::diagnostic::{Place, Source};
use crate::config::{CaFiles, Config, DeclaredAgent, Listen};
use crate::model::agent::{Agent, AgentName};
use crate::snapshot::Snapshot;

/// Answer of `GET /api/v1/run/{agent}`.
#[derive(Debug, Serialize, Deserialize)]
struct Wiring {
    /// `address:port` for programs of this machine; `None` where the proxy listens on no port.
    proxy: Option<String>,
    /// The certificate that agents must trust.
    ca: PathBuf,
    store: String,
    /// Variables to set, and with null those to unset, so that programs start.
    variables: Vec<(String, Option<String>)>,
    /// Variables from which the gateway reads secrets.
    secret_variables: BTreeSet<String>,
    /// Labels, where the configuration declares the agent.
    declared: Option<std::collections::BTreeMap<String, String>>,
}

/// Reads the gateway's answer.
pub(super) fn document(
    live: &Live,
    snapshot: &Snapshot,
    proxies: &[SocketAddr],
    agent: &str,
) -> Json {
    let workspace = live.workspace();
    let connectors = snapshot.catalog().connectors().map(AsRef::as_ref);
    let credentials = live.credentials();
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let named = AgentName::parse(agent);
    let made = Some(&live.placeholders);
    let variables =
        named.map(|agent| environment::placeholders(connectors, &credentials, (&agent, made)));
    let variables = variables
        .unwrap_or_default()
        .into_iter()
        .map(|(name, value)| (text(name), value.map(text)))
        .collect();
    let mut declared = workspace.declared_agents();
    let wiring = Wiring {
        proxy: proxies.first().map(|proxy| reachable(&proxy.to_string())),
        ca: workspace.ca_certificate(),
        store: workspace.config().store_url.clone(),
        variables,
        secret_variables: workspace.config().secret_variables.clone(),
        declared: declared
            .find(|known| known.name.as_str() == agent)
            .map(|known| known.labels.clone()),
    };
    json!(wiring)
}

/// Returns what to work on and the placeholders of an agent: as the running gateway has them, or by the files where none runs.
pub(super) async fn find(
    context: &Context,
    agent: &AgentName,
) -> Result<(Workspace, Option<Changes>), Failure> {
    if context.offline {
        return Ok((Workspace::load(context)?, None));
    }
    let control = Control::find(context)?;
    let name = utf8_percent_encode(agent.as_str(), NON_ALPHANUMERIC);
    let path = format!("/api/v1/run/{name}");
    let wiring = match control.gateway().get(&path).await {
        Ok(document) => document,
        Err(failure) if failure.is_unreached() => return Ok((Workspace::load(context)?, None)),
        Err(failure) => return Err(failure),
    };
    let wiring: Wiring = serde_json::from_value(wiring).map_err(|error| {
        Failure::failed(
            "gateway_refused",
            format!("the gateway is of another version: {error}"),
        )
    })?;
    let variables = wiring.variables.iter();
    let changes = variables
        .map(|(name, value)| (name.into(), value.as_ref().map(Into::into)))
        .collect();
    Ok((workspace(context, &control, wiring, agent)?, Some(changes)))
}

/// The gateway's own answer in the place of the files that it was read from.
fn workspace(
    context: &Context,
    control: &Control,
    wiring: Wiring,
    agent: &AgentName,
) -> Result<Workspace, Failure> {
    let state = control.state().path().to_owned();
    let known = [
        ("HOME".to_owned(), state.display().to_string()),
        ("TOLLGATE_DATA_DIR".to_owned(), state.display().to_string()),
    ];
    let config = Config::embedded(&known.into()).map_err(super::workspace::unusable)?;
    let port = |proxy: &String| {
        let (host, port) = proxy.rsplit_once(':')?;
        Some(Listen::Tcp(host.to_owned(), port.parse().ok()?))
    };
    let declared = wiring.declared.map(|labels| DeclaredAgent {
        agent: Agent {
            name: agent.clone(),
            labels,
        },
        token: None,
        names_token: false,
        place: Place::of(Source::named("the gateway")),
    });
    let config = Config {
        proxy: wiring.proxy.iter().filter_map(port).collect(),
        store_url: wiring.store,
        ca: Some(CaFiles {
            key: wiring.ca.clone(),
            cert: wiring.ca,
        }),
        agents: declared.into_iter().collect(),
        secret_variables: wiring.secret_variables,
        ..config
    };
    Ok(Workspace::of(context, config))
}
