//! Walks trees of `serde_json`: what answers are, since they are written again; searched as a request's trees are.

use serde_json::{Map, Value as Json};

use crate::connector::read::json::follow::{Scalar, Walk};
use crate::connector::read::json::tree::Tree;

impl Walk for Json {
    fn items(&self) -> Option<&[Self]> {
        self.as_array().map(Vec::as_slice)
    }

    fn entry(&self, key: &str) -> Option<&Self> {
        self.as_object().and_then(|entries| entries.get(key))
    }

    fn for_each<'t>(&'t self, take: &mut dyn FnMut(&'t Self)) {
        match self {
            Self::Array(items) => items.iter().for_each(take),
            Self::Object(entries) => entries.values().for_each(take),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => {}
        }
    }

    fn scalar(&self) -> Option<Scalar<'_>> {
        Some(match self {
            Self::Null => Scalar::Null,
            Self::Bool(truth) => Scalar::Bool(*truth),
            Self::Number(number) => match number.as_i64() {
                Some(whole) => Scalar::Int(whole),
                None => Scalar::Number(number.as_f64().unwrap_or(f64::MAX)),
            },
            Self::String(text) => Scalar::Text(text),
            Self::Array(_) | Self::Object(_) => return None,
        })
    }
}

impl From<Tree<'_>> for Json {
    fn from(tree: Tree<'_>) -> Self {
        match tree {
            Tree::Null => Self::Null,
            Tree::Bool(truth) => Self::Bool(truth),
            Tree::Int(number) => Self::from(number),
            Tree::Number(number) => Self::from(number),
            Tree::Text(text) => Self::from(text.into_owned()),
            Tree::List(items) => items.into_iter().map(Self::from).collect(),
            Tree::Object(entries) => {
                let entries = entries.into_iter();
                let pairs = entries.map(|(key, value)| (key.into_owned(), Self::from(value)));
                Self::Object(pairs.collect::<Map<_, _>>())
            }
            Tree::Shared(tree) => Self::from(Tree::clone(&tree)),
        }
    }
}
