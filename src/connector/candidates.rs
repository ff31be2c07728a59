//! Candidates: the routes that a target can mean in, what of the body they need, and the actions that the request is out.

use std::borrow::Cow;
use std::sync::Arc;

use http::Method;

use super::body::{DEFAULT_NODE_LIMIT, Fields, Keys, Plan, UNREADABLE_BODY};
use super::catalog::Place;
use super::request::{Request, ambiguous, same_key};
use super::route::{Group, Route};
use super::{BodyEncoding, BodyNeed, Reading, Unreadable};
use crate::model::action::{Action, Parameter, Parameters};
use crate::model::target::{Query, decode};
use crate::model::value::Value;

/// The routes whose `match` accepts a target; which of them apply may depend on query, headers and body.
#[derive(Debug)]
pub struct Candidates {
    place: Place,
    method: Method,
    groups: Vec<u32>,
    /// The joined plan of several groups; one group has its own.
    joined: Option<Plan>,
    node_limit: usize,
}

impl Candidates {
    pub(super) fn new(place: &Place, method: &Method, query: &Query) -> Self {
        let groups = place
            .connector
            .accepting(method, &place.host, &place.below, query);
        let mut candidates = Self {
            place: place.clone(),
            method: method.clone(),
            groups,
            joined: None,
            node_limit: DEFAULT_NODE_LIMIT,
        };
        if candidates.groups.len() > 1 {
            candidates.joined = candidates.join_plans();
        }
        candidates
    }

    /// Sets how many values a body may have.
    pub fn limit_nodes(&mut self, node_limit: usize) {
        self.node_limit = node_limit;
    }

    /// Returns what must be read of the body before `understand`.
    #[must_use]
    pub fn body_need(&self) -> BodyNeed {
        if self.plan().is_none() {
            return BodyNeed::Nothing;
        }
        // A limit that a route states stands; of several the widest, since each of them may be the one that is meant.
        let limit = self.groups().filter_map(|group| group.limit).max();
        BodyNeed::Read {
            encoding: BodyEncoding::Json,
            limit,
        }
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
        let fields = self.read_body(reading)?;
        let mut found: Vec<(u32, Action)> = Vec::new();
        for group in self.groups() {
            group.check_places(&reading.target.query, fields.as_ref())?;
            let captures = self.captures(group);
            let request = Request {
                method: &self.method,
                query: &reading.target.query,
                headers: reading.headers,
                captures: &captures,
                fields: fields.as_ref(),
            };
            for key in &group.match_keys {
                request.query_value(key)?;
            }
            let applying = self.applying(group, &request)?;
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

    fn groups(&self) -> impl Iterator<Item = &Group> {
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

    fn plan(&self) -> Option<&Plan> {
        self.joined
            .as_ref()
            .or_else(|| self.groups().find_map(|group| group.plan.as_ref()))
    }

    fn join_plans(&self) -> Option<Plan> {
        let plans: Vec<&Plan> = self
            .groups()
            .filter_map(|group| group.plan.as_ref())
            .collect();
        if plans.len() < 2 {
            return None;
        }
        let keys = if plans.iter().any(|plan| plan.keeps_keys()) {
            Keys::Kept
        } else {
            Keys::Dropped
        };
        let ids = plans.iter().flat_map(|plan| plan.ids().iter().copied());
        Some(Plan::new(ids, &self.place.connector.paths, keys))
    }

    fn read_body(&self, reading: &Reading<'_>) -> Result<Option<Fields>, Unreadable> {
        match (self.plan(), reading.body) {
            (None, _) => Ok(None),
            (Some(plan), Some(body)) => Fields::read(body, plan, self.node_limit).map(Some),
            (Some(_), None) => Err(Unreadable {
                code: UNREADABLE_BODY,
                detail: "the body was not read, but its content decides".to_owned(),
            }),
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
        request: &Request<'_>,
    ) -> Result<Vec<(u32, &'a Route)>, Unreadable> {
        let mut applying = Vec::new();
        let mut plain = None;
        let mut leftover = false;
        for (number, route) in self.routes(group) {
            let Some(when) = &route.when else {
                plain = Some((number, route));
                continue;
            };
            if when.holds(request)? {
                applying.push((number, route));
            }
        }
        if !applying.is_empty() && applying.iter().all(|(_, route)| route.only.is_some()) {
            let covered = |key: &String| {
                applying
                    .iter()
                    .any(|(_, route)| route.only.iter().flatten().any(|only| only == key))
            };
            leftover = request
                .fields
                .is_some_and(|fields| !fields.keys.iter().all(covered));
        }
        if applying.is_empty() || leftover {
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
            special: false,
            params,
            summary,
        })
    }
}

impl Group {
    /// Refuses a name that is read in one place and present in another: servers that merge the two take either.
    fn check_places(&self, query: &Query, fields: Option<&Fields>) -> Result<(), Unreadable> {
        for (key, _) in query.pairs() {
            if self.body_keys.iter().any(|read| same_key(read, key)) {
                return Err(ambiguous(format!(
                    "`{}` is read in the body, and the query has it too",
                    key.escape_debug()
                )));
            }
        }
        for key in fields.iter().flat_map(|fields| &fields.keys) {
            if self.query_keys.iter().any(|read| same_key(read, key)) {
                return Err(ambiguous(format!(
                    "`{}` is read in the query, and the body has it too",
                    key.escape_debug()
                )));
            }
        }
        Ok(())
    }
}
