//! Mutated multipart bodies: their heads above all, which servers read in the most different ways.

use super::readers::{READERS, Tree};
use super::{Source, World, compare, fuzz};

const PIECES: [&str; 30] = [
    ";",
    "=",
    "\"",
    "'",
    "\\",
    " ",
    "\t",
    "\r\n",
    "\n",
    "\r",
    "; name=state",
    "; name=\"state\"",
    "; filename=a",
    "; filename=\"\"",
    "; name*=UTF-8''state",
    "[",
    "]",
    "[state]",
    "%22",
    "%5B",
    ":",
    "--x",
    "\r\n\r\n",
    "state",
    "Content-Type: application/octet-stream",
    "\r\nContent-Type: text/plain",
    "\0",
    "\u{a0}",
    "_method",
    "[]",
];

const HEADS: [&str; 7] = [
    "Content-Disposition: form-data; name=\"state\"",
    "Content-Disposition: form-data; name=\"note\"; filename=\"a.txt\"",
    "Content-Disposition: form-data; name=\"user_id\"\r\nContent-Type: text/plain; charset=utf-8",
    "Content-Disposition: form-data; name=\"card[last4]\"",
    "Content-Disposition: form-data; name=note",
    "content-disposition: form-data; name=\"file\"; filename=\"a\"; filename*=UTF-8''a\r\nContent-Type: image/png",
    "Content-Disposition: form-data; name=\"meta.owner\"\r\nContent-Type: application/json",
];

const ROUTES: &str = "
  - { action: form, match: POST /form, body: [multipart], params: { state: form:state, user: form:user_id, card: 'form:card[last4]', dotted: form:meta.owner } }
";

/// A part as a server has it: the name, and the text; `None` for a file.
type Part = (String, Option<String>);

/// How a server reads one part: its head's lines, and its content.
type Reader = fn(&[&str], &str) -> Option<Part>;

const PARTS: [(&str, Reader); 4] = [
    ("Rack 2.2", rack),
    ("PHP", php),
    ("busboy", busboy),
    ("Django", django),
];

fn body(source: &mut Source) -> String {
    let count = 1 + source.below(3);
    let mut body = String::new();
    for _ in 0..count {
        let head = source.pick(&HEADS);
        let head = if source.one_in(2) {
            source.mutate(head, &PIECES, 2)
        } else {
            head.to_owned()
        };
        let content = source.pick(&["closed", "open", ""]);
        body.push_str(&format!("--x\r\n{head}\r\n\r\n{content}\r\n"));
    }
    body.push_str("--x--\r\n");
    if source.one_in(6) {
        source.mutate(&body, &PIECES, 2)
    } else {
        body
    }
}

/// Cuts as tolerant parsers do: at every boundary that begins a line, whatever ends lines.
fn cut(body: &str) -> Vec<(Vec<&str>, &str)> {
    let front = format!("\n{body}");
    let pieces = front.split("\n--x").skip(1).count();
    let mut parts = Vec::new();
    let mut rest = body.strip_prefix("--x").unwrap_or(body);
    for _ in 0..pieces {
        let (part, after) = rest.split_once("\n--x").unwrap_or((rest, ""));
        rest = after;
        if part.starts_with("--") {
            break;
        }
        let part = part.strip_suffix('\r').unwrap_or(part);
        let part = part
            .trim_start_matches('\r')
            .strip_prefix('\n')
            .unwrap_or(part);
        let end = ["\r\n\r\n", "\n\n", "\n\r\n"]
            .iter()
            .filter_map(|end| Some((part.find(end)?, end.len())))
            .min();
        if let Some((at, length)) = end {
            parts.push((part[..at].lines().collect(), &part[at + length..]));
        }
    }
    parts
}

fn header<'l>(lines: &[&'l str], name: &str) -> Option<&'l str> {
    let mut pairs = lines.iter().filter_map(|line| line.split_once(':'));
    let found = pairs.find(|(known, _)| known.trim().eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim())
}

/// `Rack::Multipart` 2.2: `/Content-Disposition:.*;\s*name=(#{VALUE})/ni` is greedy, so the last `; name=` of the line counts,
/// whatever it stands in; a part with a file name is a file.
fn rack(lines: &[&str], content: &str) -> Option<Part> {
    let disposition = header(lines, "content-disposition")?;
    let lower = disposition.to_ascii_lowercase();
    let find = |key: &str| {
        let mut found = lower.rmatch_indices(key).map(|(at, _)| at);
        let at = found.find(|at| lower[..*at].trim_end().ends_with(';'))?;
        let value = &disposition[at + key.len()..];
        Some(match value.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next().unwrap_or_default(),
            None => value
                .split([' ', ';', '"', '\\'])
                .next()
                .unwrap_or_default(),
        })
    };
    let name = find("name=")?.to_owned();
    let is_file = find("filename=").is_some() || find("filename*=").is_some();
    Some((name, (!is_file).then(|| content.to_owned())))
}

/// `main/rfc1867.c` of PHP 8.3: `php_ap_getword` at `;` outside quotes, keys without regard to case, the last `name` counts.
fn php(lines: &[&str], content: &str) -> Option<Part> {
    let (mut name, mut is_file) = (None, false);
    for word in words(header(lines, "content-disposition")?) {
        let Some((key, value)) = word.split_once('=') else {
            continue;
        };
        let value = value.trim().trim_matches(['"', '\'']).to_owned();
        match key.trim().to_ascii_lowercase().as_str() {
            "name" => name = Some(value),
            "filename" => is_file = true,
            _ => {}
        }
    }
    Some((name?, (!is_file).then(|| content.to_owned())))
}

/// `@fastify/busboy` and `busboy` 1.6, `lib/types/multipart.js`: a file where there is a file name, or the type of one.
fn busboy(lines: &[&str], content: &str) -> Option<Part> {
    let (name, text) = django(lines, content)?;
    let kind = header(lines, "content-type")
        .unwrap_or_default()
        .to_ascii_lowercase();
    Some((
        name,
        text.filter(|_| !kind.starts_with("application/octet-stream")),
    ))
}

/// `django/http/multipartparser.py`, `parse_header_parameters` (5.0): `name*` counts as `name`, both keys in lower case.
fn django(lines: &[&str], content: &str) -> Option<Part> {
    let (mut name, mut is_file) = (None, false);
    for word in words(header(lines, "content-disposition")?) {
        let Some((key, value)) = word.split_once('=') else {
            continue;
        };
        let value = value.trim();
        let extended = key.trim_end().ends_with('*');
        let value = if extended {
            value.rsplit('\'').next().unwrap_or(value)
        } else {
            value
        };
        let value = value
            .strip_prefix('"')
            .and_then(|value| value.strip_suffix('"'))
            .unwrap_or(value);
        match key
            .trim()
            .trim_end_matches('*')
            .to_ascii_lowercase()
            .as_str()
        {
            "name" => name = Some(value.replace("\\\"", "\"").trim().to_owned()),
            "filename" => is_file = true,
            _ => {}
        }
    }
    Some((name?, (!is_file).then(|| content.to_owned())))
}

/// Splits at `;` outside quotes.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for letter in text.chars() {
        match letter {
            '"' if !escaped => quoted = !quoted,
            ';' if !quoted => words.push(String::new()),
            _ => {}
        }
        escaped = letter == '\\' && !escaped;
        if let Some(last) = words.last_mut().filter(|_| letter != ';' || quoted) {
            last.push(letter);
        }
    }
    words
}

#[test]
fn no_server_sees_other_parts_than_those_that_were_judged() {
    let world = World::new(
        ROUTES,
        "POST https://api.test/form",
        "multipart/form-data; boundary=x",
    );
    fuzz("multipart", |source| {
        let body = body(source);
        let Ok(actions) = world.read_body(body.as_bytes()) else {
            return Ok(false);
        };
        for (server, reader) in PARTS {
            let parts = cut(&body)
                .into_iter()
                .filter_map(|(lines, content)| reader(&lines, content));
            let parts: Vec<Part> = parts.collect();
            let fields = parts
                .iter()
                .filter_map(|(name, text)| Some((name.clone(), text.clone()?)));
            let fields: Vec<(String, String)> = fields.collect();
            for (nesting, _, nest) in READERS {
                let both = format!("{server} with {nesting}");
                let Some(tree) = nest(&fields) else { continue };
                compare(&both, &tree, &actions[0])
                    .map_err(|bypass| format!("{body:?}: {bypass}"))?;
            }
            // A file is no value, but it is something under the name.
            let is_read = |name: &String| {
                ["state", "user_id", "card[last4]", "meta.owner", "_method"]
                    .contains(&name.as_str())
            };
            if let Some((name, _)) = parts
                .iter()
                .find(|(name, text)| text.is_none() && is_read(name))
            {
                return Err(format!("{body:?}: {server} sees a file as `{name}`"));
            }
        }
        Ok(true)
    });
}

#[test]
fn the_second_readers_read_what_clients_send() {
    let body = "--x\r\nContent-Disposition: form-data; name=\"a[b]\"\r\n\r\n1\r\n--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"g\"\r\n\r\n2\r\n--x--\r\n";
    for (server, reader) in PARTS {
        let parts: Vec<Part> = cut(body)
            .into_iter()
            .filter_map(|(lines, content)| reader(&lines, content))
            .collect();
        assert_eq!(
            parts,
            [
                ("a[b]".to_owned(), Some("1".to_owned())),
                ("f".to_owned(), None)
            ],
            "{server}"
        );
    }
    for (server, split, nest) in READERS {
        let tree = nest(&split("a=1&b%5bc%5D=x+y&d[]=1&d[]=2").unwrap()).unwrap();
        let text = |text: &str| Some(Tree::Text(text.to_owned()));
        assert_eq!(tree.at(&["a"]).cloned(), text("1"), "{server}");
        let nested = tree.at(&["b", "c"]).or_else(|| tree.at(&["b[c]"]));
        assert_eq!(nested.cloned(), text("x y"), "{server}");
    }
}
