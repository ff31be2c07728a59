//! Rewrites `params.a`, a field of a name, to a single name that is looked up once.
//!
//! INVARIANT: the tree evaluates to what it did. CEL would put the name together again in every evaluation.

use cel::common::ast::{Expr, IdedExpr};

/// Joins names with their fields, except in comprehensions, whose variables may have any name.
pub(crate) fn join(node: &mut IdedExpr) {
    match &mut node.expr {
        Expr::Select(select) => match &select.operand.expr {
            Expr::Ident(root) => node.expr = Expr::Ident(format!("{root}.{}", select.field)),
            _ => join(&mut select.operand),
        },
        Expr::Call(call) => {
            for child in call.target.as_deref_mut().into_iter().chain(&mut call.args) {
                join(child);
            }
        }
        Expr::List(list) => list.elements.iter_mut().for_each(join),
        Expr::Comprehension(looped) => join(&mut looped.iter_range),
        Expr::Ident(_) | Expr::Literal(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {}
    }
}
