//! Infers the type of a linked tree against the names that it may use, and the most that evaluating it can cost.
//!
//! INVARIANT: what passes evaluates within [`MAX_COST`] and [`MAX_BYTES`], whatever the request says.

mod loops;
mod named;

use std::collections::BTreeSet;

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};

use super::ExpressionError;
use super::calls;
use super::grammar::Parsed;
use super::guards::facts;
use super::link::Linked;
use super::types::{Environment, Extent, Known, Type};

/// About a byte touched each, so a quarter of a second for the largest parameters that a request can have.
const MAX_COST: u64 = 250_000_000;
/// Most bytes of any value on the way.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Help for expressions that treat a query as text.
const QUERY_HELP: &str = "a query is a map of lists of decoded texts, as in `\"force\" in request.query && \"true\" in request.query[\"force\"]`";
/// Cost of any step, in bytes touched.
const STEP: u64 = 100;

/// Checks a whole condition: every name exists, and the value is a bool. Returns the paths it reads that may be absent.
pub(crate) fn check(
    parsed: &Parsed,
    linked: &Linked,
    environment: &Environment,
) -> Result<BTreeSet<String>, ExpressionError> {
    let mut checker = Checker::new(parsed, linked, environment);
    match checker.visit(&parsed.root)?.value_type {
        Type::Bool | Type::Any => Ok(checker.absent),
        other => Err(ExpressionError::new(format!(
            "the expression is {other}, not a bool"
        ))),
    }
}

/// Checks that everything an expression names exists; returns the type of its value.
pub(crate) fn type_of(
    parsed: &Parsed,
    linked: &Linked,
    environment: &Environment,
) -> Result<Type, ExpressionError> {
    let mut checker = Checker::new(parsed, linked, environment);
    checker.visit(&parsed.root).map(|known| known.value_type)
}

struct Checker<'a> {
    parsed: &'a Parsed,
    linked: &'a Linked,
    environment: &'a Environment,
    /// Variables of comprehensions, innermost last.
    locals: Vec<(&'a str, Known)>,
    /// Paths that a `has` around the current node proves.
    present: BTreeSet<String>,
    /// Paths that are read, may be absent, and are not among those.
    absent: BTreeSet<String>,
    cost: u64,
    /// How often the current node is evaluated.
    times: u64,
}

impl<'a> Checker<'a> {
    fn new(parsed: &'a Parsed, linked: &'a Linked, environment: &'a Environment) -> Self {
        Self {
            parsed,
            linked,
            environment,
            locals: Vec::new(),
            present: BTreeSet::new(),
            absent: BTreeSet::new(),
            cost: 0,
            times: 1,
        }
    }

    fn visit(&mut self, node: &'a IdedExpr) -> Result<Known, ExpressionError> {
        let known = match &node.expr {
            Expr::Literal(value) => self.literal(node, value)?,
            Expr::Ident(name) => self.name(node, name)?,
            Expr::Select(select) => self.field(node, &select.operand, &select.field)?,
            Expr::Call(call) => self.call(node, call)?,
            Expr::List(list) => self.list(node, &list.elements)?,
            Expr::Comprehension(looped) => self.comprehension(node, looped)?,
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                return Err(self.error(node, "not supported"));
            }
        };
        self.cost = self.cost.saturating_add(STEP.saturating_mul(self.times));
        if known.extent.bytes > MAX_BYTES || self.cost > MAX_COST {
            return Err(self.error(
                node,
                "this can take too long or too much memory for large parameters",
            ));
        }
        Ok(known)
    }

    fn literal(&self, node: &IdedExpr, value: &LiteralValue) -> Result<Known, ExpressionError> {
        Ok(match value {
            LiteralValue::Boolean(_) => Known::scalar(Type::Bool),
            LiteralValue::Int(_) => Known::scalar(Type::Int),
            LiteralValue::UInt(_) => Known::scalar(Type::Uint),
            LiteralValue::Double(_) => Known::scalar(Type::Double),
            LiteralValue::Null => Known::scalar(Type::Null),
            LiteralValue::String(text) => Known {
                value_type: Type::Text,
                extent: Extent::text(text.inner().len() as u64),
            },
            LiteralValue::Bytes(_) => return Err(self.error(node, "bytes are not supported")),
        })
    }

    fn list(
        &mut self,
        node: &IdedExpr,
        elements: &'a [IdedExpr],
    ) -> Result<Known, ExpressionError> {
        let mut item: Option<Type> = None;
        let mut each = 0;
        for element in elements {
            let known = self.visit(element)?;
            each = each.max(known.extent.bytes);
            match &item {
                Some(first) if !first.comparable(&known.value_type) => {
                    let message = format!(
                        "a list of {first} and {}: items must be of one type",
                        known.value_type
                    );
                    return Err(self.error(node, &message));
                }
                Some(Type::Any) | None => item = Some(known.value_type),
                Some(_) => {}
            }
        }
        let item = Box::new(item.unwrap_or(Type::Any));
        Ok(Known {
            value_type: Type::List(item),
            extent: Extent::list(elements.len() as u64, each),
        })
    }

    fn call(&mut self, node: &'a IdedExpr, call: &'a CallExpr) -> Result<Known, ExpressionError> {
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_AND, [left, right]) => {
                self.bool_under(left, facts(right, true))?;
                self.bool_under(right, facts(left, true))?;
                return Ok(Known::scalar(Type::Bool));
            }
            (operators::LOGICAL_OR, [left, right]) => {
                self.bool_under(left, facts(right, false))?;
                self.bool_under(right, facts(left, false))?;
                return Ok(Known::scalar(Type::Bool));
            }
            (operators::CONDITIONAL, [condition, yes, no]) => {
                self.bool_under(condition, BTreeSet::new())?;
                let yes = self.under(yes, facts(condition, true))?;
                let no = self.under(no, facts(condition, false))?;
                let numbers =
                    yes.value_type.is_number() && yes.value_type.comparable(&no.value_type);
                if !numbers && !yes.value_type.fits(&no.value_type) {
                    let message = format!("`?:` gives {} or {}", yes.value_type, no.value_type);
                    return Err(self.error(node, &message));
                }
                let value_type = match (yes.value_type, no.value_type) {
                    (Type::Any, no) => no,
                    (yes, no) if numbers && yes != no => Type::Number,
                    (yes, _) => yes,
                };
                return Ok(Known {
                    value_type,
                    extent: yes.extent.max(no.extent),
                });
            }
            _ => {}
        }
        let mut operands = Vec::new();
        for operand in call.target.as_deref().into_iter().chain(&call.args) {
            operands.push(self.visit(operand)?);
        }
        if self.linked.tests.contains(&node.id) {
            return self.test(node, &operands);
        }
        let form = if call.target.is_some() {
            calls::CallForm::Method
        } else {
            calls::CallForm::Function
        };
        let (known, cost) = calls::call(&call.func_name, form, &operands).map_err(|error| {
            let error = self.error(node, &error.to_string());
            let query = operands.iter().any(|known| known.value_type == Type::Query);
            if query { error.help(QUERY_HELP) } else { error }
        })?;
        self.cost = self.cost.saturating_add(cost.saturating_mul(self.times));
        Ok(known)
    }

    /// `has(owner.field)`, which linking wrote as `"field" in owner`.
    fn test(&self, node: &IdedExpr, operands: &[Known]) -> Result<Known, ExpressionError> {
        match operands.last().map(|owner| &owner.value_type) {
            Some(Type::Labels | Type::Query | Type::Record(_)) => Ok(Known::scalar(Type::Bool)),
            Some(other) => Err(self.error(node, &format!("{other} has no fields"))),
            None => Err(self.error(node, "`has` takes a field")),
        }
    }

    fn bool_under(
        &mut self,
        node: &'a IdedExpr,
        facts: BTreeSet<String>,
    ) -> Result<(), ExpressionError> {
        let known = self.under(node, facts)?;
        match known.value_type {
            Type::Bool | Type::Any => Ok(()),
            other => Err(self.error(node, &format!("{other} is used where a bool is needed"))),
        }
    }

    fn under(
        &mut self,
        node: &'a IdedExpr,
        facts: BTreeSet<String>,
    ) -> Result<Known, ExpressionError> {
        let before = self.present.clone();
        self.present.extend(facts);
        let known = self.visit(node);
        self.present = before;
        known
    }

    fn error(&self, node: &IdedExpr, message: &str) -> ExpressionError {
        ExpressionError {
            offset: self.parsed.offset(node.id),
            ..ExpressionError::new(message)
        }
    }
}
