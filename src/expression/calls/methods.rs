//! Infers the type and size of what a method of a text, a list of texts or a moment returns, and its cost in bytes touched.

use crate::expression::types::{Extent, Known, Type};

/// The methods of texts, and `join` of a list of them.
pub(crate) fn of_text(name: &str, text: &Known, rest: &[Known]) -> Option<(Known, u64)> {
    let types: Vec<_> = rest.iter().map(|operand| &operand.value_type).collect();
    let is = |wanted: &[Type]| {
        types.len() == wanted.len() && types.iter().zip(wanted).all(|(one, other)| one.fits(other))
    };
    let long = text.extent.bytes;
    let first = rest.first().map_or(0, |operand| operand.extent.bytes);
    let as_text = |bytes: u64| Known {
        value_type: Type::Text,
        extent: Extent::text(bytes),
    };
    if name == "join" && text.value_type.fits(&Type::List(Box::new(Type::Text))) {
        let bytes = text
            .extent
            .bytes
            .saturating_add(text.extent.items.saturating_mul(first));
        return (is(&[]) || is(&[Type::Text])).then(|| (as_text(bytes), bytes));
    }
    if !text.value_type.fits(&Type::Text) {
        return None;
    }
    match name {
        "contains" | "startsWith" | "endsWith" if is(&[Type::Text]) => {
            Some((Known::scalar(Type::Bool), long))
        }
        "indexOf" | "lastIndexOf" if is(&[Type::Text]) || is(&[Type::Text, Type::Int]) => Some((
            Known::scalar(Type::Int),
            long.saturating_mul(first.clamp(1, long.max(1))),
        )),
        "charAt" if is(&[Type::Int]) => Some((as_text(4), long)),
        "lowerAscii" | "upperAscii" | "trim" | "reverse" if is(&[]) => Some((as_text(long), long)),
        "substring" if is(&[Type::Int]) || is(&[Type::Int, Type::Int]) => {
            Some((as_text(long), long))
        }
        "split" if is(&[Type::Text]) || is(&[Type::Text, Type::Int]) => {
            let items = long.saturating_add(1);
            let extent = Extent {
                items,
                bytes: long.saturating_add(items.saturating_mul(64)),
                each: long,
            };
            Some((
                Known {
                    value_type: Type::List(Box::new(Type::Text)),
                    extent,
                },
                extent.bytes,
            ))
        }
        "replace" if is(&[Type::Text, Type::Text]) || is(&[Type::Text, Type::Text, Type::Int]) => {
            // An empty text is found before every character and at the end.
            let by = rest.get(1).map_or(0, |operand| operand.extent.bytes);
            let bytes = long.saturating_add(long.saturating_add(1).saturating_mul(by));
            Some((as_text(bytes), bytes))
        }
        _ => None,
    }
}

/// The methods of moments, with or without a zone, and of lengths of time.
pub(crate) fn of_time(name: &str, moment: &Known, rest: &[Known]) -> Option<(Known, u64)> {
    let short = matches!(
        name,
        "getHours" | "getMinutes" | "getSeconds" | "getMilliseconds"
    );
    let long = short
        || matches!(
            name,
            "getFullYear"
                | "getMonth"
                | "getDate"
                | "getDayOfMonth"
                | "getDayOfWeek"
                | "getDayOfYear"
        );
    let possible = match (&moment.value_type, rest) {
        (Type::Time, []) => long,
        (Type::Time, [zone]) => long && zone.value_type == Type::Text,
        (Type::Duration, []) => short,
        _ => false,
    };
    possible.then(|| (Known::scalar(Type::Int), 500))
}
