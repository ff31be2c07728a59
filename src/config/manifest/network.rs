//! Certificates and egress as they are written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::secret_source::SecretSource;
use crate::config::yaml::{At, Entries, OneOrMany, ShortOr};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct CertSection {
    /// PEM file, leaf first; read again when it changes.
    pub(in crate::config) cert: At<String>,
    /// PEM file of the private key.
    pub(in crate::config) key: At<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct CaSection {
    /// PEM file of the CA certificate.
    pub(in crate::config) cert: At<String>,
    /// PEM file of the private key.
    pub(in crate::config) key: At<String>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct EgressSection {
    /// Each is `host:port` or `CIDR:port`, contacted although it is not globally reachable.
    #[schemars(example = ["billing.corp:8443", "10.1.2.0/24:443"])]
    pub(in crate::config) allow: Vec<At<String>>,
    /// Maps `host:port` to the `address:port` to contact instead, or to a list to try in order.
    #[schemars(example = BTreeMap::from([("api.github.com:443", "127.0.0.1:9443")]))]
    pub(in crate::config) resolve: Entries<OneOrMany<At<String>>>,
    /// PEM files of CAs, added to the system's roots.
    pub(in crate::config) ca_files: Vec<At<String>>,
    /// HTTP proxy for connections to upstreams: `http://host:port`, or a mapping. It gets addresses, never names.
    pub(in crate::config) proxy: Option<ShortOr<At<String>, EgressProxySection>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct EgressProxySection {
    /// URL of the proxy, `http://host:port`
    pub(in crate::config) url: At<String>,
    /// User name at the proxy.
    #[serde(default)]
    pub(in crate::config) username: Option<At<String>>,
    /// Password at the proxy; requires `username`.
    #[serde(default)]
    pub(in crate::config) password: Option<At<SecretSource>>,
    /// Hosts, addresses and networks that are reached directly.
    #[serde(default)]
    pub(in crate::config) except: Vec<At<String>>,
}
