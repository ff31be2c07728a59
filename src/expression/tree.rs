//! Converts CEL's tree to our own, so that no caller needs to know the crate.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};

use super::{Literal, Node};

/// Converts a tree that is within the limits.
pub(crate) fn node(from: &IdedExpr) -> Node {
    match &from.expr {
        Expr::Literal(value) => literal(value).map_or(Node::Other("bytes"), Node::Literal),
        Expr::Ident(name) => Node::Name(name.clone()),
        Expr::List(list) if list.optional_indices.is_empty() => {
            Node::List(list.elements.iter().map(node).collect())
        }
        Expr::List(_) => Node::Other("optional element"),
        Expr::Select(select) if select.test => {
            Node::Has(Box::new(node(&select.operand)), select.field.clone())
        }
        Expr::Select(select) => Node::Field(Box::new(node(&select.operand)), select.field.clone()),
        Expr::Call(call) => self::call(call),
        Expr::Comprehension(_) => Node::Other("comprehension"),
        Expr::Map(_) => Node::Other("map"),
        Expr::Struct(_) => Node::Other("message"),
        Expr::Unspecified => Node::Other("hole"),
    }
}

fn call(call: &CallExpr) -> Node {
    if let (operators::INDEX, [object, key]) = (call.func_name.as_str(), call.args.as_slice()) {
        return match text(key) {
            Some(key) => Node::Field(Box::new(node(object)), key.to_owned()),
            None => Node::Index(Box::new(node(object)), Box::new(node(key))),
        };
    }
    Node::Call {
        function: spelling(&call.func_name).to_owned(),
        target: call.target.as_deref().map(|target| Box::new(node(target))),
        args: call.args.iter().map(node).collect(),
    }
}

/// Returns an operator as it is written; functions as they are.
pub(crate) fn spelling(name: &str) -> &str {
    match name {
        operators::LOGICAL_NOT => "!",
        operators::NEGATE | operators::SUBSTRACT => "-",
        operators::LOGICAL_AND => "&&",
        operators::LOGICAL_OR => "||",
        operators::CONDITIONAL => "?:",
        operators::EQUALS => "==",
        operators::NOT_EQUALS => "!=",
        operators::LESS => "<",
        operators::LESS_EQUALS => "<=",
        operators::GREATER => ">",
        operators::GREATER_EQUALS => ">=",
        operators::IN => "in",
        operators::ADD => "+",
        operators::MULTIPLY => "*",
        operators::DIVIDE => "/",
        operators::MODULO => "%",
        operators::INDEX => "[]",
        operators::OPT_SELECT => ".?",
        operators::OPT_INDEX => "[?]",
        other => other,
    }
}

/// Returns a text literal's text.
pub(crate) fn text(node: &IdedExpr) -> Option<&str> {
    match &node.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

fn literal(from: &LiteralValue) -> Option<Literal> {
    Some(match from {
        LiteralValue::Boolean(truth) => Literal::Bool(*truth.inner()),
        LiteralValue::Int(number) => Literal::Int(*number.inner()),
        LiteralValue::UInt(number) => Literal::Uint(*number.inner()),
        LiteralValue::Double(number) => Literal::Double(*number.inner()),
        LiteralValue::String(text) => Literal::Text(text.inner().to_owned()),
        LiteralValue::Null => Literal::Null,
        LiteralValue::Bytes(_) => return None,
    })
}
