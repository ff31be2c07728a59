//! Follows a `JSONPath` on a tree to the values that lie under it, in the order of the tree.
//!
//! INVARIANT: nothing is written down on the way, least of all where a value lies: one key of 100 KB above 20,000 values would be
//! copied for each of them.

use jsonpath_rust::parser::model::{
    Comparable, Comparison, Filter, FilterAtom, JpQuery, Literal, Segment, Selector, SingularQuery,
    SingularQuerySegment, Test,
};

/// A value that can be searched.
pub(crate) trait Walk: Sized {
    /// Returns the items of a list.
    fn items(&self) -> Option<&[Self]>;
    /// Returns what an object has under a key.
    fn entry(&self, key: &str) -> Option<&Self>;
    /// Hands on the items of a list, or the values of an object.
    fn for_each<'t>(&'t self, take: &mut dyn FnMut(&'t Self));
    /// Returns what is neither.
    fn scalar(&self) -> Option<Scalar<'_>>;
}

/// A value without anything in it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scalar<'t> {
    Null,
    Bool(bool),
    Int(i64),
    Number(f64),
    Text(&'t str),
}

/// Hands on what lies under a query.
pub(crate) fn follow<'t, T: Walk>(query: &JpQuery, tree: &'t T, take: &mut dyn FnMut(&'t T)) {
    walk(&query.segments, tree, take);
}

fn walk<'t, T: Walk>(segments: &[Segment], at: &'t T, take: &mut dyn FnMut(&'t T)) {
    let Some((segment, rest)) = segments.split_first() else {
        return take(at);
    };
    step(segment, at, &mut |below| walk(rest, below, take));
}

fn step<'t, T: Walk>(segment: &Segment, at: &'t T, take: &mut dyn FnMut(&'t T)) {
    match segment {
        Segment::Selector(selector) => select(selector, at, take),
        Segment::Selectors(all) => {
            for selector in all {
                select(selector, at, take);
            }
        }
        Segment::Descendant(inner) => {
            step(inner, at, take);
            at.for_each(&mut |below| step(segment, below, take));
        }
    }
}

fn select<'t, T: Walk>(selector: &Selector, at: &'t T, take: &mut dyn FnMut(&'t T)) {
    match selector {
        Selector::Name(name) => at.entry(name).into_iter().for_each(take),
        Selector::Wildcard => at.for_each(take),
        Selector::Index(index) => item(at, *index).into_iter().for_each(take),
        Selector::Slice(start, end, stride) => slice(at, (*start, *end, *stride), take),
        Selector::Filter(filter) => at.for_each(&mut |below| {
            if passes(filter, below) {
                take(below);
            }
        }),
    }
}

/// Returns an item, counted from the end where the index is negative.
fn item<T: Walk>(at: &T, index: i64) -> Option<&T> {
    let items = at.items()?;
    let back = usize::try_from(index.unsigned_abs()).ok()?;
    let at = if index < 0 {
        items.len().checked_sub(back)?
    } else {
        back
    };
    items.get(at)
}

/// RFC 9535, section 2.3.4.2.
fn slice<'t, T: Walk>(
    at: &'t T,
    (start, end, stride): (Option<i64>, Option<i64>, Option<i64>),
    take: &mut dyn FnMut(&'t T),
) {
    let Some(items) = at.items() else { return };
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let place = |index: i64| {
        if index < 0 {
            length.saturating_add(index)
        } else {
            index
        }
    };
    let mut hand = |index: i64| {
        let item = usize::try_from(index).ok().and_then(|at| items.get(at));
        item.into_iter().for_each(&mut *take);
    };
    let stride = stride.unwrap_or(1);
    if stride > 0 {
        let mut index = start.map_or(0, place).clamp(0, length);
        let end = end.map_or(length, place).clamp(0, length);
        while index < end {
            hand(index);
            index = index.saturating_add(stride);
        }
    } else if stride < 0 {
        let mut index = start.map_or(length - 1, place).clamp(-1, length - 1);
        let end = end.map_or(-1, place).clamp(-1, length - 1);
        while index > end {
            hand(index);
            index = index.saturating_add(stride);
        }
    }
}

fn passes<T: Walk>(filter: &Filter, at: &T) -> bool {
    match filter {
        Filter::Or(all) => all.iter().any(|filter| passes(filter, at)),
        Filter::And(all) => all.iter().all(|filter| passes(filter, at)),
        Filter::Atom(FilterAtom::Filter { expr, not }) => passes(expr, at) != *not,
        Filter::Atom(FilterAtom::Test { expr, not }) => {
            let Test::RelQuery(segments) = &**expr else {
                return false;
            };
            let mut found = false;
            walk(segments, at, &mut |_| found = true);
            found != *not
        }
        Filter::Atom(FilterAtom::Comparison(comparison)) => compares(comparison, at),
    }
}

fn compares<T: Walk>(comparison: &Comparison, at: &T) -> bool {
    let (left, right) = comparison.vals();
    let (left, right) = (operand(left, at), operand(right, at));
    let equal = match (left, right) {
        (Some(left), Some(right)) => equals(left, right),
        // What is not there equals nothing that is.
        _ => false,
    };
    let less = |one: Option<Scalar<'_>>, other: Option<Scalar<'_>>| {
        one.zip(other)
            .is_some_and(|(one, other)| is_less(one, other))
    };
    match comparison {
        Comparison::Eq(..) => equal,
        Comparison::Ne(..) => !equal,
        Comparison::Lt(..) => less(left, right),
        Comparison::Gt(..) => less(right, left),
        Comparison::Lte(..) => equal || less(left, right),
        Comparison::Gte(..) => equal || less(right, left),
    }
}

/// Returns a side of a comparison; `None` where nothing is there, or a list or an object, which equals no constant.
fn operand<'t, T: Walk>(side: &'t Comparable, at: &'t T) -> Option<Scalar<'t>> {
    match side {
        Comparable::Literal(literal) => Some(match literal {
            Literal::Int(number) => Scalar::Int(*number),
            Literal::Float(number) => Scalar::Number(*number),
            Literal::String(text) => Scalar::Text(text),
            Literal::Bool(truth) => Scalar::Bool(*truth),
            Literal::Null => Scalar::Null,
        }),
        Comparable::SingularQuery(SingularQuery::Current(segments)) => {
            let mut segments = segments.iter();
            let found = segments.try_fold(at, |at, segment| match segment {
                SingularQuerySegment::Name(name) => at.entry(name),
                SingularQuerySegment::Index(index) => item(at, *index),
            });
            found.and_then(Walk::scalar)
        }
        Comparable::SingularQuery(SingularQuery::Root(_)) | Comparable::Function(_) => None,
    }
}

fn equals(one: Scalar<'_>, other: Scalar<'_>) -> bool {
    match (one, other) {
        (Scalar::Null, Scalar::Null) => true,
        (Scalar::Bool(one), Scalar::Bool(other)) => one == other,
        (Scalar::Int(one), Scalar::Int(other)) => one == other,
        (Scalar::Text(one), Scalar::Text(other)) => one == other,
        (one, other) => float(one)
            .zip(float(other))
            .is_some_and(|(one, other)| one.total_cmp(&other).is_eq()),
    }
}

fn is_less(one: Scalar<'_>, other: Scalar<'_>) -> bool {
    match (one, other) {
        (Scalar::Int(one), Scalar::Int(other)) => one < other,
        (Scalar::Text(one), Scalar::Text(other)) => one < other,
        (one, other) => float(one)
            .zip(float(other))
            .is_some_and(|(one, other)| one < other),
    }
}

fn float(scalar: Scalar<'_>) -> Option<f64> {
    match scalar {
        #[expect(
            clippy::cast_precision_loss,
            reason = "as every reader of JSON compares them"
        )]
        Scalar::Int(number) => Some(number as f64),
        Scalar::Number(number) => Some(number),
        Scalar::Null | Scalar::Bool(_) | Scalar::Text(_) => None,
    }
}
