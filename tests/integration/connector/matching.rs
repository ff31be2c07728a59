//! The routers agree with a matcher that is too simple to be wrong.

use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof};
use proptest::sample::select;

use super::{ask, routes};
use crate::support::property::{Cases, Claim, holds};

/// How literal a segment is: by its kind, then by the bytes before and behind its parameter.
type Rank = (u8, usize, usize);

/// How literal a pattern segment is, for a segment that it accepts; `None` where it does not.
fn rank(pattern: &str, text: &str) -> Option<Rank> {
    let Some((prefix, rest)) = pattern.split_once('{') else {
        return (pattern == text).then_some((2, 0, 0));
    };
    let (_, suffix) = rest.split_once('}').unwrap();
    let fits = text.starts_with(prefix)
        && text.ends_with(suffix)
        && text.len() > prefix.len() + suffix.len();
    fits.then_some((1, prefix.len(), suffix.len()))
}

/// Returns the rank of every segment, the method's first.
fn ranks(pattern: &(String, Vec<String>), method: &str, path: &[String]) -> Option<Vec<Rank>> {
    let method = match pattern.0.as_str() {
        "*" => 0,
        own if own == method => 2,
        "GET" if method == "HEAD" => 1,
        _ => return None,
    };
    let mut ranks = vec![(method, 0, 0)];
    for (at, segment) in pattern.1.iter().enumerate() {
        if segment == "{*r}" {
            if path.len() <= at || (path.len() == at + 1 && path[at].is_empty()) {
                return None;
            }
            ranks.resize(path.len() + 1, (0, 0, 0));
            return Some(ranks);
        }
        ranks.push(rank(segment, path.get(at)?)?);
    }
    (ranks.len() == path.len() + 1).then_some(ranks)
}

fn beats(one: &[Rank], two: &[Rank]) -> bool {
    let no_less = |one: &Rank, two: &Rank| {
        one.0 > two.0 || (one.0 == two.0 && one.1 >= two.1 && one.2 >= two.2)
    };
    one.iter().zip(two).all(|(one, two)| no_less(one, two)) && one != two
}

fn patterns() -> impl Strategy<Value = Vec<(String, Vec<String>)>> {
    let segment = prop_oneof![
        4 => select(vec!["a", "b", "ab"]).prop_map(str::to_owned),
        3 => Just("{x}".to_owned()),
        2 => select(vec!["a{x}", "{x}b", "a{x}b", "{x}bc"]).prop_map(str::to_owned),
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
                select(vec!["a", "b", "ab", "abc", "abb", "c", ""]).prop_map(str::to_owned),
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
            let accepting: Vec<(usize, Vec<Rank>)> = patterns
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
