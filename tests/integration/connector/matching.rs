//! The trie agrees with a matcher that is too simple to be wrong.

use std::cmp::Ordering;

use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof};
use proptest::sample::select;

use super::{ask, routes};
use crate::support::property::{Cases, Claim, holds};

/// How literal a pattern segment is, for a segment that it accepts; `None` where it does not.
fn rank(pattern: &str, text: &str) -> Option<u8> {
    match pattern.split_once('{') {
        None => (pattern == text).then_some(3),
        Some(("", "x}")) => (!text.is_empty()).then_some(1),
        Some((prefix, _)) => (text.len() > prefix.len() && text.starts_with(prefix)).then_some(2),
    }
}

/// Returns the rank of every segment, the method's first.
fn ranks(pattern: &(String, Vec<String>), method: &str, path: &[String]) -> Option<Vec<u8>> {
    let method = match pattern.0.as_str() {
        "*" => 0,
        own if own == method => 2,
        "GET" if method == "HEAD" => 1,
        _ => return None,
    };
    let mut ranks = vec![method];
    for (at, segment) in pattern.1.iter().enumerate() {
        if segment == "{*r}" {
            if path.len() <= at || (path.len() == at + 1 && path[at].is_empty()) {
                return None;
            }
            ranks.resize(path.len() + 1, 0);
            return Some(ranks);
        }
        ranks.push(rank(segment, path.get(at)?)?);
    }
    (ranks.len() == path.len() + 1).then_some(ranks)
}

fn beats(one: &[u8], two: &[u8]) -> bool {
    one.iter()
        .zip(two)
        .all(|(one, two)| one.cmp(two) != Ordering::Less)
        && one != two
}

fn patterns() -> impl Strategy<Value = Vec<(String, Vec<String>)>> {
    let segment = prop_oneof![
        4 => select(vec!["a", "b", "ab"]).prop_map(str::to_owned),
        3 => Just("{x}".to_owned()),
        1 => Just("a{x}".to_owned()),
    ];
    let rest = any::<bool>().prop_map(|rest| rest.then(|| "{*r}".to_owned()));
    let path = (proptest::collection::vec(segment, 1..4), rest).prop_map(|(mut path, rest)| {
        path.extend(rest);
        path
    });
    proptest::collection::vec(
        (
            select(vec!["GET", "HEAD", "POST", "*"]).prop_map(str::to_owned),
            path,
        ),
        1..12,
    )
}

#[test]
fn agrees_with_a_naive_matcher() {
    let cases = Cases::given(256).claimed(100);
    holds(
        cases,
        &(
            patterns(),
            select(vec!["GET", "HEAD", "POST", "PUT"]),
            proptest::collection::vec(
                select(vec!["a", "b", "ab", "abc", "c", ""]).prop_map(str::to_owned),
                1..5,
            ),
        ),
        |(patterns, method, path)| {
            let mut patterns = patterns;
            patterns.sort();
            patterns.dedup();
            let inner_empty = path.iter().rev().skip(1).any(String::is_empty);
            if inner_empty {
                return Ok(Claim::None);
            }
            // Parameter names must be unique in a pattern.
            let file: String = patterns
                .iter()
                .enumerate()
                .map(|(number, (method, path))| {
                    let path: Vec<String> = path
                        .iter()
                        .enumerate()
                        .map(|(at, text)| text.replace("{x}", &format!("{{x{at}}}")))
                        .collect();
                    format!(
                        "  - {{ action: r{number}, match: '{method} /{}', risk: low }}\n",
                        path.join("/")
                    )
                })
                .collect();
            let accepting: Vec<(usize, Vec<u8>)> = patterns
                .iter()
                .enumerate()
                .filter_map(|(number, pattern)| Some((number, ranks(pattern, method, &path)?)))
                .collect();
            let mut expected: Vec<String> = accepting
                .iter()
                .filter(|(_, ranks)| !accepting.iter().any(|(_, other)| beats(other, ranks)))
                .map(|(number, _)| format!("x.r{number}"))
                .collect();
            if expected.is_empty() {
                expected.push("x.unknown".to_owned());
            }
            let line = format!("{method} https://api.test/{}", path.join("/"));
            let actions = ask(&line).of(&routes(&file)).unwrap();
            let found: Vec<String> = actions
                .iter()
                .map(|action| action.name.to_string())
                .collect();
            prop_assert_eq!(found, expected, "{}\n{}", line, file);
            Ok(Claim::Made)
        },
    );
}
