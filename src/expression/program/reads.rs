//! Finds which fields of a name an expression reads, and which of them it compares with literals.

use std::collections::BTreeSet;

use cel::common::ast::{Expr, IdedExpr, operators};

use crate::expression::{grammar, tree};

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

/// Adds the fields of a name that are compared with literals.
pub(crate) fn compared(node: &IdedExpr, root: &str, found: &mut BTreeSet<String>) {
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

/// Adds the fields of a name that are read or tested anywhere.
pub(crate) fn collect(node: &IdedExpr, root: &str, found: &mut BTreeSet<String>) {
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
