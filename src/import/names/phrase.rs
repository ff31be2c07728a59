//! Reads an operation's id or title as words: a verb, its object, and the rest.

use super::verbs::{self, Effect, Found};
use super::words::{is_plural, segment, words};
use crate::import::api::Operation;

/// Words that join and say nothing.
const JOINTS: [&str; 20] = [
    "a", "an", "and", "as", "at", "by", "for", "from", "in", "into", "of", "on", "or", "per",
    "the", "to", "using", "via", "with", "within",
];
/// First words that only repeat the method; a path tells more.
const METHODS: [&str; 7] = ["get", "put", "post", "patch", "delete", "head", "options"];

/// The words of one operation.
#[derive(Debug, Default)]
pub(crate) struct Phrase {
    /// `None` where the words have none, or only repeat the method.
    pub(crate) verb: Option<Found>,
    /// What stands behind the verb, up to the first joint.
    object: Vec<String>,
    /// Whether that is several.
    pub(crate) plural: bool,
    /// Everything behind the verb but joints.
    pub(crate) rest: Vec<String>,
}

impl Phrase {
    /// Reads the id; where that has no verb, the title's first word may be one.
    pub(crate) fn of(operation: &Operation) -> Self {
        let id = operation.id.as_deref();
        let id = id.map(|id| Self::of_id(id, operation));
        let id = id.unwrap_or_default();
        if id.verb.is_some() {
            return id;
        }
        let title = operation
            .title
            .as_deref()
            .map(Self::of_title)
            .unwrap_or_default();
        let fits = title
            .verb
            .as_ref()
            .is_some_and(|found| fits(found, &operation.method));
        if !fits {
            return id;
        }
        Self {
            // A title is prose, its nouns change with every edition; an id's do not.
            verb: title.verb,
            plural: title.plural || id.plural,
            ..id
        }
    }

    fn of_id(id: &str, operation: &Operation) -> Self {
        let mut said = own_words(id);
        if !matches!(operation.method.as_str(), "GET" | "HEAD" | "OPTIONS")
            && names_what_it_does_last(&said)
        {
            said.rotate_right(1);
        }
        let behind = collection(&said, &operation.path).unwrap_or(&said);
        Self::of_words(behind, id.contains(['/', '.']))
    }

    fn of_title(title: &str) -> Self {
        let mut all = words(title.split(['.', ',', ';', '(']).next().unwrap_or_default());
        if let Some(first) = all.first_mut()
            && verbs::meant(first).is_none()
        {
            *first = imperative(first);
        }
        let mut phrase = Self::of_words(&all, true);
        if phrase.verb.is_none() {
            let first = all.first().map_or("", String::as_str);
            phrase.verb = (first == "delete").then(|| verbs::leading(&all)).flatten();
        }
        phrase
    }

    fn of_words(all: &[String], curated: bool) -> Self {
        let first = all.first().map_or("", String::as_str);
        // `post-search`, `GetCharges`: the method again. `drive.files.get` and `issues/get` are chosen words, and say the same.
        let repeats = METHODS.contains(&first);
        let found = verbs::leading(all);
        let behind = if repeats {
            1
        } else {
            found.as_ref().map_or(0, |found| found.length)
        };
        let (object, _) = object(all.get(behind..).unwrap_or_default());
        Self {
            plural: object.last().is_some_and(|word| is_plural(word))
                || all.iter().any(|word| word == "all"),
            rest: all
                .get(behind..)
                .unwrap_or_default()
                .iter()
                .filter(|word| !JOINTS.contains(&word.as_str()) && !is_version(word))
                .cloned()
                .collect(),
            object,
            verb: found.filter(|_| !repeats || (curated && first == "delete")),
        }
    }

    /// Returns what stands behind the verb as a segment; empty for nothing.
    pub(crate) fn object_segment(&self) -> String {
        segment(&self.object)
    }

    /// Returns what an operation without a resource in its path is about.
    ///
    /// Empty where there is no word but the verb.
    pub(crate) fn subject(&self, operation: &Operation, verb: &str) -> String {
        let tag = || operation.tags.first().map(|tag| segment(&words(tag)));
        let captured = || {
            let last = operation
                .path
                .rsplit('{')
                .next()
                .filter(|_| operation.path.contains('{'))?;
            let mut words = words(last.split('}').next().unwrap_or_default());
            words.retain(|word| !["id", "key", "name"].contains(&word.as_str()));
            Some(segment(&words))
        };
        let own = Some(segment(&self.object));
        let usable = |text: &String| !text.is_empty() && text != verb;
        own.filter(usable)
            .or_else(|| tag().filter(usable))
            .or_else(|| captured().filter(usable))
            .unwrap_or_else(|| {
                if ["get", "list"].contains(&verb) {
                    "root".to_owned()
                } else {
                    String::new()
                }
            })
    }
}

/// `listIdCreate`, `filterDelete`: the first word names a thing that has the name of a verb that looks.
fn names_what_it_does_last(said: &[String]) -> bool {
    let looks = |word: &String| verbs::meant(word).is_some_and(|verb| verb.effect.looks());
    let does = |word: &String| {
        !verbs::is_noun(word) && verbs::meant(word).is_some_and(|verb| !verb.effect.looks())
    };
    said.len() > 1 && said.first().is_some_and(looks) && said.last().is_some_and(does)
}

/// Returns the words of an id that name the operation itself.
pub(crate) fn own_words(id: &str) -> Vec<String> {
    let last = id.rsplit(['/', '.', ':']).next().unwrap_or(id);
    // `UsersController_findAll`: what stands before `_` is the class.
    let own = match last.rsplit_once('_') {
        Some((class, method))
            if class.starts_with(|c: char| c.is_ascii_uppercase()) && !class.contains('_') =>
        {
            method
        }
        _ => last,
    };
    words(own)
}

/// `change-request-policies-get` about `/change_request_policies` changes nothing: returns what stands behind a collection of the path
/// whose name begins like a verb.
fn collection<'w>(said: &'w [String], path: &str) -> Option<&'w [String]> {
    verbs::leading(said)?;
    let names = path.split('/').map(words);
    let mut collections =
        names.filter(|name| name.len() > 1 && name.last().is_some_and(|last| is_plural(last)));
    collections.find_map(|name| {
        let rest = said.strip_prefix(name.as_slice())?;
        (!rest.is_empty()).then_some(rest)
    })
}

/// Returns whether a verb can be what a method does.
fn fits(found: &Found, method: &str) -> bool {
    match method {
        "GET" | "HEAD" | "OPTIONS" => found.verb.effect.looks(),
        "DELETE" => found.verb.effect != Effect::Reads && found.verb.effect != Effect::Pays,
        "PUT" | "PATCH" => found.verb.effect != Effect::Reads && found.verb.name != "create",
        // `Retrieve a token` by `POST` makes one.
        _ => found.verb.name != "get" && found.verb.name != "list",
    }
}

fn is_version(word: &str) -> bool {
    word.strip_prefix('v')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// `Creates`, `Deletes`, `Fetches`: the word without its ending.
fn imperative(word: &str) -> String {
    let stems = [word.strip_suffix('s'), word.strip_suffix("es")];
    let known = stems
        .into_iter()
        .flatten()
        .find(|stem| verbs::meant(stem).is_some());
    known.unwrap_or(word).to_owned()
}

/// Splits words into those before the first joint (or after one at the very start), and the rest without joints.
pub(crate) fn object(words: &[String]) -> (Vec<String>, Vec<String>) {
    let is_joint = |word: &&String| JOINTS.contains(&word.as_str());
    let skipped = words.iter().take_while(is_joint).count();
    let words = words.get(skipped..).unwrap_or_default();
    let end = words
        .iter()
        .position(|word| is_joint(&word))
        .unwrap_or(words.len());
    let (object, rest) = words.split_at_checked(end).unwrap_or((words, &[]));
    let rest = rest
        .iter()
        .filter(|word| !is_joint(word))
        .cloned()
        .collect();
    let object = object
        .iter()
        .filter(|word| *word != "all")
        .cloned()
        .collect();
    (object, rest)
}
