//! Connectors: route tables compiled into one catalogue, and a request read by it as named actions.
//!
//! INVARIANT: every request to a connector's domain is at least one action; what no route accepts is `<id>.unknown`.

mod answer;
mod body;
mod candidates;
mod case;
mod catalog;
mod compile;
mod computed;
mod condition;
mod describe;
mod dialect;
mod domain;
mod each;
mod errors;
mod foreign;
mod git;
mod graphql;
mod headers;
mod lint;
mod manifest;
mod matches;
mod naming;
mod native;
mod near;
mod parameter;
mod part;
mod pattern;
mod placed;
mod request;
mod room;
mod route;
mod rpc;
mod summary;
mod switches;
mod terms;
mod trie;
mod understand;

use std::collections::HashSet;
use std::sync::Arc;

use http::{HeaderMap, HeaderName};

pub use answer::{AnswerPlace, read_answer};
pub use body::DEFAULT_NODE_LIMIT;
pub use candidates::Candidates;
pub use case::{Case, Expectation, ExpectedAction};
pub use catalog::{Catalog, Place};
pub use compile::is_id;
pub use dialect::Dialect;
pub use errors::{ErrorFacts, ErrorShape, Push};
pub use headers::{UNDECLARED_HEADER, is_always_dropped, needs_declaring};
pub use lint::made_credential;
pub use manifest::Manifest;
pub use placed::Unbound;
pub use request::AMBIGUOUS;
pub use room::{Memory, OwnMemory};
pub use route::RouteView;
pub use switches::{IDENTITY_HEADER, METHOD_OVERRIDE};
pub use terms::{Passes, Terms};

/// Parts of one request, unless the configuration says otherwise.
pub const DEFAULT_PART_LIMIT: usize = 50;

use crate::auth::{Places, Scheme};
use crate::model::action::{Action, ActionName, Risk};
use crate::model::table::Table;
use crate::model::target::{Authority, Oddities, Query, Target};
use catalog::Site;
use route::{Group, Route};
use trie::Trie;

/// One compiled connector.
#[derive(Debug)]
pub struct Connector {
    id: Arc<str>,
    name: String,
    version: Option<String>,
    docs: Option<String>,
    schemes: Vec<Scheme>,
    /// `auth: none`
    public: bool,
    /// `http: true`
    plaintext: bool,
    places: Places,
    /// Where bodies hold credentials.
    foreign: foreign::BodyPlaces,
    oddities: Oddities,
    headers: HeaderMap,
    /// The shapes in which the API tells errors.
    errors: Arc<[ErrorShape]>,
    /// Switches of the method that the API does not obey.
    method_overrides: Vec<String>,
    /// Which headers go upstream.
    header_rules: headers::HeaderRules,
    /// Reads what no data can say.
    native: Option<&'static dyn native::Native>,
    sites: Vec<Site>,
    routes: Vec<Route>,
    groups: Vec<Group>,
    /// By method, `*` for all; numbers are those of `groups`.
    tries: Table<Box<str>, Trie>,
    /// Names that requests cannot make.
    fixed: HashSet<ActionName>,
    /// What is read of every JSON-RPC message.
    rpc: Option<rpc::Envelope>,
    /// What a JSON-RPC reply of the agent is.
    reply: ActionName,
    /// What a push that changes nothing is.
    probe: ActionName,
    /// What opening a tunnel that is passed through is.
    tunnel: ActionName,
    fallback: ActionName,
    fallback_risk: Risk,
    /// Of what no route is for.
    terms: Arc<terms::RouteTerms>,
    health: Option<Health>,
    cases: Vec<Case>,
}

/// A request that shows whether a credential works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// `GET` or another low-risk method.
    pub method: http::Method,
    /// Below the base path.
    pub path: String,
    /// Without `?`.
    pub query: Option<String>,
    /// `JSONPath` in the answer to who the credential belongs to.
    pub identity: Option<String>,
}

/// What a candidate needs of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyNeed {
    /// No candidate reads it: it is streamed.
    Nothing,
    /// It is read whole, as this encoding, up to `limit` bytes after decoding.
    Read {
        /// How it is parsed; what `Content-Type` is set to.
        dialect: Dialect,
        /// Bytes; `None` for the gateway's default.
        limit: Option<usize>,
    },
}

/// What a request says, as far as it has been read.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// Method, host, path, query.
    pub target: &'a Target,
    /// After hop-by-hop and nominated headers were removed.
    pub headers: &'a HeaderMap,
    /// Decoded bytes; `None` where it was not read. Empty means that there was none.
    pub body: Option<&'a [u8]>,
}

/// A request that is understood.
#[derive(Debug, Clone)]
pub struct Understood {
    /// What it does: at least one, parts in their order.
    pub actions: Vec<Action>,
    /// What holds for the whole exchange.
    pub terms: Terms,
    /// Headers that nothing declares or reads: dropped where every action is low.
    pub unlisted: Vec<HeaderName>,
    /// Bytes that were copied to understand it, beside the body.
    pub copied: usize,
}

/// Why a request cannot be understood; becomes a 400 or 415 with this code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Unreadable {
    /// `ambiguous_parameter`, `parameter_form`, `unreadable_body`; `snake_case`, stable.
    pub code: &'static str,
    /// One sentence for the agent; values escaped, never a policy's text.
    pub detail: String,
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
    fn lets_override(&self, name: &str) -> bool {
        let mut listed = self.method_overrides.iter();
        listed.any(|known| known.eq_ignore_ascii_case(name))
    }

    /// Returns whether servers may take another method than the one sent from this key of a query, and the connector does not
    /// let it pass.
    fn refuses_key(&self, key: &str) -> bool {
        body::overrides_method(key) && !self.lets_override(body::METHOD_KEY)
    }

    /// Returns the domains as written, with their base paths: `{site}.atlassian.net/rest`.
    pub fn authorities(&self) -> impl Iterator<Item = String> {
        self.sites
            .iter()
            .map(|site| format!("{}{}", site.text, site.base_text))
    }

    /// Returns whether an authority is one of the connector's domains, whatever the path.
    #[must_use]
    pub fn binds(&self, authority: &Authority) -> bool {
        self.sites.iter().any(|site| site.accepts(authority))
    }

    /// Returns the routes in file order.
    pub fn routes(&self) -> impl Iterator<Item = RouteView<'_>> {
        self.routes.iter().map(Route::view)
    }

    /// Returns the request that shows whether a credential works; not sent by this version.
    #[must_use]
    pub fn health(&self) -> Option<&Health> {
        self.health.as_ref()
    }

    /// Returns the inline tests, in file order.
    #[must_use]
    pub fn tests(&self) -> &[Case] {
        &self.cases
    }

    /// Returns the groups under these keys whose match accepts a target, only the most literal ones, in file order.
    fn accepting<'a>(
        &self,
        keys: impl Iterator<Item = &'a str>,
        place: &Place,
        (method, query): (&http::Method, &Query),
    ) -> Vec<u32> {
        let mut found = Vec::new();
        for trie in keys.filter_map(|key| self.tries.get(key)) {
            trie.collect(place.below(), &mut found);
        }
        found.retain(|number| {
            self.group(*number)
                .is_some_and(|group| group.accepts(&place.host, query))
        });
        if found.len() < 2 {
            return found;
        }
        let groups: Vec<&Group> = found
            .iter()
            .filter_map(|number| self.group(*number))
            .collect();
        let beaten = |group: &Group| {
            groups
                .iter()
                .any(|other| other.is_more_literal(group, method))
        };
        found.retain(|number| self.group(*number).is_some_and(|group| !beaten(group)));
        found.sort_unstable();
        found
    }

    fn group(&self, number: u32) -> Option<&Group> {
        self.groups.get(number as usize)
    }

    fn route(&self, number: u32) -> Option<&Route> {
        self.routes.get(number as usize)
    }
}
