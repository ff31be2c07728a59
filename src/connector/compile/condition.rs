//! Compiles `when`: only comparisons with literals, `in`, `has`, `startsWith`, `&&`, `||`, `!has(…)`.

mod subject;

use std::sync::Arc;

use crate::connector::compile::condition::subject::words;
use crate::connector::compile::paths::Paths;
use crate::connector::model::body_path::Access;
use crate::connector::model::condition::{Condition, Kinds, Read, Subject};
use crate::connector::model::operation::OperationKind;
use crate::connector::model::parameter::Param;
use crate::expression::{self, Literal, Node, Order, Predicate, Test};
use crate::model::value::{Value, ValueType};

/// What a problem in `when` says, and what to do.
type Problem = (String, &'static str);

const FORMS: &str = "compare a path with literals (`body.state == \"closed\"`, `body.id in [\"31\", 31]`, `body.ref.startsWith(\"refs/heads/\")`), or use `has(…)`, `!has(…)`, `&&`, `||`";

impl Condition {
    /// Compiles a `when`; `captured` are the names of the route's labels, `labels` what the connector's override tells, `kind` what
    /// the route's operations are.
    pub(crate) fn compile(
        text: &str,
        (captured, labels, kind): (&[&str], &[Arc<Param>], OperationKind),
        paths: &mut Paths,
    ) -> Result<Self, Problem> {
        let node = expression::parse(text).map_err(|error| {
            (
                format!("`when` is not an expression: {}", error.message),
                FORMS,
            )
        })?;
        let empty = Self {
            predicate: Predicate::All(Vec::new()),
            reads: Vec::new(),
            body_paths: Vec::new(),
            query: Vec::new(),
            form: Vec::new(),
            headers: Vec::new(),
        };
        let mut compiler = Compiler {
            condition: empty,
            captured,
            labels,
            kind,
            paths,
        };
        let predicate = compiler.predicate(&node)?;
        Ok(Self {
            predicate,
            ..compiler.condition
        })
    }
}

struct Compiler<'a> {
    condition: Condition,
    captured: &'a [&'a str],
    labels: &'a [Arc<Param>],
    kind: OperationKind,
    paths: &'a mut Paths,
}

impl Compiler<'_> {
    fn predicate(&mut self, node: &Node) -> Result<Predicate<usize>, Problem> {
        match node {
            Node::Has(target, field) => self.has(target, field),
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
                target: Some(subject),
                args,
            } if function == "startsWith" => match args.as_slice() {
                [Node::Literal(Literal::Text(prefix))] => {
                    let kinds = Kinds {
                        text: true,
                        ..Kinds::default()
                    };
                    self.compared(subject, kinds, Test::StartsWith(prefix.as_str().into()))
                }
                _ => Err(("`startsWith` needs one literal in quotes".to_owned(), FORMS)),
            },
            Node::Call {
                function,
                target: Some(_),
                ..
            } => Err((format!("`when` cannot call `{function}`"), FORMS)),
            Node::Other(what) => Err((format!("`when` cannot use {what}"), FORMS)),
        }
    }

    fn call(&mut self, function: &str, args: &[Node]) -> Result<Predicate<usize>, Problem> {
        match (function, args) {
            ("&&", args) => args
                .iter()
                .map(|arg| self.predicate(arg))
                .collect::<Result<_, _>>()
                .map(Predicate::All),
            ("||", args) => args
                .iter()
                .map(|arg| self.predicate(arg))
                .collect::<Result<_, _>>()
                .map(Predicate::Any),
            ("!", [Node::Has(target, field)]) => self.has(target, field).map(not),
            ("!", _) => Err((
                "`when` can only negate `has(…)`".to_owned(),
                "say what must hold, or use `!=`",
            )),
            ("in", [subject, Node::List(items)]) => {
                let literals = items.iter().map(literal).collect::<Option<Vec<_>>>();
                let literals = literals.filter(|literals| !literals.is_empty());
                let literals =
                    literals.ok_or_else(|| ("`in` needs a list of literals".to_owned(), FORMS))?;
                let kinds = kinds_of(&literals)?;
                self.compared(subject, kinds, Test::OneOf(literals))
            }
            ("in", [one, list]) => {
                let field = self.fact_of(list).filter(|field| field.is_list());
                let (Some(Value::Text(text)), Some(field)) = (literal(one), field) else {
                    return Err(("`in` needs a list of literals".to_owned(), FORMS));
                };
                let kinds = Kinds {
                    list: true,
                    ..Kinds::default()
                };
                let at = self.read(Subject::Fact(field), words(list), kinds);
                Ok(Predicate::Test(at, Test::Holding((*text).into())))
            }
            ("!=", [_, _]) => self.call("==", args).map(not),
            (operator, [one, two]) => {
                let Some(order) = Order::parse(operator) else {
                    return Err((format!("`when` cannot use `{operator}`"), FORMS));
                };
                match (literal(one), literal(two)) {
                    (None, Some(value)) => self.ordered(one, order, value),
                    (Some(value), None) => self.ordered(two, order.turned(), value),
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

    fn ordered(
        &mut self,
        subject: &Node,
        order: Order,
        literal: Value,
    ) -> Result<Predicate<usize>, Problem> {
        let kinds = kinds_of(std::slice::from_ref(&literal))?;
        if order != Order::Equal && (kinds.text || kinds.truth) {
            return Err((
                "`when` orders something other than numbers".to_owned(),
                "use `==`, `!=` or `in` for texts",
            ));
        }
        self.compared(subject, kinds, Test::Compares(order, literal))
    }

    fn compared(
        &mut self,
        subject: &Node,
        kinds: Kinds,
        test: Test,
    ) -> Result<Predicate<usize>, Problem> {
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
        Ok(Predicate::Test(self.read(subject, text, kinds), test))
    }

    fn has(&mut self, target: &Node, field: &str) -> Result<Predicate<usize>, Problem> {
        let node = Node::Field(Box::new(target.clone()), field.to_owned());
        let subject = self.subject(&node, Access::Presence)?;
        let at = self.read(subject, words(&node), Kinds::default());
        Ok(Predicate::Has(at))
    }

    /// Returns the number of a read, which each subject has once.
    fn read(&mut self, subject: Subject, text: String, kinds: Kinds) -> usize {
        let reads = &mut self.condition.reads;
        let known = reads.iter_mut().enumerate();
        for (at, read) in known {
            if read.subject == subject {
                read.kinds = read.kinds.or(kinds);
                return at;
            }
        }
        reads.push(Read {
            subject,
            text,
            kinds,
        });
        reads.len() - 1
    }
}

impl Kinds {
    fn or(self, other: Self) -> Self {
        Self {
            text: self.text || other.text,
            int: self.int || other.int,
            number: self.number || other.number,
            truth: self.truth || other.truth,
            list: self.list || other.list,
        }
    }
}

fn not(predicate: Predicate<usize>) -> Predicate<usize> {
    Predicate::Not(Box::new(predicate))
}

fn kinds_of(literals: &[Value]) -> Result<Kinds, Problem> {
    let mut kinds = Kinds::default();
    for literal in literals {
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
    Ok(kinds)
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
