//! Finds where the values of JSON pointers stand in a document. It parses the text again, so it is for problems only.

use super::load;
use super::node::{Kind, Node};

/// Returns line and column of what each pointer (RFC 6901) leads to, or of the deepest value on the way that exists.
///
/// `None` for all where the text cannot be read as YAML, of which JSON is a part.
#[must_use]
pub fn locate(text: &str, pointers: &[&str]) -> Vec<Option<(usize, usize)>> {
    let root = load::load(text).root;
    pointers
        .iter()
        .map(|pointer| root.as_ref().map(|root| find(root, pointer)))
        .collect()
}

fn find(root: &Node, pointer: &str) -> (usize, usize) {
    let mut here = root;
    let mut spot = &root.spot;
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        let next = match &here.kind {
            Kind::Map(entries) => entries
                .iter()
                .find(|entry| *entry.key == *token)
                .map(|entry| (&*entry.value, &entry.spot)),
            Kind::List(items) => token
                .parse()
                .ok()
                .and_then(|at: usize| items.get(at))
                .map(|item| (&**item, &item.spot)),
            Kind::Scalar(..) => None,
        };
        let Some((node, at)) = next else { break };
        (here, spot) = (node, at);
    }
    (spot.line, spot.column)
}
