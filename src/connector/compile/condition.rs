//! `when` text to a condition: only comparisons with literals, `in`, `has`, `&&`, `||`, `!has(…)`.

use http::HeaderName;

use crate::connector::compile::paths::{Key, Paths};
use crate::connector::model::body_path::Access;
use crate::connector::model::condition::{Condition, Kinds, Operator, Read, Subject, Test};
use crate::connector::model::name_path::NamePath;
use crate::connector::model::operation::{Fact, OperationKind};
use crate::expression::{self, Literal, Node};
use crate::model::value::{Value, ValueType};

/// What a problem in `when` says, and what to do.
type Problem = (String, &'static str);

const FORMS: &str = "compare a path with literals (`body.state == \"closed\"`, `body.id in [\"31\", 31]`), or use `has(…)`, `!has(…)`, `&&`, `||`";

impl Condition {
    /// Compiles a `when`; `captured` are the names of the route's labels, `kind` what its parts are.
    pub(crate) fn compile(
        text: &str,
        (captured, kind): (&[&str], OperationKind),
        paths: &mut Paths,
    ) -> Result<Self, Problem> {
        let node = expression::parse(text).map_err(|error| {
            (
                format!("`when` is not an expression: {}", error.message),
                FORMS,
            )
        })?;
        let empty = Self {
            test: Test::All(Vec::new()),
            reads: Vec::new(),
            body_paths: Vec::new(),
            query: Vec::new(),
            form: Vec::new(),
            headers: Vec::new(),
        };
        let mut compiler = Compiler {
            condition: empty,
            captured,
            kind,
            paths,
        };
        let test = compiler.test(&node)?;
        Ok(Self {
            test,
            ..compiler.condition
        })
    }
}

struct Compiler<'a> {
    condition: Condition,
    captured: &'a [&'a str],
    kind: OperationKind,
    paths: &'a mut Paths,
}

impl Compiler<'_> {
    fn test(&mut self, node: &Node) -> Result<Test, Problem> {
        match node {
            Node::Has(target, field) => self.has(target, field).map(Test::Has),
            Node::Call {
                function,
                target: None,
                args,
            } => self.call(function, args),
            Node::Literal(_) | Node::List(_) => Err((
                "`when` has a literal where a comparison is needed".to_owned(),
                FORMS,
            )),
            Node::Name(_) | Node::Field(..) | Node::Index(..) => Err((
                "`when` has a path that is compared with nothing".to_owned(),
                FORMS,
            )),
            Node::Call {
                function,
                target: Some(_),
                ..
            } => Err((format!("`when` cannot call `{function}`"), FORMS)),
            Node::Other(what) => Err((format!("`when` cannot use {what}"), FORMS)),
        }
    }

    fn call(&mut self, function: &str, args: &[Node]) -> Result<Test, Problem> {
        match (function, args) {
            ("&&", args) => args
                .iter()
                .map(|arg| self.test(arg))
                .collect::<Result<_, _>>()
                .map(Test::All),
            ("||", args) => args
                .iter()
                .map(|arg| self.test(arg))
                .collect::<Result<_, _>>()
                .map(Test::Any),
            ("!", [Node::Has(target, field)]) => self.has(target, field).map(Test::Lacks),
            ("!", _) => Err((
                "`when` can only negate `has(…)`".to_owned(),
                "say what must hold, or use `!=`",
            )),
            ("in", [subject, Node::List(items)]) => {
                let literals = items.iter().map(literal).collect::<Option<Vec<_>>>();
                let literals = literals.filter(|literals| !literals.is_empty());
                let literals =
                    literals.ok_or_else(|| ("`in` needs a list of literals".to_owned(), FORMS))?;
                self.compare(subject, Operator::Equal, literals)
            }
            ("in", [one, list]) => {
                let field = self.part_field(list).filter(|field| field.is_list());
                match (literal(one), field) {
                    (Some(value @ Value::Text(_)), Some(field)) => {
                        Ok(Test::Lists(field, vec![value]))
                    }
                    _ => Err(("`in` needs a list of literals".to_owned(), FORMS)),
                }
            }
            (operator, [one, two]) => {
                let Some(operator) = Operator::of(operator) else {
                    return Err((format!("`when` cannot use `{operator}`"), FORMS));
                };
                match (literal(one), literal(two)) {
                    (None, Some(value)) => self.compare(one, operator, vec![value]),
                    (Some(value), None) => self.compare(two, operator.flipped(), vec![value]),
                    (None, None) => Err((
                        "`when` compares two values of the request".to_owned(),
                        FORMS,
                    )),
                    (Some(_), Some(_)) => Err(("`when` compares two literals".to_owned(), FORMS)),
                }
            }
            (function, _) => Err((format!("`when` cannot use `{function}`"), FORMS)),
        }
    }

    fn compare(
        &mut self,
        subject: &Node,
        operator: Operator,
        literals: Vec<Value>,
    ) -> Result<Test, Problem> {
        let mut kinds = Kinds::default();
        for literal in &literals {
            match literal {
                Value::Text(_) => kinds.text = true,
                Value::Int(_) => kinds.int = true,
                Value::Number(_) => kinds.number = true,
                Value::Bool(_) => kinds.truth = true,
                Value::List(_) | Value::Oversize(_) => {
                    return Err(("`when` has a literal over 8 KiB".to_owned(), FORMS));
                }
            }
        }
        let ordered = !matches!(operator, Operator::Equal | Operator::Unequal);
        if ordered && (kinds.text || kinds.truth) {
            return Err((
                "`when` orders something other than numbers".to_owned(),
                "use `==`, `!=` or `in` for texts",
            ));
        }
        let text = words(subject);
        let subject = self.subject(subject, Access::Value)?;
        let truth = matches!(&subject, Subject::Fact(fact) if fact.value_type() == ValueType::Bool);
        if truth && (kinds.int || kinds.number || kinds.text) {
            return Err((
                format!("`{text}` is `true` or `false`, and is compared with something else"),
                FORMS,
            ));
        }
        let only_text = !truth && !matches!(subject, Subject::Body(_));
        if only_text && (kinds.int || kinds.number || kinds.truth) {
            return Err((
                format!("`{text}` is always a text, and is compared with something else"),
                "put the literal in quotes",
            ));
        }
        let known = self
            .condition
            .reads
            .iter()
            .position(|read| read.subject == subject);
        let at = known.unwrap_or_else(|| {
            self.condition.reads.push(Read {
                subject,
                text,
                kinds,
            });
            self.condition.reads.len() - 1
        });
        if let Some(read) = self.condition.reads.get_mut(at) {
            read.kinds.text |= kinds.text;
            read.kinds.int |= kinds.int;
            read.kinds.number |= kinds.number;
            read.kinds.truth |= kinds.truth;
        }
        Ok(Test::Compare(at, operator, literals))
    }

    fn has(&mut self, target: &Node, field: &str) -> Result<Subject, Problem> {
        self.subject(
            &Node::Field(Box::new(target.clone()), field.to_owned()),
            Access::Presence,
        )
    }

    fn subject(&mut self, node: &Node, access: Access) -> Result<Subject, Problem> {
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
            ("graphql" | "rpc" | "git", _) => self.part(node, root, &keys, access),
            (root, _) => Err((
                format!("`when` cannot read `{}`", root.escape_debug()),
                "it reads `body.…`, `form.name`, `query.name`, `headers.name`, `path.name`, `method`, `graphql.…`, `rpc.…` and `git.…`",
            )),
        }
    }
}

impl Compiler<'_> {
    fn part_field(&self, node: &Node) -> Option<Fact> {
        Fact::parse(&words(node)).filter(|field| field.kind() == self.kind)
    }

    /// `graphql.field`, `graphql.args.input.id`, `rpc.method`, `rpc.params.name`.
    fn part(
        &mut self,
        node: &Node,
        root: &str,
        keys: &[Key],
        access: Access,
    ) -> Result<Subject, Problem> {
        if let Some(field) = self.part_field(node).filter(|field| !field.is_list()) {
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

impl Operator {
    fn of(text: &str) -> Option<Self> {
        Some(match text {
            "==" => Self::Equal,
            "!=" => Self::Unequal,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    fn flipped(self) -> Self {
        match self {
            Self::Equal | Self::Unequal => self,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }
}

fn literal(node: &Node) -> Option<Value> {
    match node {
        Node::Literal(Literal::Bool(truth)) => Some(Value::Bool(*truth)),
        Node::Literal(Literal::Int(number)) => Some(Value::Int(*number)),
        Node::Literal(Literal::Double(number)) => Some(Value::Number(*number)),
        Node::Literal(Literal::Text(text)) => Some(Value::text(text)),
        Node::Literal(Literal::Null | Literal::Uint(_)) => None,
        Node::List(_) | Node::Name(_) | Node::Field(..) | Node::Index(..) | Node::Has(..) => None,
        Node::Call { .. } | Node::Other(_) => None,
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

fn words(node: &Node) -> String {
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
