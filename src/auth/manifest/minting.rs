//! Describes the entries that mint tokens, as written.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::BasicManifest;
use crate::auth::mint::{Algorithm, ClientAuth, Grant};
use crate::config::units::Period;
use crate::config::yaml::At;

/// How a minted token is put on; without it, as `bearer`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThenManifest {
    /// Text after `Bearer ` in `Authorization`.
    #[schemars(example = &"{access_token}")]
    pub bearer: Option<At<String>>,
    /// User name and password of `Authorization: Basic`.
    pub basic: Option<BasicManifest>,
    /// Header names and what goes into them.
    #[schemars(example = serde_json::json!({ "X-Session": "{token}" }))]
    pub header: Option<BTreeMap<String, At<String>>>,
    /// Query keys and what goes into them.
    #[schemars(example = serde_json::json!({ "access_token": "{access_token}" }))]
    pub query: Option<BTreeMap<String, At<String>>>,
}

/// A token endpoint. Fields have the names of its parameters: `client_id`, `client_secret`, `refresh_token`, `subject_token`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OAuth2Manifest {
    /// What the token is asked for with.
    pub grant: Grant,
    /// `https://` URL of the token endpoint; fields that are not secret may stand in it.
    #[schemars(example = &"https://auth.example/oauth/token")]
    pub token_url: At<String>,
    /// `https://` URL where a person signs in, for `credential add --oauth`.
    #[schemars(example = &"https://auth.example/oauth/authorize")]
    pub authorize_url: Option<At<String>>,
    /// `https://` URL that gives codes for `device_code`.
    #[schemars(example = &"https://auth.example/oauth/device/code")]
    pub device_url: Option<At<String>>,
    /// Scopes that are asked for.
    #[schemars(example = ["read"])]
    #[serde(default)]
    pub scopes: Vec<At<String>>,
    /// How the client proves itself.
    #[serde(default)]
    pub client_auth: Option<ClientAuth>,
    /// Further parameters of the token request.
    #[schemars(example = serde_json::json!({ "audience": "https://api.example/" }))]
    #[serde(default)]
    pub params: BTreeMap<String, At<String>>,
    /// The assertion of `jwt_bearer`.
    pub jwt: Option<JwtManifest>,
    /// How the token, `{access_token}`, is put on.
    pub then: Option<ThenManifest>,
}

/// A request that gives a token, and where its answer holds it.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExchangeManifest {
    /// Method and `https://` URL; fields that are not secret may stand in the URL.
    #[schemars(example = &"POST https://api.example/login")]
    pub request: At<String>,
    /// Body in JSON; its texts are templates.
    #[schemars(example = serde_json::json!({ "user": "{user}", "password": "{password}" }))]
    pub json: Option<At<serde_json::Value>>,
    /// Body as a form.
    #[schemars(example = serde_json::json!({ "user": "{user}" }))]
    pub form: Option<BTreeMap<String, At<String>>>,
    /// Headers of the request.
    #[schemars(example = serde_json::json!({ "X-Api-Key": "{key}" }))]
    #[serde(default)]
    pub headers: BTreeMap<String, At<String>>,
    /// `Authorization: Basic` of the request.
    pub basic: Option<BasicManifest>,
    /// Where the token is: a JSONPath to one value, or `header:NAME`.
    #[schemars(example = &"$.token")]
    pub token: At<String>,
    /// JSONPath to the token's lifetime in seconds.
    #[schemars(example = &"$.expires_in")]
    pub expires_in: Option<At<String>>,
    /// JSONPath to the token's end: RFC 3339, or seconds since 1970.
    #[schemars(example = &"$.expires_at")]
    pub expires_at: Option<At<String>>,
    /// How long a token lives whose answer does not say.
    #[schemars(example = &"30m")]
    pub lifetime: Option<At<Period>>,
    /// How the token, `{token}`, is put on.
    pub then: Option<ThenManifest>,
}

/// A token that the gateway signs.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JwtManifest {
    /// How it is signed.
    pub alg: Algorithm,
    /// The private key in PEM, or the shared secret of `HS256`, `HS384` and `HS512`.
    #[schemars(example = &"{private_key}")]
    pub key: At<String>,
    /// Name of the key, `kid`.
    #[schemars(example = &"{key_id}")]
    pub key_id: Option<At<String>>,
    /// Claims beside `iat`, `exp` and `jti`.
    #[schemars(example = serde_json::json!({ "iss": "{team_id}" }))]
    #[serde(default)]
    pub claims: BTreeMap<String, At<String>>,
    /// From `iat` to `exp`; 1m to 24h.
    #[schemars(example = &"10m")]
    pub lifetime: Option<At<Period>>,
    /// How the token, `{token}`, is put on; not in an assertion.
    pub then: Option<ThenManifest>,
}

/// A GitHub App. Its tokens are of the installation of the `{owner}` that a request names.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GithubAppManifest {
    /// The App's id, or its client id.
    #[schemars(example = &"{app_id}")]
    pub app_id: At<String>,
    /// The App's private key in PEM.
    #[schemars(example = &"{private_key}")]
    pub private_key: At<String>,
    /// One installation, for all requests.
    #[schemars(example = &"{installation_id}")]
    pub installation_id: Option<At<String>>,
    /// Where the API is, `https://api.github.com` unless said.
    #[schemars(example = &"https://github.example/api/v3")]
    pub api: Option<At<String>>,
    /// How the token, `{token}`, is put on.
    pub then: Option<ThenManifest>,
}
