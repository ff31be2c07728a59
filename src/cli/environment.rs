//! Computes the variables that send a program's traffic through the gateway, those to set and those to unset.
//!
//! INVARIANT: no `TOLLGATE_` variable and no real credential that a placeholder stands for reaches the child.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::connector::Connector;
use crate::model::agent::AgentName;
use crate::model::credential::SealedCredential;
use crate::vault::Placeholders;

/// Takes the bundle of system roots and our CA: these replace a toolchain's roots.
const BUNDLE_VARIABLES: [&str; 19] = [
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "PIP_CERT",
    "AWS_CA_BUNDLE",
    "CARGO_HTTP_CAINFO",
    "NIX_SSL_CERT_FILE",
    "BUNDLE_SSL_CA_CERT",
    "HEX_CACERTS_PATH",
    "COMPOSER_CAFILE",
    "PERL_LWP_SSL_CA_FILE",
    "HTTPLIB2_CA_CERTS",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
    "YARN_HTTPS_CA_FILE_PATH",
    "SYSTEM_CERTIFICATE_PATH",
    // npm reads both, and they override the `cafile` of its files.
    "npm_config_cafile",
    "NPM_CONFIG_CAFILE",
];

/// Takes our CA, and those that the child trusted before: these add to a toolchain's roots.
const EXTRA_VARIABLES: [&str; 2] = ["NODE_EXTRA_CA_CERTS", "DENO_CERT"];

const PROXY_VARIABLES: [&str; 6] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// Names what goes around the gateway. Programs read one or the other.
const EXCEPTION_VARIABLES: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The child's own machine: servers that it develops and databases that it started.
const LOOPBACK: &str = "localhost,127.0.0.1,::1";

/// Placeholder for a secret in a variable; the gateway puts the real one on.
pub(super) fn placeholder(connector: &str) -> String {
    format!("tollgate-placeholder-{connector}")
}

/// Addresses and files by which a program finds the gateway.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wiring<'a> {
    /// Proxy URL with its token, `http://agent:token@host:port`.
    pub(super) proxy_url: &'a str,
    /// Our CA, and those that the child's environment names.
    pub(super) extra: &'a Path,
    /// System roots and the above.
    pub(super) bundle: &'a Path,
    /// Module that Node loads first.
    pub(super) node_preload: &'a Path,
    /// What wget reads in place of the user's own file, if there is none.
    pub(super) wgetrc: Option<&'a Path>,
}

/// Variables to set, and with `None` those to unset.
pub(super) type Changes = BTreeMap<OsString, Option<OsString>>;

/// Returns the variables for the gateway itself: proxy, CA, Node, wget. A `NO_PROXY` that `known` has stays as it is.
pub(super) fn wiring(wiring: &Wiring<'_>, known: &BTreeMap<OsString, OsString>) -> Changes {
    let mut changes = Changes::new();
    let is_known = |name: &str| known.contains_key(OsStr::new(name));
    let node_options = known.get(OsStr::new("NODE_OPTIONS")).map(AsRef::as_ref);
    let mut set = |name: &str, value: &OsStr| changes.insert(name.into(), Some(value.to_owned()));
    for name in PROXY_VARIABLES {
        set(name, wiring.proxy_url.as_ref());
    }
    for name in BUNDLE_VARIABLES {
        set(name, wiring.bundle.as_os_str());
    }
    for name in EXTRA_VARIABLES {
        set(name, wiring.extra.as_os_str());
    }
    if !EXCEPTION_VARIABLES.into_iter().any(is_known) {
        for name in EXCEPTION_VARIABLES {
            set(name, LOOPBACK.as_ref());
        }
    }
    if let Some(file) = wiring.wgetrc {
        set("WGETRC", file.as_os_str());
    }
    // From Node 22.21 and 24.5 on this is enough; the preload serves older ones and steps aside there.
    set("NODE_USE_ENV_PROXY", "1".as_ref());
    set(
        "NODE_OPTIONS",
        &with_preload(node_options, wiring.node_preload),
    );
    changes
}

/// Returns whether a user's own settings of wget would be lost with another file.
pub(super) fn has_wgetrc(environment: &BTreeMap<OsString, OsString>) -> bool {
    let set = |name: &str| {
        environment
            .get(OsStr::new(name))
            .filter(|text| !text.is_empty())
    };
    set("WGETRC").is_some()
        || set("HOME").is_some_and(|home| Path::new(home).join(".wgetrc").exists())
}

/// Returns the files of authorities that an environment names, with the variable that names each: what goes around the gateway
/// (`NO_PROXY`) is still verified by them.
pub(super) fn authorities(
    environment: &BTreeMap<OsString, OsString>,
) -> impl Iterator<Item = (&'static str, &Path)> {
    let names = BUNDLE_VARIABLES.into_iter().chain(EXTRA_VARIABLES);
    names.filter_map(|name| {
        let file = environment.get(OsStr::new(name))?;
        (!file.is_empty()).then(|| (name, Path::new(file)))
    })
}

/// Returns the placeholders that SDKs need to start, and the unsetting of real credentials that they stand for.
pub(super) fn placeholders<'a>(
    connectors: impl Iterator<Item = &'a Connector>,
    credentials: &[SealedCredential],
    (agent, made): (&AgentName, Option<&Placeholders>),
) -> Changes {
    let mut changes = Changes::new();
    let mut chosen = Vec::new();
    for connector in connectors {
        let fits = |credential: &&SealedCredential| {
            let agents = &credential.binding.agents;
            credential.connector == connector.id()
                && (agents.is_empty() || agents.iter().any(|name| name == agent.as_str()))
        };
        let credential = credentials.iter().find(fits);
        // What the agent sends itself stays; so does the variable it sends it from.
        if credential.is_some_and(|credential| credential.agent_owned) {
            continue;
        }
        let held = credential.and_then(|credential| made?.of(agent, credential));
        let held = held.unwrap_or_default();
        for (index, scheme) in connector.schemes().iter().enumerate() {
            let first = scheme.fields().iter().find(|field| field.secret);
            let first = first.map_or("", |field| &field.name);
            let is_chosen =
                credential.map_or(index == 0, |credential| credential.scheme == scheme.id);
            for (name, template) in scheme.env() {
                if is_chosen {
                    chosen.push((
                        credential.is_none(),
                        name,
                        fill(template, connector.id(), credential, (&held, first)),
                    ));
                }
                if template.contains("{placeholder") {
                    changes.insert(name.into(), None);
                }
            }
        }
    }
    // Where two connectors claim a variable, the one with a credential has it.
    chosen.sort_by_key(|(is_bare, ..)| *is_bare);
    for (_, name, value) in chosen {
        let Some(value) = value else { continue };
        let slot = changes.entry(name.into()).or_insert(None);
        if slot.is_none() {
            *slot = Some(value.into());
        }
    }
    changes
}

/// Returns the unsetting of everything that is ours: a child must not find the operator's files or keys by name, nor the
/// secrets that the configuration reads from variables.
pub(super) fn own_variables<'a>(
    environment: impl Iterator<Item = &'a OsString>,
    secrets: &BTreeSet<String>,
) -> Changes {
    let ours = |name: &&OsString| {
        let name = name.to_string_lossy();
        name.to_ascii_uppercase().starts_with("TOLLGATE_") || secrets.contains(&*name)
    };
    environment
        .filter(ours)
        .map(|name| (name.clone(), None))
        .collect()
}

/// Fills `{placeholder}`, `{placeholder.field}` and `{field}` in; `None` where a field's value is not known or is a secret. Without
/// a credential there is no placeholder of one, but SDKs start with any text.
fn fill(
    template: &str,
    connector: &str,
    credential: Option<&SealedCredential>,
    (held, first): (&BTreeMap<String, String>, &str),
) -> Option<String> {
    let stands_for = |field: &str| {
        let held = held.get(field).cloned();
        held.unwrap_or_else(|| placeholder(connector))
    };
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        filled.push_str(before);
        match name {
            "placeholder" => filled.push_str(&stands_for(first)),
            name if name.starts_with("placeholder.") => {
                let field = name.strip_prefix("placeholder.")?;
                filled.push_str(&stands_for(field));
            }
            field => filled.push_str(credential?.public_fields.get(field)?),
        }
        rest = after;
    }
    filled.push_str(rest);
    Some(filled)
}

/// Adds our preload to `NODE_OPTIONS`, which Node splits at spaces outside double quotes.
fn with_preload(node_options: Option<&OsStr>, preload: &Path) -> OsString {
    let quoted = preload
        .to_string_lossy()
        .replace('\\', "\\\\")
        .replace('"', "\\\"");
    let ours = format!("--require \"{quoted}\"");
    match node_options {
        Some(theirs) if theirs.to_string_lossy().contains(&ours) => theirs.to_owned(),
        Some(theirs) if !theirs.is_empty() => {
            let mut both = OsString::from(ours);
            both.push(" ");
            both.push(theirs);
            both
        }
        Some(_) | None => ours.into(),
    }
}
