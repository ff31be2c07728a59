//! Takes a GraphQL document and its variables out of what carries them: `{query, variables, operationName, extensions}`.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use crate::connector::read::form::Form;
use crate::connector::read::json::tree::Tree;
use crate::connector::read::room::Room;
use crate::connector::read::unreadable::{UNREADABLE_BODY, Unreadable, ambiguous};
use crate::model::hex::hex;
use crate::model::show::brief;
use crate::model::target::{Query, may_be};

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

/// The keys of an object, each once.
pub(crate) type Entries<'b> = Vec<(Cow<'b, str>, Tree<'b>)>;

/// One GraphQL request of a body.
#[derive(Debug)]
pub(crate) struct Envelope<'b> {
    pub(crate) document: Document<'b>,
    pub(crate) variables: Entries<'b>,
}

/// What is to be executed.
#[derive(Debug)]
pub(crate) enum Document<'b> {
    /// The document is in the request.
    Text(Cow<'b, str>),
    /// The server has it.
    Persisted(Cow<'b, str>),
}

impl<'b> Envelope<'b> {
    /// Reads a JSON object.
    pub(crate) fn of_tree(tree: Tree<'b>) -> Result<Self, Unreadable> {
        let Tree::Object(keys) = tree else {
            return Err(refuse("a GraphQL request is not a JSON object"));
        };
        Self::of_keys(keys.into_vec())
    }

    fn of_keys(mut keys: Entries<'b>) -> Result<Self, Unreadable> {
        let known = |key: &str| KEYS.contains(&key) || IDS.contains(&key);
        if let Some((key, _)) = keys.iter().find(|(key, _)| !known(key)) {
            // It may choose another document.
            let key = brief(key);
            return Err(refuse(format!("a GraphQL request has the key `{key}`")));
        }
        if !matches!(
            take(&mut keys, "operationName"),
            None | Some(Tree::Null | Tree::Text(_))
        ) {
            return Err(refuse("`operationName` is not a text"));
        }
        let variables = match take(&mut keys, "variables") {
            None | Some(Tree::Null) => Vec::new(),
            Some(Tree::Object(variables)) => variables.into_vec(),
            Some(_) => return Err(refuse("`variables` is not an object")),
        };
        Ok(Self {
            document: Document::of(&mut keys)?,
            variables,
        })
    }

    /// Reads the pairs of a URL or form; `variables` and `extensions` are JSON in them.
    pub(crate) fn of_pairs(
        pairs: impl Iterator<Item = (&'b str, &'b str)>,
        room: &mut Room<'_>,
    ) -> Result<Self, Unreadable> {
        let mut keys = Entries::new();
        for (name, value) in pairs {
            let is_known = KEYS.iter().chain(&IDS).any(|key| *key == name);
            let mut known = KEYS.iter().chain(&IDS).chain(&PARTS);
            if !is_known && !known.any(|key| may_be(key, name)) {
                continue;
            }
            if !is_known || keys.iter().any(|(known, _)| known == name) {
                let name = brief(name);
                return Err(ambiguous(format!(
                    "the GraphQL request has `{name}` twice, spelled unlike itself, or where it is not read"
                )));
            }
            let value = match (name, value) {
                ("variables" | "extensions", "") => Tree::Null,
                ("variables" | "extensions", text) => Tree::read(text.as_bytes(), room)?,
                (_, text) => Tree::Text(Cow::Borrowed(text)),
            };
            keys.push((Cow::Borrowed(name), value));
        }
        Self::of_keys(keys)
    }
}

impl<'b> Document<'b> {
    fn of(keys: &mut Entries<'b>) -> Result<Self, Unreadable> {
        let text = |value: Option<Tree<'b>>| match value {
            None | Some(Tree::Null) => Ok(None),
            Some(Tree::Text(text)) => Ok(Some(text)),
            Some(_) => Err(refuse("a key that names a GraphQL document is not a text")),
        };
        let query = text(take(keys, "query"))?.filter(|query| !query.is_empty());
        let hash = hash(take(keys, "extensions").as_ref())?;
        let mut ids = Vec::new();
        for key in IDS {
            ids.extend(text(take(keys, key))?);
        }
        match (query, hash, ids.as_slice()) {
            (Some(query), None, []) => Ok(Self::Text(query)),
            // What a client sends so that the server keeps it: the text must be what is meant.
            (Some(query), Some(hash), []) if hash == sha256(&query) => Ok(Self::Text(query)),
            (None, Some(id), []) => Ok(Self::Persisted(Cow::Owned(id))),
            (None, None, [id]) => Ok(Self::Persisted(id.clone())),
            (None, None, []) => Err(refuse("a GraphQL request has no document")),
            _ => Err(ambiguous(
                "a GraphQL request names two documents".to_owned(),
            )),
        }
    }
}

/// Takes a key out.
fn take<'b>(keys: &mut Entries<'b>, name: &str) -> Option<Tree<'b>> {
    let at = keys.iter().position(|(key, _)| key == name)?;
    Some(keys.swap_remove(at).1)
}

/// Returns the hash of an automatically persisted document, wherever `extensions` has one.
fn hash(extensions: Option<&Tree<'_>>) -> Result<Option<String>, Unreadable> {
    let persisted = extensions.and_then(|tree| tree.get("persistedQuery"));
    let Some(persisted) = persisted.filter(|value| !matches!(value, Tree::Null)) else {
        return Ok(None);
    };
    match persisted.get("sha256Hash") {
        Some(Tree::Text(hash)) => Ok(Some(hash.to_ascii_lowercase())),
        _ => Err(refuse("`persistedQuery` has no hash")),
    }
}

fn sha256(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

/// Refuses a key of the URL by which servers read another document than the body's.
pub(crate) fn check_url(query: &Query) -> Result<(), Unreadable> {
    let mut names = query.pairs().map(|(name, _)| name);
    names.try_for_each(|name| {
        if PARTS.iter().any(|part| may_be(part, name)) {
            return Err(beside("the URL", name));
        }
        check_name("the URL", name)
    })
}

/// Refuses a part of a multipart form that could be read instead of `operations`.
pub(crate) fn check_beside(form: &Form<'_>) -> Result<(), Unreadable> {
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
    let name = brief(name);
    ambiguous(format!(
        "{place} of a GraphQL request has the key `{name}` beside the body"
    ))
}

pub(crate) fn refuse(detail: impl Into<String>) -> Unreadable {
    Unreadable {
        code: UNREADABLE_BODY,
        detail: detail.into(),
    }
}
