//! Mutated GraphQL requests, whose root fields a second reader finds by counting braces.

use std::collections::{BTreeMap, BTreeSet};

use super::{Source, World, fuzz, text};

const PIECES: [&str; 36] = [
    "{",
    "}",
    "(",
    ")",
    "...A",
    "... on Q{",
    "a:",
    "#",
    "\"",
    "\"\"\"",
    "\\\"",
    "\\n",
    ",",
    "$x",
    "mutation",
    "query",
    " fragment A on Q{deleteAll}",
    "deleteAll",
    "viewer",
    "@skip(if:true)",
    "subscription",
    "B",
    "[",
    "]",
    ":",
    "!",
    "id",
    "\u{feff}",
    "\\u007b",
    "&",
    "|",
    "alias:deleteAll",
    "mutation{deleteAll}",
    "(s:\\\"}\\\")",
    "\\\\",
    " ",
];

const DOCUMENTS: [&str; 8] = [
    "{viewer{id}}",
    "query A{viewer{id} other}",
    "mutation{deleteAll(id:1){id}}",
    "query A{viewer{...F}} fragment F on U{id deleteAll}",
    "{...A viewer} fragment A on Q{other ... on Q{viewer}}",
    "query($x:Int=1){viewer(x:$x,s:\\\"{deleteAll}\\\"){id}}",
    "query A{viewer} mutation B{deleteAll}",
    "{a:viewer{deleteAll:id} #deleteAll\\n}",
];

const BODIES: [&str; 6] = [
    "{\"query\":\"@\"}",
    "{\"query\":\"@\",\"variables\":{\"x\":1}}",
    "{\"operationName\":\"A\",\"query\":\"@\"}",
    "[{\"query\":\"@\"},{\"query\":\"{viewer}\"}]",
    "{\"query\":\"{viewer}\",\"Query\":\"@\"}",
    "{\"query\":\"{viewer}\",\"extensions\":null,\"query\":\"@\"}",
];

const ROUTES: &str = "
  - { action: '{graphql.type}.{graphql.field}', match: POST /graphql, graphql: '*', risk: high }
";

/// Words and marks of a document, by the lexical grammar of the specification (October 2021, section 2.1).
fn words(document: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = document;
    while let Some(letter) = rest.chars().next() {
        let name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let length = match letter {
            '#' => rest.find(['\n', '\r']).unwrap_or(rest.len()),
            '"' if rest.starts_with("\"\"\"") => {
                let inner = rest[3..].replace("\\\"\"\"", "....");
                inner.find("\"\"\"").map_or(rest.len(), |end| end + 6)
            }
            '"' => {
                let inner = rest[1..].replace("\\\\", "..").replace("\\\"", "..");
                inner.find('"').map_or(rest.len(), |end| end + 2)
            }
            '.' => rest.len().min(3),
            letter if name(letter) => rest.find(|letter| !name(letter)).unwrap_or(rest.len()),
            other => other.len_utf8(),
        };
        let word = &rest[..length];
        if !word.starts_with([' ', '\n', '\r', '\t', ',', '#', '\u{feff}']) {
            words.push(if word.starts_with('"') {
                "\"\"".to_owned()
            } else {
                word.to_owned()
            });
        }
        rest = &rest[length..];
    }
    words
}

/// The selections of one definition: names at its own level, and the fragments spread there.
#[derive(Default)]
struct Level {
    fields: Vec<String>,
    spreads: Vec<String>,
}

/// Returns every root field of every operation, with its kind.
fn roots(document: &str) -> BTreeSet<(String, String)> {
    let words = words(document);
    let mut fragments: BTreeMap<String, Level> = BTreeMap::new();
    let mut operations = Vec::new();
    let mut at = 0;
    while at < words.len() {
        // What stands before the braces: a kind, a name, variables with defaults that have braces of their own.
        let start = at;
        let mut parens = 0;
        while at < words.len() && !(words[at] == "{" && parens == 0) {
            parens += i32::from(words[at] == "(") - i32::from(words[at] == ")");
            at += 1;
        }
        let (level, end) = selections(&words, at);
        at = end;
        match words.get(start).map(String::as_str) {
            Some("fragment") => {
                fragments.insert(words.get(start + 1).cloned().unwrap_or_default(), level);
            }
            Some(kind @ ("mutation" | "subscription")) => operations.push((kind.to_owned(), level)),
            _ => operations.push(("query".to_owned(), level)),
        }
    }
    let mut found = BTreeSet::new();
    for (kind, level) in &operations {
        let mut open = vec![level];
        let mut seen = BTreeSet::new();
        while let Some(level) = open.pop() {
            found.extend(
                level
                    .fields
                    .iter()
                    .map(|field| (kind.clone(), field.clone())),
            );
            let spreads = level
                .spreads
                .iter()
                .filter(|name| seen.insert((*name).clone()));
            open.extend(spreads.filter_map(|name| fragments.get(name)));
        }
    }
    found
}

/// Reads braces from `at` on: fields of the first level, those of inline fragments included.
fn selections(words: &[String], mut at: usize) -> (Level, usize) {
    let mut level = Level::default();
    // For each open brace: whether it is of an inline fragment or the first, so that names in it are fields of this level.
    let mut braces: Vec<bool> = Vec::new();
    let mut parens = 0;
    let mut inline = true;
    while at < words.len() {
        let here = braces.iter().all(|own| *own) && parens == 0;
        match words[at].as_str() {
            "(" => parens += 1,
            ")" => parens -= 1,
            "{" if parens == 0 => {
                braces.push(inline);
                inline = false;
            }
            "}" if parens == 0 => {
                braces.pop();
                if braces.is_empty() {
                    return (level, at + 1);
                }
            }
            "@" if here => at += 1,
            "..." if here => match words.get(at + 1).map(String::as_str) {
                Some("on") => (at, inline) = (at + 2, true),
                Some("{" | "@") => inline = true,
                Some(name) => {
                    level.spreads.push(name.to_owned());
                    at += 1;
                }
                None => {}
            },
            name if here
                && name
                    .starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_') =>
            {
                if words.get(at + 1).is_some_and(|next| next == ":") {
                    at += 1;
                } else {
                    level.fields.push(name.to_owned());
                    inline = false;
                }
            }
            _ => {}
        }
        at += 1;
    }
    (level, at)
}

/// Every document of a body, as a server could find it: under whatever spelling of `query`, in whichever item.
fn documents(tree: &serde_json::Value, found: &mut Vec<String>) {
    match tree {
        serde_json::Value::Array(items) => items.iter().for_each(|item| documents(item, found)),
        serde_json::Value::Object(map) => {
            let queries = map
                .iter()
                .filter(|(key, _)| key.eq_ignore_ascii_case("query"));
            found.extend(queries.filter_map(|(_, value)| value.as_str().map(str::to_owned)));
        }
        _ => {}
    }
}

#[test]
fn no_server_executes_another_root_field_than_those_that_were_judged() {
    let world = World::new(ROUTES, "POST https://api.test/graphql", "application/json");
    fuzz("GraphQL", |source: &mut Source| {
        let document = source.pick(&DOCUMENTS);
        let document = source.mutate(document, &PIECES, 2);
        let body = if source.one_in(2) {
            source.pick(&BODIES)
        } else {
            BODIES[0]
        };
        let body = body.replace('@', &document);
        let Ok(actions) = world.read_body(body.as_bytes()) else {
            return Ok(false);
        };
        let judged: BTreeSet<(String, String)> = actions
            .iter()
            .map(|action| {
                (
                    text(action, "type").unwrap_or_default(),
                    text(action, "field").unwrap_or_default(),
                )
            })
            .collect();
        // The last of two keys, as JavaScript and Go have it.
        let tree: serde_json::Value =
            serde_json::from_str(&body).map_err(|error| format!("{body:?}: {error}"))?;
        let mut found = Vec::new();
        documents(&tree, &mut found);
        for document in found {
            let mut executed = roots(&document);
            executed.retain(|(_, field)| field != "__typename");
            if let Some(other) = executed.iter().find(|root| !judged.contains(*root)) {
                return Err(format!(
                    "{body:?}: {other:?} is executed, and {judged:?} was judged"
                ));
            }
        }
        Ok(true)
    });
}

#[test]
fn the_second_reader_finds_root_fields() {
    let found = roots(
        "query A($x: I = {a: 1}) @d(x: 1) {a: viewer(s: \"}\") {deleteAll} ...F ... @skip(if: true) {other}} fragment F on Q {third} mutation {x}",
    );
    let found: Vec<String> = found
        .iter()
        .map(|(kind, field)| format!("{kind}.{field}"))
        .collect();
    assert_eq!(
        found,
        ["mutation.x", "query.other", "query.third", "query.viewer"]
    );
}
