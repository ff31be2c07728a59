//! Mutated JSON, read with a second parser of a few lines, and looked up as servers look keys up.

use super::{Source, World, fuzz, text};

const PIECES: [&str; 34] = [
    "\"",
    ":",
    ",",
    "{",
    "}",
    "[",
    "]",
    "\\u0073",
    "\\u0000",
    "_",
    "-",
    "\u{17f}",
    "\u{212a}",
    "null",
    "1",
    "true",
    " ",
    "\n",
    "\"state\":\"closed\",",
    "\"State\":\"x\",",
    "\"requestType\":\"x\",",
    "\"request_type\":\"x\",",
    "\"__proto__\":{",
    "\"a\":{",
    "\"constructor\":{\"prototype\":",
    "\\",
    "\\\"",
    "/**/",
    "e9",
    "\u{feff}",
    "\t",
    "'",
    "}}",
    "NaN",
];

const BODIES: [&str; 5] = [
    r#"{"state":"open","note":{"state":"x"}}"#,
    r#"{"request_type":"a"}"#,
    r#"{"requestType":"a","a":{"note_id":"b"}}"#,
    r#"{"a":{"noteId":"b"},"list":[{"state":"c"}]}"#,
    r#"{"__proto__":{"state":"closed"},"x":1}"#,
];

const ROUTES: &str = "
  - { action: set, match: POST /set, params: { state: $.state, kind: $.requestType, note: $.a.noteId } }
";

/// JSON with its keys in order, and twice where they are.
enum Json {
    Text(String),
    Other,
    Map(Vec<(String, Self)>),
}

/// Whether a server takes a given key for a wanted one.
type Same = fn(&str, &str) -> bool;

/// How keys are looked up: exactly (most), without case (Go, Jackson, ASP.NET), in either spelling (Protobuf), up to a NUL (cJSON).
const LOOKUPS: [(&str, Same); 5] = [
    ("an exact map", |wanted, given| wanted == given),
    ("Go's encoding/json", |wanted, given| {
        fold(wanted) == fold(given)
    }),
    ("Protobuf's JSON", |wanted, given| camel(given) == wanted),
    ("cJSON", |wanted, given| {
        given
            .split('\0')
            .next()
            .is_some_and(|given| given.eq_ignore_ascii_case(wanted))
    }),
    ("Rails after underscore", |wanted, given| {
        snake(given) == snake(wanted)
    }),
];

/// `foldName` of Go 1.22: simple folding, under which the long s is s and the Kelvin sign is k.
fn fold(text: &str) -> String {
    text.replace('\u{17f}', "s")
        .replace('\u{212a}', "k")
        .to_lowercase()
}

/// `ToJsonName` of Protobuf: an underscore goes, and the letter behind it turns upper-case.
fn camel(text: &str) -> String {
    let mut upper = false;
    let letters = text.chars().filter_map(|letter| {
        let shown = if upper {
            letter.to_ascii_uppercase()
        } else {
            letter
        };
        upper = letter == '_';
        (!upper).then_some(shown)
    });
    letters.collect()
}

fn snake(text: &str) -> String {
    let pieces = text.chars().map(|letter| match letter {
        'A'..='Z' => format!("_{}", letter.to_ascii_lowercase()),
        '-' => "_".to_owned(),
        other => other.to_string(),
    });
    pieces.collect()
}

/// A parser that only has to read what the gateway lets pass.
struct Parser<'t> {
    rest: &'t str,
}

impl Parser<'_> {
    fn blank(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\n', '\r', '\t']);
    }

    fn take(&mut self, mark: char) -> Option<()> {
        self.blank();
        self.rest = self.rest.strip_prefix(mark)?;
        self.blank();
        Some(())
    }

    fn value(&mut self) -> Option<Json> {
        self.blank();
        match self.rest.chars().next()? {
            '{' => {
                self.take('{')?;
                let mut map = Vec::new();
                while !self.rest.starts_with('}') {
                    let key = self.string()?;
                    self.take(':')?;
                    map.push((key, self.value()?));
                    if self.take(',').is_none() {
                        break;
                    }
                }
                self.take('}')?;
                Some(Json::Map(map))
            }
            '[' => {
                self.take('[')?;
                while !self.rest.starts_with(']') {
                    self.value()?;
                    if self.take(',').is_none() {
                        break;
                    }
                }
                self.take(']')?;
                Some(Json::Other)
            }
            '"' => self.string().map(Json::Text),
            _ => {
                let end = self
                    .rest
                    .find([',', '}', ']', ' ', '\n', '\t', '\r'])
                    .unwrap_or(self.rest.len());
                self.rest = &self.rest[end..];
                Some(Json::Other)
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut letters = self.rest.strip_prefix('"')?.chars();
        loop {
            let letter = match letters.next()? {
                '"' => break,
                '\\' => match letters.next()? {
                    'u' => {
                        let hex: String = letters.by_ref().take(4).collect();
                        char::from_u32(u32::from_str_radix(&hex, 16).ok()?).unwrap_or('\u{fffd}')
                    }
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    other => other,
                },
                other => other,
            };
            text.push(letter);
        }
        self.rest = letters.as_str();
        Some(text)
    }
}

/// Returns everything that a server could take for a path: first or last, own or inherited.
fn look(tree: &Json, path: &[&str], same: Same, found: &mut Vec<Option<String>>) {
    let Some((wanted, rest)) = path.split_first() else {
        found.push(match tree {
            Json::Text(text) => Some(text.clone()),
            Json::Other | Json::Map(_) => None,
        });
        return;
    };
    let Json::Map(map) = tree else { return };
    for (key, below) in map {
        if same(wanted, key) {
            look(below, rest, same, found);
        }
        // What a careless merge gives every object.
        if key == "__proto__" {
            look(below, path, same, found);
        }
    }
}

#[test]
fn no_server_sees_another_key_than_the_one_that_was_judged() {
    let world = World::new(ROUTES, "POST https://api.test/set", "application/json");
    fuzz("JSON", |source: &mut Source| {
        let body = source.pick(&BODIES);
        let body = source.mutate(body, &PIECES, 3);
        let Ok(actions) = world.read_body(body.as_bytes()) else {
            return Ok(false);
        };
        let Some(tree) = Parser { rest: &body }.value() else {
            return if body.is_empty() {
                Ok(true)
            } else {
                Err(format!("{body:?}: is not JSON"))
            };
        };
        for (param, path) in [
            ("state", &["state"][..]),
            ("kind", &["requestType"]),
            ("note", &["a", "noteId"]),
        ] {
            let judged = text(&actions[0], param);
            for (server, same) in LOOKUPS {
                let mut found = Vec::new();
                look(&tree, path, same, &mut found);
                let other = found
                    .into_iter()
                    .flatten()
                    .find(|seen| Some(seen) != judged.as_ref());
                if let Some(other) = other {
                    return Err(format!(
                        "{body:?}: {server} sees {other:?} as `{param}`, and {judged:?} was judged"
                    ));
                }
            }
        }
        Ok(true)
    });
}
