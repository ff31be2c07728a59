//! Recognises the trees that can be evaluated as plain conditions.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};

use super::{Name, Order, Plain, Test};
use crate::expression::functions::{self, Constant};
use crate::expression::tree;

impl Plain {
    /// Returns the plain form of a tree whose names are joined, if it has one.
    pub(in crate::expression) fn of(node: &IdedExpr, constants: &[Constant]) -> Option<Self> {
        let Expr::Call(call) = &node.expr else {
            return Some(Self::Test(Name::of(node)?, Test::Holds));
        };
        let each = || {
            let args = call.args.iter();
            args.map(|arg| Self::of(arg, constants))
                .collect::<Option<Vec<_>>>()
        };
        let not = |plain| Self::Not(Box::new(plain));
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_AND, _) => each().map(Self::All),
            (operators::LOGICAL_OR, _) => each().map(Self::Any),
            (operators::LOGICAL_NOT, [only]) => Self::of(only, constants).map(not),
            (operators::IN, [item, holder]) => membership(item, holder),
            (operators::NOT_EQUALS, [one, other]) => {
                compared(operators::EQUALS, one, other, constants).map(not)
            }
            (functions::MATCHES, [text, pattern]) => {
                Some(Self::Test(Name::of(text)?, Test::Matches(place(pattern)?)))
            }
            (function, [one, other]) => compared(function, one, other, constants),
            _ => method(call),
        }
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

impl Order {
    fn of(operator: &str) -> Option<Self> {
        Some(match operator {
            operators::EQUALS => Self::Equal,
            operators::LESS => Self::Less,
            operators::LESS_EQUALS => Self::LessOrEqual,
            operators::GREATER => Self::Greater,
            operators::GREATER_EQUALS => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    /// Says the same of the literal on the left.
    fn turned(self) -> Self {
        match self {
            Self::Equal => Self::Equal,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }
}

/// `"a" in params.list`, `params.a in ["a"]`, and what `has` was linked to: `"a" in params`.
fn membership(item: &IdedExpr, holder: &IdedExpr) -> Option<Plain> {
    match (&item.expr, &holder.expr) {
        (_, Expr::List(list)) => {
            let texts = list
                .elements
                .iter()
                .map(|text| tree::text(text).map(Into::into));
            Some(Plain::Test(
                Name::of(item)?,
                Test::OneOf(texts.collect::<Option<_>>()?),
            ))
        }
        (_, Expr::Ident(root)) if !root.contains('.') => Some(Plain::Has(Name {
            root: root.as_str().into(),
            field: tree::text(item)?.into(),
            key: None,
        })),
        _ => Some(Plain::Test(
            Name::of(holder)?,
            Test::Holding(tree::text(item)?.into()),
        )),
    }
}

/// A name and a literal, on either side.
fn compared(
    operator: &str,
    one: &IdedExpr,
    other: &IdedExpr,
    constants: &[Constant],
) -> Option<Plain> {
    let order = Order::of(operator)?;
    let (name, order, literal) = match Name::of(one) {
        Some(name) => (name, order, other),
        None => (Name::of(other)?, order.turned(), one),
    };
    let test = match (&literal.expr, order) {
        (Expr::Literal(LiteralValue::Int(number)), _) => Test::Number(order, *number.inner()),
        (Expr::Literal(LiteralValue::String(text)), Order::Equal) => Test::Is(text.inner().into()),
        (Expr::Literal(LiteralValue::Boolean(truth)), Order::Equal) => {
            let holds = Plain::Test(name, Test::Holds);
            return Some(if *truth.inner() {
                holds
            } else {
                Plain::Not(Box::new(holds))
            });
        }
        (Expr::Ident(_), _) => match constants.get(place(literal)?)? {
            Constant::Risk(risk) => Test::Risk(order, *risk),
            _ => return None,
        },
        _ => return None,
    };
    Some(Plain::Test(name, test))
}

fn method(call: &CallExpr) -> Option<Plain> {
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
    Some(Plain::Test(Name::of(target)?, test))
}

/// Returns the place of a constant, `@0`.
fn place(node: &IdedExpr) -> Option<usize> {
    match &node.expr {
        Expr::Ident(name) => name.strip_prefix('@')?.parse().ok(),
        _ => None,
    }
}
