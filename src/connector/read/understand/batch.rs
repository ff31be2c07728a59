//! Batches: a request that carries others in, the actions of each of them out, found as if each had come alone.

use std::borrow::Cow;

use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE};
use http::{HeaderMap, HeaderName};

use crate::connector::lookup::candidates::Candidates;
use crate::connector::model::batch::Batch;
use crate::connector::model::format::Kind;
use crate::connector::model::operation::OperationKind;
use crate::connector::read::client_credential::query_signature;
use crate::connector::read::headers;
use crate::connector::read::members::{self, Member, MemberBody, refuse};
use crate::connector::read::reading::Reading;
use crate::connector::read::request::Request;
use crate::connector::read::understand::{ActionCollector, GroupInput, unread};
use crate::connector::read::unreadable::{Unreadable, UnreadableCode, ambiguous};
use crate::model::media_type::{self, MediaType};
use crate::model::target::{Authority, Path, Query, Target, may_be};

/// Code of a path that servers read in different ways.
const NOT_CANONICAL: UnreadableCode = UnreadableCode::NotCanonical;

/// Code of a path that is a route's but for its spelling.
const NEAR_ROUTE: UnreadableCode = UnreadableCode::NearRoute;

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
        for member in &members {
            collector.operations.take()?;
            collector.room.copy(member.copied())?;
            self.member(member, input.reading.target, collector)?;
        }
        Ok(())
    }

    fn member(
        &self,
        member: &Member<'_>,
        batch: &Target,
        collector: &mut ActionCollector<'_>,
    ) -> Result<(), Unreadable> {
        let target = Target {
            method: member.method.clone(),
            tls: batch.tls,
            ..locate(&member.target, &batch.authority)?
        };
        let connector = &self.place.connector;
        connector.check_target(&target, &member.headers)?;
        let place = self.place.beside(&target.authority, &target.path);
        let place = place.ok_or_else(|| {
            refuse("a member of the batch is for a path that the connector does not cover")
        })?;
        collector.foreign = collector
            .foreign
            .take()
            .or_else(|| self.foreign(member, &target.query));
        let candidates = Self::new(&place, &target.method, &target.query);
        if candidates
            .groups()
            .any(|group| group.table.kind == OperationKind::Batch)
        {
            return Err(refuse("a member of the batch is a batch"));
        }
        if candidates.are_none() && place.near_route(&target).is_some() {
            return Err(near_route());
        }
        let body = body(&candidates, member)?;
        let reading = Reading {
            target: &target,
            headers: &member.headers,
            body: Some(&body),
        };
        let (from, outer) = (collector.found.len(), collector.in_member);
        collector.in_member = true;
        candidates.understand_into(&reading, collector)?;
        // A member goes out as it stands in the body, so none of its headers can be dropped.
        let unlisted = candidates.unlisted(&reading, (collector, from))?;
        let own = |name: &&HeaderName| !goes_with(name, &member.headers, &target.authority);
        if let Some(name) = unlisted.iter().find(own) {
            return Err(headers::refuse(name.as_str(), connector));
        }
        collector.in_member = outer;
        collector.operation += 1;
        Ok(())
    }

    /// Returns the place where a member brings a credential: nobody strips it there.
    fn foreign(&self, member: &Member<'_>, query: &Query) -> Option<String> {
        let places = self.place.connector.credential_places();
        let usual = [AUTHORIZATION, COOKIE];
        let mut names = places.headers.iter().map(String::as_str);
        let mut usual = usual.iter().map(http::HeaderName::as_str);
        let header = usual
            .find(|name| member.headers.contains_key(*name))
            .or_else(|| names.find(|name| member.headers.contains_key(*name)));
        let mut keys = places.query.iter();
        let mut key = || keys.find(|key| query.pairs().any(|(name, _)| may_be(key, name)));
        header
            .map(|name| format!("header:{name} of a member"))
            .or_else(|| key().map(|key| format!("query:{key} of a member")))
            .or_else(|| query_signature(query).map(|key| format!("query:{key} of a member")))
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
fn locate(text: &str, own: &Authority) -> Result<Target, Unreadable> {
    let (authority, text) = match text.strip_prefix("https://") {
        None => (own.clone(), text),
        Some(rest) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let (host, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
            let authority = Authority::parse(host, 443).map_err(|_| not_canonical())?;
            (authority, path)
        }
    };
    if authority != *own {
        return Err(refuse("a member of the batch is for another host"));
    }
    let (path, query) = match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    };
    let parsed = Path::parse(path)
        .ok()
        .filter(|parsed| parsed.as_str() == path);
    let query = match Query::parse(query) {
        Err(error) if error.is_ambiguous() => return Err(ambiguous(error.to_string())),
        query => query.ok().filter(|_| !text.contains('#')),
    };
    let (path, query) = parsed.zip(query).ok_or_else(not_canonical)?;
    Ok(Target {
        method: http::Method::GET,
        authority,
        path,
        query,
        tls: true,
    })
}

/// Returns a member's body as it would be sent alone, where it is one that can be read in one way.
fn body<'m>(candidates: &Candidates, member: &'m Member<'_>) -> Result<Cow<'m, [u8]>, Unreadable> {
    let dialect = candidates.dialect(&member.headers)?;
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
    // Nobody sets a member's type to what was judged, so it must say that already, or nothing.
    if let Some(dialect) = dialect.filter(|_| !bytes.is_empty())
        && !says_so(
            &member.headers,
            dialect.content_type().to_str().unwrap_or_default(),
        )
    {
        return Err(refuse(
            "a member of the batch has a type that its action is not read as",
        ));
    }
    Ok(bytes)
}

fn says_so(headers: &HeaderMap, judged: &str) -> bool {
    headers.get(CONTENT_TYPE).is_none_or(|value| {
        let given = MediaType::read(value.to_str().unwrap_or_default());
        given.is_utf8() && given.is(&media_type::essence(judged))
    })
}

fn near_route() -> Unreadable {
    Unreadable {
        code: NEAR_ROUTE,
        detail: "a member's path is a route's but for its spelling, which many servers ignore"
            .to_owned(),
    }
}

fn not_canonical() -> Unreadable {
    Unreadable {
        code: NOT_CANONICAL,
        detail: "a member of the batch has a path that servers read differently".to_owned(),
    }
}
