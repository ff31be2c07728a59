//! Defines one compiled connector: what its file says of the API as a whole, and its routes.

use std::collections::HashSet;
use std::sync::Arc;

use http::HeaderMap;

use crate::auth::{Places, Scheme};
use crate::connector::model::client_credential::BodyPlaces;
use crate::connector::model::endpoint::Endpoint;
use crate::connector::model::error_shape::{ErrorShape, ProtocolErrors};
use crate::connector::model::group::Group;
use crate::connector::model::header_rules::HeaderRules;
use crate::connector::model::native::Native;
use crate::connector::model::options::RouteOptions;
use crate::connector::model::route::{Route, RouteView};
use crate::connector::model::router::Router;
use crate::connector::model::rpc::RpcEnvelope;
use crate::connector::model::secret_paths::SecretPaths;
use crate::connector::model::test_case::Case;
use crate::model::action::{ActionName, Risk};
use crate::model::table::Table;
use crate::model::target::{Authority, METHOD_KEY, Oddities, overrides_method};

/// A connector, compiled from its files.
#[derive(Debug)]
pub struct Connector {
    pub(crate) id: Arc<str>,
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) docs: Option<String>,
    pub(crate) schemes: Vec<Scheme>,
    /// The file says `auth: none`: the API needs no credential.
    pub(crate) public: bool,
    /// The file says `http: true`: port 80 is covered.
    pub(crate) plaintext: bool,
    pub(crate) places: Places,
    /// Where bodies hold credentials.
    pub(crate) client_credentials: BodyPlaces,
    pub(crate) oddities: Oddities,
    pub(crate) headers: HeaderMap,
    /// The shapes in which the API tells errors.
    pub(crate) errors: Arc<[ErrorShape]>,
    /// The shapes of refusals of GraphQL, JSON-RPC and git.
    pub(crate) protocol_errors: ProtocolErrors,
    /// Switches of the method that the API does not obey.
    pub(crate) method_overrides: Vec<String>,
    /// Which headers go upstream.
    pub(crate) header_rules: HeaderRules,
    /// Reads what no data can say.
    pub(crate) native: Option<Native>,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) routes: Vec<Route>,
    pub(crate) groups: Vec<Group>,
    /// By method, `*` for all; numbers are those of `groups`.
    pub(crate) routers: Table<Box<str>, Router>,
    /// Which paths hold a secret.
    pub(crate) secret_paths: SecretPaths,
    /// Names that requests cannot make.
    pub(crate) fixed: HashSet<ActionName>,
    /// What is read of every JSON-RPC message.
    pub(crate) rpc: Option<RpcEnvelope>,
    /// What a JSON-RPC reply of the agent is.
    pub(crate) reply: ActionName,
    /// What a push that changes nothing is.
    pub(crate) probe: ActionName,
    /// What opening a tunnel that is passed through is.
    pub(crate) tunnel: ActionName,
    pub(crate) fallback: ActionName,
    pub(crate) fallback_risk: Risk,
    /// Of a request that matches no route.
    pub(crate) unmatched_options: Arc<RouteOptions>,
    pub(crate) health: Option<Health>,
    pub(crate) cases: Vec<Case>,
}

/// A request that shows whether a credential works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// `GET` or another low-risk method.
    pub method: http::Method,
    /// Below the base path.
    pub path: String,
    /// Query string, without the `?`.
    pub query: Option<String>,
    /// `JSONPath` in the answer to who the credential belongs to.
    pub identity: Option<String>,
    /// Where the answer says when the credential expires: a `JSONPath`, or `header:name`.
    pub expires: Option<String>,
}

impl Connector {
    /// Returns the id, first part of every action.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the name for people; the id where the file has none.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the version, as written.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Returns where the API is documented.
    #[must_use]
    pub fn docs(&self) -> Option<&str> {
        self.docs.as_deref()
    }

    /// Returns the auth schemes, default first; empty for `auth: none`.
    #[must_use]
    pub fn schemes(&self) -> &[Scheme] {
        &self.schemes
    }

    /// Returns whether requests go out bare (`auth: none`).
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.public
    }

    /// Returns whether the API is also reached without TLS (`http: true`); never with a credential.
    #[must_use]
    pub fn allows_plaintext(&self) -> bool {
        self.plaintext
    }

    /// Returns every place where the API takes a credential: all schemes and `credentials_in`.
    #[must_use]
    pub fn credential_places(&self) -> &Places {
        &self.places
    }

    /// Returns what `paths.allow` lists.
    #[must_use]
    pub fn allowed_oddities(&self) -> Oddities {
        self.oddities
    }

    /// Returns how a client of the API reads errors, where nothing is known of the request but its head.
    #[must_use]
    pub fn error_shape(&self, headers: &HeaderMap) -> Option<ErrorShape> {
        ErrorShape::of(&self.errors, headers)
    }

    /// Returns headers to put on when absent.
    #[must_use]
    pub fn default_headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns whether a header or parameter that overrides the method may pass (`method_override`); case does not count.
    pub(crate) fn lets_override(&self, name: &str) -> bool {
        let mut listed = self.method_overrides.iter();
        listed.any(|known| known.eq_ignore_ascii_case(name))
    }

    /// Returns whether servers may take another method than the one sent from this key of a query, and the connector does not
    /// let it pass.
    pub(crate) fn refuses_key(&self, key: &str) -> bool {
        overrides_method(key) && !self.lets_override(METHOD_KEY)
    }

    /// Returns the domains as written, with their base paths: `{site}.atlassian.net/rest`.
    pub fn authorities(&self) -> impl Iterator<Item = String> {
        self.endpoints
            .iter()
            .map(|endpoint| format!("{}{}", endpoint.text, endpoint.base_text))
    }

    /// Returns whether an authority is one of the connector's domains, whatever the path.
    #[must_use]
    pub fn binds(&self, authority: &Authority) -> bool {
        self.endpoints
            .iter()
            .any(|endpoint| endpoint.accepts(authority))
    }

    /// Returns the routes in file order.
    pub fn routes(&self) -> impl Iterator<Item = RouteView<'_>> {
        self.routes.iter().map(Route::view)
    }

    /// Returns what a request is that matches no route, and its risk.
    #[must_use]
    pub fn fallback(&self) -> (&str, Risk) {
        (self.fallback.as_str(), self.fallback_risk)
    }

    /// Returns the request that shows whether a credential works.
    #[must_use]
    pub fn health(&self) -> Option<&Health> {
        self.health.as_ref()
    }

    /// Returns the inline tests, in file order.
    #[must_use]
    pub fn tests(&self) -> &[Case] {
        &self.cases
    }

    pub(crate) fn group(&self, number: u32) -> Option<&Group> {
        self.groups.get(number as usize)
    }

    pub(crate) fn route(&self, number: u32) -> Option<&Route> {
        self.routes.get(number as usize)
    }
}
