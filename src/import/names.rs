//! Names actions, `resource.verb`, from the paths, ids and titles of operations by fixed rules.
//!
//! INVARIANT: a name depends on its own operation and on the shape of the API's paths, not on the order in which operations
//! are described; no two operations of one API have the same; the last segment is a verb of the one list.

mod choice;
mod phrase;
mod resource;
mod unique;
pub(crate) mod verbs;
pub(crate) mod words;

use super::api::{Api, Operation, RequestPart};
use super::existing::Existing;
use phrase::Phrase;
use resource::Paths;
use verbs::{Effect, Found, Verb};
use words::words;

pub(crate) use phrase::own_words;
pub(crate) use resource::{ENDINGS, is_noise};

/// What an operation is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    /// From the outside in; empty where a verb says everything, as `search`.
    pub(crate) resource: Vec<String>,
    /// What the verb is done to; the resource may go on with what tells two operations apart.
    pub(crate) noun: String,
    /// As it stands in the name: `create`, `bulk_delete`.
    pub(crate) verb: String,
    /// The listed verb in it.
    pub(crate) means: &'static Verb,
    /// Words of the operation's id that the name does not say; they tell apart what would be called the same.
    spare: Vec<String>,
}

impl Name {
    /// Returns the name without the connector's id.
    pub(crate) fn text(&self) -> String {
        let mut parts: Vec<&str> = self.resource.iter().map(String::as_str).collect();
        parts.push(&self.verb);
        parts.join(".")
    }
}

/// Names all operations of an API, in their order.
pub(crate) fn of(api: &Api, id: &str, existing: &Existing) -> Vec<Name> {
    let paths = Paths::of(api);
    let names = api
        .operations
        .iter()
        .map(|operation| without_id(with_resource(one(operation, &paths), operation), id))
        .collect();
    unique::tell_apart(&api.operations, names, existing)
}

/// Returns a text as the name of a parameter: `[a-z][a-z0-9_]*`.
pub(crate) fn parameter(text: &str) -> String {
    let joined = words(text).join("_");
    match joined.bytes().next() {
        None => "value".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("n{joined}"),
        Some(_) => joined,
    }
}

/// A name has a resource, and neither a version nor `api` in it.
fn with_resource(mut name: Name, operation: &Operation) -> Name {
    name.resource
        .retain(|segment| !is_noise(segment, false) && !resource::says_api(segment));
    if name.resource.is_empty() {
        let thing = match (name.means.name, &operation.part) {
            ("login" | "logout", _) | (_, Some(RequestPart::Rpc(_))) => "session",
            _ if name.means.effect.looks() => "content",
            _ => "service",
        };
        name.resource.push(thing.to_owned());
        thing.clone_into(&mut name.noun);
    }
    name
}

/// The connector's id stands in front anyway, and `tunnel.open` and `unknown` are the gateway's own.
fn without_id(mut name: Name, id: &str) -> Name {
    while name.resource.first().is_some_and(|first| first == id) {
        if name.resource.len() > 1 {
            name.resource.remove(0);
        } else {
            name.resource = vec![words::plural(id)];
        }
    }
    if name.text() == "tunnel.open" {
        name.resource.push("connection".to_owned());
    }
    name
}

/// Names one operation, without regard to others of the same name.
fn one(operation: &Operation, paths: &Paths) -> Name {
    match &operation.part {
        Some(RequestPart::Graphql(field)) => return graphql(field, operation.answer.list),
        Some(RequestPart::Rpc(method)) => return rpc(method),
        None => {}
    }
    let mut resource = paths.resource(operation);
    let phrase = Phrase::of(operation);
    let (verb, mut object) = choice::verb(operation, &phrase, &mut resource, paths);
    let mut segments = resource.segments;
    if operation.resource.is_some() {
        object = Some(phrase.object_segment());
    }
    if let Some(object) =
        object.filter(|object| !object.is_empty() && segments.last() != Some(object))
    {
        segments.push(object);
    }
    drop_verb(&mut segments, &verb);
    if segments.is_empty() {
        let subject = phrase.subject(operation, verb.verb.name);
        segments.extend((!subject.is_empty()).then_some(subject));
    }
    let said = |word: &String| {
        let one = words::singular(word);
        segments
            .iter()
            .any(|segment| segment.split('_').any(|part| part == one || part == *word))
    };
    let spare = phrase
        .rest
        .iter()
        .filter(|word| !said(word))
        .cloned()
        .collect();
    Name {
        noun: segments.last().cloned().unwrap_or_default(),
        verb: verb.name(),
        means: verb.verb,
        resource: segments,
        spare,
    }
}

/// A resource that only repeats the verb says nothing: `repo.merge.merge`, `issue.lock.unlock`. The lists of a board are a thing.
fn drop_verb(segments: &mut Vec<String>, verb: &Found) {
    let Some(last) = segments.last() else { return };
    let repeats = *last == verb.verb.name || format!("un{last}") == verb.verb.name;
    if repeats && last != "list" && (segments.len() > 1 || verb.verb.effect != Effect::Reads) {
        segments.pop();
    }
}

/// Names a method of JSON-RPC: `tools/call`, `notifications/cancelled`, `eth_getBalance`.
fn rpc(method: &str) -> Name {
    let mut pieces: Vec<&str> = method.split(['/', '.', '_']).collect();
    let last = words(pieces.pop().unwrap_or_default());
    let found = verbs::leading(&last);
    let (verb, rest) = match &found {
        Some(found) => (found.clone(), last.get(found.length..).unwrap_or_default()),
        None => (
            Found {
                verb: verbs::named("run"),
                adverb: None,
                length: 0,
            },
            last.as_slice(),
        ),
    };
    let outer = pieces
        .into_iter()
        .map(|piece| words::segment(&words(piece)));
    let inner = std::iter::once(words::segment(rest));
    let mut segments: Vec<String> = outer.chain(inner).filter(|text| !text.is_empty()).collect();
    segments.dedup();
    Name {
        noun: segments.last().cloned().unwrap_or_default(),
        verb: verb.name(),
        means: verb.verb,
        resource: segments,
        spare: words(method),
    }
}

/// Names a GraphQL field: `createPullRequest`, `issueCreate`, `repository`.
fn graphql(field: &str, list: bool) -> Name {
    let (kind, field) = field.split_once('.').unwrap_or(("query", field));
    let words = words(field);
    let writes = kind == "mutation";
    let front = verbs::leading(&words);
    let back = words.split_last().filter(|(_, front)| !front.is_empty());
    // `dequeuePullRequest` requests nothing.
    let back = back.filter(|(last, _)| !verbs::is_noun(last));
    let back = back.and_then(|(last, front)| Some((verbs::meant(last)?, front)));
    let default = match (kind, list) {
        ("mutation", _) => "run",
        ("subscription", _) => "subscribe",
        (_, true) => "list",
        (_, false) => "get",
    };
    let single = |verb| Found {
        verb,
        adverb: None,
        length: 0,
    };
    let does = |verb: &Verb| !verb.effect.looks();
    let (verb, rest) = match (front, back) {
        // `filterDelete` deletes a filter.
        (Some(front), Some((verb, rest))) if writes && !does(front.verb) && does(verb) => {
            (single(verb), rest.to_vec())
        }
        (Some(front), _) if writes || front.verb.effect.looks() => {
            let rest = words.get(front.length..).unwrap_or_default().to_vec();
            (front, rest)
        }
        (_, Some((verb, front))) if writes || verb.effect.looks() => (single(verb), front.to_vec()),
        _ => (single(verbs::named(default)), words.clone()),
    };
    let (object, mut spare) = phrase::object(&rest);
    if object.last().is_some_and(|word| words::is_plural(word)) {
        spare.push("several".to_owned());
    }
    let noun = words::segment(&object);
    Name {
        resource: (!noun.is_empty())
            .then(|| noun.clone())
            .into_iter()
            .collect(),
        noun,
        verb: verb.name(),
        means: verb.verb,
        spare,
    }
}
