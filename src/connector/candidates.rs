//! Candidates: the routes that a target can mean in, what of the body they need, and the actions that the request is out.

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderMap, Method};

use super::body::{DEFAULT_NODE_LIMIT, Fields, Form, UNREADABLE_BODY, may_be};
use super::catalog::Place;
use super::dialect::{self, Dialect, Kind};
use super::matches::{WEBSOCKET, method_keys};
use super::request::{Body, Request, ambiguous};
use super::route::{Group, Route};
use super::{BodyNeed, Reading, Unreadable};
use crate::model::action::{Action, Parameter, Parameters};
use crate::model::target::{Query, decode};
use crate::model::value::Value;

/// The routes whose `match` accepts a target; which of them apply may depend on query, headers and body.
#[derive(Debug)]
pub struct Candidates {
    place: Place,
    method: Method,
    groups: Vec<u32>,
    node_limit: usize,
}

/// A body as one group of routes reads it.
#[derive(Debug)]
enum Parsed<'b> {
    Unread,
    Json(Fields),
    Form(Form<'b>),
}

impl Candidates {
    pub(super) fn new(place: &Place, method: &Method, query: &Query) -> Self {
        let keys = method_keys(method);
        let groups = place.connector.accepting(keys, place, (method, query));
        Self::of(groups, place, method)
    }

    /// `None` where no route opens a WebSocket there: the fallback never does.
    pub(super) fn opening(place: &Place, query: &Query) -> Option<Self> {
        let keys = std::iter::once(WEBSOCKET);
        let groups = place
            .connector
            .accepting(keys, place, (&Method::GET, query));
        (!groups.is_empty()).then(|| Self::of(groups, place, &Method::GET))
    }

    fn of(groups: Vec<u32>, place: &Place, method: &Method) -> Self {
        Self {
            place: place.clone(),
            method: method.clone(),
            groups,
            node_limit: DEFAULT_NODE_LIMIT,
        }
    }

    /// Sets how many values a body may have.
    pub fn limit_nodes(&mut self, node_limit: usize) {
        self.node_limit = node_limit;
    }

    /// Returns what must be read of the body before `understand`, which is given the same headers.
    ///
    /// # Errors
    /// When `Content-Type` can be read in two ways.
    pub fn body_need(&self, headers: &HeaderMap) -> Result<BodyNeed, Unreadable> {
        let Some(dialect) = self.dialect(headers)? else {
            return Ok(BodyNeed::Nothing);
        };
        // A limit that a route states stands; of several the widest, since each of them may be the one that is meant.
        let limit = self.groups().filter_map(|group| group.limit).max();
        Ok(BodyNeed::Read { dialect, limit })
    }

    /// Returns whether every route that can be meant goes out without the gateway's credential.
    #[must_use]
    pub fn without_credential(&self) -> bool {
        let mut routes = self
            .groups()
            .flat_map(|group| self.routes(group))
            .peekable();
        self.place.connector.no_credential
            || (routes.peek().is_some() && routes.all(|(_, route)| route.no_credential))
    }

    /// Reads the request as the actions that it is: at least one, in file order, without duplicates.
    ///
    /// # Errors
    /// When the request can be read in two ways, or not at all.
    pub fn understand(&self, reading: &Reading<'_>) -> Result<Vec<Action>, Unreadable> {
        let dialect = self.dialect(reading.headers)?;
        let mut found: Vec<(u32, Action)> = Vec::new();
        for group in self.groups() {
            let dialect = dialect.as_ref().filter(|_| group.plan.is_some());
            let parsed = self.parse(group, dialect, reading.body)?;
            let body = parsed.body();
            group.check_places(&reading.target.query, body)?;
            let captures = self.captures(group);
            let request = Request {
                method: &self.method,
                query: &reading.target.query,
                headers: reading.headers,
                captures: &captures,
                body,
            };
            for key in &group.match_keys {
                request.query(key)?;
            }
            let applying = self.applying(group, dialect, &request)?;
            if applying.is_empty() {
                found.push((u32::MAX, self.unknown()));
            }
            for (number, route) in applying {
                found.push((number, route.action(&request)?));
            }
        }
        found.sort_by_key(|(number, _)| *number);
        let mut actions: Vec<Action> = Vec::with_capacity(found.len());
        for (_, action) in found {
            if !actions.contains(&action) {
                actions.push(action);
            }
        }
        if actions.is_empty() {
            actions.push(self.unknown());
        }
        Ok(actions)
    }

    fn groups(&self) -> impl Iterator<Item = &Group> + Clone {
        self.groups
            .iter()
            .filter_map(|number| self.place.connector.group(*number))
    }

    fn routes<'a>(&'a self, group: &'a Group) -> impl Iterator<Item = (u32, &'a Route)> {
        group
            .routes
            .iter()
            .filter_map(|number| Some((*number, self.place.connector.route(*number)?)))
    }

    /// Returns how the body is read; `None` where nobody reads it.
    fn dialect(&self, headers: &HeaderMap) -> Result<Option<Dialect>, Unreadable> {
        let reading = self.groups().filter(|group| group.plan.is_some());
        dialect::choose(&reading.flat_map(|group| &group.formats), headers)
    }

    fn parse<'b>(
        &self,
        group: &Group,
        dialect: Option<&Dialect>,
        bytes: Option<&'b [u8]>,
    ) -> Result<Parsed<'b>, Unreadable> {
        let (Some(dialect), Some(plan)) = (dialect, &group.plan) else {
            return Ok(Parsed::Unread);
        };
        let bytes = bytes.ok_or_else(|| Unreadable {
            code: UNREADABLE_BODY,
            detail: "the body was not read, but its content decides".to_owned(),
        })?;
        match dialect.kind() {
            Kind::Json => Fields::read(bytes, plan, self.node_limit).map(Parsed::Json),
            Kind::Form | Kind::Multipart if bytes.is_empty() => Ok(Parsed::Form(Form::default())),
            Kind::Form => Form::urlencoded(bytes, self.node_limit).map(Parsed::Form),
            Kind::Multipart => Form::multipart(bytes, dialect.boundary()?).map(Parsed::Form),
        }
    }

    /// Returns every captured label, decoded: host, base path, path.
    fn captures(&self, group: &Group) -> Vec<(Arc<str>, Cow<'_, str>)> {
        let place = self
            .place
            .captures
            .iter()
            .map(|(name, value)| (Arc::clone(name), Cow::Borrowed(value.as_str())));
        let mut captures: Vec<_> = place.collect();
        if let Some(host) = group
            .matches
            .host
            .as_ref()
            .and_then(|domain| domain.capture(&self.place.host))
        {
            captures.extend(
                host.into_iter()
                    .map(|(name, value)| (name, Cow::Borrowed(value))),
            );
        }
        let path = group
            .matches
            .path
            .capture(&self.place.below)
            .unwrap_or_default();
        captures.extend(path.into_iter().map(|(name, value)| (name, decode(value))));
        captures
    }

    /// Every `when` that holds applies, else the plain sibling, which also stands for the keys that `only` leaves over.
    fn applying<'a>(
        &'a self,
        group: &'a Group,
        dialect: Option<&Dialect>,
        request: &Request<'_>,
    ) -> Result<Vec<(u32, &'a Route)>, Unreadable> {
        let mut applying = Vec::new();
        let mut plain = None;
        for (number, route) in self.routes(group) {
            if !route.speaks(dialect) {
                continue;
            }
            let Some(when) = &route.when else {
                plain = Some((number, route));
                continue;
            };
            if when.holds(request)? {
                applying.push((number, route));
            }
        }
        let narrow = applying.iter().all(|(_, route)| route.only.is_some());
        let covered = applying
            .iter()
            .flat_map(|(_, route)| route.only.iter().flatten());
        let covered: Vec<&str> = covered.map(String::as_str).collect();
        if applying.is_empty() || (narrow && !request.body.lies_in(&covered)) {
            applying.extend(plain);
        }
        Ok(applying)
    }

    fn unknown(&self) -> Action {
        let connector = &self.place.connector;
        let mut params = Parameters::new();
        for (name, value) in [
            ("method", self.method.as_str()),
            ("path", &*self.place.path),
        ] {
            params.set(Parameter {
                name: name.into(),
                value: Value::text(value),
                secret: false,
            });
        }
        Action {
            name: connector.fallback.clone(),
            risk: connector.fallback_risk,
            special: true,
            params,
            summary: None,
        }
    }
}

impl Parsed<'_> {
    fn body(&self) -> Body<'_> {
        match self {
            Self::Unread => Body::Unread,
            Self::Json(fields) => Body::Json(fields),
            Self::Form(form) => Body::Form(form),
        }
    }
}

impl Body<'_> {
    /// Returns whether every outermost key of the body is one of these.
    fn lies_in(self, keys: &[&str]) -> bool {
        match self {
            Self::Unread => true,
            Self::Json(fields) => fields.keys.iter().all(|key| keys.contains(&key.as_str())),
            Self::Form(form) => form.lies_in(keys),
        }
    }

    /// Returns an outermost key of the body that some server may take for this one.
    fn like(&self, key: &str) -> Option<&str> {
        match self {
            Self::Unread => None,
            Self::Json(fields) => {
                let mut keys = fields.keys.iter().map(String::as_str);
                keys.find(|given| may_be(key, given))
            }
            Self::Form(form) => form.like(key),
        }
    }
}

impl Route {
    fn action(&self, request: &Request<'_>) -> Result<Action, Unreadable> {
        let mut params = Parameters::new();
        for param in &self.params {
            if let Some(value) = param.read(request)? {
                params.set(Parameter {
                    name: Arc::clone(&param.name),
                    value,
                    secret: param.secret,
                });
            }
        }
        let summary = self.summary.as_ref().map(|summary| summary.fill(&params));
        Ok(Action {
            name: self.action.clone(),
            risk: self.risk,
            special: self.websocket,
            params,
            summary,
        })
    }
}

impl Group {
    /// Refuses a name that is read in one place and present in another: servers that merge the two take either.
    fn check_places(&self, query: &Query, body: Body<'_>) -> Result<(), Unreadable> {
        for (key, _) in query.pairs() {
            if self.body_keys.iter().any(|read| may_be(read, key)) {
                return Err(ambiguous(format!(
                    "`{}` is read in the body, and the query has it too",
                    key.escape_debug()
                )));
            }
        }
        if let Some(key) = self.query_keys.iter().find_map(|read| body.like(read)) {
            return Err(ambiguous(format!(
                "`{}` is read in the query, and the body has it too",
                key.escape_debug()
            )));
        }
        Ok(())
    }
}
