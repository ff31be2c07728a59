//! Rewrites comparisons so that they fail where two values are of different types. CEL says `false`, which would let a request
//! evade a deny on `params.id == "7"` by sending `7`.

use cel::ExecutionError;
use cel::common::ast::{Expr, IdedExpr, operators};
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelString, CelUInt, DYN_TYPE, MAP_TYPE,
};
use cel::common::value::{CowVal, Val};

const SAME: &str = "@same";
const DIFFERS: &str = "@differs";
const HOLDS: &str = "@holds";

/// Adds the functions that comparisons become.
pub(crate) fn add(library: &mut cel::Env) -> bool {
    let two = || vec![DYN_TYPE, DYN_TYPE];
    let added = library
        .add_overload(SAME, SAME, two(), same)
        .and_then(|()| library.add_overload(DIFFERS, DIFFERS, two(), differs))
        .and_then(|()| library.add_overload(HOLDS, HOLDS, two(), holds));
    added.is_ok()
}

/// Replaces every `==`, `!=` and `in` of a tree. The orders (`<`) fail across types by themselves.
pub(crate) fn replace(node: &mut IdedExpr) {
    match &mut node.expr {
        Expr::Select(select) => replace(&mut select.operand),
        Expr::Call(call) => {
            for child in call.target.as_deref_mut().into_iter().chain(&mut call.args) {
                replace(child);
            }
            let by = match call.func_name.as_str() {
                operators::EQUALS => SAME,
                operators::NOT_EQUALS => DIFFERS,
                operators::IN => HOLDS,
                _ => return,
            };
            by.clone_into(&mut call.func_name);
        }
        Expr::List(list) => list.elements.iter_mut().for_each(replace),
        Expr::Comprehension(looped) => {
            for part in [
                &mut looped.iter_range,
                &mut looped.accu_init,
                &mut looped.loop_cond,
                &mut looped.loop_step,
                &mut looped.result,
            ] {
                replace(part);
            }
        }
        Expr::Ident(_) | Expr::Literal(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {}
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature of a CEL function"
)]
fn same<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let equal = equal(&args)?;
    Ok(CowVal::owned(CelBool::from(equal)))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature of a CEL function"
)]
fn differs<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let equal = equal(&args)?;
    Ok(CowVal::owned(CelBool::from(!equal)))
}

fn equal(args: &[CowVal<'_, '_>]) -> Result<bool, ExecutionError> {
    match args {
        [one, other] => compare(one.as_ref(), other.as_ref()),
        _ => Err(ExecutionError::function_error("==", "takes two values")),
    }
}

/// As `exists` does: an item that is equal decides, else one of another type fails.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature of a CEL function"
)]
fn holds<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let [item, holder] = args.as_slice() else {
        return Err(ExecutionError::function_error("in", "takes two values"));
    };
    let (item, holder) = (item.as_ref(), holder.as_ref());
    let held = match holder.downcast_ref::<CelList<'_>>() {
        Some(list) => {
            let mut failed = None;
            let mut found = false;
            for held in list.inner() {
                match compare(held.as_ref(), item) {
                    Ok(equal) => found |= equal,
                    Err(error) => failed = Some(error),
                }
                if found {
                    break;
                }
            }
            match failed {
                Some(error) if !found => return Err(error),
                _ => found,
            }
        }
        // Keys are texts, whatever is looked for.
        None if *holder.get_type() == MAP_TYPE
            && item.downcast_ref::<CelString<'_>>().is_none() =>
        {
            return Err(mixed(item, holder));
        }
        None => {
            let container = holder.as_container();
            container
                .ok_or_else(|| mixed(item, holder))?
                .contains(item)?
        }
    };
    Ok(CowVal::owned(CelBool::from(held)))
}

/// Compares two values of one type; numbers are one. Items of lists are compared pairwise before their count is.
fn compare(one: &dyn Val, other: &dyn Val) -> Result<bool, ExecutionError> {
    let lists = (
        one.downcast_ref::<CelList<'_>>(),
        other.downcast_ref::<CelList<'_>>(),
    );
    if let (Some(one), Some(other)) = lists {
        let mut equal = one.inner().len() == other.inner().len();
        for (one, other) in one.inner().iter().zip(other.inner()) {
            equal &= compare(one.as_ref(), other.as_ref())?;
        }
        return Ok(equal);
    }
    if one.get_type() == other.get_type() || (is_number(one) && is_number(other)) {
        Ok(one.equals(other))
    } else {
        Err(mixed(one, other))
    }
}

fn is_number(value: &dyn Val) -> bool {
    value.downcast_ref::<CelInt>().is_some()
        || value.downcast_ref::<CelDouble>().is_some()
        || value.downcast_ref::<CelUInt>().is_some()
}

fn mixed(one: &dyn Val, other: &dyn Val) -> ExecutionError {
    ExecutionError::UnexpectedType {
        got: one.get_type().name().to_owned(),
        want: other.get_type().name().to_owned(),
    }
}
