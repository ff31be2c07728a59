//! Finds what a path is about: its literal segments, singular, without versions and other noise; and the shape of all paths
//! together.

use std::collections::BTreeSet;

use super::words::{is_plural, segment, words};
use crate::import::api::{Api, Operation};

/// Segments that only say that this is an API.
const NOISE: [&str; 4] = ["api", "rest", "restapi", "xrpc"];
/// Endings of a whole path that only say how the answer is written.
pub(crate) const ENDINGS: [&str; 4] = [".json", ".xml", ".yaml", ".csv"];

/// All paths of an API.
#[derive(Debug)]
pub(crate) struct Paths {
    /// Method and path shape of each operation.
    operations: BTreeSet<(String, String)>,
    shapes: BTreeSet<String>,
    /// First literals that stand for the one who asks: `user` where `users/{…}` exists.
    own: BTreeSet<String>,
}

/// What one path is about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resource {
    /// Singular, from the outside in.
    pub(crate) segments: Vec<String>,
    /// The words of the last segment, where that is literal.
    pub(crate) literal: Option<Vec<String>>,
    /// Whether that names several.
    pub(crate) plural: bool,
    /// Whether it is that of the one who asks.
    pub(crate) mine: bool,
    /// Whether the path ends like a call: `/chat.postMessage`.
    pub(crate) called: bool,
    /// The words behind a colon in the last segment: `…/keys/{key}:enable`.
    pub(crate) custom: Option<Vec<String>>,
}

impl Paths {
    pub(crate) fn of(api: &Api) -> Self {
        let shapes: BTreeSet<String> = api
            .operations
            .iter()
            .map(|operation| shape(&operation.path))
            .collect();
        let operations = api
            .operations
            .iter()
            .map(|operation| (operation.method.clone(), shape(&operation.path)));
        let roots: BTreeSet<String> = api
            .operations
            .iter()
            .filter_map(|operation| literals(&operation.path).next())
            .collect();
        let own = roots.iter().filter(|root| {
            let many = roots
                .iter()
                .find(|other| other != root && segment(&words(other)) == segment(&words(root)));
            !is_plural(root)
                && many.is_some_and(|many| shapes.iter().any(|shape| holds_item(shape, many)))
        });
        Self {
            operations: operations.collect(),
            own: own.cloned().collect(),
            shapes,
        }
    }

    /// Returns whether another operation has this path and a method.
    pub(crate) fn has(&self, path: &str, method: &str) -> bool {
        self.operations.contains(&(method.to_owned(), shape(path)))
    }

    /// Returns whether the path continues with a captured segment elsewhere.
    pub(crate) fn has_items(&self, path: &str) -> bool {
        self.shapes
            .contains(&format!("{}/{{}}", shape(path).trim_end_matches('/')))
    }

    /// Returns whether a path is one of `/search/…`.
    pub(crate) fn starts_with_search(&self, operation: &Operation) -> bool {
        literals(&operation.path)
            .next()
            .is_some_and(|first| first == "search")
    }

    /// Returns what an operation is about.
    pub(crate) fn resource(&self, operation: &Operation) -> Resource {
        let by_path = self.by_path(operation);
        let Some(said) = &operation.resource else {
            return by_path;
        };
        let segments = said
            .iter()
            .map(|text| segment(&words(text)))
            .filter(|text| !text.is_empty());
        Resource {
            segments: segments.collect(),
            plural: false,
            mine: false,
            called: false,
            custom: None,
            // What is done is said by the description, not by the path.
            literal: by_path.literal.map(|_| Vec::new()),
        }
    }

    fn by_path(&self, operation: &Operation) -> Resource {
        let mut path = operation.path.split(['?', '#']).next().unwrap_or_default();
        for ending in ENDINGS {
            path = path.strip_suffix(ending).unwrap_or(path);
        }
        let mut resource = Resource::default();
        if let Some((front, custom)) = path.rsplit_once(':')
            && !custom.is_empty()
            && !custom.contains(['/', '{', '}'])
            && !front.ends_with('/')
        {
            resource.custom = Some(words(custom));
            path = front;
        }
        let first = literals(path).next();
        // `/user/{id}` is somebody; `/user` and `/user/emails` are those of the one who asks.
        let mine = first
            .as_ref()
            .is_some_and(|first| self.own.contains(first) && !holds_item(&shape(path), first));
        let mut captured = false;
        for text in path.split('/').filter(|text| !text.is_empty()) {
            if text.contains('{') {
                (resource.literal, resource.plural) = (None, false);
                captured = true;
                continue;
            }
            if is_noise(text, resource.segments.is_empty()) || says_api(text) {
                continue;
            }
            let pieces = pieces(text, path.ends_with(text));
            resource.called = pieces.len() > 1;
            for piece in pieces {
                let mut said = words(piece);
                if let [first, _, ..] = said.as_mut_slice()
                    && first == "post"
                    && text.contains('.')
                {
                    "create".clone_into(first);
                }
                if said.is_empty() {
                    continue;
                }
                let one = match segment(&said) {
                    // Of a gateway for APIs they are things, which a name must not call `api`.
                    one if one == "api" => "api_definition".to_owned(),
                    one => one,
                };
                resource.plural = said.last().is_some_and(|word| is_plural(word));
                resource.literal = Some(said);
                let mine = mine && resource.segments.is_empty();
                let name = match one.as_str() {
                    "user" if mine => "me".to_owned(),
                    one if mine => format!("my_{one}"),
                    one => one.to_owned(),
                };
                // `/teams/{team}/teams` is something else than `/teams`; `/groups/group` is not.
                resource.mine |= mine;
                if captured || resource.segments.last() != Some(&name) {
                    resource.segments.push(name);
                }
                captured = false;
            }
        }
        resource
    }
}

/// Splits `chat.postMessage`, a method of a thing; of `rbac.authorization.k8s.io`, a group, the first label says enough.
fn pieces(text: &str, is_last: bool) -> Vec<&str> {
    let all: Vec<&str> = text.split('.').filter(|piece| !piece.is_empty()).collect();
    let group = all.len() > 2
        && all
            .last()
            .is_some_and(|last| ["com", "dev", "io", "net", "org"].contains(last));
    if is_last && !group {
        return all;
    }
    all.into_iter().take(1).collect()
}

/// Returns a path without versions: the same for one thing at two versions of an API.
pub(crate) fn versionless(path: &str) -> String {
    let shape = shape(path);
    shape
        .split('/')
        .filter(|text| !is_noise(text, false))
        .collect::<Vec<_>>()
        .join("/")
}

/// Iterates over the literal segments that say something.
fn literals(path: &str) -> impl Iterator<Item = String> {
    let mut first = true;
    path.split('/')
        .filter(|text| !text.is_empty() && !text.contains('{'))
        .filter_map(move |text| {
            let noise = is_noise(text, first);
            first &= noise;
            (!noise).then(|| text.to_owned())
        })
}

/// Versions anywhere, and what says `api` at the start.
pub(crate) fn is_noise(text: &str, at_start: bool) -> bool {
    let digits = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || b".-_".contains(&byte))
    };
    let version = text.strip_prefix(['v', 'V']).is_some_and(|rest| {
        let number = rest
            .split(|c: char| c.is_ascii_alphabetic())
            .next()
            .unwrap_or_default();
        let tail = rest
            .get(number.len()..)
            .unwrap_or_default()
            .trim_end_matches(|c: char| c.is_ascii_digit());
        digits(number)
            && ["", "alpha", "beta", "rc", "p"].iter().any(|known| {
                tail == *known || tail.starts_with("alpha") || tail.starts_with("beta")
            })
    });
    let latest = at_start && text == "latest";
    let front = at_start && (says_api(text) || text.eq_ignore_ascii_case("apis"));
    version || digits(text) || latest || front
}

/// Returns whether a segment says nothing but that this is an API.
pub(crate) fn says_api(text: &str) -> bool {
    NOISE.iter().any(|noise| text.eq_ignore_ascii_case(noise))
}

/// Returns a path without the names of what it captures.
fn shape(path: &str) -> String {
    let mut shape = String::with_capacity(path.len());
    let mut inside = false;
    for character in path.chars() {
        match character {
            '{' => {
                inside = true;
                shape.push('{');
            }
            '}' => {
                inside = false;
                shape.push('}');
            }
            _ if inside => {}
            other => shape.push(other),
        }
    }
    shape
}

fn holds_item(shape: &str, literal: &str) -> bool {
    shape.contains(&format!("/{literal}/{{}}"))
}
