//! Lists what single words do to an operation's risk; every other word counts as the verb that names would end in.

use crate::import::names::verbs::{self, Effect};

/// What one word does to an operation's risk, the strictest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Does {
    Nothing,
    /// The only verbs that can make a `POST` low.
    Look,
    /// Its sender decides what it does.
    Ask,
    /// It may as well be the name of a thing.
    MayWrite,
    Write,
    /// High in an id and in a path.
    Pay,
    /// Makes the risk high wherever it occurs.
    Destroy,
}

/// What words do that do more or less than the verb that a name would end in.
const WORDS: [(Does, &[&str]); 5] = [
    (
        Does::Look,
        &["check", "count", "find", "get", "list", "preview", "search"],
    ),
    (
        Does::Ask,
        &["execute", "graphql", "query", "run", "simulate", "sql"],
    ),
    (
        Does::Write,
        &[
            "activate",
            "add",
            "allocate",
            "append",
            "approve",
            "assign",
            "attach",
            "cancel",
            "checkin",
            "configure",
            "create",
            "deactivate",
            "deny",
            "deregister",
            "detach",
            "disable",
            "dismiss",
            "enable",
            "enqueue",
            "evict",
            "exec",
            "finalize",
            "insert",
            "instantiate",
            "invalidate",
            "migrate",
            "modify",
            "notify",
            "publish",
            "reassign",
            "reboot",
            "regenerate",
            "replace",
            "restart",
            "restore",
            "send",
            "spawn",
            "submit",
            "subscribe",
            "suspend",
            "swap",
            "unassign",
            "uninstall",
            "unregister",
            "unsubscribe",
            "upsert",
        ],
    ),
    (Does::Pay, &["checkout", "refund", "withdraw"]),
    (
        Does::Destroy,
        &[
            "delete",
            "destroy",
            "drop",
            "erase",
            "purge",
            "remove",
            "revoke",
            "terminate",
            "wipe",
        ],
    ),
];
/// Two words that are one verb.
const PAIRS: [(&str, &str, Does); 2] = [("check", "in", Does::Write), ("check", "out", Does::Pay)];
/// Returns what a word does by itself.
pub(crate) fn does(word: &str) -> Does {
    let listed = WORDS.iter().find(|(_, words)| words.contains(&word));
    if let Some((does, _)) = listed {
        return *does;
    }
    if is_glued(word, Does::Destroy) {
        return Does::Destroy;
    }
    match verbs::meant(word).map(|verb| verb.effect) {
        Some(Effect::Reads | Effect::Gets) => Does::Nothing,
        Some(Effect::Writes | Effect::Undoes | Effect::Harms | Effect::Pays) => Does::MayWrite,
        None if is_glued(word, Does::Write) => Does::Write,
        None => Does::Nothing,
    }
}

/// `deleteall`, `bulkdelete`: a verb written together with another word. Short ones are parts of other words: `dropdown`.
fn is_glued(word: &str, wanted: Does) -> bool {
    let listed = WORDS.iter().filter(|(does, _)| *does == wanted);
    let mut verbs = listed
        .flat_map(|(_, words)| words.iter())
        .filter(|verb| verb.len() > 4);
    verbs.any(|verb| {
        let behind = word.strip_prefix(verb).filter(|_| wanted == Does::Destroy);
        let before = word.strip_suffix(verb);
        // What is deleted, and who deletes, deletes nothing here; `undelete` does the opposite.
        let noun = behind.is_some_and(|rest| ["d", "ed", "r", "er", "rs", "ers"].contains(&rest));
        (behind.is_some() && !noun)
            || before.is_some_and(|rest| !["un", "de", "re", "in"].contains(&rest))
    })
}

/// Returns what a word does that stands behind another.
fn does_behind(before: Option<&String>, word: &str) -> Does {
    let before = before.map_or("", String::as_str);
    let pair = PAIRS
        .iter()
        .find(|(one, two, _)| *one == before && *two == word);
    match pair {
        Some((_, _, does)) => *does,
        // `un-delete`
        None if before == "un" => Does::MayWrite,
        None => does(word),
    }
}

/// Iterates over the words of a list with what each does.
pub(crate) fn each(words: &[String]) -> impl Iterator<Item = (&str, Does)> {
    let befores = std::iter::once(None).chain(words.iter().map(Some));
    words
        .iter()
        .zip(befores)
        .map(|(word, before)| (word.as_str(), does_behind(before, word)))
}
