//! Reads uploads: what the `map` of a multipart request puts into its operations, checked against what their documents declare.
//!
//! INVARIANT: a part of the form becomes the value of a variable that is declared as an upload, and of nothing else: neither
//! of the document nor of a variable that is judged. The form is that of `graphql-multipart-request-spec`.

use std::collections::HashMap;

use apollo_parser::cst;

use crate::connector::read::graphql::document::ParsedDocument;
use crate::connector::read::graphql::envelope::{Document, Envelope, refuse};
use crate::connector::read::json::tree::Tree;
use crate::connector::read::room::Room;
use crate::connector::read::unreadable::Unreadable;

/// The scalar that servers read a part of the form as.
const UPLOAD: &str = "Upload";

/// The requests of `operations`, and whether they are written as a list.
pub(crate) struct Operations<'b> {
    pub(crate) listed: bool,
    pub(crate) envelopes: Vec<Envelope<'b>>,
}

/// Refuses a `map` that puts a part anywhere else than into an upload.
pub(crate) fn check(
    map: &str,
    operations: &Operations<'_>,
    room: &mut Room<'_>,
) -> Result<(), Unreadable> {
    let Tree::Object(map) = Tree::read(map.as_bytes(), room)? else {
        return Err(refuse("`map` is not an object"));
    };
    let mut declared = Vec::new();
    for envelope in operations.envelopes.iter().filter(|_| !map.is_empty()) {
        declared.push(match &envelope.document {
            Document::Text(text) => uploads(text)?,
            // The server has it: what it declares is not known here.
            Document::Persisted(_) => Uploads::new(),
        });
    }
    let is_upload = |path: &str| names_upload(path, operations.listed, &declared);
    for (_, paths) in &map {
        let Tree::List(paths) = paths else {
            return Err(refuse("`map` has something else than a list of paths"));
        };
        for path in paths {
            if !matches!(path, Tree::Text(path) if is_upload(path)) {
                return Err(refuse(
                    "`map` names something else than a variable that the document declares as `Upload`",
                ));
            }
        }
    }
    Ok(())
}

/// Returns whether a path is that of an upload: `variables.file`, `variables.files.0`, in a list with the number in front.
fn names_upload(path: &str, listed: bool, declared: &[Uploads]) -> bool {
    let mut keys = path.split('.');
    let at = if listed {
        keys.next().and_then(index)
    } else {
        Some(0)
    };
    let uploads = at.and_then(|at| declared.get(at));
    let (Some(uploads), Some("variables"), Some(name)) = (uploads, keys.next(), keys.next()) else {
        return false;
    };
    let items: Option<Vec<usize>> = keys.map(index).collect();
    let depth = uploads.get(name).copied().flatten();
    items
        .zip(depth)
        .is_some_and(|(items, depth)| items.len() <= depth)
}

/// Returns how many lists an upload lies in; `None` for any other type.
pub(crate) fn depth(kind: &cst::Type) -> Option<usize> {
    let named = |kind: &cst::NamedType| {
        let name = kind.name()?;
        (name.text() == UPLOAD).then_some(0)
    };
    let listed = |kind: &cst::ListType| Some(depth(&kind.ty()?)? + 1);
    match kind {
        cst::Type::NamedType(kind) => named(kind),
        cst::Type::ListType(kind) => listed(kind),
        cst::Type::NonNullType(kind) => {
            let inner = kind.named_type().and_then(|kind| named(&kind));
            inner.or_else(|| listed(&kind.list_type()?))
        }
    }
}

/// Reads a number in its one spelling.
fn index(text: &str) -> Option<usize> {
    let number = text.parse::<usize>().ok()?;
    (number.to_string() == text).then_some(number)
}

/// The variables of a document, with the number of lists in which each is declared to hold uploads; `None` for one that some
/// operation declares as anything else.
pub(crate) type Uploads = HashMap<String, Option<usize>>;

/// Finds the uploads that a document declares.
pub(crate) fn uploads(text: &str) -> Result<Uploads, Unreadable> {
    let document = ParsedDocument::parse(text)?;
    let mut uploads = Uploads::new();
    let all = document.operations.iter();
    for definition in all
        .filter_map(cst::OperationDefinition::variable_definitions)
        .flat_map(|definitions| definitions.variable_definitions())
    {
        let name = definition.variable().and_then(|variable| variable.name());
        let depth = definition.ty().and_then(|kind| depth(&kind));
        let name = name.map(|name| name.text().to_string()).unwrap_or_default();
        let known = uploads.entry(name).or_insert(depth);
        // `None` is the least.
        *known = (*known).min(depth);
    }
    Ok(uploads)
}
