//! Finds where in a request a path of `when` leads.

use std::sync::Arc;

use http::HeaderName;

use crate::connector::compile::condition::{Compiler, FORMS, Problem};
use crate::connector::compile::paths::Key;
use crate::connector::model::body_path::Access;
use crate::connector::model::condition::{NativeLabel, Subject};
use crate::connector::model::name_path::NamePath;
use crate::connector::model::operation::{Fact, OperationKind};
use crate::expression::{Literal, Node};

impl Compiler<'_> {
    /// Finds where a path leads, and notes what it reads.
    pub(crate) fn subject(&mut self, node: &Node, access: Access) -> Result<Subject, Problem> {
        let (root, keys) =
            path(node).ok_or_else(|| (format!("`{}` is not a path", words(node)), FORMS))?;
        let one_name = match keys.as_slice() {
            [Key::Name(name)] => Some(name.as_str()),
            _ => None,
        };
        match (root, one_name) {
            ("body", _) if self.kind == OperationKind::Graphql => Err((
                "`when` reads the body, and the route is for GraphQL fields".to_owned(),
                "read their arguments, as in `graphql.args.input.state`",
            )),
            ("body", _) if !keys.is_empty() => {
                let id = self.paths.intern_keys(&keys, access);
                self.condition.body_paths.push(id);
                Ok(Subject::Body(id))
            }
            ("query", _) if !keys.is_empty() => {
                let name = name_of(&keys);
                self.condition.query.push(name.clone());
                Ok(Subject::Query(name))
            }
            ("form", _) if !keys.is_empty() => {
                let name = name_of(&keys);
                self.condition.form.push(name.clone());
                Ok(Subject::Form(name))
            }
            ("headers", Some(name)) => {
                let bad = |_| {
                    (
                        format!("`{}` is not a header name", name.escape_debug()),
                        FORMS,
                    )
                };
                let header: HeaderName = name.parse().map_err(bad)?;
                self.condition.headers.push(header.as_str().to_owned());
                Ok(Subject::Header(header))
            }
            ("path", Some(name)) if self.captured.contains(&name) => {
                Ok(Subject::Captured(name.into()))
            }
            ("path", Some(name)) => Err((
                format!("the route captures no `{name}`"),
                "use a name that `match` or the domain has in braces",
            )),
            ("method", None) if keys.is_empty() => Ok(Subject::Method),
            ("native", Some(name)) => match self.labels.iter().find(|label| *label.name == *name) {
                Some(label) => Ok(Subject::Native(NativeLabel(Arc::clone(label)))),
                None => Err((
                    format!("`native` tells no `{}` here", name.escape_debug()),
                    "say `native` in the file, and have a hole for it in the action's name",
                )),
            },
            ("graphql" | "rpc" | "git", _) => self.operation(node, root, &keys, access),
            (root, _) => Err((
                format!("`when` cannot read `{}`", root.escape_debug()),
                "it reads `body.…`, `form.name`, `query.name`, `headers.name`, `path.name`, `method`, `graphql.…`, `rpc.…`, `git.…` and `native.…`",
            )),
        }
    }

    /// Returns the fact of an operation that a path names.
    pub(crate) fn fact_of(&self, node: &Node) -> Option<Fact> {
        Fact::parse(&words(node)).filter(|field| field.kind() == self.kind)
    }

    /// Finds what an operation says, as in `graphql.field`, `graphql.args.input.id`, `rpc.method`, `rpc.params.name`.
    fn operation(
        &mut self,
        node: &Node,
        root: &str,
        keys: &[Key],
        access: Access,
    ) -> Result<Subject, Problem> {
        if let Some(field) = self.fact_of(node).filter(|field| !field.is_list()) {
            return Ok(Subject::Fact(field));
        }
        let keys = match (self.kind, root, keys) {
            (OperationKind::Graphql, "graphql", [Key::Name(name), rest @ ..]) if name == "args" => {
                rest
            }
            (OperationKind::Rpc, "rpc", [Key::Name(name), ..]) if name == "params" => keys,
            _ => &[],
        };
        if keys.is_empty() {
            return Err((
                format!("`when` cannot read `{}` here", words(node)),
                "a route with `graphql` has `graphql.type`, `.field`, `.operation`, `.args.…` and `.selections`; one with `rpc` has `rpc.method` and `.params.…`; one with `git` has `git.ref`, `.force` and `.delete`",
            ));
        }
        let id = self.paths.intern_keys(keys, access);
        self.condition.body_paths.push(id);
        Ok(Subject::Body(id))
    }
}

/// Splits `a.b[0].c` into its root and keys.
fn path(node: &Node) -> Option<(&str, Vec<Key>)> {
    match node {
        Node::Name(name) => Some((name, Vec::new())),
        Node::Field(target, field) => {
            let (root, mut keys) = path(target)?;
            keys.push(Key::Name(field.clone()));
            Some((root, keys))
        }
        Node::Index(target, index) => {
            let (root, mut keys) = path(target)?;
            let Node::Literal(Literal::Int(index)) = &**index else {
                return None;
            };
            keys.push(Key::Index(usize::try_from(*index).ok()?));
            Some((root, keys))
        }
        Node::Literal(_) | Node::List(_) | Node::Has(..) | Node::Call { .. } | Node::Other(_) => {
            None
        }
    }
}

/// Returns the name that a path into a form or query has there: `form.card.number` is `card[number]`.
fn name_of(keys: &[Key]) -> NamePath {
    let mut keys = keys.iter().map(|key| match key {
        Key::Name(name) => name.clone(),
        Key::Index(index) => index.to_string(),
    });
    let root = keys.next().unwrap_or_default();
    NamePath::of_keys(&root, keys)
}

/// Writes a path as it is read, for messages.
pub(crate) fn words(node: &Node) -> String {
    let Some((root, keys)) = path(node) else {
        return match node {
            Node::Call { function, .. } if function.starts_with(char::is_alphabetic) => {
                format!("{}(…)", function.escape_debug())
            }
            Node::Has(..) => "has(…)".to_owned(),
            _ => "it".to_owned(),
        };
    };
    keys.iter().fold(root.to_owned(), |text, key| match key {
        Key::Name(name) => format!("{text}.{}", name.escape_debug()),
        Key::Index(index) => format!("{text}[{index}]"),
    })
}
