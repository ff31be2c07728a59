//! Estimates the risk that an operation's words say, and notes what a person must check.
//!
//! INVARIANT: words lower nothing but a `POST`, and that only if none of them writes; of several words the strictest counts.

use std::collections::BTreeSet;

use super::by_method;
use super::text::{Text, stems};
use super::word::{Does, does, each};
use crate::import::api::Operation;
use crate::import::names::verbs::{self, Effect};
use crate::import::names::words::{is_plural, plural};
use crate::model::action::Risk;

/// What joins two verbs.
const JOINTS: [&str; 3] = ["and", "or", "then"];

/// A risk, and what a person must look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) risk: Risk,
    pub(crate) judge: Option<String>,
}

/// Judges an operation by its method and words. `collections` are literal segments that name collections of the API.
pub(crate) fn judge(operation: &Operation, collections: &BTreeSet<String>) -> Said {
    let text = Text::of(operation);
    let method = operation.method.as_str();
    let base = if text.safe {
        Risk::Low
    } else {
        by_method(method)
    };
    let said = |risk: Risk, judge: Option<String>| Said {
        risk: base.max(risk),
        judge,
    };
    let odd = |word: &str| {
        Some(format!(
            "a {method} that would {word}: make sure of the risk"
        ))
    };
    if let Some(word) = destroys(&text) {
        return said(Risk::High, odd(word).filter(|_| text.safe));
    }
    if let Some(word) = title_destroys(&text) {
        return said(Risk::High, odd(&word));
    }
    if let Some(word) = writes_by_get(&text).filter(|_| text.safe) {
        return said(Risk::Medium, odd(word));
    }
    if let Some(word) = asks(&text) {
        let judge = format!("`{word}` may do more than look: make sure of the risk");
        return said(Risk::Medium, Some(judge));
    }
    let lowered = method == "POST" && !text.mutation && only_looks(&text, collections);
    Said {
        risk: if lowered { Risk::Low } else { base },
        judge: None,
    }
}

/// Returns whether an operation changes nothing by its method or kind.
pub(crate) fn is_safe(operation: &Operation) -> bool {
    Text::of(operation).safe
}

/// Returns the names of collections: literal segments that stand before a captured one.
pub(crate) fn collections<'a>(operations: impl Iterator<Item = &'a Operation>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for operation in operations {
        let names = operation.path.split('/');
        let nexts = operation.path.split('/').skip(1);
        let named = names
            .zip(nexts)
            .filter(|(name, next)| !name.contains('{') && next.contains('{'));
        found.extend(named.map(|(name, _)| name.to_ascii_lowercase()));
    }
    found
}

/// Returns the word by which id or path destroy something or move money.
fn destroys(text: &Text) -> Option<&str> {
    let all = std::iter::once(&text.id).chain(&text.path);
    let strictest = all
        .flat_map(|words| each(words))
        .find(|(_, does)| *does == Does::Destroy || (*does == Does::Pay && !text.safe));
    let harms = |word: &&String| {
        let effect = verbs::meant(word).map(|verb| verb.effect);
        matches!(effect, Some(Effect::Harms | Effect::Pays)) && !verbs::is_noun(word)
    };
    // `countReset`, `…/block`: where a verb stands, one that locks out does that.
    let last = text
        .own
        .last()
        .into_iter()
        .chain(text.tail().and_then(|tail| tail.first()));
    let last = last.filter(harms).map(String::as_str).next();
    strictest
        .map(|(word, _)| if word == "out" { "check out" } else { word })
        .or_else(|| last.filter(|_| !text.safe))
}

fn title_destroys(text: &Text) -> Option<String> {
    let words = text.title.iter().flat_map(|word| stems(word));
    words.into_iter().find(|word| does(word) == Does::Destroy)
}

/// Returns the word by which an operation writes although its method does not.
fn writes_by_get(text: &Text) -> Option<&str> {
    let anywhere = std::iter::once(&text.id)
        .chain(&text.path)
        .flat_map(|words| each(words))
        .find(|(_, does)| *does == Does::Write);
    let word = anywhere.map(|(word, _)| word);
    if text.is_part {
        // Fields of queries are named like things, and their descriptions are prose.
        return word;
    }
    let verb = |word: &&String| does(word) >= Does::MayWrite && !verbs::is_noun(word);
    let looks = |word: &String| {
        stems(word)
            .iter()
            .any(|stem| verbs::meant(stem).is_some_and(|verb| verb.effect.looks()))
    };
    let led =
        |words: &[String]| words.first().is_some_and(looks) || words.last().is_some_and(looks);
    let id = text.own.first().filter(verb);
    let id = id.filter(|_| text.own.len() > 1 && !led(&text.own));
    let told = led(&text.own) || text.title.first().is_some_and(looks);
    let tail = text
        .tail()
        .filter(|tail| !told && !tail.last().is_some_and(|word| is_plural(word)));
    let tail = tail.and_then(|tail| tail.first()).filter(verb);
    word.or_else(|| id.or(tail).map(String::as_str))
        .or_else(|| title_writes(text))
}

fn title_writes(text: &Text) -> Option<&str> {
    let title = &text.title;
    let at = |word: &str, least: Does| {
        stems(word)
            .iter()
            .any(|stem| does(stem) >= least && !verbs::is_noun(stem))
    };
    let first = title
        .first()
        .filter(|word| title.len() > 1 && at(word, Does::MayWrite));
    let joined = title.windows(2).find_map(|pair| match pair {
        [joint, word] if JOINTS.contains(&joint.as_str()) && at(word, Does::MayWrite) => Some(word),
        _ => None,
    });
    let anywhere = title.iter().find(|word| at(word, Does::Write));
    first.or(anywhere).or(joined).map(String::as_str)
}

/// Returns the word that lets the sender decide what is done.
fn asks(text: &Text) -> Option<&str> {
    let asks = |word: &&String| does(word) == Does::Ask;
    let tail = text.tail().and_then(|tail| tail.first());
    let verb = text.own.first().into_iter().chain(tail).find(asks);
    // `/runs/{run}` is a thing, and so may `run` be in an id.
    let mut anywhere = text.id.iter().chain(text.path.iter().flatten());
    let found = anywhere.find(|word| asks(word) && *word != "run");
    let found = verb.or(found.filter(|_| !text.safe));
    found
        .filter(|_| !(text.safe && text.is_part))
        .map(String::as_str)
}

/// Returns whether a name says that the operation looks, and nothing says that it writes.
fn only_looks(text: &Text, collections: &BTreeSet<String>) -> bool {
    let looks = |word: &&String| does(word) == Does::Look;
    let names_thing = |word: &String| {
        let many = plural(word);
        text.path.iter().flatten().any(|other| *other == many) || collections.contains(word)
    };
    let tail = text.tail().and_then(|tail| tail.first());
    let verb = text.own.first().into_iter().chain(tail).filter(looks);
    let said = verb.filter(|word| !names_thing(word)).count() > 0;
    let harmless = |words: &[String]| each(words).all(|(_, does)| does < Does::Ask);
    let joined = |words: &[String]| {
        words.windows(2).any(|pair| {
            matches!(pair, [joint, word] if JOINTS.contains(&joint.as_str()) && !looks(&word))
        })
    };
    // In prose, every form of a verb that is no name of a thing; in any place the plain form.
    let writes = |word: &String| {
        does(word) >= Does::MayWrite || stems(word).iter().any(|stem| does(stem) >= Does::Write)
    };
    let leads = text
        .prose
        .first()
        .is_some_and(|word| stems(word).iter().any(|stem| does(stem) >= Does::MayWrite));
    let behind_joint = text.prose.windows(2).any(|pair| {
        matches!(pair, [joint, word] if JOINTS.contains(&joint.as_str()) && stems(word).iter().any(|stem| does(stem) >= Does::MayWrite))
    });
    said && harmless(&text.id)
        && text.path.iter().all(|words| harmless(words))
        && !joined(&text.own)
        && !text.tail().is_some_and(joined)
        && !leads
        && !behind_joint
        && !text.prose.iter().any(writes)
}
