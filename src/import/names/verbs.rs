//! Lists the verbs that a drafted action's name can end in, and what each says about the risk.
//!
//! INVARIANT: a verb is never renamed and never taken out: policies name it. New ones may be added.

/// What a verb says about the risk of a request, beyond its method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Only looks; whether that lowers a method is for `risk` to say.
    Reads,
    /// Only looks as `GET`; else it says no more than the method: a copy may go anywhere.
    Gets,
    /// Says no more than the method.
    Writes,
    /// Takes back what one did oneself; says no more than the method.
    Undoes,
    /// Destroys, locks out or hands over: high.
    Harms,
    /// Moves money, so the risk is high.
    Pays,
}

impl Effect {
    /// Returns whether it can be what a `GET` does.
    pub(crate) fn looks(self) -> bool {
        matches!(self, Self::Reads | Self::Gets)
    }
}

/// One verb and the words that mean it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verb {
    /// As it stands in names.
    pub(crate) name: &'static str,
    /// Other words for it.
    also: &'static [&'static str],
    pub(crate) effect: Effect,
}

impl Verb {
    /// Iterates over its name and the words that mean it.
    pub(crate) fn words(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.also.iter().copied())
    }
}

/// Declares the table, a line for each effect.
macro_rules! verbs {
    ($($effect:ident { $($name:ident $([$($also:ident),+])?),+ $(,)? })+) => {
        /// All verbs that names can end in.
        pub(crate) const VERBS: &[Verb] = &[$($(
            Verb { name: stringify!($name), also: &[$($(stringify!($also)),+)?], effect: Effect::$effect },
        )+)+];
    };
}

verbs! {
    Reads {
        get[fetch, read, retrieve, show, describe, view, obtain], list[enumerate, browse], search[find, query, lookup,
        discover], analyze[analyse, inspect, diagnose], autocomplete, calculate[compute, estimate, simulate], check[has,
        exists, is], compare[diff], count, explain, filter, poll, preview, render, suggest[recommend], validate[lint]
    }
    Gets {
        download, export[dump], generate, log, ping, test, verify, watch
    }
    Writes {
        create[new, make, insert, initialize, instantiate], update[edit, modify, change, adjust], replace[overwrite],
        set[upsert, define, configure], patch, accept, acknowledge[ack], activate, add[append], apply, approve, archive,
        assign[reassign], attach, authorize, begin, build, cancel[abort], checkin, claim, close, commit, complete, compose,
        confirm, connect, convert[transform], copy[duplicate, clone], decline, decrypt, deny, deploy, dequeue, detach,
        disconnect, dismiss, enable, encrypt, end, enqueue, evaluate, exchange, extend, finalize[finish], follow, fork,
        forward, grant, handle, heartbeat, hide, import[ingest], increment, install, invite, join, link, lock,
        login[signin], logout[signout], mark, merge, migrate, minimize, mount, move[relocate], mute, notify, open,
        pause, pin, process, promote, provision, publish, push, react, rebase, rebuild, receive, redeliver, refresh,
        register, reject, relay, release, rename, reopen, reorder, replay, reply, report, reprioritize, request,
        rerequest, rerun[redo], resend, reserve, resolve, restart, restore, restrict, resume, retire, retry, revert,
        review, rewrite, rollback, run[execute, invoke, trigger, dispatch, call], save, schedule, send, share, sign,
        skip, snooze, split, star, start, stop, store, submit, subscribe, switch, sync[synchronize], tag, toggle, track,
        trash, unarchive, unassign, unblock, undelete, unhide, unlock, unpublish, unresolve, unsuspend, upgrade, upload,
        vote, write
    }
    Undoes {
        unfollow, unlike, unlink, unmark, unminimize, unmute, unpin, unreact, unsnooze, unstar, unsubscribe, untag,
        unvote, unwatch
    }
    Harms {
        delete[destroy, erase], clear[empty, flush, truncate], ban, block, deactivate, deprovision, deregister, disable,
        drop, evict[kick], expire, force, leave, purge, redact, remove, reset, revoke[invalidate], rotate[regenerate,
        roll], suspend, terminate[kill], transfer, uninstall, unregister, wipe
    }
    Pays {
        pay, capture, charge, checkout, donate, payout, purchase[buy], refund, withdraw
    }
}

/// Words that may stand before a verb and stay there: `batch_delete`, `force_cancel`.
const ADVERBS: [&str; 5] = ["batch", "bulk", "force", "mass", "soft"];

/// Two words that are one verb, and that verb.
const TWO_WORDS: [(&str, &str, &str); 3] = [
    ("check", "in", "checkin"),
    ("check", "out", "checkout"),
    ("roll", "back", "rollback"),
];

/// Verbs that are as often the name of a thing: `check runs`, `watch`. Before a plural they are taken for one.
const ALSO_NOUNS: [&str; 19] = [
    "build", "charge", "check", "checkout", "copy", "deploy", "export", "filter", "fork", "import",
    "index", "log", "report", "release", "request", "review", "schedule", "tag", "test",
];

/// Nouns in front of another noun (`change_requests`), and verbs where they end a name (`passwordChange`).
const NOUNS_IN_FRONT: [&str; 1] = ["change"];

/// Returns whether a word is as often the name of a thing.
pub(crate) fn is_noun(word: &str) -> bool {
    ALSO_NOUNS.contains(&word)
}

/// A verb as it was found at the start of some words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) verb: &'static Verb,
    /// `bulk`, where that stood before it.
    pub(crate) adverb: Option<&'static str>,
    /// How many words it took.
    pub(crate) length: usize,
}

/// Returns the verb of a name.
pub(crate) fn named(name: &str) -> &'static Verb {
    VERBS.iter().find(|verb| verb.name == name).unwrap_or(&RUN)
}

/// What a custom method does that no listed word says.
const RUN: Verb = Verb {
    name: "run",
    also: &[],
    effect: Effect::Writes,
};

/// Returns the verb that a word means.
pub(crate) fn meant(word: &str) -> Option<&'static Verb> {
    VERBS
        .iter()
        .find(|verb| verb.name == word || verb.also.contains(&word))
}

/// Finds a verb at the start: `create`, `re run`, `bulk delete`, `create or update`.
pub(crate) fn leading(words: &[String]) -> Option<Found> {
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    if let Some(adverb) = ADVERBS.iter().find(|adverb| **adverb == word(0))
        && let Some(found) = leading(words.get(1..).unwrap_or_default())
        && found.adverb.is_none()
    {
        return Some(Found {
            adverb: Some(*adverb),
            length: found.length + 1,
            ..found
        });
    }
    let found = |verb, length| {
        Some(Found {
            verb,
            adverb: None,
            length,
        })
    };
    if word(0) == "re"
        && let Some(verb) = meant(&format!("re{}", word(1)))
    {
        return found(verb, 2);
    }
    let two = TWO_WORDS
        .iter()
        .find(|(one, two, _)| (word(0), word(1)) == (*one, *two));
    if let Some((_, _, name)) = two {
        return found(named(name), 2);
    }
    let verb = meant(word(0))?;
    let either = ["create", "add", "update", "replace", "insert"];
    if either.contains(&word(0)) && word(1) == "or" && meant(word(2)).is_some() {
        return found(named("set"), 3);
    }
    match (verb.name, word(1)) {
        ("search", "all") | ("get", "all") => found(named("list"), 2),
        ("search", "one") | ("get", "one") => found(named("get"), 2),
        _ => found(verb, 1),
    }
}

impl Found {
    /// Returns the last segment of the name.
    pub(crate) fn name(&self) -> String {
        match self.adverb {
            Some(adverb) => format!("{adverb}_{}", self.verb.name),
            None => self.verb.name.to_owned(),
        }
    }

    /// Returns whether the word is as likely a thing.
    pub(crate) fn may_be_noun(&self, words: &[String]) -> bool {
        self.adverb.is_none()
            && words
                .first()
                .is_some_and(|word| is_noun(word) || NOUNS_IN_FRONT.contains(&word.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::VERBS;

    #[test]
    fn no_word_means_two_verbs() {
        let mut seen = BTreeSet::new();
        for verb in VERBS {
            for word in verb.words() {
                assert!(seen.insert(word), "`{word}` is listed twice");
            }
        }
    }
}
