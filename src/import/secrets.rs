//! Recognises names of credentials: of a property that holds one, and of an operation that is about one.

use super::api::Kind;
use super::names::words::words;

/// Last words of properties that hold a credential.
const PROPERTIES: [&str; 9] = [
    "credential",
    "jit_config",
    "passphrase",
    "password",
    "pem",
    "private_key",
    "secret",
    "secret_key",
    "token",
];
/// Keys are public as often as not; these are not.
const KEYS: [&str; 4] = ["api_key", "access_key", "signing_key", "auth_key"];
/// Words that make a token harmless: it says where a list goes on, or how much a text costs.
const HARMLESS: [&str; 17] = [
    "cancel",
    "continuation",
    "continue",
    "csrf",
    "cursor",
    "has",
    "hide",
    "max",
    "next",
    "page",
    "poll",
    "previous",
    "public",
    "resume",
    "skip",
    "sync",
    "total",
];
/// Words of operations that are about a credential.
const SUBJECTS: [&str; 12] = [
    "apikey",
    "credential",
    "credentials",
    "key",
    "keys",
    "login",
    "password",
    "passwords",
    "secret",
    "secrets",
    "token",
    "tokens",
];

/// Returns whether a property of this name holds a credential.
pub(crate) fn is_secret(name: &str) -> bool {
    let words = words(name);
    let joined = words.join("_");
    let ends = |list: &[&str]| {
        list.iter()
            .any(|end| joined == *end || joined.ends_with(&format!("_{end}")))
    };
    !words.iter().any(|word| HARMLESS.contains(&word.as_str()))
        && (ends(&PROPERTIES) || ends(&KEYS))
}

/// Names of values that must not be readable in a record, although no answer hands them out.
const VALUES: [&str; 16] = [
    "accesskey",
    "apikey",
    "authorization",
    "clientsecret",
    "credentials",
    "cvc",
    "cvv",
    "otp",
    "passcode",
    "passwd",
    "pin",
    "privatekey",
    "pwd",
    "secretkey",
    "secrets",
    "signature",
];

/// Returns whether a value that is sent under this name is a secret. A switch never is.
pub(crate) fn is_secret_value(name: &str, kind: Kind) -> bool {
    let ends = |word: &String| VALUES.contains(&word.as_str());
    kind != Kind::Bool && (is_secret(name) || words(name).last().is_some_and(ends))
}

/// Returns whether a name of an operation says that it is about a credential.
pub(crate) fn is_about_secrets<'a>(words: impl IntoIterator<Item = &'a str>) -> bool {
    words
        .into_iter()
        .any(|word| word.split('_').any(|part| SUBJECTS.contains(&part)))
}

/// Returns the `JSONPath` one name deeper.
pub(crate) fn step(path: &str, name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if plain {
        return format!("{path}.{name}");
    }
    let escaped = name.replace('\\', "\\\\").replace('\'', "\\'");
    format!("{path}['{escaped}']")
}
