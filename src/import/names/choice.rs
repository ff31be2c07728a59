//! Chooses the verb that a name ends in: from the end of its path, its id, or its method.

use super::phrase::Phrase;
use super::resource::{self, Paths};
use super::verbs::{self, Found};
use super::words;
use crate::import::api::{Body, Field, FieldPlace, Operation};

/// Chooses the verb; what stands in the last literal of the path and is said by the verb leaves the resource.
pub(crate) fn verb(
    operation: &Operation,
    phrase: &Phrase,
    resource: &mut resource::Resource,
    paths: &Paths,
) -> (Found, Option<String>) {
    let safe = matches!(operation.method.as_str(), "GET" | "HEAD" | "OPTIONS");
    let single = |name: &str| Found {
        verb: verbs::named(name),
        adverb: None,
        length: 1,
    };
    if let Some(custom) = resource.custom.take() {
        let found = verbs::leading(&custom).unwrap_or(Found {
            length: 0,
            ..single("run")
        });
        let rest = custom.get(found.length..).unwrap_or_default();
        return (found, (!rest.is_empty()).then(|| words::segment(rest)));
    }
    if let Some(last) = resource.literal.clone()
        && let Some(found) = verbs::leading(&last)
        && (resource.called || is_done(&found, &last, operation, phrase, resource.segments.len()))
    {
        resource.segments.pop();
        let rest = last.get(found.length..).unwrap_or_default();
        let object = (!rest.is_empty()).then(|| words::segment(rest));
        // `…/add` that the id calls `bulk-add` is that.
        let said = phrase.verb.clone();
        let said = said.filter(|said| said.verb == found.verb && found.adverb.is_none());
        return (said.unwrap_or(found), object);
    }
    if safe && paths.starts_with_search(operation) && resource.segments.len() > 1 {
        resource.segments.remove(0);
        return (single("search"), None);
    }
    let chosen = match &phrase.verb {
        Some(said) if said.verb.name == "get" && safe && said.adverb.is_none() => None,
        Some(said) if said.verb.name == "update" && operation.method == "PUT" => None,
        Some(said) => Some(said.clone()),
        None => None,
    };
    let mut chosen =
        chosen.unwrap_or_else(|| single(by_method(operation, phrase, resource, paths)));
    let one_by_one = ["update", "replace", "delete", "remove"].contains(&chosen.verb.name)
        && chosen.adverb.is_none();
    if one_by_one
        && operation.method != "POST"
        && resource.plural
        && paths.has_items(&operation.path)
    {
        // A collection, not one of it.
        chosen = match operation.method.as_str() {
            "DELETE" if !says_which(operation) => single("clear"),
            _ => Found {
                adverb: Some("bulk"),
                ..chosen
            },
        };
    }
    (chosen, None)
}

/// Returns whether the last literal is what is done, not what it is done to: `PUT …/merge` merges, `GET` and `DELETE …/merge` look
/// at it and take it back.
fn is_done(
    found: &Found,
    last: &[String],
    operation: &Operation,
    phrase: &Phrase,
    depth: usize,
) -> bool {
    let method = operation.method.as_str();
    let said = phrase.verb.as_ref();
    if said.is_some_and(|said| said.verb == found.verb) {
        return true;
    }
    let reads = found.verb.effect.looks();
    let acts =
        matches!(method, "POST" | "PUT") || (matches!(method, "GET" | "HEAD" | "OPTIONS") && reads);
    let noun = found.may_be_noun(last);
    let whole = found.length == last.len();
    let plural = last.last().is_some_and(|word| words::is_plural(word));
    match (whole, noun) {
        (true, true) => acts && said.is_none() && depth > 1 && method != "GET",
        (true, false) => acts,
        (false, _) => acts && said.is_none() && !(noun && plural),
    }
}

fn by_method(
    operation: &Operation,
    phrase: &Phrase,
    resource: &resource::Resource,
    paths: &Paths,
) -> &'static str {
    let collection = resource.literal.is_some();
    match operation.method.as_str() {
        // The description names its methods with care: `get` is not a list, and what is no listed verb is still done.
        "GET" if operation.resource.is_some() => "get",
        "POST" if operation.resource.is_some() => "run",
        "GET" if collection && is_list(operation, phrase, resource, paths) => "list",
        "GET" | "OPTIONS" => "get",
        "HEAD" => "check",
        "DELETE" => "delete",
        "POST" if collection => "create",
        "PUT" if paths.has(&operation.path, "PATCH") => "replace",
        _ => "update",
    }
}

fn is_list(
    operation: &Operation,
    phrase: &Phrase,
    resource: &resource::Resource,
    paths: &Paths,
) -> bool {
    let said = phrase.verb.as_ref().map(|said| said.verb.name);
    if resource.mine && resource.segments.len() == 1 {
        return false;
    }
    operation.answer.list
        || said == Some("list")
        || resource.plural
        || phrase.plural
        || paths.has_items(&operation.path)
}

/// A `DELETE` of a collection whose body or query names what goes does not clear it.
fn says_which(operation: &Operation) -> bool {
    let needed = |field: &Field| field.required && field.place == FieldPlace::Query;
    operation.body != Body::Absent || operation.fields.iter().any(needed)
}
