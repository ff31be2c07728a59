//! Finds the canonical target of a request and the routes that it can mean: of a request as it arrives, and of each member of a batch.
//!
//! INVARIANT: a member of a batch passes the same checks as a request of its own, because both run these functions.

use std::sync::Arc;

use http::{HeaderMap, Method};

use crate::connector::lookup::candidates::Candidates;
use crate::connector::lookup::catalog::{Catalog, Location};
use crate::connector::model::protocol::Protocol;
use crate::connector::read::unreadable::{Unreadable, UnreadableCode, ambiguous};
use crate::model::target::{Authority, Path, Query, Target};

/// A target as a client writes it.
#[derive(Debug, Clone, Copy)]
pub struct WrittenTarget<'a> {
    /// In the client's own letters.
    pub method: &'a Method,
    /// Host and port, canonical already.
    pub authority: &'a Authority,
    /// From the first `/` up to the `?`.
    pub path: &'a str,
    /// Without the `?`; `None` where there is none.
    pub query: Option<&'a str>,
    /// Whether the request came, or its batch comes, over TLS.
    pub tls: bool,
}

/// Why the routes of a request cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unroutable {
    /// TRACE and CONNECT end at the gateway.
    #[error("{0} is never forwarded")]
    NeverForwarded(Method),
    /// Nothing is known of the host.
    #[error("no connector covers `{0}`")]
    UnknownHost(Authority),
    /// The host is known, and no base path on it fits.
    #[error("a connector covers `{0}`, but not this path")]
    UnknownPath(Authority),
    /// TLS to the host is not terminated here, so its requests cannot be read.
    #[error("`{0}` is only passed through as a tunnel")]
    PassedThrough(Authority),
    /// The connector does not say `http: true`.
    #[error("the connector does not allow plaintext")]
    Plaintext,
    /// No route of this connector opens a WebSocket there.
    #[error("no route of `{0}` opens a WebSocket here")]
    NoWebSocket(Arc<str>),
    /// Servers read it in different ways, or it overrides what is judged.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

impl WrittenTarget<'_> {
    /// Parses the target into its canonical form.
    ///
    /// # Errors
    /// A method that is never forwarded; `not_canonical` and `ambiguous_parameter` for what servers read in different ways.
    pub fn canonical(&self) -> Result<Target, Unroutable> {
        if matches!(*self.method, Method::TRACE | Method::CONNECT) {
            return Err(Unroutable::NeverForwarded(self.method.clone()));
        }
        // Methods are compared letter by letter, and some servers take `delete` for `DELETE`.
        let is_lower = |byte: u8| byte.is_ascii_lowercase();
        if self.method.as_str().bytes().any(is_lower) {
            return Err(not_canonical("the method is not in upper case".to_owned()).into());
        }
        let path = Path::parse(self.path).map_err(|error| not_canonical(error.to_string()))?;
        let query = Query::parse(self.query).map_err(|error| match error.to_string() {
            detail if error.is_ambiguous() => ambiguous(detail),
            detail => not_canonical(detail),
        })?;
        Ok(Target {
            method: self.method.clone(),
            authority: self.authority.clone(),
            path,
            query,
            tls: self.tls,
        })
    }
}

impl Catalog {
    /// Finds whose target this is.
    ///
    /// # Errors
    /// `UnknownHost`, `UnknownPath`.
    pub fn place(&self, target: &Target) -> Result<Location, Unroutable> {
        let authority = &target.authority;
        self.locate(authority, &target.path)
            .ok_or_else(|| match self.knows(authority) {
                true => Unroutable::UnknownPath(authority.clone()),
                false => Unroutable::UnknownHost(authority.clone()),
            })
    }

    /// Finds the routes of a target at its place, once the connector's own rules let the target pass.
    ///
    /// # Errors
    /// All others of [`Unroutable`]; codes are `not_canonical`, `near_route`, `method_override` and `identity_header`.
    pub fn routes(
        &self,
        place: &Location,
        target: &Target,
        headers: &HeaderMap,
        protocol: Protocol,
    ) -> Result<Candidates, Unroutable> {
        let connector = &place.connector;
        if place.is_passed_through() {
            return Err(Unroutable::PassedThrough(target.authority.clone()));
        }
        if !target.tls && (target.authority.port == 443 || !connector.allows_plaintext()) {
            return Err(Unroutable::Plaintext);
        }
        connector.check_target(target, headers)?;
        match protocol {
            Protocol::Http => {
                let candidates = place.candidates(&target.method, &target.query);
                if candidates.are_none() {
                    self.check_near(target)?;
                }
                Ok(candidates)
            }
            Protocol::WebSocket => {
                let opening = place.opening(&target.query);
                opening.ok_or_else(|| Unroutable::NoWebSocket(Arc::clone(&connector.id)))
            }
        }
    }

    /// Refuses a path that matches no route, where the server may take it for one that does: its spelling would evade the action's
    /// name, and what policies say of it.
    fn check_near(&self, target: &Target) -> Result<(), Unreadable> {
        let Some(odd) = self.near_route(target) else {
            return Ok(());
        };
        Err(Unreadable {
            code: UnreadableCode::NearRoute,
            detail: format!(
                "the path is one that the connector describes but for its spelling ({odd}), which many servers ignore"
            ),
        })
    }
}

fn not_canonical(detail: String) -> Unreadable {
    Unreadable {
        code: UnreadableCode::NotCanonical,
        detail,
    }
}
