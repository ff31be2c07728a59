//! Collects the words that an operation's risk is estimated from: those of its id, path and title.

use crate::import::api::{Operation, RequestPart};
use crate::import::names::words::words;
use crate::import::names::{ENDINGS, own_words};

/// Words of one operation.
#[derive(Debug, Default)]
pub(crate) struct Text {
    /// Its method changes nothing, or it is a field of a query.
    pub(crate) safe: bool,
    /// It is a field of a mutation.
    pub(crate) mutation: bool,
    /// It is one of several that share a path.
    pub(crate) is_part: bool,
    pub(crate) id: Vec<String>,
    /// Those of the id that name the operation, without its class.
    pub(crate) own: Vec<String>,
    /// Of each literal segment.
    pub(crate) path: Vec<Vec<String>>,
    /// Whether the last of those ends the path.
    ends: bool,
    /// The first sentence of the title.
    pub(crate) title: Vec<String>,
    /// The words of the whole title.
    pub(crate) prose: Vec<String>,
}

impl Text {
    pub(crate) fn of(operation: &Operation) -> Self {
        let kind = match &operation.part {
            Some(RequestPart::Graphql(field)) => field.split('.').next(),
            Some(RequestPart::Rpc(_)) | None => None,
        };
        let id = match (&operation.id, &operation.part) {
            (Some(id), _) => id.as_str(),
            (None, Some(part)) => part.text(),
            (None, None) => "",
        };
        let title = operation.title.as_deref().unwrap_or_default();
        let sentence = title.split(". ").next().unwrap_or_default();
        let mut text = Self {
            safe: match kind {
                Some(kind) => kind != "mutation",
                None => matches!(operation.method.as_str(), "GET" | "HEAD" | "OPTIONS"),
            },
            mutation: kind == Some("mutation"),
            is_part: operation.part.is_some(),
            id: words(id),
            own: own_words(id),
            title: words(sentence),
            prose: words(title),
            ..Self::default()
        };
        if operation.part.is_none() {
            text.read_path(&operation.path);
        }
        text
    }

    fn read_path(&mut self, path: &str) {
        let mut path = path.split(['?', '#']).next().unwrap_or_default();
        for ending in ENDINGS {
            path = path.strip_suffix(ending).unwrap_or(path);
        }
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            // `{id}:cancel`, `users.delete`: what is behind the mark is what is done.
            for piece in segment.split([':', '.']) {
                let literal = without_braces(piece);
                self.ends = !literal.is_empty();
                if self.ends {
                    self.path.push(words(&literal));
                }
            }
        }
    }

    /// Returns the words of the last segment, if that is literal.
    pub(crate) fn tail(&self) -> Option<&[String]> {
        self.path.last().filter(|_| self.ends).map(Vec::as_slice)
    }
}

fn without_braces(text: &str) -> String {
    let mut inside = false;
    text.chars()
        .filter(|c| {
            inside = (inside || *c == '{') && *c != '}';
            !inside && *c != '}'
        })
        .collect()
}

/// Returns what a word of prose may be a form of: `sends` and `sending` are `send`.
pub(crate) fn stems(word: &str) -> Vec<String> {
    let mut found = vec![word.to_owned()];
    for ending in ["s", "es", "ing"] {
        if let Some(stem) = word.strip_suffix(ending) {
            found.push(stem.to_owned());
            if ending == "ing" {
                found.push(format!("{stem}e"));
            }
        }
    }
    found
}
