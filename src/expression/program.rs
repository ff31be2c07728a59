//! Compiles and evaluates a condition: text, draft, checked program, outcome.
//!
//! INVARIANT: evaluating is total. It ends, and whatever goes wrong is [`Outcome::Failed`].

mod reads;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock};

use cel::common::ast::IdedExpr;

use super::ExpressionError;
use super::check;
use super::comparing;
use super::grammar::{self, LIBRARY, Parsed};
use super::link::{self, Linked};
use super::names;
use super::plain::Plain;
use super::queried::Queried;
use super::scope::{Datum, Scope, Variables};
use super::types::{Environment, Type};
use crate::model::show::brief;
use crate::model::value::Value;

/// Functions that all evaluations share. A context that held the library itself would make all threads contend for its reference
/// count.
static FUNCTIONS: LazyLock<cel::Context<'_, '_>> =
    LazyLock::new(|| cel::Context::with_env(Arc::clone(&LIBRARY)));

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

/// Why an expression has no value for a request. Holds nothing of the request but names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// The request does not say it.
    #[error("`{0}` is absent")]
    Absent(String),
    /// A function does not take the value.
    #[error("`{0}` cannot be applied")]
    NotApplied(String),
    /// A comparison, or an operator, of other types.
    #[error("a value is of another type than the expression expects")]
    OtherType,
    /// A value is over a limit.
    #[error("a value is too long to be judged")]
    TooLong,
    /// A name of the query that servers may take for one that is read.
    #[error("the query's `{0}` may be a name that is read, spelled differently")]
    Misspelt(String),
    /// It gives a list, a map or a time.
    #[error("the value is not a text, number or bool")]
    NotSingle,
    /// It gives no bool where one is needed.
    #[error("the value is not a bool")]
    NotBool,
    /// It fails for another reason.
    #[error("the expression cannot be evaluated")]
    Other,
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
        reads::collect(&self.parsed.root, root, &mut found);
        found
    }

    /// Returns the fields of a name that are compared with literals.
    #[must_use]
    pub fn compared_of(&self, root: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        reads::compared(&self.parsed.root, root, &mut found);
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

impl From<EvaluationError> for Outcome {
    fn from(error: EvaluationError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl Program {
    /// Evaluates over a request.
    #[must_use]
    pub fn evaluate(&self, scope: &dyn Scope) -> Outcome {
        if let Some(name) = self.misspelt(scope) {
            return EvaluationError::Misspelt(brief(name)).into();
        }
        let plain = self.plain.as_ref();
        match plain.and_then(|plain| plain.evaluate(scope)) {
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
            .unwrap_or_else(|_| EvaluationError::Other.into());
        if *variables.oversize.get_mut() {
            return EvaluationError::TooLong.into();
        }
        outcome
    }

    /// Evaluates over a request to a text, a number or a bool.
    ///
    /// # Errors
    /// Why there is none.
    pub fn value(&self, scope: &dyn Scope) -> Result<Value, EvaluationError> {
        let mut variables = Variables {
            scope,
            constants: &self.linked.constants,
            oversize: AtomicBool::new(false),
        };
        let value = catch_unwind(AssertUnwindSafe(|| self.resolve(&variables)))
            .unwrap_or(Err(EvaluationError::Other));
        if *variables.oversize.get_mut() {
            return Err(EvaluationError::TooLong);
        }
        match value? {
            cel::Value::Bool(truth) => Ok(Value::Bool(truth)),
            cel::Value::Int(number) => Ok(Value::Int(number)),
            cel::Value::Float(number) if number.is_finite() => Ok(Value::Number(number)),
            cel::Value::String(text) => Ok(Value::text(&text)),
            _ => Err(EvaluationError::NotSingle),
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
            Ok(_) => EvaluationError::NotBool.into(),
            Err(error) => error.into(),
        }
    }

    fn resolve(&self, variables: &Variables<'_>) -> Result<cel::Value, EvaluationError> {
        let mut context = FUNCTIONS.new_inner_scope();
        context.set_variable_resolver(variables);
        // `resolve_val` would be inlined here, where a debug build gives every level of the tree 30 KiB of stack.
        cel::Value::resolve(&self.root, &context).map_err(|error| match error {
            cel::ExecutionError::NoSuchKey(path) => EvaluationError::Absent(path.to_string()),
            // A function without a dot would be one that is not there.
            cel::ExecutionError::UndeclaredReference(path) if path.contains('.') => {
                EvaluationError::Absent(path.to_string())
            }
            cel::ExecutionError::FunctionError { function, .. } => {
                EvaluationError::NotApplied(function)
            }
            // Other messages hold values of the request.
            cel::ExecutionError::NoSuchOverload(_) | cel::ExecutionError::UnexpectedType { .. } => {
                EvaluationError::OtherType
            }
            _ => EvaluationError::Other,
        })
    }
}
