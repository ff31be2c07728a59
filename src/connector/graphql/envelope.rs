//! What carries a GraphQL document: `{query, variables, operationName, extensions}` in, the document and its variables out.

use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

use crate::connector::Unreadable;
use crate::connector::body::{Form, UNREADABLE_BODY, may_be, read_tree};
use crate::connector::request::ambiguous;
use crate::model::target::Query;

/// Keys of a request, as GraphQL over HTTP has them.
const KEYS: [&str; 4] = ["query", "variables", "operationName", "extensions"];

/// Keys by which servers find a document that they have.
const IDS: [&str; 6] = [
    "id",
    "documentId",
    "document_id",
    "doc_id",
    "queryId",
    "query_id",
];

/// Parts of a multipart form by which servers find other requests than those of the keys.
const PARTS: [&str; 2] = ["operations", "map"];

/// One request.
#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) document: Document,
    pub(super) variables: Map<String, Json>,
}

/// What is to be executed.
#[derive(Debug)]
pub(super) enum Document {
    /// Here it is.
    Text(String),
    /// The server has it.
    Persisted(String),
}

impl Envelope {
    /// Reads a JSON object.
    pub(super) fn of_tree(tree: Json) -> Result<Self, Unreadable> {
        let Json::Object(mut keys) = tree else {
            return Err(refuse("a GraphQL request is not a JSON object"));
        };
        let known = |key: &str| KEYS.contains(&key) || IDS.contains(&key);
        if let Some(key) = keys.keys().find(|key| !known(key)) {
            // It may choose another document.
            let key = key.escape_debug();
            return Err(refuse(format!("a GraphQL request has the key `{key}`")));
        }
        let name = keys.remove("operationName").unwrap_or_default();
        if !matches!(name, Json::Null | Json::String(_)) {
            return Err(refuse("`operationName` is not a text"));
        }
        let variables = match keys.remove("variables").unwrap_or_default() {
            Json::Null => Map::new(),
            Json::Object(variables) => variables,
            Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
                return Err(refuse("`variables` is not an object"));
            }
        };
        Ok(Self {
            document: Document::of(&mut keys)?,
            variables,
        })
    }

    /// Reads the pairs of a URL or form; `variables` and `extensions` are JSON in them.
    pub(super) fn of_pairs<'p>(
        pairs: impl Iterator<Item = (&'p str, &'p str)>,
        nodes_left: &mut usize,
    ) -> Result<Self, Unreadable> {
        let mut keys = Map::new();
        for (name, value) in pairs {
            let is_known = KEYS.iter().chain(&IDS).any(|key| *key == name);
            let mut known = KEYS.iter().chain(&IDS).chain(&PARTS);
            if !is_known && !known.any(|key| may_be(key, name)) {
                continue;
            }
            if !is_known || keys.contains_key(name) {
                let name = name.escape_debug();
                return Err(ambiguous(format!(
                    "the GraphQL request has `{name}` twice, spelled unlike itself, or where it is not read"
                )));
            }
            let value = match (name, value) {
                ("variables" | "extensions", "") => Json::Null,
                ("variables" | "extensions", text) => read_tree(text.as_bytes(), nodes_left)?,
                (_, text) => Json::from(text),
            };
            keys.insert(name.to_owned(), value);
        }
        Self::of_tree(Json::Object(keys))
    }
}

impl Document {
    fn of(keys: &mut Map<String, Json>) -> Result<Self, Unreadable> {
        let text = |value: Option<Json>| match value {
            None | Some(Json::Null) => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_)) => {
                Err(refuse("a key that names a GraphQL document is not a text"))
            }
        };
        let query = text(keys.remove("query"))?.filter(|query| !query.is_empty());
        let hash = hash(keys.remove("extensions"))?;
        let mut ids = Vec::new();
        for key in IDS {
            ids.extend(text(keys.remove(key))?);
        }
        match (query, hash, ids.as_slice()) {
            (Some(query), None, []) => Ok(Self::Text(query)),
            // What a client sends so that the server keeps it: the text must be what is meant.
            (Some(query), Some(hash), []) if hash == sha256(&query) => Ok(Self::Text(query)),
            (None, Some(id), []) => Ok(Self::Persisted(id)),
            (None, None, [id]) => Ok(Self::Persisted(id.clone())),
            (None, None, []) => Err(refuse("a GraphQL request has no document")),
            _ => Err(ambiguous(
                "a GraphQL request names two documents".to_owned(),
            )),
        }
    }
}

/// Returns the hash of an automatically persisted document, wherever `extensions` has one.
fn hash(extensions: Option<Json>) -> Result<Option<String>, Unreadable> {
    let Some(Json::Object(extensions)) = extensions.filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let Some(persisted) = extensions
        .get("persistedQuery")
        .filter(|value| !value.is_null())
    else {
        return Ok(None);
    };
    match persisted.get("sha256Hash") {
        Some(Json::String(hash)) => Ok(Some(hash.to_ascii_lowercase())),
        _ => Err(refuse("`persistedQuery` has no hash")),
    }
}

fn sha256(text: &str) -> String {
    use std::fmt::Write as _;
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Refuses a key of the URL by which servers read another document than the body's.
pub(super) fn check_url(query: &Query) -> Result<(), Unreadable> {
    let mut names = query.pairs().map(|(name, _)| name);
    names.try_for_each(|name| {
        if PARTS.iter().any(|part| may_be(part, name)) {
            return Err(beside("the URL", name));
        }
        check_name("the URL", name)
    })
}

/// Refuses a part of a multipart form that could be read instead of `operations`.
pub(super) fn check_beside(form: &Form<'_>) -> Result<(), Unreadable> {
    form.pairs()
        .try_for_each(|(name, _)| check_name("the form", name))
}

fn check_name(place: &str, name: &str) -> Result<(), Unreadable> {
    let mut keys = KEYS.iter().chain(&IDS);
    if keys.any(|key| may_be(key, name)) {
        return Err(beside(place, name));
    }
    Ok(())
}

fn beside(place: &str, name: &str) -> Unreadable {
    let name = name.escape_debug();
    ambiguous(format!(
        "{place} of a GraphQL request has the key `{name}` beside the body"
    ))
}

pub(super) fn refuse(detail: impl Into<String>) -> Unreadable {
    Unreadable {
        code: UNREADABLE_BODY,
        detail: detail.into(),
    }
}
