//! Rewrites `a.?b.orValue(c)` and `a.?b.hasValue()` to a conditional and a test, so that no optional value exists during
//! evaluation.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, SelectExpr, operators};

use super::guards::path;
use super::{grammar, tree};

/// How a node is rewritten.
#[derive(Debug)]
pub(crate) enum Optional {
    /// It is none of this.
    No,
    /// It stands for this; the id is that of the node in it that tests whether the field is there.
    Means(Box<Expr>, u64),
    /// It is part of a form that is not read.
    Misused,
}

/// The help of errors about `.?`.
pub(crate) const HELP: &str = "`.?` goes before one field and is followed by `.orValue(…)` or `.hasValue()`, as in `params.?bulk.orValue(false)`";

/// Returns how a node is rewritten.
pub(crate) fn read(node: &IdedExpr) -> Optional {
    let Expr::Call(call) = &node.expr else {
        return match &node.expr {
            Expr::List(list) if !list.optional_indices.is_empty() => Optional::Misused,
            _ => Optional::No,
        };
    };
    if matches!(
        call.func_name.as_str(),
        operators::OPT_SELECT | operators::OPT_INDEX
    ) {
        return Optional::Misused;
    }
    let Some(target) = call.target.as_deref() else {
        return Optional::No;
    };
    let Some((owner, field)) = selected(target) else {
        return Optional::No;
    };
    let test = IdedExpr {
        id: target.id,
        expr: tested(target.id, owner, field),
    };
    match (call.func_name.as_str(), call.args.as_slice()) {
        ("hasValue", []) => Optional::Means(Box::new(test.expr), node.id),
        ("orValue", [default]) => {
            let value = IdedExpr {
                id: node.id,
                expr: Expr::Select(SelectExpr {
                    operand: Box::new(owner.clone()),
                    field: field.to_owned(),
                    test: false,
                }),
            };
            let chosen = CallExpr {
                func_name: operators::CONDITIONAL.to_owned(),
                target: None,
                args: vec![test, value, default.clone()],
            };
            Optional::Means(Box::new(Expr::Call(chosen)), target.id)
        }
        _ => Optional::Misused,
    }
}

/// Returns the id of a node in which `.?` or `[?…]` stands.
pub(crate) fn first(node: &IdedExpr) -> Option<u64> {
    let found = matches!(read(node), Optional::Misused | Optional::Means(..));
    let mut children = grammar::children(node).into_iter();
    let below = children.find_map(|(child, _)| first(child));
    below.or_else(|| found.then_some(node.id))
}

/// Returns owner and field of `a.b.?c`.
fn selected(node: &IdedExpr) -> Option<(&IdedExpr, &str)> {
    let Expr::Call(call) = &node.expr else {
        return None;
    };
    match (call.func_name.as_str(), call.args.as_slice()) {
        (operators::OPT_SELECT, [owner, field]) => {
            path(owner)?;
            Some((owner, tree::text(field)?))
        }
        _ => None,
    }
}

/// As `has` is linked: `"field" in owner`.
fn tested(id: u64, owner: &IdedExpr, field: &str) -> Expr {
    let key = IdedExpr {
        id,
        expr: Expr::Literal(LiteralValue::String(field.to_owned().into())),
    };
    Expr::Call(CallExpr {
        func_name: operators::IN.to_owned(),
        target: None,
        args: vec![key, owner.clone()],
    })
}
