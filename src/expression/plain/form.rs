//! Recognises the trees that can be evaluated as plain conditions.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};

use super::{Name, Plain};
use crate::expression::functions::{self, Constant};
use crate::expression::predicate::{Order, Predicate, Test};
use crate::expression::tree;
use crate::model::value::Value;

type Condition = Predicate<Name>;

impl Plain {
    /// Returns the plain form of a tree whose names are joined, if it has one.
    pub(crate) fn of(node: &IdedExpr, constants: &[Constant]) -> Option<Self> {
        condition(node, constants).map(Self)
    }
}

fn condition(node: &IdedExpr, constants: &[Constant]) -> Option<Condition> {
    let Expr::Call(call) = &node.expr else {
        let holds = Test::Compares(Order::Equal, Value::Bool(true));
        return Some(Predicate::Test(Name::of(node)?, holds));
    };
    let each = || {
        let args = call.args.iter();
        args.map(|arg| condition(arg, constants))
            .collect::<Option<Vec<_>>>()
    };
    let not = |plain| Predicate::Not(Box::new(plain));
    match (call.func_name.as_str(), call.args.as_slice()) {
        (operators::LOGICAL_AND, _) => each().map(Predicate::All),
        (operators::LOGICAL_OR, _) => each().map(Predicate::Any),
        (operators::LOGICAL_NOT, [only]) => condition(only, constants).map(not),
        (operators::IN, [item, holder]) => membership(item, holder),
        (operators::NOT_EQUALS, [one, other]) => {
            compared(Order::Equal, (one, other), constants).map(not)
        }
        (functions::MATCHES, [text, pattern]) => match constant(pattern, constants)? {
            Constant::Pattern(pattern) => Some(Predicate::Test(
                Name::of(text)?,
                Test::Matches(pattern.clone()),
            )),
            Constant::Network(_) | Constant::Risk(_) => None,
        },
        (function, [one, other]) => {
            let order = Order::parse(tree::spelling(function))?;
            compared(order, (one, other), constants)
        }
        _ => method(call),
    }
}

impl Name {
    fn of(node: &IdedExpr) -> Option<Self> {
        let (holder, key) = match &node.expr {
            Expr::Select(select) if !select.test => (&*select.operand, Some(&*select.field)),
            _ => (node, None),
        };
        let Expr::Ident(joined) = &holder.expr else {
            return None;
        };
        let (root, field) = joined.split_once('.')?;
        Some(Self {
            root: root.into(),
            field: field.into(),
            key: key.map(Into::into),
        })
    }
}

/// `"a" in params.list`, `params.a in ["a"]`, and what `has` was linked to: `"a" in params`.
fn membership(item: &IdedExpr, holder: &IdedExpr) -> Option<Condition> {
    match (&item.expr, &holder.expr) {
        (_, Expr::List(list)) => {
            let texts = list
                .elements
                .iter()
                .map(|text| tree::text(text).map(Value::text));
            Some(Predicate::Test(
                Name::of(item)?,
                Test::OneOf(texts.collect::<Option<_>>()?),
            ))
        }
        (_, Expr::Ident(root)) if !root.contains('.') => Some(Predicate::Has(Name {
            root: root.as_str().into(),
            field: tree::text(item)?.into(),
            key: None,
        })),
        _ => Some(Predicate::Test(
            Name::of(holder)?,
            Test::Holding(tree::text(item)?.into()),
        )),
    }
}

/// A name and a literal, on either side. Texts and bools are only compared for equality.
fn compared(
    order: Order,
    (one, other): (&IdedExpr, &IdedExpr),
    constants: &[Constant],
) -> Option<Condition> {
    let (name, order, literal) = match Name::of(one) {
        Some(name) => (name, order, other),
        None => (Name::of(other)?, order.turned(), one),
    };
    let test = match (&literal.expr, order) {
        (Expr::Literal(LiteralValue::Int(number)), _) => {
            Test::Compares(order, Value::Int(*number.inner()))
        }
        (Expr::Literal(LiteralValue::Double(number)), _) => {
            Test::Compares(order, Value::Number(*number.inner()))
        }
        (Expr::Literal(LiteralValue::String(text)), Order::Equal) => {
            Test::Compares(order, Value::text(text.inner()))
        }
        (Expr::Literal(LiteralValue::Boolean(truth)), Order::Equal) => {
            Test::Compares(order, Value::Bool(*truth.inner()))
        }
        (Expr::Ident(_), _) => match constant(literal, constants)? {
            Constant::Risk(risk) => Test::Risk(order, *risk),
            Constant::Pattern(_) | Constant::Network(_) => return None,
        },
        _ => return None,
    };
    Some(Predicate::Test(name, test))
}

fn method(call: &CallExpr) -> Option<Condition> {
    let (target, [text]) = (call.target.as_deref()?, call.args.as_slice()) else {
        return None;
    };
    let text = tree::text(text)?.into();
    let test = match call.func_name.as_str() {
        "startsWith" => Test::StartsWith(text),
        "endsWith" => Test::EndsWith(text),
        "contains" => Test::Contains(text),
        _ => return None,
    };
    Some(Predicate::Test(Name::of(target)?, test))
}

/// Returns the constant that a name like `@0` stands for.
fn constant<'c>(node: &IdedExpr, constants: &'c [Constant]) -> Option<&'c Constant> {
    match &node.expr {
        Expr::Ident(name) => constants.get(name.strip_prefix('@')?.parse::<usize>().ok()?),
        _ => None,
    }
}
