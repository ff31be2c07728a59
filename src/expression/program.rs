//! Compiles and evaluates a condition: text, draft, checked program, outcome.
//!
//! INVARIANT: evaluating is total. It ends, and whatever goes wrong is [`Outcome::Failed`].

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock};

use cel::common::ast::{Expr, IdedExpr, operators};

use super::ExpressionError;
use super::check;
use super::comparing;
use super::grammar::{self, LIBRARY, Parsed};
use super::link::{self, Linked};
use super::names;
use super::plain::Plain;
use super::queried::Queried;
use super::scope::{Datum, Scope, Variables};
use super::tree;
use super::types::{Environment, Type};
use crate::model::show::brief;
use crate::model::value::Value;

/// Functions that all evaluations share. A context that held the library itself would make all threads contend for its reference
/// count.
static FUNCTIONS: LazyLock<cel::Context<'_, '_>> =
    LazyLock::new(|| cel::Context::with_env(Arc::clone(&LIBRARY)));

/// Operators that compare two values.
const COMPARING: [&str; 7] = [
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::LESS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::GREATER_EQUALS,
    operators::IN,
];

/// A condition that parses, but may name what does not exist.
#[derive(Debug)]
pub struct ProgramDraft {
    parsed: Parsed,
    linked: Linked,
}

/// A condition that can be evaluated.
#[derive(Debug)]
pub struct Program {
    root: IdedExpr,
    linked: Linked,
    /// The same, where it needs no CEL.
    plain: Option<Plain>,
    /// What it reads of a query, if anything.
    queried: Option<Queried>,
}

/// The result of a condition for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The condition holds for the request.
    True,
    /// The condition does not hold for the request.
    False,
    /// It cannot be said: an absent parameter, a value over a limit, a wrong type. One line, for the operator.
    Failed(String),
}

impl ProgramDraft {
    /// Parses a condition within the limits, and compiles its patterns, networks, zones and risks.
    ///
    /// # Errors
    ///
    /// If the text is malformed or over a limit; the error has the place.
    pub fn parse(source: &str) -> Result<Self, ExpressionError> {
        let mut parsed = grammar::parse(source)?;
        let linked = link::link(&mut parsed)?;
        Ok(Self { parsed, linked })
    }

    /// Checks names, types, and the most that evaluating can cost.
    ///
    /// # Errors
    ///
    /// If a name does not exist, types do not fit or the cost is over the limit.
    pub fn check(&self, environment: &Environment) -> Result<(), ExpressionError> {
        self.check_reads(environment).map(drop)
    }

    /// Checks as [`ProgramDraft::check`] does, and returns the paths that are read although they may be absent.
    ///
    /// # Errors
    ///
    /// If a name does not exist, types do not fit or the cost is over the limit.
    pub fn check_reads(
        &self,
        environment: &Environment,
    ) -> Result<BTreeSet<String>, ExpressionError> {
        check::check(&self.parsed, &self.linked, environment)
    }

    /// Checks names, types and cost of an expression of any type, and returns its type.
    ///
    /// # Errors
    ///
    /// If a name does not exist, types do not fit or the cost is over the limit.
    pub fn check_value(&self, environment: &Environment) -> Result<Type, ExpressionError> {
        check::type_of(&self.parsed, &self.linked, environment)
    }

    /// Returns the fields of a name that are read or tested anywhere, as `params` in `params.a == 1 && has(params.b)`.
    #[must_use]
    pub fn fields_of(&self, root: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        collect(&self.parsed.root, root, &mut found);
        found
    }

    /// Returns the fields of a name that are compared with literals.
    #[must_use]
    pub fn compared_of(&self, root: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        compared(&self.parsed.root, root, &mut found);
        found
    }

    /// Goes on to evaluation; only a draft that was checked in every environment it is for should.
    #[must_use]
    pub fn finish(mut self) -> Program {
        let queried = Queried::of(&self.parsed.root);
        names::join(&mut self.parsed.root);
        let plain = Plain::of(&self.parsed.root, &self.linked.constants);
        comparing::replace(&mut self.parsed.root);
        Program {
            plain,
            queried,
            root: self.parsed.root,
            linked: self.linked,
        }
    }
}

impl Program {
    /// Evaluates over a request.
    #[must_use]
    pub fn evaluate(&self, scope: &dyn Scope) -> Outcome {
        if let Some(name) = self.misspelt(scope) {
            return Outcome::Failed(format!(
                "the query's `{}` may be a name that is read, spelled differently",
                brief(name)
            ));
        }
        let plain = self.plain.as_ref();
        match plain.and_then(|plain| plain.evaluate(scope, &self.linked.constants)) {
            Some(true) => return Outcome::True,
            Some(false) => return Outcome::False,
            None => {}
        }
        let mut variables = Variables {
            scope,
            constants: &self.linked.constants,
            oversize: AtomicBool::new(false),
        };
        // A panic of the crate is one more way to fail; nothing that it could leave half done outlives the call.
        let outcome = catch_unwind(AssertUnwindSafe(|| self.outcome(&variables)))
            .unwrap_or_else(|_| Outcome::Failed("the expression cannot be evaluated".to_owned()));
        if *variables.oversize.get_mut() {
            return Outcome::Failed("a value is too long to be judged".to_owned());
        }
        outcome
    }

    /// Evaluates over a request to a text, a number or a bool.
    ///
    /// # Errors
    /// Says why it cannot be said, for the operator.
    pub fn value(&self, scope: &dyn Scope) -> Result<Value, String> {
        let mut variables = Variables {
            scope,
            constants: &self.linked.constants,
            oversize: AtomicBool::new(false),
        };
        let value = catch_unwind(AssertUnwindSafe(|| self.resolve(&variables)))
            .unwrap_or_else(|_| Err("the expression cannot be evaluated".to_owned()));
        if *variables.oversize.get_mut() {
            return Err("a value is too long to be judged".to_owned());
        }
        match value? {
            cel::Value::Bool(truth) => Ok(Value::Bool(truth)),
            cel::Value::Int(number) => Ok(Value::Int(number)),
            cel::Value::Float(number) if number.is_finite() => Ok(Value::Number(number)),
            cel::Value::String(text) => Ok(Value::text(&text)),
            _ => Err("the value is not a text, number or bool".to_owned()),
        }
    }

    /// Returns a name of the request's query that a server may take for one that is read here.
    fn misspelt<'s>(&self, scope: &'s dyn Scope) -> Option<&'s str> {
        let queried = self.queried.as_ref()?;
        match scope.read("request", "query")? {
            Datum::Query(query) => queried.misspelt(query),
            _ => None,
        }
    }

    fn outcome(&self, variables: &Variables<'_>) -> Outcome {
        match self.resolve(variables) {
            Ok(cel::Value::Bool(true)) => Outcome::True,
            Ok(cel::Value::Bool(false)) => Outcome::False,
            Ok(_) => Outcome::Failed("the value is not a bool".to_owned()),
            Err(reason) => Outcome::Failed(reason),
        }
    }

    fn resolve(&self, variables: &Variables<'_>) -> Result<cel::Value, String> {
        let mut context = FUNCTIONS.new_inner_scope();
        context.set_variable_resolver(variables);
        // `resolve_val` would be inlined here, where a debug build gives every level of the tree 30 KiB of stack.
        cel::Value::resolve(&self.root, &context).map_err(|error| match error {
            cel::ExecutionError::NoSuchKey(path) => format!("`{path}` is absent"),
            // A function without a dot would be one that is not there.
            cel::ExecutionError::UndeclaredReference(path) if path.contains('.') => {
                format!("`{path}` is absent")
            }
            cel::ExecutionError::FunctionError { function, .. } => {
                format!("`{function}` cannot be applied")
            }
            // Other messages hold values of the request.
            cel::ExecutionError::NoSuchOverload(_) | cel::ExecutionError::UnexpectedType { .. } => {
                "a value is of another type than the expression expects".to_owned()
            }
            _ => "the expression cannot be evaluated".to_owned(),
        })
    }
}

fn compared(node: &IdedExpr, root: &str, found: &mut BTreeSet<String>) {
    if let Expr::Call(call) = &node.expr
        && let [one, other] = call.args.as_slice()
        && COMPARING.contains(&call.func_name.as_str())
    {
        for (field, literal) in [(one, other), (other, one)] {
            if let Expr::Select(select) = &field.expr
                && matches!(&select.operand.expr, Expr::Ident(name) if name == root)
                && is_literal(literal)
            {
                found.insert(select.field.clone());
            }
        }
    }
    for (child, _) in grammar::children(node) {
        compared(child, root, found);
    }
}

fn is_literal(node: &IdedExpr) -> bool {
    match &node.expr {
        Expr::Literal(_) => true,
        Expr::List(list) => list.elements.iter().all(is_literal),
        _ => false,
    }
}

fn collect(node: &IdedExpr, root: &str, found: &mut BTreeSet<String>) {
    let is_root = |node: &IdedExpr| matches!(&node.expr, Expr::Ident(name) if name == root);
    match &node.expr {
        Expr::Select(select) if is_root(&select.operand) => {
            found.insert(select.field.clone());
        }
        Expr::Call(call) => {
            if let [key, owner] = call.args.as_slice()
                && is_root(owner)
                && let Some(key) = tree::text(key)
            {
                found.insert(key.to_owned());
            }
        }
        _ => {}
    }
    for (child, _) in grammar::children(node) {
        collect(child, root, found);
    }
}
