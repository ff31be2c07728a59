//! Reads a request that carries others: each member runs the checks of a request of its own, and adds its actions.

use std::borrow::Cow;
use std::sync::Arc;

use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderName};

use crate::connector::lookup::candidates::Candidates;
use crate::connector::lookup::catalog::Catalog;
use crate::connector::model::batch::Batch;
use crate::connector::model::format::Kind;
use crate::connector::model::operation::OperationKind;
use crate::connector::model::protocol::Protocol;
use crate::connector::read::classify::{Unroutable, WrittenTarget};
use crate::connector::read::client_credential::Sending;
use crate::connector::read::headers;
use crate::connector::read::members::{self, Member, MemberBody, refuse};
use crate::connector::read::reading::{BodyNeed, Reading};
use crate::connector::read::request::Request;
use crate::connector::read::understand::collector::ActionCollector;
use crate::connector::read::understand::{GroupInput, unread};
use crate::connector::read::unreadable::{Unreadable, UnreadableCode};
use crate::model::target::{Authority, Target};

impl Candidates {
    /// Adds the batch's own action, and those of its members.
    pub(crate) fn batch(
        &self,
        input: &GroupInput<'_>,
        collector: &mut ActionCollector<'_>,
    ) -> Result<(), Unreadable> {
        let bytes = input.bytes()?;
        // Reading it whole refuses duplicate keys, before members are cut out of it.
        let parsed = input.parse(&mut collector.room)?;
        let body = parsed.body();
        self.place.connector.check_method_key(body)?;
        input.group.check_places(input.request.query, body)?;
        let request = Request {
            body,
            ..input.request
        };
        self.settle(input, &request, collector)?;
        collector.operation += 1;
        let limit = collector.operations.left();
        let members = match (input.group.batch.as_deref(), input.dialect) {
            (Some(Batch::Json(members)), Some(_)) => members.split(bytes, limit)?,
            (Some(Batch::Multipart), Some(dialect)) => {
                members::split_multipart(bytes, dialect.boundary()?, limit)?
            }
            _ => return Err(unread()),
        };
        if members.is_empty() {
            return Err(refuse("the batch has no members"));
        }
        let around = (input.reading.catalog, input.reading.target);
        for mut member in members {
            collector.operations.take()?;
            collector.room.copy(member.copied())?;
            self.member(&mut member, around, collector)?;
        }
        Ok(())
    }

    /// Adds the actions of one member: it is classified, read and searched for credentials as a request of its own is.
    ///
    /// A member goes out as it stands in the body. What would be taken out of a request, or written in another way, refuses the batch.
    fn member(
        &self,
        member: &mut Member<'_>,
        (catalog, batch): (&Catalog, &Target),
        collector: &mut ActionCollector<'_>,
    ) -> Result<(), Unreadable> {
        headers::clean(&mut member.headers)?;
        let target = canonical(member, batch)?;
        let place = catalog.place(&target)?;
        let connector = &place.connector;
        if !Arc::ptr_eq(connector, &self.place.connector) {
            return Err(refuse(
                "a member of the batch is for a path of another connector",
            ));
        }
        let candidates = catalog.routes(&place, &target, &member.headers, Protocol::Http)?;
        if candidates
            .groups()
            .any(|group| group.table.kind == OperationKind::Batch)
        {
            return Err(refuse("a member of the batch is a batch"));
        }
        let credential =
            connector.client_credential(&target.query, &member.headers, Sending::AsWritten);
        collector.note_credentials(credential.map(|place| format!("{place} of a member")));
        let body = body(&candidates, member)?;
        let reading = Reading {
            target: &target,
            headers: &member.headers,
            body: Some(&body),
            catalog,
        };
        let (from, outer) = (collector.found.len(), collector.in_member);
        collector.in_member = true;
        candidates.understand_into(&reading, collector)?;
        let unlisted = candidates.unlisted(&reading, (collector, from))?;
        let dropped = headers::not_forwarded(&member.headers);
        let changes = |name: &&HeaderName| !goes_with(name, &member.headers, &target.authority);
        if let Some(name) = dropped.iter().chain(&unlisted).find(changes) {
            return Err(headers::refuse(name.as_str(), connector));
        }
        collector.in_member = outer;
        collector.operation += 1;
        Ok(())
    }
}

/// Returns whether a header only says what is known of the member already, as Google's clients write it.
fn goes_with(name: &HeaderName, headers: &HeaderMap, own: &Authority) -> bool {
    let text = headers.get(name).and_then(|value| value.to_str().ok());
    match (name.as_str(), text) {
        // Compared with the content when the parts were cut.
        ("content-length", Some(_)) => true,
        ("host", Some(host)) => Authority::parse(host, 443).is_ok_and(|host| host == *own),
        _ => false,
    }
}

/// Reads a member's target. What is sent is the text in the batch, so it must be canonical already.
fn canonical(member: &Member<'_>, batch: &Target) -> Result<Target, Unreadable> {
    let text = &*member.target;
    let (authority, text) = match text.strip_prefix("https://") {
        None => (batch.authority.clone(), text),
        Some(rest) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let (host, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
            let authority = Authority::parse(host, 443).map_err(|_| not_canonical())?;
            (authority, path)
        }
    };
    if authority != batch.authority {
        return Err(refuse("a member of the batch is for another host"));
    }
    let (path, query) = match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    };
    let written = WrittenTarget {
        method: &member.method,
        authority: &authority,
        path,
        query,
        tls: batch.tls,
    };
    let target = written.canonical()?;
    if target.path.as_str() != path || text.contains('#') {
        return Err(not_canonical());
    }
    Ok(target)
}

/// Returns a member's body as it would be sent alone, where it is one that can be read in one way.
fn body<'m>(candidates: &Candidates, member: &'m Member<'_>) -> Result<Cow<'m, [u8]>, Unreadable> {
    let dialect = match candidates.body_need(&member.headers)? {
        BodyNeed::Nothing => None,
        BodyNeed::Read { dialect, .. } => Some(dialect),
    };
    let bytes = match (&member.body, &dialect) {
        (MemberBody::Bytes(bytes) | MemberBody::Json(bytes), None) => Cow::Borrowed(*bytes),
        (MemberBody::Bytes(bytes), Some(_)) => Cow::Borrowed(*bytes),
        (MemberBody::Json(bytes), Some(dialect)) if dialect.kind() == Kind::Json => {
            Cow::Borrowed(*bytes)
        }
        (MemberBody::Text(text), None) => Cow::Borrowed(text.as_bytes()),
        (MemberBody::Text(text), Some(dialect)) if dialect.kind() == Kind::Form => {
            Cow::Borrowed(text.as_bytes())
        }
        (MemberBody::Json(_) | MemberBody::Text(_), Some(_)) => {
            return Err(refuse("a member of the batch has a body of another kind"));
        }
    };
    let Some(dialect) = dialect.filter(|_| !bytes.is_empty()) else {
        return Ok(bytes);
    };
    if member.headers.contains_key(CONTENT_ENCODING) {
        return Err(refuse("a member of the batch has a coding of its own"));
    }
    // Nothing sets a member's type to what was judged, so it must say that already, or nothing.
    if !dialect.is_said_by(&member.headers) {
        return Err(refuse(
            "a member of the batch has a type that its action is not read as",
        ));
    }
    Ok(bytes)
}

fn not_canonical() -> Unreadable {
    Unreadable {
        code: UnreadableCode::NotCanonical,
        detail: "a member of the batch has a path that servers read differently".to_owned(),
    }
}

impl From<Unroutable> for Unreadable {
    /// Refuses a batch for a member whose routes cannot be told.
    fn from(error: Unroutable) -> Self {
        match error {
            Unroutable::Unreadable(unreadable) => unreadable,
            Unroutable::NeverForwarded(_)
            | Unroutable::UnknownHost(_)
            | Unroutable::UnknownPath(_)
            | Unroutable::PassedThrough(_)
            | Unroutable::Plaintext
            | Unroutable::NoWebSocket(_) => refuse(&format!("a member of the batch: {error}")),
        }
    }
}
