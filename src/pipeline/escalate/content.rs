//! Builds what an operator sees of a request: everything that will be sent except secrets, and a reason for each part that is not
//! shown in full.

use std::borrow::Cow;

use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

use super::covered::{BodyForm, Shown};
use super::json::{self, HIDDEN};
use super::volatile::VOLATILE;
use crate::connector::Connector;
use crate::journal::MAX_PARAM;
use crate::model::action::Action;
use crate::model::value::Value;
use crate::pipeline::outgoing::Outgoing;

/// The largest request, in bytes as shown, that can be approved without opening it: a page.
const SHOWN: usize = 8 * 1024;

/// The most of a body that is kept to be shown, in bytes.
const KEPT: usize = 64 * 1024;

/// The shortest secret that is looked for inside other text; shorter ones would be found everywhere.
const FINDABLE: usize = 4;

/// A request as it is shown.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// Path, and query where there is one.
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<String>,
    /// Why it cannot be approved without opening it; empty where it can.
    pub(super) partial: Vec<&'static str>,
}

/// Values that are never shown.
#[derive(Debug)]
struct Secrets(Vec<String>);

/// Writes a request down.
pub(super) fn of(
    outgoing: &Outgoing,
    connector: &Connector,
    actions: &[Action],
    form: BodyForm,
) -> Content {
    let secrets = Secrets::of(actions);
    let mut content = Content {
        target: secrets.target(&outgoing.path, outgoing.query.as_deref()),
        ..Content::default()
    };
    content.add_headers(&outgoing.headers, connector, &secrets);
    if let Some(body) = outgoing.body.as_ref().filter(|body| !body.is_empty()) {
        content.add_body(body, form, &secrets);
    }
    let long = |action: &Action| {
        action
            .params
            .iter()
            .any(|parameter| is_long(&parameter.value))
    };
    content.check(outgoing, connector, (actions, form));
    if actions.iter().any(long) {
        content.partial.push("a parameter is longer than 1 KiB");
    }
    let headers = content.headers.iter();
    let size = content.target.len()
        + headers
            .map(|(name, value)| name.len() + value.len())
            .sum::<usize>()
        + content.body.as_ref().map_or(0, String::len);
    if size > SHOWN {
        content.partial.push("it is longer than 8 KiB");
    }
    content.partial.dedup();
    content
}

impl Content {
    /// Notes what is sent beside target and parameters, which are all that a list shows.
    fn check(
        &mut self,
        outgoing: &Outgoing,
        connector: &Connector,
        (actions, form): (&[Action], BodyForm),
    ) {
        let mut shown = Shown::of(actions);
        let is_shown = |(name, value): (&HeaderName, &HeaderValue)| {
            *name == HOST
                || VOLATILE.contains(&name.as_str())
                || connector.credential_headers().any(|known| name == known)
                || value
                    .to_str()
                    .is_ok_and(|text| shown.has_header(name.as_str(), text))
        };
        if !outgoing.headers.iter().all(is_shown) {
            self.partial.push("a header is not among the parameters");
        }
        let body = outgoing.body.as_deref().filter(|body| !body.is_empty());
        let text = body.and_then(|body| std::str::from_utf8(body).ok());
        if form != BodyForm::Unread && text.is_some_and(|text| !shown.has_body(text, form)) {
            self.partial.push("the body holds more than the parameters");
        }
    }

    /// Adds what goes out but framing, what retries change, and credentials; those of the agent's own are named without a value.
    fn add_headers(&mut self, headers: &HeaderMap, connector: &Connector, secrets: &Secrets) {
        let is_credential =
            |name: &HeaderName| connector.credential_headers().any(|known| name == known);
        let mut names: Vec<&HeaderName> = headers
            .keys()
            .filter(|name| **name != HOST && !VOLATILE.contains(&name.as_str()))
            .collect();
        names.sort_unstable_by_key(|name| name.as_str());
        for name in names {
            for value in headers.get_all(name) {
                let shown = match value.to_str() {
                    _ if is_credential(name) => HIDDEN.to_owned(),
                    Ok(text) => secrets.inside(text).into_owned(),
                    Err(_) => {
                        self.partial.push("a header is not text");
                        String::from_utf8_lossy(value.as_bytes()).into_owned()
                    }
                };
                self.headers.push((name.to_string(), shown));
            }
        }
    }

    fn add_body(&mut self, body: &[u8], form: BodyForm, secrets: &Secrets) {
        if form == BodyForm::Unread {
            self.partial.push("no route reads the body");
        }
        let Ok(text) = std::str::from_utf8(body) else {
            self.partial.push("the body is not text");
            return;
        };
        let laid_out = match form {
            BodyForm::Json => json::pretty(text, KEPT, |value| secrets.hides(value)),
            BodyForm::Form => Some((secrets.pairs(text), true)),
            BodyForm::Text | BodyForm::Unread => None,
        };
        let (mut shown, mut whole) = match laid_out {
            Some(laid_out) => laid_out,
            None if secrets.are_findable() => (secrets.inside(text).into_owned(), true),
            None => {
                self.partial
                    .push("the body holds a secret that is too short to be left out of it");
                return;
            }
        };
        if shown.len() > KEPT {
            shown.truncate(shown.floor_char_boundary(KEPT));
            whole = false;
        }
        if !whole {
            self.partial.push("the body is longer than 64 KiB");
        }
        self.body = Some(shown);
    }
}

fn is_long(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.len() > MAX_PARAM,
        Value::List(_) => serde_json::json!(value).to_string().len() > MAX_PARAM,
        Value::Oversize(_) => true,
        Value::Bool(_) | Value::Int(_) | Value::Number(_) => false,
    }
}

impl Secrets {
    fn of(actions: &[Action]) -> Self {
        let mut texts = Vec::new();
        let params = actions.iter().flat_map(|action| action.params.iter());
        for parameter in params.filter(|parameter| parameter.secret) {
            add(&parameter.value, &mut texts);
        }
        // The longest first, so that no part of one is left beside another.
        texts.sort_unstable_by_key(|text| std::cmp::Reverse(text.len()));
        texts.dedup();
        Self(texts)
    }

    fn are_findable(&self) -> bool {
        self.0.iter().all(|secret| secret.len() >= FINDABLE)
    }

    /// Returns whether a whole value is one, or holds one.
    fn hides(&self, value: &str) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let value = value.to_ascii_lowercase();
        self.0.iter().any(|secret| {
            value == *secret || (secret.len() >= FINDABLE && value.contains(secret.as_str()))
        })
    }

    /// Leaves them out of a text.
    fn inside<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !self.hides(text) {
            return Cow::Borrowed(text);
        }
        let mut shown = text.to_owned();
        for secret in self.0.iter().filter(|secret| secret.len() >= FINDABLE) {
            // Only ASCII letters change, so places are the same in both.
            while let Some(at) = shown.to_ascii_lowercase().find(secret.as_str()) {
                shown.replace_range(at..at + secret.len(), HIDDEN);
            }
        }
        Cow::Owned(if self.hides(&shown) {
            HIDDEN.to_owned()
        } else {
            shown
        })
    }

    /// Leaves them out of pairs of a query or form, however they are encoded there.
    fn pairs(&self, text: &str) -> String {
        let pair = |pair: &str| match pair.split_once('=') {
            Some((name, value)) if self.hides(&decoded(value)) => format!("{name}={HIDDEN}"),
            Some(_) => pair.to_owned(),
            None if self.hides(&decoded(pair)) => HIDDEN.to_owned(),
            None => pair.to_owned(),
        };
        text.split('&').map(pair).collect::<Vec<_>>().join("&")
    }

    fn target(&self, path: &str, query: Option<&str>) -> String {
        let segment = |segment: &str| {
            if self.hides(&percent_decode_str(segment).decode_utf8_lossy()) {
                HIDDEN.to_owned()
            } else {
                segment.to_owned()
            }
        };
        let mut shown = path.split('/').map(segment).collect::<Vec<_>>().join("/");
        // One may stand over several segments.
        if self.hides(&percent_decode_str(&shown).decode_utf8_lossy()) {
            shown = HIDDEN.to_owned();
        }
        match query {
            None => shown,
            Some(query) => format!("{shown}?{}", self.pairs(query)),
        }
    }
}

/// Adds what a value may look like where it is sent, in lower case: parameters may be folded.
fn add(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::Text(text) => {
            let quoted = serde_json::json!(&**text).to_string();
            // As it stands in a text inside a text, such as a GraphQL document.
            if let Some(inner) = quoted.get(1..quoted.len() - 1) {
                texts.push(inner.to_ascii_lowercase());
            }
            texts.push(text.to_ascii_lowercase());
        }
        Value::List(items) => items.iter().for_each(|item| add(item, texts)),
        Value::Bool(_) | Value::Int(_) | Value::Number(_) => {
            texts.push(serde_json::json!(value).to_string());
        }
        // Policies do not see it either.
        Value::Oversize(_) => {}
    }
}

fn decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8_lossy().into_owned()
}
