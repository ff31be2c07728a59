//! Compares what the words of a route's action say with what the file says of it: reads that write, and answers that hold secrets.

use crate::connector::model::naming::Name;
use crate::connector::model::route::Route;

/// Last words of actions that change something.
const WRITES: [&str; 28] = [
    "add", "approve", "archive", "cancel", "close", "create", "delete", "disable", "edit",
    "enable", "insert", "invite", "merge", "move", "publish", "purge", "put", "remove", "rename",
    "replace", "reset", "revoke", "rotate", "send", "set", "transfer", "update", "write",
];

/// First words of actions that change nothing, where the verb comes first.
const READS: [&str; 2] = ["get_", "list_"];

/// Last words of actions that make something new, which only the answer tells.
const MAKES: [&str; 9] = [
    "create",
    "exchange",
    "generate",
    "issue",
    "mint",
    "refresh",
    "regenerate",
    "reset",
    "rotate",
];

/// Words for what lets somebody in.
const SECRETS: [&str; 11] = [
    "token",
    "secret",
    "key",
    "credential",
    "password",
    "tokens",
    "secrets",
    "keys",
    "credentials",
    "passwords",
    "passphrase",
];

/// Methods that change nothing (RFC 9110 section 9.2.1).
const SAFE: [&str; 3] = ["GET", "HEAD", "OPTIONS"];

/// Returns whether every method of a route changes nothing.
pub(crate) fn has_safe_method(route: &Route) -> bool {
    let mut methods = route.matches.methods.iter();
    methods.all(|method| SAFE.contains(&&**method))
}

/// Returns the word by which a route says that it writes, although its method says that it does not.
pub(crate) fn writes_by_get(route: &Route) -> Option<&str> {
    if route.options.websocket || !has_safe_method(route) {
        return None;
    }
    // Some APIs begin with the verb: `get_delegation_set`.
    let last = fixed(route)?.rsplit('.').next()?;
    let reads = READS.iter().any(|verb| last.starts_with(verb));
    last_word(route).filter(|word| !reads && WRITES.contains(word))
}

/// Returns the word by which a route says that its answer holds a credential, although nothing is said under `response_secrets`.
pub(crate) fn hands_out(route: &Route) -> Option<&str> {
    let writes = route.matches.methods.iter();
    let writes = writes.filter(|method| ["POST", "PUT", "PATCH"].contains(&&***method));
    if writes.count() == 0 || route.options.response_secrets_stated {
        return None;
    }
    // The connector's id is a name of its own.
    let (_, action) = fixed(route)?.split_once('.')?;
    made_credential(action)
}

/// Returns the word by which an action, its name without the connector, says that it makes a credential.
#[must_use]
pub fn made_credential(action: &str) -> Option<&str> {
    let mut words = action.split(['.', '_', '-']);
    let verb = action.rsplit(['.', '_', '-']).next()?;
    MAKES.contains(&verb).then_some(())?;
    words.find(|word| SECRETS.contains(word))
}

fn last_word(route: &Route) -> Option<&str> {
    fixed(route)?.rsplit(['.', '_', '-']).next()
}

fn fixed(route: &Route) -> Option<&str> {
    match &route.name {
        Name::Fixed(name) => Some(name.as_str()),
        Name::Made(_) => None,
    }
}
