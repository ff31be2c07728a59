//! Understanding: a request group by group and part by part in, the actions that it is out.
//!
//! INVARIANT: every part is at least one action; what no route is for is `<id>.unknown`.

pub(crate) mod actions;
pub(crate) mod batch;
pub(crate) mod places;
pub(crate) mod unlisted;

use http::Method;

use crate::connector::lookup::candidates::Candidates;
use crate::connector::model::connector::Connector;
use crate::connector::model::error_shape::framing::Push;
use crate::connector::model::format::Kind;
use crate::connector::model::group::Group;
use crate::connector::model::operation::OperationKind;
use crate::connector::model::route::Route;
use crate::connector::read::dialect::Dialect;
use crate::connector::read::form::Form;
use crate::connector::read::git;
use crate::connector::read::graphql::{self, Carrier};
use crate::connector::read::json::Fields;
use crate::connector::read::operation::Quota;
use crate::connector::read::options::Terms;
use crate::connector::read::reading::{Reading, RequestActions};
use crate::connector::read::request::{Body, Request};
use crate::connector::read::room::Room;
use crate::connector::read::unreadable::{UNREADABLE_BODY, Unreadable};
use crate::model::action::Action;

/// What has been found in a request, and what it may still hold.
#[derive(Debug)]
pub(crate) struct ActionCollector<'m> {
    operations: Quota,
    room: Room<'m>,
    /// The part that is being read, counted over all groups.
    operation: usize,
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
pub(crate) struct GroupInput<'a> {
    group: &'a Group,
    dialect: Option<&'a Dialect>,
    reading: &'a Reading<'a>,
    request: Request<'a>,
}

impl<'m> ActionCollector<'m> {
    pub(crate) fn new(operations: usize, room: Room<'m>) -> Self {
        Self {
            operations: Quota::new(operations),
            room,
            operation: 0,
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
            place: (self.operation, route),
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
        collector: &mut ActionCollector<'_>,
    ) -> Result<(), Unreadable> {
        let dialect = self.dialect(reading.headers)?;
        let mut groups = self.groups().peekable();
        if groups.peek().is_none() {
            collector.push(u32::MAX, self.unknown(None))?;
        }
        for group in groups {
            let captures = self.captures(group);
            let input = GroupInput {
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
                    operation: None,
                },
            };
            for key in &group.match_keys {
                input.request.query(key)?;
            }
            collector.in_parts |= group.table.kind != OperationKind::Whole;
            match group.table.kind {
                OperationKind::Whole => self.whole(&input, collector)?,
                OperationKind::Graphql => self.graphql(&input, collector)?,
                OperationKind::Rpc => self.rpc(&input, collector)?,
                OperationKind::Git => self.git(&input, collector)?,
                OperationKind::Batch => self.batch(&input, collector)?,
            }
        }
        Ok(())
    }

    fn whole(
        &self,
        input: &GroupInput<'_>,
        collector: &mut ActionCollector<'_>,
    ) -> Result<(), Unreadable> {
        let parsed = input.parse(&mut collector.room)?;
        let body = parsed.body();
        self.place.connector.check_method_key(body)?;
        input.group.check_places(input.request.query, body)?;
        let request = Request {
            body,
            ..input.request
        };
        if let Some(place) = self.place.connector.foreign.find(&request)? {
            collector.foreign = Some(place);
        }
        self.settle(input, &request, collector)
    }

    fn graphql(
        &self,
        input: &GroupInput<'_>,
        collector: &mut ActionCollector<'_>,
    ) -> Result<(), Unreadable> {
        let (Some(dialect), Some(plan)) = (input.dialect, &input.group.plan) else {
            return Err(unread());
        };
        let bytes = input.bytes()?;
        let form;
        let by_url = bytes.is_empty() && matches!(self.method, Method::GET | Method::HEAD);
        let carrier = match dialect.kind() {
            _ if by_url => Carrier::Query,
            Kind::Json => Carrier::Json(bytes),
            Kind::Form | Kind::Multipart | Kind::Batch | Kind::Git => {
                form = form_of(bytes, dialect, collector.room.nodes)?;
                Carrier::Form(&form)
            }
        };
        let mut budget = graphql::Budget {
            operations: &mut collector.operations,
            room: &mut collector.room,
        };
        for root in graphql::roots(carrier, input.request.query, &mut budget)? {
            let fields = Fields::of_tree(&root.arguments, plan, &mut collector.room)?;
            let request = Request {
                body: Body::Json(&fields),
                operation: Some(&root.operation),
                ..input.request
            };
            self.settle(input, &request, collector)?;
            collector.operation += 1;
        }
        Ok(())
    }

    fn rpc(
        &self,
        input: &GroupInput<'_>,
        collector: &mut ActionCollector<'_>,
    ) -> Result<(), Unreadable> {
        let connector = &self.place.connector;
        let (Some(envelope), Some(plan)) = (connector.rpc, &input.group.plan) else {
            return Err(unread());
        };
        let bytes = input.bytes()?;
        let left = (&mut collector.operations, &mut collector.room);
        for message in envelope.messages(bytes, plan, left)? {
            if let (Some(id), Some(_)) = (&message.id, &message.operation) {
                collector.rpc_ids.push(serde_json::json!(id));
            }
            let body = Body::Json(&message.fields);
            connector.check_method_key(body)?;
            input.group.check_places(input.request.query, body)?;
            match &message.operation {
                None => collector.push(u32::MAX, connector.reply())?,
                Some(operation) => {
                    let request = Request {
                        body,
                        operation: Some(operation),
                        ..input.request
                    };
                    self.settle(input, &request, collector)?;
                }
            }
            collector.operation += 1;
        }
        Ok(())
    }

    fn git(
        &self,
        input: &GroupInput<'_>,
        collector: &mut ActionCollector<'_>,
    ) -> Result<(), Unreadable> {
        let (operations, push) = git::operations(input.bytes()?, &mut collector.operations)?;
        collector.push = Some(push);
        if operations.is_empty() {
            collector.push(u32::MAX, self.place.connector.probe())?;
        }
        for operation in operations {
            let request = Request {
                operation: Some(&operation),
                ..input.request
            };
            self.settle(input, &request, collector)?;
            collector.operation += 1;
        }
        Ok(())
    }

    /// Adds the actions of one part: those of the routes that are for it and apply, else the unknown one.
    fn settle(
        &self,
        input: &GroupInput<'_>,
        request: &Request<'_>,
        collector: &mut ActionCollector<'_>,
    ) -> Result<(), Unreadable> {
        let operation = request.operation.map(|operation| operation.name.as_str());
        let mut found = false;
        for siblings in input.group.table.find(operation.unwrap_or_default()) {
            for (number, route) in self.applying(siblings, input.dialect, request)? {
                collector.push(number, self.place.connector.action(route, request)?)?;
                found = true;
            }
        }
        if !found {
            collector.push(u32::MAX, self.unknown(operation))?;
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
}

impl<'a> GroupInput<'a> {
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
