//! Reads a request as actions, group by group and operation by operation.
//!
//! INVARIANT: every operation is at least one action; one that matches no route is `<id>.unknown`.

pub(crate) mod actions;
pub(crate) mod batch;
pub(crate) mod collector;
pub(crate) mod places;
pub(crate) mod unlisted;

use http::Method;

use crate::connector::lookup::candidates::Candidates;
use crate::connector::model::format::Kind;
use crate::connector::model::group::Group;
use crate::connector::model::operation::OperationKind;
use crate::connector::model::route::Route;
use crate::connector::read::dialect::Dialect;
use crate::connector::read::form::Form;
use crate::connector::read::git;
use crate::connector::read::graphql::{self, Carrier};
use crate::connector::read::json::Fields;
use crate::connector::read::reading::Reading;
use crate::connector::read::request::{Body, Request};
use crate::connector::read::room::Room;
use crate::connector::read::understand::collector::ActionCollector;
use crate::connector::read::unreadable::{UNREADABLE_BODY, Unreadable};

/// A body as one group of routes reads it.
#[derive(Debug)]
enum Parsed<'b> {
    Unread,
    Json(Fields),
    Form(Form<'b>),
}

/// One group's request before its operations are looked at.
pub(crate) struct GroupInput<'a> {
    group: &'a Group,
    dialect: Option<&'a Dialect>,
    reading: &'a Reading<'a>,
    request: Request<'a>,
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
            collector.has_operations |= group.table.kind != OperationKind::Whole;
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
        let places = self.place.connector.client_credentials.find(&request)?;
        collector.note_credentials(places);
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
        let messages = envelope.messages(bytes, plan, left)?;
        envelope.check_headers(&messages, &input.request)?;
        for message in messages {
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

    /// Adds the actions of one operation: those of the routes that match it and apply, else the unknown one.
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
