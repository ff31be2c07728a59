//! Finds how a `curl` command authenticates: by which headers and query keys. The secrets themselves are not read.

use super::Command;
use crate::import::api::Mark;
use crate::import::names::words::words;
use crate::import::secrets;

pub(crate) const COOKIES: &str = "the command sends cookies, which the gateway does not put on";
/// Words that stand before a secret in `Authorization`.
const SCHEMES: [&str; 9] = [
    "ApiKey ",
    "Api-Key ",
    "Bot ",
    "GenieKey ",
    "JWT ",
    "Key ",
    "SSWS ",
    "Token ",
    "token ",
];
/// Words of headers that hold a credential.
const SECRET_WORDS: [&str; 14] = [
    "apikey",
    "auth",
    "authorization",
    "credential",
    "jwt",
    "key",
    "password",
    "pat",
    "secret",
    "session",
    "signature",
    "token",
    "csrf",
    "xsrf",
];
/// What browsers add to every request by themselves, beside all that begin with `sec-`; the API does not ask for it.
const BROWSERS: [&str; 7] = [
    "cache-control",
    "dnt",
    "pragma",
    "priority",
    "referer",
    "te",
    "upgrade-insecure-requests",
];
/// Query keys that hold a credential although they do not end in `token` or the like.
const SECRET_KEYS: [&str; 8] = [
    "apikey",
    "appid",
    "auth",
    "key",
    "sig",
    "signature",
    "token",
    "api_token",
];

/// Returns whether a query key holds a credential.
pub(crate) fn is_key(name: &str) -> bool {
    secrets::is_secret(name) || SECRET_KEYS.contains(&name.to_ascii_lowercase().as_str())
}

/// Reads a header: one that holds a credential becomes how that is put on, one that may matter is named.
pub(crate) fn header(name: &str, value: &str, command: &mut Command) -> Option<Mark> {
    let token = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if name.is_empty() || !name.chars().all(token) {
        return None;
    }
    if name == "authorization" {
        let (scheme, secret) = value.split_once(' ').unwrap_or(("", value));
        let known = SCHEMES.iter().find(|known| known.trim_end() == scheme);
        return match (scheme.to_ascii_lowercase().as_str(), known) {
            ("bearer", _) => Some(Mark::Bearer("token")),
            ("basic", _) => Some(Mark::Basic),
            ("", _) => Some(Mark::Header("Authorization".to_owned(), "")),
            (_, Some(known)) if !secret.contains(' ') => {
                Some(Mark::Header("Authorization".to_owned(), known))
            }
            (_, _) => {
                command.remark("the command's `Authorization` is of a kind that is not known here: write how it is put on");
                None
            }
        };
    }
    if name == "cookie" {
        command.remark(COOKIES);
        return None;
    }
    let words = words(name);
    if words
        .iter()
        .any(|word| SECRET_WORDS.contains(&word.as_str()))
    {
        return Some(Mark::Header(capitals(name), ""));
    }
    let by_browser = BROWSERS.contains(&name) || name.starts_with("sec-");
    if !by_browser {
        command.seen.headers.push(name.to_owned());
    }
    None
}

/// Writes `x-api-key` as people do: `X-Api-Key`.
fn capitals(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| {
            format!("{}{}", first.to_ascii_uppercase(), letters.as_str())
        })
    });
    words.collect::<Vec<_>>().join("-")
}
