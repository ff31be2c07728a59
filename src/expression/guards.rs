//! Collects the paths that exist where a condition holds, so that what follows a `has` may read them.

use std::collections::BTreeSet;

use cel::common::ast::{Expr, IdedExpr, operators};

use super::tree;

/// Returns `a.b.c` where a node is that.
pub(crate) fn path(node: &IdedExpr) -> Option<String> {
    match &node.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) => Some(format!("{}.{}", path(&select.operand)?, select.field)),
        _ => None,
    }
}

/// Returns the paths that exist where a condition has this outcome.
pub(crate) fn facts(node: &IdedExpr, outcome: bool) -> BTreeSet<String> {
    let Expr::Call(call) = &node.expr else {
        return BTreeSet::new();
    };
    match (call.func_name.as_str(), call.args.as_slice(), outcome) {
        (operators::LOGICAL_NOT, [inner], _) => facts(inner, !outcome),
        (operators::LOGICAL_AND, [left, right], true)
        | (operators::LOGICAL_OR, [left, right], false) => {
            let mut both = facts(left, outcome);
            both.extend(facts(right, outcome));
            both
        }
        (operators::IN, [key, owner], true) => match (tree::text(key), path(owner)) {
            (Some(key), Some(owner)) => BTreeSet::from([format!("{owner}.{key}")]),
            _ => BTreeSet::new(),
        },
        _ => BTreeSet::new(),
    }
}
