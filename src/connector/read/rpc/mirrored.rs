//! Compares the headers in which MCP repeats what a message says with the message (2026-07-28, "Server Validation").
//!
//! INVARIANT: whether a server, or a proxy before it, goes by header or message, it does what was judged.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;

use crate::connector::model::body_path::PathId;
use crate::connector::model::operation::Fact;
use crate::connector::model::rpc::{Mirrored, RpcEnvelope};
use crate::connector::read::request::Request;
use crate::connector::read::rpc::Message;
use crate::connector::read::unreadable::{Unreadable, ambiguous};
use crate::model::value::Value;

const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// Stands before and behind a value that a header cannot hold as it is.
const ENCODED: (&str, &str) = ("=?base64?", "?=");

impl RpcEnvelope {
    /// Refuses a header that says something else than the one message that it speaks for.
    pub(crate) fn check_headers(
        self,
        messages: &[Message],
        request: &Request<'_>,
    ) -> Result<(), Unreadable> {
        let Some(mirrored) = self.mirrored else {
            return Ok(());
        };
        let one = match messages {
            [message] => message.operation.as_ref().map(|call| (message, call)),
            _ => None,
        };
        if let Some(header) = request.header(&METHOD)? {
            let method = one.and_then(|(_, call)| call.get(Fact::RpcMethod));
            check(&METHOD, method, header)?;
        }
        if let Some(header) = request.header(&NAME)? {
            let name = one.and_then(|(message, call)| message.single(mirrored.named(&call.name)));
            let header = decoded(header).ok_or_else(|| differs(&NAME))?;
            check(&NAME, name, &header)?;
        }
        if let Some(header) = request.header(&VERSION)? {
            // Before 2026-07-28, only the header says it.
            let said = messages
                .iter()
                .filter_map(|message| message.single(mirrored.version));
            for version in said {
                check(&VERSION, Some(version), header)?;
            }
        }
        Ok(())
    }
}

impl Mirrored {
    /// Returns where a message of this method says what it is about.
    fn named(self, method: &str) -> PathId {
        match method.split_once('/') {
            Some(("resources", _)) => self.uri,
            Some(("tasks", _)) => self.task,
            _ => self.name,
        }
    }
}

impl Message {
    fn single(&self, path: PathId) -> Option<&Value> {
        self.fields.get(path)?.single()
    }
}

fn check(header: &HeaderName, said: Option<&Value>, repeated: &str) -> Result<(), Unreadable> {
    match said {
        Some(Value::Text(text)) if **text == *repeated => Ok(()),
        _ => Err(differs(header)),
    }
}

fn differs(header: &HeaderName) -> Unreadable {
    ambiguous(format!(
        "the header `{header}` does not say what the message says"
    ))
}

fn decoded(header: &str) -> Option<Cow<'_, str>> {
    let (before, behind) = ENCODED;
    let encoded = header
        .strip_prefix(before)
        .and_then(|rest| rest.strip_suffix(behind));
    let Some(encoded) = encoded else {
        return Some(Cow::Borrowed(header));
    };
    let bytes = STANDARD.decode(encoded).ok()?;
    String::from_utf8(bytes).ok().map(Cow::Owned)
}
