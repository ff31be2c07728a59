//! Mutated forms and queries.

use tollgate::model::target::{Query, Target};

use super::{READERS, Source, World, compare, fuzz};

pub(super) const NAMES: [&str; 12] = [
    "state",
    "user_id",
    "card[last4]",
    "meta.owner",
    "note",
    "card",
    "tags[]",
    "a[b][c]",
    "_method",
    "x",
    "STATE",
    "user",
];

const PIECES: [&str; 40] = [
    "[",
    "]",
    "[]",
    "%5B",
    "%5D",
    ".",
    "+",
    "%20",
    "%00",
    ";",
    "&",
    "=",
    "%26",
    "%3D",
    "%3B",
    "%",
    "\"",
    "'",
    "%22",
    "%0A",
    "%09",
    "%C2%A0",
    "%E2%84%AA",
    "%C5%BF",
    "__proto__",
    "[__proto__]",
    "_",
    "-",
    "state",
    "user_id",
    "last4",
    "[state]",
    "]=",
    "#",
    "?",
    "a",
    "%7F",
    "\\",
    "%EF%BB%BF",
    "card",
];

const ROUTES: &str = "
  - { action: form, match: POST /form, body: [form], params: &all { state: form:state, user: form:user_id, card: 'form:card[last4]', dotted: form:meta.owner } }
  - { action: query, match: POST /query, body: none, params: { state: query:state, user: query:user_id, card: 'query:card[last4]', dotted: query:meta.owner } }
";

/// Makes a few pairs, and changes them.
fn pairs(source: &mut Source) -> String {
    let count = 1 + source.below(3);
    let pairs = (0..count).map(|_| {
        let name = source.pick(&NAMES);
        let name = if source.one_in(2) {
            source.mutate(name, &PIECES, 2)
        } else {
            name.to_owned()
        };
        let value = source.pick(&["closed", "open", "1", ""]);
        format!("{name}={value}")
    });
    let text = pairs.collect::<Vec<_>>().join("&");
    if source.one_in(4) {
        source.mutate(&text, &PIECES, 2)
    } else {
        text
    }
}

fn check(world: &World, text: &str, target: &Target, body: &str) -> Result<bool, String> {
    let Ok(actions) = world.read(target, body.as_bytes()) else {
        return Ok(false);
    };
    for (server, split, nest) in READERS {
        let Some(tree) = split(text).and_then(|pairs| nest(&pairs)) else {
            continue;
        };
        compare(server, &tree, &actions[0]).map_err(|bypass| format!("{text:?}: {bypass}"))?;
    }
    Ok(true)
}

#[test]
fn no_server_sees_another_form_than_the_one_that_was_judged() {
    let world = World::new(
        ROUTES,
        "POST https://api.test/form",
        "application/x-www-form-urlencoded",
    );
    fuzz("forms", |source| {
        let text = pairs(source);
        check(&world, &text, &world.target, &text)
    });
}

#[test]
fn no_server_sees_another_query_than_the_one_that_was_judged() {
    let world = World::new(ROUTES, "POST https://api.test/query", "application/json");
    fuzz("queries", |source| {
        let text = pairs(source);
        let Ok(query) = Query::parse(Some(&text)) else {
            return Ok(false);
        };
        let target = Target {
            query,
            ..world.target.clone()
        };
        check(&world, &text, &target, "")
    });
}
