//! Understanding: a request group by group and part by part in, the actions that it is out.
//!
//! INVARIANT: every part is at least one action; what no route is for is `<id>.unknown`.

pub(crate) mod actions;
pub(crate) mod batch;
pub(crate) mod places;
pub(crate) mod unlisted;

use std::borrow::Cow;

use http::Method;

use crate::connector::lookup::candidates::Candidates;
use crate::connector::model::connector::Connector;
use crate::connector::model::error_shape::framing::Push;
use crate::connector::model::operation::{PartKind, Quota};
use crate::connector::model::options::Terms;
use crate::connector::model::route::{Group, Route};
use crate::connector::read::dialect::{Dialect, Kind};
use crate::connector::read::form::Form;
use crate::connector::read::git;
use crate::connector::read::graphql::{self, Carrier};
use crate::connector::read::json::{Fields, UNREADABLE_BODY};
use crate::connector::read::reading::{Reading, RequestActions, Unreadable};
use crate::connector::read::request::{Body, Request};
use crate::connector::read::room::Room;
use crate::model::action::Action;
use crate::model::target::decode;

/// What has been found in a request, and what it may still hold.
#[derive(Debug)]
pub(crate) struct Sheet<'m> {
    parts: Quota,
    room: Room<'m>,
    /// The part that is being read, counted over all groups.
    part: usize,
    /// Some of it is looked up part by part.
    in_parts: bool,
    /// Where the body holds a credential.
    foreign: Option<String>,
    /// Of the JSON-RPC calls that are answered.
    rpc_ids: Vec<serde_json::Value>,
    /// The commands of a push.
    push: Option<Push>,
    /// What is read belongs to a member of a batch.
    in_member: bool,
    found: Vec<Found>,
}

/// An action that was found.
#[derive(Debug)]
struct Found {
    /// Part, and number of the route; `u32::MAX` for none.
    place: (usize, u32),
    /// It is a member's of a batch, which has headers of its own.
    is_member: bool,
    action: Action,
}

/// A body as one group of routes reads it.
#[derive(Debug)]
enum Parsed<'b> {
    Unread,
    Json(Fields),
    Form(Form<'b>),
}

/// One group's request before its parts are looked at.
pub(crate) struct Parting<'a> {
    group: &'a Group,
    dialect: Option<&'a Dialect>,
    reading: &'a Reading<'a>,
    request: Request<'a>,
}

impl<'m> Sheet<'m> {
    pub(crate) fn new(parts: usize, room: Room<'m>) -> Self {
        Self {
            parts: Quota::new(parts),
            room,
            part: 0,
            in_parts: false,
            foreign: None,
            rpc_ids: Vec::new(),
            push: None,
            in_member: false,
            found: Vec::new(),
        }
    }

    /// Returns the actions in order, each once, and what their routes say of the exchange.
    pub(crate) fn finish(mut self, connector: &Connector) -> RequestActions {
        self.found.sort_by_key(|found| found.place);
        // What no route is for has the terms that the file states for all.
        let strange = &*connector.terms;
        let routes = self.found.iter().map(|found| {
            let route = connector.route(found.place.1);
            route.map_or(strange, |route| &*route.terms)
        });
        let mut terms = Terms::join(&routes.collect::<Vec<_>>());
        terms.rpc_ids = self.rpc_ids;
        terms.push = self.push;
        terms.foreign = self.foreign;
        terms.in_parts = self.in_parts;
        let mut actions: Vec<Action> = Vec::with_capacity(self.found.len());
        for Found { action, .. } in self.found {
            if !actions.contains(&action) {
                actions.push(action);
            }
        }
        RequestActions {
            actions,
            terms,
            unlisted: Vec::new(),
            copied: self.room.copied,
        }
    }

    fn push(&mut self, route: u32, action: Action) -> Result<(), Unreadable> {
        self.room
            .copy(size_of::<Action>() + action.params.bytes())?;
        self.found.push(Found {
            place: (self.part, route),
            is_member: self.in_member,
            action,
        });
        Ok(())
    }
}

impl Candidates {
    /// Adds the actions that the request is.
    pub(crate) fn understand_into(
        &self,
        reading: &Reading<'_>,
        sheet: &mut Sheet<'_>,
    ) -> Result<(), Unreadable> {
        let dialect = self.dialect(reading.headers)?;
        let mut groups = self.groups().peekable();
        if groups.peek().is_none() {
            sheet.push(u32::MAX, self.unknown(None))?;
        }
        for group in groups {
            let captures = self.captures(group);
            let parting = Parting {
                group,
                dialect: dialect.as_ref().filter(|_| group.plan.is_some()),
                reading,
                request: Request {
                    method: &self.method,
                    host: &self.place.host,
                    query: &reading.target.query,
                    headers: reading.headers,
                    captures: &captures,
                    body: Body::Unread,
                    twins: &group.twins,
                    part: None,
                },
            };
            for key in &group.match_keys {
                parting.request.query(key)?;
            }
            sheet.in_parts |= group.table.kind != PartKind::Whole;
            match group.table.kind {
                PartKind::Whole => self.whole(&parting, sheet)?,
                PartKind::Graphql => self.graphql(&parting, sheet)?,
                PartKind::Rpc => self.rpc(&parting, sheet)?,
                PartKind::Git => self.git(&parting, sheet)?,
                PartKind::Batch => self.batch(&parting, sheet)?,
            }
        }
        Ok(())
    }

    fn whole(&self, parting: &Parting<'_>, sheet: &mut Sheet<'_>) -> Result<(), Unreadable> {
        let parsed = parting.parse(&mut sheet.room)?;
        let body = parsed.body();
        self.place.connector.check_method_key(body)?;
        parting.group.check_places(parting.request.query, body)?;
        let request = Request {
            body,
            ..parting.request
        };
        if let Some(place) = self.place.connector.foreign.find(&request)? {
            sheet.foreign = Some(place);
        }
        self.settle(parting, &request, sheet)
    }

    fn graphql(&self, parting: &Parting<'_>, sheet: &mut Sheet<'_>) -> Result<(), Unreadable> {
        let (Some(dialect), Some(plan)) = (parting.dialect, &parting.group.plan) else {
            return Err(unread());
        };
        let bytes = parting.bytes()?;
        let form;
        let by_url = bytes.is_empty() && matches!(self.method, Method::GET | Method::HEAD);
        let carrier = match dialect.kind() {
            _ if by_url => Carrier::Query,
            Kind::Json => Carrier::Json(bytes),
            Kind::Form | Kind::Multipart | Kind::Batch | Kind::Git => {
                form = form_of(bytes, dialect, sheet.room.nodes)?;
                Carrier::Form(&form)
            }
        };
        let mut budget = graphql::Budget {
            parts: &mut sheet.parts,
            room: &mut sheet.room,
        };
        for root in graphql::roots(carrier, parting.request.query, &mut budget)? {
            let fields = Fields::of_tree(&root.arguments, plan, &mut sheet.room)?;
            let request = Request {
                body: Body::Json(&fields),
                part: Some(&root.part),
                ..parting.request
            };
            self.settle(parting, &request, sheet)?;
            sheet.part += 1;
        }
        Ok(())
    }

    fn rpc(&self, parting: &Parting<'_>, sheet: &mut Sheet<'_>) -> Result<(), Unreadable> {
        let connector = &self.place.connector;
        let (Some(envelope), Some(plan)) = (connector.rpc, &parting.group.plan) else {
            return Err(unread());
        };
        let bytes = parting.bytes()?;
        let left = (&mut sheet.parts, &mut sheet.room);
        for message in envelope.messages(bytes, plan, left)? {
            if let (Some(id), Some(_)) = (&message.id, &message.part) {
                sheet.rpc_ids.push(serde_json::json!(id));
            }
            let body = Body::Json(&message.fields);
            connector.check_method_key(body)?;
            parting.group.check_places(parting.request.query, body)?;
            match &message.part {
                None => sheet.push(u32::MAX, connector.reply())?,
                Some(part) => {
                    let request = Request {
                        body,
                        part: Some(part),
                        ..parting.request
                    };
                    self.settle(parting, &request, sheet)?;
                }
            }
            sheet.part += 1;
        }
        Ok(())
    }

    fn git(&self, parting: &Parting<'_>, sheet: &mut Sheet<'_>) -> Result<(), Unreadable> {
        let (parts, push) = git::parts(parting.bytes()?, &mut sheet.parts)?;
        sheet.push = Some(push);
        if parts.is_empty() {
            sheet.push(u32::MAX, self.place.connector.probe())?;
        }
        for part in parts {
            let request = Request {
                part: Some(&part),
                ..parting.request
            };
            self.settle(parting, &request, sheet)?;
            sheet.part += 1;
        }
        Ok(())
    }

    /// Adds the actions of one part: those of the routes that are for it and apply, else the unknown one.
    fn settle(
        &self,
        parting: &Parting<'_>,
        request: &Request<'_>,
        sheet: &mut Sheet<'_>,
    ) -> Result<(), Unreadable> {
        let part = request.part.map(|part| part.name.as_str());
        let mut found = false;
        for siblings in parting.group.table.find(part.unwrap_or_default()) {
            for (number, route) in self.applying(siblings, parting.dialect, request)? {
                sheet.push(number, self.place.connector.action(route, request)?)?;
                found = true;
            }
        }
        if !found {
            sheet.push(u32::MAX, self.unknown(part))?;
        }
        Ok(())
    }

    /// Every `when` that holds applies, else the plain sibling, which also stands for the keys that `only` leaves over.
    fn applying<'a>(
        &'a self,
        siblings: &[u32],
        dialect: Option<&Dialect>,
        request: &Request<'_>,
    ) -> Result<Vec<(u32, &'a Route)>, Unreadable> {
        let mut applying = Vec::new();
        let mut plain = None;
        let routes = siblings.iter().filter_map(|number| {
            let route = self.place.connector.route(*number)?;
            Some((*number, route)).filter(|(_, route)| route.speaks(dialect))
        });
        for (number, route) in routes {
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

    /// Returns every captured label, decoded: host, base path, path.
    pub(crate) fn captures<'a>(&'a self, group: &'a Group) -> Vec<(&'a str, Cow<'a, str>)> {
        let place = self.place.captures.iter();
        let place = place.map(|(name, value)| (&**name, Cow::Borrowed(value.as_str())));
        let host = group.matches.host.as_ref();
        let host = host.and_then(|domain| domain.capture(&self.place.host));
        let host = host.unwrap_or_default().into_iter();
        let host = host.map(|(name, value)| (&**name, Cow::Borrowed(value)));
        let path = group.matches.path.capture(self.place.below());
        let path = path.unwrap_or_default().into_iter();
        let path = path.map(|(name, value)| (&**name, decode(value)));
        place.chain(host).chain(path).collect()
    }
}

impl<'a> Parting<'a> {
    fn bytes(&self) -> Result<&'a [u8], Unreadable> {
        self.reading.body.ok_or_else(unread)
    }

    fn parse(&self, room: &mut Room<'_>) -> Result<Parsed<'a>, Unreadable> {
        let (Some(dialect), Some(plan)) = (self.dialect, &self.group.plan) else {
            return Ok(Parsed::Unread);
        };
        let bytes = self.bytes()?;
        match dialect.kind() {
            Kind::Json => Fields::read(bytes, plan, room).map(Parsed::Json),
            Kind::Form | Kind::Multipart => form_of(bytes, dialect, room.nodes).map(Parsed::Form),
            // Their members are not names and values.
            Kind::Batch | Kind::Git => Ok(Parsed::Unread),
        }
    }
}

fn form_of<'b>(bytes: &'b [u8], dialect: &Dialect, limit: usize) -> Result<Form<'b>, Unreadable> {
    match dialect.kind() {
        _ if bytes.is_empty() => Ok(Form::default()),
        Kind::Multipart => Form::multipart(bytes, dialect.boundary()?),
        Kind::Form | Kind::Json | Kind::Batch | Kind::Git => Form::urlencoded(bytes, limit),
    }
}

fn unread() -> Unreadable {
    Unreadable {
        code: UNREADABLE_BODY,
        detail: "the body was not read, but its content decides".to_owned(),
    }
}
